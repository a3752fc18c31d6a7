/* futex(2): wait, wake, requeue, bitsets, time-outs, robust lists, shared words; and the thread library on top of it. */
#include "check.h"
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>

static long futex(volatile int *w, int op, int val, const void *t, volatile int *w2, int val3) { return syscall(SYS_futex, w, op, val, t, w2, val3); }
static volatile int word, word2, woken, ready;

static void argument_errors(void)
{
	struct timespec bad = { 0, -1 }, zero = { 0, 0 };
	CHECK_ERR(futex(&word, FUTEX_WAIT, 1, NULL, NULL, 0), EAGAIN);
	CHECK_ERR(futex((int *)((char *)&word + 1), FUTEX_WAIT, 0, &zero, NULL, 0), EINVAL);
	CHECK_ERR(futex((int *)8, FUTEX_WAIT, 0, &zero, NULL, 0), EFAULT);
	CHECK_ERR(futex(&word, FUTEX_WAIT, 0, &bad, NULL, 0), EINVAL);
	CHECK_ERR(futex(&word, 99, 0, NULL, NULL, 0), ENOSYS);
	CHECK_ERR(futex(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0), EINVAL);
	CHECK_ERR(futex(&word, FUTEX_WAKE_BITSET, 0, NULL, NULL, 0), EINVAL);
	CHECK_ERR(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &word2, 5), EAGAIN);
	CHECK(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0);
}
static void times_out(void)
{
	struct timespec t = { 0, 10000000 }, abs;
	double a = now();
	CHECK_ERR(futex(&word, FUTEX_WAIT, 0, &t, NULL, 0), ETIMEDOUT);
	CHECK(now() - a >= 0.010);
	clock_gettime(CLOCK_MONOTONIC, &abs);
	abs.tv_nsec += 5000000;
	if (abs.tv_nsec >= 1000000000)
		abs.tv_sec++, abs.tv_nsec -= 1000000000;
	CHECK_ERR(futex(&word, FUTEX_WAIT_BITSET, 0, &abs, NULL, -1), ETIMEDOUT);
	clock_gettime(CLOCK_REALTIME, &abs);
	CHECK_ERR(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &abs, NULL, -1), ETIMEDOUT);
}
static void *waiter(void *arg)
{
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	long r = futex(arg, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	if (r == 0)
		__atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
	return (void *)r;
}
/* Starts n threads and waits until they are in the queue of w: only then a wake of n finds them all. */
static void start_waiters(pthread_t *t, int n, void *(*fn)(void *), volatile int *w)
{
	ready = woken = 0;
	for (int i = 0; i < n; i++)
		CHECK(pthread_create(&t[i], NULL, fn, (void *)w) == 0);
	while (ready < n)
		sched_yield();
	/* requeue all onto the same word: the count tells how many are queued */
	while (futex(w, FUTEX_CMP_REQUEUE_PRIVATE, 0, (void *)1000, w, 0) < n && futex(w, FUTEX_REQUEUE_PRIVATE, 0, (void *)1000, w, 0) < n)
		sched_yield();
}
static void wake_one_then_all(void)
{
	pthread_t t[5];
	start_waiters(t, 5, waiter, &word);
	CHECK(futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 1);
	while (woken < 1)
		sched_yield();
	CHECK(woken == 1);
	CHECK(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0) == 4);
	for (int i = 0; i < 5; i++)
		pthread_join(t[i], NULL);
	CHECK(woken == 5);
}
static void requeue(void)
{
	pthread_t t[4];
	start_waiters(t, 4, waiter, &word);
	CHECK(futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)2, &word2, 0) == 3);
	CHECK(futex(&word2, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0) == 2);
	CHECK(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0) == 1);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}
