/* What the vfs and mm rooms ask about the current process: hook_current_tgid, hook_peer_ids, hook_claim_pid, hook_capable. */
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

void hook_peer_ids(struct ucred_k *out)
{
	const struct cred *c = current_cred();
	*out = (struct ucred_k){ .pid = current->tgid, .uid = c->euid, .gid = c->egid };
}

int hook_claim_pid(s32 *nr)
{
	if (*nr != current_vpid() && !ns_capable(current_pid_ns()->common.owner, CAP_SYS_ADMIN))
		return -EPERM;
	struct pid *p = find_get_pid(*nr);
	if (!p)
		return -ESRCH;
	*nr = pid_nr(p);
	pid_put(p);
	return 0;
}

bool hook_capable(int cap) { return capable(cap); }
