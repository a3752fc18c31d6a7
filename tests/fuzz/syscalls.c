/*
 * The system call fuzzer: random calls with plausible and absurd arguments from many processes and threads. Runs on Pando only (it would wreck a real
 * machine). The kernel passes when it neither dies nor warns, every process can be killed and reaped afterwards, and nothing has leaked.
 *
 *	syscalls [-s SEED] [-r ROUNDS] [-n CALLS] [-p PROCESSES] [-t THREADS] [-u UID] [-c NUMBER] [-v] [-S]
 *
 * Each round starts PROCESSES workers that make CALLS calls in each of THREADS threads, then kills everything. -c makes only that call, -v names each
 * call before it is made, -S says at the
 * end how often each call was made and how often it did something. Prints `ok fuzz ...` or `not ok fuzz: why`.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NELEM(a) (sizeof(a) / sizeof((a)[0]))
#define MAX_FDS 64
#define ARENA (256u << 10)
#define ROUND_SECONDS 60
#define WORKER_SECONDS 0.7
#define MAX_BIRTHS 48 /* per worker: a fork bomb finds nothing */

static uint64_t seed = 1;
static unsigned rounds = 1, calls = 2000, processes = 4, threads = 2, uid;
static int only = -1, verbose, statistics;
static pid_t supervisor;

/* What the processes of a round share. */
static struct shared {
	volatile unsigned births;
	volatile uint64_t made;
	struct { volatile unsigned tried, good; } per_call[512];
} *shared;

/* --- chance ------------------------------------------------------------------------------------------------------------------------------ */

static __thread uint64_t state;
static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1dULL;
}
static uint32_t below(uint32_t n) { return (uint32_t)((rnd() >> 32) * n >> 32); }
static int one_in(uint32_t n) { return below(n) == 0; }
static void reseed(uint64_t s)
{
	state = s * 0x9e3779b97f4a7c15ULL + 0x1234567;
	if (!state)
		state = 1;
	for (int i = 0; i < 8; i++)
		rnd();
}

/* --- arguments --------------------------------------------------------------------------------------------------------------------------- */

static char *arena, *readonly, *guarded, *forbidden; /* guarded: its end borders on nothing */
static int fds[MAX_FDS];
static unsigned nr_fds;

static const char *const paths[] = {
	"/", ".", "..", "/tmp", "/tmp/f", "/tmp/g", "/tmp/d", "/tmp/d/x", "/tmp/l", "/tmp/fifo", "/tmp/sock", "/proc", "/proc/self", "/proc/self/mem",
	"/proc/self/maps", "/proc/self/fd/0", "/proc/self/fd/3", "/proc/self/fd", "/proc/self/exe", "/proc/self/cwd", "/proc/self/task", "/proc/1/status",
	"/proc/meminfo", "/proc/self/stat", "/proc/self/environ", "/proc/self/cmdline", "/proc/sys/kernel/pid_max", "/proc/mounts", "/dev", "/dev/null",
	"/dev/zero", "/dev/full", "/dev/random", "/dev/tty", "/dev/ptmx", "/dev/pts/0", "/dev/pts", "/dev/console", "/sys", "/bin/sh", "/bin/busybox",
	"/t/script", "/t/bad-elf", "/t/syscalls", "", "nothing/here", "/tmp/f/x", "/tmp/loop", "./", "/tmp/d/", "//tmp//f", "../../../../tmp/f",
};

static const uint64_t odd_words[] = {
	0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 63, 64, 255, 256, 511, 512, 1023, 4095, 4096, 4097, 65535, 65536, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
	0x7fffffffffff, 0x800000000000, 0x7ffffffff000, 0x7fffffffefff, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffff80000000, 0xffffffff81000000,
	0xffff800000000000, 0xffff888000000000, 0xffffc90000000000, 0xffffffffffffffff, 0xfffffffffffff000, 0xffffffffff600000, 0xdeadbeefdeadbeef,
	0x1000, 0x100000, 0x40000000, 0xfffffffffffffffe, 0xffffffffffffff9c /* AT_FDCWD */, 0x8000000000000fff,
};
static uint64_t odd_word(void)
{
	uint64_t w = odd_words[below(NELEM(odd_words))];
	switch (below(8)) {
	case 0: return w + below(17) - 8;
	case 1: return rnd();
	case 2: return 1ULL << below(64);
	default: return w;
	}
}
static uint64_t flag_word(void)
{
	uint64_t w = 0;
	switch (below(4)) {
	case 0: return 0;
	case 1: return 1u << below(32);
	case 2:
		for (int i = 0; i < 3; i++)
			w |= 1u << below(32);
		return w;
	default: return below(16);
	}
}
static int an_fd(void)
{
	switch (below(16)) {
	case 0: return (int)odd_word();
	case 1: return (int)below(80);
	case 2: return AT_FDCWD;
	default: return nr_fds ? fds[below(nr_fds)] : 0;
	}
}
static pid_t a_pid(void)
{
	switch (below(6)) {
	case 0: return 0;
	case 1: return (pid_t)syscall(SYS_gettid);
	case 2: return (pid_t)odd_word();
	case 3: return (pid_t)(supervisor + 1 + (int)below(64));
	default: return getpid();
	}
}
static uint64_t size_arg(void)
{
	switch (below(8)) {
	case 0: return odd_word();
	case 1: return below(1u << 20);
	case 2: return 4096 * below(64);
	default: return below(300);
	}
}

