/* stat(2) and relatives, statfs, readlink, access. Entry points: sys_stat ... sys_statx, sys_statfs, sys_ustat, sys_sysfs, sys_readlink, sys_access, sys_sync. */
#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/fs.h>
#include <linux/securebits.h>

#include "gen/sys_protos.h"
#include "vfs/internal.h"

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000u
#endif

/* --- stat -------------------------------------------------------------------------------------------------------------------------------------- */

static inline int refresh(struct inode *i) { return i->ops && i->ops->getattr ? i->ops->getattr(i) : 0; }

static long fill_stat(struct inode *i, uaddr_t ubuf)
{
	struct stat st;
	int err = refresh(i);
	if (err)
		return err;
	memset(&st, 0, sizeof(st));
	st.st_dev = i->sb->dev;
	st.st_ino = i->ino;
	st.st_nlink = i->nlink;
	st.st_mode = i->mode;
	st.st_uid = my_uid(i->uid);
	st.st_gid = my_gid(i->gid);
	st.st_rdev = i->rdev;
	st.st_size = (s64)i->size;
	st.st_blksize = i->sb->block_size;
	st.st_blocks = (s64)i->blocks;
	st.st_atime = (u64)i->atime.sec;
	st.st_atime_nsec = i->atime.nsec;
	st.st_mtime = (u64)i->mtime.sec;
	st.st_mtime_nsec = i->mtime.nsec;
	st.st_ctime = (u64)i->ctime.sec;
	st.st_ctime_nsec = i->ctime.nsec;
	return copy_to_user(ubuf, &st, sizeof(st));
}

/* Is the name absent (NULL, 6.11) or empty? Then AT_EMPTY_PATH means the descriptor itself. A fault is left to the walk. */
static bool name_is_empty(uaddr_t uname)
{
	char c;
	return !uname || (!get_user(c, uname) && !c);
}

/* Runs on the inode that (dirfd, name, at_flags) mean; *p has references. */
static int stat_path(u64 dirfd, uaddr_t uname, u64 at_flags, struct path *p)
{
	u32 lookup = at_flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	if (at_flags & AT_EMPTY_PATH) {
		if (!uname && (int)dirfd >= 0)
			return path_lookup((int)dirfd, "", lookup | LOOKUP_EMPTY, p);
		lookup |= LOOKUP_EMPTY;
	}
	return path_lookup_user((int)dirfd, uname, lookup, p);
}

long sys_fstat(u64 fd, u64 ubuf)
{
	struct fdref r;
	int err = fdref_get_raw((int)fd, &r);
	if (err)
		return err;
	long ret = fill_stat(r.file->inode, ubuf);
	fdref_put(&r);
	return ret;
}

long sys_newfstatat(u64 dirfd, u64 uname, u64 ubuf, u64 flags)
{
	struct path p;
	if (flags & ~(u64)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE))
		return -EINVAL;
	if ((flags & AT_EMPTY_PATH) && (int)dirfd >= 0 && name_is_empty(uname))
		return sys_fstat(dirfd, ubuf);
	int err = stat_path(dirfd, uname, flags, &p);
	if (err)
		return err;
	long ret = fill_stat(p.dentry->inode, ubuf);
	path_put(&p);
	return ret;
}

long sys_stat(u64 uname, u64 ubuf) { return sys_newfstatat((u64)AT_FDCWD, uname, ubuf, 0); }
long sys_lstat(u64 uname, u64 ubuf) { return sys_newfstatat((u64)AT_FDCWD, uname, ubuf, AT_SYMLINK_NOFOLLOW); }

static struct statx_timestamp to_statx_time(struct file_time t) { return (struct statx_timestamp){ .tv_sec = t.sec, .tv_nsec = t.nsec }; }

