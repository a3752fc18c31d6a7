/*
 * Signal frames that a program has forged: whatever rt_sigreturn reads, the worst that happens is a SIGSEGV to the one who wrote it.
 */
#include "check.h"
#include <sys/resource.h>
#include <ucontext.h>

static uint64_t state;
static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1dULL;
}

static const uint64_t words[] = { 0, 1, 2, 3, 0x23, 0x2b, 0x33, 0x1000, 0x7ffffffff000, 0x7fffffffffff, 0x800000000000, 0x8000000000000000, 0xffff888000000000,
	0xffffffff80000000, 0xffffffff81000000, 0xffffffffffffffff, 0xfffffffffffff000, 0xffffffff, 0x100000000, 0x46505853 /* FP_XSTATE_MAGIC1 */,
	0x46505845 /* MAGIC2 */, 0x7ff, 0x1f80, 0xffbf, 0x10000, 576, 512, 4095, 0xdeadbeef };
static uint64_t odd(void) { return rnd() % 3 ? words[rnd() % NELEM(words)] : rnd() % 2 ? rnd() : 1ull << rnd() % 64; }

static void (*change)(ucontext_t *);
static void handler(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si;
	change(uc);
}
/* In a child: a signal whose handler changes the context it returns to. Its wait status; 0 when it came back and all is well. */
static int with(void (*how)(ucontext_t *))
{
	change = how;
	return IN_CHILD(struct rlimit none = { 0, 0 }; setrlimit(RLIMIT_CORE, &none);
			struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
			sigaction(SIGUSR1, &sa, NULL); alarm(5); syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1); sched_yield());
}
/* Any end but by the alarm, which would mean that a child hangs. */
static int ended(int st) { return WIFSIGNALED(st) ? WTERMSIG(st) != SIGALRM : WIFEXITED(st); }

#define REG(uc, r) ((uc)->uc_mcontext.gregs[r])
static uint64_t value;
static void set_ip(ucontext_t *uc) { REG(uc, REG_RIP) = (greg_t)value; }
static void set_sp(ucontext_t *uc) { REG(uc, REG_RSP) = (greg_t)value; }
static void set_flags(ucontext_t *uc) { REG(uc, REG_EFL) = (greg_t)value; }
static void set_selectors(ucontext_t *uc) { REG(uc, REG_CSGSFS) = (greg_t)value; }
static void set_fpstate(ucontext_t *uc) { uc->uc_mcontext.fpregs = (void *)value; }
static void nothing(ucontext_t *uc) { (void)uc; }

static void instruction_pointers(void)
{
	static const uint64_t ips[] = { 0, 1, 0x7ffffffff000, 0x7fffffffffff, 0x800000000000, 0x8000000000000000, 0xffff888000000000, 0xffffffff80000000,
		0xffffffff81000000, 0xffffffffffffffff };
	CHECK(EXITED(with(nothing), 0));
	for (size_t i = 0; i < NELEM(ips); i++) {
		value = ips[i];
		CHECK(KILLED(with(set_ip), SIGSEGV));
	}
}

static void stack_pointers(void)
{
	for (size_t i = 0; i < NELEM(words); i++) {
		value = words[i];
		int st = with(set_sp);
		CHECK(KILLED(st, SIGSEGV) || KILLED(st, SIGBUS));
	}
}

static void flags(void)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		value = 0x202 | 1ull << bit;
		int st = with(set_flags);
		CHECK(bit == 8 ? KILLED(st, SIGTRAP) : EXITED(st, 0) || KILLED(st, SIGBUS) /* AC */);
	}
	value = 0; /* no interrupts? */
	CHECK(EXITED(with(set_flags), 0));
	value = 0x3000; /* I/O privilege */
	CHECK(EXITED(with(set_flags), 0));
}

static void selectors(void)
{
	for (uint64_t cs = 0; cs < 0x90; cs++) {
		value = cs | 0x2bull << 48;
		CHECK(ended(with(set_selectors)));
		value = 0x33 | cs << 48;
		CHECK(ended(with(set_selectors)));
	}
	for (int i = 0; i < 50; i++) {
		state = (uint64_t)i + 1;
		value = odd();
		CHECK(ended(with(set_selectors)));
	}
}

static void fpu_pointers(void)
{
	for (size_t i = 0; i < NELEM(words); i++) {
		value = words[i];
		int st = with(set_fpstate);
		CHECK(value ? KILLED(st, SIGSEGV) : EXITED(st, 0));
	}
}

static size_t fpu_size(const unsigned char *f)
{
	uint32_t magic, size;
	memcpy(&magic, f + 464, 4);
	memcpy(&size, f + 468, 4);
	return magic == 0x46505853 && size < 16384 ? size : 512;
}
static void corrupt_fpu(ucontext_t *uc)
{
	unsigned char *f = (void *)uc->uc_mcontext.fpregs;
	if (!f)
		return;
	size_t size = fpu_size(f);
	for (int i = 0; i < 6; i++) {
		uint64_t w = odd();
		/* mostly the control words, the software words and the header */
		static const unsigned short hot[] = { 0, 2, 4, 24, 28, 464, 468, 472, 480, 512, 520, 528 };
		size_t at = rnd() % 3 ? hot[rnd() % NELEM(hot)] : rnd() % size;
		if (at + 8 <= size)
			memcpy(f + at, &w, rnd() % 2 ? 8 : 4);
	}
}
static void random_fpu(ucontext_t *uc)
{
	unsigned char *f = (void *)uc->uc_mcontext.fpregs;
	if (!f)
		return;
	size_t size = fpu_size(f);
	for (size_t i = 0; i < size; i++)
		if (i < 464 || i >= 512 || state & 1)
			f[i] = (unsigned char)rnd();
}
static void fpu_contents(void)
{
	for (int i = 0; i < 300; i++) {
		state = (uint64_t)i * 7 + 1;
		int st = with(i % 4 ? corrupt_fpu : random_fpu);
		CHECK(EXITED(st, 0) || KILLED(st, SIGSEGV) || KILLED(st, SIGFPE));
	}
}

