/* Sessions, groups and controlling terminals: who gets one, who loses it, who is stopped, who is told. The rules that jobs.c and pty.c leave out. */
static int helper(int argc, char **argv);
#define HELPER(argc, argv) helper(argc, argv)
#include "check.h"
#include <linux/capability.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <termios.h>

static int helper(int argc, char **argv)
{
	(void)argc, (void)argv;
	pause();
	return 0;
}

static int master, slave;
static char slave_name[32];
static void open_pair(void)
{
	int lock = 0, n;
	master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(master >= 0 && ioctl(master, TIOCSPTLCK, &lock) == 0 && ioctl(master, TIOCGPTN, &n) == 0);
	snprintf(slave_name, sizeof(slave_name), "/dev/pts/%d", n);
	slave = open(slave_name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(slave >= 0);
}
static void own_session(void)
{
	CHECK(setsid() == getpid());
	CHECK(ioctl(slave, TIOCSCTTY, 0) == 0);
}
static int has_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY);
	if (fd < 0)
		CHECK(errno == ENXIO);
	else
		close(fd);
	return fd >= 0;
}
static void local_flags(tcflag_t on, tcflag_t off)
{
	struct termios t;
	CHECK(tcgetattr(slave, &t) == 0);
	t.c_lflag = (t.c_lflag | on) & ~off;
	CHECK(tcsetattr(slave, TCSANOW, &t) == 0);
}
static void no_capabilities(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { { 0 } };
	CHECK(syscall(SYS_capset, &h, d) == 0);
}

static volatile sig_atomic_t hups, conts, order[4], n_order;
static void note(int sig)
{
	*(sig == SIGHUP ? &hups : &conts) += 1;
	if (n_order < 4)
		order[n_order++] = sig;
}
static void catch_hangups(void)
{
	struct sigaction sa = { .sa_handler = note, .sa_flags = SA_RESTART };
	sigaddset(&sa.sa_mask, SIGHUP);
	sigaddset(&sa.sa_mask, SIGCONT);
	CHECK(sigaction(SIGHUP, &sa, NULL) == 0 && sigaction(SIGCONT, &sa, NULL) == 0);
}
static void await_hangup(void)
{
	for (int i = 0; i < 5000 && (!hups || !conts); i++)
		msleep(1);
	CHECK(hups == 1 && conts == 1);
}
static pid_t sleeper_in_group(pid_t group)
{
	pid_t p = fork();
	CHECK(p >= 0);
	if (!p) {
		setpgid(0, group);
		for (;;)
			pause();
	}
	CHECK(setpgid(p, group ? group : p) == 0);
	return p;
}

/* --- groups ------------------------------------------------------------------------------------------------------------------------------ */

static void *waits(void *arg)
{
	SHARED[0] = (int)syscall(SYS_gettid);
	for (;;)
		pause();
	return arg;
}
static void setpgid_errors(void)
{
	pthread_t t;
	/* A child that has called execve has made its own arrangements. */
	int fds[2];
	char c;
	CHECK(pipe2(fds, O_CLOEXEC) == 0);
	pid_t p = fork();
	if (!p) {
		execl("/proc/self/exe", "self", "--wait", (char *)NULL);
		_exit(1);
	}
	close(fds[1]);
	CHECK(read(fds[0], &c, 1) == 0);
	CHECK_ERR(setpgid(p, p), EACCES);
	/* Its group may still be asked, and anybody's. */
	CHECK(getpgid(p) == getpgrp() && getpgid(1) >= 0 && getsid(1) >= 0);
	kill(p, SIGKILL);
	reap(p);
	/* A thread is not a process; a grandchild not a child. */
	CHECK(pthread_create(&t, NULL, waits, NULL) == 0);
	while (!SHARED[0])
		sched_yield();
	CHECK_ERR(setpgid(SHARED[0], 0), EINVAL);
	pid_t mid = fork();
	if (!mid) {
		SHARED[1] = sleeper_in_group(0);
		for (;;)
			pause();
	}
	while (!SHARED[1])
		msleep(1);
	CHECK_ERR(setpgid(SHARED[1], SHARED[1]), ESRCH);
	kill(SHARED[1], SIGKILL);
	kill(mid, SIGKILL);
	reap(mid);
	CHECK_ERR(setpgid(0, 0x3fffffff), EPERM);
	/* A session leader stays where it is. */
	mid = fork();
	if (!mid) {
		CHECK(setsid() > 0);
		SHARED[2] = 1;
		for (;;)
			pause();
	}
	await_value(&SHARED[2], 1);
	CHECK_ERR(setpgid(mid, mid), EPERM);
	kill(mid, SIGKILL);
	reap(mid);
}

