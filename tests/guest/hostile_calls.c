/*
 * Every pointer argument of every system call, one at a time wrong while all else is right: EFAULT, never a signal, never worse. As root and as a user.
 * (hostile_syscalls.c has all arguments wild at once.)
 */
static int list_all(void);
#define HELPER(argc, argv) list_all() /* --list: all results, to compare two kernels */
#include "check.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <asm/prctl.h>

/* Descriptors at fixed numbers. */
enum { FILE_RW = 20, DIR_RO, PIPE_R, PIPE_W, STREAM, LISTENER, EPOLL, TIMER, EVENT, DGRAM, PTY, ZERO_DEV, RANDOM_DEV, PROC_FILE, FULL_PIPE };

/* What a pointer points at when it is right. */
enum what { ZEROS = 1, A_FILE, A_DIR, NEW_NAME, A_LINK, TIMESPEC, TWO_TIMES, IOVEC, ADDRESS, MESSAGE, MESSAGES, SIGSET, LENGTH, XATTR, EVENT_RW, POLLFD, ITIMER, OPEN_HOW,
	   RLIMIT, CAP_HEADER, ARGV, CLONE_ARGS, SIGINFO, SELECT_SIX, FUTEX_WORD, SIGEVENT, OFFSET, BIG, WORD_SET, SIGACTION, FLOCK, PARAM, PROGRAM };

/*
 * kinds: one letter per argument. '.' a number; r read by the kernel, w written (so read-only memory is wrong too), b both; capital letters: NULL means something else;
 * '?' looked at late or not at all: any errno or success will do.
 */
