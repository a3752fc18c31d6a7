/* devpts: /dev/pts/N appear with devpts_add and go with devpts_remove; /dev/pts/ptmx opens a new pair. See devpts.h. */
#include "fs/devpts.h"

#include <linux/magic.h>

#include "fs/procfs.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/file.h"

#define PTS_MAX 1024u
static struct inode *nodes[PTS_MAX]; /* pts_lock; a reference each */
static DEFINE_SPINLOCK(pts_lock, RANK_DEVICE);
static DEFINE_MUTEX(super_lock, RANK_TRUNCATE);
static struct super *the_super;      /* super_lock to write; kept for good */
static struct inode *ptmx;           /* constant once the_super is set */
/* Mount options: super_lock to write. */
static struct { u32 uid, gid, mode, ptmxmode; bool has_uid, has_gid; } options = { .mode = 0600, .ptmxmode = 0 };

static struct fs_type devpts_type;
static const struct super_ops super_ops;

/* --- directory -------------------------------------------------------------------------------------------------------------------------- */
static int pts_lookup(struct inode *dir, const char *name, struct inode **out)
{
	s64 nr = proc_number(name);
	struct inode *i = NULL;

	if (!strcmp(name, "ptmx"))
		i = ptmx;
	spin_lock(&pts_lock);
	if (nr >= 0 && nr < PTS_MAX)
		i = nodes[nr];
	if (i)
		inode_get(i);
	spin_unlock(&pts_lock);
	*out = i;
	return i ? 0 : -ENOENT;
}

static bool pts_revalidate(struct dentry *d, struct inode *i)
{
	if (!i || i == ptmx)
		return i != NULL;
	u32 nr = MINOR(i->rdev);
	return nr < PTS_MAX && READ_ONCE(nodes[nr]) == i;
}

static int pts_readdir(struct file *f, struct dir_context *c)
{
	char name[16];

	if (c->pos == 0 && !proc_emit(c, ".", f->inode->ino, S_IFDIR))
		return 0;
	if (c->pos == 1 && !proc_emit(c, "..", f->path.dentry->parent->inode->ino, S_IFDIR))
		return 0;
	if (c->pos == 2 && !proc_emit(c, "ptmx", ptmx->ino, S_IFCHR))
		return 0;
	while (c->pos - 3 < PTS_MAX) {
		u32 nr = (u32)(c->pos - 3);
		if (!READ_ONCE(nodes[nr])) {
			c->pos++;
			continue;
		}
		format_str(name, sizeof(name), "%u", nr);
		if (!proc_emit(c, name, nr + 3, S_IFCHR))
			return 0;
	}
	return 0;
}

static const struct inode_ops dir_ops = { .lookup = pts_lookup };
static const struct inode_ops node_ops = { .revalidate = pts_revalidate };
static const struct file_ops dir_fops = { .readdir = pts_readdir };

/* --- superblock ------------------------------------------------------------------------------------------------------------------------- */
static int fill_super(struct super *sb)
{
	struct inode *root;
	int r = inode_create(sb, S_IFDIR | 0755, &root);
	if (r)
		return r;
	root->ino = 1;
	root->uid = root->gid = 0;
	root->nlink = 2;
	root->ops = &dir_ops;
	root->fops = &dir_fops;
	r = super_set_root(sb, root);
	if (r)
		return r;
	r = inode_create(sb, S_IFCHR | options.ptmxmode, &ptmx);
	if (r)
		return r;
	ptmx->ino = 2;
	ptmx->rdev = MKDEV(5, 2);
	ptmx->uid = ptmx->gid = 0;
	ptmx->ops = &node_ops;
	return 0;
}

/* => super_lock */
static int need_super(void)
{
	struct super *sb;
	if (the_super)
		return 0;
	int r = super_create(&devpts_type, &super_ops, DEVPTS_SUPER_MAGIC, &sb);
	if (r)
		return r;
	sb->no_dcache = true;
	r = fill_super(sb);
	if (r)
		super_put(sb);
	else
		the_super = sb;
	return r;
}

/* One "name=value" of the mount options; unknown ones are refused. */
static int option(const char *s, size_t n)
{
	char buf[32];
	u64 v;

	if (!n || (n == 11 && !memcmp(s, "newinstance", 11)) || (n == 2 && !memcmp(s, "rw", 2)))
		return 0;
	if (n >= sizeof(buf))
		return -EINVAL;
	memcpy(buf, s, n);
	buf[n] = 0;
	char *eq = strchr(buf, '=');
	if (!eq)
		return -EINVAL;
	*eq++ = 0;
	bool octal = strstr(buf, "mode") != NULL;
	if (str_to_u64(eq, octal ? 8 : 10, &v) || v > 0xffffffffu)
		return -EINVAL;
	if (!strcmp(buf, "uid"))
		options.uid = (u32)v, options.has_uid = true;
	else if (!strcmp(buf, "gid"))
		options.gid = (u32)v, options.has_gid = true;
	else if (!strcmp(buf, "mode"))
		options.mode = (u32)v & 07777;
	else if (!strcmp(buf, "ptmxmode"))
		options.ptmxmode = (u32)v & 07777;
	else if (strcmp(buf, "max"))
		return -EINVAL;
	return 0;
}

static int parse_options(const char *data)
{
	while (data && *data) {
		const char *end = strchr(data, ',');
		size_t n = end ? (size_t)(end - data) : strlen(data);
		int r = option(data, n);
		if (r)
			return r;
		data += n + (end != NULL);
	}
	return 0;
}

static int devpts_mount(const struct fs_type *t, const char *source, const char *data, struct super **out)
{
	mutex_lock(&super_lock);
	int r = parse_options(data);
	if (!r)
		r = need_super();
	if (!r) {
		ptmx->mode = S_IFCHR | options.ptmxmode;
		super_get(the_super);
		*out = the_super;
	}
	mutex_unlock(&super_lock);
	return r;
}
static struct fs_type devpts_type = { .name = "devpts", .nodev = true, .mount = devpts_mount };

/* --- nodes ------------------------------------------------------------------------------------------------------------------------------ */
int devpts_add(u32 index, u64 rdev)
{
	struct inode *i;

	if (index >= PTS_MAX)
		return -EINVAL;
	mutex_lock(&super_lock);
	int r = need_super();
	mutex_unlock(&super_lock);
	if (!r)
		r = inode_create(the_super, S_IFCHR | options.mode, &i);
	if (r)
		return r;
	i->ino = index + 3;
	i->rdev = rdev;
	i->ops = &node_ops;
	if (options.has_uid)
		i->uid = options.uid;
	if (options.has_gid)
		i->gid = options.gid;
	spin_lock(&pts_lock);
	if (nodes[index])
		r = -EEXIST;
	else
		nodes[index] = i;
	spin_unlock(&pts_lock);
	if (r)
		inode_put(i);
	return r;
}

void devpts_remove(u32 index)
{
	spin_lock(&pts_lock);
	struct inode *i = nodes[index];
	nodes[index] = NULL;
	spin_unlock(&pts_lock);
	inode_put(i);
}

void devpts_init(void) { register_filesystem(&devpts_type); }

u32 devpts_count(void)
{
	u32 n = 0;
	spin_lock(&pts_lock);
	for (u32 i = 0; i < PTS_MAX; i++)
		n += nodes[i] != NULL;
	spin_unlock(&pts_lock);
	return n;
}
