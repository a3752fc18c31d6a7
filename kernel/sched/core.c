/*
 * Switching and waking. Entry points: schedule(), cond_resched(), sched_yield(), wake_up_state(), kick_thread(), sched_fork(), sched_start(),
 * sched_exit(), sched_finish_switch(), sched_idle(), hook_resched(), and sched_timer() for the tick.
 *
 * Who may touch a thread's entity: the holder of the lock of the queue that se.cpu names. se.cpu itself changes only under that lock, while the
 * thread is on no queue; whoever changed it lets the lock go and queues the thread under the new lock (sched_requeue). In between the thread is
 * RUNNING but on no queue: no waker wants it, so nobody else can queue it.
 *
 * Sleep against wake. A sleeper sets its state (full barrier), tests its condition, calls schedule(), which looks at the state under the queue's
 * lock. A waker makes the condition true, and (full barrier) looks at the state; under the same lock it either finds the thread still on
 * the queue, and only turns the state back to RUNNING, or finds it gone, and queues it. The lock is held from the moment a thread leaves the
 * queue until its stack is no longer in use: schedule() takes it, the next thread lets it go in sched_finish_switch(). So a thread that is on no
 * queue runs nowhere, and can never be started twice.
 *
 * A waker turns the state with a compare-exchange, because the owner may meanwhile have gone on to another state (stopped, dead) without the lock.
 */
#include "sched/sched.h"

#include <linux/sched.h>

#include "arch/x86_64/arch.h"
#include "arch/x86_64/hooks.h"
#include "sched/internal.h"
#include "trace/trace.h"

#define MIN_QUOTA_NS 200000UL /* a timer for less is not worth it */

struct rq run_queues[NR_CPUS];

struct thread *sched_idle_thread(u32 cpu) { return READ_ONCE(run_queues[cpu].idle); }
u64 sched_online;
bool (*sched_idle_work)(void);

struct rq *lock_thread_rq(struct thread *t)
{
	for (;;) {
		struct rq *rq = &run_queues[READ_ONCE(t->se.cpu)];
		spin_lock(&rq->lock);
		if (likely(rq->cpu == t->se.cpu))
			return rq;
		spin_unlock(&rq->lock);
	}
}

void rq_resched(struct rq *rq)
{
	if (atomic_or(&rq->curr->flags, TIF_NEED_RESCHED) & TIF_NEED_RESCHED)
		return;
	if (rq->cpu != cpu_id())
		arch_send_ipi(rq->cpu, IPI_RESCHED);
}

void rq_charge(struct rq *rq, u64 now)
{
	struct thread *t = rq->curr;
	struct sched_entity *se = &t->se;
	s64 delta = (s64)(now - se->exec_start);
	if (delta <= 0)
		return;
	se->exec_start = now;
	if (unlikely(t == rq->idle)) {
		rq->idle_ns += (u64)delta;
		return;
	}
	se->sum_exec += (u64)delta;
	rq->untold_ns += (u64)delta;
	if (unlikely(t->group))
		group_charge(t, (u64)delta, now);
	if (likely(se == rq->fair_curr)) {
		if (fair_charge(rq, (u64)delta) && rq->load)
			rq_resched(rq);
	} else if (is_rt(se)) {
		rt_charge(rq, se, (u64)delta, now);
	}
}

/* In place for who sleeps: the most used of its callers. */
static inline __attribute__((always_inline)) void detach(struct rq *rq, struct thread *t)
{
	struct sched_entity *se = &t->se;
	se->on_rq = false;
	rq->nr_running--;
	if (unlikely(is_rt(se))) {
		rt_remove(rq, se);
	} else {
		fair_remember_lag(rq, se);
		if (se == rq->fair_curr)
			rq->fair_curr = NULL;
		else
			fair_remove(rq, se);
	}
	if (unlikely(t->group))
		group_leave(t);
}

void rq_detach(struct rq *rq, struct thread *t) { detach(rq, t); }

/* Notes when the running fair thread's slice is over, if somebody waits for that. Own CPU only. */
static void arm_slice(struct rq *rq, u64 now)
{
	if (!rq->load || !rq->fair_curr) {
		rq->slice_at = ~0UL;
		return;
	}
	rq->slice_at = now + fair_slice_left(rq);
	timer_need(rq->slice_at);
}

