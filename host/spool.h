/*
 * The spool: one unlinked file in memory that holds the data of an image's files until the image is written out. Nothing of an image
 * ever touches the host's file system.
 */
#ifndef HOST_SPOOL_H
#define HOST_SPOOL_H

#include <stddef.h>
#include <stdint.h>

struct spool {
	int fd;
	uint64_t end;   /* everything below is taken */
	uint64_t limit; /* more than this is refused: it would not fit the machine */
};

/* Returns 0, or -1 after a complaint. */
int spool_open(struct spool *s, uint64_t limit);
void spool_close(struct spool *s);
/* Writes at start + off, where start is what s->end was when this file began. Returns 0 or -1 after a complaint that names `what`. */
int spool_write(struct spool *s, uint64_t off, const void *data, size_t len, const char *what);
/* Appends len bytes of fd's file from offset 0. Returns 0 or -1 after a complaint that names `what`. */
int spool_copy(struct spool *s, int fd, uint64_t len, const char *what);
/* Ends the current file at start + size. */
void spool_advance(struct spool *s, uint64_t size);

#endif
