/* One core dump: what coredump.c (who, where to), coredump_name.c (the pattern) and coredump_elf.c (the contents) share. */
#ifndef PANDO_PROC_COREDUMP_H
#define PANDO_PROC_COREDUMP_H

#include "proc/proc.h"

#define CORE_PATTERN_SIZE 128
#define CORE_ARGS_MAX 32

/* A thread that waits in its exit until the dump has been taken; on its own stack. */
struct core_thread {
	struct task *task;
	struct core_thread *next;
	struct completion done;
};
/* signal->core while a dump is in progress. On the dumper's stack. */
struct core_state {
	u32 waiting; /* S: threads that have not parked yet */
	struct core_thread *threads; /* S: those that have */
	struct completion all_parked;
};

/* Where the bytes go. Positions never run backwards: what is left out becomes a hole, or zeroes in a pipe. */
struct core_out {
	struct file *file;
	bool pipe;
	u64 pos; /* of the next byte */
	u64 skipped; /* bytes to be left out before it */
	u64 written; /* bytes really written */
	u64 limit; /* of those */
};

struct core_dump {
	int sig;
	const struct ksiginfo *info;
	u64 limit; /* RLIMIT_CORE of the process when it died */
	u32 dumpable;
	struct core_state state;
	struct core_out out;
};

/* --- coredump_name.c: kernel.core_pattern --- */
/* What a pattern came to: a path, or the words of a program that takes the dump from its standard input. */
struct core_name {
	bool pipe;
	u32 argc;
	char *arg[CORE_ARGS_MAX + 1]; /* in text; arg[0] of a file is its path */
	char *text; /* allocated */
};
/* 0, -ENOMEM, -ENAMETOOLONG, -EINVAL (nothing but `|`, or too many words). core_name_free() in any case. */
int core_name_make(const struct core_dump *d, struct core_name *out);
void core_name_free(struct core_name *n);

/* --- coredump_elf.c --- */
/* Writes current's process, whose other threads are parked. true: there is a dump, though it may have been cut off. => no locks; may sleep */
bool core_write_elf(struct core_dump *d);

/* --- coredump.c --- */
/* All or nothing of n bytes; false: the limit, an error, SIGKILL. */
bool core_emit(struct core_out *o, const void *buf, size_t n);
void core_skip(struct core_out *o, u64 n);

/* current died of d's signal with its default action: writes its core as the settings say. The group exits from here on. => no locks */
void do_coredump(int sig, const struct ksiginfo *info);
/* => S, flags f; S is released. The exiting current waits for the end of the dump of its process. */
void coredump_park(u64 f);

/* kernel.core_pattern, with its writer's text (NUL-terminated; a newline ends it). */
void core_pattern_get(char out[CORE_PATTERN_SIZE]);
void core_pattern_set(const char *text);
extern u32 core_uses_pid, core_pipe_limit;

#endif
