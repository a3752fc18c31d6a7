/*
 * The freezer of control groups. Entry points: cgroup_set_freeze (the file), cgroup_enter_frozen, cgroup_leave_frozen (the tasks).
 * Each live task of a freezing group is asked (JOBCTL_TRAP_FREEZE) to stop on its way to user mode: signal_deliver.c. A task that is stopped, traced or
 * waits for a vforked child counts as frozen too, since it does nothing. A group is frozen when everybody in it and every group below is; that it is
 * is kept, so that changes can be told, and recomputed from the changed group upwards.
 */
#include "proc/cgroup.h"
#include "proc/internal.h"
#include "proc/signal.h"

void cgroup_update_frozen(struct cgroup *cg)
{
	for (; cg->parent; cg = cg->parent) {
		const struct cgroup *child;
		bool frozen = cg->freezing && cg->nr_frozen == cg->nr_tasks;
		list_for_each (child, &cg->children, sibling)
			frozen = frozen && child->frozen;
		if (frozen == cg->frozen)
			return;
		cg->frozen = frozen;
		cgroup_notify(cg, CGE_EVENTS);
	}
}

void cgroup_freeze_task(struct task *t, bool freeze)
{
	u64 f;
	if ((t->pf & PF_KTHREAD) || !lock_task_sighand(t, &f))
		return;
	if (freeze) {
		t->jobctl |= JOBCTL_TRAP_FREEZE;
		signal_wake_up(t, false);
	} else {
		t->jobctl &= ~(u32)JOBCTL_TRAP_FREEZE;
		/* Asleep in the trap: it looks at its group again. Other sleepers look whether what they wait for has come. */
		wake_up_state(task_thread(t), TASK_INTERRUPTIBLE);
	}
	unlock_task_sighand(t, f);
}

static void freeze_one(struct task *t, void *freeze) { cgroup_freeze_task(t, freeze != NULL); }

void cgroup_set_freeze(struct cgroup *top, bool freeze)
{
	if (top->freeze == freeze)
		return;
	top->freeze = freeze;
	bool applied = false;
	spin_lock(&tasklist_lock);
	for (struct cgroup *cg = top; cg; cg = cgroup_next(cg, top)) {
		bool want = cg->freeze || (cg->parent && cg->parent->freezing);
		if (want == cg->freezing)
			continue;
		cg->freezing = want;
		applied = true;
		cgroup_for_each_task(cg, false, freeze_one, want ? cg : NULL);
	}
	/* Groups without tasks have nobody who would tell; what changes below changes what is above. */
	for (struct cgroup *cg = top; cg; cg = cgroup_next(cg, top))
		cgroup_update_frozen(cg);
	/* A group above holds the state: who waits for a change must not wait for ever. As on Linux. */
	if (!applied)
		cgroup_notify(top, CGE_EVENTS);
	spin_unlock(&tasklist_lock);
}

void cgroup_enter_frozen(void)
{
	struct task *t = current;
	spin_lock(&tasklist_lock);
	if (!t->frozen) {
		t->frozen = true;
		t->cgroup->nr_frozen++;
		cgroup_update_frozen(t->cgroup);
	}
	spin_unlock(&tasklist_lock);
}

void cgroup_leave_frozen(bool always)
{
	struct task *t = current;
	spin_lock(&tasklist_lock);
	if (always || !t->cgroup->freezing) {
		if (t->frozen) {
			t->frozen = false;
			t->cgroup->nr_frozen--;
			cgroup_update_frozen(t->cgroup);
		}
	} else if (!(t->jobctl & JOBCTL_TRAP_FREEZE)) {
		u64 f;
		if (lock_task_sighand(t, &f)) {
			t->jobctl |= JOBCTL_TRAP_FREEZE;
			atomic_or(&t->flags, TIF_SIGPENDING);
			unlock_task_sighand(t, f);
		}
	}
	spin_unlock(&tasklist_lock);
}
