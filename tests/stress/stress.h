/*
 * What the stress programs share. Each is one static Linux program: NAME ROUNDS SEED. It prints nothing but complaints, and exits 0 when everything it
 * checked was right. Any process of the program may complain; complain() ends that process with status 99, and parents pass a child's 99 on (reap_ok).
 */
#ifndef STRESS_H
#define STRESS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))
#define BAD 99
#define PAGE 4096UL
#define MB (1UL << 20)

static const char *stress_name;
static unsigned long stress_seed;

UNUSED static void __attribute__((format(printf, 1, 2))) complain(const char *fmt, ...)
{
	char buf[512];
	int e = errno, n = snprintf(buf, sizeof(buf), "%s: ", stress_name);
	va_list ap;
	va_start(ap, fmt);
	n += vsnprintf(buf + n, sizeof(buf) - (size_t)n, fmt, ap);
	va_end(ap);
	if (n > 400)
		n = 400;
	n += snprintf(buf + n, sizeof(buf) - (size_t)n, " (errno %d, seed %lu)\n", e, stress_seed);
	if (write(2, buf, (size_t)n) < 0)
		_exit(BAD);
	_exit(BAD);
}
#define CHECK(c) do { if (!(c)) complain("line %d: %s", __LINE__, #c); } while (0)

/* A small generator: each thread or process has its own state. */
struct rng {
	uint64_t s;
};
UNUSED static uint64_t rnd(struct rng *r)
{
	r->s ^= r->s << 13;
	r->s ^= r->s >> 7;
	r->s ^= r->s << 17;
	return r->s * 0x2545f4914f6cdd1dUL >> 11;
}
UNUSED static unsigned long below(struct rng *r, unsigned long n) { return rnd(r) % n; }
UNUSED static struct rng rng_for(unsigned long stream)
{
	struct rng r = { (stress_seed + 1) * 0x9e3779b97f4a7c15UL ^ (stream + 1) * 0xbf58476d1ce4e5b9UL };
	if (!r.s)
		r.s = 1;
	rnd(&r);
	rnd(&r);
	return r;
}

UNUSED static void msleep(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}
UNUSED static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
UNUSED static pid_t fork_ok(void)
{
	pid_t p = fork();
	if (p < 0)
		complain("fork");
	return p;
}
UNUSED static int reap(pid_t pid)
{
	int st;
	pid_t r;
	do
		r = waitpid(pid, &st, 0);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		complain("waitpid(%d)", (int)pid);
	return st;
}
/* The child must have ended with 0. */
UNUSED static void reap_ok(pid_t pid)
{
	int st = reap(pid);
	if (st) {
		if (WIFEXITED(st) && WEXITSTATUS(st) == BAD)
			_exit(BAD);
		complain("child %d ended with wait status %#x", (int)pid, st);
	}
}
UNUSED static void *map_at(void *at, size_t n, int prot, int flags)
{
	void *p = mmap(at, n, prot, flags | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		complain("mmap of %zu bytes", n);
	return p;
}
UNUSED static void *map_shared(size_t n) { return map_at(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED); }
UNUSED static pthread_t start(void *(*fn)(void *), void *arg)
{
	pthread_t t;
	int e = pthread_create(&t, NULL, fn, arg);
	if (e) {
		errno = e;
		complain("pthread_create");
	}
	return t;
}

#ifndef OWN_MAIN
static void stress(unsigned long rounds);
int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	stress_name = slash ? slash + 1 : argv[0];
#ifdef HELPER
	if (argc > 1 && argv[1][0] == '-')
		return HELPER(argc, argv);
#endif
	stress_seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	stress(argc > 1 ? strtoul(argv[1], NULL, 0) : 1);
	return 0;
}
#endif

#endif
