/*
 * Which CPU. Entry points: select_cpu_wake/fork/any(), balance_idle(), balance_tick(). Other queues' lengths are read without their locks: a
 * stale number costs a worse choice, never a wrong one.
 */
#include "arch/x86_64/arch.h"
#include "sched/internal.h"

#define BALANCE_TICKS 8

static inline u64 allowed_cpus(const struct thread *t) { return t->se.affinity & READ_ONCE(sched_online); }
static inline u32 load_of(u32 cpu) { return READ_ONCE(run_queues[cpu].nr_running); }

/* The CPU of `mask` (not 0) with the fewest runnable threads; `first` when it is as good as any. */
static u32 least_loaded(u64 mask, u32 first)
{
	u32 best = mask >> first & 1 ? first : (u32)__builtin_ctzl(mask);
	for (; mask; mask &= mask - 1) {
		u32 cpu = (u32)__builtin_ctzl(mask);
		if (load_of(cpu) < load_of(best))
			best = cpu;
	}
	return best;
}

u32 select_cpu_wake(struct thread *t)
{
	u32 prev = t->se.cpu;
	if (likely(READ_ONCE(sched_online) == 1UL << prev))
		return prev;
	u64 mask = allowed_cpus(t);
	if (unlikely(!mask))
		return prev;
	if (mask >> prev & 1 && !load_of(prev))
		return prev;
	u32 me = cpu_id();
	u32 best = least_loaded(mask, mask >> prev & 1 ? prev : me);
	if (!load_of(best) || !(mask >> prev & 1))
		return best;
	if (is_rt(&t->se)) {
		/* Better where no real-time thread runs. */
		for (u64 m = mask; READ_ONCE(run_queues[prev].nr_rt) && m; m &= m - 1)
			if (!READ_ONCE(run_queues[__builtin_ctzl(m)].nr_rt))
				return (u32)__builtin_ctzl(m);
		return prev;
	}
	/* Where its data is, unless the queue there is clearly longer. */
	return load_of(prev) > load_of(best) + 1 ? best : prev;
}

u32 select_cpu_fork(const struct thread *t)
{
	u64 mask = allowed_cpus(t);
	return likely(mask) ? least_loaded(mask, cpu_id()) : cpu_id();
}

u32 select_cpu_any(const struct thread *t)
{
	u64 mask = allowed_cpus(t);
	return mask ? least_loaded(mask, t->se.cpu) : t->se.cpu;
}

/* => lock of `from` held. A waiting thread that may run on `cpu`, or NULL. */
static struct thread *find_movable(struct rq *from, u32 cpu)
{
	for (u32 w = 2; w--;) {
		for (u64 bits = from->rt_bits[w]; bits; bits &= bits - 1) {
			struct sched_entity *se;
			list_for_each(se, &from->rt[w * 64 + (u32)__builtin_ctzl(bits)], rt_node)
				if (thread_of(se) != from->curr && se->affinity >> cpu & 1)
					return thread_of(se);
		}
	}
	for (struct rb_node *n = rb_first(&from->fair); n; n = rb_next(n)) {
		struct sched_entity *se = rb_entry(n, struct sched_entity, node);
		if (se->affinity >> cpu & 1)
			return thread_of(se);
	}
	return NULL;
}

/* Interrupts off, no lock held: moves one waiting thread from `from` to this CPU. True when it did. */
static bool pull_from(struct rq *from)
{
	u32 me = cpu_id();
	spin_lock(&from->lock);
	struct thread *t = from->nr_running > 1 ? find_movable(from, me) : NULL;
	if (t) {
		rq_charge(from, arch_clock_ns());
		rq_detach(from, t);
		t->se.cpu = me;
	}
	spin_unlock(&from->lock);
	if (t)
		sched_requeue(t);
	return t != NULL;
}

bool balance_idle(void)
{
	u32 me = cpu_id();
	for (u64 m = READ_ONCE(sched_online) & ~(1UL << me); m; m &= m - 1) {
		struct rq *rq = &run_queues[__builtin_ctzl(m)];
		if (READ_ONCE(rq->nr_running) > 1 && pull_from(rq))
			return true;
	}
	return false;
}

/* An idle CPU that hears nothing never looks around: its idle loop is made to. */
static void rouse_idle_cpu(u32 me)
{
	for (u64 m = READ_ONCE(sched_online) & ~(1UL << me); m; m &= m - 1) {
		struct rq *rq = &run_queues[__builtin_ctzl(m)];
		if (READ_ONCE(rq->nr_running))
			continue;
		spin_lock(&rq->lock);
		if (!rq->nr_running)
			rq_resched(rq);
		spin_unlock(&rq->lock);
		return;
	}
}

void balance_tick(struct rq *rq)
{
	if (likely(READ_ONCE(sched_online) == 1))
		return;
	u32 mine = READ_ONCE(rq->nr_running);
	if (mine > 1)
		rouse_idle_cpu(rq->cpu);
	if (rq->ticks % BALANCE_TICKS)
		return;
	for (u64 m = READ_ONCE(sched_online) & ~(1UL << rq->cpu); m; m &= m - 1) {
		struct rq *other = &run_queues[__builtin_ctzl(m)];
		if (READ_ONCE(other->nr_running) > mine + 1 && pull_from(other))
			return;
	}
}