/* A place in memory: mostly writable, sometimes every kind of wrong. */
static char *place(void)
{
	switch (below(24)) {
	case 0: return NULL;
	case 1: return (char *)odd_word();
	case 2: return readonly + below(4096);
	case 3: return guarded + 4096 - below(64);
	case 4: return guarded + 4096;
	case 5: return forbidden + below(4096);
	case 6: return (char *)(uintptr_t)&place;
	default: return arena + (below(ARENA - 8192) & (one_in(4) ? ~0u : ~15u));
	}
}
static int writable(const char *p) { return p >= arena && p < arena + ARENA - 4096; }

static uint64_t small_or_odd(void) { return one_in(5) ? odd_word() : below(32); }

static char *words(unsigned n, uint64_t (*f)(void))
{
	char *p = place();
	if (writable(p))
		for (unsigned i = 0; i < n; i++) {
			uint64_t w = f();
			memcpy(p + 8 * i, &w, 8);
		}
	return p;
}
static char *path_arg(void)
{
	char *p = place();
	if (!writable(p))
		return p;
	if (one_in(30)) {
		memset(p, one_in(2) ? '/' : 'a', 4200);
		p[below(4200)] = 0;
	} else if (one_in(20)) {
		sprintf(p, "/proc/%d/%s", (int)a_pid(), (const char *[]){ "stat", "maps", "fd", "mem", "status", "cwd/x", "fd/3", "task" }[below(8)]);
	} else {
		strcpy(p, paths[below(NELEM(paths))]);
	}
	return p;
}
static char *string_arg(const char *s)
{
	char *p = place();
	if (writable(p))
		strcpy(p, s);
	return p;
}
static char *time_arg(void)
{
	char *p = place();
	if (writable(p)) {
		int64_t *t = (int64_t *)(void *)p, v[4];
		for (int i = 0; i < 4; i++)
			v[i] = i % 2 ? (one_in(6) ? (int64_t)odd_word() : (int64_t)below(3000000)) : (one_in(12) ? (int64_t)odd_word() : 0);
		memcpy(t, v, sizeof(v));
	}
	return p;
}
static char *iovec_arg(void)
{
	char *p = place();
	if (writable(p))
		for (unsigned i = 0; i < 16; i++) {
			struct iovec { void *base; size_t len; } v = { place(), size_arg() };
			memcpy(p + 16 * i, &v, 16);
		}
	return p;
}
static uint32_t an_iovec_count(void) { return one_in(10) ? (uint32_t)odd_word() : below(8); }

static char *address_arg(void)
{
	char *p = place();
	if (writable(p)) {
		struct sockaddr_un a = { .sun_family = one_in(6) ? (sa_family_t)rnd() : AF_UNIX };
		switch (below(4)) {
		case 0: strcpy(a.sun_path, "/tmp/sock"); break;
		case 1: a.sun_path[1] = (char)('a' + below(4)); break;
		case 2: memset(a.sun_path, 'x', sizeof(a.sun_path)); break;
		default: sprintf(a.sun_path, "/tmp/s%u", below(4));
		}
		memcpy(p, &a, sizeof(a));
	}
	return p;
}
static uint32_t an_address_length(void) { return one_in(4) ? (uint32_t)odd_word() : one_in(2) ? 110 : 2 + below(16); }

static char *control_arg(size_t *len)
{
	char *p = place();
	*len = one_in(6) ? odd_word() : 64;
	if (writable(p)) {
		struct { size_t len; int level, type; int v[8]; } c = { 16 + 4 * below(9), SOL_SOCKET, (int)below(4), { 0 } };
		for (int i = 0; i < 8; i++)
			c.v[i] = an_fd();
		if (one_in(6))
			c.len = odd_word();
		memcpy(p, &c, sizeof(c));
	}
	return p;
}
static char *message_arg(void)
{
	char *p = place();
	if (writable(p))
		for (int i = 0; i < 4; i++) {
			struct msghdr m = { 0 };
			if (one_in(2))
				m.msg_name = address_arg(), m.msg_namelen = an_address_length();
			m.msg_iov = (void *)iovec_arg();
			m.msg_iovlen = an_iovec_count();
			if (one_in(2))
				m.msg_control = control_arg(&m.msg_controllen);
			m.msg_flags = (int)flag_word();
			memcpy(p + 64 * i, &m, sizeof(m));
		}
	return p;
}
static char *clone_arg(void)
{
	char *p = place();
	if (writable(p)) {
		uint64_t a[11] = { 0 };
		a[0] = one_in(3) ? rnd() & rnd() & rnd() : (1ULL << (8 + below(26))) | (one_in(3) ? CLONE_VM | CLONE_SIGHAND | CLONE_THREAD : 0);
		a[1] = (uintptr_t)place(), a[2] = (uintptr_t)place(), a[3] = (uintptr_t)place();
		a[4] = one_in(3) ? odd_word() : SIGCHLD;
		if (one_in(2) || (a[0] & CLONE_VM))
			a[5] = (uintptr_t)arena + ARENA - 65536, a[6] = one_in(8) ? odd_word() : 16384;
		a[7] = (uintptr_t)place();
		if (one_in(4))
			a[8] = (uintptr_t)place(), a[9] = below(4), a[10] = (uint64_t)an_fd();
		memcpy(p, a, sizeof(a));
	}
	return p;
}
static char *vector_arg(void)
{
	char *p = place();
	if (writable(p)) {
		unsigned n = below(6);
		for (unsigned i = 0; i <= n; i++) {
			char *s = i < n ? path_arg() : NULL;
			memcpy(p + 8 * i, &s, 8);
		}
	}
	return p;
}
static char *noise(unsigned n)
{
	char *p = place();
	if (writable(p))
		for (unsigned i = 0; i < n; i += 4) {
			uint32_t w = one_in(3) ? (uint32_t)odd_word() : one_in(2) ? 0 : below(64);
			memcpy(p + i, &w, 4);
		}
	return p;
}
static uint64_t mapped_range(void)
{
	switch (below(6)) {
	case 0: return odd_word();
	case 1: return (uintptr_t)readonly;
	case 2: return (uintptr_t)forbidden;
	case 3: return 0x10000000 + 4096 * below(512);
	default: return (uintptr_t)arena + 4096 * below(ARENA / 4096);
	}
}

