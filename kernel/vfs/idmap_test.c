/* Unit tests of the id maps: parsing, look-up in both directions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "vfs/idmap.h"

static int parse(const char *s, struct id_range *r)
{
	char text[16384];
	strcpy(text, s);
	return idmap_parse(text, r);
}

static void good_text(void **state)
{
	struct id_range r[IDMAP_RANGES_MAX];
	assert_int_equal(parse("0 1000 1", r), 1);
	assert_true(r[0].first == 0 && r[0].lower == 1000 && r[0].count == 1);
	assert_int_equal(parse("  0\t1000   10  \n20 2000 5\n", r), 2);
	assert_true(r[1].first == 20 && r[1].lower == 2000 && r[1].count == 5);
	assert_int_equal(parse("0 0 4294967295", r), 1);
}

static void bad_text(void **state)
{
	static const char *const bad[] = { "", "\n", "0", "0 1", "0 1 x", "x 1 1", "0 1 1 1", "0 1 0", "4294967295 0 1", "0 4294967295 1", "5 0 4294967295",
		"0 0 1\n0 9 1", "0 0 10\n20 9 1", "0 0 4294967296", "-1 0 1", "0 0 1\n\n5 5 1" };
	struct id_range r[IDMAP_RANGES_MAX];
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(parse(bad[i], r) < 0);
}

static void many_ranges(void **state)
{
	static char text[341 * 24];
	struct id_range r[IDMAP_RANGES_MAX];
	char *p = text;
	for (int i = 0; i < 340; i++)
		p += sprintf(p, "%d %d 1\n", i, i + 1000);
	assert_int_equal(parse(text, r), 340);
	sprintf(p, "340 2000 1\n");
	assert_true(parse(text, r) < 0);
}

static void both_ways(void **state)
{
	struct id_range r[2] = { { 0, 100000, 1000 }, { 5000, 7, 1 } };
	struct id_map m = { 2, r };
	assert_int_equal(idmap_down(&m, 0), 100000);
	assert_int_equal(idmap_down(&m, 999), 100999);
	assert_int_equal(idmap_down(&m, 1000), IDMAP_NONE);
	assert_int_equal(idmap_down(&m, 5000), 7);
	assert_int_equal(idmap_up(&m, 7), 5000);
	assert_int_equal(idmap_up(&m, 100999), 999);
	assert_int_equal(idmap_up(&m, 101000), IDMAP_NONE);
	assert_int_equal(idmap_down_range(&m, 990, 10), 100990);
	assert_int_equal(idmap_down_range(&m, 990, 11), IDMAP_NONE);
	assert_int_equal(idmap_down(&m, IDMAP_NONE), IDMAP_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(good_text), cmocka_unit_test(bad_text), cmocka_unit_test(many_ranges),
		cmocka_unit_test(both_ways) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
