/*
 * The VMAs of an address space as a two-level copy-on-write array: see vma.h. Every change is one map_splice(): some VMAs in a row are replaced by up to
 * three others. A splice that stays inside an exclusive leaf is a memmove; otherwise the new leaves are built aside and swapped in, so that a failure
 * leaves the map as it was.
 *
 * A root or leaf may be written only while nobody else can reach it: root refs == 1, and then the leaf's refs == 1. Sharing is only ever taken under the
 * owner's mmap_lock (fork), so the owner's own check cannot be overtaken; others only drop their references.
 */
#include "mm/vma.h"

#include "lib/bug.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"

#define SPLICE_MAX_ADD 3
#define ROOT_CAP_STEP 8

/* A place in the map: leaf l, slot s. s may be the leaf's n only at the very end of the map. */
struct pos {
	u32 l, s;
};

static struct vma_leaf *leaf_alloc(void)
{
	struct vma_leaf *l = kmalloc(sizeof(*l));
	if (l) {
		atomic_set(&l->refs, 1);
		l->n = 0;
	}
	return l;
}

static void leaf_put(struct vma_leaf *l)
{
	if (!atomic_dec_and_test(&l->refs))
		return;
	for (u32 i = 0; i < l->n; i++)
		vma_refs_put(&l->v[i]);
	kfree(l);
}

static struct vma_root *root_alloc(u32 cap)
{
	struct vma_root *r = kmalloc(sizeof(*r) + cap * sizeof(r->leaf[0]));
	if (r) {
		atomic_set(&r->refs, 1);
		r->n = r->total = 0;
		r->cap = cap;
	}
	return r;
}

static void root_put(struct vma_root *r)
{
	if (!r || !atomic_dec_and_test(&r->refs))
		return;
	for (u32 i = 0; i < r->n; i++)
		leaf_put(r->leaf[i]);
	kfree(r);
}

static void leaf_update_gap(struct vma_leaf *l)
{
	l->gap = 0;
	for (u32 i = 1; i < l->n; i++)
		l->gap = max(l->gap, l->v[i].start - l->v[i - 1].end);
}

/* The first VMA with end > addr; false at the end of the map (then *p is that end). */
static bool find_pos(const struct vma_map *m, u64 addr, struct pos *p)
{
	const struct vma_root *r = m->root;
	*p = (struct pos){ 0, 0 };
	if (!r || !r->n)
		return false;
	const struct vma_leaf *last = r->leaf[r->n - 1];
	if (last->v[last->n - 1].end <= addr) {
		*p = (struct pos){ r->n, 0 };
		return false;
	}
	u32 lo = 0, hi = r->n;
	while (lo < hi) {
		u32 mid = (lo + hi) / 2;
		const struct vma_leaf *l = r->leaf[mid];
		if (l->v[l->n - 1].end > addr)
			hi = mid;
		else
			lo = mid + 1;
	}
	p->l = lo;
	const struct vma_leaf *l = r->leaf[lo];
	hi = l->n;
	lo = 0;
	while (lo < hi) {
		u32 mid = (lo + hi) / 2;
		if (l->v[mid].end > addr)
			hi = mid;
		else
			lo = mid + 1;
	}
	p->s = lo;
	return true;
}

static const struct vma *at(const struct vma_map *m, struct pos p) { return &m->root->leaf[p.l]->v[p.s]; }

static bool step(const struct vma_map *m, struct pos *p)
{
	if (++p->s < m->root->leaf[p->l]->n)
		return true;
	p->s = 0;
	return ++p->l < m->root->n;
}

/* The VMA before p (p may be the end); false when there is none. */
static bool before(const struct vma_map *m, struct pos p, struct pos *out)
{
	if (!m->root || (!p.l && !p.s))
		return false;
	*out = p;
	if (p.s)
		out->s--;
	else
		*out = (struct pos){ p.l - 1, m->root->leaf[p.l - 1]->n - 1 };
	return true;
}

const struct vma *vma_search(const struct vma_map *m, u64 addr)
{
	struct pos p;
	if (!find_pos(m, addr, &p))
		return NULL;
	const struct vma *v = at(m, p);
	__atomic_store_n(&((struct vma_map *)m)->hint, v, __ATOMIC_RELAXED);
	return v;
}

