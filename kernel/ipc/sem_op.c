/*
 * Semaphore operations. Entry points: sys_semop, sys_semtimedop; sem_update, sem_count_waiters, sem_wake_removed for sem.c and sem_undo.c.
 *
 * The operations of one call happen all or none. A call that cannot go on waits in the set's list with its operations; whoever changes a value tries the
 * waiting calls in order of arrival and carries out those that can go, on behalf of their callers, so that a woken caller finds its work done. Calls that
 * change nothing (all operations wait for zero) come first, and every change starts the search anew.
 */
#include <linux/sem.h>
#include <linux/time_types.h>

#include "gen/sys_protos.h"
#include "ipc/internal.h"
#include "sched/timer.h"

#define WAITING 1 /* wait->status until somebody decides */
#define OPS_ON_STACK 32u

/* A call in progress, on its caller's stack. While it is in a list, all is under the lock. */
struct sem_wait {
	struct list_head node;
	const struct sembuf *ops;
	u32 nops;
	struct sem_undo *undo; /* or NULL */
	struct pid *pid;
	struct task *task;
	const struct sembuf *blocking; /* the operation it waits for */
	s32 status; /* WAITING, 0 or -errno */
};

/* One operation on its semaphore. 0, WAITING, -ERANGE */
static int apply(struct sem *m, const struct sembuf *op, struct sem_undo *u)
{
	s32 value = m->value + op->sem_op;
	if ((!op->sem_op && m->value) || value < 0)
		return WAITING;
	if (value > SEMVMX)
		return -ERANGE;
	if (op->sem_flg & SEM_UNDO) {
		s32 adjust = u->adjust[op->sem_num] - op->sem_op;
		if (adjust < -SEMAEM - 1 || adjust > SEMAEM)
			return -ERANGE;
		u->adjust[op->sem_num] = (s16)adjust;
	}
	m->value = value;
	return 0;
}

/* => lock. All operations or none: 0, WAITING (w->blocking is set), -EAGAIN, -ERANGE. */
static int try_ops(struct sem_set *s, struct sem_wait *w)
{
	int ret = 0;
	u32 i;
	for (i = 0; i < w->nops; i++) {
		ret = apply(sem_at(s, w->ops[i].sem_num), &w->ops[i], w->undo);
		if (ret)
			break;
	}
	if (!ret) {
		for (i = 0; i < w->nops; i++)
			ipc_set_pid(&sem_at(s, w->ops[i].sem_num)->pid, w->pid);
		return 0;
	}
	w->blocking = &w->ops[i];
	if (ret == WAITING && (w->ops[i].sem_flg & IPC_NOWAIT))
		ret = -EAGAIN;
	while (i-- > 0) {
		const struct sembuf *op = &w->ops[i];
		sem_at(s, op->sem_num)->value -= op->sem_op;
		if (op->sem_flg & SEM_UNDO)
			w->undo->adjust[op->sem_num] = (s16)(w->undo->adjust[op->sem_num] + op->sem_op);
	}
	return ret;
}

/* => lock. Decides a waiting call. */
static void finish(struct sem_wait *w, int status)
{
	list_del(&w->node);
	w->status = status;
	wake_up_thread(task_thread(w->task));
}

/* => lock. Tries a list in order; true: some call changed a value. */
static bool try_list(struct sem_set *s, struct list_head *list, bool changes)
{
	struct sem_wait *w, *next;
	list_for_each_safe (w, next, list, node) {
		int ret = try_ops(s, w);
		if (ret == WAITING)
			continue;
		finish(w, ret);
		if (!ret)
			s->otime = ipc_now();
		if (!ret && changes)
			return true;
	}
	return false;
}

void sem_update(struct sem_set *s)
{
	do
		try_list(s, &s->zero, false);
	while (try_list(s, &s->alter, true));
}

u32 sem_count_waiters(struct sem_set *s, u32 i, bool zero)
{
	struct sem_wait *w;
	u32 n = 0;
	list_for_each (w, &s->alter, node)
		n += w->blocking->sem_num == i && (w->blocking->sem_op == 0) == zero;
	list_for_each (w, &s->zero, node)
		n += w->blocking->sem_num == i && (w->blocking->sem_op == 0) == zero;
	return n;
}

void sem_wake_removed(struct sem_set *s)
{
	while (!list_empty(&s->zero))
		finish(list_first(&s->zero, struct sem_wait, node), -EIDRM);
	while (!list_empty(&s->alter))
		finish(list_first(&s->alter, struct sem_wait, node), -EIDRM);
}

