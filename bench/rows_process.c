/* Rows about processes, threads, signals and switching. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rows.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

extern char **environ;

static void null_call(void) { syscall(SYS_getppid); }

/* --- birth and death ---------------------------------------------------------------------------------------------------------------------- */

void fork_exit(void)
{
	pid_t pid = fork();
	if (!pid)
		_exit(0);
	reap(pid);
}

static void vfork_exit(void)
{
	pid_t pid = vfork();
	if (!pid)
		_exit(0);
	reap(pid);
}

static void fork_exec_of(const char *path)
{
	char *args[] = { (char *)path, "exit", NULL };
	pid_t pid = fork();
	if (!pid) {
		execv(path, args);
		_exit(1);
	}
	reap(pid);
}

static void vfork_exec_of(const char *path)
{
	char *args[] = { (char *)path, "exit", NULL };
	pid_t pid = vfork();
	if (!pid) {
		execv(path, args);
		_exit(1);
	}
	reap(pid);
}

static void fork_exec(void) { fork_exec_of(program); }
static void vfork_exec(void) { vfork_exec_of(program); }
static void fork_exec_pie(void) { fork_exec_of("/bin/pie"); }
static void vfork_exec_pie(void) { vfork_exec_of("/bin/pie"); }
static void fork_exec_dynamic(void) { fork_exec_of("/bin/dyn"); }
static void vfork_exec_dynamic(void) { vfork_exec_of("/bin/dyn"); }

static void spawn(void)
{
	char *args[] = { (char *)program, "exit", NULL };
	pid_t pid;
	if (posix_spawn(&pid, program, NULL, NULL, args, environ))
		die("posix_spawn");
	reap(pid);
}

static void sh_c_true(void)
{
	char *args[] = { "sh", "-c", "true", NULL };
	pid_t pid = fork();
	if (!pid) {
		execv("/bin/sh", args);
		_exit(1);
	}
	reap(pid);
}

static void system_true(void)
{
	if (system("true"))
		die("system");
}

static void clone3_pidfd(void)
{
	int fd = -1;
	struct clone_args a = { .flags = CLONE_PIDFD, .pidfd = (unsigned long)&fd, .exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone3, &a, sizeof(a));
	if (!pid)
		_exit(0);
	siginfo_t si;
	if (pid < 0 || waitid(P_PIDFD, (id_t)fd, &si, WEXITED) || close(fd))
		die("clone3");
}

static void clone_namespaces(unsigned long namespaces)
{
	long pid = syscall(SYS_clone, namespaces | SIGCHLD, NULL, NULL, NULL, 0);
	if (!pid)
		_exit(0);
	if (pid < 0 && errno == EINVAL) /* the kernel has no such name space */
		absent();
	reap((pid_t)pid);
}
static void four_namespaces(void) { clone_namespaces(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWPID); }
static void four_namespaces_user(void) { clone_namespaces(CLONE_NEWUTS | CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID); }

/* From just before the child's exit call to the return of the parent's wait. */
static void exit_to_wait(void)
{
	enum { ROUNDS = 30 };
	double *left = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), took[ROUNDS];
	for (int i = 0; i < ROUNDS; i++) {
		pid_t pid = fork();
		if (!pid) {
			MARK_START();
			*left = now();
			_exit(0);
		}
		reap(pid);
		took[i] = now() - *left;
		MARK_STOP();
	}
	report(middle(took, ROUNDS));
}

/* --- threads ------------------------------------------------------------------------------------------------------------------------------ */

static void *nothing(void *arg) { return arg; }
static void thread(void)
{
	pthread_t t;
	if (pthread_create(&t, NULL, nothing, NULL))
		die("pthread_create");
	pthread_join(t, NULL);
}

