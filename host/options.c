/* Command line parsing; see options.h. */
#define _GNU_SOURCE
#include "options.h"

#include "complain.h"
#include "gen/trace_events.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIN_MIB 6u
#define MAX_CPUS 8u

enum {
	OPT_INIT = 256,
	OPT_HOSTNAME,
	OPT_TIMEOUT,
	OPT_KERNEL,
	OPT_APPEND,
	OPT_ACCEL,
	OPT_VERBOSE,
	OPT_VOLUME,
	OPT_ROOT_DISK,
	OPT_HELP,
	OPT_JSON,
	OPT_HTML,
	OPT_PERFETTO,
	OPT_RAW,
	OPT_FROM,
	OPT_STEPS,
	OPT_LOSSY,
	OPT_LOSSLESS,
	OPT_ONLY,
	OPT_PID,
	OPT_DEPTH,
	OPT_INCLUDE,
	OPT_MIRROR,
	OPT_MINIMAL
};

/* What run and trace have in common. */
#define RUN_OPTIONS                                                                                                                      \
	{ "memory", required_argument, NULL, 'm' }, { "cpus", required_argument, NULL, 'c' }, { "tty", no_argument, NULL, 't' },             \
		{ "interactive", no_argument, NULL, 'i' }, { "env", required_argument, NULL, 'e' }, { "workdir", required_argument, NULL, 'w' }, \
		{ "user", required_argument, NULL, 'u' }, { "volume", required_argument, NULL, OPT_VOLUME },                                           \
		{ "root-disk", required_argument, NULL, OPT_ROOT_DISK }, { "verbose", no_argument, NULL, OPT_VERBOSE },                          \
		{ "init", no_argument, NULL, OPT_INIT }, { "hostname", required_argument, NULL, OPT_HOSTNAME },                                  \
		{ "timeout", required_argument, NULL, OPT_TIMEOUT }, { "kernel", required_argument, NULL, OPT_KERNEL },                          \
		{ "append", required_argument, NULL, OPT_APPEND }, { "accel", required_argument, NULL, OPT_ACCEL }, { "help", no_argument, NULL, OPT_HELP },

static const struct option run_options[] = { RUN_OPTIONS{ NULL, 0, NULL, 0 } };

static const struct option trace_options[] = {
	RUN_OPTIONS{ "json", required_argument, NULL, OPT_JSON },
	{ "html", required_argument, NULL, OPT_HTML },
	{ "perfetto", required_argument, NULL, OPT_PERFETTO },
	{ "raw", required_argument, NULL, OPT_RAW },
	{ "from", required_argument, NULL, OPT_FROM },
	{ "steps", no_argument, NULL, OPT_STEPS },
	{ "lossless", no_argument, NULL, OPT_LOSSLESS },
	{ "lossy", no_argument, NULL, OPT_LOSSY },
	{ "only", required_argument, NULL, OPT_ONLY },
	{ "pid", required_argument, NULL, OPT_PID },
	{ "depth", required_argument, NULL, OPT_DEPTH },
	{ NULL, 0, NULL, 0 },
};

static const struct option image_options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "include", required_argument, NULL, OPT_INCLUDE },
	{ "mirror", required_argument, NULL, OPT_MIRROR },
	{ "minimal", no_argument, NULL, OPT_MINIMAL },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

/* "32M", "4G", "512" (MiB). */
static int parse_memory(const char *text, unsigned *mib)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
	unsigned long long host = (unsigned long long)pages * (unsigned long long)page >> 20, n;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || errno)
		return complain("-m %s: not a size (like 512M or 4G)", text);
	switch (toupper((unsigned char)*end)) {
	case 'K':
		n >>= 10;
		end++;
		break;
	case 'G':
		n = n > 1u << 20 ? 1ull << 40 : n << 10;
		end++;
		break;
	case 'M':
		end++;
		break;
	}
	if (*end && strcasecmp(end, "B") != 0 && strcasecmp(end, "iB") != 0)
		return complain("-m %s: not a size (like 512M or 4G)", text);
	if (n < MIN_MIB)
		return complain("-m %s: less than %uM", text, MIN_MIB);
	if (n > host)
		return complain("-m %s: more than this computer has (%lluM)", text, host);
	*mib = (unsigned)n;
	return 0;
}

