/*
 * The control files of a group: names, texts and errors are Linux's. Entry point: the table cgroup_files. What they do lies in proc/cgroup*.c.
 */
#include "fs/cgroupfs.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/memcg.h"
#include "sched/timer.h"

/* --- numbers ----------------------------------------------------------------------------------------------------------------------------- */

/* Linux's kstrtoint: 0, -EINVAL, -ERANGE. */
static int parse_int(const char *s, s32 *out)
{
	bool neg = *s == '-';
	u64 v;
	int err = str_to_u64(s + (neg || *s == '+'), 0, &v);
	if (err)
		return err;
	if (v > (u64)INT32_MAX + neg)
		return -ERANGE;
	*out = (s32)(neg ? -(s64)v : (s64)v);
	return 0;
}

/* A number or "max". */
static int parse_limit(const char *s, s64 *out)
{
	u64 v;
	if (!strcmp(s, "max")) {
		*out = CGROUP_NO_LIMIT;
		return 0;
	}
	int err = str_to_u64(s, 0, &v);
	if (!err)
		*out = v > INT64_MAX ? INT64_MAX : (s64)v;
	return err;
}

static void put_limit(struct text *t, s64 v)
{
	if (v == CGROUP_NO_LIMIT)
		text_puts(t, "max\n");
	else
		text_printf(t, "%lld\n", (long long)v);
}

static void put_u64(struct text *t, const char *name, u64 v) { text_printf(t, "%s %llu\n", name, (unsigned long long)v); }

/* --- cgroup.*: members ------------------------------------------------------------------------------------------------------------------- */

static void put_number(s32 nr, void *t) { text_printf(t, "%d\n", nr); }

static int show_procs(struct text *t, struct cgroup *cg)
{
	if (cgroup_is_threaded(cg))
		return -EOPNOTSUPP;
	cgroup_list(cg, true, put_number, t);
	return 0;
}

static int show_threads(struct text *t, struct cgroup *cg)
{
	cgroup_list(cg, false, put_number, t);
	return 0;
}

static int attach(struct cgroup_open *o, const char *s, bool process)
{
	s32 nr;
	if (parse_int(s, &nr) || nr < 0)
		return -EINVAL;
	return cgroup_attach(o->cg, nr, process, o->cred, o->ns);
}
static int store_procs(struct cgroup_open *o, char *s) { return attach(o, s, true); }
static int store_threads(struct cgroup_open *o, char *s) { return attach(o, s, false); }

/* --- cgroup.*: the tree ------------------------------------------------------------------------------------------------------------------ */

static void put_controllers(struct text *t, u8 mask)
{
	const char *space = "";
	for (u32 c = 0; c < CGC_COUNT; c++) {
		if (!(mask >> c & 1))
			continue;
		text_printf(t, "%s%s", space, cgroup_controller_name[c]);
		space = " ";
	}
	if (mask)
		text_puts(t, "\n");
}

static int show_controllers(struct text *t, struct cgroup *cg)
{
	put_controllers(t, cg->on);
	return 0;
}

static int show_subtree_control(struct text *t, struct cgroup *cg)
{
	put_controllers(t, cg->subtree_control);
	return 0;
}

/* "+cpu -pids". 0 or -EINVAL */
static int parse_controllers(char *s, u8 *enable, u8 *disable)
{
	*enable = *disable = 0;
	for (char *next; s; s = next) {
		next = strchr(s, ' ');
		if (next)
			*next++ = 0;
		if (!*s)
			continue;
		u8 bit = 0;
		for (u32 c = 0; c < CGC_COUNT; c++)
			if ((CGC_BUILT >> c & 1) && !strcmp(s + 1, cgroup_controller_name[c]))
				bit = (u8)BIT(c);
		if (!bit || (*s != '+' && *s != '-'))
			return -EINVAL;
		*enable = *s == '+' ? *enable | bit : *enable & (u8)~bit;
		*disable = *s == '-' ? *disable | bit : *disable & (u8)~bit;
	}
	return 0;
}

