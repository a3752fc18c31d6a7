/*
 * What a process costs. Each row does one thing n times and prints "name nanoseconds-per-round"; under QEMU's -icount shift=0 a nanosecond is a guest
 * instruction. A static program; the same binary runs on Pando and on Linux.
 *   birth [PATTERN...]         rows whose names match one of the shell patterns, or all; but not the large ones
 *   birth large [PATTERN...]   likewise the large ones
 *   birth brief [large] [PATTERN...]  in fewer processes a row, for wall time, where the machine boots several times
 *   birth spawn                the spawn rate on all CPUs
 *   birth list                 the rows' names, each with "small" or "large"
 *   birth tsc                  the rate of the time stamp counter in kHz, measured
 *   birth exit                 ends at once: what exec rows start when nothing else is at hand
 * As process 1 it mounts /proc and restarts the machine (QEMU runs with -no-reboot) at the end, so that it can be the whole of an initramfs.
 *
 * A row runs in several processes (PROCESSES) one after the other, each fresh from exec and so with an address layout of its own; their mean counts, or in wall
 * time the middle one. Layout decides how many page tables there are, which moves Linux's fork by some percent.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "rows.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define PROCESSES 8
#define PROCESSES_BIG 3 /* where much is set up; there layout decides little */
#define PROCESSES_BRIEF 5 /* of which the middle one counts: in wall time one that was disturbed shall not */
#define BATCHES 3
#define ABSENT 77

const char *program;
const struct row *row;
static char myself[256]; /* the path to execute this program by */
static int out; /* where report() writes to */

double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

void die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", row ? row->name : "birth", what, strerror(errno));
	_exit(1);
}

void absent(void) { _exit(ABSENT); }

void reap(pid_t pid)
{
	int status;
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		die("wait");
}

void report(double value)
{
	if (write(out, &value, sizeof(value)) != sizeof(value))
		die("report");
}

static int smaller(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

double middle(double *values, int n)
{
	qsort(values, (size_t)n, sizeof(*values), smaller);
	return values[n / 2];
}

/* Of the batches the middle one counts: a kernel's background work at that moment shall not decide. */
void measure(void (*fn)(void), int n, int per)
{
	double took[BATCHES];
	int each = n / BATCHES > 0 ? n / BATCHES : 1;
	fn();
	for (int b = 0; b < BATCHES; b++) {
		took[b] = now();
		MARK_START();
		for (int i = 0; i < each; i++)
			fn();
		MARK_STOP();
		took[b] = now() - took[b];
	}
	report(middle(took, BATCHES) / each / per);
}

char *touched(size_t size, bool huge)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("mmap");
	madvise(p, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE); /* a kernel without huge pages refuses, and needs no advice */
	madvise(p, size, MADV_POPULATE_WRITE); /* faster where it exists; what it left is touched page by page */
	for (size_t i = 0; i < size; i += 4096)
		p[i] = 1;
	return p;
}

/* --- one row in one process --------------------------------------------------------------------------------------------------------------- */

static const struct row *const tables[] = { process_rows, memory_rows, scale_rows };
#define TABLES (sizeof(tables) / sizeof(tables[0]))

static const struct row *row_named(const char *name)
{
	for (size_t t = 0; t < TABLES; t++)
		for (const struct row *r = tables[t]; r->name; r++)
			if (!strcmp(r->name, name))
				return r;
	return NULL;
}

static int run_row(const char *name, int fd)
{
	row = row_named(name);
	out = fd;
	if (!row)
		die(name);
	if (row->up)
		row->up();
	if (row->rounds)
		measure(row->fn, row->rounds, row->per);
	else
		row->fn();
	if (row->down)
		row->down();
	return 0;
}

/* --- all rows, as their parent ------------------------------------------------------------------------------------------------------------ */

