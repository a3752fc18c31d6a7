/*
 * Pipes and FIFOs. Entry points: sys_pipe, sys_pipe2, pipe_create(), fifo_fops (opens of S_IFIFO inodes), pipe_fcntl().
 *
 * A pipe is a ring of page-sized slots. Everything is done under pipe->lock, a sleeping lock, because bytes move between user memory and
 * the pages while it is held (RANK_PIPE is below RANK_MMAP). Wake-ups follow two edges only: a reader that finds the ring full wakes
 * one writer afterwards, a writer that finds it empty wakes one reader. Waiters are exclusive; one that was woken and leaves something behind
 * wakes the next.
 */
#include "vfs/pipe_ring.h"

#include <asm/ioctls.h>
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include <asm/signal.h>

#include "gen/sys_protos.h"
#include "lib/bug.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/memcg.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "sched/timer.h"

/* Guards inode->pipe of every inode and pipe->files: the step from found to counted, and from the last file to freed. */
static DEFINE_SPINLOCK(pipe_files_lock, RANK_INODE_LIST);

/* --- memory ------------------------------------------------------------------------------------------------------------------------------ */

static int pipe_alloc(bool anonymous, struct pipe **out)
{
	struct pipe *p = kzalloc(sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->ring = kzalloc(PIPE_DEFAULT_SLOTS * sizeof(p->ring[0]));
	if (!p->ring) {
		kfree(p);
		return -ENOMEM;
	}
	p->slots = PIPE_DEFAULT_SLOTS;
	p->anonymous = anonymous;
	mutex_init(&p->lock, RANK_PIPE);
	wait_queue_init(&p->rd_wait);
	wait_queue_init(&p->wr_wait);
	*out = p;
	return 0;
}

/* => nobody else knows p */
static void pipe_free(struct pipe *p)
{
	for (; p->tail != p->head; p->tail++)
		page_put(slot_at(p, p->tail)->page);
	for (u32 i = 0; i < ARRAY_SIZE(p->spare); i++)
		if (p->spare[i])
			page_put(p->spare[i]);
	kfree(p->ring);
	kfree(p);
}

/* => p->lock. A page for the next slot or NULL. */
static struct page *take_page(struct pipe *p)
{
	for (u32 i = 0; i < ARRAY_SIZE(p->spare); i++) {
		struct page *pg = p->spare[i];
		if (pg) {
			p->spare[i] = NULL;
			return pg;
		}
	}
	struct page *pg = alloc_page(PAGE_KERNEL);
	if (pg)
		memcg_charge_kernel(pg);
	return pg;
}

/* => p->lock. Keeps an emptied page for the next write, or frees it. */
static void give_page(struct pipe *p, struct page *pg)
{
	/* splice and tee let two slots have one page. */
	for (u32 i = 0; i < ARRAY_SIZE(p->spare) && likely(atomic_read(&pg->refs) == 1); i++) {
		if (!p->spare[i]) {
			p->spare[i] = pg;
			return;
		}
	}
	page_put(pg);
}

/* Drops one file's hold; the last one frees the pipe. */
static void pipe_put(struct inode *i, struct pipe *p)
{
	spin_lock(&pipe_files_lock);
	bool last = --p->files == 0;
	if (last)
		i->pipe = NULL;
	spin_unlock(&pipe_files_lock);
	if (last)
		pipe_free(p);
}

/* --- waiting ----------------------------------------------------------------------------------------------------------------------------- */

/* A wake-up that came with the signal is passed on. */
int pipe_wait(struct pipe *p, struct wait_queue *q, bool (*ready)(const struct pipe *))
{
	struct wait_entry e;
	int ret = 0;
	wait_entry_init(&e);
	wait_add_exclusive(q, &e);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (ready(p))
			break;
		if (signal_pending()) {
			ret = -ERESTARTSYS;
			break;
		}
		schedule();
	}
	set_current_state(TASK_RUNNING);
	wait_remove(q, &e);
	if (ret && ready(p))
		wake_up_key(q, TASK_NORMAL, 1, q == &p->rd_wait ? KEY_READABLE : KEY_WRITABLE);
	return ret;
}