struct call {
	const char *name;
	short nr;
	const char *kinds;
	long v[6];
};
#define N(x, kinds, ...) { #x, SYS_##x, kinds, { __VA_ARGS__ } }
static const struct call calls[] = {
	N(read, ".w.", ZERO_DEV, ZEROS, 64), N(write, ".r.", FILE_RW, ZEROS, 64), N(open, "r..", A_FILE, O_RDONLY, 0), N(stat, "rw", A_FILE, ZEROS),
	N(fstat, ".w", FILE_RW, ZEROS), N(lstat, "rw", A_LINK, ZEROS), N(poll, "b..", POLLFD, 1, 0), N(rt_sigaction, ".RW.", SIGUSR1, SIGACTION, ZEROS, 8),
	N(rt_sigprocmask, ".RW.", SIG_BLOCK, SIGSET, ZEROS, 8), N(pread64, ".w..", FILE_RW, ZEROS, 64, 0), N(pwrite64, ".r..", FILE_RW, ZEROS, 64, 0),
	N(readv, ".r.", ZERO_DEV, IOVEC, 2), N(writev, ".r.", FILE_RW, IOVEC, 2), N(access, "r.", A_FILE, R_OK), N(pipe, "w", ZEROS),
	N(select, ".BBBR", 1, ZEROS, ZEROS, ZEROS, TIMESPEC), N(mincore, "..w", -1, 8192, ZEROS), N(nanosleep, "r?", TIMESPEC, ZEROS), N(getitimer, ".w", 0, ZEROS),
	N(setitimer, ".RW", 0, ITIMER, ZEROS), N(sendfile, "..B.", FILE_RW, FILE_RW, OFFSET, 1), N(connect, ".r.", DGRAM, ADDRESS, 20),
	N(accept, ".??", LISTENER, ZEROS, LENGTH), N(sendto, ".r.", STREAM, ZEROS, 16), N(recvfrom, ".w..?B", DGRAM, ZEROS, 64, MSG_DONTWAIT | MSG_PEEK, ZEROS, LENGTH),
	N(sendmsg, ".r.", STREAM, MESSAGE, 0), N(recvmsg, ".b.", DGRAM, MESSAGE, MSG_DONTWAIT | MSG_PEEK), N(bind, ".r.", DGRAM, ADDRESS, 20),
	N(getsockname, ".wb", STREAM, ZEROS, LENGTH), N(getpeername, ".wb", STREAM, ZEROS, LENGTH), N(socketpair, "...w", AF_UNIX, SOCK_STREAM, 0, ZEROS),
	N(setsockopt, "...r.", STREAM, SOL_SOCKET, SO_SNDBUF, ZEROS, 4), N(getsockopt, "...wb", STREAM, SOL_SOCKET, SO_SNDBUF, ZEROS, LENGTH),
	N(execve, "rRR", PROGRAM, ARGV, ARGV), N(wait4, ".?.?", -1, ZEROS, WNOHANG, ZEROS), N(uname, "w", ZEROS), N(fcntl, "..b", FILE_RW, F_GETLK, FLOCK),
	N(truncate, "r.", A_FILE, 100), N(getdents, ".w.", DIR_RO, ZEROS, 1024), N(getdents64, ".w.", DIR_RO, ZEROS, 1024), N(getcwd, "w.", ZEROS, 4096),
	N(chdir, "r", A_DIR), N(rename, "rr", A_FILE, NEW_NAME), N(mkdir, "r.", NEW_NAME, 0777), N(rmdir, "r", NEW_NAME), N(creat, "r.", NEW_NAME, 0600),
	N(link, "rr", A_FILE, NEW_NAME), N(unlink, "r", NEW_NAME), N(symlink, "rr", A_FILE, NEW_NAME), N(readlink, "rw.", A_LINK, ZEROS, 64),
	N(chmod, "r.", A_FILE, 0666), N(chown, "r..", A_FILE, -1, -1), N(lchown, "r..", A_FILE, -1, -1), N(gettimeofday, "WW", ZEROS, ZEROS),
	N(getrlimit, ".w", 7, ZEROS), N(getrusage, ".w", 0, ZEROS), N(sysinfo, "w", ZEROS), N(times, "W", ZEROS), N(setrlimit, ".r", 7, RLIMIT),
	N(getgroups, ".?", 0, ZEROS), N(getresuid, "www", ZEROS, ZEROS, ZEROS), N(getresgid, "www", ZEROS, ZEROS, ZEROS), N(capget, "bW", CAP_HEADER, ZEROS),
	N(rt_sigpending, "w.", ZEROS, 8), N(rt_sigtimedwait, "r?R.", SIGSET, ZEROS, TIMESPEC, 8), N(rt_sigsuspend, "r.", SIGSET, 8), N(sigaltstack, "RW", 0, ZEROS),
	N(utime, "rR", A_FILE, TWO_TIMES), N(statfs, "rw", A_FILE, ZEROS), N(fstatfs, ".w", FILE_RW, ZEROS), N(sched_getparam, ".W", 0, ZEROS),
	N(sched_setscheduler, "..R", 0, 0, PARAM), N(sched_setparam, ".R", 0, PARAM), N(sched_rr_get_interval, ".w", 0, ZEROS), N(prctl, "..", PR_GET_NAME, 0),
	N(arch_prctl, ".w", ARCH_GET_FS, ZEROS), N(setxattr, "rrr..", A_FILE, XATTR, ZEROS, 8, 0), N(lsetxattr, "rrr..", A_FILE, XATTR, ZEROS, 8, 0),
	N(fsetxattr, ".rr..", FILE_RW, XATTR, ZEROS, 8, 0), N(getxattr, "rr..", A_FILE, XATTR, 0, 0), N(fgetxattr, ".r..", FILE_RW, XATTR, 0, 0),
	N(listxattr, "r..", A_FILE, 0, 0), N(removexattr, "rr", A_FILE, XATTR), N(fremovexattr, ".r", FILE_RW, XATTR), N(time, "W", ZEROS),
	N(futex, "?..", FUTEX_WORD, 0, 1), N(futex, "?..R", FUTEX_WORD, 0, 0, TIMESPEC), N(sched_setaffinity, "..r", 0, 8, WORD_SET), N(sched_getaffinity, "..w", 0, 128, ZEROS),
	N(timer_create, ".Rw", CLOCK_MONOTONIC, SIGEVENT, ZEROS), N(clock_gettime, ".w", CLOCK_MONOTONIC, ZEROS), N(clock_getres, ".W", CLOCK_MONOTONIC, ZEROS),
	N(clock_nanosleep, "..r?", CLOCK_MONOTONIC, 0, TIMESPEC, ZEROS), N(epoll_wait, ".w..", EPOLL, ZEROS, 4, 0), N(epoll_ctl, "...r", EPOLL, EPOLL_CTL_ADD, EVENT, EVENT_RW),
	N(utimes, "rR", A_FILE, TWO_TIMES), N(waitid, "..?.?", P_ALL, 0, ZEROS, WEXITED | WNOHANG, ZEROS), N(openat, ".r..", DIR_RO, A_FILE, 0, 0),
	N(mkdirat, ".r.", DIR_RO, NEW_NAME, 0777), N(fchownat, ".r...", DIR_RO, A_FILE, -1, -1, 0), N(futimesat, ".RR", DIR_RO, A_FILE, TWO_TIMES),
	N(newfstatat, ".rw.", DIR_RO, A_FILE, ZEROS, 0), N(unlinkat, ".r.", DIR_RO, NEW_NAME, 0), N(renameat, ".r.r", DIR_RO, A_FILE, DIR_RO, NEW_NAME),
	N(linkat, ".r.r.", DIR_RO, A_FILE, DIR_RO, NEW_NAME, 0), N(symlinkat, "r.r", A_FILE, DIR_RO, NEW_NAME), N(readlinkat, ".rw.", DIR_RO, A_LINK, ZEROS, 64),
	N(fchmodat, ".r.", DIR_RO, A_FILE, 0666), N(faccessat, ".r.", DIR_RO, A_FILE, 0), N(pselect6, ".BBBRR", 1, ZEROS, ZEROS, ZEROS, TIMESPEC, SELECT_SIX),
	N(ppoll, "b.RR.", POLLFD, 1, TIMESPEC, SIGSET, 8), N(get_robust_list, ".ww", 0, ZEROS, ZEROS), N(utimensat, ".RR.", FILE_RW, 0, TWO_TIMES, 0),
	N(epoll_pwait, ".w..R.", EPOLL, ZEROS, 4, 0, SIGSET, 8), N(signalfd4, ".r..", -1, SIGSET, 8, 0), N(timerfd_settime, "..rW", TIMER, 0, ITIMER, ZEROS),
	N(timerfd_gettime, ".w", TIMER, ZEROS), N(accept4, ".??.", LISTENER, ZEROS, LENGTH, 0), N(pipe2, "w.", ZEROS, 0), N(preadv, ".r..", FILE_RW, IOVEC, 2, 0),
	N(pwritev, ".r..", FILE_RW, IOVEC, 2, 0), N(rt_sigqueueinfo, "..r", 1 << 22, SIGUSR1, SIGINFO), N(recvmmsg, ".b..R", DGRAM, MESSAGES, 1, MSG_DONTWAIT | MSG_PEEK, TIMESPEC),
	N(prlimit64, "..RW", 0, 7, RLIMIT, ZEROS), N(sendmmsg, ".b..", STREAM, MESSAGES, 1, 0), N(getcpu, "WW", ZEROS, ZEROS), N(renameat2, ".r.r.", DIR_RO, A_FILE, DIR_RO, NEW_NAME, 1),
	N(getrandom, "w..", ZEROS, 64, 0), N(memfd_create, "r.", XATTR, 0), N(execveat, ".rRR.", DIR_RO, PROGRAM, ARGV, ARGV, 0),
	N(copy_file_range, ".R.R..", FILE_RW, OFFSET, FILE_RW, BIG, 1, 0), N(preadv2, ".r....", FILE_RW, IOVEC, 2, 0, 0, 0), N(statx, ".r..w", DIR_RO, A_FILE, 0, 0x7ff, ZEROS),
	N(clone3, "r.", CLONE_ARGS, 64), N(openat2, ".rr.", DIR_RO, A_FILE, OPEN_HOW, 24), N(faccessat2, ".r..", DIR_RO, A_FILE, 0, 0),
	N(epoll_pwait2, ".w.RR.", EPOLL, ZEROS, 4, TIMESPEC, SIGSET, 8),
};

