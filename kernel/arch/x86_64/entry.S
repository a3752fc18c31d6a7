/*
 * Every way into the kernel and back. All entries build a struct regs at the stack pointer (for entries from user mode: at the very top of
 * the thread's kernel stack). GS: user's while in user mode, the CPU's in kernel mode; swapped at the border, and by hand for the IST
 * vectors, which may hit between.
 *
 * SYSCALL: interrupts, TF, AC, DF and NT are off by SFMASK. A call that leaves struct regs alone returns by SYSRET with C's own callee-saved
 * registers, whatever else by the long way, which loads all of them: a first run, work bits, and TIF_NEW_REGS, which who replaces the registers of
 * a thread inside a call sets (rt_sigreturn, execve, a tracer). That way is SYSRET's when the registers allow it, else IRET's. A fault on the IRET
 * to user mode (a selector or an address that ptrace or sigreturn wrote) arrives in kernel mode with the user's GS: arch_bad_iret turns it into
 * the same fault coming from user mode.
 */
#include "arch/x86_64/asm.h"

	/* After di is pushed: the rest of struct regs. */
	.macro PUSH_REST
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %rax
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	.endm
	/* All but di. */
	.macro POP_REST
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rax
	popq %rcx
	popq %rdx
	popq %rsi
	.endm

	.section .text.entry, "ax", @progbits

	/* SYSCALL: a struct regs on the kernel stack. */
	.macro SYSCALL_ENTER
	swapgs
	movq %rsp, %gs:CPU_USER_SP
	movq %gs:CPU_KERNEL_SP, %rsp
	pushq $0x2b
	pushq %gs:CPU_USER_SP
	pushq %r11
	pushq $0x33
	pushq %rcx
	pushq %rax
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq $-38		/* ax: -ENOSYS until the dispatcher says otherwise */
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	xorl %ebp, %ebp
	.endm

	/* The call through C: di = struct regs. */
	.macro SYSCALL_HOOK hook
	movq %rsp, %rdi
	subq $8, %rsp		/* keep C's 16-byte alignment */
	sti
	call \hook
	addq $8, %rsp
	.endm

/* LSTAR while a traced thread runs (arch_trace_syscalls). */
ENTRY(syscall_entry_traced)
	SYSCALL_ENTER
	SYSCALL_HOOK hook_syscall_traced
	movq R_AX(%rsp), %rax
	jmp .Lsyscall_return
END(syscall_entry_traced)

ENTRY(syscall_entry)
	SYSCALL_ENTER
#ifndef PANDO_DEBUG
	/* The words of the call are where C wants them, but for the fourth. Debug builds take the long way, which checks the body's manners. */
	movl %eax, %eax
	cmpq $SYSCALL_TABLE_SIZE, %rax
	jae 1f
	movq syscall_table(, %rax, 8), %rax
	testq %rax, %rax
	jz 1f
	movq %r10, %rcx
	subq $8, %rsp
	sti
	call *%rax
	addq $8, %rsp
	jmp .Lsyscall_return
1:
#endif
	SYSCALL_HOOK hook_syscall
	movq R_AX(%rsp), %rax
.Lsyscall_return:
	cli
	movq %gs:CPU_CURRENT, %rcx
	testl $THREAD_WORK_MASK | THREAD_EXIT_TRACE | THREAD_NEW_REGS, THREAD_FLAGS_OFFSET(%rcx)
	jnz .Lsyscall_slow
	movq R_FLAGS(%rsp), %r11
	testl $FLAG_TF, %r11d
	jnz .Lsyscall_slow
	movq R_IP(%rsp), %rcx
	movq R_R10(%rsp), %r10
	movq R_R9(%rsp), %r9
	movq R_R8(%rsp), %r8
	movq R_DX(%rsp), %rdx
	movq R_SI(%rsp), %rsi
	movq R_DI(%rsp), %rdi
	movq R_BP(%rsp), %rbp
	movq R_SP(%rsp), %rsp
	swapgs
	sysretq
.Lsyscall_slow:
	movq %rax, R_AX(%rsp)
.Lsyscall_slow_regs:
	movq %gs:CPU_CURRENT, %rax
	testb $THREAD_EXIT_TRACE, THREAD_FLAGS_OFFSET(%rax)
	jz .Lsyscall_work
	movq %rsp, %rdi
	subq $8, %rsp
	sti
	call hook_syscall_exit
	cli
	addq $8, %rsp
.Lsyscall_work:
	movq %gs:CPU_CURRENT, %rax
	testl $THREAD_WORK_MASK, THREAD_FLAGS_OFFSET(%rax)
	jz .Lsyscall_leave
	movq %rsp, %rdi
	subq $8, %rsp
	call hook_exit_to_user
	addq $8, %rsp
	jmp .Lsyscall_work
.Lsyscall_leave:
	testl $THREAD_NEW_REGS, THREAD_FLAGS_OFFSET(%rax)
	jz 1f
	lock andl $~THREAD_NEW_REGS, THREAD_FLAGS_OFFSET(%rax)
1:
	/* SYSRET wants cx = ip, r11 = flags, plain selectors, a user ip (the canonical check runs in kernel mode on Intel), no TF, RF, IOPL. */
	movq R_CX(%rsp), %rcx
	movq R_R11(%rsp), %r11
	cmpq R_IP(%rsp), %rcx
	jne .Liret_user
	cmpq R_FLAGS(%rsp), %r11
	jne .Liret_user
	cmpq $0x33, R_CS(%rsp)
	jne .Liret_user
	cmpq $0x2b, R_SS(%rsp)
	jne .Liret_user
	movl %r11d, %eax
	andl $FLAG_VM | FLAG_RF | FLAG_IOPL | FLAG_IF | FLAG_TF, %eax
	cmpl $FLAG_IF, %eax
	jne .Liret_user
	movq %rcx, %rax
	shrq $47, %rax
	jnz .Liret_user
	POP_REST
	popq %rdi
	movq R_SP - R_ORIG_AX(%rsp), %rsp
	swapgs
	sysretq
