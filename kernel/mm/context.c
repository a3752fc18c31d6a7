/* Which address space a CPU has loaded. Entry points: hook_switch_mm (from the scheduler), mm_activate (exec, exit). */
#include "arch/x86_64/arch.h"
#include "mm/internal.h"
#include "sched/sched.h"

/* => interrupts off */
static void load(struct mm *mm)
{
	struct cpu *c = this_cpu();
	struct mm *old = c->mm_active;
	if (old == mm)
		return;
	/* The bit is set before the root is loaded: a flush that misses the bit has changed the tables before we read them. */
	if (mm)
		__atomic_fetch_or(&mm->cpumask, BIT(c->id), __ATOMIC_SEQ_CST);
	c->mm_active = mm;
	arch_load_root(mm ? mm->root : kernel_root);
	if (old)
		__atomic_fetch_and(&old->cpumask, ~BIT(c->id), __ATOMIC_SEQ_CST);
}

void hook_switch_mm(struct thread *prev, struct thread *next)
{
	/* A kernel thread runs on whatever is loaded: its address space is the kernel half, which all roots share. An idle CPU lets go when there are
	 * others: it would be woken for every flush of an mm that it does not use. */
	if (next->mm)
		load(next->mm);
	else if (nr_cpus > 1 && (next->flags & TIF_IDLE))
		load(NULL);
}

void mm_activate(struct mm *mm)
{
	u64 f = irq_save();
	current_thread()->mm = mm;
	load(mm);
	irq_restore(f);
}
