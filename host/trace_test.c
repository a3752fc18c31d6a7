/*
 * Tests of what is made of a trace: streams built here and one recorded from a real run, whole, cut at any place, changed at any place. Under sanitizers: what
 * a hostile guest sends must do no harm.
 */
#define _GNU_SOURCE
#include "trace_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define RECORDED "tests/data/pipeline.trace"

/* ---- a stream by hand ------------------------------------------------------------------------------------------------------------------ */

static uint8_t stream[1 << 20];
static size_t stream_len;
static uint64_t now;

static void put(const void *data, size_t len)
{
	assert_true(stream_len + len <= sizeof(stream));
	memcpy(stream + stream_len, data, len);
	stream_len += len;
}

static void begin(void)
{
	struct trace_stream_head h = { TRACE_STREAM_MAGIC, TRACE_STREAM_VERSION, 2, 1000, ~0ull };

	stream_len = 0;
	now = 1000;
	put(&h, sizeof(h));
}

/* A record with its text as a chunk of its own. */
static void record(uint32_t cpu, struct trace_head *h, size_t size, unsigned type, int32_t tid, const char *text, size_t len)
{
	static const char zeroes[8];
	size_t whole = text ? (size + len + 8) / 8 * 8 : size;
	struct trace_chunk c = { TRACE_CHUNK_MAGIC, cpu, (uint32_t)whole, 0 };

	h->size = (uint16_t)whole;
	h->type = (uint16_t)type;
	h->tid = tid;
	h->ts = now += 1000;
	put(&c, sizeof(c));
	put(h, size);
	if (text) {
		put(text, len);
		put(zeroes, whole - size - len);
	}
}
#define RECORD(event, var, cpu, by) record(cpu, &(var).h, sizeof(var), TRACE_##event, by, NULL, 0)
#define RECORD_TEXT(event, var, cpu, by, text) record(cpu, &(var).h, sizeof(var), TRACE_##event, by, text, sizeof(text) - 1)

static void birth(int32_t by, int32_t child, unsigned call, uint32_t fork_id, const char *comm)
{
	struct trace_birth e = { .start = now,
		.child = child,
		.tgid = child,
		.parent = by,
		.fork_id = fork_id,
		.call = (uint8_t)call,
		.steps = 2,
		.exit_signal = 17,
		.tables = 3,
		.vmas = 10,
		.mode = { 1, 2 },
		.step_ns = { 100, 200 } };

	snprintf(e.comm, sizeof(e.comm), "%s", comm);
	RECORD(birth, e, 0, by);
}

static void death(int32_t tid, int32_t status, int32_t by)
{
	struct trace_exit e = { .status = status, .last = 1, .utime = 5 };
	struct trace_reap r = { .target = tid };

	RECORD(exit, e, 1, tid);
	RECORD(reap, r, 0, by);
}

static void step_names(void)
{
	struct trace_step_name a = { .step = 0, .steps = 2 }, b = { .step = 1, .steps = 2 };

	RECORD_TEXT(step_name, a, 0, 0, "creds");
	RECORD_TEXT(step_name, b, 0, 0, "mm");
}

static void small_story(void)
{
	struct trace_exec_plan plan = { .start = 0 };
	struct trace_exec_commit commit = { .ns = 71000, .plan_ns = 50000, .old_tid = 3, .argc = 3, .args = 3 };
	struct trace_cow_fault cow = { .fork_id = 1 };
	struct trace_end end = { .ns = 0 };

	begin();
	step_names();
	birth(0, 1, 6, 0, "init");
	birth(1, 3, 1, 1, "init");
	plan.start = now;
	RECORD_TEXT(exec_plan, plan, 0, 3, "/bin/sh");
	RECORD_TEXT(exec_commit, commit, 0, 3, "sh\0-c\0echo 'a'");
	RECORD(cow_fault, cow, 0, 3);
	RECORD(cow_fault, cow, 1, 1);
	birth(3, 4, 2, 0, "sh");
	death(4, 9, 3);
	death(3, 7 << 8, 1);
	RECORD(end, end, 0, 1);
}

/* ---- reading it ------------------------------------------------------------------------------------------------------------------------ */

static struct trace_log logbook;
static struct trace_model model;