static int parse_cpus(const char *text, unsigned *cpus)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || n < 1 || n > MAX_CPUS)
		return complain("-c %s: not a number from 1 to %u", text, MAX_CPUS);
	*cpus = (unsigned)n;
	return 0;
}

static int parse_timeout(const char *text, double *seconds)
{
	char *end;

	*seconds = strtod(text, &end);
	if (end == text || *end || !isfinite(*seconds) || *seconds < 0 || *seconds > 1e9)
		return complain("--timeout %s: not a number of seconds", text);
	return 0;
}

static int parse_accel(const char *text, enum accel_choice *accel)
{
	if (strcmp(text, "auto") == 0)
		*accel = ACCEL_AUTO;
	else if (strcmp(text, "kvm") == 0)
		*accel = ACCEL_KVM;
	else if (strcmp(text, "tcg") == 0)
		*accel = ACCEL_TCG;
	else
		return complain("--accel %s: not one of auto, kvm, tcg", text);
	return 0;
}

static int parse_hostname(const char *text, const char **hostname)
{
	size_t len = strlen(text);

	if (len < 1 || len > 64 || strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") != len)
		return complain("--hostname %s: not a host name", text);
	*hostname = text;
	return 0;
}

static int add_env(struct run_options *o, const char *text)
{
	const char **more = realloc(o->env, (o->env_len + 1) * sizeof(*more));

	if (!more)
		return complain("out of memory");
	o->env = more;
	if (text[0] == '=' || text[0] == '\0')
		return complain("-e %s: not NAME=VALUE or NAME", text);
	o->env[o->env_len++] = text;
	return 0;
}

/* "HOSTDIR:GUESTDIR[:ro]"; the host's folder may have colons in its name. */
static int add_volume(struct run_options *o, const char *text)
{
	struct volume *v = &o->volume[o->volumes];
	size_t len = strlen(text);
	const char *colon;

	if (o->volumes == MAX_VOLUMES)
		return complain("--volume %s: more than %d folders", text, MAX_VOLUMES);
	v->read_only = len > 3 && strcmp(text + len - 3, ":ro") == 0;
	if (v->read_only || (len > 3 && strcmp(text + len - 3, ":rw") == 0))
		len -= 3;
	colon = memrchr(text, ':', len);
	if (!colon || colon == text || colon[1] != '/')
		return complain("--volume %s: not HOSTDIR:GUESTDIR or HOSTDIR:GUESTDIR:ro, with an absolute GUESTDIR", text);
	v->guest = strndup(colon + 1, len - (size_t)(colon + 1 - text));
	v->host = strndup(text, (size_t)(colon - text));
	o->volumes++;
	return v->host && v->guest ? 0 : complain("out of memory");
}

/* getopt's ':' and '?' in words. argv[at] is what it stumbled over. */
static int bad_option(int c, char **argv, int at)
{
	const char *text = at > 0 && argv[at - 1] ? argv[at - 1] : "?";

	if (c == ':')
		return complain("option %s needs a value (see pando --help)", text);
	if (optopt && optopt < 256)
		return complain("unknown option -%c (see pando --help)", optopt);
	return complain("unknown or misused option %s (see pando --help)", text);
}

static int file_option(const char *name, const char *value, const char **out)
{
	*out = value;
	return *value ? 0 : complain("%s: the file's name is empty", name);
}

static int run_option(struct run_options *o, int c, const char *value)
{
	switch (c) {
	case 'm':
		return parse_memory(value, &o->mem_mib);
	case 'c':
		return parse_cpus(value, &o->cpus);
	case 'e':
		return add_env(o, value);
	case OPT_HOSTNAME:
		return parse_hostname(value, &o->hostname);
	case OPT_TIMEOUT:
		return parse_timeout(value, &o->timeout);
	case OPT_ACCEL:
		return parse_accel(value, &o->accel);
	case 't':
		o->tty = true;
		return 0;
	case 'i':
		o->interactive = true;
		return 0;
	case OPT_VOLUME:
		return add_volume(o, value);
	case OPT_VERBOSE:
		o->verbose = true;
		return 0;
	case 'w':
		o->cwd = value;
		return *value == '/' ? 0 : complain("-w %s: not an absolute path", value);
	case 'u':
		o->user = value;
		return *value ? 0 : complain("-u: empty");
	case OPT_ROOT_DISK:
		return file_option("--root-disk", value, &o->root_disk);
	case OPT_INIT:
		o->init = true;
		return 0;
	case OPT_KERNEL:
		o->kernel = value;
		return 0;
	case OPT_APPEND:
		o->append = value;
		return 0;
	}
	return -1;
}

/* "fork,exec": classes of events. */
static int parse_only(const char *text, unsigned *mask)
{
	static const struct {
		const char *name;
		unsigned events;
	} classes[] = {
		{ "fork", TRACE_CLASS_fork },
		{ "exec", TRACE_CLASS_exec },
		{ "exit", TRACE_CLASS_exit },
		{ "cow", TRACE_CLASS_cow },
		{ "sched", TRACE_CLASS_sched },
	};
	size_t len, i;

	for (*mask = 0; *text; text += len + (text[len] == ',')) {
		len = strcspn(text, ",");
		for (i = 0; i < 5 && !(strlen(classes[i].name) == len && strncmp(text, classes[i].name, len) == 0); i++)
			;
		if (i == 5)
			return complain("--only %.*s: not one of fork, exec, exit, cow, sched", (int)len, text);
		*mask |= classes[i].events;
	}
	return *mask ? 0 : complain("--only: names nothing");
}

static int parse_number(const char *name, const char *text, int least, int *out)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || n < least || n > 1 << 30)
		return complain("%s %s: not a number from %d on", name, text, least);
	*out = (int)n;
	return 0;
}

