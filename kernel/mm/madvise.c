/* madvise(2), msync(2), mincore(2). Advice that only tunes a mechanism we do not have is accepted where Linux without that mechanism accepts it. */
#include <linux/mman.h>

#include "gen/sys_protos.h"
#include "mm/internal.h"
#include "mm/slab.h"
#include "sched/sched.h"

/* Linux says EINVAL for locked, huge and PFN mappings; DONTNEED needs none of them. */
static int zap_part(struct mm *mm, const struct vma *v, u64 start, u64 end)
{
	if ((v->flags & VM_LOCKED) || v->special)
		return -EINVAL;
	int err = pt_prepare_zap(mm, start, end);
	if (!err)
		pt_zap(mm, start, end);
	return err;
}

static int change_flags(struct mm *mm, u64 start, u64 end, u64 clear, u64 set)
{
	if (set & (VM_DONTCOPY | VM_WIPEONFORK))
		mm->special_fork = true;
	return vma_change_flags(&mm->map, start, end, clear, set);
}

/* One VMA's part of the range. => mmap_lock for writing */
static int advise_vma(struct mm *mm, const struct vma *v, u64 start, u64 end, int advice)
{
	switch (advice) {
	case MADV_FREE:
		if (v->mapping)
			return -EINVAL;
		return zap_part(mm, v, start, end);
	case MADV_DONTNEED:
		return zap_part(mm, v, start, end);
	case MADV_DONTFORK:
		return change_flags(mm, start, end, 0, VM_DONTCOPY);
	case MADV_DOFORK:
		return v->special ? -EINVAL : change_flags(mm, start, end, VM_DONTCOPY, 0);
	case MADV_WIPEONFORK:
		return v->mapping || (v->flags & VM_SHARED) ? -EINVAL : change_flags(mm, start, end, 0, VM_WIPEONFORK);
	case MADV_KEEPONFORK:
		return change_flags(mm, start, end, VM_WIPEONFORK, 0);
	case MADV_DONTDUMP:
		return change_flags(mm, start, end, 0, VM_DONTDUMP);
	case MADV_DODUMP:
		return change_flags(mm, start, end, VM_DONTDUMP, 0);
	default: /* NORMAL RANDOM SEQUENTIAL WILLNEED COLD PAGEOUT: read-ahead and reclaim hints */
		return 0;
	}
}

static bool advice_known(int advice)
{
	switch (advice) {
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
	case MADV_WILLNEED:
	case MADV_DONTNEED:
	case MADV_FREE:
	case MADV_REMOVE:
	case MADV_DONTFORK:
	case MADV_DOFORK:
	case MADV_DONTDUMP:
	case MADV_DODUMP:
	case MADV_WIPEONFORK:
	case MADV_KEEPONFORK:
	case MADV_COLD:
	case MADV_PAGEOUT:
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
		return true;
	default:
		return false;
	}
}

/* MADV_REMOVE: a hole in the shared object. The mapping is kept alive by the VMA, whose mm lock we give up for the work. */
static int advise_remove(struct mm *mm, u64 start, u64 end)
{
	while (start < end) {
		down_read(&mm->mmap_lock);
		const struct vma *found = vma_find(&mm->map, start);
		if (!found || found->start >= end || !found->mapping || !(found->flags & VM_SHARED) || !(found->flags & VM_WRITE)) {
			int err = !found || found->start >= end ? -ENOMEM : found->mapping ? -EACCES : -EINVAL;
			up_read(&mm->mmap_lock);
			return err;
		}
		struct vma v = *found;
		vma_refs_get(&v);
		up_read(&mm->mmap_lock);
		u64 to = min(end, v.end), from = max(start, v.start);
		as_punch(v.mapping, v.pgoff + ((from - v.start) >> PAGE_SHIFT), v.pgoff + ((to - v.start) >> PAGE_SHIFT));
		vma_refs_put(&v);
		start = to;
	}
	return 0;
}

