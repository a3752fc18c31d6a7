/* Priorities, policies, affinity, yielding. */
#include "check.h"
#include <pthread.h>
#include <sys/resource.h>

/* The calls themselves: musl refuses these. */
#define sched_setscheduler(pid, policy, p) syscall(SYS_sched_setscheduler, pid, policy, p)
#define sched_getscheduler(pid) syscall(SYS_sched_getscheduler, pid)
#define sched_getparam(pid, p) syscall(SYS_sched_getparam, pid, p)

static void nice_values(void)
{
	CHECK(getpriority(PRIO_PROCESS, 0) == 0 && nice(5) == 5 && getpriority(PRIO_PROCESS, 0) == 5);
	CHECK(setpriority(PRIO_PROCESS, 0, 100) == 0 && getpriority(PRIO_PROCESS, 0) == 19);
	CHECK(setpriority(PRIO_PROCESS, 0, -100) == 0 && getpriority(PRIO_PROCESS, 0) == -20);
	CHECK(syscall(SYS_getpriority, PRIO_PROCESS, 0) == 40);
	CHECK(setpriority(PRIO_PROCESS, 0, 0) == 0);
	CHECK_ERR(getpriority(99, 0), EINVAL);
	CHECK_ERR(setpriority(PRIO_PROCESS, 0x3fffffff, 0), ESRCH);
	CHECK(EXITED(IN_CHILD(CHECK(nice(3) == 3); CHECK(setresuid(12345, 12345, 12345) == 0); CHECK_ERR(setpriority(PRIO_PROCESS, 0, 0), EACCES);
		CHECK(setpriority(PRIO_PROCESS, 0, 7) == 0); CHECK_ERR(setpriority(PRIO_PROCESS, getppid(), 7), EPERM)), 0));
}
static void policies(void)
{
	struct sched_param p = { 0 };
	CHECK(sched_getscheduler(0) == SCHED_OTHER && sched_getparam(0, &p) == 0 && p.sched_priority == 0);
	CHECK(sched_get_priority_max(SCHED_FIFO) == 99 && sched_get_priority_min(SCHED_RR) == 1 && sched_get_priority_max(SCHED_OTHER) == 0);
	CHECK_ERR(sched_get_priority_max(77), EINVAL);
	p.sched_priority = 1;
	CHECK_ERR(sched_setscheduler(0, SCHED_OTHER, &p), EINVAL);
	p.sched_priority = 100;
	CHECK_ERR(sched_setscheduler(0, SCHED_FIFO, &p), EINVAL);
	p.sched_priority = 0;
	CHECK_ERR(sched_setscheduler(0, SCHED_FIFO, &p), EINVAL);
	CHECK_ERR(sched_setscheduler(0, 55, &p), EINVAL);
	CHECK_ERR(sched_setscheduler(0x3fffffff, SCHED_OTHER, &p), ESRCH);
	CHECK_ERR(sched_setscheduler(-1, SCHED_OTHER, &p), EINVAL);
	CHECK(sched_setscheduler(0, SCHED_BATCH, &p) == 0 && sched_getscheduler(0) == SCHED_BATCH);
	CHECK(sched_setscheduler(0, SCHED_IDLE, &p) == 0 && sched_getscheduler(0) == SCHED_IDLE);
	CHECK(sched_setscheduler(0, SCHED_OTHER, &p) == 0);
	p.sched_priority = 10;
	CHECK(sched_setscheduler(0, SCHED_FIFO, &p) == 0 && sched_getscheduler(0) == SCHED_FIFO);
	CHECK(EXITED(IN_CHILD(CHECK(sched_getscheduler(0) == SCHED_FIFO); CHECK(sched_getparam(0, &p) == 0 && p.sched_priority == 10)), 0));
	CHECK(sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &p) == 0 && sched_getscheduler(0) == (SCHED_RR | SCHED_RESET_ON_FORK));
	struct timespec t;
	CHECK(sched_rr_get_interval(0, &t) == 0 && t.tv_nsec > 0);
	CHECK(EXITED(IN_CHILD(CHECK(sched_getscheduler(0) == SCHED_OTHER)), 0));
	p.sched_priority = 0;
	CHECK(EXITED(IN_CHILD(CHECK(setresuid(12345, 12345, 12345) == 0); p.sched_priority = 1; CHECK_ERR(sched_setscheduler(0, SCHED_FIFO, &p), EPERM)), 0));
}
static void affinity(void)
{
	cpu_set_t all, one, got;
	CHECK(sched_getaffinity(0, sizeof(all), &all) == 0 && CPU_COUNT(&all) >= 1);
	int cpu = 0;
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	CHECK(sched_setaffinity(0, sizeof(one), &one) == 0 && sched_getcpu() == cpu);
	CHECK(EXITED(IN_CHILD(CHECK(sched_getaffinity(0, sizeof(got), &got) == 0 && CPU_EQUAL(&got, &one))), 0));
	CPU_ZERO(&one);
	CHECK_ERR(sched_setaffinity(0, sizeof(one), &one), EINVAL);
	CHECK(sched_setaffinity(0, sizeof(all), &all) == 0);
	CHECK_ERR(sched_setaffinity(0x3fffffff, sizeof(all), &all), ESRCH);
	CHECK_ERR(sched_getaffinity(0, 1, &got), EINVAL);
	for (int c = 0; c < CPU_SETSIZE; c++) {
		if (!CPU_ISSET(c, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(c, &one);
		CHECK(sched_setaffinity(0, sizeof(one), &one) == 0 && sched_getcpu() == c);
	}
}
static void yielding_lets_others_run(void)
{
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
	pid_t c = fork();
	if (!c) {
		SHARED[0] = 1;
		await_value(&SHARED[1], 1);
		_exit(0);
	}
	await_value(&SHARED[0], 1);
	SHARED[1] = 1;
	CHECK(EXITED(reap(c), 0));
}
static void a_spinner_does_not_starve_others(void)
{
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
	pid_t c = fork();
	if (!c)
		for (volatile long i = 0;; i++)
			;
	for (int i = 0; i < 5; i++)
		msleep(1);
	pid_t d = fork();
	if (!d)
		_exit(0);
	CHECK(EXITED(reap(d), 0));
	kill(c, SIGKILL);
	CHECK(KILLED(reap(c), SIGKILL));
}
static void realtime_runs_first(void)
{
	/* on one CPU a FIFO thread that becomes ready runs before its waker goes on */
	cpu_set_t one;
	struct sched_param p = { .sched_priority = 5 };
	int fds[2];
	char b;
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	CHECK(sched_setaffinity(0, sizeof(one), &one) == 0 && pipe(fds) == 0);
	pid_t c = fork();
	if (!c) {
		CHECK(sched_setscheduler(0, SCHED_FIFO, &p) == 0);
		CHECK(read(fds[0], &b, 1) == 1);
		SHARED[0] = 1;
		_exit(0);
	}
	await_state(c, "S");
	CHECK(write(fds[1], "x", 1) == 1);
	CHECK(SHARED[0] == 1);
	CHECK(EXITED(reap(c), 0));
}
struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};
static void attributes(void)
{
	struct attr a = { .size = sizeof(a), .policy = SCHED_BATCH, .nice = 5 }, b = { 0 };
	CHECK(syscall(SYS_sched_setattr, 0, &a, 0) == 0);
	CHECK(syscall(SYS_sched_getattr, 0, &b, sizeof(b), 0) == 0 && b.policy == SCHED_BATCH && b.nice == 5 && b.size == sizeof(b));
	CHECK(syscall(SYS_sched_getscheduler, 0) == SCHED_BATCH);
	a.policy = SCHED_FIFO, a.priority = 7, a.flags = 1;
	CHECK(syscall(SYS_sched_setattr, 0, &a, 0) == 0);
	CHECK(syscall(SYS_sched_getattr, 0, &b, sizeof(b), 0) == 0 && b.policy == SCHED_FIFO && b.priority == 7 && b.flags == 1);
	a = (struct attr){ .size = sizeof(a), .policy = SCHED_OTHER, .flags = 8, .priority = 9 }; /* the policy stays */
	CHECK(syscall(SYS_sched_setattr, 0, &a, 0) == 0);
	CHECK(syscall(SYS_sched_getattr, 0, &b, sizeof(b), 0) == 0 && b.policy == SCHED_FIFO && b.priority == 9);
	CHECK_ERR(syscall(SYS_sched_setattr, 0, NULL, 0), EINVAL);
	CHECK_ERR(syscall(SYS_sched_setattr, 0, &a, 1), EINVAL);
	CHECK_ERR(syscall(SYS_sched_setattr, -1, &a, 0), EINVAL);
	CHECK_ERR(syscall(SYS_sched_setattr, 0x3ffffff, &a, 0), ESRCH);
	CHECK_ERR(syscall(SYS_sched_setattr, 0, 8, 0), EFAULT);
	a.size = 20;
	CHECK_ERR(syscall(SYS_sched_setattr, 0, &a, 0), E2BIG);
	CHECK(a.size >= 48);
	a = (struct attr){ .size = sizeof(a), .policy = 99 };
	CHECK_ERR(syscall(SYS_sched_setattr, 0, &a, 0), EINVAL);
	a = (struct attr){ .size = sizeof(a), .policy = SCHED_FIFO };
	CHECK_ERR(syscall(SYS_sched_setattr, 0, &a, 0), EINVAL);
	CHECK_ERR(syscall(SYS_sched_getattr, 0, &b, 20, 0), EINVAL);
}

CASES(CASE(nice_values), CASE(policies), CASE(attributes), CASE(affinity), CASE(yielding_lets_others_run), CASE(a_spinner_does_not_starve_others),
	CASE(realtime_runs_first))
