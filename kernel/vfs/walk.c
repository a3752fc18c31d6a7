/*
 * Path walk. Entry points: path_lookup(), path_lookup_user(), walk_begin/to_parent/follow/end for the calls that make and remove names.
 *
 * A walk runs under dcache_lock and counts nothing while every name is in the cache; its cost is a hash and a comparison for each component. What may
 * sleep (a name that is not cached, a magic link, a file system's own permission check) is a "slow step": the place is pinned by references, the lock
 * dropped, the step done, the lock taken again. Symbolic links put their text in front of what is left of the name.
 */
#include "vfs/internal.h"

static struct kmem_cache *name_cache;

void walk_init(void) { name_cache = kmem_cache_create("names", PATH_MAX, 0); }

int path_name_get(uaddr_t uname, char **out)
{
	char *s = kmem_cache_alloc(name_cache);
	if (!s)
		return -ENOMEM;
	long n = strncpy_from_user(s, uname, PATH_MAX);
	if (n < 0 || n >= PATH_MAX) {
		kmem_cache_free(name_cache, s);
		return n < 0 ? (int)n : -ENAMETOOLONG;
	}
	*out = s;
	return 0;
}

void path_name_put(char *name)
{
	if (name)
		kmem_cache_free(name_cache, name);
}

/* --- pinning ------------------------------------------------------------------------------------------------------------------------------ */

static void walk_lock(struct walk *w)
{
	spin_lock(&dcache_lock);
	w->locked = true;
}

/* Drops the lock with cur and root counted. What was pinned before is put. */
static void walk_pin(struct walk *w)
{
	struct path old = w->pin;
	struct dentry *hold = w->hold;
	w->pin = w->cur;
	w->hold = NULL;
	path_get(&w->pin);
	if (!w->root_pinned) {
		path_get(&w->root);
		w->root_pinned = true;
	}
	spin_unlock(&dcache_lock);
	w->locked = false;
	if (w->fs_locked) {
		spin_unlock(&w->fs->lock);
		w->fs_locked = false;
	}
	path_put(&old);
	dentry_put(hold);
}

static void walk_unlock(struct walk *w)
{
	if (w->locked)
		spin_unlock(&dcache_lock);
	w->locked = false;
	if (w->fs_locked)
		spin_unlock(&w->fs->lock);
	w->fs_locked = false;
}

void walk_end(struct walk *w)
{
	walk_unlock(w);
	path_put(&w->pin);
	dentry_put(w->hold);
	if (w->root_pinned)
		path_put(&w->root);
	if (w->dirf)
		file_put(w->dirf);
	kfree(w->buf);
	w->pin = (struct path){ NULL, NULL };
	w->hold = NULL;
	w->dirf = NULL;
	w->buf = NULL;
	w->root_pinned = false;
}

/* --- beginning ---------------------------------------------------------------------------------------------------------------------------- */

static int start_from_fd(struct walk *w, int dirfd)
{
	int err = fd_get_raw(dirfd, &w->dirf);
	if (err)
		return err;
	w->cur = w->dirf->path;
	if (!w->cur.dentry)
		return -ENOTDIR;
	return *w->name && !S_ISDIR(w->dirf->inode->mode) ? -ENOTDIR : 0;
}

int walk_begin(struct walk *w, int dirfd, const char *name, u32 flags)
{
	struct fs_context *fs = current_thread()->fs;
	bool absolute = *name == '/';
	*w = (struct walk){ .name = name, .flags = flags, .cred = current_cred(), .fs = fs };
	if (!*name && !(flags & LOOKUP_EMPTY))
		return -ENOENT;
	if (absolute && (flags & LOOKUP_BENEATH))
		return -EXDEV;
	if (dirfd != AT_FDCWD && (!absolute || (flags & LOOKUP_IN_ROOT))) {
		int err = start_from_fd(w, dirfd);
		if (err)
			return err;
	}
	/* With one user only the caller itself can change root and cwd. */
	if (atomic_read(&fs->users) > 1) {
		spin_lock(&fs->lock);
		w->fs_locked = true;
	}
	walk_lock(w);
	w->root = fs->root;
	if (!w->dirf)
		w->cur = absolute && !(flags & LOOKUP_IN_ROOT) ? fs->root : fs->cwd;
	if (flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT))
		w->root = w->cur;
	return 0;
}

