/* What the vfs and mm rooms ask about the current process: hook_current_tgid, hook_pid_*, hook_claim_pid, hook_capable. */
#include "proc/ns.h"
#include "proc/proc.h"
#include "vfs/unix.h"

s32 hook_current_tgid(void) { return current->tgid; }

s32 hook_pid_visible(s32 nr)
{
	if (!current_pid_ns()->level)
		return nr; /* also of the dead */
	spin_lock(&tasklist_lock);
	s32 seen = pid_vnr(find_pid_in(nr, &init_pid_ns));
	spin_unlock(&tasklist_lock);
	return seen;
}

struct pid *hook_pid_of_current(void)
{
	struct pid *p = current->signal->pids[PIDTYPE_TGID];
	pid_get(p);
	return p;
}

void hook_pid_get(struct pid *p) { pid_get(p); }

void hook_pid_put(struct pid *p)
{
	if (p)
		pid_put(p);
}

s32 hook_pid_shown(const struct pid *p) { return pid_vnr(p); }

int hook_pidfd_open(struct pid *p, struct file **out)
{
	spin_lock(&tasklist_lock);
	bool alive = !list_empty(&p->tasks[PIDTYPE_TGID]);
	spin_unlock(&tasklist_lock);
	return alive ? pidfd_create(p, 0, out) : -EINVAL;
}

int hook_claim_pid(s32 nr, struct pid **out)
{
	*out = NULL;
	if (nr != current_vpid() && !ns_capable(current_pid_ns()->common.owner, CAP_SYS_ADMIN))
		return -EPERM;
	*out = find_get_pid(nr);
	return *out ? 0 : -ESRCH;
}

long hook_net_ns_open(struct net_namespace *ns) { return nsfs_open(&ns->common); }

bool hook_capable(int cap) { return capable(cap); }
