/*
 * Sending signals. One path for all: send_signal_locked() = may it be dropped (prepare), queue it, choose who takes it (complete).
 * Entry points: send_signal_info(), force_signal(), kill_pgrp(), group_send_signal(), check_kill_permission(), hook_send_signal_self().
 */
#include "proc/ptrace.h"
#include "proc/signal.h"
#include "proc/trace_points.h"
#include "vfs/pipe.h"

static u64 handler_of(const struct task *t, int sig) { return t->sighand->action[sig - 1].handler; }

/* Is sig caught? SIGKILL and SIGSTOP never are. */
static inline bool has_handler(const struct task *t, int sig) { return handler_of(t, sig) > KSIG_IGN && !(t->pf & PF_KTHREAD); }

/* Would the action drop sig, leaving the mask aside? force: from the kernel, so init takes SIGKILL and SIGSTOP ... if it is not the first. */
static bool action_ignores(struct task *t, int sig, bool force)
{
	u64 h = handler_of(t, sig);
	if (has_handler(t, sig))
		return false;
	if (t->tgid == 1 && sig_in(sig, SIGSET_ONLY))
		return true;
	if ((t->signal->flags & SIGNAL_UNKILLABLE) && h == KSIG_DFL && !(force && sig_in(sig, SIGSET_ONLY)))
		return true;
	if ((t->pf & PF_KTHREAD) && !force)
		return true;
	return signal_is_ignoring(h, sig);
}

static void continue_thread(struct task *t)
{
	flush_signals(SIGSET_STOP, &t->pending);
	jobctl_clear(t, JOBCTL_STOP_PENDING);
	if (t->ptrace & PT_SEIZED)
		ptrace_trap_notify(t);
	else
		wake_up_state(task_thread(t), TASK_STOPPED);
}

/* SIGCONT acts when it is sent, whatever its handler or the mask. => S */
static void continue_group(struct task *p)
{
	struct signal *s = p->signal;
	struct task *t;
	u32 why = 0;
	flush_signals(SIGSET_STOP, &s->shared_pending);
	for_each_thread(p, t)
		continue_thread(t);
	if (s->flags & SIGNAL_STOP_STOPPED)
		why = SIGNAL_CLD_CONTINUED;
	else if (s->group_stop_count)
		why = SIGNAL_CLD_STOPPED; /* broken off half-way: the parent hears of one stop */
	if (!why)
		return;
	/* The first continued thread tells the parent: get_signal(). */
	signal_set_stop_flags(s, why | SIGNAL_STOP_CONTINUED);
	s->group_stop_count = 0;
	s->group_exit_code = 0;
}

/* A stop signal takes back a SIGCONT. => S */
static void stop_group(struct task *p)
{
	struct task *t;
	flush_signals(SIGMASK(SIGCONT), &p->signal->shared_pending);
	for_each_thread(p, t)
		flush_signals(SIGMASK(SIGCONT), &t->pending);
}

/* prepare_signal() of what is not simply queued. */
static __noinline bool prepare_special(struct task *p, int sig, bool force)
{
	/* While a core is written only SIGKILL counts: it breaks the dump off. */
	if (p->signal->flags & SIGNAL_GROUP_EXIT)
		return p->signal->core && sig == SIGKILL;
	if (unlikely(sig_in(sig, SIGSET_STOP)))
		stop_group(p);
	else if (sig == SIGCONT)
		continue_group(p);
	/* A blocked signal may get a handler before it is unblocked. */
	if (sig_in(sig, p->blocked | p->real_blocked))
		return true;
	/* A tracer may want to know even of what is ignored. */
	if (p->ptrace && sig != SIGKILL)
		return true;
	return !action_ignores(p, sig, force);
}

/* Side effects at generation; false = the signal is dropped. => S */
static inline bool prepare_signal(struct task *p, int sig, bool force)
{
	/* One that is caught and has no side effects is queued whatever the mask and whoever traces. */
	if (likely(has_handler(p, sig) && !sig_in(sig, SIGSET_STOP | SIGMASK(SIGCONT)) && !(p->signal->flags & SIGNAL_GROUP_EXIT)))
		return true;
	return prepare_special(p, sig, force);
}

