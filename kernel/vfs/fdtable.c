/*
 * Descriptor tables. Entry points: fdtable_*, fd_*, fdref_*.
 *
 * Changes are made under t->lock. A table that only one task uses is read without the lock: nobody else changes it (procfs takes a reference to look,
 * and looks under the lock). What a table holds is shared copy-on-write with the tables it was forked from (fdslice.h), and so are the counts of its files.
 */
#include <linux/close_range.h>
#include <linux/resource.h>

#include "gen/sys_protos.h"
#include "mm/mm.h"
#include "vfs/fdslice.h"
#include "vfs/internal.h"

/* fs.nr_open, and the whole slices below it: no table gets more, as Linux's grow by words of their bitmaps. Tables that there are keep what they have. */
static u32 nr_open = 1u << 20, nr_open_slices = (1u << 20) / SLICE_FDS;
u32 vfs_nr_open(void) { return READ_ONCE(nr_open); }
int vfs_set_nr_open(u64 n)
{
	if (n < SLICE_FDS || n > 0x7fffffc0)
		return -EINVAL;
	WRITE_ONCE(nr_open, (u32)n);
	WRITE_ONCE(nr_open_slices, (u32)n / SLICE_FDS);
	return 0;
}

struct fdtable {
	atomic_t refs;
	struct spinlock lock;  /* RANK_FILES */
	u32 next;              /* lock: no free descriptor below */
	u32 reserved;          /* lock: descriptors reserved and not yet installed: while there are any, nothing is shared */
	bool closes_watched; /* a POSIX lock or a dnotify watch was set through it: closes have to look for them. Never cleared */
	struct fdbody *body;   /* lock */
};
static struct kmem_cache *table_cache;

void fdtable_init(void) { table_cache = kmem_cache_create("files", sizeof(struct fdtable), 16); }

static inline struct fdtable *my_table(void) { return current_thread()->files; }

/* Takes over the body. */
static struct fdtable *table_alloc(struct fdbody *b)
{
	struct fdtable *t = kmem_cache_alloc(table_cache);
	if (!t)
		return NULL;
	*t = (struct fdtable){ .body = b };
	atomic_set(&t->refs, 1);
	spin_init(&t->lock, RANK_FILES);
	return t;
}

int fdtable_create(struct fdtable **out)
{
	struct fdbody *b = fdbody_alloc(1);
	*out = b ? table_alloc(b) : NULL;
	if (b && !*out)
		fdbody_put(b);
	return *out ? 0 : -ENOMEM;
}

void fdtable_watch_closes(void) { my_table()->closes_watched = true; }

void fdtable_get(struct fdtable *t) { atomic_inc(&t->refs); }
bool fdtable_shared(struct fdtable *t) { return atomic_read(&t->refs) > 1; }

u32 fdtable_count(struct fdtable *t)
{
	u32 n = 0;
	spin_lock(&t->lock);
	for (u32 i = 0; i < t->body->nr; i++)
		for (u64 left = t->body->slice[i] ? t->body->slice[i]->used : 0; left; left &= left - 1)
			n++;
	spin_unlock(&t->lock);
	return n;
}

u32 fdtable_size(struct fdtable *t)
{
	spin_lock(&t->lock);
	u32 n = t->body->nr * SLICE_FDS;
	spin_unlock(&t->lock);
	return n;
}

/* What a copy of t holds. => t->lock */
static struct fdbody *body_for_copy(struct fdtable *t)
{
	if (unlikely(t->reserved))
		return fdbody_copy(t->body);
	atomic_inc(&t->body->refs);
	return t->body;
}

/* Does it use descriptors that a new table would not have? => lock of a table that holds it */
static bool __cold __noinline exceeds_nr_open(const struct fdbody *b)
{
	for (u32 i = READ_ONCE(nr_open_slices); i < b->nr; i++)
		if (b->slice[i] && b->slice[i]->used)
			return true;
	return false;
}

int fdtable_copy(struct fdtable *t, struct fdtable **out)
{
	int err = -ENOMEM;
	struct fdtable *n = table_alloc(NULL);
	if (!n)
		return -ENOMEM;
	spin_lock(&t->lock);
	if (unlikely(t->body->nr > READ_ONCE(nr_open_slices)) && exceeds_nr_open(t->body))
		err = -EMFILE;
	else
		n->body = body_for_copy(t);
	n->next = unlikely(t->reserved) ? 0 : t->next;
	spin_unlock(&t->lock);
	if (!n->body) {
		kmem_cache_free(table_cache, n);
		return err;
	}
	*out = n;
	return 0;
}

