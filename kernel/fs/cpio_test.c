/* Unit tests of cpio.c: good archives, every kind of damage, and a small fuzzer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "fs/cpio.h"
#include "lib/errno.h"
#include "lib/string.h"

static char buf[65536];
static size_t len;

static void pad4(void)
{
	while (len & 3)
		buf[len++] = 0;
}
static void add(const char *name, unsigned mode, unsigned ino, unsigned nlink, const void *data, unsigned size)
{
	size_t n = strlen(name) + 1;
	len += (size_t)sprintf(buf + len, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", ino, mode, 1u, 2u, nlink, 1234567890u, size, 8u, 1u,
			       4u, 64u, (unsigned)n, 0u);
	memcpy(buf + len, name, n);
	len += n;
	pad4();
	memcpy(buf + len, data, size);
	len += size;
	pad4();
}
static int setup(void **state)
{
	(void)state;
	len = 0;
	memset(buf, 0, sizeof(buf));
	return 0;
}

static void test_entries(void **state)
{
	(void)state;
	struct cpio c;
	struct cpio_entry e;
	add(".", 040755, 1, 2, "", 0);
	add("./bin/busybox", 0100755, 2, 1, "hello", 5);
	add("/bin/sh", 0120777, 3, 1, "busybox", 7);
	add("dir/", 040700, 4, 2, "", 0);
	add("TRAILER!!!", 0, 0, 1, "", 0);
	len += 512; /* zero padding */
	add("second", 0100644, 9, 1, "x", 1);
	cpio_init(&c, buf, len);
	assert_int_equal(cpio_next(&c, &e), CPIO_ENTRY);
	assert_int_equal(e.name_len, 0);
	assert_int_equal(cpio_next(&c, &e), CPIO_ENTRY);
	assert_string_equal(e.name, "bin/busybox");
	assert_int_equal(e.mode, 0100755);
	assert_int_equal(e.uid, 1);
	assert_int_equal(e.gid, 2);
	assert_int_equal(e.mtime, 1234567890);
	assert_int_equal(e.rdev_minor, 64);
	assert_int_equal(e.size, 5);
	assert_memory_equal(e.data, "hello", 5);
	assert_int_equal(cpio_next(&c, &e), CPIO_ENTRY);
	assert_string_equal(e.name, "bin/sh");
	assert_int_equal(cpio_next(&c, &e), CPIO_ENTRY);
	assert_int_equal(e.name_len, 3);
	assert_int_equal(cpio_next(&c, &e), CPIO_TRAILER);
	assert_int_equal(cpio_next(&c, &e), CPIO_ENTRY);
	assert_string_equal(e.name, "second");
	assert_int_equal(cpio_next(&c, &e), CPIO_END);
}

static int all(const void *p, size_t n, const char **error)
{
	struct cpio c;
	struct cpio_entry e;
	int r;
	cpio_init(&c, p, n);
	while ((r = cpio_next(&c, &e)) > 0)
		;
	*error = c.error;
	return r;
}

static void test_damage(void **state)
{
	(void)state;
	const char *err;
	static const char *const bad[] = { "..", "a/../b", "../x", "x/.." };
	assert_int_equal(all("\x1f\x8b\x08", 3, &err), -EINVAL);
	assert_string_equal(err, "is gzip-compressed: Pando takes plain cpio (newc)");
	assert_int_equal(all("\x28\xb5\x2f\xfd", 4, &err), -EINVAL);
	assert_string_equal(err, "is zstd-compressed: Pando takes plain cpio (newc)");
	assert_int_equal(all("0707", 4, &err), -EINVAL);
	assert_int_equal(all("", 0, &err), CPIO_END);
	assert_int_equal(all("\0\0\0", 3, &err), CPIO_END);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		len = 0;
		add(bad[i], 0100644, 1, 1, "", 0);
		assert_int_equal(all(buf, len, &err), -EINVAL);
	}
	len = 0;
	add("..a", 0100644, 1, 1, "", 0);
	add("a..", 0100644, 1, 1, "", 0);
	assert_int_equal(all(buf, len, &err), CPIO_END);
	len = 0;
	add("f", 0100644, 1, 1, "data", 4);
	for (size_t n = 1; n < len; n++)
		assert_int_equal(all(buf, n, &err), -EINVAL);
	memcpy(buf + 6 + 8 * 6, "FFFFFFFF", 8); /* the size */
	assert_int_equal(all(buf, len, &err), -EINVAL);
	memcpy(buf + 6 + 8 * 6, "0000000g", 8);
	assert_int_equal(all(buf, len, &err), -EINVAL);
	memcpy(buf + 6 + 8 * 6, "00000004", 8);
	memcpy(buf + 6 + 8 * 11, "FFFFFFFF", 8); /* the name's */
	assert_int_equal(all(buf, len, &err), -EINVAL);
	memcpy(buf + 6 + 8 * 11, "00000000", 8);
	assert_int_equal(all(buf, len, &err), -EINVAL);
}

static void test_checksum(void **state)
{
	(void)state;
	const char *err;
	add("f", 0100644, 1, 1, "\1\2\3", 3);
	buf[5] = '2';
	assert_int_equal(all(buf, len, &err), -EINVAL);
	memcpy(buf + 6 + 8 * 12, "00000006", 8);
	assert_int_equal(all(buf, len, &err), CPIO_END);
}

/* Random changes to a good archive: never a read outside (ASan), always an end. The exact-size copy puts the red zone right behind. */
static void test_fuzz(void **state)
{
	(void)state;
	const char *err;
	srand(1);
	add("bin/a", 0100755, 2, 2, "hello", 5);
	add("bin/b", 0120777, 3, 1, "busybox", 7);
	add("TRAILER!!!", 0, 0, 1, "", 0);
	add("c", 0100755, 2, 1, "hello", 5);
	for (int i = 0; i < 20000; i++) {
		size_t n = (size_t)rand() % (len + 1);
		u8 *p = malloc(n ? n : 1);
		memcpy(p, buf, n);
		for (int k = rand() % 4; k > 0 && n; k--)
			p[(size_t)rand() % n] = (u8)(rand() % 3 ? "0123456789abcdef"[rand() % 16] : rand());
		int r = all(p, n, &err);
		assert_true(r == CPIO_END || r == -EINVAL);
		free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_entries, setup), cmocka_unit_test_setup(test_damage, setup),
		cmocka_unit_test_setup(test_checksum, setup), cmocka_unit_test_setup(test_fuzz, setup),
	};
	return cmocka_run_group_tests_name("cpio", tests, NULL, NULL);
}
