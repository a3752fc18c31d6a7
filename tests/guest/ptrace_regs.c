/* ptrace: registers, hostile values, floating point state, single step, debug registers, memory. */
#include "trace.h"
#include <stdbool.h>
#include <sys/ucontext.h>

#define DEBUGREG(n) (offsetof(struct user, u_debugreg) + (n) * 8)

static siginfo_t siginfo_of(pid_t p)
{
	siginfo_t si;
	CHECK(pt(PTRACE_GETSIGINFO, p, 0, (uintptr_t)&si) == 0);
	return si;
}

/* --- general registers ------------------------------------------------------------------------------------------------------------------- */

static volatile long int3_result;
static void int3_with_values(void)
{
	__asm__ __volatile__("movq $1, %%rbx; movq $2, %%r12; movq $3, %%r13; movq $4, %%rdi; movq $5, %%r10; int3; "
			     "movq %%rbx, %0; " : "=m"(int3_result)::"rbx", "r12", "r13", "rdi", "r10", "memory");
	_exit((int)int3_result);
}
static void registers(void)
{
	struct user_regs_struct r, s;
	pid_t p = traced(int3_with_values);
	cont(p);
	CHECK(stop_of(p) == SIGTRAP);
	siginfo_t si = siginfo_of(p);
	CHECK(si.si_code == SI_KERNEL);
	get_regs(p, &r);
	CHECK(r.rbx == 1 && r.r12 == 2 && r.r13 == 3 && r.rdi == 4 && r.r10 == 5);
	CHECK(r.cs == 0x33 && r.ss == 0x2b && (long)r.orig_rax == -1 && (r.eflags & 0x200));
	CHECK(peek_user(p, REG(rbx)) == 1 && peek_user(p, REG(rip)) == r.rip && peek_user(p, REG(fs_base)) == r.fs_base && r.fs_base);
	CHECK(pt(PTRACE_POKEUSR, p, REG(rbx), 42) == 0);
	get_regs(p, &s);
	r.rbx = 42;
	CHECK(memcmp(&r, &s, sizeof(r)) == 0);
	r.rbx = 43;
	set_regs(p, &r);
	struct iovec v = { &s, 48 };
	memset(&s, 0xee, sizeof(s));
	CHECK(pt(PTRACE_GETREGSET, p, NT_PRSTATUS, (uintptr_t)&v) == 0 && v.iov_len == 48);
	CHECK(s.rbx == 43 && ((unsigned char *)&s)[48] == 0xee);
	v = (struct iovec){ &s, 4096 };
	CHECK(pt(PTRACE_GETREGSET, p, NT_PRSTATUS, (uintptr_t)&v) == 0 && v.iov_len == sizeof(s) && s.rbx == 43);
	s.rbx = 44;
	v = (struct iovec){ &s, 48 };
	CHECK(pt(PTRACE_SETREGSET, p, NT_PRSTATUS, (uintptr_t)&v) == 0);
	CHECK(peek_user(p, REG(rbx)) == 44);
	v = (struct iovec){ &s, 7 };
	CHECK_ERR(pt(PTRACE_GETREGSET, p, NT_PRSTATUS, (uintptr_t)&v), EINVAL);
	CHECK_ERR(pt(PTRACE_GETREGSET, p, 0x12345, (uintptr_t)&v), EINVAL);
	CHECK_ERR(pt(PTRACE_GETREGSET, p, NT_PRSTATUS, 8), EFAULT);
	v = (struct iovec){ (void *)8, 16 };
	CHECK_ERR(pt(PTRACE_GETREGSET, p, NT_PRSTATUS, (uintptr_t)&v), EFAULT);
	CHECK_ERR(pt(PTRACE_SETREGSET, p, NT_PRSTATUS, (uintptr_t)&v), EFAULT);
	cont(p);
	CHECK(EXITED(reap(p), 44));
}
static void user_area_errors(void)
{
	unsigned long v;
	pid_t p = traced(sleeps);
	CHECK_ERR(pt(PTRACE_PEEKUSR, p, 3, (uintptr_t)&v), EIO);
	CHECK_ERR(pt(PTRACE_PEEKUSR, p, 928, (uintptr_t)&v), EIO);
	CHECK_ERR(pt(PTRACE_PEEKUSR, p, -8UL, (uintptr_t)&v), EIO);
	CHECK_ERR(pt(PTRACE_POKEUSR, p, 4, 0), EIO);
	CHECK_ERR(pt(PTRACE_POKEUSR, p, sizeof(struct user_regs_struct), 0), EIO);
	CHECK_ERR(pt(PTRACE_POKEUSR, p, -8UL, 0), EIO);
	CHECK(peek_user(p, sizeof(struct user_regs_struct)) == 0);
	CHECK_ERR(pt(PTRACE_POKEUSR, p, REG(cs), 0), EIO);
	CHECK_ERR(pt(PTRACE_POKEUSR, p, REG(ss), 0), EIO);
	CHECK_ERR(pt(PTRACE_POKEUSR, p, REG(cs), 0x10), EIO);
	CHECK_ERR(pt(PTRACE_POKEUSR, p, REG(ss), 0x18), EIO);
	CHECK_ERR(pt(PTRACE_POKEUSR, p, REG(ds), 0x18), EIO);
	CHECK_ERR(pt(PTRACE_POKEUSR, p, REG(fs_base), 0x8000000000000000UL), EIO);
	CHECK_ERR(pt(PTRACE_POKEUSR, p, REG(gs_base), 0x800000000000UL), EIO);
	CHECK_ERR(pt(PTRACE_POKEUSR, p, REG(fs_base), -1UL), EIO);
	CHECK(pt(PTRACE_POKEUSR, p, REG(gs_base), 0x1000) == 0 && peek_user(p, REG(gs_base)) == 0x1000);
	/* Only the program's own flags can be changed. */
	CHECK(pt(PTRACE_POKEUSR, p, REG(eflags), -1UL) == 0);
	CHECK((peek_user(p, REG(eflags)) & ~0x54dd5UL) == 0x202 && (peek_user(p, REG(eflags)) & 0x54dd5) == 0x54dd5);
	CHECK(pt(PTRACE_POKEUSR, p, REG(eflags), 0) == 0);
	CHECK(peek_user(p, REG(eflags)) == 0x202);
	CHECK(pt(30 /* ARCH_PRCTL */, p, (uintptr_t)&v, 0x1003 /* ARCH_GET_FS */) == 0 && v == peek_user(p, REG(fs_base)));
	CHECK(pt(30, p, 0x2000, 0x1001 /* ARCH_SET_GS */) == 0 && peek_user(p, REG(gs_base)) == 0x2000);
	CHECK_ERR(pt(30, p, -1UL, 0x1002 /* ARCH_SET_FS */), EPERM);
	CHECK_ERR(pt(30, p, 0, 0x7777), EINVAL);
	finish(p);
}
/* Whatever is written, the tracee dies or lives, and the machine goes on. */
static void hostile_registers(void)
{
	static const struct { size_t off; unsigned long v; } bad[] = {
		{ REG(rip), 0x8000000000000000UL }, { REG(rip), 0xffff800000000000UL }, { REG(rip), 0xffffffff80000000UL }, { REG(rip), 0 }, { REG(rip), -1UL },
		{ REG(rip), 0x7ffffffff000UL }, { REG(rip), 0x800000000000UL }, { REG(rsp), 0x8000000000000000UL }, { REG(rsp), 0xffffffff80000000UL },
		{ REG(rsp), 0 }, { REG(rsp), -1UL }, { REG(cs), 0x23 }, { REG(cs), 0xffff }, { REG(cs), 0x2b }, { REG(cs), 3 }, { REG(cs), 0x0b }, { REG(cs), 0x43 },
		{ REG(ss), 0xffff }, { REG(ss), 0x33 }, { REG(ss), 3 }, { REG(ss), 0x0b }, { REG(ss), 0x4b }, { REG(ds), 0xffff }, { REG(es), 0x2b }, { REG(fs), 0x33 },
		{ REG(gs), 0xfff3 }, { REG(eflags), -1UL }, { REG(eflags), 0x4000 }, { REG(eflags), 0x100 }, { REG(orig_rax), -1UL }, { REG(orig_rax), 512 },
		{ REG(orig_rax), 0x7fffffffffffffffUL }, { REG(orig_rax), 0xffffffff00000027UL }, { REG(rax), -512UL }, { REG(rax), -516UL }, { REG(rax), -513UL }, { REG(rcx), -1UL }, { REG(r11), -1UL },
		{ REG(fs_base), 0x7fffffffefffUL }, { REG(gs_base), 0x7fffffffefffUL },
	};
	for (size_t i = 0; i < NELEM(bad) * 2; i++) {
		int st, n = 0;
		pid_t p = traced(sleeps);
		CHECK(pt(PTRACE_SETOPTIONS, p, 0, PTRACE_O_TRACESYSGOOD) == 0);
		if (i >= NELEM(bad)) { /* at the entry of a call */
			CHECK(pt(PTRACE_SYSCALL, p, 0, 0) == 0);
			stop_of(p);
		}
		pt(PTRACE_POKEUSR, p, bad[i % NELEM(bad)].off, bad[i % NELEM(bad)].v);
		for (long how = PTRACE_SYSCALL; n < 6; n++) {
			if (pt(how, p, 0, 0) < 0)
				break;
			msleep(2);
			if (waitpid(p, &st, WNOHANG | __WALL) != p)
				break;
			if (!WIFSTOPPED(st))
				break;
			if (WSTOPSIG(st) == SIGSEGV || WSTOPSIG(st) == SIGBUS || WSTOPSIG(st) == SIGILL)
				pt(PTRACE_CONT, p, 0, (uintptr_t)WSTOPSIG(st));
			how = n & 1 ? PTRACE_SYSCALL : T_SINGLESTEP;
		}
		kill(p, SIGKILL);
		while (waitpid(p, &st, __WALL) == p && WIFSTOPPED(st))
			;
	}
}
/* All registers at random, many times. */
static void random_registers(void)
{
	unsigned long seed = 88172645463325252UL;
	for (int i = 0; i < 150; i++) {
		struct user_regs_struct r;
		unsigned long *w = (unsigned long *)&r;
		int st;
		pid_t p = traced(sleeps);
		get_regs(p, &r);
		for (size_t k = 0; k < sizeof(r) / 8; k++) {
			seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
			if (seed % 3 == 0)
				pt(PTRACE_POKEUSR, p, k * 8, seed % 5 == 0 ? seed : seed % 5 == 1 ? w[k] + (seed & 0xff) : seed % 5 == 2 ? seed & 0xffff : seed % 5 == 3 ? -1UL : seed >> 17);
		}
		pt(i & 1 ? PTRACE_CONT : T_SINGLESTEP, p, 0, 0);
		msleep(1);
		kill(p, SIGKILL);
		while (waitpid(p, &st, __WALL) == p && WIFSTOPPED(st))
			;
	}
}

