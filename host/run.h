/*
 * `pando run`.
 */
#ifndef HOST_RUN_H
#define HOST_RUN_H

#include "options.h"
#include "session.h"

/* Runs a command (or an image's init) in a machine of its own. Returns the exit status for the user. */
int run(const struct run_options *o);
/* The same with a trace. */
int run_traced(const struct run_options *o, const struct trace_sink *trace);

#endif
