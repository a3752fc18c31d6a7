/* Signals: limits, queues, alternate stacks, CPU limits, who gets what: the rules that the other signal tests leave out. */
#include "check.h"
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <ucontext.h>

static void block(int sig)
{
	sigset_t s;
	sigemptyset(&s);
	sigaddset(&s, sig);
	CHECK(sigprocmask(SIG_BLOCK, &s, NULL) == 0);
}

static void queue_limit(void)
{
	union sigval v = { .sival_int = 1 };
	struct rlimit r = { 5, 5 };
	/* A user of our own, so that nobody else's signals count. */
	if (geteuid() || setresuid(23456, 23456, 23456))
		check_skip("not root");
	block(SIGRTMIN);
	block(SIGUSR1);
	CHECK(setrlimit(RLIMIT_SIGPENDING, &r) == 0);
	for (int i = 0; i < 5; i++)
		CHECK(sigqueue(getpid(), SIGRTMIN, v) == 0);
	CHECK_ERR(sigqueue(getpid(), SIGRTMIN, v), EAGAIN);
	/* kill's standard signals do not fail, nor real-time ones by kill. */
	CHECK(kill(getpid(), SIGUSR1) == 0 && kill(getpid(), SIGRTMIN) == 0);
	sigset_t s;
	siginfo_t si;
	sigemptyset(&s);
	sigaddset(&s, SIGRTMIN);
	/* SIGUSR1 went over the limit. */
	for (int i = 0; i < 2; i++)
		CHECK(sigwaitinfo(&s, &si) == SIGRTMIN && si.si_code == SI_QUEUE);
	CHECK(sigqueue(getpid(), SIGRTMIN, v) == 0);
	CHECK_ERR(sigqueue(getpid(), SIGRTMIN, v), EAGAIN);
}

static void numbers(void)
{
	CHECK_ERR(kill(INT_MIN, 0), ESRCH);
	CHECK_ERR(kill(getpid(), 65), EINVAL);
	CHECK_ERR(kill(getpid(), -1), EINVAL);
	CHECK_ERR(syscall(SYS_tkill, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_tkill, -1, 0), EINVAL);
	CHECK_ERR(syscall(SYS_tgkill, getpid(), 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_tgkill, getpid() + 100000, getpid(), 0), ESRCH);
	CHECK_ERR(kill(-(getpid() + 100000), 0), ESRCH);
	siginfo_t si = { .si_signo = SIGUSR1, .si_code = SI_USER };
	pid_t pid = fork();
	if (!pid)
		for (;;)
			pause();
	CHECK_ERR(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &si), EPERM);
	si.si_code = SI_TKILL;
	CHECK_ERR(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &si), EPERM);
	CHECK_ERR(syscall(SYS_rt_tgsigqueueinfo, pid, pid, SIGUSR1, &si), EPERM);
	si.si_code = SI_QUEUE;
	CHECK(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &si) == 0);
	CHECK(reap(pid) == SIGUSR1);
}

static stack_t seen;
static char *alt;
static volatile int on_alt;
static void on_usr1(int sig)
{
	char here;
	sigaltstack(NULL, &seen);
	on_alt = &here >= alt && &here < alt + 65536;
}
static void alternate_stacks(void)
{
	struct sigaction sa = { .sa_handler = on_usr1, .sa_flags = SA_ONSTACK };
	alt = malloc(65536);
	stack_t s = { .ss_sp = alt, .ss_size = 1000 };
	CHECK_ERR(sigaltstack(&s, NULL), ENOMEM);
	s.ss_size = 65536;
	s.ss_flags = 8;
	CHECK_ERR(sigaltstack(&s, NULL), EINVAL);
	CHECK_ERR(sigaltstack((void *)16, NULL), EFAULT);
	s.ss_flags = 0;
	CHECK(sigaltstack(&s, NULL) == 0 && sigaction(SIGUSR1, &sa, NULL) == 0);
	raise(SIGUSR1);
	CHECK(on_alt && seen.ss_flags == SS_ONSTACK && seen.ss_size == 65536);
	stack_t old;
	CHECK(sigaltstack(NULL, &old) == 0 && old.ss_flags == 0);
	/* Given up at the handler's entry, back at its end. */
	s.ss_flags = (int)(1U << 31);
	CHECK(sigaltstack(&s, NULL) == 0);
	raise(SIGUSR1);
	CHECK(on_alt && seen.ss_flags == SS_DISABLE && seen.ss_size == 0);
	CHECK(sigaltstack(NULL, &old) == 0 && old.ss_flags == (int)(1U << 31) && old.ss_sp == alt);
	/* A child has it, a thread does not. */
	CHECK(EXITED(IN_CHILD(CHECK(sigaltstack(NULL, &old) == 0 && old.ss_sp == alt)), 0));
	s.ss_flags = SS_DISABLE;
	CHECK(sigaltstack(&s, NULL) == 0);
	on_alt = 1;
	raise(SIGUSR1);
	CHECK(!on_alt);
}