/* setsid() is refused while any group has the caller's number, even if the caller is in another. */
static void setsid_where_the_number_is_a_group(void)
{
	CHECK(EXITED(IN_CHILD({
		CHECK(setpgid(0, 0) == 0);
		pid_t other = sleeper_in_group(getpid());
		CHECK(setpgid(0, getpgid(getppid())) == 0 && getpgrp() != getpid());
		CHECK_ERR(setsid(), EPERM);
		kill(other, SIGKILL);
		reap(other);
		CHECK(setsid() == getpid());
	}),
		0));
}

/* Nobody could continue a group whose parents are all elsewhere: terminal stops do nothing there. */
static void orphaned_groups_do_not_stop(void)
{
	int st;
	pid_t p = fork();
	if (!p) {
		CHECK(setsid() == getpid());
		raise(SIGTSTP);
		raise(SIGTTIN);
		raise(SIGTTOU);
		SHARED[0] = 1;
		raise(SIGSTOP);
		_exit(7);
	}
	CHECK(waitpid(p, &st, WUNTRACED) == p && WIFSTOPPED(st) && WSTOPSIG(st) == SIGSTOP);
	CHECK(SHARED[0] == 1);
	kill(p, SIGCONT);
	CHECK(EXITED(reap(p), 7));
}

/* Runs fn in a group of the session that has lost its parents. */
static void in_orphaned_group(void (*fn)(void))
{
	pid_t mid = fork();
	if (!mid) {
		pid_t me = getpid();
		if (!fork()) {
			CHECK(setpgid(0, 0) == 0);
			while (getppid() == me)
				msleep(1);
			fn();
			SHARED[14] = 1;
			_exit(0);
		}
		_exit(0);
	}
	reap(mid);
	for (int i = 0; i < 10000 && !SHARED[14]; i++)
		msleep(1);
	CHECK(SHARED[14] == 1);
}
static void orphan_at_the_terminal(void)
{
	char c;
	struct termios t;
	pid_t g = getpgrp();
	CHECK_ERR(read(slave, &c, 1), EIO);
	CHECK_ERR(write(slave, "x", 1), EIO); /* TOSTOP */
	CHECK(tcgetattr(slave, &t) == 0);
	CHECK_ERR(tcsetattr(slave, TCSANOW, &t), EIO);
	CHECK_ERR(tcflush(slave, TCIFLUSH), EIO);
	CHECK_ERR(ioctl(slave, TIOCSPGRP, &g), ENOTTY);
	/* Ignored: then the orphan may do it. */
	signal(SIGTTOU, SIG_IGN);
	CHECK(write(slave, "y", 1) == 1 && tcsetattr(slave, TCSANOW, &t) == 0);
	signal(SIGTTIN, SIG_IGN);
	CHECK_ERR(read(slave, &c, 1), EIO);
}
static void orphans_get_errors_from_the_terminal(void)
{
	open_pair();
	CHECK(EXITED(IN_CHILD(own_session(); local_flags(TOSTOP, 0); in_orphaned_group(orphan_at_the_terminal)), 0));
}

