/* The end of a process: what its parent hears, who inherits its children, and what waiting sees of it. The rules that exit.c, wait.c and wait_rules.c leave out. */
static int helper(int argc, char **argv);
#define HELPER(argc, argv) helper(argc, argv)
#include "check.h"
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#define PIDFD_THREAD O_EXCL

static void block(int sig)
{
	sigset_t s;
	sigemptyset(&s);
	sigaddset(&s, sig);
	CHECK(sigprocmask(SIG_BLOCK, &s, NULL) == 0);
}
static int is_pending(int sig)
{
	sigset_t s;
	CHECK(sigpending(&s) == 0);
	return sigismember(&s, sig);
}
/* The next instance of a blocked signal, within some seconds. */
static siginfo_t take(int sig)
{
	sigset_t s;
	siginfo_t si;
	struct timespec limit = { 10, 0 };
	sigemptyset(&s);
	sigaddset(&s, sig);
	CHECK(sigtimedwait(&s, &si, &limit) == sig);
	return si;
}
static pid_t exits_with(int code)
{
	pid_t p = fork();
	CHECK(p >= 0);
	if (!p)
		_exit(code);
	return p;
}
static int pidfd(pid_t pid, int flags) { return (int)syscall(SYS_pidfd_open, pid, flags); }
static long wait_id(int type, int id, siginfo_t *si, int options, struct rusage *ru) { return syscall(SYS_waitid, type, id, si, options, ru); }
static void *sleeps(void *arg)
{
	SHARED[15] = (int)syscall(SYS_gettid);
	for (;;)
		pause();
	return arg;
}

static int helper(int argc, char **argv)
{
	int st;
	(void)argc;
	if (!strcmp(argv[1], "--parent")) {
		/* The child was made with SIGUSR1 as its exit signal, by the program before this one. Both signals are blocked. */
		pid_t p = atoi(argv[2]);
		if (waitpid(p, &st, __WCLONE) != p || !EXITED(st, 3))
			return 1;
		return is_pending(SIGCHLD) && !is_pending(SIGUSR1) ? 40 : 2;
	}
	if (!strcmp(argv[1], "--subreaper")) {
		int on = 0;
		return prctl(PR_GET_CHILD_SUBREAPER, &on) == 0 && on == 1 ? 40 : 1;
	}
	return 127;
}
static void run_helper(const char *what, const char *arg)
{
	execl("/proc/self/exe", "self", what, arg, (char *)NULL);
	_exit(98);
}

/* --- what the parent hears --------------------------------------------------------------------------------------------------------------- */

static void one_sigchld_stands_for_many(void)
{
	block(SIGCHLD);
	pid_t a = exits_with(1), b = exits_with(2);
	await_state(a, "Z");
	await_state(b, "Z");
	siginfo_t si = take(SIGCHLD);
	CHECK(si.si_pid == a || si.si_pid == b);
	CHECK(!is_pending(SIGCHLD));
	reap(a);
	reap(b);
}

static void sigchld_of_each_end(void)
{
	struct rlimit none = { 0, 0 };
	CHECK(setrlimit(RLIMIT_CORE, &none) == 0);
	block(SIGCHLD);
	pid_t p = exits_with(300);
	siginfo_t si = take(SIGCHLD);
	CHECK(si.si_code == CLD_EXITED && si.si_status == 300 - 256 && si.si_pid == p && si.si_errno == 0);
	reap(p);
	p = fork();
	if (!p)
		raise(SIGQUIT);
	si = take(SIGCHLD);
	CHECK(si.si_code == CLD_KILLED && si.si_status == SIGQUIT && si.si_pid == p);
	reap(p);
	/* The times are in ticks of a hundredth of a second. */
	p = fork();
	if (!p) {
		struct timespec t;
		do
			clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
		while (t.tv_sec == 0 && t.tv_nsec < 300000000);
		_exit(0);
	}
	si = take(SIGCHLD);
	CHECK(si.si_utime + si.si_stime >= 20 && si.si_utime + si.si_stime < 200);
	reap(p);
}

