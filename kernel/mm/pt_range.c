/*
 * Page-table work on ranges: unmapping, changing protection, moving. Subtrees that lie wholly inside the range are unlinked as they are, shared or not, so
 * the cost follows the tables on the range's two edges plus what is really freed.
 * Order of every removal: clear entries, flush TLBs, give pages and tables back.
 */
#include "lib/bug.h"
#include "mm/internal.h"
#include "sched/sched.h"

static pte_t *entries(const struct page *t) { return page_virt(t); }

/* The highest level at which addr is a boundary of an entry that lies wholly inside the range. */
static u32 edge_level(u64 addr, u64 room)
{
	u32 level = 1;
	while (level < 4 && IS_ALIGNED(addr, PT_SPAN(level + 1)) && room >= PT_SPAN(level + 1))
		level++;
	return level;
}

int pt_prepare_zap(struct mm *mm, u64 start, u64 end)
{
	struct page *t;
	spin_lock(&mm->pt_lock);
	int err = pt_exclusive_table(mm, start, edge_level(start, end - start), &t);
	if (!err)
		err = pt_exclusive_table(mm, end - 1, edge_level(end, end - start), &t);
	spin_unlock(&mm->pt_lock);
	return err;
}

#define ZAP_BATCH 64
struct zap {
	struct mm *mm;
	struct page *tables; /* unlinked subtrees, chained by table.next */
	struct page *pages[ZAP_BATCH];
	u32 n;
	bool flush; /* something was cleared since the last flush */
	u64 one;    /* the only address cleared so far, or ~0 */
};

static void zap_flush(struct zap *z)
{
	if (z->flush) {
		if (z->one != ~0UL)
			tlb_flush_page(z->mm, z->one);
		else
			tlb_flush_mm(z->mm);
	}
	z->flush = false;
	for (u32 i = 0; i < z->n; i++)
		page_put(z->pages[i]);
	z->n = 0;
}

static void zap_mark(struct zap *z, u64 addr)
{
	z->one = z->flush ? ~0UL : addr;
	z->flush = true;
}

static void zap_entry(struct zap *z, pte_t *e, u64 addr)
{
	pte_t v = pt_set(z->mm, e, 0);
	zap_mark(z, addr);
	if (v & PTE_SPECIAL)
		return;
	z->pages[z->n++] = pte_page(v);
	if (z->n == ZAP_BATCH)
		zap_flush(z);
}

static void zap_unlink(struct zap *z, struct page *t, pte_t *e, u64 addr)
{
	struct page *child = pte_page(*e);
	*e = 0;
	t->table.present--;
	z->mm->rss -= pt_pages(child);
	if (t->table.level == 4)
		z->mm->root_used[PT_INDEX(addr, 4) / 64] &= ~BIT(PT_INDEX(addr, 4) % 64);
	zap_mark(z, ~0UL);
	if (atomic_read(&child->refs) > 1) {
		/* Others keep it: our reference may go before the flush only if it cannot be the last; so keep it simple and flush first. */
		zap_flush(z);
		pt_put_table(child);
		return;
	}
	child->table.next = z->tables;
	z->tables = child;
}

/* => t exclusive, pt_lock; [start, end) lies inside t's span */
static void zap_table(struct zap *z, struct page *t, u64 start, u64 end)
{
	u32 level = t->table.level;
	for (u64 a = start; a < end && t->table.present;) {
		if (level < 4) {
			u64 used = t->table.groups >> (PT_INDEX(a, level) / PT_GROUP), span = PT_SPAN(level) * PT_GROUP;
			if (!used)
				return;
			if (!(used & 1)) {
				a = ALIGN_DOWN(a, span) + (u64)__builtin_ctzl(used) * span;
				continue;
			}
		}
		pte_t *e = &entries(t)[PT_INDEX(a, level)];
		u64 next = ALIGN_DOWN(a, PT_SPAN(level)) + PT_SPAN(level);
		u64 to = min(next, end);
		if (*e && level == 1) {
			zap_entry(z, e, a);
		} else if (*e && IS_ALIGNED(a, PT_SPAN(level)) && to == next) {
			zap_unlink(z, t, e, a);
		} else if (*e) {
			struct page *child = pte_page(*e);
			zap_table(z, child, a, to);
			if (!child->table.present)
				zap_unlink(z, t, e, a);
		}
		a = next;
	}
}

