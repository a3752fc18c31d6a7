/*
 * Futexes. Entry points: sys_futex, sys_set_robust_list, sys_get_robust_list, exit_robust_list, futex_wake_addr; for its neighbours futex.h.
 *
 * A waiter queues itself in the bucket of its key with the bucket locked, checks the word under that lock, and sleeps. A waker takes the same lock
 * after the word has changed, so either the waiter sees the new value or the waker sees the waiter. The word is read with page faults disabled; if
 * that fails the lock is dropped, the page brought in, and all is tried again.
 *
 * A waiter's record lies on its stack. It leaves only after it has taken the lock of its bucket once more, so a waker may use the record as long
 * as it holds the lock. Requeueing moves the record to another bucket (both locked, in the order of their addresses).
 *
 * Locks with priority inheritance are futex_pi.c, several words at once futex_multi.c.
 */
#include <linux/time_types.h>

#include "gen/sys_protos.h"
#include "mm/uaccess.h"
#include "proc/futex.h"
#include "proc/internal.h"
#include "proc/ptrace.h"
#include "sched/kernel_time.h"

#define BUCKETS 256
#define ROBUST_LIST_MAX 2048

static struct futex_bucket buckets[BUCKETS];

struct futex_bucket *futex_bucket_of(const struct futex_key *k)
{
	u64 h = (k->a ^ (k->b >> 2) * 0x9e3779b97f4a7c15UL) * 0x9e3779b97f4a7c15UL;
	return &buckets[h >> 56];
}

int futex_get_key(uaddr_t addr, bool shared, struct futex_key *key)
{
	if (addr & 3)
		return -EINVAL;
	if (!user_range_ok(addr, 4))
		return -EFAULT;
	return mm_futex_key(current->mm, addr, shared, key);
}

/* --- waking ----------------------------------------------------------------------------------------------------------------------------- */

/* => bucket lock */
static void wake_waiter(struct futex_waiter *w)
{
	list_del(&w->node);
	wake_up_thread(w->thread);
}

/* => bucket lock. How many were woken, or -EINVAL: somebody there waits for another kind of wake. */
static int wake_in_bucket(struct futex_bucket *b, const struct futex_key *key, int n, u32 bitset)
{
	struct futex_waiter *w, *tmp;
	int woken = 0;
	list_for_each_safe(w, tmp, &b->waiters, node) {
		if (!futex_same_key(&w->key, key))
			continue;
		if (unlikely(w->pi))
			return -EINVAL;
		if (!(w->bitset & bitset))
			continue;
		wake_waiter(w);
		if (++woken >= n)
			break;
	}
	return woken;
}

int futex_wake(uaddr_t addr, bool shared, int n, u32 bitset)
{
	struct futex_key key;
	if (!bitset)
		return -EINVAL;
	int err = futex_get_key(addr, shared, &key);
	if (err)
		return err;
	struct futex_bucket *b = futex_bucket_of(&key);
	smp_mb(); /* the caller's store to the word comes before the look at the list */
	if (unlikely(futex_pi_busy(&key)))
		return -EINVAL;
	if (list_empty(&b->waiters))
		return 0;
	spin_lock(&b->lock);
	int woken = wake_in_bucket(b, &key, n, bitset);
	spin_unlock(&b->lock);
	return woken;
}

int futex_wake_addr(uaddr_t addr, int n, bool shared) { return futex_wake(addr, shared, n, FUTEX_BITSET_MATCH_ANY); }

/* --- waiting ---------------------------------------------------------------------------------------------------------------------------- */

int futex_wait_setup(struct futex_waiter *w, uaddr_t addr, bool shared, u32 val)
{
	u32 now;
	for (;;) {
		int err = futex_get_key(addr, shared, &w->key);
		if (err)
			return err;
		struct futex_bucket *b = w->bucket = futex_bucket_of(&w->key);
		spin_lock(&b->lock);
		/* Queued first, then (set_current_state is a full barrier) the word: futex_wake looks at the list without the lock after the word has
		 * changed, so one of the two sees the other. */
		list_add_tail(&w->node, &b->waiters);
		set_current_state(TASK_INTERRUPTIBLE);
		err = get_user32_nofault(&now, addr);
		if (err || now != val) {
			list_del(&w->node);
			set_current_state(TASK_RUNNING);
		}
		spin_unlock(&b->lock);
		if (!err)
			return now == val ? 0 : -EAGAIN;
		err = get_user(now, addr);
		if (err)
			return err;
		cond_resched();
	}
}

