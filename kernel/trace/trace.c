/*
 * Sinks and the writing of records. A CPU's rings are written by that CPU alone with interrupts off, which makes it the ring's only writer. Entry points:
 * trace.h.
 */
#include "trace/trace.h"

#include "arch/x86_64/arch.h"
#include "lib/atomic.h"
#include "trace/ring.h"

struct sink {
	u32 events;                    /* a */
	bool lossless;                 /* set before events */
	struct trace_ring ring[NR_CPUS]; /* data: set before events, and before the CPU runs */
};
static struct sink sinks[TRACE_SINKS];
u32 trace_mask;

void trace_write_text(struct trace_head *h, const void *text, u32 n)
{
	u16 fixed = h->size;
	u64 flags = irq_save();
	u32 cpu = cpu_id();
	h->tid = hook_trace_tid();
	h->ts = arch_clock_ns();
	for (u32 s = 0; s < TRACE_SINKS; s++) {
		struct trace_ring *r = &sinks[s].ring[cpu];
		if (!(READ_ONCE(sinks[s].events) >> h->type & 1) || unlikely(!r->data))
			continue;
		h->size = fixed;
		trace_ring_put(r, h, text, n);
		if (unlikely(trace_ring_past_half(r)) && sinks[s].lossless)
			hook_trace_pressed();
	}
	irq_restore(flags);
}

void trace_write(struct trace_head *h) { trace_write_text(h, NULL, 0); }

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
bool trace_sink_lossless(enum trace_sink s) { return sinks[s].lossless; }
struct trace_ring *trace_sink_ring(enum trace_sink s, u32 cpu) { return &sinks[s].ring[cpu]; }

bool trace_must_wait(void)
{
	const struct sink *s = &sinks[TRACE_SINK_HOST];
	const struct trace_ring *r = &s->ring[cpu_id()];
	return READ_ONCE(s->events) && s->lossless && r->data && trace_ring_past_half(r);
}
