/*
 * The control files of a group: names, texts and errors are Linux's. Here are those of every group (cgroup.*) and of the pids controller, and the list of
 * all: cgroup_file_nth(). What they do lies in proc/cgroup*.c.
 */
#include "fs/cgroup_files.h"
#include "lib/format.h"
#include "lib/string.h"

/* --- numbers ----------------------------------------------------------------------------------------------------------------------------- */

int cgroup_parse_int(const char *s, s32 *out)
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

void cgroup_put_field(struct text *t, const char *name, u64 v) { text_printf(t, "%s %llu\n", name, (unsigned long long)v); }

/* --- cgroup.*: members ------------------------------------------------------------------------------------------------------------------- */

static void put_number(s32 nr, void *t) { text_printf(t, "%d\n", nr); }

static int show_procs(struct text *t, struct cgroup_open *o)
{
	if (cgroup_is_threaded(o->cg))
		return -EOPNOTSUPP;
	cgroup_list(o->cg, true, put_number, t);
	return 0;
}

static int show_threads(struct text *t, struct cgroup_open *o)
{
	cgroup_list(o->cg, false, put_number, t);
	return 0;
}

static int attach(struct cgroup_open *o, const char *s, bool process)
{
	s32 nr;
	if (cgroup_parse_int(s, &nr) || nr < 0)
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

static int show_controllers(struct text *t, struct cgroup_open *o)
{
	put_controllers(t, o->cg->on);
	return 0;
}

static int show_subtree_control(struct text *t, struct cgroup_open *o)
{
	put_controllers(t, o->cg->subtree_control);
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

static int show_type(struct text *t, struct cgroup_open *o)
{
	spin_lock(&tasklist_lock);
	const char *type = cgroup_type(o->cg);
	spin_unlock(&tasklist_lock);
	text_printf(t, "%s\n", type);
	return 0;
}

static int store_type(struct cgroup_open *o, char *s) { return strcmp(s, "threaded") ? -EINVAL : cgroup_make_threaded(o->cg); }

static int show_events(struct text *t, struct cgroup_open *o)
{
	spin_lock(&tasklist_lock);
	bool populated = cgroup_is_populated(o->cg), frozen = o->cg->frozen;
	spin_unlock(&tasklist_lock);
	text_printf(t, "populated %d\nfrozen %d\n", populated, frozen);
	return 0;
}

static int show_stat(struct text *t, struct cgroup_open *o)
{
	u32 nr[CGC_COUNT] = { 0 };
	mutex_lock(&cgroup_mutex);
	for (struct cgroup *d = o->cg; d; d = cgroup_next(d, o->cg))
		for (u32 c = 0; c < CGC_COUNT; c++)
			nr[c] += d->on >> c & 1;
	mutex_unlock(&cgroup_mutex);
	cgroup_put_field(t, "nr_descendants", READ_ONCE(o->cg->nr_descendants));
	for (u32 c = 0; c < CGC_COUNT; c++)
		if (CGC_BUILT >> c & 1)
			text_printf(t, "nr_subsys_%s %u\n", cgroup_controller_name[c], nr[c]);
	text_printf(t, "nr_dying_descendants %d\n", atomic_read(&o->cg->nr_dying));
	return 0;
}

static int show_count_limit(struct text *t, u32 max)
{
	put_limit(t, max == INT32_MAX ? CGROUP_NO_LIMIT : (s64)max);
	return 0;
}
static int show_max_descendants(struct text *t, struct cgroup_open *o) { return show_count_limit(t, o->cg->max_descendants); }
static int show_max_depth(struct text *t, struct cgroup_open *o) { return show_count_limit(t, o->cg->max_depth); }

static int store_count_limit(u32 *max, const char *s)
{
	s32 v = INT32_MAX;
	int err = strcmp(s, "max") ? cgroup_parse_int(s, &v) : 0;
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

static int show_freeze(struct text *t, struct cgroup_open *o)
{
	text_printf(t, "%d\n", o->cg->freeze);
	return 0;
}

static int store_freeze(struct cgroup_open *o, char *s)
{
	s32 v;
	int err = cgroup_parse_int(s, &v);
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
	int err = cgroup_parse_int(s, &v);
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

static int show_pids_max(struct text *t, struct cgroup_open *o)
{
	put_limit(t, o->cg->pids_max);
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
static int show_pids_current(struct text *t, struct cgroup_open *o)
{
	text_printf(t, "%lld\n", (long long)READ_ONCE(o->cg->nr_pids));
	return 0;
}
static int show_pids_peak(struct text *t, struct cgroup_open *o)
{
	text_printf(t, "%lld\n", (long long)READ_ONCE(o->cg->pids_peak));
	return 0;
}
static int show_pids_events(struct text *t, struct cgroup_open *o)
{
	cgroup_put_field(t, "max", cgroup_flags.pids_localevents ? READ_ONCE(o->cg->pids_failed) : READ_ONCE(o->cg->pids_over));
	return 0;
}
static int show_pids_events_local(struct text *t, struct cgroup_open *o)
{
	cgroup_put_field(t, "max", READ_ONCE(o->cg->pids_over_local));
	return 0;
}

/* --- the list ---------------------------------------------------------------------------------------------------------------------------- */

#define PIDS(n, e, r, w) { .name = "pids." n, .flags = CGF_NOT_ON_ROOT, .controller = BIT(CGC_PIDS), .event = e, .show = r, .store = w }
static const struct cgroup_file files[] = {
	{ .name = "cgroup.type", .flags = CGF_NOT_ON_ROOT, .event = CGE_NONE, .show = show_type, .store = store_type },
	{ .name = CGROUP_PROCS, .flags = CGF_NS_DELEGATABLE, .event = CGE_NONE, .show = show_procs, .store = store_procs },
	{ .name = "cgroup.threads", .flags = CGF_NS_DELEGATABLE, .event = CGE_NONE, .show = show_threads, .store = store_threads },
	{ .name = "cgroup.controllers", .event = CGE_NONE, .show = show_controllers },
	{ .name = "cgroup.subtree_control", .flags = CGF_NS_DELEGATABLE, .event = CGE_NONE, .show = show_subtree_control, .store = store_subtree_control },
	{ .name = "cgroup.events", .flags = CGF_NOT_ON_ROOT, .event = CGE_EVENTS, .show = show_events },
	{ .name = "cgroup.max.descendants", .event = CGE_NONE, .show = show_max_descendants, .store = store_max_descendants },
	{ .name = "cgroup.max.depth", .event = CGE_NONE, .show = show_max_depth, .store = store_max_depth },
	{ .name = "cgroup.stat", .event = CGE_NONE, .show = show_stat },
	{ .name = "cgroup.freeze", .flags = CGF_NOT_ON_ROOT, .event = CGE_NONE, .show = show_freeze, .store = store_freeze },
	{ .name = "cgroup.kill", .flags = CGF_NOT_ON_ROOT, .event = CGE_NONE, .store = store_kill },
	PIDS("max", CGE_NONE, show_pids_max, store_pids_max),
	PIDS("current", CGE_NONE, show_pids_current, NULL),
	PIDS("peak", CGE_NONE, show_pids_peak, NULL),
	PIDS("events", CGE_PIDS, show_pids_events, NULL),
	PIDS("events.local", CGE_PIDS_LOCAL, show_pids_events_local, NULL),
};
static const struct cgroup_file_table core_files = { files, ARRAY_SIZE(files) };

const struct cgroup_file *cgroup_file_nth(u32 nth)
{
	static const struct cgroup_file_table *const tables[] = { &core_files, &cgroup_cpu_files, &cgroup_memory_files };
	for (u32 i = 0; i < ARRAY_SIZE(tables); i++) {
		if (nth < tables[i]->nr)
			return &tables[i]->files[nth];
		nth -= tables[i]->nr;
	}
	return NULL;
}