/* --- floating point ---------------------------------------------------------------------------------------------------------------------- */

static void xmm_and_int3(void)
{
	static const unsigned long in[2] = { 0x1122334455667788UL, 0x99aabbccddeeff00UL };
	volatile unsigned long out[2];
	__asm__ __volatile__("movups %1, %%xmm5; int3; movups %%xmm5, %0" : "=m"(out) : "m"(in) : "xmm5");
	_exit(out[0] == 0x4242 && out[1] == 0x4343 ? 7 : 8);
}
static void fp_registers(void)
{
	struct user_fpregs_struct f;
	pid_t p = traced(xmm_and_int3);
	cont(p);
	CHECK(stop_of(p) == SIGTRAP);
	CHECK(pt(T_GETFPREGS, p, 0, (uintptr_t)&f) == 0);
	CHECK(f.mxcsr == 0x1f80 && f.cwd == 0x37f);
	unsigned long *x = (unsigned long *)&f.xmm_space[20];
	CHECK(x[0] == 0x1122334455667788UL && x[1] == 0x99aabbccddeeff00UL);
	f.mxcsr = 0xffffffff;
	CHECK_ERR(pt(T_SETFPREGS, p, 0, (uintptr_t)&f), EINVAL);
	f.mxcsr = 0x1f80;
	x[0] = 0x4242, x[1] = 0x4343;
	CHECK(pt(T_SETFPREGS, p, 0, (uintptr_t)&f) == 0);
	struct iovec v = { &f, sizeof(f) };
	memset(&f, 0, sizeof(f));
	CHECK(pt(PTRACE_GETREGSET, p, NT_PRFPREG, (uintptr_t)&v) == 0 && v.iov_len == 512 && x[0] == 0x4242);
	v.iov_len = 256;
	CHECK_ERR(pt(PTRACE_SETREGSET, p, NT_PRFPREG, (uintptr_t)&v), EINVAL);
	cont(p);
	CHECK(EXITED(reap(p), 7));
}
static void xstate(void)
{
	static unsigned char b[16384], c[16384];
	struct iovec v = { b, sizeof(b) };
	pid_t p = traced(xmm_and_int3);
	cont(p);
	CHECK(stop_of(p) == SIGTRAP);
	if (pt(PTRACE_GETREGSET, p, NT_X86_XSTATE, (uintptr_t)&v) < 0) {
		CHECK(errno == ENODEV || errno == EINVAL);
		finish(p);
		check_skip("no XSAVE");
	}
	size_t n = v.iov_len;
	CHECK(n >= 576 && n < sizeof(b));
	unsigned long *x = (unsigned long *)(b + 160 + 16 * 5), *xcr0 = (unsigned long *)(b + 464), *bv = (unsigned long *)(b + 512);
	CHECK(x[0] == 0x1122334455667788UL && (*xcr0 & 3) == 3 && (*bv & 2) && !(*bv & ~*xcr0));
	memcpy(c, b, n);
	v = (struct iovec){ b, n };
	*bv |= 1UL << 40; /* an unknown component */
	CHECK_ERR(pt(PTRACE_SETREGSET, p, NT_X86_XSTATE, (uintptr_t)&v), EINVAL);
	memcpy(b, c, n);
	b[520] = 1; /* xcomp_bv: the compacted format */
	CHECK_ERR(pt(PTRACE_SETREGSET, p, NT_X86_XSTATE, (uintptr_t)&v), EINVAL);
	memcpy(b, c, n);
	b[540] = 1; /* reserved */
	CHECK_ERR(pt(PTRACE_SETREGSET, p, NT_X86_XSTATE, (uintptr_t)&v), EINVAL);
	memcpy(b, c, n);
	memset(b + 24, 0xff, 4); /* mxcsr */
	CHECK_ERR(pt(PTRACE_SETREGSET, p, NT_X86_XSTATE, (uintptr_t)&v), EINVAL);
	memcpy(b, c, n);
	v.iov_len = 576;
	if (n != 576)
		CHECK_ERR(pt(PTRACE_SETREGSET, p, NT_X86_XSTATE, (uintptr_t)&v), EFAULT);
	v.iov_len = n;
	x[0] = 0x4242, x[1] = 0x4343;
	CHECK(pt(PTRACE_SETREGSET, p, NT_X86_XSTATE, (uintptr_t)&v) == 0);
	cont(p);
	CHECK(EXITED(reap(p), 7));
}

