/*
 * From a system call number to its body. entry.S calls what is in syscall_table directly; hook_syscall is for the rest, and for debug builds. The table and the prototypes come from syscalls.tbl; no policy here.
 */
#include "arch/x86_64/asm.h"
#include "arch/x86_64/hooks.h"
#include "gen/sys_protos.h"
#include "lib/bitmap.h"
#include "lib/bug.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "proc/ptrace.h"
#include "proc/seccomp.h"
#include "proc/user_dispatch.h"

#define TABLE_SIZE SYSCALL_TABLE_SIZE

/* A body that takes fewer than six words leaves the other registers alone (System V calling convention), so all are called alike. */
#define SYSCALL(nr, name, args) [nr] = (syscall_fn)(void *)sys_##name,
const syscall_fn syscall_table[TABLE_SIZE] = {
#include "gen/sys_table.h"
};
#undef SYSCALL

#define SYSCALL(nr, name, args) _Static_assert((nr) < TABLE_SIZE, "system call table");
#include "gen/sys_table.h"
#undef SYSCALL

/* Linux's names of all numbers, also of those that are not here. */
static const char *const names[] = {
#include "gen/sys_names.h"
};

/* Each unknown number is named once in the log; all those beyond the table share the last bit. Races only repeat a line. */
static long unknown_call(u64 nr)
{
	static u64 named[BITMAP_WORDS(TABLE_SIZE + 1)];
	u64 bit = nr < TABLE_SIZE ? nr : TABLE_SIZE;
	if (!bit_test(named, bit)) {
		bit_set(named, bit);
		pr_info("pando: %s[%d]: unknown system call %d (%s)\n", current->comm, current->tid, (int)nr,
			nr < ARRAY_SIZE(names) && names[nr] ? names[nr] : "no such number");
	}
	return -ENOSYS;
}

/* A body that returns with a lock held or user access off would be found only where somebody waits for it: debug builds name it at once. */
static void check_balance(u64 nr)
{
	if (this_cpu()->lock_depth || current->held_mutexes || current->uaccess_disabled)
		panic("system call %u returns with %u spinlocks and %u sleeping locks held, user access off %u times", (u32)nr, this_cpu()->lock_depth,
		      current->held_mutexes, current->uaccess_disabled);
}

void hook_syscall(struct regs *regs)
{
	u64 nr = (u32)regs->orig_ax;
	if (DEBUG_BUILD)
		current->fail_counts = current->fail_nth != 0;
	if (likely(nr < TABLE_SIZE && syscall_table[nr]))
		regs->ax = (u64)syscall_table[nr](regs->di, regs->si, regs->dx, regs->r10, regs->r8, regs->r9);
	else
		regs->ax = (u64)unknown_call(nr);
	if (DEBUG_BUILD) {
		current->fail_counts = false;
		check_balance(nr);
	}
}

void hook_syscall_traced(struct regs *regs)
{
	/* First, for what makes sense to nobody else may be a call to the program. */
	if (unlikely(READ_ONCE(current->flags) & TIF_DISPATCH) && user_dispatch_takes(regs))
		return;
	if (!ptrace_syscall_enter(regs))
		return;
	if ((READ_ONCE(current->flags) & TIF_SECCOMP) && !seccomp_syscall_enter(regs))
		return;
	/* -1 is no call: whoever changed the number has chosen the result. */
	if ((s32)regs->orig_ax != -1)
		hook_syscall(regs);
}
