/* What the files of futex(2) share: futex.c (waiting and waking), futex_pi.c (locks with priority inheritance), futex_multi.c (several words at once). */
#ifndef PANDO_PROC_FUTEX_H
#define PANDO_PROC_FUTEX_H

#include <linux/futex.h>

#include "mm/mm.h"
#include "proc/proc.h"
#include "sched/spinlock.h"

#define FUTEX_FOREVER (~0UL) /* a deadline that never comes */

struct futex_bucket {
	struct spinlock lock;     /* RANK_FUTEX */
	struct list_head waiters; /* lock */
} __aligned(64);

struct pi_wait;
struct futex_waiter {
	struct list_head node;         /* bucket lock; self-linked once woken or requeued to a PI lock */
	struct futex_bucket *bucket;   /* lock of the bucket it names, and of the new one, to change */
	struct futex_key key;          /* bucket lock */
	struct thread *thread;
	struct pi_wait *pi;            /* I: FUTEX_WAIT_REQUEUE_PI's second half, else NULL */
	u32 bitset;
};

/* --- futex.c --- */
struct futex_bucket *futex_bucket_of(const struct futex_key *k);
static inline bool futex_same_key(const struct futex_key *a, const struct futex_key *b) { return a->a == b->a && a->b == b->b; }
/* 0, -EINVAL, -EFAULT. */
int futex_get_key(uaddr_t addr, bool shared, struct futex_key *key);
/* Queues w and makes the current thread INTERRUPTIBLE, if the word still holds val. 0; -EAGAIN: another value; -EFAULT. */
int futex_wait_setup(struct futex_waiter *w, uaddr_t addr, bool shared, u32 val);
/* Takes w off its bucket, wherever it was requeued to. True when it had been woken before. */
bool futex_wait_leave(struct futex_waiter *w);
/* Sleeps in the state that is set until `deadline`; true when that is over. */
bool futex_sleep(u64 deadline);
int futex_wake(uaddr_t addr, bool shared, int n, u32 bitset);
/* With a deadline a signal without a handler resumes the wait for what is left of it; a handler ends it. */
long futex_wait_restartable(uaddr_t addr, bool shared, u32 val, u64 deadline, u32 bitset);
/* shared: one flag for each word. cmp: the first word must still hold val3. Woken (+ requeued), or an error. */
long futex_requeue(uaddr_t a1, bool shared1, uaddr_t a2, bool shared2, int nr_wake, int nr_move, bool cmp, u32 val3);
/* Makes the word at addr present and writable, or -EFAULT. */
int futex_fault_in(uaddr_t addr);
/* An absolute time of the real-time or the monotonic clock on clock_mono's scale; utime 0: FUTEX_FOREVER. 0, -EFAULT, -EINVAL. */
int futex_absolute(uaddr_t utime, bool realtime, u64 *out);

/* --- futex_pi.c --- */
/* Is there a PI lock on this word? Then plain wakes do not fit. */
bool futex_pi_busy(const struct futex_key *key);
long futex_lock_pi(uaddr_t addr, bool shared, u64 deadline, bool try);
long futex_unlock_pi(uaddr_t addr, bool shared);
long futex_wait_requeue_pi(uaddr_t addr, uaddr_t lock, bool shared, u32 val, u64 deadline, u32 bitset);
long futex_cmp_requeue_pi(uaddr_t addr, uaddr_t lock, bool shared, int nr_wake, int nr_move, u32 val);
void futex_pi_init(void);

#endif
