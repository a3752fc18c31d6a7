/*
 * Page tables that are shared copy-on-write at every level: why fork is O(1).
 *
 * A table's refs count the entries, in any address space, that point at it. (A root is pointed at by its mm alone and is never shared.)
 *  I1  An entry that points at a table with refs > 1 is not writable. x86 ANDs the write bit over the levels, so one entry protects a subtree.
 *  I2  A table is changed only while it is exclusive: refs == 1 along the whole path from the root. Who wants to change a shared one first takes a
 *      private copy (unshare), level by level, only along its own path. While shared a table is constant, but for write bits that go from 1 to 0.
 *  I3  fork copies the present root entries, counts one reference each, makes both sides read-only there, flushes the parent's TLB once.
 *  I4  A page's refs count the leaf tables that map it (and the page cache). A write fault on an exclusive path reuses a page with refs == 1.
 *
 * The hard cases:
 *  two owners unshare one table at once   Each copies under its own pt_lock; both only add references and clear write bits in the original, in any
 *                                         order the same result. Each then drops its reference; the last one frees the original, which takes the
 *                                         original's own references down again. Nobody writes anything else into it: both hold a reference, so refs > 1.
 *  a table becomes exclusive again        The other owners left. Their drop is a full barrier, so whatever they cleared in it is seen. Entries below may
 *                                         be read-only where they need not be; the next write fault finds refs == 1 and sets the write bit (pt_exclusive
 *                                         does so for upper levels, fault.c for leaves).
 *  leaf entries after an unshare          Private ones become read-only in both copies, since the page now has one more leaf. Entries of shared mappings
 *                                         (PTE_SHARED) keep their write bit: every owner writes the same page.
 *  the parent's threads on other CPUs     fork holds mmap_lock for writing, so none is in a fault; one shootdown before fork returns takes their
 *                                         writable translations.
 *  a stale translation through the old    Translations made through the original stay right: the same pages, without write permission. But the CPU may
 *  table after an unshare                 cache pointers to the original, which its last owner may free: so the page is flushed (INVLPG drops the
 *                                         paging-structure caches) on every CPU of the mm before the reference is dropped.
 *  read faults under a shared table       Start by unsharing: filling in place would show the page to owners with other VMAs there.
 *  truncation of a mapped file            Every mm that maps it is visited and unmaps its own copy (pagecache.c).
 *  accessed and dirty bits                Set by the CPU in shared tables; nothing depends on them.
 *
 * Locks: pt_lock of the mm whose path is walked. References of other mms' tables are dropped by pt_put_table with no lock held.
 */
#include "arch/x86_64/arch.h"
#include "lib/bug.h"
#include "lib/string.h"
#include "mm/internal.h"
#include "mm/memcg.h"
#include "sched/sched.h"
#include "trace/trace.h"

#define PTE_TABLE (PTE_P | PTE_W | PTE_U | PTE_A)

static pte_t *entries(const struct page *t) { return page_virt(t); }

/* full: its entries will all be written at once, so they need not be zero. */
static struct page *table_alloc(u32 level, bool full)
{
	struct page *t = full ? alloc_page(PAGE_TABLE) : alloc_zeroed_page(PAGE_TABLE);
	if (!t)
		return NULL;
	t->table.present = t->table.special = 0;
	t->table.level = (u16)level;
	t->table.odd = false;
	t->table.next = NULL;
	t->table.groups = 0;
	atomic64_add(&mm_counters.tables, 1);
	return t;
}

#define for_each_group(t, base) \
	for (u64 bits_ = (t)->table.groups, base; bits_ && (base = (u64)__builtin_ctzl(bits_) * PT_GROUP, true); bits_ &= bits_ - 1)

/* A table that belongs to current's memory group; roots, which are kept for the next birth, whoever's that is, are not. */
static struct page *table_alloc_charged(u32 level, bool full)
{
	struct page *t = table_alloc(level, full);
	if (unlikely(current_thread()->memcg) && t)
		memcg_charge_kernel(t);
	return t;
}

static void note_used(struct page *t, u32 index) { t->table.groups |= BIT(index / PT_GROUP); }

/* => all entries are zero */
static void table_free(struct page *t)
{
	atomic64_add(&mm_counters.tables, -1);
	free_zeroed_page(t);
}

/* Roots that were in use before: the user half is empty, the kernel half filled in. Per CPU; not for interrupt handlers. */
#define ROOTS_KEPT 8
static struct {
	struct page *first;
	u32 n;
} __aligned(64) root_cache[NR_CPUS];

int pt_create_root(paddr_t *root)
{
	if (fault_injected())
		return -ENOMEM;
	struct page *t = root_cache[cpu_id()].first;
	if (likely(t)) {
		root_cache[cpu_id()].first = t->table.next;
		root_cache[cpu_id()].n--;
		t->table.groups = 0;
		*root = page_phys(t);
		return 0;
	}
	t = table_alloc(4, false);
	if (!t)
		return -ENOMEM;
	const pte_t *kernel = phys_to_virt(kernel_root);
	memcpy(entries(t) + USER_ROOT_ENTRIES, kernel + USER_ROOT_ENTRIES, PAGE_SIZE / 2);
	*root = page_phys(t);
	return 0;
}

