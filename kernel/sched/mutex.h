/* Sleeping locks. FIFO hand-off is not promised. Not for interrupt context. Ranks as for spinlocks; a spinlock is never held while taking one. */
#ifndef PANDO_SCHED_MUTEX_H
#define PANDO_SCHED_MUTEX_H

#include "sched/wait.h"

struct mutex {
	u32 state; /* a  0 free, 1 held, 2 held with waiters */
	u32 rank;  /* I */
	struct thread *owner; /* the holder's; debug and diagnostics */
	struct wait_queue wait;
};
#define MUTEX_INIT(name, r) { 0, (r), NULL, WAIT_QUEUE_INIT((name).wait) }
#define DEFINE_MUTEX(name, r) struct mutex name = MUTEX_INIT(name, r)
void mutex_init(struct mutex *m, enum lock_rank rank);
void mutex_lock(struct mutex *m);
/* Second lock of the same rank; the caller says by which order. */
void mutex_lock_nested(struct mutex *m);
/* 0, or -ERESTARTSYS when a signal came first. */
int mutex_lock_interruptible(struct mutex *m);
int mutex_lock_killable(struct mutex *m);
bool mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);

/* Readers share, a writer is alone. A waiting writer holds new readers back. */
struct rwsem {
	s32 count; /* a  > 0 readers, -1 a writer */
	u32 rank;  /* I  second field in both locks: see lock_head in mutex.c */
	u32 waiting_writers; /* a */
	struct wait_queue wait;
};
void rwsem_init(struct rwsem *s, enum lock_rank rank);
void down_read(struct rwsem *s);
void up_read(struct rwsem *s);
void down_write(struct rwsem *s);
/* 0 or -EINTR on a fatal signal. */
int down_write_killable(struct rwsem *s);
void down_write_nested(struct rwsem *s);
void up_write(struct rwsem *s);

#endif
