/* Rows that show how a birth's cost grows: with memory, mappings, open files, processes alive. The number is part of the row's name. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rows.h"

static void report_n(const char *what, int n, const char *unit, double v)
{
	char name[64];
	snprintf(name, sizeof(name), "%s_%d%s", what, n, unit);
	report(name, v);
}

static void measure_n(const char *what, int n, const char *unit, int rounds)
{
	char name[64];
	snprintf(name, sizeof(name), "%s_%d%s", what, n, unit);
	measure(name, fork_exit, rounds, 1);
}

/* --- memory ------------------------------------------------------------------------------------------------------------------------------- */

/* `count` writes, `step` bytes apart. */
static double write_some(char *p, int count, size_t step)
{
	double start = now();
	for (int i = 0; i < count; i++)
		p[(size_t)i * step] = 2;
	return (now() - start) / count;
}

/* The first writes after a fork, in the parent while the child sleeps, then in the child of another fork while the parent waits. */
static void first_writes(char *p, int mib, int count, size_t step, const char *what)
{
	char name[64], c;
	int go[2];
	if (pipe(go))
		die("pipe");
	pid_t pid = fork();
	if (!pid) {
		close(go[1]);
		_exit(read(go[0], &c, 1) != 0);
	}
	snprintf(name, sizeof(name), "parent_%s_%dMiB", what, mib);
	report(name, write_some(p, count, step));
	close(go[0]);
	close(go[1]);
	reap(pid);
	pid = fork();
	if (!pid) {
		snprintf(name, sizeof(name), "child_%s_%dMiB", what, mib);
		report(name, write_some(p, count, step));
		_exit(0);
	}
	reap(pid);
}

static void memory(int mib)
{
	char *p = mib ? touched((size_t)mib << 20) : NULL;
	if (mib && !p)
		return;
	measure_n("fork_exit_wait", mib, "MiB", mib > 64 ? 5 : 20);
	report_n("fork_call", mib, "MiB", fork_call(mib > 64 ? 3 : 20));
	if (mib == 256) {
		first_writes(p, mib, 1, 4096, "first_write");
		first_writes(p, mib, 64, 4096, "near_writes");
		first_writes(p, mib, 64, 4UL << 20, "spread_writes");
	}
	if (p)
		munmap(p, (size_t)mib << 20);
}

static void memories(void)
{
	static const int sizes[] = { 0, 1, 16, 64, 256 };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		memory(sizes[i]);
}
static void large_memory(void) { memory(1024); }

/* --- mappings ----------------------------------------------------------------------------------------------------------------------------- */

static void mappings(int n)
{
	/* Every second page has another protection, so that neighbours do not become one mapping. */
	size_t size = (size_t)n * 4096;
	char *p = touched(size);
	if (!p)
		return;
	for (int i = 0; i < n; i += 2)
		if (mprotect(p + (size_t)i * 4096, 4096, PROT_READ))
			die("mprotect");
	measure_n("fork_exit_wait", n, "maps", n > 100 ? 5 : 20);
	report_n("fork_call", n, "maps", fork_call(n > 100 ? 3 : 20));
	munmap(p, size);
}

static void all_mappings(void)
{
	mappings(10);
	mappings(1000);
	mappings(10000);
}

/* A forking server like an interpreter's: 256 MiB in 2,000 mappings. Until the child has answered through a pipe. */
static void zygote(void)
{
	size_t each = 128 << 10;
	char *p = touched(2000 * each);
	if (!p)
		return;
	for (int i = 0; i < 2000; i += 2)
		if (mprotect(p + (size_t)i * each, each, PROT_READ))
			die("mprotect");
	int result[2];
	double sum = 0;
	if (pipe(result))
		die("pipe");
	for (int i = 0; i < 5; i++) {
		char c = 0;
		double start = now();
		pid_t pid = fork();
		if (!pid)
			_exit(write(result[1], &c, 1) != 1);
		if (read(result[0], &c, 1) != 1)
			die("pipe");
		sum += now() - start;
		reap(pid);
	}
	report("zygote_first_result", sum / 5);
	close(result[0]);
	close(result[1]);
	munmap(p, 2000 * each);
}

/* --- files -------------------------------------------------------------------------------------------------------------------------------- */

static void files(int n)
{
	struct rlimit lim = { 20000, 20000 };
	int first = -1, last = -1;
	setrlimit(RLIMIT_NOFILE, &lim);
	for (int i = 0; i < n; i++) {
		last = dup(0);
		if (last < 0)
			last = open("/", O_RDONLY);
		if (last < 0)
			die("dup");
		if (first < 0)
			first = last;
	}
	measure_n("fork_exit_wait", n, "files", 5);
	report_n("fork_call", n, "files", fork_call(5));
	for (int fd = first; fd >= 0 && fd <= last; fd++)
		close(fd);
}

static void all_files(void)
{
	files(10);
	files(1000);
	files(10000);
}

/* --- processes ---------------------------------------------------------------------------------------------------------------------------- */

static void processes(int n)
{
	pid_t *pids = malloc((size_t)n * sizeof(*pids));
	for (int i = 0; i < n; i++) {
		pids[i] = fork();
		if (!pids[i])
			for (;;)
				pause();
		if (pids[i] < 0) {
			n = i;
			break;
		}
	}
	if (n)
		measure_n("fork_exit_wait", n, "procs", 20);
	for (int i = 0; i < n; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	free(pids);
}

static void some_processes(void)
{
	processes(100);
	processes(1000);
}
static void many_processes(void) { processes(10000); }

const struct row scale_rows[] = {
	{ "memory", memories },
	{ "+memory_1024", large_memory },
	{ "mappings", all_mappings },
	{ "zygote", zygote },
	{ "files", all_files },
	{ "processes", some_processes },
	{ "+processes_10000", many_processes },
	{ NULL },
};
