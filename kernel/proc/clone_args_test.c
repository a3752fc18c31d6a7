/* Unit tests of clone_args.c: every rule of clone(2) that needs no kernel state, and which error wins when two are broken. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <asm-generic/errno.h>
#include <asm-generic/signal.h>
#include <linux/sched.h>

#include "proc/clone_args.h"
#include "uapi/newer.h"

static const struct clone_caller user = { .has_mm = true };
static const struct clone_caller root = { .has_mm = true };
static const struct clone_caller init = { .has_mm = true, .unkillable = true };

static int plan_flags(u64 flags, const struct clone_caller *c, struct clone_plan *plan)
{
	struct kernel_clone_args a = { .flags = flags, .pidfd = 8, .parent_tid = 16 };
	return make_clone_plan(&a, c, plan);
}
static int block_result(const struct clone3_block *b, u64 usize)
{
	s32 ids[SET_TID_MAX] = { 0 };
	struct kernel_clone_args a;
	int err = clone3_check_size(usize);
	if (!err)
		err = clone3_check_block(b, usize);
	return err ? err : decode_clone3(b, ids, &a);
}

static void test_fork_and_vfork(void **state)
{
	(void)state;
	struct kernel_clone_args a;
	decode_fork(&a);
	assert_int_equal(a.flags, 0);
	assert_int_equal(a.exit_signal, SIGCHLD);
	assert_int_equal(a.call, BIRTH_FORK);
	decode_vfork(&a);
	assert_int_equal(a.flags, CLONE_VM | CLONE_VFORK);
	assert_int_equal(a.exit_signal, SIGCHLD);
	assert_int_equal(a.stack, 0);
}

static void test_clone_drops_high_bits_and_splits_signal(void **state)
{
	(void)state;
	struct kernel_clone_args a;
	decode_clone(0xdead00000000UL | CLONE_VM | 0xc8, 0x1001, 0x2000, 0x3000, 0x4000, &a);
	assert_int_equal(a.flags, CLONE_VM);
	assert_int_equal(a.exit_signal, 0xc8);
	assert_int_equal(a.stack, 0x1001);
	assert_int_equal(a.pidfd, 0x2000);
	assert_int_equal(a.parent_tid, 0x2000);
	assert_int_equal(a.child_tid, 0x3000);
	assert_int_equal(a.tls, 0x4000);
}

static void test_clone3_sizes(void **state)
{
	(void)state;
	assert_int_equal(clone3_check_size(0), -EINVAL);
	assert_int_equal(clone3_check_size(63), -EINVAL);
	assert_int_equal(clone3_check_size(64), 0);
	assert_int_equal(clone3_check_size(4096), 0);
	assert_int_equal(clone3_check_size(4097), -E2BIG);
	assert_int_equal(clone3_check_size(~0UL), -E2BIG);
}

static void test_clone3_block_rules(void **state)
{
	(void)state;
	static const struct {
		struct clone3_block b;
		u64 usize;
		int want;
	} row[] = {
		{ { .exit_signal = SIGCHLD }, 64, 0 },
		{ { .exit_signal = 0 }, 88, 0 },
		{ { .exit_signal = 64 }, 88, 0 },
		{ { .exit_signal = 65 }, 88, -EINVAL },
		{ { .exit_signal = 0x100 | SIGCHLD }, 88, -EINVAL },
		{ { .set_tid_size = 1 }, 88, -EINVAL },
		{ { .set_tid = 8 }, 88, -EINVAL },
		{ { .set_tid = 8, .set_tid_size = 33 }, 88, -EINVAL },
		{ { .set_tid = 8, .set_tid_size = 1 }, 88, 0 },
		{ { .flags = CLONE_INTO_CGROUP, .cgroup = 3 }, 80, -EINVAL },
		{ { .flags = CLONE_INTO_CGROUP, .cgroup = 1UL << 31 }, 88, -EINVAL },
		{ { .flags = 1UL << 37 }, 88, -EINVAL },
		{ { .flags = CLONE_DETACHED }, 88, -EINVAL },
		{ { .flags = 1 }, 88, -EINVAL },
		{ { .flags = 0x40 }, 88, -EINVAL },
		{ { .flags = CLONE_NEWTIME }, 88, 0 }, /* decoded; the plan refuses it */
		{ { .flags = CLONE_VM | CLONE_SIGHAND | CLONE_CLEAR_SIGHAND }, 88, -EINVAL },
		{ { .flags = CLONE_PARENT, .exit_signal = SIGCHLD }, 88, -EINVAL },
		{ { .flags = CLONE_PARENT }, 88, 0 },
		{ { .stack = 4096 }, 88, -EINVAL },
		{ { .stack_size = 4096 }, 88, -EINVAL },
		{ { .stack = 4096, .stack_size = 4096 }, 88, 0 },
		{ { .stack = 0x7fffffffe000, .stack_size = 4096 }, 88, 0 },
		{ { .stack = 0x7fffffffe001, .stack_size = 4096 }, 88, -EINVAL },
		{ { .stack = ~0UL, .stack_size = 4096 }, 88, -EINVAL },
		{ { .stack = 4096, .stack_size = ~0UL }, 88, -EINVAL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		if (block_result(&row[i].b, row[i].usize) != row[i].want)
			fail_msg("row %zu", i);
}

