/*
 * Control groups, version 2: one tree of groups, each task in one of them. cgroup.c is the tree, its types and which controllers are on where;
 * cgroup_task.c who is in which group: birth, death, migration, the pids controller, kill; cgroup_freeze.c the freezer; cgroup_ns.c the namespaces.
 * The files are fs/cgroupfs.c's, what stands in them fs/cgroup_files.c's, cgroup_cpu.c's and cgroup_memory.c's.
 *
 * Locks: C = cgroup_mutex (sleeping), T = tasklist_lock. Changes to the tree and to what is on hold both, so either is enough to read. Who is where, and
 * every count of tasks, is T: births and deaths hold it anyway, so that a birth in the root group costs two comparisons and a migration can never meet
 * a half-born task.
 *
 * A group lives (refs) as long as its name is in the tree, a task, child group, namespace or file speaks of it; `dead` from rmdir on.
 */
#ifndef PANDO_PROC_CGROUP_H
#define PANDO_PROC_CGROUP_H

#include "proc/task.h"
#include "sched/group.h"
#include "sched/mutex.h"
#include "vfs/ns.h"

enum cgroup_controller { CGC_CPU, CGC_MEMORY, CGC_PIDS, CGC_COUNT };
#define CGC_BUILT (BIT(CGC_CPU) | BIT(CGC_MEMORY) | BIT(CGC_PIDS))              /* those that there are */
#define CGC_THREADED (BIT(CGC_CPU) | BIT(CGC_PIDS)) /* those that may tell the threads of one process apart */
extern const char *const cgroup_controller_name[CGC_COUNT];

#define CGROUP_NO_LIMIT INT64_MAX
#define CGROUP_FILES_MAX 48 /* files of one group: cgroupfs_init asserts it */

/* What poll(2) waits for: the events files. */
enum cgroup_event { CGE_NONE = -1, CGE_EVENTS, CGE_PIDS, CGE_PIDS_LOCAL, CGE_MEMORY, CGE_MEMORY_LOCAL, CGE_COUNT };

/* Lines of memory.events, in order. */
enum cgroup_memory_event { CGM_LOW, CGM_HIGH, CGM_MAX, CGM_OOM, CGM_OOM_KILL, CGM_OOM_GROUP_KILL, CGM_COUNT };

struct cgroup_file_attr { u32 uid, gid; u16 mode; };

struct cgroup {
	atomic_t refs;
	u64 id;                       /* constant: also its directory's inode number */
	struct cgroup *parent;        /* constant, counted; NULL: the root */
	u32 level;                    /* constant: 0 for the root */
	char *name;                   /* constant */
	struct list_head children, sibling; /* C T: those that are not dead, oldest first */
	bool dead;                    /* C T */
	u8 subtree_control;           /* C T: bit per controller that its children have */
	u8 on;                        /* C T: bit per controller that works here */
	struct cgroup *dom;           /* C T: its resource domain: itself, but for a threaded group */
	u32 nr_threaded_children;     /* C */
	u32 nr_descendants;           /* C T */
	atomic_t nr_dying;            /* descendants that are dead but still referred to */
	u32 max_descendants, max_depth; /* C */
	/* members */
	u32 nr_tasks;                 /* T: that have not begun to be zombies; not kept for the root */
	u32 nr_populated[2];          /* T: children with a live task in or below them, [1] the threaded ones */
	bool freeze;                  /* C: what was asked for */
	bool freezing;                /* C T: here or above */
	bool frozen;                  /* T: freezing, and everybody in and below it is */
	u32 nr_frozen;                /* T */
	struct sched_group sched;     /* the cpu controller; the root's is not used */
	/* pids */
	s64 nr_pids;                  /* T: tasks in and below it, zombies included */
	s64 pids_max, pids_peak;      /* T */
	u64 pids_over, pids_over_local, pids_failed; /* T: births refused by its limit or one below; by its own; of its own tasks */
	/* memory */
	struct memcg *memcg;          /* C T: what its members and those below pay to, NULL where the controller is off */
	struct memcg *memcg_old;      /* C: on its way out */
	bool oom_group;               /* C to write: who kills one of it for want of memory kills all */
	struct list_head peak_watchers; /* C: open files of memory.peak that count from a time of their own */
	u64 memory_events[CGM_COUNT], memory_events_local[CGM_COUNT]; /* T: here and below; here */
	/* files */
	struct wait_queue poll;       /* woken with each event */
	atomic_t event[CGE_COUNT];    /* how many there were, from 1 */
	struct inode *dir;            /* C, and a lock of fs/cgroupfs.c: its directory's inode, counted until it is dead */
	struct inode *file_inode[CGROUP_FILES_MAX]; /* that lock: those in use, not counted */
	struct cgroup_file_attr attr[CGROUP_FILES_MAX]; /* owner and mode of each file; races are harmless */
};
extern struct cgroup root_cgroup;
extern struct mutex cgroup_mutex; /* RANK_CGROUP */