/* --- calls ------------------------------------------------------------------------------------------------------------------------------- */

/*
 * f fd, b buffer, z size, p path, v vector of strings, o open flags, m mode, n small number, t times, i iovec, c its count, M messages, a address, l its
 * length, L pointer to a length, s signal, S signal set, P pid, w any word, x noise of a struct, O offset, Q pointer to words, g address of a mapping,
 * G size of one, F flags, C clone_args, u user, k whence/clock/which, I ioctl number, j fcntl command, N poll array, A arch_prctl's code, D clone
 * flags, E TLS, r protection, d T domain and type of a socket, y name of an xattr, Y file system, h idtype, V options of wait, X epoll_ctl's operation,
 * H signalfd or -1, R ptrace's request, U name spaces, 8 the size of a signal set, 0 nothing
 */
static const struct call { short nr; const char *args; } table[] = {
	{ SYS_read, "fbz" }, { SYS_write, "fbz" }, { SYS_open, "pom" }, { SYS_close, "f" }, { SYS_stat, "pb" }, { SYS_fstat, "fb" }, { SYS_lstat, "pb" },
	{ SYS_poll, "Nct" }, { SYS_lseek, "fOk" }, { SYS_mmap, "gGnFfO" }, { SYS_mprotect, "gGn" }, { SYS_munmap, "gG" }, { SYS_brk, "g" },
	{ SYS_rt_sigaction, "sxx8" }, { SYS_rt_sigprocmask, "kSS8" }, { SYS_ioctl, "fIx" }, { SYS_pread64, "fbzO" },
	{ SYS_pwrite64, "fbzO" }, { SYS_readv, "fic" }, { SYS_writev, "fic" }, { SYS_access, "pn" }, { SYS_pipe, "b" }, { SYS_select, "nxxxt" },
	{ SYS_sched_yield, "" }, { SYS_mremap, "gGGng" }, { SYS_msync, "gGn" }, { SYS_mincore, "gGb" }, { SYS_madvise, "gGn" }, { SYS_dup, "f" },
	{ SYS_dup2, "fn" }, { SYS_nanosleep, "tb" }, { SYS_getitimer, "kb" }, { SYS_alarm, "n" }, { SYS_setitimer, "ktb" }, { SYS_sendfile, "ffQz" },
	{ SYS_socket, "dT0" }, { SYS_connect, "fal" }, { SYS_accept, "faL" }, { SYS_sendto, "fbzFal" }, { SYS_recvfrom, "fbzFaL" }, { SYS_sendmsg, "fMF" },
	{ SYS_recvmsg, "fMF" }, { SYS_shutdown, "fn" }, { SYS_bind, "fal" }, { SYS_listen, "fn" }, { SYS_getsockname, "faL" }, { SYS_getpeername, "faL" },
	{ SYS_socketpair, "dT0b" }, { SYS_setsockopt, "fnnbl" }, { SYS_getsockopt, "fnnbL" }, { SYS_execve, "pvv" },
	{ SYS_wait4, "PbVb" }, { SYS_kill, "Ps" }, { SYS_uname, "b" }, { SYS_fcntl, "fjx" }, { SYS_fcntl, "fjw" }, { SYS_flock, "fn" }, { SYS_fsync, "f" },
	{ SYS_truncate, "pO" }, { SYS_ftruncate, "fO" }, { SYS_getdents, "fbz" }, { SYS_getcwd, "bz" }, { SYS_chdir, "p" }, { SYS_fchdir, "f" },
	{ SYS_rename, "pp" }, { SYS_mkdir, "pm" }, { SYS_rmdir, "p" }, { SYS_creat, "pm" }, { SYS_link, "pp" }, { SYS_unlink, "p" }, { SYS_symlink, "pp" },
	{ SYS_readlink, "pbz" }, { SYS_chmod, "pm" }, { SYS_fchmod, "fm" }, { SYS_chown, "puu" }, { SYS_fchown, "fuu" }, { SYS_lchown, "puu" },
	{ SYS_umask, "m" }, { SYS_gettimeofday, "bb" }, { SYS_getrlimit, "nb" }, { SYS_getrusage, "nb" }, { SYS_sysinfo, "b" }, { SYS_times, "b" },
	{ SYS_syslog, "nbz" }, { SYS_setuid, "u" }, { SYS_setgid, "u" }, { SYS_setpgid, "PP" }, { SYS_setsid, "" }, { SYS_setreuid, "uu" },
	{ SYS_setregid, "uu" }, { SYS_getgroups, "nb" }, { SYS_setgroups, "nx" }, { SYS_setresuid, "uuu" }, { SYS_getresuid, "bbb" }, { SYS_setresgid, "uuu" },
	{ SYS_getresgid, "bbb" }, { SYS_getpgid, "P" }, { SYS_setfsuid, "u" }, { SYS_setfsgid, "u" }, { SYS_getsid, "P" }, { SYS_capget, "xb" },
	{ SYS_capset, "xx" }, { SYS_rt_sigpending, "b8" }, { SYS_rt_sigtimedwait, "Sbt8" }, { SYS_rt_sigqueueinfo, "Psx" }, { SYS_rt_sigsuspend, "S8" },
	{ SYS_sigaltstack, "xb" }, { SYS_utime, "pt" }, { SYS_mknod, "pmw" }, { SYS_personality, "F" }, { SYS_statfs, "pb" }, { SYS_fstatfs, "fb" },
	{ SYS_getpriority, "nP" }, { SYS_setpriority, "nPn" }, { SYS_sched_setparam, "PQ" }, { SYS_sched_getparam, "Pb" }, { SYS_sched_setscheduler, "PnQ" },
	{ SYS_sched_getscheduler, "P" }, { SYS_sched_get_priority_max, "n" }, { SYS_sched_rr_get_interval, "Pb" }, { SYS_mlock, "gG" }, { SYS_munlock, "gG" },
	{ SYS_mlockall, "n" }, { SYS_munlockall, "" }, { SYS_prctl, "nwwww" }, { SYS_prctl, "nbwww" }, { SYS_arch_prctl, "Ab" }, { SYS_setrlimit, "nx" },
	{ SYS_chroot, "p" }, { SYS_sync, "" }, { SYS_mount, "ppYFp" }, { SYS_umount2, "pn" }, { SYS_sethostname, "bz" }, { SYS_setdomainname, "bz" },
	{ SYS_gettid, "" }, { SYS_readahead, "fOz" }, { SYS_setxattr, "pybzn" }, { SYS_lsetxattr, "pybzn" }, { SYS_fsetxattr, "fybzn" },
	{ SYS_getxattr, "pybz" }, { SYS_fgetxattr, "fybz" }, { SYS_listxattr, "pbz" }, { SYS_flistxattr, "fbz" }, { SYS_removexattr, "py" },
	{ SYS_fremovexattr, "fy" }, { SYS_tkill, "Ps" }, { SYS_time, "b" }, { SYS_futex, "QnntQn" }, { SYS_sched_setaffinity, "PzQ" },
	{ SYS_sched_getaffinity, "Pzb" }, { SYS_epoll_create, "n" }, { SYS_getdents64, "fbz" }, { SYS_set_tid_address, "b" }, { SYS_restart_syscall, "" },
	{ SYS_fadvise64, "fOzn" }, { SYS_timer_create, "kxQ" }, { SYS_timer_settime, "nntb" }, { SYS_timer_gettime, "nb" }, { SYS_timer_getoverrun, "n" },
	{ SYS_timer_delete, "n" }, { SYS_clock_gettime, "kb" }, { SYS_clock_getres, "kb" }, { SYS_clock_nanosleep, "kntb" },
	{ SYS_epoll_wait, "fbnn" }, { SYS_epoll_ctl, "fXfx" }, { SYS_tgkill, "PPs" }, { SYS_utimes, "pt" }, { SYS_waitid, "hPbVb" }, { SYS_openat, "fpom" },
	{ SYS_mkdirat, "fpm" }, { SYS_mknodat, "fpmw" }, { SYS_fchownat, "fpuuF" }, { SYS_futimesat, "fpt" }, { SYS_newfstatat, "fpbF" },
	{ SYS_unlinkat, "fpF" }, { SYS_renameat, "fpfp" }, { SYS_linkat, "fpfpF" }, { SYS_symlinkat, "pfp" }, { SYS_readlinkat, "fpbz" },
	{ SYS_fchmodat, "fpm" }, { SYS_faccessat, "fpn" }, { SYS_pselect6, "nxxxtQ" }, { SYS_ppoll, "NctS8" }, { SYS_set_robust_list, "xz" },
	{ SYS_get_robust_list, "Pbb" }, { SYS_utimensat, "fptF" }, { SYS_epoll_pwait, "fbnnS8" }, { SYS_signalfd, "HS8" }, { SYS_timerfd_create, "kF" },
	{ SYS_eventfd, "n" }, { SYS_fallocate, "fnOO" }, { SYS_timerfd_settime, "fntb" }, { SYS_timerfd_gettime, "fb" }, { SYS_accept4, "faLF" },
	{ SYS_signalfd4, "HS8F" }, { SYS_eventfd2, "nF" }, { SYS_epoll_create1, "F" }, { SYS_dup3, "fnF" }, { SYS_pipe2, "bF" }, { SYS_preadv, "ficOw" },
	{ SYS_pwritev, "ficOw" }, { SYS_rt_tgsigqueueinfo, "PPsx" }, { SYS_recvmmsg, "fMnFt" }, { SYS_prlimit64, "Pnxb" }, { SYS_syncfs, "f" },
	{ SYS_sendmmsg, "fMnF" }, { SYS_getcpu, "bbb" }, { SYS_renameat2, "fpfpn" }, { SYS_getrandom, "bzF" }, { SYS_memfd_create, "pF" },
	{ SYS_execveat, "fpvvF" }, { SYS_copy_file_range, "fQfQzF" }, { SYS_preadv2, "ficOwF" }, { SYS_pwritev2, "ficOwF" }, { SYS_statx, "fpFwb" },
	{ SYS_pidfd_send_signal, "fsxF" }, { SYS_pidfd_open, "PF" }, { SYS_clone3, "Cz" }, { SYS_close_range, "nnn" }, { SYS_openat2, "fpxz" },
	{ SYS_faccessat2, "fpnF" }, { SYS_epoll_pwait2, "fbntS8" }, { 452 /* fchmodat2 */, "fpmF" }, { SYS_fork, "" }, { SYS_vfork, "" }, { SYS_clone, "DgbbE" },
	{ SYS_ptrace, "RPbb" }, { SYS_ptrace, "RPwx" }, { SYS_ptrace, "RPxi" }, { SYS_unshare, "U" }, { SYS_setns, "fU" },
	{ SYS_process_vm_readv, "Picic0" }, { SYS_process_vm_writev, "Picic0" }, { SYS_acct, "p" }, { SYS_pivot_root, "pp" }, { 438 /* pidfd_getfd */, "fnF" },
	{ SYS_kcmp, "PPnff" }, { SYS_seccomp, "nFx" }, { SYS_membarrier, "nFn" }, { 334 /* rseq */, "bzFw" }, { SYS_io_setup, "nb" }, { SYS_inotify_init1, "F" },
	{ SYS_clock_settime, "kt" }, { SYS_pause, "" }, { SYS_exit, "n" }, { SYS_exit_group, "n" }, { SYS_rt_sigreturn, "" },
};

