/*
 * epoll: becoming ready, waiting for it, delivery. Entry points: sys_epoll_wait, sys_epoll_pwait, sys_epoll_pwait2, and ep_poll() for an instance that is
 * itself polled. The picture and the locks are in epoll_internal.h.
 */
#include "vfs/epoll_internal.h"

#include <linux/time_types.h>

#include "gen/sys_protos.h"
#include "sched/kernel_time.h"

#define FOREVER (~0UL)
#define EP_MAX_EVENTS (0x7fffffff / (int)sizeof(struct epoll_event))

DEFINE_SPINLOCK(epoll_ready_lock, RANK_EPOLL_CB);

/* --- becoming ready ---------------------------------------------------------------------------------------------------------------------- */

/* => epoll_ready_lock, interrupts off. Puts item on its instance's ready list and tells who waits there, outwards through nested instances.
 * True when a thread in epoll_wait() was there to be woken. */
static bool mark_ready(struct ep_item *item)
{
	struct epoll *ep = item->ep;
	struct ep_item *outer;
	bool waiter = false;
	if (list_empty(&item->ready_node))
		list_add_tail(&item->ready_node, &ep->ready);
	if (wait_queue_active(&ep->wait)) {
		wake_up(&ep->wait);
		waiter = true;
	}
	if (wait_queue_active(&ep->poll_wait))
		wake_up_key(&ep->poll_wait, TASK_NORMAL, 1, POLLIN | POLLRDNORM);
	list_for_each(outer, &ep->watchers, nest_node)
		if (outer->event.events & ~EP_PRIVATE & (EPOLLIN | EPOLLRDNORM))
			mark_ready(outer);
	return waiter;
}

/* The return value counts as "an exclusive waiter was woken" for EPOLLEXCLUSIVE entries. */
bool ep_item_wake(struct wait_entry *e, u32 mode, u64 key)
{
	struct ep_item *item = e->data;
	bool waiter = false, fits = true;
	u64 flags = spin_lock_irqsave(&epoll_ready_lock);
	u32 events = item->event.events;
	if ((events & ~EP_PRIVATE) && (!key || (key & events)))
		waiter = mark_ready(item);
	spin_unlock_irqrestore(&epoll_ready_lock, flags);
	if ((key & (EPOLLIN | EPOLLOUT)) == EPOLLIN)
		fits = events & EPOLLIN;
	else if ((key & (EPOLLIN | EPOLLOUT)) == EPOLLOUT)
		fits = events & EPOLLOUT;
	return e->exclusive && waiter && fits;
}

void ep_mark_ready(struct ep_item *item)
{
	u64 flags = spin_lock_irqsave(&epoll_ready_lock);
	mark_ready(item);
	spin_unlock_irqrestore(&epoll_ready_lock, flags);
}

/* --- taking from the ready list ---------------------------------------------------------------------------------------------------------- */

static bool ep_has_ready(struct epoll *ep) { return !list_empty(&ep->ready); }

/* Moves the ready list aside, so that a scan over it ends. => ep->lock */
static void scan_begin(struct epoll *ep, struct list_head *batch)
{
	u64 flags = spin_lock_irqsave(&epoll_ready_lock);
	list_init(batch);
	list_splice_tail(&ep->ready, batch);
	spin_unlock_irqrestore(&epoll_ready_lock, flags);
}

/* The next of the batch, unlinked: a wake-up from here on puts it on the ready list again. NULL at the end. => ep->lock */
static struct ep_item *scan_next(struct list_head *batch)
{
	struct ep_item *item = NULL;
	u64 flags = spin_lock_irqsave(&epoll_ready_lock);
	if (!list_empty(batch)) {
		item = list_first(batch, struct ep_item, ready_node);
		list_del(&item->ready_node);
	}
	spin_unlock_irqrestore(&epoll_ready_lock, flags);
	return item;
}

/* Still ready: back to the end of the ready list. => ep->lock */
static void scan_keep(struct ep_item *item)
{
	u64 flags = spin_lock_irqsave(&epoll_ready_lock);
	if (list_empty(&item->ready_node))
		list_add_tail(&item->ready_node, &item->ep->ready);
	spin_unlock_irqrestore(&epoll_ready_lock, flags);
}

/* The rest of the batch goes back to the front; another waiter is told if something is left. => ep->lock */
static void scan_end(struct epoll *ep, struct list_head *batch)
{
	u64 flags = spin_lock_irqsave(&epoll_ready_lock);
	list_splice_tail(&ep->ready, batch);
	list_splice_tail(batch, &ep->ready);
	if (!list_empty(&ep->ready) && wait_queue_active(&ep->wait))
		wake_up(&ep->wait);
	spin_unlock_irqrestore(&epoll_ready_lock, flags);
}

