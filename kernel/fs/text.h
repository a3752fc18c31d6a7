/* A growing text in kernel memory, for files whose content is made when it is read (procfs, sysfs). */
#ifndef PANDO_FS_TEXT_H
#define PANDO_FS_TEXT_H

#include "lib/types.h"
#include "vfs/file.h"

struct text {
	char *buf;
	size_t len, cap;
	bool failed; /* out of memory, or beyond 4 MiB: the text is not complete */
};
void text_printf(struct text *t, const char *fmt, ...) __printf(2, 3);
void text_put(struct text *t, const char *s, size_t n);
void text_puts(struct text *t, const char *s);
/* Room for n more bytes at buf + len, or NULL; the caller adds to len what it used. */
char *text_room(struct text *t, size_t n);
void text_free(struct text *t);
/* read(2) of a text at *pos. Bytes or -errno. */
ssize_t text_read(const struct text *t, struct iter *to, u64 *pos);

#endif
