/* The file system of device nodes that the kernel itself fills; one instance, however often it is mounted. */
#ifndef PANDO_FS_DEVTMPFS_H
#define PANDO_FS_DEVTMPFS_H

#include "lib/types.h"

/* Makes the file system. After vfs_init(), before any driver. */
void devtmpfs_init(void);
/* A node (mode with S_IFCHR, S_IFBLK ...) or directory (S_IFDIR) below /dev, e.g. "null", "virtio-ports/org.pando.0". Missing
 * directories on the way are made (0755). Owned by root. An existing name is left: -EEXIST. 0 or -errno. Process context; may sleep. */
int devtmpfs_create(const char *path_below_dev, u32 mode, u64 rdev);
int devtmpfs_remove(const char *path_below_dev);

#endif
