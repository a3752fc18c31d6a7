/*
 * Files that tell by a signal when they are ready: F_SETOWN, F_SETSIG and their relatives, O_ASYNC. Entry points: the hook_file_owner* functions.
 * Leases and dnotify tell their files' owners by the same signals (hook_file_owner_tell).
 *
 * With O_ASYNC a file's owner hangs on the wait queues that its poll op names, as poll(2) would. A wake-up there comes where no signal may be sent (a signal takes
 * locks that come before a wait queue's), so the owner is put on a list, and the kernel thread `kasync`, which the first O_ASYNC starts, sends.
 */
#include <asm/siginfo.h>
#include <linux/fcntl.h>
#include <linux/fs.h>

#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/internal.h"
#include "proc/signal.h"
#include "vfs/file.h"
#include "vfs/poll.h"
#include "vfs/unix.h"

#ifndef F_GETOWNER_UIDS
#define F_GETOWNER_UIDS 17
#endif
#define QUEUES_MAX 4

struct file_owner {
	atomic_t refs; /* the file's, and kasync's while it works on it */
	struct spinlock lock; /* RANK_FILES */
	struct pid *pid; /* lock: counted, or NULL */
	enum pid_type type; /* lock */
	u32 uid, euid; /* lock: of who set it; kernel ids */
	s32 sig; /* lock: F_SETSIG, 0 = SIGIO */
	s32 fd; /* lock: the descriptor that O_ASYNC was set through */
	struct file *file; /* lock: NULL once it is gone */
	struct list_head node; /* async_lock: waits for kasync */
	u32 events; /* async_lock: POLL* since */
	s32 msg_fd; /* async_lock: the descriptor of a POLLMSG among them */
	struct {
		struct wait_entry entry;
		struct wait_queue *q;
	} on[QUEUES_MAX]; /* set_lock */
	u32 nr_on; /* set_lock */
	bool too_many; /* set_lock */
};

static DEFINE_MUTEX(set_lock, RANK_KTHREAD); /* O_ASYNC goes on or off */
static DEFINE_SPINLOCK(async_lock, RANK_EPOLL_CB); /* taken in wake-up callbacks */
static LIST_HEAD(ready); /* async_lock */
static struct wait_queue kasync_wait;
static bool kasync_runs; /* set_lock */

static void owner_put(struct file_owner *o)
{
	if (!atomic_dec_and_test(&o->refs))
		return;
	if (o->pid)
		pid_put(o->pid);
	kfree(o);
}

/* => tasklist_lock. The first task that uses pid as this. */
static struct task *pid_task(struct pid *pid, enum pid_type type)
{
	return list_empty(&pid->tasks[type]) ? NULL : list_first(&pid->tasks[type], struct task, pid_links[type]);
}

/* f's record, made if there is none. NULL: no memory. */
static struct file_owner *owner_of(struct file *f)
{
	struct file_owner *o = READ_ONCE(f->owner), *other;
	if (o)
		return o;
	o = kzalloc(sizeof(*o));
	if (!o)
		return NULL;
	atomic_set(&o->refs, 1);
	spin_init(&o->lock, RANK_FILES);
	list_init(&o->node);
	o->file = f;
	other = cmpxchg(&f->owner, NULL, o);
	if (!other)
		return o;
	kfree(o);
	return other;
}

/* --- sending ---------------------------------------------------------------------------------------------------------------------------------- */

static bool may_signal(const struct file_owner *o, struct task *t)
{
	spin_lock(&t->alloc_lock);
	const struct cred *c = t->cred;
	bool ok = o->euid == 0 || o->euid == c->suid || o->euid == c->uid || o->uid == c->suid || o->uid == c->uid;
	spin_unlock(&t->alloc_lock);
	return ok;
}

/* One event to one task or process. => tasklist_lock */
static void tell(const struct file_owner *o, struct task *t, int code, u32 band)
{
	enum pid_type to = o->type == PIDTYPE_PID ? PIDTYPE_PID : PIDTYPE_TGID;
	if (!may_signal(o, t))
		return;
	/* Signals whose codes mean something else say only where they come from. */
	if (o->sig && sig_in(o->sig, SIGSET_SYNC | SIGMASK(SIGCHLD)))
		code = SI_SIGIO;
	/* An urgent byte has SIGURG; one who did not choose a signal gets no second one. */
	if (code == POLL_PRI && !o->sig)
		return;
	struct ksiginfo i = { .signo = o->sig, .code = code, .value = band, .status = o->fd };
	/* No signal chosen, or its queue is full: the old one, which says nothing. */
	if (!o->sig || send_signal_info(t, o->sig, &i, to))
		send_signal_info(t, SIGIO, NULL, to);
}

