/*
 * The guest with which accel.c finds out whether a hypervisor works: a PVH kernel of a few instructions. It does what a real kernel
 * cannot do without (paging, long mode, an exception and its return), says 'P' on the serial port, and resets the machine.
 */
	.section .note.pvh, "a", @note
	.long	4, 4, 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	_start

	.text
	.code32
	.globl	_start
_start:
	movl	$stack_top, %esp
	/* One table of each level; 2 MiB pages for the first GiB. */
	movl	$pdpt + 3, pml4
	movl	$pd + 3, pdpt
	xorl	%ecx, %ecx
1:	movl	%ecx, %eax
	shll	$21, %eax
	orl	$0x83, %eax
	movl	%eax, pd(, %ecx, 8)
	incl	%ecx
	cmpl	$512, %ecx
	jne	1b
	movl	$pml4, %eax
	movl	%eax, %cr3
	movl	%cr4, %eax
	orl	$0x20, %eax		/* PAE */
	movl	%eax, %cr4
	movl	$0xc0000080, %ecx	/* EFER.LME */
	rdmsr
	orl	$0x100, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$0x80000000, %eax
	movl	%eax, %cr0
	lgdt	gdt_pointer
	ljmp	$8, $long_mode

	.code64
long_mode:
	movl	$16, %eax
	movl	%eax, %ss
	movl	%eax, %ds
	/* The gate of #BP. */
	leaq	breakpoint(%rip), %rax
	movw	%ax, idt + 3 * 16
	movw	$8, idt + 3 * 16 + 2
	movw	$0x8e00, idt + 3 * 16 + 4
	shrq	$16, %rax
	movw	%ax, idt + 3 * 16 + 6
	lidt	idt_pointer
	xorl	%ebx, %ebx
	int3
	cmpl	$1, %ebx
	jne	reset
	movw	$0x3f8, %dx
	movb	$'P', %al
	outb	%al, %dx
reset:
	lidt	no_idt
	ud2
breakpoint:
	incl	%ebx
	iretq

	.section .rodata
	.balign	8
gdt:	.quad	0
	.quad	0x00af9a000000ffff
	.quad	0x00cf92000000ffff
gdt_pointer:
	.word	23
	.long	gdt
idt_pointer:
	.word	4 * 16 - 1
	.quad	idt
no_idt:
	.word	0
	.quad	0

	.bss
	.balign	4096
pml4:	.skip	4096
pdpt:	.skip	4096
pd:	.skip	4096
idt:	.skip	64
	.balign	16
	.skip	512
stack_top:
	.section .note.GNU-stack, "", @progbits
