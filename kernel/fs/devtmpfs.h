/* The file system of device nodes that the kernel itself fills; one instance, however often it is mounted. */
#ifndef PANDO_FS_DEVTMPFS_H
#define PANDO_FS_DEVTMPFS_H

#include "lib/types.h"

/* Makes the file system. After vfs_init(), before any driver. */
void devtmpfs_init(void);
/* A node (mode with S_IFCHR, S_IFBLK ...), directory (S_IFDIR), or symbolic link below /dev, e.g. "null", "virtio-ports/org.pando.0". Missing
 * directories on the way are made (0755). Owned by root. An existing name is left: -EEXIST. 0 or -errno. Process context; may sleep. */
int devtmpfs_create(const char *path_below_dev, u32 mode, u64 rdev);
int devtmpfs_symlink(const char *path_below_dev, const char *target);
int devtmpfs_remove(const char *path_below_dev);
/* Boot: mounts it on /dev if there is such a directory. 0 or -errno. */
int devtmpfs_mount_on_dev(void);

#endif
