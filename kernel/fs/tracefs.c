/*
 * The files of /sys/kernel/tracing that show or change what is recorded, with Linux's names and texts: trace, tracing_on, set_event, available_events,
 * events/SYSTEM/EVENT/enable and format, trace_marker, per_cpu, and the few that programs look for. They are there in sysfs, made when somebody first looks,
 * and as the file system tracefs for who mounts it. The sink's rings keep the oldest records: when they are full, later ones are lost and counted until
 * somebody reads or clears them.
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
#define RING_KIB ((PAGE_SIZE << RING_ORDER) / 1024)
#define MARK_MAX 1024u
#define COMMAND_MAX 256u

DEFINE_MUTEX(tracefs_lock, RANK_TRACEFS); /* readers, what is enabled, names */
static u32 enabled; /* tracefs_lock: bit per text event */
static bool tracing_on = true; /* tracefs_lock */
static bool have_rings; /* tracefs_lock */
u8 tracefs_record[TRACE_RECORD_MAX] __aligned(8);
static u64 learned[NR_CPUS]; /* tracefs_lock: up to where in each ring names are known */
static u64 taken[NR_CPUS]; /* tracefs_lock: records that were read and are gone */

/* --- what is recorded --------------------------------------------------------------------------------------------------------------------- */

/* => tracefs_lock */
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
	have_rings = true;
	return 0;
}

/* => tracefs_lock. The kernel records what the enabled texts are made of. */
static int apply(void)
{
	int err = enabled ? make_rings() : 0;
	u32 records = tracing_on && have_rings ? trace_events_needed(enabled) : 0;
	if (err)
		return err;
	if (records && !trace_sink_events(TRACE_SINK_GUEST))
		trace_events_start();
	trace_sink_enable(TRACE_SINK_GUEST, records, false);
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
		bool hit = colon ? part_is(s, (size_t)(colon - s), e->system) && (!colon[1] || part_is(colon + 1, strlen(colon + 1), e->name))
						 : part_is(s, strlen(s), e->system) || part_is(s, strlen(s), e->name);
		if (hit)
			mask |= 1u << i;
	}
	return mask;
}

/* --- reading records ---------------------------------------------------------------------------------------------------------------------- */

u32 tracefs_enabled(void) { return enabled | 1u << TRACE_EVENT_MARK; }

/* The CPU in the mask whose next record, from pos[cpu] on, is the oldest; that record in buf. -1: none waits. */
static s32 oldest(const u64 *pos, u32 cpus, u8 *buf)
{
	s32 best = -1;
	u64 when = 0, p;
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		const struct trace_ring *r = trace_sink_ring(TRACE_SINK_GUEST, cpu);
		p = pos[cpu];
		if (!(cpus >> cpu & 1) || !r->data || !trace_ring_peek(r, &p, buf))
			continue;
		u64 ts = ((const struct trace_head *)buf)->ts;
		if (best < 0 || ts < when) {
			best = (s32)cpu;
			when = ts;
		}
	}
	p = best < 0 ? 0 : pos[best];
	if (best >= 0)
		trace_ring_peek(trace_sink_ring(TRACE_SINK_GUEST, (u32)best), &p, buf);
	return best;
}

/* Learns names from the records before ts, and from those of `cpu` before pos. */
static void learn_before(u64 ts, u32 cpu, u64 pos)
{
	static u8 buf[TRACE_RECORD_MAX] __aligned(8);
	const struct trace_head *h = (const void *)buf;
	s32 c;
	while ((c = oldest(learned, ~0u, buf)) >= 0) {
		if (h->ts > ts || (h->ts == ts && !((u32)c == cpu && learned[c] < pos)))
			return;
		trace_events_learn(h);
		trace_ring_peek(trace_sink_ring(TRACE_SINK_GUEST, (u32)c), &learned[c], buf);
	}
}

s32 tracefs_next(u64 *pos, u32 cpus)
{
	s32 cpu = oldest(pos, cpus, tracefs_record);
	u64 at;
	if (cpu < 0)
		return cpu;
	trace_ring_peek(trace_sink_ring(TRACE_SINK_GUEST, (u32)cpu), &pos[cpu], tracefs_record);
	at = pos[cpu] - ((const struct trace_head *)tracefs_record)->size;
	learn_before(((const struct trace_head *)tracefs_record)->ts, (u32)cpu, at);
	return cpu;
}