/* --- steps -------------------------------------------------------------------------------------------------------------------------------- */

/* May we look up names in the current directory? */
static int may_search(struct walk *w)
{
	struct inode *dir = w->cur.dentry->inode;
	if (!dir || !S_ISDIR(dir->mode))
		return -ENOTDIR;
	if (likely(!dir->ops->permission))
		return inode_permission_cred(dir, MAY_EXEC, w->cred);
	walk_pin(w);
	int err = inode_permission_cred(dir, MAY_EXEC, w->cred);
	walk_lock(w);
	return err;
}

/* Down through the mounts on cur. */
static int cross_down(struct walk *w)
{
	while (unlikely(w->cur.dentry->mounted)) {
		struct mount *m = mount_find(w->cur.mnt, w->cur.dentry);
		if (!m)
			break;
		if (w->flags & LOOKUP_NO_XDEV)
			return -EXDEV;
		w->cur = (struct path){ m, m->root };
	}
	return 0;
}

static int step_up(struct walk *w)
{
	u32 scoped = w->flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT);
	for (;;) {
		struct path *c = &w->cur;
		if (c->mnt == w->root.mnt && c->dentry == w->root.dentry) {
			if (w->flags & LOOKUP_BENEATH)
				return -EXDEV;
			break;
		}
		if (c->dentry != c->mnt->root) {
			c->dentry = c->dentry->parent;
			break;
		}
		if (c->mnt->parent == c->mnt)
			break;
		if (w->flags & LOOKUP_NO_XDEV)
			return -EXDEV;
		*c = (struct path){ c->mnt->parent, c->mnt->mountpoint };
	}
	/* A rename may have carried us out of the scope: then ".." must not be trusted. */
	if (scoped && w->cur.mnt == w->root.mnt && !dentry_is_under(w->cur.dentry, w->root.dentry))
		return -EAGAIN;
	return cross_down(w);
}

/* The name is not cached (or must be asked for): lets the file system look. *out is kept alive by w->hold. */
static int slow_child(struct walk *w, const char *name, u32 len, struct dentry **out)
{
	struct dentry *parent = w->cur.dentry, *d = NULL;
	if (w->flags & LOOKUP_CACHED)
		return -EAGAIN;
	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	walk_pin(w);
	mutex_lock(&parent->inode->lock);
	int err = dcache_lookup(parent, name, len, &d);
	mutex_unlock(&parent->inode->lock);
	walk_lock(w);
	w->hold = d;
	*out = d;
	return err;
}

static int find_child(struct walk *w, const char *name, u32 len, u32 hash, struct dentry **out)
{
	struct dentry *d = dcache_find(w->cur.dentry, name, len, hash);
	if (unlikely(!d) || unlikely(d->inode && d->inode->ops && d->inode->ops->revalidate && !d->mounted)) {
		int err = slow_child(w, name, len, &d);
		if (err)
			return err;
	}
	*out = d;
	return d->inode ? 0 : -ENOENT;
}

/* Puts text in front of what is left (`rest`). => lock held or not */
static int prepend(struct walk *w, const char *text, const char *rest)
{
	size_t a = strlen(text), b = strlen(rest);
	if (!a)
		return -ENOENT;
	char *s = kmalloc(a + b + 1);
	if (!s)
		return -ENOMEM;
	memcpy(s, text, a);
	memcpy(s + a, rest, b + 1);
	kfree(w->buf);
	w->buf = s;
	w->name = s;
	return 0;
}

