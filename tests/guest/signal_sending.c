/* Signals: to whom they go, what a frame looks like, which calls go on behind a handler or a stop. The rules that signals.c and signal_rules.c leave out. */
#include "check.h"
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <ucontext.h>

static void mask_of(sigset_t *s, int sig)
{
	sigemptyset(s);
	sigaddset(s, sig);
}
static void block(int sig)
{
	sigset_t s;
	mask_of(&s, sig);
	CHECK(sigprocmask(SIG_BLOCK, &s, NULL) == 0);
}
static int is_pending(int sig)
{
	sigset_t s;
	CHECK(sigpending(&s) == 0);
	return sigismember(&s, sig);
}
static pid_t sleeper(uid_t uid)
{
	pid_t p = fork();
	CHECK(p >= 0);
	if (!p) {
		if (uid)
			CHECK(setresuid(uid, uid, uid) == 0);
		__atomic_fetch_add(&SHARED[15], 1, __ATOMIC_SEQ_CST);
		for (;;)
			pause();
	}
	return p;
}

/* --- targets ------------------------------------------------------------------------------------------------------------------------------ */

static void to_ones_own_group(void)
{
	pid_t a = fork();
	if (!a) {
		setpgid(0, 0);
		pid_t b = sleeper(0);
		await_value(&SHARED[15], 1);
		signal(SIGTERM, SIG_IGN);
		CHECK(kill(0, SIGTERM) == 0);
		CHECK(KILLED(reap(b), SIGTERM));
		_exit(3);
	}
	CHECK(EXITED(reap(a), 3));
}

/* A group is reached when one of its members is; else the last error counts. */
static void to_a_group_of_several_users(void)
{
	if (geteuid())
		check_skip("needs root");
	pid_t a = sleeper(1000), b = sleeper(2000);
	await_value(&SHARED[15], 2);
	CHECK(setpgid(a, a) == 0 && setpgid(b, a) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(setresuid(1000, 1000, 1000) == 0); CHECK(kill(-a, 0) == 0)), 0));
	CHECK(EXITED(IN_CHILD(CHECK(setresuid(3000, 3000, 3000) == 0); CHECK_ERR(kill(-a, 0), EPERM)), 0));
	CHECK(EXITED(IN_CHILD(CHECK(setresuid(1000, 1000, 1000) == 0); CHECK(kill(-a, SIGTERM) == 0)), 0));
	CHECK(KILLED(reap(a), SIGTERM) && proc_state(b) == 'S');
	CHECK(EXITED(IN_CHILD(CHECK(setresuid(1000, 1000, 1000) == 0); CHECK_ERR(kill(-a, SIGTERM), EPERM)), 0));
	kill(b, SIGKILL);
	reap(b);
}

/* The sender's real or effective user is the target's real or saved one; SIGCONT also within the session. */
static void permission_by_each_id(void)
{
	if (geteuid())
		check_skip("needs root");
	pid_t p = fork();
	if (!p) {
		CHECK(setresuid(1000, 2000, 3000) == 0);
		SHARED[0] = 1;
		for (;;)
			pause();
	}
	await_value(&SHARED[0], 1);
	static const struct {
		uid_t r, e, s;
		int ok;
	} who[] = { { 1000, 1000, 1000, 1 }, { 3000, 3000, 3000, 1 }, { 2000, 2000, 2000, 0 }, { 4000, 1000, 4000, 1 }, { 3000, 4000, 4000, 1 },
		{ 4000, 4000, 1000, 0 } };
	for (unsigned i = 0; i < NELEM(who); i++) {
		int st = IN_CHILD({
			CHECK(setresuid(who[i].r, who[i].e, who[i].s) == 0);
			errno = 0;
			int r = kill(p, 0);
			CHECK(who[i].ok ? r == 0 : r == -1 && errno == EPERM);
			CHECK(kill(p, SIGCONT) == 0); /* the same session */
		});
		CHECK(EXITED(st, 0));
	}
	CHECK(EXITED(IN_CHILD(CHECK(setsid() > 0); CHECK(setresuid(4000, 4000, 4000) == 0); CHECK_ERR(kill(p, SIGCONT), EPERM)), 0));
	kill(p, SIGKILL);
	reap(p);
}

static void *waits(void *arg)
{
	SHARED[0] = (int)syscall(SYS_gettid);
	for (;;)
		pause();
	return arg;
}
/* kill takes the number of any thread for its process; a zombie takes all and does nothing. */
static void to_a_thread_by_number(void)
{
	pid_t p = fork();
	if (!p) {
		pthread_t t;
		pthread_create(&t, NULL, waits, NULL);
		for (;;)
			pause();
	}
	while (!SHARED[0])
		msleep(1);
	CHECK_ERR(syscall(SYS_tgkill, getpid(), SHARED[0], 0), ESRCH);
	CHECK(syscall(SYS_tgkill, p, SHARED[0], 0) == 0 && syscall(SYS_tkill, SHARED[0], 0) == 0);
	CHECK(kill(SHARED[0], SIGTERM) == 0);
	CHECK(KILLED(reap(p), SIGTERM));
}

