/* Names of the 9P file system: the directory operations. Every look at a name asks the host; nothing is remembered that nobody uses (super.no_dcache). */
#include "fs/p9_internal.h"

#include <linux/fcntl.h>
#include <linux/fs.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"

#define DIR_BUF 16384u

/* The fid of a directory that has a place. */
static int dir_fid(struct inode *dir, u32 *fid)
{
	*fid = p9_of(dir)->fid;
	return READ_ONCE(p9_of(dir)->stale) ? -ENOENT : 0;
}

static int p9_lookup(struct inode *dir, const char *name, struct inode **out)
{
	struct p9_session *s = p9_session_of(dir);
	u32 at, fid;
	int err = dir_fid(dir, &at);
	if (err)
		return err;
	fid = p9_fid_new(s);
	err = p9_walk(s, at, fid, name, NULL);
	if (err) {
		p9_fid_drop(s, fid);
		return err;
	}
	return p9_inode_at(dir->sb, fid, out);
}

/* A name somebody uses: does it still mean the same file? */
bool p9_revalidate(struct dentry *d, struct inode *i)
{
	struct inode *dir = d->parent->inode;
	struct p9_session *s = p9_session_of(i);
	struct p9_qid q;
	u32 at, fid;
	if (d->parent == d || dir_fid(dir, &at))
		return true;
	fid = p9_fid_new(s);
	int err = p9_walk(s, at, fid, d->name, &q);
	if (err) {
		p9_fid_drop(s, fid);
		return err != -ENOENT;
	}
	bool same = q.path == p9_of(i)->qid.path && q.type == p9_of(i)->qid.type;
	if (same)
		p9_use_place(i, fid); /* another of its names may have gone meanwhile */
	else
		p9_clunk(s, fid);
	return same;
}

/* --- new names -------------------------------------------------------------------------------------------------------------------------------- */

static u32 group_for(const struct inode *dir) { return dir->mode & S_ISGID ? dir->gid : current_cred()->fsgid; }

/* What has just been made belongs to the caller, where the host lets it: without privilege it is the host user's. */
static void give_to_caller(struct inode *i)
{
	struct inode_attr a = { .valid = ATTR_UID, .uid = current_cred()->fsuid };
	if (i->uid != a.uid)
		(void)p9_setattr_op(i, &a);
}

static int found_new(struct inode *dir, const char *name, struct inode **out)
{
	int err = p9_lookup(dir, name, out);
	if (!err)
		give_to_caller(*out);
	return err;
}

/* A regular file is opened by being made, and only then may it be written whatever its mode: the open that follows takes this over. */
static int create_file(struct inode *dir, const char *name, u32 mode, struct inode **out)
{
	struct p9_session *s = p9_session_of(dir);
	u32 at, fid;
	int err = dir_fid(dir, &at);
	if (err)
		return err;
	fid = p9_fid_new(s);
	err = p9_walk(s, at, fid, NULL, NULL);
	if (err) {
		p9_fid_drop(s, fid);
		return err;
	}
	err = p9_lcreate(s, fid, name, O_RDWR, mode & 07777, group_for(dir));
	struct p9_open *o = err ? NULL : p9_open_new(s, fid, O_RDWR);
	if (!o) {
		p9_clunk(s, fid);
		return err ? err : -ENOMEM;
	}
	err = found_new(dir, name, out);
	if (!err && S_ISREG((*out)->mode)) {
		p9_open_link(o, *out);
		o = xchg(&p9_of(*out)->fresh, o);
	}
	p9_open_put(o);
	return err;
}

static int p9_create(struct inode *dir, const char *name, u32 mode, u64 rdev, struct inode **out)
{
	u32 at;
	if (S_ISREG(mode))
		return create_file(dir, name, mode, out);
	int err = dir_fid(dir, &at);
	if (!err)
		err = p9_mknod(p9_session_of(dir), at, name, mode, rdev, group_for(dir));
	return err ? err : found_new(dir, name, out);
}

static int p9_mkdir_op(struct inode *dir, const char *name, u32 mode, struct inode **out)
{
	u32 at;
	int err = dir_fid(dir, &at);
	if (!err)
		err = p9_mkdir(p9_session_of(dir), at, name, (mode & 07777) | (dir->mode & S_ISGID), group_for(dir));
	return err ? err : found_new(dir, name, out);
}

static int p9_symlink_op(struct inode *dir, const char *name, const char *target, struct inode **out)
{
	u32 at;
	int err = dir_fid(dir, &at);
	if (!err)
		err = p9_symlink(p9_session_of(dir), at, name, target, group_for(dir));
	return err ? err : found_new(dir, name, out);
}

/* Keeps the place that link(2) made: the name the file had before is often the next thing to go. */
static void note_name(struct inode *dir, u32 at, const char *name, struct inode *target)
{
	struct p9_session *s = p9_session_of(dir);
	struct p9_qid q;
	u32 fid = p9_fid_new(s);
	if (p9_walk(s, at, fid, name, &q))
		p9_fid_drop(s, fid);
	else if (q.path != p9_of(target)->qid.path)
		p9_clunk(s, fid);
	else
		p9_note_other(target, fid);
}

