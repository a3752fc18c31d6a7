/*
 * The frame that a handler runs on, byte for byte Linux's (exit-wait.md 9.6), and the way back: rt_sigreturn(2), sigaltstack(2).
 * Everything read back comes from user space and may be anything: the worst it can do is a SIGSEGV.
 */
#include <asm/sigcontext.h>

#include "gen/sys_protos.h"
#include "lib/string.h"
#include "mm/uaccess.h"
#include "proc/signal.h"

#define UC_XSTATE 1UL
#define UC_SIGCONTEXT_SS 2UL
#define UC_STRICT_RESTORE_SS 4UL
#define ALT_ONSTACK 1u
#define ALT_DISABLE 2u
#define ALT_AUTODISARM (1u << 31)
#define ALT_MIN_SIZE 2048
#define RED_ZONE 128
/* AC OF DF TF SF ZF AF PF CF RF: what a handler may change. */
#define FLAGS_USER 0x50dd5UL
#define FX_SIZE 512u
#define FX_SW_OFFSET 464
#define XSAVE_HEADER_SIZE 64u

struct user_stack { u64 sp; u32 flags, pad; u64 size; };
struct rt_ucontext {
	u64 flags, link;
	struct user_stack stack;
	struct sigcontext_64 mc;
	u64 mask;
};
struct rt_sigframe {
	u64 restorer;
	struct rt_ucontext uc;
	u8 info[128];
};
_Static_assert(sizeof(struct sigcontext_64) == 256, "sigcontext");
_Static_assert(offsetof(struct rt_sigframe, uc) == 8 && offsetof(struct rt_sigframe, info) == 312 && sizeof(struct rt_sigframe) == 440, "rt_sigframe");
_Static_assert(sizeof(struct _fpx_sw_bytes) == 48, "sw_bytes");

static bool have_xsave(void) { return arch_fpu_size() > FX_SIZE; }
/* Bytes of FPU state in a frame, with the closing magic word. */
static size_t fpu_frame_size(void) { return arch_fpu_size() + (have_xsave() ? FP_XSTATE_MAGIC2_SIZE : 0); }

/* Linux's sum: the 32-bit frame's context (736), room for its x87 registers (112), alignment of both parts. Programs compare it with what they know. */
u64 sigframe_max_size(void) { return ALIGN_UP(736UL + fpu_frame_size() + 112 + 63 + 15, 16UL); }

/* --- the alternate stack ------------------------------------------------------------------------------------------------------------------ */

static bool within_altstack(const struct task *t, u64 sp) { return sp > t->altstack_sp && sp - t->altstack_sp <= t->altstack_size; }
/* With AUTODISARM the stack is free again as soon as a handler runs on it. */
static bool on_altstack(const struct task *t, u64 sp) { return !(t->altstack_flags & ALT_AUTODISARM) && within_altstack(t, sp); }

static u32 altstack_state(const struct task *t, u64 sp)
{
	if (!t->altstack_size)
		return ALT_DISABLE;
	return on_altstack(t, sp) ? ALT_ONSTACK : 0;
}

void altstack_reset(struct task *t)
{
	t->altstack_sp = t->altstack_size = 0;
	t->altstack_flags = ALT_DISABLE;
}

static int altstack_set(const struct user_stack *s, u64 sp)
{
	struct task *t = current;
	u32 mode = s->flags & ~ALT_AUTODISARM;
	if (on_altstack(t, sp))
		return -EPERM;
	if (mode != ALT_DISABLE && mode != ALT_ONSTACK && mode != 0)
		return -EINVAL;
	if (mode == ALT_DISABLE) {
		t->altstack_sp = t->altstack_size = 0;
	} else {
		if (s->size < ALT_MIN_SIZE)
			return -ENOMEM;
		t->altstack_sp = s->sp;
		t->altstack_size = s->size;
	}
	t->altstack_flags = s->flags;
	return 0;
}

long sys_sigaltstack(u64 uss, u64 uoss)
{
	struct task *t = current;
	u64 sp = current_regs()->sp;
	struct user_stack new, old = {
		.sp = t->altstack_sp,
		.flags = altstack_state(t, sp) | (t->altstack_flags & ALT_AUTODISARM),
		.size = t->altstack_size,
	};
	if (uss) {
		if (copy_from_user(&new, uss, sizeof(new)))
			return -EFAULT;
		int err = altstack_set(&new, sp);
		if (err)
			return err;
	}
	return uoss ? copy_to_user(uoss, &old, sizeof(old)) : 0;
}

/* --- out ---------------------------------------------------------------------------------------------------------------------------------- */

/* Initial FPU state in the registers. With XSAVE an empty header does it: what the area holds behind it does not matter. */
static void fpu_reset(void)
{
	u8 *f = (u8 *)current->arch.fpu;
	u32 mxcsr = 0x1f80;
	if (have_xsave()) {
		u64 *header = (u64 *)(void *)(f + FX_SIZE);
		for (u32 i = 0; i < XSAVE_HEADER_SIZE / 8; i++)
			header[i] = 0;
		memcpy(f + 24, &mxcsr, sizeof(mxcsr));
	} else {
		arch_fpu_init(current->arch.fpu);
	}
	arch_fpu_restore();
}

