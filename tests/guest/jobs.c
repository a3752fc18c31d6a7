/* Sessions, process groups, job control on a pseudo terminal. */
#include "check.h"
#include <sys/ioctl.h>
#include <termios.h>

static int master = -1;
static char slave_name[64];
static void open_pty(void)
{
	int n, unlock = 0;
	master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(master >= 0);
	CHECK(ioctl(master, TIOCGPTN, &n) == 0 && ioctl(master, TIOCSPTLCK, &unlock) == 0);
	snprintf(slave_name, sizeof(slave_name), "/dev/pts/%d", n);
}
/* In a child: a new session whose controlling terminal is the slave, on 0, 1 and 2. */
static void own_the_terminal(void)
{
	CHECK(setsid() == getpid());
	close(master);
	int fd = open(slave_name, O_RDWR);
	CHECK(fd >= 0);
	CHECK(ioctl(fd, TIOCSCTTY, 0) == 0 || errno == EPERM || errno == 0);
	CHECK(dup2(fd, 0) == 0 && dup2(fd, 1) == 1 && dup2(fd, 2) == 2);
	if (fd > 2)
		close(fd);
}
static void type(const char *s) { CHECK(write(master, s, strlen(s)) == (ssize_t)strlen(s)); }
/* Reads from the master until `want` has come. */
static void expect(const char *want)
{
	char buf[4096];
	size_t n = 0;
	while (n < sizeof(buf) - 1) {
		ssize_t r = read(master, buf + n, sizeof(buf) - 1 - n);
		CHECK(r > 0);
		n += (size_t)r;
		buf[n] = 0;
		if (strstr(buf, want))
			return;
	}
	CHECK(!"not seen");
}

