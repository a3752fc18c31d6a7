/* mlock(2) and friends. Nothing is ever swapped out here, so locking means: counted, limited, faulted in now, shown in /proc, not inherited by fork. */
#include <linux/capability.h>
#include <linux/mman.h>
#include <linux/resource.h>

#include "gen/sys_protos.h"
#include "mm/internal.h"
#include "sched/sched.h"

static bool within_limit(const struct mm *mm, u64 more)
{
	return hook_capable(CAP_IPC_LOCK) || mm->locked_pages + more <= rlimit_cur(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
}

/* => mmap_lock. Is [start, end) mapped without holes? *new_pages = pages not locked yet. */
static bool covered(const struct mm *mm, u64 start, u64 end, u64 *new_pages)
{
	*new_pages = 0;
	for (u64 a = start; a < end;) {
		const struct vma *v = vma_find(&mm->map, a);
		if (!v || v->start > a)
			return false;
		if (!(v->flags & VM_LOCKED))
			*new_pages += (min(end, v->end) - a) >> PAGE_SHIFT;
		a = v->end;
	}
	return true;
}

static long do_mlock(struct mm *mm, u64 addr, u64 len, bool lock)
{
	u64 start = ALIGN_DOWN(addr, PAGE_SIZE), end = ALIGN_UP(addr + len, PAGE_SIZE), fresh;
	if (end < start)
		return -EINVAL;
	if (start == end)
		return 0;
	if (lock && !rlimit_cur(RLIMIT_MEMLOCK) && !hook_capable(CAP_IPC_LOCK))
		return -EPERM;
	if (down_write_killable(&mm->mmap_lock))
		return -EINTR;
	bool whole = covered(mm, start, end, &fresh);
	int err = !whole || (lock && !within_limit(mm, fresh)) ? -ENOMEM : 0;
	if (!err)
		err = vma_change_flags(&mm->map, start, end, lock ? 0 : VM_LOCKED, lock ? VM_LOCKED : 0);
	if (!err && lock) {
		mm->locked_pages += fresh;
		mm->special_fork = true;
	} else if (!err) {
		mm->locked_pages -= min(mm->locked_pages, ((end - start) >> PAGE_SHIFT) - fresh);
	}
	up_write(&mm->mmap_lock);
	if (!err && lock) {
		err = mm_populate(mm, start, end, 0);
		if (err == -EFAULT || err == -EACCES || err == -EIO)
			err = -ENOMEM;
	}
	return err;
}

long sys_mlock(u64 addr, u64 len) { return do_mlock(current_thread()->mm, addr, len, true); }
long sys_munlock(u64 addr, u64 len) { return do_mlock(current_thread()->mm, addr, len, false); }

long sys_mlockall(u64 flags)
{
	struct mm *mm = current_thread()->mm;
	if (!flags || (flags & ~(u64)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT)
		return -EINVAL;
	if (!rlimit_cur(RLIMIT_MEMLOCK) && !hook_capable(CAP_IPC_LOCK))
		return -EPERM;
	if (down_write_killable(&mm->mmap_lock))
		return -EINTR;
	int err = 0;
	if ((flags & MCL_CURRENT) && !hook_capable(CAP_IPC_LOCK) && mm->total_pages > rlimit_cur(RLIMIT_MEMLOCK) >> PAGE_SHIFT)
		err = -ENOMEM;
	if (!err) {
		mm->def_flags = flags & MCL_FUTURE ? VM_LOCKED : 0;
		mm->special_fork = true;
	}
	if (!err && (flags & MCL_CURRENT)) {
		err = vma_change_flags(&mm->map, 0, TASK_SIZE_MAX, 0, VM_LOCKED);
		mm->locked_pages = mm->total_pages;
	}
	up_write(&mm->mmap_lock);
	for (u64 a = 0; !err && (flags & (MCL_CURRENT | MCL_ONFAULT)) == MCL_CURRENT;) {
		down_read(&mm->mmap_lock);
		const struct vma *v = vma_find(&mm->map, a);
		u64 start = v ? v->start : 0, end = v ? v->end : 0;
		up_read(&mm->mmap_lock);
		if (!end)
			break;
		mm_populate(mm, start, end, 0); /* what cannot be faulted in is passed over, as on Linux */
		a = end;
	}
	return err;
}

long sys_munlockall(void)
{
	struct mm *mm = current_thread()->mm;
	if (down_write_killable(&mm->mmap_lock))
		return -EINTR;
	mm->def_flags = 0;
	int err = vma_change_flags(&mm->map, 0, TASK_SIZE_MAX, VM_LOCKED, 0);
	if (!err)
		mm->locked_pages = 0;
	up_write(&mm->mmap_lock);
	return err;
}
