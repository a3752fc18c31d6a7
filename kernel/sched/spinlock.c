/*
 * Spinlocks: the contended path, and the debug checks. Entry points: spin_wait(), spin_debug_acquire(), spin_debug_tried(),
 * spin_debug_release().
 * Each CPU lists the locks it holds. An interrupt handler's locks lie above those of the code it interrupted and are ranked only among
 * themselves; taking a lock that the interrupted code holds is a certain deadlock and is caught.
 */
#include "sched/spinlock.h"

#include "arch/x86_64/arch.h"

#define SPIN_STUCK_NS 30000000000UL

void spin_wait(struct spinlock *l)
{
	u64 since = 0;
	do {
		for (u32 spins = 0; READ_ONCE(l->locked); spins++) {
			cpu_relax();
			if (spins & 0xfffff)
				continue;
			if (!since)
				since = arch_clock_ns();
			else if (arch_clock_ns() - since > SPIN_STUCK_NS)
				panic("spinlock %p of rank %u stuck", (void *)l, l->rank);
		}
	} while (!spin_trylock_raw(l));
}

/* The low bits of a `held` slot say how deep in interrupts it was taken; lock addresses are multiples of 4, so they are free. */
#define DEPTH_MASK 3UL

static void note_held(struct cpu *c, struct spinlock *l, u64 depth)
{
	if (c->lock_depth >= ARRAY_SIZE(c->held))
		panic("too many spinlocks held");
	c->held[c->lock_depth++] = (void *)((u64)l | depth);
}

void spin_debug_acquire(struct spinlock *l, bool nested)
{
	u64 f = irq_save();
	struct cpu *c = this_cpu();
	u64 depth = min(c->irq_depth, 3u);
	if (!l->rank || l->rank >= RANK_LAST)
		panic("spinlock %p has no rank", (void *)l);
	for (u32 i = 0; i < c->lock_depth; i++)
		if (((u64)c->held[i] & ~DEPTH_MASK) == (u64)l)
			panic("spinlock %p of rank %u taken twice", (void *)l, l->rank);
	if (c->lock_depth) {
		u64 top = (u64)c->held[c->lock_depth - 1];
		u32 rank = ((struct spinlock *)(top & ~DEPTH_MASK))->rank;
		if ((top & DEPTH_MASK) == depth && (nested ? l->rank < rank : l->rank <= rank))
			panic("spinlock of rank %u taken while one of rank %u is held", l->rank, rank);
	}
	note_held(c, l, depth);
	irq_restore(f);
}

/* A trylock got l. It cannot deadlock, so nothing is asserted: a handler may even take what the code it interrupted was just about to take. */
void spin_debug_tried(struct spinlock *l)
{
	u64 f = irq_save();
	note_held(this_cpu(), l, min(this_cpu()->irq_depth, 3u));
	irq_restore(f);
}

void spin_debug_release(struct spinlock *l)
{
	u64 f = irq_save();
	struct cpu *c = this_cpu();
	u32 i = c->lock_depth;
	while (i && ((u64)c->held[i - 1] & ~DEPTH_MASK) != (u64)l)
		i--;
	if (!i)
		panic("spinlock %p of rank %u released but not held here", (void *)l, l->rank);
	for (; i < c->lock_depth; i++)
		c->held[i - 1] = c->held[i];
	c->lock_depth--;
	irq_restore(f);
}
