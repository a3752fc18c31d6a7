/*
 * seccomp: a task's own limits on its system calls. seccomp.c: modes, filters, the verdict on a call. seccomp_notify.c: verdicts that another process gives,
 * over a descriptor. seccomp_bpf.c: the programs (pure).
 *
 * A confined task enters the kernel by hook_syscall_traced() (SPECIAL_SYSCALL_TRACE), so all others pay nothing. Filters form a tree that grows at the
 * leaves: each task points at its newest, each filter at the one before it, and a task's calls are judged by all of them up to the root.
 */
#ifndef PANDO_PROC_SECCOMP_H
#define PANDO_PROC_SECCOMP_H

#include "proc/seccomp_bpf.h"
#include "proc/task.h"

#define SECCOMP_CACHED_CALLS 512u

struct seccomp_filter {
	atomic_t refs; /* tasks, younger filters, the listener's file */
	atomic_t users; /* tasks that have not begun to exit, and younger filters with users */
	struct seccomp_filter *prev; /* constant once attached; counted in both */
	bool log; /* constant: SECCOMP_FILTER_FLAG_LOG */
	bool wait_killable; /* constant: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV */
	u64 allowed[SECCOMP_CACHED_CALLS / 64]; /* constant once attached: calls that this filter and all before it allow, whatever the arguments */
	/* the listener: seccomp_notify.c */
	struct spinlock lock; /* RANK_DEVICE */
	bool listening; /* lock: it has a listener's file */
	u32 notify_flags; /* lock: SECCOMP_USER_NOTIF_FD_* */
	u64 next_id; /* lock */
	u32 requests; /* lock: notifications that nobody has received yet */
	struct list_head waiting; /* lock: struct notification, oldest first */
	struct wait_queue wait; /* receivers and pollers */
	u32 n, weight; /* constant: instructions; how many Linux makes of them */
	struct sock_filter prog[]; /* constant */
};

/* --- seccomp.c --- */
/* The entry of a system call of a task with TIF_SECCOMP: false when it is not to be made; regs->ax is its result then. May not return (death). => no locks */
bool seccomp_syscall_enter(struct regs *regs);
/* => S of current. The newborn gets current's mode, filters and no_new_privs. */
void seccomp_inherit(struct task *child);
/* current begins to exit: its filters have one user less. => no locks */
void seccomp_exit(struct task *t);
void seccomp_filter_put(struct seccomp_filter *f);
/* prctl(PR_SET_SECCOMP): 0 or -errno. */
long seccomp_prctl(u64 mode, u64 uargs);
/* Filters of t, for /proc. */
u32 seccomp_filter_count(struct task *t);
/* PTRACE_SECCOMP_GET_FILTER, PTRACE_SECCOMP_GET_METADATA: t is frozen. */
long seccomp_ptrace_filter(struct task *t, u64 index, uaddr_t out);
long seccomp_ptrace_metadata(struct task *t, u64 size, uaddr_t out);
/* May current let its tracee's filters sleep (PTRACE_O_SUSPEND_SECCOMP)? 0 or -EPERM. */
int seccomp_may_suspend(void);

/* /proc/sys/kernel/seccomp: a set of actions as bits, and its names in Linux's order. */
extern u32 seccomp_actions_logged;
#define SECCOMP_ACTIONS 8u
extern const char *const seccomp_action_names[SECCOMP_ACTIONS];
#define SECCOMP_ACTION_ALLOW_BIT BIT(SECCOMP_ACTIONS - 1)

/* A task that a tracer or a filter watches, or that dispatches its calls, enters by the slow way; sees to it after one of these changed. => S of t; t is current, off its CPU, or the caller
 * has its mm's CPUs told (mm_sync_syscall_entry). */
void update_syscall_entry(struct task *t);

/* --- seccomp_notify.c --- */
/* Asks f's listener about a call of current: true when the call is to be made; else regs->ax is its result. => no locks */
bool seccomp_ask_listener(struct seccomp_filter *f, const struct seccomp_data *sd, struct regs *regs);
/* A descriptor's file for f, which it holds. 0 or -errno. */
int seccomp_listener_create(struct seccomp_filter *f, struct file **out);
/* f has no user any more: its listener hears of it. */
void seccomp_listener_hangup(struct seccomp_filter *f);

#endif
