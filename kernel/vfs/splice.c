/*
 * splice(2), tee(2), vmsplice(2). Entry points: those calls.
 *
 * Between pipes pages change hands: a slot moves whole, or two slots share its page, which nobody then writes to. Between a pipe and a file the bytes go through
 * the file's own read and write, without a lock on the pipe (a file's locks come before a pipe's): what is taken out of the ring and not accepted goes back to
 * its front. vmsplice copies: the program cannot tell, unless it writes to memory that it has given away.
 */
#include <asm/signal.h>
#include <linux/fcntl.h>

#include "gen/sys_protos.h"
#include "mm/memcg.h"
#include "vfs/internal.h"
#include "vfs/notify.h"
#include "vfs/pipe_ring.h"

#ifndef SPLICE_F_NONBLOCK
#define SPLICE_F_MOVE 1u
#define SPLICE_F_NONBLOCK 2u
#define SPLICE_F_MORE 4u
#define SPLICE_F_GIFT 8u
#endif
#define SPLICE_KNOWN (SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT)

static struct pipe *pipe_of(const struct file *f) { return S_ISFIFO(f->inode->mode) && !(f->flags & O_PATH) ? f->inode->pipe : NULL; }

/* --- one pipe --------------------------------------------------------------------------------------------------------------------------------- */

/* Sleeps until the pipe has data or no writer (0), or `nonblock` forbids it. 0, 1 (the end), -EAGAIN, -ERESTARTSYS. */
static int wait_data(struct pipe *p, bool nonblock)
{
	while (pipe_empty(p)) {
		if (!READ_ONCE(p->writers))
			return 1;
		if (nonblock)
			return -EAGAIN;
		if (pipe_wait(p, &p->rd_wait, pipe_read_can_go_on))
			return -ERESTARTSYS;
	}
	return 0;
}

/* Sleeps until the pipe has room. 0, -EPIPE (with SIGPIPE), -EAGAIN, -ERESTARTSYS. */
static int wait_room(struct pipe *p, bool nonblock)
{
	for (;;) {
		if (!READ_ONCE(p->readers)) {
			hook_send_signal_self(SIGPIPE);
			return -EPIPE;
		}
		if (!pipe_full(p))
			return 0;
		if (nonblock)
			return -EAGAIN;
		if (pipe_wait(p, &p->wr_wait, pipe_write_can_go_on))
			return -ERESTARTSYS;
	}
}

/* Takes up to len bytes of the oldest slot. false: empty. The slot's page reference is the caller's. */
static bool take_slot(struct pipe *p, u64 len, struct pipe_slot *out)
{
	mutex_lock(&p->lock);
	bool any = !pipe_empty(p), was_full = pipe_full(p);
	if (any) {
		struct pipe_slot *s = slot_at(p, p->tail);
		*out = *s;
		if (s->len <= len) {
			s->page = NULL;
			WRITE_ONCE(p->tail, p->tail + 1);
		} else {
			page_get(s->page);
			out->len = (u32)len;
			s->offset += (u32)len;
			s->len -= (u32)len;
		}
	}
	mutex_unlock(&p->lock);
	if (any && was_full)
		wake_writers(p);
	return any;
}

/* What was taken and is not wanted: back to the front, as soon as there is room for it. */
static void return_slot(struct pipe *p, const struct pipe_slot *s)
{
	mutex_lock(&p->lock);
	while (pipe_full(p) && p->readers && !fatal_signal_pending()) {
		mutex_unlock(&p->lock);
		wait_event_killable(p->wr_wait, pipe_write_can_go_on(p));
		mutex_lock(&p->lock);
	}
	bool fits = !pipe_full(p);
	if (fits) {
		WRITE_ONCE(p->tail, p->tail - 1);
		*slot_at(p, p->tail) = *s;
	}
	mutex_unlock(&p->lock);
	if (fits)
		wake_readers(p);
	else
		page_put(s->page);
}

/* Appends a slot, whose reference passes over. false: no room (any more). */
static bool push_slot(struct pipe *p, const struct pipe_slot *s)
{
	mutex_lock(&p->lock);
	bool was_empty = pipe_empty(p), fits = !pipe_full(p);
	if (fits) {
		*slot_at(p, p->head) = *s;
		WRITE_ONCE(p->head, p->head + 1);
	}
	mutex_unlock(&p->lock);
	if (fits && (was_empty || p->poll_used))
		wake_readers(p);
	return fits;
}

