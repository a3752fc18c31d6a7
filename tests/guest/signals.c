/* Signals: handlers, masks, flags, queues, waiting for them, stop and continue. */
#include "check.h"
#include <pthread.h>

static volatile sig_atomic_t hits, last, depth, max_depth;
static volatile int order[64];
static volatile int norder;
static volatile siginfo_t info; /* glibc says that kill() calls nothing back: so volatile */
static void on_sig(int sig)
{
	hits++;
	last = sig;
	if (norder < 64)
		order[norder++] = sig;
}
static void on_info(int sig, siginfo_t *si, void *uc) { (void)uc; info = *si; on_sig(sig); }
static void handle(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = { .sa_handler = fn, .sa_flags = flags };
	CHECK(sigaction(sig, &sa, NULL) == 0);
}
static void handle_info(int sig, int flags)
{
	struct sigaction sa = { .sa_sigaction = on_info, .sa_flags = SA_SIGINFO | flags };
	CHECK(sigaction(sig, &sa, NULL) == 0);
}
static sigset_t set_of(int sig)
{
	sigset_t s;
	sigemptyset(&s);
	if (sig)
		sigaddset(&s, sig);
	return s;
}
static void block(int sig) { sigset_t s = set_of(sig); CHECK(sigprocmask(SIG_BLOCK, &s, NULL) == 0); }
static void unblock(int sig) { sigset_t s = set_of(sig); CHECK(sigprocmask(SIG_UNBLOCK, &s, NULL) == 0); }

