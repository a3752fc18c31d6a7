/* The rows of bench/birth.c: how one is measured and reported. A row prints "name value" lines; a value is nanoseconds per round. */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include <stddef.h>
#include <sys/types.h>

struct row {
	const char *name;
	void (*fn)(void);    /* one round; for a row with rounds == 0: does and prints everything itself */
	int rounds;
	int per;             /* operations in one round */
	void (*setup)(void); /* or NULL; likewise down */
	void (*down)(void);
};
extern const struct row process_rows[], memory_rows[], scale_rows[]; /* each ends with an empty name */

/* The program that exec rows start: its argument "exit" makes it end at once. */
extern const char *program;

double now(void); /* ns */
void die(const char *what) __attribute__((noreturn));
/* Waits for pid, which must end with status 0. */
void reap(pid_t pid);
void fork_exit(void);
void report(const char *name, double value);
/* Runs fn once unmeasured, then n times in five batches, and reports the middle batch's mean divided by per. */
void measure(const char *name, void (*fn)(void), int n, int per);
/* The median length of the fork call itself, in the parent, over n rounds of fork, exit, wait. */
double fork_call(int n);
/* Fresh private anonymous memory, written to once a page, without huge pages. */
char *touched(size_t size);
/* Around measured code, for scripts/bench --profile: see count_plugin.c. */
#define MARK_START() __asm__ __volatile__("nopl 0x5ba7(%%rax)" ::: "memory")
#define MARK_STOP() __asm__ __volatile__("nopl 0x5ba8(%%rax)" ::: "memory")

#endif
