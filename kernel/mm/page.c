/*
 * Physical pages: a buddy allocator of blocks of 2^0 .. 2^10 pages, in front of it per-CPU lists of single pages and of pages that are already
 * zeroed (the idle task fills those). Entry points: mm_init, alloc_pages, alloc_zeroed_page, free_pages, page_put, mem_info, mm_idle_work.
 *
 * A block's first page has kind PAGE_FREE and its order while it is in a buddy list; the other pages of a free block are PAGE_RESERVED. Pages in
 * the per-CPU lists look allocated to the buddy.
 */
#include "mm/page.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/memmap.h"
#include "lib/bug.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/commit.h"
#include "mm/internal.h"
#include "mm/memcg.h"
#include "mm/mm.h"
#include "sched/spinlock.h"

#define MAX_ORDER 10
#define PCP_HIGH 96
#define PCP_BATCH_ORDER 5
#define PCP_BATCH (1U << PCP_BATCH_ORDER)
#define ZERO_HIGH 64

struct page *pages;
u64 max_pfn;
struct page *zero_page;

static struct {
	struct spinlock lock; /* RANK_BUDDY, interrupts off */
	struct list_head free[MAX_ORDER + 1];
	u64 nr_free; /* pages in the lists above */
	u64 total;
} zone = { .lock = SPINLOCK_INIT(RANK_BUDDY) };

/* Owned by its CPU with interrupts off; others only read the counts. */
static struct pcp {
	struct list_head cold, zeroed;
	u32 n_cold, n_zeroed;
} pcp[NR_CPUS];

struct mm_counters mm_counters;

/* => zone.lock */
static void buddy_insert(struct page *p, u32 order)
{
	p->kind = PAGE_FREE;
	p->order = (u8)order;
	list_add(&p->free, &zone.free[order]);
}

/* => zone.lock */
static void buddy_free(struct page *p, u32 order)
{
	u64 pfn = (u64)(p - pages);
	zone.nr_free += 1UL << order;
	while (order < MAX_ORDER) {
		u64 other = pfn ^ (1UL << order);
		struct page *b = &pages[other];
		if (other + (1UL << order) > max_pfn || b->kind != PAGE_FREE || b->order != order)
			break;
		list_del(&b->free);
		b->kind = PAGE_RESERVED;
		pfn &= ~(1UL << order);
		order++;
	}
	buddy_insert(&pages[pfn], order);
}

/* => zone.lock */
static struct page *buddy_alloc(u32 order)
{
	u32 o = order;
	while (o <= MAX_ORDER && list_empty(&zone.free[o]))
		o++;
	if (o > MAX_ORDER)
		return NULL;
	struct page *p = list_first(&zone.free[o], struct page, free);
	list_del(&p->free);
	p->kind = PAGE_RESERVED;
	while (o > order) {
		o--;
		buddy_insert(p + (1UL << o), o);
	}
	zone.nr_free -= 1UL << order;
	return p;
}

/* => interrupts off */
static struct page *pcp_take(struct pcp *c)
{
	if (!c->n_cold) {
		u32 order = PCP_BATCH_ORDER;
		struct page *block;
		spin_lock(&zone.lock);
		do {
			block = buddy_alloc(order);
		} while (!block && order--);
		spin_unlock(&zone.lock);
		if (!block)
			return NULL;
		for (u32 i = 0; i < 1U << order; i++)
			list_add_tail(&block[i].free, &c->cold);
		c->n_cold = 1U << order;
	}
	struct page *p = list_first(&c->cold, struct page, free);
	list_del(&p->free);
	c->n_cold--;
	return p;
}

static struct page *zeroed_take(struct pcp *c)
{
	if (!c->n_zeroed)
		return NULL;
	struct page *p = list_first(&c->zeroed, struct page, free);
	list_del(&p->free);
	c->n_zeroed--;
	return p;
}

static void page_setup(struct page *p, u32 order, enum page_kind kind)
{
	atomic_set(&p->refs, 1);
	p->what = PAGE_WHAT(kind, order);
	if (DEBUG_BUILD && kind != PAGE_TABLE)
		memset(page_virt(p), 0x5a, PAGE_SIZE);
}