/* Each file hears that t closes it, though others may share the slice that holds it. */
static void leave_files(struct fdtable *t)
{
	for (s64 fd = fdbody_next_file(t->body, 0); fd >= 0; fd = fdbody_next_file(t->body, (u32)fd + 1)) {
		file_leave(fdbody_slice(t->body, (u32)fd)->file[fd % SLICE_FDS], t);
		cond_resched();
	}
}

void fdtable_put(struct fdtable *t)
{
	if (!atomic_dec_and_test(&t->refs))
		return;
	if (unlikely(t->closes_watched || t->body->flush))
		leave_files(t);
	fdbody_put(t->body);
	kmem_cache_free(table_cache, t);
}

/* The slice that fd lies in, t's own. => t->lock, which is let go and taken again while memory is being found. 0; -ENOMEM when there is nobody to take it from. */
static int own_slice(struct fdtable *t, u32 fd, struct fdslice **out)
{
	/* A close must not fail: it asks for memory as a page fault does. */
	while (unlikely(fdbody_own(&t->body, fd / SLICE_FDS, out))) {
		spin_unlock(&t->lock);
		bool again = hook_out_of_memory();
		spin_lock(&t->lock);
		if (!again && fdbody_own(&t->body, fd / SLICE_FDS, out))
			return -ENOMEM;
	}
	return 0;
}

/* exec's close-on-exec pass shall not fail for want of memory. */
static int own_cloexec_slices(struct fdtable *t)
{
	struct fdslice *s;
	int err = 0;
	spin_lock(&t->lock);
	for (u32 i = 0; i < t->body->nr && !err; i++)
		if (t->body->slice[i] && t->body->slice[i]->cloexec)
			err = fdbody_own(&t->body, i, &s);
	spin_unlock(&t->lock);
	return err;
}

static int fdtable_unshare(void)
{
	struct fdtable *t = my_table(), *n;
	if (!fdtable_shared(t))
		return 0;
	int err = fdtable_copy(t, &n);
	if (err)
		return err;
	current_thread()->files = n;
	fdtable_put(t);
	return 0;
}

int fdtable_unshare_exec(void)
{
	int err = fdtable_unshare();
	return err ? err : own_cloexec_slices(my_table());
}

/* => t->lock, or t is current's alone */
static inline struct file *file_at(const struct fdtable *t, int fd)
{
	const struct fdslice *s = fdbody_slice(t->body, (u32)fd);
	return s ? s->file[(u32)fd % SLICE_FDS] : NULL;
}

static inline bool cloexec_at(const struct fdtable *t, int fd)
{
	const struct fdslice *s = fdbody_slice(t->body, (u32)fd);
	return s && s->cloexec >> ((u32)fd % SLICE_FDS) & 1;
}

/* --- lookups ---------------------------------------------------------------------------------------------------------------------------------- */

int fdref_get_raw(int fd, struct fdref *r)
{
	struct fdtable *t = my_table();
	r->counted = false;
	if (likely(atomic_read(&t->refs) == 1)) {
		r->slice = fdbody_slice(t->body, (u32)fd);
		r->file = r->slice ? r->slice->file[(u32)fd % SLICE_FDS] : NULL;
		return r->file ? 0 : -EBADF;
	}
	spin_lock(&t->lock);
	struct file *f = file_at(t, fd);
	if (f)
		file_get(f);
	spin_unlock(&t->lock);
	r->file = f;
	r->counted = true;
	return f ? 0 : -EBADF;
}

bool fdref_alone(const struct fdref *r)
{
	return !r->counted && atomic_read(&r->file->refs) == 1 && atomic_read(&r->slice->refs) == 1 && atomic_read(&my_table()->body->refs) == 1;
}

int fdref_get(int fd, struct fdref *r)
{
	int err = fdref_get_raw(fd, r);
	if (!err && unlikely(r->file->flags & O_PATH)) {
		fdref_put(r);
		err = -EBADF;
	}
	return err;
}

int fd_get_raw(int fd, struct file **out)
{
	struct fdref r;
	int err = fdref_get_raw(fd, &r);
	if (err)
		return err;
	if (!r.counted)
		file_get(r.file);
	*out = r.file;
	return 0;
}

int fd_get(int fd, struct file **out)
{
	struct fdref r;
	int err = fdref_get(fd, &r);
	if (err)
		return err;
	if (!r.counted)
		file_get(r.file);
	*out = r.file;
	return 0;
}

struct file *fdtable_lookup(struct fdtable *t, int fd, bool *cloexec)
{
	spin_lock(&t->lock);
	struct file *f = file_at(t, fd);
	if (f) {
		file_get(f);
		if (cloexec)
			*cloexec = cloexec_at(t, fd);
	}
	spin_unlock(&t->lock);
	return f;
}

