/*
 * Interval timers of a process (setitimer, getitimer, alarm) and its CPU-time limits. Entry points: those calls, exit_itimers(),
 * init_signal_timers(), real_timer_dequeued(), hook_cpu_tick(), process_runtime(), process_times().
 *
 * ITIMER_REAL is a kernel timer, which is wound up again when its signal is taken: blocked it stands still, ignored it ends, as on Linux. VIRTUAL and
 * PROF are counted down by the tick, which samples whom it meets. All fields are guarded by the process's sighand lock (S), which the timer callback and
 * the tick take in interrupt context.
 */
#include <linux/resource.h>
#include <linux/time.h>

#include "gen/sys_protos.h"
#include "mm/uaccess.h"
#include "proc/signal.h"
#include "proc/time.h"

#define NSEC_PER_USEC 1000UL

u64 process_runtime(struct task *t)
{
	u64 ns = t->signal->dead_runtime;
	struct task *p;
	for_each_thread(t, p)
		ns += thread_runtime(task_thread(p));
	return ns;
}

void process_times(struct task *t, u64 *utime, u64 *stime)
{
	struct task *p;
	*utime = t->signal->dead_utime;
	*stime = t->signal->dead_stime;
	for_each_thread(t, p) {
		u64 u, s;
		thread_cpu_times(task_thread(p), &u, &s);
		*utime += u;
		*stime += s;
	}
}

/* --- ITIMER_REAL ------------------------------------------------------------------------------------------------------------------------ */

/* The first multiple of interval after `from` that lies past now. */
static u64 forward(u64 from, u64 interval, u64 now)
{
	u64 next = from + ((now - from) / interval + 1) * interval;
	return max(next, now + TIMER_MIN_GAP_NS);
}

static void real_timer_fired(struct timer *timer)
{
	struct signal *s = container_of(timer, struct signal, real_timer);
	send_signal_kernel(s->real_timer_task, SIGALRM);
}

void real_timer_dequeued(struct signal *s)
{
	if (s->real_interval && !s->real_timer.armed)
		timer_arm(&s->real_timer, forward(s->real_timer.expires, s->real_interval, clock_mono()));
}

void init_signal_timers(struct signal *s, struct task *leader)
{
	timer_init(&s->real_timer, real_timer_fired);
	s->real_timer_task = leader;
	list_init(&s->posix_timers);
}

void exit_itimers(struct signal *s)
{
	u64 flags = spin_lock_irqsave(&current->sighand->lock);
	s->real_interval = 0;
	s->virt_left = s->prof_left = 0;
	spin_unlock_irqrestore(&current->sighand->lock, flags);
	timer_cancel(&s->real_timer);
	delete_posix_timers(s);
}

/* --- the calls -------------------------------------------------------------------------------------------------------------------------- */

struct itimer {
	u64 value, interval; /* ns; value 0 = off */
};

/* => S */
static void read_itimer(struct signal *s, int which, struct itimer *out)
{
	if (which == ITIMER_REAL) {
		out->interval = s->real_interval;
		out->value = 0;
		if (s->real_timer.armed) {
			u64 now = clock_mono();
			out->value = s->real_timer.expires > now ? s->real_timer.expires - now : NSEC_PER_USEC;
		}
	} else {
		out->value = which == ITIMER_VIRTUAL ? s->virt_left : s->prof_left;
		out->interval = which == ITIMER_VIRTUAL ? s->virt_interval : s->prof_interval;
	}
}

/* => S, and ITIMER_REAL's callback does not run */
static void write_itimer(struct signal *s, int which, const struct itimer *in)
{
	if (which == ITIMER_REAL) {
		s->real_interval = in->value ? in->interval : 0;
		if (in->value) {
			u64 now = clock_mono();
			timer_arm(&s->real_timer, in->value > ~0UL - now ? ~0UL - 1 : now + in->value);
		}
	} else if (which == ITIMER_VIRTUAL) {
		s->virt_left = in->value;
		s->virt_interval = in->interval;
	} else {
		s->prof_left = in->value;
		s->prof_interval = in->interval;
	}
}

static void swap_itimer(int which, const struct itimer *in, struct itimer *old)
{
	struct signal *s = current->signal;
	for (;;) {
		u64 flags = spin_lock_irqsave(&current->sighand->lock);
		read_itimer(s, which, old);
		/* The callback takes S; while it runs elsewhere, let it finish. */
		if (which != ITIMER_REAL || timer_try_cancel(&s->real_timer) >= 0) {
			write_itimer(s, which, in);
			spin_unlock_irqrestore(&current->sighand->lock, flags);
			return;
		}
		spin_unlock_irqrestore(&current->sighand->lock, flags);
		cpu_relax();
	}
}

