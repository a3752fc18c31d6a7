/* Page-table bits, address layout, TLB. Four levels; level 4 is the root (PML4), level 1 the table of 4 KiB pages. */
#ifndef PANDO_ARCH_PGTABLE_H
#define PANDO_ARCH_PGTABLE_H

#include "lib/types.h"

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096UL
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define PT_ENTRIES 512

typedef u64 pte_t; /* an entry at any level */

#define PTE_P BIT(0)
#define PTE_W BIT(1)
#define PTE_U BIT(2)
#define PTE_PWT BIT(3)
#define PTE_PCD BIT(4)
#define PTE_A BIT(5)
#define PTE_D BIT(6)
#define PTE_PS BIT(7)     /* levels 2 and 3: a large page (kernel direct map only) */
#define PTE_G BIT(8)
#define PTE_SHARED BIT(9)  /* software: belongs to a MAP_SHARED mapping; keeps its write bit when its table is copied */
#define PTE_SPECIAL BIT(10)/* software: the page is not counted (zero page, vDSO) */
#define PTE_CLEAN BIT(52) /* software: not written since the soft-dirty bits were cleared (mm/clear_refs.c); never with PTE_W */
#define PTE_NX BIT(63)
#define PTE_ADDR_MASK 0x000ffffffffff000UL

/* Shift of the address bits that index a table at `level`: 12, 21, 30, 39. */
#define PT_SHIFT(level) (PAGE_SHIFT + 9 * ((level)-1))
#define PT_INDEX(addr, level) (((addr) >> PT_SHIFT(level)) & 511)
/* Bytes that one entry at `level` covers. */
#define PT_SPAN(level) (1UL << PT_SHIFT(level))

/* User half: [0, TASK_SIZE_MAX); the last page is never mapped. */
#define TASK_SIZE_MAX 0x7ffffffff000UL
#define USER_ROOT_ENTRIES 256

/* Kernel half. The direct map covers all RAM at DIRECT_BASE + physical address, RW NX; the kernel image is linked at KERNEL_BASE + physical. */
#define DIRECT_BASE 0xffff888000000000UL
#define KERNEL_BASE 0xffffffff80000000UL
#define MMIO_BASE 0xffffc90000000000UL

static inline void *phys_to_virt(paddr_t p) { return (void *)(p + DIRECT_BASE); }
/* For direct-map addresses only. */
static inline paddr_t virt_to_phys(const void *v) { return (u64)v - DIRECT_BASE; }

/* The kernel's own root; its upper half is copied into every new root and never changes after boot. Physical address. */
extern paddr_t kernel_root;
/* Loads CR3, which flushes all non-global entries of this CPU. */
void arch_load_root(paddr_t root);
/* One page of this CPU, and its paging-structure caches. */
static inline void arch_flush_page(u64 addr) { __asm__ __volatile__("invlpg (%0)" ::"r"(addr) : "memory"); }
/* Maps device memory uncached, for good; returns its address. Boot time only. */
void *arch_map_mmio(paddr_t p, size_t size);

#endif
