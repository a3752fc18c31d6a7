/*
 * Changing one's namespaces. Entry points: sys_unshare, sys_setns. Both prepare everything aside, in Linux's order, then commit.
 */
#include <linux/capability.h>

#include "gen/sys_protos.h"
#include "proc/internal.h"
#include "proc/ns.h"

#define UNSHARE_FLAGS                                                                                                  \
	((u64)CLONE_THREAD | CLONE_FS | CLONE_SIGHAND | CLONE_VM | CLONE_FILES | CLONE_SYSVSEM | CLONE_NEWUSER | NSPROXY_FLAGS)
#define SETNS_FLAGS ((u64)CLONE_NEWUSER | NSPROXY_FLAGS)

/* --- unshare ------------------------------------------------------------------------------------------------------------------------------ */

/* A request, with what it implies. */
static u64 imply(u64 flags)
{
	if (flags & CLONE_NEWUSER)
		flags |= CLONE_THREAD | CLONE_FS;
	if (flags & CLONE_VM)
		flags |= CLONE_SIGHAND;
	if (flags & CLONE_SIGHAND)
		flags |= CLONE_THREAD;
	if (flags & CLONE_NEWNS)
		flags |= CLONE_FS;
	return flags;
}

/* Threads, handlers and memory cannot be unshared; asking for it is fine where nothing is shared. */
static int check_unshare(u64 flags)
{
	if (flags & ~UNSHARE_FLAGS)
		return -EINVAL;
	if ((flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)) && !thread_group_empty(current))
		return -EINVAL;
	if ((flags & (CLONE_SIGHAND | CLONE_VM)) && atomic_read(&current->sighand->refs) > 1)
		return -EINVAL;
	if ((flags & CLONE_VM) && atomic_read(&current->mm->users) > 1)
		return -EINVAL;
	return 0;
}

/* What is new, NULL where nothing changes. */
struct unshared {
	struct fs_context *fs;
	struct fdtable *files;
	struct cred *cred;
	struct nsproxy *nsproxy;
};

static void drop_unshared(struct unshared *u)
{
	if (u->fs)
		fs_context_put(u->fs);
	if (u->files)
		fdtable_put(u->files);
	cred_put(u->cred);
	nsproxy_put(u->nsproxy);
}

static int unshare_user(struct unshared *u)
{
	int err = cred_prepare(&u->cred);
	return err ? err : user_ns_create(u->cred);
}

static int prepare_unshare(u64 flags, struct unshared *u)
{
	struct task *me = current;
	int err = 0;
	if ((flags & CLONE_FS) && atomic_read(&me->fs->users) > 1)
		err = fs_context_copy(me->fs, &u->fs);
	if (!err && (flags & CLONE_FILES) && fdtable_shared(me->files))
		err = fdtable_copy(me->files, &u->files);
	if (!err && (flags & CLONE_NEWUSER))
		err = unshare_user(u);
	if (err || !(flags & NSPROXY_FLAGS))
		return err;
	struct user_namespace *owner = u->cred ? u->cred->user_ns : current_user_ns();
	if (!ns_capable(owner, CAP_SYS_ADMIN))
		return -EPERM;
	return nsproxy_create(flags, owner, u->fs ? u->fs : me->fs, &u->nsproxy);
}

/* Swaps a new part in and leaves the old one in its place, to be dropped. */
static void commit_unshare(u64 flags, struct unshared *u)
{
	struct task *me = current;
	if ((flags & (CLONE_SYSVSEM | CLONE_NEWIPC)) && me->sem_undo)
		hook_sem_undo_leave(me);
	if ((flags & CLONE_NEWIPC) && (me->pf & PF_SHM_MAKER))
		hook_shm_leave(me);
	if (u->nsproxy) {
		nsproxy_switch(u->nsproxy);
		u->nsproxy = NULL;
	}
	spin_lock(&me->alloc_lock);
	if (u->fs) {
		struct fs_context *old = me->fs;
		me->fs = u->fs;
		u->fs = old;
	}
	if (u->files) {
		struct fdtable *old = me->files;
		me->files = u->files;
		u->files = old;
	}
	spin_unlock(&me->alloc_lock);
	if (u->cred) {
		cred_commit(u->cred);
		u->cred = NULL;
	}
}

long sys_unshare(u64 flags)
{
	struct unshared u = { 0 };
	flags = imply(flags);
	int err = check_unshare(flags);
	if (!err)
		err = prepare_unshare(flags, &u);
	if (!err)
		commit_unshare(flags, &u);
	drop_unshared(&u);
	return err;
}

/* --- setns -------------------------------------------------------------------------------------------------------------------------------- */

