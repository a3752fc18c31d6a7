/*
 * Futexes with priority inheritance: FUTEX_LOCK_PI and its kin, requeueing from a condition to such a lock. Interface: futex.h.
 *
 * The word holds the owner's thread number; a lock nobody waits for is taken and released in user space. Whoever finds it taken sets FUTEX_WAITERS, which
 * sends the owner into the kernel for the release, and queues here: a struct pi_lock exists as long as a word has waiters. The release hands the
 * lock over: it writes the highest waiter's number into the word and makes it the owner, so nobody can take it in between.
 *
 * An owner that dies cannot write the word of another process's mapping: the new owner does it for itself when it wakes (`fixing` until then, when the word
 * still shows the dead one), with FUTEX_OWNER_DIED.
 *
 * An owner runs at least at the priority of its highest waiter, and so does the owner of the lock that it waits for itself, and so on (propagate). Queues are in
 * order of priority, equals in order of arrival. A chain that would close to a ring is refused with EDEADLK, so every chain ends.
 *
 * One lock, pi_guard, for everything here: contended PI locks are rare and their critical sections short. It nests inside a futex bucket's lock. Nothing
 * holds references: owners and waiters unlink themselves before they go (futex_pi_release, the waiter's own way out).
 */
#include "proc/futex.h"

#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/internal.h"
#include "proc/signal.h"

#define PI_BUCKETS 64

/* A contended lock. Everything: pi_guard. */
struct pi_lock {
	struct list_head node;    /* in its bucket */
	struct futex_key key;
	struct task *owner;
	struct list_head owned;   /* in owner->pi_owned */
	struct list_head waiters; /* struct pi_wait, highest first */
	bool fixing;              /* the owner has yet to write its number into the word */
};

/* Somebody who wants one; on its stack. pi_guard, but for who is said to be constant. */
struct pi_wait {
	struct list_head node;
	struct task *task;        /* I */
	struct futex_key key;     /* I, of a requeue's target */
	struct pi_lock *lock;     /* it queues for, NULL = for none (yet, or any more) */
	struct pi_lock *fix;      /* it owns it now, but the word does not say so yet */
	bool got;                 /* it owns the lock */
};

static DEFINE_SPINLOCK(pi_guard, RANK_FUTEX_PI);
static struct list_head pi_locks[PI_BUCKETS];
static u32 nr_pi_locks; /* pi_guard; others look whether there are any */

static struct list_head *bucket(const struct futex_key *k)
{
	return &pi_locks[((k->a ^ (k->b >> 2) * 0x9e3779b97f4a7c15UL) * 0x9e3779b97f4a7c15UL) >> 58];
}

/* => pi_guard */
static struct pi_lock *find(const struct futex_key *key)
{
	struct pi_lock *l;
	list_for_each(l, bucket(key), node)
		if (futex_same_key(&l->key, key))
			return l;
	return NULL;
}

bool futex_pi_busy(const struct futex_key *key)
{
	if (likely(!READ_ONCE(nr_pi_locks)))
		return false;
	spin_lock(&pi_guard);
	bool busy = find(key) != NULL;
	spin_unlock(&pi_guard);
	return busy;
}

/* The number of t in a word, as the caller writes it. */
static u32 number(struct task *t) { return (u32)pid_vnr(t->thread_pid); }

/* --- priorities -------------------------------------------------------------------------------------------------------------------------- */

/* => pi_guard. Behind those of its priority. */
static void insert(struct pi_wait *w, struct pi_lock *l)
{
	struct list_head *n = l->waiters.prev;
	while (n != &l->waiters && list_entry(n, struct pi_wait, node)->task->se.prio < w->task->se.prio)
		n = n->prev;
	list_add(&w->node, n);
}

/* => pi_guard */
static u8 inherited(const struct task *t)
{
	const struct pi_lock *l;
	u8 prio = 0;
	list_for_each(l, &t->pi_owned, owned)
		if (!list_empty(&l->waiters))
			prio = max(prio, list_first(&l->waiters, struct pi_wait, node)->task->se.prio);
	return prio;
}