/* Can t take sig soon? => S */
static bool wants_signal(struct task *t, int sig)
{
	if (sig_in(sig, t->blocked) || (t->pf & PF_EXITING))
		return false;
	if (sig == SIGKILL)
		return true;
	u32 state = READ_ONCE(t->state);
	if (state & (TASK_STOPPED | TASK_TRACED))
		return false;
	return t->se.on_cpu || !(READ_ONCE(t->flags) & TIF_SIGPENDING);
}

static struct task *next_thread(struct task *t)
{
	struct list_head *n = t->thread_node.next;
	if (n == &t->signal->threads)
		n = n->next;
	return list_entry(n, struct task, thread_node);
}

/* The thread that takes a signal for p's process when p itself does not, NULL when all block it or have enough to do. => S */
static __noinline struct task *choose_target(struct task *p, int sig, enum pid_type type)
{
	struct signal *s = p->signal;
	if (type == PIDTYPE_PID || s->nr_threads <= 1 || list_empty(&s->threads))
		return NULL;
	struct task *first = s->curr_target ? s->curr_target : p;
	struct task *t = first;
	while (!wants_signal(t, sig)) {
		t = next_thread(t);
		if (t == first)
			return NULL;
	}
	s->curr_target = t;
	return t;
}

static bool is_fatal(struct task *t, int sig)
{
	return handler_of(t, sig) == KSIG_DFL && !sig_in(sig, SIGSET_IGNORE | SIGSET_STOP);
}

/* The whole group dies of sig, from this moment. => S */
static __noinline void start_group_exit(struct task *p, int sig)
{
	struct signal *s = p->signal;
	struct task *t;
	if (trace_on(killed))
		trace_killed(p->tgid, sig, this_cpu()->irq_depth ? 0 : current->tid, 0);
	s->flags = SIGNAL_GROUP_EXIT;
	s->group_exit_code = sig;
	s->group_stop_count = 0;
	for_each_thread(p, t) {
		jobctl_clear(t, JOBCTL_PENDING_MASK);
		t->pending.set |= SIGMASK(SIGKILL);
		signal_wake_up(t, true);
	}
}

/* Chooses a thread and wakes it; a signal that will kill for sure kills now. => S */
static void complete_signal(struct task *p, int sig, enum pid_type type)
{
	struct task *t = wants_signal(p, sig) ? p : choose_target(p, sig, type);
	if (!t)
		return;
	if (is_fatal(p, sig) && (p->signal->core || !(p->signal->flags & SIGNAL_GROUP_EXIT)) && !sig_in(sig, t->real_blocked) && !sig_in(sig, SIGSET_CORE) &&
	    (sig == SIGKILL || !p->ptrace)) {
		start_group_exit(p, sig);
		return;
	}
	signal_wake_up(t, sig == SIGKILL);
}

/* A fork in progress must see signals for the whole group, too: clone.c, collector_start(). => S */
static void collect_for_forks(struct signal *s, int sig)
{
	struct multiprocess_signals *m;
	list_for_each(m, &s->multiprocess, node) {
		if (sig == SIGCONT)
			m->signal &= ~SIGSET_STOP;
		else if (sig_in(sig, SIGSET_STOP))
			m->signal &= ~SIGMASK(SIGCONT);
		m->signal |= SIGMASK(sig);
	}
}

/* Adds an entry to the queue; 0, or -EAGAIN when a real-time signal would be lost. => S */
static int enqueue(struct task *t, struct sigpending *p, int sig, const struct ksiginfo *info)
{
	/* Standard signals from the kernel and kill(2) must not fail for a full queue. */
	bool override = sig < SIGRTMIN && (!info || info->code >= 0);
	struct sigqueue *q = sigqueue_alloc(t, override);
	if (!q)
		return info && sig >= SIGRTMIN && info->code != SI_USER ? -EAGAIN : 0;
	if (info)
		q->info = *info;
	else
		q->info = (struct ksiginfo){ .code = SI_KERNEL };
	q->info.signo = sig;
	list_add_tail(&q->node, &p->list);
	return 0;
}


