/*
 * A trace in Perfetto's format, for ui.perfetto.dev and trace_processor: a track per thread with slices for its life, forks, vfork waits, execs and its time as
 * a zombie; flows from the fork to the child's life; copy-on-write faults and kills as instants; with the class sched a track per CPU.
 */
#define _GNU_SOURCE
#include "trace_write.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gen/host/perfetto.pb-c.h"

#define NOTES_MAX 32
#define CPU_TRACKS (1ull << 40)
#define PROCESS_TRACKS (1ull << 41)

/* Packets are packed as they come and written in order of time. */
struct packets {
	uint8_t *data;
	size_t len, room;
	struct packet {
		uint64_t ts;
		size_t at, len;
	} * list;
	size_t count, list_room;
	bool failed; /* out of memory */
};

struct notes {
	Perfetto__DebugAnnotation note[NOTES_MAX], *list[NOTES_MAX];
	size_t n;
};

/* ---- packets --------------------------------------------------------------------------------------------------------------------------- */

static bool room_for(struct packets *p, size_t len)
{
	size_t room = p->room ? p->room : 1 << 16;

	while (room < p->len + len)
		room *= 2;
	if (room != p->room) {
		uint8_t *more = realloc(p->data, room);

		if (!more)
			return false;
		p->data = more;
		p->room = room;
	}
	if (p->count == p->list_room) {
		struct packet *more = realloc(p->list, (p->list_room * 2 + 1024) * sizeof(*more));

		if (!more)
			return false;
		p->list = more;
		p->list_room = p->list_room * 2 + 1024;
	}
	return true;
}

/* A trace is a row of traces of one packet each. */
static void add(struct packets *p, Perfetto__TracePacket *packet, uint64_t ts)
{
	Perfetto__Trace t = PERFETTO__TRACE__INIT;
	size_t len;

	packet->has_trusted_packet_sequence_id = true;
	packet->trusted_packet_sequence_id = 1;
	if (p->count == 0) {
		packet->has_sequence_flags = true;
		packet->sequence_flags = 1;
	}
	t.packet = &packet;
	t.n_packet = 1;
	len = perfetto__trace__get_packed_size(&t);
	if (p->failed || !room_for(p, len)) {
		p->failed = true;
		return;
	}
	perfetto__trace__pack(&t, p->data + p->len);
	p->list[p->count++] = (struct packet){ ts, p->len, len };
	p->len += len;
}

static void add_event(struct packets *p, Perfetto__TrackEvent *e, Perfetto__TrackEvent__Type type, uint64_t track, uint64_t ts, const char *category)
{
	Perfetto__TracePacket packet = PERFETTO__TRACE_PACKET__INIT;
	char *categories[1] = { (char *)(uintptr_t)category };

	packet.has_timestamp = true;
	packet.timestamp = ts;
	packet.track_event = e;
	e->has_type = e->has_track_uuid = true;
	e->type = type;
	e->track_uuid = track;
	if (category) {
		e->categories = categories;
		e->n_categories = 1;
	}
	add(p, &packet, ts);
}

static void begin(struct packets *p, uint64_t track, uint64_t ts, const char *category, const char *name, struct notes *notes)
{
	Perfetto__TrackEvent e = PERFETTO__TRACK_EVENT__INIT;

	e.name = (char *)(uintptr_t)name;
	if (notes) {
		e.debug_annotations = notes->list;
		e.n_debug_annotations = notes->n;
	}
	add_event(p, &e, PERFETTO__TRACK_EVENT__TYPE__TYPE_SLICE_BEGIN, track, ts, category);
}

static void end(struct packets *p, uint64_t track, uint64_t ts)
{
	Perfetto__TrackEvent e = PERFETTO__TRACK_EVENT__INIT;

	add_event(p, &e, PERFETTO__TRACK_EVENT__TYPE__TYPE_SLICE_END, track, ts, NULL);
}

static void instant(struct packets *p, uint64_t track, uint64_t ts, const char *category, const char *name, struct notes *notes)
{
	Perfetto__TrackEvent e = PERFETTO__TRACK_EVENT__INIT;

	e.name = (char *)(uintptr_t)name;
	if (notes) {
		e.debug_annotations = notes->list;
		e.n_debug_annotations = notes->n;
	}
	add_event(p, &e, PERFETTO__TRACK_EVENT__TYPE__TYPE_INSTANT, track, ts, category);
}

