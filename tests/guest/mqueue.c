/* POSIX message queues: names, order, waiting, timeouts, mq_notify, poll, limits, the mqueue file system, IPC namespaces. */
#include "check.h"
#include <linux/capability.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

static char name[40];
static mqd_t fresh(int flags, long maxmsg, long size)
{
	struct mq_attr a = { .mq_maxmsg = maxmsg, .mq_msgsize = size };
	snprintf(name, sizeof(name), "/test.%d", getpid());
	mqd_t q = mq_open(name, O_CREAT | O_EXCL | O_RDWR | flags, 0600, &a);
	CHECK(q >= 0);
	CHECK(mq_unlink(name) == 0);
	return q;
}
static long raw_open(const char *n, int flags, int mode, struct mq_attr *a) { return syscall(SYS_mq_open, n, flags, mode, a); }
static int put(mqd_t q, const char *s, unsigned prio) { return mq_send(q, s, strlen(s), prio); }
static char buf[8192];
static unsigned got_prio;
static const char *take(mqd_t q)
{
	ssize_t n = mq_receive(q, buf, sizeof(buf), &got_prio);
	CHECK(n >= 0);
	buf[n] = 0;
	return buf;
}
static long current_count(mqd_t q)
{
	struct mq_attr a;
	CHECK(mq_getattr(q, &a) == 0);
	return a.mq_curmsgs;
}

static void names(void)
{
	char n[40], longname[300];
	snprintf(n, sizeof(n), "/names.%d", getpid());
	CHECK_ERR(mq_open(n, O_RDWR), ENOENT);
	mqd_t q = mq_open(n, O_RDWR | O_CREAT, 0600, NULL);
	CHECK(q >= 0 && (fcntl(q, F_GETFD) & FD_CLOEXEC));
	struct mq_attr a;
	CHECK(mq_getattr(q, &a) == 0 && a.mq_maxmsg == 10 && a.mq_msgsize == 8192 && a.mq_curmsgs == 0 && a.mq_flags == 0);
	CHECK_ERR(mq_open(n, O_RDWR | O_CREAT | O_EXCL, 0600, NULL), EEXIST);
	CHECK(mq_open(n, O_RDWR | O_CREAT, 0600, NULL) >= 0);
	CHECK_ERR(raw_open(n + 1, 3, 0, NULL), EINVAL);
	CHECK(mq_unlink(n) == 0);
	CHECK_ERR(mq_unlink(n), ENOENT);
	CHECK(put(q, "alive", 0) == 0 && !strcmp(take(q), "alive"));
	CHECK_ERR(raw_open("", O_RDWR | O_CREAT, 0600, NULL), ENOENT);
	CHECK_ERR(raw_open(".", O_RDWR | O_CREAT, 0600, NULL), EACCES);
	CHECK_ERR(raw_open("..", O_RDWR, 0600, NULL), EACCES);
	CHECK_ERR(raw_open("a/b", O_RDWR | O_CREAT, 0600, NULL), EACCES);
	CHECK_ERR(raw_open((void *)8, O_RDWR | O_CREAT, 0600, NULL), EFAULT);
	CHECK_ERR(raw_open("x", O_RDWR | O_CREAT, 0600, (void *)8), EFAULT);
	memset(longname, 'x', 299);
	longname[299] = 0;
	CHECK_ERR(raw_open(longname, O_RDWR | O_CREAT, 0600, NULL), ENAMETOOLONG);
	CHECK_ERR(syscall(SYS_mq_unlink, "a/b"), EACCES);
	struct mq_attr bad = { .mq_maxmsg = 0, .mq_msgsize = 10 };
	CHECK_ERR(mq_open(n, O_RDWR | O_CREAT, 0600, &bad), EINVAL);
	bad = (struct mq_attr){ .mq_maxmsg = 1, .mq_msgsize = 0 };
	CHECK_ERR(mq_open(n, O_RDWR | O_CREAT, 0600, &bad), EINVAL);
	bad = (struct mq_attr){ .mq_maxmsg = 70000, .mq_msgsize = 1 };
	CHECK_ERR(mq_open(n, O_RDWR | O_CREAT, 0600, &bad), EINVAL);
}

