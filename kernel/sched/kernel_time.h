/* Conversions between ns and the Linux time structs. */
#ifndef PANDO_SCHED_KERNEL_TIME_H
#define PANDO_SCHED_KERNEL_TIME_H

#include <linux/time_types.h>

#include "lib/types.h"
#include "sched/timer.h"

static inline bool timespec_valid(const struct __kernel_timespec *t) { return t->tv_sec >= 0 && (u64)t->tv_nsec < NSEC_PER_SEC; }
/* Saturates at ~0 (about 584 years). */
static inline u64 timespec_to_ns(const struct __kernel_timespec *t)
{
	if ((u64)t->tv_sec >= ~0UL / NSEC_PER_SEC)
		return ~0UL;
	return (u64)t->tv_sec * NSEC_PER_SEC + (u64)t->tv_nsec;
}
static inline struct __kernel_timespec ns_to_timespec(u64 ns)
{
	return (struct __kernel_timespec){ .tv_sec = (s64)(ns / NSEC_PER_SEC), .tv_nsec = (s64)(ns % NSEC_PER_SEC) };
}

#endif
