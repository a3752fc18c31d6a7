/*
 * The pages of files. A mapping is a radix tree of pages by index; file data of the initramfs is used where it lies (address_space.inplace) and enters
 * the tree page by page as it is touched. Entry points: as_get_page, as_add_page, as_truncate, as_punch, as_create_anon.
 * Truncation visits every mm that may map the file and unmaps there, under that mm's mmap_lock; a fault that raced with it has the lock first and is
 * unmapped, or comes later and sees the new size.
 */
#include "mm/pagecache.h"

#include "lib/bug.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/commit.h"
#include "mm/internal.h"
#include "mm/memcg.h"
#include "mm/slab.h"
#include "sched/sched.h"

static u64 (*reclaim_fn)(struct reclaim *r); /* constant after boot */
void mm_set_reclaim(u64 (*fn)(struct reclaim *r)) { reclaim_fn = fn; }

u64 mm_reclaim_group(u16 from, u64 pages)
{
	struct reclaim r = { .pages = pages, .from = from, .spare_low = true };
	u64 n = reclaim_fn ? reclaim_fn(&r) : 0;
	/* memory.low holds as long as there is anything else. */
	if (!n && r.spared) {
		r.spare_low = false;
		n = reclaim_fn(&r);
	}
	return n;
}
bool mm_reclaim(u64 pages) { return mm_reclaim_group(0, pages); }

void as_init(struct address_space *as, const struct address_space_ops *ops, void *owner)
{
	memset(as, 0, sizeof(*as));
	spin_init(&as->lock, RANK_MAPPING);
	as->ops = ops;
	as->owner = owner;
	atomic_set(&as->refs, 1);
}

bool as_promise(struct address_space *as, u64 size, bool noreserve)
{
	if (noreserve && commit_mode() != OVERCOMMIT_NEVER) {
		as->promises_pages = true;
		return true;
	}
	u64 n = ALIGN_UP(size, PAGE_SIZE) >> PAGE_SHIFT;
	if (!commit_charge(current_thread()->mm, n))
		return false;
	as->promised = n;
	return true;
}

struct address_space *as_create_anon(u64 size, bool noreserve)
{
	struct address_space *as = kmalloc(sizeof(*as));
	if (!as)
		return NULL;
	as_init(as, NULL, NULL);
	if (!as_promise(as, size, noreserve)) {
		kfree(as);
		return NULL;
	}
	as->owned_by_refs = true;
	as->size = size;
	return as;
}

void as_get(struct address_space *as) { atomic_inc(&as->refs); }

void as_put(struct address_space *as)
{
	if (!atomic_dec_and_test(&as->refs))
		return;
	as_destroy(as);
	kfree(as);
}

/* A page leaves the cache. */
static void forget(struct page *p)
{
	if (p->file.mapping->promises_pages)
		commit_add(-1);
	atomic64_add(&mm_counters.cached, -1);
	page_put(p);
}

static void cache_setup(struct page *p, struct address_space *as, u64 index)
{
	p->kind = PAGE_CACHE;
	p->order = 0;
	p->file.mapping = as;
	p->file.index = index;
}

/* The page that is there already, with a reference; NULL. In-place data becomes a cache page here. => as->lock */
static int find_locked(struct address_space *as, u64 index, struct page **out)
{
	struct page *p = radix_get(&as->tree, index);
	if (!p && index < as->inplace_pages) {
		p = phys_page(as->inplace + (index << PAGE_SHIFT));
		int err = radix_set(&as->tree, index, p);
		if (err)
			return err;
		atomic_set(&p->refs, 1);
		cache_setup(p, as, index);
		if (as->promises_pages)
			commit_add(1); /* it takes no memory that was not taken before */
		atomic64_add(&mm_counters.cached, 1);
	}
	if (p)
		page_get(p);
	*out = p;
	return 0;
}

static int add_page(struct address_space *as, u64 index, struct page *page, const u32 *cuts)
{
	u64 promised = as->promises_pages;
	page->kind = PAGE_CACHE;
	if (!commit_charge(current_thread()->mm, promised))
		return -ENOSPC;
	if (memcg_charge(page)) {
		commit_add(-(s64)promised);
		return -ENOMEM;
	}
	spin_lock(&as->lock);
	int err = cuts && as->cuts != *cuts ? -EAGAIN : 0;
	if (!err)
		err = radix_get(&as->tree, index) || index < as->inplace_pages ? -EEXIST : radix_set(&as->tree, index, page);
	if (!err) {
		cache_setup(page, as, index);
		atomic64_add(&mm_counters.cached, 1);
	}
	spin_unlock(&as->lock);
	if (err)
		commit_add(-(s64)promised);
	return err;
}

