/* Tests of seccomp_bpf.c: the rules of the checker and the machine's arithmetic. */
#include "proc/seccomp_bpf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define S(c, v)        \
	{                  \
		(c), 0, 0, (v) \
	}
#define J(c, v, t, f)      \
	{                      \
		(c), (t), (f), (v) \
	}
#define CHECKED(...)                                     \
	({                                                   \
		const struct sock_filter p_[] = { __VA_ARGS__ }; \
		bpf_words_t w_[sizeof(p_) / sizeof(p_[0])];      \
		bpf_check(p_, sizeof(p_) / sizeof(p_[0]), w_);   \
	})
#define RUN(...)                                                    \
	({                                                              \
		const struct sock_filter p_[] = { __VA_ARGS__ };            \
		bpf_words_t w_[sizeof(p_) / sizeof(p_[0])];                 \
		assert_true(bpf_check(p_, sizeof(p_) / sizeof(p_[0]), w_)); \
		bpf_run(p_, &data);                                         \
	})

static const struct seccomp_data data = {
	.nr = 39, .arch = 0xc000003e, .instruction_pointer = 0x1122334455667788, .args = { 1, 2, 3, 4, 5, 0xaabbccddeeff0011 }
};

static void good_and_bad_codes(void **state)
{
	assert_true(CHECKED(S(BPF_RET | BPF_K, 0)));
	assert_true(CHECKED(S(BPF_RET | BPF_A, 0)));
	assert_false(CHECKED(S(BPF_LD | BPF_IMM, 0))); /* no return */
	assert_false(CHECKED(S(BPF_RET | BPF_X, 0)));
	assert_false(CHECKED(S(BPF_ALU | BPF_MOD | BPF_K, 3), S(BPF_RET | BPF_A, 0))); /* classic BPF has it, seccomp not */
	assert_false(CHECKED(S(BPF_LD | BPF_H | BPF_ABS, 0), S(BPF_RET | BPF_A, 0)));
	assert_false(CHECKED(S(BPF_LD | BPF_W | BPF_IND, 0), S(BPF_RET | BPF_A, 0)));
	assert_false(CHECKED(S(BPF_LD | BPF_W | BPF_ABS, 2), S(BPF_RET | BPF_A, 0)));
	assert_false(CHECKED(S(BPF_LD | BPF_W | BPF_ABS, 64), S(BPF_RET | BPF_A, 0)));
	assert_false(CHECKED(S(BPF_LD | BPF_W | BPF_ABS, ~0u - 3), S(BPF_RET | BPF_A, 0)));
	assert_true(CHECKED(S(BPF_LD | BPF_W | BPF_ABS, 60), S(BPF_RET | BPF_A, 0)));
	assert_false(CHECKED(S(BPF_ALU | BPF_DIV | BPF_K, 0), S(BPF_RET | BPF_A, 0)));
	assert_false(CHECKED(S(BPF_ALU | BPF_LSH | BPF_K, 32), S(BPF_RET | BPF_A, 0)));
	assert_false(CHECKED(S(0xffff, 0), S(BPF_RET | BPF_A, 0)));
}

static void jumps_stay_inside(void **state)
{
	assert_true(CHECKED(S(BPF_JMP | BPF_JA, 0), S(BPF_RET | BPF_K, 0)));
	assert_false(CHECKED(S(BPF_JMP | BPF_JA, 1), S(BPF_RET | BPF_K, 0)));
	assert_false(CHECKED(S(BPF_JMP | BPF_JA, ~0u), S(BPF_RET | BPF_K, 0)));
	assert_true(CHECKED(J(BPF_JMP | BPF_JEQ | BPF_K, 1, 1, 0), S(BPF_RET | BPF_K, 0), S(BPF_RET | BPF_K, 1)));
	assert_false(CHECKED(J(BPF_JMP | BPF_JEQ | BPF_K, 1, 2, 0), S(BPF_RET | BPF_K, 0), S(BPF_RET | BPF_K, 1)));
	assert_false(CHECKED(J(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 2), S(BPF_RET | BPF_K, 0), S(BPF_RET | BPF_K, 1)));
}

static void scratch_is_written_before_it_is_read(void **state)
{
	assert_false(CHECKED(S(BPF_LD | BPF_MEM, 3), S(BPF_RET | BPF_A, 0)));
	assert_true(CHECKED(S(BPF_ST, 3), S(BPF_LD | BPF_MEM, 3), S(BPF_RET | BPF_A, 0)));
	assert_false(CHECKED(S(BPF_ST, 16), S(BPF_RET | BPF_A, 0)));
	/* Written on one of two ways only. */
	assert_false(CHECKED(J(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1), S(BPF_ST, 0), S(BPF_LD | BPF_MEM, 0), S(BPF_RET | BPF_A, 0)));
	/* The way round it ends before the read. */
	assert_true(CHECKED(J(BPF_JMP | BPF_JEQ | BPF_K, 1, 1, 0), S(BPF_RET | BPF_K, 0), S(BPF_ST, 0), S(BPF_LD | BPF_MEM, 0), S(BPF_RET | BPF_A, 0)));
}

