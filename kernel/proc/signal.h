/* What the files of the signal machinery share, beside the public functions of proc.h. */
#ifndef PANDO_PROC_SIGNAL_H
#define PANDO_PROC_SIGNAL_H

#include "proc/proc.h"

/* Sets of signals by default action. */
#define SIGSET_STOP (SIGMASK(SIGSTOP) | SIGMASK(SIGTSTP) | SIGMASK(SIGTTIN) | SIGMASK(SIGTTOU))
#define SIGSET_IGNORE (SIGMASK(SIGCONT) | SIGMASK(SIGCHLD) | SIGMASK(SIGWINCH) | SIGMASK(SIGURG))
#define SIGSET_CORE                                                                                                                    \
	(SIGMASK(SIGQUIT) | SIGMASK(SIGILL) | SIGMASK(SIGTRAP) | SIGMASK(SIGABRT) | SIGMASK(SIGFPE) | SIGMASK(SIGSEGV) | SIGMASK(SIGBUS) | \
		SIGMASK(SIGSYS) | SIGMASK(SIGXCPU) | SIGMASK(SIGXFSZ))
/* Faults of the instruction at ip: delivered before anything else. */
#define SIGSET_SYNC (SIGMASK(SIGSEGV) | SIGMASK(SIGBUS) | SIGMASK(SIGILL) | SIGMASK(SIGTRAP) | SIGMASK(SIGFPE) | SIGMASK(SIGSYS))
/* Not to be caught, blocked or ignored. */
#define SIGSET_ONLY (SIGMASK(SIGKILL) | SIGMASK(SIGSTOP))

/* Internal flag of an action that rt_sigaction(2) may no longer change: a forced fatal signal is on its way. */
#define KSA_IMMUTABLE 0x00800000UL
#define KSA_UAPI                                                                                                                       \
	(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | 0x800UL /* SA_EXPOSE_TAGBITS */ | SA_RESTORER | SA_ONSTACK | SA_RESTART | SA_NODEFER | \
		(u64)SA_RESETHAND)

static inline bool sig_in(int sig, ksigset_t set) { return set & SIGMASK(sig); }

/* A signal taken from the queues, with the action it found. */
struct ksignal {
	int sig;
	struct ksigaction action;
	ksigset_t outside; /* the mask that holds again after the handler: its frame saves it */
	ksigset_t before; /* the mask as the signal found it; current->blocked is the handler's already */
	struct ksiginfo info;
};

/* --- signal.c --- */
/* Boot: the cache of queue entries. */
void signal_init(void);
/* => S of current. Takes the next signal outside `blocked` from current's queues; 0 when there is none. Synchronous faults first, then lowest
 * number, private before shared. *shared (may be NULL): it came from the process's queue. */
