/*
 * Pidfds: a descriptor for a process that a reused number cannot redirect. Entry points: sys_pidfd_open, sys_pidfd_send_signal; pidfd_create for
 * CLONE_PIDFD, pidfd_get_pid for waitid, pidfd_notify for exit. The file's private data is a struct pid reference; PIDFD_THREAD is kept as O_EXCL.
 */
#include <asm/siginfo.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "gen/sys_protos.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/uaccess.h"
#include "proc/internal.h"
#include "proc/signal.h"
#include "uapi/newer.h"
#include "vfs/file.h"
#include "vfs/poll.h"

/* => tasklist_lock */
static struct task *pid_task(struct pid *pid, enum pid_type type)
{
	struct list_head *l = &pid->tasks[type];
	return list_empty(l) ? NULL : list_first(l, struct task, pid_links[type]);
}

void pidfd_notify(struct task *t)
{
	if (t->thread_pid && wait_queue_active(&t->thread_pid->wait))
		wake_up_key(&t->thread_pid->wait, TASK_NORMAL, 0, POLLIN | POLLRDNORM | POLLHUP);
}

/* Readable once the task is a zombie, a leader only when it is the last; hung up once it has been reaped. */
static u32 pidfd_poll(struct file *f, struct poll_table *pt)
{
	struct pid *pid = f->private;
	u32 events = 0;
	poll_wait(f, &pid->wait, pt);
	spin_lock(&tasklist_lock);
	struct task *t = pid_task(pid, PIDTYPE_PID);
	if (!t)
		events = POLLIN | POLLRDNORM | POLLHUP;
	else if (t->exit_state && (!thread_group_leader(t) || thread_group_empty(t)))
		events = POLLIN | POLLRDNORM;
	spin_unlock(&tasklist_lock);
	return events;
}

/* CLONE_PIDFD_AUTOKILL: the process ends with the last reference to the file it was born with. */
static void kill_with_file(struct pid *pid)
{
	spin_lock(&tasklist_lock);
	struct task *t = pid_task(pid, PIDTYPE_TGID);
	if (t)
		task_get(t);
	spin_unlock(&tasklist_lock);
	if (!t)
		return;
	send_signal_kernel(t, SIGKILL);
	task_put(t);
}

static void pidfd_release(struct file *f)
{
	if (unlikely(f->flags & PIDFD_AUTOKILL))
		kill_with_file(f->private);
	pid_put(f->private);
}

static int pidfd_show(struct file *f, char *buf, size_t size)
{
	struct pid *pid = f->private;
	const struct pid_namespace *ns = current_pid_ns();
	spin_lock(&tasklist_lock);
	s32 nr = pid_task(pid, PIDTYPE_PID) ? pid_nr_in(pid, ns) : -1;
	spin_unlock(&tasklist_lock);
	int n = format_str(buf, size, "Pid:\t%d\nNSpid:\t%d", nr, nr);
	for (u32 i = ns->level + 1; nr > 0 && i <= pid->level && n < (int)size; i++)
		n += format_str(buf + n, size - (size_t)n, "\t%d", pid->numbers[i].nr);
	return n < (int)size ? n + format_str(buf + n, size - (size_t)n, "\n") : n;
}

static const struct file_ops pidfd_ops = { .poll = pidfd_poll, .ioctl = pidfd_ioctl, .release = pidfd_release, .show_fdinfo = pidfd_show };

/* All pidfds of a process are one file to stat(2), by which programs compare them. */
static u64 ino_of(struct pid *pid)
{
	static atomic64_t last;
	if (!READ_ONCE(pid->ino))
		cmpxchg(&pid->ino, 0, (u64)atomic64_add_return(&last, 1));
	return pid->ino;
}

int pidfd_create(struct pid *pid, u32 flags, struct file **out)
{
	pid_get(pid);
	int err = file_create_anon("anon_inode:[pidfd]", 0600, &pidfd_ops, pid, O_RDWR | flags, out);
	if (err)
		pid_put(pid);
	else
		(*out)->inode->ino = ino_of(pid);
	return err;
}

int pidfd_get_pid(int fd, struct pid **out, u32 *flags)
{
	struct file *f;
	int err = fd_get(fd, &f);
	if (err)
		return err;
	if (f->ops == &pidfd_ops) {
		*out = f->private;
		*flags = f->flags;
		pid_get(*out);
	} else {
		err = -EBADF;
	}
	file_put(f);
	return err;
}

