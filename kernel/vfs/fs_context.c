/* Root, current directory, umask: the record and the calls. Entry points: fs_context_*, path_text(), chdir, fchdir, chroot, getcwd, umask. */
#include "gen/sys_protos.h"
#include "lib/format.h"
#include "vfs/internal.h"

static struct kmem_cache *fs_cache;

void fs_context_init(void) { fs_cache = kmem_cache_create("fs_context", sizeof(struct fs_context), 0); }

int fs_context_copy(struct fs_context *fs, struct fs_context **out)
{
	struct fs_context *n = kmem_cache_zalloc(fs_cache);
	if (!n)
		return -ENOMEM;
	spin_init(&n->lock, RANK_FS);
	atomic_set(&n->users, 1);
	spin_lock(&fs->lock);
	n->umask = fs->umask;
	n->root = fs->root;
	n->cwd = fs->cwd;
	path_get(&n->root);
	path_get(&n->cwd);
	spin_unlock(&fs->lock);
	*out = n;
	return 0;
}

void fs_context_get(struct fs_context *fs) { atomic_inc(&fs->users); }

void fs_context_put(struct fs_context *fs)
{
	if (!atomic_dec_and_test(&fs->users))
		return;
	path_put(&fs->root);
	path_put(&fs->cwd);
	kmem_cache_free(fs_cache, fs);
}

/* Replaces one of the two places with *p (references taken). */
static void set_place(struct fs_context *fs, struct path *place, const struct path *p)
{
	struct path old;
	path_get(p);
	spin_lock(&fs->lock);
	old = *place;
	*place = *p;
	spin_unlock(&fs->lock);
	path_put(&old);
}

void fs_context_take_places(struct fs_context *fs, struct fs_context *from)
{
	set_place(fs, &fs->root, &from->root);
	set_place(fs, &fs->cwd, &from->cwd);
}

void fs_context_set_places(struct fs_context *fs, const struct path *p)
{
	set_place(fs, &fs->root, p);
	set_place(fs, &fs->cwd, p);
}

/* --- paths as text -------------------------------------------------------------------------------------------------------------------------- */

static bool prepend_text(char **at, const char *low, const char *s, size_t n)
{
	if ((size_t)(*at - low) < n)
		return false;
	*at -= n;
	memcpy(*at, s, n);
	return true;
}

/* => dcache_lock. Writes the path from its root down to p, backwards from *at. *reached: the root was met. false: no room. */
static bool climb(struct path p, const struct path *root, char **at, const char *low, bool *reached)
{
	bool any = false;
	*reached = false;
	for (;;) {
		if (p.mnt == root->mnt && p.dentry == root->dentry) {
			*reached = true;
			break;
		}
		if (p.mnt && p.dentry == p.mnt->root) {
			if (p.mnt->parent == p.mnt)
				break;
			p = (struct path){ p.mnt->parent, p.mnt->mountpoint };
			continue;
		}
		if (p.dentry->parent == p.dentry) {
			*reached = !p.mnt;
			break;
		}
		if (!prepend_text(at, low, p.dentry->name, p.dentry->name_len) || !prepend_text(at, low, "/", 1))
			return false;
		any = true;
		p.dentry = p.dentry->parent;
	}
	return any || prepend_text(at, low, "/", 1);
}

/* pipe:[17], socket:[18], anon_inode:[eventfd] */
static char *anon_text(const struct dentry *d, char *buf, size_t size)
{
	int n = strchr(d->name, ':') ? format_str(buf, size, "%s", d->name) : format_str(buf, size, "%s:[%lu]", d->name, d->inode->ino);
	return n < (int)size ? buf : NULL;
}

