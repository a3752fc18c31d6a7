/*
 * /sys/kernel/tracing. tracefs.c has what is recorded and the files that show or change it, tracefs_pipe.c those that take records (trace_pipe,
 * trace_pipe_raw), trace_events.c the table of events, trace_text.c their bytes and lines. Entry point for boot: tracefs_init().
 */
#ifndef PANDO_FS_TRACEFS_H
#define PANDO_FS_TRACEFS_H

#include "fs/text.h"
#include "sched/mutex.h"
#include "trace/ring.h"
#include "trace/trace.h"

void tracefs_init(void);

/* --- trace_events.c: events as Linux names them; a record can be several of them. All guarded by tracefs_lock ------------------------------------ */
/* Where a fill function puts its values, in the order of the fields. */
struct trace_pack {
	u8 *buf; /* TRACE_EVENT_MAX bytes */
	const char *fields; /* those to come */
	u32 end; /* of the last field */
	u32 len; /* of the whole: fields, then texts */
	u32 cpu; /* where it happened */
};
struct trace_text_event {
	const char *system, *name;
	u32 record; /* TRACE_*: what it is made of */
	bool irqs_off; /* it happens with interrupts off */
	const char *fields; /* C declarations with ';' between */
	const char *text; /* how its line reads: a conversion per field */
	const char *print; /* the format file's print fmt, when it is not made of text and fields */
	void (*fill)(struct trace_pack *p, const struct trace_head *h);
};
extern const struct trace_text_event trace_text_events[];
extern const u32 trace_text_count;
#define TRACE_EVENT_ID(index) (300u + (index))
/* Of that many one can be chosen; the one behind them is what trace_marker makes. */
#define TRACE_EVENT_MARK trace_text_count
/* Memory for names (without it they are unknown), and those of the living. */
void trace_events_start(void);
/* Is the record event i (too)? */
bool trace_event_is(u32 i, const struct trace_head *h);
/* Bit per record that must be written for these events (bit = index), and for their names. */
u32 trace_events_needed(u32 enabled);
/* What a record says about names, once its events have been shown. */
void trace_events_learn(const struct trace_head *h);
/* "<idle>", a name, or "<...>". Valid until the next call. */
const char *trace_comm_of(s32 tid);
/* Adds the lines of saved_cmdlines. */
void trace_events_names(struct text *t);

/* --- trace_text.c: the same lock -------------------------------------------------------------------------------------------------------------- */
#define TRACE_EVENT_MAX (TRACE_RECORD_MAX + 256u)
void trace_pack_number(struct trace_pack *p, u64 v);
void trace_pack_text(struct trace_pack *p, const char *s);
/* Makes event i of a record in buf (TRACE_EVENT_MAX bytes), as its format file describes it. Its length, a multiple of 4. */
u32 trace_event_pack(u32 i, u32 cpu, const struct trace_head *h, u8 *buf);
/* Adds the lines of one record for the events in the mask `enabled` (bit = index in the table). */
void trace_text_record(struct text *t, u32 cpu, const struct trace_head *h, u32 enabled);
/* An event's format file. */
void trace_text_format(struct text *t, u32 index);

/* --- tracefs.c and tracefs_pipe.c ------------------------------------------------------------------------------------------------------------- */
extern struct mutex tracefs_lock; /* readers of the rings, what is enabled, names */
extern u8 tracefs_record[TRACE_RECORD_MAX]; /* tracefs_lock: the one at hand */
/* => tracefs_lock. Peeks at the oldest record from pos[cpu] on, among the CPUs in the mask, into tracefs_record, and learns the names that came before it on
 * any CPU. pos of its CPU moves behind it. That CPU, or -1: none waits. */
s32 tracefs_next(u64 *pos, u32 cpus);
/* => tracefs_lock. Takes the oldest record of a CPU, which was seen. */
void tracefs_take(u32 cpu);
/* => tracefs_lock. Bit per event that is wanted. */
u32 tracefs_enabled(void);
/* A write to trace_marker. */
ssize_t tracefs_mark(struct file *f, struct iter *from, u64 *pos);
/* A file of the node's data: bit per CPU. */
extern const struct file_ops tracefs_pipe_ops, tracefs_raw_ops;
#define TRACEFS_PAGE_DATA (4096u - 16u) /* what trace_pipe_raw's pages have behind their head */

#endif
