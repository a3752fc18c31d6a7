/* The mount namespace's row in the table of kinds (the namespace itself: vfs/mount_ns.c), and what pivot_root does to tasks. */
#include <linux/capability.h>

#include "proc/internal.h"
#include "proc/ns.h"
#include "vfs/mount.h"

/* The joiner's root and current directory become the root of the namespace. */
static int install(struct nsset *set, struct ns_common *common)
{
	struct mnt_namespace *ns = container_of(common, struct mnt_namespace, common);
	struct user_namespace *user = nsset_user_ns(set);
	struct path root;
	if (!ns_capable(common->owner, CAP_SYS_ADMIN) || !ns_capable(user, CAP_SYS_CHROOT) || !ns_capable(user, CAP_SYS_ADMIN))
		return -EPERM;
	/* One more user than current: the set itself. */
	if (atomic_read(&set->fs->users) != (set->fs == current->fs ? 2 : 1))
		return -EINVAL;
	ns_get(common);
	ns_put(&set->nsproxy->mnt->common);
	set->nsproxy->mnt = ns;
	mnt_ns_root(ns, &root);
	fs_context_set_places(set->fs, &root);
	path_put(&root);
	return 0;
}

const struct ns_ops mnt_ns_ops = { "mnt", CLONE_NEWNS, mnt_ns_create, mnt_ns_free, install };

/* One place of one task. True when it was `from`, whose reference is now the caller's to put. */
static bool move_place(struct path *place, const struct path *from, const struct path *to)
{
	if (place->mnt != from->mnt || place->dentry != from->dentry)
		return false;
	path_get(to);
	*place = *to;
	return true;
}

void hook_move_places(const struct path *from, const struct path *to)
{
	struct task *p, *t;
	u32 moved = 0;
	spin_lock(&tasklist_lock);
	for_each_process(p)
		for_each_thread(p, t) {
			spin_lock(&t->alloc_lock);
			if (t->fs) {
				spin_lock(&t->fs->lock);
				moved += move_place(&t->fs->root, from, to) + move_place(&t->fs->cwd, from, to);
				spin_unlock(&t->fs->lock);
			}
			spin_unlock(&t->alloc_lock);
		}
	spin_unlock(&tasklist_lock);
	while (moved--)
		path_put(from);
}
