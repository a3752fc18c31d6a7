/*
 * The 9P2000.L client: requests as functions. A message is size[4] type[1] tag[2] and its fields, numbers little-endian, strings with a 16-bit length; the
 * answer has the type one higher, or is Rlerror with an errno. rpc() writes a request by a format: d 32 bits, q 64 bits, w 16 bits, s a string.
 */
#include <asm/statfs.h>

#include "fs/p9_internal.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"

enum {
	TSTATFS = 8,
	TLOPEN = 12,
	TLCREATE = 14,
	TSYMLINK = 16,
	TMKNOD = 18,
	TREADLINK = 22,
	TGETATTR = 24,
	TSETATTR = 26,
	TREADDIR = 40,
	TFSYNC = 50,
	TLINK = 70,
	TMKDIR = 72,
	TRENAMEAT = 74,
	TUNLINKAT = 76,
	TVERSION = 100,
	TATTACH = 104,
	TWALK = 110,
	TREAD = 116,
	TWRITE = 118,
	TCLUNK = 120
};
#define RLERROR 7
#define HEADER 7u
#define VERSION "9P2000.L"
#define NSEC 1000000000UL

/* --- messages --------------------------------------------------------------------------------------------------------------------------------- */

static void put(struct p9_call *c, const void *v, u32 n)
{
	if (c->t_len + n <= P9_BUF)
		memcpy(c->t + c->t_len, v, n);
	c->t_len += n; /* past P9_BUF: noticed by run() */
}

static void put_string(struct p9_call *c, const char *s)
{
	u16 n = (u16)strlen(s);
	put(c, &n, 2);
	put(c, s, n);
}

static void put_fields(struct p9_call *c, const char *fmt, va_list ap)
{
	for (; *fmt; fmt++) {
		u64 v;
		if (*fmt == 's') {
			put_string(c, va_arg(ap, const char *));
			continue;
		}
		v = *fmt == 'q' ? va_arg(ap, u64) : va_arg(ap, u32);
		put(c, &v, *fmt == 'q' ? 8 : *fmt == 'd' ? 4 : 2);
	}
}

/* The next n bytes of the answer; false: it is too short. */
static bool get(struct p9_call *c, void *v, u32 n)
{
	if (n > c->r_len - c->at)
		return false;
	memcpy(v, c->r + c->at, n);
	c->at += n;
	return true;
}

static bool get_qid(struct p9_call *c, struct p9_qid *q) { return get(c, &q->type, 1) && get(c, &q->version, 4) && get(c, &q->path, 8); }

/* Sends the message and looks at the answer's head. */
static int run(struct p9_session *s, struct p9_call *c)
{
	u32 size = c->t_len + (c->out ? c->out_len : 0), ecode;
	u8 type = c->t[4];
	u16 tag = c->tag;
	if (c->t_len > P9_BUF)
		return -ENAMETOOLONG;
	memcpy(c->t, &size, 4);
	memcpy(c->t + 5, &tag, 2);
	memset(c->r, 0, P9_HEAD);
	s->channel->exchange(s->channel, c);
	/* The size the other side speaks of must not go beyond what it wrote. */
	memcpy(&size, c->r, 4);
	c->at = HEADER;
	if (size < HEADER || size > c->r_len)
		return -EIO;
	c->r_len = size;
	if (c->r[4] == RLERROR) {
		if (!get(c, &ecode, 4))
			return -EIO;
		return ecode >= 1 && ecode < 4096 ? -(int)ecode : -EIO;
	}
	return c->r[4] == type + 1 ? 0 : -EIO;
}

static struct p9_call *start(struct p9_session *s, u8 type)
{
	struct p9_call *c = s->channel->begin(s->channel);
	c->t[4] = type;
	c->t_len = HEADER;
	return c;
}

/* One exchange. *out = the call, to be read and ended, when 0 is returned and out is not NULL. */
static int rpc(struct p9_session *s, struct p9_call **out, u8 type, const char *fmt, ...)
{
	struct p9_call *c = start(s, type);
	va_list ap;
	va_start(ap, fmt);
	put_fields(c, fmt, ap);
	va_end(ap);
	int err = run(s, c);
	if (err || !out)
		s->channel->end(s->channel, c);
	else
		*out = c;
	return err;
}

static int finish(struct p9_session *s, struct p9_call *c, bool good)
{
	s->channel->end(s->channel, c);
	return good ? 0 : -EIO;
}

/* --- fids ------------------------------------------------------------------------------------------------------------------------------------- */

u32 p9_fid_new(struct p9_session *s)
{
	spin_lock(&s->lock);
	u32 fid = s->nr_free ? s->free_fid[--s->nr_free] : s->next_fid++;
	spin_unlock(&s->lock);
	return fid;
}

