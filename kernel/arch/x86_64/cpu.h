/* Per-CPU data reached through GS, the current thread, interrupt flags. */
#ifndef PANDO_ARCH_CPU_H
#define PANDO_ARCH_CPU_H

#include "arch/x86_64/regs.h"
#include "arch/x86_64/thread.h"
#include "lib/types.h"

#define NR_CPUS 8

struct thread; /* sched/thread.h */

/* One per CPU. The first four fields' offsets are known to entry.S (asserted in cpu.c). Owned by that CPU unless said otherwise. */
struct cpu {
	struct cpu *self;
	struct thread *current;
	u64 kernel_sp; /* top of the current thread's kernel stack, for SYSCALL entry; also in the TSS */
	u64 user_sp;   /* scratch of SYSCALL entry */
	u32 id;
	u32 apic_id;
	u32 irq_depth;  /* > 0 inside an interrupt handler */
	u32 lock_depth; /* spinlocks held (debug) */
	void *mm_active;    /* struct mm whose tables CR3 holds, NULL for the kernel's own; mm/context.c */
	s64 committed; /* pages promised on this CPU less those given up on it; mm/commit.h */
	void *held[24];     /* debug: spinlocks held, innermost last */
	struct tss *tss;
	u64 irqs[3]; /* its own; others read: interrupts by enum arch_irq */
	bool online;        /* written once by that CPU; others read */
	bool entry_traced;  /* its own, interrupts off: SYSCALL enters by the slow way (thread.c) */
};
extern struct cpu cpus[NR_CPUS];
/* Number of CPUs that run, ids 0 .. nr_cpus-1. Constant after SMP start. */
extern u32 nr_cpus;

static inline struct cpu *this_cpu(void)
{
	struct cpu *c;
	__asm__ __volatile__("movq %%gs:0, %0" : "=r"(c));
	return c;
}
/* The running thread. A register-cheap read: correct whenever it is executed, since it moves with the thread. */
static inline struct thread *current_thread(void)
{
	struct thread *t;
	__asm__("movq %%gs:8, %0" : "=r"(t));
	return t;
}
static inline u32 cpu_id(void) { return this_cpu()->id; }

static inline u64 irq_save(void)
{
	u64 f;
	__asm__ __volatile__("pushfq; popq %0; cli" : "=r"(f)::"memory");
	return f;
}
static inline void irq_restore(u64 f)
{
	if (f & 0x200)
		__asm__ __volatile__("sti" ::: "memory");
}
static inline void irq_disable(void) { __asm__ __volatile__("cli" ::: "memory"); }
static inline void irq_enable(void) { __asm__ __volatile__("sti" ::: "memory"); }
static inline bool irqs_enabled(void)
{
	u64 f;
	__asm__ __volatile__("pushfq; popq %0" : "=r"(f));
	return f & 0x200;
}
static inline void cpu_relax(void) { __asm__ __volatile__("pause" ::: "memory"); }
static inline u64 rdtsc(void)
{
	u32 lo, hi;
	__asm__ __volatile__("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

#endif
