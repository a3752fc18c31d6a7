/*
 * A Debian image from the archive's packages, by mmdebstrap.
 */
#ifndef HOST_BOOTSTRAP_H
#define HOST_BOOTSTRAP_H

#include <stdbool.h>

struct bootstrap {
	const char *out;     /* the tar to be made */
	const char *suite;   /* bookworm, stable ... */
	const char *include; /* packages beside the essential ones, with commas; NULL: none */
	const char *mirror;  /* a URL, or a file like those in /etc/apt/sources.list.d; NULL: Debian's own */
	bool minimal;        /* without apt */
	bool verbose;        /* pass on what mmdebstrap says */
};

/* Makes the image; b->out appears only when it is complete. Returns 0, or -1 after a complaint. */
int image_bootstrap(const struct bootstrap *b);

#endif
