/*
 * Machine code that a program may try: privileged instructions, every interrupt number, odd flags, selectors, stacks and addresses. Each ends in the
 * signal that Linux sends, or in nothing; the kernel goes on.
 */
#include "check.h"
#include <sys/resource.h>
#include <sys/time.h>
#include <ucontext.h>

#define ALIVE 0x80000000u /* the code came back */
#define S(sig) (1u << (sig))
#define SEGV S(SIGSEGV)
#define ILL S(SIGILL)
#define BUS S(SIGBUS)
#define TRAP S(SIGTRAP)
#define FPE S(SIGFPE)

struct code {
	const char *name;
	unsigned ends;   /* in one of these */
	unsigned len;
	unsigned char bytes[24];
};

static unsigned outcome(int st)
{
	CHECK(WIFSIGNALED(st) || EXITED(st, 0));
	return WIFSIGNALED(st) ? S(WTERMSIG(st)) : ALIVE;
}
static void no_core(void)
{
	struct rlimit none = { 0, 0 };
	setrlimit(RLIMIT_CORE, &none);
}
static unsigned char *code_page(void)
{
	unsigned char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	memset(p, 0xcc, 8192);
	return p;
}
/* Runs the bytes in a child, followed by exit_group(0): what became of it. */
static unsigned run(const unsigned char *bytes, unsigned len)
{
	static const unsigned char leave[] = { 0xb8, 0xe7, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05 }; /* mov $231, %eax; xor %edi, %edi; syscall */
	unsigned char *p = code_page();
	memcpy(p, bytes, len);
	memcpy(p + len, leave, sizeof(leave));
	int st = IN_CHILD(no_core(); ((void (*)(void))p)());
	munmap(p, 8192);
	return outcome(st);
}

static void run_table(const struct code *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned end = run(t[i].bytes, t[i].len);
		if (!(end & t[i].ends)) {
			char what[96];
			snprintf(what, sizeof(what), "%s ended with signal mask %#x", t[i].name, end);
			check_fail(__FILE__, __LINE__, what, 0);
		}
	}
}
#define C(name, ends, ...) { name, ends, sizeof((unsigned char[]){ __VA_ARGS__ }), { __VA_ARGS__ } }

