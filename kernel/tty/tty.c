/*
 * The core of terminals: tty_create, input (tty_rx_irq -> ttyd -> tty_feed -> line discipline), output ring, and the file operations
 * open, read, write, poll, release. ioctls are in tty_ioctl.c, job control in tty_job.c.
 */
#include "tty/tty.h"

#include "lib/string.h"
#include "mm/slab.h"
#include "tty/pty.h"

#define CHUNK 512u

static void ld_put(struct ldisc *ld, const u8 *p, u32 n)
{
	struct tty *tty = container_of(ld, struct tty, ld);
	u32 room = TTY_OUT_SIZE - (tty->out_head - tty->out_tail);
	room -= min(room, tty->out_reserved);
	for (u32 i = 0; i < min(n, room); i++)
		tty->out[tty->out_head++ & (TTY_OUT_SIZE - 1)] = p[i];
}
static void ld_signal(struct ldisc *ld, enum ldisc_signal sig, bool flush)
{
	struct tty *tty = container_of(ld, struct tty, ld);
	tty->signals |= BIT(sig);
	if (flush) {
		tty->out_tail = tty->out_head;
		tty->flip_tail = tty->flip_head;
		if (tty->pty)
			pty_packet_event(tty->pty, TIOCPKT_FLUSHREAD | TIOCPKT_FLUSHWRITE);
	}
}
static void ld_flow(struct ldisc *ld, bool stop)
{
	struct tty *tty = container_of(ld, struct tty, ld);
	if (tty->pty)
		pty_packet_event(tty->pty, stop ? TIOCPKT_STOP : TIOCPKT_START);
}
static const struct ldisc_ops ld_ops = { .put = ld_put, .signal = ld_signal, .flow = ld_flow };

int tty_create(const char *name, u64 rdev, const struct tty_ops *ops, bool rx, struct tty **out)
{
	struct tty *tty = kzalloc(sizeof(*tty));
	if (!tty)
		return -ENOMEM;
	tty->out = kmalloc(TTY_OUT_SIZE);
	tty->rx = rx ? kmalloc(TTY_RX_SIZE) : NULL;
	atomic_set(&tty->refs, 1);
	if (!tty->out || (rx && !tty->rx)) {
		tty_put(tty);
		return -ENOMEM;
	}
	tty_name(tty, name, rdev);
	tty->ops = ops;
	spin_init(&tty->lock, RANK_LDISC);
	spin_init(&tty->ctrl, RANK_TTY_CTRL);
	ldisc_init(&tty->ld, &ld_ops);
	tty->initial = tty->ld.t;
	mutex_init(&tty->read_lock, RANK_TTY);
	mutex_init(&tty->write_lock, RANK_TTY);
	wait_queue_init(&tty->read_wait);
	wait_queue_init(&tty->write_wait);
	*out = tty;
	return 0;
}

void tty_name(struct tty *tty, const char *name, u64 rdev)
{
	str_copy(tty->name, name, sizeof(tty->name));
	tty->rdev = rdev;
}

void tty_put(struct tty *tty)
{
	if (!tty || !atomic_dec_and_test(&tty->refs))
		return;
	if (tty->session)
		pid_put(tty->session);
	if (tty->pgrp)
		pid_put(tty->pgrp);
	kfree(tty->out);
	kfree(tty->flip);
	kfree(tty->rx);
	if (tty->pty)
		pty_free(tty->pty);
	kfree(tty);
}

void tty_wake_readers(struct tty *tty) { wake_up_key(&tty->read_wait, TASK_NORMAL, 0, POLLIN | POLLRDNORM); }
static void tty_wake_writers(struct tty *tty) { wake_up_key(&tty->write_wait, TASK_NORMAL, 0, POLLOUT | POLLWRNORM); }

/* --- input ------------------------------------------------------------------------------------------------------------------------------ */
/* Sends the signals that the line discipline left in tty->signals. => no locks */
static void tty_send_signals(struct tty *tty)
{
	static const int number[] = { [LDISC_INT] = SIGINT, [LDISC_QUIT] = SIGQUIT, [LDISC_SUSP] = SIGTSTP };
	spin_lock(&tty->lock);
	u32 set = tty->signals;
	tty->signals = 0;
	spin_unlock(&tty->lock);
	for (u32 i = 0; i < ARRAY_SIZE(number); i++) {
		if (set & BIT(i))
			tty_signal_foreground(tty, number[i]);
	}
}

static u32 flip_used(const struct tty *tty) { return tty->flip_head - tty->flip_tail; }

