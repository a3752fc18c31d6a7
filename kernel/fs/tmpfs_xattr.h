/* Extended attributes of a tmpfs inode: a list in memory. => the inode's lock for every call */
#ifndef PANDO_FS_TMPFS_XATTR_H
#define PANDO_FS_TMPFS_XATTR_H

#include "lib/list.h"

struct tmpfs_xattrs {
	struct list_head list;
	size_t names; /* bytes of all names with their NULs */
};
void tmpfs_xattrs_init(struct tmpfs_xattrs *x);
void tmpfs_xattrs_free(struct tmpfs_xattrs *x);
/* Lengths or -ENODATA, -ERANGE; size 0 asks for the length. */
int tmpfs_xattr_get(const struct tmpfs_xattrs *x, const char *name, void *buf, size_t size);
int tmpfs_xattr_list(const struct tmpfs_xattrs *x, char *buf, size_t size);
/* 0, -EEXIST (XATTR_CREATE), -ENODATA (XATTR_REPLACE), -ENOMEM, -ENOSPC (too many). */
int tmpfs_xattr_set(struct tmpfs_xattrs *x, const char *name, const void *value, size_t size, int flags);
int tmpfs_xattr_remove(struct tmpfs_xattrs *x, const char *name);

#endif
