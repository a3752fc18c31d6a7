/*
 * The fair class: EEVDF. Pure: works on a struct rq whose lock the caller holds. Entry points: internal.h.
 *
 * Every entity has a virtual run time (real time scaled by 1024 / weight). The queue's average V is weighted by load; an entity whose vruntime
 * is not above V has not had more than its share and is eligible. Among the eligible, the one with the earliest virtual deadline runs, until
 * its deadline (one slice of virtual time further) is reached. When an entity leaves, its lag (V - vruntime) is kept and given back when it
 * returns, so sleeping neither earns nor costs more than two slices. A newborn starts at V: a fork earns nothing.
 *
 * V is kept as a sum relative to `base`, so no division is needed to tell whether somebody is eligible.
 */
#include "sched/internal.h"

#include <linux/sched.h>

/* Linux's nice levels: each step is about 10 % of CPU share, a factor of 1.25. Index: nice + 20. */
static const u32 nice_weight[40] = {
	88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916,
	9548, 7620, 6100, 4904, 3906, 3121, 2501, 1991, 1586, 1277,
	1024, 820, 655, 526, 423, 335, 272, 215, 172, 137,
	110, 87, 70, 56, 45, 36, 29, 23, 18, 15,
};

u32 fair_weight(u8 policy, s8 nice) { return policy == SCHED_IDLE ? SCHED_IDLE_WEIGHT : nice_weight[nice + 20]; }

u32 sched_nice_shares(s32 nice) { return nice_weight[nice + 20]; }
s32 sched_shares_nice(u32 shares)
{
	u32 last = ~0U, i;
	for (i = 0; i < 40; i++) {
		u32 off = shares > nice_weight[i] ? shares - nice_weight[i] : nice_weight[i] - shares;
		if (off >= last)
			break;
		last = off;
	}
	return (s32)i - 21;
}

#define REBASE_DISTANCE (1L << 30)

static inline u64 to_virtual(u64 ns, u32 weight) { return likely(weight == 1024) ? ns : ns * 1024 / weight; }
static inline bool before(u64 a, u64 b) { return (s64)(a - b) < 0; }

/* The tree's sums plus the running entity's part. */
static inline void totals(const struct rq *rq, s64 *sum, s64 *load)
{
	const struct sched_entity *c = rq->fair_curr;
	*sum = rq->sum;
	*load = (s64)rq->load;
	if (c) {
		*sum += (s64)(c->vruntime - rq->base) * c->weight;
		*load += c->weight;
	}
}

/* The queue's weighted average of vruntime. */
static u64 fair_avg(const struct rq *rq)
{
	s64 sum, load;
	totals(rq, &sum, &load);
	if (!load)
		return rq->base;
	if (sum < 0)
		sum -= load - 1; /* round down, so that a queue's only entity is eligible */
	return rq->base + (u64)(sum / load);
}

static inline bool eligible(const struct rq *rq, const struct sched_entity *se, s64 sum, s64 load)
{
	return (s64)(se->vruntime - rq->base) * load <= sum;
}

/* Keeps base near the average, so that the products stay small. */
static void rebase(struct rq *rq)
{
	if (!rq->load) {
		rq->sum = 0;
		if (rq->fair_curr)
			rq->base = rq->fair_curr->vruntime;
		return;
	}
	s64 off = rq->sum / (s64)rq->load;
	rq->base += (u64)off;
	rq->sum -= off * (s64)rq->load;
}

static bool deadline_less(const struct rb_node *a, const struct rb_node *b)
{
	return before(rb_entry(a, struct sched_entity, node)->deadline, rb_entry(b, struct sched_entity, node)->deadline);
}

void fair_insert(struct rq *rq, struct sched_entity *se)
{
	rb_insert(&rq->fair, &se->node, deadline_less);
	rq->sum += (s64)(se->vruntime - rq->base) * se->weight;
	rq->load += se->weight;
}

