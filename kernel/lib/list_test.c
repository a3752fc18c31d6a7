/* Unit tests of lists and bitmaps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/bitmap.h"
#include "lib/list.h"

struct item {
	struct list_head node;
	int value;
};

static void check_order(struct list_head *h, const int *want, int n)
{
	struct item *i;
	int k = 0;
	list_for_each(i, h, node) {
		assert_true(k < n);
		assert_int_equal(i->value, want[k++]);
	}
	assert_int_equal(k, n);
}

static void list_operations(void **state)
{
	LIST_HEAD(a);
	LIST_HEAD(b);
	struct item it[4] = { { .value = 0 }, { .value = 1 }, { .value = 2 }, { .value = 3 } };
	assert_true(list_empty(&a));
	list_add_tail(&it[1].node, &a);
	list_add_tail(&it[2].node, &a);
	list_add(&it[0].node, &a);
	check_order(&a, (int[]){ 0, 1, 2 }, 3);
	list_add(&it[3].node, &b);
	list_splice_tail(&b, &a);
	assert_true(list_empty(&b));
	list_splice_tail(&b, &a);
	check_order(&a, (int[]){ 0, 1, 2, 3 }, 4);
	list_move_tail(&it[1].node, &a);
	check_order(&a, (int[]){ 0, 2, 3, 1 }, 4);
	assert_int_equal(list_first(&a, struct item, node)->value, 0);
	assert_int_equal(list_last(&a, struct item, node)->value, 1);
	struct item *i, *tmp;
	list_for_each_safe(i, tmp, &a, node) {
		list_del(&i->node);
		list_del(&i->node);
		assert_true(list_empty(&i->node));
	}
	assert_true(list_empty(&a));
	(void)state;
}

static void bitmap_search(void **state)
{
	u64 m[BITMAP_WORDS(200)] = { 0 };
	assert_int_equal(bitmap_next_set(m, 200, 0), 200);
	assert_int_equal(bitmap_next_clear(m, 200, 0), 0);
	bit_set(m, 0);
	bit_set(m, 63);
	bit_set(m, 64);
	bit_set(m, 199);
	assert_int_equal(bitmap_next_set(m, 200, 1), 63);
	assert_int_equal(bitmap_next_set(m, 200, 64), 64);
	assert_int_equal(bitmap_next_set(m, 200, 65), 199);
	assert_int_equal(bitmap_next_set(m, 199, 65), 199);
	assert_int_equal(bitmap_next_set(m, 200, 200), 200);
	for (u64 i = 0; i < 200; i++)
		bit_set(m, i);
	assert_int_equal(bitmap_next_clear(m, 200, 0), 200);
	bit_clear(m, 130);
	assert_int_equal(bitmap_next_clear(m, 200, 5), 130);
	assert_true(!bit_test(m, 130) && bit_test(m, 131));
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_operations),
		cmocka_unit_test(bitmap_search),
	};
	return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
