/*
 * seccomp(2): strict mode, filters, their verdicts. Entry points: sys_seccomp, seccomp_prctl, seccomp_syscall_enter. Interface and overview: seccomp.h.
 *
 * Locks: a task's mode and filter change under S; other threads' (TSYNC) under tasklist_lock as well, with cred_guard outside so that exec does not fall in
 * between. A task reads its own without a lock: whoever changes them puts a descendant of the present filter there, and a filter keeps its ancestors.
 */
#include "proc/seccomp.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/ptrace.h>

#include "gen/sys_protos.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/ptrace.h"
#include "proc/signal.h"
#include "uapi/newer.h"

#define MAX_PATH_INSNS 32768u /* on the way from a leaf to the root: translated instructions, each filter but the newest counting four more */
#define FILTER_FLAGS                                                                                                           \
	(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_NEW_LISTENER | \
		SECCOMP_FILTER_FLAG_TSYNC_ESRCH | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
#define MODE_DEAD 3u /* on its way out: makes no more calls */
#define MAX_ERRNO 4095u

/* --- actions ----------------------------------------------------------------------------------------------------------------------------- */

static const u32 actions[SECCOMP_ACTIONS] = { SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO,
	SECCOMP_RET_USER_NOTIF, SECCOMP_RET_TRACE, SECCOMP_RET_LOG, SECCOMP_RET_ALLOW };
const char *const seccomp_action_names[SECCOMP_ACTIONS] = { "kill_process", "kill_thread", "trap", "errno", "user_notif", "trace", "log", "allow" };
u32 seccomp_actions_logged = SECCOMP_ACTION_ALLOW_BIT - 1;

/* An action's place in the tables, SECCOMP_ACTIONS for an unknown one. */
static u32 action_index(u32 action)
{
	u32 i = 0;
	while (i < SECCOMP_ACTIONS && actions[i] != action)
		i++;
	return i;
}

/* Linux's audit line, at most ten a second: a filter that logs each call would drown the rest. */
static void audit(const struct task *t, const struct seccomp_data *sd, u32 action, int sig)
{
	static u64 second;
	static u32 lines;
	u64 now = clock_mono() / NSEC_PER_SEC;
	if (xchg(&second, now) != now)
		WRITE_ONCE(lines, 0);
	if (__atomic_fetch_add(&lines, 1, __ATOMIC_RELAXED) >= 10)
		return;
	pr_info("audit: type=1326 uid=%u gid=%u pid=%d comm=\"%s\" sig=%d arch=%x syscall=%d compat=0 ip=0x%llx code=0x%x\n", t->cred->uid, t->cred->gid,
		t->tgid, t->comm, sig, sd->arch, sd->nr, (unsigned long long)sd->instruction_pointer, action);
}

/* Killing is always worth a line, the rest when a filter asked for it (or is LOG itself) and the administrator agrees. */
static void log_verdict(const struct seccomp_data *sd, u32 action, int sig, bool asked)
{
	u32 i = action_index(action);
	bool kills = i >= SECCOMP_ACTIONS || action == SECCOMP_RET_KILL_PROCESS || action == SECCOMP_RET_KILL_THREAD;
	if (i >= SECCOMP_ACTIONS)
		i = 0;
	if (action != SECCOMP_RET_ALLOW && (kills || asked || action == SECCOMP_RET_LOG) && (READ_ONCE(seccomp_actions_logged) >> i & 1))
		audit(current, sd, action, sig);
}

/* --- filters ----------------------------------------------------------------------------------------------------------------------------- */

void seccomp_filter_put(struct seccomp_filter *f)
{
	while (f && atomic_dec_and_test(&f->refs)) {
		struct seccomp_filter *prev = f->prev;
		kfree(f);
		f = prev;
	}
}

static void filter_get(struct seccomp_filter *f)
{
	atomic_inc(&f->refs);
	atomic_inc(&f->users);
}

/* A task lets go of its filters. */
static void filter_release(struct seccomp_filter *f)
{
	for (struct seccomp_filter *i = f; i && atomic_dec_and_test(&i->users); i = i->prev)
		seccomp_listener_hangup(i);
	seccomp_filter_put(f);
}

/* The program at `uprog`. 0, -EFAULT, -EINVAL, -ENOMEM, -EACCES. */
static int filter_create(uaddr_t uprog, struct seccomp_filter **out)
{
	struct sock_fprog p;
	if (copy_from_user(&p, uprog, sizeof(p)))
		return -EFAULT;
	if (!p.len || p.len > BPF_MAXINSNS)
		return -EINVAL;
	if (!task_no_new_privs(current) && !ns_capable(current_cred()->user_ns, CAP_SYS_ADMIN))
		return -EACCES;
	struct seccomp_filter *f = kzalloc(sizeof(*f) + p.len * sizeof(f->prog[0]));
	bpf_words_t *words = kmalloc(p.len * sizeof(*words));
	int err = !f || !words ? -ENOMEM : copy_from_user(f->prog, (uaddr_t)p.filter, p.len * sizeof(f->prog[0]));
	if (!err && !bpf_check(f->prog, p.len, words))
		err = -EINVAL;
	kfree(words);
	if (err) {
		kfree(f);
		return err;
	}
	f->n = p.len;
	f->weight = bpf_translated_len(f->prog, f->n);
	for (u32 nr = 0; nr < SECCOMP_CACHED_CALLS; nr++)
		if (bpf_always_allows(f->prog, nr, AUDIT_ARCH_X86_64))
			f->allowed[nr / 64] |= 1UL << nr % 64;
	atomic_set(&f->refs, 1);
	atomic_set(&f->users, 1);
	spin_init(&f->lock, RANK_DEVICE);
	list_init(&f->waiting);
	wait_queue_init(&f->wait);
	*out = f;
	return 0;
}

/* => S. 0, or -ENOMEM when f would make the path too long; -EBUSY when f is to listen and an ancestor does. */
static int check_path(const struct seccomp_filter *f, bool listener)
{
	u32 total = f->weight;
	for (const struct seccomp_filter *i = current->seccomp_filter; i; i = i->prev) {
		total += i->weight + 4;
		if (listener && READ_ONCE(i->listening))
			return -EBUSY;
	}
	return total > MAX_PATH_INSNS ? -ENOMEM : 0;
}

/* --- threads ----------------------------------------------------------------------------------------------------------------------------- */

void update_syscall_entry(struct task *t)
{
	arch_trace_syscalls(task_thread(t), t->trace_calls || (READ_ONCE(t->flags) & (TIF_SECCOMP | TIF_DISPATCH)));
}

/* => S */
static void assign_mode(struct task *t, u32 mode)
{
	t->seccomp_mode = (u8)mode;
	atomic_or(&t->flags, TIF_SECCOMP);
	update_syscall_entry(t);
}

static bool is_ancestor(const struct seccomp_filter *old, const struct seccomp_filter *f)
{
	while (f && f != old)
		f = f->prev;
	return !old || f;
}

/* => T S. The first thread that cannot take over current's filters, or NULL. */
static struct task *thread_that_differs(void)
{
	struct task *t;
	for_each_thread (current, t)
		if (t != current && !(READ_ONCE(t->pf) & PF_EXITING) && t->seccomp_mode != SECCOMP_MODE_DISABLED &&
			(t->seccomp_mode != SECCOMP_MODE_FILTER || !is_ancestor(t->seccomp_filter, current->seccomp_filter)))
			return t;
	return NULL;
}

/* => T S. Every other thread gets current's filters. What they let go of is still held by the new ones. */
static void sync_threads(void)
{
	struct task *t;
	for_each_thread (current, t) {
		if (t == current || (READ_ONCE(t->pf) & PF_EXITING))
			continue;
		struct seccomp_filter *old = t->seccomp_filter;
		filter_get(current->seccomp_filter);
		WRITE_ONCE(t->seccomp_filter, current->seccomp_filter);
		if (old) {
			atomic_dec(&old->users);
			atomic_dec(&old->refs);
		}
		if (task_no_new_privs(current))
			atomic_or(&t->flags, TIF_NO_NEW_PRIVS);
		if (t->seccomp_mode == SECCOMP_MODE_DISABLED)
			assign_mode(t, SECCOMP_MODE_FILTER);
	}
}

/* => S, and T with TSYNC. 0, a thread's number (TSYNC) or -errno. */
static long attach_locked(struct seccomp_filter *f, u32 flags)
{
	struct task *me = current;
	if (me->seccomp_mode != SECCOMP_MODE_DISABLED && me->seccomp_mode != SECCOMP_MODE_FILTER)
		return -EINVAL;
	int err = check_path(f, flags & SECCOMP_FILTER_FLAG_NEW_LISTENER);
	if (err)
		return err;
	struct task *other = flags & SECCOMP_FILTER_FLAG_TSYNC ? thread_that_differs() : NULL;
	if (other) {
		s32 nr = flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH ? 0 : pid_vnr(other->thread_pid);
		return nr ? nr : -ESRCH;
	}
	/* committed: nothing below can fail */
	f->log = flags & SECCOMP_FILTER_FLAG_LOG;
	f->wait_killable = flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	f->prev = me->seccomp_filter;
	for (u32 i = 0; f->prev && i < ARRAY_SIZE(f->allowed); i++)
		f->allowed[i] &= f->prev->allowed[i];
	me->seccomp_filter = f;
	assign_mode(me, SECCOMP_MODE_FILTER);
	if (flags & SECCOMP_FILTER_FLAG_TSYNC)
		sync_threads();
	return 0;
}

static long attach(struct seccomp_filter *f, u32 flags)
{
	bool sync = flags & SECCOMP_FILTER_FLAG_TSYNC;
	if (sync && mutex_lock_killable(&current->signal->cred_guard))
		return -EINTR;
	if (sync)
		spin_lock(&tasklist_lock);
	u64 irq = spin_lock_irqsave(&current->sighand->lock);
	long r = attach_locked(f, flags);
	spin_unlock_irqrestore(&current->sighand->lock, irq);
	if (sync) {
		spin_unlock(&tasklist_lock);
		mutex_unlock(&current->signal->cred_guard);
		/* Those that run take the slow way from their next call on. */
		if (!r)
			mm_sync_syscall_entry(current->mm);
	}
	return r;
}

void seccomp_inherit(struct task *child)
{
	struct task *me = current;
	u32 flags = READ_ONCE(me->flags);
	atomic_or(&child->flags, flags & (TIF_SECCOMP | TIF_NO_NEW_PRIVS));
	if (!(flags & TIF_SECCOMP))
		return;
	if (me->seccomp_filter)
		filter_get(me->seccomp_filter);
	child->seccomp_filter = me->seccomp_filter;
	child->seccomp_mode = me->seccomp_mode;
	update_syscall_entry(child);
}

void seccomp_exit(struct task *t)
{
	u64 irq = spin_lock_irqsave(&t->sighand->lock);
	struct seccomp_filter *f = t->seccomp_filter;
	t->seccomp_filter = NULL;
	spin_unlock_irqrestore(&t->sighand->lock, irq);
	filter_release(f);
}

/* --- the verdict ------------------------------------------------------------------------------------------------------------------------- */

/* By what action beats what: the lower signed number. The newest filter wins a tie. */
static u32 run_filters(struct seccomp_filter *f, const struct seccomp_data *sd, struct seccomp_filter **match)
{
	u32 verdict = SECCOMP_RET_ALLOW;
	for (; f; f = f->prev) {
		u32 v = bpf_run(f->prog, sd);
		if ((s32)(v & SECCOMP_RET_ACTION_FULL) < (s32)(verdict & SECCOMP_RET_ACTION_FULL)) {
			verdict = v;
			*match = f;
		}
	}
	return verdict;
}

static void send_sigsys(const struct seccomp_data *sd, struct regs *regs, u32 data, bool fatal)
{
	struct ksiginfo info = { .signo = SIGSYS, .code = 1 /* SYS_SECCOMP */, .err = (s32)data, .addr = regs->ip, .syscall = sd->nr, .arch = sd->arch };
	regs->ax = regs->orig_ax; /* as if the call had not been tried */
	force_signal_info(&info, fatal);
}

static void die(const struct seccomp_data *sd, struct regs *regs, u32 action, u32 data)
{
	current->seccomp_mode = MODE_DEAD;
	log_verdict(sd, action, SIGSYS, true);
	if (action == SECCOMP_RET_KILL_THREAD && READ_ONCE(current->signal->live) > 1)
		do_exit(SIGSYS);
	send_sigsys(sd, regs, data, true);
}

/* RET_TRACE: the tracer may change the call, whose number and arguments are judged once more; or drop it. true: another round is due. */
static bool ask_tracer(struct regs *regs, u32 data)
{
	if (!ptrace_event_enabled(current, PTRACE_EVENT_SECCOMP)) {
		regs->ax = (u64)-ENOSYS;
		return false;
	}
	ptrace_event(PTRACE_EVENT_SECCOMP, data);
	return !fatal_signal_pending() && (s32)regs->orig_ax >= 0;
}

/* A tracer has seen the call before when `traced`. */
static bool judge(struct regs *regs, bool traced)
{
	struct seccomp_filter *f = READ_ONCE(current->seccomp_filter), *match = NULL;
	u32 nr = (u32)regs->orig_ax;
	if (nr < SECCOMP_CACHED_CALLS && (f->allowed[nr / 64] >> nr % 64 & 1))
		return true;
	struct seccomp_data sd = { .nr = (s32)nr,
		.arch = AUDIT_ARCH_X86_64,
		.instruction_pointer = regs->ip,
		.args = { regs->di, regs->si, regs->dx, regs->r10, regs->r8, regs->r9 } };
	u32 verdict = run_filters(f, &sd, &match), data = verdict & SECCOMP_RET_DATA, action = verdict & SECCOMP_RET_ACTION_FULL;
	bool log = match && match->log;
	switch (action) {
	case SECCOMP_RET_ALLOW:
		return true;
	case SECCOMP_RET_LOG:
		log_verdict(&sd, action, 0, true);
		return true;
	case SECCOMP_RET_TRACE:
		if (traced)
			return true;
		if (ask_tracer(regs, data))
			return judge(regs, true);
		break;
	case SECCOMP_RET_USER_NOTIF:
		if (seccomp_ask_listener(match, &sd, regs))
			return true;
		break;
	case SECCOMP_RET_ERRNO:
		regs->ax = (u64) - (s64)min(data, MAX_ERRNO);
		break;
	case SECCOMP_RET_TRAP:
		send_sigsys(&sd, regs, data, false);
		break;
	default:
		die(&sd, regs, action, data);
		return false;
	}
	log_verdict(&sd, action, 0, log);
	return false;
}

static bool strict_allows(u32 nr) { return nr == 0 /* read */ || nr == 1 /* write */ || nr == 15 /* rt_sigreturn */ || nr == 60 /* exit */; }

bool seccomp_syscall_enter(struct regs *regs)
{
	struct task *t = current;
	if (likely(t->seccomp_mode == SECCOMP_MODE_FILTER)) {
		if (t->ptrace && (t->ptrace_options & PTRACE_O_SUSPEND_SECCOMP))
			return true;
		return judge(regs, false);
	}
	if (t->seccomp_mode == SECCOMP_MODE_STRICT &&
		(strict_allows((u32)regs->orig_ax) || (t->ptrace && (t->ptrace_options & PTRACE_O_SUSPEND_SECCOMP))))
		return true;
	struct seccomp_data sd = { .nr = (s32)regs->orig_ax, .arch = AUDIT_ARCH_X86_64, .instruction_pointer = regs->ip };
	t->seccomp_mode = MODE_DEAD;
	log_verdict(&sd, SECCOMP_RET_KILL_THREAD, SIGKILL, true);
	do_exit(SIGKILL);
}

/* --- the calls --------------------------------------------------------------------------------------------------------------------------- */

static long set_strict(void)
{
	struct task *me = current;
	u64 irq = spin_lock_irqsave(&me->sighand->lock);
	bool ok = me->seccomp_mode == SECCOMP_MODE_DISABLED || me->seccomp_mode == SECCOMP_MODE_STRICT;
	if (ok)
		assign_mode(me, SECCOMP_MODE_STRICT);
	spin_unlock_irqrestore(&me->sighand->lock, irq);
	return ok ? 0 : -EINVAL;
}

/* Attaches f with a listener: its descriptor, or -errno; f is not used up then. */
static long attach_listening(struct seccomp_filter *f, u32 flags)
{
	struct file *file;
	int fd;
	int err = fd_reserve(0, true, &fd);
	if (err)
		return err;
	err = seccomp_listener_create(f, &file);
	long r = err ? err : attach(f, flags);
	if (!err && !r) {
		fd_install(fd, file);
		return fd;
	}
	if (!err)
		file_put(file);
	fd_cancel(fd);
	return r;
}

static long set_filter(u64 flags, uaddr_t uprog)
{
	struct seccomp_filter *f;
	if (flags & ~(u64)FILTER_FLAGS)
		return -EINVAL;
	/* Both would answer with a number: a thread's or a descriptor's. */
	if ((flags & SECCOMP_FILTER_FLAG_TSYNC) && (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) && !(flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH))
		return -EINVAL;
	if ((flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) && !(flags & SECCOMP_FILTER_FLAG_NEW_LISTENER))
		return -EINVAL;
	long r = filter_create(uprog, &f);
	if (r)
		return r;
	bool listen = flags & SECCOMP_FILTER_FLAG_NEW_LISTENER;
	r = listen ? attach_listening(f, (u32)flags) : attach(f, (u32)flags);
	if (listen ? r < 0 : r != 0)
		seccomp_filter_put(f);
	return r;
}

static long action_available(uaddr_t uaction)
{
	u32 action;
	if (copy_from_user(&action, uaction, sizeof(action)))
		return -EFAULT;
	return action_index(action) < SECCOMP_ACTIONS ? 0 : -EOPNOTSUPP;
}

static long notif_sizes(uaddr_t out)
{
	struct seccomp_notif_sizes s = { sizeof(struct seccomp_notif), sizeof(struct seccomp_notif_resp), sizeof(struct seccomp_data) };
	return copy_to_user(out, &s, sizeof(s));
}

long sys_seccomp(u64 op, u64 uflags, u64 uargs)
{
	u32 flags = (u32)uflags;
	switch ((u32)op) {
	case SECCOMP_SET_MODE_STRICT:
		return flags || uargs ? -EINVAL : set_strict();
	case SECCOMP_SET_MODE_FILTER:
		return set_filter(flags, uargs);
	case SECCOMP_GET_ACTION_AVAIL:
		return flags ? -EINVAL : action_available(uargs);
	case SECCOMP_GET_NOTIF_SIZES:
		return flags ? -EINVAL : notif_sizes(uargs);
	default:
		return -EINVAL;
	}
}

long seccomp_prctl(u64 mode, u64 uargs)
{
	switch (mode) {
	case SECCOMP_MODE_STRICT:
		return set_strict();
	case SECCOMP_MODE_FILTER:
		return set_filter(0, uargs);
	default:
		return -EINVAL;
	}
}

/* --- for /proc and tracers --------------------------------------------------------------------------------------------------------------- */

u32 seccomp_filter_count(struct task *t)
{
	u32 n = 0;
	u64 irq;
	if (!lock_task_sighand(t, &irq))
		return 0;
	for (const struct seccomp_filter *f = t->seccomp_filter; f; f = f->prev)
		n++;
	unlock_task_sighand(t, irq);
	return n;
}

int seccomp_may_suspend(void)
{
	return capable(CAP_SYS_ADMIN) && !current->seccomp_mode && !(current->ptrace && (current->ptrace_options & PTRACE_O_SUSPEND_SECCOMP)) ? 0
																																		  : -EPERM;
}

/* t's filter number `index`, the oldest is 0, with a reference. 0, -EACCES, -EINVAL, -ENOENT. */
static int nth_filter(struct task *t, u64 index, struct seccomp_filter **out)
{
	u64 irq;
	if (!capable(CAP_SYS_ADMIN) || current->seccomp_mode)
		return -EACCES;
	u32 n = seccomp_filter_count(t);
	if (t->seccomp_mode != SECCOMP_MODE_FILTER || !lock_task_sighand(t, &irq))
		return -EINVAL;
	struct seccomp_filter *f = index < n ? t->seccomp_filter : NULL;
	for (u64 back = n - 1 - index; f && back; back--)
		f = f->prev;
	if (f)
		atomic_inc(&f->refs);
	unlock_task_sighand(t, irq);
	*out = f;
	return f ? 0 : -ENOENT;
}

long seccomp_ptrace_filter(struct task *t, u64 index, uaddr_t out)
{
	struct seccomp_filter *f;
	int err = nth_filter(t, index, &f);
	if (err)
		return err;
	long n = f->n;
	if (out && copy_to_user(out, f->prog, f->n * sizeof(f->prog[0])))
		n = -EFAULT;
	seccomp_filter_put(f);
	return n;
}

long seccomp_ptrace_metadata(struct task *t, u64 size, uaddr_t out)
{
	struct seccomp_metadata md = { 0 };
	struct seccomp_filter *f;
	size = min(size, (u64)sizeof(md));
	if (size < sizeof(md.filter_off))
		return -EINVAL;
	if (copy_from_user(&md.filter_off, out, sizeof(md.filter_off)))
		return -EFAULT;
	int err = nth_filter(t, md.filter_off, &f);
	if (err)
		return err;
	md.flags = f->log ? SECCOMP_FILTER_FLAG_LOG : 0;
	seccomp_filter_put(f);
	return copy_to_user(out, &md, size) ? -EFAULT : (long)size;
}
