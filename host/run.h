/*
 * `pando run`.
 */
#ifndef HOST_RUN_H
#define HOST_RUN_H

#include "options.h"

/* Runs a command (or an image's init) in a machine of its own. Returns the exit status for the user. */
int run(const struct run_options *o);

#endif
