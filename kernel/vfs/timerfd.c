/*
 * timerfd: a timer in a file. Entry points: sys_timerfd_create, sys_timerfd_settime, sys_timerfd_gettime, timerfd_clock_was_set().
 *
 * An interval timer fires once and is then not armed again before somebody reads or asks: the expirations it missed are counted from the clock.
 */
#include "vfs/timerfd.h"

#include <asm/ioctls.h>
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/time.h>
#include <linux/timerfd.h>

#include "gen/sys_protos.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "mm/slab.h"
#include "sched/kernel_time.h"
#include "sched/timer.h"
#include "sched/wait.h"
#include "vfs/file.h"
#include "vfs/poll.h"

#define NEVER (~0UL)

struct timerfd {
	struct spinlock lock; /* RANK_DEVICE, irqsave: the timer's callback takes it */
	struct timer timer;
	struct wait_queue wait;
	u32 clock;            /* constant: CLOCK_* */
	u32 settime_flags;    /* lock: TFD_TIMER_ABSTIME, CANCEL_ON_SET */
	u64 next;             /* lock: next expiration by `clock`'s own scale; NEVER = disarmed */
	u64 interval;         /* lock: ns, 0 = once */
	u64 ticks;            /* lock: expirations not yet read */
	bool expired;         /* lock: fired since it was armed; the rest of an interval timer's expirations follow from the clock */
	bool cancelled;       /* lock: the clock was set; the next read says ECANCELED */
	struct list_head node;/* list_lock: realtime_timers */
};
static LIST_HEAD(realtime_timers); /* list_lock */
static DEFINE_SPINLOCK(list_lock, RANK_INODE_LIST);

static bool is_realtime(const struct timerfd *t) { return t->clock == CLOCK_REALTIME || t->clock == CLOCK_REALTIME_ALARM; }
/* Relative timers of the real-time clock run by the monotonic one: setting the clock does not move them. It does move alarms. */
static bool runs_by_real(const struct timerfd *t)
{
	return is_realtime(t) && ((t->settime_flags & TFD_TIMER_ABSTIME) || t->clock == CLOCK_REALTIME_ALARM);
}
static u64 now_of(const struct timerfd *t) { return runs_by_real(t) ? clock_real() : clock_mono(); }

/* Locks with the timer disarmed and its callback not running. */
static u64 lock_stopped(struct timerfd *t)
{
	for (;;) {
		u64 flags = spin_lock_irqsave(&t->lock);
		if (timer_try_cancel(&t->timer) >= 0)
			return flags;
		spin_unlock_irqrestore(&t->lock, flags);
		cpu_relax();
	}
}

/* => t->lock, timer stopped, t->next set and not expired. */
static void start(struct timerfd *t)
{
	if (t->next == NEVER || t->expired)
		return;
	u64 at = t->next;
	if (runs_by_real(t))
		at = at > clock_real_offset() ? at - clock_real_offset() : 0;
	timer_arm(&t->timer, at);
}

static void timerfd_fire(struct timer *timer)
{
	struct timerfd *t = container_of(timer, struct timerfd, timer);
	u64 flags = spin_lock_irqsave(&t->lock);
	if (t->next != NEVER && !t->expired) {
		t->expired = true;
		t->ticks++;
	}
	spin_unlock_irqrestore(&t->lock, flags);
	wake_up_key(&t->wait, TASK_NORMAL, 0, POLLIN);
}

/* => t->lock, timer stopped. An expired interval timer: counts what it missed, moves `next` into the future. The caller starts it. */
static void forward(struct timerfd *t)
{
	if (!t->expired)
		return;
	if (!t->interval) {
		t->next = NEVER;
		return;
	}
	u64 now = now_of(t), missed = now > t->next ? (now - t->next) / t->interval : 0;
	t->ticks += missed;
	t->next += (missed + 1) * t->interval;
	t->expired = false;
}

