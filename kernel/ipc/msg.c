/*
 * System V message queues. Entry points: sys_msgget, sys_msgctl, sys_msgsnd, sys_msgrcv, msg_free_ns.
 * A message goes straight to a waiting receiver that takes it, else into the queue. Everything is under ids[IPC_MSG].lock.
 */
#include <linux/msg.h>

#include "gen/sys_protos.h"
#include "ipc/internal.h"
#include "sched/sched.h"

struct msg_queue {
	struct ipc_head head;
	s64 stime, rtime, ctime;
	u64 bytes, count, max_bytes;
	struct pid *last_sender, *last_receiver; /* counted, or NULL */
	struct list_head messages; /* struct msg */
	struct list_head receivers, senders; /* struct msg_wait */
};

enum match { MATCH_ANY, MATCH_EQUAL, MATCH_OTHER, MATCH_UP_TO, MATCH_NUMBER };
/* Who sleeps in msgrcv or msgsnd, on its stack. */
struct msg_wait {
	struct list_head node;
	struct task *task;
	bool waiting;
	int err; /* once it is decided */
	struct msg *msg; /* receivers: what they got */
	enum match match; /* receivers */
	s64 type;
	size_t room;
};

static struct ipc_ids *msg_ids(struct ipc_namespace *ns) { return &ns->ids[IPC_MSG]; }
static struct msg_queue *queue_of(struct ipc_head *h) { return (struct msg_queue *)h; }

/* --- making and freeing ------------------------------------------------------------------------------------------------------------------- */

