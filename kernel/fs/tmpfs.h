/* The memory file system. What devtmpfs, memfd and the initramfs loader use beside the vfs operations. */
#ifndef PANDO_FS_TMPFS_H
#define PANDO_FS_TMPFS_H

#include "vfs/file.h"
#include "vfs/vfs.h"

struct tmpfs_limits {
	u64 max_pages, max_inodes; /* 0 = no limit */
	u32 mode, uid, gid; /* of the root directory */
};
/*
 * A tmpfs that begins with what a disk holds (fs/erofs.c): directories get their names and files their pages from there when they are first wanted. What has
 * not been touched is the disk's and can be dropped and read again; what has been is tmpfs's own.
 */
struct tmpfs_source_file {
	u64 size; /* bytes that still come from the disk; inode lock to lower */
	bool unread; /* inode lock: a directory whose names have not been read */
	bool touched; /* a: the data may differ from the disk's: its pages stay */
};
struct tmpfs_source {
	int (*read_dir)(struct inode *dir); /* => dir's lock. Makes the names; clears unread */
	void (*forget)(struct inode *i, struct tmpfs_source_file *f); /* the inode goes, and f with it */
	void (*kill)(struct super *sb); /* the tree is about to go: drops every reference */
	void (*free)(struct super *sb); /* after the last inode */
	const char *options; /* for /proc/mounts, with a leading comma */
};
/* A fresh file system. 0 or -ENOMEM. */
int tmpfs_super(const struct fs_type *t, const struct tmpfs_limits *l, struct super **out);
/* Adds name to directory dir without permission checks and without touching dir's times. mode with type; target for symbolic links. *out has a
 * reference. 0, -ENOMEM, -ENOSPC, -EEXIST. => nobody else uses dir (boot), or dir's lock held; the dentry cache does not know of the name */
int tmpfs_add(struct inode *dir, const char *name, u32 len, u32 mode, u64 rdev, const char *target, struct inode **out);
/* One more name of target. 0, -ENOMEM, -EEXIST. => as tmpfs_add */
int tmpfs_add_link(struct inode *dir, const char *name, u32 len, struct inode *target);
/* The child by name without a reference, or NULL. => as tmpfs_add */
struct inode *tmpfs_child(struct inode *dir, const char *name, u32 len);
/* A regular file without a name (memfd). *out has refs 1, nlink 0. 0 or -ENOMEM / -ENOSPC. */
int tmpfs_nameless(struct super *sb, u32 mode, struct inode **out);
/* Pages that were there before the machine's memory was counted out (the initramfs in place) do not use up the limit: it becomes these plus half of the
 * rest. */
void tmpfs_grow_limit(struct super *sb, u64 pages);
extern const struct file_ops tmpfs_file_ops;
/* The internal mount on which memfds live. */
struct mount *tmpfs_internal_mount(void);

#endif