/* => mmap_lock for writing. Holes are skipped but make the result -ENOMEM, as on Linux. */
static int advise_range(struct mm *mm, u64 start, u64 end, int advice)
{
	int hole = 0, err = 0;
	while (start < end && !err) {
		const struct vma *found = vma_find(&mm->map, start);
		if (!found || found->start >= end)
			return -ENOMEM;
		struct vma v = *found;
		if (v.start > start)
			hole = -ENOMEM;
		u64 from = max(start, v.start), to = min(end, v.end);
		err = advise_vma(mm, &v, from, to, advice);
		start = v.end;
	}
	return err ? err : hole;
}

static int populate_range(struct mm *mm, u64 start, u64 end, bool write)
{
	int err = mm_populate(mm, start, end, write ? FAULT_WRITE : 0);
	return err == -EACCES ? -EINVAL : err == -EIO ? -EFAULT : err == -EFAULT ? -ENOMEM : err;
}

long sys_madvise(u64 start, u64 len, u64 advice)
{
	struct mm *mm = current_thread()->mm;
	int adv = (int)advice;
	if (!advice_known(adv) || !IS_ALIGNED(start, PAGE_SIZE))
		return -EINVAL;
	u64 n = ALIGN_UP(len, PAGE_SIZE), end = start + n;
	if ((len && !n) || end < start)
		return -EINVAL;
	if (end == start)
		return 0;
	if (adv == MADV_REMOVE)
		return advise_remove(mm, start, end);
	if (adv == MADV_POPULATE_READ || adv == MADV_POPULATE_WRITE)
		return populate_range(mm, start, end, adv == MADV_POPULATE_WRITE);
	if (down_write_killable(&mm->mmap_lock))
		return -EINTR;
	int err = advise_range(mm, start, end, adv);
	up_write(&mm->mmap_lock);
	return err;
}

long sys_msync(u64 start, u64 len, u64 flags)
{
	struct mm *mm = current_thread()->mm;
	u64 end = start + ALIGN_UP(len, PAGE_SIZE);
	if ((flags & ~(u64)(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || !IS_ALIGNED(start, PAGE_SIZE) || ((flags & MS_ASYNC) && (flags & MS_SYNC)))
		return -EINVAL;
	if (end < start)
		return -ENOMEM;
	int err = 0;
	down_read(&mm->mmap_lock);
	for (u64 a = start; a < end && !err;) {
		const struct vma *v = vma_find(&mm->map, a);
		if (!v || v->start > a)
			err = -ENOMEM;
		else if ((flags & MS_INVALIDATE) && (v->flags & VM_LOCKED))
			err = -EBUSY;
		else
			a = v->end;
	}
	up_read(&mm->mmap_lock);
	return err; /* all files live in memory: there is nothing to write back */
}

/* Is the page at addr there, in the tables or in the cache? => mmap_lock */
static bool resident(struct mm *mm, const struct vma *v, u64 addr)
{
	spin_lock(&mm->pt_lock);
	pte_t *e = pt_peek(mm, addr);
	bool in = e && *e;
	spin_unlock(&mm->pt_lock);
	if (in || !v->mapping)
		return in;
	struct page *p = NULL;
	u64 index = v->pgoff + ((addr - v->start) >> PAGE_SHIFT);
	if (as_get_page(v->mapping, index, false, &p) || !p)
		return false;
	page_put(p);
	return true;
}

long sys_mincore(u64 start, u64 len, u64 vec)
{
	struct mm *mm = current_thread()->mm;
	u64 n = ALIGN_UP(len, PAGE_SIZE) >> PAGE_SHIFT;
	if (!IS_ALIGNED(start, PAGE_SIZE))
		return -EINVAL;
	if (!user_range_ok(start, len))
		return -ENOMEM;
	if (!user_range_ok(vec, n))
		return -EFAULT;
	u8 buf[256];
	for (u64 i = 0; i < n;) {
		u64 part = min(n - i, (u64)sizeof(buf));
		int err = 0;
		down_read(&mm->mmap_lock);
		for (u64 k = 0; k < part && !err; k++) {
			u64 a = start + ((i + k) << PAGE_SHIFT);
			const struct vma *v = vma_find(&mm->map, a);
			if (!v || v->start > a)
				err = -ENOMEM;
			else
				buf[k] = resident(mm, v, a);
		}
		up_read(&mm->mmap_lock);
		if (!err)
			err = copy_to_user(vec + i, buf, part);
		if (err)
			return err;
		i += part;
		cond_resched();
	}
	return 0;
}
