/*
 * The files of /sys/kernel/tracing, with Linux's names and texts: trace, trace_pipe, tracing_on, set_event, available_events, events/SYSTEM/EVENT/enable and
 * format, and the few that programs look for. They are there in sysfs, made when somebody first looks, and as the file system tracefs for who mounts it.
 * The sink's rings keep the oldest records: when they are full, later ones are lost and counted until somebody reads or clears them.
 */
#include "fs/tracefs.h"

#include <linux/fcntl.h>
#include <linux/magic.h>

#include "fs/sysfs.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "proc/proc.h"
#include "trace/ring.h"
#include "vfs/file.h"
#include "vfs/vfs.h"

#define RING_ORDER 6u
#define COMMAND_MAX 256u
#define LOOK_NS (NSEC_PER_SEC / 50)

static DEFINE_MUTEX(trace_lock, RANK_TRUNCATE); /* readers, what is enabled, names */
static u32 enabled;                 /* trace_lock: bit per text event */
static bool tracing_on = true;      /* trace_lock */
static bool have_rings;             /* trace_lock */
static u8 record[TRACE_RECORD_MAX] __aligned(8); /* trace_lock: the one at hand */

/* --- what is recorded --------------------------------------------------------------------------------------------------------------------- */

/* => trace_lock */
static int make_rings(void)
{
	if (have_rings)
		return 0;
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		if (trace_sink_ring(TRACE_SINK_GUEST, cpu)->data)
			continue;
		struct page *p = alloc_pages(RING_ORDER, PAGE_KERNEL);
		if (!p)
			return -ENOMEM;
		trace_sink_memory(TRACE_SINK_GUEST, cpu, page_virt(p), PAGE_SIZE << RING_ORDER);
	}
	trace_text_start();
	have_rings = true;
	return 0;
}

/* => trace_lock. The kernel records what the enabled texts are made of. */
static int apply(void)
{
	u32 records = 0;
	for (u32 i = 0; i < trace_text_count; i++)
		if (enabled >> i & 1)
			records |= 1u << trace_text_events[i].record;
	int err = records ? make_rings() : 0;
	if (!err)
		trace_sink_enable(TRACE_SINK_GUEST, tracing_on && records ? records | TRACE_TEXT_NAMES : 0, false);
	return err;
}

/* A name between ':' and the end, or all of it. */
static bool part_is(const char *s, size_t n, const char *name) { return (n == 1 && *s == '*') || (strlen(name) == n && !memcmp(s, name, n)); }

/* "sys:event", "sys:*", "*:*", "sys", "event". The mask, 0 when nothing is called so. */
static u32 events_named(const char *s)
{
	const char *colon = strchr(s, ':');
	u32 mask = 0;
	for (u32 i = 0; i < trace_text_count; i++) {
		const struct trace_text_event *e = &trace_text_events[i];
		bool hit = colon ? part_is(s, (size_t)(colon - s), e->system) && (!colon[1] || part_is(colon + 1, strlen(colon + 1), e->name)) :
				   part_is(s, strlen(s), e->system) || part_is(s, strlen(s), e->name);
		if (hit)
			mask |= 1u << i;
	}
	return mask;
}

/* --- reading records ---------------------------------------------------------------------------------------------------------------------- */

/* => trace_lock. The CPU whose next record (from pos[cpu] on) is the oldest, -1: none waits. */
static s32 oldest(const u64 *pos)
{
	s32 best = -1;
	u64 when = 0;
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		const struct trace_ring *r = trace_sink_ring(TRACE_SINK_GUEST, cpu);
		u64 p = pos[cpu];
		if (!r->data || !trace_ring_peek(r, &p, record))
			continue;
		u64 ts = ((const struct trace_head *)record)->ts;
		if (best < 0 || ts < when) {
			best = (s32)cpu;
			when = ts;
		}
	}
	return best;
}

