/* A trace as a tree of births; see trace_write.h. */
#define _GNU_SOURCE
#include "trace_write.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define COMMAND_MAX 48 /* characters of a command line */
#define LEFT_MIN 24 /* where details begin at least ... */
#define LEFT_MAX 60 /* ... and at most */
#define MAX_DEPTH 200 /* deeper lines are not indented further */

struct tree {
	const struct trace_model *m;
	const struct trace_view *v;
	FILE *f;
	size_t left; /* the column of details */
	char prefix[MAX_DEPTH * 8];
	size_t prefix_len, prefix_width;
	bool any; /* a detail stands on this line already */
};

/* ---- details --------------------------------------------------------------------------------------------------------------------------- */

static void detail(struct tree *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void detail(struct tree *t, const char *fmt, ...)
{
	va_list ap;

	if (t->any)
		fputs("  ", t->f);
	t->any = true;
	va_start(ap, fmt);
	vfprintf(t->f, fmt, ap);
	va_end(ap);
}

/* The time from `from` to `to` in words; one that makes no sense counts as none. */
static uint64_t span(uint64_t from, uint64_t to) { return to > from ? to - from : 0; }

/* What it was in effect: C libraries fork by clone(). */
static const char *birth_word(const struct trace_birth *b)
{
	const uint64_t vm = 1 << 8, vfork = 1 << 14;

	if (b->call != 3 && b->call != 4)
		return trace_call_name(b->call);
	if (b->threads)
		return "thread";
	if ((b->flags & (vm | vfork)) == (vm | vfork))
		return "vfork";
	return b->flags & vm ? trace_call_name(b->call) : "fork";
}

static void put_birth(struct tree *t, const struct trace_life *l)
{
	const struct trace_birth *b = l->birth;
	const struct trace_cow *c = &l->cow;
	char a[24], w[24];

	if (!b)
		return;
	detail(t, "%s %s", birth_word(b), trace_time(span(b->start, b->h.ts), a));
	if (l->vfork_ns)
		fprintf(t->f, " (parent waited %s)", trace_time(l->vfork_ns, w));
	else if (b->tables)
		fprintf(t->f, " (%" PRIu32 " table%s, %" PRIu32 " mapping%s shared)", b->tables, b->tables == 1 ? "" : "s", b->vmas, b->vmas == 1 ? "" : "s");
	if (c->copied)
		detail(t, "COW %" PRIu64 " page%s, %" PRIu64 " KiB", c->copied, c->copied == 1 ? "" : "s", c->copied * 4);
	if (c->by_creator)
		fprintf(t->f, ", of it %" PRIu64 " by the parent", c->by_creator);
}

static void put_execs(struct tree *t, const struct trace_life *l)
{
	const struct trace_exec *e = NULL;
	uint64_t ns = 0;
	uint32_t i, n = 0;
	char a[24];

	for (i = l->first_exec; i != NO_LIFE; i = t->m->exec[i].next)
		if (t->m->exec[i].commit) {
			ns += t->m->exec[i].commit->ns;
			n++;
		}
	if (n == 1)
		detail(t, "exec %s", trace_time(ns, a));
	else if (n)
		detail(t, "%" PRIu32 " execs %s", n, trace_time(ns, a));
	else if (l->last_exec != NO_LIFE && t->m->exec[l->last_exec].fail) {
		e = &t->m->exec[l->last_exec];
		detail(t, "exec ");
		trace_put_text(t->f, trace_text(&e->fail->h), trace_text_size(&e->fail->h), COMMAND_MAX);
		fprintf(t->f, ": %s", trace_errno_name(e->fail->error) ? trace_errno_name(e->fail->error) : "failed");
	}
}

static void put_signal(FILE *f, int sig)
{
	const char *name = trace_signal_name(sig);

	if (name)
		fputs(name, f);
	else
		fprintf(f, "signal %d", sig);
}

static void put_end(struct tree *t, const struct trace_life *l)
{
	const struct trace_exit *e = l->exit;
	char a[24];

	if (!e) {
		if (l->birth && !t->m->log->ended)
			detail(t, "still there when the trace ended");
		return;
	}
	detail(t, "alive %s", trace_time(span(l->born, l->died), a));
	if (l->birth && l->birth->threads && !WIFSIGNALED(e->status))
		return;
	if (WIFSIGNALED(e->status)) {
		detail(t, "killed by ");
		put_signal(t->f, WTERMSIG(e->status));
		if (l->oom)
			fputs(" for want of memory", t->f);
		else if (l->killed && l->killed->sender)
			fprintf(t->f, " from %" PRId32, l->killed->sender);
	} else {
		detail(t, "exit %d", WEXITSTATUS(e->status));
	}
	if (l->gone && span(l->died, l->gone) >= 1000000)
		detail(t, "zombie %s", trace_time(span(l->died, l->gone), a));
	if (l->reparent)
		detail(t, "orphan, to %" PRId32, l->reparent->parent);
}

/* When the first program of process 1 ran. */
static void put_boot(struct tree *t, const struct trace_life *l)
{
	uint32_t i;
	char a[24];

	if (l->tid != 1)
		return;
	for (i = l->first_exec; i != NO_LIFE; i = t->m->exec[i].next)
		if (t->m->exec[i].commit) {
			detail(t, "boot %s", trace_time(t->m->exec[i].commit->h.ts, a));
			return;
		}
}

/* ---- further lines of a life ----------------------------------------------------------------------------------------------------------- */

static void begin_note(struct tree *t, const struct trace_life *l)
{
	fwrite(t->prefix, 1, t->prefix_len, t->f);
	fputs(l->first_child != NO_LIFE ? "│    " : "     ", t->f);
}

static void note_flags(struct tree *t, const struct trace_life *l)
{
	const struct trace_birth *b = l->birth;
	unsigned bit;

	begin_note(t, l);
	fprintf(t->f, "%s by %" PRId32, trace_call_name(b->call), b->h.tid);
	for (bit = 0; bit < 64; bit++)
		if (b->flags >> bit & 1) {
			const char *name = trace_flag_name(bit);

			if (name)
				fprintf(t->f, " CLONE_%s", name);
			else if (bit >= 8)
				fprintf(t->f, " bit%u", bit);
		}
	if (b->exit_signal) {
		fputs(", at its end ", t->f);
		put_signal(t->f, b->exit_signal);
	}
	if (b->fds)
		fprintf(t->f, ", %" PRIu32 " descriptors", b->fds);
	fputc('\n', t->f);
}

static void note_steps(struct tree *t, const struct trace_life *l)
{
	const struct trace_birth *b = l->birth;
	unsigned i, n = 0;
	char a[24];

	begin_note(t, l);
	fprintf(t->f, "record and stack %s", trace_time(b->alloc_ns, a));
	for (i = 0; i < b->steps && i < STEPS_MAX; i++) {
		if (!b->mode[i])
			continue;
		if (++n % 4 == 0) {
			fputc('\n', t->f);
			begin_note(t, l);
		} else {
			fputs(", ", t->f);
		}
		fprintf(t->f, "%s %s %s", trace_step_name(t->m, i), trace_mode_name(b->mode[i]), trace_time(b->step_ns[i], a));
	}
	fprintf(t->f, ", publish %s\n", trace_time(b->publish_ns, a));
}

static void note_cow(struct tree *t, const struct trace_life *l)
{
	const struct trace_cow *c = &l->cow;

	if (!(c->taken || c->zero || c->file || c->tables))
		return;
	begin_note(t, l);
	fprintf(t->f,
		"pages: %" PRIu64 " copied, %" PRIu64 " taken over, %" PRIu64 " from zeroes, %" PRIu64 " from files; %" PRIu64 " page tables copied (%" PRIu64
		" entries)\n",
		c->copied, c->taken, c->zero, c->file, c->tables, c->entries);
}

static void note_execs(struct tree *t, const struct trace_life *l)
{
	const struct trace_exec *e;
	const char *name;
	uint32_t i;
	unsigned k;
	char a[24];

	for (i = l->first_exec; i != NO_LIFE; i = e->next) {
		e = &t->m->exec[i];
		begin_note(t, l);
		fputs("exec ", t->f);
		if (e->plan)
			trace_put_text(t->f, trace_text(&e->plan->h), trace_text_size(&e->plan->h), COMMAND_MAX);
		for (k = 0; k < e->interps; k++) {
			fputs(e->interp[k]->kind ? ", dynamic linker " : ", interpreter ", t->f);
			trace_put_text(t->f, trace_text(&e->interp[k]->h), trace_text_size(&e->interp[k]->h), COMMAND_MAX);
		}
		if (e->commit) {
			fprintf(t->f, ": %s, ", trace_time(e->commit->plan_ns, a));
			fprintf(t->f, "commit %s; %" PRIu32 " mappings, %" PRIu64 " pages", trace_time(span(e->commit->plan_ns, e->commit->ns), a),
				e->commit->vmas, e->commit->pages);
		} else if (e->fail) {
			name = trace_errno_name(e->fail->error);
			fprintf(t->f, ": %s after %s", name ? name : "failed", trace_time(e->fail->ns, a));
		}
		fputc('\n', t->f);
	}
}

static void note_exit(struct tree *t, const struct trace_life *l)
{
	const struct trace_exit *e = l->exit;
	char a[24];

	if (!e)
		return;
	begin_note(t, l);
	fprintf(t->f, "used %s user", trace_time(e->utime, a));
	fprintf(t->f, ", %s system, %" PRIu64 " KiB at most, %" PRIu64 " faults", trace_time(e->stime, a), e->maxrss, e->minflt + e->majflt);
	if (l->reap) {
		fprintf(t->f, "; zombie %s", trace_time(span(l->died, l->gone), a));
		fprintf(t->f, ", reaped by %" PRId32 "%s", l->reap->h.tid, l->reap->how ? " unasked" : "");
	}
	fputc('\n', t->f);
}

static void note_sched(struct tree *t, const struct trace_life *l)
{
	char a[24];

	if (!t->m->sched || !(l->spent[STRETCH_RUN] || l->spent[STRETCH_READY] || l->spent[STRETCH_BLOCKED]))
		return;
	begin_note(t, l);
	fprintf(t->f, "ran %s", trace_time(l->spent[STRETCH_RUN], a));
	fprintf(t->f, ", waited %s for a CPU", trace_time(l->spent[STRETCH_READY], a));
	fprintf(t->f, ", was blocked for %s\n", trace_time(l->spent[STRETCH_BLOCKED], a));
}

/* The calls of this life that made nothing. */
static void note_failed_births(struct tree *t, uint32_t at)
{
	const struct trace_life *l = &t->m->life[at];
	const struct trace_birth_fail *e;
	const char *name;
	uint32_t i;

	for (i = l->first_fail; i != NO_LIFE; i = t->m->fail[i].next) {
		e = t->m->fail[i].e;
		name = trace_errno_name(e->error);
		begin_note(t, l);
		fprintf(t->f, "✗ %s failed: %s", trace_call_name(e->call), name ? name : "?");
		if (e->step < STEPS_MAX)
			fprintf(t->f, " in step %s", trace_step_name(t->m, e->step));
		else
			fputs(e->step == 253 ? " (its arguments)" : e->step == 254 ? " (no record, or a signal)" : " (at the last moment)", t->f);
		fputc('\n', t->f);
	}
}

/* ---- the tree -------------------------------------------------------------------------------------------------------------------------- */

static size_t digits(int32_t v)
{
	char text[16];

	return (size_t)snprintf(text, sizeof(text), "%" PRId32, v);
}

/* What stands in front of the details, without the prefix. Returns its width. */
static size_t put_name(const struct tree *t, const struct trace_life *l, FILE *f)
{
	char cmd[1200];

	fprintf(f, "%" PRId32 " ", l->tid);
	trace_command(t->m, l, cmd, sizeof(cmd));
	return digits(l->tid) + 1 + trace_put_text(f, cmd, strlen(cmd), COMMAND_MAX);
}

static bool hidden(const struct tree *t, const struct trace_life *l)
{
	/* Kernel threads belong to the machine, not to the command. */
	return !t->v->boot && !t->v->pid && l->birth && l->birth->call == 5;
}

static void put_life(struct tree *t, uint32_t at, const char *branch)
{
	const struct trace_life *l = &t->m->life[at];
	size_t width;

	fwrite(t->prefix, 1, t->prefix_len, t->f);
	fputs(branch, t->f);
	width = t->prefix_width + (*branch ? 3 : 0) + put_name(t, l, t->f);
	do
		fputc(' ', t->f);
	while (++width < t->left);
	t->any = false;
	put_boot(t, l);
	if (l->tid != 1 || t->v->boot)
		put_birth(t, l);
	if (l->tid != 1)
		put_execs(t, l);
	put_end(t, l);
	fputc('\n', t->f);
}

static void put_notes(struct tree *t, uint32_t at)
{
	const struct trace_life *l = &t->m->life[at];

	if (t->v->steps && l->birth) {
		note_flags(t, l);
		note_steps(t, l);
		note_cow(t, l);
	}
	if (t->v->steps) {
		note_execs(t, l);
		note_sched(t, l);
		note_exit(t, l);
	}
	note_failed_births(t, at);
}

static uint32_t next_shown(const struct tree *t, uint32_t at)
{
	while (at != NO_LIFE && hidden(t, &t->m->life[at]))
		at = t->m->life[at].next_sibling;
	return at;
}

/* How many lives are below. */
static uint32_t count_below(const struct tree *t, uint32_t at)
{
	const struct trace_life *life = t->m->life;
	uint32_t root = at, n = 0;

	/* Without recursion: children first, then siblings, then back up. */
	for (;;) {
		if (life[at].first_child != NO_LIFE) {
			at = life[at].first_child;
			n++;
			continue;
		}
		while (at != root && life[at].next_sibling == NO_LIFE)
			at = life[at].creator;
		if (at == root)
			return n;
		at = life[at].next_sibling;
		n++;
	}
}

static void push_prefix(struct tree *t, bool more)
{
	const char *text = more ? "│  " : "   ";

	if (t->prefix_len + strlen(text) < sizeof(t->prefix)) {
		memcpy(t->prefix + t->prefix_len, text, strlen(text));
		t->prefix_len += strlen(text);
		t->prefix_width += 3;
	}
}

/* A level of the walk. */
struct level {
	uint32_t next; /* the sibling to show next */
	size_t len, width; /* the prefix of this level's lines */
};

static void put_hidden(struct tree *t, uint32_t at)
{
	fwrite(t->prefix, 1, t->prefix_len, t->f);
	fprintf(t->f, "   … %" PRIu32 " more below\n", count_below(t, at));
}

/* Opens the level of `at`'s children, if there are any to show. */
static bool descend(struct tree *t, struct level **stack, size_t *depth, size_t *room, uint32_t at)
{
	uint32_t child = next_shown(t, t->m->life[at].first_child);

	if (child == NO_LIFE)
		return true;
	if (t->v->depth >= 0 && *depth >= (size_t)t->v->depth) {
		put_hidden(t, at);
		return true;
	}
	if (*depth == *room) {
		struct level *more = realloc(*stack, (*room * 2 + 16) * sizeof(*more));

		if (!more)
			return false;
		*stack = more;
		*room = *room * 2 + 16;
	}
	(*stack)[(*depth)++] = (struct level){ child, t->prefix_len, t->prefix_width };
	return true;
}

/* A hostile guest can make a chain of any length, so there is no recursion. */
static bool put_tree(struct tree *t, uint32_t root)
{
	struct level *stack = NULL, *top;
	size_t depth = 0, room = 0;
	bool ok;
	uint32_t at;

	t->prefix_len = t->prefix_width = 0;
	put_life(t, root, "");
	put_notes(t, root);
	ok = descend(t, &stack, &depth, &room, root);
	while (ok && depth) {
		top = &stack[depth - 1];
		at = top->next;
		t->prefix_len = top->len;
		t->prefix_width = top->width;
		if (at == NO_LIFE) {
			depth--;
			continue;
		}
		top->next = next_shown(t, t->m->life[at].next_sibling);
		put_life(t, at, top->next != NO_LIFE ? "├─ " : "└─ ");
		push_prefix(t, top->next != NO_LIFE);
		put_notes(t, at);
		ok = descend(t, &stack, &depth, &room, at);
	}
	free(stack);
	return ok;
}

/* The column where details begin: behind most names. */
static size_t choose_column(struct tree *t)
{
	FILE *null = fopen("/dev/null", "w");
	size_t widest = LEFT_MIN;
	uint32_t i, up;

	for (i = 0; null && i < t->m->lives; i++) {
		size_t width = put_name(t, &t->m->life[i], null) + 2, level = 0;

		if (hidden(t, &t->m->life[i]))
			continue;
		for (up = t->m->life[i].creator; up != NO_LIFE && level < 8; up = t->m->life[up].creator)
			level++;
		width += 3 * level;
		if (width > widest && width <= LEFT_MAX)
			widest = width;
	}
	if (null)
		fclose(null);
	return widest;
}

static void put_phases(const struct trace_model *m, FILE *f)
{
	size_t i;
	char a[24], b[24];

	for (i = 0; i < m->log->count; i++) {
		const struct trace_boot_phase *e = (const void *)trace_log_at(m->log, i);

		if (e->h.type != TRACE_boot_phase)
			continue;
		fprintf(f, "%10s  ", trace_time(e->start, a));
		trace_put_text(f, trace_text(&e->h), trace_text_size(&e->h), COMMAND_MAX);
		fprintf(f, " %s\n", trace_time(e->ns, b));
	}
}

static void put_summary(const struct trace_model *m, FILE *f)
{
	const struct trace_log *l = m->log;

	fprintf(f, "%" PRIu32 " births, %" PRIu32 " execs, %" PRIu32 " exits", m->births, m->good_execs, m->exits);
	if (m->fails)
		fprintf(f, ", %" PRIu32 " failed births", m->fails);
	if (m->failed_execs)
		fprintf(f, ", %" PRIu32 " failed execs", m->failed_execs);
	fputc('\n', f);
	if (l->lost)
		fprintf(f, "trace: %" PRIu64 " events were lost: what is above is not all\n", l->lost);
	if (l->damage)
		fprintf(f, "trace: %s\n", l->damage);
	if (l->unknown)
		fprintf(f, "trace: %" PRIu64 " records are of a kind that this version does not know\n", l->unknown);
}

int trace_write_tree(const struct trace_model *m, const struct trace_view *v, FILE *f)
{
	struct tree t = { .m = m, .v = v, .f = f };
	uint32_t i, one = trace_model_find(m, 1);
	bool ok = true;

	t.left = choose_column(&t);
	if (v->boot)
		put_phases(m, f);
	for (i = 0; i < m->lives && ok; i++) {
		if (v->pid ? m->life[i].tid == v->pid : v->boot || one == NO_LIFE ? m->life[i].creator == NO_LIFE : i == one)
			ok = put_tree(&t, i);
	}
	put_summary(m, f);
	return !ok || fflush(f) != 0 || ferror(f) ? -1 : 0;
}