/* Flags of the mount: cgroup_mutex to write. */
struct cgroup_flags { bool nsdelegate, pids_localevents, memory_localevents; };
extern struct cgroup_flags cgroup_flags;

static inline void cgroup_get(struct cgroup *cg) { atomic_inc(&cg->refs); }
void cgroup_put(struct cgroup *cg);
/* Groups that exist, the root and dying ones included. */
u32 cgroup_count(void);

/* --- cgroup.c: the tree ------------------------------------------------------------------------------------------------------------------ */
/* Is cg `top` or below it? */
bool cgroup_is_under(const struct cgroup *cg, const struct cgroup *top);
/* => C or T. The group after `at` in the tree below `top`, parents first; begin with top itself; NULL at the end. */
struct cgroup *cgroup_next(struct cgroup *at, struct cgroup *top);
/* => C. A new group; its name (counted for the caller as well) is in the tree. 0, -ENODEV, -EAGAIN (a limit), -ENOMEM. */
int cgroup_create(struct cgroup *parent, const char *name, struct cgroup **out);
/* => C. 0 or -EBUSY. */
int cgroup_destroy(struct cgroup *cg);
/* => C. cgroup.subtree_control: 0, -ENOENT, -EBUSY, -EOPNOTSUPP, -ENOMEM. */
int cgroup_set_subtree_control(struct cgroup *cg, u8 enable, u8 disable);
/* => C. cgroup.type. */
const char *cgroup_type(const struct cgroup *cg);
int cgroup_make_threaded(struct cgroup *cg);
static inline bool cgroup_is_threaded(const struct cgroup *cg) { return cg->dom != cg; }
/* => C. May cg have tasks? 0, -EOPNOTSUPP, -EBUSY. */
int cgroup_may_hold_tasks(const struct cgroup *cg);
/* The path of cg as seen from `from`, "/../" for each step up. The length as format_str. */
int cgroup_path(const struct cgroup *cg, const struct cgroup *from, char *buf, size_t size);
/* Something that poll(2) and inotify tell of. => no spinlock that comes after T; not in an interrupt */
void cgroup_notify(struct cgroup *cg, enum cgroup_event e);

