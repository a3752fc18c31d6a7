/* Reader of newc cpio archives, several of them one after the other. Entry points: cpio_init(), cpio_next(). Pure. */
#include "fs/cpio.h"

#include "lib/errno.h"
#include "lib/string.h"

#define HEADER 110u
#define FIELDS 13
#define FMT_LNK 0120000u
#define FMT_MASK 0170000u

void cpio_init(struct cpio *c, const void *base, u64 size) { *c = (struct cpio){ .base = base, .size = size }; }

static int fail(struct cpio *c, const char *what)
{
	c->error = what;
	c->error_at = c->pos;
	return -EINVAL;
}

/* Eight hexadecimal digits at once: each byte to its value, back to text to see that it was a digit, then the nibbles together. */
static bool hex8(const u8 *s, u32 *out)
{
	u64 text, v, over9;
	memcpy(&text, s, 8);
	text |= 0x2020202020202020UL;
	v = (text & 0x0f0f0f0f0f0f0f0fUL) + 9 * ((text >> 6) & 0x0101010101010101UL);
	if (v & 0xf0f0f0f0f0f0f0f0UL)
		return false;
	over9 = ((v + 0x0606060606060606UL) >> 4) & 0x0101010101010101UL;
	if (v + 0x3030303030303030UL + over9 * 39 != text)
		return false;
	v = __builtin_bswap64(v);
	v = (v | v >> 4) & 0x00ff00ff00ff00ffUL;
	v = (v | v >> 8) & 0x0000ffff0000ffffUL;
	*out = (u32)(v | v >> 16);
	return true;
}

/* What the bytes at an archive's start are when they are no newc header. */
static const char *diagnose(const u8 *p, u64 n)
{
	static const struct { const char *magic; u32 len; const char *text; } known[] = {
		{ "\x1f\x8b", 2, "is gzip-compressed: Pando takes plain cpio (newc)" },
		{ "\x1f\x9e", 2, "is gzip-compressed: Pando takes plain cpio (newc)" },
		{ "BZh", 3, "is bzip2-compressed: Pando takes plain cpio (newc)" },
		{ "\xfd" "7zXZ", 5, "is xz-compressed: Pando takes plain cpio (newc)" },
		{ "\x5d\0\0", 3, "is lzma-compressed: Pando takes plain cpio (newc)" },
		{ "\x89" "LZO", 4, "is lzo-compressed: Pando takes plain cpio (newc)" },
		{ "\x02\x21\x4c\x18", 4, "is lz4-compressed: Pando takes plain cpio (newc)" },
		{ "\x04\x22\x4d\x18", 4, "is lz4-compressed: Pando takes plain cpio (newc)" },
		{ "\x28\xb5\x2f\xfd", 4, "is zstd-compressed: Pando takes plain cpio (newc)" },
		{ "070707", 6, "is an old-style cpio archive: make it with -H newc" },
		{ "\xc7\x71", 2, "is a binary cpio archive: make it with -H newc" },
	};
	for (u32 i = 0; i < ARRAY_SIZE(known); i++) {
		if (n >= known[i].len && !memcmp(p, known[i].magic, known[i].len))
			return known[i].text;
	}
	return "is no cpio archive (bad magic)";
}

static void skip_zeroes(struct cpio *c)
{
	while (c->pos < c->size && !c->base[c->pos])
		c->pos++;
}

/* Leading "/" and "./" and trailing "/" off; no "..", no component over 255 bytes. false = a bad name */
static bool clean_name(struct cpio_entry *e)
{
	const char *s = e->name;
	u32 n = e->name_len, start;
	for (;;) {
		if (n && s[0] == '/')
			s++, n--;
		else if (n >= 2 && s[0] == '.' && s[1] == '/')
			s += 2, n -= 2;
		else
			break;
	}
	while (n && s[n - 1] == '/')
		n--;
	if (n == 1 && s[0] == '.')
		n = 0;
	e->name = s;
	e->name_len = n;
	for (u32 i = start = 0; i <= n; i++) {
		if (i < n && s[i] != '/')
			continue;
		if (i - start > 255 || (i - start == 2 && s[start] == '.' && s[start + 1] == '.'))
			return false;
		start = i + 1;
	}
	return true;
}

/* newc's checksum is the sum of all data bytes; only 070702 has one. */
static bool checksum_ok(const struct cpio_entry *e, u32 want)
{
	u32 sum = 0;
	for (u64 i = 0; i < e->size; i++)
		sum += e->data[i];
	return sum == want;
}

int cpio_next(struct cpio *c, struct cpio_entry *e)
{
	u32 f[FIELDS];
	if (!c->inside)
		skip_zeroes(c);
	if (c->pos == c->size)
		return CPIO_END;
	const u8 *h = c->base + c->pos;
	u64 left = c->size - c->pos;
	bool has_sum = left >= 6 && !memcmp(h, "070702", 6);
	if (left < 6 || (!has_sum && memcmp(h, "070701", 6)))
		return fail(c, c->inside ? "has no cpio header where one is due" : diagnose(h, left));
	if (left < HEADER)
		return fail(c, "is cut off in a header");
	for (u32 i = 0; i < FIELDS; i++) {
		if (!hex8(h + 6 + 8 * i, &f[i]))
			return fail(c, "has a header with a bad number");
	}
	*e = (struct cpio_entry){ .ino = f[0], .mode = f[1], .uid = f[2], .gid = f[3], .nlink = f[4], .mtime = f[5], .size = f[6],
		.dev_major = f[7], .dev_minor = f[8], .rdev_major = f[9], .rdev_minor = f[10] };
	u64 name_size = f[11];
	if (name_size == 0 || name_size > CPIO_NAME_FIELD)
		return fail(c, "has a name of impossible length");
	if (HEADER + name_size > left)
		return fail(c, "is cut off in a name");
	e->name = (const char *)h + HEADER;
	e->name_len = (u32)strnlen(e->name, name_size);
	if (e->name_len == name_size || e->name_len > CPIO_NAME_MAX)
		return fail(c, "has a name without an end");
	u64 data = ALIGN_UP(c->pos + HEADER + name_size, 4UL);
	if (e->size && (data > c->size || e->size > c->size - data))
		return fail(c, "is cut off in a file's data");
	e->data = e->size ? c->base + data : h;
	if (has_sum && !checksum_ok(e, f[12]))
		return fail(c, "has a file with a wrong checksum");
	bool trailer = e->name_len == 10 && !memcmp(e->name, "TRAILER!!!", 10);
	if (!trailer && !clean_name(e))
		return fail(c, "has a name with \"..\" or too long a part");
	if (!trailer && (e->mode & FMT_MASK) == FMT_LNK && (e->size == 0 || e->size > CPIO_NAME_MAX || memchr(e->data, 0, e->size)))
		return fail(c, "has a bad symbolic link");
	c->pos = min(ALIGN_UP(data + e->size, 4UL), c->size);
	c->inside = !trailer;
	return trailer ? CPIO_TRAILER : CPIO_ENTRY;
}
