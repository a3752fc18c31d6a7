/*
 * The guest tests' frame. A test program is one static Linux program with a table of cases:
 *
 *	static void adds(void) { CHECK(1 + 1 == 2); }
 *	CASES(CASE(adds))
 *
 * Each case runs in a child of its own (its own process group and directory under /tmp), with a time limit: a crash or a hang is one failed case.
 * Output: `ok NAME`, `not ok NAME: file:line expr errno`, `skip NAME: reason` per case; exit status 0, or 1 when a case failed. With arguments only the named cases run.
 * Processes that a case starts may use CHECK too: the first failure is reported, and the case fails whatever its own exit status is.
 * Helpers for exec: with a first argument that starts with "--", or an empty name, HELPER(argc, argv) runs instead, if the program defines it.
 */
#ifndef CHECK_H
#define CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Wild pointers are what many a case is about. */
#pragma GCC diagnostic ignored "-Wstringop-overflow"
#pragma GCC diagnostic ignored "-Wstringop-overread"
#pragma GCC diagnostic ignored "-Wnonnull"
#pragma GCC diagnostic ignored "-Warray-bounds"

#define CASE_SECONDS 30
#define CASE_FAILED 99
#define CASE_SKIPPED 98
#define NELEM(a) (sizeof(a) / sizeof((a)[0]))

struct check_case {
	const char *name;
	void (*fn)(void);
};
struct check_shared {
	volatile int failed;  /* a failure was reported */
	volatile int value[16]; /* free for the case; zero at its start */
	char name[64];
};
static struct check_shared *check_shared;
/* Memory that all processes of a case share. */
#define SHARED (check_shared->value)

static void check_print(const char *s) { if (write(1, s, strlen(s)) < 0) _exit(CASE_FAILED); }

__attribute__((unused)) static void check_fail(const char *file, int line, const char *expr, int err)
{
	char buf[512];
	const char *slash = strrchr(file, '/');
	if (__atomic_exchange_n(&check_shared->failed, 1, __ATOMIC_SEQ_CST) == 0) {
		snprintf(buf, sizeof(buf), "not ok %s: %s:%d %s errno %d\n", check_shared->name, slash ? slash + 1 : file, line, expr, err);
		check_print(buf);
	}
	_exit(CASE_FAILED);
}
__attribute__((unused)) static void check_skip(const char *why)
{
	char buf[256];
	snprintf(buf, sizeof(buf), "skip %s: %s\n", check_shared->name, why);
	check_print(buf);
	_exit(CASE_SKIPPED);
}
#define CHECK(c) do { if (!(c)) check_fail(__FILE__, __LINE__, #c, errno); } while (0)
/* The call fails with this errno. */
#define CHECK_ERR(call, e)                                                                                             \
	do {                                                                                                               \
		errno = 0;                                                                                                     \
		long check_ret_ = (long)(call);                                                                                \
		if (check_ret_ != -1 || errno != (e))                                                                          \
			check_fail(__FILE__, __LINE__, #call " fails with " #e, check_ret_ == -1 ? errno : 0);                     \
	} while (0)

/* --- helpers ----------------------------------------------------------------------------------------------------------------------------- */

/* Waits for pid: its wait status. */
__attribute__((unused)) static int reap(pid_t pid)
{
	int st;
	pid_t r;
	do
		r = waitpid(pid, &st, 0);
	while (r < 0 && errno == EINTR);
	CHECK(r == pid);
	return st;
}
/* Of a wait status: it ended with this code / by this signal. */
__attribute__((unused)) static int EXITED(int st, int code) { return WIFEXITED(st) && WEXITSTATUS(st) == code; }
__attribute__((unused)) static int KILLED(int st, int sig) { return WIFSIGNALED(st) && WTERMSIG(st) == sig; }
/* Runs the statement in a child; evaluates to its wait status. The child exits 0 behind it. */
#define IN_CHILD(...)                                                                                                  \
	({                                                                                                                 \
		pid_t in_child_ = fork();                                                                                      \
		CHECK(in_child_ >= 0);                                                                                         \
		if (!in_child_) {                                                                                              \
			__VA_ARGS__;                                                                                                  \
			_exit(0);                                                                                                  \
		}                                                                                                              \
		reap(in_child_);                                                                                               \
	})
__attribute__((unused)) static void msleep(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}
__attribute__((unused)) static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
/* Waits until *p is v: for words that another process or thread sets. */
__attribute__((unused)) static void await_value(volatile int *p, int v)
{
	while (*p != v)
		sched_yield();
}
/* The state letter of /proc/PID/stat, or 0. */
__attribute__((unused)) static char proc_state(pid_t pid)
{
	char path[40], buf[512], *p;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return 0;
	buf[n] = 0;
	p = strrchr(buf, ')');
	return p && p[1] ? p[2] : 0;
}
/* Waits until pid sleeps (or stops, or is dead: any state in `states`). One that is gone, or dead when it should not be, fails the case. */
__attribute__((unused)) static void await_state_at(const char *file, int line, pid_t pid, const char *states)
{
	char c, why[128];
	while (!(c = proc_state(pid)) || !strchr(states, c)) {
		if (!c || c == 'Z' || c == 'X') {
			snprintf(why, sizeof(why), "process %d, awaited in state %s, %s", pid, states, c ? "has ended" : "is gone");
			check_fail(file, line, why, 0);
		}
		msleep(1);
	}
}
#define await_state(pid, states) await_state_at(__FILE__, __LINE__, pid, states)
/* All of a file, which is shorter than size, with a 0 behind it. Its length. */
__attribute__((unused)) static size_t read_text(const char *path, char *buf, size_t size)
{
	size_t n = 0;
	ssize_t got;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	while ((got = read(fd, buf + n, size - n)) > 0)
		n += (size_t)got;
	CHECK(got == 0 && n < size);
	close(fd);
	buf[n] = 0;
	return n;
}
/* A child that does nothing until it is killed. */
__attribute__((unused)) static pid_t sleeping_child(void)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (!pid)
		for (;;)
			pause();
	return pid;
}
__attribute__((unused)) static void write_file(const char *path, const void *data, size_t n, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	CHECK(write(fd, data, n) == (ssize_t)n);
	CHECK(fchmod(fd, mode) == 0);
	close(fd);
}

