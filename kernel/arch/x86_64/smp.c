/*
 * Starting the other CPUs: INIT and SIPI to all of them at once; each takes the next free number as it comes by. Entry points:
 * arch_platform_init(), arch_smp_start(), arch_ap_online(), arch_ap_main().
 */
#include "arch/x86_64/internal.h"

/* For boot.S: the CPU records by number, the next number to be taken, and how many there are. A CPU that finds none left halts for ever. */
struct cpu *ap_cpus[NR_CPUS];
u32 ap_next, ap_limit;
#define AP_CLOSED 0x10000u
static struct thread *idle_threads[NR_CPUS]; /* set by boot */
static struct cpu_tables *tables[NR_CPUS];   /* constant after arch_platform_init */

u32 arch_cpus_present(void) { return platform.nr_apic_ids; }
void arch_set_idle(u32 cpu, struct thread *t) { idle_threads[cpu] = t; }

void arch_platform_init(paddr_t rsdp)
{
	platform_find(rsdp);
	lapic_map(platform.lapic_base);
	cpus[0].apic_id = platform.apic_ids[0];
	lapic_init_cpu();
	clock_calibrate();
	irq_init();
	/* One block for all: each CPU's IST stacks are aligned to their size. */
	size_t each = ALIGN_UP(sizeof(struct cpu_tables), (size_t)IST_STACK_SIZE), others = platform.nr_apic_ids - 1;
	u8 *block = others ? phys_to_virt(early_alloc(others * each, IST_STACK_SIZE)) : NULL;
	for (u32 i = 0; i < others; i++)
		tables[i + 1] = (struct cpu_tables *)(void *)(block + i * each);
}

/* First C code of another CPU, on its idle thread's stack. */
void arch_ap_main(struct cpu *c)
{
	wrmsr(MSR_GS_BASE, (u64)c);
	cpu_init(c);
	lapic_init_cpu();
	c->apic_id = lapic_id();
	start_secondary();
}

void arch_ap_online(void)
{
	struct cpu *c = this_cpu();
	smp_store_release(&c->online, true);
	while (READ_ONCE(nr_cpus) <= c->id)
		cpu_relax();
}

/* Raises nr_cpus over the numbers below n that have come, in order; until all have, or `ns` are over. */
static bool wait_online(u32 n, u64 ns)
{
	u64 end = arch_clock_ns() + ns;
	while (nr_cpus < n) {
		if (smp_load_acquire(&cpus[nr_cpus].online))
			smp_store_release(&nr_cpus, nr_cpus + 1);
		else if (arch_clock_ns() > end)
			return false;
		else
			cpu_relax();
	}
	return true;
}

static void prepare(u32 id)
{
	struct cpu *c = &cpus[id];
	memset(c, 0, sizeof(*c));
	c->id = id;
	c->current = idle_threads[id];
	c->kernel_sp = (u64)arch_of(c->current)->kstack + KSTACK_SIZE;
	cpu_tables_init(c, tables[id]);
	c->tss->rsp[0] = c->kernel_sp;
	ap_cpus[id] = c;
}

static void copy_trampoline(void)
{
	u8 *page = phys_to_virt(TRAMPOLINE_BASE);
	u32 efer = (u32)rdmsr(MSR_EFER) & (EFER_SCE | EFER_LME | EFER_NXE);
	memcpy(page, ap_trampoline, (size_t)(ap_trampoline_end - ap_trampoline));
	memcpy(page + (ap_tr_efer - ap_trampoline), &efer, sizeof(efer));
}

void arch_smp_start(u32 maxcpus)
{
	u32 n = 1;
	if (!memmap_is_ram(TRAMPOLINE_BASE, TRAMPOLINE_BASE + PAGE_SIZE))
		return;
	while (n < platform.nr_apic_ids && n < maxcpus && idle_threads[n])
		prepare(n++);
	if (n < 2)
		return;
	copy_trampoline();
	ap_next = 1;
	smp_store_release(&ap_limit, n);
	lapic_ipi(0, ICR_INIT_OTHERS);
	delay_ns(20000);
	/* A SIPI to a CPU that runs already is ignored, so asking again is harmless; QEMU loses one now and then. */
	for (int i = 0; i < 500; i++) {
		lapic_ipi(0, ICR_SIPI_OTHERS | TRAMPOLINE_BASE >> 12);
		if (wait_online(n, 1000000))
			break;
	}
	/* No more numbers; those that have one by now do come. */
	u32 taken = min(xchg(&ap_next, AP_CLOSED), n);
	if (!wait_online(taken, 10000000000UL))
		panic("smp: CPU %u was started but does not answer", nr_cpus);
	if (nr_cpus < n)
		pr_err("smp: only %u of %u CPUs came up", nr_cpus, n);
}
