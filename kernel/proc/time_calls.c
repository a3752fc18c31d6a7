/*
 * Clocks and sleeping. Entry points: sys_clock_gettime/getres, sys_nanosleep, sys_clock_nanosleep, sys_time, sys_times. Setting
 * is in time_set.c.
 */
#include <linux/capability.h>
#include <linux/time.h>
#include <linux/times.h>

#include "gen/sys_protos.h"
#include "mm/uaccess.h"
#include "proc/time.h"
#include "vfs/timerfd.h"

#define USER_HZ 100

/* Sleepers on an absolute real time look again when the clock is set. */
static struct wait_queue clock_set_wait = WAIT_QUEUE_INIT(clock_set_wait);

/* --- clock ids -------------------------------------------------------------------------------------------------------------------------- */

/* A negative id: ~pid << 3, bit 2 = of one thread, bits 0-1 = what (0 user + system, 1 user, 2 run time, 3 a clock's file). */
static int decode_dynamic(s32 id, struct clock *c)
{
	static const u8 what[3] = { CPU_PROF, CPU_USER, CPU_RUN };
	if ((id & 3) == 3)
		return -EINVAL;
	*c = (struct clock){ .kind = CLK_CPU, .what = what[id & 3], .thread = id & 4, .dynamic = true, .pid = ~(id >> 3) };
	return 0;
}

int clock_decode(s32 id, struct clock *c)
{
	if (id < 0)
		return decode_dynamic(id, c);
	*c = (struct clock){ .kind = CLK_MONO };
	switch (id) {
	case CLOCK_REALTIME:
	case CLOCK_TAI: c->kind = CLK_REAL; return 0; /* no leap seconds are known: TAI differs by 0, as on a Linux that nobody told */
	case CLOCK_REALTIME_COARSE: c->kind = CLK_REAL; c->coarse = true; return 0;
	case CLOCK_REALTIME_ALARM: c->kind = CLK_REAL; c->alarm = true; return 0;
	case CLOCK_MONOTONIC: return 0;
	case CLOCK_BOOTTIME: c->boot = true; return 0;
	case CLOCK_MONOTONIC_RAW: c->raw = true; return 0;
	case CLOCK_MONOTONIC_COARSE: c->coarse = true; return 0;
	case CLOCK_BOOTTIME_ALARM: c->boot = c->alarm = true; return 0;
	case CLOCK_PROCESS_CPUTIME_ID: c->kind = CLK_CPU; return 0;
	case CLOCK_THREAD_CPUTIME_ID: c->kind = CLK_CPU; c->thread = true; return 0;
	default: return -EINVAL;
	}
}

int clock_cpu_task(const struct clock *c, bool reading, struct task **out)
{
	struct task *t = current;
	if (c->pid == 0) {
		task_get(t);
	} else {
		t = find_get_task(c->pid);
		if (!t)
			return -EINVAL;
	}
	bool ok = c->thread ? same_thread_group(t, current) : thread_group_leader(t) || (reading && t == current);
	if (!ok) {
		task_put(t);
		return -EINVAL;
	}
	*out = t;
	return 0;
}

/* What that clock of t shows now, ns. Takes S. */
static u64 clock_cpu_ns(const struct clock *c, struct task *t)
{
	u64 utime, stime, flags, run;
	if (c->thread) {
		thread_cpu_times(task_thread(t), &utime, &stime);
		return c->what == CPU_USER ? utime : utime + stime;
	}
	if (!lock_task_sighand(t, &flags))
		return 0;
	if (c->what == CPU_RUN) {
		run = process_runtime(t);
	} else {
		process_times(t, &utime, &stime);
		run = c->what == CPU_USER ? utime : utime + stime;
	}
	unlock_task_sighand(t, flags);
	return run;
}

static int clock_read(const struct clock *c, u64 *ns)
{
	struct task *t;
	if (c->kind != CLK_CPU) {
		*ns = c->kind == CLK_REAL ? clock_real() : clock_mono() + (u64)my_clock_offset(c->boot);
		return 0;
	}
	int err = clock_cpu_task(c, true, &t);
	if (err)
		return err;
	*ns = clock_cpu_ns(c, t);
	task_put(t);
	return 0;
}

/* --- reading and setting ---------------------------------------------------------------------------------------------------------------- */

long sys_clock_gettime(u64 id, u64 uts)
{
	struct clock c;
	u64 ns;
	int err = clock_decode((s32)id, &c);
	if (!err)
		err = clock_read(&c, &ns);
	if (err)
		return err;
	struct __kernel_timespec ts = ns_to_timespec(ns);
	return put_user(ts, uts);
}

long sys_clock_getres(u64 id, u64 uts)
{
	struct clock c;
	struct task *t;
	int err = clock_decode((s32)id, &c);
	if (!err && c.dynamic) {
		err = clock_cpu_task(&c, true, &t);
		if (!err)
			task_put(t);
	}
	if (err || !uts)
		return err;
	struct __kernel_timespec ts = ns_to_timespec(c.coarse ? TICK_NS : 1);
	return put_user(ts, uts);
}

void sleepers_clock_set(void) { wake_up_all(&clock_set_wait); }

long sys_time(u64 utime)
{
	s64 now = (s64)(clock_real() / NSEC_PER_SEC);
	if (utime && put_user(now, utime))
		return -EFAULT;
	return now;
}

static s64 to_clock_ticks(u64 ns) { return (s64)(ns / (NSEC_PER_SEC / USER_HZ)); }

