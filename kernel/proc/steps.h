/*
 * The step table: what a birth copies, in order; its undo; and when the living give each thing back. copy_process() walks it down, a failure
 * walks it up from the failed row, exit walks the AT_EXIT rows up, reaping the AT_REAP rows, the last reference the AT_FREE rows.
 */
#ifndef PANDO_PROC_STEPS_H
#define PANDO_PROC_STEPS_H

#include "proc/internal.h"

/* A birth in progress. Lives on the parent's stack. */
struct birth {
	struct kernel_clone_args *args;
	struct clone_plan plan;
	struct multiprocess_signals collector;
	struct file *pidfd_file;
	int pidfd;
	struct cgroup *cgroup; /* CLONE_INTO_CGROUP: where to, with cgroup_mutex held */
	u32 trace_event; /* PTRACE_EVENT_* that the tracer wants of this birth, or 0 */
	u32 failed_step; /* where it is; for the trace: of the last failure */
	/* while births are traced */
	u64 started;     /* ns since boot, 0: not traced */
	u32 alloc_ns, publish_ns, step_ns[BSTEP_COUNT];
};

#define AT_EXIT 1u
#define AT_EXIT_LAST 8u /* what giving back the others may still need */
#define AT_REAP 2u
#define AT_FREE 4u

struct birth_row {
	const char *name;
	/* Gives the child its share of one thing, as b->plan.mode[row] says; not called for STEP_NONE. On failure nothing of the row is held. 0 or -errno. */
	int (*copy)(struct task *child, struct birth *b);
	/* Gives it back: for the unborn (b set) and for the living at the time the tag says (b NULL). */
	void (*put)(struct task *t, struct birth *b);
	u32 when; /* AT_* */
};
extern const struct birth_row birth_steps[BSTEP_COUNT];

/* birth_fail.c. A call failed; b NULL: before there was a birth. Remembers and traces it. */
void birth_failed(const struct birth *b, u64 flags, u32 call, int err) __cold;

/* Walks down. 0, or the failed row's error after walking back up. */
int copy_steps(struct task *child, struct birth *b);
/* Walks up all rows of an unborn child. */
void undo_steps(struct task *child, struct birth *b);
/* Walks up the rows tagged `when`. */
void put_steps(struct task *t, u32 when);
void steps_init(void);

#endif
