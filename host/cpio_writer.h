/*
 * Writes cpio archives (newc), the kernel's initramfs format, so that the data of every file of ALIGN_FROM bytes or more starts on a
 * page: the kernel then maps it in place. The gap is made with NULs after the name, which namesize counts.
 */
#ifndef HOST_CPIO_WRITER_H
#define HOST_CPIO_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "tree.h"

#define CPIO_PAGE 4096u
#define CPIO_ALIGN_FROM 2048u

struct cpio_writer {
	int fd;
	const char *name; /* of the output, for messages */
	uint64_t at;      /* bytes written, buffered ones too */
	uint32_t next_number;
	size_t used;
	char buf[1 << 16];
};

void cpio_begin(struct cpio_writer *w, int fd, const char *name);
/*
 * Writes one entry: `path` without a leading '/', "." for the root. The data is at `data` if that is not NULL, else in the file data_fd
 * at meta->data. A later name of an inode that has been written (meta->number) gets no data. Returns 0 or -1 after a complaint.
 */
int cpio_put(struct cpio_writer *w, const char *path, struct inode *meta, const void *data, int data_fd);
/* Writes everything below the root of a tree, and the root. */
int cpio_put_tree(struct cpio_writer *w, const struct tree *t, int data_fd);
/* Writes the trailer and what is still buffered. */
int cpio_end(struct cpio_writer *w);

#endif
