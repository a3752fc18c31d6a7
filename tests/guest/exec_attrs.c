/* execve: what the new program keeps and what it gets anew. */
static int helper(int argc, char **argv);
#define HELPER(argc, argv) helper(argc, argv)
#include "check.h"
#include <elf.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* In the helper: exit status 0 = as it should be, else the number of the first thing that is not. */
#define WANT(n, c) do { if (!(c)) return n; } while (0)
extern char **environ;
static int helper(int argc, char **argv)
{
	const char *what = argv[1] + 2;
	struct sigaction sa;
	sigset_t s;
	if (!strcmp(what, "cloexec")) {
		WANT(1, fcntl(100, F_GETFD) == 0);
		WANT(2, fcntl(101, F_GETFD) == -1 && errno == EBADF);
		WANT(3, fcntl(102, F_GETFD) == 0);
	} else if (!strcmp(what, "signals")) {
		WANT(1, sigaction(SIGUSR1, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL && !(sa.sa_flags & ~0x04000000));
		WANT(2, sigaction(SIGUSR2, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN);
		WANT(3, sigprocmask(SIG_BLOCK, NULL, &s) == 0 && sigismember(&s, SIGTERM));
		WANT(4, sigpending(&s) == 0 && sigismember(&s, SIGTERM));
		stack_t ss;
		WANT(5, sigaltstack(NULL, &ss) == 0 && ss.ss_flags == SS_DISABLE);
	} else if (!strcmp(what, "ids")) {
		WANT(1, argc == 6);
		WANT(2, getpid() == atoi(argv[2]) && getppid() == atoi(argv[3]) && getpgrp() == atoi(argv[4]) && getsid(0) == atoi(argv[5]));
		WANT(3, getpriority(PRIO_PROCESS, 0) == 3);
		struct rlimit r;
		WANT(4, getrlimit(RLIMIT_CORE, &r) == 0 && r.rlim_cur == 77);
		WANT(5, umask(0) == 0123);
		WANT(6, alarm(0) > 900);
		WANT(7, syscall(SYS_gettid) == getpid());
	} else if (!strcmp(what, "auxv")) {
		WANT(1, getauxval(AT_PAGESZ) == 4096);
		WANT(2, getauxval(AT_UID) == getuid() && getauxval(AT_EUID) == geteuid() && getauxval(AT_GID) == getgid() && getauxval(AT_EGID) == getegid());
		WANT(3, getauxval(AT_SECURE) == 0);
		WANT(4, getauxval(AT_CLKTCK) == 100);
		WANT(5, getauxval(AT_PHENT) == 56 && getauxval(AT_PHNUM) > 0);
		const Elf64_Ehdr *e = (void *)(getauxval(AT_PHDR) - 64);
		WANT(6, !memcmp(e->e_ident, "\177ELF", 4));
		WANT(7, getauxval(AT_RANDOM) != 0);
		WANT(8, !strcmp((char *)getauxval(AT_EXECFN), "/proc/self/exe"));
		WANT(9, !strcmp((char *)getauxval(AT_PLATFORM), "x86_64"));
		unsigned char r1[16], zero[16] = { 0 };
		memcpy(r1, (void *)getauxval(AT_RANDOM), 16);
		WANT(10, memcmp(r1, zero, 16));
		WANT(11, ((uintptr_t)argv & 7) == 0);
		WANT(12, environ[0] && !strcmp(environ[0], "A=1") && !strcmp(environ[1], "B=2") && !environ[2]);
		WANT(13, argv[argc] == NULL && (char **)&argv[argc + 1] == environ);
	} else if (!strcmp(what, "fs")) {
		char cwd[300];
		WANT(1, getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, argv[2]));
	} else if (!strcmp(what, "comm")) {
		char name[16];
		WANT(1, prctl(PR_GET_NAME, name) == 0 && !strcmp(name, argv[2]));
	} else if (!strcmp(what, "threads")) {
		WANT(1, getpid() == atoi(argv[2]) && syscall(SYS_gettid) == getpid());
	} else if (!strcmp(what, "timers")) {
		struct itimerspec its;
		WANT(1, syscall(SYS_timer_gettime, 0, &its) == -1 && errno == EINVAL);
	} else {
		return 100;
	}
	return 0;
}
static int exec_self(char *const argv[], char *const envp[])
{
	execve("/proc/self/exe", argv, envp);
	_exit(98);
}
#define EXEC(...) exec_self((char *const[]){ "self", __VA_ARGS__, NULL }, (char *const[]){ "A=1", "B=2", NULL })

static void close_on_exec(void)
{
	CHECK(dup2(1, 100) == 100 && dup2(1, 101) == 101 && dup2(1, 102) == 102);
	CHECK(fcntl(101, F_SETFD, FD_CLOEXEC) == 0 && fcntl(102, F_SETFD, FD_CLOEXEC) == 0 && fcntl(102, F_SETFD, 0) == 0);
	CHECK(EXITED(IN_CHILD(EXEC("--cloexec")), 0));
	CHECK(fcntl(101, F_GETFD) == FD_CLOEXEC);
}

static void on_sig(int sig) { (void)sig; }
static void signal_state(void)
{
	static char stk[65536];
	int st = IN_CHILD(
		struct sigaction sa = { .sa_handler = on_sig, .sa_flags = SA_RESTART };
		stack_t ss = { .ss_sp = stk, .ss_size = sizeof(stk) };
		sigset_t s;
		sigaction(SIGUSR1, &sa, NULL);
		signal(SIGUSR2, SIG_IGN);
		sigaltstack(&ss, NULL);
		sigemptyset(&s);
		sigaddset(&s, SIGTERM);
		sigprocmask(SIG_BLOCK, &s, NULL);
		raise(SIGTERM);
		EXEC("--signals"));
	CHECK(EXITED(st, 0));
}

static void identity_limits_alarm(void)
{
	char pid[20], ppid[20], pgrp[20], sid[20];
	struct rlimit r = { 77, 1000 };
	snprintf(ppid, sizeof(ppid), "%d", getpid());
	pid_t p = fork();
	if (!p) {
		snprintf(pid, sizeof(pid), "%d", getpid());
		snprintf(pgrp, sizeof(pgrp), "%d", getpgrp());
		snprintf(sid, sizeof(sid), "%d", getsid(0));
		setpriority(PRIO_PROCESS, 0, 3);
		setrlimit(RLIMIT_CORE, &r);
		umask(0123);
		alarm(1000);
		EXEC("--ids", pid, ppid, pgrp, sid);
	}
	CHECK(EXITED(reap(p), 0));
}

static void auxiliary_vector(void) { CHECK(EXITED(IN_CHILD(EXEC("--auxv")), 0)); }

static void cwd_stays(void)
{
	char cwd[300];
	CHECK(getcwd(cwd, sizeof(cwd)));
	CHECK(EXITED(IN_CHILD(EXEC("--fs", cwd)), 0));
}

static void command_name(void)
{
	CHECK(symlink("/proc/self/exe", "a_rather_long_program_name") == 0);
	int st = IN_CHILD(execve("./a_rather_long_program_name", (char *const[]){ "self", "--comm", "a_rather_long_p", NULL }, NULL); _exit(98));
	CHECK(EXITED(st, 0));
}

static void *exec_in_thread(void *arg) { EXEC("--threads", arg); return NULL; }
static void *forever(void *arg) { (void)arg; for (;;) pause(); return NULL; }
static void exec_by_a_thread(void)
{
	pid_t p = fork();
	if (!p) {
		pthread_t t;
		char pid[20];
		snprintf(pid, sizeof(pid), "%d", getpid());
		for (int i = 0; i < 3; i++)
			CHECK(pthread_create(&t, NULL, forever, NULL) == 0);
		CHECK(pthread_create(&t, NULL, exec_in_thread, pid) == 0);
		forever(NULL);
	}
	CHECK(EXITED(reap(p), 0));
}
static void exec_by_the_leader_with_threads(void)
{
	pid_t p = fork();
	if (!p) {
		pthread_t t;
		char pid[20];
		snprintf(pid, sizeof(pid), "%d", getpid());
		for (int i = 0; i < 3; i++)
			CHECK(pthread_create(&t, NULL, forever, NULL) == 0);
		EXEC("--threads", pid);
	}
	CHECK(EXITED(reap(p), 0));
}

static void posix_timers_go(void)
{
	pid_t p = fork();
	if (!p) {
		int id = -1;
		struct sigevent ev = { .sigev_notify = SIGEV_NONE };
		CHECK(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id) == 0);
		EXEC("--timers");
	}
	CHECK(EXITED(reap(p), 0));
}

