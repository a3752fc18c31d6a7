/*
 * Death. Entry points: do_exit, do_group_exit, release_task, do_notify_parent(_cldstop), is_orphaned_pgrp, exec_mm_release/exit_mm_release,
 * sys_exit, sys_exit_group. The order is that of Linux's do_exit() and exit_notify(), as far as others can see it.
 *
 *   running -> [exit_signals, group accounting] -> AT_EXIT rows (mm: vfork parent and joiners go on; fs; files)
 *           -> controlling tty -> exit_notify under tasklist_lock: children to their reaper, ZOMBIE, parent told
 *           -> DEAD and released at once (threads, ignored children), or left for wait() -> AT_REAP rows -> last reference: AT_FREE rows
 *
 * Locks: tasklist_lock, then sighand locks of single tasks inside it (signals are sent to the parent with tasklist_lock held). A task's stack and
 * scheduler reference go in hook_thread_dead (task.c).
 */
#include <asm/siginfo.h>
#include <linux/sched.h>

#include "gen/sys_protos.h"
#include "mm/uaccess.h"
#include "proc/cgroup.h"
#include "proc/coredump.h"
#include "proc/ns.h"
#include "proc/ptrace.h"
#include "proc/seccomp.h"
#include "proc/signal.h"
#include "proc/steps.h"
#include "proc/trace_points.h"
#include "proc/user_dispatch.h"
#include "sched/trace_pace.h"

#define TICKS_PER_SEC 100

/* --- telling the parent ----------------------------------------------------------------------------------------------------------------- */

static u64 ticks(u64 ns) { return ns / (NSEC_PER_SEC / TICKS_PER_SEC); }

/* As `parent` sees it. */
static void child_info(struct task *t, struct task *parent, int sig, struct ksiginfo *info)
{
	u64 utime, stime;
	thread_group_times(t, &utime, &stime);
	*info = (struct ksiginfo){ .signo = sig, .pid = pid_nr_in(t->thread_pid, task_pid_ns(parent)), .utime = ticks(utime), .stime = ticks(stime) };
	spin_lock(&t->alloc_lock);
	u32 uid = t->cred->uid;
	spin_unlock(&t->alloc_lock);
	spin_lock(&parent->alloc_lock);
	info->uid = show_uid(parent->cred->user_ns, uid);
	spin_unlock(&parent->alloc_lock);
}

/* Would the parent take a SIGCHLD? The two words are read without its lock: the parent changes them at the same moment or it does not. */
static void parent_action(struct task *parent, u64 *handler, u64 *flags)
{
	const struct ksigaction *a = &parent->sighand->action[SIGCHLD - 1];
	*handler = READ_ONCE(a->handler);
	*flags = READ_ONCE(a->flags);
}

bool do_notify_parent(struct task *t, s32 sig)
{
	struct task *parent = t->parent;
	bool autoreap = false;
	if (sig != SIGCHLD && t->parent_exec_id != parent->self_exec_id)
		sig = SIGCHLD;
	pidfd_notify(t);
	if (parent->sighand) {
		u64 handler, flags;
		parent_action(parent, &handler, &flags);
		if (!t->ptrace && sig == SIGCHLD && (handler == KSIG_IGN || (flags & SA_NOCLDWAIT))) {
			autoreap = true;
			if (handler == KSIG_IGN)
				sig = 0;
		}
		if (unlikely(t->signal->autoreap) && !t->ptrace) {
			autoreap = true;
			sig = 0;
		}
		if (sig > 0 && sig <= NSIG_MAX) {
			struct ksiginfo info;
			child_info(t, parent, sig, &info);
			if (t->exit_code & 0x7f) {
				info.code = t->exit_code & 0x80 ? CLD_DUMPED : CLD_KILLED;
				info.status = t->exit_code & 0x7f;
			} else {
				info.code = CLD_EXITED;
				info.status = t->exit_code >> 8;
			}
			send_signal_told(parent, sig, &info);
		}
	}
	wake_up_parent(t, parent);
	return autoreap;
}

void do_notify_parent_cldstop(struct task *t, bool to_tracer, int why)
{
	struct task *whom = to_tracer ? t : t->group_leader, *parent = to_tracer ? t->parent : whom->real_parent;
	if (parent->sighand) {
		u64 handler, flags;
		parent_action(parent, &handler, &flags);
		if (handler != 1 && !(flags & SA_NOCLDSTOP)) {
			struct ksiginfo info;
			child_info(whom, parent, SIGCHLD, &info);
			info.code = why;
			info.status = why == CLD_CONTINUED ? SIGCONT : why == CLD_STOPPED ? whom->signal->group_exit_code & 0x7f : t->exit_code & 0x7f;
			send_signal_told(parent, SIGCHLD, &info);
		}
	}
	wake_up_parent(whom, parent);
}

