/*
 * The file system binfmt_misc: `register`, `status` and a file for each registered format. Entry point: binfmt_misc_init. The formats themselves are
 * proc/exec_misc.c's; every mount shows the same ones. Only the first user namespace's superuser mounts it.
 */
#include "fs/binfmt_misc.h"

#include <linux/magic.h>

#include "fs/text.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/exec_misc.h"
#include "vfs/file.h"

enum { INO_ROOT = 1, INO_REGISTER = 2, INO_STATUS = 3, INO_FORMAT = 16 };

static const struct inode_ops dir_ops, file_ops_;
static const struct file_ops dir_fops, register_fops, status_fops, format_fops;

/* f: a format with a reference that the inode takes over, or NULL. */
static int make_inode(struct super *sb, u32 ino, struct misc_format *f, struct inode **out)
{
	u32 mode = ino == INO_ROOT ? S_IFDIR | 0755 : S_IFREG | (ino == INO_REGISTER ? 0200 : 0644);
	int err = inode_create(sb, mode, out);
	if (err)
		return err;
	struct inode *i = *out;
	i->ino = ino;
	i->uid = i->gid = 0;
	i->private = f;
	i->ops = ino == INO_ROOT ? &dir_ops : &file_ops_;
	i->fops = ino == INO_ROOT ? &dir_fops : ino == INO_REGISTER ? &register_fops : ino == INO_STATUS ? &status_fops : &format_fops;
	i->nlink = ino == INO_ROOT ? 2 : 1;
	return 0;
}

static void evict(struct inode *i)
{
	if (i->private)
		misc_put(i->private);
}

static int lookup(struct inode *dir, const char *name, struct inode **out)
{
	if (!strcmp(name, "register"))
		return make_inode(dir->sb, INO_REGISTER, NULL, out);
	if (!strcmp(name, "status"))
		return make_inode(dir->sb, INO_STATUS, NULL, out);
	struct misc_format *f = misc_find(name);
	if (!f)
		return -ENOENT;
	int err = make_inode(dir->sb, INO_FORMAT + f->id, f, out);
	if (err)
		misc_put(f);
	return err;
}

static bool emit(struct dir_context *c, const char *name, u64 ino)
{
	if (!c->emit(c, name, (u32)strlen(name), ino, S_IFREG >> 12))
		return false;
	c->pos++;
	return true;
}

static int readdir(struct file *file, struct dir_context *c)
{
	struct misc_format *f;
	if (!dir_emit_dots(file, c))
		return 0;
	if (c->pos == 2 && !emit(c, "status", INO_STATUS))
		return 0;
	if (c->pos == 3 && !emit(c, "register", INO_REGISTER))
		return 0;
	while ((f = misc_at(c->pos - 4))) {
		bool room = emit(c, f->name, INO_FORMAT + f->id);
		misc_put(f);
		if (!room)
			break;
	}
	return 0;
}

/* A removed format's name leads nowhere. */
static bool revalidate(struct dentry *d, struct inode *i)
{
	const struct misc_format *f = i->private;
	return !f || !READ_ONCE(f->gone);
}

static int no_change(struct inode *i, const struct inode_attr *a) { return a->valid & ~(u32)(ATTR_SIZE | ATTR_MTIME | ATTR_CTIME) ? -EPERM : 0; }
static const struct inode_ops dir_ops = { .lookup = lookup, .setattr = no_change };
static const struct inode_ops file_ops_ = { .setattr = no_change, .revalidate = revalidate };
static const struct file_ops dir_fops = { .readdir = readdir };

/* --- files --------------------------------------------------------------------------------------------------------------------------------- */

static ssize_t reply(struct text *t, struct iter *to, u64 *pos)
{
	ssize_t n = text_read(t, to, pos);
	text_free(t);
	return n;
}

static void put_hex(struct text *t, const char *name, const u8 *bytes, u32 n)
{
	text_puts(t, name);
	for (u32 i = 0; i < n; i++)
		text_printf(t, "%02x", bytes[i]);
	text_puts(t, "\n");
}

