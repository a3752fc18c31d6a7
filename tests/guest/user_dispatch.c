/* prctl(PR_SET_SYSCALL_USER_DISPATCH): a program that answers system calls itself; and what tracers see and set of it. */
static int helper(int argc, char **argv);
#define HELPER(argc, argv) helper(argc, argv)
#include "check.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <ucontext.h>

#ifndef PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG
#define PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG 0x4210
#define PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG 0x4211
#endif
struct config {
	uint64_t mode, selector, offset, len;
};
#define ON 1
#define OFF 0
#define ALLOW 0
#define BLOCK 1

static volatile unsigned char selector;
static int dispatch(unsigned long mode, unsigned long off, unsigned long len, const volatile void *sel)
{
	return (int)syscall(SYS_prctl, 59, mode, off, len, sel);
}
/* A call made here and nowhere else: magic is no system call, so that only the program can have answered it. */
#define MAGIC 0x5a5aL
static __attribute__((noinline)) long call(long nr)
{
	long r;
	__asm__ volatile("syscall" : "=a"(r) : "a"(nr) : "rcx", "r11", "memory");
	return r;
}

static int helper(int argc, char **argv)
{
	/* The range and the byte belonged to the other program. */
	return call(SYS_getppid) == getppid() && call(MAGIC) == -ENOSYS ? 12 : 1;
}

static volatile int answered, last_nr, last_code, last_arch, last_errno;
static volatile uintptr_t last_addr, last_ip;
static void answers(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	answered++;
	last_nr = si->si_syscall;
	last_code = si->si_code;
	last_arch = (int)si->si_arch;
	last_errno = si->si_errno;
	last_addr = (uintptr_t)si->si_call_addr;
	last_ip = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
	selector = ALLOW;
	/* The number is still there; the answer takes its place. */
	CHECK(uc->uc_mcontext.gregs[REG_RAX] == si->si_syscall);
	uc->uc_mcontext.gregs[REG_RAX] = 4711;
}
static void answer(void)
{
	struct sigaction sa = { .sa_sigaction = answers, .sa_flags = SA_SIGINFO };
	CHECK(sigaction(SIGSYS, &sa, NULL) == 0);
}

static void requests(void)
{
	CHECK_ERR(dispatch(2, 0, 0, NULL), EINVAL);
	CHECK_ERR(dispatch(OFF, 1, 0, NULL), EINVAL);
	CHECK_ERR(dispatch(OFF, 0, 1, NULL), EINVAL);
	CHECK_ERR(dispatch(OFF, 0, 0, &selector), EINVAL);
	CHECK_ERR(dispatch(ON, 4096, 0, &selector), EINVAL);
	CHECK_ERR(dispatch(ON, 4096, -4096UL, &selector), EINVAL);
	CHECK_ERR(dispatch(ON, 4096, -1UL, &selector), EINVAL);
	CHECK_ERR(dispatch(ON, 0, 0, (void *)-1UL), EFAULT);
	CHECK(dispatch(OFF, 0, 0, NULL) == 0);
	CHECK(dispatch(ON, 0, 0, &selector) == 0 && dispatch(ON, 0, -1UL, NULL) == 0);
	CHECK(dispatch(OFF, 0, 0, NULL) == 0);
}

static void calls_are_answered(void)
{
	answer();
	CHECK(dispatch(ON, 0, 0, &selector) == 0);
	for (int i = 1; i <= 3; i++) {
		selector = BLOCK;
		long r = call(MAGIC + i);
		CHECK(r == 4711 && answered == i && last_nr == MAGIC + i);
	}
	CHECK(last_code == 2 && last_arch == (int)AUDIT_ARCH_X86_64 && last_errno == 0 && last_addr == last_ip);
	CHECK(last_ip > (uintptr_t)call && last_ip < (uintptr_t)call + 64);
	/* A call that would do something does nothing. */
	selector = BLOCK;
	CHECK(call(SYS_exit_group) == 4711);
	selector = BLOCK;
	CHECK(call(-1) == 4711);
	/* Allowed. */
	CHECK(call(SYS_getpid) == getpid() && call(MAGIC) == -ENOSYS && answered == 5);
	CHECK(dispatch(OFF, 0, 0, NULL) == 0);
	selector = BLOCK;
	CHECK(call(SYS_getpid) == getpid() && answered == 5);
}