struct page *alloc_pages(u32 order, enum page_kind kind)
{
	if (order > MAX_ORDER || fault_injected())
		return NULL;
	struct page *p;
	u64 f = irq_save();
	if (order == 0) {
		struct pcp *c = &pcp[cpu_id()];
		p = pcp_take(c);
		if (!p)
			p = zeroed_take(c);
	} else {
		spin_lock(&zone.lock);
		p = buddy_alloc(order);
		spin_unlock(&zone.lock);
	}
	irq_restore(f);
	if (p)
		page_setup(p, order, kind);
	return p;
}

/* Clears a page: 16 bytes a step is dearest under instruction counting, rep stosq cheapest. */
static void page_clear(struct page *p)
{
	void *v = page_virt(p);
	u64 n = PAGE_SIZE / 8;
	__asm__ __volatile__("rep stosq" : "+D"(v), "+c"(n) : "a"(0UL) : "memory");
}

struct page *alloc_zeroed_page(enum page_kind kind)
{
	if (fault_injected())
		return NULL;
	u64 f = irq_save();
	struct page *p = zeroed_take(&pcp[cpu_id()]);
	irq_restore(f);
	if (p) {
		atomic_set(&p->refs, 1);
		p->what = PAGE_WHAT(kind, 0);
		return p;
	}
	p = alloc_pages(0, kind);
	if (p)
		page_clear(p);
	return p;
}

/* A page that a memory group pays for. */
static __cold void free_owned(struct page *p, u32 order, bool zeroed)
{
	memcg_uncharge(p);
	if (zeroed)
		free_zeroed_page(p);
	else
		free_pages(p, order);
}

void free_pages(struct page *p, u32 order)
{
	ASSERT(p->kind != PAGE_FREE);
	if (unlikely(p->owner)) {
		free_owned(p, order, false);
		return;
	}
	p->kind = PAGE_RESERVED;
	u64 f = irq_save();
	struct pcp *c = &pcp[cpu_id()];
	if (order == 0) {
		list_add(&p->free, &c->cold);
		c->n_cold++;
	} else {
		spin_lock(&zone.lock);
		buddy_free(p, order);
		spin_unlock(&zone.lock);
	}
	if (unlikely(c->n_cold > PCP_HIGH)) {
		spin_lock(&zone.lock);
		for (u32 i = 0; i < PCP_BATCH; i++) {
			p = list_last(&c->cold, struct page, free);
			list_del(&p->free);
			c->n_cold--;
			buddy_free(p, 0);
		}
		spin_unlock(&zone.lock);
	}
	irq_restore(f);
}

/* Debug builds. */
static bool all_zero(const struct page *p)
{
	const u64 *w = page_virt(p);
	for (u32 i = 0; i < PAGE_SIZE / 8; i++)
		if (w[i])
			return false;
	return true;
}

void free_zeroed_page(struct page *p)
{
	ASSERT(p->kind != PAGE_FREE && all_zero(p));
	if (unlikely(p->owner)) {
		free_owned(p, 0, true);
		return;
	}
	u64 f = irq_save();
	struct pcp *c = &pcp[cpu_id()];
	bool keep = c->n_zeroed < ZERO_HIGH;
	if (keep) {
		p->kind = PAGE_RESERVED;
		list_add(&p->free, &c->zeroed);
		c->n_zeroed++;
	}
	irq_restore(f);
	if (!keep)
		free_pages(p, 0);
}

void page_put(struct page *p)
{
	ASSERT(atomic_read(&p->refs) > 0);
	if (atomic_dec_and_test(&p->refs))
		free_pages(p, 0);
}

bool mm_idle_work(void)
{
	struct pcp *c = &pcp[cpu_id()];
	if (c->n_zeroed >= ZERO_HIGH || zone.nr_free < 1024)
		return false;
	struct page *p = alloc_pages(0, PAGE_KERNEL);
	if (!p)
		return false;
	page_clear(p);
	p->kind = PAGE_RESERVED;
	u64 f = irq_save();
	c = &pcp[cpu_id()];
	list_add(&p->free, &c->zeroed);
	c->n_zeroed++;
	irq_restore(f);
	return true;
}

void mem_info(struct mem_info *out)
{
	*out = (struct mem_info){ .total = zone.total, .free = zone.nr_free };
	for (u32 i = 0; i < nr_cpus; i++) {
		out->free += pcp[i].n_cold + pcp[i].n_zeroed;
		out->zeroed_pool += pcp[i].n_zeroed;
	}
	out->cached = (u64)atomic64_read(&mm_counters.cached);
	out->shared = out->cached;
	out->slab = (u64)atomic64_read(&mm_counters.slab);
	out->tables = (u64)atomic64_read(&mm_counters.tables);
	out->kept_tables = pt_kept_roots();
}

