/*
 * What an address space holds, for those who look from outside: mm_usage (smaps), mm_pagemap (/proc/PID/pagemap), mm_has_private and mm_dump_page (core
 * dumps). Nothing here brings a page in that was not there, but for file pages of a dump.
 *
 * How many map a page is not counted per page: a page table that several address spaces share counts the page once. So the mappers of a page are the product
 * of the references along its path, which is exact while the sharing is what forks made of it.
 */
#include "lib/string.h"
#include "mm/internal.h"
#include "sched/sched.h"

/* The leaf table's entry for addr, NULL when a table is missing; *paths = how many address spaces come through the tables above it. => pt_lock */
static const pte_t *find_shared(struct mm *mm, u64 addr, u64 *paths)
{
	const pte_t *t = phys_to_virt(mm->root);
	*paths = 1;
	for (u32 l = 4; l > 1; l--) {
		pte_t e = t[PT_INDEX(addr, l)];
		if (!e)
			return NULL;
		*paths *= (u64)atomic_read(&pte_page(e)->refs);
		t = phys_to_virt(e & PTE_ADDR_MASK);
	}
	return &t[PT_INDEX(addr, 1)];
}

/* References to p that are mappings: the page cache's own is none. */
static u64 mappings_of(const struct page *p)
{
	u64 refs = (u64)atomic_read(&p->refs);
	return refs > 1 && p->kind == PAGE_CACHE ? refs - 1 : refs;
}

static void add_page(void *usage, pte_t e, u64 paths)
{
	struct mm_usage *u = usage;
	const struct page *p = pte_page(e);
	u64 mappers = paths * mappings_of(p);
	bool dirty = (e & PTE_D) || p->kind == PAGE_USER;
	u->rss++;
	u->pss += PAGE_SIZE / mappers;
	if (dirty)
		u->pss_dirty += PAGE_SIZE / mappers;
	if (mappers > 1)
		*(dirty ? &u->shared_dirty : &u->shared_clean) += 1;
	else
		*(dirty ? &u->private_dirty : &u->private_clean) += 1;
	if (p->kind == PAGE_USER) {
		u->anon++;
		u->pss_anon += PAGE_SIZE / mappers;
	}
	u->referenced += (e & PTE_A) != 0;
}

/* Calls fn for every page that is mapped between start and end, with its entry and how many address spaces share the way to it. */
static void for_each_page(struct mm *mm, u64 start, u64 end, void (*fn)(void *arg, pte_t e, u64 paths), void *arg)
{
	u64 paths = 0;
	down_read(&mm->mmap_lock);
	spin_lock(&mm->pt_lock);
	for (u64 a = start; a < end;) {
		const pte_t *e = find_shared(mm, a, &paths);
		u64 next = ALIGN_DOWN(a, PT_SPAN(2)) + PT_SPAN(2);
		for (; e && a < min(end, next); a += PAGE_SIZE, e++)
			if (*e && !(*e & PTE_SPECIAL))
				fn(arg, *e, paths);
		a = next;
	}
	spin_unlock(&mm->pt_lock);
	up_read(&mm->mmap_lock);
}

void mm_usage(struct mm *mm, u64 start, u64 end, struct mm_usage *u) { for_each_page(mm, start, end, add_page, u); }

static void raise(void *most, pte_t e, u64 paths) { *(u64 *)most = max(*(u64 *)most, paths * mappings_of(pte_page(e))); }

u64 mm_most_mappers(struct mm *mm, u64 start, u64 end)
{
	u64 most = 0;
	for_each_page(mm, start, end, raise, &most);
	return most;
}

/* The tables below one of level l. => pt_lock */
static u64 tables_below(const pte_t *t, u32 l, u32 entries)
{
	u64 n = 0;
	for (u32 i = 0; i < entries; i++)
		if (t[i])
			n += 1 + (l > 2 ? tables_below(phys_to_virt(t[i] & PTE_ADDR_MASK), l - 1, 512) : 0);
	return n;
}

u64 mm_table_pages(struct mm *mm)
{
	spin_lock(&mm->pt_lock);
	u64 n = tables_below(phys_to_virt(mm->root), 4, 256);
	spin_unlock(&mm->pt_lock);
	return n;
}

#define PM_SOFT_DIRTY BIT(55)
#define PM_EXCLUSIVE BIT(56)
#define PM_FILE BIT(61)
#define PM_PRESENT BIT(63)

static u64 pagemap_entry(const struct vma *vma, pte_t e, u64 paths, bool frames)
{
	/* New memory is soft-dirty, touched or not. */
	u64 soft = (vma->flags & VM_CLEAN) && (!e || (e & PTE_CLEAN)) ? 0 : PM_SOFT_DIRTY;
	if (!e)
		return soft;
	u64 v = PM_PRESENT | soft | (frames ? (e & PTE_ADDR_MASK) >> PAGE_SHIFT : 0);
	if (e & PTE_SPECIAL)
		return v;
	if (pte_page(e)->kind == PAGE_CACHE)
		v |= PM_FILE;
	return paths * mappings_of(pte_page(e)) == 1 ? v | PM_EXCLUSIVE : v;
}

void mm_pagemap(struct mm *mm, u64 addr, u64 *out, u32 n, bool frames)
{
	u64 paths;
	down_read(&mm->mmap_lock);
	for (u32 i = 0; i < n; i++, addr += PAGE_SIZE) {
		const struct vma *v = vma_find(&mm->map, addr);
		out[i] = 0;
		if (!v || v->start > addr)
			continue;
		spin_lock(&mm->pt_lock);
		const pte_t *e = find_shared(mm, addr, &paths);
		out[i] = pagemap_entry(v, e ? *e : 0, paths, frames);
		spin_unlock(&mm->pt_lock);
	}
	up_read(&mm->mmap_lock);
}

bool mm_is_touched(struct mm *mm, u64 start, u64 end)
{
	bool found = false;
	spin_lock(&mm->pt_lock);
	for (u64 a = start; a < end && !found;) {
		const pte_t *e = pt_peek(mm, a);
		u64 next = ALIGN_DOWN(a, PT_SPAN(2)) + PT_SPAN(2);
		for (; e && a < min(end, next) && !found; a += PAGE_SIZE, e++)
			found = *e && !(*e & PTE_SPECIAL) && pte_page(*e)->kind == PAGE_USER;
		a = found ? a : next;
	}
	spin_unlock(&mm->pt_lock);
	return found;
}

bool mm_has_private(struct mm *mm, u64 start, u64 end)
{
	struct mm_usage u = { 0 };
	mm_usage(mm, start, end, &u);
	return u.anon;
}

/* Is there anything but zeroes at addr? Entries that are missing in anonymous memory, and the zero page, are nothing. */
static bool is_hole(struct mm *mm, u64 addr)
{
	u64 paths;
	down_read(&mm->mmap_lock);
	const struct vma *v = vma_find(&mm->map, addr);
	bool there = v && v->start <= addr, anon = there && !v->mapping && !v->special;
	spin_lock(&mm->pt_lock);
	const pte_t *e = find_shared(mm, addr, &paths);
	bool hole = !there || (anon && (!e || !*e || pte_page(*e) == zero_page));
	spin_unlock(&mm->pt_lock);
	up_read(&mm->mmap_lock);
	return hole;
}

bool mm_dump_page(struct mm *mm, u64 addr, void *buf) { return !is_hole(mm, addr) && mm_access(mm, addr, buf, PAGE_SIZE, false, true) == PAGE_SIZE; }
