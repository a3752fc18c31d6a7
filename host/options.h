/*
 * The command lines of `pando run`, `pando trace` and `pando image`.
 */
#ifndef HOST_OPTIONS_H
#define HOST_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "bootstrap.h"

enum accel_choice { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG };

/* What `pando trace` has beside the options of `pando run`. */
struct trace_options {
	const char *json, *html, *perfetto, *raw; /* files to write; "-": standard output */
	const char *from; /* --from: a recorded stream instead of a machine */
	bool steps, lossy;
	bool only_given; /* --only */
	unsigned only; /* of TRACE_CLASS_*: the events wanted */
	int pid; /* 0: all */
	int depth; /* -1: all */
};

/* -v: a folder of this computer in the machine. */
struct volume {
	char *host; /* allocated */
	char *guest; /* allocated; absolute */
	bool read_only;
};
#define MAX_VOLUMES 6

struct run_options {
	const char *image; /* NULL: the built-in one */
	char **command; /* after "--"; NULL-terminated, may be empty */
	size_t command_len;
	const char *root_disk; /* --root-disk: an EROFS image instead of `image`; NULL: none */
	bool init; /* --init: boot the image's own init */
	bool tty; /* -t */
	bool interactive; /* -i */
	bool verbose;
	const char **env; /* -e, in order; count env_len */
	size_t env_len;
	struct volume volume[MAX_VOLUMES];
	size_t volumes;
	const char *cwd, *user, *hostname, *kernel, *append;
	double timeout; /* seconds; 0: none */
	enum accel_choice accel;
	unsigned mem_mib; /* 0: chosen by the size of the image */
	unsigned cpus;
};

struct image_options {
	const char *image; /* to pack; NULL: `debian` is to be made */
	const char *out;
	struct bootstrap debian;
};

/* Parses the arguments after "run" (argv[0] is "run"). Returns 0, or -1 after a complaint. Sets *help if help was asked for. */
int options_parse_run(int argc, char **argv, struct run_options *o, bool *help);
/* The same for "trace"; an image and a command are not needed with --from. */
int options_parse_trace(int argc, char **argv, struct run_options *o, struct trace_options *t, bool *help);
/* The same for "image". */
int options_parse_image(int argc, char **argv, struct image_options *o, bool *help);
void options_free(struct run_options *o);

#endif
