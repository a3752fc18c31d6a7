/*
 * The tracee's half of ptrace: its stops, what it tells its tracer, and the bond between the two. Interface: ptrace.h.
 *
 * All stops are ptrace_stop(). The code that wait(2) shows lies in exit_code, under S; the siginfo that the tracer may read and change in last_siginfo; the
 * signal it answers with comes back in exit_code. The tracer may vanish at any moment: ptrace_unlink() takes S and wakes whom it finds in TASK_TRACED, and
 * ptrace_stop() enters that state under S.
 */
#include "proc/ptrace.h"

#include "arch/x86_64/hooks.h"
#include "proc/cgroup.h"
#include "proc/internal.h"
#include "proc/ns.h"
#include "proc/seccomp.h"
#include "proc/signal.h"
#include "proc/user_dispatch.h"

/* Attachers that wait for JOBCTL_TRAPPING to end; woken rarely enough to share one queue. */
static struct wait_queue trapping_wait = WAIT_QUEUE_INIT(trapping_wait);

/* --- stopping ---------------------------------------------------------------------------------------------------------------------------- */

void jobctl_clear_trapping(struct task *t)
{
	if (unlikely(t->jobctl & JOBCTL_TRAPPING)) {
		t->jobctl &= ~(u32)JOBCTL_TRAPPING;
		wake_up_all(&trapping_wait);
	}
}

void ptrace_wait_trapping(struct task *t)
{
	(void)wait_event_killable(trapping_wait, !(READ_ONCE(t->jobctl) & JOBCTL_TRAPPING));
}

static void tell_parents(int why, bool group_stopped)
{
	struct task *t = current;
	spin_lock(&tasklist_lock);
	if (t->ptrace)
		do_notify_parent_cldstop(t, true, why);
	/* A parent that traces its own child hears of the trap only. */
	if (group_stopped && (!t->ptrace || ptrace_reparented(t)))
		do_notify_parent_cldstop(t, false, why);
	spin_unlock(&tasklist_lock);
}

/* => S, interrupt flags f; released while it sleeps. Returns the tracer's answer, or `code` itself when there is nobody to ask. */
static int ptrace_stop(int code, int why, u64 message, struct ksiginfo *info, u64 f)
{
	struct task *t = current;
	bool group_stopped = false;
	if (!t->ptrace || sig_in(SIGKILL, t->pending.set))
		return code;
	set_current_state(TASK_TRACED);
	t->ptrace_message = message;
	t->last_siginfo = info;
	t->exit_code = code;
	if (why == CLD_STOPPED && (t->jobctl & JOBCTL_STOP_PENDING))
		group_stopped = jobctl_participate_stop(t);
	jobctl_clear(t, JOBCTL_TRAP_STOP);
	if (info && info->code >> 8 == PTRACE_EVENT_STOP)
		jobctl_clear(t, JOBCTL_TRAP_NOTIFY);
	jobctl_clear_trapping(t);
	spin_unlock_irqrestore(&t->sighand->lock, f);
	tell_parents(why, group_stopped);
	cgroup_enter_frozen();
	schedule();
	cgroup_leave_frozen(true);
	/* It may be inside a system call, and the tracer may have written any of its registers. */
	atomic_or(&t->flags, TIF_NEW_REGS);
	spin_lock_irqsave(&t->sighand->lock);
	code = t->exit_code;
	t->last_siginfo = NULL;
	t->ptrace_message = 0;
	t->exit_code = 0;
	t->jobctl &= ~(u32)(JOBCTL_LISTENING | JOBCTL_FROZEN);
	recalc_sigpending();
	return code;
}

/* => S, as ptrace_stop(): with a siginfo that says who stopped and why. */
static int stop_with_info(int sig, int code, int why, u64 message, u64 f)
{
	struct ksiginfo info = { .signo = sig, .code = code, .pid = pid_vnr(current->thread_pid), .uid = my_uid(current->cred->uid) };
	return ptrace_stop(code, why, message, &info, f);
}

int ptrace_notify(int code, u64 message)
{
	struct task *t = current;
	u64 f = spin_lock_irqsave(&t->sighand->lock);
	int sig = stop_with_info(SIGTRAP, code, CLD_TRAPPED, message, f);
	spin_unlock_irqrestore(&t->sighand->lock, f);
	return sig;
}

