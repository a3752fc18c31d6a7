/*
 * Physical memory at boot: the firmware's map carved into disjoint, page-aligned, ascending regions, and a bump allocator that serves until
 * mm_init(). Boot CPU only, before any other CPU or thread runs; nothing here is locked.
 */
#ifndef PANDO_ARCH_MEMMAP_H
#define PANDO_ARCH_MEMMAP_H

#include "lib/types.h"

enum mem_kind {
	MEM_FREE = 1,   /* RAM that nobody holds: mm's to give away */
	MEM_KERNEL,     /* RAM: kernel image, early page tables, AP trampoline, page 0; never freed */
	MEM_INITRD,     /* RAM: the initial RAM disk; the initramfs unpacker decides what becomes of it */
	MEM_RESERVED,   /* firmware's; not RAM to us: outside the direct map */
};
struct mem_region {
	paddr_t base; /* page-aligned */
	u64 size;     /* bytes, whole pages */
	u32 kind;     /* enum mem_kind */
};
#define MEMMAP_MAX 96

/* Adds firmware region [base, end) of the given kind: RAM is rounded inwards to pages, MEM_RESERVED outwards and wins where they overlap. */
void memmap_add(paddr_t base, paddr_t end, enum mem_kind kind);
/* Changes the kind of the RAM in [base, end) (rounded outwards); what is not RAM is left alone. */
void memmap_claim(paddr_t base, paddr_t end, enum mem_kind kind);
/* Forgets all RAM at and above `end` (mem=), except the initial RAM disk's: loaders put it at the top of RAM, whatever mem= says. */
void memmap_limit(paddr_t end);
/* True when all of [base, end) is RAM. */
bool memmap_is_ram(paddr_t base, paddr_t end);
/* The regions; *n = how many. */
const struct mem_region *memmap_regions(int *n);
/* Zeroed memory below 1 GiB, for good; `align` a power of two >= PAGE_SIZE. Panics when there is none. Not after mm_init(). */
paddr_t early_alloc(size_t size, size_t align);

#endif