/* --- process groups --------------------------------------------------------------------------------------------------------------------- */

bool is_orphaned_pgrp(struct pid *pgrp, struct task *ignored)
{
	struct task *p;
	list_for_each(p, &pgrp->tasks[PIDTYPE_PGID], pid_links[PIDTYPE_PGID]) {
		if (p == ignored || (p->exit_state && thread_group_empty(p)) || p->real_parent->tgid == 1)
			continue;
		if (task_pgrp(p->real_parent) != pgrp && task_session(p->real_parent) == task_session(p))
			return false;
	}
	return true;
}

static bool has_stopped_member(struct pid *pgrp)
{
	struct task *p;
	list_for_each(p, &pgrp->tasks[PIDTYPE_PGID], pid_links[PIDTYPE_PGID])
		if (p->signal->flags & SIGNAL_STOP_STOPPED)
			return true;
	return false;
}

/* => tasklist_lock. t's group lost the parent that kept it from being an orphan: its stopped members must not sleep for ever. parent NULL: t itself
 * exits; else t is reparented away from `parent`. */
static void kill_orphaned_pgrp(struct task *t, struct task *parent)
{
	struct pid *pgrp = task_pgrp(t);
	struct task *ignored = NULL;
	if (!parent) {
		parent = t->real_parent;
		ignored = t;
	}
	if (task_pgrp(parent) == pgrp || task_session(parent) != task_session(t))
		return;
	if (!has_stopped_member(pgrp) || !is_orphaned_pgrp(pgrp, ignored))
		return;
	kill_pgrp_locked(pgrp, SIGHUP, NULL);
	kill_pgrp_locked(pgrp, SIGCONT, NULL);
}

/* --- orphans ---------------------------------------------------------------------------------------------------------------------------- */

static struct task *alive_thread(struct task *t)
{
	struct task *p;
	for_each_thread(t, p)
		if (!(p->pf & PF_EXITING))
			return p;
	return NULL;
}

/* => tasklist_lock. Who inherits father's children: a live sibling thread, the nearest subreaper (PR_SET_CHILD_SUBREAPER) of the namespace, init. */
static struct task *find_new_reaper(struct task *father, struct task *init)
{
	struct task *reaper = alive_thread(father);
	if (reaper)
		return reaper;
	if (father->signal->has_child_subreaper) {
		u32 level = father->thread_pid->level;
		for (struct task *p = father->real_parent; p->thread_pid->level == level && p != &init_task; p = p->real_parent) {
			if (!p->signal->is_child_subreaper)
				continue;
			reaper = alive_thread(p);
			if (reaper)
				return reaper;
		}
	}
	return init;
}

/* => tasklist_lock. A live thread of the namespace's init; the task itself while the machine boots. When father was its last thread, everybody else in
 * the namespace goes first, for which the lock is dropped. */
static struct task *find_init(struct task *father)
{
	struct pid_namespace *ns = task_pid_ns(father);
	struct task *init = ns->child_reaper;
	if (!init)
		return &init_task;
	if (likely(init != father))
		return init;
	struct task *other = alive_thread(father);
	if (other) {
		pid_ns_set_reaper(ns, other);
		return other;
	}
	if (!ns->level)
		panic("Attempted to kill init! exitcode=0x%08x", (u32)father->exit_code);
	spin_unlock(&tasklist_lock);
	pid_ns_zap(ns);
	spin_lock(&tasklist_lock);
	return father;
}

static void send_pdeath(struct task *t)
{
	struct ksiginfo info = { .signo = t->pdeath_signal, .uid = my_uid(current->cred->uid) };
	info.pid = pid_nr_in(current->signal->pids[PIDTYPE_TGID], task_pid_ns(t));
	if (check_kill_permission(t->pdeath_signal, &info, t) == 0)
		send_signal_info(t, t->pdeath_signal, &info, PIDTYPE_TGID);
}

/* => tasklist_lock. p (a leader) has a new parent in another process. */
static void reparent_leader(struct task *father, struct task *p, struct list_head *dead)
{
	if (p->exit_state == EXIT_DEAD)
		return;
	p->exit_signal = SIGCHLD;
	if (!p->ptrace && p->exit_state == EXIT_ZOMBIE && thread_group_empty(p) && do_notify_parent(p, p->exit_signal)) {
		p->exit_state = EXIT_DEAD;
		list_add_tail(&p->dead_node, dead);
	}
	kill_orphaned_pgrp(p, father);
}