static void failed_exec_changes_nothing(void)
{
	struct sigaction got;
	signal(SIGUSR1, on_sig);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CHECK_ERR(execve("/nothing", (char *const[]){ "x", NULL }, NULL), ENOENT);
	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	CHECK(sigaction(SIGUSR1, NULL, &got) == 0 && got.sa_handler == on_sig);
}

static void execveat_calls(void)
{
	int dir = open("/proc/self", O_RDONLY | O_DIRECTORY), exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char *av[] = { "self", "--cloexec", NULL }, *ev[] = { NULL };
	CHECK(dup2(1, 100) == 100 && dup2(1, 102) == 102);
	CHECK(EXITED(IN_CHILD(syscall(SYS_execveat, exe, "", av, ev, AT_EMPTY_PATH); _exit(98)), 0));
	CHECK_ERR(syscall(SYS_execveat, exe, "", av, ev, 0), ENOENT);
	CHECK_ERR(syscall(SYS_execveat, AT_FDCWD, "/proc/self/exe", av, ev, 0x4000), EINVAL);
	CHECK_ERR(syscall(SYS_execveat, 999, "exe", av, ev, 0), EBADF);
	CHECK_ERR(syscall(SYS_execveat, exe, "exe", av, ev, 0), ENOTDIR);
	CHECK_ERR(syscall(SYS_execveat, dir, "exe", av, ev, AT_SYMLINK_NOFOLLOW), ELOOP);
}

CASES(CASE(close_on_exec), CASE(signal_state), CASE(identity_limits_alarm), CASE(auxiliary_vector), CASE(cwd_stays), CASE(command_name),
	CASE(exec_by_a_thread), CASE(exec_by_the_leader_with_threads), CASE(posix_timers_go), CASE(failed_exec_changes_nothing), CASE(execveat_calls))
