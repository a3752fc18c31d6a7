/* F_SETOWN, F_SETSIG, O_ASYNC: who is told by a signal that a file is ready, and how. */
#include "check.h"
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static volatile sig_atomic_t count, last_code, last_fd, last_band, last_tid;
static void on_ready(int sig, siginfo_t *si, void *ctx)
{
	count++;
	last_code = si->si_code;
	last_fd = si->si_fd;
	last_band = (int)si->si_band;
	last_tid = (int)syscall(SYS_gettid);
}
static void catch (int sig)
{
	struct sigaction sa = { .sa_sigaction = on_ready, .sa_flags = SA_SIGINFO | SA_RESTART };
	CHECK(sigaction(sig, &sa, NULL) == 0);
}
static void await_count(int n)
{
	for (int i = 0; i < 2000 && count < n; i++)
		msleep(1);
	CHECK(count >= n);
}
static void async(int fd, int sig)
{
	catch (sig ? sig : SIGIO);
	CHECK(fcntl(fd, F_SETOWN, getpid()) == 0);
	CHECK(fcntl(fd, F_SETSIG, sig) == 0 && fcntl(fd, F_GETSIG) == sig);
	CHECK(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC) == 0 && (fcntl(fd, F_GETFL) & O_ASYNC));
}

static void owners(void)
{
	int p[2];
	struct f_owner_ex ex;
	CHECK(pipe(p) == 0);
	CHECK(fcntl(p[0], F_GETOWN) == 0 && fcntl(p[0], F_GETSIG) == 0);
	CHECK(fcntl(p[0], F_SETOWN, getpid()) == 0 && fcntl(p[0], F_GETOWN) == getpid());
	CHECK(syscall(SYS_fcntl, p[0], F_SETOWN, -getpgrp()) == 0);
	CHECK(fcntl(p[0], F_GETOWN_EX, &ex) == 0 && ex.type == F_OWNER_PGRP && ex.pid == getpgrp());
	ex = (struct f_owner_ex){ F_OWNER_TID, (pid_t)syscall(SYS_gettid) };
	CHECK(fcntl(p[0], F_SETOWN_EX, &ex) == 0);
	ex.pid = 0;
	CHECK(fcntl(p[0], F_GETOWN_EX, &ex) == 0 && ex.type == F_OWNER_TID && ex.pid == getpid());
	CHECK_ERR(fcntl(p[0], F_SETOWN, 999999), ESRCH);
	CHECK_ERR(syscall(SYS_fcntl, p[0], F_SETOWN, INT_MIN), EINVAL);
	ex.type = 7;
	CHECK_ERR(fcntl(p[0], F_SETOWN_EX, &ex), EINVAL);
	CHECK_ERR(fcntl(p[0], F_SETSIG, 65), EINVAL);
	CHECK_ERR(fcntl(p[0], F_SETSIG, -1), EINVAL);
	CHECK(fcntl(p[0], F_SETOWN, 0) == 0 && fcntl(p[0], F_GETOWN) == 0);
	/* A process that is gone is nobody. */
	pid_t pid = fork();
	if (!pid)
		for (;;)
			pause();
	CHECK(fcntl(p[0], F_SETOWN, pid) == 0 && fcntl(p[0], F_GETOWN) == pid);
	kill(pid, SIGKILL);
	reap(pid);
	CHECK(fcntl(p[0], F_GETOWN) == 0);
}

static void a_pipe_tells(void)
{
	int p[2];
	char c;
	CHECK(pipe(p) == 0);
	async(p[0], SIGRTMIN + 3);
	CHECK(write(p[1], "a", 1) == 1);
	await_count(1);
	CHECK(last_fd == p[0] && last_code == POLL_IN && last_band == (POLLIN | POLLRDNORM));
	CHECK(read(p[0], &c, 1) == 1 && write(p[1], "b", 1) == 1);
	await_count(2);
	/* Off again. */
	CHECK(fcntl(p[0], F_SETFL, 0) == 0 && !(fcntl(p[0], F_GETFL) & O_ASYNC));
	CHECK(read(p[0], &c, 1) == 1);
	int before = count;
	CHECK(write(p[1], "c", 1) == 1);
	msleep(50);
	CHECK(count == before);
}

static void plain_sigio(void)
{
	int p[2];
	CHECK(pipe(p) == 0);
	async(p[0], 0);
	CHECK(write(p[1], "a", 1) == 1);
	await_count(1);
	CHECK(last_code == SI_KERNEL);
}

