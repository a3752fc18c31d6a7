/* The system calls about signals, but for the frame's (sigframe.c) and signalfd's; and the masks of ppoll and friends (vfs/poll.h). */
#include <linux/time_types.h>

#include "gen/sys_protos.h"
#include "lib/string.h"
#include "mm/uaccess.h"
#include "proc/signal.h"
#include "sched/kernel_time.h"
#include "sched/sched.h"
#include "vfs/poll.h"

/* --- actions and masks --------------------------------------------------------------------------------------------------------------------- */

/* A new action that ignores drops what is queued. => S */
static void drop_ignored(struct task *p, int sig)
{
	struct task *t;
	flush_signals(SIGMASK(sig), &p->signal->shared_pending);
	for_each_thread(p, t)
		flush_signals(SIGMASK(sig), &t->pending);
}

long sys_rt_sigaction(u64 sig, u64 uact, u64 uold, u64 size)
{
	struct task *t = current;
	struct ksigaction new, old;
	if (size != sizeof(ksigset_t))
		return -EINVAL;
	if (uact && copy_from_user(&new, uact, sizeof(new)))
		return -EFAULT;
	int n = (int)sig;
	if (n < 1 || n > NSIG_MAX || (uact && sig_in(n, SIGSET_ONLY)))
		return -EINVAL;
	struct ksigaction *a = &t->sighand->action[n - 1];
	u64 f = spin_lock_irqsave(&t->sighand->lock);
	if (a->flags & KSA_IMMUTABLE) {
		spin_unlock_irqrestore(&t->sighand->lock, f);
		return -EINVAL;
	}
	old = *a;
	if (uact) {
		new.flags &= KSA_UAPI;
		new.mask &= ~SIGSET_ONLY;
		*sighand_action(t->sighand, n) = new;
		if (signal_is_ignoring(new.handler, n))
			drop_ignored(t, n);
	}
	spin_unlock_irqrestore(&t->sighand->lock, f);
	return uold ? copy_to_user(uold, &old, sizeof(old)) : 0;
}

long sys_rt_sigprocmask(u64 how, u64 uset, u64 uold, u64 size)
{
	ksigset_t old = current->blocked, set;
	if (size != sizeof(ksigset_t))
		return -EINVAL;
	if (uset) {
		if (get_user(set, uset))
			return -EFAULT;
		switch ((int)how) {
		case SIG_BLOCK: set |= old; break;
		case SIG_UNBLOCK: set = old & ~set; break;
		case SIG_SETMASK: break;
		default: return -EINVAL;
		}
		set_current_blocked(set);
	}
	return uold ? put_user(old, uold) : 0;
}

long sys_rt_sigpending(u64 uset, u64 size)
{
	struct task *t = current;
	if (size > sizeof(ksigset_t))
		return -EINVAL;
	u64 f = spin_lock_irqsave(&t->sighand->lock);
	ksigset_t set = (t->pending.set | t->signal->shared_pending.set) & t->blocked;
	spin_unlock_irqrestore(&t->sighand->lock, f);
	return copy_to_user(uset, &set, size);
}

/* --- waiting ------------------------------------------------------------------------------------------------------------------------------- */

static long wait_for_signal(void)
{
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (signal_pending())
			break;
		schedule();
	}
	set_current_state(TASK_RUNNING);
	return -ERESTARTNOHAND;
}

long sys_pause(void) { return wait_for_signal(); }

/* Until delivery the new mask holds; delivery saves the old one in the frame. */
static void block_until_delivery(ksigset_t mask)
{
	current->saved_sigmask = current->blocked;
	atomic_or(&current->flags, TIF_RESTORE_SIGMASK);
	set_current_blocked(mask);
}

long sys_rt_sigsuspend(u64 uset, u64 size)
{
	ksigset_t set;
	if (size != sizeof(set))
		return -EINVAL;
	if (get_user(set, uset))
		return -EFAULT;
	block_until_delivery(set);
	return wait_for_signal();
}

int hook_set_user_sigmask(uaddr_t mask, size_t size)
{
	ksigset_t set;
	if (!mask)
		return 0;
	if (size != sizeof(set))
		return -EINVAL;
	if (get_user(set, mask))
		return -EFAULT;
	block_until_delivery(set);
	return 0;
}

