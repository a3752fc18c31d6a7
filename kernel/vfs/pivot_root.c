/* pivot_root(2): another mount becomes the root of the mount namespace, and the old root goes below it. */
#include "gen/sys_protos.h"
#include "vfs/internal.h"

/* => mount_lock */
static int check(const struct path *new, const struct path *old, const struct path *root)
{
	struct mount *n = new->mnt, *r = root->mnt;
	struct mnt_namespace *ns = current_mnt_ns();
	if (old->mnt->shared || n->parent->shared || r->parent->shared)
		return -EINVAL;
	if (r->ns != ns || n->ns != ns || n->locked)
		return -EINVAL;
	if (new->dentry->unhashed && new->dentry->parent != new->dentry)
		return -ENOENT;
	if (n == r || old->mnt == r)
		return -EBUSY;
	if (!path_is_mount_root(root) || !mount_has_parent(r) || !path_is_mount_root(new) || !mount_has_parent(n))
		return -EINVAL;
	if (!path_is_reachable(old->mnt, old->dentry, new) || !path_is_reachable(n, new->dentry, root))
		return -EINVAL;
	return 0;
}

/* => mount_lock. `left`: the old places, to be put after the lock. */
static void exchange(const struct path *new, const struct path *old, struct mount *r, struct path left[2])
{
	struct mount *n = new->mnt;
	mount_unplace(n, &left[0]);
	mount_unplace(r, &left[1]);
	if (r->locked) {
		n->locked = true;
		r->locked = false;
	}
	mount_place(r, old->mnt, old->dentry);
	mount_place(n, left[1].mnt, left[1].dentry);
	spin_lock(&dcache_lock);
	mount_hash_in(r);
	mount_hash_in(n);
	spin_unlock(&dcache_lock);
}

static int pivot(const struct path *new, struct path *old, const struct path *root)
{
	struct path left[2] = { { NULL, NULL }, { NULL, NULL } };
	mounts_lock();
	path_follow_mounts(old);
	int err = check(new, old, root);
	if (!err)
		exchange(new, old, root->mnt, left);
	mounts_unlock();
	path_put(&left[0]);
	path_put(&left[1]);
	if (!err)
		hook_move_places(root, new);
	return err;
}

long sys_pivot_root(u64 unew, u64 uold)
{
	struct fs_context *fs = current_thread()->fs;
	struct path new, old, root;
	if (!may_mount())
		return -EPERM;
	int err = path_lookup_user(AT_FDCWD, unew, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &new);
	if (err)
		return err;
	err = path_lookup_user(AT_FDCWD, uold, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &old);
	if (!err) {
		spin_lock(&fs->lock);
		root = fs->root;
		path_get(&root);
		spin_unlock(&fs->lock);
		err = pivot(&new, &old, &root);
		path_put(&root);
		path_put(&old);
	}
	path_put(&new);
	return err;
}
