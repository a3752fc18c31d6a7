/*
 * The local APIC: interprocessor interrupts and the one-shot timer. Entry points: lapic_*(), arch_send_ipi(), arch_timer_set().
 * xAPIC (memory-mapped) mode.
 */
#include "arch/x86_64/internal.h"

enum {
	LAPIC_ID = 0x20, LAPIC_TPR = 0x80, LAPIC_EOI = 0xb0, LAPIC_SVR = 0xf0, LAPIC_ICR = 0x300, LAPIC_ICR_HIGH = 0x310,
	LAPIC_LVT_TIMER = 0x320, LAPIC_LVT_LINT0 = 0x350, LAPIC_LVT_LINT1 = 0x360, LAPIC_LVT_ERROR = 0x370,
	LAPIC_TIMER_INIT = 0x380, LAPIC_TIMER_LEFT = 0x390, LAPIC_TIMER_DIV = 0x3e0,
};
#define LVT_MASKED 0x10000u
#define LVT_NMI 0x400u
#define ICR_PENDING 0x1000u
#define DIV_BY_1 0xbu

static u8 *lapic; /* constant after boot; NULL before */
u64 lapic_ticks_per_ns = 1UL << 32;
static u64 deadline[NR_CPUS]; /* each CPU its own, interrupts off: when the timer is to fire, ~0 = off */

void lapic_map(paddr_t base) { lapic = arch_map_mmio(base, PAGE_SIZE); }
u32 lapic_id(void) { return read32(lapic + LAPIC_ID) >> 24; }
void lapic_eoi(void) { write32(lapic + LAPIC_EOI, 0); }

void lapic_init_cpu(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0x800);
	write32(lapic + LAPIC_TPR, 0);
	write32(lapic + LAPIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
	write32(lapic + LAPIC_LVT_LINT0, LVT_MASKED);
	write32(lapic + LAPIC_LVT_LINT1, LVT_NMI);
	write32(lapic + LAPIC_LVT_ERROR, LVT_MASKED);
	write32(lapic + LAPIC_SVR, 0x100 | VECTOR_SPURIOUS);
	write32(lapic + LAPIC_TIMER_DIV, DIV_BY_1);
	write32(lapic + LAPIC_TIMER_INIT, 0);
	write32(lapic + LAPIC_LVT_TIMER, VECTOR_TIMER);
	deadline[cpu_id()] = ~0UL;
}

/* Waits, with a bound, until the previous command has left. */
static void icr_wait(void)
{
	for (int i = 0; i < 100000 && (read32(lapic + LAPIC_ICR) & ICR_PENDING); i++)
		cpu_relax();
}

void lapic_ipi(u32 apic_id, u32 mode)
{
	u64 flags = irq_save();
	icr_wait();
	write32(lapic + LAPIC_ICR_HIGH, apic_id << 24);
	write32(lapic + LAPIC_ICR, mode);
	irq_restore(flags);
}

void arch_send_ipi(u32 cpu, enum ipi kind)
{
	static const u32 mode[] = { [IPI_RESCHED] = ICR_FIXED | VECTOR_RESCHED, [IPI_TLB] = ICR_FIXED | VECTOR_TLB, [IPI_STOP] = ICR_NMI };
	if (lapic)
		lapic_ipi(cpus[cpu].apic_id, mode[kind]);
}

void lapic_timer_start_masked(u32 count)
{
	write32(lapic + LAPIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
	write32(lapic + LAPIC_TIMER_INIT, count);
	if (!count)
		write32(lapic + LAPIC_LVT_TIMER, VECTOR_TIMER);
}

u32 lapic_timer_left(void) { return read32(lapic + LAPIC_TIMER_LEFT); }

/* Loads the counter for the time left; longer than it can count: it fires early and is loaded again. => interrupts off */
static void load_timer(u64 ns)
{
	u64 now = arch_clock_ns(), left = ns > now ? ns - now : 0;
	u64 ticks = left >= 1UL << 31 ? 0x7fffffff : (u64)((unsigned __int128)left * lapic_ticks_per_ns >> 32);
	write32(lapic + LAPIC_TIMER_INIT, (u32)max(min(ticks, 0xffffffffUL), 1UL));
}

void arch_timer_set(u64 ns)
{
	u64 flags = irq_save();
	u64 *d = &deadline[cpu_id()];
	if (*d != ns) {
		*d = ns;
		if (ns == ~0UL)
			write32(lapic + LAPIC_TIMER_INIT, 0);
		else
			load_timer(ns);
	}
	irq_restore(flags);
}

void lapic_timer_interrupt(bool user)
{
	u64 *d = &deadline[cpu_id()];
	if (*d == ~0UL)
		return;
	if (arch_clock_ns() < *d) {
		load_timer(*d);
		return;
	}
	*d = ~0UL;
	hook_timer(user);
}
