/*
 * The files of /sys/kernel/tracing that take records from the rings: trace_pipe as lines, per_cpu/cpuN/trace_pipe_raw as pages of Linux's ring buffer, which
 * trace-cmd stores. Records are written where nobody can be woken, so who waits looks again in a while. Entry points: tracefs_pipe_ops, tracefs_raw_ops.
 */
#include <linux/eventpoll.h>
#include <linux/fcntl.h>

#include "fs/sysfs.h"
#include "fs/tracefs.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "sched/timer.h"
#include "sched/wait.h"
#include "vfs/file.h"
#include "vfs/poll.h"
#include "vfs/vfs.h"

#define LOOK_NS (NSEC_PER_SEC / 50)

/* An open file. */
struct pipe_reader {
	struct text t; /* tracefs_lock: lines or a page, made and not yet read */
	u32 cpus; /* constant: bit per CPU */
};

static struct wait_queue pollers = WAIT_QUEUE_INIT(pollers);
static void look_again(struct timer *t) { wake_up_all(&pollers); }
static struct timer look_timer = { .fn = look_again };

static int pipe_open(struct inode *i, struct file *f)
{
	struct pipe_reader *r = kzalloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->cpus = (u32)(u64)sysfs_data(i);
	f->private = r;
	return 0;
}

static void pipe_release(struct file *f)
{
	struct pipe_reader *r = f->private;
	text_free(&r->t);
	kfree(r);
}

static u32 pipe_poll(struct file *f, struct poll_table *pt)
{
	const struct pipe_reader *r = f->private;
	poll_wait(f, &pollers, pt);
	if (READ_ONCE(r->t.len))
		return EPOLLIN | EPOLLRDNORM;
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		if ((r->cpus >> cpu & 1) && trace_ring_used(trace_sink_ring(TRACE_SINK_GUEST, cpu)))
			return EPOLLIN | EPOLLRDNORM;
	timer_arm(&look_timer, clock_mono() + LOOK_NS);
	return 0;
}

/* What was made but not read yet goes first. */
static ssize_t give(struct text *t, struct iter *to)
{
	size_t n = iter_copy_to(to, t->buf, min(to->count, t->len));
	if (!n)
		return -EFAULT;
	memmove(t->buf, t->buf + n, t->len - n);
	t->len -= n;
	return (ssize_t)n;
}

/* Waits until make() has made something. */
static ssize_t read_made(struct file *f, struct iter *to, void (*make)(struct pipe_reader *r))
{
	struct pipe_reader *r = f->private;
	if (!to->count)
		return 0;
	for (;;) {
		ssize_t n = 0;
		mutex_lock(&tracefs_lock);
		if (!r->t.len)
			make(r);
		if (r->t.len)
			n = give(&r->t, to);
		else if (r->t.failed)
			n = -ENOMEM;
		mutex_unlock(&tracefs_lock);
		if (n)
			return n;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		set_current_state(TASK_INTERRUPTIBLE);
		schedule_timeout(LOOK_NS);
		if (signal_pending())
			return -ERESTARTSYS;
	}
}

/* --- lines -------------------------------------------------------------------------------------------------------------------------------- */

/* => tracefs_lock. Takes records until there are lines to show. */
static void make_lines(struct pipe_reader *r)
{
	u64 pos[NR_CPUS] = { 0 };
	s32 cpu;
	while (r->t.len < 4096 && !r->t.failed && (cpu = tracefs_next(pos, r->cpus)) >= 0) {
		trace_text_record(&r->t, (u32)cpu, (const void *)tracefs_record, tracefs_enabled());
		tracefs_take((u32)cpu);
	}
}
static ssize_t pipe_read(struct file *f, struct iter *to, u64 *pos) { return read_made(f, to, make_lines); }

const struct file_ops tracefs_pipe_ops = { .open = pipe_open, .read = pipe_read, .poll = pipe_poll, .release = pipe_release };

/* --- pages -------------------------------------------------------------------------------------------------------------------------------- */

