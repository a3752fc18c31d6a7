/* Unit tests of the red-black tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/rbtree.h"

struct item {
	struct rb_node node;
	int key, serial;
};

static bool item_less(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct item, node)->key < rb_entry(b, struct item, node)->key;
}

/* Returns the black height; asserts every invariant on the way. */
static int check(const struct rb_node *n, const struct rb_node *parent)
{
	if (!n)
		return 1;
	assert_ptr_equal(n->parent, parent);
	assert_true(n->linked);
	assert_false(n->red && parent && parent->red);
	int left = check(n->left, n), right = check(n->right, n);
	assert_int_equal(left, right);
	return left + !n->red;
}

static void check_tree(const struct rb_root *root, unsigned count)
{
	check(root->node, NULL);
	assert_false(root->node && root->node->red);
	unsigned seen = 0;
	const struct item *last = NULL;
	for (struct rb_node *n = rb_first(root); n; n = rb_next(n)) {
		const struct item *i = rb_entry(n, struct item, node);
		if (last)
			assert_true(last->key < i->key || (last->key == i->key && last->serial < i->serial));
		last = i;
		seen++;
	}
	assert_int_equal(seen, count);
}

static void random_inserts_and_erases(void **state)
{
	static struct item items[400];
	struct rb_root root = RB_ROOT;
	unsigned count = 0;
	int serial = 0;
	srand(1);
	for (int round = 0; round < 20000; round++) {
		struct item *i = &items[rand() % 400];
		if (i->node.linked) {
			rb_erase(&root, &i->node);
			assert_false(i->node.linked);
			count--;
		} else {
			i->key = rand() % 100;
			i->serial = serial++;
			rb_insert(&root, &i->node, item_less);
			count++;
		}
		if (round % 50 == 0)
			check_tree(&root, count);
	}
	for (unsigned k = 0; k < 400; k++)
		if (items[k].node.linked) {
			rb_erase(&root, &items[k].node);
			check_tree(&root, --count);
		}
	assert_null(rb_first(&root));
	assert_null(root.node);
	(void)state;
}

static void ascending_keeps_leftmost(void **state)
{
	static struct item items[64];
	struct rb_root root = RB_ROOT;
	for (int k = 0; k < 64; k++) {
		items[k].key = 63 - k;
		rb_insert(&root, &items[k].node, item_less);
		assert_ptr_equal(rb_first(&root), &items[k].node);
	}
	for (int k = 63; k >= 0; k--) {
		assert_ptr_equal(rb_first(&root), &items[k].node);
		rb_erase(&root, rb_first(&root));
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_inserts_and_erases),
		cmocka_unit_test(ascending_keeps_leftmost),
	};
	return cmocka_run_group_tests_name("rbtree", tests, NULL, NULL);
}
