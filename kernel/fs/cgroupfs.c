/*
 * cgroup2 as a file system: a directory per control group, with the files of cgroup_files.h. One tree, one superblock; a mount made inside a cgroup
 * namespace shows it from that namespace's root. Entry points: cgroupfs_init; hook_cgroup_of_dir, hook_cgroup_may_write for proc; hook_cgroup_event.
 *
 * A group keeps the inode of its directory until it is removed; those of files are made when somebody looks, and owner and mode live in the group. It knows
 * its files' inodes as long as somebody uses them, so that all who look get the same one, and inotify hears of events.
 */
#include "fs/cgroupfs.h"

#include <linux/fcntl.h>
#include <linux/magic.h>

#include "fs/cgroup_files.h"
#include "fs/procfs.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "sched/timer.h"
#include "vfs/dcache.h"
#include "vfs/mount.h"
#include "vfs/notify.h"
#include "vfs/poll.h"

#define WRITE_MAX 4096u
#define FILE_INO(cg, nth) ((u64)((nth) + 1) << 40 | (cg)->id)
#define MAY_WRITE 2

/* inode->private of a file; of a directory it is the group itself. */
struct file_node {
	struct cgroup *cg; /* counted */
	u32 nth;           /* cgroup_file_nth() */
};
static struct super *the_super; /* super_lock; kept for good */
static DEFINE_MUTEX(super_lock, RANK_TRUNCATE);
static DEFINE_SPINLOCK(inodes_lock, RANK_INODE_LIST); /* cgroup->file_inode, and ->dir against hook_cgroup_event() */
static const struct inode_ops dir_ops, file_iops;
static const struct file_ops dir_fops, file_fops;

static struct cgroup *cgroup_of(const struct inode *dir) { return dir->private; }
static const struct cgroup_file *file_of(const struct file_node *n) { return cgroup_file_nth(n->nth); }

static u32 default_mode(const struct cgroup_file *f) { return (f->show ? 0444u : 0) | (f->store ? 0200u : 0); }

static bool is_there(const struct cgroup *cg, const struct cgroup_file *f)
{
	if (READ_ONCE(cg->dead) || (!cg->parent && (f->flags & CGF_NOT_ON_ROOT)))
		return false;
	return !f->controller || (READ_ONCE(cg->on) & f->controller);
}

/* --- inodes ------------------------------------------------------------------------------------------------------------------------------ */

static void take_attr(struct inode *i, const struct cgroup_file_attr *a)
{
	i->uid = a->uid;
	i->gid = a->gid;
	i->mode = S_IFREG | a->mode;
}

static int make_file(struct super *sb, struct cgroup *cg, u32 nth, struct inode **out)
{
	struct inode *i;
	struct file_node *n = kmalloc(sizeof(*n));
	if (!n)
		return -ENOMEM;
	int err = inode_create(sb, S_IFREG, &i);
	if (err) {
		kfree(n);
		return err;
	}
	cgroup_get(cg);
	*n = (struct file_node){ cg, nth };
	i->private = n;
	i->ino = FILE_INO(cg, nth);
	take_attr(i, &cg->attr[nth]);
	i->ops = &file_iops;
	i->fops = &file_fops;
	*out = i;
	return 0;
}

/* An inode of the group that somebody still uses, with a reference; NULL. */
static struct inode *inode_in_use(struct inode **where)
{
	spin_lock(&inodes_lock);
	struct inode *i = *where && inode_get_live(*where) ? *where : NULL;
	spin_unlock(&inodes_lock);
	return i;
}

/* The inode of that file that all share. */
static int find_file(struct super *sb, struct cgroup *cg, u32 nth, struct inode **out)
{
	struct inode *fresh, **where = &cg->file_inode[nth];
	*out = inode_in_use(where);
	if (*out)
		return 0;
	int err = make_file(sb, cg, nth, &fresh);
	if (err)
		return err;
	spin_lock(&inodes_lock);
	/* Somebody was faster. */
	bool late = *where && inode_get_live(*where);
	if (!late)
		*where = fresh;
	*out = *where;
	spin_unlock(&inodes_lock);
	if (late)
		inode_put(fresh);
	return 0;
}

