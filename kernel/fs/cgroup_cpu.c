/*
 * The control files cpu.*: shares, quotas and used time of a group. Names, texts and errors are Linux's; what they do lies in sched/group.c.
 */
#include "fs/cgroup_files.h"
#include "lib/string.h"
#include "sched/timer.h"

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

static int show_stat(struct text *t, struct cgroup_open *o)
{
	struct sched_group g;
	u64 user, system;
	sched_group_read(&o->cg->sched, &g);
	used_time(o->cg, &g, &user, &system);
	cgroup_put_field(t, "usage_usec", (user + system) / USEC);
	cgroup_put_field(t, "user_usec", user / USEC);
	cgroup_put_field(t, "system_usec", system / USEC);
	cgroup_put_field(t, "nice_usec", nice_time(o->cg, &g, user) / USEC);
	if (o->cg->parent && (o->cg->on >> CGC_CPU & 1)) {
		cgroup_put_field(t, "nr_periods", g.nr_periods);
		cgroup_put_field(t, "nr_throttled", g.nr_throttled);
		cgroup_put_field(t, "throttled_usec", g.throttled_ns / USEC);
		cgroup_put_field(t, "nr_bursts", g.nr_bursts);
		cgroup_put_field(t, "burst_usec", g.burst_ns / USEC);
	}
	return 0;
}

/* Without the controller there is nothing to tell. */
static int show_stat_local(struct text *t, struct cgroup_open *o)
{
	struct sched_group g;
	if (!(o->cg->on >> CGC_CPU & 1))
		return 0;
	sched_group_read(&o->cg->sched, &g);
	cgroup_put_field(t, "throttled_usec", o->cg->parent ? g.throttled_ns / USEC : 0);
	return 0;
}

/* cpu.weight 100 is what a thread of nice 0 weighs. */
#define SHARES_OF_100 GROUP_SHARES_DEFAULT

static int show_weight(struct text *t, struct cgroup_open *o)
{
	u32 weight = (o->cg->sched.shares * 100 + SHARES_OF_100 / 2) / SHARES_OF_100;
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
static int store_weight(struct cgroup_open *o, char *s)
{
	u64 v;
	int err = str_to_u64(s, 0, &v);
	if (err)
		return err;
	if (v < 1 || v > 10000)
		return -ERANGE;
	return set_shares(o->cg, ((u32)v * SHARES_OF_100 + 50) / 100);
}

static int show_weight_nice(struct text *t, struct cgroup_open *o)
{
	text_printf(t, "%d\n", sched_shares_nice(o->cg->sched.shares));
	return 0;
}
static int store_weight_nice(struct cgroup_open *o, char *s)
{
	s32 nice;
	int err = cgroup_parse_int(s, &nice);
	if (err)
		return err;
	if (nice < -20 || nice > 19)
		return -ERANGE;
	return set_shares(o->cg, sched_nice_shares(nice));
}

static int show_idle(struct text *t, struct cgroup_open *o)
{
	text_printf(t, "%d\n", o->cg->sched.idle);
	return 0;
}
static int store_idle(struct cgroup_open *o, char *s)
{
	s32 v;
	int err = cgroup_parse_int(s, &v);
	if (err || (v != 0 && v != 1))
		return err ? err : -EINVAL;
	sched_group_set_idle(&o->cg->sched, v);
	return 0;
}

static int show_max(struct text *t, struct cgroup_open *o)
{
	struct sched_group g;
	sched_group_read(&o->cg->sched, &g);
	if (g.quota == GROUP_NO_QUOTA)
		text_printf(t, "max %lu\n", g.period / USEC);
	else
		text_printf(t, "%lu %lu\n", g.quota / USEC, g.period / USEC);
	return 0;
}
/* "QUOTA|max [PERIOD]" in microseconds. */
static int store_max(struct cgroup_open *o, char *s)
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

static int show_burst(struct text *t, struct cgroup_open *o)
{
	text_printf(t, "%lu\n", o->cg->sched.burst / USEC);
	return 0;
}
/* Microseconds, at most the quota. */
static int store_burst(struct cgroup_open *o, char *s)
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

#define CPU(n, r, w) { .name = "cpu." n, .flags = CGF_NOT_ON_ROOT, .controller = BIT(CGC_CPU), .event = CGE_NONE, .show = r, .store = w }
static const struct cgroup_file files[] = {
	{ .name = "cpu.stat", .event = CGE_NONE, .show = show_stat },
	{ .name = "cpu.stat.local", .event = CGE_NONE, .show = show_stat_local },
	CPU("weight", show_weight, store_weight),
	CPU("weight.nice", show_weight_nice, store_weight_nice),
	CPU("idle", show_idle, store_idle),
	CPU("max", show_max, store_max),
	CPU("max.burst", show_burst, store_burst),
};
const struct cgroup_file_table cgroup_cpu_files = { files, ARRAY_SIZE(files) };
