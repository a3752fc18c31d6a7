/*
 * Changing and asking: affinity, policy, CPU times, statistics. Entry points: sched_set_affinity(), sched_set_policy(), thread_cpu_times(),
 * thread_runtime(), sched_slice(), sched_cpus(), sched_nr_running(), sched_context_switches(), sched_cpu_stat().
 */
#include <linux/sched.h>

#include "arch/x86_64/arch.h"
#include "sched/internal.h"

int sched_set_affinity(struct thread *t, u64 mask)
{
	mask &= sched_online;
	if (!mask)
		return -EINVAL;
	u64 flags = irq_save();
	struct rq *rq = lock_thread_rq(t);
	t->se.affinity = mask;
	bool move = !(mask >> rq->cpu & 1);
	if (move && rq->curr == t) {
		rq_resched(rq); /* its next schedule() sees that it may not stay */
		spin_unlock_irqrestore(&rq->lock, flags);
		if (t == current_thread())
			cond_resched();
		return 0;
	}
	bool queued = move && t->se.on_rq;
	if (queued) {
		rq_charge(rq, arch_clock_ns());
		rq_detach(rq, t);
	}
	if (move)
		t->se.cpu = select_cpu_any(t);
	spin_unlock(&rq->lock);
	if (queued)
		sched_requeue(t);
	irq_restore(flags);
	return 0;
}

static void set_fields(struct sched_entity *se, u8 policy, u8 rt_prio, s8 nice, bool reset_on_fork)
{
	u32 old = se->weight;
	se->policy = policy;
	se->rt_prio = rt_prio;
	se->prio = max(rt_prio, se->boost);
	se->nice = nice;
	se->reset_on_fork = reset_on_fork;
	se->idle_group = false; /* a group says so when it is queued */
	se->slice_used = 0;
	se->weight = fair_weight(policy, nice);
	fair_rescale_lag(se, old);
}

/* What is to become of an entity. */
struct change {
	u8 policy, rt_prio, boost;
	s8 nice;
	bool reset_on_fork, only_boost, only_group;
	struct sched_group *group;
};
static void apply(struct thread *t, const struct change *c)
{
	struct sched_entity *se = &t->se;
	if (c->only_group) {
		t->group = c->group;
		set_fields(se, se->policy, se->rt_prio, se->nice, se->reset_on_fork);
	} else if (c->only_boost) {
		se->boost = c->boost;
		se->prio = max(se->rt_prio, c->boost);
	} else {
		set_fields(se, c->policy, c->rt_prio, c->nice, c->reset_on_fork);
	}
}

/* Takes t off its queue, changes its entity, puts it back where it belongs now. */
static void change_entity(struct thread *t, const struct change *c)
{
	u64 flags = irq_save();
	struct rq *rq = lock_thread_rq(t);
	struct sched_entity *se = &t->se;
	u64 now = arch_clock_ns();
	bool queued = se->on_rq, running = rq->curr == t;
	rq_charge(rq, now);
	if (queued)
		rq_detach(rq, t);
	apply(t, c);
	if (queued && t->group)
		group_enter(t);
	if (queued && !is_rt(se))
		fair_place(rq, se, FAIR_WAKE);
	if (queued && running) {
		se->on_rq = true;
		rq->nr_running++;
		if (is_rt(se))
			rt_insert(rq, se, true);
		else
			rq->fair_curr = se;
		rq_resched(rq);
	} else if (queued) {
		rq_attach(rq, t, now);
	}
	spin_unlock_irqrestore(&rq->lock, flags);
}

void sched_set_policy(struct thread *t, u8 policy, u8 rt_prio, s8 nice, bool reset_on_fork)
{
	struct change c = { .policy = policy, .rt_prio = rt_prio, .nice = nice, .reset_on_fork = reset_on_fork };
	change_entity(t, &c);
}

void sched_set_boost(struct thread *t, u8 boost)
{
	struct change c = { .boost = boost, .only_boost = true };
	if (t->se.boost != boost)
		change_entity(t, &c);
}

void sched_set_group(struct thread *t, struct sched_group *g)
{
	struct change c = { .group = g, .only_group = true };
	if (t->group != g)
		change_entity(t, &c);
}

u64 sched_cpus(void) { return READ_ONCE(sched_online); }

u64 sched_slice(const struct thread *t)
{
	if (t->se.policy == SCHED_RR)
		return RR_SLICE_NS;
	return t->se.policy == SCHED_FIFO ? 0 : FAIR_SLICE_NS;
}

/* => lock held */
static u64 runtime_now(const struct rq *rq, const struct thread *t)
{
	u64 ns = t->se.sum_exec;
	if (rq->curr == t) {
		s64 delta = (s64)(arch_clock_ns() - t->se.exec_start);
		ns += delta > 0 ? (u64)delta : 0;
	}
	return ns;
}

u64 thread_runtime(struct thread *t)
{
	u64 flags = irq_save();
	struct rq *rq = lock_thread_rq(t);
	u64 ns = runtime_now(rq, t);
	spin_unlock_irqrestore(&rq->lock, flags);
	return ns;
}

void thread_cpu_times(struct thread *t, u64 *utime, u64 *stime)
{
	u64 flags = irq_save();
	struct rq *rq = lock_thread_rq(t);
	struct sched_entity *se = &t->se;
	u64 total = runtime_now(rq, t);
	u64 ticks = se->utime_ticks + se->stime_ticks;
	u64 sys = 0;
	if (se->stime_ticks)
		sys = total / ticks * se->stime_ticks + total % ticks * se->stime_ticks / ticks;
	/* Samples come in late, so the split may swing back: each part only grows, and the sum stays exact. */
	if (sys < se->shown_stime)
		sys = se->shown_stime;
	if (total - sys < se->shown_utime)
		sys = total - se->shown_utime;
	se->shown_stime = *stime = sys;
	se->shown_utime = *utime = total - sys;
	spin_unlock_irqrestore(&rq->lock, flags);
}

u64 sched_nr_running(void)
{
	u64 n = 0;
	for (u32 i = 0; i < NR_CPUS; i++)
		n += READ_ONCE(run_queues[i].nr_running);
	return n;
}

u64 sched_context_switches(void)
{
	u64 n = 0;
	for (u32 i = 0; i < NR_CPUS; i++)
		n += READ_ONCE(run_queues[i].switches);
	return n;
}

u64 sched_cpu_nice(u32 cpu) { return cpu < NR_CPUS ? READ_ONCE(run_queues[cpu].nice_ns) : 0; }

void sched_cpu_stat(u32 cpu, u64 *user, u64 *system, u64 *idle)
{
	*user = *system = *idle = 0;
	if (cpu >= NR_CPUS || !(sched_online >> cpu & 1))
		return;
	struct rq *rq = &run_queues[cpu];
	u64 flags = spin_lock_irqsave(&rq->lock);
	rq_charge(rq, arch_clock_ns());
	*user = rq->user_ns;
	*system = rq->system_ns;
	*idle = rq->idle_ns;
	spin_unlock_irqrestore(&rq->lock, flags);
}