static uint64_t argument(char kind)
{
	static const int ioctls[] = { 0x5401, 0x5402, 0x5403, 0x5404, 0x5405, 0x5406, 0x5407, 0x5408, 0x5409, 0x540a, 0x540b, 0x540c, 0x540d, 0x540e, 0x540f, 0x5410,
		0x5411, 0x5412, 0x5413, 0x5414, 0x541b, 0x541c, 0x541d, 0x5420, 0x5421, 0x5422, 0x5423, 0x5424, 0x5425, 0x5428, 0x5429, 0x5450, 0x5451, 0x5452,
		0x5460, (int)0x80045430, 0x40045431, (int)0x80045432, (int)0x80045438, (int)0x80045439, 0x5441 };
	static const int fcntls[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15, 16, 36, 37, 38, 1024, 1025, 1026, 1030, 1031, 1032, 1033, 1034, 1035, 1036 };
	static const int prots[] = { 0, 1, 3, 5, 7, 2 };
	if (one_in(40))
		return odd_word();
	switch (kind) {
	case 'f': return (uint64_t)an_fd();
	case 'b': return (uintptr_t)place();
	case 'z': return size_arg();
	case 'p': return (uintptr_t)path_arg();
	case 'v': return (uintptr_t)vector_arg();
	case 'o': return (one_in(2) ? 0102 : below(4)) | (one_in(2) ? 0 : flag_word() & 037777777) | O_NONBLOCK;
	case 'm': return one_in(4) ? rnd() & 0177777 : (one_in(3) ? (uint64_t)(below(16) << 12) : 0) | 0666;
	case 'n': return small_or_odd();
	case 't': return (uintptr_t)time_arg();
	case 'i': return (uintptr_t)iovec_arg();
	case 'c': return an_iovec_count();
	case 'M': return (uintptr_t)message_arg();
	case 'a': return (uintptr_t)address_arg();
	case 'l': return an_address_length();
	case 'L': return (uintptr_t)words(1, small_or_odd);
	case 's': return one_in(8) ? odd_word() : below(66);
	case 'S': return (uintptr_t)words(2, odd_word);
	case 'P': return (uint64_t)a_pid();
	case 'w': return odd_word();
	case 'x': return (uintptr_t)noise(128);
	case 'O': return one_in(3) ? odd_word() : below(1u << 22);
	case 'Q': return (uintptr_t)words(4, small_or_odd);
	case 'g': return mapped_range();
	case 'G': return one_in(8) ? odd_word() : 4096 * below(64);
	case 'F': return flag_word();
	case 'C': return (uintptr_t)clone_arg();
	case 'u': return one_in(3) ? odd_word() : one_in(2) ? 0 : 1000;
	case 'k': return one_in(6) ? odd_word() : below(12);
	case 'I': return one_in(10) ? rnd() : (uint64_t)ioctls[below(NELEM(ioctls))];
	case 'j': return one_in(10) ? rnd() : (uint64_t)fcntls[below(NELEM(fcntls))];
	case 'N': return (uintptr_t)noise(64);
	case 'A': return one_in(4) ? odd_word() : 0x1003 + below(2);
	case 'D': return (one_in(2) ? rnd() & rnd() & 0xffffff00 : 0) | below(70);
	case 'E': return (uintptr_t)place();
	case '8': return 8;
	case 'd': return one_in(6) ? below(20) : AF_UNIX;
	case 'T': return (const uint64_t[]){ SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_RAW }[below(4)] | (one_in(8) ? flag_word() : SOCK_NONBLOCK);
	case 'y': return (uintptr_t)string_arg((const char *[]){ "user.a", "user.b", "trusted.c", "security.d", "user.", "x", "", "system.posix_acl_access" }[below(8)]);
	case 'Y': return (uintptr_t)string_arg((const char *[]){ "tmpfs", "proc", "devpts", "sysfs", "devtmpfs", "none", "ext4", "" }[below(8)]);
	case 'h': return one_in(8) ? odd_word() : below(4);
	case 'V': return one_in(4) ? flag_word() : (const uint64_t[]){ 1, 4 | 1, 4 | 2 | 8 | 1, 0x40000001, 0x20000005, 0x01000005 }[below(6)];
	case 'X': return one_in(8) ? odd_word() : 1 + below(3);
	case 'H': return one_in(2) ? (uint64_t)-1 : (uint64_t)an_fd();
	case 'R': return one_in(3) ? 0x4200 + below(19) : one_in(12) ? odd_word() : below(34);
	case 'U': return one_in(4) ? flag_word() : 1ull << (16 + below(15));
	case 'r': return (uint64_t)prots[below(NELEM(prots))];
	default: return 0;
	}
}

