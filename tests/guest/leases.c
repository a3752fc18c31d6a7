/* fcntl(F_SETLEASE) and F_NOTIFY: who may take a lease, who is told of what, how long an open waits; what /proc/locks shows. */
#include "check.h"
#include <poll.h>
#include <sys/prctl.h>

static volatile sig_atomic_t count, last_sig, last_code, last_fd, last_band;
static void on_signal(int sig, siginfo_t *si, void *ctx)
{
	count++;
	last_sig = sig;
	last_code = si->si_code;
	last_fd = si->si_fd;
	last_band = (int)si->si_band;
}
static void catch (int sig, int flags)
{
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | flags };
	CHECK(sigaction(sig, &sa, NULL) == 0);
}
static int lease(int fd, int type) { return (int)syscall(SYS_fcntl, fd, F_SETLEASE, type); }
static int get(int fd) { return (int)syscall(SYS_fcntl, fd, F_GETLEASE); }
static int file(int flags)
{
	if (access("f", F_OK))
		write_file("f", "abc", 3, 0666);
	int fd = open("f", flags);
	CHECK(fd >= 0);
	return fd;
}
/* Opens in a child: its exit status says the errno, 100 + it when the wait lasted longer than 0.1 s. */
static pid_t opener(int flags)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid)
		return pid;
	signal(SIGIO, SIG_IGN);
	for (int fd = 3; fd < 32; fd++)
		close(fd);
	double t = now();
	int err = open("f", flags) < 0 ? errno : 0;
	_exit(err + (now() - t > 0.1 ? 100 : 0));
}
static void setting(const char *name, const char *v)
{
	int fd = open(name, O_WRONLY);
	if (fd < 0)
		check_skip("not root");
	CHECK(write(fd, v, strlen(v)) == (ssize_t)strlen(v));
	close(fd);
}
#define BREAK_TIME "/proc/sys/fs/lease-break-time"

static void who_may(void)
{
	int r = file(O_RDONLY);
	CHECK(get(r) == F_UNLCK);
	CHECK_ERR(lease(r, F_UNLCK), EAGAIN);
	CHECK_ERR(lease(r, 7), EINVAL);
	CHECK_ERR(lease(r, -1), EINVAL);
	CHECK(lease(r, F_RDLCK) == 0 && get(r) == F_RDLCK);
	CHECK(lease(r, F_WRLCK) == 0 && get(r) == F_WRLCK);
	CHECK(lease(r, F_RDLCK) == 0 && get(r) == F_RDLCK);
	CHECK(lease(r, F_UNLCK) == 0 && get(r) == F_UNLCK);
	/* Another reader is against a write lease, and so is a program that runs. */
	int r2 = file(O_RDONLY);
	CHECK_ERR(lease(r, F_WRLCK), EAGAIN);
	CHECK(lease(r, F_RDLCK) == 0 && lease(r2, F_RDLCK) == 0);
	CHECK(get(r) == F_RDLCK && get(r2) == F_RDLCK);
	CHECK_ERR(lease(r, F_WRLCK), EAGAIN);
	close(r2);
	CHECK(lease(r, F_WRLCK) == 0);
	close(r);
	/* A writer is against a read lease, even one's own file. */
	int w = file(O_RDWR);
	CHECK_ERR(lease(w, F_RDLCK), EAGAIN);
	CHECK(lease(w, F_WRLCK) == 0 && get(w) == F_WRLCK);
	CHECK_ERR(lease(w, F_RDLCK), EAGAIN);
	CHECK(get(w) == F_WRLCK);
	/* A duplicate is the same open file; the last close ends the lease. */
	int d = dup(w);
	close(w);
	CHECK(get(d) == F_WRLCK && lease(d, F_UNLCK) == 0);
	close(d);
	int p = open("f", O_PATH);
	CHECK_ERR(lease(p, F_RDLCK), EBADF);
	CHECK_ERR(get(p), EBADF);
}

static void only_files(void)
{
	int p[2], dir = open(".", O_RDONLY), null = open("/dev/null", O_RDONLY);
	CHECK(pipe(p) == 0);
	CHECK_ERR(lease(p[0], F_RDLCK), EINVAL);
	CHECK_ERR(lease(dir, F_RDLCK), EINVAL);
	CHECK_ERR(lease(null, F_UNLCK), EINVAL);
	CHECK_ERR(lease(dir, 9), EINVAL);
	CHECK(get(p[0]) == F_UNLCK && get(dir) == F_UNLCK);
}

