/*
 * The real-time class: a list per priority; FIFO runs until it sleeps, yields or a higher one comes, RR also until its 100 ms are over.
 * Entry points: internal.h; the lock of rq is held. Like Linux, the class as a whole gets at most 950 ms of a second while others wait.
 */
#include "sched/internal.h"

#include <linux/sched.h>

#define RT_PERIOD_NS 1000000000UL
#define RT_RUNTIME_NS 950000000UL

void rt_insert(struct rq *rq, struct sched_entity *se, bool head)
{
	u32 p = se->prio;
	if (head)
		list_add(&se->rt_node, &rq->rt[p]);
	else
		list_add_tail(&se->rt_node, &rq->rt[p]);
	rq->rt_bits[p / 64] |= 1UL << (p % 64);
	rq->nr_rt++;
}

void rt_remove(struct rq *rq, struct sched_entity *se)
{
	u32 p = se->prio;
	list_del(&se->rt_node);
	if (list_empty(&rq->rt[p]))
		rq->rt_bits[p / 64] &= ~(1UL << (p % 64));
	rq->nr_rt--;
}

struct sched_entity *rt_pick(struct rq *rq)
{
	bool others = rq->nr_running > rq->nr_rt;
	if (others && rq->rt_time >= RT_RUNTIME_NS)
		return NULL;
	u64 high = rq->rt_bits[1];
	u32 p = high ? 127 - (u32)__builtin_clzl(high) : 63 - (u32)__builtin_clzl(rq->rt_bits[0]);
	return list_first(&rq->rt[p], struct sched_entity, rt_node);
}

void rt_charge(struct rq *rq, struct sched_entity *se, u64 delta, u64 now)
{
	se->slice_used += delta;
	if (now >= rq->rt_period_end) {
		rq->rt_period_end = now + RT_PERIOD_NS;
		rq->rt_time = 0;
	}
	rq->rt_time += delta;
}

void rt_rotate(struct rq *rq, struct sched_entity *se)
{
	list_move_tail(&se->rt_node, &rq->rt[se->prio]);
	se->slice_used = 0;
}

bool rt_is_last(const struct rq *rq, const struct sched_entity *se) { return se->rt_node.next == &rq->rt[se->prio]; }
