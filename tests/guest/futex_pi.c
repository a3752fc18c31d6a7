/* futex(2) with priority inheritance, requeueing to such locks, futex_waitv and the split calls. */
#include "check.h"
#include <linux/futex.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/prctl.h>

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif
#define SYS_waitv 449
#define SYS_fwake 454
#define SYS_fwait 455
#define SYS_frequeue 456
struct waitv {
	uint64_t val, uaddr;
	uint32_t flags, reserved;
};
#define V32 2u
#define VPRIVATE 128u

typedef volatile uint32_t word;
static long futex(word *w, int op, uint32_t val, const void *t, word *w2, uint32_t val3) { return syscall(SYS_futex, w, op, val, t, w2, val3); }
static long lock_pi(word *w) { return futex(w, FUTEX_LOCK_PI, 0, NULL, NULL, 0); }
static long unlock_pi(word *w) { return futex(w, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0); }
static uint32_t tid(void) { return (uint32_t)syscall(SYS_gettid); }
static word *shared_words(void)
{
	word *w = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(w != MAP_FAILED);
	return w;
}
static struct timespec in_ms(int clock, long ms)
{
	struct timespec t;
	clock_gettime(clock, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static void uncontended(void)
{
	word w = 0;
	CHECK(lock_pi(&w) == 0 && w == tid());
	CHECK_ERR(lock_pi(&w), EDEADLK);
	CHECK_ERR(futex(&w, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), EDEADLK);
	CHECK(unlock_pi(&w) == 0 && w == 0);
	CHECK_ERR(unlock_pi(&w), EPERM);
	CHECK(futex(&w, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0) == 0 && w == tid());
	CHECK(unlock_pi(&w) == 0 && w == 0);
	w = FUTEX_OWNER_DIED;
	CHECK(lock_pi(&w) == 0 && w == (tid() | FUTEX_OWNER_DIED));
	CHECK(unlock_pi(&w) == 0 && w == 0);
	CHECK(futex(&w, FUTEX_LOCK_PI2, 0, NULL, NULL, 0) == 0 && w == tid());
	CHECK(unlock_pi(&w) == 0);
}
static void errors(void)
{
	word w = 0x3ffffff0;
	struct timespec bad = { 0, -1 };
	CHECK_ERR(lock_pi(&w), ESRCH);
	CHECK(w == (0x3ffffff0 | FUTEX_WAITERS));
	w = 2; /* a kernel thread */
	CHECK_ERR(lock_pi(&w), EPERM);
	w = 1;
	CHECK_ERR(unlock_pi(&w), EPERM);
	CHECK_ERR(lock_pi((word *)2), EINVAL);
	CHECK_ERR(lock_pi((word *)8), EFAULT);
	CHECK_ERR(unlock_pi((word *)8), EFAULT);
	w = 0;
	CHECK_ERR(futex(&w, FUTEX_LOCK_PI, 0, &bad, NULL, 0), EINVAL);
	CHECK_ERR(futex(&w, FUTEX_LOCK_PI, 0, (void *)8, NULL, 0), EFAULT);
	CHECK_ERR(futex(&w, FUTEX_CMP_REQUEUE_PI, 2, (void *)1, (word *)((char *)&w + 64), 0), EINVAL);
	CHECK_ERR(futex(&w, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &w, 0), EINVAL);
	CHECK_ERR(futex(&w, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &w, 0), EINVAL);
}
static void times_out(void)
{
	word *w = shared_words();
	pid_t p = fork();
	if (!p) {
		CHECK(lock_pi(w) == 0);
		SHARED[0] = 1;
		for (;;)
			pause();
	}
	await_value(&SHARED[0], 1);
	struct timespec t = in_ms(CLOCK_REALTIME, 20);
	double a = now();
	CHECK_ERR(futex(w, FUTEX_LOCK_PI, 0, &t, NULL, 0), ETIMEDOUT);
	CHECK(now() - a > 0.015);
	CHECK((*w & FUTEX_TID_MASK) == (uint32_t)p && (*w & FUTEX_WAITERS));
	t = in_ms(CLOCK_MONOTONIC, 10);
	CHECK_ERR(futex(w, FUTEX_LOCK_PI2, 0, &t, NULL, 0), ETIMEDOUT);
	t = in_ms(CLOCK_REALTIME, 10);
	CHECK_ERR(futex(w, FUTEX_LOCK_PI2 | FUTEX_CLOCK_REALTIME, 0, &t, NULL, 0), ETIMEDOUT);
	CHECK_ERR(futex(w, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), EAGAIN);
	CHECK_ERR(unlock_pi(w), EPERM);
	kill(p, SIGKILL);
	reap(p);
}
static void hands_over(void)
{
	word *w = shared_words();
	CHECK(lock_pi(w) == 0);
	pid_t p[3];
	for (int i = 0; i < 3; i++) {
		p[i] = fork();
		if (!p[i]) {
			CHECK(lock_pi(w) == 0);
			CHECK((*w & FUTEX_TID_MASK) == tid());
			SHARED[1 + i] = ++SHARED[0];
			CHECK(unlock_pi(w) == 0);
			_exit(0);
		}
		await_state(p[i], "S");
	}
	CHECK(*w == (tid() | FUTEX_WAITERS));
	/* A plain wake finds that this is another kind of lock. */
	CHECK_ERR(futex(w, FUTEX_WAKE, 1, NULL, NULL, 0), EINVAL);
	CHECK(unlock_pi(w) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(EXITED(reap(p[i]), 0));
	CHECK(SHARED[1] == 1 && SHARED[2] == 2 && SHARED[3] == 3); /* in the order of their coming */
	CHECK(*w == 0);
}
static void owner_dies(void)
{
	word *w = shared_words();
	pid_t p = fork();
	if (!p) {
		CHECK(lock_pi(w) == 0);
		SHARED[0] = 1;
		while (!SHARED[1])
			msleep(1);
		_exit(0);
	}
	await_value(&SHARED[0], 1);
	pid_t q = fork();
	if (!q) {
		CHECK(lock_pi(w) == 0);
		CHECK((*w & FUTEX_TID_MASK) == tid() && (*w & FUTEX_OWNER_DIED));
		CHECK(unlock_pi(w) == 0);
		_exit(0);
	}
	await_state(q, "S");
	SHARED[1] = 1;
	CHECK(EXITED(reap(p), 0));
	CHECK(EXITED(reap(q), 0));
	/* Without waiters nobody notices. */
	p = fork();
	if (!p) {
		CHECK(lock_pi(w) == 0);
		_exit(0);
	}
	reap(p);
	CHECK(*w == (uint32_t)p);
	CHECK_ERR(lock_pi(w), ESRCH);
}
static void exec_lets_go(void)
{
	word *w = shared_words();
	pid_t p = fork();
	if (!p) {
		CHECK(lock_pi(w) == 0);
		SHARED[0] = 1;
		while (!SHARED[1])
			msleep(1);
		execl("/proc/self/exe", "x", "nothing", (char *)NULL);
		_exit(1);
	}
	await_value(&SHARED[0], 1);
	pid_t q = fork();
	if (!q)
		_exit(lock_pi(w) == 0 && (*w & FUTEX_OWNER_DIED) ? 0 : 1);
	await_state(q, "S");
	SHARED[1] = 1;
	CHECK(EXITED(reap(q), 0));
	CHECK(EXITED(reap(p), 0));
}
static void deadlock_is_seen(void)
{
	word *w = shared_words();
	CHECK(lock_pi(&w[0]) == 0);
	pid_t p = fork();
	if (!p) {
		CHECK(lock_pi(&w[1]) == 0);
		SHARED[0] = 1;
		CHECK(lock_pi(&w[0]) == 0);
		CHECK(unlock_pi(&w[0]) == 0);
		CHECK(unlock_pi(&w[1]) == 0);
		_exit(0);
	}
	await_value(&SHARED[0], 1);
	await_state(p, "S");
	CHECK_ERR(lock_pi(&w[1]), EDEADLK);
	CHECK(unlock_pi(&w[0]) == 0);
	CHECK(EXITED(reap(p), 0));
}
static void nop(int s) { (void)s; }
static void signal_restarts(void)
{
	word *w = shared_words();
	CHECK(lock_pi(w) == 0);
	pid_t p = fork();
	if (!p) {
		struct sigaction sa = { .sa_handler = nop }; /* no SA_RESTART */
		sigaction(SIGUSR1, &sa, NULL);
		_exit(lock_pi(w) == 0 ? 0 : errno);
	}
	await_state(p, "S");
	for (int i = 0; i < 5; i++) {
		kill(p, SIGUSR1);
		msleep(2);
	}
	CHECK(unlock_pi(w) == 0);
	CHECK(EXITED(reap(p), 0));
}

/* --- inheritance ------------------------------------------------------------------------------------------------------------------------- */

static int shown_priority(pid_t pid)
{
	char path[40], buf[512], *s;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY), v = 0;
	ssize_t n = read(fd, buf, sizeof(buf) - 1);
	CHECK(n > 0);
	close(fd);
	buf[n] = 0;
	s = strrchr(buf, ')') + 2;
	for (int i = 3; i < 18; i++)
		s = strchr(s, ' ') + 1;
	v = atoi(s);
	return v;
}
static void become_fifo(int prio)
{
	struct sched_param sp = { .sched_priority = prio };
	if (syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &sp))
		check_skip("needs real-time priorities");
}
static pid_t locker(word *own, word *want, int prio, int go)
{
	pid_t p = fork();
	if (!p) {
		if (own)
			CHECK(lock_pi(own) == 0);
		SHARED[go] = 1;
		if (prio)
			become_fifo(prio);
		if (want)
			CHECK(lock_pi(want) == 0);
		else
			for (;;)
				pause();
		if (want)
			CHECK(unlock_pi(want) == 0);
		if (own)
			CHECK(unlock_pi(own) == 0);
		_exit(0);
	}
	await_value(&SHARED[go], 1);
	return p;
}
/* C (FIFO 40) waits for B, which waits for A: both run at C's priority as long as it waits. */
static void boosts_a_chain(void)
{
	struct sched_param sp;
	word *w = shared_words();
	become_fifo(0 + 60); /* so that the checks below get to run */
	sp.sched_priority = 0;
	CHECK(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &sp) == 0);
	CHECK(lock_pi(&w[0]) == 0);
	CHECK(shown_priority(getpid()) == 20);
	pid_t b = locker(&w[1], &w[0], 0, 0);
	await_state(b, "S");
	CHECK(shown_priority(getpid()) == 20);
	pid_t c = locker(NULL, &w[1], 40, 1);
	await_state(c, "S");
	CHECK(shown_priority(b) == -41 && shown_priority(getpid()) == -41);
	CHECK(syscall(SYS_sched_getscheduler, 0) == SCHED_OTHER); /* not what it asked for */
	sp.sched_priority = 50; /* a waiter's priority may change while it waits */
	CHECK(syscall(SYS_sched_setscheduler, c, SCHED_FIFO, &sp) == 0);
	CHECK(shown_priority(b) == -51 && shown_priority(getpid()) == -51);
	sp.sched_priority = 5;
	CHECK(syscall(SYS_sched_setscheduler, c, SCHED_FIFO, &sp) == 0);
	CHECK(shown_priority(getpid()) == -6);
	sp.sched_priority = 10; /* one's own priority counts as well */
	CHECK(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &sp) == 0);
	CHECK(shown_priority(getpid()) == -11 && shown_priority(b) == -6);
	sp.sched_priority = 0;
	CHECK(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &sp) == 0);
	CHECK(shown_priority(getpid()) == -6);
	pid_t child = fork(); /* what is borrowed is not inherited by children */
	if (!child)
		_exit(shown_priority(getpid()) == 20 ? 0 : 1);
	CHECK(EXITED(reap(child), 0));
	CHECK(unlock_pi(&w[0]) == 0);
	CHECK(shown_priority(getpid()) == 20);
	CHECK(EXITED(reap(b), 0));
	CHECK(EXITED(reap(c), 0));
}
/* Whether the boost was seen; a waiter whose time was over before this thread looked proves nothing. */
static bool boosted_for(word *w, long ms)
{
	pid_t p = fork();
	if (!p) {
		become_fifo(30);
		struct timespec t = in_ms(CLOCK_REALTIME, ms);
		_exit(futex(w, FUTEX_LOCK_PI, 0, &t, NULL, 0) == -1 && errno == ETIMEDOUT ? 0 : 1);
	}
	bool seen = false;
	while (!seen && proc_state(p) != 'Z') {
		seen = shown_priority(getpid()) == -31;
		msleep(1);
	}
	CHECK(EXITED(reap(p), 0));
	CHECK(shown_priority(getpid()) == 20);
	return seen;
}
static void timeout_ends_the_boost(void)
{
	word *w = shared_words();
	long ms = 50;
	CHECK(lock_pi(w) == 0);
	while (!boosted_for(w, ms))
		CHECK((ms *= 2) < 10000);
	CHECK(unlock_pi(w) == 0);
}
/* The highest waiter goes first, whoever came first. */
static void highest_goes_first(void)
{
	word *w = shared_words();
	pid_t p[3];
	static const int prio[3] = { 0, 10, 20 };
	CHECK(lock_pi(w) == 0);
	for (int i = 0; i < 3; i++) {
		p[i] = fork();
		if (!p[i]) {
			if (prio[i])
				become_fifo(prio[i]);
			CHECK(lock_pi(w) == 0);
			SHARED[1 + i] = ++SHARED[0];
			CHECK(unlock_pi(w) == 0);
			_exit(0);
		}
		await_state(p[i], "S");
	}
	CHECK(unlock_pi(w) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(EXITED(reap(p[i]), 0));
	CHECK(SHARED[3] == 1 && SHARED[2] == 2 && SHARED[1] == 3);
}
/* Priority inversion: on one CPU a middle thread would keep the lock's owner off for ever. */
static void inversion_is_resolved(void)
{
	word *w = shared_words();
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
	become_fifo(50); /* orchestrates */
	pid_t low = fork();
	if (!low) {
		struct sched_param sp = { .sched_priority = 10 };
		syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &sp);
		CHECK(lock_pi(w) == 0);
		SHARED[0] = 1;
		for (volatile int i = 0; i < 3000000; i++)
			;
		SHARED[2] = 1;
		CHECK(unlock_pi(w) == 0);
		_exit(0);
	}
	while (!SHARED[0])
		msleep(1);
	pid_t middle = fork();
	if (!middle) {
		struct sched_param sp = { .sched_priority = 20 };
		syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &sp);
		SHARED[1] = 1;
		while (!SHARED[3])
			;
		_exit(0);
	}
	while (!SHARED[1])
		msleep(1);
	double a = now();
	CHECK(lock_pi(w) == 0);
	CHECK(SHARED[2] == 1);
	CHECK(now() - a < 0.8); /* else it was the class's limit of 95 % that let the owner run */
	SHARED[3] = 1;
	CHECK(unlock_pi(w) == 0);
	CHECK(EXITED(reap(low), 0));
	CHECK(EXITED(reap(middle), 0));
}

