/* What the processor refuses becomes a signal with the right siginfo; sigreturn with a bad frame never hurts the kernel. */
#include "check.h"
#include <setjmp.h>
#include <sys/ucontext.h>

static sigjmp_buf back;
static siginfo_t info;
static greg_t fault_rip, fault_err, fault_trapno, fault_cr2;
static void on_fault(int sig, siginfo_t *si, void *uc)
{
	ucontext_t *u = uc;
	(void)sig;
	info = *si;
	fault_rip = u->uc_mcontext.gregs[REG_RIP];
	fault_err = u->uc_mcontext.gregs[REG_ERR];
	fault_trapno = u->uc_mcontext.gregs[REG_TRAPNO];
	fault_cr2 = u->uc_mcontext.gregs[REG_CR2];
	siglongjmp(back, 1);
}
static void catch_all(void)
{
	int sigs[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	for (size_t i = 0; i < NELEM(sigs); i++)
		sigaction(sigs[i], &sa, NULL);
}
/* Runs the statement, which must end in signal sig with code. */
#define FAULT(sig, code, ...)                                                                                          \
	do {                                                                                                               \
		catch_all();                                                                                                   \
		memset(&info, 0, sizeof(info));                                                                                \
		if (!sigsetjmp(back, 1)) {                                                                                     \
			__VA_ARGS__;                                                                                               \
			CHECK(!"no fault");                                                                                        \
		}                                                                                                              \
		CHECK(info.si_signo == (sig));                                                                                 \
		CHECK(info.si_code == (code));                                                                                 \
	} while (0)

static void unmapped_and_protected(void)
{
	char *p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FAULT(SIGSEGV, SEGV_ACCERR, *(volatile char *)(p + 5) = 1);
	CHECK(info.si_addr == p + 5 && fault_trapno == 14 && (fault_err & 7) >= 6 && fault_cr2 == (greg_t)(uintptr_t)(p + 5));
	munmap(p, 8192);
	FAULT(SIGSEGV, SEGV_MAPERR, *(volatile char *)(p + 7) = 1);
	CHECK(info.si_addr == p + 7 && (fault_err & 7) == 6);
	FAULT(SIGSEGV, SEGV_MAPERR, (void)*(volatile char *)(p + 4096));
	CHECK(info.si_addr == p + 4096 && (fault_err & 7) == 4);
	volatile uintptr_t zero = 8;
	FAULT(SIGSEGV, SEGV_MAPERR, *(volatile char *)zero = 1);
	CHECK(info.si_addr == (void *)8);
}
static void kernel_addresses(void)
{
	volatile uintptr_t a = 0xffffffff80000000;
	FAULT(SIGSEGV, SEGV_MAPERR, (void)*(volatile char *)a);
	FAULT(SIGSEGV, SEGV_MAPERR, *(volatile char *)a = 1);
	a = 0x8000000000000000; /* not canonical: a general protection fault */
	FAULT(SIGSEGV, SI_KERNEL, (void)*(volatile char *)a);
	CHECK(info.si_addr == NULL && fault_trapno == 13);
}
static void executing_data(void)
{
	static char code[64] = { (char)0xc3 };
	FAULT(SIGSEGV, SEGV_ACCERR, ((void (*)(void))(uintptr_t)code)());
	CHECK(info.si_addr == code && (fault_err & 16));
	volatile uintptr_t a = 0x1234000;
	FAULT(SIGSEGV, SEGV_MAPERR, ((void (*)(void))a)());
	a = 0xffffffff81000000;
	FAULT(SIGSEGV, SEGV_MAPERR, ((void (*)(void))a)());
}
static void end_of_file_mapping(void)
{
	int fd = open("f", O_RDWR | O_CREAT, 0600);
	CHECK(ftruncate(fd, 10) == 0);
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	FAULT(SIGBUS, BUS_ADRERR, (void)*(volatile char *)(p + 4096));
	CHECK(info.si_addr == p + 4096);
}
static void arithmetic(void)
{
	volatile int zero = 0, min = INT_MIN, minus = -1;
	FAULT(SIGFPE, FPE_INTDIV, zero = 5 / zero);
	CHECK((greg_t)(uintptr_t)info.si_addr == fault_rip);
	FAULT(SIGFPE, FPE_INTDIV, zero = min / minus);
}
static void x87_exceptions(void)
{
	unsigned short cw = 0x37f & ~4; /* unmask divide by zero */
	FAULT(SIGFPE, FPE_FLTDIV, __asm__ volatile("fninit; fldcw %0; fldz; fld1; fdivp; fwait" ::"m"(cw)));
	CHECK(fault_trapno == 16);
	__asm__ volatile("fninit");
}
static void simd_exceptions(void)
{
	/* emulators do not do this one */
	int fd = open("/proc/cpuinfo", O_RDONLY);
	static char text[4096];
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 || strstr(text, "QEMU") || strstr(text, "TCG"))
		check_skip("an emulated processor");
	volatile double a = 1, b = 0;
	unsigned csr = 0x1f80 & ~0x200; /* unmask divide by zero */
	FAULT(SIGFPE, FPE_FLTDIV, __asm__ volatile("ldmxcsr %0" ::"m"(csr)); a = a / b);
	csr = 0x1f80;
	__asm__ volatile("ldmxcsr %0" ::"m"(csr));
}
static void illegal(void)
{
	FAULT(SIGILL, ILL_ILLOPN, __asm__ volatile("ud2"));
	CHECK((greg_t)(uintptr_t)info.si_addr == fault_rip);
}
static void breakpoint(void)
{
	FAULT(SIGTRAP, SI_KERNEL, __asm__ volatile("int3"));
	CHECK(fault_trapno == 3);
}
static void privileged(void)
{
	FAULT(SIGSEGV, SI_KERNEL, __asm__ volatile("hlt"));
	FAULT(SIGSEGV, SI_KERNEL, __asm__ volatile("cli"));
	FAULT(SIGSEGV, SI_KERNEL, __asm__ volatile("sti"));
	FAULT(SIGSEGV, SI_KERNEL, __asm__ volatile("inb $0x60, %%al" ::: "al"));
	FAULT(SIGSEGV, SI_KERNEL, __asm__ volatile("outb %%al, $0x80" ::: "al"));
	FAULT(SIGSEGV, SI_KERNEL, __asm__ volatile("mov %%cr0, %%rax" ::: "rax"));
	FAULT(SIGSEGV, SI_KERNEL, __asm__ volatile("mov %%rax, %%cr3" ::: "rax"));
	FAULT(SIGSEGV, SI_KERNEL, __asm__ volatile("wrmsr"));
	FAULT(SIGSEGV, SI_KERNEL, __asm__ volatile("rdmsr"));
	FAULT(SIGSEGV, SI_KERNEL, __asm__ volatile("swapgs"));
	FAULT(SIGSEGV, SI_KERNEL, __asm__ volatile("invlpg (%%rsp)" ::: "memory"));
	FAULT(SIGSEGV, SI_KERNEL, __asm__ volatile("clts"));
	FAULT(SIGSEGV, SI_KERNEL, __asm__ volatile("int $0x20"));
	FAULT(SIGSEGV, SI_KERNEL, __asm__ volatile("int $0x0e"));
	FAULT(SIGSEGV, SI_KERNEL, __asm__ volatile("int $0x08"));
	FAULT(SIGSEGV, SI_KERNEL, __asm__ volatile("sysretq" ::: "memory"));
	char t[16] = { 0 };
	FAULT(SIGSEGV, SI_KERNEL, __asm__ volatile("lgdt %0" ::"m"(t)));
	FAULT(SIGSEGV, SI_KERNEL, __asm__ volatile("lidt %0" ::"m"(t)));
}
static void single_step(void)
{
	FAULT(SIGTRAP, TRAP_TRACE, __asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq; nop; nop; nop" ::: "memory", "cc"));
	__asm__ volatile("pushfq; andl $~0x100, (%%rsp); popfq" ::: "memory", "cc");
}
static void blocked_fault_kills(void)
{
	int st = IN_CHILD(catch_all(); sigset_t s; sigfillset(&s); sigprocmask(SIG_BLOCK, &s, NULL); *(volatile char *)8 = 1);
	CHECK(KILLED(st, SIGSEGV));
	st = IN_CHILD(signal(SIGSEGV, SIG_IGN); *(volatile char *)8 = 1);
	CHECK(KILLED(st, SIGSEGV));
}
static volatile int counter;
static void skip_fault(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si;
	ucontext_t *u = uc;
	u->uc_mcontext.gregs[REG_RIP] += 2;
	u->uc_mcontext.gregs[REG_RBX] = 0x1234;
	counter++;
}
static void handler_changes_registers(void)
{
	struct sigaction sa = { .sa_sigaction = skip_fault, .sa_flags = SA_SIGINFO };
	unsigned long rbx;
	sigaction(SIGILL, &sa, NULL);
	__asm__ volatile("mov $1, %%ebx; ud2; mov %%rbx, %0" : "=r"(rbx)::"rbx");
	CHECK(rbx == 0x1234 && counter == 1);
}
static void map_it(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)uc;
	counter++;
	mprotect((void *)((uintptr_t)si->si_addr & ~4095UL), 4096, PROT_READ | PROT_WRITE);
}
static void handler_repairs_the_page(void)
{
	struct sigaction sa = { .sa_sigaction = map_it, .sa_flags = SA_SIGINFO };
	char *p = mmap(NULL, 40960, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaction(SIGSEGV, &sa, NULL);
	for (int i = 0; i < 10; i++)
		((volatile char *)p)[i * 4096] = (char)i;
	CHECK(counter == 10 && p[9 * 4096] == 9);
}
static double float_state(void)
{
	double r;
	__asm__ volatile("movsd %%xmm5, %0" : "=m"(r)::"memory");
	return r;
}
static void clobber(int sig)
{
	(void)sig;
	double z = 99;
	__asm__ volatile("movsd %0, %%xmm5; movsd %0, %%xmm15" ::"m"(z) : "xmm5", "xmm15");
	counter++;
}
static void fpu_state_survives_a_handler(void)
{
	double v = 3.25;
	long pid = getpid(), ret;
	signal(SIGUSR1, clobber);
	__asm__ volatile("movsd %1, %%xmm5; syscall" : "=a"(ret) : "m"(v), "a"(SYS_kill), "D"(pid), "S"((long)SIGUSR1) : "rcx", "r11", "memory", "xmm5");
	CHECK(ret == 0 && counter == 1);
	CHECK(float_state() == 3.25);
}

/* --- sigreturn --- */
static int how;
static void wreck(int sig, siginfo_t *si, void *uc)
{
	ucontext_t *u = uc;
	greg_t *g = u->uc_mcontext.gregs;
	(void)sig, (void)si;
	switch (how) {
	case 0: g[REG_RIP] = (greg_t)0x8000000000000000; break;
	case 1: g[REG_RIP] = (greg_t)0xffffffff81000000; break;
	case 2: g[REG_RSP] = (greg_t)0x8000000000000000; break;
	case 3: g[REG_RSP] = 0; break;
	case 4: g[REG_CSGSFS] = 0x10; break;                   /* kernel code segment */
	case 5: g[REG_CSGSFS] = (greg_t)0x0018000000000000 | 8; break;
	case 6: g[REG_CSGSFS] = 0; break;
	case 7: g[REG_EFL] = ~0L; break;                       /* IOPL, NT, VM, TF ... */
	case 8: u->uc_mcontext.fpregs = (void *)8; break;
	case 9: u->uc_mcontext.fpregs = (void *)0xffff800000000000; break;
	case 10: memset(u->uc_mcontext.fpregs, 0xff, 512); break; /* MXCSR with reserved bits */
	case 11: g[REG_RIP] = 0x7fffffffffff; break;
	case 12: g[REG_RIP] = 0x7ffffffff000 - 1; break;
	case 13: g[REG_RIP] = 0; break;
	}
}
static void sigreturn_with_bad_frames(void)
{
	for (how = 0; how <= 13; how++) {
		int st = IN_CHILD(struct sigaction sa = { .sa_sigaction = wreck, .sa_flags = SA_SIGINFO }; sigaction(SIGUSR1, &sa, NULL);
			syscall(SYS_kill, getpid(), SIGUSR1); _exit(0));
		CHECK(WIFSIGNALED(st) || EXITED(st, 0));
		if (how <= 6 && how != 2 && how != 3 && how != 5)
			CHECK(WIFSIGNALED(st));
	}
}
static void sigreturn_without_a_frame(void)
{
	int st = IN_CHILD(syscall(SYS_rt_sigreturn); _exit(0));
	CHECK(WIFSIGNALED(st) || WIFEXITED(st));
	st = IN_CHILD(__asm__ volatile("mov $8, %%rsp; mov $15, %%eax; syscall; hlt" ::: "memory"));
	CHECK(KILLED(st, SIGSEGV));
	st = IN_CHILD(__asm__ volatile("movabs $0xffff800000000000, %%rsp; mov $15, %%eax; syscall; hlt" ::: "memory"));
	CHECK(KILLED(st, SIGSEGV));
	st = IN_CHILD(__asm__ volatile("movabs $0x8000000000000000, %%rsp; mov $15, %%eax; syscall; hlt" ::: "memory"));
	CHECK(WIFSIGNALED(st));
}
static void no_stack_for_the_frame(void)
{
	int st = IN_CHILD(catch_all(); __asm__ volatile("xor %%esp, %%esp; ud2" ::: "memory"));
	CHECK(KILLED(st, SIGSEGV));
	st = IN_CHILD(catch_all(); __asm__ volatile("movabs $0xffff800000001000, %%rsp; ud2" ::: "memory"));
	CHECK(KILLED(st, SIGSEGV));
	st = IN_CHILD(catch_all(); __asm__ volatile("movabs $0x8000000000000000, %%rsp; push %%rax" ::: "memory"));
	CHECK(WIFSIGNALED(st));
}
static void segment_registers(void)
{
	FAULT(SIGSEGV, SI_KERNEL, __asm__ volatile("mov %0, %%ds" ::"r"(0x10)));
	FAULT(SIGSEGV, SI_KERNEL, __asm__ volatile("mov %0, %%ss" ::"r"(0x18)));
	FAULT(SIGSEGV, SI_KERNEL, __asm__ volatile("mov %0, %%es" ::"r"(0xfff0)));
	__asm__ volatile("mov %0, %%ds; mov %0, %%es" ::"r"(0));
	CHECK(getpid() > 0);
}

CASES(CASE(unmapped_and_protected), CASE(kernel_addresses), CASE(executing_data), CASE(end_of_file_mapping), CASE(arithmetic), CASE(x87_exceptions), CASE(simd_exceptions),
	CASE(illegal), CASE(breakpoint), CASE(privileged), CASE(single_step), CASE(blocked_fault_kills), CASE(handler_changes_registers),
	CASE(handler_repairs_the_page), CASE(fpu_state_survives_a_handler), CASE(sigreturn_with_bad_frames), CASE(sigreturn_without_a_frame),
	CASE(no_stack_for_the_frame), CASE(segment_registers))