/* => tasklist_lock. Children belong to threads: they go to a living relative of `father`. */
static void forget_original_parent(struct task *father, struct list_head *dead)
{
	struct task *init = find_init(father);
	if (unlikely(!list_empty(&father->ptraced)))
		exit_ptrace(father, dead);
	if (likely(list_empty(&father->children)))
		return;
	struct task *reaper = find_new_reaper(father, init), *p, *t;
	list_for_each(p, &father->children, sibling) {
		for_each_thread(p, t) {
			t->real_parent = reaper;
			if (likely(!t->ptrace))
				t->parent = reaper;
			if (trace_on(reparent))
				trace_reparent(t, father);
			if (t->pdeath_signal)
				send_pdeath(t);
		}
		if (!same_thread_group(reaper, father))
			reparent_leader(father, p, dead);
	}
	list_splice_tail(&father->children, &reaper->children);
}

/* --- release ---------------------------------------------------------------------------------------------------------------------------- */

/* => tasklist_lock. The mirror of publish(). */
struct task *unpublish_task(struct task *t)
{
	struct signal *s = t->signal;
	struct task *leader = t->group_leader;
	bool last = thread_group_leader(t);
	if (unlikely(t->ptrace))
		ptrace_unlink(t);
	u64 flags = spin_lock_irqsave(&t->sighand->lock);
	if (!last)
		fold_task_times(t);
	if (s->notify_count && !--s->notify_count && s->group_exec_task)
		wake_up_thread(task_thread(s->group_exec_task));
	list_del(&t->thread_node);
	s->nr_threads--;
	if (s->curr_target == t)
		s->curr_target = list_empty(&s->threads) ? NULL : list_first(&s->threads, struct task, thread_node);
	t->dead_sighand = t->sighand;
	WRITE_ONCE(t->sighand, NULL);
	spin_unlock_irqrestore(&t->dead_sighand->lock, flags);
	nr_threads_total--;
	t->thread_pid->exit_code = t->exit_code;
	pidfd_notify(t);
	detach_pid(t, PIDTYPE_PID);
	if (unlikely(!cgroup_in_root(t)))
		cgroup_release(t);
	if (last) {
		detach_pid(t, PIDTYPE_TGID);
		detach_pid(t, PIDTYPE_PGID);
		detach_pid(t, PIDTYPE_SID);
		list_del(&t->tasks);
		list_del(&t->sibling);
		return NULL;
	}
	/* The last other thread is gone: a leader that waited as an unreapable zombie is now a dead process. */
	if (leader == t || s->nr_threads != 1 || leader->exit_state != EXIT_ZOMBIE)
		return NULL;
	if (!do_notify_parent(leader, leader->exit_signal))
		return NULL;
	leader->exit_state = EXIT_DEAD;
	return leader;
}

void finish_release(struct task *t)
{
	struct signal *s = t->signal;
	flush_sigpending(&t->pending);
	if (thread_group_leader(t)) {
		flush_sigpending(&s->shared_pending);
		struct tty *tty = s->tty;
		s->tty = NULL;
		if (tty)
			hook_tty_put(tty);
		pid_put(s->tty_old_pgrp);
		s->tty_old_pgrp = NULL;
	}
	put_steps(t, AT_REAP);
	task_put(t);
}

void release_task(struct task *t)
{
	while (t) {
		spin_lock(&tasklist_lock);
		struct task *leader = unpublish_task(t);
		spin_unlock(&tasklist_lock);
		finish_release(t);
		t = leader;
	}
}

/* --- leaving the address space ---------------------------------------------------------------------------------------------------------- */

static void mm_release(struct task *t)
{
	if (t->robust_list) {
		exit_robust_list(t);
		t->robust_list = 0;
	}
	futex_pi_release(t);
	if (t->clear_child_tid) {
		if (t->mm && atomic_read(&t->mm->users) > 1) {
			(void)put_user((s32)0, t->clear_child_tid); /* a bad pointer is the user's own loss */
			futex_wake_addr(t->clear_child_tid, 1, true);
		}
		t->clear_child_tid = 0;
	}
	if (READ_ONCE(t->vfork_done)) {
		spin_lock(&t->alloc_lock);
		if (t->vfork_done)
			complete(t->vfork_done);
		t->vfork_done = NULL;
		spin_unlock(&t->alloc_lock);
	}
}

void exec_mm_release(struct task *t)
{
	mm_release(t);
	t->pi_gone = false; /* whoever it is from now on may own locks again */
}
void exit_mm_release(struct task *t) { mm_release(t); }