static void privileged(void)
{
	static const struct code t[] = {
		C("hlt", SEGV, 0xf4), C("cli", SEGV, 0xfa), C("sti", SEGV, 0xfb), C("in al,dx", SEGV, 0xec), C("in al,imm", SEGV, 0xe4, 0x60),
		C("out dx,al", SEGV, 0xee), C("out imm,eax", SEGV, 0xe7, 0x80), C("insb", SEGV, 0x6c), C("outsb", SEGV, 0x6e),
		C("lgdt", SEGV, 0x0f, 0x01, 0x14, 0x24), C("lidt", SEGV, 0x0f, 0x01, 0x1c, 0x24), C("lldt ax", SEGV, 0x0f, 0x00, 0xd0),
		C("ltr ax", SEGV, 0x0f, 0x00, 0xd8), C("mov cr0,rax", SEGV, 0x0f, 0x22, 0xc0), C("mov cr3,rax", SEGV, 0x0f, 0x22, 0xd8),
		C("mov cr4,rax", SEGV, 0x0f, 0x22, 0xe0), C("mov cr8,rax", SEGV, 0x44, 0x0f, 0x22, 0xc0), C("mov rax,cr0", SEGV, 0x0f, 0x20, 0xc0),
		C("mov rax,cr2", SEGV, 0x0f, 0x20, 0xd0), C("mov rax,cr3", SEGV, 0x0f, 0x20, 0xd8), C("mov cr1,rax", SEGV | ILL, 0x0f, 0x22, 0xc8),
		C("mov dr7,rax", SEGV, 0x0f, 0x23, 0xf8), C("mov rax,dr6", SEGV, 0x0f, 0x21, 0xf0), C("rdmsr", SEGV, 0x0f, 0x32),
		C("wrmsr", SEGV, 0x0f, 0x30), C("rdpmc", SEGV | ILL, 0x31, 0xc9, 0x0f, 0x33), C("invlpg", SEGV, 0x0f, 0x01, 0x3c, 0x24),
		C("wbinvd", SEGV | ALIVE /* QEMU 10 as TCG lets it pass */, 0x0f, 0x09), C("invd", SEGV, 0x0f, 0x08), C("clts", SEGV, 0x0f, 0x06), C("lmsw ax", SEGV, 0x0f, 0x01, 0xf0),
		C("swapgs", SEGV, 0x0f, 0x01, 0xf8), C("sysret", SEGV, 0x48, 0x0f, 0x07), C("sysretl", SEGV, 0x0f, 0x07),
		C("sysexit", SEGV | ILL, 0x0f, 0x35), C("xsetbv", SEGV | ILL, 0x31, 0xc9, 0x31, 0xc0, 0x31, 0xd2, 0x0f, 0x01, 0xd1),
		C("clac", ILL, 0x0f, 0x01, 0xca), C("stac", ILL, 0x0f, 0x01, 0xcb), C("vmcall", SEGV | ILL | ALIVE, 0x0f, 0x01, 0xc1),
		C("vmmcall", SEGV | ILL | ALIVE, 0x0f, 0x01, 0xd9), C("vmrun", SEGV | ILL, 0x0f, 0x01, 0xd8), C("vmlaunch", SEGV | ILL, 0x0f, 0x01, 0xc2),
		C("monitor", SEGV | ILL, 0x0f, 0x01, 0xc8), C("mwait", SEGV | ILL, 0x0f, 0x01, 0xc9), C("rsm", ILL, 0x0f, 0xaa),
		C("invpcid", SEGV | ILL, 0x66, 0x0f, 0x38, 0x82, 0x04, 0x24), C("sgdt", SEGV | ALIVE, 0x0f, 0x01, 0x44, 0x24, 0xc0),
		C("sidt", SEGV | ALIVE, 0x0f, 0x01, 0x4c, 0x24, 0xc0), C("sldt ax", SEGV | ALIVE, 0x0f, 0x00, 0xc0), C("str ax", SEGV | ALIVE, 0x0f, 0x00, 0xc8),
		C("smsw ax", SEGV | ALIVE, 0x0f, 0x01, 0xe0), C("rdtsc", ALIVE, 0x0f, 0x31), C("cpuid", ALIVE, 0x31, 0xc0, 0x0f, 0xa2),
	};
	run_table(t, NELEM(t));
}

static void malformed(void)
{
	static const struct code t[] = {
		C("ud2", ILL, 0x0f, 0x0b), C("ud1", ILL, 0x0f, 0xb9, 0xc0), C("ud0", ILL, 0x0f, 0xff, 0xc0), C("lock nop", ILL, 0xf0, 0x90),
		C("push es", ILL, 0x06), C("aaa", ILL, 0x37), C("into", ILL | ALIVE /* QEMU 10 as TCG */, 0xce), C("lds", ILL | SEGV, 0xc5, 0x04, 0x24), C("bound", ILL | SEGV, 0x62, 0x04, 0x24),
		C("16 prefixes", SEGV | ILL, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90),
		C("int3", TRAP, 0xcc), C("int 3", TRAP, 0xcd, 0x03), C("icebp", TRAP | ILL /* unknown to older TCG */, 0xf1), C("lock cmpxchg8b reg", ILL, 0xf0, 0x0f, 0xc7, 0xc8),
		C("ljmp *(rsp)", SEGV, 0x6a, 0x00, 0x6a, 0x00, 0x48, 0xff, 0x2c, 0x24), C("lret to 0:0", SEGV, 0x6a, 0x00, 0x6a, 0x00, 0x48, 0xcb),
		C("lret to kernel cs", SEGV, 0x6a, 0x10, 0x6a, 0x00, 0x48, 0xcb), C("lret to TSS", SEGV, 0x6a, 0x43, 0x6a, 0x00, 0x48, 0xcb),
		C("iretq of zeros", SEGV, 0x6a, 0, 0x6a, 0, 0x6a, 0, 0x6a, 0, 0x6a, 0, 0x48, 0xcf),
		C("iretq to ring 0", SEGV, 0x6a, 0x18, 0x54, 0x9c, 0x6a, 0x10, 0x6a, 0, 0x48, 0xcf),
		C("div by 0", FPE, 0x31, 0xc9, 0xf7, 0xf1), C("idiv overflow", FPE, 0x31, 0xc0, 0x99, 0x0f, 0xba, 0xe8, 0x1f, 0x99, 0x6a, 0xff, 0x59, 0xf7, 0xf9),
		C("int 0x80", SEGV | ALIVE, 0x31, 0xc0, 0xcd, 0x80), C("sysenter", SEGV | ILL | ALIVE, 0x48, 0x89, 0xe5, 0x0f, 0x34),
		C("ldmxcsr of ones", SEGV | ALIVE, 0x6a, 0xff, 0x0f, 0xae, 0x14, 0x24),
		C("sqrt of -1 unmasked", FPE | ALIVE, 0x68, 0x00, 0x1f, 0, 0, 0x0f, 0xae, 0x14, 0x24, 0x66, 0x0f, 0x76, 0xc0, 0xf3, 0x0f, 0x51, 0xc0),
		C("movaps unaligned", SEGV, 0x48, 0x83, 0xe4, 0xf0, 0x0f, 0x28, 0x44, 0x24, 0x01),
		C("ring 1 far jump", SEGV, 0x6a, 0x31, 0x6a, 0x00, 0x48, 0xcb),
	};
	run_table(t, NELEM(t));
}

