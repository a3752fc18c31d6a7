/* Pidfds beyond signals: PIDFD_GET_INFO, namespaces by ioctl, pidfd_getfd, one inode per process; kcmp; Linux 7.1's clone3 flags; keyrings' absence. */
#include "check.h"
#include <linux/kcmp.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#ifndef CLONE_AUTOREAP
#define CLONE_AUTOREAP (1ULL << 34)
#define CLONE_NNP (1ULL << 35)
#define CLONE_PIDFD_AUTOKILL (1ULL << 36)
#endif
#define INFO_PID 1
#define INFO_CREDS 2
#define INFO_EXIT 8
struct info {
	uint64_t mask, cgroupid;
	uint32_t pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	int32_t exit_code;
};
#define GET_INFO _IOWR(0xff, 11, struct info)
#define GET_NS(n) _IO(0xff, n)
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

static int pidfd_open_(pid_t pid, unsigned flags) { return (int)syscall(SYS_pidfd_open, pid, flags); }
struct args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};
static pid_t clone3_(uint64_t flags, int *pidfd, int sig)
{
	struct args a = { .flags = flags, .pidfd = (uint64_t)pidfd, .exit_signal = (uint64_t)sig };
	return (pid_t)syscall(SYS_clone3, &a, sizeof(a));
}
static void wait_readable(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	CHECK(poll(&p, 1, 5000) == 1 && (p.revents & POLLIN));
}

static void get_info(void)
{
	struct info i = { .mask = 0 };
	int fd = pidfd_open_(getpid(), 0);
	if (ioctl(fd, GET_INFO, &i) < 0 && errno == ENOTTY)
		check_skip("needs PIDFD_GET_INFO");
	CHECK((i.mask & (INFO_PID | INFO_CREDS | INFO_EXIT)) == (INFO_PID | INFO_CREDS));
	CHECK(i.pid == (uint32_t)getpid() && i.tgid == i.pid && i.ppid == (uint32_t)getppid() && i.euid == geteuid() && i.fsgid == getegid());
	CHECK_ERR(ioctl(fd, GET_INFO, NULL), EINVAL);
	CHECK_ERR(ioctl(fd, GET_INFO, 8), EFAULT);
	CHECK_ERR(ioctl(fd, _IOWR(0xff, 11, char[32]), &i), ENOTTY);
	struct {
		struct info i;
		char more[40];
	} big;
	memset(&big, 7, sizeof(big));
	big.i.mask = 0;
	CHECK(ioctl(fd, _IOWR(0xff, 11, char[104]), &big) == 0 && big.i.pid == i.pid && big.more[39] == 0);
	CHECK_ERR(ioctl(fd, _IO(0xff, 99), 0), ENOTTY);
	/* Of the dead: only how they ended, and only once they are reaped. */
	pid_t p = fork();
	if (!p)
		_exit(42);
	fd = pidfd_open_(p, 0);
	wait_readable(fd);
	i.mask = INFO_EXIT;
	CHECK(ioctl(fd, GET_INFO, &i) == 0 && !(i.mask & INFO_EXIT) && i.pid == (uint32_t)p);
	CHECK(EXITED(reap(p), 42));
	i.mask = INFO_EXIT;
	CHECK(ioctl(fd, GET_INFO, &i) == 0 && (i.mask & INFO_EXIT) && EXITED(i.exit_code, 42) && !(i.mask & INFO_PID));
	i.mask = 0;
	CHECK_ERR(ioctl(fd, GET_INFO, &i), ESRCH);
	p = fork();
	if (!p)
		pause();
	fd = pidfd_open_(p, 0);
	kill(p, SIGKILL);
	CHECK(KILLED(reap(p), SIGKILL));
	i.mask = INFO_EXIT;
	CHECK(ioctl(fd, GET_INFO, &i) == 0 && KILLED(i.exit_code, SIGKILL));
}

static void namespaces(void)
{
	static const struct {
		int nr;
		const char *name;
	} all[] = { { 2, "ipc" }, { 3, "mnt" }, { 4, "net" }, { 5, "pid" }, { 6, "pid_for_children" }, { 7, "time" }, { 8, "time_for_children" },
		{ 9, "user" }, { 10, "uts" } };
	int fd = pidfd_open_(getpid(), 0);
	int ns = ioctl(fd, GET_NS(10), 0);
	if (ns < 0 && errno == ENOTTY)
		check_skip("needs Linux 6.11");
	for (size_t i = 0; i < NELEM(all); i++) {
		struct stat a, b;
		char path[60];
		ns = ioctl(fd, GET_NS(all[i].nr), 0);
		snprintf(path, sizeof(path), "/proc/self/ns/%s", all[i].name);
		CHECK(ns >= 0 && fstat(ns, &a) == 0 && stat(path, &b) == 0 && a.st_ino == b.st_ino && (fcntl(ns, F_GETFD) & FD_CLOEXEC));
		close(ns);
	}
	CHECK_ERR(ioctl(fd, GET_NS(10), 1), EINVAL);
	pid_t p = fork();
	if (!p)
		_exit(0);
	int dead = pidfd_open_(p, 0);
	reap(p);
	CHECK_ERR(ioctl(dead, GET_NS(10), 0), ESRCH);
}

