/* wait4 and waitid: which children they see, which changes, once or more than once; what the reaper is charged. */
#include "check.h"
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#define PIDFD_THREAD O_EXCL
#define PIDFD_NONBLOCK O_NONBLOCK

/* A child with another exit signal. */
static pid_t clone_child(int sig, int code)
{
	pid_t pid = (pid_t)syscall(SYS_clone, sig, 0, 0, 0, 0);
	CHECK(pid >= 0);
	if (!pid)
		_exit(code);
	return pid;
}
static int pidfd(pid_t pid, int flags) { return (int)syscall(SYS_pidfd_open, pid, flags); }
static long wait_id(int type, int id, siginfo_t *si, int options, struct rusage *ru) { return syscall(SYS_waitid, type, id, si, options, ru); }

static void targets_that_are_none(void)
{
	CHECK_ERR(syscall(SYS_wait4, INT_MIN, NULL, 0, NULL), ESRCH);
	CHECK_ERR(syscall(SYS_wait4, -1, NULL, 0, NULL), ECHILD);
	CHECK_ERR(syscall(SYS_wait4, -1, NULL, WEXITED, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_wait4, -1, NULL, WNOWAIT, NULL), EINVAL);
	CHECK_ERR(wait_id(P_ALL, 0, NULL, WNOHANG, NULL), EINVAL);
	CHECK_ERR(wait_id(P_PID, 0, NULL, WEXITED, NULL), EINVAL);
	CHECK_ERR(wait_id(P_PGID, -1, NULL, WEXITED, NULL), EINVAL);
	CHECK_ERR(wait_id(P_PIDFD, -1, NULL, WEXITED, NULL), EINVAL);
	CHECK_ERR(wait_id(7, 1, NULL, WEXITED, NULL), EINVAL);
	CHECK_ERR(wait_id(P_PIDFD, 0, NULL, WEXITED, NULL), EBADF);
	CHECK_ERR(wait_id(P_PIDFD, 999, NULL, WEXITED, NULL), EBADF);
	CHECK_ERR(wait_id(P_PGID, 0, NULL, WEXITED, NULL), ECHILD);
	/* Somebody else's child. */
	int fd = pidfd(getppid(), 0);
	CHECK(fd >= 0);
	CHECK_ERR(wait_id(P_PIDFD, fd, NULL, WEXITED, NULL), ECHILD);
}

static void by_pidfd(void)
{
	siginfo_t si;
	pid_t pid = sleeping_child();
	int fd = pidfd(pid, 0), nb = pidfd(pid, PIDFD_NONBLOCK);
	memset(&si, 7, sizeof(si));
	CHECK(wait_id(P_PIDFD, fd, &si, WEXITED | WNOHANG, NULL) == 0 && si.si_pid == 0 && si.si_signo == 0 && si.si_code == 0);
	CHECK_ERR(wait_id(P_PIDFD, nb, &si, WEXITED, NULL), EAGAIN);
	CHECK(wait_id(P_PIDFD, nb, &si, WEXITED | WNOHANG, NULL) == 0);
	struct pollfd p = { fd, POLLIN, 0 };
	CHECK(poll(&p, 1, 0) == 0);
	kill(pid, SIGTERM);
	CHECK(poll(&p, 1, 5000) == 1 && (p.revents & POLLIN) && !(p.revents & POLLHUP));
	CHECK(wait_id(P_PIDFD, nb, &si, WEXITED, NULL) == 0 && si.si_pid == pid && si.si_code == CLD_KILLED && si.si_status == SIGTERM);
	CHECK_ERR(wait_id(P_PIDFD, fd, &si, WEXITED, NULL), ECHILD);
	CHECK(poll(&p, 1, 0) == 1 && (p.revents & POLLHUP));
}

static void *thread_sleeps(void *arg)
{
	SHARED[0] = (int)syscall(SYS_gettid);
	for (;;)
		pause();
	return arg;
}
static void a_thread_is_no_child(void)
{
	pthread_t t;
	pid_t pid = fork();
	if (!pid) {
		pthread_create(&t, NULL, thread_sleeps, NULL);
		for (;;)
			pause();
	}
	while (!SHARED[0])
		sched_yield();
	int fd = pidfd(SHARED[0], PIDFD_THREAD);
	if (fd >= 0) {
		CHECK_ERR(wait_id(P_PIDFD, fd, NULL, WEXITED, NULL), ECHILD);
		/* Later than 6.12: ENOENT. */
		CHECK(pidfd(SHARED[0], 0) == -1 && (errno == EINVAL || errno == ENOENT));
	}
	CHECK_ERR(waitpid(SHARED[0], NULL, 0), ECHILD);
	kill(pid, SIGKILL);
	reap(pid);
}

