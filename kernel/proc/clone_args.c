/*
 * The decoders of fork, vfork, clone, clone3 and kernel threads, and the plan. Entry points: decode_*(), clone3_check_*(), make_clone_plan().
 * Pure: no kernel state, so clone_args_test.c runs it on the host. The checks stand in Linux's order (kernel_clone(), copy_process()): user space can
 * tell which error wins, and a fallback in a C library depends on it.
 */
#include "proc/clone_args.h"

#include <asm-generic/errno.h>
#include <asm-generic/signal.h>
#include <linux/sched.h>

#include "uapi/newer.h"

#define SIGNAL_MAX 64
#define USER_END 0x7ffffffff000UL /* TASK_SIZE_MAX; asserted equal in clone.c */
#define LEGACY_FLAGS 0xffffffffUL
#define PATH_FLAGS (LEGACY_FLAGS | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP | CLONE_AUTOREAP | CLONE_NNP | CLONE_PIDFD_AUTOKILL)
#define NAMESPACE_FLAGS                                                                                                \
	((u64)CLONE_NEWTIME | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET)

void decode_fork(struct kernel_clone_args *a)
{
	*a = (struct kernel_clone_args){ .exit_signal = SIGCHLD, .call = BIRTH_FORK };
}

void decode_vfork(struct kernel_clone_args *a)
{
	*a = (struct kernel_clone_args){ .flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD, .call = BIRTH_VFORK };
}

/* The high half of the flags register is dropped and the signal number is not validated: so does Linux, and programs rely on both. */
void decode_clone(u64 flags, u64 stack, u64 parent_tid, u64 child_tid, u64 tls, struct kernel_clone_args *a)
{
	*a = (struct kernel_clone_args){
		.flags = flags & LEGACY_FLAGS & ~(u64)CSIGNAL,
		.exit_signal = (s32)(flags & CSIGNAL),
		.pidfd = parent_tid,
		.parent_tid = parent_tid,
		.child_tid = child_tid,
		.stack = stack,
		.tls = tls,
		.call = BIRTH_CLONE,
	};
}

int clone3_check_size(u64 usize)
{
	if (usize > 4096)
		return -E2BIG;
	return usize < CLONE3_SIZE_VER0 ? -EINVAL : 0;
}

int clone3_check_block(const struct clone3_block *b, u64 usize)
{
	if (b->set_tid_size > SET_TID_MAX || !b->set_tid != !b->set_tid_size)
		return -EINVAL;
	if (b->exit_signal > SIGNAL_MAX)
		return -EINVAL;
	if ((b->flags & CLONE_INTO_CGROUP) && (b->cgroup > INT32_MAX || usize < sizeof(*b)))
		return -EINVAL;
	return 0;
}

int decode_clone3(const struct clone3_block *b, const s32 *set_tid, struct kernel_clone_args *a)
{
	if (b->flags & ~PATH_FLAGS)
		return -EINVAL;
	if (b->flags & (CLONE_DETACHED | (CSIGNAL & ~CLONE_NEWTIME)))
		return -EINVAL;
	if ((b->flags & CLONE_SIGHAND) && (b->flags & CLONE_CLEAR_SIGHAND))
		return -EINVAL;
	if ((b->flags & (CLONE_THREAD | CLONE_PARENT)) && b->exit_signal)
		return -EINVAL;
	if (!b->stack != !b->stack_size)
		return -EINVAL;
	if (b->stack && (b->stack_size > USER_END || b->stack > USER_END - b->stack_size))
		return -EINVAL;
	*a = (struct kernel_clone_args){
		.flags = b->flags,
		.pidfd = b->pidfd,
		.child_tid = b->child_tid,
		.parent_tid = b->parent_tid,
		.exit_signal = (s32)b->exit_signal,
		.stack = b->stack ? b->stack + b->stack_size : 0,
		.tls = b->tls,
		.cgroup = (s32)b->cgroup,
		.set_tid = b->set_tid_size ? set_tid : NULL,
		.set_tid_size = b->set_tid_size,
		.call = BIRTH_CLONE3,
	};
	return 0;
}

void decode_kernel_thread(void (*fn)(void *), void *arg, const char *name, u64 flags, bool kthread, struct kernel_clone_args *a)
{
	*a = (struct kernel_clone_args){
		.flags = (flags | CLONE_VM | CLONE_UNTRACED) & ~(u64)CSIGNAL,
		.exit_signal = (s32)(flags & CSIGNAL),
		.call = kthread ? BIRTH_KTHREAD : BIRTH_USER_MODE_THREAD,
		.kthread = kthread,
		.fn = fn,
		.fn_arg = arg,
		.name = name,
	};
}