static void load(const void *data, size_t len, size_t piece)
{
	const uint8_t *p = data;
	size_t at;

	trace_log_init(&logbook);
	for (at = 0; at < len; at += piece)
		trace_log_feed(&logbook, p + at, len - at < piece ? len - at : piece);
	trace_log_finish(&logbook);
	assert_int_equal(trace_model_build(&model, &logbook), 0);
}

static void unload(void)
{
	trace_model_free(&model);
	trace_log_free(&logbook);
}

static char *tree_text(const struct trace_view *v)
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_int_equal(trace_write_tree(&model, v, f), 0);
	fclose(f);
	return text;
}

static void write_everything(void)
{
	const struct trace_view v = { .steps = true, .boot = true, .depth = -1, .only = ~0u }, one = { .pid = 1, .depth = 1, .only = TRACE_CLASS_fork };
	FILE *null = fopen("/dev/null", "w");

	assert_int_equal(trace_write_tree(&model, &v, null), 0);
	assert_int_equal(trace_write_tree(&model, &one, null), 0);
	assert_int_equal(trace_write_json(&model, &v, null), 0);
	assert_int_equal(trace_write_json(&model, &one, null), 0);
	assert_int_equal(trace_write_html(&model, &v, "a title", null), 0);
	assert_int_equal(trace_write_perfetto(&model, &v, null), 0);
	assert_int_equal(trace_write_html(&model, &one, "a title", null), 0);
	assert_int_equal(trace_write_perfetto(&model, &one, null), 0);
	fclose(null);
}

static uint8_t *recorded(size_t *len)
{
	FILE *f = fopen(RECORDED, "r");
	uint8_t *data = malloc(1 << 20);

	assert_non_null(f);
	assert_non_null(data);
	*len = fread(data, 1, 1 << 20, f);
	fclose(f);
	return data;
}

/* ---- tests ----------------------------------------------------------------------------------------------------------------------------- */

static void story_becomes_lives(void **state)
{
	size_t piece;
	uint32_t sh;

	(void)state;
	small_story();
	for (piece = 1; piece < 300; piece += 7) {
		load(stream, stream_len, piece);
		assert_null(logbook.damage);
		assert_true(logbook.ended);
		assert_int_equal(model.births, 3);
		assert_int_equal(model.good_execs, 1);
		assert_int_equal(model.exits, 2);
		sh = trace_model_find(&model, 3);
		assert_int_equal(model.life[sh].cow.copied, 2);
		assert_int_equal(model.life[sh].cow.by_creator, 1);
		assert_int_equal(model.life[sh].children, 1);
		assert_int_equal(model.life[model.life[sh].creator].tid, 1);
		unload();
	}
}

static void story_becomes_a_tree(void **state)
{
	const struct trace_view v = { .depth = -1, .only = ~0u }, flat = { .depth = 0, .only = ~0u };
	char *text;

	(void)state;
	small_story();
	load(stream, stream_len, 4096);
	text = tree_text(&v);
	assert_non_null(strstr(text, "└─ 3 sh -c 'echo 'a''"));
	assert_non_null(strstr(text, "COW 2 pages, 8 KiB, of it 1 by the parent"));
	assert_non_null(strstr(text, "exec 71 µs"));
	assert_non_null(strstr(text, "exit 7"));
	assert_non_null(strstr(text, "   └─ 4 sh"));
	assert_non_null(strstr(text, "killed by SIGKILL"));
	assert_non_null(strstr(text, "3 births, 1 execs, 2 exits"));
	free(text);
	text = tree_text(&flat);
	assert_null(strstr(text, "└─ 3"));
	assert_non_null(strstr(text, "2 more below"));
	free(text);
	unload();
}

static void swtch(uint32_t cpu, int32_t prev, uint16_t state, int32_t next)
{
	struct trace_sched_switch e = { .next = next, .state = state };

	RECORD(sched_switch, e, cpu, prev);
}

