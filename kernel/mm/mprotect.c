/* mprotect(2): do_mprotect. */
#include <linux/mman.h>
#include <linux/personality.h>

#include "gen/sys_protos.h"
#include "mm/commit.h"
#include "mm/internal.h"
#include "sched/sched.h"

/* Every page mapped, and the protection within what each VMA may have? 0, -ENOMEM, -EACCES; *end_ok = how far it is allowed. => mmap_lock */
static int check_range(struct mm *mm, u64 start, u64 end, u64 flags, u64 *end_ok)
{
	*end_ok = start;
	while (*end_ok < end) {
		const struct vma *v = vma_find(&mm->map, *end_ok);
		if (!v || v->start > *end_ok)
			return -ENOMEM;
		/* PR_SET_MDWE: what is or was to be written does not become executable. */
		if (unlikely(mm->mdwe) && (flags & VM_EXEC) && ((flags & VM_WRITE) || !(v->flags & VM_EXEC)))
			return -EACCES;
		if (flags & ~(v->flags >> 4) & (VM_READ | VM_WRITE | VM_EXEC))
			return -EACCES;
		*end_ok = v->end;
	}
	*end_ok = end;
	return 0;
}

/* Does v promise memory once its protection is prot? Whatever was writable keeps its promise, for there may be pages in it that nobody else has; but for
 * anonymous memory that was never touched. => mmap_lock for writing */
static bool stays_promised(struct mm *mm, const struct vma *v, u64 prot)
{
	if (prot & VM_WRITE)
		return !(v->flags & (VM_SHARED | VM_NORESERVE)) && (!(v->flags & VM_WRITE) || (v->flags & VM_ACCOUNT));
	return (v->flags & VM_ACCOUNT) && (v->mapping || v->special || mm_is_touched(mm, v->start, v->end));
}

/* The part [start, end) of v gets the protection prot. => mmap_lock for writing */
static int protect_part(struct mm *mm, const struct vma *v, u64 start, u64 end, u64 prot)
{
	u64 n = (end - start) >> PAGE_SHIFT, from = v->flags, to = (from & ~(VM_READ | VM_WRITE | VM_EXEC | VM_ACCOUNT)) | prot;
	if (stays_promised(mm, v, prot))
		to |= VM_ACCOUNT;
	bool more = to & ~from & VM_ACCOUNT;
	if (!may_become(mm, n, from, to) || (more && !commit_charge(mm, n)))
		return -ENOMEM;
	int err = vma_change_flags(&mm->map, start, end, from & ~to, to & ~from);
	if (err) {
		commit_add(more ? -(s64)n : 0);
		return err;
	}
	if (more) {
		mm->committed += n;
	} else if (from & ~to & VM_ACCOUNT) {
		mm->committed -= n;
		commit_add(-(s64)n);
	}
	return pt_protect(mm, start, end, to);
}

/* => mmap_lock for writing */
static int protect_locked(struct mm *mm, u64 start, u64 end, u64 flags)
{
	u64 ok;
	int ret = check_range(mm, start, end, flags, &ok); /* what precedes the obstacle is changed, as on Linux */
	int err = 0;
	for (u64 a = start, to; !err && a < ok; a = to) {
		const struct vma *v = vma_find(&mm->map, a);
		to = min(ok, v->end);
		err = protect_part(mm, v, a, to, flags);
	}
	return err ? err : ret;
}

static int do_mprotect(struct mm *mm, uaddr_t addr, u64 len, u32 prot)
{
	u32 grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
	prot &= ~grows;
	if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || !IS_ALIGNED(addr, PAGE_SIZE))
		return -EINVAL;
	if (!len)
		return 0;
	len = ALIGN_UP(len, PAGE_SIZE);
	if (!len || addr + len < addr || addr + len > TASK_SIZE_MAX)
		return -ENOMEM;
	if (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM))
		return -EINVAL;
	u64 flags = (prot & PROT_READ ? VM_READ : 0) | (prot & PROT_WRITE ? VM_WRITE : 0) | (prot & PROT_EXEC ? VM_EXEC : 0), end = addr + len;
	int err = down_write_killable(&mm->mmap_lock);
	if (err)
		return err;
	const struct vma *v = vma_find(&mm->map, addr);
	if (grows & PROT_GROWSUP)
		err = -EINVAL;
	else if (grows && v && v->start < end && !(v->flags & VM_GROWSDOWN))
		err = -EINVAL;
	else
		err = protect_locked(mm, grows && v ? min(v->start, addr) : addr, end, flags);
	if (unlikely(mm->shm))
		hook_shm_changed(mm);
	up_write(&mm->mmap_lock);
	return err;
}

long sys_mprotect(u64 addr, u64 len, u64 prot)
{
	if (unlikely(current_thread()->personality & READ_IMPLIES_EXEC) && (prot & PROT_READ))
		prot |= PROT_EXEC;
	return do_mprotect(current_thread()->mm, addr, len, (u32)prot);
}