static void one_inode(void)
{
	int a = pidfd_open_(getpid(), 0), b = pidfd_open_(getpid(), 0), c = pidfd_open_(getppid(), 0);
	struct stat s, t, u;
	CHECK(fstat(a, &s) == 0 && fstat(b, &t) == 0 && fstat(c, &u) == 0);
	CHECK(s.st_ino == t.st_ino && s.st_ino != u.st_ino && s.st_dev == u.st_dev);
}

static void get_fd(void)
{
	int p[2], q[2];
	CHECK(pipe(p) == 0 && pipe(q) == 0);
	pid_t child = fork();
	if (!child) {
		int secret[2];
		char c;
		CHECK(pipe(secret) == 0 && dup2(secret[0], 77) == 77 && write(secret[1], "found", 5) == 5);
		CHECK(write(p[1], "x", 1) == 1 && read(q[0], &c, 1) == 1);
		_exit(0);
	}
	char c, got[8];
	CHECK(read(p[0], &c, 1) == 1);
	int fd = pidfd_open_(child, 0);
	CHECK_ERR(syscall(SYS_pidfd_getfd, fd, 78, 0), EBADF);
	CHECK_ERR(syscall(SYS_pidfd_getfd, fd, 77, 1), EINVAL);
	CHECK_ERR(syscall(SYS_pidfd_getfd, 1, 77, 0), EBADF);
	int mine = (int)syscall(SYS_pidfd_getfd, fd, 77, 0);
	CHECK(mine >= 0 && (fcntl(mine, F_GETFD) & FD_CLOEXEC) && read(mine, got, 8) == 5);
	if (!geteuid())
		CHECK(EXITED(IN_CHILD({
			CHECK(setgid(1234) == 0 && setuid(1234) == 0);
			CHECK_ERR(syscall(SYS_pidfd_getfd, fd, 77, 0), EPERM);
		}),
			0));
	CHECK(write(q[1], "x", 1) == 1 && EXITED(reap(child), 0));
	CHECK_ERR(syscall(SYS_pidfd_getfd, fd, 77, 0), ESRCH);
}

static int kcmp_(pid_t a, pid_t b, int type, unsigned long i, unsigned long j) { return (int)syscall(SYS_kcmp, a, b, type, i, j); }
static char stack[65536];
static volatile int go;
static int wait_for_go(void *arg)
{
	(void)arg;
	while (!go)
		sched_yield();
	return 0;
}
static void compare(void)
{
	pid_t me = getpid();
	int fd = open("/dev/null", O_RDONLY), same = dup(fd), other = open("/dev/null", O_RDONLY);
	if (kcmp_(me, me, KCMP_VM, 0, 0) < 0 && errno == ENOSYS)
		check_skip("needs kcmp");
	for (int t = KCMP_VM; t <= KCMP_SYSVSEM; t++)
		CHECK(kcmp_(me, me, t, 0, 0) == 0);
	CHECK(kcmp_(me, me, KCMP_FILE, (unsigned)fd, (unsigned)same) == 0);
	int ab = kcmp_(me, me, KCMP_FILE, (unsigned)fd, (unsigned)other), ba = kcmp_(me, me, KCMP_FILE, (unsigned)other, (unsigned)fd);
	CHECK((ab == 1 && ba == 2) || (ab == 2 && ba == 1));
	CHECK_ERR(kcmp_(me, me, KCMP_FILE, 999, (unsigned)fd), EBADF);
	CHECK_ERR(kcmp_(me, me, 99, 0, 0), EINVAL);
	CHECK_ERR(kcmp_(me, 0x3fffffff, KCMP_VM, 0, 0), ESRCH);
	pid_t p = clone(wait_for_go, stack + sizeof(stack), CLONE_VM | CLONE_FILES | CLONE_SYSVSEM | SIGCHLD, NULL);
	CHECK(p > 0 && kcmp_(me, p, KCMP_VM, 0, 0) == 0 && kcmp_(me, p, KCMP_FILES, 0, 0) == 0 && kcmp_(me, p, KCMP_SYSVSEM, 0, 0) == 0);
	CHECK(kcmp_(me, p, KCMP_FS, 0, 0) > 0 && kcmp_(me, p, KCMP_SIGHAND, 0, 0) > 0);
	go = 1;
	CHECK(EXITED(reap(p), 0));
	int ep = epoll_create1(0), fds[2];
	CHECK(pipe(fds) == 0);
	struct epoll_event ev = { .events = EPOLLIN };
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &ev) == 0);
	struct kcmp_epoll_slot slot = { .efd = (unsigned)ep, .tfd = (unsigned)fds[0], .toff = 0 };
	CHECK(kcmp_(me, me, KCMP_EPOLL_TFD, (unsigned)fds[0], (unsigned long)&slot) == 0);
	CHECK(kcmp_(me, me, KCMP_EPOLL_TFD, (unsigned)fds[1], (unsigned long)&slot) > 0);
	slot.toff = 1;
	CHECK_ERR(kcmp_(me, me, KCMP_EPOLL_TFD, (unsigned)fds[0], (unsigned long)&slot), ENOENT);
	slot = (struct kcmp_epoll_slot){ .efd = (unsigned)fds[0] };
	CHECK_ERR(kcmp_(me, me, KCMP_EPOLL_TFD, (unsigned)fds[0], (unsigned long)&slot), EINVAL);
	CHECK_ERR(kcmp_(me, me, KCMP_EPOLL_TFD, (unsigned)fds[0], 8), EFAULT);
	if (!geteuid())
		CHECK(EXITED(IN_CHILD({
			CHECK(setgid(1234) == 0 && setuid(1234) == 0);
			CHECK_ERR(kcmp_(me, me, KCMP_VM, 0, 0), EPERM);
		}),
			0));
}

