/*
 * File locks: POSIX record locks (owner: the descriptor table), open file description locks and flock(2) locks (owner: the open file). Entry points:
 * fcntl_getlk, fcntl_setlk, sys_flock, locks_remove_posix, locks_remove_file.
 *
 * One spinlock guards the records of all inodes. flock locks are a kind of their own and do not meet the two others. A blocked request is in `waiters`
 * with the owner it waits for; that is what the search for deadlocks follows, and each removal of a lock wakes those who wait on its inode.
 */
#include "gen/sys_protos.h"
#include "vfs/internal.h"
#include "vfs/locks.h"

#define OFFSET_MAX LOCK_TO_EOF
#define FLOCK_MANDATORY 32u
enum lock_kind { LOCK_POSIX, LOCK_OFD, LOCK_FLOCK };
struct lock {
	struct list_head node;  /* in inode->locks, by start within one owner */
	struct list_head all; /* all_locks */
	enum lock_kind kind;
	short type;             /* F_RDLCK, F_WRLCK; F_UNLCK in requests */
	s64 start, end;         /* inclusive */
	const void *owner;
	struct file *file; /* that it was set through: for those who look, it may be gone */
	struct inode *inode;
	s32 pid;                /* for F_GETLK; -1 for open file description locks */
};
struct lock_waiter {
	struct list_head node;
	struct inode *inode;
	const struct lock *want, *held; /* what for, because of which */
	const void *owner;      /* who waits (POSIX only: else NULL) */
	const void *blocker;    /* for whom */
	struct thread *thread;
	bool woken;
};
DEFINE_SPINLOCK(file_locks_lock, RANK_INODE_LIST);
static LIST_HEAD(waiters); /* file_locks_lock */
static LIST_HEAD(all_locks); /* file_locks_lock */

static bool same_family(const struct lock *a, const struct lock *b) { return (a->kind == LOCK_FLOCK) == (b->kind == LOCK_FLOCK); }
static bool same_owner(const struct lock *a, const struct lock *b) { return a->owner == b->owner && a->kind == b->kind; }

static bool conflicts(const struct lock *held, const struct lock *want)
{
	if (want->type == F_UNLCK)
		return same_owner(held, want) && held->start <= want->end && want->start <= held->end;
	if (!same_family(held, want) || same_owner(held, want))
		return false;
	if (held->type != F_WRLCK && want->type != F_WRLCK)
		return false;
	return held->start <= want->end && want->start <= held->end;
}

/* => file_locks_lock */
static struct lock *find_conflict(struct inode *i, const struct lock *want)
{
	struct lock *l;
	list_for_each(l, &i->locks, node) {
		if (conflicts(l, want))
			return l;
	}
	return NULL;
}

/* => file_locks_lock. Would waiting for `blocker` close a circle? */
static bool would_deadlock(const void *owner, const void *blocker)
{
	for (int depth = 0; depth < 10; depth++) {
		struct lock_waiter *w;
		const void *next = NULL;
		list_for_each(w, &waiters, node) {
			if (w->owner && w->owner == blocker)
				next = w->blocker;
		}
		if (!next)
			return false;
		if (next == owner)
			return true;
		blocker = next;
	}
	return false;
}

/* => file_locks_lock */
static void wake_waiters(struct inode *i)
{
	struct lock_waiter *w;
	list_for_each(w, &waiters, node) {
		if (w->inode == i) {
			WRITE_ONCE(w->woken, true);
			wake_up_thread(w->thread);
		}
	}
}

/* Records that a change may need: splitting makes one more, the new lock another. */
struct spare {
	struct lock *l[2];
};

static int spare_fill(struct spare *s)
{
	for (u32 k = 0; k < 2; k++) {
		if (!s->l[k])
			s->l[k] = kmalloc(sizeof(struct lock));
		if (!s->l[k])
			return -ENOMEM;
	}
	return 0;
}

static void spare_free(struct spare *s)
{
	kfree(s->l[0]);
	kfree(s->l[1]);
}

static struct lock *spare_take(struct spare *s)
{
	u32 k = s->l[0] ? 0 : 1;
	struct lock *l = s->l[k];
	s->l[k] = NULL;
	return l;
}

/* => file_locks_lock */
static void bury(struct lock *l, struct list_head *dead)
{
	list_del(&l->all);
	list_move_tail(&l->node, dead);
}

