/*
 * TLB flushes. An mm's cpumask names the CPUs that have its root loaded, also lazily (a kernel thread or the idle task runs there). A change of tables
 * is followed by a flush on all of them; a lazy one lets go of the mm instead. One shootdown at a time; the initiator waits with interrupts on, so
 * two CPUs that shoot at each other both make progress. Entry points: tlb_flush_mm, tlb_flush_page, tlb_drop, mm_barrier, mm_sync_syscall_entry, hook_tlb_ipi.
 */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/hooks.h"
#include "lib/bug.h"
#include "mm/internal.h"
#include "sched/sched.h"
#include "sched/spinlock.h"
#include "sched/thread.h"

enum { FLUSH_ALL, FLUSH_PAGE, FLUSH_DROP, FLUSH_NOTHING, FLUSH_RSEQ, FLUSH_SYSCALL_ENTRY };

static DEFINE_SPINLOCK(tlb_lock, RANK_TLB);
static struct {
	struct mm *mm; /* tlb_lock */
	u64 addr;      /* tlb_lock */
	u32 kind;      /* tlb_lock */
	u64 pending;   /* a: CPUs that have not answered */
} request;

/* => interrupts off. Leaves mm if this CPU keeps it without need. */
static void let_go(struct mm *mm)
{
	struct cpu *c = this_cpu();
	if (c->mm_active != mm)
		return;
	c->mm_active = NULL;
	arch_load_root(kernel_root);
	__atomic_fetch_and(&mm->cpumask, ~BIT(c->id), __ATOMIC_SEQ_CST);
}

static void flush_here(struct mm *mm, u64 addr, u32 kind)
{
	if (kind == FLUSH_SYSCALL_ENTRY)
		arch_reload_syscall_entry();
	if (kind == FLUSH_NOTHING || kind == FLUSH_SYSCALL_ENTRY || this_cpu()->mm_active != mm)
		return;
	if (kind == FLUSH_RSEQ) {
		if (current_thread()->mm == mm && (READ_ONCE(current_thread()->flags) & TIF_RSEQ))
			atomic_or(&current_thread()->flags, TIF_RSEQ_ABORT | TIF_RSEQ_WORK);
		return;
	}
	if (kind == FLUSH_DROP || current_thread()->mm != mm)
		let_go(mm);
	else if (kind == FLUSH_PAGE)
		arch_flush_page(addr);
	else
		arch_load_root(mm->root);
}

void hook_tlb_ipi(void)
{
	u64 me = BIT(cpu_id());
	if (!(__atomic_load_n(&request.pending, __ATOMIC_ACQUIRE) & me))
		return;
	flush_here(request.mm, request.addr, request.kind);
	__atomic_fetch_and(&request.pending, ~me, __ATOMIC_SEQ_CST);
}

/* Has `others` do it, and waits until they have. */
static void shoot(struct mm *mm, u64 addr, u32 kind, u64 others)
{
	BUG_ON(!irqs_enabled());
	spin_lock(&tlb_lock);
	request.mm = mm;
	request.addr = addr;
	request.kind = kind;
	__atomic_store_n(&request.pending, others, __ATOMIC_SEQ_CST);
	for (u64 bits = others; bits; bits &= bits - 1)
		arch_send_ipi((u32)__builtin_ctzl(bits), IPI_TLB);
	while (__atomic_load_n(&request.pending, __ATOMIC_ACQUIRE))
		cpu_relax();
	spin_unlock(&tlb_lock);
}

static void flush(struct mm *mm, u64 addr, u32 kind)
{
	u64 f = irq_save();
	u64 me = BIT(cpu_id());
	smp_mb();
	u64 others = READ_ONCE(mm->cpumask) & ~me;
	if (kind == FLUSH_DROP || (mm->cpumask & me))
		flush_here(mm, addr, kind);
	irq_restore(f);
	if (likely(!others))
		return;
	shoot(mm, addr, kind, others);
}

/* Is mm loaded by this thread's own CPU and no other? After the barrier that makes the changed tables visible to a CPU that loads them now. */
static inline bool only_here(struct mm *mm)
{
	smp_mb();
	return READ_ONCE(mm->cpumask) == BIT(cpu_id()) && current_thread()->mm == mm;
}

void tlb_flush_mm(struct mm *mm)
{
	if (likely(only_here(mm)))
		arch_load_root(mm->root);
	else
		flush(mm, 0, FLUSH_ALL);
}

void tlb_flush_page(struct mm *mm, u64 addr)
{
	if (likely(only_here(mm)))
		arch_flush_page(addr);
	else
		flush(mm, addr, FLUSH_PAGE);
}

void tlb_drop(struct mm *mm) { flush(mm, 0, FLUSH_DROP); }

void mm_barrier(struct mm *mm, u64 cpus, bool abort_rseq)
{
	u64 f = irq_save();
	smp_mb();
	u64 others = (mm ? READ_ONCE(mm->cpumask) : sched_cpus()) & cpus & ~BIT(cpu_id());
	irq_restore(f);
	if (others)
		shoot(mm, 0, abort_rseq ? FLUSH_RSEQ : FLUSH_NOTHING, others);
}

void mm_sync_syscall_entry(struct mm *mm)
{
	u64 f = irq_save();
	smp_mb();
	u64 others = READ_ONCE(mm->cpumask) & ~BIT(cpu_id());
	irq_restore(f);
	if (others)
		shoot(mm, 0, FLUSH_SYSCALL_ENTRY, others);
}
