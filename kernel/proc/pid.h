/* Process identifiers. A struct pid is one number per pid-namespace level and the tasks that use it as tid, tgid, pgid or sid. */
#ifndef PANDO_PROC_PID_H
#define PANDO_PROC_PID_H

#include "lib/atomic.h"
#include "lib/list.h"
#include "sched/wait.h"
#include "vfs/ns.h"

#define PID_MAX_LEVEL 32
enum pid_type { PIDTYPE_PID, PIDTYPE_TGID, PIDTYPE_PGID, PIDTYPE_SID, PIDTYPE_MAX };

struct task;
struct pid_namespace {
	struct ns_common common;
	u32 level;                  /* constant; 0 = the initial one */
	struct pid_namespace *parent; /* constant, counted */
	struct task *child_reaper;  /* tasklist_lock and pid_lock to write, either to read: its init; NULL before and after it */
	s32 last;                   /* pid_lock: cursor of the cyclic search */
	u64 *map;                   /* pid_lock: numbers in use */
	u32 map_bits;               /* pid_lock: size of map */
	u32 nr;                     /* pid_lock: numbers in use */
	bool no_new;                /* pid_lock: its init died */
	s32 reboot;                 /* o of its init: the wait status that reboot(2) asked for, or 0 */
};
struct upid {
	s32 nr;
	struct pid_namespace *ns;
	struct list_head hash;      /* tasklist_lock */
};
struct pid {
	atomic_t refs;
	u32 level;
	s32 exit_code;              /* tasklist_lock, then constant: wait status of the task that had the number, once it is reaped */
	u64 ino;                    /* a: st_ino of its pidfds, 0 = there was none yet */
	struct list_head tasks[PIDTYPE_MAX]; /* tasklist_lock: task->pid_links[type] */
	struct wait_queue wait;     /* pidfd pollers */
	struct upid numbers[1];     /* level+1 of them; [0] = initial namespace. The last one's namespace is counted */
};
extern struct pid_namespace init_pid_ns;
extern s32 pid_max;

/* Gives the numbers back: only when the pid was never attached, or by the last detach. */
void free_pid(struct pid *pid);
void pid_get(struct pid *pid);
void pid_put(struct pid *pid);
/* nr as current's namespace counts. NULL when no such number is in use. With a reference / without one (=> tasklist_lock held). */
struct pid *find_get_pid(s32 nr);
struct pid *find_pid(s32 nr);
/* nr as ns counts. => tasklist_lock */
struct pid *find_pid_in(s32 nr, const struct pid_namespace *ns);
/* The task whose tid is nr, with a reference (task_put), or NULL. */
struct task *find_get_task(s32 nr);
struct task *find_get_task_in(s32 nr, const struct pid_namespace *ns);
/* The number in the initial namespace: for messages. NULL: 0. */
static inline s32 pid_nr(const struct pid *p) { return p ? p->numbers[0].nr : 0; }
/* The number that ns knows it by, 0 when it is not visible there. */
static inline s32 pid_nr_in(const struct pid *p, const struct pid_namespace *ns)
{
	return p && ns->level <= p->level && p->numbers[ns->level].ns == ns ? p->numbers[ns->level].nr : 0;
}
/* The number in its own, innermost namespace. */
static inline s32 pid_own_nr(const struct pid *p) { return p ? p->numbers[p->level].nr : 0; }
static inline struct pid_namespace *pid_ns_of(const struct pid *p) { return p->numbers[p->level].ns; }
/* => tasklist_lock */
void attach_pid(struct task *t, enum pid_type type, struct pid *pid);
void detach_pid(struct task *t, enum pid_type type);
void change_pid(struct task *t, enum pid_type type, struct pid *pid);
void pid_init(void);
/* kernel.pid_max and ns_last_pid. 0, -EINVAL, -ENOMEM. */
int pid_set_max(s32 limit);
int pid_set_last(struct pid_namespace *ns, s32 last);
/* Forbids new numbers in ns. */
void pid_ns_close(struct pid_namespace *ns);
/* => tasklist_lock */
void pid_ns_set_reaper(struct pid_namespace *ns, struct task *t);
/* Numbers in use in ns; a count seen here is not seen before its waker has let go of the namespace's init. */
u32 pid_ns_count(struct pid_namespace *ns);
/* Numbers in use, for leak checks. */
u32 pid_count(void);

#endif
