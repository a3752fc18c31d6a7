/* Capabilities outside exec: capget, capset, the bounding and ambient sets, securebits, what set-user-ID calls do; prctl's process options; RLIMIT_NPROC,
 * ns_last_pid, /proc/sys/user; the order of clone's checks; signals to a group while it forks. */
#include "check.h"
#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define BIT(c) (1ULL << (c))
#define ME 23456

struct sets {
	uint64_t e, p, i;
};
static int get(pid_t pid, struct sets *s)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, pid };
	struct __user_cap_data_struct d[2];
	if (syscall(SYS_capget, &h, d))
		return -1;
	*s = (struct sets){ (uint64_t)d[1].effective << 32 | d[0].effective, (uint64_t)d[1].permitted << 32 | d[0].permitted,
		(uint64_t)d[1].inheritable << 32 | d[0].inheritable };
	return 0;
}
static int set(struct sets s)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { { (uint32_t)s.e, (uint32_t)s.p, (uint32_t)s.i },
		{ (uint32_t)(s.e >> 32), (uint32_t)(s.p >> 32), (uint32_t)(s.i >> 32) } };
	return (int)syscall(SYS_capset, &h, d);
}
static struct sets mine(void)
{
	struct sets s;
	CHECK(get(0, &s) == 0);
	return s;
}
static void need_root(void)
{
	if (geteuid() || !(mine().p & BIT(CAP_SETPCAP)))
		check_skip("needs root");
}
#define IN_ONE(...) CHECK(EXITED(IN_CHILD(__VA_ARGS__), 0))

static void headers(void)
{
	struct __user_cap_header_struct h = { 0x12345678, 0 };
	struct __user_cap_data_struct d[2];
	CHECK(syscall(SYS_capget, &h, NULL) == 0 && h.version == _LINUX_CAPABILITY_VERSION_3);
	h.version = 1;
	CHECK_ERR(syscall(SYS_capget, &h, d), EINVAL);
	h.version = 1;
	CHECK_ERR(syscall(SYS_capset, &h, d), EINVAL);
	CHECK(h.version == _LINUX_CAPABILITY_VERSION_3);
	h = (struct __user_cap_header_struct){ _LINUX_CAPABILITY_VERSION_3, -1 };
	CHECK_ERR(syscall(SYS_capget, &h, d), EINVAL);
	h.pid = 0x3fffffff;
	CHECK_ERR(syscall(SYS_capget, &h, d), ESRCH);
	CHECK_ERR(syscall(SYS_capset, &h, d), EPERM);
	h.pid = 0;
	CHECK_ERR(syscall(SYS_capget, &h, (void *)8), EFAULT);
	CHECK_ERR(syscall(SYS_capget, (void *)8, d), EFAULT);
	struct sets s, t = mine();
	CHECK(get(getpid(), &s) == 0 && s.p == t.p && get(getppid(), &s) == 0);
	h = (struct __user_cap_header_struct){ _LINUX_CAPABILITY_VERSION_1, 0 };
	memset(d, 7, sizeof(d));
	CHECK(syscall(SYS_capget, &h, d) == 0 && d[0].permitted == (uint32_t)t.p && d[1].permitted == 0x07070707);
}

