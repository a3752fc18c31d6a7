/* Unit tests of the radix tree, with failing allocations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/errno.h"
#include "lib/radix.h"

static long nodes, budget = -1;

void *radix_node_alloc(size_t size)
{
	if (budget == 0)
		return NULL;
	if (budget > 0)
		budget--;
	nodes++;
	return calloc(1, size);
}

void radix_node_free(void *node, size_t size)
{
	(void)size;
	nodes--;
	free(node);
}

static const u64 spots[] = { 0, 1, 63, 64, 65, 4095, 4096, 1UL << 30, (1UL << 36) - 1, 1UL << 36, ~0UL - 1, ~0UL };

static void set_get_next_del(void **state)
{
	struct radix_tree t = RADIX_INIT;
	int item[ARRAY_SIZE(spots)];
	for (size_t i = ARRAY_SIZE(spots); i--;)
		assert_int_equal(radix_set(&t, spots[i], &item[i]), 0);
	assert_int_equal(t.count, ARRAY_SIZE(spots));
	u64 at = 0;
	for (size_t i = 0; i < ARRAY_SIZE(spots); i++) {
		assert_ptr_equal(radix_get(&t, spots[i]), &item[i]);
		assert_ptr_equal(radix_next(&t, &at), &item[i]);
		assert_true(at == spots[i]);
		at++;
	}
	assert_null(radix_get(&t, 2));
	assert_null(radix_get(&t, 1UL << 40));
	assert_ptr_equal(radix_get(&t, 64), &item[3]);
	assert_int_equal(radix_set(&t, 64, &item[0]), 0);
	assert_ptr_equal(radix_get(&t, 64), &item[0]);
	assert_int_equal(t.count, ARRAY_SIZE(spots));
	for (size_t i = 0; i < ARRAY_SIZE(spots); i++)
		assert_non_null(radix_del(&t, spots[i]));
	assert_null(radix_del(&t, 64));
	assert_int_equal(t.count, 0);
	assert_int_equal(nodes, 0);
	at = 0;
	assert_null(radix_next(&t, &at));
	(void)state;
}

static void single_item_at_zero_needs_no_node(void **state)
{
	struct radix_tree t = RADIX_INIT;
	int item;
	assert_int_equal(radix_set(&t, 0, &item), 0);
	assert_int_equal(nodes, 0);
	u64 at = 0;
	assert_ptr_equal(radix_next(&t, &at), &item);
	at = 1;
	assert_null(radix_next(&t, &at));
	assert_ptr_equal(radix_del(&t, 0), &item);
	(void)state;
}

static void random_against_array(void **state)
{
	static char item[3000];
	static bool present[3000];
	struct radix_tree t = RADIX_INIT;
	srand(7);
	for (int round = 0; round < 60000; round++) {
		u64 i = (u64)rand() % 3000;
		if (rand() % 2) {
			assert_int_equal(radix_set(&t, i * 37, &item[i]), 0);
			present[i] = true;
		} else {
			assert_ptr_equal(radix_del(&t, i * 37), present[i] ? &item[i] : NULL);
			present[i] = false;
		}
	}
	u64 at = 0;
	for (u64 i = 0; i < 3000; i++) {
		if (!present[i])
			continue;
		assert_ptr_equal(radix_next(&t, &at), &item[i]);
		assert_true(at == i * 37);
		at++;
	}
	assert_null(radix_next(&t, &at));
	for (u64 i = 0; i < 3000; i++)
		radix_del(&t, i * 37);
	assert_int_equal(nodes, 0);
	(void)state;
}

static void runs_agree_with_single_gets(void **state)
{
	static char item[400];
	void *out[32];
	struct radix_tree t = RADIX_INIT;
	for (u64 filled = 0; filled < 400; filled += 1 + filled / 3) {
		assert_int_equal(radix_set(&t, filled, &item[filled]), 0);
		for (u64 i = 0; i < 5000; i += 13) {
			u32 n = radix_get_run(&t, i, 32, out);
			assert_in_range(n, 1, 32);
			for (u32 k = 0; k < n; k++)
				assert_ptr_equal(out[k], radix_get(&t, i + k));
		}
	}
	for (u64 i = 0; i < 400; i++)
		radix_del(&t, i);
	assert_int_equal(nodes, 0);
	(void)state;
}

static void failed_set_leaks_nothing(void **state)
{
	int a, b;
	for (long limit = 0;; limit++) {
		struct radix_tree t = RADIX_INIT;
		assert_int_equal(radix_set(&t, 5, &a), 0);
		budget = limit;
		int ret = radix_set(&t, 1UL << 50, &b);
		budget = -1;
		assert_ptr_equal(radix_get(&t, 5), &a);
		assert_ptr_equal(radix_get(&t, 1UL << 50), ret ? NULL : &b);
		radix_del(&t, 1UL << 50);
		radix_del(&t, 5);
		assert_int_equal(nodes, 0);
		if (!ret)
			break;
		assert_int_equal(ret, -ENOMEM);
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_get_next_del),
		cmocka_unit_test(single_item_at_zero_needs_no_node),
		cmocka_unit_test(random_against_array),
		cmocka_unit_test(runs_agree_with_single_gets),
		cmocka_unit_test(failed_set_leaks_nothing),
	};
	return cmocka_run_group_tests_name("radix", tests, NULL, NULL);
}
