/* EROFS images on block devices: the file system "erofs". */
#ifndef PANDO_FS_EROFS_H
#define PANDO_FS_EROFS_H

void erofs_init(void);

#endif
