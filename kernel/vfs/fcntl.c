/* fcntl(2), ioctl(2), flock's entry is in locks.c. Entry points: sys_fcntl, sys_ioctl. */
#include <asm/ioctls.h>
#include <linux/fiemap.h>
#include <linux/fs.h>

#include "gen/sys_protos.h"
#include "vfs/internal.h"
#include "vfs/pipe.h"

#ifndef F_DUPFD_QUERY
#define F_DUPFD_QUERY (F_LINUX_SPECIFIC_BASE + 3)
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif
#ifndef F_GETOWNER_UIDS
#define F_GETOWNER_UIDS 17
#endif
#ifndef F_CREATED_QUERY
#define F_CREATED_QUERY (F_LINUX_SPECIFIC_BASE + 4)
#endif
#define RW_HINT_MAX 5u /* RWH_WRITE_LIFE_EXTREME */
#define SETFL_MASK (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)

static long set_flags(struct file *f, int fd, u32 arg)
{
	if (((arg ^ READ_ONCE(f->flags)) & O_APPEND) && inode_is_append_only(f->inode))
		return -EPERM;
	if ((arg & O_NOATIME) && !(f->flags & O_NOATIME) && !inode_owner_or_capable(f->inode))
		return -EPERM;
	if (((arg ^ READ_ONCE(f->flags)) & O_ASYNC_FLAG) && f->ops->async) {
		int err = hook_file_async(f, fd, arg & O_ASYNC_FLAG);
		if (err)
			return err;
	}
	u32 old = READ_ONCE(f->flags), found;
	/* Another thread may change them at the same time: last one wins, but never half of each. */
	while ((found = cmpxchg(&f->flags, old, (old & ~(u32)SETFL_MASK) | (arg & SETFL_MASK))) != old)
		old = found;
	return 0;
}

static long add_seals(struct file *f, u32 seals)
{
	struct inode *i = f->inode;
	if (!file_writable(f))
		return -EPERM;
	if (seals & ~(u32)(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | F_SEAL_EXEC))
		return -EINVAL;
	if (!i->sealable)
		return -EINVAL;
	long err = 0;
	mutex_lock(&i->lock);
	if (i->seals & F_SEAL_SEAL)
		err = -EPERM;
	else if ((seals & F_SEAL_WRITE) && !(i->seals & F_SEAL_WRITE) && i->shared_write && atomic_read(&i->data.mapped))
		err = -EBUSY; /* somebody may still write through a mapping */
	if (!err) {
		/* A program's text that may not change implies that the data may not either. */
		if ((seals & F_SEAL_EXEC) && (i->mode & 0111))
			seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
		i->seals |= seals;
	}
	mutex_unlock(&i->lock);
	return err;
}

/* How long what is written is expected to last: kept for whoever asks. */
static long rw_hint(struct inode *i, u32 cmd, uaddr_t arg)
{
	u64 hint = READ_ONCE(i->write_hint);
	if (cmd == F_GET_RW_HINT)
		return put_user(hint, arg);
	if (!inode_owner_or_capable(i))
		return -EPERM;
	if (get_user(hint, arg))
		return -EFAULT;
	if (hint > RW_HINT_MAX)
		return -EINVAL;
	WRITE_ONCE(i->write_hint, (u8)hint);
	return 0;
}

static long same_file(struct file *f, int fd)
{
	struct fdref other;
	int err = fdref_get_raw(fd, &other);
	if (err)
		return err;
	long same = other.file == f;
	fdref_put(&other);
	return same;
}

static long fcntl_file(struct file *f, int fd, u32 cmd, u64 arg)
{
	switch (cmd) {
	case F_SETFL:
		return set_flags(f, fd, (u32)arg);
	case F_GETLK:
	case F_OFD_GETLK:
		return fcntl_getlk(f, cmd, arg);
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return fcntl_setlk(f, fd, cmd, arg);
	case F_SETOWN:
	case F_GETOWN:
	case F_SETOWN_EX:
	case F_GETOWN_EX:
	case F_GETOWNER_UIDS:
	case F_SETSIG:
	case F_GETSIG:
		return hook_file_owner(f, cmd, arg);
	case F_GETLEASE:
		return lease_get(f);
	case F_SETLEASE:
		return lease_set(f, fd, (int)arg);
	case F_NOTIFY:
		return dnotify_set(f, fd, (u32)arg);
	case F_GET_RW_HINT:
	case F_SET_RW_HINT:
		return rw_hint(f->inode, cmd, arg);
	case F_SETPIPE_SZ:
	case F_GETPIPE_SZ:
		return pipe_fcntl(f, cmd, arg);
	case F_ADD_SEALS:
		return add_seals(f, (u32)arg);
	case F_GET_SEALS:
		return f->inode->sealable ? (long)f->inode->seals : -EINVAL;
	default:
		return -EINVAL;
	}
}

