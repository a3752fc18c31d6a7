/*
 * Page faults. hook_page_fault (from the entry code) decides whose fault it is; mm_fault makes one access possible; handle_* fill or break one entry.
 *
 * What a populated or empty leaf entry and an access lead to (w = the VMA may be written; the path is made exclusive first, except for spurious faults):
 *   empty, anonymous, read            the zero page, read-only, uncounted
 *   empty, anonymous, write           a zeroed page, writable
 *   empty, shared mapping             the cache's page, writable if w
 *   empty, private file, read         the cache's page, read-only
 *   empty, private file, write        a copy of the cache's page, writable
 *   populated, access allowed         spurious (another thread was quicker, or a stale TLB entry): flush this address here
 *   populated read-only, write, SHARED  set the write bit (and, here and below, what was soft-clean is so no more)
 *   populated read-only, write, own page with refs 1   reuse: set the write bit
 *   ... forced write, w not set       the same, but the write bit stays off: only the kernel writes there
 *   populated read-only, write, else  copy (the zero page: a zeroed page), flush everywhere, drop the old page
 * Locks: mmap_lock for reading over all of it; pt_lock around the entry. The page cache may sleep, so its page is fetched before pt_lock.
 */
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <linux/resource.h>

#include "arch/x86_64/arch.h"
#include "arch/x86_64/hooks.h"
#include "lib/bug.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/commit.h"
#include "mm/internal.h"
#include "mm/memcg.h"
#include "sched/sched.h"
#include "sched/trace_pace.h"

#define PF_PRESENT 1u
#define PF_WRITE 2u
#define PF_USER 4u
#define PF_RSVD 8u
#define PF_FETCH 16u

pte_t vma_pte_bits(u64 vm_flags)
{
	pte_t bits = vm_flags & (VM_READ | VM_WRITE | VM_EXEC) ? PTE_P | PTE_U | PTE_A : PTE_NONE;
	if (!(vm_flags & VM_EXEC))
		bits |= PTE_NX;
	if (vm_flags & VM_SHARED)
		bits |= PTE_SHARED;
	return bits;
}

static void copy_page(struct page *to, const struct page *from)
{
	void *d = page_virt(to);
	const void *s = page_virt(from);
	u64 n = PAGE_SIZE / 8;
	__asm__ __volatile__("rep movsq" : "+D"(d), "+S"(s), "+c"(n)::"memory");
}

/* A private page for *e (writable if the VMA is), whose present content (if any) is `from` (NULL: zeroes). => pt_lock, *e exclusive */
static int install_private(struct mm *mm, const struct vma *v, u64 addr, pte_t *e, struct page *from)
{
	struct page *p = from ? alloc_page(PAGE_USER) : alloc_zeroed_page(PAGE_USER);
	if (!p)
		return -ENOMEM;
	if (memcg_charge(p)) {
		free_pages(p, 0);
		return -ENOMEM;
	}
	if (from)
		copy_page(p, from);
	pte_t old = pt_set(mm, e, page_phys(p) | vma_pte_bits(v->flags) | (v->flags & VM_WRITE ? PTE_W | PTE_D : 0));
	if (old) {
		/* Other threads may still read the old page through their TLBs: it goes only after they are flushed. */
		tlb_flush_page(mm, addr);
		if (!(old & PTE_SPECIAL))
			page_put(pte_page(old));
	}
	return 0;
}

enum cow_kind { COW_COPIED, COW_TAKEN, COW_ZERO, COW_FILE }; /* as events.tbl says */
static void __cold trace_cow(const struct mm *mm, u64 addr, enum cow_kind kind)
{
	TRACE_RECORD(cow_fault, e);
	e.addr = addr;
	e.fork_id = mm->fork_id;
	e.kind = kind;
	trace_write(&e.h);
}

static inline int traced_cow(int err, const struct mm *mm, u64 addr, enum cow_kind kind)
{
	if (trace_on(cow_fault) && !err)
		trace_cow(mm, addr, kind);
	return err;
}