void tracefs_take(u32 cpu)
{
	struct trace_ring *r = trace_sink_ring(TRACE_SINK_GUEST, cpu);
	u64 pos = 0;
	trace_ring_peek(r, &pos, tracefs_record);
	learn_before(((const struct trace_head *)tracefs_record)->ts, cpu, pos);
	trace_ring_get_record(r, tracefs_record);
	taken[cpu]++;
}

/* lines: those that follow */
static void put_header(struct text *t, u64 lines, u32 cpus)
{
	u64 lost = 0;
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		if (cpus >> cpu & 1)
			lost += trace_sink_ring(TRACE_SINK_GUEST, cpu)->all_lost;
	text_printf(t, "# tracer: nop\n#\n# entries-in-buffer/entries-written: %lu/%lu   #P:%u\n#\n", lines, lines + lost, nr_cpus);
	text_puts(t, "#                                _-----=> irqs-off/BH-disabled\n#                               / _----=> need-resched\n"
				 "#                              | / _---=> hardirq/softirq\n#                              || / _--=> preempt-depth\n"
				 "#                              ||| / _-=> migrate-disable\n#                              |||| /     delay\n"
				 "#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n#              | |         |   |||||     |         |\n");
}

/* All that waits on these CPUs, without taking it. */
static void put_trace(struct text *t, u32 cpus)
{
	struct text body = { 0 };
	u64 pos[NR_CPUS] = { 0 }, lines = 0;
	s32 cpu;

	memset(learned, 0, sizeof(learned));
	while (!body.failed && (cpu = tracefs_next(pos, cpus)) >= 0) {
		trace_text_record(&body, (u32)cpu, (const void *)tracefs_record, tracefs_enabled());
	}
	for (size_t i = 0; i < body.len; i++)
		lines += body.buf[i] == '\n';
	put_header(t, lines, cpus);
	text_put(t, body.buf, body.len);
	text_free(&body);
}

static void put_seconds(struct text *t, const char *what, u64 ns)
{
	text_printf(t, "%s: %5lu.%06lu\n", what, ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / 1000);
}

static void put_stats(struct text *t, u32 cpu)
{
	struct trace_ring *r = trace_sink_ring(TRACE_SINK_GUEST, cpu);
	u64 pos = 0, n = 0, oldest = 0;
	while (r->data && trace_ring_peek(r, &pos, tracefs_record))
		if (!n++)
			oldest = ((const struct trace_head *)tracefs_record)->ts;
	text_printf(t, "entries: %lu\noverrun: 0\ncommit overrun: 0\nbytes: %lu\n", n, trace_ring_used(r));
	put_seconds(t, "oldest event ts", oldest);
	put_seconds(t, "now ts", clock_mono());
	text_printf(t, "dropped events: %lu\nread events: %lu\n", r->all_lost, taken[cpu]);
}

static void clear_rings(u32 cpus)
{
	learn_before(~0UL, 0, 0);
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		struct trace_ring *r = trace_sink_ring(TRACE_SINK_GUEST, cpu);
		if ((cpus >> cpu & 1) && r->data)
			trace_ring_clear(r);
	}
}

/* --- files whose text is made when they are opened ------------------------------------------------------------------------------------------ */

enum knob {
	KNOB_TRACE,
	KNOB_ON,
	KNOB_SET_EVENT,
	KNOB_ENABLE,
	KNOB_FORMAT,
	KNOB_ID,
	KNOB_AVAILABLE,
	KNOB_FILTER,
	KNOB_NAMES,
	KNOB_STATS,
	KNOB_SIZE,
	KNOB_FIXED
};
/* What a node is about: kind in the low byte; above it a mask of events or of CPUs, an event, a CPU, or a text. */
static void *knob(enum knob kind, u64 arg) { return (void *)(arg << 8 | kind); }
static enum knob kind_of(const struct file *f) { return (enum knob)((u64)sysfs_data(f->inode) & 0xff); }
static u64 arg_of(const struct file *f) { return (u64)sysfs_data(f->inode) >> 8; }

