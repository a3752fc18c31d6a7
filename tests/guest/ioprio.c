/* ioprio_set, ioprio_get, and CLONE_IO. */
#include "check.h"
#include <sys/resource.h>

#define PROCESS 1
#define PGRP 2
#define USER 3
#define VALUE(class, level) ((class) << 13 | (level))
static long get(int which, int who) { return syscall(SYS_ioprio_get, which, who); }
static long set(int which, int who, int prio) { return syscall(SYS_ioprio_set, which, who, prio); }

static void values(void)
{
	CHECK(get(PROCESS, 0) == 0 && get(PROCESS, getpid()) == 0);
	CHECK(set(PROCESS, 0, VALUE(2, 7)) == 0 && get(PROCESS, 0) == VALUE(2, 7));
	CHECK(set(PROCESS, getpid(), VALUE(3, 0)) == 0 && get(PROCESS, 0) == VALUE(3, 0));
	CHECK(set(PROCESS, 0, 0) == 0 && get(PROCESS, 0) == 0);
	CHECK_ERR(set(PROCESS, 0, VALUE(0, 1)), EINVAL);
	CHECK_ERR(set(PROCESS, 0, VALUE(5, 0)), EINVAL);
	CHECK_ERR(set(4, 0, VALUE(2, 0)), EINVAL);
	CHECK_ERR(get(0, 0), EINVAL);
	CHECK_ERR(get(PROCESS, 99999999), ESRCH);
	CHECK_ERR(set(PGRP, 99999999, VALUE(2, 0)), ESRCH);
}

static void groups_and_users(void)
{
	CHECK(setpgid(0, 0) == 0 || getpgrp() == getpid());
	/* Without one of its own: what goes with nice 0. */
	CHECK(get(PGRP, 0) == VALUE(2, 4));
	CHECK(setpriority(PRIO_PROCESS, 0, 10) == 0 && get(PGRP, 0) == VALUE(2, 6));
	pid_t pid = fork();
	if (!pid)
		for (;;)
			pause();
	CHECK(set(PGRP, 0, VALUE(2, 5)) == 0 && get(PROCESS, pid) == VALUE(2, 5) && get(PROCESS, 0) == VALUE(2, 5));
	CHECK(set(PROCESS, pid, VALUE(2, 1)) == 0 && get(PGRP, getpgrp()) == VALUE(2, 1));
	kill(pid, SIGKILL);
	reap(pid);
	CHECK(get(USER, 0) >= 0);
}

static void inheritance(void)
{
	CHECK(set(PROCESS, 0, VALUE(2, 3)) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(get(PROCESS, 0) == VALUE(2, 3)); CHECK(set(PROCESS, 0, VALUE(2, 6)) == 0)), 0));
	CHECK(get(PROCESS, 0) == VALUE(2, 3));
	/* Shared, not copied. */
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_IO | SIGCHLD, 0, 0, 0, 0);
	if (!pid) {
		set(PROCESS, 0, VALUE(2, 6));
		_exit(0);
	}
	CHECK(EXITED(reap(pid), 0) && get(PROCESS, 0) == VALUE(2, 6));
}

static void permissions(void)
{
	if (geteuid())
		check_skip("not root");
	pid_t pid = fork();
	if (!pid)
		for (;;)
			pause();
	CHECK(set(PROCESS, 0, VALUE(1, 0)) == 0);
	CHECK(EXITED(IN_CHILD({
		CHECK(setresuid(1000, 1000, 1000) == 0);
		CHECK_ERR(set(PROCESS, 0, VALUE(1, 0)), EPERM);
		CHECK_ERR(set(PROCESS, pid, VALUE(2, 0)), EPERM);
		CHECK(set(PROCESS, 0, VALUE(2, 0)) == 0 && get(PROCESS, pid) == 0);
	}),
		0));
	kill(pid, SIGKILL);
	reap(pid);
}

CASES(CASE(values), CASE(groups_and_users), CASE(inheritance), CASE(permissions))
