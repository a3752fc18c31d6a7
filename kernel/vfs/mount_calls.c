/* mount(2) and umount2(2). Entry points: sys_mount, sys_umount2. The checks stand in Linux's order. */
#include <linux/magic.h>

#include "gen/sys_protos.h"
#include "vfs/internal.h"

#define MNT_FORCE 1u
#define MNT_DETACH 2u
#define MNT_EXPIRE 4u
#define UMOUNT_NOFOLLOW 8u
#define MNT_FLAG_MASK (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_NOSYMFOLLOW)
#define ATIME_MASK (MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME)
#define ATIME_KEPT (MS_NOATIME | MS_NODIRATIME | MS_RELATIME)
#define TYPE_MASK (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)

/* The flags that a mount keeps. */
static u32 mount_flags_from(u64 flags)
{
	u32 f = (u32)flags & MNT_FLAG_MASK;
	f &= ~(u32)MS_RELATIME;
	if (!(flags & (MS_NOATIME | MS_STRICTATIME)))
		f |= MS_RELATIME;
	if (flags & MS_STRICTATIME)
		f &= ~(u32)MS_NOATIME;
	return f;
}

static inline bool is_ours(const struct mount *m) { return m->ns == current_mnt_ns(); }

/* --- new mounts ------------------------------------------------------------------------------------------------------------------------- */

bool may_mount_type(const struct fs_type *t)
{
	if (!t->userns)
		return capable(CAP_SYS_ADMIN);
	return ns_capable(t->owner ? t->owner() : current_user_ns(), CAP_SYS_ADMIN);
}

static int put_on(struct mount *m, const struct path *target)
{
	if (!is_ours(target->mnt))
		return -EINVAL;
	if (target->mnt->sb == m->sb && path_is_mount_root(target) && m->root == target->dentry)
		return -EBUSY;
	return S_ISLNK(m->root->inode->mode) ? -EINVAL : mount_graft(m, target, false);
}

int mount_create_at_root(struct super *sb, const char *source, u32 flags, struct mount **out)
{
	struct dentry *root;
	if (likely(!sb->type->root))
		return mount_create(sb, sb->root, source, flags, out);
	int err = sb->type->root(sb, &root);
	if (err)
		return err;
	err = mount_create(sb, root, source, flags, out);
	dentry_put(root);
	return err;
}

/* The parsed part of mount(2), on resolved paths. */
static int mount_new(const char *source, const struct path *target, const char *type, u32 flags, const char *data)
{
	struct fs_type *t = filesystem_find(type);
	struct super *sb;
	struct mount *m;
	u32 locked = 0;
	if (!t || !t->mount)
		return -ENODEV;
	if (!may_mount_type(t))
		return -EPERM;
	int err = t->mount(t, source, data, &sb);
	if (err)
		return err;
	if (mount_too_revealing(sb, &flags, &locked))
		err = -EPERM;
	if (!err)
		err = mount_create_at_root(sb, source, flags, &m);
	super_put(sb);
	if (err)
		return err;
	m->locked_flags = locked;
	mounts_lock();
	err = put_on(m, target);
	mounts_unlock();
	if (err)
		mount_put(m);
	return err;
}

/* --- bind -------------------------------------------------------------------------------------------------------------------------------- */

/* => mount_lock. A bind without what is mounted below must not show what locked mounts cover. */
static bool covers_with_locked(const struct path *p)
{
	struct mount *c;
	list_for_each(c, &p->mnt->children, sibling)
		if (c->locked && dentry_is_under(c->mountpoint, p->dentry))
			return true;
	return false;
}

int mount_copy_for_bind(const struct path *old, bool recurse, struct mount **out)
{
	if (old->mnt->unbindable)
		return -EINVAL;
	if (!is_ours(old->mnt) && old->mnt->sb->magic != NSFS_MAGIC)
		return -EINVAL;
	if (!recurse && covers_with_locked(old))
		return -EINVAL;
	int err = recurse ? mount_copy_tree(old->mnt, old->dentry, COPY_NS_FILES, out) : mount_clone(old->mnt, old->dentry, 0, out);
	if (!err)
		(*out)->locked = false;
	return err;
}

/* The file of a mount namespace can be mounted in older ones only: else namespaces could keep each other alive. */
static bool makes_a_loop(const struct dentry *d)
{
	if (!is_mnt_ns_file(d))
		return false;
	const struct mnt_namespace *ns = container_of((struct ns_common *)d->inode->private, struct mnt_namespace, common);
	return current_mnt_ns()->id >= ns->id;
}

static int do_bind(const char *source, const struct path *target, bool recurse)
{
	struct path old;
	struct mount *m;
	LIST_HEAD(victims);
	if (!source || !*source)
		return -EINVAL;
	int err = path_lookup(AT_FDCWD, source, LOOKUP_FOLLOW, &old);
	if (err)
		return err;
	mounts_lock();
	err = makes_a_loop(old.dentry) || !is_ours(target->mnt) ? -EINVAL : mount_copy_for_bind(&old, recurse, &m);
	if (!err) {
		err = mount_graft(m, target, false);
		if (err)
			mount_discard(m, &victims);
	}
	mounts_unlock();
	mount_put_list(&victims);
	path_put(&old);
	return err;
}

