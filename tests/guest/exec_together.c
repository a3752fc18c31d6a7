/*
 * What threads and strangers do while a process is in the middle of an execve. It is held there by a lease: the script's interpreter is opened when the
 * guard of the credentials is taken and the threads are alive, and that open waits until the lease is given back.
 */
static int helper(int argc, char **argv);
#define HELPER(argc, argv) helper(argc, argv)
#include "check.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>

static int helper(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--other"))
		return 44;
	if (argc > 1 && !strcmp(argv[1], "--pause"))
		for (;;)
			pause();
	return 33;
}

/* --- the lease --------------------------------------------------------------------------------------------------------------------------- */

static int held = -1;
/* ./interp is this program, or (text) a file that is none; ./script names it. */
static void hold_interpreter(const char *arg, int text)
{
	static char buf[1 << 20];
	char line[64];
	size_t n = 0;
	ssize_t r;
	int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), out = open("interp", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	CHECK(exe >= 0 && out >= 0);
	while (!text && (r = read(exe, buf, sizeof(buf))) > 0)
		CHECK(write(out, buf, (size_t)r) == r);
	if (text)
		CHECK(write(out, "no program\n", 11) == 11);
	close(exe);
	close(out);
	n = (size_t)snprintf(line, sizeof(line), "#!./interp %s\n", arg);
	write_file("script", line, n, 0700);
	signal(SIGIO, SIG_IGN);
	held = open("interp", O_RDONLY | O_CLOEXEC);
	CHECK(held >= 0 && fcntl(held, F_SETLEASE, F_WRLCK) == 0);
}
/* Until somebody's open waits for us. */
static void await_opener(void)
{
	while (fcntl(held, F_GETLEASE) == F_WRLCK)
		msleep(1);
	msleep(10);
}
static void let_go(void) { CHECK(fcntl(held, F_SETLEASE, F_UNLCK) == 0); }

static void exec_script(void)
{
	char *argv[] = { "script", NULL }, *envp[] = { NULL };
	close(held); /* ours is the lease's only file */
	execve("./script", argv, envp);
}
enum { GO, DONE, RESULT, SIGNALS, TID };
static void *executes(void *arg)
{
	exec_script();
	SHARED[RESULT] = errno;
	SHARED[DONE] = 1;
	for (;;)
		pause();
	return NULL;
}
static void execute_in_a_thread(void)
{
	pthread_t t;
	CHECK(pthread_create(&t, NULL, executes, NULL) == 0);
	await_value(&SHARED[GO], 1);
}

/* --- cases ------------------------------------------------------------------------------------------------------------------------------- */

static void *no_thread(void *arg) { return NULL; }
static int shares_fs(void)
{
	long pid = syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0);
	if (!pid)
		_exit(0);
	if (pid < 0)
		return errno;
	CHECK(EXITED(reap((pid_t)pid), 0));
	return 0;
}
/* Whether root and cwd are shared is settled: nobody more may come to share them. */
static void no_new_sharer_of_the_fs(void)
{
	hold_interpreter("--show", 0);
	pid_t pid = fork();
	if (!pid) {
		pthread_t t;
		execute_in_a_thread();
		CHECK(pthread_create(&t, NULL, no_thread, NULL) == EAGAIN);
		CHECK(shares_fs() == EAGAIN);
		/* One of their own may be had. */
		CHECK(EXITED(IN_CHILD(), 0));
		pid_t v = vfork();
		if (!v)
			_exit(0);
		CHECK(EXITED(reap(v), 0));
		CHECK(shares_fs() == EAGAIN);
		SHARED[3] = 1;
		for (;;)
			pause();
	}
	await_opener();
	SHARED[GO] = 1;
	await_value(&SHARED[3], 1);
	let_go();
	CHECK(EXITED(reap(pid), 33));
}
/* ... until that execve has failed. */
static void sharers_again_when_it_failed(void)
{
	hold_interpreter("--show", 1);
	pid_t pid = fork();
	if (!pid) {
		pthread_t t;
		execute_in_a_thread();
		CHECK(shares_fs() == EAGAIN);
		SHARED[3] = 1;
		await_value(&SHARED[DONE], 1);
		CHECK(SHARED[RESULT] == ENOEXEC);
		CHECK(shares_fs() == 0);
		CHECK(pthread_create(&t, NULL, no_thread, NULL) == 0 && pthread_join(t, NULL) == 0);
		_exit(0);
	}
	await_opener();
	SHARED[GO] = 1;
	await_value(&SHARED[3], 1);
	let_go();
	CHECK(EXITED(reap(pid), 0));
}

