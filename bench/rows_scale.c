/* Rows that show how a birth's cost grows: with memory, mappings, open files, processes alive. The number is part of the row's name. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rows.h"

#ifndef SCHED_RESET_ON_FORK
#define SCHED_RESET_ON_FORK 0x40000000
#endif

/* What the row's `up` made: `size` bytes, of which every `unit`-th page is writable. */
static char *area;
static size_t size, unit = 4096;

/* --- what is measured --------------------------------------------------------------------------------------------------------------------- */

/* A parent of real-time priority whose child has none: the child cannot run before the call has returned. */
static void keep_the_cpu(bool keep)
{
	struct sched_param priority = { keep };
	if (syscall(SYS_sched_setscheduler, 0, keep ? SCHED_FIFO | SCHED_RESET_ON_FORK : SCHED_OTHER, &priority))
		die("sched_setscheduler");
}

/* The fork call itself, in the parent. */
static void fork_call(void)
{
	enum { ROUNDS = 15 };
	volatile bool *child_ran = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int rounds = row->large ? 1 : row->n >= 64 && size ? 5 : ROUNDS;
	double took[ROUNDS];
	for (int i = -1; i < rounds; i++) {
		*child_ran = false;
		keep_the_cpu(true);
		MARK_START();
		double start = now();
		pid_t pid = fork();
		if (!pid) {
			*child_ran = true;
			_exit(0);
		}
		double t = now() - start;
		MARK_STOP();
		if (*child_ran && sysconf(_SC_NPROCESSORS_ONLN) == 1)
			die("the child ran first");
		keep_the_cpu(false);
		if (i >= 0)
			took[i] = t;
		reap(pid);
	}
	report(middle(took, rounds));
}

enum how_far { FIRST, NEAR, SPREAD };

/* Writes of one kind, in nanoseconds each: to the first page; to neighbours; to pages evenly spread over the whole. */
static double write_some(enum how_far how)
{
	size_t there = size / unit, count = how == FIRST ? 1 : there < 64 ? there : 64, step = how == SPREAD ? there / count * unit : unit;
	MARK_START();
	double start = now();
	for (size_t i = 0; i < count; i++)
		area[i * step] = 2;
	double took = now() - start;
	MARK_STOP();
	return took / (double)count;
}

/* One event in a process's life is over in a microsecond: of several forks the middle one counts, and none before the code was run once. */
#define FORKS 9

/* Of the parent after a fork, while the child sleeps. */
static void parent_writes(enum how_far how)
{
	double took[FORKS];
	for (int i = -1; i < FORKS; i++) {
		char c;
		int go[2];
		if (pipe(go))
			die("pipe");
		pid_t pid = fork();
		if (!pid) {
			close(go[1]);
			_exit(read(go[0], &c, 1) != 0);
		}
		double t = write_some(how);
		close(go[0]);
		close(go[1]);
		reap(pid);
		if (i >= 0)
			took[i] = t;
	}
	report(middle(took, FORKS));
}

/* Of the child, while the parent waits. */
static void child_writes(enum how_far how)
{
	double *told = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), took[FORKS];
	for (int i = -1; i < FORKS; i++) {
		pid_t pid = fork();
		if (!pid) {
			*told = write_some(how);
			_exit(0);
		}
		reap(pid);
		if (i >= 0)
			took[i] = *told;
	}
	report(middle(took, FORKS));
}

static void parent_first(void) { parent_writes(FIRST); }
static void parent_near(void) { parent_writes(NEAR); }
static void parent_spread(void) { parent_writes(SPREAD); }
static void child_first(void) { child_writes(FIRST); }
static void child_near(void) { child_writes(NEAR); }
static void child_spread(void) { child_writes(SPREAD); }

/* The first change of the inherited table of open files: in the child, and in the parent while the child lives. */
static void first_dup(bool in_child)
{
	double *told = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), took[FORKS];
	for (int i = -1; i < FORKS; i++) {
		pid_t pid = fork();
		if (pid < 0)
			die("fork");
		if (!pid && !in_child)
			for (;;)
				pause();
		if (!pid == in_child) {
			MARK_START();
			double start = now();
			int fd = dup(0);
			*told = now() - start;
			MARK_STOP();
			close(fd);
		}
		if (!pid)
			_exit(0);
		if (in_child) {
			reap(pid);
		} else {
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
		}
		if (i >= 0)
			took[i] = *told;
	}
	report(middle(took, FORKS));
}
static void parent_first_dup(void) { first_dup(false); }
static void child_first_dup(void) { first_dup(true); }

/* --- with much memory, many mappings, many files, many processes ---------------------------------------------------------------------------- */

static void memory(void)
{
	size = (size_t)row->n << 20;
	if (size)
		area = touched(size, false);
}

static void huge_memory(void)
{
	size = (size_t)row->n << 20;
	area = touched(size, true);
}

/* Every second piece of `each` bytes has another protection, so that neighbours do not become one mapping. */
static void cut(size_t each)
{
	for (size_t at = each; at < size; at += 2 * each)
		if (mprotect(area + at, each, PROT_READ))
			die("mprotect");
}

static void mappings(void)
{
	size = (size_t)row->n * 4096;
	unit = 8192;
	area = touched(size, false);
	cut(4096);
}

static void empty_mappings(void)
{
	size = (size_t)row->n * 4096;
	area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED)
		die("mmap");
	cut(4096);
}