struct mnt_info {
	uint32_t size, nr_mounts;
	uint64_t id;
};
#define MNT_INFO _IOR(0xb7, 10, struct mnt_info)
#define MNT_NEXT _IOR(0xb7, 11, struct mnt_info)
#define MNT_PREV _IOR(0xb7, 12, struct mnt_info)
static void mount_namespaces(void)
{
	struct mnt_info me = { 0 }, i = { 0 };
	uint64_t id;
	int fd = open("/proc/self/ns/mnt", O_RDONLY), uts = open("/proc/self/ns/uts", O_RDONLY);
	if (ioctl(fd, MNT_INFO, &me) < 0 && errno == ENOTTY)
		check_skip("needs Linux 6.12");
	CHECK(me.size >= 16 && me.nr_mounts > 0 && me.id > 0);
	CHECK(ioctl(fd, _IOR(0xb7, 5, uint64_t), &id) == 0 && id == me.id);
	CHECK_ERR(ioctl(uts, _IOR(0xb7, 5, uint64_t), &id), EINVAL);
	CHECK_ERR(ioctl(uts, MNT_INFO, &i), EINVAL);
	CHECK_ERR(ioctl(fd, MNT_INFO, NULL), EINVAL);
	if (geteuid())
		return;
	CHECK(EXITED(IN_CHILD({
		CHECK(unshare(CLONE_NEWNS) == 0);
		int mine = open("/proc/self/ns/mnt", O_RDONLY);
		CHECK(ioctl(mine, MNT_INFO, &i) == 0 && i.id > me.id && i.nr_mounts == me.nr_mounts);
		struct mnt_info at = me; /* from the old one on, each step grows, until ours is there */
		for (int from = dup(fd); at.id != i.id;) {
			uint64_t before = at.id;
			int next = ioctl(from, MNT_NEXT, &at);
			CHECK(next >= 0 && at.id > before && at.id <= i.id && (fcntl(next, F_GETFD) & FD_CLOEXEC));
			close(from);
			from = next;
		}
		struct mnt_info back;
		int prev = ioctl(mine, MNT_PREV, &back);
		CHECK(prev >= 0 && back.id < i.id && back.id >= me.id);
	}),
		0));
}

/* --- Linux 7.1 --------------------------------------------------------------------------------------------------------------------------- */

static void need_71(void)
{
	int fd;
	pid_t p = clone3_(CLONE_PIDFD | CLONE_AUTOREAP, &fd, 0);
	if (!p)
		_exit(0);
	if (p < 0 && errno == EINVAL)
		check_skip("needs Linux 7.1");
	CHECK(p > 0);
	wait_readable(fd);
	close(fd);
}
static void await_gone(pid_t p)
{
	while (kill(p, 0) == 0)
		msleep(1);
	CHECK_ERR(waitpid(p, NULL, 0), ECHILD);
}

