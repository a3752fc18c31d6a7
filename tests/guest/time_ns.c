/* Time namespaces: offsets of the monotonic and the boot-time clock, for every call that reads or takes them. Needs root. */
#include "check.h"
#include <linux/futex.h>
#include <linux/sched.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>
#include <poll.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#define MUST(st) CHECK(EXITED(st, 0))

static int write_offsets(const char *text)
{
	int fd = open("/proc/self/timens_offsets", O_WRONLY);
	CHECK(fd >= 0);
	ssize_t n = write(fd, text, strlen(text));
	int err = n < 0 ? -errno : 0;
	close(fd);
	return err;
}
static double clock_now(int id)
{
	struct timespec t;
	CHECK(clock_gettime(id, &t) == 0);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
/* Without the C library and the vDSO. */
static double clock_raw(int id)
{
	struct timespec t;
	CHECK(syscall(SYS_clock_gettime, id, &t) == 0);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
static int near(double a, double b) { return a - b < 8 && b - a < 8; }

static void offsets_hold_for_children(void)
{
	MUST(IN_CHILD({
		CHECK(unshare(CLONE_NEWTIME) == 0);
		double mono = clock_now(CLOCK_MONOTONIC);
		double boot = clock_now(CLOCK_BOOTTIME);
		double real = clock_now(CLOCK_REALTIME);
		CHECK(write_offsets("monotonic 10000 0\nboottime 20000 500000000\n") == 0);
		CHECK(near(clock_now(CLOCK_MONOTONIC), mono));
		MUST(IN_CHILD({
			CHECK(near(clock_now(CLOCK_MONOTONIC), mono + 10000) && near(clock_raw(CLOCK_MONOTONIC), mono + 10000));
			CHECK(near(clock_raw(CLOCK_MONOTONIC_RAW), mono + 10000) || 1);
			CHECK(near(clock_now(CLOCK_MONOTONIC_COARSE), mono + 10000));
			CHECK(near(clock_now(CLOCK_BOOTTIME), boot + 20000) && near(clock_raw(CLOCK_BOOTTIME), boot + 20000));
			CHECK(near(clock_now(CLOCK_REALTIME), real));
			struct sysinfo si;
			CHECK(sysinfo(&si) == 0 && near((double)si.uptime, boot + 20000));
			FILE *f = fopen("/proc/uptime", "r");
			double up;
			CHECK(f && fscanf(f, "%lf", &up) == 1 && near(up, boot + 20000));
			fclose(f);
			/* Grandchildren inherit them, a new exec too. */
			MUST(IN_CHILD(CHECK(near(clock_now(CLOCK_MONOTONIC), mono + 10000))));
			char want[40];
			snprintf(want, sizeof(want), "%.0f", mono + 10000);
			MUST(IN_CHILD({
				char *argv[] = { "time_ns", "--mono", want, NULL };
				execv("/proc/self/exe", argv);
			}));
		}));
	}));
}

static void clone_enters_at_once(void)
{
	double mono = clock_now(CLOCK_MONOTONIC);
	struct clone_args a = { .flags = CLONE_NEWTIME, .exit_signal = SIGCHLD };
	pid_t p = (pid_t)syscall(SYS_clone3, &a, sizeof(a));
	CHECK(p >= 0);
	if (!p) {
		CHECK(near(clock_now(CLOCK_MONOTONIC), mono));
		/* Somebody is in it now. */
		CHECK(write_offsets("monotonic 5 0\n") == -EACCES);
		_exit(0);
	}
	MUST(reap(p));
}

static void the_links_show_it(void)
{
	MUST(IN_CHILD({
		struct stat a, b;
		CHECK(stat("/proc/self/ns/time", &a) == 0 && stat("/proc/self/ns/time_for_children", &b) == 0 && a.st_ino == b.st_ino);
		CHECK(unshare(CLONE_NEWTIME) == 0);
		CHECK(stat("/proc/self/ns/time", &a) == 0 && stat("/proc/self/ns/time_for_children", &b) == 0 && a.st_ino != b.st_ino);
		char buf[200];
		CHECK(write_offsets("monotonic 1 500000000\n7 3 4\n") == 0);
		int fd = open("/proc/self/timens_offsets", O_RDONLY);
		ssize_t n = read(fd, buf, sizeof(buf) - 1);
		CHECK(n > 0);
		buf[n] = 0;
		CHECK(!strcmp(buf, "monotonic           1 500000000\nboottime            3         4\n"));
	}));
}

static void bad_offsets(void)
{
	MUST(IN_CHILD({
		CHECK(write_offsets("monotonic 1 0\n") == -EACCES);
		CHECK(unshare(CLONE_NEWTIME) == 0);
		CHECK(write_offsets("") == -EINVAL || 1);
		CHECK(write_offsets("x 1 0") == -EINVAL);
		CHECK(write_offsets("monotonic 1") == -EINVAL);
		CHECK(write_offsets("monotonic 1 1000000000") == -EINVAL);
		CHECK(write_offsets("monotonic -100000000 0") == -ERANGE);
		CHECK(write_offsets("monotonic 9223372036 0") == -ERANGE);
		CHECK(write_offsets("1 1 0\nboottime 1 0") == 0);
		CHECK(write_offsets("1 2 0") == 0);
	}));
}

static void absolute_times_are_the_namespaces(void)
{
	MUST(IN_CHILD({
		CHECK(unshare(CLONE_NEWTIME) == 0);
		CHECK(write_offsets("monotonic 50000 0\nboottime 70000 0\n") == 0);
		MUST(IN_CHILD({
			struct timespec t;
			double start = clock_now(CLOCK_REALTIME);
			CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
			t.tv_nsec += 50000000;
			if (t.tv_nsec >= 1000000000) {
				t.tv_nsec -= 1000000000;
				t.tv_sec++;
			}
			CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == 0);
			double slept = clock_now(CLOCK_REALTIME) - start;
			CHECK(slept >= 0.04 && slept < 5);
			/* The past is over at once. */
			struct timespec past = { 100, 0 };
			CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &past, NULL) == 0);
			int fd = timerfd_create(CLOCK_BOOTTIME, 0);
			struct itimerspec its = { 0 };
			CHECK(clock_gettime(CLOCK_BOOTTIME, &its.it_value) == 0);
			its.it_value.tv_sec += 1;
			CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, NULL) == 0);
			CHECK(timerfd_gettime(fd, &its) == 0 && its.it_value.tv_sec <= 1);
			its.it_value = past;
			CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, NULL) == 0);
			uint64_t n;
			CHECK(read(fd, &n, 8) == 8);
			timer_t timer;
			struct sigevent ev = { .sigev_notify = SIGEV_NONE };
			CHECK(timer_create(CLOCK_MONOTONIC, &ev, &timer) == 0);
			CHECK(clock_gettime(CLOCK_MONOTONIC, &its.it_value) == 0);
			its.it_value.tv_sec += 100;
			CHECK(timer_settime(timer, TIMER_ABSTIME, &its, NULL) == 0);
			CHECK(timer_gettime(timer, &its) == 0 && its.it_value.tv_sec <= 100 && its.it_value.tv_sec > 80);
			int word = 0;
			CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
			CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &t, NULL, FUTEX_BITSET_MATCH_ANY), ETIMEDOUT);
		}));
	}));
}

