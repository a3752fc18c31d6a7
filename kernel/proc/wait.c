/*
 * Waiting for children. Entry points: sys_wait4, sys_waitid, kernel_wait, wake_up_parent.
 * A waiter hangs on its process's wait_chldexit and searches the children of every thread of its process under tasklist_lock; the search takes one
 * state change (a zombie turns DEAD, a stop is marked as seen), so of two waiters one wins. Results are copied to user space after the lock is gone:
 * a bad pointer does not bring the child back.
 */
#include <asm/siginfo.h>
#include <linux/resource.h>
#include <linux/wait.h>

#include "gen/sys_protos.h"
#include "lib/string.h"
#include "mm/uaccess.h"
#include "proc/ptrace.h"
#include "proc/steps.h"
#include "proc/trace_points.h"

#define ANY_PID PIDTYPE_MAX

struct wait_request {
	u32 options;
	enum pid_type type;   /* ANY_PID: every child */
	struct pid *pid;      /* a reference, or NULL: such a number is not in use */
	bool want_rusage;
	struct wait_entry entry;
	/* the search */
	bool eligible;        /* there is a child to wait for */
	struct task *reaped;  /* to be released outside the lock */
	struct task *reaped_leader;
	/* the result */
	s32 found;            /* pid, or 0 */
	s32 status;           /* as wait4 */
	s32 code, detail;     /* as waitid: si_code, si_status */
	u32 uid;
	struct rusage ru;
};

/* --- who counts ------------------------------------------------------------------------------------------------------------------------- */

static bool matches_pid(const struct wait_request *w, struct task *p)
{
	if (w->type == ANY_PID)
		return true;
	/* A number names a process's leader, or a tracee of any kind: both by their own number. */
	return w->pid && (w->type <= PIDTYPE_TGID ? p->thread_pid : p->signal->pids[w->type]) == w->pid;
}

/* traced: p is looked at as a tracee, which any wait sees. */
static bool is_eligible(const struct wait_request *w, struct task *p, bool traced)
{
	if (!matches_pid(w, p))
		return false;
	if (traced || (w->options & __WALL))
		return true;
	return (p->exit_signal != SIGCHLD) == !!(w->options & __WCLONE);
}

/* Called with the child in `key` by wake_up_parent: others need not wake. No key: anything may have happened. */
static bool child_changed(struct wait_entry *e, u32 mode, u64 key)
{
	const struct wait_request *w = e->data;
	struct task *p = (struct task *)key;
	if (!p)
		return wake_up_state(e->thread, mode);
	if (!is_eligible(w, p, p->ptrace))
		return false;
	if ((w->options & __WNOTHREAD) && task_thread(p->parent) != e->thread)
		return false;
	return wake_up_state(e->thread, mode);
}

void wake_up_parent(struct task *child, struct task *parent)
{
	wake_up_key(&parent->signal->wait_chldexit, TASK_INTERRUPTIBLE, 0, (u64)child);
}

/* --- state changes ---------------------------------------------------------------------------------------------------------------------- */

/* The identity of p and its usage, for the result. */
static void note_child(struct wait_request *w, struct task *p)
{
	w->found = pid_vnr(p->thread_pid);
	spin_lock(&p->alloc_lock);
	w->uid = my_uid(p->cred->uid);
	spin_unlock(&p->alloc_lock);
	if (w->want_rusage)
		task_rusage(p, -2, &w->ru);
}

static void take_zombie(struct wait_request *w, struct task *p)
{
	s32 status = p->signal->flags & SIGNAL_GROUP_EXIT ? p->signal->group_exit_code : p->exit_code;
	note_child(w, p);
	w->status = status;
	if (status & 0x7f) {
		w->code = status & 0x80 ? CLD_DUMPED : CLD_KILLED;
		w->detail = status & 0x7f;
	} else {
		w->code = CLD_EXITED;
		w->detail = status >> 8;
	}
	if (w->options & WNOWAIT)
		return;
	if (trace_on(reap))
		trace_reap(p->tid, 0);
	if (unlikely(p->ptrace) && ptrace_reparented(p) && thread_group_leader(p)) {
		/* Its tracer has seen it; now its parent. */
		ptrace_unlink(p);
		if (!do_notify_parent(p, p->exit_signal))
			return;
	} else if (thread_group_leader(p)) {
		account_reaped(p);
	}
	p->exit_state = EXIT_DEAD;
	w->reaped = p;
	w->reaped_leader = unpublish_task(p);
}

/* => T, S of p. */
static bool take_stopped(struct wait_request *w, struct task *p)
{
	struct signal *s = p->signal;
	if (!(s->flags & SIGNAL_STOP_STOPPED) || !s->group_exit_code)
		return false;
	s32 sig = s->group_exit_code;
	if (!(w->options & WNOWAIT))
		s->group_exit_code = 0; /* this stop has been told */
	w->status = sig << 8 | 0x7f;
	w->code = CLD_STOPPED;
	w->detail = sig;
	return true;
}

