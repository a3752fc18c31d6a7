/* fcntl(2), ioctl(2), flock's entry is in locks.c. Entry points: sys_fcntl, sys_ioctl. */
#include <asm/ioctls.h>
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
#define SETFL_MASK (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)

static long set_flags(struct file *f, u32 arg)
{
	if ((arg & O_NOATIME) && !(f->flags & O_NOATIME) && !inode_owner_or_capable(f->inode))
		return -EPERM;
	u32 old = READ_ONCE(f->flags), found;
	/* Another thread may change them at the same time: last one wins, but never half of each. */
	while ((found = cmpxchg(&f->flags, old, (old & ~(u32)SETFL_MASK) | (arg & SETFL_MASK))) != old)
		old = found;
	return 0;
}

static long get_owner_ex(struct file *f, uaddr_t arg)
{
	struct f_owner_ex ex = { .type = (int)f->owner_type, .pid = f->owner };
	return copy_to_user(arg, &ex, sizeof(ex));
}

static long set_owner_ex(struct file *f, uaddr_t arg)
{
	struct f_owner_ex ex;
	if (copy_from_user(&ex, arg, sizeof(ex)))
		return -EFAULT;
	if (ex.type < F_OWNER_TID || ex.type > F_OWNER_PGRP)
		return -EINVAL;
	f->owner_type = (u32)ex.type;
	f->owner = ex.pid;
	return 0;
}

static long set_owner(struct file *f, s32 who)
{
	if (who == (s32)0x80000000)
		return -EINVAL;
	f->owner_type = who < 0 ? F_OWNER_PGRP : F_OWNER_PID;
	f->owner = who < 0 ? -who : who;
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

static long fcntl_file(struct file *f, int fd, u32 cmd, u64 arg)
{
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return fd_dup_from(f, (u32)arg, cmd == F_DUPFD_CLOEXEC);
	case F_DUPFD_QUERY: {
		struct fdref other;
		int err = fdref_get_raw((int)arg, &other);
		if (err)
			return err;
		long same = other.file == f;
		fdref_put(&other);
		return same;
	}
	case F_GETFD:
		return fd_cloexec(fd) ? FD_CLOEXEC : 0;
	case F_SETFD:
		return fd_set_cloexec(fd, arg & FD_CLOEXEC);
	case F_GETFL:
		return READ_ONCE(f->flags);
	default:
		break;
	}
	if (f->flags & O_PATH)
		return -EBADF;
	switch (cmd) {
	case F_SETFL:
		return set_flags(f, (u32)arg);
	case F_GETLK:
	case F_OFD_GETLK:
		return fcntl_getlk(f, cmd, arg);
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return fcntl_setlk(f, fd, cmd, arg);
	case F_SETOWN:
		return set_owner(f, (s32)arg);
	case F_GETOWN:
		return f->owner_type == F_OWNER_PGRP ? -f->owner : f->owner;
	case F_SETOWN_EX:
		return set_owner_ex(f, arg);
	case F_GETOWN_EX:
		return get_owner_ex(f, arg);
	case F_SETSIG:
		if (arg > 64)
			return -EINVAL;
		f->owner_sig = (s32)arg;
		return 0;
	case F_GETSIG:
		return f->owner_sig;
	case F_GETLEASE:
		return F_UNLCK;
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
	long ret = fcntl_file(r.file, (int)fd, (u32)cmd, arg);
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