/* --- the call ------------------------------------------------------------------------------------------------------------------------------ */

/* What the operations are about, all in all. */
struct sem_request {
	s32 id;
	u16 highest; /* semaphore */
	bool alter, undo;
	u64 timeout; /* ns, ~0 = none */
};

static void survey(struct sem_request *r, const struct sembuf *ops, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		r->highest = max(r->highest, ops[i].sem_num);
		r->alter |= ops[i].sem_op != 0;
		r->undo |= (ops[i].sem_flg & SEM_UNDO) != 0;
	}
}

/* => lock, which is dropped while it sleeps and at the end. */
static int wait_for_decision(struct ipc_namespace *ns, struct sem_wait *w, u64 timeout)
{
	u64 deadline = timeout == ~0UL ? ~0UL : clock_mono() + timeout;
	bool late = false;
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		spin_unlock(sem_ids(ns)->lock);
		if (!signal_pending()) {
			u64 now = clock_mono();
			if (deadline == ~0UL)
				schedule();
			else
				late = now >= deadline || !schedule_timeout(deadline - now);
		}
		set_current_state(TASK_RUNNING);
		spin_lock(sem_ids(ns)->lock);
		if (w->status != WAITING || late || signal_pending())
			break;
	}
	if (w->status == WAITING) {
		list_del(&w->node);
		w->status = late ? -EAGAIN : -EINTR;
	}
	spin_unlock(sem_ids(ns)->lock);
	return w->status;
}

/* => lock, which is dropped */
static int start_ops(struct ipc_namespace *ns, const struct sem_request *r, struct sem_wait *w)
{
	struct sem_set *s = sem_set_of(ipc_find(sem_ids(ns), r->id));
	int ret = !s ? -EINVAL : r->highest >= s->nsems ? -EFBIG : ipc_permission(ns, &s->head, r->alter ? 0222 : 0444);
	if (!ret)
		ret = try_ops(s, w);
	if (ret == WAITING) {
		w->status = WAITING;
		list_add_tail(&w->node, r->alter ? &s->alter : &s->zero);
		return wait_for_decision(ns, w, r->timeout);
	}
	if (!ret) {
		s->otime = ipc_now();
		if (r->alter)
			sem_update(s);
	}
	spin_unlock(sem_ids(ns)->lock);
	return ret;
}

static int do_semop(const struct sembuf *ops, u32 nops, struct sem_request *r)
{
	struct ipc_namespace *ns = current_ipc_ns();
	struct sem_wait w = { .ops = ops, .nops = nops, .pid = ipc_current_pid(), .task = current };
	survey(r, ops, nops);
	if (r->undo) {
		int err = sem_undo_get(ns, r->id, &w.undo);
		if (err)
			return err;
	} else {
		spin_lock(sem_ids(ns)->lock);
	}
	return start_ops(ns, r, &w);
}

/* timeout: address of a timespec, 0 = none. */
static long semop(s32 id, uaddr_t uops, u64 nops, uaddr_t utimeout)
{
	struct __kernel_timespec ts;
	struct sembuf few[OPS_ON_STACK], *ops = few;
	struct sem_request r = { .id = id, .timeout = ~0UL };
	if (utimeout && copy_from_user(&ts, utimeout, sizeof(ts)))
		return -EFAULT;
	if ((u32)nops > (u32)current_ipc_ns()->limits.sem[2])
		return -E2BIG;
	if (!(u32)nops)
		return -EINVAL;
	if ((u32)nops > OPS_ON_STACK) {
		ops = kmalloc((u32)nops * sizeof(*ops));
		if (!ops)
			return -ENOMEM;
	}
	long err = copy_from_user(ops, uops, (u32)nops * sizeof(*ops));
	if (!err && id < 0)
		err = -EINVAL;
	if (!err && utimeout) {
		if (ts.tv_sec < 0 || (u64)ts.tv_nsec >= NSEC_PER_SEC)
			err = -EINVAL;
		else if ((u64)ts.tv_sec < INT64_MAX / NSEC_PER_SEC - 1)
			r.timeout = (u64)ts.tv_sec * NSEC_PER_SEC + (u64)ts.tv_nsec;
	}
	if (!err)
		err = do_semop(ops, (u32)nops, &r);
	if (ops != few)
		kfree(ops);
	return err;
}

long sys_semop(u64 id, u64 uops, u64 nops) { return semop((s32)id, uops, nops, 0); }
long sys_semtimedop(u64 id, u64 uops, u64 nops, u64 utimeout) { return semop((s32)id, uops, nops, utimeout); }
