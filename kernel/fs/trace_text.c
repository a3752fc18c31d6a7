/*
 * An event of trace_events.c as bytes, laid out as its format file says, and those bytes as the line that Linux's ftrace prints:
 * "            bash-12      [000] .....     1.234567: sched_process_fork: comm=bash ...". Entry points: tracefs.h.
 */
#include "fs/tracefs.h"

#include "lib/string.h"

#define COMMON 8u /* bytes of the fields that every event begins with */

/* --- fields ------------------------------------------------------------------------------------------------------------------------------- */

struct field {
	const char *decl;
	u32 len; /* of decl */
	u32 offset, size; /* size: of one element */
	u32 count; /* elements */
	bool is_signed;
	bool dynamic; /* offset and length of a text behind the fields */
	bool text; /* an array of char ... */
	bool tail; /* ... that goes on to the end of the event */
};

static u32 size_of_type(const char *s)
{
	if (str_starts(s, "char"))
		return 1;
	if (str_starts(s, "short") || str_starts(s, "unsigned short"))
		return 2;
	return str_starts(s, "long") || str_starts(s, "unsigned long") ? 8 : 4;
}

/* Takes the next declaration off *s; it lies at the first multiple of its size from `end` on. */
static bool next_field(const char **s, u32 end, struct field *f)
{
	const char *stop = strchr(*s, ';'), *bracket;
	if (!**s)
		return false;
	*f = (struct field){ .decl = *s, .len = stop ? (u32)(stop - *s) : (u32)strlen(*s), .size = size_of_type(*s) };
	f->dynamic = str_starts(f->decl, "__data_loc");
	f->text = str_starts(f->decl, "char");
	f->is_signed = !str_starts(f->decl, "unsigned") && !f->text && !f->dynamic;
	f->offset = ALIGN_UP(end, f->size);
	bracket = f->dynamic ? NULL : memchr(f->decl, '[', f->len);
	for (const char *p = bracket ? bracket + 1 : ""; *p >= '0' && *p <= '9'; p++)
		f->count = f->count * 10 + (u32)(*p - '0');
	f->tail = f->text && bracket && !f->count;
	f->count = f->tail ? 0 : max(f->count, 1u);
	*s = f->decl + f->len + (stop != NULL);
	return true;
}

static u32 field_end(const struct field *f) { return f->offset + f->size * f->count; }

static u32 fields_end(const char *s)
{
	struct field f;
	u32 end = COMMON;
	while (next_field(&s, end, &f))
		end = field_end(&f);
	return end;
}

/* --- bytes -------------------------------------------------------------------------------------------------------------------------------- */

void trace_pack_number(struct trace_pack *p, u64 v)
{
	struct field f;
	if (!next_field(&p->fields, p->end, &f))
		return;
	p->end = field_end(&f);
	memcpy(p->buf + f.offset, &v, f.size); /* little-endian */
}

void trace_pack_text(struct trace_pack *p, const char *s)
{
	struct field f;
	if (!next_field(&p->fields, p->end, &f))
		return;
	p->end = field_end(&f);
	if (!f.dynamic && !f.tail) {
		str_copy((char *)p->buf + f.offset, s, f.count);
		return;
	}
	u32 n = min((u32)strlen(s), TRACE_EVENT_MAX - 8 - p->len), where = p->len | (n + 1) << 16;
	if (f.dynamic)
		memcpy(p->buf + f.offset, &where, sizeof(where));
	memcpy(p->buf + p->len, s, n);
	p->buf[p->len + n] = 0;
	p->len += n + 1;
}

u32 trace_event_pack(u32 i, u32 cpu, const struct trace_head *h, u8 *buf)
{
	const struct trace_text_event *e = &trace_text_events[i];
	struct trace_pack p = { .buf = buf, .fields = e->fields, .end = COMMON, .len = fields_end(e->fields), .cpu = cpu };
	u16 id = TRACE_EVENT_ID(i);
	memset(buf, 0, p.len);
	memcpy(buf, &id, sizeof(id));
	buf[2] = e->irqs_off;
	memcpy(buf + 4, &h->tid, sizeof(h->tid));
	e->fill(&p, h);
	u32 len = ALIGN_UP(p.len, 4u);
	memset(buf + p.len, 0, len - p.len);
	return len;
}

/* --- lines -------------------------------------------------------------------------------------------------------------------------------- */

static u64 number(const struct field *f, const u8 *buf)
{
	u64 v = 0;
	u32 unused = 64 - f->size * 8;
	memcpy(&v, buf + f->offset, f->size);
	return f->is_signed && unused ? (u64)((s64)(v << unused) >> unused) : v;
}

