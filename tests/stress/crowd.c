/*
 * crowd N SEED: N processes alive at once, all with different numbers, created and reaped; numbers that wrap past pid_max while others live; and a fork
 * bomb under RLIMIT_NPROC, beside which the machine can still be used.
 */
#include "stress.h"

#include <sys/resource.h>

#define BOMB_UID 54321
#define BOMB_LIMIT 60
#define PID_MAX 700
#define WRAP_ALIVE 200
#define WRAP_BIRTHS 1200

static unsigned char taken[1 << 22];

static void take(pid_t p)
{
	CHECK(p > 0 && (size_t)p < sizeof(taken));
	if (taken[p])
		complain("number %d is in use twice", p);
	taken[p] = 1;
}

/* Each child waits for the end of the pipe. */
static void all_at_once(unsigned long n)
{
	int p[2];
	CHECK(pipe(p) == 0);
	for (unsigned long i = 0; i < n; i++) {
		pid_t c = fork();
		if (c < 0)
			complain("fork %lu of %lu", i, n);
		if (!c) {
			char byte;
			close(p[1]);
			_exit(read(p[0], &byte, 1) == 0 ? (int)(i & 63) : BAD);
		}
		take(c);
	}
	close(p[0]);
	close(p[1]);
	for (unsigned long i = 0; i < n; i++) {
		int st;
		pid_t c = waitpid(-1, &st, 0);
		if (c <= 0 || !taken[c] || !WIFEXITED(st) || WEXITSTATUS(st) == BAD)
			complain("wait %lu of %lu: %d, status %x", i, n, c, st);
		taken[c] = 0;
	}
	CHECK(waitpid(-1, NULL, 0) < 0 && errno == ECHILD);
}

static long swap_pid_max(long v)
{
	char buf[32] = "";
	int fd = open("/proc/sys/kernel/pid_max", O_RDWR);
	CHECK(fd >= 0 && read(fd, buf, sizeof(buf) - 1) > 0);
	long old = atol(buf);
	snprintf(buf, sizeof(buf), "%ld\n", v);
	CHECK(pwrite(fd, buf, strlen(buf), 0) == (ssize_t)strlen(buf));
	close(fd);
	return old;
}

/* Some live long, some short; every number given out must be free at that moment. */
static void wrap_around(struct rng *r)
{
	static pid_t alive[WRAP_ALIVE];
	int p[2], wraps = 0;
	pid_t last = 0;
	long old = swap_pid_max(PID_MAX);
	CHECK(pipe(p) == 0);
	for (int i = 0; i < WRAP_BIRTHS; i++) {
		int slot = (int)(rnd(r) % WRAP_ALIVE);
		if (alive[slot]) {
			kill(alive[slot], SIGKILL);
			CHECK(waitpid(alive[slot], NULL, 0) == alive[slot]);
			taken[alive[slot]] = 0;
		}
		alive[slot] = fork();
		if (!alive[slot]) {
			char byte;
			close(p[1]);
			_exit(read(p[0], &byte, 1) != 0);
		}
		take(alive[slot]);
		CHECK(alive[slot] < PID_MAX);
		wraps += alive[slot] < last;
		last = alive[slot];
	}
	close(p[0]);
	close(p[1]);
	while (waitpid(-1, NULL, 0) > 0)
		;
	swap_pid_max(old);
	memset(taken, 0, sizeof(taken));
	CHECK(wraps >= 3);
}

/* Everybody forks for ever; nobody can be killed faster than it multiplies, except all at once. */
static void bomb(void)
{
	struct rlimit limit = { BOMB_LIMIT, BOMB_LIMIT };
	unsigned *refused = map_shared(PAGE);
	pid_t first = fork();
	CHECK(first >= 0);
	if (!first) {
		CHECK(setrlimit(RLIMIT_NPROC, &limit) == 0 && setgid(BOMB_UID) == 0 && setuid(BOMB_UID) == 0);
		for (;;) {
			if (fork() >= 0)
				continue;
			if (errno != EAGAIN && errno != EINTR)
				_exit(BAD);
			__atomic_add_fetch(refused, 1, __ATOMIC_RELAXED);
		}
	}
	/* Nobody may kill it before it is another user's. */
	while (!__atomic_load_n(refused, __ATOMIC_RELAXED))
		msleep(1);
	/* Beside it, others work. */
	for (int i = 0; i < 5; i++) {
		int st;
		pid_t c = fork();
		if (!c)
			_exit(7);
		CHECK(c > 0 && waitpid(c, &st, 0) == c && WIFEXITED(st) && WEXITSTATUS(st) == 7);
	}
	pid_t killer = fork();
	if (!killer) {
		CHECK(setgid(BOMB_UID) == 0 && setuid(BOMB_UID) == 0);
		kill(-1, SIGKILL);
		_exit(0);
	}
	int st;
	CHECK(killer > 0 && waitpid(killer, &st, 0) == killer && waitpid(first, &st, 0) == first && WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL);
	munmap(refused, PAGE);
}

static void stress(unsigned long n)
{
	struct rng r = rng_for(0);
	all_at_once(n);
	if (!access("/proc/pando", R_OK))
		wrap_around(&r); /* elsewhere the whole machine's pid_max would change */
	if (!geteuid())
		bomb();
}
