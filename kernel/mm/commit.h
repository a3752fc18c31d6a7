/*
 * Memory that is promised: what processes may still write to, whether it is there or not; Linux calls it committed. Private writable mappings are promised
 * when they are made and again at each fork (VM_ACCOUNT); shared memory when its segment is made, or page by page (as_promise). The sum is kept per CPU, so
 * that a fork and an exit cost one addition each; vm.overcommit_memory says what is compared with it. Entry points: commit_charge, commit_add, commit_total.
 */
#ifndef PANDO_MM_COMMIT_H
#define PANDO_MM_COMMIT_H

#include <linux/mman.h>

#include "arch/x86_64/cpu.h"
#include "lib/bug.h"

struct mm;

/* vm.overcommit_memory: OVERCOMMIT_GUESS: only what exceeds all memory by itself is refused; _ALWAYS: nothing is; _NEVER: the sum has to stay below a limit. */

/* Charges of up to so many pages need no thought. Changed by commit_set_mode only; read freely. */
extern u64 commit_unasked;

/* Adds n pages (or takes -n back), without a question. => not in an interrupt handler */
static inline void commit_add(s64 n) { this_cpu()->committed += n; }

/* The thoughtful part of commit_charge: the pages are counted already, and taken back when it says no. */
bool commit_decide(const struct mm *mm, u64 n);
/* Promises n more pages to mm (NULL: to nobody in particular). false: there is not enough left (-ENOMEM), nothing changed. => as commit_add */
static inline bool commit_charge(const struct mm *mm, u64 n)
{
	commit_add((s64)n);
	return likely(n <= READ_ONCE(commit_unasked)) || commit_decide(mm, n);
}

/* Pages promised to all, and how many may be in mode OVERCOMMIT_NEVER. */
u64 commit_total(void);
u64 commit_limit(void);

/* The settings in /proc/sys/vm. Of ratio (percent of all memory) and kbytes the one that was set last counts, the other is 0. */
u32 commit_mode(void);
void commit_set_mode(u32 mode);
extern u32 overcommit_ratio;
extern u64 overcommit_kbytes, admin_reserve_kbytes, user_reserve_kbytes;
/* => boot: the memory is known */
void commit_init(void);

#endif