/* More of one call: what its pointer is for depends on a number. */
static const struct call more[] = {
	{ "TCGETS", SYS_ioctl, "..w", { PTY, TCGETS, ZEROS } }, { "TIOCGWINSZ", SYS_ioctl, "..w", { PTY, TIOCGWINSZ, ZEROS } },
	{ "TIOCSWINSZ", SYS_ioctl, "..r", { PTY, TIOCSWINSZ, ZEROS } }, { "FIONREAD", SYS_ioctl, "..w", { PIPE_R, FIONREAD, ZEROS } },
	{ "TIOCGPTN", SYS_ioctl, "..w", { PTY, (long)TIOCGPTN, ZEROS } }, { "TIOCSPTLCK", SYS_ioctl, "..r", { PTY, TIOCSPTLCK, ZEROS } },
	{ "FIONBIO", SYS_ioctl, "..r", { PTY, FIONBIO, ZEROS } }, { "F_SETLK", SYS_fcntl, "..r", { FILE_RW, F_SETLK, FLOCK } },
	{ "PR_SET_NAME", SYS_prctl, ".r", { PR_SET_NAME, XATTR } }, { "PR_GET_NAME", SYS_prctl, ".w", { PR_GET_NAME, ZEROS } },
	{ "PR_GET_PDEATHSIG", SYS_prctl, ".w", { PR_GET_PDEATHSIG, ZEROS } }, { "read pipe", SYS_read, ".w.", { PIPE_R, ZEROS, 64 } },
	{ "read random", SYS_read, ".w.", { RANDOM_DEV, ZEROS, 64 } }, { "read /proc", SYS_pread64, ".w..", { PROC_FILE, ZEROS, 64, 0 } },
	{ "write pipe", SYS_write, ".r.", { PIPE_W, ZEROS, 16 } }, { "write event", SYS_write, ".r.", { EVENT, ZEROS, 8 } },
	{ "write pty", SYS_write, ".r.", { PTY, ZEROS, 8 } }, { "read event", SYS_read, ".w.", { EVENT, ZEROS, 8 } },
	{ "send datagram", SYS_sendto, ".r.", { DGRAM, ZEROS, 16 } }, { "write page", SYS_write, ".r.", { FILE_RW, BIG, 8192 } },
	{ "read page", SYS_pread64, ".w..", { ZERO_DEV, BIG, 8192, 0 } },
};