static int store_subtree_control(struct cgroup_open *o, char *s)
{
	u8 enable, disable;
	int err = parse_controllers(s, &enable, &disable);
	return err ? err : cgroup_set_subtree_control(o->cg, enable, disable);
}

static int show_type(struct text *t, struct cgroup *cg)
{
	spin_lock(&tasklist_lock);
	const char *type = cgroup_type(cg);
	spin_unlock(&tasklist_lock);
	text_printf(t, "%s\n", type);
	return 0;
}

static int store_type(struct cgroup_open *o, char *s) { return strcmp(s, "threaded") ? -EINVAL : cgroup_make_threaded(o->cg); }

static int show_events(struct text *t, struct cgroup *cg)
{
	spin_lock(&tasklist_lock);
	bool populated = cgroup_is_populated(cg), frozen = cg->frozen;
	spin_unlock(&tasklist_lock);
	text_printf(t, "populated %d\nfrozen %d\n", populated, frozen);
	return 0;
}

static int show_stat(struct text *t, struct cgroup *cg)
{
	u32 nr[CGC_COUNT] = { 0 };
	mutex_lock(&cgroup_mutex);
	for (struct cgroup *d = cg; d; d = cgroup_next(d, cg))
		for (u32 c = 0; c < CGC_COUNT; c++)
			nr[c] += d->on >> c & 1;
	mutex_unlock(&cgroup_mutex);
	put_u64(t, "nr_descendants", READ_ONCE(cg->nr_descendants));
	for (u32 c = 0; c < CGC_COUNT; c++)
		if (CGC_BUILT >> c & 1)
			text_printf(t, "nr_subsys_%s %u\n", cgroup_controller_name[c], nr[c]);
	text_printf(t, "nr_dying_descendants %d\n", atomic_read(&cg->nr_dying));
	return 0;
}

static int show_count_limit(struct text *t, u32 max)
{
	put_limit(t, max == INT32_MAX ? CGROUP_NO_LIMIT : (s64)max);
	return 0;
}
static int show_max_descendants(struct text *t, struct cgroup *cg) { return show_count_limit(t, cg->max_descendants); }
static int show_max_depth(struct text *t, struct cgroup *cg) { return show_count_limit(t, cg->max_depth); }

static int store_count_limit(u32 *max, const char *s)
{
	s32 v = INT32_MAX;
	int err = strcmp(s, "max") ? parse_int(s, &v) : 0;
	if (err)
		return err;
	if (v < 0)
		return -ERANGE;
	*max = (u32)v;
	return 0;
}
static int store_max_descendants(struct cgroup_open *o, char *s) { return store_count_limit(&o->cg->max_descendants, s); }
static int store_max_depth(struct cgroup_open *o, char *s) { return store_count_limit(&o->cg->max_depth, s); }

/* --- cgroup.freeze, cgroup.kill ---------------------------------------------------------------------------------------------------------- */

static int show_freeze(struct text *t, struct cgroup *cg)
{
	text_printf(t, "%d\n", cg->freeze);
	return 0;
}

static int store_freeze(struct cgroup_open *o, char *s)
{
	s32 v;
	int err = parse_int(s, &v);
	if (err)
		return err;
	if (v != 0 && v != 1)
		return -ERANGE;
	cgroup_set_freeze(o->cg, v);
	return 0;
}

static int store_kill(struct cgroup_open *o, char *s)
{
	s32 v;
	int err = parse_int(s, &v);
	if (err)
		return err;
	if (v != 1)
		return -ERANGE;
	if (cgroup_is_threaded(o->cg))
		return -EOPNOTSUPP;
	cgroup_kill(o->cg);
	return 0;
}

/* --- pids.* ------------------------------------------------------------------------------------------------------------------------------ */