/* force: not to be refused by an init for SIGKILL and SIGSTOP. => S */
static int queue_signal(struct task *t, int sig, const struct ksiginfo *info, enum pid_type type, bool force)
{
	struct sigpending *p = type == PIDTYPE_PID ? &t->pending : &t->signal->shared_pending;
	if (!prepare_signal(t, sig, force))
		return 0;
	if (sig < SIGRTMIN && sig_in(sig, p->set))
		return 0;
	/* SIGKILL carries nothing, so that it cannot fail. */
	if (sig != SIGKILL && !(t->pf & PF_KTHREAD)) {
		int err = enqueue(t, p, sig, info);
		if (err)
			return err;
	}
	signalfd_notify(t);
	p->set |= SIGMASK(sig);
	if (type == PIDTYPE_PGID || type == PIDTYPE_SID || type == PIDTYPE_MAX)
		collect_for_forks(t->signal, sig);
	complete_signal(t, sig, type);
	return 0;
}

/* Does t see the users and processes that current sees? => S */
static bool same_view(struct task *t)
{
	struct user_namespace *mine = current_user_ns();
	/* The threads of a process always do. */
	if (t->signal == current->signal)
		return true;
	spin_lock(&t->alloc_lock);
	bool same = t->cred->user_ns == mine;
	spin_unlock(&t->alloc_lock);
	return likely(same) && likely(!task_pid_ns(t)->level);
}

/* The ids of an info with a sender (kill, sigqueue) are the sender's view of itself: into t's user namespace, and no pid if t cannot see the sender. When
 * the signal comes from outside t's pid namespace, its init takes SIGKILL and SIGSTOP. => S */
static __noinline int queue_translated(struct task *t, int sig, const struct ksiginfo *info, enum pid_type type)
{
	struct user_namespace *mine = current_user_ns();
	struct pid_namespace *ns = task_pid_ns(t);
	struct ksiginfo seen = *info;
	spin_lock(&t->alloc_lock);
	seen.uid = show_uid(t->cred->user_ns, make_uid(mine, info->uid));
	spin_unlock(&t->alloc_lock);
	bool outside = ns->level && !pid_nr_in(current->thread_pid, ns);
	if (outside)
		seen.pid = 0;
	return queue_signal(t, sig, &seen, type, outside);
}

int send_signal_locked(struct task *t, int sig, const struct ksiginfo *info, enum pid_type type)
{
	if (!info || info->code == SI_KERNEL)
		return queue_signal(t, sig, info, type, true);
	if (likely(same_view(t)) || !siginfo_has_sender(info))
		return queue_signal(t, sig, info, type, false);
	return queue_translated(t, sig, info, type);
}

int send_signal_self(int sig, const struct ksiginfo *info)
{
	struct task *t = current;
	if (sig < 1 || sig > NSIG_MAX)
		return -EINVAL;
	u64 f = spin_lock_irqsave(&t->sighand->lock);
	int err = send_signal_locked(t, sig, info, PIDTYPE_PID);
	spin_unlock_irqrestore(&t->sighand->lock, f);
	return err;
}

int send_signal_info(struct task *t, int sig, const struct ksiginfo *info, enum pid_type type)
{
	u64 f;
	if (sig < 1 || sig > NSIG_MAX)
		return -EINVAL;
	if (!lock_task_sighand(t, &f))
		return -ESRCH;
	int err = send_signal_locked(t, sig, info, type);
	unlock_task_sighand(t, f);
	return err;
}

int send_signal_told(struct task *t, int sig, const struct ksiginfo *info)
{
	u64 f;
	if (!lock_task_sighand(t, &f))
		return -ESRCH;
	int err = queue_signal(t, sig, info, PIDTYPE_TGID, false);
	unlock_task_sighand(t, f);
	return err;
}

int send_signal_kernel(struct task *t, int sig) { return send_signal_info(t, sig, NULL, PIDTYPE_TGID); }
void hook_send_signal_self(int sig) { send_signal_info(current, sig, NULL, PIDTYPE_PID); }