/* The raw call. A child of a birth that shares the stack must not return into our frames: it leaves at once. */
static long raw(long nr, const uint64_t *a)
{
	long ret;
	register uint64_t r10 __asm__("r10") = a[3];
	register uint64_t r8 __asm__("r8") = a[4];
	register uint64_t r9 __asm__("r9") = a[5];
	__asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return ret;
}
static long birth(long nr, const uint64_t *a)
{
	long ret;
	register uint64_t r10 __asm__("r10") = a[3];
	register uint64_t r8 __asm__("r8") = a[4];
	register uint64_t r9 __asm__("r9") = a[5];
	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "mov $20, %%ebx\n"
			 "2: mov $24, %%eax\n\t" /* some yields, so that it lives a little */
			 "syscall\n\t"
			 "dec %%ebx\n\t"
			 "jnz 2b\n\t"
			 "mov $60, %%eax\n\t"
			 "xor %%edi, %%edi\n\t"
			 "syscall\n\t"
			 "1:"
			 : "=a"(ret)
			 : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "rbx", "memory");
	return ret;
}

static int ends_worker(long nr)
{
	return nr == SYS_exit || nr == SYS_exit_group || nr == SYS_execve || nr == SYS_execveat || nr == SYS_rt_sigreturn || nr == SYS_pause || nr == SYS_rt_sigsuspend;
}
static int is_birth(long nr) { return nr == SYS_fork || nr == SYS_vfork || nr == SYS_clone || nr == SYS_clone3; }

