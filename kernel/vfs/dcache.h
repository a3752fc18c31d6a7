/* Names and nodes for file systems that the kernel itself fills (devtmpfs) or that open files without a path (memfd). vfs/dcache.c, names.c, file.c */
#ifndef PANDO_VFS_DCACHE_H
#define PANDO_VFS_DCACHE_H

#include "vfs/file.h"
#include "vfs/vfs.h"

static inline void dentry_get(struct dentry *d) { atomic_inc(&d->refs); }
/* NULL is fine. May sleep. */
void dentry_put(struct dentry *d);
/* A dentry with refs 1, unhashed; takes over the inode's reference, and takes its own of parent (NULL: a root). 0 or -ENOMEM (inode's reference stays). */
int dentry_create(struct dentry *parent, const char *name, u32 len, struct inode *inode, struct dentry **out);
/* The child by name, positive or negative, with a reference: from the cache, or from the file system. 0, -ENAMETOOLONG, or the op's error.
 * => parent's inode lock held; may sleep */
int dcache_lookup(struct dentry *parent, const char *name, u32 len, struct dentry **out);
/* Takes the name out of the cache: it will be freed with its last reference. With it all unused names below. */
void dentry_drop(struct dentry *d);
/* Makes dir/name (negative dentry d) of any type; no permission checks but may_create by the caller. target: symlink text. 0 or -errno.
 * => dir's inode lock */
int names_make(struct dentry *dir, struct dentry *d, u32 mode, u64 rdev, const char *target);
/* A name right below the directory `dir`, which the kernel knows by itself (mqueue). begin: *out = its dentry, positive or negative, with a reference, and
 * the directory locked until end. 0, -EACCES (not one plain name, or the caller may not look), -ENAMETOOLONG ... then it is not locked. make and unlink: the
 * checks of open(O_CREAT) and unlink(2), without ".." and links. */
int child_begin(const struct path *dir, const char *name, struct dentry **out);
int child_make(const struct path *dir, struct dentry *d, u32 mode);
int child_unlink(const struct path *dir, struct dentry *d);
void child_end(const struct path *dir);
u32 current_umask(void);
/* An empty file record: refs 1, cred of current. 0, -ENFILE, -ENOMEM. */
int file_alloc(u32 flags, struct file **out);
/* Makes f an open file on p (takes references). */
int file_open_path(struct file *f, const struct path *p, const struct file_ops *ops);

#endif
