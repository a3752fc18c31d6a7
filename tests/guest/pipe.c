/* Pipes and FIFOs. */
#include "check.h"
#include <poll.h>
#include <sys/ioctl.h>

static int p[2];
static char big[1 << 20];
static void make(int flags) { CHECK(pipe2(p, flags) == 0); }

static void errors(void)
{
	CHECK_ERR(pipe2(p, O_CREAT), EINVAL);
	CHECK_ERR(syscall(SYS_pipe, 8), EFAULT);
	make(O_CLOEXEC | O_NONBLOCK);
	CHECK(fcntl(p[0], F_GETFD) == FD_CLOEXEC && fcntl(p[1], F_GETFD) == FD_CLOEXEC);
	CHECK((fcntl(p[0], F_GETFL) & O_ACCMODE) == O_RDONLY && (fcntl(p[1], F_GETFL) & O_ACCMODE) == O_WRONLY);
	CHECK(fcntl(p[0], F_GETFL) & O_NONBLOCK);
	CHECK_ERR(read(p[1], big, 1), EBADF);
	CHECK_ERR(write(p[0], big, 1), EBADF);
	CHECK_ERR(read(p[0], big, 1), EAGAIN);
	CHECK_ERR(lseek(p[0], 0, SEEK_SET), ESPIPE);
	CHECK_ERR(pread(p[0], big, 1, 0), ESPIPE);
	CHECK(read(p[0], big, 0) == 0);
	CHECK_ERR(write(p[1], (void *)8, 1), EFAULT);
	CHECK(write(p[1], "x", 1) == 1);
	CHECK_ERR(read(p[0], (void *)8, 1), EFAULT);
	CHECK(read(p[0], big, 1) == 1 && big[0] == 'x');
}
static void one_inode(void)
{
	struct stat a, b;
	make(0);
	CHECK(fstat(p[0], &a) == 0 && fstat(p[1], &b) == 0);
	CHECK(S_ISFIFO(a.st_mode) && a.st_ino == b.st_ino && a.st_dev == b.st_dev);
}
static void order_and_short_reads(void)
{
	make(0);
	CHECK(write(p[1], "abc", 3) == 3 && write(p[1], "def", 3) == 3);
	CHECK(read(p[0], big, 2) == 2 && !memcmp(big, "ab", 2));
	CHECK(read(p[0], big, 100) == 4 && !memcmp(big, "cdef", 4));
}
static void end_of_file(void)
{
	make(0);
	CHECK(write(p[1], "x", 1) == 1);
	close(p[1]);
	CHECK(read(p[0], big, 10) == 1 && read(p[0], big, 10) == 0 && read(p[0], big, 10) == 0);
}
static void broken(void)
{
	make(0);
	close(p[0]);
	CHECK(KILLED(IN_CHILD((void)!write(p[1], "x", 1)), SIGPIPE));
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(p[1], "x", 1), EPIPE);
}
static void capacity_and_resize(void)
{
	int n;
	make(O_NONBLOCK);
	CHECK(fcntl(p[1], F_GETPIPE_SZ) == 65536);
	CHECK(write(p[1], big, sizeof(big)) == 65536);
	CHECK_ERR(write(p[1], big, 1), EAGAIN);
	CHECK(ioctl(p[0], FIONREAD, &n) == 0 && n == 65536);
	CHECK_ERR(fcntl(p[1], F_SETPIPE_SZ, 4096), EBUSY);
	CHECK(fcntl(p[1], F_SETPIPE_SZ, 100000) == 131072 && fcntl(p[0], F_GETPIPE_SZ) == 131072);
	CHECK(write(p[1], big, sizeof(big)) == 65536);
	while (read(p[0], big, sizeof(big)) > 0)
		;
	CHECK(fcntl(p[1], F_SETPIPE_SZ, 1) == 4096);
	CHECK(write(p[1], big, 5000) == 4096);
	CHECK_ERR(fcntl(open("/dev/null", O_RDONLY), F_GETPIPE_SZ), EBADF);
}
static void small_writes_are_whole(void)
{
	make(O_NONBLOCK);
	CHECK(fcntl(p[1], F_SETPIPE_SZ, 8192) == 8192);
	CHECK(write(p[1], big, 8000) == 8000);
	CHECK_ERR(write(p[1], big, 4096), EAGAIN);
	CHECK(read(p[0], big, 4000) == 4000);
	CHECK(read(p[0], big, 4000) == 4000);
	CHECK(write(p[1], big, 4096) == 4096);
}
static void blocking_both_ways(void)
{
	static unsigned char out[300000], in[300000];
	size_t n = 0;
	make(0);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (unsigned char)(i * 7 + i / 251);
	pid_t c = fork();
	if (!c) {
		close(p[0]);
		CHECK(write(p[1], out, sizeof(out)) == sizeof(out));
		_exit(0);
	}
	close(p[1]);
	while (n < sizeof(in)) {
		ssize_t r = read(p[0], in + n, 7000);
		CHECK(r > 0);
		n += (size_t)r;
	}
	CHECK(read(p[0], in, 1) == 0 || 1);
	CHECK(!memcmp(in, out, sizeof(in)));
	CHECK(EXITED(reap(c), 0));
}
static void ping_pong(void)
{
	int q[2];
	char c;
	make(0);
	CHECK(pipe(q) == 0);
	pid_t ch = fork();
	if (!ch) {
		for (int i = 0; i < 2000; i++) {
			CHECK(read(p[0], &c, 1) == 1);
			CHECK(write(q[1], &c, 1) == 1);
		}
		_exit(0);
	}
	for (int i = 0; i < 2000; i++) {
		c = (char)i;
		CHECK(write(p[1], &c, 1) == 1);
		CHECK(read(q[0], &c, 1) == 1 && c == (char)i);
	}
	CHECK(EXITED(reap(ch), 0));
}
static void many_writers_keep_records_whole(void)
{
	struct { int who, n; char pad[56]; } r;
	int next[4] = { 0 };
	make(0);
	for (int w = 0; w < 4; w++) {
		if (!fork()) {
			memset(&r, w, sizeof(r));
			r.who = w;
			for (r.n = 0; r.n < 200; r.n++)
				CHECK(write(p[1], &r, sizeof(r)) == sizeof(r));
			_exit(0);
		}
	}
	close(p[1]);
	ssize_t k;
	while ((k = read(p[0], &r, sizeof(r))) > 0) {
		CHECK(k == sizeof(r) && r.who >= 0 && r.who < 4 && r.n == next[r.who]++ && r.pad[55] == r.who);
	}
	CHECK(next[0] == 200 && next[1] == 200 && next[2] == 200 && next[3] == 200);
}
static void packets(void)
{
	make(O_DIRECT);
	CHECK(write(p[1], "abcdef", 6) == 6 && write(p[1], "gh", 2) == 2);
	CHECK(read(p[0], big, 3) == 3 && !memcmp(big, "abc", 3)); /* the rest of the packet is gone */
	CHECK(read(p[0], big, 100) == 2 && !memcmp(big, "gh", 2));
}
static int events(int fd, int want)
{
	struct pollfd f = { fd, (short)want, 0 };
	CHECK(poll(&f, 1, 0) >= 0);
	return f.revents;
}
static void poll_states(void)
{
	int ps[2];
	make(O_NONBLOCK);
	CHECK(events(p[0], POLLIN) == 0 && events(p[1], POLLOUT) == POLLOUT);
	CHECK(write(p[1], "x", 1) == 1 && events(p[0], POLLIN) == POLLIN);
	while (write(p[1], big, 4096) > 0)
		;
	CHECK(events(p[1], POLLOUT) == 0);
	CHECK(pipe(ps) == 0);
	close(ps[1]);
	CHECK(events(ps[0], POLLIN) == POLLHUP);
	CHECK(pipe(ps) == 0);
	close(ps[0]);
	CHECK(events(ps[1], POLLOUT) == (POLLOUT | POLLERR));
}
static void on_sig(int sig) { (void)sig; }
static void interrupted_write_is_short(void)
{
	struct sigaction sa = { .sa_handler = on_sig };
	pid_t me = getpid();
	make(0);
	sigaction(SIGUSR1, &sa, NULL);
	pid_t c = fork();
	if (!c) {
		await_state(me, "S");
		kill(me, SIGUSR1);
		_exit(0);
	}
	CHECK(write(p[1], big, 100000) == 65536);
	reap(c);
}

