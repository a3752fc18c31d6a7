/*
 * epoll. Entry points: sys_epoll_create, sys_epoll_create1, sys_epoll_ctl, sys_epoll_wait, sys_epoll_pwait, sys_epoll_pwait2, epoll_file_released().
 *
 * An instance (struct epoll) holds items, one per watched (file, descriptor). An item hangs wait entries on the file's wait queues; a wake-up
 * puts it on the instance's ready list and wakes one waiter. epoll_wait() takes items off the ready list, asks the file again, and delivers;
 * level-triggered ones go back to the list's end.
 *
 * Locks, in order:
 *   topology  (mutex, RANK_EPOLL_TREE) which file is in which instance: ADD, DEL, release of a file or an instance
 *   ep->lock  (mutex, same rank, nested; an outer instance before the one it watches) the item tree, delivery
 *   a file's own locks, inside its poll op
 *   ready_lock (spinlock, RANK_EPOLL_CB, below wake-up callbacks) all ready lists, item->event, and the links between nested instances
 *
 * An instance that watches another one does not use wait queues for it: becoming ready is passed up directly (mark_ready), all under the one
 * ready_lock, so that nesting never locks a queue inside another queue's callback. ADD refuses loops and more than EP_MAX_DEPTH levels, which
 * bounds that recursion.
 */
#include "vfs/epoll.h"

#include <asm/ioctls.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include <linux/time_types.h>

#include "gen/sys_protos.h"
#include "lib/bug.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "mm/slab.h"
#include "sched/kernel_time.h"
#include "sched/mutex.h"
#include "vfs/file.h"
#include "vfs/poll.h"

#define FOREVER (~0UL)
#define EP_MAX_DEPTH 5
#define EP_MAX_EVENTS (0x7fffffff / (int)sizeof(struct epoll_event))
#define EP_PRIVATE (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)
#define EP_EXCLUSIVE_OK (EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)

struct epoll {
	struct mutex lock;          /* RANK_EPOLL_TREE, nested in topology */
	struct rb_root items;       /* lock; changed only with topology held too */
	struct list_head ready;     /* ready_lock: item->ready_node */
	struct wait_queue wait;     /* epoll_wait() callers; RANK_WAITQ_LEAF */
	struct wait_queue poll_wait;/* poll() and select() callers; RANK_WAITQ_LEAF */
	struct list_head watchers;  /* ready_lock: items of outer instances that watch this one, item->nest_node */
	u64 visit;                  /* topology: generation of the last walk that came here */
	u32 depth;                  /* topology: scratch of that walk */
};
struct ep_wait {
	struct wait_entry entry;
	struct wait_queue *queue; /* NULL: unused */
	struct ep_wait *next;
};
struct ep_item {
	struct rb_node node;        /* ep->items */
	struct epoll *ep;           /* constant */
	struct file *file;          /* constant; not counted: epoll_file_released() takes the item away */
	int fd;                     /* constant */
	struct epoll_event event;   /* ready_lock to write, with ep->lock */
	struct list_head file_node; /* topology: file->epoll_items */
	struct list_head ready_node;/* ready_lock */
	struct list_head nest_node; /* ready_lock: the watched instance's watchers */
	struct ep_wait first;       /* most files have one queue */
	struct ep_wait *more;       /* constant after ADD */
};
/* One file_poll() call of ADD. */
struct ep_queue {
	struct poll_table pt;
	struct ep_item *item;
	int error;
};

static DEFINE_MUTEX(topology, RANK_EPOLL_TREE);
static DEFINE_SPINLOCK(ready_lock, RANK_EPOLL_CB);
static u64 visit_generation; /* topology */

static const struct file_ops epoll_fops;
static bool is_epoll(const struct file *f) { return f->ops == &epoll_fops; }

/* --- becoming ready ---------------------------------------------------------------------------------------------------------------------- */

