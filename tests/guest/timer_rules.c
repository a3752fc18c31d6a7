/* Timers and limits of CPU time: what blocked and ignored signals do to them, overruns, absolute times, whose time counts. The rules that timers.c leaves out. */
static int helper(int argc, char **argv);
#define HELPER(argc, argv) helper(argc, argv)
#include "check.h"
#include <pthread.h>
#include <sys/resource.h>
#include <sys/time.h>

static volatile sig_atomic_t hits, last_overrun;
static volatile pid_t hit_tid;
static void on_sig(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)uc;
	last_overrun = si->si_overrun;
	hit_tid = (pid_t)syscall(SYS_gettid);
	hits++;
}
static void handle(int sig)
{
	struct sigaction sa = { .sa_sigaction = on_sig, .sa_flags = SA_SIGINFO };
	CHECK(sigaction(sig, &sa, NULL) == 0);
}
static void set_mask(int how, int sig)
{
	sigset_t s;
	sigemptyset(&s);
	sigaddset(&s, sig);
	CHECK(sigprocmask(how, &s, NULL) == 0);
}
static int is_pending(int sig)
{
	sigset_t s;
	CHECK(sigpending(&s) == 0);
	return sigismember(&s, sig);
}
static long make(int clock, int notify, int sig, int value, int tid, int *id)
{
	struct sigevent ev = { .sigev_notify = notify, .sigev_signo = sig, .sigev_value.sival_int = value };
	ev._sigev_un._tid = tid;
	return syscall(SYS_timer_create, clock, &ev, id);
}
static long set(int id, int flags, long first_ns, long every_ns)
{
	struct itimerspec t = { { every_ns / 1000000000, every_ns % 1000000000 }, { first_ns / 1000000000, first_ns % 1000000000 } };
	return syscall(SYS_timer_settime, id, flags, &t, NULL);
}
static struct itimerspec get(int id)
{
	struct itimerspec t;
	CHECK(syscall(SYS_timer_gettime, id, &t) == 0);
	return t;
}
static double seconds(struct timespec t) { return (double)t.tv_sec + (double)t.tv_nsec / 1e9; }
static double cpu_time(void)
{
	struct timespec t;
	CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0);
	return seconds(t);
}
static void burn(double s)
{
	for (double end = cpu_time() + s; cpu_time() < end;)
		;
}

static int helper(int argc, char **argv)
{
	(void)argc;
	if (!strcmp(argv[1], "--alarm")) {
		struct itimerval t;
		/* The interval timers of the program before, and no signal of its POSIX timers. */
		if (getitimer(ITIMER_REAL, &t) || t.it_value.tv_sec < 50 || t.it_interval.tv_sec != 7)
			return 1;
		if (getitimer(ITIMER_PROF, &t) || t.it_value.tv_sec < 50)
			return 2;
		return is_pending(SIGRTMIN) ? 3 : is_pending(SIGRTMIN + 1) ? 40 : 4;
	}
	return 127;
}

/* --- interval timers ----------------------------------------------------------------------------------------------------------------------- */

