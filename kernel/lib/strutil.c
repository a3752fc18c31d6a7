/* String helpers that the C library lacks. Entry points: str_copy(), str_starts(), str_to_u64(). Pure. */
#include "lib/errno.h"
#include "lib/string.h"

size_t str_copy(char *dst, const char *src, size_t size)
{
	size_t n = strnlen(src, size - 1);
	memcpy(dst, src, n);
	dst[n] = '\0';
	return n;
}

bool str_starts(const char *s, const char *prefix) { return strncmp(s, prefix, strlen(prefix)) == 0; }

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

int str_to_u64(const char *s, int base, u64 *out)
{
	bool hex = s[0] == '0' && (s[1] | 0x20) == 'x';
	if (base == 0)
		base = hex ? 16 : s[0] == '0' ? 8 : 10;
	if (base == 16 && hex)
		s += 2;
	if (!*s)
		return -EINVAL;
	u64 v = 0;
	bool over = false;
	for (; *s; s++) {
		int d = digit_value(*s);
		if (d >= base)
			return -EINVAL;
		over |= __builtin_mul_overflow(v, (u64)base, &v) || __builtin_add_overflow(v, (u64)d, &v);
	}
	if (over)
		return -ERANGE;
	*out = v;
	return 0;
}