/* Calls from a range of code are the kernel's whatever the byte says. */
static void code_that_is_let_through(void)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static const unsigned char code[] = { 0x89, 0xf8, 0x0f, 0x05, 0xc3 }; /* mov eax, edi; syscall; ret */
	memcpy(p, code, sizeof(code));
	memcpy(p + 4096, code, sizeof(code));
	long (*in)(int) = (void *)p, (*out)(int) = (void *)(p + 4096);
	answer();
	CHECK(dispatch(ON, (uintptr_t)p, 5, &selector) == 0);
	selector = BLOCK;
	pid_t pid = (pid_t)in(SYS_getpid);
	long r = out(SYS_getpid);
	CHECK(pid == getpid() && r == 4711 && answered == 1);
	/* The address is that behind the call: the range may just miss it. */
	CHECK(dispatch(ON, (uintptr_t)p, 4, &selector) == 0);
	selector = BLOCK;
	r = in(SYS_getpid);
	CHECK(r == 4711 && answered == 2);
	CHECK(dispatch(ON, (uintptr_t)p + 4, 1, &selector) == 0);
	selector = BLOCK;
	r = in(SYS_getpid);
	selector = ALLOW;
	CHECK(r == getpid() && answered == 2);
	CHECK(dispatch(OFF, 0, 0, NULL) == 0);
}

static void no_core(void) { prctl(PR_SET_DUMPABLE, 0); }
static void bytes_that_kill(void)
{
	CHECK(KILLED(IN_CHILD(no_core(); answer(); dispatch(ON, 0, 0, &selector); selector = 2; call(SYS_getpid)), SIGSYS));
	CHECK(KILLED(IN_CHILD(no_core(); signal(SIGSEGV, SIG_IGN); dispatch(ON, 0, 0, (void *)8); call(SYS_getpid)), SIGSEGV));
	/* Without a byte all is blocked; nobody answers. */
	CHECK(KILLED(IN_CHILD(no_core(); dispatch(ON, 0, 0, NULL); call(SYS_getpid)), SIGSYS));
	/* Blocked or ignored, the signal kills. */
	CHECK(KILLED(IN_CHILD({
		sigset_t s;
		no_core();
		answer();
		sigemptyset(&s);
		sigaddset(&s, SIGSYS);
		sigprocmask(SIG_BLOCK, &s, NULL);
		dispatch(ON, 0, 0, &selector);
		selector = BLOCK;
		call(SYS_getpid);
	}),
		SIGSYS));
}

static volatile long of_thread;
static void *calls(void *arg)
{
	of_thread = call(MAGIC);
	return NULL;
}
static void not_inherited(void)
{
	answer();
	CHECK(dispatch(ON, 0, 0, &selector) == 0);
	pthread_t t;
	CHECK(pthread_create(&t, NULL, calls, NULL) == 0 && pthread_join(t, NULL) == 0);
	pid_t pid = fork();
	if (!pid) {
		selector = BLOCK;
		_exit(call(MAGIC) == -ENOSYS && !answered ? 0 : 1);
	}
	CHECK(EXITED(reap(pid), 0));
	pid = vfork();
	if (!pid) {
		selector = BLOCK;
		long r = call(MAGIC);
		selector = ALLOW;
		_exit(r == -ENOSYS && !answered ? 0 : 1);
	}
	CHECK(EXITED(reap(pid), 0) && of_thread == -ENOSYS);
	/* One's own it still is. */
	selector = BLOCK;
	long r = call(MAGIC);
	CHECK(r == 4711 && answered == 1);
	char *argv[] = { "x", "--go", NULL };
	/* By execve it ends. */
	CHECK(EXITED(IN_CHILD(CHECK(dispatch(ON, 0, -1UL, NULL) == 0); execv("/proc/self/exe", argv)), 12));
}
/* It comes before filters and tracers. */
static void before_filters(void)
{
	CHECK(EXITED(IN_CHILD({
		struct sock_filter prog[] = {
			BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MAGIC, 0, 1),
			BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
			BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		};
		struct sock_fprog p = { NELEM(prog), prog };
		answer();
		CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p) == 0);
		CHECK(dispatch(ON, 0, 0, &selector) == 0);
		selector = BLOCK;
		long r = call(MAGIC);
		CHECK(r == 4711);
	}),
		0));
}

