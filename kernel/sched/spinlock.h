/* Spinlocks. A lock that an interrupt handler takes must be taken with _irqsave everywhere else. Nobody sleeps with one held. */
#ifndef PANDO_SCHED_SPINLOCK_H
#define PANDO_SCHED_SPINLOCK_H

#include "arch/x86_64/cpu.h"
#include "lib/atomic.h"
#include "lib/bug.h"
#include "lib/lockrank.h"

struct spinlock {
	u32 locked;
	u32 rank; /* enum lock_rank */
};
#define SPINLOCK_INIT(r) { 0, (r) }
#define DEFINE_SPINLOCK(name, r) struct spinlock name = SPINLOCK_INIT(r)

static inline void spin_init(struct spinlock *l, enum lock_rank rank) { l->locked = 0; l->rank = rank; }

/* Debug builds: assert rising ranks / that the lock is held. Release builds: nothing. sched/spinlock.c */
void spin_debug_acquire(struct spinlock *l, bool nested);
void spin_debug_tried(struct spinlock *l);
void spin_debug_release(struct spinlock *l);
#ifdef PANDO_DEBUG
static inline void spin_check_acquire(struct spinlock *l, bool nested) { spin_debug_acquire(l, nested); }
static inline void spin_check_tried(struct spinlock *l) { spin_debug_tried(l); }
static inline void spin_check_release(struct spinlock *l) { spin_debug_release(l); }
#else
static inline void spin_check_acquire(struct spinlock *l, bool nested) { (void)l; (void)nested; }
static inline void spin_check_tried(struct spinlock *l) { (void)l; }
static inline void spin_check_release(struct spinlock *l) { (void)l; }
#endif
/* The contended path. */
void spin_wait(struct spinlock *l);

static inline bool spin_is_locked(const struct spinlock *l) { return READ_ONCE(l->locked) != 0; }
static inline bool spin_trylock_raw(struct spinlock *l) { return xchg(&l->locked, 1) == 0; }
static inline void spin_lock_raw(struct spinlock *l)
{
	if (unlikely(!spin_trylock_raw(l)))
		spin_wait(l);
}
static inline void spin_lock(struct spinlock *l) { spin_check_acquire(l, false); spin_lock_raw(l); }
/* For the second lock of the same rank; the caller says by which order. */
static inline void spin_lock_nested(struct spinlock *l) { spin_check_acquire(l, true); spin_lock_raw(l); }
static inline void spin_unlock(struct spinlock *l) { spin_check_release(l); smp_store_release(&l->locked, 0); }
static inline u64 spin_lock_irqsave(struct spinlock *l) { u64 f = irq_save(); spin_lock(l); return f; }
static inline void spin_unlock_irqrestore(struct spinlock *l, u64 f) { spin_unlock(l); irq_restore(f); }
static inline bool spin_trylock_irqsave(struct spinlock *l, u64 *f)
{
	*f = irq_save();
	if (spin_trylock_raw(l)) {
		spin_check_tried(l);
		return true;
	}
	irq_restore(*f);
	return false;
}

#endif
