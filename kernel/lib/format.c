/* printf-style formatting into a buffer. Entry points: format_va(), format_str(). Pure. */
#include "lib/format.h"

#include "lib/string.h"

struct out {
	char *buf;
	size_t size; /* of buf, with room for the NUL */
	size_t len;  /* characters produced so far, stored or not */
};

struct spec {
	bool left, zero, plus, space, alt, upper;
	int width, precision; /* precision -1 = none */
	int size;             /* -2 hh, -1 h, 0 int, 1 l/ll/z */
};

static inline void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void pad(struct out *o, char c, int n)
{
	while (n-- > 0)
		put(o, c);
}

static void put_text(struct out *o, const struct spec *s, const char *p, size_t n)
{
	int fill = s->width - (int)n;
	if (!s->left)
		pad(o, ' ', fill);
	while (n--)
		put(o, *p++);
	if (s->left)
		pad(o, ' ', fill);
}

/* sign: 0 or the character before the number. */
static void put_number(struct out *o, const struct spec *s, u64 v, u32 base, char sign)
{
	char digits[24];
	int n = 0;
	const char *set = s->upper ? "0123456789ABCDEF" : "0123456789abcdef";
	bool prefix = s->alt && base == 16 && v;
	while (v) {
		digits[n++] = set[v % base];
		v /= base;
	}
	if (!n && s->precision != 0)
		digits[n++] = '0';
	int zeros = s->precision > n ? s->precision - n : 0;
	if (s->alt && base == 8 && !zeros && (!n || digits[n - 1] != '0'))
		zeros = 1;
	int total = n + zeros + (sign != 0) + (prefix ? 2 : 0);
	if (s->zero && !s->left && s->precision < 0 && s->width > total) {
		zeros += s->width - total;
		total = s->width;
	}
	if (!s->left)
		pad(o, ' ', s->width - total);
	if (sign)
		put(o, sign);
	if (prefix) {
		put(o, '0');
		put(o, s->upper ? 'X' : 'x');
	}
	pad(o, '0', zeros);
	while (n)
		put(o, digits[--n]);
	if (s->left)
		pad(o, ' ', s->width - total);
}

static const char *parse_flags(const char *f, struct spec *s)
{
	for (;; f++) {
		switch (*f) {
		case '-': s->left = true; break;
		case '0': s->zero = true; break;
		case '+': s->plus = true; break;
		case ' ': s->space = true; break;
		case '#': s->alt = true; break;
		default: return f;
		}
	}
}

static const char *parse_size(const char *f, struct spec *s)
{
	if (*f == 'h') {
		s->size = f[1] == 'h' ? -2 : -1;
		return f - s->size;
	}
	while (*f == 'l' || *f == 'z') {
		s->size = 1;
		f++;
	}
	return f;
}

static u64 narrow_unsigned(const struct spec *s, u64 v)
{
	switch (s->size) {
	case -2: return (u8)v;
	case -1: return (u16)v;
	case 0: return (u32)v;
	default: return v;
	}
}

static s64 narrow_signed(const struct spec *s, u64 v)
{
	switch (s->size) {
	case -2: return (s8)v;
	case -1: return (s16)v;
	case 0: return (s32)v;
	default: return (s64)v;
	}
}

static void put_signed(struct out *o, const struct spec *s, s64 v)
{
	char sign = v < 0 ? '-' : s->plus ? '+' : s->space ? ' ' : 0;
	put_number(o, s, v < 0 ? 0 - (u64)v : (u64)v, 10, sign);
}

static void put_string(struct out *o, const struct spec *s, const char *p)
{
	if (!p)
		p = "(null)";
	put_text(o, s, p, s->precision >= 0 ? strnlen(p, (size_t)s->precision) : strlen(p));
}

/* A 64-bit value is fetched for l, ll, z and p, an int otherwise. */
#define FETCH(s, ap) ((s).size > 0 ? va_arg(ap, u64) : (u64)va_arg(ap, u32))

int format_va(char *buf, size_t size, const char *fmt, va_list args)
{
	struct out o = { buf, size, 0 };
	va_list ap;
	va_copy(ap, args);
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		struct spec s = { .precision = -1 };
		fmt = parse_flags(fmt + 1, &s);
		if (*fmt == '*') {
			s.width = va_arg(ap, int);
			if (s.width < 0) {
				s.left = true;
				s.width = -s.width;
			}
			fmt++;
		} else {
			while (*fmt >= '0' && *fmt <= '9')
				s.width = s.width * 10 + (*fmt++ - '0');
		}
		if (*fmt == '.') {
			s.precision = 0;
			if (*++fmt == '*') {
				s.precision = va_arg(ap, int);
				fmt++;
			} else {
				while (*fmt >= '0' && *fmt <= '9')
					s.precision = s.precision * 10 + (*fmt++ - '0');
			}
		}
		fmt = parse_size(fmt, &s);
		char c;
		switch (*fmt) {
		case 'd':
		case 'i': put_signed(&o, &s, narrow_signed(&s, FETCH(s, ap))); break;
		case 'u': put_number(&o, &s, narrow_unsigned(&s, FETCH(s, ap)), 10, 0); break;
		case 'o': put_number(&o, &s, narrow_unsigned(&s, FETCH(s, ap)), 8, 0); break;
		case 'X': s.upper = true; /* fall through */
		case 'x': put_number(&o, &s, narrow_unsigned(&s, FETCH(s, ap)), 16, 0); break;
		case 'p':
			s.alt = true;
			put_number(&o, &s, (u64)va_arg(ap, void *), 16, 0);
			break;
		case 'c':
			c = (char)va_arg(ap, int);
			put_text(&o, &s, &c, 1);
			break;
		case 's': put_string(&o, &s, va_arg(ap, const char *)); break;
		case '%': put(&o, '%'); break;
		case '\0': fmt--; break;
		default: put(&o, '%'); put(&o, *fmt); break;
		}
	}
	va_end(ap);
	if (size)
		buf[min(o.len, size - 1)] = '\0';
	return (int)o.len;
}

int format_str(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = format_va(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
