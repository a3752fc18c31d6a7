/*
 * What a process costs. Each row does one thing n times and prints "name nanoseconds-per-round"; under QEMU's -icount shift=0 a nanosecond is a guest
 * instruction. A static program; the same binary runs on Pando and on Linux.
 *   birth [NAME...]   all rows, or those whose names begin so; names beginning with '+' (the long rows) only when asked for
 *   birth exit        ends at once: what exec rows start when nothing else is at hand
 * As process 1 it mounts /proc and restarts the machine (QEMU runs with -no-reboot) at the end, so that it can be the whole of an initramfs.
 */
#define _GNU_SOURCE
#include <fcntl.h>
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

#define BATCHES 5

const char *program;

double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

void die(const char *what)
{
	perror(what);
	_exit(1);
}

void reap(pid_t pid)
{
	int status;
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		die("wait");
}

void report(const char *name, double value)
{
	printf("%s%s %.0f\n", getenv("BENCH_PREFIX") ? getenv("BENCH_PREFIX") : "", name, value);
	fflush(stdout);
}

static int smaller(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Five batches, of which the middle one counts: a kernel's background work at that moment shall not decide. */
void measure(const char *name, void (*fn)(void), int n, int per)
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
	qsort(took, BATCHES, sizeof(took[0]), smaller);
	report(name, took[BATCHES / 2] / each / per);
}

double fork_call(int n)
{
	double *took = calloc((size_t)n, sizeof(*took));
	for (int i = -1; i < n; i++) {
		double start = now();
		pid_t pid = fork();
		if (!pid)
			_exit(0);
		if (i >= 0)
			took[i] = now() - start;
		reap(pid);
	}
	qsort(took, (size_t)n, sizeof(*took), smaller);
	double middle = took[n / 2];
	free(took);
	return middle;
}

char *touched(size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	madvise(p, size, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < size; i += 4096)
		p[i] = 1;
	return p;
}

static int wanted(const char *name, int n, char **names)
{
	if (!n)
		return *name != '+';
	for (int i = 0; i < n; i++)
		if (!strncmp(name, names[i], strlen(names[i])))
			return 1;
	return 0;
}

static void run(const struct row *r, int n, char **names)
{
	for (; r->name; r++) {
		if (!wanted(r->name, n, names))
			continue;
		if (r->setup)
			r->setup();
		if (r->rounds)
			measure(r->name + (*r->name == '+'), r->fn, r->rounds, r->per);
		else
			r->fn();
		if (r->down)
			r->down();
	}
}

/* The thread rows once more with the other C library, if that build is at hand. */
static void run_glibc(int n, char **names)
{
	static char *args[] = { "/bin/birth-glibc", "thread_create_join", NULL };
	if (getenv("BENCH_PREFIX") || access(args[0], X_OK) || !wanted("thread_create_join_glibc", n, names))
		return;
	pid_t pid = fork();
	if (!pid) {
		setenv("BENCH_PREFIX", "glibc_", 1);
		execv(args[0], args);
		_exit(1);
	}
	reap(pid);
}

/* Under -icount the time stamp counter counts instructions since the machine's reset, firmware included. */
static unsigned long long at_start;
__attribute__((constructor)) static void stamp(void) { at_start = __builtin_ia32_rdtsc(); }

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "exit"))
		return 0;
	program = access("/bin/tiny", X_OK) ? argv[0] : "/bin/tiny";
	if (getpid() == 1) {
		mkdir("/proc", 0755);
		mkdir("/tmp", 01777);
		mount("proc", "/proc", "proc", 0, NULL);
		if (wanted("boot_to_process_1", argc - 1, argv + 1))
			report("boot_to_process_1", (double)at_start);
		sleep(3); /* what a kernel puts off until after boot; costs nothing under -icount sleep=off */
	}
	run(process_rows, argc - 1, argv + 1);
	run(memory_rows, argc - 1, argv + 1);
	run_glibc(argc - 1, argv + 1);
	run(scale_rows, argc - 1, argv + 1);
	if (getpid() == 1)
		reboot(RB_AUTOBOOT);
	return 0;
}