/* => pt_lock; *e populated, on an exclusive path, not writable, and a write is wanted. Breaks copy-on-write. */
static int handle_cow(struct mm *mm, const struct vma *v, u64 addr, pte_t *e)
{
	pte_t old = *e;
	struct page *p = pte_page(old);
	if (old & PTE_SPECIAL) {
		if (v->special)
			return -EACCES;
		return traced_cow(install_private(mm, v, addr, e, NULL), mm, addr, COW_ZERO);
	}
	if ((old & PTE_SHARED) || (p->kind == PAGE_USER && atomic_read_acquire(&p->refs) == 1)) {
		if (v->flags & VM_WRITE)
			WRITE_ONCE(*e, (old & ~PTE_CLEAN) | PTE_W | PTE_D);
		arch_flush_page(addr);
		return old & PTE_SHARED ? 0 : traced_cow(0, mm, addr, COW_TAKEN);
	}
	return traced_cow(install_private(mm, v, addr, e, p), mm, addr, p->kind == PAGE_USER ? COW_COPIED : COW_FILE);
}

/* => pt_lock; *e empty, on an exclusive path. cached: the page-cache page with a reference that passes to the entry (returned through *used). */
static int handle_empty(struct mm *mm, const struct vma *v, u64 addr, u32 access, pte_t *e, struct page *cached, bool *used)
{
	pte_t bits = vma_pte_bits(v->flags);
	if (v->special) {
		pt_set(mm, e, page_phys(v->special[(addr - v->start) >> PAGE_SHIFT]) | bits | PTE_SPECIAL);
		return 0;
	}
	if (!v->mapping && !(access & FAULT_WRITE)) {
		pt_set(mm, e, page_phys(zero_page) | bits | PTE_SPECIAL);
		return 0;
	}
	if (!cached)
		return install_private(mm, v, addr, e, NULL);
	if ((access & FAULT_WRITE) && !(v->flags & VM_SHARED))
		return traced_cow(install_private(mm, v, addr, e, cached), mm, addr, COW_FILE);
	if ((v->flags & VM_SHARED) && (v->flags & VM_WRITE))
		bits |= PTE_W | PTE_D;
	pt_set(mm, e, page_phys(cached) | bits);
	*used = true;
	return 0;
}

/*
 * Fault-around: who reads one page of a file soon reads its neighbours. The cached ones in the aligned window around the fault, within the VMA, are mapped
 * by the same fault. Nothing is read for it.
 */
#define AROUND 16
struct around {
	struct page *page[AROUND]; /* with a reference each, or NULL */
	u32 first, n;              /* places of the window that were asked for */
};

/* => mmap_lock */
static void around_collect(const struct vma *v, u64 addr, struct around *w)
{
	u64 window = ALIGN_DOWN(addr, AROUND * PAGE_SIZE), from = max(window, v->start), to = min(window + AROUND * PAGE_SIZE, v->end);
	u64 index = v->pgoff + ((from - v->start) >> PAGE_SHIFT), pages = (READ_ONCE(v->mapping->size) + PAGE_SIZE - 1) >> PAGE_SHIFT;
	w->first = (u32)((from - window) >> PAGE_SHIFT);
	w->n = (u32)min((to - from) >> PAGE_SHIFT, pages > index ? pages - index : 0);
	as_get_cached(v->mapping, index, w->n, w->page + w->first);
}

/* => pt_lock, e (addr's entry) exclusive and just filled from this VMA's mapping */
static void around_map(struct mm *mm, u64 addr, pte_t *e, struct around *w)
{
	pte_t *base = e - ((addr >> PAGE_SHIFT) & (AROUND - 1));
	pt_fill(mm, base + w->first, w->n, w->page + w->first, *e & ~PTE_ADDR_MASK);
}

static void around_drop(struct around *w)
{
	for (u32 i = w->first; i < w->first + w->n; i++)
		if (w->page[i])
			page_put(w->page[i]);
}

static bool entry_allows(pte_t e, u32 access)
{
	return (e & PTE_P) && (!(access & FAULT_WRITE) || (e & PTE_W)) && (!(access & FAULT_EXEC) || !(e & PTE_NX));
}

/* The page-cache page that a fault on an empty entry of a file VMA needs. 0, -EIO (beyond the end), -ENOMEM ... => mmap_lock */
static int fetch_cached(const struct vma *v, u64 addr, struct page **out)
{
	u64 index = v->pgoff + ((addr - v->start) >> PAGE_SHIFT);
	if (index >= (READ_ONCE(v->mapping->size) + PAGE_SIZE - 1) >> PAGE_SHIFT)
		return -EIO;
	int err = as_get_page(v->mapping, index, true, out);
	return err == -ENOSPC ? -EIO : err;
}

