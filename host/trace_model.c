/* The lives of a trace; see trace_model.h. One walk over the records in order of time. */
#define _GNU_SOURCE
#include "trace_model.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a map from numbers to lives ------------------------------------------------------------------------------------------------------- */

struct trace_map {
	size_t room, used; /* room: a power of two */
	struct {
		uint32_t key, value; /* value NO_LIFE: empty */
	} slot[];
};

static size_t slot_of(const struct trace_map *map, uint32_t key)
{
	size_t i = (key * 0x9e3779b1u) & (map->room - 1);

	while (map->slot[i].value != NO_LIFE && map->slot[i].key != key)
		i = (i + 1) & (map->room - 1);
	return i;
}

static uint32_t map_get(const struct trace_map *map, uint32_t key) { return map ? map->slot[slot_of(map, key)].value : NO_LIFE; }

static struct trace_map *map_new(size_t room)
{
	struct trace_map *map = malloc(sizeof(*map) + room * sizeof(map->slot[0]));
	size_t i;

	if (!map)
		return NULL;
	map->room = room;
	map->used = 0;
	for (i = 0; i < room; i++)
		map->slot[i].value = NO_LIFE;
	return map;
}

static int map_set(struct trace_map **map, uint32_t key, uint32_t value)
{
	struct trace_map *more;
	size_t i;

	if (!*map || (*map)->used * 2 >= (*map)->room) {
		more = map_new(*map ? (*map)->room * 2 : 256);
		if (!more)
			return -1;
		for (i = 0; *map && i < (*map)->room; i++)
			if ((*map)->slot[i].value != NO_LIFE) {
				size_t to = slot_of(more, (*map)->slot[i].key);

				more->slot[to].key = (*map)->slot[i].key;
				more->slot[to].value = (*map)->slot[i].value;
				more->used++;
			}
		free(*map);
		*map = more;
	}
	i = slot_of(*map, key);
	if ((*map)->slot[i].value == NO_LIFE)
		(*map)->used++;
	(*map)->slot[i].key = key;
	(*map)->slot[i].value = value;
	return 0;
}

/* ---- lives ----------------------------------------------------------------------------------------------------------------------------- */

static void *grow(void *list, uint32_t *room, uint32_t count, size_t size)
{
	uint32_t more = *room ? *room * 2 : 64;
	void *p;

	if (count < *room)
		return list;
	p = realloc(list, more * size);
	if (p)
		*room = more;
	return p;
}

static uint32_t new_life(struct trace_model *m, int32_t tid, uint64_t ts)
{
	struct trace_life *more = grow(m->life, &m->life_room, m->lives, sizeof(*more)), *l;

	if (!more)
		return NO_LIFE;
	m->life = more;
	l = &more[m->lives];
	memset(l, 0, sizeof(*l));
	l->tid = l->tgid = tid;
	l->creator = l->first_child = l->last_child = l->next_sibling = l->first_exec = l->last_exec = l->first_fail = l->last_fail = NO_LIFE;
	l->born = ts;
	snprintf(l->comm, sizeof(l->comm), "%s", tid == 0 ? "swapper" : "?");
	snprintf(l->first_comm, sizeof(l->first_comm), "%s", l->comm);
	if (map_set(&m->by_tid, (uint32_t)tid, m->lives) != 0)
		return NO_LIFE;
	return m->lives++;
}

/* The life that has this tid now; one that began before the trace is made up. NO_LIFE: out of memory. */
static uint32_t life_of(struct trace_model *m, int32_t tid, uint64_t ts)
{
	uint32_t at = map_get(m->by_tid, (uint32_t)tid);

	return at != NO_LIFE ? at : new_life(m, tid, ts);
}

static void set_comm(char *to, const char *from)
{
	memcpy(to, from, 16);
	to[16] = '\0';
}

static int on_birth(struct trace_model *m, uint32_t by, const struct trace_birth *e)
{
	uint32_t at = new_life(m, e->child, e->start), *link;
	struct trace_life *l, *creator;

	if (at == NO_LIFE)
		return -1;
	l = &m->life[at];
	creator = &m->life[by];
	l->tgid = e->tgid;
	l->birth = e;
	l->creator = by;
	set_comm(l->comm, e->comm);
	set_comm(l->first_comm, e->comm);
	link = creator->last_child == NO_LIFE ? &creator->first_child : &m->life[creator->last_child].next_sibling;
	*link = at;
	creator->last_child = at;
	creator->children++;
	m->births++;
	return e->fork_id ? map_set(&m->by_fork, e->fork_id, at) : 0;
}

