/*
 * The control files memory.*: limits and use of a group's memory. Names, texts and errors are Linux's; what they do lies in mm/memcg.c and
 * proc/cgroup_memory.c.
 */
#include "fs/cgroup_files.h"
#include "lib/string.h"
#include "mm/memcg.h"

/* => cgroup_mutex not held. What the group has been charged; all zero when the controller has just gone. */
static void read_memory(struct cgroup *cg, struct memcg *out)
{
	*out = (struct memcg){ 0 };
	mutex_lock(&cgroup_mutex);
	if (cg->memcg)
		memcg_read(cg->memcg, out);
	mutex_unlock(&cgroup_mutex);
}

static void put_pages(struct text *t, u64 pages)
{
	if (pages == MEMCG_NO_LIMIT)
		text_puts(t, "max\n");
	else
		text_printf(t, "%llu\n", (unsigned long long)pages << PAGE_SHIFT);
}

/* "max", or bytes with a suffix as Linux's memparse() has them, rounded down to pages. */
static int parse_pages(char *s, u64 *out)
{
	static const char suffixes[] = "KMGTPE";
	u64 v;
	if (!strcmp(s, "max")) {
		*out = MEMCG_NO_LIMIT;
		return 0;
	}
	size_t n = strlen(s);
	u32 shift = 0;
	for (u32 i = 0; n && i < sizeof(suffixes) - 1; i++)
		if ((s[n - 1] & ~0x20) == suffixes[i])
			shift = 10 * (i + 1);
	if (shift)
		s[n - 1] = 0;
	if (str_to_u64(s, 0, &v))
		return -EINVAL;
	*out = shift && v >> (64 - shift) ? MEMCG_NO_LIMIT : min(v << shift >> PAGE_SHIFT, MEMCG_NO_LIMIT);
	return 0;
}

static int show_current(struct text *t, struct cgroup_open *o)
{
	struct memcg m;
	read_memory(o->cg, &m);
	put_pages(t, m.usage);
	return 0;
}
/* The group's own peak; for a file that was written to, the one since then. */
static int show_peak(struct text *t, struct cgroup_open *o)
{
	struct memcg m = { 0 };
	mutex_lock(&cgroup_mutex);
	if (o->cg->memcg)
		memcg_read(o->cg->memcg, &m);
	put_pages(t, list_empty(&o->peak) ? m.peak : max(o->peak_pages, m.new_peak));
	mutex_unlock(&cgroup_mutex);
	return 0;
}
static int store_peak(struct cgroup_open *o, char *s)
{
	struct cgroup_open *other;
	u64 old, now = memcg_restart_peak(o->cg->memcg, &old);
	list_for_each(other, &o->cg->peak_watchers, peak)
		other->peak_pages = max(other->peak_pages, old);
	if (list_empty(&o->peak))
		list_add(&o->peak, &o->cg->peak_watchers);
	o->peak_pages = now;
	return 0;
}

/* memory.min, .low, .high, .max: which one is the file's. */
static int show_limit(struct text *t, struct cgroup_open *o)
{
	struct memcg m;
	read_memory(o->cg, &m);
	put_pages(t, m.limit[o->file->limit]);
	return 0;
}
static int store_limit(struct cgroup_open *o, char *s)
{
	u64 pages;
	int err = parse_pages(s, &pages);
	if (!err)
		memcg_set_limit(o->cg->memcg, o->file->limit, pages);
	return err;
}
/* The lowered one is made true at once. */
static int store_max(struct cgroup_open *o, char *s)
{
	u64 pages;
	int err = parse_pages(s, &pages);
	return err ? err : cgroup_set_memory_max(o->cg, pages);
}

/* "SIZE [swappiness=0..200]"; there is no swap to prefer. */
static int store_reclaim(struct cgroup_open *o, char *s)
{
	u64 pages, swappiness;
	char *option = strchr(s, ' ');
	if (option)
		*option++ = 0;
	int err = parse_pages(s, &pages);
	if (!err && option && *option && (!str_starts(option, "swappiness=") || str_to_u64(option + 11, 0, &swappiness) || swappiness > 200))
		err = -EINVAL;
	return err ? err : cgroup_reclaim(o->cg, pages);
}

