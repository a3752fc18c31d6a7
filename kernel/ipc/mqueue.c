/*
 * POSIX message queues. Entry points: sys_mq_open, sys_mq_unlink, sys_mq_timedsend, sys_mq_timedreceive, sys_mq_notify, sys_mq_getsetattr.
 * A message goes straight to the most important waiting receiver; the room that a receiver makes goes to the most important waiting sender.
 */
#include <asm-generic/siginfo.h>
#include <linux/fcntl.h>
#include <linux/time_types.h>

#include "gen/sys_protos.h"
#include "ipc/mqueue.h"
#include "proc/signal.h"
#include "sched/timer.h"
#include "vfs/dcache.h"
#include "vfs/poll.h"

#define COOKIE_LEN NOTIFY_COOKIE_LEN

/* --- mq_open, mq_unlink ------------------------------------------------------------------------------------------------------------------------ */

static int may_open(struct inode *i, u32 flags)
{
	static const u8 want[] = { [O_RDONLY] = 4, [O_WRONLY] = 2, [O_RDWR] = 6 };
	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return -EEXIST;
	if ((flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	return inode_permission(i, want[flags & O_ACCMODE]);
}

/* The queue's dentry with a reference: found, or made. */
static int find_or_make(struct ipc_namespace *ns, const char *name, u32 flags, u32 mode, const struct mq_attr *attr, struct path *out)
{
	struct path root = { ns->mq_mount, ns->mq_mount->root };
	int err = child_begin(&root, name, &out->dentry);
	if (err)
		return err;
	out->mnt = ns->mq_mount;
	if (out->dentry->inode) {
		err = may_open(out->dentry->inode, flags);
	} else if (!(flags & O_CREAT)) {
		err = -ENOENT;
	} else {
		mqueue_want_attr(ns, attr);
		err = child_make(&root, out->dentry, S_IFREG | (mode & 07777));
		mqueue_want_attr(ns, NULL);
	}
	child_end(&root);
	if (err)
		dentry_put(out->dentry);
	return err;
}

static int open_queue(const char *name, u32 flags, u32 mode, const struct mq_attr *attr, struct file **out)
{
	struct path p;
	int err = find_or_make(current_ipc_ns(), name, flags, mode, attr, &p);
	if (err)
		return err;
	err = file_alloc(flags & ~(u32)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC), out);
	if (!err) {
		err = file_open_path(*out, &p, &mqueue_file_ops);
		if (err)
			file_put(*out);
	}
	dentry_put(p.dentry);
	return err;
}

long sys_mq_open(u64 uname, u64 flags, u64 mode, u64 uattr)
{
	struct mq_attr attr;
	struct file *f;
	char *name;
	int fd;
	if (uattr && copy_from_user(&attr, uattr, sizeof(attr)))
		return -EFAULT;
	int err = path_name_get(uname, &name);
	if (err)
		return err;
	err = *name ? fd_reserve(0, true, &fd) : -ENOENT;
	if (!err) {
		err = open_queue(name, (u32)flags, (u32)mode & ~current_umask(), uattr ? &attr : NULL, &f);
		if (err)
			fd_cancel(fd);
		else
			fd_install(fd, f);
	}
	path_name_put(name);
	return err ? err : fd;
}

long sys_mq_unlink(u64 uname)
{
	struct ipc_namespace *ns = current_ipc_ns();
	struct path root = { ns->mq_mount, ns->mq_mount->root };
	struct dentry *d;
	char *name;
	int err = path_name_get(uname, &name);
	if (err)
		return err;
	err = *name ? child_begin(&root, name, &d) : -ENOENT;
	if (!err) {
		err = d->inode ? child_unlink(&root, d) : -ENOENT;
		child_end(&root);
		dentry_put(d);
	}
	path_name_put(name);
	return err;
}

/* The queue behind a descriptor, whose file must be put. */
static int get_queue(u64 fd, struct file **f, struct mqueue **q)
{
	int err = fd_get((int)fd, f);
	if (err)
		return err;
	if ((*f)->ops != &mqueue_file_ops) {
		file_put(*f);
		return -EBADF;
	}
	*q = mqueue_of((*f)->inode);
	return 0;
}

/* --- waiting -------------------------------------------------------------------------------------------------------------------------------- */

/* Who sleeps in a call, on its stack. */
struct mq_wait {
	struct list_head node;
	struct task *task;
	struct msg *msg; /* senders: what they bring; receivers: what they got */
	bool done;
};

static bool more_important(const struct task *a, const struct task *b)
{
	return a->se.prio != b->se.prio ? a->se.prio > b->se.prio : !a->se.prio && a->se.nice < b->se.nice;
}

/* => lock */
static void enqueue(struct list_head *list, struct mq_wait *w)
{
	struct mq_wait *before;
	list_for_each (before, list, node)
		if (more_important(w->task, before->task))
			break;
	list_add_tail(&w->node, &before->node);
}

/* => lock */
static void finish(struct mq_wait *w)
{
	list_del(&w->node);
	w->done = true;
	wake_up_thread(task_thread(w->task));
}

/* => lock, which is dropped while it sleeps. deadline: by the real-time clock, ~0 = none. 0, -ETIMEDOUT, -ERESTARTSYS */
static int sleep_in(struct mqueue *q, struct list_head *list, struct mq_wait *w, u64 deadline)
{
	int err = 0;
	w->task = current;
	enqueue(list, w);
	while (!w->done && !err) {
		set_current_state(TASK_INTERRUPTIBLE);
		spin_unlock(&q->lock);
		u64 now = clock_real();
		if (signal_pending())
			err = -ERESTARTSYS;
		else if (now >= deadline)
			err = -ETIMEDOUT;
		else
			schedule_timeout(deadline == ~0UL ? ~0UL : deadline - now);
		set_current_state(TASK_RUNNING);
		spin_lock(&q->lock);
	}
	if (w->done)
		return 0;
	list_del(&w->node);
	return err;
}

static int read_deadline(uaddr_t utime, u64 *out)
{
	struct __kernel_timespec ts;
	*out = ~0UL;
	if (!utime)
		return 0;
	if (copy_from_user(&ts, utime, sizeof(ts)))
		return -EFAULT;
	if (ts.tv_sec < 0 || (u64)ts.tv_nsec >= NSEC_PER_SEC)
		return -EINVAL;
	if ((u64)ts.tv_sec < INT64_MAX / NSEC_PER_SEC - 1)
		*out = (u64)ts.tv_sec * NSEC_PER_SEC + (u64)ts.tv_nsec;
	return 0;
}

/* --- being told --------------------------------------------------------------------------------------------------------------------------------- */

void mqueue_stop_notify(struct mqueue *q)
{
	if (!q->notify.pid)
		return;
	pid_put(q->notify.pid);
	ns_put(&q->notify.user_ns->common);
	q->notify.pid = NULL;
}

/* A signal that is due; sent when the queue's lock is free. */
struct telling {
	struct pid *pid; /* counted, NULL = nothing to do */
	u64 exec_id;
	struct ksiginfo info;
};

/* => lock. The first message in an empty queue that nobody waits for: who asked is told, once. */
static void take_notify(struct mqueue *q, struct telling *t)
{
	if (!q->notify.pid || q->count != 1)
		return;
	if (q->notify.how == SIGEV_SIGNAL && q->notify.signo) {
		t->pid = q->notify.pid;
		pid_get(t->pid);
		t->exec_id = q->notify.exec_id;
		t->info = (struct ksiginfo){ .signo = q->notify.signo, .code = SI_MESGQ, .value = q->notify.value };
		t->info.pid = pid_nr_in(ipc_current_pid(), pid_ns_of(t->pid));
		t->info.uid = show_uid(q->notify.user_ns, current_cred()->uid);
	}
	mqueue_stop_notify(q);
}

static void tell(struct telling *t)
{
	struct task *whom = NULL;
	if (!t->pid)
		return;
	spin_lock(&tasklist_lock);
	if (!list_empty(&t->pid->tasks[PIDTYPE_TGID])) {
		whom = list_first(&t->pid->tasks[PIDTYPE_TGID], struct task, pid_links[PIDTYPE_TGID]);
		if (whom->self_exec_id == t->exec_id)
			task_get(whom);
		else
			whom = NULL;
	}
	spin_unlock(&tasklist_lock);
	if (whom) {
		send_signal_told(whom, t->info.signo, &t->info);
		task_put(whom);
	}
	pid_put(t->pid);
}

/* --- mq_timedsend ------------------------------------------------------------------------------------------------------------------------------- */

static bool higher(const struct rb_node *a, const struct rb_node *b) { return rb_entry(a, struct msg, rb)->type > rb_entry(b, struct msg, rb)->type; }

/* => lock */
static void insert(struct mqueue *q, struct msg *m)
{
	rb_insert(&q->messages, &m->rb, higher);
	q->count++;
	q->bytes += m->size;
}

static void touch(struct file *f) { f->inode->atime = f->inode->mtime = f->inode->ctime = file_now(); }

/* Takes m over when it succeeds. */
static int send(struct file *f, struct mqueue *q, struct msg *m, u64 deadline)
{
	struct mq_wait w = { .msg = m };
	struct telling t = { .pid = NULL };
	int err = 0;
	spin_lock(&q->lock);
	if (q->count == q->max_msgs) {
		err = f->flags & O_NONBLOCK ? -EAGAIN : sleep_in(q, &q->senders, &w, deadline);
	} else if (!list_empty(&q->receivers)) {
		struct mq_wait *r = list_first(&q->receivers, struct mq_wait, node);
		r->msg = m;
		finish(r);
		touch(f);
	} else {
		insert(q, m);
		touch(f);
		take_notify(q, &t);
		wake_up_poll(&q->wait, POLLIN | POLLRDNORM);
	}
	spin_unlock(&q->lock);
	tell(&t);
	return err;
}

long sys_mq_timedsend(u64 fd, u64 umsg, u64 size, u64 prio, u64 utimeout)
{
	struct file *f;
	struct mqueue *q;
	struct msg *m;
	u64 deadline;
	int err = read_deadline(utimeout, &deadline);
	if (!err && (u32)prio >= MQ_PRIO_MAX)
		err = -EINVAL;
	if (!err)
		err = get_queue(fd, &f, &q);
	if (err)
		return err;
	if (!file_writable(f))
		err = -EBADF;
	else if (size > (u64)q->msg_size)
		err = -EMSGSIZE;
	else
		err = msg_load(umsg, size, &m);
	if (!err) {
		m->type = (u32)prio;
		err = send(f, q, m, deadline);
		if (err)
			msg_free(m);
	}
	file_put(f);
	return err;
}

/* --- mq_timedreceive ------------------------------------------------------------------------------------------------------------------------- */

/* => lock. The first message; a waiting sender's takes its place. */
static struct msg *take(struct mqueue *q)
{
	struct msg *m = rb_entry(rb_first(&q->messages), struct msg, rb);
	rb_erase(&q->messages, &m->rb);
	q->count--;
	q->bytes -= m->size;
	if (!list_empty(&q->senders)) {
		struct mq_wait *w = list_first(&q->senders, struct mq_wait, node);
		insert(q, w->msg);
		finish(w);
	} else {
		wake_up_poll(&q->wait, POLLOUT | POLLWRNORM);
	}
	return m;
}

static int receive(struct file *f, struct mqueue *q, u64 deadline, struct msg **out)
{
	struct mq_wait w = { .msg = NULL };
	int err = 0;
	spin_lock(&q->lock);
	if (q->count) {
		*out = take(q);
		touch(f);
	} else {
		err = f->flags & O_NONBLOCK ? -EAGAIN : sleep_in(q, &q->receivers, &w, deadline);
		*out = w.msg;
	}
	spin_unlock(&q->lock);
	return err;
}

long sys_mq_timedreceive(u64 fd, u64 umsg, u64 room, u64 uprio, u64 utimeout)
{
	struct file *f;
	struct mqueue *q;
	struct msg *m;
	u64 deadline;
	long ret = read_deadline(utimeout, &deadline);
	if (!ret)
		ret = get_queue(fd, &f, &q);
	if (ret)
		return ret;
	if (!file_readable(f))
		ret = -EBADF;
	else if (room < (u64)q->msg_size)
		ret = -EMSGSIZE;
	else
		ret = receive(f, q, deadline, &m);
	if (!ret) {
		ret = (uprio && put_user((u32)m->type, uprio)) || msg_store(m, umsg, m->size) ? -EFAULT : (long)m->size;
		msg_free(m);
	}
	file_put(f);
	return ret;
}

/* --- mq_notify, mq_getsetattr ------------------------------------------------------------------------------------------------------------------- */

/* By a thread means through a netlink socket, which there is none of: whatever socket is given is not one. */
static int check_netlink(const struct sigevent *ev)
{
	u8 cookie[COOKIE_LEN];
	struct file *f;
	if (copy_from_user(cookie, (u64)ev->sigev_value.sival_ptr, sizeof(cookie)))
		return -EFAULT;
	int err = fd_get(ev->sigev_signo, &f);
	if (err)
		return err;
	err = S_ISSOCK(f->inode->mode) ? -EINVAL : -ENOTSOCK;
	file_put(f);
	return err;
}

static int decode_event(uaddr_t uevent, struct sigevent *ev)
{
	if (copy_from_user(ev, uevent, sizeof(*ev)))
		return -EFAULT;
	switch (ev->sigev_notify) {
	case SIGEV_NONE:
		return 0;
	case SIGEV_SIGNAL:
		return (u32)ev->sigev_signo > NSIG_MAX ? -EINVAL : 0;
	case SIGEV_THREAD:
		return check_netlink(ev);
	default:
		return -EINVAL;
	}
}

/* => lock */
static void start_notify(struct mqueue *q, const struct sigevent *ev)
{
	q->notify.pid = ipc_current_pid();
	pid_get(q->notify.pid);
	q->notify.user_ns = current_user_ns();
	ns_get(&q->notify.user_ns->common);
	q->notify.exec_id = current->self_exec_id;
	q->notify.how = ev->sigev_notify;
	q->notify.signo = ev->sigev_notify == SIGEV_SIGNAL ? ev->sigev_signo : 0;
	q->notify.value = (u64)ev->sigev_value.sival_ptr;
}

long sys_mq_notify(u64 fd, u64 uevent)
{
	struct sigevent ev;
	struct file *f;
	struct mqueue *q;
	int err = uevent ? decode_event(uevent, &ev) : 0;
	if (!err)
		err = get_queue(fd, &f, &q);
	if (err)
		return err;
	spin_lock(&q->lock);
	bool mine = q->notify.pid == ipc_current_pid();
	if (uevent && q->notify.pid)
		err = -EBUSY;
	else if (uevent)
		start_notify(q, &ev);
	else if (mine)
		mqueue_stop_notify(q);
	spin_unlock(&q->lock);
	if (!err && (uevent || mine))
		f->inode->atime = f->inode->ctime = file_now();
	file_put(f);
	return err;
}

static void read_attr(const struct file *f, struct mqueue *q, struct mq_attr *a)
{
	memset(a, 0, sizeof(*a));
	spin_lock(&q->lock);
	a->mq_maxmsg = q->max_msgs;
	a->mq_msgsize = q->msg_size;
	a->mq_curmsgs = q->count;
	spin_unlock(&q->lock);
	a->mq_flags = f->flags & O_NONBLOCK;
}

long sys_mq_getsetattr(u64 fd, u64 unew, u64 uold)
{
	struct mq_attr new, old;
	struct file *f;
	struct mqueue *q;
	if (unew && copy_from_user(&new, unew, sizeof(new)))
		return -EFAULT;
	if (unew && (new.mq_flags & ~(s64)O_NONBLOCK))
		return -EINVAL;
	int err = get_queue(fd, &f, &q);
	if (err)
		return err;
	read_attr(f, q, &old);
	if (unew) {
		u32 keep = f->flags & ~(u32)O_NONBLOCK;
		WRITE_ONCE(f->flags, keep | (u32) new.mq_flags);
		f->inode->atime = f->inode->ctime = file_now();
	}
	file_put(f);
	return uold ? copy_to_user(uold, &old, sizeof(old)) : 0;
}
