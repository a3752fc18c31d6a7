/* Clocks, sleeping, interval timers, POSIX timers. */
#include "check.h"
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>

static volatile sig_atomic_t hits;
static volatile siginfo_t info;
static void on_sig(int sig, siginfo_t *si, void *uc) { (void)sig, (void)uc; info = *si; hits++; }
static void handle(int sig)
{
	struct sigaction sa = { .sa_sigaction = on_sig, .sa_flags = SA_SIGINFO };
	CHECK(sigaction(sig, &sa, NULL) == 0);
}
static void burn(double s) { for (double a = now(); now() - a < s;) ; }

static void clocks(void)
{
	int ids[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
		CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME };
	struct timespec t, r;
	for (size_t i = 0; i < NELEM(ids); i++)
		CHECK(clock_gettime(ids[i], &t) == 0 && clock_getres(ids[i], &r) == 0 && r.tv_sec == 0 && r.tv_nsec > 0 && t.tv_nsec < 1000000000);
	CHECK_ERR(clock_gettime(77, &t), EINVAL);
	CHECK_ERR(clock_getres(77, &t), EINVAL);
	CHECK_ERR(syscall(SYS_clock_gettime, CLOCK_REALTIME, 8), EFAULT);
	struct timeval tv;
	CHECK(gettimeofday(&tv, NULL) == 0 && labs(time(NULL) - tv.tv_sec) <= 1);
	CHECK_ERR(clock_settime(CLOCK_MONOTONIC, &t), EINVAL);
	CHECK(EXITED(IN_CHILD(CHECK(setresuid(12345, 12345, 12345) == 0); clock_gettime(CLOCK_REALTIME, &t); CHECK_ERR(clock_settime(CLOCK_REALTIME, &t), EPERM)), 0));
	double last = now();
	for (int i = 0; i < 10000; i++) {
		double n = now();
		CHECK(n >= last);
		last = n;
	}
}
static void cpu_clocks_count_work(void)
{
	struct timespec a, b;
	struct tms t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	burn(0.03);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	CHECK((double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9 > 0.001);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	msleep(20);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	CHECK((double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9 < 0.015);
	CHECK(times(&t) != (clock_t)-1);
}
static void sleeping(void)
{
	struct timespec t = { 0, 5000000 }, bad = { 0, 1000000000 }, neg = { -1, 0 };
	double a = now();
	CHECK(nanosleep(&t, NULL) == 0 && now() - a >= 0.005);
	CHECK_ERR(nanosleep(&bad, NULL), EINVAL);
	CHECK_ERR(nanosleep(&neg, NULL), EINVAL);
	CHECK_ERR(nanosleep((void *)8, NULL), EFAULT);
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec = 0;
	CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == 0);
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += 3000000;
	if (t.tv_nsec >= 1000000000)
		t.tv_sec++, t.tv_nsec -= 1000000000;
	a = now();
	CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL) == 0 && now() - a >= 0.001);
	CHECK(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &t, NULL) == EINVAL);
	CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &bad, NULL) == EINVAL);
}
static void alarms(void)
{
	handle(SIGALRM);
	CHECK(alarm(100) == 0);
	unsigned left = alarm(0);
	CHECK(left >= 99 && left <= 100);
	struct itimerval t = { { 0, 3000 }, { 0, 3000 } }, got;
	CHECK(setitimer(ITIMER_REAL, &t, NULL) == 0);
	while (hits < 4)
		pause();
	CHECK(getitimer(ITIMER_REAL, &got) == 0 && got.it_interval.tv_usec == 3000);
	memset(&t, 0, sizeof(t));
	CHECK(setitimer(ITIMER_REAL, &t, &got) == 0 && got.it_interval.tv_usec == 3000);
	CHECK_ERR(setitimer(9, &t, NULL), EINVAL);
	t.it_value.tv_usec = 1000000;
	CHECK_ERR(setitimer(ITIMER_REAL, &t, NULL), EINVAL);
}
static void cpu_interval_timers(void)
{
	struct itimerval t = { { 0, 0 }, { 0, 10000 } };
	handle(SIGVTALRM);
	handle(SIGPROF);
	CHECK(setitimer(ITIMER_VIRTUAL, &t, NULL) == 0);
	while (!hits)
		;
	hits = 0;
	CHECK(setitimer(ITIMER_PROF, &t, NULL) == 0);
	while (!hits)
		;
	CHECK(info.si_signo == SIGPROF);
}
static void posix_timers(void)
{
	timer_t id;
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1, .sigev_value.sival_int = 77 };
	struct itimerspec t = { { 0, 0 }, { 0, 2000000 } }, got;
	handle(SIGRTMIN + 1);
	CHECK(timer_create(CLOCK_MONOTONIC, &ev, &id) == 0);
	CHECK(timer_settime(id, 0, &t, NULL) == 0);
	while (!hits)
		pause();
	CHECK(info.si_signo == SIGRTMIN + 1 && info.si_code == SI_TIMER && info.si_value.sival_int == 77);
	CHECK(timer_gettime(id, &got) == 0 && got.it_value.tv_sec == 0 && got.it_value.tv_nsec == 0);
	/* overruns: while the signal is blocked expirations are only counted */
	sigset_t s;
	sigemptyset(&s);
	sigaddset(&s, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &s, NULL);
	hits = 0;
	t = (struct itimerspec){ { 0, 1000000 }, { 0, 1000000 } };
	CHECK(timer_settime(id, 0, &t, NULL) == 0);
	msleep(10);
	sigprocmask(SIG_UNBLOCK, &s, NULL);
	CHECK(hits >= 1);
	CHECK(timer_getoverrun(id) >= 0);
	CHECK(timer_delete(id) == 0);
	CHECK_ERR(syscall(SYS_timer_delete, 1000), EINVAL);
	CHECK_ERR(syscall(SYS_timer_create, 77, NULL, &id), EINVAL);
	ev.sigev_signo = 99;
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), EINVAL);
	t.it_value.tv_nsec = -1;
	ev.sigev_notify = SIGEV_NONE;
	CHECK(timer_create(CLOCK_REALTIME, &ev, &id) == 0);
	CHECK_ERR(timer_settime(id, 0, &t, NULL), EINVAL);
}
/* Clocks that wake a sleeping machine: as those they are named after, for who has CAP_WAKE_ALARM. Without a real-time clock device Linux has none. */
static void alarm_clocks(void)
{
	static const int alarms[] = { CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM }, plain[] = { CLOCK_REALTIME, CLOCK_BOOTTIME };
	struct sigevent none = { .sigev_notify = SIGEV_NONE }, ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2 };
	struct timespec t, u, ms = { 0, 3000000 };
	timer_t id;
	if (getuid() || clock_gettime(CLOCK_BOOTTIME_ALARM, &t) < 0)
		check_skip("no alarm clocks, or no right to set them");
	handle(SIGRTMIN + 2);
	for (int i = 0; i < 2; i++) {
		struct itimerspec hour = { { 1, 0 }, { 3600, 0 } }, soon = { { 0, 0 }, ms }, got;
		CHECK(clock_gettime(alarms[i], &t) == 0 && clock_gettime(plain[i], &u) == 0 && u.tv_sec - t.tv_sec <= 1);
		CHECK(clock_getres(alarms[i], &t) == 0 && t.tv_sec == 0 && t.tv_nsec > 0);
		CHECK_ERR(clock_settime(alarms[i], &u), EINVAL);
		CHECK(timer_create(alarms[i], &none, &id) == 0 && timer_settime(id, 0, &hour, NULL) == 0 && timer_gettime(id, &got) == 0);
		CHECK(got.it_interval.tv_sec == 1 && got.it_value.tv_sec >= 3590 && got.it_value.tv_sec <= 3600);
		hour.it_value.tv_sec = u.tv_sec + 3600;
		CHECK(timer_settime(id, TIMER_ABSTIME, &hour, NULL) == 0 && timer_gettime(id, &got) == 0);
		CHECK(got.it_value.tv_sec >= 3590 && got.it_value.tv_sec <= 3601 && timer_delete(id) == 0);
		hits = 0;
		CHECK(timer_create(alarms[i], &ev, &id) == 0 && timer_settime(id, 0, &soon, NULL) == 0);
		while (!hits)
			msleep(1);
		CHECK(info.si_signo == SIGRTMIN + 2 && info.si_code == SI_TIMER && timer_delete(id) == 0);
		double a = now();
		CHECK(clock_nanosleep(alarms[i], 0, &ms, NULL) == 0 && now() - a >= 0.003);
		CHECK(clock_gettime(alarms[i], &t) == 0 && clock_nanosleep(alarms[i], TIMER_ABSTIME, &t, NULL) == 0);
		CHECK(clock_nanosleep(alarms[i], 2, &ms, NULL) == EINVAL);
		int fd = timerfd_create(alarms[i], 0);
		uint64_t n;
		CHECK(fd >= 0 && timerfd_settime(fd, 0, &soon, NULL) == 0 && read(fd, &n, 8) == 8 && n == 1);
		/* the right is asked for at each setting */
		CHECK(EXITED(IN_CHILD(CHECK(setresuid(12345, 12345, 12345) == 0); CHECK_ERR(timer_create(alarms[i], &none, &id), EPERM);
							  CHECK(clock_nanosleep(alarms[i], 0, &ms, NULL) == EPERM); CHECK_ERR(timerfd_settime(fd, 0, &soon, NULL), EPERM);
							  CHECK_ERR(timerfd_create(alarms[i], 0), EPERM); CHECK(clock_gettime(alarms[i], &t) == 0)),
			0));
		close(fd);
	}
}
static void timers_are_not_inherited_by_a_child(void)
{
	timer_t id;
	struct sigevent ev = { .sigev_notify = SIGEV_NONE };
	struct itimerspec got;
	CHECK(timer_create(CLOCK_MONOTONIC, &ev, &id) == 0);
	CHECK(EXITED(IN_CHILD(CHECK_ERR(timer_gettime(id, &got), EINVAL)), 0));
}
static void many_sleepers_wake_in_order(void)
{
	int fds[2];
	CHECK(pipe(fds) == 0);
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	for (int i = 9; i >= 0; i--) {
		if (!fork()) {
			t.tv_nsec += 20000000 + i * 5000000;
			t.tv_sec += t.tv_nsec / 1000000000;
			t.tv_nsec %= 1000000000;
			CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == 0);
			char c = (char)i;
			struct timespec n;
			clock_gettime(CLOCK_MONOTONIC, &n);
			CHECK(n.tv_sec > t.tv_sec || (n.tv_sec == t.tv_sec && n.tv_nsec >= t.tv_nsec)); /* never early */
			CHECK(write(fds[1], &c, 1) == 1);
			_exit(0);
		}
	}
	int seen = 0;
	for (int i = 0; i < 10; i++) {
		char c;
		CHECK(read(fds[0], &c, 1) == 1 && c >= 0 && c < 10);
		seen |= 1 << c;
	}
	CHECK(seen == 0x3ff);
}
CASES(CASE(clocks), CASE(cpu_clocks_count_work), CASE(sleeping), CASE(alarms), CASE(cpu_interval_timers), CASE(posix_timers), CASE(alarm_clocks),
	CASE(timers_are_not_inherited_by_a_child), CASE(many_sleepers_wake_in_order))