/* int n: only 3 and 4 (and 0x80, where Linux still serves 32-bit programs) are a program's to call. */
static void software_interrupts(void)
{
	for (unsigned n = 0; n < 256; n++) {
		unsigned char b[] = { 0x31, 0xc0, 0xcd, (unsigned char)n };
		unsigned end = run(b, sizeof(b));
		if (n == 0x80)
			CHECK(end & (SEGV | ALIVE));
		else if (n == 3)
			CHECK(end == TRAP);
		else
			CHECK(end == SEGV);
	}
}

/* --- flags ------------------------------------------------------------------------------------------------------------------------------- */

static void all_flags(void)
{
	for (unsigned bit = 0; bit < 22; bit++) {
		/* push flags with the bit; popf; getpid; pushf; popf of a clean word */
		unsigned long with = 0x202 | 1ul << bit;
		unsigned char b[32] = { 0x68, (unsigned char)with, (unsigned char)(with >> 8), (unsigned char)(with >> 16), 0, 0x9d, 0xb8, 39, 0, 0, 0, 0x0f, 0x05,
			0x9c, 0x58, 0x68, 2, 2, 0, 0, 0x9d };
		unsigned end = run(b, 21);
		if (bit == 8)
			CHECK(end == TRAP);
		else if (bit == 18)
			CHECK(end & (ALIVE | BUS));
		else
			CHECK(end == ALIVE);
	}
}

static volatile sig_atomic_t traps;
static void on_trap(int sig) { (void)sig, traps++; }

/* Stepping over a system call: it traps once behind it, never in the kernel. */
static void single_step(void)
{
	struct sigaction sa = { .sa_handler = on_trap };
	long pid = 0;
	sigaction(SIGTRAP, &sa, NULL);
	__asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\t"
			 "mov $39, %%eax\n\tsyscall\n\tmov %%rax, %0\n\t"
			 "pushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq"
			 : "=r"(pid)::"rax", "rcx", "r11", "memory");
	CHECK(pid == getpid());
	CHECK(traps >= 5 && traps <= 8);
	/* with the stack segment reloaded in between, which holds traps back by one instruction */
	__asm__ volatile("mov %%ss, %%edx\n\tpushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\t"
			 "mov $39, %%eax\n\tmov %%edx, %%ss\n\tsyscall\n\tmov %%rax, %0\n\t"
			 "pushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq"
			 : "=r"(pid)::"rax", "rcx", "rdx", "r11", "memory");
	CHECK(pid == getpid());
}

