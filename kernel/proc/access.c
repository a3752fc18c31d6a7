/*
 * Who may look into whom: Linux's ptrace access mode check, and on top of it for attaching kernel.yama.ptrace_scope with the exceptions of PR_SET_PTRACER. Entry points:
 * task_may_access, task_may_attach, traceme_allowed, prctl_set_ptracer, ptracer_forget.
 */
#include <linux/capability.h>

#include "proc/internal.h"
#include "proc/ns.h"

static bool ids_match(const struct cred *me, const struct cred *c, bool real)
{
	u32 uid = real ? me->uid : me->fsuid, gid = real ? me->gid : me->fsgid;
	return uid == c->uid && uid == c->euid && uid == c->suid && gid == c->gid && gid == c->egid && gid == c->sgid;
}

bool task_may_access(struct task *t, bool real)
{
	const struct cred *me = current_cred();
	if (same_thread_group(t, current))
		return true;
	spin_lock(&t->alloc_lock);
	const struct cred *c = t->cred;
	bool over = ns_capable(c->user_ns, CAP_SYS_PTRACE);
	u64 mine = real ? me->cap_permitted : me->cap_effective;
	bool ok = over || (ids_match(me, c, real) && (!t->mm || t->mm->dumpable == 1) && me->user_ns == c->user_ns && !(c->cap_permitted & ~mine));
	spin_unlock(&t->alloc_lock);
	return ok;
}

/* --- kernel.yama.ptrace_scope ---------------------------------------------------------------------------------------------------------------- */

u32 ptrace_scope;
#define PTRACER_ANY ((struct pid *)-1L)

/* => tasklist_lock. Is `child` a descendant of the process whose leader is `top`? */
static bool descends(const struct task *top, struct task *child)
{
	for (struct task *t = child->group_leader; t->tid; t = t->real_parent->group_leader)
		if (t == top)
			return true;
	return false;
}

/* => tasklist_lock. Did t's process name the current one, or one it descends from? */
static bool is_named(struct task *t)
{
	struct pid *named = t->signal->ptracer;
	if (!named || named == PTRACER_ANY)
		return named;
	struct list_head *l = &named->tasks[PIDTYPE_TGID];
	return !list_empty(l) && descends(list_first(l, struct task, pid_links[PIDTYPE_TGID]), current);
}

static bool scope_allows(struct task *t)
{
	u32 scope = READ_ONCE(ptrace_scope);
	if (likely(!scope) || same_thread_group(t, current))
		return true;
	spin_lock(&t->alloc_lock);
	bool over = ns_capable(t->cred->user_ns, CAP_SYS_PTRACE);
	spin_unlock(&t->alloc_lock);
	if (scope >= 2 || over)
		return scope <= 2 && over;
	spin_lock(&tasklist_lock);
	bool ok = descends(current->group_leader, t) || is_named(t) || (t->ptrace && same_thread_group(t->parent, current));
	spin_unlock(&tasklist_lock);
	return ok;
}

bool task_may_attach(struct task *t, bool real) { return task_may_access(t, real) && scope_allows(t); }

bool traceme_allowed(bool parent_capable)
{
	u32 scope = READ_ONCE(ptrace_scope);
	return scope < 2 || (scope == 2 && parent_capable);
}

static void ptracer_put(struct pid *p)
{
	if (p && p != PTRACER_ANY)
		pid_put(p);
}

void ptracer_forget(struct signal *s) { ptracer_put(s->ptracer); }

long prctl_set_ptracer(u64 who)
{
	struct pid *p = NULL, *old;
	if ((s32)who == -1) {
		p = PTRACER_ANY;
	} else if (who) {
		p = find_get_pid((s32)who);
		if (!p)
			return -EINVAL;
	}
	spin_lock(&tasklist_lock);
	old = current->signal->ptracer;
	current->signal->ptracer = p;
	spin_unlock(&tasklist_lock);
	ptracer_put(old);
	return 0;
}
