/*
 * Classic BPF over struct seccomp_data. Entry points: bpf_check(), bpf_run(), bpf_always_allows(). Pure: seccomp_bpf_test.c runs it on the host.
 *
 * The machine: an accumulator A, an index X, 16 scratch words, 32 bits each; jumps go forward only, so a program of n instructions ends after n steps.
 * The rules are those of Linux's bpf_check_classic() and seccomp_check_filter(): loads from the data are 32-bit, aligned and absolute; there is no MOD.
 */
#include "proc/seccomp_bpf.h"

#define DATA_SIZE ((u32)sizeof(struct seccomp_data))

/* --- checking ---------------------------------------------------------------------------------------------------------------------------- */

/* Is this a code that seccomp knows, with a constant that it takes? */
static bool good_instruction(const struct sock_filter *i)
{
	switch (i->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		return i->k < DATA_SIZE && !(i->k & 3);
	case BPF_ALU | BPF_DIV | BPF_K:
		return i->k != 0;
	case BPF_ALU | BPF_LSH | BPF_K:
	case BPF_ALU | BPF_RSH | BPF_K:
		return i->k < 32;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
		return i->k < BPF_MEMWORDS;
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_W | BPF_LEN:
	case BPF_LD | BPF_IMM:
	case BPF_LDX | BPF_IMM:
	case BPF_MISC | BPF_TAX:
	case BPF_MISC | BPF_TXA:
	case BPF_RET | BPF_K:
	case BPF_RET | BPF_A:
	case BPF_ALU | BPF_NEG:
	case BPF_ALU | BPF_ADD | BPF_K:
	case BPF_ALU | BPF_ADD | BPF_X:
	case BPF_ALU | BPF_SUB | BPF_K:
	case BPF_ALU | BPF_SUB | BPF_X:
	case BPF_ALU | BPF_MUL | BPF_K:
	case BPF_ALU | BPF_MUL | BPF_X:
	case BPF_ALU | BPF_DIV | BPF_X:
	case BPF_ALU | BPF_AND | BPF_K:
	case BPF_ALU | BPF_AND | BPF_X:
	case BPF_ALU | BPF_OR | BPF_K:
	case BPF_ALU | BPF_OR | BPF_X:
	case BPF_ALU | BPF_XOR | BPF_K:
	case BPF_ALU | BPF_XOR | BPF_X:
	case BPF_ALU | BPF_LSH | BPF_X:
	case BPF_ALU | BPF_RSH | BPF_X:
	case BPF_JMP | BPF_JA:
	case BPF_JMP | BPF_JEQ | BPF_K:
	case BPF_JMP | BPF_JEQ | BPF_X:
	case BPF_JMP | BPF_JGT | BPF_K:
	case BPF_JMP | BPF_JGT | BPF_X:
	case BPF_JMP | BPF_JGE | BPF_K:
	case BPF_JMP | BPF_JGE | BPF_X:
	case BPF_JMP | BPF_JSET | BPF_K:
	case BPF_JMP | BPF_JSET | BPF_X:
		return true;
	default:
		return false;
	}
}

/* Does the jump at pc (if it is one) stay inside n instructions? */
static bool good_jump(const struct sock_filter *i, u32 pc, u32 n)
{
	if (BPF_CLASS(i->code) != BPF_JMP)
		return true;
	if (i->code == (BPF_JMP | BPF_JA))
		return i->k < n - pc - 1;
	return pc + i->jt + 1 < n && pc + i->jf + 1 < n;
}

/* Jumps go forward, so one pass knows which scratch words are written on every way to an instruction: words[pc]. */
static bool words_written_first(const struct sock_filter *prog, u32 n, bpf_words_t *words)
{
	u32 valid = 0;
	for (u32 pc = 0; pc < n; pc++)
		words[pc] = 0xffff;
	for (u32 pc = 0; pc < n; pc++) {
		const struct sock_filter *i = &prog[pc];
		valid &= words[pc];
		switch (i->code) {
		case BPF_ST:
		case BPF_STX:
			valid |= 1u << i->k;
			break;
		case BPF_LD | BPF_MEM:
		case BPF_LDX | BPF_MEM:
			if (!(valid >> i->k & 1))
				return false;
			break;
		case BPF_JMP | BPF_JA:
			words[pc + 1 + i->k] &= valid;
			valid = ~0u;
			break;
		default:
			if (BPF_CLASS(i->code) == BPF_JMP) {
				words[pc + 1 + i->jt] &= valid;
				words[pc + 1 + i->jf] &= valid;
				valid = ~0u;
			}
		}
	}
	return true;
}

bool bpf_check(const struct sock_filter *prog, u32 n, bpf_words_t *scratch)
{
	for (u32 pc = 0; pc < n; pc++)
		if (!good_instruction(&prog[pc]) || !good_jump(&prog[pc], pc, n))
			return false;
	return BPF_CLASS(prog[n - 1].code) == BPF_RET && words_written_first(prog, n, scratch);
}

