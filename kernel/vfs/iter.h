/* A cursor over user or kernel buffers: what read and write operations take from or put into. */
#ifndef PANDO_VFS_ITER_H
#define PANDO_VFS_ITER_H

#include <linux/uio.h>

#include "lib/types.h"
#include "mm/uaccess.h"

struct iter {
	bool user;            /* addresses are user space's */
	size_t count;         /* bytes left in all */
	const struct iovec *iov; /* the current segment (kernel copy of the vector) */
	size_t offset;        /* within it */
	u32 nr;               /* segments left */
	struct iovec one;     /* room for the single-buffer case */
	u32 flags;            /* RWF_* of preadv2, or 0 */
};
void iter_init_user(struct iter *it, uaddr_t buf, size_t n);
void iter_init_kernel(struct iter *it, void *buf, size_t n);
/* Both return the bytes moved: fewer than n when the cursor ends or on a fault (then the caller returns the short count, or -EFAULT when it is 0).
 * May sleep. */
size_t iter_copy_to(struct iter *it, const void *from, size_t n);
size_t iter_copy_from(struct iter *it, void *to, size_t n);
size_t iter_zero(struct iter *it, size_t n);
void iter_advance(struct iter *it, size_t n);
/* readv and friends: copies the vector from user space (IOV_MAX 1024, total clipped to 0x7ffff000). *heap is to be kfree'd. 0 or -errno. */
int iter_import(struct iter *it, uaddr_t uvec, u64 n, struct iovec **heap);

#endif
