/*
 * Single loads and stores of user memory, several under one opening of SMAP:
 *     user_access_begin(); user_store(v, addr, fault); ... user_access_end(); return 0;
 *     fault: user_access_end(); return -EFAULT;
 * The range is the caller's to check. Between begin and end there are no calls: whoever is switched to would run with SMAP open. A page that is not there is
 * faulted in, so an access may sleep.
 */
#ifndef PANDO_ARCH_USER_ACCESS_H
#define PANDO_ARCH_USER_ACCESS_H

#include "arch/x86_64/extable.h"
#include "lib/types.h"

/* As STAC and CLAC in asm.h. */
#define SMAP_SITE(insn)                                                                                                \
	"771: .byte 0x0f, 0x1f, 0x00\n.pushsection .smap_sites, \"a\"\n.long 771b - 0xffffffff80000000, " insn "\n.popsection\n"

static inline void user_access_begin(void) { __asm__ __volatile__(SMAP_SITE("0xcb010f")::: "memory"); }
static inline void user_access_end(void) { __asm__ __volatile__(SMAP_SITE("0xca010f")::: "memory"); }

/* Stores v, of 1, 2, 4 or 8 bytes, at the user address addr; jumps to `fault` when it cannot be written. */
#define user_store(v, addr, fault)                                                                                       \
	do {                                                                                                           \
		__typeof__((v) + 0) put_v_ = (v);                                                                      \
		__asm__ goto("1: mov %0, %1\n" EX_TABLE("1b", "%l[" #fault "]")::"r"(put_v_), "m"(*(__typeof__(put_v_) *)(addr)) : : fault); \
	} while (0)

/* The same for a load into the variable v. */
#define user_load(v, addr, fault) __asm__ goto("1: mov %1, %0\n" EX_TABLE("1b", "%l[" #fault "]") : "=r"(v) : "m"(*(const __typeof__(v) *)(addr)) : : fault)

#endif
