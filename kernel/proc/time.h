/* What the files about time share: time_calls.c (clocks, sleeping), time_set.c (setting), itimers.c (itimers, CPU limits), posix_timers.c. */
#ifndef PANDO_PROC_TIME_H
#define PANDO_PROC_TIME_H

#include "proc/proc.h"
#include "sched/kernel_time.h"

/* A periodic timer's callback comes no more often than this; the expirations in between are counted, not lost. */
#define TIMER_MIN_GAP_NS 50000UL

/* --- time_calls.c --- */
enum clock_kind { CLK_REAL, CLK_MONO, CLK_CPU };
enum cpu_what { CPU_RUN, CPU_USER, CPU_PROF };
/* A clock id taken apart. */
struct clock {
	u8 kind;       /* enum clock_kind */
	u8 what;       /* CLK_CPU: enum cpu_what */
	bool thread;   /* CLK_CPU: of one thread, else of a process */
	bool coarse, raw;
	bool alarm;    /* would wake a sleeping machine: CAP_WAKE_ALARM, else as its clock, since this machine never sleeps */
	bool boot;     /* CLK_MONO: the time since boot, which has an offset of its own in time namespaces */
	bool dynamic;  /* CLK_CPU: from a negative id, which names a process or thread */
	s32 pid;       /* CLK_CPU: whose, 0 = current */
};
/* 0 or -EINVAL. */
int clock_decode(s32 id, struct clock *c);
/* The task whose time a CLK_CPU clock shows, with a reference; 0 or -EINVAL. reading: a thread's number may stand for its process. */
int clock_cpu_task(const struct clock *c, bool reading, struct task **out);
/* The real-time clock was set: those who sleep until an absolute time look again. */
void sleepers_clock_set(void);

/* --- itimers.c --- */
/* => S. CPU time of t's whole process, ns. */
u64 process_runtime(struct task *t);
void process_times(struct task *t, u64 *utime, u64 *stime);

/* --- posix_timers.c --- */
/* => S. Does the process have timers on CPU clocks? */
bool cpu_timers_armed(struct signal *s);
/* Fires those of t's process that are due. Interrupt context, on t's CPU; t is running. */
void cpu_timers_check(struct task *t);
/* The nr-th timer of t's process; pids as ns counts. false: there are not so many. */
struct timer_info {
	s32 id, signo, notify, target, clock;
	u64 value;
};
bool posix_timer_info(struct task *t, u32 nr, const struct pid_namespace *ns, struct timer_info *out);
/* The real-time clock was set. */
void posix_timers_clock_set(void);

#endif
