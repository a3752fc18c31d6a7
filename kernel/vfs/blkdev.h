/* Block devices, for reading. Drivers register them; file systems and /dev read. vfs/blkdev.c */
#ifndef PANDO_VFS_BLKDEV_H
#define PANDO_VFS_BLKDEV_H

#include "mm/pagecache.h"
#include "vfs/file.h"

struct blkdev {
	const char *name; /* constant: "vda" */
	u64 rdev; /* constant */
	u64 size; /* bytes; constant */
	/* Reads n bytes at pos, both multiples of 512, within the size; buf is contiguous kernel memory. May sleep. 0 or -EIO. */
	int (*read)(struct blkdev *b, u64 pos, void *buf, u32 n);
	atomic64_t reads, sectors, busy_ns; /* a: since the start */
	struct address_space cache; /* pages of the device, for what is read in small pieces */
	struct list_head node; /* constant after blkdev_register */
};
/* => boot. name, rdev, size and read are set. */
void blkdev_register(struct blkdev *b);
/* The nr-th device, NULL when there are not so many. */
struct blkdev *blkdev_at(u32 nr);
/* The block device at a path that current may read: 0, -ENOENT, -ENOTBLK, -ENXIO, -EACCES ... */
int blkdev_by_path(const char *path, struct blkdev **out);
/* n bytes at any position through the device's page cache. 0, -EIO (beyond the end, too), -ENOMEM. May sleep. */
int blkdev_read(struct blkdev *b, u64 pos, void *buf, size_t n);
extern const struct file_ops blkdev_file_ops;

#endif
