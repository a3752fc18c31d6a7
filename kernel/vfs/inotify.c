/*
 * inotify: descriptors that tell what happens to files. Entry points: sys_inotify_init1 and friends; the hooks of notify.h.
 *
 * A watch ties an inode, which it keeps, to an instance. One spinlock guards everything: watches hang on their inode (a short chain), on their instance and in
 * the list of all; events wait in their instance's queue, where one that repeats the last is dropped.
 */
#include "vfs/notify.h"

#include <asm/ioctls.h>

#include "gen/sys_protos.h"
#include "lib/format.h"
#include "vfs/inotify.h"
#include "vfs/internal.h"
#include "vfs/poll.h"
#include "vfs/watch.h"

struct event {
	struct list_head node;
	s32 wd;
	u32 mask, cookie, len; /* len: of the name */
	char name[];
};

/* What one user has. */
struct inotify_user {
	struct list_head node;
	u32 uid, instances, watches;
};

struct inotify {
	struct wait_queue wait;
	struct list_head events, watches;
	u32 nr_events;
	s32 last_wd;
	bool overflowed; /* an overflow event waits */
	struct inotify_user *user;
};

u32 inotify_max_instances = 128, inotify_max_watches = 65536, inotify_max_events = 16384;

u32 notify_watches; /* notify_lock to write */
DEFINE_SPINLOCK(notify_lock, RANK_INODE_LIST);
static LIST_HEAD(all_watches); /* notify_lock */
static LIST_HEAD(users); /* notify_lock */

/* --- users: => notify_lock ------------------------------------------------------------------------------------------------------------------- */

/* One instance more: NULL when there are too many, or no memory. */
static struct inotify_user *user_enter(u32 uid)
{
	struct inotify_user *u;
	list_for_each (u, &users, node) {
		if (u->uid != uid)
			continue;
		if (u->instances >= inotify_max_instances)
			return NULL;
		u->instances++;
		return u;
	}
	u = kzalloc(sizeof(*u));
	if (!u)
		return NULL;
	u->uid = uid;
	u->instances = 1;
	list_add(&u->node, &users);
	return u;
}

static void user_leave(struct inotify_user *u)
{
	if (--u->instances)
		return;
	list_del(&u->node);
	kfree(u);
}

/* --- events: => notify_lock ------------------------------------------------------------------------------------------------------------------ */

static bool repeats_last(const struct inotify *g, s32 wd, u32 mask, u32 cookie, const char *name, u32 len)
{
	if (list_empty(&g->events))
		return false;
	const struct event *e = list_entry(g->events.prev, struct event, node);
	return e->wd == wd && e->mask == mask && e->cookie == cookie && e->len == len && !memcmp(e->name, name, len);
}

static void queue_event(struct inotify *g, s32 wd, u32 mask, u32 cookie, const char *name, u32 len)
{
	/* The names of moves belong to their cookies; IN_IGNORED must not be lost, but everything else may. */
	if (repeats_last(g, wd, mask, cookie, name, len))
		return;
	struct event *e = NULL;
	if (g->nr_events < inotify_max_events)
		e = kmalloc(sizeof(*e) + len);
	if (!e) {
		if (g->overflowed)
			return;
		e = kmalloc(sizeof(*e));
		if (!e)
			return;
		g->overflowed = true;
		wd = -1;
		mask = IN_Q_OVERFLOW;
		cookie = len = 0;
	}
	e->wd = wd;
	e->mask = mask;
	e->cookie = cookie;
	e->len = len;
	memcpy(e->name, name, len);
	list_add_tail(&e->node, &g->events);
	g->nr_events++;
	wake_up_key(&g->wait, TASK_NORMAL, 0, POLLIN | POLLRDNORM);
}

void watch_link(struct watch *w, struct inode *i)
{
	w->inode = i;
	w->next = i->watches;
	i->watches = w;
	list_add_tail(&w->all_node, &all_watches);
	WRITE_ONCE(notify_watches, notify_watches + 1);
}

void watch_unlink(struct watch *w)
{
	struct watch **p = &w->inode->watches;
	while (*p != w)
		p = &(*p)->next;
	*p = w->next;
	list_del(&w->all_node);
	WRITE_ONCE(notify_watches, notify_watches - 1);
}

/* Takes w out of everything; its inode's reference is the caller's, who frees w. */
static void unlink_watch(struct watch *w)
{
	watch_unlink(w);
	list_del(&w->group_node);
	w->group->user->watches--;
}