const struct vma *vma_next(const struct vma_map *m, u64 addr)
{
	struct pos p;
	if (!find_pos(m, addr, &p))
		return NULL;
	if (at(m, p)->start < addr && !step(m, &p))
		return NULL;
	return at(m, p);
}

const struct vma *vma_prev(const struct vma_map *m, u64 addr)
{
	struct pos p, q;
	find_pos(m, addr ? addr - 1 : 0, &p);
	if (m->root && p.l < m->root->n && at(m, p)->end <= addr)
		return at(m, p);
	return before(m, p, &q) ? at(m, q) : NULL;
}

/* A removal of `nremove` VMAs from p on, in leaf terms: the leaves [p.l, last] are touched, `tail` VMAs of `last` stay. */
struct span {
	u32 last, tail_from;
};

static struct span removal_span(const struct vma_map *m, struct pos p, u32 nremove)
{
	u32 l = p.l, s = p.s + nremove;
	while (s > m->root->leaf[l]->n) {
		s -= m->root->leaf[l]->n;
		l++;
	}
	return (struct span){ l, s };
}

static void leaf_fill(struct vma_leaf *dst, const struct vma *src, u32 n)
{
	memcpy(dst->v + dst->n, src, n * sizeof(*src));
	for (u32 i = 0; i < n; i++)
		vma_refs_get(&src[i]);
	dst->n += n;
}

/* The cheap case: one exclusive leaf, and what results fits in it. */
static void splice_in_place(struct vma_root *r, struct vma_leaf *l, u32 s, u32 nremove, const struct vma *add, u32 nadd)
{
	for (u32 i = 0; i < nadd; i++)
		vma_refs_get(&add[i]);
	for (u32 i = 0; i < nremove; i++)
		vma_refs_put(&l->v[s + i]);
	memmove(&l->v[s + nadd], &l->v[s + nremove], (l->n - s - nremove) * sizeof(l->v[0]));
	memcpy(&l->v[s], add, nadd * sizeof(*add));
	l->n = l->n - nremove + nadd;
	r->total = r->total - nremove + nadd;
	if (nadd == 1 && !nremove && s + 1 == l->n)
		l->gap = s ? max(l->gap, l->v[s].start - l->v[s - 1].end) : 0;
	else
		leaf_update_gap(l);
}

/* Puts leaves new[0..k) in place of old leaves [from, to) of m; consumes nothing on failure. 0 or -ENOMEM */
static int root_replace(struct vma_map *m, u32 from, u32 to, struct vma_leaf **new, u32 k, u32 total)
{
	struct vma_root *r = m->root;
	u32 n = (r ? r->n : 0) - (to - from) + k;
	if (r && atomic_read_acquire(&r->refs) == 1 && n <= r->cap) {
		for (u32 i = from; i < to; i++)
			leaf_put(r->leaf[i]);
		memmove(&r->leaf[from + k], &r->leaf[to], (r->n - to) * sizeof(r->leaf[0]));
		for (u32 i = 0; i < k; i++)
			r->leaf[from + i] = new[i];
		r->n = n;
		r->total = total;
		return 0;
	}
	struct vma_root *c = root_alloc(ALIGN_UP(n + n / 4 + 1, ROOT_CAP_STEP));
	if (!c)
		return -ENOMEM;
	for (u32 i = 0; r && i < r->n; i++) {
		if (i >= from && i < to)
			continue;
		atomic_inc(&r->leaf[i]->refs);
		c->leaf[i < from ? i : i - (to - from) + k] = r->leaf[i];
	}
	for (u32 i = 0; i < k; i++)
		c->leaf[from + i] = new[i];
	c->n = n;
	c->total = total;
	m->root = c;
	root_put(r);
	return 0;
}

