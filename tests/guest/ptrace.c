/* ptrace: attaching, stops, signals, system calls, detaching, who may. */
#include "trace.h"
#include <pthread.h>
#include <sys/prctl.h>

static void nothing(void) {}

static void traceme(void)
{
	siginfo_t si;
	pid_t p = traced(nothing);
	CHECK(proc_state(p) == 't');
	CHECK(pt(PTRACE_GETSIGINFO, p, 0, (uintptr_t)&si) == 0);
	CHECK(si.si_signo == SIGSTOP && si.si_code == SI_TKILL && si.si_pid == p);
	cont(p);
	CHECK(EXITED(reap(p), 0));
}

static void argument_errors(void)
{
	unsigned long v;
	pid_t p = traced(nothing), other = child(sleeps);
	CHECK(EXITED(IN_CHILD(CHECK(pt(PTRACE_TRACEME, 0, 0, 0) == 0); CHECK_ERR(pt(PTRACE_TRACEME, 0, 0, 0), EPERM)), 0));
	CHECK_ERR(pt(PTRACE_CONT, 0x3ffffff, 0, 0), ESRCH);
	CHECK_ERR(pt(PTRACE_CONT, other, 0, 0), ESRCH);
	CHECK_ERR(pt(PTRACE_ATTACH, 0x3ffffff, 0, 0), ESRCH);
	CHECK_ERR(pt(PTRACE_ATTACH, p, 0, 0), EPERM);
	CHECK_ERR(pt(PTRACE_SEIZE, p, 0, 0), EPERM);
	CHECK_ERR(pt(PTRACE_ATTACH, getpid(), 0, 0), EPERM);
	CHECK_ERR(pt(PTRACE_SEIZE, other, 1, 0), EIO);
	CHECK_ERR(pt(PTRACE_SEIZE, other, 0, 1UL << 30), EIO);
	CHECK_ERR(pt(PTRACE_SETOPTIONS, p, 0, 1UL << 30), EINVAL);
	CHECK_ERR(pt(PTRACE_SETOPTIONS, p, 0, 1UL << 32), EINVAL);
	CHECK_ERR(pt(PTRACE_CONT, p, 0, 65), EIO);
	CHECK_ERR(pt(PTRACE_CONT, p, 0, -1UL), EIO);
	CHECK_ERR(pt(PTRACE_DETACH, p, 0, 65), EIO);
	CHECK_ERR(pt(0x7777, p, 0, 0), EIO);
	CHECK_ERR(pt(PTRACE_LISTEN, p, 0, 0), EIO);
	CHECK_ERR(pt(PTRACE_INTERRUPT, p, 0, 0), EIO);
	CHECK_ERR(pt(PTRACE_PEEKDATA, p, 8, (uintptr_t)&v), EIO);
	CHECK_ERR(pt(PTRACE_PEEKDATA, p, (uintptr_t)&v, 8), EFAULT);
	CHECK_ERR(pt(PTRACE_PEEKDATA, p, -1UL, (uintptr_t)&v), EIO);
	CHECK_ERR(pt(PTRACE_PEEKDATA, p, 0xffffffff80000000UL, (uintptr_t)&v), EIO);
	CHECK_ERR(pt(PTRACE_POKEDATA, p, 8, 1), EIO);
	CHECK_ERR(pt(PTRACE_GETEVENTMSG, p, 0, 8), EFAULT);
	CHECK_ERR(pt(PTRACE_GETSIGINFO, p, 0, 8), EFAULT);
	CHECK_ERR(pt(T_GETREGS, p, 0, 8), EFAULT);
	CHECK_ERR(pt(T_SETREGS, p, 0, 8), EFAULT);
	cont(p);
	CHECK_ERR(pt(PTRACE_GETREGSET, other, NT_PRSTATUS, 0), ESRCH);
	finish(p);
	finish(other);
}

static void running_tracee_is_esrch(void)
{
	unsigned long v;
	pid_t p = traced(sleeps);
	cont(p);
	CHECK_ERR(pt(PTRACE_CONT, p, 0, 0), ESRCH);
	CHECK_ERR(pt(PTRACE_PEEKDATA, p, (uintptr_t)&v, (uintptr_t)&v), ESRCH);
	CHECK_ERR(pt(PTRACE_DETACH, p, 0, 0), ESRCH);
	finish(p);
}