/* --- surroundings ------------------------------------------------------------------------------------------------------------------------- */

static char *right[6]; /* writable places, each with 16 KiB */
static char *edge, *read_only, *none, *hole;

static void place_fd(int fd, int at)
{
	CHECK(fd >= 0);
	CHECK(dup2(fd, at) == at);
	close(fd);
}
static void surroundings(void)
{
	int p[2];
	struct epoll_event e = { EPOLLIN | EPOLLOUT, { .fd = 1 } };
	for (int i = 0; i < 6; i++)
		CHECK((right[i] = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) != MAP_FAILED);
	edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hole = edge + 4096;
	memset(edge, 'x', 4096);
	CHECK(munmap(hole, 4096) == 0);
	read_only = mmap(NULL, 65536, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	none = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	write_file("file", "0123456789012345678901234567890123456789012345678901234567890123456789", 70, 0666);
	CHECK(mkdir("dir", 0777) == 0 && symlink("file", "link") == 0);
	CHECK(chmod(".", 0777) == 0);
	place_fd(open("file", O_RDWR), FILE_RW);
	place_fd(open(".", O_RDONLY), DIR_RO);
	CHECK(pipe(p) == 0 && write(p[1], p, 8) == 8);
	place_fd(p[0], PIPE_R), place_fd(p[1], PIPE_W);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
	place_fd(p[0], STREAM);
	CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, p) == 0 && write(p[1], "message", 7) == 7);
	place_fd(p[0], DGRAM);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct sockaddr_un a = { AF_UNIX, "listener" };
	CHECK(bind(s, (void *)&a, sizeof(a)) == 0 && listen(s, 5) == 0);
	place_fd(s, LISTENER);
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(connect(s, (void *)&a, sizeof(a)) == 0);
	place_fd(epoll_create1(0), EPOLL);
	CHECK(epoll_ctl(EPOLL, EPOLL_CTL_ADD, STREAM, &e) == 0);
	place_fd(timerfd_create(CLOCK_MONOTONIC, 0), TIMER);
	place_fd(eventfd(1000, EFD_SEMAPHORE), EVENT);
	place_fd(open("/dev/ptmx", O_RDWR | O_NOCTTY), PTY);
	place_fd(open("/dev/zero", O_RDWR), ZERO_DEV);
	place_fd(open("/dev/urandom", O_RDONLY), RANDOM_DEV);
	place_fd(open("/proc/self/maps", O_RDONLY), PROC_FILE);
}