static void files(void)
{
	struct rlimit lim = { 20000, 20000 };
	setrlimit(RLIMIT_NOFILE, &lim);
	int fd = open("/", O_RDONLY);
	for (long i = 1; i < row->n; i++)
		if (dup(fd) < 0)
			die("dup");
}

static pid_t *sleepers;
static void processes(void)
{
	sleepers = calloc((size_t)row->n + 1, sizeof(*sleepers));
	for (long i = 0; i < row->n; i++) {
		sleepers[i] = fork();
		if (!sleepers[i])
			for (;;)
				pause();
		if (sleepers[i] < 0)
			die("fork");
	}
}
static void end_processes(void)
{
	for (long i = 0; i < row->n; i++) {
		kill(sleepers[i], SIGKILL);
		waitpid(sleepers[i], NULL, 0);
	}
}

/* --- a forking server like an interpreter's ------------------------------------------------------------------------------------------------- */

/* 256 MiB in 2,000 mappings, and the stacks of 50 threads: 8 MiB each, a guard page below, 32 KiB of it in use. */
static void zygote(void)
{
	size_t stack = 8UL << 20, each = 128UL << 10;
	size = 2000 * each;
	area = touched(size, false);
	cut(each);
	for (int i = 0; i < 50; i++) {
		char *p = mmap(NULL, stack + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
		if (p == MAP_FAILED || mprotect(p, 4096, PROT_NONE))
			die("stack");
		for (size_t at = stack - (32 << 10); at < stack; at += 4096)
			p[4096 + at] = 1;
	}
}

/* From fork until the child has answered through a pipe, before which it writes to `writes` of its mappings. */
static void until_answer(int writes)
{
	double took[3];
	int result[2];
	if (pipe(result))
		die("pipe");
	for (int i = 0; i < 3; i++) {
		char c = 0;
		MARK_START();
		double start = now();
		pid_t pid = fork();
		if (!pid) {
			for (int w = 0; w < writes; w++)
				area[(size_t)w * 2 * (128UL << 10)] = 2;
			_exit(write(result[1], &c, 1) != 1);
		}
		if (read(result[0], &c, 1) != 1)
			die("pipe");
		took[i] = now() - start;
		MARK_STOP();
		reap(pid);
	}
	report(middle(took, 3));
}
static void first_result(void) { until_answer(0); }
static void first_result_writing(void) { until_answer(200); }

/* clang-format off */
#define FORK(name, n, up, down, large)					\
	{ "fork_exit_wait_" name, fork_exit, large ? 3 : 12, 1, up, down, n, large },	\
	{ "fork_call_" name, fork_call, 0, 0, up, down, n, large }
#define WRITES(name, n, up, large)							\
	{ "parent_first_write_" name, parent_first, 0, 0, up, NULL, n, large },	\
	{ "parent_near_writes_" name, parent_near, 0, 0, up, NULL, n, large },	\
	{ "parent_spread_writes_" name, parent_spread, 0, 0, up, NULL, n, large },	\
	{ "child_first_write_" name, child_first, 0, 0, up, NULL, n, large },	\
	{ "child_near_writes_" name, child_near, 0, 0, up, NULL, n, large },		\
	{ "child_spread_writes_" name, child_spread, 0, 0, up, NULL, n, large }
#define FILES(name, n)								\
	FORK(name, n, files, NULL, false),					\
	{ "parent_first_dup_" name, parent_first_dup, 0, 0, files, NULL, n },	\
	{ "child_first_dup_" name, child_first_dup, 0, 0, files, NULL, n }
/* clang-format on */

const struct row scale_rows[] = {
	FORK("0MiB", 0, memory, NULL, false),
	FORK("1MiB", 1, memory, NULL, false),
	FORK("16MiB", 16, memory, NULL, false),
	FORK("64MiB", 64, memory, NULL, false),
	FORK("256MiB", 256, memory, NULL, false),
	FORK("1024MiB", 1024, memory, NULL, true),
	FORK("1024MiB_huge", 1024, huge_memory, NULL, true),
	FORK("4096MiB", 4096, memory, NULL, true),
	WRITES("1MiB", 1, memory, false),
	WRITES("256MiB", 256, memory, false),
	FORK("10maps", 10, mappings, NULL, false),
	FORK("1000maps", 1000, mappings, NULL, false),
	FORK("10000maps", 10000, mappings, NULL, false),
	FORK("10000maps_empty", 10000, empty_mappings, NULL, false),
	WRITES("10maps", 10, mappings, false),
	WRITES("1000maps", 1000, mappings, false),
	WRITES("10000maps", 10000, mappings, false),
	FILES("10files", 10),
	FILES("1000files", 1000),
	FILES("10000files", 10000),
	{ "fork_exit_wait_0procs", fork_exit, 30, 1, processes, end_processes, 0 },
	{ "fork_exit_wait_1000procs", fork_exit, 30, 1, processes, end_processes, 1000 },
	{ "fork_exit_wait_10000procs", fork_exit, 60, 1, processes, end_processes, 10000, true },
	{ "fork_exit_wait_30000procs", fork_exit, 60, 1, processes, end_processes, 30000, true },
	{ "zygote_first_result", first_result, 0, 0, zygote },
	{ "zygote_first_result_writing", first_result_writing, 0, 0, zygote },
	{ NULL },
};