/* The processes that watch must stay, and so must the machine: says whether the call would end or steer them. */
static int forbidden_call(long nr, const uint64_t *a)
{
	int32_t p = (int32_t)a[0];
	switch (nr) {
	case SYS_reboot:
		return 1;
	case SYS_kill: case SYS_tkill: case SYS_tgkill: case SYS_rt_sigqueueinfo: case SYS_rt_tgsigqueueinfo: case SYS_prlimit64: case SYS_pidfd_open:
	case SYS_sched_setscheduler: case SYS_sched_setparam: case SYS_sched_setaffinity: case SYS_sched_setattr:
		if (nr == SYS_tgkill || nr == SYS_rt_tgsigqueueinfo)
			if ((int32_t)a[1] == supervisor || (int32_t)a[1] <= 2)
				return 1;
		return p == supervisor || p == 1 || p == -1 || p == -supervisor || p == (int32_t)getppid();
	case SYS_ptrace: case SYS_process_vm_writev:
		return (int32_t)a[nr == SYS_ptrace] == supervisor || (int32_t)a[nr == SYS_ptrace] == 1;
	case SYS_setpriority:
		return (int32_t)a[1] == supervisor || (int32_t)a[0] == 2;
	case SYS_clock_settime:
		return 0;
	}
	return 0;
}

static void name_call(long nr, const uint64_t *a)
{
	char b[200];
	int n = snprintf(b, sizeof(b), "%d: %ld(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx)\n", getpid(), nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	syscall(SYS_write, 1000, b, n);
}

static void one_call(void)
{
	uint64_t a[6];
	const struct call *c = &table[below(NELEM(table))];
	const char *kinds = c->args;
	long nr = c->nr;
	if (only >= 0) {
		kinds = "wwwwww";
		nr = only;
		for (unsigned i = 0; i < NELEM(table); i++)
			if (table[i].nr == only && one_in(2))
				kinds = table[i].args;
	} else if (one_in(50)) {
		nr = one_in(10) ? (long)(int)odd_word() : (long)below(470);
		kinds = "wbwbwb";
	}
	if (ends_worker(nr) && !one_in(20))
		return;
	for (int i = 0; i < 6; i++)
		a[i] = 0;
	for (int i = 0; i < 6 && kinds[i]; i++)
		a[i] = argument(kinds[i]);
	if (nr == SYS_mmap) {
		a[2] = argument('r');
		if (one_in(2))
			a[3] = (uint64_t)(MAP_ANONYMOUS | (one_in(2) ? MAP_PRIVATE : MAP_SHARED) | (one_in(2) ? MAP_FIXED : 0));
		else
			a[3] |= 1 + below(2);
		a[5] = one_in(3) ? odd_word() : 4096 * below(8);
	}
	/* The program's own text, data and stack stay mapped most of the time. */
	if ((nr == SYS_munmap || nr == SYS_mmap || nr == SYS_mremap || nr == SYS_mprotect || nr == SYS_madvise) && a[1] > (1ULL << 30) && !one_in(30))
		a[1] &= 0xfffff;
	if (forbidden_call(nr, a))
		return;
	if (verbose)
		name_call(nr, a);
	__atomic_fetch_add(&shared->made, 1, __ATOMIC_RELAXED);
	if (is_birth(nr)) {
		if (__atomic_fetch_add(&shared->births, 1, __ATOMIC_RELAXED) > MAX_BIRTHS * processes)
			return;
		birth(nr, a);
		return;
	}
	long ret = raw(nr, a);
	if (nr >= 0 && nr < 512) {
		shared->per_call[nr].tried++;
		shared->per_call[nr].good += (unsigned long)ret < -4095UL;
	}
	/* New descriptors replace old ones. */
	if (ret > 2 && ret < 1000 && strchr("po", kinds[0]) && nr_fds == MAX_FDS)
		fds[below(MAX_FDS)] = (int)ret;
}

/* --- workers ----------------------------------------------------------------------------------------------------------------------------- */

static void add_fd(int fd)
{
	if (fd >= 0 && nr_fds < MAX_FDS)
		fds[nr_fds++] = fd;
}
static void add_pair(const int p[2]) { add_fd(p[0]), add_fd(p[1]); }

static void open_fds(void)
{
	static const char *const files[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/proc/self/maps", "/proc/self/mem", "/proc", "/tmp",
		"/proc/self/fd", "/proc/meminfo", "/proc/self/task", "/dev/pts", "/dev/tty", "/sys", "/t/syscalls", "/proc/self/stat" };
	int p[2];
	nr_fds = 0;
	for (unsigned i = 0; i < NELEM(files); i++)
		add_fd(open(files[i], (i < 4 || i == 5) ? O_RDWR | O_NONBLOCK : O_RDONLY | O_NONBLOCK));
	add_fd(open("/tmp/f", O_RDWR | O_CREAT, 0666));
	add_fd(open("/tmp/g", O_RDWR | O_CREAT | O_APPEND, 0666));
	add_fd(open("/tmp/f", O_RDONLY));
	add_fd(open("/tmp/fifo", O_RDWR | O_NONBLOCK));
	add_fd(open("/tmp/d", O_PATH));
	for (int i = 0; i < 2; i++)
		if (pipe2(p, i ? O_NONBLOCK : 0) == 0)
			add_pair(p);
	for (int i = 0; i < 6; i++)
		if (socketpair(AF_UNIX, (int[]){ SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET }[i % 3] | (i > 2 ? SOCK_NONBLOCK : 0), 0, p) == 0)
			add_pair(p);
	for (int i = 0; i < 3; i++)
		add_fd(socket(AF_UNIX, (int[]){ SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET }[i] | SOCK_NONBLOCK, 0));
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct sockaddr_un a = { AF_UNIX, "\0listen" };
	a.sun_path[7] = (char)below(256);
	if (bind(s, (void *)&a, 9) == 0 && listen(s, 4) == 0) {
		int c = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(c, (void *)&a, 9) == 0)
			add_fd(c);
	}
	add_fd(s);
	add_fd(eventfd(0, EFD_NONBLOCK));
	add_fd(eventfd(1, EFD_SEMAPHORE));
	add_fd(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	sigset_t set;
	sigfillset(&set);
	add_fd(signalfd(-1, &set, SFD_NONBLOCK));
	add_fd((int)syscall(SYS_pidfd_open, getpid(), 0));
	add_fd((int)syscall(SYS_memfd_create, "m", 2));
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK), n, zero = 0;
	if (master >= 0 && ioctl(master, 0x80045430, &n) == 0 && ioctl(master, 0x40045431, &zero) == 0) {
		char name[32];
		sprintf(name, "/dev/pts/%d", n);
		add_fd(master);
		add_fd(open(name, O_RDWR | O_NOCTTY | O_NONBLOCK));
	}
	for (int i = 0; i < 2; i++) {
		int ep = epoll_create1(0);
		struct epoll_event e = { EPOLLIN | EPOLLOUT, { 0 } };
		for (unsigned k = 0; k < 12 && nr_fds; k++)
			epoll_ctl(ep, EPOLL_CTL_ADD, fds[below(nr_fds)], &e);
		add_fd(ep);
	}
}

