/*
 * POSIX timers. Entry points: sys_timer_create/settime/gettime/getoverrun/delete, posix_timer_dequeued() (signal delivery), delete_posix_timers()
 * (exec, exit), cpu_timers_check() (tick), posix_timers_clock_set().
 *
 * A timer owns one signal queue entry, so that firing never allocates. When it fires, the entry is queued and the timer waits (`waiting`); only when
 * the signal is delivered is an interval timer armed again, and the expirations that went by are counted as overruns. An ignored signal is
 * never delivered: then the callback arms it again itself.
 *
 * Everything is guarded by the process's sighand lock (S). Whoever fires a timer lets S go to queue the entry; `firing` keeps the timer from
 * being freed meanwhile (real-time ones are held by timer_cancel() as well).
 */
#include <linux/capability.h>
#include <linux/time.h>

#include "gen/sys_protos.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/signal.h"
#include "proc/time.h"

#define OVERRUN_MAX 0x7fffffffUL /* DELAYTIMER_MAX */

struct posix_timer {
	struct list_head node;   /* S  signal->posix_timers */
	s32 id;                  /* I */
	struct clock clock;      /* I */
	struct timer timer;      /* clocks other than CPU clocks */
	struct sigqueue *q;      /* I  NULL with SIGEV_NONE */
	struct task *target;     /* I  a reference: the thread that gets the signal, or the leader of the process */
	enum pid_type type;      /* I */
	struct task *cpu_task;   /* I  CPU clocks: a reference to whose time it is */
	s32 notify;              /* I  SIGEV_* */
	s32 signo, clock_id; /* I  as asked for, for /proc/PID/timers */
	u64 value; /* I  likewise */
	u64 expires;             /* S  on the clock's scale, see `real`; 0 = off */
	u64 interval;            /* S */
	bool real;               /* S  expires is real time (a real-time clock with TIMER_ABSTIME, or an alarm), else monotonic or CPU time */
	bool waiting;            /* S  fired, and not armed again yet */
	bool firing;             /* S  somebody queues its entry without S */
	u64 overrun;             /* S  of the signal delivered last */
};

/* --- arming ----------------------------------------------------------------------------------------------------------------------------- */

static u64 timer_now(const struct posix_timer *pt)
{
	if (pt->clock.kind == CLK_CPU) {
		/* => S is held, so not clock_cpu_ns(). */
		u64 u, s;
		if (pt->clock.thread)
			thread_cpu_times(task_thread(pt->cpu_task), &u, &s);
		else if (pt->clock.what == CPU_RUN)
			return process_runtime(pt->cpu_task);
		else
			process_times(pt->cpu_task, &u, &s);
		return pt->clock.what == CPU_USER ? u : u + s;
	}
	return pt->real ? clock_real() : clock_mono();
}

/* => S. `at` on the timer's scale. */
static void start(struct posix_timer *pt, u64 at)
{
	if (pt->clock.kind == CLK_CPU || pt->notify == SIGEV_NONE)
		return;
	if (pt->real) {
		u64 off = clock_real_offset();
		at = at > off ? at - off : 0;
	}
	timer_arm(&pt->timer, at);
}

/* => S. Moves expires past now; the number of expirations that this skips. */
static u64 skip_missed(struct posix_timer *pt, u64 now)
{
	if (now < pt->expires)
		return 0;
	u64 n = (now - pt->expires) / pt->interval + 1;
	pt->expires += n * pt->interval;
	return n;
}

/* => S. An interval timer goes on after it fired: the expirations missed. */
static u64 rearm(struct posix_timer *pt)
{
	u64 now = timer_now(pt);
	u64 missed = skip_missed(pt, now);
	pt->waiting = false;
	start(pt, pt->clock.kind == CLK_CPU ? pt->expires : max(pt->expires, now + TIMER_MIN_GAP_NS));
	/* The expiration that fired is the first of those skipped. */
	return missed ? missed - 1 : 0;
}

void __noinline posix_timer_dequeued(struct sigqueue *q, struct ksiginfo *info)
{
	struct posix_timer *pt = q->timer;
	u64 over = (u32)q->info.overrun;
	if (pt->waiting && pt->interval)
		over += rearm(pt);
	pt->overrun = min(over, OVERRUN_MAX);
	info->overrun = (s32)pt->overrun;
}

/* --- firing ----------------------------------------------------------------------------------------------------------------------------- */

