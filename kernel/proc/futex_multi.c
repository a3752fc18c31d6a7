/* Several words at once, and futex(2)'s commands as calls of their own: sys_futex_waitv, sys_futex_wake, sys_futex_wait, sys_futex_requeue. */
#include <linux/time.h>

#include "gen/sys_protos.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/futex.h"
#include "proc/internal.h"

#define WAITV_MAX 128u
#define SIZE_U32 2u   /* FUTEX2_SIZE_U32, the only size there is */
#define SIZE_MASK 3u

/* 0 or -EINVAL. */
static int check_flags(u64 flags) { return (flags & ~(u64)(SIZE_MASK | FUTEX_PRIVATE_FLAG)) || (flags & SIZE_MASK) != SIZE_U32 ? -EINVAL : 0; }
static bool is_shared(u64 flags) { return !(flags & FUTEX_PRIVATE_FLAG); }

/* 0, -EINVAL, -EFAULT. */
static int read_deadline(uaddr_t utime, s32 clock, u64 *out)
{
	*out = FUTEX_FOREVER;
	if (utime && clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME)
		return -EINVAL;
	return futex_absolute(utime, clock == CLOCK_REALTIME, out);
}

/* --- waitv ------------------------------------------------------------------------------------------------------------------------------- */

struct multi {
	u32 n;
	struct futex_waitv v[WAITV_MAX];
	struct futex_waiter w[WAITV_MAX];
};

static int read_words(struct multi *m, uaddr_t uwords, u32 n)
{
	m->n = n;
	int err = copy_from_user(m->v, uwords, n * sizeof(m->v[0]));
	for (u32 i = 0; !err && i < n; i++)
		if (m->v[i].__reserved || check_flags(m->v[i].flags) || m->v[i].val > UINT32_MAX)
			err = -EINVAL;
	return err;
}

/* Leaves the first n queues: the last of them that had been woken, or -1. */
static int leave_all(struct multi *m, u32 n)
{
	int woken = -1;
	for (u32 i = 0; i < n; i++)
		if (futex_wait_leave(&m->w[i]))
			woken = (int)i;
	return woken;
}

#define QUEUED INT32_MAX
/* Queues for all: QUEUED, else what the call returns. A wake meanwhile turns the state to RUNNING, but the next set-up sets it again: *ready tells that there
 * is no need to sleep. */
static int queue_all(struct multi *m, bool *ready)
{
	*ready = false;
	for (u32 i = 0; i < m->n; i++) {
		struct futex_waiter *w = &m->w[i];
		*w = (struct futex_waiter){ .thread = current_thread(), .bitset = FUTEX_BITSET_MATCH_ANY };
		list_init(&w->node);
		int err = futex_wait_setup(w, m->v[i].uaddr, is_shared(m->v[i].flags), (u32)m->v[i].val);
		if (err) {
			set_current_state(TASK_RUNNING);
			int woken = leave_all(m, i);
			return woken >= 0 ? woken : err;
		}
	}
	for (u32 i = 0; i < m->n; i++)
		*ready |= list_empty(&m->w[i].node);
	return QUEUED;
}

static int wait_for_any(struct multi *m, u64 deadline)
{
	for (;;) {
		bool ready, late = false;
		int r = queue_all(m, &ready);
		if (r != QUEUED)
			return r;
		if (!ready && !signal_pending())
			late = futex_sleep(deadline);
		set_current_state(TASK_RUNNING);
		r = leave_all(m, m->n);
		if (r >= 0)
			return r;
		if (late || (deadline != FUTEX_FOREVER && clock_mono() >= deadline))
			return -ETIMEDOUT;
		if (signal_pending())
			return -ERESTARTSYS;
	}
}

long sys_futex_waitv(u64 uwords, u64 n, u64 flags, u64 utime, u64 clock)
{
	u64 deadline;
	if ((u32)flags || !(u32)n || (u32)n > WAITV_MAX || !uwords)
		return -EINVAL;
	long r = read_deadline(utime, (s32)clock, &deadline);
	if (r)
		return r;
	struct multi *m = kmalloc(sizeof(*m));
	if (!m)
		return -ENOMEM;
	r = read_words(m, uwords, (u32)n);
	if (!r)
		r = wait_for_any(m, deadline);
	kfree(m);
	return r;
}

/* --- one command a call ------------------------------------------------------------------------------------------------------------------- */

long sys_futex_wake(u64 addr, u64 mask, u64 nr, u64 flags)
{
	if (check_flags((u32)flags) || mask > UINT32_MAX)
		return -EINVAL;
	return (s32)nr > 0 ? futex_wake(addr, is_shared(flags), (s32)nr, (u32)mask) : 0;
}

long sys_futex_wait(u64 addr, u64 val, u64 mask, u64 flags, u64 utime, u64 clock)
{
	u64 deadline;
	if (check_flags((u32)flags) || mask > UINT32_MAX || val > UINT32_MAX)
		return -EINVAL;
	int err = read_deadline(utime, (s32)clock, &deadline);
	return err ? err : futex_wait_restartable(addr, is_shared(flags), (u32)val, deadline, (u32)mask);
}

long sys_futex_requeue(u64 uwords, u64 flags, u64 nr_wake, u64 nr_move)
{
	struct futex_waitv v[2];
	if ((u32)flags || !uwords)
		return -EINVAL;
	if (copy_from_user(v, uwords, sizeof(v)))
		return -EFAULT;
	for (u32 i = 0; i < 2; i++)
		if (v[i].__reserved || check_flags(v[i].flags) || v[i].val > UINT32_MAX)
			return -EINVAL;
	return futex_requeue(v[0].uaddr, is_shared(v[0].flags), v[1].uaddr, is_shared(v[1].flags), (s32)nr_wake, (s32)nr_move, true, (u32)v[0].val);
}