/* => ready_lock, interrupts off. Puts item on its instance's ready list and tells who waits there, outwards through nested instances.
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

/* A watched file's wait queue is woken. The return value counts as "an exclusive waiter was woken" for EPOLLEXCLUSIVE entries. */
static bool item_wake(struct wait_entry *e, u32 mode, u64 key)
{
	struct ep_item *item = e->data;
	bool waiter = false, fits = true;
	u64 flags = spin_lock_irqsave(&ready_lock);
	u32 events = item->event.events;
	if ((events & ~EP_PRIVATE) && (!key || (key & events)))
		waiter = mark_ready(item);
	spin_unlock_irqrestore(&ready_lock, flags);
	if ((key & (EPOLLIN | EPOLLOUT)) == EPOLLIN)
		fits = events & EPOLLIN;
	else if ((key & (EPOLLIN | EPOLLOUT)) == EPOLLOUT)
		fits = events & EPOLLOUT;
	return e->exclusive && waiter && fits;
}

/* The file's events that item asks for, now. */
static u32 item_poll(struct ep_item *item) { return file_poll(item->file, NULL) & item->event.events; }

/* --- taking from the ready list ---------------------------------------------------------------------------------------------------------- */

static bool ep_has_ready(struct epoll *ep) { return !list_empty(&ep->ready); }

/* Moves the ready list aside, so that a scan over it ends. => ep->lock */
static void scan_begin(struct epoll *ep, struct list_head *batch)
{
	u64 flags = spin_lock_irqsave(&ready_lock);
	list_init(batch);
	list_splice_tail(&ep->ready, batch);
	spin_unlock_irqrestore(&ready_lock, flags);
}

/* The next of the batch, unlinked: a wake-up from here on puts it on the ready list again. NULL at the end. => ep->lock */
static struct ep_item *scan_next(struct list_head *batch)
{
	struct ep_item *item = NULL;
	u64 flags = spin_lock_irqsave(&ready_lock);
	if (!list_empty(batch)) {
		item = list_first(batch, struct ep_item, ready_node);
		list_del(&item->ready_node);
	}
	spin_unlock_irqrestore(&ready_lock, flags);
	return item;
}

/* Still ready: back to the end of the ready list. => ep->lock */
static void scan_keep(struct ep_item *item)
{
	u64 flags = spin_lock_irqsave(&ready_lock);
	if (list_empty(&item->ready_node))
		list_add_tail(&item->ready_node, &item->ep->ready);
	spin_unlock_irqrestore(&ready_lock, flags);
}

