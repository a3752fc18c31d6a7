/*
 * fork's copy of an address space: constant time. The VMAs are shared as a whole (vma.c), the page tables at their top entries (ptshare.c). Only an address
 * space with VMAs that fork must treat (DONTFORK, WIPEONFORK, LOCKED) pays for a walk over its VMAs. Entry point: dup_mm.
 */
#include "lib/string.h"
#include "mm/commit.h"
#include "mm/internal.h"
#include "sched/sched.h"
#include "trace/trace.h"

static atomic_t fork_ids; /* forks numbered so far */

void mm_inherit_settings(struct mm *to, const struct mm *from)
{
	to->dump_filter = READ_ONCE(from->dump_filter);
	to->thp_disabled = READ_ONCE(from->thp_disabled);
	u8 mdwe = READ_ONCE(from->mdwe);
	to->mdwe = mdwe & MDWE_NO_INHERIT ? 0 : mdwe;
}

/* What a child takes over beside mappings and pages: where the parts of the program lie, its settings and its accounts. */
static void copy_layout(struct mm *child, const struct mm *old)
{
	child->brk_start = old->brk_start;
	child->brk = old->brk;
	child->mmap_base = old->mmap_base;
	child->bottom_up = old->bottom_up;
	child->start_code = old->start_code;
	child->end_code = old->end_code;
	child->start_data = old->start_data;
	child->end_data = old->end_data;
	child->start_stack = old->start_stack;
	child->arg_start = old->arg_start;
	child->arg_end = old->arg_end;
	child->env_start = old->env_start;
	child->env_end = old->env_end;
	child->vdso = old->vdso;
	child->dumpable = old->dumpable;
	mm_inherit_settings(child, old);
	child->total_pages = old->total_pages;
	child->committed = old->committed;
	memcpy(child->auxv, old->auxv, sizeof(child->auxv));
	child->membarrier = old->membarrier;
	child->exe = old->exe;
	if (child->exe)
		vm_file_ops->get(child->exe);
}

/*
 * The child may write to all that its parent promised itself: once more as much, judged VMA by VMA as on Linux. What fork leaves out costs nothing; it is
 * counted here all the same, for treat_special() to give back. => old's mmap_lock. 0 or -ENOMEM, nothing charged
 */
static int __noinline charge_copies(const struct mm *old)
{
	const struct vma *v;
	u64 done = 0;
	for (u64 a = 0; (v = vma_find(&old->map, a)); a = v->end) {
		u64 n = (v->end - v->start) >> PAGE_SHIFT;
		if ((v->flags & (VM_ACCOUNT | VM_DONTCOPY)) != VM_ACCOUNT)
			continue;
		if (!commit_charge(old, n)) {
			commit_add(-(s64)done);
			return -ENOMEM;
		}
		done += n;
	}
	commit_add((s64)(old->committed - done));
	return 0;
}

/* The child's side of the VMAs that are not plainly inherited: madvise(2) MADV_DONTFORK, MADV_WIPEONFORK; mlock(2). */
static int treat_special(struct mm *child)
{
	const struct vma *found;
	int err = 0;
	for (u64 a = 0; !err && (found = vma_find(&child->map, a));) {
		struct vma v = *found;
		a = v.end;
		if (v.flags & VM_DONTCOPY)
			err = munmap_locked(child, v.start, v.end);
		else if (v.flags & VM_LOCKED)
			err = vma_change_flags(&child->map, v.start, v.end, VM_LOCKED, 0);
		if (!err && (v.flags & VM_WIPEONFORK) && !(v.flags & VM_DONTCOPY)) {
			err = pt_prepare_zap(child, v.start, v.end);
			if (!err)
				pt_zap(child, v.start, v.end);
			child->special_fork = true;
		}
	}
	return err;
}

int dup_mm(struct mm *old, struct mm **out)
{
	struct mm *child;
	int err = mm_create(&child);
	if (err)
		return err;
	err = down_write_killable(&old->mmap_lock);
	if (err) {
		mm_put_user(child);
		return -EINTR;
	}
	if (likely(old->committed <= READ_ONCE(commit_unasked)))
		commit_add((s64)old->committed);
	else
		err = charge_copies(old);
	if (err) {
		up_write(&old->mmap_lock);
		mm_put_user(child);
		return err;
	}
	/* The child is in the list of all mms since mm_create: a truncation that visits it must find all or nothing. */
	down_write_nested(&child->mmap_lock);
	copy_layout(child, old);
	vma_map_share(&child->map, &old->map);
	child->fork_tables_shared = pt_share(old, child);
	child->fork_vmas = vma_count(&old->map);
	if (trace_on(birth))
		child->fork_id = old->fork_id = (u32)atomic_add_return(&fork_ids, 1);
	if (old->special_fork)
		err = treat_special(child);
	if (unlikely(old->shm) && !err)
		err = hook_shm_fork(child, old);
	up_write(&child->mmap_lock);
	up_write(&old->mmap_lock);
	if (err) {
		mm_put_user(child);
		return -ENOMEM;
	}
	*out = child;
	return 0;
}
