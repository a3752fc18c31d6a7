/* splice, tee, vmsplice, sendfile and copy_file_range: what moves, what stays, who is refused. */
#include "check.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

static int p[2], q[2];
static void start(void) { CHECK(pipe(p) == 0 && pipe(q) == 0); }
static int temp(const char *text)
{
	int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}
static int holds(int fd, const char *want)
{
	char buf[256];
	ssize_t n = read(fd, buf, sizeof(buf));
	return n == (ssize_t)strlen(want) && !memcmp(buf, want, (size_t)n);
}

static void file_to_pipe(void)
{
	start();
	int fd = temp("hello world");
	CHECK(splice(fd, NULL, p[1], NULL, 5, 0) == 5);
	CHECK(holds(p[0], "hello") && lseek(fd, 0, SEEK_CUR) == 5);
	off_t off = 6;
	CHECK(splice(fd, &off, p[1], NULL, 100, 0) == 5 && off == 11 && lseek(fd, 0, SEEK_CUR) == 5);
	CHECK(holds(p[0], "world"));
	CHECK(splice(fd, &off, p[1], NULL, 100, 0) == 0);
	/* What the file is afterwards does not matter. */
	CHECK(splice(fd, NULL, p[1], NULL, 100, 0) == 6);
	CHECK(ftruncate(fd, 0) == 0);
	CHECK(holds(p[0], " world"));
	CHECK_ERR(splice(fd, NULL, p[1], &off, 5, 0), ESPIPE);
}

static void pipe_to_file(void)
{
	start();
	int fd = temp("0123456789");
	CHECK(write(p[1], "abcdef", 6) == 6);
	CHECK(splice(p[0], NULL, fd, NULL, 4, 0) == 4 && lseek(fd, 0, SEEK_CUR) == 4);
	off_t off = 8;
	CHECK(splice(p[0], NULL, fd, &off, 100, 0) == 2 && off == 10 && lseek(fd, 0, SEEK_CUR) == 4);
	CHECK(lseek(fd, 0, SEEK_SET) == 0 && holds(fd, "abcd4567ef"));
	CHECK_ERR(splice(p[0], &off, fd, NULL, 4, 0), ESPIPE);
	int app = open("file", O_WRONLY | O_APPEND);
	CHECK(write(p[1], "x", 1) == 1);
	CHECK_ERR(splice(p[0], NULL, app, NULL, 1, 0), EINVAL);
	/* What the file does not take stays in the pipe. */
	CHECK(holds(p[0], "x"));
}

static void pipe_to_pipe(void)
{
	char big[3 * 4096 + 5], back[sizeof(big)];
	start();
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 >> 3);
	CHECK(write(p[1], big, sizeof(big)) == sizeof(big));
	CHECK(splice(p[0], NULL, q[1], NULL, 5000, 0) == 5000);
	CHECK(splice(p[0], NULL, q[1], NULL, 1 << 20, 0) == (ssize_t)sizeof(big) - 5000);
	CHECK(read(q[0], back, sizeof(back)) == sizeof(back) && !memcmp(big, back, sizeof(big)));
	/* Writes after it do not touch what was split. */
	CHECK(write(p[1], "12345678", 8) == 8 && splice(p[0], NULL, q[1], NULL, 4, 0) == 4);
	CHECK(write(p[1], "ab", 2) == 2 && write(q[1], "cd", 2) == 2);
	CHECK(holds(p[0], "5678ab") && holds(q[0], "1234cd"));
	CHECK_ERR(splice(p[0], NULL, p[1], NULL, 5, 0), EINVAL);
	CHECK_ERR(splice(p[0], NULL, q[1], NULL, 5, SPLICE_F_NONBLOCK), EAGAIN);
	off_t off = 0;
	CHECK_ERR(splice(p[0], &off, q[1], NULL, 5, 0), ESPIPE);
	close(p[1]);
	CHECK(splice(p[0], NULL, q[1], NULL, 5, 0) == 0);
}

