/*
 * rename(2). Entry points: sys_rename, sys_renameat, sys_renameat2.
 *
 * Two directories at a time are locked only under rename_lock, the ancestor first, so that the tree cannot turn under the check for loops; then what is
 * in them: directories before other files, those by address.
 */
#include <linux/fs.h>

#include "gen/sys_protos.h"
#include "vfs/internal.h"
#include "vfs/notify.h"

static DEFINE_MUTEX(rename_lock, RANK_RENAME);

struct rename_job {
	struct walk ow, nw;
	struct path op, np;            /* parents */
	struct dentry *od, *nd;        /* source, target */
	struct dentry *replaced;       /* nd, when something was there and is gone */
	u32 flags;
};

static struct inode *dir_of(const struct path *p) { return p->dentry->inode; }

static void lock_parents(struct rename_job *j)
{
	struct inode *a = dir_of(&j->op), *b = dir_of(&j->np);
	if (a == b) {
		mutex_lock(&a->lock);
		return;
	}
	mutex_lock(&rename_lock);
	spin_lock(&dcache_lock);
	bool b_first = dentry_is_under(j->op.dentry, j->np.dentry);
	spin_unlock(&dcache_lock);
	mutex_lock(b_first ? &b->lock : &a->lock);
	mutex_lock_nested(b_first ? &a->lock : &b->lock);
}

static void unlock_parents(struct rename_job *j)
{
	struct inode *a = dir_of(&j->op), *b = dir_of(&j->np);
	mutex_unlock(&a->lock);
	if (a != b) {
		mutex_unlock(&b->lock);
		mutex_unlock(&rename_lock);
	}
}

/* => parents locked. Looks both names up and does the checks that need no permission. */
static int find_both(struct rename_job *j)
{
	int err = dcache_lookup(j->op.dentry, j->ow.last, j->ow.last_len, &j->od);
	if (err)
		return err;
	if (!j->od->inode)
		return -ENOENT;
	err = dcache_lookup(j->np.dentry, j->nw.last, j->nw.last_len, &j->nd);
	if (err)
		return err;
	if ((j->flags & RENAME_NOREPLACE) && j->nd->inode)
		return -EEXIST;
	if ((j->flags & RENAME_EXCHANGE) && !j->nd->inode)
		return -ENOENT;
	if ((j->flags & RENAME_EXCHANGE) && !S_ISDIR(j->nd->inode->mode) && j->nw.slashes)
		return -ENOTDIR;
	if (!S_ISDIR(j->od->inode->mode) && (j->ow.slashes || (!(j->flags & RENAME_EXCHANGE) && j->nw.slashes)))
		return -ENOTDIR;
	spin_lock(&dcache_lock);
	bool loop = dentry_is_under(j->np.dentry, j->od);
	bool above = j->nd->inode && dentry_is_under(j->op.dentry, j->nd);
	spin_unlock(&dcache_lock);
	if (loop)
		return -EINVAL;
	if (above)
		return j->flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	return 0;
}

static int check_permissions(struct rename_job *j)
{
	struct inode *src = j->od->inode, *dst = j->nd->inode, *from = dir_of(&j->op), *to = dir_of(&j->np);
	bool isdir = S_ISDIR(src->mode);
	int err = may_delete(from, src, isdir);
	if (err)
		return err;
	if (!dst)
		err = may_create(to);
	else
		err = may_delete(to, dst, j->flags & RENAME_EXCHANGE ? S_ISDIR(dst->mode) : isdir);
	if (err)
		return err;
	if (!from->ops->rename)
		return -EPERM;
	/* A directory that moves has its ".." rewritten. */
	if (from != to && isdir)
		err = inode_permission(src, MAY_WRITE);
	if (!err && from != to && (j->flags & RENAME_EXCHANGE) && S_ISDIR(dst->mode))
		err = inode_permission(dst, MAY_WRITE);
	return err;
}

/* The inodes below the parents: directories first, then by address; NULL and doubles are left out. */
static void lock_children(struct inode *a, struct inode *b, bool lock)
{
	if (!b || a == b) {
		if (lock)
			mutex_lock_nested(&a->lock);
		else
			mutex_unlock(&a->lock);
		return;
	}
	bool b_first = S_ISDIR(a->mode) != S_ISDIR(b->mode) ? S_ISDIR(b->mode) : b < a;
	struct inode *first = b_first ? b : a, *second = b_first ? a : b;
	if (lock) {
		mutex_lock_nested(&first->lock);
		mutex_lock_nested(&second->lock);
	} else {
		mutex_unlock(&second->lock);
		mutex_unlock(&first->lock);
	}
}

