/*
 * A trace as one page that needs nothing else: the page (host/page) with the data in it. The data's keys are short, because there is one object per life:
 *
 *   t tid   g process   p creator's index or -1   n command line   cm name   b birth began   e birth over   d died   z reaped   s wait status
 *   k call   f flags   x exit signal   a,u ns of allocation and publishing   m modes   st ns per step   tb,vm,fd shared tables, mappings; descriptors
 *   w ns its creator waited   c copies   us usage   rp,rh reaper   kl killer   ro reparenting   v vfork waits   r times on a CPU   q times it waited for one
 *   sp ns running, waiting, blocked   om killed for want of memory   ex execs   bf failed births
 */
#define _GNU_SOURCE
#include "trace_write.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MARK "@DATA@"
#define MEM_POINTS 600

extern const char trace_page[], trace_page_end[];

/* A stretch of a life's time; sorted by life, then time. */
struct stretch {
	uint32_t life;
	uint64_t from, to;
};
struct stretches {
	struct stretch *list;
	size_t count, room;
	bool failed;
};

static void add(struct stretches *s, uint32_t life, uint64_t from, uint64_t to)
{
	struct stretch *more;

	if (s->count == s->room) {
		more = realloc(s->list, (s->room * 2 + 256) * sizeof(*more));
		if (!more) {
			s->failed = true;
			return;
		}
		s->list = more;
		s->room = s->room * 2 + 256;
	}
	s->list[s->count++] = (struct stretch){ life, from, to };
}

static int by_life(const void *a, const void *b)
{
	const struct stretch *x = a, *y = b;

	if (x->life != y->life)
		return x->life < y->life ? -1 : 1;
	return x->from < y->from ? -1 : x->from > y->from;
}

/* Times on a CPU, and those when it could have had one. */
struct sched {
	struct stretches runs, readies;
};

static void collect(void *ctx, uint32_t life, enum trace_stretch_kind kind, uint64_t from, uint64_t to)
{
	struct sched *s = ctx;

	if (kind != STRETCH_BLOCKED)
		add(kind == STRETCH_RUN ? &s->runs : &s->readies, life, from, to);
}

static void collect_waits(const struct trace_model *m, struct stretches *s)
{
	uint64_t *since = calloc(m->lives + 1, sizeof(*since));
	uint32_t life;
	size_t i;

	s->failed |= !since;
	for (i = 0; since && i < m->log->count; i++) {
		const struct trace_head *h = trace_log_at(m->log, i);

		life = m->event_life[i];
		if (h->type == TRACE_vfork_wait) {
			since[life] = h->ts;
		} else if (h->type == TRACE_vfork_done && since[life]) {
			add(s, life, since[life], h->ts);
			since[life] = 0;
		}
	}
	for (life = 0; since && life < m->lives; life++)
		if (since[life])
			add(s, life, since[life], 0);
	free(since);
}

/* ---- one life -------------------------------------------------------------------------------------------------------------------------- */

static void put_string(FILE *f, const char *key, const char *text, size_t len)
{
	fprintf(f, "%s\"", key);
	trace_put_json(f, text, strnlen(text, len));
	fputc('"', f);
}

static void put_birth(const struct trace_life *l, FILE *f)
{
	const struct trace_birth *b = l->birth;
	const char *signal = trace_signal_name(b->exit_signal);
	unsigned i, n = b->steps < STEPS_MAX ? b->steps : STEPS_MAX;

	fprintf(f, ",\"k\":%u,\"f\":\"%" PRIu64 "\",\"e\":%" PRIu64 ",\"x\":%u", b->call, b->flags, b->h.ts, b->exit_signal);
	if (signal)
		put_string(f, ",\"xn\":", signal, 32);
	fprintf(f, ",\"a\":%" PRIu32 ",\"u\":%" PRIu32 ",\"tb\":%" PRIu32 ",\"vm\":%" PRIu32 ",\"fd\":%" PRIu32 ",\"m\":\"", b->alloc_ns, b->publish_ns,
		b->tables, b->vmas, b->fds);
	for (i = 0; i < n; i++)
		fputc('0' + (b->mode[i] & 3), f);
	fputs("\",\"st\":[", f);
	for (i = 0; i < n; i++)
		fprintf(f, "%s%" PRIu32, i ? "," : "", b->step_ns[i]);
	fputc(']', f);
}

static void put_end(const struct trace_life *l, FILE *f)
{
	const struct trace_exit *e = l->exit;
	const char *signal = e ? trace_signal_name(e->status & 0x7f) : NULL;

	if (e)
		fprintf(f, ",\"d\":%" PRIu64 ",\"s\":%" PRId32 ",\"us\":[%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]", l->died, e->status, e->utime,
			e->stime, e->maxrss, e->minflt + e->majflt);
	if (signal)
		put_string(f, ",\"sn\":", signal, 32);
	if (e && l->gone)
		fprintf(f, ",\"z\":%" PRIu64, l->gone);
	if (l->reap)
		fprintf(f, ",\"rp\":%" PRId32 ",\"rh\":%" PRIu32, l->reap->h.tid, l->reap->how);
	if (l->killed)
		fprintf(f, ",\"kl\":[%" PRId32 ",%" PRId32 "]", l->killed->signal, l->killed->sender);
	if (l->oom)
		fputs(",\"om\":1", f);
	if (l->spent[STRETCH_RUN])
		fprintf(f, ",\"sp\":[%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]", l->spent[STRETCH_RUN], l->spent[STRETCH_READY], l->spent[STRETCH_BLOCKED]);
	if (l->reparent)
		fprintf(f, ",\"ro\":[%" PRId32 ",%" PRId32 "]", l->reparent->old, l->reparent->parent);
}