long sys_pidfd_open(u64 nr, u64 flags64)
{
	u32 flags = (u32)flags64;
	struct file *f;
	if (flags & ~(PIDFD_NONBLOCK | PIDFD_THREAD) || (s32)nr <= 0)
		return -EINVAL;
	struct pid *pid = find_get_pid((s32)nr);
	if (!pid)
		return -ESRCH;
	spin_lock(&tasklist_lock);
	bool ok = pid_task(pid, flags & PIDFD_THREAD ? PIDTYPE_PID : PIDTYPE_TGID) != NULL;
	spin_unlock(&tasklist_lock);
	int err = ok ? pidfd_create(pid, flags, &f) : -EINVAL;
	pid_put(pid);
	return err ? err : fd_install_new(f, true);
}

/* --- pidfd_send_signal ------------------------------------------------------------------------------------------------------------------ */

/* Which tasks the flags mean; the file says it when they are 0. */
static int scope_of(u32 flags, u32 file_flags, enum pid_type *type)
{
	switch (flags) {
	case 0:
		*type = file_flags & PIDFD_THREAD ? PIDTYPE_PID : PIDTYPE_TGID;
		return 0;
	case PIDFD_SIGNAL_THREAD:
		*type = PIDTYPE_PID;
		return 0;
	case PIDFD_SIGNAL_THREAD_GROUP:
		*type = PIDTYPE_TGID;
		return 0;
	case PIDFD_SIGNAL_PROCESS_GROUP:
		*type = PIDTYPE_PGID;
		return 0;
	default:
		return -EINVAL;
	}
}

/* The caller's siginfo, or kill's. A forged kernel or kill code is for oneself only. */
static int make_info(int sig, uaddr_t uinfo, struct pid *pid, enum pid_type type, struct ksiginfo *info)
{
	u8 raw[128];
	if (!uinfo) {
		*info = (struct ksiginfo){ .signo = sig, .code = type == PIDTYPE_PID ? SI_TKILL : SI_USER, .pid = current_vpid(), .uid = my_uid(current_cred()->uid) };
		return 0;
	}
	if (copy_from_user(raw, uinfo, sizeof(raw)))
		return -EFAULT;
	siginfo_from_bytes(raw, info);
	if (info->signo != sig)
		return -EINVAL;
	if ((info->code >= 0 || info->code == SI_TKILL) && (pid != current->thread_pid || type == PIDTYPE_PGID))
		return -EPERM;
	return 0;
}

static long signal_pid(struct pid *pid, enum pid_type type, int sig, const struct ksiginfo *info)
{
	if (type == PIDTYPE_PGID)
		return kill_pgrp(pid, sig, info);
	spin_lock(&tasklist_lock);
	struct task *t = pid_task(pid, type);
	if (t)
		task_get(t);
	spin_unlock(&tasklist_lock);
	if (!t)
		return -ESRCH;
	int err = group_send_signal(t, sig, info, type);
	task_put(t);
	return err;
}

/* Only downwards: into the caller's namespace and those below it. */
static bool may_reach(const struct pid *pid)
{
	const struct pid_namespace *mine = current_pid_ns(), *ns = pid_ns_of(pid);
	while (ns && ns != mine)
		ns = ns->parent;
	return ns != NULL;
}

/* A signal can also be sent through an open /proc/PID directory. With a reference; 0, -EBADF, -ESRCH. */
static int target_of(int fd, struct pid **out, u32 *flags)
{
	struct file *f;
	int err = pidfd_get_pid(fd, out, flags);
	if (err != -EBADF || fd_get(fd, &f))
		return err;
	struct task *t = hook_proc_dir_task(f);
	file_put(f);
	if (!t)
		return -EBADF;
	spin_lock(&tasklist_lock);
	*out = t->thread_pid;
	if (*out)
		pid_get(*out);
	spin_unlock(&tasklist_lock);
	task_put(t);
	*flags = 0;
	return *out ? 0 : -ESRCH;
}

long sys_pidfd_send_signal(u64 fd, u64 sig, u64 uinfo, u64 flags)
{
	struct pid *pid;
	u32 file_flags;
	enum pid_type type;
	struct ksiginfo info;
	int err = scope_of((u32)flags, 0, &type);
	if (err)
		return err;
	err = target_of((int)fd, &pid, &file_flags);
	if (err)
		return err;
	scope_of((u32)flags, file_flags, &type);
	long result = may_reach(pid) ? make_info((int)sig, uinfo, pid, type, &info) : -EINVAL;
	if (!result)
		result = (u32)sig > NSIG_MAX ? -EINVAL : signal_pid(pid, type, (int)sig, &info);
	pid_put(pid);
	return result;
}
