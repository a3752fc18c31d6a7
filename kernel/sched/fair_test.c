/* Unit tests of the fair class: a simulated CPU. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <linux/sched.h>

#include "sched/internal.h"

#define MS 1000000UL

static struct rq rq;

static void init_thread(struct thread *t, s8 nice)
{
	*t = (struct thread){ 0 };
	t->se.nice = nice;
	t->se.weight = fair_weight(SCHED_NORMAL, nice);
}

static void reset(void) { rq = (struct rq){ 0 }; }

static void arrive(struct thread *t, enum fair_how how)
{
	fair_place(&rq, &t->se, how);
	fair_insert(&rq, &t->se);
	t->se.on_rq = true;
}

/* Puts the running one back and takes the best. */
static void reschedule(void)
{
	struct sched_entity *next = fair_pick(&rq);
	if (next == rq.fair_curr)
		return;
	if (rq.fair_curr) {
		fair_insert(&rq, rq.fair_curr);
		rq.fair_curr = NULL;
	}
	if (next) {
		fair_remove(&rq, next);
		rq.fair_curr = next;
	}
}

static void sleep_current(void)
{
	fair_remember_lag(&rq, rq.fair_curr);
	rq.fair_curr->on_rq = false;
	rq.fair_curr = NULL;
	reschedule();
}

static void run(u64 ns)
{
	while (ns) {
		u64 step = min(ns, fair_slice_left(&rq) + 1000);
		rq.fair_curr->sum_exec += step;
		fair_charge(&rq, step);
		reschedule();
		ns -= step;
	}
}

static void equals_share_equally(void **state)
{
	struct thread t[5];
	reset();
	for (int i = 0; i < 5; i++) {
		init_thread(&t[i], 0);
		arrive(&t[i], FAIR_NEW);
	}
	reschedule();
	run(5000 * MS);
	for (int i = 0; i < 5; i++)
		assert_in_range(t[i].se.sum_exec, 990 * MS, 1010 * MS);
	(void)state;
}

static void shares_follow_weight(void **state)
{
	struct thread t[3];
	reset();
	init_thread(&t[0], 0);
	init_thread(&t[1], 5);
	init_thread(&t[2], -5);
	u64 total = 0;
	for (int i = 0; i < 3; i++) {
		arrive(&t[i], FAIR_NEW);
		total += t[i].se.weight;
	}
	reschedule();
	run(20000 * MS);
	for (int i = 0; i < 3; i++) {
		u64 want = 20000 * MS * t[i].se.weight / total;
		assert_in_range(t[i].se.sum_exec, want * 98 / 100, want * 102 / 100);
	}
	(void)state;
}

/* A program that forks all the time gets no more than one that does not: here its children only live for 1 ms. */
static void a_fork_earns_nothing(void **state)
{
	struct thread hog, family[2];
	reset();
	init_thread(&hog, 0);
	init_thread(&family[0], 0);
	init_thread(&family[1], 0);
	arrive(&hog, FAIR_NEW);
	arrive(&family[0], FAIR_NEW);
	reschedule();
	u64 hog_time = 0, family_time = 0;
	int alive = 0;
	for (int i = 0; i < 40000; i++) {
		struct thread *t = thread_of(rq.fair_curr);
		u64 step = MS / 4;
		*(t == &hog ? &hog_time : &family_time) += step;
		fair_charge(&rq, step);
		if (t == &family[alive]) {
			/* The runner leaves for good and its successor is born. */
			alive = !alive;
			struct thread *child = &family[alive];
			init_thread(child, 0);
			arrive(child, FAIR_NEW);
			sleep_current();
		} else {
			reschedule();
		}
	}
	assert_true(family_time <= hog_time * 11 / 10);
	(void)state;
}

static void a_sleeper_preempts_a_hog(void **state)
{
	struct thread hog, editor;
	reset();
	init_thread(&hog, 0);
	init_thread(&editor, 0);
	arrive(&hog, FAIR_NEW);
	arrive(&editor, FAIR_NEW);
	reschedule();
	run(50 * MS);
	for (int i = 0; i < 100; i++) {
		while (rq.fair_curr != &editor.se)
			run(MS / 10);
		rq.fair_curr->sum_exec += 1000;
		fair_charge(&rq, 1000);
		sleep_current();
		run(30 * MS);
		arrive(&editor, FAIR_WAKE);
		if (i > 1)
			assert_true(fair_preempts(&rq, &editor.se));
		reschedule();
		if (i > 1)
			assert_ptr_equal(rq.fair_curr, &editor.se);
	}
	(void)state;
}

static void random_comings_and_goings_stay_bounded(void **state)
{
	static struct thread t[40];
	reset();
	srand(3);
	for (int i = 0; i < 40; i++) {
		init_thread(&t[i], (s8)(rand() % 40 - 20));
		arrive(&t[i], FAIR_NEW);
	}
	reschedule();
	for (int round = 0; round < 200000; round++) {
		struct thread *some = &t[rand() % 40];
		if (!some->se.on_rq) {
			arrive(some, FAIR_WAKE);
			if (!rq.fair_curr)
				reschedule();
		}
		if (rq.fair_curr) {
			fair_charge(&rq, (u64)(rand() % 3000000));
			if (rand() % 2)
				sleep_current();
			else
				reschedule();
		}
		assert_true(rq.fair_curr || !rq.load);
	}
	s64 sum = 0;
	u64 load = 0;
	for (struct rb_node *n = rb_first(&rq.fair); n; n = rb_next(n)) {
		struct sched_entity *se = rb_entry(n, struct sched_entity, node);
		sum += (s64)(se->vruntime - rq.base) * se->weight;
		load += se->weight;
	}
	assert_true(load == rq.load);
	assert_true(!load || sum == rq.sum);
	(void)state;
}

static void a_yielder_lets_the_other_run(void **state)
{
	struct thread t[2];
	reset();
	for (int i = 0; i < 2; i++) {
		init_thread(&t[i], 0);
		arrive(&t[i], FAIR_NEW);
	}
	reschedule();
	int switches = 0;
	for (int i = 0; i < 1000; i++) {
		struct sched_entity *was = rq.fair_curr;
		fair_charge(&rq, 1000);
		fair_yield(&rq);
		reschedule();
		switches += rq.fair_curr != was;
	}
	assert_true(switches > 900);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equals_share_equally),
		cmocka_unit_test(shares_follow_weight),
		cmocka_unit_test(a_fork_earns_nothing),
		cmocka_unit_test(a_sleeper_preempts_a_hog),
		cmocka_unit_test(random_comings_and_goings_stay_bounded),
		cmocka_unit_test(a_yielder_lets_the_other_run),
	};
	return cmocka_run_group_tests_name("fair", tests, NULL, NULL);
}
