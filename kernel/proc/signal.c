/*
 * The state behind signals: pending queues, masks, stop bookkeeping, the siginfo layout.
 * Sending is signal_send.c, delivery signal_deliver.c, the stack frame sigframe.c, the system calls signal_calls.c.
 *
 * Everything here is guarded by sighand->lock (S). Lists of threads change under tasklist_lock and S together, so S alone is enough to walk them.
 */
#include <linux/resource.h>

#include "lib/string.h"
#include "mm/slab.h"
#include "proc/signal.h"
#include "sched/sched.h"

/* --- the lock ---------------------------------------------------------------------------------------------------------------------------- */

/*
 * lock_task_sighand() keeps interrupts off from reading the pointer to locking. Running once on every CPU therefore means that nobody is left between
 * the two with the old pointer. Only exec of a CLONE_SIGHAND sharer comes here.
 */
void sighand_wait_readers(struct sighand *s)
{
	struct thread *t = current_thread();
	u64 mask = t->se.affinity;
	(void)s;
	for (u32 i = 0; i < nr_cpus; i++)
		if (i != cpu_id())
			sched_set_affinity(t, BIT(i));
	sched_set_affinity(t, mask);
}

/* --- the work bit ------------------------------------------------------------------------------------------------------------------------ */

static bool has_pending(const struct task *t)
{
	return (t->jobctl & (JOBCTL_PENDING_MASK | JOBCTL_TRAP_FREEZE)) || ((t->pending.set | t->signal->shared_pending.set) & ~t->blocked);
}

/* recalc_sigpending() of t, which is current. */
static inline void recalc_own(struct task *t)
{
	u32 flags = READ_ONCE(t->flags);
	if (has_pending(t)) {
		if (!(flags & TIF_SIGPENDING))
			atomic_or(&t->flags, TIF_SIGPENDING);
	} else if ((flags & (TIF_SIGPENDING | TIF_KILLED)) == TIF_SIGPENDING) {
		atomic_and(&t->flags, ~(u32)TIF_SIGPENDING);
	}
}

void recalc_sigpending(void) { recalc_own(current); }

void signal_wake_up(struct task *t, bool fatal)
{
	u32 states = TASK_INTERRUPTIBLE;
	/* Itself, on its way: it looks at the flag before it sleeps or leaves. */
	if (t == current && !fatal && READ_ONCE(t->state) == TASK_RUNNING) {
		atomic_or(&t->flags, TIF_SIGPENDING);
		return;
	}
	if (fatal)
		/* A tracer that is at work on it wakes it when it is done: unfreeze() in ptrace.c. */
		states |= TASK_WAKEKILL | TASK_STOPPED | (t->jobctl & JOBCTL_FROZEN ? 0 : TASK_TRACED);
	atomic_or(&t->flags, fatal ? (u32)(TIF_SIGPENDING | TIF_KILLED) : (u32)TIF_SIGPENDING);
	kick_thread(task_thread(t), states);
}

/* --- queues ------------------------------------------------------------------------------------------------------------------------------ */

static struct kmem_cache *queue_cache;

void signal_init(void) { queue_cache = kmem_cache_create("sigqueue", sizeof(struct sigqueue), 16); }

void sigpending_init(struct sigpending *p)
{
	list_init(&p->list);
	p->set = 0;
}

/* t's user, with a reference; NULL when it cannot be had now. A try-lock, because timer interrupts send signals while the interrupted code may hold
 * alloc_lock: then the entry goes uncharged. */
static struct user_account *task_user_get(struct task *t)
{
	struct user_account *u = NULL;
	u64 f;
	if (t == current && !this_cpu()->irq_depth) {
		u = t->cred->user;
		if (u)
			atomic_inc(&u->refs);
		return u;
	}
	if (!spin_trylock_irqsave(&t->alloc_lock, &f))
		return NULL;
	if (t->cred)
		u = t->cred->user;
	if (u)
		atomic_inc(&u->refs);
	spin_unlock_irqrestore(&t->alloc_lock, f);
	return u;
}

