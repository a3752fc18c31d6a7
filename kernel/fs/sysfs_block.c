/* Block devices in sysfs (sysfs_block_add), /proc/partitions and /proc/diskstats (proc_show_*). They are all whole disks that can only be read. */
#include "fs/procfs.h"
#include "fs/sysfs.h"
#include "lib/format.h"
#include "mm/slab.h"
#include "vfs/blkdev.h"

typedef unsigned long long ull;

/* What the stat file and diskstats have in common: reads, merged, sectors, ms; the same of writes; in flight, ms, weighted ms; discards; flushes. */
static void put_stat(struct text *t, const struct blkdev *b)
{
	u64 ms = (u64)atomic64_read(&b->busy_ns) / 1000000;
	text_printf(t, "%8llu %8u %8llu %8llu", (ull)atomic64_read(&b->reads), 0, (ull)atomic64_read(&b->sectors), (ull)ms);
	text_printf(t, " %8u %8u %8u %8u %8u %8llu %8llu %8u %8u %8u %8u %8u %8u\n", 0, 0, 0, 0, 0, (ull)ms, (ull)ms, 0, 0, 0, 0, 0, 0);
}
static void show_stat(struct text *t, void *data) { put_stat(t, data); }
static void show_size(struct text *t, void *data) { text_printf(t, "%llu\n", (ull)((struct blkdev *)data)->size >> 9); }

static void fill(struct sysfs_node *dir, void *data)
{
	static const struct {
		const char *name;
		u32 value;
	} facts[] = { { "ro", 1 }, { "removable", 0 }, { "hidden", 0 }, { "range", 16 }, { "ext_range", 256 }, { "alignment_offset", 0 },
		{ "discard_alignment", 0 }, { "diskseq", 1 } };
	static const struct {
		const char *name;
		u32 value;
	} limits[] = { { "logical_block_size", 512 }, { "physical_block_size", 512 }, { "hw_sector_size", 512 }, { "minimum_io_size", 512 },
		{ "optimal_io_size", 0 }, { "rotational", 1 }, { "discard_granularity", 0 }, { "discard_max_bytes", 0 }, { "discard_zeroes_data", 0 },
		{ "write_same_max_bytes", 0 }, { "max_sectors_kb", 4 }, { "read_ahead_kb", 0 } };
	char path[64];
	const struct blkdev *b = data;
	for (u32 i = 0; i < ARRAY_SIZE(facts); i++)
		sysfs_file(dir, facts[i].name, sysfs_show_number, (void *)(u64)facts[i].value);
	sysfs_file(dir, "size", show_size, data);
	sysfs_file(dir, "stat", show_stat, data);
	format_str(path, sizeof(path), "devices/virtual/block/%s/queue", b->name);
	struct sysfs_node *queue = sysfs_dir(path);
	for (u32 i = 0; i < ARRAY_SIZE(limits); i++)
		sysfs_file(queue, limits[i].name, sysfs_show_number, (void *)(u64)limits[i].value);
	sysfs_file(queue, "scheduler", sysfs_show_string, (void *)"[none]");
	sysfs_file(queue, "zoned", sysfs_show_string, (void *)"none");
	sysfs_file(queue, "write_cache", sysfs_show_string, (void *)"write through");
}

void sysfs_block_add(struct blkdev *b)
{
	struct sysfs_device *d = kzalloc(sizeof(*d));
	if (!d)
		return;
	*d = (struct sysfs_device){ .subsystem = "block", .name = b->name, .rdev = b->rdev, .block = true, .more = fill, .data = b };
	sysfs_device_add(d);
}

int proc_show_partitions(struct text *t, const struct proc_node *n)
{
	const struct blkdev *b;
	text_puts(t, "major minor  #blocks  name\n\n");
	for (u32 i = 0; (b = blkdev_at(i)); i++)
		text_printf(t, "%4u  %7u %10llu %s\n", MAJOR(b->rdev), MINOR(b->rdev), (ull)b->size >> 10, b->name);
	return 0;
}

int proc_show_diskstats(struct text *t, const struct proc_node *n)
{
	const struct blkdev *b;
	for (u32 i = 0; (b = blkdev_at(i)); i++) {
		text_printf(t, "%4u %7u %s ", MAJOR(b->rdev), MINOR(b->rdev), b->name);
		put_stat(t, b);
	}
	return 0;
}