/* It is wound up again when its signal is taken: blocked, it stands still. */
static void blocked_alarm_waits(void)
{
	struct itimerval t = { { 0, 5000 }, { 0, 5000 } }, got;
	handle(SIGALRM);
	set_mask(SIG_BLOCK, SIGALRM);
	CHECK(setitimer(ITIMER_REAL, &t, NULL) == 0);
	msleep(40);
	CHECK(is_pending(SIGALRM));
	CHECK(getitimer(ITIMER_REAL, &got) == 0 && got.it_value.tv_sec == 0 && got.it_value.tv_usec == 0 && got.it_interval.tv_usec == 5000);
	set_mask(SIG_UNBLOCK, SIGALRM);
	CHECK(hits >= 1);
	while (hits < 3)
		pause();
}
/* Ignored, nobody takes it: then it is over. */
static void ignored_alarm_ends(void)
{
	struct itimerval t = { { 0, 5000 }, { 0, 5000 } }, got;
	signal(SIGALRM, SIG_IGN);
	CHECK(setitimer(ITIMER_REAL, &t, NULL) == 0);
	msleep(40);
	CHECK(getitimer(ITIMER_REAL, &got) == 0 && got.it_value.tv_usec == 0 && got.it_interval.tv_usec == 5000);
	handle(SIGALRM);
	msleep(30);
	CHECK(hits == 0);
}
static void alarm_and_itimer_are_one(void)
{
	struct itimerval t = { { 3, 0 }, { 100, 600000 } }, got;
	CHECK(setitimer(ITIMER_REAL, &t, NULL) == 0);
	unsigned left = alarm(50);
	CHECK(left == 100 || left == 101);
	CHECK(getitimer(ITIMER_REAL, &got) == 0 && got.it_value.tv_sec >= 48 && got.it_value.tv_sec <= 50 && got.it_interval.tv_sec == 0);
	/* No value, no timer, whatever the interval. */
	t.it_value.tv_sec = t.it_value.tv_usec = 0;
	CHECK(setitimer(ITIMER_REAL, &t, &got) == 0 && got.it_value.tv_sec >= 48);
	CHECK(getitimer(ITIMER_REAL, &got) == 0 && got.it_value.tv_sec == 0 && got.it_interval.tv_sec == 0);
	CHECK_ERR(getitimer(3, &got), EINVAL);
	CHECK_ERR(getitimer(-1, &got), EINVAL);
	CHECK_ERR(getitimer(ITIMER_REAL, (void *)8), EFAULT);
	CHECK_ERR(setitimer(ITIMER_REAL, (void *)8, NULL), EFAULT);
	t.it_value.tv_sec = -1;
	CHECK_ERR(setitimer(ITIMER_REAL, &t, NULL), EINVAL);
	CHECK(alarm(0) == 0);
}
/* Time in user mode for one, all CPU time for the other, no time asleep; of all threads. */
static void *burns(void *arg)
{
	while (!hits)
		;
	return arg;
}
static void cpu_interval_timers(void)
{
	struct itimerval t = { { 0, 0 }, { 0, 60000 } }, got;
	handle(SIGVTALRM);
	handle(SIGPROF);
	CHECK(setitimer(ITIMER_VIRTUAL, &t, NULL) == 0 && setitimer(ITIMER_PROF, &t, NULL) == 0);
	msleep(120);
	CHECK(hits == 0);
	CHECK(getitimer(ITIMER_VIRTUAL, &got) == 0 && got.it_value.tv_usec > 0 && got.it_value.tv_sec == 0);
	CHECK(setitimer(ITIMER_VIRTUAL, &(struct itimerval){ 0 }, NULL) == 0);
	pthread_t th;
	double start = cpu_time();
	CHECK(pthread_create(&th, NULL, burns, NULL) == 0);
	pthread_join(th, NULL);
	CHECK(hits == 1 && cpu_time() - start >= 0.04 && cpu_time() - start < 0.5);
	CHECK(getitimer(ITIMER_PROF, &got) == 0 && got.it_value.tv_usec == 0 && got.it_value.tv_sec == 0);
}
static void stay_over_exec(void)
{
	CHECK(EXITED(IN_CHILD({
		struct itimerval t = { { 7, 0 }, { 100, 0 } };
		int id;
		union sigval v = { 0 };
		set_mask(SIG_BLOCK, SIGRTMIN);
		set_mask(SIG_BLOCK, SIGRTMIN + 1);
		CHECK(setitimer(ITIMER_REAL, &t, NULL) == 0 && setitimer(ITIMER_PROF, &t, NULL) == 0);
		CHECK(make(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN, 0, 0, &id) == 0 && set(id, 0, 1, 0) == 0);
		CHECK(sigqueue(getpid(), SIGRTMIN + 1, v) == 0);
		while (!is_pending(SIGRTMIN))
			msleep(1);
		execl("/proc/self/exe", "self", "--alarm", (char *)NULL);
	}),
		40));
}

/* --- RLIMIT_CPU ---------------------------------------------------------------------------------------------------------------------------- */