/* rest: what comes behind the link, which is in cur. */
static int check_link(struct walk *w, const struct inode *i, const char *rest)
{
	if (w->links++ >= MAX_LINKS || (w->flags & LOOKUP_NO_SYMLINKS) || (w->cur.mnt->flags & MS_NOSYMFOLLOW))
		return -ELOOP;
	if (i->ops && i->ops->follow && (w->flags & LOOKUP_NO_MAGICLINKS))
		return -ELOOP;
	return *rest ? 0 : may_follow_link(w->cur.dentry->inode, i, w->cred);
}

/* After the text is in place: an absolute one starts again from the root. */
static int restart_at_root(struct walk *w)
{
	if (*w->name != '/')
		return 0;
	if (w->flags & LOOKUP_BENEATH)
		return -EXDEV;
	if ((w->flags & LOOKUP_NO_XDEV) && w->cur.mnt != w->root.mnt)
		return -EXDEV;
	w->cur = w->root;
	return 0;
}

/* A link that must be asked for, pinned by cur = the link itself. dir: where its text is relative to. */
static int follow_slow(struct walk *w, struct path dir, struct inode *i, const char *rest)
{
	struct path target;
	char *text = NULL;
	/* Pin the directory, and the link's inode by itself. */
	w->cur = dir;
	inode_get(i);
	walk_pin(w);
	int err;
	bool magic = i->ops && i->ops->follow;
	if (magic) {
		err = i->ops->follow(i, &target);
		if (err == -EOPNOTSUPP) /* this one is a plain text after all */
			magic = false;
	}
	if (!magic) {
		text = kmalloc(PATH_MAX);
		err = !text ? -ENOMEM : i->ops && i->ops->readlink ? i->ops->readlink(i, text, PATH_MAX) : -EINVAL;
		err = err < 0 ? err : prepend(w, text, rest);
		kfree(text);
	} else if (!err) {
		/* The name's own buffer may be w->buf: `rest` stays valid. */
		w->name = rest;
		if ((w->flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT)) || ((w->flags & LOOKUP_NO_XDEV) && target.mnt != w->cur.mnt))
			err = -EXDEV;
		struct path old = w->pin;
		w->pin = target;
		path_put(&old);
		w->cur = target;
	}
	inode_put(i);
	walk_lock(w);
	return err ? err : magic ? 1 : restart_at_root(w);
}

/* Follows link (a child of cur). rest: what comes after its name. 0, or 1 when cur is now the target of a magic link, or -errno. */
static int follow_link(struct walk *w, struct dentry *link, const char *rest)
{
	struct inode *i = link->inode;
	int err = check_link(w, i, rest);
	if (err)
		return err;
	if (!i->link)
		return follow_slow(w, w->cur, i, rest);
	if ((w->flags & LOOKUP_CACHED) && atime_is_stale(w->cur.mnt, i))
		return -EAGAIN; /* to note the use is more than to look */
	touch_atime(w->cur.mnt, i);
	err = prepend(w, i->link, rest);
	return err ? err : restart_at_root(w);
}

/* --- the loop ----------------------------------------------------------------------------------------------------------------------------- */

/* One component: its length and hash; *next = behind it and its slashes. */
static inline u32 scan_component(const char *s, u32 *hash, const char **next, bool *slash)
{
	const char *p = s;
	u32 h = 0;
	while (*p && *p != '/')
		h = name_hash_step(h, (u8)*p++);
	u32 len = (u32)(p - s);
	*slash = *p == '/';
	while (*p == '/')
		p++;
	*hash = h;
	*next = p;
	return len;
}

static enum last_type component_type(const char *s, u32 len)
{
	if (s[0] != '.' || len > 2)
		return LAST_NORM;
	if (len == 1)
		return LAST_DOT;
	return s[1] == '.' ? LAST_DOTDOT : LAST_NORM;
}

/* A name that is to be entered or is the last one. */
static int step_child(struct walk *w, const char *name, u32 len, u32 hash, const char *after, bool last, bool slash)
{
	struct dentry *d;
	int err = find_child(w, name, len, hash, &d);
	if (err)
		return err;
	if (unlikely(S_ISLNK(d->inode->mode)) && (!last || slash || (w->flags & LOOKUP_FOLLOW))) {
		err = follow_link(w, d, after);
		if (err <= 0)
			return err;
		err = 0;
	} else {
		w->cur.dentry = d;
		w->name = after;
		err = cross_down(w);
	}
	if (!err && (!last || slash) && !S_ISDIR(w->cur.dentry->inode->mode))
		err = -ENOTDIR;
	return err;
}

