/* What the ptrace tests share: the raw call, a stopped child, waiting for one particular stop. */
#ifndef TRACE_H
#define TRACE_H

#include "check.h"
#include <elf.h>
#include <linux/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#ifndef NT_X86_XSTATE
#define NT_X86_XSTATE 0x202
#endif
#ifndef PTRACE_EVENTMSG_SYSCALL_ENTRY
#define PTRACE_EVENTMSG_SYSCALL_ENTRY 1
#define PTRACE_EVENTMSG_SYSCALL_EXIT 2
#endif
#define T_GETREGS 12
#define T_SETREGS 13
#define T_GETFPREGS 14
#define T_SETFPREGS 15
#define T_SINGLESTEP 9
#define EVENT(e) (SIGTRAP | (e) << 8)

/* The raw call: PEEK* store through data. */
static inline long pt(long request, pid_t pid, uintptr_t addr, uintptr_t data) { return syscall(SYS_ptrace, request, (long)pid, addr, data); }

/* Waits for pid to stop and returns the stop's code: a signal, or signal | event << 8. */
static inline int stop_of(pid_t pid)
{
	int st = 0;
	CHECK(waitpid(pid, &st, __WALL) == pid);
	CHECK(WIFSTOPPED(st));
	return st >> 8;
}
static inline void cont(pid_t pid) { CHECK(pt(PTRACE_CONT, pid, 0, 0) == 0); }
/* For a child that only has to be there. */
static inline void sleeps(void)
{
	for (;;)
		pause();
}
/* A child that runs fn and is nobody's tracee. */
static inline pid_t child(void (*fn)(void))
{
	pid_t p = fork();
	CHECK(p >= 0);
	if (!p) {
		fn();
		_exit(0);
	}
	return p;
}
/* A child that traces itself by its parent and is stopped by SIGSTOP; then it runs fn. */
static inline pid_t traced(void (*fn)(void))
{
	pid_t p = fork();
	CHECK(p >= 0);
	if (!p) {
		CHECK(pt(PTRACE_TRACEME, 0, 0, 0) == 0);
		raise(SIGSTOP);
		fn();
		_exit(0);
	}
	CHECK(stop_of(p) == SIGSTOP);
	return p;
}
static inline unsigned long peek_user(pid_t p, size_t off)
{
	unsigned long v = 0;
	CHECK(pt(PTRACE_PEEKUSR, p, off, (uintptr_t)&v) == 0);
	return v;
}
static inline unsigned long message_of(pid_t p)
{
	unsigned long v = 0;
	CHECK(pt(PTRACE_GETEVENTMSG, p, 0, (uintptr_t)&v) == 0);
	return v;
}
static inline void get_regs(pid_t p, struct user_regs_struct *r) { CHECK(pt(T_GETREGS, p, 0, (uintptr_t)r) == 0); }
static inline void set_regs(pid_t p, struct user_regs_struct *r) { CHECK(pt(T_SETREGS, p, 0, (uintptr_t)r) == 0); }
static inline void finish(pid_t p)
{
	kill(p, SIGKILL);
	int st;
	while (waitpid(p, &st, __WALL) == p && WIFSTOPPED(st))
		pt(PTRACE_CONT, p, 0, 0); /* PTRACE_EVENT_EXIT */
}
#define REG(f) offsetof(struct user_regs_struct, f)

#endif