static void put_memory_events(struct text *t, const u64 n[CGM_COUNT], u64 low)
{
	static const char *const names[CGM_COUNT] = { "low", "high", "max", "oom", "oom_kill", "oom_group_kill" };
	for (u32 i = 0; i < CGM_COUNT; i++)
		cgroup_put_field(t, names[i], READ_ONCE(n[i]) + (i == CGM_LOW ? low : 0));
}
static int show_events(struct text *t, struct cgroup_open *o)
{
	struct memcg m;
	read_memory(o->cg, &m);
	put_memory_events(t, o->cg->memory_events, cgroup_flags.memory_localevents ? m.low_hits_local : m.low_hits);
	return 0;
}
static int show_events_local(struct text *t, struct cgroup_open *o)
{
	struct memcg m;
	read_memory(o->cg, &m);
	put_memory_events(t, o->cg->memory_events_local, m.low_hits_local);
	return 0;
}

static int show_stat(struct text *t, struct cgroup_open *o)
{
	struct memcg m;
	read_memory(o->cg, &m);
	cgroup_put_field(t, "anon", m.stat[MEMCG_ANON] << PAGE_SHIFT);
	cgroup_put_field(t, "file", m.stat[MEMCG_FILE] << PAGE_SHIFT);
	cgroup_put_field(t, "kernel", (m.stat[MEMCG_STACK] + m.stat[MEMCG_TABLE] + m.stat[MEMCG_KERNEL]) << PAGE_SHIFT);
	cgroup_put_field(t, "kernel_stack", m.stat[MEMCG_STACK] << PAGE_SHIFT);
	cgroup_put_field(t, "pagetables", m.stat[MEMCG_TABLE] << PAGE_SHIFT);
	cgroup_put_field(t, "pgfault", m.faults);
	cgroup_put_field(t, "pgmajfault", m.major_faults);
	return 0;
}

static int show_oom_group(struct text *t, struct cgroup_open *o)
{
	text_printf(t, "%d\n", o->cg->oom_group);
	return 0;
}
static int store_oom_group(struct cgroup_open *o, char *s)
{
	s32 v;
	int err = cgroup_parse_int(s, &v);
	if (err || (v != 0 && v != 1))
		return -EINVAL;
	o->cg->oom_group = v;
	return 0;
}

#define MEMORY(n, e, r, w) { .name = "memory." n, .flags = CGF_NOT_ON_ROOT, .controller = BIT(CGC_MEMORY), .event = e, .show = r, .store = w }
#define LIMIT(n, which, w, ...) \
	{ .name = "memory." n, .flags = CGF_NOT_ON_ROOT, .controller = BIT(CGC_MEMORY), .event = CGE_NONE, .limit = which, .show = show_limit, .store = w, \
	  __VA_ARGS__ }
static const struct cgroup_file files[] = {
	MEMORY("current", CGE_NONE, show_current, NULL),
	MEMORY("peak", CGE_NONE, show_peak, store_peak),
	LIMIT("min", MEMCG_MIN, store_limit),
	LIMIT("low", MEMCG_LOW, store_limit),
	{ .name = "memory.reclaim", .controller = BIT(CGC_MEMORY), .event = CGE_NONE, .store = store_reclaim, .unlocked = true },
	LIMIT("high", MEMCG_HIGH, store_limit),
	LIMIT("max", MEMCG_MAX, store_max, .unlocked = true),
	MEMORY("events", CGE_MEMORY, show_events, NULL),
	MEMORY("events.local", CGE_MEMORY_LOCAL, show_events_local, NULL),
	MEMORY("stat", CGE_NONE, show_stat, NULL),
	MEMORY("oom.group", CGE_NONE, show_oom_group, store_oom_group),
};
const struct cgroup_file_table cgroup_memory_files = { files, ARRAY_SIZE(files) };
