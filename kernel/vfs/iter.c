/* Cursors over user or kernel buffers. Entry points: iter_init_*, iter_import, iter_copy_to/from, iter_zero, iter_advance. */
#include "vfs/iter.h"

#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/internal.h"

static void init_one(struct iter *it, u64 base, size_t n, bool user)
{
	it->user = user;
	it->count = n;
	it->one.iov_base = (void *)base;
	it->one.iov_len = n;
	it->iov = &it->one;
	it->offset = 0;
	it->nr = 1;
	it->flags = 0;
}

void iter_init_user(struct iter *it, uaddr_t buf, size_t n) { init_one(it, buf, n, true); }
void iter_init_kernel(struct iter *it, void *buf, size_t n) { init_one(it, (u64)buf, n, false); }

void iter_advance(struct iter *it, size_t n)
{
	n = min(n, it->count);
	it->count -= n;
	while (n || (it->nr > 1 && it->offset == it->iov->iov_len)) {
		size_t part = min(n, (size_t)it->iov->iov_len - it->offset);
		it->offset += part;
		n -= part;
		if (it->offset < it->iov->iov_len || it->nr <= 1)
			continue;
		it->iov++;
		it->nr--;
		it->offset = 0;
	}
}

enum iter_op { ITER_TO, ITER_FROM, ITER_ZERO };

/* One piece: bytes not moved. */
static size_t move_piece(const struct iter *it, enum iter_op op, u64 addr, void *kernel, size_t n)
{
	if (!it->user) {
		if (op == ITER_TO)
			memcpy((void *)addr, kernel, n);
		else if (op == ITER_FROM)
			memcpy(kernel, (void *)addr, n);
		else
			memset((void *)addr, 0, n);
		return 0;
	}
	if (op == ITER_TO)
		return copy_to_user_partial(addr, kernel, n);
	if (op == ITER_FROM)
		return copy_from_user_partial(kernel, addr, n);
	/* Page by page, so that a fault in the middle leaves an exact count to within a page. */
	return clear_user(addr, n) ? n : 0;
}

static size_t iter_move(struct iter *it, enum iter_op op, void *kernel, size_t n)
{
	size_t done = 0;
	n = min(n, it->count);
	while (done < n) {
		size_t room = it->iov->iov_len - it->offset;
		size_t part = min(n - done, room);
		if (op == ITER_ZERO)
			part = min(part, PAGE_SIZE);
		if (part) {
			size_t left = move_piece(it, op, (u64)it->iov->iov_base + it->offset, (char *)kernel + done, part);
			done += part - left;
			iter_advance(it, part - left);
			if (left)
				break;
		} else {
			iter_advance(it, 0);
		}
	}
	return done;
}

/* The usual cursor, over one user buffer: what read and write have. */
static inline bool is_plain(const struct iter *it) { return it->nr == 1 && it->user; }
static inline uaddr_t plain_at(const struct iter *it) { return (uaddr_t)it->iov->iov_base + it->offset; }
static inline size_t plain_step(struct iter *it, size_t moved)
{
	it->offset += moved;
	it->count -= moved;
	return moved;
}

size_t iter_copy_to(struct iter *it, const void *from, size_t n)
{
	if (unlikely(!is_plain(it)))
		return iter_move(it, ITER_TO, (void *)from, n);
	n = min(n, it->count);
	return plain_step(it, n - copy_to_user_partial(plain_at(it), from, n));
}
size_t iter_copy_from(struct iter *it, void *to, size_t n)
{
	if (unlikely(!is_plain(it)))
		return iter_move(it, ITER_FROM, to, n);
	n = min(n, it->count);
	return plain_step(it, n - copy_from_user_partial(to, plain_at(it), n));
}
size_t iter_zero(struct iter *it, size_t n) { return iter_move(it, ITER_ZERO, NULL, n); }

int iter_import(struct iter *it, uaddr_t uvec, u64 n, struct iovec **heap)
{
	*heap = NULL;
	if (n > UIO_MAXIOV)
		return -EINVAL;
	init_one(it, 0, 0, true);
	if (n == 0)
		return 0;
	if (n == 1) {
		if (copy_from_user(&it->one, uvec, sizeof(it->one)))
			return -EFAULT;
	} else {
		*heap = kmalloc(n * sizeof(struct iovec));
		if (!*heap)
			return -ENOMEM;
		it->iov = *heap;
		it->nr = (u32)n;
		if (copy_from_user(*heap, uvec, n * sizeof(struct iovec))) {
			kfree(*heap);
			*heap = NULL;
			return -EFAULT;
		}
	}
	struct iovec *v = (struct iovec *)it->iov;
	int err = 0;
	for (u64 i = 0; i < n && !err; i++) {
		if ((s64)v[i].iov_len < 0)
			err = -EINVAL;
		else if (!user_range_ok((u64)v[i].iov_base, v[i].iov_len))
			err = -EFAULT;
		else {
			v[i].iov_len = min((size_t)v[i].iov_len, MAX_RW_COUNT - it->count);
			it->count += v[i].iov_len;
		}
	}
	if (err) {
		kfree(*heap);
		*heap = NULL;
	}
	return err;
}