int send_sigqueue(struct sigqueue *q, struct task *t, enum pid_type type)
{
	u64 f;
	int ret = 0;
	if (!lock_task_sighand(t, &f))
		return -ESRCH;
	if (!list_empty(&q->node)) {
		q->info.overrun++;
		ret = 1;
	} else if (prepare_signal(t, q->info.signo, false)) {
		struct sigpending *p = type == PIDTYPE_PID ? &t->pending : &t->signal->shared_pending;
		q->info.overrun = 0;
		signalfd_notify(t);
		list_add_tail(&q->node, &p->list);
		p->set |= SIGMASK(q->info.signo);
		complete_signal(t, q->info.signo, type);
	}
	unlock_task_sighand(t, f);
	return ret;
}

/* --- faults ------------------------------------------------------------------------------------------------------------------------------ */

/* The signal cannot be evaded: a mask or SIG_IGN gives way to the default action, and init is mortal for once. */
void force_signal_info(const struct ksiginfo *info, bool fatal)
{
	struct task *t = current;
	int sig = info->signo;
	u64 f = spin_lock_irqsave(&t->sighand->lock);
	struct ksigaction *a = sighand_action(t->sighand, sig);
	bool blocked = sig_in(sig, t->blocked);
	if (blocked || a->handler == KSIG_IGN || fatal) {
		a->handler = KSIG_DFL;
		if (fatal)
			a->flags |= KSA_IMMUTABLE;
		t->blocked &= ~SIGMASK(sig);
	}
	/* A traced init is mortal only when its tracer lets the signal through. */
	if (a->handler == KSIG_DFL && (!t->ptrace || fatal))
		t->signal->flags &= ~SIGNAL_UNKILLABLE;
	send_signal_locked(t, sig, info, PIDTYPE_PID);
	/* It may have been pending, blocked, before. */
	if (!(READ_ONCE(t->flags) & TIF_SIGPENDING))
		signal_wake_up(t, false);
	spin_unlock_irqrestore(&t->sighand->lock, f);
}

void force_signal(int sig, int code, uaddr_t addr)
{
	struct ksiginfo i = { .signo = sig, .code = code, .addr = addr };
	force_signal_info(&i, false);
}

void force_fatal_signal(int sig)
{
	struct ksiginfo i = { .signo = sig, .code = SI_KERNEL };
	force_signal_info(&i, true);
}

void force_sigsegv(int sig)
{
	if (sig == SIGSEGV)
		force_fatal_signal(SIGSEGV);
	else
		force_signal(SIGSEGV, SI_KERNEL, 0);
}

/* --- who may, and groups ----------------------------------------------------------------------------------------------------------------- */

int check_kill_permission(int sig, const struct ksiginfo *info, struct task *t)
{
	if (sig < 0 || sig > NSIG_MAX)
		return -EINVAL;
	/* The kernel may always. */
	if (!info || info->code > 0)
		return 0;
	if (t->signal == current->signal)
		return 0;
	const struct cred *c = current_cred();
	spin_lock(&t->alloc_lock);
	bool ok = t->cred && (ns_capable(t->cred->user_ns, CAP_KILL) || c->euid == t->cred->suid || c->euid == t->cred->uid || c->uid == t->cred->suid || c->uid == t->cred->uid);
	spin_unlock(&t->alloc_lock);
	if (ok || (sig == SIGCONT && task_session(t) == task_session(current)))
		return 0;
	return -EPERM;
}

int group_send_signal(struct task *t, int sig, const struct ksiginfo *info, enum pid_type type)
{
	int err = check_kill_permission(sig, info, t);
	if (err || !sig)
		return err;
	return send_signal_info(t, sig, info, type);
}

int kill_pgrp_locked(struct pid *pgrp, int sig, const struct ksiginfo *info)
{
	int ret = -ESRCH;
	if (!pgrp)
		return ret;
	struct list_head *h = &pgrp->tasks[PIDTYPE_PGID];
	for (struct list_head *n = h->next; n != h; n = n->next) {
		struct task *t = list_entry(n, struct task, pid_links[PIDTYPE_PGID]);
		int err = group_send_signal(t, sig, info, PIDTYPE_PGID);
		/* One success is success. */
		if (ret)
			ret = err;
	}
	return ret;
}

int kill_pgrp(struct pid *pgrp, int sig, const struct ksiginfo *info)
{
	spin_lock(&tasklist_lock);
	int ret = kill_pgrp_locked(pgrp, sig, info);
	spin_unlock(&tasklist_lock);
	return ret;
}