/* A thread without a library: clone, exit, and a futex wait for the word that the kernel clears. */
static char stack[16384] __attribute__((aligned(16)));
static int alive;
static void raw_thread(void)
{
	unsigned long flags =
		CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID;
	long ret;
	register long r10 __asm__("r10") = (long)&alive;
	register long r8 __asm__("r8") = 0;
	/* The child runs on an empty stack: it must not return. */
	__asm__ __volatile__("syscall\n\ttest %%eax, %%eax\n\tjnz 1f\n\tmov %[exit], %%eax\n\txor %%edi, %%edi\n\tsyscall\n1:"
						 : "=a"(ret)
						 : "0"(SYS_clone), "D"(flags), "S"(stack + sizeof(stack)), "d"(&alive), "r"(r10), "r"(r8), [exit] "i"(SYS_exit)
						 : "rcx", "r11", "memory");
	if (ret < 0)
		die("clone");
	int seen;
	while ((seen = __atomic_load_n(&alive, __ATOMIC_ACQUIRE)))
		syscall(SYS_futex, &alive, FUTEX_WAIT, seen, NULL, NULL, 0);
}

/* --- pipes -------------------------------------------------------------------------------------------------------------------------------- */

static int ping[2], pong[2];
static pid_t peer;

static void pipes_up(void)
{
	if (pipe(ping) || pipe(pong))
		die("pipe");
	peer = fork();
	if (!peer) {
		char c;
		close(ping[1]);
		while (read(ping[0], &c, 1) == 1)
			if (write(pong[1], &c, 1) != 1)
				break;
		_exit(0);
	}
	close(ping[0]);
	close(pong[1]);
}

static void pipes_down(void)
{
	close(ping[1]);
	close(pong[0]);
	reap(peer);
}

static void pipe_round(void)
{
	char c = 0;
	if (write(ping[1], &c, 1) != 1 || read(pong[0], &c, 1) != 1)
		die("pipe");
}

/* --- signals ------------------------------------------------------------------------------------------------------------------------------ */

static volatile sig_atomic_t hits;
static void on_signal(int sig) { hits += sig != 0; }
static pid_t self;
static void signal_up(void)
{
	self = getpid();
	signal(SIGUSR1, on_signal);
}
static void signal_self(void) { syscall(SYS_tgkill, self, self, SIGUSR1); }

static sigset_t outside;
static void other_up(void)
{
	sigset_t usr1;
	signal_up();
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, &outside);
	pid_t parent = getpid();
	peer = fork();
	if (!peer) {
		for (;;) {
			sigsuspend(&outside);
			kill(parent, SIGUSR1);
		}
	}
}
static void signal_other(void)
{
	kill(peer, SIGUSR1);
	sigsuspend(&outside);
}
static void other_down(void)
{
	kill(peer, SIGKILL);
	waitpid(peer, NULL, 0);
	sigprocmask(SIG_SETMASK, &outside, NULL);
}

const struct row process_rows[] = {
	{ "null_call", null_call, 900, 1 },
	{ "fork_exit_wait", fork_exit, 60, 1 },
	{ "vfork_exit_wait", vfork_exit, 60, 1 },
	{ "exit_to_wait", exit_to_wait },
	{ "fork_exec_wait_static", fork_exec, 30, 1 },
	{ "vfork_exec_wait_static", vfork_exec, 30, 1 },
	{ "fork_exec_wait_pie", fork_exec_pie, 12, 1 },
	{ "vfork_exec_wait_pie", vfork_exec_pie, 12, 1 },
	{ "fork_exec_wait_dynamic", fork_exec_dynamic, 12, 1 },
	{ "vfork_exec_wait_dynamic", vfork_exec_dynamic, 12, 1 },
	{ "posix_spawn", spawn, 30, 1 },
	{ "sh_c_true", sh_c_true, 12, 1 },
	{ "system_true", system_true, 12, 1 },
	{ "thread_create_join", thread, 60, 1 },
	{ "thread_create_join_glibc", thread, 60, 1, .exe = "/bin/birth-glibc" },
	{ "thread_clone_raw", raw_thread, 60, 1 },
	{ "clone3_pidfd_waitid", clone3_pidfd, 30, 1 },
	{ "clone_4_namespaces", four_namespaces, 12, 1 },
	{ "clone_4_namespaces_user", four_namespaces_user, 12, 1 },
	{ "pipe_switch", pipe_round, 150, 2, pipes_up, pipes_down },
	{ "signal_self", signal_self, 150, 1, signal_up },
	{ "signal_other", signal_other, 90, 2, other_up, other_down },
	{ NULL },
};
