/* The stream of a trace; see trace_log.h. */
#define _GNU_SOURCE
#include "trace_log.h"

#include <stdlib.h>
#include <string.h>

/* ---- the event table ------------------------------------------------------------------------------------------------------------------- */

#define TRACE_EVENT(number, name, class, text)
#define TRACE_FIELD(event, type, name, count, offset, text) { TRACE_##event, { #name, TYPE_##type, count, offset } },
static const struct {
	unsigned event;
	struct trace_field field;
} rows[] = {
#include "gen/trace_table.h"
};
#undef TRACE_EVENT
#undef TRACE_FIELD

#define TRACE_EVENT(number, name, class, text) [number] = { #name, sizeof(struct trace_##name), TRACE_CLASS_##class, NULL, 0 },
#define TRACE_FIELD(event, type, name, count, offset, text)
static struct trace_info infos[] = {
#include "gen/trace_table.h"
};

/* The fields as a list per event: they stand together in the table. */
static void collect_fields(void)
{
	static struct trace_field fields[sizeof(rows) / sizeof(rows[0])];
	static bool done;
	size_t i;

	if (done)
		return;
	done = true;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct trace_info *t = &infos[rows[i].event];

		fields[i] = rows[i].field;
		if (!t->field)
			t->field = &fields[i];
		t->fields++;
	}
}

const struct trace_info *trace_info(unsigned type)
{
	collect_fields();
	return type < sizeof(infos) / sizeof(infos[0]) && infos[type].name ? &infos[type] : NULL;
}

static bool has_text(const struct trace_info *t)
{
	return t->fields && t->field[t->fields - 1].type >= TYPE_text;
}

const char *trace_text(const struct trace_head *h)
{
	const struct trace_info *t = trace_info(h->type);

	return t && has_text(t) && h->size > t->size ? (const char *)h + t->size : "";
}

size_t trace_text_size(const struct trace_head *h)
{
	const struct trace_info *t = trace_info(h->type);

	return t && has_text(t) && h->size > t->size ? h->size - t->size : 0;
}

/* ---- keeping records ------------------------------------------------------------------------------------------------------------------- */

void trace_log_init(struct trace_log *l)
{
	memset(l, 0, sizeof(*l));
}

void trace_log_free(struct trace_log *l)
{
	free(l->data);
	free(l->entry);
	trace_log_init(l);
}

static void damaged(struct trace_log *l, const char *why)
{
	if (!l->damage)
		l->damage = why;
}

/* True if there is room for one more record of `size` bytes. */
static bool reserve(struct trace_log *l, size_t size)
{
	if (l->len + size > TRACE_LOG_MAX) {
		damaged(l, "it is too long: the rest is left out");
		return false;
	}
	if (l->len + size > l->room) {
		size_t room = l->room ? l->room * 2 : 1 << 18;
		uint8_t *more = realloc(l->data, room);

		if (!more) {
			damaged(l, "out of memory");
			return false;
		}
		l->data = more;
		l->room = room;
	}
	if (l->count == l->entry_room) {
		size_t room = l->entry_room ? l->entry_room * 2 : 4096;
		struct trace_entry *more = realloc(l->entry, room * sizeof(*more));

		if (!more) {
			damaged(l, "out of memory");
			return false;
		}
		l->entry = more;
		l->entry_room = room;
	}
	return true;
}

static void keep(struct trace_log *l, uint32_t cpu, const uint8_t *rec, const struct trace_head *h)
{
	const struct trace_info *t = trace_info(h->type);
	struct trace_gap gap;

	if (!t) {
		l->unknown++;
		return;
	}
	if (h->size < t->size || (!has_text(t) && h->size != t->size) || (has_text(t) && h->size > t->size && rec[h->size - 1])) {
		damaged(l, "a record has the wrong size");
		return;
	}
	if (!reserve(l, h->size))
		return;
	if (h->type == TRACE_gap) {
		memcpy(&gap, rec, sizeof(gap));
		l->lost += gap.lost;
	}
	if (h->type == TRACE_end)
		l->ended = true;
	memcpy(l->data + l->len, rec, h->size);
	l->entry[l->count].at = l->len;
	l->entry[l->count++].cpu = cpu;
	l->len += h->size;
}

