/*
 * signalfd(2): a descriptor that reads the reader's own pending signals. Waiters sit on a few global queues, chosen by the handler table's address: such a
 * queue outlives every process, so an epoll that watches the descriptor of a dead process holds nothing that could vanish.
 */
#include <linux/fcntl.h>
#include <linux/signalfd.h>

#include "gen/sys_protos.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/signal.h"
#include "vfs/file.h"
#include "vfs/poll.h"

#define QUEUE(n) WAIT_QUEUE_INIT(queues[n])
static struct wait_queue queues[8] = { QUEUE(0), QUEUE(1), QUEUE(2), QUEUE(3), QUEUE(4), QUEUE(5), QUEUE(6), QUEUE(7) };

struct signalfd {
	ksigset_t blocked; /* current->sighand->lock of who changes it; complement of the signals to read */
};

static struct wait_queue *queue_of(const struct sighand *s) { return &queues[((u64)s >> 7) % ARRAY_SIZE(queues)]; }

void signalfd_notify(struct task *t)
{
	struct wait_queue *q = queue_of(t->sighand);
	/* A waiter queues itself before it looks at the pending sets under S, which we hold: no barrier needed. */
	if (unlikely(!list_empty(&q->entries)))
		wake_up_key(q, TASK_NORMAL, 0, POLLIN | POLLRDNORM);
}

static u32 signalfd_poll(struct file *f, struct poll_table *pt)
{
	struct signalfd *s = f->private;
	struct task *t = current;
	poll_wait(f, queue_of(t->sighand), pt);
	u64 fl = spin_lock_irqsave(&t->sighand->lock);
	bool ready = (t->pending.set | t->signal->shared_pending.set) & ~s->blocked;
	spin_unlock_irqrestore(&t->sighand->lock, fl);
	return ready ? POLLIN | POLLRDNORM : 0;
}

/* One attempt: the signal, or 0. */
static int take(struct signalfd *s, struct ksiginfo *info)
{
	struct task *t = current;
	u64 f = spin_lock_irqsave(&t->sighand->lock);
	int sig = dequeue_signal(s->blocked, info, NULL);
	spin_unlock_irqrestore(&t->sighand->lock, f);
	return sig;
}

static void fill(struct signalfd_siginfo *o, const struct ksiginfo *i)
{
	*o = (struct signalfd_siginfo){
		.ssi_signo = (u32)i->signo, .ssi_errno = i->err, .ssi_code = i->code, .ssi_pid = (u32)i->pid, .ssi_uid = i->uid,
		.ssi_status = i->status, .ssi_utime = i->utime, .ssi_stime = i->stime, .ssi_ptr = i->value, .ssi_int = (s32)i->value,
		.ssi_addr = i->addr, .ssi_tid = (u32)i->timerid, .ssi_overrun = (u32)i->overrun,
		.ssi_syscall = i->syscall, .ssi_call_addr = i->syscall ? i->addr : 0, .ssi_arch = i->arch,
	};
}

static ssize_t signalfd_read(struct file *f, struct iter *to, u64 *pos)
{
	struct signalfd *s = f->private;
	struct ksiginfo info;
	struct signalfd_siginfo out;
	size_t done = 0;
	(void)pos;
	if (to->count < sizeof(out))
		return -EINVAL;
	do {
		int sig = take(s, &info);
		if (!sig) {
			if (done)
				break;
			if (f->flags & O_NONBLOCK)
				return -EAGAIN;
			int err = wait_event_interruptible(*queue_of(current->sighand), (sig = take(s, &info)) != 0);
			if (err)
				return err;
		}
		fill(&out, &info);
		size_t n = iter_copy_to(to, &out, sizeof(out));
		if (n < sizeof(out))
			return done ? (ssize_t)done : -EFAULT;
		done += n;
	} while (to->count >= sizeof(out));
	return (ssize_t)done;
}

static void signalfd_release(struct file *f) { kfree(f->private); }

static int signalfd_fdinfo(struct file *f, char *buf, size_t size)
{
	static const char hex[] = "0123456789abcdef";
	ksigset_t set = ~((struct signalfd *)f->private)->blocked;
	char line[9 + 16 + 2] = "sigmask:\t";
	for (int i = 0; i < 16; i++)
		line[9 + i] = hex[set >> (60 - 4 * i) & 15];
	line[25] = '\n';
	line[26] = 0;
	return (int)str_copy(buf, line, size);
}

static const struct file_ops signalfd_fops = {
	.read = signalfd_read,
	.poll = signalfd_poll,
	.release = signalfd_release,
	.show_fdinfo = signalfd_fdinfo,
};

static long signalfd_new(ksigset_t blocked, u32 flags)
{
	struct signalfd *s = kmalloc(sizeof(*s));
	struct file *f;
	if (!s)
		return -ENOMEM;
	s->blocked = blocked;
	int err = file_create_anon("anon_inode:[signalfd]", 0600, &signalfd_fops, s, O_RDWR | (flags & SFD_NONBLOCK), &f);
	if (err) {
		kfree(s);
		return err;
	}
	return fd_install_new(f, flags & SFD_CLOEXEC);
}

static long signalfd_change(int fd, ksigset_t blocked)
{
	struct file *f;
	int err = fd_get(fd, &f);
	if (err)
		return err;
	if (f->ops == &signalfd_fops) {
		struct sighand *h = current->sighand;
		u64 fl = spin_lock_irqsave(&h->lock);
		((struct signalfd *)f->private)->blocked = blocked;
		spin_unlock_irqrestore(&h->lock, fl);
		wake_up_all(queue_of(h));
	} else {
		err = -EINVAL;
	}
	file_put(f);
	return err ? err : fd;
}

long sys_signalfd4(u64 fd, u64 umask, u64 size, u64 flags)
{
	ksigset_t set;
	if (size != sizeof(set))
		return -EINVAL;
	if (get_user(set, umask))
		return -EFAULT;
	if ((u32)flags & ~(u32)(SFD_CLOEXEC | SFD_NONBLOCK))
		return -EINVAL;
	ksigset_t blocked = ~(set & ~SIGSET_ONLY);
	return (int)fd == -1 ? signalfd_new(blocked, (u32)flags) : signalfd_change((int)fd, blocked);
}

long sys_signalfd(u64 fd, u64 umask, u64 size) { return sys_signalfd4(fd, umask, size, 0); }
