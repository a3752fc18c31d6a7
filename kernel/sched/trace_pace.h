/*
 * Lossless tracing's two wait queues: a thread whose CPU's ring is past its half wakes the reader and waits for room, at places where it holds nothing that the
 * reader wants: on the way to user mode, after a page fault, at its exit. Entry point for them: trace_pace().
 */
#ifndef PANDO_SCHED_TRACE_PACE_H
#define PANDO_SCHED_TRACE_PACE_H

#include "sched/thread.h"
#include "sched/wait.h"
#include "trace/trace.h"

/* The reader of TRACE_SINK_HOST sleeps here, and wakes who sleeps on the other when it has made room or turned the sink off. */
extern struct wait_queue trace_reader_wait, trace_writer_wait;
/* Clears TIF_TRACE and waits. => process context, interrupts on, no spinlock */
void trace_pace_slow(void) __cold;
static inline void trace_pace(void)
{
	if (unlikely(READ_ONCE(current_thread()->flags) & TIF_TRACE))
		trace_pace_slow();
}

#endif
