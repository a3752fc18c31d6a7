/*
 * First instructions. pvh_entry: the boot CPU comes from the VMM in 32-bit protected mode without paging (ebx = hvm_start_info).
 * ap_trampoline: another CPU comes from SIPI in real mode. Both build or take the boot page tables: the first GiB at 0, at DIRECT_BASE and
 * at KERNEL_BASE, all writable and executable; arch_paging_init() leaves them as soon as it can, and each AP leaves them before its first C
 * code.
 */
#include "arch/x86_64/asm.h"

#define PA(sym) ((sym) - KERNEL_VMA)

	.section .note.Xen, "a", @note
	.p2align 2
	.long 4, 4, 18		/* name size, desc size, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long PA(pvh_entry)

	.section .boot.text, "ax", @progbits
	.code32
	.globl pvh_entry
	.type pvh_entry, @function
pvh_entry:
	cld
	movl %ebx, %ebp
	/* Tables: boot_root[0, direct] -> boot_pdpt[0] -> boot_pd; boot_root[511] -> boot_pdpt[510] as well: one PDPT does for all three. */
	movl $PA(boot_pdpt) + 3, %eax
	movl %eax, PA(boot_root)
	movl %eax, PA(boot_root) + 273 * 8
	movl %eax, PA(boot_root) + 511 * 8
	movl $PA(boot_pd) + 3, %eax
	movl %eax, PA(boot_pdpt)
	movl %eax, PA(boot_pdpt) + 510 * 8
	movl $PA(boot_pd), %edi
	movl $0x83, %eax
1:	movl %eax, (%edi)
	addl $8, %edi
	addl $0x200000, %eax
	cmpl $0x40000000, %eax
	jb 1b

	movl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $PA(boot_root), %eax
	movl %eax, %cr3
	/* NX exists on every CPU that can run the programs this kernel is for; without it the bit faults, so ask. */
	movl $0x80000001, %eax
	cpuid
	movl $EFER_LME | EFER_SCE, %eax
	btl $20, %edx
	jnc 2f
	orl $EFER_NXE, %eax
2:	movl $MSR_EFER, %ecx
	xorl %edx, %edx
	wrmsr
	movl $CR0_BOOT, %eax
	movl %eax, %cr0
	lgdtl PA(boot_gdtr32)
	ljmpl $8, $PA(boot64)

	.code64
boot64:
	movq $boot_high, %rax
	jmpq *%rax
boot_high:
	xorl %eax, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %fs
	movl %eax, %gs
	movl $0x10, %eax
	movl %eax, %ss
	movq $boot_kstack + 16384, %rsp
	movl %ebp, %edi
	xorl %ebp, %ebp
	pushq $0
	jmp arch_boot_cpu
	.size pvh_entry, . - pvh_entry

/* Long mode, boot page tables. The CPU takes a number; kernel_sp of that struct cpu is the top of its idle thread's stack. */
ap_high:
	/* Segments first: the boot GDT is known by its low address only. */
	xorl %eax, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %fs
	movl %eax, %gs
	movl $0x10, %eax
	movl %eax, %ss
	movq kernel_root, %rax
	movq %rax, %cr3
	movl $1, %eax
	lock xaddl %eax, ap_next
	cmpl ap_limit, %eax
	jae 9f
	movq ap_cpus(, %rax, 8), %rdi
	movq CPU_KERNEL_SP(%rdi), %rsp
	xorl %ebp, %ebp
	pushq $0
	jmp arch_ap_main
9:	cli
	hlt
	jmp 9b

	.section .rodata.trampoline, "a", @progbits
	/* Copied to TRAMPOLINE_BASE; runs there. Straight from real mode to long mode. */
	.code16
	.globl ap_trampoline, ap_trampoline_end
ap_trampoline:
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	movl $CR4_PAE, %eax
	movl %eax, %cr4
	movl ap_tr_root - ap_trampoline, %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	movl ap_tr_efer - ap_trampoline, %eax
	xorl %edx, %edx
	wrmsr
	lgdtl ap_tr_gdtr - ap_trampoline
	movl $CR0_BOOT, %eax
	movl %eax, %cr0
	ljmpl $8, $TRAMPOLINE_BASE + (ap_tr64 - ap_trampoline)
	.code64
ap_tr64:
	movq $ap_high, %rax
	jmpq *%rax
	.p2align 3
ap_tr_gdtr:
	.word 3 * 8 - 1
	.long PA(boot_gdt)
	.p2align 3
ap_tr_root:
	.long PA(boot_root)
	.globl ap_tr_efer
ap_tr_efer:	/* the boot CPU's, patched into the copy by smp.c */
	.long 0
ap_trampoline_end:

	.section .rodata.boot_gdt, "a", @progbits
	.p2align 3
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* 0x08 64-bit code */
	.quad 0x00cf93000000ffff	/* 0x10 data */
boot_gdtr32:
	.word 3 * 8 - 1
	.long PA(boot_gdt)

	.section .bss.boot_tables, "aw", @nobits
	.p2align 12
	.globl boot_root
boot_root:	.skip 4096
boot_pdpt:	.skip 4096
boot_pd:	.skip 4096
	.globl boot_kstack
	.p2align 14
boot_kstack:	.skip 16384

	.section .note.GNU-stack, "", @progbits
