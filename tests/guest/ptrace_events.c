/* ptrace: PTRACE_O_* events, automatic attaching, PTRACE_SEIZE with interrupt and listen, threads, exec. */
static int helper(int argc, char **argv);
#define HELPER(argc, argv) helper(argc, argv)
#include "trace.h"
#include <linux/sched.h>
#include <pthread.h>
#include <sys/prctl.h>

#define O_ALL (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT)
#define EV_STOP 128

static int helper(int argc, char **argv)
{
	(void)argc;
	if (!strcmp(argv[1], "--exit"))
		return atoi(argv[2]);
	if (!strcmp(argv[1], "--ids"))
		return geteuid() == 0 ? 40 : 41;
	return 127;
}

static pid_t traced_with(void (*fn)(void), unsigned long opts)
{
	pid_t p = traced(fn);
	CHECK(pt(PTRACE_SETOPTIONS, p, 0, opts) == 0);
	return p;
}
static long raw_clone(unsigned long flags) { return syscall(SYS_clone, flags, 0, 0, 0, 0); }

/* --- fork, vfork, clone ------------------------------------------------------------------------------------------------------------------ */

static void does_fork(void)
{
	pid_t p = (pid_t)raw_clone(SIGCHLD);
	if (!p)
		_exit(4);
	_exit(EXITED(reap(p), 4) ? 5 : 6);
}
static void does_vfork(void)
{
	pid_t p = vfork();
	if (!p)
		_exit(4);
	_exit(EXITED(reap(p), 4) ? 5 : 6);
}
static void does_clone(void)
{
	pid_t p = (pid_t)raw_clone(SIGUSR1);
	int st;
	signal(SIGUSR1, SIG_IGN);
	if (!p)
		_exit(4);
	CHECK(waitpid(p, &st, __WCLONE) == p);
	_exit(EXITED(st, 4) ? 5 : 6);
}
static void fork_event(void)
{
	siginfo_t si;
	pid_t p = traced_with(does_fork, O_ALL);
	cont(p);
	CHECK(stop_of(p) == EVENT(PTRACE_EVENT_FORK));
	CHECK(pt(PTRACE_GETSIGINFO, p, 0, (uintptr_t)&si) == 0 && si.si_signo == SIGTRAP && si.si_code == EVENT(PTRACE_EVENT_FORK));
	pid_t c = (pid_t)message_of(p);
	CHECK(stop_of(c) == SIGSTOP);
	CHECK(pt(PTRACE_GETSIGINFO, c, 0, (uintptr_t)&si) == 0 && si.si_signo == SIGSTOP);
	cont(p);
	cont(c);
	CHECK(stop_of(c) == EVENT(PTRACE_EVENT_EXIT) && message_of(c) == 4 << 8);
	cont(c);
	CHECK(EXITED(reap(c), 4)); /* the tracer first, the parent behind it */
	CHECK(stop_of(p) == SIGCHLD);
	cont(p);
	CHECK(stop_of(p) == EVENT(PTRACE_EVENT_EXIT) && message_of(p) == 5 << 8);
	cont(p);
	CHECK(EXITED(reap(p), 5));
}
static void vfork_events(void)
{
	pid_t p = traced_with(does_vfork, O_ALL);
	cont(p);
	CHECK(stop_of(p) == EVENT(PTRACE_EVENT_VFORK));
	pid_t c = (pid_t)message_of(p);
	CHECK(stop_of(c) == SIGSTOP);
	cont(p);
	cont(c);
	CHECK(stop_of(c) == EVENT(PTRACE_EVENT_EXIT));
	CHECK(waitpid(p, NULL, WNOHANG | __WALL) == 0);
	cont(c);
	CHECK(EXITED(reap(c), 4));
	int s = stop_of(p);
	if (s == SIGCHLD) /* its SIGCHLD may come before the event */
		cont(p), s = stop_of(p);
	CHECK(s == EVENT(PTRACE_EVENT_VFORK_DONE) && message_of(p) == (unsigned long)c);
	finish(p);
}
static void vfork_done_alone(void)
{
	pid_t p = traced_with(does_vfork, PTRACE_O_TRACEVFORKDONE);
	cont(p);
	int s = stop_of(p);
	if (s == SIGCHLD)
		cont(p), s = stop_of(p);
	CHECK(s == EVENT(PTRACE_EVENT_VFORK_DONE));
	finish(p);
}
static void clone_event(void)
{
	pid_t p = traced_with(does_clone, PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK);
	cont(p);
	CHECK(stop_of(p) == EVENT(PTRACE_EVENT_CLONE));
	pid_t c = (pid_t)message_of(p);
	CHECK(stop_of(c) == SIGSTOP);
	finish(c);
	finish(p);
}
static void untraced(void)
{
	pid_t p = (pid_t)raw_clone(SIGCHLD | CLONE_UNTRACED);
	if (!p)
		_exit(4);
	_exit(EXITED(reap(p), 4) ? 5 : 6);
}
static void clone_untraced(void)
{
	pid_t p = traced_with(untraced, PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK);
	cont(p);
	CHECK(stop_of(p) == SIGCHLD);
	cont(p);
	CHECK(EXITED(reap(p), 5));
}
static void with_clone_ptrace(void)
{
	pid_t p = (pid_t)raw_clone(SIGCHLD | CLONE_PTRACE);
	if (!p)
		_exit(4);
	SHARED[0] = p;
	_exit(EXITED(reap(p), 4) ? 5 : 6);
}
static void clone_ptrace(void)
{
	int st;
	pid_t p = traced(with_clone_ptrace);
	cont(p);
	while (!SHARED[0])
		msleep(1);
	pid_t c = SHARED[0];
	CHECK(stop_of(c) == SIGSTOP); /* no event, but attached */
	cont(c);
	CHECK(EXITED(reap(c), 4));
	CHECK(waitpid(p, &st, 0) == p && WIFSTOPPED(st) && WSTOPSIG(st) == SIGCHLD);
	cont(p);
	CHECK(EXITED(reap(p), 5));
	/* Without a tracer the flag does nothing. */
	CHECK(EXITED(IN_CHILD(with_clone_ptrace()), 5));
}