static void test_clone3_stack_is_its_top(void **state)
{
	(void)state;
	struct clone3_block b = { .flags = CLONE_VM, .stack = 0x10000, .stack_size = 0x2000, .exit_signal = SIGCHLD, .tls = 7, .pidfd = 1, .child_tid = 2,
		.parent_tid = 3 };
	struct kernel_clone_args a;
	assert_int_equal(decode_clone3(&b, NULL, &a), 0);
	assert_int_equal(a.stack, 0x12000);
	assert_int_equal(a.tls, 7);
	assert_int_equal(a.pidfd, 1);
	assert_int_equal(a.child_tid, 2);
	assert_int_equal(a.parent_tid, 3);
	assert_null(a.set_tid);
}

static void test_combinations(void **state)
{
	(void)state;
	struct clone_plan p;
	const u64 thread = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
	assert_int_equal(plan_flags(CLONE_NEWNS | CLONE_FS, &user, &p), -EINVAL); /* before EPERM */
	assert_int_equal(plan_flags(CLONE_NEWUSER | CLONE_FS, &root, &p), -EINVAL);
	assert_int_equal(plan_flags(CLONE_THREAD, &root, &p), -EINVAL);
	assert_int_equal(plan_flags(CLONE_THREAD | CLONE_VM, &root, &p), -EINVAL);
	assert_int_equal(plan_flags(CLONE_SIGHAND, &root, &p), -EINVAL);
	assert_int_equal(plan_flags(thread, &root, &p), 0);
	assert_int_equal(plan_flags(thread | CLONE_NEWPID, &root, &p), -EINVAL);
	assert_int_equal(plan_flags(CLONE_PARENT, &init, &p), -EINVAL);
	assert_int_equal(plan_flags(CLONE_PARENT, &root, &p), 0);
	assert_int_equal(plan_flags(CLONE_PIDFD | CLONE_DETACHED, &root, &p), -EINVAL);
	assert_int_equal(plan_flags(CLONE_DETACHED, &root, &p), 0);
	assert_int_equal(plan_flags(CLONE_PIDFD | CLONE_PARENT_SETTID, &root, &p), 0);
	struct kernel_clone_args a = { .flags = CLONE_PIDFD | CLONE_PARENT_SETTID, .pidfd = 8, .parent_tid = 8 };
	assert_int_equal(make_clone_plan(&a, &root, &p), -EINVAL);
}

static void test_into_cgroup(void **state)
{
	(void)state;
	struct clone_plan p;
	assert_int_equal(plan_flags(CLONE_INTO_CGROUP, &user, &p), 0);
	assert_int_equal(p.mode[BSTEP_CGROUP], STEP_FRESH);
	assert_int_equal(plan_flags(0, &user, &p), 0);
	assert_int_equal(p.mode[BSTEP_CGROUP], STEP_NONE);
}

static void test_namespaces(void **state)
{
	(void)state;
	static const u64 ns[] = { CLONE_NEWTIME, CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWNET };
	const u64 thread = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
	const struct clone_caller moved = { .has_mm = true, .foreign_children = true };
	struct clone_plan p;
	for (size_t i = 0; i < ARRAY_SIZE(ns); i++) {
		assert_int_equal(plan_flags(ns[i], &user, &p), 0);
		assert_int_equal(p.mode[BSTEP_NAMESPACES], STEP_FRESH);
		assert_int_equal(p.mode[BSTEP_CREDS], STEP_COPY);
	}
	assert_int_equal(plan_flags(CLONE_NEWUSER, &user, &p), 0);
	assert_int_equal(p.mode[BSTEP_CREDS], STEP_FRESH);
	assert_int_equal(p.mode[BSTEP_NAMESPACES], STEP_SHARE);
	assert_int_equal(plan_flags(thread | CLONE_NEWUSER, &user, &p), -EINVAL);
	assert_int_equal(plan_flags(thread, &moved, &p), -EINVAL);
	assert_int_equal(plan_flags(0, &moved, &p), 0);
}

