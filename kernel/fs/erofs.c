/*
 * EROFS: a read-only file system on a block device (erofs_disk.c has the format), mounted as a tmpfs that begins with what the disk holds. Directories are
 * read when they are first looked into, pages when they are first wanted. Plain, the mount is read-only; with the option "cow" what is changed stays in
 * memory, file by file and page by page, so no file is ever copied whole. Entry points: erofs_init(), fs_type "erofs".
 *
 * Pages of files that nobody has touched can be dropped and read again: that happens when a read finds memory getting short, and before a process would be
 * killed for memory.
 */
#include "fs/erofs.h"

#include <linux/magic.h>
#include <linux/mount.h>

#include "fs/erofs_disk.h"
#include "fs/tmpfs_internal.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/rbtree.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/slab.h"
#include "vfs/blkdev.h"

#define AHEAD 65536u /* bytes that one miss reads at most */
#define RECLAIM_PAGES 256u

/* A file or directory that came from the disk. */
struct erofs_file {
	struct tmpfs_source_file base;
	struct erofs_inode disk; /* constant */
	struct inode *inode; /* constant */
	struct list_head lru; /* mount's lock: regular files */
};
/* A number that has been met: a directory, which must not be met again, or a file with several names. */
struct erofs_seen {
	struct rb_node node; /* mount's lock */
	u64 nid;
	struct inode *inode; /* a reference; NULL for directories */
};
struct erofs_mount {
	struct erofs disk;
	struct blkdev *dev;
	struct super *sb;
	struct spinlock lock; /* RANK_INODE_LIST */
	struct rb_root seen; /* lock */
	struct list_head files; /* lock: erofs_file.lru */
	struct list_head node; /* mounts_guard */
	struct mutex zip_lock; /* RANK_TRUNCATE: disk.work */
	bool complained; /* one message about damage is enough */
};
static DEFINE_SPINLOCK(mounts_guard, RANK_FS);
static LIST_HEAD(mounts); /* mounts_guard */

static struct erofs_mount *mount_of(const struct super *sb) { return ((struct tmpfs_super *)sb->private)->source_data; }
static struct erofs_file *file_of(const struct inode *i) { return container_of(tmpfs_source_of(i), struct erofs_file, base); }

static int disk_read(void *arg, u64 pos, void *buf, size_t n) { return blkdev_read(((struct erofs_mount *)arg)->dev, pos, buf, n); }

/* --- memory getting short --------------------------------------------------------------------------------------------------------------------- */

/* The file whose turn it is, with a reference on its inode. */
static struct erofs_file *next_file(struct erofs_mount *m)
{
	struct erofs_file *f = NULL;
	spin_lock(&m->lock);
	if (!list_empty(&m->files)) {
		f = list_first(&m->files, struct erofs_file, lru);
		list_move_tail(&f->lru, &m->files);
		if (!inode_get_live(f->inode))
			f = NULL;
	}
	spin_unlock(&m->lock);
	return f;
}

static u64 reclaim(struct erofs_mount *m, struct reclaim *r)
{
	static const bool never = false;
	u64 want = r->pages, freed = as_reclaim(&m->dev->cache, want, &never, r);
	for (u32 tries = 0; freed < want && tries < want * 2; tries++) {
		struct erofs_file *f = next_file(m);
		if (!f)
			continue;
		freed += as_reclaim(&f->inode->data, want - freed, &f->base.touched, r);
		inode_put(f->inode);
	}
	return freed;
}

/* A quarter of memory is left to programs. */
static void keep_some_free(struct erofs_mount *m)
{
	struct mem_info mem;
	mem_info(&mem);
	if (mem.free + mem.zeroed_pool < mem.total / 4)
		reclaim(m, &(struct reclaim){ .pages = RECLAIM_PAGES, .spare_low = true });
}

