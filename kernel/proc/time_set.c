/*
 * Setting the time: sys_clock_settime, sys_settimeofday, and what the clock's discipline tells: sys_adjtimex, sys_clock_adjtime. Nothing steers
 * the clock's rate here: it can be read and stepped, a wish for another rate is refused. Also sys_gettimeofday, whose time zone is set here.
 */
#include <linux/time.h>
#include <linux/timex.h>

#include "gen/sys_protos.h"
#include "mm/uaccess.h"
#include "proc/time.h"
#include "proc/vdso.h"
#include "vfs/timerfd.h"

/* Linux's limit: 30 years before the year that signed 64-bit ns end. */
#define SETTIME_SEC_MAX (9223372036L - 30L * 365 * 86400)
#define USEC_PER_SEC 1000000L
#define ZONE_MINUTES 900 /* a time zone's farthest */
#define NTP_ERROR_MAX 16000000L /* us: an unsynchronised clock's */

/* What settimeofday was told: both numbers in one word, read and written at once. */
static union { struct timezone tz; u64 word; } zone;
_Static_assert(sizeof(struct timezone) == sizeof(u64), "one word");

static int check_settable(const struct __kernel_timespec *ts)
{
	return timespec_valid(ts) && ts->tv_sec < SETTIME_SEC_MAX ? 0 : -EINVAL;
}

/* Steps the real-time clock and tells those who wait for it. 0 or -EINVAL: before the machine's start. */
static int set_real(const struct __kernel_timespec *ts)
{
	u64 ns = timespec_to_ns(ts);
	if (ns < clock_mono())
		return -EINVAL;
	clock_set_real(ns);
	vdso_update();
	timerfd_clock_was_set();
	posix_timers_clock_set();
	sleepers_clock_set();
	return 0;
}

long sys_clock_settime(u64 id, u64 uts)
{
	struct clock c;
	struct __kernel_timespec ts;
	if (clock_decode((s32)id, &c) || ((s32)id != CLOCK_REALTIME && !c.dynamic))
		return -EINVAL;
	if (get_user(ts, uts))
		return -EFAULT;
	if (c.dynamic)
		return -EPERM;
	if (check_settable(&ts))
		return -EINVAL;
	return capable(CAP_SYS_TIME) ? set_real(&ts) : -EPERM;
}

/* --- gettimeofday, settimeofday --------------------------------------------------------------------------------------------------------- */

long sys_gettimeofday(u64 utv, u64 utz)
{
	u64 ns = clock_real();
	struct __kernel_old_timeval tv = { (s64)(ns / NSEC_PER_SEC), (s64)(ns % NSEC_PER_SEC / 1000) };
	if (utv && put_user(tv, utv))
		return -EFAULT;
	u64 word = READ_ONCE(zone.word);
	return utz && put_user(word, utz) ? -EFAULT : 0;
}

long sys_settimeofday(u64 utv, u64 utz)
{
	struct __kernel_old_timeval tv;
	struct __kernel_timespec ts = { 0, 0 };
	typeof(zone) z;

	if (utv) {
		if (get_user(tv, utv))
			return -EFAULT;
		if (tv.tv_usec < 0 || tv.tv_usec > USEC_PER_SEC)
			return -EINVAL;
		ts = (struct __kernel_timespec){ tv.tv_sec, tv.tv_usec * 1000 };
	}
	if (utz && get_user(z.word, utz))
		return -EFAULT;
	if (utv && check_settable(&ts))
		return -EINVAL;
	if (!capable(CAP_SYS_TIME))
		return -EPERM;
	if (utz) {
		if (z.tz.tz_minuteswest > ZONE_MINUTES || z.tz.tz_minuteswest < -ZONE_MINUTES)
			return -EINVAL;
		WRITE_ONCE(zone.word, z.word);
	}
	return utv ? set_real(&ts) : 0;
}

/* --- adjtimex --------------------------------------------------------------------------------------------------------------------------- */

static int step_by(const struct __kernel_timex *tx)
{
	s64 limit = tx->modes & ADJ_NANO ? (s64)NSEC_PER_SEC : USEC_PER_SEC;
	if (tx->time.tv_usec < 0 || tx->time.tv_usec >= limit)
		return -EINVAL;
	s64 ns = tx->modes & ADJ_NANO ? tx->time.tv_usec : tx->time.tv_usec * 1000;
	if (tx->time.tv_sec > SETTIME_SEC_MAX || tx->time.tv_sec < -SETTIME_SEC_MAX)
		return -EINVAL;
	s64 now = (s64)(clock_real() + (u64)tx->time.tv_sec * NSEC_PER_SEC + (u64)ns);
	if (now < 0)
		return -EINVAL;
	struct __kernel_timespec ts = ns_to_timespec((u64)now);
	return check_settable(&ts) ? -EINVAL : set_real(&ts);
}

/* What is asked for: 0, or -EPERM, -EINVAL, -EOPNOTSUPP (another rate). */
static int adjust(const struct __kernel_timex *tx)
{
	u32 modes = tx->modes;
	if (!modes || (modes & ADJ_OFFSET_SS_READ) == ADJ_OFFSET_SS_READ)
		return 0;
	if (!capable(CAP_SYS_TIME))
		return -EPERM;
	if (modes & ADJ_TICK && (tx->tick < 900000 / 100 || tx->tick > 1100000 / 100))
		return -EINVAL;
	if (modes & ~(u32)(ADJ_SETOFFSET | ADJ_NANO))
		return -EOPNOTSUPP;
	return modes & ADJ_SETOFFSET ? step_by(tx) : 0;
}

/* The state of a clock that nothing synchronises. */
static long adjust_clock(uaddr_t utx)
{
	struct __kernel_timex tx;
	if (copy_from_user(&tx, utx, sizeof(tx)))
		return -EFAULT;
	int err = adjust(&tx);
	if (err)
		return err;
	u64 ns = clock_real();
	struct __kernel_timex out = {
		.modes = tx.modes, .maxerror = NTP_ERROR_MAX, .esterror = NTP_ERROR_MAX, .status = STA_UNSYNC, .constant = 2, .precision = 1,
		.tolerance = 500 << 16, .tick = USEC_PER_SEC / 100,
		.time = { (s64)(ns / NSEC_PER_SEC), (s64)(ns % NSEC_PER_SEC / 1000) },
	};
	return copy_to_user(utx, &out, sizeof(out)) ? -EFAULT : TIME_ERROR;
}

long sys_adjtimex(u64 utx) { return adjust_clock(utx); }

long sys_clock_adjtime(u64 id, u64 utx)
{
	struct clock c;
	struct __kernel_timex tx;
	if (clock_decode((s32)id, &c))
		return -EINVAL;
	if ((s32)id == CLOCK_REALTIME)
		return adjust_clock(utx);
	return copy_from_user(&tx, utx, sizeof(tx)) ? -EFAULT : -EOPNOTSUPP;
}
