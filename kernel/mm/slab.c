/*
 * Object caches. A slab is a block of 2^order pages: a header, then objects; its free objects are chained through themselves. In front of the slabs
 * every CPU has a small stack of free objects per cache ("magazine"), so that most calls touch nothing shared.
 * Entry points: kmem_cache_create/alloc/free, kmalloc/kfree, slab_info. Locks: cache->lock (RANK_SLAB), interrupts off.
 */
#include "mm/slab.h"

#include "lib/bug.h"
#include "lib/radix.h"
#include "lib/string.h"
#include "mm/internal.h"
#include "sched/spinlock.h"

#define MAG_SIZE 31 /* a magazine fills 256 bytes, so that its place is a shift away */

struct slab {
	struct list_head node; /* cache->partial or full; cache->lock */
	void *freelist;        /* cache->lock */
	u32 inuse;             /* objects handed out, magazines included; cache->lock */
	u32 order;             /* constant */
};
struct magazine {
	u32 n; /* its CPU, interrupts off */
	void *obj[MAG_SIZE];
};
_Static_assert(sizeof(struct magazine) == 256, "magazine");
struct kmem_cache {
	const char *name;
	u32 size, align, order, per_slab, first; /* constant; first = offset of the first object */
	struct spinlock lock;
	struct list_head partial; /* lock: slabs with free objects */
	u64 slabs, handed_out;    /* lock */
	u32 empty;                /* lock: slabs on partial with no object in use */
	struct kmem_cache *next;  /* constant */
	struct magazine mag[NR_CPUS];
};

static struct kmem_cache *all_caches;
static DEFINE_SPINLOCK(all_caches_lock, RANK_SLAB);

static const u16 kmalloc_sizes[] = { 16, 32, 64, 96, 128, 192, 256, 384, 512, 1024, 2048 };
static struct kmem_cache *kmalloc_caches[ARRAY_SIZE(kmalloc_sizes)];
static u8 kmalloc_index[2048 / 16 + 1];

struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align)
{
	u32 order = 0;
	while ((PAGE_SIZE << order) < sizeof(struct kmem_cache))
		order++;
	struct page *home = alloc_pages(order, PAGE_KERNEL);
	if (!home)
		panic("no memory for cache %s", name);
	struct kmem_cache *c = page_virt(home);
	memset(c, 0, sizeof(*c));
	c->name = name;
	c->align = (u32)max(align, (size_t)16);
	c->size = (u32)ALIGN_UP(max(size, (size_t)16), (size_t)c->align);
	c->first = (u32)ALIGN_UP(sizeof(struct slab), (size_t)c->align);
	/* The smallest block that wastes at most an eighth. */
	for (c->order = 0; c->order < 3; c->order++) {
		u64 bytes = PAGE_SIZE << c->order, room = bytes - c->first;
		if (room >= c->size && bytes - room / c->size * c->size <= bytes / 8)
			break;
	}
	c->per_slab = (u32)(((PAGE_SIZE << c->order) - c->first) / c->size);
	BUG_ON(!c->per_slab);
	spin_init(&c->lock, RANK_SLAB);
	list_init(&c->partial);
	u64 f = spin_lock_irqsave(&all_caches_lock);
	c->next = all_caches;
	all_caches = c;
	spin_unlock_irqrestore(&all_caches_lock, f);
	return c;
}

/* => c->lock; adds a slab to partial. false: no memory */
static bool cache_grow(struct kmem_cache *c)
{
	struct page *p = alloc_pages(c->order, PAGE_SLAB);
	if (!p)
		return false;
	struct slab *s = page_virt(p);
	s->inuse = 0;
	s->order = c->order;
	s->freelist = NULL;
	for (u32 i = 0; i < 1U << c->order; i++) {
		p[i].kind = PAGE_SLAB;
		p[i].slab.cache = c;
		p[i].slab.slab = s;
	}
	for (u32 i = c->per_slab; i-- > 0;) {
		void **o = (void **)((char *)s + c->first + (size_t)i * c->size);
		*o = s->freelist;
		s->freelist = o;
	}
	list_add(&s->node, &c->partial);
	c->slabs++;
	c->empty++;
	atomic64_add(&mm_counters.slab, 1L << c->order);
	return true;
}

/* Fills half the magazine. => interrupts off */
static void magazine_refill(struct kmem_cache *c, struct magazine *m)
{
	spin_lock(&c->lock);
	while (m->n < MAG_SIZE / 2) {
		if (list_empty(&c->partial) && (m->n || !cache_grow(c)))
			break;
		struct slab *s = list_first(&c->partial, struct slab, node);
		if (!s->inuse)
			c->empty--;
		while (s->freelist && m->n < MAG_SIZE / 2) {
			void **o = s->freelist;
			s->freelist = *o;
			s->inuse++;
			c->handed_out++;
			m->obj[m->n++] = o;
		}
		if (!s->freelist)
			list_del(&s->node);
	}
	spin_unlock(&c->lock);
}

/* => c->lock */
static void slab_release(struct kmem_cache *c, struct slab *s)
{
	list_del(&s->node);
	c->slabs--;
	atomic64_add(&mm_counters.slab, -(s64)(1UL << c->order));
	struct page *p = virt_page(s);
	for (u32 i = 1; i < 1U << c->order; i++)
		p[i].kind = PAGE_RESERVED;
	free_pages(p, c->order);
}

