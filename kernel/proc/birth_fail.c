/*
 * Births that failed: the last of them are kept for /proc/births_failed, all go into the trace. Entry points: birth_failed (clone.c), birth_failure_at.
 * Nothing here is touched by a birth that succeeds.
 */
#include "lib/string.h"
#include "proc/internal.h"
#include "proc/trace_points.h"

static DEFINE_SPINLOCK(failures_lock, RANK_INODE_LIST);
static struct birth_failure failures[BIRTH_FAILURES_KEPT]; /* failures_lock */
static u64 failures_total; /* failures_lock: the n-th is in slot n % BIRTH_FAILURES_KEPT */

void birth_failed(const struct birth *b, u64 flags, u32 call, int err)
{
	struct birth_failure f = { .when = clock_mono(), .flags = flags, .tid = current->tid, .own_tid = pid_own_nr(current->thread_pid), .err = -err };
	f.ns = task_pid_ns(current)->common.inum;
	f.call = (u8)call;
	f.step = b ? (u8)b->failed_step : FAILED_DECODE;
	memcpy(f.comm, current->comm, sizeof(f.comm));
	u64 irq = spin_lock_irqsave(&failures_lock);
	failures[failures_total++ % BIRTH_FAILURES_KEPT] = f;
	spin_unlock_irqrestore(&failures_lock, irq);
	if (trace_on(birth_fail))
		trace_birth_fail(b, flags, call, err);
}

bool birth_failure_at(u64 *pos, struct birth_failure *out)
{
	u64 irq = spin_lock_irqsave(&failures_lock);
	u64 first = failures_total > BIRTH_FAILURES_KEPT ? failures_total - BIRTH_FAILURES_KEPT : 0;
	if (*pos < first)
		*pos = first;
	bool any = *pos < failures_total;
	if (any)
		*out = failures[(*pos)++ % BIRTH_FAILURES_KEPT];
	spin_unlock_irqrestore(&failures_lock, irq);
	return any;
}

const char *birth_failure_step(u32 step)
{
	switch (step) {
	case FAILED_DECODE:
		return "arguments";
	case FAILED_BEFORE:
		return "begin";
	case FAILED_AFTER:
		return "publish";
	default:
		return birth_step_name(step);
	}
}
