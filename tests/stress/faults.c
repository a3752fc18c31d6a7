/*
 * faults ROUNDS SEED: out of memory at every place of a call, one after the other. For n = 1, 2, ... the n-th place at which the calls of fork, clone with
 * all namespaces, pthread_create, execve and unshare ask for memory (or begin a step of a birth) says that there is none: the call must fail with ENOMEM
 * (EAGAIN: pthread_create) and leave nothing behind, until n is so large that it succeeds untouched. Wants a debug kernel: /proc/thread-self/fail-nth.
 */
#define OWN_MAIN
#include "stress.h"

#define ARM_FD 50
#define MOST 400 /* more places than any of these calls has */

static int arm = -1;

/* From the next system call on, memory is out at the n-th place. */
static void fail_at(int n)
{
	char buf[16];
	int len = snprintf(buf, sizeof(buf), "%d", n);
	CHECK(pwrite(arm, buf, (size_t)len, 0) == len);
}
/* How many places were left: 0 = the failure has happened. Turns it off. The calls in here may be those that fail. */
static int left(void)
{
	char buf[16] = { 0 };
	ssize_t n = pread(arm, buf, sizeof(buf) - 1, 0);
	if (n < 0) {
		CHECK(errno == ENOMEM);
		return 1;
	}
	int v = atoi(buf);
	/* In a user namespace of its own it may no more; it soon exits. */
	if (pwrite(arm, "0", 1, 0) != 1)
		CHECK(errno == ENOMEM || errno == EPERM);
	return v;
}
static void arm_open(void)
{
	if (arm >= 0)
		close(arm);
	arm = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	CHECK(arm >= 0);
}

/* What one attempt came to: 0 = success, else its errno (or -signal). */
typedef int attempt_fn(int n, int *untouched);

static int try_fork(int n, int *untouched)
{
	fail_at(n);
	long pid = syscall(SYS_fork);
	int err = pid < 0 ? errno : 0;
	if (!pid)
		_exit(0);
	*untouched = left() != 0;
	if (pid > 0)
		CHECK(waitpid((pid_t)pid, NULL, 0) == pid);
	return err;
}

static int try_vfork_vm(int n, int *untouched)
{
	static char stack[16384] __attribute__((aligned(16)));
	fail_at(n);
	long pid;
	/* The child shares our memory: on a stack of its own, it only leaves. */
	__asm__ __volatile__("syscall\n\ttestq %%rax, %%rax\n\tjne 1f\n\tmovl $60, %%eax\n\txorl %%edi, %%edi\n\tsyscall\n1:"
						 : "=a"(pid)
						 : "a"(SYS_clone), "D"(CLONE_VM | CLONE_VFORK | SIGCHLD), "S"(stack + sizeof(stack)), "d"(0)
						 : "rcx", "r11", "memory");
	*untouched = left() != 0;
	if (pid > 0)
		CHECK(waitpid((pid_t)pid, NULL, 0) == pid);
	return pid < 0 ? (int)-pid : 0;
}

#define ALL_NAMESPACES (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP)

static int try_namespaces(int n, int *untouched)
{
	static int pidfd;
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	} a = { .flags = ALL_NAMESPACES | 0x80 /* NEWTIME */ | CLONE_PIDFD, .pidfd = (uint64_t)&pidfd, .exit_signal = SIGCHLD };
	pidfd = -1;
	fail_at(n);
	long pid = syscall(SYS_clone3, &a, sizeof(a));
	int err = pid < 0 ? errno : 0;
	if (!pid)
		_exit(0);
	*untouched = left() != 0;
	if (pid > 0) {
		CHECK(waitpid((pid_t)pid, NULL, 0) == pid);
		CHECK(close(pidfd) == 0);
	}
	return err;
}

static void *nothing(void *arg) { return arg; }
static int try_pthread(int n, int *untouched)
{
	pthread_t t;
	fail_at(n);
	int err = pthread_create(&t, NULL, nothing, NULL);
	*untouched = left() != 0;
	if (!err)
		CHECK(pthread_join(t, NULL) == 0);
	/* The library says so for every failure of the kernel. */
	return err == EAGAIN ? ENOMEM : err;
}

