/* One-shot timers with ns resolution and the clocks. Callbacks run in interrupt context on the CPU that armed them. */
#ifndef PANDO_SCHED_TIMER_H
#define PANDO_SCHED_TIMER_H

#include "lib/rbtree.h"
#include "lib/types.h"

struct timer {
	struct rb_node node;       /* guarded by the timer base of `cpu` */
	u64 expires;               /* same; ns, clock_mono() scale */
	void (*fn)(struct timer *); /* constant; may free the timer */
	u32 cpu;                   /* same: whose base it is or was last armed on */
	bool armed;                /* same */
};
void timer_init(struct timer *t, void (*fn)(struct timer *));
/* Arms (or re-arms) for an absolute time; a time in the past fires at once. fn may re-arm its own timer. */
void timer_arm(struct timer *t, u64 expires);
/* Disarms and waits for a running callback on another CPU. True when it was armed. Do not hold a lock that fn takes. */
bool timer_cancel(struct timer *t);
/* As timer_cancel, but does not wait: -1 when the callback runs right now, else 0 or 1. */
int timer_try_cancel(struct timer *t);

/* ns since boot; ns since 1970. */
u64 clock_mono(void);
u64 clock_real(void);
/* Sets the real-time clock (clock_settime). */
void clock_set_real(u64 ns);
/* What is added to clock_mono() to get clock_real(). */
u64 clock_real_offset(void);
void clock_init(void);

#define NSEC_PER_SEC 1000000000UL
/* The tick of a busy CPU: hook_cpu_tick() comes this often. */
#define TICK_NS 10000000UL

#endif
