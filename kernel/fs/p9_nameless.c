/*
 * Files of the 9P file system whose last name was taken away here while they are open. Entry points: p9_before_unlink(), p9_after_unlink(),
 * p9_open_shared(), p9_nameless_setattr(), p9_nameless_read(), p9_nameless_write().
 *
 * The other side reads and writes them through the fid that is open, but everything else it does by a path, which is nobody's now or, worse, another file's.
 * So from then on what such a file is lies here: attributes and size. Nobody can look at it but through its inode. On the other side its data are right
 * below `valid`; from there to the size they read as zeros, whatever is left there, below `host_size`, of what was cut off.
 */
#include <linux/fcntl.h>

#include "fs/p9_internal.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"

/* --- the last name goes ----------------------------------------------------------------------------------------------------------------------- */

static bool open_tryget(struct p9_open *o)
{
	s32 n = atomic_read(&o->refs), found;
	while (n > 0 && (found = cmpxchg(&o->refs.v, n, n + 1)) != n)
		n = found;
	return n > 0;
}

/* => session lock. Some open that allows this access, with a reference, or NULL. */
static struct p9_open *find_open(struct p9_inode *p, u32 acc, bool append)
{
	struct p9_open *o;
	list_for_each (o, &p->opens, node) {
		u32 has = o->flags & O_ACCMODE;
		if ((has == O_RDWR || has == acc) && !(o->flags & O_APPEND) == !append && open_tryget(o))
			return o;
	}
	return NULL;
}

static struct p9_open *any_open(struct inode *i, u32 acc, bool append)
{
	struct p9_session *s = p9_session_of(i);
	spin_lock(&s->lock);
	struct p9_open *o = find_open(p9_of(i), acc, append);
	spin_unlock(&s->lock);
	return o;
}

void p9_before_unlink(struct inode *i)
{
	struct p9_inode *p = p9_of(i);
	if (list_empty(&p->opens) || p->stale)
		return;
	(void)p9_refresh(i);
	/* The other side puts what comes through a fid with O_APPEND at the end that it knows: there has to be one without, while there still is a path. */
	struct p9_open *append = S_ISREG(i->mode) ? any_open(i, O_WRONLY, true) : NULL, *plain = append ? any_open(i, O_WRONLY, false) : NULL;
	if (append && !plain && p9_open_at(i, O_RDWR, &p->spare))
		(void)p9_open_at(i, O_WRONLY, &p->spare);
	p9_open_put(append);
	p9_open_put(plain);
}

void p9_after_unlink(struct inode *i)
{
	struct p9_inode *p = p9_of(i);
	bool known = !p->stale;
	bool last = S_ISDIR(i->mode) || i->nlink <= 1;
	i->nlink = last ? 0 : i->nlink - 1;
	if (!last && known)
		p9_find_place(i);
	else
		WRITE_ONCE(p->stale, true);
	if (last && known) {
		p->valid = p->host_size = i->size;
		WRITE_ONCE(p->nameless, true);
	} else if (p->spare) {
		p9_open_put(xchg(&p->spare, NULL));
	}
}

int p9_open_shared(struct inode *i, u32 flags, struct p9_open **out)
{
	if (!S_ISREG(i->mode) || !READ_ONCE(p9_of(i)->nameless))
		return -ENOENT;
	*out = any_open(i, flags & O_ACCMODE, false);
	if (!*out)
		*out = any_open(i, flags & O_ACCMODE, true);
	return *out ? 0 : -EACCES;
}

/* --- attributes and size: => inode lock --------------------------------------------------------------------------------------------------------- */

int p9_nameless_setattr(struct inode *i, const struct inode_attr *a)
{
	struct p9_inode *p = p9_of(i);
	inode_take_attr(i, a);
	if ((a->valid & ATTR_SIZE) && S_ISREG(i->mode)) {
		WRITE_ONCE(p->valid, min(p->valid, a->size));
		as_truncate(&i->data, a->size);
		WRITE_ONCE(i->data.size, a->size);
		WRITE_ONCE(i->size, a->size);
		i->blocks = (min(a->size, p->host_size) + 511) / 512;
	}
	return 0;
}

/* Writes zeros over what is left on the other side in [valid, to). 0 or -errno. */
static int clear_until(struct inode *i, struct p9_open *o, u64 to)
{
	struct p9_inode *p = p9_of(i);
	u64 end = min(to, p->host_size);
	if (p->valid >= end)
		return 0;
	void *zeros = kzalloc(PAGE_SIZE);
	int n = zeros ? 1 : -ENOMEM;
	while (p->valid < end && n > 0) {
		n = p9_write(o->s, o->fid, p->valid, zeros, (u32)min(end - p->valid, (u64)PAGE_SIZE));
		if (n > 0)
			WRITE_ONCE(p->valid, p->valid + (u32)n);
	}
	kfree(zeros);
	return n < 0 ? n : p->valid < end ? -EIO : 0;
}

int p9_nameless_write(struct inode *i, struct p9_open *o, u64 pos, const void *buf, u32 n)
{
	struct p9_inode *p = p9_of(i);
	struct p9_open *by = (o->flags & O_APPEND) ? READ_ONCE(p->spare) : o, *held = NULL;
	if (!by)
		by = held = any_open(i, O_WRONLY, false);
	if (!by)
		return -EIO;
	int w = clear_until(i, by, pos);
	if (!w)
		w = p9_write(by->s, by->fid, pos, buf, n);
	if (w > 0) {
		/* Beyond the other side's end there is a hole, which reads as zeros, too. */
		if (pos <= p->valid || p->valid >= p->host_size)
			WRITE_ONCE(p->valid, max(p->valid, pos + (u32)w));
		p->host_size = max(p->host_size, pos + (u32)w);
		i->blocks = (min(max(i->size, pos + (u32)w), p->host_size) + 511) / 512;
	}
	p9_open_put(held);
	return w;
}

int p9_nameless_read(struct inode *i, struct p9_open *o, u64 pos, void *buf, u32 n)
{
	u64 size = READ_ONCE(i->size), valid = READ_ONCE(p9_of(i)->valid);
	u32 got = 0;
	if (pos >= size)
		return 0;
	n = (u32)min((u64)n, size - pos);
	if (pos < valid) {
		u32 part = (u32)min((u64)n, valid - pos);
		int r = p9_read(o->s, o->fid, pos, buf, part);
		if (r < 0)
			return r;
		got = (u32)r;
	}
	memset((u8 *)buf + got, 0, n - got);
	return (int)n;
}