/* A copy of this program's file (a link would do, but not on every file system). */
__attribute__((unused)) static void copy_self(const char *to, mode_t mode)
{
	static char buf[1 << 16];
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	ssize_t n;
	CHECK(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		CHECK(write(out, buf, (size_t)n) == n);
	CHECK(fchmod(out, mode) == 0);
	close(in);
	close(out);
}

/* --- running ----------------------------------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t check_late;
static void check_alarm(int sig) { (void)sig; check_late = 1; }

static int check_remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st, (void)type, (void)f;
	return remove(path), 0;
}
static int check_remove(const char *dir) { return nftw(dir, check_remove_one, 8, FTW_DEPTH | FTW_PHYS); }

/* Runs one case: 0 when it passed (or was skipped). */
static int check_run(const struct check_case *c)
{
	char buf[256], dir[64];
	int st = 0, bad;
	memset(check_shared, 0, sizeof(*check_shared));
	snprintf(check_shared->name, sizeof(check_shared->name), "%s", c->name);
	snprintf(dir, sizeof(dir), "/tmp/check.%d.%s", getpid(), c->name);
	mkdir(dir, 0777);
	check_late = 0;
	pid_t pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		signal(SIGALRM, SIG_DFL);
		umask(022);
		if (chdir(dir) < 0)
			_exit(CASE_FAILED);
		c->fn();
		_exit(0);
	}
	alarm(CASE_SECONDS);
	while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
		if (check_late)
			kill(pid, SIGKILL);
	alarm(0);
	kill(-pid, SIGKILL);
	if (rmdir(dir) < 0)
		check_remove(dir);
	if (!check_shared->failed && WIFEXITED(st) && WEXITSTATUS(st) == CASE_SKIPPED)
		return 0;
	bad = check_shared->failed || !WIFEXITED(st) || WEXITSTATUS(st);
	if (check_shared->failed)
		return 1;
	if (!bad)
		snprintf(buf, sizeof(buf), "ok %s\n", c->name);
	else if (check_late)
		snprintf(buf, sizeof(buf), "not ok %s: no end after %d s\n", c->name, CASE_SECONDS);
	else if (WIFSIGNALED(st))
		snprintf(buf, sizeof(buf), "not ok %s: killed by signal %d\n", c->name, WTERMSIG(st));
	else
		snprintf(buf, sizeof(buf), "not ok %s: exit status %d\n", c->name, WEXITSTATUS(st));
	check_print(buf);
	return bad;
}

#ifndef HELPER
#define HELPER(argc, argv) 127
#endif
static int check_main(int argc, char **argv, const struct check_case *cases, size_t n)
{
	int failed = 0;
	struct sigaction sa = { .sa_handler = check_alarm };
	check_shared = mmap(NULL, sizeof(*check_shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (check_shared == MAP_FAILED)
		return 1;
	sigaction(SIGALRM, &sa, NULL); /* no SA_RESTART: waitpid is to return */
	for (size_t i = 0; i < n; i++) {
		int wanted = argc < 2;
		for (int a = 1; a < argc; a++)
			wanted |= !strcmp(argv[a], cases[i].name);
		if (wanted)
			failed += check_run(&cases[i]);
	}
	return failed != 0;
}
#define CASE(f) { #f, f }
#define CASES(...)                                                                                                     \
	int main(int argc, char **argv)                                                                                    \
	{                                                                                                                  \
		static const struct check_case cases[] = { __VA_ARGS__ };                                                      \
		if ((argc > 1 && argv[1][0] == '-' && argv[1][1] == '-') || !argv[0][0])                                       \
			return HELPER(argc, argv);                                                                                 \
		return check_main(argc, argv, cases, NELEM(cases));                                                            \
	}

#endif
