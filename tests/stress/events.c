/*
 * Pipes, sockets, epoll, poll, eventfds, signals and timers under load. Every byte that is sent is counted and checked where it arrives, every queued
 * signal arrives once with its value, in order per sender; interrupted calls lose nothing.
 */
#include "stress.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>

static unsigned long rounds;

static void write_all(int fd, const void *p, size_t n)
{
	const char *c = p;
	while (n) {
		ssize_t k = write(fd, c, n);
		if (k < 0 && (errno == EINTR || errno == EAGAIN)) {
			if (errno == EAGAIN)
				poll(&(struct pollfd){ fd, POLLOUT, 0 }, 1, -1);
			continue;
		}
		CHECK(k > 0);
		c += k;
		n -= (size_t)k;
	}
}
static size_t read_all(int fd, void *p, size_t n)
{
	size_t done = 0;
	while (done < n) {
		ssize_t k = read(fd, (char *)p + done, n - done);
		if (k < 0 && errno == EINTR)
			continue;
		CHECK(k >= 0);
		if (!k)
			break;
		done += (size_t)k;
	}
	return done;
}
static unsigned char byte_of(unsigned long stream, unsigned long at) { return (unsigned char)((at * 31 + at / 251 + stream * 7)); }

/* A chain of processes passes a stream on in pieces of any size, while timers interrupt all of them. */
static void tick(int sig) { (void)sig; }
static void ticking(long us)
{
	struct sigaction sa = { .sa_handler = tick }; /* no SA_RESTART */
	struct itimerval it = { { 0, us }, { 0, us } };
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
}
static void chain(int sockets)
{
	unsigned long total = 40000 + rounds * 2000;
	int in = -1, fd[2];
	pid_t c[5];
	for (int i = 0; i < 5; i++) {
		CHECK((sockets ? socketpair(AF_UNIX, SOCK_STREAM, 0, fd) : pipe(fd)) == 0);
		c[i] = fork_ok();
		if (!c[i]) {
			struct rng r = rng_for((unsigned long)i);
			static unsigned char buf[9000];
			close(fd[0]);
			ticking(2000 + 300 * i);
			if (in < 0) {
				for (unsigned long at = 0; at < total;) {
					size_t n = 1 + below(&r, sizeof(buf));
					if (n > total - at)
						n = total - at;
					for (size_t k = 0; k < n; k++)
						buf[k] = byte_of(1, at + k);
					write_all(fd[1], buf, n);
					at += n;
				}
			} else {
				size_t n;
				while ((n = read_all(in, buf, 1 + below(&r, sizeof(buf)))))
					write_all(fd[1], buf, n);
			}
			_exit(0);
		}
		if (in >= 0)
			close(in);
		close(fd[1]);
		in = fd[0];
	}
	static unsigned char buf[5000];
	unsigned long at = 0;
	for (size_t n; (n = read_all(in, buf, sizeof(buf)));)
		for (size_t k = 0; k < n; k++, at++)
			if (buf[k] != byte_of(1, at))
				complain("byte %lu of a stream is %d, not %d", at, buf[k], byte_of(1, at));
	CHECK(at == total);
	close(in);
	for (int i = 0; i < 5; i++)
		reap_ok(c[i]);
}