/* Gives [from, to) (frame numbers) to the buddy in the largest aligned blocks. */
static void zone_add(u64 from, u64 to)
{
	zone.total += to - from;
	while (from < to) {
		u32 order = MAX_ORDER;
		while (order && ((from & ((1UL << order) - 1)) || from + (1UL << order) > to))
			order--;
		buddy_insert(&pages[from], order);
		zone.nr_free += 1UL << order;
		from += 1UL << order;
	}
}

/*
 * Clears the page structs of all frames that the buddy does not get: those are looked at without ever having been handed out. The structs of free memory
 * need no clearing: the first page of a block is set up when it enters a list (zone_add, a split), and a page struct is read only where a block of some
 * order has begun. This is what keeps boot from growing with memory: with 16 GiB the array has 128 MiB.
 */
static void clear_unmanaged(const struct mem_region *regions, int n)
{
	u64 at = 0;
	memset(&pages[0], 0, sizeof(struct page)); /* frame 0 is never given away */
	for (int i = 0; i <= n; i++) {
		bool end = i == n;
		if (!end && regions[i].kind != MEM_FREE)
			continue;
		u64 from = end ? max_pfn : min(ALIGN_UP(regions[i].base, PAGE_SIZE) >> PAGE_SHIFT, max_pfn);
		if (from > at)
			memset(&pages[at], 0, (from - at) * sizeof(struct page));
		if (!end)
			at = min(ALIGN_DOWN(regions[i].base + regions[i].size, PAGE_SIZE) >> PAGE_SHIFT, max_pfn);
	}
}

void mm_init(const struct mem_region *regions, int n)
{
	int home = -1;
	for (int i = 0; i < n; i++)
		if (regions[i].kind != MEM_RESERVED)
			max_pfn = max(max_pfn, (regions[i].base + regions[i].size) >> PAGE_SHIFT);
	u64 need = ALIGN_UP(max_pfn * sizeof(struct page), PAGE_SIZE);
	/* The array goes to the end of the first region that can hold it: low memory stays whole for devices, and the kernel image is not near. */
	for (int i = 0; i < n && home < 0; i++)
		if (regions[i].kind == MEM_FREE && ALIGN_DOWN(regions[i].base + regions[i].size, PAGE_SIZE) >= ALIGN_UP(regions[i].base, PAGE_SIZE) + need + PAGE_SIZE)
			home = i;
	if (home < 0)
		panic("not enough memory for the page array (%lu KiB)", need >> 10);
	paddr_t array = ALIGN_DOWN(regions[home].base + regions[home].size, PAGE_SIZE) - need;
	pages = phys_to_virt(array);
	clear_unmanaged(regions, n);
	for (u32 o = 0; o <= MAX_ORDER; o++)
		list_init(&zone.free[o]);
	for (u32 i = 0; i < NR_CPUS; i++) {
		list_init(&pcp[i].cold);
		list_init(&pcp[i].zeroed);
	}
	for (int i = 0; i < n; i++) {
		/* The initramfs is unpacked in place: its pages become page cache or free one by one. */
		if (regions[i].kind == MEM_INITRD)
			zone.total += regions[i].size >> PAGE_SHIFT;
		for (u64 f = regions[i].base; regions[i].kind == MEM_INITRD && f < regions[i].base + regions[i].size; f += PAGE_SIZE)
			atomic_set(&phys_page(f)->refs, 1);
		if (regions[i].kind != MEM_FREE)
			continue;
		u64 from = ALIGN_UP(regions[i].base, PAGE_SIZE) >> PAGE_SHIFT;
		u64 to = (i == home ? array : ALIGN_DOWN(regions[i].base + regions[i].size, PAGE_SIZE)) >> PAGE_SHIFT;
		if (i == home)
			memset(&pages[to], 0, (need >> PAGE_SHIFT) * sizeof(struct page));
		if (from == 0)
			from = 1; /* frame 0 stays unused: physical address 0 means "none" */
		if (from < to)
			zone_add(from, to);
	}
	slab_init();
	zero_page = alloc_zeroed_page(PAGE_KERNEL);
	BUG_ON(!zero_page);
	mm_caches_init();
	commit_init();
}