static void capset_rules(void)
{
	need_root();
	struct sets all = mine();
	IN_ONE({
		CHECK(set((struct sets){ BIT(CAP_KILL), BIT(CAP_KILL) | BIT(CAP_SETUID), 0 }) == 0);
		CHECK_ERR(set((struct sets){ 0, all.p, 0 }), EPERM); /* never more permitted */
		CHECK_ERR(set((struct sets){ BIT(CAP_CHOWN), BIT(CAP_KILL), 0 }), EPERM); /* effective within permitted */
		CHECK_ERR(set((struct sets){ 0, 0, BIT(CAP_CHOWN) }), EPERM); /* without SETPCAP: inheritable within permitted */
		CHECK(set((struct sets){ 0, BIT(CAP_KILL), BIT(CAP_SETUID) }) == 0);
		CHECK(mine().i == BIT(CAP_SETUID) && mine().e == 0 && mine().p == BIT(CAP_KILL));
		CHECK(set((struct sets){ 0, 0, BIT(CAP_SETUID) }) == 0);
	});
	IN_ONE({
		CHECK(prctl(PR_CAPBSET_READ, CAP_CHOWN) == 1 && prctl(PR_CAPBSET_DROP, CAP_CHOWN) == 0 && prctl(PR_CAPBSET_READ, CAP_CHOWN) == 0);
		CHECK_ERR(set((struct sets){ all.e, all.p, BIT(CAP_CHOWN) }), EPERM); /* inheritable within the bounding set */
		CHECK(mine().p & BIT(CAP_CHOWN));
		CHECK_ERR(prctl(PR_CAPBSET_READ, 64), EINVAL);
		CHECK_ERR(prctl(PR_CAPBSET_DROP, 64), EINVAL);
		CHECK(set((struct sets){ 0, all.p, 0 }) == 0);
		CHECK_ERR(prctl(PR_CAPBSET_DROP, CAP_KILL), EPERM);
	});
}

static void setuid_family(void)
{
	need_root();
	struct sets all = mine();
	IN_ONE({
		CHECK(setresuid(0, ME, 0) == 0 && mine().e == 0 && mine().p == all.p); /* effective follows the effective id */
		CHECK(setresuid(-1, 0, -1) == 0 && mine().e == all.p);
		CHECK(setfsuid(ME) == 0);
		uint64_t fs = BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) | BIT(CAP_MKNOD) |
					  BIT(CAP_LINUX_IMMUTABLE) | BIT(CAP_MAC_OVERRIDE);
		CHECK(mine().e == (all.p & ~fs) && mine().p == all.p);
		setfsuid(0);
		CHECK(mine().e == all.p);
		CHECK(setresuid(ME, ME, ME) == 0 && mine().p == 0 && mine().e == 0);
	});
	IN_ONE({
		CHECK(prctl(PR_SET_KEEPCAPS, 1) == 0 && prctl(PR_GET_KEEPCAPS) == 1);
		CHECK_ERR(prctl(PR_SET_KEEPCAPS, 2), EINVAL);
		CHECK(setresuid(ME, ME, ME) == 0 && mine().p == all.p && mine().e == 0);
		CHECK(set((struct sets){ BIT(CAP_SETUID), all.p, 0 }) == 0 && setresuid(0, 0, 0) == 0 && mine().e == all.p);
	});
	IN_ONE({
		CHECK(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) == 0 && prctl(PR_GET_SECUREBITS) == SECBIT_NO_SETUID_FIXUP);
		CHECK(setresuid(ME, ME, ME) == 0 && mine().p == all.p && mine().e == all.e);
	});
	IN_ONE({
		CHECK(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS | SECBIT_KEEP_CAPS_LOCKED) == 0 && prctl(PR_GET_KEEPCAPS) == 1);
		CHECK_ERR(prctl(PR_SET_KEEPCAPS, 0), EPERM);
		CHECK_ERR(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS), EPERM);
		CHECK_ERR(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS_LOCKED), EPERM);
		CHECK_ERR(prctl(PR_SET_SECUREBITS, 1UL << 12 | SECBIT_KEEP_CAPS | SECBIT_KEEP_CAPS_LOCKED), EPERM);
		CHECK(set((struct sets){ 0, 0, 0 }) == 0);
		CHECK_ERR(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NOROOT), EPERM);
	});
}