/* lines: those that follow */
static void put_header(struct text *t, u64 lines)
{
	u64 lost = 0;
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		lost += trace_sink_ring(TRACE_SINK_GUEST, cpu)->all_lost;
	text_printf(t, "# tracer: nop\n#\n# entries-in-buffer/entries-written: %lu/%lu   #P:%u\n#\n", lines, lines + lost, nr_cpus);
	text_puts(t, "#                                _-----=> irqs-off/BH-disabled\n#                               / _----=> need-resched\n"
		     "#                              | / _---=> hardirq/softirq\n#                              || / _--=> preempt-depth\n"
		     "#                              ||| / _-=> migrate-disable\n#                              |||| /     delay\n"
		     "#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n#              | |         |   |||||     |         |\n");
}

/* All that waits, without taking it. */
static void put_trace(struct text *t)
{
	struct text body = { 0 };
	u64 pos[NR_CPUS] = { 0 }, lines = 0;
	s32 cpu;
	while (!body.failed && (cpu = oldest(pos)) >= 0) {
		trace_ring_peek(trace_sink_ring(TRACE_SINK_GUEST, (u32)cpu), &pos[cpu], record);
		trace_text_record(&body, (u32)cpu, (const void *)record, enabled);
	}
	for (size_t i = 0; i < body.len; i++)
		lines += body.buf[i] == '\n';
	put_header(t, lines);
	text_put(t, body.buf, body.len);
	text_free(&body);
}

/* => trace_lock. Takes records until there are lines to show. */
static void take_lines(struct text *t)
{
	static const u64 from_tail[NR_CPUS];
	s32 cpu;
	while (t->len < 4096 && (cpu = oldest(from_tail)) >= 0) {
		trace_ring_get_record(trace_sink_ring(TRACE_SINK_GUEST, (u32)cpu), record);
		trace_text_record(t, (u32)cpu, (const void *)record, enabled);
	}
}

static void clear_all(void)
{
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		struct trace_ring *r = trace_sink_ring(TRACE_SINK_GUEST, cpu);
		if (r->data)
			trace_ring_clear(r);
	}
}

/* --- files whose text is made when they are opened ------------------------------------------------------------------------------------------ */

enum knob { KNOB_TRACE, KNOB_ON, KNOB_SET_EVENT, KNOB_ENABLE, KNOB_FORMAT, KNOB_ID, KNOB_AVAILABLE, KNOB_FIXED };
/* What a node is about: kind in the low byte; above it a mask of events, an event, or a text. */
static void *knob(enum knob kind, u64 arg) { return (void *)(arg << 8 | kind); }
static enum knob kind_of(const struct file *f) { return (enum knob)((u64)sysfs_data(f->inode) & 0xff); }
static u64 arg_of(const struct file *f) { return (u64)sysfs_data(f->inode) >> 8; }

static const char *const fixed_texts[] = { "nop\n", "nop\n", "local global [mono] boot\n", "256\n", "0\n",
	"tracing of Pando: like Linux's ftrace events, without tracers.\nset_event, events/*/enable: what is recorded. trace, trace_pipe: what was. docs/trace.md\n" };

static void show_enabled(struct text *t, u32 mask)
{
	text_puts(t, !(enabled & mask) ? "0\n" : (enabled & mask) == mask ? "1\n" : "X\n");
}

static void list_events(struct text *t, u32 mask)
{
	for (u32 i = 0; i < trace_text_count; i++)
		if (mask >> i & 1)
			text_printf(t, "%s:%s\n", trace_text_events[i].system, trace_text_events[i].name);
}

/* => trace_lock */
static void show(struct text *t, enum knob kind, u64 arg)
{
	switch (kind) {
	case KNOB_TRACE: put_trace(t); break;
	case KNOB_ON: text_puts(t, tracing_on ? "1\n" : "0\n"); break;
	case KNOB_SET_EVENT: list_events(t, enabled); break;
	case KNOB_ENABLE: show_enabled(t, (u32)arg); break;
	case KNOB_FORMAT: trace_text_format(t, (u32)arg); break;
	case KNOB_ID: text_printf(t, "%u\n", 300 + (u32)arg); break;
	case KNOB_AVAILABLE: list_events(t, ~0u); break;
	case KNOB_FIXED: text_puts(t, fixed_texts[arg]); break;
	}
}

