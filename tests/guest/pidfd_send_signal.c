/* pidfd_send_signal(2): what it takes for a process. */
#include "check.h"

static volatile sig_atomic_t got;
static void count(int sig) { got++; }

static int open_pid(const char *format, int flags)
{
	char name[64];
	snprintf(name, sizeof(name), format, getpid());
	return open(name, flags);
}

static long send(int fd, int sig) { return syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0); }

static void to_pidfd(void)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	CHECK(fd >= 0);
	signal(SIGUSR1, count);
	CHECK(send(fd, SIGUSR1) == 0);
	CHECK(got == 1);
	CHECK_ERR(send(fd, 65), EINVAL);
}

static void to_proc_directory(void)
{
	int fd = open_pid("/proc/%d", O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0);
	signal(SIGUSR1, count);
	CHECK(send(fd, 0) == 0);
	CHECK(send(fd, SIGUSR1) == 0);
	CHECK(got == 1);
}

static void to_other_files(void)
{
	int fd = open_pid("/proc/%d/status", O_RDONLY);
	CHECK(fd >= 0);
	CHECK_ERR(send(fd, 0), EBADF);
	fd = open_pid("/proc/%d/task", O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0);
	CHECK_ERR(send(fd, 0), EBADF);
	fd = open("/proc", O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0);
	CHECK_ERR(send(fd, 0), EBADF);
	fd = open_pid("/proc/%d", O_PATH);
	CHECK(fd >= 0);
	CHECK_ERR(send(fd, 0), EBADF);
	CHECK_ERR(send(-1, 0), EBADF);
}

/* The directory stands for the process, not for its number. */
static void to_a_dead_process(void)
{
	char name[64];
	int status;
	pid_t pid = fork();

	if (pid == 0)
		pause();
	CHECK(pid > 0);
	snprintf(name, sizeof(name), "/proc/%d", pid);
	int fd = open(name, O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0);
	CHECK(send(fd, SIGKILL) == 0);
	siginfo_t si;
	CHECK(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT) == 0);
	CHECK(send(fd, 0) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK_ERR(send(fd, 0), ESRCH);
}

CASES(CASE(to_pidfd), CASE(to_proc_directory), CASE(to_other_files), CASE(to_a_dead_process))
