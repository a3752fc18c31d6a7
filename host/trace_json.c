/*
 * A trace as JSON, one event a line. The fields are those of kernel/trace/events.tbl under their names; where a number has a name, a further field says it
 * (docs/trace.md). The first line is about the trace itself.
 */
#include "trace_write.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A field of 1, 2, 4 or 8 bytes. */
static uint64_t number(const uint8_t *at, enum trace_type type)
{
	uint16_t h;
	uint32_t w;
	uint64_t d;

	switch (type) {
	case TYPE_u16:
		memcpy(&h, at, sizeof(h));
		return h;
	case TYPE_u32:
	case TYPE_s32:
		memcpy(&w, at, sizeof(w));
		return w;
	case TYPE_u64:
		memcpy(&d, at, sizeof(d));
		return d;
	default:
		return *at;
	}
}

static void put_number(FILE *f, const uint8_t *at, enum trace_type type)
{
	uint64_t v = number(at, type);

	if (type == TYPE_s32)
		fprintf(f, "%" PRId32, (int32_t)v);
	else
		fprintf(f, "%" PRIu64, v);
}

static unsigned size_of(enum trace_type type)
{
	return type == TYPE_u64 ? 8 : type == TYPE_u32 || type == TYPE_s32 ? 4 : type == TYPE_u16 ? 2 : 1;
}

static void put_string(FILE *f, const char *text, size_t len)
{
	fputc('"', f);
	trace_put_json(f, text, len);
	fputc('"', f);
}

/* The list of an event's last strings: `args` of them. */
static void put_texts(FILE *f, const struct trace_head *h)
{
	const struct trace_exec_commit *e = (const void *)h;
	const char *s = trace_text(h);
	size_t left = trace_text_size(h), len;
	uint32_t i, n = h->type == TRACE_exec_commit ? e->args : 0;

	fputc('[', f);
	for (i = 0; i < n && left; i++) {
		len = strnlen(s, left);
		if (len == left)
			break;
		if (i)
			fputc(',', f);
		put_string(f, s, len);
		s += len + 1;
		left -= len + 1;
	}
	fputc(']', f);
}

static void put_field(FILE *f, const struct trace_head *h, const struct trace_field *d)
{
	const uint8_t *at = (const uint8_t *)h + d->offset;
	unsigned i;

	if (strcmp(d->name, "zero") == 0)
		return;
	fprintf(f, ",\"%s\":", d->name);
	if (d->type == TYPE_text) {
		put_string(f, trace_text(h), strnlen(trace_text(h), trace_text_size(h)));
	} else if (d->type == TYPE_texts) {
		put_texts(f, h);
	} else if (d->type == TYPE_char) {
		put_string(f, (const char *)at, strnlen((const char *)at, d->count));
	} else if (d->count > 1) {
		for (i = 0; i < d->count; i++) {
			fputc(i ? ',' : '[', f);
			put_number(f, at + i * size_of(d->type), d->type);
		}
		fputc(']', f);
	} else {
		put_number(f, at, d->type);
	}
}

static void put_flags(FILE *f, uint64_t flags)
{
	const char *sep = "";
	unsigned bit;

	fputs(",\"flag_names\":[", f);
	for (bit = 0; bit < 64; bit++)
		if (flags >> bit & 1 && trace_flag_name(bit)) {
			fprintf(f, "%s\"CLONE_%s\"", sep, trace_flag_name(bit));
			sep = ",";
		}
	fputc(']', f);
}

static void put_steps(const struct trace_model *m, FILE *f, const uint8_t *mode, const uint32_t *ns, unsigned steps)
{
	const char *sep = "";
	unsigned i;

	fputs(",\"step_list\":[", f);
	for (i = 0; i < steps && i < STEPS_MAX; i++) {
		if (!mode[i])
			continue;
		fprintf(f, "%s{\"name\":", sep);
		put_string(f, trace_step_name(m, i), strlen(trace_step_name(m, i)));
		fprintf(f, ",\"mode\":\"%s\",\"ns\":%" PRIu32 "}", trace_mode_name(mode[i]), ns[i]);
		sep = ",";
	}
	fputc(']', f);
}

static void put_name(FILE *f, const char *key, const char *name)
{
	if (name)
		fprintf(f, ",\"%s\":\"%s\"", key, name);
}

/* What numbers mean. */
static void put_words(const struct trace_model *m, FILE *f, const struct trace_head *h)
{
	const struct trace_birth *b = (const void *)h;
	const struct trace_birth_fail *bf = (const void *)h;
	const struct trace_exec_fail *ef = (const void *)h;
	const struct trace_killed *k = (const void *)h;
	const struct trace_exit *e = (const void *)h;

	switch (h->type) {
	case TRACE_birth:
		put_name(f, "call_name", trace_call_name(b->call));
		put_flags(f, b->flags);
		put_steps(m, f, b->mode, b->step_ns, b->steps);
		break;
	case TRACE_birth_fail:
		put_name(f, "call_name", trace_call_name(bf->call));
		put_name(f, "error_name", trace_errno_name(bf->error));
		if (bf->step < STEPS_MAX) {
			fputs(",\"failed_step\":", f);
			put_string(f, trace_step_name(m, bf->step), strlen(trace_step_name(m, bf->step)));
		}
		put_flags(f, bf->flags);
		put_steps(m, f, bf->mode, bf->step_ns, bf->steps);
		break;
	case TRACE_exec_fail:
		put_name(f, "error_name", trace_errno_name(ef->error));
		break;
	case TRACE_killed:
		put_name(f, "signal_name", trace_signal_name(k->signal));
		break;
	case TRACE_exit:
		put_name(f, "signal_name", trace_signal_name(e->status & 0x7f));
		break;
	}
}

static void put_stream(const struct trace_log *l, FILE *f)
{
	fprintf(f, "{\"event\":\"trace\",\"version\":%" PRIu32 ",\"cpus\":%" PRIu32 ",\"boot\":%" PRIu64 ",\"events\":%zu,\"lost\":%" PRIu64 ",\"complete\":%s",
		l->head.version, l->head.cpus, l->head.boot, l->count, l->lost, l->ended && !l->damage ? "true" : "false");
	if (l->damage) {
		fputs(",\"damage\":", f);
		put_string(f, l->damage, strlen(l->damage));
	}
	fputs("}\n", f);
}

int trace_write_json(const struct trace_model *m, const struct trace_view *v, FILE *f)
{
	const struct trace_info *t;
	const struct trace_head *h;
	bool *in = trace_view_lives(m, v);
	unsigned k;
	size_t i;

	if (!in)
		return -1;
	put_stream(m->log, f);
	for (i = 0; i < m->log->count; i++) {
		h = trace_log_at(m->log, i);
		t = trace_info(h->type);
		if (!(t->classes & 1u << TRACE_gap) && (!in[m->event_life[i]] || !(v->only >> h->type & 1)))
			continue;
		fprintf(f, "{\"ts\":%" PRIu64 ",\"cpu\":%" PRIu32 ",\"tid\":%" PRId32 ",\"event\":\"%s\"", h->ts, m->log->entry[i].cpu, h->tid, t->name);
		for (k = 0; k < t->fields; k++)
			put_field(f, h, &t->field[k]);
		put_words(m, f, h);
		fputs("}\n", f);
	}
	free(in);
	return fflush(f) != 0 || ferror(f) ? -1 : 0;
}
