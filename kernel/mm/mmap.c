/* Mapping and unmapping: do_mmap, do_munmap, mm_setup_stack, and the checks and helpers they share with the other verbs. sys_mmap is in vfs (files). */
#include <linux/capability.h>
#include <linux/mman.h>
#include <linux/resource.h>

#include "gen/sys_protos.h"
#include "lib/bug.h"
#include "mm/commit.h"
#include "mm/internal.h"
#include "sched/sched.h"

static bool is_data(u64 vm_flags) { return (vm_flags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN)) == VM_WRITE; }

/* Pages that RLIMIT_DATA counts: private ones that may be written to, but for stacks. Few have that limit, so nobody keeps the sum. => mmap_lock */
static u64 data_pages(const struct mm *mm)
{
	const struct vma *v;
	u64 n = 0;
	for (u64 a = 0; (v = vma_find(&mm->map, a)); a = v->end)
		n += is_data(v->flags) ? (v->end - v->start) >> PAGE_SHIFT : 0;
	return n;
}

/* n pages of data more, within RLIMIT_DATA; 0 there means what the hard limit says, for programs that are older than the limit's meaning. */
static __cold __noinline bool fits_limit(const struct mm *mm, u64 n, u64 limit)
{
	return data_pages(mm) + n <= (limit ? limit : READ_ONCE(current_thread()->rlim->r[RLIMIT_DATA].max)) >> PAGE_SHIFT;
}
static inline bool fits_data(const struct mm *mm, u64 n)
{
	u64 limit = rlimit_cur(RLIMIT_DATA);
	return likely(limit == RLIM_INFINITY) || fits_limit(mm, n, limit);
}

bool may_expand(struct mm *mm, u64 n, u64 vm_flags)
{
	return mm->total_pages + n <= rlimit_cur(RLIMIT_AS) >> PAGE_SHIFT && (!is_data(vm_flags) || fits_data(mm, n));
}

bool may_become(const struct mm *mm, u64 n, u64 from, u64 to) { return is_data(from) || !is_data(to) || fits_data(mm, n); }

/* These have the same values. */
#define PROT_ALL (PROT_READ | PROT_WRITE | PROT_EXEC)
#define MAP_AS_VM (MAP_GROWSDOWN | MAP_LOCKED)
_Static_assert(PROT_READ == VM_READ && PROT_WRITE == VM_WRITE && PROT_EXEC == VM_EXEC && MAP_GROWSDOWN == VM_GROWSDOWN && MAP_LOCKED == VM_LOCKED,
	"protections and flags of mmap are those of VMAs");

static u64 request_flags(const struct mm *mm, const struct map_request *r)
{
	u64 f = (r->prot & PROT_ALL) | (r->flags & MAP_AS_VM) | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | r->vm_extra | mm->def_flags;
	u32 type = r->flags & MAP_TYPE;
	if (type == MAP_SHARED || type == MAP_SHARED_VALIDATE)
		f |= VM_SHARED | VM_MAYSHARE;
	else if ((r->flags & MAP_NORESERVE) && commit_mode() != OVERCOMMIT_NEVER)
		f |= VM_NORESERVE;
	else if (f & VM_WRITE)
		f |= VM_ACCOUNT;
	return f & ~r->max_flags_drop;
}

static bool range_free(const struct mm *mm, u64 addr, u64 len)
{
	const struct vma *v = vma_find(&mm->map, addr);
	return !v || v->start - (v->flags & VM_GROWSDOWN ? min(v->start, STACK_GUARD_GAP) : 0) >= addr + len;
}

int mm_find_hole(const struct mm *mm, u64 len, u64 *out)
{
	u64 base = mm->mmap_base ? mm->mmap_base : TASK_SIZE_MAX;
	if (unlikely(mm->bottom_up))
		return vma_find_hole_bottomup(&mm->map, len, base, TASK_SIZE_MAX, out);
	if (!vma_find_hole_topdown(&mm->map, len, 65536, base, out))
		return 0;
	return vma_find_hole_bottomup(&mm->map, len, base, TASK_SIZE_MAX, out);
}