static int ambient(int op, unsigned long cap) { return prctl(PR_CAP_AMBIENT, op, cap, 0, 0); }
static void ambient_set(void)
{
	need_root();
	IN_ONE({
		CHECK(ambient(PR_CAP_AMBIENT_IS_SET, CAP_KILL) == 0);
		CHECK_ERR(ambient(PR_CAP_AMBIENT_RAISE, CAP_KILL), EPERM); /* not inheritable */
		struct sets s = mine();
		s.i = BIT(CAP_KILL) | BIT(CAP_CHOWN);
		CHECK(set(s) == 0 && ambient(PR_CAP_AMBIENT_RAISE, CAP_KILL) == 0 && ambient(PR_CAP_AMBIENT_RAISE, CAP_CHOWN) == 0);
		CHECK(ambient(PR_CAP_AMBIENT_IS_SET, CAP_KILL) == 1 && ambient(PR_CAP_AMBIENT_LOWER, CAP_CHOWN) == 0 &&
			  ambient(PR_CAP_AMBIENT_IS_SET, CAP_CHOWN) == 0);
		CHECK_ERR(ambient(PR_CAP_AMBIENT_RAISE, 64), EINVAL);
		CHECK_ERR(ambient(77, 1), EINVAL);
		CHECK_ERR(ambient(PR_CAP_AMBIENT_CLEAR_ALL, 1), EINVAL);
		CHECK_ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 1, 0), EINVAL);
		s.i = 0;
		CHECK(set(s) == 0 && ambient(PR_CAP_AMBIENT_IS_SET, CAP_KILL) == 0); /* falls with inheritable */
		s.i = BIT(CAP_KILL);
		CHECK(set(s) == 0 && ambient(PR_CAP_AMBIENT_RAISE, CAP_KILL) == 0 && ambient(PR_CAP_AMBIENT_CLEAR_ALL, 0) == 0);
		CHECK(ambient(PR_CAP_AMBIENT_IS_SET, CAP_KILL) == 0);
		CHECK(ambient(PR_CAP_AMBIENT_RAISE, CAP_KILL) == 0 && setresuid(ME, ME, ME) == 0 && ambient(PR_CAP_AMBIENT_IS_SET, CAP_KILL) == 0);
	});
	IN_ONE({
		struct sets s = mine();
		s.i = BIT(CAP_KILL);
		CHECK(set(s) == 0 && prctl(PR_SET_SECUREBITS, SECBIT_NO_CAP_AMBIENT_RAISE) == 0);
		CHECK_ERR(ambient(PR_CAP_AMBIENT_RAISE, CAP_KILL), EPERM);
	});
}

static void process_options(void)
{
	char name[20] = "";
	IN_ONE({
		int v = -1;
		CHECK(prctl(PR_SET_NAME, "a very long name indeed") == 0 && prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "a very long nam"));
		CHECK_ERR(prctl(PR_SET_NAME, 8), EFAULT);
		CHECK(
			prctl(PR_GET_PDEATHSIG, &v) == 0 && v == 0 && prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0 && prctl(PR_GET_PDEATHSIG, &v) == 0 && v == SIGUSR1);
		CHECK_ERR(prctl(PR_SET_PDEATHSIG, 65), EINVAL);
		CHECK(EXITED(IN_CHILD(CHECK(prctl(PR_GET_PDEATHSIG, &v) == 0 && v == 0)), 0));
		CHECK(prctl(PR_GET_DUMPABLE) == 1 && prctl(PR_SET_DUMPABLE, 0) == 0 && prctl(PR_GET_DUMPABLE) == 0);
		CHECK_ERR(prctl(PR_SET_DUMPABLE, 2), EINVAL);
		CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
		CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 && prctl(PR_GET_CHILD_SUBREAPER, &v) == 0 && v == 1);
		CHECK(EXITED(IN_CHILD(CHECK(prctl(PR_GET_CHILD_SUBREAPER, &v) == 0 && v == 0)), 0));
		CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
		CHECK_ERR(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
		CHECK_ERR(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0), EINVAL);
		CHECK_ERR(prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0), EINVAL);
		CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
		CHECK(EXITED(IN_CHILD(CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)), 0));
		CHECK_ERR(prctl(99999, 0, 0, 0, 0), EINVAL);
	});
}

