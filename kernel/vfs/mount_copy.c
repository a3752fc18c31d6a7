/* Copies of mounts and of trees of mounts, for bind mounts, propagation and new namespaces. Entry points: mount_clone, mount_copy_tree. */
#include <linux/magic.h>

#include "vfs/internal.h"

bool is_mnt_ns_file(const struct dentry *d)
{
	const struct inode *i = d->inode;
	return i && i->sb->magic == NSFS_MAGIC && i->private && ((const struct ns_common *)i->private)->kind == NS_MNT;
}

/* The copy's place in the web of propagation. */
static void bond(struct mount *m, struct mount *old, u32 how)
{
	if ((how & COPY_SLAVE) || ((how & COPY_SHARED_TO_SLAVE) && old->shared)) {
		list_add(&m->slave_node, &old->slaves);
		m->master = old;
	} else if (!(how & COPY_PRIVATE)) {
		if (old->shared) {
			list_add(&m->peers, &old->peers);
			m->group = old->group;
			m->shared = true;
		}
		if (old->master)
			list_add(&m->slave_node, &old->slave_node);
		m->master = old->master;
	}
	if (how & COPY_SHARED)
		mount_make_shared(m, false);
}

int mount_clone(struct mount *old, struct dentry *root, u32 how, struct mount **out)
{
	struct mount *m;
	int err = mount_create(old->sb, root, old->source, old->flags, &m);
	if (err)
		return err;
	m->locked_flags = old->locked_flags;
	m->unbindable = old->unbindable;
	m->locked = old->locked;
	bond(m, old, how);
	*out = m;
	return 0;
}

/* May m, which is mounted below the top of what is copied, be left out? 0: no; 1: yes, with all on it; -EPERM: it must not show what is below. */
static int leave_out(const struct mount *m, u32 how)
{
	if (!(how & COPY_UNBINDABLE) && m->unbindable)
		return m->locked ? -EPERM : 1;
	return !(how & COPY_NS_FILES) && is_mnt_ns_file(m->root);
}

/* Copies what is mounted on `old` (the first level: below `root`) onto its copy `top`. */
static int copy_below(struct mount *old, struct dentry *root, u32 how, struct mount *top)
{
	struct mount *from = mount_next(old, old), *to = top, *at = old;
	while (from) {
		int skip = from->parent == old && !dentry_is_under(from->mountpoint, root) ? 1 : leave_out(from, how);
		if (skip < 0)
			return skip;
		if (skip) {
			from = mount_next_outside(from, old);
			continue;
		}
		/* `to` is the copy of `at`: climb to the copy of from's parent. */
		while (at != from->parent) {
			at = at->parent;
			to = to->parent;
		}
		struct mount *copy;
		int err = mount_clone(from, from->root, how, &copy);
		if (err)
			return err;
		mount_place(copy, to, from->mountpoint);
		spin_lock(&dcache_lock);
		mount_hash_in(copy);
		spin_unlock(&dcache_lock);
		at = from;
		to = copy;
		from = mount_next(from, old);
	}
	return 0;
}

int mount_copy_tree(struct mount *old, struct dentry *root, u32 how, struct mount **out)
{
	struct mount *top;
	if (!(how & COPY_UNBINDABLE) && old->unbindable)
		return -EINVAL;
	if (!(how & COPY_NS_FILES) && is_mnt_ns_file(root))
		return -EINVAL;
	int err = mount_clone(old, root, how, &top);
	if (err)
		return err;
	err = copy_below(old, root, how, top);
	if (err) {
		/* The originals hold whatever the copies do: none of these is a last reference. */
		LIST_HEAD(victims);
		mount_discard(top, &victims);
		mount_put_list(&victims);
		return err;
	}
	*out = top;
	return 0;
}

void mounts_lock_down(struct mount *top)
{
	for (struct mount *m = top; m; m = mount_next(m, top)) {
		m->locked_flags |= (m->flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)) | MS_RELATIME;
		if (m != top)
			m->locked = true;
	}
}
