/* eventfd, timerfd, signalfd. */
#include "check.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

static uint64_t v;
static int events(int fd)
{
	struct pollfd f = { fd, POLLIN | POLLOUT, 0 };
	CHECK(poll(&f, 1, 0) >= 0);
	return f.revents;
}
static int put(int fd, uint64_t n) { return (int)write(fd, &n, 8); }

static void counter(void)
{
	int fd = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC);
	CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	CHECK(events(fd) == (POLLIN | POLLOUT));
	CHECK(put(fd, 4) == 8 && read(fd, &v, 8) == 8 && v == 7);
	CHECK_ERR(read(fd, &v, 8), EAGAIN);
	CHECK(events(fd) == POLLOUT);
	CHECK_ERR(read(fd, &v, 7), EINVAL);
	CHECK_ERR(write(fd, &v, 4), EINVAL);
	CHECK_ERR(put(fd, ~0UL), EINVAL);
	CHECK(put(fd, ~0UL - 1) == 8);
	CHECK_ERR(put(fd, 1), EAGAIN);
	CHECK(events(fd) == POLLIN);
	char big[16];
	CHECK(read(fd, big, 16) == 8);
	CHECK_ERR(eventfd(0, 0x100), EINVAL);
}
static void semaphore(void)
{
	int fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
	CHECK(read(fd, &v, 8) == 8 && v == 1 && read(fd, &v, 8) == 8 && v == 1);
	CHECK_ERR(read(fd, &v, 8), EAGAIN);
}
static void blocking(void)
{
	int fd = eventfd(0, 0);
	pid_t me = getpid(), c = fork();
	if (!c) {
		await_state(me, "S");
		put(fd, 5);
		_exit(0);
	}
	CHECK(read(fd, &v, 8) == 8 && v == 5);
	reap(c);
	CHECK(put(fd, ~0UL - 1) == 8);
	c = fork();
	if (!c) {
		await_state(me, "S");
		CHECK(read(fd, &v, 8) == 8);
		_exit(0);
	}
	CHECK(put(fd, 9) == 8);
	reap(c);
}
static void timer_once(void)
{
	int clocks[] = { CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME };
	for (size_t i = 0; i < NELEM(clocks); i++) {
		struct itimerspec t = { { 0, 0 }, { 0, 5000000 } }, got;
		int fd = timerfd_create(clocks[i], 0);
		double a = now();
		CHECK(fd >= 0 && timerfd_settime(fd, 0, &t, NULL) == 0);
		CHECK(timerfd_gettime(fd, &got) == 0 && got.it_value.tv_sec == 0 && got.it_value.tv_nsec <= 5000000);
		CHECK(read(fd, &v, 8) == 8 && v == 1);
		CHECK(now() - a >= 0.005);
		CHECK(timerfd_gettime(fd, &got) == 0 && got.it_value.tv_nsec == 0 && got.it_value.tv_sec == 0);
		close(fd);
	}
}
static void timer_interval(void)
{
	struct itimerspec t = { { 0, 2000000 }, { 0, 1 } }, off = { 0 }, old;
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	CHECK(timerfd_settime(fd, 0, &t, NULL) == 0);
	msleep(11);
	CHECK(events(fd) == POLLIN);
	CHECK(read(fd, &v, 8) == 8 && v >= 5);
	CHECK(timerfd_settime(fd, 0, &off, &old) == 0 && old.it_interval.tv_nsec == 2000000 && old.it_value.tv_nsec > 0);
	msleep(3);
	CHECK_ERR(read(fd, &v, 8), EAGAIN);
}
static void timer_absolute(void)
{
	struct itimerspec t = { 0 };
	int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
	clock_gettime(CLOCK_REALTIME, &t.it_value);
	t.it_value.tv_sec -= 10;
	CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &t, NULL) == 0);
	msleep(1);
	CHECK(read(fd, &v, 8) == 8 && v == 1);
	clock_gettime(CLOCK_REALTIME, &t.it_value);
	t.it_value.tv_sec += 1000;
	CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, NULL) == 0);
	CHECK_ERR(read(fd, &v, 8), EAGAIN);
}
static void timer_errors(void)
{
	struct itimerspec t = { { 0, 0 }, { 0, 1000000000 } };
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	CHECK_ERR(timerfd_create(99, 0), EINVAL);
	CHECK_ERR(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
	CHECK_ERR(timerfd_settime(fd, 0, &t, NULL), EINVAL);
	t.it_value.tv_nsec = 1;
	CHECK_ERR(timerfd_settime(fd, 0x80, &t, NULL), EINVAL);
	CHECK_ERR(timerfd_settime(999, 0, &t, NULL), EBADF);
	CHECK_ERR(timerfd_settime(open("/dev/null", O_RDONLY), 0, &t, NULL), EINVAL);
	CHECK_ERR(timerfd_gettime(fd, (void *)8), EFAULT);
	CHECK_ERR(read(fd, &v, 4), EINVAL);
	CHECK_ERR(write(fd, &v, 8), EINVAL);
}
static void signals_as_a_file(void)
{
	sigset_t s;
	struct signalfd_siginfo si[3];
	sigemptyset(&s);
	sigaddset(&s, SIGUSR1);
	sigaddset(&s, SIGUSR2);
	sigprocmask(SIG_BLOCK, &s, NULL);
	int fd = signalfd(-1, &s, SFD_NONBLOCK | SFD_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_ERR(read(fd, si, sizeof(si)), EAGAIN);
	CHECK_ERR(read(fd, si, 100), EINVAL);
	kill(getpid(), SIGUSR1);
	raise(SIGUSR2);
	CHECK(events(fd) == POLLIN);
	CHECK(read(fd, si, sizeof(si)) == 2 * sizeof(si[0]));
	CHECK((si[0].ssi_signo == SIGUSR1) != (si[1].ssi_signo == SIGUSR1));
	CHECK(si[0].ssi_pid == (uint32_t)getpid());
	CHECK(events(fd) == 0);
	sigdelset(&s, SIGUSR1);
	CHECK(signalfd(fd, &s, 0) == fd);
	kill(getpid(), SIGUSR1);
	CHECK_ERR(read(fd, si, sizeof(si)), EAGAIN);
	CHECK_ERR(signalfd(999, &s, 0), EBADF);
	CHECK_ERR(signalfd(0, &s, 0), EINVAL);
	CHECK_ERR(signalfd(-1, &s, 1), EINVAL);
}
static void signal_wakes_a_reader(void)
{
	sigset_t s;
	struct signalfd_siginfo si;
	sigemptyset(&s);
	sigaddset(&s, SIGCHLD);
	sigprocmask(SIG_BLOCK, &s, NULL);
	int fd = signalfd(-1, &s, 0);
	pid_t me = getpid(), c = fork();
	if (!c) {
		await_state(me, "S");
		_exit(3);
	}
	CHECK(read(fd, &si, sizeof(si)) == sizeof(si) && si.ssi_signo == SIGCHLD && si.ssi_pid == (uint32_t)c && si.ssi_status == 3);
	reap(c);
}
CASES(CASE(counter), CASE(semaphore), CASE(blocking), CASE(timer_once), CASE(timer_interval), CASE(timer_absolute), CASE(timer_errors),
	CASE(signals_as_a_file), CASE(signal_wakes_a_reader))
