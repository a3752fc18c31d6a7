/*
 * A stopped tracee's registers: the user area (PEEKUSR), register sets, single step, debug registers. Interface: ptrace.h.
 *
 * What is written here goes straight to the hardware when the tracee runs on, so nothing is taken that could hurt the kernel: flags are limited to the
 * program's own, selectors to ring 3, bases and breakpoints to user addresses, the FPU image to known features. An instruction or stack pointer may be anything:
 * IRET refuses it, which arch_bad_iret() turns into the tracee's own SIGSEGV.
 */
#include <asm/prctl.h>
#include <asm/ptrace-abi.h>
#include <linux/elf.h>

#include "lib/string.h"
#include "mm/mm.h"
#include "mm/slab.h"
#include "proc/ptrace.h"

/* struct user_regs_struct: struct regs, then these. */
#define NR_REGS 27
enum { USER_REG_CS = 17, USER_REG_FLAGS = 18, USER_REG_SS = 20, USER_REG_FSBASE = 21, USER_REG_GSBASE = 22, USER_REG_DS = 23, USER_REG_GS = 26 };
#define REGS_SIZE (NR_REGS * 8UL)
_Static_assert(offsetof(struct regs, cs) == USER_REG_CS * 8 && offsetof(struct regs, flags) == USER_REG_FLAGS * 8 &&
		       offsetof(struct regs, ss) == USER_REG_SS * 8 && sizeof(struct regs) == USER_REG_FSBASE * 8,
	       "user_regs_struct begins as struct regs");
/* struct user, of which only the registers and these words exist. */
#define USER_AREA_SIZE 928
#define USER_DEBUGREG 848

#define FLAG_TF 0x100UL
/* CF PF AF ZF SF TF DF OF NT RF AC */
#define FLAGS_SETTABLE 0x54dd5UL

/* --- single step ------------------------------------------------------------------------------------------------------------------------- */

/* Is the next instruction POPF or IRET? Then the trap flag behind it is the program's own. */
static bool sets_trap_flag(struct task *t, const struct regs *r)
{
	u8 b[15];
	struct mm *mm = get_task_mm(t);
	size_t n = mm ? mm_access(mm, r->ip, b, sizeof(b), false, true) : 0;
	if (mm)
		mm_put_user(mm);
	for (size_t i = 0; i < n; i++) {
		switch (b[i]) {
		case 0x9d: case 0xcf: return true;
		case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65: case 0x66: case 0x67: case 0xf0: case 0xf2: case 0xf3: continue;
		default:
			if (b[i] >= 0x40 && b[i] <= 0x4f && r->cs == USER_CS)
				continue; /* REX */
			return false;
		}
	}
	return false;
}

/* Whole blocks may be stepped over only when the flag is the tracer's: a program that traps itself wants each instruction. */
static bool step_on(struct task *t)
{
	struct regs *r = arch_user_regs(&t->arch);
	bool had = r->flags & FLAG_TF;
	/* A program that traps itself and was stopped inside the trap has the flag in hardware only. */
	atomic_or(&t->flags, TIF_SINGLESTEP | TIF_SYSCALL_TRACE);
	r->flags |= FLAG_TF;
	if (sets_trap_flag(t, r))
		atomic_and(&t->flags, ~(u32)TIF_FORCED_TF);
	else if (!had)
		atomic_or(&t->flags, TIF_FORCED_TF);
	return READ_ONCE(t->flags) & TIF_FORCED_TF;
}

static void step_off(struct task *t)
{
	u32 flags = READ_ONCE(t->flags);
	if (flags & TIF_FORCED_TF)
		arch_user_regs(&t->arch)->flags &= ~FLAG_TF;
	if (flags & (TIF_SINGLESTEP | TIF_FORCED_TF))
		atomic_and(&t->flags, ~(u32)(TIF_SINGLESTEP | TIF_FORCED_TF | (t->trace_calls ? 0 : TIF_SYSCALL_TRACE)));
}

void ptrace_single_step(struct task *t, enum step_mode mode)
{
	bool block = false;
	if (mode == STEP_OFF)
		step_off(t);
	else
		block = step_on(t) && mode == STEP_BLOCK;
	arch_block_step(task_thread(t), block);
}

/* --- general registers ------------------------------------------------------------------------------------------------------------------- */

static u64 get_reg(struct task *t, u32 i)
{
	const struct regs *r = arch_user_regs(&t->arch);
	switch (i) {
	case USER_REG_FLAGS: return READ_ONCE(t->flags) & TIF_FORCED_TF ? r->flags & ~FLAG_TF : r->flags;
	case USER_REG_CS: return (u16)r->cs;
	case USER_REG_SS: return (u16)r->ss;
	case USER_REG_FSBASE: return t->arch.fsbase;
	case USER_REG_GSBASE: return t->arch.gsbase;
	default: return i < USER_REG_FSBASE ? ((const u64 *)r)[i] : 0;
	}
}

