/* The public functions of the proc room: birth, exec, exit, wait, signals, credentials, kernel threads. One file per verb. */
#ifndef PANDO_PROC_PROC_H
#define PANDO_PROC_PROC_H

#include <linux/sched.h>

#include "proc/clone_args.h"
#include "proc/task.h"
#include "vfs/userns.h"

/* --- birth: clone.c clone_args.c steps.c ------------------------------------------------------------------------------------------------ */
/* struct kernel_clone_args: clone_args.h */
/* Makes a task and starts it: its tid in the caller's namespace, or -errno (clone(2); which one wins: clone_args.c). May sleep (CLONE_VFORK waits). */
long kernel_clone(struct kernel_clone_args *a);
/* A kernel thread without / a future user process with PF_KTHREAD off: fn runs in it; flags are CLONE_*. tid or -errno. */
long kernel_thread(void (*fn)(void *), void *arg, const char *name, u64 flags);
long user_mode_thread(void (*fn)(void *), void *arg, u64 flags);
/* The idle task of another CPU, not yet running. 0 or -ENOMEM. */
int fork_idle(u32 cpu, struct task **out);
/* Task caches, init_task, limits. */
void fork_init(void);

/* The name of a row of the step table, NULL past the end; /proc/PID/birth. */
const char *birth_step_name(u32 step);
/* kernel.birth_times: records of births to come say how long each step took. */
extern u32 birth_times;
/* The failures that are remembered, oldest first; *pos begins at 0 and moves on. False: no more. */
bool birth_failure_at(u64 *pos, struct birth_failure *out);
/* Where it failed: a step of the table, "arguments", "begin" or "publish". */
const char *birth_failure_step(u32 step);
/* A trace begins: writes the names of the step table's rows. */
void proc_trace_names(void);
/* Live objects, for leak checks. */
struct proc_counts { u32 tasks, signals, sighands, pids, creds, users, kept_stack_pages; };
void proc_counts(struct proc_counts *out);

/* --- exit, wait: exit.c wait.c ---------------------------------------------------------------------------------------------------------- */
/* Ends the calling thread; code as in a wait status (exit(n): (n & 0xff) << 8; signal: s | 0x80). */
void do_exit(long code) __noreturn;
/* Ends the calling process with all its threads. */
void do_group_exit(s32 code) __noreturn;
/* Takes a dead task out of everything and drops its reference. => no locks. */
void release_task(struct task *t);
/* => tasklist_lock. Notifies t's parent of its death with `sig` (0: without a signal). Returns true when t is to be autoreaped: SIGCHLD is ignored, or
 * SA_NOCLDWAIT (wait(2)). */
bool do_notify_parent(struct task *t, s32 sig);
/* => tasklist_lock. why: CLD_STOPPED, CLD_CONTINUED, CLD_TRAPPED. To t's tracer, of t itself, or to the parent of t's process. */
void do_notify_parent_cldstop(struct task *t, bool to_tracer, int why);
/* => tasklist_lock. ignored: leave this task out */
bool is_orphaned_pgrp(struct pid *pgrp, struct task *ignored);
/* Memory is out in domain (NULL: altogether): kills one process there. True: there may be some soon. oom.c. => may sleep */
struct cgroup;
bool out_of_memory_in(struct cgroup *domain);
/* kernel-side wait for a child: as wait4(pid, &status, __WALL, NULL). */
long kernel_wait(s32 pid, s32 *status);
/* The old mm is left: robust futexes, clear_child_tid, vfork parent. exec and exit. */
void exec_mm_release(struct task *t);
void exit_mm_release(struct task *t);

/* --- who may look: access.c -------------------------------------------------------------------------------------------------------------- */
/* May current look into t (memory, files, namespaces), as ptrace's PTRACE_MODE_READ: with its real ids and permitted capabilities, or with those for
 * file access. => t has a reference, no locks above RANK_TASK */
bool task_may_access(struct task *t, bool real);
/* The same for attaching to it or reading its memory, where kernel.yama.ptrace_scope (0 to 3) has a say as well. */
bool task_may_attach(struct task *t, bool real);
extern u32 ptrace_scope;
/* kernel.dmesg_restrict: the log is for CAP_SYSLOG. */
extern u32 dmesg_restrict;
/* May current ask to be traced by its parent? parent_capable: it has CAP_SYS_PTRACE over current. */
bool traceme_allowed(bool parent_capable);
/* PR_SET_PTRACER. 0 or -EINVAL. */
long prctl_set_ptracer(u64 who);
/* s is about to be freed. */
struct signal;
void ptracer_forget(struct signal *s);

/* --- exec: exec.c exec_plan.c ----------------------------------------------------------------------------------------------------------- */
/* Kernel strings, for process 1: never returns to the caller's image on success (0: then return to user mode through arch_enter_user). */
int kernel_execve(const char *path, const char *const *argv, const char *const *envp);

