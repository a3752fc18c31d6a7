/* The thread library: creation, joining, locks, conditions, thread-local storage, cancellation, many threads. */
#include "check.h"
#include <pthread.h>
#include <semaphore.h>

static void *twice(void *arg) { return (void *)((intptr_t)arg * 2); }
static void create_and_join(void)
{
	pthread_t t[32];
	void *r;
	for (intptr_t i = 0; i < 32; i++)
		CHECK(pthread_create(&t[i], NULL, twice, (void *)i) == 0);
	for (intptr_t i = 0; i < 32; i++)
		CHECK(pthread_join(t[i], &r) == 0 && (intptr_t)r == 2 * i);
}
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter;
static int turn;
static void *adder(void *arg)
{
	for (int i = 0; i < (int)(intptr_t)arg; i++) {
		pthread_mutex_lock(&lock);
		counter++;
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}
static void sixty_four_threads_on_one_lock(void)
{
	pthread_t t[64];
	for (int i = 0; i < 64; i++)
		CHECK(pthread_create(&t[i], NULL, adder, (void *)500) == 0);
	for (int i = 0; i < 64; i++)
		pthread_join(t[i], NULL);
	CHECK(counter == 64 * 500);
}
static void *player(void *arg)
{
	int me = (int)(intptr_t)arg;
	for (int i = 0; i < 200; i++) {
		pthread_mutex_lock(&lock);
		while (turn != me)
			pthread_cond_wait(&cond, &lock);
		counter++;
		turn = (turn + 1) % 4;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}
static void conditions_take_turns(void)
{
	pthread_t t[4];
	for (intptr_t i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, player, (void *)i) == 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	CHECK(counter == 800);
}
static void timed_waits(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += 5000000;
	if (t.tv_nsec >= 1000000000)
		t.tv_sec++, t.tv_nsec -= 1000000000;
	pthread_mutex_lock(&lock);
	CHECK(pthread_cond_timedwait(&cond, &lock, &t) == ETIMEDOUT);
	sem_t s;
	sem_init(&s, 0, 0);
	CHECK_ERR(sem_timedwait(&s, &t), ETIMEDOUT);
}
static __thread int tls = 7;
static void *tls_thread(void *arg) { (void)arg; int was = tls; tls = 9; return (void *)(intptr_t)was; }
static void thread_local_storage(void)
{
	pthread_t t;
	void *r;
	tls = 8;
	pthread_create(&t, NULL, tls_thread, NULL);
	pthread_join(t, &r);
	CHECK((intptr_t)r == 7 && tls == 8);
	CHECK(EXITED(IN_CHILD(CHECK(tls == 8)), 0));
}
static void *sleeper(void *arg) { (void)arg; for (;;) pause(); return NULL; }
static void cancellation(void)
{
	pthread_t t;
	void *r;
	pthread_create(&t, NULL, sleeper, NULL);
	CHECK(pthread_cancel(t) == 0 && pthread_join(t, &r) == 0 && r == PTHREAD_CANCELED);
}
static volatile sig_atomic_t which;
static void on_sig(int sig) { (void)sig; which = (int)syscall(SYS_gettid); }
static void *gettid_thread(void *arg)
{
	*(volatile int *)arg = (int)syscall(SYS_gettid);
	while (!which)
		msleep(1);
	return NULL;
}
static void signal_to_one_thread(void)
{
	pthread_t t;
	volatile int tid = 0;
	signal(SIGUSR1, on_sig);
	pthread_create(&t, NULL, gettid_thread, (void *)&tid);
	while (!tid)
		sched_yield();
	CHECK(pthread_kill(t, SIGUSR1) == 0);
	pthread_join(t, NULL);
	CHECK(which == tid && tid != getpid());
}
static void *maker(void *arg)
{
	for (int i = 0; i < 50; i++) {
		pthread_t t;
		CHECK(pthread_create(&t, NULL, twice, arg) == 0 && pthread_join(t, NULL) == 0);
	}
	return NULL;
}
static void threads_make_threads(void)
{
	pthread_t t[4];
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, maker, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}
static void *forker(void *arg)
{
	(void)arg;
	for (int i = 0; i < 10; i++)
		CHECK(EXITED(IN_CHILD(_exit(i)), i));
	return NULL;
}
static void threads_fork(void)
{
	pthread_t t[8];
	for (int i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, forker, NULL);
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	CHECK_ERR(waitpid(-1, NULL, 0), ECHILD);
}
static void *mapper(void *arg)
{
	(void)arg;
	for (int i = 0; i < 15; i++) {
		char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(p != MAP_FAILED);
		for (int k = 0; k < 65536; k += 4096) {
			CHECK(p[k] == 0);
			p[k] = 1;
		}
		CHECK(mprotect(p, 32768, PROT_READ) == 0);
		CHECK(munmap(p, 65536) == 0);
	}
	return NULL;
}
static void threads_map_and_unmap(void)
{
	pthread_t t[4];
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, mapper, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}
CASES(CASE(create_and_join), CASE(sixty_four_threads_on_one_lock), CASE(conditions_take_turns), CASE(timed_waits), CASE(thread_local_storage),
	CASE(cancellation), CASE(signal_to_one_thread), CASE(threads_make_threads), CASE(threads_fork), CASE(threads_map_and_unmap))