struct sigqueue *sigqueue_alloc(struct task *t, bool override)
{
	struct user_account *u = task_user_get(t);
	if (u) {
		bool fits = account_charge(u, USERNS_SIGPENDING, 1, READ_ONCE(t->signal->rlim.r[RLIMIT_SIGPENDING].cur));
		if (!override && !fits) {
			account_uncharge(u, USERNS_SIGPENDING, 1);
			user_put(u);
			return NULL;
		}
	}
	struct sigqueue *q = kmem_cache_alloc(queue_cache);
	if (!q) {
		if (u) {
			account_uncharge(u, USERNS_SIGPENDING, 1);
			user_put(u);
		}
		return NULL;
	}
	list_init(&q->node);
	q->user = u;
	q->timer = NULL;
	return q;
}

void sigqueue_free(struct sigqueue *q)
{
	/* A timer's entry belongs to the timer. */
	if (q->timer)
		return;
	if (q->user) {
		account_uncharge(q->user, USERNS_SIGPENDING, 1);
		user_put(q->user);
	}
	kmem_cache_free(queue_cache, q);
}

void flush_sigpending(struct sigpending *p)
{
	p->set = 0;
	while (!list_empty(&p->list)) {
		struct sigqueue *q = list_first(&p->list, struct sigqueue, node);
		list_del(&q->node);
		sigqueue_free(q);
	}
}

void flush_signals(ksigset_t mask, struct sigpending *p)
{
	struct sigqueue *q, *tmp;
	if (!(p->set & mask))
		return;
	p->set &= ~mask;
	list_for_each_safe(q, tmp, &p->list, node) {
		if (!sig_in(q->info.signo, mask))
			continue;
		list_del(&q->node);
		sigqueue_free(q);
	}
}

/* Takes q out of p; the bit goes with the last entry of that number. */
static void collect(struct sigpending *p, struct sigqueue *q, struct ksiginfo *info)
{
	struct sigqueue *o;
	bool more = false;
	list_del(&q->node);
	list_for_each(o, &p->list, node) { /* as a rule there is no other */
		if (o->info.signo == q->info.signo) {
			more = true;
			break;
		}
	}
	if (!more)
		p->set &= ~SIGMASK(q->info.signo);
	*info = q->info;
	if (unlikely(q->timer))
		posix_timer_dequeued(q, info); /* which keeps the entry */
	else
		sigqueue_free(q);
}

static int next_signal(ksigset_t set)
{
	if (set & SIGSET_SYNC)
		set &= SIGSET_SYNC;
	return set ? __builtin_ctzl(set) + 1 : 0;
}

static int dequeue_from(struct sigpending *p, ksigset_t blocked, struct ksiginfo *info)
{
	int sig = next_signal(p->set & ~blocked);
	struct sigqueue *q;
	if (!sig)
		return 0;
	list_for_each(q, &p->list, node) {
		if (q->info.signo == sig) {
			collect(p, q, info);
			return sig;
		}
	}
	/* Queued without an entry, for lack of memory or because SIGKILL needs none. */
	p->set &= ~SIGMASK(sig);
	*info = (struct ksiginfo){ .signo = sig, .code = SI_USER };
	return sig;
}

int dequeue_signal(ksigset_t blocked, struct ksiginfo *info, bool *shared)
{
	struct task *t = current;
	int sig = dequeue_from(&t->pending, blocked, info);
	if (shared)
		*shared = false;
	if (!sig) {
		sig = dequeue_from(&t->signal->shared_pending, blocked, info);
		if (unlikely(sig == SIGALRM))
			real_timer_dequeued(t->signal);
		if (shared)
			*shared = sig != 0;
	}
	recalc_own(t);
	/* A SIGCONT that comes before the stop begins clears this bit, and with it the stop. */
	if (sig && sig_in(sig, SIGSET_STOP))
		t->jobctl |= JOBCTL_STOP_DEQUEUED;
	return sig;
}

