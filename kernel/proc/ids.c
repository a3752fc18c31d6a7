/* Process, group and session numbers. Entry points: getpid and its kin, setpgid, setsid, set_tid_address. */
#include "gen/sys_protos.h"
#include "proc/internal.h"

long sys_getpid(void) { return current_vpid(); }
long sys_gettid(void) { return pid_own_nr(current->thread_pid); }

/* The parent may be replaced at any time; tasklist_lock keeps its record. A parent outside the caller's namespace is 0. */
long sys_getppid(void)
{
	spin_lock(&tasklist_lock);
	s32 nr = pid_vnr(current->real_parent->signal->pids[PIDTYPE_TGID]);
	spin_unlock(&tasklist_lock);
	return nr;
}

long sys_set_tid_address(u64 addr)
{
	current->clear_child_tid = addr;
	return sys_gettid();
}

/* => tasklist_lock. The task with this tid; 0 = the caller. */
static struct task *find_task(s32 nr)
{
	if (!nr)
		return current;
	struct pid *pid = find_pid(nr);
	if (!pid || list_empty(&pid->tasks[PIDTYPE_PID]))
		return NULL;
	return list_first(&pid->tasks[PIDTYPE_PID], struct task, pid_links[PIDTYPE_PID]);
}

static long number_of(s32 nr, enum pid_type type)
{
	spin_lock(&tasklist_lock);
	struct task *t = find_task(nr);
	long result = t ? pid_vnr(t->signal->pids[type]) : -ESRCH;
	spin_unlock(&tasklist_lock);
	return result;
}

long sys_getpgid(u64 pid) { return number_of((s32)pid, PIDTYPE_PGID); }
long sys_getpgrp(void) { return number_of(0, PIDTYPE_PGID); }
long sys_getsid(u64 pid) { return number_of((s32)pid, PIDTYPE_SID); }

/* => tasklist_lock. May the caller put p into a group at all? 0, or which of setpgid(2)'s errors wins on Linux. */
static long may_move(struct task *p)
{
	struct task *leader = current->group_leader;
	if (!thread_group_leader(p))
		return -EINVAL;
	if (same_thread_group(p->real_parent, leader)) {
		if (task_session(p) != task_session(leader))
			return -EPERM;
		if (!(p->pf & PF_FORKNOEXEC))
			return -EACCES;
	} else if (p != leader) {
		return -ESRCH;
	}
	return p->signal->leader ? -EPERM : 0;
}

/* => tasklist_lock */
static long move_to_group(struct task *p, s32 pgid)
{
	struct pid *pgrp = p->thread_pid;
	long err = may_move(p);
	if (err)
		return err;
	if (pgid != pid_vnr(pgrp)) {
		pgrp = find_pid(pgid);
		if (!pgrp || list_empty(&pgrp->tasks[PIDTYPE_PGID]))
			return -EPERM;
		struct task *member = list_first(&pgrp->tasks[PIDTYPE_PGID], struct task, pid_links[PIDTYPE_PGID]);
		if (task_session(member) != task_session(current))
			return -EPERM;
	}
	if (task_pgrp(p) != pgrp)
		change_pid(p, PIDTYPE_PGID, pgrp);
	return 0;
}

long sys_setpgid(u64 pid64, u64 pgid64)
{
	s32 pid = (s32)pid64, pgid = (s32)pgid64;
	if (!pid)
		pid = current_vpid();
	if (!pgid)
		pgid = pid;
	if (pgid < 0)
		return -EINVAL;
	spin_lock(&tasklist_lock);
	struct task *p = find_task(pid);
	long err = p ? move_to_group(p, pgid) : -ESRCH;
	spin_unlock(&tasklist_lock);
	return err;
}

/* => tasklist_lock */
static long start_session(struct task *leader)
{
	struct pid *pid = leader->thread_pid;
	if (leader->signal->leader || !list_empty(&pid->tasks[PIDTYPE_PGID]))
		return -EPERM;
	leader->signal->leader = true;
	if (task_session(leader) != pid)
		change_pid(leader, PIDTYPE_SID, pid);
	if (task_pgrp(leader) != pid)
		change_pid(leader, PIDTYPE_PGID, pid);
	return pid_vnr(pid);
}

long sys_setsid(void)
{
	struct task *leader = current->group_leader;
	spin_lock(&tasklist_lock);
	long result = start_session(leader);
	spin_unlock(&tasklist_lock);
	if (result > 0)
		hook_tty_clear(leader->signal);
	return result;
}
