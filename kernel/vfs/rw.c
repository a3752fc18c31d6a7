/* Reading, writing, seeking. Entry points: sys_read ... sys_pwritev2, sys_lseek, file_read_kernel(), file_write_kernel(). */
#include <linux/fs.h>

#include "gen/sys_protos.h"
#include "vfs/internal.h"
#include "vfs/notify.h"

/* Linux 6.9's flag, which older headers lack. */
#ifndef RWF_NOAPPEND
#define RWF_NOAPPEND 0x20
#endif
#define RWF_KNOWN (RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND | RWF_NOAPPEND)

typedef ssize_t (*rw_fn)(struct file *f, struct iter *it, u64 *pos);

/* A call that got as far as the file: n as it returned. */
static inline void count_io(ssize_t n, bool write)
{
	struct io_count *c = &current_thread()->io_count;
	*(write ? &c->syscw : &c->syscr) += 1;
	if (n > 0)
		*(write ? &c->wchar : &c->rchar) += (u64)n;
}

/* The operation after its callers' checks: the file is open for it, and *pos < 0 as s64 has been refused. */
static ssize_t do_rw(struct file *f, struct iter *it, u64 *pos, bool write)
{
	rw_fn fn = write ? f->ops->write : f->ops->read;
	if (unlikely(!fn))
		return !write && S_ISDIR(f->inode->mode) ? -EISDIR : -EINVAL;
	ssize_t n = fn(f, it, pos);
	count_io(n, write);
	if (n > 0)
		notify_dentry(f->path.dentry, write ? IN_MODIFY : IN_ACCESS);
	return n;
}

/* At the file's own position. */
static ssize_t rw_at_pos(struct fdref *r, struct iter *it, bool write)
{
	struct file *f = r->file;
	if (!(f->fmode & FMODE_POS)) {
		u64 none = 0;
		return do_rw(f, it, &none, write);
	}
	/* One task, one descriptor: nobody can touch the position meanwhile. */
	bool lock = !fdref_alone(r);
	if (lock)
		mutex_lock(&f->pos_lock);
	ssize_t n = do_rw(f, it, &f->pos, write);
	if (lock)
		mutex_unlock(&f->pos_lock);
	return n;
}

static ssize_t rw_at(struct file *f, struct iter *it, u64 pos, bool write)
{
	if ((s64)pos < 0)
		return -EINVAL;
	if (!(f->fmode & FMODE_POS))
		return -ESPIPE;
	return do_rw(f, it, &pos, write);
}

static long rw_buffer(u64 fd, uaddr_t buf, u64 count, bool write)
{
	struct fdref r;
	struct iter it;
	int err = fdref_get((int)fd, &r);
	if (err)
		return err;
	ssize_t n;
	if (!(write ? file_writable(r.file) : file_readable(r.file)))
		n = -EBADF;
	else if (!user_range_ok(buf, count)) /* before the count's own sign, as on Linux: the range cannot be user memory then */
		n = -EFAULT;
	else {
		iter_init_user(&it, buf, min(count, MAX_RW_COUNT));
		n = rw_at_pos(&r, &it, write);
	}
	fdref_put(&r);
	return n;
}

long sys_read(u64 fd, u64 buf, u64 count) { return rw_buffer(fd, buf, count, false); }
long sys_write(u64 fd, u64 buf, u64 count) { return rw_buffer(fd, buf, count, true); }

static long rw_buffer_at(u64 fd, uaddr_t buf, u64 count, u64 pos, bool write)
{
	struct fdref r;
	struct iter it;
	if ((s64)pos < 0)
		return -EINVAL;
	int err = fdref_get((int)fd, &r);
	if (err)
		return err;
	ssize_t n;
	if (!(r.file->fmode & FMODE_POS) || (write && (r.file->fmode & FMODE_NO_PWRITE)))
		n = -ESPIPE;
	else if (!(write ? file_writable(r.file) : file_readable(r.file)))
		n = -EBADF;
	else if (!user_range_ok(buf, count))
		n = -EFAULT;
	else if ((s64)(pos + count) < 0)
		n = -EINVAL;
	else {
		iter_init_user(&it, buf, min(count, MAX_RW_COUNT));
		n = rw_at(r.file, &it, pos, write);
	}
	fdref_put(&r);
	return n;
}

long sys_pread64(u64 fd, u64 buf, u64 count, u64 pos) { return rw_buffer_at(fd, buf, count, pos, false); }
long sys_pwrite64(u64 fd, u64 buf, u64 count, u64 pos) { return rw_buffer_at(fd, buf, count, pos, true); }

static int check_rw_flags(const struct file *f, u32 flags)
{
	if (flags & ~(u32)RWF_KNOWN)
		return -EOPNOTSUPP;
	if ((flags & RWF_APPEND) && (flags & RWF_NOAPPEND))
		return -EINVAL;
	/* Only files that are non-blocking anyway can promise not to wait. */
	if ((flags & RWF_NOWAIT) && !(f->flags & O_NONBLOCK))
		return -EOPNOTSUPP;
	return 0;
}

