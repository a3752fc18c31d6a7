/*
 * Timers: a tree per CPU, and the one hardware timer that it shares with the scheduler's tick. Entry points: timer.h, hook_timer(), timer_need(),
 * schedule_timeout().
 *
 * t->cpu changes only under the lock of the base it names. A timer whose callback is running stays on that CPU, so that cancelling knows
 * where to look. Cancelling never touches the hardware: an interrupt too many finds nothing to do and costs less than the write.
 */
#include "sched/timer.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/hooks.h"
#include "sched/internal.h"

static struct timer_base {
	struct spinlock lock;    /* RANK_TIMER */
	struct rb_root tree;     /* lock */
	struct timer *running;   /* lock: whose callback runs now; maybe freed already, only compared */
	u64 programmed;          /* this CPU, interrupts off: what the hardware is set to, ~0 = off; 0 inside hook_timer() */
} __aligned(64) bases[NR_CPUS] = {
	[0 ... NR_CPUS - 1] = { .lock = SPINLOCK_INIT(RANK_TIMER), .programmed = ~0UL },
};

static bool timer_less(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct timer, node)->expires < rb_entry(b, struct timer, node)->expires;
}

void timer_init(struct timer *t, void (*fn)(struct timer *))
{
	*t = (struct timer){ .fn = fn, .cpu = cpu_id() };
}

/* => interrupts off */
static struct timer_base *lock_base(struct timer *t)
{
	for (;;) {
		u32 cpu = READ_ONCE(t->cpu);
		spin_lock(&bases[cpu].lock);
		if (likely(cpu == t->cpu))
			return &bases[cpu];
		spin_unlock(&bases[cpu].lock);
	}
}

/* => lock held */
static bool disarm(struct timer_base *b, struct timer *t)
{
	bool was = t->armed;
	if (was)
		rb_erase(&b->tree, &t->node);
	t->armed = false;
	return was;
}

void timer_need(u64 when)
{
	struct timer_base *b = &bases[cpu_id()];
	if (when < b->programmed) {
		b->programmed = when;
		arch_timer_set(when);
	}
}

void timer_arm(struct timer *t, u64 expires)
{
	u64 flags = irq_save();
	u32 me = cpu_id();
	struct timer_base *b;
	for (;;) {
		b = lock_base(t);
		disarm(b, t);
		if (t->cpu == me || b->running == t)
			break;
		t->cpu = me;
		spin_unlock(&b->lock);
	}
	t->expires = expires;
	t->armed = true;
	rb_insert(&b->tree, &t->node, timer_less);
	bool mine = t->cpu == me;
	spin_unlock(&b->lock);
	/* On another CPU its hook_timer() is at work, and looks for the next timer when the callback is back. */
	if (mine)
		timer_need(expires);
	irq_restore(flags);
}

int timer_try_cancel(struct timer *t)
{
	u64 flags = irq_save();
	struct timer_base *b = lock_base(t);
	int was = disarm(b, t);
	if (b->running == t && b != &bases[cpu_id()])
		was = -1;
	spin_unlock_irqrestore(&b->lock, flags);
	return was;
}

bool timer_cancel(struct timer *t)
{
	int was;
	while ((was = timer_try_cancel(t)) < 0)
		cpu_relax();
	return was;
}

/* => lock held, interrupts off; lets the lock go around the callbacks */
static void run_expired(struct timer_base *b)
{
	struct rb_node *n;
	while ((n = rb_first(&b->tree))) {
		struct timer *t = rb_entry(n, struct timer, node);
		if (t->expires > arch_clock_ns())
			return;
		disarm(b, t);
		b->running = t;
		spin_unlock(&b->lock);
		t->fn(t);
		spin_lock(&b->lock);
		b->running = NULL;
	}
}

void hook_timer(bool user)
{
	struct timer_base *b = &bases[cpu_id()];
	b->programmed = 0; /* whatever is armed meanwhile is seen below */
	spin_lock(&b->lock);
	run_expired(b);
	spin_unlock(&b->lock);
	u64 next = sched_timer(arch_clock_ns(), user);
	spin_lock(&b->lock);
	struct rb_node *n = rb_first(&b->tree);
	if (n)
		next = min(next, rb_entry(n, struct timer, node)->expires);
	b->programmed = ~0UL;
	spin_unlock(&b->lock);
	timer_need(next);
}

/* --- sleeping with a limit -------------------------------------------------------------------------------------------------------------- */

struct sleeper {
	struct timer timer;
	struct thread *thread;
};

static void sleeper_wake(struct timer *t) { wake_up_thread(container_of(t, struct sleeper, timer)->thread); }

u64 schedule_timeout(u64 ns)
{
	u64 end;
	if (ns == ~0UL || __builtin_add_overflow(clock_mono(), ns, &end)) {
		schedule();
		return ns;
	}
	struct sleeper s = { .thread = current_thread() };
	timer_init(&s.timer, sleeper_wake);
	timer_arm(&s.timer, end);
	schedule();
	timer_cancel(&s.timer);
	u64 now = clock_mono();
	return now < end ? end - now : 0;
}