/* Stopped and continued: SIGCHLD whatever the exit signal, with the stop's signal. */
static void sigchld_of_stops(void)
{
	int st;
	block(SIGCHLD);
	block(SIGUSR1);
	pid_t p = (pid_t)syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0);
	if (!p)
		for (;;)
			pause();
	kill(p, SIGTSTP);
	siginfo_t si = take(SIGCHLD);
	CHECK(si.si_code == CLD_STOPPED && si.si_status == SIGTSTP && si.si_pid == p && si.si_uid == getuid());
	kill(p, SIGCONT);
	si = take(SIGCHLD);
	CHECK(si.si_code == CLD_CONTINUED && si.si_status == SIGCONT && si.si_pid == p);
	kill(p, SIGKILL);
	si = take(SIGUSR1);
	CHECK(si.si_code == CLD_KILLED && si.si_pid == p);
	CHECK(!is_pending(SIGCHLD));
	CHECK(waitpid(p, &st, __WCLONE) == p);
}

/* With an exit signal of 0 nothing is sent, but a waiter wakes. */
static void no_exit_signal_wakes_the_waiter(void)
{
	int st;
	block(SIGCHLD);
	pid_t me = getpid(), p = (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0);
	if (!p) {
		await_state(me, "S");
		_exit(4);
	}
	CHECK(waitpid(p, &st, __WCLONE) == p && EXITED(st, 4));
	CHECK(!is_pending(SIGCHLD));
}

static void parent_that_was_replaced_gets_sigchld(void)
{
	int go[2];
	char c, nr[20];
	CHECK(pipe(go) == 0);
	pid_t parent = fork();
	if (!parent) {
		block(SIGCHLD);
		block(SIGUSR1);
		pid_t p = (pid_t)syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0);
		if (!p) {
			close(go[1]);
			_exit(read(go[0], &c, 1) == 0 ? 3 : 4);
		}
		fcntl(go[1], F_SETFD, FD_CLOEXEC);
		snprintf(nr, sizeof(nr), "%d", p);
		run_helper("--parent", nr);
	}
	close(go[1]);
	CHECK(EXITED(reap(parent), 40));
}

/* Everything is closed before anybody can wait for it. */
static void closed_before_it_can_be_reaped(void)
{
	for (int i = 0; i < 50; i++) {
		int fds[2];
		char c;
		CHECK(pipe2(fds, O_NONBLOCK) == 0);
		pid_t p = exits_with(0);
		close(fds[1]);
		reap(p);
		CHECK(read(fds[0], &c, 1) == 0);
		close(fds[0]);
	}
}

/* --- several threads --------------------------------------------------------------------------------------------------------------------- */

static void *exits_77(void *arg)
{
	(void)arg;
	await_state(getpid(), "Z");
	while (!SHARED[1])
		msleep(1);
	syscall(SYS_exit, 77);
	return NULL;
}
static void leader_that_left_counts_as_a_child(void)
{
	int st;
	block(SIGCHLD);
	pid_t p = fork();
	if (!p) {
		pthread_t t;
		CHECK(pthread_create(&t, NULL, exits_77, NULL) == 0);
		syscall(SYS_exit, 11);
	}
	await_state(p, "Z");
	int fd = pidfd(p, 0);
	struct pollfd pfd = { fd, POLLIN, 0 };
	CHECK(waitpid(p, &st, WNOHANG) == 0);
	CHECK(poll(&pfd, 1, 0) == 0 && !is_pending(SIGCHLD));
	/* It stops and goes on through its leader. */
	kill(p, SIGSTOP);
	CHECK(waitpid(p, &st, WUNTRACED) == p && WIFSTOPPED(st) && WSTOPSIG(st) == SIGSTOP);
	CHECK(take(SIGCHLD).si_code == CLD_STOPPED);
	kill(p, SIGCONT);
	CHECK(waitpid(p, &st, WCONTINUED) == p && WIFCONTINUED(st));
	CHECK(take(SIGCHLD).si_code == CLD_CONTINUED);
	SHARED[1] = 1;
	siginfo_t si = take(SIGCHLD);
	struct utsname u;
	CHECK(uname(&u) == 0);
	/* 6.12 still tells the leader's own code here, and wait the group's. */
	if (!strncmp(u.release, "6.12.", 5))
		CHECK(si.si_code == CLD_EXITED && si.si_status == 11);
	CHECK(poll(&pfd, 1, 0) == 1);
	CHECK(wait_id(P_PIDFD, fd, &si, WEXITED, NULL) == 0 && si.si_status == 77 && si.si_code == CLD_EXITED);
}