/* => pi_guard. What t inherits has changed, or its own priority: its place in a queue, and all the way up the chain. */
static void propagate(struct task *t)
{
	for (;;) {
		sched_set_boost(task_thread(t), inherited(t));
		struct pi_wait *w = t->pi_waiting;
		if (!w)
			return;
		list_del(&w->node);
		insert(w, w->lock);
		t = w->lock->owner;
	}
}

void futex_pi_reprioritize(struct task *t)
{
	spin_lock(&pi_guard);
	if (t->pi_waiting)
		propagate(t);
	spin_unlock(&pi_guard);
}

/* => pi_guard. Does `owner` wait, by whatever chain, for t? */
static bool waits_for(const struct task *owner, const struct task *t)
{
	while (owner != t) {
		if (!owner->pi_waiting)
			return false;
		owner = owner->pi_waiting->lock->owner;
	}
	return true;
}

/* --- queueing, handing over -------------------------------------------------------------------------------------------------------------- */

/* => pi_guard */
static void enqueue(struct pi_wait *w, struct pi_lock *l)
{
	w->lock = l;
	w->task->pi_waiting = w;
	insert(w, l);
	propagate(l->owner);
}

/* => pi_guard */
static void dequeue(struct pi_wait *w)
{
	list_del(&w->node);
	w->lock = NULL;
	w->task->pi_waiting = NULL;
}

/* => pi_guard */
static void create(struct pi_lock *l, const struct futex_key *key, struct task *owner)
{
	l->key = *key;
	l->owner = owner;
	l->fixing = false;
	list_init(&l->waiters);
	list_add(&l->node, bucket(key));
	list_add(&l->owned, &owner->pi_owned);
	WRITE_ONCE(nr_pi_locks, nr_pi_locks + 1);
}

/* => pi_guard. Frees a lock that nobody waits for. */
static void drop_unused(struct pi_lock *l)
{
	if (!list_empty(&l->waiters) || l->fixing)
		return;
	list_del(&l->node);
	list_del(&l->owned);
	WRITE_ONCE(nr_pi_locks, nr_pi_locks - 1);
	kfree(l);
}

/* => pi_guard. The highest waiter becomes the owner. died: it writes the word itself. */
static void hand_over(struct pi_lock *l, bool died)
{
	struct task *old = l->owner;
	struct pi_wait *w = list_first(&l->waiters, struct pi_wait, node);
	dequeue(w);
	list_del(&l->owned);
	l->owner = w->task;
	list_add(&l->owned, &w->task->pi_owned);
	l->fixing = died;
	w->fix = died ? l : NULL;
	WRITE_ONCE(w->got, true);
	propagate(old);
	propagate(w->task);
	wake_up_thread(task_thread(w->task));
	drop_unused(l);
}

void futex_pi_release(struct task *t)
{
	t->pi_gone = true;
	smp_mb();
	/* Nobody is at work here: whoever comes later sees the flag, whoever was here before has left his lock in the list. */
	if (likely(!spin_is_locked(&pi_guard) && list_empty(&t->pi_owned)))
		return;
	spin_lock(&pi_guard);
	while (!list_empty(&t->pi_owned)) {
		struct pi_lock *l = list_first(&t->pi_owned, struct pi_lock, owned);
		if (!list_empty(&l->waiters)) {
			hand_over(l, true);
		} else {
			l->fixing = false;
			drop_unused(l);
		}
	}
	spin_unlock(&pi_guard);
}

/* --- taking ------------------------------------------------------------------------------------------------------------------------------ */

/* What is needed to attach somebody to a lock, gathered before pi_guard is taken. */
struct attempt {
	uaddr_t addr;
	struct futex_key key;
	u32 seen;             /* the word's value when the owner was looked up */
	struct task *owner;   /* who it named then, with a reference, or NULL */
	struct pi_lock *spare;
};

