/*
 * Restartable sequences: rseq(2). Entry points: sys_rseq; rseq_resume (on the way to user mode), rseq_signal (before a handler's frame), rseq_fork.
 *
 * A thread registers a small area in its memory. The kernel keeps the number of its CPU there, and moves it to the abort address of the sequence it is in when
 * it was preempted, moved to another CPU or interrupted by a signal. User mode is preempted only on its way out of an interrupt, in hook_exit_to_user(): that
 * is where a sequence is looked for. The numbers are written anew only when the CPU is another one than last time, which the scheduler notices
 * (rseq_cpu, TIF_RSEQ_WORK). Whoever breaks the rules (unreadable area, malformed descriptor, no signature) gets SIGSEGV.
 */
#include "proc/rseq.h"

#include <linux/rseq.h>

#include "arch/x86_64/arch.h"
#include "gen/sys_protos.h"
#include "mm/uaccess.h"
#include "proc/signal.h"

#define AREA_MIN 32u   /* the first version's size, and its alignment */
#define AREA_ALIGN 32u
#define CS_FLAGS_GONE 7u /* NO_RESTART_ON_*: no longer supported */
#define CS_OFFSET offsetof(struct rseq, rseq_cs)
#define FLAGS_OFFSET offsetof(struct rseq, flags)
/* struct rseq of the headers may end before these. */
#define NODE_OFFSET 20u
#define CID_OFFSET 24u

/* cpu: the number to show, ~0 = none. 0 or -EFAULT. */
static int write_numbers(uaddr_t area, u32 cpu)
{
	u32 start = cpu == ~0U ? 0 : cpu;
	if (put_user(start, area) || put_user(cpu, area + 4) || put_user((u32)0, area + NODE_OFFSET))
		return -EFAULT;
	/* Concurrency ids only need to differ among threads that run at the same time. */
	return put_user(start, area + CID_OFFSET);
}

static int update_numbers(struct task *t)
{
	u32 cpu = cpu_id();
	if (t->rseq_cpu == cpu)
		return 0;
	/* First the note: a move while the copy sleeps is noticed. */
	t->rseq_cpu = cpu;
	return write_numbers(t->rseq, cpu);
}

/* The descriptor of the sequence t is said to be in. 0, -EFAULT, -EINVAL. */
static int read_descriptor(struct task *t, uaddr_t at, struct rseq_cs *cs)
{
	u32 sig;
	if (at >= TASK_SIZE_MAX || copy_from_user(cs, at, sizeof(*cs)))
		return -EFAULT;
	u64 end = cs->start_ip + cs->post_commit_offset;
	if (cs->start_ip >= TASK_SIZE_MAX || end >= TASK_SIZE_MAX || end < cs->start_ip || cs->abort_ip >= TASK_SIZE_MAX || cs->version || cs->flags)
		return -EINVAL;
	if (cs->abort_ip - cs->start_ip < cs->post_commit_offset || cs->abort_ip < sizeof(sig))
		return -EINVAL;
	if (get_user(sig, cs->abort_ip - sizeof(sig)))
		return -EFAULT;
	return sig == t->rseq_sig ? 0 : -EINVAL;
}

/* Ends the sequence at regs->ip, if there is one. 0, -EFAULT, -EINVAL. */
static int abort_sequence(struct task *t, struct regs *regs)
{
	struct rseq_cs cs;
	u64 at;
	u32 flags;
	if (get_user(at, t->rseq + CS_OFFSET))
		return -EFAULT;
	if (likely(!at))
		return 0;
	int err = read_descriptor(t, at, &cs);
	if (err)
		return err;
	bool inside = regs->ip - cs.start_ip < cs.post_commit_offset;
	if (inside) {
		if (get_user(flags, t->rseq + FLAGS_OFFSET))
			return -EFAULT;
		if (flags & CS_FLAGS_GONE)
			return -EINVAL;
		if (!(atomic_and(&t->flags, ~(u32)TIF_RSEQ_ABORT) & TIF_RSEQ_ABORT))
			return 0;
	}
	if (put_user((u64)0, t->rseq + CS_OFFSET))
		return -EFAULT;
	if (inside)
		regs->ip = cs.abort_ip;
	return 0;
}

void rseq_resume(struct regs *regs)
{
	struct task *t = current;
	atomic_and(&t->flags, ~(u32)TIF_RSEQ_WORK);
	if (!t->rseq || (t->pf & PF_EXITING))
		return;
	if (((READ_ONCE(t->flags) & TIF_RSEQ_ABORT) && abort_sequence(t, regs)) || update_numbers(t))
		force_signal(SIGSEGV, SI_KERNEL, 0);
	else
		atomic_and(&t->flags, ~(u32)TIF_RSEQ_ABORT);
}

bool rseq_signal(struct regs *regs)
{
	struct task *t = current;
	if (likely(!t->rseq))
		return true;
	atomic_or(&t->flags, TIF_RSEQ_ABORT);
	bool ok = !abort_sequence(t, regs) && !update_numbers(t);
	atomic_and(&t->flags, ~(u32)TIF_RSEQ_ABORT);
	return ok;
}

void rseq_fork(struct task *child, bool shares_memory)
{
	const struct task *me = current;
	if (!me->rseq || shares_memory)
		return;
	child->rseq = me->rseq;
	child->rseq_len = me->rseq_len;
	child->rseq_sig = me->rseq_sig;
	child->rseq_cpu = me->rseq_cpu;
	atomic_or(&child->flags, TIF_RSEQ);
}

void rseq_forget(struct task *t)
{
	t->rseq = 0;
	t->rseq_len = t->rseq_sig = 0;
	atomic_and(&t->flags, ~(u32)(TIF_RSEQ | TIF_RSEQ_ABORT | TIF_RSEQ_WORK));
}

static long unregister(u64 area, u32 len, u32 flags, u32 sig)
{
	struct task *t = current;
	if ((flags & ~(u32)RSEQ_FLAG_UNREGISTER) || !t->rseq || t->rseq != area || t->rseq_len != len)
		return -EINVAL;
	if (t->rseq_sig != sig)
		return -EPERM;
	if (write_numbers(t->rseq, ~0U))
		return -EFAULT;
	rseq_forget(t);
	return 0;
}

long sys_rseq(u64 area, u64 ulen, u64 uflags, u64 usig)
{
	struct task *t = current;
	u32 len = (u32)ulen, flags = (u32)uflags, sig = (u32)usig;
	if (flags & RSEQ_FLAG_UNREGISTER)
		return unregister(area, len, flags, sig);
	if (flags)
		return -EINVAL;
	if (t->rseq) {
		if (t->rseq != area || t->rseq_len != len)
			return -EINVAL;
		return t->rseq_sig != sig ? -EPERM : -EBUSY;
	}
	if (len < AREA_MIN || (area & (AREA_ALIGN - 1)))
		return -EINVAL;
	if (!user_range_ok(area, len))
		return -EFAULT;
	/* A sequence left behind by an earlier owner of this memory is over. */
	if (put_user((u64)0, area + CS_OFFSET))
		return -EFAULT;
	t->rseq = area;
	t->rseq_len = len;
	t->rseq_sig = sig;
	t->rseq_cpu = ~0U;
	atomic_or(&t->flags, TIF_RSEQ | TIF_RSEQ_WORK);
	return 0;
}
