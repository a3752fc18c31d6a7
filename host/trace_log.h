/*
 * A trace as it came from the kernel: the stream (kernel/uapi/trace_stream.h) taken apart into records (kernel/trace/events.tbl), put in order of time. The
 * stream comes from a guest that may have been taken over: nothing in it is believed before it is checked.
 */
#ifndef HOST_TRACE_LOG_H
#define HOST_TRACE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gen/trace_events.h"
#include "kernel/uapi/trace_stream.h"

#define TRACE_LOG_MAX (1ull << 31) /* bytes of records that are kept */
#define TRACE_RECORD_LIMIT 8192u   /* a longer record is none */

struct trace_log {
	struct trace_stream_head head; /* once have_head */
	bool have_head;
	bool ended;       /* the kernel's last word has come */
	const char *damage; /* what is wrong with the stream, or NULL; what came before counts */
	uint64_t bytes;   /* of the stream */
	uint64_t lost;    /* records that the kernel could not keep */
	uint64_t unknown; /* records of a newer kernel, left out */
	/* the records, each at a multiple of 8 */
	uint8_t *data;
	size_t len, room;
	struct trace_entry {
		size_t at;
		uint32_t cpu;
	} *entry;
	size_t count, entry_room;
	/* what has not come whole yet */
	struct {
		uint8_t data[TRACE_RECORD_LIMIT];
		size_t len;
	} part[TRACE_STREAM_CPUS];
	uint8_t head_part[sizeof(struct trace_stream_head)];
	size_t head_len;       /* of head_part: stream head, then each chunk's */
	uint32_t chunk_cpu, chunk_left;
};

void trace_log_init(struct trace_log *l);
void trace_log_free(struct trace_log *l);
/* Takes the next bytes of the stream, in pieces of any size. After damage all is ignored. */
void trace_log_feed(struct trace_log *l, const void *data, size_t len);
/* The stream is over: brings the records into the order of time. */
void trace_log_finish(struct trace_log *l);
/* The i-th record: at least as large as its struct, its text terminated. */
static inline const struct trace_head *trace_log_at(const struct trace_log *l, size_t i)
{
	return (const struct trace_head *)(const void *)(l->data + l->entry[i].at);
}

/* --- what the event table says ------------------------------------------------------------------------------------------------------------- */
enum trace_type { TYPE_u8, TYPE_u16, TYPE_u32, TYPE_u64, TYPE_s32, TYPE_char, TYPE_text, TYPE_texts };
struct trace_field {
	const char *name;
	enum trace_type type;
	unsigned count;  /* 1, or an array's; 0: text */
	unsigned offset;
};
struct trace_info {
	const char *name;
	uint32_t size; /* of the struct */
	uint32_t classes; /* TRACE_CLASS_* it belongs to */
	const struct trace_field *field;
	unsigned fields;
};
/* By number; NULL: there is no such event. */
const struct trace_info *trace_info(unsigned type);
/* A record's text; "" for one without. */
const char *trace_text(const struct trace_head *h);
/* Bytes from there to the record's end. */
size_t trace_text_size(const struct trace_head *h);

#endif