/* pos: ~0 = the file's own. */
static long rw_vector(u64 fd, uaddr_t vec, u64 n, u64 pos, u32 flags, bool write)
{
	struct fdref r;
	struct iter it;
	struct iovec *heap;
	int err = fdref_get((int)fd, &r);
	if (err)
		return err;
	ssize_t ret = check_rw_flags(r.file, flags);
	if (!ret && pos != ~0UL && (!(r.file->fmode & FMODE_POS) || (write && (r.file->fmode & FMODE_NO_PWRITE))))
		ret = -ESPIPE;
	if (!ret && !(write ? file_writable(r.file) : file_readable(r.file)))
		ret = -EBADF;
	if (!ret)
		ret = iter_import(&it, vec, n, &heap);
	if (!ret) {
		it.flags = flags;
		ret = pos == ~0UL ? rw_at_pos(&r, &it, write) : rw_at(r.file, &it, pos, write);
		kfree(heap);
	}
	fdref_put(&r);
	return ret;
}

long sys_readv(u64 fd, u64 vec, u64 n) { return rw_vector(fd, vec, n, ~0UL, 0, false); }
long sys_writev(u64 fd, u64 vec, u64 n) { return rw_vector(fd, vec, n, ~0UL, 0, true); }

/* The position comes in the low word (the high one exists for 32-bit machines). */
long sys_preadv(u64 fd, u64 vec, u64 n, u64 pos, u64 high)
{
	(void)high;
	return (s64)pos < 0 ? -EINVAL : rw_vector(fd, vec, n, pos, 0, false);
}
long sys_pwritev(u64 fd, u64 vec, u64 n, u64 pos, u64 high)
{
	(void)high;
	return (s64)pos < 0 ? -EINVAL : rw_vector(fd, vec, n, pos, 0, true);
}
long sys_preadv2(u64 fd, u64 vec, u64 n, u64 pos, u64 high, u64 flags)
{
	(void)high;
	return (s64)pos < -1 ? -EINVAL : rw_vector(fd, vec, n, pos, (u32)flags, false);
}
long sys_pwritev2(u64 fd, u64 vec, u64 n, u64 pos, u64 high, u64 flags)
{
	(void)high;
	return (s64)pos < -1 ? -EINVAL : rw_vector(fd, vec, n, pos, (u32)flags, true);
}

/* --- kernel callers --------------------------------------------------------------------------------------------------------------------------- */

/* Repeats fn until n bytes or the end. */
static ssize_t rw_kernel(struct file *f, void *buf, size_t n, u64 pos, rw_fn fn)
{
	size_t done = 0;
	if (!fn)
		return -EINVAL;
	while (done < n) {
		struct iter it;
		iter_init_kernel(&it, (char *)buf + done, n - done);
		ssize_t got = fn(f, &it, &pos);
		if (got < 0)
			return done ? (ssize_t)done : got;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

ssize_t file_read_kernel(struct file *f, void *buf, size_t n, u64 pos)
{
	ssize_t got = rw_kernel(f, buf, n, pos, f->ops->read);
	count_io(got, false);
	return got;
}
ssize_t file_write_kernel(struct file *f, const void *buf, size_t n, u64 pos)
{
	ssize_t put = rw_kernel(f, (void *)buf, n, pos, f->ops->write);
	count_io(put, true);
	return put;
}

/* --- seeking ------------------------------------------------------------------------------------------------------------------------------------ */

s64 generic_llseek(struct file *f, s64 off, int whence, u64 size, u64 max)
{
	s64 at;
	switch (whence) {
	case SEEK_SET:
		at = off;
		break;
	case SEEK_CUR:
		if (__builtin_add_overflow((s64)f->pos, off, &at))
			return -EOVERFLOW;
		break;
	case SEEK_END:
		if (__builtin_add_overflow((s64)size, off, &at))
			return -EOVERFLOW;
		break;
	case SEEK_DATA:
		/* All data, with one hole behind the end. */
		if ((u64)off >= size)
			return -ENXIO;
		at = off;
		break;
	case SEEK_HOLE:
		if ((u64)off >= size)
			return -ENXIO;
		at = (s64)size;
		break;
	default:
		return -EINVAL;
	}
	if (at < 0 || (u64)at > max)
		return -EINVAL;
	f->pos = (u64)at;
	return at;
}

static s64 file_llseek(struct file *f, s64 off, int whence)
{
	if (!(f->fmode & FMODE_POS))
		return -ESPIPE;
	if (f->ops->llseek)
		return f->ops->llseek(f, off, whence);
	if (S_ISDIR(f->inode->mode) && whence != SEEK_SET && whence != SEEK_CUR)
		return -EINVAL;
	return generic_llseek(f, off, whence, f->inode->size, MAX_FILE_SIZE);
}

long sys_lseek(u64 fd, u64 off, u64 whence)
{
	struct fdref r;
	int err = fdref_get((int)fd, &r);
	if (err)
		return err;
	s64 ret = -EINVAL;
	if ((u32)whence <= SEEK_HOLE) {
		mutex_lock(&r.file->pos_lock);
		ret = file_llseek(r.file, (s64)off, (int)whence);
		mutex_unlock(&r.file->pos_lock);
	}
	fdref_put(&r);
	return ret;
}
