/*
 * The memory controller's answers to limits that were met (the counting: mm/memcg.c; the killing: oom.c). There is no swap, and the only file cache that can
 * be dropped is an EROFS disk's: beyond that memory.max kills, and memory.high slows down. Entry points: cgroup_memory_work, cgroup_memory_blocker,
 * cgroup_set_memory_max, cgroup_memory_event.
 */
#include "mm/memcg.h"
#include "proc/cgroup.h"
#include "proc/proc.h"
#include "sched/timer.h"

struct cgroup *cgroup_with_memory(struct cgroup *cg)
{
	while (cg && !cg->memcg)
		cg = cg->parent;
	return cg;
}

void cgroup_memory_event(struct cgroup *cg, enum cgroup_memory_event e)
{
	if (!cg)
		return;
	spin_lock(&tasklist_lock);
	cg->memory_events_local[e]++;
	cgroup_notify(cg, CGE_MEMORY_LOCAL);
	for (; cg->parent; cg = cg->parent) {
		cg->memory_events[e]++;
		cgroup_notify(cg, CGE_MEMORY);
		if (cgroup_flags.memory_localevents)
			break;
	}
	spin_unlock(&tasklist_lock);
}

static void hold(void *group) { cgroup_get(group); }

struct cgroup *cgroup_memory_blocker(void)
{
	struct task *t = current;
	u16 id = t->memcg_blocked;
	t->memcg_blocked = 0;
	return memcg_blocker(id, t->memcg_forced, hold);
}

#define DELAY_MAX (2 * NSEC_PER_SEC)
#define DELAY_MIN (10 * 1000 * 1000UL)

/* Linux's rule for memory.high: 2 s times the square of the part that is too much, for each page that was got meanwhile; at most 2 s, and short ones not. */
static u64 high_delay(const struct memcg *m, u64 pages)
{
	if (m->usage <= m->limit[MEMCG_HIGH])
		return 0;
	u64 high = max(m->limit[MEMCG_HIGH], 1UL), over = min(m->usage - high, high * 64);
	u64 ratio = (over << 10) / high; /* 1024 = twice memory.high */
	u64 ns = min(ratio * ratio, 1UL << 30) * (2 * NSEC_PER_SEC >> 20) * min(pages, 1024UL);
	return ns < DELAY_MIN ? 0 : min(ns, DELAY_MAX);
}

static void slow_down(void)
{
	struct task *t = current;
	struct cgroup *cg = memcg_blocker(t->memcg_over_high, false, hold);
	u64 pages = t->memcg_high_pages, delay = 0;
	t->memcg_over_high = 0;
	t->memcg_high_pages = 0;
	if (!cg)
		return;
	cgroup_memory_event(cg, CGM_HIGH);
	spin_lock(&tasklist_lock);
	if (cg->memcg) {
		struct memcg now;
		memcg_read(cg->memcg, &now);
		delay = high_delay(&now, pages);
	}
	spin_unlock(&tasklist_lock);
	cgroup_put(cg);
	if (!delay)
		return;
	set_current_state(TASK_KILLABLE);
	schedule_timeout(delay);
}

bool cgroup_memory_work(void)
{
	if (current->memcg_over_high)
		slow_down();
	return current->memcg_blocked && hook_out_of_memory();
}

int cgroup_reclaim(struct cgroup *cg, u64 pages)
{
	u16 from = 0;
	mutex_lock(&cgroup_mutex);
	if (cg->memcg)
		from = cg->memcg->id;
	bool gone = cg->parent && !from;
	mutex_unlock(&cgroup_mutex);
	while (pages) {
		if (signal_pending())
			return -EINTR;
		u64 n = gone ? 0 : mm_reclaim_group(from, pages);
		if (!n)
			return -EAGAIN;
		pages -= min(n, pages);
	}
	return 0;
}

/* => no lock. Is cg over its limit? */
static bool over_max(struct cgroup *cg)
{
	struct memcg now = { 0 };
	mutex_lock(&cgroup_mutex);
	if (cg->memcg)
		memcg_read(cg->memcg, &now);
	mutex_unlock(&cgroup_mutex);
	return now.usage > now.limit[MEMCG_MAX];
}

int cgroup_set_memory_max(struct cgroup *cg, u64 pages)
{
	mutex_lock(&cgroup_mutex);
	if (cg->memcg)
		memcg_set_limit(cg->memcg, MEMCG_MAX, pages);
	mutex_unlock(&cgroup_mutex);
	while (over_max(cg)) {
		if (signal_pending())
			return -EINTR;
		if (!out_of_memory_in(cg))
			break;
	}
	return 0;
}