/* Replaces the nremove VMAs at p by add[0..nadd). 0 or -ENOMEM with the map unchanged. */
static int map_splice(struct vma_map *m, struct pos p, u32 nremove, const struct vma *add, u32 nadd)
{
	struct vma_root *r = m->root;
	u32 from = p.l, to = p.l, head = 0;
	m->hint = NULL;
	struct span sp = { 0, 0 };
	if (r && p.l == r->n && r->n) /* appending: extend the last leaf */
		p = (struct pos){ r->n - 1, r->leaf[r->n - 1]->n };
	if (r && r->n) {
		sp = removal_span(m, p, nremove);
		from = p.l;
		to = sp.last + 1;
		head = p.s;
	}
	u32 tail = to > from ? r->leaf[sp.last]->n - sp.tail_from : 0, count = head + nadd + tail;
	if (to == from + 1 && count && count <= VMA_LEAF_MAX && atomic_read_acquire(&r->refs) == 1 &&
	    atomic_read_acquire(&r->leaf[from]->refs) == 1) {
		splice_in_place(r, r->leaf[from], p.s, nremove, add, nadd);
		return 0;
	}
	u32 k = (count + VMA_LEAF_MAX - 1) / VMA_LEAF_MAX;
	struct vma_leaf *new[3] = { NULL };
	struct vma buf[2 * VMA_LEAF_MAX + SPLICE_MAX_ADD];
	u32 b = 0;
	for (u32 i = 0; i < head; i++)
		buf[b++] = r->leaf[from]->v[i];
	for (u32 i = 0; i < nadd; i++)
		buf[b++] = add[i];
	for (u32 i = 0; i < tail; i++)
		buf[b++] = r->leaf[sp.last]->v[sp.tail_from + i];
	int err = 0;
	for (u32 i = 0, done = 0; i < k && !err; i++) {
		new[i] = leaf_alloc();
		if (!new[i]) {
			err = -ENOMEM;
			break;
		}
		u32 n = (count - done) / (k - i);
		leaf_fill(new[i], buf + done, n);
		leaf_update_gap(new[i]);
		done += n;
	}
	if (!err)
		err = root_replace(m, from, to, new, k, (r ? r->total : 0) - nremove + nadd);
	for (u32 i = 0; err && i < k; i++)
		if (new[i])
			leaf_put(new[i]);
	return err;
}

/* May b, which begins where a ends, be one VMA with it? */
static bool can_merge(const struct vma *a, const struct vma *b)
{
	return a->end == b->start && !((a->flags ^ b->flags) & ~VM_CLEAN) && a->mapping == b->mapping && a->file == b->file && !a->special &&
		   !b->special && (!a->mapping || a->pgoff + ((a->end - a->start) >> 12) == b->pgoff);
}

int vma_insert(struct vma_map *m, const struct vma *v)
{
	struct pos p, prev;
	struct vma merged = *v;
	u32 nremove = 0;
	bool more = find_pos(m, v->start, &p);
	struct pos first = p;
	ASSERT(!more || at(m, p)->start >= v->end);
	if (more && can_merge(v, at(m, p))) {
		merged.end = at(m, p)->end;
		merged.flags &= at(m, p)->flags;
		nremove++;
	}
	if (before(m, p, &prev) && can_merge(at(m, prev), v)) {
		merged.start = at(m, prev)->start;
		merged.pgoff = at(m, prev)->pgoff;
		merged.flags &= at(m, prev)->flags;
		first = prev;
		nremove++;
	}
	return map_splice(m, first, nremove, &merged, 1);
}

/* The part [start, end) of *v. */
static struct vma vma_part(const struct vma *v, u64 start, u64 end)
{
	struct vma part = *v;
	part.start = start;
	part.end = end;
	part.pgoff += (start - v->start) >> 12;
	if (part.special)
		part.special += (start - v->start) >> 12;
	return part;
}

int vma_remove(struct vma_map *m, u64 start, u64 end)
{
	struct pos p;
	if (!find_pos(m, start, &p) || at(m, p)->start >= end)
		return 0;
	struct vma keep[2];
	u32 nadd = 0, nremove = 0;
	struct pos q = p;
	do {
		const struct vma *v = at(m, q);
		if (v->start >= end)
			break;
		if (v->start < start)
			keep[nadd++] = vma_part(v, v->start, start);
		if (v->end > end)
			keep[nadd++] = vma_part(v, end, v->end);
		nremove++;
	} while (step(m, &q));
	return map_splice(m, p, nremove, keep, nadd);
}

