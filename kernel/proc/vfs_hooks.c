/* What the vfs and mm rooms ask about the current process: hook_current_tgid, hook_peer_ids, hook_pid_exists, hook_capable. */
#include "proc/proc.h"
#include "vfs/unix.h"

s32 hook_current_tgid(void) { return current->tgid; }

s32 hook_pid_visible(s32 nr)
{
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

bool hook_pid_exists(s32 pid)
{
	struct pid *p = find_get_pid(pid);
	pid_put(p);
	return p != NULL;
}

bool hook_capable(int cap) { return capable(cap); }