struct user_namespace *nsset_user_ns(const struct nsset *set) { return set->cred ? set->cred->user_ns : current_user_ns(); }

int nsset_install_plain(struct nsset *set, struct ns_common *ns)
{
	if (!ns_capable(ns->owner, CAP_SYS_ADMIN) || !ns_capable(nsset_user_ns(set), CAP_SYS_ADMIN))
		return -EPERM;
	struct ns_common **slot = nsproxy_slot(set->nsproxy, ns->kind, false);
	ns_get(ns);
	ns_put(*slot);
	*slot = ns;
	return 0;
}

static int prepare_set(struct nsset *set)
{
	struct task *me = current;
	int err = nsproxy_create(0, current_user_ns(), me->fs, &set->nsproxy);
	if (!err && (set->flags & CLONE_NEWUSER))
		err = cred_prepare(&set->cred);
	if (err || !(set->flags & CLONE_NEWNS))
		return err;
	/* With several namespaces, one may still fail after the mount namespace has been joined: work on a copy. */
	if (set->flags != CLONE_NEWNS)
		return fs_context_copy(me->fs, &set->fs);
	set->fs = me->fs;
	fs_context_get(me->fs);
	return 0;
}

static void drop_set(struct nsset *set)
{
	nsproxy_put(set->nsproxy);
	cred_put(set->cred);
	if (set->fs)
		fs_context_put(set->fs);
}

/* 0 or -ENOMEM: nothing has changed then. */
static int commit_set(struct nsset *set)
{
	int err = set->flags & CLONE_NEWTIME ? time_ns_enter(set->nsproxy->time, current->mm) : 0;
	if (err)
		return err;
	/* committed: nothing below can fail */
	if (set->cred)
		cred_commit(set->cred);
	set->cred = NULL;
	if (set->fs && set->fs != current->fs)
		fs_context_take_places(current->fs, set->fs);
	if ((set->flags & CLONE_NEWIPC) && current->sem_undo)
		hook_sem_undo_leave(current);
	nsproxy_switch(set->nsproxy);
	set->nsproxy = NULL;
	return 0;
}

/* The namespaces of t that flags name, in Linux's order. */
static int install_of_task(struct nsset *set, struct task *t)
{
	static const u8 order[] = { NS_USER, NS_MNT, NS_UTS, NS_IPC, NS_PID, NS_CGROUP, NS_NET, NS_TIME };
	if (!task_may_access(t, true))
		return -EPERM;
	int err = 0;
	for (u32 i = 0; i < ARRAY_SIZE(order) && !err; i++) {
		const struct ns_ops *ops = ns_kinds[order[i]];
		if (!ops || !(set->flags & ops->flag))
			continue;
		struct ns_common *ns = task_ns(t, order[i], false);
		err = ns ? ops->install(set, ns) : -ESRCH;
		ns_put(ns);
	}
	return err;
}

static int install_of_pidfd(struct nsset *set, struct pid *pid)
{
	struct task *t = NULL;
	spin_lock(&tasklist_lock);
	if (!list_empty(&pid->tasks[PIDTYPE_PID])) {
		t = list_first(&pid->tasks[PIDTYPE_PID], struct task, pid_links[PIDTYPE_PID]);
		task_get(t);
	}
	spin_unlock(&tasklist_lock);
	if (!t)
		return -ESRCH;
	int err = install_of_task(set, t);
	task_put(t);
	return err;
}

/* ns or pid is what the descriptor is. */
static int do_setns(u64 flags, struct ns_common *ns, struct pid *pid)
{
	struct nsset set = { .flags = flags };
	int err = prepare_set(&set);
	if (!err)
		err = ns ? ns_kinds[ns->kind]->install(&set, ns) : install_of_pidfd(&set, pid);
	if (!err)
		err = commit_set(&set);
	drop_set(&set);
	return err;
}

long sys_setns(u64 fd, u64 flags64)
{
	u32 flags = (u32)flags64, file_flags;
	struct file *f;
	struct pid *pid = NULL;
	int err = fd_get((int)fd, &f);
	if (err)
		return err;
	struct ns_common *ns = nsfs_from_file(f);
	if (ns) {
		if (flags && flags != ns_kinds[ns->kind]->flag)
			err = -EINVAL;
		flags = ns_kinds[ns->kind]->flag;
	} else if (pidfd_get_pid((int)fd, &pid, &file_flags) || !flags || (flags & ~SETNS_FLAGS)) {
		err = -EINVAL;
	}
	if (!err)
		err = do_setns(flags, ns, pid);
	pid_put(pid);
	file_put(f);
	return err;
}
