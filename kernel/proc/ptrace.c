/* ptrace(2): attaching, detaching, requests to a stopped tracee. Entry point: sys_ptrace. Interface of the rest: ptrace.h. */
#include "proc/ptrace.h"

#include <asm/ptrace-abi.h>
#include <linux/audit.h>
#include <linux/elf.h>
#include <linux/rseq.h>
#include <linux/uio.h>

#include "gen/sys_protos.h"
#include "lib/string.h"
#include "mm/uaccess.h"
#include "proc/internal.h"
#include "proc/ns.h"
#include "proc/seccomp.h"
#include "proc/signal.h"
#include "proc/user_dispatch.h"
#include "uapi/newer.h"

/* --- attach ------------------------------------------------------------------------------------------------------------------------------ */

/* 0, -EINVAL, -EPERM. */
static int check_options(u64 options)
{
	if (options & ~(u64)PTRACE_O_MASK)
		return -EINVAL;
	return options & PTRACE_O_SUSPEND_SECCOMP ? seccomp_may_suspend() : 0;
}

/* => T. The first stop: by SIGSTOP unless seized; one that is stopped already becomes a traced one. */
static void begin_tracing(struct task *t, bool seize)
{
	if (!seize)
		send_signal_info(t, SIGSTOP, NULL, PIDTYPE_PID);
	u64 f = spin_lock_irqsave(&t->sighand->lock);
	if ((READ_ONCE(t->state) & TASK_STOPPED) && jobctl_set(t, JOBCTL_TRAP_STOP | JOBCTL_TRAPPING)) {
		atomic_or(&t->flags, TIF_SIGPENDING);
		kick_thread(task_thread(t), TASK_STOPPED);
	}
	spin_unlock_irqrestore(&t->sighand->lock, f);
}

/* => T. 0 or -EPERM. */
static int attach_locked(struct task *t, bool seize, u32 options)
{
	struct tracer_id id;
	if (t->exit_state || t->ptrace)
		return -EPERM;
	spin_lock(&t->alloc_lock);
	id.uid = show_uid(t->cred->user_ns, current_cred()->uid);
	id.cap = ns_capable(t->cred->user_ns, CAP_SYS_PTRACE);
	spin_unlock(&t->alloc_lock);
	u64 f = spin_lock_irqsave(&t->sighand->lock);
	t->ptrace = PT_PTRACED | (seize ? PT_SEIZED : 0);
	t->ptrace_options = options;
	spin_unlock_irqrestore(&t->sighand->lock, f);
	ptrace_link(t, current, &id);
	begin_tracing(t, seize);
	return 0;
}

static int attach(struct task *t, bool seize, u64 addr, u64 options)
{
	if (seize) {
		/* Historic difference to PTRACE_SETOPTIONS: unknown options are -EIO. */
		if (addr || (options & ~(u64)PTRACE_O_MASK))
			return -EIO;
		int err = check_options(options);
		if (err)
			return err;
	} else {
		options = 0;
	}
	if ((t->pf & PF_KTHREAD) || same_thread_group(t, current))
		return -EPERM;
	/* exec decides about privileges by whether it is traced: not in the middle of that. */
	if (mutex_lock_interruptible(&t->signal->cred_guard))
		return -ERESTARTNOINTR;
	int err = task_may_attach(t, true) ? 0 : -EPERM;
	if (!err) {
		spin_lock(&tasklist_lock);
		err = attach_locked(t, seize, (u32)options);
		spin_unlock(&tasklist_lock);
	}
	mutex_unlock(&t->signal->cred_guard);
	if (!err)
		ptrace_wait_trapping(t);
	return err;
}

/* => T. May current's parent trace it? */
static bool parent_may_trace(struct task *parent, struct tracer_id *id)
{
	const struct cred *me = current_cred();
	spin_lock(&parent->alloc_lock);
	const struct cred *c = parent->cred;
	id->uid = my_uid(c->uid);
	id->cap = cred_ns_capable(c, me->user_ns, CAP_SYS_PTRACE);
	bool ok = id->cap || (c->user_ns == me->user_ns && !(me->cap_permitted & ~c->cap_permitted));
	spin_unlock(&parent->alloc_lock);
	return ok;
}

