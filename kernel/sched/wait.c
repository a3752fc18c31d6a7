/* Wait queues and completions. Entry points: wait.h. */
#include "sched/wait.h"

void wait_queue_init_rank(struct wait_queue *q, enum lock_rank rank)
{
	spin_init(&q->lock, rank);
	list_init(&q->entries);
}

void wait_queue_init(struct wait_queue *q) { wait_queue_init_rank(q, RANK_WAITQ); }

static bool wake_entry(struct wait_entry *e, u32 mode, u64 key)
{
	(void)key;
	return wake_up_state(e->thread, mode) && e->exclusive;
}

void wait_entry_init(struct wait_entry *e)
{
	list_init(&e->node);
	e->fn = wake_entry;
	e->thread = current_thread();
	e->data = NULL;
	e->exclusive = false;
}

void wait_add(struct wait_queue *q, struct wait_entry *e)
{
	u64 f = spin_lock_irqsave(&q->lock);
	e->exclusive = false;
	list_add(&e->node, &q->entries);
	spin_unlock_irqrestore(&q->lock, f);
}

void wait_add_exclusive(struct wait_queue *q, struct wait_entry *e)
{
	u64 f = spin_lock_irqsave(&q->lock);
	e->exclusive = true;
	list_add_tail(&e->node, &q->entries);
	spin_unlock_irqrestore(&q->lock, f);
}

void wait_remove(struct wait_queue *q, struct wait_entry *e)
{
	u64 f = spin_lock_irqsave(&q->lock);
	list_del(&e->node);
	spin_unlock_irqrestore(&q->lock, f);
}

/* => q->lock held */
static void wake_locked(struct wait_queue *q, u32 mode, int nr, u64 key)
{
	struct wait_entry *e, *tmp;
	list_for_each_safe(e, tmp, &q->entries, node)
		if (e->fn(e, mode, key) && --nr == 0)
			return;
}

void wake_up_key(struct wait_queue *q, u32 mode, int nr, u64 key)
{
	/* A waiter queues itself before it tests its condition, which the caller changed before this barrier: one of the two sees the other. */
	if (!wait_queue_active(q))
		return;
	u64 f = spin_lock_irqsave(&q->lock);
	wake_locked(q, mode, nr, key);
	spin_unlock_irqrestore(&q->lock, f);
}

/* --- completions: `done` is guarded by the queue's lock, so that a waiter may free the completion as soon as it is through ----------------- */

#define DONE_FOR_GOOD 0xffffffffu

void completion_init(struct completion *c)
{
	c->done = 0;
	wait_queue_init(&c->wait);
}

void complete(struct completion *c)
{
	u64 f = spin_lock_irqsave(&c->wait.lock);
	if (c->done != DONE_FOR_GOOD)
		c->done++;
	wake_locked(&c->wait, TASK_NORMAL, 1, 0);
	spin_unlock_irqrestore(&c->wait.lock, f);
}

void complete_all(struct completion *c)
{
	u64 f = spin_lock_irqsave(&c->wait.lock);
	c->done = DONE_FOR_GOOD;
	wake_locked(&c->wait, TASK_NORMAL, 0, 0);
	spin_unlock_irqrestore(&c->wait.lock, f);
}

/* One try, under the lock: takes a token and leaves the queue, or stays queued in `state`. */
static bool take_or_queue(struct completion *c, struct wait_entry *e, u32 state)
{
	u64 f = spin_lock_irqsave(&c->wait.lock);
	bool through = c->done;
	if (through) {
		if (c->done != DONE_FOR_GOOD)
			c->done--;
		list_del(&e->node);
	} else {
		if (list_empty(&e->node)) {
			e->exclusive = true;
			list_add_tail(&e->node, &c->wait.entries);
		}
		set_current_state(state);
	}
	spin_unlock_irqrestore(&c->wait.lock, f);
	return through;
}

static int wait_common(struct completion *c, u32 state)
{
	struct wait_entry e;
	wait_entry_init(&e);
	while (!take_or_queue(c, &e, state)) {
		if (state & TASK_WAKEKILL && fatal_signal_pending()) {
			set_current_state(TASK_RUNNING);
			wait_remove(&c->wait, &e);
			/* A token whose wake-up was spent on this thread goes to the next. */
			if (READ_ONCE(c->done))
				wake_up(&c->wait);
			return -ERESTARTSYS;
		}
		schedule();
	}
	return 0;
}

void wait_for_completion(struct completion *c) { wait_common(c, TASK_UNINTERRUPTIBLE); }
int wait_for_completion_killable(struct completion *c) { return wait_common(c, TASK_KILLABLE); }