/* The kernel copies upwards whatever the program's direction flag, and with its alignment check off. */
static void odd_flags_in_calls(void)
{
	static char from[300], to[301];
	int p[2];
	CHECK(pipe(p) == 0);
	for (int i = 0; i < 300; i++)
		from[i] = (char)i;
	for (int k = 0; k < 3; k++) {
		static const unsigned long bits[] = { 0x400 /* DF */, 0x4000 /* NT */, 0x40000 /* AC */ };
		long w, r;
		memset(to, 0, sizeof(to));
		__asm__ volatile("pushfq\n\torq %[bit], (%%rsp)\n\tpopfq\n\t"
				 "mov $1, %%eax\n\tsyscall\n\tmov %%rax, %%r8\n\t"
				 "mov %[in], %%edi\n\tmov %[to], %%rsi\n\txor %%eax, %%eax\n\tsyscall\n\tmov %%rax, %%r9\n\t"
				 "pushfq\n\tandq $~0x44400, (%%rsp)\n\tpopfq\n\t"
				 "mov %%r8, %[w]\n\tmov %%r9, %[r]"
				 : [w] "=&r"(w), [r] "=&r"(r)
				 : [bit] "r"(bits[k]), [in] "r"(p[0]), [to] "r"(to + 1), "D"((long)p[1]), "S"(from), "d"(300L)
				 : "rax", "rcx", "r8", "r9", "r11", "memory", "cc");
		CHECK(w == 300 && r == 300);
		CHECK(!memcmp(from, to + 1, 300));
	}
}

/* --- addresses --------------------------------------------------------------------------------------------------------------------------- */

static const unsigned long wild[] = { 0, 1, 0x1000, 0x7ffffffff000, 0x7fffffffffff, 0x800000000000, 0x7fffffffffffffff, 0x8000000000000000, 0xffff800000000000,
	0xffff888000000000, 0xffffc90000000000, 0xfffffe0000000000, 0xffffffff80000000, 0xffffffff81000000, 0xfffffffffffff000, 0xffffffffffffffff };

static void wild_access(void)
{
	for (size_t i = 0; i < NELEM(wild); i++) {
		volatile char *p = (volatile char *)wild[i];
		int st = IN_CHILD(no_core(); (void)*p);
		CHECK(outcome(st) & (SEGV | BUS));
		st = IN_CHILD(no_core(); *p = 1);
		CHECK(outcome(st) & (SEGV | BUS));
		st = IN_CHILD(no_core(); ((void (*)(void))wild[i])());
		CHECK(outcome(st) & (SEGV | BUS));
		st = IN_CHILD(no_core(); __asm__ volatile("push %0\n\tret" ::"r"(wild[i])));
		CHECK(outcome(st) & (SEGV | BUS));
	}
}

static void executing_data(void)
{
	static unsigned char data[] = { 0xc3 };
	unsigned char stack[16] = { 0xc3 }, *heap = malloc(16);
	heap[0] = 0xc3;
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*(unsigned char *)page = 0xc3;
	void *const at[] = { data, stack, heap, page };
	for (size_t i = 0; i < NELEM(at); i++)
		CHECK(KILLED(IN_CHILD(no_core(); ((void (*)(void))(uintptr_t)at[i])()), SIGSEGV));
	CHECK(mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0);
	((void (*)(void))page)();
}

/* --- stacks ------------------------------------------------------------------------------------------------------------------------------ */

static void handler(int sig) { (void)sig; }

/* What is done on a bad stack. */
enum { DO_CALLS, DO_SPIN, DO_PUSH, DO_DIVIDE, DO_UD2, DO_SIGNAL, DO_SYSRETURN, NR_DEEDS };
static void on_stack(unsigned long sp, int deed)
{
	switch (deed) {
	case DO_CALLS: /* 100 calls, then out */
		__asm__ volatile("mov %0, %%rsp\n\tmov $100, %%ebx\n1:\tmov $39, %%eax\n\tsyscall\n\tdec %%ebx\n\tjnz 1b\n\t"
				 "mov $231, %%eax\n\txor %%edi, %%edi\n\tsyscall" ::"r"(sp));
		break;
	case DO_SPIN: /* interrupts arrive here */
		__asm__ volatile("mov %0, %%rsp\n\tmov $20000000, %%ebx\n1:\tdec %%ebx\n\tjnz 1b\n\tmov $231, %%eax\n\txor %%edi, %%edi\n\tsyscall" ::"r"(sp));
		break;
	case DO_PUSH:
		__asm__ volatile("mov %0, %%rsp\n\tpush %%rax\n\tmov $231, %%eax\n\txor %%edi, %%edi\n\tsyscall" ::"r"(sp));
		break;
	case DO_DIVIDE:
		__asm__ volatile("mov %0, %%rsp\n\txor %%ecx, %%ecx\n\tdiv %%ecx\n\tud2" ::"r"(sp));
		break;
	case DO_UD2:
		__asm__ volatile("mov %0, %%rsp\n\tud2" ::"r"(sp));
		break;
	case DO_SIGNAL: /* kill(pid, SIGUSR1) with a handler: no place for the frame */
		__asm__ volatile("mov %0, %%rsp\n\tmov $39, %%eax\n\tsyscall\n\tmov %%eax, %%edi\n\tmov $10, %%esi\n\tmov $62, %%eax\n\tsyscall\n\t"
				 "mov $231, %%eax\n\txor %%edi, %%edi\n\tsyscall" ::"r"(sp));
		break;
	default:
		__asm__ volatile("mov %0, %%rsp\n\tmov $15, %%eax\n\tsyscall\n\tud2" ::"r"(sp));
	}
}