static void spins(void)
{
	for (;;)
		SHARED[0]++;
}
static void attach_running(void)
{
	pid_t p = child(spins);
	CHECK(pt(PTRACE_ATTACH, p, 0, 0) == 0);
	CHECK(stop_of(p) == SIGSTOP);
	int before = SHARED[0];
	msleep(20);
	CHECK(SHARED[0] == before);
	CHECK(pt(PTRACE_DETACH, p, 0, 0) == 0);
	while (SHARED[0] == before)
		sched_yield();
	CHECK(pt(PTRACE_ATTACH, p, 0, 0) == 0);
	CHECK(stop_of(p) == SIGSTOP);
	CHECK(pt(PTRACE_DETACH, p, 0, SIGTERM) == 0);
	CHECK(KILLED(reap(p), SIGTERM));
}
static void attach_sleeping_restarts(void)
{
	int fds[2], st;
	char c;
	CHECK(pipe(fds) == 0);
	pid_t p = fork();
	if (!p)
		_exit(read(fds[0], &c, 1) == 1 && c == 'x' ? 7 : 8);
	await_state(p, "S");
	CHECK(pt(PTRACE_ATTACH, p, 0, 0) == 0);
	CHECK(stop_of(p) == SIGSTOP);
	struct user_regs_struct r;
	get_regs(p, &r);
	CHECK(r.orig_rax == SYS_read && (long)r.rax == -512);
	CHECK(pt(PTRACE_DETACH, p, 0, 0) == 0);
	CHECK(write(fds[1], "x", 1) == 1);
	CHECK(waitpid(p, &st, 0) == p && EXITED(st, 7));
}
static void attach_stopped(void)
{
	int st;
	pid_t p = child(sleeps);
	kill(p, SIGSTOP);
	CHECK(waitpid(p, &st, WUNTRACED) == p && WIFSTOPPED(st));
	CHECK(pt(PTRACE_ATTACH, p, 0, 0) == 0);
	CHECK(stop_of(p) == SIGSTOP);
	CHECK(proc_state(p) == 't');
	CHECK(pt(PTRACE_DETACH, p, 0, 0) == 0);
	/* The group stop is still in effect. */
	await_state(p, "T");
	kill(p, SIGCONT);
	await_state(p, "S");
	finish(p);
}

