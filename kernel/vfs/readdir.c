/* getdents and getdents64. Entry points: sys_getdents, sys_getdents64, dir_emit_dots(). */
#include "gen/sys_protos.h"
#include "vfs/internal.h"
#include "vfs/notify.h"

struct getdents {
	struct dir_context ctx;
	uaddr_t at;       /* where the next record goes */
	u64 left;
	uaddr_t last;     /* the last record, whose d_off is not yet known; 0 = none */
	bool old;         /* struct linux_dirent */
	int err;
};

/* Positions of d_type and d_name in the two records; both begin with d_ino, d_off, d_reclen. */
#define HEAD 18u
#define REC_MAX (HEAD + NAME_MAX + 10)

static bool emit_record(struct dir_context *c, const char *name, u32 len, u64 ino, u32 type)
{
	struct getdents *g = container_of(c, struct getdents, ctx);
	u8 rec[REC_MAX];
	if (len > NAME_MAX) {
		g->err = -EIO;
		return false;
	}
	/* 64: ino off reclen type name NUL; old: ino off reclen name NUL pad type */
	u16 reclen = (u16)ALIGN_UP((g->old ? HEAD + len + 2 : HEAD + 1 + len + 1), 8);
	if (reclen > g->left) {
		g->err = -EINVAL; /* only told when nothing fitted */
		return false;
	}
	if (g->last && signal_pending())
		return false;
	if (g->last && put_user(c->pos, g->last + 8)) {
		g->err = -EFAULT;
		return false;
	}
	memset(rec, 0, reclen);
	memcpy(rec, &ino, 8);
	memcpy(rec + 16, &reclen, 2);
	if (g->old) {
		memcpy(rec + HEAD, name, len);
		rec[reclen - 1] = (u8)type;
	} else {
		rec[HEAD] = (u8)type;
		memcpy(rec + HEAD + 1, name, len);
	}
	if (copy_to_user(g->at, rec, reclen)) {
		g->err = -EFAULT;
		return false;
	}
	g->last = g->at;
	g->at += reclen;
	g->left -= reclen;
	return true;
}

bool dir_emit_dots(struct file *f, struct dir_context *c)
{
	struct dentry *d = f->path.dentry;
	if (c->pos == 0) {
		if (!c->emit(c, ".", 1, f->inode->ino, 4))
			return false;
		c->pos = 1;
	}
	if (c->pos == 1) {
		spin_lock(&dcache_lock);
		u64 ino = d->parent->inode->ino;
		spin_unlock(&dcache_lock);
		if (!c->emit(c, "..", 2, ino, 4))
			return false;
		c->pos = 2;
	}
	return true;
}

static long getdents_file(struct file *f, struct getdents *g)
{
	struct inode *i = f->inode;
	uaddr_t start = g->at;
	if (!S_ISDIR(i->mode) || !f->ops->readdir)
		return -ENOTDIR;
	mutex_lock(&f->pos_lock);
	mutex_lock(&i->lock);
	int err = i->dead ? -ENOENT : 0;
	g->ctx.pos = f->pos;
	if (!err) {
		err = f->ops->readdir(f, &g->ctx);
		f->pos = g->ctx.pos;
		file_accessed(f);
	}
	mutex_unlock(&i->lock);
	mutex_unlock(&f->pos_lock);
	if (!err)
		notify_dentry(f->path.dentry, IN_ACCESS);
	if (err < 0 && g->at == start)
		return err;
	if (g->at == start)
		return g->err;
	if (g->last && put_user(g->ctx.pos, g->last + 8))
		return -EFAULT;
	return (long)(g->at - start);
}

static long getdents_fd(u64 fd, uaddr_t buf, u64 count, bool old)
{
	struct fdref r;
	struct getdents g = { .ctx = { .emit = emit_record }, .at = buf, .left = min((u64)(u32)count, 0x7fffffffUL), .old = old };
	int err = fdref_get((int)fd, &r);
	if (err)
		return err;
	long n = user_range_ok(buf, 0) ? getdents_file(r.file, &g) : -EFAULT;
	fdref_put(&r);
	return n;
}

long sys_getdents(u64 fd, u64 buf, u64 count) { return getdents_fd(fd, buf, count, true); }
long sys_getdents64(u64 fd, u64 buf, u64 count) { return getdents_fd(fd, buf, count, false); }