/* --- read and write ---------------------------------------------------------------------------------------------------------------------- */

/* => p->lock, ring not empty. Moves from the oldest slot: bytes, or -EFAULT when none could be stored. *stop: the read is over. */
static ssize_t read_slot(struct pipe *p, struct iter *to, bool *stop)
{
	struct pipe_slot *s = slot_at(p, p->tail);
	size_t n = min((size_t)s->len, to->count);
	size_t done = iter_copy_to(to, (char *)page_virt(s->page) + s->offset, n);
	s->offset += (u32)done;
	s->len -= (u32)done;
	*stop = done < n || !to->count;
	if (s->packet && done == n) {
		s->len = 0;
		*stop = true;
	}
	if (!s->len) {
		give_page(p, s->page);
		s->page = NULL;
		WRITE_ONCE(p->tail, p->tail + 1);
	}
	return done < n && !done ? -EFAULT : (ssize_t)done;
}

static ssize_t pipe_read(struct file *f, struct iter *to, u64 *pos)
{
	struct pipe *p = f->inode->pipe;
	ssize_t ret = 0;
	bool waited = false;
	if (!to->count)
		return 0;
	mutex_lock(&p->lock);
	bool was_full = pipe_full(p);
	for (;;) {
		if (!pipe_empty(p)) {
			bool stop;
			ssize_t n = read_slot(p, to, &stop);
			if (n < 0)
				ret = ret ? ret : n;
			else
				ret += n;
			if (stop)
				break;
			continue;
		}
		if (!p->writers || ret)
			break;
		if (f->flags & O_NONBLOCK) {
			ret = -EAGAIN;
			break;
		}
		mutex_unlock(&p->lock);
		if (was_full)
			wake_writers(p);
		if (pipe_wait(p, &p->rd_wait, pipe_read_can_go_on))
			return -ERESTARTSYS;
		mutex_lock(&p->lock);
		was_full = pipe_full(p);
		waited = true;
	}
	bool wake_next = waited && !pipe_empty(p);
	mutex_unlock(&p->lock);
	if (was_full)
		wake_writers(p);
	if (wake_next)
		wake_readers(p);
	if (ret > 0 && !p->anonymous)
		f->inode->atime = file_now();
	return ret;
}

/* => p->lock. Appends to the newest slot when the odd tail of the write fits there: bytes moved, 0, or -EFAULT. */
static ssize_t write_merge(struct pipe *p, struct iter *from)
{
	size_t n = from->count & (PAGE_SIZE - 1);
	if (!n || pipe_empty(p))
		return 0;
	struct pipe_slot *s = slot_at(p, p->head - 1);
	if (s->packet || s->offset + s->len + n > PAGE_SIZE || unlikely(atomic_read(&s->page->refs) > 1))
		return 0;
	size_t done = iter_copy_from(from, (char *)page_virt(s->page) + s->offset + s->len, n);
	if (done < n)
		return -EFAULT; /* as Linux: what did arrive is not kept, so that a small write stays whole */
	s->len += (u32)done;
	return (ssize_t)done;
}

/* => p->lock, ring not full. Fills a new slot: bytes, -ENOMEM or -EFAULT. *stop: nothing more to write. */
static ssize_t write_slot(struct pipe *p, struct iter *from, bool packet, bool *stop)
{
	struct page *pg = take_page(p);
	*stop = true;
	if (!pg)
		return -ENOMEM;
	size_t n = min(from->count, (size_t)PAGE_SIZE);
	size_t done = iter_copy_from(from, page_virt(pg), n);
	if (!done) {
		give_page(p, pg);
		return -EFAULT;
	}
	*slot_at(p, p->head) = (struct pipe_slot){ .page = pg, .len = (u32)done, .packet = packet };
	WRITE_ONCE(p->head, p->head + 1);
	*stop = done < n || !from->count;
	return (ssize_t)done;
}

