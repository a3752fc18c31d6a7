/* The upward calls of the entry code. Declared here, defined by later rooms (the room is named). Keep this list short. */
#ifndef PANDO_ARCH_HOOKS_H
#define PANDO_ARCH_HOOKS_H

#include "arch/x86_64/regs.h"

struct thread;

/* boot/main.c. Process 0's first C code on the boot CPU, long mode, early page tables, interrupts off. `start_info` is the physical address of
 * the PVH hvm_start_info. */
void start_kernel(paddr_t start_info) __attribute__((noreturn));
/* boot/main.c. The same on another CPU, as its idle thread. */
void start_secondary(void) __attribute__((noreturn));
/* syscall/dispatch.c. The bodies of the system calls by number, SYSCALL_TABLE_SIZE of them; NULL: none. entry.S calls those directly; they take at most
 * six words and find their registers through current_thread(). Interrupts on. */
typedef long (*syscall_fn)(u64, u64, u64, u64, u64, u64);
extern const syscall_fn syscall_table[];
/* syscall/dispatch.c. What is in no table: regs->orig_ax = number; sets regs->ax. Interrupts on. */
void hook_syscall(struct regs *regs);
/* syscall/dispatch.c. The same for threads with SPECIAL_SYSCALL_TRACE: a tracer sees the call first, then seccomp. */
void hook_syscall_traced(struct regs *regs);
/* proc/ptrace_stop.c. A system call is over and TIF_SYSCALL_TRACE is set: tells the tracer. Interrupts on. */
void hook_syscall_exit(struct regs *regs);
/* mm/fault.c. #PF from user or kernel mode. err: bit 0 present, 1 write, 2 user, 4 fetch. Interrupts on if they were. May queue a signal, or
 * redirect regs->ip to a fixup, or panic (kernel bug). */
void hook_page_fault(struct regs *regs, u64 addr, u64 err);
/* proc/trap.c. Any other exception from user mode: queues the signal Linux sends. Interrupts on. Kernel-mode ones never get here: arch tries
 * arch_fixup(), then panics. */
void hook_user_trap(struct regs *regs, int nr, u64 err);
/* sched/timer.c. The one-shot timer fired. Interrupts off. user = it interrupted user mode. */
void hook_timer(bool user);
/* sched/core.c. Another CPU asked for a reschedule. Interrupts off. */
void hook_resched(void);
/* mm/tlb.c. IPI_TLB. Interrupts off. */
void hook_tlb_ipi(void);
/* proc/signal_deliver.c. Called with interrupts off, just before returning to user mode, when current_thread()->flags & TIF_WORK; must leave
 * with interrupts off and no work bit set: reschedules, delivers signals, runs task work. */
void hook_exit_to_user(struct regs *regs);
/* proc/clone.c. A newborn's first C code (after arch_switch); finishes the switch, stores the TID words. Interrupts off on entry and return.
 * regs = the user registers; NULL for kernel threads and user_mode_thread()s. */
void hook_ret_from_fork(struct thread *prev, struct regs *regs);

#endif