/* The same for what cannot be given back: if another writer was quicker, waits. 0, or -EPIPE and the page is freed: no reader, or SIGKILL. */
static int push_surely(struct pipe *p, const struct pipe_slot *s)
{
	while (!push_slot(p, s)) {
		(void)wait_event_killable(p->wr_wait, pipe_write_can_go_on(p));
		if (!READ_ONCE(p->readers) || fatal_signal_pending()) {
			page_put(s->page);
			return -EPIPE;
		}
	}
	return 0;
}

/* --- pipe to pipe ------------------------------------------------------------------------------------------------------------------------------- */

static void lock_both(struct pipe *a, struct pipe *b)
{
	mutex_lock(a < b ? &a->lock : &b->lock);
	mutex_lock_nested(a < b ? &b->lock : &a->lock);
}

static void unlock_both(struct pipe *a, struct pipe *b)
{
	mutex_unlock(&a->lock);
	mutex_unlock(&b->lock);
}

/* One slot, or len bytes of it, goes to the end of `out`: moved, or (tee) shared and left where it was, `at` slots behind the oldest. Bytes. => both locked, room
 * and data */
static u32 hand_over(struct pipe *in, struct pipe *out, u64 len, bool tee, u32 at)
{
	struct pipe_slot *s = slot_at(in, in->tail + at), *d = slot_at(out, out->head);
	*d = *s;
	d->len = (u32)min(len, (u64)s->len);
	if (!tee && d->len == s->len) {
		s->page = NULL;
		WRITE_ONCE(in->tail, in->tail + 1);
	} else {
		page_get(s->page);
		if (!tee) {
			s->offset += d->len;
			s->len -= d->len;
		}
	}
	WRITE_ONCE(out->head, out->head + 1);
	return d->len;
}

static ssize_t between_pipes(struct pipe *in, struct pipe *out, u64 len, bool nonblock, bool tee)
{
	u64 done = 0;
	u32 slots = 0;
	int err = wait_data(in, nonblock);
	if (err)
		return err > 0 ? 0 : err;
	err = wait_room(out, nonblock);
	if (err)
		return err;
	lock_both(in, out);
	bool was_full = pipe_full(in), was_empty = pipe_empty(out);
	while (done < len && !pipe_full(out) && out->readers && slots < pipe_used(in)) {
		done += hand_over(in, out, len - done, tee, slots);
		slots += tee;
	}
	unlock_both(in, out);
	if (done && (was_empty || out->poll_used))
		wake_readers(out);
	if (done && !tee && was_full)
		wake_writers(in);
	return (ssize_t)done;
}

/* Until something was moved: somebody else may have taken what was there. */
static ssize_t pipe_to_pipe(struct pipe *in, struct pipe *out, u64 len, bool nonblock, bool tee)
{
	for (;;) {
		ssize_t n = between_pipes(in, out, len, nonblock, tee);
		if (n || nonblock || (pipe_empty(in) && !READ_ONCE(in->writers)))
			return n;
	}
}

/* --- pipe and file ------------------------------------------------------------------------------------------------------------------------------- */

static ssize_t pipe_to_file(struct pipe *p, struct file *f, u64 *pos, u64 len, bool nonblock)
{
	u64 done = 0;
	struct pipe_slot s;
	while (done < len) {
		int err = done && pipe_empty(p) ? 1 : wait_data(p, nonblock);
		if (err)
			return done ? (ssize_t)done : err > 0 ? 0 : err;
		if (!take_slot(p, len - done, &s))
			continue;
		struct iter it;
		iter_init_kernel(&it, (char *)page_virt(s.page) + s.offset, s.len);
		ssize_t n = f->ops->write(f, &it, pos);
		if (n > 0)
			done += (u64)n;
		if (n < (ssize_t)s.len) {
			s.offset += n > 0 ? (u32)n : 0;
			s.len -= n > 0 ? (u32)n : 0;
			return_slot(p, &s);
			return done ? (ssize_t)done : n;
		}
		page_put(s.page);
	}
	return (ssize_t)done;
}