/* Runs the row in a fresh process. 0, or -1 if it did not come to a figure. */
static int figure(const struct row *r, double *value)
{
	char fd[16];
	int p[2], status;
	if (pipe(p))
		die("pipe");
	snprintf(fd, sizeof(fd), "%d", p[1]);
	pid_t pid = fork();
	if (!pid) {
		const char *exe = r->exe ? r->exe : myself;
		close(p[0]);
		execl(exe, exe, "--row", r->name, fd, NULL);
		_exit(r->exe ? ABSENT : 1);
	}
	close(p[1]);
	ssize_t got = read(p[0], value, sizeof(*value));
	close(p[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("figure");
	if (status && !(WIFEXITED(status) && WEXITSTATUS(status) == ABSENT))
		fprintf(stderr, "%s: failed with status %#x\n", r->name, status);
	return got == sizeof(*value) && !status ? 0 : -1;
}

static bool brief;

/* In wall time the emulator's TLB decides what a switch costs: it is cleared whole, and is as large as what ran lately wanted. It shrinks at a switch when it was
 * too large for 100 ms; so no row pays for the one before. */
static void settle(void)
{
	for (int i = 0; i < 3; i++) {
		usleep(110000);
		fork_exit();
	}
}

static void run(const struct row *r)
{
	int times = r->large ? 1 : r->n >= 64 ? PROCESSES_BIG : brief ? PROCESSES_BRIEF : PROCESSES;
	double sum = 0, value[PROCESSES];
	if (brief)
		settle();
	for (int i = 0; i < times; i++) {
		if (figure(r, &value[i]))
			return;
		sum += value[i];
	}
	printf("%s %.0f\n", r->name, brief ? middle(value, times) : sum / times);
	fflush(stdout);
}

static bool wanted(const char *name, int n, char **patterns)
{
	for (int i = 0; i < n; i++)
		if (!fnmatch(patterns[i], name, 0))
			return true;
	return n == 0;
}

static void run_all(bool large, int n, char **patterns)
{
	for (size_t t = 0; t < TABLES; t++)
		for (const struct row *r = tables[t]; r->name; r++)
			if (r->large == large && wanted(r->name, n, patterns))
				run(r);
}

/* Under -icount the time stamp counter counts instructions since the machine's reset, firmware included. */
static unsigned long long at_start;
__attribute__((constructor)) static void stamp(void) { at_start = __builtin_ia32_rdtsc(); }

static int list(void)
{
	puts("boot_to_process_1 small");
	for (size_t t = 0; t < TABLES; t++)
		for (const struct row *r = tables[t]; r->name; r++)
			printf("%s %s\n", r->name, r->large ? "large" : "small");
	return 0;
}

static int tsc(void)
{
	double start = now();
	unsigned long long from = __builtin_ia32_rdtsc();
	usleep(200000);
	unsigned long long to = __builtin_ia32_rdtsc();
	printf("%.0f\n", (double)(to - from) / (now() - start) * 1e6);
	return 0;
}

static void begin_machine(int n, char **patterns)
{
	mkdir("/proc", 0755);
	mkdir("/tmp", 01777);
	mount("proc", "/proc", "proc", 0, NULL);
	if (wanted("boot_to_process_1", n, patterns))
		printf("boot_to_process_1 %llu\n", at_start);
	fflush(stdout);
	sleep(3); /* what a kernel puts off until after boot; costs nothing under -icount sleep=off */
}

/* Whether the next argument is this one; then it is taken. */
static bool word(int *argc, char ***argv, const char *what)
{
	bool found = *argc > 0 && !strcmp(**argv, what);
	*argc -= found, *argv += found;
	return found;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "exit"))
		return 0;
	if (argc == 2 && !strcmp(argv[1], "list"))
		return list();
	if (argc == 2 && !strcmp(argv[1], "tsc"))
		return tsc();
	ssize_t n = readlink("/proc/self/exe", myself, sizeof(myself) - 1);
	if (n <= 0)
		strcpy(myself, "/init");
	program = access("/bin/tiny", X_OK) ? myself : "/bin/tiny";
	if (argc == 4 && !strcmp(argv[1], "--row"))
		return run_row(argv[2], atoi(argv[3]));
	argv++, argc--;
	brief = word(&argc, &argv, "brief");
	bool large = word(&argc, &argv, "large"), spawn = word(&argc, &argv, "spawn");
	if (getpid() == 1)
		begin_machine(large || spawn ? -1 : argc, argv);
	if (spawn)
		spawn_rates();
	else
		run_all(large, argc, argv);
	if (getpid() == 1)
		reboot(RB_AUTOBOOT);
	return 0;
}
