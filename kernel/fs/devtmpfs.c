/* devtmpfs: a tmpfs with one shared superblock. Entry points: devtmpfs_create(), devtmpfs_remove(). */
#include "fs/devtmpfs.h"

#include <linux/fcntl.h>
#include <linux/mount.h>

#include "fs/tmpfs.h"
#include "lib/bug.h"
#include "lib/string.h"
#include "vfs/dcache.h"

static struct super *dev_super; /* constant after devtmpfs_init */

static int devtmpfs_mount(const struct fs_type *t, const char *source, const char *data, struct super **out)
{
	(void)t;
	(void)source;
	(void)data; /* options are those of the first mount, as on Linux */
	super_get(dev_super);
	*out = dev_super;
	return 0;
}

static struct fs_type devtmpfs_type = { .name = "devtmpfs", .nodev = true, .mount = devtmpfs_mount };

void devtmpfs_init(void)
{
	struct tmpfs_limits l = { .mode = 0755 };
	int err = tmpfs_super(&devtmpfs_type, &l, &dev_super);
	if (err)
		panic("cannot make devtmpfs: error %d", err);
	register_filesystem(&devtmpfs_type);
}

/* The child name of dir (a reference is taken), which may be missing. => dir's inode lock */
static int child_of(struct dentry *dir, const char *name, u32 len, struct dentry **out) { return dcache_lookup(dir, name, len, out); }

/* Makes the missing child as root's, whoever caused it. => dir's inode lock */
static int make_child(struct dentry *dir, struct dentry *d, u32 mode, u64 rdev)
{
	int err = names_make(dir, d, mode, rdev, NULL);
	if (!err)
		d->inode->uid = d->inode->gid = 0;
	return err;
}

/* One step down to (or, missing, a new) directory. Drops dir's reference, gives *out one. */
static int step_dir(struct dentry *dir, const char *name, u32 len, struct dentry **out)
{
	struct dentry *d;
	mutex_lock(&dir->inode->lock);
	int err = child_of(dir, name, len, &d);
	if (!err && !d->inode)
		err = make_child(dir, d, S_IFDIR | 0755, 0);
	else if (!err && !S_ISDIR(d->inode->mode))
		err = -ENOTDIR;
	else if (err)
		d = NULL;
	mutex_unlock(&dir->inode->lock);
	dentry_put(dir);
	if (err)
		dentry_put(d);
	*out = d;
	return err;
}

/* The directory that path's last name is in (with a reference) and that name. */
static int walk_dirs(const char *path, struct dentry **dir, const char **last)
{
	struct dentry *d = dev_super->root;
	dentry_get(d);
	for (const char *slash; (slash = strchr(path, '/')); path = slash + 1) {
		int err = step_dir(d, path, (u32)(slash - path), &d);
		if (err)
			return err;
	}
	*dir = d;
	*last = path;
	return 0;
}

int devtmpfs_create(const char *path, u32 mode, u64 rdev)
{
	struct dentry *dir, *d;
	const char *name;
	int err = walk_dirs(path, &dir, &name);
	if (err)
		return err;
	mutex_lock(&dir->inode->lock);
	err = child_of(dir, name, (u32)strlen(name), &d);
	if (!err) {
		err = d->inode ? -EEXIST : make_child(dir, d, mode, rdev);
		dentry_put(d);
	}
	mutex_unlock(&dir->inode->lock);
	dentry_put(dir);
	return err;
}

int devtmpfs_remove(const char *path_below_dev)
{
	struct dentry *dir, *d;
	const char *name;
	int err = walk_dirs(path_below_dev, &dir, &name);
	if (err)
		return err;
	struct inode *i = dir->inode;
	mutex_lock(&i->lock);
	err = child_of(dir, name, (u32)strlen(name), &d);
	if (!err) {
		err = !d->inode ? -ENOENT : S_ISDIR(d->inode->mode) ? -EISDIR : i->ops->unlink(i, d->name, d->inode);
		if (!err)
			dentry_drop(d);
		dentry_put(d);
	}
	mutex_unlock(&i->lock);
	dentry_put(dir);
	return err;
}
