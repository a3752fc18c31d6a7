/*
 * membarrier(2): every running thread of the process (or of all that registered, or of the machine) passes a full memory barrier before the call returns.
 * An interrupt on each CPU concerned does it: taking it, answering it and IRET are barriers, and serialise instruction fetch as well. Entry point: sys_membarrier.
 */
#include <linux/membarrier.h>

#include "gen/sys_protos.h"
#include "mm/mm.h"
#include "proc/proc.h"

#define EXPEDITED (MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE | MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ)
#define REGISTERS                                                                                                      \
	(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED |                             \
	 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ)
#define GET_REGISTRATIONS (1 << 9) /* newer than some headers */
#define COMMANDS (MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED | EXPEDITED | REGISTERS | GET_REGISTRATIONS)

/* Each registration's command is twice its expedited one. */
_Static_assert(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED == MEMBARRIER_CMD_PRIVATE_EXPEDITED << 1, "membarrier commands");

static long expedited(int cmd, u32 flags, int cpu)
{
	struct mm *mm = current->mm;
	bool rseq = cmd == MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ;
	if (!(READ_ONCE(mm->membarrier) & (u32)cmd << 1))
		return -EPERM;
	u64 cpus = ~0UL;
	if (flags & MEMBARRIER_CMD_FLAG_CPU) {
		if (cpu < 0 || cpu >= (int)nr_cpus)
			return 0; /* nothing runs there */
		cpus = 1UL << cpu;
	}
	mm_barrier(mm, cpus, rseq);
	if (rseq && (cpus >> cpu_id() & 1) && (READ_ONCE(current->flags) & TIF_RSEQ))
		atomic_or(&current->flags, TIF_RSEQ_ABORT | TIF_RSEQ_WORK);
	return 0;
}

long sys_membarrier(u64 ucmd, u64 uflags, u64 cpu)
{
	int cmd = (int)ucmd;
	u32 flags = (u32)uflags;
	struct mm *mm = current->mm;
	if (flags && !(cmd == MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ && flags == MEMBARRIER_CMD_FLAG_CPU))
		return -EINVAL;
	switch (cmd) {
	case MEMBARRIER_CMD_QUERY: return COMMANDS;
	case MEMBARRIER_CMD_GLOBAL:
	case MEMBARRIER_CMD_GLOBAL_EXPEDITED: mm_barrier(NULL, ~0UL, false); return 0;
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE:
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ: return expedited(cmd, flags, (int)cpu);
	case MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED:
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ: atomic_or(&mm->membarrier, (u32)cmd); return 0;
	case GET_REGISTRATIONS: return READ_ONCE(mm->membarrier);
	default: return -EINVAL;
	}
}