static void *execs_pause(void *arg)
{
	(void)arg;
	execl("/bin/sh", "sh", "-c", "read x; exit 5", (char *)NULL);
	return NULL;
}
/* The number stays with the process while one thread takes it over from the other: nobody who watches it sees an end. */
static void exec_by_a_thread_is_not_seen(void)
{
	int in[2];
	CHECK(pipe(in) == 0);
	block(SIGCHLD);
	pid_t p = fork();
	if (!p) {
		pthread_t t;
		dup2(in[0], 0);
		close(in[1]);
		while (!SHARED[0])
			msleep(1);
		CHECK(pthread_create(&t, NULL, execs_pause, NULL) == 0);
		sleeps(NULL);
	}
	int fd = pidfd(p, 0);
	struct pollfd pfd = { fd, POLLIN, 0 };
	SHARED[0] = 1;
	char path[40], name[300];
	snprintf(path, sizeof(path), "/proc/%d/comm", p);
	for (;;) {
		int f = open(path, O_RDONLY);
		ssize_t n = read(f, name, sizeof(name) - 1);
		close(f);
		CHECK(n > 0);
		name[n] = 0;
		if (!strcmp(name, "sh\n"))
			break;
		msleep(1);
	}
	CHECK(poll(&pfd, 1, 20) == 0 && !is_pending(SIGCHLD));
	CHECK(write(in[1], "\n", 1) == 1);
	CHECK(EXITED(reap(p), 5));
	CHECK(poll(&pfd, 1, 0) == 1);
}

static volatile int winners, losers;
static void *waits_for_any(void *arg)
{
	int st;
	(void)arg;
	__atomic_fetch_add(&SHARED[0], 1, __ATOMIC_SEQ_CST);
	pid_t p = waitpid(-1, &st, 0);
	if (p > 0 && EXITED(st, 9))
		__atomic_fetch_add(&winners, 1, __ATOMIC_SEQ_CST);
	else if (p == -1 && errno == ECHILD)
		__atomic_fetch_add(&losers, 1, __ATOMIC_SEQ_CST);
	return NULL;
}
static void of_two_waiters_one_wins(void)
{
	pthread_t t[2];
	int go[2];
	char c;
	CHECK(pipe(go) == 0);
	pid_t p = fork();
	if (!p) {
		close(go[1]);
		_exit(read(go[0], &c, 1) == 0 ? 9 : 1);
	}
	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&t[i], NULL, waits_for_any, NULL) == 0);
	await_value(&SHARED[0], 2);
	msleep(20);
	close(go[1]);
	for (int i = 0; i < 2; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	CHECK(winners == 1 && losers == 1);
}

/* --- waiting ----------------------------------------------------------------------------------------------------------------------------- */

static void bad_pointers_reap_all_the_same(void)
{
	siginfo_t si;
	struct rusage ru;
	pid_t p = exits_with(0);
	CHECK_ERR(wait_id(P_PID, p, (siginfo_t *)8, WEXITED, NULL), EFAULT);
	CHECK_ERR(wait_id(P_PID, p, &si, WEXITED, NULL), ECHILD);
	p = exits_with(0);
	CHECK_ERR(wait_id(P_PID, p, &si, WEXITED, (struct rusage *)8), EFAULT);
	CHECK_ERR(waitpid(p, NULL, 0), ECHILD);
	p = exits_with(0);
	CHECK_ERR(syscall(SYS_wait4, p, NULL, 0, 8), EFAULT);
	CHECK_ERR(waitpid(p, NULL, 0), ECHILD);
	/* Both may be left out. */
	p = exits_with(0);
	CHECK(wait_id(P_PID, p, NULL, WEXITED, &ru) == 0 && ru.ru_minflt > 0);
	p = exits_with(0);
	CHECK(wait_id(P_PID, p, NULL, WEXITED, NULL) == 0);
	/* An error stores zeroes. */
	memset(&si, 7, sizeof(si));
	CHECK_ERR(wait_id(P_ALL, 0, &si, WEXITED, NULL), ECHILD);
	CHECK(si.si_signo == 0 && si.si_code == 0 && si.si_pid == 0 && si.si_uid == 0 && si.si_status == 0);
}

static void uid_is_the_waiters_view(void)
{
	siginfo_t si;
	if (geteuid())
		check_skip("needs root");
	CHECK(EXITED(IN_CHILD({
		if (unshare(CLONE_NEWUSER) < 0)
			check_skip("no user namespaces");
		char map[] = "0 5000 10";
		int fd = open("/proc/self/uid_map", O_WRONLY);
		/* Only somebody outside may map what is not ours: so the map is one line for our own id. */
		snprintf(map, sizeof(map), "7 %d 1", 0);
		CHECK(fd >= 0 && write(fd, map, strlen(map)) == (ssize_t)strlen(map));
		CHECK(getuid() == 7);
		block(SIGCHLD);
		pid_t p = exits_with(0);
		CHECK(take(SIGCHLD).si_uid == 7);
		CHECK(wait_id(P_PID, p, &si, WEXITED, NULL) == 0 && si.si_uid == 7);
	}),
		0));
}