static ssize_t timerfd_read(struct file *f, struct iter *to, u64 *pos)
{
	struct timerfd *t = f->private;
	if (to->count < sizeof(u64))
		return -EINVAL;
	for (;;) {
		u64 flags = lock_stopped(t), ticks = 0;
		bool cancelled = t->cancelled;
		if (cancelled) {
			t->cancelled = false;
			t->ticks = 0;
		} else if (t->ticks) {
			forward(t);
			ticks = t->ticks;
			t->ticks = 0;
		}
		start(t);
		spin_unlock_irqrestore(&t->lock, flags);
		if (cancelled)
			return -ECANCELED;
		if (ticks)
			return iter_copy_to(to, &ticks, sizeof(ticks)) == sizeof(ticks) ? (ssize_t)sizeof(ticks) : -EFAULT;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(t->wait, READ_ONCE(t->ticks) || READ_ONCE(t->cancelled)))
			return -ERESTARTSYS;
	}
}

static u32 timerfd_poll(struct file *f, struct poll_table *pt)
{
	struct timerfd *t = f->private;
	poll_wait(f, &t->wait, pt);
	smp_mb();
	return READ_ONCE(t->ticks) || READ_ONCE(t->cancelled) ? POLLIN : 0;
}

static long timerfd_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct timerfd *t = f->private;
	u64 ticks;
	if (cmd != TFD_IOC_SET_TICKS)
		return -ENOTTY;
	if (get_user(ticks, arg))
		return -EFAULT;
	if (!ticks)
		return -EINVAL;
	u64 flags = spin_lock_irqsave(&t->lock);
	t->ticks = ticks;
	spin_unlock_irqrestore(&t->lock, flags);
	wake_up_key(&t->wait, TASK_NORMAL, 0, POLLIN);
	return 0;
}

static void timerfd_release(struct file *f)
{
	struct timerfd *t = f->private;
	u64 flags = spin_lock_irqsave(&list_lock);
	list_del(&t->node);
	spin_unlock_irqrestore(&list_lock, flags);
	flags = lock_stopped(t);
	t->next = NEVER;
	spin_unlock_irqrestore(&t->lock, flags);
	timer_cancel(&t->timer);
	kfree(t);
}

/* => t->lock, timer stopped */
static void read_setting(struct timerfd *t, struct __kernel_itimerspec *out)
{
	u64 now = now_of(t), left = 0;
	forward(t);
	if (t->next != NEVER)
		left = t->next > now ? t->next - now : 1;
	out->it_value = ns_to_timespec(left);
	out->it_interval = ns_to_timespec(t->interval);
}

static int timerfd_fdinfo(struct file *f, char *buf, size_t size)
{
	struct timerfd *t = f->private;
	struct __kernel_itimerspec its;
	u64 flags = lock_stopped(t);
	u64 ticks = t->ticks;
	u32 settime = t->settime_flags;
	read_setting(t, &its);
	start(t);
	spin_unlock_irqrestore(&t->lock, flags);
	return format_str(buf, size, "clockid: %u\nticks: %llu\nsettime flags: 0%o\nit_value: (%llu, %llu)\nit_interval: (%llu, %llu)\n", t->clock,
		(unsigned long long)ticks, settime, (unsigned long long)its.it_value.tv_sec, (unsigned long long)its.it_value.tv_nsec,
		(unsigned long long)its.it_interval.tv_sec, (unsigned long long)its.it_interval.tv_nsec);
}

static const struct file_ops timerfd_fops = {
	.read = timerfd_read,
	.poll = timerfd_poll,
	.ioctl = timerfd_ioctl,
	.release = timerfd_release,
	.show_fdinfo = timerfd_fdinfo,
};

static bool clock_ok(u32 clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME || clock == CLOCK_REALTIME_ALARM ||
		clock == CLOCK_BOOTTIME_ALARM;
}
static bool clock_needs_cap(u32 clock) { return clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM; }

