/* Text and numbers for the trace's writers; see trace_write.h. */
#include "trace_write.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *trace_time(uint64_t ns, char buf[24])
{
	static const struct {
		uint64_t unit;
		const char *name;
	} units[] = { { 1000000000, "s" }, { 1000000, "ms" }, { 1000, "µs" } };
	size_t i;

	for (i = 0; i < 3; i++) {
		double v = (double)ns / (double)units[i].unit;

		if (ns < units[i].unit)
			continue;
		snprintf(buf, 24, v < 10 ? "%.1f %s" : "%.0f %s", v, units[i].name);
		return buf;
	}
	snprintf(buf, 24, "%" PRIu64 " ns", ns);
	return buf;
}

/* The length of the UTF-8 character at s and its number; 0: none that may be shown. */
static size_t character(const unsigned char *s, size_t len, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = *s < 0x80 ? 1 : *s >= 0xf0 && *s < 0xf8 ? 4 : *s >= 0xe0 ? 3 : *s >= 0xc0 ? 2 : 0, i;

	if (*s >= 0xf8 || n == 0 || n > len)
		return 0;
	*code = n == 1 ? *s : *s & (0xffu >> (n + 1));
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (s[i] & 0x3f);
	}
	if (*code < least[n] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000))
		return 0;
	return n;
}

/* Controls, and what turns the direction of writing around. */
static bool harmless(uint32_t c)
{
	return c >= 0x20 && !(c >= 0x7f && c < 0xa0) && !(c >= 0x200e && c <= 0x200f) && !(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069);
}

size_t trace_put_text(FILE *f, const char *text, size_t len, size_t max)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t shown = 0, n;
	uint32_t code;

	while (len && *s) {
		if (shown + 1 >= max && len > 1 && s[1]) {
			fputs("…", f);
			return shown + 1;
		}
		n = character(s, len, &code);
		if (n && harmless(code))
			fwrite(s, 1, n, f);
		else
			fputc('?', f);
		s += n ? n : 1;
		len -= n ? n : 1;
		shown++;
	}
	return shown;
}

void trace_put_json(FILE *f, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	uint32_t code;
	size_t n;

	while (len) {
		n = character(s, len, &code);
		if (n == 0)
			fputs("\\ufffd", f);
		else if (code == '"' || code == '\\')
			fprintf(f, "\\%c", (int)code);
		else if (code < 0x20 || code == '<' || code == '>' || code == '&' || code == 0x7f || code == 0x2028 || code == 0x2029)
			fprintf(f, "\\u%04x", (unsigned)code);
		else
			fwrite(s, 1, n, f);
		s += n ? n : 1;
		len -= n ? n : 1;
	}
}

bool *trace_view_lives(const struct trace_model *m, const struct trace_view *v)
{
	bool *in = calloc(m->lives + 1, sizeof(*in));
	uint32_t *level = calloc(m->lives + 1, sizeof(*level)), i;

	for (i = 0; in && level && i < m->lives; i++) {
		uint32_t up = m->life[i].creator;

		/* A creator stands before those it made. */
		if (v->pid ? m->life[i].tid == v->pid : up == NO_LIFE)
			in[i] = true;
		else if (up != NO_LIFE && in[up] && (v->depth < 0 || level[up] < (uint32_t)v->depth)) {
			in[i] = true;
			level[i] = level[up] + 1;
		}
	}
	if (!level) {
		free(in);
		in = NULL;
	}
	free(level);
	return in;
}