/* A new orphan with nobody stopped in it is left alone; with one stopped, all its members hear. */
static void whole_orphaned_group_is_told(void)
{
	for (int stopped = 0; stopped < 2; stopped++) {
		SHARED[0] = SHARED[1] = SHARED[2] = SHARED[3] = 0;
		pid_t mid = fork();
		if (!mid) {
			int st;
			pid_t runner = fork();
			if (!runner) {
				setpgid(0, 0);
				catch_hangups();
				pid_t parent = getppid();
				SHARED[0] = 1;
				while (getppid() == parent)
					msleep(1);
				if (stopped)
					await_hangup();
				else
					msleep(20);
				SHARED[1] = hups * 10 + conts;
				SHARED[2] = 1;
				_exit(0);
			}
			setpgid(runner, runner);
			pid_t other = sleeper_in_group(runner);
			await_value(&SHARED[0], 1);
			if (stopped) {
				kill(other, SIGSTOP);
				CHECK(waitpid(other, &st, WUNTRACED) == other && WIFSTOPPED(st));
			}
			SHARED[3] = other;
			_exit(0);
		}
		CHECK(EXITED(reap(mid), 0));
		for (int i = 0; i < 10000 && !SHARED[2]; i++)
			msleep(1);
		CHECK(SHARED[2] && SHARED[1] == (stopped ? 11 : 0));
		if (!stopped)
			CHECK(kill(SHARED[3], SIGKILL) == 0);
	}
}

/* --- getting a terminal ------------------------------------------------------------------------------------------------------------------- */

static void who_takes_it_on_open(void)
{
	open_pair();
	close(slave);
	CHECK(EXITED(IN_CHILD({
		/* Not a session leader. */
		int fd = open(slave_name, O_RDWR);
		pid_t g;
		CHECK(fd >= 0);
		CHECK_ERR(ioctl(fd, TIOCGPGRP, &g), ENOTTY);
		CHECK_ERR(ioctl(fd, TIOCSCTTY, 0), EPERM);
		CHECK(setsid() > 0);
		fd = open(slave_name, O_RDWR | O_NOCTTY);
		CHECK(fd >= 0 && !has_terminal());
		fd = open(slave_name, O_WRONLY);
		CHECK(fd >= 0 && !has_terminal());
		CHECK(open("/dev/ptmx", O_RDWR) >= 0 && !has_terminal());
		fd = open(slave_name, O_RDONLY);
		CHECK(fd >= 0 && has_terminal());
		CHECK(ioctl(fd, TIOCGPGRP, &g) == 0 && g == getpid());
		/* A second one is opened as a plain file. */
		open_pair();
		close(slave);
		fd = open(slave_name, O_RDWR);
		CHECK_ERR(ioctl(fd, TIOCGPGRP, &g), ENOTTY);
		CHECK_ERR(ioctl(fd, TIOCSCTTY, 0), EPERM);
	}),
		0));
}

/* Asked through the master it is the slave that is taken. */
static void taken_through_the_master(void)
{
	open_pair();
	CHECK(EXITED(IN_CHILD({
		CHECK(setsid() > 0);
		CHECK(ioctl(master, TIOCSCTTY, 0) == 0 && has_terminal());
		CHECK(tcgetpgrp(slave) == getpid() && tcgetsid(slave) == getpid());
		CHECK_ERR(ioctl(master, TIOCNOTTY), ENOTTY);
	}),
		0));
}