void hook_restore_sigmask_unless(bool interrupted)
{
	/* Without the work bit delivery would never come to put the mask back. */
	if (!interrupted || !signal_pending())
		restore_saved_sigmask();
}

static long restart_poll(struct task *t) { return poll_restart(t->restart.arg[0], t->restart.arg[1], t->restart.arg[2]); }

void hook_restart_poll(u64 ufds, u64 nfds, u64 deadline)
{
	struct task *t = current;
	t->restart.fn = restart_poll;
	t->restart.arg[0] = ufds;
	t->restart.arg[1] = nfds;
	t->restart.arg[2] = deadline;
}

long sys_restart_syscall(void)
{
	struct task *t = current;
	return t->restart.fn ? t->restart.fn(t) : -EINTR;
}

/* Sleeps up to ns for one of the signals outside `mask`, unblocked for the time. => S with flags *f; S released meanwhile. Returns the signal or 0; *left =
 * 0 when the time ran out. */
static int wait_unblocked(ksigset_t mask, struct ksiginfo *info, u64 ns, u64 *left, u64 *f)
{
	struct task *t = current;
	t->real_blocked = t->blocked;
	t->blocked &= mask;
	recalc_sigpending();
	spin_unlock_irqrestore(&t->sighand->lock, *f);
	set_current_state(TASK_INTERRUPTIBLE);
	*left = schedule_timeout(ns);
	set_current_state(TASK_RUNNING);
	*f = spin_lock_irqsave(&t->sighand->lock);
	t->blocked = t->real_blocked;
	t->real_blocked = 0;
	recalc_sigpending();
	return dequeue_signal(mask, info, NULL);
}

long sys_rt_sigtimedwait(u64 uset, u64 uinfo, u64 uts, u64 size)
{
	struct task *t = current;
	struct __kernel_timespec ts;
	struct ksiginfo info;
	ksigset_t set;
	u64 ns = ~0UL, left = 1;
	if (size != sizeof(set))
		return -EINVAL;
	if (get_user(set, uset) || (uts && get_user(ts, uts)))
		return -EFAULT;
	if (uts) {
		if (!timespec_valid(&ts))
			return -EINVAL;
		ns = timespec_to_ns(&ts);
	}
	ksigset_t mask = ~(set & ~SIGSET_ONLY);
	u64 f = spin_lock_irqsave(&t->sighand->lock);
	int sig = dequeue_signal(mask, &info, NULL);
	if (!sig && ns)
		sig = wait_unblocked(mask, &info, ns, &left, &f);
	spin_unlock_irqrestore(&t->sighand->lock, f);
	if (!sig)
		return ns && left ? -EINTR : -EAGAIN;
	if (uinfo && copy_siginfo_to_user(uinfo, &info))
		return -EFAULT;
	return sig;
}

/* --- sending ------------------------------------------------------------------------------------------------------------------------------- */

static struct ksiginfo info_from_self(int sig, int code)
{
	return (struct ksiginfo){ .signo = sig, .code = code, .pid = current_vpid(), .uid = my_uid(current_cred()->uid) };
}

/* => tasklist_lock. The task with this tid, or NULL. */
static struct task *find_tid(s32 nr)
{
	struct pid *p = find_pid(nr);
	if (!p || list_empty(&p->tasks[PIDTYPE_PID]))
		return NULL;
	return list_entry(p->tasks[PIDTYPE_PID].next, struct task, pid_links[PIDTYPE_PID]);
}

static int kill_process(s32 pid, int sig, const struct ksiginfo *info)
{
	spin_lock(&tasklist_lock);
	struct task *t = find_tid(pid);
	int err = t ? group_send_signal(t, sig, info, PIDTYPE_TGID) : -ESRCH;
	spin_unlock(&tasklist_lock);
	return err;
}

/* kill(-1): everybody in the caller's namespace but its init and the caller's own. */
static int kill_all(int sig, const struct ksiginfo *info)
{
	struct task *p;
	int ret = 0, n = 0;
	spin_lock(&tasklist_lock);
	for_each_process(p) {
		if (pid_vnr(p->thread_pid) <= 1 || p->signal == current->signal)
			continue;
		int err = group_send_signal(p, sig, info, PIDTYPE_MAX);
		n++;
		if (err != -EPERM)
			ret = err;
	}
	spin_unlock(&tasklist_lock);
	return n ? ret : -ESRCH;
}