static void self_signals(void)
{
	for (int i = 0; i < 5; i++) {
		int sig = i == 0 ? SIGUSR1 : i == 1 ? SIGUSR2 : i == 2 ? SIGCHLD : i == 3 ? SIGTERM : SIGWINCH;
		kill(getpid(), sig);
	}
	_exit(SHARED[1] * 10 + SHARED[2]);
}
static void on_usr1(int s) { (void)s, SHARED[1]++; }
static void on_usr2(int s, siginfo_t *si, void *u)
{
	(void)s, (void)u;
	SHARED[2]++;
	SHARED[3] = si->si_value.sival_int;
	SHARED[4] = si->si_code;
	SHARED[5] = si->si_pid;
}
static void handlers_then_signals(void)
{
	struct sigaction sa = { .sa_sigaction = on_usr2, .sa_flags = SA_SIGINFO };
	signal(SIGUSR1, on_usr1);
	sigaction(SIGUSR2, &sa, NULL);
	self_signals();
}
static void signals_pass_by_the_tracer(void)
{
	pid_t p = traced(handlers_then_signals);
	cont(p);
	CHECK(stop_of(p) == SIGUSR1);
	CHECK(pt(PTRACE_CONT, p, 0, 0) == 0); /* suppressed */
	CHECK(stop_of(p) == SIGUSR2);
	CHECK(pt(PTRACE_CONT, p, 0, SIGUSR1) == 0); /* another one */
	CHECK(stop_of(p) == SIGCHLD); /* ignored signals, too */
	CHECK(pt(PTRACE_CONT, p, 0, SIGUSR2) == 0);
	CHECK(stop_of(p) == SIGTERM);
	CHECK(SHARED[5] == getpid() && SHARED[4] == SI_USER);
	CHECK(pt(PTRACE_CONT, p, 0, 0) == 0);
	CHECK(stop_of(p) == SIGWINCH);
	CHECK(pt(PTRACE_CONT, p, 0, SIGWINCH) == 0);
	CHECK(EXITED(reap(p), 11));
}
static void siginfo_can_be_changed(void)
{
	siginfo_t si;
	pid_t p = traced(handlers_then_signals);
	CHECK_ERR(pt(PTRACE_SETSIGINFO, p, 0, 8), EFAULT);
	cont(p);
	CHECK(stop_of(p) == SIGUSR1);
	cont(p);
	CHECK(stop_of(p) == SIGUSR2);
	CHECK(pt(PTRACE_GETSIGINFO, p, 0, (uintptr_t)&si) == 0 && si.si_pid == p && si.si_code == SI_USER);
	si.si_code = SI_QUEUE;
	si.si_value.sival_int = 4711;
	CHECK(pt(PTRACE_SETSIGINFO, p, 0, (uintptr_t)&si) == 0);
	CHECK(pt(PTRACE_CONT, p, 0, SIGUSR2) == 0);
	CHECK(stop_of(p) == SIGCHLD);
	CHECK(SHARED[3] == 4711 && SHARED[4] == SI_QUEUE);
	finish(p);
}
static void sigkill_needs_no_tracer(void)
{
	int st;
	pid_t p = traced(sleeps);
	kill(p, SIGKILL);
	CHECK(waitpid(p, &st, 0) == p && KILLED(st, SIGKILL));
	p = traced(sleeps);
	CHECK(pt(PTRACE_KILL, p, 0, 0) == 0);
	CHECK(waitpid(p, &st, 0) == p && KILLED(st, SIGKILL));
}

/* --- system calls ------------------------------------------------------------------------------------------------------------------------ */

