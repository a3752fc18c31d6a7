/* Files whose data is the page cache of their inode. Entry points: pagefile_read/write/llseek/mmap, file_write_checks, file_accessed, file_modified. */
#include <asm/signal.h>
#include <linux/fs.h>
#include <linux/resource.h>

#include "mm/mm.h"
#include "vfs/internal.h"
#include "vfs/pipe.h"

#ifndef RWF_NOAPPEND
#define RWF_NOAPPEND 0x20
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

/* Does a read now change its access time? relatime: only when it tells something new, or once a day. */
bool atime_is_stale(struct mount *m, const struct inode *i)
{
	u32 flags = m ? mount_flags(m) : 0;
	if ((flags & (MS_NOATIME | MS_RDONLY)) || unlikely(i->attr_flags & FS_NOATIME_FL) || ((flags & MS_NODIRATIME) && S_ISDIR(i->mode)))
		return false;
	struct file_time now = file_now();
	return !((flags & MS_RELATIME) && file_time_after(i->atime, i->mtime) && file_time_after(i->atime, i->ctime) &&
		 (s64)((u64)now.sec - (u64)i->atime.sec) < 86400);
}

void touch_atime(struct mount *m, struct inode *i)
{
	if (atime_is_stale(m, i))
		i->atime = file_now();
}

void file_accessed(struct file *f)
{
	if (!(f->flags & O_NOATIME))
		touch_atime(f->path.mnt, f->inode);
}

void file_modified(struct file *f)
{
	struct inode *i = f->inode;
	u32 mode = i->mode;
	i->mtime = i->ctime = file_now();
	if (unlikely(i->has_caps))
		inode_drop_caps(i);
	if (likely(!(mode & (S_ISUID | S_ISGID))) || capable(CAP_FSETID))
		return;
	mode &= ~(u32)S_ISUID;
	if (mode & S_IXGRP)
		mode &= ~(u32)S_ISGID;
	WRITE_ONCE(i->mode, mode);
}

ssize_t pagefile_read(struct file *f, struct iter *to, u64 *pos)
{
	struct inode *i = f->inode;
	size_t done = 0;
	int err = 0;
	while (to->count) {
		u64 size = READ_ONCE(i->size), at = *pos;
		if (at >= size)
			break;
		size_t off = at & (PAGE_SIZE - 1);
		size_t n = min(min(PAGE_SIZE - off, to->count), size - at);
		struct page *p;
		/* Without a fill operation a page that is not there is a hole. */
		err = as_get_page(&i->data, at >> PAGE_SHIFT, i->data.ops != NULL, &p);
		if (err)
			break;
		size_t moved = p ? iter_copy_to(to, (char *)page_virt(p) + off, n) : iter_zero(to, n);
		if (p)
			page_put(p);
		done += moved;
		*pos += moved;
		if (moved < n) {
			err = -EFAULT;
			break;
		}
		cond_resched();
	}
	file_accessed(f);
	return done ? (ssize_t)done : err;
}

int check_file_limit(struct inode *i, u64 size)
{
	if (size <= i->size)
		return 0;
	if (size > rlimit_cur(RLIMIT_FSIZE)) {
		hook_send_signal_self(SIGXFSZ);
		return -EFBIG;
	}
	return size > MAX_FILE_SIZE ? -EFBIG : 0;
}

#define WRITE_PIECE (2UL << 20)

