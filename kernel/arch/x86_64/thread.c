/*
 * Threads as the machine sees them: switching, newborns, exec's fresh registers, FS and GS base. Entry points: arch_switch() and the rest
 * of arch.h's first part.
 */
#include <asm/prctl.h>

#include "arch/x86_64/internal.h"
#include "lib/errno.h"

#define DR7_FIXED 0x400UL
#define DEBUGCTL_BTF 2UL

_Static_assert(sizeof(struct arch_thread) == THREAD_FLAGS_OFFSET && offsetof(struct arch_thread, ksp) == THREAD_KSP, "entry.S knows these");
_Static_assert(offsetof(struct regs, bp) == R_BP && offsetof(struct regs, r10) == R_R10 && offsetof(struct regs, r9) == R_R9 &&
		       offsetof(struct regs, r8) == R_R8 && offsetof(struct regs, dx) == R_DX && offsetof(struct regs, si) == R_SI &&
		       offsetof(struct regs, r11) == R_R11 && offsetof(struct regs, ax) == R_AX && offsetof(struct regs, cx) == R_CX &&
		       offsetof(struct regs, di) == R_DI && offsetof(struct regs, orig_ax) == R_ORIG_AX && offsetof(struct regs, ip) == R_IP &&
		       offsetof(struct regs, cs) == R_CS && offsetof(struct regs, flags) == R_FLAGS && offsetof(struct regs, sp) == R_SP &&
		       offsetof(struct regs, ss) == R_SS && sizeof(struct regs) == R_SIZE,
	       "entry.S knows these");

/* A base that ptrace wrote may be anything; loading a non-canonical one would fault in the kernel. */
static u64 canonical(u64 v) { return (u64)((s64)(v << 16) >> 16); }

/* The user's FS base lives in the register all the time, its GS base in KERNEL_GS_BASE while in kernel mode. => interrupts off for the GS ones */
static u64 read_fs_base(void)
{
	u64 v;
	if (!features.fsgsbase)
		return rdmsr(MSR_FS_BASE);
	__asm__ __volatile__("rdfsbase %0" : "=r"(v));
	return v;
}

static void write_fs_base(u64 v)
{
	v = canonical(v);
	if (features.fsgsbase)
		__asm__ __volatile__("wrfsbase %0" ::"r"(v));
	else
		wrmsr(MSR_FS_BASE, v);
}

static u64 read_user_gs_base(void)
{
	u64 v;
	if (!features.fsgsbase)
		return rdmsr(MSR_KERNEL_GS_BASE);
	__asm__ __volatile__("swapgs; rdgsbase %0; swapgs" : "=r"(v)::"memory");
	return v;
}

static void write_user_gs_base(u64 v)
{
	v = canonical(v);
	if (features.fsgsbase)
		__asm__ __volatile__("swapgs; wrgsbase %0; swapgs" ::"r"(v) : "memory");
	else
		wrmsr(MSR_KERNEL_GS_BASE, v);
}

/* --- traced threads ----------------------------------------------------------------------------------------------------------------------- */

static void load_debug_regs(const struct debug_regs *d)
{
	__asm__ __volatile__("movq %0, %%db0; movq %1, %%db1; movq %2, %%db2; movq %3, %%db3; movq %4, %%db7" ::"r"(d->addr[0]), "r"(d->addr[1]),
			     "r"(d->addr[2]), "r"(d->addr[3]), "r"(d->dr7 | DR7_FIXED));
}
static void clear_dr7(void) { __asm__ __volatile__("movq %0, %%db7" ::"r"(DR7_FIXED)); }

static void load_block_step(bool on)
{
	u64 v = rdmsr(MSR_DEBUGCTL) & ~DEBUGCTL_BTF;
	wrmsr(MSR_DEBUGCTL, on ? v | DEBUGCTL_BTF : v);
}

/* SYSCALL's target differs for traced threads, so that all others pay nothing. What it is now is the CPU's knowledge: a thread's wish may have changed while
 * it ran. => interrupts off */
static void load_syscall_entry(const struct arch_thread *n)
{
	struct cpu *c = this_cpu();
	bool traced = READ_ONCE(n->special) & SPECIAL_SYSCALL_TRACE;
	if (c->entry_traced == traced)
		return;
	c->entry_traced = traced;
	wrmsr(MSR_LSTAR, traced ? (u64)syscall_entry_traced : (u64)syscall_entry);
}