/* --- exit -------------------------------------------------------------------------------------------------------------------------------- */

static void exit_event_of_killed(void)
{
	pid_t p = traced_with(sleeps, PTRACE_O_TRACEEXIT);
	cont(p);
	kill(p, SIGTERM);
	CHECK(stop_of(p) == SIGTERM);
	CHECK(pt(PTRACE_CONT, p, 0, SIGTERM) == 0);
	CHECK(stop_of(p) == EVENT(PTRACE_EVENT_EXIT) && message_of(p) == SIGTERM);
	/* Registers can still be read. */
	struct user_regs_struct r;
	get_regs(p, &r);
	CHECK(r.cs == 0x33);
	cont(p);
	CHECK(KILLED(reap(p), SIGTERM));
	p = traced_with(sleeps, PTRACE_O_TRACEEXIT);
	kill(p, SIGKILL);
	CHECK(stop_of(p) == EVENT(PTRACE_EVENT_EXIT) && message_of(p) == SIGKILL);
	cont(p);
	CHECK(KILLED(reap(p), SIGKILL));
}

/* --- exec -------------------------------------------------------------------------------------------------------------------------------- */

static void does_exec(void) { execl("/proc/self/exe", "x", "--exit", "9", (char *)NULL); }
static void exec_event(void)
{
	struct user_regs_struct r;
	pid_t p = traced_with(does_exec, O_ALL);
	cont(p);
	CHECK(stop_of(p) == EVENT(PTRACE_EVENT_EXEC) && message_of(p) == (unsigned long)p);
	get_regs(p, &r);
	CHECK((long)r.rax == -ENOSYS && r.orig_rax == SYS_execve && r.rsp % 16 == 0 && r.rdx == 0 && r.rbp == 0 && r.cs == 0x33 && r.ss == 0x2b);
	/* The end of the call is reported as well. */
	CHECK(pt(PTRACE_SYSCALL, p, 0, 0) == 0);
	CHECK(stop_of(p) == (SIGTRAP | 0x80));
	cont(p);
	CHECK(stop_of(p) == EVENT(PTRACE_EVENT_EXIT));
	cont(p);
	CHECK(EXITED(reap(p), 9));
}
static void exec_trap_without_option(void)
{
	siginfo_t si;
	pid_t p = traced(does_exec);
	cont(p);
	CHECK(stop_of(p) == SIGTRAP);
	CHECK(pt(PTRACE_GETSIGINFO, p, 0, (uintptr_t)&si) == 0 && si.si_code == SI_USER && si.si_pid == p);
	cont(p);
	CHECK(EXITED(reap(p), 9));
	/* Not for who was seized. */
	p = child(does_exec);
	if (pt(PTRACE_SEIZE, p, 0, 0) == 0)
		CHECK(EXITED(reap(p), 9));
}
static void *execs_in_thread(void *a) { (void)a; SHARED[0] = (int)syscall(SYS_gettid); msleep(20); does_exec(); return NULL; }
static void threads_then_exec(void)
{
	pthread_t t;
	pthread_create(&t, NULL, execs_in_thread, NULL);
	sleeps();
}
static void exec_by_another_thread(void)
{
	pid_t p = traced_with(threads_then_exec, PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT);
	cont(p);
	CHECK(stop_of(p) == EVENT(PTRACE_EVENT_CLONE));
	pid_t t = (pid_t)message_of(p);
	CHECK(stop_of(t) == SIGSTOP);
	cont(t);
	cont(p);
	/* The leader dies and the thread takes its number. */
	CHECK(stop_of(p) == EVENT(PTRACE_EVENT_EXIT));
	cont(p);
	CHECK(stop_of(p) == EVENT(PTRACE_EVENT_EXEC) && message_of(p) == (unsigned long)t);
	CHECK_ERR(pt(PTRACE_CONT, t, 0, 0), ESRCH);
	CHECK_ERR(waitpid(t, NULL, __WALL | WNOHANG), ECHILD);
	cont(p);
	CHECK(stop_of(p) == EVENT(PTRACE_EVENT_EXIT));
	cont(p);
	CHECK(EXITED(reap(p), 9));
}
/* A set-user-ID program gains nothing under a tracer without privilege. */
static void exec_suid(void) { CHECK(setuid(1000) == 0); prctl(PR_SET_DUMPABLE, 1); execl("./suid", "suid", "--ids", (char *)NULL); }
static void suid_under_a_tracer(void)
{
	char buf[1 << 16];
	if (geteuid())
		check_skip("needs root");
	int in = open("/proc/self/exe", O_RDONLY), out = open("suid", O_WRONLY | O_CREAT, 0755);
	for (ssize_t n; (n = read(in, buf, sizeof(buf))) > 0;)
		CHECK(write(out, buf, (size_t)n) == n);
	CHECK(fchmod(out, 04755) == 0);
	close(in), close(out);
	CHECK(EXITED(IN_CHILD(exec_suid()), 40));
	CHECK(EXITED(IN_CHILD(
		CHECK(setuid(1000) == 0);
		prctl(PR_SET_DUMPABLE, 1);
		pid_t p = traced(exec_suid);
		cont(p);
		CHECK(stop_of(p) == SIGTRAP);
		cont(p);
		CHECK(EXITED(reap(p), 41))), 0));
	pid_t p = traced(exec_suid); /* a privileged one is no danger */
	cont(p);
	CHECK(stop_of(p) == SIGTRAP);
	cont(p);
	CHECK(EXITED(reap(p), 40));
}

