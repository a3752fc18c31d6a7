/* Private to the mm room. */
#ifndef PANDO_MM_INTERNAL_H
#define PANDO_MM_INTERNAL_H

#include "mm/commit.h"
#include "mm/mm.h"

/* Pages by use, for mem_info. */
struct mm_counters {
	atomic64_t cached, slab, tables;
};
extern struct mm_counters mm_counters;

void slab_init(void);

/* --- page tables: ptshare.c ------------------------------------------------------------------------------------------------------------- */
/* A populated leaf entry that user mode may not touch (PROT_NONE): not present, the rest kept. */
#define PTE_NONE BIT(11)
/* Tables are mostly empty: who walks one looks only at the groups of eight entries that were ever written to (table.groups; a root has none). */
#define PT_GROUP 8
static inline struct page *pte_page(pte_t v) { return phys_page(v & PTE_ADDR_MASK); }

/* A root with the kernel half filled in. 0 or -ENOMEM. */
int pt_create_root(paddr_t *root);
void pt_free_root(paddr_t root);
/* Roots kept per CPU for the next pt_create_root(): pages that are in use by nobody. */
u32 pt_kept_roots(void);
/* The leaf entry for addr with the whole path exclusive (ptshare.c, I2); create = tables that are missing are made, else *out = NULL.
 * => pt_lock. 0 or -ENOMEM. */
int pt_exclusive(struct mm *mm, u64 addr, bool create, pte_t **out);
/* The same down to the table of `level` only; *out = the table (NULL when missing). */
int pt_exclusive_table(struct mm *mm, u64 addr, u32 level, struct page **out);
/* The leaf entry as it is, for reading; NULL when a table is missing. => pt_lock */
pte_t *pt_peek(struct mm *mm, u64 addr);
/* The same; *exclusive: every entry above it is writable, so (I1) the path is exclusive and the entry may be changed. */
static inline pte_t *pt_find(struct mm *mm, u64 addr, bool *exclusive)
{
	pte_t *t = phys_to_virt(mm->root), all = ~0UL;
	for (u32 l = 4; l > 1; l--) {
		pte_t e = t[PT_INDEX(addr, l)];
		if (!e)
			return NULL;
		all &= e;
		t = phys_to_virt(e & PTE_ADDR_MASK);
	}
	*exclusive = all & PTE_W;
	return &t[PT_INDEX(addr, 1)];
}
/* Counted pages below a table that nobody changes now. */
u64 pt_pages(const struct page *t);
/* fork: the child gets references to every top table; both sides become read-only there. Returns tables shared. => old's mmap_lock for writing. */
u32 pt_share(struct mm *old, struct mm *child);
/* Drops one reference to a table; the last one frees it and drops what it pointed at. => no locks */
void pt_put_table(struct page *t);
/* Stores a leaf entry of mm and keeps the counts; old entry is returned. => pt_lock, exclusive */
pte_t pt_set(struct mm *mm, pte_t *slot, pte_t v);
/* Gives the empty ones among n neighbouring leaf entries their pages, counted, with these bits; page[i] becomes NULL where it was used. => as pt_set */
void pt_fill(struct mm *mm, pte_t *slot, u32 n, struct page **page, pte_t bits);
/* Drops every user table. => nobody uses the mm */
void pt_destroy(struct mm *mm);

/* --- ranges: pt_range.c ----------------------------------------------------------------------------------------------------------------- */
/* Makes pt_zap of this range certain to succeed. 0 or -ENOMEM. => mmap_lock */
int pt_prepare_zap(struct mm *mm, u64 start, u64 end);
/* Unmaps [start, end), gives pages and tables back after the TLB flush. => mmap_lock, pt_prepare_zap done under the same hold */
void pt_zap(struct mm *mm, u64 start, u64 end);
/* Applies vma flags to the entries of [start, end). 0 or -ENOMEM. => mmap_lock for writing */
int pt_protect(struct mm *mm, u64 start, u64 end, u64 vm_flags);
/* Clears and sets bits of the populated entries of [start, end). 0 or -ENOMEM. => mmap_lock */
int pt_change_bits(struct mm *mm, u64 start, u64 end, pte_t clear, pte_t set);
/* Moves entries from one place to another. 0 or -ENOMEM (what was moved stays moved: *done bytes). => mmap_lock for writing */
int pt_move(struct mm *mm, u64 from, u64 to, u64 len, u64 *done);

/* --- TLB: tlb.c ------------------------------------------------------------------------------------------------------------------------- */
/* On every CPU that has mm loaded. => interrupts on, unless mm is loaded nowhere else */
void tlb_flush_mm(struct mm *mm);
void tlb_flush_page(struct mm *mm, u64 addr);
/* Makes every CPU that keeps mm loaded (lazily) let go of it. */
void tlb_drop(struct mm *mm);

/* --- every mm: mm.c --------------------------------------------------------------------------------------------------------------------- */
/* Walks all mms, each with a bare reference: mm_next drops that of its argument. */
struct mm *mm_first(void);
struct mm *mm_next(struct mm *mm);

/* May v be accessed so (FAULT_*)? 0 or -EACCES. fault.c */
int vma_check_access(const struct vma *v, u32 access);

/* Has anything in [start, end) been written to, so that there are private pages? inspect.c. => mmap_lock */
bool mm_is_touched(struct mm *mm, u64 start, u64 end);

/* --- VMAs: mmap.c ----------------------------------------------------------------------------------------------------------------------- */
/* Entry bits for a page of a VMA, without the write bit's COW consideration. */
pte_t vma_pte_bits(u64 vm_flags);
/* Faults in [start, end) as far as it goes; returns 0 or the first error. => mmap_lock not held */
int mm_populate(struct mm *mm, u64 start, u64 end, u32 access);
/* n pages more, for which `promised` were charged (commit_charge): they are there, or err says why not and the promise is taken back. Returns err.
 * => mmap_lock for writing */
static inline int mm_grown(struct mm *mm, u64 n, u64 promised, int err)
{
	if (err) {
		commit_add(-(s64)promised);
		return err;
	}
	mm->total_pages += n;
	mm->committed += promised;
	return 0;
}
/* May n pages be added within RLIMIT_AS and, if they are data, RLIMIT_DATA? => mmap_lock */
bool may_expand(struct mm *mm, u64 n, u64 vm_flags);
/* May n pages that are there change their flags, within RLIMIT_DATA? => mmap_lock */
bool may_become(const struct mm *mm, u64 n, u64 from, u64 to);
#define MAX_MAP_COUNT 65530

#endif
