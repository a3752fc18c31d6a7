/* The C string and memory functions that the kernel uses. The kernel's own versions; on the host the C library's. */
#ifndef PANDO_LIB_STRING_H
#define PANDO_LIB_STRING_H

#ifdef PANDO_HOST_TEST
#include <string.h>
#else
#include "lib/types.h"
void *memcpy(void *d, const void *s, size_t n);
void *memmove(void *d, const void *s, size_t n);
void *memset(void *d, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t n);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *h, const char *n);
/* The compiler writes small copies of known size in place. */
#define memcpy(d, s, n) __builtin_memcpy((d), (s), (n))
#define memset(d, c, n) __builtin_memset((d), (c), (n))
#define memcmp(a, b, n) __builtin_memcmp((a), (b), (n))
#define strlen(s) __builtin_strlen(s)
#endif
#include "lib/types.h"

/* Copies at most size-1 bytes and always terminates (size > 0). Returns the bytes copied without the NUL. */
size_t str_copy(char *dst, const char *src, size_t size);
bool str_starts(const char *s, const char *prefix);
/* Parses all of s as an unsigned number (base 0: 0x, 0 prefixes). 0 or -EINVAL / -ERANGE. */
int str_to_u64(const char *s, int base, u64 *out);

#endif