static void a_terminal_can_be_stolen_by_root_only(void)
{
	open_pair();
	if (geteuid())
		check_skip("needs root");
	pid_t owner = fork();
	if (!owner) {
		own_session();
		SHARED[0] = 1;
		await_value(&SHARED[1], 1);
		CHECK(!has_terminal());
		pid_t g;
		CHECK_ERR(ioctl(slave, TIOCGPGRP, &g), ENOTTY);
		CHECK(hups == 0);
		_exit(0);
	}
	await_value(&SHARED[0], 1);
	CHECK(EXITED(IN_CHILD({
		CHECK(setsid() > 0);
		CHECK_ERR(ioctl(slave, TIOCSCTTY, 0), EPERM);
		CHECK(EXITED(IN_CHILD(CHECK(setsid() > 0); no_capabilities(); CHECK_ERR(ioctl(slave, TIOCSCTTY, 1), EPERM)), 0));
		CHECK(ioctl(slave, TIOCSCTTY, 1) == 0 && has_terminal() && tcgetpgrp(slave) == getpid() && tcgetsid(slave) == getpid());
		SHARED[1] = 1;
	}),
		0));
	CHECK(EXITED(reap(owner), 0));
	/* A descriptor that cannot be read is not enough without the capability. */
	CHECK(EXITED(IN_CHILD({
		CHECK(setsid() > 0);
		int fd = open(slave_name, O_WRONLY | O_NOCTTY);
		CHECK(fd >= 0);
		CHECK(EXITED(IN_CHILD(CHECK(setsid() > 0); no_capabilities(); CHECK_ERR(ioctl(fd, TIOCSCTTY, 0), EPERM)), 0));
		CHECK(ioctl(fd, TIOCSCTTY, 0) == 0 && has_terminal());
	}),
		0));
}

static void inherited_and_dropped(void)
{
	open_pair();
	CHECK(EXITED(IN_CHILD({
		own_session();
		/* A member gives up its own only. */
		CHECK(EXITED(
			IN_CHILD(CHECK(has_terminal()); CHECK(ioctl(slave, TIOCNOTTY) == 0); CHECK(!has_terminal()); CHECK_ERR(ioctl(slave, TIOCNOTTY), ENOTTY)),
			0));
		CHECK(has_terminal());
		CHECK(EXITED(IN_CHILD(CHECK(setsid() > 0); CHECK(!has_terminal())), 0));
		/* The leader takes it away from all, and the foreground hears. */
		pid_t other = fork();
		if (!other) {
			setpgid(0, 0);
			SHARED[0] = 1;
			await_value(&SHARED[1], 1);
			_exit(has_terminal());
		}
		await_value(&SHARED[0], 1);
		catch_hangups();
		CHECK(ioctl(slave, TIOCNOTTY) == 0);
		CHECK(hups == 1 && conts == 1);
		SHARED[1] = 1;
		CHECK(EXITED(reap(other), 0) && !has_terminal());
	}),
		0));
}

static void questions_about_it(void)
{
	pid_t g = -5;
	open_pair();
	/* The master may ask, whoever holds it; nobody is in front yet. */
	CHECK(ioctl(master, TIOCGPGRP, &g) == 0 && g == 0);
	CHECK_ERR(ioctl(master, TIOCGSID, &g), ENOTTY);
	CHECK_ERR(ioctl(slave, TIOCGSID, &g), ENOTTY);
	CHECK_ERR(ioctl(slave, TIOCGPGRP, &g), ENOTTY);
	CHECK_ERR(ioctl(slave, TIOCSPGRP, &g), ENOTTY);
	pid_t p = fork();
	if (!p) {
		pid_t v = getpid();
		own_session();
		CHECK_ERR(ioctl(slave, TIOCSPGRP, 8), EFAULT);
		CHECK_ERR(ioctl(slave, TIOCGPGRP, 8), EFAULT);
		v = -1;
		CHECK_ERR(ioctl(slave, TIOCSPGRP, &v), EINVAL);
		v = 0x3fffffff;
		CHECK_ERR(ioctl(slave, TIOCSPGRP, &v), ESRCH);
		v = getppid();
		CHECK_ERR(ioctl(slave, TIOCSPGRP, &v), EPERM); /* a group of another session */
		v = getpid();
		CHECK(ioctl(slave, TIOCSPGRP, &v) == 0 && ioctl(master, TIOCSPGRP, &v) == 0);
		char path[40];
		char buf[600];
		snprintf(path, sizeof(path), "/proc/%d/stat", getpid());
		int fd = open(path, O_RDONLY), nr, dev, pgrp, sid, tpgid;
		ssize_t n = read(fd, buf, sizeof(buf) - 1);
		CHECK(n > 0);
		buf[n] = 0;
		struct stat st;
		CHECK(fstat(slave, &st) == 0);
		CHECK(sscanf(strrchr(buf, ')') + 4, "%d %d %d %d %d", &nr, &pgrp, &sid, &dev, &tpgid) == 5);
		CHECK(pgrp == getpid() && sid == getpid() && tpgid == getpid() && (dev_t)dev == st.st_rdev);
		SHARED[0] = 1;
		for (;;)
			pause();
	}
	await_value(&SHARED[0], 1);
	CHECK(ioctl(master, TIOCGPGRP, &g) == 0 && g == p && ioctl(master, TIOCGSID, &g) == 0 && g == p);
	CHECK_ERR(ioctl(slave, TIOCGPGRP, &g), ENOTTY);
	CHECK_ERR(ioctl(slave, TIOCNOTTY), ENOTTY);
	kill(p, SIGKILL);
	reap(p);
	CHECK(ioctl(master, TIOCGPGRP, &g) == 0 && g == 0);
	CHECK_ERR(ioctl(master, TIOCGSID, &g), ENOTTY);
}

