/*
 * Shared memory in address spaces. Entry points: sys_shmat, sys_shmdt; hook_shm_fork, hook_shm_changed, hook_shm_exit for mm.
 *
 * An attachment is a shared mapping of the segment's file, through an open file of its own. fork shares the list of mappings as a whole, so nobody sees
 * a single one come and go; what counts is kept per address space: mm->shm lists the segments that it has mapped and how often, and after each change
 * the mappings are counted anew. Only an address space with such a list pays for that.
 */
#include <asm/mman.h>
#include <linux/fcntl.h>
#include <linux/mman.h>

#include "gen/sys_protos.h"
#include "ipc/internal.h"
#include "mm/mm.h"
#include "vfs/dcache.h"

#define SHM_RDONLY 010000u
#define SHM_RND 020000u
#define SHM_REMAP 040000u
#define SHM_EXEC 0100000u

/* One segment in one address space. => mmap_lock for writing, or nobody else uses the mm */
struct shm_attach {
	struct shm_attach *next;
	struct shm_segment *segment; /* counted */
	u64 mapped; /* what it adds to segment->attached */
	u64 seen; /* while counting */
	u32 pending; /* calls that are about to map it */
};

const struct file_ops shm_file_ops = { .mmap = NULL };

static struct shm_attach *find_attach(struct mm *mm, const struct shm_segment *s)
{
	struct shm_attach *a = mm->shm;
	while (a && a->segment != s)
		a = a->next;
	return a;
}