bool futex_wait_leave(struct futex_waiter *w)
{
	for (;;) {
		struct futex_bucket *b = READ_ONCE(w->bucket);
		spin_lock(&b->lock);
		if (b == w->bucket) {
			bool woken = list_empty(&w->node);
			list_del(&w->node);
			spin_unlock(&b->lock);
			return woken;
		}
		spin_unlock(&b->lock);
	}
}

bool futex_sleep(u64 deadline)
{
	if (deadline == FUTEX_FOREVER) {
		schedule();
		return false;
	}
	u64 now = clock_mono();
	return now >= deadline || schedule_timeout(deadline - now) == 0;
}

/* deadline: ns of clock_mono. 0, -EAGAIN, -ETIMEDOUT, -ERESTARTSYS, -EFAULT ... */
static int futex_wait(uaddr_t addr, bool shared, u32 val, u64 deadline, u32 bitset)
{
	struct futex_waiter w = { .thread = current_thread(), .bitset = bitset };
	if (!bitset)
		return -EINVAL;
	for (;;) {
		list_init(&w.node);
		int err = futex_wait_setup(&w, addr, shared, val);
		if (err)
			return err;
		bool late = false;
		if (!list_empty(&w.node) && !signal_pending())
			late = futex_sleep(deadline);
		set_current_state(TASK_RUNNING);
		if (futex_wait_leave(&w))
			return 0;
		if (late || (deadline != FUTEX_FOREVER && clock_mono() >= deadline))
			return -ETIMEDOUT;
		if (signal_pending())
			return -ERESTARTSYS;
	}
}

/* restart.arg: address, value, deadline, bitset | shared << 32 */
static long futex_wait_restart(struct task *t)
{
	u64 *a = t->restart.arg;
	int err = futex_wait(a[0], a[3] >> 32, (u32)a[1], a[2], (u32)a[3]);
	if (err == -ERESTARTSYS) {
		t->restart.fn = futex_wait_restart;
		return -ERESTART_RESTARTBLOCK;
	}
	return err;
}

long futex_wait_restartable(uaddr_t addr, bool shared, u32 val, u64 deadline, u32 bitset)
{
	int err = futex_wait(addr, shared, val, deadline, bitset);
	if (err != -ERESTARTSYS || deadline == FUTEX_FOREVER)
		return err;
	current->restart.arg[0] = addr;
	current->restart.arg[1] = val;
	current->restart.arg[2] = deadline;
	current->restart.arg[3] = bitset | (u64)shared << 32;
	current->restart.fn = futex_wait_restart;
	return -ERESTART_RESTARTBLOCK;
}

/* --- requeue and wake_op ---------------------------------------------------------------------------------------------------------------- */

static void lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	if (a > b) {
		struct futex_bucket *t = a;
		a = b;
		b = t;
	}
	spin_lock(&a->lock);
	if (a != b)
		spin_lock_nested(&b->lock);
}
static void unlock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	spin_unlock(&a->lock);
	if (a != b)
		spin_unlock(&b->lock);
}

/* => both locks. How many were moved, or -EINVAL. */
static int move_waiters(struct futex_bucket *from, const struct futex_key *k1, struct futex_bucket *to, const struct futex_key *k2, int n)
{
	struct futex_waiter *w, *tmp;
	int moved = 0;
	list_for_each_safe(w, tmp, &from->waiters, node) {
		if (moved >= n)
			break;
		if (!futex_same_key(&w->key, k1))
			continue;
		if (unlikely(w->pi))
			return -EINVAL;
		w->key = *k2;
		if (from != to) {
			list_move_tail(&w->node, &to->waiters);
			WRITE_ONCE(w->bucket, to);
		}
		moved++;
	}
	return moved;
}