/* => tty->lock */
static u32 flip_put(struct tty *tty, const u8 *p, u32 n)
{
	u32 i;
	if (!tty->flip)
		tty->flip = kmalloc(TTY_FLIP_SIZE);
	if (!tty->flip)
		return n; /* lost, as on a line that overruns */
	for (i = 0; i < n && flip_used(tty) < TTY_FLIP_SIZE; i++)
		tty->flip[tty->flip_head++ & (TTY_FLIP_SIZE - 1)] = p[i];
	return i;
}

/* => tty->lock. Moves waiting input on as far as there is room. */
static void flip_drain(struct tty *tty)
{
	while (flip_used(tty)) {
		u32 at = tty->flip_tail & (TTY_FLIP_SIZE - 1);
		u32 n = min(flip_used(tty), TTY_FLIP_SIZE - at);
		u32 taken = ldisc_receive(&tty->ld, tty->flip + at, n);
		tty->flip_tail += taken;
		if (taken < n)
			break;
	}
}

/* What has to be done without the lock after the line discipline has worked. */
static void after_input(struct tty *tty, bool readable)
{
	if (tty->signals)
		tty_send_signals(tty);
	if (tty->out_head != tty->out_tail)
		tty->ops->start(tty);
	if (readable)
		tty_wake_readers(tty);
}

u32 tty_feed(struct tty *tty, const u8 *p, u32 n)
{
	u32 taken = 0;
	spin_lock(&tty->lock);
	if (!flip_used(tty))
		taken = ldisc_receive(&tty->ld, p, n);
	if (taken < n)
		taken += flip_put(tty, p + taken, n - taken);
	bool readable = ldisc_readable(&tty->ld, false);
	spin_unlock(&tty->lock);
	after_input(tty, readable);
	return taken;
}

u32 tty_feed_room(struct tty *tty) { return TTY_FLIP_SIZE - flip_used(tty); }

void tty_unthrottle(struct tty *tty)
{
	if (!flip_used(tty))
		return;
	spin_lock(&tty->lock);
	flip_drain(tty);
	bool readable = ldisc_readable(&tty->ld, false);
	spin_unlock(&tty->lock);
	after_input(tty, readable);
	tty_wake_writers(tty); /* a pty master may wait for room */
}

/* --- output ring ------------------------------------------------------------------------------------------------------------------------ */
u32 tty_out_pending(struct tty *tty) { return READ_ONCE(tty->out_head) - READ_ONCE(tty->out_tail); }

u32 tty_out_take(struct tty *tty, u8 *p, u32 n, bool force)
{
	u32 done = 0;
	spin_lock(&tty->lock);
	if (force || (!tty->ld.stopped && !tty->out_held)) {
		while (done < n && tty->out_tail != tty->out_head)
			p[done++] = tty->out[tty->out_tail++ & (TTY_OUT_SIZE - 1)];
	}
	spin_unlock(&tty->lock);
	if (done && wait_queue_active(&tty->write_wait))
		tty_wake_writers(tty);
	return done;
}

void tty_restart(struct tty *tty)
{
	if (tty_out_pending(tty))
		tty->ops->start(tty);
	tty_wake_writers(tty);
}

void tty_flush_input(struct tty *tty)
{
	spin_lock(&tty->lock);
	ldisc_flush_input(&tty->ld);
	tty->flip_tail = tty->flip_head;
	if (tty->pty)
		pty_packet_event(tty->pty, TIOCPKT_FLUSHREAD);
	spin_unlock(&tty->lock);
	tty_wake_writers(tty);
}

void tty_flush_output(struct tty *tty)
{
	spin_lock(&tty->lock);
	tty->out_tail = tty->out_head;
	if (tty->pty)
		pty_packet_event(tty->pty, TIOCPKT_FLUSHWRITE);
	spin_unlock(&tty->lock);
	tty_wake_writers(tty);
}

/* Source bytes that a writer may process now: each may become LDISC_OPOST_MAX bytes. => tty->lock */
static u32 write_room(struct tty *tty)
{
	if (tty->pty && (tty->ld.stopped || tty->out_held))
		return 0;
	u32 room = TTY_OUT_SIZE - (tty->out_head - tty->out_tail);
	return tty->ld.t.c_oflag & OPOST ? room / LDISC_OPOST_MAX : room;
}