static volatile int warned;
static void on_xcpu(int sig)
{
	(void)sig;
	warned++;
}
/* Each warning moves the limit itself on by a second. */
static void warnings_move_the_limit(void)
{
	struct rlimit r = { 1, 10 };
	signal(SIGXCPU, on_xcpu);
	CHECK(setrlimit(RLIMIT_CPU, &r) == 0);
	while (!warned)
		;
	CHECK(cpu_time() >= 0.8 && cpu_time() < 3);
	CHECK(getrlimit(RLIMIT_CPU, &r) == 0 && r.rlim_cur == 2 && r.rlim_max == 10);
	while (warned < 2)
		;
	CHECK(cpu_time() >= 1.6);
	CHECK(getrlimit(RLIMIT_CPU, &r) == 0 && r.rlim_cur == 3);
	/* Set anew it counts from where the process is. */
	r.rlim_cur = RLIM_INFINITY;
	r.rlim_max = 10;
	CHECK_ERR(setrlimit(RLIMIT_CPU, &r), EINVAL);
}
/* One that has been passed already strikes at once. */
static void a_limit_below_what_was_used(void)
{
	struct rlimit r = { 1, RLIM_INFINITY };
	burn(1.1);
	signal(SIGXCPU, on_xcpu);
	CHECK(setrlimit(RLIMIT_CPU, &r) == 0);
	double start = cpu_time();
	while (!warned && cpu_time() < start + 0.5)
		;
	CHECK(warned == 1);
	CHECK(getrlimit(RLIMIT_CPU, &r) == 0 && r.rlim_cur == 2);
	/* A child begins at nothing, with the limit as it is. */
	CHECK(EXITED(IN_CHILD(CHECK(getrlimit(RLIMIT_CPU, &r) == 0 && r.rlim_cur == 2 && cpu_time() < 0.5)), 0));
}
static void no_time_at_all(void)
{
	int st;
	pid_t p = fork();
	if (!p) {
		struct rlimit r = { 0, RLIM_INFINITY }, none = { 0, 0 };
		setrlimit(RLIMIT_CORE, &none);
		CHECK(setrlimit(RLIMIT_CPU, &r) == 0);
		burn(1.5);
		_exit(0);
	}
	st = reap(p);
	CHECK(KILLED(st, SIGXCPU));
}

/* --- POSIX timers -------------------------------------------------------------------------------------------------------------------------- */

static void numbers_and_errors(void)
{
	int a, b;
	CHECK(make(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0, 0, &a) == 0 && make(CLOCK_REALTIME, SIGEV_NONE, 0, 0, 0, &b) == 0 && a == 0 && b == 1);
	CHECK(syscall(SYS_timer_delete, a) == 0);
	CHECK_ERR(syscall(SYS_timer_gettime, a, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_timer_getoverrun, a), EINVAL);
	CHECK_ERR(syscall(SYS_timer_settime, b, 0, NULL, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_timer_settime, b, 0, 8, NULL), EFAULT);
	CHECK_ERR(syscall(SYS_timer_gettime, b, 8), EFAULT);
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, 8, &a), EFAULT);
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, 8), EFAULT);
	CHECK_ERR(make(CLOCK_MONOTONIC, 3, SIGUSR1, 0, 0, &a), EINVAL);
	CHECK_ERR(make(CLOCK_MONOTONIC, SIGEV_SIGNAL, 0, 0, 0, &a), EINVAL);
	CHECK_ERR(make(CLOCK_MONOTONIC, SIGEV_SIGNAL, 65, 0, 0, &a), EINVAL);
	CHECK_ERR(make(CLOCK_MONOTONIC, SIGEV_SIGNAL | 4, SIGUSR1, 0, 0x3fffffff, &a), EINVAL);
	CHECK_ERR(make(CLOCK_MONOTONIC, SIGEV_SIGNAL | 4, SIGUSR1, 0, getppid(), &a), EINVAL);
	CHECK_ERR(make(CLOCK_MONOTONIC_RAW, SIGEV_NONE, 0, 0, 0, &a), EOPNOTSUPP);
	CHECK_ERR(make(CLOCK_MONOTONIC_COARSE, SIGEV_NONE, 0, 0, 0, &a), EOPNOTSUPP);
	CHECK(make(CLOCK_BOOTTIME, SIGEV_NONE, 0, 0, 0, &a) == 0);
	CHECK(make(CLOCK_THREAD_CPUTIME_ID, SIGEV_NONE, 0, 0, 0, &a) == 0);
	/* The default: SIGALRM with the number as value. */
	siginfo_t si;
	sigset_t s;
	sigemptyset(&s);
	sigaddset(&s, SIGALRM);
	set_mask(SIG_BLOCK, SIGALRM);
	CHECK(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &a) == 0 && set(a, 0, 1000, 0) == 0);
	CHECK(sigwaitinfo(&s, &si) == SIGALRM && si.si_code == SI_TIMER && si.si_value.sival_int == a && si.si_timerid == a && si.si_overrun == 0);
}