int dequeue_synchronous(struct ksiginfo *info)
{
	struct sigpending *p = &current->pending;
	struct sigqueue *q;
	if (!(p->set & ~current->blocked & SIGSET_SYNC))
		return 0;
	list_for_each(q, &p->list, node) {
		if (q->info.code > SI_USER && sig_in(q->info.signo, SIGSET_SYNC & ~current->blocked)) {
			int sig = q->info.signo;
			collect(p, q, info);
			recalc_sigpending();
			return sig;
		}
	}
	return 0;
}

/* --- masks ------------------------------------------------------------------------------------------------------------------------------- */

void retarget_shared(struct task *t, ksigset_t which)
{
	struct task *o;
	which &= t->signal->shared_pending.set;
	if (!which)
		return;
	for_each_thread(t, o) {
		if (o == t || (o->pf & PF_EXITING) || !(which & ~o->blocked))
			continue;
		which &= o->blocked;
		if (!(READ_ONCE(o->flags) & TIF_SIGPENDING))
			signal_wake_up(o, false);
		if (!which)
			break;
	}
}

void set_current_blocked(ksigset_t mask)
{
	struct task *t = current;
	mask &= ~SIGSET_ONLY;
	/* Only the task itself writes its mask. */
	if (t->blocked == mask)
		return;
	u64 f = spin_lock_irqsave(&t->sighand->lock);
	set_blocked_locked(mask);
	spin_unlock_irqrestore(&t->sighand->lock, f);
}

ksigset_t sigmask_to_save(void)
{
	return current->flags & TIF_RESTORE_SIGMASK ? current->saved_sigmask : current->blocked;
}

void restore_saved_sigmask(void)
{
	if (current->flags & TIF_RESTORE_SIGMASK) {
		atomic_and(&current->flags, ~(u32)TIF_RESTORE_SIGMASK);
		set_current_blocked(current->saved_sigmask);
	}
}

/* --- stopping ---------------------------------------------------------------------------------------------------------------------------- */

void signal_set_stop_flags(struct signal *s, u32 flags)
{
	s->flags &= ~(SIGNAL_STOP_STOPPED | SIGNAL_STOP_CONTINUED | SIGNAL_CLD_STOPPED | SIGNAL_CLD_CONTINUED);
	s->flags |= flags;
}

bool jobctl_set(struct task *t, u32 mask)
{
	if ((READ_ONCE(t->flags) & TIF_KILLED) || (t->pf & PF_EXITING))
		return false;
	if (mask & JOBCTL_STOP_SIGMASK)
		t->jobctl &= ~JOBCTL_STOP_SIGMASK;
	t->jobctl |= mask;
	return true;
}

void jobctl_clear(struct task *t, u32 mask)
{
	if (mask & JOBCTL_STOP_PENDING)
		mask |= JOBCTL_STOP_CONSUME | JOBCTL_STOP_DEQUEUED;
	t->jobctl &= ~mask;
	if (!(t->jobctl & JOBCTL_PENDING_MASK))
		jobctl_clear_trapping(t);
}

bool jobctl_participate_stop(struct task *t)
{
	struct signal *s = t->signal;
	bool consume = t->jobctl & JOBCTL_STOP_CONSUME;
	jobctl_clear(t, JOBCTL_STOP_PENDING);
	if (!consume)
		return false;
	if (!WARN_ON(s->group_stop_count <= 0))
		s->group_stop_count--;
	if (s->group_stop_count || (s->flags & SIGNAL_STOP_STOPPED))
		return false;
	signal_set_stop_flags(s, SIGNAL_STOP_STOPPED);
	return true;
}

