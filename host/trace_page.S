/* The page that trace_html.c fills, as bytes: trace_page, trace_page_end. */
	.section .rodata
	.global trace_page, trace_page_end
trace_page:
	.incbin PAGE
trace_page_end:
	.section .note.GNU-stack, "", @progbits
