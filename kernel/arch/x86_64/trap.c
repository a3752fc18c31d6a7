/*
 * Exceptions and interrupts in C. Entry points (from entry.S): arch_trap(), arch_ist_trap(), arch_bad_iret(); arch_fixup().
 * A user exception goes up through a hook with interrupts on; a kernel one must have an exception table entry, or the machine stops.
 */
#include "arch/x86_64/internal.h"

enum { TRAP_DB = 1, TRAP_NMI = 2, TRAP_DF = 8, TRAP_GP = 13, TRAP_PF = 14, TRAP_MC = 18 };

static const char *const trap_names[32] = {
	"divide error", "debug", "NMI", "int3", "overflow", "bounds", "invalid opcode", "device not available", "double fault",
	"coprocessor segment overrun", "invalid TSS", "segment not present", "stack segment", "general protection fault", "page fault",
	"spurious interrupt", "x87 FPU error", "alignment check", "machine check", "SIMD exception", "virtualization exception", "control protection",
};

u64 arch_fixup(u64 ip)
{
	extern const struct { u32 insn, fixup; } ex_table_start[], ex_table_end[];
	for (u64 i = 0; &ex_table_start[i] != ex_table_end; i++)
		if (KERNEL_BASE + ex_table_start[i].insn == ip)
			return KERNEL_BASE + ex_table_start[i].fixup;
	return 0;
}

static u64 take_dr6(void)
{
	u64 v;
	__asm__ __volatile__("movq %%db6, %0" : "=r"(v));
	__asm__ __volatile__("movq %0, %%db6" ::"r"(0xffff0ff0UL));
	return v ^ 0xffff0ff0UL;
}

static void kernel_exception(u64 nr, struct regs *regs, u64 err)
{
	u64 fix = arch_fixup(regs->ip);
	if (nr == TRAP_DB) {
		/* The kernel touched a user watchpoint, which as in Linux is not reported. Nothing here single-steps: whatever set TF, going on without it
		 * is right. */
		take_dr6();
		regs->flags &= ~(u64)FLAG_TF;
		return;
	}
	if (fix) {
		regs->ip = fix;
		return;
	}
	arch_die(regs, "Oops: %s: %04llx [#1]", trap_names[nr] ? trap_names[nr] : "exception", (unsigned long long)err);
}

static void exception(u64 nr, struct regs *regs)
{
	bool user = regs_user_mode(regs);
	struct arch_thread *a = arch_of(current_thread());
	u64 err = regs->orig_ax, addr = nr == TRAP_PF ? read_cr2() : 0;
	regs->orig_ax = ~0UL; /* no system call to restart */
	if (user && nr == TRAP_DB) {
		err = take_dr6();
		a->dr6 = err & 0x400f; /* BS, B3-B0 */
		if (unlikely(a->special & SPECIAL_BLOCK_STEP))
			atomic_and(&a->special, ~SPECIAL_BLOCK_STEP); /* as the CPU has in its register */
	}
	if (user) {
		a->trap_nr = (u32)nr;
		a->error_code = nr == TRAP_DB ? 0 : (u32)err;
		if (nr == TRAP_PF)
			a->fault_addr = addr;
	}
	if (regs->flags & FLAG_IF)
		irq_enable();
	if (nr == TRAP_PF)
		hook_page_fault(regs, addr, err);
	else if (user)
		hook_user_trap(regs, (int)nr, err);
	else
		kernel_exception(nr, regs, err);
	irq_disable();
}

static void interrupt(u64 vector, struct regs *regs)
{
	struct cpu *c = this_cpu();
	c->irq_depth++;
	if (vector == VECTOR_TIMER) {
		lapic_eoi();
		c->irqs[ARCH_IRQ_TIMER]++;
		lapic_timer_interrupt(regs_user_mode(regs));
	} else if (vector == VECTOR_RESCHED) {
		lapic_eoi();
		c->irqs[ARCH_IRQ_RESCHED]++;
		hook_resched();
	} else if (vector == VECTOR_TLB) {
		lapic_eoi();
		c->irqs[ARCH_IRQ_TLB]++;
		hook_tlb_ipi();
	} else if (vector >= VECTOR_IRQ && vector < VECTOR_IRQ + MAX_GSI) {
		irq_dispatch((u32)(vector - VECTOR_IRQ));
		lapic_eoi();
	} else if (vector != VECTOR_SPURIOUS) {
		pr_debug("irq: unexpected vector %u", (unsigned)vector);
		lapic_eoi();
	}
	c->irq_depth--;
}

void arch_trap(u64 vector, struct regs *regs)
{
	if (vector >= 32)
		interrupt(vector, regs);
	else
		exception(vector, regs);
}

void arch_ist_trap(u64 vector, struct regs *regs)
{
	if (vector == TRAP_NMI) {
		if (panic_stopping())
			for (;;)
				__asm__ __volatile__("cli; hlt" ::: "memory");
		pr_notice("NMI on CPU %u", cpu_id());
		return;
	}
	arch_die(regs, "Oops: %s: %04llx [#1]", trap_names[vector], (unsigned long long)regs->orig_ax);
}

/*
 * The IRET to user mode faulted. e = the registers at the fault: the general ones are the user's already, e->sp points at the five words IRET could not
 * take. They become one user-mode struct regs at the top of the stack, where the caller continues. The copy on this function's own stack is
 * needed because the two places overlap; this stack lies below both.
 */
struct regs *arch_bad_iret(struct regs *e)
{
	struct regs *top = arch_user_regs(arch_of(current_thread()));
	struct regs r = *e;
	memcpy(&r.ip, (void *)e->sp, 5 * sizeof(u64));
	*top = r;
	return top;
}
