/*
 * I/O contexts: what CLONE_IO shares, which here is the I/O priority. Entry points: sys_ioprio_set, sys_ioprio_get, io_context_fork, io_context_put.
 * A task has a context once somebody set its priority. No block device orders its requests by it; what is set is inherited and shown as on Linux.
 */
#include <linux/ioprio.h>
#include <linux/sched.h>

#include "gen/sys_protos.h"
#include "mm/slab.h"
#include "proc/proc.h"

struct io_context {
	atomic_t refs;
	u32 prio; /* lock-free: a class and a level */
};

void io_context_put(struct io_context *c)
{
	if (c && atomic_dec_and_test(&c->refs))
		kfree(c);
}

static struct io_context *new_context(u32 prio)
{
	struct io_context *c = kmalloc(sizeof(*c));
	if (c) {
		atomic_set(&c->refs, 1);
		c->prio = prio;
	}
	return c;
}

int io_context_fork(struct io_context *from, bool share, struct io_context **out)
{
	*out = NULL;
	if (!from)
		return 0;
	if (share) {
		atomic_inc(&from->refs);
		*out = from;
		return 0;
	}
	u32 prio = READ_ONCE(from->prio);
	*out = IOPRIO_PRIO_CLASS(prio) ? new_context(prio) : NULL;
	return *out || !IOPRIO_PRIO_CLASS(prio) ? 0 : -ENOMEM;
}

/* --- one task ------------------------------------------------------------------------------------------------------------------------------------ */

static u32 raw_prio(struct task *t)
{
	spin_lock(&t->alloc_lock);
	u32 p = t->io ? READ_ONCE(t->io->prio) : 0;
	spin_unlock(&t->alloc_lock);
	return p;
}

/* What counts: without a priority of its own the one that goes with its scheduling. */
static u32 effective_prio(struct task *t)
{
	u32 p = raw_prio(t);
	if (IOPRIO_PRIO_CLASS(p))
		return p;
	u32 policy = t->se.policy;
	u32 class = policy == SCHED_IDLE ? IOPRIO_CLASS_IDLE : policy == SCHED_FIFO || policy == SCHED_RR ? IOPRIO_CLASS_RT : IOPRIO_CLASS_BE;
	return IOPRIO_PRIO_VALUE(class, (u32)(t->se.nice + 20) / 5);
}

/* May current set t's priority? 0 or -EPERM. */
static int may_set(struct task *t)
{
	const struct cred *mine = current_cred();
	spin_lock(&t->alloc_lock);
	u32 uid = t->cred->uid;
	bool over = ns_capable(t->cred->user_ns, CAP_SYS_NICE);
	spin_unlock(&t->alloc_lock);
	return uid == mine->euid || uid == mine->uid || over ? 0 : -EPERM;
}

static int set_prio(struct task *t, u32 prio)
{
	int err = may_set(t);
	if (err)
		return err;
	struct io_context *fresh = t->io ? NULL : new_context(prio);
	spin_lock(&t->alloc_lock);
	if (!t->io && fresh && !t->exit_state) {
		t->io = fresh;
		fresh = NULL;
	} else if (t->io) {
		WRITE_ONCE(t->io->prio, prio);
	} else if (!fresh) {
		err = -ENOMEM;
	}
	spin_unlock(&t->alloc_lock);
	io_context_put(fresh);
	return err;
}

/* --- those that a call names --------------------------------------------------------------------------------------------------------------------- */

struct request {
	bool set;
	u32 prio; /* to set, or the best found */
	bool found;
};

/* => tasklist_lock. 0, or the error that ends the call. */
static int one(struct request *r, struct task *t)
{
	int err = 0;
	if (r->set) {
		err = set_prio(t, r->prio);
	} else {
		u32 p = effective_prio(t);
		r->prio = !r->found || p < r->prio ? p : r->prio;
	}
	r->found = true;
	return err;
}

static int of_process(struct request *r, s32 who)
{
	struct task *t = who ? find_get_task(who) : current;
	int err = t ? 0 : -ESRCH;
	if (t && r->set)
		err = set_prio(t, r->prio);
	else if (t)
		r->prio = raw_prio(t);
	if (t && who)
		task_put(t);
	r->found = true;
	return err;
}

/* => tasklist_lock. Every thread of p. */
static int of_threads(struct request *r, struct task *p)
{
	struct task *t;
	int err = 0;
	for_each_thread (p, t) {
		err = err ? err : one(r, t);
	}
	return err;
}

static int of_group(struct request *r, s32 who)
{
	struct task *p;
	int err = 0;
	struct pid *given = who ? find_get_pid(who) : NULL;
	spin_lock(&tasklist_lock);
	struct pid *pgrp = who ? given : task_pgrp(current);
	if (pgrp)
		list_for_each (p, &pgrp->tasks[PIDTYPE_PGID], pid_links[PIDTYPE_PGID])
			err = err ? err : of_threads(r, p);
	spin_unlock(&tasklist_lock);
	if (given)
		pid_put(given);
	return err;
}

static int of_user(struct request *r, u32 who)
{
	struct task *p;
	u32 uid = who ? make_uid(current_user_ns(), who) : current_cred()->uid;
	int err = 0;
	spin_lock(&tasklist_lock);
	for_each_process (p) {
		spin_lock(&p->alloc_lock);
		bool his = p->cred && p->cred->uid == uid && p->tgid;
		spin_unlock(&p->alloc_lock);
		if (his && !err)
			err = of_threads(r, p);
	}
	spin_unlock(&tasklist_lock);
	return err;
}

static int for_named(struct request *r, u64 which, u64 who)
{
	int err;
	switch ((s32)which) {
	case IOPRIO_WHO_PROCESS:
		err = of_process(r, (s32)who);
		break;
	case IOPRIO_WHO_PGRP:
		err = of_group(r, (s32)who);
		break;
	case IOPRIO_WHO_USER:
		err = of_user(r, (u32)who);
		break;
	default:
		return -EINVAL;
	}
	return err ? err : r->found ? 0 : -ESRCH;
}

long sys_ioprio_set(u64 which, u64 who, u64 value)
{
	u32 prio = (u32)value, level = IOPRIO_PRIO_DATA(prio);
	switch ((u32)IOPRIO_PRIO_CLASS(prio)) {
	case IOPRIO_CLASS_RT:
		if (!capable(CAP_SYS_ADMIN) && !capable(CAP_SYS_NICE))
			return -EPERM;
		break;
	case IOPRIO_CLASS_BE:
	case IOPRIO_CLASS_IDLE:
		break;
	case IOPRIO_CLASS_NONE:
		if (level)
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	struct request r = { .set = true, .prio = prio };
	return for_named(&r, which, who);
}

long sys_ioprio_get(u64 which, u64 who)
{
	struct request r = { 0 };
	int err = for_named(&r, which, who);
	return err ? err : (long)r.prio;
}
