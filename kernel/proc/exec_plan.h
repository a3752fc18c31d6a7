/*
 * What an executable's bytes ask for, before anything is done about it. Pure: bytes in, numbers out; builds on the host, where it is fuzzed.
 * Nothing here trusts the file; sums are checked before they can wrap.
 */
#ifndef PANDO_PROC_EXEC_PLAN_H
#define PANDO_PROC_EXEC_PLAN_H

#include "lib/types.h"

#define EXEC_HEAD_SIZE 1024  /* bytes read from the start of the file; what is beyond its end is zero */
#define EXEC_SCRIPT_SIZE 256 /* of which a script's first line must fit in these */
#define EXEC_PHDR_MAX 73     /* 4096 bytes of program headers */
#define EXEC_PHDR_SIZE 56
#define EXEC_INTERP_MAX 4096
#define EXEC_USER_END 0x7ffffffff000UL

/* A PT_LOAD. prot: 1 read 2 write 4 execute, as PROT_*. */
struct exec_load {
	u64 vaddr, memsz, filesz, offset;
	u32 prot;
};
struct exec_plan {
	u64 entry;       /* e_entry */
	u64 phoff;       /* of the program headers in the file */
	u32 phnum;
	bool dyn;        /* ET_DYN: goes where there is room */
	bool has_interp; /* a PT_INTERP; its path lies at ... */
	bool stack_exec; /* PT_GNU_STACK asks for an executable stack */
	u64 interp_off;
	u64 interp_len;  /* with its NUL; 2 .. EXEC_INTERP_MAX */
	u64 phdr_vaddr;  /* of the program headers in memory, 0 = not loaded */
	u64 low, high;   /* page of the lowest byte, end of the highest (memsz) of all PT_LOADs */
	u64 align;       /* of the whole image: at least a page */
	u64 start_code, end_code, start_data, end_data;
	int late;        /* not 0: -errno of an image that cannot be mapped; Linux finds that out when it is too late to go back */
	u32 n;
	struct exec_load load[EXEC_PHDR_MAX];
};

/* Header: `head` has EXEC_HEAD_SIZE bytes. Sets entry, phoff, phnum, dyn. 0 or -ENOEXEC. */
int exec_plan_header(const u8 *head, struct exec_plan *p);
/* Program headers: `table` has p->phnum entries. 0 or -ENOEXEC (interpreter path); trouble with segments goes to p->late. */
int exec_plan_segments(const u8 *table, struct exec_plan *p);
/* Where an image that is moved by `bias` collides with the end of user space: 0 or -errno. */
int exec_plan_check_bias(const struct exec_plan *p, u64 bias);

/* The pages of one segment at its place. */
struct exec_pages {
	u64 map_addr, map_len, map_off; /* file part; map_len 0 = none */
	u64 zero_addr, zero_len;        /* rest of the last file page, to be cleared */
	u64 anon_addr, anon_len;        /* anonymous pages behind */
};
void exec_plan_pages(const struct exec_load *l, u64 bias, struct exec_pages *out);

/* A #! line. Offsets into the buffer; arg_len 0 = no argument. */
struct exec_script {
	u32 interp, interp_len;
	u32 arg, arg_len;
};
/* 0, or -ENOEXEC: not a script, or one that cannot be. `head` has at least EXEC_SCRIPT_SIZE bytes. */
int exec_script_parse(const u8 *head, struct exec_script *s);

#endif