/* The group's members that are traced or stopped count by their process group only. */
static void groups_by_number(void)
{
	siginfo_t si;
	pid_t p = fork();
	if (!p) {
		setpgid(0, 0);
		_exit(3);
	}
	setpgid(p, p);
	CHECK_ERR(wait_id(P_PGID, 0, &si, WEXITED, NULL), ECHILD);
	CHECK(wait_id(P_PGID, p, &si, WEXITED, NULL) == 0 && si.si_pid == p);
	p = exits_with(5);
	CHECK(wait_id(P_PGID, 0, &si, WEXITED, NULL) == 0 && si.si_pid == p);
	CHECK_ERR(wait_id(P_PGID, 0x3fffffff, &si, WEXITED, NULL), ECHILD);
}

static void pidfd_open_errors(void)
{
	pthread_t t;
	CHECK_ERR(pidfd(0, 0), EINVAL);
	CHECK_ERR(pidfd(-1, 0), EINVAL);
	CHECK_ERR(pidfd(0x3fffffff, 0), ESRCH);
	CHECK_ERR(pidfd(getpid(), 1), EINVAL);
	CHECK(pthread_create(&t, NULL, sleeps, NULL) == 0);
	while (!SHARED[15])
		sched_yield();
	int fd = pidfd(SHARED[15], PIDFD_THREAD);
	CHECK(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
	CHECK(pidfd(SHARED[15], 0) == -1 && (errno == EINVAL || errno == ENOENT));
	/* A zombie can be had, one that was reaped cannot. */
	pid_t p = exits_with(0);
	await_state(p, "Z");
	fd = pidfd(p, 0);
	struct pollfd pfd = { fd, POLLIN, 0 };
	CHECK(fd >= 0 && poll(&pfd, 1, 0) == 1 && !(pfd.revents & POLLHUP));
	reap(p);
	CHECK(poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLHUP));
	CHECK_ERR(pidfd(p, 0), ESRCH);
	char buf[400];
	snprintf(buf, sizeof(buf), "/proc/self/fdinfo/%d", fd);
	int info = open(buf, O_RDONLY);
	ssize_t n = read(info, buf, sizeof(buf) - 1);
	CHECK(n > 0);
	buf[n] = 0;
	CHECK(strstr(buf, "\nPid:\t-1\n") && strstr(buf, "\nNSpid:\t-1\n"));
}

/* --- whose children they become ---------------------------------------------------------------------------------------------------------- */

static void subreaper_survives_exec(void)
{
	CHECK(EXITED(IN_CHILD(CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0); run_helper("--subreaper", NULL)), 40));
}

/* A clone with another exit signal is an ordinary child of whom it falls to. */
static void adopted_children_send_sigchld(void)
{
	int st;
	block(SIGCHLD);
	block(SIGUSR1);
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	pid_t mid = fork();
	if (!mid) {
		pid_t p = (pid_t)syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0);
		if (!p) {
			while (!SHARED[1])
				msleep(1);
			_exit(6);
		}
		SHARED[0] = p;
		_exit(0);
	}
	reap(mid);
	take(SIGCHLD);
	SHARED[1] = 1;
	siginfo_t si = take(SIGCHLD);
	CHECK(si.si_pid == SHARED[0] && si.si_status == 6);
	CHECK(!is_pending(SIGUSR1));
	CHECK(waitpid(SHARED[0], &st, 0) == SHARED[0] && EXITED(st, 6));
}

/* A zombie that nobody has waited for is told to its new parent. */
static void adopted_zombies_are_told(void)
{
	int st;
	block(SIGCHLD);
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	pid_t mid = fork();
	if (!mid) {
		SHARED[0] = exits_with(6);
		await_state(SHARED[0], "Z");
		while (!SHARED[1])
			msleep(1);
		_exit(0);
	}
	while (!SHARED[0])
		msleep(1);
	CHECK_ERR(waitpid(SHARED[0], NULL, WNOHANG), ECHILD);
	SHARED[1] = 1;
	reap(mid);
	CHECK(waitpid(SHARED[0], &st, 0) == SHARED[0] && EXITED(st, 6));
	/* The same where children are ignored: it is gone at once. */
	signal(SIGCHLD, SIG_IGN);
	SHARED[0] = SHARED[1] = 0;
	mid = fork();
	if (!mid) {
		signal(SIGCHLD, SIG_DFL);
		SHARED[0] = exits_with(6);
		await_state(SHARED[0], "Z");
		_exit(0);
	}
	CHECK_ERR(waitpid(mid, NULL, 0), ECHILD);
	CHECK_ERR(waitpid(SHARED[0], NULL, 0), ECHILD);
	CHECK_ERR(kill(SHARED[0], 0), ESRCH);
}

