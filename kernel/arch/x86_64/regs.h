/* The saved user (or interrupted kernel) registers, at the top of the kernel stack. Linux's pt_regs order, which ptrace shows. */
#ifndef PANDO_ARCH_REGS_H
#define PANDO_ARCH_REGS_H

#include "lib/types.h"

struct regs {
	u64 r15, r14, r13, r12, bp, bx;
	u64 r11, r10, r9, r8, ax, cx, dx, si, di;
	u64 orig_ax; /* system call number; -1 when the entry was no system call; error code in exceptions */
	u64 ip, cs, flags, sp, ss;
};
_Static_assert(sizeof(struct regs) == 168, "pt_regs layout");

#define KERNEL_CS 0x08
#define KERNEL_DS 0x10
#define USER32_CS 0x23
#define USER_DS 0x2b
#define USER_CS 0x33

static inline bool regs_user_mode(const struct regs *r) { return (r->cs & 3) != 0; }

#endif