static int trace_option(struct trace_options *t, int c, const char *value)
{
	switch (c) {
	case OPT_JSON:
		return file_option("--json", value, &t->json);
	case OPT_HTML:
		return file_option("--html", value, &t->html);
	case OPT_PERFETTO:
		return file_option("--perfetto", value, &t->perfetto);
	case OPT_RAW:
		return file_option("--raw", value, &t->raw);
	case OPT_FROM:
		return file_option("--from", value, &t->from);
	case OPT_STEPS:
		t->steps = true;
		return 0;
	case OPT_LOSSLESS:
	case OPT_LOSSY:
		t->lossy = c == OPT_LOSSY;
		return 0;
	case OPT_ONLY:
		t->only_given = true;
		return parse_only(value, &t->only);
	case OPT_PID:
		return parse_number("--pid", value, 1, &t->pid);
	case OPT_DEPTH:
		return parse_number("--depth", value, 0, &t->depth);
	}
	return -1;
}

/* What cannot be had together. */
static int check_run(const struct run_options *o)
{
	if (o->root_disk && o->image)
		return complain("--root-disk %s and the image %s: the machine has one root", o->root_disk, o->image);
	if (!o->init)
		return 0;
	if (o->env_len || o->cwd || o->user || o->hostname || o->volumes)
		return complain("--init boots the image's own init: -e, -w, -u, -v and --hostname are not for it");
	return 0;
}

/* "-v" is --verbose, unless a word with a colon follows, as no option and hardly an image has: then it is --volume with that word. */
static int short_v(char **argv, char **value)
{
	const char *next = argv[optind];

	if (!next || *next == '-' || !strchr(next, ':'))
		return OPT_VERBOSE;
	*value = argv[optind++];
	return OPT_VOLUME;
}