u64 ptrace_tracer_nr(const struct pid *p)
{
	u64 nr = 0;
	spin_lock(&tasklist_lock);
	if (current->ptrace)
		nr = (u64)pid_nr_in(p, task_pid_ns(current->parent));
	spin_unlock(&tasklist_lock);
	return nr;
}

void ptrace_event(u32 event, u64 message)
{
	struct task *t = current;
	if (ptrace_event_enabled(t, event)) {
		ptrace_notify(PTRACE_CODE(event), message);
	} else if (event == PTRACE_EVENT_EXEC && t->ptrace && !(t->ptrace & PT_SEIZED)) {
		struct ksiginfo info = { .signo = SIGTRAP, .code = SI_USER, .pid = pid_vnr(t->thread_pid), .uid = my_uid(t->cred->uid) };
		send_signal_info(t, SIGTRAP, &info, PIDTYPE_PID);
	}
}

int ptrace_signal(int sig, struct ksiginfo *info, bool shared, u64 f)
{
	struct task *t = current;
	/* Our tracer may answer with a stop signal that nobody sent. */
	t->jobctl |= JOBCTL_STOP_DEQUEUED;
	sig = ptrace_stop(sig, CLD_TRAPPED, 0, info, f);
	if (!sig)
		return 0;
	if (sig != info->signo) {
		/* Another signal: it comes from the tracer. */
		*info = (struct ksiginfo){ .signo = sig, .code = SI_USER, .pid = t->tracer.pid, .uid = t->tracer.uid };
	}
	if (sig_in(sig, t->blocked) || sig_in(SIGKILL, t->pending.set)) {
		send_signal_locked(t, sig, info, shared ? PIDTYPE_TGID : PIDTYPE_PID);
		return 0;
	}
	return sig;
}

void ptrace_jobctl_trap(u64 f)
{
	struct task *t = current;
	struct signal *s = t->signal;
	int sig = t->jobctl & JOBCTL_STOP_SIGMASK;
	if (t->ptrace & PT_SEIZED) {
		if (!s->group_stop_count && !(s->flags & SIGNAL_STOP_STOPPED))
			sig = SIGTRAP;
		stop_with_info(sig, sig | PTRACE_EVENT_STOP << 8, CLD_STOPPED, 0, f);
	} else {
		ptrace_stop(sig, CLD_STOPPED, 0, NULL, f);
	}
}

void ptrace_wake(struct task *t, bool resume)
{
	atomic_or(&t->flags, TIF_SIGPENDING);
	kick_thread(task_thread(t), resume ? TASK_INTERRUPTIBLE | TASK_TRACED : TASK_INTERRUPTIBLE);
}

void ptrace_trap_notify(struct task *t)
{
	jobctl_set(t, JOBCTL_TRAP_NOTIFY);
	ptrace_wake(t, t->jobctl & JOBCTL_LISTENING);
}

/* --- system calls ------------------------------------------------------------------------------------------------------------------------ */

/* The tracer's answer is a signal to be sent, other than at the stops of signals. */
static void report_syscall(u64 message)
{
	u32 good = current->ptrace_options & PTRACE_O_TRACESYSGOOD ? 0x80 : 0;
	if (!current->ptrace)
		return;
	int sig = ptrace_notify((int)(SIGTRAP | good), message);
	if (sig)
		send_signal_info(current, sig, NULL, PIDTYPE_PID);
}

bool ptrace_syscall_enter(struct regs *regs)
{
	u8 mode = READ_ONCE(current->trace_calls);
	if (!mode) {
		/* No tracer, or none that asks; who is confined or dispatches its calls stays on this way in. */
		if (!(READ_ONCE(current->flags) & (TIF_SECCOMP | TIF_DISPATCH))) {
			u64 f = spin_lock_irqsave(&current->sighand->lock);
			update_syscall_entry(current);
			spin_unlock_irqrestore(&current->sighand->lock, f);
		}
		return true;
	}
	report_syscall(PTRACE_EVENTMSG_SYSCALL_ENTRY);
	return !(mode & TRACE_CALL_EMU) && !sig_in(SIGKILL, READ_ONCE(current->pending.set));
}

