/*
 * From four ABIs to one request: what fork, vfork, clone, clone3 and the kernel's own callers ask for becomes one struct kernel_clone_args, and
 * that becomes a plan: SHARE, COPY or FRESH for each row of the step table. Every EINVAL rule of birth lives behind these functions. Pure.
 */
#ifndef PANDO_PROC_CLONE_ARGS_H
#define PANDO_PROC_CLONE_ARGS_H

#include "proc/birth.h"

#define SET_TID_MAX 32 /* deepest nesting of pid namespaces */

struct kernel_clone_args {
	u64 flags;           /* CLONE_* without CSIGNAL */
	uaddr_t pidfd, child_tid, parent_tid;
	s32 exit_signal;
	u64 stack;           /* the child's sp, 0 = the parent's */
	u64 tls;
	s32 cgroup;          /* CLONE_INTO_CGROUP: descriptor */
	const s32 *set_tid; u64 set_tid_size;
	u8 call;             /* enum birth_call */
	bool kthread;        /* never runs in user mode */
	void (*fn)(void *);  /* kernel and user-mode threads start here */
	void *fn_arg;
	const char *name;
};

/* clone3's argument block, version 2: the layout user space has. */
struct clone3_block {
	u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls; /* version 0: 64 bytes */
	u64 set_tid, set_tid_size;                                                    /* version 1: 80 bytes */
	u64 cgroup;                                                                   /* version 2: 88 bytes */
};
_Static_assert(sizeof(struct clone3_block) == 88, "clone_args ABI");
#define CLONE3_SIZE_VER0 64

void decode_fork(struct kernel_clone_args *a);
void decode_vfork(struct kernel_clone_args *a);
void decode_clone(u64 flags, u64 stack, u64 parent_tid, u64 child_tid, u64 tls, struct kernel_clone_args *a);
/* clone3, in the order in which Linux looks: size before the block is read; what the block says before set_tid is read; the rest. Each 0, -EINVAL, or -E2BIG
 * (size). */
int clone3_check_size(u64 usize);
int clone3_check_block(const struct clone3_block *b, u64 usize);
int decode_clone3(const struct clone3_block *b, const s32 *set_tid, struct kernel_clone_args *a);
/* A kernel thread (kthread) or a future user process. */
void decode_kernel_thread(void (*fn)(void *), void *arg, const char *name, u64 flags, bool kthread, struct kernel_clone_args *a);

/* What the rules need to know about the caller. */
struct clone_caller {
	bool unkillable;    /* its process has SIGNAL_UNKILLABLE: an init */
	bool foreign_children; /* its children go to another pid namespace than its own */
	bool has_io;            /* an I/O context, whose priority is inherited */
	bool has_mm;
	bool autoreap;      /* it was born with CLONE_AUTOREAP */
	bool admin;         /* has CAP_SYS_ADMIN in its user namespace; asked for CLONE_PIDFD_AUTOKILL alone */
};
struct clone_plan {
	u8 mode[BIRTH_STEPS_MAX]; /* enum share_mode per enum birth_step */
};
/* The rules that all four ABIs share; fills the plan. 0, -EINVAL, -EPERM. */
int make_clone_plan(const struct kernel_clone_args *a, const struct clone_caller *c, struct clone_plan *plan);

#endif
