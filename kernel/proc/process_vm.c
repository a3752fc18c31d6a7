/* Other processes' memory: process_vm_readv(2), process_vm_writev(2). */
#include <linux/uio.h>

#include "gen/sys_protos.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/proc.h"

/* --- whose memory ------------------------------------------------------------------------------------------------------------------------ */

/* t's address space, with a user reference. 0, -EPERM, -ESRCH (none), -EINTR. */
static int borrow_mm(struct task *t, struct mm **out)
{
	/* exec must not change the credentials between the question and the answer. */
	if (mutex_lock_killable(&t->signal->cred_guard))
		return -EINTR;
	struct mm *mm = get_task_mm(t);
	int err = mm ? 0 : -ESRCH;
	if (mm && mm != current->mm && !task_may_attach(t, true)) {
		mm_put_user(mm);
		mm = NULL;
		err = -EPERM;
	}
	mutex_unlock(&t->signal->cred_guard);
	*out = mm;
	return err;
}

/* --- process_vm_readv, process_vm_writev -------------------------------------------------------------------------------------------------- */

#define IOV_INLINE 8
#define IOV_MAX 1024 /* UIO_MAXIOV */
#define RW_MAX 0x7ffff000UL

struct vectors {
	struct iovec *v;
	u64 n;
	struct iovec fixed[IOV_INLINE];
};

/* 0, -EINVAL, -EFAULT, -ENOMEM. */
static int vectors_get(struct vectors *x, uaddr_t uv, u64 n)
{
	x->v = x->fixed;
	x->n = n;
	if (n > IOV_MAX)
		return -EINVAL;
	if (n > IOV_INLINE) {
		x->v = kmalloc(n * sizeof(*x->v));
		if (!x->v)
			return -ENOMEM;
	}
	int err = copy_from_user(x->v, uv, n * sizeof(*x->v));
	for (u64 i = 0; !err && i < n; i++)
		if ((s64)x->v[i].iov_len < 0)
			err = -EINVAL;
	return err;
}

static void vectors_put(struct vectors *x)
{
	if (x->v != x->fixed)
		kfree(x->v);
}

/* Where in a list of vectors the copy is. */
struct cursor {
	const struct vectors *x;
	u64 i, off;
};
/* The next piece, at most `max` bytes: its address, *n = 0 at the end. */
static uaddr_t piece(struct cursor *c, u64 max, u64 *n)
{
	while (c->i < c->x->n && c->off == c->x->v[c->i].iov_len) {
		c->i++;
		c->off = 0;
	}
	if (c->i == c->x->n) {
		*n = 0;
		return 0;
	}
	*n = min(max, (u64)c->x->v[c->i].iov_len - c->off);
	return (uaddr_t)c->x->v[c->i].iov_base + c->off;
}

/* One page-sized piece. Bytes moved: fewer than *want at the first fault. */
static u64 move(struct mm *mm, uaddr_t local, uaddr_t remote, u64 want, char *page, bool write)
{
	u64 got;
	if (write) {
		got = want - copy_from_user_partial(page, local, want);
		return got ? mm_access(mm, remote, page, got, true, false) : 0;
	}
	got = mm_access(mm, remote, page, want, false, false);
	return got ? got - copy_to_user_partial(local, page, got) : 0;
}

static ssize_t transfer(struct mm *mm, const struct vectors *lv, const struct vectors *rv, bool write)
{
	struct cursor l = { .x = lv }, r = { .x = rv };
	char *page = kmalloc(PAGE_SIZE);
	u64 done = 0, n, m;
	if (!page)
		return -ENOMEM;
	while (done < RW_MAX) {
		uaddr_t remote = piece(&r, min(PAGE_SIZE, RW_MAX - done), &n), local = n ? piece(&l, n, &m) : 0;
		if (!n || !m)
			break;
		/* Up to the end of a remote page: what lies before a hole is still moved. */
		m = min(m, PAGE_SIZE - (remote & ~PAGE_MASK));
		u64 got = move(mm, local, remote, m, page, write);
		done += got;
		l.off += got;
		r.off += got;
		if (got < m) {
			kfree(page);
			return done ? (ssize_t)done : -EFAULT;
		}
		cond_resched();
		if (fatal_signal_pending())
			break;
	}
	kfree(page);
	return (ssize_t)done;
}

static long process_vm_rw(s32 pid, u64 ulv, u64 nlv, u64 urv, u64 nrv, u64 flags, bool write)
{
	struct vectors lv = { .v = lv.fixed }, rv = { .v = rv.fixed };
	struct mm *mm;
	u64 n;
	if (flags)
		return -EINVAL;
	long r = vectors_get(&lv, ulv, nlv);
	struct cursor c = { .x = &lv };
	if (!r)
		piece(&c, 1, &n);
	if (!r && n)
		r = vectors_get(&rv, urv, nrv);
	if (!r && n && nrv) {
		struct task *t = find_get_task(pid);
		r = t ? borrow_mm(t, &mm) : -ESRCH;
		if (!r) {
			r = transfer(mm, &lv, &rv, write);
			mm_put_user(mm);
		}
		if (t)
			task_put(t);
	}
	vectors_put(&lv);
	vectors_put(&rv);
	return r;
}

long sys_process_vm_readv(u64 pid, u64 lv, u64 nl, u64 rv, u64 nr, u64 flags) { return process_vm_rw((s32)pid, lv, nl, rv, nr, flags, false); }
long sys_process_vm_writev(u64 pid, u64 lv, u64 nl, u64 rv, u64 nr, u64 flags) { return process_vm_rw((s32)pid, lv, nl, rv, nr, flags, true); }