/* Files that always read the same, by name. */
static const struct {
	const char *name;
	u32 mode;
	const char *text;
} fixed[] = {
	{ "current_tracer", 0644, "nop\n" },
	{ "available_tracers", 0444, "nop\n" },
	{ "trace_clock", 0644, "[mono]\n" },
	{ "README", 0444,
		"tracing of Pando: like Linux's ftrace events, without tracers.\nset_event, events/*/enable: what is recorded. trace, trace_pipe: what was. "
		"docs/trace.md\n" },
	{ "printk_formats", 0444, "" },
	{ "trace_options", 0444, "print-parent\ncontext-info\nrecord-cmd\nnorecord-tgid\nnooverwrite\nirq-info\n" },
	{ "events/header_page", 0444,
		"\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
		"\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n\tfield: char data;\toffset:16;\tsize:4080;\tsigned:0;\n" },
	{ "events/header_event", 0444,
		"# compressed entry header\n\ttype_len    :    5 bits\n\ttime_delta  :   27 bits\n\tarray       :   32 bits\n\n"
		"\tpadding     : type == 29\n\ttime_extend : type == 30\n\ttime_stamp : type == 31\n\tdata max type_len  == 28\n" },
};
_Static_assert(TRACEFS_PAGE_DATA == 4080, "header_page");

static void show_enabled(struct text *t, u32 mask) { text_puts(t, !(enabled & mask) ? "0\n" : (enabled & mask) == mask ? "1\n" : "X\n"); }

static void list_events(struct text *t, u32 mask)
{
	for (u32 i = 0; i < trace_text_count; i++)
		if (mask >> i & 1)
			text_printf(t, "%s:%s\n", trace_text_events[i].system, trace_text_events[i].name);
}

/* => tracefs_lock */
static void show(struct text *t, enum knob kind, u64 arg)
{
	switch (kind) {
	case KNOB_TRACE:
		put_trace(t, (u32)arg);
		break;
	case KNOB_ON:
		text_puts(t, tracing_on ? "1\n" : "0\n");
		break;
	case KNOB_SET_EVENT:
		list_events(t, enabled);
		break;
	case KNOB_ENABLE:
		show_enabled(t, (u32)arg);
		break;
	case KNOB_FORMAT:
		trace_text_format(t, (u32)arg);
		break;
	case KNOB_ID:
		text_printf(t, "%u\n", TRACE_EVENT_ID((u32)arg));
		break;
	case KNOB_AVAILABLE:
		list_events(t, ~0u);
		break;
	case KNOB_FILTER:
		text_puts(t, arg ? "### global filter ###\n# Events are not filtered here: only 0 can be written.\n" : "none\n");
		break;
	case KNOB_NAMES:
		trace_events_names(t);
		break;
	case KNOB_STATS:
		put_stats(t, (u32)arg);
		break;
	case KNOB_SIZE:
		text_printf(t, "%lu\n", RING_KIB * arg);
		break;
	case KNOB_FIXED:
		text_puts(t, fixed[arg].text);
		break;
	}
}

/* Truncation is how a shell's > begins: it empties the trace and forgets the set of events. => tracefs_lock */
static int truncated(enum knob kind, u64 arg)
{
	if (kind == KNOB_TRACE)
		clear_rings((u32)arg);
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
	mutex_lock(&tracefs_lock);
	if (file_writable(f) && (f->flags & O_TRUNC))
		err = truncated(kind_of(f), arg_of(f));
	if (!err && file_readable(f))
		show(t, kind_of(f), arg_of(f));
	mutex_unlock(&tracefs_lock);
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

/* => tracefs_lock. Words of set_event: a name, or one with '!' that takes it back. */
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

/* => tracefs_lock */
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
	case KNOB_FILTER:
		return off && (!s[1] || s[1] == '\n') ? 0 : -EINVAL;
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
	mutex_lock(&tracefs_lock);
	int err = store(kind_of(f), arg_of(f), buf);
	mutex_unlock(&tracefs_lock);
	*pos += want;
	return err ? err : (ssize_t)want;
}

/* What is beyond a record's text is left for the next write. */
ssize_t tracefs_mark(struct file *f, struct iter *from, u64 *pos)
{
	u32 n = (u32)min(from->count, (size_t)MARK_MAX);
	char *text = kmalloc(MARK_MAX);
	int err = text ? 0 : -ENOMEM;
	if (!err && iter_copy_from(from, text, n) != n)
		err = -EFAULT;
	mutex_lock(&tracefs_lock);
	if (!err && !have_rings && tracing_on) {
		err = make_rings();
		apply();
	}
	mutex_unlock(&tracefs_lock);
	if (!err && !trace_on(mark))
		err = -EBADF;
	if (!err) {
		TRACE_RECORD(mark, e);
		trace_write_text(&e.h, text, n && text[n - 1] == '\n' ? n - 1 : n);
	}
	kfree(text);
	return err ? err : (ssize_t)n;
}
static const struct file_ops mark_ops = { .write = tracefs_mark };

static s64 knob_llseek(struct file *f, s64 off, int whence) { return generic_llseek(f, off, whence, 0, 1UL << 62); }

