/* Fuzzes the decoders of births: whatever is accepted must be a combination that copy_process can carry out. */
#include "fuzz.h"

#include <linux/sched.h>

#include "lib/string.h"
#include "proc/clone_args.h"
#include "uapi/newer.h"

static u64 flags(void)
{
	u64 f = 0;
	switch (below(4)) {
	case 0: return odd();
	case 1: return CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | (one_in(2) ? 1ull << below(64) : 0);
	default:
		for (unsigned n = below(8); n; n--)
			f |= 1ull << (one_in(20) ? below(64) : 7 + below(28));
		return f;
	}
}

static void fuzz_one(void)
{
	struct kernel_clone_args a;
	struct clone_plan plan;
	struct clone_caller caller = { .unkillable = one_in(3), .foreign_children = one_in(4), .has_mm = !one_in(4) };
	s32 tids[SET_TID_MAX] = { 1 };
	if (one_in(2)) {
		struct clone3_block b = { .flags = flags(), .pidfd = odd(), .child_tid = odd(), .parent_tid = odd(), .exit_signal = one_in(2) ? below(70) : odd(),
			.stack = one_in(2) ? odd() : 0, .stack_size = one_in(2) ? odd() : 0, .tls = odd(), .set_tid = one_in(2) ? odd() : 0,
			.set_tid_size = one_in(2) ? below(40) : 0, .cgroup = odd() };
		u64 size = one_in(3) ? odd() : 88;
		if (clone3_check_size(size) || clone3_check_block(&b, size) || decode_clone3(&b, tids, &a))
			return;
		CHECK(size >= CLONE3_SIZE_VER0 && size <= 4096);
		CHECK(b.set_tid_size <= SET_TID_MAX && (a.set_tid_size == 0) == (a.set_tid == NULL));
		CHECK(a.stack <= 0x7ffffffff000ull && (a.stack == 0) == (b.stack == 0));
		CHECK(a.exit_signal >= 0 && a.exit_signal <= 64);
		CHECK(!(a.flags & 0xff & ~(u64)CLONE_NEWTIME));
	} else {
		decode_clone(flags() | below(256), odd(), odd(), odd(), odd(), &a);
		CHECK(a.exit_signal >= 0 && a.exit_signal <= 255 && !(a.flags >> 32));
	}
	memset(&plan, 0xa5, sizeof(plan));
	if (make_clone_plan(&a, &caller, &plan))
		return;
	u64 f = a.flags;
	CHECK(!(f & CLONE_THREAD) || (f & CLONE_SIGHAND));
	CHECK(!(f & CLONE_SIGHAND) || (f & CLONE_VM));
	CHECK(!(f & CLONE_THREAD) || !(f & (CLONE_NEWUSER | CLONE_NEWPID)));
	CHECK(!(f & CLONE_FS) || !(f & (CLONE_NEWNS | CLONE_NEWUSER)));
	CHECK(!(f & CLONE_PARENT) || !caller.unkillable);
	for (u32 i = 0; i < BIRTH_STEPS_MAX; i++)
		CHECK(plan.mode[i] == STEP_NONE || plan.mode[i] == STEP_SHARE || plan.mode[i] == STEP_COPY || plan.mode[i] == STEP_FRESH);
	CHECK((plan.mode[BSTEP_SIGNAL] == STEP_SHARE) == !!(f & CLONE_THREAD));
	CHECK(plan.mode[BSTEP_SIGNAL] != STEP_SHARE || plan.mode[BSTEP_SIGHAND] == STEP_SHARE);
	CHECK(plan.mode[BSTEP_SIGHAND] != STEP_SHARE || plan.mode[BSTEP_MM] != STEP_COPY);
}
