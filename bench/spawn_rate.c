/* How fast a machine with several CPUs gives birth, by the number of processes that live already. Entry point: spawn_rates(). */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rows.h"

#define SPANS 3
#define SPAN 0.7e9 /* ns */

/* Until the time is over: births, counted. */
static void give_birth(double until, long *count)
{
	while (now() < until) {
		fork_exit();
		__atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
	}
}

/* One process for each CPU gives birth; the machine-wide time for one birth. */
static double span(long cpus, long *count)
{
	double start = now(), until = start + SPAN;
	pid_t makers[64];
	*count = 0;
	for (long i = 0; i < cpus; i++) {
		makers[i] = fork();
		if (!makers[i]) {
			give_birth(until, count);
			_exit(0);
		}
	}
	for (long i = 0; i < cpus; i++)
		reap(makers[i]);
	return (now() - start) / (double)*count;
}

void spawn_rates(void)
{
	static const long alive[] = { 0, 1000, 10000, 30000 };
	long cpus = sysconf(_SC_NPROCESSORS_ONLN), *count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (long i = 0, made = 0; i < (long)(sizeof(alive) / sizeof(alive[0])); i++) {
		for (; made < alive[i]; made++) {
			pid_t pid = fork();
			if (!pid)
				for (;;)
					pause();
			if (pid < 0)
				die("fork");
		}
		double took[SPANS];
		for (int s = 0; s < SPANS; s++)
			took[s] = span(cpus < 64 ? cpus : 64, count);
		printf("spawn_%ldcpus_%ldprocs %.0f\n", cpus, alive[i], middle(took, SPANS));
		fflush(stdout);
	}
}