void task_join_group_stop(struct task *t)
{
	u32 mask = current->jobctl & JOBCTL_STOP_SIGMASK;
	struct signal *s = current->signal;
	if (s->group_stop_count) {
		s->group_stop_count++;
		mask |= JOBCTL_STOP_CONSUME;
	} else if (!(s->flags & SIGNAL_STOP_STOPPED)) {
		return;
	}
	if (jobctl_set(t, mask | JOBCTL_STOP_PENDING))
		atomic_or(&t->flags, TIF_SIGPENDING);
}

u32 zap_other_threads(struct task *t)
{
	struct task *o;
	u32 n = 0;
	/* Who executes may have been asked to stop, too: of that stop it is the only one left to take part. */
	t->signal->group_stop_count = t->jobctl & JOBCTL_STOP_CONSUME ? 1 : 0;
	for_each_thread(t, o) {
		if (o == t)
			continue;
		jobctl_clear(o, JOBCTL_PENDING_MASK);
		n++;
		/* A zombie leader counts, but is past caring. */
		if (o->exit_state)
			continue;
		o->pending.set |= SIGMASK(SIGKILL);
		signal_wake_up(o, true);
	}
	return n;
}

void exit_signals(struct task *t)
{
	bool told = false;
	u64 f = spin_lock_irqsave(&t->sighand->lock);
	t->pf |= PF_EXITING;
	if (t->signal->nr_threads > 1 && !(t->signal->flags & SIGNAL_GROUP_EXIT) && (READ_ONCE(t->flags) & TIF_SIGPENDING)) {
		retarget_shared(t, ~t->blocked);
		if (t->jobctl & JOBCTL_STOP_PENDING)
			told = jobctl_participate_stop(t);
	}
	spin_unlock_irqrestore(&t->sighand->lock, f);
	if (told) {
		spin_lock(&tasklist_lock);
		do_notify_parent_cldstop(t, false, CLD_STOPPED);
		spin_unlock(&tasklist_lock);
	}
}

void flush_signal_handlers(struct task *t, bool force_default)
{
	for (ksigset_t left = t->sighand->used; left; left &= left - 1) {
		struct ksigaction *a = &t->sighand->action[__builtin_ctzl(left)];
		if (force_default || a->handler != KSIG_IGN)
			a->handler = KSIG_DFL;
		a->flags = 0;
		a->restorer = 0;
		a->mask = 0;
	}
}

/* --- siginfo ----------------------------------------------------------------------------------------------------------------------------- */

enum info_layout { LAYOUT_KILL, LAYOUT_RT, LAYOUT_TIMER, LAYOUT_POLL, LAYOUT_FAULT, LAYOUT_CHLD, LAYOUT_SYS };

/* The highest si_code that belongs to the signal itself, 0 = the signal has none of its own. */
static int own_codes(int sig)
{
	switch (sig) {
	case SIGILL: return 11;
	case SIGFPE: return 15;
	case SIGSEGV: return 10;
	case SIGBUS: return 5;
	case SIGTRAP: return 6;
	case SIGCHLD: return 6;
	case SIGIO: return 6;
	case SIGSYS: return 2;
	default: return 0;
	}
}

static enum info_layout info_layout(int sig, int code)
{
	if (code > SI_USER && code < SI_KERNEL) {
		if (code > own_codes(sig))
			return code <= 6 ? LAYOUT_POLL : LAYOUT_KILL;
		return sig == SIGCHLD ? LAYOUT_CHLD : sig == SIGIO ? LAYOUT_POLL : sig == SIGSYS ? LAYOUT_SYS : LAYOUT_FAULT;
	}
	if (code == SI_TIMER)
		return LAYOUT_TIMER;
	if (code == SI_SIGIO)
		return LAYOUT_POLL;
	return code < 0 ? LAYOUT_RT : LAYOUT_KILL;
}