static void five_calls(void)
{
	SHARED[0] = syscall(SYS_getpid) == getpid();
	SHARED[1] = (int)syscall(SYS_getppid);
	SHARED[2] = (int)syscall(SYS_close, -1) == -1 && errno == EBADF;
	SHARED[3] = (int)syscall(SYS_umask, 0, 0, 0, 0, 0, 0);
	errno = 0;
	SHARED[4] = (int)syscall(SYS_getuid);
	SHARED[5] = errno;
	syscall(SYS_exit_group, 3);
}
static void next_call(pid_t p, int expect)
{
	CHECK(pt(PTRACE_SYSCALL, p, 0, 0) == 0);
	CHECK(stop_of(p) == expect);
}
/* Runs on until the entry of call nr. */
static void until_call(pid_t p, unsigned long nr)
{
	for (;;) {
		next_call(p, SIGTRAP | 0x80);
		if (peek_user(p, REG(orig_rax)) == nr)
			return;
		next_call(p, SIGTRAP | 0x80);
	}
}
static void syscall_stops(void)
{
	struct ptrace_syscall_info si;
	pid_t p = traced(five_calls);
	CHECK(pt(PTRACE_SETOPTIONS, p, 0, PTRACE_O_TRACESYSGOOD) == 0);
	memset(&si, 0xff, sizeof(si));
	CHECK(pt(PTRACE_GET_SYSCALL_INFO, p, sizeof(si), (uintptr_t)&si) == offsetof(struct ptrace_syscall_info, entry));
	CHECK(si.op == PTRACE_SYSCALL_INFO_NONE && si.arch == 0xc000003e && si.instruction_pointer == peek_user(p, REG(rip)) && si.stack_pointer == peek_user(p, REG(rsp)));
	until_call(p, SYS_getpid);
	CHECK((long)peek_user(p, REG(rax)) == -ENOSYS);
	CHECK(message_of(p) == PTRACE_EVENTMSG_SYSCALL_ENTRY);
	CHECK(pt(PTRACE_GET_SYSCALL_INFO, p, sizeof(si), (uintptr_t)&si) == offsetof(struct ptrace_syscall_info, entry) + 56);
	CHECK(si.op == PTRACE_SYSCALL_INFO_ENTRY && si.entry.nr == SYS_getpid);
	next_call(p, SIGTRAP | 0x80);
	CHECK(message_of(p) == PTRACE_EVENTMSG_SYSCALL_EXIT);
	CHECK((pid_t)peek_user(p, REG(rax)) == p && peek_user(p, REG(orig_rax)) == SYS_getpid);
	CHECK(pt(PTRACE_GET_SYSCALL_INFO, p, sizeof(si), (uintptr_t)&si) == offsetof(struct ptrace_syscall_info, exit) + 9);
	CHECK(si.op == PTRACE_SYSCALL_INFO_EXIT && si.exit.rval == p && !si.exit.is_error);
	until_call(p, SYS_getppid);
	next_call(p, SIGTRAP | 0x80);
	CHECK(pt(PTRACE_POKEUSR, p, REG(rax), 77) == 0); /* another result */
	until_call(p, SYS_close);
	next_call(p, SIGTRAP | 0x80);
	CHECK(pt(PTRACE_GET_SYSCALL_INFO, p, 1, (uintptr_t)&si) == offsetof(struct ptrace_syscall_info, exit) + 9);
	CHECK(pt(PTRACE_GET_SYSCALL_INFO, p, sizeof(si), (uintptr_t)&si) > 0 && si.exit.is_error && si.exit.rval == -EBADF);
	until_call(p, SYS_umask);
	CHECK(pt(PTRACE_POKEUSR, p, REG(orig_rax), SYS_getpid) == 0); /* another call */
	next_call(p, SIGTRAP | 0x80);
	CHECK((pid_t)peek_user(p, REG(rax)) == p);
	until_call(p, SYS_getuid);
	CHECK(pt(PTRACE_POKEUSR, p, REG(orig_rax), -1UL) == 0); /* none */
	next_call(p, SIGTRAP | 0x80);
	CHECK((long)peek_user(p, REG(rax)) == -ENOSYS);
	until_call(p, SYS_exit_group);
	CHECK(SHARED[0] == 1 && SHARED[1] == 77 && SHARED[2] == 1 && SHARED[3] == p && SHARED[4] == -1 && SHARED[5] == ENOSYS);
	CHECK(pt(PTRACE_SYSCALL, p, 0, 0) == 0);
	CHECK(EXITED(reap(p), 3));
}
static void syscall_stop_without_sysgood(void)
{
	siginfo_t si;
	pid_t p = traced(five_calls);
	next_call(p, SIGTRAP);
	CHECK(pt(PTRACE_GETSIGINFO, p, 0, (uintptr_t)&si) == 0 && si.si_signo == SIGTRAP && si.si_code == SIGTRAP && si.si_pid == p);
	finish(p);
}
static void skipped_call_keeps_the_tracers_value(void)
{
	pid_t p = traced(five_calls);
	CHECK(pt(PTRACE_SETOPTIONS, p, 0, PTRACE_O_TRACESYSGOOD) == 0);
	until_call(p, SYS_getuid);
	CHECK(pt(PTRACE_POKEUSR, p, REG(orig_rax), -1UL) == 0);
	CHECK(pt(PTRACE_POKEUSR, p, REG(rax), 12345) == 0);
	next_call(p, SIGTRAP | 0x80);
	CHECK(peek_user(p, REG(rax)) == 12345);
	until_call(p, SYS_exit_group);
	CHECK(SHARED[4] == 12345);
	finish(p);
}
static void sysemu(void)
{
	pid_t p = traced(five_calls);
	CHECK(pt(PTRACE_SETOPTIONS, p, 0, PTRACE_O_TRACESYSGOOD) == 0);
	for (int n = 0; ; n++) {
		CHECK(pt(31 /* PTRACE_SYSEMU */, p, 0, 0) == 0);
		CHECK(stop_of(p) == (SIGTRAP | 0x80));
		unsigned long nr = peek_user(p, REG(orig_rax));
		if (nr == SYS_exit_group)
			break;
		if (nr == SYS_umask)
			CHECK(pt(PTRACE_POKEUSR, p, REG(rax), 99) == 0);
		CHECK(n < 50);
	}
	CHECK(SHARED[3] == 99 && SHARED[1] == -1);
	finish(p);
}
/* A signal sent as the answer to a system call stop is queued. */
static void signal_from_syscall_stop(void)
{
	pid_t p = traced(five_calls);
	CHECK(pt(PTRACE_SETOPTIONS, p, 0, PTRACE_O_TRACESYSGOOD) == 0);
	until_call(p, SYS_getppid);
	CHECK(pt(PTRACE_SYSCALL, p, 0, SIGUSR1) == 0);
	CHECK(stop_of(p) == (SIGTRAP | 0x80));
	next_call(p, SIGUSR1);
	finish(p);
}
/* A tracer that only switches to PTRACE_SYSCALL inside the call sees its end. */
static void forks(void)
{
	pid_t p = fork();
	if (!p)
		_exit(0);
	waitpid(p, NULL, 0);
	_exit(0);
}
static void exit_stop_after_event(void)
{
	pid_t p = traced(forks);
	CHECK(pt(PTRACE_SETOPTIONS, p, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE) == 0);
	cont(p);
	int s = stop_of(p);
	CHECK(s == EVENT(PTRACE_EVENT_FORK) || s == EVENT(PTRACE_EVENT_CLONE));
	pid_t c = (pid_t)message_of(p);
	next_call(p, SIGTRAP | 0x80);
	CHECK((pid_t)peek_user(p, REG(rax)) == c);
	CHECK(stop_of(c) == SIGSTOP);
	finish(c);
	finish(p);
}

