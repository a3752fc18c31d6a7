/* Copies between files inside the kernel. Entry points: sys_sendfile, sys_copy_file_range, sys_readahead, sys_fadvise64. */
#include <linux/fadvise.h>

#include "gen/sys_protos.h"
#include "vfs/internal.h"
#include "vfs/notify.h"

#define CHUNK (64UL * 1024)

/* Up to count bytes from in at *ipos to out at *opos. What was read but not taken by out is not counted. */
static ssize_t copy_data(struct file *in, u64 *ipos, struct file *out, u64 *opos, u64 count)
{
	size_t done = 0;
	ssize_t err = 0;
	size_t size = min(count, CHUNK);
	char *buf = size ? kmalloc(max(size, PAGE_SIZE)) : NULL;
	if (size && !buf)
		return -ENOMEM;
	while (done < count && !err) {
		struct iter it;
		u64 pos = *ipos;
		iter_init_kernel(&it, buf, min(count - done, size));
		ssize_t got = in->ops->read(in, &it, &pos);
		if (got <= 0) {
			err = got;
			break;
		}
		iter_init_kernel(&it, buf, (size_t)got);
		ssize_t put = out->ops->write(out, &it, opos);
		if (put > 0) {
			*ipos += (u64)put;
			done += (size_t)put;
		}
		if (put < got) {
			err = put < 0 ? put : 0;
			break;
		}
		if (signal_pending())
			err = -ERESTARTSYS;
		cond_resched();
	}
	kfree(buf);
	io_count_add(&current_thread()->io_count, &(struct io_count){ done, done, 1, 1 });
	if (done) {
		notify_dentry(in->path.dentry, IN_ACCESS);
		notify_dentry(out->path.dentry, IN_MODIFY);
	}
	return done ? (ssize_t)done : err;
}

/* Both files' checks of sendfile. */
static int check_sendfile(struct file *in, struct file *out, bool has_offset)
{
	if (!file_readable(in))
		return -EBADF;
	if (has_offset && !(in->fmode & FMODE_POS))
		return -ESPIPE;
	if (!file_writable(out))
		return -EBADF;
	if (S_ISDIR(in->inode->mode) || !(in->fmode & FMODE_POS) || !in->ops->read || in->ops->no_splice || !out->ops->write || (out->flags & O_APPEND))
		return -EINVAL;
	return 0;
}

static long sendfile_files(struct file *in, struct file *out, uaddr_t uoffset, u64 count)
{
	s64 offset = 0;
	int err = check_sendfile(in, out, uoffset != 0);
	if (err)
		return err;
	if (uoffset && get_user(offset, uoffset))
		return -EFAULT;
	if (offset < 0)
		return -EINVAL;
	u64 pos = uoffset ? (u64)offset : READ_ONCE(in->pos);
	u64 opos = READ_ONCE(out->pos);
	ssize_t n = copy_data(in, &pos, out, &opos, min(count, MAX_RW_COUNT));
	if (n > 0 && (out->fmode & FMODE_POS)) {
		mutex_lock(&out->pos_lock);
		out->pos = opos;
		mutex_unlock(&out->pos_lock);
	}
	if (n > 0 && !uoffset) {
		mutex_lock(&in->pos_lock);
		in->pos = pos;
		mutex_unlock(&in->pos_lock);
	}
	offset = (s64)pos;
	if (uoffset && put_user(offset, uoffset))
		return -EFAULT;
	return n;
}

/* Both or none. */
static int get_both(u64 infd, struct fdref *in, u64 outfd, struct fdref *out)
{
	int err = fdref_get((int)infd, in);
	if (err)
		return err;
	err = fdref_get((int)outfd, out);
	if (err)
		fdref_put(in);
	return err;
}

long sys_sendfile(u64 outfd, u64 infd, u64 uoffset, u64 count)
{
	struct fdref in, out;
	int err = get_both(infd, &in, outfd, &out);
	if (err)
		return err;
	long n = (s64)count < 0 ? -EINVAL : sendfile_files(in.file, out.file, uoffset, count);
	fdref_put(&out);
	fdref_put(&in);
	return n;
}

static int check_copy_range(struct file *in, struct file *out, u64 ipos, u64 opos, u64 len)
{
	if (S_ISDIR(in->inode->mode) || S_ISDIR(out->inode->mode))
		return -EISDIR;
	if (!S_ISREG(in->inode->mode) || !S_ISREG(out->inode->mode))
		return -EINVAL;
	if (!file_readable(in) || !file_writable(out) || (out->flags & O_APPEND))
		return -EBADF;
	if (in->inode->sb != out->inode->sb)
		return -EXDEV;
	if (inode_is_immutable(out->inode))
		return -EPERM;
	if ((s64)ipos < 0 || (s64)opos < 0 || ipos + len < ipos || (s64)(opos + len) < 0)
		return -EOVERFLOW;
	if (in->inode == out->inode && ipos < opos + len && opos < ipos + len)
		return -EINVAL;
	return 0;
}

static long copy_range_files(struct file *in, uaddr_t uin, struct file *out, uaddr_t uout, u64 len)
{
	u64 ipos = READ_ONCE(in->pos), opos = READ_ONCE(out->pos);
	if ((uin && get_user(ipos, uin)) || (uout && get_user(opos, uout)))
		return -EFAULT;
	int err = check_copy_range(in, out, ipos, opos, len);
	if (err)
		return err;
	u64 size = READ_ONCE(in->inode->size);
	len = ipos < size ? min(len, size - ipos) : 0;
	ssize_t n = copy_data(in, &ipos, out, &opos, min(len, MAX_RW_COUNT));
	if (n <= 0)
		return n;
	if (uin ? put_user(ipos, uin) : 0)
		return -EFAULT;
	if (uout ? put_user(opos, uout) : 0)
		return -EFAULT;
	if (!uin)
		in->pos = ipos;
	if (!uout)
		out->pos = opos;
	return n;
}

long sys_copy_file_range(u64 infd, u64 uin, u64 outfd, u64 uout, u64 len, u64 flags)
{
	struct fdref in, out;
	int err = get_both(infd, &in, outfd, &out);
	if (err)
		return err;
	long n = flags ? -EINVAL : copy_range_files(in.file, uin, out.file, uout, len);
	fdref_put(&out);
	fdref_put(&in);
	return n;
}

/* File data is in memory already: reading ahead is done as soon as it is asked for. */
long sys_readahead(u64 fd, u64 off, u64 count)
{
	struct fdref r;
	(void)off;
	(void)count;
	int err = fdref_get((int)fd, &r);
	if (err)
		return err;
	if (!file_readable(r.file))
		err = -EBADF;
	else if (!S_ISREG(r.file->inode->mode))
		err = -EINVAL;
	fdref_put(&r);
	return err;
}

long sys_fadvise64(u64 fd, u64 off, u64 len, u64 advice)
{
	struct fdref r;
	(void)off;
	int err = fdref_get((int)fd, &r);
	if (err)
		return err;
	if (S_ISFIFO(r.file->inode->mode))
		err = -ESPIPE;
	else if ((s64)len < 0 || (u32)advice > POSIX_FADV_NOREUSE)
		err = -EINVAL;
	fdref_put(&r);
	return err;
}