/* While its signal waits a timer counts what it misses; the count comes with the signal, and getoverrun keeps it. */
static void overruns(void)
{
	int id;
	siginfo_t si;
	sigset_t s;
	sigemptyset(&s);
	sigaddset(&s, SIGRTMIN);
	set_mask(SIG_BLOCK, SIGRTMIN);
	CHECK(make(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN, 5, 0, &id) == 0 && set(id, 0, 10000000, 10000000) == 0);
	CHECK(syscall(SYS_timer_getoverrun, id) == 0);
	msleep(120);
	CHECK(syscall(SYS_timer_getoverrun, id) == 0); /* of the last one delivered */
	struct timespec zero = { 0, 0 };
	CHECK(sigtimedwait(&s, &si, &zero) == SIGRTMIN && si.si_overrun >= 7 && si.si_overrun < 2000);
	CHECK(syscall(SYS_timer_getoverrun, id) == si.si_overrun);
	struct itimerspec t = get(id);
	CHECK(t.it_value.tv_nsec > 0 && t.it_value.tv_nsec <= 10000000 && t.it_interval.tv_nsec == 10000000);
	/* One signal at a time, however many it missed. */
	msleep(60);
	CHECK(sigtimedwait(&s, &si, &zero) == SIGRTMIN && si.si_overrun >= 2);
	CHECK(set(id, 0, 0, 0) == 0);
	while (sigtimedwait(&s, &si, &zero) == SIGRTMIN)
		;
	t = get(id);
	CHECK(t.it_value.tv_nsec == 0 && t.it_interval.tv_nsec == 0);
}

/* An ignored signal: the timer goes on, and may be heard later. */
static void ignored_signals(void)
{
	int id;
	signal(SIGUSR1, SIG_IGN);
	CHECK(make(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 5, 0, &id) == 0 && set(id, 0, 10000000, 10000000) == 0);
	msleep(60);
	struct itimerspec t = get(id);
	CHECK(t.it_value.tv_nsec > 0 && t.it_value.tv_nsec <= 20000000);
	handle(SIGUSR1);
	for (int i = 0; i < 2000 && hits < 2; i++)
		msleep(1);
	CHECK(hits >= 2);
}

static void to_one_thread(void)
{
	int id;
	handle(SIGUSR1);
	CHECK(make(CLOCK_MONOTONIC, SIGEV_SIGNAL | 4, SIGUSR1, 5, (int)syscall(SYS_gettid), &id) == 0);
	CHECK(set(id, 0, 3000000, 0) == 0);
	while (!hits)
		pause();
	CHECK(hit_tid == getpid());
}
static int other_id;
static void *waits_in_thread(void *arg)
{
	SHARED[0] = (int)syscall(SYS_gettid);
	while (!hits)
		usleep(1000);
	return arg;
}
static void to_another_thread(void)
{
	pthread_t t;
	handle(SIGUSR1);
	CHECK(pthread_create(&t, NULL, waits_in_thread, NULL) == 0);
	while (!SHARED[0])
		sched_yield();
	CHECK(make(CLOCK_REALTIME, SIGEV_SIGNAL | 4, SIGUSR1, 5, SHARED[0], &other_id) == 0 && set(other_id, 0, 3000000, 0) == 0);
	CHECK(pthread_join(t, NULL) == 0 && hit_tid == SHARED[0]);
}