/* Reads the word and looks up its owner. 0, -EFAULT, -ENOMEM. */
static int attempt_prepare(struct attempt *a)
{
	int err = get_user(a->seen, a->addr);
	if (err)
		return err;
	if (a->owner)
		task_put(a->owner);
	a->owner = a->seen & FUTEX_TID_MASK ? find_get_task((s32)(a->seen & FUTEX_TID_MASK)) : NULL;
	if (!a->spare)
		a->spare = kmalloc(sizeof(*a->spare));
	return a->spare ? 0 : -ENOMEM;
}

static void attempt_end(struct attempt *a)
{
	if (a->owner)
		task_put(a->owner);
	kfree(a->spare);
}

/* => pi_guard. Replaces the word if it is still `old`. 0, -EFAULT: bring the page in; -EAGAIN: it changed. */
static int replace(uaddr_t addr, u32 old, u32 new)
{
	u32 found;
	int err = cmpxchg_user32_nofault(addr, old, new, &found);
	return err ? err : found == old ? 0 : -EAGAIN;
}

/* => pi_guard. Is the word in order with the lock that stands for it? */
static bool consistent(const struct pi_lock *l, u32 v)
{
	u32 tid = v & FUTEX_TID_MASK;
	if (l->fixing)
		return true;
	/* A robust list's walk has cleared the number, and the dying owner has not handed over yet. */
	if (!tid)
		return v & FUTEX_OWNER_DIED;
	return tid == number(l->owner);
}

/* => pi_guard. May waiters hang on the owner that was looked up? 0, -ESRCH, -EPERM. */
static int check_owner(const struct task *owner)
{
	if (!owner)
		return -ESRCH;
	if (owner->pf & PF_KTHREAD)
		return -EPERM;
	return owner->pi_gone ? -ESRCH : 0;
}

/*
 * => pi_guard. Gives w's task the lock if it is free (1), else queues it (0; with `try` -EAGAIN). -EDEADLK, -ESRCH, -EPERM, -EINVAL;
 * -EFAULT: bring the word's page in and try again; -ENOLCK: look again, the word changed.
 */
static int attach(struct attempt *a, struct pi_wait *w, bool set_waiters, bool try)
{
	u32 v, me = number(w->task);
	int err = get_user32_nofault(&v, a->addr);
	if (err)
		return err;
	if ((v & FUTEX_TID_MASK) == me)
		return -EDEADLK;
	struct pi_lock *l = find(&a->key);
	if (l && !consistent(l, v))
		return -EINVAL;
	if (!l && !(v & FUTEX_TID_MASK)) {
		err = replace(a->addr, v, (v & FUTEX_OWNER_DIED) | me | (set_waiters ? FUTEX_WAITERS : 0));
		return err ? err == -EAGAIN ? -ENOLCK : err : 1;
	}
	if (!(v & FUTEX_WAITERS) && !(l && l->fixing)) {
		err = replace(a->addr, v, v | FUTEX_WAITERS);
		if (err)
			return err == -EAGAIN ? -ENOLCK : err;
	}
	if (!l) {
		if ((v & FUTEX_TID_MASK) != (a->seen & FUTEX_TID_MASK))
			return -ENOLCK;
		err = check_owner(a->owner);
		if (err)
			return err;
	}
	struct task *owner = l ? l->owner : a->owner;
	if (try)
		return -EAGAIN;
	if (waits_for(owner, w->task))
		return -EDEADLK;
	if (!l) {
		l = a->spare;
		a->spare = NULL;
		create(l, &a->key, owner);
	}
	enqueue(w, l);
	return 0;
}

/* attach() until it says something final. */
static int attach_current(struct attempt *a, bool shared, struct pi_wait *w, bool try)
{
	for (;;) {
		int err = futex_get_key(a->addr, shared, &a->key);
		if (!err)
			err = attempt_prepare(a);
		if (err)
			return err;
		spin_lock(&pi_guard);
		err = attach(a, w, false, try);
		if (!err)
			set_current_state(TASK_INTERRUPTIBLE);
		spin_unlock(&pi_guard);
		if (err == -EFAULT)
			err = futex_fault_in(a->addr);
		else if (err != -ENOLCK)
			return err;
		else
			err = 0;
		if (err)
			return err;
		cond_resched();
	}
}

