/* Unix sockets: stream, datagram, seqpacket; names; descriptors and credentials in messages. */
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

/* The calls themselves: musl copies messages, and so reads what is to be a wild pointer. */
#define sendmsg(fd, m, flags) syscall(SYS_sendmsg, fd, m, flags)
#define recvmsg(fd, m, flags) syscall(SYS_recvmsg, fd, m, flags)
#define sendmmsg(fd, v, n, flags) syscall(SYS_sendmmsg, fd, v, n, flags)
#define recvmmsg(fd, v, n, flags, t) syscall(SYS_recvmmsg, fd, v, n, flags, t)

static int s[2];
static char buf[300000];
static void pair(int type) { CHECK(socketpair(AF_UNIX, type, 0, s) == 0); }
static int events(int fd)
{
	struct pollfd f = { fd, POLLIN | POLLOUT | POLLRDHUP, 0 };
	CHECK(poll(&f, 1, 0) >= 0);
	return f.revents;
}
static struct sockaddr_un name_of(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	strcpy(a.sun_path, path);
	return a;
}
#define LEN(a) ((socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen((a).sun_path) + 1))
static int bound(int type, const char *path)
{
	struct sockaddr_un a = name_of(path);
	int fd = socket(AF_UNIX, type, 0);
	CHECK(fd >= 0 && bind(fd, (void *)&a, LEN(a)) == 0);
	return fd;
}
static int connect_to(int fd, const char *path)
{
	struct sockaddr_un a = name_of(path);
	return connect(fd, (void *)&a, LEN(a));
}

