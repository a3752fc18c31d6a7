/* /sys/kernel/tracing: tracefs.c has the files, trace_text.c Linux's text of the records. Entry point for boot: tracefs_init(). */
#ifndef PANDO_FS_TRACEFS_H
#define PANDO_FS_TRACEFS_H

#include "fs/text.h"
#include "trace/trace.h"

void tracefs_init(void);

/* --- trace_text.c: events as Linux names them; a record can be several of them. Guarded by tracefs.c's lock --------------------------------- */
struct trace_text_event {
	const char *system, *name;
	u32 record;         /* TRACE_*: what it is made of */
	const char *fields; /* for its format file: C declarations with ';' between */
	const char *print;  /* the same: print fmt */
	void (*put)(struct text *t, const struct trace_head *h);
};
#define TRACE_TEXT_EVENTS 24u
extern const struct trace_text_event trace_text_events[];
extern const u32 trace_text_count;
/* Records that are wanted for names and paths, whatever is enabled. */
#define TRACE_TEXT_NAMES (1u << TRACE_birth | 1u << TRACE_comm | 1u << TRACE_exec_plan)
/* Memory for names; without it they are unknown. */
void trace_text_start(void);
/* Adds the lines of one record for the events in the mask `enabled` (bit = index in the table). */
void trace_text_record(struct text *t, u32 cpu, const struct trace_head *h, u32 enabled);
/* An event's format file. */
void trace_text_format(struct text *t, u32 index);

#endif