static struct __kernel_old_timeval to_timeval(u64 ns)
{
	return (struct __kernel_old_timeval){ (s64)(ns / NSEC_PER_SEC), (s64)(ns % NSEC_PER_SEC / NSEC_PER_USEC) };
}

static int from_timeval(const struct __kernel_old_timeval *tv, u64 *ns)
{
	if (tv->tv_sec < 0 || (u64)tv->tv_usec >= 1000000)
		return -EINVAL;
	*ns = (u64)tv->tv_sec >= ~0UL / NSEC_PER_SEC - 1 ? ~0UL / 2 : (u64)tv->tv_sec * NSEC_PER_SEC + (u64)tv->tv_usec * NSEC_PER_USEC;
	return 0;
}

static int put_itimer(uaddr_t dst, const struct itimer *it)
{
	struct __kernel_old_itimerval v = { to_timeval(it->interval), to_timeval(it->value) };
	/* A timer that is on never shows 0. */
	if (it->value && it->value < NSEC_PER_USEC)
		v.it_value.tv_usec = 1;
	return put_user(v, dst);
}

long sys_getitimer(u64 which, u64 dst)
{
	struct itimer it;
	if ((u32)which > ITIMER_PROF)
		return -EINVAL;
	u64 flags = spin_lock_irqsave(&current->sighand->lock);
	read_itimer(current->signal, (int)which, &it);
	spin_unlock_irqrestore(&current->sighand->lock, flags);
	return put_itimer(dst, &it);
}

long sys_setitimer(u64 which, u64 src, u64 dst)
{
	struct __kernel_old_itimerval v = { 0 };
	struct itimer in, old;
	/* No new value disarms: Linux has promised that for ever. */
	if (src && get_user(v, src))
		return -EFAULT;
	if (from_timeval(&v.it_value, &in.value) || from_timeval(&v.it_interval, &in.interval) || (u32)which > ITIMER_PROF)
		return -EINVAL;
	swap_itimer((int)which, &in, &old);
	return dst ? put_itimer(dst, &old) : 0;
}

long sys_alarm(u64 seconds)
{
	struct itimer in = { .value = min((u64)(u32)seconds, 0x7fffffffUL) * NSEC_PER_SEC }, old;
	swap_itimer(ITIMER_REAL, &in, &old);
	u64 left = old.value / NSEC_PER_SEC, rest = old.value % NSEC_PER_SEC;
	/* Rounded, but never to 0 while one was on. */
	if ((!left && rest) || rest >= NSEC_PER_SEC / 2)
		left++;
	return (long)left;
}

/* --- the tick --------------------------------------------------------------------------------------------------------------------------- */

/* => S. Takes one tick off; true when the timer has run out. */
static bool count_down(u64 *left, u64 interval)
{
	if (!*left)
		return false;
	if (*left > TICK_NS) {
		*left -= TICK_NS;
		return false;
	}
	*left = interval;
	return true;
}

/* => S. The signal that RLIMIT_CPU asks for now, or 0. Each warning moves the soft limit on by a second, which getrlimit() shows. */
static int check_cpu_limit(struct task *t)
{
	struct rlimit_pair *limit = &t->signal->rlim.r[RLIMIT_CPU];
	u64 soft = READ_ONCE(limit->cur), hard = READ_ONCE(limit->max);
	u64 seconds = process_runtime(t) / NSEC_PER_SEC;
	if (hard != RLIM64_INFINITY && seconds >= hard)
		return SIGKILL;
	if (seconds < soft)
		return 0;
	WRITE_ONCE(limit->cur, soft + 1);
	return SIGXCPU;
}

void hook_cpu_tick(struct thread *thread, bool user)
{
	struct task *t = (struct task *)thread;
	struct signal *s = t->signal;
	u64 flags;
	if (t->pf & (PF_KTHREAD | PF_EXITING))
		return;
	bool limited = READ_ONCE(s->rlim.r[RLIMIT_CPU].cur) != RLIM64_INFINITY;
	if (likely(!limited && !READ_ONCE(s->virt_left) && !READ_ONCE(s->prof_left) && list_empty(&s->posix_timers)))
		return;
	if (!lock_task_sighand(t, &flags))
		return;
	bool virt = user && count_down(&s->virt_left, s->virt_interval);
	bool prof = count_down(&s->prof_left, s->prof_interval);
	int limit = limited ? check_cpu_limit(t) : 0;
	bool timers = cpu_timers_armed(s);
	unlock_task_sighand(t, flags);
	if (virt)
		send_signal_kernel(t, SIGVTALRM);
	if (prof)
		send_signal_kernel(t, SIGPROF);
	if (limit)
		send_signal_kernel(t, limit);
	if (timers)
		cpu_timers_check(t);
}
