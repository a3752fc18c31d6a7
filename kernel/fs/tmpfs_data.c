/* tmpfs: the data of files and the attributes of inodes. Entry points: tmpfs_file_ops, tmpfs_file_inode_ops, tmpfs_setattr and the xattr operations. */
#include <asm/mman.h>
#include <asm/signal.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/resource.h>

#include "fs/tmpfs_internal.h"
#include "lib/bitmap.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/slab.h"
#include "sched/timer.h"
#include "vfs/pipe.h"

/* --- attributes ------------------------------------------------------------------------------------------------------------------------------------- */

static int set_size(struct inode *i, u64 size)
{
	if (!S_ISREG(i->mode))
		return -EINVAL;
	if ((size < i->size && (i->seals & F_SEAL_SHRINK)) || (size > i->size && (i->seals & F_SEAL_GROW)))
		return -EPERM;
	tmpfs_touch(i);
	if (tmpfs_source_of(i))
		tmpfs_source_of(i)->size = min(tmpfs_source_of(i)->size, size);
	if (size < i->size) {
		WRITE_ONCE(i->size, size);
		as_truncate(&i->data, size);
	} else {
		WRITE_ONCE(i->data.size, size);
		WRITE_ONCE(i->size, size);
	}
	tmpfs_recount(i);
	return 0;
}

int tmpfs_setattr(struct inode *i, const struct inode_attr *a)
{
	if (a->valid & ATTR_SIZE) {
		int err = set_size(i, a->size);
		if (err)
			return err;
	}
	if ((a->valid & ATTR_MODE) && (i->seals & 0x20) && ((i->mode ^ a->mode) & 0111)) /* F_SEAL_EXEC */
		return -EPERM;
	inode_take_attr(i, a);
	return 0;
}

static int tmpfs_getattr(struct inode *i)
{
	if (!S_ISREG(i->mode) || as_nr_pages(&i->data) * 8 == i->blocks)
		return 0;
	mutex_lock(&i->lock);
	tmpfs_recount(i);
	mutex_unlock(&i->lock);
	return 0;
}

int tmpfs_getxattr(struct inode *i, const char *name, void *buf, size_t size)
{
	struct tmpfs_inode *info = i->private;
	return info ? tmpfs_xattr_get(&info->xattrs, name, buf, size) : -ENODATA;
}

int tmpfs_setxattr(struct inode *i, const char *name, const void *buf, size_t size, int flags)
{
	struct tmpfs_inode *info;
	int err = tmpfs_info(i, &info);
	if (!err)
		err = tmpfs_xattr_set(&info->xattrs, name, buf, size, flags);
	if (!err)
		i->ctime = file_now();
	return err;
}

int tmpfs_listxattr(struct inode *i, char *buf, size_t size)
{
	struct tmpfs_inode *info = i->private;
	return info ? tmpfs_xattr_list(&info->xattrs, buf, size) : 0;
}

int tmpfs_removexattr(struct inode *i, const char *name)
{
	struct tmpfs_inode *info = i->private;
	int err = info ? tmpfs_xattr_remove(&info->xattrs, name) : -ENODATA;
	if (!err)
		i->ctime = file_now();
	return err;
}

const struct inode_ops tmpfs_file_inode_ops = {
	.setattr = tmpfs_setattr, .getattr = tmpfs_getattr, .getxattr = tmpfs_getxattr, .setxattr = tmpfs_setxattr, .listxattr = tmpfs_listxattr,
	.removexattr = tmpfs_removexattr,
};

/* --- files ------------------------------------------------------------------------------------------------------------------------------------------- */

static ssize_t tmpfs_write(struct file *f, struct iter *from, u64 *pos)
{
	if (from->count)
		tmpfs_touch(f->inode);
	return pagefile_write(f, from, pos, tmpfs_charge_pages);
}

static int tmpfs_mmap(struct file *f, struct map_request *r)
{
	struct inode *i = f->inode;
	bool shared = (r->flags & MAP_TYPE) != MAP_PRIVATE;
	if (shared && (i->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))) {
		if (r->prot & PROT_WRITE)
			return -EPERM;
		r->max_flags_drop |= VM_MAYWRITE;
	}
	if (shared && !(r->max_flags_drop & VM_MAYWRITE)) {
		tmpfs_touch(i);
		mutex_lock(&i->lock);
		i->shared_write = true;
		mutex_unlock(&i->lock);
	} else if (!atomic_read(&i->data.mapped)) {
		i->shared_write = false;
	}
	return pagefile_mmap(f, r);
}

/* => inode lock. Zeroes the bytes [from, to) of one page, if it is there. */
static int zero_part(struct inode *i, u64 from, u64 to)
{
	struct page *p;
	if (from >= to)
		return 0;
	int err = as_get_page(&i->data, from >> PAGE_SHIFT, false, &p);
	if (err || !p)
		return err;
	memset((char *)page_virt(p) + (from & (PAGE_SIZE - 1)), 0, to - from);
	page_put(p);
	return 0;
}