/* The running thread's groups may run out of quota before somebody else wants the CPU. Own CPU only. */
static __cold void arm_quota(struct rq *rq, u64 now)
{
	u64 left = group_left(rq->curr, now);
	if (left == ~0UL || now + left >= rq->slice_at)
		return;
	rq->slice_at = now + max(left, MIN_QUOTA_NS);
	timer_need(rq->slice_at);
}

void rq_attach(struct rq *rq, struct thread *t, u64 now)
{
	struct sched_entity *se = &t->se;
	se->on_rq = true;
	rq->nr_running++;
	bool preempt;
	if (unlikely(is_rt(se))) {
		rt_insert(rq, se, false);
		preempt = se->prio > rq->curr->se.prio;
	} else {
		fair_insert(rq, se);
		preempt = rq->fair_curr ? fair_preempts(rq, se) : rq->curr == rq->idle;
		/* On another CPU its next tick looks after the slice. */
		if (!preempt && rq->slice_at == ~0UL && rq->cpu == cpu_id())
			arm_slice(rq, now);
	}
	if (preempt || rq->curr == rq->idle)
		rq_resched(rq);
}

/* => lock of t's queue held; t is RUNNING and on no queue */
static inline __attribute__((always_inline)) void place_and_attach(struct rq *rq, struct thread *t, enum fair_how how)
{
	u64 now = arch_clock_ns();
	rq_charge(rq, now);
	if (unlikely(t->group))
		group_enter(t);
	if (likely(!is_rt(&t->se)))
		fair_place(rq, &t->se, how);
	rq_attach(rq, t, now);
}

void sched_requeue(struct thread *t)
{
	struct rq *rq = lock_thread_rq(t);
	place_and_attach(rq, t, FAIR_WAKE);
	spin_unlock(&rq->lock);
}

/* --- waking ----------------------------------------------------------------------------------------------------------------------------- */

u8 thread_priority(const struct thread *t) { return (u8)(is_rt(&t->se) ? 99 - t->se.prio : 120 + t->se.nice); }

static void __cold trace_wakeup(const struct thread *t, u32 cpu, bool first)
{
	TRACE_RECORD(sched_wakeup, e);
	e.target = t->tid;
	e.cpu = (u16)cpu;
	e.prio = thread_priority(t);
	e.first = first;
	trace_write(&e.h);
}

static u16 shown_state(u32 state)
{
	return state & TASK_DEAD ? 16 : state & TASK_PARKED ? 32 : (u16)(state & (TASK_NORMAL | TASK_STOPPED | TASK_TRACED));
}

static void __cold trace_switch(const struct thread *prev, const struct thread *next)
{
	TRACE_RECORD(sched_switch, e);
	e.next = next->tid;
	e.state = prev->se.on_rq ? 0 : shown_state(READ_ONCE(prev->state));
	e.prio = thread_priority(prev);
	e.next_prio = thread_priority(next);
	trace_write(&e.h);
}

/* Turns the state to RUNNING if it is one of `states`. */
static bool claim_state(struct thread *t, u32 states)
{
	u32 s = READ_ONCE(t->state);
	while (s & states) {
		u32 found = cmpxchg(&t->state, s, TASK_RUNNING);
		if (found == s)
			return true;
		s = found;
	}
	return false;
}

bool wake_up_state(struct thread *t, u32 states)
{
	/* Itself, or an interrupt that found it on its way to sleep: schedule() has not been reached. */
	if (t == current_thread())
		return claim_state(t, states);
	smp_mb(); /* the condition is written before the state is read */
	if (!(READ_ONCE(t->state) & states))
		return false;
	u64 flags = irq_save();
	struct rq *rq = lock_thread_rq(t);
	bool woken = claim_state(t, states);
	if (!woken || t->se.on_rq) {
		spin_unlock_irqrestore(&rq->lock, flags);
		return woken;
	}
	if (t->se.load_sleep) {
		t->se.load_sleep = false;
		rq->load_sleepers--;
	}
	u32 cpu = select_cpu_wake(t);
	if (trace_on(sched_wakeup))
		trace_wakeup(t, cpu, false);
	if (likely(cpu == rq->cpu)) {
		place_and_attach(rq, t, FAIR_WAKE);
		spin_unlock(&rq->lock);
	} else {
		t->se.cpu = cpu;
		spin_unlock(&rq->lock);
		sched_requeue(t);
	}
	irq_restore(flags);
	return true;
}

