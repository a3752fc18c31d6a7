/*
 * F_NOTIFY: a signal when something in a directory changes, the older brother of inotify, whose hooks it shares. Entry points: dnotify_set, dnotify_flush,
 * dnotify_event.
 *
 * A watch belongs to an open file and to the descriptor table through which it was set; the first close of such a descriptor by that table ends it.
 */
#include "vfs/internal.h"
#include "vfs/locks.h"
#include "vfs/watch.h"

struct dnotify {
	struct watch w;
	struct file *file;
	const struct fdtable *table;
	int fd;
	bool multishot;
}; /* all fields: notify_lock */

u32 dir_notify_enable = 1;

static struct dnotify *dnotify_of(struct watch *w) { return container_of(w, struct dnotify, w); }

void dnotify_event(struct watch *w, struct outcome *o)
{
	struct dnotify *d = dnotify_of(w);
	tells_add(&o->tells, d->file, d->fd);
	if (d->multishot)
		return;
	watch_unlink(w);
	list_add(&w->group_node, &o->dead);
}

static u32 mask_of(u32 how)
{
	static const struct {
		u32 dn, in;
	} map[] = {
		{ DN_ACCESS, IN_ACCESS },
		{ DN_MODIFY, IN_MODIFY },
		{ DN_CREATE, IN_CREATE | IN_MOVED_TO },
		{ DN_DELETE, IN_DELETE | IN_MOVED_FROM },
		{ DN_RENAME, NOTIFY_RENAME },
		{ DN_ATTRIB, IN_ATTRIB },
	};
	u32 mask = 0;
	for (u32 k = 0; k < ARRAY_SIZE(map); k++)
		if (how & map[k].dn)
			mask |= map[k].in;
	return mask;
}

/* => notify_lock. The watch that f has through this table, or NULL. */
static struct dnotify *find(const struct file *f, const struct fdtable *table)
{
	for (struct watch *w = f->inode->watches; w; w = w->next)
		if (!w->group && dnotify_of(w)->file == f && dnotify_of(w)->table == table)
			return dnotify_of(w);
	return NULL;
}

void dnotify_flush(struct file *f, struct fdtable *table)
{
	if (!S_ISDIR(f->inode->mode))
		return;
	spin_lock(&notify_lock);
	struct dnotify *d = find(f, table);
	if (d)
		watch_unlink(&d->w);
	spin_unlock(&notify_lock);
	kfree(d);
}

long dnotify_set(struct file *f, int fd, u32 arg)
{
	struct fdtable *table = current_thread()->files;
	if (!dir_notify_enable)
		return -EINVAL;
	if (!(arg & ~DN_MULTISHOT)) {
		dnotify_flush(f, table);
		return 0;
	}
	if (!S_ISDIR(f->inode->mode))
		return -ENOTDIR;
	struct dnotify *d = kzalloc(sizeof(*d)), *old;
	int err = d ? hook_file_owner_default(f) : -ENOMEM;
	if (err < 0) {
		kfree(d);
		return err;
	}
	fdtable_watch_closes();
	*d = (struct dnotify){ .w.mask = mask_of(arg), .file = f, .table = table, .fd = fd, .multishot = arg & DN_MULTISHOT };
	spin_lock(&notify_lock);
	old = find(f, table);
	if (old) {
		old->w.mask |= d->w.mask;
		old->multishot |= d->multishot;
		old->fd = fd;
	} else {
		watch_link(&d->w, f->inode);
	}
	spin_unlock(&notify_lock);
	if (old)
		kfree(d);
	/* Another thread may have closed the descriptor meanwhile: its close did not see this watch. */
	if (!fd_still_names(fd, f))
		dnotify_flush(f, table);
	return 0;
}
