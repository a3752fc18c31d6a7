/* Waiting for the trace's reader; see trace_pace.h. And what the trace room asks of the running thread. */
#include "sched/trace_pace.h"

struct wait_queue trace_reader_wait = WAIT_QUEUE_INIT(trace_reader_wait);
struct wait_queue trace_writer_wait = WAIT_QUEUE_INIT(trace_writer_wait);

s32 hook_trace_tid(void) { return current_thread()->tid; }

/* Kernel threads go on: the reader is one of them. */
void hook_trace_pressed(void)
{
	struct thread *t = current_thread();
	if (!(READ_ONCE(t->flags) & (TIF_TRACE | TIF_KTHREAD)))
		atomic_or(&t->flags, TIF_TRACE);
}

void trace_pace_slow(void)
{
	atomic_and(&current_thread()->flags, ~(u32)TIF_TRACE);
	if (!trace_must_wait())
		return;
	wake_up(&trace_reader_wait);
	wait_event(trace_writer_wait, !trace_must_wait());
}
