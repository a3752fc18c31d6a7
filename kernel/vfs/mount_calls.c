/* mount(2) and umount2(2). Entry points: sys_mount, sys_umount2. */
#include "gen/sys_protos.h"
#include "vfs/internal.h"

#define MNT_FORCE 1u
#define MNT_DETACH 2u
#define MNT_EXPIRE 4u
#define UMOUNT_NOFOLLOW 8u
#define MNT_FLAG_MASK (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_NOSYMFOLLOW)
#define ATIME_MASK (MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME)

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

static inline bool is_mount_root(const struct path *p) { return p->mnt->root == p->dentry; }

/* => mount_lock. Is m p or below it? */
static bool mount_is_under(const struct mount *m, const struct mount *p)
{
	for (; m != p; m = m->parent) {
		if (m->parent == m)
			return false;
	}
	return true;
}

/* => mount_lock. Copies the mounts below top->copy_of (only those under `under` at the first level) onto top's tree. 0 or -errno. */
static int copy_children(struct mount *top, const struct dentry *under)
{
	struct list_head *at = &top->list;
	top->copy_of = top->copy_of ? top->copy_of : top;
	/* Copies are appended to mount_list behind top, so walking on from top meets each of them once. */
	for (; at != &mount_list; at = at->next) {
		struct mount *dst = list_entry(at, struct mount, list), *src = dst->copy_of, *c;
		if (!src)
			continue;
		list_for_each(c, &src->children, sibling) {
			struct mount *copy;
			if (c->copy_of || (dst == top && !dentry_is_under(c->mountpoint, under)))
				continue;
			int err = mount_create(c->sb, c->root, c->source, c->flags, &copy);
			if (err)
				return err;
			struct path where = { dst, c->mountpoint };
			err = mount_attach(copy, &where);
			if (err) {
				mount_put(copy);
				return err;
			}
			copy->copy_of = c;
		}
	}
	return 0;
}

static int do_bind(const char *source, const struct path *target, bool recurse)
{
	struct path old;
	struct mount *m;
	LIST_HEAD(victims);
	int err = path_lookup(AT_FDCWD, source, LOOKUP_FOLLOW, &old);
	if (err)
		return err;
	err = mount_create(old.mnt->sb, old.dentry, old.mnt->source, old.mnt->flags, &m);
	if (err) {
		path_put(&old);
		return err;
	}
	mutex_lock(&mount_lock);
	err = list_empty(&old.mnt->list) ? -EINVAL : mount_attach(m, target);
	bool attached = !err;
	if (!err && recurse) {
		struct mount *each;
		m->copy_of = old.mnt;
		err = copy_children(m, old.dentry);
		list_for_each(each, &mount_list, list)
			each->copy_of = NULL;
	}
	if (err && attached)
		mount_detach_tree(m, &victims);
	mutex_unlock(&mount_lock);
	mount_put_list(&victims);
	if (err && !attached)
		mount_put(m);
	path_put(&old);
	return err;
}

static int do_move(const char *source, const struct path *target)
{
	struct path old;
	int err = path_lookup(AT_FDCWD, source, LOOKUP_FOLLOW, &old);
	if (err)
		return err;
	mutex_lock(&mount_lock);
	struct mount *m = old.mnt;
	if (!is_mount_root(&old) || list_empty(&m->list) || m->parent == m)
		err = -EINVAL;
	else if (S_ISDIR(old.dentry->inode->mode) != S_ISDIR(target->dentry->inode->mode))
		err = -EINVAL;
	else if (mount_is_under(target->mnt, m))
		err = -ELOOP;
	if (!err) {
		struct mount *parent = m->parent;
		struct path back = { parent, m->mountpoint };
		LIST_HEAD(kept);
		/* The children stay on m: only m itself moves. */
		path_get(&back);
		list_splice_tail(&m->children, &kept);
		LIST_HEAD(self);
		mount_detach_tree(m, &self);
		list_del(&m->list);
		err = mount_attach(m, target);
		if (err && mount_attach(m, &back)) {
			/* Its old place vanished meanwhile: it goes on as an unattached mount while somebody uses it. */
			list_splice_tail(&kept, &m->children);
			list_init(&m->list);
			mutex_unlock(&mount_lock);
			path_put(&back);
			path_put(&old);
			mount_put(m);
			return err;
		}
		list_splice_tail(&kept, &m->children);
		path_put(&back);
	}
	mutex_unlock(&mount_lock);
	path_put(&old);
	return err;
}