static void set_flags(struct task *t, struct regs *r, u64 v)
{
	/* A tracer that steps sees and sets the flags without its own trap flag. */
	if (v & FLAG_TF)
		atomic_and(&t->flags, ~(u32)TIF_FORCED_TF);
	else if (READ_ONCE(t->flags) & TIF_FORCED_TF)
		v |= FLAG_TF;
	r->flags = (r->flags & ~FLAGS_SETTABLE) | (v & FLAGS_SETTABLE);
}

/* 0 or -EIO. */
static int set_selector(struct task *t, u32 i, u64 value)
{
	struct regs *r = arch_user_regs(&t->arch);
	u16 v = (u16)value;
	if (v && (v & 3) != 3)
		return -EIO;
	/* DS to GS are null in every program here; the one data segment means the same. */
	if (i >= USER_REG_DS)
		return v && v != USER_DS ? -EIO : 0;
	if (!v)
		return -EIO;
	*(i == USER_REG_CS ? &r->cs : &r->ss) = v;
	return 0;
}

/* 0 or -EIO. */
static int set_reg(struct task *t, u32 i, u64 v)
{
	struct regs *r = arch_user_regs(&t->arch);
	switch (i) {
	case USER_REG_FLAGS: set_flags(t, r, v); return 0;
	case USER_REG_FSBASE:
	case USER_REG_GSBASE:
		if (v >= TASK_SIZE_MAX)
			return -EIO;
		*(i == USER_REG_FSBASE ? &t->arch.fsbase : &t->arch.gsbase) = v;
		return 0;
	default: break;
	}
	if (i == USER_REG_CS || i == USER_REG_SS || i >= USER_REG_DS)
		return set_selector(t, i, v);
	((u64 *)r)[i] = v;
	return 0;
}

/* --- debug registers --------------------------------------------------------------------------------------------------------------------- */

#define DR6_RESERVED 0xffff0ff0UL
#define DR7_RESERVED 0xffffffff0000fc00UL

/* Does breakpoint n of dr7 make sense at addr? 0 or -EINVAL. */
static int check_breakpoint(u64 dr7, u32 n, u64 addr)
{
	static const u8 lengths[4] = { 1, 2, 8, 4 };
	u32 type = dr7 >> (16 + n * 4) & 3, len = lengths[dr7 >> (18 + n * 4) & 3];
	if (type == 2 || (type == 0 && len != 1))
		return -EINVAL;
	if (addr & (len - 1))
		return -EINVAL;
	return addr >= TASK_SIZE_MAX || addr > TASK_SIZE_MAX - len ? -EINVAL : 0;
}

static bool is_enabled(u64 dr7, u32 n) { return dr7 >> (n * 2) & 3; }

static int set_debug(struct task *t, u32 n, u64 v)
{
	struct debug_regs *d = t->arch.debug;
	if (n == 4 || n == 5)
		return -EIO;
	if (n == 6) {
		t->arch.dr6 = v ^ DR6_RESERVED;
		return 0;
	}
	if (!d) {
		d = kzalloc(sizeof(*d));
		if (!d)
			return -ENOMEM;
		t->arch.debug = d;
	}
	if (n < 4) {
		/* One that is off need only be a user address. */
		int err = v >= TASK_SIZE_MAX ? -EINVAL : is_enabled(d->dr7, n) ? check_breakpoint(d->dr7, n, v) : 0;
		if (err)
			return err;
		d->addr[n] = v;
	} else {
		v &= ~DR7_RESERVED;
		for (u32 i = 0; i < 4; i++)
			if (is_enabled(v, i) && check_breakpoint(v, i, d->addr[i]))
				return -EINVAL;
		d->dr7 = v;
	}
	arch_debug_changed(task_thread(t));
	return 0;
}

static u64 get_debug(struct task *t, u32 n)
{
	const struct debug_regs *d = t->arch.debug;
	if (n == 6)
		return t->arch.dr6 ^ DR6_RESERVED;
	return !d ? 0 : n < 4 ? d->addr[n] : n == 7 ? d->dr7 : 0;
}

void ptrace_reset_debug(void)
{
	struct task *t = current;
	struct debug_regs *d = t->arch.debug;
	if (!d)
		return;
	t->arch.debug = NULL;
	arch_debug_changed(task_thread(t));
	kfree(d);
}

/* --- the user area ----------------------------------------------------------------------------------------------------------------------- */

int ptrace_peek_user(struct task *t, u64 off, u64 *out)
{
	if ((off & 7) || off >= USER_AREA_SIZE)
		return -EIO;
	*out = 0;
	if (off < REGS_SIZE)
		*out = get_reg(t, (u32)(off / 8));
	else if (off >= USER_DEBUGREG && off < USER_DEBUGREG + 8 * 8)
		*out = get_debug(t, (u32)(off - USER_DEBUGREG) / 8);
	return 0;
}

int ptrace_poke_user(struct task *t, u64 off, u64 v)
{
	if ((off & 7) || off >= USER_AREA_SIZE)
		return -EIO;
	if (off < REGS_SIZE)
		return set_reg(t, (u32)(off / 8), v);
	if (off >= USER_DEBUGREG && off < USER_DEBUGREG + 8 * 8)
		return set_debug(t, (u32)(off - USER_DEBUGREG) / 8, v);
	return -EIO;
}