void arch_reload_syscall_entry(void)
{
	u64 flags = irq_save();
	load_syscall_entry(arch_of(current_thread()));
	irq_restore(flags);
}

/* Breakpoints are loaded with their thread. => interrupts off */
static void switch_special(u32 prev, const struct arch_thread *n)
{
	load_syscall_entry(n);
	if (n->special & SPECIAL_DEBUG_REGS)
		load_debug_regs(n->debug);
	else if (prev & SPECIAL_DEBUG_REGS)
		clear_dr7();
	if ((prev ^ n->special) & SPECIAL_BLOCK_STEP)
		load_block_step(n->special & SPECIAL_BLOCK_STEP);
}

static void set_special(struct thread *t, u32 bit, bool on)
{
	struct arch_thread *a = arch_of(t);
	u64 flags = irq_save();
	u32 old = on ? atomic_or(&a->special, bit) : atomic_and(&a->special, ~bit);
	if (t == current_thread())
		switch_special(old, a);
	irq_restore(flags);
}

void arch_trace_syscalls(struct thread *t, bool on) { set_special(t, SPECIAL_SYSCALL_TRACE, on); }

void arch_block_step(struct thread *t, bool on)
{
	if (on || (READ_ONCE(arch_of(t)->special) & SPECIAL_BLOCK_STEP))
		set_special(t, SPECIAL_BLOCK_STEP, on);
}

void arch_debug_changed(struct thread *t)
{
	struct arch_thread *a = arch_of(t);
	set_special(t, SPECIAL_DEBUG_REGS, a->debug && (a->debug->dr7 & 0xff));
}

struct thread *arch_switch(struct thread *prev, struct thread *next)
{
	struct arch_thread *p = arch_of(prev), *n = arch_of(next);
	struct cpu *c = this_cpu();
	if (p->fpu) {
		fpu_save_to(p->fpu);
		p->fsbase = read_fs_base();
		p->gsbase = read_user_gs_base();
	}
	if (n->fpu) {
		fpu_restore_from(n->fpu);
		write_fs_base(n->fsbase);
		write_user_gs_base(n->gsbase);
	}
	if (unlikely(p->special | n->special))
		switch_special(p->special, n);
	c->kernel_sp = (u64)n->kstack + KSTACK_SIZE;
	c->tss->rsp[0] = c->kernel_sp;
	c->current = next;
	return switch_stacks(prev, next);
}

/* What switch_stacks() pops. */
struct switch_frame {
	u64 r15, r14, r13, r12, bx, bp, ip;
};

u32 arch_stack_trace(struct thread *t, u64 *out, u32 n)
{
	const struct arch_thread *a = arch_of(t);
	extern char sched_text_start[], sched_text_end[];
	u64 stack = (u64)READ_ONCE(a->kstack), sp = READ_ONCE(a->ksp), ip, bp;
	u32 got = 0;
	if (t == current_thread()) {
		bp = (u64)__builtin_frame_address(0);
		ip = (u64)__builtin_return_address(0);
		bp = ((const u64 *)bp)[0];
	} else {
		if (!stack || sp < stack || sp > stack + KSTACK_SIZE - sizeof(struct switch_frame))
			return 0;
		const struct switch_frame *f = (const void *)sp;
		ip = f->ip;
		bp = f->bp;
	}
	while (got < n && ip >= (u64)kernel_text_start && ip < (u64)kernel_text_end) {
		if (got || ip < (u64)sched_text_start || ip >= (u64)sched_text_end)
			out[got++] = ip;
		if ((bp & 7) || bp < stack || bp > stack + KSTACK_SIZE - 16)
			break;
		ip = ((const u64 *)bp)[1];
		bp = ((const u64 *)bp)[0];
	}
	return got;
}

u64 arch_sleep_site(struct thread *t)
{
	extern char sched_text_start[], sched_text_end[];
	const struct arch_thread *a = arch_of(t);
	u64 stack = (u64)READ_ONCE(a->kstack), sp = READ_ONCE(a->ksp);
	if (!stack || sp < stack || sp > stack + KSTACK_SIZE - sizeof(struct switch_frame))
		return 0;
	const struct switch_frame *f = (const void *)sp;
	u64 ip = f->ip, bp = f->bp;
	for (int i = 0; i < 16 && ip >= (u64)kernel_text_start && ip < (u64)kernel_text_end; i++) {
		if (ip < (u64)sched_text_start || ip >= (u64)sched_text_end)
			return ip;
		if ((bp & 7) || bp < stack || bp > stack + KSTACK_SIZE - 16)
			break;
		ip = ((const u64 *)bp)[1];
		bp = ((const u64 *)bp)[0];
	}
	return 0;
}

