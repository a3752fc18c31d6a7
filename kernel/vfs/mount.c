/*
 * The mount tree. Entry points: mount_find(), mount_create(), mount_attach(), mount_detach_tree(), mount_put(), mounts_for_each(), mount_line().
 *
 * A mount is attached (in mount_list and, but for the root, in the hash by the place it covers) or not. Being attached is one reference. A child holds a
 * reference to its parent and to the dentry it sits on. mount_lock guards the tree; hash, parent and mountpoint change under dcache_lock as well, so
 * that path walks read them with that alone.
 */
#include <linux/magic.h>

#include "lib/format.h"
#include "vfs/internal.h"

DEFINE_MUTEX(mount_lock, RANK_MOUNT);
LIST_HEAD(mount_list);
struct mount *root_mount;
static struct list_head mount_hash[64]; /* mount_lock + dcache_lock */
static u32 next_id = 1;                 /* atomic */

static struct list_head *hash_of(const struct mount *m, const struct dentry *d)
{
	return &mount_hash[(((u64)m >> 6) + ((u64)d >> 6)) * 0x9e3779b97f4a7c15UL >> 58];
}

void mount_init(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(mount_hash); i++)
		list_init(&mount_hash[i]);
}

struct mount *mount_find(const struct mount *m, const struct dentry *d)
{
	struct mount *c;
	list_for_each(c, hash_of(m, d), hash) {
		if (c->parent == m && c->mountpoint == d)
			return c;
	}
	return NULL;
}