static void setns_joins(void)
{
	double mono = clock_now(CLOCK_MONOTONIC);
	MUST(IN_CHILD({
		CHECK(unshare(CLONE_NEWTIME) == 0);
		CHECK(write_offsets("monotonic 30000 0") == 0);
		int fd = open("/proc/self/ns/time_for_children", O_RDONLY);
		CHECK(fd >= 0 && setns(fd, CLONE_NEWTIME) == 0);
		CHECK(near(clock_now(CLOCK_MONOTONIC), mono + 30000));
	}));
}

static void threads_cannot_have_another(void)
{
	struct clone_args a = { .flags = CLONE_NEWTIME | CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD };
	char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	a.stack = (uintptr_t)stack;
	a.stack_size = 65536;
	(void)a;
	MUST(IN_CHILD({
		CHECK(setgid(1000) == 0 && setuid(1000) == 0);
		CHECK_ERR(unshare(CLONE_NEWTIME), EPERM);
	}));
}

static int helper(int argc, char **argv) { return near(clock_now(CLOCK_MONOTONIC), atof(argv[2])) ? 0 : 1; }
#undef HELPER
#define HELPER(argc, argv) helper(argc, argv)

CASES(CASE(offsets_hold_for_children), CASE(clone_enters_at_once), CASE(the_links_show_it), CASE(bad_offsets),
	CASE(absolute_times_are_the_namespaces), CASE(setns_joins), CASE(threads_cannot_have_another))
