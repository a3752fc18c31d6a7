/*
 * Mount namespaces. Entry points: mnt_ns_create, mnt_ns_free, mnt_ns_root, may_mount, mount_too_revealing, vfs_current_chrooted.
 * A new namespace starts with a copy of the whole tree of its maker's. Where it belongs to another user namespace, the copies are slaves and are locked
 * down: what covered something goes on covering it, read-only stays read-only.
 */
#include "vfs/internal.h"

static struct list_head all_mnt_ns;
struct mnt_namespace init_mnt_ns = {
	.common = NS_COMMON_INIT(NS_MNT, NS_INUM_MNT),
	.mounts = LIST_HEAD_INIT(init_mnt_ns.mounts),
	.id = 1,
	.all = { &all_mnt_ns, &all_mnt_ns },
};
static struct list_head all_mnt_ns = { &init_mnt_ns.all, &init_mnt_ns.all }; /* mount_lock */
static u64 last_id = 1;                                                      /* mount_lock */

bool may_mount(void) { return ns_capable(current_mnt_ns()->common.owner, CAP_SYS_ADMIN); }

/* => mount_lock. A place in the old tree becomes the same place in the copy. *old takes the reference to put later. */
static void follow_copy(struct fs_context *fs, struct path *place, const struct mount *from, struct mount *to, struct mount **old)
{
	spin_lock(&fs->lock);
	if (place->mnt == from) {
		*old = place->mnt;
		mount_get(to);
		place->mnt = to;
	}
	spin_unlock(&fs->lock);
}

/* => mount_lock. fs moves over into the copy. The reading order of both trees is the same, but for mounts that were left out. */
static void move_into_copy(struct fs_context *fs, struct mount *from, struct mount *to, struct mount *old[2])
{
	struct mount *f = from, *t = to;
	while (f && t) {
		follow_copy(fs, &fs->root, f, t, &old[0]);
		follow_copy(fs, &fs->cwd, f, t, &old[1]);
		t = mount_next(t, to);
		f = mount_next(f, from);
		while (f && t && f->root != t->root)
			f = mount_next_outside(f, from);
	}
}

int mnt_ns_create(struct ns_common *from, struct user_namespace *owner, struct fs_context *fs, struct ns_common **out)
{
	struct mnt_namespace *old = container_of(from, struct mnt_namespace, common), *ns = kzalloc(sizeof(*ns));
	struct mount *left[2] = { NULL, NULL };
	bool foreign = owner != from->owner;
	int err = ns ? ns_init(&ns->common, NS_MNT, owner) : -ENOMEM;
	if (err) {
		kfree(ns);
		return err;
	}
	list_init(&ns->mounts);
	mounts_lock();
	err = mount_copy_tree(old->root, old->root->root, COPY_UNBINDABLE | (foreign ? COPY_SHARED_TO_SLAVE : 0), &ns->root);
	if (!err) {
		if (foreign)
			mounts_lock_down(ns->root);
		ns->id = ++last_id;
		list_add_tail(&ns->all, &all_mnt_ns);
		mounts_join(ns, ns->root);
		move_into_copy(fs, old->root, ns->root, left);
	}
	mounts_unlock();
	mount_put(left[0]);
	mount_put(left[1]);
	if (err) {
		ns_exit(&ns->common);
		kfree(ns);
		return err;
	}
	*out = &ns->common;
	return 0;
}

struct mnt_namespace *mnt_ns_neighbour(struct mnt_namespace *ns, bool previous)
{
	struct mnt_namespace *found = NULL;
	mounts_lock();
	for (struct list_head *l = previous ? ns->all.prev : ns->all.next; l != &all_mnt_ns && !found; l = previous ? l->prev : l->next) {
		struct mnt_namespace *n = list_entry(l, struct mnt_namespace, all);
		if (ns_capable(n->common.owner, CAP_SYS_ADMIN) && atomic_inc_not_zero(&n->common.refs))
			found = n;
	}
	mounts_unlock();
	return found;
}

void mnt_ns_free(struct ns_common *common)
{
	struct mnt_namespace *ns = container_of(common, struct mnt_namespace, common);
	LIST_HEAD(victims);
	mounts_lock();
	list_del(&ns->all);
	mount_take_off(ns->root, false, false, &victims);
	mounts_unlock();
	mount_put_list(&victims);
	ns_exit(common);
	kfree(ns);
}

void mnt_ns_root(struct mnt_namespace *ns, struct path *out)
{
	*out = (struct path){ ns->root, ns->root->root };
	path_get(out);
	path_follow_mounts(out);
}

bool vfs_current_chrooted(void)
{
	struct fs_context *fs = current_thread()->fs;
	struct path top;
	mnt_ns_root(current_mnt_ns(), &top);
	spin_lock(&fs->lock);
	bool chrooted = fs->root.mnt != top.mnt || fs->root.dentry != top.dentry;
	spin_unlock(&fs->lock);
	path_put(&top);
	return chrooted;
}

/* --- what may be seen --------------------------------------------------------------------------------------------------------------------- */

/* => mount_lock. Does m show all of its file system, but for empty directories made to be covered? */
static bool shows_all(struct mount *m)
{
	struct mount *c;
	if (m->root != m->sb->root)
		return false;
	list_for_each(c, &m->children, sibling) {
		if (!c->locked)
			continue;
		const struct inode *i = c->mountpoint->inode;
		if (!i || !S_ISDIR(i->mode) || !i->made_empty)
			return false;
	}
	return true;
}

bool mount_too_revealing(const struct super *sb, u32 *flags, u32 *locked)
{
	struct mnt_namespace *ns = current_mnt_ns();
	const u32 atime = MS_NOATIME | MS_NODIRATIME | MS_RELATIME;
	bool found = false;
	struct mount *m;
	if (ns->common.owner == &init_user_ns || !sb->type->revealing)
		return false;
	mounts_lock();
	list_for_each(m, &ns->mounts, list) {
		if (m->sb->type != sb->type || !shows_all(m))
			continue;
		/* It must not be less restricted than the one that is there. */
		u32 l = m->locked_flags;
		if (((l & MS_RDONLY) && !(*flags & MS_RDONLY)) || ((l & MS_RELATIME) && ((m->flags ^ *flags) & atime)))
			continue;
		*locked |= l & (MS_RDONLY | MS_RELATIME);
		found = true;
		break;
	}
	mounts_unlock();
	return !found;
}
