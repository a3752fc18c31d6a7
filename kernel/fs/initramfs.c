/*
 * The initramfs: newc archives in memory become the tree of the root tmpfs. Entry point: initramfs_unpack().
 *
 * Nodes are made in tmpfs directly, without walks: archives name the entries of one directory together, so the last directory is kept. The dentry
 * cache knows nothing yet; where a parent is reached through a symbolic link a walk is made, and what it cached is dropped again.
 */
#include "fs/initramfs.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#include "fs/cpio.h"
#include "fs/tmpfs.h"
#include "lib/bitmap.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "sched/sched.h"
#include "vfs/vfs.h"

/* A file with several names that has been met. */
struct seen {
	struct seen *next;
	u32 ino, major, minor;
	struct inode *inode; /* a reference */
};
struct unpack {
	struct cpio cpio;
	paddr_t base;          /* of the region */
	u64 *in_place;         /* bitmap of the region's pages that stay, from its first whole page */
	u64 first_pfn, pages;  /* whole pages of the region */
	u64 kept;              /* pages that stay */
	struct inode *root;    /* of the root file system; the mount holds it */
	struct inode *dir;     /* a reference: directory dir_name */
	const char *dir_name;
	u32 dir_len;
	struct seen *seen[64];
};

/* --- parents ----------------------------------------------------------------------------------------------------------------------------------------- */

/* The directory by a walk, for paths through symbolic links. *out has a reference. */
static int dir_by_walk(struct unpack *u, const char *name, u32 len, struct inode **out)
{
	struct path p;
	char *path = kmalloc(len + 2);
	if (!path)
		return -ENOMEM;
	path[0] = '/';
	memcpy(path + 1, name, len);
	path[len + 1] = 0;
	int err = path_lookup(AT_FDCWD, path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);
	kfree(path);
	if (!err) {
		*out = p.dentry->inode;
		if ((*out)->sb != u->root->sb)
			err = -EXDEV;
		else
			inode_get(*out);
		path_put(&p);
	}
	vfs_drop_caches();
	return err;
}

/* The directory name (a missing one is made, as root's). *out has a reference. */
static int find_dir(struct unpack *u, const char *name, u32 len, struct inode **out)
{
	struct inode *dir = u->root;
	u32 at = 0;
	while (at < len) {
		u32 n = 0;
		while (at + n < len && name[at + n] != '/')
			n++;
		if (n && !(n == 1 && name[at] == '.')) {
			struct inode *child = tmpfs_child(dir, name + at, n);
			if (!child) {
				int err = tmpfs_add(dir, name + at, n, S_IFDIR | 0755, 0, NULL, &child);
				if (err)
					return err;
				inode_put(child); /* its name keeps it */
			} else if (S_ISLNK(child->mode)) {
				return dir_by_walk(u, name, len, out);
			} else if (!S_ISDIR(child->mode)) {
				return -ENOTDIR;
			}
			dir = child;
		}
		at += n + 1;
	}
	inode_get(dir);
	*out = dir;
	return 0;
}

/* Makes u->dir the directory of e; *last = the name within it. */
static int enter_parent(struct unpack *u, const struct cpio_entry *e, const char **last, u32 *last_len)
{
	u32 n = e->name_len;
	while (n && e->name[n - 1] != '/')
		n--;
	*last = e->name + n;
	*last_len = e->name_len - n;
	while (n && e->name[n - 1] == '/')
		n--;
	if (u->dir && n == u->dir_len && !memcmp(u->dir_name, e->name, n))
		return 0;
	inode_put(u->dir);
	u->dir = NULL;
	int err = find_dir(u, e->name, n, &u->dir);
	if (err)
		u->dir = NULL;
	u->dir_name = e->name;
	u->dir_len = n;
	return err;
}

/* --- data ---------------------------------------------------------------------------------------------------------------------------------------------- */

static int copy_pages(struct inode *i, const u8 *data, u64 size, u64 from_page)
{
	for (u64 at = from_page * PAGE_SIZE; at < size; at += PAGE_SIZE) {
		size_t n = min(size - at, PAGE_SIZE);
		struct page *p = alloc_page(PAGE_CACHE);
		if (!p)
			return -ENOMEM;
		memcpy(page_virt(p), data + at, n);
		memset((char *)page_virt(p) + n, 0, PAGE_SIZE - n);
		int err = as_add_page(&i->data, at >> PAGE_SHIFT, p);
		if (err) {
			page_put(p);
			return err;
		}
		cond_resched();
	}
	return 0;
}

