/* Groups of threads: shares, bandwidth, time used (group.h). Entry points: group.h; group_enter, group_leave, group_reweigh, group_charge, group_tick for core.c. */
#include "sched/group.h"

#include "arch/x86_64/arch.h"
#include "sched/internal.h"

static DEFINE_SPINLOCK(group_lock, RANK_SCHED_GROUP); /* interrupts off; taken under run queue locks */

#define MIN_WEIGHT 2u
#define IDLE_SHARES 3u

/* => group_lock. g or the nearest one above it that has a weight of its own. */
static struct sched_group *weighted(struct sched_group *g)
{
	while (g && !g->weighted)
		g = g->parent;
	return g;
}

/* --- shares ------------------------------------------------------------------------------------------------------------------------------ */

/* => group_lock. What an entity of this weight, counted in g, is worth among all threads. */
static u32 effective(const struct sched_group *g, u32 weight)
{
	u64 w = (u64)weight << 10;
	for (; g; g = g->counts_in)
		w = w * g->shares / max(g->load, 1UL);
	return (u32)max(w >> 10, (u64)MIN_WEIGHT);
}

/* => group_lock. Is g, or one above it, idle? */
static bool is_idle(const struct sched_group *g)
{
	while (g && !g->idle)
		g = g->parent;
	return g;
}

static void set_weight(struct sched_entity *se, u32 weight)
{
	u32 old = se->weight;
	se->weight = weight;
	fair_rescale_lag(se, old);
}

void group_enter(struct thread *t)
{
	struct sched_entity *se = &t->se;
	u32 own = fair_weight(se->policy, se->nice);
	spin_lock(&group_lock);
	struct sched_group *g = is_rt(se) ? NULL : weighted(t->group);
	se->counts_in = g;
	se->counted = own;
	u64 load = own;
	/* Up to the first group that had something to run already. */
	for (struct sched_group *up = g; up; up = up->counts_in) {
		up->load += load;
		if (up->active++)
			break;
		up->counts_in = weighted(up->parent);
		load = up->shares;
	}
	u32 weight = effective(g, own);
	se->idle_group = is_idle(t->group);
	spin_unlock(&group_lock);
	set_weight(se, g ? weight : own);
}

void group_leave(struct thread *t)
{
	struct sched_entity *se = &t->se;
	spin_lock(&group_lock);
	u64 load = se->counted;
	for (struct sched_group *g = se->counts_in; g; g = g->counts_in) {
		g->load -= load;
		if (--g->active)
			break;
		load = g->shares;
	}
	se->counts_in = NULL;
	spin_unlock(&group_lock);
}

void group_reweigh(struct thread *t)
{
	struct sched_entity *se = &t->se;
	if (!se->counts_in)
		return;
	spin_lock(&group_lock);
	u32 weight = effective(se->counts_in, se->counted);
	spin_unlock(&group_lock);
	se->weight = weight;
}

/* --- bandwidth --------------------------------------------------------------------------------------------------------------------------- */

/* => group_lock. Begins the period that `now` lies in. What was used too much is owed to the next ones. */
static void refill(struct sched_group *g, u64 now)
{
	if (likely(now < g->period_end))
		return;
	u64 n = g->period_end ? (now - g->period_end) / g->period + 1 : 1;
	u64 began = g->period_end ? g->period_end : now;
	/* Quotas are at most a day, debts at most what ran in one period: 1000 of them pay for anything. */
	s64 used = g->began_with - g->runtime;
	if (g->burst && g->period_end && used > (s64)g->quota) {
		g->nr_bursts++;
		g->burst_ns += min((u64)used - g->quota, g->burst);
	}
	g->runtime = min(g->runtime + (s64)(min(n, 1000UL) * g->quota), (s64)(g->quota + g->burst));
	g->began_with = g->runtime;
	g->period_end = g->period_end ? g->period_end + n * g->period : now + g->period;
	g->nr_periods++;
	if (g->throttled_since && g->runtime > 0) {
		g->throttled_ns += began - g->throttled_since;
		g->throttled_since = 0;
	}
}

/* => group_lock. Is g, or one above it, out of quota? *until: the end of the last period concerned. */
static bool throttled(struct sched_group *g, u64 now, u64 *until)
{
	bool any = false;
	*until = 0;
	for (; g; g = g->parent) {
		if (g->quota == GROUP_NO_QUOTA)
			continue;
		refill(g, now);
		if (g->runtime > 0)
			continue;
		any = true;
		*until = max(*until, g->period_end);
	}
	return any;
}

/* => group_lock */
static void use_quota(struct sched_group *g, u64 delta, u64 now)
{
	refill(g, now);
	g->runtime -= (s64)delta;
	if (g->runtime <= 0 && !g->throttled_since) {
		g->throttled_since = now;
		g->nr_throttled++;
	}
}

bool group_charge(struct thread *t, u64 delta, u64 now)
{
	bool out = false;
	spin_lock(&group_lock);
	for (struct sched_group *g = t->group; g; g = g->parent) {
		g->usage += delta;
		if (g->quota == GROUP_NO_QUOTA || is_rt(&t->se))
			continue;
		use_quota(g, delta, now);
		out = out || g->runtime <= 0;
	}
	spin_unlock(&group_lock);
	if (out)
		atomic_or(&t->flags, TIF_GROUP);
	return out;
}

