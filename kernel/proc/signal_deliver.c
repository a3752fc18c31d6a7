/*
 * The way back to user mode: reschedule, task work, signals. hook_exit_to_user() is entered with a work bit set and leaves with none.
 * get_signal() takes one signal and acts on it unless it has a handler; handle_signal() restarts or interrupts the system call and builds the frame.
 *
 * What a system call that was broken off sees (signal(7), Interruption of system calls):
 *                            handler with SA_RESTART   handler without   no handler (stop, continue, nothing)
 *   -ERESTARTSYS             again                     -EINTR            again
 *   -ERESTARTNOINTR          again                     again             again
 *   -ERESTARTNOHAND          -EINTR                    -EINTR            again
 *   -ERESTART_RESTARTBLOCK   -EINTR                    -EINTR            restart_syscall(2)
 */
#include <asm/unistd_64.h>

#include "arch/x86_64/hooks.h"
#include "proc/cgroup.h"
#include "proc/coredump.h"
#include "proc/ptrace.h"
#include "sched/group.h"
#include "proc/rseq.h"
#include "proc/signal.h"
#include "proc/trace_points.h"
#include "sched/sched.h"
#include "sched/trace_pace.h"

#define FLAG_TF 0x100UL
#define FLAG_DF 0x400UL
#define FLAG_RF 0x10000UL

/* --- stopping ---------------------------------------------------------------------------------------------------------------------------- */

static void notify_parent_stop(int why)
{
	spin_lock(&tasklist_lock);
	do_notify_parent_cldstop(current, false, why);
	/* A tracer in another process hears of the group's stops too. */
	if (unlikely(current->group_leader->ptrace) && ptrace_reparented(current->group_leader))
		do_notify_parent_cldstop(current->group_leader, true, why);
	spin_unlock(&tasklist_lock);
}

/* Begins a group stop for sig: every thread is asked to stop. => S */
static void begin_group_stop(int sig)
{
	struct task *cur = current, *t;
	struct signal *s = cur->signal;
	u32 mask = (u32)sig | (u32)(JOBCTL_STOP_PENDING | JOBCTL_STOP_CONSUME);
	if (!(s->flags & SIGNAL_STOP_STOPPED))
		s->group_exit_code = sig;
	s->group_stop_count = 0;
	if (jobctl_set(cur, mask))
		s->group_stop_count++;
	for_each_thread(cur, t) {
		if (t == cur || (READ_ONCE(t->state) & TASK_STOPPED))
			continue;
		if (!jobctl_set(t, mask))
			continue;
		s->group_stop_count++;
		if (t->ptrace & PT_SEIZED)
			ptrace_trap_notify(t);
		else
			signal_wake_up(t, false);
	}
}

/*
 * Stops current, for sig or (0) because a stop was asked for. => S, with the interrupt flags f. True: it slept and S is released; false: nothing done,
 * or current is traced and will trap instead.
 */
static bool do_signal_stop(int sig, u64 f)
{
	struct task *t = current;
	struct signal *s = t->signal;
	if (!(t->jobctl & JOBCTL_STOP_PENDING)) {
		/* A SIGCONT or SIGKILL came since the stop signal was dequeued. */
		if (!(t->jobctl & JOBCTL_STOP_DEQUEUED) || (s->flags & SIGNAL_GROUP_EXIT) || s->group_exec_task)
			return false;
		begin_group_stop(sig);
	}
	if (READ_ONCE(t->flags) & TIF_KILLED) {
		jobctl_clear(t, JOBCTL_PENDING_MASK);
		return false;
	}
	if (t->ptrace) {
		jobctl_set(t, JOBCTL_TRAP_STOP);
		return false;
	}
	bool told = jobctl_participate_stop(t);
	/* Under S, so that SIGCONT and SIGKILL, which take S, find the state set and wake us. */
	set_current_state(TASK_STOPPED);
	spin_unlock_irqrestore(&t->sighand->lock, f);
	if (told)
		notify_parent_stop(CLD_STOPPED);
	cgroup_enter_frozen();
	schedule();
	return true;
}

/* The control group is to be frozen: sleeps until that is over or there is something that goes first. => S, with the interrupt flags f; released */
static void freezer_trap(u64 f)
{
	struct task *t = current;
	/* Under S, so that who thaws or kills, with S too, finds the state set and wakes us. Signals that came are looked at after the thaw. */
	set_current_state(TASK_INTERRUPTIBLE);
	atomic_and(&t->flags, ~(u32)TIF_SIGPENDING);
	spin_unlock_irqrestore(&t->sighand->lock, f);
	cgroup_enter_frozen();
	schedule();
}

static bool own_pgrp_orphaned(void)
{
	spin_lock(&tasklist_lock);
	bool o = is_orphaned_pgrp(task_pgrp(current), NULL);
	spin_unlock(&tasklist_lock);
	return o;
}

/* --- taking a signal --------------------------------------------------------------------------------------------------------------------- */