/* The FPU area where it may not be read all the way, or not at that alignment. */
static unsigned char *area;
static void move_fpu(ucontext_t *uc)
{
	unsigned char *f = (void *)uc->uc_mcontext.fpregs;
	if (!f)
		return;
	memcpy(area + 65536 - value, f, fpu_size(f) < value ? fpu_size(f) : value);
	uc->uc_mcontext.fpregs = (void *)(area + 65536 - value);
}
static void fpu_at_the_edge(void)
{
	area = mmap(NULL, 131072, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(munmap(area + 65536, 65536) == 0);
	for (value = 1; value < 8192; value += value < 600 ? 29 : 251) {
		int st = with(move_fpu);
		CHECK(EXITED(st, 0) || KILLED(st, SIGSEGV));
	}
}

static void random_frame(ucontext_t *uc)
{
	unsigned char *p = (void *)uc;
	for (int i = 0; i < 8; i++) {
		uint64_t w = odd();
		memcpy(p + rnd() % 38 * 8, &w, 8);
	}
	/* whatever else is random: no endless stops and no escape from the alarm */
	memset(&uc->uc_sigmask, 0, 8);
}
static void random_frames(void)
{
	for (int i = 0; i < 400; i++) {
		state = (uint64_t)i * 3 + 5;
		CHECK(ended(with(random_frame)));
	}
}

/* rt_sigreturn with no frame at all. */
static void no_frame(void)
{
	static const uint64_t sps[] = { 0, 8, 0x7ffffffff000 - 8, 0x7fffffffffff, 0x800000000000, 0xffff888000000000, 0xffffffff81000000, 0xfffffffffffffff8 };
	for (size_t i = 0; i < NELEM(sps); i++)
		CHECK(KILLED(IN_CHILD(__asm__ volatile("mov %0, %%rsp\n\tmov $15, %%eax\n\tsyscall\n\tud2" ::"r"(sps[i]))), SIGSEGV));
	for (int i = 0; i < 200; i++) {
		state = (uint64_t)i + 77;
		int st = IN_CHILD(static uint64_t fake[1024]; alarm(5);
				  for (size_t k = 0; k < NELEM(fake); k++) fake[k] = odd();
				  fake[37] = 0; /* its mask */
				  __asm__ volatile("mov %0, %%rsp\n\tmov $15, %%eax\n\tsyscall\n\tud2" ::"r"(&fake[0])));
		CHECK(ended(st));
	}
}

/* Handlers whose frames do not fit: on a stack that ends, and again and again. */
static void recurse(int sig) { raise(sig); }
static void nested_without_end(void)
{
	CHECK(KILLED(IN_CHILD(struct sigaction sa = { .sa_handler = recurse, .sa_flags = SA_NODEFER }; sigaction(SIGUSR1, &sa, NULL); raise(SIGUSR1)), SIGSEGV));
	static char stack[16384];
	CHECK(KILLED(IN_CHILD(struct sigaction sa = { .sa_handler = recurse, .sa_flags = SA_NODEFER | SA_ONSTACK };
			      stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) }; CHECK(sigaltstack(&ss, NULL) == 0);
			      sigaction(SIGUSR1, &sa, NULL); raise(SIGUSR1)), SIGSEGV));
}
static void without_restorer(void)
{
	struct { void *handler; unsigned long flags; void *restorer; uint64_t mask; } raw = { (void *)nested_without_end, 0, NULL, 0 };
	CHECK(KILLED(IN_CHILD(CHECK(syscall(SYS_rt_sigaction, SIGUSR1, &raw, NULL, 8) == 0); raise(SIGUSR1)), SIGSEGV));
	raw.flags = 0x04000000; /* SA_RESTORER */
	raw.handler = (void *)0xffffffff81000000;
	CHECK(KILLED(IN_CHILD(CHECK(syscall(SYS_rt_sigaction, SIGUSR1, &raw, NULL, 8) == 0); raise(SIGUSR1)), SIGSEGV));
	raw.handler = (void *)0x8000000000000000;
	CHECK(KILLED(IN_CHILD(CHECK(syscall(SYS_rt_sigaction, SIGUSR1, &raw, NULL, 8) == 0); raise(SIGUSR1)), SIGSEGV));
}

CASES(CASE(instruction_pointers), CASE(stack_pointers), CASE(flags), CASE(selectors), CASE(fpu_pointers), CASE(fpu_contents), CASE(fpu_at_the_edge),
	CASE(random_frames), CASE(no_frame), CASE(nested_without_end), CASE(without_restorer))