int file_write_checks(struct file *f, struct iter *from, u64 *pos)
{
	struct inode *i = f->inode;
	u64 limit = rlimit_cur(RLIMIT_FSIZE);
	bool append = (f->flags & O_APPEND) && !(from->flags & RWF_NOAPPEND);
	if (append || (from->flags & RWF_APPEND))
		*pos = i->size;
	if (!from->count)
		return 0;
	if (*pos >= limit) {
		hook_send_signal_self(SIGXFSZ);
		return -EFBIG;
	}
	u64 room = min(limit, MAX_FILE_SIZE) - min(*pos, MAX_FILE_SIZE);
	if (!room)
		return -EFBIG;
	from->count = min(from->count, room);
	if (i->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	if ((i->seals & F_SEAL_GROW) && *pos + from->count > i->size) {
		/* In pieces as Linux writes, which are of its largest folio's size: none of the piece in which it would grow. */
		u64 whole = ALIGN_DOWN(i->size, WRITE_PIECE);
		if (*pos >= whole)
			return -EPERM;
		from->count = whole - *pos;
	}
	return 0;
}

/* The page at index to write n bytes into. */
static int page_for_write(struct inode *i, u64 index, int (*charge)(struct inode *, u64), struct page **out)
{
	if (charge) {
		int err = as_get_page(&i->data, index, false, out);
		if (err || *out)
			return err;
		err = charge(i, 1);
		if (err)
			return err;
	}
	return as_get_page(&i->data, index, true, out);
}

ssize_t pagefile_write(struct file *f, struct iter *from, u64 *pos, int (*charge)(struct inode *i, u64 pages))
{
	struct inode *i = f->inode;
	size_t done = 0;
	mutex_lock(&i->lock);
	int err = file_write_checks(f, from, pos);
	if (!err && from->count)
		file_modified(f);
	while (!err && from->count) {
		size_t off = *pos & (PAGE_SIZE - 1);
		size_t n = min(PAGE_SIZE - off, from->count);
		struct page *p;
		err = page_for_write(i, *pos >> PAGE_SHIFT, charge, &p);
		if (err)
			break;
		size_t moved = iter_copy_from(from, (char *)page_virt(p) + off, n);
		page_put(p);
		done += moved;
		*pos += moved;
		if (*pos > i->size) {
			WRITE_ONCE(i->size, *pos);
			WRITE_ONCE(i->data.size, *pos);
		}
		if (moved < n)
			err = -EFAULT;
		else if (fatal_signal_pending())
			err = -EINTR;
		cond_resched();
	}
	mutex_unlock(&i->lock);
	return done ? (ssize_t)done : err;
}

/* First page index >= from (and below end, else end) that has data, or with hole the first that has none. */
static u64 scan_pages(struct address_space *as, u64 from, u64 end, bool hole)
{
	u64 index = from;
	bool found = false;
	while (!found && index < end) {
		spin_lock(&as->lock);
		if (!hole) {
			found = true;
			if (index >= as->inplace_pages && !radix_next(&as->tree, &index))
				index = end;
		}
		/* Holes are looked for a stretch at a time, so that the lock is not held for long. */
		for (u32 n = 0; hole && !found && n < 512 && index < end; n++) {
			found = index >= as->inplace_pages && !radix_get(&as->tree, index);
			index += !found;
		}
		spin_unlock(&as->lock);
		cond_resched();
	}
	return min(index, end);
}

s64 pagefile_llseek(struct file *f, s64 off, int whence)
{
	struct inode *i = f->inode;
	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return generic_llseek(f, off, whence, i->size, MAX_FILE_SIZE);
	mutex_lock(&i->lock);
	u64 size = i->size, at = (u64)off;
	if (off < 0 || at >= size) {
		mutex_unlock(&i->lock);
		return -ENXIO;
	}
	u64 end = (size + PAGE_SIZE - 1) >> PAGE_SHIFT, first = at >> PAGE_SHIFT;
	/* With something behind the cache, all of it counts as data. */
	u64 found = i->data.ops ? (whence == SEEK_HOLE ? end : first) : scan_pages(&i->data, first, end, whence == SEEK_HOLE);
	mutex_unlock(&i->lock);
	if (found > first)
		at = found << PAGE_SHIFT;
	if (whence == SEEK_HOLE)
		at = min(at, size);
	else if (found >= end)
		return -ENXIO;
	f->pos = at;
	return (s64)at;
}

int pagefile_mmap(struct file *f, struct map_request *r)
{
	file_accessed(f);
	r->mapping = &f->inode->data;
	return 0;
}
