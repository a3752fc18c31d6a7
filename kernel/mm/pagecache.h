/* Pages of a file (or of an anonymous shared mapping), by page index. One struct address_space per inode. */
#ifndef PANDO_MM_PAGECACHE_H
#define PANDO_MM_PAGECACHE_H

#include "lib/radix.h"
#include "mm/page.h"
#include "sched/mutex.h"

struct address_space;
struct address_space_ops {
	/* Fills a fresh zeroed page with the file's bytes at page index. NULL op: a hole reads as zeroes (tmpfs). May sleep, and is called again when the file
	 * was cut short meanwhile. 0 or -errno. */
	int (*fill)(struct address_space *as, struct page *page, u64 index);
};
struct address_space {
	struct spinlock lock;      /* RANK_MAPPING */
	struct radix_tree tree;    /* lock */
	u32 cuts; /* lock to write: truncations and holes so far; see as_add_filled */
	const struct address_space_ops *ops; /* constant */
	void *owner;               /* the inode; constant */
	atomic_t mapped;           /* VMA records that name this mapping: 0 = nobody maps it */
	atomic_t refs;             /* for anonymous shared memory (as_get/as_put); inode-owned ones ignore it */
	bool owned_by_refs;        /* freed by the last as_put */
	bool promises_pages;       /* constant: each page is promised when it is made (commit.h). tmpfs */
	u64 size;                  /* bytes; access beyond the last page is SIGBUS. Written by the owner under its inode lock; read freely */
	/* File data that lies in place in physical memory (initramfs): pages [0, inplace_pages) start at this frame unless replaced in the tree. */
	paddr_t inplace;
	u64 inplace_pages;
	u64 promised; /* constant: pages that were promised when it was made (as_promise) */
};
void as_init(struct address_space *as, const struct address_space_ops *ops, void *owner);
/* Drops all pages. Nobody maps or reads it any more. */
void as_destroy(struct address_space *as);
/* Memory that nobody has on disk: promised as a whole, now, or (no reserve) page by page as it is made. false: there is not enough left. => as_init */
bool as_promise(struct address_space *as, u64 size, bool noreserve);
/* Anonymous shared memory (MAP_SHARED|MAP_ANONYMOUS, memfd uses tmpfs): refs 1. NULL on no memory. */
struct address_space *as_create_anon(u64 size, bool noreserve);
void as_get(struct address_space *as);
void as_put(struct address_space *as);

/* The page at index, with a reference for the caller; fills or creates it when missing (create = false: a hole gives *out = NULL and 0).
 * 0, -ENOMEM, -ENOSPC (no more can be promised) or the fill op's error. May sleep. */
int as_get_page(struct address_space *as, u64 index, bool create, struct page **out);
/* The n pages from index on that are in the cache (or lie in place), with a reference each; NULL for the others. */
void as_get_cached(struct address_space *as, u64 index, u32 n, struct page **out);
/* Gives the cache a page at index (refs passes to the cache). 0, -ENOMEM, -EEXIST. */
int as_add_page(struct address_space *as, u64 index, struct page *page);
/* A fill op that was asked for the page at index has read n bytes: what lies behind that page goes into the cache as well, as far as nothing is there. */
void as_keep_ahead(struct address_space *as, u32 cuts, u64 index, const u8 *data, u32 n);
static inline u32 as_cuts(const struct address_space *as) { return __atomic_load_n(&as->cuts, __ATOMIC_ACQUIRE); }
/* Shrinks to `size` bytes: unmaps from every process and frees the pages behind, zeroes the tail of the last page, sets as->size.
 * => the owner's inode lock is held; takes mmap locks. */
void as_truncate(struct address_space *as, u64 size);
/* Frees the whole pages in [start, end) (page indexes): hole punching. */
void as_punch(struct address_space *as, u64 start, u64 end);
/* What is to be given back, and of whom. */
struct reclaim {
	u64 pages;      /* so many, if there are */
	u16 from;       /* only what this memory group and those below it pay for; 0 = all */
	bool spare_low; /* what memory.low protects is left alone */
	bool spared;    /* out: something was, for that */
	u16 low_told;   /* the group whose memory.low was passed over last */
};
/* Drops pages that nobody but the cache has, at most max, while *keep is false; the owner can fill them again. Returns how many. */
u64 as_reclaim(struct address_space *as, u64 max, const bool *keep, struct reclaim *r);
u64 as_nr_pages(struct address_space *as);

#endif
