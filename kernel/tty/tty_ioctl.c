/* Terminal ioctls: settings (TCGETS and family), window size, flow, queues; job-control requests are passed on to tty_job.c. */
#include "tty/tty.h"

#include <asm/ioctls.h>

#include "fs/procfs.h"
#include "lib/string.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif

/* --- speeds ----------------------------------------------------------------------------------------------------------------------------- */
static const u32 speeds[] = { 0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800,
	500000, 576000, 921600, 1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000 };

/* The speed that the CBAUD bits name; `given` when they say BOTHER. */
static u32 speed_of(u32 bits, u32 given)
{
	bits &= CBAUD;
	if (bits == BOTHER)
		return given;
	if (bits & CBAUDEX)
		bits = (bits & ~CBAUDEX) + 15;
	return bits < ARRAY_SIZE(speeds) ? speeds[bits] : 0;
}

static void fix_speeds(struct ktermios *t)
{
	u32 in = t->c_cflag >> IBSHIFT & CBAUD;
	t->c_ospeed = speed_of(t->c_cflag, t->c_ospeed);
	t->c_ispeed = in ? speed_of(in, t->c_ispeed) : t->c_ospeed;
}

/* Locked bits, and the places of locked characters, stay as they are. => tty->lock */
static void keep_locked(const struct tty *tty, struct ktermios *t)
{
	const struct ktermios *old = &tty->ld.t;
	const struct termios *l = &tty->locked;
	t->c_iflag = (old->c_iflag & l->c_iflag) | (t->c_iflag & ~l->c_iflag);
	t->c_oflag = (old->c_oflag & l->c_oflag) | (t->c_oflag & ~l->c_oflag);
	t->c_cflag = (old->c_cflag & l->c_cflag) | (t->c_cflag & ~l->c_cflag);
	t->c_lflag = (old->c_lflag & l->c_lflag) | (t->c_lflag & ~l->c_lflag);
	t->c_line = l->c_line ? old->c_line : t->c_line;
	for (u32 k = 0; k < NCCS; k++)
		t->c_cc[k] = l->c_cc[k] ? old->c_cc[k] : t->c_cc[k];
}

static long get_locked(struct tty *tty, uaddr_t arg)
{
	spin_lock(&tty->lock);
	struct termios l = tty->locked;
	spin_unlock(&tty->lock);
	return copy_to_user(arg, &l, sizeof(l));
}

static long set_locked(struct tty *tty, uaddr_t arg)
{
	struct termios l;
	if (!capable(CAP_SYS_ADMIN) && !capable(CAP_CHECKPOINT_RESTORE))
		return -EPERM;
	if (copy_from_user(&l, arg, sizeof(l)))
		return -EFAULT;
	spin_lock(&tty->lock);
	tty->locked = l;
	spin_unlock(&tty->lock);
	return 0;
}

/* --- settings --------------------------------------------------------------------------------------------------------------------------- */
/* Installs termios, tells the pty master in packet mode. */
static void tty_set_termios(struct tty *tty, const struct ktermios *new)
{
	struct ktermios t = *new;

	fix_speeds(&t);
	if (tty->pty) {
		t.c_cflag &= ~(u32)(CSIZE | PARENB);
		t.c_cflag |= CS8 | CREAD;
	}
	spin_lock(&tty->lock);
	keep_locked(tty, &t);
	const struct ktermios *old = &tty->ld.t;
	bool was = (old->c_iflag & IXON) && old->c_cc[VSTOP] == 023 && old->c_cc[VSTART] == 021;
	bool is = (t.c_iflag & IXON) && t.c_cc[VSTOP] == 023 && t.c_cc[VSTART] == 021;
	if (tty->pty && was != is)
		pty_packet_event(tty->pty, is ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP);
	ldisc_set_termios(&tty->ld, &t);
	bool readable = ldisc_readable(&tty->ld, false);
	spin_unlock(&tty->lock);
	tty_unthrottle(tty);
	tty_restart(tty);
	if (readable)
		tty_wake_readers(tty);
}

