/*
 * Job control and controlling terminals (credentials(7), termios(3)): who is in the foreground, who gets the terminal, what happens when its session
 * leader goes. Entry points: tty_check_background, tty_take_on_open, tty_set_controlling, tty_give_up, tty_{set,get}_pgrp, tty_get_sid,
 * tty_hangup, and the hooks that the proc room calls.
 *
 * Locks, in order: tasklist_lock, a sighand lock (signal->tty of that process), tty->ctrl. A reference to a tty in signal->tty is dropped by
 * whoever takes it out of there.
 */
#include "tty/tty.h"

#include "gen/sys_protos.h"
#include "lib/string.h"

/* Takes the terminal away: the caller drops its reference. => S of that signal */
static struct tty *take_tty(struct signal *s) { return xchg(&s->tty, NULL); }

struct tty *tty_current(void)
{
	u64 flags;
	if (!lock_task_sighand(current, &flags))
		return NULL;
	struct tty *tty = current->signal->tty;
	if (tty)
		tty_get(tty);
	unlock_task_sighand(current, flags);
	return tty;
}

static struct pid *pgrp_ref(struct tty *tty)
{
	spin_lock(&tty->ctrl);
	struct pid *p = tty->pgrp;
	if (p)
		pid_get(p);
	spin_unlock(&tty->ctrl);
	return p;
}

void tty_signal_foreground(struct tty *tty, int sig)
{
	struct pid *p = pgrp_ref(tty);
	if (!p)
		return;
	kill_pgrp(p, sig, NULL);
	pid_put(p);
}

static bool blocked_or_ignored(int sig)
{
	u64 flags;
	if (!lock_task_sighand(current, &flags))
		return true;
	bool r = (current->blocked & SIGMASK(sig)) || current->sighand->action[sig - 1].handler == KSIG_IGN;
	unlock_task_sighand(current, flags);
	return r;
}

int tty_check_background(struct tty *tty, int sig)
{
	if (current->signal->tty != tty)
		return 0;
	spin_lock(&tasklist_lock);
	struct pid *mine = task_pgrp(current);
	pid_get(mine);
	bool orphaned = is_orphaned_pgrp(mine, NULL);
	spin_unlock(&tasklist_lock);
	struct pid *fg = pgrp_ref(tty);
	int r = 0;
	if (fg && fg != mine) {
		if (blocked_or_ignored(sig)) {
			r = sig == SIGTTIN ? -EIO : 0;
		} else if (orphaned) {
			r = -EIO;
		} else {
			kill_pgrp(mine, sig, NULL);
			atomic_or(&current->flags, TIF_SIGPENDING);
			r = -ERESTARTSYS;
		}
	}
	if (fg)
		pid_put(fg);
	pid_put(mine);
	return r;
}

/* Makes tty the controlling terminal of current's process. => tasklist_lock */
static void set_controlling_locked(struct tty *tty)
{
	struct pid *old_session, *old_pgrp;
	u64 flags;

	spin_lock(&tty->ctrl);
	old_session = tty->session;
	old_pgrp = tty->pgrp;
	tty->session = task_session(current);
	tty->pgrp = task_pgrp(current);
	pid_get(tty->session);
	pid_get(tty->pgrp);
	spin_unlock(&tty->ctrl);
	if (old_session)
		pid_put(old_session);
	if (old_pgrp)
		pid_put(old_pgrp);
	tty_get(tty);
	struct tty *old = tty;
	if (lock_task_sighand(current, &flags)) {
		old = take_tty(current->signal);
		current->signal->tty = tty;
		if (current->signal->tty_old_pgrp) {
			pid_put(current->signal->tty_old_pgrp);
			current->signal->tty_old_pgrp = NULL;
		}
		unlock_task_sighand(current, flags);
	}
	tty_put(old);
}

void tty_take_on_open(struct tty *tty, struct file *f)
{
	if ((f->flags & O_NOCTTY) || !file_readable(f) || !current->signal->leader || current->signal->tty)
		return;
	spin_lock(&tasklist_lock);
	if (current->signal->leader && !current->signal->tty && !tty->session)
		set_controlling_locked(tty);
	spin_unlock(&tasklist_lock);
}

/* Takes the terminal away from every process of a session. => tasklist_lock */
static void session_clear(struct pid *session, struct tty *tty)
{
	struct task *p;
	u64 flags;

	if (!session)
		return;
	list_for_each(p, &session->tasks[PIDTYPE_SID], pid_links[PIDTYPE_SID]) {
		struct tty *had = NULL;
		if (!lock_task_sighand(p, &flags))
			continue;
		if (!tty || p->signal->tty == tty)
			had = take_tty(p->signal);
		unlock_task_sighand(p, flags);
		tty_put(had);
	}
}

