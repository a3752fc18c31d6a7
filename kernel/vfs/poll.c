/*
 * poll, ppoll, select, pselect6. Entry points: those calls, file_poll(), poll_restart().
 *
 * A poller hangs one wait entry on every queue that the files' poll ops name (first round only), then alternates between asking all files and
 * sleeping. Any wake-up that fits an entry's events sets `triggered`; the sleep is entered only while it is clear, so nothing is lost between
 * asking and sleeping.
 */
#include "vfs/poll.h"

#include <linux/fcntl.h>
#include <linux/personality.h>
#include <linux/resource.h>
#include <linux/stat.h>
#include <linux/time_types.h>

#include "gen/sys_protos.h"
#include "lib/bug.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "sched/kernel_time.h"
#include "vfs/file.h"

#define FOREVER (~0UL)
#define INLINE_ENTRIES 6
#define CHUNK_ENTRIES 60

struct poll_entry {
	struct wait_entry wait;
	struct wait_queue *queue;
	struct file *file; /* a reference: the queue lives as long as the file */
	u32 key;           /* events that wake */
};
struct poll_chunk {
	struct poll_chunk *next;
	u32 used;
	struct poll_entry entries[CHUNK_ENTRIES];
};
/* One call in progress; on its stack, owned by its thread but for `triggered`. */
struct poller {
	struct poll_table pt;
	struct thread *thread;
	u32 triggered; /* set by wake-ups */
	u32 key;       /* for the entries made by the file_poll() call in progress */
	int error;     /* -ENOMEM: an entry could not be made */
	u32 used;
	struct poll_chunk *chunks;
	struct poll_entry entries[INLINE_ENTRIES];
};