static void test_plan_modes(void **state)
{
	(void)state;
	struct clone_plan p;
	assert_int_equal(plan_flags(0, &user, &p), 0);
	assert_int_equal(p.mode[BSTEP_FILES], STEP_COPY);
	assert_int_equal(p.mode[BSTEP_FS], STEP_COPY);
	assert_int_equal(p.mode[BSTEP_SIGHAND], STEP_COPY);
	assert_int_equal(p.mode[BSTEP_SIGNAL], STEP_FRESH);
	assert_int_equal(p.mode[BSTEP_MM], STEP_COPY);
	assert_int_equal(p.mode[BSTEP_PIDFD], STEP_NONE);
	assert_int_equal(plan_flags(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, &user, &p), 0);
	assert_int_equal(p.mode[BSTEP_CREDS], STEP_SHARE);
	assert_int_equal(p.mode[BSTEP_SEMUNDO], STEP_SHARE);
	assert_int_equal(p.mode[BSTEP_FILES], STEP_SHARE);
	assert_int_equal(p.mode[BSTEP_FS], STEP_SHARE);
	assert_int_equal(p.mode[BSTEP_SIGHAND], STEP_SHARE);
	assert_int_equal(p.mode[BSTEP_SIGNAL], STEP_SHARE);
	assert_int_equal(p.mode[BSTEP_MM], STEP_SHARE);
	assert_int_equal(plan_flags(CLONE_CLEAR_SIGHAND | CLONE_PIDFD, &user, &p), 0);
	assert_int_equal(p.mode[BSTEP_SIGHAND], STEP_FRESH);
	assert_int_equal(p.mode[BSTEP_PIDFD], STEP_FRESH);
	struct clone_caller kernel = { 0 };
	assert_int_equal(plan_flags(CLONE_VM | CLONE_FS, &kernel, &p), 0);
	assert_int_equal(p.mode[BSTEP_MM], STEP_NONE);
}

static void test_kernel_threads(void **state)
{
	(void)state;
	struct kernel_clone_args a;
	decode_kernel_thread(NULL, NULL, "x", CLONE_FS | SIGCHLD, true, &a);
	assert_int_equal(a.flags, CLONE_FS | CLONE_VM | CLONE_UNTRACED);
	assert_int_equal(a.exit_signal, SIGCHLD);
	assert_true(a.kthread);
	assert_int_equal(a.call, BIRTH_KTHREAD);
}

/* Linux 7.1's flags: with each other, and after all older rules. */
static void test_newer_flags(void **state)
{
	static const struct clone_caller admin = { .has_mm = true, .admin = true }, reaped = { .has_mm = true, .autoreap = true };
	struct clone_plan p;
	(void)state;
	assert_int_equal(plan_flags(CLONE_AUTOREAP, &user, &p), 0);
	assert_int_equal(plan_flags(CLONE_AUTOREAP | CLONE_PARENT, &user, &p), -EINVAL);
	assert_int_equal(plan_flags(CLONE_AUTOREAP | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, &user, &p), -EINVAL);
	struct kernel_clone_args a = { .flags = CLONE_AUTOREAP, .exit_signal = SIGCHLD };
	assert_int_equal(make_clone_plan(&a, &user, &p), -EINVAL);
	assert_int_equal(plan_flags(CLONE_PARENT, &user, &p), 0);
	assert_int_equal(plan_flags(CLONE_PARENT, &reaped, &p), -EINVAL);
	assert_int_equal(plan_flags(CLONE_NNP, &user, &p), 0);
	assert_int_equal(plan_flags(CLONE_NNP | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, &user, &p), -EINVAL);
	assert_int_equal(plan_flags(CLONE_PIDFD_AUTOKILL | CLONE_AUTOREAP | CLONE_NNP, &admin, &p), -EINVAL);
	assert_int_equal(plan_flags(CLONE_PIDFD_AUTOKILL | CLONE_PIDFD | CLONE_NNP, &admin, &p), -EINVAL);
	assert_int_equal(plan_flags(CLONE_PIDFD_AUTOKILL | CLONE_PIDFD | CLONE_AUTOREAP, &user, &p), -EPERM);
	assert_int_equal(plan_flags(CLONE_PIDFD_AUTOKILL | CLONE_PIDFD | CLONE_AUTOREAP, &admin, &p), 0);
	assert_int_equal(plan_flags(CLONE_PIDFD_AUTOKILL | CLONE_PIDFD | CLONE_AUTOREAP | CLONE_NNP, &user, &p), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fork_and_vfork),
		cmocka_unit_test(test_clone_drops_high_bits_and_splits_signal),
		cmocka_unit_test(test_clone3_sizes),
		cmocka_unit_test(test_clone3_block_rules),
		cmocka_unit_test(test_clone3_stack_is_its_top),
		cmocka_unit_test(test_combinations),
		cmocka_unit_test(test_into_cgroup),
		cmocka_unit_test(test_namespaces), cmocka_unit_test(test_plan_modes),
		cmocka_unit_test(test_kernel_threads), cmocka_unit_test(test_newer_flags),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
