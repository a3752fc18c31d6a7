/* One execve in progress, shared by exec.c (the sequence), exec_load.c (the new address space), exec_stack.c (arguments) and exec_commit.c. */
#ifndef PANDO_PROC_EXEC_H
#define PANDO_PROC_EXEC_H

#include "proc/exec_plan.h"
#include "proc/proc.h"

/* Sysctl kernel.randomize_va_space: 0 nothing, 1 all but the heap, 2 all. */
extern u32 randomize_va_space;
/* Sysctls vm.mmap_rnd_bits, vm.legacy_va_layout. */
extern u32 mmap_rnd_bits, legacy_va_layout;
/* Sysctl fs.suid_dumpable. */
extern u32 suid_dumpable;

#define EXEC_SLOTS_INLINE 80
#define EXEC_SLOTS_FRONT 16 /* room for what scripts put before argv: 5 times 2 more than they take */

/* A list of strings: at first the addresses where they lie, after copying their distance from the stack's top. */
struct exec_strings {
	u64 *slot;     /* inline_slots, or allocated */
	u32 first, n, cap;
	u64 inline_slots[EXEC_SLOTS_INLINE];
};
/* The strings' bytes, gathered in kernel pages from the top of the stack downwards. */
struct exec_args {
	struct exec_strings argv, envp;
	u64 used;      /* bytes below the top, the 8 zero bytes included */
	u64 limit;     /* of used */
	u64 env_low;   /* used when the environment was in: end of the arguments */
	u64 env_high;  /* used before the environment */
	u64 execfn;    /* where the path begins */
	char **page;   /* [k] = the page whose end is k pages below the top */
	u32 n_pages, cap_pages;
	u32 given;     /* of the pages, the first so many belong to the new address space by now */
	char *inline_pages[4];
};
/* argv or envp as the caller gives them. */
struct exec_source {
	bool kernel;   /* addr points at kernel pointers to kernel strings */
	u64 addr;
};

struct exec {
	struct file *file;         /* the one under examination; write access to it is denied */
	struct mm *mm;             /* the new address space, built aside */
	char *path;                /* as the caller named it, or /dev/fd/N...: comm, AT_EXECFN */
	char *interp;              /* of a script, the path it was found by: allocated when it is not `path` */
	char *fd_path;             /* allocated path, or NULL */
	bool path_inaccessible;    /* only reachable through a close-on-exec descriptor */
	bool comm_from_dentry;     /* execveat with an empty path */
	bool unreadable;           /* the caller may not read the program: not dumpable */
	bool committed;            /* past the point of no return */
	bool unsafe;               /* the fs context is shared with another process */
	bool secure;               /* AT_SECURE */
	bool keep_argv0;           /* AT_FLAGS: the interpreter's arguments include the original argv[0] (binfmt_misc) */
	bool creds_of_executable;  /* set-id bits and capabilities are those of `executable` */
	struct file *executable;   /* what the program is to interpret, handed over as AT_EXECFD, or NULL */
	u32 execfd_slot;           /* words from the auxiliary vector's start to AT_EXECFD's value */
	bool randomize;
	u32 personality; /* of the new program */
	struct cred *cred;         /* the new credentials until they are committed */
	struct rlimit_pair rlim_stack; /* as it was at the start */
	struct exec_args args;
	/* exec_load.c */
	u64 stack_top;
	u64 bias, interp_bias, entry, sp;
	u8 head[EXEC_HEAD_SIZE];
	struct exec_plan plan;
	struct exec_plan interp_plan;
	struct file *interp_file;  /* the ELF interpreter, or NULL */
	u64 planned_at;            /* while execs are traced: clock_mono() just before the point of no return */
};

/* --- exec_stack.c: the argument stack --- */
/* Counts and remembers the pointers. 0, -EFAULT, -E2BIG, -ENOMEM. */
int exec_collect(struct exec *e, const struct exec_source *argv, const struct exec_source *envp);
/* Copies path, environment and arguments within the budget. 0, -E2BIG, -EFAULT. */
int exec_copy_strings(struct exec *e, const struct exec_source *argv, const struct exec_source *envp);
/* Scripts: drops argv[0] / puts a kernel string before argv. */
void exec_drop_arg0(struct exec *e);
int exec_push_arg(struct exec *e, const char *s);
/* Maps the stack of e->mm below e->stack_top and writes strings, auxiliary vector and pointers; sets e->sp and the mm's arg_*, env_*, auxv. 0 or -errno. */
int exec_build_stack(struct exec *e);
void exec_args_free(struct exec_args *a);
/* Copies the arguments, a NUL after each, until buf is full; returns the bytes. */
u32 exec_args_text(const struct exec_args *a, char *buf, u32 size);

/* --- exec_load.c: the ELF loader --- */
/* Everything before the point of no return that concerns ELF: plans of the program and its interpreter. 0 or -errno (-ENOEXEC: not ours). */
int exec_plan_elf(struct exec *e);
/* Fills e->mm. 0, or -errno with which the program is killed after the point of no return. */
int exec_build_image(struct exec *e);

/* --- exec_commit.c --- */
/* The point of no return and all that is behind it but the registers. 0 or -errno (then e->committed tells whether the caller still lives). */
int exec_commit(struct exec *e);

#endif