/* => tasklist_lock */
static void tell_urgent(const struct file_owner *o, struct task *t)
{
	if (may_signal(o, t))
		send_signal_info(t, SIGURG, NULL, o->type == PIDTYPE_PID ? PIDTYPE_PID : PIDTYPE_TGID);
}

static void tell_all(const struct file_owner *o, int code, u32 band)
{
	struct task *t;
	if (!o->pid)
		return;
	spin_lock(&tasklist_lock);
	if (o->type == PIDTYPE_PGID) {
		list_for_each (t, &o->pid->tasks[PIDTYPE_PGID], pid_links[PIDTYPE_PGID])
			tell(o, t, code, band);
	} else {
		t = pid_task(o->pid, o->type);
		if (t)
			tell(o, t, code, band);
	}
	spin_unlock(&tasklist_lock);
}

static const struct {
	u32 events;
	int code;
	u32 band;
} kinds[] = {
	{ POLLIN | POLLRDNORM, POLL_IN, POLLIN | POLLRDNORM },
	{ POLLOUT | POLLWRNORM, POLL_OUT, POLLOUT | POLLWRNORM | POLLWRBAND },
	{ POLLMSG, POLL_MSG, POLLIN | POLLRDNORM | POLLMSG },
	{ POLLPRI, POLL_PRI, POLLPRI | POLLRDBAND },
	{ POLLERR, POLL_ERR, POLLERR },
	{ POLLHUP, POLL_HUP, POLLHUP | POLLERR },
};

/* What is true of the file now: for wakers that do not say. */
static u32 ask_file(struct file_owner *o)
{
	spin_lock(&o->lock);
	struct file *f = o->file && file_tryget(o->file) ? o->file : NULL;
	spin_unlock(&o->lock);
	if (!f)
		return 0;
	u32 events = file_poll(f, NULL);
	file_put(f);
	return events;
}

/* msg_fd: the descriptor of POLLMSG. */
static void send_events(struct file_owner *o, u32 events, s32 msg_fd)
{
	struct file_owner now;
	if (!events)
		events = ask_file(o);
	/* A copy, because a signal's locks come before this one. */
	spin_lock(&o->lock);
	now = (struct file_owner){ .pid = o->pid, .type = o->type, .uid = o->uid, .euid = o->euid, .sig = o->sig };
	s32 fd = o->fd;
	if (now.pid)
		pid_get(now.pid);
	spin_unlock(&o->lock);
	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		now.fd = kinds[k].code == POLL_MSG ? msg_fd : fd;
		if (events & kinds[k].events)
			tell_all(&now, kinds[k].code, kinds[k].band);
	}
	if (now.pid)
		pid_put(now.pid);
}

static struct file_owner *next_ready(u32 *events, s32 *msg_fd)
{
	struct file_owner *o = NULL;
	u64 f = spin_lock_irqsave(&async_lock);
	if (!list_empty(&ready)) {
		o = list_first(&ready, struct file_owner, node);
		list_del(&o->node);
		*events = o->events;
		*msg_fd = o->msg_fd;
		o->events = 0;
	}
	spin_unlock_irqrestore(&async_lock, f);
	return o;
}

static bool any_ready(void) { return !list_empty(&ready); }

static int kasync_main(void *unused)
{
	struct file_owner *o;
	u32 events;
	s32 msg_fd;
	for (;;) {
		(void)wait_event_state_(kasync_wait, any_ready(), TASK_INTERRUPTIBLE, false);
		while ((o = next_ready(&events, &msg_fd))) {
			send_events(o, events, msg_fd);
			owner_put(o);
		}
	}
	return 0;
}

/* --- O_ASYNC ------------------------------------------------------------------------------------------------------------------------------------ */

/* => async_lock. kasync is to tell o of these events. */
static void make_ready(struct file_owner *o, u32 events)
{
	o->events |= events;
	if (list_empty(&o->node)) {
		atomic_inc(&o->refs);
		list_add_tail(&o->node, &ready);
		wake_up(&kasync_wait);
	}
}

static bool file_woke(struct wait_entry *e, u32 mode, u64 key)
{
	u64 f = spin_lock_irqsave(&async_lock);
	make_ready(e->data, (u32)key);
	spin_unlock_irqrestore(&async_lock, f);
	return false;
}

struct hanging {
	struct poll_table pt;
	struct file_owner *o;
};