/* --- background and foreground ------------------------------------------------------------------------------------------------------------- */

static void background_calls(void)
{
	open_pair();
	CHECK(EXITED(IN_CHILD({
		struct termios t;
		int st;
		own_session();
		CHECK(tcgetattr(slave, &t) == 0);
		/* Each of these stops a background group by SIGTTOU, until it is ignored or blocked. */
		for (int i = 0; i < 7; i++) {
			for (int how = 0; how < 3; how++) {
				pid_t p = fork();
				if (!p) {
					pid_t g = getppid();
					setpgid(0, 0);
					sigset_t s;
					sigemptyset(&s);
					sigaddset(&s, SIGTTOU);
					if (how == 1)
						signal(SIGTTOU, SIG_IGN);
					if (how == 2)
						sigprocmask(SIG_BLOCK, &s, NULL);
					int r = i == 0   ? tcsetattr(slave, TCSANOW, &t)
							: i == 1 ? tcsetattr(slave, TCSADRAIN, &t)
							: i == 2 ? tcflush(slave, TCIFLUSH)
							: i == 3 ? tcflow(slave, TCOON)
							: i == 4 ? tcsendbreak(slave, 0)
							: i == 5 ? tcdrain(slave)
									 : tcsetpgrp(slave, g);
					CHECK(r == 0);
					_exit(0);
				}
				setpgid(p, p);
				CHECK(waitpid(p, &st, WUNTRACED) == p);
				if (how == 0)
					CHECK(WIFSTOPPED(st) && WSTOPSIG(st) == SIGTTOU);
				else
					CHECK(EXITED(st, 0));
				if (WIFSTOPPED(st)) {
					kill(p, SIGKILL);
					reap(p);
				}
			}
		}
		/* Writing does not without TOSTOP; nor does asking. */
		pid_t p = fork();
		if (!p) {
			pid_t g;
			setpgid(0, 0);
			_exit(write(slave, "x", 1) == 1 && tcgetattr(slave, &t) == 0 && ioctl(slave, TIOCGPGRP, &g) == 0 && g == getppid() ? 0 : 1);
		}
		CHECK(EXITED(reap(p), 0));
		/* Blocked SIGTTIN is an error like an ignored one. */
		p = fork();
		if (!p) {
			sigset_t s;
			char c;
			sigfillset(&s);
			sigprocmask(SIG_BLOCK, &s, NULL);
			setpgid(0, 0);
			CHECK_ERR(read(slave, &c, 1), EIO);
			_exit(0);
		}
		CHECK(EXITED(reap(p), 0));
	}),
		0));
}

