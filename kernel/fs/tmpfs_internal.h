/* What the three files of tmpfs share. */
#ifndef PANDO_FS_TMPFS_INTERNAL_H
#define PANDO_FS_TMPFS_INTERNAL_H

#include "fs/tmpfs.h"
#include "fs/tmpfs_xattr.h"
#include "lib/rbtree.h"

/* inode->private of directories, and of others once they have attributes. All under the inode's lock. */
struct tmpfs_inode {
	struct rb_root entries;
	u64 nr_entries;
	struct tmpfs_xattrs xattrs;
	struct tmpfs_source_file *source; /* what it came from, or NULL */
};
struct tmpfs_super {
	struct tmpfs_limits limits; /* mount lock to write */
	atomic64_t pages, inodes; /* in use */
	struct inode *root;
	const struct tmpfs_source *source; /* constant: a disk below, or NULL */
	void *source_data;
};

static inline struct tmpfs_super *tmpfs_super_of(const struct inode *i) { return i->sb->private; }
/* A directory whose names are still on the disk only gets them. 0 or -errno. => inode lock */
static inline int tmpfs_need_names(struct inode *dir)
{
	const struct tmpfs_source_file *f = ((struct tmpfs_inode *)dir->private)->source;
	return likely(!f || !f->unread) ? 0 : tmpfs_super_of(dir)->source->read_dir(dir);
}
static inline struct tmpfs_source_file *tmpfs_source_of(const struct inode *i)
{
	const struct tmpfs_inode *info = i->private;
	return info ? info->source : NULL;
}
/* The file's data is about to differ from the disk's. */
static inline void tmpfs_touch(struct inode *i)
{
	struct tmpfs_source_file *f = tmpfs_source_of(i);
	/* The disk's blocks are not charged; from here on its pages are. */
	if (unlikely(f != NULL) && !READ_ONCE(f->touched) && !xchg(&f->touched, true))
		i->blocks = 0;
}
/* Adds n pages to what inode i and its file system have used. 0 or -ENOSPC. => inode lock */
int tmpfs_charge_pages(struct inode *i, u64 n);
/* Brings the count in line with the pages there are: mappings add some, truncation takes some. => inode lock, or last user */
void tmpfs_recount(struct inode *i);
/* An inode with no name yet. 0, -ENOMEM, -ENOSPC. */
int tmpfs_make_inode(struct super *sb, u32 mode, u64 rdev, const char *target, struct inode **out);
/* i->private, made if need be. 0 or -ENOMEM. => inode lock, or nobody else knows i */
int tmpfs_info(struct inode *i, struct tmpfs_inode **out);
void tmpfs_evict(struct inode *i);
/* Frees every name below root. => nobody uses the file system any more */
void tmpfs_drop_tree(struct inode *root);
void tmpfs_caches_init(void);
extern const struct inode_ops tmpfs_file_inode_ops;
int tmpfs_setattr(struct inode *i, const struct inode_attr *a);
int tmpfs_getxattr(struct inode *i, const char *name, void *buf, size_t size);
int tmpfs_setxattr(struct inode *i, const char *name, const void *buf, size_t size, int flags);
int tmpfs_listxattr(struct inode *i, char *buf, size_t size);
int tmpfs_removexattr(struct inode *i, const char *name);

#endif
