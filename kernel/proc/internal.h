/* What the files of birth and death share and no other room needs. */
#ifndef PANDO_PROC_INTERNAL_H
#define PANDO_PROC_INTERNAL_H

#include "proc/clone_args.h"
#include "proc/proc.h"

/* --- task.c ------------------------------------------------------------------------------------------------------------------------------- */
/* Pages in the free kernel stacks that the CPUs keep. */
u32 kept_stack_pages(void);

/* --- clone.c ------------------------------------------------------------------------------------------------------------------------------ */
/* A record and a kernel stack copied from `parent`, with refs 2 and nothing shared taken yet. 0 or -ENOMEM. */
int dup_task_struct(struct task *parent, bool kthread, struct task **out);
/* A record that never became visible: stack and memory. */
void free_unborn(struct task *t);

/* --- pid.c -------------------------------------------------------------------------------------------------------------------------------- */
/* A fresh number at each level of ns; the n of set_tid are wished for, from the innermost level outwards (clone3's set_tid). 0, -EAGAIN (none left), -ENOMEM
 * (also: its init died); for a wish -EINVAL, -EPERM, -EEXIST. */
int alloc_pid_at(struct pid_namespace *ns, const s32 *set_tid, u64 n, struct pid **out);

/* --- pidfd_info.c ------------------------------------------------------------------------------------------------------------------------- */
struct file;
long pidfd_ioctl(struct file *f, u32 cmd, u64 arg);

/* --- exit.c ------------------------------------------------------------------------------------------------------------------------------- */
/* => tasklist_lock. The locked half of release_task: t leaves every list. Returns a zombie leader that is to be released next, or NULL. */
struct task *unpublish_task(struct task *t);
/* The rest, without locks: t is in no list any more. */
void finish_release(struct task *t);

/* --- wait.c ------------------------------------------------------------------------------------------------------------------------------- */
/* => tasklist_lock. Wakes who waits in `parent`'s process for a state change of `child`. */
void wake_up_parent(struct task *child, struct task *parent);

/* --- account.c ---------------------------------------------------------------------------------------------------------------------------- */
u32 account_count(void);

/* --- cred.c ------------------------------------------------------------------------------------------------------------------------------- */
extern struct cred init_cred;
extern struct user_account root_user;
void cred_counts(u32 *creds, u32 *users);

/* --- futex.c ------------------------------------------------------------------------------------------------------------------------------ */
void futex_init(void);

/* --- rusage.c ----------------------------------------------------------------------------------------------------------------------------- */
/* => T S of t. Folds t's own counters into its signal record, when t is not the last to leave. */
void fold_task_times(struct task *t);
/* => T. Adds the usage of the zombie p and of its reaped children to current's process. */
void account_reaped(struct task *p);

#endif
