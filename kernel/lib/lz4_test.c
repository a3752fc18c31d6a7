/* Unit tests of lz4.c: blocks made by hand. What lz4's own compressor makes is read by tests/command/disk.sh, through mkfs.erofs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "lib/errno.h"
#include "lib/lz4.h"
#include "lib/string.h"

static u8 window[LZ4_WINDOW], out[400000];

static int decode(const char *in, u32 len, u64 skip, u32 n)
{
	/* In memory of its own, so that ASan sees a byte too many. */
	u8 *copy = malloc(len ? len : 1), *to = malloc(n ? n : 1);
	memcpy(copy, in, len);
	int err = lz4_decode(copy, len, window, skip, to, n);
	memcpy(out, to, n);
	free(copy);
	free(to);
	return err;
}

static void literals_alone(void **state)
{
	(void)state;
	assert_int_equal(decode("\x50hello", 6, 0, 5), 0);
	assert_memory_equal(out, "hello", 5);
	assert_int_equal(decode("\x50hello", 6, 1, 3), 0);
	assert_memory_equal(out, "ell", 3);
	assert_int_equal(decode("\x50hello", 6, 0, 6), -EUCLEAN);
	assert_int_equal(decode("\x50hell", 5, 0, 5), -EUCLEAN);
	assert_int_equal(decode("\x50hell", 5, 0, 4), 0);
	assert_int_equal(decode("", 0, 0, 0), 0);
	assert_int_equal(decode("", 0, 0, 1), -EUCLEAN);
}

static void matches(void **state)
{
	(void)state;
	/* "abc", then 10 bytes from 3 back, then "!" */
	assert_int_equal(decode("\x36"
							"abc\x03\x00\x10!",
						 8, 0, 14),
		0);
	assert_memory_equal(out, "abcabcabcabca!", 14);
	assert_int_equal(decode("\x36"
							"abc\x03\x00\x10!",
						 8, 5, 4),
		0);
	assert_memory_equal(out, "cabc", 4);
	/* Too far back, not back at all, cut off. */
	assert_int_equal(decode("\x36"
							"abc\x04\x00\x10!",
						 8, 0, 14),
		-EUCLEAN);
	assert_int_equal(decode("\x36"
							"abc\x00\x00\x10!",
						 8, 0, 14),
		-EUCLEAN);
	assert_int_equal(decode("\x36"
							"abc\x03",
						 5, 0, 14),
		-EUCLEAN);
	assert_int_equal(decode("\x3f"
							"abc\x03\x00",
						 6, 0, 14),
		-EUCLEAN);
	assert_int_equal(decode("\xf0\xff\xff", 3, 0, 14), -EUCLEAN);
}

/* Longer than the window, which has to slide. */
static void long_runs(void **state)
{
	static char in[2000];
	u32 n = 0;
	(void)state;
	in[n++] = 0x1f;
	in[n++] = 'a';
	in[n++] = 1;
	in[n++] = 0;
	for (u32 k = 0; k < 1400; k++)
		in[n++] = (char)0xff;
	in[n++] = 0;
	in[n++] = 0x20;
	in[n++] = 'x';
	in[n++] = 'y';
	u32 all = 1 + 4 + 15 + 1400 * 255 + 2;
	assert_int_equal(decode(in, n, 0, all), 0);
	for (u32 k = 0; k < all - 2; k++)
		assert_int_equal(out[k], 'a');
	assert_memory_equal(out + all - 2, "xy", 2);
	assert_int_equal(decode(in, n, all - 3, 3), 0);
	assert_memory_equal(out, "axy", 3);
	assert_int_equal(decode(in, n, 150000, 10), 0);
	assert_memory_equal(out, "aaaaaaaaaa", 10);
	assert_int_equal(decode(in, n, all, 1), -EUCLEAN);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(literals_alone), cmocka_unit_test(matches), cmocka_unit_test(long_runs) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
