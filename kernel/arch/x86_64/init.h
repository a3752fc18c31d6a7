/*
 * What boot asks of arch, in this order: arch_early_init, (memmap_* filled by boot), arch_paging_init, arch_platform_init, mm_init and sched_init,
 * arch_smp_start. Everything but the last on the boot CPU with interrupts off.
 */
#ifndef PANDO_ARCH_INIT_H
#define PANDO_ARCH_INIT_H

#include "arch/x86_64/arch.h"

/* The boot CPU's kernel stack: process 0's arch.kstack. KSTACK_SIZE bytes, aligned to them. */
extern char boot_kstack[];
/* Makes `t` (process 0) the current thread; GDT, TSS, IDT, features, SYSCALL, FPU. arch.kstack of t must be boot_kstack. */
void arch_early_init(struct thread *t);
/* Serial port: sets it up; arch_serial_write works before, too. */
void arch_serial_init(void);
/* Builds kernel_root from the memory map and loads it. `start_info`-style low memory is out of reach afterwards unless it is RAM (direct map). */
void arch_paging_init(void);
/* Firmware tables (rsdp: physical address or 0), interrupt controllers, clock, per-CPU memory for every CPU found. */
void arch_platform_init(paddr_t rsdp);
/* CPUs that the firmware names, the boot CPU included; at most NR_CPUS. Ids after arch_smp_start are 0 .. nr_cpus-1. */
u32 arch_cpus_present(void);
/* The TSC's frequency, for messages. */
u32 arch_tsc_khz(void);
/* The idle thread on which CPU `cpu` will start. Before arch_smp_start; CPUs without one stay off. */
void arch_set_idle(u32 cpu, struct thread *t);
/* start_secondary(), when this CPU's run queue is ready: from now on it counts as running. */
void arch_ap_online(void);

/* "panic=": 0 = wait for ever, > 0 = reboot after so many seconds, < 0 = reboot at once. */
extern int panic_timeout;
/* Describes the current thread for a panic ("PID: 1 Comm: init"); set by boot, may stay NULL. */
extern void (*panic_describe)(char *buf, size_t size);

#endif
