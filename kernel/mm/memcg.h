/*
 * Memory groups: who pays for which page. A page is charged to the group of the thread that first needs it and remembers that group's number
 * (struct page.owner); freeing it gives the charge back, wherever the thread is by then. Threads of the root group pay nothing and test one pointer.
 *
 * User pages and pages of files are refused when a limit is reached (-ENOMEM; the caller's fault, or the thread on its way to user mode, then has somebody
 * of the group killed: proc/cgroup_memory.c). Kernel pages (tables, stacks, pipes) are charged whatever the limit, since what needs them cannot always
 * fail; the thread answers for that on its way to user mode, too.
 */
#ifndef PANDO_MM_MEMCG_H
#define PANDO_MM_MEMCG_H

#include "mm/page.h"
#include "sched/sched.h"

/* What pages are used for, as memory.stat tells it. */
enum memcg_kind { MEMCG_ANON, MEMCG_FILE, MEMCG_STACK, MEMCG_TABLE, MEMCG_KERNEL, MEMCG_KINDS };
#define MEMCG_NO_LIMIT (~0UL >> 1)
/* That much is not reclaimed / not while there is anything else; beyond that its threads are slowed down / there is no memory. */
enum memcg_limit { MEMCG_MIN, MEMCG_LOW, MEMCG_HIGH, MEMCG_MAX, MEMCG_LIMITS };

/* Everything is guarded by memcg_lock but for what is constant. Counts are of the group and all below it, in pages. */
struct memcg {
	struct memcg *parent; /* constant, held; NULL: its charges go no further */
	void *group;          /* proc's; NULL from memcg_offline on */
	u16 id;               /* constant */
	u32 refs;             /* the online group, pages charged to itself, children */
	u64 usage, peak;
	u64 limit[MEMCG_LIMITS];
	u64 new_peak;         /* since somebody last began to look: memcg_restart_peak */
	u64 low_hits, low_hits_local; /* times that it was reclaimed from in spite of low: here and below, here */
	u64 stat[MEMCG_KINDS];
	u64 faults, major_faults;
};
/* A new group below parent (NULL: below the root). NULL: no memory, or no number. */
struct memcg *memcg_create(struct memcg *parent, void *group);
/* The group is gone; its pages stay charged to what is above it until they are freed. */
void memcg_offline(struct memcg *m);
/* t is to pay to m (NULL: root) from now on. => nobody frees m meanwhile */
void memcg_set(struct thread *t, struct memcg *m);
void memcg_set_limit(struct memcg *m, enum memcg_limit which, u64 pages);
/* new_peak begins anew with what is used now: returned; *old is what it was. */
u64 memcg_restart_peak(struct memcg *m, u64 *old);
struct reclaim;
/* May this page of a cache be given back? Counts when memory.low would have forbidden it. => no lock that comes after RANK_MEMCG */
bool memcg_may_reclaim(const struct page *p, struct reclaim *r);
/* A consistent look. */
void memcg_read(struct memcg *m, struct memcg *out);
/* Number of groups, for leak checks. */
u32 memcg_count(void);
/* What a thread is to answer for: whose limit stood in its way. `over`: only if the group is still over it. */
void *memcg_blocker(u16 id, bool over, void (*hold)(void *group));

int memcg_charge_group(struct page *p, bool force);
void memcg_uncharge_owner(struct page *p);
void memcg_count_fault(bool major);

/* Charges the block that p heads to current's group: 0 or -ENOMEM. => p is fresh */
static inline int memcg_charge(struct page *p) { return likely(!current_thread()->memcg) ? 0 : memcg_charge_group(p, false); }
/* The same whatever the limit. */
static inline void memcg_charge_kernel(struct page *p)
{
	if (unlikely(current_thread()->memcg))
		(void)memcg_charge_group(p, true);
}
/* Before p is freed (or its stack is kept for anybody). */
static inline void memcg_uncharge(struct page *p)
{
	if (unlikely(p->owner))
		memcg_uncharge_owner(p);
}

#endif