/* --- single step ------------------------------------------------------------------------------------------------------------------------- */

static void step(pid_t p, int expect)
{
	CHECK(pt(T_SINGLESTEP, p, 0, 0) == 0);
	CHECK(stop_of(p) == expect);
}
static void counted(void)
{
	__asm__ __volatile__("int3; nop; nop; movl $39, %%eax; .globl step_call; step_call: syscall; nop; int3" ::: "rax", "rcx", "r11", "memory");
	_exit(6);
}
static void single_steps(void)
{
	pid_t p = traced(counted);
	cont(p);
	CHECK(stop_of(p) == SIGTRAP);
	unsigned long ip = peek_user(p, REG(rip));
	step(p, SIGTRAP);
	CHECK(peek_user(p, REG(rip)) == ip + 1 && siginfo_of(p).si_code == TRAP_TRACE);
	CHECK(!(peek_user(p, REG(eflags)) & 0x100)); /* the tracer's trap flag does not show */
	step(p, SIGTRAP);
	step(p, SIGTRAP);
	CHECK(peek_user(p, REG(rip)) == ip + 7);
	step(p, SIGTRAP); /* over the system call, which leaves by a path of its own */
	CHECK(peek_user(p, REG(rip)) == ip + 9 && (pid_t)peek_user(p, REG(rax)) == p);
	step(p, SIGTRAP);
	CHECK(peek_user(p, REG(rip)) == ip + 10);
	cont(p);
	CHECK(stop_of(p) == SIGTRAP && peek_user(p, REG(rip)) == ip + 11);
	cont(p);
	CHECK(EXITED(reap(p), 6));
}
static void pushes_flags(void)
{
	unsigned long f;
	__asm__ __volatile__("int3; pushfq; popq %0; int3" : "=r"(f)::"memory");
	SHARED[0] = f & 0x100;
	_exit(6);
}
static void popf_trap(void)
{
	/* The program sets the flag itself: SIGTRAP after the next instruction, without a tracer's doing. */
	__asm__ __volatile__("int3; pushfq; orl $0x100, (%%rsp); popfq; nop; pushfq; andl $~0x100, (%%rsp); popfq; int3" ::: "memory", "cc");
	_exit(6);
}
static void step_over_popf(void)
{
	pid_t p = traced(popf_trap);
	cont(p);
	CHECK(stop_of(p) == SIGTRAP);
	for (int i = 0; i < 3; i++)
		step(p, SIGTRAP);
	CHECK(peek_user(p, REG(eflags)) & 0x100); /* its own now */
	cont(p);
	CHECK(stop_of(p) == SIGTRAP && siginfo_of(p).si_code == TRAP_TRACE);
	finish(p);
	p = traced(pushes_flags);
	cont(p);
	CHECK(stop_of(p) == SIGTRAP);
	step(p, SIGTRAP);
	cont(p);
	stop_of(p);
	cont(p);
	CHECK(EXITED(reap(p), 6));
}
static void handler(int s, siginfo_t *si, void *u)
{
	(void)s, (void)si;
	SHARED[0] = 1;
	SHARED[1] = (int)((ucontext_t *)u)->uc_mcontext.gregs[REG_EFL] & 0x100;
}
static void signals_itself(void)
{
	struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	_exit(6);
}
static void step_into_handler(void)
{
	pid_t p = traced(signals_itself);
	cont(p);
	CHECK(stop_of(p) == SIGUSR1);
	CHECK(pt(T_SINGLESTEP, p, 0, SIGUSR1) == 0);
	CHECK(stop_of(p) == SIGTRAP);
	CHECK(peek_user(p, REG(rip)) == (unsigned long)handler && peek_user(p, REG(rdi)) == SIGUSR1 && !SHARED[0]);
	step(p, SIGTRAP);
	CHECK(peek_user(p, REG(rip)) != (unsigned long)handler);
	for (int i = 0; i < 2000 && peek_user(p, REG(orig_rax)) != SYS_exit_group; i++) {
		int st;
		CHECK(pt(T_SINGLESTEP, p, 0, 0) == 0);
		CHECK(waitpid(p, &st, 0) == p);
		if (WIFEXITED(st)) {
			CHECK(WEXITSTATUS(st) == 6);
			CHECK(SHARED[0] == 1 && SHARED[1] == 0); /* no trap flag in its frame */
			return;
		}
		CHECK(WIFSTOPPED(st) && WSTOPSIG(st) == SIGTRAP);
	}
	CHECK(!"reached");
}
static void forks_while_stepped(void)
{
	__asm__ __volatile__("int3" ::: "memory");
	pid_t p = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (!p)
		_exit(3);
	SHARED[0] = EXITED(reap(p), 3);
	_exit(6);
}
/* The child of a stepped process is not stepped. */
static void step_is_not_inherited(void)
{
	int st = 0;
	pid_t p = traced(forks_while_stepped);
	cont(p);
	CHECK(stop_of(p) == SIGTRAP);
	for (int n = 0; n < 20000; n++) {
		CHECK(pt(T_SINGLESTEP, p, 0, 0) == 0);
		CHECK(waitpid(p, &st, 0) == p);
		if (!WIFSTOPPED(st))
			break;
	}
	CHECK(EXITED(st, 6) && SHARED[0] == 1);
}

