/* The edges of a life as trace records (trace/events.tbl): each function builds one and writes it. Called behind trace_on(). */
#ifndef PANDO_PROC_TRACE_POINTS_H
#define PANDO_PROC_TRACE_POINTS_H

#include "proc/exec.h"
#include "proc/steps.h"
#include "trace/trace.h"

/* birth_fail's step when it was none of the table's. */
#define FAILED_DECODE 253u
#define FAILED_BEFORE 254u
#define FAILED_AFTER 255u

/* clone.c. A child is visible and about to run / a call failed with err; b has plan, times and failed_step. */
void trace_birth(struct task *child, const struct birth *b) __cold;
void trace_birth_fail(const struct birth *b, u64 flags, u32 call, int err) __cold;
void trace_vfork_wait(s32 child) __cold;
void trace_vfork_done(s32 child, u64 since) __cold;
/* exec.c. The call began at `start`. */
void trace_exec_plan(const char *path, u64 start) __cold;
void trace_exec_interp(u32 kind, const char *path) __cold;
void trace_exec_commit(const struct exec *e, u64 start, s32 old_tid) __cold;
void trace_exec_fail(const char *path, u64 start, int err, bool committed) __cold;
/* Whoever changes a name. */
void trace_comm(struct task *t) __cold;
/* exit.c, wait.c. last: of its process */
void trace_exit(struct task *t, bool last) __cold;
void trace_wait(s32 target, u32 options) __cold;
void trace_reap(s32 tid, u32 how) __cold;
void trace_reparent(const struct task *t, const struct task *old) __cold;
void trace_killed(s32 target, int sig, s32 sender, s32 code) __cold;
void trace_oom_kill(const struct task *victim, u64 rss) __cold;

#endif
