/* prctl(PR_SET_SYSCALL_USER_DISPATCH). Interface and overview: user_dispatch.h. */
#include "proc/user_dispatch.h"

#include <linux/audit.h>
#include <linux/prctl.h>
#include <linux/ptrace.h>

#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/seccomp.h"
#include "proc/signal.h"
#include "uapi/newer.h"

struct user_dispatch {
	u64 offset, len; /* code whose calls are the kernel's; len 0 = none */
	uaddr_t selector; /* a byte: SYSCALL_DISPATCH_FILTER_*; 0 = as if it said BLOCK */
	bool took; /* the call on whose way out it is was the program's */
};

/* --- settings ---------------------------------------------------------------------------------------------------------------------------- */

static void set_flag(struct task *t, bool on)
{
	u64 f = spin_lock_irqsave(&t->sighand->lock);
	if (on)
		atomic_or(&t->flags, TIF_DISPATCH);
	else
		atomic_and(&t->flags, ~(u32)TIF_DISPATCH);
	update_syscall_entry(t);
	spin_unlock_irqrestore(&t->sighand->lock, f);
}

void user_dispatch_end(struct task *t)
{
	if (!(READ_ONCE(t->flags) & TIF_DISPATCH))
		return;
	set_flag(t, false);
	kfree(t->dispatch);
	t->dispatch = NULL;
}

/* t is current or frozen. 0, -EINVAL, -EFAULT, -ENOMEM. */
static int set(struct task *t, u64 mode, u64 offset, u64 len, u64 selector)
{
	if (mode == PR_SYS_DISPATCH_OFF) {
		if (offset || len || selector)
			return -EINVAL;
		user_dispatch_end(t);
		return 0;
	}
	if (mode != PR_SYS_DISPATCH_ON || (offset && offset + len <= offset))
		return -EINVAL;
	if (selector && !user_range_ok(selector, 1))
		return -EFAULT;
	bool on = READ_ONCE(t->flags) & TIF_DISPATCH;
	struct user_dispatch *d = on ? t->dispatch : kmalloc(sizeof(*d));
	if (!d)
		return -ENOMEM;
	*d = (struct user_dispatch){ .offset = offset, .len = len, .selector = selector };
	t->dispatch = d;
	if (!on)
		set_flag(t, true);
	return 0;
}

long user_dispatch_prctl(u64 mode, u64 offset, u64 len, u64 selector) { return set(current, mode, offset, len, selector); }

long user_dispatch_ptrace_get(struct task *t, u64 size, uaddr_t out)
{
	struct ptrace_sud_config c = { .mode = PR_SYS_DISPATCH_OFF };
	if (size != sizeof(c))
		return -EINVAL;
	if (READ_ONCE(t->flags) & TIF_DISPATCH)
		c = (struct ptrace_sud_config){ PR_SYS_DISPATCH_ON, t->dispatch->selector, t->dispatch->offset, t->dispatch->len };
	return copy_to_user(out, &c, sizeof(c));
}

long user_dispatch_ptrace_set(struct task *t, u64 size, uaddr_t in)
{
	struct ptrace_sud_config c;
	if (size != sizeof(c))
		return -EINVAL;
	if (copy_from_user(&c, in, sizeof(c)))
		return -EFAULT;
	return set(t, c.mode, c.offset, c.len, c.selector);
}

/* --- a call ------------------------------------------------------------------------------------------------------------------------------ */

/* Is the call at ip the program's? Also when it dies of the answer. */
static bool is_users(const struct user_dispatch *d, u64 ip, int *death)
{
	u8 state;
	*death = 0;
	if (ip - d->offset < d->len)
		return false;
	if (!d->selector)
		return true;
	if (copy_from_user(&state, d->selector, 1))
		*death = SIGSEGV;
	else if (state == SYSCALL_DISPATCH_FILTER_ALLOW)
		return false;
	else if (state != SYSCALL_DISPATCH_FILTER_BLOCK)
		*death = SIGSYS;
	return true;
}

bool user_dispatch_takes(struct regs *regs)
{
	struct user_dispatch *d = current->dispatch;
	struct ksiginfo info = {
		.signo = SIGSYS, .code = 2 /* SYS_USER_DISPATCH */, .addr = regs->ip, .syscall = (s32)regs->orig_ax, .arch = AUDIT_ARCH_X86_64
	};
	int death;
	d->took = is_users(d, regs->ip, &death);
	if (!d->took)
		return false;
	if (death) {
		force_fatal_signal(death);
		return true;
	}
	regs->ax = regs->orig_ax; /* as if the call had not been tried */
	force_signal_info(&info, false);
	return true;
}

bool user_dispatch_took(void)
{
	bool took = current->dispatch->took;
	current->dispatch->took = false;
	return took;
}