void pt_free_root(paddr_t root)
{
	struct page *t = phys_page(root);
	u32 cpu = cpu_id();
	ASSERT(!t->table.present);
	if (likely(root_cache[cpu].n < ROOTS_KEPT)) {
		t->table.next = root_cache[cpu].first;
		root_cache[cpu].first = t;
		root_cache[cpu].n++;
		return;
	}
	memset(entries(t) + USER_ROOT_ENTRIES, 0, PAGE_SIZE / 2);
	table_free(t);
}

u32 pt_kept_roots(void)
{
	u32 n = 0;
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		n += READ_ONCE(root_cache[cpu].n);
	return n;
}

/* The old tables that one unsharing walk has replaced: dropped after the flush. */
struct dropped {
	struct page *t[3];
	u32 n;
};

static void __cold trace_unshare(const struct mm *mm, u64 addr, const struct page *table)
{
	TRACE_RECORD(pt_unshare, e);
	e.addr = addr;
	e.fork_id = mm->fork_id;
	e.level = (u16)table->table.level;
	e.entries = table->table.present;
	trace_write(&e.h);
}

/*
 * The entries of a shared table to a new one: each counts once more and loses its write bit on both sides. odd: uncounted and shared ones are among them.
 * A copy of 512 entries is what the first write to a region after a fork costs, hence the cases apart. Plain stores to the original are enough: its other owners
 * store the same, and an accessed bit that the CPU sets meanwhile may be lost.
 */
static inline __attribute__((always_inline)) void copy_group(pte_t *from, pte_t *to, bool full, bool odd)
{
	char *all = (char *)pages;
	__asm__("" : "+r"(from), "+r"(to), "+r"(all)); /* in registers: else the compiler computes each address anew */
#pragma GCC unroll 8
	for (u32 i = 0; i < PT_GROUP; i++) {
		pte_t v = from[i];
		if (!full && !v)
			continue;
		if (!odd || !(v & PTE_SPECIAL)) /* pages + frame number, in one shift */
			page_get((struct page *)(void *)(all + (v & PTE_ADDR_MASK) / (PAGE_SIZE / sizeof(struct page))));
		if (!odd || !(v & PTE_SHARED))
			v &= ~PTE_W;
		from[i] = v;
		to[i] = v;
	}
}

static void copy_full(pte_t *from, pte_t *to)
{
	for (pte_t *end = from + PT_ENTRIES; from != end; from += PT_GROUP, to += PT_GROUP)
		copy_group(from, to, true, false);
}

static void copy_entries(struct page *old, struct page *new)
{
	if (likely(old->table.present == PT_ENTRIES && !old->table.odd)) {
		copy_full(entries(old), entries(new));
		return;
	}
	for_each_group(old, base)
		copy_group(entries(old) + base, entries(new) + base, false, old->table.odd);
}

/* Gives *slot's shared child a private copy. => pt_lock; *slot lies in an exclusive table */
static int unshare(struct mm *mm, u64 addr, pte_t *slot, struct page *old, struct dropped *d)
{
	struct page *new = table_alloc_charged(old->table.level, old->table.present == PT_ENTRIES);
	if (!new)
		return -ENOMEM;
	new->table.present = old->table.present;
	new->table.special = old->table.special;
	new->table.groups = old->table.groups;
	new->table.odd = old->table.odd;
	copy_entries(old, new);
	*slot = page_phys(new) | PTE_TABLE;
	if (trace_on(pt_unshare))
		trace_unshare(mm, addr, new);
	d->t[d->n++] = old;
	return 0;
}

/* Walks to the table of `level`, making everything on the way exclusive. */
static int walk_exclusive(struct mm *mm, u64 addr, u32 level, bool create, struct dropped *d, struct page **out)
{
	struct page *t = phys_page(mm->root);
	*out = NULL;
	for (u32 l = 4; l > level; l--) {
		pte_t *e = &entries(t)[PT_INDEX(addr, l)];
		struct page *child;
		if (!*e) {
			if (!create)
				return 0;
			child = table_alloc_charged(l - 1, false);
			if (!child)
				return -ENOMEM;
			*e = page_phys(child) | PTE_TABLE;
			t->table.present++;
			note_used(t, PT_INDEX(addr, l));
			if (l == 4)
				mm->root_used[PT_INDEX(addr, 4) / 64] |= BIT(PT_INDEX(addr, 4) % 64);
		} else {
			child = pte_page(*e);
			if (atomic_read_acquire(&child->refs) > 1) {
				int err = unshare(mm, addr, e, child, d);
				if (err)
					return err;
				child = pte_page(*e);
			} else if (!(*e & PTE_W)) {
				*e |= PTE_W;
			}
		}
		t = child;
	}
	*out = t;
	return 0;
}

int pt_exclusive_table(struct mm *mm, u64 addr, u32 level, struct page **out)
{
	struct dropped d = { .n = 0 };
	int err = walk_exclusive(mm, addr, level, false, &d, out);
	if (d.n)
		tlb_flush_page(mm, addr);
	for (u32 i = 0; i < d.n; i++)
		pt_put_table(d.t[i]);
	return err;
}