int vma_change_flags(struct vma_map *m, u64 start, u64 end, u64 clear, u64 set)
{
	while (start < end) {
		struct pos p, prev, next;
		if (!find_pos(m, start, &p) || at(m, p)->start >= end)
			return 0;
		const struct vma v = *at(m, p);
		u64 from = max(start, v.start), to = min(end, v.end);
		start = v.end;
		if (((v.flags & ~clear) | set) == v.flags)
			continue;
		struct vma add[SPLICE_MAX_ADD];
		struct pos first = p;
		u32 n = 0, nremove = 1;
		struct vma mid = vma_part(&v, from, to);
		mid.flags = (v.flags & ~clear) | set;
		if (v.start < from)
			add[n++] = vma_part(&v, v.start, from);
		else if (before(m, p, &prev) && can_merge(at(m, prev), &mid)) {
			mid.start = at(m, prev)->start;
			mid.pgoff = at(m, prev)->pgoff;
			mid.flags &= at(m, prev)->flags;
			first = prev;
			nremove++;
		}
		next = p;
		if (to == v.end && step(m, &next) && can_merge(&mid, at(m, next))) {
			mid.end = at(m, next)->end;
			mid.flags &= at(m, next)->flags;
			nremove++;
		}
		add[n++] = mid;
		if (to < v.end)
			add[n++] = vma_part(&v, to, v.end);
		int err = map_splice(m, first, nremove, add, n);
		if (err)
			return err;
	}
	return 0;
}

int vma_grow_down(struct vma_map *m, u64 start, u64 new_start)
{
	struct pos p;
	if (!find_pos(m, start, &p) || at(m, p)->start != start)
		return -EFAULT;
	struct vma v = *at(m, p);
	v.pgoff -= (start - new_start) >> 12;
	v.start = new_start;
	return map_splice(m, p, 1, &v, 1);
}

void vma_map_share(struct vma_map *dst, const struct vma_map *src)
{
	dst->root = src->root;
	dst->hint = src->hint;
	if (dst->root)
		atomic_inc(&dst->root->refs);
}

void vma_map_destroy(struct vma_map *m)
{
	struct vma_root *r = m->root;
	m->root = NULL;
	m->hint = NULL;
	root_put(r);
}

u32 vma_count(const struct vma_map *m) { return m->root ? m->root->total : 0; }

static u64 guard_below(const struct vma *v) { return v->flags & VM_GROWSDOWN ? min(v->start, STACK_GUARD_GAP) : 0; }

/* Is there room for len in the hole (low, high) cut to [bottom, top)? */
static bool hole_fits(u64 low, u64 high, u64 len, u64 bottom, u64 top)
{
	low = max(low, bottom);
	high = min(high, top);
	return high > low && high - low >= len;
}

int vma_find_hole_topdown(const struct vma_map *m, u64 len, u64 bottom, u64 top, u64 *out)
{
	u64 high = top; /* end of the hole under test: where the VMA above begins */
	for (u32 l = m->root ? m->root->n : 0; l-- > 0;) {
		const struct vma_leaf *leaf = m->root->leaf[l];
		for (u32 s = leaf->n; s-- > 0;) {
			const struct vma *v = &leaf->v[s];
			if (hole_fits(v->end, high, len, bottom, top)) {
				*out = min(high, top) - len;
				return 0;
			}
			high = min(high, v->start - guard_below(v));
			if (s == leaf->n - 1 && leaf->gap < len) {
				/* no hole inside this leaf can do: jump to its first VMA */
				high = min(high, leaf->v[0].start - guard_below(&leaf->v[0]));
				break;
			}
		}
		if (high <= bottom)
			return -ENOMEM;
	}
	if (!hole_fits(0, high, len, bottom, top))
		return -ENOMEM;
	*out = min(high, top) - len;
	return 0;
}

int vma_find_hole_bottomup(const struct vma_map *m, u64 len, u64 bottom, u64 top, u64 *out)
{
	u64 low = bottom;
	for (u32 l = 0; m->root && l < m->root->n; l++) {
		const struct vma_leaf *leaf = m->root->leaf[l];
		for (u32 s = 0; s < leaf->n; s++) {
			const struct vma *v = &leaf->v[s];
			if (hole_fits(low, v->start - guard_below(v), len, bottom, top)) {
				*out = max(low, bottom);
				return 0;
			}
			low = max(low, v->end);
		}
	}
	if (!hole_fits(low, top, len, bottom, top))
		return -ENOMEM;
	*out = max(low, bottom);
	return 0;
}
