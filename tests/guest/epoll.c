/* epoll. */
#include "check.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

static int ep, p[2];
static struct epoll_event out[16];
static void make(void) { ep = epoll_create1(EPOLL_CLOEXEC); CHECK(ep >= 0 && pipe2(p, O_NONBLOCK) == 0); }
static int add(int e, int fd, uint32_t ev, uint64_t data)
{
	struct epoll_event x = { ev, { .u64 = data } };
	return epoll_ctl(e, EPOLL_CTL_ADD, fd, &x);
}
static int mod(int e, int fd, uint32_t ev, uint64_t data)
{
	struct epoll_event x = { ev, { .u64 = data } };
	return epoll_ctl(e, EPOLL_CTL_MOD, fd, &x);
}
static int ready(int e) { return epoll_wait(e, out, 16, 0); }
static void put(void) { CHECK(write(p[1], "x", 1) == 1); }
static void take(void) { char c[100]; CHECK(read(p[0], c, sizeof(c)) > 0); }

static void errors(void)
{
	make();
	CHECK_ERR(syscall(SYS_epoll_create, 0), EINVAL);
	CHECK_ERR(epoll_create1(1), EINVAL);
	CHECK_ERR(add(999, p[0], EPOLLIN, 0), EBADF);
	CHECK_ERR(add(ep, 999, EPOLLIN, 0), EBADF);
	CHECK_ERR(add(p[0], p[1], EPOLLIN, 0), EINVAL);
	CHECK_ERR(add(ep, ep, EPOLLIN, 0), EINVAL);
	CHECK_ERR(epoll_ctl(ep, 77, p[0], out), EINVAL);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], NULL), EFAULT);
	CHECK_ERR(mod(ep, p[0], EPOLLIN, 0), ENOENT);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL), ENOENT);
	CHECK(add(ep, p[0], EPOLLIN, 0) == 0);
	CHECK_ERR(add(ep, p[0], EPOLLIN, 0), EEXIST);
	int fd = open("reg", O_RDWR | O_CREAT, 0600);
	CHECK_ERR(add(ep, fd, EPOLLIN, 0), EPERM);
	CHECK_ERR(epoll_wait(ep, out, 0, 0), EINVAL);
	CHECK_ERR(epoll_wait(ep, out, -1, 0), EINVAL);
	CHECK_ERR(epoll_wait(p[0], out, 1, 0), EINVAL);
	CHECK_ERR(epoll_wait(999, out, 1, 0), EBADF);
	CHECK_ERR(mod(ep, p[0], EPOLLIN | EPOLLEXCLUSIVE, 0), EINVAL);
	CHECK_ERR(add(ep, p[1], EPOLLOUT | EPOLLEXCLUSIVE | EPOLLONESHOT, 0), EINVAL);
	put();
	CHECK_ERR(syscall(SYS_epoll_wait, ep, 8, 1, 0), EFAULT);
	CHECK(ready(ep) == 1); /* nothing was lost */
}
static void level_triggered(void)
{
	make();
	CHECK(add(ep, p[0], EPOLLIN, 42) == 0 && ready(ep) == 0);
	put();
	CHECK(ready(ep) == 1 && out[0].events == EPOLLIN && out[0].data.u64 == 42);
	CHECK(ready(ep) == 1);
	take();
	CHECK(ready(ep) == 0);
	put();
	CHECK(mod(ep, p[0], 0, 1) == 0 && ready(ep) == 0);
	CHECK(mod(ep, p[0], EPOLLIN, 2) == 0 && ready(ep) == 1 && out[0].data.u64 == 2);
	CHECK(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL) == 0 && ready(ep) == 0);
}
static void edge_triggered(void)
{
	make();
	put();
	CHECK(add(ep, p[0], EPOLLIN | EPOLLET, 1) == 0);
	CHECK(ready(ep) == 1 && ready(ep) == 0);
	put(); /* a new edge although there was something already */
	CHECK(ready(ep) == 1 && ready(ep) == 0);
	take();
	CHECK(ready(ep) == 0);
	put();
	CHECK(ready(ep) == 1);
	CHECK(mod(ep, p[0], EPOLLIN | EPOLLET, 1) == 0 && ready(ep) == 1);
}
static void oneshot(void)
{
	make();
	CHECK(add(ep, p[0], EPOLLIN | EPOLLONESHOT, 1) == 0);
	put();
	CHECK(ready(ep) == 1 && ready(ep) == 0);
	put();
	CHECK(ready(ep) == 0);
	CHECK(mod(ep, p[0], EPOLLIN | EPOLLONESHOT, 2) == 0 && ready(ep) == 1 && out[0].data.u64 == 2 && ready(ep) == 0);
}
static void hangup_and_error_always(void)
{
	make();
	CHECK(add(ep, p[0], 0, 1) == 0 && add(ep, p[1], 0, 2) == 0);
	CHECK(ready(ep) == 0);
	close(p[0]); /* closing the last reference takes it out */
	CHECK(ready(ep) == 1 && out[0].data.u64 == 2 && out[0].events == EPOLLERR);
	int q[2];
	CHECK(pipe(q) == 0 && add(ep, q[0], 0, 3) == 0);
	close(p[1]);
	CHECK(ready(ep) == 0);
	close(q[1]);
	CHECK(ready(ep) == 1 && out[0].data.u64 == 3 && out[0].events == EPOLLHUP);
}
static void close_takes_out_but_dup_stays(void)
{
	make();
	int d = dup(p[0]);
	CHECK(add(ep, p[0], EPOLLIN, 1) == 0);
	put();
	close(p[0]);
	CHECK(ready(ep) == 1); /* the open file lives on in d */
	close(d);
	CHECK(ready(ep) == 0);
}
static void same_file_twice(void)
{
	make();
	int d = dup(p[0]);
	CHECK(add(ep, p[0], EPOLLIN, 1) == 0 && add(ep, d, EPOLLIN, 2) == 0);
	put();
	CHECK(ready(ep) == 2);
}
static void waits_and_time_out(void)
{
	make();
	CHECK(add(ep, p[0], EPOLLIN, 1) == 0);
	double a = now();
	CHECK(epoll_wait(ep, out, 1, 10) == 0 && now() - a >= 0.009);
	pid_t me = getpid(), c = fork();
	if (!c) {
		await_state(me, "S");
		put();
		_exit(0);
	}
	CHECK(epoll_wait(ep, out, 1, -1) == 1);
	reap(c);
	struct timespec t = { 0, 1000000 };
	take();
	CHECK(syscall(SYS_epoll_pwait2, ep, out, 1, &t, NULL, 8) == 0);
}
static void round_robin_over_many(void)
{
	int fds[10][2], seen[10] = { 0 };
	make();
	for (int i = 0; i < 10; i++) {
		CHECK(pipe(fds[i]) == 0 && add(ep, fds[i][0], EPOLLIN, (uint64_t)i) == 0);
		CHECK(write(fds[i][1], "x", 1) == 1);
	}
	for (int i = 0; i < 10; i++) {
		CHECK(epoll_wait(ep, out, 1, 0) == 1);
		seen[out[0].data.u64]++;
	}
	for (int i = 0; i < 10; i++)
		CHECK(seen[i] == 1);
}
static void nested(void)
{
	make();
	int outer = epoll_create1(0);
	CHECK(add(ep, p[0], EPOLLIN, 1) == 0 && add(outer, ep, EPOLLIN, 2) == 0);
	CHECK(ready(outer) == 0);
	put();
	CHECK(ready(outer) == 1 && out[0].data.u64 == 2);
	take();
	CHECK(ready(outer) == 0);
	pid_t me = getpid(), c = fork();
	if (!c) {
		await_state(me, "S");
		put();
		_exit(0);
	}
	CHECK(epoll_wait(outer, out, 1, -1) == 1);
	reap(c);
	CHECK_ERR(add(ep, outer, EPOLLIN, 0), ELOOP);
	int chain[8];
	chain[0] = ep;
	int err = 0;
	for (int i = 1; i < 8 && !err; i++) {
		chain[i] = epoll_create1(0);
		if (add(chain[i], chain[i - 1], EPOLLIN, 0) < 0)
			err = errno;
	}
	CHECK(err == ELOOP || err == EINVAL);
	close(ep);
	CHECK(ready(outer) == 0);
}
static void signals_and_masks(void)
{
	sigset_t s, none;
	make();
	sigemptyset(&s);
	sigemptyset(&none);
	sigaddset(&s, SIGUSR1);
	sigprocmask(SIG_BLOCK, &s, NULL);
	struct sigaction sa = { .sa_handler = (void (*)(int))(uintptr_t)getpid, .sa_flags = SA_RESTART };
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	CHECK_ERR(epoll_pwait(ep, out, 1, 1000, &none), EINTR);
	CHECK(epoll_pwait(ep, out, 1, 1, &none) == 0);
}
static void shared_with_a_child(void)
{
	make();
	CHECK(add(ep, p[0], EPOLLIN, 1) == 0);
	put();
	CHECK(EXITED(IN_CHILD(CHECK(ready(ep) == 1); CHECK(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL) == 0)), 0));
	CHECK(ready(ep) == 0);
}
static void exclusive_wakes_one_at_least(void)
{
	int e = eventfd(0, EFD_NONBLOCK);
	uint64_t one = 1;
	pid_t c[3];
	for (int i = 0; i < 3; i++) {
		c[i] = fork();
		if (!c[i]) {
			int mine = epoll_create1(0);
			uint64_t v;
			CHECK(add(mine, e, EPOLLIN | EPOLLEXCLUSIVE, 0) == 0);
			CHECK(epoll_wait(mine, out, 1, -1) == 1);
			(void)!read(e, &v, sizeof(v));
			_exit(0);
		}
		await_state(c[i], "S");
	}
	/* each round wakes somebody: three rounds are not always enough for three, as more than one may be woken by one write */
	for (int left = 3; left;) {
		CHECK(write(e, &one, sizeof(one)) == sizeof(one));
		if (waitpid(-1, NULL, 0) > 0)
			left--;
		while (left && waitpid(-1, NULL, WNOHANG) > 0)
			left--;
	}
}
CASES(CASE(errors), CASE(level_triggered), CASE(edge_triggered), CASE(oneshot), CASE(hangup_and_error_always), CASE(close_takes_out_but_dup_stays),
	CASE(same_file_twice), CASE(waits_and_time_out), CASE(round_robin_over_many), CASE(nested), CASE(signals_and_masks), CASE(shared_with_a_child),
	CASE(exclusive_wakes_one_at_least))