/* A page of what is next in f. Bytes, 0 at the end, or -errno; the slot's page only when there are bytes. */
static ssize_t read_page(struct file *f, u64 *pos, u64 len, struct pipe_slot *s)
{
	struct iter it;
	*s = (struct pipe_slot){ .page = alloc_page(PAGE_KERNEL) };
	if (!s->page)
		return -ENOMEM;
	memcg_charge_kernel(s->page);
	iter_init_kernel(&it, page_virt(s->page), min(len, PAGE_SIZE));
	ssize_t n = f->ops->read(f, &it, pos);
	if (n <= 0)
		page_put(s->page);
	else
		s->len = (u32)n;
	return n;
}

static ssize_t file_to_pipe(struct file *f, u64 *pos, struct pipe *p, u64 len, bool nonblock)
{
	u64 done = 0;
	struct pipe_slot s;
	int err = wait_room(p, nonblock);
	while (!err && done < len && (!done || !pipe_full(p))) {
		ssize_t n = read_page(f, pos, len - done, &s);
		if (n <= 0)
			return done ? (ssize_t)done : n;
		err = push_surely(p, &s);
		if (err)
			break;
		done += (u64)n;
		/* A stream gives what it has; a second read might wait. */
		if (n < (ssize_t)PAGE_SIZE || !S_ISREG(f->inode->mode))
			break;
	}
	return done ? (ssize_t)done : err;
}

/* --- splice ----------------------------------------------------------------------------------------------------------------------------------- */

/* Files that have bytes, not events. */
static bool can_splice(const struct file *f, bool read)
{
	u32 type = f->inode->mode & S_IFMT;
	return type && type != S_IFDIR && (read ? f->ops->read && !f->ops->no_splice : f->ops->write != NULL);
}

struct splice {
	struct file *in, *out;
	struct pipe *ipipe, *opipe;
	uaddr_t uin, uout; /* where the offsets stand, 0 = the files' own */
	u64 len;
	bool nonblock;
};

/* The position of the file end: from the user or the file's own. */
static int get_position(struct file *f, uaddr_t u, u64 *pos)
{
	if (!u) {
		*pos = READ_ONCE(f->pos);
		return 0;
	}
	if (!(f->fmode & FMODE_POS))
		return -EINVAL;
	int err = get_user(*pos, u);
	return err ? err : (s64)*pos < 0 ? -EINVAL : 0;
}

static int put_position(struct file *f, uaddr_t u, u64 pos)
{
	if (u)
		return put_user(pos, u);
	if (f->fmode & FMODE_POS) {
		mutex_lock(&f->pos_lock);
		f->pos = pos;
		mutex_unlock(&f->pos_lock);
	}
	return 0;
}

static ssize_t splice_out(struct splice *s)
{
	u64 pos;
	if (s->uin)
		return -ESPIPE;
	int err = get_position(s->out, s->uout, &pos);
	if (err)
		return err;
	if ((s->out->flags & O_APPEND) || !can_splice(s->out, false))
		return -EINVAL;
	ssize_t n = pipe_to_file(s->ipipe, s->out, &pos, s->len, s->nonblock);
	return put_position(s->out, s->uout, pos) ? -EFAULT : n;
}

static ssize_t splice_in(struct splice *s)
{
	u64 pos;
	if (s->uout)
		return -ESPIPE;
	int err = get_position(s->in, s->uin, &pos);
	if (err)
		return err;
	if (!can_splice(s->in, true))
		return -EINVAL;
	ssize_t n = file_to_pipe(s->in, &pos, s->opipe, s->len, s->nonblock);
	return put_position(s->in, s->uin, pos) ? -EFAULT : n;
}

static ssize_t do_splice(struct splice *s)
{
	if (!file_readable(s->in) || !file_writable(s->out))
		return -EBADF;
	ssize_t n;
	if (s->ipipe && s->opipe) {
		if (s->uin || s->uout)
			return -ESPIPE;
		if (s->ipipe == s->opipe)
			return -EINVAL;
		s->nonblock |= (s->in->flags | s->out->flags) & O_NONBLOCK;
		n = pipe_to_pipe(s->ipipe, s->opipe, s->len, s->nonblock, false);
	} else if (s->ipipe) {
		n = splice_out(s);
	} else {
		n = s->opipe ? splice_in(s) : -EINVAL;
	}
	if (n > 0) {
		notify_dentry(s->in->path.dentry, IN_ACCESS);
		notify_dentry(s->out->path.dentry, IN_MODIFY);
	}
	return n;
}