/* w's task got a lock from a dead owner: writes its number. 0 or -EFAULT. */
static int fix_word(uaddr_t addr, struct pi_wait *w)
{
	u32 v, found, want = number(w->task) | FUTEX_WAITERS | FUTEX_OWNER_DIED;
	int err = get_user(v, addr);
	while (!err) {
		err = cmpxchg_user32(addr, v, want, &found);
		if (!err && found == v)
			break;
		v = found;
		cond_resched();
	}
	spin_lock(&pi_guard);
	w->fix->fixing = false;
	drop_unused(w->fix);
	spin_unlock(&pi_guard);
	return err;
}

/* Off the queue, if it still is in it. True: it got the lock. */
static bool leave(struct pi_wait *w)
{
	spin_lock(&pi_guard);
	bool got = w->got;
	struct pi_lock *l = w->lock;
	if (!got && l) {
		dequeue(w);
		propagate(l->owner);
		drop_unused(l);
	}
	spin_unlock(&pi_guard);
	return got;
}

/* Sleeps (the state is set) until w has its lock. 0, -ETIMEDOUT, -EINTR, -EFAULT. */
static int await(uaddr_t addr, struct pi_wait *w, u64 deadline)
{
	int err = 0;
	while (!READ_ONCE(w->got) && !err) {
		if (signal_pending())
			err = -EINTR;
		else if (futex_sleep(deadline))
			err = -ETIMEDOUT;
		set_current_state(TASK_INTERRUPTIBLE);
	}
	set_current_state(TASK_RUNNING);
	if (leave(w))
		err = w->fix ? fix_word(addr, w) : 0;
	return err;
}

long futex_lock_pi(uaddr_t addr, bool shared, u64 deadline, bool try)
{
	struct pi_wait w = { .task = current };
	struct attempt a = { .addr = addr };
	int err = attach_current(&a, shared, &w, try);
	attempt_end(&a);
	if (err)
		return err > 0 ? 0 : err;
	err = await(addr, &w, deadline);
	return err == -EINTR ? -ERESTARTNOINTR : err;
}

/* => pi_guard. 0, -EINVAL, -EFAULT, -EAGAIN. */
static int release(uaddr_t addr, const struct futex_key *key, u32 v)
{
	struct pi_lock *l = find(key);
	if (!l)
		return replace(addr, v, 0);
	if (l->owner != current || list_empty(&l->waiters))
		return -EINVAL;
	int err = replace(addr, v, number(list_first(&l->waiters, struct pi_wait, node)->task) | FUTEX_WAITERS);
	if (!err)
		hand_over(l, false);
	return err;
}

long futex_unlock_pi(uaddr_t addr, bool shared)
{
	struct futex_key key;
	u32 v;
	for (;;) {
		int err = get_user(v, addr);
		if (err)
			return err;
		if ((v & FUTEX_TID_MASK) != number(current))
			return -EPERM;
		err = futex_get_key(addr, shared, &key);
		if (err)
			return err;
		spin_lock(&pi_guard);
		err = release(addr, &key, v);
		spin_unlock(&pi_guard);
		if (err == -EFAULT)
			err = futex_fault_in(addr);
		else if (err != -EAGAIN)
			return err;
		else
			err = 0;
		if (err)
			return err;
		cond_resched();
	}
}

/* --- from a condition to a lock ---------------------------------------------------------------------------------------------------------- */

/* Still in the condition's queue? Then off with it. */
static bool leave_condition(struct futex_waiter *w)
{
	struct futex_bucket *b = w->bucket;
	spin_lock(&b->lock);
	bool there = !list_empty(&w->node);
	if (there)
		list_del(&w->node);
	spin_unlock(&b->lock);
	return there;
}