int fdtable_next(struct fdtable *t, int fd)
{
	spin_lock(&t->lock);
	s64 found = fdbody_next_file(t->body, (u32)max(fd, 0));
	spin_unlock(&t->lock);
	return (int)found;
}

/* --- changes ---------------------------------------------------------------------------------------------------------------------------------- */

static u64 fd_limit(void) { return min(rlimit_cur(RLIMIT_NOFILE), (u64)READ_ONCE(nr_open_slices) * SLICE_FDS); }

static inline u64 bit_of(u32 fd) { return 1UL << (fd % SLICE_FDS); }

int fd_reserve(int min_fd, bool cloexec, int *out)
{
	struct fdtable *t = my_table();
	struct fdslice *s;
	u64 limit = fd_limit();
	spin_lock(&t->lock);
	u32 fd = fdbody_next_free(t->body, max((u32)min_fd, t->next));
	int err = fd >= limit ? -EMFILE : fdbody_own(&t->body, fd / SLICE_FDS, &s);
	if (!err) {
		s->used |= bit_of(fd);
		s->cloexec = cloexec ? s->cloexec | bit_of(fd) : s->cloexec & ~bit_of(fd);
		t->reserved++;
		if ((u32)min_fd <= t->next)
			t->next = fd + 1;
		*out = (int)fd;
	}
	spin_unlock(&t->lock);
	return err;
}

/* => t->lock. The slice of a reserved descriptor: t's own since the reservation. */
static struct fdslice *reserved_slice(struct fdtable *t, u32 fd)
{
	struct fdslice *s = fdbody_slice(t->body, fd);
	ASSERT(atomic_read(&t->body->refs) == 1 && atomic_read(&s->refs) == 1);
	t->reserved--;
	return s;
}

void fd_install(int fd, struct file *f)
{
	struct fdtable *t = my_table();
	spin_lock(&t->lock);
	reserved_slice(t, (u32)fd)->file[(u32)fd % SLICE_FDS] = f;
	if (f->ops->flush)
		t->body->flush = true;
	spin_unlock(&t->lock);
}

/* => t->lock, s is fd's slice and t's own */
static void slot_free(struct fdtable *t, struct fdslice *s, u32 fd)
{
	s->file[fd % SLICE_FDS] = NULL;
	s->used &= ~bit_of(fd);
	s->cloexec &= ~bit_of(fd);
	t->next = min(t->next, fd);
}

void fd_cancel(int fd)
{
	struct fdtable *t = my_table();
	spin_lock(&t->lock);
	slot_free(t, reserved_slice(t, (u32)fd), (u32)fd);
	spin_unlock(&t->lock);
}

int fd_install_new(struct file *f, bool cloexec)
{
	int fd;
	int err = fd_reserve(0, cloexec, &fd);
	if (err) {
		file_put(f);
		return err;
	}
	fd_install(fd, f);
	return fd;
}

int fd_install_pair(struct file *const f[2], bool cloexec, uaddr_t ufds)
{
	s32 fd[2];
	int err = fd_reserve(0, cloexec, &fd[0]);
	if (!err) {
		err = fd_reserve(0, cloexec, &fd[1]);
		if (!err) {
			err = copy_to_user(ufds, fd, sizeof(fd));
			if (!err) {
				fd_install(fd[0], f[0]);
				fd_install(fd[1], f[1]);
				return 0;
			}
			fd_cancel(fd[1]);
		}
		fd_cancel(fd[0]);
	}
	file_put(f[0]);
	file_put(f[1]);
	return err;
}

static int fd_close(int fd)
{
	struct fdtable *t = my_table();
	struct fdslice *s;
	int err = -EBADF;
	spin_lock(&t->lock);
	struct file *f = file_at(t, fd);
	if (f) {
		err = own_slice(t, (u32)fd, &s);
		f = err ? NULL : s->file[(u32)fd % SLICE_FDS]; /* it may be gone: the lock was let go */
		if (f)
			slot_free(t, s, (u32)fd);
		else if (!err)
			err = -EBADF;
	}
	spin_unlock(&t->lock);
	return f ? file_close(f, t) : err;
}

void fdtable_close_on_exec(void)
{
	struct fdtable *t = my_table();
	for (u32 i = 0; i < t->body->nr; i++) {
		if (likely(!t->body->slice[i] || !t->body->slice[i]->cloexec))
			continue;
		for (u64 left = t->body->slice[i]->cloexec; left; left &= left - 1)
			fd_close((int)(i * SLICE_FDS + (u32)__builtin_ctzl(left)));
	}
}