/* The watch ends: its reader hears of it. It goes to `dead` by group_node. */
static void end_watch(struct watch *w, struct list_head *dead)
{
	queue_event(w->group, w->wd, IN_IGNORED, 0, "", 0);
	unlink_watch(w);
	list_add_tail(&w->group_node, dead);
}

/* => no spinlocks */
static void free_watches(struct list_head *dead)
{
	while (!list_empty(dead)) {
		struct watch *w = list_first(dead, struct watch, group_node);
		list_del(&w->group_node);
		if (w->group)
			inode_put(w->inode);
		kfree(w);
	}
}

static void outcome_init(struct outcome *o)
{
	list_init(&o->dead);
	o->tells.n = 0;
}

/* mask: of the event. */
static void outcome_end(struct outcome *o, u32 mask)
{
	tells_send(&o->tells, mask & NOTIFY_LOCKED);
	free_watches(&o->dead);
}

/* To every watcher of i. unlinked: the name it happened by is gone. One-shot watches end. */
static void deliver(struct inode *i, u32 mask, u32 cookie, const char *name, u32 len, bool unlinked, struct outcome *o)
{
	struct watch *next;
	for (struct watch *w = i->watches; w; w = next) {
		next = w->next;
		if (!(w->mask & mask & ~IN_ISDIR) || (unlinked && (w->mask & IN_EXCL_UNLINK)))
			continue;
		if (!w->group) {
			dnotify_event(w, o);
			continue;
		}
		queue_event(w->group, w->wd, mask & ~NOTIFY_LOCKED, cookie, name, len);
		if (w->mask & IN_ONESHOT)
			end_watch(w, &o->dead);
	}
}

/* --- hooks ------------------------------------------------------------------------------------------------------------------------------------ */

void notify_dentry_slow(struct dentry *d, u32 mask)
{
	struct outcome o;
	outcome_init(&o);
	spin_lock(&dcache_lock);
	struct inode *i = d->inode, *dir = d->parent == d ? NULL : d->parent->inode;
	if (i && ((dir && dir->watches) || i->watches)) {
		u32 type = S_ISDIR(i->mode) ? IN_ISDIR : 0;
		spin_lock(&notify_lock);
		if (dir)
			deliver(dir, mask | type, 0, d->name, d->name_len, d->unhashed, &o);
		deliver(i, mask | type, 0, "", 0, false, &o);
		spin_unlock(&notify_lock);
	}
	spin_unlock(&dcache_lock);
	outcome_end(&o, mask);
}

void notify_inode_slow(struct inode *i, u32 mask)
{
	struct outcome o;
	outcome_init(&o);
	spin_lock(&notify_lock);
	/* Of what happens to itself a directory's watchers are told without the bit. */
	u32 type = S_ISDIR(i->mode) && !(mask & (IN_MOVE_SELF | IN_DELETE_SELF)) ? IN_ISDIR : 0;
	deliver(i, mask | type, 0, "", 0, false, &o);
	spin_unlock(&notify_lock);
	outcome_end(&o, mask);
}

void notify_name_slow(struct inode *dir, u32 mask, u32 cookie, const char *name, u32 len, bool isdir)
{
	struct outcome o;
	outcome_init(&o);
	spin_lock(&notify_lock);
	deliver(dir, mask | (isdir ? IN_ISDIR : 0), cookie, name, len, false, &o);
	spin_unlock(&notify_lock);
	outcome_end(&o, mask);
}

/* Events with `mask` for the watchers of i (or, NULL, of all inodes of sb), and the end of the watches. */
static void end_watches_of(struct inode *i, struct super *sb, u32 mask)
{
	struct watch *w, *tmp;
	LIST_HEAD(dead);
	spin_lock(&notify_lock);
	list_for_each_safe (w, tmp, &all_watches, all_node) {
		if (!w->group || (i ? w->inode != i : w->inode->sb != sb))
			continue;
		if ((w->mask | IN_UNMOUNT) & mask)
			queue_event(w->group, w->wd, mask, 0, "", 0);
		end_watch(w, &dead);
	}
	spin_unlock(&notify_lock);
	free_watches(&dead);
}

void notify_deleted_slow(struct inode *i)
{
	if (READ_ONCE(i->watches))
		end_watches_of(i, NULL, IN_DELETE_SELF);
}
void notify_unmount_slow(struct super *sb) { end_watches_of(NULL, sb, IN_UNMOUNT); }

u32 notify_cookie(void)
{
	static u32 last;
	return __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
}

/* --- the descriptor ---------------------------------------------------------------------------------------------------------------------------- */