static ssize_t format_read(struct file *file, struct iter *to, u64 *pos)
{
	const struct misc_format *f = file->inode->private;
	struct text t = { 0 };
	text_printf(&t, "%s\ninterpreter %s\nflags: %s%s%s%s\n", READ_ONCE(f->enabled) ? "enabled" : "disabled", f->interpreter,
		f->flags & MISC_KEEP_ARGV0 ? "P" : "", f->flags & MISC_OPEN_BINARY ? "O" : "", f->flags & MISC_CREDENTIALS ? "C" : "",
		f->flags & MISC_FIXED ? "F" : "");
	if (!f->by_magic) {
		text_printf(&t, "extension .%s\n", f->extension);
	} else {
		text_printf(&t, "offset %u\n", f->offset);
		put_hex(&t, "magic ", f->magic, f->size);
		if (f->mask)
			put_hex(&t, "mask ", f->mask, f->size);
	}
	return reply(&t, to, pos);
}

static ssize_t status_read(struct file *file, struct iter *to, u64 *pos)
{
	struct text t = { 0 };
	text_puts(&t, READ_ONCE(misc_enabled) ? "enabled\n" : "disabled\n");
	return reply(&t, to, pos);
}

/* What "0", "1" or "-1" asks for: disable, enable, remove. -EINVAL for anything else, -EFAULT. */
enum { ASK_DISABLE, ASK_ENABLE, ASK_REMOVE };
static int read_command(struct iter *from)
{
	char s[4] = "";
	size_t n = from->count;
	if (n > 3)
		return -EINVAL;
	if (iter_copy_from(from, s, n) != n)
		return -EFAULT;
	if (n && s[n - 1] == '\n')
		s[--n] = 0;
	return !strcmp(s, "0") ? ASK_DISABLE : !strcmp(s, "1") ? ASK_ENABLE : !strcmp(s, "-1") ? ASK_REMOVE : -EINVAL;
}

static ssize_t format_write(struct file *file, struct iter *from, u64 *pos)
{
	struct misc_format *f = file->inode->private;
	size_t n = from->count;
	int ask = read_command(from);
	if (ask < 0)
		return ask;
	if (ask == ASK_REMOVE)
		misc_remove(f);
	else
		WRITE_ONCE(f->enabled, ask == ASK_ENABLE);
	return (ssize_t)n;
}

static ssize_t status_write(struct file *file, struct iter *from, u64 *pos)
{
	size_t n = from->count;
	int ask = read_command(from);
	if (ask < 0)
		return ask;
	if (ask == ASK_REMOVE)
		misc_remove_all();
	else
		WRITE_ONCE(misc_enabled, ask == ASK_ENABLE);
	return (ssize_t)n;
}

static ssize_t register_write(struct file *file, struct iter *from, u64 *pos)
{
	size_t n = from->count;
	if (n > MISC_TEXT_MAX)
		return -EINVAL;
	char *text = kmalloc(n + 1);
	if (!text)
		return -ENOMEM;
	int err = iter_copy_from(from, text, n) == n ? misc_register(text, n) : -EFAULT;
	kfree(text);
	return err ? err : (ssize_t)n;
}

static s64 seek(struct file *f, s64 off, int whence) { return generic_llseek(f, off, whence, 0, PAGE_SIZE); }
static const struct file_ops register_fops = { .write = register_write, .llseek = seek };
static const struct file_ops status_fops = { .read = status_read, .write = status_write, .llseek = seek };
static const struct file_ops format_fops = { .read = format_read, .write = format_write, .llseek = seek };

/* --- mounting ------------------------------------------------------------------------------------------------------------------------------ */

static const struct super_ops super_ops = { .evict = evict };

static int mount_it(const struct fs_type *t, const char *source, const char *data, struct super **out)
{
	struct super *sb;
	struct inode *root;
	int err = super_create(t, &super_ops, BINFMTFS_MAGIC, &sb);
	if (err)
		return err;
	sb->no_dcache = true;
	err = make_inode(sb, INO_ROOT, NULL, &root);
	if (!err)
		err = super_set_root(sb, root);
	if (err) {
		super_put(sb);
		return err;
	}
	*out = sb;
	return 0;
}

static struct fs_type misc_type = { .name = "binfmt_misc", .nodev = true, .mount = mount_it };

void binfmt_misc_init(void) { register_filesystem(&misc_type); }