static void change_on_it(int sig)
{
	stack_t s = { .ss_sp = alt, .ss_size = 65536 };
	errno = 0;
	SHARED[0] = sigaltstack(&s, NULL) == -1 && errno == EPERM;
}
static void not_while_on_it(void)
{
	struct sigaction sa = { .sa_handler = change_on_it, .sa_flags = SA_ONSTACK };
	alt = malloc(65536);
	stack_t s = { .ss_sp = alt, .ss_size = 65536 };
	CHECK(sigaltstack(&s, NULL) == 0 && sigaction(SIGUSR1, &sa, NULL) == 0);
	raise(SIGUSR1);
	CHECK(SHARED[0]);
}

static void overflow_kills(void)
{
	/* Neither the stack nor the alternate one can take the frame. */
	pid_t pid = fork();
	if (!pid) {
		struct sigaction sa = { .sa_handler = on_usr1, .sa_flags = SA_ONSTACK };
		char *page = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		stack_t s = { .ss_sp = page, .ss_size = 65536 };
		sigaltstack(&s, NULL);
		sigaction(SIGSEGV, &sa, NULL);
		sigaction(SIGUSR1, &sa, NULL);
		raise(SIGUSR1);
		_exit(0);
	}
	int st = reap(pid);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGSEGV);
	/* No restorer. */
	pid = fork();
	if (!pid) {
		struct {
			void (*handler)(int);
			unsigned long flags;
			void *restorer;
			unsigned long mask;
		} ka = { on_usr1, 0, NULL, 0 };
		syscall(SYS_rt_sigaction, SIGUSR1, &ka, NULL, 8);
		raise(SIGUSR1);
		_exit(0);
	}
	st = reap(pid);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGSEGV);
}

static volatile int xcpu;
static void on_xcpu(int sig) { xcpu++; }
static void cpu_limit(void)
{
	int st;
	struct rusage ru;
	pid_t pid = fork();
	if (!pid) {
		struct rlimit r = { 1, 3 };
		signal(SIGXCPU, on_xcpu);
		setrlimit(RLIMIT_CPU, &r);
		for (;;)
			SHARED[0] = xcpu;
	}
	CHECK(wait4(pid, &st, 0, &ru) == pid && st == SIGKILL);
	/* At one second, and at each further one. */
	CHECK(SHARED[0] == 2 && ru.ru_utime.tv_sec + ru.ru_stime.tv_sec >= 2);
	pid = fork();
	if (!pid) {
		struct rlimit r = { 1, 1 };
		struct rlimit none = { 0, 0 };
		setrlimit(RLIMIT_CORE, &none);
		setrlimit(RLIMIT_CPU, &r);
		for (;;)
			;
	}
	st = reap(pid);
	CHECK(st == SIGKILL || st == SIGXCPU);
}

static void setting_ignore_discards(void)
{
	sigset_t s;
	block(SIGUSR1);
	raise(SIGUSR1);
	signal(SIGUSR1, SIG_IGN);
	CHECK(sigpending(&s) == 0 && !sigismember(&s, SIGUSR1));
	/* Blocked ones that are ignored stay. */
	raise(SIGUSR1);
	CHECK(sigpending(&s) == 0 && sigismember(&s, SIGUSR1));
	signal(SIGUSR1, SIG_IGN);
	CHECK(sigpending(&s) == 0 && !sigismember(&s, SIGUSR1));
	/* The same with a default that ignores. */
	block(SIGCHLD);
	raise(SIGCHLD);
	CHECK(sigpending(&s) == 0 && sigismember(&s, SIGCHLD));
	signal(SIGCHLD, SIG_DFL);
	CHECK(sigpending(&s) == 0 && !sigismember(&s, SIGCHLD));
}