/* => S held with *flags, `firing` set; returns with S let go and firing clear. */
static void fire(struct posix_timer *pt, struct task *t, u64 flags)
{
	pt->waiting = true;
	unlock_task_sighand(t, flags);
	send_sigqueue(pt->q, pt->target, pt->type);
	if (!lock_task_sighand(t, &flags)) {
		pt->firing = false;
		return;
	}
	/* Not queued and not delivered either: ignored, so nobody will arm it again. */
	if (pt->waiting && pt->interval && pt->expires && list_empty(&pt->q->node))
		rearm(pt);
	pt->firing = false;
	unlock_task_sighand(t, flags);
}

static void posix_timer_fired(struct timer *timer)
{
	struct posix_timer *pt = container_of(timer, struct posix_timer, timer);
	u64 flags;
	if (!lock_task_sighand(pt->target, &flags))
		return;
	if (!pt->expires || pt->waiting || timer->armed) {
		unlock_task_sighand(pt->target, flags);
	} else if (timer_now(pt) < pt->expires) {
		/* The clock was set back. */
		start(pt, pt->expires);
		unlock_task_sighand(pt->target, flags);
	} else {
		pt->firing = true;
		fire(pt, pt->target, flags);
	}
}

bool cpu_timers_armed(struct signal *s)
{
	struct posix_timer *pt;
	list_for_each(pt, &s->posix_timers, node)
		if (pt->clock.kind == CLK_CPU && pt->expires)
			return true;
	return false;
}

/* => S. A CPU timer of t's process that is due, or NULL. A thread's own timers are looked at when that thread runs. */
static struct posix_timer *find_due(struct task *t)
{
	struct posix_timer *pt;
	list_for_each(pt, &t->signal->posix_timers, node) {
		if (pt->clock.kind != CLK_CPU || !pt->expires || pt->waiting || pt->firing || pt->notify == SIGEV_NONE)
			continue;
		if (pt->clock.thread && pt->cpu_task != t)
			continue;
		if (timer_now(pt) >= pt->expires)
			return pt;
	}
	return NULL;
}

void cpu_timers_check(struct task *t)
{
	u64 flags;
	struct posix_timer *pt;
	while (lock_task_sighand(t, &flags)) {
		pt = find_due(t);
		if (!pt) {
			unlock_task_sighand(t, flags);
			return;
		}
		pt->firing = true;
		fire(pt, t, flags);
	}
}

void posix_timers_clock_set(void)
{
	struct task *p;
	spin_lock(&tasklist_lock);
	for_each_process(p) {
		u64 flags;
		struct posix_timer *pt;
		if (list_empty(&p->signal->posix_timers) || !lock_task_sighand(p, &flags))
			continue;
		list_for_each(pt, &p->signal->posix_timers, node)
			if (pt->real && pt->expires && pt->timer.armed)
				start(pt, pt->expires);
		unlock_task_sighand(p, flags);
	}
	spin_unlock(&tasklist_lock);
}

/* --- making and deleting ---------------------------------------------------------------------------------------------------------------- */

static u64 lock_mine(void) { return spin_lock_irqsave(&current->sighand->lock); }
static void unlock_mine(u64 flags) { spin_unlock_irqrestore(&current->sighand->lock, flags); }

/* => S */
static struct posix_timer *find_timer(s32 id)
{
	struct posix_timer *pt;
	list_for_each(pt, &current->signal->posix_timers, node)
		if (pt->id == id)
			return pt;
	return NULL;
}

/* => S. Takes the entry out of the queue it may be in. */
static void unqueue(struct posix_timer *pt)
{
	if (!pt->q || list_empty(&pt->q->node))
		return;
	struct sigpending *p = pt->type == PIDTYPE_PID ? &pt->target->pending : &pt->target->signal->shared_pending;
	struct sigqueue *o;
	bool more = false;
	list_del(&pt->q->node);
	list_for_each(o, &p->list, node)
		more |= o->info.signo == pt->q->info.signo;
	if (!more)
		p->set &= ~SIGMASK(pt->q->info.signo);
}

/* The timer is in no list and nobody can fire it any more. */
static void free_timer(struct posix_timer *pt)
{
	if (pt->q) {
		pt->q->timer = NULL;
		sigqueue_free(pt->q);
	}
	if (pt->target)
		task_put(pt->target);
	if (pt->cpu_task)
		task_put(pt->cpu_task);
	kfree(pt);
}