u64 group_left(struct thread *t, u64 now)
{
	u64 left = ~0UL, until;
	spin_lock(&group_lock);
	bool out = !is_rt(&t->se) && throttled(t->group, now, &until);
	for (struct sched_group *g = t->group; g && !out; g = g->parent)
		if (g->quota != GROUP_NO_QUOTA)
			left = min(left, (u64)g->runtime);
	spin_unlock(&group_lock);
	if (out)
		atomic_or(&t->flags, TIF_GROUP);
	return out ? ~0UL : left;
}

void group_tick(struct thread *t, bool user)
{
	spin_lock(&group_lock);
	for (struct sched_group *g = t->group; g; g = g->parent) {
		*(user ? &g->user_ticks : &g->system_ticks) += 1;
		g->nice_ticks += user && t->se.nice > 0;
	}
	spin_unlock(&group_lock);
}

/* ns that current has to wait, 0 = none. */
static u64 must_wait(void)
{
	struct thread *t = current_thread();
	u64 flags = irq_save(), until = 0;
	struct rq *rq = lock_thread_rq(t);
	u64 now = arch_clock_ns();
	rq_charge(rq, now);
	spin_lock(&group_lock);
	bool out = !is_rt(&t->se) && throttled(t->group, now, &until);
	spin_unlock(&group_lock);
	spin_unlock_irqrestore(&rq->lock, flags);
	return out && until > now ? until - now : 0;
}

void sched_throttle(void)
{
	struct thread *t = current_thread();
	u64 wait;
	while (READ_ONCE(t->group) && (wait = must_wait()) && !fatal_signal_pending()) {
		WRITE_ONCE(t->throttled, true);
		set_current_state(TASK_KILLABLE);
		schedule_timeout(wait);
	}
	WRITE_ONCE(t->throttled, false);
}

/* --- settings ---------------------------------------------------------------------------------------------------------------------------- */

void sched_group_init(struct sched_group *g, struct sched_group *parent)
{
	*g = (struct sched_group){ .parent = parent, .shares = GROUP_SHARES_DEFAULT, .quota = GROUP_NO_QUOTA, .period = 100 * 1000 * 1000 };
}

/* => group_lock. Changes what an active group counts above it. */
static void change_shares(struct sched_group *g, u32 shares)
{
	u64 old = g->shares;
	g->shares = shares;
	if (g->active && g->counts_in)
		g->counts_in->load += shares - old;
}

/* => group_lock */
static void change_quota(struct sched_group *g, u64 quota, u64 period)
{
	u64 now = arch_clock_ns();
	if (g->throttled_since)
		g->throttled_ns += now - g->throttled_since;
	g->throttled_since = 0;
	g->quota = quota;
	g->period = period;
	g->period_end = 0;
	g->runtime = 0;
}

void sched_group_enable(struct sched_group *g, bool on)
{
	u64 flags = spin_lock_irqsave(&group_lock);
	g->weighted = on; /* who is queued moves over when it is queued next */
	g->idle = false;
	g->burst = 0;
	change_shares(g, GROUP_SHARES_DEFAULT);
	change_quota(g, GROUP_NO_QUOTA, 100 * 1000 * 1000);
	g->nr_periods = g->nr_throttled = g->throttled_ns = g->nr_bursts = g->burst_ns = 0;
	spin_unlock_irqrestore(&group_lock, flags);
}

void sched_group_set_shares(struct sched_group *g, u32 shares)
{
	u64 flags = spin_lock_irqsave(&group_lock);
	change_shares(g, shares);
	spin_unlock_irqrestore(&group_lock, flags);
}

void sched_group_set_idle(struct sched_group *g, bool idle)
{
	u64 flags = spin_lock_irqsave(&group_lock);
	if (g->idle != idle)
		change_shares(g, idle ? IDLE_SHARES : GROUP_SHARES_DEFAULT);
	g->idle = idle;
	spin_unlock_irqrestore(&group_lock, flags);
}

void sched_group_set_burst(struct sched_group *g, u64 burst)
{
	u64 flags = spin_lock_irqsave(&group_lock);
	g->burst = burst;
	spin_unlock_irqrestore(&group_lock, flags);
}

void sched_group_set_quota(struct sched_group *g, u64 quota, u64 period)
{
	u64 flags = spin_lock_irqsave(&group_lock);
	change_quota(g, quota, period);
	spin_unlock_irqrestore(&group_lock, flags);
}

void sched_group_read(struct sched_group *g, struct sched_group *out)
{
	/* What runs now has not been charged since its last tick. */
	for (u64 m = READ_ONCE(sched_online); m; m &= m - 1) {
		struct rq *rq = &run_queues[__builtin_ctzl(m)];
		u64 flags = spin_lock_irqsave(&rq->lock);
		rq_charge(rq, arch_clock_ns());
		spin_unlock_irqrestore(&rq->lock, flags);
	}
	u64 flags = spin_lock_irqsave(&group_lock);
	*out = *g;
	spin_unlock_irqrestore(&group_lock, flags);
}
