/*
 * Out of memory. Entry point: hook_out_of_memory, called by a page fault that found no page. It kills the process whose end frees most, says so in
 * one line, and lets the caller try again. One victim at a time: while one is on its way out, callers just wait for it.
 */
#include <linux/oom.h>

#include "lib/log.h"
#include "mm/mm.h"
#include "proc/cgroup.h"
#include "proc/trace_points.h"

#define KIB_PER_PAGE (PAGE_SIZE / 1024)
#define PATIENCE_NS (20 * 1000 * 1000UL)
#define VICTIM_NS (2 * NSEC_PER_SEC) /* how long a victim may take to die before the next one is chosen */

static DEFINE_SPINLOCK(oom_lock, RANK_TASK);
static u64 last_turn; /* oom_lock: clock_mono() of the last choice */
static bool choosing; /* oom_lock: somebody is between take_turn and end_turn, however long its CPU is held up */
static u64 last_kill; /* whose turn it is: clock_mono() of the last kill */

/* => tasklist_lock. Resident pages of the process p; 0 when it has none left or must not be taken. A dead leader's threads may still have the mm. */
static u64 resident(struct task *p)
{
	struct task *t;
	for_each_thread(p, t) {
		spin_lock(&t->alloc_lock);
		struct mm *mm = t->pf & PF_KTHREAD ? NULL : t->mm;
		u64 rss = mm ? mm_rss(mm) : 0;
		spin_unlock(&t->alloc_lock);
		if (mm)
			return rss;
	}
	return 0;
}

/* Linux's rule: resident pages plus a thousandth of all memory for each point of oom_score_adj. */
static s64 badness(struct task *p, u64 total, u64 rss)
{
	return (s64)rss + (s64)p->signal->oom_score_adj * (s64)(total / 1000);
}

static bool can_be_taken(struct task *p)
{
	return !(p->pf & PF_KTHREAD) && !(p->signal->flags & SIGNAL_UNKILLABLE) && p->signal->oom_score_adj != OOM_SCORE_ADJ_MIN;
}

/* => tasklist_lock. Is p one that may die for domain (NULL: the machine)? */
static bool is_in(struct task *p, const struct cgroup *domain)
{
	struct task *t;
	if (likely(!domain))
		return true;
	for_each_thread(p, t)
		if (!t->exit_state)
			return cgroup_is_under(t->cgroup, domain);
	return false;
}

/* The worst process, with a reference; *dying: one that was killed before has not let go of its memory yet (then NULL). */
static struct task *choose_victim(const struct cgroup *domain, u64 total, u64 *rss_out, bool *dying)
{
	struct task *p, *worst = NULL;
	s64 most = INT64_MIN;
	*dying = false;
	spin_lock(&tasklist_lock);
	for_each_process(p) {
		if (!can_be_taken(p) || !is_in(p, domain))
			continue;
		u64 rss = resident(p);
		if (!rss)
			continue;
		if (READ_ONCE(p->flags) & TIF_KILLED) {
			*dying = *dying || clock_mono() - last_kill < VICTIM_NS;
			continue;
		}
		s64 points = badness(p, total, rss);
		if (points > most) {
			most = points;
			worst = p;
			*rss_out = rss;
		}
	}
	if (*dying)
		worst = NULL;
	if (worst)
		task_get(worst);
	spin_unlock(&tasklist_lock);
	return worst;
}

/* One kill in a while: another CPU that runs out at the same moment waits for the first victim. */
static bool take_turn(void)
{
	u64 now = clock_mono();
	spin_lock(&oom_lock);
	bool mine = !choosing && now - last_turn >= PATIENCE_NS;
	if (mine) {
		last_turn = now;
		choosing = true;
	}
	spin_unlock(&oom_lock);
	return mine;
}

static void end_turn(void)
{
	spin_lock(&oom_lock);
	choosing = false;
	spin_unlock(&oom_lock);
}

static void let_others_die(void)
{
	set_current_state(TASK_KILLABLE);
	schedule_timeout(PATIENCE_NS / 4);
}

static void kill_of_group(struct task *t, void *unused)
{
	if (thread_group_leader(t) && can_be_taken(t))
		send_signal_kernel(t, SIGKILL);
}

/* Kills, counted before anybody can see it dead. memory.oom.group: the highest group around the victim, within domain, that dies as a whole does so. */
static void kill_around(struct task *victim, const struct cgroup *domain)
{
	spin_lock(&tasklist_lock);
	struct cgroup *own = cgroup_with_memory(victim->cgroup), *whole = NULL;
	for (struct cgroup *cg = own; cg; cg = cg->parent) {
		if (cg->oom_group)
			whole = cg;
		if (cg == domain)
			break;
	}
	if (own)
		cgroup_get(own);
	if (whole)
		cgroup_get(whole);
	spin_unlock(&tasklist_lock);
	cgroup_memory_event(own, CGM_OOM_KILL);
	cgroup_memory_event(whole, CGM_OOM_GROUP_KILL);
	send_signal_kernel(victim, SIGKILL);
	if (whole) {
		spin_lock(&tasklist_lock);
		cgroup_for_each_task(whole, true, kill_of_group, NULL);
		spin_unlock(&tasklist_lock);
	}
	if (own)
		cgroup_put(own);
	if (whole)
		cgroup_put(whole);
}

/* Takes the worst process's life, in domain or anywhere. Returns true when memory may come free, now or by an earlier victim. */
static bool kill_one(struct cgroup *domain, bool *me)
{
	struct mem_info mi;
	u64 rss = 0;
	bool dying;
	*me = false;
	mem_info(&mi);
	struct task *victim = choose_victim(domain, mi.total, &rss, &dying);
	if (!victim)
		return dying;
	last_kill = clock_mono();
	if (READ_ONCE(victim->signal->flags) & SIGNAL_GROUP_EXIT) {
		/* It ends by itself: that is hurried, and is no kill to be counted. */
		atomic_or(&victim->flags, TIF_KILLED);
		*me = same_thread_group(victim, current);
		task_put(victim);
		return true;
	}
	spin_lock(&victim->alloc_lock);
	u32 uid = victim->cred->uid;
	spin_unlock(&victim->alloc_lock);
	pr_err("%s: Killed process %d (%s) rss:%lukB, UID:%u oom_score_adj:%d\n", domain ? "Memory cgroup out of memory" : "Out of memory", victim->tgid, victim->comm,
	       (unsigned long)(rss * KIB_PER_PAGE), uid, victim->signal->oom_score_adj);
	if (trace_on(oom_kill))
		trace_oom_kill(victim, rss);
	kill_around(victim, domain);
	*me = same_thread_group(victim, current) || fatal_signal_pending();
	task_put(victim);
	return true;
}

bool out_of_memory_in(struct cgroup *domain)
{
	bool me;
	if (fatal_signal_pending())
		return false; /* dying itself: the fault fails and it goes on dying */
	if (mm_reclaim(256))
		return true;
	if (!take_turn()) {
		let_others_die();
		return true;
	}
	if (domain)
		cgroup_memory_event(domain, CGM_OOM);
	bool hope = kill_one(domain, &me);
	end_turn();
	if (!hope || me)
		return false;
	let_others_die();
	return true;
}

bool hook_out_of_memory(void)
{
	if (likely(!current->memcg_blocked))
		return out_of_memory_in(NULL);
	struct cgroup *domain = cgroup_memory_blocker();
	if (!domain)
		return !fatal_signal_pending(); /* it has room again */
	cgroup_memory_event(domain, CGM_MAX);
	bool again = out_of_memory_in(domain);
	cgroup_put(domain);
	return again;
}