static void hang_on(struct poll_table *pt, struct file *f, struct wait_queue *q)
{
	struct file_owner *o = container_of(pt, struct hanging, pt)->o;
	if (o->nr_on == QUEUES_MAX) {
		o->too_many = true;
		return;
	}
	struct wait_entry *e = &o->on[o->nr_on].entry;
	o->on[o->nr_on++].q = q;
	wait_entry_init(e);
	e->fn = file_woke;
	e->data = o;
	wait_add(q, e);
}

/* => set_lock, or the file is gone */
static void let_go(struct file_owner *o)
{
	while (o->nr_on) {
		o->nr_on--;
		wait_remove(o->on[o->nr_on].q, &o->on[o->nr_on].entry);
	}
}

/* => set_lock */
static int start_kasync(void)
{
	if (kasync_runs)
		return 0;
	wait_queue_init_rank(&kasync_wait, RANK_WAITQ_LEAF);
	int err = kthread_run(kasync_main, NULL, NULL, "kasync");
	kasync_runs = !err;
	return err;
}

static int async_on(struct file_owner *o, struct file *f, int fd)
{
	struct hanging h = { .pt.queue = hang_on, .o = o };
	int err = start_kasync();
	if (err)
		return err;
	spin_lock(&o->lock);
	o->fd = fd;
	spin_unlock(&o->lock);
	if (!o->nr_on)
		(void)f->ops->poll(f, &h.pt);
	if (!o->too_many) {
		atomic_or(&f->flags, O_ASYNC_FLAG);
		return 0;
	}
	let_go(o);
	return -ENOMEM;
}

int hook_file_async(struct file *f, int fd, bool on)
{
	struct file_owner *o = on ? owner_of(f) : READ_ONCE(f->owner);
	int err = 0;
	if (!o)
		return on ? -ENOMEM : 0;
	mutex_lock(&set_lock);
	if (on) {
		err = async_on(o, f, fd);
	} else {
		let_go(o);
		atomic_and(&f->flags, ~O_ASYNC_FLAG);
	}
	mutex_unlock(&set_lock);
	return err;
}

void hook_file_owner_free(struct file *f)
{
	struct file_owner *o = f->owner;
	let_go(o);
	spin_lock(&o->lock);
	o->file = NULL;
	spin_unlock(&o->lock);
	owner_put(o);
}

/* pid: whose reference is taken over, or NULL: nobody. */
static void replace_owner(struct file_owner *o, enum pid_type type, struct pid *pid)
{
	spin_lock(&o->lock);
	struct pid *old = o->pid;
	o->pid = pid;
	o->type = type;
	o->uid = pid ? current_cred()->uid : 0;
	o->euid = pid ? current_cred()->euid : 0;
	spin_unlock(&o->lock);
	if (old)
		pid_put(old);
}

/* --- leases and dnotify ----------------------------------------------------------------------------------------------------------------------- */

int hook_file_owner_default(struct file *f)
{
	struct file_owner *o = owner_of(f);
	int err = o ? 0 : -ENOMEM;
	if (err)
		return err;
	mutex_lock(&set_lock);
	err = start_kasync();
	if (!err && !o->pid) {
		struct pid *me = current->group_leader->thread_pid;
		pid_get(me);
		replace_owner(o, PIDTYPE_TGID, me);
		err = 1;
	}
	mutex_unlock(&set_lock);
	return err;
}

void hook_file_owner_undo(struct file *f) { replace_owner(f->owner, PIDTYPE_TGID, NULL); }

struct file_owner *hook_file_owner_get(struct file *f)
{
	atomic_inc(&f->owner->refs);
	return f->owner;
}

void hook_file_owner_clear(struct file_owner *o)
{
	replace_owner(o, PIDTYPE_TGID, NULL);
	spin_lock(&o->lock);
	o->sig = 0;
	spin_unlock(&o->lock);
	owner_put(o);
}

void hook_file_owner_tell(struct file_owner *o, int fd, bool later)
{
	if (later) {
		u64 f = spin_lock_irqsave(&async_lock);
		o->msg_fd = fd;
		make_ready(o, POLLMSG);
		spin_unlock_irqrestore(&async_lock, f);
	} else {
		send_events(o, POLLMSG, fd);
	}
	owner_put(o);
}