/* Truncation is how a shell's > begins: it empties the trace and forgets the set of events. => trace_lock */
static int truncated(enum knob kind)
{
	if (kind == KNOB_TRACE)
		clear_all();
	if (kind != KNOB_SET_EVENT)
		return 0;
	enabled = 0;
	return apply();
}

static int knob_open(struct inode *i, struct file *f)
{
	struct text *t = kzalloc(sizeof(*t));
	int err = 0;
	if (!t)
		return -ENOMEM;
	mutex_lock(&trace_lock);
	if (file_writable(f) && (f->flags & O_TRUNC))
		err = truncated(kind_of(f));
	if (!err && file_readable(f))
		show(t, kind_of(f), arg_of(f));
	mutex_unlock(&trace_lock);
	if (err)
		kfree(t);
	else
		f->private = t;
	return err;
}

static ssize_t knob_read(struct file *f, struct iter *to, u64 *pos) { return text_read(f->private, to, pos); }

static void knob_release(struct file *f)
{
	text_free(f->private);
	kfree(f->private);
}

/* => trace_lock. Words of set_event: a name, or one with '!' that takes it back. */
static int set_events(char *s)
{
	while (*s) {
		char *end = s;
		while (*end && *end != ' ' && *end != '\n' && *end != ',')
			end++;
		bool more = *end != 0;
		*end = 0;
		u32 mask = events_named(s + (*s == '!'));
		if (*s && !mask)
			return -EINVAL;
		enabled = *s == '!' ? enabled & ~mask : enabled | mask;
		s = end + more;
	}
	return 0;
}

/* => trace_lock */
static int store(enum knob kind, u64 arg, char *s)
{
	bool on = s[0] == '1', off = s[0] == '0';
	switch (kind) {
	case KNOB_TRACE:
		return 0;
	case KNOB_ON:
	case KNOB_ENABLE:
		if ((!on && !off) || (s[1] && s[1] != '\n'))
			return -EINVAL;
		if (kind == KNOB_ON)
			tracing_on = on;
		else
			enabled = on ? enabled | (u32)arg : enabled & ~(u32)arg;
		return apply();
	case KNOB_SET_EVENT: {
		int err = set_events(s);
		return err ? err : apply();
	}
	default:
		return str_starts(s, "nop") || str_starts(s, "mono") ? 0 : -EINVAL;
	}
}

static ssize_t knob_write(struct file *f, struct iter *from, u64 *pos)
{
	char buf[COMMAND_MAX];
	size_t want = from->count;
	if (want >= sizeof(buf))
		return -EINVAL;
	if (iter_copy_from(from, buf, want) != want)
		return -EFAULT;
	buf[want] = 0;
	mutex_lock(&trace_lock);
	int err = store(kind_of(f), arg_of(f), buf);
	mutex_unlock(&trace_lock);
	*pos += want;
	return err ? err : (ssize_t)want;
}

static s64 knob_llseek(struct file *f, s64 off, int whence) { return generic_llseek(f, off, whence, 0, 1UL << 62); }

static const struct file_ops knob_ops = { .open = knob_open, .read = knob_read, .write = knob_write, .llseek = knob_llseek, .release = knob_release };

/* --- trace_pipe: waits for lines and takes them --------------------------------------------------------------------------------------------- */

static int pipe_open(struct inode *i, struct file *f)
{
	struct text *t = kzalloc(sizeof(*t));
	f->private = t;
	return t ? 0 : -ENOMEM;
}

/* Lines that were made but not read yet go first. */
static ssize_t give(struct text *t, struct iter *to)
{
	size_t n = iter_copy_to(to, t->buf, min(to->count, t->len));
	if (!n)
		return -EFAULT;
	memmove(t->buf, t->buf + n, t->len - n);
	t->len -= n;
	return (ssize_t)n;
}

