/* Signals where two things happen at once: a stop that is broken off half-way, a fault beside other signals, faults of a pid namespace's init. */
#include "check.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <ucontext.h>

/* --- a stop that is broken off ----------------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t told[8], told_status;
static void on_child(int sig, siginfo_t *si, void *ctx)
{
	if (si->si_code > 0 && si->si_code < 8)
		told[si->si_code]++;
	told_status = si->si_status;
}
static void listen_to_children(void)
{
	struct sigaction sa = { .sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_RESTART };
	CHECK(sigaction(SIGCHLD, &sa, NULL) == 0);
}

enum { LENT, OTHER_TID, GIVE_BACK, BEATS };
/* Sleeps in vfork, where only SIGKILL reaches it. */
static void *lends_its_memory(void *arg)
{
	SHARED[OTHER_TID] = (int)syscall(SYS_gettid);
	pid_t pid = vfork();
	if (!pid) {
		SHARED[LENT] = 1;
		while (!SHARED[GIVE_BACK])
			syscall(SYS_nanosleep, &(struct timespec){ 0, 1000000 }, NULL);
		_exit(0);
	}
	for (;;)
		pause();
	return NULL;
}
static pid_t two_threads(void)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid)
		return pid;
	pthread_t t;
	CHECK(pthread_create(&t, NULL, lends_its_memory, NULL) == 0);
	for (;; SHARED[BEATS]++)
		msleep(1);
}
static char thread_state(pid_t pid, pid_t tid)
{
	char path[64], buf[512], *p;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	buf[n] = 0;
	p = strrchr(buf, ')');
	return p ? p[2] : 0;
}
static void await_thread(pid_t pid, pid_t tid, char state)
{
	while (thread_state(pid, tid) != state)
		msleep(1);
}
static void await_beats(void)
{
	int n = SHARED[BEATS];
	while (SHARED[BEATS] < n + 3)
		msleep(1);
}

static void half_made_stop(void)
{
	siginfo_t si;
	int st;
	listen_to_children();
	pid_t pid = two_threads();
	await_value(&SHARED[LENT], 1);
	for (int i = 0; i < 3; i++) {
		told[CLD_STOPPED] = told[CLD_CONTINUED] = 0;
		CHECK(kill(pid, SIGSTOP) == 0);
		await_thread(pid, pid, 'T');
		CHECK(thread_state(pid, SHARED[OTHER_TID]) == 'D');
		/* One of two: nobody has heard of a stop yet. */
		CHECK(waitpid(pid, &st, WUNTRACED | WNOHANG) == 0 && !told[CLD_STOPPED]);
		CHECK(kill(pid, SIGCONT) == 0);
		await_beats();
		CHECK(told[CLD_STOPPED] == 1 && !told[CLD_CONTINUED] && told_status == 0);
		/* It was no stop, but it has been continued. */
		CHECK(waitpid(pid, &st, WUNTRACED | WNOHANG) == 0);
		CHECK(waitid(P_PID, (id_t)pid, &si, WCONTINUED | WNOHANG) == 0 && si.si_pid == pid && si.si_code == CLD_CONTINUED && si.si_status == SIGCONT);
		CHECK(waitpid(pid, &st, WCONTINUED | WNOHANG) == 0);
	}
	/* A whole one. */
	SHARED[GIVE_BACK] = 1;
	await_thread(pid, SHARED[OTHER_TID], 'S');
	told[CLD_STOPPED] = 0;
	CHECK(kill(pid, SIGTSTP) == 0 && waitpid(pid, &st, WUNTRACED) == pid && WIFSTOPPED(st) && WSTOPSIG(st) == SIGTSTP);
	CHECK(told[CLD_STOPPED] == 1 && told_status == SIGTSTP);
	CHECK(kill(pid, SIGCONT) == 0 && waitpid(pid, &st, WCONTINUED) == pid && WIFCONTINUED(st));
	await_beats();
	CHECK(told[CLD_STOPPED] == 1 && told[CLD_CONTINUED] == 1);
	kill(pid, SIGKILL);
	CHECK(KILLED(reap(pid), SIGKILL));
}

