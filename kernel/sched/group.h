/*
 * Groups of threads for the CPU controller: time used, shares (weights) and bandwidth (a quota in each period).
 *
 * The run queues stay flat. A thread of a group runs with the weight that it would get if each group were one entity beside its parent's other members:
 * its own weight times, for each group up to the root, the group's weight by what runs in the group on all CPUs. That is worked out when a thread is queued,
 * so shares settle within a slice or two after threads come and go. A group that has used up its quota lets its threads run to the edge of user mode,
 * where they hold nothing, and there they sleep until the next period. Threads of the root group test one pointer in each of these places.
 */
#ifndef PANDO_SCHED_GROUP_H
#define PANDO_SCHED_GROUP_H

#include "sched/thread.h"

#define GROUP_SHARES_DEFAULT 1024u /* as much as a thread of nice 0 */
#define GROUP_NO_QUOTA (~0UL)

/* Guarded by group_lock but for what is constant. */
struct sched_group {
	struct sched_group *parent; /* constant; NULL: below the root */
	bool weighted;              /* its members share `shares`; else they count in the next one above that does */
	bool idle;                  /* its members run when nobody else wants to: like SCHED_IDLE, they are preempted at once */
	u32 shares;                 /* weight beside its siblings, in the measure of threads' weights */
	u64 load;                   /* weights of what is runnable in it: threads, and groups below it */
	u32 active;                 /* so many they are */
	struct sched_group *counts_in; /* while active: whose load it is part of, NULL = the root's */
	/* bandwidth */
	u64 quota, period;          /* ns */
	u64 burst;                  /* ns of quota that may be saved up */
	s64 runtime;                /* ns left in this period; below 0: owed */
	s64 began_with;             /* ns left when this period began */
	u64 period_end;             /* 0 = none has begun */
	u64 throttled_since;        /* 0 = it is not */
	u64 nr_periods, nr_throttled, throttled_ns;
	u64 nr_bursts, burst_ns;    /* periods that used more than the quota, and how much more */
	/* time used, in it and below */
	u64 usage;                  /* ns */
	u64 user_ticks, system_ticks;
	u64 nice_ticks;             /* of the user ticks those of threads with nice above 0 */
};
void sched_group_init(struct sched_group *g, struct sched_group *parent);
/* The controller is on for g (with its defaults) or off. */
void sched_group_enable(struct sched_group *g, bool on);
void sched_group_set_shares(struct sched_group *g, u32 shares);
/* Leaving it, the group has the default shares again. */
void sched_group_set_idle(struct sched_group *g, bool idle);
/* What a thread of this nice value weighs; the nice value that comes nearest to such a weight. */
u32 sched_nice_shares(s32 nice);
s32 sched_shares_nice(u32 shares);
/* quota: GROUP_NO_QUOTA or ns in each period. */
void sched_group_set_quota(struct sched_group *g, u64 quota, u64 period);
void sched_group_set_burst(struct sched_group *g, u64 burst);
/* A consistent look, with the time used so far. */
void sched_group_read(struct sched_group *g, struct sched_group *out);
/* t belongs to g (NULL: the root) from now on. => nobody frees g before t has left it */
void sched_set_group(struct thread *t, struct sched_group *g);
/* On the way to user mode: sleeps while a group of current is out of quota, or until it is killed. => holds nothing */
void sched_throttle(void);

#endif