static volatile int order[8], n_order;
static void note(int sig) { order[n_order++] = sig; }
static void delivery_order(void)
{
	sigset_t all, none;
	sigfillset(&all);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &all, NULL);
	const int sigs[] = { SIGUSR2, SIGRTMIN + 1, SIGUSR1, SIGRTMIN, SIGHUP };
	for (unsigned i = 0; i < NELEM(sigs); i++) {
		struct sigaction sa = { .sa_handler = note };
		sigfillset(&sa.sa_mask);
		sigaction(sigs[i], &sa, NULL);
		kill(getpid(), sigs[i]);
	}
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* The lowest first, each until its end. */
	CHECK(n_order == 5 && order[0] == SIGHUP && order[1] == SIGUSR1 && order[2] == SIGUSR2 && order[3] == SIGRTMIN && order[4] == SIGRTMIN + 1);
	/* Those that do not block each other: the last frame runs first. */
	n_order = 0;
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (unsigned i = 0; i < NELEM(sigs); i++) {
		struct sigaction sa = { .sa_handler = note };
		sigaction(sigs[i], &sa, NULL);
		kill(getpid(), sigs[i]);
	}
	sigprocmask(SIG_SETMASK, &none, NULL);
	CHECK(n_order == 5 && order[0] == SIGRTMIN + 1 && order[4] == SIGHUP);
}

static void signalfd_reads(void)
{
	sigset_t s;
	struct signalfd_siginfo si[3];
	sigemptyset(&s);
	sigaddset(&s, SIGUSR1);
	sigaddset(&s, SIGRTMIN);
	CHECK(sigprocmask(SIG_BLOCK, &s, NULL) == 0);
	int fd = signalfd(-1, &s, SFD_NONBLOCK | SFD_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_ERR(read(fd, si, sizeof(si)), EAGAIN);
	CHECK_ERR(read(fd, si, 100), EINVAL);
	union sigval v = { .sival_int = 7 };
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	sigqueue(getpid(), SIGRTMIN, v);
	sigqueue(getpid(), SIGRTMIN, v);
	struct pollfd p = { fd, POLLIN, 0 };
	CHECK(poll(&p, 1, 0) == 1);
	CHECK(read(fd, si, sizeof(si)) == 3 * sizeof(si[0]));
	CHECK(si[0].ssi_signo == SIGUSR1 && (pid_t)si[0].ssi_pid == getpid() && (int)si[1].ssi_signo == SIGRTMIN && si[1].ssi_int == 7 &&
		  si[1].ssi_code == SI_QUEUE);
	CHECK(poll(&p, 1, 0) == 0);
	sigdelset(&s, SIGRTMIN);
	CHECK(signalfd(fd, &s, 0) == fd);
	sigqueue(getpid(), SIGRTMIN, v);
	CHECK_ERR(read(fd, si, sizeof(si)), EAGAIN);
	CHECK_ERR(signalfd(0, &s, 0), EINVAL);
	CHECK_ERR(signalfd(-1, &s, 1), EINVAL);
}

static void fault_while_ignored_kills(void)
{
	CHECK((IN_CHILD(signal(SIGSEGV, SIG_IGN); *(volatile int *)16 = 1) & 0x7f) == SIGSEGV);
	CHECK((IN_CHILD(block(SIGSEGV); *(volatile int *)16 = 1) & 0x7f) == SIGSEGV);
	CHECK((IN_CHILD(signal(SIGFPE, SIG_IGN); volatile int z = 0; z = 7 / z) & 0x7f) == SIGFPE);
}

static void fault_of_the_frame(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;
	_exit(sig == SIGSEGV && si->si_code == SI_KERNEL && !sigismember(&uc->uc_sigmask, SIGUSR1) && !sigismember(&uc->uc_sigmask, SIGSEGV) ? 7 : 8);
}

/* A handler whose frame cannot be written never ran: its mask does not hold for the SIGSEGV that comes of it. */
static void unwritable_frame_leaves_mask(void)
{
	static char alt[16384];
	stack_t s = { .ss_sp = alt, .ss_size = sizeof(alt) };
	struct sigaction usr1 = { .sa_handler = exit }, segv = { .sa_sigaction = fault_of_the_frame, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	sigfillset(&usr1.sa_mask);
	pid_t pid = fork();
	if (!pid) {
		CHECK(sigaltstack(&s, NULL) == 0 && sigaction(SIGUSR1, &usr1, NULL) == 0 && sigaction(SIGSEGV, &segv, NULL) == 0);
		__asm__ volatile("mov $4096, %%esp\n\tsyscall" : : "a"(SYS_kill), "D"(getpid()), "S"(SIGUSR1) : "rcx", "r11", "memory");
		_exit(9);
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && EXITED(status, 7));
}

CASES(CASE(queue_limit), CASE(numbers), CASE(alternate_stacks), CASE(not_while_on_it), CASE(overflow_kills), CASE(cpu_limit),
	CASE(setting_ignore_discards), CASE(delivery_order), CASE(signalfd_reads), CASE(fault_while_ignored_kills), CASE(unwritable_frame_leaves_mask))
