/* The file system binfmt_misc: fs/binfmt_misc.c */
#ifndef PANDO_FS_BINFMT_MISC_H
#define PANDO_FS_BINFMT_MISC_H

/* Registers it. Boot time. */
void binfmt_misc_init(void);

#endif
