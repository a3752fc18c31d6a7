/*
 * Mounts held by a descriptor: open_tree, move_mount, mount_setattr. Entry points: those calls; mount_detached_fd() for fsmount.
 *
 * A detached tree is in no namespace. The open file that made it keeps its one reference; move_mount hands that over to the tree it is put on, else the
 * last close takes it apart. Lookups through the descriptor work as through a lazily unmounted directory.
 */
#include "gen/sys_protos.h"
#include "vfs/internal.h"

#ifndef MOVE_MOUNT_BENEATH
#define MOVE_MOUNT_BENEATH 0x200 /* 6.5 */
#endif
#define MOVE_MOUNT_KNOWN (MOVE_MOUNT__MASK | MOVE_MOUNT_BENEATH)
#define AT_WALK (AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW)
#define PROPAGATION (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)

static u32 walk_flags(u64 at) { return (at & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) | (at & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0); }

/* --- attributes ------------------------------------------------------------------------------------------------------------------------------ */

static const struct { u32 attr, ms; } plain_attr[] = { { MOUNT_ATTR_RDONLY, MS_RDONLY }, { MOUNT_ATTR_NOSUID, MS_NOSUID }, { MOUNT_ATTR_NODEV, MS_NODEV },
	{ MOUNT_ATTR_NOEXEC, MS_NOEXEC }, { MOUNT_ATTR_NODIRATIME, MS_NODIRATIME }, { MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW } };

/* The MS_ flags of the attributes that are single bits; *rest: what is none of them. */
static u32 plain_flags(u64 attr, u64 *rest)
{
	u32 ms = 0;
	for (u32 i = 0; i < ARRAY_SIZE(plain_attr); i++) {
		if (attr & plain_attr[i].attr)
			ms |= plain_attr[i].ms;
		attr &= ~(u64)plain_attr[i].attr;
	}
	*rest = attr & ~(u64)MOUNT_ATTR__ATIME;
	return ms;
}

/* The three ways with access times are a number, not bits. */
static int atime_flags(u64 attr, u32 *ms)
{
	switch (attr & MOUNT_ATTR__ATIME) {
	case MOUNT_ATTR_RELATIME: *ms |= MS_RELATIME; return 0;
	case MOUNT_ATTR_NOATIME: *ms |= MS_NOATIME; return 0;
	case MOUNT_ATTR_STRICTATIME: return 0;
	default: return -EINVAL;
	}
}

int mount_attr_to_flags(u32 attr, u32 *ms)
{
	u64 rest;
	*ms = plain_flags(attr, &rest);
	return rest ? -EINVAL : atime_flags(attr, ms);
}

struct attr_change {
	u32 set, clear;  /* MS_*, clear first */
	u32 propagation; /* MS_*, 0 = as it is */
	bool recurse;
};

static int decode_change(const struct mount_attr *a, struct attr_change *c)
{
	u64 rest_set, rest_clear;
	c->set = plain_flags(a->attr_set, &rest_set);
	c->clear = plain_flags(a->attr_clr, &rest_clear);
	c->propagation = (u32)a->propagation;
	if ((a->propagation & ~(u64)PROPAGATION) || (a->propagation & (a->propagation - 1)))
		return -EINVAL;
	/* No file system here has ids that a mount could map. */
	if (rest_set || rest_clear)
		return -EINVAL;
	u64 atime = a->attr_clr & MOUNT_ATTR__ATIME;
	if (!atime)
		return a->attr_set & MOUNT_ATTR__ATIME ? -EINVAL : 0;
	if (atime != MOUNT_ATTR__ATIME)
		return -EINVAL;
	c->clear |= MS_RELATIME | MS_NOATIME;
	return atime_flags(a->attr_set, &c->set);
}

static u32 changed_flags(const struct mount *m, const struct attr_change *c) { return (m->flags & ~c->clear) | c->set; }

/* => mount_lock. May all of them be changed so? */
static int check_change(struct mount *top, const struct attr_change *c)
{
	for (struct mount *m = top; m; m = c->recurse ? mount_next(m, top) : NULL) {
		u32 f = changed_flags(m, c);
		if (!mount_keeps_locked(m, f))
			return -EPERM;
		if ((f & MS_RDONLY) && !(m->flags & MS_RDONLY) && atomic_read(&m->writers))
			return -EBUSY;
	}
	return 0;
}

/* => mount_lock */
static int change_locked(const struct path *p, const struct attr_change *c)
{
	struct mount *top = p->mnt;
	if (!path_is_mount_root(p) || (top->ns != current_mnt_ns() && !top->detached))
		return -EINVAL;
	int err = check_change(top, c);
	for (struct mount *m = err ? NULL : top; m; m = c->recurse ? mount_next(m, top) : NULL) {
		WRITE_ONCE(m->flags, changed_flags(m, c));
		if (c->propagation)
			mount_change_type(m, c->propagation);
	}
	return err;
}

