/*
 * Load averages, as Linux's: every 5 s the number of runnable and uninterruptibly sleeping threads is averaged in. Idle CPUs do not tick, so the
 * periods are counted when somebody looks: those nobody saw were idle ones. Entry points: loadavg_update(), sched_loadavg().
 */
#include "sched/internal.h"

#define FIXED_1 2048UL
#define PERIOD_NS 5000000000UL

static const u64 decay[3] = { 1884, 2014, 2037 }; /* 2048 * exp(-5 s / 1, 5, 15 min) */
static u64 averages[3]; /* guarded by load_lock */
static u64 next_at = PERIOD_NS; /* written under load_lock, read freely */
static DEFINE_SPINLOCK(load_lock, RANK_RQ);

static u64 active_now(void)
{
	s64 n = 0;
	for (u32 i = 0; i < NR_CPUS; i++)
		n += (s64)READ_ONCE(run_queues[i].nr_running) + READ_ONCE(run_queues[i].load_sleepers);
	return n > 0 ? (u64)n : 0;
}

static void average_in(u64 active)
{
	for (u32 i = 0; i < 3; i++) {
		u64 v = averages[i] * decay[i] + active * (FIXED_1 - decay[i]);
		if (active >= averages[i])
			v += FIXED_1 - 1; /* rounds up while rising, so that it gets there */
		averages[i] = v / FIXED_1;
	}
}

void loadavg_update(u64 now)
{
	u64 flags;
	if (likely(now < READ_ONCE(next_at)) || !spin_trylock_irqsave(&load_lock, &flags))
		return;
	u64 active = active_now() * FIXED_1;
	/* After an hour without a look nothing of the past is left. */
	if (now > next_at + 3600 * NSEC_PER_SEC) {
		averages[0] = averages[1] = averages[2] = 0;
		next_at = now;
	}
	while (now >= next_at) {
		WRITE_ONCE(next_at, next_at + PERIOD_NS);
		average_in(now >= next_at ? 0 : active);
	}
	spin_unlock_irqrestore(&load_lock, flags);
}

void sched_loadavg(u64 avg[3])
{
	loadavg_update(clock_mono());
	for (u32 i = 0; i < 3; i++)
		avg[i] = READ_ONCE(averages[i]);
}