void arch_thread_init_kernel(struct thread *t, void (*fn)(void *), void *arg)
{
	struct arch_thread *a = arch_of(t);
	struct regs *user = arch_user_regs(a);
	/* One word of padding keeps C's stack alignment in kthread_entry. */
	struct switch_frame *f = (struct switch_frame *)(void *)((u64 *)user - 1) - 1;
	memset(user, 0, sizeof(*user));
	user->orig_ax = ~0UL;
	user->cs = USER_CS;
	user->ss = USER_DS;
	user->flags = FLAG_IF | 2;
	*f = (struct switch_frame){ .bx = (u64)fn, .r12 = (u64)arg, .ip = (u64)kthread_entry };
	a->ksp = (u64)f;
	a->fsbase = a->gsbase = 0;
	if (a->fpu)
		arch_fpu_init(a->fpu);
}

void arch_copy_regs(struct thread *t, const struct regs *regs, u64 stack, bool set_tls, u64 tls)
{
	struct arch_thread *a = arch_of(t);
	struct regs *child = arch_user_regs(a);
	struct switch_frame *f = (struct switch_frame *)(void *)child - 1;
	u64 flags = irq_save();
	*child = *regs;
	child->ax = 0;
	if (stack)
		child->sp = stack;
	a->fsbase = set_tls ? tls : read_fs_base();
	a->gsbase = read_user_gs_base();
	if (a->fpu && arch_of(current_thread())->fpu)
		fpu_save_fresh(a->fpu);
	else if (a->fpu)
		arch_fpu_init(a->fpu);
	*f = (struct switch_frame){ .ip = (u64)ret_from_fork };
	a->ksp = (u64)f;
	irq_restore(flags);
}

void arch_start_thread(struct regs *regs, u64 ip, u64 sp)
{
	struct arch_thread *a = arch_of(current_thread());
	u64 orig_ax = regs->orig_ax;
	*regs = (struct regs){ .orig_ax = orig_ax, .ip = ip, .cs = USER_CS, .flags = FLAG_IF | 2, .sp = sp, .ss = USER_DS };
	u64 flags = irq_save();
	/* Loading a null GS clears the kernel's base on some CPUs: swap around it. */
	__asm__ __volatile__("movl %0, %%ds; movl %0, %%es; movl %0, %%fs; swapgs; movl %0, %%gs; swapgs" ::"r"(0) : "memory");
	a->fsbase = a->gsbase = 0;
	write_fs_base(0);
	write_user_gs_base(0);
	if (a->fpu)
		fpu_restore_init();
	irq_restore(flags);
}

static long put_base(u64 addr, u64 v)
{
	if (addr > TASK_SIZE_MAX - sizeof(v) || arch_copy_user((void *)addr, &v, sizeof(v)))
		return -EFAULT;
	return 0;
}

static long set_base(bool gs, u64 addr)
{
	struct arch_thread *a = arch_of(current_thread());
	if (addr >= TASK_SIZE_MAX)
		return -EPERM;
	u64 flags = irq_save();
	if (gs) {
		a->gsbase = addr;
		write_user_gs_base(addr);
	} else {
		a->fsbase = addr;
		write_fs_base(addr);
	}
	irq_restore(flags);
	return 0;
}

static long get_base(bool gs, u64 addr)
{
	u64 flags = irq_save();
	u64 v = gs ? read_user_gs_base() : read_fs_base();
	irq_restore(flags);
	return put_base(addr, v);
}

long arch_prctl_base(int code, u64 addr)
{
	switch (code) {
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		return set_base(code == ARCH_SET_GS, addr);
	case ARCH_GET_FS:
	case ARCH_GET_GS:
		return get_base(code == ARCH_GET_GS, addr);
	case ARCH_GET_CPUID:
		return 1; /* CPUID works in user mode ... */
	case ARCH_SET_CPUID:
		return -ENODEV; /* ... and cannot be made to fault */
	default:
		return -EINVAL;
	}
}