static int show_pids_max(struct text *t, struct cgroup *cg)
{
	put_limit(t, cg->pids_max);
	return 0;
}
static int store_pids_max(struct cgroup_open *o, char *s)
{
	s64 v;
	int err = parse_limit(s, &v);
	if (err)
		return err;
	if (v < 0 || (v >= 4194304 + 1 && v != CGROUP_NO_LIMIT))
		return -EINVAL;
	WRITE_ONCE(o->cg->pids_max, v);
	return 0;
}
static int show_pids_current(struct text *t, struct cgroup *cg)
{
	text_printf(t, "%lld\n", (long long)READ_ONCE(cg->nr_pids));
	return 0;
}
static int show_pids_peak(struct text *t, struct cgroup *cg)
{
	text_printf(t, "%lld\n", (long long)READ_ONCE(cg->pids_peak));
	return 0;
}
static int show_pids_events(struct text *t, struct cgroup *cg)
{
	put_u64(t, "max", cgroup_flags.pids_localevents ? READ_ONCE(cg->pids_failed) : READ_ONCE(cg->pids_over));
	return 0;
}
static int show_pids_events_local(struct text *t, struct cgroup *cg)
{
	put_u64(t, "max", READ_ONCE(cg->pids_over_local));
	return 0;
}

/* --- cpu.* ------------------------------------------------------------------------------------------------------------------------------- */

#define USEC 1000UL
#define QUOTA_MAX (86400UL * 1000000) /* a day */

/* All CPUs' time for the root; a group's is exact, its split follows the sampled ticks. */
static void used_time(struct cgroup *cg, const struct sched_group *g, u64 *user, u64 *system)
{
	*user = *system = 0;
	if (!cg->parent) {
		for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
			u64 u, s, idle;
			sched_cpu_stat(cpu, &u, &s, &idle);
			*user += u;
			*system += s;
		}
		return;
	}
	u64 ticks = g->user_ticks + g->system_ticks;
	*system = ticks ? g->usage / ticks * g->system_ticks + g->usage % ticks * g->system_ticks / ticks : 0;
	*user = g->usage - *system;
}

/* Of the user time that of threads with nice above 0, by the ticks. */
static u64 nice_time(struct cgroup *cg, const struct sched_group *g, u64 user)
{
	u64 sum = 0;
	if (cg->parent)
		return g->user_ticks ? user / g->user_ticks * g->nice_ticks + user % g->user_ticks * g->nice_ticks / g->user_ticks : 0;
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		sum += sched_cpu_nice(cpu);
	return sum;
}

static int show_cpu_stat(struct text *t, struct cgroup *cg)
{
	struct sched_group g;
	u64 user, system;
	sched_group_read(&cg->sched, &g);
	used_time(cg, &g, &user, &system);
	put_u64(t, "usage_usec", (user + system) / USEC);
	put_u64(t, "user_usec", user / USEC);
	put_u64(t, "system_usec", system / USEC);
	put_u64(t, "nice_usec", nice_time(cg, &g, user) / USEC);
	if (cg->parent && (cg->on >> CGC_CPU & 1)) {
		put_u64(t, "nr_periods", g.nr_periods);
		put_u64(t, "nr_throttled", g.nr_throttled);
		put_u64(t, "throttled_usec", g.throttled_ns / USEC);
		put_u64(t, "nr_bursts", g.nr_bursts);
		put_u64(t, "burst_usec", g.burst_ns / USEC);
	}
	return 0;
}

/* Without the controller there is nothing to tell. */
static int show_cpu_stat_local(struct text *t, struct cgroup *cg)
{
	struct sched_group g;
	if (!(cg->on >> CGC_CPU & 1))
		return 0;
	sched_group_read(&cg->sched, &g);
	put_u64(t, "throttled_usec", cg->parent ? g.throttled_ns / USEC : 0);
	return 0;
}

/* cpu.weight 100 is what a thread of nice 0 weighs. */
#define SHARES_OF_100 GROUP_SHARES_DEFAULT