/* --- debug registers --------------------------------------------------------------------------------------------------------------------- */

static volatile long watched;
static __attribute__((noinline)) void break_here(void) { __asm__ __volatile__("nop" ::: "memory"); }
static void writes(void)
{
	for (int i = 1; i < 4; i++) {
		break_here();
		watched = i;
	}
	_exit(6);
}
static int set_debug(pid_t p, int n, unsigned long v) { return (int)pt(PTRACE_POKEUSR, p, DEBUGREG(n), v); }
static void watchpoint(void)
{
	pid_t p = traced(writes);
	if (set_debug(p, 0, (unsigned long)&watched) < 0) {
		finish(p);
		check_skip("no debug registers");
	}
	CHECK(set_debug(p, 7, 1 | 1UL << 16 | 3UL << 18) == 0); /* write, 8 bytes */
	for (int i = 1; i < 4; i++) {
		long v;
		cont(p);
		CHECK(stop_of(p) == SIGTRAP);
		CHECK(siginfo_of(p).si_code == 4 /* TRAP_HWBKPT */);
		CHECK((peek_user(p, DEBUGREG(6)) & 15) == 1);
		CHECK(pt(PTRACE_PEEKDATA, p, (uintptr_t)&watched, (uintptr_t)&v) == 0 && v == i);
		CHECK(set_debug(p, 6, 0) == 0);
	}
	CHECK(set_debug(p, 7, 0) == 0);
	cont(p);
	CHECK(EXITED(reap(p), 6));
}
static void hardware_breakpoint(void)
{
	pid_t p = traced(writes);
	CHECK(set_debug(p, 2, (unsigned long)break_here) == 0);
	CHECK(set_debug(p, 7, 1 << 4) == 0);
	for (int i = 0; i < 3; i++) {
		struct user_regs_struct r;
		cont(p);
		CHECK(stop_of(p) == SIGTRAP);
		get_regs(p, &r);
		CHECK(r.rip == (unsigned long)break_here && (peek_user(p, DEBUGREG(6)) & 15) == 4);
		/* Without RF the same instruction would hit again: step over it with the breakpoint off. */
		CHECK(set_debug(p, 7, 0) == 0);
		step(p, SIGTRAP);
		CHECK(set_debug(p, 7, 1 << 4) == 0);
	}
	cont(p);
	CHECK(EXITED(reap(p), 6));
}
static void debug_register_errors(void)
{
	pid_t p = traced(sleeps);
	CHECK(peek_user(p, DEBUGREG(0)) == 0 && peek_user(p, DEBUGREG(7)) == 0);
	CHECK_ERR(set_debug(p, 4, 0), EIO);
	CHECK_ERR(set_debug(p, 5, 0), EIO);
	CHECK_ERR(set_debug(p, 0, 0xffffffff80000000UL), EINVAL);
	CHECK_ERR(set_debug(p, 0, 0x8000000000000000UL), EINVAL);
	CHECK_ERR(set_debug(p, 0, 0x7ffffffff000UL), EINVAL);
	CHECK(set_debug(p, 0, (unsigned long)&watched + 1) == 0 && peek_user(p, DEBUGREG(0)) == (unsigned long)&watched + 1);
	CHECK_ERR(set_debug(p, 7, 1 | 1UL << 16 | 3UL << 18), EINVAL); /* misaligned for its length */
	CHECK(peek_user(p, DEBUGREG(7)) == 0);
	CHECK_ERR(set_debug(p, 7, 1 | 2UL << 16), EINVAL); /* I/O */
	CHECK_ERR(set_debug(p, 7, 1 | 3UL << 18), EINVAL); /* execution has length 0 */
	CHECK(set_debug(p, 7, 1 | 1UL << 16) == 0 && peek_user(p, DEBUGREG(7)) == (1 | 1UL << 16));
	finish(p);
}
static void debug_registers_stay_with_their_thread(void)
{
	/* Two writers; one is watched. */
	pid_t p = traced(writes), q = traced(writes);
	CHECK(set_debug(p, 1, (unsigned long)&watched) == 0 && set_debug(p, 7, 4 | 1UL << 20 | 3UL << 22) == 0);
	cont(q);
	CHECK(EXITED(reap(q), 6));
	cont(p);
	CHECK(stop_of(p) == SIGTRAP);
	watched = 5; /* ours is another address space */
	finish(p);
}

