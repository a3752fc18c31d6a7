/*
 * The guest's serial console: kept (its last part), searched for a kernel panic, shown at once if wanted.
 */
#ifndef HOST_GUEST_LOG_H
#define HOST_GUEST_LOG_H

#include <stdbool.h>
#include <stddef.h>

struct guest_log {
	char text[1 << 17]; /* the last part of what came */
	size_t len;
	bool panic;    /* the kernel's panic line has begun */
	bool complete; /* and its end marker has come: nothing more is to be expected */
	bool echo;     /* copy to standard error */
};

/* Takes what the guest wrote. */
void log_feed(struct guest_log *log, const char *data, size_t len);
/* Complains about the panic, with the kernel's own text below unless it has been shown already. */
void log_report_panic(const struct guest_log *log);
/* Prints the last lines, for a machine that ended without a word. */
void log_report_tail(const struct guest_log *log);

#endif
