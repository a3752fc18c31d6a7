/*
 * What a pidfd tells of its process: ioctl(PIDFD_GET_INFO) and descriptors for its namespaces; pidfd_getfd. Entry points: pidfd_ioctl (the file
 * operation), sys_pidfd_getfd. The layout of the record is Linux 6.13's and later's; what is not known here is left out of the mask.
 */
#include "gen/sys_protos.h"
#include "lib/string.h"
#include "mm/uaccess.h"
#include "proc/cgroup.h"
#include "proc/internal.h"
#include "proc/ns.h"
#include "uapi/newer.h"

/* => the file's pid. The task of a thread's or a process's pidfd, with a reference, or NULL: it has been reaped. */
static struct task *task_of(struct pid *pid)
{
	struct task *t = NULL;
	spin_lock(&tasklist_lock);
	if (!list_empty(&pid->tasks[PIDTYPE_PID])) {
		t = list_first(&pid->tasks[PIDTYPE_PID], struct task, pid_links[PIDTYPE_PID]);
		task_get(t);
	}
	spin_unlock(&tasklist_lock);
	return t;
}

static void fill_creds(struct task *t, struct pidfd_info *i)
{
	spin_lock(&t->alloc_lock);
	const struct cred *c = t->cred;
	i->ruid = my_uid(c->uid);
	i->rgid = my_gid(c->gid);
	i->euid = my_uid(c->euid);
	i->egid = my_gid(c->egid);
	i->suid = my_uid(c->suid);
	i->sgid = my_gid(c->sgid);
	i->fsuid = my_uid(c->fsuid);
	i->fsgid = my_gid(c->fsgid);
	spin_unlock(&t->alloc_lock);
	i->mask |= PIDFD_INFO_CREDS;
}

/* 0, or -ESRCH when the caller's namespace has no number for it. */
static int fill_numbers(struct task *t, struct pidfd_info *i)
{
	spin_lock(&tasklist_lock);
	i->ppid = (u32)pid_vnr(t->real_parent->signal->pids[PIDTYPE_TGID]);
	i->tgid = (u32)pid_vnr(t->signal->pids[PIDTYPE_TGID]);
	i->pid = (u32)pid_vnr(t->thread_pid);
	i->cgroupid = t->cgroup->id;
	spin_unlock(&tasklist_lock);
	i->mask |= PIDFD_INFO_PID | PIDFD_INFO_CGROUPID;
	return i->pid && i->tgid ? 0 : -ESRCH;
}

static int fill_info(struct pid *pid, u64 wanted, struct pidfd_info *i)
{
	memset(i, 0, sizeof(*i));
	struct task *t = task_of(pid);
	if (!t) {
		if (!(wanted & PIDFD_INFO_EXIT))
			return -ESRCH;
		i->exit_code = pid->exit_code;
		i->mask |= PIDFD_INFO_EXIT;
		return 0;
	}
	fill_creds(t, i);
	int err = fill_numbers(t, i);
	task_put(t);
	return err;
}

static long get_info(struct pid *pid, u32 cmd, uaddr_t uinfo)
{
	struct pidfd_info i;
	u64 wanted, size = cmd >> 16 & 0x3fff;
	if (size < PIDFD_INFO_SIZE_VER0)
		return -ENOTTY;
	if (!uinfo)
		return -EINVAL;
	if (get_user(wanted, uinfo))
		return -EFAULT;
	if (!pid_nr_in(pid, current_pid_ns()))
		return -EREMOTE;
	int err = fill_info(pid, wanted, &i);
	if (!err)
		err = copy_to_user(uinfo, &i, min(size, sizeof(i)));
	if (!err && size > sizeof(i))
		err = clear_user(uinfo + sizeof(i), size - sizeof(i));
	return err;
}

/* --- namespaces ----------------------------------------------------------------------------------------------------------------------------- */

static long open_namespace(struct pid *pid, enum ns_kind kind, bool children)
{
	struct task *t = task_of(pid);
	if (!t)
		return -ESRCH;
	long ret = -EACCES;
	if (task_may_access(t, false)) {
		struct ns_common *ns = READ_ONCE(t->nsproxy) ? task_ns(t, kind, children) : NULL;
		ret = ns ? nsfs_open(ns) : READ_ONCE(t->nsproxy) ? -EOPNOTSUPP : -ESRCH;
	}
	task_put(t);
	return ret;
}

long pidfd_ioctl(struct file *f, u32 cmd, u64 arg)
{
	static const struct {
		u32 cmd;
		u8 kind;
		bool children;
	} of[] = { { PIDFD_GET_CGROUP_NAMESPACE, NS_CGROUP, false }, { PIDFD_GET_IPC_NAMESPACE, NS_IPC, false },
		{ PIDFD_GET_MNT_NAMESPACE, NS_MNT, false }, { PIDFD_GET_NET_NAMESPACE, NS_NET, false }, { PIDFD_GET_PID_NAMESPACE, NS_PID, false },
		{ PIDFD_GET_PID_FOR_CHILDREN_NAMESPACE, NS_PID, true }, { PIDFD_GET_TIME_NAMESPACE, NS_TIME, false },
		{ PIDFD_GET_TIME_FOR_CHILDREN_NAMESPACE, NS_TIME, true }, { PIDFD_GET_USER_NAMESPACE, NS_USER, false },
		{ PIDFD_GET_UTS_NAMESPACE, NS_UTS, false } };
	/* Direction, type and number; the size says which version of the record the caller knows. */
	if ((cmd & 0xc000ffffu) == (PIDFD_GET_INFO & 0xc000ffffu))
		return get_info(f->private, cmd, arg);
	for (u32 i = 0; i < ARRAY_SIZE(of); i++)
		if (of[i].cmd == cmd)
			return arg ? -EINVAL : open_namespace(f->private, of[i].kind, of[i].children);
	return -ENOTTY;
}

/* --- pidfd_getfd ------------------------------------------------------------------------------------------------------------------------------ */

static struct fdtable *files_of(struct task *t)
{
	spin_lock(&t->alloc_lock);
	struct fdtable *files = t->files;
	if (files)
		fdtable_get(files);
	spin_unlock(&t->alloc_lock);
	return files;
}

int task_file(struct task *t, int fd, struct file **out)
{
	struct fdtable *files = files_of(t);
	*out = files ? fdtable_lookup(files, fd, NULL) : NULL;
	if (files)
		fdtable_put(files);
	return *out ? 0 : -EBADF;
}

long sys_pidfd_getfd(u64 pidfd, u64 fd, u64 flags)
{
	struct pid *pid;
	struct file *f = NULL;
	u32 file_flags;
	if ((u32)flags)
		return -EINVAL;
	int err = pidfd_get_pid((int)pidfd, &pid, &file_flags);
	if (err)
		return err;
	struct task *t = task_of(pid);
	pid_put(pid);
	if (!t)
		return -ESRCH;
	err = task_may_attach(t, true) ? task_file(t, (int)fd, &f) : -EPERM;
	if (err == -EBADF && (t->pf & PF_EXITING))
		err = -ESRCH;
	task_put(t);
	return err ? err : fd_install_new(f, true);
}