/* => locked. Runs to the end, or (parent) until the last component is next. */
static int walk_run(struct walk *w, bool parent)
{
	w->last_type = LAST_ROOT;
	w->last = w->name;
	w->last_len = 0;
	w->slashes = false;
	while (*w->name == '/')
		w->name++;
	while (*w->name) {
		const char *name = w->name, *after;
		u32 hash;
		bool slash;
		u32 len = scan_component(name, &hash, &after, &slash);
		int err = may_search(w);
		if (unlikely(err))
			return err;
		enum last_type type = component_type(name, len);
		bool last = !*after;
		if (parent && last) {
			w->last = name;
			w->last_len = len;
			w->last_type = type;
			w->slashes = slash;
			return 0;
		}
		if (type == LAST_NORM) {
			/* "after" must show a trailing slash to a link that is followed. */
			const char *rest = last ? name + len : after - (slash ? 1 : 0);
			err = step_child(w, name, len, hash, rest, last, slash);
		} else {
			w->name = after;
			err = type == LAST_DOTDOT ? step_up(w) : 0;
		}
		if (unlikely(err))
			return err;
		while (*w->name == '/')
			w->name++;
	}
	/* The path ended in a link to "/" and the like: there is no last name. */
	w->last_type = LAST_ROOT;
	w->last_len = 0;
	return 0;
}

/* To the end: *out with references. */
static int walk_to_end(struct walk *w, struct path *out)
{
	int err = walk_run(w, false);
	if (!err && (w->flags & LOOKUP_DIRECTORY) && !S_ISDIR(w->cur.dentry->inode->mode))
		err = -ENOTDIR;
	if (!err) {
		*out = w->cur;
		path_get(out);
	}
	walk_unlock(w);
	return err;
}

int walk_to_parent(struct walk *w, struct path *out)
{
	if (!w->locked) /* a second round, after walk_follow */
		walk_lock(w);
	int err = walk_run(w, true);
	if (!err) {
		*out = w->cur;
		path_get(out);
		/* The walk may go on from here (walk_follow), so its own place is pinned too. */
		walk_pin(w);
	}
	walk_unlock(w);
	return err;
}

int walk_follow(struct walk *w, const struct path *parent, struct dentry *link, bool *done, struct path *target)
{
	static const char nothing[] = "", slash[] = "/";
	const char *rest = w->slashes ? slash : nothing;
	*done = false;
	walk_lock(w);
	w->cur = *parent;
	int err = follow_link(w, link, rest);
	if (err == 1) {
		*done = true;
		*target = w->cur;
		path_get(target);
		err = w->slashes && !S_ISDIR(w->cur.dentry->inode->mode) ? -ENOTDIR : 0;
		if (err)
			path_put(target);
	}
	/* The walk may go on from here: its place stays pinned while the lock is dropped. */
	if (!err && !*done)
		walk_pin(w);
	walk_unlock(w);
	return err;
}

/* --- the plain lookups -------------------------------------------------------------------------------------------------------------------- */

int path_lookup_cred(int dirfd, const char *name, u32 flags, const struct cred *c, struct path *out)
{
	struct walk w;
	int err = walk_begin(&w, dirfd, name, flags);
	w.cred = c;
	if (!err)
		err = walk_to_end(&w, out);
	walk_end(&w);
	return err;
}

int path_lookup(int dirfd, const char *name, u32 flags, struct path *out)
{
	return path_lookup_cred(dirfd, name, flags, current_cred(), out);
}

int path_lookup_user(int dirfd, uaddr_t uname, u32 flags, struct path *out)
{
	char *name;
	int err = path_name_get(uname, &name);
	if (err)
		return err;
	err = path_lookup(dirfd, name, flags, out);
	path_name_put(name);
	return err;
}
