/*
 * What travels over the virtio port "pando.trace" from the kernel to the host: a struct trace_stream_head, then chunks. A chunk is a piece of one CPU's
 * records (kernel/trace/events.tbl) in the order in which they were written; a record may begin in one chunk of its CPU and end in the next. Little-endian.
 * Shared by the kernel and the pando command. docs/trace.md.
 */
#ifndef PANDO_UAPI_TRACE_STREAM_H
#define PANDO_UAPI_TRACE_STREAM_H

#include <stdint.h>

#define TRACE_PORT_NAME "pando.trace"
#define TRACE_STREAM_MAGIC "PANDOTRC"
#define TRACE_STREAM_VERSION 1
#define TRACE_CHUNK_MAGIC 0x4b4e4843u /* "CHNK" */
#define TRACE_CHUNK_MAX 65536u        /* bytes of a chunk; more is no chunk of ours */
#define TRACE_STREAM_CPUS 8u

struct trace_stream_head {
	char magic[8];     /* TRACE_STREAM_MAGIC */
	uint32_t version;  /* TRACE_STREAM_VERSION */
	uint32_t cpus;     /* chunks come from CPUs 0 .. cpus - 1 */
	uint64_t boot;     /* when the records' clock stood at 0: ns since 1970 */
	uint64_t events;   /* bit per event that is recorded */
};

struct trace_chunk {
	uint32_t magic; /* TRACE_CHUNK_MAGIC */
	uint32_t cpu;
	uint32_t len;   /* bytes that follow */
	uint32_t zero;
};

_Static_assert(sizeof(struct trace_stream_head) == 32, "wire format");
_Static_assert(sizeof(struct trace_chunk) == 16, "wire format");

#endif