static int traceme(void)
{
	struct task *t = current;
	struct tracer_id id;
	int err = -EPERM;
	spin_lock(&tasklist_lock);
	if (!t->ptrace && parent_may_trace(t->real_parent, &id) && traceme_allowed(id.cap)) {
		err = 0;
		/* A parent that is on its way out traces nobody; init will not, either. */
		if (!(t->real_parent->pf & PF_EXITING)) {
			u64 f = spin_lock_irqsave(&t->sighand->lock);
			t->ptrace = PT_PTRACED;
			t->ptrace_options = 0;
			spin_unlock_irqrestore(&t->sighand->lock, f);
			ptrace_link(t, t->real_parent, &id);
		}
	}
	spin_unlock(&tasklist_lock);
	return err;
}

/* --- a stopped tracee -------------------------------------------------------------------------------------------------------------------- */

/* After an exec whose event was not waited for, a tracer that knew the process by another thread's number would hit the wrong one. => S */
static bool is_other_than_expected(struct task *t)
{
	return t->exit_code == PTRACE_CODE(PTRACE_EVENT_EXEC) && t->ptrace_message != (u64)pid_vnr(t->thread_pid);
}

/* t is current's tracee and stopped; freezes it and waits until it is off its CPU. 0 or -ESRCH. */
static int freeze(struct task *t, bool stopped)
{
	int err = -ESRCH;
	spin_lock(&tasklist_lock);
	if (t->ptrace && t->parent == current) {
		u64 f = spin_lock_irqsave(&t->sighand->lock);
		if (!stopped) {
			err = 0;
		} else if ((READ_ONCE(t->state) & TASK_TRACED) && !(t->jobctl & JOBCTL_LISTENING) && !is_other_than_expected(t) &&
			   !sig_in(SIGKILL, t->pending.set)) {
			t->jobctl |= JOBCTL_FROZEN;
			err = 0;
		}
		spin_unlock_irqrestore(&t->sighand->lock, f);
	}
	spin_unlock(&tasklist_lock);
	/* It set its state and has only a wake-up and schedule() before it. */
	while (!err && stopped && READ_ONCE(t->se.on_cpu))
		cpu_relax();
	smp_mb();
	return err;
}

static void unfreeze(struct task *t)
{
	u64 f;
	if (!lock_task_sighand(t, &f))
		return;
	t->jobctl &= ~(u32)JOBCTL_FROZEN;
	if (sig_in(SIGKILL, t->pending.set))
		wake_up_state(task_thread(t), TASK_TRACED);
	unlock_task_sighand(t, f);
}

/* --- going on ---------------------------------------------------------------------------------------------------------------------------- */

/* => t is frozen. What the tracer wants to hear of its calls: TRACE_CALL_*. */
static void set_trace_calls(struct task *t, u8 mode)
{
	u64 f = spin_lock_irqsave(&t->sighand->lock);
	t->trace_calls = mode;
	update_syscall_entry(t);
	spin_unlock_irqrestore(&t->sighand->lock, f);
}

static int resume(struct task *t, long request, u64 sig)
{
	bool emulate = request == PTRACE_SYSEMU || request == PTRACE_SYSEMU_SINGLESTEP;
	bool step = request == PTRACE_SINGLESTEP || request == PTRACE_SYSEMU_SINGLESTEP || request == PTRACE_SINGLEBLOCK;
	if (sig > NSIG_MAX)
		return -EIO;
	set_trace_calls(t, emulate ? TRACE_CALL_EMU : request == PTRACE_SYSCALL ? TRACE_CALL_STOPS : 0);
	if (t->trace_calls)
		atomic_or(&t->flags, TIF_SYSCALL_TRACE);
	else if (!step)
		atomic_and(&t->flags, ~(u32)TIF_SYSCALL_TRACE);
	ptrace_single_step(t, request == PTRACE_SINGLEBLOCK ? STEP_BLOCK : step ? STEP_INSN : STEP_OFF);
	u64 f = spin_lock_irqsave(&t->sighand->lock);
	t->exit_code = (s32)sig;
	wake_up_state(task_thread(t), TASK_TRACED);
	spin_unlock_irqrestore(&t->sighand->lock, f);
	return 0;
}

static int detach(struct task *t, u64 sig)
{
	if (sig > NSIG_MAX)
		return -EIO;
	ptrace_single_step(t, STEP_OFF);
	set_trace_calls(t, 0);
	spin_lock(&tasklist_lock);
	/* Frozen, so alive: nothing to release. */
	t->exit_code = (s32)sig;
	ptrace_detach_locked(t, current);
	spin_unlock(&tasklist_lock);
	return 0;
}

