/* A time that a file has. Pure. */
#ifndef PANDO_LIB_FILE_TIME_H
#define PANDO_LIB_FILE_TIME_H

#include "lib/types.h"

/* Seconds since 1970, negative before it, and nanoseconds on from there. Packed: an inode has four of them. */
struct file_time {
	s64 sec;
	u32 nsec; /* below 1,000,000,000 */
} __attribute__((packed, aligned(4)));

static inline struct file_time file_time_of(u64 ns) { return (struct file_time){ (s64)(ns / 1000000000), (u32)(ns % 1000000000) }; }
/* As far as there are seconds; the first and the last one have no parts, as on Linux. */
static inline struct file_time file_time_at(s64 sec, u64 nsec)
{
	bool end = sec == (s64)(1UL << 63) || sec == (s64)(~0UL >> 1);
	return (struct file_time){ sec, end ? 0 : (u32)nsec };
}
static inline bool file_time_same(struct file_time a, struct file_time b) { return a.sec == b.sec && a.nsec == b.nsec; }
static inline bool file_time_after(struct file_time a, struct file_time b) { return a.sec != b.sec ? a.sec > b.sec : a.nsec > b.nsec; }

#endif
