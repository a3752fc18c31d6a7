/* Pseudo-terminals: line discipline as seen through them, controlling terminals, job control, hangup. */
#include "check.h"
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <termios.h>

static int master, slave;
static void open_pair(void)
{
	int lock = 0, n;
	master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(master >= 0);
	CHECK(ioctl(master, TIOCSPTLCK, &lock) == 0);
	CHECK(ioctl(master, TIOCGPTN, &n) == 0);
	char name[32];
	snprintf(name, sizeof(name), "/dev/pts/%d", n);
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(slave >= 0);
}
static void raw(int fd)
{
	struct termios t;
	CHECK(tcgetattr(fd, &t) == 0);
	cfmakeraw(&t);
	CHECK(tcsetattr(fd, TCSANOW, &t) == 0);
}
static void say(int fd, const char *s) { CHECK(write(fd, s, strlen(s)) == (ssize_t)strlen(s)); }
/* What one read gives. */
static int hears(int fd, const char *want)
{
	char buf[8192];
	ssize_t n = read(fd, buf, sizeof(buf) - 1);
	if (n < 0)
		return 0;
	buf[n] = 0;
	return !strcmp(buf, want);
}
/* Makes the slave the controlling terminal of a new session. */
static void own_session(void)
{
	CHECK(setsid() == getpid());
	CHECK(ioctl(slave, TIOCSCTTY, 0) == 0);
}