/* The library shows SI_TKILL as SI_USER: so without it. */
static int take(int sig, siginfo_t *si)
{
	sigset_t s;
	mask_of(&s, sig);
	return (int)syscall(SYS_rt_sigtimedwait, &s, si, NULL, 8);
}
static void *takes(void *arg)
{
	siginfo_t si;
	SHARED[(long)arg] = (int)syscall(SYS_gettid);
	CHECK(take(SIGUSR1, &si) == SIGUSR1);
	SHARED[(long)arg + 4] = si.si_code;
	return NULL;
}
/* One for the process goes to who waits for it; one for a thread stays with it. */
static void process_and_thread_queues(void)
{
	pthread_t t;
	block(SIGUSR1);
	CHECK(pthread_create(&t, NULL, takes, (void *)1) == 0);
	while (!SHARED[1])
		sched_yield();
	CHECK(syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1) == 0);
	CHECK(is_pending(SIGUSR1));
	msleep(20);
	CHECK(!SHARED[5] && is_pending(SIGUSR1));
	CHECK(kill(getpid(), SIGUSR1) == 0);
	CHECK(pthread_join(t, NULL) == 0 && SHARED[5] == SI_USER);
	siginfo_t si;
	CHECK(take(SIGUSR1, &si) == SIGUSR1 && si.si_code == SI_TKILL && !is_pending(SIGUSR1));
}

static void *ends_later(void *arg)
{
	block(SIGUSR1);
	SHARED[1] = 1;
	await_value(&SHARED[2], 1);
	return arg;
}
static void on_usr1(int sig) { SHARED[3] = (int)syscall(SYS_gettid) * (sig == SIGUSR1); }
/* What an ending thread did not take, another one does. */
static void retargeted_when_a_thread_ends(void)
{
	pthread_t t;
	signal(SIGUSR1, on_usr1);
	CHECK(pthread_create(&t, NULL, ends_later, NULL) == 0);
	await_value(&SHARED[1], 1);
	sigset_t s, none;
	sigemptyset(&none);
	mask_of(&s, SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, &s, NULL) == 0);
	CHECK(kill(getpid(), SIGUSR1) == 0);
	SHARED[2] = 1;
	CHECK(pthread_join(t, NULL) == 0 && !SHARED[3] && is_pending(SIGUSR1));
	CHECK(sigprocmask(SIG_SETMASK, &none, NULL) == 0 && SHARED[3] == getpid());
}

static void unknown_flags_are_cleared(void)
{
	struct {
		void (*handler)(int);
		unsigned long flags;
		void *restorer;
		unsigned long mask;
	} ka, got;
	memset(&ka, 0, sizeof(ka));
	ka.handler = on_usr1;
	ka.flags = 0xffffffffUL;
	ka.restorer = (void *)8;
	ka.mask = ~0UL;
	CHECK(syscall(SYS_rt_sigaction, SIGUSR2, &ka, NULL, 8) == 0);
	CHECK(syscall(SYS_rt_sigaction, SIGUSR2, NULL, &got, 8) == 0);
	CHECK(got.flags == (1 | 2 | 4 | 0x800 | 0x04000000 | 0x08000000 | 0x10000000 | 0x40000000 | 0x80000000UL));
	CHECK(got.mask == ~(1UL << (SIGKILL - 1) | 1UL << (SIGSTOP - 1)) && got.restorer == (void *)8 && got.handler == on_usr1);
	CHECK_ERR(syscall(SYS_rt_sigaction, 0, NULL, &got, 8), EINVAL);
	CHECK(syscall(SYS_rt_sigaction, SIGKILL, NULL, &got, 8) == 0 && got.handler == SIG_DFL);
}

/* --- the frame ---------------------------------------------------------------------------------------------------------------------------- */

static volatile uintptr_t entry_sp, entry_regs[5];
__asm__(".text\n.type raw_handler, @function\nraw_handler:\n"
		"\tmov %rsp, entry_sp(%rip)\n\tmov %rax, entry_regs(%rip)\n\tmov %rdi, entry_regs+8(%rip)\n\tmov %rsi, entry_regs+16(%rip)\n\tmov %rdx, "
		"entry_regs+24(%rip)\n"
		"\tpushfq\n\tpop %rax\n\tmov %rax, entry_regs+32(%rip)\n"
		"\tjmp look_at_frame\n.previous\n");
