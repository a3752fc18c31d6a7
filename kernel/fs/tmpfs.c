/*
 * tmpfs: the file system that lives in memory; the root of the machine is one. Entry points: the operations of fs_type "tmpfs", tmpfs_add() and friends,
 * hook_root_super().
 *
 * A directory is a red-black tree of entries ordered by key: a 54-bit hash of the name and 8 bits that tell names of equal hash apart. The key is
 * also the entry's position for readdir, so positions stay right whatever is added or removed between two calls. An entry holds one reference to its
 * inode, so an inode lives while it has a name or a user. Limits count pages and inodes in the superblock; pages that come in through mappings are
 * reckoned in when the inode is looked at next.
 */
#include "fs/tmpfs.h"

#include <asm/mman.h>
#include <asm/signal.h>
#include <asm/statfs.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/resource.h>
#include <linux/mman.h>

#include "fs/tmpfs_xattr.h"
#include "lib/bug.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/rbtree.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/slab.h"
#include "sched/timer.h"
#include "vfs/pipe.h"

#define NAME_ENTRY_SIZE 20 /* what a name adds to a directory's size */
#define FIRST_POS 2u

struct tmpfs_entry {
	struct rb_node node;  /* in the directory's tree */
	u64 key;
	struct inode *inode;  /* a reference */
	u32 len;
	char name[];
};
/* inode->private of directories, and of others once they have attributes. All under the inode's lock. */
struct tmpfs_inode {
	struct rb_root entries;
	u64 nr_entries;
	struct tmpfs_xattrs xattrs;
};
struct tmpfs_super {
	struct tmpfs_limits limits; /* mount lock to write */
	atomic64_t pages, inodes;   /* in use */
	struct inode *root;
};
static struct kmem_cache *info_cache;
static struct mount *internal_mount;

static inline struct tmpfs_super *super_of(const struct inode *i) { return i->sb->private; }

/* --- accounting ----------------------------------------------------------------------------------------------------------------------------------- */

/* inode->blocks / 8 is what has been charged for a regular file. */
static int charge_pages(struct inode *i, u64 n)
{
	struct tmpfs_super *s = super_of(i);
	s64 now = atomic64_add_return(&s->pages, (s64)n);
	if (s->limits.max_pages && (u64)now > s->limits.max_pages) {
		atomic64_add(&s->pages, -(s64)n);
		return -ENOSPC;
	}
	i->blocks += n * 8;
	return 0;
}

/* Brings the count in line with the pages there are: mappings add some, truncation takes some. => inode lock, or last user */
static void recount(struct inode *i)
{
	if (!S_ISREG(i->mode))
		return;
	u64 have = as_nr_pages(&i->data), charged = i->blocks / 8;
	if (have == charged)
		return;
	atomic64_add(&super_of(i)->pages, (s64)have - (s64)charged);
	i->blocks = have * 8;
}

static int charge_inode(struct super *sb)
{
	struct tmpfs_super *s = sb->private;
	s64 now = atomic64_add_return(&s->inodes, 1);
	if (s->limits.max_inodes && (u64)now > s->limits.max_inodes) {
		atomic64_add(&s->inodes, -1);
		return -ENOSPC;
	}
	return 0;
}

/* --- inodes ----------------------------------------------------------------------------------------------------------------------------------------- */

static const struct inode_ops dir_inode_ops, file_inode_ops;
static const struct file_ops dir_file_ops;

static int info_get(struct inode *i, struct tmpfs_inode **out)
{
	if (!i->private) {
		i->private = kmem_cache_zalloc(info_cache);
		if (!i->private)
			return -ENOMEM;
		tmpfs_xattrs_init(&((struct tmpfs_inode *)i->private)->xattrs);
	}
	*out = i->private;
	return 0;
}

