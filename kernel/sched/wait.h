/* Wait queues. Entries carry a function, so that poll and epoll can listen too. */
#ifndef PANDO_SCHED_WAIT_H
#define PANDO_SCHED_WAIT_H

#include "lib/list.h"
#include "sched/sched.h"
#include "sched/spinlock.h"

struct wait_queue {
	struct spinlock lock; /* RANK_WAITQ; taken with interrupts off */
	struct list_head entries;
};
struct wait_entry;
/* Called under the queue's lock, interrupts off. `key`: poll events (u32) or NULL. Returns true when it woke an exclusive waiter. */
typedef bool (*wait_fn)(struct wait_entry *e, u32 mode, u64 key);
struct wait_entry {
	struct list_head node;
	wait_fn fn;
	struct thread *thread;
	void *data;     /* the owner's */
	bool exclusive; /* at the tail; wake_up() stops after one of them */
};
#define WAIT_QUEUE_INIT(name) { SPINLOCK_INIT(RANK_WAITQ), LIST_HEAD_INIT((name).entries) }

void wait_queue_init(struct wait_queue *q);
void wait_queue_init_rank(struct wait_queue *q, enum lock_rank rank);
/* wait_entry whose fn wakes `current` (and leaves the entry queued). */
void wait_entry_init(struct wait_entry *e);
void wait_add(struct wait_queue *q, struct wait_entry *e);
void wait_add_exclusive(struct wait_queue *q, struct wait_entry *e);
void wait_remove(struct wait_queue *q, struct wait_entry *e);
static inline bool wait_queue_active(struct wait_queue *q) { smp_mb(); return !list_empty(&q->entries); }

/* Wake: all non-exclusive entries and at most `nr` exclusive ones (0 = all). mode: TASK_* states that may be woken. */
void wake_up_key(struct wait_queue *q, u32 mode, int nr, u64 key);
static inline void wake_up(struct wait_queue *q) { wake_up_key(q, TASK_NORMAL, 1, 0); }
static inline void wake_up_all(struct wait_queue *q) { wake_up_key(q, TASK_NORMAL, 0, 0); }
static inline void wake_up_poll(struct wait_queue *q, u32 events) { wake_up_key(q, TASK_NORMAL, 1, events); }

/* Sleeps until cond. Evaluates to 0, or -ERESTARTSYS when a signal came first (wait_event_killable: only a fatal one). */
#define wait_event_state_(q, cond, st, pending)                                                                        \
	({                                                                                                                 \
		int ret_ = 0;                                                                                                  \
		if (!(cond)) {                                                                                                 \
			struct wait_entry we_;                                                                                     \
			wait_entry_init(&we_);                                                                                     \
			wait_add(&(q), &we_);                                                                                      \
			for (;;) {                                                                                                 \
				set_current_state(st);                                                                                 \
				if (cond)                                                                                              \
					break;                                                                                             \
				if (pending) {                                                                                         \
					ret_ = -ERESTARTSYS;                                                                               \
					break;                                                                                             \
				}                                                                                                      \
				schedule();                                                                                            \
			}                                                                                                          \
			set_current_state(TASK_RUNNING);                                                                           \
			wait_remove(&(q), &we_);                                                                                   \
		}                                                                                                              \
		ret_;                                                                                                          \
	})
#define wait_event(q, cond) ((void)wait_event_state_(q, cond, TASK_UNINTERRUPTIBLE, false))
#define wait_event_interruptible(q, cond) wait_event_state_(q, cond, TASK_INTERRUPTIBLE, signal_pending())
#define wait_event_killable(q, cond) wait_event_state_(q, cond, TASK_KILLABLE, fatal_signal_pending())

struct completion {
	u32 done;
	struct wait_queue wait;
};
void completion_init(struct completion *c);
/* Lets one waiter through / all, for good. */
void complete(struct completion *c);
void complete_all(struct completion *c);
void wait_for_completion(struct completion *c);
/* 0, or -ERESTARTSYS on a fatal signal. */
int wait_for_completion_killable(struct completion *c);

#endif
