/* Extended attributes. Entry points: sys_setxattr ... sys_fremovexattr. */
#include <linux/capability.h>
#include <linux/limits.h>
#include <linux/xattr.h>

#include "gen/sys_protos.h"
#include "vfs/internal.h"
#include "vfs/notify.h"

/* What one call works on: by path or descriptor. */
struct target {
	struct path path; /* with references */
};

static int target_path(uaddr_t uname, bool follow, struct target *t)
{
	return path_lookup_user(AT_FDCWD, uname, follow ? LOOKUP_FOLLOW : 0, &t->path);
}

static int target_fd(u64 fd, struct target *t)
{
	struct fdref r;
	int err = fdref_get((int)fd, &r);
	if (err)
		return err;
	t->path = r.file->path;
	path_get(&t->path);
	fdref_put(&r);
	return 0;
}

static int name_from_user(uaddr_t uname, char name[XATTR_NAME_MAX + 1])
{
	long n = strncpy_from_user(name, uname, XATTR_NAME_MAX + 1);
	if (n < 0)
		return (int)n;
	return n == 0 || n > XATTR_NAME_MAX ? -ERANGE : 0;
}

/* May current read (MAY_READ) or change (MAY_WRITE) this attribute? */
static int may_xattr(const struct path *p, const char *name, int mask)
{
	struct inode *i = p->dentry->inode;
	bool write = mask & MAY_WRITE;
	int err = write ? mount_want_write(p->mnt) : 0;
	if (err)
		return err;
	if (write && inode_is_fixed(i))
		return -EPERM;
	if (str_starts(name, XATTR_SECURITY_PREFIX)) {
		if (!write)
			return 0;
		if (!strcmp(name, "security.capability"))
			return capable_over(i, CAP_SETFCAP) ? 0 : -EPERM;
		return ns_capable(i->sb->user_ns, CAP_SYS_ADMIN) ? 0 : -EPERM;
	}
	if (str_starts(name, XATTR_TRUSTED_PREFIX))
		return capable(CAP_SYS_ADMIN) ? 0 : write ? -EPERM : -ENODATA;
	if (!str_starts(name, XATTR_USER_PREFIX))
		return -EOPNOTSUPP;
	if (!name[XATTR_USER_PREFIX_LEN])
		return -EINVAL;
	if (!S_ISREG(i->mode) && !S_ISDIR(i->mode))
		return write ? -EPERM : -ENODATA;
	if (write && S_ISDIR(i->mode) && (i->mode & S_ISVTX) && !inode_owner_or_capable(i))
		return -EPERM;
	return inode_permission(i, mask);
}

/* Capabilities of a file: a header that says how long it is. As Linux: revisions 2 and 3 can be stored. */
static bool caps_valid(const void *value, size_t size)
{
	u32 magic = 0;
	if (size >= sizeof(magic))
		memcpy(&magic, value, sizeof(magic));
	u32 revision = magic & VFS_CAP_REVISION_MASK;
	return (size == XATTR_CAPS_SZ_2 && revision == VFS_CAP_REVISION_2) || (size == XATTR_CAPS_SZ_3 && revision == VFS_CAP_REVISION_3);
}

void inode_drop_caps(struct inode *i)
{
	if (i->ops && i->ops->removexattr)
		(void)i->ops->removexattr(i, XATTR_NAME_CAPS);
	i->has_caps = false;
}