static void put_exec(const struct trace_exec *e, FILE *f)
{
	const struct trace_head *last = e->commit ? &e->commit->h : e->fail ? &e->fail->h : NULL;
	unsigned i;

	fprintf(f, "{\"a\":%" PRIu64 ",\"b\":%" PRIu64, e->plan ? e->plan->start : last ? last->ts : 0, last ? last->ts : e->plan ? e->plan->h.ts : 0);
	if (e->plan)
		put_string(f, ",\"p\":", trace_text(&e->plan->h), trace_text_size(&e->plan->h));
	for (i = 0; i < e->interps; i++)
		put_string(f, i ? "," : ",\"i\":[", trace_text(&e->interp[i]->h), trace_text_size(&e->interp[i]->h));
	if (e->interps)
		fputc(']', f);
	if (e->commit)
		fprintf(f, ",\"ok\":1,\"pl\":%" PRIu64 ",\"vm\":%" PRIu32 ",\"pg\":%" PRIu64, e->commit->plan_ns, e->commit->vmas, e->commit->pages);
	else
		put_string(f, ",\"er\":", e->fail && trace_errno_name(e->fail->error) ? trace_errno_name(e->fail->error) : "not over", 32);
	fputc('}', f);
}

static void put_lists(const struct trace_model *m, const struct trace_life *l, FILE *f)
{
	const struct trace_birth_fail *b;
	uint32_t i;

	for (i = l->first_exec; i != NO_LIFE; i = m->exec[i].next) {
		fputs(i == l->first_exec ? ",\"ex\":[" : ",", f);
		put_exec(&m->exec[i], f);
	}
	if (l->first_exec != NO_LIFE)
		fputc(']', f);
	for (i = l->first_fail; i != NO_LIFE; i = m->fail[i].next) {
		b = m->fail[i].e;
		fprintf(f, "%s[%" PRIu64 ",%u", i == l->first_fail ? ",\"bf\":[" : ",", b->h.ts, b->call);
		put_string(f, ",", trace_errno_name(b->error) ? trace_errno_name(b->error) : "?", 32);
		put_string(f, ",", b->step < STEPS_MAX ? trace_step_name(m, b->step) : "", 32);
		fputc(']', f);
	}
	if (l->first_fail != NO_LIFE)
		fputc(']', f);
}

/* Of the stretches from *at on, those of this life; those of earlier ones are passed over. */
static void put_stretches(const struct stretches *s, size_t *at, uint32_t life, const char *key, const char *between, FILE *f)
{
	const char *sep = "";

	while (*at < s->count && s->list[*at].life < life)
		++*at;
	fprintf(f, ",\"%s\":[", key);
	for (; *at < s->count && s->list[*at].life == life; ++*at) {
		fprintf(f, "%s%s%" PRIu64 ",%" PRIu64 "%s", sep, between[0] ? "[" : "", s->list[*at].from, s->list[*at].to, between[0] ? "]" : "");
		sep = ",";
	}
	fputc(']', f);
}

/* What is shown: the lives of the view and their places in the page's list. */
struct shown {
	bool *in;
	uint32_t *place;
	uint32_t count;
};

static bool choose_shown(struct shown *s, const struct trace_model *m, const struct trace_view *v)
{
	uint32_t i;

	s->in = trace_view_lives(m, v);
	s->place = calloc(m->lives + 1, sizeof(*s->place));
	s->count = 0;
	for (i = 0; s->in && s->place && i < m->lives; i++)
		s->place[i] = s->in[i] ? s->count++ : NO_LIFE;
	return s->in && s->place;
}