long ptrace_arch_prctl(struct task *t, u64 addr, u64 code)
{
	switch (code) {
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		if (addr >= TASK_SIZE_MAX)
			return -EPERM;
		*(code == ARCH_SET_FS ? &t->arch.fsbase : &t->arch.gsbase) = addr;
		return 0;
	case ARCH_GET_FS: return put_user(t->arch.fsbase, addr);
	case ARCH_GET_GS: return put_user(t->arch.gsbase, addr);
	default: return -EINVAL;
	}
}

/* --- register sets ----------------------------------------------------------------------------------------------------------------------- */

#define FX_SIZE 512UL
#define FX_MXCSR 24
#define FX_SW_BYTES 464
#define XSAVE_BV 512
#define XSAVE_HEADER_SIZE 64

static size_t regset_size(u32 note)
{
	switch (note) {
	case NT_PRSTATUS: return REGS_SIZE;
	case NT_PRFPREG: return FX_SIZE;
	case NT_X86_XSTATE: return arch_fpu_size() > FX_SIZE ? arch_fpu_size() : 0;
	default: return 0;
	}
}

size_t ptrace_regset_copy(struct task *t, u32 note, void *buf, size_t size)
{
	size_t n = regset_size(note);
	if (!n || n > size)
		return 0;
	if (note == NT_PRSTATUS) {
		for (u32 i = 0; i < NR_REGS; i++)
			((u64 *)buf)[i] = get_reg(t, i);
		return n;
	}
	u64 features = arch_fpu_features();
	memcpy(buf, t->arch.fpu, n);
	memset((u8 *)buf + FX_SW_BYTES, 0, FX_SIZE - FX_SW_BYTES);
	if (note == NT_X86_XSTATE) {
		memcpy((u8 *)buf + FX_SW_BYTES, &features, sizeof(features));
		memset((u8 *)buf + XSAVE_BV + 8, 0, XSAVE_HEADER_SIZE - 8);
	}
	return n;
}

int ptrace_get_regset(struct task *t, u32 note, uaddr_t buf, u64 *len)
{
	size_t size = regset_size(note);
	/* Nobody has a bitmap of I/O ports here. */
	if (note == NT_386_IOPERM && !(*len & 7))
		return -ENXIO;
	if (!size || (*len & 7))
		return -EINVAL;
	u8 *image = kmalloc(size);
	if (!image)
		return -ENOMEM;
	ptrace_regset_copy(t, note, image, size);
	*len = min(*len, (u64)size);
	int err = copy_to_user(buf, image, *len);
	kfree(image);
	return err;
}

static int set_gprs(struct task *t, const u64 *v, u64 n)
{
	for (u32 i = 0; i < n; i++) {
		int err = set_reg(t, i, v[i]);
		if (err)
			return err;
	}
	return 0;
}

static bool mxcsr_ok(const u8 *fx)
{
	u32 mxcsr;
	memcpy(&mxcsr, fx + FX_MXCSR, sizeof(mxcsr));
	return !(mxcsr & ~arch_mxcsr_mask());
}

static int set_fpregs(struct task *t, const u8 *fx)
{
	u8 *area = (u8 *)t->arch.fpu;
	if (!mxcsr_ok(fx))
		return -EINVAL;
	memcpy(area, fx, FX_SW_BYTES);
	if (arch_fpu_size() > FX_SIZE)
		area[XSAVE_BV] |= 3; /* x87 and SSE hold something now */
	return 0;
}

static int set_xstate(struct task *t, const u8 *x, size_t size)
{
	u64 header[XSAVE_HEADER_SIZE / 8], rest = 0;
	memcpy(header, x + XSAVE_BV, sizeof(header));
	for (u32 i = 1; i < ARRAY_SIZE(header); i++)
		rest |= header[i];
	if ((header[0] & ~arch_fpu_features()) || rest || !mxcsr_ok(x))
		return -EINVAL;
	memcpy(t->arch.fpu, x, size);
	return 0;
}

int ptrace_set_regset(struct task *t, u32 note, uaddr_t buf, u64 *len)
{
	size_t size = regset_size(note);
	if (note == NT_386_IOPERM && !(*len & 7))
		return -EOPNOTSUPP;
	if (!size || (*len & 7))
		return -EINVAL;
	*len = min(*len, (u64)size);
	/* General registers may be set in part, the FPU's only as a whole. */
	if (note != NT_PRSTATUS && *len != size)
		return note == NT_X86_XSTATE ? -EFAULT : -EINVAL;
	u8 *image = kmalloc(size);
	if (!image)
		return -ENOMEM;
	int err = copy_from_user(image, buf, *len);
	if (!err)
		err = note == NT_PRSTATUS ? set_gprs(t, (const u64 *)(void *)image, *len / 8) : note == NT_PRFPREG ? set_fpregs(t, image) : set_xstate(t, image, size);
	kfree(image);
	return err;
}
