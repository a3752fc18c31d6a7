/* What the VMM hands over: the PVH start info (memory map, command line, initial RAM disk, ACPI). Entry point: boot_read_info(). */
#include "boot/boot.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/memmap.h"
#include "arch/x86_64/pgtable.h"
#include "lib/bug.h"
#include "lib/log.h"
#include "lib/string.h"

#define START_MAGIC 0x336ec578u
#define MAP_RAM 1u

struct start_info {
	u32 magic, version, flags, nr_modules;
	u64 modules, cmdline, rsdp;
	u64 memmap; /* version 1 and later */
	u32 memmap_entries, reserved;
};
struct module { u64 base, size, cmdline, reserved; };
struct map_entry { u64 base, size; u32 type, reserved; };
_Static_assert(sizeof(struct start_info) == 56 && sizeof(struct module) == 32 && sizeof(struct map_entry) == 24, "PVH layout");

struct boot_info boot_info;

/* Loader memory, as far as the boot page tables reach. */
static const void *loader_memory(paddr_t p, u64 size)
{
	if (!p || p + size > 1UL << 30)
		panic("boot: the loader's data at %#llx is out of reach", (unsigned long long)p);
	return phys_to_virt(p);
}

static void read_map(const struct map_entry *m, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (m[i].size && m[i].base + m[i].size > m[i].base)
			memmap_add(m[i].base, m[i].base + m[i].size, m[i].type == MAP_RAM ? MEM_FREE : MEM_RESERVED);
}

void boot_read_info(paddr_t start_info)
{
	const struct start_info *s = loader_memory(start_info, sizeof(*s));
	if (s->magic != START_MAGIC)
		panic("boot: not started through the PVH entry");
	if (s->version < 1 || !s->memmap_entries || s->memmap_entries > 1024)
		panic("boot: the loader gave no memory map");
	read_map(loader_memory(s->memmap, s->memmap_entries * sizeof(struct map_entry)), s->memmap_entries);
	if (s->cmdline)
		str_copy(boot_info.cmdline, loader_memory(s->cmdline, 1), sizeof(boot_info.cmdline));
	if (s->nr_modules) {
		const struct module *m = loader_memory(s->modules, sizeof(*m));
		boot_info.initrd = m->base;
		boot_info.initrd_size = m->size;
	}
	boot_info.rsdp = s->rsdp;
}
