/*
 * epoll: instances, what they watch, and how they nest. Entry points: sys_epoll_create, sys_epoll_create1, sys_epoll_ctl, epoll_file_released(). Waiting for
 * events and delivering them is epoll_wait.c's; the picture and the locks are in epoll_internal.h.
 */
#include "vfs/epoll.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#include "gen/sys_protos.h"
#include "lib/format.h"
#include "mm/slab.h"
#include "vfs/epoll_internal.h"

#define EP_MAX_DEPTH 5
#define EP_EXCLUSIVE_OK (EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)

/* One file_poll() call of ADD. */
struct ep_queue {
	struct poll_table pt;
	struct ep_item *item;
	int error;
};

static DEFINE_MUTEX(topology, RANK_EPOLL_TREE);
static u64 visit_generation; /* topology */

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
	w->entry.fn = ep_item_wake;
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
	u64 flags = spin_lock_irqsave(&epoll_ready_lock);
	list_del(&item->ready_node);
	list_del(&item->nest_node);
	spin_unlock_irqrestore(&epoll_ready_lock, flags);
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
		u64 flags = spin_lock_irqsave(&epoll_ready_lock);
		list_add_tail(&item->nest_node, &inner->watchers);
		spin_unlock_irqrestore(&epoll_ready_lock, flags);
	}
	u32 now = file_poll(item->file, nested ? NULL : &eq.pt) & item->event.events;
	if (eq.error)
		return eq.error;
	if (now)
		ep_mark_ready(item);
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
	u64 flags = spin_lock_irqsave(&epoll_ready_lock);
	item->event = *ev;
	spin_unlock_irqrestore(&epoll_ready_lock, flags);
	if (ep_item_poll(item))
		ep_mark_ready(item);
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

const struct file_ops epoll_fops = {
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