/* => mount_lock. Is some file of sb open for writing? */
static bool super_has_writers(const struct super *sb)
{
	struct mount *m;
	list_for_each(m, &mount_list, list) {
		if (m->sb == sb && atomic_read(&m->writers))
			return true;
	}
	return false;
}

static int do_remount(const struct path *p, u64 flags, const char *data)
{
	struct mount *m = p->mnt;
	struct super *sb = m->sb;
	int err = 0;
	if (!is_mount_root(p))
		return -EINVAL;
	mutex_lock(&mount_lock);
	u32 f = mount_flags_from(flags);
	if (!(flags & ATIME_MASK))
		f = (f & ~(u32)ATIME_MASK) | (m->flags & ATIME_MASK);
	if (flags & MS_BIND) {
		if ((f & MS_RDONLY) && !(m->flags & MS_RDONLY) && atomic_read(&m->writers))
			err = -EBUSY;
		if (!err)
			WRITE_ONCE(m->flags, f);
	} else {
		if ((f & MS_RDONLY) && !(sb->flags & MS_RDONLY) && super_has_writers(sb))
			err = -EBUSY;
		if (!err && sb->ops && sb->ops->remount)
			err = sb->ops->remount(sb, data);
		if (!err) {
			WRITE_ONCE(sb->flags, (sb->flags & ~(u32)MS_RDONLY) | (f & MS_RDONLY));
			WRITE_ONCE(m->flags, f);
		}
	}
	mutex_unlock(&mount_lock);
	return err;
}

/* Propagation: every mount is private, so asking for private (or for a slave of nobody) is already true; the rest is not to be had. */
static int do_propagation(const struct path *p, u64 flags)
{
	u64 kind = flags & (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE);
	if ((flags & ~(u64)(MS_REC | MS_SILENT)) != kind || (kind & (kind - 1)) || !is_mount_root(p))
		return -EINVAL;
	return kind & (MS_PRIVATE | MS_SLAVE) ? 0 : -EINVAL;
}

static int do_mount_kind(const char *source, const struct path *p, const char *type, u64 flags, const char *data)
{
	if (flags & MS_REMOUNT)
		return do_remount(p, flags, data);
	if (flags & MS_BIND)
		return source && *source ? do_bind(source, p, flags & MS_REC) : -EINVAL;
	if (flags & (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE))
		return do_propagation(p, flags);
	if (flags & MS_MOVE)
		return source && *source ? do_move(source, p) : -EINVAL;
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
		err = capable(CAP_SYS_ADMIN) ? do_mount_kind(source, &p, type, flags, data) : -EPERM;
		path_put(&p);
	}
	kfree(data);
	path_name_put(source);
	path_name_put(type);
	return err;
}

/* => mount_lock. Nobody but the caller's path and the tree uses m. */
static bool mount_idle(const struct mount *m) { return list_empty(&m->children) && atomic_read(&m->refs) <= 2; }

static int do_umount(const struct path *p, u32 flags)
{
	struct mount *m = p->mnt;
	LIST_HEAD(victims);
	int err = 0;
	mutex_lock(&mount_lock);
	if (p->dentry != m->root || list_empty(&m->list))
		err = -EINVAL;
	else if (m == root_mount || m->parent == m) {
		/* The root cannot go; without MNT_DETACH it becomes read-only, which is what shutdown wants. */
		err = -EINVAL;
		if (!(flags & MNT_DETACH)) {
			err = super_has_writers(m->sb) ? -EBUSY : 0;
			if (!err)
				m->sb->flags |= MS_RDONLY;
		}
	} else if (flags & MNT_EXPIRE) {
		if (!mount_idle(m))
			err = -EBUSY;
		else if (!m->expire_mark) {
			m->expire_mark = true;
			err = -EAGAIN;
		}
	} else if (!(flags & MNT_DETACH) && !mount_idle(m)) {
		err = -EBUSY;
	}
	if (!err && m != root_mount && m->parent != m)
		mount_detach_tree(m, &victims);
	mutex_unlock(&mount_lock);
	mount_put_list(&victims);
	return err;
}

long sys_umount2(u64 uname, u64 flags)
{
	struct path p;
	if (flags & ~(u64)(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW))
		return -EINVAL;
	if ((flags & MNT_EXPIRE) && (flags & (MNT_FORCE | MNT_DETACH)))
		return -EINVAL;
	int err = path_lookup_user(AT_FDCWD, uname, flags & UMOUNT_NOFOLLOW ? 0 : LOOKUP_FOLLOW, &p);
	if (err)
		return err;
	err = capable(CAP_SYS_ADMIN) ? do_umount(&p, (u32)flags) : -EPERM;
	path_put(&p);
	return err;
}
