/*
 * `pando trace`.
 */
#ifndef HOST_TRACE_H
#define HOST_TRACE_H

#include "options.h"

/* Runs as `pando run` does, records how every process came to be, and shows it. Returns the exit status for the user: the command's. */
int trace(const struct run_options *o, const struct trace_options *t);

#endif