long futex_requeue(uaddr_t a1, bool shared1, uaddr_t a2, bool shared2, int nr_wake, int nr_move, bool cmp, u32 val3)
{
	struct futex_key k1, k2;
	if (nr_wake < 0 || nr_move < 0)
		return -EINVAL;
	for (;;) {
		int err = futex_get_key(a1, shared1, &k1);
		if (!err)
			err = futex_get_key(a2, shared2, &k2);
		if (err)
			return err;
		struct futex_bucket *b1 = futex_bucket_of(&k1), *b2 = futex_bucket_of(&k2);
		u32 now = val3;
		lock_two(b1, b2);
		err = cmp ? get_user32_nofault(&now, a1) : 0;
		long done = -EAGAIN;
		if (!err && now == val3) {
			done = nr_wake ? wake_in_bucket(b1, &k1, nr_wake, FUTEX_BITSET_MATCH_ANY) : 0;
			int moved = done < 0 ? 0 : move_waiters(b1, &k1, b2, &k2, nr_move);
			done = moved < 0 ? moved : done + moved;
		}
		unlock_two(b1, b2);
		if (!err)
			return done;
		err = get_user(now, a1);
		if (err)
			return err;
		cond_resched();
	}
}

static s32 sign_extend12(u32 v) { return (s32)(v << 20) >> 20; }

/* The arithmetic of FUTEX_WAKE_OP. 0 or -ENOSYS. */
static int apply_op(u32 op, u32 oparg, u32 old, u32 *new)
{
	switch (op) {
	case FUTEX_OP_SET:
		*new = oparg;
		return 0;
	case FUTEX_OP_ADD:
		*new = old + oparg;
		return 0;
	case FUTEX_OP_OR:
		*new = old | oparg;
		return 0;
	case FUTEX_OP_ANDN:
		*new = old & ~oparg;
		return 0;
	case FUTEX_OP_XOR:
		*new = old ^ oparg;
		return 0;
	default:
		return -ENOSYS;
	}
}

static int compare_op(u32 cmp, s32 old, s32 cmparg)
{
	switch (cmp) {
	case FUTEX_OP_CMP_EQ:
		return old == cmparg;
	case FUTEX_OP_CMP_NE:
		return old != cmparg;
	case FUTEX_OP_CMP_LT:
		return old < cmparg;
	case FUTEX_OP_CMP_LE:
		return old <= cmparg;
	case FUTEX_OP_CMP_GT:
		return old > cmparg;
	case FUTEX_OP_CMP_GE:
		return old >= cmparg;
	default:
		return -ENOSYS;
	}
}

/* Changes the word with page faults disabled (bucket locks are held). The comparison's result (0, 1), or -EFAULT: bring the page in; -ENOSYS. */
static int op_on_word(u32 encoded, uaddr_t addr)
{
	u32 op = encoded >> 28 & 7, cmp = encoded >> 24 & 15, old, found, new;
	u32 oparg = (u32)sign_extend12(encoded >> 12 & 0xfff);
	if (encoded >> 28 & FUTEX_OP_OPARG_SHIFT)
		oparg = 1u << (oparg & 31);
	int err = get_user32_nofault(&old, addr);
	if (err)
		return err;
	for (;;) {
		err = apply_op(op, oparg, old, &new);
		if (!err)
			err = cmpxchg_user32_nofault(addr, old, new, &found);
		if (err)
			return err;
		if (found == old)
			return compare_op(cmp, (s32)old, sign_extend12(encoded & 0xfff));
		old = found;
	}
}

int futex_fault_in(uaddr_t addr)
{
	u32 v, found;
	int err = get_user(v, addr);
	return err ? err : cmpxchg_user32(addr, v, v, &found);
}

