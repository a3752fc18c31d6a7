/* Changing attributes: chmod, chown, utimens, truncate, fallocate and their relatives. Entry points: those calls, inode_setattr(), inode_truncate(). */
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/time.h>

#include "gen/sys_protos.h"
#include "sched/kernel_time.h"
#include "vfs/internal.h"
#include "vfs/notify.h"

#ifndef UTIME_NOW
#define UTIME_NOW ((1L << 30) - 1L)
#define UTIME_OMIT ((1L << 30) - 2L)
#endif

void inode_take_attr(struct inode *i, const struct inode_attr *a)
{
	if (a->valid & ATTR_MODE)
		WRITE_ONCE(i->mode, (i->mode & S_IFMT) | (a->mode & S_IALLUGO));
	if ((a->valid & ATTR_MODE) && unlikely(i->acl != NULL))
		acl_chmod(i);
	if (a->valid & ATTR_UID)
		i->uid = a->uid;
	if (a->valid & ATTR_GID)
		i->gid = a->gid;
	if (a->valid & ATTR_ATIME)
		i->atime = a->atime;
	if (a->valid & ATTR_MTIME)
		i->mtime = a->mtime;
	if (a->valid & ATTR_CTIME)
		i->ctime = a->ctime;
}

int inode_setattr(struct inode *i, struct inode_attr *a)
{
	if (!(a->valid & ATTR_CTIME)) {
		a->valid |= ATTR_CTIME;
		a->ctime = file_now();
	}
	if (i->ops && i->ops->setattr)
		return i->ops->setattr(i, a);
	if (a->valid & ATTR_SIZE)
		return -EPERM;
	inode_take_attr(i, a);
	return 0;
}

/* The set-id bits that a change by somebody without CAP_FSETID takes away. */
static u32 without_setid(u32 mode)
{
	mode &= ~(u32)S_ISUID;
	return mode & S_IXGRP ? mode & ~(u32)S_ISGID : mode;
}

int inode_truncate(struct inode *i, u64 size)
{
	struct inode_attr a = { .valid = ATTR_SIZE | ATTR_MTIME | ATTR_CTIME, .size = size };
	mutex_lock(&i->lock);
	a.mtime = a.ctime = file_now();
	int err = check_file_limit(i, size);
	if (!err && (i->mode & (S_ISUID | S_ISGID)) && !capable(CAP_FSETID)) {
		a.valid |= ATTR_MODE;
		a.mode = without_setid(i->mode);
	}
	if (!err && i->has_caps)
		inode_drop_caps(i);
	if (!err)
		err = i->ops && i->ops->setattr ? i->ops->setattr(i, &a) : -EINVAL;
	mutex_unlock(&i->lock);
	return err;
}

/* --- chmod --------------------------------------------------------------------------------------------------------------------------------------- */

static int chmod_path(const struct path *p, u32 mode)
{
	struct inode *i = p->dentry->inode;
	int err = mount_want_write(p->mnt);
	if (err)
		return err;
	if (S_ISLNK(i->mode))
		return -EOPNOTSUPP;
	mutex_lock(&i->lock);
	if (inode_is_fixed(i) || !inode_owner_or_capable(i)) {
		err = -EPERM;
	} else {
		struct inode_attr a = { .valid = ATTR_MODE, .mode = mode & S_IALLUGO };
		if (!cred_in_group(current_cred(), i->gid) && !capable_over(i, CAP_FSETID))
			a.mode &= ~(u32)S_ISGID;
		err = inode_setattr(i, &a);
	}
	mutex_unlock(&i->lock);
	if (!err)
		notify_dentry(p->dentry, IN_ATTRIB);
	return err;
}

