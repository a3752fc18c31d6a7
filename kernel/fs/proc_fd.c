/* /proc/PID/fd and fdinfo: the descriptors of a process as magic links and as text. */
#include "fs/procfs.h"

#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"

#define FD_BASE 256u

struct fdtable *proc_task_files(struct task *t)
{
	spin_lock(&t->alloc_lock);
	struct fdtable *files = t->files;
	if (files)
		fdtable_get(files);
	spin_unlock(&t->alloc_lock);
	return files;
}

/* The open file behind n->fd, with a reference. table (may be NULL): only to compare, it may be gone. */
static int node_file_in(const struct proc_node *n, struct file **out, bool *cloexec, const struct fdtable **table)
{
	struct fdtable *files = proc_task_files(n->task);
	if (!files)
		return -ENOENT;
	*out = fdtable_lookup(files, n->fd, cloexec);
	if (table)
		*table = files;
	fdtable_put(files);
	return *out ? 0 : -ENOENT;
}
static int node_file(const struct proc_node *n, struct file **out) { return node_file_in(n, out, NULL, NULL); }

static int fd_follow(const struct proc_node *n, struct path *out)
{
	struct file *f;
	int r = proc_may_read(n->task);
	if (!r)
		r = node_file(n, &f);
	if (r)
		return r;
	*out = f->path;
	path_get(out);
	file_put(f);
	return 0;
}

static int file_text(struct file *f, char *buf, size_t size)
{
	if (f->anon_name) {
		/* "pipe" and "socket" carry their inode's number; the others are complete. */
		if (!strchr(f->anon_name, ':'))
			return format_str(buf, size, "%s:[%llu]", f->anon_name, (unsigned long long)f->inode->ino);
		return format_str(buf, size, "%s", f->anon_name);
	}
	char *page = kmalloc(PAGE_SIZE);
	if (!page)
		return -ENOMEM;
	const char *s = path_text(&f->path, page, PAGE_SIZE);
	int r = s ? (int)min(str_copy(buf, s, size), size - 1) : -ENAMETOOLONG;
	kfree(page);
	return r;
}

static int fd_link(const struct proc_node *n, char *buf, size_t size)
{
	struct file *f;
	int r = proc_may_read(n->task);
	if (!r)
		r = node_file(n, &f);
	if (r)
		return r;
	r = file_text(f, buf, size);
	file_put(f);
	return r;
}

static int show_fdinfo(struct text *t, const struct proc_node *n)
{
	struct file *f;
	const struct fdtable *table;
	bool cloexec = false;
	int r = node_file_in(n, &f, &cloexec, &table);
	if (r)
		return r;
	text_printf(t, "pos:\t%lli\nflags:\t0%o\nmnt_id:\t%u\nino:\t%llu\n", (long long)f->pos, f->flags | (cloexec ? O_CLOEXEC : 0),
		f->path.mnt ? f->path.mnt->id : 0, (unsigned long long)f->inode->ino);
	r = proc_show_fd_locks(t, f, table);
	char *p = !r && f->ops->show_fdinfo ? text_room(t, 4096) : NULL;
	if (p) {
		int len = f->ops->show_fdinfo(f, p, 4096);
		if (len > 0)
			t->len += (size_t)min(len, 4095);
	}
	file_put(f);
	return r;
}

static int may_read_fd(const struct proc_node *n) { return proc_may_read(n->task); }

/* A link's mode shows how the file was opened. */
#define FD_ENTRY(m) { .name = "", .mode = S_IFLNK | (m), .link = fd_link, .follow = fd_follow }
static const struct proc_entry fd_entry[4] = { FD_ENTRY(0500), FD_ENTRY(0300), FD_ENTRY(0700), FD_ENTRY(0000) };
static const struct proc_entry fdinfo_entry = { .name = "", .mode = S_IFREG | 0444, .show = show_fdinfo, .may_open = may_read_fd };

static int lookup(struct inode *dir, const char *name, bool info, struct inode **out)
{
	struct proc_node n = { .task = proc_node(dir)->task };
	s64 nr = proc_number(name);
	struct file *f;

	if (nr < 0)
		return -ENOENT;
	n.fd = (s32)nr;
	int r = node_file(&n, &f);
	if (r)
		return r;
	const struct proc_entry *e = &fdinfo_entry;
	if (!info)
		e = file_readable(f) && file_writable(f) ? &fd_entry[2] : file_readable(f) ? &fd_entry[0] : file_writable(f) ? &fd_entry[1] : &fd_entry[3];
	r = proc_inode(dir->sb, e, n.task, n.fd, out);
	if (!r && !info)
		(*out)->size = 64;
	file_put(f);
	return r;
}
int proc_fd_lookup(struct inode *dir, const char *name, struct inode **out) { return lookup(dir, name, false, out); }
int proc_fdinfo_lookup(struct inode *dir, const char *name, struct inode **out) { return lookup(dir, name, true, out); }

int proc_fd_list(struct file *f, const struct proc_node *n, struct dir_context *c)
{
	struct fdtable *files = proc_task_files(n->task);
	char name[16];
	int fd;

	if (!files)
		return 0;
	if (c->pos < FD_BASE)
		c->pos = FD_BASE;
	while ((fd = fdtable_next(files, (int)(c->pos - FD_BASE))) >= 0) {
		format_str(name, sizeof(name), "%d", fd);
		c->pos = FD_BASE + (u64)fd;
		if (!proc_emit(c, name, proc_ino(&fd_entry[0], n->task, fd), n->e->lookup == proc_fd_lookup ? S_IFLNK : S_IFREG))
			break;
	}
	fdtable_put(files);
	return 0;
}

u64 proc_fd_size(const struct proc_node *n)
{
	struct fdtable *table = proc_task_files(n->task);
	u64 open = table ? fdtable_count(table) : 0;
	if (table)
		fdtable_put(table);
	return open;
}