static void setpgid_rules(void)
{
	pid_t p = fork();
	if (!p)
		for (;;)
			pause();
	CHECK_ERR(setpgid(p, -1), EINVAL);
	CHECK_ERR(setpgid(0x3fffffff, 0), ESRCH);
	CHECK_ERR(setpgid(1, 0), ESRCH);
	CHECK_ERR(setpgid(p, 1), EPERM);
	CHECK(setpgid(p, p) == 0 && getpgid(p) == p);
	CHECK(setpgid(p, getpgrp()) == 0 && getpgid(p) == getpgrp());
	kill(p, SIGKILL);
	reap(p);
	CHECK_ERR(getpgid(0x3fffffff), ESRCH);
	CHECK_ERR(getsid(0x3fffffff), ESRCH);
}
static void setsid_rules(void)
{
	CHECK_ERR(setsid(), EPERM); /* a group leader (the case's frame made it one) */
	int st = IN_CHILD(CHECK(setsid() == getpid()); CHECK(getsid(0) == getpid() && getpgrp() == getpid()); CHECK_ERR(setsid(), EPERM);
		CHECK_ERR(setpgid(0, 0), EPERM); CHECK(open("/dev/tty", O_RDWR) == -1 && errno == ENXIO));
	CHECK(EXITED(st, 0));
	pid_t p = fork();
	if (!p) {
		CHECK(setsid() > 0);
		SHARED[0] = 1;
		for (;;)
			pause();
	}
	await_value(&SHARED[0], 1);
	CHECK_ERR(setpgid(p, getpgrp()), EPERM);
	kill(p, SIGKILL);
	reap(p);
}
static void kill_a_group(void)
{
	pid_t p[3];
	for (int i = 0; i < 3; i++) {
		p[i] = fork();
		if (!p[i]) {
			for (;;)
				pause();
		}
		CHECK(setpgid(p[i], p[0]) == 0);
	}
	CHECK(kill(-p[0], SIGTERM) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(KILLED(reap(p[i]), SIGTERM));
	CHECK_ERR(kill(-p[0], SIGTERM), ESRCH);
}
static void interrupt_and_quit_keys(void)
{
	open_pty();
	char keys[] = { 3, 28 };
	int sigs[] = { SIGINT, SIGQUIT };
	for (int i = 0; i < 2; i++) {
		SHARED[0] = 0;
		pid_t p = fork();
		if (!p) {
			own_the_terminal();
			SHARED[0] = 1;
			for (;;)
				pause();
		}
		await_value(&SHARED[0], 1);
		CHECK(write(master, &keys[i], 1) == 1);
		CHECK(KILLED(reap(p), sigs[i]));
	}
}
static void suspend_key_and_continue(void)
{
	int st;
	open_pty();
	pid_t sh = fork();
	if (!sh) {
		own_the_terminal();
		signal(SIGTTOU, SIG_IGN);
		pid_t job = fork();
		if (!job) {
			setpgid(0, 0);
			signal(SIGTTOU, SIG_IGN);
			tcsetpgrp(0, getpgrp());
			SHARED[0] = 1;
			for (;;)
				pause();
		}
		await_value(&SHARED[0], 1);
		CHECK(tcgetpgrp(0) == job);
		CHECK(waitpid(job, &st, WUNTRACED) == job && WIFSTOPPED(st) && WSTOPSIG(st) == SIGTSTP);
		CHECK(tcsetpgrp(0, getpgrp()) == 0);
		CHECK(kill(-job, SIGCONT) == 0);
		CHECK(waitpid(job, &st, WCONTINUED) == job && WIFCONTINUED(st));
		kill(job, SIGKILL);
		CHECK(KILLED(reap(job), SIGKILL));
		_exit(0);
	}
	await_value(&SHARED[0], 1);
	type("\032");
	CHECK(EXITED(reap(sh), 0));
}
static void background_read_stops(void)
{
	int st;
	open_pty();
	pid_t sh = fork();
	if (!sh) {
		own_the_terminal();
		pid_t job = fork();
		char c;
		if (!job) {
			setpgid(0, 0);
			(void)!read(0, &c, 1);
			_exit(1);
		}
		setpgid(job, job);
		CHECK(waitpid(job, &st, WUNTRACED) == job && WIFSTOPPED(st) && WSTOPSIG(st) == SIGTTIN);
		kill(job, SIGKILL);
		reap(job);
		/* with the signal ignored it is an error */
		job = fork();
		if (!job) {
			setpgid(0, 0);
			signal(SIGTTIN, SIG_IGN);
			CHECK_ERR(read(0, &c, 1), EIO);
			_exit(0);
		}
		CHECK(EXITED(reap(job), 0));
		/* writing stops only with TOSTOP */
		struct termios t;
		CHECK(tcgetattr(0, &t) == 0);
		t.c_lflag |= TOSTOP;
		CHECK(tcsetattr(0, TCSANOW, &t) == 0);
		job = fork();
		if (!job) {
			setpgid(0, 0);
			(void)!write(1, "x", 1);
			_exit(1);
		}
		CHECK(waitpid(job, &st, WUNTRACED) == job && WIFSTOPPED(st) && WSTOPSIG(st) == SIGTTOU);
		kill(job, SIGKILL);
		reap(job);
		_exit(0);
	}
	CHECK(EXITED(reap(sh), 0));
}
static void hang_up(void)
{
	open_pty();
	pid_t sh = fork();
	if (!sh) {
		own_the_terminal();
		if (!fork()) {
			SHARED[1] = getpid();
			for (;;)
				pause();
		}
		while (!SHARED[1])
			sched_yield();
		SHARED[0] = 1;
		for (;;)
			pause();
	}
	await_value(&SHARED[0], 1);
	close(master); /* the session leader gets SIGHUP; its end sends it to the foreground group */
	CHECK(KILLED(reap(sh), SIGHUP));
	while (proc_state(SHARED[1]) && proc_state(SHARED[1]) != 'Z')
		msleep(1);
}
static void orphaned_stopped_group(void)
{
	/* a stopped group that becomes orphaned gets SIGHUP and SIGCONT */
	int fds[2];
	char c;
	CHECK(pipe(fds) == 0);
	pid_t mid = fork();
	if (!mid) {
		pid_t p = fork();
		if (!p) {
			close(fds[0]);
			setpgid(0, 0);
			raise(SIGSTOP);
			_exit(0);
		}
		int st;
		setpgid(p, p);
		CHECK(waitpid(p, &st, WUNTRACED) == p && WIFSTOPPED(st));
		_exit(0);
	}
	close(fds[1]);
	CHECK(EXITED(reap(mid), 0));
	CHECK(read(fds[0], &c, 1) == 0); /* it is gone: killed by SIGHUP */
}
static void canonical_line_editing(void)
{
	char buf[100];
	open_pty();
	int fd = open(slave_name, O_RDWR | O_NOCTTY);
	CHECK(fd >= 0 && isatty(fd));
	type("hellx\177o\n");
	CHECK(read(fd, buf, sizeof(buf)) == 6 && !memcmp(buf, "hello\n", 6));
	type("junk\025good\n");
	CHECK(read(fd, buf, sizeof(buf)) == 5 && !memcmp(buf, "good\n", 5));
	type("part\004");
	CHECK(read(fd, buf, sizeof(buf)) == 4 && !memcmp(buf, "part", 4));
	type("\004");
	CHECK(read(fd, buf, sizeof(buf)) == 0);
	type("one\ntwo\n");
	CHECK(read(fd, buf, 2) == 2 && read(fd, buf, sizeof(buf)) == 2 && buf[1] == '\n');
	CHECK(read(fd, buf, sizeof(buf)) == 4);
	CHECK(write(fd, "out\n", 4) == 4);
	expect("out\r\n");
}
static void raw_mode(void)
{
	struct termios t;
	char buf[10];
	open_pty();
	int fd = open(slave_name, O_RDWR | O_NOCTTY);
	CHECK(tcgetattr(fd, &t) == 0 && (t.c_lflag & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG));
	cfmakeraw(&t);
	t.c_cc[VMIN] = 3;
	t.c_cc[VTIME] = 0;
	CHECK(tcsetattr(fd, TCSANOW, &t) == 0);
	type("a\003b");
	CHECK(read(fd, buf, sizeof(buf)) == 3 && !memcmp(buf, "a\003b", 3));
	t.c_cc[VMIN] = 0;
	t.c_cc[VTIME] = 0;
	CHECK(tcsetattr(fd, TCSANOW, &t) == 0);
	CHECK(read(fd, buf, sizeof(buf)) == 0);
}
static volatile sig_atomic_t winch;
static void on_winch(int sig) { (void)sig; winch++; }
static void window_size(void)
{
	struct winsize w = { 24, 80, 0, 0 }, g;
	open_pty();
	pid_t p = fork();
	if (!p) {
		own_the_terminal();
		signal(SIGWINCH, on_winch);
		SHARED[0] = 1;
		while (!winch)
			msleep(1);
		CHECK(ioctl(0, TIOCGWINSZ, &g) == 0 && g.ws_row == 24 && g.ws_col == 80);
		_exit(0);
	}
	await_value(&SHARED[0], 1);
	CHECK(ioctl(master, TIOCSWINSZ, &w) == 0);
	CHECK(EXITED(reap(p), 0));
}
CASES(CASE(setpgid_rules), CASE(setsid_rules), CASE(kill_a_group), CASE(interrupt_and_quit_keys), CASE(suspend_key_and_continue),
	CASE(background_read_stops), CASE(hang_up), CASE(orphaned_stopped_group), CASE(canonical_line_editing), CASE(raw_mode), CASE(window_size))