static const struct file_ops knob_ops = { .open = knob_open, .read = knob_read, .write = knob_write, .llseek = knob_llseek, .release = knob_release };

/* --- the tree ----------------------------------------------------------------------------------------------------------------------------- */

static void add_event(u32 i, u32 of_system)
{
	const struct trace_text_event *e = &trace_text_events[i];
	char path[96];
	format_str(path, sizeof(path), "kernel/tracing/events/%s", e->system);
	/* The first of its system. */
	if ((of_system & (0u - of_system)) == 1u << i) {
		sysfs_special(sysfs_dir(path), "enable", 0644, &knob_ops, knob(KNOB_ENABLE, of_system));
		sysfs_special(sysfs_dir(path), "filter", 0644, &knob_ops, knob(KNOB_FILTER, 1));
	}
	format_str(path, sizeof(path), "kernel/tracing/events/%s/%s", e->system, e->name);
	struct sysfs_node *d = sysfs_dir(path);
	sysfs_special(d, "enable", 0644, &knob_ops, knob(KNOB_ENABLE, 1u << i));
	sysfs_special(d, "format", 0444, &knob_ops, knob(KNOB_FORMAT, i));
	sysfs_special(d, "filter", 0644, &knob_ops, knob(KNOB_FILTER, 0));
	sysfs_special(d, "id", 0444, &knob_ops, knob(KNOB_ID, i));
}

static void add_cpu(u32 cpu)
{
	char path[48];
	format_str(path, sizeof(path), "kernel/tracing/per_cpu/cpu%u", cpu);
	struct sysfs_node *d = sysfs_dir(path);
	void *mask = (void *)(1UL << cpu);
	sysfs_special(d, "trace", 0644, &knob_ops, knob(KNOB_TRACE, 1u << cpu));
	sysfs_special(d, "trace_pipe", 0444, &tracefs_pipe_ops, mask);
	sysfs_special(d, "trace_pipe_raw", 0444, &tracefs_raw_ops, mask);
	sysfs_special(d, "stats", 0444, &knob_ops, knob(KNOB_STATS, cpu));
	sysfs_special(d, "buffer_size_kb", 0444, &knob_ops, knob(KNOB_SIZE, 1));
}

static void add_events(void)
{
	struct sysfs_node *print = sysfs_dir("kernel/tracing/events/ftrace/print");
	sysfs_special(print, "format", 0444, &knob_ops, knob(KNOB_FORMAT, TRACE_EVENT_MARK));
	sysfs_special(print, "id", 0444, &knob_ops, knob(KNOB_ID, TRACE_EVENT_MARK));
	sysfs_special(sysfs_dir("kernel/tracing/events"), "enable", 0644, &knob_ops, knob(KNOB_ENABLE, (1u << trace_text_count) - 1));
	for (u32 i = 0; i < trace_text_count; i++) {
		char system[32];
		format_str(system, sizeof(system), "%s:*", trace_text_events[i].system);
		add_event(i, events_named(system));
	}
}

static void fill(struct sysfs_node *d)
{
	u32 all = (1u << nr_cpus) - 1;
	sysfs_special(d, "trace", 0644, &knob_ops, knob(KNOB_TRACE, all));
	sysfs_special(d, "trace_pipe", 0444, &tracefs_pipe_ops, (void *)(u64)all);
	sysfs_special(d, "trace_marker", 0220, &mark_ops, NULL);
	sysfs_special(d, "tracing_on", 0644, &knob_ops, knob(KNOB_ON, 0));
	sysfs_special(d, "set_event", 0644, &knob_ops, knob(KNOB_SET_EVENT, 0));
	sysfs_special(d, "available_events", 0444, &knob_ops, knob(KNOB_AVAILABLE, 0));
	sysfs_special(d, "saved_cmdlines", 0444, &knob_ops, knob(KNOB_NAMES, 0));
	sysfs_special(d, "buffer_size_kb", 0444, &knob_ops, knob(KNOB_SIZE, 1));
	sysfs_special(d, "buffer_total_size_kb", 0444, &knob_ops, knob(KNOB_SIZE, nr_cpus));
	for (u32 i = 0; i < ARRAY_SIZE(fixed); i++) {
		const char *name = fixed[i].name, *slash = strchr(name, '/');
		sysfs_special(slash ? sysfs_dir("kernel/tracing/events") : d, slash ? slash + 1 : name, fixed[i].mode, &knob_ops, knob(KNOB_FIXED, i));
	}
	add_events();
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		add_cpu(cpu);
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