/* Each record is a microsecond after the one before. */
static void times_on_and_off_a_cpu_add_up(void **state)
{
	struct trace_sched_wakeup up = { .target = 3 }, born = { .target = 3, .first = 1 };
	const struct trace_view v = { .depth = -1, .steps = true, .only = ~0u };
	const struct trace_life *l;
	char *text;

	(void)state;
	begin();
	birth(1, 3, 1, 0, "sh");
	RECORD(sched_wakeup, born, 0, 1);
	swtch(1, 0, 0, 3);
	swtch(1, 3, 0, 4); /* it could go on */
	swtch(1, 4, 1, 3);
	swtch(1, 3, 1, 0); /* it sleeps */
	RECORD(sched_wakeup, up, 0, 1);
	RECORD(sched_wakeup, up, 0, 1); /* finds it awake */
	swtch(0, 1, 1, 3);
	death(3, 0, 1);
	swtch(0, 3, 16, 0);
	load(stream, stream_len, 4096);
	l = &model.life[trace_model_find(&model, 3)];
	assert_int_equal(l->spent[STRETCH_READY], 4000);
	assert_int_equal(l->spent[STRETCH_RUN], 5000);
	assert_int_equal(l->spent[STRETCH_BLOCKED], 1000);
	text = tree_text(&v);
	assert_non_null(strstr(text, "ran 5.0 µs, waited 4.0 µs for a CPU, was blocked for 1.0 µs"));
	free(text);
	unload();
}

static void killed_for_memory_is_told(void **state)
{
	const struct trace_view v = { .depth = -1, .only = ~0u };
	struct trace_oom_kill oom = { .target = 3, .rss = 1000 };
	struct trace_killed killed = { .target = 3, .signal = 9 };
	char *text;

	(void)state;
	begin();
	birth(0, 1, 6, 0, "init");
	birth(1, 3, 1, 0, "hog");
	RECORD(oom_kill, oom, 0, 1);
	RECORD(killed, killed, 0, 1);
	death(3, 9, 1);
	load(stream, stream_len, 4096);
	text = tree_text(&v);
	assert_non_null(strstr(text, "killed by SIGKILL for want of memory"));
	free(text);
	unload();
}

static void losses_are_told(void **state)
{
	const struct trace_view v = { .depth = -1, .only = ~0u };
	struct trace_gap gap = { .lost = 12 };
	char *text;

	(void)state;
	small_story();
	RECORD(gap, gap, 1, 3);
	load(stream, stream_len, 4096);
	assert_int_equal(logbook.lost, 12);
	text = tree_text(&v);
	assert_non_null(strstr(text, "12 events were lost"));
	free(text);
	unload();
}