/* --- Linux's measure -------------------------------------------------------------------------------------------------------------------- */

/* Three instructions begin each program; a return loads its constant first; a divisor is tested; a jump that falls through on neither side is two, and a
 * comparison with a constant that looks negative goes by way of a register. */
u32 bpf_translated_len(const struct sock_filter *prog, u32 n)
{
	u32 len = 3;
	for (const struct sock_filter *i = prog; i < prog + n; i++) {
		len++;
		if (i->code == (BPF_RET | BPF_K))
			len++;
		else if (i->code == (BPF_ALU | BPF_DIV | BPF_X))
			len += 4;
		else if (BPF_CLASS(i->code) == BPF_JMP && BPF_OP(i->code) != BPF_JA)
			len += (BPF_SRC(i->code) == BPF_K && (s32)i->k < 0) + (i->jf && (i->jt || BPF_OP(i->code) == BPF_JSET));
	}
	return len;
}

/* --- running ----------------------------------------------------------------------------------------------------------------------------- */

/* A division by zero ends the program with 0: false. */
static bool alu(u16 op, u32 *a, u32 v)
{
	switch (op) {
	case BPF_ADD:
		*a += v;
		break;
	case BPF_SUB:
		*a -= v;
		break;
	case BPF_MUL:
		*a *= v;
		break;
	case BPF_DIV:
		if (!v)
			return false;
		*a /= v;
		break;
	case BPF_AND:
		*a &= v;
		break;
	case BPF_OR:
		*a |= v;
		break;
	case BPF_XOR:
		*a ^= v;
		break;
	case BPF_LSH:
		*a <<= v & 31;
		break;
	case BPF_RSH:
		*a >>= v & 31;
		break;
	case BPF_NEG:
		*a = 0 - *a;
		break;
	}
	return true;
}

static bool jump_taken(u16 op, u32 a, u32 v)
{
	switch (op) {
	case BPF_JEQ:
		return a == v;
	case BPF_JGT:
		return a > v;
	case BPF_JGE:
		return a >= v;
	default:
		return a & v; /* JSET */
	}
}

u32 bpf_run(const struct sock_filter *prog, const struct seccomp_data *sd)
{
	u32 a = 0, x = 0, mem[BPF_MEMWORDS];
	for (const struct sock_filter *i = prog;; i++) {
		u32 v = i->code & BPF_X ? x : i->k;
		switch (BPF_CLASS(i->code)) {
		case BPF_LD:
			a = BPF_MODE(i->code) == BPF_ABS   ? ((const u32 *)sd)[i->k / 4]
				: BPF_MODE(i->code) == BPF_LEN ? DATA_SIZE
				: BPF_MODE(i->code) == BPF_MEM ? mem[i->k]
											   : i->k;
			break;
		case BPF_LDX:
			x = BPF_MODE(i->code) == BPF_LEN ? DATA_SIZE : BPF_MODE(i->code) == BPF_MEM ? mem[i->k] : i->k;
			break;
		case BPF_ST:
			mem[i->k] = a;
			break;
		case BPF_STX:
			mem[i->k] = x;
			break;
		case BPF_ALU:
			if (!alu(BPF_OP(i->code), &a, v))
				return 0;
			break;
		case BPF_JMP:
			i += BPF_OP(i->code) == BPF_JA ? i->k : jump_taken(BPF_OP(i->code), a, v) ? i->jt : i->jf;
			break;
		case BPF_RET:
			return BPF_RVAL(i->code) == BPF_A ? a : i->k;
		case BPF_MISC:
			if (BPF_MISCOP(i->code) == BPF_TAX)
				x = a;
			else
				a = x;
			break;
		}
	}
}

bool bpf_always_allows(const struct sock_filter *prog, u32 nr, u32 arch)
{
	u32 a = 0;
	/* Only what compilers of filters write before their answer: loads of the number and the architecture, compares, jumps, masks. */
	for (const struct sock_filter *i = prog;; i++) {
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (i->k != offsetof(struct seccomp_data, nr) && i->k != offsetof(struct seccomp_data, arch))
				return false;
			a = i->k == offsetof(struct seccomp_data, nr) ? nr : arch;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			break;
		case BPF_JMP | BPF_JA:
			i += i->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JGT | BPF_K:
		case BPF_JMP | BPF_JGE | BPF_K:
		case BPF_JMP | BPF_JSET | BPF_K:
			i += jump_taken(BPF_OP(i->code), a, i->k) ? i->jt : i->jf;
			break;
		case BPF_RET | BPF_K:
			return i->k == SECCOMP_RET_ALLOW;
		default:
			return false;
		}
	}
}