static void write_chunk(struct tty *tty, const u8 *p, u32 n)
{
	u8 o[LDISC_OPOST_MAX];
	spin_lock(&tty->lock);
	tty->out_reserved = 0;
	for (u32 i = 0; i < n; i++) {
		u32 k = ldisc_opost(&tty->ld, p[i], o);
		for (u32 j = 0; j < k && tty->out_head - tty->out_tail < TTY_OUT_SIZE; j++)
			tty->out[tty->out_head++ & (TTY_OUT_SIZE - 1)] = o[j];
	}
	spin_unlock(&tty->lock);
	tty->ops->start(tty);
}

static bool writable_now(struct tty_file *tf)
{
	return tty_file_dead(tf) || (tf->tty->pty && pty_master_gone(tf->tty->pty)) || write_room(tf->tty) > 0;
}

/* Promises room for up to `want` bytes. 0 when there is none, else the number. */
static u32 reserve(struct tty *tty, u32 want)
{
	spin_lock(&tty->lock);
	u32 n = min(want, write_room(tty));
	tty->out_reserved = tty->ld.t.c_oflag & OPOST ? n * LDISC_OPOST_MAX : n;
	spin_unlock(&tty->lock);
	return n;
}

/* => write_lock */
static ssize_t write_locked(struct file *f, struct tty_file *tf, struct iter *from)
{
	struct tty *tty = tf->tty;
	u8 buf[CHUNK];
	ssize_t done = 0;

	while (from->count) {
		if (tty_file_dead(tf) || (tty->pty && pty_master_gone(tty->pty)))
			return done ? done : -EIO;
		u32 n = reserve(tty, (u32)min((size_t)CHUNK, from->count));
		if (!n) {
			tty->ops->start(tty);
			if (f->flags & O_NONBLOCK)
				return done ? done : -EAGAIN;
			int r = wait_event_interruptible(tty->write_wait, writable_now(tf));
			if (r)
				return done ? done : r;
			continue;
		}
		size_t got = iter_copy_from(from, buf, n);
		write_chunk(tty, buf, (u32)got);
		done += (ssize_t)got;
		if (got < n)
			return done ? done : -EFAULT;
		if (signal_pending() && from->count && fatal_signal_pending())
			return done;
		cond_resched();
	}
	return done;
}

static int lock_for(struct mutex *m, struct file *f)
{
	if (f->flags & O_NONBLOCK)
		return mutex_trylock(m) ? 0 : -EAGAIN;
	return mutex_lock_interruptible(m);
}

static ssize_t tty_write(struct file *f, struct iter *from, u64 *pos)
{
	struct tty_file *tf = f->private;

	if (tty_file_dead(tf))
		return -EIO;
	if (!tf->console && ldisc_has(&tf->tty->ld, TOSTOP)) {
		int r = tty_check_background(tf->tty, SIGTTOU);
		if (r)
			return r;
	}
	int r = lock_for(&tf->tty->write_lock, f);
	if (r)
		return r;
	ssize_t n = write_locked(f, tf, from);
	mutex_unlock(&tf->tty->write_lock);
	return n;
}

/* --- read ------------------------------------------------------------------------------------------------------------------------------- */
/* Takes what is there, at most one line in canonical mode. *end: a line ended. Bytes or -EFAULT. */
static ssize_t read_some(struct tty *tty, struct iter *to, bool *end)
{
	u8 buf[CHUNK];
	ssize_t done = 0;
	*end = false;
	do {
		spin_lock(&tty->lock);
		u32 n = ldisc_read(&tty->ld, buf, (u32)min((size_t)CHUNK, to->count), end);
		spin_unlock(&tty->lock);
		if (!n)
			break;
		size_t put = iter_copy_to(to, buf, n);
		done += (ssize_t)put;
		if (put < n)
			return done ? done : -EFAULT;
	} while (!*end && to->count);
	return done;
}

static bool read_ready(struct tty_file *tf)
{
	return ldisc_readable(&tf->tty->ld, false) || tty_file_dead(tf) || (tf->tty->pty && pty_master_gone(tf->tty->pty));
}

/* Waits for input at most `ns` (~0: no limit). 0 = look again, -ETIME = time over, -ERESTARTSYS. */
static int wait_input(struct tty_file *tf, u64 ns)
{
	struct wait_entry e;
	int r = 0;

	wait_entry_init(&e);
	wait_add(&tf->tty->read_wait, &e);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (read_ready(tf))
			break;
		if (signal_pending()) {
			r = -ERESTARTSYS;
			break;
		}
		if (!ns) {
			r = -ETIME;
			break;
		}
		ns = schedule_timeout(ns);
	}
	set_current_state(TASK_RUNNING);
	wait_remove(&tf->tty->read_wait, &e);
	return r;
}