static void locked_until_unlocked(void)
{
	int m = open("/dev/ptmx", O_RDWR | O_NOCTTY), n, lock = 0;
	char name[32];
	CHECK(m >= 0 && ioctl(m, TIOCGPTN, &n) == 0);
	snprintf(name, sizeof(name), "/dev/pts/%d", n);
	CHECK_ERR(open(name, O_RDWR | O_NOCTTY), EIO);
	CHECK(ioctl(m, TIOCSPTLCK, &lock) == 0);
	int s = open(name, O_RDWR | O_NOCTTY);
	CHECK(s >= 0);
	struct stat st;
	CHECK(stat(name, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(136, n));
	CHECK(isatty(s) == 1);
	close(m);
	CHECK_ERR(stat(name, &st), ENOENT);
}
static void canonical_line(void)
{
	open_pair();
	say(master, "hello\n");
	CHECK(hears(slave, "hello\n"));
	CHECK(hears(master, "hello\r\n"));
	say(slave, "a\nb\n");
	CHECK(hears(master, "a\r\nb\r\n"));
}
static void end_of_file(void)
{
	char c;
	open_pair();
	say(master, "\x04");
	CHECK(read(slave, &c, 1) == 0);
	say(master, "ab\x04");
	CHECK(hears(slave, "ab"));
}
static void erases(void)
{
	open_pair();
	say(master, "abx\x7f"
				"c\n");
	CHECK(hears(slave, "abc\n"));
	CHECK(hears(master, "abx\b \bc\r\n"));
}
static void nonblocking(void)
{
	char c;
	open_pair();
	CHECK(fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK) == 0);
	CHECK(fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK) == 0);
	CHECK_ERR(read(slave, &c, 1), EAGAIN);
	CHECK_ERR(read(master, &c, 1), EAGAIN);
	raw(slave);
	long total = 0;
	static char big[65536];
	ssize_t n;
	while ((n = write(slave, big, sizeof(big))) > 0)
		total += n;
	CHECK(n == -1 && errno == EAGAIN && total >= 4096);
	struct pollfd p = { slave, POLLIN | POLLOUT, 0 };
	CHECK(poll(&p, 1, 0) == 0);
	while (total > 0) {
		n = read(master, big, sizeof(big));
		CHECK(n > 0);
		total -= n;
	}
	CHECK(poll(&p, 1, 1000) == 1 && p.revents == POLLOUT);
}
static void min_and_time(void)
{
	char b[8];
	struct termios t;
	open_pair();
	raw(slave);
	CHECK(tcgetattr(slave, &t) == 0);
	t.c_cc[VMIN] = 0;
	t.c_cc[VTIME] = 0;
	CHECK(tcsetattr(slave, TCSANOW, &t) == 0);
	CHECK(read(slave, b, 8) == 0);
	t.c_cc[VTIME] = 2;
	CHECK(tcsetattr(slave, TCSANOW, &t) == 0);
	double start = now();
	CHECK(read(slave, b, 8) == 0);
	CHECK(now() - start >= 0.15);
	t.c_cc[VMIN] = 3;
	t.c_cc[VTIME] = 0;
	CHECK(tcsetattr(slave, TCSANOW, &t) == 0);
	say(master, "ab");
	struct pollfd p = { slave, POLLIN, 0 };
	CHECK(poll(&p, 1, 50) == 0);
	say(master, "c");
	CHECK(poll(&p, 1, 1000) == 1);
	CHECK(read(slave, b, 8) == 3 && !memcmp(b, "abc", 3));
}
static void counts(void)
{
	int n;
	open_pair();
	say(master, "abc\nde");
	struct pollfd p = { slave, POLLIN, 0 };
	CHECK(poll(&p, 1, 1000) == 1);
	CHECK(ioctl(slave, FIONREAD, &n) == 0 && n == 4);
	CHECK(tcflush(slave, TCIFLUSH) == 0);
	CHECK(ioctl(slave, FIONREAD, &n) == 0 && n == 0);
}
static void closed_slave(void)
{
	char c;
	open_pair();
	say(slave, "last");
	close(slave);
	CHECK(hears(master, "last"));
	CHECK_ERR(read(master, &c, 1), EIO);
	struct pollfd p = { master, POLLIN, 0 };
	CHECK(poll(&p, 1, 0) == 1 && (p.revents & POLLHUP));
}
static void closed_master(void)
{
	char c;
	open_pair();
	close(master);
	CHECK(read(slave, &c, 1) == 0);
	CHECK_ERR(write(slave, "x", 1), EIO);
	struct pollfd p = { slave, POLLIN, 0 };
	CHECK(poll(&p, 1, 0) == 1 && (p.revents & POLLHUP));
	struct termios t;
	CHECK_ERR(tcgetattr(slave, &t), EIO);
}
static void packet_mode(void)
{
	int on = 1;
	char b[64];
	open_pair();
	CHECK(ioctl(master, TIOCPKT, &on) == 0);
	say(slave, "x");
	CHECK(read(master, b, 64) == 2 && b[0] == TIOCPKT_DATA && b[1] == 'x');
	CHECK(tcflush(slave, TCIFLUSH) == 0);
	CHECK(read(master, b, 64) == 1 && b[0] == TIOCPKT_FLUSHREAD);
}
static volatile sig_atomic_t got;
static void note(int sig) { got = sig; }
static void on(int sig)
{
	struct sigaction sa = { .sa_handler = note };
	got = 0;
	CHECK(sigaction(sig, &sa, NULL) == 0);
}
static void window_size(void)
{
	open_pair();
	CHECK(EXITED(IN_CHILD({
		own_session();
		on(SIGWINCH);
		struct winsize w = { 24, 80, 0, 0 }, r;
		CHECK(ioctl(master, TIOCSWINSZ, &w) == 0);
		CHECK(got == SIGWINCH);
		CHECK(ioctl(slave, TIOCGWINSZ, &r) == 0 && r.ws_row == 24 && r.ws_col == 80);
		got = 0;
		CHECK(ioctl(slave, TIOCSWINSZ, &w) == 0 && got == 0);
	}),
		0));
}
static void signal_key(void)
{
	open_pair();
	CHECK(EXITED(IN_CHILD({
		own_session();
		on(SIGINT);
		say(master, "\x03");
		for (int i = 0; i < 1000 && !got; i++)
			msleep(1);
		CHECK(got == SIGINT);
		CHECK(hears(master, "^C"));
	}),
		0));
}
static void controlling_terminal(void)
{
	open_pair();
	CHECK(EXITED(IN_CHILD({
		pid_t p;
		CHECK(setsid() == getpid());
		CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
		CHECK_ERR(ioctl(slave, TIOCGPGRP, &p), ENOTTY);
		/* A session leader that opens a free terminal gets it. */
		int s = open(ttyname(slave), O_RDWR);
		CHECK(s >= 0);
		int t = open("/dev/tty", O_RDWR);
		CHECK(t >= 0);
		CHECK(tcgetpgrp(t) == getpid() && tcgetsid(t) == getpid());
		CHECK(ioctl(t, TIOCSCTTY, 0) == 0);
		CHECK(EXITED(IN_CHILD({
			CHECK(setsid() > 0);
			CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
			CHECK_ERR(ioctl(slave, TIOCSCTTY, 0), EPERM);
		}),
			0));
		on(SIGHUP);
		CHECK(ioctl(t, TIOCNOTTY) == 0);
		CHECK(got == SIGHUP);
		CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
	}),
		0));
}
static void background(void)
{
	open_pair();
	CHECK(EXITED(IN_CHILD({
		own_session();
		int st;
		pid_t p = fork();
		if (!p) {
			char c;
			setpgid(0, 0);
			_exit(read(slave, &c, 1) == 1 && c == 'x' ? 0 : 1);
		}
		setpgid(p, p);
		/* Reading from the background stops the group; brought to the front it goes on. */
		CHECK(waitpid(p, &st, WUNTRACED) == p && WIFSTOPPED(st) && WSTOPSIG(st) == SIGTTIN);
		CHECK(tcsetpgrp(slave, p) == 0 && tcgetpgrp(slave) == p);
		CHECK(kill(-p, SIGCONT) == 0);
		say(master, "x\n");
		CHECK(EXITED(reap(p), 0));
		/* We are the background now: changing the foreground stops, unless ignored. */
		signal(SIGTTOU, SIG_IGN);
		CHECK(tcsetpgrp(slave, getpgrp()) == 0);
		CHECK_ERR(tcsetpgrp(slave, 999999), ESRCH);
		pid_t minus = -1;
		CHECK_ERR(ioctl(slave, TIOCSPGRP, &minus), EINVAL);
	}),
		0));
}
static void stopped_write(void)
{
	open_pair();
	CHECK(EXITED(IN_CHILD({
		own_session();
		struct termios t;
		int st;
		CHECK(tcgetattr(slave, &t) == 0);
		t.c_lflag |= TOSTOP;
		CHECK(tcsetattr(slave, TCSANOW, &t) == 0);
		pid_t p = fork();
		if (!p) {
			setpgid(0, 0);
			_exit(write(slave, "y", 1) == 1 ? 0 : 1);
		}
		setpgid(p, p);
		CHECK(waitpid(p, &st, WUNTRACED) == p && WIFSTOPPED(st) && WSTOPSIG(st) == SIGTTOU);
		CHECK(kill(p, SIGKILL) == 0);
		CHECK(KILLED(reap(p), SIGKILL));
		p = fork();
		if (!p) {
			signal(SIGTTOU, SIG_IGN);
			setpgid(0, 0);
			_exit(write(slave, "z", 1) == 1 ? 0 : 1);
		}
		CHECK(EXITED(reap(p), 0));
	}),
		0));
}
static void leader_exits(void)
{
	open_pair();
	volatile int *v = SHARED;
	pid_t p = fork();
	if (!p) {
		own_session();
		if (!fork()) {
			on(SIGHUP);
			v[0] = 1;
			while (!got)
				msleep(1);
			v[1] = got;
			_exit(0);
		}
		await_value(&v[0], 1);
		_exit(0);
	}
	CHECK(EXITED(reap(p), 0));
	for (int i = 0; i < 2000 && !v[1]; i++)
		msleep(1);
	CHECK(v[1] == SIGHUP);
	/* A pty is not hung up by that. */
	say(slave, "ok");
	CHECK(hears(master, "ok"));
}
static void hangup_tells_leader(void)
{
	open_pair();
	volatile int *v = SHARED;
	pid_t p = fork();
	if (!p) {
		own_session();
		close(master);
		on(SIGHUP);
		v[0] = 1;
		while (!got)
			msleep(1);
		char c;
		_exit(got == SIGHUP && read(slave, &c, 1) == 0 && open("/dev/tty", O_RDWR) == -1 ? 0 : 1);
	}
	await_value(&v[0], 1);
	close(master);
	CHECK(EXITED(reap(p), 0));
}
static void long_line(void)
{
	static char big[6000];
	char back[8192];
	struct termios t;
	open_pair();
	CHECK(tcgetattr(slave, &t) == 0);
	t.c_lflag &= ~(tcflag_t)ECHO;
	CHECK(tcsetattr(slave, TCSANOW, &t) == 0);
	memset(big, 'x', sizeof(big));
	CHECK(write(master, big, 5000) == 5000);
	say(master, "\n");
	CHECK(read(slave, back, sizeof(back)) == 4096 && back[4095] == '\n');
}

