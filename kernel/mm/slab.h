/* Object caches and kmalloc. Allocation never sleeps and returns NULL when memory is out. Any context. */
#ifndef PANDO_MM_SLAB_H
#define PANDO_MM_SLAB_H

#include "lib/types.h"

struct kmem_cache;
/* Never fails (boot time; panics). align: power of two or 0. Objects are at most 4096 bytes or come from whole pages. Names show in /proc/slabinfo. */
struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align);
void *kmem_cache_alloc(struct kmem_cache *c);
void *kmem_cache_zalloc(struct kmem_cache *c);
void kmem_cache_free(struct kmem_cache *c, void *obj);

void *kmalloc(size_t size); /* up to 4 MiB; 16-byte aligned, page-aligned from one page upwards */
void *kzalloc(size_t size);
void kfree(const void *p); /* NULL is fine */
char *kstrdup(const char *s);
void *kmemdup(const void *p, size_t n);

/* One line per cache: name, objects in use, object size. index from 0; false at the end. */
struct slab_info { const char *name; u64 active, size, pages; };
bool slab_info(u32 index, struct slab_info *out);

#endif