static void *nop(void *arg) { return arg; }
static void process_limit(void)
{
	need_root();
	struct rlimit r = { 5, 5 };
	IN_ONE({
		CHECK(setrlimit(RLIMIT_NPROC, &r) == 0 && setgid(ME) == 0 && setuid(ME) == 0);
		int p[2];
		CHECK(pipe(p) == 0);
		for (int i = 0; i < 4; i++) /* exactly five, this one included */
			if (!fork()) {
				char c;
				close(p[1]);
				_exit(read(p[0], &c, 1) != 0);
			}
		CHECK_ERR(fork(), EAGAIN);
		pthread_t t;
		CHECK(pthread_create(&t, NULL, nop, NULL) == EAGAIN); /* threads count too */
		close(p[1]);
		CHECK(wait(NULL) > 0);
		pid_t c = fork(); /* a zombie no longer counts, once it is reaped */
		if (!c)
			_exit(0);
		CHECK(c > 0);
		while (wait(NULL) > 0)
			;
	});
	/* Whoever may exceed it: root by id, or with either of two capabilities. */
	IN_ONE({
		CHECK(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) == 0 && setrlimit(RLIMIT_NPROC, &r) == 0 && setuid(ME) == 0);
		r.rlim_cur = 0;
		CHECK(setrlimit(RLIMIT_NPROC, &r) == 0 && EXITED(IN_CHILD(_exit(0)), 0)); /* CAP_SYS_ADMIN */
		struct sets s = mine();
		s.e &= ~(BIT(CAP_SYS_ADMIN) | BIT(CAP_SYS_RESOURCE));
		CHECK(set(s) == 0);
		CHECK_ERR(fork(), EAGAIN);
	});
}

/* The machine's limit knows no privilege. Elsewhere than on Pando it would hit everybody else. */
static void threads_max(void)
{
	if (access("/proc/pando", R_OK))
		check_skip("needs a machine of its own");
	char buf[64] = "", old[20] = "";
	int alive, fd = open("/proc/loadavg", O_RDONLY), max = open("/proc/sys/kernel/threads-max", O_RDWR);
	CHECK(read(fd, buf, sizeof(buf) - 1) > 0 && sscanf(strchr(buf, '/'), "/%d", &alive) == 1 && read(max, old, sizeof(old) - 1) > 0);
	CHECK_ERR(pwrite(max, "0\n", 2, 0), EINVAL);
	CHECK_ERR(pwrite(max, "1073741824\n", 11, 0), EINVAL);
	snprintf(buf, sizeof(buf), "%d\n", alive + 1);
	CHECK(pwrite(max, buf, strlen(buf), 0) == (ssize_t)strlen(buf));
	pid_t a = fork(), b;
	if (!a)
		pause();
	b = fork();
	int err = errno;
	if (!b)
		_exit(0);
	CHECK(pwrite(max, old, strlen(old), 0) == (ssize_t)strlen(old));
	CHECK(a > 0 && b == -1 && err == EAGAIN);
	kill(a, SIGKILL);
	CHECK(KILLED(reap(a), SIGKILL));
	a = fork();
	if (!a)
		_exit(0);
	CHECK(EXITED(reap(a), 0));
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}
static void namespace_counts(void)
{
	need_root();
	IN_ONE({
		CHECK(unshare(CLONE_NEWUSER) == 0);
		write_text("/proc/self/uid_map", "0 0 1");
		write_text("/proc/self/setgroups", "deny");
		write_text("/proc/self/gid_map", "0 0 1");
		char path[60];
		static const struct {
			const char *name;
			int flag;
		} all[] = { { "uts", CLONE_NEWUTS }, { "ipc", CLONE_NEWIPC }, { "mnt", CLONE_NEWNS }, { "net", CLONE_NEWNET }, { "pid", CLONE_NEWPID },
			{ "cgroup", CLONE_NEWCGROUP }, { "time", 0x80 }, { "user", CLONE_NEWUSER } };
		for (size_t i = 0; i < NELEM(all); i++) {
			snprintf(path, sizeof(path), "/proc/sys/user/max_%s_namespaces", all[i].name);
			int fd = open(path, O_WRONLY);
			CHECK(fd >= 0 && write(fd, "1\n", 2) == 2);
			CHECK(EXITED(IN_CHILD(CHECK(unshare(all[i].flag) == 0)), 0));
			CHECK(lseek(fd, 0, SEEK_SET) == 0 && write(fd, "0\n", 2) == 2);
			CHECK(EXITED(IN_CHILD(CHECK_ERR(unshare(all[i].flag), ENOSPC)), 0));
			close(fd);
		}
	});
}