/* => file_locks_lock. Cuts [want.start, want.end] out of the owner's locks. Records no longer needed go to `dead`. true: something changed. */
static bool cut_range(struct inode *i, const struct lock *want, struct spare *s, struct list_head *dead)
{
	struct lock *l, *tmp;
	bool any = false;
	list_for_each_safe(l, tmp, &i->locks, node) {
		if (!same_owner(l, want) || l->end < want->start || l->start > want->end)
			continue;
		any = true;
		if (l->start < want->start && l->end > want->end) {
			struct lock *right = spare_take(s);
			*right = *l;
			right->start = want->end + 1;
			l->end = want->start - 1;
			list_add(&right->node, &l->node);
			list_add_tail(&right->all, &all_locks);
			break;
		}
		if (l->start < want->start)
			l->end = want->start - 1;
		else if (l->end > want->end)
			l->start = want->end + 1;
		else
			bury(l, dead);
	}
	return any;
}

/* => file_locks_lock. Adds want, joined with the owner's neighbours of the same type. */
static void add_range(struct inode *i, const struct lock *want, struct spare *s, struct list_head *dead)
{
	struct lock *n = spare_take(s), *l, *tmp;
	*n = *want;
	list_for_each_safe(l, tmp, &i->locks, node) {
		if (!same_owner(l, n) || l->type != n->type)
			continue;
		bool left = n->start > 0 && l->end == n->start - 1, right = n->end < OFFSET_MAX && l->start == n->end + 1;
		if (!left && !right)
			continue;
		n->start = min(n->start, l->start);
		n->end = max(n->end, l->end);
		bury(l, dead);
	}
	n->inode = i;
	list_add_tail(&n->node, &i->locks);
	list_add_tail(&n->all, &all_locks);
}

static void free_locks(struct list_head *dead)
{
	while (!list_empty(dead)) {
		struct lock *l = list_first(dead, struct lock, node);
		list_del(&l->node);
		kfree(l);
	}
}

/* Sleeps until something changed on the inode. => file_locks_lock on entry, not on return. 0 or -ERESTARTSYS. */
static int wait_for_unlock(struct lock_waiter *w, struct inode *i, const struct lock *want, const struct lock *held)
{
	*w = (struct lock_waiter){ .inode = i, .want = want, .held = held, .thread = current_thread() };
	w->owner = want->kind == LOCK_POSIX ? want->owner : NULL;
	w->blocker = held->kind == LOCK_POSIX ? held->owner : NULL;
	list_add_tail(&w->node, &waiters);
	spin_unlock(&file_locks_lock);
	int err = 0;
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (READ_ONCE(w->woken))
			break;
		if (signal_pending()) {
			err = -ERESTARTSYS;
			break;
		}
		schedule();
	}
	set_current_state(TASK_RUNNING);
	spin_lock(&file_locks_lock);
	list_del(&w->node);
	spin_unlock(&file_locks_lock);
	return err;
}

/* Makes the change. wait: sleep for conflicts. 0, -EAGAIN, -EDEADLK, -ERESTARTSYS, -ENOMEM. */
static int apply_lock(struct inode *i, const struct lock *want, bool wait)
{
	struct spare s = { { NULL, NULL } };
	struct lock_waiter w;
	LIST_HEAD(dead);
	int err;
	for (;;) {
		err = spare_fill(&s);
		if (err)
			break;
		spin_lock(&file_locks_lock);
		struct lock *held = want->type == F_UNLCK ? NULL : find_conflict(i, want);
		if (!held) {
			bool freed = cut_range(i, want, &s, &dead);
			if (want->type != F_UNLCK)
				add_range(i, want, &s, &dead);
			if (freed)
				wake_waiters(i);
			spin_unlock(&file_locks_lock);
			break;
		}
		err = -EAGAIN;
		if (wait && want->kind == LOCK_POSIX && held->kind == LOCK_POSIX && would_deadlock(want->owner, held->owner))
			err = -EDEADLK;
		if (!wait || err == -EDEADLK) {
			spin_unlock(&file_locks_lock);
			break;
		}
		err = wait_for_unlock(&w, i, want, held);
		if (err)
			break;
	}
	spare_free(&s);
	free_locks(&dead);
	return err;
}

/* --- fcntl --------------------------------------------------------------------------------------------------------------------------------------- */