int pt_exclusive(struct mm *mm, u64 addr, bool create, pte_t **out)
{
	struct dropped d = { .n = 0 };
	struct page *leaf;
	int err = walk_exclusive(mm, addr, 1, create, &d, &leaf);
	if (d.n)
		tlb_flush_page(mm, addr);
	for (u32 i = 0; i < d.n; i++)
		pt_put_table(d.t[i]);
	*out = !err && leaf ? &entries(leaf)[PT_INDEX(addr, 1)] : NULL;
	return err;
}

pte_t *pt_peek(struct mm *mm, u64 addr)
{
	bool exclusive;
	return pt_find(mm, addr, &exclusive);
}

static bool counted(pte_t v) { return v && !(v & PTE_SPECIAL); }

pte_t pt_set(struct mm *mm, pte_t *slot, pte_t v)
{
	struct page *t = virt_page(slot);
	pte_t old = *slot;
	ASSERT(t->kind == PAGE_TABLE && t->table.level == 1 && atomic_read(&t->refs) == 1);
	WRITE_ONCE(*slot, v);
	if (!old) {
		note_used(t, ((u64)slot & ~PAGE_MASK) / sizeof(pte_t));
		t->table.present += v != 0;
	} else {
		t->table.present -= v == 0;
	}
	if (v & (PTE_SPECIAL | PTE_SHARED))
		t->table.odd = true;
	if ((v | old) & PTE_SPECIAL)
		t->table.special = (u16)(t->table.special + !!(v & PTE_SPECIAL) - !!(old & PTE_SPECIAL));
	mm->rss += (u64)counted(v) - (u64)counted(old);
	return old;
}

void pt_fill(struct mm *mm, pte_t *slot, u32 n, struct page **page, pte_t bits)
{
	struct page *t = virt_page(slot);
	u32 first = (u32)(((u64)slot & ~PAGE_MASK) / sizeof(pte_t)), filled = 0;
	ASSERT(t->kind == PAGE_TABLE && t->table.level == 1 && atomic_read(&t->refs) == 1 && !(bits & PTE_SPECIAL) && first + n <= PT_ENTRIES);
	for (u32 i = 0; i < n; i++) {
		if (!page[i] || slot[i])
			continue;
		WRITE_ONCE(slot[i], page_phys(page[i]) | bits);
		page[i] = NULL;
		filled++;
	}
	for (u32 g = first / PT_GROUP; n && g <= (first + n - 1) / PT_GROUP; g++)
		t->table.groups |= BIT(g);
	t->table.present += filled;
	t->table.odd |= (bits & PTE_SHARED) != 0;
	mm->rss += filled;
}

u32 pt_share(struct mm *old, struct mm *child)
{
	pte_t *from = entries(phys_page(old->root)), *to = entries(phys_page(child->root));
	u32 shared = 0;
	for (u32 w = 0; w < 4; w++) {
		child->root_used[w] = old->root_used[w];
		for (u64 bits = old->root_used[w]; bits; bits &= bits - 1) {
			u32 i = w * 64 + (u32)__builtin_ctzl(bits);
			page_get(pte_page(from[i]));
			from[i] &= ~PTE_W;
			to[i] = from[i];
			shared++;
		}
	}
	phys_page(child->root)->table.present = (u16)shared;
	child->rss = old->rss;
	tlb_flush_mm(old);
	return shared;
}

/* A table nobody points at any more: gives back what it points at, then itself. */
static void table_destroy(struct page *t)
{
	pte_t *e = entries(t);
	for_each_group(t, base) {
#pragma GCC unroll 8
		for (u64 i = base; i < base + PT_GROUP; i++) {
			pte_t v = e[i];
			if (!v)
				continue;
			e[i] = 0;
			if (t->table.level > 1)
				pt_put_table(pte_page(v));
			else if (!(v & PTE_SPECIAL))
				page_put(pte_page(v));
		}
	}
	table_free(t);
}

u64 pt_pages(const struct page *t)
{
	if (t->table.level == 1)
		return t->table.present - t->table.special;
	const pte_t *e = entries(t);
	u64 sum = 0;
	for_each_group(t, base)
		for (u64 i = base; i < base + PT_GROUP; i++)
			if (e[i])
				sum += pt_pages(pte_page(e[i]));
	return sum;
}

void pt_put_table(struct page *t)
{
	ASSERT(t->kind == PAGE_TABLE);
	if (atomic_dec_and_test(&t->refs))
		table_destroy(t);
}

void pt_destroy(struct mm *mm)
{
	pte_t *root = entries(phys_page(mm->root));
	for (u32 w = 0; w < 4; w++) {
		for (u64 bits = mm->root_used[w]; bits; bits &= bits - 1) {
			u32 i = w * 64 + (u32)__builtin_ctzl(bits);
			pte_t e = root[i];
			root[i] = 0;
			pt_put_table(pte_page(e));
			cond_resched();
		}
		mm->root_used[w] = 0;
	}
	phys_page(mm->root)->table.present = 0;
	mm->rss = 0;
}