static int create(struct ipc_namespace *ns, struct ipc_get *g, struct ipc_head **out)
{
	struct msg_queue *q = kzalloc(sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->ctime = ipc_now();
	q->max_bytes = (u64)ns->limits.msg_mnb;
	list_init(&q->messages);
	list_init(&q->receivers);
	list_init(&q->senders);
	*out = &q->head;
	return 0;
}

static void discard(struct ipc_namespace *ns, struct ipc_head *h) { kfree(h); }

long sys_msgget(u64 key, u64 flags)
{
	struct ipc_namespace *ns = current_ipc_ns();
	struct ipc_get g = { IPC_MSG, (s32)key, (u32)flags, 0, create, NULL, discard, ns->limits.msg_mni };
	return ipc_get(&g);
}

/* => lock. Decides for one that sleeps. */
static void finish(struct msg_wait *w, int err)
{
	list_del(&w->node);
	w->waiting = false;
	w->err = err;
	wake_up_thread(task_thread(w->task));
}

static void finish_all(struct list_head *list, int err)
{
	while (!list_empty(list))
		finish(list_first(list, struct msg_wait, node), err);
}

/* => lock */
static void remove_queue(struct ipc_namespace *ns, struct msg_queue *q)
{
	ipc_remove(msg_ids(ns), &q->head);
	finish_all(&q->receivers, -EIDRM);
	finish_all(&q->senders, -EIDRM);
	ns->msg_bytes -= q->bytes;
	ns->msg_count -= q->count;
}

/* No longer in the table. */
static void free_queue(struct msg_queue *q)
{
	while (!list_empty(&q->messages)) {
		struct msg *m = list_first(&q->messages, struct msg, node);
		list_del(&m->node);
		msg_free(m);
	}
	pid_put(q->last_sender);
	pid_put(q->last_receiver);
	kfree(q);
}

void msg_free_ns(struct ipc_namespace *ns)
{
	for (u32 i = 0; i < msg_ids(ns)->cap; i++) {
		struct ipc_head *h = msg_ids(ns)->slot[i];
		if (!h)
			continue;
		spin_lock(msg_ids(ns)->lock);
		remove_queue(ns, queue_of(h));
		spin_unlock(msg_ids(ns)->lock);
		free_queue(queue_of(h));
	}
}

void msg_fill_row(const struct ipc_head *h, const struct pid_namespace *pidns, struct ipc_row *r)
{
	const struct msg_queue *q = (const struct msg_queue *)h;
	r->bytes = q->bytes;
	r->count = q->count;
	r->pid1 = pid_nr_in(q->last_sender, pidns);
	r->pid2 = pid_nr_in(q->last_receiver, pidns);
	r->time1 = q->stime;
	r->time2 = q->rtime;
	r->ctime = q->ctime;
}

/* --- msgctl ---------------------------------------------------------------------------------------------------------------------------------- */

static long ctl_info(struct ipc_namespace *ns, bool used, uaddr_t uinfo)
{
	struct msginfo i = { .msgpool = MSGPOOL,
		.msgmap = MSGMAP,
		.msgmax = ns->limits.msg_max,
		.msgmnb = ns->limits.msg_mnb,
		.msgmni = ns->limits.msg_mni,
		.msgssz = MSGSSZ,
		.msgtql = MSGTQL,
		.msgseg = (u16)MSGSEG };
	spin_lock(msg_ids(ns)->lock);
	if (used) {
		i.msgpool = (s32)msg_ids(ns)->in_use;
		i.msgmap = (s32)min(ns->msg_count, (u64)INT32_MAX);
		i.msgtql = (s32)min(ns->msg_bytes, (u64)INT32_MAX);
	}
	int top = ipc_max_slot(msg_ids(ns));
	spin_unlock(msg_ids(ns)->lock);
	return copy_to_user(uinfo, &i, sizeof(i)) ? -EFAULT : top;
}

static long ctl_stat(struct ipc_namespace *ns, s32 id, bool by_slot, bool any, uaddr_t ubuf)
{
	struct msqid64_ds d;
	memset(&d, 0, sizeof(d));
	spin_lock(msg_ids(ns)->lock);
	struct ipc_head *h;
	long ret = ipc_find_to_stat(ns, msg_ids(ns), id, by_slot, any, &h);
	const struct msg_queue *q = queue_of(h);
	if (!ret) {
		ipc_fill_perm(h, &d.msg_perm);
		d.msg_stime = q->stime;
		d.msg_rtime = q->rtime;
		d.msg_ctime = q->ctime;
		d.msg_cbytes = q->bytes;
		d.msg_qnum = q->count;
		d.msg_qbytes = q->max_bytes;
		d.msg_lspid = pid_vnr(q->last_sender);
		d.msg_lrpid = pid_vnr(q->last_receiver);
		ret = by_slot ? h->id : 0;
	}
	spin_unlock(msg_ids(ns)->lock);
	return ret >= 0 && copy_to_user(ubuf, &d, sizeof(d)) ? -EFAULT : ret;
}

/* Sleeping receivers may no longer be allowed to, sleeping senders may fit in now: all look again. */
static long ctl_set(struct ipc_namespace *ns, s32 id, uaddr_t ubuf)
{
	struct msqid64_ds d;
	if (copy_from_user(&d, ubuf, sizeof(d)))
		return -EFAULT;
	spin_lock(msg_ids(ns)->lock);
	struct ipc_head *h;
	long err = ipc_find_to_control(ns, msg_ids(ns), id, &h);
	struct msg_queue *q = queue_of(h);
	if (!err && d.msg_qbytes > (u64)ns->limits.msg_mnb && !ns_capable(ns->common.owner, CAP_SYS_RESOURCE))
		err = -EPERM;
	if (!err)
		err = ipc_set_perm(h, &d.msg_perm);
	if (!err) {
		q->max_bytes = d.msg_qbytes;
		q->ctime = ipc_now();
		finish_all(&q->receivers, -EAGAIN);
		finish_all(&q->senders, -EAGAIN);
	}
	spin_unlock(msg_ids(ns)->lock);
	return err;
}

static long ctl_remove(struct ipc_namespace *ns, s32 id)
{
	spin_lock(msg_ids(ns)->lock);
	struct ipc_head *h;
	long err = ipc_find_to_control(ns, msg_ids(ns), id, &h);
	if (!err)
		remove_queue(ns, queue_of(h));
	spin_unlock(msg_ids(ns)->lock);
	if (!err)
		free_queue(queue_of(h));
	return err;
}

long sys_msgctl(u64 id64, u64 cmd, u64 ubuf)
{
	struct ipc_namespace *ns = current_ipc_ns();
	s32 id = (s32)id64;
	if (id < 0)
		return -EINVAL;
	switch ((s32)cmd) {
	case IPC_INFO:
	case MSG_INFO:
		return ctl_info(ns, (s32)cmd == MSG_INFO, ubuf);
	case IPC_STAT:
	case MSG_STAT:
	case MSG_STAT_ANY:
		return ctl_stat(ns, id, (s32)cmd != IPC_STAT, (s32)cmd == MSG_STAT_ANY, ubuf);
	case IPC_SET:
		return ctl_set(ns, id, ubuf);
	case IPC_RMID:
		return ctl_remove(ns, id);
	default:
		return -EINVAL;
	}
}

/* --- waiting -------------------------------------------------------------------------------------------------------------------------------- */

/* => lock, dropped while it sleeps. Until somebody has decided: w->err; or -ERESTARTNOHAND. */
static int sleep_in(struct ipc_namespace *ns, struct list_head *list, struct msg_wait *w)
{
	w->task = current;
	w->waiting = true;
	list_add_tail(&w->node, list);
	while (w->waiting && !signal_pending()) {
		set_current_state(TASK_INTERRUPTIBLE);
		spin_unlock(msg_ids(ns)->lock);
		if (!signal_pending())
			schedule();
		set_current_state(TASK_RUNNING);
		spin_lock(msg_ids(ns)->lock);
	}
	if (!w->waiting)
		return w->err;
	list_del(&w->node);
	return -ERESTARTNOHAND;
}

static bool matches(const struct msg *m, enum match match, s64 type)
{
	switch (match) {
	case MATCH_EQUAL:
		return m->type == type;
	case MATCH_OTHER:
		return m->type != type;
	case MATCH_UP_TO:
		return m->type <= type;
	default:
		return true;
	}
}

/* --- msgsnd --------------------------------------------------------------------------------------------------------------------------------- */

/* => lock. The first waiting receiver that takes m gets it; those with too little room that it was meant for are told. */
static bool hand_over(struct msg_queue *q, struct msg *m)
{
	struct msg_wait *w, *next;
	list_for_each_safe (w, next, &q->receivers, node) {
		if (!matches(m, w->match, w->type))
			continue;
		if (w->room < m->size) {
			finish(w, -E2BIG);
			continue;
		}
		ipc_set_pid(&q->last_receiver, w->task->signal->pids[PIDTYPE_TGID]);
		q->rtime = ipc_now();
		w->msg = m;
		finish(w, 0);
		return true;
	}
	return false;
}

static bool fits_in(const struct msg_queue *q, const struct msg *m) { return m->size + q->bytes <= q->max_bytes && 1 + q->count <= q->max_bytes; }

/* => lock. A writable queue with room for m. 0, -EINVAL (-EIDRM after a sleep), -EACCES, -EAGAIN, -ERESTARTNOHAND */
static int wait_for_room(struct ipc_namespace *ns, s32 id, const struct msg *m, bool wait, struct msg_queue **out)
{
	struct msg_wait w = { .err = 0 };
	for (int gone = -EINVAL;; gone = -EIDRM) {
		struct ipc_head *h = ipc_find(msg_ids(ns), id);
		*out = queue_of(h);
		int err = h ? ipc_permission(ns, h, 0222) : gone;
		if (err || fits_in(*out, m))
			return err;
		if (!wait)
			return -EAGAIN;
		err = sleep_in(ns, &(*out)->senders, &w);
		if (err && err != -EAGAIN)
			return err;
	}
}

/* Takes m over when it succeeds. */
static int send(struct ipc_namespace *ns, s32 id, struct msg *m, bool wait)
{
	struct msg_queue *q;
	spin_lock(msg_ids(ns)->lock);
	int err = wait_for_room(ns, id, m, wait, &q);
	if (!err) {
		ipc_set_pid(&q->last_sender, ipc_current_pid());
		q->stime = ipc_now();
		if (!hand_over(q, m)) {
			list_add_tail(&m->node, &q->messages);
			q->bytes += m->size;
			q->count++;
			ns->msg_bytes += m->size;
			ns->msg_count++;
		}
	}
	spin_unlock(msg_ids(ns)->lock);
	return err;
}

long sys_msgsnd(u64 id, u64 umsg, u64 size, u64 flags)
{
	struct ipc_namespace *ns = current_ipc_ns();
	struct msg *m;
	s64 type;
	if (get_user(type, umsg))
		return -EFAULT;
	if ((s64)size < 0 || size > (u64)ns->limits.msg_max || (s32)id < 0 || type < 1)
		return -EINVAL;
	int err = msg_load(umsg + sizeof(type), size, &m);
	if (err)
		return err;
	m->type = type;
	err = send(ns, (s32)id, m, !(flags & IPC_NOWAIT));
	if (err)
		msg_free(m);
	return err;
}

/* --- msgrcv --------------------------------------------------------------------------------------------------------------------------------- */

struct receive {
	s32 id;
	u32 flags;
	enum match match;
	s64 type;
	size_t room;
	struct msg *copy; /* MSG_COPY: where to */
};

static void decode_match(struct receive *r, s64 type)
{
	r->type = type;
	if (r->flags & MSG_COPY)
		r->match = MATCH_NUMBER;
	else if (!type)
		r->match = MATCH_ANY;
	else if (type < 0)
		r->match = MATCH_UP_TO;
	else
		r->match = r->flags & MSG_EXCEPT ? MATCH_OTHER : MATCH_EQUAL;
	if (r->match == MATCH_UP_TO)
		r->type = type == INT64_MIN ? INT64_MAX : -type;
}

/* => lock. The first that matches; of MATCH_UP_TO the first of the lowest type; of MATCH_NUMBER the type-th. */
static struct msg *find_msg(struct msg_queue *q, const struct receive *r)
{
	struct msg *m, *found = NULL;
	s64 type = r->type, nr = 0;
	list_for_each (m, &q->messages, node) {
		if (r->match == MATCH_NUMBER) {
			if (nr++ == type)
				return m;
			continue;
		}
		if (!matches(m, r->match, type))
			continue;
		found = m;
		if (r->match != MATCH_UP_TO || m->type == 1)
			return m;
		type = m->type - 1;
	}
	return found;
}

/* => lock */
static void take(struct ipc_namespace *ns, struct msg_queue *q, struct msg *m)
{
	list_del(&m->node);
	q->bytes -= m->size;
	q->count--;
	ns->msg_bytes -= m->size;
	ns->msg_count--;
	q->rtime = ipc_now();
	ipc_set_pid(&q->last_receiver, ipc_current_pid());
	finish_all(&q->senders, 0); /* in order; who does not fit waits again */
}

/* => lock. What is there already. 0 with *out, -ENOMSG, -E2BIG, -EINVAL */
static int take_present(struct ipc_namespace *ns, struct msg_queue *q, const struct receive *r, struct msg **out)
{
	struct msg *m = find_msg(q, r);
	if (!m)
		return -ENOMSG;
	if (r->room < m->size && !(r->flags & MSG_NOERROR))
		return -E2BIG;
	if (r->flags & MSG_COPY) {
		if (r->copy->size < m->size)
			return -EINVAL;
		msg_copy(r->copy, m);
		*out = r->copy;
		return 0;
	}
	take(ns, q, m);
	*out = m;
	return 0;
}

static int receive(struct ipc_namespace *ns, struct receive *r, struct msg **out)
{
	struct msg_wait w = { .match = r->match, .type = r->type, .room = r->flags & MSG_NOERROR ? INT32_MAX : r->room };
	int err, gone = -EINVAL;
	spin_lock(msg_ids(ns)->lock);
	do {
		struct ipc_head *h = ipc_find(msg_ids(ns), r->id);
		err = h ? ipc_permission(ns, h, 0444) : gone;
		if (!err)
			err = take_present(ns, queue_of(h), r, out);
		if (err != -ENOMSG || (r->flags & IPC_NOWAIT))
			break;
		err = sleep_in(ns, &queue_of(h)->receivers, &w);
		*out = w.msg;
		gone = -EIDRM;
	} while (err == -EAGAIN);
	spin_unlock(msg_ids(ns)->lock);
	return err;
}

long sys_msgrcv(u64 id, u64 umsg, u64 room, u64 type, u64 flags)
{
	struct ipc_namespace *ns = current_ipc_ns();
	struct receive r = { .id = (s32)id, .flags = (u32)flags, .room = room };
	struct msg *m = NULL;
	if ((s32)id < 0 || (s64)room < 0)
		return -EINVAL;
	if (flags & MSG_COPY) {
		if ((flags & MSG_EXCEPT) || !(flags & IPC_NOWAIT))
			return -EINVAL;
		r.copy = msg_alloc(min(room, (u64)ns->limits.msg_max));
		if (!r.copy)
			return -ENOMEM;
	}
	decode_match(&r, (s64)type);
	long ret = receive(ns, &r, &m);
	if (!ret) {
		size_t n = min(room, m->size);
		s64 kind = m->type;
		ret = put_user(kind, umsg) || msg_store(m, umsg + sizeof(kind), n) ? -EFAULT : (long)n;
	}
	if (r.copy && m != r.copy)
		msg_free(r.copy);
	msg_free(m);
	return ret;
}