long sys_timerfd_create(u64 clock, u64 flags)
{
	struct file *f;
	if ((flags & ~(u64)(TFD_CLOEXEC | TFD_NONBLOCK)) || !clock_ok((u32)clock))
		return -EINVAL;
	if (clock_needs_cap((u32)clock) && !capable(CAP_WAKE_ALARM))
		return -EPERM;
	struct timerfd *t = kzalloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	spin_init(&t->lock, RANK_DEVICE);
	timer_init(&t->timer, timerfd_fire);
	wait_queue_init(&t->wait);
	list_init(&t->node);
	t->clock = (u32)clock;
	t->next = NEVER;
	int err = file_create_anon("anon_inode:[timerfd]", 0600, &timerfd_fops, t, O_RDWR | (u32)(flags & TFD_NONBLOCK), &f);
	if (err) {
		kfree(t);
		return err;
	}
	return fd_install_new(f, flags & TFD_CLOEXEC);
}

/* The timerfd behind fd, with a reference to its file. 0, -EBADF, -EINVAL. */
static int get_timerfd(u64 fd, struct file **f)
{
	int err = fd_get((int)fd, f);
	if (err)
		return err;
	if ((*f)->ops == &timerfd_fops)
		return 0;
	file_put(*f);
	return -EINVAL;
}

/* => t->lock, timer stopped */
static void apply_setting(struct timerfd *t, u32 flags, const struct __kernel_itimerspec *its)
{
	u64 value = timespec_to_ns(&its->it_value);
	t->settime_flags = flags;
	t->ticks = 0;
	t->expired = false;
	t->cancelled = false;
	t->interval = timespec_to_ns(&its->it_interval);
	t->next = NEVER;
	if (value) {
		if ((flags & TFD_TIMER_ABSTIME) && !is_realtime(t))
			value = max(host_time(value, t->clock == CLOCK_BOOTTIME || t->clock == CLOCK_BOOTTIME_ALARM), 1UL);
		u64 now = flags & TFD_TIMER_ABSTIME ? 0 : now_of(t);
		t->next = value >= NEVER - 1 - now ? NEVER - 1 : now + value;
	}
	start(t);
}

long sys_timerfd_settime(u64 fd, u64 flags, u64 unew, u64 uold)
{
	struct __kernel_itimerspec its, old;
	struct file *f;
	if (get_user(its, unew))
		return -EFAULT;
	if ((flags & ~(u64)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) || !timespec_valid(&its.it_value) || !timespec_valid(&its.it_interval))
		return -EINVAL;
	int err = get_timerfd(fd, &f);
	if (err)
		return err;
	struct timerfd *t = f->private;
	if (clock_needs_cap(t->clock) && !capable(CAP_WAKE_ALARM)) {
		file_put(f);
		return -EPERM;
	}
	u64 irq = spin_lock_irqsave(&list_lock);
	list_del(&t->node);
	if (is_realtime(t) && ((flags & TFD_TIMER_ABSTIME) || t->clock == CLOCK_REALTIME_ALARM))
		list_add_tail(&t->node, &realtime_timers);
	spin_unlock_irqrestore(&list_lock, irq);
	irq = lock_stopped(t);
	read_setting(t, &old);
	apply_setting(t, (u32)flags, &its);
	spin_unlock_irqrestore(&t->lock, irq);
	file_put(f);
	return uold ? put_user(old, uold) : 0;
}

long sys_timerfd_gettime(u64 fd, u64 ucur)
{
	struct __kernel_itimerspec its;
	struct file *f;
	int err = get_timerfd(fd, &f);
	if (err)
		return err;
	struct timerfd *t = f->private;
	u64 flags = lock_stopped(t);
	read_setting(t, &its);
	start(t);
	spin_unlock_irqrestore(&t->lock, flags);
	file_put(f);
	return put_user(its, ucur);
}

void timerfd_clock_was_set(void)
{
	struct timerfd *t;
	u64 flags = spin_lock_irqsave(&list_lock);
	list_for_each(t, &realtime_timers, node) {
		u64 inner = lock_stopped(t);
		bool cancel = (t->settime_flags & (TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) == (TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
		if (cancel)
			t->cancelled = true;
		start(t);
		spin_unlock_irqrestore(&t->lock, inner);
		if (cancel)
			wake_up_key(&t->wait, TASK_NORMAL, 0, POLLIN);
	}
	spin_unlock_irqrestore(&list_lock, flags);
}
