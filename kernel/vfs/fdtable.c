/*
 * Descriptor tables. Entry points: fdtable_*, fd_*, fdref_*.
 *
 * Changes are made under t->lock. A table that only one task uses is read without the lock: nobody else changes it (procfs takes a reference to look,
 * and looks under the lock). Up to 64 descriptors live in the record itself, so that fork needs one allocation and one block copy.
 */
#include <linux/close_range.h>
#include <linux/resource.h>

#include "gen/sys_protos.h"
#include "lib/bitmap.h"
#include "vfs/internal.h"

#define INLINE_FDS 64u
#define MAX_FDS (1u << 18)

struct fdtable {
	atomic_t refs;
	struct spinlock lock;  /* RANK_FILES */
	u32 cap;               /* lock: slots */
	u32 next;              /* lock: no free descriptor below */
	struct file **fd;      /* lock: NULL where free or only reserved */
	u64 *used, *cloexec;   /* lock: bitmaps of cap bits */
	struct file *inline_fd[INLINE_FDS];
	u64 inline_used, inline_cloexec;
};
static struct kmem_cache *table_cache;

void fdtable_init(void) { table_cache = kmem_cache_create("files", sizeof(struct fdtable), 64); }

static inline struct fdtable *my_table(void) { return current_thread()->files; }

static struct fdtable *table_alloc(void)
{
	struct fdtable *t = kmem_cache_zalloc(table_cache);
	if (!t)
		return NULL;
	atomic_set(&t->refs, 1);
	spin_init(&t->lock, RANK_FILES);
	t->cap = INLINE_FDS;
	t->fd = t->inline_fd;
	t->used = &t->inline_used;
	t->cloexec = &t->inline_cloexec;
	return t;
}

int fdtable_create(struct fdtable **out)
{
	*out = table_alloc();
	return *out ? 0 : -ENOMEM;
}

/* => t->lock or sole owner. Room for at least `want` descriptors. */
static int table_grow(struct fdtable *t, u32 want)
{
	u32 cap = max(t->cap, 256u);
	if (want > MAX_FDS)
		return -EMFILE;
	while (cap < want)
		cap *= 2;
	if (cap == t->cap)
		return 0;
	size_t words = BITMAP_WORDS(cap);
	char *block = kzalloc(cap * sizeof(struct file *) + 2 * words * sizeof(u64));
	if (!block)
		return -ENOMEM;
	struct file **fd = (struct file **)block;
	u64 *used = (u64 *)(fd + cap), *cloexec = used + words;
	memcpy(fd, t->fd, t->cap * sizeof(*fd));
	memcpy(used, t->used, BITMAP_WORDS(t->cap) * sizeof(u64));
	memcpy(cloexec, t->cloexec, BITMAP_WORDS(t->cap) * sizeof(u64));
	if (t->fd != t->inline_fd)
		kfree(t->fd);
	t->fd = fd;
	t->used = used;
	t->cloexec = cloexec;
	t->cap = cap;
	return 0;
}

void fdtable_get(struct fdtable *t) { atomic_inc(&t->refs); }
bool fdtable_shared(struct fdtable *t) { return atomic_read(&t->refs) > 1; }

u32 fdtable_count(struct fdtable *t)
{
	u32 n = 0;
	spin_lock(&t->lock);
	for (u32 w = 0; w < BITMAP_WORDS(t->cap); w++)
		for (u64 left = t->used[w]; left; left &= left - 1)
			n++;
	spin_unlock(&t->lock);
	return n;
}

static void table_free(struct fdtable *t)
{
	if (t->fd != t->inline_fd)
		kfree(t->fd);
	kmem_cache_free(table_cache, t);
}

int fdtable_copy(struct fdtable *t, struct fdtable **out)
{
	struct fdtable *n = table_alloc();
	int err = 0;
	if (!n)
		return -ENOMEM;
	spin_lock(&t->lock);
	u32 words = (u32)BITMAP_WORDS(t->cap);
	while (words > 1 && !t->used[words - 1])
		words--;
	if (words * 64 > n->cap)
		err = table_grow(n, words * 64);
	for (u32 w = 0; w < words && !err; w++) {
		u64 left = t->used[w];
		n->cloexec[w] = t->cloexec[w];
		n->used[w] = left;
		for (; left; left &= left - 1) {
			u32 i = w * 64 + (u32)__builtin_ctzl(left);
			struct file *f = t->fd[i];
			n->fd[i] = f;
			if (f)
				file_get(f);
			else
				bit_clear(n->used, i); /* reserved by another thread: not ours */
		}
	}
	spin_unlock(&t->lock);
	if (err) {
		table_free(n);
		return err;
	}
	*out = n;
	return 0;
}

void fdtable_put(struct fdtable *t)
{
	if (!atomic_dec_and_test(&t->refs))
		return;
	for (u32 i = (u32)bitmap_next_set(t->used, t->cap, 0); i < t->cap; i = (u32)bitmap_next_set(t->used, t->cap, i + 1)) {
		struct file *f = t->fd[i];
		t->fd[i] = NULL;
		if (f)
			file_close(f, t);
		cond_resched();
	}
	table_free(t);
}