static void bad_stacks(void)
{
	for (size_t i = 0; i < NELEM(wild); i++)
		for (int deed = 0; deed < NR_DEEDS; deed++) {
			unsigned end = outcome(IN_CHILD(no_core(); on_stack(wild[i], deed)));
			switch (deed) {
			case DO_CALLS: case DO_SPIN: CHECK(end == ALIVE); break;
			case DO_DIVIDE: CHECK(end == FPE); break;
			case DO_UD2: CHECK(end == ILL); break;
			case DO_SIGNAL: CHECK(end == S(SIGUSR1)); break;
			default: CHECK(end & (SEGV | BUS));
			}
		}
}

/* The same with handlers: their frames have no place, and that is SIGSEGV. */
static void bad_stacks_with_handlers(void)
{
	for (size_t i = 0; i < NELEM(wild); i++)
		for (int deed = 0; deed < NR_DEEDS; deed++) {
			unsigned end = outcome(IN_CHILD(no_core(); signal(SIGFPE, handler); signal(SIGILL, handler); signal(SIGUSR1, handler); signal(SIGBUS, handler);
							signal(SIGSEGV, handler); on_stack(wild[i], deed)));
			if (deed == DO_CALLS || deed == DO_SPIN)
				CHECK(end == ALIVE);
			else
				CHECK(end == SEGV);
		}
}

/* A timer whose handler cannot run anywhere. */
static void timer_on_bad_stack(void)
{
	for (size_t i = 0; i < NELEM(wild); i++) {
		struct itimerval t = { { 0, 1000 }, { 0, 1000 } };
		int st = IN_CHILD(no_core(); signal(SIGALRM, handler); setitimer(ITIMER_REAL, &t, NULL);
				  __asm__ volatile("mov %0, %%rsp\n1:\tjmp 1b" ::"r"(wild[i])));
		CHECK(KILLED(st, SIGSEGV));
	}
}