/* pt has just been taken out of the list. */
static void destroy(struct posix_timer *pt)
{
	timer_cancel(&pt->timer);
	for (;;) {
		u64 flags = lock_mine();
		bool busy = pt->firing;
		if (!busy) {
			pt->expires = pt->interval = 0;
			unqueue(pt);
		}
		unlock_mine(flags);
		if (!busy)
			break;
		cpu_relax();
	}
	/* The last firing may have armed it again. */
	timer_cancel(&pt->timer);
	free_timer(pt);
}

void delete_posix_timers(struct signal *s)
{
	for (;;) {
		u64 flags = lock_mine();
		struct posix_timer *pt = list_empty(&s->posix_timers) ? NULL : list_first(&s->posix_timers, struct posix_timer, node);
		if (pt)
			list_del(&pt->node);
		unlock_mine(flags);
		if (!pt)
			return;
		destroy(pt);
	}
}

bool posix_timer_info(struct task *t, u32 nr, const struct pid_namespace *ns, struct timer_info *out)
{
	struct posix_timer *pt;
	struct pid *target = NULL;
	u64 flags;
	if (!lock_task_sighand(t, &flags))
		return false;
	list_for_each (pt, &t->signal->posix_timers, node) {
		if (nr--)
			continue;
		*out = (struct timer_info){
			.id = pt->id, .signo = pt->signo, .value = pt->q ? pt->q->info.value : pt->value, .notify = pt->notify, .clock = pt->clock_id
		};
		target = pt->type == PIDTYPE_PID ? pt->target->thread_pid : pt->target->signal->pids[PIDTYPE_TGID];
		out->target = pid_nr_in(target, ns);
		break;
	}
	unlock_task_sighand(t, flags);
	return target;
}

/* Whom the event goes to. 0 or -EINVAL. */
static int set_target(struct posix_timer *pt, const sigevent_t *ev)
{
	pt->notify = ev->sigev_notify;
	pt->type = PIDTYPE_TGID;
	pt->target = current->group_leader;
	bool to_thread = ev->sigev_notify == (SIGEV_SIGNAL | SIGEV_THREAD_ID);
	if (!to_thread && ev->sigev_notify != SIGEV_SIGNAL && ev->sigev_notify != SIGEV_THREAD && ev->sigev_notify != SIGEV_NONE)
		pt->target = NULL;
	else if (ev->sigev_notify != SIGEV_NONE && (ev->sigev_signo <= 0 || ev->sigev_signo > NSIG_MAX))
		pt->target = NULL;
	if (!pt->target)
		return -EINVAL;
	if (!to_thread) {
		task_get(pt->target);
		return 0;
	}
	pt->type = PIDTYPE_PID;
	pt->target = find_get_task(ev->sigev_notify_thread_id);
	return pt->target && same_thread_group(pt->target, current) ? 0 : -EINVAL;
}

/* A timer with everything but its place in the list. 0 or -errno. */
static int make_timer(const struct clock *c, const sigevent_t *ev, struct posix_timer **out)
{
	struct posix_timer *pt = kzalloc(sizeof(*pt));
	if (!pt)
		return -EAGAIN;
	list_init(&pt->node);
	timer_init(&pt->timer, posix_timer_fired);
	pt->clock = *c;
	pt->signo = ev->sigev_signo;
	pt->value = (u64)ev->sigev_value.sival_ptr;
	int err = set_target(pt, ev);
	if (!err && c->kind == CLK_CPU) {
		err = clock_cpu_task(c, false, &pt->cpu_task);
		/* The tick looks at the timers of the process that runs, so only at its own clocks. */
		if (!err && !same_thread_group(pt->cpu_task, current))
			err = -EINVAL;
	}
	if (!err && pt->notify != SIGEV_NONE) {
		pt->q = sigqueue_alloc(current, false);
		if (!pt->q)
			err = -EAGAIN;
	}
	if (err) {
		free_timer(pt);
		return err;
	}
	if (pt->q) {
		pt->q->timer = pt;
		pt->q->info = (struct ksiginfo){ .signo = ev->sigev_signo, .code = SI_TIMER, .value = (u64)ev->sigev_value.sival_ptr };
	}
	*out = pt;
	return 0;
}

/* Gives pt an id that is free and puts it into the list. */
static void add_timer(struct posix_timer *pt, bool value_is_id)
{
	struct signal *s = current->signal;
	u64 flags = lock_mine();
	do
		pt->id = s->next_timer_id++ & 0x7fffffff;
	while (find_timer(pt->id));
	if (pt->q) {
		pt->q->info.timerid = pt->id;
		if (value_is_id)
			pt->q->info.value = (u64)(u32)pt->id;
	}
	list_add_tail(&pt->node, &s->posix_timers);
	unlock_mine(flags);
}

