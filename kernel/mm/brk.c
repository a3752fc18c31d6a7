/* brk(2) and the anonymous areas of exec: sys_brk, do_brk_range. */
#include <linux/mman.h>
#include <linux/personality.h>
#include <linux/resource.h>

#include "gen/sys_protos.h"
#include "mm/commit.h"
#include "mm/internal.h"
#include "sched/sched.h"

int do_brk_range(struct mm *mm, uaddr_t addr, u64 len, bool exec)
{
	struct map_request r = {
		.addr = addr,
		.len = len,
		.prot = PROT_READ | PROT_WRITE | (exec ? PROT_EXEC : 0),
		.flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS,
		.vm_extra = VM_ACCOUNT,
	};
	uaddr_t got;
	return len ? do_mmap(mm, &r, &got) : 0;
}

/* => mmap_lock for writing. Extends the heap from old_end to new_end (page-aligned). */
static int grow_heap(struct mm *mm, u64 old_end, u64 new_end)
{
	u64 n = (new_end - old_end) >> PAGE_SHIFT;
	const struct vma *next = vma_find(&mm->map, old_end);
	u64 guard = next && (next->flags & VM_GROWSDOWN) ? STACK_GUARD_GAP : PAGE_SIZE;
	u64 flags = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_ACCOUNT | VM_HEAP | mm->def_flags;
	if ((next && next->start < new_end + guard) || new_end > TASK_SIZE_MAX || !may_expand(mm, n, flags) || !commit_charge(mm, n))
		return -ENOMEM;
	struct vma v = { .start = old_end, .end = new_end, .flags = flags, .pgoff = old_end >> PAGE_SHIFT };
	if (unlikely(current_thread()->personality & READ_IMPLIES_EXEC))
		v.flags |= VM_EXEC;
	return mm_grown(mm, n, n, vma_insert(&mm->map, &v));
}

long sys_brk(u64 brk)
{
	struct mm *mm = current_thread()->mm;
	bool populate = false;
	if (down_write_killable(&mm->mmap_lock))
		return (long)mm->brk;
	u64 old_end = ALIGN_UP(mm->brk, PAGE_SIZE), new_end = ALIGN_UP(brk, PAGE_SIZE), limit = rlimit_cur(RLIMIT_DATA);
	bool ok = brk >= mm->brk_start && brk < TASK_SIZE_MAX && brk - mm->brk_start + (mm->end_data - mm->start_data) <= limit;
	if (ok && new_end < old_end)
		ok = !munmap_locked(mm, new_end, old_end);
	else if (ok && new_end > old_end) {
		ok = !grow_heap(mm, old_end, new_end);
		populate = ok && (mm->def_flags & VM_LOCKED);
	}
	if (ok)
		mm->brk = brk;
	long ret = (long)mm->brk;
	up_write(&mm->mmap_lock);
	if (populate)
		mm_populate(mm, old_end, new_end, FAULT_WRITE);
	return ret;
}