static void autoreap(void)
{
	need_71();
	int fd;
	CHECK_ERR(clone3_(CLONE_AUTOREAP, NULL, SIGCHLD), EINVAL);
	CHECK_ERR(clone3_(CLONE_AUTOREAP | CLONE_PARENT, NULL, 0), EINVAL);
	CHECK_ERR(clone3_(CLONE_AUTOREAP | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, NULL, 0), EINVAL);
	pid_t p = clone3_(CLONE_AUTOREAP | CLONE_PIDFD, &fd, 0);
	if (!p) {
		/* Its own children are like any other, but not its brothers. */
		pid_t c = fork();
		if (!c)
			_exit(77);
		if (clone3_(CLONE_PARENT, NULL, 0) != -1 || errno != EINVAL)
			_exit(1);
		_exit(EXITED(reap(c), 77) ? 42 : 1);
	}
	wait_readable(fd);
	await_gone(p);
	struct info i = { .mask = INFO_EXIT };
	CHECK(ioctl(fd, GET_INFO, &i) == 0 && (i.mask & INFO_EXIT) && EXITED(i.exit_code, 42));
	/* It stays so under another parent. */
	int ready[2];
	CHECK(pipe(ready) == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	pid_t middle = fork();
	if (!middle) {
		p = clone3_(CLONE_AUTOREAP, NULL, 0);
		if (!p) {
			while (getppid() != check_shared->value[0])
				sched_yield();
			_exit(0);
		}
		_exit(write(ready[1], &p, sizeof(p)) != sizeof(p));
	}
	CHECK(read(ready[0], &p, sizeof(p)) == sizeof(p) && EXITED(reap(middle), 0));
	SHARED[0] = getpid();
	while (kill(p, 0) == 0)
		msleep(1);
	CHECK_ERR(waitpid(-1, NULL, 0), ECHILD);
}

static void no_new_privs(void)
{
	need_71();
	CHECK_ERR(clone3_(CLONE_NNP | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, NULL, 0), EINVAL);
	pid_t p = clone3_(CLONE_NNP, NULL, SIGCHLD);
	if (!p)
		_exit(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	CHECK(EXITED(reap(p), 1) && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
	p = clone3_(0, NULL, SIGCHLD);
	if (!p)
		_exit(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	CHECK(EXITED(reap(p), 0));
}

static void autokill(void)
{
	need_71();
	const uint64_t kill_it = CLONE_PIDFD | CLONE_PIDFD_AUTOKILL | CLONE_AUTOREAP | CLONE_NNP;
	int fd;
	CHECK_ERR(clone3_(kill_it & ~(uint64_t)CLONE_PIDFD, NULL, 0), EINVAL);
	CHECK_ERR(clone3_(kill_it & ~CLONE_AUTOREAP, &fd, 0), EINVAL);
	pid_t p = clone3_(kill_it, &fd, 0);
	if (!p) {
		pause();
		_exit(1);
	}
	CHECK(p > 0);
	int second = pidfd_open_(p, 0), copy = dup(fd);
	CHECK(close(pidfd_open_(p, 0)) == 0 && close(fd) == 0);
	struct pollfd poll_ = { second, POLLIN, 0 };
	CHECK(poll(&poll_, 1, 30) == 0); /* the copy is the same file */
	CHECK(close(copy) == 0);
	wait_readable(second);
	await_gone(p);
	struct info i = { .mask = INFO_EXIT };
	CHECK(ioctl(second, GET_INFO, &i) == 0 && KILLED(i.exit_code, SIGKILL));
	if (!geteuid())
		CHECK(EXITED(IN_CHILD({
			CHECK(setgid(1234) == 0 && setuid(1234) == 0);
			CHECK_ERR(clone3_(kill_it & ~CLONE_NNP, &fd, 0), EPERM);
			p = clone3_(kill_it, &fd, 0);
			if (!p)
				pause();
			CHECK(p > 0);
		}),
			0)); /* and its exit closes the descriptor */
}

static void no_keyrings(void)
{
	if (syscall(SYS_keyctl, 0, 0, 0, 0, 0) >= 0 || errno != ENOSYS)
		check_skip("has keyrings");
	CHECK_ERR(syscall(SYS_add_key, "user", "x", "y", 1, -3), ENOSYS);
	CHECK_ERR(syscall(SYS_request_key, "user", "x", NULL, -3), ENOSYS);
}

CASES(CASE(get_info), CASE(namespaces), CASE(one_inode), CASE(get_fd), CASE(mount_namespaces), CASE(compare), CASE(autoreap), CASE(no_new_privs),
	CASE(autokill), CASE(no_keyrings))
