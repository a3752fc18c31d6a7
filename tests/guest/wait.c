/* wait4 and waitid: targets, options, statuses, errors. */
#include "check.h"
#include <sys/resource.h>
#include <pthread.h>

static pid_t child_exits(int code)
{
	pid_t p = fork();
	CHECK(p >= 0);
	if (!p)
		_exit(code);
	return p;
}
static pid_t child_sleeps(void)
{
	pid_t p = fork();
	CHECK(p >= 0);
	if (!p)
		for (;;)
			pause();
	return p;
}
static long raw_wait4(pid_t pid, int *st, int opt, struct rusage *ru) { return syscall(SYS_wait4, pid, st, opt, ru); }
static long raw_waitid(int type, int id, siginfo_t *si, int opt, struct rusage *ru) { return syscall(SYS_waitid, type, id, si, opt, ru); }

static void argument_errors(void)
{
	pid_t p = child_exits(0);
	CHECK_ERR(raw_wait4(-1, NULL, WEXITED, NULL), EINVAL);
	CHECK_ERR(raw_wait4(-1, NULL, WNOWAIT, NULL), EINVAL);
	CHECK_ERR(raw_wait4(-1, NULL, 0x100, NULL), EINVAL);
	CHECK_ERR(raw_wait4(INT_MIN, NULL, 0, NULL), ESRCH);
	CHECK_ERR(raw_waitid(P_ALL, 0, NULL, 0, NULL), EINVAL);
	CHECK_ERR(raw_waitid(P_ALL, 0, NULL, WNOHANG, NULL), EINVAL);
	CHECK_ERR(raw_waitid(P_ALL, 0, NULL, WEXITED | 0x100, NULL), EINVAL);
	CHECK_ERR(raw_waitid(17, 0, NULL, WEXITED, NULL), EINVAL);
	CHECK_ERR(raw_waitid(P_PID, 0, NULL, WEXITED, NULL), EINVAL);
	CHECK_ERR(raw_waitid(P_PID, -1, NULL, WEXITED, NULL), EINVAL);
	CHECK_ERR(raw_waitid(P_PGID, -1, NULL, WEXITED, NULL), EINVAL);
	CHECK_ERR(raw_waitid(3, 999, NULL, WEXITED, NULL), EBADF);
	CHECK(EXITED(reap(p), 0));
}

static void no_children(void)
{
	siginfo_t si;
	memset(&si, 0xff, sizeof(si));
	CHECK_ERR(raw_wait4(-1, NULL, 0, NULL), ECHILD);
	CHECK_ERR(raw_wait4(-1, NULL, WNOHANG, NULL), ECHILD);
	CHECK_ERR(raw_waitid(P_ALL, 0, &si, WEXITED, NULL), ECHILD);
	CHECK_ERR(raw_wait4(getpid(), NULL, 0, NULL), ECHILD);
	CHECK_ERR(raw_wait4(1, NULL, 0, NULL), ECHILD);
}

static void status_words(void)
{
	int st;
	CHECK(waitpid(child_exits(0x1ff), &st, 0) > 0 && st == 0xff00);
	pid_t p = child_sleeps();
	kill(p, SIGTERM);
	CHECK(waitpid(p, &st, 0) == p && st == SIGTERM);
	p = child_sleeps();
	kill(p, SIGKILL);
	CHECK(waitpid(p, &st, 0) == p && st == SIGKILL);
	p = child_sleeps();
	kill(p, SIGSTOP);
	CHECK(waitpid(p, &st, WUNTRACED) == p && st == (SIGSTOP << 8 | 0x7f));
	CHECK(waitpid(p, &st, WUNTRACED | WNOHANG) == 0);
	kill(p, SIGCONT);
	CHECK(waitpid(p, &st, WCONTINUED) == p && st == 0xffff);
	CHECK(waitpid(p, &st, WCONTINUED | WNOHANG) == 0);
	kill(p, SIGKILL);
	CHECK(KILLED(reap(p), SIGKILL));
}

