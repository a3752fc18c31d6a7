/* Unit tests of the trace's ring: order, wrapping, text, losses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "trace/ring.h"

#define SIZE 4096u

static u8 mem[SIZE], buf[2 * SIZE] __aligned(8);
static struct trace_ring ring;

static bool put(s32 target)
{
	struct trace_reap e = { .h = { sizeof(e), TRACE_reap, 1, (u64)target }, .target = target };
	return trace_ring_put(&ring, &e.h);
}

static void whole_records_come_back_in_order(void **state)
{
	trace_ring_init(&ring, mem, SIZE);
	for (s32 n = 0; n < 1000; n += 3) {
		for (s32 i = 0; i < 3; i++)
			assert_true(put(n + i));
		for (s32 i = 0; i < 3; i++) {
			struct trace_reap e;
			assert_int_equal(trace_ring_get_record(&ring, buf), sizeof(e));
			memcpy(&e, buf, sizeof(e));
			assert_int_equal(e.target, n + i);
			assert_int_equal(e.h.type, TRACE_reap);
		}
	}
	assert_int_equal(trace_ring_get_record(&ring, buf), 0);
	(void)state;
}

static void text_is_terminated_and_padded(void **state)
{
	trace_ring_init(&ring, mem, SIZE);
	for (u32 n = 0; n < 40; n++) {
		struct trace_exec_plan e = { .h = { sizeof(e), TRACE_exec_plan, 1, 2 }, .start = 3 };
		char text[40], want[64] = { 0 };
		memset(text, 'x', n);
		memset(want, 'x', n);
		assert_true(trace_ring_put_text(&ring, &e.h, text, n));
		memset(buf, 0xff, sizeof(buf));
		u32 size = trace_ring_get_record(&ring, buf);
		assert_int_equal(size % 8, 0);
		assert_true(size > sizeof(e) + n);
		assert_memory_equal(buf + sizeof(e), want, size - sizeof(e));
	}
	(void)state;
}

static void long_text_is_cut(void **state)
{
	static char text[5000];
	struct trace_exec_plan e = { .h = { sizeof(e), TRACE_exec_plan, 1, 2 } };
	memset(text, 'y', sizeof(text));
	trace_ring_init(&ring, mem, SIZE);
	assert_true(trace_ring_put_text(&ring, &e.h, text, sizeof(text)));
	u32 size = trace_ring_get_record(&ring, buf);
	assert_true(size <= TRACE_RECORD_MAX);
	assert_int_equal(buf[size - 1], 0);
	(void)state;
}

static void what_does_not_fit_is_counted_and_told(void **state)
{
	u32 fit = 0, gaps = 0, seen = 0, at = 0;
	trace_ring_init(&ring, mem, SIZE);
	while (put((s32)fit))
		fit++;
	assert_int_equal(fit, SIZE / sizeof(struct trace_reap));
	assert_false(put(0));
	assert_int_equal(ring.all_lost, 2);
	assert_true(trace_ring_past_half(&ring));
	u32 n = trace_ring_get(&ring, buf, SIZE / 2);
	assert_int_equal(n, SIZE / 2);
	assert_true(put(77));
	n += trace_ring_get(&ring, buf + n, sizeof(buf) - n);
	while (at < n) {
		struct trace_head h;
		memcpy(&h, buf + at, sizeof(h));
		if (h.type == TRACE_gap) {
			struct trace_gap g;
			memcpy(&g, buf + at, sizeof(g));
			assert_int_equal(g.lost, 2);
			assert_int_equal(seen, fit);
			gaps++;
		} else {
			seen++;
		}
		at += h.size;
	}
	assert_int_equal(at, n);
	assert_int_equal(gaps, 1);
	assert_int_equal(seen, fit + 1);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_records_come_back_in_order),
		cmocka_unit_test(text_is_terminated_and_padded),
		cmocka_unit_test(long_text_is_cut),
		cmocka_unit_test(what_does_not_fit_is_counted_and_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
