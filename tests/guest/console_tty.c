/*
 * A terminal that is a device: what the end of its session does to it, which differs from a pseudo-terminal's. Only where `pando run` has started the machine
 * is its serial line nobody else's.
 */
#include "check.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

#define LINE "/dev/ttyS0"

static volatile sig_atomic_t hups, conts;
static void note(int sig) { *(sig == SIGHUP ? &hups : &conts) += 1; }
static void catch_hangups(void)
{
	struct sigaction sa = { .sa_handler = note };
	CHECK(sigaction(SIGHUP, &sa, NULL) == 0 && sigaction(SIGCONT, &sa, NULL) == 0);
}
static int has_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}
static void only_in_a_machine(void)
{
	char exe[64] = "";
	if (readlink("/proc/1/exe", exe, sizeof(exe) - 1) < 0 || strcmp(exe, "/.pando/init"))
		check_skip("not in a machine of our own");
}
/* A session of our own with the line as its terminal. */
static int take_line(void)
{
	CHECK(setsid() == getpid());
	int fd = open(LINE, O_RDWR);
	CHECK(fd >= 0 && has_terminal() && tcgetsid(fd) == getpid());
	return fd;
}
static void into_foreground(int fd)
{
	CHECK(setpgid(0, 0) == 0);
	signal(SIGTTOU, SIG_IGN);
	CHECK(tcsetpgrp(fd, getpgrp()) == 0);
}
static void is_dead(int fd)
{
	struct termios t;
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };
	char c;
	int n;
	CHECK(read(fd, &c, 1) == 0);
	CHECK_ERR(write(fd, "x", 1), EIO);
	CHECK_ERR(ioctl(fd, TCGETS, &t), EIO);
	CHECK_ERR(ioctl(fd, FIONREAD, &n), EIO);
	CHECK_ERR(ioctl(fd, TIOCSPGRP, &n), ENOTTY);
	CHECK(poll(&p, 1, 0) == 1 && (p.revents & (POLLIN | POLLOUT | POLLHUP | POLLERR)) == (POLLIN | POLLOUT | POLLHUP | POLLERR));
}

enum { READY, LEADER_GONE, HEARD, BACKGROUND };
static void await_orphan(pid_t parent)
{
	while (getppid() == parent)
		msleep(1);
}

/* The leader's end hangs the line up: every descriptor of it is dead, the foreground gets SIGHUP and no SIGCONT, nobody has it any more. */
static void leaders_end_hangs_it_up(void)
{
	only_in_a_machine();
	pid_t leader = fork();
	if (!leader) {
		int fd = take_line();
		pid_t me = getpid();
		if (!fork()) {
			catch_hangups();
			into_foreground(fd);
			SHARED[READY]++;
			await_orphan(me);
			while (!hups)
				msleep(1);
			msleep(5);
			CHECK(hups == 1 && conts == 0 && !has_terminal());
			is_dead(fd);
			/* Opened anew it is alive, and has no session. */
			int again = open(LINE, O_RDWR | O_NOCTTY);
			CHECK(again >= 0 && write(again, "", 0) == 0);
			CHECK_ERR(tcgetpgrp(again), ENOTTY);
			SHARED[HEARD]++;
			_exit(0);
		}
		if (!fork()) {
			catch_hangups();
			setpgid(0, 0);
			SHARED[READY]++;
			await_orphan(me);
			while (has_terminal())
				msleep(1);
			is_dead(fd);
			msleep(5);
			/* A background group hears nothing. */
			CHECK(hups == 0 && conts == 0);
			SHARED[HEARD]++;
			_exit(0);
		}
		await_value(&SHARED[READY], 2);
		_exit(0);
	}
	CHECK(EXITED(reap(leader), 0));
	while (SHARED[HEARD] < 2)
		msleep(1);
	/* Somebody else may have it now. */
	CHECK(EXITED(IN_CHILD(close(take_line())), 0));
}

/* A reader who waits when it happens reads the end of the file. */
static void readers_wake(void)
{
	only_in_a_machine();
	pid_t leader = fork();
	if (!leader) {
		int fd = take_line();
		pid_t reader = fork();
		if (!reader) {
			char c;
			signal(SIGHUP, SIG_IGN);
			into_foreground(fd);
			SHARED[READY] = 1;
			CHECK(read(fd, &c, 1) == 0);
			SHARED[HEARD] = 1;
			_exit(0);
		}
		await_value(&SHARED[READY], 1);
		await_state(reader, "S");
		_exit(0);
	}
	CHECK(EXITED(reap(leader), 0));
	while (!SHARED[HEARD])
		msleep(1);
}