static void expect(pid_t pid, int sig)
{
	int st;
	CHECK(waitpid(pid, &st, 0) == pid && WIFSTOPPED(st) && WSTOPSIG(st) == sig);
}
static uint64_t nr_of(pid_t pid)
{
	struct user_regs_struct r;
	CHECK(ptrace(PTRACE_GETREGS, pid, 0, &r) == 0);
	return r.orig_rax;
}
/* A tracer that asks for calls hears of those that the kernel gets, at both ends; of the program's it sees the signal alone. */
static void tracers_hear_of_the_others(void)
{
	pid_t pid = fork();
	if (!pid) {
		answer();
		CHECK(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0);
		CHECK(dispatch(ON, 0, 0, &selector) == 0);
		raise(SIGSTOP);
		call(SYS_getpid);
		selector = BLOCK;
		long r = call(MAGIC);
		CHECK(r == 4711);
		call(SYS_getppid);
		_exit(0);
	}
	expect(pid, SIGSTOP);
	CHECK(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD) == 0);
	/* The way out of raise's calls, then ours. */
	do {
		CHECK(ptrace(PTRACE_SYSCALL, pid, 0, 0) == 0);
		expect(pid, SIGTRAP | 0x80);
	} while (nr_of(pid) != SYS_getpid);
	CHECK(ptrace(PTRACE_SYSCALL, pid, 0, 0) == 0);
	expect(pid, SIGTRAP | 0x80);
	CHECK(nr_of(pid) == SYS_getpid);
	CHECK(ptrace(PTRACE_SYSCALL, pid, 0, 0) == 0);
	expect(pid, SIGSYS);
	CHECK(nr_of(pid) == MAGIC);
	CHECK(ptrace(PTRACE_SYSCALL, pid, 0, SIGSYS) == 0);
	for (int i = 0; i < 2; i++) {
		expect(pid, SIGTRAP | 0x80);
		CHECK(nr_of(pid) == SYS_rt_sigreturn || i == 1);
		CHECK(ptrace(PTRACE_SYSCALL, pid, 0, 0) == 0);
	}
	for (int i = 0; i < 2; i++) {
		expect(pid, SIGTRAP | 0x80);
		CHECK(nr_of(pid) == SYS_getppid);
		CHECK(ptrace(i ? PTRACE_CONT : PTRACE_SYSCALL, pid, 0, 0) == 0);
	}
	CHECK(EXITED(reap(pid), 0));
}
/* Tracers read the settings, and change them. */
static void tracers_set_it(void)
{
	struct config c;
	pid_t pid = fork();
	if (!pid) {
		answer();
		CHECK(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0);
		raise(SIGSTOP);
		CHECK(call(MAGIC) == 4711); /* our byte says ALLOW: the tracer's does not */
		raise(SIGSTOP);
		CHECK(call(MAGIC) == -ENOSYS);
		CHECK(dispatch(ON, 4096, 12, &selector) == 0);
		raise(SIGSTOP);
		_exit(0);
	}
	expect(pid, SIGSTOP);
	memset(&c, 0xff, sizeof(c));
	CHECK(ptrace(PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, pid, sizeof(c), &c) == 0);
	CHECK(c.mode == OFF && !c.selector && !c.offset && !c.len);
	CHECK_ERR(ptrace(PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, pid, sizeof(c) + 8, &c), EINVAL);
	CHECK_ERR(ptrace(PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, pid, sizeof(c) - 8, &c), EINVAL);
	CHECK_ERR(ptrace(PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, pid, sizeof(c), 8), EFAULT);
	CHECK_ERR(ptrace(PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG, pid, sizeof(c), 8), EFAULT);
	CHECK_ERR(ptrace(PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG, pid, 0, &c), EINVAL);
	c.mode = 2;
	CHECK_ERR(ptrace(PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG, pid, sizeof(c), &c), EINVAL);
	c = (struct config){ ON, ~0UL, 0, 0 };
	CHECK_ERR(ptrace(PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG, pid, sizeof(c), &c), EFAULT);
	/* Let through: all but the calls of call(). */
	c = (struct config){ ON, 0, (uintptr_t)call + 64, -((uintptr_t)call + 64) - 1 };
	CHECK((uintptr_t)call < (uintptr_t)syscall && (uintptr_t)call < (uintptr_t)raise);
	CHECK(ptrace(PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG, pid, sizeof(c), &c) == 0);
	CHECK(ptrace(PTRACE_CONT, pid, 0, 0) == 0);
	expect(pid, SIGSYS);
	CHECK(ptrace(PTRACE_CONT, pid, 0, SIGSYS) == 0);
	expect(pid, SIGSTOP);
	struct config got;
	CHECK(ptrace(PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, pid, sizeof(got), &got) == 0 && !memcmp(&got, &c, sizeof(c)));
	c = (struct config){ OFF, 0, 0, 0 };
	CHECK(ptrace(PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG, pid, sizeof(c), &c) == 0);
	CHECK(ptrace(PTRACE_CONT, pid, 0, 0) == 0);
	expect(pid, SIGSTOP);
	CHECK(ptrace(PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, pid, sizeof(got), &got) == 0);
	CHECK(got.mode == ON && got.offset == 4096 && got.len == 12 && got.selector == (uintptr_t)&selector);
	CHECK(ptrace(PTRACE_CONT, pid, 0, 0) == 0);
	CHECK(EXITED(reap(pid), 0));
}

CASES(CASE(requests), CASE(calls_are_answered), CASE(code_that_is_let_through), CASE(bytes_that_kill), CASE(not_inherited), CASE(before_filters),
	CASE(tracers_hear_of_the_others), CASE(tracers_set_it))
