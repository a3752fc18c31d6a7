/*
 * Verdicts by another process: SECCOMP_RET_USER_NOTIF and the descriptor of SECCOMP_FILTER_FLAG_NEW_LISTENER. Entry points: seccomp_ask_listener() for the
 * task that makes the call, listener_ops for the supervisor. Interface: seccomp.h.
 *
 * A notification lies on the asking task's stack and in its filter's list, under filter->lock, until that task itself takes it out: INIT (to be received) ->
 * SENT -> REPLIED. A request to put a descriptor into the task's table lies likewise on the supervisor's stack, in the notification's list, until the task,
 * which alone can change its own table, has done it.
 */
#include <linux/fcntl.h>
#include <linux/ioctl.h>

#include "lib/string.h"
#include "mm/uaccess.h"
#include "proc/proc.h"
#include "proc/seccomp.h"
#include "uapi/newer.h"
#include "vfs/poll.h"

enum notification_state { NOTIFY_INIT, NOTIFY_SENT, NOTIFY_REPLIED };

struct notification {
	struct list_head node; /* f->lock */
	struct task *task; /* constant: who asks */
	u64 id; /* constant */
	const struct seccomp_data *sd; /* constant */
	enum notification_state state; /* f->lock */
	s64 val; /* f->lock: the answer */
	s32 error;
	u32 flags;
	bool woken; /* f->lock: something has changed since it last looked */
	struct list_head add_fds; /* f->lock: struct add_fd */
	struct wait_queue wait; /* the asking task */
};

struct add_fd {
	struct list_head node; /* f->lock */
	struct file *file;
	int fd; /* wanted number, -1 = any */
	bool cloexec, answers; /* answers: its number is the answer to the notification */
	bool taken; /* f->lock: the task is at it */
	bool done; /* f->lock: ret is there */
	long ret;
	struct wait_queue wait; /* the supervisor */
};

/* --- the asking task --------------------------------------------------------------------------------------------------------------------- */

/* => f->lock */
static void wake_asker(struct notification *n)
{
	n->woken = true;
	wake_up(&n->wait);
}

/* => f->lock. What is left of the requests when the notification ends. */
static void refuse_add_fds(struct notification *n)
{
	while (!list_empty(&n->add_fds)) {
		struct add_fd *a = list_first(&n->add_fds, struct add_fd, node);
		list_del(&a->node);
		a->ret = -ESRCH;
		WRITE_ONCE(a->done, true);
		wake_up(&a->wait);
	}
}

/* => f->lock, released in between. Does the oldest request, if there is one. */
static void serve_add_fd(struct seccomp_filter *f, struct notification *n)
{
	if (list_empty(&n->add_fds))
		return;
	struct add_fd *a = list_first(&n->add_fds, struct add_fd, node);
	list_del(&a->node);
	a->taken = true;
	spin_unlock(&f->lock);
	file_get(a->file);
	long fd = a->fd < 0 ? fd_install_new(a->file, a->cloexec) : fd_install_at(a->file, (u32)a->fd, a->cloexec);
	spin_lock(&f->lock);
	if (a->answers && fd < 0) {
		n->state = NOTIFY_SENT;
	} else if (a->answers) {
		n->flags = 0;
		n->error = 0;
		n->val = fd;
	}
	a->ret = fd;
	WRITE_ONCE(a->done, true);
	wake_up(&a->wait);
}

/* => f->lock, released in between. 0 when there is an answer, else -ERESTARTSYS. */
static int await_answer(struct seccomp_filter *f, struct notification *n)
{
	do {
		/* Once a supervisor has begun to work on it, only death disturbs (if the filter asked for that). */
		bool killable = f->wait_killable && n->state != NOTIFY_INIT;
		bool woken = n->woken;
		n->woken = false;
		spin_unlock(&f->lock);
		int err = woken ? 0 : killable ? wait_event_killable(n->wait, READ_ONCE(n->woken)) : wait_event_interruptible(n->wait, READ_ONCE(n->woken));
		spin_lock(&f->lock);
		if (err && (killable || !f->wait_killable || n->state == NOTIFY_INIT))
			return err;
		serve_add_fd(f, n);
	} while (n->state != NOTIFY_REPLIED);
	return 0;
}

bool seccomp_ask_listener(struct seccomp_filter *f, const struct seccomp_data *sd, struct regs *regs)
{
	struct notification n = { .task = current, .sd = sd, .state = NOTIFY_INIT };
	list_init(&n.add_fds);
	wait_queue_init(&n.wait);
	spin_lock(&f->lock);
	if (!f->listening) {
		spin_unlock(&f->lock);
		regs->ax = (u64)-ENOSYS;
		return false;
	}
	n.id = f->next_id++;
	list_add_tail(&n.node, &f->waiting);
	f->requests++;
	spin_unlock(&f->lock);
	wake_up_poll(&f->wait, POLLIN | POLLRDNORM);
	spin_lock(&f->lock);
	int err = await_answer(f, &n);
	refuse_add_fds(&n);
	/* An unread one has a request to its name still. */
	if (n.state == NOTIFY_INIT && f->requests)
		f->requests--;
	list_del(&n.node);
	spin_unlock(&f->lock);
	if (!err && (n.flags & SECCOMP_USER_NOTIF_FLAG_CONTINUE))
		return true;
	regs->ax = (u64)(err ? err : n.error ? n.error : n.val);
	return false;
}

