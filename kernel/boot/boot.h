/* The room boot: from the loader's hand-over to process 1's first instruction. Private to the room; nothing includes it from outside. */
#ifndef PANDO_BOOT_BOOT_H
#define PANDO_BOOT_BOOT_H

#include "lib/types.h"

#define CMDLINE_MAX 4096

/* What the loader told us, copied from its memory before that is given away. Constant after boot_read_info. */
struct boot_info {
	paddr_t initrd;        /* 0 = none */
	u64 initrd_size;
	paddr_t rsdp;          /* 0 = to be searched */
	char cmdline[CMDLINE_MAX];
};
extern struct boot_info boot_info;
/* Reads hvm_start_info at this physical address and fills the memory map. Panics when it is none. => early page tables: the first GiB is mapped */
void boot_read_info(paddr_t start_info);

#define INIT_ARGS_MAX 32

/* The kernel's parameters as parsed; constant after boot_parse_params. */
struct boot_params {
	const char *rdinit;               /* "/init" unless given */
	bool rdinit_given;
	const char *init;                 /* NULL unless given */
	int panic_timeout;
	int loglevel;                     /* what log_console_level becomes */
	u64 mem_limit;                    /* bytes, 0 = all */
	u32 max_cpus;
	u32 trace_events;                 /* pando.trace=: bit per event for the host, 0 = no trace */
	bool trace_lossy;                 /* ... the host may miss some rather than make anybody wait */
	bool fixed_addresses;             /* norandmaps: programs are loaded where they always are */
	bool serial_console;              /* no console= at all, or one that names a serial port */
	const char *consoles[4];          /* values of console= in order */
	u32 nr_consoles;
	const char *too_many;             /* the parameter that did not fit into argv or envp, or NULL */
	const char *argv[INIT_ARGS_MAX + 2]; /* process 1's; [0] is filled in when it is started */
	const char *envp[INIT_ARGS_MAX + 2];
};
extern struct boot_params boot_params;
/* Pure: parses `cmdline` in place (the strings stay in use) into p. */
void boot_parse_params(char *cmdline, struct boot_params *p);

/* One row of the boot's lists. */
struct boot_row {
	const char *name;
	void (*run)(void);
};
/* Runs it and traces how long it took. */
void boot_run_row(const struct boot_row *row);
/* trace.c: as pando.trace= says, gives the trace its rings and begins. After the row "memory" */
void boot_trace_start(void);

/* Process 1's function, and the completion it waits for until kthreadd exists. */
void kernel_init(void *unused);
void kernel_init_release(void);
/* The log's serial sink, first thing of all; and what the parameters say about it. */
void boot_console_init(void);
void boot_console_apply(void);

#endif