#define PAGE_HEAD 16u
#define TYPE_TIME_EXTEND 30u
#define DELTA_BITS 27u
#define DATA_SMALL 112u /* longer events have their length in front */
#define MISSED_EVENTS (1u << 31) /* of the page's commit: events were lost before it ... */
#define MISSED_STORED (1u << 30) /* ... and how many stands behind the last one */

struct raw_page {
	u8 *at; /* PAGE_SIZE bytes */
	u32 len; /* of the events so far */
	u64 ts; /* of the last one */
	u64 missed; /* before the first one */
};

static void put32(struct raw_page *p, u32 v)
{
	memcpy(p->at + PAGE_HEAD + p->len, &v, sizeof(v));
	p->len += (u32)sizeof(v);
}

/* One event with the time since the last. False: it does not fit, and nothing was written. */
static bool put_event(struct raw_page *p, u64 ts, const u8 *event, u32 len)
{
	u64 delta = p->len ? ts - min(ts, p->ts) : 0;
	bool far = delta >> DELTA_BITS, large = len > DATA_SMALL;
	if (p->len + len + 4 + (far ? 8 : 0) + (large ? 4 : 0) + sizeof(u64) > TRACEFS_PAGE_DATA)
		return false;
	if (!p->len)
		memcpy(p->at, &ts, sizeof(ts));
	if (far) {
		put32(p, TYPE_TIME_EXTEND | (u32)delta << 5);
		put32(p, (u32)(delta >> DELTA_BITS));
		delta = 0;
	}
	put32(p, (large ? 0 : len / 4) | (u32)delta << 5);
	if (large)
		put32(p, len + 4);
	memcpy(p->at + PAGE_HEAD + p->len, event, len);
	p->len += len;
	p->ts = ts;
	return true;
}

/* All events of the record at hand, or none. */
static bool put_record(struct raw_page *p, u32 cpu, const struct trace_head *h)
{
	static u8 buf[TRACE_EVENT_MAX] __aligned(8); /* tracefs_lock */
	struct raw_page before = *p;
	for (u32 i = 0; i <= TRACE_EVENT_MARK; i++) {
		if (!(tracefs_enabled() >> i & 1) || !trace_event_is(i, h))
			continue;
		if (!put_event(p, h->ts, buf, trace_event_pack(i, cpu, h, buf))) {
			*p = before;
			return false;
		}
	}
	return true;
}

/* Fills the page with what fits of a CPU's records, and takes those. A gap begins a page. */
static void fill_page(struct raw_page *p, u32 cpu)
{
	const struct trace_head *h = (const void *)tracefs_record;
	u64 pos[NR_CPUS] = { 0 };
	while (tracefs_next(pos, 1u << cpu) >= 0) {
		if (h->type == TRACE_gap) {
			if (p->len)
				return;
			p->missed += ((const struct trace_gap *)h)->lost;
		} else if (!put_record(p, cpu, h)) {
			return;
		}
		tracefs_take(cpu);
	}
}

/* => tracefs_lock */
static void make_page(struct pipe_reader *r)
{
	struct raw_page p = { .at = (u8 *)text_room(&r->t, PAGE_SIZE) };
	u32 cpu = 0;
	while (!(r->cpus >> cpu & 1))
		cpu++;
	if (!p.at)
		return;
	memset(p.at, 0, PAGE_SIZE);
	fill_page(&p, cpu);
	if (!p.len && !p.missed)
		return;
	u64 commit = p.len | (p.missed ? MISSED_EVENTS | MISSED_STORED : 0);
	memcpy(p.at + 8, &commit, sizeof(commit));
	if (p.missed)
		memcpy(p.at + PAGE_HEAD + p.len, &p.missed, sizeof(p.missed));
	r->t.len = PAGE_SIZE;
}
static ssize_t raw_read(struct file *f, struct iter *to, u64 *pos) { return read_made(f, to, make_page); }

const struct file_ops tracefs_raw_ops = { .open = pipe_open, .read = raw_read, .poll = pipe_poll, .release = pipe_release };