/* --- the supervisor ---------------------------------------------------------------------------------------------------------------------- */

/* => f->lock */
static struct notification *find(struct seccomp_filter *f, u64 id)
{
	struct notification *n;
	list_for_each (n, &f->waiting, node)
		if (n->id == id)
			return n;
	return NULL;
}

/* => f->lock */
static struct notification *oldest_in(struct seccomp_filter *f, enum notification_state state)
{
	struct notification *n;
	list_for_each (n, &f->waiting, node)
		if (n->state == state)
			return n;
	return NULL;
}

static bool take_request(struct seccomp_filter *f)
{
	spin_lock(&f->lock);
	bool got = f->requests > 0;
	if (got)
		WRITE_ONCE(f->requests, f->requests - 1);
	spin_unlock(&f->lock);
	return got;
}

static bool all_zero(const void *p, size_t n)
{
	const u8 *b = p;
	while (n && !b[n - 1])
		n--;
	return !n;
}

/* A receiver that could not take its copy: the notification can be received again, if it is there still. */
static void unreceive(struct seccomp_filter *f, u64 id)
{
	spin_lock(&f->lock);
	struct notification *n = find(f, id);
	if (n && n->state == NOTIFY_SENT) {
		n->state = NOTIFY_INIT;
		f->requests++;
	}
	spin_unlock(&f->lock);
	wake_up_poll(&f->wait, POLLIN | POLLRDNORM);
}

static long receive(struct seccomp_filter *f, uaddr_t out)
{
	struct seccomp_notif u;
	if (copy_from_user(&u, out, sizeof(u)))
		return -EFAULT;
	if (!all_zero(&u, sizeof(u)))
		return -EINVAL;
	while (!take_request(f)) {
		if (!atomic_read(&f->users))
			break;
		if (wait_event_interruptible(f->wait, READ_ONCE(f->requests) || !atomic_read(&f->users)))
			return -ERESTARTSYS;
	}
	spin_lock(&f->lock);
	struct notification *n = oldest_in(f, NOTIFY_INIT);
	if (n) {
		u.id = n->id;
		u.pid = (u32)pid_vnr(n->task->thread_pid);
		u.data = *n->sd;
		n->state = NOTIFY_SENT;
	}
	spin_unlock(&f->lock);
	if (!n)
		return -ENOENT;
	wake_up_poll(&f->wait, POLLOUT | POLLWRNORM);
	if (!copy_to_user(out, &u, sizeof(u)))
		return 0;
	unreceive(f, u.id);
	return -EFAULT;
}

static long answer(struct seccomp_filter *f, uaddr_t in)
{
	struct seccomp_notif_resp r;
	long err = 0;
	if (copy_from_user(&r, in, sizeof(r)))
		return -EFAULT;
	if (r.flags & ~(u32)SECCOMP_USER_NOTIF_FLAG_CONTINUE)
		return -EINVAL;
	if ((r.flags & SECCOMP_USER_NOTIF_FLAG_CONTINUE) && (r.error || r.val))
		return -EINVAL;
	spin_lock(&f->lock);
	struct notification *n = find(f, r.id);
	if (!n) {
		err = -ENOENT;
	} else if (n->state != NOTIFY_SENT) {
		err = -EINPROGRESS;
	} else {
		n->state = NOTIFY_REPLIED;
		n->error = r.error;
		n->val = r.val;
		n->flags = r.flags;
		wake_asker(n);
	}
	spin_unlock(&f->lock);
	return err;
}

static long id_valid(struct seccomp_filter *f, uaddr_t in)
{
	u64 id;
	if (copy_from_user(&id, in, sizeof(id)))
		return -EFAULT;
	spin_lock(&f->lock);
	struct notification *n = find(f, id);
	bool valid = n && n->state == NOTIFY_SENT;
	spin_unlock(&f->lock);
	return valid ? 0 : -ENOENT;
}

/* The wake-up is the same with or without it: a hint for where the other side should run. */
static long set_flags(struct seccomp_filter *f, u64 flags)
{
	if (flags & ~(u64)SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)
		return -EINVAL;
	spin_lock(&f->lock);
	f->notify_flags = (u32)flags;
	spin_unlock(&f->lock);
	return 0;
}

/* => f->lock. Hands `a` to the task that made the notification `id`. 0, -ENOENT, -EINPROGRESS, -EBUSY. */
static long offer_fd(struct seccomp_filter *f, u64 id, struct add_fd *a)
{
	struct notification *n = find(f, id);
	if (!n)
		return -ENOENT;
	if (n->state != NOTIFY_SENT)
		return -EINPROGRESS;
	if (a->answers) {
		/* The answer must come last. */
		if (!list_empty(&n->add_fds))
			return -EBUSY;
		n->state = NOTIFY_REPLIED;
	}
	list_add_tail(&a->node, &n->add_fds);
	wake_asker(n);
	return 0;
}