bool siginfo_has_sender(const struct ksiginfo *i)
{
	enum info_layout l = info_layout(i->signo, i->code);
	return l == LAYOUT_KILL || l == LAYOUT_RT || l == LAYOUT_CHLD;
}

static void put32(u8 *p, u32 v) { memcpy(p, &v, 4); }
static void put64(u8 *p, u64 v) { memcpy(p, &v, 8); }
static u32 get32(const u8 *p)
{
	u32 v;
	memcpy(&v, p, 4);
	return v;
}
static u64 get64(const u8 *p)
{
	u64 v;
	memcpy(&v, p, 8);
	return v;
}

/* Offsets: siginfo_t of <asm/siginfo.h>. For LAYOUT_POLL `value` is the band and `status` the descriptor. */
void siginfo_to_bytes(const struct ksiginfo *i, u8 out[128])
{
	memset(out, 0, 128);
	put32(out, (u32)i->signo);
	put32(out + 4, (u32)i->err);
	put32(out + 8, (u32)i->code);
	enum info_layout layout = info_layout(i->signo, i->code);
	/* A child's end told by another signal than SIGCHLD: the same fields, whatever that signal's codes mean else. */
	if (i->pid && (layout == LAYOUT_POLL || layout == LAYOUT_FAULT || layout == LAYOUT_SYS))
		layout = LAYOUT_CHLD;
	switch (layout) {
	case LAYOUT_RT: put64(out + 24, i->value); __attribute__((fallthrough));
	case LAYOUT_KILL:
		put32(out + 16, (u32)i->pid);
		put32(out + 20, i->uid);
		break;
	case LAYOUT_TIMER:
		put32(out + 16, (u32)i->timerid);
		put32(out + 20, (u32)i->overrun);
		put64(out + 24, i->value);
		break;
	case LAYOUT_POLL:
		put64(out + 16, i->value);
		put32(out + 24, (u32)i->status);
		break;
	case LAYOUT_FAULT: put64(out + 16, i->addr); break;
	case LAYOUT_CHLD:
		put32(out + 16, (u32)i->pid);
		put32(out + 20, i->uid);
		put32(out + 24, (u32)i->status);
		put64(out + 32, i->utime);
		put64(out + 40, i->stime);
		break;
	case LAYOUT_SYS:
		put64(out + 16, i->addr);
		put32(out + 24, (u32)i->syscall);
		put32(out + 28, i->arch);
		break;
	}
}

void siginfo_from_bytes(const u8 in[128], struct ksiginfo *i)
{
	*i = (struct ksiginfo){ .signo = (s32)get32(in), .err = (s32)get32(in + 4), .code = (s32)get32(in + 8) };
	switch (info_layout(i->signo, i->code)) {
	case LAYOUT_RT: i->value = get64(in + 24); __attribute__((fallthrough));
	case LAYOUT_KILL:
		i->pid = (s32)get32(in + 16);
		i->uid = get32(in + 20);
		break;
	case LAYOUT_TIMER:
		i->timerid = (s32)get32(in + 16);
		i->overrun = (s32)get32(in + 20);
		i->value = get64(in + 24);
		break;
	case LAYOUT_POLL:
		i->value = get64(in + 16);
		i->status = (s32)get32(in + 24);
		break;
	case LAYOUT_FAULT: i->addr = get64(in + 16); break;
	case LAYOUT_CHLD:
		i->pid = (s32)get32(in + 16);
		i->uid = get32(in + 20);
		i->status = (s32)get32(in + 24);
		i->utime = get64(in + 32);
		i->stime = get64(in + 40);
		break;
	case LAYOUT_SYS:
		i->addr = get64(in + 16);
		i->syscall = (s32)get32(in + 24);
		i->arch = get32(in + 28);
		break;
	}
}

int copy_siginfo_to_user(uaddr_t dst, const struct ksiginfo *info)
{
	u8 b[128];
	siginfo_to_bytes(info, b);
	return copy_to_user(dst, b, sizeof(b));
}
