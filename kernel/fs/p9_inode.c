/*
 * Inodes of the 9P file system. One for each file of the host, whatever name led to it: they are found by the host's number, so that locks and pages are
 * shared. Entry points: p9_inode_at(), p9_refresh(), p9_open_at(), p9_evict().
 *
 * A fid is a place (a path) on the other side. When a file's name goes, its place is somebody else's or nobody's: the inode is then stale, keeps the
 * attributes it had, and gets the next place it is found at.
 */
#include "fs/p9_internal.h"

#include <linux/fcntl.h>

#include "lib/string.h"
#include "mm/slab.h"

/* --- open files ------------------------------------------------------------------------------------------------------------------------------- */

struct p9_open *p9_open_new(struct p9_session *s, u32 fid, u32 flags)
{
	struct p9_open *o = kzalloc(sizeof(*o));
	if (!o)
		return NULL;
	atomic_set(&o->refs, 1);
	list_init(&o->node);
	o->fid = fid;
	o->flags = flags;
	o->s = s;
	return o;
}

void p9_open_link(struct p9_open *o, struct inode *i)
{
	spin_lock(&o->s->lock);
	list_add_tail(&o->node, &p9_of(i)->opens);
	spin_unlock(&o->s->lock);
}

void p9_open_put(struct p9_open *o)
{
	if (!o || !atomic_dec_and_test(&o->refs))
		return;
	spin_lock(&o->s->lock);
	list_del(&o->node);
	spin_unlock(&o->s->lock);
	p9_clunk(o->s, o->fid);
	kfree(o->dir_buf);
	kfree(o);
}

/* A second fid for i's place. */
static int clone_fid(struct inode *i, u32 *out)
{
	struct p9_session *s = p9_session_of(i);
	u32 fid = p9_fid_new(s);
	int err = p9_walk(s, READ_ONCE(p9_of(i)->fid), fid, NULL, NULL);
	if (err) {
		p9_fid_drop(s, fid);
		return err;
	}
	*out = fid;
	return 0;
}

int p9_open_at(struct inode *i, u32 flags, struct p9_open **out)
{
	struct p9_session *s = p9_session_of(i);
	u32 fid;
	if (READ_ONCE(p9_of(i)->stale))
		return p9_open_shared(i, flags, out);
	int err = clone_fid(i, &fid);
	if (err)
		return err;
	err = p9_lopen(s, fid, flags);
	struct p9_open *o = err ? NULL : p9_open_new(s, fid, flags & (O_ACCMODE | O_APPEND));
	if (!o) {
		p9_clunk(s, fid);
		return err ? err : -ENOMEM;
	}
	p9_open_link(o, i);
	*out = o;
	return 0;
}

/* --- attributes ------------------------------------------------------------------------------------------------------------------------------- */

/* => inode lock, or nobody else knows i */
static void take_attr(struct inode *i, const struct p9_attr *a)
{
	WRITE_ONCE(i->mode, (i->mode & S_IFMT) | (a->mode & 07777));
	i->uid = a->uid;
	i->gid = a->gid;
	i->nlink = (u32)a->nlink;
	i->blocks = a->blocks;
	i->atime = a->atime;
	i->mtime = a->mtime;
	i->ctime = a->ctime;
	if (!S_ISREG(i->mode)) {
		i->size = a->size;
		return;
	}
	/* A file that the host cut short: its pages beyond the end must not be seen any more. */
	if (a->size < i->data.size)
		as_truncate(&i->data, a->size);
	WRITE_ONCE(i->data.size, a->size);
	WRITE_ONCE(i->size, a->size);
}

static bool same_file(const struct p9_inode *p, const struct p9_attr *a) { return p->qid.path == a->qid.path && p->qid.type == a->qid.type; }

int p9_refresh(struct inode *i)
{
	struct p9_inode *p = p9_of(i);
	struct p9_attr a;
	int err = p->stale ? -ENOENT : p9_getattr(p9_session_of(i), p->fid, &a);
	if (!err && !same_file(p, &a))
		err = -ENOENT; /* another file has the name now */
	if (err == -ENOENT)
		WRITE_ONCE(p->stale, true);
	if (!err)
		take_attr(i, &a);
	return err;
}

/* What the host no longer tells is as it was. */
int p9_getattr_op(struct inode *i)
{
	mutex_lock(&i->lock);
	(void)p9_refresh(i);
	mutex_unlock(&i->lock);
	return 0;
}

/* => inode lock */
int p9_setattr_op(struct inode *i, const struct inode_attr *given)
{
	struct inode_attr a = *given;
	struct p9_inode *p = p9_of(i);
	/* The host stamps what it changes. */
	if (a.valid & ATTR_SIZE)
		a.valid &= ~(ATTR_ATIME | ATTR_MTIME | ATTR_CTIME);
	if (p->nameless)
		return p9_nameless_setattr(i, given);
	if (p->stale)
		return -ENOENT;
	int err = p9_setattr(p9_session_of(i), p->fid, &a);
	if (err)
		return err;
	if ((a.valid & ATTR_SIZE) && S_ISREG(i->mode)) {
		as_truncate(&i->data, a.size);
		WRITE_ONCE(i->size, a.size);
	}
	(void)p9_refresh(i);
	return 0;
}