/* => p->lock. One step of a write that has room or no reader. Adds to *ret (an error only when *ret is 0). True: the write is over. */
static bool write_step(struct pipe *p, struct iter *from, bool packet, ssize_t *ret)
{
	bool stop = true;
	ssize_t n;
	if (!p->readers) {
		hook_send_signal_self(SIGPIPE);
		n = -EPIPE;
	} else {
		n = write_slot(p, from, packet, &stop);
	}
	if (n >= 0)
		*ret += n;
	else if (!*ret)
		*ret = n;
	return stop;
}

static ssize_t pipe_write(struct file *f, struct iter *from, u64 *pos)
{
	struct pipe *p = f->inode->pipe;
	bool packet = f->flags & O_DIRECT, waited = false, stop = false;
	ssize_t ret = 0;
	if (!from->count)
		return 0;
	mutex_lock(&p->lock);
	bool was_empty = pipe_empty(p);
	if (p->readers) {
		ret = write_merge(p, from);
		stop = ret < 0 || !from->count;
	}
	while (!stop) {
		if (!p->readers || !pipe_full(p)) {
			stop = write_step(p, from, packet, &ret);
			continue;
		}
		if (f->flags & O_NONBLOCK) {
			ret = ret ? ret : -EAGAIN;
			break;
		}
		mutex_unlock(&p->lock);
		if (was_empty)
			wake_readers(p);
		int err = pipe_wait(p, &p->wr_wait, pipe_write_can_go_on);
		mutex_lock(&p->lock);
		was_empty = pipe_empty(p);
		waited = true;
		if (err) {
			ret = ret ? ret : err;
			break;
		}
	}
	bool wake_next = waited && !pipe_full(p);
	mutex_unlock(&p->lock);
	if ((was_empty || p->poll_used) && ret > 0)
		wake_readers(p);
	if (wake_next)
		wake_writers(p);
	if (ret > 0 && !p->anonymous)
		f->inode->mtime = f->inode->ctime = file_now();
	return ret;
}

/* --- the other operations ---------------------------------------------------------------------------------------------------------------- */

static u32 pipe_poll(struct file *f, struct poll_table *pt)
{
	struct pipe *p = f->inode->pipe;
	u32 mask = 0;
	WRITE_ONCE(p->poll_used, true);
	if (file_readable(f))
		poll_wait(f, &p->rd_wait, pt);
	if (file_writable(f))
		poll_wait(f, &p->wr_wait, pt);
	smp_mb(); /* queued before looking: pairs with wait_queue_active() of the other side */
	if (file_readable(f)) {
		if (!pipe_empty(p))
			mask |= POLLIN | POLLRDNORM;
		/* private: w_counter at a non-blocking open without writers; no hang-up is shown before one has come */
		if (!READ_ONCE(p->writers) && (u64)f->private != READ_ONCE(p->w_counter))
			mask |= POLLHUP;
	}
	if (file_writable(f)) {
		if (!pipe_full(p))
			mask |= POLLOUT | POLLWRNORM;
		if (!READ_ONCE(p->readers))
			mask |= POLLERR;
	}
	return mask;
}

static long pipe_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct pipe *p = f->inode->pipe;
	s32 bytes = 0;
	if (cmd != FIONREAD)
		return -ENOTTY;
	mutex_lock(&p->lock);
	for (u32 i = p->tail; i != p->head; i++)
		bytes += (s32)slot_at(p, i)->len;
	mutex_unlock(&p->lock);
	return put_user(bytes, arg);
}

static void pipe_release(struct file *f)
{
	struct pipe *p = f->inode->pipe;
	mutex_lock(&p->lock);
	if (file_readable(f))
		WRITE_ONCE(p->readers, p->readers - 1);
	if (file_writable(f))
		WRITE_ONCE(p->writers, p->writers - 1);
	bool half = !p->readers != !p->writers;
	mutex_unlock(&p->lock);
	if (half) {
		wake_up_key(&p->rd_wait, TASK_NORMAL, 0, KEY_READABLE | POLLERR | POLLHUP);
		wake_up_key(&p->wr_wait, TASK_NORMAL, 0, KEY_WRITABLE | POLLERR | POLLHUP);
	}
	pipe_put(f->inode, p);
}