static void somebody_elses(void)
{
	if (geteuid())
		check_skip("not root");
	int r = file(O_RDONLY);
	int st = IN_CHILD({
		CHECK(setresuid(1234, 1234, 1234) == 0);
		CHECK_ERR(lease(r, F_RDLCK), EACCES);
		CHECK_ERR(lease(r, F_UNLCK), EACCES);
		CHECK_ERR(lease(r, 9), EINVAL);
		CHECK_ERR(lease(open("/", O_RDONLY), F_RDLCK), EACCES);
		CHECK(get(r) == F_UNLCK);
	});
	CHECK(EXITED(st, 0));
}

static void running_programs(void)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	CHECK(n > 0);
	self[n] = 0;
	int fd = open(self, O_RDONLY);
	CHECK(fd >= 0);
	CHECK_ERR(lease(fd, F_WRLCK), EAGAIN);
	CHECK(lease(fd, F_RDLCK) == 0);
}

static void owner_is_set(void)
{
	int r = file(O_RDONLY);
	CHECK(fcntl(r, F_GETOWN) == 0);
	int r2 = file(O_RDWR);
	CHECK_ERR(lease(r, F_RDLCK), EAGAIN);
	CHECK(fcntl(r, F_GETOWN) == 0);
	close(r2);
	CHECK(lease(r, F_RDLCK) == 0 && fcntl(r, F_GETOWN) == getpid());
	CHECK(fcntl(r, F_SETSIG, SIGRTMIN) == 0);
	CHECK(lease(r, F_UNLCK) == 0 && fcntl(r, F_GETOWN) == 0 && fcntl(r, F_GETSIG) == 0);
	/* Somebody chosen before stays. */
	CHECK(fcntl(r, F_SETOWN, getppid()) == 0 && lease(r, F_RDLCK) == 0 && fcntl(r, F_GETOWN) == getppid());
}

static void an_open_breaks(void)
{
	catch (SIGIO, 0);
	int r = file(O_RDONLY);
	CHECK(lease(r, F_RDLCK) == 0);
	CHECK(reap(opener(O_RDONLY)) == 0 && count == 0);
	CHECK(reap(opener(O_PATH)) == 0 && count == 0);
	pid_t pid = opener(O_WRONLY);
	while (!count)
		pause();
	CHECK(last_sig == SIGIO && last_code == SI_KERNEL && get(r) == F_UNLCK);
	msleep(150);
	CHECK(waitpid(pid, NULL, WNOHANG) == 0);
	CHECK_ERR(lease(r, F_RDLCK), EAGAIN);
	CHECK(lease(r, F_UNLCK) == 0);
	CHECK(EXITED(reap(pid), 100));
	CHECK(count == 1);
}

static void a_write_lease_is_downgraded(void)
{
	catch (SIGRTMIN, 0);
	int w = file(O_RDONLY);
	CHECK(lease(w, F_WRLCK) == 0 && fcntl(w, F_SETSIG, SIGRTMIN) == 0);
	pid_t pid = opener(O_RDONLY);
	while (!count)
		pause();
	CHECK(last_sig == SIGRTMIN && last_code == POLL_MSG && last_fd == w && last_band == (POLLIN | POLLRDNORM | POLLMSG));
	CHECK(get(w) == F_RDLCK);
	msleep(150);
	CHECK(lease(w, F_RDLCK) == 0 && get(w) == F_RDLCK);
	CHECK(EXITED(reap(pid), 100));
	/* Then a writer comes. */
	pid = opener(O_RDWR);
	while (count < 2)
		pause();
	CHECK(get(w) == F_UNLCK);
	CHECK(close(w) == 0 && EXITED(reap(pid), 0));
}

static void both_pending(void)
{
	catch (SIGIO, 0);
	int w = file(O_RDONLY);
	CHECK(lease(w, F_WRLCK) == 0);
	pid_t a = opener(O_RDONLY);
	while (!count)
		pause();
	pid_t b = opener(O_WRONLY);
	while (count < 2)
		pause();
	CHECK(get(w) == F_UNLCK);
	pid_t c = opener(O_RDONLY);
	msleep(150);
	CHECK(count == 2 && waitpid(-1, NULL, WNOHANG) == 0);
	CHECK(lease(w, F_UNLCK) == 0);
	CHECK(EXITED(reap(a), 100) && EXITED(reap(b), 100) && EXITED(reap(c), 100));
}

