/*
 * Who ran, who waited for a CPU and who was blocked, from the trace's sched_switch and sched_wakeup records. A task runs from the switch to it to the switch
 * away from it; then it waits for a CPU if it could have gone on, else it is blocked until somebody wakes it.
 */
#include "trace_model.h"

#include <stdlib.h>

#define STATE_DEAD 16 /* of sched_switch's state */

struct walk {
	struct now {
		bool known;
		enum trace_stretch_kind kind;
		uint64_t since;
	} * now; /* per life */
	trace_stretch_fn *fn;
	void *ctx;
};

static void end_stretch(struct walk *w, uint32_t life, uint64_t ts)
{
	struct now *n = &w->now[life];

	if (n->known && ts > n->since)
		w->fn(w->ctx, life, n->kind, n->since, ts);
	n->known = false;
}

static void begin_stretch(struct walk *w, uint32_t life, uint64_t ts, enum trace_stretch_kind kind)
{
	end_stretch(w, life, ts);
	w->now[life] = (struct now){ true, kind, ts };
}

static void on_switch(struct walk *w, uint32_t prev, uint32_t next, const struct trace_sched_switch *e)
{
	if (e->h.tid && e->state & STATE_DEAD)
		end_stretch(w, prev, e->h.ts);
	else if (e->h.tid)
		begin_stretch(w, prev, e->h.ts, e->state ? STRETCH_BLOCKED : STRETCH_READY);
	if (e->next)
		begin_stretch(w, next, e->h.ts, STRETCH_RUN);
}

/* Who runs or waits for a CPU already does not begin to. */
static void on_wakeup(struct walk *w, uint32_t life, uint64_t ts)
{
	if (!w->now[life].known || w->now[life].kind == STRETCH_BLOCKED)
		begin_stretch(w, life, ts, STRETCH_READY);
}

bool trace_sched_walk(const struct trace_model *m, trace_stretch_fn *fn, void *ctx)
{
	struct walk w = { .now = calloc(m->lives + 1, sizeof(*w.now)), .fn = fn, .ctx = ctx };
	uint32_t life;
	size_t i;

	for (i = 0; w.now && i < m->log->count; i++) {
		const struct trace_head *h = trace_log_at(m->log, i);

		if (h->type == TRACE_sched_switch)
			on_switch(&w, m->event_life[i], m->event_other[i], (const void *)h);
		else if (h->type == TRACE_sched_wakeup)
			on_wakeup(&w, m->event_other[i], h->ts);
	}
	for (life = 0; w.now && life < m->lives; life++)
		end_stretch(&w, life, m->last_ns);
	if (!w.now)
		return false;
	free(w.now);
	return true;
}