/* Many writers of one pipe: pieces up to PIPE_BUF stay whole. */
static void atomic_writes(void)
{
	int fd[2];
	CHECK(pipe(fd) == 0);
	pid_t c[8];
	for (int i = 0; i < 8; i++) {
		c[i] = fork_ok();
		if (c[i])
			continue;
		struct rng r = rng_for((unsigned long)i + 50);
		unsigned char buf[PIPE_BUF];
		for (unsigned long k = 0; k < rounds * 5; k++) {
			size_t n = 4 + below(&r, sizeof(buf) - 3);
			memset(buf, i + 1, n);
			buf[0] = 0xff;
			buf[1] = (unsigned char)i;
			buf[2] = (unsigned char)(n >> 8);
			buf[3] = (unsigned char)n;
			CHECK(write(fd[1], buf, n) == (ssize_t)n);
		}
		_exit(0);
	}
	close(fd[1]);
	unsigned char head[4], body[PIPE_BUF];
	unsigned long pieces = 0;
	while (read_all(fd[0], head, 4) == 4) {
		size_t n = ((size_t)head[2] << 8 | head[3]) - 4;
		CHECK(head[0] == 0xff && head[1] < 8 && n <= PIPE_BUF);
		CHECK(read_all(fd[0], body, n) == n);
		for (size_t k = 0; k < n; k++)
			CHECK(body[k] == head[1] + 1);
		pieces++;
	}
	CHECK(pieces == rounds * 5 * 8);
	close(fd[0]);
	for (int i = 0; i < 8; i++)
		reap_ok(c[i]);
}

/* One epoll instance, several waiting threads, several writers: level, edge and one-shot. */
#define SOURCES 12
static struct {
	int fd[2];
	unsigned long sent, got;
	pthread_mutex_t reading;
} src[SOURCES];
static int ep, done_fd;
static volatile int over;

static void *epoll_writer(void *arg)
{
	struct rng r = rng_for((unsigned long)arg + 300);
	char buf[700];
	memset(buf, 'e', sizeof(buf));
	for (unsigned long k = 0; k < rounds * 30; k++) {
		int s = (int)below(&r, SOURCES);
		size_t n = 1 + below(&r, sizeof(buf));
		uint64_t one = 1;
		if (s % 3 == 2)
			n = (write_all(src[s].fd[1], &one, 8), 1);
		else
			write_all(src[s].fd[1], buf, n);
		__atomic_add_fetch(&src[s].sent, n, __ATOMIC_RELAXED);
	}
	return NULL;
}
static void drain(int s)
{
	char buf[4096];
	uint64_t v;
	pthread_mutex_lock(&src[s].reading);
	for (;;) {
		ssize_t n = s % 3 == 2 ? read(src[s].fd[0], &v, 8) : read(src[s].fd[0], buf, sizeof(buf));
		if (n < 0) {
			CHECK(errno == EAGAIN || errno == EINTR);
			if (errno == EAGAIN)
				break;
			continue;
		}
		CHECK(n > 0);
		__atomic_add_fetch(&src[s].got, s % 3 == 2 ? v : (unsigned long)n, __ATOMIC_RELAXED);
		if (s % 4 == 0)
			break; /* level-triggered: the rest is told again */
	}
	pthread_mutex_unlock(&src[s].reading);
}
static uint32_t events_of(int s) { return EPOLLIN | (s % 4 == 1 ? EPOLLET : s % 4 == 2 ? EPOLLONESHOT : s % 4 == 3 ? EPOLLET | EPOLLONESHOT : 0); }
static void *epoll_reader(void *arg)
{
	struct epoll_event ev[4];
	while (!over) {
		int n = epoll_wait(ep, ev, 4, 50);
		CHECK(n >= 0 || errno == EINTR);
		for (int i = 0; i < n; i++) {
			if (ev[i].data.u32 == SOURCES)
				return arg;
			int s = (int)ev[i].data.u32;
			drain(s);
			if (events_of(s) & EPOLLONESHOT) {
				struct epoll_event again = { .events = events_of(s), .data.u32 = (uint32_t)s };
				CHECK(epoll_ctl(ep, EPOLL_CTL_MOD, src[s].fd[0], &again) == 0);
			}
		}
	}
	return arg;
}
static void epolls(void)
{
	pthread_t w[3], rd[3];
	over = 0;
	ep = epoll_create1(EPOLL_CLOEXEC);
	CHECK(ep >= 0);
	for (int s = 0; s < SOURCES; s++) {
		memset(&src[s], 0, sizeof(src[s]));
		pthread_mutex_init(&src[s].reading, NULL);
		if (s % 3 == 0)
			CHECK(pipe2(src[s].fd, O_NONBLOCK) == 0);
		else if (s % 3 == 1)
			CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, src[s].fd) == 0);
		else
			CHECK((src[s].fd[0] = src[s].fd[1] = eventfd(0, EFD_NONBLOCK)) >= 0);
		struct epoll_event ev = { .events = events_of(s), .data.u32 = (uint32_t)s };
		CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, src[s].fd[0], &ev) == 0);
	}
	for (intptr_t i = 0; i < 3; i++) {
		rd[i] = start(epoll_reader, (void *)i);
		w[i] = start(epoll_writer, (void *)i);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(w[i], NULL);
	/* what was sent must arrive by epoll alone */
	double limit = now() + 20;
	for (int s = 0; s < SOURCES;) {
		if (__atomic_load_n(&src[s].got, __ATOMIC_RELAXED) == src[s].sent) {
			s++;
			continue;
		}
		if (now() > limit)
			complain("source %d: %lu sent, %lu arrived", s, src[s].sent, src[s].got);
		msleep(1);
	}
	done_fd = eventfd(1, 0);
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = SOURCES };
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, done_fd, &ev) == 0);
	over = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(rd[i], NULL);
	for (int s = 0; s < SOURCES; s++) {
		if (s % 2) /* half are taken out by hand, half by closing */
			CHECK(epoll_ctl(ep, EPOLL_CTL_DEL, src[s].fd[0], NULL) == 0);
		close(src[s].fd[0]);
		if (s % 3 != 2)
			close(src[s].fd[1]);
	}
	close(ep);
	close(done_fd);
}

