/*
 * struct task and what its threads share: sighand, signal. The heart of the kernel; every field has a lock tag:
 *   o  only the task itself (current)            I  constant once the task is published
 *   T  tasklist_lock                             S  sighand->lock
 *   A  task->alloc_lock to write, the task itself reads freely
 *   a  atomic                                    q  run-queue lock (inside struct thread)
 * Two tags: either to read, both to write.
 */
#ifndef PANDO_PROC_TASK_H
#define PANDO_PROC_TASK_H

#include <asm/siginfo.h>
#include <asm/signal.h>

#include "arch/x86_64/arch.h"
#include "lib/list.h"
#include "mm/mm.h"
#include "proc/birth.h"
#include "proc/pid.h"
#include "sched/spinlock.h"
#include "sched/thread.h"
#include "sched/timer.h"
#include "sched/wait.h"
#include "vfs/cred.h"
#include "vfs/file.h"

#define NSIG_MAX 64
typedef u64 ksigset_t; /* bit n-1 = signal n */
#define SIGMASK(s) (1UL << ((s)-1))

/* The kernel's view of a siginfo: the very 128 bytes that user space gets, kept short. What one signal has and another has not lies in one place. */
struct ksiginfo {
	s32 signo, code, err;
	s32 pid;
	u32 uid;
	s32 status;
	union {
		u64 addr;  /* faults, SIGSYS */
		u64 value; /* sigqueue, timers; SIGIO's band */
		u64 utime; /* SIGCHLD */
	};
	union {
		u64 stime;                              /* SIGCHLD */
		struct { s32 timerid, overrun; };       /* timers */
		struct { s32 syscall; u32 arch; };      /* SIGSYS */
	};
};
struct sigqueue {
	struct list_head node;
	struct ksiginfo info;
	struct user_account *user; /* charged for RLIMIT_SIGPENDING, or NULL */
	struct posix_timer *timer; /* preallocated entry of a timer, or NULL */
};
struct sigpending {
	struct list_head list; /* struct sigqueue, in order of arrival */
	ksigset_t set;
};
#define KSIG_DFL 0UL
#define KSIG_IGN 1UL
struct ksigaction {
	u64 handler; /* KSIG_DFL, KSIG_IGN, or a user address */
	u64 flags;
	u64 restorer;
	ksigset_t mask;
};

/* The table of handlers: shared by CLONE_SIGHAND. Its lock also guards the signal state of every thread in the group. */
struct sighand {
	atomic_t refs;
	struct spinlock lock; /* RANK_SIGHAND, irqsave: timers send signals */
	ksigset_t used;       /* S: actions that may differ from all zeroes; whoever writes to one adds it: sighand_action() */
	struct ksigaction action[NSIG_MAX]; /* S; [sig-1] */
};

/* => S. The action of a signal, to be written to. */
static inline struct ksigaction *sighand_action(struct sighand *s, int sig)
{
	s->used |= SIGMASK(sig);
	return &s->action[sig - 1];
}

/* signal->flags */
#define SIGNAL_STOP_STOPPED 1u    /* the whole group is stopped */
#define SIGNAL_STOP_CONTINUED 2u  /* continued, not yet reported by wait(WCONTINUED) */
#define SIGNAL_GROUP_EXIT 4u
#define SIGNAL_CLD_STOPPED 16u    /* parent still to be told */
#define SIGNAL_CLD_CONTINUED 32u
#define SIGNAL_UNKILLABLE 64u     /* init */

struct tty;
struct cgroup;
struct sem_undo_list;

