/* Other address spaces seen from the kernel: mm_access (ptrace, /proc/PID/mem, exec's argument stack) and the identity of futex words. */
#include "lib/string.h"
#include "mm/internal.h"
#include "mm/memcg.h"
#include "sched/sched.h"

/* => pt_lock, *e on an exclusive path. May the kernel write to this page as it is? Else the fault has to break copy-on-write first. */
static bool entry_writable(const struct vma *v, pte_t e)
{
	if (e & PTE_SPECIAL)
		return false;
	if (e & PTE_SHARED)
		return v->flags & VM_WRITE;
	return (e & PTE_W) || (pte_page(e)->kind == PAGE_USER && atomic_read_acquire(&pte_page(e)->refs) == 1);
}

/*
 * Copies within one page if it is there. mmap_lock keeps fork away, pt_lock everybody else who might share or replace the page meanwhile.
 * 0, or -EAGAIN when the page must be faulted in first (or the access is not allowed: the fault says so).
 */
static int copy_resident(struct mm *mm, u64 addr, void *buf, size_t n, u32 access)
{
	int ret = -EAGAIN;
	bool write = access & FAULT_WRITE;
	down_read(&mm->mmap_lock);
	const struct vma *v = vma_find(&mm->map, addr);
	if (v && v->start <= addr && !vma_check_access(v, access)) {
		spin_lock(&mm->pt_lock);
		bool exclusive;
		const pte_t *e = pt_find(mm, addr, &exclusive);
		if (e && *e && (!write || (exclusive && entry_writable(v, *e)))) {
			char *at = (char *)page_virt(pte_page(*e)) + (addr & ~PAGE_MASK);
			memcpy(write ? at : buf, write ? buf : at, n);
			ret = 0;
		}
		spin_unlock(&mm->pt_lock);
	}
	up_read(&mm->mmap_lock);
	return ret;
}

size_t mm_access(struct mm *mm, uaddr_t addr, void *buf, size_t n, bool write, bool force)
{
	u32 access = (write ? FAULT_WRITE : 0) | (force ? FAULT_FORCE : 0);
	size_t done = 0;
	while (done < n && addr < TASK_SIZE_MAX) {
		size_t part = min(n - done, (size_t)(PAGE_SIZE - (addr & ~PAGE_MASK)));
		bool major;
		int tries = 0;
		while (copy_resident(mm, addr, (char *)buf + done, part, access))
			if (mm_fault(mm, addr, access, &major) || ++tries > 8)
				return done;
		done += part;
		addr += part;
	}
	return done;
}

int mm_private_page(struct mm *mm, uaddr_t addr, struct page *give, struct page **out)
{
	pte_t *e;
	int err = -EFAULT;
	down_read(&mm->mmap_lock);
	const struct vma *v = vma_find(&mm->map, addr);
	if (v && v->start <= addr && !v->mapping && !v->special) {
		spin_lock(&mm->pt_lock);
		err = pt_exclusive(mm, addr, true, &e);
		if (!err && !*e) {
			struct page *p = give ? give : alloc_zeroed_page(PAGE_USER);
			if (p && !give && memcg_charge(p)) {
				free_pages(p, 0);
				p = NULL;
			}
			if (p)
				pt_set(mm, e, page_phys(p) | vma_pte_bits(v->flags) | PTE_W | PTE_D);
			else
				err = -ENOMEM;
		}
		if (!err)
			*out = pte_page(*e);
		spin_unlock(&mm->pt_lock);
	}
	up_read(&mm->mmap_lock);
	return err;
}

int mm_futex_key(struct mm *mm, uaddr_t addr, bool shared, struct futex_key *key)
{
	*key = (struct futex_key){ (u64)mm, addr };
	if (addr >= TASK_SIZE_MAX || (addr & 3))
		return addr & 3 ? -EINVAL : -EFAULT;
	if (!shared)
		return 0;
	int err = 0;
	down_read(&mm->mmap_lock);
	const struct vma *v = vma_find(&mm->map, addr);
	if (!v || v->start > addr)
		err = -EFAULT;
	else if (v->mapping && (v->flags & VM_SHARED))
		*key = (struct futex_key){ (u64)v->mapping, (v->pgoff << PAGE_SHIFT) + (addr - v->start) };
	up_read(&mm->mmap_lock);
	return err;
}
