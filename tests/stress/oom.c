/*
 * No memory left: oom CASE. Processes that eat all memory in several ways; each case says who must die of it and who must live. This program is small
 * and must survive, and so must a bystander that keeps checking its own memory. At the end memory is there again.
 */
#define OWN_MAIN
#include "stress.h"
#include <sys/resource.h>

static pid_t bystander(int *stop_fd)
{
	int fd[2];
	CHECK(pipe(fd) == 0);
	pid_t c = fork_ok();
	if (c) {
		close(fd[0]);
		*stop_fd = fd[1];
		return c;
	}
	close(fd[1]);
	fcntl(fd[0], F_SETFL, O_NONBLOCK);
	volatile unsigned long *p = map_at(NULL, 100 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	for (unsigned long n = 0;; n++) {
		char b;
		for (unsigned long i = 0; i < 100; i++) {
			if (p[i * 512] != (n ? n + i - 1 : 0))
				complain("a bystander's page %lu holds %lu in round %lu", i, p[i * 512], n);
			p[i * 512] = n + i;
		}
		if (read(fd[0], &b, 1) == 0)
			_exit(0);
		msleep(2);
	}
}
static void eat(void)
{
	for (;;) {
		volatile char *p = mmap(NULL, 4 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			_exit(12);
		for (unsigned long i = 0; i < 4 * MB; i += PAGE)
			p[i] = 1;
	}
}
static void *eat_thread(void *arg) { eat(); return arg; }
static void must_be_killed(pid_t c)
{
	int st = reap(c);
	if (!WIFSIGNALED(st) || WTERMSIG(st) != SIGKILL)
		complain("wait status %#x, not SIGKILL", st);
}
static void one(void)
{
	pid_t c = fork_ok();
	if (!c)
		eat();
	must_be_killed(c);
}
static void with_threads(void)
{
	pid_t c = fork_ok();
	if (!c) {
		for (int i = 0; i < 3; i++)
			start(eat_thread, NULL);
		eat();
	}
	must_be_killed(c);
}
/* Several at once: each of them dies in the end, one after the other. */
static void several(void)
{
	pid_t c[4];
	for (int i = 0; i < 4; i++) {
		c[i] = fork_ok();
		if (!c[i])
			eat();
	}
	for (int i = 0; i < 4; i++)
		must_be_killed(c[i]);
}
/* A large process forks, and both write to everything: there is room for one of them. */
static void after_fork(void)
{
	unsigned long pages = (unsigned long)sysconf(_SC_PHYS_PAGES) * 6 / 10;
	pid_t top = fork_ok();
	if (!top) {
		volatile unsigned long *p = map_at(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE);
		for (unsigned long i = 0; i < pages; i++)
			p[i * 512] = i;
		pid_t c = fork_ok();
		for (unsigned long i = 0; i < pages; i++) {
			CHECK(p[i * 512] == i);
			p[i * 512] = c ? i : ~i;
		}
		for (unsigned long i = 0; i < pages; i++)
			CHECK(p[i * 512] == (c ? i : ~i));
		if (c) {
			int st = reap(c);
			CHECK(st == 0 || (WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL));
		}
		_exit(0);
	}
	int st = reap(top);
	CHECK(st == 0 || (WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL));
}
/* Memory of a shared mapping goes with the last process that maps it. */
static void shared(void)
{
	pid_t c = fork_ok();
	if (!c) {
		for (;;) {
			volatile char *p = map_at(NULL, 4 * MB, PROT_READ | PROT_WRITE, MAP_SHARED);
			for (unsigned long i = 0; i < 4 * MB; i += PAGE)
				p[i] = 1;
		}
	}
	must_be_killed(c);
}
/* Others fork, exec and end while one eats: they may be refused, never hang. */
static void with_forks(void)
{
	pid_t f[3], c;
	for (int k = 0; k < 3; k++) {
		f[k] = fork_ok();
		if (f[k])
			continue;
		for (;;) {
			pid_t g = fork();
			if (!g) {
				execl("/bin/busybox", "busybox", "true", (char *)NULL);
				_exit(1);
			}
			if (g > 0)
				waitpid(g, NULL, 0);
			else
				msleep(1);
		}
	}
	for (int n = 0; n < 3; n++) {
		c = fork_ok();
		if (!c)
			eat();
		must_be_killed(c);
	}
	for (int k = 0; k < 3; k++) {
		kill(f[k], SIGKILL);
		reap(f[k]);
	}
}
/* A file system in memory fills up: an errno, not a death. */
static void file(void)
{
	static char buf[65536];
	int fd = open("/tmp/oom.file", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	ssize_t n;
	while ((n = write(fd, buf, sizeof(buf))) > 0)
		;
	CHECK(n < 0 && (errno == ENOSPC || errno == ENOMEM));
	pid_t c = fork_ok();
	if (!c)
		_exit(0);
	reap_ok(c);
	CHECK(unlink("/tmp/oom.file") == 0);
	close(fd);
}
/* Kernel memory: descriptors, mappings, pipes full of data, until something is refused. */
static void kernel_memory(void)
{
	pid_t c[40];
	int n, fd[2];
	for (n = 0; n < 40; n++) {
		c[n] = fork();
		if (c[n] < 0)
			break;
		if (c[n])
			continue;
		/* What the kernel holds for a process does not count against it: these small ones are to be chosen before all others. */
		static char buf[65536];
		int adj = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
		/* The last ones find nothing left for that, and go without a word: a line in the pipe of the output would cost a page of its own. */
		if (adj < 0 || write(adj, "1000", 4) != 4)
			_exit(0);
		close(adj);
		for (int i = 0; i < 400; i++) {
			if (pipe2(fd, O_NONBLOCK))
				break;
			while (write(fd[1], buf, sizeof(buf)) > 0)
				;
			char *p = mmap(NULL, PAGE * 2, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			if (p != MAP_FAILED)
				munmap(p, PAGE);
		}
		pause();
		_exit(0);
	}
	msleep(300);
	while (n--) {
		kill(c[n], SIGKILL);
		reap(c[n]);
	}
}

/* A bomb of forks that a limit of processes holds: bomb LIMIT, as an ordinary user. */
static void bomb(int limit)
{
	struct {
		int born, refused;
	} *s = map_shared(PAGE);
	pid_t top = fork_ok();
	if (!top) {
		CHECK(setpgid(0, 0) == 0 || getpid() == getpgrp());
		if (limit) {
			struct rlimit l = { (rlim_t)limit, (rlim_t)limit };
			CHECK(setrlimit(RLIMIT_NPROC, &l) == 0);
			CHECK(setgid(1000) == 0 && setuid(1000) == 0);
		}
		for (;;) {
			pid_t c = fork();
			if (c > 0)
				__atomic_add_fetch(&s->born, 1, __ATOMIC_RELAXED);
			if (c < 0) {
				CHECK(errno == EAGAIN || errno == ENOMEM);
				__atomic_add_fetch(&s->refused, 1, __ATOMIC_RELAXED);
				sched_yield();
			}
		}
	}
	double limit_time = now() + 20;
	while (__atomic_load_n(&s->refused, __ATOMIC_RELAXED) < 200 && now() < limit_time)
		msleep(5);
	int died = 0;
	while (kill(-top, SIGKILL) == 0 && died++ < 10000) {
		int st;
		if (waitpid(top, &st, WNOHANG) == top)
			break;
		msleep(1);
	}
	while (kill(-top, SIGKILL) == 0)
		msleep(1);
	if (s->refused < 200)
		complain("%d born, %d refused", s->born, s->refused);
	munmap(s, PAGE);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*fn)(void);
	} cases[] = { { "one", one }, { "threads", with_threads }, { "several", several }, { "fork", after_fork }, { "shared", shared },
		      { "forks", with_forks }, { "file", file }, { "kernel", kernel_memory } };
	int stop_fd;
	stress_name = "oom";
	CHECK(argc > 1);
	pid_t by = bystander(&stop_fd);
	if (!strcmp(argv[1], "bomb"))
		bomb(argc > 2 ? atoi(argv[2]) : 0);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!strcmp(argv[1], cases[i].name))
			cases[i].fn();
	close(stop_fd);
	reap_ok(by);
	return 0;
}
