/* Who may look into whom: Linux's ptrace access mode check. Entry point: task_may_access. */
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
