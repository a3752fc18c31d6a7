/* Physical pages: the page array, the buddy allocator, reference counts. Allocation never sleeps. */
#ifndef PANDO_MM_PAGE_H
#define PANDO_MM_PAGE_H

#include "arch/x86_64/pgtable.h"
#include "lib/atomic.h"
#include "lib/bug.h"
#include "lib/list.h"
#include "lib/types.h"

struct kmem_cache;
struct address_space;

/* What a page is used for: page->kind. */
/* RESERVED is 0: firmware, the kernel image, the initramfs until it is unpacked, and the inner pages of blocks. */
enum page_kind { PAGE_RESERVED, PAGE_FREE, PAGE_KERNEL, PAGE_SLAB, PAGE_TABLE, PAGE_USER, PAGE_CACHE };

/*
 * One per page frame, flat array `pages`. 32 bytes. Which member of the union counts follows from `kind`.
 * PAGE_TABLE: refs = entries, in any address space, that point at this table (ptshare.c, I1).
 * PAGE_USER, PAGE_CACHE: refs = leaf tables that map it, plus 1 for the page cache if it is there, plus temporary holders.
 */
struct page {
	union {
		struct list_head free;                               /* PAGE_FREE: buddy list; zone lock */
		struct { struct kmem_cache *cache; struct slab *slab; } slab; /* constant while kind is PAGE_SLAB */
		struct { struct address_space *mapping; u64 index; } file; /* PAGE_CACHE: constant while in the cache */
		struct {
			u16 present, special; /* entries in use; of them uncounted ones. The exclusive owner's pt_lock; constant while shared */
			u16 level;            /* 1 = leaf; constant */
			bool odd;             /* a leaf that has or had uncounted entries or ones of shared mappings. As `present` */
			struct page *next;    /* on its way to be freed */
			u64 groups;           /* bit n: entries 8n .. 8n+7 may be in use; the others are zero. As `present` */
		} table;                                                   /* PAGE_TABLE */
		u64 private[3];
	};
	atomic_t refs;
	union {
		u32 what; /* the three at once */
		struct {
			u8 kind;
			u8 order;   /* of the block this page heads */
			u16 owner;  /* number of the memory group that pays for the block, 0 = none; set once by who has just got the page, cleared when it is freed */
		};
	};
};
#define PAGE_WHAT(kind, order) ((u32)(kind) | (u32)(order) << 8) /* page->what of one that nobody pays for */
_Static_assert(sizeof(struct page) == 32, "struct page");

extern struct page *pages;
extern u64 max_pfn; /* pages[0 .. max_pfn-1] */

static inline paddr_t page_phys(const struct page *p) { return (paddr_t)(p - pages) << PAGE_SHIFT; }
static inline struct page *phys_page(paddr_t p) { return &pages[p >> PAGE_SHIFT]; }
static inline void *page_virt(const struct page *p) { return phys_to_virt(page_phys(p)); }
static inline struct page *virt_page(const void *v) { return phys_page(virt_to_phys(v)); }

/* 2^order contiguous pages, refs 1 on the first, contents undefined; NULL when there are none. Any context with interrupts on or off. */
struct page *alloc_pages(u32 order, enum page_kind kind);
static inline struct page *alloc_page(enum page_kind kind) { return alloc_pages(0, kind); }
/* One zeroed page (from the pool that the idle task fills, if it has one). */
struct page *alloc_zeroed_page(enum page_kind kind);
/* Frees a block whatever its refs. */
void free_pages(struct page *p, u32 order);
/* The same for one page that is all zeroes: it goes to the pool of zeroed pages, if that has room. */
void free_zeroed_page(struct page *p);
static inline void page_get(struct page *p) { atomic_inc(&p->refs); }
/* Drops a reference to an order-0 page; frees it with the last. */
void page_put(struct page *p);
/* The page-wide zero page, mapped read-only; never counted (PTE_SPECIAL). */
extern struct page *zero_page;

/* In pages. tables counts the kept ones too: roots that wait for the next process. */
struct mem_info { u64 total, free, zeroed_pool, cached, slab, tables, kept_tables, shared; };
void mem_info(struct mem_info *out);
/* Debug builds: is this the place where the current system call shall fail (thread->fail_nth)? Each allocation asks once, so does each step of a birth.
 * Always false in release builds. */
bool fault_is_here(void);
static inline bool fault_injected(void) { return DEBUG_BUILD && fault_is_here(); }

struct mem_region; /* arch/x86_64/memmap.h */
/* Brings up the page array, buddy, slab. Called once with the machine's memory map minus what boot has taken. */
void mm_init(const struct mem_region *regions, int n);

#endif
