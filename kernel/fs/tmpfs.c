/*
 * tmpfs: the file system that lives in memory; the root of the machine is one. This file: inodes, names and directories; tmpfs_data.c: data and
 * attributes; tmpfs_mount.c: superblocks and options. Entry points: the directory operations, tmpfs_add() and friends.
 *
 * A directory is a red-black tree of entries ordered by key: a 54-bit hash of the name and 8 bits that tell names of equal hash apart. The key is
 * also the entry's position for readdir, so positions stay right whatever is added or removed between two calls. An entry holds one reference to its
 * inode, so an inode lives while it has a name or a user. Limits count pages and inodes in the superblock; pages that come in through mappings are
 * reckoned in when the inode is looked at next.
 */
#include "fs/tmpfs.h"

#include <linux/fcntl.h>
#include <linux/fs.h>

#include "fs/tmpfs_internal.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "sched/timer.h"

#define NAME_ENTRY_SIZE 20 /* what a name adds to a directory's size */
#define FIRST_POS 2u

struct tmpfs_entry {
	struct rb_node node;  /* in the directory's tree */
	u64 key;
	struct inode *inode;  /* a reference */
	u32 len;
	char name[];
};
static struct kmem_cache *info_cache;

/* --- accounting ----------------------------------------------------------------------------------------------------------------------------------- */

/* inode->blocks / 8 is what has been charged for a regular file. */
int tmpfs_charge_pages(struct inode *i, u64 n)
{
	struct tmpfs_super *s = tmpfs_super_of(i);
	s64 now = atomic64_add_return(&s->pages, (s64)n);
	if (s->limits.max_pages && (u64)now > s->limits.max_pages) {
		atomic64_add(&s->pages, -(s64)n);
		return -ENOSPC;
	}
	i->blocks += n * 8;
	return 0;
}

/* Brings the count in line with the pages there are: mappings add some, truncation takes some. => inode lock, or last user */
void tmpfs_recount(struct inode *i)
{
	const struct tmpfs_source_file *f = tmpfs_source_of(i);
	if (!S_ISREG(i->mode) || (f && !f->touched))
		return;
	u64 have = as_nr_pages(&i->data), charged = i->blocks / 8;
	if (have == charged)
		return;
	atomic64_add(&tmpfs_super_of(i)->pages, (s64)have - (s64)charged);
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

static const struct inode_ops dir_inode_ops;
static const struct file_ops dir_file_ops;

int tmpfs_info(struct inode *i, struct tmpfs_inode **out)
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
int tmpfs_make_inode(struct super *sb, u32 mode, u64 rdev, const char *target, struct inode **out)
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
	i->ops = &tmpfs_file_inode_ops;
	i->rdev = rdev;
	if (S_ISDIR(mode)) {
		i->ops = &dir_inode_ops;
		i->fops = &dir_file_ops;
		i->nlink = 2;
		i->size = 2 * NAME_ENTRY_SIZE;
		err = tmpfs_info(i, &info);
	} else if (S_ISLNK(mode)) {
		i->link = kstrdup(target);
		i->size = strlen(target);
		err = i->link ? 0 : -ENOMEM;
	} else if (S_ISREG(mode)) {
		i->fops = &tmpfs_file_ops;
		i->data.promises_pages = true;
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
void tmpfs_evict(struct inode *i)
{
	struct tmpfs_super *s = tmpfs_super_of(i);
	struct tmpfs_source_file *f = tmpfs_source_of(i);
	if (S_ISREG(i->mode) && (!f || f->touched))
		atomic64_add(&s->pages, -(s64)(i->blocks / 8));
	if (f)
		s->source->forget(i, f);
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

/* What a new inode has from the directory it is made in. */
static int init_from_parent(struct inode *i, const struct inode *dir)
{
	inode_init_owner(i, dir);
	i->attr_flags = dir->attr_flags & (FS_NODUMP_FL | FS_NOATIME_FL);
	return acl_inherit(i, dir);
}

int tmpfs_add(struct inode *dir, const char *name, u32 len, u32 mode, u64 rdev, const char *target, struct inode **out)
{
	struct inode *i;
	int err = tmpfs_make_inode(dir->sb, mode, rdev, target, &i);
	if (err)
		return err;
	err = init_from_parent(i, dir);
	if (!err)
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
	int err = tmpfs_make_inode(sb, mode, 0, NULL, out);
	if (!err)
		(*out)->nlink = 0;
	return err;
}

/* --- directory operations --------------------------------------------------------------------------------------------------------------------------- */

static void dir_changed(struct inode *dir) { dir->mtime = dir->ctime = file_now(); }

static int tmpfs_lookup(struct inode *dir, const char *name, struct inode **out)
{
	int err = tmpfs_need_names(dir);
	if (err)
		return err;
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
	if (err)
		return err;
	err = init_from_parent(*out, dir);
	if (err)
		inode_put(*out);
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

/* 0, -ENOTEMPTY, or what reading its names gave. => its lock */
static int dir_empty(struct inode *i)
{
	int err = tmpfs_need_names(i);
	return err ? err : ((struct tmpfs_inode *)i->private)->nr_entries ? -ENOTEMPTY : 0;
}

static int tmpfs_rmdir(struct inode *dir, const char *name, struct inode *victim)
{
	int err = dir_empty(victim);
	if (!err)
		err = tmpfs_unlink(dir, name, victim);
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
		int err = S_ISDIR(target->mode) ? dir_empty(target) : 0;
		if (err)
			return err;
		/* The target's entry is taken over: nothing can fail. */
		struct tmpfs_entry *to = entry_of(nd, nn);
		if (!to)
			return -ENOENT;
		to->inode = src;
		inode_get(src);
		target->nlink -= S_ISDIR(target->mode) ? 2 : 1;
		if (S_ISDIR(target->mode))
			nd->nlink--;
		target->ctime = file_now();
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
	int err = tmpfs_need_names(f->inode);
	if (err)
		return err;
	struct tmpfs_entry *e = entry_from(f->inode->private, c->pos);
	for (; e; e = next_entry(e)) {
		c->pos = e->key;
		if (!c->emit(c, e->name, e->len, e->inode->ino, type_of(e->inode)))
			return 0;
		c->pos = e->key + 1;
	}
	return 0;
}

static const struct inode_ops dir_inode_ops = {
	.lookup = tmpfs_lookup, .create = tmpfs_create, .mkdir = tmpfs_mkdir, .symlink = tmpfs_symlink, .link = tmpfs_link, .unlink = tmpfs_unlink,
	.rmdir = tmpfs_rmdir, .rename = tmpfs_rename, .tmpfile = tmpfs_tmpfile, .setattr = tmpfs_setattr, .getxattr = tmpfs_getxattr,
	.setxattr = tmpfs_setxattr, .listxattr = tmpfs_listxattr, .removexattr = tmpfs_removexattr,
};
static const struct file_ops dir_file_ops = { .readdir = tmpfs_readdir };

/* --- the end of a file system --- */

/* Frees the whole tree below root: the deepest directory that has no subdirectory left is emptied first. */
void tmpfs_drop_tree(struct inode *root)
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

void tmpfs_caches_init(void) { info_cache = kmem_cache_create("tmpfs_inode", sizeof(struct tmpfs_inode), 0); }