/* The directory of a new group, which keeps a reference to it, and the owner of all its files: current. */
static int make_dir(struct super *sb, struct cgroup *cg, u32 mode, struct inode **out)
{
	struct inode *i;
	int err = inode_create(sb, S_IFDIR | mode, &i);
	if (err)
		return err;
	cgroup_get(cg);
	i->private = cg;
	i->ino = cg->id;
	i->nlink = 2;
	i->ops = &dir_ops;
	i->fops = &dir_fops;
	const struct cgroup_file *f;
	for (u32 nth = 0; (f = cgroup_file_nth(nth)); nth++)
		cg->attr[nth] = (struct cgroup_file_attr){ i->uid, i->gid, (u16)default_mode(f) };
	inode_get(i);
	cg->dir = i;
	*out = i;
	return 0;
}

static void evict(struct inode *i)
{
	if (S_ISDIR(i->mode)) {
		cgroup_put(i->private);
		return;
	}
	struct file_node *n = i->private;
	if (!n)
		return;
	struct inode **where = &n->cg->file_inode[n->nth];
	spin_lock(&inodes_lock);
	if (*where == i)
		*where = NULL;
	spin_unlock(&inodes_lock);
	cgroup_put(n->cg);
	kfree(n);
}

static int file_setattr(struct inode *i, const struct inode_attr *a)
{
	const struct file_node *n = i->private;
	struct cgroup_file_attr *attr = &n->cg->attr[n->nth];
	if (a->valid & ATTR_UID)
		attr->uid = a->uid;
	if (a->valid & ATTR_GID)
		attr->gid = a->gid;
	if (a->valid & ATTR_MODE)
		attr->mode = a->mode & 07777;
	take_attr(i, attr);
	return 0;
}

static bool file_revalidate(struct dentry *d, struct inode *i)
{
	const struct file_node *n = i ? i->private : NULL;
	return n && is_there(n->cg, file_of(n));
}

/* --- directories ------------------------------------------------------------------------------------------------------------------------- */