static void order(void)
{
	mqd_t q = fresh(0, 10, 8192);
	CHECK(put(q, "low", 1) == 0 && put(q, "high", 9) == 0 && put(q, "middle", 5) == 0 && put(q, "high again", 9) == 0 && put(q, "", 0) == 0);
	CHECK(current_count(q) == 5);
	CHECK(!strcmp(take(q), "high") && got_prio == 9);
	CHECK(!strcmp(take(q), "high again") && !strcmp(take(q), "middle") && !strcmp(take(q), "low") && got_prio == 1 && !strcmp(take(q), ""));
	CHECK(current_count(q) == 0);
	CHECK(put(q, "x", 32767) == 0);
	CHECK_ERR(put(q, "x", 32768), EINVAL);
}

static void errors(void)
{
	mqd_t q = fresh(O_NONBLOCK, 1, 100);
	struct mq_attr a;
	CHECK(mq_getattr(q, &a) == 0 && a.mq_flags == O_NONBLOCK);
	CHECK_ERR(mq_receive(q, buf, sizeof(buf), NULL), EAGAIN);
	CHECK_ERR(mq_receive(q, buf, 99, NULL), EMSGSIZE);
	CHECK_ERR(mq_send(q, buf, 101, 0), EMSGSIZE);
	CHECK_ERR(mq_send(q, (void *)8, 10, 0), EFAULT);
	CHECK(put(q, "one", 0) == 0);
	CHECK_ERR(put(q, "two", 0), EAGAIN);
	CHECK_ERR(mq_send(-1, "x", 1, 0), EBADF);
	CHECK_ERR(mq_send(1, "x", 1, 0), EBADF);
	CHECK_ERR(mq_getattr(1, &a), EBADF);
	char n[40], path[40];
	snprintf(n, sizeof(n), "/errors.%d", getpid());
	mqd_t ro = mq_open(n, O_RDONLY | O_CREAT, 0600, NULL), wo = mq_open(n, O_WRONLY);
	CHECK(ro >= 0 && wo >= 0 && mq_unlink(n) == 0);
	CHECK_ERR(put(ro, "x", 0), EBADF);
	CHECK_ERR(mq_receive(wo, buf, sizeof(buf), NULL), EBADF);
	a = (struct mq_attr){ .mq_flags = O_APPEND };
	CHECK_ERR(mq_setattr(q, &a, NULL), EINVAL);
	a.mq_flags = 0;
	struct mq_attr old;
	CHECK(mq_setattr(q, &a, &old) == 0 && old.mq_flags == O_NONBLOCK && old.mq_curmsgs == 1 && fcntl(q, F_GETFL) == O_RDWR);
	/* As a file. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", q);
	ssize_t len = pread(q, buf, sizeof(buf), 0);
	CHECK(len > 0);
	buf[len] = 0;
	CHECK(!strcmp(buf, "QSIZE:3          NOTIFY:0     SIGNO:0     NOTIFY_PID:0     \n"));
	CHECK_ERR(write(q, "x", 1), EINVAL);
	struct stat st;
	CHECK(fstat(q, &st) == 0 && st.st_size == 80 && S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0600);
}

static void receiver_waits(void)
{
	mqd_t q = fresh(0, 2, 100);
	pid_t a = fork();
	if (!a)
		_exit(strcmp(take(q), "wake up") ? 1 : 0);
	await_state(a, "S");
	CHECK(put(q, "wake up", 3) == 0);
	CHECK(EXITED(reap(a), 0) && current_count(q) == 0);
}

static void sender_waits(void)
{
	mqd_t q = fresh(0, 1, 100);
	CHECK(put(q, "first", 0) == 0);
	pid_t a = fork();
	if (!a)
		_exit(put(q, "second", 7) ? 1 : 0);
	await_state(a, "S");
	CHECK(!strcmp(take(q), "first"));
	CHECK(EXITED(reap(a), 0) && !strcmp(take(q), "second") && got_prio == 7);
}

static void nothing(int sig) { (void)sig; }
static void timeouts(void)
{
	mqd_t q = fresh(0, 1, 100);
	struct timespec t, bad = { 0, 1000000000 }, past = { 1, 0 };
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += 50 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	double start = now();
	CHECK_ERR(mq_timedreceive(q, buf, sizeof(buf), NULL, &t), ETIMEDOUT);
	CHECK(now() - start > 0.04);
	CHECK_ERR(mq_timedreceive(q, buf, sizeof(buf), NULL, &bad), EINVAL);
	CHECK_ERR(mq_timedreceive(q, buf, sizeof(buf), NULL, &past), ETIMEDOUT);
	CHECK(mq_timedsend(q, "x", 1, 0, &past) == 0);
	CHECK_ERR(mq_timedsend(q, "x", 1, 0, &past), ETIMEDOUT);
	struct sigaction sa = { .sa_handler = nothing };
	sigaction(SIGUSR1, &sa, NULL);
	pid_t a = fork();
	if (!a)
		_exit(put(q, "y", 0) == -1 && errno == EINTR ? 0 : 1);
	await_state(a, "S");
	kill(a, SIGUSR1);
	CHECK(EXITED(reap(a), 0));
}

static siginfo_t seen;
static void on_signal(int sig, siginfo_t *si, void *uc) { (void)sig, (void)uc, seen = *si; }
static void notify_by_signal(void)
{
	mqd_t q = fresh(0, 4, 100);
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 42 };
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	sigaction(SIGUSR1, &sa, NULL);
	CHECK(mq_notify(q, &ev) == 0);
	CHECK_ERR(mq_notify(q, &ev), EBUSY);
	pread(q, buf, sizeof(buf), 0);
	char want[100];
	snprintf(want, sizeof(want), "QSIZE:0          NOTIFY:0     SIGNO:%-5d NOTIFY_PID:%-6d\n", SIGUSR1, getpid());
	CHECK(!strncmp(buf, want, strlen(want)));
	CHECK(EXITED(IN_CHILD(CHECK_ERR(mq_notify(q, &ev), EBUSY); CHECK(mq_notify(q, NULL) == 0)), 0)); /* not the child's: nothing happens */
	pid_t child = fork();
	if (!child)
		_exit(put(q, "news", 0));
	CHECK(EXITED(reap(child), 0));
	CHECK(seen.si_signo == SIGUSR1 && seen.si_code == SI_MESGQ && seen.si_value.sival_int == 42 && seen.si_pid == child && seen.si_uid == getuid());
	/* Once, and only for the first message of an empty queue. */
	memset(&seen, 0, sizeof(seen));
	CHECK(mq_notify(q, &ev) == 0 && put(q, "more", 0) == 0 && seen.si_signo == 0);
	take(q), take(q);
	CHECK(put(q, "again", 0) == 0 && seen.si_signo == SIGUSR1);
	take(q);
	/* NULL takes it back, so does a close. */
	memset(&seen, 0, sizeof(seen));
	CHECK(mq_notify(q, &ev) == 0 && mq_notify(q, NULL) == 0 && put(q, "x", 0) == 0 && seen.si_signo == 0);
	take(q);
	CHECK(mq_notify(q, &ev) == 0 && close(dup(q)) == 0 && put(q, "x", 0) == 0 && seen.si_signo == 0);
	take(q);
	/* A waiting receiver comes first. */
	CHECK(mq_notify(q, &ev) == 0);
	child = fork();
	if (!child)
		_exit(strcmp(take(q), "for him") ? 1 : 0);
	await_state(child, "S");
	CHECK(put(q, "for him", 0) == 0 && EXITED(reap(child), 0) && seen.si_signo == 0);
	CHECK(mq_notify(q, NULL) == 0);
	ev.sigev_notify = SIGEV_NONE;
	CHECK(mq_notify(q, &ev) == 0 && put(q, "silent", 0) == 0 && mq_notify(q, &ev) == 0);
	ev.sigev_notify = 77;
	CHECK_ERR(syscall(SYS_mq_notify, q, &ev), EINVAL);
	ev = (struct sigevent){ .sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65 };
	CHECK_ERR(syscall(SYS_mq_notify, q, &ev), EINVAL);
	CHECK_ERR(syscall(SYS_mq_notify, q, (void *)8), EFAULT);
	CHECK_ERR(syscall(SYS_mq_notify, 1, NULL), EBADF);
	int s[2];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	char cookie[32] = "";
	ev = (struct sigevent){ .sigev_notify = SIGEV_THREAD, .sigev_signo = s[0], .sigev_value.sival_ptr = cookie };
	CHECK_ERR(syscall(SYS_mq_notify, q, &ev), EINVAL);
	ev.sigev_signo = q;
	CHECK_ERR(syscall(SYS_mq_notify, q, &ev), ENOTSOCK);
	ev.sigev_signo = 999;
	CHECK_ERR(syscall(SYS_mq_notify, q, &ev), EBADF);
}