static void on_usr1(int sig) { SHARED[SIGNALS]++; }
/* The second waits, handles signals meanwhile, and dies of the first. */
static void the_first_of_two_wins(void)
{
	hold_interpreter("--show", 0);
	pid_t pid = fork();
	if (!pid) {
		struct sigaction sa = { .sa_handler = on_usr1 };
		char *argv[] = { "x", "--other", NULL };
		CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
		execute_in_a_thread();
		SHARED[TID] = (int)syscall(SYS_gettid);
		execv("/proc/self/exe", argv);
		CHECK(!"the second execve came back");
	}
	await_opener();
	SHARED[GO] = 1;
	while (!SHARED[TID])
		msleep(1);
	for (int i = 1; i <= 3; i++) {
		msleep(5);
		await_state(pid, "S");
		CHECK(syscall(SYS_tgkill, pid, SHARED[TID], SIGUSR1) == 0);
		while (SHARED[SIGNALS] < i)
			msleep(1);
	}
	msleep(20);
	CHECK(waitpid(pid, NULL, WNOHANG) == 0);
	let_go();
	CHECK(EXITED(reap(pid), 33));
}
/* The first fails, so that the second's turn comes. */
static void the_second_after_a_failure(void)
{
	hold_interpreter("--show", 1);
	pid_t pid = fork();
	if (!pid) {
		char *argv[] = { "x", "--other", NULL };
		execute_in_a_thread();
		SHARED[TID] = 1;
		execv("/proc/self/exe", argv);
		_exit(1);
	}
	await_opener();
	SHARED[GO] = 1;
	await_value(&SHARED[TID], 1);
	msleep(20);
	CHECK(waitpid(pid, NULL, WNOHANG) == 0);
	let_go();
	CHECK(EXITED(reap(pid), 44));
}

static void a_group_exit_breaks_it_off(void)
{
	hold_interpreter("--show", 0);
	pid_t pid = fork();
	if (!pid) {
		execute_in_a_thread();
		_exit(5);
	}
	await_opener();
	SHARED[GO] = 1;
	CHECK(EXITED(reap(pid), 5));
	if (!(pid = fork())) {
		execute_in_a_thread();
		for (;;)
			pause();
	}
	let_go();
	CHECK(EXITED(reap(pid), 33));
}
static void sigkill_breaks_it_off(void)
{
	hold_interpreter("--show", 0);
	pid_t pid = fork();
	if (!pid) {
		exec_script();
		_exit(1);
	}
	await_opener();
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(KILLED(reap(pid), SIGKILL));
	let_go();
}
/* A handler runs in the old program; then the call begins anew. */
static void signals_begin_it_anew(void)
{
	hold_interpreter("--show", 0);
	pid_t pid = fork();
	if (!pid) {
		struct sigaction sa = { .sa_handler = on_usr1, .sa_flags = SA_RESTART };
		CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
		exec_script();
		_exit(1);
	}
	await_opener();
	for (int i = 1; i <= 3; i++) {
		CHECK(kill(pid, SIGUSR1) == 0);
		while (SHARED[SIGNALS] < i)
			msleep(1);
		msleep(5);
		await_state(pid, "SD");
	}
	CHECK(waitpid(pid, NULL, WNOHANG) == 0);
	let_go();
	CHECK(EXITED(reap(pid), 33));
}