static void creation_errors(void)
{
	CHECK_ERR(socket(AF_UNIX, 99, 0), EINVAL);
	CHECK_ERR(socket(AF_UNIX, 4, 0), ESOCKTNOSUPPORT);
	CHECK_ERR(socket(AF_UNIX, SOCK_STREAM, 77), EPROTONOSUPPORT);
	CHECK_ERR(socket(46, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERR(socket(-1, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERR(socket(AF_UNIX, SOCK_STREAM | 0x1000000, 0), EINVAL);
	CHECK_ERR(socketpair(AF_UNIX, SOCK_STREAM, 0, (void *)8), EFAULT);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC && (fcntl(fd, F_GETFL) & O_NONBLOCK));
	CHECK_ERR(listen(0x7fff, 1), EBADF);
	CHECK_ERR(listen(open("/dev/null", O_RDONLY), 1), ENOTSOCK);
	CHECK_ERR(send(fd, "x", 1, 0), ENOTCONN);
	CHECK_ERR(recv(fd, buf, 1, 0), EINVAL);
	CHECK_ERR(listen(fd, 5), EINVAL);
	CHECK_ERR(accept(fd, NULL, NULL), EINVAL);
	CHECK_ERR(lseek(fd, 0, SEEK_SET), ESPIPE);
	CHECK(events(fd) == (POLLOUT | POLLHUP));
	struct stat st;
	CHECK(fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode));
}
static void stream_pair(void)
{
	pair(SOCK_STREAM);
	CHECK(write(s[0], "hello", 5) == 5 && write(s[0], "world", 5) == 5);
	int n;
	CHECK(ioctl(s[1], FIONREAD, &n) == 0 && n == 10);
	CHECK(recv(s[1], buf, 7, MSG_PEEK) == 7 && !memcmp(buf, "hellowo", 7));
	CHECK(read(s[1], buf, 7) == 7 && read(s[1], buf, 100) == 3 && !memcmp(buf, "rld", 3));
	CHECK_ERR(recv(s[1], buf, 1, MSG_DONTWAIT), EAGAIN);
	CHECK(write(s[1], "back", 4) == 4 && read(s[0], buf, 100) == 4);
	CHECK(send(s[0], buf, 0, 0) == 0);
}
static void stream_large_both_ways(void)
{
	static unsigned char out[400000];
	pair(SOCK_STREAM);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (unsigned char)(i * 13 + i / 999);
	pid_t c = fork();
	if (!c) {
		close(s[1]);
		CHECK(write(s[0], out, sizeof(out)) == sizeof(out));
		_exit(0);
	}
	close(s[0]);
	size_t n = 0;
	while (n < sizeof(out)) {
		ssize_t r = recv(s[1], buf, 5000, MSG_WAITALL);
		CHECK(r == 5000 && !memcmp(buf, out + n, 5000));
		n += 5000;
	}
	CHECK(read(s[1], buf, 1) == 0);
	CHECK(EXITED(reap(c), 0));
}
static void full_buffer(void)
{
	long total = 0, got = 0;
	ssize_t r;
	pair(SOCK_STREAM | SOCK_NONBLOCK);
	while ((r = write(s[0], buf, 1000)) > 0)
		total += r;
	CHECK(r == -1 && errno == EAGAIN && total >= 50000);
	CHECK(!(events(s[0]) & POLLOUT) && (events(s[1]) & POLLIN));
	while ((r = read(s[1], buf, sizeof(buf))) > 0)
		got += r;
	CHECK(got == total && (events(s[0]) & POLLOUT));
}
static void hang_up(void)
{
	pair(SOCK_STREAM);
	CHECK(write(s[0], "x", 1) == 1);
	close(s[0]);
	CHECK(events(s[1]) == (POLLIN | POLLOUT | POLLHUP | POLLRDHUP));
	CHECK(read(s[1], buf, 10) == 1 && read(s[1], buf, 10) == 0);
	CHECK(KILLED(IN_CHILD((void)!write(s[1], "x", 1)), SIGPIPE));
	CHECK_ERR(send(s[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	/* what the closed end had not read is an error for the other */
	pair(SOCK_STREAM);
	CHECK(write(s[0], "x", 1) == 1);
	close(s[1]);
	CHECK_ERR(read(s[0], buf, 1), ECONNRESET);
	CHECK(read(s[0], buf, 1) == 0);
}
static void shutting_down(void)
{
	pair(SOCK_STREAM);
	CHECK_ERR(shutdown(s[0], 3), EINVAL);
	CHECK(write(s[0], "x", 1) == 1 && shutdown(s[0], SHUT_WR) == 0);
	CHECK_ERR(send(s[0], "y", 1, MSG_NOSIGNAL), EPIPE);
	CHECK(read(s[1], buf, 10) == 1 && read(s[1], buf, 10) == 0);
	CHECK(events(s[1]) == (POLLIN | POLLOUT | POLLRDHUP));
	CHECK(write(s[1], "z", 1) == 1 && read(s[0], buf, 10) == 1);
	CHECK(shutdown(s[1], SHUT_RDWR) == 0 && (events(s[0]) & POLLHUP));
}
static void listen_connect_accept(void)
{
	struct sockaddr_un a;
	socklen_t len = sizeof(a);
	int l = bound(SOCK_STREAM, "sock"), c = socket(AF_UNIX, SOCK_STREAM, 0);
	struct stat st;
	CHECK(stat("sock", &st) == 0 && S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == 0755);
	CHECK_ERR(connect_to(c, "sock"), ECONNREFUSED); /* not listening yet */
	CHECK_ERR(connect_to(c, "nothing"), ENOENT);
	CHECK(listen(l, 5) == 0 && events(l) == 0);
	CHECK(connect_to(c, "sock") == 0);
	CHECK_ERR(connect_to(c, "sock"), EISCONN);
	CHECK(write(c, "early", 5) == 5);
	CHECK(events(l) == POLLIN);
	int d = accept4(l, (void *)&a, &len, SOCK_CLOEXEC);
	CHECK(d >= 0 && len == 2 && a.sun_family == AF_UNIX && fcntl(d, F_GETFD) == FD_CLOEXEC);
	CHECK(read(d, buf, 10) == 5);
	len = sizeof(a);
	CHECK(getsockname(d, (void *)&a, &len) == 0 && len == LEN(name_of("sock")) && !strcmp(a.sun_path, "sock"));
	len = sizeof(a);
	CHECK(getpeername(c, (void *)&a, &len) == 0 && !strcmp(a.sun_path, "sock"));
	len = sizeof(a);
	CHECK(getsockname(c, (void *)&a, &len) == 0 && len == 2);
	CHECK_ERR(getpeername(l, (void *)&a, &len), ENOTCONN);
	struct sockaddr_un again = name_of("sock");
	CHECK_ERR(bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&again, LEN(again)), EADDRINUSE);
	again = name_of("other");
	CHECK_ERR(bind(l, (void *)&again, LEN(again)), EINVAL);
	close(l);
	CHECK_ERR(connect_to(socket(AF_UNIX, SOCK_STREAM, 0), "sock"), ECONNREFUSED); /* the node is still there */
	write_file("plain", "", 0, 0666);
	CHECK_ERR(connect_to(socket(AF_UNIX, SOCK_STREAM, 0), "plain"), ECONNREFUSED);
	l = bound(SOCK_SEQPACKET, "seq");
	CHECK(listen(l, 1) == 0);
	CHECK_ERR(connect_to(socket(AF_UNIX, SOCK_STREAM, 0), "seq"), EPROTOTYPE);
	CHECK_ERR(open("seq", O_RDWR), ENXIO);
}
static void blocking_accept_and_backlog(void)
{
	int l = bound(SOCK_STREAM, "sock");
	CHECK(listen(l, 0) == 0);
	pid_t c = fork();
	if (!c) {
		int d = accept(l, NULL, NULL);
		CHECK(d >= 0 && write(d, "hi", 2) == 2);
		_exit(0);
	}
	await_state(c, "S");
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(connect_to(fd, "sock") == 0 && read(fd, buf, 5) == 2);
	CHECK(EXITED(reap(c), 0));
	CHECK(connect_to(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), "sock") == 0);
	CHECK_ERR(connect_to(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), "sock"), EAGAIN);
	c = fork();
	if (!c) {
		CHECK(connect_to(socket(AF_UNIX, SOCK_STREAM, 0), "sock") == 0);
		_exit(0);
	}
	await_state(c, "S");
	CHECK(accept(l, NULL, NULL) >= 0);
	CHECK(EXITED(reap(c), 0));
	fcntl(l, F_SETFL, O_NONBLOCK);
	CHECK(accept(l, NULL, NULL) >= 0);
	CHECK_ERR(accept(l, NULL, NULL), EAGAIN);
	/* closing the listener resets who was not accepted */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(connect_to(fd, "sock") == 0);
	close(l);
	CHECK_ERR(read(fd, buf, 1), ECONNRESET);
}
static void abstract_names(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX }, g;
	socklen_t len = offsetof(struct sockaddr_un, sun_path) + 6;
	snprintf(a.sun_path + 1, 50, "%05d", getpid() % 100000);
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(bind(l, (void *)&a, len) == 0 && listen(l, 1) == 0);
	CHECK_ERR(bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, len), EADDRINUSE);
	CHECK(connect(c, (void *)&a, len) == 0);
	socklen_t glen = sizeof(g);
	CHECK(getpeername(c, (void *)&g, &glen) == 0 && glen == len && !memcmp(&g, &a, len));
	close(l);
	CHECK_ERR(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, len), ECONNREFUSED);
	/* autobind */
	int d = socket(AF_UNIX, SOCK_DGRAM, 0);
	CHECK(bind(d, (void *)&a, 2) == 0);
	glen = sizeof(g);
	CHECK(getsockname(d, (void *)&g, &glen) == 0 && glen == 8 && g.sun_path[0] == 0);
	CHECK_ERR(bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, 1), EINVAL);
	CHECK_ERR(bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, 111), EINVAL);
}
static void datagrams(void)
{
	struct sockaddr_un a, from;
	socklen_t len = sizeof(from);
	int r = bound(SOCK_DGRAM, "recv"), t = bound(SOCK_DGRAM, "send");
	a = name_of("recv");
	CHECK(sendto(t, "one", 3, 0, (void *)&a, LEN(a)) == 3);
	CHECK(connect_to(t, "recv") == 0 && send(t, "second", 6, 0) == 6 && send(t, "", 0, 0) == 0);
	CHECK(recvfrom(r, buf, 100, 0, (void *)&from, &len) == 3 && !strcmp(from.sun_path, "send") && len == LEN(from));
	CHECK(recv(r, buf, 3, MSG_PEEK | MSG_TRUNC) == 6);
	struct iovec v = { buf, 3 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	CHECK(recvmsg(r, &m, 0) == 3 && (m.msg_flags & MSG_TRUNC));
	CHECK(recv(r, buf, 3, 0) == 0);
	CHECK_ERR(recv(r, buf, 3, MSG_DONTWAIT), EAGAIN);
	CHECK_ERR(listen(r, 1), EOPNOTSUPP);
	CHECK_ERR(send(t, buf, sizeof(buf), 0), EMSGSIZE);
	close(r);
	CHECK_ERR(send(t, "x", 1, 0), ECONNREFUSED);
	CHECK_ERR(send(t, "x", 1, 0), ENOTCONN);
}
static void datagram_queue_limit(void)
{
	int r = bound(SOCK_DGRAM, "recv"), t = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), n = 0;
	CHECK(connect_to(t, "recv") == 0);
	while (send(t, "x", 1, 0) == 1)
		n++;
	CHECK(errno == EAGAIN && n >= 10 && n < 1000);
	CHECK(!(events(t) & POLLOUT));
	pid_t c = fork();
	if (!c) {
		fcntl(t, F_SETFL, 0);
		CHECK(send(t, "last", 4, 0) == 4);
		_exit(0);
	}
	await_state(c, "S");
	for (int i = 0; i < n; i++)
		CHECK(recv(r, buf, 10, 0) == 1);
	CHECK(recv(r, buf, 10, 0) == 4);
	CHECK(EXITED(reap(c), 0) && (events(t) & POLLOUT));
}
static void datagram_peers_are_exclusive(void)
{
	int a = bound(SOCK_DGRAM, "a"), b = bound(SOCK_DGRAM, "b"), c = bound(SOCK_DGRAM, "c");
	CHECK(connect_to(a, "b") == 0);
	CHECK_ERR(connect_to(c, "a"), EPERM); /* a talks to b alone */
	struct sockaddr_un n = name_of("a");
	CHECK_ERR(sendto(c, "x", 1, 0, (void *)&n, LEN(n)), EPERM);
	CHECK(connect_to(b, "a") == 0 && send(b, "x", 1, 0) == 1 && recv(a, buf, 1, 0) == 1);
	struct sockaddr un = { .sa_family = AF_UNSPEC };
	CHECK(connect(a, &un, sizeof(un)) == 0 && connect_to(c, "a") == 0);
}
static void seqpackets(void)
{
	pair(SOCK_SEQPACKET);
	CHECK(send(s[0], "first", 5, 0) == 5 && send(s[0], "2", 1, 0) == 1);
	CHECK(recv(s[1], buf, 3, 0) == 3 && recv(s[1], buf, 30, 0) == 1);
	close(s[0]);
	CHECK(recv(s[1], buf, 30, 0) == 0);
	CHECK_ERR(send(s[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_ERR(recv(socket(AF_UNIX, SOCK_SEQPACKET, 0), buf, 1, 0), ENOTCONN);
}

/* --- control messages --- */
static ssize_t send_fds(int sock, const int *fds, int n, const char *text)
{
	char c[CMSG_SPACE(300 * sizeof(int))];
	struct iovec v = { (char *)text, strlen(text) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = c, .msg_controllen = CMSG_SPACE((size_t)n * sizeof(int)) };
	memset(c, 0, sizeof(c));
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
	memcpy(CMSG_DATA(h), fds, (size_t)n * sizeof(int));
	return sendmsg(sock, &m, 0);
}
/* Receives up to max descriptors; *n says how many came. room: size of the control buffer in descriptors. */
static ssize_t recv_fds(int sock, int *fds, int room, int *n, int flags, int *msg_flags)
{
	char c[CMSG_SPACE(300 * sizeof(int))];
	struct iovec v = { buf, 100 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = c, .msg_controllen = room ? CMSG_LEN((size_t)room * sizeof(int)) : 0 };
	ssize_t r = recvmsg(sock, &m, flags);
	struct cmsghdr *h = r >= 0 ? CMSG_FIRSTHDR(&m) : NULL;
	*n = 0;
	if (h && h->cmsg_type == SCM_RIGHTS) {
		*n = (int)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(h), (size_t)*n * sizeof(int));
	}
	if (msg_flags)
		*msg_flags = m.msg_flags;
	return r;
}
static void passing_descriptors(void)
{
	int fds[300], n, fl;
	pair(SOCK_STREAM);
	int p[2];
	CHECK(pipe(p) == 0);
	CHECK(send_fds(s[0], p, 2, "data") == 4);
	CHECK(recv_fds(s[1], fds, 10, &n, MSG_CMSG_CLOEXEC, &fl) == 4 && n == 2 && !(fl & MSG_CTRUNC));
	CHECK(fcntl(fds[0], F_GETFD) == FD_CLOEXEC);
	CHECK(write(fds[1], "via", 3) == 3 && read(p[0], buf, 10) == 3);
	/* the sender may close at once */
	CHECK(send_fds(s[0], p, 1, "x") == 1);
	close(p[0]);
	close(fds[0]);
	CHECK(recv_fds(s[1], fds, 1, &n, 0, NULL) == 1 && n == 1);
	CHECK(write(p[1], "abc", 3) == 3 && read(fds[0], buf, 10) == 3);
	/* too little room */
	CHECK(send_fds(s[0], (int[]){ 0, 1, 2 }, 3, "x") == 1);
	CHECK(recv_fds(s[1], fds, 2, &n, 0, &fl) == 1 && n == 2 && (fl & MSG_CTRUNC));
	CHECK(send_fds(s[0], (int[]){ 0 }, 1, "x") == 1);
	CHECK(recv_fds(s[1], fds, 0, &n, 0, &fl) == 1 && n == 0 && (fl & MSG_CTRUNC));
	CHECK_ERR(send_fds(s[0], (int[]){ 999 }, 1, "x"), EBADF);
	for (int i = 0; i < 254; i++)
		fds[i] = 0;
	CHECK_ERR(send_fds(s[0], fds, 254, "x"), EINVAL);
	CHECK(send_fds(s[0], fds, 253, "x") == 1);
	/* plain read drops them */
	CHECK(read(s[1], buf, 10) == 1);
	CHECK_ERR(recv(s[1], buf, 1, MSG_DONTWAIT), EAGAIN);
}
static void descriptors_are_a_boundary(void)
{
	int fds[10], n, p[2];
	CHECK(pipe(p) == 0);
	pair(SOCK_STREAM);
	CHECK(write(s[0], "aa", 2) == 2 && send_fds(s[0], p, 1, "bb") == 2 && write(s[0], "cc", 2) == 2);
	CHECK(recv_fds(s[1], fds, 5, &n, 0, NULL) == 4 && n == 1 && !memcmp(buf, "aabb", 4));
	CHECK(recv_fds(s[1], fds, 5, &n, 0, NULL) == 2 && n == 0);
	/* peeking gives copies */
	CHECK(send_fds(s[0], p, 1, "z") == 1);
	CHECK(recv_fds(s[1], fds, 5, &n, MSG_PEEK, NULL) == 1 && n == 1);
	CHECK(recv_fds(s[1], fds + 1, 5, &n, 0, NULL) == 1 && n == 1 && fds[0] != fds[1]);
}
static void descriptors_in_flight_keep_files_open(void)
{
	int p[2], fds[2], n;
	CHECK(pipe(p) == 0);
	pair(SOCK_DGRAM);
	CHECK(send_fds(s[0], &p[1], 1, "x") == 1);
	close(p[1]);
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	CHECK_ERR(read(p[0], buf, 1), EAGAIN); /* a writer is on its way */
	close(s[0]);
	CHECK(recv_fds(s[1], fds, 1, &n, 0, NULL) == 1 && n == 1);
	close(fds[0]);
	CHECK(read(p[0], buf, 1) == 0);
}
static void cycles_are_collected(void)
{
	/* a socket pair whose ends lie in each other's queues, with the writing end of a pipe: when both are closed nothing holds them */
	int p[2];
	CHECK(pipe(p) == 0);
	pair(SOCK_STREAM);
	CHECK(send_fds(s[0], s, 2, "x") == 1 && send_fds(s[1], s, 2, "x") == 1 && send_fds(s[0], &p[1], 1, "x") == 1);
	close(p[1]);
	close(s[0]);
	close(s[1]);
	/* any unix socket that is closed starts a collection */
	int q[2];
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	ssize_t r = -1;
	for (int i = 0; i < 2000 && r != 0; i++) {
		CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, q) == 0);
		close(q[0]);
		close(q[1]);
		r = read(p[0], buf, 1);
		if (r < 0)
			msleep(1);
	}
	CHECK(r == 0);
}
static void long_chain_of_sockets(void)
{
	/* each socket lies in the queue of the next: closing the last one frees them all, without recursion */
	int a[2], b[2];
	CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, a) == 0);
	for (int i = 0; i < 300; i++) {
		CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, b) == 0);
		CHECK(send_fds(b[0], a, 2, "x") == 1);
		close(a[0]);
		close(a[1]);
		a[0] = b[0];
		a[1] = b[1];
	}
	close(a[0]);
	close(a[1]);
}
static void credentials(void)
{
	int on = 1;
	struct ucred u;
	socklen_t len = sizeof(u);
	pair(SOCK_STREAM);
	CHECK(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &u, &len) == 0 && u.pid == getpid() && u.uid == getuid() && u.gid == getgid());
	CHECK(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0);
	CHECK(write(s[0], "x", 1) == 1);
	char c[CMSG_SPACE(sizeof(u))];
	struct iovec v = { buf, 10 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof(c) };
	CHECK(recvmsg(s[1], &m, 0) == 1);
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	CHECK(h && h->cmsg_type == SCM_CREDENTIALS && h->cmsg_level == SOL_SOCKET);
	memcpy(&u, CMSG_DATA(h), sizeof(u));
	CHECK(u.pid == getpid() && u.uid == getuid());
	/* a claim that is not true */
	int st = IN_CHILD(
		CHECK(setresgid(12345, 12345, 12345) == 0 && setresuid(12345, 12345, 12345) == 0);
		u = (struct ucred){ 1, 0, 0 };
		memset(c, 0, sizeof(c));
		m.msg_controllen = sizeof(c);
		h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_CREDENTIALS;
		h->cmsg_len = CMSG_LEN(sizeof(u));
		memcpy(CMSG_DATA(h), &u, sizeof(u));
		v.iov_len = 1;
		CHECK_ERR(sendmsg(s[0], &m, 0), EPERM);
		u = (struct ucred){ getpid(), 12345, 12345 };
		memcpy(CMSG_DATA(h), &u, sizeof(u));
		CHECK(sendmsg(s[0], &m, 0) == 1));
	CHECK(EXITED(st, 0));
	/* peer credentials are those at connect time */
	int l = bound(SOCK_STREAM, "sock");
	CHECK(listen(l, 1) == 0 && chmod("sock", 0777) == 0 && chmod(".", 0777) == 0);
	pid_t ch = fork();
	if (!ch) {
		CHECK(setresuid(12345, 12345, 12345) == 0);
		CHECK(connect_to(socket(AF_UNIX, SOCK_STREAM, 0), "sock") == 0);
		_exit(0);
	}
	int d = accept(l, NULL, NULL);
	CHECK(getsockopt(d, SOL_SOCKET, SO_PEERCRED, &u, &len) == 0 && u.pid == ch && u.uid == 12345);
	reap(ch);
}
static void bad_control(void)
{
	char c[64] = { 0 };
	struct iovec v = { buf, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof(c) };
	pair(SOCK_STREAM);
	struct cmsghdr *h = (void *)c;
	*h = (struct cmsghdr){ .cmsg_len = 5, .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	CHECK_ERR(sendmsg(s[0], &m, 0), EINVAL);
	h->cmsg_len = 1000;
	CHECK_ERR(sendmsg(s[0], &m, 0), EINVAL);
	h->cmsg_len = CMSG_LEN(4);
	h->cmsg_type = 77;
	CHECK_ERR(sendmsg(s[0], &m, 0), EINVAL);
	m.msg_control = (void *)8;
	CHECK_ERR(sendmsg(s[0], &m, 0), EFAULT);
	m.msg_controllen = 0;
	m.msg_iovlen = 2000;
	CHECK_ERR(sendmsg(s[0], &m, 0), EMSGSIZE);
	m.msg_iovlen = 1;
	v.iov_base = (void *)8;
	CHECK_ERR(sendmsg(s[0], &m, 0), EFAULT);
}
static void options(void)
{
	int v = 0;
	socklen_t len = sizeof(v);
	pair(SOCK_STREAM);
	CHECK(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &v, &len) == 0 && v == SOCK_STREAM && len == 4);
	CHECK(getsockopt(s[0], SOL_SOCKET, SO_DOMAIN, &v, &len) == 0 && v == AF_UNIX);
	CHECK(getsockopt(s[0], SOL_SOCKET, SO_ERROR, &v, &len) == 0 && v == 0);
	CHECK(getsockopt(s[0], SOL_SOCKET, SO_ACCEPTCONN, &v, &len) == 0 && v == 0);
	v = 10000;
	CHECK(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, sizeof(v)) == 0);
	CHECK(getsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, &len) == 0 && v == 20000);
	v = 1;
	CHECK(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, sizeof(v)) == 0);
	CHECK(getsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, &len) == 0 && v == 4608);
	CHECK_ERR(getsockopt(s[0], SOL_SOCKET, 9999, &v, &len), ENOPROTOOPT);
	CHECK_ERR(setsockopt(s[0], SOL_SOCKET, 9999, &v, sizeof(v)), ENOPROTOOPT);
	CHECK_ERR(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, 1), EINVAL);
	CHECK_ERR(setsockopt(s[0], 6, 1, &v, sizeof(v)), EOPNOTSUPP);
	struct timeval tv = { 0, 10000 }, got;
	len = sizeof(got);
	CHECK(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0);
	CHECK(getsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &got, &len) == 0 && got.tv_usec >= 10000 && got.tv_usec <= 20000);
	double a = now();
	CHECK_ERR(read(s[0], buf, 1), EAGAIN);
	CHECK(now() - a >= 0.009);
	tv.tv_usec = 1000000;
	CHECK_ERR(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), EDOM);
}
static void vectors_and_many_messages(void)
{
	struct iovec v[3] = { { "ab", 2 }, { "", 0 }, { "cde", 3 } }, r[2] = { { buf, 1 }, { buf + 10, 50 } };
	struct mmsghdr mm[3] = { 0 };
	pair(SOCK_DGRAM);
	struct msghdr m = { .msg_iov = v, .msg_iovlen = 3 };
	CHECK(sendmsg(s[0], &m, 0) == 5);
	m.msg_iov = r;
	m.msg_iovlen = 2;
	CHECK(recvmsg(s[1], &m, 0) == 5 && buf[0] == 'a' && !memcmp(buf + 10, "bcde", 4));
	for (int i = 0; i < 3; i++)
		mm[i].msg_hdr = (struct msghdr){ .msg_iov = v, .msg_iovlen = (size_t)i + 1 };
	CHECK(sendmmsg(s[0], mm, 3, 0) == 3 && mm[0].msg_len == 2 && mm[2].msg_len == 5);
	for (int i = 0; i < 3; i++)
		mm[i].msg_hdr = (struct msghdr){ .msg_iov = r, .msg_iovlen = 2 };
	CHECK(recvmmsg(s[1], mm, 3, MSG_DONTWAIT, NULL) == 3 && mm[0].msg_len == 2 && mm[2].msg_len == 5);
	CHECK_ERR(recvmmsg(s[1], mm, 3, MSG_DONTWAIT, NULL), EAGAIN);
}
static void with_epoll(void)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.u32 = 5 };
	int ep = epoll_create1(0);
	pair(SOCK_STREAM);
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, s[1], &e) == 0 && epoll_wait(ep, &e, 1, 0) == 0);
	CHECK(write(s[0], "x", 1) == 1 && epoll_wait(ep, &e, 1, 0) == 1 && e.events == EPOLLIN && epoll_wait(ep, &e, 1, 0) == 0);
	close(s[0]);
	CHECK(epoll_wait(ep, &e, 1, 0) == 1 && (e.events & (EPOLLHUP | EPOLLRDHUP | EPOLLIN)) == (EPOLLHUP | EPOLLRDHUP | EPOLLIN));
}
static void many_clients(void)
{
	int l = bound(SOCK_STREAM, "sock");
	CHECK(listen(l, 50) == 0);
	for (int i = 0; i < 20; i++) {
		if (!fork()) {
			int fd = socket(AF_UNIX, SOCK_STREAM, 0);
			char c = (char)i;
			CHECK(connect_to(fd, "sock") == 0 && write(fd, &c, 1) == 1 && read(fd, &c, 1) == 1 && c == i + 1);
			_exit(0);
		}
	}
	for (int i = 0; i < 20; i++) {
		char c;
		int fd = accept(l, NULL, NULL);
		CHECK(fd >= 0 && read(fd, &c, 1) == 1);
		c++;
		CHECK(write(fd, &c, 1) == 1);
		close(fd);
	}
	for (int i = 0; i < 20; i++) {
		int st;
		CHECK(wait(&st) > 0 && EXITED(st, 0));
	}
}
CASES(CASE(creation_errors), CASE(stream_pair), CASE(stream_large_both_ways), CASE(full_buffer), CASE(hang_up), CASE(shutting_down),
	CASE(listen_connect_accept), CASE(blocking_accept_and_backlog), CASE(abstract_names), CASE(datagrams), CASE(datagram_queue_limit),
	CASE(datagram_peers_are_exclusive), CASE(seqpackets), CASE(passing_descriptors), CASE(descriptors_are_a_boundary),
	CASE(descriptors_in_flight_keep_files_open), CASE(cycles_are_collected), CASE(long_chain_of_sockets), CASE(credentials), CASE(bad_control),
	CASE(options), CASE(vectors_and_many_messages), CASE(with_epoll), CASE(many_clients))
