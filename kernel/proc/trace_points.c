/* The records of births, execs and deaths; see trace_points.h. Entry point beside those: proc_trace_names(), when a trace begins. */
#include "proc/trace_points.h"

#include <linux/resource.h>

#include "lib/string.h"
#include "mm/slab.h"

#define ARGV_BYTES 1024u

_Static_assert(BSTEP_COUNT <= sizeof(((struct trace_birth *)0)->mode), "the trace's records are too small for the step table");
_Static_assert(sizeof(((struct task *)0)->comm) == sizeof(((struct trace_birth *)0)->comm), "comm");

void proc_trace_names(void)
{
	for (u32 i = 0; i < BSTEP_COUNT; i++) {
		TRACE_RECORD(step_name, e);
		e.step = i;
		e.steps = BSTEP_COUNT;
		trace_write_text(&e.h, birth_steps[i].name, (u32)strlen(birth_steps[i].name));
	}
}

/* --- births ------------------------------------------------------------------------------------------------------------------------------- */

void trace_birth(struct task *child, const struct birth *b)
{
	TRACE_RECORD(birth, e);
	bool copied_mm = b->plan.mode[BSTEP_MM] == STEP_COPY;
	e.flags = b->args->flags;
	e.start = child->birth.start;
	e.child = child->tid;
	e.tgid = child->tgid;
	e.parent = child->real_parent->tgid;
	e.fork_id = copied_mm && child->mm ? child->mm->fork_id : 0;
	e.tables = child->birth.tables_shared;
	e.vmas = child->birth.vmas;
	e.fds = b->plan.mode[BSTEP_FILES] == STEP_COPY && child->files ? fdtable_count(child->files) : 0;
	e.alloc_ns = b->alloc_ns;
	e.publish_ns = b->publish_ns;
	e.call = child->birth.call;
	e.exit_signal = child->exit_signal > 0 ? (u8)child->exit_signal : 0;
	e.steps = BSTEP_COUNT;
	e.threads = child->tgid != child->tid;
	memcpy(e.mode, b->plan.mode, BSTEP_COUNT);
	memcpy(e.step_ns, b->step_ns, sizeof(b->step_ns));
	memcpy(e.comm, child->comm, sizeof(e.comm));
	trace_write(&e.h);
}

void trace_birth_fail(const struct birth *b, u64 flags, u32 call, int err)
{
	TRACE_RECORD(birth_fail, e);
	e.flags = flags;
	e.error = err;
	e.call = (u8)call;
	e.step = FAILED_DECODE;
	e.steps = BSTEP_COUNT;
	e.start = clock_mono();
	if (b) {
		e.step = (u8)b->failed_step;
		e.start = b->started ? b->started : e.start;
		memcpy(e.mode, b->plan.mode, BSTEP_COUNT);
		memcpy(e.step_ns, b->step_ns, sizeof(b->step_ns));
	}
	trace_write(&e.h);
}

void trace_vfork_wait(s32 child)
{
	TRACE_RECORD(vfork_wait, e);
	e.child = child;
	trace_write(&e.h);
}

void trace_vfork_done(s32 child, u64 since)
{
	TRACE_RECORD(vfork_done, e);
	e.child = child;
	e.ns = clock_mono() - since;
	trace_write(&e.h);
}

void trace_comm(struct task *t)
{
	TRACE_RECORD(comm, e);
	e.target = t->tid;
	memcpy(e.comm, t->comm, sizeof(e.comm));
	trace_write(&e.h);
}

/* --- exec --------------------------------------------------------------------------------------------------------------------------------- */

void trace_exec_plan(const char *path, u64 start)
{
	TRACE_RECORD(exec_plan, e);
	e.start = start;
	trace_write_text(&e.h, path, (u32)strlen(path));
}

void trace_exec_interp(u32 kind, const char *path)
{
	TRACE_RECORD(exec_interp, e);
	e.kind = kind;
	trace_write_text(&e.h, path, (u32)strlen(path));
}

/* Arguments in n bytes, the last of which may be cut. */
static u32 count_args(const char *argv, u32 n)
{
	u32 args = 0;
	for (u32 i = 0; i < n; i++)
		args += !argv[i] || i + 1 == n;
	return args;
}

void trace_exec_commit(const struct exec *x, u64 start, s32 old_tid)
{
	TRACE_RECORD(exec_commit, e);
	struct mm *mm = current->mm;
	char *argv = kmalloc(ARGV_BYTES);
	u32 n = argv ? exec_args_text(&x->args, argv, ARGV_BYTES) : 0;
	e.ns = clock_mono() - start;
	e.plan_ns = x->planned_at - start;
	e.pages = mm->total_pages;
	e.vmas = vma_count(&mm->map);
	e.old_tid = old_tid;
	e.argc = x->args.argv.n;
	e.args = n && n < ARGV_BYTES ? e.argc : count_args(argv, n);
	/* The last NUL is the record's own. */
	trace_write_text(&e.h, argv ? argv : "", n && !argv[n - 1] ? n - 1 : n);
	kfree(argv);
}

void trace_exec_fail(const char *path, u64 start, int err, bool committed)
{
	TRACE_RECORD(exec_fail, e);
	e.ns = clock_mono() - start;
	e.error = err;
	e.committed = committed;
	trace_write_text(&e.h, path, (u32)strlen(path));
}

/* --- the end ------------------------------------------------------------------------------------------------------------------------------ */

void trace_exit(struct task *t, bool last)
{
	TRACE_RECORD(exit, e);
	struct rusage ru;
	task_rusage(t, last ? RUSAGE_SELF : RUSAGE_THREAD, &ru);
	if (last)
		thread_group_times(t, &e.utime, &e.stime);
	else
		thread_cpu_times(task_thread(t), &e.utime, &e.stime);
	e.maxrss = (u64)ru.ru_maxrss;
	e.minflt = (u64)ru.ru_minflt;
	e.majflt = (u64)ru.ru_majflt;
	e.nvcsw = (u64)ru.ru_nvcsw;
	e.nivcsw = (u64)ru.ru_nivcsw;
	e.status = last && (t->signal->flags & SIGNAL_GROUP_EXIT) ? t->signal->group_exit_code : t->exit_code;
	e.last = last;
	e.prio = thread_priority(task_thread(t));
	trace_write(&e.h);
}

void trace_wait(s32 target, u32 options)
{
	TRACE_RECORD(wait, e);
	e.target = target;
	e.options = options;
	trace_write(&e.h);
}

void trace_reap(s32 tid, u32 how)
{
	TRACE_RECORD(reap, e);
	e.target = tid;
	e.how = how;
	trace_write(&e.h);
}

void trace_reparent(const struct task *t, const struct task *old)
{
	TRACE_RECORD(reparent, e);
	e.child = t->tid;
	e.old = old->tgid;
	e.parent = t->real_parent->tgid;
	trace_write(&e.h);
}

void trace_killed(s32 target, int sig, s32 sender, s32 code)
{
	TRACE_RECORD(killed, e);
	e.target = target;
	e.signal = sig;
	e.sender = sender;
	e.code = code;
	trace_write(&e.h);
}

void trace_oom_kill(const struct task *victim, u64 rss)
{
	TRACE_RECORD(oom_kill, e);
	e.rss = rss;
	e.target = victim->tgid;
	e.score_adj = victim->signal->oom_score_adj;
	trace_write(&e.h);
}