/* --- the calls ---------------------------------------------------------------------------------------------------------------------------------- */

long sys_close(u64 fd)
{
	int err = fd_close((int)fd);
	/* A close cannot be restarted: the descriptor is gone. */
	if (unlikely(err == -ERESTARTSYS || err == -ERESTARTNOINTR || err == -ERESTARTNOHAND || err == -ERESTART_RESTARTBLOCK))
		err = -EINTR;
	return err;
}

long sys_dup(u64 fd)
{
	struct file *f;
	int err = fd_get_raw((int)fd, &f);
	return err ? err : fd_install_new(f, false);
}

/* Puts f (whose reference it takes over) at fd, closing what is there. */
static long dup_onto(struct file *f, u32 fd, bool cloexec)
{
	struct fdtable *t = my_table();
	struct file *old = NULL;
	struct fdslice *s;
	spin_lock(&t->lock);
	int err = fdbody_own(&t->body, fd / SLICE_FDS, &s);
	if (!err) {
		old = s->file[fd % SLICE_FDS];
		if (!old && (s->used & bit_of(fd)))
			err = -EBUSY; /* another thread's open is about to use it */
	}
	if (!err) {
		s->file[fd % SLICE_FDS] = f;
		s->used |= bit_of(fd);
		s->cloexec = cloexec ? s->cloexec | bit_of(fd) : s->cloexec & ~bit_of(fd);
		if (f->ops->flush)
			t->body->flush = true;
	}
	spin_unlock(&t->lock);
	if (err)
		file_put(f);
	else if (old)
		file_close(old, t);
	return err ? err : (long)fd;
}

long sys_dup3(u64 oldfd, u64 newfd, u64 flags)
{
	struct file *f;
	if ((flags & ~(u64)O_CLOEXEC) || (u32)oldfd == (u32)newfd)
		return -EINVAL;
	if ((u32)newfd >= fd_limit())
		return -EBADF;
	int err = fd_get_raw((int)oldfd, &f);
	return err ? err : dup_onto(f, (u32)newfd, flags & O_CLOEXEC);
}

long sys_dup2(u64 oldfd, u64 newfd)
{
	struct file *f;
	if ((u32)oldfd != (u32)newfd)
		return sys_dup3(oldfd, newfd, 0);
	int err = fd_get_raw((int)oldfd, &f);
	if (err)
		return err;
	file_put(f);
	return (long)(u32)newfd;
}

long fd_install_at(struct file *f, u32 fd, bool cloexec)
{
	if (fd < fd_limit())
		return dup_onto(f, fd, cloexec);
	file_put(f);
	return -EBADF;
}

/* fcntl's F_DUPFD*. */
long fd_dup_from(struct file *f, u64 min_fd, bool cloexec)
{
	int fd;
	if (min_fd >= rlimit_cur(RLIMIT_NOFILE))
		return -EINVAL;
	int err = fd_reserve((int)min_fd, cloexec, &fd);
	if (err)
		return err;
	file_get(f);
	fd_install(fd, f);
	return fd;
}

bool fd_cloexec(int fd)
{
	struct fdtable *t = my_table();
	spin_lock(&t->lock);
	bool set = cloexec_at(t, fd);
	spin_unlock(&t->lock);
	return set;
}

int fd_set_cloexec(int fd, bool on)
{
	struct fdtable *t = my_table();
	struct fdslice *s;
	int err = 0;
	spin_lock(&t->lock);
	if (file_at(t, fd) && cloexec_at(t, fd) != on) {
		err = own_slice(t, (u32)fd, &s);
		if (!err && s->file[(u32)fd % SLICE_FDS])
			s->cloexec = on ? s->cloexec | bit_of((u32)fd) : s->cloexec & ~bit_of((u32)fd);
	}
	spin_unlock(&t->lock);
	return err;
}

long sys_close_range(u64 first64, u64 last64, u64 flags)
{
	u32 first = (u32)first64, last = (u32)last64;
	if ((flags & ~(u64)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) || first > last)
		return -EINVAL;
	if (flags & CLOSE_RANGE_UNSHARE) {
		int err = fdtable_unshare();
		if (err)
			return err;
	}
	struct fdtable *t = my_table();
	for (int fd = first > 0x7fffffff ? -1 : fdtable_next(t, (int)first); fd >= 0 && (u32)fd <= last; fd = fdtable_next(t, fd + 1)) {
		if (flags & CLOSE_RANGE_CLOEXEC)
			fd_set_cloexec(fd, true);
		else
			fd_close(fd);
		cond_resched();
	}
	return 0;
}
