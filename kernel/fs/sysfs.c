/* sysfs: the tree of sysfs.h as a file system. What the kernel itself shows is in sysfs_machine.c and sysfs_device.c. */
#include "fs/sysfs.h"

#include <linux/magic.h>

#include "fs/procfs.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"

/* Constant once linked but for the lists and `hidden`. */
struct sysfs_node {
	struct sysfs_node *parent;
	struct sysfs_node *first, *next; /* tree_lock to write: children, newest last; read without a lock */
	char *name;
	void (*show)(struct text *t, void *data);
	const struct file_ops *fops;     /* a: NULL: show() */
	void (*fill)(struct sysfs_node *dir); /* fill_lock: to be called before the first look into it */
	void *data;
	u32 mode;
	u64 ino;
	bool hidden;                     /* a */
};
static struct sysfs_node root_node = { .name = (char *)"", .mode = S_IFDIR | 0555, .ino = 1 };
static DEFINE_SPINLOCK(tree_lock, RANK_DEVICE);
static DEFINE_MUTEX(fill_lock, RANK_TRUNCATE);
static u64 next_ino = 2;             /* tree_lock */

/* --- the tree --------------------------------------------------------------------------------------------------------------------------- */
static struct sysfs_node *child(struct sysfs_node *dir, const char *name, size_t len)
{
	for (struct sysfs_node *n = smp_load_acquire(&dir->first); n; n = smp_load_acquire(&n->next)) {
		if (!READ_ONCE(n->hidden) && strlen(n->name) == len && !memcmp(n->name, name, len))
			return n;
	}
	return NULL;
}

static struct sysfs_node *add(struct sysfs_node *dir, const char *name, size_t len, u32 mode)
{
	struct sysfs_node *n = dir ? kzalloc(sizeof(*n)) : NULL, **link;
	if (!n)
		return NULL;
	n->name = kmalloc(len + 1);
	if (!n->name) {
		kfree(n);
		return NULL;
	}
	memcpy(n->name, name, len);
	n->name[len] = 0;
	n->mode = mode;
	n->parent = dir;
	spin_lock(&tree_lock);
	n->ino = next_ino++;
	for (link = &dir->first; *link; link = &(*link)->next)
		;
	smp_store_release(link, n);
	spin_unlock(&tree_lock);
	return n;
}

struct sysfs_node *sysfs_dir(const char *path)
{
	struct sysfs_node *dir = &root_node;
	while (dir && *path) {
		const char *slash = strchr(path, '/');
		size_t len = slash ? (size_t)(slash - path) : strlen(path);
		struct sysfs_node *n = child(dir, path, len);
		dir = n ? n : add(dir, path, len, S_IFDIR | 0555);
		path += len + (slash != NULL);
	}
	return dir;
}

struct sysfs_node *sysfs_lazy_dir(const char *path, void (*fill)(struct sysfs_node *dir))
{
	struct sysfs_node *n = sysfs_dir(path);
	if (n)
		WRITE_ONCE(n->fill, fill);
	return n;
}

static void fill_dir(struct sysfs_node *n)
{
	if (likely(!READ_ONCE(n->fill)))
		return;
	mutex_lock(&fill_lock);
	if (n->fill)
		n->fill(n);
	WRITE_ONCE(n->fill, NULL);
	mutex_unlock(&fill_lock);
}

struct sysfs_node *sysfs_file(struct sysfs_node *dir, const char *name, void (*show)(struct text *t, void *data), void *data)
{
	struct sysfs_node *n = add(dir, name, strlen(name), S_IFREG | 0444);
	if (n) {
		n->data = data;
		smp_store_release(&n->show, show);
	}
	return n;
}

struct sysfs_node *sysfs_special(struct sysfs_node *dir, const char *name, u32 mode, const struct file_ops *fops, void *data)
{
	struct sysfs_node *n = add(dir, name, strlen(name), S_IFREG | mode);
	if (n) {
		n->data = data;
		smp_store_release(&n->fops, fops);
	}
	return n;
}

void *sysfs_data(const struct inode *i) { return ((struct sysfs_node *)i->private)->data; }

void sysfs_hide(struct sysfs_node *n)
{
	if (n)
		WRITE_ONCE(n->hidden, true);
}

struct sysfs_node *sysfs_link(struct sysfs_node *dir, const char *name, const char *target)
{
	size_t len = strlen(target) + 1;
	char *copy = kmemdup(target, len);
	struct sysfs_node *n = copy ? add(dir, name, strlen(name), S_IFLNK | 0777) : NULL;
	if (n)
		n->data = copy;
	else
		kfree(copy);
	return n;
}

void sysfs_show_string(struct text *t, void *data) { text_printf(t, "%s\n", (const char *)data); }
void sysfs_show_number(struct text *t, void *data) { text_printf(t, "%llu\n", (unsigned long long)data); }
void sysfs_show_dev(struct text *t, void *data) { text_printf(t, "%u:%u\n", MAJOR((u64)data), MINOR((u64)data)); }

/* --- the file system -------------------------------------------------------------------------------------------------------------------- */
static int make_inode(struct super *sb, struct sysfs_node *n, struct inode **out);

