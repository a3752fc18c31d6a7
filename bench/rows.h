/* The rows of bench/birth.c: how one is measured and reported. Every row runs in processes of its own; a value is nanoseconds a round. */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct row {
	const char *name;
	void (*fn)(void); /* one round; for a row with rounds == 0: measures by itself and calls report() once */
	int rounds; /* in each process */
	int per; /* operations in one round */
	void (*up)(void); /* unmeasured, before; or NULL. Likewise down, after */
	void (*down)(void);
	long n; /* what the name says: MiB, mappings, open files, processes */
	bool large; /* wants gigabytes of memory: only in a machine that has them */
	const char *exe; /* another build of this program, which the row is to run in; or NULL */
};
extern const struct row process_rows[], memory_rows[], scale_rows[]; /* each ends with an empty name */

extern const struct row *row; /* the one that this process runs */
extern const char *program; /* what exec rows start: its argument "exit" makes it end at once */

double now(void); /* ns */
void die(const char *what) __attribute__((noreturn));
/* Ends this process: the row does not exist on this kernel. */
void absent(void) __attribute__((noreturn));
/* Waits for pid, which must end with status 0. */
void reap(pid_t pid);
void fork_exit(void);
/* This process's figure; also out of a child, before it ends. */
void report(double value);
/* Runs fn once unmeasured, then n times in three batches, and reports the middle batch's mean divided by per. */
void measure(void (*fn)(void), int n, int per);
double middle(double *values, int n); /* sorts them */
/* Fresh private anonymous memory, written to once a page; with huge pages if the kernel has them and `huge`. */
char *touched(size_t size, bool huge);
/* bench/spawn_rate.c: how long one birth takes, machine-wide, while all CPUs give birth and others are alive. Prints its rows. */
void spawn_rates(void);

/* Around measured code, for scripts/bench --profile: see count_plugin.c. */
#define MARK_START() __asm__ __volatile__("nopl 0x5ba7(%%rax)" ::: "memory")
#define MARK_STOP() __asm__ __volatile__("nopl 0x5ba8(%%rax)" ::: "memory")

#endif
