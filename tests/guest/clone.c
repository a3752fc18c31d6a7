/* clone(2) and clone3(2): flags of processes and threads, tid words, exit signals, errors. */
#include "check.h"
#include <linux/sched.h>
#include <linux/futex.h>
#include <asm/prctl.h>

#define STACK 65536
static char *new_stack(void)
{
	char *s = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(s != MAP_FAILED);
	return s + STACK;
}
static long raw_clone(unsigned long flags, void *sp, int *ptid, int *ctid, unsigned long tls)
{
	return syscall(SYS_clone, flags, sp, ptid, ctid, tls);
}
static long clone3(void *args, size_t size) { return syscall(SYS_clone3, args, size); }
#define ARGS(...) (struct clone_args){ __VA_ARGS__ }

#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

static void flag_errors(void)
{
	CHECK_ERR(raw_clone(CLONE_THREAD | SIGCHLD, NULL, NULL, NULL, 0), EINVAL);
	CHECK_ERR(raw_clone(CLONE_THREAD | CLONE_VM, NULL, NULL, NULL, 0), EINVAL);
	CHECK_ERR(raw_clone(CLONE_SIGHAND | SIGCHLD, NULL, NULL, NULL, 0), EINVAL);
	CHECK_ERR(raw_clone(CLONE_NEWNS | CLONE_FS | SIGCHLD, NULL, NULL, NULL, 0), EINVAL);
	int w;
	CHECK_ERR(raw_clone(CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, NULL, &w, NULL, 0), EINVAL);
}

static void bad_tid_pointers_are_no_error(void)
{
	long p = raw_clone(CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, NULL, (int *)8, (int *)16, 0);
	CHECK(p >= 0);
	if (!p)
		_exit(0);
	CHECK(EXITED(reap((pid_t)p), 0));
}

static void tid_words(void)
{
	int ptid = 0, *ctid = (int *)&SHARED[0];
	long p = raw_clone(CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, NULL, &ptid, ctid, 0);
	CHECK(p >= 0);
	if (!p)
		_exit(*ctid == getpid() ? 0 : 1);
	CHECK(ptid == p);
	CHECK(EXITED(reap((pid_t)p), 0));
	CHECK(*ctid == p); /* shared memory: it was not cleared */
}

static int thread_ran, thread_tid, thread_pid;
static int thread_main(void *arg)
{
	thread_tid = (int)syscall(SYS_gettid);
	thread_pid = (int)syscall(SYS_getpid);
	__atomic_store_n(&thread_ran, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_exit, *(int *)arg);
	return 0;
}

static void thread_flags_and_cleartid(void)
{
	int ptid = 0, ctid = 1, arg = 0;
	long p = clone(thread_main, new_stack(), THREAD_FLAGS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID, &arg, &ptid, NULL, &ctid);
	CHECK(p > 0 && ptid == p);
	while (__atomic_load_n(&ctid, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, &ctid, FUTEX_WAIT, 1, NULL, NULL, 0);
	CHECK(thread_ran && thread_tid == p && thread_pid == getpid());
	CHECK_ERR(waitpid((pid_t)p, NULL, __WALL), ECHILD);
}

static int tls_main(void *arg)
{
	unsigned long base = 0;
	syscall(SYS_arch_prctl, ARCH_GET_FS, &base);
	_exit(base == (unsigned long)arg ? 0 : 1);
}
static void settls(void)
{
	static char tls[4096] __attribute__((aligned(64)));
	*(void **)tls = tls;
	long p = clone(tls_main, new_stack(), CLONE_SETTLS | SIGCHLD, tls, NULL, tls, NULL);
	CHECK(p > 0 && EXITED(reap((pid_t)p), 0));
	CHECK_ERR(raw_clone(CLONE_SETTLS | SIGCHLD, NULL, NULL, NULL, 0x800000000000UL), EPERM);
}

static int share_main(void *arg)
{
	*(volatile int *)arg = 5;
	close(1000);
	if (chdir("/") < 0)
		_exit(1);
	_exit(0);
}
static void sharing_files_fs_vm(void)
{
	volatile int word = 0;
	char cwd[100];
	CHECK(dup2(0, 1000) == 1000);
	long p = clone(share_main, new_stack(), CLONE_VM | CLONE_FILES | CLONE_FS | SIGCHLD, (void *)&word);
	CHECK(p > 0 && EXITED(reap((pid_t)p), 0));
	CHECK(word == 5);
	CHECK_ERR(fcntl(1000, F_GETFD), EBADF);
	CHECK(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, "/"));
}