/* Waits until the output ring has been handed to the device. A pty's master is not waited for, as in Linux. */
static int drain(struct tty *tty)
{
	if (tty->pty)
		return 0;
	tty->ops->start(tty);
	return wait_event_interruptible(tty->write_wait, !tty_out_pending(tty));
}

static struct ktermios current_termios(struct tty *tty)
{
	spin_lock(&tty->lock);
	struct ktermios t = tty->ld.t;
	spin_unlock(&tty->lock);
	return t;
}

static long get_termios(struct tty *tty, uaddr_t arg, bool two)
{
	struct ktermios t = current_termios(tty);
	_Static_assert(sizeof(struct termios2) == sizeof(struct ktermios), "termios2 is the kernel's");
	return copy_to_user(arg, &t, two ? sizeof(struct termios2) : sizeof(struct termios));
}

enum { SET_NOW, SET_WAIT = 1, SET_FLUSH = 2 };

static long apply(struct tty *tty, const struct ktermios *t, int opt)
{
	int r = tty_check_background(tty, SIGTTOU);
	if (r)
		return r;
	if (opt & SET_FLUSH)
		tty_flush_input(tty);
	if (opt & SET_WAIT) {
		r = drain(tty);
		if (r)
			return r;
	}
	tty_set_termios(tty, t);
	return 0;
}

static long set_termios(struct tty *tty, uaddr_t arg, bool two, int opt)
{
	struct ktermios t = current_termios(tty);
	if (copy_from_user(&t, arg, two ? sizeof(struct termios2) : sizeof(struct termios)))
		return -EFAULT;
	return apply(tty, &t, opt);
}

static long get_termio(struct tty *tty, uaddr_t arg)
{
	struct ktermios t = current_termios(tty);
	struct termio o = {
		.c_iflag = (u16)t.c_iflag, .c_oflag = (u16)t.c_oflag, .c_cflag = (u16)t.c_cflag, .c_lflag = (u16)t.c_lflag, .c_line = t.c_line
	};
	memcpy(o.c_cc, t.c_cc, NCC);
	return copy_to_user(arg, &o, sizeof(o));
}

static long set_termio(struct tty *tty, uaddr_t arg, int opt)
{
	struct ktermios t = current_termios(tty);
	struct termio o;
	if (copy_from_user(&o, arg, sizeof(o)))
		return -EFAULT;
	t.c_iflag = (t.c_iflag & 0xffff0000u) | o.c_iflag;
	t.c_oflag = (t.c_oflag & 0xffff0000u) | o.c_oflag;
	t.c_cflag = (t.c_cflag & 0xffff0000u) | o.c_cflag;
	t.c_lflag = (t.c_lflag & 0xffff0000u) | o.c_lflag;
	t.c_line = o.c_line;
	memcpy(t.c_cc, o.c_cc, NCC);
	return apply(tty, &t, opt);
}

/* --- window size ------------------------------------------------------------------------------------------------------------------------ */
void tty_resize(struct tty *tty, const struct winsize *ws)
{
	spin_lock(&tty->lock);
	bool changed = memcmp(&tty->ws, ws, sizeof(*ws)) != 0;
	tty->ws = *ws;
	spin_unlock(&tty->lock);
	if (changed)
		tty_signal_foreground(tty, SIGWINCH);
}

static long set_winsize(struct tty *tty, uaddr_t arg)
{
	struct winsize ws;
	if (copy_from_user(&ws, arg, sizeof(ws)))
		return -EFAULT;
	tty_resize(tty, &ws);
	return 0;
}

static long get_winsize(struct tty *tty, uaddr_t arg)
{
	spin_lock(&tty->lock);
	struct winsize ws = tty->ws;
	spin_unlock(&tty->lock);
	return copy_to_user(arg, &ws, sizeof(ws));
}