/* Queued signals: each sender's values arrive complete and in order. */
static void queued(int by_fd)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid_t me = getpid(), c[4];
	unsigned long next[4] = { 0 }, each = rounds * 10 < 200 ? rounds * 10 : 200;
	for (int i = 0; i < 4; i++) {
		c[i] = fork_ok();
		if (c[i])
			continue;
		for (unsigned long k = 0; k < each; k++)
			while (sigqueue(me, SIGRTMIN + 1, (union sigval){ .sival_int = (int)(k * 4 + (unsigned long)i) })) {
				CHECK(errno == EAGAIN);
				msleep(1);
			}
		_exit(0);
	}
	int sfd = by_fd ? signalfd(-1, &set, SFD_CLOEXEC) : -1;
	for (unsigned long n = 0; n < each * 4; n++) {
		unsigned long v;
		if (by_fd) {
			struct signalfd_siginfo si;
			CHECK(read(sfd, &si, sizeof(si)) == sizeof(si));
			v = (unsigned long)si.ssi_int;
		} else {
			siginfo_t si;
			int ret;
			do
				ret = sigwaitinfo(&set, &si);
			while (ret < 0 && errno == EINTR);
			CHECK(ret == SIGRTMIN + 1);
			v = (unsigned long)si.si_value.sival_int;
		}
		if (v / 4 != next[v % 4]++)
			complain("signal %lu of sender %lu came as number %lu", v / 4, v % 4, next[v % 4] - 1);
	}
	for (int i = 0; i < 4; i++)
		reap_ok(c[i]);
	struct timespec zero = { 0, 0 };
	CHECK(sigtimedwait(&set, NULL, &zero) == -1 && errno == EAGAIN);
	if (sfd >= 0)
		close(sfd);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* Threads that get signals by the thousand while they compute, sleep, and hold registers and the FPU in use. */