static int on_birth_fail(struct trace_model *m, uint32_t by, const struct trace_birth_fail *e)
{
	struct trace_failed_birth *more = grow(m->fail, &m->fail_room, m->fails, sizeof(*more));
	struct trace_life *l = &m->life[by];

	if (!more)
		return -1;
	m->fail = more;
	more[m->fails] = (struct trace_failed_birth){ e, NO_LIFE };
	*(l->last_fail == NO_LIFE ? &l->first_fail : &more[l->last_fail].next) = m->fails;
	l->last_fail = m->fails++;
	return 0;
}

/* The exec that `by` is in; a new one when `begin` or when there is none. */
static struct trace_exec *exec_of(struct trace_model *m, uint32_t by, bool begin)
{
	struct trace_life *l = &m->life[by];
	struct trace_exec *more, *e = l->last_exec == NO_LIFE ? NULL : &m->exec[l->last_exec];
	uint32_t *link;

	if (!begin && e && !e->commit && !e->fail)
		return e;
	more = grow(m->exec, &m->exec_room, m->execs, sizeof(*more));
	if (!more)
		return NULL;
	m->exec = more;
	e = &more[m->execs];
	memset(e, 0, sizeof(*e));
	e->life = by;
	e->next = NO_LIFE;
	link = l->last_exec == NO_LIFE ? &l->first_exec : &m->exec[l->last_exec].next;
	*link = m->execs;
	l->last_exec = m->execs++;
	return e;
}

static int on_exec(struct trace_model *m, uint32_t by, const struct trace_head *h)
{
	struct trace_exec *e = exec_of(m, by, h->type == TRACE_exec_plan);

	if (!e)
		return -1;
	switch (h->type) {
	case TRACE_exec_plan:
		e->plan = (const void *)h;
		break;
	case TRACE_exec_interp:
		if (e->interps < sizeof(e->interp) / sizeof(e->interp[0]))
			e->interp[e->interps++] = (const void *)h;
		break;
	case TRACE_exec_commit:
		e->commit = (const void *)h;
		m->good_execs++;
		break;
	default:
		e->fail = (const void *)h;
		m->life[by].failed_execs++;
		m->failed_execs++;
	}
	return 0;
}

static void on_cow(struct trace_model *m, uint32_t by, const struct trace_cow_fault *e)
{
	uint32_t at = e->fork_id ? map_get(m->by_fork, e->fork_id) : NO_LIFE;
	struct trace_cow *c;

	/* A page of zeroes or of a file would be copied without any fork, too. */
	if (e->kind > 1 || at == NO_LIFE)
		at = by;
	c = &m->life[at].cow;
	switch (e->kind) {
	case 0:
		c->copied++;
		c->by_creator += at != by && m->life[at].creator == by;
		break;
	case 1:
		c->taken++;
		break;
	case 2:
		c->zero++;
		break;
	default:
		c->file++;
	}
}

static void on_unshare(struct trace_model *m, const struct trace_pt_unshare *e)
{
	uint32_t at = e->fork_id ? map_get(m->by_fork, e->fork_id) : NO_LIFE;

	if (at == NO_LIFE) {
		m->stray_tables++;
		return;
	}
	m->life[at].cow.tables++;
	m->life[at].cow.entries += e->entries;
}

/* A thread that execs takes its dead leader's number. */
static int take_number(struct trace_model *m, const struct trace_exec_commit *e, uint32_t *by)
{
	uint32_t old = map_get(m->by_tid, (uint32_t)e->old_tid), leader = map_get(m->by_tid, (uint32_t)e->h.tid);

	if (e->old_tid == e->h.tid || old == NO_LIFE)
		return 0;
	if (leader != NO_LIFE)
		m->life[leader].gone = e->h.ts;
	m->life[old].tid = e->h.tid;
	*by = old;
	return map_set(&m->by_tid, (uint32_t)e->h.tid, old);
}

static int on_end(struct trace_model *m, uint32_t by, const struct trace_head *h)
{
	struct trace_life *l = &m->life[by];
	const struct trace_reap *r = (const void *)h;
	const struct trace_killed *k = (const void *)h;
	const struct trace_reparent *p = (const void *)h;
	const struct trace_oom_kill *o = (const void *)h;
	uint32_t at;

	switch (h->type) {
	case TRACE_exit:
		l->exit = (const void *)h;
		l->died = h->ts;
		m->exits++;
		return 0;
	case TRACE_reap:
		at = life_of(m, r->target, h->ts);
		if (at == NO_LIFE)
			return -1;
		m->life[at].reap = r;
		m->life[at].gone = h->ts;
		m->reaps++;
		return 0;
	case TRACE_oom_kill:
		at = life_of(m, o->target, h->ts);
		if (at == NO_LIFE)
			return -1;
		m->life[at].oom = o;
		return 0;
	case TRACE_killed:
		at = life_of(m, k->target, h->ts);
		if (at == NO_LIFE)
			return -1;
		m->life[at].killed = k;
		return 0;
	default:
		at = life_of(m, p->child, h->ts);
		if (at == NO_LIFE)
			return -1;
		m->life[at].reparent = p;
		return 0;
	}
}

