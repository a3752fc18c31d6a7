/* Inodes and superblocks: making, counting, freeing. Entry points: inode_create/get/put, super_create/set_root/put, register_filesystem, vfs_counts. */
#include "vfs/internal.h"
#include "vfs/notify.h"

static struct kmem_cache *inode_cache;
atomic64_t nr_files, nr_inodes, nr_mounts, nr_supers;
static LIST_HEAD(filesystems); /* mount_lock; entries are never removed */
static u32 next_anon_dev = 1;  /* atomic */

void inode_init(void) { inode_cache = kmem_cache_create("inode", sizeof(struct inode), 64); }

int inode_create(struct super *sb, u32 mode, struct inode **out)
{
	struct inode *i = kmem_cache_zalloc(inode_cache);
	if (!i)
		return -ENOMEM;
	const struct cred *c = current_cred();
	atomic_set(&i->refs, 1);
	i->mode = mode;
	i->uid = c->fsuid;
	i->gid = c->fsgid;
	i->nlink = 1;
	i->ino = (u64)atomic64_add_return(&sb->next_ino, 1) - 1;
	i->atime = i->mtime = i->ctime = i->btime = file_now();
	i->sb = sb;
	mutex_init(&i->lock, RANK_INODE);
	list_init(&i->locks);
	if (S_ISREG(mode))
		as_init(&i->data, NULL, i);
	atomic64_add(&nr_inodes, 1);
	*out = i;
	return 0;
}

void inode_init_owner(struct inode *i, const struct inode *dir)
{
	if (!dir || !(dir->mode & S_ISGID))
		return;
	i->gid = dir->gid;
	if (S_ISDIR(i->mode))
		i->mode |= S_ISGID;
	else if ((i->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && !cred_in_group(current_cred(), dir->gid) && !capable_over(dir, CAP_FSETID))
		i->mode &= ~(u32)S_ISGID;
}

void inode_get(struct inode *i) { atomic_inc(&i->refs); }

/* One more, unless there are none. */
static bool get_unless_zero(atomic_t *refs)
{
	s32 n = atomic_read(refs);
	while (n > 0) {
		s32 found = cmpxchg(&refs->v, n, n + 1);
		if (found == n)
			return true;
		n = found;
	}
	return false;
}

bool inode_get_live(struct inode *i) { return get_unless_zero(&i->refs); }
bool super_get_live(struct super *sb) { return get_unless_zero(&sb->refs); }

void inode_put(struct inode *i)
{
	if (!i || !atomic_dec_and_test(&i->refs))
		return;
	WARN_ON(!list_empty(&i->locks));
	if (i->sb->ops && i->sb->ops->evict)
		i->sb->ops->evict(i);
	if (S_ISREG(i->mode))
		as_destroy(&i->data);
	if (unlikely(i->acl || i->default_acl))
		acl_free(i);
	atomic64_add(&nr_inodes, -1);
	kmem_cache_free(inode_cache, i);
}

int super_create(const struct fs_type *t, const struct super_ops *ops, u64 magic, struct super **out)
{
	struct super *sb = kzalloc(sizeof(*sb));
	if (!sb)
		return -ENOMEM;
	atomic_set(&sb->refs, 1);
	sb->type = t;
	sb->ops = ops;
	sb->magic = magic;
	sb->block_size = PAGE_SIZE;
	sb->user_ns = current_user_ns();
	ns_get(&sb->user_ns->common);
	sb->dev = MKDEV(0, __atomic_fetch_add(&next_anon_dev, 1, __ATOMIC_RELAXED));
	atomic64_set(&sb->next_ino, 1);
	atomic64_add(&nr_supers, 1);
	*out = sb;
	return 0;
}

void super_set_owner(struct super *sb, struct user_namespace *ns)
{
	ns_get(&ns->common);
	ns_put(&sb->user_ns->common);
	sb->user_ns = ns;
}

int super_set_root(struct super *sb, struct inode *root)
{
	int err = dentry_create(NULL, "/", 1, root, &sb->root);
	if (err)
		inode_put(root);
	return err;
}

void super_put(struct super *sb)
{
	if (!atomic_dec_and_test(&sb->refs))
		return;
	notify_unmount(sb);
	if (sb->root)
		dcache_prune(sb->root);
	if (sb->ops && sb->ops->kill)
		sb->ops->kill(sb);
	dentry_put(sb->root);
	if (sb->ops && sb->ops->free)
		sb->ops->free(sb);
	atomic64_add(&nr_supers, -1);
	ns_put(&sb->user_ns->common);
	kfree(sb);
}

void register_filesystem(struct fs_type *t)
{
	mounts_lock();
	list_add_tail(&t->node, &filesystems);
	mounts_unlock();
}

struct fs_type *filesystem_at(u32 index)
{
	struct fs_type *t;
	list_for_each(t, &filesystems, node) {
		if (index-- == 0)
			return t;
	}
	return NULL;
}

struct fs_type *filesystem_find(const char *name)
{
	struct fs_type *t;
	list_for_each(t, &filesystems, node) {
		if (!strcmp(t->name, name))
			return t;
	}
	return NULL;
}
