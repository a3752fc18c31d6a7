/*
 * VMAs of one address space: a two-level array. The root holds pointers to leaves of up to VMA_LEAF_MAX VMAs in address order. Root and leaves are
 * reference-counted and shared by fork; a writer copies what is shared first. So fork costs one reference whatever the number of mappings, a
 * lookup is two binary searches, a change copies one leaf. Pure but for the reference callbacks: builds on the host.
 * => all calls: the mm's mmap_lock, for writing where the map changes.
 */
#ifndef PANDO_MM_VMA_H
#define PANDO_MM_VMA_H

#include "lib/atomic.h"
#include "lib/types.h"

/* vma->flags; Linux's values where user space sees them through /proc. */
#define VM_READ 0x1UL
#define VM_WRITE 0x2UL
#define VM_EXEC 0x4UL
#define VM_SHARED 0x8UL
#define VM_MAYREAD 0x10UL
#define VM_MAYWRITE 0x20UL
#define VM_MAYEXEC 0x40UL
#define VM_MAYSHARE 0x80UL
#define VM_GROWSDOWN 0x100UL
#define VM_LOCKED 0x2000UL
#define VM_DONTCOPY 0x20000UL
#define VM_ACCOUNT 0x100000UL
#define VM_NORESERVE 0x200000UL
#define VM_WIPEONFORK 0x2000000UL
#define VM_SPECIAL 0x40000000UL /* vDSO: pages as they are, never counted, never merged */
#define VM_HEAP 0x80000000UL    /* brk area */
#define VM_STACK 0x100000000UL  /* exec's stack */
#define VM_DONTDUMP 0x4000000UL
#define VM_CLEAN 0x200000000UL /* older than the last clearing of soft-dirty bits; two VMAs merge in spite of it */

struct address_space;
struct file;
struct page;

struct vma {
	u64 start, end; /* page-aligned, end exclusive */
	u64 flags;
	u64 pgoff;      /* of start in the mapping, pages */
	struct address_space *mapping; /* NULL: private anonymous */
	struct file *file;
	const struct page *const *special;
};

#define VMA_LEAF_MAX 28
struct vma_leaf {
	atomic_t refs;
	u32 n;
	u64 gap; /* the largest hole between two neighbours of this leaf */
	struct vma v[VMA_LEAF_MAX];
};
struct vma_root {
	atomic_t refs;
	u32 n, cap;
	u32 total; /* VMAs in all leaves */
	struct vma_leaf *leaf[];
};
struct vma_map {
	struct vma_root *root; /* NULL while empty */
	const struct vma *hint; /* one of the map, or NULL: the last that was looked for. Readers race for it, writers forget it */
};

const struct vma *vma_search(const struct vma_map *m, u64 addr);
/* The VMA with the lowest end > addr, or NULL: it covers addr if its start <= addr. Valid until the next change of the map. */
static inline const struct vma *vma_find(const struct vma_map *m, u64 addr)
{
	const struct vma *v = __atomic_load_n(&m->hint, __ATOMIC_RELAXED);
	return v && v->start <= addr && addr < v->end ? v : vma_search(m, addr);
}
/* The VMA after / before the given address range: next with start >= addr; previous with end <= addr. */
const struct vma *vma_next(const struct vma_map *m, u64 addr);
const struct vma *vma_prev(const struct vma_map *m, u64 addr);
/* Inserts a copy of *v (references taken for the copy), which must not overlap. Merges with neighbours when they continue each other. 0 or -ENOMEM
 * (map unchanged). */
int vma_insert(struct vma_map *m, const struct vma *v);
/* Removes [start, end): cuts VMAs that straddle the ends. 0 or -ENOMEM (map unchanged). */
int vma_remove(struct vma_map *m, u64 start, u64 end);
/* Replaces flags of [start, end) : flags = (flags & ~clear) | set, splitting and merging. 0 or -ENOMEM (map unchanged or equivalent). */
int vma_change_flags(struct vma_map *m, u64 start, u64 end, u64 clear, u64 set);
/* Moves the start of the VMA that begins at `start` (stack growth). 0 or -ENOMEM. */
int vma_grow_down(struct vma_map *m, u64 start, u64 new_start);
/* fork: shares everything. */
void vma_map_share(struct vma_map *dst, const struct vma_map *src);
void vma_map_destroy(struct vma_map *m);
u32 vma_count(const struct vma_map *m);
/* Highest hole of len bytes below `top` and above `bottom` / lowest above `bottom`. gap: guard kept below VM_GROWSDOWN VMAs. 0 or -ENOMEM. */
int vma_find_hole_topdown(const struct vma_map *m, u64 len, u64 bottom, u64 top, u64 *out);
int vma_find_hole_bottomup(const struct vma_map *m, u64 len, u64 bottom, u64 top, u64 *out);
#define STACK_GUARD_GAP (256UL << 12)

/* Defined by mm (kernel) or the test: take and drop what a VMA record refers to (mapping->mapped, file, anonymous mapping's refs). */
void vma_refs_get(const struct vma *v);
void vma_refs_put(const struct vma *v);

#endif
