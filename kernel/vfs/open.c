/* open(2) and its relatives. Entry points: sys_open, openat, openat2, creat, file_open(), file_open_exec(). */
#include "gen/sys_protos.h"
#include "lib/format.h"
#include "vfs/internal.h"
#include "vfs/notify.h"

#define VALID_OPEN_FLAGS                                                                                               \
	(O_RDONLY | O_WRONLY | O_RDWR | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC | __O_SYNC | FASYNC | O_DIRECT |        \
	 O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | __O_TMPFILE)
#define O_PATH_FLAGS (O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC)

/* --- write access and running programs ------------------------------------------------------------------------------------------------------ */

int inode_get_write(struct inode *i)
{
	s32 n = READ_ONCE(i->writers);
	while (n >= 0) {
		s32 found = cmpxchg(&i->writers, n, n + 1);
		if (found == n)
			return 0;
		n = found;
	}
	return -ETXTBSY;
}

void inode_put_write(struct inode *i) { __atomic_sub_fetch(&i->writers, 1, __ATOMIC_SEQ_CST); }

static int inode_deny_write(struct inode *i)
{
	s32 n = READ_ONCE(i->writers);
	while (n <= 0) {
		s32 found = cmpxchg(&i->writers, n, n - 1);
		if (found == n)
			return 0;
		n = found;
	}
	return -ETXTBSY;
}

/* FMODE_EXEC_DENY tells whether this file holds a denial, so that it is given back once: by these or with the last reference. */
void file_allow_write(struct file *f)
{
	if (atomic_and(&f->fmode, ~FMODE_EXEC_DENY) & FMODE_EXEC_DENY)
		__atomic_add_fetch(&f->inode->writers, 1, __ATOMIC_SEQ_CST);
}

void file_deny_write_again(struct file *f)
{
	if (!(atomic_or(&f->fmode, FMODE_EXEC_DENY) & FMODE_EXEC_DENY))
		__atomic_sub_fetch(&f->inode->writers, 1, __ATOMIC_SEQ_CST);
}

/* --- the request ---------------------------------------------------------------------------------------------------------------------------- */

/* What open(2) was asked. */
struct open_request {
	u32 flags, mode, lookup;
	int acc; /* MAY_* */
};

static int open_request_init(struct open_request *r, u64 flags, u64 mode)
{
	static const u8 acc[4] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE };
	*r = (struct open_request){ .flags = (u32)flags & ~(u32)O_CLOEXEC, .mode = (u32)mode & S_IALLUGO, .acc = acc[flags & O_ACCMODE] };
	if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY))
		return -EINVAL;
	if (flags & __O_TMPFILE) {
		if ((flags & (O_TMPFILE | O_CREAT)) != O_TMPFILE || !(r->acc & MAY_WRITE))
			return -EINVAL;
	}
	if (flags & O_PATH)
		r->acc = 0;
	else
		r->flags |= O_LARGEFILE;
	if (flags & __O_SYNC)
		r->flags |= O_DSYNC;
	if ((flags & O_TRUNC) && !(flags & O_PATH))
		r->acc |= MAY_WRITE;
	if (flags & O_DIRECTORY)
		r->lookup |= LOOKUP_DIRECTORY;
	if (!(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL))
		r->lookup |= LOOKUP_FOLLOW;
	return 0;
}

/* May the file at p be opened so? created: by this very call, whose rights then do not depend on its mode. */
static int may_open(const struct path *p, const struct open_request *r, bool created)
{
	struct inode *i = p->dentry->inode;
	int acc = created ? 0 : r->acc;
	if (S_ISLNK(i->mode))
		return -ELOOP;
	if (S_ISDIR(i->mode) && ((acc & MAY_WRITE) || (r->flags & O_CREAT)))
		return -EISDIR;
	if ((S_ISCHR(i->mode) || S_ISBLK(i->mode)) && ((mount_flags(p->mnt) & MS_NODEV) || i->sb->user_ns != &init_user_ns))
		return -EACCES;
	int err = acc ? inode_permission(i, acc) : 0;
	if (!err && (acc & MAY_WRITE) && (S_ISREG(i->mode) || S_ISDIR(i->mode)))
		err = mount_want_write(p->mnt);
	if (!err && inode_is_append_only(i) && (((r->flags & O_ACCMODE) != O_RDONLY && !(r->flags & O_APPEND)) || (r->flags & O_TRUNC)))
		err = -EPERM;
	if (!err && (r->flags & O_NOATIME) && !inode_owner_or_capable(i))
		err = -EPERM;
	return err;
}

/* O_TRUNC, after the open succeeded (so running programs are safe when it is also open for writing). */
static int open_truncate(struct file *f)
{
	struct inode *i = f->inode;
	bool counted = f->fmode & FMODE_WRITER;
	int err = counted ? 0 : inode_get_write(i);
	if (err)
		return err;
	err = inode_truncate(i, 0);
	if (!err)
		notify_dentry(f->path.dentry, IN_MODIFY);
	if (!counted)
		inode_put_write(i);
	return err;
}