/* --- waiting ----------------------------------------------------------------------------------------------------------------------------- */

static void waitid_sees_traps(void)
{
	siginfo_t si;
	pid_t p = traced(self_signals);
	cont(p);
	memset(&si, 0, sizeof(si));
	CHECK(waitid(P_PID, (id_t)p, &si, WSTOPPED | WNOWAIT) == 0 && si.si_pid == p && si.si_code == CLD_TRAPPED && si.si_status == SIGUSR1);
	CHECK(waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) == 0); /* stops of tracees are told whatever the options */
	CHECK(si.si_pid == p && si.si_code == CLD_TRAPPED);
	CHECK(waitid(P_PID, (id_t)p, &si, WSTOPPED) == 0 && si.si_code == CLD_TRAPPED);
	si.si_pid = 1;
	CHECK(waitid(P_PID, (id_t)p, &si, WSTOPPED | WNOHANG) == 0 && si.si_pid == 0);
	finish(p);
}
/* A process is traced by one that is not its parent: the tracer reaps first, then the parent hears. */
static void foreign_tracer(void)
{
	int fds[2], st;
	CHECK(pipe(fds) == 0);
	pid_t parent = fork();
	if (!parent) {
		pid_t p = fork();
		if (!p) {
			SHARED[0] = getpid();
			sleeps();
		}
		SHARED[1] = waitpid(p, &st, 0) == p && KILLED(st, SIGTERM);
		_exit(5);
	}
	while (!SHARED[0])
		msleep(1);
	pid_t p = SHARED[0];
	await_state(p, "S");
	CHECK(pt(PTRACE_ATTACH, p, 0, 0) == 0);
	CHECK(stop_of(p) == SIGSTOP);
	cont(p);
	kill(p, SIGTERM);
	CHECK(stop_of(p) == SIGTERM);
	CHECK(pt(PTRACE_CONT, p, 0, SIGTERM) == 0);
	await_state(p, "Z");
	CHECK(proc_state(parent) == 'S' && !SHARED[1]); /* not yet */
	CHECK(waitpid(p, &st, 0) == p && KILLED(st, SIGTERM));
	CHECK(EXITED(reap(parent), 5));
	CHECK(SHARED[1] == 1);
}
static void tracer_death_releases(void)
{
	int st;
	pid_t p = child(sleeps);
	CHECK(EXITED(IN_CHILD(CHECK(pt(PTRACE_ATTACH, p, 0, 0) == 0); CHECK(stop_of(p) == SIGSTOP)), 0));
	await_state(p, "S");
	kill(p, SIGTERM);
	CHECK(waitpid(p, &st, 0) == p && KILLED(st, SIGTERM));
	p = child(sleeps);
	CHECK(EXITED(IN_CHILD(CHECK(pt(PTRACE_SEIZE, p, 0, PTRACE_O_EXITKILL) == 0)), 0));
	CHECK(waitpid(p, &st, 0) == p && KILLED(st, SIGKILL));
}
static void *reap_in_thread(void *arg)
{
	int st;
	pid_t p = *(pid_t *)arg;
	/* Another thread may wait, but not give orders. */
	CHECK(waitpid(p, &st, 0) == p && WIFSTOPPED(st) && WSTOPSIG(st) == SIGUSR1);
	CHECK_ERR(pt(PTRACE_CONT, p, 0, 0), ESRCH);
	CHECK_ERR(waitpid(p, &st, __WNOTHREAD | WNOHANG), ECHILD);
	return NULL;
}
static void tracer_is_a_thread(void)
{
	pthread_t t;
	pid_t p = traced(self_signals);
	cont(p);
	CHECK(pthread_create(&t, NULL, reap_in_thread, &p) == 0);
	CHECK(pthread_join(t, NULL) == 0);
	CHECK(pt(PTRACE_CONT, p, 0, 0) == 0);
	finish(p);
}
static volatile int chld, chld_code, chld_status;
static void on_chld(int s, siginfo_t *si, void *u) { (void)s, (void)u, chld++, chld_code = si->si_code, chld_status = si->si_status; }
static void sigchld_tells_of_traps(void)
{
	struct sigaction sa = { .sa_sigaction = on_chld, .sa_flags = SA_SIGINFO };
	pid_t p = traced(self_signals);
	sigaction(SIGCHLD, &sa, NULL);
	cont(p);
	CHECK(stop_of(p) == SIGUSR1 || 1);
	CHECK(chld && chld_code == CLD_TRAPPED && chld_status == SIGUSR1);
	finish(p);
}