/* In a child: its exit status says. */
static int in_child(attempt_fn *body, int n, int *untouched)
{
	static volatile int *result;
	if (!result)
		result = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(result != MAP_FAILED);
	int st;
	result[0] = -1;
	result[1] = 0;
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		int u = 0;
		arm_open();
		result[0] = body(n, &u);
		result[1] = u;
		_exit(0);
	}
	CHECK(waitpid(pid, &st, 0) == pid);
	*untouched = result[1];
	if (WIFSIGNALED(st))
		return -WTERMSIG(st);
	CHECK(WIFEXITED(st) && (WEXITSTATUS(st) == 0 || WEXITSTATUS(st) == 17));
	/* The new program says whether it was touched. */
	if (WEXITSTATUS(st) == 17)
		*untouched = 1;
	return result[0] < 0 ? 0 : result[0];
}

/* The exec'd program is this one: "--left" turns the failure off and tells by its status. */
static int exec_self(int n, int *untouched)
{
	char *argv[] = { "faults", "--left", NULL }, *envp[] = { "A=b", NULL };
	*untouched = 0;
	/* What the new program opens itself might fail. */
	CHECK(dup2(arm, ARM_FD) == ARM_FD);
	fail_at(n);
	syscall(SYS_execve, "/proc/self/exe", argv, envp);
	int err = errno;
	*untouched = left() != 0;
	return err;
}
static int try_exec(int n, int *untouched) { return in_child(exec_self, n, untouched); }

static int unshare_all(int n, int *untouched)
{
	fail_at(n);
	long r = syscall(SYS_unshare, ALL_NAMESPACES | 0x80 | CLONE_FILES | CLONE_FS);
	int err = r < 0 ? errno : 0;
	*untouched = left() != 0;
	return err;
}
static int try_unshare(int n, int *untouched) { return in_child(unshare_all, n, untouched); }

/* Behind exec's point of no return there is nobody to tell: SIGKILL or SIGSEGV. */
static void sweep(const char *name, attempt_fn *attempt, int least, int may_die, int user_ns)
{
	int failures = 0, tolerated = 0, killed = 0, untouched = 0, n;
	for (n = 1; n < MOST; n++) {
		int err = attempt(n, &untouched);
		if (!err && untouched)
			break;
		/* Linux has EAGAIN for a user namespace whose creator's account cannot be made, and E2BIG when exec's new stack gets no page. */
		if (err == ENOMEM || (err == EAGAIN && user_ns) || (err == E2BIG && may_die))
			failures++;
		else if (!err)
			tolerated++;
		else if (may_die && (err == -SIGKILL || err == -SIGSEGV))
			killed++;
		else
			complain("%s, place %d: %s %d, not ENOMEM", name, n, err < 0 ? "signal" : "errno", err < 0 ? -err : err);
	}
	printf("%s: %d places: %d ENOMEM, %d killed, %d did without\n", name, n - 1, failures, killed, tolerated);
	if (n == MOST || failures < least)
		complain("%s: %d places, %d failures: not what was meant to be tested", name, n - 1, failures);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--left")) {
		arm = ARM_FD;
		int l = left();
		_exit(l ? 17 : 0);
	}
	stress_name = "faults";
	int rounds = argc > 1 ? atoi(argv[1]) : 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	arm_open();
	for (int i = 0; i < rounds; i++) {
		sweep("fork", try_fork, 12, 0, 0);
		sweep("clone(VM|VFORK)", try_vfork_vm, 8, 0, 0);
		sweep("clone3(all namespaces, PIDFD)", try_namespaces, 20, 0, 1);
		sweep("pthread_create", try_pthread, 8, 0, 0);
		sweep("execve", try_exec, 5, 1, 0);
		sweep("unshare", try_unshare, 8, 0, 1);
	}
	return 0;
}
