/*
 * Tracing. ptrace.c: the system call. ptrace_stop.c: how a tracee stops and what it tells. ptrace_regs.c: its registers.
 *
 * A tracee's `parent` is its tracer (a thread), `real_parent` stays; it hangs in its tracer's list `ptraced`. It stops in ptrace_stop() only, in state
 * TASK_TRACED. A request freezes it first (JOBCTL_FROZEN: SIGKILL will not wake it) and waits until it is off its CPU; until unfreeze() (ptrace.c) or its resumption
 * its registers and its task-only fields belong to the tracer.
 */
#ifndef PANDO_PROC_PTRACE_H
#define PANDO_PROC_PTRACE_H

#include <linux/ptrace.h>

#include "proc/proc.h"

#define PTRACE_CODE(event) (SIGTRAP | (s32)(event) << 8)

/* --- ptrace_stop.c --- */
static inline bool ptrace_event_enabled(const struct task *t, u32 event) { return t->ptrace && (t->ptrace_options >> event & 1); }
/* Is t traced by another process than its parent's? => T */
static inline bool ptrace_reparented(const struct task *t) { return !same_thread_group(t->real_parent, t->parent); }
/* p's number as current's tracer sees it, 0 without a tracer. */
u64 ptrace_tracer_nr(const struct pid *p);
/* Reports an event of current and stops, if its tracer wants it (PTRACE_EVENT_EXEC: else the traditional SIGTRAP). => no locks */
void ptrace_event(u32 event, u64 message);
/* Stops current with this code (a plain SIGTRAP after a step into a handler). Returns the signal that the tracer answered with. => no locks */
int ptrace_notify(int code, u64 message);
/* => S, interrupt flags f; released in between. A dequeued signal on its way to current's action: what the tracer makes of it (0 = nothing). */
int ptrace_signal(int sig, struct ksiginfo *info, bool shared, u64 f);
/* => S, interrupt flags f; released in between. Stops current for JOBCTL_TRAP_MASK. */
void ptrace_jobctl_trap(u64 f);
/* => S of t, a seized tracee: the stop state of its group changed. */
void ptrace_trap_notify(struct task *t);
/* => S of t. Makes it look at its flags; resume: leaves its ptrace stop. */
void ptrace_wake(struct task *t, bool resume);
/* SYSCALL entered: true when the call is to be made. */
bool ptrace_syscall_enter(struct regs *regs);

/* => T. `tracer` becomes t's parent. */
void ptrace_link(struct task *t, struct task *tracer, const struct tracer_id *id);
/* => T. The end of t being traced; takes S. */
void ptrace_unlink(struct task *t);
/* => T. The same, and a zombie that waited for its tracer is offered to its parent: true when it is now EXIT_DEAD and to be released. */
bool ptrace_detach_locked(struct task *t, struct task *tracer);
/* => T. The tracer dies: lets everybody go. Those to be released are added to `dead` by dead_node. */
void exit_ptrace(struct task *tracer, struct list_head *dead);
/* => T, S of current. The newborn child of a traced creator: attached too if `attach`. */
void ptrace_init_child(struct task *child, bool attach);
/* For attach: waits until t has changed from stopped to traced. */
void ptrace_wait_trapping(struct task *t);

/* --- ptrace_regs.c: t is frozen, or current where it says so --- */
/* PTRACE_PEEKUSR's word. 0 or -EIO. */
int ptrace_peek_user(struct task *t, u64 off, u64 *out);
/* 0, -EIO, -EINVAL, -ENOMEM. */
int ptrace_poke_user(struct task *t, u64 off, u64 v);
/* A register set by its ELF note type, to or from user memory: *len is the room, then what was moved. 0, -EINVAL (no such set or length), -EFAULT. */
int ptrace_get_regset(struct task *t, u32 note, uaddr_t buf, u64 *len);
int ptrace_set_regset(struct task *t, u32 note, uaddr_t buf, u64 *len);
/* The same into kernel memory, `size` bytes at most; returns the length, 0 for an unknown one. t = current is fine, for core dumps. */
size_t ptrace_regset_copy(struct task *t, u32 note, void *buf, size_t size);
/* PTRACE_ARCH_PRCTL. */
long ptrace_arch_prctl(struct task *t, u64 addr, u64 code);
/* Stepping on, by instructions or from branch to branch, and off. t may be current (off). */
enum step_mode { STEP_OFF, STEP_INSN, STEP_BLOCK };
void ptrace_single_step(struct task *t, enum step_mode mode);
/* current execs: breakpoints are gone. */
void ptrace_reset_debug(void);

#endif
