/* Unit tests of the log ring, its sinks, and writers on several threads at once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/log.h"

static char seen[4096];
static size_t seen_len;
static bool sink_on = true;

static void sink_write(const char *s, size_t n)
{
	if (!sink_on || seen_len + n >= sizeof(seen))
		return;
	memcpy(seen + seen_len, s, n);
	seen_len += n;
	seen[seen_len] = '\0';
}
static struct log_sink sink = { .write = sink_write };

static u64 fake_clock(void) { return 3000042000UL; }

static void messages_reach_ring_and_sink(void **state)
{
	pr_info("before the clock");
	pr_debug("not for the console");
	log_clock = fake_clock;
	log_add_sink(&sink);
	assert_string_equal(seen, "[    0.000000] before the clock\n");
	seen_len = 0;
	pr_warn("n=%d\n", 5);
	assert_string_equal(seen, "[    3.000042] n=5\n");
	u64 pos = 0;
	char buf[512];
	size_t n = log_read(&pos, buf, sizeof(buf) - 1);
	buf[n] = '\0';
	assert_string_equal(buf, "<6>[    0.000000] before the clock\n<7>[    0.000000] not for the console\n<4>[    3.000042] n=5\n");
	assert_int_equal(log_read(&pos, buf, sizeof(buf)), 0);
	assert_true(pos == log_end());
	(void)state;
}

static void long_lines_are_cut_and_end(void **state)
{
	static char big[2000];
	memset(big, 'x', sizeof(big) - 1);
	sink_on = false;
	u64 pos = log_end();
	pr_info("%s", big);
	char buf[2000];
	size_t n = log_read(&pos, buf, sizeof(buf));
	assert_in_range(n, 400, 512);
	assert_int_equal(buf[n - 1], '\n');
	(void)state;
}

static void a_lapped_reader_skips_ahead(void **state)
{
	u64 pos = 0;
	for (int i = 0; i < 5000; i++)
		pr_info("line %d", i);
	char buf[100];
	size_t total = 0, n;
	while ((n = log_read(&pos, buf, sizeof(buf))))
		total += n;
	assert_int_equal(total, 65536);
	(void)state;
}

static void *writer(void *arg)
{
	for (int i = 0; i < 300; i++)
		pr_info("writer %ld message %d end", (long)(intptr_t)arg, i);
	return NULL;
}

static void writers_do_not_mix(void **state)
{
	pthread_t t[4];
	u64 pos = log_end();
	for (long i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, writer, (void *)(intptr_t)i), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	static char all[65536 + 1];
	size_t n = log_read(&pos, all, 65536), lines = 0;
	all[n] = '\0';
	for (char *line = strtok(all, "\n"); line; line = strtok(NULL, "\n"), lines++) {
		long w;
		int i;
		assert_int_equal(sscanf(line, "<6>[    3.000042] writer %ld message %d end", &w, &i), 2);
		assert_string_equal(line + strlen(line) - 4, " end");
	}
	assert_int_equal(lines, 1200);
	assert_true(pos == log_end());
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_reach_ring_and_sink),
		cmocka_unit_test(long_lines_are_cut_and_end),
		cmocka_unit_test(a_lapped_reader_skips_ahead),
		cmocka_unit_test(writers_do_not_mix),
	};
	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