static int set_options(struct task *t, u64 options)
{
	int err = check_options(options);
	if (!err)
		t->ptrace_options = (u32)options;
	return err;
}

static int interrupt(struct task *t)
{
	u64 f;
	if (!(t->ptrace & PT_SEIZED) || !lock_task_sighand(t, &f))
		return -EIO;
	if (jobctl_set(t, JOBCTL_TRAP_STOP))
		ptrace_wake(t, t->jobctl & JOBCTL_LISTENING);
	unlock_task_sighand(t, f);
	return 0;
}

static int listen(struct task *t)
{
	u64 f;
	int err = -EIO;
	if (!(t->ptrace & PT_SEIZED) || !lock_task_sighand(t, &f))
		return err;
	if (t->last_siginfo && t->last_siginfo->code >> 8 == PTRACE_EVENT_STOP) {
		t->jobctl |= JOBCTL_LISTENING;
		/* Something happened since it stopped: it is to tell at once. */
		if (t->jobctl & JOBCTL_TRAP_NOTIFY)
			ptrace_wake(t, true);
		err = 0;
	}
	unlock_task_sighand(t, f);
	return err;
}

/* --- memory ------------------------------------------------------------------------------------------------------------------------------ */

/* A word of t's memory; protection does not count. 0 or -EIO. */
static int access_word(struct task *t, uaddr_t addr, u64 *v, bool write)
{
	struct mm *mm = get_task_mm(t);
	if (!mm)
		return -EIO;
	bool ok = (mm->dumpable == 1 || t->tracer.cap) && mm_access(mm, addr, v, sizeof(*v), write, true) == sizeof(*v);
	mm_put_user(mm);
	return ok ? 0 : -EIO;
}

static long peek_data(struct task *t, uaddr_t addr, uaddr_t out)
{
	u64 v;
	int err = access_word(t, addr, &v, false);
	return err ? err : put_user(v, out);
}

static long peek_user(struct task *t, u64 off, uaddr_t out)
{
	u64 v;
	int err = ptrace_peek_user(t, off, &v);
	return err ? err : put_user(v, out);
}

/* --- signals ----------------------------------------------------------------------------------------------------------------------------- */

static long get_siginfo(struct task *t, uaddr_t out)
{
	struct ksiginfo info;
	u64 f;
	int err = -EINVAL;
	if (!lock_task_sighand(t, &f))
		return -ESRCH;
	if (t->last_siginfo) {
		info = *t->last_siginfo;
		err = 0;
	}
	unlock_task_sighand(t, f);
	return err ? err : copy_siginfo_to_user(out, &info);
}

static long set_siginfo(struct task *t, uaddr_t in)
{
	struct ksiginfo info;
	u8 b[128];
	u64 f;
	int err = -EINVAL;
	if (copy_from_user(b, in, sizeof(b)))
		return -EFAULT;
	siginfo_from_bytes(b, &info);
	if (!lock_task_sighand(t, &f))
		return -ESRCH;
	if (t->last_siginfo) {
		*t->last_siginfo = info;
		err = 0;
	}
	unlock_task_sighand(t, f);
	return err;
}

/* Entry `n` of a queue. */
static bool queued_signal(struct task *t, bool shared, u64 n, struct ksiginfo *info)
{
	struct sigqueue *q;
	u64 f;
	bool found = false;
	if (!lock_task_sighand(t, &f))
		return false;
	const struct sigpending *p = shared ? &t->signal->shared_pending : &t->pending;
	list_for_each(q, &p->list, node) {
		if (n-- == 0) {
			*info = q->info;
			found = true;
			break;
		}
	}
	unlock_task_sighand(t, f);
	return found;
}

static long peek_siginfo(struct task *t, uaddr_t uargs, uaddr_t out)
{
	struct ptrace_peeksiginfo_args a;
	struct ksiginfo info;
	s32 i = 0;
	if (copy_from_user(&a, uargs, sizeof(a)))
		return -EFAULT;
	if ((a.flags & ~(u32)PTRACE_PEEKSIGINFO_SHARED) || a.nr < 0)
		return -EINVAL;
	for (; i < a.nr && a.off + (u64)i >= a.off; i++) {
		if (!queued_signal(t, a.flags & PTRACE_PEEKSIGINFO_SHARED, a.off + (u64)i, &info))
			break;
		if (copy_siginfo_to_user(out + (u64)i * 128, &info))
			return i ? i : -EFAULT;
		cond_resched();
		if (signal_pending())
			return i + 1;
	}
	return i;
}