static void bad_altstacks(void)
{
	char *none = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *ro = mmap(NULL, 65536, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long at[NELEM(wild) + 2];
	memcpy(at, wild, sizeof(wild));
	at[NELEM(wild)] = (unsigned long)none;
	at[NELEM(wild) + 1] = (unsigned long)ro;
	for (size_t i = 0; i < NELEM(at); i++) {
		int st = IN_CHILD(no_core(); stack_t ss = { .ss_sp = (void *)at[i], .ss_size = 65536 }; struct sigaction sa = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
				  if (sigaltstack(&ss, NULL) < 0) _exit(0);
				  sigaction(SIGUSR1, &sa, NULL); raise(SIGUSR1));
		CHECK(outcome(st) & (SEGV | ALIVE));
		CHECK(KILLED(st, SIGSEGV));
	}
}

static int deep(volatile int n)
{
	volatile char pad[512];
	pad[0] = (char)n;
	return n < 0 ? 0 : n + deep(n + 1) + pad[0];
}
static void stack_overflow(void)
{
	CHECK(KILLED(IN_CHILD(no_core(); _exit(deep(0) & 1)), SIGSEGV));
	CHECK(KILLED(IN_CHILD(no_core(); signal(SIGSEGV, handler); _exit(deep(0) & 1)), SIGSEGV));
}

static void unmapped_under_oneself(void)
{
	/* the stack */
	CHECK(KILLED(IN_CHILD(no_core(); unsigned long sp = (unsigned long)__builtin_frame_address(0) & ~4095ul;
			      syscall(SYS_munmap, sp - 65536, 65536 + 8192); handler(*(volatile int *)sp)), SIGSEGV));
	/* the text */
	CHECK(KILLED(IN_CHILD(no_core(); syscall(SYS_munmap, (unsigned long)&unmapped_under_oneself & ~0xffffful, 0x200000); raise(SIGUSR1)), SIGSEGV));
	/* all there is; the last instructions run from a place that goes too */
	CHECK(KILLED(IN_CHILD(no_core(); syscall(SYS_munmap, 0, 0x7ffffffff000)), SIGSEGV));
	CHECK(KILLED(IN_CHILD(no_core(); for (unsigned long a = 0; a < 0x7ffffffff000; a += 0x400000000) syscall(SYS_mprotect, a, 0x1000, 0);
			      unsigned long sp = (unsigned long)__builtin_frame_address(0) & ~4095ul; syscall(SYS_mprotect, sp, 4096, PROT_NONE); deep(0)), SIGSEGV));
}

/* --- selectors and bases ----------------------------------------------------------------------------------------------------------------- */

static void data_selectors(void)
{
	for (unsigned sel = 0; sel < 0x90; sel++)
		for (unsigned reg = 0; reg < 6; reg++) {
			static const unsigned char modrm[] = { 0xc0 /* es */, 0xc8 /* cs: invalid */, 0xd0 /* ss */, 0xd8 /* ds */, 0xe0 /* fs */, 0xe8 /* gs */ };
			/* mov $sel, %eax; mov %eax, reg; then a call, a page fault's worth of stack, and out */
			unsigned char b[] = { 0xb8, (unsigned char)sel, 0, 0, 0, 0x8e, modrm[reg], 0xb8, 24, 0, 0, 0, 0x0f, 0x05, 0x50, 0x58 };
			unsigned end = run(b, sizeof(b));
			if (reg == 1)
				CHECK(end == ILL);
			else
				CHECK(end & (ALIVE | SEGV | BUS));
		}
}

static void far_jumps(void)
{
	for (unsigned sel = 0; sel < 0x90; sel++) {
		/* lea 1f, %rax; push $sel; push %rax; lretq; 1: nop nop */
		unsigned char b[] = { 0x48, 0x8d, 0x05, 8, 0, 0, 0, 0x68, (unsigned char)sel, 0, 0, 0, 0x50, 0x48, 0xcb, 0x90, 0x90 };
		CHECK(run(b, sizeof(b)) & (ALIVE | SEGV | BUS | ILL | TRAP));
	}
}

static int have_fsgsbase(void)
{
	unsigned a = 7, b, c = 0, d;
	__asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return b & 1;
}

#define ARCH_SET_GS 0x1001
#define ARCH_SET_FS 0x1002
static void wild_bases(void)
{
	for (size_t i = 0; i < NELEM(wild); i++) {
		if (wild[i] >= 0x800000000000ul) {
			CHECK_ERR(syscall(SYS_arch_prctl, ARCH_SET_GS, wild[i]), EPERM);
			CHECK_ERR(syscall(SYS_arch_prctl, ARCH_SET_FS, wild[i]), EPERM);
		}
		if (!have_fsgsbase())
			continue;
		/* A canonical address of the kernel is allowed in the base; entries and exits, faults and switches happen with it. */
		unsigned end = outcome(IN_CHILD(no_core(); __asm__ volatile("wrgsbase %0\n\tmov $200, %%ebx\n1:\tmov $24, %%eax\n\tsyscall\n\tdec %%ebx\n\tjnz 1b\n\t"
									    "mov $5000000, %%ebx\n2:\tdec %%ebx\n\tjnz 2b\n\t"
									    "rdgsbase %%rax\n\tcmp %0, %%rax\n\tje 3f\n\tud2\n3:\tmov %%gs:0, %%rax"
									    :: "r"(wild[i]) : "rax", "rbx", "rcx", "r11")));
		CHECK(end & (SEGV | BUS));
	}
}

CASES(CASE(privileged), CASE(malformed), CASE(software_interrupts), CASE(all_flags), CASE(single_step), CASE(odd_flags_in_calls), CASE(wild_access),
	CASE(executing_data), CASE(bad_stacks), CASE(bad_stacks_with_handlers), CASE(timer_on_bad_stack), CASE(bad_altstacks), CASE(stack_overflow),
	CASE(unmapped_under_oneself), CASE(data_selectors), CASE(far_jumps), CASE(wild_bases))
