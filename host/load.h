/*
 * Loading images into a tree: folders, archives, container images. Each complains itself and returns -1 on failure.
 */
#ifndef HOST_LOAD_H
#define HOST_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "image_config.h"
#include "spool.h"
#include "tree.h"

/* A stretch of a file: a whole archive on disk, or one inside a spool. */
struct source {
	int fd; /* read with pread() only, unless stream */
	uint64_t off;
	uint64_t len;
	bool stream;      /* not seekable (a pipe): read() to the end; off and len are not used */
	const char *name; /* for messages */
};

/* Loads the folder open as dirfd. `name` is for messages. */
int load_folder(struct tree *t, struct spool *s, int dirfd, const char *name);
/* Loads a tar or cpio archive, compressed or not. `layer`: whiteouts are obeyed. */
int load_archive(struct tree *t, struct spool *s, const struct source *src, bool layer);

/* Where the files of a container image lie: in a folder (dirfd >= 0), or in a tree with its spool. */
struct container {
	int dirfd;
	const struct tree *tree;
	const struct spool *spool;
	const char *name;
};

/* True if it is an OCI layout or a `docker save` archive. */
bool container_present(const struct container *c);
/* Applies the layers of the image to *t and reads its configuration. */
int load_container(struct tree *t, struct spool *s, const struct container *c, struct image_config *config);

#endif