int dequeue_signal(ksigset_t blocked, struct ksiginfo *info, bool *shared);
/* => S. The same for faults raised by the CPU only (si_code > 0) in current's private queue. */
int dequeue_synchronous(struct ksiginfo *info);
/* => S. Drops every queued instance of the signals in `mask`. */
void flush_signals(ksigset_t mask, struct sigpending *p);
/* A queue entry charged to t's real user; NULL when the limit (unless `override`) or memory forbids. Interrupts off or on. */
struct sigqueue *sigqueue_alloc(struct task *t, bool override);
void sigqueue_free(struct sigqueue *q);
/* => S. Sets TIF_SIGPENDING of t and brings it into the kernel; fatal: also out of killable, stopped sleeps. */
void signal_wake_up(struct task *t, bool fatal);
/* => S of t. Asks t to stop or trap: JOBCTL_* bits, with a stop's signal number. false: it is dying. */
bool jobctl_set(struct task *t, u32 mask);
/* => S of t. Takes such requests (of JOBCTL_PENDING_MASK) back. */
void jobctl_clear(struct task *t, u32 mask);
/* => S of t. t no longer is on its way into a ptrace stop: its tracer may go on. */
void jobctl_clear_trapping(struct task *t);
/* => S. t has stopped, or will never: true when that completes the group stop (the parent is to be told). */
bool jobctl_participate_stop(struct task *t);
/* => S. SIGNAL_STOP_* and SIGNAL_CLD_* bits are replaced by `flags`. */
void signal_set_stop_flags(struct signal *s, u32 flags);
static inline bool signal_is_ignoring(u64 handler, int sig) { return handler == KSIG_IGN || (handler == KSIG_DFL && sig_in(sig, SIGSET_IGNORE)); }
/* Drops what a sighand switch of exec may race with: waits until no CPU is inside lock_task_sighand() with `s`. */
void sighand_wait_readers(struct sighand *s);
/* => S. `which`: signals t is about to stop listening to. Wakes other threads that can take those pending for the process. */
void retarget_shared(struct task *t, ksigset_t which);
/* => S of current. current blocks `mask` (SIGKILL and SIGSTOP are not in it): other threads and TIF_SIGPENDING learn of it. */
static inline void set_blocked_locked(ksigset_t mask)
{
	struct task *t = current;
	bool pending = READ_ONCE(t->flags) & TIF_SIGPENDING;
	if (pending && t->signal->nr_threads > 1)
		retarget_shared(t, mask & ~t->blocked);
	/* Blocking more, with nothing to take back, changes nothing for what is pending. */
	bool same = !pending && !(t->blocked & ~mask);
	t->blocked = mask;
	if (!same)
		recalc_sigpending();
}
/* The mask that a signal frame saves: saved_sigmask under TIF_RESTORE_SIGMASK. */
ksigset_t sigmask_to_save(void);
/* Puts saved_sigmask back if TIF_RESTORE_SIGMASK says so. */
void restore_saved_sigmask(void);
/* Does the info name a sending process? */
bool siginfo_has_sender(const struct ksiginfo *info);
/* The inverse of siginfo_to_bytes(), for what user space hands in. */
void siginfo_from_bytes(const u8 in[128], struct ksiginfo *info);

/* --- signal_send.c --- */
/* => S of t. As send_signal_info(). */
int send_signal_locked(struct task *t, int sig, const struct ksiginfo *info, enum pid_type type);
/* The kernel tells t about one of its children: the ids in info are already those of t's namespaces. Takes S. */
int send_signal_told(struct task *t, int sig, const struct ksiginfo *info);
/* current to itself: to this thread. 0, -EINVAL, -EAGAIN. */
int send_signal_self(int sig, const struct ksiginfo *info);
/* Permission check, then the signal (sig 0: check only). */
int group_send_signal(struct task *t, int sig, const struct ksiginfo *info, enum pid_type type);
/* As force_signal() with everything of the siginfo given. */
void force_signal_info(const struct ksiginfo *info, bool fatal);
/* The frame of `sig` could not be written: SIGSEGV, by its default action when it was SIGSEGV itself. */
void force_sigsegv(int sig);

/* --- sigframe.c --- */
/* Builds the handler's frame on the user stack and points regs at the handler. 0 or -EFAULT. */
int setup_rt_frame(const struct ksignal *k, struct regs *regs);
/* Alternate stack off (AUTODISARM, exec). */
void altstack_reset(struct task *t);
/* Bytes of the largest frame, for AT_MINSIGSTKSZ. */
u64 sigframe_max_size(void);

/* --- signalfd.c --- */
/* => S of t. A signal was queued for t: wakes readers and pollers of signalfds. */
void signalfd_notify(struct task *t);

/* A timer's preallocated entry left the queue through delivery: time_calls.c fills in overrun and re-arms. => S */
void posix_timer_dequeued(struct sigqueue *q, struct ksiginfo *info);
/* A SIGALRM of the process was taken: ITIMER_REAL, if it repeats, goes on. => S */
void real_timer_dequeued(struct signal *s);
/* Queues a timer's preallocated entry (never allocates; counts an overrun when it is still queued: returns 1, as 0 when queued or ignored, -ESRCH when
 * t is gone). Takes S; any context. => t has a reference */
int send_sigqueue(struct sigqueue *q, struct task *t, enum pid_type type);

#endif
