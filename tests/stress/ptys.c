/*
 * Terminals: sessions on ptys are opened, written to in both directions, and hung up at any moment. What goes in at one end comes out at the other; a
 * hang-up reaches the session; no terminal, session or process is left.
 */
#include "stress.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

static int open_pair(char *slave, size_t n)
{
	int m = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), zero = 0, num;
	if (m < 0)
		complain("/dev/ptmx");
	CHECK(ioctl(m, TIOCSPTLCK, &zero) == 0 && ioctl(m, TIOCGPTN, &num) == 0);
	snprintf(slave, n, "/dev/pts/%d", num);
	return m;
}
static void raw(int fd)
{
	struct termios t;
	CHECK(tcgetattr(fd, &t) == 0);
	cfmakeraw(&t);
	CHECK(tcsetattr(fd, TCSANOW, &t) == 0);
}
static unsigned char byte_of(unsigned long at) { return (unsigned char)(at * 13 + at / 101); }

/* The session echoes in raw mode; the bytes come back in order. */
static void echo(struct rng *r)
{
	char slave[40];
	int m = open_pair(slave, sizeof(slave));
	unsigned long total = 3000 + below(r, 9000), sent = 0, got = 0;
	pid_t c = fork_ok();
	if (!c) {
		char buf[512];
		close(m);
		CHECK(setsid() > 0);
		int s = open(slave, O_RDWR);
		CHECK(s >= 0 && tcgetpgrp(s) == getpid());
		raw(s);
		CHECK(write(s, "R", 1) == 1);
		for (unsigned long n = 0; n < total;) {
			ssize_t k = read(s, buf, sizeof(buf));
			CHECK(k > 0);
			for (ssize_t i = 0; i < k;) {
				ssize_t w = write(s, buf + i, (size_t)(k - i));
				CHECK(w > 0);
				i += w;
			}
			n += (unsigned long)k;
		}
		_exit(0);
	}
	char buf[700];
	CHECK(read(m, buf, 1) == 1 && buf[0] == 'R');
	fcntl(m, F_SETFL, O_RDWR | O_NONBLOCK);
	while (got < total) {
		struct pollfd p = { m, POLLIN | (sent < total ? POLLOUT : 0), 0 };
		CHECK(poll(&p, 1, 20000) == 1);
		if (p.revents & POLLIN) {
			ssize_t k = read(m, buf, sizeof(buf));
			CHECK(k > 0);
			for (ssize_t i = 0; i < k; i++, got++)
				if ((unsigned char)buf[i] != byte_of(got))
					complain("byte %lu from a terminal is %d, not %d", got, buf[i], byte_of(got));
		}
		if ((p.revents & POLLOUT) && sent < total) {
			size_t n = 1 + below(r, sizeof(buf));
			if (n > total - sent)
				n = total - sent;
			for (size_t i = 0; i < n; i++)
				buf[i] = (char)byte_of(sent + i);
			ssize_t w = write(m, buf, n);
			CHECK(w > 0 || errno == EAGAIN);
			if (w > 0)
				sent += (unsigned long)w;
		}
	}
	reap_ok(c);
	close(m);
}

/* The master goes while the session reads, writes, or has a stopped job. */
static void hang_up(struct rng *r)
{
	char slave[40];
	int m = open_pair(slave, sizeof(slave)), kind = (int)below(r, 4), ready[2], leash[2];
	CHECK(pipe(ready) == 0 && pipe(leash) == 0);
	pid_t c = fork_ok();
	if (!c) {
		char b;
		close(m);
		close(leash[1]);
		CHECK(setsid() > 0);
		int s = open(slave, O_RDWR);
		CHECK(s >= 0);
		pid_t job = fork_ok();
		if (!job) {
			setpgid(0, 0);
			if (kind == 1)
				raise(SIGSTOP); /* an orphaned stopped group gets SIGHUP */
			_exit(read(leash[0], &b, 1) == 0 ? 0 : 1);
		}
		setpgid(job, job);
		CHECK(tcsetpgrp(s, getpid()) == 0);
		if (kind == 1)
			CHECK(waitpid(job, NULL, WUNTRACED) == job);
		CHECK(write(ready[1], "r", 1) == 1);
		if (kind == 2)
			for (;;)
				if (write(s, "some text that fills the buffer of the terminal\n", 48) < 0)
					_exit(1);
		if (kind == 3)
			pause();
		while (read(s, &b, 1) > 0)
			;
		_exit(1);
	}
	char b;
	CHECK(read(ready[0], &b, 1) == 1);
	if (below(r, 2))
		sched_yield();
	close(m);
	int st = reap(c);
	/* SIGHUP goes to the leader; a call that was in the way of it may have seen the hang-up first */
	CHECK((WIFSIGNALED(st) && WTERMSIG(st) == SIGHUP) || (WIFEXITED(st) && WEXITSTATUS(st) == 1));
	close(ready[0]);
	close(ready[1]);
	close(leash[0]);
	close(leash[1]);
}

/* The foreground group gets what is typed. */
static void interrupt(struct rng *r)
{
	char slave[40], b;
	int m = open_pair(slave, sizeof(slave)), ready[2];
	static const struct {
		char key;
		int sig;
	} keys[] = { { 3, SIGINT }, { 28, SIGQUIT } };
	int k = (int)below(r, 2);
	CHECK(pipe(ready) == 0);
	pid_t c = fork_ok();
	if (!c) {
		CHECK(setsid() > 0);
		int s = open(slave, O_RDWR);
		CHECK(s >= 0 && write(ready[1], "r", 1) == 1);
		for (;;)
			pause();
	}
	CHECK(read(ready[0], &b, 1) == 1);
	CHECK(write(m, &keys[k].key, 1) == 1);
	int st = reap(c);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == keys[k].sig);
	close(m);
	close(ready[0]);
	close(ready[1]);
}

static void stress(unsigned long rounds)
{
	pid_t c[4];
	for (int i = 0; i < 4; i++) {
		c[i] = fork_ok();
		if (c[i])
			continue;
		struct rng r = rng_for((unsigned long)i);
		for (unsigned long k = 0; k < rounds * 3; k++) {
			echo(&r);
			hang_up(&r);
			interrupt(&r);
		}
		_exit(0);
	}
	for (int i = 0; i < 4; i++)
		reap_ok(c[i]);
}
