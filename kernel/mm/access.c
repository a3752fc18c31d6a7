/* Other address spaces seen from the kernel: mm_access (ptrace, /proc/PID/mem, exec's argument stack) and the identity of futex words. */
#include "lib/string.h"
#include "mm/internal.h"
#include "sched/sched.h"

/* Copies within one page while mmap_lock is held for reading, so that no fork can come between the copy-on-write break and the write.
 * 0, or -EAGAIN when the page must be faulted in first. */
static int copy_resident(struct mm *mm, u64 addr, void *buf, size_t n, bool write)
{
	int ret = -EAGAIN;
	struct page *p = NULL;
	down_read(&mm->mmap_lock);
	spin_lock(&mm->pt_lock);
	pte_t *e = pt_peek(mm, addr);
	/* With a shared table above, or without the write bit, a write needs the fault's work first. FOLL_FORCE-like writes find their page private. */
	if (e && *e && (!write || (atomic_read(&virt_page(e)->refs) == 1 && ((*e & PTE_W) || (pte_page(*e)->kind == PAGE_USER && atomic_read(&pte_page(*e)->refs) == 1))))) {
		p = pte_page(*e);
		if (!(*e & PTE_SPECIAL))
			page_get(p);
		else if (write)
			p = NULL;
	}
	bool special = e && (*e & PTE_SPECIAL);
	spin_unlock(&mm->pt_lock);
	if (p) {
		char *at = (char *)page_virt(p) + (addr & ~PAGE_MASK);
		memcpy(write ? at : buf, write ? buf : at, n);
		if (!special)
			page_put(p);
		ret = 0;
	}
	up_read(&mm->mmap_lock);
	return ret;
}

/* FOLL_FORCE: a private copy for writing where the protection forbids it; reading where PROT_NONE does. */
static int force_fault(struct mm *mm, u64 addr, bool write)
{
	bool major;
	int err = 0;
	down_write(&mm->mmap_lock);
	const struct vma *found = vma_find(&mm->map, addr);
	if (!found || found->start > addr || (write && (found->flags & VM_SHARED)) || !(found->flags & (write ? VM_MAYWRITE : VM_MAYREAD)))
		err = -EFAULT;
	u64 page = ALIGN_DOWN(addr, PAGE_SIZE), old = err ? 0 : found->flags;
	if (!err)
		err = vma_change_flags(&mm->map, page, page + PAGE_SIZE, 0, write ? VM_READ | VM_WRITE : VM_READ);
	up_write(&mm->mmap_lock);
	if (err)
		return err;
	err = mm_fault(mm, addr, write ? FAULT_WRITE : 0, &major);
	down_write(&mm->mmap_lock);
	vma_change_flags(&mm->map, page, page + PAGE_SIZE, VM_READ | VM_WRITE | VM_EXEC, old & (VM_READ | VM_WRITE | VM_EXEC));
	pt_protect(mm, page, page + PAGE_SIZE, old);
	up_write(&mm->mmap_lock);
	return err;
}

size_t mm_access(struct mm *mm, uaddr_t addr, void *buf, size_t n, bool write, bool force)
{
	size_t done = 0;
	while (done < n && addr < TASK_SIZE_MAX) {
		size_t part = min(n - done, (size_t)(PAGE_SIZE - (addr & ~PAGE_MASK)));
		bool major;
		int tries = 0;
		while (copy_resident(mm, addr, (char *)buf + done, part, write)) {
			int err = mm_fault(mm, addr, write ? FAULT_WRITE : 0, &major);
			if (err == -EACCES && force)
				err = force_fault(mm, addr, write);
			if (err || ++tries > 8)
				return done;
		}
		done += part;
		addr += part;
	}
	return done;
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