/* Chooses the address. => mmap_lock */
static int choose_address(struct mm *mm, const struct map_request *r, u64 len, u64 *out)
{
	u64 hint = ALIGN_DOWN(r->addr, PAGE_SIZE);
	if (r->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		if (!IS_ALIGNED(r->addr, PAGE_SIZE))
			return -EINVAL;
		if (r->addr > TASK_SIZE_MAX - len)
			return -ENOMEM;
		*out = r->addr;
		if (!(r->flags & MAP_FIXED_NOREPLACE))
			return 0;
		const struct vma *v = vma_find(&mm->map, r->addr);
		return v && v->start < r->addr + len ? -EEXIST : 0;
	}
	if (hint && hint >= 65536 && hint <= TASK_SIZE_MAX - len && range_free(mm, hint, len)) {
		*out = hint;
		return 0;
	}
	/* MAP_32BIT is Linux's second GiB: [1 GiB, 2 GiB), lowest first. */
	if (r->flags & MAP_32BIT)
		return vma_find_hole_bottomup(&mm->map, len, 1UL << 30, 1UL << 31, out);
	return mm_find_hole(mm, len, out);
}

int munmap_locked(struct mm *mm, u64 start, u64 end)
{
	const struct vma *v = vma_find(&mm->map, start);
	if (!v || v->start >= end)
		return 0;
	if (v->start < start && v->end > end && vma_count(&mm->map) >= MAX_MAP_COUNT)
		return -ENOMEM;
	/* Everything that can fail first; then the map; then the pages. */
	int err = pt_prepare_zap(mm, start, end);
	if (err)
		return err;
	u64 pages_gone = 0, locked = 0, given_up = 0;
	/* The common one, a single VMA, is not looked for again. */
	for (; v && v->start < end; v = v->end < end ? vma_find(&mm->map, v->end) : NULL) {
		u64 n = (min(end, v->end) - max(start, v->start)) >> PAGE_SHIFT;
		pages_gone += n;
		locked += v->flags & VM_LOCKED ? n : 0;
		given_up += v->flags & VM_ACCOUNT ? n : 0;
	}
	err = vma_remove(&mm->map, start, end);
	if (!err) {
		pt_zap(mm, start, end);
		mm->hiwater_pages = max(mm->hiwater_pages, mm->total_pages);
		mm->total_pages -= pages_gone;
		if (given_up) {
			mm->committed -= given_up;
			commit_add(-(s64)given_up);
		}
		mm->locked_pages -= min(locked, mm->locked_pages);
		if (unlikely(mm->shm))
			hook_shm_changed(mm);
	}
	return err;
}

static int do_munmap(struct mm *mm, uaddr_t addr, u64 len)
{
	if (!IS_ALIGNED(addr, PAGE_SIZE) || addr > TASK_SIZE_MAX || len > TASK_SIZE_MAX - addr)
		return -EINVAL;
	len = ALIGN_UP(len, PAGE_SIZE);
	if (!len)
		return -EINVAL;
	int err = down_write_killable(&mm->mmap_lock);
	if (err)
		return err;
	err = munmap_locked(mm, addr, addr + len);
	up_write(&mm->mmap_lock);
	return err;
}

static bool is_anything_in(const struct mm *mm, u64 start, u64 end)
{
	const struct vma *v = vma_find(&mm->map, start);
	return v && v->start < end;
}

/* Pages of [start, end) that are mapped, with one of these flags (0: any). => mmap_lock */
static u64 count_pages(const struct mm *mm, u64 start, u64 end, u64 vm_flags)
{
	const struct vma *v;
	u64 n = 0;
	for (u64 a = start; a < end && (v = vma_find(&mm->map, a)) && v->start < end; a = v->end)
		if (!vm_flags || (v->flags & vm_flags))
			n += (min(end, v->end) - max(start, v->start)) >> PAGE_SHIFT;
	return n;
}

/* may_expand() of what takes the place of other mappings. => mmap_lock */
static bool __cold may_replace(struct mm *mm, u64 start, u64 end, u64 vm_flags)
{
	return may_expand(mm, ((end - start) >> PAGE_SHIFT) - count_pages(mm, start, end, 0), vm_flags);
}