static void next_pid(void)
{
	need_root();
	pid_t c = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
	if (c < 0 && errno == EPERM)
		check_skip("no pid namespaces");
	if (!c) {
		int fd = open("/proc/sys/kernel/ns_last_pid", O_RDWR);
		CHECK(fd >= 0 && write(fd, "4321\n", 5) == 5);
		pid_t p = fork();
		if (!p)
			_exit(0);
		CHECK(p == 4322 && EXITED(reap(p), 0));
		char buf[20] = "";
		CHECK(pread(fd, buf, sizeof(buf), 0) > 0 && atoi(buf) == 4322);
		p = fork();
		if (!p) {
			CHECK(setgid(ME) == 0 && setuid(ME) == 0);
			CHECK_ERR(pwrite(fd, "5\n", 2, 0), EPERM);
			_exit(0);
		}
		CHECK(p == 4323 && EXITED(reap(p), 0));
		_exit(0);
	}
	CHECK(c > 0 && EXITED(reap(c), 0));
}

/* --- the order of clone's checks: of two wrongs the earlier one is told ---------------------------------------------------------------------- */

struct args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};
static void check_order(void)
{
	need_root();
	char page[5000];
	memset(page, 0, sizeof(page));
#define C3(size, ...) syscall(SYS_clone3, memcpy(page, &(struct args){ __VA_ARGS__ }, sizeof(struct args)), size)
	int tid[2] = { 7000, 7001 };
	CHECK_ERR(syscall(SYS_clone3, 8, 5000), E2BIG);
	CHECK_ERR(syscall(SYS_clone3, 8, 63), EINVAL);
	page[100] = 1;
	CHECK_ERR(C3(120, .flags = ~0ULL), E2BIG);
	page[100] = 0;
	CHECK_ERR(C3(88, .flags = ~0ULL, .set_tid = 8, .set_tid_size = 1), EFAULT);
	CHECK_ERR(C3(88, .exit_signal = 65, .set_tid = 8, .set_tid_size = 1), EINVAL);
	CHECK_ERR(C3(88, .flags = CLONE_SETTLS | CLONE_PARENT, .exit_signal = SIGCHLD, .tls = -1ULL), EINVAL);
	CHECK_ERR(C3(88, .flags = CLONE_SETTLS, .exit_signal = SIGCHLD, .tls = -1ULL, .set_tid = (uint64_t)tid, .set_tid_size = 33), EINVAL);
	/* thread (C22) before pid (C23) before pidfd (C24) */
	CHECK_ERR(C3(88, .flags = CLONE_SETTLS, .exit_signal = SIGCHLD, .tls = -1ULL, .set_tid = (uint64_t)tid, .set_tid_size = 32), EPERM);
	tid[0] = getpid();
	CHECK_ERR(C3(88, .flags = CLONE_PIDFD, .pidfd = 8, .exit_signal = SIGCHLD, .set_tid = (uint64_t)tid, .set_tid_size = 1), EEXIST);
	CHECK_ERR(C3(88, .flags = CLONE_PIDFD, .pidfd = 8, .exit_signal = SIGCHLD), EFAULT);
	tid[0] = 0;
	CHECK_ERR(C3(88, .flags = CLONE_PIDFD, .pidfd = 8, .exit_signal = SIGCHLD, .set_tid = (uint64_t)tid, .set_tid_size = 1), EINVAL);
	/* C1 to C7 */
	CHECK_ERR(syscall(SYS_clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, 0, 0, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_clone, CLONE_NEWUSER | CLONE_FS | SIGCHLD, 0, 0, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_clone, CLONE_PIDFD | CLONE_DETACHED | SIGCHLD, 0, tid, 0, 0), EINVAL);
	IN_ONE({
		CHECK(setgid(ME) == 0 && setuid(ME) == 0);
		/* limits (C11) before namespaces (C20); privilege before what does not go together there */
		CHECK_ERR(syscall(SYS_clone, CLONE_NEWIPC | CLONE_SYSVSEM | SIGCHLD, 0, 0, 0, 0), EPERM);
		CHECK_ERR(syscall(SYS_clone, CLONE_NEWUTS | CLONE_SETTLS | SIGCHLD, 0, 0, 0, -1UL), EPERM);
		struct rlimit r = { 0, 0 };
		CHECK(setrlimit(RLIMIT_NPROC, &r) == 0);
		CHECK_ERR(syscall(SYS_clone, CLONE_NEWUTS | SIGCHLD, 0, 0, 0, 0), EAGAIN);
		CHECK_ERR(syscall(SYS_clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, 0, 0, 0, 0), EINVAL);
	});
	/* unshare: flags, then what cannot be unshared, then privilege */
	CHECK_ERR(unshare(CLONE_PARENT), EINVAL);
	CHECK_ERR(unshare(CLONE_NEWUTS | CLONE_PIDFD), EINVAL);
	CHECK(EXITED(IN_CHILD(CHECK(unshare(CLONE_VM) == 0 && unshare(CLONE_THREAD | CLONE_SIGHAND | CLONE_FILES | CLONE_FS) == 0)), 0));
}

