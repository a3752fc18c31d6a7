/*
 * Images: whatever the user names becomes one cpio that QEMU can load, in a file descriptor, with its configuration.
 */
#ifndef HOST_IMAGE_H
#define HOST_IMAGE_H

#include <stdint.h>

#include "image_config.h"

struct image {
	int fd;        /* the cpio; close-on-exec */
	uint64_t size; /* of it */
	struct image_config config;
};

/*
 * Opens the image called `path`: the built-in one if NULL, a packed one as it is, anything else packed into memory. An image larger
 * than `limit` bytes is refused. Returns 0 with *img, or -1 after a complaint.
 */
int image_open(const char *path, uint64_t limit, struct image *img);
/* An image with nothing but our init: for a machine whose root is elsewhere. Returns 0 with *img, or -1 after a complaint. */
int image_bare(struct image *img);
void image_close(struct image *img);
/* Packs `path` to the file `out`, which appears only when it is complete. Returns 0, or -1 after a complaint. */
int image_pack(const char *path, const char *out);

#endif