static void nonblock(void)
{
	catch (SIGIO, 0);
	int r = file(O_RDONLY);
	CHECK(lease(r, F_RDLCK) == 0);
	CHECK(EXITED(reap(opener(O_WRONLY | O_NONBLOCK)), EWOULDBLOCK) && count == 1);
	CHECK(get(r) == F_UNLCK);
	/* Told once. */
	CHECK(EXITED(reap(opener(O_WRONLY | O_NONBLOCK)), EWOULDBLOCK) && count == 1);
	CHECK(EXITED(reap(opener(O_RDONLY | O_NONBLOCK)), 0));
	/* The writer is gone, so the lease can be had again. It stays a lease that somebody wants. */
	CHECK(lease(r, F_RDLCK) == 0 && get(r) == F_UNLCK);
	CHECK(lease(r, F_UNLCK) == 0 && lease(r, F_RDLCK) == 0 && get(r) == F_RDLCK);
}

static void truncation(void)
{
	catch (SIGIO, 0);
	int r = file(O_RDONLY);
	CHECK(lease(r, F_RDLCK) == 0);
	pid_t pid = fork();
	if (!pid) {
		signal(SIGIO, SIG_IGN);
		_exit(truncate("f", 1) ? errno : 0);
	}
	while (!count)
		pause();
	struct stat st;
	msleep(50);
	CHECK(fstat(r, &st) == 0 && st.st_size == 3);
	CHECK(lease(r, F_UNLCK) == 0 && reap(pid) == 0);
	CHECK(fstat(r, &st) == 0 && st.st_size == 1);
	/* O_TRUNC with O_RDONLY is no writer to a lease. */
	CHECK(lease(r, F_RDLCK) == 0);
	CHECK(EXITED(reap(opener(O_RDONLY | O_TRUNC)), 0) && count == 1);
	CHECK(fstat(r, &st) == 0 && st.st_size == 0);
}

static void names_may_change(void)
{
	catch (SIGIO, 0);
	int r = file(O_RDONLY);
	CHECK(lease(r, F_RDLCK) == 0);
	CHECK(chmod("f", 0600) == 0 && rename("f", "g") == 0 && link("g", "f") == 0 && unlink("g") == 0 && count == 0);
}

static void time_is_over(void)
{
	catch (SIGIO, 0);
	setting(BREAK_TIME, "1");
	int r = file(O_RDONLY);
	CHECK(lease(r, F_RDLCK) == 0);
	double t = now();
	pid_t pid = opener(O_WRONLY);
	while (!count)
		pause();
	int st = reap(pid);
	setting(BREAK_TIME, "45");
	CHECK(EXITED(st, 100));
	CHECK(now() - t > 0.8 && now() - t < 5);
	CHECK(get(r) == F_UNLCK);
	CHECK_ERR(lease(r, F_UNLCK), EAGAIN);
	CHECK(fcntl(r, F_GETOWN) == 0);
}

static void downgraded_by_time(void)
{
	catch (SIGIO, 0);
	setting(BREAK_TIME, "1");
	int r = file(O_RDONLY);
	CHECK(lease(r, F_WRLCK) == 0);
	pid_t pid = opener(O_RDONLY);
	int st = reap(pid);
	setting(BREAK_TIME, "45");
	CHECK(EXITED(st, 100) && count == 1 && get(r) == F_RDLCK);
	CHECK(lease(r, F_UNLCK) == 0);
}

static void an_open_is_interrupted(void)
{
	int r = file(O_RDONLY);
	signal(SIGIO, SIG_IGN);
	CHECK(lease(r, F_RDLCK) == 0);
	pid_t pid = fork();
	if (!pid) {
		catch (SIGUSR1, 0);
		SHARED[0] = 1;
		int err = open("f", O_WRONLY) < 0 ? errno : 0;
		_exit(err == EINTR && count == 1 ? 7 : err);
	}
	await_value(&SHARED[0], 1);
	await_state(pid, "S");
	kill(pid, SIGUSR1);
	CHECK(EXITED(reap(pid), 7));
	/* ... or starts again. */
	pid = fork();
	if (!pid) {
		catch (SIGUSR1, SA_RESTART);
		SHARED[0] = 2;
		int err = open("f", O_WRONLY) < 0 ? errno : 0;
		_exit(count == 1 ? err : 99);
	}
	await_value(&SHARED[0], 2);
	await_state(pid, "S");
	kill(pid, SIGUSR1);
	msleep(50);
	CHECK(lease(r, F_UNLCK) == 0 && EXITED(reap(pid), 0));
}

