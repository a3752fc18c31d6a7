/* Private to arch/x86_64. */
#ifndef PANDO_ARCH_INTERNAL_H
#define PANDO_ARCH_INTERNAL_H

#include "arch/x86_64/arch.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/hooks.h"
#include "arch/x86_64/init.h"
#include "arch/x86_64/memmap.h"
#include "lib/atomic.h"
#include "lib/bug.h"
#include "lib/log.h"
#include "lib/string.h"

/* --- small instructions --------------------------------------------------------------------------------------------------------------- */
struct cpuid { u32 a, b, c, d; };
static inline struct cpuid cpuid(u32 leaf, u32 sub)
{
	struct cpuid r;
	__asm__ __volatile__("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(sub));
	return r;
}
static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;
	__asm__ __volatile__("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (u64)hi << 32 | lo;
}
static inline void wrmsr(u32 msr, u64 v) { __asm__ __volatile__("wrmsr" ::"a"((u32)v), "d"((u32)(v >> 32)), "c"(msr) : "memory"); }
static inline void outb(u16 port, u8 v) { __asm__ __volatile__("outb %0, %1" ::"a"(v), "Nd"(port)); }
static inline void outw(u16 port, u16 v) { __asm__ __volatile__("outw %0, %1" ::"a"(v), "Nd"(port)); }
static inline u8 inb(u16 port)
{
	u8 v;
	__asm__ __volatile__("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}
static inline u64 read_cr4(void)
{
	u64 v;
	__asm__ __volatile__("movq %%cr4, %0" : "=r"(v));
	return v;
}
static inline void write_cr4(u64 v) { __asm__ __volatile__("movq %0, %%cr4" ::"r"(v) : "memory"); }
static inline u64 read_cr2(void)
{
	u64 v;
	__asm__ __volatile__("movq %%cr2, %0" : "=r"(v));
	return v;
}
static inline u32 read32(const volatile void *p) { return *(const volatile u32 *)p; }
static inline void write32(volatile void *p, u32 v) { *(volatile u32 *)p = v; }
/* struct thread begins with struct arch_thread. */
static inline struct arch_thread *arch_of(struct thread *t) { return (struct arch_thread *)(void *)t; }

/* --- cpu.c ------------------------------------------------------------------------------------------------------------------------------ */
/* What the boot CPU can do; constant after arch_early_init. */
struct features {
	bool xsave, fsgsbase, smep, smap, umip, pge, nx, gb_pages, rdrand, rdseed, rdtscp;
};
extern struct features features;
void cpu_init(struct cpu *c);
/* GDT, TSS and IST stacks of one CPU. */
#define GDT_ENTRIES 16
enum { IST_NMI = 1, IST_FAULT, IST_COUNT = IST_FAULT };
struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, iomap;
} __packed;
struct cpu_tables {
	u8 ist[IST_COUNT][IST_STACK_SIZE]; /* each aligned to its size */
	struct tss tss;
	u64 gdt[GDT_ENTRIES] __aligned(16);
};
void cpu_tables_init(struct cpu *c, struct cpu_tables *t);
void __noreturn arch_boot_cpu(paddr_t start_info);
void __noreturn arch_ap_main(struct cpu *c);

/* --- entry.S boot.S ---------------------------------------------------------------------------------------------------------------------- */
void syscall_entry(void);
void syscall_entry_traced(void);
void ret_from_fork(void);
void kthread_entry(void);
struct thread *switch_stacks(struct thread *prev, struct thread *next);
extern const u8 entry_stubs[256][16];
extern const u8 ap_trampoline[], ap_trampoline_end[], ap_tr_efer[];
void arch_trap(u64 vector, struct regs *regs);
void arch_ist_trap(u64 vector, struct regs *regs);
struct regs *arch_bad_iret(struct regs *e);

/* --- linker script ------------------------------------------------------------------------------------------------------------------------ */
extern char kernel_text_start[], kernel_text_end[], kernel_rodata_start[], kernel_rodata_end[], kernel_data_start[], kernel_end[];
static inline paddr_t image_phys(const void *v) { return (u64)v - KERNEL_BASE; }

/* --- fpu.c thread.c ----------------------------------------------------------------------------------------------------------------------- */
void fpu_init_cpu(void);
void fpu_init_boot(void);
void fpu_save_to(struct fpu_state *f);
/* The same into memory that has never held such an image. */
void fpu_save_fresh(struct fpu_state *f);
/* Loads the initial state. */
void fpu_restore_init(void);
void fpu_restore_from(struct fpu_state *f);

/* --- apic.c, irq.c ------------------------------------------------------------------------------------------------------------------------ */
#define VECTOR_IRQ 0x30     /* + GSI */
#define MAX_GSI 64
#define VECTOR_TIMER 0xf0
#define VECTOR_RESCHED 0xf1
#define VECTOR_TLB 0xf2
#define VECTOR_SPURIOUS 0xff
void lapic_map(paddr_t base);
void lapic_init_cpu(void);
u32 lapic_id(void);
void lapic_eoi(void);
/* ICR: `mode` = delivery mode and vector bits. */
void lapic_ipi(u32 apic_id, u32 mode);
#define ICR_NMI 0x4400u
#define ICR_INIT_OTHERS 0xc4500u /* shorthand: all but self */
#define ICR_SIPI_OTHERS 0xc4600u
#define ICR_FIXED 0x4000u
/* Starts the timer at `count` (div 1), masked; reads what is left. For calibration. */
void lapic_timer_start_masked(u32 count);
u32 lapic_timer_left(void);
void lapic_timer_interrupt(bool user);
/* LAPIC timer ticks per ns, 32.32 fixed point; 1 GHz unless calibration says otherwise. */
extern u64 lapic_ticks_per_ns;
void irq_init(void);
void irq_dispatch(u32 gsi);
extern struct cpu *ap_cpus[NR_CPUS];
extern u32 ap_next, ap_limit;

/* --- firmware.c --------------------------------------------------------------------------------------------------------------------------- */
struct ioapic_desc { paddr_t base; u32 gsi_base; };
struct irq_route { u32 gsi; bool level, low; };
/* Found once at boot; constant afterwards. */
struct platform {
	u32 apic_ids[NR_CPUS]; /* boot CPU first */
	u32 nr_apic_ids;
	paddr_t lapic_base;
	struct ioapic_desc ioapic[4];
	u32 nr_ioapics;
	struct irq_route isa[16];
	/* ACPI power: fixed hardware or hardware-reduced registers; 0 = none */
	u16 pm1a_cnt, pm1b_cnt;
	u8 slp_typ;
	bool sleep_is_io, reset_is_io, have_reset;
	u64 sleep_reg, reset_reg; /* port, or mapped address */
	u8 reset_value;
};
extern struct platform platform;
void platform_find(paddr_t rsdp);

/* --- clock.c ------------------------------------------------------------------------------------------------------------------------------ */
void clock_calibrate(void);
extern u32 tsc_khz;
/* Spins for about `ns`. */
void delay_ns(u64 ns);

/* --- panic.c ------------------------------------------------------------------------------------------------------------------------------ */
/* Called by the NMI handler: true when the machine stops. */
bool panic_stopping(void);

#endif