/* Not one process, its whole group stops; and then the call is made again. */
static void background_read_stops_the_group(void)
{
	open_pair();
	CHECK(EXITED(IN_CHILD({
		int st;
		own_session();
		pid_t a = fork();
		if (!a) {
			char c;
			setpgid(0, 0);
			await_value(&SHARED[0], 1);
			_exit(read(slave, &c, 1) == 1 && c == 'q' ? 4 : 5);
		}
		setpgid(a, a);
		pid_t b = sleeper_in_group(a);
		SHARED[0] = 1;
		CHECK(waitpid(a, &st, WUNTRACED) == a && WIFSTOPPED(st) && WSTOPSIG(st) == SIGTTIN);
		CHECK(waitpid(b, &st, WUNTRACED) == b && WIFSTOPPED(st) && WSTOPSIG(st) == SIGTTIN);
		CHECK(tcsetpgrp(slave, a) == 0 && kill(-a, SIGCONT) == 0);
		CHECK(write(master, "q\n", 2) == 2);
		CHECK(EXITED(reap(a), 4));
		kill(b, SIGKILL);
		reap(b);
	}),
		0));
}

/* Job control is for the session's own terminal: a program that merely has one open is not stopped. */
static void strangers_are_not_stopped(void)
{
	open_pair();
	pid_t owner = fork();
	if (!owner) {
		own_session();
		local_flags(TOSTOP, ECHO);
		SHARED[0] = 1;
		for (;;)
			pause();
	}
	await_value(&SHARED[0], 1);
	struct termios t;
	char c;
	CHECK(write(slave, "x", 1) == 1 && tcgetattr(slave, &t) == 0 && tcsetattr(slave, TCSANOW, &t) == 0);
	CHECK(write(master, "a\n", 2) == 2 && read(slave, &c, 1) == 1 && c == 'a');
	kill(owner, SIGKILL);
	reap(owner);
}

static void keys_go_to_the_whole_foreground(void)
{
	open_pair();
	CHECK(EXITED(IN_CHILD({
		int st;
		own_session();
		signal(SIGINT, SIG_IGN);
		signal(SIGTTOU, SIG_IGN);
		signal(SIGTSTP, SIG_DFL);
		pid_t a = sleeper_in_group(0);
		pid_t b = sleeper_in_group(a);
		pid_t bg = sleeper_in_group(0);
		CHECK(tcsetpgrp(slave, a) == 0);
		CHECK(write(master, "\032", 1) == 1);
		CHECK(waitpid(a, &st, WUNTRACED) == a && WIFSTOPPED(st) && WSTOPSIG(st) == SIGTSTP);
		CHECK(waitpid(b, &st, WUNTRACED) == b && WIFSTOPPED(st) && WSTOPSIG(st) == SIGTSTP);
		CHECK(waitpid(bg, &st, WUNTRACED | WNOHANG) == 0);
		kill(-a, SIGCONT);
		/* SIGINT was ignored when they were made. */
		CHECK(write(master, "\x03", 1) == 1);
		CHECK(write(master, "\x1c", 1) == 1);
		st = reap(a);
		CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGQUIT);
		st = reap(b);
		CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGQUIT);
		/* Without ISIG a key is a key. */
		tcsetpgrp(slave, getpgrp());
		local_flags(0, ISIG | ICANON | ECHO);
		char c;
		CHECK(write(master, "\x1c", 1) == 1 && read(slave, &c, 1) == 1 && c == 0x1c);
		kill(bg, SIGKILL);
		reap(bg);
	}),
		0));
}

/* A signal key drops what was typed before it, unless NOFLSH. */
static void signal_keys_flush(void)
{
	open_pair();
	CHECK(EXITED(IN_CHILD({
		char buf[20];
		own_session();
		signal(SIGINT, SIG_IGN);
		CHECK(write(master, "lost\x03kept\n", 10) == 10);
		CHECK(read(slave, buf, sizeof(buf)) == 5 && !memcmp(buf, "kept\n", 5));
		local_flags(NOFLSH, 0);
		CHECK(write(master, "both\x03kept\n", 10) == 10);
		CHECK(read(slave, buf, sizeof(buf)) == 9 && !memcmp(buf, "bothkept\n", 9));
	}),
		0));
}