static void disabled(void)
{
	setting("/proc/sys/fs/leases-enable", "0");
	int r = file(O_RDONLY), ret = lease(r, F_RDLCK), err = errno;
	setting("/proc/sys/fs/leases-enable", "1");
	CHECK(ret == -1 && err == EINVAL);
}

/* The holder dies: nobody has to wait. */
static void holder_dies(void)
{
	int p[2];
	CHECK(pipe(p) == 0);
	write_file("f", "abc", 3, 0666);
	pid_t pid = fork();
	if (!pid) {
		int r = file(O_RDONLY);
		signal(SIGIO, SIG_IGN);
		SHARED[0] = lease(r, F_RDLCK) == 0 ? 1 : 2;
		for (;;)
			pause();
	}
	while (!SHARED[0])
		sched_yield();
	CHECK(SHARED[0] == 1);
	pid_t o = opener(O_WRONLY);
	msleep(150);
	CHECK(waitpid(o, NULL, WNOHANG) == 0);
	kill(pid, SIGKILL);
	reap(pid);
	CHECK(EXITED(reap(o), 100));
}

/* --- /proc --------------------------------------------------------------------------------------------------------------------------------- */

/* The lines of /proc/locks about f, from the second word on, with the given pid as P. */
static void locks_of(int fd, char *out, size_t size)
{
	static char buf[65536];
	char id[64];
	struct stat st;
	CHECK(fstat(fd, &st) == 0);
	snprintf(id, sizeof(id), "%02x:%02x:%lu ", (unsigned)(st.st_dev >> 8 & 0xfff), (unsigned)(st.st_dev & 0xff), (unsigned long)st.st_ino);
	read_text("/proc/locks", buf, sizeof(buf));
	*out = 0;
	for (char *l = strtok(buf, "\n"); l; l = strtok(NULL, "\n")) {
		char *at = strstr(l, id), kind[64];
		int pid;
		if (!at)
			continue;
		*at = 0;
		char *text = strchr(l, ':') + 2, *p = at - 2;
		while (*p != ' ')
			p--;
		pid = atoi(p + 1);
		*p = 0;
		snprintf(kind, sizeof(kind), "%s", text);
		size_t n = strlen(out);
		snprintf(out + n, size - n, "%s %s %s\n", kind, pid == getpid() ? "me" : pid == -1 ? "-1" : "other", at + strlen(id));
	}
}

static void shown(void)
{
	char text[1024], path[64];
	int fd = file(O_RDWR);
	signal(SIGIO, SIG_IGN);
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5 }, ofd = { .l_type = F_RDLCK, .l_start = 100 };
	CHECK(fcntl(fd, F_SETLK, &fl) == 0);
	locks_of(fd, text, sizeof(text));
	CHECK(!strcmp(text, "POSIX  ADVISORY  WRITE me 10 14\n"));
	CHECK(fcntl(fd, F_OFD_SETLK, &ofd) == 0);
	fl.l_type = F_UNLCK;
	CHECK(fcntl(fd, F_SETLK, &fl) == 0);
	locks_of(fd, text, sizeof(text));
	CHECK(!strcmp(text, "OFDLCK ADVISORY  READ -1 100 EOF\n"));
	ofd.l_type = F_UNLCK;
	CHECK(fcntl(fd, F_OFD_SETLK, &ofd) == 0);
	CHECK(syscall(SYS_flock, fd, 2 /* LOCK_EX */) == 0);
	locks_of(fd, text, sizeof(text));
	CHECK(!strcmp(text, "FLOCK  ADVISORY  WRITE me 0 EOF\n"));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	read_text(path, text, sizeof(text));
	CHECK(strstr(text, "\nlock:\t1: FLOCK  ADVISORY  WRITE "));
	pid_t pid = fork();
	if (!pid) {
		int mine = open("f", O_RDWR);
		_exit((int)syscall(SYS_flock, mine, 1));
	}
	await_state(pid, "S");
	locks_of(fd, text, sizeof(text));
	CHECK(!strcmp(text, "FLOCK  ADVISORY  WRITE me 0 EOF\n-> FLOCK  ADVISORY  READ other 0 EOF\n"));
	CHECK(syscall(SYS_flock, fd, 8) == 0 && reap(pid) == 0);
	CHECK(lease(fd, F_WRLCK) == 0);
	locks_of(fd, text, sizeof(text));
	CHECK(!strcmp(text, "LEASE  ACTIVE    WRITE me 0 EOF\n"));
	CHECK(EXITED(reap(opener(O_RDONLY | O_NONBLOCK)), EWOULDBLOCK));
	locks_of(fd, text, sizeof(text));
	CHECK(!strcmp(text, "LEASE  BREAKING  READ me 0 EOF\n"));
	read_text(path, text, sizeof(text));
	CHECK(strstr(text, "\nlock:\t1: LEASE  BREAKING  READ "));
	CHECK(lease(fd, F_UNLCK) == 0);
	locks_of(fd, text, sizeof(text));
	CHECK(!*text);
}