/* The one that cannot stop leaves by its process's end: no stop has been. */
static void half_made_stop_and_kill(void)
{
	int st;
	listen_to_children();
	pid_t pid = two_threads();
	await_value(&SHARED[LENT], 1);
	CHECK(kill(pid, SIGSTOP) == 0);
	await_thread(pid, pid, 'T');
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(waitpid(pid, &st, WUNTRACED) == pid && KILLED(st, SIGKILL));
	CHECK(!told[CLD_STOPPED] && !told[CLD_CONTINUED] && told[CLD_KILLED] == 1);
	SHARED[GIVE_BACK] = 1;
}

static volatile int hold = 1;
static void *ends(void *arg)
{
	while (hold)
		msleep(1);
	return NULL;
}
static void *stops_all(void *arg)
{
	raise(SIGSTOP);
	return NULL;
}
/* A thread that ends instead of stopping completes the stop: its parent hears of it. */
static void stop_completed_by_an_exit(void)
{
	int st;
	listen_to_children();
	pid_t pid = fork();
	if (!pid) {
		pthread_t t[2];
		CHECK(pthread_create(&t[0], NULL, ends, NULL) == 0);
		msleep(5);
		hold = 0;
		CHECK(pthread_create(&t[1], NULL, stops_all, NULL) == 0);
		for (int i = 0; i < 2; i++)
			pthread_join(t[i], NULL);
		_exit(3);
	}
	CHECK(waitpid(pid, &st, WUNTRACED) == pid && WIFSTOPPED(st) && WSTOPSIG(st) == SIGSTOP);
	msleep(5);
	CHECK(told[CLD_STOPPED] == 1);
	CHECK(kill(pid, SIGCONT) == 0);
	CHECK(EXITED(reap(pid), 3));
}

/* --- faults first ------------------------------------------------------------------------------------------------------------------------ */

static volatile sig_atomic_t order[8], n_order;
static void note(int sig) { order[n_order++] = sig; }
static void catch_whole(int sig)
{
	struct sigaction sa = { .sa_handler = note };
	sigfillset(&sa.sa_mask);
	CHECK(sigaction(sig, &sa, NULL) == 0);
}
/* Its frame cannot be taken back: the mask is, and a fault comes on top. */
static void spoil(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	sigemptyset(&uc->uc_sigmask);
	uc->uc_mcontext.fpregs = (void *)64;
}
static void faults_come_first(void)
{
	static const int others[] = { SIGHUP, SIGQUIT, SIGILL, SIGBUS };
	sigset_t all;
	struct sigaction sa = { .sa_sigaction = spoil, .sa_flags = SA_SIGINFO };
	sigfillset(&sa.sa_mask);
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	catch_whole(SIGSEGV);
	sigfillset(&all);
	sigdelset(&all, SIGUSR1);
	CHECK(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
	for (size_t i = 0; i < NELEM(others); i++) {
		catch_whole(others[i]);
		/* To this thread: its own queue, as the fault. SIGILL and SIGBUS are of the kind of faults, but from somebody. */
		CHECK(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), others[i]) == 0);
	}
	raise(SIGUSR1);
	static const int want[] = { SIGSEGV, SIGILL, SIGBUS, SIGHUP, SIGQUIT };
	CHECK(n_order == NELEM(want));
	for (size_t i = 0; i < NELEM(want); i++)
		CHECK(order[i] == want[i]);
}

/* --- the init of a pid namespace --------------------------------------------------------------------------------------------------------- */

static pid_t new_init(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
	if (pid < 0 && errno == EPERM)
		check_skip("not root");
	CHECK(pid >= 0);
	return pid;
}
static void fault(void) { *(volatile int *)8 = 1; }
static void nothing(int sig) {}