static int open_existing(struct file *f, const struct path *p, const struct open_request *r, bool created)
{
	if (!(r->flags & O_PATH)) {
		int err = may_open(p, r, created);
		if (err)
			return err;
	}
	int err = file_open_path(f, p, NULL);
	if (!err && created)
		f->fmode |= FMODE_CREATED;
	if (!err && !(r->flags & O_PATH))
		notify_dentry(p->dentry, IN_OPEN);
	if (!err && (r->flags & O_TRUNC) && !created && S_ISREG(f->inode->mode) && !(r->flags & O_PATH))
		err = open_truncate(f);
	f->flags &= ~(u32)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC);
	return err;
}

/* --- O_CREAT ---------------------------------------------------------------------------------------------------------------------------------- */

/* The last component in its parent: finds or creates it. *d gets a reference. */
static int find_or_create(struct walk *w, const struct path *parent, const struct open_request *r, struct dentry **d, bool *created)
{
	struct inode *dir = parent->dentry->inode;
	mutex_lock(&dir->lock);
	int err = dcache_lookup(parent->dentry, w->last, w->last_len, d);
	if (!err && !(*d)->inode) {
		err = mount_want_write(parent->mnt);
		if (!err)
			err = may_create(dir);
		if (!err)
			err = names_make(parent->dentry, *d, S_IFREG | (r->mode & ~acl_umask(dir)), 0, NULL);
		*created = !err;
		if (err)
			dentry_put(*d);
	} else if (!err && (r->flags & O_EXCL)) {
		err = -EEXIST;
		dentry_put(*d);
	}
	mutex_unlock(&dir->lock);
	return err;
}

/* One round: *again when the name was a symbolic link that leads to another name. Otherwise *out is the file. */
static int create_round(struct walk *w, const struct open_request *r, struct path *out, bool *created, bool *again)
{
	struct path parent;
	struct dentry *d;
	*again = false;
	int err = walk_to_parent(w, &parent);
	if (err)
		return err;
	if (w->last_type != LAST_NORM)
		err = r->flags & O_EXCL ? -EEXIST : -EISDIR;
	else if (w->slashes)
		err = -EISDIR;
	else
		err = find_or_create(w, &parent, r, &d, created);
	if (err) {
		path_put(&parent);
		return err;
	}
	if (S_ISLNK(d->inode->mode) && (w->flags & LOOKUP_FOLLOW)) {
		bool done;
		err = walk_follow(w, &parent, d, &done, out);
		*again = !err && !done;
	} else {
		*out = (struct path){ parent.mnt, d };
		path_get(out);
		err = *created || (r->flags & O_PATH) ? 0 : may_create_in_sticky(parent.dentry->inode, d->inode);
		if (err) {
			path_put(out);
		} else if ((w->flags & LOOKUP_NO_XDEV) && READ_ONCE(d->mounted)) {
			err = -EXDEV;
			path_put(out);
		} else {
			path_follow_mounts(out);
		}
	}
	dentry_put(d);
	path_put(&parent);
	return err;
}

static int open_create(struct file *f, int dirfd, const char *name, const struct open_request *r)
{
	struct walk w;
	struct path p;
	bool again = true, created = false;
	int err = walk_begin(&w, dirfd, name, r->lookup);
	while (!err && again)
		err = create_round(&w, r, &p, &created, &again);
	walk_end(&w);
	if (err)
		return err;
	err = open_existing(f, &p, r, created);
	path_put(&p);
	return err;
}

static int open_tmpfile(struct file *f, int dirfd, const char *name, const struct open_request *r)
{
	struct path dir, p;
	struct inode *i;
	char text[24];
	int err = path_lookup(dirfd, name, r->lookup, &dir);
	if (err)
		return err;
	struct inode *di = dir.dentry->inode;
	err = mount_want_write(dir.mnt);
	if (!err)
		err = inode_permission(di, MAY_WRITE | MAY_EXEC);
	mutex_lock(&di->lock);
	if (!err)
		err = di->ops->tmpfile ? di->ops->tmpfile(di, S_IFREG | (r->mode & ~acl_umask(di)), &i) : -EOPNOTSUPP;
	mutex_unlock(&di->lock);
	if (!err) {
		i->linkable = !(r->flags & O_EXCL);
		int n = format_str(text, sizeof(text), "#%lu", i->ino);
		p.mnt = dir.mnt;
		err = dentry_create(dir.dentry, text, (u32)n, i, &p.dentry);
		if (err)
			inode_put(i);
	}
	if (!err) {
		err = open_existing(f, &p, r, true);
		dentry_put(p.dentry);
	}
	path_put(&dir);
	return err;
}

static int file_open_request(int dirfd, const char *name, const struct open_request *r, struct file **out)
{
	struct file *f;
	struct path p;
	int err = file_alloc(r->flags, &f);
	if (err)
		return err;
	if (r->flags & __O_TMPFILE) {
		err = open_tmpfile(f, dirfd, name, r);
	} else if (r->flags & O_CREAT) {
		err = open_create(f, dirfd, name, r);
	} else {
		err = path_lookup(dirfd, name, r->lookup, &p);
		if (!err) {
			err = open_existing(f, &p, r, false);
			path_put(&p);
		}
	}
	if (err) {
		file_put(f);
		return err;
	}
	*out = f;
	return 0;
}

