/* ptrace: group stops thread by thread, calls made on behalf of the tracee, steps over odd instructions, watchpoints of each kind. The rules that ptrace.c,
 * ptrace_events.c and ptrace_regs.c leave out. */
#include "trace.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/prctl.h>

#define DEBUGREG(n) (offsetof(struct user, u_debugreg) + (n)*8)
#define EV_STOP 128
#ifndef PTRACE_GET_RSEQ_CONFIGURATION
#define PTRACE_GET_RSEQ_CONFIGURATION 0x420f
#endif

static siginfo_t siginfo_of(pid_t p)
{
	siginfo_t si;
	CHECK(pt(PTRACE_GETSIGINFO, p, 0, (uintptr_t)&si) == 0);
	return si;
}

/* --- the bond ----------------------------------------------------------------------------------------------------------------------------- */

static void exitkill_may_be_set_and_taken_back(void)
{
	for (int back = 0; back < 2; back++) {
		pid_t p = child(sleeps);
		CHECK(EXITED(IN_CHILD({
			CHECK(pt(PTRACE_ATTACH, p, 0, 0) == 0 && stop_of(p) == SIGSTOP);
			CHECK(pt(PTRACE_SETOPTIONS, p, 0, PTRACE_O_EXITKILL) == 0);
			if (back)
				CHECK(pt(PTRACE_SETOPTIONS, p, 0, 0) == 0);
		}),
			0));
		if (back) {
			await_state(p, "S");
			kill(p, SIGTERM);
		}
		CHECK(KILLED(reap(p), back ? SIGTERM : SIGKILL));
	}
}

/* Who is attached without being seized: the stop of its group is a stop without siginfo. */
static void group_stop_of_an_attached_one(void)
{
	siginfo_t si;
	pid_t p = child(sleeps);
	CHECK(pt(PTRACE_ATTACH, p, 0, 0) == 0 && stop_of(p) == SIGSTOP);
	CHECK(siginfo_of(p).si_signo == SIGSTOP);
	CHECK(pt(PTRACE_CONT, p, 0, SIGSTOP) == 0 && stop_of(p) == SIGSTOP);
	CHECK_ERR(pt(PTRACE_GETSIGINFO, p, 0, (uintptr_t)&si), EINVAL);
	CHECK_ERR(pt(PTRACE_SETSIGINFO, p, 0, (uintptr_t)&si), EINVAL);
	CHECK(proc_state(p) == 't');
	/* Let go, it is stopped as anybody would be. */
	CHECK(pt(PTRACE_DETACH, p, 0, 0) == 0);
	await_state(p, "T");
	finish(p);
}