int as_add_page(struct address_space *as, u64 index, struct page *page) { return add_page(as, index, page, NULL); }
/* The same for a page of data that come from below (fill ops), which takes time: -EAGAIN when something was cut off meanwhile, which the page may still show.
 * cuts: as_cuts() before the file's size was looked at. */
static int as_add_filled(struct address_space *as, u64 index, struct page *page, u32 cuts) { return add_page(as, index, page, &cuts); }

int as_get_page(struct address_space *as, u64 index, bool create, struct page **out)
{
	spin_lock(&as->lock);
	int err = find_locked(as, index, out);
	spin_unlock(&as->lock);
	if (err || *out || !create)
		return err;
	struct page *p = alloc_zeroed_page(PAGE_CACHE);
	if (!p)
		return -ENOMEM;
	u32 cuts = as_cuts(as);
	if (as->ops && as->ops->fill)
		err = as->ops->fill(as, p, index);
	if (!err) {
		page_get(p); /* the caller's; the first reference becomes the cache's */
		err = as_add_filled(as, index, p, cuts);
		if (!err) {
			*out = p;
			return 0;
		}
		page_put(p);
	}
	page_put(p);
	if (err == -EAGAIN)
		return as_get_page(as, index, create, out);
	if (err != -EEXIST)
		return err;
	spin_lock(&as->lock);
	err = find_locked(as, index, out);
	spin_unlock(&as->lock);
	/* It was there a moment ago; if truncation took it meanwhile the caller's view of the file has changed anyway. */
	return err ? err : *out ? 0 : as_get_page(as, index, create, out);
}

void as_get_cached(struct address_space *as, u64 index, u32 n, struct page **out)
{
	spin_lock(&as->lock);
	for (u32 done = 0; done < n;) {
		u32 run = radix_get_run(&as->tree, index + done, n - done, (void **)(out + done));
		for (u32 end = done + run; done < end; done++) {
			if (out[done])
				page_get(out[done]);
			else if (index + done < as->inplace_pages && find_locked(as, index + done, &out[done]))
				out[done] = NULL;
		}
	}
	spin_unlock(&as->lock);
}

void as_keep_ahead(struct address_space *as, u32 cuts, u64 index, const u8 *data, u32 n)
{
	for (u32 off = PAGE_SIZE; off < n; off += PAGE_SIZE) {
		struct page *p = alloc_page(PAGE_CACHE);
		if (!p)
			return;
		u32 part = min((u32)PAGE_SIZE, n - off);
		memcpy(page_virt(p), data + off, part);
		memset((u8 *)page_virt(p) + part, 0, PAGE_SIZE - part);
		if (as_add_filled(as, index + off / PAGE_SIZE, p, cuts))
			page_put(p);
	}
}

/* What fill ops have read up to now must not enter the cache any more. => the size, and whatever fill ops go by, says so already */
static void begin_cut(struct address_space *as)
{
	spin_lock(&as->lock);
	__atomic_store_n(&as->cuts, as->cuts + 1, __ATOMIC_RELEASE);
	spin_unlock(&as->lock);
}

u64 as_reclaim(struct address_space *as, u64 max, const bool *keep, struct reclaim *r)
{
	u64 freed = 0, at = 0;
	bool more = true;
	while (more && freed < max) {
		struct page *p = NULL;
		spin_lock(&as->lock);
		/* A few at a time, so that the lock is not held for long. Whoever is about to change a page has set *keep before it takes the lock. */
		for (u32 n = 0; n < 64 && more && !p; n++, at++) {
			p = radix_next(&as->tree, &at);
			more = p && !READ_ONCE(*keep);
			if (more && atomic_read(&p->refs) == 1 && memcg_may_reclaim(p, r))
				radix_del(&as->tree, at);
			else
				p = NULL;
		}
		spin_unlock(&as->lock);
		if (p) {
			forget(p);
			freed++;
		}
		cond_resched();
	}
	return freed;
}

/* Takes the pages of [start, end) out of the cache; in-place ones that were never touched go back to the buddy. */
static void drop_pages(struct address_space *as, u64 start, u64 end)
{
	for (u64 i = start; i < end; i++) {
		spin_lock(&as->lock);
		u64 at = i;
		struct page *p = radix_next(&as->tree, &at);
		struct page *raw = NULL;
		if (p && at == i && at < end)
			radix_del(&as->tree, i);
		else if (i < as->inplace_pages && i < end)
			raw = phys_page(as->inplace + (i << PAGE_SHIFT));
		bool here = p && at == i;
		spin_unlock(&as->lock);
		if (here)
			forget(p);
		else if (raw)
			free_pages(raw, 0);
		else if (!p || at >= end)
			break;
		else
			i = at - 1;
		cond_resched();
	}
}

