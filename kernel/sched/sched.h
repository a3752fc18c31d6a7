/* The scheduler's public face: sleeping, waking, priorities, affinity. Knows struct thread, not struct task. */
#ifndef PANDO_SCHED_SCHED_H
#define PANDO_SCHED_SCHED_H

#include "arch/x86_64/cpu.h"
#include "lib/errno.h"
#include "sched/thread.h"

/* Run queues and process 0 as CPU 0's idle thread (`idle` is static, TIF_IDLE|TIF_KTHREAD). */
void sched_init(struct thread *idle);
/* Makes `idle` (already running on this CPU) that CPU's idle thread. */
void sched_init_cpu(struct thread *idle);
/* The idle loop: refill, halt. Never returns. */
void sched_idle(void) __noreturn;
/* ns budget hook for idle work, called by the idle loop with interrupts on while nothing is runnable: returns true if there is more to do. */
extern bool (*sched_idle_work)(void);

/* A CPU's idle thread, NULL before it is online. */
struct thread *sched_idle_thread(u32 cpu);

/* Gives the CPU away. With state != RUNNING (and no pending signal that the state lets through) the thread leaves the queue until woken. */
void schedule(void);
/* Sleep protocol: set_current_state(TASK_INTERRUPTIBLE); test the condition; schedule(). A waker sets the condition, then wakes. */
static inline void set_current_state(u32 s) { xchg(&current_thread()->state, s); }
/* Sleeps for at most ns (~0 = no limit) in the current state; returns the ns left, 0 when the time is over. */
u64 schedule_timeout(u64 ns);
/* Gives way if somebody else should run (in long loops; may be called wherever sleeping is allowed). */
void cond_resched(void);
/* sched_yield(2). */
void sched_yield(void);
/* Mask of the CPUs that run threads. */
u64 sched_cpus(void);

/* Makes t runnable if its state is in `states`. True when it did. Any context; t must not be freed meanwhile. */
bool wake_up_state(struct thread *t, u32 states);
static inline bool wake_up_thread(struct thread *t) { return wake_up_state(t, TASK_NORMAL); }
/* Forces t into the kernel soon, so that it sees its TIF_ work bits: wakes it from `states`, or sends a reschedule IPI if it runs in user mode. */
void kick_thread(struct thread *t, u32 states);

/* fork: resets the child's entity; policy, nice and affinity are inherited, unless SCHED_RESET_ON_FORK (sched(7)); state NEW. */
void sched_fork(struct thread *child);
/* Puts a newborn (state NEW) on a queue for the first time, at that queue's average; may preempt the caller. */
void sched_start(struct thread *child);
/* Called first thing by a thread that was just switched to (schedule() does it; a newborn does it by hook_ret_from_fork). => interrupts off */
void sched_finish_switch(struct thread *prev);
/* The end of a thread: state DEAD, never runs again; hook_thread_dead(t) is called from another context once its stack is no longer in use. */
void sched_exit(void) __noreturn;

/* 0 or -EINVAL. Takes effect at once, migrating if need be. */
int sched_set_affinity(struct thread *t, u64 mask);
/* policy/prio/nice as checked by the caller. */
void sched_set_policy(struct thread *t, u8 policy, u8 rt_prio, s8 nice, bool reset_on_fork);
/* Priority inheritance: t runs at least at real-time priority `boost` (0 = only its own counts) until this is called again. */
void sched_set_boost(struct thread *t, u8 boost);
/* exec: a good moment to move to the least loaded CPU. */
void sched_exec(void);
/* The CPU a thread runs or last ran on. */
static inline u32 thread_cpu(const struct thread *t) { return READ_ONCE(t->se.cpu); }
/* How long t may run before an equal gets its turn, ns; 0 = without end (sched_rr_get_interval). */
u64 sched_slice(const struct thread *t);
/* CPU time of t so far, ns: *utime + *stime equals its exact run time; the split follows the sampled ticks. */
void thread_cpu_times(struct thread *t, u64 *utime, u64 *stime);
u64 thread_runtime(struct thread *t);
/* As ps shows it, plus 100: 120 + nice, or 99 - real-time priority. */
u8 thread_priority(const struct thread *t);
/* 1, 5, 15 minute load averages, fixed point 11 bits as sysinfo(2) wants (<< 5 by the caller). */
void sched_loadavg(u64 avg[3]);
u64 sched_nr_running(void);
u64 sched_context_switches(void);
/* ns spent idle / user / system by CPU since boot, for /proc/stat. */
void sched_cpu_stat(u32 cpu, u64 *user, u64 *system, u64 *idle);
/* Of its time in user mode that of threads with nice above 0. */
u64 sched_cpu_nice(u32 cpu);

static inline bool signal_pending(void) { return READ_ONCE(current_thread()->flags) & TIF_SIGPENDING; }
static inline bool fatal_signal_pending(void) { return READ_ONCE(current_thread()->flags) & TIF_KILLED; }
static inline u64 rlimit_cur(int which) { return READ_ONCE(current_thread()->rlim->r[which].cur); }

/* Upward calls. mm/context.c: called by schedule() with interrupts off before arch_switch. */
void hook_switch_mm(struct thread *prev, struct thread *next);
/* proc/exit.c: t is off its CPU for good; drops the scheduler's reference. Interrupts off, no locks held: must not sleep. */
void hook_thread_dead(struct thread *t);
/* proc: 100 times a second on each busy CPU, in interrupt context, for CPU-time limits and itimers of the interrupted thread. */
void hook_cpu_tick(struct thread *t, bool user);

#endif
