/* Calls that make and remove names. Entry points: mknod, mkdir, symlink, link, unlink, rmdir and their *at forms; vfs_mknod() and friends. rename.c has
 * rename. */
#include "gen/sys_protos.h"
#include "vfs/internal.h"
#include "vfs/notify.h"

u32 current_umask(void) { return READ_ONCE(current_thread()->fs->umask); }

int names_make(struct dentry *dir, struct dentry *d, u32 mode, u64 rdev, const char *target)
{
	struct inode *parent = dir->inode, *inode = NULL;
	const struct inode_ops *ops = parent->ops;
	int err;
	if (S_ISDIR(mode))
		err = ops->mkdir ? ops->mkdir(parent, d->name, mode, &inode) : -EPERM;
	else if (S_ISLNK(mode))
		err = ops->symlink ? ops->symlink(parent, d->name, target, &inode) : -EPERM;
	else
		err = ops->create ? ops->create(parent, d->name, mode, rdev, &inode) : S_ISREG(mode) ? -EACCES : -EPERM;
	if (!err) {
		dentry_instantiate(d, inode);
		notify_name(parent, IN_CREATE, 0, d->name, d->name_len, S_ISDIR(mode));
	}
	return err;
}

/* The place of a name to be made. */
struct new_name {
	struct path parent;    /* with references, its inode locked */
	struct dentry *dentry; /* negative */
};

/* 0, -EEXIST, -ENOENT (trailing slash on other than a directory), -EROFS, -EACCES ... On failure nothing is held. names_end releases. */
static int names_begin(struct new_name *n, int dirfd, const char *name, bool isdir)
{
	struct walk w;
	int err = walk_begin(&w, dirfd, name, 0);
	if (!err)
		err = walk_to_parent(&w, &n->parent);
	if (err) {
		walk_end(&w);
		return err;
	}
	if (w.last_type != LAST_NORM) {
		err = -EEXIST;
	} else {
		struct inode *dir = n->parent.dentry->inode;
		mutex_lock(&dir->lock);
		err = dcache_lookup(n->parent.dentry, w.last, w.last_len, &n->dentry);
		if (!err) {
			if (n->dentry->inode)
				err = -EEXIST;
			else if (w.slashes && !isdir)
				err = -ENOENT;
			else
				err = mount_want_write(n->parent.mnt);
			if (!err)
				err = may_create(dir);
			if (err)
				dentry_put(n->dentry);
		}
		if (err)
			mutex_unlock(&dir->lock);
	}
	walk_end(&w);
	if (err)
		path_put(&n->parent);
	return err;
}

static void names_end(struct new_name *n)
{
	mutex_unlock(&n->parent.dentry->inode->lock);
	dentry_put(n->dentry);
	path_put(&n->parent);
}

/* What of the mode is current's to give in this directory. masked: its umask counts. */
static u32 allowed_mode(const struct new_name *n, u32 mode, bool masked) { return masked ? mode & ~acl_umask(n->parent.dentry->inode) : mode; }

static int make_node(int dirfd, const char *name, u32 mode, const char *target, bool masked)
{
	struct new_name n;
	int err = names_begin(&n, dirfd, name, S_ISDIR(mode));
	if (err)
		return err;
	mode = allowed_mode(&n, mode, masked);
	err = names_make(n.parent.dentry, n.dentry, mode, 0, target);
	names_end(&n);
	return err;
}

