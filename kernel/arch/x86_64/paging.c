/*
 * The kernel's own page tables. Entry points: arch_paging_init(), arch_map_mmio(), arch_load_root().
 *
 * Upper half: DIRECT_BASE all RAM, RW NX (the kernel's text and rodata read-only); MMIO_BASE devices, uncached; KERNEL_BASE the image: text
 * R-X, rodata R, data and bss RW. Nothing is both writable and executable, everything is global. All three root entries exist before the
 * first user root copies them; what lies below them may grow (MMIO) but never moves.
 */
#include "arch/x86_64/internal.h"

#define MMIO_TABLES 4 /* 2 MiB of device space each */

paddr_t kernel_root;
static pte_t mmio_pdpt[512] __aligned(4096), mmio_pd[512] __aligned(4096), mmio_pt[MMIO_TABLES * 512] __aligned(4096);
static u64 mmio_used; /* pages; boot time only */

void arch_load_root(paddr_t root) { __asm__ __volatile__("movq %0, %%cr3" ::"r"(root) : "memory"); }

/* The table below entry `i` of `table`, made if need be. */
static pte_t *next_table(pte_t *table, u64 i)
{
	if (!(table[i] & PTE_P))
		table[i] = early_alloc(PAGE_SIZE, PAGE_SIZE) | PTE_P | PTE_W;
	return phys_to_virt(table[i] & PTE_ADDR_MASK);
}

/* Maps [va, va + size) to p with the largest pages that fit, at most `max_level` (1: 4 KiB, 2: 2 MiB, 3: 1 GiB). */
static void map_range(u64 va, paddr_t p, u64 size, u64 prot, int max_level)
{
	while (size) {
		int level = max_level;
		while (level > 1 && ((va | p) & (PT_SPAN(level) - 1) || size < PT_SPAN(level)))
			level--;
		pte_t *table = phys_to_virt(kernel_root);
		for (int l = 4; l > level; l--)
			table = next_table(table, PT_INDEX(va, l));
		table[PT_INDEX(va, level)] = p | prot | PTE_P | PTE_A | PTE_D | PTE_G | (level > 1 ? PTE_PS : 0);
		va += PT_SPAN(level);
		p += PT_SPAN(level);
		size -= PT_SPAN(level);
	}
}

static void map_image(const void *from, const void *to, u64 prot)
{
	map_range((u64)from, image_phys(from), ALIGN_UP((u64)to, PAGE_SIZE) - (u64)from, prot, 1);
}

/* One RAM region in the direct map; the kernel's read-only part stays read-only there too. */
static void map_direct(paddr_t from, paddr_t to, int max_level)
{
	paddr_t ro = image_phys(kernel_text_start), ro_end = image_phys(kernel_rodata_end);
	while (from < to) {
		paddr_t stop = to;
		bool read_only = from >= ro && from < ro_end;
		if (read_only)
			stop = min(to, ro_end);
		else if (from < ro)
			stop = min(to, ro);
		map_range(DIRECT_BASE + from, from, stop - from, PTE_NX | (read_only ? 0 : PTE_W), max_level);
		from = stop;
	}
}

static void map_all_ram(int max_level)
{
	int n;
	const struct mem_region *live = memmap_regions(&n);
	struct mem_region r[MEMMAP_MAX];
	/* A copy: making tables changes the kinds in the map, though never what is RAM. */
	memcpy(r, live, (size_t)n * sizeof(r[0]));
	for (int i = 0; i < n;) {
		paddr_t from = r[i].base, to = from;
		if (r[i].kind == MEM_RESERVED) {
			i++;
			continue;
		}
		/* Neighbours of different kinds are one stretch of RAM. */
		while (i < n && r[i].base == to && r[i].kind != MEM_RESERVED)
			to += r[i++].size;
		map_direct(from, min(to, MMIO_BASE - DIRECT_BASE), max_level);
	}
}

void arch_paging_init(void)
{
	kernel_root = early_alloc(PAGE_SIZE, PAGE_SIZE);
	map_all_ram(features.gb_pages ? 3 : 2);
	map_image(kernel_text_start, kernel_text_end, 0);
	map_image(kernel_rodata_start, kernel_rodata_end, PTE_NX);
	map_image(kernel_data_start, kernel_end, PTE_NX | PTE_W);
	pte_t *root = phys_to_virt(kernel_root);
	root[PT_INDEX(MMIO_BASE, 4)] = image_phys(mmio_pdpt) | PTE_P | PTE_W;
	mmio_pdpt[0] = image_phys(mmio_pd) | PTE_P | PTE_W;
	for (u64 i = 0; i < MMIO_TABLES; i++)
		mmio_pd[i] = image_phys(&mmio_pt[i * 512]) | PTE_P | PTE_W;
	/* The boot tables' entries are not global, so this forgets them all. */
	arch_load_root(kernel_root);
}

void *arch_map_mmio(paddr_t p, size_t size)
{
	paddr_t first = ALIGN_DOWN(p, PAGE_SIZE);
	u64 n = (ALIGN_UP(p + size, PAGE_SIZE) - first) >> PAGE_SHIFT, at = mmio_used;
	if (at + n > MMIO_TABLES * 512)
		panic("no room for device memory at %#llx", (unsigned long long)p);
	for (u64 i = 0; i < n; i++)
		mmio_pt[at + i] = (first + (i << PAGE_SHIFT)) | PTE_P | PTE_W | PTE_PCD | PTE_PWT | PTE_NX | PTE_G | PTE_A | PTE_D;
	mmio_used = at + n;
	return (void *)(MMIO_BASE + (at << PAGE_SHIFT) + (p - first));
}