static long get_sigmask(struct task *t, u64 size, uaddr_t out)
{
	if (size != sizeof(ksigset_t))
		return -EINVAL;
	ksigset_t mask = READ_ONCE(t->flags) & TIF_RESTORE_SIGMASK ? t->saved_sigmask : t->blocked;
	return put_user(mask, out);
}

static long set_sigmask(struct task *t, u64 size, uaddr_t in)
{
	ksigset_t mask;
	u64 f;
	if (size != sizeof(mask))
		return -EINVAL;
	if (get_user(mask, in))
		return -EFAULT;
	if (!lock_task_sighand(t, &f))
		return -ESRCH;
	/* On its way out of the stop it looks at its pending signals anew. */
	t->blocked = mask & ~SIGSET_ONLY;
	atomic_and(&t->flags, ~(u32)TIF_RESTORE_SIGMASK);
	unlock_task_sighand(t, f);
	return 0;
}

/* --- what it is doing -------------------------------------------------------------------------------------------------------------------- */

static long get_syscall_info(struct task *t, u64 room, uaddr_t out)
{
	const struct regs *r = arch_user_regs(&t->arch);
	const u64 args[6] = { r->di, r->si, r->dx, r->r10, r->r8, r->r9 };
	struct ptrace_syscall_info i;
	u64 size = offsetof(struct ptrace_syscall_info, entry);
	int code = t->last_siginfo ? t->last_siginfo->code : 0;
	memset(&i, 0, sizeof(i));
	i.op = PTRACE_SYSCALL_INFO_NONE;
	i.arch = AUDIT_ARCH_X86_64;
	i.instruction_pointer = r->ip;
	i.stack_pointer = r->sp;
	if (code == (SIGTRAP | 0x80) && t->ptrace_message == PTRACE_EVENTMSG_SYSCALL_ENTRY) {
		i.op = PTRACE_SYSCALL_INFO_ENTRY;
		i.entry.nr = (u64)(s64)(s32)r->orig_ax;
		memcpy(i.entry.args, args, sizeof(args));
		size = offsetof(struct ptrace_syscall_info, entry.args) + sizeof(args);
	} else if (code == (SIGTRAP | 0x80) && t->ptrace_message == PTRACE_EVENTMSG_SYSCALL_EXIT) {
		i.op = PTRACE_SYSCALL_INFO_EXIT;
		i.exit.rval = (s64)r->ax;
		i.exit.is_error = r->ax >= (u64)-4095;
		size = offsetof(struct ptrace_syscall_info, exit.is_error) + 1;
	} else if (code == PTRACE_CODE(PTRACE_EVENT_SECCOMP)) {
		i.op = PTRACE_SYSCALL_INFO_SECCOMP;
		i.seccomp.nr = (u64)(s64)(s32)r->orig_ax;
		memcpy(i.seccomp.args, args, sizeof(args));
		i.seccomp.ret_data = (u32)t->ptrace_message;
		size = offsetof(struct ptrace_syscall_info, seccomp.ret_data) + sizeof(i.seccomp.ret_data);
	}
	return copy_to_user(out, &i, min(room, size)) ? -EFAULT : (long)size;
}

static long get_rseq(struct task *t, u64 room, uaddr_t out)
{
	struct ptrace_rseq_configuration c;
	memset(&c, 0, sizeof(c));
	c.rseq_abi_pointer = t->rseq;
	c.rseq_abi_size = t->rseq_len;
	c.signature = t->rseq_sig;
	return copy_to_user(out, &c, min(room, (u64)sizeof(c))) ? -EFAULT : (long)sizeof(c);
}

static long regset(struct task *t, long request, u32 note, uaddr_t uiov)
{
	struct iovec v;
	if (copy_from_user(&v, uiov, sizeof(v)))
		return -EFAULT;
	u64 len = v.iov_len;
	int err = request == PTRACE_GETREGSET ? ptrace_get_regset(t, note, (uaddr_t)v.iov_base, &len) : ptrace_set_regset(t, note, (uaddr_t)v.iov_base, &len);
	return err ? err : put_user(len, uiov + offsetof(struct iovec, iov_len));
}

/* The old calls for a whole set. */
static long whole_regset(struct task *t, bool get, u32 note, uaddr_t buf)
{
	u64 len = 4096;
	if (get)
		return ptrace_get_regset(t, note, buf, &len);
	return ptrace_set_regset(t, note, buf, &len);
}