/* What the threads of one process share (Linux's signal_struct). */
struct signal {
	atomic_t refs;               /* tasks that point here */
	s32 live;                    /* S: threads that have not begun do_exit */
	u32 nr_threads;              /* T S */
	struct list_head threads;    /* T: task->thread_node, leader first */
	struct wait_queue wait_chldexit;
	struct task *curr_target;    /* S */
	struct sigpending shared_pending; /* S */
	struct list_head multiprocess;    /* S: struct multiprocess_signals of forks in progress */
	s32 group_exit_code;         /* S */
	struct task *group_exec_task;/* S: the thread that de-threads */
	u32 notify_count;            /* S: threads it still waits for */
	struct core_state *core;     /* S: the core dump in progress, or NULL: coredump.h */
	u32 flags;                   /* S */
	s32 group_stop_count;        /* S */
	bool is_child_subreaper;     /* T */
	bool has_child_subreaper;    /* T */
	bool leader;                 /* T: session leader */
	bool autoreap;               /* T: CLONE_AUTOREAP: it is gone when it ends, its parent is not told */
	struct pid *pids[PIDTYPE_MAX]; /* T: TGID, PGID, SID of the process */
	struct tty *tty;             /* S: controlling terminal; a reference held by tty room's hooks */
	struct pid *tty_old_pgrp;    /* S */
	struct pid *ptracer; /* T: PR_SET_PTRACER: counted; NULL = nobody, PTRACER_ANY = everybody */
	struct rlimits rlim;         /* A of the leader */
	struct mutex cred_guard;     /* RANK_EXEC_GUARD */
	/* accounting of dead threads and reaped children: S */
	u64 dead_utime, dead_stime, dead_runtime;
	u64 cutime, cstime;
	u64 min_flt, maj_flt, cmin_flt, cmaj_flt;
	u64 nvcsw, nivcsw, cnvcsw, cnivcsw;
	u64 maxrss, cmaxrss;         /* KiB */
	struct io_count io_count; /* of both */
	/* timers: S */
	struct timer real_timer;     /* ITIMER_REAL */
	u64 real_interval;           /* ns */
	u64 virt_left, virt_interval, prof_left, prof_interval; /* ns */
	struct list_head posix_timers;
	s32 next_timer_id;
	s32 oom_score_adj, oom_score_adj_min;
	struct task *real_timer_task;/* I: leader at creation, for the callback */
};

struct robust_list_head_user; /* user pointer only */

struct task {
	struct thread;               /* what lower rooms see; first. Fields are reached as task->mm, task->files ... */