/* --- the end ---------------------------------------------------------------------------------------------------------------------------- */

static void exit_notify(struct task *t, bool group_dead)
{
	LIST_HEAD(dead);
	spin_lock(&tasklist_lock);
	forget_original_parent(t, &dead);
	if (group_dead)
		kill_orphaned_pgrp(t->group_leader, NULL);
	t->exit_state = EXIT_ZOMBIE;
	if (unlikely(!cgroup_in_root(t)))
		cgroup_exit(t);
	bool autoreap = true;
	if (unlikely(t->ptrace)) {
		/* The tracer reaps; the parent hears afterwards, if it is another. */
		bool whole = thread_group_leader(t) && thread_group_empty(t) && !ptrace_reparented(t);
		autoreap = do_notify_parent(t, whole ? t->exit_signal : SIGCHLD);
	} else if (thread_group_leader(t)) {
		autoreap = thread_group_empty(t) && do_notify_parent(t, t->exit_signal);
	}
	if (thread_group_leader(t)) {
		/* a sub-thread in execve waits for its leader to get here */
		if (unlikely(t->signal->group_exec_task))
			wake_up_thread(task_thread(t->signal->group_exec_task));
	}
	if (autoreap) {
		t->exit_state = EXIT_DEAD;
		list_add_tail(&t->dead_node, &dead);
	}
	spin_unlock(&tasklist_lock);
	while (unlikely(!list_empty(&dead))) {
		struct task *d = list_first(&dead, struct task, dead_node);
		if (trace_on(reap))
			trace_reap(d->tid, 1);
		list_del(&d->dead_node);
		release_task(d);
	}
}

static void last_thread_exits(struct task *t, long code)
{
	struct signal *s = t->signal;
	if (unlikely(t->tgid == 1))
		panic("Attempted to kill init! exitcode=0x%08x", s->group_exit_code ? (u32)s->group_exit_code : (u32)code);
	exit_itimers(s);
}

/* One thread less that lives; the last one fixes the process's status unless a group exit did. True for the last. Waits for a core dump in progress. */
static bool leave_group(struct task *t, long code)
{
	struct signal *s = t->signal;
	u64 flags = spin_lock_irqsave(&t->sighand->lock);
	bool last = --s->live == 0;
	if (last && !(s->flags & SIGNAL_GROUP_EXIT)) {
		s->flags = SIGNAL_GROUP_EXIT | (s->flags & SIGNAL_UNKILLABLE);
		s->group_exit_code = (s32)code;
		s->group_stop_count = 0;
	}
	t->pf |= PF_PARKED_FOR_CORE;
	if (unlikely(s->core))
		coredump_park(flags);
	else
		spin_unlock_irqrestore(&t->sighand->lock, flags);
	return last;
}

void do_exit(long code)
{
	struct task *t = current;
	if (this_cpu()->irq_depth)
		panic("Aiee, killing interrupt handler!");
	if (!t->tid)
		panic("Attempted to kill the idle task!");
	trace_pace();
	bool group_dead = leave_group(t, code);
	if (unlikely(t->ptrace))
		ptrace_event(PTRACE_EVENT_EXIT, (u64)code);
	exit_signals(t);
	if (unlikely(READ_ONCE(t->flags) & (TIF_SECCOMP | TIF_DISPATCH))) {
		user_dispatch_end(t);
		seccomp_exit(t);
	}
	if (group_dead)
		last_thread_exits(t, code);
	t->exit_code = (s32)code;
	put_steps(t, AT_EXIT);
	if (group_dead && t->signal->leader)
		hook_disassociate_tty(true);
	put_steps(t, AT_EXIT_LAST);
	if (trace_on(exit))
		trace_exit(t, group_dead);
	exit_notify(t, group_dead);
	sched_exit();
}

void do_group_exit(s32 code)
{
	struct task *t = current;
	struct signal *s = t->signal;
	u64 flags = spin_lock_irqsave(&t->sighand->lock);
	if (s->flags & SIGNAL_GROUP_EXIT) {
		code = s->group_exit_code;
	} else if (s->group_exec_task) {
		code = 0;
	} else {
		s->group_exit_code = code;
		s->flags = SIGNAL_GROUP_EXIT | (s->flags & SIGNAL_UNKILLABLE);
		if (s->nr_threads > 1)
			zap_other_threads(t);
	}
	spin_unlock_irqrestore(&t->sighand->lock, flags);
	do_exit(code);
}

long sys_exit(u64 code)
{
	do_exit((long)(code & 0xff) << 8);
}

long sys_exit_group(u64 code)
{
	do_group_exit((s32)(code & 0xff) << 8);
}
