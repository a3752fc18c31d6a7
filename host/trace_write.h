/*
 * What is made of a trace: the tree as text, events as JSON lines, a page, a Perfetto trace.
 */
#ifndef HOST_TRACE_WRITE_H
#define HOST_TRACE_WRITE_H

#include <stdio.h>

#include "trace_model.h"

struct trace_view {
	bool steps; /* every step of every birth, failed execs */
	bool boot; /* the whole machine from process 0 on, and the boot's phases */
	int pid; /* only this one and what came of it; 0: all */
	int depth; /* levels below the root that are shown; -1: all */
	uint32_t only; /* JSON: bit per event that is written (and those about the trace itself) */
};

/* Writers return 0, or -1 with errno when the file does not take it. All text of the guest is made harmless. */
int trace_write_tree(const struct trace_model *m, const struct trace_view *v, FILE *f);
/* As v->pid, v->depth and v->only say: those events only. */
int trace_write_json(const struct trace_model *m, const struct trace_view *v, FILE *f);
/* As v->pid and v->depth say: those lives only. */
int trace_write_html(const struct trace_model *m, const struct trace_view *v, const char *title, FILE *f);
int trace_write_perfetto(const struct trace_model *m, const struct trace_view *v, FILE *f);

/* --- for the writers ----------------------------------------------------------------------------------------------------------------------- */
/* "812 ns", "38 µs", "5.2 ms", "1.24 s" in buf. */
const char *trace_time(uint64_t ns, char buf[24]);
/* The text without control characters and broken UTF-8, at most `max` characters (then "…"). Returns how many characters it wrote. */
size_t trace_put_text(FILE *f, const char *text, size_t len, size_t max);
/* The same as the inside of a JSON string; no '<', so that it can stand in a page. */
void trace_put_json(FILE *f, const char *text, size_t len);
/* Per life: is it what the view is about, or below that? To be freed; NULL: out of memory. */
bool *trace_view_lives(const struct trace_model *m, const struct trace_view *v);

#endif