/* Bits that are locked keep their value whoever sets them. */
static void locked_bits(void)
{
	struct termios t, lock, got_back;
	open_pair();
	CHECK(ioctl(slave, TIOCGLCKTRMIOS, &lock) == 0 && lock.c_lflag == 0 && lock.c_iflag == 0);
	CHECK(tcgetattr(slave, &t) == 0 && (t.c_lflag & ECHO) && (t.c_iflag & ICRNL));
	memset(&lock, 0, sizeof(lock));
	lock.c_lflag = ECHO;
	lock.c_cc[VINTR] = 1;
	CHECK(ioctl(slave, TIOCSLCKTRMIOS, &lock) == 0);
	t.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	t.c_iflag &= ~(tcflag_t)ICRNL;
	cc_t intr = t.c_cc[VINTR];
	t.c_cc[VINTR] = 'x';
	t.c_cc[VQUIT] = 'y';
	CHECK(tcsetattr(slave, TCSANOW, &t) == 0 && tcgetattr(slave, &got_back) == 0);
	CHECK((got_back.c_lflag & ECHO) && !(got_back.c_lflag & ISIG) && !(got_back.c_iflag & ICRNL));
	CHECK(got_back.c_cc[VINTR] == intr && got_back.c_cc[VQUIT] == 'y');
	CHECK_ERR(ioctl(slave, TIOCGLCKTRMIOS, 0), EFAULT);
	if (getuid() == 0) {
		CHECK(setuid(65534) == 0);
		CHECK_ERR(ioctl(slave, TIOCSLCKTRMIOS, &lock), EPERM);
	}
}

CASES(CASE(locked_until_unlocked), CASE(locked_bits), CASE(canonical_line), CASE(end_of_file), CASE(erases), CASE(nonblocking), CASE(min_and_time),
	CASE(counts), CASE(closed_slave), CASE(closed_master), CASE(packet_mode), CASE(window_size), CASE(signal_key), CASE(controlling_terminal),
	CASE(background), CASE(stopped_write), CASE(leader_exits), CASE(hangup_tells_leader), CASE(long_line))