/* --- the thread library ------------------------------------------------------------------------------------------------------------------ */

#define HAMMERS 6
#define ROUNDS 3000
static pthread_mutex_t mutex, outer;
static long counter;
static double until;
static void pi_mutex_init(pthread_mutex_t *m)
{
	pthread_mutexattr_t at;
	pthread_mutexattr_init(&at);
	CHECK(pthread_mutexattr_setprotocol(&at, PTHREAD_PRIO_INHERIT) == 0);
	CHECK(pthread_mutex_init(m, &at) == 0);
}
/*
 * Once two threads meet, each round is handed over to one that sleeps on another CPU. Where the host has more to do than the machine's CPUs, each
 * of these costs some of its time slices, so the time is limited as well as the rounds: a lost wake-up still shows, as a case without an end.
 */
static void run_hammers(void *(*fn)(void *))
{
	pthread_t t[HAMMERS];
	void *rounds;
	long sum = 0;
	until = now() + 1;
	counter = 0;
	for (long i = 0; i < HAMMERS; i++)
		CHECK(pthread_create(&t[i], NULL, fn, (void *)i) == 0);
	for (int i = 0; i < HAMMERS; i++) {
		CHECK(pthread_join(t[i], &rounds) == 0);
		sum += (long)rounds;
	}
	CHECK(counter == sum && sum > 0);
}
static void *hammers(void *a)
{
	long i;
	(void)a;
	for (i = 0; i < ROUNDS && now() < until; i++) {
		CHECK(pthread_mutex_lock(&mutex) == 0);
		long v = counter;
		if (i % 64 == 0)
			sched_yield();
		counter = v + 1;
		CHECK(pthread_mutex_unlock(&mutex) == 0);
	}
	return (void *)i;
}
static void pthread_pi_mutex(void)
{
	pi_mutex_init(&mutex);
	run_hammers(hammers);
}
static void change_policy(uint32_t r)
{
	struct sched_param sp = { .sched_priority = r % 3 ? 1 + (int)(r % 40) : 0 };
	CHECK(syscall(SYS_sched_setscheduler, 0, sp.sched_priority ? r & 64 ? SCHED_FIFO : SCHED_RR : SCHED_OTHER, &sp) == 0);
}
/* A lock with a limit that is often over, for every third round inside another lock, by threads that change class and CPU. */
static void *changing_hammers(void *a)
{
	uint32_t r = 12345 + 77 * (uint32_t)(uintptr_t)a;
	long done = 0;
	for (int i = 0; i < ROUNDS && now() < until; i++) {
		r = r * 1103515245 + 12345;
		uint32_t k = r >> 16;
		cpu_set_t cpus;
		if (k % 50 == 0)
			change_policy(k >> 8);
		if (k % 70 == 1) {
			CPU_ZERO(&cpus);
			CPU_SET((k >> 8) % 4, &cpus);
			sched_setaffinity(0, sizeof(cpus), &cpus); /* there may be fewer */
		}
		if (k % 3 == 0)
			CHECK(pthread_mutex_lock(&outer) == 0);
		struct timespec t = in_ms(CLOCK_REALTIME, k % 3);
		int err = k % 4 ? pthread_mutex_lock(&mutex) : pthread_mutex_timedlock(&mutex, &t);
		CHECK(!err || err == ETIMEDOUT);
		if (!err) {
			counter++;
			done++;
			CHECK(pthread_mutex_unlock(&mutex) == 0);
		}
		if (k % 3 == 0)
			CHECK(pthread_mutex_unlock(&outer) == 0);
	}
	return (void *)done;
}
static void pi_mutex_of_changing_threads(void)
{
	struct sched_param sp = { .sched_priority = 1 }, none = { .sched_priority = 0 };
	if (syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &sp))
		check_skip("needs real-time priorities");
	CHECK(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &none) == 0);
	pi_mutex_init(&mutex);
	pi_mutex_init(&outer);
	run_hammers(changing_hammers);
}
static void robust_pi_mutex(void)
{
	pthread_mutex_t *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t at;
	pthread_mutexattr_init(&at);
	pthread_mutexattr_setpshared(&at, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&at, PTHREAD_MUTEX_ROBUST);
	CHECK(pthread_mutexattr_setprotocol(&at, PTHREAD_PRIO_INHERIT) == 0);
	CHECK(pthread_mutex_init(m, &at) == 0);
	pid_t p = fork();
	if (!p) {
		CHECK(pthread_mutex_lock(m) == 0);
		SHARED[0] = 1;
		while (!SHARED[1])
			msleep(1);
		_exit(0);
	}
	await_value(&SHARED[0], 1);
	pid_t q = fork();
	if (!q) {
		CHECK(pthread_mutex_lock(m) == EOWNERDEAD);
		CHECK(pthread_mutex_consistent(m) == 0);
		CHECK(pthread_mutex_unlock(m) == 0);
		_exit(0);
	}
	await_state(q, "S");
	SHARED[1] = 1;
	CHECK(EXITED(reap(p), 0));
	CHECK(EXITED(reap(q), 0));
	/* The same with nobody waiting at the time. */
	p = fork();
	if (!p) {
		pthread_mutex_lock(m);
		_exit(0);
	}
	reap(p);
	CHECK(pthread_mutex_lock(m) == EOWNERDEAD);
	pthread_mutex_consistent(m);
	CHECK(pthread_mutex_unlock(m) == 0);
}