/* sched_switch's prev_state. */
static void put_state(struct text *t, u64 v)
{
	static const char letters[] = "SDTtXZPI";
	const char *sep = "";
	for (u32 i = 0; i < sizeof(letters) - 1; i++)
		if (v >> i & 1) {
			text_printf(t, "%s%c", sep, letters[i]);
			sep = "|";
		}
	text_printf(t, "%s%s", v & 0xff ? "" : "R", v & 0x100 ? "+" : "");
}

/* A field as its conversion wants it: spec is what stands between '%' and the letter. */
static void put_value(struct text *t, const struct field *f, const u8 *buf, const char *spec, char letter)
{
	u64 v = number(f, buf);
	if (f->text)
		text_printf(t, "%.*s", (int)f->count, (const char *)buf + f->offset);
	else if (f->dynamic)
		text_puts(t, (const char *)buf + (v & 0xffff));
	else if (letter == 's')
		put_state(t, v);
	else if (letter == 'x')
		text_printf(t, "%lx", v);
	else if (letter == 'u')
		text_printf(t, "%lu", v);
	else
		text_printf(t, str_starts(spec, "03") ? "%03ld" : "%ld", (s64)v);
}

static void put_fields(struct text *t, const struct trace_text_event *e, const u8 *buf)
{
	const char *fields = e->fields, *p = e->text;
	struct field f = { 0 };
	u32 end = COMMON;
	while (*p) {
		const char *percent = strchr(p, '%'), *letter = percent ? percent + 1 : NULL;
		text_put(t, p, percent ? (size_t)(percent - p) : strlen(p));
		if (!percent || !next_field(&fields, end, &f))
			return;
		end = field_end(&f);
		while ((*letter >= '0' && *letter <= '9') || *letter == 'l' || *letter == 'h')
			letter++;
		put_value(t, &f, buf, percent + 1, *letter);
		p = letter + 1;
	}
}

void trace_text_record(struct text *t, u32 cpu, const struct trace_head *h, u32 enabled)
{
	static u8 buf[TRACE_EVENT_MAX] __aligned(8); /* as the table's readers: tracefs.c's lock */
	u64 us = (h->ts + 500) / 1000;
	if (h->type == TRACE_gap)
		text_printf(t, "CPU:%u [LOST %lu EVENTS]\n", cpu, ((const struct trace_gap *)h)->lost);
	for (u32 i = 0; i <= TRACE_EVENT_MARK; i++) {
		const struct trace_text_event *e = &trace_text_events[i];
		if (!(enabled >> i & 1) || !trace_event_is(i, h))
			continue;
		trace_event_pack(i, cpu, h, buf);
		text_printf(t, "%16s-%-7d [%03u] %c.... %5lu.%06lu: %s: ", trace_comm_of(h->tid), h->tid, cpu, e->irqs_off ? 'd' : '.', us / 1000000,
			us % 1000000, i == TRACE_EVENT_MARK ? "tracing_mark_write" : e->name);
		if (i == TRACE_EVENT_MARK)
			text_puts(t, (const char *)h + sizeof(struct trace_mark));
		else
			put_fields(t, e, buf);
		text_put(t, "\n", 1);
	}
}

/* --- format files ------------------------------------------------------------------------------------------------------------------------- */

static void put_print(struct text *t, const struct trace_text_event *e)
{
	const char *fields = e->fields;
	struct field f;
	text_printf(t, "\"%s\"", e->text);
	while (next_field(&fields, COMMON, &f)) {
		const char *name = f.decl + f.len, *bracket = f.dynamic ? NULL : memchr(f.decl, '[', f.len), *end = bracket ? bracket : name;
		for (name = end; name > f.decl && name[-1] != ' ';)
			name--;
		text_printf(t, f.dynamic ? ", __get_str(%.*s)" : ", REC->%.*s", (int)(end - name), name);
	}
}

void trace_text_format(struct text *t, u32 index)
{
	const struct trace_text_event *e = &trace_text_events[index];
	const char *fields = e->fields;
	u32 end = COMMON;
	struct field f;
	text_printf(t, "name: %s\nID: %u\nformat:\n", e->name, TRACE_EVENT_ID(index));
	text_puts(t,
		"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
		"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n");
	while (next_field(&fields, end, &f)) {
		end = field_end(&f);
		text_printf(t, "\tfield:%.*s;\toffset:%u;\tsize:%u;\tsigned:%d;\n", (int)f.len, f.decl, f.offset, f.size * f.count, f.is_signed);
	}
	text_puts(t, "\nprint fmt: ");
	if (e->print)
		text_puts(t, e->print);
	else
		put_print(t, e);
	text_put(t, "\n", 1);
}
