/* mremap(2): shrink, grow in place, move. */
#include <linux/capability.h>
#include <linux/mman.h>
#include <linux/resource.h>

#include "gen/sys_protos.h"
#include "mm/commit.h"
#include "mm/internal.h"
#include "sched/sched.h"

struct remap {
	u64 addr, old_len, new_len, new_addr;
	u32 flags;
};

/* Moves [addr, addr+old_len) of VMA v to a place of new_len bytes. => mmap_lock for writing */
static int move_vma(struct mm *mm, const struct vma *v, const struct remap *r, u64 *out)
{
	u64 to, done, promised = 0, n = r->new_len >> PAGE_SHIFT;
	int err = 0;
	if (v->flags & VM_ACCOUNT) {
		/* What moves has been promised where it is; what stays there empty (MREMAP_DONTUNMAP) still is. */
		promised = r->flags & MREMAP_DONTUNMAP ? n : n - min(n, r->old_len >> PAGE_SHIFT);
		if (!commit_charge(mm, promised))
			return -ENOMEM;
	}
	if (r->flags & MREMAP_FIXED) {
		to = r->new_addr;
		err = munmap_locked(mm, to, to + r->new_len);
	} else {
		err = mm_find_hole(mm, r->new_len, &to);
	}
	struct vma moved = *v;
	if (!err) {
		moved.pgoff += (r->addr - v->start) >> PAGE_SHIFT;
		moved.start = to;
		moved.end = to + r->new_len;
		err = vma_insert(&mm->map, &moved);
	}
	if (err) {
		commit_add(-(s64)promised);
		return err;
	}
	mm->total_pages += n;
	if (v->flags & VM_ACCOUNT) {
		/* The rest of the promise comes from the old place, which gives up its own below. */
		commit_add((s64)(n - promised));
		mm->committed += n;
	}
	u64 len = min(r->old_len, r->new_len);
	err = len ? pt_move(mm, r->addr, to, len, &done) : 0;
	if (err) {
		/* Bring back what went over: those paths are exclusive by now, so this cannot fail. */
		u64 back;
		pt_move(mm, to, r->addr, done, &back);
		munmap_locked(mm, to, to + r->new_len);
		return err;
	}
	if (r->old_len && !(r->flags & MREMAP_DONTUNMAP))
		err = munmap_locked(mm, r->addr, r->addr + r->old_len);
	*out = to;
	return err;
}

/* Grows the VMA that ends at addr+old_len where it is. *refused: there is room, but no more memory to promise. => mmap_lock for writing */
static int grow_in_place(struct mm *mm, const struct vma *v, const struct remap *r, bool *refused)
{
	*refused = false;
	u64 old_end = r->addr + r->old_len, new_end = r->addr + r->new_len;
	const struct vma *next = vma_next(&mm->map, old_end);
	if (v->end != old_end || new_end > TASK_SIZE_MAX ||
	    (next && next->start - (next->flags & VM_GROWSDOWN ? STACK_GUARD_GAP : 0) < new_end))
		return -ENOMEM;
	struct vma more = *v;
	more.pgoff += (old_end - v->start) >> PAGE_SHIFT;
	more.start = old_end;
	more.end = new_end;
	u64 n = (new_end - old_end) >> PAGE_SHIFT, promised = v->flags & VM_ACCOUNT ? n : 0;
	*refused = !commit_charge(mm, promised);
	if (*refused)
		return -ENOMEM;
	return mm_grown(mm, n, promised, vma_insert(&mm->map, &more));
}

static int check_vma(struct mm *mm, const struct vma *v, const struct remap *r)
{
	if (!v || v->start > r->addr)
		return -EFAULT;
	if (!r->old_len && !(v->flags & VM_SHARED))
		return -EINVAL;
	if (v->special || ((r->flags & MREMAP_DONTUNMAP) && (v->mapping)))
		return -EINVAL;
	if (r->old_len > v->end - r->addr)
		return -EFAULT;
	if (r->new_len > r->old_len && !may_expand(mm, (r->new_len - r->old_len) >> PAGE_SHIFT, v->flags))
		return -ENOMEM;
	if (r->new_len > r->old_len && (v->flags & VM_LOCKED) && !hook_capable(CAP_IPC_LOCK) &&
	    mm->locked_pages + ((r->new_len - r->old_len) >> PAGE_SHIFT) > rlimit_cur(RLIMIT_MEMLOCK) >> PAGE_SHIFT)
		return -EAGAIN;
	return 0;
}

/* => mmap_lock for writing */
static int remap_locked(struct mm *mm, const struct remap *r, u64 *out)
{
	bool move = r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP);
	*out = r->addr;
	if (!move && r->old_len >= r->new_len) {
		const struct vma *v = vma_find(&mm->map, r->addr);
		if (!v || v->start > r->addr)
			return -EFAULT;
		return r->old_len > r->new_len ? munmap_locked(mm, r->addr + r->new_len, r->addr + r->old_len) : 0;
	}
	const struct vma *found = vma_find(&mm->map, r->addr);
	int err = check_vma(mm, found, r);
	if (err)
		return err;
	struct vma v = *found;
	bool refused = false;
	if (!move && r->old_len && !grow_in_place(mm, &v, r, &refused))
		return 0;
	if (refused || !(r->flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	/* The copy's references keep file and mapping alive while VMAs come and go. */
	vma_refs_get(&v);
	err = move_vma(mm, &v, r, out);
	vma_refs_put(&v);
	return err;
}

long sys_mremap(u64 addr, u64 old_len, u64 new_len, u64 flags, u64 new_addr)
{
	struct mm *mm = current_thread()->mm;
	struct remap r = { addr, ALIGN_UP(old_len, PAGE_SIZE), ALIGN_UP(new_len, PAGE_SIZE), new_addr, (u32)flags };
	if ((flags & ~(u64)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) || ((flags & MREMAP_FIXED) && !(flags & MREMAP_MAYMOVE)) ||
	    ((flags & MREMAP_DONTUNMAP) && (!(flags & MREMAP_MAYMOVE) || r.old_len != r.new_len)) || !IS_ALIGNED(addr, PAGE_SIZE) || !r.new_len)
		return -EINVAL;
	if (r.new_len > TASK_SIZE_MAX || r.old_len > TASK_SIZE_MAX || addr > TASK_SIZE_MAX - r.old_len)
		return flags & MREMAP_FIXED ? -EINVAL : r.new_len > TASK_SIZE_MAX ? -ENOMEM : -EFAULT;
	if (flags & MREMAP_FIXED) {
		if (!IS_ALIGNED(new_addr, PAGE_SIZE) || new_addr > TASK_SIZE_MAX - r.new_len)
			return -EINVAL;
		if (addr < new_addr + r.new_len && new_addr < addr + max(r.old_len, PAGE_SIZE))
			return -EINVAL;
	}
	if (down_write_killable(&mm->mmap_lock))
		return -EINTR;
	u64 out = 0;
	int err = remap_locked(mm, &r, &out);
	const struct vma *v = err ? NULL : vma_find(&mm->map, out);
	if (unlikely(mm->shm))
		hook_shm_changed(mm);
	bool populate = v && (v->flags & VM_LOCKED) && r.new_len > r.old_len;
	if (populate)
		mm->locked_pages += (r.new_len - r.old_len) >> PAGE_SHIFT;
	up_write(&mm->mmap_lock);
	if (populate)
		mm_populate(mm, out + r.old_len, out + r.new_len, FAULT_WRITE);
	return err ? err : (long)out;
}