static bool only_our_reader(const struct pipe *p) { return READ_ONCE(p->readers) == 1; }

void pipe_wait_reader(struct file *f)
{
	struct pipe *p = f->inode->pipe;
	mutex_lock(&p->lock);
	WRITE_ONCE(p->readers, p->readers + 1);
	WRITE_ONCE(p->writers, p->writers - 1);
	mutex_unlock(&p->lock);
	/* The end of file shows. The last other reader's close wakes everybody: ours makes it the half of a pipe. */
	wake_up_key(&p->rd_wait, TASK_NORMAL, 0, KEY_READABLE | POLLHUP);
	(void)wait_event_interruptible(p->wr_wait, only_our_reader(p));
	mutex_lock(&p->lock);
	WRITE_ONCE(p->readers, p->readers - 1);
	WRITE_ONCE(p->writers, p->writers + 1);
	mutex_unlock(&p->lock);
}

/* --- opening a FIFO ---------------------------------------------------------------------------------------------------------------------- */

/* inode->pipe with one more file on it, made if there is none. 0 or -ENOMEM. */
static int pipe_get(struct inode *i, struct pipe **out)
{
	struct pipe *fresh = NULL, *p;
	int err = 0;
	if (!READ_ONCE(i->pipe))
		err = pipe_alloc(false, &fresh);
	spin_lock(&pipe_files_lock);
	if (!i->pipe && fresh) {
		i->pipe = fresh;
		fresh = NULL;
	}
	p = i->pipe;
	if (p)
		p->files++;
	spin_unlock(&pipe_files_lock);
	if (fresh)
		pipe_free(fresh);
	*out = p;
	return p ? 0 : (err ? err : -ENOMEM);
}

/* => p->lock, dropped while sleeping. Waits until *counter, the other side's opens, moves. 0 or -ERESTARTSYS. */
static int wait_for_partner(struct pipe *p, const u32 *counter)
{
	u32 seen = *counter;
	mutex_unlock(&p->lock);
	int err = wait_event_interruptible(p->rd_wait, READ_ONCE(*counter) != seen);
	mutex_lock(&p->lock);
	return *counter != seen ? 0 : err;
}

/* => p->lock */
static int open_reader(struct pipe *p, struct file *f)
{
	p->r_counter++;
	WRITE_ONCE(p->readers, p->readers + 1);
	if (p->readers == 1)
		wake_up_all(&p->rd_wait);
	if (p->anonymous || p->writers)
		return 0;
	if (f->flags & O_NONBLOCK) {
		f->private = (void *)(u64)p->w_counter;
		return 0;
	}
	int err = wait_for_partner(p, &p->w_counter);
	if (!err)
		return 0;
	WRITE_ONCE(p->readers, p->readers - 1);
	if (!p->readers)
		wake_up_all(&p->wr_wait);
	return err;
}

/* => p->lock */
static int open_writer(struct pipe *p, struct file *f)
{
	if (!p->anonymous && (f->flags & O_NONBLOCK) && !p->readers)
		return -ENXIO;
	p->w_counter++;
	WRITE_ONCE(p->writers, p->writers + 1);
	if (p->writers == 1)
		wake_up_all(&p->rd_wait);
	if (p->anonymous || p->readers)
		return 0;
	int err = wait_for_partner(p, &p->r_counter);
	if (!err)
		return 0;
	WRITE_ONCE(p->writers, p->writers - 1);
	if (!p->writers)
		wake_up_all(&p->rd_wait);
	return err;
}