/* Both files of a call. */
static int get_both(u64 in, u64 out, struct fdref r[2])
{
	int err = fdref_get((int)in, &r[0]);
	if (err)
		return err;
	err = fdref_get((int)out, &r[1]);
	if (err)
		fdref_put(&r[0]);
	return err;
}

long sys_splice(u64 in, u64 uin, u64 out, u64 uout, u64 len, u64 flags)
{
	struct fdref r[2];
	if (!len)
		return 0;
	if (flags & ~(u64)SPLICE_KNOWN)
		return -EINVAL;
	int err = get_both(in, out, r);
	if (err)
		return err;
	struct splice s = { r[0].file, r[1].file, pipe_of(r[0].file), pipe_of(r[1].file), uin, uout, min(len, MAX_RW_COUNT), flags & SPLICE_F_NONBLOCK };
	long n = do_splice(&s);
	fdref_put(&r[1]);
	fdref_put(&r[0]);
	return n;
}

long sys_tee(u64 in, u64 out, u64 len, u64 flags)
{
	struct fdref r[2];
	if (flags & ~(u64)SPLICE_KNOWN)
		return -EINVAL;
	if (!len)
		return 0;
	int err = get_both(in, out, r);
	if (err)
		return err;
	struct pipe *ip = pipe_of(r[0].file), *op = pipe_of(r[1].file);
	bool nonblock = (flags & SPLICE_F_NONBLOCK) || ((r[0].file->flags | r[1].file->flags) & O_NONBLOCK);
	long n = -EINVAL;
	if (!file_readable(r[0].file) || !file_writable(r[1].file))
		n = -EBADF;
	else if (ip && op && ip != op)
		n = pipe_to_pipe(ip, op, min(len, MAX_RW_COUNT), nonblock, true);
	fdref_put(&r[1]);
	fdref_put(&r[0]);
	return n;
}

/* --- vmsplice --------------------------------------------------------------------------------------------------------------------------------- */

/* As much as there is room for; it does not wait for more. */
static ssize_t user_to_pipe(struct pipe *p, struct iter *from, bool nonblock)
{
	u64 done = 0;
	int err = wait_room(p, nonblock);
	while (!err && from->count && (!done || !pipe_full(p))) {
		struct pipe_slot s = { .page = alloc_page(PAGE_KERNEL) };
		if (!s.page)
			return done ? (ssize_t)done : -ENOMEM;
		memcg_charge_kernel(s.page);
		s.len = (u32)iter_copy_from(from, page_virt(s.page), min(from->count, PAGE_SIZE));
		if (!s.len) {
			page_put(s.page);
			return done ? (ssize_t)done : -EFAULT;
		}
		err = push_surely(p, &s);
		done += err ? 0 : s.len;
	}
	return done ? (ssize_t)done : err;
}

long sys_vmsplice(u64 fd, u64 uvec, u64 n, u64 flags)
{
	struct fdref r;
	struct iter it;
	struct iovec *heap;
	u64 none = 0;
	if (flags & ~(u64)SPLICE_KNOWN)
		return -EINVAL;
	int err = fdref_get((int)fd, &r);
	if (err)
		return err;
	struct pipe *p = pipe_of(r.file);
	err = p ? iter_import(&it, uvec, n, &heap) : -EBADF;
	if (err) {
		fdref_put(&r);
		return err;
	}
	bool nonblock = (flags & SPLICE_F_NONBLOCK) || (r.file->flags & O_NONBLOCK);
	long done = 0;
	if (it.count && file_writable(r.file)) {
		done = user_to_pipe(p, &it, nonblock);
	} else if (it.count) {
		int state = wait_data(p, nonblock);
		done = state < 0 ? state : state ? 0 : r.file->ops->read(r.file, &it, &none);
	}
	kfree(heap);
	fdref_put(&r);
	return done;
}