END(syscall_entry)

/* First switch to a user thread: ax = the thread that ran before, rsp = its struct regs. */
ENTRY(ret_from_fork)
	xorl %ebp, %ebp
	movq %rax, %rdi
	movq %rsp, %rsi
	subq $8, %rsp
	call hook_ret_from_fork
	addq $8, %rsp
	cli
	jmp .Lsyscall_slow_regs
END(ret_from_fork)

/* First switch to a kernel thread: ax = the thread before, bx = function, r12 = its argument. */
ENTRY(kthread_entry)
	xorl %ebp, %ebp
	movq %rax, %rdi
	xorl %esi, %esi
	call hook_ret_from_fork
	sti
	movq %r12, %rdi
	call *%rbx
	ud2
END(kthread_entry)

/* Interrupts and exceptions: di pushed, edi = vector. */
	.type entry_common, @function
	.p2align 4
entry_common:
	PUSH_REST
	cld
	CLAC
	testb $3, R_CS(%rsp)
	jz .Lfrom_kernel
	swapgs
	movq %rsp, %rsi
	subq $8, %rsp
	call arch_trap
	addq $8, %rsp
.Lreturn_user:
	cli
	movq %gs:CPU_CURRENT, %rax
	testl $THREAD_WORK_MASK, THREAD_FLAGS_OFFSET(%rax)
	jnz .Luser_work
.Liret_user:
	/* Whatever was written into the frame: ring 3, interrupts on, no I/O privilege. */
	orl $3, R_CS(%rsp)
	orl $3, R_SS(%rsp)
	andl $~(FLAG_IOPL | FLAG_VM), R_FLAGS(%rsp)
	orl $FLAG_IF, R_FLAGS(%rsp)
	POP_REST
	popq %rdi
	addq $8, %rsp
	swapgs
	.globl iret_to_user
iret_to_user:
	iretq
.Luser_work:
	movq %rsp, %rdi
	subq $8, %rsp
	call hook_exit_to_user
	addq $8, %rsp
	jmp .Lreturn_user

.Lfrom_kernel:
	cmpq $iret_to_user, R_IP(%rsp)
	je .Lbad_iret
	movq %rsp, %rsi
	subq $8, %rsp
	call arch_trap
	addq $8, %rsp
	POP_REST
	popq %rdi
	addq $8, %rsp
	iretq
.Lbad_iret:
	swapgs
	movl %edi, %ebx		/* the vector; bx is saved */
	movq %rsp, %rdi
	subq $8, %rsp
	call arch_bad_iret	/* returns the struct regs at the top of the stack, filled as if user mode had faulted */
	movq %rax, %rsp
	movl %ebx, %edi
	movq %rsp, %rsi
	subq $8, %rsp
	call arch_trap
	addq $8, %rsp
	jmp .Lreturn_user
	.size entry_common, . - entry_common

/* void arch_enter_user(void) */
ENTRY(arch_enter_user)
	cli
	movq %gs:CPU_KERNEL_SP, %rsp
	subq $R_SIZE, %rsp
	xorl %ebp, %ebp
	jmp .Lreturn_user
END(arch_enter_user)

/* NMI, double fault, machine check: own stacks, may interrupt anything, so GS is set by the stack's own pointer and put back afterwards. */
	.type entry_ist, @function
	.p2align 4
entry_ist:
	PUSH_REST
	cld
	CLAC
	movl $MSR_GS_BASE, %ecx
	rdmsr
	movl %eax, %ebx
	shlq $32, %rdx
	orq %rdx, %rbx
	movq %rsp, %rax
	orq $IST_STACK_SIZE - 1, %rax
	movq -15(%rax), %rax
	movq %rax, %rdx
	shrq $32, %rdx
	wrmsr
	movq %rsp, %rsi
	subq $8, %rsp
	call arch_ist_trap
	addq $8, %rsp
	movl $MSR_GS_BASE, %ecx
	movl %ebx, %eax
	movq %rbx, %rdx
	shrq $32, %rdx
	wrmsr
	POP_REST
	popq %rdi
	addq $8, %rsp
	iretq
	.size entry_ist, . - entry_ist

/* The stubs, 16 bytes each, one per vector. Exceptions 8, 10-14, 17, 21, 29 and 30 push an error code themselves. */
	.globl entry_stubs
	.type entry_stubs, @function
	.p2align 4
entry_stubs:
	.set vector, 0
	.rept 256
	.p2align 4
	.if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30
	.elseif vector < 32
	pushq $0
	.else
	pushq $-1
	.endif
	pushq %rdi
	movl $vector, %edi
	.if vector == 2 || vector == 8 || vector == 18
	jmp entry_ist
	.else
	jmp entry_common
	.endif
	.set vector, vector + 1
	.endr
	.size entry_stubs, . - entry_stubs

/* struct thread *switch_stacks(struct thread *prev, struct thread *next): returns in next's context with prev. */
ENTRY(switch_stacks)
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, THREAD_KSP(%rdi)
	movq THREAD_KSP(%rsi), %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	movq %rdi, %rax
	ret
END(switch_stacks)

	.section .note.GNU-stack, "", @progbits