static int kill_group(s32 pgid, int sig, const struct ksiginfo *info)
{
	spin_lock(&tasklist_lock);
	int err = kill_pgrp_locked(pgid ? find_pid(pgid) : task_pgrp(current), sig, info);
	spin_unlock(&tasklist_lock);
	return err;
}

long sys_kill(u64 upid, u64 usig)
{
	s32 pid = (s32)upid;
	struct ksiginfo info = info_from_self((int)usig, SI_USER);
	if (pid > 0)
		return kill_process(pid, (int)usig, &info);
	if (pid == (s32)0x80000000)
		return -ESRCH;
	if (pid == -1)
		return kill_all((int)usig, &info);
	return kill_group(-pid, (int)usig, &info);
}

/* To one thread; tgid 0 = whatever its process. */
static long kill_thread(s32 tgid, s32 tid, int sig, const struct ksiginfo *info)
{
	int err = -ESRCH;
	/* raise(3): nothing to look up, nobody to ask. */
	if (tid == pid_vnr(current->thread_pid) && (tgid <= 0 || tgid == current_vpid()))
		return sig ? send_signal_self(sig, info) : 0;
	spin_lock(&tasklist_lock);
	struct task *t = find_tid(tid);
	if (t && (tgid <= 0 || pid_vnr(t->signal->pids[PIDTYPE_TGID]) == tgid)) {
		err = check_kill_permission(sig, info, t);
		if (!err && sig) {
			err = send_signal_info(t, sig, info, PIDTYPE_PID);
			/* It died on the way: as if a moment later. */
			if (err == -ESRCH)
				err = 0;
		}
	}
	spin_unlock(&tasklist_lock);
	return err;
}

long sys_tkill(u64 tid, u64 sig)
{
	struct ksiginfo info = info_from_self((int)sig, SI_TKILL);
	return (s32)tid <= 0 ? -EINVAL : kill_thread(0, (s32)tid, (int)sig, &info);
}

long sys_tgkill(u64 tgid, u64 tid, u64 sig)
{
	struct ksiginfo info = info_from_self((int)sig, SI_TKILL);
	return (s32)tid <= 0 || (s32)tgid <= 0 ? -EINVAL : kill_thread((s32)tgid, (s32)tid, (int)sig, &info);
}

/* Does Linux know which fields a siginfo with this code has? Of unknown ones the tail must be zero. */
static bool known_code(int code)
{
	return code == SI_KERNEL || (code >= 0 && code <= 15) || (code <= 0 && code >= -7) || code == -60 /* SI_ASYNCNL */;
}

static int info_from_user(uaddr_t uinfo, int sig, struct ksiginfo *info)
{
	u8 b[128];
	if (copy_from_user(b, uinfo, sizeof(b)))
		return -EFAULT;
	memcpy(b, &sig, sizeof(sig));
	siginfo_from_bytes(b, info);
	if (!known_code(info->code))
		for (u32 i = 48; i < sizeof(b); i++)
			if (b[i])
				return -E2BIG;
	return 0;
}

/* Nobody may claim to be the kernel or kill(2) towards others. */
static bool may_claim(const struct ksiginfo *info, s32 pid)
{
	return (info->code < 0 && info->code != SI_TKILL) || pid_own_nr(current->thread_pid) == pid;
}

long sys_rt_sigqueueinfo(u64 pid, u64 sig, u64 uinfo)
{
	struct ksiginfo info;
	int err = info_from_user(uinfo, (int)sig, &info);
	if (err)
		return err;
	if (!may_claim(&info, (s32)pid))
		return -EPERM;
	return kill_process((s32)pid, (int)sig, &info);
}

long sys_rt_tgsigqueueinfo(u64 tgid, u64 tid, u64 sig, u64 uinfo)
{
	struct ksiginfo info;
	int err = info_from_user(uinfo, (int)sig, &info);
	if (err)
		return err;
	if ((s32)tid <= 0 || (s32)tgid <= 0)
		return -EINVAL;
	if (!may_claim(&info, (s32)tid))
		return -EPERM;
	return kill_thread((s32)tgid, (s32)tid, (int)sig, &info);
}
