/* Resource limits. Entry points: sys_getrlimit, sys_setrlimit, sys_prlimit64. One table per process, written under its leader's alloc_lock. */
#include <linux/capability.h>
#include <linux/resource.h>

#include "gen/sys_protos.h"
#include "mm/uaccess.h"
#include "proc/internal.h"
#include "vfs/file.h"

_Static_assert(RLIM_NLIMITS == 16, "struct rlimits");

static int check_change(u32 which, const struct rlimit_pair *old, const struct rlimit_pair *new)
{
	if (new->cur > new->max)
		return -EINVAL;
	if (which == RLIMIT_NOFILE && new->max > vfs_nr_open())
		return -EPERM;
	if (new->max > old->max && !capable(CAP_SYS_RESOURCE))
		return -EPERM;
	return 0;
}

/* Swaps in `new` (may be NULL), gives the old value. => t has a reference. 0, -EINVAL, -EPERM */
static int change_limit(struct task *t, u32 which, const struct rlimit_pair *new, struct rlimit_pair *old)
{
	struct rlimit_pair *r = &t->signal->rlim.r[which];
	struct task *leader = t->group_leader;
	int err = 0;
	spin_lock(&leader->alloc_lock);
	*old = *r;
	if (new)
		err = check_change(which, r, new);
	if (new && !err) {
		WRITE_ONCE(r->cur, new->cur);
		WRITE_ONCE(r->max, new->max);
	}
	spin_unlock(&leader->alloc_lock);
	return err;
}

long sys_getrlimit(u64 which, u64 urlim)
{
	struct rlimit_pair old;
	if ((u32)which >= RLIM_NLIMITS)
		return -EINVAL;
	change_limit(current, (u32)which, NULL, &old);
	return copy_to_user(urlim, &old, sizeof(old));
}

long sys_setrlimit(u64 which, u64 urlim)
{
	struct rlimit_pair old, new;
	if (copy_from_user(&new, urlim, sizeof(new)))
		return -EFAULT;
	if ((u32)which >= RLIM_NLIMITS)
		return -EINVAL;
	return change_limit(current, (u32)which, &new, &old);
}

/* Another process: all its ids must be the caller's real ids. */
static bool may_change(struct task *t)
{
	const struct cred *me = current_cred();
	if (t == current)
		return true;
	spin_lock(&t->alloc_lock);
	const struct cred *c = t->cred;
	bool ok = me->uid == c->euid && me->uid == c->suid && me->uid == c->uid && me->gid == c->egid && me->gid == c->sgid && me->gid == c->gid;
	ok = ok || ns_capable(c->user_ns, CAP_SYS_RESOURCE);
	spin_unlock(&t->alloc_lock);
	return ok;
}

long sys_prlimit64(u64 pid, u64 which, u64 unew, u64 uold)
{
	struct rlimit_pair old, new;
	struct task *t = current;
	if ((u32)which >= RLIM_NLIMITS)
		return -EINVAL;
	if (unew && copy_from_user(&new, unew, sizeof(new)))
		return -EFAULT;
	if ((s32)pid) {
		t = find_get_task((s32)pid);
		if (!t)
			return -ESRCH;
	} else {
		task_get(t);
	}
	int err = may_change(t) ? change_limit(t, (u32)which, unew ? &new : NULL, &old) : -EPERM;
	task_put(t);
	if (!err && uold)
		err = copy_to_user(uold, &old, sizeof(old));
	return err;
}