/* An inode of this file system, with no name yet. */
static int make_inode(struct super *sb, u32 mode, u64 rdev, const char *target, struct inode **out)
{
	struct inode *i;
	struct tmpfs_inode *info;
	int err = charge_inode(sb);
	if (err)
		return err;
	err = inode_create(sb, mode, &i);
	if (err) {
		atomic64_add(&((struct tmpfs_super *)sb->private)->inodes, -1);
		return err;
	}
	i->ops = &file_inode_ops;
	i->rdev = rdev;
	if (S_ISDIR(mode)) {
		i->ops = &dir_inode_ops;
		i->fops = &dir_file_ops;
		i->nlink = 2;
		i->size = 2 * NAME_ENTRY_SIZE;
		err = info_get(i, &info);
	} else if (S_ISLNK(mode)) {
		i->link = kstrdup(target);
		i->size = strlen(target);
		err = i->link ? 0 : -ENOMEM;
	} else if (S_ISREG(mode)) {
		i->fops = &tmpfs_file_ops;
		i->sealable = true;
		i->seals = F_SEAL_SEAL;
	}
	if (err) {
		inode_put(i);
		return err;
	}
	*out = i;
	return 0;
}

/* Last reference: nothing of a directory's tree is left by then. */
static void tmpfs_evict(struct inode *i)
{
	struct tmpfs_super *s = super_of(i);
	if (S_ISREG(i->mode))
		atomic64_add(&s->pages, -(s64)(i->blocks / 8));
	if (S_ISLNK(i->mode))
		kfree(i->link);
	if (i->private) {
		tmpfs_xattrs_free(&((struct tmpfs_inode *)i->private)->xattrs);
		kmem_cache_free(info_cache, i->private);
	}
	atomic64_add(&s->inodes, -1);
}

/* --- names ------------------------------------------------------------------------------------------------------------------------------------------ */

/* The upper 54 bits of a key. */
static u64 hash_of(const char *name, u32 len)
{
	u64 h = 0xcbf29ce484222325UL;
	for (u32 k = 0; k < len; k++)
		h = (h ^ (u8)name[k]) * 0x100000001b3UL;
	h ^= h >> 29;
	return h * 0x9e3779b97f4a7c15UL >> 10;
}

static inline u64 first_key(u64 hash) { return (hash << 8) + FIRST_POS; }

static bool entry_less(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct tmpfs_entry, node)->key < rb_entry(b, struct tmpfs_entry, node)->key;
}

