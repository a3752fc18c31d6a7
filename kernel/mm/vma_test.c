/* The VMA map against a model: one byte of state per page. Random inserts, removals, flag changes, growth and shares; every map is compared page by page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mm/vma.h"

#define PAGES 600
#define MAPS 4

static long refs_held;
static int fail_in; /* allocations until one fails; 0 = never */

void *kmalloc(size_t n) { return fail_in && !--fail_in ? NULL : malloc(n); }
void kfree(const void *p) { free((void *)p); }
void vma_refs_get(const struct vma *v) { refs_held += v->mapping != NULL; }
void vma_refs_put(const struct vma *v) { refs_held -= v->mapping != NULL; }
void panic(const char *fmt, ...) { fprintf(stderr, "%s\n", fmt); abort(); }

struct model {
	unsigned char state[PAGES]; /* 0 = hole, else flags */
	unsigned char map[PAGES];   /* which mapping */
};
static struct vma_map maps[MAPS];
static struct model models[MAPS];

static void compare(int k)
{
	unsigned count = 0;
	u64 end = 0;
	for (const struct vma *v = vma_find(&maps[k], 0); v; v = vma_find(&maps[k], v->end)) {
		assert_true(v->start >= end && v->start < v->end);
		for (u64 p = end >> 12; p < v->start >> 12; p++)
			assert_int_equal(models[k].state[p], 0);
		for (u64 p = v->start >> 12; p < v->end >> 12; p++) {
			assert_int_equal(models[k].state[p], v->flags);
			assert_int_equal(models[k].map[p], (u64)v->mapping);
			if (v->mapping)
				assert_int_equal(v->pgoff + p - (v->start >> 12), p); /* tests map page p at offset p */
		}
		end = v->end;
		count++;
	}
	for (u64 p = end >> 12; p < PAGES; p++)
		assert_int_equal(models[k].state[p], 0);
	assert_int_equal(count, vma_count(&maps[k]));
}

static void random_op(int k)
{
	u64 a = (u64)rand() % (PAGES - 1), n = 1 + (u64)rand() % (rand() % 8 ? 4 : 80), b = a + n > PAGES ? PAGES : a + n;
	unsigned char flags = (unsigned char)(1 + rand() % 3), mapping = (unsigned char)(rand() % 3);
	int err;
	switch (rand() % 10) {
	case 0: case 1: case 2: case 3: case 4: {
		if (vma_remove(&maps[k], a << 12, b << 12))
			return;
		for (u64 p = a; p < b; p++)
			models[k].state[p] = models[k].map[p] = 0;
		struct vma v = { a << 12, b << 12, flags, a, (void *)(u64)mapping, NULL, NULL };
		if (vma_insert(&maps[k], &v))
			return;
		for (u64 p = a; p < b; p++) {
			models[k].state[p] = flags;
			models[k].map[p] = mapping;
		}
		return;
	}
	case 5: case 6:
		err = vma_remove(&maps[k], a << 12, b << 12);
		for (u64 p = a; !err && p < b; p++)
			models[k].state[p] = models[k].map[p] = 0;
		return;
	case 7: case 8:
		fail_in = 0;
		assert_int_equal(vma_change_flags(&maps[k], a << 12, b << 12, 3, flags), 0);
		for (u64 p = a; p < b; p++)
			if (models[k].state[p])
				models[k].state[p] = flags;
		return;
	default: {
		int to = rand() % MAPS;
		if (to == k)
			return;
		vma_map_destroy(&maps[to]);
		vma_map_share(&maps[to], &maps[k]);
		models[to] = models[k];
	}
	}
}

static void test_random(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 60; seed++) {
		srand(seed);
		for (int i = 0; i < 700; i++) {
			fail_in = rand() % 5 ? 0 : 1 + rand() % 4;
			random_op(rand() % MAPS);
			fail_in = 0;
			for (int k = 0; k < MAPS; k++)
				if (i % 7 == 0)
					compare(k);
		}
		for (int k = 0; k < MAPS; k++) {
			compare(k);
			vma_map_destroy(&maps[k]);
			models[k] = (struct model){ { 0 }, { 0 } };
		}
		assert_int_equal(refs_held, 0);
	}
}

/* The hole finder against a search over the model. */
static void test_holes(void **state)
{
	(void)state;
	srand(7);
	struct vma_map m = { NULL };
	unsigned char used[PAGES] = { 0 };
	for (int i = 0; i < 4000; i++) {
		u64 a = (u64)rand() % (PAGES - 3), b = a + 1 + (u64)rand() % 2, len = 1 + (u64)rand() % 6, got;
		if (rand() % 3) {
			struct vma v = { a << 12, b << 12, 1 + (u64)rand() % 2, a, NULL, NULL, NULL };
			assert_int_equal(vma_remove(&m, a << 12, b << 12), 0);
			assert_int_equal(vma_insert(&m, &v), 0);
		} else {
			assert_int_equal(vma_remove(&m, a << 12, b << 12), 0);
		}
		for (u64 p = a; p < b; p++)
			used[p] = vma_find(&m, p << 12) && vma_find(&m, p << 12)->start <= p << 12;
		long want = -1;
		for (long p = PAGES - (long)len; p >= 10 && want < 0; p--) {
			bool ok = true;
			for (u64 q = 0; q < len; q++)
				ok = ok && !used[(u64)p + q];
			want = ok ? p : want;
		}
		int err = vma_find_hole_topdown(&m, len << 12, 10 << 12, PAGES << 12, &got);
		assert_int_equal(err ? -1 : (long)(got >> 12), want);
		if (i % 500 == 499)
			for (u64 p = 0; p < PAGES; p += 1 + (u64)rand() % 3)
				assert_int_equal(vma_remove(&m, p << 12, (p + 1) << 12), (used[p] = 0));
	}
	vma_map_destroy(&m);
}

static void test_neighbours(void **state)
{
	(void)state;
	struct vma_map m = { NULL };
	for (u64 i = 0; i < 200; i++) {
		struct vma v = { (i * 3 + 1) << 12, (i * 3 + 2) << 12, 1, 0, NULL, NULL, NULL };
		assert_int_equal(vma_insert(&m, &v), 0);
	}
	assert_int_equal(vma_count(&m), 200);
	for (u64 i = 1; i < 199; i++) {
		assert_int_equal(vma_next(&m, (i * 3 + 1) << 12)->start, (i * 3 + 1) << 12);
		assert_int_equal(vma_next(&m, ((i * 3 + 1) << 12) + 1)->start, ((i + 1) * 3 + 1) << 12);
		assert_int_equal(vma_prev(&m, (i * 3 + 1) << 12)->start, ((i - 1) * 3 + 1) << 12);
		assert_int_equal(vma_prev(&m, (i * 3 + 2) << 12)->start, (i * 3 + 1) << 12);
	}
	assert_null(vma_prev(&m, 1 << 12));
	assert_int_equal(vma_grow_down(&m, 4 << 12, 3 << 12), 0);
	assert_int_equal(vma_find(&m, 3 << 12)->start, 3 << 12);
	vma_map_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random), cmocka_unit_test(test_holes), cmocka_unit_test(test_neighbours) };
	return cmocka_run_group_tests_name("vma", tests, NULL, NULL);
}