/* Asked before a process is killed for memory. */
static u64 reclaim_any(struct reclaim *r)
{
	struct erofs_mount *m = NULL;
	spin_lock(&mounts_guard);
	if (!list_empty(&mounts)) {
		m = list_first(&mounts, struct erofs_mount, node);
		list_move_tail(&m->node, &mounts);
		if (!super_get_live(m->sb))
			m = NULL;
	}
	spin_unlock(&mounts_guard);
	if (!m)
		return 0;
	u64 freed = reclaim(m, r);
	super_put(m->sb);
	return freed;
}

/* --- data ------------------------------------------------------------------------------------------------------------------------------------- */

/* Reads n bytes at `at`, the first page of them into page, as many more as there is a buffer for into the cache. */
static int fill_run(struct erofs_mount *m, struct address_space *as, u32 cuts, struct page *page, u64 index, u64 at, u32 n)
{
	u32 room = (u32)ALIGN_UP(n, PAGE_SIZE);
	u8 *buf = n > PAGE_SIZE ? kmalloc(room) : NULL;
	if (!buf) {
		n = min(n, (u32)PAGE_SIZE);
		int err = m->dev->read(m->dev, at, page_virt(page), PAGE_SIZE);
		memset((u8 *)page_virt(page) + n, 0, PAGE_SIZE - n);
		return err;
	}
	int err = m->dev->read(m->dev, at, buf, room);
	if (!err) {
		memcpy(page_virt(page), buf, PAGE_SIZE);
		as_keep_ahead(as, cuts, index, buf, n);
	}
	kfree(buf);
	return err;
}

/* Of a compressed file: page, and what comes behind it as far as there is a buffer, up to end. */
static int fill_unzipped(struct erofs_mount *m, struct erofs_file *f, u32 cuts, struct page *page, u64 index, u64 end)
{
	u64 pos = index << PAGE_SHIFT;
	u32 n = (u32)min(end - pos, f->base.touched ? PAGE_SIZE : (u64)AHEAD);
	u8 *buf = n > PAGE_SIZE ? kmalloc(n) : NULL;
	if (!buf)
		n = min(n, (u32)PAGE_SIZE);
	mutex_lock(&m->zip_lock);
	if (!m->disk.work)
		m->disk.work = kmalloc(EROFS_WORK + m->disk.packed_max);
	int err = m->disk.work ? erofs_data(&m->disk, &f->disk, pos, buf ? buf : page_virt(page), n) : -ENOMEM;
	mutex_unlock(&m->zip_lock);
	if (!err && buf) {
		memcpy(page_virt(page), buf, PAGE_SIZE);
		as_keep_ahead(&f->inode->data, cuts, index, buf, n);
	}
	kfree(buf);
	return err;
}

static int erofs_fill(struct address_space *as, struct page *page, u64 index)
{
	struct inode *i = as->owner;
	struct erofs_file *f = file_of(i);
	struct erofs_mount *m = mount_of(i->sb);
	u32 cuts = as_cuts(as);
	u64 pos = index << PAGE_SHIFT, end = min(READ_ONCE(f->base.size), f->disk.size), at, n;
	if (pos >= end)
		return 0;
	keep_some_free(m);
	if (erofs_is_zipped(&f->disk)) {
		int r = fill_unzipped(m, f, cuts, page, index, end);
		return r == -ENOMEM ? r : r ? -EIO : 0;
	}
	int err = erofs_map(&m->disk, &f->disk, pos, &at, &n);
	if (err)
		return -EIO;
	/* Whole blocks come straight from the device; nothing is read ahead for a file that is being changed. */
	n = min(n, min(end - pos, f->base.touched ? PAGE_SIZE : (u64)AHEAD));
	if (at != ~0UL && !(at & (PAGE_SIZE - 1)) && (n >= PAGE_SIZE || pos + n >= end) && ALIGN_UP(at + n, PAGE_SIZE) <= m->dev->size)
		return fill_run(m, as, cuts, page, index, at, (u32)n) ? -EIO : 0;
	err = erofs_data(&m->disk, &f->disk, pos, page_virt(page), min(PAGE_SIZE, end - pos));
	return err == -ENOMEM ? err : err ? -EIO : 0;
}