/* --- the call ---------------------------------------------------------------------------------------------------------------------------- */

/* Requests that look at t or change it. */
static long examine(struct task *t, long request, u64 addr, u64 data)
{
	switch (request) {
	case PTRACE_PEEKTEXT:
	case PTRACE_PEEKDATA: return peek_data(t, addr, data);
	case PTRACE_POKETEXT:
	case PTRACE_POKEDATA: return access_word(t, addr, &data, true);
	case PTRACE_PEEKUSR: return peek_user(t, addr, data);
	case PTRACE_POKEUSR: return ptrace_poke_user(t, addr, data);
	case PTRACE_GETREGS:
	case PTRACE_SETREGS: return whole_regset(t, request == PTRACE_GETREGS, NT_PRSTATUS, data);
	case PTRACE_GETFPREGS:
	case PTRACE_SETFPREGS: return whole_regset(t, request == PTRACE_GETFPREGS, NT_PRFPREG, data);
	case PTRACE_GETREGSET:
	case PTRACE_SETREGSET: return regset(t, request, (u32)addr, data);
	case PTRACE_ARCH_PRCTL: return ptrace_arch_prctl(t, addr, data);
	case PTRACE_OLDSETOPTIONS:
	case PTRACE_SETOPTIONS: return set_options(t, data);
	case PTRACE_GETEVENTMSG: return put_user(t->ptrace_message, data);
	case PTRACE_GETSIGINFO: return get_siginfo(t, data);
	case PTRACE_SETSIGINFO: return set_siginfo(t, data);
	case PTRACE_PEEKSIGINFO: return peek_siginfo(t, addr, data);
	case PTRACE_GETSIGMASK: return get_sigmask(t, addr, data);
	case PTRACE_SETSIGMASK: return set_sigmask(t, addr, data);
	case PTRACE_GET_RSEQ_CONFIGURATION: return get_rseq(t, addr, data);
	case PTRACE_SECCOMP_GET_FILTER: return seccomp_ptrace_filter(t, addr, data);
	case PTRACE_SECCOMP_GET_METADATA: return seccomp_ptrace_metadata(t, addr, data);
	case PTRACE_GET_SYSCALL_INFO: return get_syscall_info(t, addr, data);
	case PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG:
		return user_dispatch_ptrace_get(t, addr, data);
	case PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG:
		return user_dispatch_ptrace_set(t, addr, data);
	default: return -EIO;
	}
}

static long stopped_request(struct task *t, long request, u64 addr, u64 data)
{
	int err = freeze(t, true);
	long r;
	if (err)
		return err;
	switch (request) {
	case PTRACE_CONT:
	case PTRACE_SYSCALL:
	case PTRACE_SINGLESTEP:
	case PTRACE_SINGLEBLOCK:
	case PTRACE_SYSEMU:
	case PTRACE_SYSEMU_SINGLESTEP: r = resume(t, request, data); break;
	case PTRACE_LISTEN: r = listen(t); break;
	case PTRACE_DETACH:
		r = detach(t, data);
		if (!r)
			return 0; /* no longer ours to unfreeze */
		break;
	default: r = examine(t, request, addr, data); break;
	}
	unfreeze(t);
	return r;
}

static long request_to(struct task *t, long request, u64 addr, u64 data)
{
	if (request == PTRACE_ATTACH || request == PTRACE_SEIZE)
		return attach(t, request == PTRACE_SEIZE, addr, data);
	if (request != PTRACE_INTERRUPT && request != PTRACE_KILL)
		return stopped_request(t, request, addr, data);
	int err = freeze(t, false);
	if (err)
		return err;
	if (request == PTRACE_INTERRUPT)
		return interrupt(t);
	struct ksiginfo info = { .signo = SIGKILL, .code = SI_USER, .pid = pid_nr_in(current->signal->pids[PIDTYPE_TGID], task_pid_ns(t)), .uid = my_uid(current_cred()->uid) };
	send_signal_info(t, SIGKILL, &info, PIDTYPE_PID);
	return 0;
}

long sys_ptrace(u64 request, u64 pid, u64 addr, u64 data)
{
	if (request == PTRACE_TRACEME)
		return traceme();
	struct task *t = find_get_task((s32)pid);
	if (!t)
		return -ESRCH;
	long r = request_to(t, (long)request, addr, data);
	task_put(t);
	return r;
}