/* The first entry with key >= key, or NULL. */
static struct tmpfs_entry *entry_from(const struct tmpfs_inode *d, u64 key)
{
	struct rb_node *n = d->entries.node;
	struct tmpfs_entry *best = NULL;
	while (n) {
		struct tmpfs_entry *e = rb_entry(n, struct tmpfs_entry, node);
		if (e->key >= key) {
			best = e;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return best;
}

static struct tmpfs_entry *next_entry(const struct tmpfs_entry *e)
{
	struct rb_node *n = rb_next(&e->node);
	return n ? rb_entry(n, struct tmpfs_entry, node) : NULL;
}

/* The entry by name, or NULL; then *key is free for it (0: every key of its hash is taken). */
static struct tmpfs_entry *entry_find(const struct tmpfs_inode *d, const char *name, u32 len, u64 *key)
{
	u64 want = first_key(hash_of(name, len)), end = want + 250;
	struct tmpfs_entry *e = entry_from(d, want);
	u64 gap = 0;
	for (; e && e->key < end; e = next_entry(e), want++) {
		if (e->len == len && !memcmp(e->name, name, len))
			return e;
		if (!gap && e->key != want)
			gap = want;
		if (e->key != want)
			want = e->key;
	}
	*key = gap ? gap : want < end ? want : 0;
	return NULL;
}

/* Puts a name for inode (reference taken) into dir. */
static int entry_add(struct inode *dir, const char *name, u32 len, struct inode *inode)
{
	struct tmpfs_inode *d = dir->private;
	u64 key;
	if (entry_find(d, name, len, &key))
		return -EEXIST;
	if (!key)
		return -ENOSPC;
	struct tmpfs_entry *e = kmalloc(sizeof(*e) + len + 1);
	if (!e)
		return -ENOMEM;
	memcpy(e->name, name, len);
	e->name[len] = 0;
	e->len = len;
	e->key = key;
	e->inode = inode;
	e->node.linked = 0;
	inode_get(inode);
	rb_insert(&d->entries, &e->node, entry_less);
	d->nr_entries++;
	dir->size += NAME_ENTRY_SIZE;
	return 0;
}

static void entry_remove(struct inode *dir, struct tmpfs_entry *e)
{
	struct tmpfs_inode *d = dir->private;
	rb_erase(&d->entries, &e->node);
	d->nr_entries--;
	dir->size -= NAME_ENTRY_SIZE;
	inode_put(e->inode);
	kfree(e);
}

static struct tmpfs_entry *entry_of(struct inode *dir, const char *name)
{
	u64 key;
	return entry_find(dir->private, name, (u32)strlen(name), &key);
}

int tmpfs_add(struct inode *dir, const char *name, u32 len, u32 mode, u64 rdev, const char *target, struct inode **out)
{
	struct inode *i;
	int err = make_inode(dir->sb, mode, rdev, target, &i);
	if (err)
		return err;
	inode_init_owner(i, dir);
	err = entry_add(dir, name, len, i);
	if (err) {
		inode_put(i);
		return err;
	}
	if (S_ISDIR(mode))
		dir->nlink++;
	*out = i;
	return 0;
}

int tmpfs_add_link(struct inode *dir, const char *name, u32 len, struct inode *target)
{
	int err = entry_add(dir, name, len, target);
	if (!err)
		target->nlink++;
	return err;
}

struct inode *tmpfs_child(struct inode *dir, const char *name, u32 len)
{
	u64 key;
	struct tmpfs_entry *e = entry_find(dir->private, name, len, &key);
	return e ? e->inode : NULL;
}

int tmpfs_nameless(struct super *sb, u32 mode, struct inode **out)
{
	int err = make_inode(sb, mode, 0, NULL, out);
	if (!err)
		(*out)->nlink = 0;
	return err;
}

/* --- directory operations --------------------------------------------------------------------------------------------------------------------------- */

static void dir_changed(struct inode *dir) { dir->mtime = dir->ctime = clock_real(); }

static int tmpfs_lookup(struct inode *dir, const char *name, struct inode **out)
{
	struct tmpfs_entry *e = entry_of(dir, name);
	if (!e)
		return -ENOENT;
	inode_get(e->inode);
	*out = e->inode;
	return 0;
}

static int add_node(struct inode *dir, const char *name, u32 mode, u64 rdev, const char *target, struct inode **out)
{
	int err = tmpfs_add(dir, name, (u32)strlen(name), mode, rdev, target, out);
	if (!err)
		dir_changed(dir);
	return err;
}

static int tmpfs_create(struct inode *dir, const char *name, u32 mode, u64 rdev, struct inode **out)
{
	return add_node(dir, name, mode, rdev, NULL, out);
}

static int tmpfs_mkdir(struct inode *dir, const char *name, u32 mode, struct inode **out) { return add_node(dir, name, mode, 0, NULL, out); }

static int tmpfs_symlink(struct inode *dir, const char *name, const char *target, struct inode **out)
{
	return add_node(dir, name, S_IFLNK | 0777, 0, target, out);
}

static int tmpfs_tmpfile(struct inode *dir, u32 mode, struct inode **out)
{
	int err = tmpfs_nameless(dir->sb, mode, out);
	if (!err)
		inode_init_owner(*out, dir);
	return err;
}

static int tmpfs_link(struct inode *dir, const char *name, struct inode *target)
{
	int err = tmpfs_add_link(dir, name, (u32)strlen(name), target);
	if (err)
		return err;
	dir_changed(dir);
	target->ctime = dir->ctime;
	return 0;
}

static int tmpfs_unlink(struct inode *dir, const char *name, struct inode *victim)
{
	struct tmpfs_entry *e = entry_of(dir, name);
	if (!e)
		return -ENOENT;
	dir_changed(dir);
	victim->ctime = dir->ctime;
	victim->nlink--;
	entry_remove(dir, e);
	return 0;
}

static bool dir_empty(const struct inode *i) { return ((struct tmpfs_inode *)i->private)->nr_entries == 0; }

static int tmpfs_rmdir(struct inode *dir, const char *name, struct inode *victim)
{
	if (!dir_empty(victim))
		return -ENOTEMPTY;
	int err = tmpfs_unlink(dir, name, victim);
	if (!err) {
		victim->nlink = 0;
		dir->nlink--;
	}
	return err;
}

static int exchange(struct inode *od, struct tmpfs_entry *a, struct inode *nd, struct tmpfs_entry *b)
{
	struct inode *src = a->inode, *dst = b->inode;
	a->inode = dst;
	b->inode = src;
	if (od != nd) {
		int move = (S_ISDIR(src->mode) ? 1 : 0) - (S_ISDIR(dst->mode) ? 1 : 0);
		od->nlink -= (u32)move;
		nd->nlink += (u32)move;
	}
	dir_changed(od);
	dir_changed(nd);
	src->ctime = dst->ctime = od->ctime;
	return 0;
}

static int tmpfs_rename(struct inode *od, const char *on, struct inode *src, struct inode *nd, const char *nn, struct inode *target, u32 flags)
{
	struct tmpfs_entry *from = entry_of(od, on);
	if (!from)
		return -ENOENT;
	if (flags & RENAME_EXCHANGE) {
		struct tmpfs_entry *to = entry_of(nd, nn);
		return to ? exchange(od, from, nd, to) : -ENOENT;
	}
	if (target) {
		if (S_ISDIR(target->mode) && !dir_empty(target))
			return -ENOTEMPTY;
		/* The target's entry is taken over: nothing can fail. */
		struct tmpfs_entry *to = entry_of(nd, nn);
		if (!to)
			return -ENOENT;
		to->inode = src;
		inode_get(src);
		target->nlink -= S_ISDIR(target->mode) ? 2 : 1;
		if (S_ISDIR(target->mode))
			nd->nlink--;
		target->ctime = clock_real();
		inode_put(target); /* the entry's; the caller holds its own */
	} else {
		int err = entry_add(nd, nn, (u32)strlen(nn), src);
		if (err)
			return err;
	}
	entry_remove(od, from);
	if (S_ISDIR(src->mode)) {
		od->nlink--;
		nd->nlink++;
	}
	dir_changed(od);
	dir_changed(nd);
	src->ctime = od->ctime;
	return 0;
}

static u32 type_of(const struct inode *i) { return (i->mode & S_IFMT) >> 12; }

static int tmpfs_readdir(struct file *f, struct dir_context *c)
{
	if (!dir_emit_dots(f, c))
		return 0;
	struct tmpfs_entry *e = entry_from(f->inode->private, c->pos);
	for (; e; e = next_entry(e)) {
		c->pos = e->key;
		if (!c->emit(c, e->name, e->len, e->inode->ino, type_of(e->inode)))
			return 0;
		c->pos = e->key + 1;
	}
	return 0;
}

/* --- attributes ------------------------------------------------------------------------------------------------------------------------------------- */

static int set_size(struct inode *i, u64 size)
{
	if (!S_ISREG(i->mode))
		return -EINVAL;
	if ((size < i->size && (i->seals & F_SEAL_SHRINK)) || (size > i->size && (i->seals & F_SEAL_GROW)))
		return -EPERM;
	if (size < i->size) {
		WRITE_ONCE(i->size, size);
		as_truncate(&i->data, size);
	} else {
		WRITE_ONCE(i->data.size, size);
		WRITE_ONCE(i->size, size);
	}
	recount(i);
	return 0;
}

static int tmpfs_setattr(struct inode *i, const struct inode_attr *a)
{
	if (a->valid & ATTR_SIZE) {
		int err = set_size(i, a->size);
		if (err)
			return err;
	}
	if (a->valid & ATTR_MODE) {
		if ((i->seals & 0x20) && ((i->mode ^ a->mode) & 0111)) /* F_SEAL_EXEC */
			return -EPERM;
		WRITE_ONCE(i->mode, (i->mode & S_IFMT) | (a->mode & 07777));
	}
	if (a->valid & ATTR_UID)
		i->uid = a->uid;
	if (a->valid & ATTR_GID)
		i->gid = a->gid;
	if (a->valid & ATTR_ATIME)
		i->atime = a->atime;
	if (a->valid & ATTR_MTIME)
		i->mtime = a->mtime;
	if (a->valid & ATTR_CTIME)
		i->ctime = a->ctime;
	return 0;
}

static void tmpfs_getattr(struct inode *i)
{
	if (!S_ISREG(i->mode) || as_nr_pages(&i->data) * 8 == i->blocks)
		return;
	mutex_lock(&i->lock);
	recount(i);
	mutex_unlock(&i->lock);
}

static int tmpfs_getxattr(struct inode *i, const char *name, void *buf, size_t size)
{
	struct tmpfs_inode *info = i->private;
	return info ? tmpfs_xattr_get(&info->xattrs, name, buf, size) : -ENODATA;
}

static int tmpfs_setxattr(struct inode *i, const char *name, const void *buf, size_t size, int flags)
{
	struct tmpfs_inode *info;
	int err = info_get(i, &info);
	if (!err)
		err = tmpfs_xattr_set(&info->xattrs, name, buf, size, flags);
	if (!err)
		i->ctime = clock_real();
	return err;
}

static int tmpfs_listxattr(struct inode *i, char *buf, size_t size)
{
	struct tmpfs_inode *info = i->private;
	return info ? tmpfs_xattr_list(&info->xattrs, buf, size) : 0;
}

static int tmpfs_removexattr(struct inode *i, const char *name)
{
	struct tmpfs_inode *info = i->private;
	int err = info ? tmpfs_xattr_remove(&info->xattrs, name) : -ENODATA;
	if (!err)
		i->ctime = clock_real();
	return err;
}

static const struct inode_ops dir_inode_ops = {
	.lookup = tmpfs_lookup, .create = tmpfs_create, .mkdir = tmpfs_mkdir, .symlink = tmpfs_symlink, .link = tmpfs_link, .unlink = tmpfs_unlink,
	.rmdir = tmpfs_rmdir, .rename = tmpfs_rename, .tmpfile = tmpfs_tmpfile, .setattr = tmpfs_setattr, .getxattr = tmpfs_getxattr,
	.setxattr = tmpfs_setxattr, .listxattr = tmpfs_listxattr, .removexattr = tmpfs_removexattr,
};
static const struct inode_ops file_inode_ops = {
	.setattr = tmpfs_setattr, .getattr = tmpfs_getattr, .getxattr = tmpfs_getxattr, .setxattr = tmpfs_setxattr, .listxattr = tmpfs_listxattr,
	.removexattr = tmpfs_removexattr,
};
static const struct file_ops dir_file_ops = { .readdir = tmpfs_readdir };

/* --- files ------------------------------------------------------------------------------------------------------------------------------------------- */

static ssize_t tmpfs_write(struct file *f, struct iter *from, u64 *pos) { return pagefile_write(f, from, pos, charge_pages); }

static int tmpfs_mmap(struct file *f, struct map_request *r)
{
	struct inode *i = f->inode;
	bool shared = (r->flags & MAP_TYPE) != MAP_PRIVATE;
	if (shared && (i->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))) {
		if (r->prot & PROT_WRITE)
			return -EPERM;
		r->max_flags_drop |= VM_MAYWRITE;
	}
	if (shared && !(r->max_flags_drop & VM_MAYWRITE)) {
		mutex_lock(&i->lock);
		i->shared_write = true;
		mutex_unlock(&i->lock);
	} else if (!atomic_read(&i->data.mapped)) {
		i->shared_write = false;
	}
	return pagefile_mmap(f, r);
}

/* => inode lock. Zeroes the bytes [from, to) of one page, if it is there. */
static int zero_part(struct inode *i, u64 from, u64 to)
{
	struct page *p;
	if (from >= to)
		return 0;
	int err = as_get_page(&i->data, from >> PAGE_SHIFT, false, &p);
	if (err || !p)
		return err;
	memset((char *)page_virt(p) + (from & (PAGE_SIZE - 1)), 0, to - from);
	page_put(p);
	return 0;
}

/* => inode lock. Makes [off, end) read as zeroes: whole pages go, the parts at the edges are cleared. */
static int punch(struct inode *i, u64 off, u64 end)
{
	u64 first = ALIGN_UP(off, PAGE_SIZE), last = ALIGN_DOWN(end, PAGE_SIZE);
	if (i->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	int err;
	if (first > last)
		return zero_part(i, off, end); /* within one page */
	err = zero_part(i, off, first);
	if (!err)
		err = zero_part(i, last, end);
	if (!err && first < last)
		as_punch(&i->data, first >> PAGE_SHIFT, last >> PAGE_SHIFT);
	recount(i);
	return err;
}

/* => inode lock. Pages for all of [off, end): what this call added goes again when there is no room for all. */
static int preallocate(struct inode *i, u64 off, u64 end)
{
	u64 first = off >> PAGE_SHIFT, last = (end + PAGE_SIZE - 1) >> PAGE_SHIFT;
	struct tmpfs_super *s = super_of(i);
	if (s->limits.max_pages && last - first > s->limits.max_pages)
		return -ENOSPC;
	int err = 0;
	u64 k;
	for (k = first; k < last && !err; k++) {
		struct page *p;
		err = as_get_page(&i->data, k, false, &p);
		if (!err && !p) {
			err = charge_pages(i, 1);
			if (!err)
				err = as_get_page(&i->data, k, true, &p);
		}
		if (!err)
			page_put(p);
		if (!err && fatal_signal_pending())
			err = -EINTR;
		cond_resched();
	}
	if (err == -ENOMEM)
		err = -ENOSPC;
	/* Beyond the end nothing has been written: those pages can go back. */
	u64 size_pages = (i->size + PAGE_SIZE - 1) >> PAGE_SHIFT;
	if (err && k > size_pages)
		as_punch(&i->data, max(first, size_pages), k);
	recount(i);
	return err;
}

static long tmpfs_fallocate(struct file *f, int mode, u64 off, u64 len)
{
	struct inode *i = f->inode;
	u64 end = off + len;
	int err = 0;
	mutex_lock(&i->lock);
	if (end > i->size && !(mode & FALLOC_FL_KEEP_SIZE)) {
		if (i->seals & F_SEAL_GROW)
			err = -EPERM;
		else if (end > rlimit_cur(RLIMIT_FSIZE)) {
			hook_send_signal_self(SIGXFSZ);
			err = -EFBIG;
		}
	}
	if (!err && (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)))
		err = punch(i, off, end);
	if (!err && !(mode & FALLOC_FL_PUNCH_HOLE))
		err = preallocate(i, off, end);
	if (!err && !(mode & FALLOC_FL_KEEP_SIZE) && end > i->size) {
		WRITE_ONCE(i->data.size, end);
		WRITE_ONCE(i->size, end);
	}
	if (!err)
		file_modified(f);
	mutex_unlock(&i->lock);
	return err;
}

const struct file_ops tmpfs_file_ops = {
	.read = pagefile_read, .write = tmpfs_write, .llseek = pagefile_llseek, .mmap = tmpfs_mmap, .fallocate = tmpfs_fallocate,
};

/* --- the file system --------------------------------------------------------------------------------------------------------------------------------- */

/* Frees the whole tree below root: the deepest directory that has no subdirectory left is emptied first. */
static void drop_tree(struct inode *root)
{
	/* A directory on the way down is found again through its parent, so the walk needs no stack: it follows first entries. */
	for (;;) {
		struct inode *dir = root, *parent = NULL;
		struct tmpfs_entry *e, *into = NULL;
		while ((e = entry_from(dir->private, 0)) && S_ISDIR(e->inode->mode)) {
			parent = dir;
			into = e;
			dir = e->inode;
		}
		if (!e && !into)
			return; /* the root is empty */
		if (!e) {
			entry_remove(parent, into); /* an empty directory */
			continue;
		}
		while ((e = entry_from(dir->private, 0)) && !S_ISDIR(e->inode->mode))
			entry_remove(dir, e);
		cond_resched();
	}
}

static void tmpfs_kill(struct super *sb)
{
	struct tmpfs_super *s = sb->private;
	if (s->root)
		drop_tree(s->root);
}

/* The record goes after the root inode, whose eviction still counts in it. */
static void tmpfs_free(struct super *sb) { kfree(sb->private); }

static int tmpfs_statfs(struct super *sb, struct statfs *out)
{
	struct tmpfs_super *s = sb->private;
	u64 used = (u64)atomic64_read(&s->pages), inodes = (u64)atomic64_read(&s->inodes);
	if (s->limits.max_pages) {
		out->f_blocks = (s64)s->limits.max_pages;
		out->f_bfree = out->f_bavail = used < s->limits.max_pages ? (s64)(s->limits.max_pages - used) : 0;
	}
	if (s->limits.max_inodes) {
		out->f_files = (s64)s->limits.max_inodes;
		out->f_ffree = inodes < s->limits.max_inodes ? (s64)(s->limits.max_inodes - inodes) : 0;
	}
	return 0;
}

static int tmpfs_show_options(struct super *sb, char *buf, size_t size)
{
	const struct tmpfs_limits *l = &((struct tmpfs_super *)sb->private)->limits;
	size_t n = 0;
	struct mem_info mem;
	mem_info(&mem);
	buf[0] = 0;
	if (l->max_pages && l->max_pages != mem.total / 2)
		n += (size_t)format_str(buf + n, size - n, ",size=%luk", l->max_pages * 4);
	if (l->max_inodes && l->max_inodes != mem.total / 2 && n < size)
		n += (size_t)format_str(buf + n, size - n, ",nr_inodes=%lu", l->max_inodes);
	if (l->mode != 01777 && n < size)
		n += (size_t)format_str(buf + n, size - n, ",mode=%03o", l->mode);
	if (l->uid && n < size)
		n += (size_t)format_str(buf + n, size - n, ",uid=%u", l->uid);
	if (l->gid && n < size)
		n += (size_t)format_str(buf + n, size - n, ",gid=%u", l->gid);
	return (int)n;
}

/* A number with a suffix k, m, g, t (or, for sizes, % of memory). */
static int parse_size(const char *s, u64 *out)
{
	char digits[32];
	size_t n = strlen(s);
	u32 shift = 0;
	bool percent = false;
	if (!n || n >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, s, n + 1);
	switch (digits[n - 1] | 0x20) {
	case 't':
		shift += 10; /* fall through */
	case 'g':
		shift += 10; /* fall through */
	case 'm':
		shift += 10; /* fall through */
	case 'k':
		shift += 10;
		digits[n - 1] = 0;
		break;
	default:
		percent = digits[n - 1] == '%';
		if (percent)
			digits[n - 1] = 0;
	}
	int err = str_to_u64(digits, 0, out);
	if (err || (shift && *out >> (63 - shift)))
		return -EINVAL;
	*out <<= shift;
	if (percent) {
		struct mem_info mem;
		mem_info(&mem);
		*out = mem.total * PAGE_SIZE / 100 * *out;
	}
	return 0;
}

static int parse_option(char *opt, struct tmpfs_limits *l)
{
	char *value = strchr(opt, '=');
	u64 v = 0;
	if (!value)
		return strcmp(opt, "noswap") && strcmp(opt, "inode64") && strcmp(opt, "inode32") ? -EINVAL : 0;
	*value++ = 0;
	bool octal = !strcmp(opt, "mode");
	int err = octal ? str_to_u64(value, 8, &v) : parse_size(value, &v);
	if (err)
		return err;
	if (!strcmp(opt, "size"))
		l->max_pages = (v + PAGE_SIZE - 1) / PAGE_SIZE;
	else if (!strcmp(opt, "nr_blocks"))
		l->max_pages = v;
	else if (!strcmp(opt, "nr_inodes"))
		l->max_inodes = v;
	else if (octal)
		l->mode = (u32)v & 07777;
	else if (!strcmp(opt, "uid"))
		l->uid = (u32)v;
	else if (!strcmp(opt, "gid"))
		l->gid = (u32)v;
	else
		return -EINVAL;
	return 0;
}

static int parse_options(const char *data, struct tmpfs_limits *l)
{
	if (!data || !*data)
		return 0;
	char *copy = kstrdup(data), *next;
	if (!copy)
		return -ENOMEM;
	int err = 0;
	for (char *opt = copy; opt && !err; opt = next) {
		next = strchr(opt, ',');
		if (next)
			*next++ = 0;
		if (*opt)
			err = parse_option(opt, l);
		if (err == -EINVAL)
			pr_warn("tmpfs: bad option '%s'", opt);
	}
	kfree(copy);
	return err;
}

static int tmpfs_remount(struct super *sb, const char *data)
{
	struct tmpfs_super *s = sb->private;
	struct tmpfs_limits l = s->limits;
	int err = parse_options(data, &l);
	if (err)
		return err;
	/* A limit cannot be set below what is in use, nor where there was none. */
	if ((l.max_pages && ((u64)atomic64_read(&s->pages) > l.max_pages || !s->limits.max_pages)) ||
	    (l.max_inodes && ((u64)atomic64_read(&s->inodes) > l.max_inodes || !s->limits.max_inodes)))
		return -EINVAL;
	s->limits.max_pages = l.max_pages;
	s->limits.max_inodes = l.max_inodes;
	return 0;
}

static const struct super_ops tmpfs_super_ops = {
	.evict = tmpfs_evict, .statfs = tmpfs_statfs, .kill = tmpfs_kill, .free = tmpfs_free, .show_options = tmpfs_show_options, .remount = tmpfs_remount,
};

int tmpfs_super(const struct fs_type *t, const struct tmpfs_limits *l, struct super **out)
{
	struct super *sb;
	int err = super_create(t, &tmpfs_super_ops, TMPFS_MAGIC, &sb);
	if (err)
		return err;
	struct tmpfs_super *s = kzalloc(sizeof(*s));
	if (!s) {
		super_put(sb);
		return -ENOMEM;
	}
	sb->private = s;
	s->limits = *l;
	err = make_inode(sb, S_IFDIR | l->mode, 0, NULL, &s->root);
	if (!err) {
		s->root->uid = l->uid;
		s->root->gid = l->gid;
		err = super_set_root(sb, s->root);
		if (err)
			s->root = NULL;
	}
	if (err) {
		super_put(sb);
		return err;
	}
	*out = sb;
	return 0;
}

void tmpfs_grow_limit(struct super *sb, u64 pages)
{
	struct tmpfs_super *s = sb->private;
	if (s->limits.max_pages)
		s->limits.max_pages += pages / 2;
}

static void default_limits(struct tmpfs_limits *l, u32 mode)
{
	struct mem_info mem;
	mem_info(&mem);
	*l = (struct tmpfs_limits){ .max_pages = mem.total / 2, .max_inodes = mem.total / 2, .mode = mode };
}

static struct fs_type ramfs_type;

static int tmpfs_mount(const struct fs_type *t, const char *source, const char *data, struct super **out)
{
	struct tmpfs_limits l;
	(void)source;
	default_limits(&l, 01777);
	l.uid = current_cred()->fsuid;
	l.gid = current_cred()->fsgid;
	if (t == &ramfs_type)
		l.max_pages = l.max_inodes = 0;
	int err = parse_options(data, &l);
	return err ? err : tmpfs_super(t, &l, out);
}

static struct fs_type tmpfs_type = { .name = "tmpfs", .nodev = true, .mount = tmpfs_mount };
static struct fs_type ramfs_type = { .name = "ramfs", .nodev = true, .mount = tmpfs_mount };
static struct fs_type rootfs_type = { .name = "rootfs", .nodev = true };

struct mount *tmpfs_internal_mount(void) { return internal_mount; }

int hook_root_super(struct super **out)
{
	struct tmpfs_limits l;
	struct super *shm;
	info_cache = kmem_cache_create("tmpfs_inode", sizeof(struct tmpfs_inode), 0);
	register_filesystem(&tmpfs_type);
	register_filesystem(&ramfs_type);
	/* memfds are limited by memory alone. */
	default_limits(&l, 01777);
	l.max_pages = l.max_inodes = 0;
	int err = tmpfs_super(&tmpfs_type, &l, &shm);
	if (!err)
		err = mount_internal(shm, &internal_mount);
	default_limits(&l, 0755);
	return err ? err : tmpfs_super(&rootfs_type, &l, out);
}