static Perfetto__DebugAnnotation *note(struct notes *n, const char *name)
{
	Perfetto__DebugAnnotation *a = &n->note[n->n < NOTES_MAX ? n->n : NOTES_MAX - 1];

	perfetto__debug_annotation__init(a);
	a->name = (char *)(uintptr_t)name;
	if (n->n < NOTES_MAX) {
		n->list[n->n] = a;
		n->n++;
	}
	return a;
}

static void note_number(struct notes *n, const char *name, uint64_t value)
{
	Perfetto__DebugAnnotation *a = note(n, name);

	a->has_uint_value = true;
	a->uint_value = value;
}

static void note_int(struct notes *n, const char *name, int64_t value)
{
	Perfetto__DebugAnnotation *a = note(n, name);

	a->has_int_value = true;
	a->int_value = value;
}

static void note_text(struct notes *n, const char *name, const char *text) { note(n, name)->string_value = (char *)(uintptr_t)text; }

/* ---- tracks ---------------------------------------------------------------------------------------------------------------------------- */

static uint64_t track_of(uint32_t life) { return (uint64_t)life + 1; }

/* Strings in protobuf are UTF-8: what is not becomes '?'. To be freed. */
static char *clean(const char *text, size_t len)
{
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	if (!f)
		return NULL;
	trace_put_text(f, text, len, SIZE_MAX);
	return fclose(f) == 0 ? out : NULL;
}

static char *command_of(const struct trace_model *m, const struct trace_life *l)
{
	char buf[2048];

	trace_command(m, l, buf, sizeof(buf));
	return clean(buf, strlen(buf));
}

static void describe(struct packets *p, Perfetto__TrackDescriptor *d)
{
	Perfetto__TracePacket packet = PERFETTO__TRACE_PACKET__INIT;

	d->has_uuid = true;
	packet.track_descriptor = d;
	add(p, &packet, 0);
}

static void describe_life(struct packets *p, const struct trace_model *m, uint32_t at, char *command)
{
	const struct trace_life *l = &m->life[at];
	Perfetto__TrackDescriptor d = PERFETTO__TRACK_DESCRIPTOR__INIT, pd = PERFETTO__TRACK_DESCRIPTOR__INIT;
	Perfetto__ThreadDescriptor t = PERFETTO__THREAD_DESCRIPTOR__INIT;
	Perfetto__ProcessDescriptor pr = PERFETTO__PROCESS_DESCRIPTOR__INIT;
	char *comm = clean(l->comm, strlen(l->comm));

	if (l->tid == l->tgid) {
		pd.uuid = PROCESS_TRACKS + track_of(at);
		pd.process = &pr;
		pr.has_pid = true;
		pr.pid = l->tgid;
		pr.process_name = command;
		describe(p, &pd);
	}
	d.uuid = track_of(at);
	d.thread = &t;
	t.has_pid = t.has_tid = true;
	t.pid = l->tgid;
	t.tid = l->tid;
	t.thread_name = comm;
	describe(p, &d);
	free(comm);
}

static void describe_cpus(struct packets *p, const struct trace_model *m)
{
	uint32_t cpu;
	char name[16];

	for (cpu = 0; cpu < m->log->head.cpus; cpu++) {
		Perfetto__TrackDescriptor d = PERFETTO__TRACK_DESCRIPTOR__INIT;

		snprintf(name, sizeof(name), "CPU %" PRIu32, cpu);
		d.uuid = CPU_TRACKS + cpu;
		d.name = name;
		describe(p, &d);
	}
}

/* ---- slices ---------------------------------------------------------------------------------------------------------------------------- */

static void put_fork(struct packets *p, const struct trace_model *m, uint32_t at)
{
	const struct trace_birth *b = m->life[at].birth;
	Perfetto__TrackEvent e = PERFETTO__TRACK_EVENT__INIT;
	uint64_t flow = track_of(at);
	struct notes n = { .n = 0 };
	char step[STEPS_MAX][40], flags[24];
	unsigned i;

	snprintf(flags, sizeof(flags), "0x%" PRIx64, b->flags);
	note_int(&n, "child", b->child);
	note_text(&n, "flags", flags);
	note_number(&n, "tables_shared", b->tables);
	note_number(&n, "mappings", b->vmas);
	note_number(&n, "descriptors", b->fds);
	for (i = 0; i < b->steps && i < STEPS_MAX; i++) {
		if (!b->mode[i])
			continue;
		snprintf(step[i], sizeof(step[i]), "%s %s ns", trace_step_name(m, i), trace_mode_name(b->mode[i]));
		note_number(&n, step[i], b->step_ns[i]);
	}
	e.name = (char *)(uintptr_t)trace_call_name(b->call);
	e.debug_annotations = n.list;
	e.n_debug_annotations = n.n;
	e.flow_ids = &flow;
	e.n_flow_ids = 1;
	add_event(p, &e, PERFETTO__TRACK_EVENT__TYPE__TYPE_SLICE_BEGIN, track_of(m->life[at].creator), b->start, "fork");
	end(p, track_of(m->life[at].creator), b->h.ts);
}