/* --- the queue and the mask -------------------------------------------------------------------------------------------------------------- */

static void blocks_and_queues(void)
{
	sigset_t s;
	union sigval v = { .sival_int = 1 };
	sigfillset(&s);
	sigprocmask(SIG_BLOCK, &s, NULL);
	for (; v.sival_int < 4; v.sival_int++)
		sigqueue(getpid(), SIGRTMIN + 3, v);
	syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1);
	raise(SIGSTOP);
	sleeps();
}
static void peeksiginfo_and_mask(void)
{
	siginfo_t si[8];
	uint64_t mask = 0;
	struct ptrace_peeksiginfo_args a = { .nr = 8, .flags = PTRACE_PEEKSIGINFO_SHARED };
	pid_t p = traced(blocks_and_queues);
	cont(p);
	CHECK(stop_of(p) == SIGSTOP);
	CHECK(pt(PTRACE_PEEKSIGINFO, p, (uintptr_t)&a, (uintptr_t)si) == 3);
	CHECK(si[0].si_value.sival_int == 1 && si[2].si_value.sival_int == 3 && si[2].si_signo == SIGRTMIN + 3);
	a.off = 2;
	CHECK(pt(PTRACE_PEEKSIGINFO, p, (uintptr_t)&a, (uintptr_t)si) == 1 && si[0].si_value.sival_int == 3);
	a.off = 9;
	CHECK(pt(PTRACE_PEEKSIGINFO, p, (uintptr_t)&a, (uintptr_t)si) == 0);
	a.off = 0, a.flags = 0;
	CHECK(pt(PTRACE_PEEKSIGINFO, p, (uintptr_t)&a, (uintptr_t)si) == 1 && si[0].si_signo == SIGUSR1);
	CHECK_ERR(pt(PTRACE_PEEKSIGINFO, p, (uintptr_t)&a, 8), EFAULT);
	a.flags = 4;
	CHECK_ERR(pt(PTRACE_PEEKSIGINFO, p, (uintptr_t)&a, (uintptr_t)si), EINVAL);
	a.flags = 0, a.nr = -1;
	CHECK_ERR(pt(PTRACE_PEEKSIGINFO, p, (uintptr_t)&a, (uintptr_t)si), EINVAL);
	CHECK(pt(PTRACE_GETSIGMASK, p, 8, (uintptr_t)&mask) == 0 && (mask & 1UL << (SIGUSR1 - 1)));
	CHECK_ERR(pt(PTRACE_GETSIGMASK, p, 4, (uintptr_t)&mask), EINVAL);
	mask = ~(1UL << (SIGUSR1 - 1));
	CHECK(pt(PTRACE_SETSIGMASK, p, 8, (uintptr_t)&mask) == 0);
	CHECK(pt(PTRACE_GETSIGMASK, p, 8, (uintptr_t)&mask) == 0 && mask == (~(1UL << (SIGUSR1 - 1)) & ~(1UL << (SIGKILL - 1)) & ~(1UL << (SIGSTOP - 1))));
	cont(p);
	CHECK(stop_of(p) == SIGUSR1);
	finish(p);
}