/* --- finding and making ----------------------------------------------------------------------------------------------------------------------- */

static bool node_less(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct p9_inode, node)->qid.path < rb_entry(b, struct p9_inode, node)->qid.path;
}

/* => session lock. The living inode of that file, with a reference, or NULL; dying ones may still be in the tree. */
static struct inode *find_locked(struct p9_session *s, const struct p9_attr *a)
{
	struct rb_node *n = s->inodes.node, *first = NULL;
	while (n) {
		struct p9_inode *p = rb_entry(n, struct p9_inode, node);
		if (p->qid.path >= a->qid.path)
			first = n;
		n = p->qid.path >= a->qid.path ? n->left : n->right;
	}
	for (n = first; n && rb_entry(n, struct p9_inode, node)->qid.path == a->qid.path; n = rb_next(n)) {
		struct p9_inode *p = rb_entry(n, struct p9_inode, node);
		if (same_file(p, a) && ((p->inode->mode ^ a->mode) & S_IFMT) == 0 && inode_get_live(p->inode))
			return p->inode;
	}
	return NULL;
}

void p9_use_place(struct inode *i, u32 fid)
{
	struct p9_inode *p = p9_of(i);
	u32 old = fid;
	spin_lock(&p9_session_of(i)->lock);
	if (p->stale) {
		old = p->fid;
		p->fid = fid;
		WRITE_ONCE(p->stale, false);
		WRITE_ONCE(p->nameless, false); /* somebody on the other side gave it a name */
	}
	spin_unlock(&p9_session_of(i)->lock);
	p9_clunk(p9_session_of(i), old);
}

void p9_note_other(struct inode *i, u32 fid)
{
	u32 old = p9_of(i)->other;
	p9_of(i)->other = fid;
	if (old != P9_NO_FID)
		p9_clunk(p9_session_of(i), old);
}

void p9_find_place(struct inode *i)
{
	struct p9_inode *p = p9_of(i);
	if (p9_refresh(i) != -ENOENT || p->other == P9_NO_FID)
		return;
	u32 fid = p->other;
	p->other = P9_NO_FID;
	p9_use_place(i, fid);
	(void)p9_refresh(i);
}

static void set_ops(struct inode *i)
{
	switch (i->mode & S_IFMT) {
	case S_IFDIR:
		i->ops = &p9_dir_inode_ops;
		i->fops = &p9_dir_ops;
		break;
	case S_IFREG:
		i->ops = &p9_file_inode_ops;
		i->fops = &p9_file_ops;
		i->data.ops = &p9_as_ops;
		break;
	default:
		i->ops = S_ISLNK(i->mode) ? &p9_link_inode_ops : &p9_file_inode_ops;
	}
}

/* Takes over fid when it succeeds. */
static int make_inode(struct super *sb, u32 fid, const struct p9_attr *a, struct inode **out)
{
	struct inode *i;
	struct p9_inode *p = kzalloc(sizeof(*p));
	int err = p ? inode_create(sb, a->mode & (S_IFMT | 07777), &i) : -ENOMEM;
	if (err) {
		kfree(p);
		return err;
	}
	i->private = p;
	i->ino = a->qid.path;
	i->rdev = MKDEV((u32)(a->rdev >> 8 & 0xfff), (u32)((a->rdev & 0xff) | (a->rdev >> 12 & 0xffffff00)));
	i->btime = a->ctime;
	p->inode = i;
	list_init(&p->opens);
	p->qid = a->qid;
	p->fid = fid;
	p->other = P9_NO_FID;
	set_ops(i);
	take_attr(i, a);
	*out = i;
	return 0;
}

int p9_inode_at(struct super *sb, u32 fid, struct inode **out)
{
	struct p9_session *s = sb->private;
	struct p9_attr a;
	struct inode *i = NULL, *mine;
	int err = p9_getattr(s, fid, &a);
	if (!err) {
		spin_lock(&s->lock);
		i = find_locked(s, &a);
		spin_unlock(&s->lock);
	}
	if (i) {
		p9_use_place(i, fid);
		*out = i;
		return 0;
	}
	if (!err)
		err = make_inode(sb, fid, &a, &mine);
	if (err) {
		p9_clunk(s, fid);
		return err;
	}
	/* Somebody may have been quicker. */
	spin_lock(&s->lock);
	i = find_locked(s, &a);
	if (!i)
		rb_insert(&s->inodes, &p9_of(mine)->node, node_less);
	spin_unlock(&s->lock);
	if (i)
		inode_put(mine);
	*out = i ? i : mine;
	return 0;
}

void p9_evict(struct inode *i)
{
	struct p9_session *s = p9_session_of(i);
	struct p9_inode *p = p9_of(i);
	if (!p)
		return;
	spin_lock(&s->lock);
	if (p->node.linked)
		rb_erase(&s->inodes, &p->node);
	spin_unlock(&s->lock);
	p9_open_put(p->fresh);
	p9_open_put(p->spare);
	p9_open_put(p->reader);
	if (p->other != P9_NO_FID)
		p9_clunk(s, p->other);
	p9_clunk(s, p->fid);
	kfree(p);
}
