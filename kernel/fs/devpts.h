/* devpts: the file system of /dev/pts. One instance: every mount shows the same terminals. Nodes come and go with the pairs that tty/pty.c makes. */
#ifndef PANDO_FS_DEVPTS_H
#define PANDO_FS_DEVPTS_H

#include "lib/types.h"

/* A node `index` for the slave: owner and group current's fsuid and the mount's gid= (else fsgid), mode as the mount says. 0, -ENOMEM, -EEXIST. */
int devpts_add(u32 index, u64 rdev);
void devpts_remove(u32 index);
void devpts_init(void);

/* Terminals there are. */
u32 devpts_count(void);

#endif