#define NAME_ALIGN sizeof(struct inotify_event)
/* The name's bytes in the reader's buffer: NUL-terminated, padded. */
static u32 name_size(const struct event *e) { return e->len ? (u32)ALIGN_UP(e->len + 1, NAME_ALIGN) : 0; }

/* The next event if it fits into `room`; NULL with *err = 0 (none) or -EINVAL (too big). */
static struct event *take_event(struct inotify *g, size_t room, int *err)
{
	struct event *e = NULL;
	*err = 0;
	spin_lock(&notify_lock);
	if (!list_empty(&g->events)) {
		e = list_first(&g->events, struct event, node);
		if (sizeof(struct inotify_event) + name_size(e) > room) {
			*err = -EINVAL;
			e = NULL;
		} else {
			list_del(&e->node);
			g->nr_events--;
			if (e->mask & IN_Q_OVERFLOW)
				g->overflowed = false;
		}
	}
	spin_unlock(&notify_lock);
	return e;
}

static ssize_t put_event(struct iter *to, const struct event *e)
{
	struct inotify_event head = { .wd = e->wd, .mask = e->mask, .cookie = e->cookie, .len = name_size(e) };
	size_t n = sizeof(head) + head.len;
	size_t done = iter_copy_to(to, &head, sizeof(head));
	if (head.len)
		done += iter_copy_to(to, e->name, e->len) + iter_zero(to, head.len - e->len);
	return done == n ? (ssize_t)n : -EFAULT;
}

static ssize_t inotify_read(struct file *f, struct iter *to, u64 *pos)
{
	struct inotify *g = f->private;
	ssize_t done = 0;
	for (;;) {
		int err;
		struct event *e = take_event(g, to->count, &err);
		if (e) {
			ssize_t n = put_event(to, e);
			kfree(e);
			if (n < 0)
				return done ? done : n;
			done += n;
			continue;
		}
		if (done)
			return done;
		if (err)
			return err;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(g->wait, READ_ONCE(g->nr_events)))
			return -ERESTARTSYS;
	}
}

static u32 inotify_poll(struct file *f, struct poll_table *pt)
{
	struct inotify *g = f->private;
	poll_wait(f, &g->wait, pt);
	smp_mb();
	return READ_ONCE(g->nr_events) ? POLLIN | POLLRDNORM : 0;
}

static long inotify_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct inotify *g = f->private;
	struct event *e;
	s32 bytes = 0;
	if (cmd != FIONREAD)
		return -ENOTTY;
	spin_lock(&notify_lock);
	list_for_each (e, &g->events, node)
		bytes += (s32)(sizeof(struct inotify_event) + name_size(e));
	spin_unlock(&notify_lock);
	return put_user(bytes, arg);
}

static void inotify_release(struct file *f)
{
	struct inotify *g = f->private;
	struct watch *w, *tmp;
	LIST_HEAD(dead);
	spin_lock(&notify_lock);
	list_for_each_safe (w, tmp, &g->watches, group_node) {
		unlink_watch(w);
		list_add_tail(&w->group_node, &dead);
	}
	user_leave(g->user);
	spin_unlock(&notify_lock);
	free_watches(&dead);
	while (!list_empty(&g->events)) {
		struct event *e = list_first(&g->events, struct event, node);
		list_del(&e->node);
		kfree(e);
	}
	kfree(g);
}

static int inotify_fdinfo(struct file *f, char *buf, size_t size)
{
	struct inotify *g = f->private;
	struct watch *w;
	size_t n = 0;
	spin_lock(&notify_lock);
	list_for_each (w, &g->watches, group_node) {
		if (n < size)
			n += (size_t)format_str(buf + n, size - n, "inotify wd:%x ino:%lx sdev:%llx mask:%x ignored_mask:0 \n", (u32)w->wd, w->inode->ino,
				(unsigned long long)w->inode->sb->dev, w->mask);
	}
	spin_unlock(&notify_lock);
	return (int)n;
}

static const struct file_ops inotify_fops = {
	.async = true,
	.read = inotify_read,
	.poll = inotify_poll,
	.ioctl = inotify_ioctl,
	.release = inotify_release,
	.show_fdinfo = inotify_fdinfo,
};

/* --- the calls ---------------------------------------------------------------------------------------------------------------------------------- */