static long futex_wake_op(uaddr_t a1, uaddr_t a2, bool shared, int n1, int n2, u32 encoded)
{
	struct futex_key k1, k2;
	for (;;) {
		int err = futex_get_key(a1, shared, &k1);
		if (!err)
			err = futex_get_key(a2, shared, &k2);
		if (err)
			return err;
		struct futex_bucket *b1 = futex_bucket_of(&k1), *b2 = futex_bucket_of(&k2);
		lock_two(b1, b2);
		long done = op_on_word(encoded, a2);
		if (done >= 0) {
			bool second = done;
			done = wake_in_bucket(b1, &k1, n1, FUTEX_BITSET_MATCH_ANY);
			int more = second && done >= 0 ? wake_in_bucket(b2, &k2, n2, FUTEX_BITSET_MATCH_ANY) : 0;
			done = more < 0 ? more : done + more;
		}
		unlock_two(b1, b2);
		if (done != -EFAULT)
			return done;
		err = futex_fault_in(a2);
		if (err)
			return err;
		cond_resched();
	}
}

/* --- the call --------------------------------------------------------------------------------------------------------------------------- */

/* 0 with the time in ns, ~0 = for ever. */
static int read_time(uaddr_t utime, u64 *ns)
{
	struct __kernel_timespec ts;
	*ns = FUTEX_FOREVER;
	if (!utime)
		return 0;
	if (copy_from_user(&ts, utime, sizeof(ts)))
		return -EFAULT;
	if (!timespec_valid(&ts))
		return -EINVAL;
	*ns = timespec_to_ns(&ts);
	return 0;
}

int futex_absolute(uaddr_t utime, bool realtime, u64 *out)
{
	int err = read_time(utime, out);
	if (err || *out == FUTEX_FOREVER)
		return err;
	u64 offset = clock_real_offset();
	if (realtime)
		*out = *out > offset ? *out - offset : 0;
	else
		*out = host_time(*out, false);
	return 0;
}

static int futex_relative(uaddr_t utime, u64 *out)
{
	int err = read_time(utime, out);
	u64 now = clock_mono();
	if (!err && *out != FUTEX_FOREVER)
		*out = now + *out < now ? FUTEX_FOREVER : now + *out;
	return err;
}

/* When the wait ends: FUTEX_WAIT is relative, FUTEX_LOCK_PI always on the real-time clock. */
static int read_deadline(uaddr_t utime, int cmd, bool realtime, u64 *out)
{
	*out = FUTEX_FOREVER;
	switch (cmd) {
	case FUTEX_WAIT: return futex_relative(utime, out);
	case FUTEX_LOCK_PI: return futex_absolute(utime, true, out);
	case FUTEX_WAIT_BITSET:
	case FUTEX_LOCK_PI2:
	case FUTEX_WAIT_REQUEUE_PI: return futex_absolute(utime, realtime, out);
	default: return 0;
	}
}

long sys_futex(u64 addr, u64 uop, u64 uval, u64 utime, u64 addr2, u64 uval3)
{
	int op = (int)uop, cmd = op & FUTEX_CMD_MASK;
	bool shared = !(op & FUTEX_PRIVATE_FLAG), realtime = op & FUTEX_CLOCK_REALTIME;
	u32 val = (u32)uval, val3 = (u32)uval3;
	int val2 = (int)utime;
	u64 deadline;
	if (realtime && cmd != FUTEX_WAIT_BITSET && cmd != FUTEX_WAIT_REQUEUE_PI && cmd != FUTEX_LOCK_PI2)
		return -ENOSYS;
	int err = read_deadline(utime, cmd, realtime, &deadline);
	if (err)
		return err;
	switch (cmd) {
	case FUTEX_WAIT: return futex_wait_restartable(addr, shared, val, deadline, FUTEX_BITSET_MATCH_ANY);
	case FUTEX_WAIT_BITSET: return futex_wait_restartable(addr, shared, val, deadline, val3);
	case FUTEX_WAKE: return futex_wake(addr, shared, (int)val, FUTEX_BITSET_MATCH_ANY);
	case FUTEX_WAKE_BITSET: return futex_wake(addr, shared, (int)val, val3);
	case FUTEX_REQUEUE: return futex_requeue(addr, shared, addr2, shared, (int)val, val2, false, 0);
	case FUTEX_CMP_REQUEUE: return futex_requeue(addr, shared, addr2, shared, (int)val, val2, true, val3);
	case FUTEX_WAKE_OP: return futex_wake_op(addr, addr2, shared, (int)val, val2, val3);
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2: return futex_lock_pi(addr, shared, deadline, false);
	case FUTEX_TRYLOCK_PI: return futex_lock_pi(addr, shared, FUTEX_FOREVER, true);
	case FUTEX_UNLOCK_PI: return futex_unlock_pi(addr, shared);
	case FUTEX_WAIT_REQUEUE_PI: return futex_wait_requeue_pi(addr, addr2, shared, val, deadline, FUTEX_BITSET_MATCH_ANY);
	case FUTEX_CMP_REQUEUE_PI: return futex_cmp_requeue_pi(addr, addr2, shared, (int)val, val2, val3);
	default: return -ENOSYS;
	}
}