static long do_set(struct target *t, uaddr_t uname, uaddr_t uvalue, u64 size, u64 flags)
{
	char name[XATTR_NAME_MAX + 1];
	struct inode *i = t->path.dentry->inode;
	void *value = NULL;
	if (flags & ~(u64)(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	int err = name_from_user(uname, name);
	if (err)
		return err;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	if (size) {
		value = kmalloc(size);
		if (!value)
			return -ENOMEM;
		err = copy_from_user(value, uvalue, size);
	}
	bool caps = !strcmp(name, XATTR_NAME_CAPS);
	if (!err && caps && size && !caps_valid(value, size))
		err = -EINVAL;
	if (!err) {
		bool acl = acl_is_name(name);
		mutex_lock(&i->lock);
		err = acl ? acl_set(&t->path, name, value, size) : may_xattr(&t->path, name, MAY_WRITE);
		if (!err && caps)
			i->has_caps = true;
		if (!err && !acl)
			err = i->ops && i->ops->setxattr ? i->ops->setxattr(i, name, value, size, (int)flags) : -EOPNOTSUPP;
		mutex_unlock(&i->lock);
		if (!err)
			notify_dentry(t->path.dentry, IN_ATTRIB);
	}
	kfree(value);
	return err;
}

static long do_get(struct target *t, uaddr_t uname, uaddr_t uvalue, u64 size)
{
	char name[XATTR_NAME_MAX + 1];
	struct inode *i = t->path.dentry->inode;
	int n = name_from_user(uname, name);
	if (n)
		return n;
	size = min(size, (u64)XATTR_SIZE_MAX);
	void *value = size ? kmalloc(size) : NULL;
	if (size && !value)
		return -ENOMEM;
	mutex_lock(&i->lock);
	bool acl = acl_is_name(name);
	n = acl ? acl_get(i, name, value, size) : may_xattr(&t->path, name, MAY_READ);
	if (!n && !acl)
		n = i->ops && i->ops->getxattr ? i->ops->getxattr(i, name, value, size) : -EOPNOTSUPP;
	mutex_unlock(&i->lock);
	if (n > 0 && size && copy_to_user(uvalue, value, (size_t)n))
		n = -EFAULT;
	kfree(value);
	return n;
}

static long do_list(struct target *t, uaddr_t ulist, u64 size)
{
	struct inode *i = t->path.dentry->inode;
	size = min(size, (u64)XATTR_LIST_MAX);
	char *list = size ? kmalloc(size) : NULL;
	if (size && !list)
		return -ENOMEM;
	mutex_lock(&i->lock);
	int n = acl_list(i, list, size), more = 0;
	if (n >= 0 && i->ops && i->ops->listxattr)
		more = i->ops->listxattr(i, list + n, size ? size - (size_t)n : 0);
	/* A buffer that the first names fill up takes no more: a size of 0 only asks how much there is. */
	n = n < 0 ? n : more < 0 ? more : size && (size_t)(n + more) > size ? -ERANGE : n + more;
	mutex_unlock(&i->lock);
	if (n > 0 && size && copy_to_user(ulist, list, (size_t)n))
		n = -EFAULT;
	kfree(list);
	return n;
}

static long do_remove(struct target *t, uaddr_t uname)
{
	char name[XATTR_NAME_MAX + 1];
	struct inode *i = t->path.dentry->inode;
	int err = name_from_user(uname, name);
	if (err)
		return err;
	bool acl = acl_is_name(name);
	mutex_lock(&i->lock);
	err = acl ? acl_set(&t->path, name, NULL, 0) : may_xattr(&t->path, name, MAY_WRITE);
	if (!err && !acl)
		err = i->ops && i->ops->removexattr ? i->ops->removexattr(i, name) : -EOPNOTSUPP;
	mutex_unlock(&i->lock);
	if (!err)
		notify_dentry(t->path.dentry, IN_ATTRIB);
	return err;
}

/* Finds the target, runs the body on it, lets it go. */
#define WITH_TARGET(find, body)                                                                                        \
	({                                                                                                                 \
		struct target t;                                                                                               \
		long ret_ = find;                                                                                              \
		if (!ret_) {                                                                                                   \
			ret_ = body;                                                                                               \
			path_put(&t.path);                                                                                         \
		}                                                                                                              \
		ret_;                                                                                                          \
	})

long sys_setxattr(u64 p, u64 n, u64 v, u64 s, u64 f) { return WITH_TARGET(target_path(p, true, &t), do_set(&t, n, v, s, f)); }
long sys_lsetxattr(u64 p, u64 n, u64 v, u64 s, u64 f) { return WITH_TARGET(target_path(p, false, &t), do_set(&t, n, v, s, f)); }
long sys_fsetxattr(u64 fd, u64 n, u64 v, u64 s, u64 f) { return WITH_TARGET(target_fd(fd, &t), do_set(&t, n, v, s, f)); }
long sys_getxattr(u64 p, u64 n, u64 v, u64 s) { return WITH_TARGET(target_path(p, true, &t), do_get(&t, n, v, s)); }
long sys_lgetxattr(u64 p, u64 n, u64 v, u64 s) { return WITH_TARGET(target_path(p, false, &t), do_get(&t, n, v, s)); }
long sys_fgetxattr(u64 fd, u64 n, u64 v, u64 s) { return WITH_TARGET(target_fd(fd, &t), do_get(&t, n, v, s)); }
long sys_listxattr(u64 p, u64 l, u64 s) { return WITH_TARGET(target_path(p, true, &t), do_list(&t, l, s)); }
long sys_llistxattr(u64 p, u64 l, u64 s) { return WITH_TARGET(target_path(p, false, &t), do_list(&t, l, s)); }
long sys_flistxattr(u64 fd, u64 l, u64 s) { return WITH_TARGET(target_fd(fd, &t), do_list(&t, l, s)); }
long sys_removexattr(u64 p, u64 n) { return WITH_TARGET(target_path(p, true, &t), do_remove(&t, n)); }
long sys_lremovexattr(u64 p, u64 n) { return WITH_TARGET(target_path(p, false, &t), do_remove(&t, n)); }
long sys_fremovexattr(u64 fd, u64 n) { return WITH_TARGET(target_fd(fd, &t), do_remove(&t, n)); }
