/* cgroup2, the file system. fs/cgroupfs.c */
#ifndef PANDO_FS_CGROUPFS_H
#define PANDO_FS_CGROUPFS_H

/* For boot: registers it. */
void cgroupfs_init(void);

#endif
