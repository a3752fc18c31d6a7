/*
 * Memory and string functions for the kernel itself. Entry points: string.h. On the host the C library's stand in, so this file is not built
 * there. Bulk moves use rep movsq/stosq: one iteration per 8 bytes is the fewest instructions a general-register copy can have, and CPUs
 * with fast strings widen it. Nothing here may be turned by the compiler into a call to itself, hence the pragma.
 */
#include "lib/string.h"

#undef memcpy
#undef memset
#undef memcmp
#undef strlen

#pragma GCC optimize("no-tree-loop-distribute-patterns")

typedef u64 __attribute__((may_alias, aligned(1))) word_t;
typedef u32 __attribute__((may_alias, aligned(1))) half_t;
typedef u16 __attribute__((may_alias, aligned(1))) quarter_t;

#define ONES 0x0101010101010101UL
#define HIGHS 0x8080808080808080UL

/* n < 8: two overlapping moves of the largest width that fits. Loads come first, so that it serves memmove as well. */
static inline void move_small(u8 *d, const u8 *s, size_t n)
{
	if (n >= 4) {
		u32 a = *(const half_t *)s, b = *(const half_t *)(s + n - 4);
		*(half_t *)d = a;
		*(half_t *)(d + n - 4) = b;
	} else if (n >= 2) {
		u16 a = *(const quarter_t *)s, b = *(const quarter_t *)(s + n - 2);
		*(quarter_t *)d = a;
		*(quarter_t *)(d + n - 2) = b;
	} else if (n) {
		*d = *s;
	}
}

void *memcpy(void *dst, const void *src, size_t n)
{
	u8 *d = dst;
	const u8 *s = src;
	if (n < 8) {
		move_small(d, s, n);
		return dst;
	}
	u64 last = *(const word_t *)(s + n - 8);
	word_t *end = (word_t *)(d + n - 8);
	if (n <= 32) {
		*(word_t *)d = *(const word_t *)s;
		if (n > 16) {
			*(word_t *)(d + 8) = *(const word_t *)(s + 8);
			if (n > 24)
				*(word_t *)(d + 16) = *(const word_t *)(s + 16);
		}
	} else {
		size_t words = n / 8;
		__asm__ __volatile__("rep movsq" : "+D"(d), "+S"(s), "+c"(words)::"memory");
	}
	*end = last;
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	u8 *d = dst;
	const u8 *s = src;
	if (n < 8) {
		move_small(d, s, n);
		return dst;
	}
	if ((size_t)(d - s) >= n && (size_t)(s - d) >= n)
		return memcpy(dst, src, n);
	if (d <= s) {
		/* Forward is safe for d < s, but the tail must be read before the bulk overwrites it. */
		u64 last = *(const word_t *)(s + n - 8);
		word_t *end = (word_t *)(d + n - 8);
		for (size_t words = n / 8; words; words--, d += 8, s += 8)
			*(word_t *)d = *(const word_t *)s;
		*end = last;
	} else {
		u64 first = *(const word_t *)s;
		while (n >= 8) {
			n -= 8;
			*(word_t *)(d + n) = *(const word_t *)(s + n);
		}
		*(word_t *)d = first;
	}
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	u8 *d = dst;
	u64 v = (u8)c * ONES;
	if (n >= 8) {
		word_t *end = (word_t *)(d + n - 8);
		size_t words = n / 8;
		if (words <= 4) {
			for (size_t i = 0; i < words; i++)
				((word_t *)d)[i] = v;
		} else {
			__asm__ __volatile__("rep stosq" : "+D"(d), "+c"(words) : "a"(v) : "memory");
		}
		*end = v;
	} else if (n >= 4) {
		*(half_t *)d = (u32)v;
		*(half_t *)(d + n - 4) = (u32)v;
	} else {
		while (n--)
			*d++ = (u8)c;
	}
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;
	for (; n >= 8; n -= 8, x += 8, y += 8) {
		u64 p = *(const word_t *)x, q = *(const word_t *)y;
		if (p != q)
			return __builtin_bswap64(p) < __builtin_bswap64(q) ? -1 : 1;
	}
	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

void *memchr(const void *s, int c, size_t n)
{
	for (const u8 *p = s; n; n--, p++)
		if (*p == (u8)c)
			return (void *)p;
	return NULL;
}

/* By aligned words: such a read never crosses into another page, so it may run past the end. */
size_t strlen(const char *s)
{
	const char *p = s;
	for (; (u64)p % 8; p++)
		if (!*p)
			return (size_t)(p - s);
	for (;; p += 8) {
		u64 w = *(const word_t *)p;
		u64 zero = (w - ONES) & ~w & HIGHS;
		if (zero)
			return (size_t)(p - s) + (size_t)__builtin_ctzl(zero) / 8;
	}
}

size_t strnlen(const char *s, size_t n)
{
	const char *p = s;
	while (n-- && *p)
		p++;
	return (size_t)(p - s);
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++)
		if (*a != *b || !*a)
			return (u8)*a - (u8)*b;
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)s;
		if (!*s)
			return NULL;
	}
}

char *strrchr(const char *s, int c)
{
	const char *last = NULL;
	do {
		if (*s == (char)c)
			last = s;
	} while (*s++);
	return (char *)last;
}

char *strstr(const char *h, const char *n)
{
	size_t len = strlen(n);
	for (; *h; h++)
		if (*h == *n && strncmp(h, n, len) == 0)
			return (char *)h;
	return len ? NULL : (char *)h;
}