/* --- queues and flow -------------------------------------------------------------------------------------------------------------------- */
static long flush(struct tty *tty, u64 arg, bool master)
{
	if (arg > TCIOFLUSH)
		return -EINVAL;
	/* What a master reads is the slave's output, and the other way round. */
	bool in = arg != TCOFLUSH, out = arg != TCIFLUSH;
	if (master ? out : in)
		tty_flush_input(tty);
	if (master ? in : out)
		tty_flush_output(tty);
	return 0;
}

/* Sends START or STOP to the other end. */
static void send_flow_char(struct tty *tty, int which)
{
	spin_lock(&tty->lock);
	u8 c = tty->ld.t.c_cc[which];
	if (c)
		tty->ld.ops->put(&tty->ld, &c, 1);
	spin_unlock(&tty->lock);
	tty->ops->start(tty);
}

static long flow(struct tty *tty, u64 arg)
{
	int r = tty_check_background(tty, SIGTTOU);
	if (r)
		return r;
	switch (arg) {
	case TCOOFF:
	case TCOON:
		spin_lock(&tty->lock);
		tty->out_held = arg == TCOOFF;
		if (tty->pty)
			pty_packet_event(tty->pty, arg == TCOOFF ? TIOCPKT_STOP : TIOCPKT_START);
		spin_unlock(&tty->lock);
		if (arg == TCOON)
			tty_restart(tty);
		return 0;
	case TCIOFF:
		send_flow_char(tty, VSTOP);
		return 0;
	case TCION:
		send_flow_char(tty, VSTART);
		return 0;
	default:
		return -EINVAL;
	}
}

static long put_int(int v, uaddr_t arg) { return put_user(v, arg); }

static long queue_ioctl(struct tty *tty, u32 cmd, u64 arg, bool master)
{
	int r;
	switch (cmd) {
	case TCFLSH:
		r = tty_check_background(tty, SIGTTOU);
		return r ? r : flush(tty, arg, master);
	case TCXONC:
		return flow(tty, arg);
	case TCSBRK: /* a break cannot be sent; what remains is waiting for the output */
	case TCSBRKP:
		r = tty_check_background(tty, SIGTTOU);
		return r ? r : drain(tty);
	case FIONREAD:
		spin_lock(&tty->lock);
		r = master ? (int)(tty->out_head - tty->out_tail) : (int)ldisc_inq(&tty->ld);
		spin_unlock(&tty->lock);
		return put_int(r, arg);
	case TIOCOUTQ:
		return put_int(master || tty->pty ? 0 : (int)tty_out_pending(tty), arg);
	default:
		return -ENOIOCTLCMD_TTY;
	}
}

static long termios_ioctl(struct tty *tty, u32 cmd, u64 arg)
{
	switch (cmd) {
	case TCGETS:
		return get_termios(tty, arg, false);
	case TCGETS2:
		return get_termios(tty, arg, true);
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return set_termios(tty, arg, false, cmd == TCSETS ? SET_NOW : cmd == TCSETSW ? SET_WAIT : SET_WAIT | SET_FLUSH);
	case TCSETS2:
	case TCSETSW2:
	case TCSETSF2:
		return set_termios(tty, arg, true, cmd == TCSETS2 ? SET_NOW : cmd == TCSETSW2 ? SET_WAIT : SET_WAIT | SET_FLUSH);
	case TIOCGLCKTRMIOS:
		return get_locked(tty, arg);
	case TIOCSLCKTRMIOS:
		return set_locked(tty, arg);
	case TCGETA:
		return get_termio(tty, arg);
	case TCSETA:
	case TCSETAW:
	case TCSETAF:
		return set_termio(tty, arg, cmd == TCSETA ? SET_NOW : cmd == TCSETAW ? SET_WAIT : SET_WAIT | SET_FLUSH);
	case TIOCGWINSZ:
		return get_winsize(tty, arg);
	case TIOCSWINSZ:
		return set_winsize(tty, arg);
	case TIOCGSOFTCAR:
		return put_int(current_termios(tty).c_cflag & CLOCAL ? 1 : 0, arg);
	default:
		return -ENOIOCTLCMD_TTY;
	}
}

