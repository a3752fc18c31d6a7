/*
 * What a trace tells: lives (one for each task, from its birth to its reaping), who made whom, and what each birth cost later.
 */
#ifndef HOST_TRACE_MODEL_H
#define HOST_TRACE_MODEL_H

#include "trace_log.h"

#define NO_LIFE UINT32_MAX
#define STEPS_MAX 16

/* A program that a task became, or tried to. */
struct trace_exec {
	uint32_t life;
	uint32_t next; /* index of the same task's next one, or NO_LIFE */
	const struct trace_exec_plan *plan; /* NULL: not seen */
	const struct trace_exec_interp *interp[8];
	unsigned interps;
	const struct trace_exec_commit *commit; /* one of the two, or none yet */
	const struct trace_exec_fail *fail;
};

/* Copies that a fork caused. */
struct trace_cow {
	uint64_t copied, taken, zero, file; /* by cow_fault's kind */
	uint64_t by_creator; /* of copied */
	uint64_t tables, entries; /* unshared page tables */
};

struct trace_life {
	int32_t tid, tgid;
	char comm[17]; /* its latest name */
	char first_comm[17]; /* its name when it was born */
	uint32_t creator; /* life, or NO_LIFE */
	uint32_t first_child, last_child, next_sibling; /* by creator, in order of birth */
	uint32_t first_exec, last_exec;
	uint32_t first_fail, last_fail; /* births that it tried in vain */
	uint32_t children;
	const struct trace_birth *birth; /* NULL: older than the trace */
	const struct trace_exit *exit;
	const struct trace_reap *reap;
	const struct trace_killed *killed;
	const struct trace_reparent *reparent; /* the last one */
	uint64_t born, died, gone; /* ns; died, gone: 0 = not (yet) */
	uint64_t vfork_ns; /* how long its creator waited for it */
	const struct trace_oom_kill *oom; /* chosen when no memory was left */
	uint64_t spent[3]; /* ns by trace_stretch_kind; with the class sched */
	uint32_t failed_execs;
	bool waiting; /* in vfork, at the end of the trace */
	struct trace_cow cow;
};

struct trace_model {
	const struct trace_log *log;
	struct trace_life *life;
	uint32_t lives, life_room;
	struct trace_exec *exec;
	uint32_t execs, exec_room;
	struct trace_failed_birth {
		const struct trace_birth_fail *e;
		uint32_t next;
	} * fail;
	uint32_t fails, fail_room;
	uint32_t *event_life; /* per event of the log: the life of its tid, or NO_LIFE */
	uint32_t *event_other; /* per event: of sched_switch the life that gets the CPU, of sched_wakeup the one woken */
	struct trace_map *by_tid, *by_fork;
	char step_name[STEPS_MAX][16];
	uint32_t steps;
	uint64_t first_ns, last_ns;
	bool sched; /* the scheduler's events are in it */
	uint32_t births, exits, reaps, good_execs, failed_execs;
	uint64_t stray_tables; /* unshared for no fork that is known */
};

/* Builds the model of a finished log, which must outlive it. Returns 0, or -1 (out of memory). */
int trace_model_build(struct trace_model *m, const struct trace_log *log);
void trace_model_free(struct trace_model *m);
/* The life that had this tid at the end of the trace, or NO_LIFE. */
uint32_t trace_model_find(const struct trace_model *m, int32_t tid);

/* --- trace_sched.c: what lives did between two moments ------------------------------------------------------------------------------------------ */
enum trace_stretch_kind { STRETCH_RUN, STRETCH_READY /* waits for a CPU */, STRETCH_BLOCKED };
typedef void trace_stretch_fn(void *ctx, uint32_t life, enum trace_stretch_kind kind, uint64_t from, uint64_t to);
/* Calls fn for each stretch; those of one life come in order of time. False: out of memory. */
bool trace_sched_walk(const struct trace_model *m, trace_stretch_fn *fn, void *ctx);

/* --- words -------------------------------------------------------------------------------------------------------------------------------- */
/* "fork", "clone3" ... */
const char *trace_call_name(unsigned call);
const char *trace_mode_name(unsigned mode);
/* The bit's name without CLONE_, or NULL. */
const char *trace_flag_name(unsigned bit);
/* "SIGKILL"; NULL for no signal. */
const char *trace_signal_name(int sig);
/* "ENOMEM" for 12 or -12; NULL. */
const char *trace_errno_name(int err);
/* The row's name, or "?". */
const char *trace_step_name(const struct trace_model *m, unsigned step);
/* The command line of a life, in buf: its arguments quoted as a shell would want them, or its name in brackets. */
const char *trace_command(const struct trace_model *m, const struct trace_life *l, char *buf, size_t size);

#endif