static int do_mknod(int dirfd, const char *name, u32 mode, u64 rdev, bool masked)
{
	switch (mode & S_IFMT) {
	case 0:
		mode |= S_IFREG;
		break;
	case S_IFREG:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	case S_IFCHR:
	case S_IFBLK:
		break;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	bool device = S_ISCHR(mode) || S_ISBLK(mode);
	struct new_name n;
	int err = names_begin(&n, dirfd, name, false);
	if (err)
		return err;
	/* A 0:0 character device is overlayfs's whiteout, which anybody may make. */
	if (device && !(S_ISCHR(mode) && rdev == 0) && !capable(CAP_MKNOD))
		err = -EPERM;
	else
		err = names_make(n.parent.dentry, n.dentry, allowed_mode(&n, mode, masked), device ? rdev : 0, NULL);
	names_end(&n);
	return err;
}

/* --- kernel callers ------------------------------------------------------------------------------------------------------------------------ */

int vfs_mknod(int dirfd, const char *name, u32 mode, u64 rdev) { return do_mknod(dirfd, name, mode, rdev, false); }
int vfs_mkdir(int dirfd, const char *name, u32 mode) { return make_node(dirfd, name, S_IFDIR | (mode & 01777), NULL, false); }

/* --- names right below a directory -------------------------------------------------------------------------------------------------------- */

int child_begin(const struct path *dir, const char *name, struct dentry **out)
{
	struct inode *i = dir->dentry->inode;
	if (!*name || !strcmp(name, ".") || !strcmp(name, "..") || strchr(name, '/'))
		return -EACCES;
	mutex_lock(&i->lock);
	int err = inode_permission(i, MAY_EXEC);
	if (!err)
		err = dcache_lookup(dir->dentry, name, (u32)strlen(name), out);
	if (err)
		mutex_unlock(&i->lock);
	return err;
}

int child_make(const struct path *dir, struct dentry *d, u32 mode)
{
	int err = may_create(dir->dentry->inode);
	return err ? err : names_make(dir->dentry, d, mode, 0, NULL);
}

void child_end(const struct path *dir) { mutex_unlock(&dir->dentry->inode->lock); }

/* --- mknod, mkdir, symlink ---------------------------------------------------------------------------------------------------------------- */

/* User space's dev_t as 32 bits: the kernel's encoding is the same. */
long sys_mknodat(u64 dirfd, u64 uname, u64 mode, u64 dev)
{
	char *name;
	int err = path_name_get(uname, &name);
	if (err)
		return err;
	u32 m = (u32)mode & 0xffff;
	err = do_mknod((int)dirfd, name, m, (u32)dev, true);
	path_name_put(name);
	return err;
}

long sys_mknod(u64 uname, u64 mode, u64 dev) { return sys_mknodat((u64)AT_FDCWD, uname, mode, dev); }

long sys_mkdirat(u64 dirfd, u64 uname, u64 mode)
{
	char *name;
	int err = path_name_get(uname, &name);
	if (err)
		return err;
	err = make_node((int)dirfd, name, S_IFDIR | ((u32)mode & 01777), NULL, true);
	path_name_put(name);
	return err;
}

long sys_mkdir(u64 uname, u64 mode) { return sys_mkdirat((u64)AT_FDCWD, uname, mode); }

long sys_symlinkat(u64 utarget, u64 dirfd, u64 uname)
{
	char *target, *name;
	int err = path_name_get(utarget, &target);
	if (err)
		return err;
	err = *target ? path_name_get(uname, &name) : -ENOENT;
	if (!err) {
		err = make_node((int)dirfd, name, S_IFLNK | 0777, target, false);
		path_name_put(name);
	}
	path_name_put(target);
	return err;
}

long sys_symlink(u64 utarget, u64 uname) { return sys_symlinkat(utarget, (u64)AT_FDCWD, uname); }

/* --- link ---------------------------------------------------------------------------------------------------------------------------------- */

static int link_path(const struct path *old, int dirfd, const char *name)
{
	struct new_name n;
	struct inode *i = old->dentry->inode;
	int err = names_begin(&n, dirfd, name, false);
	if (err)
		return err;
	struct inode *dir = n.parent.dentry->inode;
	if (n.parent.mnt != old->mnt)
		err = -EXDEV;
	else if (inode_is_fixed(i) || S_ISDIR(i->mode) || !dir->ops->link)
		err = -EPERM;
	else
		err = may_hardlink(i);
	if (!err) {
		mutex_lock_nested(&i->lock); /* a directory before what it holds */
		if (i->nlink == 0 && !i->linkable)
			err = -ENOENT;
		else
			err = dir->ops->link(dir, n.dentry->name, i);
		mutex_unlock(&i->lock);
	}
	if (!err) {
		inode_get(i);
		dentry_instantiate(n.dentry, i);
		notify_inode(i, IN_ATTRIB);
		notify_name(dir, IN_CREATE, 0, n.dentry->name, n.dentry->name_len, false);
	}
	names_end(&n);
	return err;
}

long sys_linkat(u64 olddirfd, u64 uold, u64 newdirfd, u64 unew, u64 flags)
{
	struct path p;
	char *name;
	u32 lookup = flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0;
	if (flags & ~(u64)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH) {
		if (!ns_capable(current_user_ns(), CAP_DAC_READ_SEARCH))
			return -ENOENT;
		lookup |= LOOKUP_EMPTY;
	}
	int err = path_lookup_user((int)olddirfd, uold, lookup, &p);
	if (err)
		return err;
	err = path_name_get(unew, &name);
	if (!err) {
		err = link_path(&p, (int)newdirfd, name);
		path_name_put(name);
	}
	path_put(&p);
	return err;
}

long sys_link(u64 uold, u64 unew) { return sys_linkat((u64)AT_FDCWD, uold, (u64)AT_FDCWD, unew, 0); }

/* --- unlink, rmdir ------------------------------------------------------------------------------------------------------------------------- */

/* => dir's lock. The file system's part of removing d (positive), and the cache's. */
static int remove_locked(struct inode *dir, struct dentry *d, bool isdir)
{
	struct inode *victim = d->inode;
	int err = may_delete(dir, victim, isdir);
	if (!err && (isdir ? !dir->ops->rmdir : !dir->ops->unlink))
		err = -EPERM;
	if (err)
		return err;
	mutex_lock_nested(&victim->lock); /* a directory before what it holds */
	if (dentry_is_local_mountpoint(d))
		err = -EBUSY;
	else if (isdir)
		err = dir->ops->rmdir(dir, d->name, victim);
	else
		err = dir->ops->unlink(dir, d->name, victim);
	if (!err) {
		if (isdir)
			victim->dead = true;
		dentry_drop(d);
	}
	mutex_unlock(&victim->lock);
	return err;
}

static int remove_name(int dirfd, const char *name, bool isdir)
{
	struct walk w;
	struct path parent;
	struct dentry *d = NULL;
	int err = walk_begin(&w, dirfd, name, 0);
	if (!err)
		err = walk_to_parent(&w, &parent);
	if (err) {
		walk_end(&w);
		return err;
	}
	struct inode *dir = parent.dentry->inode;
	if (w.last_type != LAST_NORM) {
		err = !isdir ? -EISDIR : w.last_type == LAST_DOTDOT ? -ENOTEMPTY : w.last_type == LAST_DOT ? -EINVAL : -EBUSY;
	} else {
		err = mount_want_write(parent.mnt);
		mutex_lock(&dir->lock);
		if (!err)
			err = dcache_lookup(parent.dentry, w.last, w.last_len, &d);
		if (!err && !d->inode)
			err = -ENOENT;
		else if (!err && !isdir && w.slashes)
			err = S_ISDIR(d->inode->mode) ? -EISDIR : -ENOTDIR;
		if (!err)
			err = remove_locked(dir, d, isdir);
		mutex_unlock(&dir->lock);
		if (!err) {
			dentry_detach_mounts(d); /* in other namespaces */
			if (!isdir)
				notify_inode(d->inode, IN_ATTRIB);
		}
		/* What nobody has open any more is gone before its name is: the order in which watchers of both hear of it. */
		dentry_put(d);
		if (!err)
			notify_name(dir, IN_DELETE, 0, w.last, w.last_len, isdir);
	}
	walk_end(&w);
	path_put(&parent);
	return err;
}

int vfs_unlink(int dirfd, const char *name) { return remove_name(dirfd, name, false); }
int child_unlink(const struct path *dir, struct dentry *d) { return remove_locked(dir->dentry->inode, d, false); }

long sys_unlinkat(u64 dirfd, u64 uname, u64 flags)
{
	char *name;
	if (flags & ~(u64)AT_REMOVEDIR)
		return -EINVAL;
	int err = path_name_get(uname, &name);
	if (err)
		return err;
	err = remove_name((int)dirfd, name, flags & AT_REMOVEDIR);
	path_name_put(name);
	return err;
}

long sys_unlink(u64 uname) { return sys_unlinkat((u64)AT_FDCWD, uname, 0); }
long sys_rmdir(u64 uname) { return sys_unlinkat((u64)AT_FDCWD, uname, AT_REMOVEDIR); }