static int files_only(void *arg) { (void)arg; close(1000); _exit(0); }
static void sharing_only_vm_copies_the_rest(void)
{
	CHECK(dup2(0, 1000) == 1000);
	long p = clone(files_only, new_stack(), CLONE_VM | SIGCHLD, NULL);
	CHECK(p > 0 && EXITED(reap((pid_t)p), 0));
	CHECK(fcntl(1000, F_GETFD) == 0);
}

static volatile sig_atomic_t got_sig;
static void on_sig(int sig) { got_sig = sig; }
static void exit_signal_is_chosen(void)
{
	int st;
	signal(SIGUSR2, on_sig);
	long p = raw_clone(SIGUSR2, NULL, NULL, NULL, 0);
	CHECK(p >= 0);
	if (!p)
		_exit(3);
	CHECK_ERR(waitpid((pid_t)p, &st, 0), ECHILD);
	while (waitpid((pid_t)p, &st, __WCLONE) < 0 && errno == EINTR)
		;
	CHECK(EXITED(st, 3) && got_sig == SIGUSR2);
}
static void no_exit_signal(void)
{
	int st;
	signal(SIGCHLD, on_sig);
	long p = raw_clone(0, NULL, NULL, NULL, 0);
	CHECK(p >= 0);
	if (!p)
		_exit(4);
	CHECK(waitpid((pid_t)p, &st, __WALL) == p && EXITED(st, 4));
	CHECK(got_sig == 0);
}

static void clone_parent(void)
{
	pid_t top = getpid();
	int fds[2];
	CHECK(pipe(fds) == 0);
	pid_t mid = fork();
	if (!mid) {
		long p = raw_clone(CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, 0);
		CHECK(p >= 0);
		if (!p)
			_exit(getppid() == top ? 6 : 1);
		pid_t pp = (pid_t)p;
		CHECK(write(fds[1], &pp, sizeof(pp)) == sizeof(pp));
		CHECK_ERR(waitpid(pp, NULL, 0), ECHILD);
		_exit(0);
	}
	pid_t sib;
	CHECK(read(fds[0], &sib, sizeof(sib)) == sizeof(sib));
	CHECK(EXITED(reap(mid), 0));
	CHECK(EXITED(reap(sib), 6));
}

static void clone3_sizes(void)
{
	static struct { struct clone_args a; char more[5000]; } big;
	struct clone_args a = { .exit_signal = SIGCHLD };
	CHECK_ERR(clone3(&a, 63), EINVAL);
	CHECK_ERR(clone3(&a, 0), EINVAL);
	CHECK_ERR(clone3(&big, 4097), E2BIG);
	big.a = a;
	big.more[100] = 1;
	CHECK_ERR(clone3(&big, 1000), E2BIG);
	CHECK_ERR(clone3((void *)8, 64), EFAULT);
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(page + 4096, 4096, PROT_NONE);
	memcpy(page + 4096 - 64, &a, 64);
	CHECK_ERR(clone3(page + 4096 - 64, 88), EFAULT);
	for (size_t size = 64; size <= 88; size += 8) {
		long p = clone3(&a, size);
		CHECK(p >= 0);
		if (!p)
			_exit(2);
		CHECK(EXITED(reap((pid_t)p), 2));
	}
	big.more[100] = 0;
	long p = clone3(&big, 4096);
	CHECK(p >= 0);
	if (!p)
		_exit(2);
	CHECK(EXITED(reap((pid_t)p), 2));
}

