/*
 * The kernel log: a 64 KiB ring read by syslog(2) and /dev/kmsg, and sinks (consoles) that get what passes the level.
 * Callable from any context, interrupts included. Levels are Linux's: 0 emerg ... 7 debug.
 */
#ifndef PANDO_LIB_LOG_H
#define PANDO_LIB_LOG_H

#include "lib/types.h"

void log_printf(int level, const char *fmt, ...) __printf(2, 3);
void log_vprintf(int level, const char *fmt, va_list ap);
#define pr_emerg(...) log_printf(0, __VA_ARGS__)
#define pr_err(...) log_printf(3, __VA_ARGS__)
#define pr_warn(...) log_printf(4, __VA_ARGS__)
#define pr_notice(...) log_printf(5, __VA_ARGS__)
#define pr_info(...) log_printf(6, __VA_ARGS__)
#define pr_debug(...) log_printf(7, __VA_ARGS__)

/* A console. write() may be called from any context and does its own locking. */
struct log_sink {
	void (*write)(const char *s, size_t n);
	struct log_sink *next;
};
/* Adds a sink and replays the ring into it. */
void log_add_sink(struct log_sink *sink);
/* Messages with level < this reach the sinks (Linux's console_loglevel: 7 by default, 4 with "quiet"). */
extern int log_console_level;
/* Supplies the time stamp in ns since boot; NULL until the clock runs. */
extern u64 (*log_clock)(void);
/* Copies up to size bytes of the ring's text from position *pos (an ever-growing byte count), advances *pos; returns bytes copied. The text is
 * lines "<L>[    0.123456] message\n" with L the level, as syslog(2) shows them. A reader that fell behind goes on at the oldest byte. */
size_t log_read(u64 *pos, char *buf, size_t size);
/* Position just past the newest byte. */
u64 log_end(void);

#endif