/* The words of run, or of trace with its own options. */
static int parse(int argc, char **argv, const char *verb, const struct option *table, struct run_options *o, struct trace_options *t, bool *help)
{
	int c, r;

	memset(o, 0, sizeof(*o));
	o->cpus = 1;
	*help = false;
	opterr = 0;
	optind = 1;
	/* '-': what is no option comes in its place, so that an image may stand before, among or after the options. */
	while ((c = getopt_long(argc, argv, "-:m:c:tie:w:u:vh", table, NULL)) != -1) {
		if (c == OPT_HELP || c == 'h') {
			*help = true;
			return 0;
		}
		if (c == '?' || c == ':')
			return bad_option(c, argv, optind);
		if (c == 'v')
			c = short_v(argv, &optarg);
		if (c != 1) {
			r = t && c > OPT_HELP ? trace_option(t, c, optarg) : run_option(o, c, optarg);
			if (r != 0)
				return -1;
		} else if (!o->image) {
			if (!*optarg)
				return complain("the name of the image is empty");
			o->image = optarg;
		} else {
			return complain("what is '%s'? The command goes after '--': pando %s [OPTIONS] [IMAGE] -- COMMAND", optarg, verb);
		}
	}
	o->command = argv + optind;
	o->command_len = (size_t)(argc - optind);
	return check_run(o);
}

int options_parse_run(int argc, char **argv, struct run_options *o, bool *help) { return parse(argc, argv, "run", run_options, o, NULL, help); }

int options_parse_trace(int argc, char **argv, struct run_options *o, struct trace_options *t, bool *help)
{
	memset(t, 0, sizeof(*t));
	t->depth = -1;
	t->only = TRACE_CLASS_fork | TRACE_CLASS_exec | TRACE_CLASS_exit | TRACE_CLASS_cow;
	if (parse(argc, argv, "trace", trace_options, o, t, help) != 0)
		return -1;
	if (!*help && t->from && (o->image || o->command_len))
		return complain("--from shows a recorded trace: an image or a command is not for it");
	return 0;
}

static int image_option(struct image_options *o, int c, const char *value)
{
	switch (c) {
	case 'o':
		o->out = value;
		return 0;
	case OPT_INCLUDE:
		o->debian.include = value;
		return 0;
	case OPT_MIRROR:
		o->debian.mirror = value;
		return 0;
	case OPT_MINIMAL:
		o->debian.minimal = true;
		return 0;
	}
	o->debian.verbose = true;
	return 0;
}

/* `pando image IMAGE -o FILE` packs; `pando image FILE SUITE` makes. */
static int image_words(struct image_options *o, int n, char **words)
{
	if (o->out) {
		if (n != 1 || !*o->out)
			return complain("usage: pando image IMAGE -o FILE");
		if (o->debian.include || o->debian.mirror || o->debian.minimal || o->debian.verbose)
			return complain("--include, --mirror, --minimal and --verbose are for making an image: pando image FILE SUITE");
		o->image = words[0];
		return 0;
	}
	if (n != 2 || !*words[0])
		return complain("usage: pando image IMAGE -o FILE, or pando image FILE SUITE");
	o->debian.out = words[0];
	o->debian.suite = words[1];
	return 0;
}

int options_parse_image(int argc, char **argv, struct image_options *o, bool *help)
{
	int c;

	memset(o, 0, sizeof(*o));
	*help = false;
	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, ":o:h", image_options, NULL)) != -1) {
		if (c == OPT_HELP || c == 'h') {
			*help = true;
			return 0;
		}
		if (c == '?' || c == ':')
			return bad_option(c, argv, optind);
		image_option(o, c, optarg);
	}
	return image_words(o, argc - optind, argv + optind);
}

void options_free(struct run_options *o)
{
	size_t i;

	for (i = 0; i < o->volumes; i++) {
		free(o->volume[i].host);
		free(o->volume[i].guest);
	}
	o->volumes = 0;
	free(o->env);
	o->env = NULL;
}