/* => p->lock. Both ends at once never wait. */
static int open_both(struct pipe *p)
{
	p->r_counter++;
	p->w_counter++;
	WRITE_ONCE(p->readers, p->readers + 1);
	WRITE_ONCE(p->writers, p->writers + 1);
	if (p->readers == 1 || p->writers == 1)
		wake_up_all(&p->rd_wait);
	return 0;
}

static int fifo_open(struct inode *i, struct file *f)
{
	struct pipe *p;
	int err = pipe_get(i, &p);
	if (err)
		return err;
	f->private = NULL;
	mutex_lock(&p->lock);
	if (file_readable(f) && file_writable(f))
		err = open_both(p);
	else if (file_readable(f))
		err = open_reader(p, f);
	else if (file_writable(f))
		err = open_writer(p, f);
	else
		err = -EINVAL;
	mutex_unlock(&p->lock);
	if (err)
		pipe_put(i, p);
	return err;
}

const struct file_ops fifo_fops = {
	.async = true,
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.open = fifo_open,
	.release = pipe_release,
};

/* --- pipe(2) and its size ---------------------------------------------------------------------------------------------------------------- */

int pipe_create(struct file *out[2], u32 flags)
{
	struct pipe *p;
	int err = pipe_alloc(true, &p);
	if (err)
		return err;
	p->readers = p->writers = p->r_counter = p->w_counter = 1;
	p->files = 1;
	err = file_create_anon("pipe", S_IFIFO | 0600, &fifo_fops, NULL, O_WRONLY | (flags & (O_NONBLOCK | O_DIRECT)), &out[1]);
	if (err) {
		pipe_free(p);
		return err;
	}
	out[1]->inode->pipe = p;
	err = file_clone_anon(out[1], O_RDONLY | (flags & O_NONBLOCK), &out[0]);
	if (err) {
		file_put(out[1]);
		return err;
	}
	p->files = 2;
	return 0;
}

long sys_pipe2(u64 ufds, u64 flags)
{
	struct file *f[2];
	if (flags & ~(u64)(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	int err = pipe_create(f, (u32)flags);
	return err ? err : fd_install_pair(f, flags & O_CLOEXEC, ufds);
}

long sys_pipe(u64 ufds) { return sys_pipe2(ufds, 0); }

/* => p->lock. Moves the used slots into a ring of `slots`. */
static int resize_ring(struct pipe *p, u32 slots)
{
	u32 used = pipe_used(p);
	if (slots < used)
		return -EBUSY;
	struct pipe_slot *ring = kzalloc(slots * sizeof(ring[0]));
	if (!ring)
		return -ENOMEM;
	for (u32 i = 0; i < used; i++)
		ring[i] = *slot_at(p, p->tail + i);
	kfree(p->ring);
	p->ring = ring;
	WRITE_ONCE(p->slots, slots);
	WRITE_ONCE(p->tail, 0);
	WRITE_ONCE(p->head, used);
	return 0;
}

static long set_size(struct pipe *p, u64 arg)
{
	u32 size = PAGE_SIZE;
	if (arg > 1u << 31)
		return -EINVAL;
	while (size < arg)
		size <<= 1;
	u32 slots = size >> PAGE_SHIFT;
	if (slots > p->slots && size > PIPE_MAX_SIZE && !capable(CAP_SYS_RESOURCE))
		return -EPERM;
	mutex_lock(&p->lock);
	bool was_full = pipe_full(p);
	int err = slots == p->slots ? 0 : resize_ring(p, slots);
	bool room = was_full && !pipe_full(p);
	mutex_unlock(&p->lock);
	if (room)
		wake_writers(p);
	return err ? err : (long)size;
}

long pipe_fcntl(struct file *f, u32 cmd, u64 arg)
{
	struct pipe *p = f->ops == &fifo_fops ? f->inode->pipe : NULL;
	if (!p)
		return -EBADF;
	if (cmd == F_GETPIPE_SZ)
		return (long)(READ_ONCE(p->slots) * PAGE_SIZE);
	if (cmd == F_SETPIPE_SZ)
		return set_size(p, (u32)arg);
	return -EINVAL;
}
