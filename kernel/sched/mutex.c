/*
 * Sleeping locks: mutex and rwsem. Entry points: mutex.h. The current thread lists the locks it holds, and debug builds assert that their ranks
 * rise and that no spinlock is held where one may sleep.
 */
#include "sched/mutex.h"

/* What a mutex and an rwsem have in common. */
struct lock_head {
	u32 state;
	u32 rank;
};
_Static_assert(offsetof(struct mutex, rank) == offsetof(struct lock_head, rank), "mutex rank");
_Static_assert(offsetof(struct rwsem, rank) == offsetof(struct lock_head, rank), "rwsem rank");

/* Ranks are checked before waiting, so that a wrong order is seen even when it happens not to deadlock. */
static inline void check_order(const void *lock, bool nested)
{
	ASSERT(this_cpu()->irq_depth == 0 && this_cpu()->lock_depth == 0);
	const struct thread *t = current_thread();
	u32 rank = ((const struct lock_head *)lock)->rank;
	ASSERT(rank && rank <= RANK_SLEEP_LAST);
	for (u32 i = 0; i < t->held_mutexes && i < ARRAY_SIZE(t->held_mutex); i++) {
		const struct lock_head *h = (const void *)t->held_mutex[i];
		ASSERT((const void *)h != lock);
		ASSERT(nested ? h->rank <= rank : h->rank < rank);
		(void)h;
	}
	(void)nested;
	(void)rank;
}

/* The list of locks held exists in debug builds. */
static inline void note_held(void *lock)
{
	if (!DEBUG_BUILD)
		return;
	struct thread *t = current_thread();
	if (likely(t->held_mutexes < ARRAY_SIZE(t->held_mutex)))
		t->held_mutex[t->held_mutexes] = lock;
	t->held_mutexes++;
}

static inline void note_released(void *lock)
{
	if (!DEBUG_BUILD)
		return;
	struct thread *t = current_thread();
	u32 n = min(t->held_mutexes, (u32)ARRAY_SIZE(t->held_mutex)), i = n;
	t->held_mutexes--;
	while (i && (void *)t->held_mutex[i - 1] != lock)
		i--;
	for (; i && i < n; i++)
		t->held_mutex[i - 1] = t->held_mutex[i];
}

/* --- mutex -------------------------------------------------------------------------------------------------------------------------------- */

void mutex_init(struct mutex *m, enum lock_rank rank)
{
	m->state = 0;
	m->rank = rank;
	m->owner = NULL;
	wait_queue_init(&m->wait);
}

static bool sleep_cut_short(u32 state)
{
	if (state & TASK_INTERRUPTIBLE)
		return signal_pending() || fatal_signal_pending();
	return state & TASK_WAKEKILL && fatal_signal_pending();
}

/* Whoever once waited takes the lock as 2 (held with waiters): at worst one wake-up too many. */
static int lock_slow(struct mutex *m, u32 state)
{
	int ret = 0;
	struct wait_entry e;
	wait_entry_init(&e);
	wait_add_exclusive(&m->wait, &e);
	for (;;) {
		set_current_state(state);
		if (xchg(&m->state, 2) == 0)
			break;
		if (sleep_cut_short(state)) {
			ret = -ERESTARTSYS;
			break;
		}
		schedule();
	}
	set_current_state(TASK_RUNNING);
	wait_remove(&m->wait, &e);
	/* The unlocker's one wake-up may have been spent on this thread. */
	if (ret)
		wake_up(&m->wait);
	return ret;
}

static inline int lock_common(struct mutex *m, u32 state, bool nested)
{
	check_order(m, nested);
	if (unlikely(cmpxchg(&m->state, 0, 1) != 0)) {
		int ret = lock_slow(m, state);
		if (ret)
			return ret;
	}
	m->owner = current_thread();
	note_held(m);
	return 0;
}

void mutex_lock(struct mutex *m) { lock_common(m, TASK_UNINTERRUPTIBLE, false); }
void mutex_lock_nested(struct mutex *m) { lock_common(m, TASK_UNINTERRUPTIBLE, true); }
int mutex_lock_interruptible(struct mutex *m) { return lock_common(m, TASK_INTERRUPTIBLE, false); }
int mutex_lock_killable(struct mutex *m) { return lock_common(m, TASK_KILLABLE, false); }

bool mutex_trylock(struct mutex *m)
{
	if (cmpxchg(&m->state, 0, 1) != 0)
		return false;
	m->owner = current_thread();
	note_held(m);
	return true;
}

void mutex_unlock(struct mutex *m)
{
	ASSERT(m->owner == current_thread());
	m->owner = NULL;
	note_released(m);
	if (unlikely(xchg(&m->state, 0) == 2))
		wake_up(&m->wait);
}

/* --- rwsem -------------------------------------------------------------------------------------------------------------------------------- */

void rwsem_init(struct rwsem *s, enum lock_rank rank)
{
	s->count = 0;
	s->rank = rank;
	s->waiting_writers = 0;
	wait_queue_init(&s->wait);
}

/* A waiting writer holds readers back; without that a stream of readers would keep it out for ever. */
static inline bool try_read(struct rwsem *s)
{
	s32 c = READ_ONCE(s->count);
	while (c >= 0 && !READ_ONCE(s->waiting_writers)) {
		s32 found = cmpxchg(&s->count, c, c + 1);
		if (found == c)
			return true;
		c = found;
	}
	return false;
}

static inline bool try_write(struct rwsem *s) { return cmpxchg(&s->count, 0, -1) == 0; }

void down_read(struct rwsem *s)
{
	check_order(s, false);
	if (unlikely(!try_read(s)))
		wait_event(s->wait, try_read(s));
	note_held(s);
}

void up_read(struct rwsem *s)
{
	note_released(s);
	s32 left = __atomic_sub_fetch(&s->count, 1, __ATOMIC_SEQ_CST);
	ASSERT(left >= 0);
	/* The subtraction is the barrier: a waiter queues itself before it looks at the count. */
	if (!left && unlikely(!list_empty(&s->wait.entries)))
		wake_up_all(&s->wait);
}

static int write_slow(struct rwsem *s, bool killable)
{
	int ret = 0;
	__atomic_fetch_add(&s->waiting_writers, 1, __ATOMIC_SEQ_CST);
	if (killable)
		ret = wait_event_killable(s->wait, try_write(s));
	else
		wait_event(s->wait, try_write(s));
	/* Readers that were held back for a writer that gave up must look again. */
	if (__atomic_sub_fetch(&s->waiting_writers, 1, __ATOMIC_SEQ_CST) == 0 && ret)
		wake_up_all(&s->wait);
	return ret ? -EINTR : 0;
}

static inline int write_common(struct rwsem *s, bool killable, bool nested)
{
	check_order(s, nested);
	if (unlikely(!try_write(s))) {
		int ret = write_slow(s, killable);
		if (ret)
			return ret;
	}
	note_held(s);
	return 0;
}

void down_write(struct rwsem *s) { write_common(s, false, false); }
void down_write_nested(struct rwsem *s) { write_common(s, false, true); }
int down_write_killable(struct rwsem *s) { return write_common(s, true, false); }

void up_write(struct rwsem *s)
{
	note_released(s);
	ASSERT(s->count == -1);
	(void)xchg(&s->count, 0); /* a barrier, as in up_read() */
	if (unlikely(!list_empty(&s->wait.entries)))
		wake_up_all(&s->wait);
}
