/*
 * struct thread: the part of a task that the rooms below proc may see. It is the first, anonymous member of struct task (proc/task.h).
 * Field tags: o = only the thread itself; q = its run queue's lock; a = atomic; I = constant once published; t = task->alloc_lock to
 * write, the thread itself reads freely.
 */
#ifndef PANDO_SCHED_THREAD_H
#define PANDO_SCHED_THREAD_H

#include "arch/x86_64/thread.h"
#include "lib/atomic.h"
#include "lib/list.h"
#include "lib/rbtree.h"
#include "lib/types.h"

/* thread->flags, bits that demand work before user mode (TIF_WORK) and others. Set with atomic_or, cleared with atomic_and. */
#define TIF_NEED_RESCHED BIT(0)
#define TIF_SIGPENDING BIT(1)   /* a signal, stop or job-control request may be deliverable: proc/signal.c decides */
#define TIF_TRACE BIT(9)        /* its CPU's trace ring is filling up: it is to wait for the reader, sched/trace_pace.h */
#define TIF_RSEQ_WORK BIT(12)   /* a registered rseq area is out of date, or a sequence may have to be aborted */
#define TIF_GROUP BIT(17)       /* a limit of its control group was met: it waits, or has somebody killed; does not end sleeps */
#define TIF_WORK (TIF_NEED_RESCHED | TIF_SIGPENDING | TIF_TRACE | TIF_RSEQ_WORK | TIF_GROUP)
#define TIF_KILLED BIT(3)       /* SIGKILL is pending (or the group exits): killable sleeps end. Never cleared */
#define TIF_KTHREAD BIT(4)      /* a kernel thread: no user half */
#define TIF_RESTORE_SIGMASK BIT(5) /* saved_sigmask is to be restored by signal delivery */
#define TIF_IDLE BIT(6)
#define TIF_SYSCALL_TRACE BIT(7) /* a tracer is to be told of the ends of system calls: hook_syscall_exit() */
#define TIF_SINGLESTEP BIT(8)    /* a tracer steps it */
#define TIF_FORCED_TF BIT(10)     /* the trap flag in its registers is the tracer's doing, not its own */
#define TIF_RSEQ BIT(11)         /* it has registered an rseq area */
#define TIF_SECCOMP BIT(14)       /* its system calls are judged: proc/seccomp.h */
#define TIF_DISPATCH BIT(18) /* it answers system calls itself: proc/user_dispatch.h */
#define TIF_NO_NEW_PRIVS BIT(15)  /* execve gives it no privileges: prctl(PR_SET_NO_NEW_PRIVS). Never cleared */
#define TIF_RSEQ_ABORT BIT(13)   /* it was interrupted: a sequence it is in must begin anew */

#define TIF_NEW_REGS BIT(16)     /* its user registers were replaced inside a system call: the way out is to load all of them (entry.S clears it) */

/* thread->state. RUNNING covers "on a run queue". */
#define TASK_RUNNING 0u
#define TASK_INTERRUPTIBLE 1u
#define TASK_UNINTERRUPTIBLE 2u
#define TASK_STOPPED 4u
#define TASK_TRACED 8u
#define TASK_PARKED 0x40u
#define TASK_NEW 0x80u
#define TASK_WAKEKILL 0x100u
#define TASK_DEAD 0x200u
#define TASK_KILLABLE (TASK_UNINTERRUPTIBLE | TASK_WAKEKILL)
#define TASK_NORMAL (TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE)