int file_open(int dirfd, const char *name, u32 flags, u32 mode, struct file **out)
{
	struct open_request r;
	int err = open_request_init(&r, flags, mode);
	return err ? err : file_open_request(dirfd, name, &r, out);
}

int file_open_exec(int dirfd, const char *name, u32 at_flags, struct file **out)
{
	struct path p;
	struct file *f;
	u32 lookup = (at_flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) | (at_flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
	int err = file_alloc(O_RDONLY | O_LARGEFILE, &f);
	if (err)
		return err;
	err = path_lookup(dirfd, name, lookup, &p);
	if (err) {
		file_put(f);
		return err;
	}
	struct inode *i = p.dentry->inode;
	if (S_ISLNK(i->mode))
		err = -ELOOP;
	else if (!S_ISREG(i->mode) || (mount_flags(p.mnt) & MS_NOEXEC))
		err = -EACCES;
	else
		err = inode_permission(i, MAY_EXEC);
	if (!err)
		err = file_open_path(f, &p, NULL);
	if (!err)
		err = inode_deny_write(i);
	if (!err)
		notify_dentry(p.dentry, IN_OPEN);
	path_put(&p);
	if (err) {
		file_put(f);
		return err;
	}
	f->fmode |= FMODE_EXEC_DENY;
	*out = f;
	return 0;
}

/* --- the calls -------------------------------------------------------------------------------------------------------------------------------- */

static long open_user(int dirfd, uaddr_t uname, const struct open_request *r, bool cloexec)
{
	char *name;
	struct file *f;
	int fd;
	int err = path_name_get(uname, &name);
	if (err)
		return err;
	err = fd_reserve(0, cloexec, &fd);
	if (!err) {
		err = file_open_request(dirfd, name, r, &f);
		if (err)
			fd_cancel(fd);
		else
			fd_install(fd, f);
	}
	path_name_put(name);
	return err ? err : fd;
}

long sys_openat(u64 dirfd, u64 uname, u64 flags, u64 mode)
{
	struct open_request r;
	flags &= VALID_OPEN_FLAGS;
	if (flags & O_PATH)
		flags &= O_PATH_FLAGS;
	int err = open_request_init(&r, flags, mode);
	return err ? err : open_user((int)dirfd, uname, &r, flags & O_CLOEXEC);
}

long sys_open(u64 uname, u64 flags, u64 mode) { return sys_openat((u64)AT_FDCWD, uname, flags, mode); }
long sys_creat(u64 uname, u64 mode) { return sys_openat((u64)AT_FDCWD, uname, O_CREAT | O_WRONLY | O_TRUNC, mode); }

long sys_openat2(u64 dirfd, u64 uname, u64 uhow, u64 size)
{
	static const struct { u32 resolve, lookup; } map[] = {
		{ RESOLVE_NO_XDEV, LOOKUP_NO_XDEV },   { RESOLVE_NO_MAGICLINKS, LOOKUP_NO_MAGICLINKS }, { RESOLVE_NO_SYMLINKS, LOOKUP_NO_SYMLINKS },
		{ RESOLVE_BENEATH, LOOKUP_BENEATH }, { RESOLVE_IN_ROOT, LOOKUP_IN_ROOT },		  { RESOLVE_CACHED, LOOKUP_CACHED },
	};
	struct open_how how;
	struct open_request r;
	if (size < sizeof(how))
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	int err = copy_struct_from_user(&how, sizeof(how), uhow, size);
	if (err)
		return err;
	if (how.flags & ~(u64)VALID_OPEN_FLAGS)
		return -EINVAL;
	if ((how.flags & O_PATH) && (how.flags & ~(u64)O_PATH_FLAGS))
		return -EINVAL;
	if (how.flags & (O_CREAT | __O_TMPFILE) ? how.mode & ~(u64)S_IALLUGO : how.mode)
		return -EINVAL;
	if ((how.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) == (RESOLVE_BENEATH | RESOLVE_IN_ROOT))
		return -EINVAL;
	err = open_request_init(&r, how.flags, how.mode);
	if (err)
		return err;
	for (u32 i = 0; i < ARRAY_SIZE(map); i++) {
		if (how.resolve & map[i].resolve)
			r.lookup |= map[i].lookup;
		how.resolve &= ~(u64)map[i].resolve;
	}
	if (how.resolve)
		return -EINVAL;
	if ((r.lookup & LOOKUP_CACHED) && (how.flags & (O_TRUNC | O_CREAT | __O_TMPFILE)))
		return -EAGAIN;
	long ret = open_user((int)dirfd, uname, &r, how.flags & O_CLOEXEC);
	/* On Linux a fast walk does not tell what is no directory: that is for the other walk. */
	return ret == -ENOTDIR && (r.lookup & LOOKUP_CACHED) ? -EAGAIN : ret;
}