static const struct address_space_ops erofs_as_ops = { .fill = erofs_fill };

/* --- names ------------------------------------------------------------------------------------------------------------------------------------ */

static void complain(struct erofs_mount *m, u64 nid, int err)
{
	if (!xchg(&m->complained, true))
		pr_err("erofs: %s: inode %lu is damaged or of an unknown kind (error %d); it and its like are left out\n", m->dev->name, nid, err);
}

static bool seen_less(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct erofs_seen, node)->nid < rb_entry(b, struct erofs_seen, node)->nid;
}

/* => lock */
static struct erofs_seen *seen_find(struct erofs_mount *m, u64 nid)
{
	struct rb_node *n = m->seen.node;
	while (n) {
		struct erofs_seen *s = rb_entry(n, struct erofs_seen, node);
		if (s->nid == nid)
			return s;
		n = nid < s->nid ? n->left : n->right;
	}
	return NULL;
}

/* 0 and *out = what was there (a reference on it) or NULL; for a directory that has been met already: -EUCLEAN. */
static int seen_before(struct erofs_mount *m, u64 nid, bool dir, struct inode **out)
{
	spin_lock(&m->lock);
	struct erofs_seen *s = seen_find(m, nid);
	*out = s ? s->inode : NULL;
	if (*out)
		inode_get(*out);
	spin_unlock(&m->lock);
	if (*out && dir)
		inode_put(*out);
	return s && (dir || !s->inode) ? -EUCLEAN : 0;
}

/* Remembers; two directories may meet the same number at once: -EUCLEAN for the second. Takes its own reference on inode. */
static int seen_add(struct erofs_mount *m, u64 nid, struct inode *inode)
{
	struct erofs_seen *s = kzalloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->nid = nid;
	s->inode = inode;
	spin_lock(&m->lock);
	bool twice = seen_find(m, nid);
	if (!twice) {
		if (inode)
			inode_get(inode);
		rb_insert(&m->seen, &s->node, seen_less);
	}
	spin_unlock(&m->lock);
	if (twice)
		kfree(s);
	return twice ? -EUCLEAN : 0;
}

static int add_xattr(void *arg, const char *name, const void *value, u32 size)
{
	struct tmpfs_inode *info;
	if (acl_is_name(name))
		return acl_load(arg, name, value, size);
	int err = tmpfs_info(arg, &info);
	return err ? err : tmpfs_xattr_set(&info->xattrs, name, value, size, 0);
}