/* --- robust lists ----------------------------------------------------------------------------------------------------------------------- */

long sys_set_robust_list(u64 head, u64 len)
{
	if (len != sizeof(struct robust_list_head))
		return -EINVAL;
	current->robust_list = head;
	current->robust_len = len;
	return 0;
}

long sys_get_robust_list(u64 pid, u64 uhead, u64 ulen)
{
	struct task *t = current;
	task_get(t);
	if ((s32)pid) {
		task_put(t);
		t = find_get_task((s32)pid);
		if (!t)
			return -ESRCH;
	}
	bool ok = task_may_access(t, true);
	u64 head = t->robust_list;
	task_put(t);
	if (!ok)
		return -EPERM;
	if (put_user((u64)sizeof(struct robust_list_head), ulen) || put_user(head, uhead))
		return -EFAULT;
	return 0;
}

/* A lock whose owner dies: marks the word and wakes one waiter. False ends the walk (bad memory). */
static bool owner_died(struct task *t, uaddr_t word, bool pi, bool pending)
{
	u32 v, found;
	if ((word & 3) || get_user(v, word))
		return false;
	for (;;) {
		/* The owner released it in user space, then died before its wake-up: do that for it. */
		if (pending && !pi && !v) {
			futex_wake(word, true, 1, FUTEX_BITSET_MATCH_ANY);
			return true;
		}
		if ((v & FUTEX_TID_MASK) != (u32)pid_own_nr(t->thread_pid))
			return true;
		if (cmpxchg_user32(word, v, (v & FUTEX_WAITERS) | FUTEX_OWNER_DIED, &found))
			return false;
		if (found == v)
			break;
		v = found;
		cond_resched();
	}
	if (!pi && (v & FUTEX_WAITERS))
		futex_wake(word, true, 1, FUTEX_BITSET_MATCH_ANY);
	return true;
}

void exit_robust_list(struct task *t)
{
	struct robust_list_head head;
	uaddr_t at = t->robust_list, entry, next, pending;
	if (!t->mm || copy_from_user(&head, at, sizeof(head)))
		return;
	/* Bit 0 of a link marks a PI lock. */
	u64 link = (u64)head.list.next;
	pending = (u64)head.list_op_pending & ~1UL;
	for (u32 n = 0; n < ROBUST_LIST_MAX; n++) {
		entry = link & ~1UL;
		if (entry == at)
			break;
		/* read the next link before the lock is let go: its owner may free it */
		bool bad = get_user(next, entry) != 0;
		if (entry != pending && !owner_died(t, entry + (u64)head.futex_offset, link & 1, false))
			return;
		if (bad)
			return;
		link = next;
		cond_resched();
	}
	if (pending)
		owner_died(t, pending + (u64)head.futex_offset, (u64)head.list_op_pending & 1, true);
}

void futex_init(void)
{
	for (u32 i = 0; i < BUCKETS; i++) {
		spin_init(&buckets[i].lock, RANK_FUTEX);
		list_init(&buckets[i].waiters);
	}
	futex_pi_init();
}
