/* Unpacks the initramfs into the root file system. */
#ifndef PANDO_FS_INITRAMFS_H
#define PANDO_FS_INITRAMFS_H

#include "lib/types.h"

/* The region's pages are PAGE_RESERVED with refs 1; file data that lies page-aligned stays where it is and becomes page cache, the other whole pages
 * go to the page allocator, also after an error. Once, at boot, by process 1 before anybody else uses the root. 0, -EINVAL (bad archive: one line
 * in the log says what), -ENOMEM, -ENOSPC. */
int initramfs_unpack(paddr_t base, u64 size);

#endif