/* Makes the place at p right. */
static void prepare(char *p, enum what what)
{
	memset(p, 0, 8192);
	switch (what) {
	case A_FILE: strcpy(p, "file"); break;
	case PROGRAM: strcpy(p, "/proc/self/exe"); break;
	case A_DIR: strcpy(p, "."); break;
	case NEW_NAME: strcpy(p, "new/name"); break;
	case A_LINK: strcpy(p, "link"); break;
	case XATTR: strcpy(p, "user.longer_than_16_bytes"); break;
	case TIMESPEC: ((struct timespec *)(void *)p)->tv_nsec = 1; break;
	case IOVEC: {
		struct iovec v[2] = { { p + 4096, 8 }, { p + 5000, 8 } };
		memcpy(p, v, sizeof(v));
		break;
	}
	case ADDRESS: ((struct sockaddr_un *)(void *)p)->sun_family = AF_INET; break;
	case MESSAGE: case MESSAGES: {
		struct iovec v = { p + 4096, 8 };
		struct msghdr m = { .msg_iov = (void *)(p + 2048), .msg_iovlen = 1 };
		memcpy(p, &m, sizeof(m));
		memcpy(p + 2048, &v, sizeof(v));
		break;
	}
	case LENGTH: *(int *)(void *)p = 64; break;
	case EVENT_RW: *(int *)(void *)p = EPOLLIN; break;
	case OPEN_HOW: break;
	case RLIMIT: CHECK(getrlimit(RLIMIT_NOFILE, (void *)p) == 0); break;
	case CAP_HEADER: *(unsigned *)(void *)p = 0x20080522; break;
	case CLONE_ARGS: ((uint64_t *)(void *)p)[0] = 1; break; /* refused */
	case SIGEVENT: ((int *)(void *)p)[3] = 1; break; /* SIGEV_NONE */
	case WORD_SET: memset(p, 0xff, 8); break;
	case BIG: memset(p, 'y', 8192); break;
	default: break;
	}
}

/* --- the test ----------------------------------------------------------------------------------------------------------------------------- */

static int wrong, listing;

static long do_call(const struct call *c, const long *a)
{
	long r = syscall(c->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	int err = errno;
	/* What it made goes. */
	if (r >= 0 && (c->nr == SYS_accept || c->nr == SYS_accept4 || c->nr == SYS_open || c->nr == SYS_openat || c->nr == SYS_openat2 || c->nr == SYS_memfd_create ||
		       c->nr == SYS_signalfd4))
		close((int)r);
	errno = err;
	return r;
}

static void one_argument(const struct call *c, int arg)
{
	char kind = c->kinds[arg];
	const unsigned long bad[] = { 0, 8, (unsigned long)none, (unsigned long)hole, (unsigned long)hole - 1, 0x7ffffffff000, 0x7ffffffffffc, 0x800000000000,
		0x8000000000000000, 0xffff800000000000, 0xffff888000100000, 0xffffffff80000000, 0xffffffff81000000, 0xfffffffffffffff8, ~0ul,
		(unsigned long)read_only };
	for (size_t i = 0; i < NELEM(bad) - ((kind | 32) == 'r'); i++) {
		long a[6];
		if (kind < 'a' && !bad[i])
			continue;
		edge[4095] = 'x';
		for (int k = 0; k < 6; k++) {
			a[k] = c->v[k];
			if (k < (int)strlen(c->kinds) && c->kinds[k] != '.' && c->v[k]) {
				prepare(right[k], (enum what)c->v[k]);
				a[k] = (long)right[k];
			}
		}
		if (c->nr == SYS_mincore)
			a[0] = (long)right[0];
		a[arg] = (long)bad[i];
		errno = 0;
		long r = do_call(c, a);
		if (listing)
			printf("%s argument %d bad %zu: %ld errno %d\n", c->name, arg, i, r, errno);
		/* What moves bytes moves those before the hole first. */
		if (kind == '?' || (r == -1 && errno == EFAULT) || (bad[i] == (unsigned long)hole - 1 && r == 1))
			continue;
		fprintf(stderr, "%s: argument %d = %#lx (%zu) gives %ld, errno %d\n", c->name, arg, bad[i], i, r, errno);
		wrong++;
	}
}

static void each(const struct call *t, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (int arg = 0; t[i].kinds[arg]; arg++)
			if (t[i].kinds[arg] != '.')
				one_argument(&t[i], arg);
}

static void as_root(void)
{
	surroundings();
	each(calls, NELEM(calls));
	each(more, NELEM(more));
	CHECK(wrong == 0);
}
static void as_user(void)
{
	surroundings();
	if (geteuid() == 0)
		CHECK(chown("file", 1000, 1000) == 0 && setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
	each(calls, NELEM(calls));
	each(more, NELEM(more));
	CHECK(wrong == 0);
}

static int list_all(void)
{
	char dir[] = "/tmp/hostile_calls.XXXXXX";
	listing = 1;
	check_shared = mmap(NULL, sizeof(*check_shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!mkdtemp(dir) || chdir(dir) < 0)
		return 1;
	surroundings();
	each(calls, NELEM(calls));
	each(more, NELEM(more));
	return 0;
}

CASES(CASE(as_root), CASE(as_user))