/* Takes the timer `id` out of the list and frees it. 0 or -EINVAL. */
static long remove_timer(s32 id)
{
	u64 flags = lock_mine();
	struct posix_timer *pt = find_timer(id);
	if (pt)
		list_del(&pt->node);
	unlock_mine(flags);
	if (!pt)
		return -EINVAL;
	destroy(pt);
	return 0;
}

long sys_timer_create(u64 clock_id, u64 uevent, u64 uid)
{
	struct clock c;
	struct posix_timer *pt;
	sigevent_t ev = { .sigev_signo = SIGALRM, .sigev_notify = SIGEV_SIGNAL };
	if (clock_decode((s32)clock_id, &c))
		return -EINVAL;
	if (uevent && get_user(ev, uevent))
		return -EFAULT;
	if (c.coarse || c.raw)
		return -EOPNOTSUPP;
	if (c.alarm && !capable(CAP_WAKE_ALARM))
		return -EPERM;
	int err = make_timer(&c, &ev, &pt);
	if (err)
		return err;
	/* Clocks of processes are known by pid and kind inside. */
	pt->clock_id = c.kind == CLK_CPU && !c.dynamic ? (c.thread ? -2 : -6) : (s32)clock_id;
	add_timer(pt, !uevent);
	s32 id = pt->id;
	if (put_user(id, uid)) {
		remove_timer(id);
		return -EFAULT;
	}
	return 0;
}

long sys_timer_delete(u64 id) { return remove_timer((s32)id); }

/* --- setting and asking ----------------------------------------------------------------------------------------------------------------- */

/* => S */
static void read_timer(struct posix_timer *pt, struct __kernel_itimerspec *out)
{
	u64 left = 0;
	if (pt->expires) {
		u64 now = timer_now(pt), next = pt->expires;
		if (now >= next && pt->interval)
			next += ((now - next) / pt->interval + 1) * pt->interval;
		if (now < next)
			left = next - now;
		else if (pt->notify != SIGEV_NONE && !pt->waiting)
			left = 1; /* due, but not fired yet */
	}
	out->it_value = ns_to_timespec(left);
	out->it_interval = ns_to_timespec(pt->interval);
}

/* => S, its callback does not run */
static void write_timer(struct posix_timer *pt, bool absolute, const struct __kernel_itimerspec *in)
{
	u64 value = timespec_to_ns(&in->it_value);
	pt->waiting = false;
	pt->expires = 0;
	pt->interval = 0;
	if (!value)
		return;
	pt->interval = timespec_to_ns(&in->it_interval);
	pt->real = pt->clock.kind == CLK_REAL && (absolute || pt->clock.alarm);
	if (absolute && pt->clock.kind == CLK_MONO)
		value = max(host_time(value, pt->clock.boot), 1UL);
	if (!absolute) {
		u64 now = timer_now(pt);
		value = value > ~0UL - 1 - now ? ~0UL - 1 : now + value;
	}
	pt->expires = value;
	start(pt, value);
}

long sys_timer_settime(u64 id, u64 flags, u64 unew, u64 uold)
{
	struct __kernel_itimerspec in, old;
	if (!unew)
		return -EINVAL;
	if (get_user(in, unew))
		return -EFAULT;
	if (!timespec_valid(&in.it_value) || !timespec_valid(&in.it_interval))
		return -EINVAL;
	for (;;) {
		u64 f = lock_mine();
		struct posix_timer *pt = find_timer((s32)id);
		if (!pt) {
			unlock_mine(f);
			return -EINVAL;
		}
		if (!pt->firing && timer_try_cancel(&pt->timer) >= 0) {
			read_timer(pt, &old);
			write_timer(pt, flags & TIMER_ABSTIME, &in);
			unlock_mine(f);
			break;
		}
		unlock_mine(f);
		cpu_relax();
	}
	return uold ? put_user(old, uold) : 0;
}

long sys_timer_gettime(u64 id, u64 uout)
{
	struct __kernel_itimerspec out;
	u64 f = lock_mine();
	struct posix_timer *pt = find_timer((s32)id);
	if (pt)
		read_timer(pt, &out);
	unlock_mine(f);
	return pt ? put_user(out, uout) : -EINVAL;
}

long sys_timer_getoverrun(u64 id)
{
	u64 f = lock_mine();
	struct posix_timer *pt = find_timer((s32)id);
	long ret = pt ? (long)pt->overrun : -EINVAL;
	unlock_mine(f);
	return ret;
}
