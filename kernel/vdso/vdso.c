/*
 * The vDSO: clocks and the CPU's number without entering the kernel. This code runs in user mode, in every program; it is linked as a small shared object
 * (vdso.lds) that the kernel carries and maps. What it cannot answer it asks the kernel. No data of its own, no relocations.
 */
#include <asm/unistd_64.h>
#include <linux/time.h>
#include <linux/time_types.h>

#include "lib/types.h"
#include "uapi/vdso_data.h"

/* The page before the object: vdso.lds. */
extern const struct vdso_data vdso_data __attribute__((visibility("hidden")));

struct old_timeval { s64 sec, usec; };
struct old_timezone { s32 minutes_west, dst_time; };

int __vdso_clock_gettime(s32 clock, struct __kernel_timespec *ts);
int __vdso_gettimeofday(struct old_timeval *tv, struct old_timezone *tz);
s64 __vdso_time(s64 *t);
int __vdso_clock_getres(s32 clock, struct __kernel_timespec *res);
long __vdso_getcpu(u32 *cpu, u32 *node, void *unused);

#define NS_PER_SEC 1000000000UL
#define KNOWN_CLOCKS                                                                                                   \
	(BIT(CLOCK_REALTIME) | BIT(CLOCK_MONOTONIC) | BIT(CLOCK_MONOTONIC_RAW) | BIT(CLOCK_REALTIME_COARSE) |              \
	 BIT(CLOCK_MONOTONIC_COARSE) | BIT(CLOCK_BOOTTIME))
#define REAL_CLOCKS (BIT(CLOCK_REALTIME) | BIT(CLOCK_REALTIME_COARSE))
#define FINE_CLOCKS (BIT(CLOCK_REALTIME) | BIT(CLOCK_MONOTONIC) | BIT(CLOCK_MONOTONIC_RAW) | BIT(CLOCK_BOOTTIME))

static inline long syscall2(long nr, u64 a, u64 b)
{
	long ret;
	__asm__ __volatile__("syscall" : "=a"(ret) : "0"(nr), "D"(a), "S"(b) : "rcx", "r11", "memory");
	return ret;
}

static inline u64 read_tsc(void)
{
	u32 lo, hi;
	/* Not before the loads of the data page. */
	__asm__ __volatile__("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (u64)hi << 32 | lo;
}

/* ns since boot, or since 1970; false: the kernel must say. */
static bool read_ns(bool real, u64 *ns)
{
	const struct vdso_data *d = &vdso_data;
	u32 seq;
	do {
		seq = __atomic_load_n(&d->seq, __ATOMIC_ACQUIRE);
		u32 mult = READ_ONCE(d->mult);
		if (!mult)
			return false;
		u64 delta = read_tsc() - READ_ONCE(d->base_tsc);
		if ((s64)delta < 0)
			delta = 0;
		*ns = READ_ONCE(d->base_ns) + (u64)((unsigned __int128)delta * mult >> READ_ONCE(d->shift));
		if (real)
			*ns += READ_ONCE(d->real_offset);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while ((seq & 1) || seq != READ_ONCE(d->seq));
	return true;
}

static bool in_set(s32 clock, u64 set) { return (u32)clock < 64 && (set >> clock & 1); }

int __vdso_clock_gettime(s32 clock, struct __kernel_timespec *ts)
{
	u64 ns;
	if (!in_set(clock, KNOWN_CLOCKS) || !read_ns(in_set(clock, REAL_CLOCKS), &ns))
		return (int)syscall2(__NR_clock_gettime, (u64)(s64)clock, (u64)ts);
	ts->tv_sec = (s64)(ns / NS_PER_SEC);
	ts->tv_nsec = (s64)(ns % NS_PER_SEC);
	return 0;
}

int __vdso_gettimeofday(struct old_timeval *tv, struct old_timezone *tz)
{
	u64 ns;
	if (tz || !read_ns(true, &ns))
		return (int)syscall2(__NR_gettimeofday, (u64)tv, (u64)tz);
	if (tv) {
		tv->sec = (s64)(ns / NS_PER_SEC);
		tv->usec = (s64)(ns % NS_PER_SEC / 1000);
	}
	return 0;
}

s64 __vdso_time(s64 *t)
{
	u64 ns;
	if (!read_ns(true, &ns))
		return syscall2(__NR_time, (u64)t, 0);
	if (t)
		*t = (s64)(ns / NS_PER_SEC);
	return (s64)(ns / NS_PER_SEC);
}

int __vdso_clock_getres(s32 clock, struct __kernel_timespec *res)
{
	if (!in_set(clock, FINE_CLOCKS))
		return (int)syscall2(__NR_clock_getres, (u64)(s64)clock, (u64)res);
	if (res) {
		res->tv_sec = 0;
		res->tv_nsec = 1;
	}
	return 0;
}

long __vdso_getcpu(u32 *cpu, u32 *node, void *unused)
{
	u32 lo, hi, aux;
	(void)unused;
	if (!READ_ONCE(vdso_data.rdtscp))
		return syscall2(__NR_getcpu, (u64)cpu, (u64)node);
	__asm__ __volatile__("rdtscp" : "=a"(lo), "=d"(hi), "=c"(aux));
	(void)lo;
	(void)hi;
	if (cpu)
		*cpu = aux;
	if (node)
		*node = 0;
	return 0;
}

/* The names without the prefix, as programs that look them up by hand expect. */
#define ALIAS(name) __attribute__((weak, alias("__vdso_" #name)))
int clock_gettime(s32 clock, struct __kernel_timespec *ts) ALIAS(clock_gettime);
int gettimeofday(struct old_timeval *tv, struct old_timezone *tz) ALIAS(gettimeofday);
s64 time(s64 *t) ALIAS(time);
int clock_getres(s32 clock, struct __kernel_timespec *res) ALIAS(clock_getres);
long getcpu(u32 *cpu, u32 *node, void *unused) ALIAS(getcpu);