/* --- its end ------------------------------------------------------------------------------------------------------------------------------ */

/* A hangup tells the session leader, in this order, and continues it. */
static void hangup_continues_the_leader(void)
{
	int st;
	open_pair();
	pid_t p = fork();
	if (!p) {
		own_session();
		close(master);
		catch_hangups();
		SHARED[0] = 1;
		raise(SIGSTOP);
		await_hangup();
		CHECK(order[0] == SIGHUP || order[0] == SIGCONT);
		char c;
		CHECK(read(slave, &c, 1) == 0);
		CHECK_ERR(write(slave, "x", 1), EIO);
		pid_t g;
		CHECK_ERR(ioctl(slave, TIOCGPGRP, &g), EIO);
		CHECK_ERR(ioctl(slave, TIOCSPGRP, &g), ENOTTY);
		CHECK(!has_terminal());
		_exit(9);
	}
	CHECK(waitpid(p, &st, WUNTRACED) == p && WIFSTOPPED(st));
	close(slave);
	close(master);
	CHECK(EXITED(reap(p), 9));
}

/* The foreground of a terminal that is gone hears when the leader goes as well. */
static void old_foreground_hears_of_the_leaders_end(void)
{
	open_pair();
	pid_t p = fork();
	if (!p) {
		own_session();
		close(master);
		signal(SIGHUP, SIG_IGN);
		if (!fork()) {
			setpgid(0, 0);
			signal(SIGTTOU, SIG_IGN);
			CHECK(tcsetpgrp(slave, getpgrp()) == 0);
			catch_hangups();
			pid_t leader = getppid();
			SHARED[0] = 1;
			/* Hung up: the leader alone is told. */
			await_value(&SHARED[1], 1);
			msleep(20);
			CHECK(hups == 0 && !has_terminal());
			SHARED[2] = 1;
			while (getppid() == leader)
				msleep(1);
			await_hangup();
			SHARED[3] = 1;
			_exit(0);
		}
		await_value(&SHARED[2], 1);
		_exit(0);
	}
	await_value(&SHARED[0], 1);
	close(slave);
	close(master);
	SHARED[1] = 1;
	CHECK(EXITED(reap(p), 0));
	for (int i = 0; i < 5000 && !SHARED[3]; i++)
		msleep(1);
	CHECK(SHARED[3] == 1);
}

/* When a leader with a pseudo-terminal ends, only the foreground is told; everybody loses the terminal, which others may take then. */
static void leader_ends(void)
{
	open_pair();
	pid_t p = fork();
	if (!p) {
		own_session();
		if (!fork()) { /* in the background */
			setpgid(0, 0);
			catch_hangups();
			pid_t leader = getppid();
			SHARED[0] = 1;
			while (getppid() == leader)
				msleep(1);
			msleep(20);
			CHECK(!hups && !conts && !has_terminal());
			SHARED[1] = 1;
			_exit(0);
		}
		await_value(&SHARED[0], 1);
		_exit(0);
	}
	CHECK(EXITED(reap(p), 0));
	for (int i = 0; i < 5000 && !SHARED[1]; i++)
		msleep(1);
	CHECK(SHARED[1] == 1);
	CHECK(EXITED(IN_CHILD(own_session(); CHECK(write(slave, "x", 1) == 1)), 0));
}

