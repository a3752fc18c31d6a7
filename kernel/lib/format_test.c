/* Unit tests of formatting: the C library is the oracle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"

#define SAME(...)                                                                                                      \
	do {                                                                                                               \
		char ours[256], theirs[256];                                                                                   \
		int n = format_str(ours, sizeof(ours), __VA_ARGS__), m = snprintf(theirs, sizeof(theirs), __VA_ARGS__);        \
		assert_string_equal(ours, theirs);                                                                             \
		assert_int_equal(n, m);                                                                                        \
	} while (0)

static void like_the_c_library(void **state)
{
	SAME("plain");
	SAME("%d|%i|%5d|%-5d|%05d|%+d|% d", -1, 2147483647, 42, 42, -42, 7, 7);
	SAME("%u|%10u|%-10u|", 4000000000u, 5u, 5u);
	SAME("%x|%X|%#x|%#x|%08x|%#010x", 0xbeefu, 0xbeefu, 0xbeefu, 0u, 0xbeefu, 0xbeefu);
	SAME("%o|%#o|%#o", 8u, 8u, 0u);
	SAME("%ld|%lld|%zu|%lu", -5000000000L, 5000000000LL, (size_t)77, ~0UL);
	SAME("%hhd|%hhu|%hd|%hu", 300, 300, 70000, 70000);
	SAME("%s|%10s|%-10s|%.2s|%*s|%-*s|", "abc", "abc", "abc", "abc", 6, "x", 6, "y");
	SAME("%c|%3c|%-3c|%%", 'a', 'b', 'c');
	SAME("%.5d|%8.3d|%-8.3x|%.0d|%.*d", 42, 42, 42u, 0, 4, 9);
	SAME("%p", (void *)0x1234);
	SAME("%ld", (long)INT64_MIN);
	SAME("[%5lu.%06lu] ", 3UL, 42UL);
	(void)state;
}

static void cut_off_but_counted(void **state)
{
	char buf[6] = "xxxxx";
	assert_int_equal(format_str(buf, sizeof(buf), "%s", "123456789"), 9);
	assert_string_equal(buf, "12345");
	assert_int_equal(format_str(NULL, 0, "%d", 1234), 4);
	assert_int_equal(format_str(buf, 1, "abc"), 3);
	assert_string_equal(buf, "");
	(void)state;
}

static void numbers_and_copies(void **state)
{
	u64 v;
	assert_int_equal(str_to_u64("18446744073709551615", 10, &v), 0);
	assert_true(v == ~0UL);
	assert_int_equal(str_to_u64("18446744073709551616", 10, &v), -ERANGE);
	assert_int_equal(str_to_u64("0x1F", 0, &v), 0);
	assert_int_equal(v, 31);
	assert_int_equal(str_to_u64("017", 0, &v), 0);
	assert_int_equal(v, 15);
	assert_int_equal(str_to_u64("", 10, &v), -EINVAL);
	assert_int_equal(str_to_u64("12a", 10, &v), -EINVAL);
	assert_int_equal(str_to_u64("0x", 0, &v), -EINVAL);
	char buf[4];
	assert_int_equal(str_copy(buf, "abcdef", sizeof(buf)), 3);
	assert_string_equal(buf, "abc");
	assert_true(str_starts("rdinit=/x", "rdinit="));
	assert_false(str_starts("rd", "rdinit="));
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(like_the_c_library),
		cmocka_unit_test(cut_off_but_counted),
		cmocka_unit_test(numbers_and_copies),
	};
	return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
