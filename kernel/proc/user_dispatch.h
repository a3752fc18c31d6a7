/*
 * System calls that a program answers itself (prctl(PR_SET_SYSCALL_USER_DISPATCH), for emulators of other systems): those made outside a range of its code
 * become SIGSYS, unless a byte of its memory says otherwise. Such a thread enters the kernel by hook_syscall_traced(), so all others pay nothing.
 * TIF_DISPATCH says that task->dispatch is there; both change together, by the thread itself or, while it is frozen, by its tracer. Not inherited, and ended by
 * execve.
 */
#ifndef PANDO_PROC_USER_DISPATCH_H
#define PANDO_PROC_USER_DISPATCH_H

#include "proc/task.h"

/* The entry of a system call of a task with TIF_DISPATCH: true when the program has it: SIGSYS is under way, and regs say that no call was made. May decide
 * that the program dies. => no locks */
bool user_dispatch_takes(struct regs *regs);
/* The same task's way out of a call: was it one of those? Then no tracer is told. Says so once. */
bool user_dispatch_took(void);
/* t begins to exit, or executes: its calls are the kernel's again. t is current, or frozen. */
void user_dispatch_end(struct task *t);
/* prctl: 0, -EINVAL, -EFAULT, -ENOMEM. */
long user_dispatch_prctl(u64 mode, u64 offset, u64 len, u64 selector);
/* PTRACE_GET_ and PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG: t is frozen. */
long user_dispatch_ptrace_get(struct task *t, u64 size, uaddr_t out);
long user_dispatch_ptrace_set(struct task *t, u64 size, uaddr_t in);

#endif
