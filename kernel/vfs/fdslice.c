/* Bodies and slices of descriptor tables: sharing and copying. Entry points and rules: fdslice.h. */
#include "vfs/fdslice.h"

#include "lib/bug.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "sched/sched.h"

struct fdbody *fdbody_alloc(u32 nr)
{
	struct fdbody *b = kzalloc(sizeof(*b) + nr * sizeof(b->slice[0]));
	if (!b)
		return NULL;
	atomic_set(&b->refs, 1);
	b->nr = nr;
	return b;
}

/* A copy of s (NULL: an empty one). */
static struct fdslice *slice_copy(const struct fdslice *s, bool reserved_too)
{
	struct fdslice *n = kmalloc(sizeof(*n));
	if (!n)
		return NULL;
	if (s)
		memcpy(n, s, sizeof(*n));
	else
		memset(n, 0, sizeof(*n));
	atomic_set(&n->refs, 1);
	for (u64 left = n->used; left; left &= left - 1) {
		struct file *f = n->file[__builtin_ctzl(left)];
		if (f)
			file_get(f);
		else if (!reserved_too)
			n->used &= ~(left & -left); /* another thread's open is about to use it: not ours */
	}
	n->cloexec &= n->used;
	return n;
}

static void slice_put(struct fdslice *s)
{
	if (!atomic_dec_and_test(&s->refs))
		return;
	for (u64 left = s->used; left; left &= left - 1) {
		struct file *f = s->file[__builtin_ctzl(left)];
		if (f)
			file_put(f);
	}
	kfree(s);
}

void fdbody_put(struct fdbody *b)
{
	if (!atomic_dec_and_test(&b->refs))
		return;
	for (u32 i = 0; i < b->nr; i++) {
		if (!b->slice[i])
			continue;
		slice_put(b->slice[i]);
		if (i)
			cond_resched();
	}
	kfree(b);
}

struct fdbody *fdbody_copy(const struct fdbody *b)
{
	struct fdbody *n = fdbody_alloc(b->nr);
	if (!n)
		return NULL;
	n->flush = b->flush;
	for (u32 i = 0; i < b->nr; i++) {
		if (!b->slice[i] || !b->slice[i]->used)
			continue;
		n->slice[i] = slice_copy(b->slice[i], false);
		if (n->slice[i])
			continue;
		/* b holds each of these files as well: none is put for the last time, which would have to sleep. */
		while (i--)
			if (n->slice[i])
				slice_put(n->slice[i]);
		kfree(n);
		return NULL;
	}
	return n;
}

/* *pb as the only holder's, with room for `want` slices. => as fdbody_own() */
static int body_own(struct fdbody **pb, u32 want)
{
	struct fdbody *b = *pb;
	u32 nr = b->nr;
	while (nr < want)
		nr *= 2;
	if (nr == b->nr && atomic_read(&b->refs) == 1)
		return 0;
	struct fdbody *n = fdbody_alloc(nr);
	if (!n)
		return -ENOMEM;
	n->flush = b->flush;
	memcpy(n->slice, b->slice, b->nr * sizeof(b->slice[0]));
	for (u32 i = 0; i < b->nr; i++)
		if (n->slice[i])
			atomic_inc(&n->slice[i]->refs);
	/* Whoever it was shared with may leave at this moment; no slice goes with it, for each has the new body. */
	if (atomic_dec_and_test(&b->refs)) {
		for (u32 i = 0; i < b->nr; i++)
			if (b->slice[i])
				BUG_ON(atomic_dec_and_test(&b->slice[i]->refs));
		kfree(b);
	}
	*pb = n;
	return 0;
}

int fdbody_own(struct fdbody **pb, u32 i, struct fdslice **out)
{
	if (unlikely(i >= (*pb)->nr || atomic_read(&(*pb)->refs) > 1)) {
		int err = body_own(pb, i + 1);
		if (err)
			return err;
	}
	struct fdslice *s = (*pb)->slice[i];
	if (unlikely(!s || atomic_read(&s->refs) > 1)) {
		struct fdslice *n = slice_copy(s, true);
		if (!n)
			return -ENOMEM;
		/* Not the last to hold these files, even if it is the last to hold s by now: n does. */
		if (s)
			slice_put(s);
		(*pb)->slice[i] = s = n;
	}
	*out = s;
	return 0;
}

u32 fdbody_next_free(const struct fdbody *b, u32 from)
{
	for (u32 i = from / SLICE_FDS; i < b->nr; i++, from = i * SLICE_FDS) {
		u64 free = (b->slice[i] ? ~b->slice[i]->used : ~0UL) & (~0UL << (from % SLICE_FDS));
		if (free)
			return i * SLICE_FDS + (u32)__builtin_ctzl(free);
	}
	return max(from, b->nr * SLICE_FDS);
}

s64 fdbody_next_file(const struct fdbody *b, u32 from)
{
	for (u32 i = from / SLICE_FDS; i < b->nr; i++, from = i * SLICE_FDS) {
		const struct fdslice *s = b->slice[i];
		for (u64 left = s ? s->used & (~0UL << (from % SLICE_FDS)) : 0; left; left &= left - 1)
			if (s->file[__builtin_ctzl(left)])
				return i * SLICE_FDS + (u32)__builtin_ctzl(left);
	}
	return -1;
}