static void vhangup_of_ones_own(void)
{
	open_pair();
	if (geteuid())
		check_skip("needs root");
	CHECK(EXITED(IN_CHILD(no_capabilities(); CHECK_ERR(syscall(SYS_vhangup), EPERM); CHECK_ERR(ioctl(slave, TIOCVHANGUP), EPERM)), 0));
	CHECK(EXITED(IN_CHILD(CHECK(setsid() > 0); CHECK(syscall(SYS_vhangup) == 0)), 0)); /* nothing to hang up */
	CHECK(EXITED(IN_CHILD({
		char c;
		own_session();
		catch_hangups();
		CHECK(syscall(SYS_vhangup) == 0);
		await_hangup();
		CHECK(!has_terminal());
		CHECK(read(slave, &c, 1) == 0);
		CHECK_ERR(write(slave, "x", 1), EIO);
	}),
		0));
}

/* --- rarer requests ------------------------------------------------------------------------------------------------------------------------ */

static int legacy_sti(void)
{
	char c = '?';
	int fd = open("/proc/sys/dev/tty/legacy_tiocsti", O_RDONLY);
	if (fd < 0 || read(fd, &c, 1) != 1)
		return -1;
	close(fd);
	return c == '1';
}
/* A character as if it had been typed: for root, and for the owner of the terminal where the old rule is on. */
static void typing_by_request(void)
{
	char buf[20];
	open_pair();
	if (geteuid())
		check_skip("needs root");
	CHECK(EXITED(IN_CHILD({
		own_session();
		CHECK(ioctl(slave, TIOCSTI, "h") == 0 && ioctl(slave, TIOCSTI, "i") == 0 && ioctl(slave, TIOCSTI, "\n") == 0);
		CHECK(read(slave, buf, sizeof(buf)) == 3 && !memcmp(buf, "hi\n", 3));
		CHECK_ERR(ioctl(slave, TIOCSTI, 8), EFAULT);
		int old = legacy_sti();
		CHECK(old >= 0);
		no_capabilities();
		if (old)
			CHECK(ioctl(slave, TIOCSTI, "x") == 0);
		else
			CHECK_ERR(ioctl(slave, TIOCSTI, "x"), EIO);
	}),
		0));
	/* Not of somebody else's terminal. */
	CHECK(ioctl(slave, TIOCSTI, "y") == 0);
	CHECK(EXITED(IN_CHILD(int old = legacy_sti(); no_capabilities(); CHECK_ERR(ioctl(slave, TIOCSTI, "x"), old ? EPERM : EIO)), 0));
}

static void exclusive_use(void)
{
	int v = -1;
	open_pair();
	if (geteuid())
		check_skip("needs root");
	CHECK(fchmod(slave, 0666) == 0);
	CHECK(ioctl(slave, TIOCGEXCL, &v) == 0 && v == 0);
	CHECK(ioctl(slave, TIOCEXCL) == 0 && ioctl(slave, TIOCGEXCL, &v) == 0 && v == 1);
	int fd = open(slave_name, O_RDWR | O_NOCTTY);
	CHECK(fd >= 0);
	CHECK(EXITED(IN_CHILD(no_capabilities(); CHECK_ERR(open(slave_name, O_RDWR | O_NOCTTY), EBUSY)), 0));
	CHECK(ioctl(slave, TIOCNXCL) == 0);
	CHECK(EXITED(IN_CHILD(no_capabilities(); CHECK(open(slave_name, O_RDWR | O_NOCTTY) >= 0)), 0));
}

CASES(CASE(setpgid_errors), CASE(setsid_where_the_number_is_a_group), CASE(orphaned_groups_do_not_stop), CASE(orphans_get_errors_from_the_terminal),
	CASE(whole_orphaned_group_is_told), CASE(who_takes_it_on_open), CASE(taken_through_the_master), CASE(a_terminal_can_be_stolen_by_root_only),
	CASE(inherited_and_dropped), CASE(questions_about_it), CASE(background_calls), CASE(background_read_stops_the_group),
	CASE(strangers_are_not_stopped), CASE(keys_go_to_the_whole_foreground), CASE(signal_keys_flush), CASE(hangup_continues_the_leader),
	CASE(old_foreground_hears_of_the_leaders_end), CASE(leader_ends), CASE(vhangup_of_ones_own), CASE(typing_by_request), CASE(exclusive_use))