long sys_fchmodat2(u64 dirfd, u64 uname, u64 mode, u64 flags)
{
	struct path p;
	if (flags & ~(u64)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	u32 lookup = (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) | (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
	int err = path_lookup_user((int)dirfd, uname, lookup, &p);
	if (err)
		return err;
	err = chmod_path(&p, (u32)mode);
	path_put(&p);
	return err;
}

long sys_fchmodat(u64 dirfd, u64 uname, u64 mode) { return sys_fchmodat2(dirfd, uname, mode, 0); }
long sys_chmod(u64 uname, u64 mode) { return sys_fchmodat2((u64)AT_FDCWD, uname, mode, 0); }

long sys_fchmod(u64 fd, u64 mode)
{
	struct fdref r;
	int err = fdref_get((int)fd, &r);
	if (err)
		return err;
	err = chmod_path(&r.file->path, (u32)mode);
	fdref_put(&r);
	return err;
}

/* --- chown --------------------------------------------------------------------------------------------------------------------------------------- */

static bool may_chown(const struct inode *i, u32 uid, u32 gid)
{
	const struct cred *c = current_cred();
	if (capable_over(i, CAP_CHOWN))
		return true;
	if (uid != ~0u && (c->fsuid != i->uid || uid != i->uid))
		return false;
	if (gid != ~0u && (c->fsuid != i->uid || (gid != i->gid && !cred_in_group(c, gid))))
		return false;
	return true;
}

/* The ids as the caller's user namespace counts; ~0 = no change. */
static int chown_path(const struct path *p, u32 as_uid, u32 as_gid)
{
	struct inode *i = p->dentry->inode;
	u32 uid = make_uid(current_user_ns(), as_uid), gid = make_gid(current_user_ns(), as_gid);
	struct inode_attr a = { .valid = (uid != ~0u ? ATTR_UID : 0) | (gid != ~0u ? ATTR_GID : 0), .uid = uid, .gid = gid };
	int err = mount_want_write(p->mnt);
	if (err)
		return err;
	if ((uid == NO_ID && as_uid != ~0u) || (gid == NO_ID && as_gid != ~0u))
		return -EINVAL;
	mutex_lock(&i->lock);
	/* A file system that a user namespace owns holds no ids from outside it. */
	if ((uid != NO_ID && uid_in(i->sb->user_ns, uid) == NO_ID) || (gid != NO_ID && gid_in(i->sb->user_ns, gid) == NO_ID))
		err = -EOVERFLOW;
	else if ((a.valid && inode_is_fixed(i)) || !may_chown(i, uid, gid))
		err = -EPERM;
	if (!err && !S_ISDIR(i->mode) && (i->mode & (S_ISUID | S_ISGID))) {
		/* Set-id bits do not outlive a change of owner; a set-group-ID bit without group execution means something else and stays for its group. */
		a.valid |= ATTR_MODE;
		a.mode = without_setid(i->mode);
		if (!cred_in_group(current_cred(), i->gid) && !capable_over(i, CAP_FSETID))
			a.mode &= ~(u32)S_ISGID;
	}
	if (!err)
		err = inode_setattr(i, &a);
	if (!err && i->has_caps && !S_ISDIR(i->mode))
		inode_drop_caps(i);
	mutex_unlock(&i->lock);
	if (!err && (a.valid & (ATTR_UID | ATTR_GID | ATTR_MODE)))
		notify_dentry(p->dentry, IN_ATTRIB);
	return err;
}

long sys_fchownat(u64 dirfd, u64 uname, u64 uid, u64 gid, u64 flags)
{
	struct path p;
	if (flags & ~(u64)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	u32 lookup = (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) | (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
	int err = path_lookup_user((int)dirfd, uname, lookup, &p);
	if (err)
		return err;
	err = chown_path(&p, (u32)uid, (u32)gid);
	path_put(&p);
	return err;
}

long sys_chown(u64 uname, u64 uid, u64 gid) { return sys_fchownat((u64)AT_FDCWD, uname, uid, gid, 0); }
long sys_lchown(u64 uname, u64 uid, u64 gid) { return sys_fchownat((u64)AT_FDCWD, uname, uid, gid, AT_SYMLINK_NOFOLLOW); }

long sys_fchown(u64 fd, u64 uid, u64 gid)
{
	struct fdref r;
	int err = fdref_get((int)fd, &r);
	if (err)
		return err;
	err = chown_path(&r.file->path, (u32)uid, (u32)gid);
	fdref_put(&r);
	return err;
}

/* --- times --------------------------------------------------------------------------------------------------------------------------------------- */

struct two_times {
	bool both_now;             /* a NULL pointer, or two UTIME_NOW: write permission is enough */
	struct __kernel_timespec t[2];
};

static int set_times(const struct path *p, const struct two_times *tt)
{
	struct inode *i = p->dentry->inode;
	struct inode_attr a = { 0 };
	struct file_time now = file_now(), *field[2] = { &a.atime, &a.mtime };
	int err = mount_want_write(p->mnt);
	if (err)
		return err;
	for (u32 k = 0; k < 2; k++) {
		const struct __kernel_timespec *t = &tt->t[k];
		if (!tt->both_now && t->tv_nsec == UTIME_OMIT)
			continue;
		a.valid |= k ? ATTR_MTIME : ATTR_ATIME;
		if (tt->both_now || t->tv_nsec == UTIME_NOW)
			a.valid |= k ? ATTR_MTIME_NOW : ATTR_ATIME_NOW;
		*field[k] = tt->both_now || t->tv_nsec == UTIME_NOW ? now : file_time_at(t->tv_sec, (u64)t->tv_nsec);
	}
	mutex_lock(&i->lock);
	if (tt->both_now ? inode_is_immutable(i) : inode_is_fixed(i))
		err = -EPERM;
	else if (!inode_owner_or_capable(i))
		err = tt->both_now ? inode_permission(i, MAY_WRITE) : -EPERM;
	if (!err)
		err = inode_setattr(i, &a);
	mutex_unlock(&i->lock);
	/* One time alone looks like an access or a change of the contents. */
	u32 both = a.valid & (ATTR_ATIME | ATTR_MTIME);
	if (!err)
		notify_dentry(p->dentry, both == ATTR_ATIME ? IN_ACCESS : both == ATTR_MTIME ? IN_MODIFY : IN_ATTRIB);
	return err;
}

static int times_valid(struct two_times *tt)
{
	u32 now = 0, omit = 0;
	for (u32 k = 0; k < 2; k++) {
		s64 ns = tt->t[k].tv_nsec;
		if (ns == UTIME_NOW)
			now++;
		else if (ns == UTIME_OMIT)
			omit++;
		else if (ns < 0 || ns >= (s64)NSEC_PER_SEC)
			return -EINVAL;
	}
	tt->both_now = now == 2;
	return omit == 2;
}

/* name 0: dirfd itself. */
static long times_at(u64 dirfd, uaddr_t uname, const struct two_times *tt, u64 flags)
{
	struct path p;
	int err;
	if (!uname && (int)dirfd != AT_FDCWD) {
		struct fdref r;
		if (flags)
			return -EINVAL;
		err = fdref_get((int)dirfd, &r);
		if (err)
			return err;
		err = set_times(&r.file->path, tt);
		fdref_put(&r);
		return err;
	}
	if (flags & ~(u64)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	u32 lookup = (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) | (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
	err = path_lookup_user((int)dirfd, uname, lookup, &p);
	if (err)
		return err;
	err = set_times(&p, tt);
	path_put(&p);
	return err;
}

long sys_utimensat(u64 dirfd, u64 uname, u64 utimes, u64 flags)
{
	struct two_times tt = { .both_now = true };
	if (utimes) {
		if (copy_from_user(tt.t, utimes, sizeof(tt.t)))
			return -EFAULT;
		int r = times_valid(&tt);
		if (r)
			return r > 0 ? 0 : r;
	}
	return times_at(dirfd, uname, &tt, flags);
}

long sys_futimesat(u64 dirfd, u64 uname, u64 utimes)
{
	struct two_times tt = { .both_now = true };
	if (utimes) {
		s64 tv[4];
		if (copy_from_user(tv, utimes, sizeof(tv)))
			return -EFAULT;
		if ((u64)tv[1] >= 1000000 || (u64)tv[3] >= 1000000)
			return -EINVAL;
		tt.both_now = false;
		tt.t[0] = (struct __kernel_timespec){ tv[0], tv[1] * 1000 };
		tt.t[1] = (struct __kernel_timespec){ tv[2], tv[3] * 1000 };
	}
	return times_at(dirfd, uname, &tt, 0);
}

long sys_utimes(u64 uname, u64 utimes) { return sys_futimesat((u64)AT_FDCWD, uname, utimes); }

long sys_utime(u64 uname, u64 ubuf)
{
	struct two_times tt = { .both_now = true };
	if (ubuf) {
		s64 t[2];
		if (copy_from_user(t, ubuf, sizeof(t)))
			return -EFAULT;
		tt.both_now = false;
		tt.t[0].tv_sec = t[0];
		tt.t[1].tv_sec = t[1];
	}
	return times_at((u64)AT_FDCWD, uname, &tt, 0);
}

/* --- truncate, fallocate --------------------------------------------------------------------------------------------------------------------------- */

long sys_truncate(u64 uname, u64 len)
{
	struct path p;
	if ((s64)len < 0)
		return -EINVAL;
	int err = path_lookup_user(AT_FDCWD, uname, LOOKUP_FOLLOW, &p);
	if (err)
		return err;
	struct inode *i = p.dentry->inode;
	if (S_ISDIR(i->mode))
		err = -EISDIR;
	else if (!S_ISREG(i->mode))
		err = -EINVAL;
	if (!err)
		err = mount_want_write(p.mnt);
	if (!err)
		err = inode_permission(i, MAY_WRITE);
	if (!err && inode_is_append_only(i))
		err = -EPERM;
	if (!err)
		err = inode_get_write(i);
	if (!err) {
		err = leases_break(i, O_WRONLY);
		if (!err)
			err = inode_truncate(i, len);
		inode_put_write(i);
	}
	if (!err)
		notify_dentry(p.dentry, IN_MODIFY);
	path_put(&p);
	return err;
}

long sys_ftruncate(u64 fd, u64 len)
{
	struct fdref r;
	if ((s64)len < 0)
		return -EINVAL;
	int err = fdref_get((int)fd, &r);
	if (err)
		return err;
	if (!S_ISREG(r.file->inode->mode) || !file_writable(r.file))
		err = -EINVAL;
	else if (inode_is_append_only(r.file->inode))
		err = -EPERM;
	else
		err = inode_truncate(r.file->inode, len);
	if (!err)
		notify_dentry(r.file->path.dentry, IN_MODIFY);
	fdref_put(&r);
	return err;
}

static long fallocate_file(struct file *f, u32 mode, s64 off, s64 len)
{
	if (off < 0 || len <= 0)
		return -EINVAL;
	if (mode & ~(u32)(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		return -EOPNOTSUPP;
	if ((mode & FALLOC_FL_PUNCH_HOLE) && ((mode & FALLOC_FL_ZERO_RANGE) || !(mode & FALLOC_FL_KEEP_SIZE)))
		return -EOPNOTSUPP;
	if (!file_writable(f))
		return -EBADF;
	if (inode_is_immutable(f->inode) || ((mode & ~(u32)FALLOC_FL_KEEP_SIZE) && inode_is_append_only(f->inode)))
		return -EPERM;
	u32 type = f->inode->mode & S_IFMT;
	if (type == S_IFIFO)
		return -ESPIPE;
	if (type == S_IFDIR)
		return -EISDIR;
	if (type != S_IFREG)
		return -ENODEV;
	if (off + len < 0)
		return -EFBIG;
	long err = f->ops->fallocate ? f->ops->fallocate(f, (int)mode, (u64)off, (u64)len) : -EOPNOTSUPP;
	if (!err)
		notify_dentry(f->path.dentry, IN_MODIFY);
	return err;
}

long sys_fallocate(u64 fd, u64 mode, u64 off, u64 len)
{
	struct fdref r;
	int err = fdref_get((int)fd, &r);
	if (err)
		return err;
	long ret = fallocate_file(r.file, (u32)mode, (s64)off, (s64)len);
	fdref_put(&r);
	return ret;
}