/* Combinations that no configuration of Linux accepts. */
static int check_combinations(const struct kernel_clone_args *a, const struct clone_caller *c)
{
	u64 f = a->flags;
	if ((f & CLONE_PIDFD) && (f & CLONE_PARENT_SETTID) && a->pidfd == a->parent_tid)
		return -EINVAL;
	if ((f & (CLONE_NEWNS | CLONE_FS)) == (CLONE_NEWNS | CLONE_FS))
		return -EINVAL;
	if ((f & (CLONE_NEWUSER | CLONE_FS)) == (CLONE_NEWUSER | CLONE_FS))
		return -EINVAL;
	if ((f & CLONE_THREAD) && !(f & CLONE_SIGHAND))
		return -EINVAL;
	if ((f & CLONE_SIGHAND) && !(f & CLONE_VM))
		return -EINVAL;
	if ((f & CLONE_PARENT) && c->unkillable)
		return -EINVAL;
	if ((f & CLONE_THREAD) && ((f & (CLONE_NEWUSER | CLONE_NEWPID)) || c->foreign_children))
		return -EINVAL;
	if ((f & CLONE_PIDFD) && (f & CLONE_DETACHED))
		return -EINVAL;
	return 0;
}

/* Linux 7.1's rules, which follow those. A child that reaps itself has nobody to signal; one that dies with its pidfd must not gain power over whoever
 * holds that, unless its creator is mighty. */
static int check_newer(const struct kernel_clone_args *a, const struct clone_caller *c)
{
	u64 f = a->flags;
	if ((f & CLONE_AUTOREAP) && ((f & (CLONE_THREAD | CLONE_PARENT)) || a->exit_signal))
		return -EINVAL;
	if ((f & CLONE_PARENT) && c->autoreap)
		return -EINVAL;
	if ((f & CLONE_NNP) && (f & CLONE_THREAD))
		return -EINVAL;
	if (!(f & CLONE_PIDFD_AUTOKILL))
		return 0;
	if (!(f & CLONE_PIDFD) || !(f & CLONE_AUTOREAP) || (f & CLONE_THREAD))
		return -EINVAL;
	return (f & CLONE_NNP) || c->admin ? 0 : -EPERM;
}

int make_clone_plan(const struct kernel_clone_args *a, const struct clone_caller *c, struct clone_plan *plan)
{
	u64 f = a->flags;
	int err = check_combinations(a, c);
	if (!err)
		err = check_newer(a, c);
	if (err)
		return err;
	*plan = (struct clone_plan){ .mode = {
		[BSTEP_CREDS] = f & CLONE_THREAD ? STEP_SHARE : f & CLONE_NEWUSER ? STEP_FRESH : STEP_COPY,
		[BSTEP_LIMITS] = STEP_FRESH,
		[BSTEP_SCHED] = STEP_FRESH,
		[BSTEP_SEMUNDO] = f & CLONE_SYSVSEM ? STEP_SHARE : STEP_NONE,
		[BSTEP_FILES] = f & CLONE_FILES ? STEP_SHARE : STEP_COPY,
		[BSTEP_FS] = f & CLONE_FS ? STEP_SHARE : STEP_COPY,
		[BSTEP_SIGHAND] = f & CLONE_SIGHAND ? STEP_SHARE : f & CLONE_CLEAR_SIGHAND ? STEP_FRESH : STEP_COPY,
		[BSTEP_SIGNAL] = f & CLONE_THREAD ? STEP_SHARE : STEP_FRESH,
		[BSTEP_MM] = !c->has_mm ? STEP_NONE : f & CLONE_VM ? STEP_SHARE : STEP_COPY,
		[BSTEP_NAMESPACES] = f & NAMESPACE_FLAGS ? STEP_FRESH : STEP_SHARE,
		[BSTEP_IO] = f & CLONE_IO ? STEP_SHARE : c->has_io ? STEP_COPY : STEP_NONE,
		[BSTEP_THREAD] = a->fn ? STEP_FRESH : STEP_COPY,
		[BSTEP_PID] = STEP_FRESH,
		[BSTEP_PIDFD] = f & CLONE_PIDFD ? STEP_FRESH : STEP_NONE,
		[BSTEP_CGROUP] = f & CLONE_INTO_CGROUP ? STEP_FRESH : STEP_NONE,
	} };
	return 0;
}