/* Of several the nearest; when it is no longer one, the next. */
static void nearest_subreaper_inherits(void)
{
	pid_t top = getpid();
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	for (int off = 0; off < 2; off++) {
		pid_t near = fork();
		if (!near) {
			pid_t me = getpid();
			CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
			pid_t mid = fork();
			if (!mid) {
				pid_t parent = getpid();
				if (!fork()) {
					SHARED[2] = 1;
					while (getppid() == parent)
						msleep(1);
					SHARED[3 + off] = getppid() == me ? 1 : getppid() == top ? 2 : 3;
					_exit(0);
				}
				await_value(&SHARED[2], 1);
				await_value(&SHARED[1], 1);
				_exit(0);
			}
			if (off)
				CHECK(prctl(PR_SET_CHILD_SUBREAPER, 0) == 0);
			SHARED[1] = 1;
			reap(mid);
			while (!SHARED[3 + off])
				msleep(1);
			while (!off && waitpid(-1, NULL, 0) > 0)
				;
			_exit(0);
		}
		CHECK(EXITED(reap(near), 0));
		SHARED[1] = SHARED[2] = 0;
	}
	CHECK(SHARED[3] == 1 && SHARED[4] == 2);
	while (waitpid(-1, NULL, 0) > 0)
		;
}

/* --- PR_SET_PDEATHSIG -------------------------------------------------------------------------------------------------------------------- */

static void pdeathsig_is_not_inherited_and_fires_again(void)
{
	int sig = -1;
	CHECK_ERR(prctl(PR_SET_PDEATHSIG, -1), EINVAL);
	CHECK_ERR(prctl(PR_SET_PDEATHSIG, 65), EINVAL);
	CHECK(prctl(PR_SET_PDEATHSIG, 64) == 0 && prctl(PR_GET_PDEATHSIG, &sig) == 0 && sig == 64);
	CHECK(EXITED(IN_CHILD(CHECK(prctl(PR_GET_PDEATHSIG, &sig) == 0 && sig == 0)), 0));
	CHECK(prctl(PR_SET_PDEATHSIG, 0) == 0 && prctl(PR_GET_PDEATHSIG, &sig) == 0 && sig == 0);
	/* Two parents die, one after the other; the signal tells who. */
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	pid_t near = fork();
	if (!near) {
		CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
		pid_t mid = fork();
		if (!mid) {
			if (!fork()) {
				block(SIGUSR2);
				CHECK(prctl(PR_SET_PDEATHSIG, SIGUSR2) == 0);
				SHARED[2] = 1;
				for (int i = 0; i < 2; i++) {
					siginfo_t si = take(SIGUSR2);
					CHECK(si.si_code == SI_USER && si.si_pid == SHARED[1 - i]);
					SHARED[3 + i] = 1;
				}
				_exit(7);
			}
			SHARED[1] = getpid();
			await_value(&SHARED[2], 1);
			_exit(0);
		}
		SHARED[0] = getpid();
		reap(mid);
		await_value(&SHARED[3], 1);
		_exit(0);
	}
	CHECK(EXITED(reap(near), 0));
	int st;
	CHECK(waitpid(-1, &st, 0) > 0 && EXITED(st, 7));
}

CASES(CASE(one_sigchld_stands_for_many), CASE(sigchld_of_each_end), CASE(sigchld_of_stops), CASE(no_exit_signal_wakes_the_waiter),
	CASE(parent_that_was_replaced_gets_sigchld), CASE(closed_before_it_can_be_reaped), CASE(leader_that_left_counts_as_a_child),
	CASE(exec_by_a_thread_is_not_seen), CASE(of_two_waiters_one_wins), CASE(bad_pointers_reap_all_the_same), CASE(uid_is_the_waiters_view),
	CASE(groups_by_number), CASE(pidfd_open_errors), CASE(subreaper_survives_exec), CASE(adopted_children_send_sigchld),
	CASE(adopted_zombies_are_told), CASE(nearest_subreaper_inherits), CASE(pdeathsig_is_not_inherited_and_fires_again))