long futex_wait_requeue_pi(uaddr_t addr, uaddr_t lock, bool shared, u32 val, u64 deadline, u32 bitset)
{
	struct pi_wait pi = { .task = current };
	struct futex_waiter w = { .thread = current_thread(), .bitset = bitset, .pi = &pi };
	if (addr == lock || !bitset)
		return -EINVAL;
	int err = futex_get_key(lock, shared, &pi.key);
	if (err)
		return err;
	list_init(&w.node);
	err = futex_wait_setup(&w, addr, shared, val);
	if (err)
		return err;
	if (futex_same_key(&w.key, &pi.key)) {
		set_current_state(TASK_RUNNING);
		leave_condition(&w);
		return -EINVAL;
	}
	while (!READ_ONCE(pi.got) && !err) {
		if (signal_pending())
			err = -EINTR;
		else if (futex_sleep(deadline))
			err = -ETIMEDOUT;
		set_current_state(TASK_INTERRUPTIBLE);
	}
	set_current_state(TASK_RUNNING);
	if (leave_condition(&w))
		return err == -EINTR ? -ERESTARTNOINTR : err;
	/* Requeued: it cannot begin anew, the condition is over. */
	if (leave(&pi))
		err = pi.fix ? fix_word(lock, &pi) : 0;
	return err == -EINTR ? -EAGAIN : err;
}

/* => lock of b, pi_guard. Moves waiters of k1 to the lock. How many (the first may own it now), or an error of attach(). */
static int move_to_lock(struct futex_bucket *b, const struct futex_key *k1, struct attempt *a, int nr, int *done)
{
	struct futex_waiter *w, *tmp;
	list_for_each_safe(w, tmp, &b->waiters, node) {
		if (!futex_same_key(&w->key, k1))
			continue;
		if (*done >= nr)
			return 0;
		if (!w->pi || !futex_same_key(&w->pi->key, &a->key))
			return -EINVAL;
		int r = attach(a, w->pi, nr > 1, false);
		if (r < 0)
			return r;
		list_del(&w->node);
		(*done)++;
		if (r > 0) {
			WRITE_ONCE(w->pi->got, true);
			wake_up_thread(w->thread);
		}
		/* The next one needs an owner and a record of its own. */
		if (r > 0 || !a->spare)
			return -ENOLCK;
	}
	return 0;
}

/* One go at it. 0: done; -ENOLCK: again; an error. */
static int requeue_once(uaddr_t addr, bool shared, struct attempt *a, int nr, u32 val, int *done)
{
	struct futex_key k1;
	u32 now;
	int err = futex_get_key(addr, shared, &k1);
	if (!err)
		err = futex_get_key(a->addr, shared, &a->key);
	if (!err && futex_same_key(&k1, &a->key))
		err = -EINVAL;
	if (!err)
		err = attempt_prepare(a);
	if (err)
		return err;
	struct futex_bucket *b = futex_bucket_of(&k1);
	spin_lock(&b->lock);
	spin_lock(&pi_guard);
	bool word = get_user32_nofault(&now, addr) == 0;
	/* The value counts at the beginning only. */
	if (word)
		err = now != val && !*done ? -EAGAIN : move_to_lock(b, &k1, a, nr, done);
	spin_unlock(&pi_guard);
	spin_unlock(&b->lock);
	if (!word)
		return get_user(now, addr) ? -EFAULT : -ENOLCK;
	if (err == -EFAULT)
		return futex_fault_in(a->addr) ? -EFAULT : -ENOLCK;
	return err;
}

long futex_cmp_requeue_pi(uaddr_t addr, uaddr_t lock, bool shared, int nr_wake, int nr_move, u32 val)
{
	struct attempt a = { .addr = lock };
	int err, done = 0;
	/* Exactly one may get the lock. */
	if (addr == lock || nr_wake != 1 || nr_move < 0)
		return -EINVAL;
	int nr = nr_move == INT32_MAX ? nr_move : nr_move + 1;
	do {
		err = requeue_once(addr, shared, &a, nr, val, &done);
		cond_resched();
	} while (err == -ENOLCK);
	attempt_end(&a);
	return done ? done : err;
}

void futex_pi_init(void)
{
	for (u32 i = 0; i < PI_BUCKETS; i++)
		list_init(&pi_locks[i]);
}