static ssize_t pipe_read(struct file *f, struct iter *to, u64 *pos)
{
	struct text *t = f->private;
	if (!to->count)
		return 0;
	for (;;) {
		ssize_t n = 0;
		mutex_lock(&trace_lock);
		if (!t->len)
			take_lines(t);
		if (t->len)
			n = give(t, to);
		bool over = !n && !tracing_on;
		mutex_unlock(&trace_lock);
		if (n || over)
			return n;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		/* Records are written where nobody can be woken, so it looks again in a while. */
		set_current_state(TASK_INTERRUPTIBLE);
		schedule_timeout(LOOK_NS);
		if (signal_pending())
			return -ERESTARTSYS;
	}
}

static const struct file_ops pipe_ops = { .open = pipe_open, .read = pipe_read, .release = knob_release };

/* --- the tree ----------------------------------------------------------------------------------------------------------------------------- */

static void add_event(u32 i, u32 of_system)
{
	const struct trace_text_event *e = &trace_text_events[i];
	char path[96];
	format_str(path, sizeof(path), "kernel/tracing/events/%s", e->system);
	/* The first of its system. */
	if ((of_system & (0u - of_system)) == 1u << i)
		sysfs_special(sysfs_dir(path), "enable", 0644, &knob_ops, knob(KNOB_ENABLE, of_system));
	format_str(path, sizeof(path), "kernel/tracing/events/%s/%s", e->system, e->name);
	struct sysfs_node *d = sysfs_dir(path);
	sysfs_special(d, "enable", 0644, &knob_ops, knob(KNOB_ENABLE, 1u << i));
	sysfs_special(d, "format", 0444, &knob_ops, knob(KNOB_FORMAT, i));
	sysfs_special(d, "id", 0444, &knob_ops, knob(KNOB_ID, i));
}

static void fill(struct sysfs_node *d)
{
	static const char *const fixed[] = { "current_tracer", "available_tracers", "trace_clock", "buffer_size_kb", "tracing_thresh", "README" };
	sysfs_special(d, "trace", 0644, &knob_ops, knob(KNOB_TRACE, 0));
	sysfs_special(d, "trace_pipe", 0444, &pipe_ops, NULL);
	sysfs_special(d, "tracing_on", 0644, &knob_ops, knob(KNOB_ON, 0));
	sysfs_special(d, "set_event", 0644, &knob_ops, knob(KNOB_SET_EVENT, 0));
	sysfs_special(d, "available_events", 0444, &knob_ops, knob(KNOB_AVAILABLE, 0));
	for (u32 i = 0; i < ARRAY_SIZE(fixed); i++)
		sysfs_special(d, fixed[i], i == 0 || i == 2 ? 0644 : 0444, &knob_ops, knob(KNOB_FIXED, i));
	sysfs_special(sysfs_dir("kernel/tracing/events"), "enable", 0644, &knob_ops, knob(KNOB_ENABLE, (1u << trace_text_count) - 1));
	for (u32 i = 0; i < trace_text_count; i++) {
		char system[32];
		format_str(system, sizeof(system), "%s:*", trace_text_events[i].system);
		add_event(i, events_named(system));
	}
}

static struct super *the_super; /* super_lock; kept for good */
static DEFINE_MUTEX(super_lock, RANK_TRUNCATE);
static struct fs_type tracefs_type;

static int tracefs_mount(const struct fs_type *type, const char *source, const char *data, struct super **out)
{
	mutex_lock(&super_lock);
	int r = the_super ? 0 : sysfs_subtree(&tracefs_type, sysfs_dir("kernel/tracing"), TRACEFS_MAGIC, &the_super);
	if (!r) {
		super_get(the_super);
		*out = the_super;
	}
	mutex_unlock(&super_lock);
	return r;
}
static struct fs_type tracefs_type = { .name = "tracefs", .nodev = true, .mount = tracefs_mount };

void tracefs_init(void)
{
	register_filesystem(&tracefs_type);
	sysfs_lazy_dir("kernel/tracing", fill);
}