/* Makes the fresh tmpfs inode i what the disk says. */
static int dress(struct erofs_mount *m, struct inode *i, const struct erofs_inode *d, u8 *buf)
{
	struct tmpfs_inode *info;
	i->mode = d->mode;
	i->uid = d->uid;
	i->gid = d->gid;
	i->ino = d->nid;
	i->nlink = d->nlink;
	i->atime = i->mtime = i->ctime = i->btime = d->mtime;
	int err = erofs_xattrs(&m->disk, d, buf, add_xattr, i);
	if (err || (!S_ISREG(i->mode) && !S_ISDIR(i->mode)))
		return err;
	err = tmpfs_info(i, &info);
	struct erofs_file *f = err ? NULL : kzalloc(sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->disk = *d;
	f->inode = i;
	f->base.size = d->size;
	f->base.unread = S_ISDIR(i->mode);
	list_init(&f->lru);
	i->size = d->size;
	i->blocks = ALIGN_UP(d->size, PAGE_SIZE) / 512;
	if (S_ISREG(i->mode)) {
		i->data.size = d->size;
		i->data.ops = &erofs_as_ops;
		i->data.promises_pages = false; /* they can be read again */
		spin_lock(&m->lock);
		list_add_tail(&f->lru, &m->files);
		spin_unlock(&m->lock);
	}
	info->source = &f->base;
	return 0;
}

/* What a directory's names are made with. */
struct reading {
	struct erofs_mount *m;
	struct inode *dir;
	u8 *buf; /* EROFS_BLOCK bytes for attributes */
	char *link; /* EROFS_MAX_LINK + 1 bytes */
};

static int make_file(struct reading *r, const char *name, u32 len, const struct erofs_inode *d)
{
	struct inode *i;
	const char *target = NULL;
	int err = 0;
	if (S_ISLNK(d->mode)) {
		if (!d->size || d->size > EROFS_MAX_LINK)
			return -EUCLEAN;
		err = erofs_data(&r->m->disk, d, 0, r->link, d->size);
		r->link[d->size] = 0;
		target = r->link;
	}
	if (!err && S_ISDIR(d->mode))
		err = seen_add(r->m, d->nid, NULL);
	if (!err)
		err = tmpfs_add(r->dir, name, len, d->mode, d->rdev, target, &i);
	if (err)
		return err;
	err = dress(r->m, i, d, r->buf);
	if (!err && !S_ISDIR(d->mode) && d->nlink > 1)
		err = seen_add(r->m, d->nid, i);
	if (err == -EUCLEAN) /* it has its name; what is odd about it shows when it is used */
		err = 0;
	inode_put(i);
	return err;
}

static int add_name(void *arg, const char *name, u32 len, u64 nid, u32 type)
{
	struct reading *r = arg;
	struct erofs_inode d;
	struct inode *known = NULL;
	(void)type;
	if (tmpfs_child(r->dir, name, len))
		return 0; /* an earlier try ran out of memory behind it, or the disk has the name twice */
	int err = erofs_inode(&r->m->disk, nid, &d);
	if (!err && (S_ISDIR(d.mode) || d.nlink > 1))
		err = seen_before(r->m, nid, S_ISDIR(d.mode), &known);
	if (!err && known) {
		err = tmpfs_add_link(r->dir, name, len, known);
		if (!err)
			known->nlink--; /* the disk's count has this name already */
	} else if (!err) {
		err = make_file(r, name, len, &d);
	}
	inode_put(known);
	if (!err || err == -ENOMEM)
		return err;
	complain(r->m, nid, err);
	return 0;
}

/* => dir's lock */
static int erofs_read_dir(struct inode *dir)
{
	struct erofs_file *f = file_of(dir);
	struct tmpfs_inode *info = dir->private;
	struct reading r = { .m = mount_of(dir->sb), .dir = dir, .buf = kmalloc(EROFS_BLOCK), .link = kmalloc(EROFS_MAX_LINK + 1) };
	u8 *block = kmalloc(EROFS_BLOCK);
	int err = r.buf && r.link && block ? 0 : -ENOMEM;
	if (!err && !info->nr_entries) {
		dir->nlink = 2;
		dir->size = 40; /* from here on as tmpfs counts */
		dir->blocks = 0;
	}
	if (!err)
		err = erofs_names(&r.m->disk, &f->disk, block, add_name, &r);
	if (err != -ENOMEM)
		f->base.unread = false;
	if (err && err != -ENOMEM) {
		complain(r.m, f->disk.nid, err);
		err = -EIO;
	}
	kfree(r.buf);
	kfree(r.link);
	kfree(block);
	return err;
}

/* --- the end ---------------------------------------------------------------------------------------------------------------------------------- */

static void erofs_forget(struct inode *i, struct tmpfs_source_file *base)
{
	struct erofs_file *f = container_of(base, struct erofs_file, base);
	struct erofs_mount *m = mount_of(i->sb);
	spin_lock(&m->lock);
	if (!list_empty(&f->lru))
		list_del(&f->lru);
	spin_unlock(&m->lock);
	/* The pages go a little later, with the inode: by then nobody asks for more. */
	kfree(f);
}

static void erofs_kill(struct super *sb)
{
	struct erofs_mount *m = mount_of(sb);
	struct rb_node *n;
	while ((n = rb_first(&m->seen))) {
		struct erofs_seen *s = rb_entry(n, struct erofs_seen, node);
		rb_erase(&m->seen, n);
		inode_put(s->inode);
		kfree(s);
	}
}

static void erofs_free(struct super *sb)
{
	struct erofs_mount *m = mount_of(sb);
	spin_lock(&mounts_guard);
	list_del(&m->node);
	spin_unlock(&mounts_guard);
	kfree(m->disk.work);
	kfree(m);
}

static const struct tmpfs_source cow_source = {
	.read_dir = erofs_read_dir,
	.forget = erofs_forget,
	.kill = erofs_kill,
	.free = erofs_free,
	.options = ",cow",
};
static const struct tmpfs_source plain_source = {
	.read_dir = erofs_read_dir,
	.forget = erofs_forget,
	.kill = erofs_kill,
	.free = erofs_free,
	.options = "",
};

/* --- mount ------------------------------------------------------------------------------------------------------------------------------------ */

static int open_disk(const char *source, struct erofs_mount **out)
{
	struct erofs_mount *m = kzalloc(sizeof(*m));
	const char *why = "";
	int err = !m ? -ENOMEM : source ? blkdev_by_path(source, &m->dev) : -ENOENT;
	if (err) {
		kfree(m);
		return err;
	}
	spin_init(&m->lock, RANK_INODE_LIST);
	list_init(&m->files);
	list_init(&m->node);
	m->disk.read = disk_read;
	m->disk.arg = m;
	m->disk.size = m->dev->size;
	mutex_init(&m->zip_lock, RANK_TRUNCATE);
	err = erofs_super(&m->disk, &why);
	if (err) {
		pr_err("erofs: %s: %s\n", m->dev->name, why);
		kfree(m);
		return err == -EOPNOTSUPP ? -EINVAL : err; /* what Linux says to an image it cannot read */
	}
	*out = m;
	return 0;
}

/* Gives the empty tmpfs its source and its root directory. */
static int attach(struct super *sb, struct erofs_mount *m, bool cow)
{
	struct tmpfs_super *t = sb->private;
	struct erofs_inode root;
	u8 *buf = kmalloc(EROFS_BLOCK);
	int err = buf ? erofs_inode(&m->disk, m->disk.root_nid, &root) : -ENOMEM;
	m->sb = sb;
	t->source_data = m;
	t->source = cow ? &cow_source : &plain_source; /* from here on m is the superblock's */
	spin_lock(&mounts_guard);
	list_add_tail(&m->node, &mounts);
	spin_unlock(&mounts_guard);
	if (!err && !S_ISDIR(root.mode))
		err = -EUCLEAN;
	if (!err)
		err = seen_add(m, root.nid, NULL);
	if (!err)
		err = dress(m, t->root, &root, buf);
	kfree(buf);
	/* New files get numbers beyond those of the disk. */
	atomic64_set(&sb->next_ino, (s64)(m->dev->size / 32 + 1));
	return err;
}

static int erofs_mount_op(const struct fs_type *t, const char *source, const char *data, struct super **out)
{
	struct mem_info mem;
	struct erofs_mount *m;
	struct super *sb;
	bool cow = data && !strcmp(data, "cow");
	if (data && *data && !cow)
		return -EINVAL;
	int err = open_disk(source, &m);
	if (err)
		return err;
	mem_info(&mem);
	struct tmpfs_limits l = { .max_pages = mem.total / 2, .mode = 0755 };
	err = tmpfs_super(t, &l, &sb);
	if (err) {
		kfree(m);
		return err;
	}
	err = attach(sb, m, cow);
	if (err) {
		super_put(sb);
		return err == -EOPNOTSUPP ? -EINVAL : err;
	}
	sb->magic = EROFS_SUPER_MAGIC_V1;
	if (!cow)
		sb->flags |= MS_RDONLY;
	*out = sb;
	return 0;
}

static struct fs_type erofs_type = { .name = "erofs", .mount = erofs_mount_op };

void erofs_init(void)
{
	register_filesystem(&erofs_type);
	mm_set_reclaim(reclaim_any);
}