extern void raw_handler(int, siginfo_t *, void *);
static uintptr_t sp_before;
static volatile int frame_ok;
__attribute__((used)) static void look_at_frame(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	uintptr_t sp = entry_sp;
	unsigned char *fp = (void *)uc->uc_mcontext.fpregs;
	CHECK(sp % 16 == 8 && entry_regs[0] == 0 && entry_regs[1] == SIGUSR1 && sig == SIGUSR1);
	CHECK(entry_regs[3] == sp + 8 && entry_regs[2] == sp + 8 + 304);
	CHECK(!(entry_regs[4] & 0x10500)); /* DF, RF, TF */
	CHECK(si->si_signo == SIGUSR1 && si->si_code == SI_TKILL);
	CHECK((uc->uc_flags & 6) == 6 && uc->uc_link == NULL);
	CHECK((uintptr_t)fp % 64 == 0 && (uintptr_t)fp >= sp + 440 && (uintptr_t)fp < sp_before - 128);
	uint32_t magic1, size, xsize, magic2;
	memcpy(&magic1, fp + 464, 4);
	memcpy(&size, fp + 468, 4);
	memcpy(&xsize, fp + 480, 4);
	if (uc->uc_flags & 1) {
		memcpy(&magic2, fp + xsize, 4);
		CHECK(magic1 == 0x46505853 && magic2 == 0x46505845 && size == xsize + 4);
	}
	CHECK(uc->uc_mcontext.gregs[REG_CSGSFS] == (0x33 | 0x2bL << 48));
	CHECK((uintptr_t)uc->uc_mcontext.gregs[REG_RSP] <= sp_before);
	frame_ok = 1;
}
static void frame_on_the_stack(void)
{
	struct sigaction sa = { .sa_sigaction = raw_handler, .sa_flags = SA_SIGINFO };
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	sp_before = (uintptr_t)__builtin_frame_address(0);
	raise(SIGUSR1);
	CHECK(frame_ok);
}

/* What the handler changes in the frame is so afterwards: the mask but for KILL and STOP, some of the flags, the registers. */
static void edit_frame(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	(void)sig, (void)si;
	sigfillset(&uc->uc_sigmask);
	uc->uc_mcontext.gregs[REG_R12] = 0x1234567;
	uc->uc_mcontext.gregs[REG_EFL] |= 0x200000 | 0x3000 | 0x400; /* ID, IOPL, DF */
}
static void frame_edited(void)
{
	struct sigaction sa = { .sa_sigaction = edit_frame, .sa_flags = SA_SIGINFO };
	unsigned long r12, flags;
	long ret;
	sigset_t s;
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	__asm__ volatile("xor %%r12d, %%r12d\n\tsyscall\n\tpushfq\n\tpop %1\n\tcld\n\tmov %%r12, %0"
					 : "=r"(r12), "=r"(flags), "=a"(ret)
					 : "a"(SYS_tgkill), "D"(getpid()), "S"(getpid()), "d"(SIGUSR1)
					 : "r12", "rcx", "r11", "memory", "cc");
	CHECK(ret == 0 && r12 == 0x1234567);
	CHECK((flags & 0x400) && !(flags & 0x203000));
	CHECK(sigprocmask(0, NULL, &s) == 0 && sigismember(&s, SIGTERM) && !sigismember(&s, SIGKILL) && !sigismember(&s, SIGSTOP));
}

/* --- going on ------------------------------------------------------------------------------------------------------------------------------ */

