/*
 * Pseudo-terminals: /dev/ptmx makes a pair, /dev/pts/N opens its slave side. The slave is an ordinary tty; the master side is the file below,
 * which reads the slave's output ring and writes into its input. struct pty lives as long as the slave's struct tty.
 */
#include "tty/pty.h"

#include <asm/ioctls.h>

#include "fs/devpts.h"
#include "lib/format.h"
#include "mm/slab.h"

#define PTY_MAX 1024u
#define CHUNK 512u

static DEFINE_SPINLOCK(table_lock, RANK_DEVICE);
static struct pty *table[PTY_MAX]; /* table_lock */

static void slave_start(struct tty *tty)
{
	if (tty_out_pending(tty))
		wake_up_key(&tty->pty->master_wait, TASK_NORMAL, 0, POLLIN | POLLRDNORM);
}
static const struct tty_ops slave_ops = { .start = slave_start };

void pty_free(struct pty *pty)
{
	spin_lock(&table_lock);
	if (table[pty->index] == pty)
		table[pty->index] = NULL;
	spin_unlock(&table_lock);
	kfree(pty);
}

bool pty_master_gone(struct pty *pty) { return READ_ONCE(pty->master_gone); }

/* => tty->lock of the slave, or nothing */
void pty_packet_event(struct pty *pty, u8 bits)
{
	if (!READ_ONCE(pty->packet))
		return;
	u32 clear = 0;
	if (bits & TIOCPKT_STOP)
		clear |= TIOCPKT_START;
	if (bits & TIOCPKT_START)
		clear |= TIOCPKT_STOP;
	if (bits & TIOCPKT_DOSTOP)
		clear |= TIOCPKT_NOSTOP;
	if (bits & TIOCPKT_NOSTOP)
		clear |= TIOCPKT_DOSTOP;
	atomic_and(&pty->packet_bits, ~clear);
	atomic_or(&pty->packet_bits, bits);
	wake_up_key(&pty->master_wait, TASK_NORMAL, 0, POLLIN | POLLPRI | POLLRDNORM);
}

void pty_slave_closed(struct pty *pty)
{
	WRITE_ONCE(pty->slave_closed, true);
	wake_up_key(&pty->master_wait, TASK_NORMAL, 0, POLLIN | POLLHUP | POLLRDNORM);
}
void pty_slave_opened(struct pty *pty) { WRITE_ONCE(pty->slave_closed, false); }

/* Open of a slave by index: 0, -ENXIO / -EIO, -EBUSY. */
static int pty_open_slave(u32 index, struct file *f)
{
	spin_lock(&table_lock);
	struct pty *pty = index < PTY_MAX ? table[index] : NULL;
	/* A pair whose last reference just went is about to leave the table. */
	if (pty && !atomic_inc_not_zero(&pty->slave->refs))
		pty = NULL;
	spin_unlock(&table_lock);
	if (!pty)
		return -ENXIO;
	int r = -EIO;
	if (!pty->locked && !pty_master_gone(pty))
		r = tty_open_file(pty->slave, f, false);
	tty_put(pty->slave);
	return r;
}

/* --- the master's file ------------------------------------------------------------------------------------------------------------------ */
static bool master_readable(struct pty *pty)
{
	return tty_out_pending(pty->slave) || READ_ONCE(pty->slave_closed) || (pty->packet && READ_ONCE(pty->packet_bits));
}

static ssize_t put_status(struct iter *to, u8 status) { return iter_copy_to(to, &status, 1) == 1 ? 1 : -EFAULT; }

static ssize_t read_output(struct pty *pty, struct iter *to, ssize_t done)
{
	u8 buf[CHUNK];
	while (to->count) {
		u32 n = tty_out_take(pty->slave, buf, (u32)min((size_t)CHUNK, to->count), true);
		if (!n)
			break;
		size_t put = iter_copy_to(to, buf, n);
		done += (ssize_t)put;
		if (put < n)
			return done ? done : -EFAULT;
	}
	return done;
}

static ssize_t master_read(struct file *f, struct iter *to, u64 *pos)
{
	struct pty *pty = f->private;

	if (!to->count)
		return 0;
	for (;;) {
		if (pty->packet) {
			u8 bits = (u8)xchg(&pty->packet_bits, 0);
			if (bits)
				return put_status(to, bits);
		}
		if (tty_out_pending(pty->slave)) {
			ssize_t head = pty->packet ? put_status(to, TIOCPKT_DATA) : 0;
			ssize_t n = head < 0 ? head : read_output(pty, to, head);
			if (n)
				return n;
			continue;
		}
		if (READ_ONCE(pty->slave_closed))
			return -EIO;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		int r = wait_event_interruptible(pty->master_wait, master_readable(pty));
		if (r)
			return r;
	}
}

static ssize_t master_write(struct file *f, struct iter *from, u64 *pos)
{
	struct pty *pty = f->private;
	struct tty *tty = pty->slave;
	u8 buf[CHUNK];
	ssize_t done = 0;
	int r = mutex_lock_interruptible(&pty->master_write);

	if (r)
		return r;
	while (from->count && !r) {
		u32 n = min(tty_feed_room(tty), (u32)min((size_t)CHUNK, from->count));
		if (n) {
			size_t got = iter_copy_from(from, buf, n);
			tty_feed(tty, buf, (u32)got);
			done += (ssize_t)got;
			r = got < n ? -EFAULT : 0;
		} else if (f->flags & O_NONBLOCK) {
			r = -EAGAIN;
		} else {
			r = wait_event_interruptible(tty->write_wait, tty_feed_room(tty));
		}
		cond_resched();
	}
	mutex_unlock(&pty->master_write);
	return done ? done : r;
}

