/*
 * fork takes a picture: threads write all the time, each to its own pages in a fixed order, while the main thread forks. What a child sees must be one
 * moment of each thread's life (a later word never ahead of an earlier one), must stay as it is while the parent goes on, and what the child writes must
 * not reach the parent. Children fork once more and check the same of their own children. No write of a thread may be lost.
 */
#include "stress.h"

#define THREADS 3
#define SPAN 24 /* pages of one thread, over three leaf tables */

static volatile unsigned long *mem;
static volatile int stop;
static volatile unsigned long lost;

/* The threads' pages lie in turn, so that all of them share tables; every eighth page begins a new leaf table. */
static volatile unsigned long *word(int thread, int k)
{
	return mem + ((unsigned long)(k / 8) * 2 * MB + (unsigned long)(k % 8 * THREADS + thread) * PAGE) / sizeof(long) + (unsigned long)k * 3;
}

static void *writer(void *arg)
{
	int me = (int)(intptr_t)arg;
	for (unsigned long v = 1; !stop; v++) {
		for (int k = 0; k < SPAN; k++) {
			if (*word(me, k) != v - 1) {
				lost = v;
				return NULL;
			}
			__atomic_store_n(word(me, k), v, __ATOMIC_RELEASE);
		}
		if (!(v & 63))
			sched_yield();
	}
	return arg;
}

static void check_picture(unsigned long seen[THREADS][SPAN])
{
	for (int t = 0; t < THREADS; t++) {
		for (int k = 0; k < SPAN; k++)
			seen[t][k] = *word(t, k);
		for (int k = 1; k < SPAN; k++)
			if (seen[t][k] > seen[t][k - 1] || seen[t][k] + 1 < seen[t][0])
				complain("thread %d: word %d is %lu, word %d is %lu, word 0 is %lu", t, k, seen[t][k], k - 1, seen[t][k - 1], seen[t][0]);
	}
}
static void check_still(unsigned long seen[THREADS][SPAN])
{
	for (int t = 0; t < THREADS; t++)
		for (int k = 0; k < SPAN; k++)
			if (*word(t, k) != seen[t][k])
				complain("thread %d word %d was %lu and is %lu", t, k, seen[t][k], *word(t, k));
}

static void child(int depth, struct rng r)
{
	unsigned long seen[THREADS][SPAN];
	check_picture(seen);
	for (int i = 0; i < 3; i++) {
		sched_yield();
		check_still(seen);
	}
	pid_t c = depth ? fork_ok() : -1;
	if (!c) {
		check_still(seen);
		child(depth - 1, r);
		_exit(0);
	}
	for (int i = 0; i < 12; i++) {
		int t = (int)below(&r, THREADS), k = (int)below(&r, SPAN);
		seen[t][k] = *word(t, k) = ~below(&r, 1000000);
	}
	check_still(seen);
	if (c > 0)
		reap_ok(c);
	check_still(seen);
}

static void stress(unsigned long rounds)
{
	struct rng r = rng_for(0);
	pthread_t t[THREADS];
	char *area = map_at(NULL, 8 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	mem = (void *)(((uintptr_t)area + 2 * MB - 1) & ~(2 * MB - 1));
	for (intptr_t i = 0; i < THREADS; i++)
		t[i] = start(writer, (void *)i);
	for (unsigned long n = 0; n < rounds * 20; n++) {
		pid_t c[3];
		int k = 1 + (int)below(&r, 3);
		for (int i = 0; i < k; i++) {
			c[i] = fork_ok();
			if (!c[i]) {
				child(2, rng_for(n * 4 + (unsigned long)i));
				_exit(0);
			}
		}
		for (int i = 0; i < k; i++)
			reap_ok(c[i]);
		if (lost)
			complain("a write was lost before %lu", lost);
	}
	stop = 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	CHECK(!lost);
	unsigned long seen[THREADS][SPAN];
	check_picture(seen);
	munmap(area, 8 * MB);
}