static long fill_statx(const struct path *p, struct inode *i, u64 mask, uaddr_t ubuf)
{
	struct statx x;
	int err = refresh(i);
	if (err)
		return err;
	memset(&x, 0, sizeof(x));
	bool btime = (mask & STATX_BTIME) && i->sb->has_btime;
	x.stx_mask = STATX_BASIC_STATS | (btime ? STATX_BTIME : 0) | (mask & STATX_MNT_ID_UNIQUE ? STATX_MNT_ID_UNIQUE : STATX_MNT_ID);
	x.stx_blksize = i->sb->block_size;
	x.stx_nlink = i->nlink;
	x.stx_uid = my_uid(i->uid);
	x.stx_gid = my_gid(i->gid);
	x.stx_mode = (u16)i->mode;
	x.stx_ino = i->ino;
	x.stx_size = i->size;
	x.stx_blocks = i->blocks;
	x.stx_atime = to_statx_time(i->atime);
	x.stx_btime = to_statx_time(btime ? i->btime : (struct file_time){ 0, 0 });
	x.stx_ctime = to_statx_time(i->ctime);
	x.stx_mtime = to_statx_time(i->mtime);
	x.stx_rdev_major = MAJOR(i->rdev);
	x.stx_rdev_minor = MINOR(i->rdev);
	x.stx_dev_major = MAJOR(i->sb->dev);
	x.stx_dev_minor = MINOR(i->sb->dev);
	/* The unique number must not look like a reused one: Linux starts them at 2^32. */
	x.stx_mnt_id = p->mnt->id + (mask & STATX_MNT_ID_UNIQUE ? 1UL << 32 : 0);
	x.stx_attributes_mask = STATX_ATTR_AUTOMOUNT | STATX_ATTR_MOUNT_ROOT | STATX_ATTR_DAX;
	if (p->dentry == p->mnt->root)
		x.stx_attributes |= STATX_ATTR_MOUNT_ROOT;
	if (i->sb->has_attr_flags) {
		/* The bits of these are those of the flags. */
		x.stx_attributes_mask |= STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP;
		x.stx_attributes |= i->attr_flags & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP);
	}
	return copy_to_user(ubuf, &x, sizeof(x));
}

