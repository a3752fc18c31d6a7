/*
 * Who is in which control group. Entry points: cgroup_can_fork and cgroup_fork (birth), cgroup_exit, cgroup_release (death), cgroup_enter_fork
 * (CLONE_INTO_CGROUP), cgroup_attach (migration), cgroup_for_each_task, cgroup_list, cgroup_kill. The pids controller is the counting that they do.
 *
 * Groups keep no lists of their members: whoever wants them walks all tasks. That is rare, and births in the root group, which are many, stay free of it.
 */
#include "lib/log.h"
#include "mm/memcg.h"
#include "proc/cgroup.h"
#include "proc/internal.h"
#include "proc/ns.h"
#include "proc/signal.h"
#include "proc/steps.h"

struct cgroup *task_cgroup_get(struct task *t)
{
	spin_lock(&tasklist_lock);
	struct cgroup *cg = t->cgroup;
	cgroup_get(cg);
	spin_unlock(&tasklist_lock);
	return cg;
}

/* A member's reference to its group: none to the root, which stays. */
static void member_get(struct cgroup *cg)
{
	if (cg->parent)
		cgroup_get(cg);
}

static void member_put(struct cgroup *cg)
{
	if (cg->parent)
		cgroup_put(cg);
}

/* --- counts ------------------------------------------------------------------------------------------------------------------------------ */

static void charge_pids(struct cgroup *cg, s64 n)
{
	for (; cg->parent; cg = cg->parent) {
		cg->nr_pids += n;
		cg->pids_peak = max(cg->pids_peak, cg->nr_pids);
	}
}

/* cg has got its first live task, or lost its last one: tells it and the groups above for which that is a change. */
static void propagate_populated(struct cgroup *cg, bool populated)
{
	const struct cgroup *child = cg;
	bool changed = !cg->nr_populated[0] && !cg->nr_populated[1];
	while (changed) {
		cgroup_notify(cg, CGE_EVENTS);
		cg = cg->parent;
		if (!cg)
			return;
		u32 *n = &cg->nr_populated[cgroup_is_threaded(child)];
		bool was = cgroup_is_populated(cg);
		*n = populated ? *n + 1 : *n - 1;
		changed = was != cgroup_is_populated(cg) && cg->parent;
		child = cg;
	}
}

static void count_task(struct cgroup *cg)
{
	if (cg->parent && cg->nr_tasks++ == 0)
		propagate_populated(cg, true);
}

static void uncount_task(struct cgroup *cg)
{
	if (cg->parent && --cg->nr_tasks == 0)
		propagate_populated(cg, false);
}

void cgroup_follow(struct task *t)
{
	const struct cgroup *paying = cgroup_with_memory(t->cgroup);
	memcg_set(task_thread(t), paying ? paying->memcg : NULL);
	sched_set_group(task_thread(t), t->cgroup->parent ? &t->cgroup->sched : NULL);
}

/* --- birth and death --------------------------------------------------------------------------------------------------------------------- */

static void note_refused(struct cgroup *cg, struct cgroup *over)
{
	if (cg->pids_failed++ == 0) {
		char path[128];
		cgroup_path(cg, &root_cgroup, path, sizeof(path));
		pr_info("cgroup: fork rejected by pids controller in %s", path);
	}
	over->pids_over_local++;
	cgroup_notify(over, CGE_PIDS_LOCAL);
	if (cgroup_flags.pids_localevents) {
		cgroup_notify(cg, CGE_PIDS);
		return;
	}
	for (; over->parent; over = over->parent) {
		over->pids_over++;
		cgroup_notify(over, CGE_PIDS);
	}
}

int cgroup_can_fork(struct cgroup *into)
{
	struct cgroup *cg = into ? into : current->cgroup;
	for (struct cgroup *p = cg; p->parent; p = p->parent) {
		if ((p->on >> CGC_PIDS & 1) && p->nr_pids + 1 > p->pids_max) {
			note_refused(cg, p);
			return -EAGAIN;
		}
	}
	return 0;
}