#define DECISECOND 100000000UL
struct read_rules {
	size_t minimum;  /* bytes to wait for; 0 = one line or whatever comes first */
	u64 first, next; /* ns to wait before the first byte and between bytes */
};
static struct read_rules read_rules(const struct ldisc *ld)
{
	u64 time = ld->t.c_cc[VTIME] * DECISECOND;
	if (ldisc_has(ld, ICANON))
		return (struct read_rules){ 0, ~0UL, ~0UL };
	if (ld->t.c_cc[VMIN])
		return (struct read_rules){ ld->t.c_cc[VMIN], ~0UL, time ? time : ~0UL };
	return (struct read_rules){ 1, time, time };
}

/* => read_lock */
static ssize_t read_locked(struct file *f, struct tty_file *tf, struct iter *to)
{
	struct tty *tty = tf->tty;
	struct read_rules rules = read_rules(&tty->ld);
	u64 timeout = rules.first;
	ssize_t done = 0;
	int r = 0;

	while (to->count) {
		bool end;
		if (tty_file_dead(tf))
			break;
		if (!ldisc_readable(&tty->ld, false)) {
			if (tty->pty && pty_master_gone(tty->pty))
				r = -EIO;
			else if (!timeout)
				r = -ETIME;
			else if (f->flags & O_NONBLOCK)
				r = -EAGAIN;
			else
				r = wait_input(tf, timeout);
			if (r)
				break;
			continue;
		}
		ssize_t n = read_some(tty, to, &end);
		tty_unthrottle(tty);
		if (n < 0)
			return done ? done : n;
		done += n;
		if ((size_t)done >= rules.minimum)
			break;
		timeout = rules.next;
	}
	return done || r == -ETIME ? done : r;
}

static ssize_t tty_read(struct file *f, struct iter *to, u64 *pos)
{
	struct tty_file *tf = f->private;
	int r;

	if (tty_file_dead(tf))
		return 0;
	r = tf->console ? 0 : tty_check_background(tf->tty, SIGTTIN);
	if (!r)
		r = lock_for(&tf->tty->read_lock, f);
	if (r)
		return r;
	ssize_t n = read_locked(f, tf, to);
	mutex_unlock(&tf->tty->read_lock);
	return n;
}

static u32 tty_poll(struct file *f, struct poll_table *pt)
{
	struct tty_file *tf = f->private;
	struct tty *tty = tf->tty;
	u32 ev = 0;

	poll_wait(f, &tty->read_wait, pt);
	poll_wait(f, &tty->write_wait, pt);
	if (tty_file_dead(tf))
		return POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM;
	spin_lock(&tty->lock);
	if (ldisc_readable(&tty->ld, true))
		ev |= POLLIN | POLLRDNORM;
	if (write_room(tty))
		ev |= POLLOUT | POLLWRNORM;
	spin_unlock(&tty->lock);
	if (tty->pty && pty_master_gone(tty->pty))
		ev |= POLLHUP;
	return ev;
}

/* --- open, close ------------------------------------------------------------------------------------------------------------------------ */
int tty_open_file(struct tty *tty, struct file *f, bool console)
{
	struct tty_file *tf = kzalloc(sizeof(*tf));
	int r = 0;

	if (!tf)
		return -ENOMEM;
	tf->tty = tty;
	tf->console = console;
	spin_lock(&tty->lock);
	if (tty->exclusive && tty->opens && !capable(CAP_SYS_ADMIN))
		r = -EBUSY;
	else
		tty->opens++;
	tf->hangups = tty->hangups;
	spin_unlock(&tty->lock);
	if (r) {
		kfree(tf);
		return r;
	}
	tty_get(tty);
	f->private = tf;
	f->ops = &tty_file_ops;
	if (tty->pty)
		pty_slave_opened(tty->pty);
	if (!console)
		tty_take_on_open(tty, f);
	return 0;
}

static void tty_release(struct file *f)
{
	struct tty_file *tf = f->private;
	struct tty *tty = tf->tty;

	spin_lock(&tty->lock);
	bool last = --tty->opens == 0;
	if (last)
		tty->exclusive = false;
	spin_unlock(&tty->lock);
	if (last && tty->pty)
		pty_slave_closed(tty->pty);
	kfree(tf);
	tty_put(tty);
}

const struct file_ops tty_file_ops = {
	.async = true,
	.read = tty_read,
	.write = tty_write,
	.poll = tty_poll,
	.ioctl = tty_ioctl,
	.release = tty_release,
};