/* => mmap_lock for writing */
static int map_locked(struct mm *mm, const struct map_request *r, u64 len, u64 flags, u64 *out)
{
	u64 addr;
	int err = choose_address(mm, r, len, &addr);
	if (err)
		return err;
	bool replaces = (r->flags & MAP_FIXED) && is_anything_in(mm, addr, addr + len);
	u64 n = len >> PAGE_SHIFT, promised = 0;
	if (vma_count(&mm->map) >= MAX_MAP_COUNT || !(may_expand(mm, n, flags) || (replaces && may_replace(mm, addr, addr + len, flags))))
		return -ENOMEM;
	if (flags & VM_ACCOUNT) {
		/* What it takes the place of has been promised before. */
		promised = n - (replaces ? count_pages(mm, addr, addr + len, VM_ACCOUNT) : 0);
		if (!commit_charge(mm, promised))
			return -ENOMEM;
	}
	if (replaces)
		err = munmap_locked(mm, addr, addr + len);
	struct vma v = { .start = addr, .end = addr + len, .flags = flags, .pgoff = r->mapping || r->special ? r->pgoff : addr >> PAGE_SHIFT,
			 .mapping = r->mapping, .file = r->file, .special = r->special };
	if (!err)
		err = vma_insert(&mm->map, &v);
	if (err) {
		commit_add(-(s64)promised);
		return err;
	}
	mm->total_pages += n;
	if (flags & VM_ACCOUNT) {
		mm->committed += n;
		if (replaces)
			commit_add((s64)(n - promised));
	}
	if (flags & VM_LOCKED) {
		mm->locked_pages += n;
		mm->special_fork = true;
	}
	*out = addr;
	return 0;
}

int do_mmap(struct mm *mm, const struct map_request *r, uaddr_t *out)
{
	if (!r->len)
		return -EINVAL;
	u64 len = ALIGN_UP(r->len, PAGE_SIZE);
	if (!len || len > TASK_SIZE_MAX)
		return -ENOMEM;
	int err = down_write_killable(&mm->mmap_lock);
	if (err)
		return err;
	u64 flags = request_flags(mm, r), addr = 0;
	if (unlikely(mm->mdwe) && (flags & (VM_WRITE | VM_EXEC)) == (VM_WRITE | VM_EXEC))
		err = -EACCES;
	else if ((flags & VM_LOCKED) && !hook_capable(CAP_IPC_LOCK) &&
			 mm->locked_pages + (len >> PAGE_SHIFT) > rlimit_cur(RLIMIT_MEMLOCK) >> PAGE_SHIFT)
		err = -EAGAIN;
	else
		err = map_locked(mm, r, len, flags, &addr);
	up_write(&mm->mmap_lock);
	if (err)
		return err;
	if ((flags & VM_LOCKED) || (r->flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE)
		mm_populate(mm, addr, addr + len, flags & VM_WRITE && !(flags & VM_SHARED) ? FAULT_WRITE : 0);
	*out = addr;
	return 0;
}

int mm_populate(struct mm *mm, u64 start, u64 end, u32 access)
{
	bool major;
	int err = 0;
	for (u64 a = start; a < end && !err; a += PAGE_SIZE) {
		err = mm_fault(mm, a, access | FAULT_USER, &major);
		cond_resched();
		if (fatal_signal_pending())
			return -EINTR;
	}
	return err;
}

int mm_setup_stack(struct mm *mm, uaddr_t top, u64 size, bool exec)
{
	struct map_request r = {
		.addr = top - size,
		.len = size,
		.prot = PROT_READ | PROT_WRITE | (exec ? PROT_EXEC : 0),
		.flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN,
		.vm_extra = VM_STACK | VM_ACCOUNT,
	};
	uaddr_t got;
	return do_mmap(mm, &r, &got);
}

long sys_munmap(u64 addr, u64 len) { return do_munmap(current_thread()->mm, addr, len); }