static void default_kills(void)
{
	int p[2];
	CHECK(pipe(p) == 0);
	pid_t pid = fork();
	if (!pid) {
		fcntl(p[0], F_SETOWN, getpid());
		fcntl(p[0], F_SETFL, O_ASYNC);
		SHARED[0] = 1;
		for (;;)
			pause();
	}
	await_value(&SHARED[0], 1);
	CHECK(write(p[1], "a", 1) == 1);
	CHECK(reap(pid) == SIGIO);
}

static void writers_hear_of_room(void)
{
	int p[2];
	char page[4096] = "";
	CHECK(pipe2(p, O_NONBLOCK) == 0);
	while (write(p[1], page, sizeof(page)) > 0)
		;
	async(p[1], SIGRTMIN + 3);
	CHECK(read(p[0], page, sizeof(page)) == 4096);
	await_count(1);
	CHECK(last_code == POLL_OUT && last_fd == p[1]);
}

static void sockets(void)
{
	int s[2];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	async(s[0], SIGRTMIN + 3);
	CHECK(write(s[1], "x", 1) == 1);
	await_count(1);
	CHECK(last_code == POLL_IN && last_fd == s[0]);
}

static void terminals(void)
{
	int m, t;
	char c;
	CHECK(openpty(&m, &t, NULL, NULL, NULL) == 0);
	async(t, SIGRTMIN + 3);
	CHECK(write(m, "\n", 1) == 1);
	await_count(1);
	CHECK(last_code == POLL_IN && last_fd == t && read(t, &c, 1) == 1);
}

static void inotify_too(void)
{
	int fd = inotify_init();
	CHECK(inotify_add_watch(fd, ".", IN_CREATE) > 0);
	async(fd, SIGRTMIN + 3);
	close(open("f", O_CREAT | O_WRONLY, 0600));
	await_count(1);
	CHECK(last_code == POLL_IN && last_fd == fd);
}

static void files_do_not(void)
{
	int fd = open("f", O_CREAT | O_RDWR, 0600), on = 1;
	CHECK(fcntl(fd, F_SETFL, O_ASYNC) == 0 && !(fcntl(fd, F_GETFL) & O_ASYNC));
	CHECK_ERR(ioctl(fd, FIOASYNC, &on), ENOTTY);
	int p[2];
	CHECK(pipe(p) == 0 && ioctl(p[0], FIOASYNC, &on) == 0 && (fcntl(p[0], F_GETFL) & O_ASYNC));
	on = 0;
	CHECK(ioctl(p[0], FIOASYNC, &on) == 0 && !(fcntl(p[0], F_GETFL) & O_ASYNC));
	CHECK_ERR(ioctl(p[0], FIOASYNC, (void *)16), EFAULT);
}

static int thread_pipe[2];
static void *owner_thread(void *arg)
{
	struct f_owner_ex ex = { F_OWNER_TID, (pid_t)syscall(SYS_gettid) };
	CHECK(fcntl(thread_pipe[0], F_SETOWN_EX, &ex) == 0);
	SHARED[0] = ex.pid;
	while (!SHARED[1])
		msleep(1);
	return arg;
}
static void one_thread(void)
{
	pthread_t t;
	CHECK(pipe(thread_pipe) == 0);
	async(thread_pipe[0], SIGRTMIN + 3);
	pthread_create(&t, NULL, owner_thread, NULL);
	while (!SHARED[0])
		msleep(1);
	CHECK(write(thread_pipe[1], "x", 1) == 1);
	await_count(1);
	CHECK(last_tid == SHARED[0]);
	SHARED[1] = 1;
	pthread_join(t, NULL);
}

static void others_may_not_be_told(void)
{
	int p[2];
	CHECK(pipe(p) == 0);
	if (geteuid())
		check_skip("not root");
	pid_t pid = fork();
	if (!pid) {
		catch (SIGIO);
		CHECK(setresuid(1001, 1001, 1001) == 0);
		SHARED[0] = 1;
		while (!SHARED[1])
			msleep(1);
		_exit(count ? 1 : 0);
	}
	await_value(&SHARED[0], 1);
	CHECK(EXITED(IN_CHILD({
		CHECK(setresuid(1002, 1002, 1002) == 0);
		CHECK(fcntl(p[0], F_SETOWN, pid) == 0 && fcntl(p[0], F_SETFL, O_ASYNC) == 0);
	}),
		0));
	CHECK(write(p[1], "x", 1) == 1);
	msleep(50);
	SHARED[1] = 1;
	CHECK(EXITED(reap(pid), 0));
}

CASES(CASE(owners), CASE(a_pipe_tells), CASE(plain_sigio), CASE(default_kills), CASE(writers_hear_of_room), CASE(sockets), CASE(terminals),
	CASE(inotify_too), CASE(files_do_not), CASE(one_thread), CASE(others_may_not_be_told))