	/* --- set by steps or by name -------------------------------------------------------------------------------------------------------- */
	atomic_t refs;               /* a: 1 until released, 1 of the scheduler, plus short-time holders */
	struct spinlock alloc_lock;  /* RANK_TASK */
	s32 tgid;                    /* I (de_thread changes a leader's tid under T S) */
	u32 exit_state;              /* T: 0, EXIT_ZOMBIE, EXIT_DEAD */
	s32 exit_code;               /* o, then T */
	s32 exit_signal;             /* T: -1 thread, 0 none, or the signal */
	u32 pf; /* o: PF_* */
	struct task *real_parent;    /* T */
	struct task *parent;         /* T: the tracer, or real_parent */
	struct list_head children;   /* T */
	struct list_head sibling;    /* T: in real_parent->children */
	/* ptrace (ptrace.c, ptrace_stop.c): a task with ptrace != 0 has parent = its tracer */
	u32 ptrace;                  /* T S: PT_* */
	u32 ptrace_options;          /* T S, or its tracer while it is frozen: PTRACE_O_* */
	struct tracer_id {
		s32 pid;             /* as the tracee sees it: sender of the signals that the tracer makes up */
		u32 uid;
		bool cap;            /* CAP_SYS_PTRACE over the tracee's user namespace */
	} tracer;                    /* T: its tracer, when it attached */
	u8 trace_calls;              /* its tracer while it is frozen; 0 by whoever unlinks: TRACE_CALL_* */
	struct list_head ptraced;    /* T: the tasks it traces */
	struct list_head ptrace_entry; /* T: in parent->ptraced */
	u64 ptrace_message;          /* S: of the last event */
	struct ksiginfo *last_siginfo; /* S: while it is in a ptrace stop, or NULL */
	struct list_head tasks;      /* T: all_tasks; leaders only */
	struct list_head thread_node;/* T: signal->threads */
	struct task *group_leader;   /* T */
	struct pid *thread_pid;      /* T */
	struct list_head pid_links[PIDTYPE_MAX]; /* T; TGID/PGID/SID only for leaders */
	struct signal *signal;       /* I */
	struct sighand *sighand;     /* T S; NULL after release */
	struct sigpending pending;   /* S */
	ksigset_t blocked;           /* S: written only by the task itself */
	ksigset_t real_blocked;      /* S: during sigtimedwait */
	u64 altstack_sp, altstack_size; u32 altstack_flags; /* o */
	u32 jobctl;                  /* S: JOBCTL_* */
	u8 seccomp_mode;             /* S, the task itself reads freely: SECCOMP_MODE_*; with TIF_SECCOMP */
	struct seccomp_filter *seccomp_filter; /* S, the task itself reads freely: its newest filter (seccomp.h), NULL = none */
	struct user_dispatch *dispatch; /* o, or its tracer while it is frozen: there with TIF_DISPATCH only (user_dispatch.h) */
	s32 pdeath_signal;           /* T */
	u64 parent_exec_id, self_exec_id; /* T */
	struct completion *vfork_done; /* A */
	uaddr_t set_child_tid, clear_child_tid; /* o */
	uaddr_t robust_list; u64 robust_len;    /* o */
	struct list_head pi_owned;   /* futex_pi.c: contended PI locks it owns */
	struct io_context *io;       /* A: ioprio.c; NULL = none */
	struct pi_wait *pi_waiting;  /* futex_pi.c: its place in a PI lock's queue, or NULL */
	bool pi_gone;                /* futex_pi.c: it has let go of its locks for good (or until its exec is over) */
	uaddr_t rseq; u32 rseq_len, rseq_sig; /* o: the registered area, 0 = none */
	u64 start_time;              /* I: ns since boot */
	u64 timer_slack_ns, default_timer_slack_ns; /* o */
	struct {                     /* o: restart_syscall(2) */
		long (*fn)(struct task *t);
		u64 arg[4];
	} restart;
	struct birth_record birth;   /* I */
	struct cgroup *cgroup;       /* T: its control group; counted unless that is the root */
	bool frozen;                 /* T: counted in cgroup->nr_frozen */
	struct sem_undo_list *sem_undo; /* o: what SEM_UNDO operations take back at the end, NULL = nothing yet (ipc/sem_undo.c) */
	struct kthread *kthread;     /* I: kthread.c; of kthreadd's children, else NULL */
	void (*start_fn)(void *);    /* I: kernel and user-mode threads: where they begin */
	void *start_arg;             /* I */
	struct list_head dead_node;  /* T, then its releaser: tasks to release once tasklist_lock is dropped */
	struct sighand *dead_sighand;/* T: the sighand reference after release; dropped with the record, so that who holds the task may lock it */
};

#define EXIT_ZOMBIE 1u
#define EXIT_DEAD 2u

#define PF_EXITING 4u
#define PF_KTHREAD 0x200000u
#define PF_FORKNOEXEC 0x40u
#define PF_SUPERPRIV 0x100u
#define PF_NPROC_EXCEEDED 0x1000u
#define PF_SIGNALED 0x400u
#define PF_PARKED_FOR_CORE 0x8u /* S: past the place in its exit where a core dump would hold it */
#define PF_NO_SETAFFINITY 0x4000000u
#define PF_RANDOMIZE 0x400000u
#define PF_SHM_MAKER 0x800000u /* o: has made a System V segment */
#define PF_NOT_INHERITED (PF_SUPERPRIV | PF_KTHREAD | PF_NO_SETAFFINITY | PF_EXITING | PF_SIGNALED | PF_PARKED_FOR_CORE | PF_SHM_MAKER)

