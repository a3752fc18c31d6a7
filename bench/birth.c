/*
 * What a process costs: each row runs one operation n times and prints the nanoseconds per round, which under QEMU's -icount shift=0 are guest
 * instructions. A static program without arguments; the same binary runs on Pando and on Linux. Output: "name value", one row a line.
 * As process 1 (or with "off" as its argument) it powers the machine off at the end, so that it can be the whole of an initramfs.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

static void null_call(void) { syscall(SYS_getppid); }

static void reap(pid_t pid)
{
	int status;
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		die("wait");
}

static void fork_exit(void)
{
	pid_t pid = fork();
	if (!pid)
		_exit(0);
	reap(pid);
}

static void vfork_exit(void)
{
	pid_t pid = vfork();
	if (!pid)
		_exit(0);
	reap(pid);
}

static char *self[] = { "/proc/self/exe", "exit", NULL };
static const char *program;

static void fork_exec(void)
{
	pid_t pid = fork();
	if (!pid) {
		execv(program, self);
		_exit(1);
	}
	reap(pid);
}

static void vfork_exec(void)
{
	pid_t pid = vfork();
	if (!pid) {
		execv(program, self);
		_exit(1);
	}
	reap(pid);
}

static void *nothing(void *arg) { return arg; }
static void thread(void)
{
	pthread_t t;
	if (pthread_create(&t, NULL, nothing, NULL))
		die("pthread_create");
	pthread_join(t, NULL);
}

static int ping[2], pong[2];
static void pipe_round(void)
{
	char c = 0;
	if (write(ping[1], &c, 1) != 1 || read(pong[0], &c, 1) != 1)
		die("pipe");
}

static volatile sig_atomic_t hits;
static void on_signal(int sig) { hits += sig != 0; }
static void signal_self(void) { raise(SIGUSR1); }

static char *area;
static size_t at;
static void write_fault(void)
{
	area[at] = 1;
	at += 4096;
}

static void map_page(void)
{
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*p = 1;
	munmap(p, 4096);
}

static void measure(const char *name, void (*fn)(void), int n)
{
	fn();
	double start = now();
	for (int i = 0; i < n; i++)
		fn();
	printf("%s %.0f\n", name, (now() - start) / n);
	fflush(stdout);
}

/* fork with `mib` touched: the call alone in the parent, and the whole round. */
static void big_fork(int mib)
{
	char name[64];
	size_t size = (size_t)mib << 20;
	char *p = size ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : NULL;
	if (p == MAP_FAILED)
		return;
	for (size_t i = 0; i < size; i += 4096)
		p[i] = 1;
	snprintf(name, sizeof(name), "fork_exit_wait_%dMiB", mib);
	measure(name, fork_exit, 20);
	double sum = 0;
	for (int i = 0; i < 10; i++) {
		double t = now();
		pid_t pid = fork();
		if (!pid)
			_exit(0);
		sum += now() - t;
		reap(pid);
	}
	printf("fork_call_%dMiB %.0f\n", mib, sum / 10);
	if (size)
		munmap(p, size);
}

static void pipes(int rounds)
{
	if (pipe(ping) || pipe(pong))
		die("pipe");
	pid_t pid = fork();
	if (!pid) {
		char c;
		close(ping[1]);
		while (read(ping[0], &c, 1) == 1)
			if (write(pong[1], &c, 1) != 1)
				break;
		_exit(0);
	}
	measure("pipe_round_trip", pipe_round, rounds);
	close(ping[1]);
	reap(pid);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "exit"))
		return 0;
	program = argv[0];
	signal(SIGUSR1, on_signal);
	measure("null_call", null_call, 2000);
	measure("fork_exit_wait", fork_exit, 200);
	measure("vfork_exit_wait", vfork_exit, 200);
	measure("fork_exec_wait", fork_exec, 100);
	measure("vfork_exec_wait", vfork_exec, 100);
	measure("thread_create_join", thread, 200);
	pipes(500);
	measure("signal_self", signal_self, 500);
	area = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(area, 4 << 20, MADV_NOHUGEPAGE);
	measure("write_fault", write_fault, 900);
	measure("map_touch_unmap", map_page, 300);
	big_fork(0);
	big_fork(16);
	big_fork(128);
	if (getpid() == 1 || (argc > 1 && !strcmp(argv[1], "off")))
		reboot(RB_POWER_OFF);
	return 0;
}