static void fifo_basics(void)
{
	struct stat st;
	CHECK(mkfifo("f", 0640) == 0 && stat("f", &st) == 0 && S_ISFIFO(st.st_mode) && (st.st_mode & 0777) == 0640);
	CHECK_ERR(mkfifo("f", 0600), EEXIST);
	CHECK_ERR(open("f", O_WRONLY | O_NONBLOCK), ENXIO);
	int r = open("f", O_RDONLY | O_NONBLOCK), w;
	CHECK(r >= 0 && read(r, big, 1) == 0 && events(r, POLLIN) == 0); /* nobody has written yet: no hang-up either */
	w = open("f", O_WRONLY | O_NONBLOCK);
	CHECK(w >= 0);
	CHECK_ERR(read(r, big, 1), EAGAIN);
	CHECK(write(w, "hi", 2) == 2 && read(r, big, 10) == 2);
	close(w);
	CHECK(events(r, POLLIN) == POLLHUP && read(r, big, 1) == 0);
	w = open("f", O_RDWR);
	CHECK(w >= 0 && events(r, POLLIN) == 0);
}
static void fifo_opens_wait_for_each_other(void)
{
	CHECK(mkfifo("f", 0600) == 0);
	pid_t c = fork();
	if (!c) {
		int w = open("f", O_WRONLY);
		CHECK(w >= 0 && write(w, "abc", 3) == 3);
		_exit(0);
	}
	await_state(c, "S");
	int r = open("f", O_RDONLY);
	CHECK(r >= 0 && read(r, big, 10) == 3 && read(r, big, 10) == 0);
	CHECK(EXITED(reap(c), 0));
	struct sigaction sa = { .sa_handler = on_sig };
	pid_t me = getpid();
	close(r);
	sigaction(SIGUSR1, &sa, NULL);
	c = fork();
	if (!c) {
		await_state(me, "S");
		kill(me, SIGUSR1);
		_exit(0);
	}
	CHECK_ERR(open("f", O_RDONLY), EINTR);
	reap(c);
}
static void fifo_contents_die_with_the_last_end(void)
{
	CHECK(mkfifo("f", 0600) == 0);
	int a = open("f", O_RDWR);
	CHECK(write(a, "x", 1) == 1);
	close(a);
	a = open("f", O_RDONLY | O_NONBLOCK);
	CHECK(read(a, big, 1) == 0);
}
static void reopened_through_proc(void)
{
	char path[40];
	make(0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", p[1]);
	int w = open(path, O_WRONLY);
	CHECK(w >= 0 && write(w, "q", 1) == 1 && read(p[0], big, 5) == 1 && big[0] == 'q');
	char link[60];
	ssize_t n = readlink(path, link, sizeof(link));
	CHECK(n > 6 && !memcmp(link, "pipe:[", 6));
}
CASES(CASE(errors), CASE(one_inode), CASE(order_and_short_reads), CASE(end_of_file), CASE(broken), CASE(capacity_and_resize),
	CASE(small_writes_are_whole), CASE(blocking_both_ways), CASE(ping_pong), CASE(many_writers_keep_records_whole), CASE(packets),
	CASE(poll_states), CASE(interrupted_write_is_short), CASE(fifo_basics), CASE(fifo_opens_wait_for_each_other),
	CASE(fifo_contents_die_with_the_last_end), CASE(reopened_through_proc))
