/* The ring of ring.h. */
#include "trace/ring.h"

#include "lib/atomic.h"
#include "lib/string.h"

void trace_ring_init(struct trace_ring *r, void *mem, u64 size) { *r = (struct trace_ring){ .data = mem, .size = size }; }

/* Copies into the ring at byte `at`. */
static void store(struct trace_ring *r, u64 at, const void *from, u64 n)
{
	u64 off = at & (r->size - 1), first = min(n, r->size - off);
	memcpy(r->data + off, from, first);
	if (unlikely(first < n))
		memcpy(r->data, (const u8 *)from + first, n - first);
}

static void load(const struct trace_ring *r, u64 at, void *to, u64 n)
{
	u64 off = at & (r->size - 1), first = min(n, r->size - off);
	memcpy(to, r->data + off, first);
	if (unlikely(first < n))
		memcpy((u8 *)to + first, r->data, n - first);
}

/* Says how many were lost, where the first lost one would have been. */
static void put_gap(struct trace_ring *r, const struct trace_head *next)
{
	struct trace_gap g = { .h = { sizeof(g), TRACE_gap, next->tid, next->ts }, .lost = r->lost };
	store(r, r->head, &g, sizeof(g));
	r->lost = 0;
	smp_store_release(&r->head, r->head + sizeof(g));
}

/* Room for `whole` bytes, and for a gap's record where one is due. */
static bool has_room(const struct trace_ring *r, u32 whole)
{
	return r->size - (r->head - smp_load_acquire(&r->tail)) >= whole + (r->lost ? sizeof(struct trace_gap) : 0);
}

bool trace_ring_put_text(struct trace_ring *r, struct trace_head *h, const void *text, u32 n)
{
	static const u64 zeroes = 0;
	u32 fixed = h->size, whole = fixed;
	if (text) {
		n = min(n, TRACE_RECORD_MAX - 8 - fixed);
		whole = ALIGN_UP(fixed + n + 1, 8u);
	}
	h->size = (u16)whole;
	if (unlikely(!has_room(r, whole))) {
		r->lost++;
		r->all_lost++;
		return false;
	}
	if (unlikely(r->lost))
		put_gap(r, h);
	store(r, r->head, h, fixed);
	if (text) {
		store(r, r->head + fixed, text, n);
		store(r, r->head + fixed + n, &zeroes, whole - fixed - n);
	}
	smp_store_release(&r->head, r->head + whole);
	return true;
}

u32 trace_ring_get(struct trace_ring *r, void *buf, u32 max)
{
	u64 n = min(smp_load_acquire(&r->head) - r->tail, (u64)max);
	load(r, r->tail, buf, n);
	smp_store_release(&r->tail, r->tail + n);
	return (u32)n;
}

u32 trace_ring_get_record(struct trace_ring *r, void *buf)
{
	u64 pos = r->tail;
	u32 n = trace_ring_peek(r, &pos, buf);
	if (n)
		smp_store_release(&r->tail, pos);
	return n;
}

u32 trace_ring_peek(const struct trace_ring *r, u64 *pos, void *buf)
{
	struct trace_head h;
	*pos = max(*pos, READ_ONCE(r->tail));
	if (smp_load_acquire(&r->head) == *pos)
		return 0;
	load(r, *pos, &h, sizeof(h));
	load(r, *pos, buf, h.size);
	*pos += h.size;
	return h.size;
}

void trace_ring_clear(struct trace_ring *r) { smp_store_release(&r->tail, smp_load_acquire(&r->head)); }