static void on_signal(int sig) { (void)sig; }

static void *fuzz(void *arg)
{
	uint64_t s = (uint64_t)(uintptr_t)arg;
	reseed(seed ^ s << 8);
	for (unsigned i = 0; i < calls; i++)
		one_call();
	return NULL;
}

static void map_arena(void)
{
	/* Behind the arena lies nothing for a while: long writes end there. */
	arena = mmap(NULL, ARENA + (8u << 20), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	mprotect(arena, ARENA, PROT_READ | PROT_WRITE);
	readonly = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	forbidden = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	guarded = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(guarded + 4096, 4096);
}

static void worker(unsigned round, unsigned index)
{
	uint64_t id = ((uint64_t)round << 16 | index << 8) + 1;
	struct itimerval tick = { { 0, 20000 }, { 0, 20000 } };
	struct rlimit big = { 256u << 20, 256u << 20 };
	pthread_t t;
	reseed(seed ^ id << 20);
	chdir("/tmp");
	if (index % 3)
		setsid();
	else
		setpgid(0, 0);
	for (int i = 0; i < 3; i++)
		dup2(open("/dev/null", O_RDWR), i);
	if (uid && (setgid(uid) || setuid(uid)))
		_exit(1);
	setrlimit(RLIMIT_FSIZE, &big);
	map_arena();
	open_fds();
	for (int s = 1; s < 64; s++)
		if (s != SIGKILL && s != SIGSTOP && s != SIGSEGV && s != SIGBUS && s != SIGILL && s != 32 && s != 33)
			syscall(SYS_rt_sigaction, s, NULL, NULL, 8), signal(s, on_signal), siginterrupt(s, 1);
	/* Sleeps end: the alarm comes again and again. */
	setitimer(ITIMER_REAL, &tick, NULL);
	for (unsigned i = 1; i < threads; i++)
		pthread_create(&t, NULL, fuzz, (void *)(uintptr_t)(id + i));
	fuzz((void *)(uintptr_t)id);
	_exit(0);
}

/* --- the supervisor ---------------------------------------------------------------------------------------------------------------------- */

static int failed, counts;
static uint64_t total;
static void say(const char *fmt, ...)
{
	char b[512];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(b, sizeof(b), fmt, ap);
	va_end(ap);
	if (write(1001, b, (size_t)n) < 0)
		_exit(3);
}
static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
static void show(const char *path)
{
	char b[2048];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, b, sizeof(b) - 1);
	if (fd >= 0)
		close(fd);
	if (n > 0) {
		b[n] = 0;
		say("%.400s", b);
	}
}
static uint64_t count(const char *name)
{
	char b[4096], key[64];
	ssize_t n = pread(counts, b, sizeof(b) - 1, 0); /* open since the start: the workers may hide /proc */
	if (n <= 0)
		return 0;
	b[n] = 0;
	snprintf(key, sizeof(key), "%s ", name);
	char *p = strstr(b, key);
	return p ? strtoull(p + strlen(key), NULL, 10) : 0;
}

