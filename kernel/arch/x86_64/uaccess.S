/*
 * User memory primitives. A fault in one of them lands at its fixup (exception table) with the registers as they were. Long copies by `rep
 * movsq`: one instruction per word under QEMU's instruction counting, and quick on hardware; short ones by single moves. After a fault in a
 * word copy the rest goes byte by byte, so that the count of bytes not copied is exact.
 */
#include "arch/x86_64/asm.h"

	.section .text.uaccess, "ax", @progbits

/* size_t arch_copy_user(void *dst, const void *src, size_t n): rdi, rsi, rdx. Up to 64 bytes by overlapping moves from both ends; after a fault in one of
 * those everything is copied once more byte by byte, so that the count is exact. */
ENTRY(arch_copy_user)
	STAC
	cmpq $16, %rdx
	ja 4f
	cmpq $8, %rdx
	jae 2f
	cmpq $4, %rdx
	jb 9f
1:	movl (%rsi), %eax
11:	movl -4(%rsi, %rdx), %ecx
12:	movl %eax, (%rdi)
13:	movl %ecx, -4(%rdi, %rdx)
	xorl %eax, %eax
	CLAC
	ret
2:	movq (%rsi), %rax
21:	movq -8(%rsi, %rdx), %rcx
22:	movq %rax, (%rdi)
23:	movq %rcx, -8(%rdi, %rdx)
	xorl %eax, %eax
	CLAC
	ret
4:	cmpq $64, %rdx
	jae 7f
	cmpq $32, %rdx
	jbe 6f
	/* The middle, then as below. */
5:	movq 16(%rsi), %rax
51:	movq 24(%rsi), %rcx
52:	movq -32(%rsi, %rdx), %r8
53:	movq -24(%rsi, %rdx), %r9
54:	movq %rax, 16(%rdi)
55:	movq %rcx, 24(%rdi)
56:	movq %r8, -32(%rdi, %rdx)
57:	movq %r9, -24(%rdi, %rdx)
6:	movq (%rsi), %rax
61:	movq 8(%rsi), %rcx
62:	movq -16(%rsi, %rdx), %r8
63:	movq -8(%rsi, %rdx), %r9
64:	movq %rax, (%rdi)
65:	movq %rcx, 8(%rdi)
66:	movq %r8, -16(%rdi, %rdx)
67:	movq %r9, -8(%rdi, %rdx)
	xorl %eax, %eax
	CLAC
	ret
7:	movq %rdx, %rcx
	shrq $3, %rcx
	andl $7, %edx
71:	rep movsq
	movl %edx, %ecx
	jmp 91f
8:	/* fault in the rep: cx words and dx bytes are left */
	leaq (%rdx, %rcx, 8), %rcx
	jmp 91f
9:	movq %rdx, %rcx
91:	testq %rcx, %rcx
	jz 94f
92:	movb (%rsi), %al
93:	movb %al, (%rdi)
	incq %rsi
	incq %rdi
	decq %rcx
	jnz 92b
94:	movq %rcx, %rax
	CLAC
	ret
	EXTABLE(1b, 9b)
	EXTABLE(11b, 9b)
	EXTABLE(12b, 9b)
	EXTABLE(13b, 9b)
	EXTABLE(2b, 9b)
	EXTABLE(21b, 9b)
	EXTABLE(22b, 9b)
	EXTABLE(23b, 9b)
	EXTABLE(5b, 9b)
	EXTABLE(51b, 9b)
	EXTABLE(52b, 9b)
	EXTABLE(53b, 9b)
	EXTABLE(54b, 9b)
	EXTABLE(55b, 9b)
	EXTABLE(56b, 9b)
	EXTABLE(57b, 9b)
	EXTABLE(6b, 9b)
	EXTABLE(61b, 9b)
	EXTABLE(62b, 9b)
	EXTABLE(63b, 9b)
	EXTABLE(64b, 9b)
	EXTABLE(65b, 9b)
	EXTABLE(66b, 9b)
	EXTABLE(67b, 9b)
	EXTABLE(71b, 8b)
	EXTABLE(92b, 94b)
	EXTABLE(93b, 94b)
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
