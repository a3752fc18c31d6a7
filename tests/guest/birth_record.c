/* Pando's own files about births: /proc/PID/birth of every kind of task, /proc/births_failed, kernel.birth_times. Skipped on other kernels. */
#include "check.h"
#include <linux/sched.h>
#include <pthread.h>
#include <sys/resource.h>

static char text[65536];
static const char *text_of(const char *path)
{
	read_text(path, text, sizeof(text));
	return text;
}
static const char *birth_of(pid_t pid)
{
	char path[40];
	snprintf(path, sizeof(path), "/proc/%d/birth", pid);
	return text_of(path);
}
static void need_pando(void)
{
	if (access("/proc/births_failed", R_OK))
		check_skip("needs Pando");
}
static int has(const char *s, const char *what) { return strstr(s, what) != NULL; }

static void of_a_child(void)
{
	need_pando();
	char me[60];
	snprintf(me, sizeof(me), "creator:\t%d (", getpid());
	pid_t p = (pid_t)syscall(SYS_fork);
	if (!p)
		_exit(3);
	await_state(p, "Z"); /* a zombie still has it */
	const char *b = birth_of(p);
	CHECK(has(b, me) && has(b, "call:\tfork\nflags:\t0\nexit_signal:\t17\n") && has(b, "step.mm:\tcopy\n") && has(b, "step.pid:\tfresh\n"));
	CHECK(!has(b, " ns\nstep") && has(b, "total:\t"));
	CHECK(EXITED(reap(p), 3));
	signal(SIGUSR1, SIG_IGN);
	p = (pid_t)syscall(SYS_clone, CLONE_VFORK | CLONE_SYSVSEM | SIGUSR1, 0, 0, 0, 0);
	if (!p)
		_exit(0);
	b = birth_of(p);
	CHECK(has(b, "call:\tclone\nflags:\tCLONE_VFORK|CLONE_SYSVSEM\nexit_signal:\t10\n") && has(b, "step.mm:\tcopy\n") &&
		  has(b, "step.semundo:\tshare\n"));
	CHECK(waitpid(p, NULL, __WALL) == p);
}

static void of_the_first(void)
{
	need_pando();
	CHECK(has(birth_of(1), "creator:\t0 (swapper") && has(text, "call:\tuser_mode_thread\n") && has(text, "CLONE_FS"));
	CHECK(has(birth_of(2), "creator:\t0 (swapper") && has(text, "call:\tkernel_thread\n") && has(text, "step.mm:\tnone\n"));
	CHECK(has(birth_of(3), "creator:\t2 (kthreadd)\ncall:\tkernel_thread\n"));
	CHECK(has(text_of("/proc/births_idle"), "cpu:\t0\ncreator:\tnone\ncall:\tboot\n"));
}

static void times(void)
{
	need_pando();
	int fd = open("/proc/sys/kernel/birth_times", O_WRONLY);
	CHECK(fd >= 0 && write(fd, "1\n", 2) == 2);
	pid_t p = fork();
	CHECK(pwrite(fd, "0\n", 2, 0) == 2 || !p);
	if (!p)
		_exit(0);
	const char *b = birth_of(p), *mm = strstr(b, "step.mm:\tcopy\t");
	unsigned ns = 0;
	CHECK(mm && sscanf(mm, "step.mm:\tcopy\t%u ns", &ns) == 1 && ns > 0);
	CHECK(has(b, "step.pidfd:\tnone\n"));
	CHECK(EXITED(reap(p), 0));
	CHECK_ERR(pwrite(fd, "2\n", 2, 0), EINVAL);
}

/* The last line of births_failed that this process caused. */
static const char *last_failure(void)
{
	char mine[40];
	static char line[300];
	line[0] = 0;
	snprintf(mine, sizeof(mine), " %d (", getpid());
	text_of("/proc/births_failed");
	for (char *l = strtok(text, "\n"); l; l = strtok(NULL, "\n"))
		if (strstr(l, mine))
			snprintf(line, sizeof(line), "%s", l);
	return line;
}

static void failures(void)
{
	need_pando();
	CHECK(EXITED(IN_CHILD({
		CHECK_ERR(syscall(SYS_clone, CLONE_THREAD | SIGCHLD, 0, 0, 0, 0), EINVAL);
		CHECK(has(last_failure(), ") clone arguments EINVAL CLONE_THREAD"));
		CHECK_ERR(syscall(SYS_clone, CLONE_NEWIPC | CLONE_SYSVSEM | SIGCHLD, 0, 0, 0, 0), EINVAL);
		CHECK(has(last_failure(), ") clone namespaces EINVAL CLONE_SYSVSEM|CLONE_NEWIPC"));
		CHECK_ERR(syscall(SYS_clone3, NULL, 8), EINVAL);
		CHECK(has(last_failure(), ") clone3 arguments EINVAL 0"));
		CHECK_ERR(syscall(SYS_clone3, (void *)8, 88), EFAULT);
		CHECK(has(last_failure(), ") clone3 arguments EFAULT 0"));
		struct {
			uint64_t w[11];
		} a = { { CLONE_SETTLS } };
		a.w[7] = -1UL;
		a.w[4] = SIGCHLD;
		CHECK_ERR(syscall(SYS_clone3, &a, sizeof(a)), EPERM);
		CHECK(has(last_failure(), ") clone3 thread EPERM CLONE_SETTLS"));
		struct rlimit r = { 1, 1 };
		CHECK(setrlimit(RLIMIT_NPROC, &r) == 0 && setgid(7654) == 0 && setuid(7654) == 0);
		CHECK_ERR(syscall(SYS_fork), EAGAIN);
		CHECK(has(last_failure(), ") fork limits EAGAIN 0"));
		for (int i = 0; i < 100; i++)
			CHECK_ERR(syscall(SYS_fork), EAGAIN);
		int lines = 0;
		for (const char *p = text_of("/proc/births_failed"); (p = strchr(p, '\n')); p++)
			lines++;
		CHECK(lines == 64);
	}),
		0));
}

static void *thread(void *arg)
{
	char path[60];
	snprintf(path, sizeof(path), "/proc/self/task/%d/birth", gettid());
	text_of(path);
	return NULL;
}
static void of_a_thread(void)
{
	need_pando();
	pthread_t t;
	CHECK(pthread_create(&t, NULL, thread, NULL) == 0 && pthread_join(t, NULL) == 0);
	CHECK(has(text, "CLONE_THREAD") && has(text, "step.creds:\tshare\n") && has(text, "step.signal:\tshare\n") && has(text, "exit_signal:\t0\n"));
}

CASES(CASE(of_a_child), CASE(of_the_first), CASE(times), CASE(failures), CASE(of_a_thread))
