/*
 * What sysfs shows of the machine: CPUs with their topology and caches, the one memory node, memory blocks, the loopback interface, facts about the kernel. Entry point:
 * sysfs_build(). Directories are filled when somebody first looks.
 */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/memmap.h"
#include "fs/sysfs.h"
#include "lib/format.h"
#include "mm/page.h"
#include "sched/sched.h"

typedef unsigned long long ull;

/* --- lists of CPUs -------------------------------------------------------------------------------------------------------------------------- */

static void put_range(struct text *t, u32 first, u32 n)
{
	if (n > 1)
		text_printf(t, "%u-%u\n", first, first + n - 1);
	else
		text_printf(t, "%u\n", first);
}
/* data: how many CPUs, and from which on in the upper half. */
#define CPUS(first, n) ((void *)((u64)(first) << 32 | (n)))
static void show_list(struct text *t, void *data) { put_range(t, (u32)((u64)data >> 32), (u32)(u64)data); }
static void show_mask(struct text *t, void *data)
{
	u32 first = (u32)((u64)data >> 32), n = (u32)(u64)data;
	text_printf(t, "%llx\n", (ull)((n < 64 ? BIT(n) - 1 : ~0UL) << first));
}
static void show_online(struct text *t, void *data) { put_range(t, 0, nr_cpus); }

/* --- CPUs ------------------------------------------------------------------------------------------------------------------------------------- */

/* Every CPU is a core of its own in one package, as the scheduler takes them and /proc/cpuinfo says. */
static void build_topology(const char *path, u32 cpu)
{
	static const struct {
		const char *mask, *list;
		bool all;
	} sets[] = {
		{ "thread_siblings", "thread_siblings_list", false },
		{ "core_cpus", "core_cpus_list", false },
		{ "core_siblings", "core_siblings_list", true },
		{ "package_cpus", "package_cpus_list", true },
		{ "die_cpus", "die_cpus_list", true },
	};
	struct sysfs_node *d = sysfs_dir(path);
	sysfs_file(d, "core_id", sysfs_show_number, (void *)(u64)cpu);
	sysfs_file(d, "die_id", sysfs_show_number, (void *)0);
	sysfs_file(d, "physical_package_id", sysfs_show_number, (void *)0);
	for (u32 i = 0; i < ARRAY_SIZE(sets); i++) {
		void *which = sets[i].all ? CPUS(0, nr_cpus) : CPUS(cpu, 1);
		sysfs_file(d, sets[i].mask, show_mask, which);
		sysfs_file(d, sets[i].list, show_list, which);
	}
}

static void show_cache_size(struct text *t, void *data) { text_printf(t, "%lluK\n", (ull)data >> 10); }

static void build_cache(const char *cpu_path, u32 cpu, u32 index)
{
	struct arch_cache c;
	char path[80];
	if (!arch_cache(index, &c))
		return;
	format_str(path, sizeof(path), "%s/cache/index%u", cpu_path, index);
	struct sysfs_node *d = sysfs_dir(path);
	u32 shared = max(min(c.shared_by, nr_cpus), 1u), first = cpu / shared * shared;
	void *which = CPUS(first, min(shared, nr_cpus - first));
	sysfs_file(d, "level", sysfs_show_number, (void *)(u64)c.level);
	sysfs_file(d, "type", sysfs_show_string, (void *)(c.type == 1 ? "Data" : c.type == 2 ? "Instruction" : "Unified"));
	sysfs_file(d, "size", show_cache_size, (void *)((u64)c.line * c.ways * c.partitions * c.sets));
	sysfs_file(d, "coherency_line_size", sysfs_show_number, (void *)(u64)c.line);
	sysfs_file(d, "ways_of_associativity", sysfs_show_number, (void *)(u64)c.ways);
	sysfs_file(d, "physical_line_partition", sysfs_show_number, (void *)(u64)c.partitions);
	sysfs_file(d, "number_of_sets", sysfs_show_number, (void *)(u64)c.sets);
	sysfs_file(d, "id", sysfs_show_number, (void *)(u64)(cpu / shared));
	sysfs_file(d, "shared_cpu_map", show_mask, which);
	sysfs_file(d, "shared_cpu_list", show_list, which);
}

static void fill_cpus(struct sysfs_node *cpus)
{
	static const char *const lists[] = { "online", "possible", "present" };
	char path[64];
	for (u32 i = 0; i < ARRAY_SIZE(lists); i++)
		sysfs_file(cpus, lists[i], show_online, NULL);
	sysfs_file(cpus, "offline", sysfs_show_string, (void *)"");
	sysfs_file(cpus, "isolated", sysfs_show_string, (void *)"");
	sysfs_file(cpus, "kernel_max", sysfs_show_number, (void *)(u64)(NR_CPUS - 1));
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		format_str(path, sizeof(path), "devices/system/cpu/cpu%u", cpu);
		struct sysfs_node *d = sysfs_dir(path);
		if (cpu)
			sysfs_file(d, "online", sysfs_show_number, (void *)1);
		sysfs_link(d, "node0", "../../node/node0");
		for (u32 i = 0; i < 4; i++)
			build_cache(path, cpu, i);
		format_str(path, sizeof(path), "devices/system/cpu/cpu%u/topology", cpu);
		build_topology(path, cpu);
	}
}

/* --- memory ------------------------------------------------------------------------------------------------------------------------------------ */

