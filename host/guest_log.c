/* The guest's log; see guest_log.h. */
#define _GNU_SOURCE
#include "guest_log.h"

#include "complain.h"
#include "files.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PANIC "Kernel panic - not syncing"
#define PANIC_END "end " PANIC
#define TAIL_LINES 40

void log_feed(struct guest_log *log, const char *data, size_t len)
{
	size_t from;

	if (log->echo && write_all(STDERR_FILENO, data, len) != 0)
		log->echo = false;
	if (len > sizeof(log->text) / 2) {
		data += len - sizeof(log->text) / 2;
		len = sizeof(log->text) / 2;
	}
	if (log->len + len > sizeof(log->text)) {
		size_t drop = log->len + len - sizeof(log->text) / 2;

		drop = drop < log->len ? drop : log->len;
		memmove(log->text, log->text + drop, log->len - drop);
		log->len -= drop;
	}
	memcpy(log->text + log->len, data, len);
	/* The words may have been cut by the previous read. */
	from = log->len > sizeof(PANIC_END) ? log->len - sizeof(PANIC_END) : 0;
	log->len += len;
	if (memmem(log->text + from, log->len - from, PANIC, strlen(PANIC)))
		log->panic = true;
	if (memmem(log->text + from, log->len - from, PANIC_END, strlen(PANIC_END)))
		log->complete = true;
}

/* Prints text[from..] without carriage returns and terminal controls. */
static void print_text(const struct guest_log *log, size_t from)
{
	char out[1024];
	size_t n = 0, i;

	for (i = from; i < log->len; i++) {
		unsigned char c = (unsigned char)log->text[i];

		if ((c < ' ' && c != '\n' && c != '\t') || c == 127)
			continue;
		out[n++] = (char)c;
		if (n == sizeof(out)) {
			if (write_all(STDERR_FILENO, out, n) != 0)
				return;
			n = 0;
		}
	}
	if (n && out[n - 1] != '\n' && n < sizeof(out))
		out[n++] = '\n';
	if (n)
		(void)!write(STDERR_FILENO, out, n);
}

/* Where the last `lines` lines before `end` begin. */
static size_t lines_before(const struct guest_log *log, size_t end, unsigned lines)
{
	size_t at = end;

	while (at > 0) {
		if (log->text[at - 1] == '\n' && lines-- == 0)
			break;
		at--;
	}
	return at;
}

void log_report_panic(const struct guest_log *log)
{
	const char *line = memmem(log->text, log->len, PANIC, strlen(PANIC));
	size_t at = line ? (size_t)(line - log->text) : 0, len = 0;

	while (line && at + len < log->len && line[len] != '\n' && line[len] != '\r')
		len++;
	complain("the guest's kernel panicked: %.*s", line ? (int)len : 0, line ? line : "");
	if (!log->echo)
		print_text(log, lines_before(log, at, TAIL_LINES));
}

void log_report_tail(const struct guest_log *log)
{
	if (!log->echo)
		print_text(log, lines_before(log, log->len, TAIL_LINES));
}