static int on_fork_event(struct trace_model *m, uint32_t by, const struct trace_head *h)
{
	const struct trace_vfork_done *d = (const void *)h;
	const struct trace_comm *c = (const void *)h;
	uint32_t at;

	switch (h->type) {
	case TRACE_birth:
		return on_birth(m, by, (const void *)h);
	case TRACE_birth_fail:
		return on_birth_fail(m, by, (const void *)h);
	case TRACE_vfork_wait:
		m->life[by].waiting = true;
		return 0;
	case TRACE_vfork_done:
		m->life[by].waiting = false;
		at = life_of(m, d->child, h->ts);
		if (at != NO_LIFE)
			m->life[at].vfork_ns = d->ns;
		return at == NO_LIFE ? -1 : 0;
	default:
		at = life_of(m, c->target, h->ts);
		if (at != NO_LIFE)
			set_comm(m->life[at].comm, c->comm);
		return at == NO_LIFE ? -1 : 0;
	}
}

/* A number can be used again, so whom it means is remembered. */
static int on_sched(struct trace_model *m, size_t i, const struct trace_head *h)
{
	const struct trace_sched_switch *s = (const void *)h;
	const struct trace_sched_wakeup *w = (const void *)h;

	m->sched = true;
	m->event_other[i] = life_of(m, h->type == TRACE_sched_switch ? s->next : w->target, h->ts);
	return m->event_other[i] == NO_LIFE ? -1 : 0;
}

static void add_up(void *ctx, uint32_t life, enum trace_stretch_kind kind, uint64_t from, uint64_t to)
{
	struct trace_model *m = ctx;

	m->life[life].spent[kind] += to - from;
}

static void on_step_name(struct trace_model *m, const struct trace_step_name *e)
{
	if (e->step >= STEPS_MAX)
		return;
	snprintf(m->step_name[e->step], sizeof(m->step_name[0]), "%s", trace_text(&e->h));
	m->steps = e->step + 1 > m->steps ? e->step + 1 : m->steps;
}

/* The first record of a life tells what belongs to the task only if the task did it: the idle task's are interrupts. */
static int take(struct trace_model *m, size_t i)
{
	const struct trace_head *h = trace_log_at(m->log, i);
	uint32_t by = life_of(m, h->tid, h->ts);
	int r = 0;

	if (by == NO_LIFE)
		return -1;
	if (h->type == TRACE_exec_commit && take_number(m, (const void *)h, &by) != 0)
		return -1;
	m->event_life[i] = by;
	switch (h->type) {
	case TRACE_step_name:
		on_step_name(m, (const void *)h);
		break;
	case TRACE_birth:
	case TRACE_birth_fail:
	case TRACE_vfork_wait:
	case TRACE_vfork_done:
	case TRACE_comm:
		r = on_fork_event(m, by, h);
		break;
	case TRACE_exec_plan:
	case TRACE_exec_interp:
	case TRACE_exec_commit:
	case TRACE_exec_fail:
		r = on_exec(m, by, h);
		break;
	case TRACE_exit:
	case TRACE_reap:
	case TRACE_killed:
	case TRACE_oom_kill:
	case TRACE_reparent:
		r = on_end(m, by, h);
		break;
	case TRACE_sched_switch:
	case TRACE_sched_wakeup:
		r = on_sched(m, i, h);
		break;
	case TRACE_cow_fault:
		on_cow(m, by, (const void *)h);
		break;
	case TRACE_pt_unshare:
		on_unshare(m, (const void *)h);
		break;
	}
	return r;
}

int trace_model_build(struct trace_model *m, const struct trace_log *log)
{
	size_t i;

	memset(m, 0, sizeof(*m));
	m->log = log;
	m->event_life = calloc(log->count ? log->count : 1, sizeof(*m->event_life));
	m->event_other = calloc(log->count ? log->count : 1, sizeof(*m->event_other));
	if (!m->event_life || !m->event_other)
		return -1;
	for (i = 0; i < log->count; i++)
		if (take(m, i) != 0)
			return -1;
	if (log->count) {
		m->first_ns = trace_log_at(log, 0)->ts;
		m->last_ns = trace_log_at(log, log->count - 1)->ts;
	}
	return m->sched && !trace_sched_walk(m, add_up, m) ? -1 : 0;
}