void hook_syscall_exit(struct regs *regs)
{
	u8 mode = READ_ONCE(current->trace_calls);
	if (unlikely(READ_ONCE(current->flags) & TIF_DISPATCH) && user_dispatch_took())
		return;
	if (mode & TRACE_CALL_EMU)
		return;
	if (READ_ONCE(current->flags) & TIF_SINGLESTEP)
		/* SYSCALL masks the trap flag: the step over it ends here. */
		force_signal(SIGTRAP, TRAP_BRKPT, regs->ip);
	else if (mode & TRACE_CALL_STOPS)
		report_syscall(PTRACE_EVENTMSG_SYSCALL_EXIT);
}

/* --- the bond ---------------------------------------------------------------------------------------------------------------------------- */

void ptrace_link(struct task *t, struct task *tracer, const struct tracer_id *id)
{
	list_add(&t->ptrace_entry, &tracer->ptraced);
	t->parent = tracer;
	t->tracer = *id;
	t->tracer.pid = pid_nr_in(tracer->signal->pids[PIDTYPE_TGID], task_pid_ns(t));
}

void ptrace_unlink(struct task *t)
{
	struct signal *s = t->signal;
	if (!t->ptrace)
		return;
	t->parent = t->real_parent;
	list_del(&t->ptrace_entry);
	u64 f = spin_lock_irqsave(&t->sighand->lock);
	t->ptrace = 0;
	t->ptrace_options = 0;
	t->trace_calls = 0;
	if (!(READ_ONCE(t->flags) & TIF_SINGLESTEP))
		atomic_and(&t->flags, ~(u32)TIF_SYSCALL_TRACE);
	jobctl_clear(t, JOBCTL_TRAP_MASK);
	jobctl_clear_trapping(t);
	/* What it does next is to join the stop that its group is in. */
	if (!(t->pf & PF_EXITING) && ((s->flags & SIGNAL_STOP_STOPPED) || s->group_stop_count)) {
		t->jobctl |= JOBCTL_STOP_PENDING;
		if (!(t->jobctl & JOBCTL_STOP_SIGMASK))
			t->jobctl |= SIGSTOP;
	}
	if ((t->jobctl & JOBCTL_STOP_PENDING) || (READ_ONCE(t->state) & TASK_TRACED))
		ptrace_wake(t, true);
	spin_unlock_irqrestore(&t->sighand->lock, f);
}

bool ptrace_detach_locked(struct task *t, struct task *tracer)
{
	bool dead;
	ptrace_unlink(t);
	if (t->exit_state != EXIT_ZOMBIE)
		return false;
	dead = !thread_group_leader(t);
	if (!dead && thread_group_empty(t)) {
		if (!same_thread_group(t->real_parent, tracer)) {
			dead = do_notify_parent(t, t->exit_signal);
		} else {
			const struct ksigaction *a = &tracer->sighand->action[SIGCHLD - 1];
			if (a->handler == KSIG_IGN || (a->flags & SA_NOCLDWAIT) || t->signal->autoreap) {
				wake_up_parent(t, tracer);
				dead = true;
			}
		}
	}
	if (dead)
		t->exit_state = EXIT_DEAD;
	return dead;
}

void exit_ptrace(struct task *tracer, struct list_head *dead)
{
	while (!list_empty(&tracer->ptraced)) {
		struct task *t = list_first(&tracer->ptraced, struct task, ptrace_entry);
		if (t->ptrace_options & PTRACE_O_EXITKILL)
			send_signal_info(t, SIGKILL, NULL, PIDTYPE_PID);
		if (ptrace_detach_locked(t, tracer))
			list_add_tail(&t->dead_node, dead);
	}
}

void ptrace_init_child(struct task *child, bool attach)
{
	struct task *me = current;
	if (likely(!attach || !me->ptrace))
		return;
	child->ptrace = me->ptrace;
	child->ptrace_options = me->ptrace_options;
	ptrace_link(child, me->parent, &me->tracer);
	if (child->ptrace & PT_SEIZED)
		child->jobctl |= JOBCTL_TRAP_STOP;
	else
		child->pending.set |= SIGMASK(SIGSTOP);
	atomic_or(&child->flags, TIF_SIGPENDING);
}