/* Copies the live FPU state to the frame, with the words by which user space finds its way in it. 0 or -EFAULT. */
static int save_fpu(uaddr_t at)
{
	u8 *f = (u8 *)current->arch.fpu;
	u32 size = (u32)arch_fpu_size(), magic2 = FP_XSTATE_MAGIC2;
	arch_fpu_save();
	/* The CPU never touches these bytes of the area, so a switch while the copy sleeps leaves them alone. */
	struct _fpx_sw_bytes *sw = (struct _fpx_sw_bytes *)(f + FX_SW_OFFSET);
	*sw = (struct _fpx_sw_bytes){ 0 };
	if (have_xsave()) {
		*sw = (struct _fpx_sw_bytes){
			.magic1 = FP_XSTATE_MAGIC1, .extended_size = size + FP_XSTATE_MAGIC2_SIZE, .xfeatures = arch_fpu_features(), .xstate_size = size,
		};
		/* x87 and SSE are always valid in the frame: programs edit them there without looking at the bits. */
		f[FX_SIZE] |= 3;
	}
	if (copy_to_user(at, f, size))
		return -EFAULT;
	return have_xsave() ? put_user(magic2, at + size) : 0;
}

/* Chooses the place. *fp: of the FPU area, below which the frame lies. 0 or -EFAULT (the alternate stack would overflow). */
static int place_frame(const struct ksignal *k, const struct regs *regs, uaddr_t *frame, uaddr_t *fp)
{
	struct task *t = current;
	u64 sp = regs->sp;
	bool nested = on_altstack(t, sp), entering = false;
	sp -= RED_ZONE;
	if ((k->action.flags & SA_ONSTACK) && altstack_state(t, sp) == 0) {
		sp = t->altstack_sp + t->altstack_size;
		entering = true;
	}
	*fp = ALIGN_DOWN(sp - fpu_frame_size(), 64);
	*frame = ALIGN_DOWN(*fp - sizeof(struct rt_sigframe), 16) - 8;
	return (nested || entering) && !within_altstack(t, *frame) ? -EFAULT : 0;
}

static void fill_context(struct sigcontext_64 *c, const struct regs *r, uaddr_t fp, u64 mask)
{
	const struct arch_thread *a = &current->arch;
	*c = (struct sigcontext_64){
		.r8 = r->r8, .r9 = r->r9, .r10 = r->r10, .r11 = r->r11, .r12 = r->r12, .r13 = r->r13, .r14 = r->r14, .r15 = r->r15,
		.di = r->di, .si = r->si, .bp = r->bp, .bx = r->bx, .dx = r->dx, .ax = r->ax, .cx = r->cx, .sp = r->sp,
		.ip = r->ip, .flags = r->flags, .cs = (u16)r->cs, .ss = (u16)r->ss,
		.err = a->error_code, .trapno = a->trap_nr, .oldmask = mask, .cr2 = a->fault_addr, .fpstate = fp,
	};
}

int setup_rt_frame(const struct ksignal *k, struct regs *regs)
{
	struct task *t = current;
	struct rt_sigframe f;
	uaddr_t at, fp;
	/* The C library supplies the return path; there is no page of ours to return to. */
	if (!(k->action.flags & SA_RESTORER) || place_frame(k, regs, &at, &fp) || save_fpu(fp))
		return -EFAULT;
	u64 mask = sigmask_to_save();
	f.restorer = k->action.restorer;
	f.uc.flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS | (have_xsave() ? UC_XSTATE : 0);
	f.uc.link = 0;
	f.uc.stack = (struct user_stack){ .sp = t->altstack_sp, .flags = t->altstack_flags, .size = t->altstack_size };
	f.uc.mask = mask;
	fill_context(&f.uc.mc, regs, fp, mask);
	size_t n = offsetof(struct rt_sigframe, info);
	if (k->action.flags & SA_SIGINFO) {
		siginfo_to_bytes(&k->info, f.info);
		n = sizeof(f);
	}
	if (copy_to_user(at, &f, n))
		return -EFAULT;
	regs->di = (u64)k->sig;
	regs->si = at + offsetof(struct rt_sigframe, info);
	regs->dx = at + offsetof(struct rt_sigframe, uc);
	regs->ax = 0;
	regs->ip = k->action.handler;
	regs->sp = at;
	regs->cs = USER_CS;
	regs->ss = USER_DS;
	fpu_reset();
	return 0;
}

/* --- back --------------------------------------------------------------------------------------------------------------------------------- */