struct sched_entity {
	struct rb_node node;      /* q  in the fair tree */
	struct list_head rt_node; /* q  in an RT list */
	u64 vruntime;             /* q  ns, weighted */
	u64 deadline;             /* q  virtual deadline (EEVDF) */
	s64 lag;                  /* q  how far behind the queue's average it was when it left, virtual ns */
	u64 sum_exec;             /* q  ns on CPU in all */
	u64 exec_start;           /* q  when the current stretch began */
	u64 slice_used;           /* q  ns used of the current slice (RR, fair) */
	u64 affinity;             /* q  mask of CPUs */
	u32 weight;               /* q  from nice, 1024 = nice 0 */
	struct sched_group *counts_in; /* q  while on_rq: the group whose load it is part of; group_lock */
	u32 counted;              /* q  with how much */
	u32 cpu;                  /* q  the CPU whose queue it is on, or was last */
	s8 nice;                  /* q  -20 .. 19 */
	u8 policy;                /* q  SCHED_NORMAL, FIFO, RR, BATCH, IDLE */
	u8 rt_prio;               /* q  1 .. 99 for FIFO/RR */
	u8 boost;                 /* q  the priority it inherits from who waits for its locks, 0 = none */
	u8 prio;                  /* q  the higher of the two: what it is scheduled by */
	bool reset_on_fork;       /* q */
	bool idle_group;          /* q  a group of it is idle: as SCHED_IDLE for preemption */
	bool on_rq;               /* q  runnable: queued or running */
	bool load_sleep;          /* q  sleeps uninterruptibly, so counts in the load average */
	bool on_cpu;              /* a  running, or not yet switched away from */
	u64 nvcsw, nivcsw;        /* o  voluntary, involuntary switches */
	u64 utime_ticks, stime_ticks; /* o  ticks sampled in user and kernel mode; see thread_cpu_times() */
	u64 shown_utime, shown_stime; /* q  what thread_cpu_times() gave last: neither part may shrink */
};

/* One process's resource limits; shared by its threads. Index RLIMIT_*. */
struct rlimit_pair { u64 cur, max; };
struct rlimits {
	struct rlimit_pair r[16]; /* each word read atomically; written under the group leader's alloc_lock */
};

struct mm;
struct fdtable;
struct fs_context;
struct cred;
struct nsproxy;
struct lock_stack;
struct memcg;
struct sched_group;

/* What reading and writing moved, and how often. */
struct io_count {
	u64 rchar, wchar, syscr, syscw;
};

static inline void io_count_add(struct io_count *to, const struct io_count *c)
{
	to->rchar += c->rchar;
	to->wchar += c->wchar;
	to->syscr += c->syscr;
	to->syscw += c->syscw;
}

struct thread {
	struct arch_thread arch;     /* o */
	u32 flags;                   /* a  TIF_* */
	u32 state;                   /* a  TASK_*; see set_current_state() */
	struct sched_entity se;
	struct mm *mm;               /* t  NULL for kernel threads and once put_mm of proc/steps.c has run */
	struct fdtable *files;       /* t  NULL after put_files */
	struct fs_context *fs;       /* t  NULL after put_fs */
	const struct cred *cred;     /* o to write; others under task->alloc_lock */
	struct nsproxy *nsproxy;     /* t  NULL after exit; what it points at is constant */
	struct rlimits *rlim;        /* I  its process's */
	u32 personality; /* o  PER_*, ADDR_* ... */
	s32 tid;                     /* I  number in the initial pid namespace, for messages */
	char comm[16];               /* t  */
	struct sched_group *group;   /* q  NULL: the root group */
	bool throttled;              /* o  sleeps until its group may run again */
	struct memcg *memcg;         /* memcg_lock to write; NULL: the root group, pays nothing */
	u16 memcg_blocked;           /* o  the group whose limit it met, 0 = none; with TIF_GROUP (mm/memcg.c) */
	u16 memcg_over_high;         /* o  the group that it made exceed memory.high, 0 = none */
	bool memcg_forced;           /* o  memcg_blocked did not keep it from the page */
	u32 memcg_high_pages;        /* o  pages it got above memory.high */
	u64 maj_faults, min_faults;  /* o */
	struct io_count io_count; /* o */
	u64 saved_sigmask;           /* o  with TIF_RESTORE_SIGMASK: sigsuspend, ppoll ... */
	u32 rseq_cpu;                /* o  with TIF_RSEQ: the CPU number that user space was told */
	u32 fail_nth;                /* o  debug: so many places of its system calls from now, memory is out (mm/fail.c); 0 = never. Whoever may write its /proc file sets it */
	bool fail_counts;            /* o  debug: it is in a system call that counts them */
	u32 uaccess_disabled;        /* o  > 0: a fault on user memory must not sleep but fail */
	struct mutex *held_mutex[8]; /* o  debug: sleeping locks held */
	u32 held_mutexes;            /* o */
};

#endif