/* TIOCSTI: a character as if it had come from the other end. Others than root may do it to their own terminal, and only where the setting allows. */
static long simulate_input(struct tty *tty, uaddr_t arg, bool master)
{
	u8 c;
	bool root = capable(CAP_SYS_ADMIN);
	if (!root && !READ_ONCE(tty_legacy_tiocsti))
		return -EIO;
	if (!root && (master || current->signal->tty != tty))
		return -EPERM;
	if (get_user(c, arg))
		return -EFAULT;
	if (!master) {
		tty_feed(tty, &c, 1);
		return 0;
	}
	/* What a master reads is the slave's output. */
	spin_lock(&tty->lock);
	tty->ld.ops->put(&tty->ld, &c, 1);
	spin_unlock(&tty->lock);
	tty->ops->start(tty);
	return 0;
}

static long session_ioctl(struct tty *tty, struct file *f, u32 cmd, u64 arg, bool master)
{
	switch (cmd) {
	case TIOCSCTTY:
		return tty_set_controlling(tty, f, arg == 1); /* through the master: the slave */
	case TIOCNOTTY:
		return master ? -ENOTTY : tty_give_up(tty);
	case TIOCGPGRP:
		return tty_get_pgrp(tty, arg, master);
	case TIOCSPGRP:
		return tty_set_pgrp(tty, arg);
	case TIOCGSID:
		return tty_get_sid(tty, arg, master);
	case TIOCSTI:
		return simulate_input(tty, arg, master);
	case TIOCVHANGUP:
		if (!capable(CAP_SYS_ADMIN))
			return -EPERM;
		tty_hangup(tty, false);
		return 0;
	default:
		return -ENOIOCTLCMD_TTY;
	}
}

static long misc_ioctl(struct tty *tty, u32 cmd, u64 arg)
{
	int n;
	switch (cmd) {
	case TIOCEXCL:
	case TIOCNXCL:
		WRITE_ONCE(tty->exclusive, cmd == TIOCEXCL);
		return 0;
	case TIOCGEXCL:
		return put_int(tty->exclusive, arg);
	case TIOCGETD:
		return put_int(0, arg);
	case TIOCSETD:
		if (get_user(n, arg))
			return -EFAULT;
		return n == 0 ? 0 : -EINVAL;
	case TIOCGDEV: {
		u32 dev = (u32)tty->rdev;
		return put_user(dev, arg);
	}
	case TIOCCONS:
		return capable(CAP_SYS_ADMIN) ? -EINVAL : -EPERM;
	case TIOCMGET: /* the modem lines of a terminal without a modem */
	case TIOCMSET:
	case TIOCMBIS:
	case TIOCMBIC:
		return -ENOTTY;
	default:
		return -ENOIOCTLCMD_TTY;
	}
}

long tty_ioctl_common(struct tty *tty, struct file *f, u32 cmd, uaddr_t arg, bool master)
{
	long r = termios_ioctl(tty, cmd, arg);
	if (r == -ENOIOCTLCMD_TTY)
		r = queue_ioctl(tty, cmd, arg, master);
	if (r == -ENOIOCTLCMD_TTY)
		r = session_ioctl(tty, f, cmd, arg, master);
	if (r == -ENOIOCTLCMD_TTY)
		r = misc_ioctl(tty, cmd, arg);
	return r;
}

long tty_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct tty_file *tf = f->private;

	if (tty_file_dead(tf))
		return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
	long r = tty_ioctl_common(tf->tty, f, cmd, arg, false);
	return r == -ENOIOCTLCMD_TTY ? -ENOTTY : r;
}