/* --- who may ----------------------------------------------------------------------------------------------------------------------------- */

static void become_user(void)
{
	CHECK(setgid(1000) == 0 && setuid(1000) == 0);
	prctl(PR_SET_DUMPABLE, 1);
}
static void permissions(void)
{
	if (geteuid())
		check_skip("needs root");
	pid_t roots = child(sleeps);
	CHECK(EXITED(IN_CHILD(become_user(); CHECK_ERR(pt(PTRACE_ATTACH, roots, 0, 0), EPERM); CHECK_ERR(pt(PTRACE_SEIZE, roots, 0, 0), EPERM)), 0));
	pid_t users = fork();
	if (!users) {
		become_user();
		SHARED[0] = 1;
		sleeps();
	}
	await_value(&SHARED[0], 1);
	CHECK(EXITED(IN_CHILD(become_user(); CHECK(pt(PTRACE_ATTACH, users, 0, 0) == 0); CHECK(stop_of(users) == SIGSTOP); CHECK(pt(PTRACE_DETACH, users, 0, 0) == 0)), 0));
	pid_t hidden = fork();
	if (!hidden) {
		become_user();
		prctl(PR_SET_DUMPABLE, 0);
		SHARED[1] = 1;
		sleeps();
	}
	await_value(&SHARED[1], 1);
	CHECK(EXITED(IN_CHILD(become_user(); CHECK_ERR(pt(PTRACE_ATTACH, hidden, 0, 0), EPERM)), 0));
	CHECK_ERR(pt(PTRACE_ATTACH, 2, 0, 0), EPERM); /* a kernel thread */
	finish(roots), finish(users), finish(hidden);
}
static void zombie_cannot_be_attached(void)
{
	pid_t p = child(nothing);
	await_state(p, "Z");
	CHECK_ERR(pt(PTRACE_ATTACH, p, 0, 0), EPERM);
	CHECK(EXITED(reap(p), 0));
}
static void status_names_the_tracer(void)
{
	char path[40], buf[4096], *s;
	pid_t p = traced(nothing);
	snprintf(path, sizeof(path), "/proc/%d/status", p);
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);
	CHECK(n > 0);
	buf[n] = 0;
	s = strstr(buf, "TracerPid:");
	CHECK(s && atoi(s + 10) == getpid());
	close(fd);
	finish(p);
}

CASES(CASE(traceme), CASE(argument_errors), CASE(running_tracee_is_esrch), CASE(attach_running), CASE(attach_sleeping_restarts), CASE(attach_stopped),
	CASE(signals_pass_by_the_tracer), CASE(siginfo_can_be_changed), CASE(sigkill_needs_no_tracer), CASE(syscall_stops),
	CASE(syscall_stop_without_sysgood), CASE(skipped_call_keeps_the_tracers_value), CASE(sysemu), CASE(signal_from_syscall_stop), CASE(exit_stop_after_event),
	CASE(waitid_sees_traps), CASE(foreign_tracer), CASE(tracer_death_releases), CASE(tracer_is_a_thread), CASE(sigchld_tells_of_traps),
	CASE(peeksiginfo_and_mask), CASE(permissions), CASE(zombie_cannot_be_attached), CASE(status_names_the_tracer))
