/*
 * What all namespaces share: numbers, the charge to their maker, the table of kinds. Entry points: ns_init, ns_exit, ns_put, task_ns.
 */
#include "proc/ns.h"

#include "proc/internal.h"

/* Later ones count up from behind the first namespaces'. */
static atomic_t last_inum = ATOMIC_INIT((s32)NS_INUM_MNT);

const struct ns_ops *const ns_kinds[NS_KINDS] = {
	[NS_MNT] = &mnt_ns_ops,
	[NS_UTS] = &uts_ns_ops,
	[NS_IPC] = &ipc_ns_ops,
	[NS_PID] = &pid_ns_ops,
	[NS_CGROUP] = &cgroup_ns_ops,
	[NS_NET] = &net_ns_ops,
	[NS_TIME] = &time_ns_ops,
	[NS_USER] = &user_ns_ops,
};

int ns_init(struct ns_common *ns, enum ns_kind kind, struct user_namespace *owner)
{
	struct user_account *account = user_find_get(owner, current_cred()->euid);
	if (!account)
		return -ENOSPC; /* Linux's answer, for want of memory too */
	int err = account_add_ns(account, kind);
	if (err) {
		user_put(account);
		return err;
	}
	atomic_set(&ns->refs, 1);
	ns->kind = (u8)kind;
	ns->inum = (u32)atomic_add_return(&last_inum, 1);
	ns->account = account;
	ns->owner = owner;
	ns_get(&owner->common);
	return 0;
}

void ns_exit(struct ns_common *ns)
{
	account_remove_ns(ns->account, ns->kind);
	user_put(ns->account);
	ns_put(&ns->owner->common);
}

void ns_put(struct ns_common *ns)
{
	if (ns && atomic_dec_and_test(&ns->refs))
		ns_kinds[ns->kind]->free(ns);
}

/* --- whose -------------------------------------------------------------------------------------------------------------------------------- */

static struct ns_common *task_user_ns(struct task *t)
{
	spin_lock(&t->alloc_lock);
	struct ns_common *ns = &t->cred->user_ns->common;
	ns_get(ns);
	spin_unlock(&t->alloc_lock);
	return ns;
}

static struct ns_common *task_own_pid_ns(struct task *t)
{
	struct ns_common *ns = NULL;
	spin_lock(&tasklist_lock);
	if (t->thread_pid) {
		ns = &pid_ns_of(t->thread_pid)->common;
		ns_get(ns);
	}
	spin_unlock(&tasklist_lock);
	return ns;
}

struct ns_common *task_ns(struct task *t, enum ns_kind kind, bool children)
{
	if (kind == NS_USER)
		return task_user_ns(t);
	if (kind == NS_PID && !children)
		return task_own_pid_ns(t);
	struct nsproxy *p = task_nsproxy(t);
	if (!p)
		return NULL;
	struct ns_common *ns = *nsproxy_slot(p, kind, children);
	/* One whose init is not born yet, or is dead, cannot be shown. */
	if (kind == NS_PID && !p->pid->child_reaper)
		ns = NULL;
	if (ns)
		ns_get(ns);
	nsproxy_put(p);
	return ns;
}
