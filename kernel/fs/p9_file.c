/*
 * Data of the 9P file system. Reads and writes go to the host each time, so that both sides see what the other did; what is mapped or executed comes from
 * the page cache, which writes keep up to date and which is dropped when the file turns out to have changed meanwhile (as Linux with cache=none).
 * Shared writable mappings are refused, as there. Entry points: p9_file_ops, p9_as_ops, p9_check_pages().
 *
 * User memory is copied from and to a buffer of our own, never while a call is held: a fault may need a call.
 */
#include "fs/p9_internal.h"

#include <asm/mman.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/mman.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "vfs/internal.h"

#define AHEAD 16u /* pages that a fault reads at once */

/* A buffer for data that is on its way: as large as is to be had, up to want. */
static void *data_buffer(size_t want, u32 *size)
{
	for (u32 n = P9_DATA; n >= PAGE_SIZE; n /= 2) {
		if (n > PAGE_SIZE && n / 2 >= want)
			continue;
		void *buf = kmalloc(n);
		if (buf) {
			*size = n;
			return buf;
		}
	}
	return NULL;
}

/* --- open and close --------------------------------------------------------------------------------------------------------------------------- */

/* The pages in the cache are those of an older file: drops them. => inode lock */
static void p9_check_pages(struct inode *i)
{
	struct p9_inode *p = p9_of(i);
	if (p->page_size == i->size && file_time_same(p->page_mtime, i->mtime))
		return;
	as_punch(&i->data, 0, ~0UL >> PAGE_SHIFT);
	p->page_size = i->size;
	p->page_mtime = i->mtime;
}

/* Asks how the file is now. A file without a name any more is as it was. => inode lock */
static int look_again(struct inode *i)
{
	int err = p9_refresh(i);
	if (!err)
		p9_check_pages(i);
	return err == -ENOENT ? 0 : err;
}

static int file_op_open(struct inode *i, struct file *f)
{
	struct p9_open *o = xchg(&p9_of(i)->fresh, NULL);
	/* What was opened by being made is open for both; but O_APPEND and O_DSYNC are the host's to keep. */
	if (o && (f->flags & (O_APPEND | O_DSYNC))) {
		struct p9_open *again;
		if (!p9_open_at(i, f->flags & (O_ACCMODE | O_APPEND | O_DSYNC | O_SYNC), &again)) {
			p9_open_put(o);
			o = again;
		}
	} else if (!o) {
		int err = p9_open_at(i, f->flags & (O_ACCMODE | O_APPEND | O_DSYNC | O_SYNC), &o);
		if (err)
			return err;
	}
	f->private = o;
	mutex_lock(&i->lock);
	int err = look_again(i);
	mutex_unlock(&i->lock);
	if (err)
		p9_open_put(o);
	return err;
}

static void file_op_release(struct file *f) { p9_open_put(f->private); }

static int file_op_fsync(struct file *f)
{
	struct p9_open *o = f->private;
	return p9_fsync(o->s, o->fid);
}

/* --- read and write --------------------------------------------------------------------------------------------------------------------------- */

static int read_part(struct inode *i, struct p9_open *o, u64 pos, void *buf, u32 n)
{
	return unlikely(READ_ONCE(p9_of(i)->nameless)) ? p9_nameless_read(i, o, pos, buf, n) : p9_read(o->s, o->fid, pos, buf, n);
}

static ssize_t file_op_read(struct file *f, struct iter *to, u64 *pos)
{
	struct p9_open *o = f->private;
	u32 size;
	size_t done = 0;
	int n = 0;
	void *buf = to->count ? data_buffer(to->count, &size) : NULL;
	if (!buf)
		return to->count ? -ENOMEM : 0;
	while (to->count && !fatal_signal_pending()) {
		u32 want = (u32)min((size_t)size, to->count);
		n = read_part(f->inode, o, *pos, buf, want);
		if (n <= 0)
			break;
		size_t moved = iter_copy_to(to, buf, (size_t)n);
		done += moved;
		*pos += moved;
		if (moved < (size_t)n)
			n = -EFAULT;
		if (n < (int)want)
			break;
		cond_resched();
	}
	kfree(buf);
	return done ? (ssize_t)done : n;
}

/* What has been written goes into the pages that are there. => inode lock */
static void update_pages(struct inode *i, u64 pos, const u8 *buf, u32 n)
{
	while (n) {
		u32 off = (u32)(pos & (PAGE_SIZE - 1)), part = min(n, (u32)PAGE_SIZE - off);
		struct page *p;
		as_get_cached(&i->data, pos >> PAGE_SHIFT, 1, &p);
		if (p) {
			memcpy((u8 *)page_virt(p) + off, buf, part);
			page_put(p);
		}
		pos += part;
		buf += part;
		n -= part;
	}
}

