/*
 * procfs: inodes, directories and text files over the tables of proc_*.c; mounting is in proc_mount.c. Names are not kept in the dentry cache
 * beyond their use (super->no_dcache), so a process that is gone leaves nothing behind.
 */
#include "fs/procfs.h"

#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/ns.h"

#define REGISTERED_MAX 8u
static const struct proc_entry *registered[REGISTERED_MAX]; /* boot time only */
static u32 nr_registered;
const char *proc_cmdline = "";

/* --- inodes ----------------------------------------------------------------------------------------------------------------------------- */
static bool task_released(const struct task *t) { return READ_ONCE(t->sighand) == NULL; }

static void refresh_owner(struct inode *i)
{
	const struct proc_node *n = proc_node(i);
	if (n->task)
		proc_owner(n->task, &i->uid, &i->gid);
}

static int getattr(struct inode *i)
{
	const struct proc_node *n = proc_node(i);
	refresh_owner(i);
	if (n->e->size)
		i->size = n->e->size(n);
	return n->e->whose == PROC_NOBODY || proc_may_see(i->sb, n->task, PROC_HIDE_NAME) ? 0 : -ENOENT;
}

static bool revalidate(struct dentry *d, struct inode *i)
{
	const struct proc_node *n = i ? proc_node(i) : NULL;
	return n && (!n->task || (!task_released(n->task) && n->fd < 0));
}

/* Opening with O_TRUNC is fine and changes nothing; owner and mode are not to be changed. */
static int not_allowed(struct inode *i, const struct inode_attr *attr) { return attr->valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? -EPERM : 0; }

static const struct proc_entry *find_entry(const struct proc_entry *e, u32 nr, const char *name)
{
	for (u32 i = 0; i < nr; i++) {
		if (!strcmp(e[i].name, name))
			return &e[i];
	}
	return NULL;
}

static int dir_lookup(struct inode *dir, const char *name, struct inode **out)
{
	const struct proc_node *n = proc_node(dir);
	const struct proc_entry *e = find_entry(n->e->dir, n->e->nr, name);

	for (u32 i = 0; !e && n->e == &proc_root && i < nr_registered; i++) {
		if (!strcmp(registered[i]->name, name))
			e = registered[i];
	}
	if (n->task && task_released(n->task))
		return -ENOENT;
	if (e && n->e == &proc_root && !proc_shows(dir->sb, name))
		return -ENOENT;
	if (e)
		return proc_inode(dir->sb, e, n->task, -1, out);
	return n->e->lookup ? n->e->lookup(dir, name, out) : -ENOENT;
}

static int node_readlink(struct inode *i, char *buf, size_t size)
{
	const struct proc_node *n = proc_node(i);
	return n->e->link ? n->e->link(n, buf, size) : -EINVAL;
}

static int node_follow(struct inode *i, struct path *out)
{
	const struct proc_node *n = proc_node(i);
	return n->e->follow(n, out);
}

static int permission(struct inode *i, int mask)
{
	const struct proc_node *n = proc_node(i);
	if (n->e->whose == PROC_OF_PROCESS && !proc_may_see(i->sb, n->task, PROC_HIDE_ACCESS))
		return READ_ONCE(proc_super_of(i->sb)->hidepid) == PROC_HIDE_NAME ? -ENOENT : -EPERM;
	if (n->e->own && same_thread_group(n->task, current))
		return 1;
	if (n->e->may_open && S_ISDIR(i->mode))
		return n->e->may_open(n);
	return 0;
}

static const struct inode_ops dir_ops = { .lookup = dir_lookup, .setattr = not_allowed, .getattr = getattr, .revalidate = revalidate, .permission = permission };
static const struct inode_ops file_ops_ = { .setattr = not_allowed, .getattr = getattr, .revalidate = revalidate };
static const struct inode_ops link_ops = { .readlink = node_readlink, .setattr = not_allowed, .getattr = getattr, .revalidate = revalidate };
static const struct inode_ops magic_ops = { .readlink = node_readlink, .follow = node_follow, .setattr = not_allowed, .getattr = getattr,
	.revalidate = revalidate };
static const struct file_ops dir_fops, text_fops, task_text_fops;

u64 proc_ino(const struct proc_entry *e, const struct task *task, s32 fd)
{
	if (e == &proc_root)
		return 1;
	/* Stable while the process lives: the entry's address within the kernel image, the task, the descriptor. */
	u64 ino = ((u64)e >> 3 & 0xfffff) << 12 ^ (u32)(fd + 1);
	return ino | (task ? (u64)(u32)task->tid << 32 : 1UL << 62);
}

int proc_inode(struct super *sb, const struct proc_entry *e, struct task *task, s32 fd, struct inode **out)
{
	struct inode *i;
	struct proc_node *n = kmalloc(sizeof(*n));

	if (!n)
		return -ENOMEM;
	int r = inode_create(sb, e->mode, &i);
	if (r) {
		kfree(n);
		return r;
	}
	if (task)
		task_get(task);
	*n = (struct proc_node){ .e = e, .task = task, .ns = proc_super_of(sb)->ns, .fd = fd };
	i->private = n;
	i->ino = proc_ino(e, task, fd);
	i->uid = i->gid = 0;
	refresh_owner(i);
	if (S_ISDIR(e->mode)) {
		i->ops = &dir_ops;
		i->fops = &dir_fops;
		i->nlink = 2;
	} else if (S_ISLNK(e->mode)) {
		i->ops = e->follow ? &magic_ops : &link_ops;
	} else {
		i->ops = &file_ops_;
		i->fops = e->fops ? e->fops : task && !e->spliced ? &task_text_fops : &text_fops;
	}
	*out = i;
	return 0;
}