/* => mmap_lock for reading; v covers addr and allows the access */
static int handle_fault(struct mm *mm, const struct vma *v, u64 addr, u32 access)
{
	struct page *cached = NULL;
	struct around around;
	bool used = false, exclusive = false;
	int err = 0;
	spin_lock(&mm->pt_lock);
	pte_t *e = pt_find(mm, addr, &exclusive);
	if (v->mapping && !(e && *e)) {
		spin_unlock(&mm->pt_lock);
		err = fetch_cached(v, addr, &cached);
		if (err)
			return err;
		around.n = 0;
		if (!(access & FAULT_WRITE))
			around_collect(v, addr, &around);
		spin_lock(&mm->pt_lock);
		e = pt_find(mm, addr, &exclusive);
	}
	if (e && entry_allows(*e, access) && (exclusive || !(access & FAULT_WRITE))) {
		arch_flush_page(addr);
	} else {
		if (!e || !exclusive)
			err = pt_exclusive(mm, addr, true, &e);
		if (err)
			;
		else if (!*e)
			err = handle_empty(mm, v, addr, access, e, cached, &used);
		else if ((access & FAULT_WRITE) && !(*e & PTE_W))
			err = handle_cow(mm, v, addr, e);
		else
			arch_flush_page(addr);
	}
	if (used && around.n)
		around_map(mm, addr, e, &around);
	spin_unlock(&mm->pt_lock);
	if (cached) {
		if (!used)
			page_put(cached);
		around_drop(&around);
	}
	return err;
}

/* => mmap_lock for writing */
static int grow_stack(struct mm *mm, const struct vma *v, u64 addr, u64 n)
{
	u64 promised = v->flags & VM_ACCOUNT ? n : 0;
	if (!commit_charge(mm, promised))
		return -ENOMEM;
	return mm_grown(mm, n, promised, vma_grow_down(&mm->map, v->start, addr));
}

/* Grows the stack VMA above addr down to it. 0 or -EFAULT / -ENOMEM. */
static int expand_stack(struct mm *mm, u64 addr)
{
	int err = -EFAULT;
	down_write(&mm->mmap_lock);
	const struct vma *v = vma_find(&mm->map, addr);
	if (v && v->start <= addr) {
		err = 0; /* another thread did it */
	} else if (v && (v->flags & VM_GROWSDOWN)) {
		const struct vma *prev = vma_prev(&mm->map, v->start);
		u64 grow = (v->start - addr) >> PAGE_SHIFT;
		bool gap_ok = !prev || (prev->flags & VM_GROWSDOWN) || !(prev->flags & (VM_READ | VM_WRITE | VM_EXEC)) || prev->end + STACK_GUARD_GAP <= addr;
		if (gap_ok && (!prev || prev->end <= addr) && v->end - addr <= rlimit_cur(RLIMIT_STACK) && may_expand(mm, grow, v->flags))
			err = grow_stack(mm, v, addr, grow);
	}
	up_write(&mm->mmap_lock);
	return err;
}

int vma_check_access(const struct vma *v, u32 access)
{
	if (access & FAULT_FORCE) {
		/* What others share is not to be changed behind their backs. */
		if (access & FAULT_WRITE)
			return (v->flags & VM_WRITE) || ((v->flags & VM_MAYWRITE) && !(v->flags & VM_SHARED)) ? 0 : -EACCES;
		return v->flags & (VM_READ | VM_MAYREAD) ? 0 : -EACCES;
	}
	if (access & FAULT_WRITE)
		return v->flags & VM_WRITE ? 0 : -EACCES;
	if (access & FAULT_EXEC)
		return v->flags & VM_EXEC ? 0 : -EACCES;
	return v->flags & (VM_READ | VM_WRITE | VM_EXEC) ? 0 : -EACCES;
}

int mm_fault(struct mm *mm, uaddr_t addr, u32 access, bool *major)
{
	addr &= PAGE_MASK;
	*major = false;
	if (addr >= TASK_SIZE_MAX)
		return -EFAULT;
	for (;;) {
		down_read(&mm->mmap_lock);
		const struct vma *v = vma_find(&mm->map, addr);
		if (!v || (v->start > addr && !(v->flags & VM_GROWSDOWN))) {
			up_read(&mm->mmap_lock);
			return -EFAULT;
		}
		if (v->start <= addr) {
			int err = vma_check_access(v, access);
			if (!err)
				err = handle_fault(mm, v, addr, access);
			up_read(&mm->mmap_lock);
			return err;
		}
		up_read(&mm->mmap_lock);
		if (expand_stack(mm, addr))
			return -EFAULT;
	}
}

