/*
 * User memory primitives. A fault in one of them lands at its fixup (exception table) with the registers as they were. Long copies by `rep
 * movsq`: one instruction per word under QEMU's instruction counting, and quick on hardware; short ones by single moves. After a fault in a
 * word copy the rest goes byte by byte, so that the count of bytes not copied is exact.
 */
#include "arch/x86_64/asm.h"

	.section .text.uaccess, "ax", @progbits

/* size_t arch_copy_user(void *dst, const void *src, size_t n): rdi, rsi, rdx */
ENTRY(arch_copy_user)
	STAC
	cmpq $64, %rdx
	jae 4f
	movq %rdx, %rcx
	cmpq $8, %rdx
	jb 2f
1:	movq (%rsi), %rax
10:	movq %rax, (%rdi)
	addq $8, %rsi
	addq $8, %rdi
	subq $8, %rcx
	cmpq $8, %rcx
	jae 1b
2:	testl %ecx, %ecx
	jz 3f
20:	movb (%rsi), %al
21:	movb %al, (%rdi)
	incq %rsi
	incq %rdi
	decq %rcx
	jnz 20b
3:	movq %rcx, %rax
	CLAC
	ret
4:	movq %rdx, %rcx
	shrq $3, %rcx
	andl $7, %edx
5:	rep movsq
	movl %edx, %ecx
	jmp 2b
6:	/* fault in the rep: cx words and dx bytes are left */
	leaq (%rdx, %rcx, 8), %rcx
	jmp 20b
	EXTABLE(1b, 20b)
	EXTABLE(10b, 20b)
	EXTABLE(20b, 3b)
	EXTABLE(21b, 3b)
	EXTABLE(5b, 6b)
END(arch_copy_user)

/* size_t arch_clear_user(void *dst, size_t n): rdi, rsi */
ENTRY(arch_clear_user)
	STAC
	xorl %eax, %eax
	movq %rsi, %rcx
	shrq $3, %rcx
	andl $7, %esi
1:	rep stosq
	movl %esi, %ecx
2:	testq %rcx, %rcx
	jz 4f
3:	movb %al, (%rdi)
	incq %rdi
	decq %rcx
	jnz 3b
4:	movq %rcx, %rax
	CLAC
	ret
5:	leaq (%rsi, %rcx, 8), %rcx
	jmp 2b
	EXTABLE(1b, 5b)
	EXTABLE(3b, 4b)
END(arch_clear_user)

/* long arch_strncpy_user(char *dst, const char *src, size_t n): rdi, rsi, rdx. Words while they hold no NUL, then bytes. */
ENTRY(arch_strncpy_user)
	STAC
	movq %rdx, %rcx
	movq $0x0101010101010101, %r8
	movq $0x8080808080808080, %r9
1:	cmpq $8, %rcx
	jb 3f
2:	movq (%rsi), %rax
	movq %rax, %r10
	movq %rax, %r11
	subq %r8, %r10
	notq %r11
	andq %r11, %r10
	testq %r9, %r10
	jnz 3f
	movq %rax, (%rdi)
	addq $8, %rsi
	addq $8, %rdi
	subq $8, %rcx
	jmp 1b
3:	testq %rcx, %rcx
	jz 5f
4:	movb (%rsi), %al
	movb %al, (%rdi)
	testb %al, %al
	jz 5f
	incq %rsi
	incq %rdi
	decq %rcx
	jnz 4b
5:	movq %rdx, %rax
	subq %rcx, %rax
	CLAC
	ret
6:	movq $-14, %rax		/* -EFAULT */
	CLAC
	ret
	EXTABLE(2b, 3b)
	EXTABLE(4b, 6b)
END(arch_strncpy_user)

/* int arch_cmpxchg_user32(u32 *uaddr, u32 old, u32 new, u32 *found): rdi, esi, edx, rcx */
ENTRY(arch_cmpxchg_user32)
	movl %esi, %eax
	STAC
1:	lock cmpxchgl %edx, (%rdi)
	CLAC
	movl %eax, (%rcx)
	xorl %eax, %eax
	ret
2:	CLAC
	movl $-14, %eax
	ret
	EXTABLE(1b, 2b)
END(arch_cmpxchg_user32)

	.section .note.GNU-stack, "", @progbits
