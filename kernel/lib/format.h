/* printf-style formatting: %d %i %u %x %X %o %c %s %p %% with flags - 0 + # space, width, precision, *, and h hh l ll z. Pure. */
#ifndef PANDO_LIB_FORMAT_H
#define PANDO_LIB_FORMAT_H

#include "lib/types.h"

/* Like C's vsnprintf: returns the length the whole text would have. Named format_* so that the host's stdio is never mixed up. */
int format_va(char *buf, size_t size, const char *fmt, va_list ap);
int format_str(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

#endif