static void waitid_fields(void)
{
	siginfo_t si;
	pid_t p = child_exits(33);
	memset(&si, 0xff, sizeof(si));
	CHECK(raw_waitid(P_PID, p, &si, WEXITED | WNOWAIT, NULL) == 0);
	CHECK(si.si_signo == SIGCHLD && si.si_errno == 0 && si.si_code == CLD_EXITED && si.si_pid == p && si.si_uid == getuid() && si.si_status == 33);
	memset(&si, 0xff, sizeof(si));
	CHECK(raw_waitid(P_PID, p, &si, WEXITED, NULL) == 0 && si.si_pid == p && si.si_status == 33);
	CHECK_ERR(raw_waitid(P_PID, p, &si, WEXITED, NULL), ECHILD);
	p = child_sleeps();
	memset(&si, 0xff, sizeof(si));
	CHECK(raw_waitid(P_PID, p, &si, WEXITED | WNOHANG, NULL) == 0 && si.si_pid == 0 && si.si_signo == 0);
	kill(p, SIGSTOP);
	CHECK(raw_waitid(P_PID, p, &si, WSTOPPED | WNOWAIT, NULL) == 0 && si.si_code == CLD_STOPPED && si.si_status == SIGSTOP);
	CHECK(raw_waitid(P_PID, p, &si, WSTOPPED, NULL) == 0 && si.si_code == CLD_STOPPED);
	kill(p, SIGCONT);
	CHECK(raw_waitid(P_PID, p, &si, WCONTINUED, NULL) == 0 && si.si_code == CLD_CONTINUED && si.si_status == SIGCONT);
	kill(p, SIGKILL);
	CHECK(raw_waitid(P_ALL, 0, &si, WEXITED, NULL) == 0 && si.si_code == CLD_KILLED && si.si_status == SIGKILL);
}

static void process_groups_as_target(void)
{
	int st;
	pid_t a = fork();
	if (!a) {
		setpgid(0, 0);
		_exit(1);
	}
	setpgid(a, a);
	pid_t b = child_exits(2);
	CHECK(waitpid(0, &st, 0) == b && EXITED(st, 2));
	CHECK_ERR(waitpid(0, &st, 0), ECHILD);
	CHECK(waitpid(-a, &st, 0) == a && EXITED(st, 1));
	CHECK_ERR(waitpid(-a, &st, 0), ECHILD);
}

static void bad_status_pointer_reaps(void)
{
	pid_t p = child_exits(0);
	CHECK_ERR(raw_wait4(p, (int *)8, 0, NULL), EFAULT);
	CHECK_ERR(raw_wait4(p, NULL, 0, NULL), ECHILD);
}

static void nohang(void)
{
	pid_t p = child_sleeps();
	int st = 77;
	CHECK(waitpid(-1, &st, WNOHANG) == 0 && st == 77);
	kill(p, SIGKILL);
	CHECK(KILLED(reap(p), SIGKILL));
}

static void rusage_of_child(void)
{
	struct rusage ru, all;
	int st;
	pid_t p = fork();
	if (!p) {
		volatile char *m = malloc(4 << 20);
		for (int i = 0; i < 4 << 20; i += 4096)
			m[i] = 1;
		for (volatile long i = 0; i < 20000000; i++)
			;
		_exit(0);
	}
	CHECK(wait4(p, &st, 0, &ru) == p);
	CHECK(ru.ru_utime.tv_sec * 1000000L + ru.ru_utime.tv_usec + ru.ru_stime.tv_sec * 1000000L + ru.ru_stime.tv_usec > 0);
	CHECK(ru.ru_maxrss >= 4096 && ru.ru_minflt > 0);
	CHECK(getrusage(RUSAGE_CHILDREN, &all) == 0 && all.ru_maxrss >= 4096);
}