void kick_thread(struct thread *t, u32 states)
{
	if (wake_up_state(t, states))
		return;
	/* The caller set the TIF bits before; a thread that gets on a CPU after this test sees them on its way to user mode. */
	u64 flags = irq_save();
	u32 cpu = thread_cpu(t);
	if (READ_ONCE(t->se.on_cpu) && cpu != cpu_id())
		arch_send_ipi(cpu, IPI_RESCHED);
	irq_restore(flags);
}

/* The interrupt itself is the message: on the way out the TIF bits are looked at, and an idle CPU leaves its halt. */
void hook_resched(void) {}

/* --- switching -------------------------------------------------------------------------------------------------------------------------- */

/* A signal that the sleep lets through keeps the thread awake. */
static bool signal_wakes(const struct thread *t, u32 state)
{
	u32 flags = READ_ONCE(t->flags);
	if (state & TASK_INTERRUPTIBLE)
		return flags & (TIF_SIGPENDING | TIF_KILLED);
	return state & TASK_WAKEKILL && flags & TIF_KILLED;
}

/* prev leaves the CPU of its own will, unless a signal or a waker came first. */
static void leave_queue(struct rq *rq, struct thread *prev)
{
	u32 state = READ_ONCE(prev->state);
	if (signal_wakes(prev, state)) {
		WRITE_ONCE(prev->state, TASK_RUNNING);
		return;
	}
	if (state & TASK_UNINTERRUPTIBLE) {
		prev->se.load_sleep = true;
		rq->load_sleepers++;
	}
	detach(rq, prev);
}

static struct thread *pick_next(struct rq *rq)
{
	struct sched_entity *se = NULL;
	if (unlikely(rq->nr_rt))
		se = rt_pick(rq);
	if (likely(!se))
		se = fair_pick(rq);
	return likely(se) ? thread_of(se) : rq->idle;
}

/* Takes prev off and puts next on, in the queue's books. */
static void change_current(struct rq *rq, struct thread *next, u64 now)
{
	if (rq->fair_curr) {
		if (unlikely(rq->curr->group))
			group_reweigh(rq->curr);
		fair_insert(rq, rq->fair_curr);
		rq->fair_curr = NULL;
	}
	if (next == rq->idle) {
		rq->slice_at = ~0UL;
	} else {
		if (likely(!is_rt(&next->se))) {
			fair_remove(rq, &next->se);
			rq->fair_curr = &next->se;
		}
		if (rq->tick_at == ~0UL) {
			rq->tick_at = now + TICK_NS;
			timer_need(rq->tick_at);
		}
	}
	rq->switches++;
	rq->curr = next;
	next->se.on_cpu = true;
	next->se.exec_start = now;
	if (unlikely((next->flags & TIF_RSEQ) && next->rseq_cpu != rq->cpu))
		atomic_or(&next->flags, TIF_RSEQ_WORK);
}

void sched_finish_switch(struct thread *prev)
{
	struct rq *rq = this_rq();
	struct thread *push = rq->push;
	/* Once the lock is gone prev may run elsewhere and even die there, so this is read before. */
	bool dead = READ_ONCE(prev->state) == TASK_DEAD;
	if (unlikely(push)) {
		rq->push = NULL;
		push->se.cpu = rq->push_cpu;
	}
	smp_store_release(&prev->se.on_cpu, false);
	spin_unlock(&rq->lock);
	if (unlikely(push))
		sched_requeue(push);
	if (unlikely(dead))
		hook_thread_dead(prev);
}

