/*
 * Forgetting what was noted about the use of memory, so that later use shows: mm_clear_refs(), for /proc/PID/clear_refs.
 *
 * Accessed bits are cleared in the process's own copies of its tables. Soft-dirty is kept the other way round: clearing it marks every mapping VM_CLEAN and
 * every entry PTE_CLEAN and write-protects it; the fault of the next write takes the mark away. So memory that is never asked about pays nothing.
 */
#include "mm/internal.h"
#include "sched/sched.h"

static bool wanted(const struct vma *v, enum mm_clear what)
{
	bool file = v->file || (v->mapping && (v->flags & VM_SHARED) && !v->special);
	return what == MM_CLEAR_ALL || file == (what == MM_CLEAR_MAPPED);
}

/* => mmap_lock for writing */
static int clear_accessed(struct mm *mm, enum mm_clear what)
{
	int err = 0;
	u64 addr = 0;
	const struct vma *v;
	while (!err && (v = vma_find(&mm->map, addr))) {
		if (wanted(v, what))
			err = pt_change_bits(mm, v->start, v->end, PTE_A, 0);
		addr = v->end;
	}
	return err;
}

int mm_clear_refs(struct mm *mm, enum mm_clear what)
{
	int err = down_write_killable(&mm->mmap_lock);
	if (err)
		return err;
	if (what == MM_CLEAR_PEAK) {
		mm->hiwater_rss = mm_rss(mm);
	} else if (what == MM_CLEAR_SOFT_DIRTY) {
		err = vma_change_flags(&mm->map, 0, TASK_SIZE_MAX, 0, VM_CLEAN);
		if (!err)
			err = pt_change_bits(mm, 0, TASK_SIZE_MAX, PTE_W, PTE_CLEAN);
	} else {
		err = clear_accessed(mm, what);
	}
	up_write(&mm->mmap_lock);
	return err;
}
