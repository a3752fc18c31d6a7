/*
 * What epoll.c (instances and what they watch) and epoll_wait.c (the ready list, who waits for it) share.
 *
 * An instance (struct epoll) holds items, one per watched (file, descriptor). An item hangs wait entries on the file's wait queues; a wake-up
 * puts it on the instance's ready list and wakes one waiter. epoll_wait() takes items off the ready list, asks the file again, and delivers;
 * level-triggered ones go back to the list's end.
 *
 * Locks, in order:
 *   topology  (mutex, RANK_EPOLL_TREE) which file is in which instance: ADD, DEL, release of a file or an instance
 *   ep->lock  (mutex, same rank, nested; an outer instance before the one it watches) the item tree, delivery
 *   a file's own locks, inside its poll op
 *   epoll_ready_lock (spinlock, RANK_EPOLL_CB, below wake-up callbacks) all ready lists, item->event, and the links between nested instances
 *
 * An instance that watches another one does not use wait queues for it: becoming ready is passed up directly (ep_mark_ready), all under the one
 * epoll_ready_lock, so that nesting never locks a queue inside another queue's callback. ADD refuses loops and more than EP_MAX_DEPTH levels, which
 * bounds that recursion.
 */
#ifndef PANDO_VFS_EPOLL_INTERNAL_H
#define PANDO_VFS_EPOLL_INTERNAL_H

#include <linux/eventpoll.h>

#include "lib/errno.h"
#include "sched/mutex.h"
#include "vfs/file.h"
#include "vfs/poll.h"

/* Bits of item->event.events that are no events. */
#define EP_PRIVATE (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)

struct epoll {
	struct mutex lock;          /* RANK_EPOLL_TREE, nested in topology */
	struct rb_root items;       /* lock; changed only with topology held too */
	struct list_head ready;     /* epoll_ready_lock: item->ready_node */
	struct wait_queue wait;     /* epoll_wait() callers; RANK_WAITQ_LEAF */
	struct wait_queue poll_wait;/* poll() and select() callers; RANK_WAITQ_LEAF */
	struct list_head watchers;  /* epoll_ready_lock: items of outer instances that watch this one, item->nest_node */
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
	struct epoll_event event;   /* epoll_ready_lock to write, with ep->lock */
	struct list_head file_node; /* topology: file->epoll_items */
	struct list_head ready_node;/* epoll_ready_lock */
	struct list_head nest_node; /* epoll_ready_lock: the watched instance's watchers */
	struct ep_wait first;       /* most files have one queue */
	struct ep_wait *more;       /* constant after ADD */
};
extern struct spinlock epoll_ready_lock;
extern const struct file_ops epoll_fops;
static inline bool is_epoll(const struct file *f) { return f->ops == &epoll_fops; }

/* The file's events that item asks for, now. => may sleep */
static inline u32 ep_item_poll(struct ep_item *item) { return file_poll(item->file, NULL) & item->event.events; }

/* Puts item on its instance's ready list and tells who waits there. => epoll_ready_lock not held */
void ep_mark_ready(struct ep_item *item);
/* fn of an item's wait entries: a queue of the watched file is woken. */
bool ep_item_wake(struct wait_entry *e, u32 mode, u64 key);
/* The poll op of an instance: it is readable while an item on its ready list really has events. Stale ones leave the list. */
u32 ep_poll(struct file *f, struct poll_table *pt);

#endif