/* --- move -------------------------------------------------------------------------------------------------------------------------------- */

static bool holds(struct mount *top, bool (*has)(const struct mount *m))
{
	for (struct mount *m = top; m; m = mount_next(m, top))
		if (has(m))
			return true;
	return false;
}
static bool has_unbindable(const struct mount *m) { return m->unbindable; }
static bool has_loop(const struct mount *m) { return makes_a_loop(m->root); }

int mount_may_move(struct mount *m, struct mount *to)
{
	if (to->shared && holds(m, has_unbindable))
		return -EINVAL;
	if (holds(m, has_loop))
		return -ELOOP;
	for (struct mount *up = to;; up = up->parent) {
		if (up == m)
			return -ELOOP;
		if (!mount_has_parent(up))
			return 0;
	}
}

int mount_move(const struct path *old, const struct path *target)
{
	struct mount *m = old->mnt;
	struct path p = *target;
	if (!is_ours(p.mnt) || !is_ours(m) || !mount_has_parent(m) || m->locked || !path_is_mount_root(old))
		return -EINVAL;
	if (S_ISDIR(old->dentry->inode->mode) != S_ISDIR(p.dentry->inode->mode) || m->parent->shared)
		return -EINVAL;
	int err = mount_may_move(m, p.mnt);
	return err ? err : mount_graft(m, &p, true);
}

static int do_move(const char *source, const struct path *target)
{
	struct path old;
	if (!source || !*source)
		return -EINVAL;
	int err = path_lookup(AT_FDCWD, source, LOOKUP_FOLLOW, &old);
	if (err)
		return err;
	mounts_lock();
	err = mount_move(&old, target);
	mounts_unlock();
	path_put(&old);
	return err;
}

/* --- flags and types ---------------------------------------------------------------------------------------------------------------------- */

bool mount_keeps_locked(const struct mount *m, u32 f)
{
	if (m->locked_flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC) & ~f)
		return false;
	return !(m->locked_flags & MS_RELATIME) || !((m->flags ^ f) & ATIME_KEPT);
}

int super_reconfigure(struct super *sb, u32 f, const char *data)
{
	if (!ns_capable(sb->user_ns, CAP_SYS_ADMIN))
		return -EPERM;
	if ((f & MS_RDONLY) && !(sb->flags & MS_RDONLY) && atomic_read(&sb->writers))
		return -EBUSY;
	int err = sb->ops && sb->ops->remount ? sb->ops->remount(sb, data) : 0;
	if (!err)
		WRITE_ONCE(sb->flags, (sb->flags & ~(u32)MS_RDONLY) | (f & MS_RDONLY));
	return err;
}

/* => mount_lock */
static int remount_locked(struct mount *m, u64 flags, const char *data)
{
	u32 f = mount_flags_from(flags);
	int err = 0;
	if (!(flags & ATIME_MASK))
		f = (f & ~(u32)ATIME_MASK) | (m->flags & ATIME_MASK);
	if (!mount_keeps_locked(m, f))
		return -EPERM;
	if (!(flags & MS_BIND))
		err = super_reconfigure(m->sb, f, data);
	else if ((f & MS_RDONLY) && !(m->flags & MS_RDONLY) && atomic_read(&m->writers))
		err = -EBUSY;
	if (!err)
		WRITE_ONCE(m->flags, f);
	return err;
}

static int do_remount(const struct path *p, u64 flags, const char *data)
{
	mounts_lock();
	int err = is_ours(p->mnt) && path_is_mount_root(p) ? remount_locked(p->mnt, flags, data) : -EINVAL;
	mounts_unlock();
	return err;
}

static int do_change_type(const struct path *p, u64 flags)
{
	u32 type = (u32)(flags & ~(u64)(MS_REC | MS_SILENT));
	int err = 0;
	if (!path_is_mount_root(p) || (type & ~(u32)TYPE_MASK) || (type & (type - 1)))
		return -EINVAL;
	mounts_lock();
	if (!is_ours(p->mnt))
		err = -EINVAL;
	for (struct mount *m = err ? NULL : p->mnt; m; m = flags & MS_REC ? mount_next(m, p->mnt) : NULL)
		mount_change_type(m, type);
	mounts_unlock();
	return err;
}

/* --- mount(2) ------------------------------------------------------------------------------------------------------------------------------ */

static int do_mount_kind(const char *source, const struct path *p, const char *type, u64 flags, const char *data)
{
	if (!may_mount())
		return -EPERM;
	if (flags & MS_REMOUNT)
		return do_remount(p, flags, data);
	if (flags & MS_BIND)
		return do_bind(source, p, flags & MS_REC);
	if (flags & TYPE_MASK)
		return do_change_type(p, flags);
	if (flags & MS_MOVE)
		return do_move(source, p);
	return type ? mount_new(source, p, type, mount_flags_from(flags), data) : -EINVAL;
}