long tty_set_controlling(struct tty *tty, struct file *f, bool steal)
{
	long r = 0;

	spin_lock(&tasklist_lock);
	if (current->signal->leader && task_session(current) == tty->session) {
		r = 0;
	} else if (!current->signal->leader || current->signal->tty) {
		r = -EPERM;
	} else if (tty->session && !(steal && capable(CAP_SYS_ADMIN))) {
		r = -EPERM;
	} else if (!file_readable(f) && !capable(CAP_SYS_ADMIN)) {
		r = -EPERM;
	} else {
		if (tty->session)
			session_clear(tty->session, tty);
		set_controlling_locked(tty);
	}
	spin_unlock(&tasklist_lock);
	return r;
}

/* Takes session and foreground group out of the tty. */
static void forget_session(struct tty *tty)
{
	spin_lock(&tty->ctrl);
	struct pid *session = tty->session, *pgrp = tty->pgrp;
	tty->session = tty->pgrp = NULL;
	spin_unlock(&tty->ctrl);
	if (session)
		pid_put(session);
	if (pgrp)
		pid_put(pgrp);
}

long tty_give_up(struct tty *tty)
{
	if (current->signal->tty != tty)
		return -ENOTTY;
	hook_disassociate_tty(false);
	struct tty *had = take_tty(current->signal);
	tty_put(had);
	return 0;
}

/* --- groups ----------------------------------------------------------------------------------------------------------------------------- */
static bool is_mine(struct tty *tty) { return current->signal->tty == tty; }

long tty_get_pgrp(struct tty *tty, uaddr_t arg, bool master)
{
	if (!master && !is_mine(tty))
		return -ENOTTY;
	struct pid *p = pgrp_ref(tty);
	s32 nr = pid_vnr(p);
	if (p)
		pid_put(p);
	return put_user(nr, arg);
}

long tty_get_sid(struct tty *tty, uaddr_t arg, bool master)
{
	if (!master && !is_mine(tty))
		return -ENOTTY;
	spin_lock(&tty->ctrl);
	struct pid *p = tty->session;
	s32 nr = pid_vnr(p);
	spin_unlock(&tty->ctrl);
	return p ? put_user(nr, arg) : -ENOTTY;
}

/* => tasklist_lock. The session that group p belongs to, or NULL when nobody is in it. */
static struct pid *session_of_group(struct pid *p)
{
	if (list_empty(&p->tasks[PIDTYPE_PGID]))
		return NULL;
	return task_session(list_first(&p->tasks[PIDTYPE_PGID], struct task, pid_links[PIDTYPE_PGID]));
}

static long set_pgrp_locked(struct tty *tty, s32 nr)
{
	struct pid *p = find_pid(nr);
	if (!p)
		return -ESRCH;
	if (session_of_group(p) != task_session(current))
		return -EPERM;
	pid_get(p);
	spin_lock(&tty->ctrl);
	struct pid *old = tty->pgrp;
	tty->pgrp = p;
	spin_unlock(&tty->ctrl);
	if (old)
		pid_put(old);
	return 0;
}

long tty_set_pgrp(struct tty *tty, uaddr_t arg)
{
	s32 nr;
	int r = tty_check_background(tty, SIGTTOU);

	if (r == -EIO)
		return -ENOTTY;
	if (r)
		return r;
	if (get_user(nr, arg))
		return -EFAULT;
	if (nr < 0)
		return -EINVAL;
	spin_lock(&tasklist_lock);
	long ret = -ENOTTY;
	if (is_mine(tty) && tty->session == task_session(current))
		ret = set_pgrp_locked(tty, nr);
	spin_unlock(&tasklist_lock);
	return ret;
}

