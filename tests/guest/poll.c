/* poll, ppoll, select, pselect. */
#include "check.h"
#include <poll.h>
#include <sys/resource.h>
#include <sys/select.h>

/* The call itself: C libraries differ in what they do with the time left. */
#define select(n, r, w, e, t) syscall(SYS_select, n, r, w, e, t)

static int p[2];
static void on_sig(int sig) { (void)sig; SHARED[5]++; }
static pid_t signaller(int sig)
{
	pid_t me = getpid(), c = fork();
	if (!c) {
		await_state(me, "S");
		kill(me, sig);
		_exit(0);
	}
	return c;
}
static pid_t writer(void)
{
	pid_t me = getpid(), c = fork();
	if (!c) {
		await_state(me, "S");
		CHECK(write(p[1], "x", 1) == 1);
		_exit(0);
	}
	return c;
}

static void basics(void)
{
	struct pollfd f[3] = { { -1, POLLIN, 77 }, { 999, POLLIN, 0 }, { 0, 0, 0 } };
	CHECK(pipe(p) == 0);
	CHECK(poll(f, 2, 1000) == 1 && f[0].revents == 0 && f[1].revents == POLLNVAL);
	f[0] = (struct pollfd){ p[0], POLLIN, 77 };
	CHECK(poll(f, 1, 0) == 0 && f[0].revents == 0);
	double a = now();
	CHECK(poll(f, 1, 10) == 0 && now() - a >= 0.009);
	CHECK(poll(NULL, 0, 1) == 0);
	pid_t c = writer();
	CHECK(poll(f, 1, -1) == 1 && f[0].revents == POLLIN);
	reap(c);
	int fd = open("reg", O_RDWR | O_CREAT, 0600);
	f[0] = (struct pollfd){ fd, POLLIN | POLLOUT | POLLPRI, 0 };
	CHECK(poll(f, 1, -1) == 1 && f[0].revents == (POLLIN | POLLOUT));
}
static void errors(void)
{
	struct pollfd f = { 0, POLLIN, 0 };
	struct rlimit r = { 4, 100 };
	struct timespec bad = { 0, 1000000000 };
	CHECK_ERR(poll((void *)8, 1, 0), EFAULT);
	CHECK_ERR(ppoll(&f, 1, &bad, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_ppoll, &f, 1, NULL, &f, 4), EINVAL);
	CHECK(setrlimit(RLIMIT_NOFILE, &r) == 0);
	struct pollfd many[5];
	memset(many, 0xff, sizeof(many));
	CHECK_ERR(poll(many, 5, 0), EINVAL);
}
static void many_descriptors(void)
{
	static struct pollfd f[200];
	int q[2];
	CHECK(pipe(p) == 0 && pipe(q) == 0);
	for (int i = 0; i < 200; i++)
		f[i] = (struct pollfd){ dup(q[0]), POLLIN, 0 };
	f[150].fd = p[0];
	pid_t c = writer();
	CHECK(poll(f, 200, -1) == 1 && f[150].revents == POLLIN && f[149].revents == 0);
	reap(c);
	CHECK(write(q[1], "y", 1) == 1 && poll(f, 200, 0) == 200);
}
static void interrupted(void)
{
	struct pollfd f = { -1, 0, 0 };
	struct sigaction sa = { .sa_handler = on_sig, .sa_flags = SA_RESTART };
	sigaction(SIGUSR1, &sa, NULL);
	pid_t c = signaller(SIGUSR1);
	CHECK_ERR(poll(&f, 1, -1), EINTR);
	reap(c);
	c = signaller(SIGUSR1);
	CHECK_ERR(select(0, NULL, NULL, NULL, NULL), EINTR);
	reap(c);
}
static void ppoll_swaps_the_mask(void)
{
	sigset_t blocked, none, m;
	struct timespec t = { 20, 0 };
	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	signal(SIGUSR1, on_sig);
	raise(SIGUSR1);
	CHECK(SHARED[5] == 0);
	CHECK_ERR(ppoll(NULL, 0, &t, &none), EINTR);
	CHECK(SHARED[5] == 1);
	sigprocmask(0, NULL, &m);
	CHECK(sigismember(&m, SIGUSR1));
	raise(SIGUSR1);
	struct timespec raw = { 20, 0 };
	CHECK_ERR(syscall(SYS_ppoll, NULL, 0, &raw, &none, 8), EINTR);
	CHECK(raw.tv_sec <= 20 && raw.tv_sec >= 15 && SHARED[5] == 2); /* the time left is told */
	raise(SIGUSR1);
	CHECK_ERR(pselect(0, NULL, NULL, NULL, &t, &none), EINTR);
	CHECK(SHARED[5] == 3);
	struct timespec z = { 0, 0 };
	CHECK(ppoll(NULL, 0, &z, NULL) == 0);
}
static void select_sets(void)
{
	fd_set r, w, e;
	struct timeval tv = { 0, 0 };
	CHECK(pipe(p) == 0);
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_ZERO(&e);
	FD_SET(p[0], &r);
	FD_SET(p[1], &w);
	FD_SET(p[0], &e);
	CHECK(select(p[1] + 1, &r, &w, &e, &tv) == 1);
	CHECK(!FD_ISSET(p[0], &r) && FD_ISSET(p[1], &w) && !FD_ISSET(p[0], &e));
	CHECK(write(p[1], "x", 1) == 1);
	FD_SET(p[0], &r);
	CHECK(select(p[1] + 1, &r, &w, NULL, NULL) == 2);
	close(p[1]);
	CHECK_ERR(select(p[1] + 1, NULL, &w, NULL, &tv), EBADF);
	CHECK_ERR(select(-1, NULL, NULL, NULL, &tv), EINVAL);
	tv.tv_sec = -1;
	CHECK_ERR(select(0, NULL, NULL, NULL, &tv), EINVAL);
	CHECK_ERR(syscall(SYS_select, 5, 8, 0, 0, 0), EFAULT);
	char c;
	CHECK(read(p[0], &c, 1) == 1);
	FD_ZERO(&r);
	FD_SET(p[0], &r);
	CHECK(select(p[0] + 1, &r, NULL, NULL, NULL) == 1 && FD_ISSET(p[0], &r)); /* the end of input is readable */
}
static void select_time(void)
{
	struct timeval tv = { 0, 10000 };
	fd_set r;
	CHECK(pipe(p) == 0);
	FD_ZERO(&r);
	FD_SET(p[0], &r);
	double a = now();
	CHECK(select(p[0] + 1, &r, NULL, NULL, &tv) == 0 && now() - a >= 0.009);
	CHECK(tv.tv_sec == 0 && tv.tv_usec == 0 && !FD_ISSET(p[0], &r));
	tv.tv_sec = 20;
	FD_SET(p[0], &r);
	pid_t c = writer();
	CHECK(select(p[0] + 1, &r, NULL, NULL, &tv) == 1);
	CHECK(tv.tv_sec >= 15 && tv.tv_sec <= 20 && !(tv.tv_sec == 20 && tv.tv_usec));
	reap(c);
}
static void two_pollers_one_writer(void)
{
	CHECK(pipe(p) == 0);
	pid_t c[3];
	for (int i = 0; i < 3; i++) {
		c[i] = fork();
		if (!c[i]) {
			struct pollfd f = { p[0], POLLIN, 0 };
			CHECK(poll(&f, 1, -1) == 1 && f.revents == POLLIN);
			_exit(0);
		}
		await_state(c[i], "S");
	}
	CHECK(write(p[1], "x", 1) == 1); /* polling does not consume: all three see it */
	for (int i = 0; i < 3; i++)
		CHECK(EXITED(reap(c[i]), 0));
}
CASES(CASE(basics), CASE(errors), CASE(many_descriptors), CASE(interrupted), CASE(ppoll_swaps_the_mask), CASE(select_sets), CASE(select_time),
	CASE(two_pollers_one_writer))