/* Kills all and waits until only we are left. Whoever does not die is a kernel's bug. */
static void sweep(void)
{
	double until = now() + 60;
	for (;;) {
		int st;
		kill(-1, SIGKILL);
		pid_t p = waitpid(-1, &st, WNOHANG | __WALL);
		if (p < 0 && errno == ECHILD)
			return;
		if (p == 0) {
			if (now() > until) {
				failed = 1;
				say("not ok fuzz: processes do not die\n");
				for (int i = supervisor + 1; i < supervisor + 40000; i++) {
					char path[64];
					sprintf(path, "/proc/%d/status", i);
					show(path);
				}
				return;
			}
			struct timespec t = { 0, 2000000 };
			nanosleep(&t, NULL);
		}
	}
}

static void clean(void)
{
	for (int i = 0; i < 40; i++)
		if (umount2("/tmp", MNT_DETACH) < 0)
			break;
	umount2("/tmp/d", MNT_DETACH);
	mount("none", "/tmp", "tmpfs", 0, "mode=1777,size=64m");
	mknod("/tmp/fifo", S_IFIFO | 0666, 0);
	chmod("/tmp/fifo", 0666);
	symlink("loop", "/tmp/loop");
	mkdir("/tmp/d", 0777);
	chmod("/tmp/d", 0777);
	if (access("/proc/self", F_OK) < 0)
		mount("proc", "/proc", "proc", 0, NULL);
}

static pid_t start_worker(unsigned round, unsigned index)
{
	pid_t p = fork();
	if (p == 0)
		worker(round, index);
	if (p < 0) {
		say("not ok fuzz: fork: errno %d\n", errno);
		failed = 1;
	}
	return p;
}

/* Keeps that many workers alive until together they have made their calls: most die early, of what they did to themselves. */
static void run_round(unsigned r)
{
	double until = now() + ROUND_SECONDS;
	pid_t pids[64] = { 0 };
	unsigned next = 0;
	double born[64];
	uint64_t goal = (uint64_t)calls * processes * threads;
	shared->births = 0;
	shared->made = 0;
	while (!failed && shared->made < goal && now() < until) {
		struct timespec t = { 0, 2000000 };
		pid_t p;
		int st;
		for (unsigned i = 0; i < processes && i < NELEM(pids); i++)
			if (pids[i] <= 0)
				pids[i] = start_worker(r, next++), born[i] = now();
			else if (now() > born[i] + WORKER_SECONDS)
				kill(pids[i], SIGKILL); /* asleep for good, or stopped */
		while ((p = waitpid(-1, &st, WNOHANG | __WALL)) > 0)
			for (unsigned i = 0; i < NELEM(pids); i++)
				if (pids[i] == p)
					pids[i] = 0;
		nanosleep(&t, NULL);
	}
	total += shared->made;
	if (now() >= until)
		say("# round %u: out of time\n", r);
	sweep();
}

int main(int argc, char **argv)
{
	int c;
	struct utsname u;
	struct sched_param top = { .sched_priority = 99 };
	uname(&u);
	if (!strstr(u.version, "Pando") && !getenv("FUZZ_ANYWHERE")) {
		fprintf(stderr, "syscalls: this is no Pando; it would do harm\n");
		return 2;
	}
	while ((c = getopt(argc, argv, "s:r:n:p:t:u:c:vS")) != -1)
		switch (c) {
		case 's': seed = strtoull(optarg, NULL, 0); break;
		case 'r': rounds = (unsigned)atoi(optarg); break;
		case 'n': calls = (unsigned)atoi(optarg); break;
		case 'p': processes = (unsigned)atoi(optarg); break;
		case 't': threads = (unsigned)atoi(optarg); break;
		case 'u': uid = (unsigned)atoi(optarg); break;
		case 'c': only = atoi(optarg); break;
		case 'v': verbose = 1; break;
		case 'S': statistics = 1; break;
		default: return 2;
		}
	supervisor = getpid();
	dup2(2, 1000);
	dup2(1, 1001);
	fcntl(1001, F_SETFD, FD_CLOEXEC);
	dup2(open("/proc/pando", O_RDONLY | O_CLOEXEC), 1002);
	counts = 1002;
	fcntl(counts, F_SETFD, FD_CLOEXEC);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	int adj = open("/proc/self/oom_score_adj", O_WRONLY);
	if (adj >= 0 && write(adj, "-1000", 5) < 0)
		say("fuzz: oom_score_adj: %d\n", errno);
	sched_setscheduler(0, SCHED_FIFO, &top);
	for (int s = 1; s <= 64; s++) {
		struct { uint64_t handler, flags, restorer, mask; } ignore = { (uint64_t)(uintptr_t)SIG_IGN, 0, 0, 0 };
		if (s != SIGCHLD && s != SIGSEGV)
			syscall(SYS_rt_sigaction, s, &ignore, NULL, 8); /* the C library would spare its own */
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (unsigned r = 0; r < rounds && !failed; r++) {
		clean();
		run_round(r);
		uint64_t w = count("warnings");
		say("# round %u: %lu calls, free %lu tasks %lu files %lu inodes %lu mms %lu warnings %lu\n", r, shared->made, count("pages_free"), count("tasks"),
			count("files"), count("inodes"), count("mms"), w);
		if (w) {
			say("not ok fuzz: %lu kernel warnings\n", w);
			failed = 1;
		}
	}
	for (int i = 0; statistics && i < 512; i++)
		if (shared->per_call[i].tried)
			say("call %d: %u of %u\n", i, shared->per_call[i].good, shared->per_call[i].tried);
	if (!failed)
		say("ok fuzz seed %lu, %lu calls\n", seed, total);
	return failed;
}