static void tee_leaves_it(void)
{
	start();
	CHECK(write(p[1], "one", 3) == 3);
	CHECK(tee(p[0], q[1], 100, 0) == 3);
	CHECK(tee(p[0], q[1], 2, 0) == 2);
	/* Appended to the one, not to the other. */
	CHECK(write(p[1], "+", 1) == 1 && write(q[1], "-", 1) == 1);
	CHECK(holds(p[0], "one+") && holds(q[0], "oneon-"));
	CHECK_ERR(tee(p[0], q[1], 1, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_ERR(tee(p[0], p[1], 1, 0), EINVAL);
	CHECK_ERR(tee(p[0], temp("x"), 1, 0), EINVAL);
	CHECK_ERR(tee(p[0], q[1], 1, 0x100), EINVAL);
	CHECK_ERR(tee(p[1], q[1], 1, 0), EBADF);
	CHECK(tee(p[0], q[1], 0, 0) == 0);
}

static void vmsplice_both_ways(void)
{
	char a[] = "first ", b[] = "second", back[32] = "";
	struct iovec v[2] = { { a, 6 }, { b, 6 } };
	start();
	CHECK(vmsplice(p[1], v, 2, 0) == 12);
	CHECK(holds(p[0], "first second"));
	CHECK(write(p[1], "abc", 3) == 3);
	v[0] = (struct iovec){ back, 32 };
	CHECK(vmsplice(p[0], v, 1, 0) == 3 && !strcmp(back, "abc"));
	CHECK_ERR(vmsplice(p[0], v, 1, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_ERR(vmsplice(temp("x"), v, 1, 0), EBADF);
	CHECK_ERR(vmsplice(p[1], v, 1, 0x80), EINVAL);
	v[0] = (struct iovec){ (void *)16, 5 };
	CHECK_ERR(vmsplice(p[1], v, 1, 0), EFAULT);
	/* More than there is room for. */
	static char much[1 << 20];
	v[0] = (struct iovec){ much, sizeof(much) };
	ssize_t n = vmsplice(p[1], v, 1, 0);
	CHECK(n > 0 && n <= 65536);
}

static void errors(void)
{
	start();
	int fd = temp("data"), other = open("file", O_RDWR);
	CHECK(splice(-1, NULL, -1, NULL, 0, 0) == 0);
	CHECK_ERR(splice(-1, NULL, p[1], NULL, 1, 0), EBADF);
	CHECK_ERR(splice(fd, NULL, other, NULL, 1, 0), EINVAL);
	CHECK_ERR(splice(fd, NULL, p[0], NULL, 1, 0), EBADF);
	CHECK_ERR(splice(p[1], NULL, fd, NULL, 1, 0), EBADF);
	CHECK_ERR(splice(fd, NULL, p[1], NULL, 1, 0x40), EINVAL);
	int ev = eventfd(1, 0);
	CHECK_ERR(splice(ev, NULL, p[1], NULL, 8, 0), EINVAL);
	off_t off = 0;
	int s[2];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHECK_ERR(splice(s[0], &off, p[1], NULL, 1, 0), EINVAL);
	off = -1;
	CHECK_ERR(splice(fd, &off, p[1], NULL, 1, 0), EINVAL);
	CHECK_ERR(splice(fd, (void *)16, p[1], NULL, 1, 0), EFAULT);
	signal(SIGPIPE, SIG_IGN);
	close(p[0]);
	CHECK_ERR(splice(fd, NULL, p[1], NULL, 1, 0), EPIPE);
}

static void sockets(void)
{
	int s[2];
	start();
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHECK(write(p[1], "through", 7) == 7 && splice(p[0], NULL, s[0], NULL, 100, 0) == 7);
	CHECK(splice(s[1], NULL, q[1], NULL, 100, 0) == 7 && holds(q[0], "through"));
	/* It does not wait for more than there is. */
	CHECK(write(s[0], "abc", 3) == 3 && splice(s[1], NULL, q[1], NULL, 65536, 0) == 3 && holds(q[0], "abc"));
}

static void waiting(void)
{
	start();
	pid_t pid = fork();
	if (!pid) {
		msleep(50);
		CHECK(write(p[1], "late", 4) == 4);
		_exit(0);
	}
	CHECK(splice(p[0], NULL, q[1], NULL, 100, 0) == 4 && holds(q[0], "late"));
	CHECK(EXITED(reap(pid), 0));
	/* A full pipe. */
	int n = fcntl(q[1], F_SETPIPE_SZ, 4096);
	CHECK(n == 4096);
	char page[4096] = "x";
	CHECK(write(q[1], page, 4096) == 4096 && write(p[1], "more", 4) == 4);
	CHECK_ERR(splice(p[0], NULL, q[1], NULL, 4, SPLICE_F_NONBLOCK), EAGAIN);
	pid = fork();
	if (!pid) {
		msleep(50);
		CHECK(read(q[0], page, 4096) == 4096);
		_exit(0);
	}
	CHECK(splice(p[0], NULL, q[1], NULL, 4, 0) == 4 && holds(q[0], "more"));
	CHECK(EXITED(reap(pid), 0));
}

static void whole_files(void)
{
	size_t size = 300000;
	char *a = malloc(size), *b = malloc(size);
	start();
	for (size_t i = 0; i < size; i++)
		a[i] = (char)(i * 31 >> 5);
	write_file("in", a, size, 0600);
	int in = open("in", O_RDONLY), out = open("out", O_RDWR | O_CREAT, 0600);
	for (;;) {
		ssize_t n = splice(in, NULL, p[1], NULL, 65536, 0);
		CHECK(n >= 0);
		if (!n)
			break;
		while (n) {
			ssize_t m = splice(p[0], NULL, out, NULL, (size_t)n, 0);
			CHECK(m > 0);
			n -= m;
		}
	}
	CHECK(pread(out, b, size, 0) == (ssize_t)size && !memcmp(a, b, size));
}

static void sendfile_rules(void)
{
	start();
	int in = temp("0123456789"), out = open("out", O_RDWR | O_CREAT, 0600);
	off_t off = 4;
	CHECK(sendfile(out, in, &off, 3) == 3 && off == 7 && lseek(in, 0, SEEK_CUR) == 0);
	CHECK(sendfile(out, in, NULL, 100) == 10 && lseek(in, 0, SEEK_CUR) == 10 && sendfile(out, in, NULL, 1) == 0);
	CHECK(sendfile(p[1], in, &off, 2) == 2 && holds(p[0], "78"));
	CHECK_ERR(sendfile(out, p[0], NULL, 1), EINVAL);
	CHECK_ERR(sendfile(out, p[0], &off, 1), ESPIPE);
	CHECK_ERR(sendfile(in, in, (void *)16, 1), EFAULT);
	int app = open("out", O_WRONLY | O_APPEND);
	CHECK_ERR(sendfile(app, in, NULL, 1), EINVAL);
	CHECK_ERR(sendfile(p[0], in, NULL, 1), EBADF);
}

static void copy_ranges(void)
{
	int in = temp("0123456789"), out = open("out", O_RDWR | O_CREAT, 0600);
	off_t a = 2, b = 5;
	CHECK(copy_file_range(in, &a, out, &b, 4, 0) == 4 && a == 6 && b == 9);
	char buf[16];
	CHECK(pread(out, buf, 16, 0) == 9 && !memcmp(buf,
											 "\0\0\0\0\0"
											 "2345",
											 9));
	CHECK(copy_file_range(in, NULL, out, NULL, 100, 0) == 10 && copy_file_range(in, NULL, out, NULL, 100, 0) == 0);
	a = 0, b = 3;
	CHECK_ERR(copy_file_range(in, &a, in, &b, 4, 0), EINVAL);
	b = 6;
	CHECK(copy_file_range(in, &a, in, &b, 4, 0) == 4);
	CHECK_ERR(copy_file_range(in, NULL, out, NULL, 1, 1), EINVAL);
	int ro = open("out", O_RDONLY), app = open("out", O_WRONLY | O_APPEND), dir = open(".", O_RDONLY);
	CHECK_ERR(copy_file_range(in, NULL, ro, NULL, 1, 0), EBADF);
	CHECK_ERR(copy_file_range(in, NULL, app, NULL, 1, 0), EBADF);
	CHECK_ERR(copy_file_range(dir, NULL, out, NULL, 1, 0), EISDIR);
	start();
	CHECK_ERR(copy_file_range(p[0], NULL, out, NULL, 1, 0), EINVAL);
}

CASES(CASE(file_to_pipe), CASE(pipe_to_file), CASE(pipe_to_pipe), CASE(tee_leaves_it), CASE(vmsplice_both_ways), CASE(errors), CASE(sockets),
	CASE(waiting), CASE(whole_files), CASE(sendfile_rules), CASE(copy_ranges))