static int p9_link_op(struct inode *dir, const char *name, struct inode *target)
{
	u32 at, from;
	int err = dir_fid(dir, &at);
	if (!err)
		err = dir_fid(target, &from);
	if (!err)
		err = p9_link(p9_session_of(dir), at, from, name);
	if (err)
		return err;
	note_name(dir, at, name, target);
	(void)p9_refresh(target);
	return 0;
}

/* --- names that go ---------------------------------------------------------------------------------------------------------------------------- */

static int remove_name(struct inode *dir, const char *name, struct inode *victim, u32 flags)
{
	u32 at;
	int err = dir_fid(dir, &at);
	if (err)
		return err;
	p9_before_unlink(victim);
	err = p9_unlinkat(p9_session_of(dir), at, name, flags);
	if (!err)
		p9_after_unlink(victim);
	return err;
}

static int p9_unlink(struct inode *dir, const char *name, struct inode *victim) { return remove_name(dir, name, victim, 0); }
static int p9_rmdir(struct inode *dir, const char *name, struct inode *victim) { return remove_name(dir, name, victim, AT_REMOVEDIR); }

static int p9_rename(struct inode *od, const char *on, struct inode *src, struct inode *nd, const char *nn, struct inode *target, u32 flags)
{
	u32 from, to;
	(void)src; /* the other side moves every fid along */
	if (flags)
		return -EINVAL; /* as Linux: the protocol has no word for them */
	int err = dir_fid(od, &from);
	if (!err)
		err = dir_fid(nd, &to);
	if (err)
		return err;
	if (target)
		p9_before_unlink(target);
	err = p9_renameat(p9_session_of(od), from, on, to, nn);
	if (!err && target)
		p9_after_unlink(target);
	return err;
}

/* --- reading directories ---------------------------------------------------------------------------------------------------------------------- */

static int dir_open(struct inode *i, struct file *f)
{
	struct p9_open *o;
	int err = p9_open_at(i, O_RDONLY | O_DIRECTORY, &o);
	if (err)
		return err;
	o->dir_buf = kmalloc(DIR_BUF);
	if (!o->dir_buf) {
		p9_open_put(o);
		return -ENOMEM;
	}
	f->private = o;
	return 0;
}

static void dir_release(struct file *f) { p9_open_put(f->private); }

/* The next entry at position pos. 1, 0 at the end, or -errno. Not taken until dir_at is moved to *next_at. */
static int peek(struct p9_open *o, u64 pos, struct p9_dirent *e, u32 *next_at)
{
	*next_at = o->dir_at;
	if (o->dir_pos == pos && p9_dirent(o->dir_buf, o->dir_len, next_at, e))
		return 1;
	int n = p9_readdir(o->s, o->fid, pos, o->dir_buf, DIR_BUF);
	if (n < 0)
		return n;
	o->dir_len = (u32)n;
	o->dir_at = *next_at = 0;
	o->dir_pos = pos;
	return p9_dirent(o->dir_buf, o->dir_len, next_at, e);
}

static int p9_readdir_op(struct file *f, struct dir_context *c)
{
	struct p9_open *o = f->private;
	struct p9_dirent e;
	u32 next_at;
	int got;
	while ((got = peek(o, c->pos, &e, &next_at)) > 0) {
		bool odd = !e.name_len || memchr(e.name, '/', e.name_len) || memchr(e.name, 0, e.name_len);
		if (!odd && !c->emit(c, e.name, e.name_len, e.ino, e.type))
			return 0;
		o->dir_at = next_at;
		o->dir_pos = c->pos = e.next;
	}
	return got;
}

static int dir_fsync(struct file *f)
{
	struct p9_open *o = f->private;
	return p9_fsync(o->s, o->fid);
}

static int p9_readlink_op(struct inode *i, char *buf, size_t size)
{
	u32 fid;
	int err = dir_fid(i, &fid);
	return err ? err : p9_readlink(p9_session_of(i), fid, buf, size);
}

const struct inode_ops p9_dir_inode_ops = {
	.lookup = p9_lookup,
	.create = p9_create,
	.mkdir = p9_mkdir_op,
	.symlink = p9_symlink_op,
	.link = p9_link_op,
	.unlink = p9_unlink,
	.rmdir = p9_rmdir,
	.rename = p9_rename,
	.setattr = p9_setattr_op,
	.getattr = p9_getattr_op,
	.revalidate = p9_revalidate,
};
const struct inode_ops p9_link_inode_ops = {
	.readlink = p9_readlink_op,
	.setattr = p9_setattr_op,
	.getattr = p9_getattr_op,
	.revalidate = p9_revalidate,
};
const struct file_ops p9_dir_ops = { .open = dir_open, .release = dir_release, .readdir = p9_readdir_op, .fsync = dir_fsync };