static void *bit_waiter(void *arg)
{
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	return (void *)futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, (int)(intptr_t)arg);
}
static void bitsets(void)
{
	pthread_t a, b;
	CHECK(pthread_create(&a, NULL, bit_waiter, (void *)1) == 0 && pthread_create(&b, NULL, bit_waiter, (void *)2) == 0);
	while (futex(&word, FUTEX_REQUEUE_PRIVATE, 0, (void *)1000, &word, 0) < 2)
		sched_yield();
	CHECK(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 4) == 0);
	CHECK(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 2) == 1);
	CHECK(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 3) == 1);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
}
static void wake_op(void)
{
	pthread_t t[2];
	start_waiters(t, 2, waiter, &word);
	word2 = 5;
	/* word2 += 3; wake 1 on word; and on word2 as many as wanted if its old value was 5 (nobody waits there) */
	CHECK(futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &word2, FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 5)) == 1);
	CHECK(word2 == 8);
	CHECK(futex(&word, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0) == 1);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
}
static void across_processes(void)
{
	volatile int *w = &SHARED[0];
	pid_t p = fork();
	if (!p) {
		while (*w == 0)
			futex(w, FUTEX_WAIT, 0, NULL, NULL, 0);
		_exit(*w);
	}
	await_state(p, "S");
	*w = 9;
	while (futex(w, FUTEX_WAKE, 1, NULL, NULL, 0) < 1 && proc_state(p) != 'Z')
		sched_yield();
	CHECK(EXITED(reap(p), 9));
}
static void private_memory_is_not_shared_after_fork(void)
{
	pid_t p = fork();
	if (!p) {
		struct timespec t = { 0, 30000000 };
		CHECK_ERR(futex(&word, FUTEX_WAIT, 0, &t, NULL, 0), ETIMEDOUT);
		_exit(0);
	}
	await_state(p, "SZ");
	CHECK(futex(&word, FUTEX_WAKE, 10, NULL, NULL, 0) == 0);
	CHECK(EXITED(reap(p), 0));
}
static void on_sig(int sig) { (void)sig; }
static void interrupted_by_a_signal(void)
{
	struct sigaction sa = { .sa_handler = on_sig };
	pid_t me = getpid();
	sigaction(SIGUSR1, &sa, NULL);
	pid_t p = fork();
	if (!p) {
		await_state(me, "S");
		kill(me, SIGUSR1);
		_exit(0);
	}
	CHECK_ERR(futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0), EINTR);
	reap(p);
}