int mount_create(struct super *sb, struct dentry *root, const char *source, u32 flags, struct mount **out)
{
	struct mount *m = kzalloc(sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->source = kstrdup(source ? source : "none");
	if (!m->source) {
		kfree(m);
		return -ENOMEM;
	}
	atomic_set(&m->refs, 1);
	super_get(sb);
	dentry_get(root);
	m->sb = sb;
	m->root = root;
	m->parent = m;
	m->flags = flags;
	m->id = __atomic_fetch_add(&next_id, 1, __ATOMIC_RELAXED);
	list_init(&m->list);
	list_init(&m->hash);
	list_init(&m->children);
	list_init(&m->sibling);
	atomic64_add(&nr_mounts, 1);
	*out = m;
	return 0;
}

int mount_internal(struct super *sb, struct mount **out)
{
	int err = mount_create(sb, sb->root, sb->type->name, 0, out);
	if (!err)
		super_put(sb);
	return err;
}

void mount_put(struct mount *m)
{
	if (!m || !atomic_dec_and_test(&m->refs))
		return;
	dentry_put(m->root);
	super_put(m->sb);
	kfree(m->source);
	kfree(m);
	atomic64_add(&nr_mounts, -1);
}

void path_get(const struct path *p)
{
	if (p->mnt)
		mount_get(p->mnt);
	if (p->dentry)
		dentry_get(p->dentry);
}

void path_put(const struct path *p)
{
	dentry_put(p->dentry);
	mount_put(p->mnt);
}

void path_follow_mounts(struct path *p)
{
	for (;;) {
		spin_lock(&dcache_lock);
		struct mount *m = p->dentry->mounted ? mount_find(p->mnt, p->dentry) : NULL;
		struct path next = { m, m ? m->root : NULL };
		path_get(&next);
		spin_unlock(&dcache_lock);
		if (!m)
			return;
		path_put(p);
		*p = next;
	}
}

static inline bool mount_attached(const struct mount *m) { return !list_empty(&m->list); }

int mount_want_write(const struct mount *m) { return mount_flags(m) & MS_RDONLY ? -EROFS : 0; }

/* => mount_lock. The step of mount_attach that walks can see. */
static int attach_at(struct mount *m, struct mount *parent, struct dentry *d)
{
	int err = 0;
	/* rmdir holds the victim's lock, so a directory that is alive here stays until `mounted` tells. */
	mutex_lock(&d->inode->lock);
	spin_lock(&dcache_lock);
	if (d->unhashed && d->parent != d)
		err = -ENOENT;
	else if (S_ISDIR(d->inode->mode) != S_ISDIR(m->root->inode->mode))
		err = -ENOTDIR;
	if (!err) {
		mount_get(parent);
		dentry_get(d);
		m->parent = parent;
		m->mountpoint = d;
		d->mounted = true;
		list_add(&m->hash, hash_of(parent, d));
	}
	spin_unlock(&dcache_lock);
	mutex_unlock(&d->inode->lock);
	if (err)
		return err;
	list_add_tail(&m->sibling, &parent->children);
	list_add_tail(&m->list, &mount_list);
	return 0;
}

int mount_attach(struct mount *m, const struct path *where)
{
	struct path p = *where;
	path_get(&p);
	path_follow_mounts(&p);
	int err = mount_attached(p.mnt) ? attach_at(m, p.mnt, p.dentry) : -EINVAL;
	path_put(&p);
	return err;
}

/* => mount_lock, dcache_lock. Does any mount still sit on d? */
static bool still_mounted(const struct dentry *d)
{
	for (u32 i = 0; i < ARRAY_SIZE(mount_hash); i++) {
		struct mount *m;
		list_for_each(m, &mount_hash[i], hash) {
			if (m->mountpoint == d)
				return true;
		}
	}
	return false;
}

/* => mount_lock, dcache_lock. Takes m off; `m->mountpoint` and the old parent are the caller's to put. */
static void unhook_locked(struct mount *m, struct mount **parent, struct dentry **mountpoint)
{
	*parent = m->parent;
	*mountpoint = m->mountpoint;
	list_del(&m->hash);
	m->parent = m;
	m->mountpoint = NULL;
	if (*mountpoint)
		(*mountpoint)->mounted = still_mounted(*mountpoint);
}

static void unhook(struct mount *m)
{
	struct mount *parent;
	struct dentry *mountpoint;
	spin_lock(&dcache_lock);
	unhook_locked(m, &parent, &mountpoint);
	spin_unlock(&dcache_lock);
	list_del(&m->sibling);
	list_del(&m->list);
	dentry_put(mountpoint);
	if (parent != m)
		mount_put(parent);
}

void mount_detach_tree(struct mount *m, struct list_head *victims)
{
	/* Children first: descend to a leaf, take it off, start again from the top. */
	for (;;) {
		struct mount *leaf = m;
		while (!list_empty(&leaf->children))
			leaf = list_first(&leaf->children, struct mount, sibling);
		unhook(leaf);
		list_add_tail(&leaf->list, victims);
		if (leaf == m)
			return;
	}
}

void mount_put_list(struct list_head *victims)
{
	while (!list_empty(victims)) {
		struct mount *m = list_first(victims, struct mount, list);
		list_del(&m->list);
		mount_put(m);
	}
}

/* --- what mount(2) does on resolved paths ------------------------------------------------------------------------------------------------ */

int mount_new(const char *source, const struct path *target, const char *type, u32 flags, const char *data)
{
	struct fs_type *t = filesystem_find(type);
	struct super *sb;
	struct mount *m;
	if (!t)
		return -ENODEV;
	int err = t->mount(t, source, data, &sb);
	if (err)
		return err;
	err = mount_create(sb, sb->root, source, flags, &m);
	super_put(sb);
	if (err)
		return err;
	mutex_lock(&mount_lock);
	if (target->mnt->sb == m->sb && target->mnt->root == target->dentry && m->root == target->dentry)
		err = -EBUSY;
	else if (S_ISLNK(m->root->inode->mode))
		err = -EINVAL;
	else
		err = mount_attach(m, target);
	mutex_unlock(&mount_lock);
	if (err)
		mount_put(m);
	return err;
}

int vfs_mount(const char *source, const char *target, const char *type, u32 flags, const char *data)
{
	struct path p;
	int err = path_lookup(AT_FDCWD, target, LOOKUP_FOLLOW, &p);
	if (err)
		return err;
	if (!(flags & (MS_NOATIME | MS_STRICTATIME)))
		flags |= MS_RELATIME;
	err = mount_new(source, &p, type, flags, data);
	path_put(&p);
	return err;
}

bool vfs_current_chrooted(void)
{
	struct fs_context *fs = current_thread()->fs;
	struct path top = { root_mount, root_mount->root };
	path_get(&top);
	path_follow_mounts(&top);
	spin_lock(&fs->lock);
	bool chrooted = fs->root.mnt != top.mnt || fs->root.dentry != top.dentry;
	spin_unlock(&fs->lock);
	path_put(&top);
	return chrooted;
}

void mounts_for_each(bool (*fn)(struct mount *m, void *arg), void *arg)
{
	struct mount *m;
	mutex_lock(&mount_lock);
	list_for_each(m, &mount_list, list) {
		if (!fn(m, arg))
			break;
	}
	mutex_unlock(&mount_lock);
}

/* --- text for /proc ----------------------------------------------------------------------------------------------------------------------- */

/* Spaces and the like as \ooo. Returns the bytes put (without the NUL). */
static int put_escaped(char *buf, size_t size, const char *s)
{
	size_t n = 0;
	for (; *s && n + 5 < size; s++) {
		if (strchr(" \t\n\\#", *s))
			n += (size_t)format_str(buf + n, size - n, "\\%03o", (u8)*s);
		else
			buf[n++] = *s;
	}
	buf[n] = 0;
	return (int)n;
}

static int put_flags(const struct mount *m, char *buf, size_t size)
{
	static const struct { u32 flag; const char *name; } names[] = {
		{ MS_NOSUID, ",nosuid" }, { MS_NODEV, ",nodev" }, { MS_NOEXEC, ",noexec" }, { MS_NOATIME, ",noatime" },
		{ MS_NODIRATIME, ",nodiratime" }, { MS_RELATIME, ",relatime" }, { MS_NOSYMFOLLOW, ",nosymfollow" },
	};
	u32 flags = READ_ONCE(m->flags);
	size_t n = (size_t)format_str(buf, size, "%s", flags & MS_RDONLY ? "ro" : "rw");
	for (u32 i = 0; i < ARRAY_SIZE(names) && n < size; i++) {
		if (flags & names[i].flag)
			n += (size_t)format_str(buf + n, size - n, "%s", names[i].name);
	}
	return (int)n;
}

static int put_super_options(struct mount *m, char *buf, size_t size)
{
	if (!m->sb->ops || !m->sb->ops->show_options)
		return 0;
	return m->sb->ops->show_options(m->sb, buf, size);
}

char *mount_point_text(struct mount *m, char *buf, size_t size)
{
	struct path p = { m, m->root };
	char *s = path_text(&p, buf, size);
	return s && *s == '/' ? s : NULL;
}

#define PUT(...) (n += n < (int)size ? format_str(buf + n, size - (size_t)n, __VA_ARGS__) : 0)
#define PUT_FN(fn, arg) (n += n < (int)size ? fn(arg, buf + n, size - (size_t)n) : 0)

int mount_line(struct mount *m, char *buf, size_t size)
{
	char *text = kmalloc(PATH_MAX);
	char *at = text ? mount_point_text(m, text, PATH_MAX) : NULL;
	int n = 0;
	if (at && size > 64) {
		n += put_escaped(buf, size, m->source);
		PUT(" ");
		n += put_escaped(buf + n, size - (size_t)n, at);
		PUT(" %s ", m->sb->type->name);
		/* A read-only superblock makes the mount read-only. */
		if (mount_flags(m) & MS_RDONLY & ~m->flags) {
			char flags[128];
			put_flags(m, flags, sizeof(flags));
			PUT("ro%s", flags + 2);
		} else {
			PUT_FN(put_flags, m);
		}
		PUT_FN(put_super_options, m);
		PUT(" 0 0\n");
	}
	kfree(text);
	return n;
}

int mountinfo_line(struct mount *m, char *buf, size_t size)
{
	char *text = kmalloc(PATH_MAX);
	char *at = text ? mount_point_text(m, text, PATH_MAX) : NULL;
	int n = 0;
	if (at && size > 64) {
		PUT("%u %u %u:%u ", m->id, m->parent->id, MAJOR(m->sb->dev), MINOR(m->sb->dev));
		/* The part of the file system that is mounted: "/" but for bind mounts. */
		char *root = kmalloc(PATH_MAX);
		struct path in_sb = { NULL, m->root };
		char *r = root ? path_text(&in_sb, root, PATH_MAX) : NULL;
		n += put_escaped(buf + n, size - (size_t)n, r ? r : "/");
		kfree(root);
		PUT(" ");
		n += put_escaped(buf + n, size - (size_t)n, at);
		PUT(" ");
		PUT_FN(put_flags, m);
		PUT(" - %s ", m->sb->type->name);
		n += put_escaped(buf + n, size - (size_t)n, m->source);
		PUT(" %s", m->sb->flags & MS_RDONLY ? "ro" : "rw");
		PUT_FN(put_super_options, m);
		PUT("\n");
	}
	kfree(text);
	return n;
}