/* => T, S of p. A tracee's own stop. */
static bool take_trapped(struct wait_request *w, struct task *p)
{
	if (!(READ_ONCE(p->state) & TASK_TRACED) || (p->jobctl & JOBCTL_LISTENING) || !p->exit_code)
		return false;
	s32 code = p->exit_code;
	if (!(w->options & WNOWAIT))
		p->exit_code = 0;
	w->status = code << 8 | 0x7f;
	w->code = CLD_TRAPPED;
	w->detail = code;
	return true;
}

/* => T, S of p. */
static bool take_continued(struct wait_request *w, struct task *p)
{
	struct signal *s = p->signal;
	if (!(s->flags & SIGNAL_STOP_CONTINUED))
		return false;
	if (!(w->options & WNOWAIT))
		s->flags &= ~SIGNAL_STOP_CONTINUED;
	w->status = 0xffff;
	w->code = CLD_CONTINUED;
	w->detail = SIGCONT;
	return true;
}

/* => T. Stops and continuations. traced: as by its tracer. */
static bool consider_living(struct wait_request *w, struct task *p, bool traced)
{
	bool got;
	if (!traced && (!(w->options & (WSTOPPED | WCONTINUED)) || !(READ_ONCE(p->signal->flags) & (SIGNAL_STOP_STOPPED | SIGNAL_STOP_CONTINUED))))
		return false;
	u64 flags = spin_lock_irqsave(&p->sighand->lock);
	if (traced)
		got = take_trapped(w, p); /* whatever the options */
	else
		got = (w->options & WSTOPPED) && take_stopped(w, p);
	got = got || ((w->options & WCONTINUED) && take_continued(w, p));
	spin_unlock_irqrestore(&p->sighand->lock, flags);
	if (got)
		note_child(w, p);
	return got;
}

/* => T. True when p gave a result. traced: it was found in the list of tracees. */
static bool consider(struct wait_request *w, struct task *p, bool traced)
{
	bool delayed = thread_group_leader(p) && !thread_group_empty(p);
	if (p->exit_state == EXIT_DEAD || !is_eligible(w, p, traced))
		return false;
	/* A parent that traces its own child sees the tracee: each stop is told once, and as a trap. */
	if (unlikely(p->ptrace) && !ptrace_reparented(p))
		traced = true;
	if (p->exit_state == EXIT_ZOMBIE && !delayed && (traced || !p->ptrace)) {
		if (!(w->options & WEXITED))
			return false; /* it will never stop or go on again: nothing to wait for */
		take_zombie(w, p);
		return true;
	}
	if (!p->exit_state || !traced || (w->options & (WCONTINUED | WEXITED)))
		w->eligible = true;
	return consider_living(w, p, traced);
}

/* --- the search ------------------------------------------------------------------------------------------------------------------------- */

static bool is_ours(const struct wait_request *w, struct task *parent)
{
	return w->options & __WNOTHREAD ? parent == current : same_thread_group(parent, current);
}

/* A number names at most one child and one tracee: no need to look at the others. */
static bool search_one(struct wait_request *w)
{
	if (!w->pid)
		return false;
	if (!list_empty(&w->pid->tasks[PIDTYPE_TGID])) {
		struct task *p = list_first(&w->pid->tasks[PIDTYPE_TGID], struct task, pid_links[PIDTYPE_TGID]);
		if (is_ours(w, p->real_parent) && consider(w, p, false))
			return true;
	}
	if (list_empty(&w->pid->tasks[PIDTYPE_PID]))
		return false;
	struct task *t = list_first(&w->pid->tasks[PIDTYPE_PID], struct task, pid_links[PIDTYPE_PID]);
	return unlikely(t->ptrace) && is_ours(w, t->parent) && consider(w, t, true);
}

static bool search_children(struct wait_request *w, struct task *parent)
{
	struct task *p;
	list_for_each(p, &parent->children, sibling)
		if (consider(w, p, false))
			return true;
	list_for_each(p, &parent->ptraced, ptrace_entry)
		if (consider(w, p, true))
			return true;
	return false;
}

/* => T */
static bool search(struct wait_request *w)
{
	struct task *t;
	if (w->type == PIDTYPE_TGID)
		return search_one(w);
	if (w->options & __WNOTHREAD)
		return search_children(w, current);
	for_each_thread(current, t)
		if (search_children(w, t))
			return true;
	return false;
}

/* One look. 0: a result; -ECHILD: nobody to wait for; -EAGAIN: not yet. */
static int look(struct wait_request *w)
{
	w->eligible = false;
	w->reaped = NULL;
	spin_lock(&tasklist_lock);
	bool got = search(w);
	spin_unlock(&tasklist_lock);
	if (w->reaped) {
		finish_release(w->reaped);
		if (w->reaped_leader)
			release_task(w->reaped_leader);
	}
	return got ? 0 : w->eligible ? -EAGAIN : -ECHILD;
}

static int wait_and_look(struct wait_request *w)
{
	struct wait_queue *q = &current->signal->wait_chldexit;
	int err;
	wait_entry_init(&w->entry);
	w->entry.fn = child_changed;
	w->entry.data = w;
	wait_add(q, &w->entry);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		err = look(w);
		if (err != -EAGAIN)
			break;
		if (signal_pending()) {
			err = -ERESTARTSYS;
			break;
		}
		schedule();
	}
	set_current_state(TASK_RUNNING);
	wait_remove(q, &w->entry);
	return err;
}