/* Delivers at most max events to user memory: how many, or -EFAULT when not even one could be stored. */
static long ep_send(struct epoll *ep, uaddr_t uevents, int max)
{
	struct list_head batch;
	struct ep_item *item;
	long n = 0;
	mutex_lock(&ep->lock);
	scan_begin(ep, &batch);
	while (n < max && (item = scan_next(&batch)) != NULL) {
		struct epoll_event out = { .events = ep_item_poll(item), .data = item->event.data };
		if (!out.events)
			continue;
		if (copy_to_user(uevents + (u64)n * sizeof(out), &out, sizeof(out))) {
			scan_keep(item);
			n = n ? n : -EFAULT;
			break;
		}
		n++;
		if (item->event.events & EPOLLONESHOT)
			item->event.events &= EP_PRIVATE;
		else if (!(item->event.events & EPOLLET))
			scan_keep(item);
	}
	scan_end(ep, &batch);
	mutex_unlock(&ep->lock);
	return n;
}

u32 ep_poll(struct file *f, struct poll_table *pt)
{
	struct epoll *ep = f->private;
	struct list_head batch;
	struct ep_item *item;
	u32 mask = 0;
	poll_wait(f, &ep->poll_wait, pt);
	mutex_lock_nested(&ep->lock);
	scan_begin(ep, &batch);
	while (!mask && (item = scan_next(&batch)) != NULL) {
		if (ep_item_poll(item)) {
			scan_keep(item);
			mask = POLLIN | POLLRDNORM;
		}
	}
	scan_end(ep, &batch);
	mutex_unlock(&ep->lock);
	return mask;
}
/* --- epoll_wait -------------------------------------------------------------------------------------------------------------------------- */

/* Sleeps until something may be ready, the deadline or a signal. True: the deadline is over. */
static bool ep_sleep(struct epoll *ep, u64 deadline)
{
	struct wait_entry e;
	bool over = false;
	wait_entry_init(&e);
	wait_add_exclusive(&ep->wait, &e);
	set_current_state(TASK_INTERRUPTIBLE);
	if (!ep_has_ready(ep) && !signal_pending()) {
		u64 now = deadline == FOREVER ? 0 : clock_mono();
		over = deadline != FOREVER && now >= deadline;
		if (!over)
			over = !schedule_timeout(deadline == FOREVER ? FOREVER : deadline - now) && deadline != FOREVER;
	}
	set_current_state(TASK_RUNNING);
	wait_remove(&ep->wait, &e);
	return over;
}

/* deadline: clock_mono() ns, FOREVER, 0 = only look. Events delivered, 0, -EINTR, -EFAULT. Looks once more after a time-out or a signal, so a
 * wake-up meant for this waiter alone is never lost. */
static long ep_wait(struct epoll *ep, uaddr_t uevents, int max, u64 deadline)
{
	bool over = deadline == 0;
	for (;;) {
		if (ep_has_ready(ep)) {
			long n = ep_send(ep, uevents, max);
			if (n)
				return n;
		}
		if (over)
			return 0;
		if (signal_pending())
			return -EINTR;
		over = ep_sleep(ep, deadline);
	}
}

static long do_epoll_wait(u64 epfd, u64 uevents, u64 umax, u64 deadline)
{
	struct file *f;
	int max = (int)umax;
	if (max <= 0 || max > EP_MAX_EVENTS)
		return -EINVAL;
	if (!user_range_ok(uevents, (size_t)max * sizeof(struct epoll_event)))
		return -EFAULT;
	int err = fd_get((int)epfd, &f);
	if (err)
		return err;
	long ret = is_epoll(f) ? ep_wait(f->private, uevents, max, deadline) : -EINVAL;
	file_put(f);
	return ret;
}

static u64 deadline_after(u64 ns)
{
	u64 now = clock_mono();
	return ns > FOREVER - 1 - now ? FOREVER - 1 : now + ns;
}
static u64 deadline_from_ms(u64 timeout)
{
	s32 ms = (s32)timeout;
	return ms < 0 ? FOREVER : ms == 0 ? 0 : deadline_after((u64)ms * 1000000);
}

long sys_epoll_wait(u64 epfd, u64 uevents, u64 max, u64 timeout) { return do_epoll_wait(epfd, uevents, max, deadline_from_ms(timeout)); }

static long epoll_wait_masked(u64 epfd, u64 uevents, u64 max, u64 deadline, u64 umask, u64 size)
{
	int err = hook_set_user_sigmask(umask, size);
	if (err)
		return err;
	long ret = do_epoll_wait(epfd, uevents, max, deadline);
	hook_restore_sigmask_unless(ret == -EINTR);
	return ret;
}

long sys_epoll_pwait(u64 epfd, u64 uevents, u64 max, u64 timeout, u64 umask, u64 size)
{
	return epoll_wait_masked(epfd, uevents, max, deadline_from_ms(timeout), umask, size);
}

long sys_epoll_pwait2(u64 epfd, u64 uevents, u64 max, u64 uts, u64 umask, u64 size)
{
	struct __kernel_timespec ts;
	u64 deadline = FOREVER;
	if (uts) {
		if (get_user(ts, uts))
			return -EFAULT;
		if (!timespec_valid(&ts))
			return -EINVAL;
		deadline = ts.tv_sec || ts.tv_nsec ? deadline_after(timespec_to_ns(&ts)) : 0;
	}
	return epoll_wait_masked(epfd, uevents, max, deadline, umask, size);
}