static void put_life(const struct trace_model *m, const struct shown *s, uint32_t at, FILE *f)
{
	const struct trace_life *l = &m->life[at];
	uint32_t creator = l->creator == NO_LIFE ? NO_LIFE : s->place[l->creator];
	const struct trace_cow *c = &l->cow;
	char cmd[1200];

	trace_command(m, l, cmd, sizeof(cmd));
	fprintf(f, "%s{\"t\":%" PRId32 ",\"g\":%" PRId32 ",\"p\":%" PRId64 ",\"b\":%" PRIu64, s->place[at] ? ",\n" : "", l->tid, l->tgid,
		creator == NO_LIFE ? -1 : (int64_t)creator, l->born);
	put_string(f, ",\"n\":", cmd, sizeof(cmd));
	put_string(f, ",\"cm\":", l->comm, sizeof(l->comm));
	if (l->birth)
		put_birth(l, f);
	put_end(l, f);
	if (l->vfork_ns)
		fprintf(f, ",\"w\":%" PRIu64, l->vfork_ns);
	fprintf(f, ",\"c\":[%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]", c->copied, c->taken, c->zero, c->file,
		c->by_creator, c->tables, c->entries);
	put_lists(m, l, f);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------------------- */

/* Page tables that forks shared, and what has been copied since, added up at equal distances. */
static void put_memory(const struct trace_model *m, FILE *f)
{
	static uint64_t shared[MEM_POINTS], copied[MEM_POINTS];
	uint64_t from = m->lives ? m->life[0].born : 0, step, sum = 0;
	unsigned k;
	size_t i;

	from = from < m->first_ns ? from : m->first_ns;
	step = (m->last_ns - from) / MEM_POINTS + 1;
	memset(shared, 0, sizeof(shared));
	memset(copied, 0, sizeof(copied));
	for (i = 0; i < m->log->count; i++) {
		const struct trace_head *h = trace_log_at(m->log, i);
		const struct trace_cow_fault *c = (const void *)h;
		const struct trace_birth *b = (const void *)h;

		k = h->ts < from ? 0 : (unsigned)((h->ts - from) / step < MEM_POINTS ? (h->ts - from) / step : MEM_POINTS - 1);
		if (h->type == TRACE_birth)
			shared[k] += b->tables;
		else if ((h->type == TRACE_cow_fault && c->kind == 0) || h->type == TRACE_pt_unshare)
			copied[k]++;
	}
	fprintf(f, "\"mem\":{\"from\":%" PRIu64 ",\"step\":%" PRIu64 ",\"shared\":[", from, step);
	for (k = 0; k < MEM_POINTS; k++)
		fprintf(f, "%s%" PRIu64, k ? "," : "", sum += shared[k]);
	fputs("],\"copied\":[", f);
	for (sum = 0, k = 0; k < MEM_POINTS; k++)
		fprintf(f, "%s%" PRIu64, k ? "," : "", sum += copied[k]);
	fputs("]}", f);
}

static void put_head(const struct trace_model *m, const char *title, bool sched, FILE *f)
{
	const struct trace_log *l = m->log;
	uint32_t i;

	put_string(f, "{\"title\":", title, 4096);
	fprintf(f,
		",\"cpus\":%" PRIu32 ",\"first\":%" PRIu64 ",\"last\":%" PRIu64 ",\"births\":%" PRIu32 ",\"execs\":%" PRIu32 ",\"exits\":%" PRIu32
		",\"lost\":%" PRIu64 ",\"complete\":%s,\"sched\":%s,\"steps\":[",
		l->head.cpus, m->first_ns, m->last_ns, m->births, m->good_execs, m->exits, l->lost, l->ended ? "true" : "false", sched ? "true" : "false");
	for (i = 0; i < m->steps; i++)
		put_string(f, i ? "," : "", trace_step_name(m, i), 16);
	fputs("],", f);
	if (l->damage) {
		put_string(f, "\"damage\":", l->damage, 200);
		fputc(',', f);
	}
}

static void put_data(
	const struct trace_model *m, const char *title, const struct shown *shown, const struct sched *s, const struct stretches *waits, FILE *f)
{
	size_t run = 0, ready = 0, wait = 0;
	uint32_t i;

	put_head(m, title, m->sched, f);
	put_memory(m, f);
	fputs(",\"lives\":[\n", f);
	for (i = 0; i < m->lives; i++) {
		if (!shown->in[i])
			continue;
		put_life(m, shown, i, f);
		if (m->sched) {
			put_stretches(&s->runs, &run, i, "r", "", f);
			put_stretches(&s->readies, &ready, i, "q", "", f);
		}
		if (waits->count)
			put_stretches(waits, &wait, i, "v", "[]", f);
		fputc('}', f);
	}
	fputs("]}", f);
}

static void sort(struct stretches *s)
{
	if (s->count)
		qsort(s->list, s->count, sizeof(*s->list), by_life);
}

int trace_write_html(const struct trace_model *m, const struct trace_view *v, const char *title, FILE *f)
{
	size_t size = (size_t)(trace_page_end - trace_page);
	const char *mark = memmem(trace_page, size, MARK, strlen(MARK));
	struct sched s = { .runs = { .count = 0 } };
	struct stretches waits = { .count = 0 };
	struct shown shown;
	bool failed = !choose_shown(&shown, m, v) || !mark || !trace_sched_walk(m, collect, &s);

	collect_waits(m, &waits);
	failed |= s.runs.failed || s.readies.failed || waits.failed;
	sort(&s.runs);
	sort(&s.readies);
	sort(&waits);
	if (!failed) {
		fwrite(trace_page, 1, (size_t)(mark - trace_page), f);
		put_data(m, title, &shown, &s, &waits, f);
		mark += strlen(MARK);
		fwrite(mark, 1, (size_t)(trace_page_end - mark), f);
	}
	free(s.runs.list);
	free(s.readies.list);
	free(waits.list);
	free(shown.in);
	free(shown.place);
	return failed || fflush(f) != 0 || ferror(f) ? -1 : 0;
}