static pthread_mutex_t *shared_mutex(void)
{
	pthread_mutexattr_t a;
	pthread_mutex_t *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	CHECK(pthread_mutex_init(m, &a) == 0);
	return m;
}
static void robust_owner_dies(void)
{
	pthread_mutex_t *m = shared_mutex();
	CHECK(EXITED(IN_CHILD(CHECK(pthread_mutex_lock(m) == 0)), 0));
	CHECK(pthread_mutex_lock(m) == EOWNERDEAD);
	CHECK(pthread_mutex_consistent(m) == 0 && pthread_mutex_unlock(m) == 0);
	CHECK(KILLED(IN_CHILD(CHECK(pthread_mutex_lock(m) == 0); raise(SIGKILL)), SIGKILL));
	CHECK(pthread_mutex_lock(m) == EOWNERDEAD);
	CHECK(pthread_mutex_unlock(m) == 0 && pthread_mutex_lock(m) == ENOTRECOVERABLE);
}
static void robust_waiter_is_woken(void)
{
	pthread_mutex_t *m = shared_mutex();
	pid_t p = fork();
	if (!p) {
		CHECK(pthread_mutex_lock(m) == 0);
		SHARED[0] = 1;
		await_value(&SHARED[1], 1);
		await_state(getppid(), "S");
		raise(SIGKILL);
	}
	await_value(&SHARED[0], 1);
	SHARED[1] = 1;
	CHECK(pthread_mutex_lock(m) == EOWNERDEAD);
	CHECK(KILLED(reap(p), SIGKILL));
}
static void robust_list_calls(void)
{
	struct robust_list_head *h;
	size_t len;
	CHECK(syscall(SYS_get_robust_list, 0, &h, &len) == 0 && len == sizeof(*h));
	CHECK_ERR(syscall(SYS_set_robust_list, h, len - 1), EINVAL);
	CHECK(EXITED(IN_CHILD(CHECK(syscall(SYS_set_robust_list, 8, len) == 0)), 0)); /* a wild list ends quietly */
	static struct { struct robust_list l; int w; } e;
	CHECK(EXITED(IN_CHILD(struct robust_list_head x = { .list.next = &e.l, .futex_offset = 0 }; e.l.next = &e.l;
		CHECK(syscall(SYS_set_robust_list, &x, sizeof(x)) == 0)), 0)); /* a ring without the head ends too */
}
/* The kernel walks 2048 entries and no further; one that is being taken or given back counts besides. */
static void robust_lists_end_somewhere(void)
{
	enum { N = 2100, LIMIT = 2048 };
	struct entry {
		struct robust_list l;
		uint32_t word;
	} *e = mmap(NULL, (N + 1) * sizeof(*e), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(e != MAP_FAILED);
	pid_t p = fork();
	if (!p) {
		uint32_t tid = (uint32_t)syscall(SYS_gettid);
		for (int i = 0; i < N; i++) {
			e[i].word = tid;
			e[i].l.next = &e[i + 1].l;
		}
		e[N].word = tid;
		static struct robust_list_head head;
		head.list.next = &e[0].l;
		head.futex_offset = offsetof(struct entry, word) - offsetof(struct entry, l);
		head.list_op_pending = &e[N].l;
		e[N - 1].l.next = &head.list;
		CHECK(syscall(SYS_set_robust_list, &head, sizeof(head)) == 0);
		syscall(SYS_exit, 0);
	}
	CHECK(EXITED(reap(p), 0));
	for (int i = 0; i < N; i++)
		CHECK(e[i].word == (i < LIMIT ? FUTEX_OWNER_DIED : (uint32_t)p));
	CHECK(e[N].word == FUTEX_OWNER_DIED);
}
/* An entry that is somebody else's is passed by; one of the list's that is also the pending one is done once, behind the others. */
static void robust_entries_of_others(void)
{
	struct entry {
		struct robust_list l;
		uint32_t word;
	} *e = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(e != MAP_FAILED);
	pid_t p = fork();
	if (!p) {
		static struct robust_list_head head;
		uint32_t tid = (uint32_t)syscall(SYS_gettid);
		const uint32_t words[] = { tid | FUTEX_WAITERS, tid + 1, 0, tid | FUTEX_OWNER_DIED, tid };
		for (size_t i = 0; i < NELEM(words); i++) {
			e[i].word = words[i];
			e[i].l.next = i + 1 < NELEM(words) ? &e[i + 1].l : &head.list;
		}
		head.list.next = &e[0].l;
		head.futex_offset = offsetof(struct entry, word) - offsetof(struct entry, l);
		head.list_op_pending = &e[4].l;
		CHECK(syscall(SYS_set_robust_list, &head, sizeof(head)) == 0);
		syscall(SYS_exit, 0);
	}
	CHECK(EXITED(reap(p), 0));
	CHECK(e[0].word == (FUTEX_OWNER_DIED | FUTEX_WAITERS) && e[1].word == (uint32_t)p + 1 && e[2].word == 0);
	CHECK(e[3].word == FUTEX_OWNER_DIED && e[4].word == FUTEX_OWNER_DIED);
}

CASES(CASE(argument_errors), CASE(times_out), CASE(wake_one_then_all), CASE(requeue), CASE(bitsets), CASE(wake_op), CASE(across_processes),
	CASE(private_memory_is_not_shared_after_fork), CASE(interrupted_by_a_signal), CASE(robust_owner_dies), CASE(robust_waiter_is_woken),
	CASE(robust_list_calls), CASE(robust_lists_end_somewhere), CASE(robust_entries_of_others))