void pt_zap(struct mm *mm, u64 start, u64 end)
{
	struct zap z = { .mm = mm, .one = ~0UL };
	mm_sample_hiwater(mm);
	spin_lock(&mm->pt_lock);
	zap_table(&z, phys_page(mm->root), start, end);
	zap_flush(&z);
	spin_unlock(&mm->pt_lock);
	while (z.tables) {
		struct page *t = z.tables;
		z.tables = t->table.next;
		pt_put_table(t);
		cond_resched();
	}
}

/* A populated entry under new VMA flags. */
static pte_t entry_under(pte_t v, u64 vm_flags)
{
	pte_t n = (v & (PTE_ADDR_MASK | PTE_SHARED | PTE_SPECIAL | PTE_CLEAN | PTE_A | PTE_D)) | (vma_pte_bits(vm_flags) & ~PTE_A);
	bool own = (v & PTE_SHARED) || (!(v & PTE_SPECIAL) && pte_page(v)->kind == PAGE_USER && atomic_read(&pte_page(v)->refs) == 1);
	return own && (vm_flags & VM_WRITE) && !(n & (PTE_NONE | PTE_CLEAN)) ? n | PTE_W : n;
}

/* First address >= addr whose leaf table exists, or end. => pt_lock */
static u64 next_leaf(struct mm *mm, u64 addr, u64 end)
{
	while (addr < end) {
		struct page *t = phys_page(mm->root);
		u32 l = 4;
		for (; l > 1; l--) {
			pte_t e = entries(t)[PT_INDEX(addr, l)];
			if (!e)
				break;
			t = pte_page(e);
		}
		if (l == 1)
			return addr;
		addr = ALIGN_DOWN(addr, PT_SPAN(l)) + PT_SPAN(l);
	}
	return end;
}

/* Every populated entry of the range becomes what `change` makes of it. 0 or -ENOMEM */
static inline __attribute__((always_inline)) int change_entries(struct mm *mm, u64 start, u64 end, pte_t (*change)(pte_t e, u64 a, u64 b), u64 a0, u64 b0)
{
	int err = 0;
	spin_lock(&mm->pt_lock);
	for (u64 a = next_leaf(mm, start, end); a < end && !err; a = next_leaf(mm, a, end)) {
		u64 to = min(end, ALIGN_DOWN(a, PT_SPAN(2)) + PT_SPAN(2));
		pte_t *e;
		err = pt_exclusive(mm, a, false, &e);
		for (; !err && a < to; a += PAGE_SIZE, e++)
			if (*e)
				pt_set(mm, e, change(*e, a0, b0));
	}
	tlb_flush_mm(mm);
	spin_unlock(&mm->pt_lock);
	return err;
}

static inline pte_t protect_entry(pte_t e, u64 vm_flags, u64 unused) { return entry_under(e, vm_flags); }
int pt_protect(struct mm *mm, u64 start, u64 end, u64 vm_flags) { return change_entries(mm, start, end, protect_entry, vm_flags, 0); }

static inline pte_t change_bits(pte_t e, u64 clear, u64 set) { return (e & ~clear) | set; }
int pt_change_bits(struct mm *mm, u64 start, u64 end, pte_t clear, pte_t set) { return change_entries(mm, start, end, change_bits, clear, set); }

int pt_move(struct mm *mm, u64 from, u64 to, u64 len, u64 *done)
{
	int err = 0;
	u64 end = from + len, delta = to - from;
	spin_lock(&mm->pt_lock);
	for (u64 a = next_leaf(mm, from, end); a < end; a = next_leaf(mm, a + PAGE_SIZE, end)) {
		pte_t *src, *dst;
		src = pt_peek(mm, a);
		if (!src || !*src)
			continue;
		err = pt_exclusive(mm, a + delta, true, &dst);
		if (!err)
			err = pt_exclusive(mm, a, false, &src);
		if (err) {
			end = a;
			break;
		}
		pt_set(mm, dst, pt_set(mm, src, 0) & ~PTE_CLEAN);
	}
	tlb_flush_mm(mm);
	spin_unlock(&mm->pt_lock);
	*done = err ? end - from : len;
	return err;
}