void cgroup_fork(struct task *child, struct cgroup *into, u64 flags)
{
	struct cgroup *cg = into ? into : current->cgroup;
	member_get(cg);
	child->cgroup = cg; /* what was copied from current may be out of date */
	charge_pids(cg, 1);
	count_task(cg);
	cgroup_follow(child);
	if (unlikely(flags & CLONE_NEWCGROUP)) {
		struct cgroup_namespace *ns = child->nsproxy->cgroup;
		cgroup_get(cg);
		cgroup_put(ns->root);
		ns->root = cg;
	}
	if (unlikely(cg->freezing)) {
		/* A frozen group stays so: the child traps before its first instruction, and a switch there and back would be nobody's news. */
		child->jobctl |= JOBCTL_TRAP_FREEZE;
		atomic_or(&child->flags, TIF_SIGPENDING);
	}
}

void cgroup_exit(struct task *t)
{
	struct cgroup *cg = t->cgroup;
	if (t->frozen) {
		t->frozen = false;
		cg->nr_frozen--;
	}
	uncount_task(cg);
	/* The group may go before the zombie has run its last. */
	memcg_set(task_thread(t), NULL);
	sched_set_group(task_thread(t), NULL);
	if (cg->freezing)
		cgroup_update_frozen(cg);
}

void cgroup_release(struct task *t)
{
	struct cgroup *cg = t->cgroup;
	charge_pids(cg, -1);
	t->cgroup = &root_cgroup;
	member_put(cg);
}

/* --- permission ---------------------------------------------------------------------------------------------------------------------------- */

/* => C. May somebody with these credentials, who sees the tree from ns, move a task from src to dst? */
static int may_move(struct cgroup *src, struct cgroup *dst, const struct cred *c, const struct cgroup_namespace *ns)
{
	struct cgroup *common = src;
	while (!cgroup_is_under(dst, common))
		common = common->parent;
	int err = hook_cgroup_may_write(common, c);
	if (err)
		return err;
	bool hidden = cgroup_flags.nsdelegate && (!cgroup_is_under(src, ns->root) || !cgroup_is_under(dst, ns->root));
	return hidden ? -ENOENT : cgroup_may_hold_tasks(dst);
}

/* => C. src: where the caller is, counted */
static int check_into(struct cgroup *dst, struct cgroup *src, bool thread)
{
	if (dst->dead)
		return -ENODEV;
	int err = hook_cgroup_may_write(dst, current_cred());
	if (!err)
		err = may_move(src, dst, current_cred(), current_cgroup_ns());
	return !err && thread && src->dom != dst->dom ? -EOPNOTSUPP : err;
}

int cgroup_enter_fork(int fd, bool thread, struct cgroup **out)
{
	struct file *f;
	if (fd_get_raw(fd, &f))
		return -EBADF;
	struct cgroup *dst = hook_cgroup_of_dir(f);
	file_put(f);
	if (!dst)
		return -EBADF;
	if (READ_ONCE(dst->dead)) {
		cgroup_put(dst);
		return -ENOENT;
	}
	mutex_lock(&cgroup_mutex);
	struct cgroup *src = task_cgroup_get(current);
	int err = check_into(dst, src, thread);
	cgroup_put(src);
	if (err) {
		mutex_unlock(&cgroup_mutex);
		cgroup_put(dst);
		return err;
	}
	*out = dst;
	return 0;
}

void cgroup_leave_fork(struct cgroup *into)
{
	mutex_unlock(&cgroup_mutex);
	cgroup_put(into);
}

/* --- migration --------------------------------------------------------------------------------------------------------------------------- */

/* => C T. A frozen task is counted as such wherever it goes; its new group then says whether it may go on. */
static void move_frozen(struct task *t, struct cgroup *src, struct cgroup *dst)
{
	if (!src->freezing && !dst->freezing && !t->frozen)
		return;
	if (t->frozen) {
		dst->nr_frozen++;
		src->nr_frozen--;
	}
	cgroup_update_frozen(dst);
	cgroup_update_frozen(src);
	cgroup_freeze_task(t, dst->freezing);
}

