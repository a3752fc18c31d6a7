/* Id maps: look-up and the text of uid_map. Pure. See idmap.h. */
#include "vfs/idmap.h"

#include <asm-generic/errno-base.h>

#include "lib/atomic.h"

u32 idmap_down_range(const struct id_map *m, u32 first, u32 count)
{
	u32 n = smp_load_acquire(&m->n);
	for (u32 i = 0; i < n; i++) {
		const struct id_range *r = &m->range[i];
		if (first >= r->first && (u64)first + count <= (u64)r->first + r->count)
			return r->lower + (first - r->first);
	}
	return IDMAP_NONE;
}

u32 idmap_down(const struct id_map *m, u32 id) { return idmap_down_range(m, id, 1); }

u32 idmap_up(const struct id_map *m, u32 id)
{
	u32 n = smp_load_acquire(&m->n);
	for (u32 i = 0; i < n; i++) {
		const struct id_range *r = &m->range[i];
		if (id >= r->lower && id - r->lower < r->count)
			return r->first + (id - r->lower);
	}
	return IDMAP_NONE;
}

/* A decimal number of at most 32 bits at *s, behind white space. Linux's simple_strtoul wraps silently; a number that wraps is refused here. */
static bool parse_number(char **s, u32 *out)
{
	u64 v = 0;
	char *p = *s;
	while (*p == ' ' || *p == '\t')
		p++;
	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		v = v * 10 + (u64)(*p - '0');
		if (v > 0xffffffffUL)
			return false;
	}
	if (*p && *p != ' ' && *p != '\t')
		return false;
	*s = p;
	*out = (u32)v;
	return true;
}

static bool overlap(u32 a, u32 na, u32 b, u32 nb) { return (u64)a < (u64)b + nb && (u64)b < (u64)a + na; }

static bool range_fits(const struct id_range *r, const struct id_range *before, int n)
{
	if (r->first == IDMAP_NONE || r->lower == IDMAP_NONE || !r->count)
		return false;
	/* The id (u32)-1 may be reached but not passed. */
	if (r->first + r->count <= r->first || r->lower + r->count <= r->lower)
		return false;
	for (int i = 0; i < n; i++)
		if (overlap(r->first, r->count, before[i].first, before[i].count) || overlap(r->lower, r->count, before[i].lower, before[i].count))
			return false;
	return true;
}

int idmap_parse(char *text, struct id_range *out)
{
	int n = 0;
	char *next = text;
	while (next) {
		char *line = next, *end = line;
		while (*end && *end != '\n')
			end++;
		next = *end ? end + 1 : 0;
		*end = 0;
		if (next && !*next)
			next = 0;
		struct id_range r;
		if (!parse_number(&line, &r.first) || !parse_number(&line, &r.lower) || !parse_number(&line, &r.count))
			return -EINVAL;
		while (*line == ' ' || *line == '\t')
			line++;
		if (*line || !range_fits(&r, out, n))
			return -EINVAL;
		if (n == (int)IDMAP_RANGES_MAX)
			return -EINVAL;
		out[n++] = r;
	}
	return n ? n : -EINVAL;
}