static void on_sig(int sig) { (void)sig; }
static void interrupted(void)
{
	struct sigaction sa = { .sa_handler = on_sig };
	pid_t me = getpid(), p = child_sleeps();
	sigaction(SIGUSR1, &sa, NULL);
	pid_t k = fork();
	if (!k) {
		await_state(me, "S");
		kill(me, SIGUSR1);
		_exit(0);
	}
	CHECK_ERR(waitpid(p, NULL, 0), EINTR);
	CHECK(EXITED(reap(k), 0));
	kill(p, SIGKILL);
	reap(p);
}

static void ignored_sigchld_reaps_by_itself(void)
{
	signal(SIGCHLD, SIG_IGN);
	child_exits(0);
	child_exits(0);
	CHECK_ERR(waitpid(-1, NULL, 0), ECHILD);
	signal(SIGCHLD, SIG_DFL);
	struct sigaction sa = { .sa_handler = on_sig, .sa_flags = SA_NOCLDWAIT };
	sigaction(SIGCHLD, &sa, NULL);
	child_exits(0);
	int r;
	do
		r = waitpid(-1, NULL, 0);
	while (r < 0 && errno == EINTR);
	CHECK(r == -1 && errno == ECHILD);
}

static siginfo_t chld;
static void on_chld(int sig, siginfo_t *si, void *c) { (void)sig, (void)c; chld = *si; }
static void sigchld_info(void)
{
	struct sigaction sa = { .sa_sigaction = on_chld, .sa_flags = SA_SIGINFO | SA_RESTART };
	sigaction(SIGCHLD, &sa, NULL);
	pid_t p = child_exits(9);
	CHECK(EXITED(reap(p), 9));
	CHECK(chld.si_signo == SIGCHLD && chld.si_code == CLD_EXITED && chld.si_pid == p && chld.si_status == 9 && chld.si_uid == getuid());
}
static void nocldstop(void)
{
	struct sigaction sa = { .sa_sigaction = on_chld, .sa_flags = SA_SIGINFO | SA_RESTART | SA_NOCLDSTOP };
	int st;
	sigaction(SIGCHLD, &sa, NULL);
	pid_t p = child_sleeps();
	kill(p, SIGSTOP);
	CHECK(waitpid(p, &st, WUNTRACED) == p);
	CHECK(chld.si_signo == 0);
	kill(p, SIGKILL);
	CHECK(KILLED(reap(p), SIGKILL));
	CHECK(chld.si_code == CLD_KILLED && chld.si_status == SIGKILL);
}

static void *wait_in_thread(void *arg)
{
	*(int *)arg = reap(SHARED[0]);
	return NULL;
}
static void children_belong_to_all_threads(void)
{
	pthread_t t;
	int st = -1;
	SHARED[0] = child_exits(21);
	pthread_create(&t, NULL, wait_in_thread, &st);
	pthread_join(t, NULL);
	CHECK(EXITED(st, 21));
}

static void zombies_take_signals(void)
{
	pid_t p = child_exits(0);
	siginfo_t si;
	CHECK(raw_waitid(P_PID, p, &si, WEXITED | WNOWAIT, NULL) == 0);
	CHECK(kill(p, SIGKILL) == 0 && kill(p, 0) == 0);
	CHECK(proc_state(p) == 'Z');
	CHECK(EXITED(reap(p), 0));
	CHECK_ERR(kill(p, 0), ESRCH);
}

CASES(CASE(argument_errors), CASE(no_children), CASE(status_words), CASE(waitid_fields), CASE(process_groups_as_target),
	CASE(bad_status_pointer_reaps), CASE(nohang), CASE(rusage_of_child), CASE(interrupted), CASE(ignored_sigchld_reaps_by_itself),
	CASE(sigchld_info), CASE(nocldstop), CASE(children_belong_to_all_threads), CASE(zombies_take_signals))