static void polling(void)
{
	mqd_t q = fresh(0, 1, 100);
	struct pollfd p = { q, POLLIN | POLLOUT, 0 };
	CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLOUT);
	CHECK(put(q, "x", 0) == 0 && poll(&p, 1, 0) == 1 && p.revents == POLLIN);
	take(q);
	pid_t child = fork();
	if (!child) {
		p.events = POLLIN;
		_exit(poll(&p, 1, 5000) == 1 && p.revents == POLLIN ? 0 : 1);
	}
	await_state(child, "S");
	CHECK(put(q, "x", 0) == 0 && EXITED(reap(child), 0));
	child = fork();
	if (!child) {
		p.events = POLLOUT;
		_exit(poll(&p, 1, 5000) == 1 && p.revents == POLLOUT ? 0 : 1);
	}
	await_state(child, "S");
	take(q);
	CHECK(EXITED(reap(child), 0));
}

static void resource_limit(void)
{
	struct rlimit r = { 3 * 4096, 3 * 4096 };
	struct mq_attr a = { .mq_maxmsg = 10, .mq_msgsize = 1024 };
	snprintf(name, sizeof(name), "/limit.%d", getpid());
	CHECK(EXITED(IN_CHILD({
		if (!geteuid())
			CHECK(setgid(4567) == 0 && setuid(4567) == 0);
		CHECK(setrlimit(RLIMIT_MSGQUEUE, &r) == 0);
		mqd_t q = mq_open(name, O_RDWR | O_CREAT, 0600, &a); /* 10240 + 960 */
		CHECK(q >= 0);
		CHECK_ERR(mq_open("/limit.second", O_RDWR | O_CREAT, 0600, &a), EMFILE);
		CHECK(mq_unlink(name) == 0);
		CHECK_ERR(mq_open("/limit.second", O_RDWR | O_CREAT, 0600, &a), EMFILE); /* it is still open */
		close(q);
		q = mq_open("/limit.second", O_RDWR | O_CREAT, 0600, &a);
		CHECK(q >= 0 && mq_unlink("/limit.second") == 0);
		a.mq_maxmsg = 11;
		CHECK_ERR(mq_open(name, O_RDWR | O_CREAT, 0600, &a), EINVAL); /* above msg_max */
	}),
		0));
}

