/*
 * The kernel log. Entry points: log_printf(), log_vprintf(), log_add_sink(), log_read(), log_end().
 *
 * No lock: a writer reserves its bytes with one atomic addition to `reserved`, fills them, then adds their number to `done`. Whenever
 * done == reserved, every byte below is in place; that position is remembered in `stable`, and readers go no further. So interrupts may log at
 * any time, even in the middle of another message. A reader that was lapped notices by `reserved` and skips ahead.
 *
 * The ring holds lines "<L>[    0.123456] text\n", as syslog(2) hands them out; sinks get them without the "<L>".
 */
#include "lib/log.h"

#include "lib/atomic.h"
#include "lib/format.h"
#include "lib/string.h"

#define RING_SIZE 65536UL
#define LINE_MAX 512

static char ring[RING_SIZE];
static u64 reserved; /* a  bytes ever handed to writers */
static u64 done;     /* a  bytes ever completed */
static u64 stable;   /* a  all bytes below this are completed */
static struct log_sink *sinks; /* a  only ever grows at the head */
int log_console_level = 7;
u64 (*log_clock)(void);

u64 log_end(void)
{
	u64 d = __atomic_load_n(&done, __ATOMIC_SEQ_CST);
	u64 r = __atomic_load_n(&reserved, __ATOMIC_SEQ_CST);
	u64 s = smp_load_acquire(&stable);
	if (d != r)
		return s;
	while (s < d) {
		u64 found = cmpxchg(&stable, s, d);
		if (found == s)
			return d;
		s = found;
	}
	return s;
}

static void ring_put(const char *s, size_t n)
{
	u64 at = __atomic_fetch_add(&reserved, n, __ATOMIC_SEQ_CST) % RING_SIZE;
	size_t first = min(n, (size_t)(RING_SIZE - at));
	memcpy(ring + at, s, first);
	memcpy(ring, s + first, n - first);
	__atomic_fetch_add(&done, n, __ATOMIC_SEQ_CST);
	log_end();
}

size_t log_read(u64 *pos, char *buf, size_t size)
{
	for (;;) {
		u64 end = log_end(), from = *pos;
		u64 r = __atomic_load_n(&reserved, __ATOMIC_SEQ_CST);
		if (from + RING_SIZE < r)
			from = r - RING_SIZE;
		if (from >= end)
			return 0;
		size_t n = min((size_t)(end - from), size);
		size_t first = min(n, (size_t)(RING_SIZE - from % RING_SIZE));
		memcpy(buf, ring + from % RING_SIZE, first);
		memcpy(buf + first, ring, n - first);
		smp_mb();
		if (from + RING_SIZE < __atomic_load_n(&reserved, __ATOMIC_SEQ_CST))
			continue; /* overwritten while it was copied */
		*pos = from + n;
		return n;
	}
}

static void to_sinks(int level, const char *text, size_t n)
{
	if (level >= READ_ONCE(log_console_level))
		return;
	for (struct log_sink *s = smp_load_acquire(&sinks); s; s = s->next)
		s->write(text, n);
}

void log_vprintf(int level, const char *fmt, va_list ap)
{
	char line[LINE_MAX];
	u64 us = log_clock ? log_clock() / 1000 : 0;
	int head = format_str(line, sizeof(line), "<%d>", level & 7);
	int n = head + format_str(line + head, sizeof(line) - (size_t)head, "[%5lu.%06lu] ", us / 1000000, us % 1000000);
	n += format_va(line + n, sizeof(line) - (size_t)n, fmt, ap);
	/* One byte of the buffer is the NUL, one is kept for the newline. */
	if (n > LINE_MAX - 2)
		n = LINE_MAX - 2;
	if (line[n - 1] != '\n')
		line[n++] = '\n';
	ring_put(line, (size_t)n);
	to_sinks(level, line + head, (size_t)(n - head));
}

void log_printf(int level, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	log_vprintf(level, fmt, ap);
	va_end(ap);
}

/* Collects lines across reads, so that each is judged by its own level. */
struct replay {
	char line[LINE_MAX];
	size_t len; /* a line that lost its head to the ring has no <L> and is dropped */
};

static void replay_bytes(struct log_sink *sink, struct replay *r, const char *p, size_t n)
{
	for (; n; n--, p++) {
		if (r->len < LINE_MAX)
			r->line[r->len++] = *p;
		if (*p != '\n')
			continue;
		bool headed = r->len > 3 && r->line[0] == '<' && r->line[2] == '>';
		if (headed && r->line[1] - '0' < log_console_level)
			sink->write(r->line + 3, r->len - 3);
		r->len = 0;
	}
}

void log_add_sink(struct log_sink *sink)
{
	static struct replay r; /* sinks are added during boot, one at a time */
	char chunk[128];
	u64 pos = 0;
	size_t n;
	r.len = 0;
	while ((n = log_read(&pos, chunk, sizeof(chunk))))
		replay_bytes(sink, &r, chunk, n);
	struct log_sink *head = smp_load_acquire(&sinks);
	for (;;) {
		sink->next = head;
		struct log_sink *found = cmpxchg(&sinks, head, sink);
		if (found == head)
			return;
		head = found;
	}
}