/* /dev/console is the system's way to be heard: files opened by that name outlive the hang-up. */
static void console_files_survive(void)
{
	only_in_a_machine();
	pid_t leader = fork();
	if (!leader) {
		int console = open("/dev/console", O_RDWR | O_NOCTTY), fd = take_line();
		CHECK(console >= 0 && fd >= 0);
		pid_t me = getpid();
		if (!fork()) {
			signal(SIGHUP, SIG_IGN);
			SHARED[READY] = 1;
			await_orphan(me);
			while (has_terminal())
				msleep(1);
			is_dead(fd);
			CHECK(write(console, "", 0) == 0);
			struct termios t;
			CHECK(tcgetattr(console, &t) == 0);
			SHARED[HEARD] = 1;
			_exit(0);
		}
		await_value(&SHARED[READY], 1);
		_exit(0);
	}
	CHECK(EXITED(reap(leader), 0));
	while (!SHARED[HEARD])
		msleep(1);
}

/* Hung up by vhangup the leader alone is told; the group that was in the foreground then hears of the leader's end, SIGHUP and SIGCONT. */
static void old_foreground_is_remembered(void)
{
	only_in_a_machine();
	pid_t leader = fork();
	if (!leader) {
		int fd = take_line();
		pid_t me = getpid();
		catch_hangups();
		if (!fork()) {
			into_foreground(fd);
			SHARED[READY] = 1;
			await_value(&SHARED[BACKGROUND], 1);
			msleep(10);
			CHECK(hups == 0 && conts == 0 && !has_terminal());
			SHARED[LEADER_GONE] = 1;
			await_orphan(me);
			while (!hups || !conts)
				msleep(1);
			CHECK(hups == 1 && conts == 1);
			SHARED[HEARD] = 1;
			_exit(0);
		}
		await_value(&SHARED[READY], 1);
		CHECK(vhangup() == 0);
		CHECK(hups == 1 && conts == 1 && !has_terminal());
		is_dead(fd);
		SHARED[BACKGROUND] = 1;
		await_value(&SHARED[LEADER_GONE], 1);
		_exit(0);
	}
	CHECK(EXITED(reap(leader), 0));
	while (!SHARED[HEARD])
		msleep(1);
}

/* Who takes another terminal in between has forgotten that group. */
static void a_new_terminal_forgets_it(void)
{
	only_in_a_machine();
	pid_t leader = fork();
	if (!leader) {
		int fd = take_line();
		pid_t me = getpid();
		signal(SIGHUP, SIG_IGN);
		if (!fork()) {
			catch_hangups();
			into_foreground(fd);
			SHARED[READY] = 1;
			await_orphan(me);
			msleep(30);
			CHECK(hups == 0 && conts == 0);
			SHARED[HEARD] = 1;
			_exit(0);
		}
		await_value(&SHARED[READY], 1);
		CHECK(vhangup() == 0);
		CHECK(open(LINE, O_RDWR) >= 0 && has_terminal());
		_exit(0);
	}
	CHECK(EXITED(reap(leader), 0));
	while (!SHARED[HEARD])
		msleep(1);
}

/* Given up by its leader the line is not hung up: foreground SIGHUP and SIGCONT, the descriptors live. */
static void given_up_it_lives(void)
{
	only_in_a_machine();
	pid_t leader = fork();
	if (!leader) {
		int fd = take_line();
		pid_t pid = fork();
		if (!pid) {
			catch_hangups();
			into_foreground(fd);
			SHARED[READY] = 1;
			while (!hups || !conts)
				msleep(1);
			struct termios t;
			CHECK(hups == 1 && conts == 1 && !has_terminal() && tcgetattr(fd, &t) == 0);
			_exit(0);
		}
		await_value(&SHARED[READY], 1);
		CHECK(ioctl(fd, TIOCNOTTY) == 0 && !has_terminal());
		CHECK_ERR(ioctl(fd, TIOCNOTTY), ENOTTY);
		CHECK(EXITED(reap(pid), 0));
		CHECK(write(fd, "", 0) == 0);
		_exit(0);
	}
	CHECK(EXITED(reap(leader), 0));
}

CASES(CASE(leaders_end_hangs_it_up), CASE(readers_wake), CASE(console_files_survive), CASE(old_foreground_is_remembered), CASE(a_new_terminal_forgets_it),
	CASE(given_up_it_lives))