/* The rest of the batch goes back to the front; another waiter is told if something is left. => ep->lock */
static void scan_end(struct epoll *ep, struct list_head *batch)
{
	u64 flags = spin_lock_irqsave(&ready_lock);
	list_splice_tail(&ep->ready, batch);
	list_splice_tail(batch, &ep->ready);
	if (!list_empty(&ep->ready) && wait_queue_active(&ep->wait))
		wake_up(&ep->wait);
	spin_unlock_irqrestore(&ready_lock, flags);
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
		struct epoll_event out = { .events = item_poll(item), .data = item->event.data };
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

/* Poll op: an instance is readable while an item on its ready list really has events. Stale ones leave the list. */
static u32 ep_poll(struct file *f, struct poll_table *pt)
{
	struct epoll *ep = f->private;
	struct list_head batch;
	struct ep_item *item;
	u32 mask = 0;
	poll_wait(f, &ep->poll_wait, pt);
	mutex_lock_nested(&ep->lock);
	scan_begin(ep, &batch);
	while (!mask && (item = scan_next(&batch)) != NULL) {
		if (item_poll(item)) {
			scan_keep(item);
			mask = POLLIN | POLLRDNORM;
		}
	}
	scan_end(ep, &batch);
	mutex_unlock(&ep->lock);
	return mask;
}

/* --- items ------------------------------------------------------------------------------------------------------------------------------- */

static bool item_less(const struct rb_node *a, const struct rb_node *b)
{
	const struct ep_item *x = rb_entry(a, struct ep_item, node), *y = rb_entry(b, struct ep_item, node);
	return x->file != y->file ? (u64)x->file < (u64)y->file : x->fd < y->fd;
}

/* => ep->lock or topology */
static struct ep_item *ep_find(struct epoll *ep, struct file *f, int fd)
{
	struct ep_item key = { .file = f, .fd = fd };
	struct rb_node *n = ep->items.node;
	while (n) {
		if (item_less(&key.node, n))
			n = n->left;
		else if (item_less(n, &key.node))
			n = n->right;
		else
			return rb_entry(n, struct ep_item, node);
	}
	return NULL;
}

static void ep_queue_add(struct poll_table *pt, struct file *f, struct wait_queue *q)
{
	struct ep_queue *eq = container_of(pt, struct ep_queue, pt);
	struct ep_item *item = eq->item;
	struct ep_wait *w = &item->first;
	if (w->queue) {
		w = kzalloc(sizeof(*w));
		if (!w) {
			eq->error = -ENOMEM;
			return;
		}
		w->next = item->more;
		item->more = w;
	}
	wait_entry_init(&w->entry);
	w->entry.fn = item_wake;
	w->entry.data = item;
	w->queue = q;
	if (item->event.events & EPOLLEXCLUSIVE)
		wait_add_exclusive(q, &w->entry);
	else
		wait_add(q, &w->entry);
}

/* => topology, ep->lock. Unhooks and frees. Leaving the file's list comes last: until then file_put() of the file waits for topology, so the
 * queues the item hangs on exist. */
static void item_remove(struct ep_item *item)
{
	if (item->first.queue)
		wait_remove(item->first.queue, &item->first.entry);
	while (item->more) {
		struct ep_wait *w = item->more;
		item->more = w->next;
		wait_remove(w->queue, &w->entry);
		kfree(w);
	}
	u64 flags = spin_lock_irqsave(&ready_lock);
	list_del(&item->ready_node);
	list_del(&item->nest_node);
	spin_unlock_irqrestore(&ready_lock, flags);
	rb_erase(&item->ep->items, &item->node);
	list_del(&item->file_node);
	kfree(item);
}

void epoll_file_released(struct file *f)
{
	mutex_lock(&topology);
	while (!list_empty(&f->epoll_items)) {
		struct ep_item *item = list_first(&f->epoll_items, struct ep_item, file_node);
		struct epoll *ep = item->ep;
		mutex_lock_nested(&ep->lock);
		item_remove(item);
		mutex_unlock(&ep->lock);
	}
	mutex_unlock(&topology);
}

/* --- nesting ----------------------------------------------------------------------------------------------------------------------------- */

/* => topology. Levels of instances below and including ep; > EP_MAX_DEPTH also when `goal` is reached. */
static u32 depth_below(struct epoll *ep, const struct epoll *goal, u32 level)
{
	u32 depth = 1;
	if (ep == goal || level > EP_MAX_DEPTH)
		return EP_MAX_DEPTH + 1;
	if (ep->visit == visit_generation)
		return ep->depth;
	for (struct rb_node *n = rb_first(&ep->items); n; n = rb_next(n)) {
		struct ep_item *item = rb_entry(n, struct ep_item, node);
		if (is_epoll(item->file))
			depth = max(depth, 1 + depth_below(item->file->private, goal, level + 1));
	}
	ep->visit = visit_generation;
	ep->depth = depth;
	return depth;
}

/* => topology (which alone changes the watchers). Levels of instances above and including ep. */
static u32 depth_above(struct epoll *ep, u32 level)
{
	struct ep_item *outer;
	u32 depth = 1;
	if (level > EP_MAX_DEPTH || ep->visit == visit_generation)
		return level > EP_MAX_DEPTH ? EP_MAX_DEPTH + 1 : ep->depth;
	list_for_each(outer, &ep->watchers, nest_node)
		depth = max(depth, 1 + depth_above(outer->ep, level + 1));
	ep->visit = visit_generation;
	ep->depth = depth;
	return depth;
}

/* => topology. May `outer` watch `inner`? 0 or -ELOOP. */
static int nest_check(struct epoll *outer, struct epoll *inner)
{
	visit_generation++;
	u32 below = depth_below(inner, outer, 1);
	visit_generation++;
	return below + depth_above(outer, 1) > EP_MAX_DEPTH ? -ELOOP : 0;
}

/* --- epoll_ctl --------------------------------------------------------------------------------------------------------------------------- */

/* Hooks a new item onto its file, with its present state. => topology, ep->lock. 0 or -ENOMEM. */
static int item_hook(struct ep_item *item)
{
	struct ep_queue eq = { .pt.queue = ep_queue_add, .item = item };
	bool nested = is_epoll(item->file);
	if (nested) {
		struct epoll *inner = item->file->private;
		u64 flags = spin_lock_irqsave(&ready_lock);
		list_add_tail(&item->nest_node, &inner->watchers);
		spin_unlock_irqrestore(&ready_lock, flags);
	}
	u32 now = file_poll(item->file, nested ? NULL : &eq.pt) & item->event.events;
	if (eq.error)
		return eq.error;
	if (now) {
		u64 flags = spin_lock_irqsave(&ready_lock);
		mark_ready(item);
		spin_unlock_irqrestore(&ready_lock, flags);
	}
	return 0;
}

/* => topology, ep->lock */
static int ep_add(struct epoll *ep, struct file *f, int fd, const struct epoll_event *ev)
{
	struct ep_item *item = kzalloc(sizeof(*item));
	if (!item)
		return -ENOMEM;
	item->ep = ep;
	item->file = f;
	item->fd = fd;
	item->event = *ev;
	list_init(&item->ready_node);
	list_init(&item->nest_node);
	rb_insert(&ep->items, &item->node, item_less);
	list_add_tail(&item->file_node, &f->epoll_items);
	int err = item_hook(item);
	if (err)
		item_remove(item);
	return err;
}

/* => ep->lock */
static int ep_modify(struct ep_item *item, const struct epoll_event *ev)
{
	if (item->event.events & EPOLLEXCLUSIVE)
		return -EINVAL;
	u64 flags = spin_lock_irqsave(&ready_lock);
	item->event = *ev;
	spin_unlock_irqrestore(&ready_lock, flags);
	if (item_poll(item)) {
		flags = spin_lock_irqsave(&ready_lock);
		mark_ready(item);
		spin_unlock_irqrestore(&ready_lock, flags);
	}
	return 0;
}

/* Both files are held. */
static int ep_ctl(struct epoll *ep, int op, struct file *f, int fd, struct epoll_event *ev)
{
	int err = 0;
	ev->events |= EPOLLERR | EPOLLHUP;
	mutex_lock(&topology);
	if (op == EPOLL_CTL_ADD && is_epoll(f))
		err = nest_check(ep, f->private);
	mutex_lock_nested(&ep->lock);
	struct ep_item *item = ep_find(ep, f, fd);
	if (err)
		;
	else if (op == EPOLL_CTL_ADD)
		err = item ? -EEXIST : ep_add(ep, f, fd, ev);
	else if (!item)
		err = -ENOENT;
	else if (op == EPOLL_CTL_MOD)
		err = ep_modify(item, ev);
	else
		item_remove(item);
	mutex_unlock(&ep->lock);
	mutex_unlock(&topology);
	return err;
}

/* The checks that need both files. 0, -EPERM, -EINVAL. */
static int ctl_check(struct file *epf, struct file *f, int op, const struct epoll_event *ev)
{
	if (!f->ops->poll)
		return -EPERM;
	if (epf == f || !is_epoll(epf))
		return -EINVAL;
	if (op != EPOLL_CTL_ADD && op != EPOLL_CTL_MOD && op != EPOLL_CTL_DEL)
		return -EINVAL;
	if (op != EPOLL_CTL_DEL && (ev->events & EPOLLEXCLUSIVE)) {
		if (op == EPOLL_CTL_MOD)
			return -EINVAL;
		if (is_epoll(f) || (ev->events & ~EP_EXCLUSIVE_OK))
			return -EINVAL;
	}
	return 0;
}

long sys_epoll_ctl(u64 epfd, u64 op, u64 fd, u64 uevent)
{
	struct epoll_event ev = { 0 };
	struct file *epf, *f;
	if ((int)op != EPOLL_CTL_DEL && get_user(ev, uevent))
		return -EFAULT;
	int err = fd_get((int)epfd, &epf);
	if (err)
		return err;
	err = fd_get((int)fd, &f);
	if (!err) {
		err = ctl_check(epf, f, (int)op, &ev);
		if (!err)
			err = ep_ctl(epf->private, (int)op, f, (int)fd, &ev);
		file_put(f);
	}
	file_put(epf);
	return err;
}

/* --- epoll_create ------------------------------------------------------------------------------------------------------------------------ */

static void ep_release(struct file *f)
{
	struct epoll *ep = f->private;
	mutex_lock(&topology);
	mutex_lock_nested(&ep->lock);
	while (rb_first(&ep->items)) {
		item_remove(rb_entry(rb_first(&ep->items), struct ep_item, node));
		cond_resched();
	}
	mutex_unlock(&ep->lock);
	mutex_unlock(&topology);
	kfree(ep);
}

static int ep_show_fdinfo(struct file *f, char *buf, size_t size)
{
	struct epoll *ep = f->private;
	size_t len = 0;
	mutex_lock(&ep->lock);
	for (struct rb_node *n = rb_first(&ep->items); n && len < size; n = rb_next(n)) {
		struct ep_item *i = rb_entry(n, struct ep_item, node);
		len += (size_t)format_str(buf + len, size - len, "tfd: %8d events: %8x data: %16llx  pos:%lli ino:%lx sdev:%x\n", i->fd,
			i->event.events, (unsigned long long)i->event.data, (long long)i->file->pos, (unsigned long)i->file->inode->ino,
			i->file->inode->sb ? (u32)i->file->inode->sb->dev : 0);
	}
	mutex_unlock(&ep->lock);
	return (int)min(len, size);
}

static const struct file_ops epoll_fops = {
	.poll = ep_poll,
	.release = ep_release,
	.show_fdinfo = ep_show_fdinfo,
};

long sys_epoll_create1(u64 flags)
{
	struct file *f;
	if (flags & ~(u64)EPOLL_CLOEXEC)
		return -EINVAL;
	struct epoll *ep = kzalloc(sizeof(*ep));
	if (!ep)
		return -ENOMEM;
	mutex_init(&ep->lock, RANK_EPOLL_TREE);
	list_init(&ep->ready);
	list_init(&ep->watchers);
	wait_queue_init_rank(&ep->wait, RANK_WAITQ_LEAF);
	wait_queue_init_rank(&ep->poll_wait, RANK_WAITQ_LEAF);
	int err = file_create_anon("anon_inode:[eventpoll]", 0600, &epoll_fops, ep, O_RDWR, &f);
	if (err) {
		kfree(ep);
		return err;
	}
	return fd_install_new(f, flags & EPOLL_CLOEXEC);
}

long sys_epoll_create(u64 size) { return (int)size <= 0 ? -EINVAL : sys_epoll_create1(0); }

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

int epoll_target(struct file *f, int fd, unsigned int nth, const struct file **out)
{
	if (f->ops != &epoll_fops)
		return -EINVAL;
	struct epoll *ep = f->private;
	int err = -ENOENT;
	mutex_lock(&ep->lock);
	for (struct rb_node *n = rb_first(&ep->items); n && err; n = rb_next(n)) {
		const struct ep_item *item = rb_entry(n, struct ep_item, node);
		if (item->fd != fd || nth--)
			continue;
		*out = item->file;
		err = 0;
	}
	mutex_unlock(&ep->lock);
	return err;
}