char *path_text_from(const struct path *p, const struct path *root, char *buf, size_t size, bool *reached_out)
{
	static const char deleted[] = " (deleted)";
	char *at = buf + size;
	bool ok, reached = true;
	if (reached_out)
		*reached_out = true;
	if (p->dentry->inode && p->dentry->inode->sb->nameless && (!p->mnt || p->mnt->root != p->dentry))
		return anon_text(p->dentry, buf, size);
	if (size == 0)
		return NULL;
	if (p->dentry->parent == p->dentry && p->dentry != p->dentry->inode->sb->root && (!p->mnt || p->mnt->root != p->dentry)) {
		/* Never had a place: memfd. */
		int n = format_str(buf, size, "/%s (deleted)", p->dentry->name);
		return n < (int)size ? buf : NULL;
	}
	*--at = 0;
	spin_lock(&dcache_lock);
	bool gone = p->dentry->unhashed && p->dentry->parent != p->dentry;
	ok = !gone || prepend_text(&at, buf, deleted, sizeof(deleted) - 1);
	ok = ok && climb(*p, root, &at, buf, &reached);
	spin_unlock(&dcache_lock);
	if (reached_out)
		*reached_out = reached;
	return ok ? at : NULL;
}

/* Current's root, with references. */
static void my_root(struct path *root)
{
	struct fs_context *fs = current_thread()->fs;
	if (!fs) {
		mnt_ns_root(&init_mnt_ns, root);
		return;
	}
	spin_lock(&fs->lock);
	*root = fs->root;
	path_get(root);
	spin_unlock(&fs->lock);
}

char *path_text(const struct path *p, char *buf, size_t size)
{
	struct path root;
	my_root(&root);
	char *s = path_text_from(p, &root, buf, size, NULL);
	path_put(&root);
	return s;
}

/* --- the calls ------------------------------------------------------------------------------------------------------------------------------- */

long sys_getcwd(u64 ubuf, u64 size)
{
	struct fs_context *fs = current_thread()->fs;
	static const char unreachable[] = "(unreachable)";
	struct path cwd, root;
	char *buf = kmalloc(PATH_MAX);
	if (!buf)
		return -ENOMEM;
	my_root(&root);
	spin_lock(&fs->lock);
	cwd = fs->cwd;
	path_get(&cwd);
	spin_unlock(&fs->lock);
	long ret = -ENOENT;
	if (!cwd.dentry->unhashed || cwd.dentry->parent == cwd.dentry) {
		bool reached;
		char *s = path_text_from(&cwd, &root, buf, PATH_MAX, &reached);
		if (s && !reached && !prepend_text(&s, buf, unreachable, sizeof(unreachable) - 1))
			s = NULL;
		ret = s ? (long)strlen(s) + 1 : -ENAMETOOLONG;
		if (s && (u64)ret > size)
			ret = -ERANGE;
		else if (s && copy_to_user(ubuf, s, (size_t)ret))
			ret = -EFAULT;
	}
	path_put(&cwd);
	path_put(&root);
	kfree(buf);
	return ret;
}

/* A directory to go to, which current may search; with references. */
static int find_place(uaddr_t uname, struct path *out)
{
	int err = path_lookup_user(AT_FDCWD, uname, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, out);
	if (err)
		return err;
	err = inode_permission(out->dentry->inode, MAY_EXEC);
	if (err)
		path_put(out);
	return err;
}

long sys_chdir(u64 uname)
{
	struct path p;
	struct fs_context *fs = current_thread()->fs;
	int err = find_place(uname, &p);
	if (err)
		return err;
	set_place(fs, &fs->cwd, &p);
	path_put(&p);
	return 0;
}

long sys_fchdir(u64 fd)
{
	struct fs_context *fs = current_thread()->fs;
	struct file *f;
	int err = fd_get_raw((int)fd, &f);
	if (err)
		return err;
	if (!S_ISDIR(f->inode->mode))
		err = -ENOTDIR;
	else
		err = inode_permission(f->inode, MAY_EXEC);
	if (!err)
		set_place(fs, &fs->cwd, &f->path);
	file_put(f);
	return err;
}

long sys_chroot(u64 uname)
{
	struct path p;
	struct fs_context *fs = current_thread()->fs;
	int err = find_place(uname, &p);
	if (err)
		return err;
	if (!ns_capable(current_user_ns(), CAP_SYS_CHROOT))
		err = -EPERM;
	else
		set_place(fs, &fs->root, &p);
	path_put(&p);
	return err;
}

long sys_umask(u64 mask)
{
	struct fs_context *fs = current_thread()->fs;
	spin_lock(&fs->lock);
	u32 old = fs->umask;
	fs->umask = (u32)mask & S_IRWXUGO;
	spin_unlock(&fs->lock);
	return old;
}