/* --- threads ----------------------------------------------------------------------------------------------------------------------------- */

static void *thread_ends(void *a) { (void)a; SHARED[2]++; return NULL; }
static void starts_threads(void)
{
	pthread_t t[3];
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, thread_ends, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	_exit(SHARED[2] == 3 ? 0 : 1);
}
/* Every thread is attached, runs and is reaped one by one. */
static void threads_are_followed(void)
{
	int st, born = 0, ended = 0;
	pid_t p = traced_with(starts_threads, PTRACE_O_TRACECLONE), t;
	cont(p);
	while ((t = waitpid(-1, &st, __WALL)) > 0) {
		if (!WIFSTOPPED(st)) {
			ended++;
			if (t == p)
				break;
			continue;
		}
		if (st >> 8 == EVENT(PTRACE_EVENT_CLONE))
			born++;
		else
			CHECK(WSTOPSIG(st) == SIGSTOP);
		cont(t);
	}
	CHECK(born == 3 && ended == 4 && EXITED(st, 0));
}
static void *spins_in_thread(void *a)
{
	__atomic_fetch_add(&SHARED[0], 1, __ATOMIC_SEQ_CST);
	for (;;)
		SHARED[(uintptr_t)a + 1]++;
	return NULL;
}
static void threads_spin(void)
{
	pthread_t t;
	for (uintptr_t i = 0; i < 3; i++)
		pthread_create(&t, NULL, spins_in_thread, (void *)i);
	sleeps();
}
/* A group stop stops the untraced threads as well as the traced one. */
static void one_thread_attached(void)
{
	pid_t p = child(threads_spin);
	await_value(&SHARED[0], 3);
	CHECK(pt(PTRACE_ATTACH, p, 0, 0) == 0);
	CHECK(stop_of(p) == SIGSTOP);
	int before = SHARED[1];
	while (SHARED[1] == before) /* only the leader stopped */
		sched_yield();
	CHECK(pt(PTRACE_CONT, p, 0, SIGSTOP) == 0); /* now the group */
	CHECK(stop_of(p) == SIGSTOP);
	while (before != SHARED[1])
		before = SHARED[1], msleep(20);
	CHECK(pt(PTRACE_DETACH, p, 0, 0) == 0);
	kill(p, SIGCONT);
	while (SHARED[1] == before)
		sched_yield();
	finish(p);
}