/* jobctl bits */
#define JOBCTL_STOP_SIGMASK 0xffffu
#define JOBCTL_STOP_DEQUEUED BIT(16)
#define JOBCTL_STOP_PENDING BIT(17)
#define JOBCTL_STOP_CONSUME BIT(18)
#define JOBCTL_TRAP_STOP BIT(19)   /* a tracee is to go into a ptrace stop: PTRACE_INTERRUPT, group stop, attach */
#define JOBCTL_TRAP_NOTIFY BIT(20) /* a seized tracee is to tell of a change of the group's stop state */
#define JOBCTL_TRAPPING BIT(21)    /* on its way from TASK_STOPPED to TASK_TRACED: its tracer's attach waits for that */
#define JOBCTL_LISTENING BIT(22)   /* PTRACE_LISTEN: in TASK_TRACED, but shows as running to its tracer */
#define JOBCTL_FROZEN BIT(23)      /* its tracer works on it: SIGKILL waits that long */
#define JOBCTL_TRAP_FREEZE BIT(24) /* its control group is to be frozen: it sleeps on its way to user mode */
#define JOBCTL_TRAP_MASK (JOBCTL_TRAP_STOP | JOBCTL_TRAP_NOTIFY)
#define JOBCTL_PENDING_MASK (JOBCTL_STOP_PENDING | JOBCTL_TRAP_MASK)

/* task->ptrace */
#define PT_PTRACED 1u
#define PT_SEIZED 2u
/* task->trace_calls */
#define TRACE_CALL_STOPS 1u /* PTRACE_SYSCALL */
#define TRACE_CALL_EMU 2u   /* PTRACE_SYSEMU: stop at the entry, do not call */

#define current ((struct task *)current_thread())
#define task_thread(t) ((struct thread *)(t))

extern struct spinlock tasklist_lock; /* RANK_TASKLIST */
extern struct list_head all_tasks;    /* tasklist_lock: leaders, in order of birth */
extern struct task init_task;         /* process 0 */
extern u32 nr_threads_total;          /* tasklist_lock */
extern u32 max_threads;               /* threads-max */
extern u64 total_forks;               /* tasklist_lock */

static inline void task_get(struct task *t) { atomic_inc(&t->refs); }
/* Frees the record (and stack, if the scheduler is done with it) with the last reference. Any context without spinlocks above RANK_SLAB. */
void task_put(struct task *t);
static inline bool thread_group_leader(const struct task *t) { return t->exit_signal >= 0; }
static inline struct pid *task_pgrp(struct task *t) { return t->signal->pids[PIDTYPE_PGID]; }
static inline struct pid *task_session(struct task *t) { return t->signal->pids[PIDTYPE_SID]; }
/* The namespace t lives in, which its numbers are counted in: not the one of its children after unshare(CLONE_NEWPID). A released task has none: the
 * initial one. => tasklist_lock, or current. */
static inline struct pid_namespace *task_pid_ns(const struct task *t) { return likely(t->thread_pid) ? pid_ns_of(t->thread_pid) : &init_pid_ns; }
static inline struct pid_namespace *current_pid_ns(void) { return task_pid_ns(current); }
/* Can its execs never gain privileges? */
static inline bool task_no_new_privs(const struct task *t) { return READ_ONCE(t->flags) & TIF_NO_NEW_PRIVS; }
/* A pid as current's namespace knows it. */
static inline s32 pid_vnr(const struct pid *p)
{
	const struct pid *me = current->thread_pid;
	return likely(p && !me->level && !p->level) ? p->numbers[0].nr : pid_nr_in(p, current_pid_ns());
}
/* What getpid() says. */
static inline s32 current_vpid(void) { return pid_own_nr(current->signal->pids[PIDTYPE_TGID]); }
/* => tasklist_lock. for each thread of t's group */
#define for_each_thread(t, pos) list_for_each(pos, &(t)->signal->threads, thread_node)
#define for_each_process(pos) list_for_each(pos, &all_tasks, tasks)
/* Takes t->sighand->lock if t still has one: true, with *flags. */
bool lock_task_sighand(struct task *t, u64 *flags);
static inline void unlock_task_sighand(struct task *t, u64 flags) { spin_unlock_irqrestore(&t->sighand->lock, flags); }
/* => T. Is t the only task of its group? */
static inline bool thread_group_empty(const struct task *t) { return t->signal->nr_threads == 1; }
static inline bool same_thread_group(const struct task *a, const struct task *b) { return a->signal == b->signal; }
/* The user registers at the top of current's kernel stack. */
static inline struct regs *current_regs(void) { return arch_user_regs(&current_thread()->arch); }
/* A user reference to t's mm, or NULL (kernel threads, exited). */
struct mm *get_task_mm(struct task *t);

#endif