/* --- F_NOTIFY ------------------------------------------------------------------------------------------------------------------------------ */

static int notify(int fd, unsigned how) { return (int)syscall(SYS_fcntl, fd, F_NOTIFY, how); }
static int told(void)
{
	int n = count;
	count = 0;
	return n;
}

static void dnotify_calls(void)
{
	CHECK(mkdir("d", 0755) == 0);
	int d = open("d", O_RDONLY | O_DIRECTORY), f = file(O_RDONLY), p = open("d", O_PATH);
	CHECK_ERR(notify(f, DN_CREATE), ENOTDIR);
	CHECK(notify(f, 0) == 0 && notify(f, DN_MULTISHOT) == 0);
	CHECK_ERR(notify(p, DN_CREATE), EBADF);
	CHECK(fcntl(d, F_GETOWN) == 0);
	CHECK(notify(d, DN_CREATE) == 0 && fcntl(d, F_GETOWN) == getpid());
	CHECK(notify(d, 0) == 0);
}

static void dnotify_events(void)
{
	CHECK(mkdir("d", 0755) == 0 && mkdir("e", 0755) == 0);
	int d = open("d", O_RDONLY | O_DIRECTORY);
	catch (SIGRTMIN, 0);
	CHECK(fcntl(d, F_SETSIG, SIGRTMIN) == 0);
	/* Once. */
	CHECK(notify(d, DN_CREATE) == 0);
	write_file("d/a", "x", 1, 0644);
	CHECK(told() == 1 && last_code == POLL_MSG && last_fd == d && last_band == (POLLIN | POLLRDNORM | POLLMSG));
	write_file("d/b", "x", 1, 0644);
	CHECK(told() == 0);
	/* Again and again. */
	CHECK(notify(d, DN_CREATE | DN_MULTISHOT) == 0);
	CHECK(mkdir("d/c", 0755) == 0 && told() == 1);
	CHECK(symlink("x", "d/s") == 0 && told() == 1);
	CHECK(link("d/a", "d/l") == 0 && told() == 1);
	CHECK(rename("f", "d/none") < 0 && told() == 0);
	write_file("f", "x", 1, 0644);
	CHECK(rename("f", "d/f") == 0 && told() == 1);
	CHECK(notify(d, 0) == 0 && mkdir("d/g", 0755) == 0 && told() == 0);
	CHECK(notify(d, DN_DELETE | DN_MULTISHOT) == 0);
	CHECK(unlink("d/s") == 0 && told() == 1);
	CHECK(rmdir("d/g") == 0 && told() == 1);
	CHECK(rename("d/f", "e/f") == 0 && told() == 1);
	CHECK(notify(d, 0) == 0 && notify(d, DN_RENAME | DN_MULTISHOT) == 0);
	CHECK(rename("e/f", "d/f") == 0 && told() == 0);
	CHECK(rename("d/f", "d/g") == 0 && told() == 1);
	CHECK(rename("d/g", "e/g") == 0 && told() == 0);
	CHECK(notify(d, 0) == 0 && notify(d, DN_ATTRIB | DN_MULTISHOT) == 0);
	CHECK(chmod("d/a", 0600) == 0 && told() == 1);
	CHECK(chmod("d", 0700) == 0 && told() == 1);
	CHECK(chmod("e", 0700) == 0 && told() == 0);
	CHECK(notify(d, 0) == 0 && notify(d, DN_MODIFY | DN_MULTISHOT) == 0);
	int fd = open("d/a", O_RDWR);
	char c;
	CHECK(write(fd, "y", 1) == 1 && told() == 1);
	CHECK(ftruncate(fd, 0) == 0 && told() == 1);
	CHECK(notify(d, 0) == 0 && notify(d, DN_ACCESS | DN_MULTISHOT) == 0);
	CHECK(write(fd, "y", 1) == 1 && told() == 0);
	CHECK(pread(fd, &c, 1, 0) == 1 && told() == 1);
	/* Masks add up. */
	CHECK(notify(d, DN_MODIFY) == 0);
	CHECK(write(fd, "y", 1) == 1 && told() == 1 && write(fd, "y", 1) == 1 && told() == 1);
	CHECK(pread(fd, &c, 1, 0) == 1 && told() == 1);
}

