/*
 * What the assembly files share with C: offsets in struct regs, struct cpu and struct thread (asserted in thread.c and boot/main.c),
 * selectors, MSRs.
 */
#ifndef PANDO_ARCH_ASM_H
#define PANDO_ARCH_ASM_H

/* struct regs */
#define R_BP 32
#define R_R11 48
#define R_R10 56
#define R_R9 64
#define R_R8 72
#define R_AX 80
#define R_CX 88
#define R_DX 96
#define R_SI 104
#define R_DI 112
#define R_ORIG_AX 120
#define R_IP 128
#define R_CS 136
#define R_FLAGS 144
#define R_SP 152
#define R_SS 160
#define R_SIZE 168

/* struct cpu, by GS */
#define CPU_CURRENT 8
#define CPU_KERNEL_SP 16
#define CPU_USER_SP 24

/* struct thread */
#define THREAD_KSP 0
#define THREAD_FLAGS_OFFSET 80
#define THREAD_WORK_MASK 0x21203
#define THREAD_EXIT_TRACE 0x80 /* TIF_SYSCALL_TRACE */
#define THREAD_NEW_REGS 0x10000 /* TIF_NEW_REGS */

/* Numbers from here on are in no table. */
#define SYSCALL_TABLE_SIZE 512

#define FLAG_TF 0x100
#define FLAG_IF 0x200
#define FLAG_IOPL 0x3000
#define FLAG_RF 0x10000
#define FLAG_VM 0x20000

#define MSR_APIC_BASE 0x1b
#define MSR_DEBUGCTL 0x1d9
#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_CSTAR 0xc0000083
#define MSR_SFMASK 0xc0000084
#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_TSC_AUX 0xc0000103
#define EFER_SCE 0x1
#define EFER_LME 0x100
#define EFER_NXE 0x800

#define CR0_BOOT 0x80050033 /* PG AM WP NE ET MP PE */
#define CR4_PAE 0x20
#define CR4_PGE 0x80
#define CR4_OSFXSR 0x200
#define CR4_OSXMMEXCPT 0x400
#define CR4_UMIP 0x800
#define CR4_FSGSBASE 0x10000
#define CR4_OSXSAVE 0x40000
#define CR4_SMEP 0x100000
#define CR4_SMAP 0x200000

/* Stacks of the IST vectors: size-aligned; the struct cpu pointer lies 16 bytes below the top. */
#define IST_STACK_SIZE 8192

/* Where the AP trampoline is copied: a page of low RAM. */
#define TRAMPOLINE_BASE 0x8000

#define KERNEL_VMA 0xffffffff80000000

#ifdef __ASSEMBLY__
#define ENTRY(name) .globl name; .type name, @function; .p2align 4; name:
#define END(name) .size name, . - name
/* If the instruction at `insn` faults on memory, continue at `fixup`. */
#define EXTABLE(insn, fixup) .pushsection __ex_table, "a"; .long (insn) - KERNEL_VMA, (fixup) - KERNEL_VMA; .popsection
/* Three-byte holes that cpu.c fills with STAC or CLAC on CPUs that have SMAP. */
#define STAC 771: .byte 0x0f, 0x1f, 0x00; .pushsection .smap_sites, "a"; .long 771b - KERNEL_VMA, 0xcb010f; .popsection
#define CLAC 771: .byte 0x0f, 0x1f, 0x00; .pushsection .smap_sites, "a"; .long 771b - KERNEL_VMA, 0xca010f; .popsection
#endif

#endif