static void clone3_errors(void)
{
	int tids[2] = { 1, 1 };
#define BAD(e, ...) do { struct clone_args a = ARGS(__VA_ARGS__); CHECK_ERR(clone3(&a, sizeof(a)), e); } while (0)
	BAD(EINVAL, .exit_signal = SIGCHLD, .set_tid_size = 33, .set_tid = (uintptr_t)tids);
	BAD(EINVAL, .exit_signal = SIGCHLD, .set_tid_size = 1);
	BAD(EINVAL, .exit_signal = SIGCHLD, .set_tid = (uintptr_t)tids);
	BAD(EINVAL, .exit_signal = 65);
	BAD(EINVAL, .exit_signal = 0x100 | SIGCHLD);
	BAD(EFAULT, .exit_signal = SIGCHLD, .set_tid = 8, .set_tid_size = 1);
	BAD(EINVAL, .exit_signal = SIGCHLD, .flags = 1UL << 40);
	BAD(EINVAL, .exit_signal = SIGCHLD, .flags = CLONE_DETACHED);
	BAD(EINVAL, .flags = SIGCHLD);
	BAD(EINVAL, .exit_signal = SIGCHLD, .flags = CLONE_SIGHAND | CLONE_CLEAR_SIGHAND | CLONE_VM);
	BAD(EINVAL, .exit_signal = SIGCHLD, .flags = CLONE_PARENT);
	BAD(EINVAL, .exit_signal = SIGCHLD, .flags = THREAD_FLAGS);
	BAD(EINVAL, .exit_signal = SIGCHLD, .stack_size = 4096);
	BAD(EINVAL, .exit_signal = SIGCHLD, .stack = 4096);
	BAD(EINVAL, .exit_signal = SIGCHLD, .stack = ~0UL - 4096, .stack_size = 4096);
	BAD(EINVAL, .flags = CLONE_THREAD);
	BAD(EINVAL, .flags = CLONE_SIGHAND);
	int same;
	BAD(EINVAL, .exit_signal = SIGCHLD, .flags = CLONE_PIDFD | CLONE_PARENT_SETTID, .pidfd = (uintptr_t)&same, .parent_tid = (uintptr_t)&same);
}

static void clone3_clear_sighand(void)
{
	struct sigaction got;
	signal(SIGUSR1, on_sig);
	signal(SIGUSR2, SIG_IGN);
	struct clone_args a = { .exit_signal = SIGCHLD, .flags = CLONE_CLEAR_SIGHAND };
	long p = clone3(&a, sizeof(a));
	CHECK(p >= 0);
	if (!p) {
		CHECK(sigaction(SIGUSR1, NULL, &got) == 0 && got.sa_handler == SIG_DFL);
		CHECK(sigaction(SIGUSR2, NULL, &got) == 0 && got.sa_handler == SIG_IGN);
		_exit(0);
	}
	CHECK(EXITED(reap((pid_t)p), 0));
}

static void clone3_tid_words(void)
{
	int ptid = 0;
	struct clone_args a = { .exit_signal = SIGCHLD, .flags = CLONE_PARENT_SETTID | CLONE_CHILD_SETTID, .parent_tid = (uintptr_t)&ptid,
		.child_tid = (uintptr_t)&SHARED[1] };
	long p = clone3(&a, sizeof(a));
	CHECK(p >= 0);
	if (!p)
		_exit(SHARED[1] == getpid() ? 0 : 1);
	CHECK(ptid == p && EXITED(reap((pid_t)p), 0));
}

static void clone3_set_tid(void)
{
	int want = getpid() + 3000, one = 1, neg = -5;
	struct clone_args a = { .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&want, .set_tid_size = 1 };
	long p = clone3(&a, sizeof(a));
	if (p < 0 && (errno == EEXIST || errno == EINVAL))
		check_skip("the wanted number is taken, or set_tid is not there");
	CHECK(p >= 0);
	if (!p)
		_exit(getpid() == want ? 0 : 1);
	CHECK(p == want && EXITED(reap((pid_t)p), 0));
	a.set_tid = (uintptr_t)&one;
	CHECK_ERR(clone3(&a, sizeof(a)), EEXIST);
	a.set_tid = (uintptr_t)&neg;
	CHECK_ERR(clone3(&a, sizeof(a)), EINVAL);
}

static void clone3_exit_signal_zero(void)
{
	struct clone_args a = { 0 };
	int st;
	long p = clone3(&a, sizeof(a));
	CHECK(p >= 0);
	if (!p)
		_exit(0);
	CHECK(waitpid((pid_t)p, &st, __WCLONE) == p && EXITED(st, 0));
}

CASES(CASE(flag_errors), CASE(bad_tid_pointers_are_no_error), CASE(tid_words), CASE(thread_flags_and_cleartid), CASE(settls),
	CASE(sharing_files_fs_vm), CASE(sharing_only_vm_copies_the_rest), CASE(exit_signal_is_chosen), CASE(no_exit_signal), CASE(clone_parent),
	CASE(clone3_sizes), CASE(clone3_errors), CASE(clone3_clear_sighand), CASE(clone3_tid_words), CASE(clone3_set_tid),
	CASE(clone3_exit_signal_zero))