static void permissions(void)
{
	if (geteuid())
		check_skip("needs root");
	snprintf(name, sizeof(name), "/perm.%d", getpid());
	umask(0);
	mqd_t q = mq_open(name, O_RDWR | O_CREAT, 0640, NULL);
	CHECK(q >= 0);
	CHECK(EXITED(IN_CHILD({
		CHECK(setgid(1234) == 0 && setuid(1234) == 0);
		CHECK_ERR(mq_open(name, O_RDONLY), EACCES);
		CHECK_ERR(syscall(SYS_mq_unlink, name + 1), EPERM); /* not in the group, and the directory is sticky */
	}),
		0));
	CHECK(fchmod(q, 0604) == 0);
	CHECK(EXITED(IN_CHILD({
		CHECK(setgid(1234) == 0 && setuid(1234) == 0);
		CHECK(mq_open(name, O_RDONLY) >= 0);
		CHECK_ERR(mq_open(name, O_WRONLY), EACCES);
	}),
		0));
	CHECK(mq_unlink(name) == 0);
}

static int set_limit(const char *n, const char *v)
{
	char path[60];
	snprintf(path, sizeof(path), "/proc/sys/fs/mqueue/%s", n);
	int fd = open(path, O_WRONLY);
	CHECK(fd >= 0);
	int err = write(fd, v, strlen(v)) < 0 ? -errno : 0;
	close(fd);
	return err;
}
static long count_names(const char *dir)
{
	char cmd[600];
	int fd = open(dir, O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0);
	long n = 0, got;
	while ((got = syscall(SYS_getdents64, fd, cmd, sizeof(cmd))) > 0)
		for (long at = 0; at < got; at += *(unsigned short *)(cmd + at + 16))
			n++;
	close(fd);
	return n - 2;
}