static void text_is_made_harmless(void **state)
{
	const struct trace_view v = { .depth = -1, .only = ~0u };
	char *text, *json;
	size_t size;
	FILE *f;
	json_t *j;
	char *line, *save;

	(void)state;
	begin();
	birth(0, 1, 6, 0, "\033]0;x\007</b>");
	birth(1, 2, 1, 0, "\xff\xc2\x9b\xe2\x80\xae");
	load(stream, stream_len, 4096);
	text = tree_text(&v);
	assert_null(strchr(text, '\033'));
	assert_null(strchr(text, '\007'));
	assert_null(strstr(text, "\xc2\x9b"));
	assert_null(strstr(text, "\xff"));
	assert_null(strstr(text, "\xe2\x80\xae"));
	free(text);
	f = open_memstream(&json, &size);
	assert_int_equal(trace_write_json(&model, &v, f), 0);
	fclose(f);
	assert_null(strchr(json, '<'));
	for (line = strtok_r(json, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		j = json_loads(line, 0, NULL);
		assert_non_null(j);
		json_decref(j);
	}
	free(json);
	unload();
}

static void nonsense_is_refused(void **state)
{
	static const char text[] = "this is no trace at all, only a line of text";
	struct trace_chunk c = { TRACE_CHUNK_MAGIC, 7, 16, 0 };
	struct trace_head h = { 12, 1, 1, 1 };

	(void)state;
	load(text, sizeof(text), 1);
	assert_false(logbook.have_head);
	assert_non_null(logbook.damage);
	unload();
	begin();
	put(&c, sizeof(c)); /* CPU 7 of 2 */
	load(stream, stream_len, 4096);
	assert_non_null(logbook.damage);
	unload();
	begin();
	c.cpu = 0;
	put(&c, sizeof(c));
	put(&h, sizeof(h)); /* a record of 12 bytes */
	load(stream, stream_len, 4096);
	assert_non_null(logbook.damage);
	assert_int_equal(logbook.count, 0);
	unload();
}

/* An event of a later kernel does not spoil the others. */
static void unknown_events_are_left_out(void **state)
{
	struct trace_gap e = { .lost = 0 };

	(void)state;
	small_story();
	record(0, &e.h, sizeof(e), 3000, 1, NULL, 0);
	birth(1, 9, 1, 0, "later");
	load(stream, stream_len, 4096);
	assert_null(logbook.damage);
	assert_int_equal(logbook.unknown, 1);
	assert_int_equal(model.births, 4);
	unload();
}

static void recorded_run_is_understood(void **state)
{
	const struct trace_view v = { .depth = -1, .only = ~0u };
	size_t len;
	uint8_t *data = recorded(&len);
	uint32_t i, orphans = 0, killed = 0;
	char *text;

	(void)state;
	load(data, len, 1000);
	assert_null(logbook.damage);
	assert_true(logbook.ended);
	assert_int_equal(logbook.lost, 0);
	assert_int_equal(model.exits, model.reaps);
	for (i = 0; i < model.lives; i++) {
		orphans += model.life[i].reparent != NULL;
		killed += model.life[i].killed != NULL;
		assert_true(model.life[i].tid == 0 || model.life[i].birth);
	}
	assert_int_equal(orphans, 1);
	assert_int_equal(killed, 1);
	text = tree_text(&v);
	assert_non_null(strstr(text, "wc -l"));
	assert_non_null(strstr(text, "killed by SIGKILL from"));
	assert_non_null(strstr(text, "orphan, to 1"));
	assert_non_null(strstr(text, "exit 3"));
	free(text);
	write_everything();
	unload();
	free(data);
}

static void cut_streams_do_no_harm(void **state)
{
	size_t len, at;
	uint8_t *data = recorded(&len);

	(void)state;
	for (at = 0; at < len; at += at < 2000 ? 13 : 509) {
		uint8_t *copy = malloc(at + 1);

		memcpy(copy, data, at); /* of its own size, so that a read beyond it is seen */
		load(copy, at, 100);
		write_everything();
		unload();
		free(copy);
	}
	free(data);
}

static void changed_streams_do_no_harm(void **state)
{
	size_t len;
	uint8_t *data = recorded(&len), *copy = malloc(len);
	uint64_t seed = 42;
	int round, n;

	(void)state;
	for (round = 0; round < 150; round++) {
		memcpy(copy, data, len);
		for (n = 0; n < 1 + round % 30; n++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			/* Behind the stream's head, and often in it as well. */
			copy[(seed >> 20) % len] = (uint8_t)((seed >> 56) & (round % 3 ? 0xff : 0x03));
		}
		load(copy, len, 777);
		write_everything();
		unload();
	}
	free(copy);
	free(data);
}

/* A chain of 50,000 births, each by the one before: no recursion, no square of it. */
static void deep_chains_do_no_harm(void **state)
{
	struct trace_stream_head h = { TRACE_STREAM_MAGIC, TRACE_STREAM_VERSION, 1, 0, ~0ull };
	struct trace_birth e = { .h = { sizeof(e), TRACE_birth, 0, 0 }, .call = 1 };
	struct trace_chunk c = { TRACE_CHUNK_MAGIC, 0, sizeof(e), 0 };
	const struct trace_view v = { .depth = -1, .boot = true, .only = ~0u };
	FILE *null = fopen("/dev/null", "w");
	int i;

	(void)state;
	trace_log_init(&logbook);
	trace_log_feed(&logbook, &h, sizeof(h));
	for (i = 0; i < 50000; i++) {
		e.h.tid = i;
		e.h.ts = (uint64_t)i;
		e.child = e.tgid = i + 1;
		trace_log_feed(&logbook, &c, sizeof(c));
		trace_log_feed(&logbook, &e, sizeof(e));
	}
	trace_log_finish(&logbook);
	assert_int_equal(trace_model_build(&model, &logbook), 0);
	assert_int_equal(model.births, 50000);
	assert_int_equal(trace_write_tree(&model, &v, null), 0);
	assert_int_equal(trace_write_html(&model, &v, "", null), 0);
	fclose(null);
	unload();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(story_becomes_lives),
		cmocka_unit_test(story_becomes_a_tree),
		cmocka_unit_test(losses_are_told),
		cmocka_unit_test(times_on_and_off_a_cpu_add_up),
		cmocka_unit_test(killed_for_memory_is_told),
		cmocka_unit_test(text_is_made_harmless),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(unknown_events_are_left_out),
		cmocka_unit_test(recorded_run_is_understood),
		cmocka_unit_test(cut_streams_do_no_harm),
		cmocka_unit_test(changed_streams_do_no_harm),
		cmocka_unit_test(deep_chains_do_no_harm),
	};

	return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