static int lookup(struct inode *dir, const char *name, struct inode **out)
{
	fill_dir(dir->private);
	struct sysfs_node *n = child(dir->private, name, strlen(name));
	return n ? make_inode(dir->sb, n, out) : -ENOENT;
}
static bool revalidate(struct dentry *d, struct inode *i)
{
	for (struct sysfs_node *n = i ? i->private : NULL; n; n = n->parent) {
		if (READ_ONCE(n->hidden))
			return false;
	}
	return i != NULL;
}
static int refuse(struct inode *i, const struct inode_attr *attr) { return -EPERM; }
/* O_TRUNC is what a shell's > means; the file's open sees to the rest. */
static int only_truncate(struct inode *i, const struct inode_attr *attr) { return attr->valid & ~(u32)(ATTR_SIZE | ATTR_MTIME | ATTR_CTIME) ? -EPERM : 0; }

static int readdir(struct file *f, struct dir_context *c)
{
	struct sysfs_node *dir = f->inode->private, *n;
	u64 at = 2;

	fill_dir(dir);
	if (c->pos == 0 && !proc_emit(c, ".", dir->ino, S_IFDIR))
		return 0;
	if (c->pos == 1 && !proc_emit(c, "..", dir->parent ? dir->parent->ino : dir->ino, S_IFDIR))
		return 0;
	for (n = smp_load_acquire(&dir->first); n; n = smp_load_acquire(&n->next), at++) {
		if (at < c->pos)
			continue;
		if (READ_ONCE(n->hidden))
			c->pos++;
		else if (!proc_emit(c, n->name, n->ino, n->mode))
			return 0;
	}
	return 0;
}

static int readlink_(struct inode *i, char *buf, size_t size)
{
	const struct sysfs_node *n = i->private;
	return n->data ? (int)min(str_copy(buf, n->data, size), size - 1) : -ENOENT;
}

static int file_open_(struct inode *i, struct file *f)
{
	struct sysfs_node *n = i->private;
	if (file_writable(f))
		return -EACCES;
	struct text *t = kzalloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	if (smp_load_acquire(&n->show))
		n->show(t, n->data);
	f->private = t;
	return 0;
}
static ssize_t file_read_(struct file *f, struct iter *to, u64 *pos) { return text_read(f->private, to, pos); }
static void file_release_(struct file *f)
{
	text_free(f->private);
	kfree(f->private);
}

static const struct inode_ops dir_ops = { .lookup = lookup, .revalidate = revalidate, .setattr = refuse };
static const struct inode_ops special_ops = { .revalidate = revalidate, .setattr = only_truncate };
static const struct inode_ops file_ops_ = { .revalidate = revalidate, .setattr = refuse };
static const struct inode_ops link_ops = { .readlink = readlink_, .revalidate = revalidate, .setattr = refuse };
static const struct file_ops dir_fops = { .readdir = readdir };
static const struct file_ops file_fops = { .open = file_open_, .read = file_read_, .release = file_release_ };

static int make_inode(struct super *sb, struct sysfs_node *n, struct inode **out)
{
	struct inode *i;
	int r = inode_create(sb, n->mode, &i);
	if (r)
		return r;
	i->private = n;
	i->ino = n->ino;
	i->uid = i->gid = 0;
	if (S_ISDIR(n->mode)) {
		i->ops = &dir_ops;
		i->fops = &dir_fops;
		i->nlink = 2;
	} else if (S_ISLNK(n->mode)) {
		i->ops = &link_ops;
	} else if (smp_load_acquire(&n->fops)) {
		i->ops = &special_ops;
		i->fops = n->fops;
	} else {
		i->ops = &file_ops_;
		i->fops = &file_fops;
		i->size = PAGE_SIZE;
	}
	*out = i;
	return 0;
}

/* --- mounting ---------------------------------------------------------------------------------------------------------------------------- */
static struct super *the_super; /* super_lock; kept for good */
static DEFINE_MUTEX(super_lock, RANK_TRUNCATE);
static struct fs_type sysfs_type;
static const struct super_ops super_ops;

int sysfs_subtree(struct fs_type *type, struct sysfs_node *node, u64 magic, struct super **out)
{
	struct inode *root;
	struct super *sb;
	int r = super_create(type, &super_ops, magic, &sb);
	if (r)
		return r;
	sb->no_dcache = true;
	r = make_inode(sb, node, &root);
	if (!r)
		r = super_set_root(sb, root);
	if (r) {
		super_put(sb);
		return r;
	}
	*out = sb;
	return 0;
}

static int make_super(void)
{
	int r = sysfs_subtree(&sysfs_type, &root_node, SYSFS_MAGIC, &the_super);
	if (!r)
		sysfs_build();
	return r;
}

static int sysfs_mount(const struct fs_type *t, const char *source, const char *data, struct super **out)
{
	mutex_lock(&super_lock);
	int r = the_super ? 0 : make_super();
	if (!r) {
		super_get(the_super);
		*out = the_super;
	}
	mutex_unlock(&super_lock);
	return r;
}
static struct fs_type sysfs_type = { .name = "sysfs", .nodev = true, .userns = true, .revealing = true, .mount = sysfs_mount };

void sysfs_init(void) { register_filesystem(&sysfs_type); }
