/*
 * Per-CPU set-up: features, control registers, GDT, TSS, IDT, SYSCALL. Entry points: arch_boot_cpu() (from boot.S), arch_early_init(),
 * cpu_init(), cpu_tables_init(); also arch_random(), arch_halt().
 */
#include "arch/x86_64/internal.h"

_Static_assert(offsetof(struct cpu, self) == 0 && offsetof(struct cpu, current) == CPU_CURRENT && offsetof(struct cpu, kernel_sp) == CPU_KERNEL_SP &&
		       offsetof(struct cpu, user_sp) == CPU_USER_SP, "entry.S knows these");
_Static_assert(sizeof(struct tss) == 104, "TSS");

struct cpu cpus[NR_CPUS];
u32 nr_cpus = 1;
struct features features;

/* The boot CPU's; the others' come from early_alloc. */
static struct cpu_tables boot_tables __aligned(IST_STACK_SIZE);
static struct { u64 lo, hi; } idt[256] __aligned(16);
struct descriptor { u16 limit; u64 base; } __packed;

void arch_boot_cpu(paddr_t start_info)
{
	cpus[0].self = &cpus[0];
	wrmsr(MSR_GS_BASE, (u64)&cpus[0]);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	start_kernel(start_info);
}

static u64 gdt_tss_low(u64 base) { return 0x0000890000000000 | (sizeof(struct tss) - 1) | (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56; }

void cpu_tables_init(struct cpu *c, struct cpu_tables *t)
{
	u64 tss = (u64)&t->tss;
	t->gdt[1] = 0x00af9b000000ffff; /* 0x08 kernel code */
	t->gdt[2] = 0x00cf93000000ffff; /* 0x10 kernel data */
	/* 0x20: 32-bit user code stays absent: no compatibility mode. SYSRET only uses its number. */
	t->gdt[5] = 0x00cff3000000ffff; /* 0x2b user data */
	t->gdt[6] = 0x00affb000000ffff; /* 0x33 user code */
	t->gdt[8] = gdt_tss_low(tss);   /* 0x40 */
	t->gdt[9] = tss >> 32;
	t->gdt[15] = 0x0040f50000000000 | c->id; /* 0x7b: its limit is the CPU number, which LSL reads (vDSO getcpu) */
	t->tss.iomap = sizeof(struct tss);       /* no I/O bitmap: user in/out fault */
	for (int i = 0; i < IST_COUNT; i++) {
		u8 *top = t->ist[i] + IST_STACK_SIZE;
		*(struct cpu **)(void *)(top - 16) = c;
		t->tss.ist[i] = (u64)(top - 16);
	}
	c->tss = &t->tss;
	c->self = c;
}

static void load_tables(struct cpu *c)
{
	struct cpu_tables *t = container_of(c->tss, struct cpu_tables, tss);
	struct descriptor gdtr = { sizeof(t->gdt) - 1, (u64)t->gdt }, idtr = { sizeof(idt) - 1, (u64)idt };
	t->gdt[8] = gdt_tss_low((u64)&t->tss); /* not busy */
	__asm__ __volatile__("lgdt %0" ::"m"(gdtr));
	__asm__ __volatile__("pushq $0x08; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1: movl $0x10, %%eax; movl %%eax, %%ss" ::: "rax", "memory");
	__asm__ __volatile__("ltr %w0" ::"r"(0x40));
	__asm__ __volatile__("lidt %0" ::"m"(idtr));
	__asm__ __volatile__("lldt %w0" ::"r"(0));
}

static void idt_init(void)
{
	for (int v = 0; v < 256; v++) {
		u64 h = (u64)entry_stubs[v];
		u64 ist = v == 2 ? IST_NMI : v == 8 || v == 18 ? IST_FAULT : 0;
		u64 dpl = v == 3 || v == 4 ? 3 : 0; /* int3 and into are the user's; any other int n is #GP */
		idt[v].lo = (h & 0xffff) | KERNEL_CS << 16 | ist << 32 | (0x8e00 | dpl << 13) << 32 | (h >> 16 & 0xffff) << 48;
		idt[v].hi = h >> 32;
	}
}

static void find_features(void)
{
	u32 max_ext = cpuid(0x80000000, 0).a, max_std = cpuid(0, 0).a;
	struct cpuid l1 = cpuid(1, 0), l7 = { 0 }, ext = { 0 };
	if (max_std >= 7)
		l7 = cpuid(7, 0);
	if (max_ext >= 0x80000001)
		ext = cpuid(0x80000001, 0);
	features = (struct features){
		.xsave = l1.c >> 26 & 1, .rdrand = l1.c >> 30 & 1, .pge = l1.d >> 13 & 1, .fsgsbase = l7.b & 1, .smep = l7.b >> 7 & 1,
		.rdseed = l7.b >> 18 & 1, .smap = l7.b >> 20 & 1, .umip = l7.c >> 2 & 1, .nx = ext.d >> 20 & 1, .gb_pages = ext.d >> 26 & 1,
		.rdtscp = ext.d >> 27 & 1,
	};
}

/* Fills the holes that STAC and CLAC left in the text: text is writable only now. */
static void patch_smap(void)
{
	extern const struct { u32 at, insn; } smap_sites[], smap_sites_end[];
	if (!features.smap)
		return;
	for (u64 i = 0; &smap_sites[i] != smap_sites_end; i++)
		memcpy((void *)(KERNEL_BASE + smap_sites[i].at), &smap_sites[i].insn, 3);
}

/* Control registers and MSRs of the running CPU. */
static void cpu_modes(struct cpu *c)
{
	u64 cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	cr4 |= (features.pge ? CR4_PGE : 0) | (features.umip ? CR4_UMIP : 0) | (features.fsgsbase ? CR4_FSGSBASE : 0);
	cr4 |= (features.smep ? CR4_SMEP : 0) | (features.smap ? CR4_SMAP : 0) | (features.xsave ? CR4_OSXSAVE : 0);
	write_cr4(cr4);
	wrmsr(MSR_STAR, (u64)KERNEL_CS << 32 | (u64)USER32_CS << 48);
	wrmsr(MSR_LSTAR, (u64)syscall_entry);
	wrmsr(MSR_CSTAR, (u64)syscall_entry); /* unreachable: there is no 32-bit code segment */
	wrmsr(MSR_SFMASK, 0x257fd5 & ~0x2UL); /* all but bit 1: IF TF DF NT AC RF VM IOPL ID and the arithmetic flags */
	if (features.rdtscp)
		wrmsr(MSR_TSC_AUX, c->id);
}

void cpu_init(struct cpu *c)
{
	load_tables(c); /* loading GS is left out: its base stays */
	wrmsr(MSR_GS_BASE, (u64)c);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	cpu_modes(c);
	fpu_init_cpu();
}

void arch_early_init(struct thread *t)
{
	struct cpu *c = &cpus[0];
	find_features();
	if (!features.nx)
		panic("this CPU has no NX bit");
	patch_smap();
	c->current = t;
	c->kernel_sp = (u64)boot_kstack + KSTACK_SIZE;
	cpu_tables_init(c, &boot_tables);
	c->tss->rsp[0] = c->kernel_sp;
	idt_init();
	cpu_init(c);
	fpu_init_boot();
	c->online = true;
}

void arch_halt(void) { __asm__ __volatile__("sti; hlt" ::: "memory"); }

/* splitmix64's finisher: every input bit reaches every output bit. */
static u64 mix(u64 x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

u64 arch_random(void)
{
	static u64 state; /* a  carries what little entropy the TSC gives from call to call */
	u64 v = 0;
	u8 ok = 0;
	for (int i = 0; i < 16 && features.rdseed && !ok; i++)
		__asm__ __volatile__("rdseed %0; setc %1" : "=r"(v), "=qm"(ok)::"cc");
	for (int i = 0; i < 16 && features.rdrand && !ok; i++)
		__asm__ __volatile__("rdrand %0; setc %1" : "=r"(v), "=qm"(ok)::"cc");
	if (ok)
		return v;
	for (int i = 0; i < 8; i++)
		v = mix(v ^ rdtsc());
	return mix(__atomic_add_fetch(&state, v | 1, __ATOMIC_SEQ_CST));
}