/* preempt: the state does not count, the thread stays runnable. move_to: a CPU that it wants to go to, or -1. */
static void switch_away(bool preempt, s32 move_to)
{
	struct thread *prev = current_thread();
	u64 flags = irq_save();
	struct rq *rq = this_rq();
	ASSERT(this_cpu()->irq_depth == 0 && this_cpu()->lock_depth == 0);
	spin_lock(&rq->lock);
	u64 now = arch_clock_ns();
	rq_charge(rq, now);
	if (READ_ONCE(prev->flags) & TIF_NEED_RESCHED)
		atomic_and(&prev->flags, ~(u32)TIF_NEED_RESCHED);
	if (!preempt && READ_ONCE(prev->state) != TASK_RUNNING) {
		leave_queue(rq, prev);
	} else if (unlikely(move_to >= 0 || !(prev->se.affinity >> rq->cpu & 1))) {
		rq->push_cpu = move_to >= 0 ? (u32)move_to : select_cpu_any(prev);
		rq->push = prev;
		/* On no queue for a moment: only as RUNNING is it safe from wakers. At worst its next sleep is cut short. */
		WRITE_ONCE(prev->state, TASK_RUNNING);
		rq_detach(rq, prev);
	}
	struct thread *next = pick_next(rq);
	if (next != prev) {
		if (prev->se.on_rq)
			prev->se.nivcsw++;
		else
			prev->se.nvcsw++;
		if (trace_on(sched_switch))
			trace_switch(prev, next);
		change_current(rq, next, now);
		arm_slice(rq, now);
		if (unlikely(next->group))
			arm_quota(rq, now);
		hook_switch_mm(prev, next);
		sched_finish_switch(arch_switch(prev, next));
	} else {
		arm_slice(rq, now);
		spin_unlock(&rq->lock);
	}
	irq_restore(flags);
}

void schedule(void) { switch_away(false, -1); }

void cond_resched(void)
{
	if (unlikely(READ_ONCE(current_thread()->flags) & TIF_NEED_RESCHED))
		switch_away(true, -1);
}

void sched_yield(void)
{
	u64 flags = irq_save();
	struct rq *rq = this_rq();
	if (rq->nr_running > 1) {
		spin_lock(&rq->lock);
		rq_charge(rq, arch_clock_ns());
		if (rq->fair_curr)
			fair_yield(rq);
		else if (is_rt(&rq->curr->se))
			rt_rotate(rq, &rq->curr->se);
		spin_unlock(&rq->lock);
		switch_away(true, -1);
	}
	irq_restore(flags);
}

void sched_exec(void)
{
	if (sched_online == 1 || READ_ONCE(this_rq()->nr_running) < 2)
		return;
	struct thread *t = current_thread();
	u32 cpu = select_cpu_fork(t);
	if (cpu != cpu_id() && !READ_ONCE(run_queues[cpu].nr_running))
		switch_away(true, (s32)cpu);
}

void sched_exit(void)
{
	set_current_state(TASK_DEAD);
	schedule();
	panic("a dead thread was switched to");
}

/* --- birth ------------------------------------------------------------------------------------------------------------------------------ */

void sched_fork(struct thread *child)
{
	const struct sched_entity *from = &current_thread()->se;
	struct sched_entity *se = &child->se;
	*se = (struct sched_entity){ .affinity = from->affinity, .cpu = cpu_id(), .policy = from->policy, .rt_prio = from->rt_prio, .nice = from->nice };
	if (from->reset_on_fork) {
		if (se->rt_prio) {
			se->policy = SCHED_NORMAL;
			se->rt_prio = 0;
			se->nice = 0;
		}
		se->nice = max(se->nice, (s8)0);
	}
	if (current_thread()->flags & TIF_IDLE)
		se->affinity = ~0UL;
	se->prio = se->rt_prio; /* what it borrows stays behind */
	se->weight = fair_weight(se->policy, se->nice);
	list_init(&se->rt_node);
	child->held_mutexes = 0;
	child->state = TASK_NEW;
}

void sched_start(struct thread *child)
{
	u64 flags = irq_save();
	ASSERT(child->state == TASK_NEW);
	struct rq *rq = lock_thread_rq(child);
	WRITE_ONCE(child->state, TASK_RUNNING);
	u32 cpu = select_cpu_fork(child);
	if (trace_on(sched_wakeup))
		trace_wakeup(child, cpu, true);
	if (cpu != rq->cpu) {
		child->se.cpu = cpu;
		spin_unlock(&rq->lock);
		rq = lock_thread_rq(child);
	}
	place_and_attach(rq, child, FAIR_NEW);
	spin_unlock_irqrestore(&rq->lock, flags);
}