int fdtable_unshare(void)
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

void fdtable_close_on_exec(void)
{
	struct fdtable *t = my_table();
	for (u32 i = (u32)bitmap_next_set(t->cloexec, t->cap, 0); i < t->cap; i = (u32)bitmap_next_set(t->cloexec, t->cap, i + 1)) {
		if (bit_test(t->used, i))
			fd_close((int)i);
		bit_clear(t->cloexec, i);
	}
}

/* --- lookups ---------------------------------------------------------------------------------------------------------------------------------- */

int fdref_get_raw(int fd, struct fdref *r)
{
	struct fdtable *t = my_table();
	r->counted = false;
	if (likely(atomic_read(&t->refs) == 1)) {
		r->file = (u32)fd < t->cap ? t->fd[fd] : NULL;
		return r->file ? 0 : -EBADF;
	}
	spin_lock(&t->lock);
	struct file *f = (u32)fd < t->cap ? t->fd[fd] : NULL;
	if (f)
		file_get(f);
	spin_unlock(&t->lock);
	r->file = f;
	r->counted = true;
	return f ? 0 : -EBADF;
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
	struct file *f = (u32)fd < t->cap ? t->fd[fd] : NULL;
	if (f) {
		file_get(f);
		if (cloexec)
			*cloexec = bit_test(t->cloexec, (u32)fd);
	}
	spin_unlock(&t->lock);
	return f;
}

int fdtable_next(struct fdtable *t, int fd)
{
	int found = -1;
	if (fd < 0)
		fd = 0;
	spin_lock(&t->lock);
	for (u64 i = bitmap_next_set(t->used, t->cap, (u32)fd); i < t->cap && found < 0; i = bitmap_next_set(t->used, t->cap, i + 1)) {
		if (t->fd[i])
			found = (int)i;
	}
	spin_unlock(&t->lock);
	return found;
}

/* --- changes ---------------------------------------------------------------------------------------------------------------------------------- */

static u64 fd_limit(void) { return min(rlimit_cur(RLIMIT_NOFILE), (u64)MAX_FDS); }

int fd_reserve(int min_fd, bool cloexec, int *out)
{
	struct fdtable *t = my_table();
	u64 limit = fd_limit();
	int err = 0;
	spin_lock(&t->lock);
	u32 from = max((u32)min_fd, t->next);
	u32 fd = from < t->cap ? (u32)bitmap_next_clear(t->used, t->cap, from) : from;
	if (fd >= limit)
		err = -EMFILE;
	else if (fd >= t->cap)
		err = table_grow(t, fd + 1);
	if (!err) {
		bit_set(t->used, fd);
		if (cloexec)
			bit_set(t->cloexec, fd);
		else
			bit_clear(t->cloexec, fd);
		if ((u32)min_fd <= t->next)
			t->next = fd + 1;
		*out = (int)fd;
	}
	spin_unlock(&t->lock);
	return err;
}

void fd_install(int fd, struct file *f)
{
	struct fdtable *t = my_table();
	spin_lock(&t->lock);
	t->fd[fd] = f;
	spin_unlock(&t->lock);
}

/* => t->lock */
static void slot_free(struct fdtable *t, u32 fd)
{
	t->fd[fd] = NULL;
	bit_clear(t->used, fd);
	bit_clear(t->cloexec, fd);
	t->next = min(t->next, fd);
}

void fd_cancel(int fd)
{
	struct fdtable *t = my_table();
	spin_lock(&t->lock);
	slot_free(t, (u32)fd);
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

int fd_close(int fd)
{
	struct fdtable *t = my_table();
	spin_lock(&t->lock);
	struct file *f = (u32)fd < t->cap ? t->fd[fd] : NULL;
	if (f)
		slot_free(t, (u32)fd);
	spin_unlock(&t->lock);
	return f ? file_close(f, t) : -EBADF;
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
	int err = 0;
	spin_lock(&t->lock);
	if (fd >= t->cap)
		err = table_grow(t, fd + 1);
	if (!err) {
		old = t->fd[fd];
		if (!old && bit_test(t->used, fd))
			err = -EBUSY; /* another thread's open is about to use it */
	}
	if (!err) {
		t->fd[fd] = f;
		bit_set(t->used, fd);
		if (cloexec)
			bit_set(t->cloexec, fd);
		else
			bit_clear(t->cloexec, fd);
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
	if (min_fd >= fd_limit())
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
	bool set = (u32)fd < t->cap && bit_test(t->cloexec, (u32)fd);
	spin_unlock(&t->lock);
	return set;
}

void fd_set_cloexec(int fd, bool on)
{
	struct fdtable *t = my_table();
	spin_lock(&t->lock);
	if ((u32)fd < t->cap && t->fd[fd]) {
		if (on)
			bit_set(t->cloexec, (u32)fd);
		else
			bit_clear(t->cloexec, (u32)fd);
	}
	spin_unlock(&t->lock);
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