void proc_evict(struct inode *i)
{
	struct proc_node *n = i->private;
	if (!n)
		return;
	if (n->task)
		task_put(n->task);
	kfree(n);
}

/* --- directories ------------------------------------------------------------------------------------------------------------------------ */
bool proc_emit(struct dir_context *c, const char *name, u64 ino, u32 mode)
{
	if (!c->emit(c, name, (u32)strlen(name), ino, mode >> 12 & 15))
		return false;
	c->pos++;
	return true;
}

static int dir_readdir(struct file *f, struct dir_context *c)
{
	const struct proc_node *n = proc_node(f->inode);

	if (n->task && task_released(n->task))
		return -ENOENT;
	int err = n->e->may_list ? n->e->may_list(n) : 0;
	if (err)
		return err;
	if (c->pos == 0 && !proc_emit(c, ".", f->inode->ino, S_IFDIR))
		return 0;
	if (c->pos == 1 && !proc_emit(c, "..", f->path.dentry->parent->inode->ino, S_IFDIR))
		return 0;
	while (c->pos < proc_list_start(n)) {
		const struct proc_entry *e = &n->e->dir[c->pos - 2];
		if (n->e == &proc_root && !proc_shows(f->inode->sb, e->name))
			c->pos++;
		else if (!proc_emit(c, e->name, proc_ino(e, n->task, -1), e->mode))
			return 0;
	}
	return n->e->list ? n->e->list(f, n, c) : 0;
}

/* The root's list: registered files, then processes (proc_pid_list counts from behind both). */
int proc_root_list(struct file *f, const struct proc_node *n, struct dir_context *c)
{
	u64 start = proc_list_start(n);
	while (c->pos < start + nr_registered) {
		const struct proc_entry *e = registered[c->pos - start];
		if (!proc_shows(f->inode->sb, e->name))
			c->pos++;
		else if (!proc_emit(c, e->name, proc_ino(e, NULL, -1), e->mode))
			return 0;
	}
	return proc_pid_list(f, n, c);
}

static int open_dir(struct inode *i, struct file *f) { return 0; }
static ssize_t read_dir(struct file *f, struct iter *to, u64 *pos) { return -EISDIR; }
static const struct file_ops dir_fops = { .readdir = dir_readdir, .open = open_dir, .read = read_dir };
const struct proc_node *proc_dir_node(const struct file *f) { return f->ops == &dir_fops ? proc_node(f->inode) : NULL; }

s64 proc_number(const char *name)
{
	s64 v = 0;
	if (!*name || (name[0] == '0' && name[1]))
		return -1;
	for (; *name; name++) {
		if (*name < '0' || *name > '9' || v > 0x7fffffff)
			return -1;
		v = v * 10 + (*name - '0');
	}
	return v > 0x7fffffff ? -1 : v;
}

/* --- text files ------------------------------------------------------------------------------------------------------------------------- */
struct proc_open {
	struct text t; /* file->pos_lock */
	bool filled;   /* file->pos_lock */
};

static int text_open(struct inode *i, struct file *f)
{
	const struct proc_node *n = proc_node(i);
	if (n->e->may_open) {
		int r = n->e->may_open(n);
		if (r)
			return r;
	}
	if (file_writable(f) && !n->e->store && !n->e->store_as)
		return -EACCES;
	if (file_writable(f) && n->e->may_write) {
		int r = n->e->may_write(n);
		if (r)
			return r;
	}
	if (n->task && !n->e->at_offset)
		f->fmode |= FMODE_NO_PWRITE;
	f->private = kzalloc(sizeof(struct proc_open));
	return f->private ? 0 : -ENOMEM;
}

static ssize_t text_file_read(struct file *f, struct iter *to, u64 *pos)
{
	const struct proc_node *n = proc_node(f->inode);
	struct proc_open *o = f->private;

	if (!n->e->show)
		return -EINVAL;
	if (!o->filled || *pos == 0) {
		o->t.len = 0;
		o->t.failed = false;
		int r = n->e->show(&o->t, n);
		if (r)
			return r;
		o->filled = true;
	}
	return text_read(&o->t, to, pos);
}

static ssize_t text_file_write(struct file *f, struct iter *from, u64 *pos)
{
	const struct proc_node *n = proc_node(f->inode);
	size_t len = min(from->count, PAGE_SIZE - 1);

	if (!n->e->store && !n->e->store_as)
		return -EIO;
	if (n->e->store_as && (*pos || from->count >= PAGE_SIZE))
		return -EINVAL;
	char *buf = kmalloc(len + 1);
	if (!buf)
		return -ENOMEM;
	ssize_t r = -EFAULT;
	if (iter_copy_from(from, buf, len) == len) {
		buf[len] = 0;
		r = n->e->store ? n->e->store(n, buf, len) : n->e->store_as(n, f->cred, buf, len);
	}
	kfree(buf);
	if (r)
		return r;
	*pos += len;
	return (ssize_t)len;
}

static long text_ioctl(struct file *f, u32 cmd, u64 arg)
{
	const struct proc_node *n = proc_node(f->inode);
	return n->e->ioctl ? n->e->ioctl(n, cmd, arg) : -ENOTTY;
}

static void text_release(struct file *f)
{
	struct proc_open *o = f->private;
	text_free(&o->t);
	kfree(o);
}
static const struct file_ops text_fops = { .open = text_open, .read = text_file_read, .write = text_file_write, .ioctl = text_ioctl, .release = text_release };
/* What Linux shows of a process by its plain seq files. */
static const struct file_ops task_text_fops = {
	.open = text_open, .read = text_file_read, .write = text_file_write, .ioctl = text_ioctl, .release = text_release, .no_splice = true
};

void proc_register(const struct proc_entry *e)
{
	BUG_ON(nr_registered == REGISTERED_MAX);
	registered[nr_registered++] = e;
}