/* For any file; others want one that was not opened with O_PATH. */
static long fcntl_any(struct file *f, int fd, u32 cmd, u64 arg)
{
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return fd_dup_from(f, (u32)arg, cmd == F_DUPFD_CLOEXEC);
	case F_DUPFD_QUERY:
		return same_file(f, (int)arg);
	case F_GETFD:
		return fd_cloexec(fd) ? FD_CLOEXEC : 0;
	case F_SETFD:
		return fd_set_cloexec(fd, arg & FD_CLOEXEC);
	case F_GETFL:
		return READ_ONCE(f->flags);
	case F_CREATED_QUERY:
		return f->fmode & FMODE_CREATED ? 1 : 0;
	default:
		return f->flags & O_PATH ? -EBADF : fcntl_file(f, fd, cmd, arg);
	}
}

long sys_fcntl(u64 fd, u64 cmd, u64 arg)
{
	struct fdref r;
	int err = fdref_get_raw((int)fd, &r);
	if (err)
		return err;
	/* A lock request may sleep: with a counted file, so that a close by a signal handler cannot pull it away. */
	bool extra = !r.counted && ((u32)cmd == F_SETLKW || (u32)cmd == F_OFD_SETLKW);
	if (extra)
		file_get(r.file);
	long ret = fcntl_any(r.file, (int)fd, (u32)cmd, arg);
	if (extra)
		file_put(r.file);
	fdref_put(&r);
	return ret;
}

/* --- ioctl --------------------------------------------------------------------------------------------------------------------------------------- */

static long set_flag_from_user(struct file *f, u32 flag, uaddr_t arg)
{
	int on;
	if (get_user(on, arg))
		return -EFAULT;
	if (on)
		atomic_or(&f->flags, flag);
	else
		atomic_and(&f->flags, ~flag);
	return 0;
}

long sys_ioctl(u64 fd, u64 cmd, u64 arg)
{
	struct fdref r;
	int err = fdref_get((int)fd, &r);
	if (err)
		return err;
	struct file *f = r.file;
	struct inode *i = f->inode;
	long ret = -ENOTTY;
	switch ((u32)cmd) {
	case FIOCLEX:
	case FIONCLEX:
		ret = fd_set_cloexec((int)fd, (u32)cmd == FIOCLEX);
		break;
	case FIONBIO:
		ret = set_flag_from_user(f, O_NONBLOCK, arg);
		break;
	case FIOASYNC: {
		int on;
		ret = get_user(on, arg) ? -EFAULT : 0;
		if (!ret && !on != !(f->flags & O_ASYNC_FLAG))
			ret = f->ops->async ? hook_file_async(f, (int)fd, on) : -ENOTTY;
		break;
	}
	case FIOQSIZE: {
		s64 size = (s64)i->size;
		if (S_ISREG(i->mode) || S_ISDIR(i->mode) || S_ISLNK(i->mode))
			ret = put_user(size, arg);
		break;
	}
	case FIGETBSZ: {
		int size = PAGE_SIZE;
		ret = i->sb->magic ? put_user(size, arg) : -EINVAL;
		break;
	}
	case FS_IOC_GETFLAGS:
	case FS_IOC_SETFLAGS:
	case FS_IOC_FSGETXATTR:
	case FS_IOC_FSSETXATTR:
		ret = fileattr_ioctl(f, (u32)cmd, arg);
		break;
	case FS_IOC_FIEMAP:
	case FICLONERANGE:
		/* What the file systems here cannot do. */
		if (S_ISREG(i->mode))
			ret = -EOPNOTSUPP;
		break;
	case FIONREAD:
		if (S_ISREG(i->mode)) {
			int left = (int)(i->size - f->pos);
			ret = put_user(left, arg);
			break;
		}
		/* fall through */
	default:
		if (f->ops->ioctl)
			ret = f->ops->ioctl(f, (u32)cmd, arg);
	}
	fdref_put(&r);
	return ret;
}