/* --- signals: signal.c signal_send.c signal_deliver.c signal_calls.c --------------------------------------------------------------------- */
struct sighand *sighand_create(void);
/* => old's lock. new has no actions of its own. */
void sighand_copy_actions(struct sighand *new, const struct sighand *old);
/* Drops a reference; the last frees. Any context. */
void sighand_put(struct sighand *s);
void sigpending_init(struct sigpending *p);
/* Drops everything queued (=> S or sole owner). */
void flush_sigpending(struct sigpending *p);
/* Sends one signal with full Linux semantics (ignoring, stop/continue side effects, group exit at send time ...).
 * type PIDTYPE_PID: to this thread; else to its process. force: kernel faults, unblockable. 0, -EAGAIN. Takes S; any context. => the task has a reference. */
int send_signal_info(struct task *t, int sig, const struct ksiginfo *info, enum pid_type type);
/* From the kernel (SI_KERNEL) to the process t belongs to. */
int send_signal_kernel(struct task *t, int sig);
/* Synchronous fault of current: resets the action when blocked or ignored. */
void force_signal(int sig, int code, uaddr_t addr);
/* SIGSEGV with the default action, unblockable (exec after the point of no return, bad frames). */
void force_fatal_signal(int sig);
/* To every process of a group / session member... 0, -ESRCH, -EPERM; info NULL = from the kernel. Takes tasklist_lock. */
int kill_pgrp(struct pid *pgrp, int sig, const struct ksiginfo *info);
/* As kill_pgrp with tasklist_lock held. */
int kill_pgrp_locked(struct pid *pgrp, int sig, const struct ksiginfo *info);
/* Sets TIF_SIGPENDING of current as the pending sets and jobctl say (=> S) / of t. */
void recalc_sigpending(void);
/* => S. Ends the group: SIGKILL pending in every other thread; returns how many others live. */
u32 zap_other_threads(struct task *t);
/* exec, CLONE_CLEAR_SIGHAND: handlers become SIG_DFL; what is ignored stays so unless force_default. => S */
void flush_signal_handlers(struct task *t, bool force_default);
/* May current send sig to t? 0 or -EPERM. */
int check_kill_permission(int sig, const struct ksiginfo *info, struct task *t);
/* Changes current's blocked mask, with retargeting and recalculation. */
void set_current_blocked(ksigset_t mask);
/* exit: moves unblocked shared signals to other threads, finishes a group stop. */
void exit_signals(struct task *t);
/* A newborn thread joins a stop in progress. => S */
void task_join_group_stop(struct task *t);
/* 64-byte helper: ksiginfo -> user's siginfo_t (128 bytes). 0 or -EFAULT. */
int copy_siginfo_to_user(uaddr_t dst, const struct ksiginfo *info);
void siginfo_to_bytes(const struct ksiginfo *info, u8 out[128]);

/* fork in progress: group-wide signals gathered for the child. */
struct multiprocess_signals {
	struct list_head node; /* S: signal->multiprocess */
	ksigset_t signal;
};

/* --- futexes: futex.c ------------------------------------------------------------------------------------------------------------------- */
void exit_robust_list(struct task *t);
/* current leaves its address space: the PI locks it owns go to their next waiters. */
void futex_pi_release(struct task *t);
/* t's own scheduling priority changed: those it waits for inherit the new one. Takes locks of RANK_FUTEX_PI. */
void futex_pi_reprioritize(struct task *t);
/* Wakes up to n waiters on a word of current's mm. */
int futex_wake_addr(uaddr_t addr, int n, bool shared);

/* --- accounts: account.c ---------------------------------------------------------------------------------------------------------------- */
/* What one user of one user namespace has. A charge goes to the account and to those of the namespace's creators, up to the initial namespace. */
struct user_account {
	atomic_t refs;
	u32 uid;                     /* constant: kernel id */
	struct user_namespace *ns;   /* constant, counted */
	atomic64_t used[USERNS_RLIMITS]; /* a: tasks, message queue bytes, queued signals, locked bytes */
	atomic_t namespaces[NS_KINDS];   /* a */
	struct list_head node;
};
struct user_account *user_find_get(struct user_namespace *ns, u32 uid); /* NULL: no memory */
void user_put(struct user_account *u);
/* Adds n (may be negative) at every level. False: it is now above `limit`, or above what a creator was allowed; the charge stands all the same. */
bool account_charge(struct user_account *u, enum userns_rlimit what, s64 n, u64 limit);
void account_uncharge(struct user_account *u, enum userns_rlimit what, s64 n);
/* Is it above the limits? */
bool account_over(const struct user_account *u, enum userns_rlimit what, u64 limit);
/* Creates or drops one namespace of u: 0 or -ENOSPC. */
int account_add_ns(struct user_account *u, enum ns_kind kind);
void account_remove_ns(struct user_account *u, enum ns_kind kind);
void account_init(void);

