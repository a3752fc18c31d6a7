/*
 * The sets of namespaces. Entry points: nsproxy_create (clone, unshare, setns), nsproxy_put, nsproxy_switch, task_nsproxy.
 * A set is constant and shared by reference, so that a fork without CLONE_NEW* flags costs one reference. The members are made in Linux's order, which
 * decides which error is seen: mnt, uts, ipc, pid, cgroup, net, time.
 */
#include "mm/slab.h"
#include "proc/cgroup.h"
#include "proc/internal.h"
#include "proc/ns.h"
#include "vfs/mount.h"

struct nsproxy init_nsproxy = {
	.refs = ATOMIC_INIT(1),
	.mnt = &init_mnt_ns,
	.uts = &init_uts_ns,
	.ipc = &init_ipc_ns,
	.pid = &init_pid_ns,
	.cgroup = &init_cgroup_ns,
	.net = &init_net_ns,
	.time = &init_time_ns,
	.time_for_children = &init_time_ns,
};

/* The members in the order of their making. A new time namespace is for the children only; the own one is always shared. */
static const struct { size_t at; u8 kind; bool children, fixed; } slots[] = {
	{ offsetof(struct nsproxy, mnt), NS_MNT, false, false },
	{ offsetof(struct nsproxy, uts), NS_UTS, false, false },
	{ offsetof(struct nsproxy, ipc), NS_IPC, false, false },
	{ offsetof(struct nsproxy, pid), NS_PID, true, false },
	{ offsetof(struct nsproxy, cgroup), NS_CGROUP, false, false },
	{ offsetof(struct nsproxy, net), NS_NET, false, false },
	{ offsetof(struct nsproxy, time_for_children), NS_TIME, true, false },
	{ offsetof(struct nsproxy, time), NS_TIME, false, true },
};

/* Every namespace begins with its ns_common, so that a pointer to it is one to that. */
static struct ns_common **slot_at(struct nsproxy *p, size_t at) { return (struct ns_common **)((char *)p + at); }

struct ns_common **nsproxy_slot(struct nsproxy *p, enum ns_kind kind, bool children)
{
	if (kind == NS_PID)
		children = true;
	u32 i = 0;
	while (slots[i].kind != kind || slots[i].children != children)
		i++;
	return slot_at(p, slots[i].at);
}

static void put_members(struct nsproxy *p)
{
	for (u32 i = 0; i < ARRAY_SIZE(slots); i++)
		ns_put(*slot_at(p, slots[i].at));
}

static int fill_slot(u32 i, u64 flags, struct user_namespace *owner, struct fs_context *fs, struct nsproxy *p)
{
	struct ns_common *old = *slot_at(current->nsproxy, slots[i].at);
	const struct ns_ops *ops = ns_kinds[slots[i].kind];
	if (!slots[i].fixed && ops && (flags & ops->flag))
		return ops->create ? ops->create(old, owner, fs, slot_at(p, slots[i].at)) : -EINVAL;
	if (old)
		ns_get(old);
	*slot_at(p, slots[i].at) = old;
	return 0;
}

int nsproxy_create(u64 flags, struct user_namespace *owner, struct fs_context *fs, struct nsproxy **out)
{
	struct nsproxy *p = kzalloc(sizeof(*p));
	int err = p ? 0 : -ENOMEM;
	for (u32 i = 0; i < ARRAY_SIZE(slots) && !err; i++)
		err = fill_slot(i, flags, owner, fs, p);
	if (err) {
		if (p)
			put_members(p);
		kfree(p);
		return err;
	}
	atomic_set(&p->refs, 1);
	*out = p;
	return 0;
}

int nsproxy_enter_time(struct nsproxy *p, struct mm *mm)
{
	if (likely(p->time == p->time_for_children))
		return 0;
	ns_get(&p->time_for_children->common);
	ns_put(&p->time->common);
	p->time = p->time_for_children;
	return time_ns_enter(p->time, mm);
}

int nsproxy_exec(struct mm *mm)
{
	struct nsproxy *old = current->nsproxy, *p;
	if (likely(old->time == old->time_for_children))
		return 0;
	int err = nsproxy_create(0, current_user_ns(), current->fs, &p);
	if (err)
		return err;
	err = nsproxy_enter_time(p, mm);
	if (err)
		nsproxy_put(p);
	else
		nsproxy_switch(p);
	return err;
}

void nsproxy_put(struct nsproxy *p)
{
	if (!p || !atomic_dec_and_test(&p->refs))
		return;
	put_members(p);
	kfree(p);
}

void nsproxy_switch(struct nsproxy *p)
{
	struct task *t = current;
	spin_lock(&t->alloc_lock);
	struct nsproxy *old = t->nsproxy;
	t->nsproxy = p;
	spin_unlock(&t->alloc_lock);
	nsproxy_put(old);
}

struct nsproxy *task_nsproxy(struct task *t)
{
	spin_lock(&t->alloc_lock);
	struct nsproxy *p = t->nsproxy;
	if (p)
		atomic_inc(&p->refs);
	spin_unlock(&t->alloc_lock);
	return p;
}