void hook_file_owner_urgent(struct file *f)
{
	struct file_owner *o = READ_ONCE(f->owner);
	if (!o)
		return;
	spin_lock(&o->lock);
	struct file_owner now = { .pid = o->pid, .type = o->type, .uid = o->uid, .euid = o->euid };
	if (now.pid)
		pid_get(now.pid);
	spin_unlock(&o->lock);
	if (!now.pid)
		return;
	struct task *t;
	spin_lock(&tasklist_lock);
	if (now.type == PIDTYPE_PGID) {
		list_for_each (t, &now.pid->tasks[PIDTYPE_PGID], pid_links[PIDTYPE_PGID])
			tell_urgent(&now, t);
	} else if ((t = pid_task(now.pid, now.type))) {
		tell_urgent(&now, t);
	}
	spin_unlock(&tasklist_lock);
	pid_put(now.pid);
}

/* --- fcntl ------------------------------------------------------------------------------------------------------------------------------------ */

/* nr 0: nobody. 0, -ESRCH, -ENOMEM. */
static int set_owner(struct file *f, enum pid_type type, s32 nr)
{
	struct file_owner *o = owner_of(f);
	if (!o)
		return -ENOMEM;
	struct pid *pid = nr ? find_get_pid(nr) : NULL;
	if (nr && !pid)
		return -ESRCH;
	replace_owner(o, type, pid);
	return 0;
}

/* The number, 0 when there is no such process (any more) or nobody was set. */
static s32 get_owner(struct file *f, enum pid_type *type)
{
	struct file_owner *o = READ_ONCE(f->owner);
	struct pid *pid = NULL;
	*type = PIDTYPE_TGID;
	if (!o)
		return 0;
	spin_lock(&o->lock);
	*type = o->type;
	pid = o->pid;
	if (pid)
		pid_get(pid);
	spin_unlock(&o->lock);
	if (!pid)
		return 0;
	spin_lock(&tasklist_lock);
	s32 nr = pid_task(pid, *type) ? pid_vnr(pid) : 0;
	spin_unlock(&tasklist_lock);
	pid_put(pid);
	return nr;
}

static long set_owner_ex(struct file *f, uaddr_t arg)
{
	static const enum pid_type types[] = { [F_OWNER_TID] = PIDTYPE_PID, [F_OWNER_PID] = PIDTYPE_TGID, [F_OWNER_PGRP] = PIDTYPE_PGID };
	struct f_owner_ex ex;
	if (copy_from_user(&ex, arg, sizeof(ex)))
		return -EFAULT;
	if (ex.type < F_OWNER_TID || ex.type > F_OWNER_PGRP)
		return -EINVAL;
	return ex.pid < 0 ? -ESRCH : set_owner(f, types[ex.type], ex.pid);
}

static long get_owner_ex(struct file *f, uaddr_t arg)
{
	enum pid_type type;
	struct f_owner_ex ex = { .pid = get_owner(f, &type) };
	ex.type = type == PIDTYPE_PID ? F_OWNER_TID : type == PIDTYPE_PGID ? F_OWNER_PGRP : F_OWNER_PID;
	return copy_to_user(arg, &ex, sizeof(ex));
}

static long get_uids(struct file *f, uaddr_t arg)
{
	const struct file_owner *o = READ_ONCE(f->owner);
	u32 ids[2] = { my_uid(o ? o->uid : 0), my_uid(o ? o->euid : 0) };
	return copy_to_user(arg, ids, sizeof(ids));
}

static long set_signal(struct file *f, u64 sig)
{
	struct file_owner *o = sig > NSIG_MAX ? NULL : owner_of(f);
	if (!o)
		return sig > NSIG_MAX ? -EINVAL : -ENOMEM;
	spin_lock(&o->lock);
	o->sig = (s32)sig;
	spin_unlock(&o->lock);
	return 0;
}

long hook_file_owner(struct file *f, u32 cmd, u64 arg)
{
	enum pid_type type;
	s32 who = (s32)arg;
	switch (cmd) {
	case F_SETOWN:
		if (who == INT32_MIN)
			return -EINVAL;
		return set_owner(f, who < 0 ? PIDTYPE_PGID : PIDTYPE_TGID, who < 0 ? -who : who);
	case F_GETOWN:
		who = get_owner(f, &type);
		return type == PIDTYPE_PGID ? -who : who;
	case F_SETOWN_EX:
		return set_owner_ex(f, arg);
	case F_GETOWN_EX:
		return get_owner_ex(f, arg);
	case F_GETOWNER_UIDS:
		return get_uids(f, arg);
	case F_SETSIG:
		return set_signal(f, arg);
	case F_GETSIG:
		return f->owner ? f->owner->sig : 0;
	default:
		return -EINVAL;
	}
}