static u32 master_poll(struct file *f, struct poll_table *pt)
{
	struct pty *pty = f->private;
	u32 ev = 0;

	poll_wait(f, &pty->master_wait, pt);
	poll_wait(f, &pty->slave->write_wait, pt);
	if (tty_out_pending(pty->slave))
		ev |= POLLIN | POLLRDNORM;
	if (pty->packet && READ_ONCE(pty->packet_bits))
		ev |= POLLPRI | POLLIN | POLLRDNORM;
	if (READ_ONCE(pty->slave_closed))
		ev |= POLLHUP;
	if (tty_feed_room(pty->slave))
		ev |= POLLOUT | POLLWRNORM;
	return ev;
}

static long open_peer(struct pty *pty, u64 flags)
{
	char name[32];
	struct file *f;

	format_str(name, sizeof(name), "/dev/pts/%u", pty->index);
	int r = file_open(AT_FDCWD, name, (u32)flags, 0, &f);
	return r ? r : fd_install_new(f, flags & O_CLOEXEC);
}

static long send_signal_ioctl(struct pty *pty, u64 sig)
{
	if (sig < 1 || sig > NSIG_MAX)
		return -EINVAL;
	tty_signal_foreground(pty->slave, (int)sig);
	return 0;
}

static long set_packet(struct pty *pty, u64 arg)
{
	int on;
	if (get_user(on, arg))
		return -EFAULT;
	if (on && !pty->packet)
		xchg(&pty->packet_bits, 0);
	WRITE_ONCE(pty->packet, on != 0);
	return 0;
}

/* ioctls only a master has. */
static long pty_master_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct pty *pty = f->private;
	int n;

	switch (cmd) {
	case TIOCGPTN:
		return put_user(pty->index, arg);
	case TIOCSPTLCK:
		if (get_user(n, arg))
			return -EFAULT;
		WRITE_ONCE(pty->locked, n != 0);
		return 0;
	case TIOCGPTLCK:
		n = pty->locked;
		return put_user(n, arg);
	case TIOCPKT:
		return set_packet(pty, arg);
	case TIOCGPKT:
		n = pty->packet;
		return put_user(n, arg);
	case TIOCGPTPEER:
		return open_peer(pty, arg);
	case TIOCSIG:
		return send_signal_ioctl(pty, arg);
	default: {
		long r = tty_ioctl_common(pty->slave, f, cmd, arg, true);
		return r == -ENOIOCTLCMD_TTY ? -ENOTTY : r;
	}
	}
}

static void master_release(struct file *f)
{
	struct pty *pty = f->private;

	WRITE_ONCE(pty->master_gone, true);
	devpts_remove(pty->index);
	tty_hangup(pty->slave, false);
	tty_put(pty->slave);
}

static int master_fdinfo(struct file *f, char *buf, size_t size)
{
	struct pty *pty = f->private;
	return format_str(buf, size, "tty-index:\t%u\n", pty->index);
}

static const struct file_ops master_ops = {
	.async = true,
	.read = master_read,
	.write = master_write,
	.poll = master_poll,
	.ioctl = pty_master_ioctl,
	.release = master_release,
	.show_fdinfo = master_fdinfo,
};

/* --- /dev/ptmx -------------------------------------------------------------------------------------------------------------------------- */
/* A free place in the table for pty. 0 or -ENOSPC. */
static int take_index(struct pty *pty)
{
	int r = -ENOSPC;
	spin_lock(&table_lock);
	for (u32 i = 0; i < PTY_MAX && r; i++) {
		if (!table[i]) {
			table[i] = pty;
			pty->index = i;
			r = 0;
		}
	}
	spin_unlock(&table_lock);
	return r;
}

static int pty_create(struct pty **out)
{
	char name[16];
	struct pty *pty = kzalloc(sizeof(*pty));

	if (!pty)
		return -ENOMEM;
	pty->locked = true;
	wait_queue_init(&pty->master_wait);
	mutex_init(&pty->master_write, RANK_TTY);
	int r = tty_create("", 0, &slave_ops, false, &pty->slave);
	if (r) {
		kfree(pty);
		return r;
	}
	pty->slave->pty = pty;
	pty->slave->initial.c_cflag &= ~(u32)HUPCL;
	pty->slave->ld.t.c_cflag &= ~(u32)HUPCL;
	pty->index = PTY_MAX - 1; /* until take_index: pty_free looks there */
	r = take_index(pty);
	if (r) {
		tty_put(pty->slave);
		return r;
	}
	format_str(name, sizeof(name), "pts/%u", pty->index);
	tty_name(pty->slave, name, MKDEV(136, pty->index));
	*out = pty;
	return 0;
}

static int ptmx_open(struct inode *i, struct file *f)
{
	struct pty *pty;
	int r = pty_create(&pty);
	if (r)
		return r;
	r = devpts_add(pty->index, pty->slave->rdev);
	if (r) {
		tty_put(pty->slave);
		return r;
	}
	f->private = pty;
	f->ops = &master_ops;
	return 0;
}

static int pts_open(struct inode *i, struct file *f) { return pty_open_slave(MINOR(i->rdev), f); }

static const struct file_ops ptmx_fops = { .open = ptmx_open };
static const struct file_ops pts_fops = { .open = pts_open };

void pty_init(void)
{
	register_chrdev(5, 2, 1, &ptmx_fops);
	register_chrdev(136, 0, PTY_MAX, &pts_fops);
}
