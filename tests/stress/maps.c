/*
 * Many threads of one process map, unmap, protect, move and discard memory, each its own blocks, and check what is in them; at the same time others fork,
 * and the children check the blocks that stand still, write to them, and end. A page that another thread's unmapping or moving wrongly takes, keeps or
 * shares shows as a wrong word or a signal.
 */
#include "stress.h"

#define THREADS 6
#define MAX_PAGES 40

static volatile int stop;
static unsigned long rounds;
static volatile unsigned long *still; /* pages nobody changes: their number in each word checked */
#define STILL 64

static void fill(volatile unsigned long *p, unsigned n, unsigned long tag)
{
	for (unsigned i = 0; i < n; i++) {
		p[i * 512] = tag + i;
		p[i * 512 + 511] = ~(tag + i);
	}
}
static void check(volatile unsigned long *p, unsigned n, unsigned long tag, const char *when)
{
	for (unsigned i = 0; i < n; i++)
		if (p[i * 512] != tag + i || p[i * 512 + 511] != ~(tag + i))
			complain("%s: page %u of %u holds %#lx %#lx, not %#lx", when, i, n, p[i * 512], p[i * 512 + 511], tag + i);
}

static void *mapper(void *arg)
{
	struct rng r = rng_for((unsigned long)arg);
	for (unsigned long k = 0; k < rounds * 30; k++) {
		unsigned n = 2 + (unsigned)below(&r, MAX_PAGES - 2);
		unsigned long tag = ((unsigned long)arg << 40) + (k << 12);
		volatile unsigned long *p = map_at(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
		fill(p, n, tag);
		check(p, n, tag, "after mmap");
		switch (below(&r, 6)) {
		case 0: {
			volatile unsigned long *q = mremap((void *)p, n * PAGE, (n + 20) * PAGE, MREMAP_MAYMOVE);
			CHECK(q != MAP_FAILED);
			check(q, n, tag, "after growing");
			for (unsigned i = n; i < n + 20; i++)
				CHECK(q[i * 512] == 0);
			p = q;
			CHECK(munmap((void *)(p + n * 512), 20 * PAGE) == 0);
			break;
		}
		case 1: {
			volatile unsigned long *q = map_at(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
			fill(q, n, tag + 7);
			CHECK(mremap((void *)p, n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q) == q);
			p = q;
			check(p, n, tag, "after moving");
			break;
		}
		case 2:
			CHECK(mprotect((void *)p, n * PAGE, PROT_READ) == 0);
			check(p, n, tag, "read-only");
			CHECK(mprotect((void *)p, n * PAGE, PROT_READ | PROT_WRITE) == 0);
			tag += 3;
			fill(p, n, tag);
			break;
		case 3: {
			unsigned half = n / 2;
			CHECK(madvise((void *)(p + half * 512), (n - half) * PAGE, MADV_DONTNEED) == 0);
			for (unsigned i = half; i < n; i++)
				CHECK(p[i * 512] == 0 && p[i * 512 + 511] == 0);
			check(p, half, tag, "before what was discarded");
			fill(p, n, tag);
			break;
		}
		case 4: {
			unsigned half = n / 2;
			CHECK(munmap((void *)(p + half * 512), (n - half) * PAGE) == 0);
			check(p, half, tag, "before the hole");
			n = half;
			break;
		}
		default: {
			pid_t c = fork_ok();
			if (!c) {
				check(p, n, tag, "in the child");
				fill(p, n, tag + 1);
				check(p, n, tag + 1, "written by the child");
				_exit(0);
			}
			tag += 2;
			fill(p, n, tag);
			reap_ok(c);
		}
		}
		check(p, n, tag, "at the end");
		CHECK(munmap((void *)p, n * PAGE) == 0);
	}
	return arg;
}

static void *forker(void *arg)
{
	struct rng r = rng_for((unsigned long)arg);
	while (!stop) {
		pid_t c = fork_ok();
		if (!c) {
			check(still, STILL, 5000, "still pages in a child");
			for (int i = 0; i < 20; i++) {
				unsigned long k = below(&r, STILL);
				still[k * 512 + 100] = k;
			}
			/* a child may take its address space apart as it likes */
			munmap((void *)(still + 10 * 512), 20 * PAGE);
			CHECK(still[0] == 5000 && still[40 * 512] == 5040);
			_exit(0);
		}
		reap_ok(c);
		check(still, STILL, 5000, "still pages");
		for (int i = 0; i < STILL; i++)
			CHECK(still[i * 512 + 100] == 0);
	}
	return arg;
}

/* Threads that come and go, with their stacks mapped and unmapped by the library. */
static void *mayfly(void *arg)
{
	volatile char local[8192];
	local[0] = local[8191] = (char)(intptr_t)arg;
	CHECK(local[0] == (char)(intptr_t)arg);
	return (void *)((intptr_t)arg + 1);
}
static void *breeder(void *arg)
{
	while (!stop) {
		pthread_t t[4];
		void *ret;
		for (intptr_t i = 0; i < 4; i++)
			t[i] = start(mayfly, (void *)i);
		for (intptr_t i = 0; i < 4; i++)
			CHECK(pthread_join(t[i], &ret) == 0 && (intptr_t)ret == i + 1);
	}
	return arg;
}

static void stress(unsigned long n)
{
	pthread_t t[THREADS], f[2], b;
	rounds = n;
	still = map_at(NULL, STILL * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	fill(still, STILL, 5000);
	f[0] = start(forker, (void *)100);
	f[1] = start(forker, (void *)101);
	b = start(breeder, NULL);
	for (intptr_t i = 0; i < THREADS; i++)
		t[i] = start(mapper, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	stop = 1;
	pthread_join(f[0], NULL);
	pthread_join(f[1], NULL);
	pthread_join(b, NULL);
	munmap((void *)still, STILL * PAGE);
}