void trace_model_free(struct trace_model *m)
{
	free(m->life);
	free(m->exec);
	free(m->fail);
	free(m->event_life);
	free(m->event_other);
	free(m->by_tid);
	free(m->by_fork);
	memset(m, 0, sizeof(*m));
}

uint32_t trace_model_find(const struct trace_model *m, int32_t tid) { return map_get(m->by_tid, (uint32_t)tid); }

/* ---- words ----------------------------------------------------------------------------------------------------------------------------- */

const char *trace_call_name(unsigned call)
{
	static const char *const names[] = { "boot", "fork", "vfork", "clone", "clone3", "kernel thread", "user-mode thread" };

	return call < sizeof(names) / sizeof(names[0]) ? names[call] : "?";
}

const char *trace_mode_name(unsigned mode)
{
	static const char *const names[] = { "none", "shared", "copied", "fresh" };

	return mode < 4 ? names[mode] : "?";
}

const char *trace_flag_name(unsigned bit)
{
	static const char *const names[] = {
		[7] = "NEWTIME",
		[8] = "VM",
		[9] = "FS",
		[10] = "FILES",
		[11] = "SIGHAND",
		[12] = "PIDFD",
		[13] = "PTRACE",
		[14] = "VFORK",
		[15] = "PARENT",
		[16] = "THREAD",
		[17] = "NEWNS",
		[18] = "SYSVSEM",
		[19] = "SETTLS",
		[20] = "PARENT_SETTID",
		[21] = "CHILD_CLEARTID",
		[22] = "DETACHED",
		[23] = "UNTRACED",
		[24] = "CHILD_SETTID",
		[25] = "NEWCGROUP",
		[26] = "NEWUTS",
		[27] = "NEWIPC",
		[28] = "NEWUSER",
		[29] = "NEWPID",
		[30] = "NEWNET",
		[31] = "IO",
		[32] = "CLEAR_SIGHAND",
		[33] = "INTO_CGROUP",
	};

	return bit < sizeof(names) / sizeof(names[0]) ? names[bit] : NULL;
}

const char *trace_signal_name(int sig)
{
	static char text[16];
	const char *name = sig > 0 && sig < 65 ? sigabbrev_np(sig) : NULL;

	if (name)
		snprintf(text, sizeof(text), "SIG%s", name);
	else if (sig >= 34 && sig <= 64)
		snprintf(text, sizeof(text), "SIGRT%d", sig);
	else
		return NULL;
	return text;
}

const char *trace_errno_name(int err) { return strerrorname_np(err < 0 ? -err : err); }

const char *trace_step_name(const struct trace_model *m, unsigned step)
{
	return step < STEPS_MAX && m->step_name[step][0] ? m->step_name[step] : "?";
}

/* One argument, quoted if a shell would need it. Returns the new end. */
static size_t put_argument(char *buf, size_t at, size_t size, const char *arg)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=/.,:@%^";
	bool quote = !*arg || arg[strspn(arg, plain)];

	if (quote && at < size)
		buf[at++] = '\'';
	for (; *arg && at < size; arg++)
		buf[at++] = *arg == '\n' ? ' ' : *arg;
	if (quote && at < size)
		buf[at++] = '\'';
	return at;
}

/* The last exec that worked. */
static const struct trace_exec_commit *last_commit(const struct trace_model *m, const struct trace_life *l)
{
	const struct trace_exec_commit *c = NULL;
	uint32_t i;

	for (i = l->first_exec; i != NO_LIFE; i = m->exec[i].next)
		if (m->exec[i].commit)
			c = m->exec[i].commit;
	return c;
}

const char *trace_command(const struct trace_model *m, const struct trace_life *l, char *buf, size_t size)
{
	const struct trace_exec_commit *c = last_commit(m, l);
	size_t left = c ? trace_text_size(&c->h) : 0, at = 0;
	const char *arg = c ? trace_text(&c->h) : "";
	uint32_t i;

	for (i = 0; c && i < c->args && left; i++) {
		size_t len = strnlen(arg, left);

		if (len == left)
			break;
		if (i && at < size - 1)
			buf[at++] = ' ';
		at = put_argument(buf, at, size - 1, arg);
		arg += len + 1;
		left -= len + 1;
	}
	buf[at] = '\0';
	if (at == 0)
		snprintf(buf, size, l->birth && l->birth->call == 5 ? "[%s]" : "%s", l->comm);
	return buf;
}