long sys_mount_setattr(u64 dirfd, u64 uname, u64 flags, u64 uattr, u64 size)
{
	struct mount_attr a;
	struct attr_change c = { .recurse = flags & AT_RECURSIVE };
	struct path p;
	if ((u32)flags & ~(u32)(AT_WALK | AT_RECURSIVE))
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < MOUNT_ATTR_SIZE_VER0)
		return -EINVAL;
	if (!may_mount())
		return -EPERM;
	int err = copy_struct_from_user(&a, sizeof(a), uattr, size);
	if (err || (!a.attr_set && !a.attr_clr && !a.propagation))
		return err;
	err = decode_change(&a, &c);
	if (!err)
		err = path_lookup_user((int)dirfd, uname, walk_flags(flags), &p);
	if (err)
		return err;
	mounts_lock();
	err = change_locked(&p, &c);
	mounts_unlock();
	path_put(&p);
	return err;
}

/* --- detached trees ---------------------------------------------------------------------------------------------------------------------------- */

static void drop_tree(struct mount *top)
{
	LIST_HEAD(victims);
	mounts_lock();
	if (top->detached) {
		top->detached = false;
		mount_discard(top, &victims);
	}
	mounts_unlock();
	mount_put_list(&victims);
}

static void tree_release(struct file *f) { drop_tree(f->path.mnt); }
static const struct file_ops tree_fops = { .release = tree_release };

long mount_detached_fd(struct mount *m, bool cloexec)
{
	struct file *f;
	struct path p = { m, m->root };
	m->detached = true;
	int err = file_alloc(O_PATH, &f);
	if (!err)
		err = file_open_path(f, &p, NULL);
	if (err) {
		drop_tree(m);
		return err;
	}
	f->ops = &tree_fops;
	f->fmode |= FMODE_OPENED;
	return fd_install_new(f, cloexec);
}

/* A copy of what is mounted at p. */
static long clone_tree(const struct path *p, bool recurse, bool cloexec)
{
	struct mount *m;
	mounts_lock();
	int err = mount_copy_for_bind(p, recurse, &m);
	mounts_unlock();
	return err ? err : mount_detached_fd(m, cloexec);
}

long sys_open_tree(u64 dirfd, u64 uname, u64 flags)
{
	struct path p;
	struct file *f;
	bool clone = flags & OPEN_TREE_CLONE, cloexec = flags & OPEN_TREE_CLOEXEC;
	if ((u32)flags & ~(u32)(AT_WALK | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC))
		return -EINVAL;
	if ((flags & AT_RECURSIVE) && !clone)
		return -EINVAL;
	if (clone && !may_mount())
		return -EPERM;
	long ret = path_lookup_user((int)dirfd, uname, walk_flags(flags), &p);
	if (ret)
		return ret;
	if (clone) {
		ret = clone_tree(&p, flags & AT_RECURSIVE, cloexec);
	} else {
		ret = file_alloc(O_PATH, &f);
		if (!ret) {
			file_open_path(f, &p, NULL);
			ret = fd_install_new(f, cloexec);
		}
	}
	path_put(&p);
	return ret;
}

/* => mount_lock */
static int move_tree(const struct path *from, const struct path *to)
{
	struct mount *m = from->mnt;
	if (!m->detached || mount_has_parent(m))
		return mount_move(from, to);
	if (to->mnt->ns != current_mnt_ns() || !path_is_mount_root(from))
		return -EINVAL;
	if (S_ISDIR(from->dentry->inode->mode) != S_ISDIR(to->dentry->inode->mode))
		return -EINVAL;
	int err = mount_may_move(m, to->mnt);
	if (!err)
		err = mount_graft(m, to, false);
	if (!err)
		m->detached = false;
	return err;
}

long sys_move_mount(u64 from_fd, u64 ufrom, u64 to_fd, u64 uto, u64 flags)
{
	struct path from, to;
	if (!may_mount())
		return -EPERM;
	if ((u32)flags & ~(u32)MOVE_MOUNT_KNOWN)
		return -EINVAL;
	/* Joining peer groups, and mounting below what is there, are not done. */
	if (flags & (MOVE_MOUNT_BENEATH | MOVE_MOUNT_SET_GROUP))
		return -EINVAL;
	u32 walk = (flags & MOVE_MOUNT_F_SYMLINKS ? LOOKUP_FOLLOW : 0) | (flags & MOVE_MOUNT_F_EMPTY_PATH ? LOOKUP_EMPTY : 0);
	int err = path_lookup_user((int)from_fd, ufrom, walk, &from);
	if (err)
		return err;
	walk = (flags & MOVE_MOUNT_T_SYMLINKS ? LOOKUP_FOLLOW : 0) | (flags & MOVE_MOUNT_T_EMPTY_PATH ? LOOKUP_EMPTY : 0);
	err = path_lookup_user((int)to_fd, uto, walk, &to);
	if (!err) {
		mounts_lock();
		err = move_tree(&from, &to);
		mounts_unlock();
		path_put(&to);
	}
	path_put(&from);
	return err;
}