static void argument_errors(void)
{
	struct sigaction sa = { .sa_handler = on_sig };
	CHECK_ERR(sigaction(SIGKILL, &sa, NULL), EINVAL);
	CHECK_ERR(sigaction(SIGSTOP, &sa, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigaction, 65, NULL, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigaction, SIGUSR1, 8, NULL, 8), EFAULT);
	CHECK_ERR(syscall(SYS_rt_sigprocmask, 9, &sa, NULL, 8), EINVAL);
	CHECK_ERR(kill(getpid(), 65), EINVAL);
	CHECK_ERR(kill(0x3fffffff, SIGUSR1), ESRCH);
	CHECK(kill(getpid(), 0) == 0);
	CHECK_ERR(syscall(SYS_tgkill, getpid(), 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_tgkill, 0x3ffffff, getpid(), 0), ESRCH);
	sigset_t s = set_of(SIGKILL), got;
	CHECK(sigprocmask(SIG_BLOCK, &s, NULL) == 0 && sigprocmask(0, NULL, &got) == 0 && !sigismember(&got, SIGKILL));
}
static void permissions(void)
{
	pid_t p = fork();
	if (!p)
		for (;;)
			pause();
	CHECK(EXITED(IN_CHILD(CHECK(setresuid(12345, 12345, 12345) == 0); CHECK_ERR(kill(p, SIGTERM), EPERM); CHECK_ERR(kill(p, 0), EPERM)), 0));
	kill(p, SIGKILL);
	CHECK(KILLED(reap(p), SIGKILL));
}
static void handler_runs_and_returns(void)
{
	handle(SIGUSR1, on_sig, 0);
	CHECK(raise(SIGUSR1) == 0);
	CHECK(hits == 1 && last == SIGUSR1);
	CHECK(kill(getpid(), SIGUSR1) == 0 && hits == 2);
}
static void default_actions(void)
{
	int deadly[] = { SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGABRT, SIGFPE, SIGSEGV, SIGPIPE, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2, SIGBUS, SIGXCPU, SIGXFSZ,
		SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSYS, SIGRTMIN, SIGRTMAX };
	int harmless[] = { SIGCHLD, SIGCONT, SIGURG, SIGWINCH };
	for (size_t i = 0; i < NELEM(deadly); i++)
		CHECK(KILLED(IN_CHILD(kill(getpid(), deadly[i])), deadly[i]));
	for (size_t i = 0; i < NELEM(harmless); i++)
		CHECK(EXITED(IN_CHILD(kill(getpid(), harmless[i]); _exit(4)), 4));
	int st;
	pid_t p = fork();
	if (!p) {
		raise(SIGTSTP);
		_exit(5);
	}
	/* an orphaned group would ignore it; this one has its parent in the session */
	CHECK(waitpid(p, &st, WUNTRACED) == p && WIFSTOPPED(st) && WSTOPSIG(st) == SIGTSTP);
	kill(p, SIGCONT);
	CHECK(EXITED(reap(p), 5));
}
static void masks_and_pending(void)
{
	sigset_t p;
	handle(SIGUSR1, on_sig, 0);
	block(SIGUSR1);
	raise(SIGUSR1);
	raise(SIGUSR1);
	CHECK(hits == 0 && sigpending(&p) == 0 && sigismember(&p, SIGUSR1));
	unblock(SIGUSR1);
	CHECK(hits == 1); /* standard signals do not queue */
	CHECK(sigpending(&p) == 0 && !sigismember(&p, SIGUSR1));
	signal(SIGUSR2, SIG_IGN);
	block(SIGUSR2);
	raise(SIGUSR2);
	CHECK(sigpending(&p) == 0 && sigismember(&p, SIGUSR2)); /* blocked: ignored only later */
	signal(SIGUSR2, SIG_IGN); /* setting it to ignored drops it */
	CHECK(sigpending(&p) == 0 && !sigismember(&p, SIGUSR2));
}
static void nest(int sig)
{
	depth++;
	if (depth > max_depth)
		max_depth = depth;
	if (depth < 3 && hits + depth < 4)
		raise(sig);
	depth--;
	hits++;
}
static void nodefer(void)
{
	handle(SIGUSR1, nest, 0);
	raise(SIGUSR1);
	CHECK(max_depth == 1 && hits >= 2); /* the inner one waited for the outer's end */
	hits = max_depth = 0;
	handle(SIGUSR1, nest, SA_NODEFER);
	raise(SIGUSR1);
	CHECK(max_depth == 3 && hits == 3);
}
static void check_mask(int sig)
{
	sigset_t m;
	sigprocmask(0, NULL, &m);
	hits = sigismember(&m, sig) && sigismember(&m, SIGUSR2) && !sigismember(&m, SIGTERM);
}
static void mask_during_and_after_the_handler(void)
{
	struct sigaction sa = { .sa_handler = check_mask };
	sigset_t m;
	sigaddset(&sa.sa_mask, SIGUSR2);
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	raise(SIGUSR1);
	CHECK(hits == 1);
	CHECK(sigprocmask(0, NULL, &m) == 0 && !sigismember(&m, SIGUSR1) && !sigismember(&m, SIGUSR2));
}
static void resethand(void)
{
	struct sigaction got;
	handle(SIGUSR1, on_sig, SA_RESETHAND);
	raise(SIGUSR1);
	CHECK(hits == 1 && sigaction(SIGUSR1, NULL, &got) == 0 && got.sa_handler == SIG_DFL);
}
static char alt[65536];
static volatile uintptr_t seen_sp;
static void on_alt(int sig)
{
	stack_t s;
	seen_sp = (uintptr_t)__builtin_frame_address(0) - (uintptr_t)alt;
	on_sig(sig);
	sigaltstack(NULL, &s);
	last = s.ss_flags;
}
static void alternate_stack(void)
{
	stack_t ss = { .ss_sp = alt, .ss_size = sizeof(alt) }, old, small = { .ss_sp = alt, .ss_size = 100 };
	CHECK_ERR(sigaltstack(&small, NULL), ENOMEM);
	CHECK(sigaltstack(&ss, NULL) == 0);
	handle(SIGUSR1, on_alt, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK(seen_sp < sizeof(alt) && last == SS_ONSTACK);
	handle(SIGUSR1, on_alt, 0);
	raise(SIGUSR1);
	CHECK(seen_sp >= sizeof(alt));
	CHECK(sigaltstack(NULL, &old) == 0 && old.ss_sp == alt && old.ss_flags == 0);
	ss.ss_flags = SS_DISABLE;
	CHECK(sigaltstack(&ss, NULL) == 0 && sigaltstack(NULL, &old) == 0 && old.ss_flags == SS_DISABLE);
}
/* A child that signals us once we sleep. */
static pid_t signaller(int sig, int times)
{
	pid_t me = getpid(), p = fork();
	CHECK(p >= 0);
	if (!p) {
		for (int i = 0; i < times; i++) {
			await_state(me, "S");
			kill(me, sig);
			msleep(3);
		}
		_exit(0);
	}
	return p;
}
static void restart_or_eintr(void)
{
	int fds[2];
	char c;
	CHECK(pipe(fds) == 0);
	handle(SIGUSR1, on_sig, 0);
	pid_t p = signaller(SIGUSR1, 1);
	CHECK_ERR(read(fds[0], &c, 1), EINTR);
	reap(p);
	handle(SIGUSR1, on_sig, SA_RESTART);
	pid_t me = getpid();
	p = fork();
	if (!p) {
		await_state(me, "S");
		kill(me, SIGUSR1);
		while (hits < 1 && proc_state(me) != 'S')
			;
		msleep(5);
		CHECK(write(fds[1], "x", 1) == 1);
		_exit(0);
	}
	CHECK(read(fds[0], &c, 1) == 1 && c == 'x' && hits == 2);
	reap(p);
	/* nanosleep and pause never restart */
	struct timespec t = { 20, 0 }, left = { 0, 0 };
	p = signaller(SIGUSR1, 1);
	CHECK_ERR(nanosleep(&t, &left), EINTR);
	CHECK(left.tv_sec >= 15);
	reap(p);
	p = signaller(SIGUSR1, 1);
	CHECK_ERR(pause(), EINTR);
	reap(p);
}
static void suspend_swaps_the_mask(void)
{
	sigset_t none = set_of(0), m;
	handle(SIGUSR1, on_sig, 0);
	block(SIGUSR1);
	raise(SIGUSR1);
	CHECK(hits == 0);
	CHECK_ERR(sigsuspend(&none), EINTR);
	CHECK(hits == 1 && sigprocmask(0, NULL, &m) == 0 && sigismember(&m, SIGUSR1));
}
static void realtime_queue_in_order(void)
{
	handle_info(SIGRTMIN, 0);
	for (int i = 0; i < 5; i++)
		handle(SIGRTMIN + i, on_sig, 0);
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	union sigval v = { 0 };
	for (int i = 4; i >= 0; i--) {
		CHECK(sigqueue(getpid(), SIGRTMIN + i, v) == 0);
		CHECK(sigqueue(getpid(), SIGRTMIN + i, v) == 0);
	}
	sigset_t s = set_of(0), w = set_of(SIGRTMIN + 1);
	siginfo_t si;
	struct timespec zero = { 0, 0 };
	CHECK(sigtimedwait(&w, &si, &zero) == SIGRTMIN + 1);
	/* the lowest number is delivered first: handlers are stacked, so with all masks empty the first delivered ends last */
	struct sigaction sa = { .sa_handler = on_sig };
	sigfillset(&sa.sa_mask);
	for (int i = 0; i < 5; i++)
		sigaction(SIGRTMIN + i, &sa, NULL);
	sigprocmask(SIG_SETMASK, &s, NULL);
	CHECK(norder == 9);
	for (int i = 1; i < 9; i++)
		CHECK(order[i - 1] <= order[i]);
}
static void queue_values_keep_their_order(void)
{
	siginfo_t si;
	sigset_t s = set_of(SIGRTMIN + 3);
	struct timespec zero = { 0, 0 };
	block(SIGRTMIN + 3);
	for (int i = 0; i < 10; i++) {
		union sigval v = { .sival_int = i };
		CHECK(sigqueue(getpid(), SIGRTMIN + 3, v) == 0);
	}
	for (int i = 0; i < 10; i++) {
		CHECK(sigtimedwait(&s, &si, &zero) == SIGRTMIN + 3);
		CHECK(si.si_value.sival_int == i && si.si_code == SI_QUEUE && si.si_pid == getpid() && si.si_uid == getuid());
	}
	CHECK_ERR(sigtimedwait(&s, &si, &zero), EAGAIN);
}
static void timedwait(void)
{
	siginfo_t si;
	sigset_t s = set_of(SIGUSR1);
	struct timespec t = { 0, 5000000 }, bad = { 0, -1 };
	block(SIGUSR1);
	double a = now();
	CHECK_ERR(sigtimedwait(&s, &si, &t), EAGAIN);
	CHECK(now() - a >= 0.005);
	CHECK_ERR(sigtimedwait(&s, &si, &bad), EINVAL);
	pid_t p = signaller(SIGUSR1, 1);
	CHECK(sigwaitinfo(&s, &si) == SIGUSR1 && si.si_code == SI_USER && si.si_pid == p);
	reap(p);
	handle(SIGUSR2, on_sig, SA_RESTART);
	p = signaller(SIGUSR2, 1);
	CHECK_ERR(syscall(SYS_rt_sigtimedwait, &s, &si, NULL, 8), EINTR); /* the call itself: musl tries again */
	reap(p);
}
static void info_fields(void)
{
	handle_info(SIGUSR1, 0);
	kill(getpid(), SIGUSR1);
	CHECK(info.si_signo == SIGUSR1 && info.si_code == SI_USER && info.si_pid == getpid() && info.si_uid == getuid());
	syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1);
	CHECK(info.si_code == SI_TKILL && info.si_pid == getpid());
	union sigval v = { .sival_ptr = (void *)0x123456789 };
	sigqueue(getpid(), SIGUSR1, v);
	CHECK(info.si_code == SI_QUEUE && info.si_value.sival_ptr == (void *)0x123456789);
	siginfo_t fake = { .si_code = SI_USER };
	CHECK_ERR(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &fake), EPERM);
}

