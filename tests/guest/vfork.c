/* vfork(2) and CLONE_VFORK: the parent stands still and shares its memory until the child execs or ends. */
#define HELPER(argc, argv) 42
#include "check.h"

static char *const self_args[] = { "self", "--helper", NULL };

static void memory_is_shared(void)
{
	volatile int x = 1;
	pid_t p = vfork();
	if (p == 0) {
		x = 2;
		_exit(3);
	}
	CHECK(p > 0 && x == 2);
	CHECK(EXITED(reap(p), 3));
}

static void parent_waits_for_exit(void)
{
	pid_t p = vfork();
	if (p == 0) {
		struct timespec t = { 0, 30000000 };
		nanosleep(&t, NULL);
		SHARED[0] = 1;
		_exit(0);
	}
	CHECK(SHARED[0] == 1);
	reap(p);
}

static void parent_goes_on_after_exec(void)
{
	pid_t p = vfork();
	if (p == 0) {
		execv("/proc/self/exe", self_args);
		_exit(1);
	}
	CHECK(EXITED(reap(p), 42));
}

static void failed_exec_keeps_the_parent_waiting(void)
{
	volatile int err = 0;
	pid_t p = vfork();
	if (p == 0) {
		execv("/does/not/exist", self_args);
		err = errno;
		_exit(4);
	}
	CHECK(err == ENOENT);
	CHECK(EXITED(reap(p), 4));
}

static void parent_goes_on_when_the_child_is_killed(void)
{
	pid_t p = vfork();
	if (p == 0) {
		kill(getpid(), SIGKILL);
		_exit(1);
	}
	CHECK(KILLED(reap(p), SIGKILL));
}

static void descriptors_are_not_shared(void)
{
	int fd = open("/dev/null", O_RDONLY);
	pid_t p = vfork();
	if (p == 0) {
		close(fd);
		_exit(0);
	}
	reap(p);
	CHECK(fcntl(fd, F_GETFD) == 0);
}

static void handlers_are_not_shared(void)
{
	struct sigaction got;
	pid_t p = vfork();
	if (p == 0) {
		signal(SIGUSR1, SIG_IGN);
		_exit(0);
	}
	reap(p);
	CHECK(sigaction(SIGUSR1, NULL, &got) == 0 && got.sa_handler == SIG_DFL);
}

static void clone_vfork_without_vm(void)
{
	volatile int x = 1;
	long p = syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
	if (p == 0) {
		x = 2;
		SHARED[0] = x;
		_exit(0);
	}
	CHECK(p > 0 && x == 1 && SHARED[0] == 2);
	reap((pid_t)p);
}

static void on_usr1(int sig) { (void)sig; SHARED[1]++; }
static void signal_to_the_waiting_parent_is_late(void)
{
	struct sigaction sa = { .sa_handler = on_usr1 };
	sigaction(SIGUSR1, &sa, NULL);
	pid_t p = vfork();
	if (p == 0) {
		struct timespec t = { 0, 10000000 };
		kill(getppid(), SIGUSR1);
		nanosleep(&t, NULL);
		SHARED[0] = SHARED[1]; /* the parent has not run */
		_exit(0);
	}
	reap(p);
	CHECK(SHARED[0] == 0 && SHARED[1] == 1);
}

#pragma GCC diagnostic ignored "-Wclobbered"
static void many(void)
{
	for (int i = 0; i < 100; i++) {
		pid_t p = vfork();
		if (p == 0)
			_exit(i);
		CHECK(EXITED(reap(p), i));
	}
}

CASES(CASE(memory_is_shared), CASE(parent_waits_for_exit), CASE(parent_goes_on_after_exec), CASE(failed_exec_keeps_the_parent_waiting),
	CASE(parent_goes_on_when_the_child_is_killed), CASE(descriptors_are_not_shared), CASE(handlers_are_not_shared), CASE(clone_vfork_without_vm),
	CASE(signal_to_the_waiting_parent_is_late), CASE(many))