/* Gives `n` objects from the bottom of the magazine (the coldest) back to their slabs. => interrupts off */
static void magazine_flush(struct kmem_cache *c, struct magazine *m, u32 n)
{
	spin_lock(&c->lock);
	for (u32 i = 0; i < n; i++) {
		void **o = m->obj[i];
		struct slab *s = virt_page(o)->slab.slab;
		if (!s->freelist)
			list_add(&s->node, &c->partial);
		*o = s->freelist;
		s->freelist = o;
		c->handed_out--;
		if (--s->inuse == 0 && ++c->empty > 2) {
			c->empty--;
			slab_release(c, s);
		}
	}
	spin_unlock(&c->lock);
	m->n -= n;
	memmove(m->obj, m->obj + n, m->n * sizeof(void *));
}

/* The rare case apart, so that the common one saves no registers. => interrupts off, f: how they were */
static __noinline void *alloc_refilled(struct kmem_cache *c, struct magazine *m, u64 f)
{
	magazine_refill(c, m);
	void *o = m->n ? m->obj[--m->n] : NULL;
	irq_restore(f);
	if (DEBUG_BUILD && o)
		memset(o, 0x6b, c->size);
	return o;
}

void *kmem_cache_alloc(struct kmem_cache *c)
{
	if (fault_injected())
		return NULL;
	u64 f = irq_save();
	struct magazine *m = &c->mag[cpu_id()];
	u32 n = m->n;
	if (unlikely(!n))
		return alloc_refilled(c, m, f);
	void *o = m->obj[n - 1];
	m->n = n - 1;
	irq_restore(f);
	if (DEBUG_BUILD)
		memset(o, 0x6b, c->size);
	return o;
}

void *kmem_cache_zalloc(struct kmem_cache *c)
{
	void *o = kmem_cache_alloc(c);
	if (o)
		memset(o, 0, c->size);
	return o;
}

/* => as alloc_refilled() */
static __noinline void free_flushed(struct kmem_cache *c, struct magazine *m, void *obj, u64 f)
{
	magazine_flush(c, m, MAG_SIZE / 2);
	m->obj[m->n++] = obj;
	irq_restore(f);
}

void kmem_cache_free(struct kmem_cache *c, void *obj)
{
	ASSERT(virt_page(obj)->kind == PAGE_SLAB && virt_page(obj)->slab.cache == c);
	if (DEBUG_BUILD)
		memset(obj, 0x6c, c->size);
	u64 f = irq_save();
	struct magazine *m = &c->mag[cpu_id()];
	u32 n = m->n;
	if (unlikely(n == MAG_SIZE)) {
		free_flushed(c, m, obj, f);
		return;
	}
	m->obj[n] = obj;
	m->n = n + 1;
	irq_restore(f);
}

void *kmalloc(size_t size)
{
	if (size <= 2048)
		return kmem_cache_alloc(kmalloc_caches[kmalloc_index[(size + 15) / 16]]);
	u32 order = 0;
	while ((PAGE_SIZE << order) < size)
		order++;
	struct page *p = alloc_pages(order, PAGE_KERNEL);
	return p ? page_virt(p) : NULL;
}

void *kzalloc(size_t size)
{
	void *p = kmalloc(size);
	if (p)
		memset(p, 0, size);
	return p;
}

void kfree(const void *ptr)
{
	if (!ptr)
		return;
	struct page *p = virt_page(ptr);
	if (p->kind == PAGE_SLAB) {
		kmem_cache_free(p->slab.cache, (void *)ptr);
		return;
	}
	BUG_ON(p->kind != PAGE_KERNEL);
	free_pages(p, p->order);
}

char *kstrdup(const char *s) { return kmemdup(s, strlen(s) + 1); }

void *kmemdup(const void *p, size_t n)
{
	void *q = kmalloc(n);
	if (q)
		memcpy(q, p, n);
	return q;
}

bool slab_info(u32 index, struct slab_info *out)
{
	struct kmem_cache *c = all_caches;
	while (c && index--)
		c = c->next;
	if (!c)
		return false;
	u64 f = spin_lock_irqsave(&c->lock);
	*out = (struct slab_info){ .name = c->name, .active = c->handed_out, .size = c->size, .pages = c->slabs << c->order };
	spin_unlock_irqrestore(&c->lock, f);
	for (u32 i = 0; i < NR_CPUS; i++)
		out->active -= READ_ONCE(c->mag[i].n);
	return true;
}

static const char *const kmalloc_names[] = { "kmalloc-16",  "kmalloc-32",  "kmalloc-64",  "kmalloc-96",   "kmalloc-128", "kmalloc-192",
					     "kmalloc-256", "kmalloc-384", "kmalloc-512", "kmalloc-1024", "kmalloc-2048" };

static struct kmem_cache *radix_cache;

void slab_init(void)
{
	u32 k = 0;
	for (u32 i = 0; i < ARRAY_SIZE(kmalloc_sizes); i++)
		kmalloc_caches[i] = kmem_cache_create(kmalloc_names[i], kmalloc_sizes[i], 16);
	for (u32 i = 0; i < ARRAY_SIZE(kmalloc_index); i++) {
		if (i * 16 > kmalloc_sizes[k])
			k++;
		kmalloc_index[i] = (u8)k;
	}
}

void *radix_node_alloc(size_t size)
{
	if (unlikely(!radix_cache))
		radix_cache = kmem_cache_create("radix_node", size, 16);
	return kmem_cache_zalloc(radix_cache);
}

void radix_node_free(void *node, size_t size)
{
	(void)size;
	kmem_cache_free(radix_cache, node);
}