/* --- requeueing to a lock ---------------------------------------------------------------------------------------------------------------- */

static pid_t cond_waiter(word *cond, word *lock, int n, const struct timespec *t)
{
	pid_t p = fork();
	CHECK(p >= 0);
	if (!p) {
		long r = futex(cond, FUTEX_WAIT_REQUEUE_PI, 0, t, lock, 0);
		if (r < 0)
			_exit(errno);
		CHECK((*lock & FUTEX_TID_MASK) == tid());
		SHARED[n] = ++SHARED[0];
		CHECK(unlock_pi(lock) == 0);
		_exit(0);
	}
	await_state(p, t ? "SZ" : "S"); /* its time may be over before this thread looks */
	return p;
}
static void requeue_pi(void)
{
	word *w = shared_words(), *cond = &w[0], *lock = &w[16];
	pid_t p[3];
	for (int i = 0; i < 3; i++)
		p[i] = cond_waiter(cond, lock, 1 + i, NULL);
	CHECK(lock_pi(lock) == 0);
	CHECK_ERR(futex(cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)10, lock, 5), EAGAIN);
	CHECK_ERR(futex(cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)10, &w[32], 0), EINVAL); /* not the lock they want */
	CHECK_ERR(futex(cond, FUTEX_WAKE, 1, NULL, NULL, 0), EINVAL);
	CHECK(futex(cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)10, lock, 0) == 3);
	CHECK(!SHARED[0]);
	CHECK(*lock == (tid() | FUTEX_WAITERS));
	CHECK(unlock_pi(lock) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(EXITED(reap(p[i]), 0));
	CHECK(SHARED[0] == 3);
	/* With the lock free the first gets it at once. */
	for (int i = 0; i < 2; i++)
		p[i] = cond_waiter(cond, lock, 1 + i, NULL);
	CHECK(futex(cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)10, lock, 0) == 2);
	for (int i = 0; i < 2; i++)
		CHECK(EXITED(reap(p[i]), 0));
	CHECK((*lock & FUTEX_TID_MASK) == 0);
}
/* Requeues a waiter to a lock that stays taken until its time is over. How many there were to requeue: none when that was over before. */
static long requeued_for(word *w, long ms)
{
	struct timespec t = in_ms(CLOCK_MONOTONIC, ms);
	pid_t p = cond_waiter(&w[0], &w[16], 1, &t);
	CHECK(lock_pi(&w[16]) == 0);
	long n = futex(&w[0], FUTEX_CMP_REQUEUE_PI, 1, (void *)10, &w[16], 0);
	CHECK(EXITED(reap(p), ETIMEDOUT));
	CHECK(now() >= (double)t.tv_sec + (double)t.tv_nsec / 1e9);
	CHECK(unlock_pi(&w[16]) == 0);
	return n;
}
static void requeue_pi_times_out(void)
{
	word *w = shared_words();
	struct timespec t = in_ms(CLOCK_MONOTONIC, 30);
	long ms = 50, n;
	pid_t p = cond_waiter(&w[0], &w[16], 1, &t);
	CHECK(EXITED(reap(p), ETIMEDOUT));
	/* After it was requeued as well. */
	while ((n = requeued_for(w, ms)) == 0)
		CHECK((ms *= 2) < 10000);
	CHECK(n == 1);
	/* A changed word. */
	w[0] = 1;
	CHECK_ERR(futex(&w[0], FUTEX_WAIT_REQUEUE_PI, 0, NULL, &w[16], 0), EAGAIN);
}
static void plain_requeue_refuses_pi_waiters(void)
{
	word *w = shared_words();
	pid_t p = cond_waiter(&w[0], &w[16], 1, NULL);
	CHECK_ERR(futex(&w[0], FUTEX_CMP_REQUEUE, 1, (void *)10, &w[16], 0), EINVAL);
	CHECK(futex(&w[0], FUTEX_CMP_REQUEUE_PI, 1, (void *)10, &w[16], 0) == 1);
	CHECK(EXITED(reap(p), 0));
}