static volatile long handled;
static void count(int sig, siginfo_t *si, void *ctx)
{
	volatile double x = 1.5;
	x *= x;
	__atomic_add_fetch(&handled, 1, __ATOMIC_RELAXED);
	(void)sig, (void)si, (void)ctx;
}
static volatile int quiet;
static void *computer(void *arg)
{
	double a = 1, want = 1;
	unsigned long n = 0;
	while (!quiet) {
		a = want = 1;
		for (int i = 1; i < 400; i++)
			a = a * 1.0000001 + i;
		for (int i = 1; i < 400; i++)
			want = want * 1.0000001 + i;
		if (a != want)
			complain("a register was lost: %f %f", a, want);
		if (!(++n & 15)) {
			struct timespec t = { 0, 20000 };
			nanosleep(&t, NULL);
		}
	}
	return arg;
}
static void shot_at(void)
{
	struct sigaction sa = { .sa_sigaction = count, .sa_flags = SA_SIGINFO | SA_RESTART };
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGRTMIN + 2, &sa, NULL);
	pthread_t t[4];
	quiet = 0;
	handled = 0;
	for (int i = 0; i < 4; i++)
		t[i] = start(computer, NULL);
	long sent = 0;
	for (unsigned long k = 0; k < rounds * 20; k++)
		for (int i = 0; i < 4; i++) {
			union sigval v = { .sival_int = 1 };
			CHECK(pthread_kill(t[i], SIGUSR1) == 0);
			if (k % 4 == 0 && !sigqueue(getpid(), SIGRTMIN + 2, v))
				sent++;
			if (k % 8 == 0)
				sched_yield();
		}
	double limit = now() + 20;
	while (__atomic_load_n(&handled, __ATOMIC_RELAXED) < sent) {
		CHECK(now() < limit);
		msleep(1);
	}
	quiet = 1;
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}

/* Timers of all kinds at once; timerfds count all their expirations. */
static void timers(void)
{
	struct sigaction sa = { .sa_sigaction = count, .sa_flags = SA_SIGINFO | SA_RESTART };
	sigaction(SIGRTMIN + 3, &sa, NULL);
	timer_t tm[10];
	int tfd[6];
	for (int i = 0; i < 10; i++) {
		struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3 };
		struct itimerspec its = { { 0, 1000000 + i * 100000 }, { 0, 500000 + i * 70000 } };
		CHECK(timer_create(i % 2 ? CLOCK_MONOTONIC : CLOCK_REALTIME, &ev, &tm[i]) == 0);
		CHECK(timer_settime(tm[i], 0, &its, NULL) == 0);
	}
	double early[6], late[6];
	for (int i = 0; i < 6; i++) {
		struct itimerspec its = { { 0, 2000000 + i * 500000 }, { 0, 2000000 + i * 500000 } };
		tfd[i] = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
		early[i] = now();
		CHECK(tfd[i] >= 0 && timerfd_settime(tfd[i], 0, &its, NULL) == 0);
		late[i] = now();
	}
	unsigned long fired[6] = { 0 };
	double end = now() + 0.02 * (double)(rounds < 20 ? rounds : 20);
	do {
		struct pollfd p[6];
		for (int i = 0; i < 6; i++)
			p[i] = (struct pollfd){ tfd[i], POLLIN, 0 };
		if (poll(p, 6, 10) < 0)
			CHECK(errno == EINTR);
		for (int i = 0; i < 6; i++) {
			uint64_t v;
			if (read(tfd[i], &v, 8) == 8)
				fired[i] += v;
		}
	} while (now() < end);
	for (int i = 0; i < 6; i++) {
		uint64_t v;
		double least = now() - late[i];
		if (read(tfd[i], &v, 8) == 8)
			fired[i] += v;
		double most = now() - early[i], period = 0.002 + i * 0.0005;
		if ((double)fired[i] > most / period + 1e-6 || (double)fired[i] < least / period - 2)
			complain("timerfd %d fired %lu times in %f to %f s, period %f s", i, fired[i], least, most, period);
		close(tfd[i]);
	}
	for (int i = 0; i < 10; i++)
		CHECK(timer_delete(tm[i]) == 0);
}

static void stress(unsigned long n)
{
	rounds = n;
	signal(SIGPIPE, SIG_IGN);
	chain(0);
	chain(1);
	atomic_writes();
	epolls();
	queued(0);
	queued(1);
	shot_at();
	timers();
}