static void inits_die_of_forced_signals(void)
{
	sigset_t s;
	pid_t pid = new_init();
	/* A handler, but blocked. */
	if (!pid) {
		signal(SIGSEGV, nothing);
		sigemptyset(&s);
		sigaddset(&s, SIGSEGV);
		sigprocmask(SIG_BLOCK, &s, NULL);
		fault();
		_exit(0);
	}
	CHECK((reap(pid) & 0x7f) == SIGSEGV);
	/* Ignored. */
	if (!(pid = new_init())) {
		signal(SIGFPE, SIG_IGN);
		__asm__ volatile("divl %0" ::"r"(0), "a"(1), "d"(0));
		_exit(0);
	}
	CHECK((reap(pid) & 0x7f) == SIGFPE);
	/* No room for a handler's frame. */
	if (!(pid = new_init())) {
		stack_t ss = { .ss_sp = mmap(NULL, 16384, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), .ss_size = 16384 };
		struct sigaction sa = { .sa_handler = nothing, .sa_flags = SA_ONSTACK };
		sigaltstack(&ss, NULL);
		sigaction(SIGUSR1, &sa, NULL);
		raise(SIGUSR1);
		_exit(0);
	}
	CHECK((reap(pid) & 0x7f) == SIGSEGV);
	/* The same number from somebody in the namespace, or from itself, does nothing. */
	if (!(pid = new_init())) {
		if (!fork())
			_exit(kill(1, SIGSEGV) == 0 ? 0 : 1);
		int st;
		CHECK(wait(&st) > 0 && EXITED(st, 0));
		raise(SIGSEGV);
		raise(SIGILL);
		_exit(4);
	}
	CHECK(EXITED(reap(pid), 4));
}

static void expect_stop(pid_t pid, int sig)
{
	int st;
	CHECK(waitpid(pid, &st, 0) == pid && WIFSTOPPED(st) && WSTOPSIG(st) == sig);
}
static void traced_init_survives_its_fault(void)
{
	pid_t pid = new_init();
	if (!pid) {
		CHECK(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0);
		raise(SIGSTOP);
		fault();
		_exit(0);
	}
	expect_stop(pid, SIGSTOP);
	CHECK(ptrace(PTRACE_CONT, pid, 0, 0) == 0);
	/* Let through it does nothing to an init: it faults anew. */
	for (int i = 0; i < 3; i++) {
		expect_stop(pid, SIGSEGV);
		CHECK(ptrace(PTRACE_CONT, pid, 0, SIGSEGV) == 0);
	}
	expect_stop(pid, SIGSEGV);
	CHECK(ptrace(PTRACE_DETACH, pid, 0, 0) == 0);
	CHECK((reap(pid) & 0x7f) == SIGSEGV);
}

static void confine_to_death(int nr)
{
	struct sock_filter prog[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = { NELEM(prog), prog };
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p) == 0);
}
/* What a filter kills dies whoever it is, and no tracer is asked. */
static void filters_kill_inits(void)
{
	pid_t pid = new_init();
	if (!pid) {
		signal(SIGSYS, SIG_IGN);
		confine_to_death(SYS_getppid);
		syscall(SYS_getppid);
		_exit(0);
	}
	CHECK((reap(pid) & 0x7f) == SIGSYS);
	if (!(pid = new_init())) {
		CHECK(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0);
		confine_to_death(SYS_getppid);
		syscall(SYS_getppid);
		_exit(0);
	}
	CHECK((reap(pid) & 0x7f) == SIGSYS);
}

CASES(CASE(half_made_stop), CASE(half_made_stop_and_kill), CASE(stop_completed_by_an_exit), CASE(faults_come_first), CASE(inits_die_of_forced_signals),
	CASE(traced_init_survives_its_fault), CASE(filters_kill_inits))