/* => inode lock. Makes [off, end) read as zeroes: whole pages go, the parts at the edges are cleared. */
static int punch(struct inode *i, u64 off, u64 end)
{
	u64 first = ALIGN_UP(off, PAGE_SIZE), last = ALIGN_DOWN(end, PAGE_SIZE);
	if (i->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	int err;
	if (first > last)
		return zero_part(i, off, end); /* within one page */
	err = zero_part(i, off, first);
	if (!err)
		err = zero_part(i, last, end);
	if (!err && first < last)
		as_punch(&i->data, first >> PAGE_SHIFT, last >> PAGE_SHIFT);
	tmpfs_recount(i);
	return err;
}

/* => inode lock. The page k is there. *added: it was not. */
static int preallocate_one(struct inode *i, u64 k, bool *added)
{
	struct page *p;
	int err = as_get_page(&i->data, k, false, &p);
	*added = !err && !p;
	if (*added) {
		err = tmpfs_charge_pages(i, 1);
		if (!err)
			err = as_get_page(&i->data, k, true, &p);
		*added = !err;
	}
	if (!err)
		page_put(p);
	cond_resched();
	return !err && fatal_signal_pending() ? -EINTR : err;
}

/* => inode lock. Pages for all of [off, end): what this call added goes again when there is no room for all. */
static int preallocate(struct inode *i, u64 off, u64 end)
{
	u64 first = off >> PAGE_SHIFT, last = (end + PAGE_SIZE - 1) >> PAGE_SHIFT, k;
	struct tmpfs_super *s = tmpfs_super_of(i);
	if (s->limits.max_pages && last - first > s->limits.max_pages)
		return -ENOSPC;
	u64 *added = kzalloc(BITMAP_WORDS(last - first) * sizeof(u64));
	if (!added)
		return -ENOSPC;
	int err = 0;
	for (k = first; k < last && !err; k++) {
		bool one;
		err = preallocate_one(i, k, &one);
		if (one)
			bit_set(added, k - first);
	}
	/* What a process may have written to through a mapping stays, but for what lies beyond the end. */
	u64 keep = i->shared_write ? (i->size + PAGE_SIZE - 1) >> PAGE_SHIFT : 0;
	while (err && k-- > max(first, keep))
		if (bit_test(added, k - first))
			as_punch(&i->data, k, k + 1);
	kfree(added);
	tmpfs_recount(i);
	return err == -ENOMEM ? -ENOSPC : err;
}

/* => inode lock. Takes over all data that is still on the disk, so that a hole stays one. */
static int read_all(struct inode *i)
{
	struct tmpfs_source_file *f = tmpfs_source_of(i);
	int err = 0;
	if (likely(!f))
		return 0;
	tmpfs_touch(i);
	for (u64 k = 0; k << PAGE_SHIFT < f->size && !err; k++) {
		struct page *p;
		err = as_get_page(&i->data, k, true, &p);
		if (!err)
			page_put(p);
		cond_resched();
	}
	if (!err)
		f->size = 0;
	return err;
}

static long tmpfs_fallocate(struct file *f, int mode, u64 off, u64 len)
{
	struct inode *i = f->inode;
	u64 end = off + len;
	int err = 0;
	if (mode & FALLOC_FL_ZERO_RANGE)
		return -EOPNOTSUPP;
	mutex_lock(&i->lock);
	if (end > i->size && !(mode & FALLOC_FL_PUNCH_HOLE)) {
		if (i->seals & F_SEAL_GROW) {
			err = -EPERM;
		} else if (!(mode & FALLOC_FL_KEEP_SIZE) && end > rlimit_cur(RLIMIT_FSIZE)) {
			hook_send_signal_self(SIGXFSZ);
			err = -EFBIG;
		}
	}
	if (!err)
		err = read_all(i);
	if (!err && (mode & FALLOC_FL_PUNCH_HOLE))
		err = punch(i, off, end);
	if (!err && !(mode & FALLOC_FL_PUNCH_HOLE))
		err = preallocate(i, off, end);
	if (!err && !(mode & FALLOC_FL_KEEP_SIZE) && end > i->size) {
		WRITE_ONCE(i->data.size, end);
		WRITE_ONCE(i->size, end);
	}
	if (!err)
		file_modified(f);
	mutex_unlock(&i->lock);
	return err;
}

const struct file_ops tmpfs_file_ops = {
	.read = pagefile_read, .write = tmpfs_write, .llseek = pagefile_llseek, .mmap = tmpfs_mmap, .fallocate = tmpfs_fallocate,
};