/* => inode lock. Set-id bits that file_modified() took away go on the host, too. */
static void before_write(struct file *f)
{
	u32 mode = f->inode->mode;
	file_modified(f);
	if (f->inode->mode != mode) {
		struct inode_attr a = { .valid = ATTR_MODE, .mode = f->inode->mode & 07777 };
		(void)p9_setattr_op(f->inode, &a);
	}
}

/* One message's worth from buf, at *pos. Bytes or -errno. => inode lock */
static int write_part(struct file *f, const void *buf, u32 n, u64 *pos)
{
	struct p9_open *o = f->private;
	struct inode *i = f->inode;
	int w = p9_of(i)->nameless ? p9_nameless_write(i, o, *pos, buf, n) : p9_write(o->s, o->fid, *pos, buf, n);
	if (w <= 0)
		return w;
	update_pages(i, *pos, buf, (u32)w);
	*pos += (u32)w;
	if (*pos > i->size) {
		WRITE_ONCE(i->size, *pos);
		WRITE_ONCE(i->data.size, *pos);
	}
	return w;
}

static ssize_t file_op_write(struct file *f, struct iter *from, u64 *pos)
{
	struct inode *i = f->inode;
	u32 size = 0;
	size_t done = 0;
	void *buf = from->count ? data_buffer(from->count, &size) : NULL;
	if (from->count && !buf)
		return -ENOMEM;
	mutex_lock(&i->lock);
	int err = f->flags & O_APPEND ? look_again(i) : 0;
	if (!err)
		err = file_write_checks(f, from, pos);
	if (!err && from->count)
		before_write(f);
	while (!err && from->count) {
		size_t n = min((size_t)size, from->count);
		size_t got = iter_copy_from(from, buf, n);
		int w = got ? write_part(f, buf, (u32)got, pos) : 0;
		if (w > 0)
			done += (size_t)w;
		if (w < 0)
			err = w;
		else if (got < n)
			err = -EFAULT;
		else if (w < (int)got)
			break;
		else if (fatal_signal_pending())
			err = -EINTR;
		cond_resched();
	}
	mutex_unlock(&i->lock);
	kfree(buf);
	return done ? (ssize_t)done : err;
}

static s64 file_op_llseek(struct file *f, s64 off, int whence)
{
	struct inode *i = f->inode;
	if (whence == SEEK_END || whence == SEEK_DATA || whence == SEEK_HOLE) {
		mutex_lock(&i->lock);
		int err = look_again(i);
		mutex_unlock(&i->lock);
		if (err)
			return err;
	}
	return generic_llseek(f, off, whence, i->size, MAX_FILE_SIZE);
}

/* --- pages ------------------------------------------------------------------------------------------------------------------------------------ */

static int p9_fill(struct address_space *as, struct page *page, u64 index)
{
	struct inode *i = as->owner;
	struct p9_open *o = READ_ONCE(p9_of(i)->reader);
	u32 size, cuts = as_cuts(as);
	if (!o)
		return -EIO;
	u64 left = as->size > index << PAGE_SHIFT ? as->size - (index << PAGE_SHIFT) : PAGE_SIZE;
	u8 *buf = data_buffer(min(left, (u64)AHEAD * PAGE_SIZE), &size);
	if (!buf)
		return -ENOMEM;
	int n = read_part(i, o, index << PAGE_SHIFT, buf, size);
	if (n > 0) {
		memcpy(page_virt(page), buf, min((u32)n, (u32)PAGE_SIZE));
		as_keep_ahead(as, cuts, index, buf, (u32)n);
	}
	kfree(buf);
	return n < 0 ? n : 0;
}

const struct address_space_ops p9_as_ops = { .fill = p9_fill };

static int file_op_mmap(struct file *f, struct map_request *r)
{
	struct inode *i = f->inode;
	struct p9_open *o = f->private;
	if ((r->flags & MAP_TYPE) != MAP_PRIVATE && !(r->max_flags_drop & VM_MAYWRITE))
		return -EINVAL;
	if (!READ_ONCE(p9_of(i)->reader)) {
		atomic_inc(&o->refs);
		if (cmpxchg(&p9_of(i)->reader, NULL, o))
			p9_open_put(o);
	}
	mutex_lock(&i->lock);
	int err = look_again(i);
	mutex_unlock(&i->lock);
	return err ? err : pagefile_mmap(f, r);
}

const struct inode_ops p9_file_inode_ops = { .setattr = p9_setattr_op, .getattr = p9_getattr_op, .revalidate = p9_revalidate };
const struct file_ops p9_file_ops = {
	.open = file_op_open,
	.release = file_op_release,
	.read = file_op_read,
	.write = file_op_write,
	.llseek = file_op_llseek,
	.no_leases = true,
	.fsync = file_op_fsync,
	.mmap = file_op_mmap,
};
