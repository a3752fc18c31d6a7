/* The memory devices: null zero full random urandom kmsg. fs/memdev.c */
#ifndef PANDO_FS_MEMDEV_H
#define PANDO_FS_MEMDEV_H

/* Registers major 1 and makes the nodes in devtmpfs. After devtmpfs_init(). */
void memdev_init(void);

#endif