/* One attempt to fill the thread's own area without sleeping: a switch would overwrite it with the live registers. */
static bool read_fpu_once(uaddr_t at, u32 size)
{
	struct task *t = current;
	t->uaccess_disabled++;
	int err = copy_from_user(t->arch.fpu, at, size);
	t->uaccess_disabled--;
	return !err;
}

/* How much of an XSAVE image the frame holds: the whole one, or the 512 bytes of FXSAVE when the magic words are missing. 0 or -EFAULT. */
static int fpu_frame_extent(uaddr_t at, u32 *size, u64 *features)
{
	struct _fpx_sw_bytes sw;
	u32 full = (u32)arch_fpu_size(), magic2;
	*size = FX_SIZE;
	*features = 3;
	if (copy_from_user(&sw, at + FX_SW_OFFSET, sizeof(sw)))
		return -EFAULT;
	if (!have_xsave() || sw.magic1 != FP_XSTATE_MAGIC1 || sw.xstate_size < FX_SIZE + XSAVE_HEADER_SIZE || sw.xstate_size > full ||
	    sw.xstate_size > sw.extended_size)
		return 0;
	if (get_user(magic2, at + sw.xstate_size))
		return -EFAULT;
	if (magic2 == FP_XSTATE_MAGIC2) {
		*size = sw.xstate_size;
		*features = sw.xfeatures;
	}
	return 0;
}

static int read_fpu(uaddr_t at, u32 size)
{
	u8 byte;
	for (int tries = 0; tries < 8; tries++) {
		if (read_fpu_once(at, size))
			return 0;
		/* What came over must not be in the header when a switch stores the registers in front of it. */
		arch_fpu_sanitize(current->arch.fpu);
		/* Not present: fault it in, then again. */
		for (uaddr_t a = at; a < at + size; a = ALIGN_DOWN(a, PAGE_SIZE) + PAGE_SIZE)
			if (get_user(byte, a))
				return -EFAULT;
	}
	return -EFAULT;
}

static int restore_fpu(uaddr_t at)
{
	u8 *f = (u8 *)current->arch.fpu;
	u32 size;
	u64 features, bv = 3;
	if (!at) {
		fpu_reset();
		return 0;
	}
	if (fpu_frame_extent(at, &size, &features) || read_fpu(at, size)) {
		fpu_reset();
		return -EFAULT;
	}
	if (have_xsave()) {
		if (size > FX_SIZE)
			memcpy(&bv, f + FX_SIZE, sizeof(bv));
		bv &= features;
		/* The rest of the header is arch_fpu_sanitize()'s to clear. */
		memcpy(f + FX_SIZE, &bv, sizeof(bv));
	}
	if (!arch_fpu_sanitize(current->arch.fpu)) {
		fpu_reset();
		return -EFAULT;
	}
	arch_fpu_restore();
	return 0;
}

static void restore_regs(struct regs *r, const struct sigcontext_64 *c)
{
	r->r8 = c->r8, r->r9 = c->r9, r->r10 = c->r10, r->r11 = c->r11;
	r->r12 = c->r12, r->r13 = c->r13, r->r14 = c->r14, r->r15 = c->r15;
	r->di = c->di, r->si = c->si, r->bp = c->bp, r->bx = c->bx;
	r->dx = c->dx, r->ax = c->ax, r->cx = c->cx, r->sp = c->sp;
	r->ip = c->ip;
	r->flags = (r->flags & ~FLAGS_USER) | (c->flags & FLAGS_USER);
	r->cs = (u64)c->cs | 3;
	r->ss = (u64)c->ss | 3;
	/* No restart processing, whatever ax looks like. */
	r->orig_ax = ~0UL;
}

/* Selectors other than the two code segments and the one data segment would make IRET fault; addresses outside user space would, too. */
static bool regs_sane(const struct regs *r)
{
	return (r->cs == USER_CS || r->cs == USER32_CS) && r->ss == USER_DS && r->ip < TASK_SIZE_MAX;
}

long sys_rt_sigreturn(void)
{
	struct regs *regs = current_regs();
	struct rt_ucontext uc;
	current->restart.fn = NULL;
	atomic_or(&current->flags, TIF_NEW_REGS);
	regs->orig_ax = ~0UL;
	if (copy_from_user(&uc, regs->sp, sizeof(uc))) {
		force_signal(SIGSEGV, SI_KERNEL, 0);
		return 0;
	}
	set_current_blocked(uc.mask);
	/* A stack that is refused is forgotten silently, as always. */
	altstack_set(&uc.stack, regs->sp);
	restore_regs(regs, &uc.mc);
	if (!(uc.flags & UC_STRICT_RESTORE_SS) && regs->cs == USER_CS)
		regs->ss = USER_DS;
	if (restore_fpu(uc.mc.fpstate)) {
		force_signal(SIGSEGV, SI_KERNEL, 0);
	} else if (!regs_sane(regs)) {
		regs->cs = USER_CS;
		regs->ss = USER_DS;
		force_signal(SIGSEGV, SI_KERNEL, 0);
	}
	return (long)regs->ax;
}
