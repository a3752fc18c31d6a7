/* The birth record and the names of the copy steps. Pure: shared by the decoder, the step table, procfs and the host tests. */
#ifndef PANDO_PROC_BIRTH_H
#define PANDO_PROC_BIRTH_H

#include "lib/types.h"

/* Rows of the step table (steps.c), top to bottom as copy_process() walks them. */
enum birth_step {
	BSTEP_CREDS, BSTEP_LIMITS, BSTEP_SCHED, BSTEP_SEMUNDO, BSTEP_FILES, BSTEP_FS, BSTEP_SIGHAND, BSTEP_SIGNAL, BSTEP_MM,
	BSTEP_NAMESPACES, BSTEP_IO, BSTEP_THREAD, BSTEP_PID, BSTEP_PIDFD, BSTEP_CGROUP, BSTEP_COUNT
};

/* One step of the birth, as the record keeps it. */
enum share_mode { STEP_NONE, STEP_SHARE, STEP_COPY, STEP_FRESH };
#define BIRTH_STEPS_MAX 20
_Static_assert(BSTEP_COUNT <= BIRTH_STEPS_MAX, "birth record too small for the step table");
enum birth_call { BIRTH_BOOT, BIRTH_FORK, BIRTH_VFORK, BIRTH_CLONE, BIRTH_CLONE3, BIRTH_KTHREAD, BIRTH_USER_MODE_THREAD };
struct birth_record {
	s32 creator_tid;
	char creator_comm[16];
	u8 call;               /* enum birth_call */
	u8 mode[BIRTH_STEPS_MAX]; /* enum share_mode, per row of the step table */
	u8 exit_signal;        /* as the call asked */
	u64 flags;
	u64 start;             /* ns since boot */
	u64 total_ns;
	u32 tables_shared, vmas;
	u32 *step_ns;          /* what each step took, BSTEP_COUNT of them: NULL unless kernel.birth_times was on */
};

/* A birth that failed. */
#define BIRTH_FAILURES_KEPT 64
struct birth_failure {
	u64 when;              /* ns since boot */
	u64 flags;
	s32 tid, own_tid;      /* of the caller: in the first pid namespace, in its own */
	u32 ns;                /* its own pid namespace's number */
	s32 err;               /* positive errno */
	u8 call, step;         /* enum birth_call; row of the step table, or see birth_failure_step() */
	char comm[16];
};

#endif