static void *take_usr1(void *arg)
{
	sigset_t s = set_of(SIGUSR1);
	(void)arg;
	pthread_sigmask(SIG_UNBLOCK, &s, NULL);
	SHARED[0] = 1;
	while (!hits)
		msleep(1);
	return NULL;
}
static void blocked_in_one_thread_only(void)
{
	pthread_t t;
	handle(SIGUSR1, on_sig, 0);
	block(SIGUSR1);
	CHECK(pthread_create(&t, NULL, take_usr1, NULL) == 0);
	await_value(&SHARED[0], 1);
	CHECK(kill(getpid(), SIGUSR1) == 0);
	CHECK(pthread_join(t, NULL) == 0 && hits == 1);
}
static void stop_and_continue(void)
{
	int st;
	pid_t p = fork();
	if (!p) {
		handle(SIGCONT, on_sig, 0);
		SHARED[0] = 1;
		while (!hits)
			pause();
		_exit(7);
	}
	await_value(&SHARED[0], 1);
	kill(p, SIGSTOP);
	CHECK(waitpid(p, &st, WUNTRACED) == p && WIFSTOPPED(st));
	CHECK(proc_state(p) == 'T');
	kill(p, SIGUSR2); /* would kill it: but it stands still */
	CHECK(proc_state(p) == 'T');
	kill(p, SIGCONT);
	st = reap(p);
	CHECK(KILLED(st, SIGUSR2) || EXITED(st, 7));
}
static void cont_drops_stops_and_back(void)
{
	sigset_t p;
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	raise(SIGTSTP);
	CHECK(sigpending(&p) == 0 && sigismember(&p, SIGTSTP));
	raise(SIGCONT);
	CHECK(sigpending(&p) == 0 && !sigismember(&p, SIGTSTP) && sigismember(&p, SIGCONT));
	raise(SIGTTIN);
	CHECK(sigpending(&p) == 0 && !sigismember(&p, SIGCONT) && sigismember(&p, SIGTTIN));
}

CASES(CASE(argument_errors), CASE(permissions), CASE(handler_runs_and_returns), CASE(default_actions), CASE(masks_and_pending), CASE(nodefer),
	CASE(mask_during_and_after_the_handler), CASE(resethand), CASE(alternate_stack), CASE(restart_or_eintr), CASE(suspend_swaps_the_mask),
	CASE(realtime_queue_in_order), CASE(queue_values_keep_their_order), CASE(timedwait), CASE(info_fields), CASE(blocked_in_one_thread_only),
	CASE(stop_and_continue), CASE(cont_drops_stops_and_back))