/* => C T. Limits do not stop a migration. */
static void move_task(struct task *t, struct cgroup *dst)
{
	struct cgroup *src = t->cgroup;
	if (src == dst || t->exit_state)
		return;
	member_get(dst);
	t->cgroup = dst;
	charge_pids(dst, 1);
	charge_pids(src, -1);
	count_task(dst);
	uncount_task(src);
	cgroup_follow(t);
	move_frozen(t, src, dst);
	member_put(src);
}

/* The task that a number in the file means, with a reference. */
static int find_mover(s32 nr, bool process, struct task **out)
{
	struct task *t = current;
	if (nr)
		t = find_get_task(nr);
	else
		task_get(t);
	if (!t)
		return -ESRCH;
	if (process && t->group_leader != t) {
		struct task *leader = t->group_leader;
		task_get(leader);
		task_put(t);
		t = leader;
	}
	if (t->pf & PF_KTHREAD) {
		task_put(t);
		return -EINVAL;
	}
	*out = t;
	return 0;
}

int cgroup_attach(struct cgroup *dst, s32 nr, bool process, const struct cred *opener, struct cgroup_namespace *ns)
{
	struct task *t, *th;
	int err = find_mover(nr, process, &t);
	if (err)
		return err;
	struct cgroup *src = task_cgroup_get(t);
	err = may_move(src, dst, opener, ns);
	if (!err && !process && src->dom != dst->dom)
		err = -EOPNOTSUPP;
	cgroup_put(src);
	if (!err) {
		spin_lock(&tasklist_lock);
		if (process && t->sighand)
			for_each_thread(t, th)
				move_task(th, dst);
		else if (t->sighand)
			move_task(t, dst);
		spin_unlock(&tasklist_lock);
	}
	task_put(t);
	return err;
}

/* --- walks ------------------------------------------------------------------------------------------------------------------------------- */

void cgroup_for_each_task(struct cgroup *cg, bool below, void (*fn)(struct task *t, void *arg), void *arg)
{
	struct task *p, *t;
	for_each_process(p)
		for_each_thread(p, t)
			if (!t->exit_state && (t->cgroup == cg || (below && cgroup_is_under(t->cgroup, cg))))
				fn(t, arg);
}

/* A process is in the group of its threads, all of one domain; a dead leader stays behind. */
static bool process_is_in(struct task *p, const struct cgroup *cg)
{
	struct task *t;
	for_each_thread(p, t)
		if (!t->exit_state)
			return t->cgroup->dom == cg;
	return false;
}

void cgroup_list(struct cgroup *cg, bool processes, void (*fn)(s32 nr, void *arg), void *arg)
{
	struct task *p, *t;
	spin_lock(&tasklist_lock);
	for_each_process(p) {
		if (processes) {
			if (process_is_in(p, cg))
				fn(pid_vnr(p->thread_pid), arg);
			continue;
		}
		for_each_thread(p, t)
			if (!t->exit_state && t->cgroup == cg)
				fn(pid_vnr(t->thread_pid), arg);
	}
	spin_unlock(&tasklist_lock);
}

/* Process 1 of the machine is nobody's to kill. */
static void kill_one(struct task *t, void *unused)
{
	if (!(t->pf & PF_KTHREAD) && t->tgid != 1 && !(READ_ONCE(t->flags) & TIF_KILLED))
		send_signal_kernel(t, SIGKILL);
}

void cgroup_kill(struct cgroup *cg)
{
	spin_lock(&tasklist_lock);
	cgroup_for_each_task(cg, true, kill_one, NULL);
	spin_unlock(&tasklist_lock);
}

static void wake_throttled(struct task *t, void *unused)
{
	if (READ_ONCE(t->throttled))
		wake_up_state(task_thread(t), TASK_UNINTERRUPTIBLE);
}

void cgroup_wake_throttled(struct cgroup *cg)
{
	spin_lock(&tasklist_lock);
	cgroup_for_each_task(cg, true, wake_throttled, NULL);
	spin_unlock(&tasklist_lock);
}
