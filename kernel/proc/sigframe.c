/*
 * The frame that a handler runs on, byte for byte Linux's (struct rt_sigframe), and the way back: rt_sigreturn(2), sigaltstack(2).
 * Everything read back comes from user space and may be anything: the worst it can do is a SIGSEGV.
 */
#include <asm/sigcontext.h>

#include "arch/x86_64/user_access.h"
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
#define SW ((struct _fpx_sw_bytes *)(fp + FX_SW_OFFSET))

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

/* Copies the live FPU state to the frame, with the words by which user space finds its way in it. 0 or -EFAULT. */
static int save_fpu(uaddr_t fp)
{
	u32 size = (u32)arch_fpu_size();
	u64 features = arch_fpu_features();
	if (arch_fpu_save_user(fp))
		return -EFAULT;
	user_access_begin();
	if (have_xsave()) {
		user_store(FP_XSTATE_MAGIC1, &SW->magic1, fault);
		user_store(size + FP_XSTATE_MAGIC2_SIZE, &SW->extended_size, fault);
		user_store(features, &SW->xfeatures, fault);
		user_store(size, &SW->xstate_size, fault);
		user_store(FP_XSTATE_MAGIC2, fp + size, fault);
	} else {
		user_store(0U, &SW->magic1, fault);
	}
	user_access_end();
	return 0;
fault:
	user_access_end();
	return -EFAULT;
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

/* => user_access_begin(), at's range checked. What programs do not read (padding) stays as the stack had it. 0 or -EFAULT */
static inline int put_context(struct sigcontext_64 *c, const struct regs *r, uaddr_t fp, u64 mask)
{
	const struct arch_thread *a = &current->arch;
	user_store(r->r8, &c->r8, fault);
	user_store(r->r9, &c->r9, fault);
	user_store(r->r10, &c->r10, fault);
	user_store(r->r11, &c->r11, fault);
	user_store(r->r12, &c->r12, fault);
	user_store(r->r13, &c->r13, fault);
	user_store(r->r14, &c->r14, fault);
	user_store(r->r15, &c->r15, fault);
	user_store(r->di, &c->di, fault);
	user_store(r->si, &c->si, fault);
	user_store(r->bp, &c->bp, fault);
	user_store(r->bx, &c->bx, fault);
	user_store(r->dx, &c->dx, fault);
	user_store(r->ax, &c->ax, fault);
	user_store(r->cx, &c->cx, fault);
	user_store(r->sp, &c->sp, fault);
	user_store(r->ip, &c->ip, fault);
	user_store(r->flags, &c->flags, fault);
	/* cs, gs, fs, ss, 16 bits each */
	user_store((u64)(u16)r->cs | r->ss << 48, (u64 *)(void *)&c->cs, fault);
	user_store(a->error_code, &c->err, fault);
	user_store(a->trap_nr, &c->trapno, fault);
	user_store(mask, &c->oldmask, fault);
	user_store(a->fault_addr, &c->cr2, fault);
	user_store(fp, &c->fpstate, fault);
	return 0;
fault:
	return -EFAULT;
}

/* The frame but for the siginfo. 0 or -EFAULT. */
static int put_frame(struct rt_sigframe *f, const struct ksignal *k, const struct regs *regs, uaddr_t fp)
{
	const struct task *t = current;
	u64 mask = k->outside;
	user_access_begin();
	user_store(k->action.restorer, &f->restorer, fault);
	user_store(UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS | (have_xsave() ? UC_XSTATE : 0), &f->uc.flags, fault);
	user_store(0UL, &f->uc.link, fault);
	user_store(t->altstack_sp, &f->uc.stack.sp, fault);
	user_store(t->altstack_flags, &f->uc.stack.flags, fault);
	user_store(t->altstack_size, &f->uc.stack.size, fault);
	user_store(mask, &f->uc.mask, fault);
	if (put_context(&f->uc.mc, regs, fp, mask))
		goto fault;
	user_access_end();
	return 0;
fault:
	user_access_end();
	return -EFAULT;
}

int setup_rt_frame(const struct ksignal *k, struct regs *regs)
{
	uaddr_t at, fp;
	/* The C library supplies the return path; there is no page of ours to return to. */
	if (!(k->action.flags & SA_RESTORER) || place_frame(k, regs, &at, &fp) || !user_range_ok(at, fp + fpu_frame_size() - at))
		return -EFAULT;
	if (save_fpu(fp) || put_frame((struct rt_sigframe *)at, k, regs, fp))
		return -EFAULT;
	if ((k->action.flags & SA_SIGINFO) && copy_siginfo_to_user(at + offsetof(struct rt_sigframe, info), &k->info))
		return -EFAULT;
	regs->di = (u64)k->sig;
	regs->si = at + offsetof(struct rt_sigframe, info);
	regs->dx = at + offsetof(struct rt_sigframe, uc);
	regs->ax = 0;
	regs->ip = k->action.handler;
	regs->sp = at;
	regs->cs = USER_CS;
	regs->ss = USER_DS;
	arch_fpu_reset();
	return 0;
}

/* --- back --------------------------------------------------------------------------------------------------------------------------------- */

/* What of an XSAVE image the frame holds: *features of the whole one, or only the 512 bytes of FXSAVE when the magic words are missing. 0 or -EFAULT. */
static int fpu_frame_extent(uaddr_t fp, u64 *features, bool *only_fx)
{
	u32 magic1, extended, size, magic2;
	*features = 3;
	*only_fx = true;
	if (!have_xsave())
		return 0;
	user_access_begin();
	user_load(magic1, &SW->magic1, fault);
	user_load(extended, &SW->extended_size, fault);
	user_load(size, &SW->xstate_size, fault);
	if (magic1 == FP_XSTATE_MAGIC1 && size >= FX_SIZE + XSAVE_HEADER_SIZE && size <= arch_fpu_size() && size <= extended) {
		user_load(magic2, (u32 *)(fp + size), fault);
		*only_fx = magic2 != FP_XSTATE_MAGIC2;
	}
	if (!*only_fx)
		user_load(*features, &SW->xfeatures, fault);
	user_access_end();
	return 0;
fault:
	user_access_end();
	return -EFAULT;
}

static int restore_fpu(uaddr_t fp)
{
	u64 features;
	bool only_fx;
	if (!fp) {
		arch_fpu_reset();
		return 0;
	}
	if (user_range_ok(fp, fpu_frame_size()) && !fpu_frame_extent(fp, &features, &only_fx) && !arch_fpu_restore_user(fp, features, only_fx))
		return 0;
	arch_fpu_reset();
	return -EFAULT;
}

/* What sys_rt_sigreturn() reads beside the registers. */
struct restored {
	struct user_stack stack;
	u64 flags, mask, fpstate;
};

/* Loads the registers from a frame, and the rest into *o. 0, or -EFAULT with nothing loaded (or in part: somebody unmapped the frame just now). */
static int get_context(const struct rt_ucontext *uc, struct regs *r, struct restored *o)
{
	const struct sigcontext_64 *c = &uc->mc;
	u64 flags, selectors;
	user_access_begin();
	/* Its ends first: no register is lost when a page is missing. */
	user_load(o->mask, &uc->mask, fault);
	user_load(o->flags, &uc->flags, fault);
	user_load(o->stack.sp, &uc->stack.sp, fault);
	user_load(o->stack.flags, &uc->stack.flags, fault);
	user_load(o->stack.size, &uc->stack.size, fault);
	user_load(o->fpstate, &c->fpstate, fault);
	user_load(flags, &c->flags, fault);
	user_load(selectors, (const u64 *)(const void *)&c->cs, fault);
	user_load(r->r8, &c->r8, fault);
	user_load(r->r9, &c->r9, fault);
	user_load(r->r10, &c->r10, fault);
	user_load(r->r11, &c->r11, fault);
	user_load(r->r12, &c->r12, fault);
	user_load(r->r13, &c->r13, fault);
	user_load(r->r14, &c->r14, fault);
	user_load(r->r15, &c->r15, fault);
	user_load(r->di, &c->di, fault);
	user_load(r->si, &c->si, fault);
	user_load(r->bp, &c->bp, fault);
	user_load(r->bx, &c->bx, fault);
	user_load(r->dx, &c->dx, fault);
	user_load(r->ax, &c->ax, fault);
	user_load(r->cx, &c->cx, fault);
	user_load(r->sp, &c->sp, fault);
	user_load(r->ip, &c->ip, fault);
	user_access_end();
	r->flags = (r->flags & ~FLAGS_USER) | (flags & FLAGS_USER);
	r->cs = (u16)selectors | 3;
	r->ss = selectors >> 48 | 3;
	return 0;
fault:
	user_access_end();
	return -EFAULT;
}

/* Selectors other than the two code segments and the one data segment would make IRET fault; addresses outside user space would, too. */
static bool regs_sane(const struct regs *r)
{
	return (r->cs == USER_CS || r->cs == USER32_CS) && r->ss == USER_DS && r->ip < TASK_SIZE_MAX;
}

long sys_rt_sigreturn(void)
{
	struct regs *regs = current_regs();
	uaddr_t uc = regs->sp;
	struct restored o;
	struct task *t = current;
	t->restart.fn = NULL;
	atomic_or(&t->flags, TIF_NEW_REGS);
	/* No restart processing, whatever ax looks like. */
	regs->orig_ax = ~0UL;
	if (!user_range_ok(uc, sizeof(struct rt_ucontext)) || get_context((const struct rt_ucontext *)uc, regs, &o)) {
		force_signal(SIGSEGV, SI_KERNEL, 0);
		return 0;
	}
	set_current_blocked(o.mask);
	/* A stack that is refused is forgotten silently, as always. */
	if (unlikely(o.stack.sp != t->altstack_sp || o.stack.size != t->altstack_size || o.stack.flags != t->altstack_flags))
		altstack_set(&o.stack, uc);
	if (!(o.flags & UC_STRICT_RESTORE_SS) && regs->cs == USER_CS)
		regs->ss = USER_DS;
	if (restore_fpu(o.fpstate)) {
		force_signal(SIGSEGV, SI_KERNEL, 0);
	} else if (!regs_sane(regs)) {
		regs->cs = USER_CS;
		regs->ss = USER_DS;
		force_signal(SIGSEGV, SI_KERNEL, 0);
	}
	return (long)regs->ax;
}