#define BLOCK_SHIFT 27 /* 128 MiB, as Linux cuts memory */

static bool is_memory(const struct mem_region *r) { return r->kind != MEM_RESERVED; }

/* Is any of the block RAM? */
static bool block_present(u64 block)
{
	int n;
	const struct mem_region *r = memmap_regions(&n);
	for (int i = 0; i < n; i++)
		if (is_memory(&r[i]) && r[i].base >> BLOCK_SHIFT <= block && (r[i].base + r[i].size - 1) >> BLOCK_SHIFT >= block)
			return true;
	return false;
}

static u64 last_block(void)
{
	int n;
	u64 last = 0;
	const struct mem_region *r = memmap_regions(&n);
	for (int i = 0; i < n; i++)
		if (is_memory(&r[i]))
			last = max(last, (r[i].base + r[i].size - 1) >> BLOCK_SHIFT);
	return last;
}

static void show_hex(struct text *t, void *data) { text_printf(t, "%llx\n", (ull)data); }
static void show_index(struct text *t, void *data) { text_printf(t, "%08llx\n", (ull)data); }

static void fill_blocks(struct sysfs_node *dir)
{
	char path[64];
	sysfs_file(dir, "block_size_bytes", show_hex, (void *)BIT(BLOCK_SHIFT));
	for (u64 b = 0; b <= last_block(); b++) {
		if (!block_present(b))
			continue;
		format_str(path, sizeof(path), "devices/system/memory/memory%lu", b);
		struct sysfs_node *d = sysfs_dir(path);
		sysfs_file(d, "phys_index", show_index, (void *)b);
		sysfs_file(d, "phys_device", sysfs_show_number, (void *)0);
		sysfs_file(d, "online", sysfs_show_number, (void *)1);
		sysfs_file(d, "removable", sysfs_show_number, (void *)0);
		sysfs_file(d, "state", sysfs_show_string, (void *)"online");
		sysfs_link(d, "node0", "../../node/node0");
	}
}

static void node_kib(struct text *t, const char *name, u64 pages)
{
	text_printf(t, "Node 0 %-15s %8llu kB\n", name, (ull)pages << (PAGE_SHIFT - 10));
}

static void show_node_memory(struct text *t, void *data)
{
	struct mem_info m;
	mem_info(&m);
	u64 total = max(m.total, m.free + m.cached + m.slab + m.tables);
	node_kib(t, "MemTotal:", total);
	node_kib(t, "MemFree:", m.free);
	node_kib(t, "MemUsed:", total - m.free);
	node_kib(t, "FilePages:", m.cached);
	node_kib(t, "AnonPages:", total - m.free - m.cached - m.slab - m.tables);
	node_kib(t, "Shmem:", m.shared);
	node_kib(t, "PageTables:", m.tables);
	node_kib(t, "Slab:", m.slab);
	node_kib(t, "SUnreclaim:", m.slab);
}

/* There is one node, number 0. */
static void fill_nodes(struct sysfs_node *dir)
{
	static const char *const sets[] = { "online", "possible", "has_cpu", "has_memory", "has_normal_memory" };
	char path[64], name[24];
	for (u32 i = 0; i < ARRAY_SIZE(sets); i++)
		sysfs_file(dir, sets[i], sysfs_show_string, (void *)"0");
	struct sysfs_node *d = sysfs_dir("devices/system/node/node0");
	sysfs_file(d, "cpulist", show_online, NULL);
	sysfs_file(d, "cpumap", show_mask, CPUS(0, nr_cpus));
	sysfs_file(d, "distance", sysfs_show_string, (void *)"10");
	sysfs_file(d, "meminfo", show_node_memory, NULL);
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		format_str(name, sizeof(name), "cpu%u", cpu);
		format_str(path, sizeof(path), "../../cpu/cpu%u", cpu);
		sysfs_link(d, name, path);
	}
	for (u64 b = 0; b <= last_block(); b++) {
		if (!block_present(b))
			continue;
		format_str(name, sizeof(name), "memory%lu", b);
		format_str(path, sizeof(path), "../../memory/memory%lu", b);
		sysfs_link(d, name, path);
	}
}

/* --- the kernel ---------------------------------------------------------------------------------------------------------------------------------- */

static void fill_kernel(struct sysfs_node *dir)
{
	sysfs_file(dir, "address_bits", sysfs_show_number, (void *)64);
	sysfs_file(dir, "cpu_byteorder", sysfs_show_string, (void *)"little");
	sysfs_file(dir, "fscaps", sysfs_show_number, (void *)1);
}

void sysfs_build(void)
{
	static const char *const empty[] = { "bus", "firmware", "fs/cgroup", "kernel/mm", "module", "power" };
	static const char *const devices[] = { "devices/virtual", "class", "dev/char", "dev/block", "block" };
	for (u32 i = 0; i < ARRAY_SIZE(empty); i++)
		sysfs_dir(empty[i]);
	for (u32 i = 0; i < ARRAY_SIZE(devices); i++)
		sysfs_lazy_dir(devices[i], sysfs_fill_devices);
	sysfs_lazy_dir("devices/system/cpu", fill_cpus);
	sysfs_lazy_dir("devices/system/node", fill_nodes);
	sysfs_lazy_dir("devices/system/memory", fill_blocks);
	sysfs_lazy_dir("kernel", fill_kernel);
}