/* ---- the stream ------------------------------------------------------------------------------------------------------------------------ */

/* Cuts whole records off the front of a CPU's bytes. Returns how many bytes they were. */
static size_t take_records(struct trace_log *l, uint32_t cpu, const uint8_t *data, size_t len)
{
	size_t at = 0;
	struct trace_head h;

	while (!l->damage && len - at >= sizeof(h)) {
		memcpy(&h, data + at, sizeof(h));
		if (h.size < sizeof(h) || h.size % 8 || h.size > TRACE_RECORD_LIMIT) {
			damaged(l, "a record has an impossible size");
			break;
		}
		if (len - at < h.size)
			break;
		keep(l, cpu, data + at, &h);
		at += h.size;
	}
	return at;
}

/* Bytes of the current chunk. */
static void take_chunk(struct trace_log *l, const uint8_t *data, size_t len)
{
	uint8_t *part = l->part[l->chunk_cpu].data;
	size_t *have = &l->part[l->chunk_cpu].len;

	while (len && !l->damage) {
		size_t room = TRACE_RECORD_LIMIT - *have, n = len < room ? len : room, used;

		memcpy(part + *have, data, n);
		*have += n;
		data += n;
		len -= n;
		used = take_records(l, l->chunk_cpu, part, *have);
		*have -= used;
		memmove(part, part + used, *have);
	}
}

static void begin_stream(struct trace_log *l)
{
	memcpy(&l->head, l->head_part, sizeof(l->head));
	if (memcmp(l->head.magic, TRACE_STREAM_MAGIC, sizeof(l->head.magic)) != 0)
		damaged(l, "it is no trace");
	else if (l->head.version != TRACE_STREAM_VERSION)
		damaged(l, "it comes from another version of Pando");
	else if (l->head.cpus < 1 || l->head.cpus > TRACE_STREAM_CPUS)
		damaged(l, "it names an impossible number of CPUs");
	else
		l->have_head = true;
}

static void begin_chunk(struct trace_log *l)
{
	struct trace_chunk c;

	memcpy(&c, l->head_part, sizeof(c));
	if (c.magic != TRACE_CHUNK_MAGIC || c.cpu >= l->head.cpus || c.len > TRACE_CHUNK_MAX) {
		damaged(l, "a chunk of it is none");
		return;
	}
	l->chunk_cpu = c.cpu;
	l->chunk_left = c.len;
}

void trace_log_feed(struct trace_log *l, const void *bytes, size_t len)
{
	const uint8_t *data = bytes;

	l->bytes += len;
	while (len && !l->damage) {
		size_t want = l->have_head ? sizeof(struct trace_chunk) : sizeof(struct trace_stream_head), n;

		if (l->chunk_left) {
			n = len < l->chunk_left ? len : l->chunk_left;
			take_chunk(l, data, n);
			l->chunk_left -= (uint32_t)n;
		} else {
			n = len < want - l->head_len ? len : want - l->head_len;
			memcpy(l->head_part + l->head_len, data, n);
			l->head_len += n;
			if (l->head_len == want) {
				l->head_len = 0;
				if (l->have_head)
					begin_chunk(l);
				else
					begin_stream(l);
			}
		}
		data += n;
		len -= n;
	}
}

static const uint8_t *sort_data;

/* By time; a CPU's own records keep their order, since they lie in it. */
static int by_time(const void *a, const void *b)
{
	const struct trace_entry *x = a, *y = b;
	struct trace_head h, k;

	memcpy(&h, sort_data + x->at, sizeof(h));
	memcpy(&k, sort_data + y->at, sizeof(k));
	if (h.ts != k.ts)
		return h.ts < k.ts ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

void trace_log_finish(struct trace_log *l)
{
	uint32_t cpu;

	sort_data = l->data;
	if (l->count)
		qsort(l->entry, l->count, sizeof(*l->entry), by_time);
	for (cpu = 0; cpu < TRACE_STREAM_CPUS; cpu++)
		if (l->part[cpu].len)
			damaged(l, "it breaks off in the middle of a record");
	if (l->chunk_left || l->head_len)
		damaged(l, "it breaks off");
}
