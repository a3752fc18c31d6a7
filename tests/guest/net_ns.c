/* Network namespaces: the abstract names of unix sockets; and who the peer is, across pid and user namespaces. Needs root. */
#include "check.h"
#include <linux/sched.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MUST(st) CHECK(EXITED(st, 0))

/* A name of this case's own, the same in every pid namespace. */
static pid_t group;
static socklen_t abstract(struct sockaddr_un *a, const char *name)
{
	if (!group)
		group = getpgrp();
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(a->sun_path + 1, sizeof(a->sun_path) - 1, "check-%d-%s", group, name);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(a->sun_path + 1));
}
static int listener(const char *name)
{
	struct sockaddr_un a;
	socklen_t n = abstract(&a, name);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(fd >= 0);
	if (bind(fd, (void *)&a, n) < 0)
		return -errno;
	CHECK(listen(fd, 5) == 0);
	return fd;
}
static int try_connect(const char *name)
{
	struct sockaddr_un a;
	socklen_t n = abstract(&a, name);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(fd >= 0);
	return connect(fd, (void *)&a, n) < 0 ? -errno : fd;
}

static void abstract_names_are_separate(void)
{
	int l = listener("x");
	CHECK(l >= 0);
	CHECK(listener("x") == -EADDRINUSE);
	int fd = try_connect("x");
	CHECK(fd >= 0);
	close(fd);
	MUST(IN_CHILD({
		int old = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK(unshare(CLONE_NEWNET) == 0);
		CHECK(try_connect("x") == -ECONNREFUSED);
		CHECK(listener("x") >= 0);
		CHECK(try_connect("x") >= 0);
		/* A socket stays where it was made. */
		struct sockaddr_un a;
		socklen_t n = abstract(&a, "x");
		CHECK(connect(old, (void *)&a, n) == 0);
		CHECK(accept(l, NULL, NULL) >= 0);
	}));
}

static void paths_are_common(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "sock" };
	int l = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(bind(l, (void *)&a, sizeof(a)) == 0 && listen(l, 5) == 0);
	MUST(IN_CHILD({
		CHECK(unshare(CLONE_NEWNET) == 0);
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK(connect(fd, (void *)&a, sizeof(a)) == 0);
	}));
}

static void the_file_lists_its_own(void)
{
	char buf[65536];
	char want[64];
	int l = listener("listed");
	CHECK(l >= 0);
	snprintf(want, sizeof(want), "@check-%d-listed\n", group);
	int fd = open("/proc/self/net/unix", O_RDONLY);
	ssize_t n = 0, r;
	while ((r = read(fd, buf + n, sizeof(buf) - 1 - (size_t)n)) > 0)
		n += r;
	buf[n] = 0;
	CHECK(strstr(buf, want) && strstr(buf, "Num "));
	MUST(IN_CHILD({
		CHECK(unshare(CLONE_NEWNET) == 0);
		int f = open("/proc/self/net/unix", O_RDONLY);
		CHECK(f >= 0);
		ssize_t k = read(f, buf, sizeof(buf) - 1);
		CHECK(k >= 0);
		buf[k] = 0;
		CHECK(!strstr(buf, want));
	}));
}

static void peer_ids_are_the_readers_view(void)
{
	int s[2];
	struct ucred c;
	socklen_t n = sizeof(c);
	int l = listener("cred");
	CHECK(l >= 0);
	pid_t top = getpid();
	struct clone_args a = { .flags = CLONE_NEWPID, .exit_signal = SIGCHLD };
	pid_t p = (pid_t)syscall(SYS_clone3, &a, sizeof(a));
	CHECK(p >= 0);
	if (!p) {
		int fd = try_connect("cred");
		CHECK(fd >= 0);
		CHECK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n) == 0);
		CHECK(c.pid == 0 && c.uid == 0);
		CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
		CHECK(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &c, &n) == 0 && c.pid == 1);
		char b;
		CHECK(read(fd, &b, 1) == 1);
		_exit(0);
	}
	int fd = accept(l, NULL, NULL);
	CHECK(fd >= 0);
	CHECK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n) == 0);
	CHECK(c.pid == p && c.uid == 0);
	CHECK(write(fd, "x", 1) == 1);
	MUST(reap(p));
	CHECK(top == getpid());
}

static void messages_carry_translated_ids(void)
{
	int s[2], on = 1;
	CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
	CHECK(setsockopt(s[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0);
	struct clone_args a = { .flags = CLONE_NEWPID | CLONE_NEWUSER, .exit_signal = SIGCHLD };
	pid_t p = (pid_t)syscall(SYS_clone3, &a, sizeof(a));
	CHECK(p >= 0);
	if (!p) {
		struct ucred c = { 1, 65534, 65534 };
		union {
			char b[CMSG_SPACE(sizeof(c))];
			struct cmsghdr h;
		} u = { 0 };
		struct iovec v = { "x", 1 };
		struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof(u) };
		u.h = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(c)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS };
		memcpy(CMSG_DATA(&u.h), &c, sizeof(c));
		/* 65534 is only how an id without a name is shown. */
		CHECK_ERR(sendmsg(s[1], &m, 0), EINVAL);
		CHECK(write(s[1], "x", 1) == 1);
		_exit(0);
	}
	char b;
	union {
		char b[CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr h;
	} u;
	struct iovec v = { &b, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof(u) };
	CHECK(recvmsg(s[0], &m, 0) == 1);
	struct ucred c;
	CHECK(u.h.cmsg_type == SCM_CREDENTIALS);
	memcpy(&c, CMSG_DATA(&u.h), sizeof(c));
	CHECK(c.pid == p && c.uid == 0);
	MUST(reap(p));
}

CASES(CASE(abstract_names_are_separate), CASE(paths_are_common), CASE(the_file_lists_its_own), CASE(peer_ids_are_the_readers_view),
	CASE(messages_carry_translated_ids))