long sys_inotify_init1(u64 flags)
{
	struct file *f;
	if (flags & ~(u64)(IN_CLOEXEC | IN_NONBLOCK))
		return -EINVAL;
	struct inotify *g = kzalloc(sizeof(*g));
	if (!g)
		return -ENOMEM;
	wait_queue_init(&g->wait);
	list_init(&g->events);
	list_init(&g->watches);
	spin_lock(&notify_lock);
	g->user = user_enter(current_cred()->uid);
	spin_unlock(&notify_lock);
	if (!g->user) {
		kfree(g);
		return -EMFILE;
	}
	int err = file_create_anon("anon_inode:inotify", 0600, &inotify_fops, g, O_RDONLY | (u32)(flags & IN_NONBLOCK), &f);
	if (err) {
		spin_lock(&notify_lock);
		user_leave(g->user);
		spin_unlock(&notify_lock);
		kfree(g);
		return err;
	}
	return fd_install_new(f, flags & IN_CLOEXEC);
}

long sys_inotify_init(void) { return sys_inotify_init1(0); }

/* => notify_lock. The numbers go up and never come again before they wrap. */
static long link_watch(struct inotify *g, struct watch *w, struct inode *i, u32 mask)
{
	if (g->user->watches >= inotify_max_watches)
		return -ENOSPC;
	g->last_wd = g->last_wd == INT32_MAX ? 1 : g->last_wd + 1;
	*w = (struct watch){ .group = g, .wd = g->last_wd, .mask = mask };
	watch_link(w, i);
	list_add_tail(&w->group_node, &g->watches);
	g->user->watches++;
	return w->wd;
}

/* spare: for a new watch; *used: it became one, with i's reference. */
static long add_watch(struct inotify *g, struct inode *i, u32 mask, struct watch *spare, bool *used)
{
	u32 keep = mask & (IN_ALL_EVENTS | IN_UNMOUNT | IN_ONESHOT | IN_EXCL_UNLINK);
	long wd = 0;
	*used = false;
	spin_lock(&notify_lock);
	struct watch *w = i->watches;
	while (w && w->group != g)
		w = w->next;
	if (w && (mask & IN_MASK_CREATE)) {
		wd = -EEXIST;
	} else if (w) {
		w->mask = mask & IN_MASK_ADD ? w->mask | keep : keep;
		wd = w->wd;
	} else {
		wd = link_watch(g, spare, i, keep);
		*used = wd > 0;
	}
	spin_unlock(&notify_lock);
	return wd;
}

/* The instance behind fd: 0, -EBADF, -EINVAL. */
static int instance(u64 fd, struct fdref *r)
{
	int err = fdref_get((int)fd, r);
	if (!err && r->file->ops != &inotify_fops) {
		fdref_put(r);
		err = -EINVAL;
	}
	return err;
}

#define KNOWN                                                                                                                                \
	(IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_ADD | IN_MASK_CREATE | \
		IN_ISDIR | IN_ONESHOT)

static long watch_path(struct inotify *g, uaddr_t uname, u32 mask)
{
	struct path p;
	bool used;
	u32 lookup = (mask & IN_DONT_FOLLOW ? 0 : LOOKUP_FOLLOW) | (mask & IN_ONLYDIR ? LOOKUP_DIRECTORY : 0);
	int err = path_lookup_user(AT_FDCWD, uname, lookup, &p);
	if (err)
		return err;
	struct inode *i = p.dentry->inode;
	long wd = inode_permission(i, MAY_READ);
	struct watch *spare = wd ? NULL : kmalloc(sizeof(*spare));
	if (!wd && !spare)
		wd = -ENOMEM;
	if (!wd) {
		inode_get(i);
		wd = add_watch(g, i, mask, spare, &used);
		if (!used) {
			inode_put(i);
			kfree(spare);
		}
	}
	path_put(&p);
	return wd;
}

long sys_inotify_add_watch(u64 fd, u64 uname, u64 mask)
{
	struct fdref r;
	u32 m = (u32)mask;
	if (!(m & KNOWN))
		return -EINVAL;
	int err = instance(fd, &r);
	if (err)
		return err;
	long wd = (m & IN_MASK_ADD) && (m & IN_MASK_CREATE) ? -EINVAL : watch_path(r.file->private, uname, m);
	fdref_put(&r);
	return wd;
}

long sys_inotify_rm_watch(u64 fd, u64 wd)
{
	struct fdref r;
	struct watch *w;
	LIST_HEAD(dead);
	int err = instance(fd, &r);
	if (err)
		return err;
	struct inotify *g = r.file->private;
	err = -EINVAL;
	spin_lock(&notify_lock);
	list_for_each (w, &g->watches, group_node) {
		if (w->wd != (s32)wd)
			continue;
		end_watch(w, &dead);
		err = 0;
		break;
	}
	spin_unlock(&notify_lock);
	free_watches(&dead);
	fdref_put(&r);
	return err;
}
