/* Unix sockets: options about the peer, pidfds and time stamps in messages, looking into the queue, urgent bytes, ioctls. */
#include "check.h"
#include <poll.h>
#include <grp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#define SO_PEERPIDFD 77
#endif
#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif
#ifndef SIOCATMARK
#define SIOCATMARK 0x8905
#endif
#define SIOCUNIXFILE_NR 0x89e0
#define SOL SOL_SOCKET

/* The calls themselves: musl copies messages. */
#define sendmsg(fd, m, flags) syscall(SYS_sendmsg, fd, m, flags)
#define recvmsg(fd, m, flags) syscall(SYS_recvmsg, fd, m, flags)

static int s[2];
static char buf[4096];
static void pair(int type) { CHECK(socketpair(AF_UNIX, type, 0, s) == 0); }
static void set(int fd, int opt, int v) { CHECK(setsockopt(fd, SOL, opt, &v, sizeof(v)) == 0); }
static int get(int fd, int opt)
{
	int v = -12345;
	socklen_t len = sizeof(v);
	CHECK(getsockopt(fd, SOL, opt, &v, &len) == 0 && len == sizeof(v));
	return v;
}
static int events(int fd)
{
	struct pollfd f = { fd, POLLIN | POLLPRI | POLLRDHUP, 0 };
	CHECK(poll(&f, 1, 0) >= 0);
	return f.revents;
}
/* What read gives, as a string. */
static const char *got(int fd, size_t n, int flags)
{
	ssize_t r = recv(fd, buf, n, flags | MSG_DONTWAIT);
	if (r < 0)
		return errno == EAGAIN       ? "EAGAIN"
			   : errno == EINVAL     ? "EINVAL"
			   : errno == EOPNOTSUPP ? "EOPNOTSUPP"
			   : errno == ECONNRESET ? "ECONNRESET"
									 : "?";
	buf[r] = 0;
	return buf;
}
#define GOT(fd, n, flags, what) CHECK(!strcmp(got(fd, n, flags), what))
#define SEND(fd, text, flags) CHECK(send(fd, text, strlen(text), flags) == (ssize_t)strlen(text))
static int at_mark(int fd)
{
	int v = -1;
	CHECK(ioctl(fd, SIOCATMARK, &v) == 0);
	return v;
}
static int inq(int fd)
{
	int v = -1;
	CHECK(ioctl(fd, FIONREAD, &v) == 0);
	return v;
}
static struct msghdr msg;
static char control[256];
/* Receives a message of up to 64 bytes with its control data. */
static ssize_t receive(int fd, size_t room)
{
	static struct iovec v;
	v = (struct iovec){ buf, 64 };
	memset(control, 0, sizeof(control));
	msg = (struct msghdr){ .msg_iov = &v, .msg_iovlen = 1, .msg_control = room ? control : NULL, .msg_controllen = room };
	return recvmsg(fd, &msg, MSG_DONTWAIT);
}
/* The n-th control message. */
static struct cmsghdr *header(int n)
{
	struct cmsghdr *h = CMSG_FIRSTHDR(&msg);
	while (h && n--)
		h = CMSG_NXTHDR(&msg, h);
	return h;
}
/* The process that a pidfd means, by its fdinfo. */
static int pid_of(int pidfd)
{
	char path[64], text[512];
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	CHECK(n > 0);
	text[n] = 0;
	close(fd);
	char *p = strstr(text, "\nPid:\t");
	CHECK(p);
	return atoi(p + 6);
}
static int listener(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	strcpy(a.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(fd >= 0 && bind(fd, (void *)&a, sizeof(a)) == 0 && listen(fd, 5) == 0);
	return fd;
}
static int dial(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	strcpy(a.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(connect(fd, (void *)&a, sizeof(a)) == 0);
	return fd;
}

/* --- who the peer is ------------------------------------------------------------------------------------------------------------------------- */

static void peer_pidfd(void)
{
	int go[2], v = 0;
	socklen_t len = sizeof(v);
	pair(SOCK_STREAM);
	int fd = get(s[0], SO_PEERPIDFD);
	CHECK(fd > 2 && pid_of(fd) == getpid() && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	CHECK_ERR(getsockopt(socket(AF_UNIX, SOCK_STREAM, 0), SOL, SO_PEERPIDFD, &v, &len), ENODATA);
	CHECK_ERR(setsockopt(s[0], SOL, SO_PEERPIDFD, &v, sizeof(v)), ENOPROTOOPT);
	int l = listener("sock");
	CHECK(pipe(go) == 0);
	pid_t ch = fork();
	if (!ch) {
		dial("sock");
		CHECK(read(go[0], buf, 1) == 1);
		_exit(7);
	}
	int c = accept(l, NULL, NULL);
	fd = get(c, SO_PEERPIDFD);
	CHECK(pid_of(fd) == ch);
	struct pollfd p = { fd, POLLIN, 0 };
	CHECK(poll(&p, 1, 0) == 0);
	CHECK(write(go[1], "x", 1) == 1 && poll(&p, 1, -1) == 1);
	int zombie = get(c, SO_PEERPIDFD);
	CHECK(pid_of(zombie) == ch);
	CHECK(EXITED(reap(ch), 7));
	/* nobody has that number now, and yet it is remembered who it was */
	struct ucred u;
	len = sizeof(u);
	CHECK(getsockopt(c, SOL, SO_PEERCRED, &u, &len) == 0 && u.pid == ch);
	len = sizeof(v);
	if (getsockopt(c, SOL, SO_PEERPIDFD, &v, &len) == 0)
		CHECK(pid_of(v) == -1); /* since Linux 6.16 */
	else
		CHECK(errno == ESRCH || errno == EINVAL);
}
static void peer_groups(void)
{
	gid_t in[3] = { 7, 1000, 70000 }, out[5] = { 0 };
	socklen_t len = sizeof(out);
	if (getuid())
		check_skip("wants root");
	CHECK_ERR(getsockopt(socket(AF_UNIX, SOCK_STREAM, 0), SOL, SO_PEERGROUPS, out, &len), ENODATA);
	int l = listener("sock");
	int st = IN_CHILD(CHECK(setgroups(3, in) == 0); dial("sock"));
	CHECK(EXITED(st, 0));
	int c = accept(l, NULL, NULL);
	CHECK(getsockopt(c, SOL, SO_PEERGROUPS, out, &len) == 0 && len == sizeof(in) && !memcmp(in, out, sizeof(in)));
	len = 2 * sizeof(gid_t);
	CHECK_ERR(getsockopt(c, SOL, SO_PEERGROUPS, out, &len), ERANGE);
	CHECK(len == sizeof(in));
	/* whoever becomes a listener is what its clients see */
	CHECK(setgroups(1, in) == 0);
	l = listener("sock2");
	c = dial("sock2");
	len = sizeof(out);
	CHECK(getsockopt(c, SOL, SO_PEERGROUPS, out, &len) == 0 && len == sizeof(gid_t) && out[0] == 7);
	CHECK(setgroups(0, NULL) == 0);
	pair(SOCK_DGRAM);
	len = sizeof(out);
	CHECK(getsockopt(s[0], SOL, SO_PEERGROUPS, out, &len) == 0 && len == 0);
}
static void peer_name(void)
{
	struct sockaddr_un a;
	socklen_t len = 5;
	int l = listener("sock"), c = dial("sock");
	(void)l;
	memset(&a, 0, sizeof(a));
	CHECK(getsockopt(c, SOL, SO_PEERNAME, &a, &len) == 0 && len == 5 && !memcmp(a.sun_path, "soc", 4));
	len = sizeof(a);
	CHECK_ERR(getsockopt(c, SOL, SO_PEERNAME, &a, &len), EINVAL);
	CHECK_ERR(getsockopt(l, SOL, SO_PEERNAME, &a, &len), ENOTCONN);
}
static void cookies(void)
{
	uint64_t a = 0, b = 0, again = 0, net = 0;
	socklen_t len = sizeof(a), four = 4;
	pair(SOCK_DGRAM);
	CHECK(getsockopt(s[0], SOL, SO_COOKIE, &a, &len) == 0 && len == 8 && a);
	CHECK(getsockopt(s[1], SOL, SO_COOKIE, &b, &len) == 0 && b && a != b);
	CHECK(getsockopt(s[0], SOL, SO_COOKIE, &again, &len) == 0 && a == again);
	CHECK_ERR(getsockopt(s[0], SOL, SO_COOKIE, &a, &four), EINVAL);
	CHECK_ERR(setsockopt(s[0], SOL, SO_COOKIE, &a, 8), ENOPROTOOPT);
	CHECK(getsockopt(s[0], SOL, SO_NETNS_COOKIE, &net, &len) == 0 && net && len == 8);
	CHECK(getsockopt(s[1], SOL, SO_NETNS_COOKIE, &b, &len) == 0 && b == net);
}

/* --- what comes with messages ------------------------------------------------------------------------------------------------------------------ */

static void pidfds_in_messages(void)
{
	pair(SOCK_DGRAM);
	CHECK(get(s[1], SO_PASSPIDFD) == 0);
	set(s[1], SO_PASSPIDFD, 5);
	CHECK(get(s[1], SO_PASSPIDFD) == 1);
	int st = IN_CHILD(SEND(s[0], "late", 0));
	CHECK(EXITED(st, 0));
	SEND(s[0], "hello", 0);
	/* of a process that is gone there is no pidfd, but an errno (since Linux 6.16 a pidfd of nobody) */
	CHECK(receive(s[1], sizeof(control)) == 4);
	struct cmsghdr *h = header(0);
	CHECK(h && h->cmsg_type == SCM_PIDFD && h->cmsg_level == SOL && h->cmsg_len == CMSG_LEN(4));
	int v = *(int *)CMSG_DATA(h);
	CHECK(v == -ESRCH || v == -EINVAL || (v > 0 && pid_of(v) == -1));
	if (v > 0)
		close(v);
	/* with credentials too, these come first */
	set(s[1], SO_PASSCRED, 1);
	CHECK(receive(s[1], sizeof(control)) == 5 && !(msg.msg_flags & MSG_CTRUNC));
	h = header(0);
	CHECK(h && h->cmsg_type == SCM_CREDENTIALS && ((struct ucred *)CMSG_DATA(h))->pid == getpid());
	h = header(1);
	CHECK(h && h->cmsg_type == SCM_PIDFD && !header(2));
	v = *(int *)CMSG_DATA(h);
	CHECK(pid_of(v) == getpid() && fcntl(v, F_GETFD) == FD_CLOEXEC);
	/* no room: cut, and no descriptor is lost */
	set(s[1], SO_PASSCRED, 0);
	SEND(s[0], "three", 0);
	CHECK(receive(s[1], CMSG_LEN(2)) == 5 && (msg.msg_flags & MSG_CTRUNC));
	int next = dup(0);
	CHECK(next == v + 1);
	SEND(s[0], "four", 0);
	CHECK(receive(s[1], 0) == 4 && (msg.msg_flags & MSG_CTRUNC));
}
static void credentials_only_when_wanted(void)
{
	struct ucred u;
	if (getuid())
		check_skip("wants root");
	pair(SOCK_DGRAM);
	SEND(s[0], "x", 0);
	set(s[1], SO_PASSCRED, 1);
	CHECK(receive(s[1], sizeof(control)) == 1);
	memcpy(&u, CMSG_DATA(header(0)), sizeof(u));
	CHECK(u.pid == 0 && u.uid == 65534 && u.gid == 65534);
	/* they are the real ids */
	int st = IN_CHILD(CHECK(setresgid(11, 12, 12) == 0 && setresuid(21, 22, 22) == 0); SEND(s[0], "y", 0));
	CHECK(EXITED(st, 0));
	CHECK(receive(s[1], sizeof(control)) == 1);
	memcpy(&u, CMSG_DATA(header(0)), sizeof(u));
	CHECK(u.uid == 21 && u.gid == 11 && u.pid > 0);
	/* the peer's, as SO_PEERCRED tells them, the effective ones */
	CHECK(setresgid(11, 12, 12) == 0 && setresuid(21, 22, 22) == 0);
	pair(SOCK_STREAM);
	socklen_t len = sizeof(u);
	CHECK(getsockopt(s[0], SOL, SO_PEERCRED, &u, &len) == 0 && u.uid == 22 && u.gid == 12);
}
static void stream_parts_by_sender(void)
{
	pair(SOCK_STREAM);
	set(s[1], SO_PASSPIDFD, 1);
	SEND(s[0], "ab", 0);
	SEND(s[0], "cd", 0);
	int st = IN_CHILD(SEND(s[0], "ef", 0));
	CHECK(EXITED(st, 0));
	CHECK(receive(s[1], sizeof(control)) == 4 && receive(s[1], sizeof(control)) == 2);
}
static void time_stamps(void)
{
	struct timeval tv, a;
	struct timespec ts;
	pair(SOCK_DGRAM);
	CHECK(get(s[1], SO_TIMESTAMP) == 0 && get(s[1], SO_TIMESTAMPNS) == 0);
	set(s[1], SO_TIMESTAMP, 1);
	CHECK(get(s[1], SO_TIMESTAMP) == 1 && get(s[1], SO_TIMESTAMPNS) == 0);
	set(s[1], SO_PASSCRED, 1);
	gettimeofday(&a, NULL);
	SEND(s[0], "x", 0);
	msleep(30);
	CHECK(receive(s[1], sizeof(control)) == 1);
	struct cmsghdr *h = header(0);
	CHECK(h && h->cmsg_type == SO_TIMESTAMP && h->cmsg_len == CMSG_LEN(sizeof(tv)));
	memcpy(&tv, CMSG_DATA(h), sizeof(tv));
	double d = (double)(tv.tv_sec - a.tv_sec) + (double)(tv.tv_usec - a.tv_usec) / 1e6;
	CHECK(d > -0.001 && d < 0.029); /* of the sending */
	CHECK(header(1) && header(1)->cmsg_type == SCM_CREDENTIALS);
	set(s[1], SO_TIMESTAMPNS, 1);
	CHECK(get(s[1], SO_TIMESTAMP) == 0 && get(s[1], SO_TIMESTAMPNS) == 1);
	SEND(s[0], "x", 0);
	CHECK(receive(s[1], sizeof(control)) == 1);
	h = header(0);
	CHECK(h && h->cmsg_type == SO_TIMESTAMPNS && h->cmsg_len == CMSG_LEN(sizeof(ts)));
	memcpy(&ts, CMSG_DATA(h), sizeof(ts));
	CHECK(ts.tv_sec - a.tv_sec <= 2 && ts.tv_nsec < 1000000000);
	set(s[1], SO_TIMESTAMP, 0);
	CHECK(get(s[1], SO_TIMESTAMPNS) == 0);
	SEND(s[0], "x", 0);
	CHECK(receive(s[1], sizeof(control)) == 1 && header(0)->cmsg_type == SCM_CREDENTIALS);
}

/* --- looking into the queue --------------------------------------------------------------------------------------------------------------------- */

static void peek_offset_stream(void)
{
	pair(SOCK_STREAM);
	CHECK(get(s[1], SO_PEEK_OFF) == -1);
	SEND(s[0], "abc", 0);
	SEND(s[0], "defgh", 0);
	GOT(s[1], 2, MSG_PEEK, "ab");
	GOT(s[1], 2, MSG_PEEK, "ab");
	set(s[1], SO_PEEK_OFF, 0);
	GOT(s[1], 2, MSG_PEEK, "ab");
	CHECK(get(s[1], SO_PEEK_OFF) == 2);
	GOT(s[1], 3, MSG_PEEK, "cde");
	CHECK(get(s[1], SO_PEEK_OFF) == 5);
	/* what is read moves the offset back */
	GOT(s[1], 4, 0, "abcd");
	CHECK(get(s[1], SO_PEEK_OFF) == 1);
	GOT(s[1], 10, MSG_PEEK, "fgh");
	GOT(s[1], 10, MSG_PEEK, "EAGAIN");
	GOT(s[1], 3, 0, "efg");
	CHECK(get(s[1], SO_PEEK_OFF) == 1);
	set(s[1], SO_PEEK_OFF, -1);
	GOT(s[1], 10, MSG_PEEK, "h");
	GOT(s[1], 10, 0, "h");
	CHECK(get(s[1], SO_PEEK_OFF) == -1);
}
static void peek_offset_waits(void)
{
	pair(SOCK_STREAM);
	set(s[1], SO_PEEK_OFF, 3);
	SEND(s[0], "abc", 0);
	pid_t ch = fork();
	if (!ch) {
		CHECK(recv(s[1], buf, 10, MSG_PEEK) == 2 && !memcmp(buf, "de", 2));
		_exit(0);
	}
	await_state(ch, "S");
	SEND(s[0], "de", 0);
	CHECK(EXITED(reap(ch), 0));
}
static void peek_offset_datagrams(void)
{
	pair(SOCK_DGRAM);
	SEND(s[0], "abc", 0);
	SEND(s[0], "", 0);
	SEND(s[0], "defgh", 0);
	set(s[1], SO_PEEK_OFF, 0);
	GOT(s[1], 2, MSG_PEEK, "ab");
	CHECK(get(s[1], SO_PEEK_OFF) == 2);
	GOT(s[1], 9, MSG_PEEK, "c");
	GOT(s[1], 9, MSG_PEEK, "");
	GOT(s[1], 3, MSG_PEEK, "def");
	CHECK(recv(s[1], buf, 1, MSG_PEEK | MSG_TRUNC) == 2 && buf[0] == 'g');
	CHECK(get(s[1], SO_PEEK_OFF) == 7);
	GOT(s[1], 9, 0, "abc");
	CHECK(get(s[1], SO_PEEK_OFF) == 4);
	GOT(s[1], 9, MSG_PEEK, "h");
	GOT(s[1], 9, MSG_PEEK, "EAGAIN");
}
static void nothing_from_nothing(void)
{
	pair(SOCK_STREAM);
	CHECK_ERR(recv(s[1], buf, 0, MSG_DONTWAIT), EAGAIN);
	CHECK(read(s[1], buf, 0) == 0);
	CHECK(fcntl(s[1], F_SETFL, O_NONBLOCK) == 0);
	CHECK_ERR(recv(s[1], buf, 0, 0), EAGAIN);
	SEND(s[0], "x", 0);
	CHECK(recv(s[1], buf, 0, 0) == 0 && inq(s[1]) == 1);
	pair(SOCK_DGRAM);
	CHECK_ERR(recv(s[1], buf, 0, MSG_DONTWAIT), EAGAIN);
	SEND(s[0], "xyz", 0);
	CHECK(recv(s[1], buf, 0, MSG_DONTWAIT) == 0 && inq(s[1]) == 0);
	/* there is no queue of errors: the flag says nothing */
	SEND(s[0], "xyz", 0);
	GOT(s[1], 9, MSG_ERRQUEUE, "xyz");
}
static void low_water(void)
{
	pair(SOCK_STREAM);
	CHECK(get(s[1], SO_RCVLOWAT) == 1 && get(s[1], SO_SNDLOWAT) == 1);
	set(s[1], SO_RCVLOWAT, 0);
	CHECK(get(s[1], SO_RCVLOWAT) == 1);
	set(s[1], SO_RCVLOWAT, -1);
	CHECK(get(s[1], SO_RCVLOWAT) == 0x7fffffff);
	set(s[1], SO_RCVLOWAT, 4);
	SEND(s[0], "abc", 0);
	CHECK(events(s[1]) == POLLIN);
	GOT(s[1], 10, 0, "abc");
	pid_t ch = fork();
	if (!ch) {
		CHECK(read(s[1], buf, 5) == 5 && read(s[1], buf, 2) == 2);
		_exit(0);
	}
	await_state(ch, "S");
	SEND(s[0], "ab", 0);
	await_state(ch, "S");
	SEND(s[0], "cde", 0);
	SEND(s[0], "fg", 0);
	CHECK(EXITED(reap(ch), 0));
}

/* --- urgent bytes --------------------------------------------------------------------------------------------------------------------------------- */

static void urgent_byte(void)
{
	pair(SOCK_STREAM);
	GOT(s[1], 1, MSG_OOB, "EINVAL");
	CHECK_ERR(send(s[0], "x", 0, MSG_OOB), EOPNOTSUPP);
	SEND(s[0], "hello", MSG_OOB);
	CHECK(events(s[1]) == (POLLIN | POLLPRI) && inq(s[1]) == 5 && !at_mark(s[1]));
	GOT(s[1], 9, MSG_OOB | MSG_PEEK, "o");
	GOT(s[1], 9, MSG_OOB, "o");
	CHECK(inq(s[1]) == 4 && events(s[1]) == POLLIN);
	GOT(s[1], 9, MSG_OOB, "EINVAL");
	SEND(s[0], "more", 0);
	GOT(s[1], 9, 0, "hell"); /* reading stops where the urgent byte was */
	CHECK(at_mark(s[1]) == 1);
	GOT(s[1], 9, 0, "more");
	CHECK(at_mark(s[1]) == 0 && inq(s[1]) == 0);
	struct iovec v = { buf, 9 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	SEND(s[0], "!", MSG_OOB);
	CHECK(recvmsg(s[1], &m, MSG_OOB) == 1 && m.msg_flags == MSG_OOB);
}
static void urgent_byte_passed_over(void)
{
	pair(SOCK_STREAM);
	SEND(s[0], "hello", MSG_OOB);
	SEND(s[0], "more", 0);
	GOT(s[1], 9, MSG_PEEK, "hell");
	GOT(s[1], 9, 0, "hell");
	CHECK(at_mark(s[1]) == 1);
	GOT(s[1], 9, MSG_PEEK, "more");
	CHECK(at_mark(s[1]) == 1);
	GOT(s[1], 9, 0, "more"); /* the urgent byte is lost */
	GOT(s[1], 9, MSG_OOB, "EINVAL");
	CHECK(events(s[1]) == 0 && at_mark(s[1]) == 0);
	SEND(s[0], "x", MSG_OOB);
	CHECK(events(s[1]) == (POLLIN | POLLPRI));
	GOT(s[1], 9, MSG_PEEK, "EAGAIN");
	GOT(s[1], 9, 0, "EAGAIN");
	CHECK(events(s[1]) == 0);
}
static void urgent_byte_replaced(void)
{
	pair(SOCK_STREAM);
	SEND(s[0], "ab", MSG_OOB);
	SEND(s[0], "cd", MSG_OOB);
	GOT(s[1], 9, 0, "abc"); /* the first one is an ordinary byte now */
	CHECK(at_mark(s[1]) == 1);
	GOT(s[1], 9, MSG_OOB, "d");
	GOT(s[1], 9, 0, "EAGAIN");
}
static void urgent_byte_inline(void)
{
	pair(SOCK_STREAM);
	CHECK(get(s[1], SO_OOBINLINE) == 0);
	set(s[1], SO_OOBINLINE, 1);
	CHECK(get(s[1], SO_OOBINLINE) == 1);
	SEND(s[0], "hello", MSG_OOB);
	SEND(s[0], "more", 0);
	CHECK(events(s[1]) == (POLLIN | POLLPRI));
	GOT(s[1], 9, MSG_OOB, "EINVAL");
	GOT(s[1], 9, 0, "hell");
	CHECK(at_mark(s[1]) == 1);
	GOT(s[1], 9, 0, "omore");
	CHECK(events(s[1]) == 0);
}
static volatile sig_atomic_t urgent;
static void on_urgent(int sig) { urgent += sig == SIGURG; }
static void urgent_signal(void)
{
	int v = 0;
	pair(SOCK_STREAM);
	signal(SIGURG, on_urgent);
	SEND(s[0], "x", MSG_OOB);
	CHECK(urgent == 0);
	CHECK(ioctl(s[1], 0x8903, &v) == 0 && v == 0); /* FIOGETOWN */
	v = getpid();
	CHECK(ioctl(s[1], 0x8901, &v) == 0 && fcntl(s[1], F_GETOWN) == getpid()); /* FIOSETOWN */
	SEND(s[0], "x", MSG_OOB);
	CHECK(urgent == 1);
	SEND(s[0], "x", 0);
	CHECK(urgent == 1);
	v = 0;
	CHECK(ioctl(s[1], 0x8904, &v) == 0 && v == getpid()); /* SIOCGPGRP */
}
static void urgent_elsewhere(void)
{
	pair(SOCK_DGRAM);
	CHECK_ERR(send(s[0], "x", 1, MSG_OOB), EOPNOTSUPP);
	GOT(s[1], 1, MSG_OOB, "EOPNOTSUPP");
	pair(SOCK_SEQPACKET);
	CHECK_ERR(send(s[0], "x", 1, MSG_OOB), EOPNOTSUPP);
	GOT(s[1], 1, MSG_OOB, "EOPNOTSUPP");
	/* a byte that was taken is not lost with its socket, one that was not is */
	pair(SOCK_STREAM);
	SEND(s[0], "x", MSG_OOB);
	GOT(s[1], 1, MSG_OOB, "x");
	close(s[1]);
	GOT(s[0], 1, 0, "");
	pair(SOCK_STREAM);
	SEND(s[0], "x", MSG_OOB);
	close(s[1]);
	GOT(s[0], 1, 0, "ECONNRESET");
}

/* --- ioctls and the rest ---------------------------------------------------------------------------------------------------------------------------- */

static void path_of_socket(void)
{
	int l = listener("sock");
	struct stat a, b;
	pair(SOCK_STREAM);
	if (getuid())
		check_skip("wants root");
	CHECK_ERR(ioctl(s[0], SIOCUNIXFILE_NR), ENOENT);
	int fd = ioctl(l, SIOCUNIXFILE_NR);
	CHECK(fd >= 0 && (fcntl(fd, F_GETFL) & O_PATH) && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	CHECK(fstat(fd, &a) == 0 && stat("sock", &b) == 0 && a.st_ino == b.st_ino && S_ISSOCK(a.st_mode));
	CHECK(setresuid(99, 99, 99) == 0);
	CHECK_ERR(ioctl(l, SIOCUNIXFILE_NR), EPERM);
}
static void flags_that_do_nothing(void)
{
	static const int yes_or_no[] = { SO_REUSEADDR, SO_KEEPALIVE, SO_DONTROUTE, SO_BROADCAST, SO_NO_CHECK, SO_PASSSEC };
	int v;
	pair(SOCK_STREAM);
	for (size_t i = 0; i < NELEM(yes_or_no); i++) {
		CHECK(get(s[0], yes_or_no[i]) == 0);
		set(s[0], yes_or_no[i], 3);
		CHECK(get(s[0], yes_or_no[i]) == 1);
		set(s[0], yes_or_no[i], 0);
		CHECK(get(s[0], yes_or_no[i]) == 0);
	}
	v = 1;
	CHECK_ERR(setsockopt(s[0], SOL, SO_ZEROCOPY, &v, sizeof(v)), EOPNOTSUPP);
	CHECK(get(s[0], SO_ZEROCOPY) == 0);
	socklen_t len = sizeof(v);
	CHECK_ERR(setsockopt(s[0], SOL, SO_TYPE, &v, sizeof(v)), ENOPROTOOPT);
	CHECK_ERR(setsockopt(s[0], SOL, SO_PEERCRED, &v, sizeof(v)), ENOPROTOOPT);
	len = 1;
	v = -1;
	CHECK(getsockopt(s[0], SOL, SO_TYPE, &v, &len) == 0 && len == 1 && v == (-256 | SOCK_STREAM));
}
static void descriptors_waiting(void)
{
	char path[64], text[512];
	int fd = 0;
	struct iovec v = { "x", 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(4) };
	pair(SOCK_STREAM);
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	*h = (struct cmsghdr){ .cmsg_level = SOL, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(4) };
	memcpy(CMSG_DATA(h), &fd, 4);
	CHECK(sendmsg(s[0], &m, 0) == 1 && sendmsg(s[0], &m, 0) == 1);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", s[1]);
	fd = open(path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	CHECK(n > 0);
	text[n] = 0;
	CHECK(strstr(text, "\nscm_fds: 2\n"));
}
CASES(CASE(peer_pidfd), CASE(peer_groups), CASE(peer_name), CASE(cookies), CASE(pidfds_in_messages), CASE(credentials_only_when_wanted),
	CASE(stream_parts_by_sender), CASE(time_stamps), CASE(peek_offset_stream), CASE(peek_offset_waits), CASE(peek_offset_datagrams),
	CASE(nothing_from_nothing), CASE(low_water), CASE(urgent_byte), CASE(urgent_byte_passed_over), CASE(urgent_byte_replaced),
	CASE(urgent_byte_inline), CASE(urgent_signal), CASE(urgent_elsewhere), CASE(path_of_socket), CASE(flags_that_do_nothing),
	CASE(descriptors_waiting))
