/*
 * The boot memory map and the early allocator. Entry points: memmap_add(), memmap_claim(), memmap_limit(), memmap_regions(), early_alloc().
 */
#include "arch/x86_64/memmap.h"

#include "arch/x86_64/pgtable.h"
#include "lib/bug.h"
#include "lib/string.h"

static struct mem_region map[MEMMAP_MAX]; /* ascending, disjoint, no two equal neighbours touch */
static int count;

static void insert_at(int i, paddr_t base, paddr_t end, u32 kind)
{
	if (base >= end)
		return;
	if (count == MEMMAP_MAX)
		panic("memory map has too many regions");
	memmove(&map[i + 1], &map[i], (size_t)(count - i) * sizeof(map[0]));
	map[i] = (struct mem_region){ base, end - base, kind };
	count++;
}

static void remove_at(int i)
{
	count--;
	memmove(&map[i], &map[i + 1], (size_t)(count - i) * sizeof(map[0]));
}

/* Splits the region that contains `at` strictly inside; afterwards `at` is on a border (or in a hole). */
static void split_at(paddr_t at)
{
	for (int i = 0; i < count; i++) {
		paddr_t end = map[i].base + map[i].size;
		if (at <= map[i].base || at >= end)
			continue;
		map[i].size = at - map[i].base;
		insert_at(i + 1, at, end, map[i].kind);
		return;
	}
}

static void merge(void)
{
	for (int i = 0; i + 1 < count;) {
		if (map[i].kind == map[i + 1].kind && map[i].base + map[i].size == map[i + 1].base) {
			map[i].size += map[i + 1].size;
			remove_at(i + 1);
		} else {
			i++;
		}
	}
}

/* Adds [base, end) where nothing is yet. */
static void fill_holes(paddr_t base, paddr_t end, u32 kind)
{
	int i = 0;
	while (base < end) {
		while (i < count && map[i].base + map[i].size <= base)
			i++;
		if (i == count || map[i].base >= end) {
			insert_at(i, base, end, kind);
			return;
		}
		if (map[i].base > base) {
			paddr_t stop = map[i].base;
			insert_at(i, base, stop, kind);
			base = stop;
		} else {
			base = map[i].base + map[i].size;
		}
	}
}

void memmap_add(paddr_t base, paddr_t end, enum mem_kind kind)
{
	if (kind == MEM_RESERVED) {
		base = ALIGN_DOWN(base, PAGE_SIZE);
		end = ALIGN_UP(end, PAGE_SIZE);
		split_at(base);
		split_at(end);
		for (int i = 0; i < count; i++)
			if (map[i].base >= base && map[i].base < end)
				map[i].kind = MEM_RESERVED;
	} else {
		base = ALIGN_UP(base, PAGE_SIZE);
		end = ALIGN_DOWN(end, PAGE_SIZE);
	}
	fill_holes(base, end, kind);
	merge();
}

void memmap_claim(paddr_t base, paddr_t end, enum mem_kind kind)
{
	base = ALIGN_DOWN(base, PAGE_SIZE);
	end = ALIGN_UP(end, PAGE_SIZE);
	split_at(base);
	split_at(end);
	for (int i = 0; i < count; i++)
		if (map[i].base >= base && map[i].base < end && map[i].kind != MEM_RESERVED)
			map[i].kind = kind;
	merge();
}

void memmap_limit(paddr_t end)
{
	split_at(ALIGN_DOWN(end, PAGE_SIZE));
	for (int i = 0; i < count;) {
		if (map[i].base >= ALIGN_DOWN(end, PAGE_SIZE) && (map[i].kind == MEM_FREE || map[i].kind == MEM_KERNEL))
			remove_at(i);
		else
			i++;
	}
}

bool memmap_is_ram(paddr_t base, paddr_t end)
{
	for (int i = 0; i < count && base < end; i++)
		if (map[i].kind != MEM_RESERVED && map[i].base <= base && base < map[i].base + map[i].size)
			base = map[i].base + map[i].size;
	return base >= end;
}

const struct mem_region *memmap_regions(int *n)
{
	*n = count;
	return map;
}

/* First fit above 1 MiB, right behind the kernel as a rule: regions that are claimed already merge with the new one, so the map stays short. */
paddr_t early_alloc(size_t size, size_t align)
{
	size = ALIGN_UP(size, PAGE_SIZE);
	for (int i = 0; i < count; i++) {
		paddr_t at = ALIGN_UP(max(map[i].base, (paddr_t)0x100000), align);
		if (map[i].kind != MEM_FREE || at + size > map[i].base + map[i].size || at + size > 1UL << 30)
			continue;
		memmap_claim(at, at + size, MEM_KERNEL);
		memset(phys_to_virt(at), 0, size);
		return at;
	}
	panic("no memory for the kernel's own tables");
}