void p9_fid_drop(struct p9_session *s, u32 fid)
{
	spin_lock(&s->lock);
	if (s->nr_free == s->max_free) {
		u32 max = s->max_free ? 2 * s->max_free : 64;
		u32 *more = kmalloc(max * sizeof(*more));
		if (more) {
			memcpy(more, s->free_fid, s->nr_free * sizeof(*more));
			kfree(s->free_fid);
			s->free_fid = more;
			s->max_free = max;
		}
	}
	/* Without memory the number is not used again: there are four thousand million. */
	if (s->nr_free < s->max_free)
		s->free_fid[s->nr_free++] = fid;
	spin_unlock(&s->lock);
}

void p9_clunk(struct p9_session *s, u32 fid)
{
	if (fid == P9_NO_FID)
		return;
	/* A fid is gone whatever the answer. */
	(void)rpc(s, NULL, TCLUNK, "d", fid);
	if (fid != P9_ROOT_FID)
		p9_fid_drop(s, fid);
}

/* --- the session ------------------------------------------------------------------------------------------------------------------------------ */

int p9_version(struct p9_session *s)
{
	struct p9_call *c;
	u32 msize = 0;
	u16 len = 0;
	char text[sizeof(VERSION)] = "";
	int err = rpc(s, &c, TVERSION, "ds", P9_DATA + 64, VERSION);
	if (err)
		return err;
	bool good = get(c, &msize, 4) && get(c, &len, 2) && len == sizeof(VERSION) - 1 && get(c, text, len) && !strcmp(text, VERSION);
	err = finish(s, c, good);
	return err ? err : msize >= P9_DATA + 24 ? 0 : -EOPNOTSUPP;
}

int p9_attach(struct p9_session *s, u32 fid) { return rpc(s, NULL, TATTACH, "ddssd", fid, P9_NO_FID, "", "", 0u); }

int p9_walk(struct p9_session *s, u32 fid, u32 newfid, const char *name, struct p9_qid *qid)
{
	struct p9_call *c;
	struct p9_qid q;
	u16 n;
	int err = name ? rpc(s, &c, TWALK, "ddws", fid, newfid, 1u, name) : rpc(s, &c, TWALK, "ddw", fid, newfid, 0u);
	if (err)
		return err;
	bool good = get(c, &n, 2) && n == (name ? 1 : 0) && (!name || get_qid(c, &q));
	err = finish(s, c, good);
	if (!err && qid && name)
		*qid = q;
	return err;
}

/* --- attributes ------------------------------------------------------------------------------------------------------------------------------- */

#define GETATTR_BASIC 0x7ffUL
#define SETATTR_ATIME_SET 128u
#define SETATTR_MTIME_SET 256u

static bool get_time(struct p9_call *c, struct file_time *out)
{
	u64 sec, ns;
	if (!get(c, &sec, 8) || !get(c, &ns, 8))
		return false;
	*out = file_time_at((s64)sec, ns < NSEC ? ns : 0);
	return true;
}

int p9_getattr(struct p9_session *s, u32 fid, struct p9_attr *a)
{
	struct p9_call *c;
	u64 valid, blksize;
	int err = rpc(s, &c, TGETATTR, "dq", fid, GETATTR_BASIC);
	if (err)
		return err;
	bool good = get(c, &valid, 8) && get_qid(c, &a->qid) && get(c, &a->mode, 4) && get(c, &a->uid, 4) && get(c, &a->gid, 4) && get(c, &a->nlink, 8) &&
				get(c, &a->rdev, 8) && get(c, &a->size, 8) && get(c, &blksize, 8) && get(c, &a->blocks, 8) && get_time(c, &a->atime) &&
				get_time(c, &a->mtime) && get_time(c, &a->ctime);
	return finish(s, c, good && (s64)a->size >= 0);
}

int p9_setattr(struct p9_session *s, u32 fid, const struct inode_attr *a)
{
	/* The lowest bits are those of struct inode_attr; a time that is just "now" is left to the host's clock, which stamps everything else there. */
	u32 valid = a->valid & (ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_SIZE | ATTR_ATIME | ATTR_MTIME | ATTR_CTIME);
	if ((valid & ATTR_ATIME) && !(a->valid & ATTR_ATIME_NOW))
		valid |= SETATTR_ATIME_SET;
	if ((valid & ATTR_MTIME) && !(a->valid & ATTR_MTIME_NOW))
		valid |= SETATTR_MTIME_SET;
	return rpc(s, NULL, TSETATTR, "dddddqqqqq", fid, valid, a->mode, a->uid, a->gid, a->size, (u64)a->atime.sec, (u64)a->atime.nsec,
		(u64)a->mtime.sec, (u64)a->mtime.nsec);
}