/* --- hangup, end of the session --------------------------------------------------------------------------------------------------------- */
/* Tells the session's leader, remembers its foreground group there, takes the tty away from all members. */
static void hangup_session(struct tty *tty, struct pid *session, struct pid *pgrp)
{
	struct task *p, *leader = NULL;
	u64 flags;

	spin_lock(&tasklist_lock);
	list_for_each(p, &session->tasks[PIDTYPE_SID], pid_links[PIDTYPE_SID]) {
		struct tty *had = NULL;
		if (!lock_task_sighand(p, &flags))
			continue;
		if (p->signal->tty == tty)
			had = take_tty(p->signal);
		if (p->signal->leader) {
			if (p->signal->tty_old_pgrp)
				pid_put(p->signal->tty_old_pgrp);
			p->signal->tty_old_pgrp = pgrp;
			if (pgrp)
				pid_get(pgrp);
			leader = p;
			task_get(p);
		}
		unlock_task_sighand(p, flags);
		tty_put(had);
		if (leader)
			break;
	}
	session_clear(session, tty);
	spin_unlock(&tasklist_lock);
	if (leader) {
		send_signal_kernel(leader, SIGHUP);
		send_signal_kernel(leader, SIGCONT);
		task_put(leader);
	}
}

void tty_hangup(struct tty *tty, bool session_exit)
{
	spin_lock(&tty->ctrl);
	struct pid *session = tty->session, *pgrp = tty->pgrp;
	tty->session = tty->pgrp = NULL;
	spin_unlock(&tty->ctrl);

	spin_lock(&tty->lock);
	WRITE_ONCE(tty->hangups, tty->hangups + 1);
	ldisc_flush_input(&tty->ld);
	tty->flip_tail = tty->flip_head;
	tty->ld.stopped = tty->out_held = false;
	/* A line to a device keeps its settings, as on Linux. */
	if (tty->pty) {
		struct ktermios initial = tty->initial;
		ldisc_set_termios(&tty->ld, &initial);
	}
	spin_unlock(&tty->lock);

	if (session) {
		hangup_session(tty, session, pgrp);
		if (session_exit && pgrp)
			kill_pgrp(pgrp, SIGHUP, NULL);
		pid_put(session);
	}
	if (pgrp)
		pid_put(pgrp);
	wake_up_key(&tty->read_wait, TASK_NORMAL, 0, POLLIN | POLLHUP | POLLERR | POLLRDNORM);
	wake_up_key(&tty->write_wait, TASK_NORMAL, 0, POLLOUT | POLLHUP | POLLERR | POLLWRNORM);
}

long sys_vhangup(void)
{
	if (!capable(CAP_SYS_TTY_CONFIG))
		return -EPERM;
	struct tty *tty = tty_current();
	if (tty) {
		tty_hangup(tty, false);
		tty_put(tty);
	}
	return 0;
}

/* The terminal was hung up before: its last foreground group hears of the leader's end. */
static void signal_old_group(void)
{
	u64 flags;
	struct pid *old = NULL;

	if (lock_task_sighand(current, &flags)) {
		old = xchg(&current->signal->tty_old_pgrp, NULL);
		unlock_task_sighand(current, flags);
	}
	if (!old)
		return;
	kill_pgrp(old, SIGHUP, NULL);
	kill_pgrp(old, SIGCONT, NULL);
	pid_put(old);
}

void hook_disassociate_tty(bool on_exit)
{
	struct signal *s = current->signal;

	if (!s->leader)
		return;
	struct tty *tty = tty_current();
	if (!tty) {
		if (on_exit)
			signal_old_group();
		return;
	}
	if (on_exit && !tty->pty) {
		tty_hangup(tty, true);
	} else {
		tty_signal_foreground(tty, SIGHUP);
		if (!on_exit)
			tty_signal_foreground(tty, SIGCONT);
	}
	struct pid *old = xchg(&s->tty_old_pgrp, NULL);
	if (old)
		pid_put(old);
	if (s->tty == tty)
		forget_session(tty);
	spin_lock(&tasklist_lock);
	session_clear(task_session(current), NULL);
	spin_unlock(&tasklist_lock);
	tty_put(tty);
}

void hook_tty_get(struct tty *tty)
{
	if (tty)
		tty_get(tty);
}
void hook_tty_put(struct tty *tty) { tty_put(tty); }
void hook_tty_clear(struct signal *s) { tty_put(take_tty(s)); }

void hook_tty_info(struct task *t, const struct pid_namespace *ns, u64 *dev, s32 *tpgid)
{
	u64 flags;
	struct tty *tty = NULL;

	*dev = 0;
	*tpgid = -1;
	if (!lock_task_sighand(t, &flags))
		return;
	tty = t->signal->tty;
	if (tty)
		tty_get(tty);
	unlock_task_sighand(t, flags);
	if (!tty)
		return;
	struct pid *p = pgrp_ref(tty);
	*dev = tty->rdev;
	*tpgid = p ? pid_nr_in(p, ns) : -1;
	if (p)
		pid_put(p);
	tty_put(tty);
}
