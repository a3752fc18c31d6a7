/*
 * Sinks and the writing of records. A CPU's rings are written by that CPU alone with interrupts off, which makes it the ring's only writer. Entry points:
 * trace.h.
 */
#include "trace/trace.h"

#include "arch/x86_64/arch.h"
#include "lib/atomic.h"
#include "trace/ring.h"

struct sink {
	u32 events; /* a */
	bool lossless; /* set before events */
	struct trace_ring ring[NR_CPUS]; /* data: set before events, and before the CPU runs */
};
static struct sink sinks[TRACE_SINKS];
u32 trace_mask;

/* Who writes, and when. => interrupts are off */
static inline void stamp(struct trace_head *h)
{
	h->tid = hook_trace_tid();
	h->ts = arch_clock_ns();
}

static inline bool wanted_by(const struct sink *s, const struct trace_head *h) { return READ_ONCE(s->events) >> h->type & 1; }

/* `used`: bytes that wait in it */
static inline void press(const struct sink *s, const struct trace_ring *r, u64 used)
{
	if (unlikely(used * 2 > r->size) && s->lossless)
		hook_trace_pressed();
}

/* A ring without memory has no room: the record is counted as lost. */
static inline void put(struct sink *s, u32 cpu, struct trace_head *h)
{
	struct trace_ring *r = &s->ring[cpu];
	if (wanted_by(s, h))
		press(s, r, trace_ring_put(r, h));
}

void trace_write(struct trace_head *h)
{
	u64 flags = irq_save();
	u32 cpu = cpu_id();
	stamp(h);
	put(&sinks[TRACE_SINK_HOST], cpu, h);
	if (unlikely(READ_ONCE(sinks[TRACE_SINK_GUEST].events)))
		put(&sinks[TRACE_SINK_GUEST], cpu, h);
	irq_restore(flags);
}

void trace_write_text(struct trace_head *h, const void *text, u32 n)
{
	u16 fixed = h->size;
	u64 flags = irq_save();
	u32 cpu = cpu_id();
	stamp(h);
	for (struct sink *s = sinks; s < sinks + TRACE_SINKS; s++) {
		struct trace_ring *r = &s->ring[cpu];
		if (!wanted_by(s, h))
			continue;
		h->size = fixed;
		trace_ring_put_text(r, h, text, n);
		press(s, r, trace_ring_used(r));
	}
	irq_restore(flags);
}

void trace_sink_memory(enum trace_sink s, u32 cpu, void *mem, u64 size) { trace_ring_init(&sinks[s].ring[cpu], mem, size); }

void trace_sink_enable(enum trace_sink s, u32 events, bool lossless)
{
	u32 mask = 0;
	sinks[s].lossless = lossless;
	smp_store_release(&sinks[s].events, events);
	for (u32 i = 0; i < TRACE_SINKS; i++)
		mask |= sinks[i].events;
	smp_store_release(&trace_mask, mask);
}

u32 trace_sink_events(enum trace_sink s) { return READ_ONCE(sinks[s].events); }
struct trace_ring *trace_sink_ring(enum trace_sink s, u32 cpu) { return &sinks[s].ring[cpu]; }

bool trace_must_wait(void)
{
	const struct sink *s = &sinks[TRACE_SINK_HOST];
	const struct trace_ring *r = &s->ring[cpu_id()];
	return READ_ONCE(s->events) && s->lossless && r->data && trace_ring_past_half(r);
}