/* info NULL: no core whatever the signal. */
static void die_of(int sig, const struct ksiginfo *info) __noreturn;
static void die_of(int sig, const struct ksiginfo *info)
{
	current->pf |= PF_SIGNALED;
	if (unlikely(current->frozen))
		cgroup_leave_frozen(true);
	if (info && sig_in(sig, SIGSET_CORE))
		do_coredump(sig, info);
	do_group_exit(sig);
}

/* What became of one dequeued signal. */
enum taken { TAKEN_NONE, TAKEN_HANDLER, TAKEN_NEXT, TAKEN_RELOCK };

/* The mask of k's handler, in the section that took the signal: what is left of the queues is judged by it. => S */
static void block_for_handler(struct ksignal *k)
{
	struct task *t = current;
	ksigset_t mask = k->action.mask & ~SIGSET_ONLY;
	if (!(k->action.flags & SA_NODEFER))
		mask |= SIGMASK(k->sig);
	k->before = t->blocked;
	k->outside = sigmask_to_save();
	set_blocked_locked(t->blocked | mask);
}

/* Acts on k->sig by its action. => S, still held unless TAKEN_RELOCK; does not return when the action kills. */
static enum taken act_on(struct ksignal *k, u64 f)
{
	struct task *t = current;
	struct ksigaction *a = &t->sighand->action[k->sig - 1];
	if (a->handler == KSIG_IGN)
		return TAKEN_NEXT;
	if (a->handler != KSIG_DFL) {
		k->action = *a;
		if (a->flags & (u64)SA_RESETHAND)
			a->handler = KSIG_DFL;
		block_for_handler(k);
		return TAKEN_HANDLER;
	}
	if (sig_in(k->sig, SIGSET_IGNORE))
		return TAKEN_NEXT;
	if ((t->signal->flags & SIGNAL_UNKILLABLE) && !sig_in(k->sig, SIGSET_ONLY))
		return TAKEN_NEXT;
	if (!sig_in(k->sig, SIGSET_STOP)) {
		spin_unlock_irqrestore(&t->sighand->lock, f);
		if (trace_on(killed))
			trace_killed(t->tgid, k->sig, k->info.code <= 0 ? k->info.pid : 0, k->info.code);
		die_of(k->sig, &k->info);
	}
	if (k->sig != SIGSTOP) {
		/* The terminal's stops have no effect where no shell would continue it. A SIGCONT in this window clears JOBCTL_STOP_DEQUEUED. */
		spin_unlock_irqrestore(&t->sighand->lock, f);
		if (own_pgrp_orphaned())
			return TAKEN_RELOCK;
		spin_lock_irqsave(&t->sighand->lock);
	}
	return do_signal_stop(k->sig, f) ? TAKEN_RELOCK : TAKEN_NEXT;
}

/* One look at the queues. => S, with interrupt flags f; released only with TAKEN_RELOCK. */
static enum taken take_one(struct ksignal *k, u64 f)
{
	struct task *t = current;
	struct signal *s = t->signal;
	if ((s->flags & SIGNAL_GROUP_EXIT) || s->group_exec_task) {
		t->pending.set &= ~SIGMASK(SIGKILL);
		spin_unlock_irqrestore(&t->sighand->lock, f);
		die_of(SIGKILL, NULL);
	}
	if ((t->jobctl & JOBCTL_STOP_PENDING) && do_signal_stop(0, f))
		return TAKEN_RELOCK;
	if (unlikely(t->jobctl & JOBCTL_TRAP_MASK)) {
		ptrace_jobctl_trap(f);
		spin_unlock_irqrestore(&t->sighand->lock, f);
		return TAKEN_RELOCK;
	}
	if (unlikely(t->jobctl & JOBCTL_TRAP_FREEZE)) {
		freezer_trap(f);
		return TAKEN_RELOCK;
	}
	if (unlikely(t->frozen)) {
		spin_unlock_irqrestore(&t->sighand->lock, f);
		cgroup_leave_frozen(false);
		return TAKEN_RELOCK;
	}
	bool shared = false;
	k->sig = unlikely(t->pending.set & SIGSET_SYNC) ? dequeue_synchronous(&k->info) : 0;
	if (!k->sig)
		k->sig = dequeue_signal(t->blocked, &k->info, &shared);
	if (!k->sig)
		return TAKEN_NONE;
	if (unlikely(t->ptrace) && k->sig != SIGKILL && !(t->sighand->action[k->sig - 1].flags & KSA_IMMUTABLE)) {
		k->sig = ptrace_signal(k->sig, &k->info, shared, f);
		if (!k->sig)
			return TAKEN_NEXT;
	}
	return act_on(k, f);
}