/* --- signals to the group of somebody who forks: everybody in it gets each, the newborn too ---------------------------------------------------- */

static volatile sig_atomic_t stop;
static void on_term(int sig) { (void)sig, stop = 1; }
static void group_signals_and_forks(void)
{
	for (int round = 0; round < 30; round++) {
		int p[2];
		CHECK(pipe(p) == 0);
		pid_t leader = fork();
		if (!leader) {
			setpgid(0, 0);
			struct sigaction sa = { .sa_handler = on_term };
			sigaction(SIGTERM, &sa, NULL);
			CHECK(write(p[1], "x", 1) == 1);
			/* Every process of the group must hear of SIGTERM, or was not there yet; none may live on without having heard. */
			while (!stop) {
				pid_t c = fork();
				if (!c) {
					while (!stop)
						usleep(200);
					_exit(0);
				}
				usleep(50);
			}
			int st;
			while (wait(&st) > 0 || errno == EINTR)
				;
			_exit(0);
		}
		char c;
		CHECK(read(p[0], &c, 1) == 1);
		usleep((unsigned)(round * 37 % 700));
		CHECK(kill(-leader, SIGTERM) == 0);
		double start = now();
		int st, r;
		while (!(r = waitpid(leader, &st, WNOHANG)) && now() - start < 10)
			usleep(500);
		if (!r)
			kill(-leader, SIGKILL);
		CHECK(r == leader && EXITED(st, 0));
		close(p[0]);
		close(p[1]);
	}
}

CASES(CASE(headers), CASE(capset_rules), CASE(setuid_family), CASE(ambient_set), CASE(process_options), CASE(process_limit), CASE(threads_max),
	CASE(namespace_counts), CASE(next_pid), CASE(check_order), CASE(group_signals_and_forks))