/* From birth to death, then as a zombie. */
static void put_life(struct packets *p, const struct trace_model *m, uint32_t at, const char *command)
{
	const struct trace_life *l = &m->life[at];
	Perfetto__TrackEvent e = PERFETTO__TRACK_EVENT__INIT;
	struct notes n = { .n = 0 };
	uint64_t flow = track_of(at), until = l->died ? l->died : m->last_ns;

	if (!l->birth)
		return;
	if (l->exit) {
		note_int(&n, "status", l->exit->status);
		note_number(&n, "user_ns", l->exit->utime);
		note_number(&n, "system_ns", l->exit->stime);
		note_number(&n, "maxrss_kib", l->exit->maxrss);
	}
	note_number(&n, "cow_pages", l->cow.copied);
	note_number(&n, "tables_unshared", l->cow.tables);
	e.name = (char *)(uintptr_t)command;
	e.debug_annotations = n.list;
	e.n_debug_annotations = n.n;
	e.terminating_flow_ids = &flow;
	e.n_terminating_flow_ids = 1;
	add_event(p, &e, PERFETTO__TRACK_EVENT__TYPE__TYPE_SLICE_BEGIN, track_of(at), l->birth->h.ts, "life");
	end(p, track_of(at), until);
	if (l->died && l->gone > l->died) {
		begin(p, track_of(at), l->died, "exit", "zombie", NULL);
		end(p, track_of(at), l->gone);
	}
}

static void put_exec(struct packets *p, const struct trace_exec *e)
{
	const struct trace_head *last = e->commit ? &e->commit->h : e->fail ? &e->fail->h : NULL;
	struct notes n = { .n = 0 };
	char *path, *name = NULL;

	if (!e->plan || !last)
		return;
	path = clean(trace_text(&e->plan->h), trace_text_size(&e->plan->h));
	if (e->commit) {
		note_number(&n, "mappings", e->commit->vmas);
		note_number(&n, "pages", e->commit->pages);
		note_number(&n, "argc", e->commit->argc);
	} else {
		note_int(&n, "error", e->fail->error);
	}
	if (path && asprintf(&name, e->commit ? "exec %s" : "exec %s failed", path) >= 0) {
		begin(p, track_of(e->life), e->plan->start, "exec", name, &n);
		end(p, track_of(e->life), last->ts);
		free(name);
	} else {
		p->failed = true;
	}
	free(path);
}

/* A CPU changes hands. */
static void put_switch(struct packets *p, const struct trace_model *m, size_t i, uint32_t running[TRACE_STREAM_CPUS])
{
	const struct trace_sched_switch *e = (const void *)trace_log_at(m->log, i);
	uint32_t cpu = m->log->entry[i].cpu, next = m->event_other[i];
	char *name;

	if (running[cpu])
		end(p, CPU_TRACKS + cpu, e->h.ts);
	running[cpu] = e->next != 0;
	if (!running[cpu])
		return;
	name = clean(m->life[next].comm, strlen(m->life[next].comm));
	begin(p, CPU_TRACKS + cpu, e->h.ts, "sched", name ? name : "?", NULL);
	free(name);
}

/* What a program wrote to trace_marker. */
static void put_mark(struct packets *p, uint64_t track, const struct trace_head *h)
{
	char *text = clean(trace_text(h), trace_text_size(h));

	if (text)
		instant(p, track, h->ts, "mark", text, NULL);
	p->failed |= !text;
	free(text);
}

