/* What the machine keeps for each thread of execution while it does not run. Embedded in struct thread (sched/thread.h). */
#ifndef PANDO_ARCH_THREAD_H
#define PANDO_ARCH_THREAD_H

#include "lib/types.h"

#define KSTACK_ORDER 2
#define KSTACK_SIZE (4096UL << KSTACK_ORDER)

struct fpu_state; /* XSAVE area, fpu_state_size() bytes, 64-byte aligned */

struct arch_thread {
	u64 ksp;               /* kernel stack pointer while switched out */
	void *kstack;          /* lowest address, KSTACK_SIZE bytes; struct regs lies at the very top */
	u64 fsbase, gsbase;    /* user FS and GS base */
	struct fpu_state *fpu; /* NULL for kernel threads */
	u64 fault_addr;        /* CR2 of the last user fault, for sigcontext */
	u32 trap_nr, error_code;
};

#endif