/* Another body for a file that has one: written over it. */
static int rewrite(struct inode *i, const u8 *data, u64 size)
{
	const struct inode_attr a = { .valid = ATTR_SIZE, .size = 0 };
	int err = i->ops->setattr(i, &a);
	for (u64 at = 0; at < size && !err; at += PAGE_SIZE) {
		struct page *p;
		err = as_get_page(&i->data, at >> PAGE_SHIFT, true, &p);
		if (!err) {
			memcpy(page_virt(p), data + at, min(size - at, PAGE_SIZE));
			page_put(p);
		}
	}
	return err;
}

static int set_data(struct unpack *u, struct inode *i, const u8 *data, u64 size)
{
	int err;
	if (!size)
		return 0;
	paddr_t phys = u->base + (u64)(data - u->cpio.base);
	u64 whole = IS_ALIGNED(phys, PAGE_SIZE) ? size >> PAGE_SHIFT : 0;
	if (i->size) {
		err = rewrite(i, data, size);
	} else {
		if (whole) {
			i->data.inplace = phys;
			i->data.inplace_pages = whole;
			for (u64 k = 0; k < whole; k++)
				bit_set(u->in_place, (phys >> PAGE_SHIFT) - u->first_pfn + k);
			u->kept += whole;
		}
		err = copy_pages(i, data, size, whole);
	}
	i->size = i->data.size = size;
	return err;
}

/* --- entries -------------------------------------------------------------------------------------------------------------------------------------------- */

static void set_attributes(struct inode *i, const struct cpio_entry *e)
{
	i->mode = (i->mode & S_IFMT) | (S_ISLNK(i->mode) ? 0777 : e->mode & 07777);
	i->uid = e->uid;
	i->gid = e->gid;
	i->atime = i->mtime = file_time_at(e->mtime, 0);
}

static struct seen **seen_slot(struct unpack *u, const struct cpio_entry *e)
{
	struct seen **s = &u->seen[(e->ino ^ e->dev_minor) % ARRAY_SIZE(u->seen)];
	while (*s && ((*s)->ino != e->ino || (*s)->major != e->dev_major || (*s)->minor != e->dev_minor ||
		      ((*s)->inode->mode & S_IFMT) != (e->mode & S_IFMT)))
		s = &(*s)->next;
	return s;
}

static void forget_seen(struct unpack *u)
{
	for (u32 i = 0; i < ARRAY_SIZE(u->seen); i++) {
		while (u->seen[i]) {
			struct seen *s = u->seen[i];
			u->seen[i] = s->next;
			inode_put(s->inode);
			kfree(s);
		}
	}
}

/* Takes away what has the name now, unless the entry only says more about a directory that is there (*keep). */
static int clear_name(struct unpack *u, const char *name, u32 len, const struct cpio_entry *e, struct inode **keep)
{
	char text[256];
	struct inode *old = tmpfs_child(u->dir, name, len);
	*keep = NULL;
	if (!old)
		return 0;
	if (S_ISDIR(old->mode) && S_ISDIR(e->mode)) {
		*keep = old;
		return 0;
	}
	memcpy(text, name, len);
	text[len] = 0;
	if (S_ISDIR(old->mode))
		return u->dir->ops->rmdir(u->dir, text, old);
	return u->dir->ops->unlink(u->dir, text, old);
}

/* A new node of any type; *out has a reference. */
static int add_node(struct unpack *u, const char *name, u32 len, const struct cpio_entry *e, struct inode **out)
{
	char *target = NULL;
	u64 rdev = S_ISCHR(e->mode) || S_ISBLK(e->mode) ? MKDEV(e->rdev_major, e->rdev_minor) : 0;
	if (S_ISLNK(e->mode)) {
		target = kmalloc(e->size + 1);
		if (!target)
			return -ENOMEM;
		memcpy(target, e->data, e->size);
		target[e->size] = 0;
	}
	int err = tmpfs_add(u->dir, name, len, e->mode & 0177777, rdev, target, out);
	kfree(target);
	return err;
}

