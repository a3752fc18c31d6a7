/* Block devices: the table of them, reads through a page cache, the files in /dev. Entry points: blkdev_register/find/by_path/read, blkdev_file_ops. */
#include "vfs/blkdev.h"

#include <linux/fs.h>

#include "sched/timer.h"
#include "vfs/internal.h"

static LIST_HEAD(devices); /* boot only */

/* The last page of a device may be cut short. */
static int cache_fill(struct address_space *as, struct page *page, u64 index)
{
	struct blkdev *b = container_of(as, struct blkdev, cache);
	u64 pos = index << PAGE_SHIFT;
	if (pos >= b->size)
		return -EIO;
	u32 n = (u32)min((u64)PAGE_SIZE, b->size - pos) & ~511u;
	u64 start = clock_mono();
	int err = b->read(b, pos, page_virt(page), n);
	atomic64_add(&b->reads, 1);
	atomic64_add(&b->sectors, n >> 9);
	atomic64_add(&b->busy_ns, (s64)(clock_mono() - start));
	return err;
}

static const struct address_space_ops cache_ops = { .fill = cache_fill };

void blkdev_register(struct blkdev *b)
{
	as_init(&b->cache, &cache_ops, b);
	b->cache.size = b->size;
	list_add_tail(&b->node, &devices);
}

struct blkdev *blkdev_at(u32 nr)
{
	struct blkdev *b;
	list_for_each (b, &devices, node)
		if (!nr--)
			return b;
	return NULL;
}

static struct blkdev *blkdev_find(u64 rdev)
{
	struct blkdev *b;
	list_for_each (b, &devices, node)
		if (b->rdev == rdev)
			return b;
	return NULL;
}

int blkdev_by_path(const char *path, struct blkdev **out)
{
	struct path p;
	int err = path_lookup(AT_FDCWD, path, LOOKUP_FOLLOW, &p);
	if (err)
		return err;
	struct inode *i = p.dentry->inode;
	if (!S_ISBLK(i->mode))
		err = -ENOTBLK;
	else if (mount_flags(p.mnt) & MS_NODEV)
		err = -EACCES;
	else
		*out = blkdev_find(i->rdev);
	path_put(&p);
	return err ? err : *out ? 0 : -ENXIO;
}

int blkdev_read(struct blkdev *b, u64 pos, void *buf, size_t n)
{
	u8 *to = buf;
	if (pos > b->size || n > b->size - pos)
		return -EIO;
	while (n) {
		struct page *p;
		u64 off = pos & (PAGE_SIZE - 1);
		size_t part = min(n, (size_t)(PAGE_SIZE - off));
		int err = as_get_page(&b->cache, pos >> PAGE_SHIFT, true, &p);
		if (err)
			return err;
		memcpy(to, (u8 *)page_virt(p) + off, part);
		page_put(p);
		to += part;
		pos += part;
		n -= part;
	}
	return 0;
}

/* --- files ------------------------------------------------------------------------------------------------------------------------------------ */

static int dev_open(struct inode *i, struct file *f)
{
	struct blkdev *b = blkdev_find(i->rdev);
	if (!b)
		return -ENXIO;
	f->private = b;
	return file_writable(f) ? -EACCES : 0; /* as Linux for a device that cannot be written */
}

static ssize_t dev_read(struct file *f, struct iter *to, u64 *pos)
{
	struct blkdev *b = f->private;
	size_t done = 0;
	int err = 0;
	while (to->count && *pos < b->size && !err) {
		struct page *p;
		u64 off = *pos & (PAGE_SIZE - 1);
		size_t n = min((size_t)min(PAGE_SIZE - off, b->size - *pos), to->count);
		err = as_get_page(&b->cache, *pos >> PAGE_SHIFT, true, &p);
		if (err)
			break;
		size_t moved = iter_copy_to(to, (u8 *)page_virt(p) + off, n);
		page_put(p);
		done += moved;
		*pos += moved;
		if (moved < n)
			err = -EFAULT;
		else if (fatal_signal_pending())
			err = -EINTR;
		cond_resched();
	}
	return done ? (ssize_t)done : err;
}

static s64 dev_llseek(struct file *f, s64 off, int whence)
{
	struct blkdev *b = f->private;
	return whence > SEEK_END ? -EINVAL : generic_llseek(f, off, whence, b->size, b->size);
}

static long dev_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct blkdev *b = f->private;
	switch (cmd) {
	case BLKGETSIZE64:
		return put_user(b->size, arg);
	case BLKGETSIZE:
		return put_user(b->size >> 9, arg);
	case BLKSSZGET:
		return put_user((s32)512, arg);
	case BLKBSZGET:
		return put_user((s32)PAGE_SIZE, arg);
	case BLKROGET:
		return put_user((s32)1, arg);
	default:
		return -ENOTTY;
	}
}

const struct file_ops blkdev_file_ops = { .open = dev_open, .read = dev_read, .llseek = dev_llseek, .ioctl = dev_ioctl };
