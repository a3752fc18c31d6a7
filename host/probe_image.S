/* The test guest (probe_guest.S, linked) as data of the command. PROBE_ELF comes from the Makefile. */
	.section .rodata
	.globl	probe_guest_start, probe_guest_end
	.balign	16
probe_guest_start:
	.incbin	PROBE_ELF
probe_guest_end:
	.section .note.GNU-stack, "", @progbits
