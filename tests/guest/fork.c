/* fork(2): what the child gets, and what it does not. */
#include "check.h"
#include <pthread.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>

static void returns_twice(void)
{
	pid_t me = getpid();
	int st = IN_CHILD(CHECK(getppid() == me); CHECK(getpid() != me); _exit(7));
	CHECK(EXITED(st, 7));
}

static void memory_is_separate(void)
{
	static int global = 1;
	volatile int local = 2;
	int *heap = malloc(sizeof(int));
	*heap = 3;
	int st = IN_CHILD(CHECK(global == 1 && local == 2 && *heap == 3); global = local = *heap = 9);
	CHECK(EXITED(st, 0));
	CHECK(global == 1 && local == 2 && *heap == 3);
}

static void file_offset_is_shared(void)
{
	int fd = open("f", O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0 && write(fd, "abcdef", 6) == 6 && lseek(fd, 0, SEEK_SET) == 0);
	char c[2];
	CHECK(EXITED(IN_CHILD(CHECK(read(fd, c, 2) == 2)), 0));
	CHECK(lseek(fd, 0, SEEK_CUR) == 2);
	CHECK(EXITED(IN_CHILD(CHECK(fcntl(fd, F_SETFL, O_APPEND) == 0)), 0));
	CHECK(fcntl(fd, F_GETFL) & O_APPEND);
}

static void descriptor_table_is_copied(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CHECK(EXITED(IN_CHILD(CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC); CHECK(close(fd) == 0)), 0));
	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
}

static void cwd_and_umask_are_copied(void)
{
	char a[200], b[200];
	CHECK(getcwd(a, sizeof(a)));
	umask(027);
	CHECK(EXITED(IN_CHILD(CHECK(umask(0) == 027); CHECK(chdir("/") == 0)), 0));
	CHECK(getcwd(b, sizeof(b)) && !strcmp(a, b));
	CHECK(umask(022) == 027);
}

static void signals_pending_are_cleared(void)
{
	sigset_t s, p;
	sigemptyset(&s);
	sigaddset(&s, SIGUSR1);
	sigprocmask(SIG_BLOCK, &s, NULL);
	raise(SIGUSR1);
	int st = IN_CHILD(CHECK(sigpending(&p) == 0); CHECK(!sigismember(&p, SIGUSR1)); CHECK(sigprocmask(0, NULL, &p) == 0);
		CHECK(sigismember(&p, SIGUSR1)));
	CHECK(EXITED(st, 0));
	CHECK(sigpending(&p) == 0 && sigismember(&p, SIGUSR1));
}

static void on_usr1(int sig) { (void)sig; }
static void handlers_and_altstack_are_copied(void)
{
	struct sigaction sa = { .sa_handler = on_usr1 }, got;
	static char stk[65536];
	stack_t ss = { .ss_sp = stk, .ss_size = sizeof(stk) }, old;
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0 && sigaltstack(&ss, NULL) == 0);
	int st = IN_CHILD(CHECK(sigaction(SIGUSR1, NULL, &got) == 0 && got.sa_handler == on_usr1);
		CHECK(sigaltstack(NULL, &old) == 0 && old.ss_sp == stk));
	CHECK(EXITED(st, 0));
}

static void alarms_and_timers_are_not_inherited(void)
{
	struct itimerval it = { { 0, 0 }, { 100, 0 } }, got;
	alarm(1000);
	int st = IN_CHILD(CHECK(alarm(0) == 0));
	CHECK(EXITED(st, 0));
	CHECK(setitimer(ITIMER_VIRTUAL, &it, NULL) == 0);
	st = IN_CHILD(CHECK(getitimer(ITIMER_VIRTUAL, &got) == 0 && got.it_value.tv_sec == 0 && got.it_value.tv_usec == 0));
	CHECK(EXITED(st, 0));
}