/* Offers and waits. A signal takes it back, unless the task is at it already. */
static long send_fd(struct seccomp_filter *f, u64 id, struct add_fd *a)
{
	spin_lock(&f->lock);
	long err = offer_fd(f, id, a);
	spin_unlock(&f->lock);
	if (err)
		return err;
	err = wait_event_interruptible(a->wait, READ_ONCE(a->done));
	spin_lock(&f->lock);
	if (err && !a->taken && !a->done) {
		/* On the list still, so its notification is there: it waits for another answer. */
		if (a->answers)
			find(f, id)->state = NOTIFY_SENT;
		list_del(&a->node);
		spin_unlock(&f->lock);
		return err;
	}
	spin_unlock(&f->lock);
	wait_event(a->wait, READ_ONCE(a->done));
	/* Whoever said so has let go of the record when the lock is free. */
	spin_lock(&f->lock);
	spin_unlock(&f->lock);
	return a->ret;
}

static long add_fd(struct seccomp_filter *f, uaddr_t in, u64 size)
{
	struct seccomp_notif_addfd u;
	if (size < sizeof(u) || size >= 4096)
		return -EINVAL;
	int err = copy_struct_from_user(&u, sizeof(u), in, size);
	if (err)
		return err;
	if ((u.newfd_flags & ~(u32)O_CLOEXEC) || (u.flags & ~(u32)(SECCOMP_ADDFD_FLAG_SETFD | SECCOMP_ADDFD_FLAG_SEND)))
		return -EINVAL;
	if (u.newfd && !(u.flags & SECCOMP_ADDFD_FLAG_SETFD))
		return -EINVAL;
	struct add_fd a = { .fd = u.flags & SECCOMP_ADDFD_FLAG_SETFD ? (int)u.newfd : -1,
		.cloexec = u.newfd_flags & O_CLOEXEC,
		.answers = u.flags & SECCOMP_ADDFD_FLAG_SEND };
	list_init(&a.node);
	wait_queue_init(&a.wait);
	if (fd_get((int)u.srcfd, &a.file))
		return -EBADF;
	long r = send_fd(f, u.id, &a);
	file_put(a.file);
	return r;
}

/* Without size and direction. */
#define IOC_NAME(cmd) ((cmd) & 0xffffu)
static long listener_ioctl(struct file *file, u32 cmd, u64 arg)
{
	struct seccomp_filter *f = file->private;
	switch (cmd) {
	case SECCOMP_IOCTL_NOTIF_RECV:
		return receive(f, arg);
	case SECCOMP_IOCTL_NOTIF_SEND:
		return answer(f, arg);
	case SECCOMP_IOR(2, __u64): /* its number in Linux 5.0 to 5.7 */
	case SECCOMP_IOCTL_NOTIF_ID_VALID:
		return id_valid(f, arg);
	case SECCOMP_IOCTL_NOTIF_SET_FLAGS:
		return set_flags(f, arg);
	default:
		/* This one may have grown. */
		if (IOC_NAME(cmd) == IOC_NAME(SECCOMP_IOCTL_NOTIF_ADDFD))
			return add_fd(f, arg, cmd >> 16 & 0x3fff);
		return -EINVAL;
	}
}

static u32 listener_poll(struct file *file, struct poll_table *pt)
{
	struct seccomp_filter *f = file->private;
	u32 events = 0;
	poll_wait(file, &f->wait, pt);
	spin_lock(&f->lock);
	if (oldest_in(f, NOTIFY_INIT))
		events |= POLLIN | POLLRDNORM;
	if (oldest_in(f, NOTIFY_SENT))
		events |= POLLOUT | POLLWRNORM;
	spin_unlock(&f->lock);
	return atomic_read(&f->users) ? events : events | POLLHUP;
}

/* Nobody will answer any more. */
static void listener_release(struct file *file)
{
	struct seccomp_filter *f = file->private;
	struct notification *n;
	spin_lock(&f->lock);
	f->listening = false;
	list_for_each (n, &f->waiting, node) {
		if (n->state == NOTIFY_REPLIED)
			continue;
		n->state = NOTIFY_REPLIED;
		n->error = -ENOSYS;
		n->val = 0;
		wake_asker(n);
	}
	spin_unlock(&f->lock);
	seccomp_filter_put(f);
}

static const struct file_ops listener_ops = { .ioctl = listener_ioctl, .poll = listener_poll, .release = listener_release };

int seccomp_listener_create(struct seccomp_filter *f, struct file **out)
{
	f->listening = true;
	hook_random_bytes(&f->next_id, sizeof(f->next_id));
	atomic_inc(&f->refs);
	int err = file_create_anon("anon_inode:seccomp notify", 0600, &listener_ops, f, O_RDWR, out);
	if (err) {
		f->listening = false;
		atomic_dec(&f->refs);
	}
	return err;
}

void seccomp_listener_hangup(struct seccomp_filter *f)
{
	if (wait_queue_active(&f->wait))
		wake_up_key(&f->wait, TASK_NORMAL, 0, POLLHUP);
}