void sched_init_cpu(struct thread *idle)
{
	u32 cpu = cpu_id();
	struct rq *rq = &run_queues[cpu];
	spin_init(&rq->lock, RANK_RQ);
	rq->cpu = cpu;
	for (u32 i = 0; i < RT_PRIOS; i++)
		list_init(&rq->rt[i]);
	rq->tick_at = rq->slice_at = ~0UL;
	rq->idle = rq->curr = idle;
	idle->se = (struct sched_entity){ .affinity = 1UL << cpu, .cpu = cpu, .on_cpu = true, .exec_start = arch_clock_ns() };
	idle->se.weight = fair_weight(SCHED_NORMAL, 0);
	idle->state = TASK_RUNNING;
	atomic_or(&idle->flags, TIF_IDLE | TIF_KTHREAD);
	__atomic_fetch_or(&sched_online, 1UL << cpu, __ATOMIC_SEQ_CST);
}

void sched_init(struct thread *idle) { sched_init_cpu(idle); }

/* --- idle and tick ---------------------------------------------------------------------------------------------------------------------- */

static inline bool wanted(void) { return READ_ONCE(current_thread()->flags) & TIF_NEED_RESCHED; }

void sched_idle(void)
{
	irq_enable();
	for (;;) {
		while (!wanted() && sched_idle_work && sched_idle_work())
			;
		irq_disable();
		/* Wake-ups set the bit before their interrupt arrives, and arch_halt() lets none slip in between. */
		if (!wanted() && !balance_idle())
			arch_halt();
		irq_enable();
		if (wanted())
			schedule();
	}
}

/* => lock held. RR's turns, and the real-time class's share of a second. */
static void tick_rt(struct rq *rq, u64 now)
{
	struct sched_entity *se = &rq->curr->se;
	if (is_rt(se)) {
		if (se->policy == SCHED_RR && se->slice_used >= RR_SLICE_NS) {
			bool alone = rt_is_last(rq, se) && list_first(&rq->rt[se->prio], struct sched_entity, rt_node) == se;
			rt_rotate(rq, se);
			if (!alone)
				rq_resched(rq);
		}
		if (rt_pick(rq) != se)
			rq_resched(rq);
	} else if (now >= rq->rt_period_end && rq->rt_time) {
		rq->rt_time = 0;
		rq_resched(rq);
	}
}

static void tick(struct rq *rq, u64 now, bool user)
{
	struct thread *t = rq->curr;
	if (t == rq->idle) {
		rq->tick_at = ~0UL;
		return;
	}
	rq->tick_at = max(rq->tick_at + TICK_NS, now + TICK_NS / 2);
	spin_lock(&rq->lock);
	rq_charge(rq, now);
	*(user ? &rq->user_ns : &rq->system_ns) += rq->untold_ns;
	if (user && t->se.nice > 0)
		rq->nice_ns += rq->untold_ns;
	rq->untold_ns = 0;
	user ? t->se.utime_ticks++ : t->se.stime_ticks++;
	if (unlikely(t->group))
		group_tick(t, user);
	if (unlikely(rq->nr_rt))
		tick_rt(rq, now);
	spin_unlock(&rq->lock);
	rq->ticks++;
	loadavg_update(now);
	balance_tick(rq);
	hook_cpu_tick(t, user);
}

u64 sched_timer(u64 now, bool user)
{
	struct rq *rq = this_rq();
	if (now >= rq->slice_at) {
		spin_lock(&rq->lock);
		rq_charge(rq, now);
		if (wanted())
			rq->slice_at = ~0UL;
		else
			arm_slice(rq, now);
		if (unlikely(rq->curr->group))
			arm_quota(rq, now);
		spin_unlock(&rq->lock);
	}
	if (now >= rq->tick_at)
		tick(rq, now, user);
	return min(rq->slice_at, rq->tick_at);
}