static void stops_and_continues_once(void)
{
	siginfo_t si;
	int st;
	pid_t pid = sleeping_child();
	kill(pid, SIGSTOP);
	CHECK(wait_id(P_PID, pid, &si, WSTOPPED | WNOWAIT, NULL) == 0 && si.si_code == CLD_STOPPED && si.si_status == SIGSTOP && si.si_signo == SIGCHLD);
	CHECK(wait_id(P_PID, pid, &si, WSTOPPED, NULL) == 0 && si.si_code == CLD_STOPPED);
	si.si_pid = 1;
	CHECK(wait_id(P_PID, pid, &si, WSTOPPED | WNOHANG, NULL) == 0 && si.si_pid == 0);
	CHECK(waitpid(pid, &st, WUNTRACED | WNOHANG) == 0);
	kill(pid, SIGCONT);
	CHECK(wait_id(P_PID, pid, &si, WCONTINUED | WNOWAIT, NULL) == 0 && si.si_code == CLD_CONTINUED && si.si_status == SIGCONT);
	CHECK(waitpid(pid, &st, WCONTINUED) == pid && WIFCONTINUED(st) && st == 0xffff);
	CHECK(waitpid(pid, &st, WCONTINUED | WNOHANG) == 0);
	/* Stopped, continued, stopped: the last state counts. */
	kill(pid, SIGSTOP);
	await_state(pid, "T");
	kill(pid, SIGCONT);
	CHECK(waitpid(pid, &st, WUNTRACED | WCONTINUED) == pid && WIFCONTINUED(st));
	kill(pid, SIGTSTP);
	CHECK(waitpid(pid, &st, WUNTRACED) == pid && WIFSTOPPED(st) && WSTOPSIG(st) == SIGTSTP && st == (SIGTSTP << 8 | 0x7f));
	kill(pid, SIGKILL);
	CHECK(reap(pid) == SIGKILL);
}

static void nowait_leaves_the_zombie(void)
{
	siginfo_t si;
	struct rusage ru, before, after;
	getrusage(RUSAGE_CHILDREN, &before);
	pid_t pid = fork();
	if (!pid)
		_exit(9);
	for (int i = 0; i < 3; i++)
		CHECK(wait_id(P_PID, pid, &si, WEXITED | WNOWAIT, &ru) == 0 && si.si_code == CLD_EXITED && si.si_status == 9 && si.si_pid == pid);
	getrusage(RUSAGE_CHILDREN, &after);
	CHECK(after.ru_minflt == before.ru_minflt);
	CHECK(proc_state(pid) == 'Z');
	CHECK(EXITED(reap(pid), 9));
	getrusage(RUSAGE_CHILDREN, &after);
	CHECK(after.ru_minflt > before.ru_minflt);
}

static void ignored_children_cost_nothing(void)
{
	struct rusage before, after;
	getrusage(RUSAGE_CHILDREN, &before);
	signal(SIGCHLD, SIG_IGN);
	pid_t pid = fork();
	if (!pid) {
		for (volatile int i = 0; i < 20000000; i++)
			;
		_exit(0);
	}
	CHECK_ERR(waitpid(pid, NULL, 0), ECHILD);
	getrusage(RUSAGE_CHILDREN, &after);
	CHECK(
		after.ru_minflt == before.ru_minflt && after.ru_utime.tv_sec == before.ru_utime.tv_sec && after.ru_utime.tv_usec == before.ru_utime.tv_usec);
}

static void clone_children(void)
{
	int st;
	signal(SIGUSR1, SIG_IGN);
	pid_t plain = clone_child(SIGCHLD, 1), other = clone_child(SIGUSR1, 2), quiet;
	await_state(plain, "Z");
	await_state(other, "Z");
	CHECK_ERR(waitpid(other, &st, 0), ECHILD);
	CHECK(waitpid(-1, &st, 0) == plain && EXITED(st, 1));
	CHECK_ERR(waitpid(-1, &st, 0), ECHILD);
	CHECK(waitpid(-1, &st, __WCLONE) == other && EXITED(st, 2));
	quiet = clone_child(0, 3);
	CHECK(waitpid(quiet, &st, __WALL) == quiet && EXITED(st, 3));
	plain = clone_child(SIGCHLD, 4);
	CHECK_ERR(waitpid(plain, &st, __WCLONE), ECHILD);
	CHECK(waitpid(plain, &st, __WCLONE | __WALL) == plain && EXITED(st, 4));
}

