/* The finished vDSO, page-aligned, as the kernel carries it. VDSO_IMAGE: its path (scripts/vdso.mk). */
	.section .rodata.vdso, "a", @progbits
	.balign 4096
	.global vdso_image
vdso_image:
	.incbin VDSO_IMAGE
	.balign 4096
	.global vdso_image_end
vdso_image_end:
	.section .note.GNU-stack, "", @progbits