static void put_instant(struct packets *p, const struct trace_model *m, size_t i)
{
	static const char *const kinds[] = { "COW: page copied", "COW: page taken over", "COW: page of zeroes", "COW: page of a file" };
	const struct trace_head *h = trace_log_at(m->log, i);
	const struct trace_cow_fault *c = (const void *)h;
	const struct trace_killed *k = (const void *)h;
	const struct trace_reparent *r = (const void *)h;
	const struct trace_reap *reap = (const void *)h;
	const struct trace_birth_fail *f = (const void *)h;
	uint64_t track = track_of(m->event_life[i]);
	struct notes n = { .n = 0 };

	switch (h->type) {
	case TRACE_cow_fault:
		instant(p, track, h->ts, "cow", kinds[c->kind & 3], NULL);
		break;
	case TRACE_pt_unshare:
		instant(p, track, h->ts, "cow", "page table copied", NULL);
		break;
	case TRACE_killed:
		note_int(&n, "process", k->target);
		note_int(&n, "signal", k->signal);
		instant(p, track, h->ts, "exit", "kill", &n);
		break;
	case TRACE_oom_kill:
		instant(p, track, h->ts, "exit", "out of memory", NULL);
		break;
	case TRACE_reap:
		note_int(&n, "process", reap->target);
		instant(p, track, h->ts, "exit", "reap", &n);
		break;
	case TRACE_reparent:
		note_int(&n, "child", r->child);
		note_int(&n, "parent", r->parent);
		instant(p, track, h->ts, "exit", "reparent", &n);
		break;
	case TRACE_birth_fail:
		note_int(&n, "error", f->error);
		instant(p, track, h->ts, "fork", "birth failed", &n);
		break;
	case TRACE_mark:
		put_mark(p, track, h);
		break;
	case TRACE_exit:
		note_int(&n, "status", ((const struct trace_exit *)(const void *)h)->status);
		instant(p, track, h->ts, "exit", "exit", &n);
		break;
	}
}

static void put_events(struct packets *p, const struct trace_model *m, const bool *in)
{
	uint32_t running[TRACE_STREAM_CPUS] = { 0 }, cpu;
	uint64_t *waiting = calloc(m->lives + 1, sizeof(*waiting));
	size_t i;

	for (i = 0; waiting && i < m->log->count; i++) {
		const struct trace_head *h = trace_log_at(m->log, i);
		uint32_t by = m->event_life[i];

		if (h->type == TRACE_sched_switch) {
			put_switch(p, m, i, running);
		} else if (!in[by]) {
			continue;
		} else if (h->type == TRACE_vfork_wait && !waiting[by]) {
			waiting[by] = h->ts;
			begin(p, track_of(by), h->ts, "fork", "waits for vfork child", NULL);
		} else if (h->type == TRACE_vfork_done && waiting[by]) {
			waiting[by] = 0;
			end(p, track_of(by), h->ts);
		} else {
			put_instant(p, m, i);
		}
	}
	for (cpu = 0; cpu < TRACE_STREAM_CPUS; cpu++)
		if (running[cpu])
			end(p, CPU_TRACKS + cpu, m->last_ns);
	p->failed |= !waiting;
	free(waiting);
}

/* ---- the file -------------------------------------------------------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
	const struct packet *x = a, *y = b;

	if (x->ts != y->ts)
		return x->ts < y->ts ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

int trace_write_perfetto(const struct trace_model *m, const struct trace_view *v, FILE *f)
{
	struct packets p = { .count = 0 };
	bool *in = trace_view_lives(m, v);
	uint32_t i;
	size_t k;

	if (!in)
		return -1;
	describe_cpus(&p, m);
	for (i = 0; i < m->lives; i++) {
		if (!in[i])
			continue;
		char *command = command_of(m, &m->life[i]);

		if (!command) {
			p.failed = true;
			break;
		}
		describe_life(&p, m, i, command);
		put_life(&p, m, i, command);
		if (m->life[i].birth && in[m->life[i].creator])
			put_fork(&p, m, i);
		free(command);
	}
	for (i = 0; i < m->execs; i++)
		if (in[m->exec[i].life])
			put_exec(&p, &m->exec[i]);
	put_events(&p, m, in);
	if (p.count)
		qsort(p.list, p.count, sizeof(*p.list), by_time);
	for (k = 0; k < p.count && !p.failed; k++)
		fwrite(p.data + p.list[k].at, 1, p.list[k].len, f);
	free(in);
	free(p.data);
	free(p.list);
	return p.failed || fflush(f) != 0 || ferror(f) ? -1 : 0;
}