static int show_cpu_weight(struct text *t, struct cgroup *cg)
{
	u32 weight = (cg->sched.shares * 100 + SHARES_OF_100 / 2) / SHARES_OF_100;
	text_printf(t, "%u\n", min(max(weight, 1u), 10000u));
	return 0;
}
/* An idle group has no weight to choose. */
static int set_shares(struct cgroup *cg, u32 shares)
{
	if (cg->sched.idle)
		return -EINVAL;
	sched_group_set_shares(&cg->sched, shares);
	return 0;
}
static int store_cpu_weight(struct cgroup_open *o, char *s)
{
	u64 v;
	int err = str_to_u64(s, 0, &v);
	if (err)
		return err;
	if (v < 1 || v > 10000)
		return -ERANGE;
	return set_shares(o->cg, ((u32)v * SHARES_OF_100 + 50) / 100);
}

static int show_cpu_weight_nice(struct text *t, struct cgroup *cg)
{
	text_printf(t, "%d\n", sched_shares_nice(cg->sched.shares));
	return 0;
}
static int store_cpu_weight_nice(struct cgroup_open *o, char *s)
{
	s32 nice;
	int err = parse_int(s, &nice);
	if (err)
		return err;
	if (nice < -20 || nice > 19)
		return -ERANGE;
	return set_shares(o->cg, sched_nice_shares(nice));
}

static int show_cpu_idle(struct text *t, struct cgroup *cg)
{
	text_printf(t, "%d\n", cg->sched.idle);
	return 0;
}
static int store_cpu_idle(struct cgroup_open *o, char *s)
{
	s32 v;
	int err = parse_int(s, &v);
	if (err || (v != 0 && v != 1))
		return err ? err : -EINVAL;
	sched_group_set_idle(&o->cg->sched, v);
	return 0;
}

static int show_cpu_max(struct text *t, struct cgroup *cg)
{
	struct sched_group g;
	sched_group_read(&cg->sched, &g);
	if (g.quota == GROUP_NO_QUOTA)
		text_printf(t, "max %lu\n", g.period / USEC);
	else
		text_printf(t, "%lu %lu\n", g.quota / USEC, g.period / USEC);
	return 0;
}
/* "QUOTA|max [PERIOD]" in microseconds. */
static int store_cpu_max(struct cgroup_open *o, char *s)
{
	u64 quota, period = o->cg->sched.period / USEC;
	char *second = strchr(s, ' ');
	if (second) {
		*second++ = 0;
		if (str_to_u64(second, 10, &period))
			return -EINVAL;
	}
	bool max = !strcmp(s, "max");
	if (!max && str_to_u64(s, 10, &quota))
		return -EINVAL;
	/* From 1 ms to 1 s; a quota of a day is as good as none. */
	if (period < 1000 || period > 1000000 || (!max && (quota < 1000 || quota > QUOTA_MAX)))
		return -EINVAL;
	if (!max && o->cg->sched.burst > quota * USEC)
		return -EINVAL;
	sched_group_set_quota(&o->cg->sched, max ? GROUP_NO_QUOTA : quota * USEC, period * USEC);
	cgroup_wake_throttled(o->cg);
	return 0;
}

static int show_cpu_burst(struct text *t, struct cgroup *cg)
{
	text_printf(t, "%lu\n", cg->sched.burst / USEC);
	return 0;
}
/* Microseconds, at most the quota. */
static int store_cpu_burst(struct cgroup_open *o, char *s)
{
	u64 burst;
	int err = str_to_u64(s, 0, &burst);
	if (err)
		return err;
	if (burst > QUOTA_MAX || burst * USEC > o->cg->sched.quota)
		return -EINVAL;
	sched_group_set_burst(&o->cg->sched, burst * USEC);
	return 0;
}

/* --- memory.* ---------------------------------------------------------------------------------------------------------------------------- */

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

