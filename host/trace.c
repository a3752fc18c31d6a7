/*
 * `pando trace`: a run with a trace (or a recorded one), then the writers. Files are opened before the machine starts, so that a wrong name is said early; the
 * tree goes to standard error when the command is over.
 */
#define _GNU_SOURCE
#include "trace.h"

#include "complain.h"
#include "run.h"
#include "trace_write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OUT_JSON, OUT_HTML, OUT_PERFETTO, OUT_RAW, OUTS };

struct outputs {
	const char *name[OUTS];
	FILE *file[OUTS];
};

struct recording {
	struct trace_log log;
	FILE *raw;
	int raw_error; /* errno */
};

static void feed(void *ctx, const void *data, size_t len)
{
	struct recording *r = ctx;

	trace_log_feed(&r->log, data, len);
	if (r->raw && !r->raw_error && fwrite(data, 1, len, r->raw) != len)
		r->raw_error = errno ? errno : EIO;
}

/* ---- files ----------------------------------------------------------------------------------------------------------------------------- */

static int open_outputs(const struct trace_options *t, struct outputs *o)
{
	const char *names[OUTS] = { t->json, t->html, t->perfetto, t->raw };
	int i, used = -1;

	for (i = 0; i < OUTS; i++) {
		o->name[i] = names[i];
		if (!names[i])
			continue;
		if (strcmp(names[i], "-") != 0) {
			o->file[i] = fopen(names[i], "we");
			if (!o->file[i])
				return complain("%s: %s", names[i], strerror(errno));
			continue;
		}
		if (used >= 0)
			return complain("only one of --json, --html, --perfetto and --raw can go to standard output");
		used = i;
		o->name[i] = "standard output";
		o->file[i] = fdopen(dup(STDOUT_FILENO), "w");
		if (!o->file[i])
			return complain("standard output: %s", strerror(errno == EINVAL ? EBADF : errno)); /* EINVAL: it was closed, or is for reading */
	}
	return 0;
}

/* Closes all; returns -1 after a complaint if one of them has not taken everything. */
static int close_outputs(struct outputs *o)
{
	int i, r = 0;

	for (i = 0; i < OUTS; i++)
		if (o->file[i] && fclose(o->file[i]) != 0 && r == 0)
			r = complain("%s: %s", o->name[i], strerror(errno));
	return r;
}

static int read_recorded(const char *name, struct recording *r)
{
	static char buf[1 << 16];
	FILE *f = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
	int err = 0;
	size_t n;

	if (!f)
		return complain("%s: %s", name, strerror(errno));
	/* What does not begin as a trace does need not be read to its end, if it has one. */
	while ((r->log.have_head || !r->log.damage) && (n = fread(buf, 1, sizeof(buf), f)) > 0)
		feed(r, buf, n);
	if (ferror(f))
		err = errno ? errno : EIO;
	if (f != stdin)
		fclose(f);
	return err ? complain("%s: %s", name, strerror(err)) : 0;
}

/* ---- the machine ----------------------------------------------------------------------------------------------------------------------- */

/* What the kernel is to trace: births, execs and exits always, since the tree is made of them. */
static void choose_events(const struct trace_options *t, char param[64])
{
	bool sched = t->only_given ? t->only & TRACE_CLASS_sched : t->html || t->perfetto || t->steps;
	bool cow = t->only & TRACE_CLASS_cow;

	snprintf(param, 64, "fork,exec,exit%s%s%s", cow ? ",cow" : "", sched ? ",sched" : "", t->lossy ? ",lossy" : "");
}

static int record(const struct run_options *o, const struct trace_options *t, struct recording *r)
{
	char param[64];
	struct trace_sink sink = { .param = param, .feed = feed, .ctx = r };

	choose_events(t, param);
	return run_traced(o, &sink);
}

/* ---- what is made of it ---------------------------------------------------------------------------------------------------------------- */

static int wrote(int r, const struct outputs *out, int which)
{
	return r == 0 ? 0 : complain("%s: %s", out->name[which], strerror(errno ? errno : EIO));
}

/* The command's words, the image or the recording. */
static const char *title_of(const struct run_options *o, const struct trace_options *t, char *buf, size_t size)
{
	size_t at = 0, i;

	for (i = 0; i < o->command_len && at < size; i++)
		at += (size_t)snprintf(buf + at, size - at, "%s%s", i ? " " : "", o->command[i]);
	if (!o->command_len)
		snprintf(buf, size, "%s", o->image ? o->image : t->from ? t->from : "");
	return buf;
}

static int write_all_of_it(const struct trace_model *m, const struct run_options *o, const struct trace_options *t, struct outputs *out)
{
	struct trace_view v = { .steps = t->steps, .boot = o->init, .pid = t->pid, .depth = t->depth, .only = t->only };
	char title[512];

	if (!t->only_given)
		v.only = ~0u;
	if (v.pid && trace_model_find(m, v.pid) == NO_LIFE)
		complain("--pid %d: there was no such process", v.pid);
	if (trace_write_tree(m, &v, stderr) != 0)
		return -1;
	if (out->file[OUT_JSON] && wrote(trace_write_json(m, &v, out->file[OUT_JSON]), out, OUT_JSON) != 0)
		return -1;
	if (out->file[OUT_HTML] && wrote(trace_write_html(m, &v, title_of(o, t, title, sizeof(title)), out->file[OUT_HTML]), out, OUT_HTML) != 0)
		return -1;
	if (out->file[OUT_PERFETTO] && wrote(trace_write_perfetto(m, &v, out->file[OUT_PERFETTO]), out, OUT_PERFETTO) != 0)
		return -1;
	return 0;
}

static int show(struct recording *r, const struct run_options *o, const struct trace_options *t, struct outputs *out)
{
	struct trace_model m;
	int status;

	if (!r->log.have_head)
		return complain("%s: %s", t->from ? t->from : "trace",
			r->log.damage ? r->log.damage
			: t->from     ? "it is empty"
						  : "nothing came from the kernel");
	trace_log_finish(&r->log);
	status = trace_model_build(&m, &r->log) == 0 ? write_all_of_it(&m, o, t, out) : complain("out of memory");
	trace_model_free(&m);
	return status;
}

int trace(const struct run_options *o, const struct trace_options *t)
{
	static struct recording r;
	struct outputs out = { 0 };
	int status = EXIT_PANDO;

	trace_log_init(&r.log);
	if (open_outputs(t, &out) == 0) {
		r.raw = out.file[OUT_RAW];
		status = t->from ? (read_recorded(t->from, &r) == 0 ? 0 : EXIT_PANDO) : record(o, t, &r);
		/* A machine that never ran has said why, or was ended by a signal. */
		if ((r.log.bytes || (status != EXIT_PANDO && status < 128)) && show(&r, o, t, &out) != 0)
			status = EXIT_PANDO;
		if (r.raw_error) {
			complain("%s: %s", out.name[OUT_RAW], strerror(r.raw_error));
			status = EXIT_PANDO;
		}
	}
	if (close_outputs(&out) != 0)
		status = EXIT_PANDO;
	trace_log_free(&r.log);
	return status;
}