void fair_remove(struct rq *rq, struct sched_entity *se)
{
	rb_erase(&rq->fair, &se->node);
	rq->sum -= (s64)(se->vruntime - rq->base) * se->weight;
	rq->load -= se->weight;
	if (!rq->load && !rq->fair_curr)
		rq->base = se->vruntime;
}

void fair_remember_lag(struct rq *rq, struct sched_entity *se)
{
	s64 limit = (s64)to_virtual(2 * FAIR_SLICE_NS, se->weight);
	s64 lag = (s64)(fair_avg(rq) - se->vruntime);
	se->lag = lag > limit ? limit : lag < -limit ? -limit : lag;
	if (se == rq->fair_curr && !rq->load)
		rq->base = se->vruntime;
}

void fair_rescale_lag(struct sched_entity *se, u32 old)
{
	if (old != se->weight)
		se->lag = se->lag * old / se->weight;
}

void fair_place(struct rq *rq, struct sched_entity *se, enum fair_how how)
{
	u64 load = rq->load + (rq->fair_curr ? rq->fair_curr->weight : 0);
	s64 lag = how == FAIR_NEW || !load ? 0 : se->lag;
	/* Its arrival moves the average towards it by weight / (load + weight); what is given is made larger so that the lag survives that. */
	if (lag)
		lag = lag * (s64)(load + se->weight) / (s64)load;
	u64 slice = to_virtual(FAIR_SLICE_NS, se->weight);
	se->vruntime = fair_avg(rq) - (u64)lag;
	se->deadline = se->vruntime + (how == FAIR_NEW ? slice / 2 : slice);
}

bool fair_charge(struct rq *rq, u64 delta)
{
	struct sched_entity *se = rq->fair_curr;
	se->vruntime += to_virtual(delta, se->weight);
	if (!rq->load) {
		rq->base = se->vruntime;
		rq->sum = 0;
	}
	if (unlikely((s64)(se->vruntime - rq->base) > REBASE_DISTANCE))
		rebase(rq);
	if (before(se->vruntime, se->deadline))
		return false;
	se->deadline = se->vruntime + to_virtual(FAIR_SLICE_NS, se->weight);
	return true;
}

struct sched_entity *fair_pick(struct rq *rq)
{
	struct sched_entity *curr = rq->fair_curr;
	struct rb_node *n = rb_first(&rq->fair);
	if (!n)
		return curr;
	s64 sum, load;
	totals(rq, &sum, &load);
	if (curr && !eligible(rq, curr, sum, load))
		curr = NULL;
	for (; n; n = rb_next(n)) {
		struct sched_entity *se = rb_entry(n, struct sched_entity, node);
		if (curr && before(curr->deadline, se->deadline))
			return curr;
		if (eligible(rq, se, sum, load))
			return se;
	}
	/* Somebody is never above the average; this line only guards against overflow of extreme weights. */
	return curr ? curr : rb_entry(rb_first(&rq->fair), struct sched_entity, node);
}

bool fair_preempts(struct rq *rq, struct sched_entity *se)
{
	struct sched_entity *curr = rq->fair_curr;
	bool low = se->policy == SCHED_IDLE || se->idle_group, curr_low = curr->policy == SCHED_IDLE || curr->idle_group;
	if (low != curr_low)
		return curr_low;
	if (se->policy != SCHED_NORMAL)
		return false;
	s64 sum, load;
	totals(rq, &sum, &load);
	/* A running entity that is within its share keeps its slice. */
	return !eligible(rq, curr, sum, load) && eligible(rq, se, sum, load);
}

void fair_yield(struct rq *rq)
{
	struct sched_entity *se = rq->fair_curr;
	/* Not further however often it yields, or a yielding loop would pay for it much later. */
	se->deadline = se->vruntime + 2 * to_virtual(FAIR_SLICE_NS, se->weight);
}

u64 fair_slice_left(const struct rq *rq)
{
	const struct sched_entity *se = rq->fair_curr;
	s64 left = (s64)(se->deadline - se->vruntime);
	if (left <= 0)
		return 0;
	return se->weight == 1024 ? (u64)left : (u64)left * se->weight / 1024;
}