long sys_times(u64 utms)
{
	struct tms tms;
	u64 utime, stime;
	if (utms) {
		struct task *t = current;
		u64 flags = spin_lock_irqsave(&t->sighand->lock);
		process_times(t, &utime, &stime);
		tms.tms_cutime = to_clock_ticks(t->signal->cutime);
		tms.tms_cstime = to_clock_ticks(t->signal->cstime);
		spin_unlock_irqrestore(&t->sighand->lock, flags);
		tms.tms_utime = to_clock_ticks(utime);
		tms.tms_stime = to_clock_ticks(stime);
		if (put_user(tms, utms))
			return -EFAULT;
	}
	return to_clock_ticks(clock_mono());
}

/* --- sleeping --------------------------------------------------------------------------------------------------------------------------- */

/* How a sleep stands: until when, by which clock. */
struct nap {
	const struct clock *clock;
	struct task *cpu_task; /* CLK_CPU: whose time */
	u64 until;             /* on the clock's own scale */
};

static u64 nap_left(const struct nap *n)
{
	u64 now = n->clock->kind == CLK_CPU ? clock_cpu_ns(n->clock, n->cpu_task) : n->clock->kind == CLK_REAL ? clock_real() : clock_mono();
	return n->until > now ? n->until - now : 0;
}

/* 0 when the time has come, -EINTR when a signal came first. */
static int take_nap(const struct nap *n)
{
	int ret = 0;
	u64 left;
	struct wait_entry e;
	bool listens = n->clock->kind == CLK_REAL;
	if (listens) {
		wait_entry_init(&e);
		wait_add(&clock_set_wait, &e);
	}
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		left = nap_left(n);
		if (!left)
			break;
		if (signal_pending()) {
			ret = -EINTR;
			break;
		}
		/* CPU time grows at most as fast as all CPUs together run. */
		if (n->clock->kind == CLK_CPU)
			left = max(left / nr_cpus, 1000000UL);
		schedule_timeout(left);
	}
	set_current_state(TASK_RUNNING);
	if (listens)
		wait_remove(&clock_set_wait, &e);
	return ret;
}

static long restart_nap(struct task *t);

/* A relative sleep; `until` is its end on the clock's scale (relative sleeps of CLOCK_REALTIME run by the monotonic one, those of its alarm do not). */
static long relative_nap(const struct nap *n, s32 id, uaddr_t urem)
{
	if (!take_nap(n))
		return 0;
	u64 left = nap_left(n);
	if (!left)
		return 0;
	struct __kernel_timespec ts = ns_to_timespec(left);
	if (urem && put_user(ts, urem))
		return -EFAULT;
	current->restart.fn = restart_nap;
	current->restart.arg[0] = n->until;
	current->restart.arg[1] = urem;
	current->restart.arg[2] = (u64)(s64)id;
	return -ERESTART_RESTARTBLOCK;
}

static long nap_with_clock(struct nap *n, s32 id, bool absolute, uaddr_t urem)
{
	if (n->clock->kind == CLK_CPU) {
		int err = clock_cpu_task(n->clock, false, &n->cpu_task);
		if (err)
			return err;
		if (!absolute)
			n->until += clock_cpu_ns(n->clock, n->cpu_task);
	} else if (!absolute) {
		u64 now = n->clock->kind == CLK_REAL ? clock_real() : clock_mono();
		n->until = n->until > ~0UL - now ? ~0UL : now + n->until;
	}
	long ret = absolute ? (take_nap(n) ? -ERESTARTNOHAND : 0) : relative_nap(n, id, urem);
	if (n->cpu_task)
		task_put(n->cpu_task);
	return ret;
}

static const struct clock mono_clock = { .kind = CLK_MONO };

static long restart_nap(struct task *t)
{
	struct clock c = mono_clock;
	s32 id = (s32)t->restart.arg[2];
	struct nap n = { .clock = &c, .until = t->restart.arg[0] };
	if (clock_decode(id, &c) || (c.kind != CLK_CPU && !c.alarm))
		c = mono_clock;
	else if (c.kind == CLK_CPU && clock_cpu_task(&c, false, &n.cpu_task))
		return 0; /* that process is gone: its clock stands still for ever */
	long ret = relative_nap(&n, id, t->restart.arg[1]);
	if (n.cpu_task)
		task_put(n.cpu_task);
	return ret;
}

long sys_nanosleep(u64 ureq, u64 urem)
{
	struct __kernel_timespec ts;
	if (get_user(ts, ureq))
		return -EFAULT;
	if (!timespec_valid(&ts))
		return -EINVAL;
	struct nap n = { .clock = &mono_clock, .until = timespec_to_ns(&ts) };
	return nap_with_clock(&n, CLOCK_MONOTONIC, false, urem);
}

long sys_clock_nanosleep(u64 id, u64 flags, u64 ureq, u64 urem)
{
	struct clock c;
	struct __kernel_timespec ts;
	if (clock_decode((s32)id, &c))
		return -EINVAL;
	if (c.coarse || c.raw || (s32)id == CLOCK_THREAD_CPUTIME_ID)
		return -EOPNOTSUPP;
	if (get_user(ts, ureq))
		return -EFAULT;
	if (!timespec_valid(&ts))
		return -EINVAL;
	/* A thread that waits for its own CPU time would wait for ever. */
	if (c.kind == CLK_CPU && c.thread && (c.pid == 0 || c.pid == pid_own_nr(current->thread_pid)))
		return -EINVAL;
	bool absolute = flags & TIMER_ABSTIME;
	if (c.alarm && (s32)flags & ~TIMER_ABSTIME)
		return -EINVAL;
	if (c.alarm && !capable(CAP_WAKE_ALARM))
		return -EPERM;
	if (!absolute && c.kind == CLK_REAL && !c.alarm)
		c = mono_clock;
	struct nap n = { .clock = &c, .until = timespec_to_ns(&ts) };
	if (absolute && c.kind == CLK_MONO)
		n.until = host_time(n.until, c.boot);
	return nap_with_clock(&n, (s32)id, absolute, urem);
}
