/*
 * Fault injection, in debug builds only: the n-th place of a task's system calls at which memory could be out says that it is. Entry point: fault_injected() (mm/page.h).
 * A test writes n to /proc/thread-self/fail-nth; hook_syscall() lets the places of that thread's later calls count, those of interrupts and of its own page
 * faults do not.
 */
#include "arch/x86_64/cpu.h"
#include "mm/page.h"
#include "sched/thread.h"

bool fault_is_here(void)
{
	struct thread *t = current_thread();
	return unlikely(t->fail_counts) && !this_cpu()->irq_depth && t->fail_nth && !--t->fail_nth;
}
