/*
 * A ring of records between one writer and one reader, without locks: the writer alone moves head, the reader alone moves tail. Records are multiples of
 * 8 bytes and wrap around the end. Pure.
 */
#ifndef PANDO_TRACE_RING_H
#define PANDO_TRACE_RING_H

#include "lib/atomic.h"
#include "lib/string.h"
#include "lib/types.h"
#include "gen/trace_events.h"

/* No record is larger. */
#define TRACE_RECORD_MAX 2048u

struct trace_ring {
	u8 *data; /* constant while in use */
	u64 size; /* constant while in use: a power of two */
	u64 head; /* the writer's: bytes written since the beginning */
	u64 tail; /* the reader's: bytes read */
	u64 lost; /* the writer's: records lost since the last one that fitted */
	u64 all_lost; /* the writer's: ever */
};

/* mem: `size` bytes, a power of two >= 2 * TRACE_RECORD_MAX. */
void trace_ring_init(struct trace_ring *r, void *mem, u64 size);
/* Appends *h (h->size bytes: a multiple of 8) and n bytes of text, which get a NUL and are padded; h->size becomes the whole. A record that does not fit is
 * counted, and a `gap` record comes before the next one that does. True when it was written. => the only writer */
bool trace_ring_put_text(struct trace_ring *r, struct trace_head *h, const void *text, u32 n);
/* Takes up to `max` bytes, not necessarily whole records. => the only reader */
u32 trace_ring_get(struct trace_ring *r, void *buf, u32 max);
/* Takes the next whole record (buf has TRACE_RECORD_MAX bytes); 0 when there is none. => the only reader, and the only way it reads */
u32 trace_ring_get_record(struct trace_ring *r, void *buf);
/* The same without taking it: the record at byte *pos (at least tail), which moves behind it. For a first look *pos = 0. */
u32 trace_ring_peek(const struct trace_ring *r, u64 *pos, void *buf);
/* Drops all that waits. => the only reader */
void trace_ring_clear(struct trace_ring *r);
/* Bytes that wait for the reader. Any context. */
static inline u64 trace_ring_used(const struct trace_ring *r) { return smp_load_acquire(&r->head) - smp_load_acquire(&r->tail); }
static inline bool trace_ring_past_half(const struct trace_ring *r) { return trace_ring_used(r) * 2 > r->size; }

/* The same for a record without text; what most are, hence inline: one copy, if it does not wrap and nothing was lost. Returns the bytes that wait now; 0: lost. */
static inline u64 trace_ring_put(struct trace_ring *r, struct trace_head *h)
{
	u64 head = r->head, off = head & (r->size - 1), size = h->size, used = head + size - smp_load_acquire(&r->tail);
	if (unlikely(r->lost || off + size > r->size || used > r->size))
		return trace_ring_put_text(r, h, NULL, 0) ? trace_ring_used(r) : 0;
	memcpy(r->data + off, h, size);
	smp_store_release(&r->head, head + size);
	return used;
}

#endif
