/* Exception table entries from inline assembly: EX_TABLE("1b", "2b") inside the asm text. */
#ifndef PANDO_ARCH_EXTABLE_H
#define PANDO_ARCH_EXTABLE_H

#define EX_TABLE(insn, fixup)                                                                                          \
	".pushsection __ex_table, \"a\"\n.long (" insn ") - 0xffffffff80000000, (" fixup ") - 0xffffffff80000000\n.popsection\n"

#endif
