/* Opening a descriptor's link in /proc/self/fd once more: pipes and files without a name can be, what is only a struct in the kernel cannot. */
#include "check.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

static int again(int fd, int flags)
{
	char path[64];
	CHECK(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags);
}

static void nameless(void)
{
	sigset_t set;
	int s[2];
	sigemptyset(&set);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	const int fds[] = { epoll_create1(0), eventfd(0, 0), timerfd_create(CLOCK_MONOTONIC, 0), signalfd(-1, &set, 0), s[0], socket(AF_UNIX, SOCK_DGRAM, 0) };
	for (size_t i = 0; i < NELEM(fds); i++) {
		CHECK_ERR(again(fds[i], O_RDWR), ENXIO);
		CHECK_ERR(again(fds[i], O_RDONLY | O_NONBLOCK), ENXIO);
		int p = again(fds[i], O_PATH);
		CHECK(p >= 0);
		CHECK_ERR(again(p, O_RDWR), ENXIO);
	}
}

static void pipes(void)
{
	char c = 0;
	int p[2];
	CHECK(pipe(p) == 0);
	int w = again(p[0], O_WRONLY), r = again(p[1], O_RDONLY | O_NONBLOCK);
	CHECK(w >= 0 && r >= 0);
	CHECK(write(w, "x", 1) == 1 && read(r, &c, 1) == 1 && c == 'x');
}

static void memory_file(void)
{
	char c = 0;
	int m = (int)syscall(SYS_memfd_create, "m", 0), f;
	CHECK(write(m, "abc", 3) == 3);
	CHECK((f = again(m, O_RDWR)) >= 0);
	CHECK(read(f, &c, 1) == 1 && c == 'a' && lseek(m, 0, SEEK_CUR) == 3);
}

CASES(CASE(nameless), CASE(pipes), CASE(memory_file))
