/*
 * Device interrupts: I/O APICs, handlers per line. All go to the boot CPU. Entry points: irq_init(), arch_request_irq(), irq_dispatch().
 * A line may have several handlers (shared PCI lines); all are called.
 */
#include "arch/x86_64/internal.h"
#include "lib/errno.h"

struct action {
	void (*fn)(void *);
	void *arg;
	const char *name;
	struct action *next;
};
static struct action pool[48];             /* boot: handed out once, never taken back */
static u32 pool_used;
static struct action *actions[MAX_GSI];    /* a  published with a release store */
static u64 counts[MAX_GSI]; /* boot CPU; others read */
_Static_assert(MAX_GSI == ARCH_IRQ_LINES && ARRAY_SIZE(((struct cpu *)0)->irqs) == ARCH_IRQ_KINDS, "lines and kinds of interrupts");
static struct { u8 *regs; u32 gsi_base, pins; } ioapics[4]; /* constant after irq_init */
static u32 nr_ioapics;

static u32 ioapic_read(u32 i, u32 reg)
{
	write32(ioapics[i].regs, reg);
	return read32(ioapics[i].regs + 0x10);
}

static void ioapic_write(u32 i, u32 reg, u32 v)
{
	write32(ioapics[i].regs, reg);
	write32(ioapics[i].regs + 0x10, v);
}

void irq_init(void)
{
	/* The old PICs, where they exist, stay silent. */
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	for (u32 i = 0; i < platform.nr_ioapics; i++) {
		u32 n = nr_ioapics;
		ioapics[n].regs = arch_map_mmio(platform.ioapic[i].base, PAGE_SIZE);
		u32 version = ioapic_read(n, 1);
		if (version == ~0u)
			continue;
		ioapics[n].gsi_base = platform.ioapic[i].gsi_base;
		ioapics[n].pins = (version >> 16 & 0xff) + 1;
		nr_ioapics++;
	}
}

int arch_request_irq(u32 irq, const char *name, void (*fn)(void *), void *arg)
{
	struct irq_route r = { irq, irq >= 16, false };
	if (irq < 16)
		r = platform.isa[irq];
	if (r.gsi >= MAX_GSI || pool_used == ARRAY_SIZE(pool))
		return -EINVAL;
	for (u32 i = 0; i < nr_ioapics; i++) {
		u32 pin = r.gsi - ioapics[i].gsi_base;
		if (r.gsi < ioapics[i].gsi_base || pin >= ioapics[i].pins)
			continue;
		struct action *a = &pool[pool_used++];
		bool first = !actions[r.gsi];
		*a = (struct action){ fn, arg, name, actions[r.gsi] };
		smp_store_release(&actions[r.gsi], a);
		if (first) {
			ioapic_write(i, 0x11 + 2 * pin, cpus[0].apic_id << 24);
			ioapic_write(i, 0x10 + 2 * pin, (VECTOR_IRQ + r.gsi) | (r.low ? 0x2000 : 0) | (r.level ? 0x8000 : 0));
		}
		return 0;
	}
	return -EINVAL;
}

u64 arch_irq_count(u32 cpu, enum arch_irq kind) { return READ_ONCE(cpus[cpu].irqs[kind]); }

bool arch_irq_line(u32 line, const char **name, u64 *count)
{
	const struct action *a = smp_load_acquire(&actions[line]);
	*count = READ_ONCE(counts[line]);
	*name = a ? a->name : NULL;
	return a;
}

void irq_dispatch(u32 gsi)
{
	counts[gsi]++;
	for (struct action *a = smp_load_acquire(&actions[gsi]); a; a = a->next)
		a->fn(a->arg);
}