/* inode moved from the old name to the new one (back: the other way), over `replaced` or NULL. */
static void tell_move(struct rename_job *j, struct inode *inode, struct inode *replaced, bool back)
{
	const struct walk *from = back ? &j->nw : &j->ow, *to = back ? &j->ow : &j->nw;
	u32 cookie = notify_cookie();
	bool isdir = S_ISDIR(inode->mode);
	if (dir_of(&j->op) == dir_of(&j->np))
		notify_name(dir_of(&j->op), NOTIFY_RENAME, 0, from->last, from->last_len, isdir);
	notify_name(dir_of(back ? &j->np : &j->op), IN_MOVED_FROM, cookie, from->last, from->last_len, isdir);
	notify_name(dir_of(back ? &j->op : &j->np), IN_MOVED_TO, cookie, to->last, to->last_len, isdir);
	if (replaced)
		notify_inode(replaced, IN_ATTRIB);
	notify_inode(inode, IN_MOVE_SELF);
}

static int rename_locked(struct rename_job *j)
{
	int err = find_both(j);
	if (err)
		return err;
	struct inode *src = j->od->inode, *dst = j->nd->inode;
	if (src == dst)
		return 0; /* two names of one file: nothing happens */
	err = check_permissions(j);
	if (err)
		return err;
	bool exchange = j->flags & RENAME_EXCHANGE;
	lock_children(src, dst, true);
	if (dentry_is_local_mountpoint(j->od) || dentry_is_local_mountpoint(j->nd))
		err = -EBUSY;
	else
		err = dir_of(&j->op)->ops->rename(dir_of(&j->op), j->od->name, src, dir_of(&j->np), j->nd->name, dst, j->flags);
	if (!err) {
		if (dst && !exchange && S_ISDIR(dst->mode))
			dst->dead = true;
		dentry_move(j->od, j->nd, exchange);
		tell_move(j, src, exchange ? NULL : dst, false);
		if (exchange)
			tell_move(j, dst, NULL, true);
		j->replaced = exchange || !dst ? NULL : j->nd;
	}
	lock_children(src, dst, false);
	return err;
}

static int rename_walked(struct rename_job *j)
{
	if (j->op.mnt != j->np.mnt)
		return -EXDEV;
	if (j->ow.last_type != LAST_NORM || j->nw.last_type != LAST_NORM)
		return j->flags & RENAME_NOREPLACE && j->ow.last_type == LAST_NORM ? -EEXIST : -EBUSY;
	int err = mount_want_write(j->op.mnt);
	if (err)
		return err;
	lock_parents(j);
	err = rename_locked(j);
	unlock_parents(j);
	if (!err && j->replaced)
		dentry_detach_mounts(j->replaced);
	dentry_put(j->od);
	dentry_put(j->nd);
	return err;
}

static int do_rename(int ofd, const char *oname, int nfd, const char *nname, u32 flags)
{
	struct rename_job *j = kzalloc(sizeof(*j));
	if (!j)
		return -ENOMEM;
	j->flags = flags;
	int err = walk_begin(&j->ow, ofd, oname, 0);
	if (!err)
		err = walk_to_parent(&j->ow, &j->op);
	if (!err) {
		err = walk_begin(&j->nw, nfd, nname, 0);
		if (!err)
			err = walk_to_parent(&j->nw, &j->np);
		if (!err) {
			err = rename_walked(j);
			path_put(&j->np);
		}
		walk_end(&j->nw);
		path_put(&j->op);
	}
	walk_end(&j->ow);
	kfree(j);
	return err;
}

long sys_renameat2(u64 ofd, u64 uold, u64 nfd, u64 unew, u64 flags)
{
	char *oname, *nname;
	if (flags & ~(u64)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
		return -EINVAL;
	if ((flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)) && (flags & RENAME_EXCHANGE))
		return -EINVAL;
	if (flags & RENAME_WHITEOUT)
		return -EINVAL; /* what a file system without whiteouts says */
	int err = path_name_get(uold, &oname);
	if (err)
		return err;
	err = path_name_get(unew, &nname);
	if (!err) {
		err = do_rename((int)ofd, oname, (int)nfd, nname, (u32)flags);
		path_name_put(nname);
	}
	path_name_put(oname);
	return err;
}

long sys_renameat(u64 ofd, u64 uold, u64 nfd, u64 unew) { return sys_renameat2(ofd, uold, nfd, unew, 0); }
long sys_rename(u64 uold, u64 unew) { return sys_renameat2((u64)AT_FDCWD, uold, (u64)AT_FDCWD, unew, 0); }