/* Pages in the tree below inplace_pages stand for the in-place ones; a hole punched there must not bring the old bytes back: the whole in-place range is
 * taken into the tree first. 0 or -ENOMEM */
static int adopt_inplace(struct address_space *as)
{
	for (u64 i = 0; i < as->inplace_pages; i++) {
		struct page *p;
		spin_lock(&as->lock);
		int err = find_locked(as, i, &p);
		spin_unlock(&as->lock);
		if (err)
			return err;
		page_put(p);
	}
	as->inplace_pages = 0;
	return 0;
}

void as_destroy(struct address_space *as)
{
	drop_pages(as, 0, ~0UL);
	as->inplace_pages = 0;
	commit_add(-(s64)as->promised);
	ASSERT(!as->tree.count);
}

/* => mmap_lock for writing. Memory for the tables on the range's edges may be short; the file's end cannot wait for it. */
static void unmap_range(struct mm *mm, u64 from, u64 to)
{
	while (pt_prepare_zap(mm, from, to))
		hook_out_of_memory();
	pt_zap(mm, from, to);
}

/* A hole leaves the private copies that a process has written alone (a truncation does not). => mmap_lock for writing */
static void unmap_cached(struct mm *mm, u64 from, u64 to)
{
	for (u64 a = from; a < to;) {
		spin_lock(&mm->pt_lock);
		const pte_t *e = pt_peek(mm, a);
		bool gap = !e, cached = e && *e && !(*e & PTE_SPECIAL) && pte_page(*e)->kind == PAGE_CACHE;
		spin_unlock(&mm->pt_lock);
		if (cached)
			unmap_range(mm, a, a + PAGE_SIZE);
		a = gap ? ALIGN_DOWN(a, PT_SPAN(2)) + PT_SPAN(2) : a + PAGE_SIZE;
	}
}

/* Unmaps pages [start, end) of the mapping in one mm. */
static void unmap_in(struct mm *mm, struct address_space *as, u64 start, u64 end, bool copies_too)
{
	down_write(&mm->mmap_lock);
	const struct vma *v;
	for (u64 a = 0; (v = vma_find(&mm->map, a)); a = v->end) {
		if (v->mapping != as)
			continue;
		u64 first = max(start, v->pgoff), last = min(end, v->pgoff + ((v->end - v->start) >> PAGE_SHIFT));
		if (first >= last)
			continue;
		u64 from = v->start + ((first - v->pgoff) << PAGE_SHIFT), to = v->start + ((last - v->pgoff) << PAGE_SHIFT);
		if (copies_too || (v->flags & VM_SHARED))
			unmap_range(mm, from, to);
		else
			unmap_cached(mm, from, to);
	}
	up_write(&mm->mmap_lock);
}

static void unmap_everywhere(struct address_space *as, u64 start, u64 end, bool copies_too)
{
	if (!atomic_read_acquire(&as->mapped))
		return;
	for (struct mm *mm = mm_first(); mm; mm = mm_next(mm)) {
		if (!mm_tryget_user(mm))
			continue;
		unmap_in(mm, as, start, end, copies_too);
		mm_put_user(mm);
	}
}

void as_truncate(struct address_space *as, u64 size)
{
	u64 keep = (size + PAGE_SIZE - 1) >> PAGE_SHIFT;
	bool shrinks = size < as->size;
	WRITE_ONCE(as->size, size);
	smp_mb();
	if (!shrinks)
		return;
	begin_cut(as);
	unmap_everywhere(as, keep, ~0UL >> PAGE_SHIFT, true);
	drop_pages(as, keep, ~0UL);
	spin_lock(&as->lock);
	as->inplace_pages = min(as->inplace_pages, keep);
	spin_unlock(&as->lock);
	struct page *p = NULL;
	if ((size & ~PAGE_MASK) && !as_get_page(as, size >> PAGE_SHIFT, false, &p) && p) {
		memset((char *)page_virt(p) + (size & ~PAGE_MASK), 0, PAGE_SIZE - (size & ~PAGE_MASK));
		page_put(p);
	}
}

void as_punch(struct address_space *as, u64 start, u64 end)
{
	if (start >= end)
		return;
	while (start < as->inplace_pages && adopt_inplace(as))
		hook_out_of_memory();
	begin_cut(as);
	unmap_everywhere(as, start, end, false);
	drop_pages(as, start, end);
}

u64 as_nr_pages(struct address_space *as)
{
	u64 n = as->tree.count, i = 0;
	if (!as->inplace_pages)
		return n;
	/* Untouched in-place pages count too. */
	n += as->inplace_pages;
	spin_lock(&as->lock);
	for (; radix_next(&as->tree, &i) && i < as->inplace_pages; i++)
		n--;
	spin_unlock(&as->lock);
	return n;
}