static int range_from_user(struct file *f, const struct flock *fl, struct lock *l)
{
	s64 start;
	switch (fl->l_whence) {
	case SEEK_SET:
		start = 0;
		break;
	case SEEK_CUR:
		start = (s64)f->pos;
		break;
	case SEEK_END:
		start = (s64)f->inode->size;
		break;
	default:
		return -EINVAL;
	}
	if (fl->l_start > OFFSET_MAX - start)
		return -EOVERFLOW;
	start += fl->l_start;
	if (start < 0)
		return -EINVAL;
	l->start = start;
	l->end = OFFSET_MAX;
	if (fl->l_len > 0) {
		if (fl->l_len - 1 > OFFSET_MAX - start)
			return -EOVERFLOW;
		l->end = start + fl->l_len - 1;
	} else if (fl->l_len < 0) {
		if (start + fl->l_len < 0)
			return -EINVAL;
		l->start = start + fl->l_len;
		l->end = start - 1;
	}
	return 0;
}

static int lock_from_user(struct file *f, u32 cmd, const struct flock *fl, struct lock *l)
{
	bool ofd = cmd >= F_OFD_GETLK;
	if (fl->l_type != F_RDLCK && fl->l_type != F_WRLCK && fl->l_type != F_UNLCK)
		return -EINVAL;
	if (ofd && fl->l_pid)
		return -EINVAL;
	l->file = f;
	l->kind = ofd ? LOCK_OFD : LOCK_POSIX;
	l->type = fl->l_type;
	l->owner = ofd ? (const void *)f : (const void *)current_thread()->files;
	l->pid = ofd ? -1 : hook_current_tgid();
	if (!ofd)
		fdtable_watch_closes();
	return range_from_user(f, fl, l);
}

long fcntl_getlk(struct file *f, u32 cmd, uaddr_t arg)
{
	struct flock fl;
	struct lock want;
	s32 holder = 0;
	if (copy_from_user(&fl, arg, sizeof(fl)))
		return -EFAULT;
	/* F_OFD_GETLK also tells what locks one has oneself. */
	if (fl.l_type != F_RDLCK && fl.l_type != F_WRLCK && (fl.l_type != F_UNLCK || cmd != F_OFD_GETLK))
		return -EINVAL;
	int err = lock_from_user(f, cmd, &fl, &want);
	if (err)
		return err;
	spin_lock(&file_locks_lock);
	struct lock *held = find_conflict(f->inode, &want);
	fl.l_type = F_UNLCK;
	if (held) {
		fl.l_type = held->type;
		fl.l_whence = SEEK_SET;
		fl.l_start = held->start;
		fl.l_len = held->end == OFFSET_MAX ? 0 : held->end - held->start + 1;
		holder = held->pid;
	}
	spin_unlock(&file_locks_lock);
	if (holder)
		fl.l_pid = holder > 0 ? hook_pid_visible(holder) : holder;
	return copy_to_user(arg, &fl, sizeof(fl));
}

bool fd_still_names(int fd, const struct file *f)
{
	struct fdref now;
	if (fdref_get_raw(fd, &now))
		return false;
	bool same = now.file == f;
	fdref_put(&now);
	return same;
}