static void *spins(void *arg)
{
	SHARED[(long)arg + 4] = (int)syscall(SYS_gettid);
	for (;;)
		SHARED[(long)arg]++;
	return NULL;
}
static void three_spin(void)
{
	pthread_t t;
	for (long i = 0; i < 3; i++)
		pthread_create(&t, NULL, spins, (void *)i);
	sleeps();
}
static pid_t seized_threads(pid_t tid[4])
{
	pid_t p = child(three_spin);
	for (int i = 0; i < 3; i++)
		while (!SHARED[i])
			msleep(1);
	tid[0] = p;
	for (int i = 0; i < 3; i++)
		tid[i + 1] = SHARED[i + 4];
	for (int i = 0; i < 4; i++)
		CHECK(pt(PTRACE_SEIZE, tid[i], 0, 0) == 0);
	return p;
}
/* Every thread tells of the stop; listening, they tell of its end. */
static void each_thread_tells_of_a_group_stop(void)
{
	pid_t tid[4], p = seized_threads(tid);
	int st, which = 0;
	CHECK(kill(p, SIGSTOP) == 0);
	pid_t first = waitpid(-1, &st, __WALL);
	CHECK(WIFSTOPPED(st) && st >> 8 == SIGSTOP);
	for (which = 0; which < 4 && tid[which] != first; which++)
		;
	CHECK(which < 4 && pt(PTRACE_CONT, first, 0, SIGSTOP) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(stop_of(tid[i]) == (SIGSTOP | EV_STOP << 8));
	for (int i = 0; i < 4; i++)
		CHECK(pt(PTRACE_LISTEN, tid[i], 0, 0) == 0);
	CHECK(waitpid(-1, &st, __WALL | WNOHANG) == 0);
	kill(p, SIGCONT);
	for (int i = 0; i < 4; i++)
		CHECK(stop_of(tid[i]) == EVENT(EV_STOP));
	int before = SHARED[1];
	for (int i = 0; i < 4; i++)
		CHECK(pt(PTRACE_CONT, tid[i], 0, 0) == 0);
	CHECK((first = waitpid(-1, &st, __WALL)) > 0 && st >> 8 == SIGCONT);
	cont(first);
	while (SHARED[1] == before)
		msleep(1);
	kill(p, SIGKILL);
	for (int i = 1; i < 4; i++)
		CHECK(waitpid(tid[i], &st, __WALL) == tid[i] && KILLED(st, SIGKILL));
	CHECK(KILLED(reap(p), SIGKILL));
}
static void interrupt_stops_one_thread(void)
{
	pid_t tid[4], p = seized_threads(tid);
	CHECK(pt(PTRACE_INTERRUPT, tid[2], 0, 0) == 0 && stop_of(tid[2]) == EVENT(EV_STOP));
	int stands = SHARED[1], goes = SHARED[0];
	while (SHARED[0] == goes)
		msleep(1);
	CHECK(SHARED[1] == stands);
	cont(tid[2]);
	while (SHARED[1] == stands)
		msleep(1);
	kill(p, SIGKILL);
	for (int i = 1; i < 4; i++)
		CHECK(waitpid(tid[i], NULL, __WALL) == tid[i]);
	CHECK(KILLED(reap(p), SIGKILL));
}

/* --- calls on its behalf -------------------------------------------------------------------------------------------------------------------- */

__attribute__((used)) static void called(void)
{
	SHARED[0] = 4711;
	__asm__ volatile("int3");
}
static void on_usr1(int sig) { SHARED[1] = sig; }
static void pauses_once(void)
{
	signal(SIGUSR1, on_usr1);
	errno = 0;
	SHARED[3] = 1;
	SHARED[2] = pause() == -1 ? errno : 0;
	_exit(5);
}
/* As gdb does for `call f()`: the tracee sleeps in a call, runs a function of the tracer's choice, and sleeps on. */
static void function_called_out_of_a_call(void)
{
	struct user_regs_struct saved, r;
	pid_t p = child(pauses_once);
	await_value(&SHARED[3], 1);
	await_state(p, "S");
	CHECK(pt(PTRACE_SEIZE, p, 0, 0) == 0 && pt(PTRACE_INTERRUPT, p, 0, 0) == 0 && stop_of(p) == EVENT(EV_STOP));
	get_regs(p, &saved);
	r = saved;
	r.rip = (unsigned long)called;
	r.rsp = ((saved.rsp - 512) & ~15UL) - 8;
	r.orig_rax = -1UL;
	set_regs(p, &r);
	cont(p);
	CHECK(stop_of(p) == SIGTRAP && SHARED[0] == 4711);
	set_regs(p, &saved);
	cont(p);
	await_state(p, "S");
	CHECK(!SHARED[2]);
	CHECK(pt(PTRACE_INTERRUPT, p, 0, 0) == 0 && stop_of(p) == EVENT(EV_STOP));
	get_regs(p, &r);
	CHECK(r.orig_rax == SYS_pause || r.orig_rax == SYS_restart_syscall);
	CHECK(pt(PTRACE_DETACH, p, 0, 0) == 0);
	kill(p, SIGUSR1);
	CHECK(EXITED(reap(p), 5) && SHARED[1] == SIGUSR1 && SHARED[2] == EINTR);
}

/* A sleep that is looked at again and again takes no longer, and is not cut short. */
static void sleeps_a_while(void)
{
	struct timespec t = { 0, 400000000 };
	double start = now();
	SHARED[3] = 1;
	int r = (int)syscall(SYS_nanosleep, &t, NULL);
	_exit(r ? 1 : now() - start < 0.39 ? 2 : now() - start > 5 ? 3 : 0);
}
static void interrupted_sleeps_go_on(void)
{
	pid_t p = child(sleeps_a_while);
	await_value(&SHARED[3], 1);
	CHECK(pt(PTRACE_SEIZE, p, 0, 0) == 0);
	for (int i = 0; i < 5; i++) {
		CHECK(pt(PTRACE_INTERRUPT, p, 0, 0) == 0 && stop_of(p) == EVENT(EV_STOP));
		cont(p);
		msleep(10);
	}
	CHECK(EXITED(reap(p), 0));
}

/* --- odd instructions ----------------------------------------------------------------------------------------------------------------------- */

static void step(pid_t p)
{
	CHECK(pt(T_SINGLESTEP, p, 0, 0) == 0);
	CHECK(stop_of(p) == SIGTRAP);
}
static void fills(void)
{
	__asm__ volatile("int3\n\tlea filled_here(%%rip), %%rdi\n\tmov $5, %%ecx\n\tmov $'x', %%eax\n\trep stosb\n\tint3" ::
						 : "rdi", "rcx", "rax", "memory");
	_exit(3);
}
__asm__(".data\nfilled_here: .skip 16\n.previous\n");
/* A repeated instruction is stepped iteration by iteration. */
static void step_over_rep(void)
{
	pid_t p = traced(fills);
	cont(p);
	CHECK(stop_of(p) == SIGTRAP);
	for (int i = 0; i < 3; i++)
		step(p);
	unsigned long ip = peek_user(p, REG(rip));
	for (unsigned long n = 4; n > 0; n--) {
		step(p);
		CHECK(peek_user(p, REG(rip)) == ip && peek_user(p, REG(rcx)) == n);
	}
	step(p);
	CHECK(peek_user(p, REG(rip)) == ip + 2 && peek_user(p, REG(rcx)) == 0);
	finish(p);
}
/* A call that the tracer watches as well tells of its entry, its end and the step behind it. */
static void calls_and_stops(void)
{
	__asm__ volatile("int3\n\tmov $39, %%eax\n\tsyscall\n\tnop\n\tnop\n\tint3" ::: "rax", "rcx", "r11", "memory");
	_exit(3);
}
static void step_over_a_watched_call(void)
{
	pid_t p = traced(calls_and_stops);
	CHECK(pt(PTRACE_SETOPTIONS, p, 0, PTRACE_O_TRACESYSGOOD) == 0);
	cont(p);
	CHECK(stop_of(p) == SIGTRAP);
	step(p);
	unsigned long ip = peek_user(p, REG(rip));
	CHECK(pt(PTRACE_SYSCALL, p, 0, 0) == 0 && stop_of(p) == (SIGTRAP | 0x80));
	/* From inside the call a step ends behind it. */
	step(p);
	CHECK(peek_user(p, REG(rip)) == ip + 2 && (pid_t)peek_user(p, REG(rax)) == p);
	step(p);
	CHECK(peek_user(p, REG(rip)) == ip + 3);
	finish(p);
}

/*
 * From branch to branch, on a CPU that can (BTF in DEBUGCTL); one that does not, as QEMU's emulated ones, goes by instructions. Either way each stop is a
 * step's, in the loop, and its end is reached.
 */
static void loops(void)
{
	__asm__ volatile("int3\n\tmov $3, %%ecx\n1:\tnop\n\tnop\n\tdec %%ecx\n\tjnz 1b\n\tnop\n\tint3" ::: "rcx", "memory");
	_exit(3);
}
#define LOOP_TOP 5UL /* bytes from behind the first int3 */
#define LOOP_END 12UL
static void steps_by_blocks(void)
{
	pid_t p = traced(loops);
	cont(p);
	CHECK(stop_of(p) == SIGTRAP);
	unsigned long ip = peek_user(p, REG(rip)), at = 0;
	int stops = 0, tops = 0;
	CHECK_ERR(pt(PTRACE_SINGLEBLOCK, p, 0, 65), EIO);
	for (; at < LOOP_END + 1 && stops < 40; stops++) {
		CHECK(pt(PTRACE_SINGLEBLOCK, p, 0, 0) == 0 && stop_of(p) == SIGTRAP);
		at = peek_user(p, REG(rip)) - ip;
		siginfo_t si = siginfo_of(p);
		tops += at == LOOP_TOP;
		CHECK(at <= LOOP_END + 1);
		CHECK(si.si_signo == SIGTRAP && (si.si_code == TRAP_TRACE || (at == LOOP_END + 1 && si.si_code == SI_KERNEL)));
	}
	/* Two branches back, at least; each instruction, at most. */
	CHECK(stops >= 3 && stops <= 16 && tops >= 2 && tops <= 3 && peek_user(p, REG(rcx)) == 0);
	CHECK(!(peek_user(p, REG(eflags)) & 0x100));
	finish(p);
	/* A plain step behind one of a block is one instruction. */
	p = traced(loops);
	cont(p);
	CHECK(stop_of(p) == SIGTRAP);
	CHECK(pt(PTRACE_SINGLEBLOCK, p, 0, 0) == 0 && stop_of(p) == SIGTRAP);
	ip = peek_user(p, REG(rip));
	step(p);
	CHECK(peek_user(p, REG(rip)) == ip + 1);
	/* Let go on its way it does not trap any more. */
	CHECK(pt(PTRACE_SINGLEBLOCK, p, 0, 0) == 0 && stop_of(p) == SIGTRAP);
	cont(p);
	CHECK(stop_of(p) == SIGTRAP && siginfo_of(p).si_code == SI_KERNEL);
	cont(p);
	CHECK(EXITED(reap(p), 3));
}

/* --- debug registers ------------------------------------------------------------------------------------------------------------------------ */

static volatile struct {
	unsigned char c[8];
} __attribute__((aligned(8))) area;
static __attribute__((noinline)) void here(void) { __asm__ volatile("nop" ::: "memory"); }
static void touches(void)
{
	for (int i = 0; i < 8; i++) {
		area.c[i] = (unsigned char)(i + 1);
		here();
	}
	unsigned sum = 0;
	for (int i = 0; i < 8; i++)
		sum += area.c[i];
	_exit((int)sum);
}
static int set_debug(pid_t p, int n, unsigned long v) { return (int)pt(PTRACE_POKEUSR, p, DEBUGREG(n), v); }
/* Runs to the end; the number of stops at breakpoint n. */
static int hits_of(pid_t p, int n)
{
	int st, hits = 0;
	for (;;) {
		cont(p);
		CHECK(waitpid(p, &st, __WALL) == p);
		if (WIFEXITED(st)) {
			CHECK(WEXITSTATUS(st) == 36);
			return hits;
		}
		CHECK(st >> 8 == SIGTRAP && siginfo_of(p).si_code == 4 /* TRAP_HWBKPT */);
		unsigned long dr6 = peek_user(p, DEBUGREG(6));
		CHECK((dr6 & 15) == 1UL << n);
		CHECK(set_debug(p, 6, 0) == 0);
		hits++;
	}
}
static void watchpoints_of_each_size(void)
{
	static const struct {
		unsigned long type, len;
		int at, hits;
	} w[] = {
		{ 1, 0, 3, 1 }, { 1, 1, 2, 2 }, { 1, 3, 4, 4 }, { 1, 2, 0, 8 }, /* writes of 1 2 4 8 bytes */
		{ 3, 0, 3, 2 }, { 3, 1, 6, 4 }, { 3, 3, 0, 8 }, { 3, 2, 0, 16 }, /* and reads */
	};
	for (unsigned i = 0; i < NELEM(w); i++) {
		int n = (int)(i & 3);
		pid_t p = traced(touches);
		if (set_debug(p, n, (unsigned long)&area.c[w[i].at]) < 0) {
			finish(p);
			check_skip("no debug registers");
		}
		CHECK(set_debug(p, 7, 1UL << n * 2 | w[i].type << (16 + n * 4) | w[i].len << (18 + n * 4)) == 0);
		int hits = hits_of(p, n);
		CHECK(hits == w[i].hits);
	}
}
/* An instruction that was reported runs when the tracee is continued, without anything being taken away. */
static void breakpoint_is_passed_by_continuing(void)
{
	pid_t p = traced(touches);
	CHECK(set_debug(p, 1, (unsigned long)here) == 0 && set_debug(p, 7, 4) == 0);
	CHECK(hits_of(p, 1) == 8);
}
static void *thread_touches(void *arg)
{
	area.c[0] = 2;
	return arg;
}
static void touches_in_thread_too(void)
{
	pthread_t t;
	CHECK(pthread_create(&t, NULL, thread_touches, NULL) == 0);
	pthread_join(t, NULL);
	area.c[0] = 1;
	_exit(9);
}
/* Each thread has its own; neither a thread nor a child gets them. */
static void not_inherited(void)
{
	pid_t p = traced(touches_in_thread_too);
	CHECK(set_debug(p, 0, (unsigned long)&area.c[0]) == 0 && set_debug(p, 7, 1 | 1UL << 16) == 0);
	cont(p);
	CHECK(stop_of(p) == SIGTRAP && siginfo_of(p).si_code == 4);
	cont(p);
	CHECK(EXITED(reap(p), 9));
}

/* --- what else can be asked ----------------------------------------------------------------------------------------------------------------- */

static struct {
	uint32_t w[8];
} own_rseq __attribute__((aligned(32)));
static void registers_rseq(void)
{
	/* The library has one already, perhaps: then that is what the tracer finds. */
	SHARED[0] = syscall(SYS_rseq, &own_rseq, 32, 0, 0x53053053) == 0;
	raise(SIGSTOP);
}
static void rseq_configuration(void)
{
	struct {
		uint64_t ptr;
		uint32_t size, sig, flags, pad;
	} c = { 0 };
	pid_t p = traced(registers_rseq);
	cont(p);
	CHECK(stop_of(p) == SIGSTOP);
	CHECK(pt(PTRACE_GET_RSEQ_CONFIGURATION, p, sizeof(c), (uintptr_t)&c) == 24);
	CHECK(c.ptr && c.size >= 32 && c.sig == 0x53053053 && c.flags == 0 && c.pad == 0);
	CHECK(!SHARED[0] || c.ptr == (uintptr_t)&own_rseq);
	uint64_t ptr = 0;
	CHECK(pt(PTRACE_GET_RSEQ_CONFIGURATION, p, 8, (uintptr_t)&ptr) == 24 && ptr == c.ptr);
	CHECK_ERR(pt(PTRACE_GET_RSEQ_CONFIGURATION, p, sizeof(c), 8), EFAULT);
	finish(p);
}
static void asks_the_tracer(void)
{
	/* getppid is the tracer's to decide, with 0x1234. */
	struct sock_filter code[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 0x1234), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_fprog prog = { NELEM(code), code };
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0);
	raise(SIGSTOP);
	SHARED[0] = (int)syscall(SYS_getppid, 1, 2, 3, 4, 5, 6);
	SHARED[1] = (int)syscall(SYS_getppid);
	_exit(5);
}
/* What a call that a filter hands to the tracer looks like; and the filters' sleep while a privileged tracer wants it. */
static void seccomp_stops_and_suspension(void)
{
	struct ptrace_syscall_info si;
	pid_t p = traced(asks_the_tracer);
	CHECK(pt(PTRACE_SETOPTIONS, p, 0, PTRACE_O_TRACESECCOMP) == 0);
	cont(p);
	CHECK(stop_of(p) == SIGSTOP);
	cont(p);
	CHECK(stop_of(p) == EVENT(PTRACE_EVENT_SECCOMP) && message_of(p) == 0x1234);
	memset(&si, 0, sizeof(si));
	CHECK(pt(PTRACE_GET_SYSCALL_INFO, p, sizeof(si), (uintptr_t)&si) == offsetof(struct ptrace_syscall_info, seccomp.ret_data) + 4);
	CHECK(si.op == PTRACE_SYSCALL_INFO_SECCOMP && si.seccomp.nr == SYS_getppid && si.seccomp.ret_data == 0x1234);
	for (unsigned i = 0; i < 6; i++)
		CHECK(si.seccomp.args[i] == i + 1);
	long suspended = pt(PTRACE_SETOPTIONS, p, 0, PTRACE_O_TRACESECCOMP | 1UL << 21 /* PTRACE_O_SUSPEND_SECCOMP */);
	CHECK(suspended == 0 || errno == EPERM || errno == EINVAL);
	cont(p);
	if (suspended != 0) {
		CHECK(stop_of(p) == EVENT(PTRACE_EVENT_SECCOMP));
		cont(p);
	}
	CHECK(EXITED(reap(p), 5) && SHARED[0] == getpid() && SHARED[1] == getpid());
}
static void register_sets_that_are_empty(void)
{
	unsigned char b[64];
	struct iovec v = { b, sizeof(b) };
	pid_t p = traced(sleeps);
	CHECK_ERR(pt(PTRACE_GETREGSET, p, 0x201 /* NT_386_IOPERM */, (uintptr_t)&v), ENXIO);
	CHECK_ERR(pt(PTRACE_SETREGSET, p, 0x201, (uintptr_t)&v), EOPNOTSUPP);
	finish(p);
}

CASES(CASE(exitkill_may_be_set_and_taken_back), CASE(group_stop_of_an_attached_one), CASE(each_thread_tells_of_a_group_stop),
	CASE(interrupt_stops_one_thread), CASE(function_called_out_of_a_call), CASE(interrupted_sleeps_go_on), CASE(step_over_rep),
	CASE(step_over_a_watched_call), CASE(steps_by_blocks), CASE(watchpoints_of_each_size), CASE(breakpoint_is_passed_by_continuing),
	CASE(not_inherited), CASE(rseq_configuration), CASE(seccomp_stops_and_suspension), CASE(register_sets_that_are_empty))