static void namespaces_and_mounts(void)
{
	if (geteuid())
		check_skip("needs root");
	snprintf(name, sizeof(name), "/ns.%d", getpid());
	mqd_t outside = mq_open(name, O_RDWR | O_CREAT, 0600, NULL);
	CHECK(outside >= 0);
	CHECK(EXITED(IN_CHILD({
		CHECK(unshare(CLONE_NEWIPC | CLONE_NEWNS) == 0);
		CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
		CHECK_ERR(mq_open(name, O_RDWR), ENOENT);
		CHECK(put(outside, "through", 0) == 0);
		CHECK(mkdir("q", 0700) == 0 && mount("none", "q", "mqueue", 0, NULL) == 0);
		struct stat st;
		CHECK(stat("q", &st) == 0 && (st.st_mode & 07777) == 01777 && count_names("q") == 0);
		mqd_t q = mq_open("/one", O_RDWR | O_CREAT, 0640, NULL);
		CHECK(q >= 0 && put(q, "abc", 0) == 0 && count_names("q") == 1);
		int fd = open("q/one", O_RDONLY);
		char text[100] = "";
		CHECK(fd >= 0 && read(fd, text, sizeof(text)) > 0 && !strncmp(text, "QSIZE:3 ", 8));
		CHECK(!strcmp(take(fd), "abc")); /* a descriptor like any other */
		int made = open("q/two", O_CREAT | O_RDWR, 0600);
		CHECK(made >= 0 && mq_open("/two", O_RDWR) >= 0 && count_names("q") == 2);
		CHECK_ERR(mkdir("q/dir", 0700), EPERM);
		CHECK(unlink("q/two") == 0);
		CHECK_ERR(mq_open("/two", O_RDWR), ENOENT);
		CHECK(set_limit("msg_default", "3") == 0 && set_limit("msgsize_default", "300") == 0 && set_limit("msg_max", "5") == 0);
		CHECK(set_limit("msg_max", "0") == -EINVAL && set_limit("msgsize_max", "100") == -EINVAL);
		struct mq_attr a;
		q = mq_open("/three", O_RDWR | O_CREAT, 0640, NULL);
		CHECK(mq_getattr(q, &a) == 0 && a.mq_maxmsg == 3 && a.mq_msgsize == 300);
		CHECK(set_limit("queues_max", "2") == 0);
		CHECK(EXITED(IN_CHILD({
			CHECK(setgid(1234) == 0 && setuid(1234) == 0);
			CHECK(close(made) == 0);
			CHECK_ERR(mq_open("/five", O_RDWR | O_CREAT, 0640, NULL), ENOSPC);
			CHECK_ERR(mq_open("/two", O_RDWR), ENOENT);
		}),
			0));
		close(fd);
		close(made);
		CHECK(umount("q") == 0);
		CHECK(put(q, "x", 0) == 0);
	}),
		0));
	CHECK(!strcmp(take(outside), "through") && mq_unlink(name) == 0);
}

static void *reader(void *arg)
{
	for (int i = 0; i < 500; i++)
		take(*(mqd_t *)arg);
	return NULL;
}
static void many_threads(void)
{
	mqd_t q = fresh(0, 4, 100);
	pid_t senders[2];
	pthread_t t;
	CHECK(pthread_create(&t, NULL, reader, &q) == 0);
	for (int s = 0; s < 2; s++) {
		senders[s] = fork();
		if (!senders[s]) {
			for (int i = 0; i < 250; i++)
				CHECK(put(q, "message", (unsigned)i % 7) == 0);
			_exit(0);
		}
	}
	CHECK(EXITED(reap(senders[0]), 0) && EXITED(reap(senders[1]), 0) && pthread_join(t, NULL) == 0);
	CHECK(current_count(q) == 0);
}

CASES(CASE(names), CASE(order), CASE(errors), CASE(receiver_waits), CASE(sender_waits), CASE(timeouts), CASE(notify_by_signal), CASE(polling),
	CASE(resource_limit), CASE(permissions), CASE(namespaces_and_mounts), CASE(many_threads))