static void absolute_times(void)
{
	static const int clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME };
	handle(SIGUSR1);
	for (unsigned i = 0; i < NELEM(clocks); i++) {
		int id;
		struct timespec n;
		hits = 0;
		CHECK(make(clocks[i], SIGEV_SIGNAL, SIGUSR1, 0, 0, &id) == 0);
		/* Past: at once. */
		CHECK(set(id, TIMER_ABSTIME, 1, 0) == 0);
		for (int k = 0; k < 2000 && !hits; k++)
			msleep(1);
		CHECK(hits == 1);
		CHECK(clock_gettime(clocks[i], &n) == 0);
		CHECK(set(id, TIMER_ABSTIME, n.tv_sec * 1000000000L + n.tv_nsec + 20000000, 0) == 0);
		struct itimerspec t = get(id);
		CHECK(t.it_value.tv_sec == 0 && t.it_value.tv_nsec > 0 && t.it_value.tv_nsec <= 20000000);
		while (hits < 2)
			pause();
		struct timespec e;
		CHECK(clock_gettime(clocks[i], &e) == 0 && seconds(e) - seconds(n) >= 0.0199);
		CHECK(syscall(SYS_timer_delete, id) == 0);
	}
}

/* A timer without a signal still runs. */
static void silent_ones(void)
{
	int id;
	CHECK(make(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0, 0, &id) == 0 && set(id, 0, 5000000, 50000000) == 0);
	msleep(20);
	struct itimerspec t = get(id);
	CHECK(t.it_value.tv_nsec > 0 && t.it_value.tv_nsec < 50000000 && t.it_interval.tv_nsec == 50000000);
	CHECK(set(id, 0, 5000000, 0) == 0);
	msleep(20);
	t = get(id);
	CHECK(t.it_value.tv_sec == 0 && t.it_value.tv_nsec == 0);
	/* The old value comes back when it is set anew. */
	struct itimerspec new = { { 0, 0 }, { 100, 0 } }, old;
	CHECK(set(id, 0, 900000000, 77000000) == 0);
	CHECK(syscall(SYS_timer_settime, id, 0, &new, &old) == 0 && old.it_interval.tv_nsec == 77000000 && old.it_value.tv_nsec > 500000000);
}

static void on_cpu_clocks(void)
{
	int process, thread;
	handle(SIGUSR1);
	handle(SIGUSR2);
	CHECK(make(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, SIGUSR1, 0, 0, &process) == 0);
	CHECK(make(CLOCK_THREAD_CPUTIME_ID, SIGEV_SIGNAL, SIGUSR2, 0, 0, &thread) == 0);
	CHECK(set(process, 0, 50000000, 0) == 0);
	double start = cpu_time();
	msleep(120);
	CHECK(hits == 0);
	while (!hits && cpu_time() < start + 2)
		;
	CHECK(hits == 1 && cpu_time() - start >= 0.049);
	struct itimerspec t = get(process);
	CHECK(t.it_value.tv_sec == 0 && t.it_value.tv_nsec == 0);
	CHECK(set(thread, 0, 20000000, 20000000) == 0);
	start = cpu_time();
	while (hits < 4 && cpu_time() < start + 2)
		;
	CHECK(hits >= 4 && cpu_time() - start >= 0.05);
}

CASES(CASE(blocked_alarm_waits), CASE(ignored_alarm_ends), CASE(alarm_and_itimer_are_one), CASE(cpu_interval_timers), CASE(stay_over_exec),
	CASE(warnings_move_the_limit), CASE(a_limit_below_what_was_used), CASE(no_time_at_all), CASE(numbers_and_errors), CASE(overruns),
	CASE(ignored_signals), CASE(to_one_thread), CASE(to_another_thread), CASE(absolute_times), CASE(silent_ones), CASE(on_cpu_clocks))