static void dnotify_ends(void)
{
	CHECK(mkdir("d", 0755) == 0);
	int d = open("d", O_RDONLY | O_DIRECTORY), e = dup(d);
	catch (SIGIO, 0);
	/* Any descriptor of the same open file that is closed ends it... */
	CHECK(notify(d, DN_CREATE | DN_MULTISHOT) == 0);
	CHECK(mkdir("d/1", 0755) == 0 && told() == 1 && last_code == SI_KERNEL);
	CHECK(close(e) == 0 && mkdir("d/2", 0755) == 0 && told() == 0);
	/* ... but not a child's. */
	CHECK(notify(d, DN_CREATE | DN_MULTISHOT) == 0);
	CHECK(IN_CHILD(close(d)) == 0);
	CHECK(mkdir("d/3", 0755) == 0 && told() == 1);
	/* What a process set ends with it, though its parent has the file, too. */
	CHECK(notify(d, 0) == 0);
	CHECK(fcntl(d, F_SETOWN, getpid()) == 0);
	CHECK(IN_CHILD(CHECK(notify(d, DN_CREATE | DN_MULTISHOT) == 0); CHECK(mkdir("d/4", 0755) == 0)) == 0);
	CHECK(told() == 1);
	CHECK(mkdir("d/5", 0755) == 0 && told() == 0);
	/* Two processes' watches of one file. */
	CHECK(notify(d, DN_CREATE | DN_MULTISHOT) == 0);
	CHECK(IN_CHILD(CHECK(notify(d, DN_CREATE | DN_MULTISHOT) == 0)) == 0);
	CHECK(mkdir("d/6", 0755) == 0 && told() == 1);
	CHECK(close(d) == 0 && mkdir("d/7", 0755) == 0 && told() == 0);
}

static void dnotify_disabled(void)
{
	int d = open(".", O_RDONLY | O_DIRECTORY);
	setting("/proc/sys/fs/dir-notify-enable", "0");
	int ret = notify(d, DN_CREATE), err = errno, off = notify(d, 0), off_err = errno;
	setting("/proc/sys/fs/dir-notify-enable", "1");
	CHECK(ret == -1 && err == EINVAL && off == -1 && off_err == EINVAL);
}

/* Signals with codes of their own say only that they come from a file. */
static void codes(void)
{
	CHECK(mkdir("d", 0755) == 0);
	int d = open("d", O_RDONLY | O_DIRECTORY);
	catch (SIGCHLD, 0);
	catch (SIGIO, 0);
	CHECK(fcntl(d, F_SETSIG, SIGCHLD) == 0 && notify(d, DN_CREATE | DN_MULTISHOT) == 0);
	CHECK(mkdir("d/1", 0755) == 0 && told() == 1 && last_sig == SIGCHLD && last_code == SI_SIGIO && last_fd == d);
	CHECK(fcntl(d, F_SETSIG, SIGIO) == 0);
	CHECK(mkdir("d/2", 0755) == 0 && told() == 1 && last_sig == SIGIO && last_code == POLL_MSG && last_fd == d);
}

CASES(CASE(who_may), CASE(only_files), CASE(somebody_elses), CASE(running_programs), CASE(owner_is_set), CASE(an_open_breaks),
	CASE(a_write_lease_is_downgraded), CASE(both_pending), CASE(nonblock), CASE(truncation), CASE(names_may_change), CASE(time_is_over),
	CASE(downgraded_by_time), CASE(an_open_is_interrupted), CASE(disabled), CASE(holder_dies), CASE(shown), CASE(dnotify_calls), CASE(dnotify_events),
	CASE(dnotify_ends), CASE(dnotify_disabled), CASE(codes))