/* A node with several names: the first is made and remembered, the others are links to it. *out has a reference. */
static int add_linked(struct unpack *u, const char *name, u32 len, const struct cpio_entry *e, struct inode **out)
{
	struct seen **slot = seen_slot(u, e);
	if (*slot) {
		*out = (*slot)->inode;
		inode_get(*out);
		return tmpfs_add_link(u->dir, name, len, *out);
	}
	int err = add_node(u, name, len, e, out);
	if (err)
		return err;
	struct seen *s = kmalloc(sizeof(*s));
	if (!s) {
		inode_put(*out);
		*out = NULL;
		return -ENOMEM;
	}
	inode_get(*out);
	*s = (struct seen){ NULL, e->ino, e->dev_major, e->dev_minor, *out };
	*slot = s;
	return 0;
}

static bool known_type(u32 mode)
{
	return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode) || S_ISCHR(mode) || S_ISBLK(mode) || S_ISFIFO(mode) || S_ISSOCK(mode);
}

static int unpack_entry(struct unpack *u, const struct cpio_entry *e)
{
	const char *name;
	u32 len;
	struct inode *i = NULL;
	if (!e->name_len) { /* "." : the root itself */
		if (S_ISDIR(e->mode))
			set_attributes(u->root, e);
		return 0;
	}
	if (!known_type(e->mode))
		return -EINVAL;
	int err = enter_parent(u, e, &name, &len);
	if (!err)
		err = clear_name(u, name, len, e, &i);
	if (err)
		return err;
	if (i)
		inode_get(i);
	else if (e->nlink >= 2 && !S_ISDIR(e->mode))
		err = add_linked(u, name, len, e, &i);
	else
		err = add_node(u, name, len, e, &i);
	if (!err && S_ISREG(e->mode))
		err = set_data(u, i, e->data, e->size);
	if (!err)
		set_attributes(i, e);
	inode_put(i);
	return err;
}

static int unpack_all(struct unpack *u)
{
	struct cpio_entry e;
	int kind;
	while ((kind = cpio_next(&u->cpio, &e)) > 0) {
		if (kind == CPIO_TRAILER) {
			forget_seen(u);
			continue;
		}
		int err = unpack_entry(u, &e);
		if (err) {
			pr_err("initramfs: cannot unpack %.*s: error %d", (int)e.name_len, e.name, err);
			return err == -ENOMEM || err == -ENOSPC ? err : -EINVAL;
		}
		cond_resched();
	}
	if (kind < 0)
		pr_err("initramfs %s (at byte %lu of %lu)", u->cpio.error, u->cpio.error_at, u->cpio.size);
	return kind;
}

/* Gives every whole page of the region that no file uses to the allocator. */
static void give_back(struct unpack *u)
{
	for (u64 k = bitmap_next_clear(u->in_place, u->pages, 0); k < u->pages; k = bitmap_next_clear(u->in_place, u->pages, k + 1))
		free_pages(phys_page((u->first_pfn + k) << PAGE_SHIFT), 0);
}

int initramfs_unpack(paddr_t base, u64 size)
{
	struct path root;
	if (!size)
		return 0;
	struct unpack *u = kzalloc(sizeof(*u));
	if (!u)
		return -ENOMEM;
	u->base = base;
	u->first_pfn = (base + PAGE_SIZE - 1) >> PAGE_SHIFT;
	u64 end = (base + size) >> PAGE_SHIFT;
	u->pages = end > u->first_pfn ? end - u->first_pfn : 0;
	u->in_place = kzalloc(BITMAP_WORDS(u->pages + 1) * sizeof(u64));
	int err = u->in_place ? path_lookup(AT_FDCWD, "/", LOOKUP_FOLLOW, &root) : -ENOMEM;
	if (!err) {
		u->root = root.dentry->inode;
		cpio_init(&u->cpio, phys_to_virt(base), size);
		err = unpack_all(u);
		forget_seen(u);
		inode_put(u->dir);
		tmpfs_grow_limit(u->root->sb, u->kept);
		give_back(u);
		path_put(&root);
	}
	kfree(u->in_place);
	kfree(u);
	return err;
}