static void arithmetic(void **state)
{
	assert_int_equal(RUN(S(BPF_LD | BPF_W | BPF_ABS, 0), S(BPF_RET | BPF_A, 0)), 39);
	assert_int_equal(RUN(S(BPF_LD | BPF_W | BPF_ABS, 8), S(BPF_RET | BPF_A, 0)), 0x55667788);
	assert_int_equal(RUN(S(BPF_LD | BPF_W | BPF_ABS, 60), S(BPF_RET | BPF_A, 0)), 0xaabbccdd);
	assert_int_equal(RUN(S(BPF_LD | BPF_W | BPF_LEN, 0), S(BPF_RET | BPF_A, 0)), 64);
	assert_int_equal(RUN(S(BPF_LD | BPF_IMM, 7), S(BPF_ALU | BPF_SUB | BPF_K, 9), S(BPF_RET | BPF_A, 0)), (u32)-2);
	assert_int_equal(RUN(S(BPF_LD | BPF_IMM, 100), S(BPF_LDX | BPF_IMM, 7), S(BPF_ALU | BPF_DIV | BPF_X, 0), S(BPF_RET | BPF_A, 0)), 14);
	assert_int_equal(RUN(S(BPF_LD | BPF_IMM, 100), S(BPF_ALU | BPF_DIV | BPF_X, 0), S(BPF_RET | BPF_K, 5)), 0);
	assert_int_equal(RUN(S(BPF_LD | BPF_IMM, 1), S(BPF_LDX | BPF_IMM, 33), S(BPF_ALU | BPF_LSH | BPF_X, 0), S(BPF_RET | BPF_A, 0)), 2);
	assert_int_equal(RUN(S(BPF_LD | BPF_IMM, 5), S(BPF_ALU | BPF_NEG, 0), S(BPF_MISC | BPF_TAX, 0), S(BPF_LD | BPF_IMM, 0), S(BPF_MISC | BPF_TXA, 0),
						 S(BPF_RET | BPF_A, 0)),
		(u32)-5);
	assert_int_equal(RUN(S(BPF_LDX | BPF_IMM, 4), S(BPF_STX, 15), S(BPF_LD | BPF_MEM, 15), S(BPF_RET | BPF_A, 0)), 4);
}

/* All comparisons are unsigned; the two branches count from the next instruction. */
static void comparisons(void **state)
{
	assert_int_equal(RUN(S(BPF_LD | BPF_IMM, ~0u), J(BPF_JMP | BPF_JGT | BPF_K, 1, 1, 0), S(BPF_RET | BPF_K, 0), S(BPF_RET | BPF_K, 1)), 1);
	assert_int_equal(RUN(S(BPF_LD | BPF_IMM, 6), J(BPF_JMP | BPF_JSET | BPF_K, 9, 1, 0), S(BPF_RET | BPF_K, 0), S(BPF_RET | BPF_K, 1)), 0);
	assert_int_equal(
		RUN(S(BPF_LD | BPF_IMM, 6), S(BPF_LDX | BPF_IMM, 6), J(BPF_JMP | BPF_JGE | BPF_X, 0, 1, 0), S(BPF_RET | BPF_K, 0), S(BPF_RET | BPF_K, 1)), 1);
	assert_int_equal(RUN(S(BPF_JMP | BPF_JA, 1), S(BPF_RET | BPF_K, 0), S(BPF_RET | BPF_K, 1)), 1);
}

static void what_is_always_allowed(void **state)
{
	const struct sock_filter p[] = {
		S(BPF_LD | BPF_W | BPF_ABS, 4),
		J(BPF_JMP | BPF_JEQ | BPF_K, 0xc000003e, 1, 0),
		S(BPF_RET | BPF_K, SECCOMP_RET_KILL),
		S(BPF_LD | BPF_W | BPF_ABS, 0),
		J(BPF_JMP | BPF_JEQ | BPF_K, 39, 1, 0),
		J(BPF_JMP | BPF_JEQ | BPF_K, 40, 1, 4),
		S(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		S(BPF_LD | BPF_W | BPF_ABS, 16),
		J(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1),
		S(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		S(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
	};
	bpf_words_t words[sizeof(p) / sizeof(p[0])];
	assert_true(bpf_check(p, sizeof(p) / sizeof(p[0]), words));
	assert_true(bpf_always_allows(p, 39, 0xc000003e));
	assert_false(bpf_always_allows(p, 39, 0x40000003));
	assert_false(bpf_always_allows(p, 40, 0xc000003e)); /* asks for an argument */
	assert_false(bpf_always_allows(p, 41, 0xc000003e));
}

static void linux_measure(void **state)
{
	const struct sock_filter p[] = { J(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1), J(BPF_JMP | BPF_JEQ | BPF_K, ~0u, 1, 2),
		J(BPF_JMP | BPF_JSET | BPF_K, 1, 0, 1), S(BPF_RET | BPF_K, 0), S(BPF_RET | BPF_A, 0) };
	assert_int_equal(bpf_translated_len(p, 5), 3 + 1 + 3 + 2 + 2 + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_and_bad_codes),
		cmocka_unit_test(jumps_stay_inside),
		cmocka_unit_test(scratch_is_written_before_it_is_read),
		cmocka_unit_test(arithmetic),
		cmocka_unit_test(comparisons),
		cmocka_unit_test(what_is_always_allowed),
		cmocka_unit_test(linux_measure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