/* --- credentials: cred.c ---------------------------------------------------------------------------------------------------------------- */
/* A private copy of current's credentials to change and commit / abandon. */
int cred_prepare(struct cred **out);
void cred_commit(struct cred *c);
/* exec: new credentials for running this file; set-id bits and file capabilities (capabilities(7)). *secure = AT_SECURE. Not yet committed. 0, -ENOMEM, -EPERM, -EINVAL (exec_cred.c) */
struct inode;
int cred_for_exec(struct inode *inode, bool nosuid, bool unsafe, struct cred **out, bool *secure);
void cred_init(void);

/* --- kernel threads: kthread.c ---------------------------------------------------------------------------------------------------------- */
/* Process 2: makes the others. Never returns. */
void kthreadd(void *unused);
/* A kernel thread of that name that is to run fn(data) and ends with it; kthread_create: it waits to be woken (wake_up_thread), kthread_run: it runs. out may
 * be NULL for kthread_run. 0, -ENOMEM or another error of a birth, -EINTR (the caller was killed first). => may sleep; kthreadd runs */
int kthread_create(int (*fn)(void *), void *data, struct task **out, const char *namefmt, ...) __printf(4, 5);
int kthread_run(int (*fn)(void *), void *data, struct task **out, const char *namefmt, ...) __printf(4, 5);
/* Asks t to return and waits until it has: what its fn returned, -EINTR when it never began. => t cannot have ended by itself; sleeps */
int kthread_stop(struct task *t);
/* Asks t to stand still in kthread_parkme() and waits until it does. 0, -EBUSY (already asked), -ENOSYS (it is ending). => as kthread_stop */
int kthread_park(struct task *t);
/* It may go on. */
void kthread_unpark(struct task *t);
/* For the thread itself: was it asked? kthread_parkme sleeps until kthread_unpark. */
bool kthread_should_stop(void);
bool kthread_should_park(void);
void kthread_parkme(void);
/* The record of t, a kernel thread, is freed. */
void kthread_free(struct task *t);
/* Debug builds, once at boot: what the above promise. => process 1, kthreadd runs */
void kthread_check(void);

/* --- accounting: rusage.c --------------------------------------------------------------------------------------------------------------- */
struct rusage;
/* who: RUSAGE_SELF, CHILDREN, THREAD, or -2 = both (wait). */
void task_rusage(struct task *t, int who, struct rusage *out);
/* utime/stime of the whole group, ns. */
void thread_group_times(struct task *t, u64 *utime, u64 *stime);

/* --- controlling terminal: defined by the tty room -------------------------------------------------------------------------------------- */
/* The session leader exits or calls TIOCNOTTY (credentials(7), setsid(2)). */
void hook_disassociate_tty(bool on_exit);
/* fork: the child's signal->tty takes a reference; exit drops it. */
void hook_tty_get(struct tty *tty);
void hook_tty_put(struct tty *tty);
/* setsid: forget the controlling terminal. */
void hook_tty_clear(struct signal *s);
/* /proc/PID/stat: device number of the tty and its foreground group (-1). */
void hook_tty_info(struct task *t, const struct pid_namespace *ns, u64 *dev, s32 *tpgid);

/* --- timers: time_calls.c --------------------------------------------------------------------------------------------------------------- */
/* exit (all) / exec (POSIX timers only) */
void exit_itimers(struct signal *s);
void delete_posix_timers(struct signal *s);
/* fork: fresh timers */
void init_signal_timers(struct signal *s, struct task *leader);

/* --- power: defined by the boot room --- */
/* The machine is about to go down: what still has to leave it leaves now. May sleep. */
void hook_machine_down(void);

/* --- random numbers: defined by the fs room (random.c) --- */
void hook_random_bytes(void *buf, size_t n);

/* --- I/O contexts: ioprio.c --- */
struct io_context;
/* A newborn's context: its creator's own, or a copy of what matters. 0 or -ENOMEM. */
int io_context_fork(struct io_context *from, bool share, struct io_context **out);
void io_context_put(struct io_context *c);

/* --- pidfds: pidfd.c ------------------------------------------------------------------------------------------------------------------- */
/* The pid behind a pidfd of current, with a reference; *flags = the file's O_* flags (PIDFD_THREAD is O_EXCL). 0 or -EBADF. */
int pidfd_get_pid(int fd, struct pid **out, u32 *flags);
struct file;
/* The process whose /proc/PID directory f is, with a reference, or NULL: defined by the fs room (proc_pid.c). */
struct task *hook_proc_dir_task(struct file *f);
/* The open file behind another task's descriptor, with a reference. 0 or -EBADF: pidfd_info.c. => t has a reference */
int task_file(struct task *t, int fd, struct file **out);
/* A pidfd file for pid (takes a reference of its own), not yet installed. */
int pidfd_create(struct pid *pid, u32 flags, struct file **out);
/* => tasklist_lock. Wakes pollers of t's pidfds. */
void pidfd_notify(struct task *t);

/* --- names ------------------------------------------------------------------------------------------------------------------------------ */
extern const char uts_release[], uts_version[];
/* init order of the room: pid, cred, fork, signals, futex, process 0. */
void proc_init(void);

#endif