/* => T */
static struct cgroup *child_named(struct cgroup *cg, const char *name)
{
	struct cgroup *c;
	list_for_each(c, &cg->children, sibling)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

/* Without cgroup_mutex: whoever looks must not queue behind a change, only to be let in the moment it is half done (a task that has been moved into a frozen
 * group and has yet to reach its trap). */
static int dir_lookup(struct inode *dir, const char *name, struct inode **out)
{
	struct cgroup *cg = cgroup_of(dir);
	const struct cgroup_file *f;
	for (u32 nth = 0; (f = cgroup_file_nth(nth)); nth++)
		if (is_there(cg, f) && !strcmp(f->name, name))
			return find_file(dir->sb, cg, nth, out);
	spin_lock(&tasklist_lock);
	struct cgroup *c = child_named(cg, name);
	*out = c ? inode_in_use(&c->dir) : NULL;
	spin_unlock(&tasklist_lock);
	return *out ? 0 : -ENOENT;
}

/* A directory that was made, or whose parent was. */
static bool dir_revalidate(struct dentry *d, struct inode *i) { return i && !READ_ONCE(cgroup_of(i)->dead); }

static int dir_mkdir(struct inode *dir, const char *name, u32 mode, struct inode **out)
{
	struct cgroup *cg;
	if (strchr(name, '\n'))
		return -EINVAL;
	mutex_lock(&cgroup_mutex);
	int err = cgroup_create(cgroup_of(dir), name, &cg);
	if (!err) {
		err = make_dir(dir->sb, cg, mode, out);
		if (err)
			cgroup_destroy(cg);
		cgroup_put(cg);
	}
	mutex_unlock(&cgroup_mutex);
	if (!err)
		dir->nlink++;
	return err;
}

static int dir_rmdir(struct inode *dir, const char *name, struct inode *victim)
{
	struct inode *kept = NULL;
	mutex_lock(&cgroup_mutex);
	int err = cgroup_destroy(cgroup_of(victim));
	if (!err) {
		kept = cgroup_of(victim)->dir;
		spin_lock(&inodes_lock);
		cgroup_of(victim)->dir = NULL;
		spin_unlock(&inodes_lock);
	}
	mutex_unlock(&cgroup_mutex);
	if (!err) {
		victim->nlink = 0;
		dir->nlink--;
		inode_put(kept);
	}
	return err;
}

/* The first child with a number from `from` on, with a reference; NULL. Numbers only grow, so that a listing neither misses nor repeats one. */
static struct cgroup *child_from(struct cgroup *cg, u64 from)
{
	struct cgroup *c;
	spin_lock(&tasklist_lock);
	list_for_each(c, &cg->children, sibling)
		if (c->id >= from)
			break;
	bool found = &c->sibling != &cg->children;
	if (found)
		cgroup_get(c);
	spin_unlock(&tasklist_lock);
	return found ? c : NULL;
}

static int dir_readdir(struct file *f, struct dir_context *c)
{
	struct cgroup *cg = cgroup_of(f->inode), *child;
	const struct cgroup_file *cf;
	u64 files = 2, groups = files + CGROUP_FILES_MAX;
	if (!dir_emit_dots(f, c))
		return 0;
	while (c->pos < groups && (cf = cgroup_file_nth((u32)(c->pos - files)))) {
		if (!is_there(cg, cf))
			c->pos++;
		else if (!proc_emit(c, cf->name, FILE_INO(cg, c->pos - files), S_IFREG))
			return 0;
	}
	c->pos = max(c->pos, groups);
	while ((child = child_from(cg, c->pos - groups))) {
		c->pos = groups + child->id;
		bool taken = proc_emit(c, child->name, child->id, S_IFDIR);
		cgroup_put(child);
		if (!taken)
			return 0;
	}
	return 0;
}

static const struct inode_ops dir_ops = { .lookup = dir_lookup, .mkdir = dir_mkdir, .rmdir = dir_rmdir, .revalidate = dir_revalidate };
static const struct inode_ops file_iops = { .setattr = file_setattr, .revalidate = file_revalidate };
static const struct file_ops dir_fops = { .readdir = dir_readdir };

/* --- control files ----------------------------------------------------------------------------------------------------------------------- */

static int file_open_(struct inode *i, struct file *f)
{
	const struct file_node *n = i->private;
	if (!is_there(n->cg, file_of(n)))
		return -ENODEV;
	struct cgroup_open *o = kzalloc(sizeof(*o));
	if (!o)
		return -ENOMEM;
	*o = (struct cgroup_open){ .file = file_of(n), .cg = n->cg, .ns = current_cgroup_ns(), .cred = f->cred };
	list_init(&o->peak);
	ns_get(&o->ns->common);
	f->private = o;
	return 0;
}

static void file_release_(struct file *f)
{
	struct cgroup_open *o = f->private;
	if (!list_empty(&o->peak)) {
		mutex_lock(&cgroup_mutex);
		list_del(&o->peak);
		mutex_unlock(&cgroup_mutex);
	}
	ns_put(&o->ns->common);
	text_free(&o->text);
	kfree(o);
}

static ssize_t file_read_(struct file *f, struct iter *to, u64 *pos)
{
	struct cgroup_open *o = f->private;
	/* Mode bits do not stop the superuser from asking for what the file cannot do. */
	if (!o->file->show)
		return -EINVAL;
	if (!*pos || !o->text.buf) {
		if (!is_there(o->cg, o->file))
			return -ENODEV;
		text_free(&o->text);
		if (o->file->event != CGE_NONE)
			o->event = atomic_read(&o->cg->event[o->file->event]);
		int err = o->file->show(&o->text, o);
		if (err)
			return err;
	}
	return text_read(&o->text, to, pos);
}

/* Without white space around it. */
static char *strip(char *s, size_t n)
{
	while (n && strchr(" \t\n\r\v\f", s[n - 1]) && s[n - 1])
		n--;
	s[n] = 0;
	while (*s && strchr(" \t\n\r\v\f", *s))
		s++;
	return s;
}

/* With nsdelegate a namespace's root is ruled by who made the namespace. */
static bool delegated_away(const struct cgroup_open *o)
{
	return cgroup_flags.nsdelegate && !(o->file->flags & CGF_NS_DELEGATABLE) && o->ns != &init_cgroup_ns && o->ns->root == o->cg;
}

static int store(struct cgroup_open *o, char *s)
{
	if (o->file->unlocked)
		return is_there(o->cg, o->file) ? o->file->store(o, s) : -ENODEV;
	mutex_lock(&cgroup_mutex);
	int err = is_there(o->cg, o->file) ? o->file->store(o, s) : -ENODEV;
	mutex_unlock(&cgroup_mutex);
	return err;
}

static ssize_t file_write_(struct file *f, struct iter *from, u64 *pos)
{
	struct cgroup_open *o = f->private;
	size_t n = from->count;
	if (!n)
		return 0;
	if (n >= WRITE_MAX)
		return -E2BIG;
	if (delegated_away(o))
		return -EPERM;
	if (!o->file->store)
		return -EINVAL;
	char *buf = kmalloc(n + 1);
	if (!buf)
		return -ENOMEM;
	int err = iter_copy_from(from, buf, n) == n ? 0 : -EFAULT;
	if (!err)
		err = store(o, strip(buf, n));
	kfree(buf);
	if (!err)
		*pos += n;
	return err ? err : (ssize_t)n;
}

/* What has happened since the file was last read; a file that never was has something to tell. */
static u32 file_poll_(struct file *f, struct poll_table *pt)
{
	struct cgroup_open *o = f->private;
	u32 ready = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
	poll_wait(f, &o->cg->poll, pt);
	if (READ_ONCE(o->cg->dead) || (o->file->event != CGE_NONE ? atomic_read(&o->cg->event[o->file->event]) != o->event : !o->text.buf))
		ready |= POLLERR | POLLPRI;
	return ready;
}

static s64 file_llseek_(struct file *f, s64 off, int whence) { return generic_llseek(f, off, whence, 0, 1UL << 62); }

static const struct file_ops file_fops = {
	.open = file_open_, .read = file_read_, .write = file_write_, .llseek = file_llseek_, .poll = file_poll_, .release = file_release_,
};

/* --- for proc ---------------------------------------------------------------------------------------------------------------------------- */

struct cgroup *hook_cgroup_of_dir(struct file *f)
{
	if (!f->inode || f->inode->ops != &dir_ops)
		return NULL;
	cgroup_get(cgroup_of(f->inode));
	return cgroup_of(f->inode);
}

int hook_cgroup_may_write(struct cgroup *cg, const struct cred *c)
{
	struct inode *i;
	u32 procs = 0;
	while (strcmp(cgroup_file_nth(procs)->name, CGROUP_PROCS))
		procs++;
	int err = make_file(the_super, cg, procs, &i);
	if (err)
		return err;
	err = inode_permission_cred(i, MAY_WRITE, c);
	inode_put(i);
	return err;
}

void hook_cgroup_event(struct cgroup *cg, enum cgroup_event e)
{
	const struct cgroup_file *f;
	u32 nth = 0;
	while ((f = cgroup_file_nth(nth))->event != (int)e)
		nth++;
	struct inode *dir = inode_in_use(&cg->dir), *i = inode_in_use(&cg->file_inode[nth]);
	if (dir)
		notify_name(dir, IN_MODIFY | NOTIFY_LOCKED, 0, f->name, (u32)strlen(f->name), false);
	if (i)
		notify_inode(i, IN_MODIFY | NOTIFY_LOCKED);
	inode_put(i);
	inode_put(dir);
}

/* --- mounting ---------------------------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	bool *flag;
} options[] = {
	{ "nsdelegate", &cgroup_flags.nsdelegate },
	{ "memory_localevents", &cgroup_flags.memory_localevents },
	{ "pids_localevents", &cgroup_flags.pids_localevents },
};

/* They hold for the whole tree, so only the first namespace may set them; each mount there sets all. */
static int set_options(const char *data)
{
	bool on[ARRAY_SIZE(options)] = { 0 };
	while (data && *data) {
		const char *end = strchr(data, ',');
		size_t n = end ? (size_t)(end - data) : strlen(data);
		u32 i = 0;
		while (i < ARRAY_SIZE(options) && (strlen(options[i].name) != n || memcmp(options[i].name, data, n)))
			i++;
		if (i < ARRAY_SIZE(options))
			on[i] = true;
		else if (n)
			return -EINVAL;
		data += n + (end != NULL);
	}
	if (current_cgroup_ns() == &init_cgroup_ns)
		for (u32 i = 0; i < ARRAY_SIZE(options); i++)
			WRITE_ONCE(*options[i].flag, on[i]);
	return 0;
}

static int show_options(struct super *sb, char *buf, size_t size)
{
	int n = 0;
	buf[0] = 0;
	for (u32 i = 0; i < ARRAY_SIZE(options); i++)
		if (READ_ONCE(*options[i].flag) && n < (int)size)
			n += format_str(buf + n, size - (size_t)n, ",%s", options[i].name);
	return n;
}

/* The root of a mount as the reader's namespace sees it. */
static int show_root(struct dentry *root, char *buf, size_t size)
{
	return cgroup_path(cgroup_of(root->inode), current_cgroup_ns()->root, buf, size);
}

static int remount(struct super *sb, const char *data) { return set_options(data); }

static const struct super_ops super_ops = { .evict = evict, .show_options = show_options, .show_root = show_root, .remount = remount };
static struct fs_type cgroupfs_type;

/* => super_lock */
static int make_super(void)
{
	struct super *sb;
	struct inode *root;
	int err = super_create(&cgroupfs_type, &super_ops, CGROUP2_SUPER_MAGIC, &sb);
	if (err)
		return err;
	super_set_owner(sb, &init_user_ns);
	sb->no_dcache = true;
	err = make_dir(sb, &root_cgroup, 0755, &root);
	if (!err) {
		root->uid = root->gid = 0;
		for (u32 nth = 0; cgroup_file_nth(nth); nth++)
			root_cgroup.attr[nth].uid = root_cgroup.attr[nth].gid = 0;
		err = super_set_root(sb, root);
	}
	if (err)
		super_put(sb);
	else
		the_super = sb;
	return err;
}

static int cgroupfs_mount(const struct fs_type *t, const char *source, const char *data, struct super **out)
{
	int err = set_options(data);
	if (err)
		return err;
	mutex_lock(&super_lock);
	err = the_super ? 0 : make_super();
	if (!err) {
		super_get(the_super);
		*out = the_super;
	}
	mutex_unlock(&super_lock);
	return err;
}

/* Down from the top to the directory of cg. */
static int find_dentry(struct cgroup *cg, struct dentry **out)
{
	struct dentry *d;
	if (!cg->parent) {
		dentry_get(the_super->root);
		*out = the_super->root;
		return 0;
	}
	int err = find_dentry(cg->parent, &d);
	if (err)
		return err;
	mutex_lock(&d->inode->lock);
	err = dcache_lookup(d, cg->name, (u32)strlen(cg->name), out);
	mutex_unlock(&d->inode->lock);
	dentry_put(d);
	if (!err && !(*out)->inode) {
		dentry_put(*out);
		err = -ENOENT;
	}
	return err;
}

static int mount_root(struct super *sb, struct dentry **out) { return find_dentry(current_cgroup_ns()->root, out); }
static struct user_namespace *owner(void) { return current_cgroup_ns()->common.owner; }
static struct fs_type cgroupfs_type = { .name = "cgroup2", .nodev = true, .userns = true, .mount = cgroupfs_mount, .root = mount_root, .owner = owner };

void cgroupfs_init(void)
{
	BUG_ON(cgroup_file_nth(CGROUP_FILES_MAX) != NULL);
	register_filesystem(&cgroupfs_type);
}