/* 0 with w's result filled (found = 0: WNOHANG and nothing ready), or -errno. Drops w->pid. */
static int do_wait(struct wait_request *w)
{
	w->found = 0;
	if (trace_on(wait))
		trace_wait(w->type == PIDTYPE_TGID ? pid_nr(w->pid) : 0, w->options);
	int err = look(w);
	if (err == -EAGAIN)
		err = w->options & WNOHANG ? 0 : wait_and_look(w);
	pid_put(w->pid);
	return err;
}

/* --- calls ------------------------------------------------------------------------------------------------------------------------------ */

static struct pid *own_pgrp(void)
{
	spin_lock(&tasklist_lock);
	struct pid *pid = task_pgrp(current);
	pid_get(pid);
	spin_unlock(&tasklist_lock);
	return pid;
}

static void wait4_target(struct wait_request *w, s32 pid)
{
	w->pid = NULL;
	if (pid == -1) {
		w->type = ANY_PID;
	} else if (pid < 0) {
		w->type = PIDTYPE_PGID;
		w->pid = find_get_pid(-pid);
	} else if (pid == 0) {
		w->type = PIDTYPE_PGID;
		w->pid = own_pgrp();
	} else {
		w->type = PIDTYPE_TGID;
		w->pid = find_get_pid(pid);
	}
}

long kernel_wait(s32 pid, s32 *status)
{
	struct wait_request w = { .options = WEXITED | __WALL };
	wait4_target(&w, pid);
	int err = do_wait(&w);
	if (err)
		return err;
	*status = w.status;
	return w.found;
}

long sys_wait4(u64 upid, u64 ustatus, u64 options, u64 uru)
{
	u32 opts = (u32)options;
	s32 pid = (s32)upid;
	if (opts & ~(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	struct wait_request w;
	w.options = opts | WEXITED;
	w.want_rusage = uru != 0;
	wait4_target(&w, pid);
	int err = do_wait(&w);
	if (err || !w.found)
		return err;
	if (ustatus && put_user(w.status, ustatus))
		return -EFAULT;
	if (uru && copy_to_user(uru, &w.ru, sizeof(w.ru)))
		return -EFAULT;
	return w.found;
}

static int waitid_target(struct wait_request *w, u32 which, s32 id)
{
	u32 file_flags;
	w->pid = NULL;
	switch (which) {
	case P_ALL:
		w->type = ANY_PID;
		return 0;
	case P_PID:
		if (id <= 0)
			return -EINVAL;
		w->type = PIDTYPE_TGID;
		w->pid = find_get_pid(id);
		return 0;
	case P_PGID:
		if (id < 0)
			return -EINVAL;
		w->type = PIDTYPE_PGID;
		w->pid = id ? find_get_pid(id) : own_pgrp();
		return 0;
	case P_PIDFD:
		if (id < 0)
			return -EINVAL;
		w->type = PIDTYPE_TGID;
		int err = pidfd_get_pid(id, &w->pid, &file_flags);
		if (err)
			return err;
		return file_flags & 04000 ? 1 : 0; /* O_NONBLOCK */
	default:
		return -EINVAL;
	}
}

/* The siginfo of waitid: zeroes when there is nothing to tell. */
static int put_siginfo(uaddr_t uinfo, const struct wait_request *w, bool have)
{
	siginfo_t si;
	memset(&si, 0, sizeof(si));
	if (have) {
		si.si_signo = SIGCHLD;
		si.si_code = w->code;
		si.si_pid = w->found;
		si.si_uid = w->uid;
		si.si_status = w->detail;
	}
	/* Linux writes the fields up to si_status and leaves the rest of the user's buffer alone. */
	if (copy_to_user(uinfo, &si, 3 * sizeof(int)))
		return -EFAULT;
	size_t at = offsetof(siginfo_t, si_pid);
	return copy_to_user(uinfo + at, (char *)&si + at, offsetof(siginfo_t, si_status) + sizeof(int) - at);
}

long sys_waitid(u64 which, u64 id, u64 uinfo, u64 options, u64 uru)
{
	u32 opts = (u32)options;
	if (opts & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
		return -EINVAL;
	if (!(opts & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	struct wait_request w;
	w.options = opts;
	w.want_rusage = uru != 0;
	int nonblock = waitid_target(&w, (u32)which, (s32)id);
	if (nonblock < 0)
		return nonblock;
	if (nonblock && !(opts & WNOHANG))
		w.options |= WNOHANG;
	int err = do_wait(&w);
	if (!err && !w.found && nonblock && !(opts & WNOHANG))
		err = -EAGAIN;
	bool have = !err && w.found;
	if (have && uru && copy_to_user(uru, &w.ru, sizeof(w.ru)))
		return -EFAULT;
	if (uinfo && put_siginfo(uinfo, &w, have))
		return -EFAULT;
	return err;
}
