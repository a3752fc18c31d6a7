/* The growing text of fs/text.h. */
#include "fs/text.h"

#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"

#define TEXT_MAX (4UL << 20)

char *text_room(struct text *t, size_t n)
{
	if (t->failed)
		return NULL;
	if (t->cap - t->len >= n)
		return t->buf + t->len;
	size_t cap = max(t->cap * 2, (size_t)1024);
	while (cap - t->len < n)
		cap *= 2;
	char *buf = cap <= TEXT_MAX ? kmalloc(cap) : NULL;
	if (!buf) {
		t->failed = true;
		return NULL;
	}
	if (t->len)
		memcpy(buf, t->buf, t->len);
	kfree(t->buf);
	t->buf = buf;
	t->cap = cap;
	return buf + t->len;
}

void text_put(struct text *t, const char *s, size_t n)
{
	char *p = text_room(t, n);
	if (!p)
		return;
	memcpy(p, s, n);
	t->len += n;
}

void text_puts(struct text *t, const char *s) { text_put(t, s, strlen(s)); }

void text_printf(struct text *t, const char *fmt, ...)
{
	va_list ap;

	for (size_t want = 128;;) {
		char *p = text_room(t, want);
		if (!p)
			return;
		va_start(ap, fmt);
		size_t n = (size_t)format_va(p, t->cap - t->len, fmt, ap);
		va_end(ap);
		if (n < t->cap - t->len) {
			t->len += n;
			return;
		}
		want = n + 1;
	}
}

void text_free(struct text *t)
{
	kfree(t->buf);
	t->buf = NULL;
	t->len = t->cap = 0;
	t->failed = false;
}

ssize_t text_read(const struct text *t, struct iter *to, u64 *pos)
{
	if (t->failed)
		return -ENOMEM;
	if (*pos >= t->len || !to->count)
		return 0;
	size_t n = min(to->count, t->len - (size_t)*pos);
	size_t put = iter_copy_to(to, t->buf + *pos, n);
	*pos += put;
	return put || !n ? (ssize_t)put : -EFAULT;
}