/* Takes signals until one has a handler (true, described in *k) or none is left. Does not return when one kills. */
static bool get_signal(struct ksignal *k)
{
	struct task *t = current;
	for (;;) {
		u64 f = spin_lock_irqsave(&t->sighand->lock);
		u32 told = t->signal->flags & (SIGNAL_CLD_STOPPED | SIGNAL_CLD_CONTINUED);
		if (told) {
			/* Left by the sender of SIGCONT, who could not take tasklist_lock. */
			t->signal->flags &= ~(SIGNAL_CLD_STOPPED | SIGNAL_CLD_CONTINUED);
			spin_unlock_irqrestore(&t->sighand->lock, f);
			notify_parent_stop(told & SIGNAL_CLD_CONTINUED ? CLD_CONTINUED : CLD_STOPPED);
			continue;
		}
		enum taken r;
		do {
			r = take_one(k, f);
		} while (r == TAKEN_NEXT);
		if (r == TAKEN_RELOCK)
			continue;
		if (r == TAKEN_NONE)
			recalc_sigpending();
		spin_unlock_irqrestore(&t->sighand->lock, f);
		return r == TAKEN_HANDLER;
	}
}

/* --- handing it to the program ----------------------------------------------------------------------------------------------------------- */

static bool in_syscall(const struct regs *regs) { return (s32)regs->orig_ax != -1; }

static void restart_at(struct regs *regs, u64 nr)
{
	regs->ax = nr;
	regs->ip -= 2; /* the SYSCALL instruction */
}

static void restart_for_handler(struct regs *regs, u64 flags)
{
	switch ((s64)regs->ax) {
	case -ERESTARTSYS:
		if (!(flags & SA_RESTART)) {
			regs->ax = (u64)-EINTR;
			break;
		}
		__attribute__((fallthrough));
	case -ERESTARTNOINTR: restart_at(regs, regs->orig_ax); break;
	case -ERESTARTNOHAND:
	case -ERESTART_RESTARTBLOCK: regs->ax = (u64)-EINTR; break;
	default: break;
	}
}

static void restart_without_handler(struct regs *regs)
{
	switch ((s64)regs->ax) {
	case -ERESTARTSYS:
	case -ERESTARTNOINTR:
	case -ERESTARTNOHAND: restart_at(regs, regs->orig_ax); break;
	case -ERESTART_RESTARTBLOCK: restart_at(regs, __NR_restart_syscall); break;
	default: break;
	}
}

static void handle_signal(struct ksignal *k, struct regs *regs)
{
	struct task *t = current;
	bool stepping = READ_ONCE(t->flags) & TIF_SINGLESTEP;
	if (in_syscall(regs))
		restart_for_handler(regs, k->action.flags);
	/* The frame shows the program's own flags; the tracer goes on stepping from the handler's first instruction. */
	if (unlikely(stepping))
		ptrace_single_step(t, STEP_OFF);
	if (!rseq_signal(regs) || setup_rt_frame(k, regs)) {
		/* The handler never ran: SIGSEGV finds the mask as k->sig did. */
		set_current_blocked(k->before);
		force_sigsegv(k->sig);
		return;
	}
	regs->flags &= ~(FLAG_DF | FLAG_RF | FLAG_TF);
	if (t->flags & TIF_RESTORE_SIGMASK)
		atomic_and(&t->flags, ~(u32)TIF_RESTORE_SIGMASK);
	if (t->altstack_flags & (1U << 31) /* SS_AUTODISARM */)
		altstack_reset(t);
	if (unlikely(stepping))
		ptrace_notify(SIGTRAP, 0);
}

static void do_signal(struct regs *regs)
{
	struct ksignal k;
	if (get_signal(&k)) {
		handle_signal(&k, regs);
		return;
	}
	if (in_syscall(regs))
		restart_without_handler(regs);
	restore_saved_sigmask();
}

/* A limit of the control group was met since current was last in user mode. A system call that failed for want of memory is tried again when somebody has
 * made room. */
static void __cold answer_for_group(struct regs *regs)
{
	atomic_and(&current->flags, ~(u32)TIF_GROUP);
	if (cgroup_memory_work() && in_syscall(regs) && (s64)regs->ax == -ENOMEM)
		regs->ax = (u64)-ERESTARTNOINTR;
	sched_throttle();
}

void hook_exit_to_user(struct regs *regs)
{
	struct task *t = current;
	for (;;) {
		u32 work = READ_ONCE(t->flags) & TIF_WORK;
		if (!work)
			return;
		irq_enable();
		if (work & TIF_NEED_RESCHED) {
			/* The one place where user mode is preempted. */
			if (READ_ONCE(t->flags) & TIF_RSEQ)
				atomic_or(&t->flags, TIF_RSEQ_ABORT | TIF_RSEQ_WORK);
			schedule();
		}
		trace_pace();
		if (unlikely(work & TIF_GROUP))
			answer_for_group(regs);
		if (work & (TIF_SIGPENDING | TIF_GROUP))
			do_signal(regs);
		if (work & TIF_RSEQ_WORK)
			rseq_resume(regs);
		irq_disable();
	}
}
