/*
 * Tracing: what happens at the edges of a process's life goes as records (events.tbl) into rings, one per CPU, from where the host's port or
 * /sys/kernel/tracing takes it. Off, an edge costs the test of one word and a branch that is not taken:
 *
 *     if (trace_on(reap)) {
 *             TRACE_RECORD(reap, e);
 *             e.target = pid;
 *             trace_write(&e.h);
 *     }
 *
 * Emitting never sleeps and takes no lock: any context. Who fills a ring of a lossless sink past its half is asked to wait where it may: on its way to user
 * mode, after a page fault, before it exits (sched/trace_pace.h). What comes before that has the other half; what does not fit is counted and shown.
 */
#ifndef PANDO_TRACE_TRACE_H
#define PANDO_TRACE_TRACE_H

#include "gen/trace_events.h"
#include "lib/types.h"

enum trace_sink { TRACE_SINK_HOST, TRACE_SINK_GUEST, TRACE_SINKS };

/* Bit per event: somebody wants it. Changed rarely; read without a lock. */
extern u32 trace_mask;
/* `make TRACE_POINTS=0` builds without the edges, to measure what they cost. */
#ifndef PANDO_TRACE_POINTS
#define PANDO_TRACE_POINTS 1
#endif
#define trace_on(event) (PANDO_TRACE_POINTS && unlikely(READ_ONCE(trace_mask) & 1u << TRACE_##event))

/* A record of that event, zeroed, with its head. */
#define TRACE_RECORD(event, var) struct trace_##event var = { .h = { .size = sizeof(var), .type = TRACE_##event } }

/* Stamps the record with time and tid and puts it into this CPU's rings. Any context. */
void trace_write(struct trace_head *h);
/* The same for one whose last field is text: n bytes without NUL (texts: with the inner ones). What is beyond TRACE_RECORD_MAX is cut. */
void trace_write_text(struct trace_head *h, const void *text, u32 n);

/* --- who wants the records ---------------------------------------------------------------------------------------------------------------- */
/* Gives a sink its ring of one CPU; size as ring.h wants it. Before the sink is enabled. */
void trace_sink_memory(enum trace_sink s, u32 cpu, void *mem, u64 size);
/* The events a sink gets; 0 turns it off. Rings keep what they have. lossless: writers are asked to wait. */
void trace_sink_enable(enum trace_sink s, u32 events, bool lossless);
u32 trace_sink_events(enum trace_sink s);
/* The ring of a CPU (data NULL: none). Reading is for one at a time: who reads sees to it. */
struct trace_ring;
struct trace_ring *trace_sink_ring(enum trace_sink s, u32 cpu);
/* Does a lossless sink's ring of this CPU stand past its half? */
bool trace_must_wait(void);

/* --- upward calls, defined by sched -------------------------------------------------------------------------------------------------------- */
/* The running thread's number. Any context. */
s32 hook_trace_tid(void);
/* The running thread is to wait when it may (trace_must_wait()). Any context, also with a run queue's lock. */
void hook_trace_pressed(void);

#endif