long fcntl_setlk(struct file *f, int fd, u32 cmd, uaddr_t arg)
{
	struct flock fl;
	struct lock want;
	if (copy_from_user(&fl, arg, sizeof(fl)))
		return -EFAULT;
	int err = lock_from_user(f, cmd, &fl, &want);
	if (err)
		return err;
	if ((want.type == F_RDLCK && !file_readable(f)) || (want.type == F_WRLCK && !file_writable(f)))
		return -EBADF;
	err = apply_lock(f->inode, &want, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
	if (!err && want.kind == LOCK_POSIX && want.type != F_UNLCK) {
		/* Another thread may have closed the descriptor meanwhile: its close did not see this lock. */
		if (!fd_still_names(fd, f)) {
			want.type = F_UNLCK;
			apply_lock(f->inode, &want, false);
			err = -EBADF;
		}
	}
	return err;
}

/* --- flock --------------------------------------------------------------------------------------------------------------------------------------- */

long sys_flock(u64 fd, u64 op)
{
	struct file *f;
	struct lock want = { .kind = LOCK_FLOCK, .start = 0, .end = OFFSET_MAX, .pid = hook_current_tgid() };
	if (op & FLOCK_MANDATORY)
		return 0; /* as Linux, which no longer has them */
	switch ((u32)op & ~(u32)LOCK_NB) {
	case LOCK_SH:
		want.type = F_RDLCK;
		break;
	case LOCK_EX:
		want.type = F_WRLCK;
		break;
	case LOCK_UN:
		want.type = F_UNLCK;
		break;
	default:
		return -EINVAL;
	}
	int err = fd_get((int)fd, &f);
	if (err)
		return err;
	want.owner = want.file = f;
	if (want.type != F_UNLCK && (f->flags & O_ACCMODE) == 3) {
		err = -EBADF;
	} else {
		/* A conversion gives the old lock up first, as Linux does: it is not atomic. */
		struct lock drop = want;
		bool convert = false;
		drop.type = F_UNLCK;
		spin_lock(&file_locks_lock);
		struct lock *l;
		list_for_each(l, &f->inode->locks, node)
			convert |= same_owner(l, &want) && l->type != want.type;
		spin_unlock(&file_locks_lock);
		if (convert)
			apply_lock(f->inode, &drop, false);
		err = apply_lock(f->inode, &want, !(op & LOCK_NB));
	}
	file_put(f);
	return err;
}

/* --- closing ------------------------------------------------------------------------------------------------------------------------------------- */

static void remove_owned(struct inode *i, const void *owner, bool posix)
{
	struct lock *l, *tmp;
	LIST_HEAD(dead);
	spin_lock(&file_locks_lock);
	list_for_each_safe(l, tmp, &i->locks, node) {
		if (l->owner == owner && (l->kind == LOCK_POSIX) == posix)
			bury(l, &dead);
	}
	if (!list_empty(&dead))
		wake_waiters(i);
	spin_unlock(&file_locks_lock);
	free_locks(&dead);
}

void locks_remove_posix(struct file *f, struct fdtable *owner) { remove_owned(f->inode, owner, true); }
void locks_remove_file(struct file *f) { remove_owned(f->inode, f, false); }

/* --- /proc --------------------------------------------------------------------------------------------------------------------------------------- */

static void describe(const struct lock *l, const struct inode *i, bool waits, struct lock_info *out)
{
	static const char *const kind[] = { [LOCK_POSIX] = "POSIX ", [LOCK_OFD] = "OFDLCK", [LOCK_FLOCK] = "FLOCK " };
	*out = (struct lock_info){ .what = kind[l->kind],
		.how = "ADVISORY  ",
		.waits = waits,
		.type = l->type,
		.start = l->start,
		.end = l->end,
		.pid = l->pid,
		.dev = i->sb->dev,
		.ino = i->ino };
}

/* => file_locks_lock. l and who waits for it, at buf[n]: n afterwards. */
static u32 describe_with_waiters(const struct lock *l, struct lock_info *buf, u32 room, u32 n)
{
	struct lock_waiter *w;
	if (n < room)
		describe(l, l->inode, false, &buf[n]);
	n++;
	list_for_each (w, &waiters, node) {
		if (w->held != l || w->woken)
			continue;
		if (n < room)
			describe(w->want, w->inode, true, &buf[n]);
		n++;
	}
	return n;
}

/* Those of f: by which kinds Linux lists them. */
static u32 locks_of_file(const struct file *f, const struct fdtable *table, struct lock_info *buf, u32 room)
{
	struct lock *l;
	u32 n = 0;
	for (u32 round = 0; round < 2; round++) {
		list_for_each (l, &f->inode->locks, node) {
			if (l->file != f || (l->kind == LOCK_FLOCK) != !round || (l->owner != f && l->owner != table))
				continue;
			if (n < room)
				describe(l, l->inode, false, &buf[n]);
			n++;
		}
	}
	return n;
}

u32 locks_snapshot(const struct file *f, const struct fdtable *table, struct lock_info *buf, u32 room)
{
	struct lock *l;
	u32 n = 0;
	spin_lock(&file_locks_lock);
	if (f) {
		n = locks_of_file(f, table, buf, room);
	} else {
		list_for_each (l, &all_locks, all)
			n = describe_with_waiters(l, buf, room, n);
	}
	n += leases_snapshot(f, buf + min(n, room), room - min(n, room));
	spin_unlock(&file_locks_lock);
	return n;
}
