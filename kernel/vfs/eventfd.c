/* eventfd: a counter in a file. Entry points: sys_eventfd, sys_eventfd2. */
#include <linux/fcntl.h>

#include "gen/sys_protos.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "mm/slab.h"
#include "sched/wait.h"
#include "vfs/file.h"
#include "vfs/poll.h"

/* Not in every UAPI header set. */
#define EFD_SEMAPHORE 1u
#define EFD_CLOEXEC O_CLOEXEC
#define EFD_NONBLOCK O_NONBLOCK

#define COUNT_MAX (~0UL - 1) /* the all-ones value is never reached by writes */

struct eventfd {
	struct spinlock lock; /* RANK_DEVICE */
	u64 count;            /* lock */
	bool semaphore;       /* constant */
	u32 id;               /* constant, for fdinfo */
	struct wait_queue wait;
};

static s32 last_id;

/* Takes from the counter: false when it is 0. */
static bool try_take(struct eventfd *e, u64 *out)
{
	spin_lock(&e->lock);
	*out = e->semaphore && e->count ? 1 : e->count;
	WRITE_ONCE(e->count, e->count - *out);
	spin_unlock(&e->lock);
	return *out != 0;
}

static ssize_t eventfd_read(struct file *f, struct iter *to, u64 *pos)
{
	struct eventfd *e = f->private;
	u64 got;
	if (to->count < sizeof(got))
		return -EINVAL;
	while (!try_take(e, &got)) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(e->wait, READ_ONCE(e->count) != 0))
			return -ERESTARTSYS;
	}
	if (wait_queue_active(&e->wait))
		wake_up_key(&e->wait, TASK_NORMAL, 0, POLLOUT);
	return iter_copy_to(to, &got, sizeof(got)) == sizeof(got) ? (ssize_t)sizeof(got) : -EFAULT;
}

static bool has_room(struct eventfd *e, u64 n) { return COUNT_MAX - READ_ONCE(e->count) >= n; }

static bool try_add(struct eventfd *e, u64 n)
{
	spin_lock(&e->lock);
	bool ok = has_room(e, n);
	if (ok)
		WRITE_ONCE(e->count, e->count + n);
	spin_unlock(&e->lock);
	return ok;
}

static ssize_t eventfd_write(struct file *f, struct iter *from, u64 *pos)
{
	struct eventfd *e = f->private;
	u64 n;
	if (from->count != sizeof(n))
		return -EINVAL;
	if (iter_copy_from(from, &n, sizeof(n)) != sizeof(n))
		return -EFAULT;
	if (n == ~0UL)
		return -EINVAL;
	while (!try_add(e, n)) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(e->wait, has_room(e, n)))
			return -ERESTARTSYS;
	}
	if (wait_queue_active(&e->wait))
		wake_up_key(&e->wait, TASK_NORMAL, 0, POLLIN);
	return sizeof(n);
}

static u32 eventfd_poll(struct file *f, struct poll_table *pt)
{
	struct eventfd *e = f->private;
	u32 mask = 0;
	poll_wait(f, &e->wait, pt);
	smp_mb();
	u64 count = READ_ONCE(e->count);
	if (count)
		mask |= POLLIN;
	if (count < COUNT_MAX)
		mask |= POLLOUT;
	return mask;
}

static void eventfd_release(struct file *f) { kfree(f->private); }

static int eventfd_fdinfo(struct file *f, char *buf, size_t size)
{
	struct eventfd *e = f->private;
	return format_str(buf, size, "eventfd-count: %16llx\neventfd-id: %u\neventfd-semaphore: %d\n", (unsigned long long)READ_ONCE(e->count),
		e->id, e->semaphore);
}

static const struct file_ops eventfd_fops = {
	.read = eventfd_read,
	.write = eventfd_write,
	.poll = eventfd_poll,
	.release = eventfd_release,
	.show_fdinfo = eventfd_fdinfo,
};

long sys_eventfd2(u64 count, u64 flags)
{
	struct file *f;
	if (flags & ~(u64)(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE))
		return -EINVAL;
	struct eventfd *e = kzalloc(sizeof(*e));
	if (!e)
		return -ENOMEM;
	spin_init(&e->lock, RANK_DEVICE);
	wait_queue_init(&e->wait);
	e->count = (u32)count;
	e->semaphore = flags & EFD_SEMAPHORE;
	e->id = (u32)__atomic_fetch_add(&last_id, 1, __ATOMIC_RELAXED);
	int err = file_create_anon("anon_inode:[eventfd]", 0600, &eventfd_fops, e, O_RDWR | (u32)(flags & EFD_NONBLOCK), &f);
	if (err) {
		kfree(e);
		return err;
	}
	return fd_install_new(f, flags & EFD_CLOEXEC);
}

long sys_eventfd(u64 count) { return sys_eventfd2(count, 0); }