u32 file_poll(struct file *f, struct poll_table *pt)
{
	if (f->ops->poll)
		return f->ops->poll(f, pt);
	return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

/* --- the waiting side -------------------------------------------------------------------------------------------------------------------- */

static bool poll_wake(struct wait_entry *e, u32 mode, u64 key)
{
	struct poll_entry *pe = container_of(e, struct poll_entry, wait);
	struct poller *p = e->data;
	if (key && !(key & pe->key))
		return false;
	smp_store_release(&p->triggered, 1);
	wake_up_state(p->thread, mode);
	return false; /* never exclusive */
}

/* The next free entry or NULL. */
static struct poll_entry *poll_entry_get(struct poller *p)
{
	if (p->used < INLINE_ENTRIES)
		return &p->entries[p->used++];
	struct poll_chunk *c = p->chunks;
	if (!c || c->used == CHUNK_ENTRIES) {
		c = kmalloc(sizeof(*c));
		if (!c)
			return NULL;
		c->used = 0;
		c->next = p->chunks;
		p->chunks = c;
	}
	return &c->entries[c->used++];
}

static void poll_queue(struct poll_table *pt, struct file *f, struct wait_queue *q)
{
	struct poller *p = container_of(pt, struct poller, pt);
	struct poll_entry *e = poll_entry_get(p);
	if (!e) {
		p->error = -ENOMEM;
		return;
	}
	wait_entry_init(&e->wait);
	e->wait.fn = poll_wake;
	e->wait.data = p;
	e->queue = q;
	e->file = f;
	e->key = p->key;
	file_get(f);
	wait_add(q, &e->wait);
}

static void poller_init(struct poller *p)
{
	p->pt.queue = poll_queue;
	p->thread = current_thread();
	p->triggered = 0;
	p->error = 0;
	p->used = 0;
	p->chunks = NULL;
}

static void poll_entry_drop(struct poll_entry *e)
{
	wait_remove(e->queue, &e->wait);
	file_put(e->file);
}

static void poller_done(struct poller *p)
{
	for (u32 i = 0; i < p->used; i++)
		poll_entry_drop(&p->entries[i]);
	while (p->chunks) {
		struct poll_chunk *c = p->chunks;
		for (u32 i = 0; i < c->used; i++)
			poll_entry_drop(&c->entries[i]);
		p->chunks = c->next;
		kfree(c);
	}
}

/* Sleeps until triggered, the deadline (clock_mono() ns) or a signal. True: the deadline is over. */
static bool poller_sleep(struct poller *p, u64 deadline)
{
	bool over = false;
	set_current_state(TASK_INTERRUPTIBLE);
	if (!smp_load_acquire(&p->triggered)) {
		u64 now = deadline == FOREVER ? 0 : clock_mono();
		if (deadline == FOREVER)
			schedule_timeout(FOREVER);
		else
			over = now >= deadline || !schedule_timeout(deadline - now);
	}
	set_current_state(TASK_RUNNING);
	xchg(&p->triggered, 0);
	return over;
}

/* now + timeout, saturating; FOREVER stays. */
static u64 deadline_after(u64 ns)
{
	u64 now;
	if (ns == FOREVER)
		return FOREVER;
	now = clock_mono();
	return ns > FOREVER - 1 - now ? FOREVER - 1 : now + ns;
}

/* --- poll -------------------------------------------------------------------------------------------------------------------------------- */

/* revents of one pollfd; pt as for file_poll. */
static u32 poll_one(struct poller *p, struct pollfd *pfd, bool queue)
{
	struct file *f;
	u32 want = (u16)pfd->events | POLLERR | POLLHUP, mask;
	if (pfd->fd < 0)
		return 0;
	if (fd_get(pfd->fd, &f))
		return POLLNVAL;
	p->key = want;
	mask = file_poll(f, queue ? &p->pt : NULL);
	file_put(f);
	return mask & want;
}

/* Number of descriptors with events, 0, -ENOMEM, or -ERESTARTNOHAND after a signal. */
static long do_poll(struct pollfd *fds, u32 nfds, u64 deadline)
{
	struct poller p;
	bool over = deadline == 0, queue = !over;
	long count = 0;
	poller_init(&p);
	for (;;) {
		for (u32 i = 0; i < nfds; i++) {
			fds[i].revents = (s16)poll_one(&p, &fds[i], queue);
			if (fds[i].revents) {
				count++;
				queue = false; /* something to tell: there will be no sleep */
			}
		}
		queue = false;
		if (!count) {
			count = p.error;
			if (signal_pending())
				count = -ERESTARTNOHAND;
		}
		if (count || over)
			break;
		over = poller_sleep(&p, deadline);
	}
	poller_done(&p);
	return count;
}

/* deadline: clock_mono() ns, FOREVER, or 0 = only look. Like do_poll, and -EINVAL, -EFAULT. */
static long poll_user(u64 ufds, u64 nfds, u64 deadline)
{
	struct pollfd inline_fds[12], *fds = inline_fds;
	long ret;
	if (nfds > rlimit_cur(RLIMIT_NOFILE) || nfds > 1u << 20)
		return -EINVAL;
	if (nfds > ARRAY_SIZE(inline_fds)) {
		fds = kmalloc(nfds * sizeof(*fds));
		if (!fds)
			return -ENOMEM;
	}
	ret = copy_from_user(fds, ufds, nfds * sizeof(*fds));
	if (!ret) {
		ret = do_poll(fds, (u32)nfds, deadline);
		for (u32 i = 0; i < nfds; i++) {
			if (put_user(fds[i].revents, ufds + i * sizeof(*fds) + offsetof(struct pollfd, revents))) {
				ret = -EFAULT;
				break;
			}
		}
	}
	if (fds != inline_fds)
		kfree(fds);
	return ret;
}

static long poll_or_restart(u64 ufds, u64 nfds, u64 deadline)
{
	long ret = poll_user(ufds, nfds, deadline);
	if (ret != -ERESTARTNOHAND)
		return ret;
	hook_restart_poll(ufds, nfds, deadline);
	return -ERESTART_RESTARTBLOCK;
}

long poll_restart(u64 ufds, u64 nfds, u64 deadline) { return poll_or_restart(ufds, nfds, deadline); }

long sys_poll(u64 ufds, u64 nfds, u64 timeout)
{
	s32 ms = (s32)timeout;
	u64 deadline = ms < 0 ? FOREVER : ms == 0 ? 0 : deadline_after((u64)ms * 1000000);
	return poll_or_restart(ufds, (u32)nfds, deadline);
}

/* --- timeouts from and to user space ----------------------------------------------------------------------------------------------------- */

/* *deadline from a user timespec (0 = none: FOREVER). 0, -EFAULT, -EINVAL. */
static int deadline_from_timespec(u64 uts, u64 *deadline)
{
	struct __kernel_timespec ts;
	*deadline = FOREVER;
	if (!uts)
		return 0;
	if (get_user(ts, uts))
		return -EFAULT;
	if (!timespec_valid(&ts))
		return -EINVAL;
	*deadline = ts.tv_sec || ts.tv_nsec ? deadline_after(timespec_to_ns(&ts)) : 0;
	return 0;
}

static u64 time_left(u64 deadline)
{
	u64 now = clock_mono();
	return deadline > now ? deadline - now : 0;
}

/* Writes the time left, as Linux does after every call with a non-zero timeout. When that fails the call cannot be restarted as it was. */
static long finish_timespec(u64 uts, u64 deadline, long ret)
{
	if (!uts || !deadline)
		return ret;
	/* The time left is not told, so the call cannot go on with it. */
	if (current_thread()->personality & STICKY_TIMEOUTS)
		return ret == -ERESTARTNOHAND ? -EINTR : ret;
	struct __kernel_timespec ts = ns_to_timespec(deadline == FOREVER ? FOREVER : time_left(deadline));
	if (put_user(ts, uts) && ret == -ERESTARTNOHAND)
		return -EINTR;
	return ret;
}

long sys_ppoll(u64 ufds, u64 nfds, u64 uts, u64 umask, u64 size)
{
	u64 deadline;
	int err = deadline_from_timespec(uts, &deadline);
	if (!err)
		err = hook_set_user_sigmask(umask, size);
	if (err)
		return err;
	long ret = poll_user(ufds, (u32)nfds, deadline);
	hook_restore_sigmask_unless(ret == -ERESTARTNOHAND);
	return finish_timespec(uts, deadline, ret);
}

/* --- select ------------------------------------------------------------------------------------------------------------------------------ */

#define SELECT_IN (POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR | POLLNVAL)
#define SELECT_OUT (POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR | POLLNVAL)
#define SELECT_EX (POLLPRI | POLLNVAL)

/* Six bitmaps of `words` u64: asked in, out, except, then the results in the same order. */
struct select_sets {
	u32 n, words;
	u64 *asked[3], *result[3];
};

static const u32 select_events[3] = { SELECT_IN, SELECT_OUT, SELECT_EX };

/* Every descriptor asked about must be open. 0 or -EBADF. */
static int select_check(const struct select_sets *s)
{
	for (u32 fd = 0; fd < s->n; fd++) {
		u64 word = s->asked[0][fd / 64] | s->asked[1][fd / 64] | s->asked[2][fd / 64];
		struct file *f;
		if (!word) {
			fd |= 63;
			continue;
		}
		if (!(word >> (fd % 64) & 1))
			continue;
		if (fd_get((int)fd, &f))
			return -EBADF;
		file_put(f);
	}
	return 0;
}

/* Asks one descriptor for its three sets; sets result bits and returns how many. */
static long select_one(struct poller *p, struct select_sets *s, u32 fd, bool queue)
{
	u64 bit = 1UL << (fd % 64);
	u32 mask = POLLNVAL, w = fd / 64;
	long hits = 0;
	struct file *f;
	p->key = POLLERR | POLLHUP;
	for (int k = 0; k < 3; k++)
		if (s->asked[k][w] & bit)
			p->key |= select_events[k];
	if (!fd_get((int)fd, &f)) {
		mask = file_poll(f, queue ? &p->pt : NULL);
		file_put(f);
	}
	for (int k = 0; k < 3; k++) {
		if ((s->asked[k][w] & bit) && (mask & select_events[k])) {
			s->result[k][w] |= bit;
			hits++;
		}
	}
	return hits;
}

/* One round over all descriptors. */
static long select_scan(struct poller *p, struct select_sets *s, bool queue)
{
	long hits = 0;
	for (u32 fd = 0; fd < s->n; fd++) {
		u64 word = s->asked[0][fd / 64] | s->asked[1][fd / 64] | s->asked[2][fd / 64];
		if (!word) {
			fd |= 63;
			continue;
		}
		if (word >> (fd % 64) & 1)
			hits += select_one(p, s, fd, queue && !hits);
	}
	return hits;
}

/* Bits set, 0 at the deadline, -EBADF, -ENOMEM, -ERESTARTNOHAND. */
static long do_select(struct select_sets *s, u64 deadline)
{
	struct poller p;
	bool over = deadline == 0, queue = !over;
	long hits = select_check(s);
	if (hits)
		return hits;
	poller_init(&p);
	for (;;) {
		hits = select_scan(&p, s, queue);
		queue = false;
		if (hits || over)
			break;
		if (p.error) {
			hits = p.error;
			break;
		}
		if (signal_pending()) {
			hits = -ERESTARTNOHAND;
			break;
		}
		over = poller_sleep(&p, deadline);
	}
	poller_done(&p);
	if (!hits && signal_pending())
		return -ERESTARTNOHAND;
	return hits;
}

/* Descriptors beyond the largest one in use are silently left out, as Linux leaves out what is beyond its table. */
static u32 select_clip(s32 n)
{
	int top = -1;
	if (n <= 1024)
		return (u32)n;
	for (int fd = fdtable_next(current_thread()->files, 0); fd >= 0; fd = fdtable_next(current_thread()->files, fd + 1))
		top = fd;
	return (u32)min(n, max(1024, top + 1));
}

/* select with kernel-side timeout; sets are user addresses or 0. */
static long select_user(u64 un, const u64 usets[3], u64 deadline)
{
	u64 inline_words[6 * 4] = { 0 }, *mem = inline_words;
	struct select_sets s;
	long ret = 0;
	if ((s32)un < 0)
		return -EINVAL;
	s.n = select_clip((s32)un);
	s.words = (s.n + 63) / 64;
	if (s.words > 4) {
		mem = kzalloc(6 * s.words * sizeof(u64));
		if (!mem)
			return -ENOMEM;
	}
	for (u32 k = 0; k < 3; k++) {
		s.asked[k] = mem + k * s.words;
		s.result[k] = mem + (k + 3) * s.words;
		if (!ret && usets[k])
			ret = copy_from_user(s.asked[k], usets[k], s.words * sizeof(u64));
		if (s.n % 64)
			s.asked[k][s.words - 1] &= (1UL << (s.n % 64)) - 1;
	}
	if (!ret)
		ret = do_select(&s, deadline);
	for (int k = 0; k < 3 && ret >= 0; k++)
		if (usets[k] && copy_to_user(usets[k], s.result[k], s.words * sizeof(u64)))
			ret = -EFAULT;
	if (mem != inline_words)
		kfree(mem);
	return ret;
}

long sys_select(u64 n, u64 in, u64 out, u64 ex, u64 utv)
{
	const u64 sets[3] = { in, out, ex };
	struct { s64 sec, usec; } tv;
	u64 deadline = FOREVER;
	if (utv) {
		if (get_user(tv, utv))
			return -EFAULT;
		/* as Linux: whole seconds in the microseconds are carried over */
		struct __kernel_timespec ts = { tv.sec + tv.usec / 1000000, tv.usec % 1000000 * 1000 };
		if (!timespec_valid(&ts))
			return -EINVAL;
		deadline = ts.tv_sec || ts.tv_nsec ? deadline_after(timespec_to_ns(&ts)) : 0;
	}
	long ret = select_user(n, sets, deadline);
	if (!utv || !deadline)
		return ret;
	if (current_thread()->personality & STICKY_TIMEOUTS)
		return ret == -ERESTARTNOHAND ? -EINTR : ret;
	u64 left = time_left(deadline);
	tv.sec = (s64)(left / NSEC_PER_SEC);
	tv.usec = (s64)(left % NSEC_PER_SEC / 1000);
	if (put_user(tv, utv) && ret == -ERESTARTNOHAND)
		return -EINTR;
	return ret;
}

long sys_pselect6(u64 n, u64 in, u64 out, u64 ex, u64 uts, u64 usig)
{
	const u64 sets[3] = { in, out, ex };
	struct { u64 mask, size; } sig = { 0, 0 };
	u64 deadline;
	if (usig && get_user(sig, usig))
		return -EFAULT;
	int err = deadline_from_timespec(uts, &deadline);
	if (!err)
		err = hook_set_user_sigmask(sig.mask, sig.size);
	if (err)
		return err;
	long ret = select_user(n, sets, deadline);
	hook_restore_sigmask_unless(ret == -ERESTARTNOHAND);
	return finish_timespec(uts, deadline, ret);
}
