/* Tests of the image tree: paths that try to leave it, links, layers. */
#include "tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static const struct inode folder = { .mode = S_IFDIR | 0755 };
static const struct inode file = { .mode = S_IFREG | 0644, .size = 3 };

static void add_link(struct tree *t, const char *path, const char *target)
{
	struct inode link = { .mode = S_IFLNK | 0777, .target = (char *)target };

	assert_null(tree_add(t, path, &link, NULL));
}

static void paths_stay_inside(void **state)
{
	static const char *const evil[] = { "../x", "/x", "a/../../x", "./../.././x", "//x", "../../../../x", "a/./../x" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(evil) / sizeof(evil[0]); i++) {
		struct tree *t = tree_new();

		assert_null(tree_add(t, evil[i], &file, NULL));
		assert_non_null(tree_find(t, "/x", false));
		assert_non_null(tree_find(t, "../../x", false));
		assert_int_equal(t->root->children, 1);
		tree_free(t);
	}
}

static void links_stay_inside(void **state)
{
	struct tree *t = tree_new();

	(void)state;
	add_link(t, "out", "/tmp/place");
	add_link(t, "up", "../../../..");
	add_link(t, "loop", "loop");
	assert_null(tree_add(t, "out/file", &file, NULL));
	assert_non_null(tree_find(t, "tmp/place/file", false));
	assert_non_null(tree_find(t, "out/file", false));
	assert_null(tree_add(t, "up/top", &file, NULL));
	assert_non_null(tree_find(t, "top", false));
	assert_non_null(tree_add(t, "loop/file", &file, NULL));
	assert_null(tree_find(t, "loop", true));
	assert_true(S_ISLNK(tree_find(t, "out", false)->inode->mode));
	assert_true(S_ISDIR(tree_find(t, "out", true)->inode->mode));
	tree_free(t);
}

static void names_are_bounded(void **state)
{
	struct tree *t = tree_new();
	char longest[300], deep[9000];
	size_t i;

	(void)state;
	memset(longest, 'n', sizeof(longest));
	longest[255] = '\0';
	assert_null(tree_add(t, longest, &file, NULL));
	longest[255] = 'n';
	longest[256] = '\0';
	assert_non_null(tree_add(t, longest, &file, NULL));
	for (i = 0; i + 2 < sizeof(deep); i += 2)
		memcpy(deep + i, "d/", 3);
	assert_non_null(tree_add(t, deep, &file, NULL));
	tree_free(t);
}

static void hard_links_share(void **state)
{
	struct tree *t = tree_new();
	struct inode *made;

	(void)state;
	assert_null(tree_add(t, "a", &file, NULL));
	assert_null(tree_link(t, "b", "./a", &made));
	assert_int_equal(made->links, 2);
	assert_null(tree_link(t, "b", "a", &made)); /* again, and onto itself */
	assert_int_equal(made->links, 2);
	assert_non_null(tree_link(t, "c", "missing", &made));
	assert_non_null(tree_link(t, "c", "/", &made));
	assert_null(tree_add(t, "d", &folder, NULL));
	assert_non_null(tree_link(t, "c", "d", &made));
	/* A link that replaces the folder its own target is in. */
	assert_null(tree_add(t, "d/f", &file, NULL));
	assert_null(tree_link(t, "d", "d/f", &made));
	assert_int_equal(made->links, 1);
	assert_true(S_ISREG(tree_find(t, "d", false)->inode->mode));
	tree_free(t);
}

static void replacing(void **state)
{
	struct tree *t = tree_new();

	(void)state;
	assert_null(tree_add(t, "d/e/f", &file, NULL));
	assert_null(tree_add(t, "d", &folder, NULL)); /* keeps what is in it */
	assert_non_null(tree_find(t, "d/e/f", false));
	assert_null(tree_add(t, "d/e/f/g", &file, NULL)); /* a file in the way becomes a folder */
	assert_non_null(tree_find(t, "d/e/f/g", false));
	assert_null(tree_add(t, "d", &file, NULL)); /* the content goes */
	assert_null(tree_find(t, "d/e", false));
	assert_non_null(tree_add(t, "/", &file, NULL));
	tree_free(t);
}

static void whiteouts(void **state)
{
	struct tree *t = tree_new();

	(void)state;
	t->layer = 1;
	assert_null(tree_add(t, "a/old", &file, NULL));
	assert_null(tree_add(t, "a/both", &file, NULL));
	assert_null(tree_add(t, "b/deep/old", &file, NULL));
	t->layer = 2;
	assert_null(tree_add(t, "a/both", &file, NULL));
	assert_null(tree_add(t, "b/deep/new", &file, NULL));
	tree_whiteout(t, "a/old");
	tree_whiteout(t, "a/both"); /* this layer's own stays */
	tree_whiteout(t, "a/none");
	tree_whiteout(t, "../../../etc");
	assert_null(tree_find(t, "a/old", false));
	assert_non_null(tree_find(t, "a/both", false));
	tree_opaque(t, "b");
	assert_null(tree_find(t, "b/deep/old", false));
	assert_non_null(tree_find(t, "b/deep/new", false));
	t->layer = 3;
	tree_opaque(t, "");
	assert_int_equal(t->root->children, 0);
	tree_free(t);
}

static void children_are_sorted(void **state)
{
	struct tree *t = tree_new();
	char name[16];
	unsigned i, n = 1;

	(void)state;
	for (i = 0; i < 2000; i++) {
		n = n * 1103515245u + 12345u;
		snprintf(name, sizeof(name), "%u", n >> 8);
		assert_null(tree_add(t, name, &file, NULL));
	}
	for (i = 1; i < t->root->children; i++)
		assert_true(strcmp(t->root->child[i - 1]->name, t->root->child[i]->name) < 0);
	tree_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_stay_inside), cmocka_unit_test(links_stay_inside), cmocka_unit_test(names_are_bounded),
		cmocka_unit_test(hard_links_share),  cmocka_unit_test(replacing),	   cmocka_unit_test(whiteouts),
		cmocka_unit_test(children_are_sorted),
	};

	return cmocka_run_group_tests_name("host/tree", tests, NULL, NULL);
}