static int show_memory_current(struct text *t, struct cgroup *cg)
{
	struct memcg m;
	read_memory(cg, &m);
	put_pages(t, m.usage);
	return 0;
}
/* The group's own peak; for a file that was written to, the one since then. */
static int show_memory_peak(struct text *t, struct cgroup_open *o)
{
	struct memcg m = { 0 };
	mutex_lock(&cgroup_mutex);
	if (o->cg->memcg)
		memcg_read(o->cg->memcg, &m);
	put_pages(t, list_empty(&o->peak) ? m.peak : max(o->peak_pages, m.new_peak));
	mutex_unlock(&cgroup_mutex);
	return 0;
}
static int store_memory_peak(struct cgroup_open *o, char *s)
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
static int show_memory_max(struct text *t, struct cgroup *cg)
{
	struct memcg m;
	read_memory(cg, &m);
	put_pages(t, m.max);
	return 0;
}
static int show_memory_high(struct text *t, struct cgroup *cg)
{
	struct memcg m;
	read_memory(cg, &m);
	put_pages(t, m.high);
	return 0;
}
static int store_memory_max(struct cgroup_open *o, char *s)
{
	u64 pages;
	int err = parse_pages(s, &pages);
	return err ? err : cgroup_set_memory_max(o->cg, pages);
}
static int store_memory_high(struct cgroup_open *o, char *s)
{
	u64 pages;
	int err = parse_pages(s, &pages);
	if (!err)
		memcg_set_high(o->cg->memcg, pages);
	return err;
}

static int show_memory_min(struct text *t, struct cgroup *cg)
{
	struct memcg m;
	read_memory(cg, &m);
	put_pages(t, m.min);
	return 0;
}
static int store_memory_min(struct cgroup_open *o, char *s)
{
	u64 pages;
	int err = parse_pages(s, &pages);
	if (!err)
		memcg_set_min(o->cg->memcg, pages);
	return err;
}
static int show_memory_low(struct text *t, struct cgroup *cg)
{
	struct memcg m;
	read_memory(cg, &m);
	put_pages(t, m.low);
	return 0;
}
static int store_memory_low(struct cgroup_open *o, char *s)
{
	u64 pages;
	int err = parse_pages(s, &pages);
	if (!err)
		memcg_set_low(o->cg->memcg, pages);
	return err;
}

/* "SIZE [swappiness=0..200]"; there is no swap to prefer. */
static int store_memory_reclaim(struct cgroup_open *o, char *s)
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
		put_u64(t, names[i], READ_ONCE(n[i]) + (i == CGM_LOW ? low : 0));
}
static int show_memory_events(struct text *t, struct cgroup *cg)
{
	struct memcg m;
	read_memory(cg, &m);
	put_memory_events(t, cg->memory_events, cgroup_flags.memory_localevents ? m.low_hits_local : m.low_hits);
	return 0;
}
static int show_memory_events_local(struct text *t, struct cgroup *cg)
{
	struct memcg m;
	read_memory(cg, &m);
	put_memory_events(t, cg->memory_events_local, m.low_hits_local);
	return 0;
}

static int show_memory_stat(struct text *t, struct cgroup *cg)
{
	struct memcg m;
	read_memory(cg, &m);
	put_u64(t, "anon", m.stat[MEMCG_ANON] << PAGE_SHIFT);
	put_u64(t, "file", m.stat[MEMCG_FILE] << PAGE_SHIFT);
	put_u64(t, "kernel", (m.stat[MEMCG_STACK] + m.stat[MEMCG_TABLE] + m.stat[MEMCG_KERNEL]) << PAGE_SHIFT);
	put_u64(t, "kernel_stack", m.stat[MEMCG_STACK] << PAGE_SHIFT);
	put_u64(t, "pagetables", m.stat[MEMCG_TABLE] << PAGE_SHIFT);
	put_u64(t, "pgfault", m.faults);
	put_u64(t, "pgmajfault", m.major_faults);
	return 0;
}

static int show_oom_group(struct text *t, struct cgroup *cg)
{
	text_printf(t, "%d\n", cg->oom_group);
	return 0;
}
static int store_oom_group(struct cgroup_open *o, char *s)
{
	s32 v;
	int err = parse_int(s, &v);
	if (err || (v != 0 && v != 1))
		return -EINVAL;
	o->cg->oom_group = v;
	return 0;
}

/* --- the table --------------------------------------------------------------------------------------------------------------------------- */