static void *forks_one(void *arg)
{
	pid_t pid = fork();
	if (!pid)
		_exit(6);
	SHARED[1] = pid;
	while (!SHARED[2])
		usleep(1000);
	return arg;
}
static void only_my_own(void)
{
	pthread_t t;
	int st;
	pthread_create(&t, NULL, forks_one, NULL);
	while (!SHARED[1])
		sched_yield();
	CHECK_ERR(waitpid(-1, &st, __WNOTHREAD), ECHILD);
	CHECK(waitpid(-1, &st, 0) == SHARED[1] && EXITED(st, 6));
	SHARED[2] = 1;
	pthread_join(t, NULL);
}

static volatile int chld_status, chld_count;
static void on_chld(int sig, siginfo_t *si, void *ctx)
{
	chld_status = si->si_status;
	chld_count++;
}
static void nocldwait_still_signals(void)
{
	struct sigaction sa = { .sa_sigaction = on_chld, .sa_flags = SA_SIGINFO | SA_NOCLDWAIT };
	sigaction(SIGCHLD, &sa, NULL);
	pid_t pid = fork();
	if (!pid)
		_exit(8);
	CHECK_ERR(waitpid(pid, NULL, 0), ECHILD);
	CHECK(chld_count == 1 && chld_status == 8);
}

static void exec_resets_the_exit_signal(void)
{
	int st;
	pid_t pid = (pid_t)syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0);
	if (!pid) {
		execl("/bin/sh", "sh", "-c", "exit 4", NULL);
		_exit(99);
	}
	await_state(pid, "Z");
	CHECK(waitpid(pid, &st, 0) == pid && EXITED(st, 4));
}

static void *runs_true(void *arg)
{
	execl("/bin/sh", "sh", "-c", "exit 5", NULL);
	return arg;
}
static void exec_by_a_thread_is_no_end(void)
{
	pthread_t t;
	pid_t pid = fork();
	if (!pid) {
		while (!SHARED[0])
			usleep(1000);
		pthread_create(&t, NULL, runs_true, NULL);
		for (;;)
			pause();
	}
	int fd = pidfd(pid, 0);
	SHARED[0] = 1;
	CHECK(EXITED(reap(pid), 5));
	close(fd);
}

static int pdeath_pipe[2];
static void *forks_and_ends(void *arg)
{
	if (!fork()) {
		sigset_t s;
		int sig = 0;
		sigemptyset(&s);
		sigaddset(&s, SIGUSR2);
		sigprocmask(SIG_BLOCK, &s, NULL);
		prctl(PR_SET_PDEATHSIG, SIGUSR2);
		SHARED[0] = 1;
		sigwait(&s, &sig);
		if (write(pdeath_pipe[1], sig == SIGUSR2 && getppid() == SHARED[1] ? "y" : "n", 1) != 1)
			_exit(1);
		_exit(0);
	}
	while (!SHARED[0])
		usleep(1000);
	return arg;
}
/* The signal comes when the thread that forked is gone, not the process. */
static void death_of_the_parent_thread(void)
{
	char c = 0;
	CHECK(pipe(pdeath_pipe) == 0);
	pid_t pid = fork();
	if (!pid) {
		pthread_t t;
		SHARED[1] = getpid();
		pthread_create(&t, NULL, forks_and_ends, NULL);
		pthread_join(t, NULL);
		sleep(20);
		_exit(0);
	}
	CHECK(read(pdeath_pipe[0], &c, 1) == 1 && c == 'y');
	kill(pid, SIGKILL);
	reap(pid);
	CHECK_ERR(prctl(PR_SET_PDEATHSIG, 65), EINVAL);
}

static void usage_of_grandchildren(void)
{
	struct rusage ru;
	int st;
	pid_t pid = fork();
	if (!pid) {
		pid_t g = fork();
		if (!g) {
			char *p = mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			memset(p, 1, 8 << 20);
			_exit(0);
		}
		_exit(EXITED(reap(g), 0) ? 0 : 1);
	}
	CHECK(wait4(pid, &st, 0, &ru) == pid && EXITED(st, 0));
	CHECK(ru.ru_minflt >= 8 && ru.ru_maxrss >= 8192);
}

CASES(CASE(targets_that_are_none), CASE(by_pidfd), CASE(a_thread_is_no_child), CASE(stops_and_continues_once), CASE(nowait_leaves_the_zombie),
	CASE(ignored_children_cost_nothing), CASE(clone_children), CASE(only_my_own), CASE(nocldwait_still_signals), CASE(exec_resets_the_exit_signal),
	CASE(exec_by_a_thread_is_no_end), CASE(death_of_the_parent_thread), CASE(usage_of_grandchildren))