/* --- cgroup_task.c: members -------------------------------------------------------------------------------------------------------------- */
static inline bool cgroup_is_populated(const struct cgroup *cg) { return cg->nr_tasks || cg->nr_populated[0] || cg->nr_populated[1]; }
/* The group of t, with a reference. */
struct cgroup *task_cgroup_get(struct task *t);
/* clone3(CLONE_INTO_CGROUP): the group behind a descriptor. On success cgroup_mutex is held and *out counted until cgroup_leave_fork(). */
int cgroup_enter_fork(int fd, bool thread, struct cgroup **out);
void cgroup_leave_fork(struct cgroup *into);
/* => T. May the child of current be born into `into` (NULL: current's group)? 0, -EAGAIN. Nothing is taken yet. */
int cgroup_can_fork(struct cgroup *into);
/* => T. It is born: counts and marks it. */
void cgroup_fork(struct task *child, struct cgroup *into, u64 flags);
/* => T. current becomes a zombie / t is released. */
void cgroup_exit(struct task *t);
void cgroup_release(struct task *t);
/* Is there anything to do for t at its birth, death, release? */
static inline bool cgroup_in_root(const struct task *t) { return likely(READ_ONCE(t->cgroup) == &root_cgroup); }
/* Writing a number to cgroup.procs (process) or cgroup.threads by the credentials and namespace of who opened it. => C */
int cgroup_attach(struct cgroup *dst, s32 nr, bool process, const struct cred *opener, struct cgroup_namespace *ns);
/* Calls fn for every live task (threads too) in cg, or (below) in and below it. => T */
void cgroup_for_each_task(struct cgroup *cg, bool below, void (*fn)(struct task *t, void *arg), void *arg);
/* cgroup.procs, cgroup.threads: calls fn with each number as the reader counts. */
void cgroup_list(struct cgroup *cg, bool processes, void (*fn)(s32 nr, void *arg), void *arg);
/* => C. SIGKILL to everybody in and below cg. */
void cgroup_kill(struct cgroup *cg);

/* => T. Makes what the scheduler and the memory groups know of t what its group says. */
void cgroup_follow(struct task *t);

/* --- cgroup_memory.c --------------------------------------------------------------------------------------------------------------------- */
/* => T. The nearest group, cg or above it, that counts memory; NULL: none. */
struct cgroup *cgroup_with_memory(struct cgroup *cg);
/* Something happened in cg, which may be NULL. */
void cgroup_memory_event(struct cgroup *cg, enum cgroup_memory_event e);
/* The group whose limit current met since it last asked, with a reference; NULL: none, or it has room again. */
struct cgroup *cgroup_memory_blocker(void);
/* On the way to user mode: waits or kills as the limits that current met demand. True: a system call that failed with ENOMEM for that is worth another try. */
bool cgroup_memory_work(void);
/* memory.max in pages: 0, -EINTR. Kills until the group fits, or nobody is left. */
int cgroup_set_memory_max(struct cgroup *cg, u64 pages);

/* memory.reclaim: 0, -EAGAIN (there was not so much), -EINTR. */
int cgroup_reclaim(struct cgroup *cg, u64 pages);

/* After a change of cpu.max: who sleeps for the old one looks at the new one. */
void cgroup_wake_throttled(struct cgroup *cg);

/* --- cgroup_freeze.c --------------------------------------------------------------------------------------------------------------------- */
/* => C */
void cgroup_set_freeze(struct cgroup *cg, bool freeze);
/* => T. The state of cg and what is above it, after a change of its members or children. */
void cgroup_update_frozen(struct cgroup *cg);
/* => T. Makes t, which has been counted in cg, do as cg does. */
void cgroup_freeze_task(struct task *t, bool freeze);
/* current stops doing anything (stopped, traced, frozen, waiting for a vforked child) / goes on. always: whatever its group wants. */
void cgroup_enter_frozen(void);
void cgroup_leave_frozen(bool always);

/* --- cgroup_ns.c ------------------------------------------------------------------------------------------------------------------------- */
struct cgroup_namespace {
	struct ns_common common;
	struct cgroup *root; /* constant once a task has it, counted */
};
extern struct cgroup_namespace init_cgroup_ns;
static inline struct cgroup_namespace *current_cgroup_ns(void) { return current->nsproxy->cgroup; }

/* --- defined by fs/cgroupfs.c ------------------------------------------------------------------------------------------------------------ */
/* The group whose directory f is, with a reference; NULL: none. */
struct cgroup *hook_cgroup_of_dir(struct file *f);
/* Tells the inotify watchers of e's file and of cg's directory. => as cgroup_notify() */
void hook_cgroup_event(struct cgroup *cg, enum cgroup_event e);
/* May c write to cg's cgroup.procs? 0 or -EACCES ... */
int hook_cgroup_may_write(struct cgroup *cg, const struct cred *c);

#endif