/* Retries while the OOM killer makes room. */
static int fault_or_oom(struct mm *mm, u64 addr, u32 access, bool *major)
{
	for (;;) {
		int err = mm_fault(mm, addr, access, major);
		if (err != -ENOMEM || fatal_signal_pending())
			return err;
		if (!hook_out_of_memory())
			return err;
	}
}

static void __noreturn die(struct regs *regs, u64 addr, u64 err)
{
	pr_emerg("BUG: unable to handle page fault for address: %016lx\n", addr);
	pr_emerg("#PF: %s %s in %s mode, error_code(0x%04lx)\n", err & PF_PRESENT ? "protection violation on" : "not-present page,",
		 err & PF_FETCH ? "fetch" : err & PF_WRITE ? "write" : "read", err & PF_USER ? "user" : "kernel", err);
	arch_backtrace(regs);
	panic("Fatal exception");
}

static void signal_for(struct regs *regs, int err, u64 addr)
{
	if (err == -EIO)
		hook_fault_signal(regs, SIGBUS, BUS_ADRERR, addr);
	else if (err == -EACCES)
		hook_fault_signal(regs, SIGSEGV, SEGV_ACCERR, addr);
	else if (err == -ENOMEM)
		hook_fault_signal(regs, SIGKILL, SI_KERNEL, addr); /* nothing could be freed: this process goes */
	else
		hook_fault_signal(regs, SIGSEGV, SEGV_MAPERR, addr);
}

static u32 access_of(u64 err) { return (err & PF_WRITE ? FAULT_WRITE : 0) | (err & PF_FETCH ? FAULT_EXEC : 0) | (err & PF_USER ? FAULT_USER : 0); }

/* Faults of the kernel on user memory, and those that the plain case did not cure. */
static __cold void other_fault(struct regs *regs, u64 addr, u64 err)
{
	struct thread *t = current_thread();
	bool user = regs_user_mode(regs), major;
	u64 fixup = user ? 0 : arch_fixup(regs->ip);
	if ((err & PF_RSVD) || (!user && !fixup))
		die(regs, addr, err);
	if (addr >= TASK_SIZE_MAX || !t->mm || (!user && t->uaccess_disabled)) {
		if (user)
			hook_fault_signal(regs, SIGSEGV, SEGV_MAPERR, addr);
		else
			regs->ip = fixup;
		return;
	}
	/* An access that the CPU makes with the kernel's rights for an instruction of user mode, stopped by SMAP: no mapping helps, it would fault for ever.
	 * Hardware does so only for its tables; QEMU's TCG before 9.1 does it for the stack of far returns. */
	if (user && (err & PF_PRESENT) && !(err & PF_USER)) {
		hook_fault_signal(regs, SIGSEGV, SEGV_ACCERR, addr);
		return;
	}
	int ret = fault_or_oom(t->mm, addr, access_of(err) | (user ? FAULT_USER : 0), &major);
	t->min_faults += !major;
	t->maj_faults += major;
	if (unlikely(t->memcg))
		memcg_count_fault(major);
	if (!t->uaccess_disabled)
		trace_pace();
	if (!ret)
		return;
	if (user)
		signal_for(regs, ret, addr);
	else
		regs->ip = fixup;
}

void hook_page_fault(struct regs *regs, u64 addr, u64 err)
{
	struct thread *t = current_thread();
	bool major;
	/* The plain case: user mode touches its own memory. */
	if (unlikely(!regs_user_mode(regs) || !(err & PF_USER) || (err & PF_RSVD) || !t->mm || mm_fault(t->mm, addr, access_of(err), &major))) {
		/* A system call that touches user memory: for want of a page the OOM killer acts, the call does not fail. */
		bool counts = t->fail_counts;
		t->fail_counts = false;
		other_fault(regs, addr, err);
		t->fail_counts = counts;
		return;
	}
	t->min_faults += !major;
	t->maj_faults += major;
	if (unlikely(t->memcg))
		memcg_count_fault(major);
	trace_pace();
}