int p9_statfs(struct p9_session *s, u32 fid, struct statfs *out)
{
	struct p9_call *c;
	u32 type, bsize, namelen;
	u64 blocks, bfree, bavail, files, ffree, fsid;
	int err = rpc(s, &c, TSTATFS, "d", fid);
	if (err)
		return err;
	bool good = get(c, &type, 4) && get(c, &bsize, 4) && get(c, &blocks, 8) && get(c, &bfree, 8) && get(c, &bavail, 8) && get(c, &files, 8) &&
				get(c, &ffree, 8) && get(c, &fsid, 8) && get(c, &namelen, 4);
	err = finish(s, c, good);
	if (err)
		return err;
	out->f_bsize = bsize;
	out->f_blocks = (s64)blocks;
	out->f_bfree = (s64)bfree;
	out->f_bavail = (s64)bavail;
	out->f_files = (s64)files;
	out->f_ffree = (s64)ffree;
	out->f_namelen = namelen;
	return 0;
}

/* --- names ------------------------------------------------------------------------------------------------------------------------------------ */

int p9_lopen(struct p9_session *s, u32 fid, u32 flags) { return rpc(s, NULL, TLOPEN, "dd", fid, flags); }

int p9_lcreate(struct p9_session *s, u32 fid, const char *name, u32 flags, u32 mode, u32 gid)
{
	return rpc(s, NULL, TLCREATE, "dsddd", fid, name, flags, mode, gid);
}

int p9_mkdir(struct p9_session *s, u32 dir, const char *name, u32 mode, u32 gid) { return rpc(s, NULL, TMKDIR, "dsdd", dir, name, mode, gid); }

int p9_mknod(struct p9_session *s, u32 dir, const char *name, u32 mode, u64 rdev, u32 gid)
{
	return rpc(s, NULL, TMKNOD, "dsdddd", dir, name, mode, MAJOR(rdev), MINOR(rdev), gid);
}

int p9_symlink(struct p9_session *s, u32 dir, const char *name, const char *target, u32 gid)
{
	return rpc(s, NULL, TSYMLINK, "dssd", dir, name, target, gid);
}

int p9_link(struct p9_session *s, u32 dir, u32 fid, const char *name) { return rpc(s, NULL, TLINK, "dds", dir, fid, name); }
int p9_unlinkat(struct p9_session *s, u32 dir, const char *name, u32 flags) { return rpc(s, NULL, TUNLINKAT, "dsd", dir, name, flags); }

int p9_renameat(struct p9_session *s, u32 od, const char *on, u32 nd, const char *nn) { return rpc(s, NULL, TRENAMEAT, "dsds", od, on, nd, nn); }

int p9_readlink(struct p9_session *s, u32 fid, char *buf, size_t size)
{
	struct p9_call *c;
	u16 n;
	int err = rpc(s, &c, TREADLINK, "d", fid);
	if (err)
		return err;
	bool good = get(c, &n, 2) && n < size && get(c, buf, n);
	err = finish(s, c, good);
	if (err)
		return err;
	buf[n] = 0;
	return n;
}

/* --- data ------------------------------------------------------------------------------------------------------------------------------------- */

int p9_fsync(struct p9_session *s, u32 fid) { return rpc(s, NULL, TFSYNC, "dd", fid, 0u); }

static int read_any(struct p9_session *s, u8 type, u32 fid, u64 pos, void *buf, u32 n)
{
	struct p9_call *c = start(s, type);
	u32 count = 0;
	put(c, &fid, 4);
	put(c, &pos, 8);
	put(c, &n, 4);
	c->in = buf;
	c->in_len = n;
	int err = run(s, c);
	if (!err && (!get(c, &count, 4) || count > n || count > c->r_len - P9_HEAD))
		err = -EIO;
	s->channel->end(s->channel, c);
	return err ? err : (int)count;
}

int p9_read(struct p9_session *s, u32 fid, u64 pos, void *buf, u32 n) { return read_any(s, TREAD, fid, pos, buf, n); }
int p9_readdir(struct p9_session *s, u32 fid, u64 pos, void *buf, u32 n) { return read_any(s, TREADDIR, fid, pos, buf, n); }

int p9_write(struct p9_session *s, u32 fid, u64 pos, const void *buf, u32 n)
{
	struct p9_call *c = start(s, TWRITE);
	u32 count = 0;
	put(c, &fid, 4);
	put(c, &pos, 8);
	put(c, &n, 4);
	c->out = buf;
	c->out_len = n;
	int err = run(s, c);
	if (!err && (!get(c, &count, 4) || count > n))
		err = -EIO;
	s->channel->end(s->channel, c);
	return err ? err : (int)count;
}

bool p9_dirent(const u8 *buf, u32 len, u32 *at, struct p9_dirent *e)
{
	const u8 *p = buf + *at;
	if (len - *at < 24)
		return false;
	memcpy(&e->ino, p + 5, 8);
	memcpy(&e->next, p + 13, 8);
	e->type = p[21];
	memcpy(&e->name_len, p + 22, 2);
	e->name = (const char *)p + 24;
	if (len - *at - 24 < e->name_len)
		return false;
	*at += 24u + e->name_len;
	return true;
}