long sys_statx(u64 dirfd, u64 uname, u64 flags, u64 mask, u64 ubuf)
{
	struct path p;
	if ((u32)mask & STATX__RESERVED)
		return -EINVAL;
	if (flags & ~(u64)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE))
		return -EINVAL;
	if ((flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	int err = stat_path(dirfd, uname, flags, &p);
	if (err)
		return err;
	long ret = fill_statx(&p, p.dentry->inode, mask, ubuf);
	path_put(&p);
	return ret;
}

/* --- statfs ------------------------------------------------------------------------------------------------------------------------------------ */

/* 0 or what the file system says. f_flags is left 0. */
static int super_statfs(struct super *sb, struct statfs *s)
{
	memset(s, 0, sizeof(*s));
	s->f_type = (s64)sb->magic;
	s->f_bsize = PAGE_SIZE;
	s->f_namelen = NAME_MAX;
	s->f_fsid.val[0] = (int)sb->dev;
	int err = sb->ops && sb->ops->statfs ? sb->ops->statfs(sb, s) : 0;
	if (!s->f_frsize)
		s->f_frsize = s->f_bsize;
	return err;
}

static long fill_statfs(const struct path *p, uaddr_t ubuf)
{
	static const struct { u32 ms, st; } map[] = {
		{ MS_RDONLY, 1 }, { MS_NOSUID, 2 }, { MS_NODEV, 4 }, { MS_NOEXEC, 8 }, { MS_NOATIME, 1024 }, { MS_NODIRATIME, 2048 },
		{ MS_RELATIME, 4096 }, { MS_NOSYMFOLLOW, 8192 },
	};
	struct statfs s;
	int err = super_statfs(p->mnt->sb, &s);
	if (err)
		return err;
	s.f_flags = 0x20; /* ST_VALID */
	for (u32 i = 0; i < ARRAY_SIZE(map); i++)
		s.f_flags |= mount_flags(p->mnt) & map[i].ms ? map[i].st : 0;
	return copy_to_user(ubuf, &s, sizeof(s));
}

long sys_statfs(u64 uname, u64 ubuf)
{
	struct path p;
	int err = path_lookup_user(AT_FDCWD, uname, LOOKUP_FOLLOW, &p);
	if (err)
		return err;
	long ret = fill_statfs(&p, ubuf);
	path_put(&p);
	return ret;
}

long sys_fstatfs(u64 fd, u64 ubuf)
{
	struct fdref r;
	int err = fdref_get_raw((int)fd, &r);
	if (err)
		return err;
	long ret = fill_statfs(&r.file->path, ubuf);
	fdref_put(&r);
	return ret;
}

struct wanted_mount {
	u32 dev;
	struct path root; /* mnt NULL: not found yet */
};

static bool has_dev(struct mount *m, void *arg)
{
	struct wanted_mount *w = arg;
	if ((u32)m->sb->dev != w->dev)
		return true;
	w->root = (struct path){ m, m->root };
	path_get(&w->root);
	return false;
}

/* The room on the file system with this device number, if it is mounted where current sees it. */
long sys_ustat(u64 dev, u64 ubuf)
{
	struct {
		s32 tfree;
		u64 tinode;
		char fname[6], fpack[6];
	} u = { 0 };
	struct wanted_mount w = { .dev = (u32)dev };
	struct statfs s;
	mounts_for_each(current_nsproxy()->mnt, has_dev, &w);
	if (!w.root.mnt)
		return -EINVAL;
	int err = super_statfs(w.root.mnt->sb, &s);
	path_put(&w.root);
	u.tfree = (s32)s.f_bfree;
	u.tinode = s.f_ffree;
	return err ? err : copy_to_user(ubuf, &u, sizeof(u));
}

/* --- sysfs: the call, which knows file systems by number ------------------------------------------------------------------------------------------ */

long sys_sysfs(u64 option, u64 a, u64 ubuf)
{
	char name[64];
	struct fs_type *t;
	u32 n = 0;
	switch ((s32)option) {
	case 1: { /* the number of a name */
		long len = strncpy_from_user(name, a, sizeof(name));
		if (len < 0)
			return len;
		for (; len < (long)sizeof(name) && (t = filesystem_at(n)); n++)
			if (!strcmp(t->name, name))
				return n;
		return -EINVAL;
	}
	case 2: /* the name of a number */
		t = filesystem_at((u32)a);
		return t ? copy_to_user(ubuf, t->name, strlen(t->name) + 1) : -EINVAL;
	case 3:
		while (filesystem_at(n))
			n++;
		return n;
	default:
		return -EINVAL;
	}
}

/* --- readlink ---------------------------------------------------------------------------------------------------------------------------------- */

/* The text of link i; `buf` holds it unless it lies in memory anyway. */
static long link_text(struct inode *i, char *buf, const char **out)
{
	*out = i->link;
	if (i->link)
		return (long)strlen(i->link);
	*out = buf;
	return i->ops && i->ops->readlink ? i->ops->readlink(i, buf, PATH_MAX) : -EINVAL;
}

long sys_readlinkat(u64 dirfd, u64 uname, u64 ubuf, u64 size)
{
	struct path p;
	const char *text;
	if ((s32)size <= 0)
		return -EINVAL;
	/* An empty name means the link that dirfd was opened on with O_PATH. */
	int err = path_lookup_user((int)dirfd, uname, LOOKUP_EMPTY, &p);
	if (err)
		return err;
	struct inode *i = p.dentry->inode;
	long n = -EINVAL;
	char *buf = NULL;
	if (!S_ISLNK(i->mode)) {
		n = name_is_empty(uname) ? -ENOENT : -EINVAL;
	} else {
		buf = i->link ? NULL : kmalloc(PATH_MAX);
		n = i->link || buf ? link_text(i, buf, &text) : -ENOMEM;
		touch_atime(p.mnt, i);
		if (n > 0) {
			n = min(n, (long)(s32)size);
			n = copy_to_user(ubuf, text, (size_t)n) ? -EFAULT : n;
		}
		kfree(buf);
	}
	path_put(&p);
	return n;
}

long sys_readlink(u64 uname, u64 ubuf, u64 size) { return sys_readlinkat((u64)AT_FDCWD, uname, ubuf, size); }

/* --- access ------------------------------------------------------------------------------------------------------------------------------------ */

/* Credentials with the real ids in the place of the effective ones. On the caller's stack: never installed, only asked. */
static void real_cred(struct cred *c)
{
	*c = *current_cred();
	c->fsuid = c->uid;
	c->fsgid = c->gid;
	if (!(c->securebits & SECURE_NO_SETUID_FIXUP))
		c->cap_effective = c->uid == make_uid(c->user_ns, 0) ? c->cap_permitted : 0;
}

static int check_access(const struct path *p, int mode, const struct cred *c)
{
	struct inode *i = p->dentry->inode;
	if ((mode & MAY_EXEC) && S_ISREG(i->mode) && (mount_flags(p->mnt) & MS_NOEXEC))
		return -EACCES;
	int err = inode_permission_cred(i, mode, c);
	if (err || !(mode & MAY_WRITE) || S_ISCHR(i->mode) || S_ISBLK(i->mode) || S_ISFIFO(i->mode) || S_ISSOCK(i->mode))
		return err;
	return mount_want_write(p->mnt);
}

long sys_faccessat2(u64 dirfd, u64 uname, u64 mode, u64 flags)
{
	struct cred real;
	struct path p;
	char *name;
	if ((mode & ~7UL) || (flags & ~(u64)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
		return -EINVAL;
	const struct cred *c = current_cred();
	if (!(flags & AT_EACCESS)) {
		real_cred(&real);
		c = &real;
	}
	u32 lookup = (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) | (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
	int err = path_name_get(uname, &name);
	if (err)
		return err;
	err = path_lookup_cred((int)dirfd, name, lookup, c, &p);
	path_name_put(name);
	if (err)
		return err;
	err = check_access(&p, (int)mode, c);
	path_put(&p);
	return err;
}

long sys_faccessat(u64 dirfd, u64 uname, u64 mode) { return sys_faccessat2(dirfd, uname, mode, 0); }
long sys_access(u64 uname, u64 mode) { return sys_faccessat2((u64)AT_FDCWD, uname, mode, 0); }

/* --- sync ---------------------------------------------------------------------------------------------------------------------------------------- */

/* Every file system here lives in memory: there is nothing behind it to write to. Device files have their own fsync. */
long sys_sync(void) { return 0; }

long sys_syncfs(u64 fd)
{
	struct fdref r;
	int err = fdref_get((int)fd, &r);
	if (!err)
		fdref_put(&r);
	return err;
}

/* Nothing waits to be written, but there are ranges that make no sense. */
long sys_sync_file_range(u64 fd, u64 off, u64 n, u64 flags)
{
	struct fdref r;
	int err = fdref_get((int)fd, &r);
	if (err)
		return err;
	u32 type = r.file->inode->mode & S_IFMT;
	if ((u32)flags & ~(u32)(SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER))
		err = -EINVAL;
	else if ((s64)off < 0 || (s64)(off + n) < 0 || off + n < off)
		err = -EINVAL;
	else if (type != S_IFREG && type != S_IFBLK && type != S_IFDIR && type != S_IFLNK)
		err = -ESPIPE;
	fdref_put(&r);
	return err;
}

long sys_fsync(u64 fd)
{
	struct fdref r;
	int err = fdref_get((int)fd, &r);
	if (err)
		return err;
	struct file *f = r.file;
	if (f->ops->fsync)
		err = f->ops->fsync(f);
	else if (!S_ISREG(f->inode->mode) && !S_ISDIR(f->inode->mode))
		err = -EINVAL;
	fdref_put(&r);
	return err;
}

long sys_fdatasync(u64 fd) { return sys_fsync(fd); }