static int add_attach(struct mm *mm, struct shm_segment *s, struct shm_attach **out)
{
	struct shm_attach *a = kzalloc(sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->segment = s;
	atomic_inc(&s->refs);
	a->next = mm->shm;
	mm->shm = a;
	*out = a;
	return 0;
}

/* Brings the segment's count in line with a->seen; its last user ends it if it is marked. */
static void settle(struct shm_attach *a)
{
	struct shm_segment *s = a->segment;
	if (a->seen == a->mapped)
		return;
	spin_lock(&shm_lock);
	s->attached += a->seen - a->mapped;
	if (a->seen > a->mapped)
		s->atime = ipc_now();
	else
		s->dtime = ipc_now();
	ipc_set_pid(&s->last, ipc_current_pid());
	bool last = shm_remove_unused(s);
	spin_unlock(&shm_lock);
	a->mapped = a->seen;
	if (last)
		shm_put(s);
}

static struct shm_segment *segment_of(const struct vma *v) { return v->file && v->file->ops == &shm_file_ops ? v->file->inode->private : NULL; }

bool shm_is_file(const struct file *f) { return f->ops == &shm_file_ops; }

void hook_shm_changed(struct mm *mm)
{
	const struct vma *v;
	struct shm_attach *a;
	for (a = mm->shm; a; a = a->next)
		a->seen = 0;
	for (u64 at = 0; (v = vma_find(&mm->map, at)); at = v->end) {
		struct shm_segment *s = segment_of(v);
		a = s ? find_attach(mm, s) : NULL;
		if (a)
			a->seen++;
	}
	for (struct shm_attach **link = (struct shm_attach **)&mm->shm; (a = *link);) {
		settle(a);
		if (a->mapped || a->pending) {
			link = &a->next;
			continue;
		}
		*link = a->next;
		shm_put(a->segment);
		kfree(a);
	}
}

int hook_shm_fork(struct mm *child, const struct mm *old)
{
	struct shm_attach *copy;
	for (const struct shm_attach *a = old->shm; a; a = a->next)
		if (add_attach(child, a->segment, &copy))
			return -ENOMEM;
	hook_shm_changed(child);
	return 0;
}

void hook_shm_exit(struct mm *mm)
{
	for (struct shm_attach *a = mm->shm, *next; a; a = next) {
		next = a->next;
		a->seen = 0;
		settle(a);
		shm_put(a->segment);
		kfree(a);
	}
	mm->shm = NULL;
}

/* --- shmat ---------------------------------------------------------------------------------------------------------------------------------- */

struct attach_request {
	u64 addr; /* 0 = anywhere */
	u32 prot, map_flags, file_flags, want;
};

static int decode_attach(u64 addr, u32 flags, struct attach_request *r)
{
	*r = (struct attach_request){ .addr = addr, .map_flags = MAP_SHARED, .prot = PROT_READ, .file_flags = O_RDONLY, .want = 0444 };
	if (addr) {
		if (!IS_ALIGNED(addr, PAGE_SIZE)) {
			if (!(flags & SHM_RND))
				return -EINVAL;
			r->addr = ALIGN_DOWN(addr, PAGE_SIZE);
			if (!r->addr && (flags & SHM_REMAP))
				return -EINVAL;
		}
		if (r->addr)
			r->map_flags |= flags & SHM_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE;
	} else if (flags & SHM_REMAP) {
		return -EINVAL;
	}
	if (!(flags & SHM_RDONLY)) {
		r->prot |= PROT_WRITE;
		r->file_flags = O_RDWR;
		r->want |= 0222;
	}
	if (flags & SHM_EXEC) {
		r->prot |= PROT_EXEC;
		r->want |= 0111;
	}
	return 0;
}

/* The segment with a reference, counted as attached while the call is at work, so that nobody ends it. */
static int begin_attach(struct ipc_namespace *ns, s32 id, u32 want, struct shm_segment **out)
{
	spin_lock(&shm_lock);
	struct ipc_head *h = ipc_find(shm_ids(ns), id);
	int err = h ? ipc_permission(ns, h, want) : -EINVAL;
	if (!err) {
		*out = shm_of(h);
		atomic_inc(&(*out)->refs);
		(*out)->attached++;
		(*out)->path.dentry->inode->ino = (u64)h->id; /* /proc/PID/maps shows it */
	}
	spin_unlock(&shm_lock);
	return err;
}

static void end_attach(struct shm_segment *s)
{
	spin_lock(&shm_lock);
	s->attached--;
	bool last = shm_remove_unused(s);
	spin_unlock(&shm_lock);
	if (last)
		shm_put(s);
	shm_put(s);
}

static int open_segment(struct shm_segment *s, u32 flags, struct file **out)
{
	int err = file_alloc(flags, out);
	if (!err) {
		err = file_open_path(*out, &s->path, &shm_file_ops);
		if (err)
			file_put(*out);
	}
	return err;
}

/* The record is there before the mapping: a fork in between copies both or none. */
static int map_segment(struct mm *mm, struct shm_segment *s, const struct attach_request *q, struct file *f, u64 *addr)
{
	struct map_request r = { .addr = q->addr,
		.len = ALIGN_UP(s->size, PAGE_SIZE),
		.prot = q->prot,
		.flags = q->map_flags,
		.mapping = &f->inode->data,
		.file = f,
		.max_flags_drop = q->prot & PROT_WRITE ? 0 : VM_MAYWRITE };
	int err = down_write_killable(&mm->mmap_lock);
	if (err)
		return -EINTR;
	struct shm_attach *a = find_attach(mm, s);
	if (!a)
		err = add_attach(mm, s, &a);
	if (!err)
		a->pending++;
	up_write(&mm->mmap_lock);
	if (err)
		return err;
	err = do_mmap(mm, &r, addr);
	down_write(&mm->mmap_lock);
	a->pending--;
	hook_shm_changed(mm);
	up_write(&mm->mmap_lock);
	/* What is in the way, and what does not fit below the end, are alike to shmat. */
	return err && q->addr && !(q->map_flags & MAP_FIXED) && (err == -EEXIST || q->addr + r.len < q->addr) ? -EINVAL : err;
}

long sys_shmat(u64 id, u64 uaddr, u64 flags)
{
	struct attach_request r;
	struct shm_segment *s;
	struct file *f;
	u64 addr = 0;
	if ((s32)id < 0)
		return -EINVAL;
	int err = decode_attach(uaddr, (u32)flags, &r);
	if (!err)
		err = begin_attach(current_ipc_ns(), (s32)id, r.want, &s);
	if (err)
		return err;
	err = open_segment(s, r.file_flags, &f);
	if (!err) {
		err = map_segment(current->mm, s, &r, f, &addr);
		file_put(f);
	}
	end_attach(s);
	return err ? err : (long)addr;
}

/* --- shmdt ---------------------------------------------------------------------------------------------------------------------------------- */

/* Is v a piece of an attachment at addr? */
static bool piece_at(const struct vma *v, u64 addr) { return segment_of(v) && (v->start - addr) >> PAGE_SHIFT == v->pgoff; }

/* => mmap_lock for writing. The first piece at or above addr names the attachment; the others may have been split off it. */
static int detach_locked(struct mm *mm, u64 addr)
{
	const struct vma *v = vma_find(&mm->map, addr);
	while (v && (v->start < addr || !piece_at(v, addr)))
		v = vma_find(&mm->map, v->end);
	if (!v)
		return -EINVAL;
	const struct file *f = v->file;
	u64 end = addr + ALIGN_UP(segment_of(v)->size, PAGE_SIZE);
	int err = 0;
	while (v && v->end <= end && !err) {
		u64 from = v->start, to = v->end;
		if (piece_at(v, addr) && v->file == f)
			err = munmap_locked(mm, from, to);
		v = vma_find(&mm->map, to);
	}
	return err;
}

long sys_shmdt(u64 addr)
{
	struct mm *mm = current->mm;
	if (!IS_ALIGNED(addr, PAGE_SIZE))
		return -EINVAL;
	if (down_write_killable(&mm->mmap_lock))
		return -EINTR;
	int err = detach_locked(mm, addr);
	up_write(&mm->mmap_lock);
	return err;
}