/* --- memory ------------------------------------------------------------------------------------------------------------------------------ */

static const long constant[512] = { [3] = 0x55aa };
static void reads_constant(void)
{
	raise(SIGSTOP);
	_exit(*(volatile const long *)&constant[3] == 0x77 ? 5 : 6);
}
static void poke_breaks_protection_and_sharing(void)
{
	long v = 0;
	pid_t p = traced(reads_constant);
	CHECK(pt(PTRACE_PEEKTEXT, p, (uintptr_t)&constant[3], (uintptr_t)&v) == 0 && v == 0x55aa);
	CHECK(pt(PTRACE_POKETEXT, p, (uintptr_t)&constant[3], 0x77) == 0);
	CHECK(pt(PTRACE_PEEKDATA, p, (uintptr_t)&constant[3], (uintptr_t)&v) == 0 && v == 0x77);
	CHECK(*(volatile const long *)&constant[3] == 0x55aa);
	/* A breakpoint in the text they share. */
	CHECK(pt(PTRACE_PEEKTEXT, p, (uintptr_t)break_here, (uintptr_t)&v) == 0);
	CHECK(pt(PTRACE_POKETEXT, p, (uintptr_t)break_here, (v & ~0xffL) | 0xcc) == 0);
	break_here();
	cont(p);
	CHECK(stop_of(p) == SIGSTOP);
	cont(p);
	CHECK(EXITED(reap(p), 5));
}
static void peek_across_pages(void)
{
	char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long v = 0;
	memset(m, 0x11, 8192);
	pid_t p = traced(sleeps);
	CHECK(pt(PTRACE_PEEKDATA, p, (uintptr_t)m + 4092, (uintptr_t)&v) == 0 && v == 0x1111111111111111UL);
	CHECK(pt(PTRACE_POKEDATA, p, (uintptr_t)m + 4092, 0x2233445566778899UL) == 0);
	CHECK(pt(PTRACE_PEEKDATA, p, (uintptr_t)m + 4092, (uintptr_t)&v) == 0 && v == 0x2233445566778899UL);
	CHECK(m[4092] == 0x11);
	finish(p);
	CHECK(mprotect(m, 4096, PROT_NONE) == 0);
	p = traced(sleeps);
	CHECK(pt(PTRACE_PEEKDATA, p, (uintptr_t)m, (uintptr_t)&v) == 0 && v == 0x1111111111111111UL);
	finish(p);
}

CASES(CASE(registers), CASE(user_area_errors), CASE(hostile_registers), CASE(random_registers), CASE(fp_registers), CASE(xstate), CASE(single_steps),
	CASE(step_over_popf), CASE(step_into_handler), CASE(step_is_not_inherited), CASE(watchpoint), CASE(hardware_breakpoint),
	CASE(debug_register_errors), CASE(debug_registers_stay_with_their_thread), CASE(poke_breaks_protection_and_sharing), CASE(peek_across_pages))
