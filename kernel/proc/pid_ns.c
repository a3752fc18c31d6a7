/*
 * The end of a pid namespace. Entry points: pid_ns_zap, pid_ns_reboot. (Numbers and the record: pid.c.)
 * A namespace lives as long as its init: when the last thread of that exits, no number is given out any more, everybody else in the namespace is
 * killed, and init waits, as a task that still exists, until its own numbers are the only ones left: a zombie whose parent is outside holds it up.
 */
#include <linux/reboot.h>
#include <linux/wait.h>

#include "proc/internal.h"
#include "proc/ns.h"
#include "proc/signal.h"

/* => tasklist_lock. SIGKILL to every process of the namespace, nested ones too, but for init's own. */
static void kill_all_in(struct pid_namespace *ns)
{
	struct task *p;
	for_each_process(p)
		if (pid_nr_in(p->thread_pid, ns) && !same_thread_group(p, current))
			send_signal_kernel(p, SIGKILL);
}

/* Children of init that die from now on vanish by themselves. */
static void ignore_children(struct task *me)
{
	u64 flags = spin_lock_irqsave(&me->sighand->lock);
	sighand_action(me->sighand, SIGCHLD)->handler = KSIG_IGN;
	spin_unlock_irqrestore(&me->sighand->lock, flags);
}

void pid_ns_zap(struct pid_namespace *ns)
{
	struct task *me = current;
	s32 status;
	long got;
	pid_ns_close(ns);
	ignore_children(me);
	spin_lock(&tasklist_lock);
	kill_all_in(ns);
	spin_unlock(&tasklist_lock);
	do {
		atomic_and(&me->flags, ~(u32)TIF_SIGPENDING);
		got = kernel_wait(-1, &status);
	} while (got != -ECHILD);
	/* A leader that exits last has one number, a thread that outlived its leader has two. */
	u32 own = thread_group_leader(me) ? 1 : 2;
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (pid_ns_count(ns) == own)
			break;
		atomic_and(&me->flags, ~(u32)TIF_SIGPENDING);
		schedule();
	}
	set_current_state(TASK_RUNNING);
	if (ns->reboot)
		me->signal->group_exit_code = ns->reboot;
}

/* Only downwards: the own namespace and those below it; and only for children. */
static int install(struct nsset *set, struct ns_common *common)
{
	struct pid_namespace *ns = container_of(common, struct pid_namespace, common), *mine = current_pid_ns(), *top = ns;
	if (!ns_capable(common->owner, CAP_SYS_ADMIN) || !ns_capable(nsset_user_ns(set), CAP_SYS_ADMIN))
		return -EPERM;
	while (top->level > mine->level)
		top = top->parent;
	if (top != mine)
		return -EINVAL;
	ns_get(common);
	ns_put(&set->nsproxy->pid->common);
	set->nsproxy->pid = ns;
	return 0;
}

const struct ns_ops pid_ns_ops = { "pid", CLONE_NEWPID, pid_ns_create, pid_ns_free, install };

long pid_ns_reboot(struct pid_namespace *ns, u32 cmd)
{
	switch (cmd) {
	case LINUX_REBOOT_CMD_RESTART:
	case LINUX_REBOOT_CMD_RESTART2:
		ns->reboot = SIGHUP;
		break;
	case LINUX_REBOOT_CMD_HALT:
	case LINUX_REBOOT_CMD_POWER_OFF:
		ns->reboot = SIGINT;
		break;
	default:
		return -EINVAL;
	}
	spin_lock(&tasklist_lock);
	if (ns->child_reaper)
		send_signal_kernel(ns->child_reaper, SIGKILL);
	spin_unlock(&tasklist_lock);
	do_exit(0);
}
