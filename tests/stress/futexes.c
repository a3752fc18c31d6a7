/*
 * 64 threads hammer futexes: a mutex of one word, a turnstile where each waits for its own turn, a barrier made of wake-all, requeueing to a second
 * word, bit sets, and a word shared by processes. No wake-up may be lost (the program would hang), no count be wrong.
 */
#include "stress.h"
#include <linux/futex.h>

#define THREADS 64

static long futex(volatile int *w, int op, int val, const struct timespec *t, volatile int *w2, int val3)
{
	return syscall(SYS_futex, w, op, val, t, w2, val3);
}

/* --- a mutex: 0 free, 1 held, 2 held and waited for ------------------------------------------------------------------------------------ */
static void lock_word(volatile int *w, int flag)
{
	int c = 0;
	if (__atomic_compare_exchange_n(w, &c, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	if (c != 2)
		c = __atomic_exchange_n(w, 2, __ATOMIC_ACQUIRE);
	while (c) {
		futex(w, FUTEX_WAIT | flag, 2, NULL, NULL, 0);
		c = __atomic_exchange_n(w, 2, __ATOMIC_ACQUIRE);
	}
}
static void unlock_word(volatile int *w, int flag)
{
	if (__atomic_exchange_n(w, 0, __ATOMIC_RELEASE) == 2)
		CHECK(futex(w, FUTEX_WAKE | flag, 1, NULL, NULL, 0) >= 0);
}

static volatile int mutex, turn, gate, arrived, stage2;
static long counter;
static unsigned long rounds;

static void *adder(void *arg)
{
	for (unsigned long i = 0; i < rounds * 50; i++) {
		lock_word(&mutex, FUTEX_PRIVATE_FLAG);
		long c = counter;
		if (!(i & 15))
			sched_yield();
		counter = c + 1;
		unlock_word(&mutex, FUTEX_PRIVATE_FLAG);
	}
	return arg;
}

/* Each thread waits until the word is its own number; everybody sleeps on the same word with its own bit. */
static void *turner(void *arg)
{
	int me = (int)(intptr_t)arg;
	for (unsigned long i = 0; i < rounds; i++) {
		int v;
		while ((v = __atomic_load_n(&turn, __ATOMIC_ACQUIRE)) % THREADS != me)
			futex(&turn, FUTEX_WAIT_BITSET_PRIVATE, v, NULL, NULL, (int)(1u << (me % 32)));
		__atomic_store_n(&turn, v + 1, __ATOMIC_RELEASE);
		futex(&turn, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, (int)(1u << ((me + 1) % THREADS % 32)));
	}
	return arg;
}

/* A barrier: the last to arrive opens the next stage. Everyone but one is requeued to a second word and woken from there. */
static void *barrier(void *arg)
{
	for (unsigned long i = 0; i < rounds; i++) {
		int stage = __atomic_load_n(&gate, __ATOMIC_ACQUIRE);
		if (__atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL) == THREADS) {
			__atomic_store_n(&arrived, 0, __ATOMIC_RELEASE);
			__atomic_store_n(&gate, stage + 1, __ATOMIC_RELEASE);
			CHECK(futex(&gate, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)INT_MAX, &stage2, stage + 1) >= 0);
			CHECK(futex(&stage2, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0) >= 0);
		} else {
			while (__atomic_load_n(&gate, __ATOMIC_ACQUIRE) == stage)
				futex(&gate, FUTEX_WAIT_PRIVATE, stage, NULL, NULL, 0);
		}
		CHECK(__atomic_load_n(&gate, __ATOMIC_ACQUIRE) - stage <= 2);
	}
	return arg;
}

/* Short timeouts that race with wake-ups: a wait ends with 0, EAGAIN, EINTR or ETIMEDOUT, and a timeout is not early. */
static void *timed(void *arg)
{
	struct rng r = rng_for((unsigned long)arg);
	static volatile int word;
	for (unsigned long i = 0; i < rounds * 5; i++) {
		struct timespec t = { 0, (long)below(&r, 300000) };
		if (below(&r, 2)) {
			futex(&word, FUTEX_WAKE_PRIVATE, 1 + (int)below(&r, 3), NULL, NULL, 0);
			continue;
		}
		double t0 = now();
		long ret = futex(&word, FUTEX_WAIT_PRIVATE, 0, &t, NULL, 0);
		CHECK(!ret || errno == EAGAIN || errno == EINTR || errno == ETIMEDOUT);
		if (ret && errno == ETIMEDOUT)
			CHECK(now() - t0 >= (double)t.tv_nsec / 1e9 - 1e-6);
	}
	return arg;
}

static void all_threads(void *(*fn)(void *))
{
	pthread_t t[THREADS];
	for (intptr_t i = 0; i < THREADS; i++)
		t[i] = start(fn, (void *)i);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
}

/* The same mutex between processes, in shared anonymous memory. */
static void between_processes(void)
{
	struct {
		volatile int word;
		long n;
	} *s = map_shared(PAGE);
	pid_t c[8];
	for (int k = 0; k < 8; k++) {
		c[k] = fork_ok();
		if (c[k])
			continue;
		for (unsigned long i = 0; i < rounds * 50; i++) {
			lock_word(&s->word, 0);
			long n = s->n;
			if (!(i & 31))
				sched_yield();
			s->n = n + 1;
			unlock_word(&s->word, 0);
		}
		_exit(0);
	}
	for (int k = 0; k < 8; k++)
		reap_ok(c[k]);
	CHECK(s->n == (long)rounds * 50 * 8);
	munmap(s, PAGE);
}

static void stress(unsigned long n)
{
	rounds = n;
	all_threads(adder);
	CHECK(counter == (long)rounds * 50 * THREADS);
	all_threads(turner);
	CHECK(turn == (int)rounds * THREADS);
	all_threads(barrier);
	CHECK(gate == (int)rounds);
	all_threads(timed);
	between_processes();
}