#define FILE_(n, f, c, e, r, w) { .name = n, .flags = f, .controller = c, .event = e, .show = r, .store = w }
#define CORE(n, f, r, w) FILE_(n, f, 0, -1, r, w)
#define CPU(n, r, w) FILE_("cpu." n, CGF_NOT_ON_ROOT, BIT(CGC_CPU), -1, r, w)
#define MEMORY(n, e, r, w) FILE_("memory." n, CGF_NOT_ON_ROOT, BIT(CGC_MEMORY), e, r, w)
#define PIDS(n, e, r, w) FILE_("pids." n, CGF_NOT_ON_ROOT, BIT(CGC_PIDS), e, r, w)
const struct cgroup_file cgroup_files[] = {
	CORE("cgroup.type", CGF_NOT_ON_ROOT, show_type, store_type),
	CORE("cgroup.procs", CGF_NS_DELEGATABLE, show_procs, store_procs),
	CORE("cgroup.threads", CGF_NS_DELEGATABLE, show_threads, store_threads),
	CORE("cgroup.controllers", 0, show_controllers, NULL),
	CORE("cgroup.subtree_control", CGF_NS_DELEGATABLE, show_subtree_control, store_subtree_control),
	FILE_("cgroup.events", CGF_NOT_ON_ROOT, 0, CGE_EVENTS, show_events, NULL),
	CORE("cgroup.max.descendants", 0, show_max_descendants, store_max_descendants),
	CORE("cgroup.max.depth", 0, show_max_depth, store_max_depth),
	CORE("cgroup.stat", 0, show_stat, NULL),
	CORE("cgroup.freeze", CGF_NOT_ON_ROOT, show_freeze, store_freeze),
	CORE("cgroup.kill", CGF_NOT_ON_ROOT, NULL, store_kill),
	CORE("cpu.stat", 0, show_cpu_stat, NULL),
	CORE("cpu.stat.local", 0, show_cpu_stat_local, NULL),
	CPU("weight", show_cpu_weight, store_cpu_weight),
	CPU("weight.nice", show_cpu_weight_nice, store_cpu_weight_nice),
	CPU("idle", show_cpu_idle, store_cpu_idle),
	CPU("max", show_cpu_max, store_cpu_max),
	CPU("max.burst", show_cpu_burst, store_cpu_burst),
	MEMORY("current", -1, show_memory_current, NULL),
	{ .name = "memory.peak", .flags = CGF_NOT_ON_ROOT, .controller = BIT(CGC_MEMORY), .event = -1, .show_as = show_memory_peak, .store = store_memory_peak },
	MEMORY("min", -1, show_memory_min, store_memory_min),
	MEMORY("low", -1, show_memory_low, store_memory_low),
	{ .name = "memory.reclaim", .controller = BIT(CGC_MEMORY), .event = -1, .store = store_memory_reclaim, .unlocked = true },
	MEMORY("high", -1, show_memory_high, store_memory_high),
	{ .name = "memory.max", .flags = CGF_NOT_ON_ROOT, .controller = BIT(CGC_MEMORY), .event = -1, .show = show_memory_max, .store = store_memory_max,
	  .unlocked = true },
	MEMORY("events", CGE_MEMORY, show_memory_events, NULL),
	MEMORY("events.local", CGE_MEMORY_LOCAL, show_memory_events_local, NULL),
	MEMORY("stat", -1, show_memory_stat, NULL),
	MEMORY("oom.group", -1, show_oom_group, store_oom_group),
	PIDS("max", -1, show_pids_max, store_pids_max),
	PIDS("current", -1, show_pids_current, NULL),
	PIDS("peak", -1, show_pids_peak, NULL),
	PIDS("events", CGE_PIDS, show_pids_events, NULL),
	PIDS("events.local", CGE_PIDS_LOCAL, show_pids_events_local, NULL),
};
const u32 cgroup_files_nr = ARRAY_SIZE(cgroup_files);
_Static_assert(ARRAY_SIZE(cgroup_files) <= CGROUP_FILES_MAX, "cgroup.attr");
