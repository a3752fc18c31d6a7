/* Fuzzes the cpio reader: archives made at random and then damaged, in a buffer of exactly their size. */
#include "fuzz.h"

#include "fs/cpio.h"
#include "lib/errno.h"
#include "lib/string.h"

static char *buf;
static uint32_t len;
#define ROOM 20000u

static void put(const void *p, uint32_t n)
{
	n = n > ROOM - len ? ROOM - len : n;
	memcpy(buf + len, p, n);
	len += n;
}
static void entry(void)
{
	static const char *const names[] = { "a", "dir/b", "./c", "/d", ".", "", "TRAILER!!!", "..", "a/../b", "x/", "//", "e/.", "f\0g", "/./././h" };
	static const unsigned modes[] = { 0100644, 040755, 0120777, 020600, 060600, 010600, 0140755, 0, 0170000 };
	char head[128], data[400], name[6000];
	unsigned size = one_in(3) ? below(400) : below(20), name_len;
	if (one_in(10)) {
		name_len = below(5000);
		memset(name, 'n', name_len);
		for (unsigned i = 0; i < name_len; i += 1 + below(300))
			name[i] = '/';
	} else {
		const char *s = names[below(14)];
		name_len = (unsigned)strlen(s);
		memcpy(name, s, name_len);
	}
	name[name_len++] = 0;
	for (unsigned i = one_in(8) ? below(40) : 0; i; i--)
		name[name_len++] = 0;
	unsigned mode = modes[below(9)];
	for (unsigned i = 0; i < size; i++)
		data[i] = (char)(one_in(50) ? 0 : 'a' + below(26));
	snprintf(head, sizeof(head), "07070%u%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", 1 + one_in(5), (unsigned)rnd(), mode, 0u, 0u, 1 + below(3), 0u,
		 one_in(10) ? (unsigned)odd() : size, 8u, 1u, 4u, 64u, one_in(10) ? (unsigned)odd() : name_len, (unsigned)rnd() & (one_in(2) ? 0 : ~0u));
	put(head, 110);
	put(name, name_len);
	put("\0\0\0", -len & 3);
	put(data, size);
	put("\0\0\0", -len & 3);
}

static void fuzz_one(void)
{
	struct cpio c;
	struct cpio_entry e;
	int kind;
	buf = malloc(ROOM);
	len = 0;
	if (one_in(20))
		for (uint32_t n = below(300); len < n;)
			buf[len++] = (char)rnd();
	for (unsigned n = below(12); n; n--) {
		if (one_in(6))
			put("\0\0\0\0\0\0\0\0", below(9));
		entry();
	}
	for (unsigned n = one_in(2) ? below(8) : 0; n && len; n--)
		buf[below(len)] = one_in(2) ? (char)rnd() : "0F7f/.\0\x7f"[below(8)];
	if (len && one_in(3))
		len = below(len);
	u8 *exact = malloc(len ? len : 1);
	memcpy(exact, buf, len);
	cpio_init(&c, exact, len);
	u64 before = 0;
	while ((kind = cpio_next(&c, &e)) > 0) {
		CHECK(kind == CPIO_ENTRY || kind == CPIO_TRAILER);
		CHECK(c.pos > before && c.pos <= len);
		before = c.pos;
		if (kind == CPIO_TRAILER)
			continue;
		CHECK((const u8 *)e.name >= exact && (const u8 *)e.name + e.name_len < exact + len && e.name_len <= CPIO_NAME_MAX);
		CHECK(e.name[e.name_len] == 0 || e.name[e.name_len] == '/' || (e.name_len == 0 && e.name[0] == '.'));
		CHECK(!e.name_len || (e.name[0] != '/' && e.name[e.name_len - 1] != '/'));
		CHECK(e.size == 0 || (e.data >= exact && e.data + e.size <= exact + len));
		for (u32 i = 0; i < e.name_len; i++) {
			CHECK(e.name[i]);
			CHECK(!(e.name[i] == '.' && i + 1 < e.name_len && e.name[i + 1] == '.' && (!i || e.name[i - 1] == '/') && (i + 2 == e.name_len || e.name[i + 2] == '/')));
		}
	}
	CHECK(kind == CPIO_END || (kind == -EINVAL && c.error && c.error_at <= len));
	free(exact);
	free(buf);
}