/* --- several at once --------------------------------------------------------------------------------------------------------------------- */

static void waitv(void)
{
	word *w = shared_words();
	struct waitv v[3];
	for (int i = 0; i < 3; i++)
		v[i] = (struct waitv){ 0, (uintptr_t)&w[i * 8], V32, 0 };
	CHECK_ERR(syscall(SYS_waitv, v, 0, 0, NULL, CLOCK_MONOTONIC), EINVAL);
	CHECK_ERR(syscall(SYS_waitv, v, 129, 0, NULL, CLOCK_MONOTONIC), EINVAL);
	CHECK_ERR(syscall(SYS_waitv, v, 3, 1, NULL, CLOCK_MONOTONIC), EINVAL);
	CHECK_ERR(syscall(SYS_waitv, NULL, 3, 0, NULL, CLOCK_MONOTONIC), EINVAL);
	CHECK_ERR(syscall(SYS_waitv, 8, 3, 0, NULL, CLOCK_MONOTONIC), EFAULT);
	v[1].reserved = 1;
	CHECK_ERR(syscall(SYS_waitv, v, 3, 0, NULL, CLOCK_MONOTONIC), EINVAL);
	v[1].reserved = 0, v[1].flags = 1;
	CHECK_ERR(syscall(SYS_waitv, v, 3, 0, NULL, CLOCK_MONOTONIC), EINVAL);
	v[1].flags = V32, v[2].uaddr++;
	CHECK_ERR(syscall(SYS_waitv, v, 3, 0, NULL, CLOCK_MONOTONIC), EINVAL);
	v[2].uaddr--, v[2].val = 7;
	CHECK_ERR(syscall(SYS_waitv, v, 3, 0, NULL, CLOCK_MONOTONIC), EAGAIN);
	v[2].val = 0;
	struct timespec t = in_ms(CLOCK_MONOTONIC, 10);
	CHECK_ERR(syscall(SYS_waitv, v, 3, 0, &t, CLOCK_MONOTONIC), ETIMEDOUT);
	t = in_ms(CLOCK_REALTIME, 10);
	CHECK_ERR(syscall(SYS_waitv, v, 3, 0, &t, CLOCK_REALTIME), ETIMEDOUT);
	CHECK_ERR(syscall(SYS_waitv, v, 3, 0, &t, CLOCK_BOOTTIME), EINVAL);
	for (int i = 0; i < 3; i++) {
		pid_t p = fork();
		if (!p)
			_exit((int)syscall(SYS_waitv, v, 3, 0, NULL, CLOCK_MONOTONIC));
		await_state(p, "S");
		CHECK(futex(&w[i * 8], FUTEX_WAKE, 1, NULL, NULL, 0) == 1);
		CHECK(EXITED(reap(p), i));
	}
}
static void split_calls(void)
{
	word *w = shared_words();
	if (syscall(SYS_fwake, w, 1UL, 1, V32) < 0 && errno == ENOSYS)
		check_skip("older kernel");
	struct timespec t = in_ms(CLOCK_MONOTONIC, 10);
	CHECK_ERR(syscall(SYS_fwait, w, 0UL, ~0U, V32, &t, CLOCK_MONOTONIC), ETIMEDOUT);
	CHECK_ERR(syscall(SYS_fwait, w, 1UL, ~0U, V32, NULL, CLOCK_MONOTONIC), EAGAIN);
	CHECK_ERR(syscall(SYS_fwait, w, 0UL, 0U, V32, NULL, CLOCK_MONOTONIC), EINVAL);
	CHECK_ERR(syscall(SYS_fwait, w, 0UL, 1U, 0, NULL, CLOCK_MONOTONIC), EINVAL);
	CHECK_ERR(syscall(SYS_fwake, w, 1UL, 1, 64), EINVAL);
	pid_t p = fork();
	if (!p)
		_exit(syscall(SYS_fwait, w, 0UL, 4U, V32, NULL, CLOCK_MONOTONIC) == 0 ? 0 : 1);
	await_state(p, "S");
	CHECK(syscall(SYS_fwake, w, 3UL, 1, V32) == 0); /* another bit */
	CHECK(syscall(SYS_fwake, w, 4UL, 1, V32) == 1);
	CHECK(EXITED(reap(p), 0));
	p = fork();
	if (!p)
		_exit(syscall(SYS_fwait, w, 0UL, ~0U, V32, NULL, CLOCK_MONOTONIC) == 0 ? 0 : 1);
	await_state(p, "S");
	struct waitv v[2] = { { 0, (uintptr_t)w, V32, 0 }, { 0, (uintptr_t)&w[8], V32, 0 } };
	CHECK(syscall(SYS_frequeue, v, 0, 0, 1) == 1);
	CHECK(syscall(SYS_fwake, w, ~0U, 1, V32) == 0);
	CHECK(syscall(SYS_fwake, &w[8], ~0U, 1, V32) == 1);
	CHECK(EXITED(reap(p), 0));
}

CASES(CASE(uncontended), CASE(errors), CASE(times_out), CASE(hands_over), CASE(owner_dies), CASE(exec_lets_go), CASE(deadlock_is_seen),
	CASE(signal_restarts), CASE(boosts_a_chain), CASE(timeout_ends_the_boost), CASE(highest_goes_first), CASE(inversion_is_resolved),
	CASE(pthread_pi_mutex), CASE(pi_mutex_of_changing_threads), CASE(robust_pi_mutex), CASE(requeue_pi), CASE(requeue_pi_times_out),
	CASE(plain_requeue_refuses_pi_waiters), CASE(waitv), CASE(split_calls))
