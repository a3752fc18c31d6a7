/* Setting the clock: settimeofday(2), adjtimex(2), clock_adjtime(2): what can be tried without changing the computer's time. */
#include "check.h"

#include <sys/time.h>
#include <sys/timex.h>

static long set(const void *tv, const void *tz) { return syscall(SYS_settimeofday, tv, tz); }

static void bad_times(void)
{
	struct timeval tv = { 1000, 1000001 };
	struct timezone tz = { 901, 0 };

	CHECK_ERR(set(&tv, NULL), EINVAL);
	tv.tv_usec = -1;
	CHECK_ERR(set(&tv, NULL), EINVAL);
	tv = (struct timeval){ -1, 0 };
	CHECK_ERR(set(&tv, NULL), EINVAL);
	CHECK_ERR(set((void *)1, NULL), EFAULT);
	CHECK_ERR(set(NULL, (void *)1), EFAULT);
	if (getuid() == 0) {
		CHECK_ERR(set(NULL, &tz), EINVAL);
		CHECK(setresuid(65534, 65534, 65534) == 0);
	}
	CHECK_ERR(set(NULL, &tz), EPERM);
	tv = (struct timeval){ 1000, 1000000 };
	CHECK_ERR(set(&tv, NULL), EINVAL);
	tv.tv_usec = 0;
	CHECK_ERR(set(&tv, NULL), EPERM);
}

static void reading(void)
{
	struct timex tx = { 0 };
	struct timespec now;

	int state = adjtimex(&tx);
	CHECK(state >= 0 && state <= 5);
	CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
	CHECK(now.tv_sec - tx.time.tv_sec >= 0 && now.tv_sec - tx.time.tv_sec < 3);
	CHECK(tx.precision == 1 && tx.tolerance == 32768000 && tx.tick >= 9000 && tx.tick <= 11000);
	CHECK(clock_adjtime(CLOCK_REALTIME, &tx) == state);
	tx.modes = ADJ_OFFSET_SS_READ;
	CHECK(adjtimex(&tx) == state);
	tx.modes = 0;
	CHECK_ERR(clock_adjtime(CLOCK_MONOTONIC, &tx), EOPNOTSUPP);
	CHECK_ERR(clock_adjtime(99, &tx), EINVAL);
	CHECK_ERR(syscall(SYS_adjtimex, 1), EFAULT);
}

static void changing(void)
{
	struct timex tx = { .modes = ADJ_TICK, .tick = 100 };

	if (getuid() == 0) {
		CHECK_ERR(adjtimex(&tx), EINVAL);
		tx = (struct timex){ .modes = ADJ_SETOFFSET, .time = { 0, 1000000 } };
		CHECK_ERR(adjtimex(&tx), EINVAL);
		CHECK(setresuid(65534, 65534, 65534) == 0);
	}
	tx = (struct timex){ .modes = ADJ_FREQUENCY };
	CHECK_ERR(adjtimex(&tx), EPERM);
	tx = (struct timex){ .modes = ADJ_SETOFFSET };
	CHECK_ERR(adjtimex(&tx), EPERM);
	tx = (struct timex){ .modes = ADJ_OFFSET_SINGLESHOT };
	CHECK_ERR(adjtimex(&tx), EPERM);
}

CASES(CASE(bad_times), CASE(reading), CASE(changing))
