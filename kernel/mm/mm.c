/* Address spaces as objects: making, counting, taking apart. Entry points: mm_create, mm_get/put(_user), mm_rss. */
#include "mm/mm.h"

#include "lib/bug.h"
#include "lib/string.h"
#include "mm/commit.h"
#include "mm/internal.h"
#include "mm/slab.h"
#include "sched/sched.h"

const struct vm_file_ops *vm_file_ops;

static struct kmem_cache *mm_cache;
static DEFINE_SPINLOCK(all_mms_lock, RANK_MM_LIST);
static LIST_HEAD(all_mms_list);
static u32 nr_mms;

void mm_caches_init(void) { mm_cache = kmem_cache_create("mm", sizeof(struct mm), 64); }

u32 mm_count(void) { return READ_ONCE(nr_mms); }

void vma_refs_get(const struct vma *v)
{
	if (v->mapping) {
		atomic_inc(&v->mapping->mapped);
		if (v->mapping->owned_by_refs)
			as_get(v->mapping);
	}
	if (v->file)
		vm_file_ops->get(v->file);
}

void vma_refs_put(const struct vma *v)
{
	struct address_space *as = v->mapping;
	if (as) {
		atomic_dec(&as->mapped);
		if (as->owned_by_refs)
			as_put(as);
	}
	if (v->file)
		vm_file_ops->put(v->file);
}

int mm_create(struct mm **out)
{
	struct mm *mm = kmem_cache_alloc(mm_cache);
	if (!mm)
		return -ENOMEM;
	memset(mm, 0, offsetof(struct mm, auxv));
	if (pt_create_root(&mm->root)) {
		kmem_cache_free(mm_cache, mm);
		return -ENOMEM;
	}
	atomic_set(&mm->users, 1);
	atomic_set(&mm->count, 1);
	rwsem_init(&mm->mmap_lock, RANK_MMAP);
	spin_init(&mm->pt_lock, RANK_PT);
	mm->dumpable = 1;
	mm->dump_filter = 0x33; /* anonymous memory, ELF headers, private huge pages */
	spin_lock(&all_mms_lock);
	list_add_tail(&mm->all, &all_mms_list);
	nr_mms++;
	spin_unlock(&all_mms_lock);
	*out = mm;
	return 0;
}

void mm_get_user(struct mm *mm) { atomic_inc(&mm->users); }
bool mm_tryget_user(struct mm *mm) { return atomic_inc_not_zero(&mm->users); }
void mm_get(struct mm *mm) { atomic_inc(&mm->count); }

void mm_put(struct mm *mm)
{
	if (!atomic_dec_and_test(&mm->count))
		return;
	spin_lock(&all_mms_lock);
	list_del(&mm->all);
	nr_mms--;
	spin_unlock(&all_mms_lock);
	pt_free_root(mm->root);
	kmem_cache_free(mm_cache, mm);
}

/* The sums that the verbs keep are those of the VMAs. */
static void check_sums(const struct mm *mm)
{
	const struct vma *v;
	u64 total = 0, committed = 0;
	for (u64 a = 0; (v = vma_find(&mm->map, a)); a = v->end) {
		total += (v->end - v->start) >> PAGE_SHIFT;
		committed += v->flags & VM_ACCOUNT ? (v->end - v->start) >> PAGE_SHIFT : 0;
	}
	WARN_ON(total != mm->total_pages);
	WARN_ON(committed != mm->committed);
}

void mm_put_user(struct mm *mm)
{
	if (!atomic_dec_and_test(&mm->users))
		return;
	if (DEBUG_BUILD)
		check_sums(mm);
	tlb_drop(mm);
	pt_destroy(mm);
	vma_map_destroy(&mm->map);
	commit_add(-(s64)mm->committed);
	if (unlikely(mm->shm))
		hook_shm_exit(mm);
	if (mm->exe)
		vm_file_ops->put(mm->exe);
	mm->exe = NULL;
	mm_put(mm);
}

/* The first behind `at` that still has a reference, with one more. One that has none is about to leave the list. => all_mms_lock */
static struct mm *next_alive(struct list_head *at)
{
	for (at = at->next; at != &all_mms_list; at = at->next) {
		struct mm *mm = list_entry(at, struct mm, all);
		if (atomic_inc_not_zero(&mm->count))
			return mm;
	}
	return NULL;
}

struct mm *mm_first(void)
{
	spin_lock(&all_mms_lock);
	struct mm *mm = next_alive(&all_mms_list);
	spin_unlock(&all_mms_lock);
	return mm;
}

struct mm *mm_next(struct mm *mm)
{
	spin_lock(&all_mms_lock);
	struct mm *next = next_alive(&mm->all);
	spin_unlock(&all_mms_lock);
	mm_put(mm);
	return next;
}

u64 mm_rss(struct mm *mm) { return READ_ONCE(mm->rss); }

void mm_sample_hiwater(struct mm *mm)
{
	u64 rss = mm_rss(mm);
	if (rss > mm->hiwater_rss)
		mm->hiwater_rss = rss;
}

/* Resident pages of one VMA. => pt_lock */
static u64 vma_rss(struct mm *mm, const struct vma *v)
{
	u64 n = 0;
	for (u64 a = v->start; a < v->end;) {
		pte_t *e = pt_peek(mm, a);
		if (!e) {
			a = ALIGN_DOWN(a, PT_SPAN(2)) + PT_SPAN(2);
			continue;
		}
		n += *e && !(*e & PTE_SPECIAL);
		a += PAGE_SIZE;
	}
	return n;
}

bool mm_next_vma(struct mm *mm, u64 addr, struct vma *out)
{
	down_read(&mm->mmap_lock);
	const struct vma *found = vma_find(&mm->map, addr);
	if (found) {
		*out = *found;
		vma_refs_get(out);
	}
	up_read(&mm->mmap_lock);
	return found;
}

int mm_for_each_vma(struct mm *mm, int (*fn)(const struct vma *v, u64 rss_pages, void *arg), void *arg)
{
	int ret = 0;
	u64 addr = 0;
	while (!ret) {
		down_read(&mm->mmap_lock);
		const struct vma *found = vma_find(&mm->map, addr);
		if (!found) {
			up_read(&mm->mmap_lock);
			break;
		}
		struct vma v = *found;
		vma_refs_get(&v);
		spin_lock(&mm->pt_lock);
		u64 rss = vma_rss(mm, &v);
		spin_unlock(&mm->pt_lock);
		up_read(&mm->mmap_lock);
		ret = fn(&v, rss, arg);
		vma_refs_put(&v);
		addr = v.end;
	}
	return ret;
}
