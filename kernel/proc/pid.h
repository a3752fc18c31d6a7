/* Process identifiers. A struct pid is one number per pid-namespace level and the tasks that use it as tid, tgid, pgid or sid. */
#ifndef PANDO_PROC_PID_H
#define PANDO_PROC_PID_H

#include "lib/atomic.h"
#include "lib/list.h"
#include "sched/wait.h"

#define PID_MAX_LEVEL 32
enum pid_type { PIDTYPE_PID, PIDTYPE_TGID, PIDTYPE_PGID, PIDTYPE_SID, PIDTYPE_MAX };

struct task;
struct pid_namespace {
	atomic_t refs;
	u32 level;
	struct pid_namespace *parent;
	struct task *child_reaper;  /* tasklist_lock */
	s32 last;                   /* pid_lock: cursor of the cyclic search */
	u64 *map;                   /* pid_lock: numbers in use */
	u32 nr;                     /* pid_lock: numbers in use */
	bool no_new;                /* pid_lock: its init died */
};
struct upid {
	s32 nr;
	struct pid_namespace *ns;
	struct list_head hash;      /* tasklist_lock */
};
struct pid {
	atomic_t refs;
	u32 level;
	struct list_head tasks[PIDTYPE_MAX]; /* tasklist_lock: task->pid_links[type] */
	struct wait_queue wait;     /* pidfd pollers */
	struct upid numbers[1];     /* level+1 of them; [0] = initial namespace */
};
extern struct pid_namespace init_pid_ns;
extern s32 pid_max;

/* A fresh number at each level of ns. 0, -EAGAIN (none left), -ENOMEM. */
int alloc_pid(struct pid_namespace *ns, struct pid **out);
/* Gives the numbers back: only when the pid was never attached, or by the last detach. */
void free_pid(struct pid *pid);
void pid_get(struct pid *pid);
void pid_put(struct pid *pid);
/* NULL when no such number is in use. With a reference / without one (=> tasklist_lock held). */
struct pid *find_get_pid(s32 nr);
struct pid *find_pid(s32 nr);
/* The task whose tid / tgid is nr, with a reference (task_put), or NULL. */
struct task *find_get_task(s32 nr);
static inline s32 pid_nr(const struct pid *p) { return p ? p->numbers[0].nr : 0; }
/* => tasklist_lock */
void attach_pid(struct task *t, enum pid_type type, struct pid *pid);
void detach_pid(struct task *t, enum pid_type type);
void change_pid(struct task *t, enum pid_type type, struct pid *pid);
void pid_init(void);
/* kernel.pid_max and ns_last_pid. 0, -EINVAL, -ENOMEM. */
int pid_set_max(s32 limit);
int pid_set_last(s32 last);
/* Numbers in use, for leak checks. */
u32 pid_count(void);

#endif