/* A string argument, NULL when the pointer is. 0, -EFAULT, -EINVAL (too long), -ENOMEM. */
static int copy_string(uaddr_t u, char **out)
{
	*out = NULL;
	if (!u)
		return 0;
	int err = path_name_get(u, out);
	if (err == -ENAMETOOLONG)
		return -EINVAL;
	/* An empty string is fine here. */
	if (err == -ENOENT) {
		*out = NULL;
		return 0;
	}
	return err;
}

/* The options page: whatever is readable of it. */
static int copy_data(uaddr_t u, char **out)
{
	*out = NULL;
	if (!u)
		return 0;
	char *page = kzalloc(PAGE_SIZE);
	if (!page)
		return -ENOMEM;
	if (copy_from_user_partial(page, u, PAGE_SIZE - 1) == PAGE_SIZE - 1) {
		kfree(page);
		return -EFAULT;
	}
	*out = page;
	return 0;
}

long sys_mount(u64 usource, u64 utarget, u64 utype, u64 flags, u64 udata)
{
	char *source = NULL, *type = NULL, *data = NULL;
	struct path p;
	if ((flags & MS_MGC_MSK) == MS_MGC_VAL)
		flags &= ~(u64)MS_MGC_MSK;
	int err = copy_string(utype, &type);
	if (!err)
		err = copy_string(usource, &source);
	if (!err)
		err = copy_data(udata, &data);
	if (!err)
		err = path_lookup_user(AT_FDCWD, utarget, LOOKUP_FOLLOW, &p);
	if (!err) {
		err = do_mount_kind(source, &p, type, flags, data);
		path_put(&p);
	}
	kfree(data);
	path_name_put(source);
	path_name_put(type);
	return err;
}

/* --- umount2(2) ---------------------------------------------------------------------------------------------------------------------------- */

/* => mount_lock. Nobody but the tree, and `users` besides, uses m. */
static bool is_unused(const struct mount *m, s32 users) { return atomic_read(&m->refs) <= 1 + users; }

/* => mount_lock. Is m, or what would leave together with it elsewhere, in use? */
static bool is_busy(struct mount *m)
{
	if (!list_empty(&m->children) || !is_unused(m, 1))
		return true;
	if (!mount_has_parent(m))
		return false;
	for (struct mount *p = propagation_next(m->parent, m->parent); p; p = propagation_next(p, m->parent)) {
		struct mount *c = mount_find(p, m->mountpoint);
		if (c && list_empty(&c->children) && !is_unused(c, 0))
			return true;
	}
	return false;
}

/* The caller's root cannot go by itself; it becomes read-only, which is what a shutdown wants. */
static int umount_root(struct mount *m)
{
	if (!ns_capable(m->sb->user_ns, CAP_SYS_ADMIN))
		return -EPERM;
	mounts_lock();
	int err = !(m->sb->flags & MS_RDONLY) && atomic_read(&m->sb->writers) ? -EBUSY : 0;
	if (!err)
		WRITE_ONCE(m->sb->flags, m->sb->flags | MS_RDONLY);
	mounts_unlock();
	return err;
}

/* => mount_lock */
static int expire(struct mount *m)
{
	if (!is_unused(m, 1) || !list_empty(&m->children))
		return -EBUSY;
	if (m->expire_mark)
		return 0;
	m->expire_mark = true;
	return -EAGAIN;
}

static int do_umount(const struct path *p, u32 flags)
{
	struct mount *m = p->mnt, *root = current_thread()->fs->root.mnt;
	LIST_HEAD(victims);
	int err = 0;
	if (!may_mount())
		return -EPERM;
	if (!path_is_mount_root(p) || !is_ours(m) || m->locked)
		return -EINVAL;
	if ((flags & MNT_FORCE) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	if ((flags & MNT_EXPIRE) && (m == root || (flags & (MNT_FORCE | MNT_DETACH))))
		return -EINVAL;
	if (m == root && !(flags & MNT_DETACH))
		return umount_root(m);
	mounts_lock();
	if (flags & MNT_EXPIRE)
		err = expire(m);
	if (!err && m->locked)
		err = -EINVAL;
	if (!err && !(flags & MNT_DETACH) && is_busy(m))
		err = -EBUSY;
	if (!err && m->ns)
		mount_take_off(m, true, flags & MNT_DETACH, &victims);
	mounts_unlock();
	mount_put_list(&victims);
	return err;
}

long sys_umount2(u64 uname, u64 flags)
{
	struct path p;
	if (flags & ~(u64)(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW))
		return -EINVAL;
	int err = path_lookup_user(AT_FDCWD, uname, flags & UMOUNT_NOFOLLOW ? 0 : LOOKUP_FOLLOW, &p);
	if (err)
		return err;
	err = do_umount(&p, (u32)flags);
	path_put(&p);
	return err;
}