static void on_sig(int sig)
{
	(void)sig;
	SHARED[12]++;
}
/* Stopped and continued without a handler, a call goes on as if nothing had been. */
static long call_sleep(void)
{
	struct timespec t = { 0, 300000000 };
	return syscall(SYS_nanosleep, &t, NULL);
}
static long call_clock(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += 300000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}
static long call_poll(void) { return syscall(SYS_poll, NULL, 0, 300); }
static long call_futex(void)
{
	static int word;
	struct timespec t = { 0, 300000000 };
	long r = syscall(SYS_futex, &word, FUTEX_WAIT, 0, &t, NULL, 0);
	return r == -1 && errno == ETIMEDOUT ? 0 : -1;
}
static long call_select(void)
{
	struct timeval t = { 0, 300000 };
	return syscall(SYS_select, 0, NULL, NULL, NULL, &t);
}
static void calls_go_on_after_a_stop(void)
{
	static long (*const calls[])(void) = { call_sleep, call_clock, call_poll, call_futex, call_select };
	for (unsigned i = 0; i < NELEM(calls); i++) {
		int st;
		pid_t p = fork();
		if (!p) {
			double start = now();
			long r = calls[i]();
			_exit(r != 0 ? 1 : now() - start < 0.29 ? 2 : 0);
		}
		await_state(p, "S");
		for (int k = 0; k < 2; k++) {
			kill(p, SIGSTOP);
			CHECK(waitpid(p, &st, WUNTRACED) == p && WIFSTOPPED(st));
			kill(p, SIGCONT);
			CHECK(waitpid(p, &st, WCONTINUED) == p && WIFCONTINUED(st));
			await_state(p, "SZ");
		}
		CHECK(EXITED(reap(p), 0));
	}
}
/* Behind a handler these fail with EINTR, even if it asks for a restart. */
static void calls_end_behind_a_handler(void)
{
	static long (*const calls[])(void) = { call_sleep, call_clock, call_poll, call_select };
	for (unsigned i = 0; i < NELEM(calls); i++) {
		pid_t p = fork();
		if (!p) {
			struct sigaction sa = { .sa_handler = on_sig, .sa_flags = SA_RESTART };
			sigaction(SIGUSR1, &sa, NULL);
			SHARED[i] = 1;
			errno = 0;
			_exit(calls[i]() == -1 && errno == EINTR ? 0 : 1);
		}
		await_value(&SHARED[i], 1);
		await_state(p, "S");
		kill(p, SIGUSR1);
		CHECK(EXITED(reap(p), 0));
	}
}

/* --- stops --------------------------------------------------------------------------------------------------------------------------------- */

static void *counts(void *arg)
{
	for (;;)
		SHARED[(long)arg]++;
	return NULL;
}
/* One thread takes the stop, all of them stand; SIGCONT lets them go even where it is blocked or ignored. */
static void all_threads_stop_and_go(void)
{
	int st;
	pid_t p = fork();
	if (!p) {
		pthread_t t;
		block(SIGCONT);
		signal(SIGCONT, SIG_IGN);
		for (long i = 0; i < 3; i++)
			CHECK(pthread_create(&t, NULL, counts, (void *)i) == 0);
		for (;;)
			pause();
	}
	while (!SHARED[0] || !SHARED[1] || !SHARED[2])
		msleep(1);
	kill(p, SIGSTOP);
	CHECK(waitpid(p, &st, WUNTRACED) == p && WIFSTOPPED(st));
	int before[3] = { SHARED[0], SHARED[1], SHARED[2] };
	msleep(30);
	CHECK(before[0] == SHARED[0] && before[1] == SHARED[1] && before[2] == SHARED[2]);
	kill(p, SIGCONT);
	CHECK(waitpid(p, &st, WCONTINUED) == p && WIFCONTINUED(st));
	while (before[0] == SHARED[0] || before[1] == SHARED[1] || before[2] == SHARED[2])
		msleep(1);
	kill(p, SIGKILL);
	reap(p);
}

/* A caught terminal stop is a signal like another; SIGKILL ends a stopped process, nothing else does. */
static void stopped_ones_die_by_sigkill_only(void)
{
	int st;
	pid_t p = sleeper(0);
	await_value(&SHARED[15], 1);
	kill(p, SIGSTOP);
	CHECK(waitpid(p, &st, WUNTRACED) == p);
	kill(p, SIGTERM);
	kill(p, SIGINT);
	msleep(20);
	CHECK(proc_state(p) == 'T' && waitpid(p, &st, WNOHANG) == 0);
	kill(p, SIGCONT);
	st = reap(p);
	CHECK(KILLED(st, SIGINT)); /* the lower number first */
	p = sleeper(0);
	await_value(&SHARED[15], 2);
	kill(p, SIGSTOP);
	CHECK(waitpid(p, &st, WUNTRACED) == p);
	kill(p, SIGKILL);
	CHECK(KILLED(reap(p), SIGKILL));
	p = fork();
	if (!p) {
		struct sigaction sa = { .sa_handler = on_sig };
		sigaction(SIGTSTP, &sa, NULL);
		raise(SIGTSTP);
		_exit(SHARED[12] == 1 ? 6 : 7);
	}
	CHECK(EXITED(reap(p), 6));
}

CASES(CASE(to_ones_own_group), CASE(to_a_group_of_several_users), CASE(permission_by_each_id), CASE(to_a_thread_by_number),
	CASE(process_and_thread_queues), CASE(retargeted_when_a_thread_ends), CASE(unknown_flags_are_cleared), CASE(frame_on_the_stack),
	CASE(frame_edited), CASE(calls_go_on_after_a_stop), CASE(calls_end_behind_a_handler), CASE(all_threads_stop_and_go),
	CASE(stopped_ones_die_by_sigkill_only))
