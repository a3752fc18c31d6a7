/* Inside the scheduler: the run queue and what its files offer each other. */
#ifndef PANDO_SCHED_INTERNAL_H
#define PANDO_SCHED_INTERNAL_H

#include "sched/group.h"
#include "sched/sched.h"
#include "sched/spinlock.h"
#include "sched/timer.h"

#define RT_PRIOS 100
/* How long a fair thread runs before another with an earlier deadline gets its turn. Linux: 0.7 ms * (1 + log2(min(CPUs, 8))), but there the
 * tick (4 ms) rounds it up; ours is exact, so the same length is taken for any number of CPUs. */
#define FAIR_SLICE_NS 2800000UL
#define RR_SLICE_NS 100000000UL
#define SCHED_IDLE_WEIGHT 3

/* One per CPU. Everything is guarded by `lock` unless said otherwise. */
struct rq {
	struct spinlock lock; /* RANK_RQ */
	u32 cpu;              /* constant */
	u32 nr_running;       /* runnable threads, the running one included, the idle thread not; others read it without the lock */
	struct thread *curr;  /* running here */
	struct thread *idle;  /* constant once online */
	struct thread *push;  /* switched away from while runnable, to be queued on another CPU by sched_finish_switch() */
	u32 push_cpu;
	/* fair */
	struct rb_root fair;             /* queued entities by deadline; the running one is not in it */
	struct sched_entity *fair_curr;  /* the running thread's entity while that is a runnable fair one */
	u64 base;                        /* virtual time that `sum` is relative to */
	s64 sum;                         /* over the tree: weight * (vruntime - base) */
	u64 load;                        /* over the tree: weight */
	/* real time: the running thread stays in its list */
	u64 rt_bits[2];
	struct list_head rt[RT_PRIOS];
	u32 nr_rt;
	u64 rt_time, rt_period_end; /* ns of RT run time in this second; when that ends */
	/* statistics */
	u64 switches;
	u64 idle_ns, user_ns, system_ns;
	u64 nice_ns; /* of user_ns that of threads with nice above 0 */
	u64 untold_ns;      /* busy time since the last tick, not yet known to be user or system */
	s64 load_sleepers;  /* uninterruptible sleepers: entered here minus left here; only the sum over CPUs means something */
	/* preemption times; only this CPU, interrupts off */
	u64 tick_at;  /* next tick, ~0 = none */
	u64 slice_at; /* end of the running fair thread's slice, ~0 = nobody waits */
	u32 ticks;
} __aligned(64);

extern struct rq run_queues[NR_CPUS];
/* CPUs whose run queue works. Only grows. */
extern u64 sched_online;

static inline struct rq *this_rq(void) { return &run_queues[cpu_id()]; }
static inline bool is_rt(const struct sched_entity *se) { return se->prio != 0; }
static inline struct thread *thread_of(struct sched_entity *se) { return container_of(se, struct thread, se); }

/* core.c; all with the lock of rq held and interrupts off */
struct rq *lock_thread_rq(struct thread *t); /* takes the lock; interrupts must be off already */
void rq_charge(struct rq *rq, u64 now);
void rq_resched(struct rq *rq);
/* Takes a runnable thread that is not running off / puts it on. */
void rq_detach(struct rq *rq, struct thread *t);
void rq_attach(struct rq *rq, struct thread *t, u64 now);
/* Queues t, which is RUNNING but on no queue, on its se.cpu. No lock held; interrupts off. */
void sched_requeue(struct thread *t);

/* fair.c, pure; lock held */
enum fair_how { FAIR_WAKE, FAIR_NEW };
/* Sets vruntime and deadline of an entity that is about to be queued. */
void fair_place(struct rq *rq, struct sched_entity *se, enum fair_how how);
/* Remembers how far an entity that leaves is from the average. Call while it still counts (in the tree or fair_curr). */
void fair_remember_lag(struct rq *rq, struct sched_entity *se);
void fair_insert(struct rq *rq, struct sched_entity *se);
void fair_remove(struct rq *rq, struct sched_entity *se);
/* fair_curr ran for delta ns. True when its slice is over. */
bool fair_charge(struct rq *rq, u64 delta);
/* The entity to run: fair_curr or one in the tree; NULL when there is none. Changes nothing. */
struct sched_entity *fair_pick(struct rq *rq);
/* Should the just queued se run instead of fair_curr? */
bool fair_preempts(struct rq *rq, struct sched_entity *se);
void fair_yield(struct rq *rq);
/* ns until fair_curr's slice is over. */
u64 fair_slice_left(const struct rq *rq);
u32 fair_weight(u8 policy, s8 nice);
/* After a change of weight from `old`. */
void fair_rescale_lag(struct sched_entity *se, u32 old);

/* rt.c; lock held */
void rt_insert(struct rq *rq, struct sched_entity *se, bool head);
void rt_remove(struct rq *rq, struct sched_entity *se);
/* The highest entity, or NULL when there is none or its class has used up its share of this second. */
struct sched_entity *rt_pick(struct rq *rq);
void rt_charge(struct rq *rq, struct sched_entity *se, u64 delta, u64 now);
/* To the end of its list. */
void rt_rotate(struct rq *rq, struct sched_entity *se);
bool rt_is_last(const struct rq *rq, const struct sched_entity *se);

/* group.c; lock held. For threads with t->group: about to be queued (sets its weight) / has left / is put back */
void group_enter(struct thread *t);
void group_leave(struct thread *t);
void group_reweigh(struct thread *t);
/* t ran for delta ns. True: a group of it is out of quota, and t is to sleep before it enters user mode. */
bool group_charge(struct thread *t, u64 delta, u64 now);
/* t is about to run: ns until a group of it is out of quota, ~0 = never, or it is already (then t is to sleep). */
u64 group_left(struct thread *t, u64 now);
void group_tick(struct thread *t, bool user);

/* balance.c */
u32 select_cpu_wake(struct thread *t);
u32 select_cpu_fork(const struct thread *t);
/* Some allowed CPU, the least loaded. */
u32 select_cpu_any(const struct thread *t);
/* Called by the idle loop, interrupts off: takes a waiting thread from another CPU. True when it did. */
bool balance_idle(void);
/* Called by the tick. */
void balance_tick(struct rq *rq);

/* timer.c; own CPU, interrupts off */
/* Makes the hardware fire no later than `when`. */
void timer_need(u64 when);
/* core.c: the tick and slice work of hook_timer(); returns when it wants to be called again. */
u64 sched_timer(u64 now, bool user);

/* loadavg.c */
void loadavg_update(u64 now);

#endif