/* --- seize ------------------------------------------------------------------------------------------------------------------------------- */

static void seize_interrupt(void)
{
	siginfo_t si;
	pid_t p = child(sleeps);
	await_state(p, "S");
	CHECK(pt(PTRACE_SEIZE, p, 0, PTRACE_O_TRACESYSGOOD) == 0);
	CHECK(waitpid(p, NULL, WNOHANG | __WALL) == 0); /* it goes on */
	CHECK(pt(PTRACE_INTERRUPT, p, 0, 0) == 0);
	CHECK(stop_of(p) == EVENT(EV_STOP));
	CHECK(pt(PTRACE_GETSIGINFO, p, 0, (uintptr_t)&si) == 0 && si.si_signo == SIGTRAP && si.si_code == EVENT(EV_STOP));
	CHECK_ERR(pt(PTRACE_LISTEN, p, 0, 0) ? -1 : pt(PTRACE_CONT, p, 0, 0), ESRCH); /* while listening it takes no orders */
	CHECK(pt(PTRACE_INTERRUPT, p, 0, 0) == 0);
	CHECK(stop_of(p) == EVENT(EV_STOP));
	CHECK(pt(PTRACE_SYSCALL, p, 0, 0) == 0);
	int s = stop_of(p); /* pause(2) begins again */
	CHECK(s == (SIGTRAP | 0x80) && peek_user(p, REG(orig_rax)) == SYS_pause);
	CHECK(pt(PTRACE_DETACH, p, 0, 0) == 0);
	await_state(p, "S");
	finish(p);
}
static void seize_group_stop(void)
{
	siginfo_t si;
	pid_t p = child(sleeps);
	await_state(p, "S");
	CHECK(pt(PTRACE_SEIZE, p, 0, 0) == 0);
	kill(p, SIGSTOP);
	CHECK(stop_of(p) == SIGSTOP); /* signal-delivery-stop */
	CHECK(pt(PTRACE_CONT, p, 0, SIGSTOP) == 0);
	CHECK(stop_of(p) == (SIGSTOP | EV_STOP << 8)); /* group-stop */
	CHECK(pt(PTRACE_GETSIGINFO, p, 0, (uintptr_t)&si) == 0 && si.si_signo == SIGSTOP && si.si_code >> 8 == EV_STOP);
	CHECK(pt(PTRACE_LISTEN, p, 0, 0) == 0);
	CHECK(waitpid(p, NULL, WNOHANG | __WALL) == 0);
	kill(p, SIGCONT);
	CHECK(stop_of(p) == EVENT(EV_STOP)); /* notified: no longer stopped */
	cont(p);
	CHECK(stop_of(p) == SIGCONT);
	cont(p);
	await_state(p, "S");
	finish(p);
}
static void seize_a_stopped_one(void)
{
	int st;
	pid_t p = child(sleeps);
	kill(p, SIGSTOP);
	CHECK(waitpid(p, &st, WUNTRACED) == p);
	CHECK(pt(PTRACE_SEIZE, p, 0, 0) == 0);
	CHECK(stop_of(p) == (SIGSTOP | EV_STOP << 8));
	kill(p, SIGCONT);
	CHECK(pt(PTRACE_CONT, p, 0, 0) == 0);
	int s = stop_of(p);
	CHECK(s == EVENT(EV_STOP) || s == SIGCONT);
	finish(p);
}
static void seized_children_stop_by_event(void)
{
	pid_t p = child(sleeps);
	finish(p);
	int go[2];
	CHECK(pipe(go) == 0);
	p = fork();
	if (!p) {
		char c;
		if (read(go[0], &c, 1) == 1)
			does_fork();
		_exit(1);
	}
	CHECK(pt(PTRACE_SEIZE, p, 0, PTRACE_O_TRACEFORK) == 0);
	CHECK(write(go[1], "x", 1) == 1);
	CHECK(stop_of(p) == EVENT(PTRACE_EVENT_FORK));
	pid_t c = (pid_t)message_of(p);
	CHECK(stop_of(c) == EVENT(EV_STOP));
	cont(c);
	cont(p);
	CHECK(EXITED(reap(c), 4));
	CHECK(stop_of(p) == SIGCHLD);
	cont(p);
	CHECK(EXITED(reap(p), 5));
}
static void interrupt_breaks_no_exit(void)
{
	int st;
	pid_t p = child(sleeps);
	CHECK(pt(PTRACE_SEIZE, p, 0, 0) == 0);
	CHECK(pt(PTRACE_INTERRUPT, p, 0, 0) == 0);
	kill(p, SIGKILL);
	CHECK(waitpid(p, &st, __WALL) == p);
	if (WIFSTOPPED(st))
		CHECK(waitpid(p, &st, __WALL) == p);
	CHECK(KILLED(st, SIGKILL));
}
/* Detaching by the thousand, while the tracee forks, signals itself and is killed: nothing is lost. */
static void churns(void)
{
	signal(SIGUSR1, SIG_IGN);
	for (;;) {
		pid_t p = fork();
		if (!p)
			_exit(0);
		waitpid(p, NULL, 0);
		kill(getpid(), SIGUSR1);
	}
}
static void attach_detach_churn(void)
{
	pid_t p = child(churns);
	for (int i = 0; i < 300; i++) {
		int st;
		CHECK(pt(PTRACE_ATTACH, p, 0, 0) == 0);
		do
			CHECK(waitpid(p, &st, __WALL) == p);
		while (WIFSTOPPED(st) && WSTOPSIG(st) != SIGSTOP && pt(PTRACE_CONT, p, 0, (uintptr_t)WSTOPSIG(st)) == 0);
		CHECK(WIFSTOPPED(st));
		CHECK(pt(PTRACE_DETACH, p, 0, 0) == 0);
	}
	finish(p);
}
/* SIGKILL against every request at once. */
static void kill_while_poked(void)
{
	for (int i = 0; i < 100; i++) {
		pid_t p = traced(sleeps);
		struct user_regs_struct r;
		pid_t killer = fork();
		if (!killer) {
			for (int n = 0; n < i * 3; n++)
				getppid();
			kill(p, SIGKILL);
			_exit(0);
		}
		for (int n = 0; n < 200; n++) {
			if (pt(T_GETREGS, p, 0, (uintptr_t)&r) < 0) {
				CHECK(errno == ESRCH);
				break;
			}
			if (pt(T_SETREGS, p, 0, (uintptr_t)&r) < 0)
				break;
		}
		reap(killer);
		CHECK(KILLED(reap(p), SIGKILL));
	}
}

CASES(CASE(fork_event), CASE(vfork_events), CASE(vfork_done_alone), CASE(clone_event), CASE(clone_untraced), CASE(clone_ptrace), CASE(exit_event_of_killed),
	CASE(exec_event), CASE(exec_trap_without_option), CASE(exec_by_another_thread), CASE(suid_under_a_tracer), CASE(threads_are_followed),
	CASE(one_thread_attached), CASE(seize_interrupt), CASE(seize_group_stop), CASE(seize_a_stopped_one), CASE(seized_children_stop_by_event),
	CASE(interrupt_breaks_no_exit), CASE(attach_detach_churn), CASE(kill_while_poked))