static void limits_and_nice_are_copied(void)
{
	struct rlimit r = { 100, 200 }, g;
	CHECK(setrlimit(RLIMIT_NOFILE, &r) == 0);
	CHECK(setpriority(PRIO_PROCESS, 0, 5) == 0);
	int st = IN_CHILD(CHECK(getrlimit(RLIMIT_NOFILE, &g) == 0 && g.rlim_cur == 100 && g.rlim_max == 200);
		CHECK(getpriority(PRIO_PROCESS, 0) == 5));
	CHECK(EXITED(st, 0));
}

static void times_start_at_zero(void)
{
	struct tms t;
	struct rusage ru;
	for (volatile long i = 0; i < 3000000; i++)
		;
	int st = IN_CHILD(times(&t); CHECK(t.tms_cutime == 0 && t.tms_cstime == 0); CHECK(getrusage(RUSAGE_CHILDREN, &ru) == 0);
		CHECK(ru.ru_utime.tv_sec == 0 && ru.ru_utime.tv_usec == 0 && ru.ru_minflt == 0));
	CHECK(EXITED(st, 0));
}

static void groups_and_session_are_copied(void)
{
	pid_t g = getpgrp(), s = getsid(0);
	CHECK(EXITED(IN_CHILD(CHECK(getpgrp() == g && getsid(0) == s)), 0));
}

static void *fork_in_thread(void *arg)
{
	int st = IN_CHILD(CHECK(syscall(SYS_gettid) == getpid()));
	*(int *)arg = st;
	return NULL;
}
static void only_the_calling_thread_is_copied(void)
{
	pthread_t t;
	int st = -1;
	CHECK(pthread_create(&t, NULL, fork_in_thread, &st) == 0);
	CHECK(pthread_join(t, NULL) == 0);
	CHECK(EXITED(st, 0));
}

static void two_hundred_children(void)
{
	pid_t p[200];
	for (int i = 0; i < 200; i++) {
		p[i] = fork();
		CHECK(p[i] >= 0);
		if (!p[i])
			_exit(i & 0x7f);
	}
	for (int i = 199; i >= 0; i--)
		CHECK(EXITED(reap(p[i]), i & 0x7f));
	CHECK_ERR(waitpid(-1, NULL, 0), ECHILD);
}

static int depth_first(int depth)
{
	if (!depth)
		return 5;
	pid_t p = fork();
	CHECK(p >= 0);
	if (!p)
		_exit(depth_first(depth - 1) + 1);
	int st = reap(p);
	CHECK(WIFEXITED(st));
	return WEXITSTATUS(st);
}
static void twenty_generations(void) { CHECK(depth_first(20) == 25); }

static void limit_of_processes(void)
{
	struct rlimit r = { 0, 0 };
	int st = IN_CHILD(CHECK(setresgid(12345, 12345, 12345) == 0 && setresuid(12345, 12345, 12345) == 0);
		CHECK(setrlimit(RLIMIT_NPROC, &r) == 0); CHECK_ERR(fork(), EAGAIN));
	CHECK(EXITED(st, 0));
	/* root is exempt */
	CHECK(setrlimit(RLIMIT_NPROC, &r) == 0);
	CHECK(EXITED(IN_CHILD(;), 0));
}

static void pids_grow(void)
{
	int p1 = 0, p2 = 0;
	p1 = fork();
	if (!p1)
		_exit(0);
	p2 = fork();
	if (!p2)
		_exit(0);
	CHECK(p1 > 0 && p2 > 0 && p1 != p2);
	reap(p1);
	reap(p2);
}

CASES(CASE(returns_twice), CASE(memory_is_separate), CASE(file_offset_is_shared), CASE(descriptor_table_is_copied),
	CASE(cwd_and_umask_are_copied), CASE(signals_pending_are_cleared), CASE(handlers_and_altstack_are_copied),
	CASE(alarms_and_timers_are_not_inherited), CASE(limits_and_nice_are_copied), CASE(times_start_at_zero),
	CASE(groups_and_session_are_copied), CASE(only_the_calling_thread_is_copied), CASE(two_hundred_children), CASE(twenty_generations),
	CASE(limit_of_processes), CASE(pids_grow))
