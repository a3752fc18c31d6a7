/* What the machine keeps for each thread of execution while it does not run. Embedded in struct thread (sched/thread.h). */
#ifndef PANDO_ARCH_THREAD_H
#define PANDO_ARCH_THREAD_H

#include "lib/types.h"

#define KSTACK_ORDER 2
#define KSTACK_SIZE (4096UL << KSTACK_ORDER)

struct fpu_state; /* XSAVE area, arch_fpu_size() bytes, 64-byte aligned */

/* User breakpoints and watchpoints, as ptrace sets them. */
struct debug_regs {
	u64 addr[4];
	u64 dr7; /* without reserved bits */
};
/* arch_thread.special: what arch_switch() must see to when such a thread comes and goes. */
#define SPECIAL_SYSCALL_TRACE 1u /* SYSCALL enters by way of hook_syscall_traced(). Set by other threads too: arch_trace_syscalls() */
#define SPECIAL_DEBUG_REGS 2u    /* `debug` has an enabled one */
#define SPECIAL_BLOCK_STEP 4u /* the trap flag traps behind taken branches only, where the CPU can do that */

struct arch_thread {
	u64 ksp;               /* kernel stack pointer while switched out */
	void *kstack;          /* lowest address, KSTACK_SIZE bytes; struct regs lies at the very top */
	u64 fsbase, gsbase;    /* user FS and GS base */
	struct fpu_state *fpu; /* NULL for kernel threads */
	u64 fault_addr;        /* CR2 of the last user fault, for sigcontext */
	u32 trap_nr, error_code;
	struct debug_regs *debug; /* NULL = none ever set; only changed while the thread is stopped, or by itself */
	u64 dr6;               /* causes of debug traps as the tracer sees them, in positive logic */
	u32 special;           /* a  SPECIAL_* */
};

#endif