static void *attaches(void *arg)
{
	int pid = SHARED[TID], st;
	SHARED[RESULT] = ptrace(PTRACE_SEIZE, pid, 0, 0) ? errno : 0;
	SHARED[DONE] = 1;
	if (!SHARED[RESULT]) {
		CHECK(ptrace(PTRACE_INTERRUPT, pid, 0, 0) == 0);
		CHECK(waitpid(pid, &st, __WALL) == pid && WIFSTOPPED(st) && st >> 16 == PTRACE_EVENT_STOP);
		CHECK(ptrace(PTRACE_DETACH, pid, 0, 0) == 0);
	}
	return NULL;
}
/* Who would trace it waits until it is known which rights the new program has. */
static void tracers_wait(void)
{
	pthread_t t;
	hold_interpreter("--pause", 0);
	pid_t pid = fork();
	if (!pid) {
		exec_script();
		_exit(1);
	}
	await_opener();
	SHARED[TID] = pid;
	CHECK(pthread_create(&t, NULL, attaches, NULL) == 0);
	msleep(30);
	CHECK(!SHARED[DONE]);
	let_go();
	CHECK(pthread_join(t, NULL) == 0 && SHARED[DONE] && SHARED[RESULT] == 0);
	kill(pid, SIGKILL);
	CHECK(KILLED(reap(pid), SIGKILL));
}
/* So do threads that would confine it, and die with the rest. */
static void filters_for_all_wait(void)
{
	hold_interpreter("--show", 0);
	pid_t pid = fork();
	if (!pid) {
		struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
		struct sock_fprog p = { 1, &allow };
		execute_in_a_thread();
		CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
		SHARED[TID] = 1;
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &p);
		SHARED[DONE] = 1;
		for (;;)
			pause();
	}
	await_opener();
	SHARED[GO] = 1;
	await_value(&SHARED[TID], 1);
	msleep(20);
	CHECK(!SHARED[DONE]);
	let_go();
	CHECK(EXITED(reap(pid), 33));
	CHECK(!SHARED[DONE]);
}

/* --- many at once ------------------------------------------------------------------------------------------------------------------------ */

static pthread_barrier_t barrier;
static void *races(void *arg)
{
	char *argv[] = { "x", "--other", NULL };
	pthread_barrier_wait(&barrier);
	execv("/proc/self/exe", argv);
	SHARED[RESULT] = errno;
	return NULL;
}
static void *leaves(void *arg)
{
	pthread_barrier_wait(&barrier);
	_exit(7);
}
/* All threads at once: one program comes of it, and no call fails in a thread that lives on. */
static void many_threads_at_once(void)
{
	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();
		if (!pid) {
			pthread_t t;
			pthread_barrier_init(&barrier, NULL, 5);
			for (int n = 0; n < 4; n++)
				CHECK(pthread_create(&t, NULL, races, NULL) == 0);
			races(NULL);
			for (;;)
				pause();
		}
		CHECK(EXITED(reap(pid), 44));
	}
	CHECK(SHARED[RESULT] == 0);
}
static void exec_and_exit_at_once(void)
{
	int seen[2] = { 0, 0 };
	for (int i = 0; i < 60; i++) {
		pid_t pid = fork();
		if (!pid) {
			pthread_t t;
			pthread_barrier_init(&barrier, NULL, 3);
			CHECK(pthread_create(&t, NULL, i & 1 ? races : leaves, NULL) == 0);
			CHECK(pthread_create(&t, NULL, races, NULL) == 0);
			(i & 1 ? leaves : races)(NULL);
			for (;;)
				pause();
		}
		int st = reap(pid);
		CHECK(EXITED(st, 44) || EXITED(st, 7));
		seen[EXITED(st, 7)]++;
	}
	CHECK(SHARED[RESULT] == 0 && seen[0] + seen[1] == 60);
}

CASES(CASE(no_new_sharer_of_the_fs), CASE(sharers_again_when_it_failed), CASE(the_first_of_two_wins), CASE(the_second_after_a_failure),
	CASE(a_group_exit_breaks_it_off), CASE(sigkill_breaks_it_off), CASE(signals_begin_it_anew), CASE(tracers_wait), CASE(filters_for_all_wait),
	CASE(many_threads_at_once), CASE(exec_and_exit_at_once))
