/* User namespaces: id maps, capabilities over what they own and nothing else, setgroups, limits. Needs root. */
#include "check.h"
#include <linux/capability.h>
#include <linux/sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <grp.h>
#include <sys/fsuid.h>

#define MUST(st) CHECK(EXITED(st, 0))

static int write_proc(pid_t p, const char *file, const char *text)
{
	char path[64];
	if (p)
		snprintf(path, sizeof(path), "/proc/%d/%s", p, file);
	else
		snprintf(path, sizeof(path), "/proc/self/%s", file);
	int fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	ssize_t n = write(fd, text, strlen(text));
	int err = n < 0 ? -errno : 0;
	close(fd);
	return err;
}
static void read_proc(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY);
	CHECK(fd >= 0);
	ssize_t n = read(fd, buf, size - 1);
	CHECK(n >= 0);
	buf[n] = 0;
	close(fd);
}
static unsigned long long status_field(const char *name)
{
	char buf[8192];
	read_proc("/proc/self/status", buf, sizeof(buf));
	char *p = strstr(buf, name);
	CHECK(p);
	return strtoull(p + strlen(name), NULL, 16);
}
static void become(unsigned id)
{
	CHECK(setgroups(0, NULL) == 0);
	CHECK(setresgid(id, id, id) == 0 && setresuid(id, id, id) == 0);
	CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
}

static void unmapped_ids_are_the_overflow_id(void)
{
	MUST(IN_CHILD({
		become(1000);
		CHECK(unshare(CLONE_NEWUSER) == 0);
		CHECK(getuid() == 65534 && geteuid() == 65534 && getgid() == 65534);
		CHECK_ERR(setuid(0), EINVAL);
		CHECK_ERR(setresuid(-1, 0, -1), EINVAL);
		CHECK(setresuid(-1, -1, -1) == 0);
		struct stat st;
		CHECK(stat("/", &st) == 0 && st.st_uid == 65534);
		CHECK(status_field("CapEff:\t") == 0x1ffffffffffULL);
		CHECK(status_field("CapPrm:\t") == 0x1ffffffffffULL);
		CHECK(status_field("CapBnd:\t") == 0x1ffffffffffULL);
		CHECK(status_field("CapInh:\t") == 0 && status_field("CapAmb:\t") == 0);
	}));
}

static void map_oneself_as_root(void)
{
	MUST(IN_CHILD({
		become(1000);
		CHECK(unshare(CLONE_NEWUSER) == 0);
		CHECK(write_proc(0, "gid_map", "0 1000 1") == -EPERM);
		CHECK(write_proc(0, "setgroups", "deny") == 0);
		CHECK(write_proc(0, "setgroups", "allow") == -EPERM);
		CHECK(write_proc(0, "uid_map", "0 1000 1") == 0);
		CHECK(write_proc(0, "gid_map", "0 1000 1\n") == 0);
		CHECK(write_proc(0, "uid_map", "0 1000 1") == -EPERM);
		CHECK(getuid() == 0 && getgid() == 0);
		char b[100];
		read_proc("/proc/self/uid_map", b, sizeof(b));
		CHECK(!strcmp(b, "         0       1000          1\n"));
		read_proc("/proc/self/setgroups", b, sizeof(b));
		CHECK(!strcmp(b, "deny\n"));
		CHECK_ERR(setgroups(0, NULL), EPERM);
		CHECK_ERR(setuid(1), EINVAL);
		CHECK(setuid(0) == 0);
		int fd = open("f", O_CREAT | O_WRONLY, 0600);
		CHECK(fd >= 0 || errno == EACCES);
	}));
}

static void capabilities_are_good_inside_only(void)
{
	MUST(IN_CHILD({
		become(1000);
		CHECK(unshare(CLONE_NEWUSER) == 0);
		CHECK_ERR(sethostname("x", 1), EPERM);
		CHECK_ERR(mount("none", "/tmp", "tmpfs", 0, NULL), EPERM);
		CHECK_ERR(chroot("/nonexistent-dir"), ENOENT);
		CHECK(chroot("/") == 0);
		struct timespec ts = { 0, 0 };
		CHECK_ERR(clock_settime(CLOCK_REALTIME, &ts), EPERM);
		CHECK_ERR(kill(1, SIGCONT), EPERM);
		CHECK_ERR(nice(-1), EPERM);
	}));
	MUST(IN_CHILD({
		become(1000);
		CHECK(unshare(CLONE_NEWUSER | CLONE_NEWUTS) == 0);
		CHECK(sethostname("inside", 6) == 0);
	}));
}

static void files_of_unmapped_owners_stay_closed(void)
{
	write_file("secret", "x", 1, 0600);
	CHECK(chmod(".", 0777) == 0);
	MUST(IN_CHILD({
		CHECK(unshare(CLONE_NEWUSER) == 0);
		/* Root without a name: the owner still. */
		CHECK(open("secret", O_RDONLY) >= 0);
	}));
	MUST(IN_CHILD({
		become(1000);
		CHECK(unshare(CLONE_NEWUSER) == 0);
		CHECK_ERR(open("secret", O_RDONLY), EACCES);
	}));
	CHECK(chown("secret", 1000, 1000) == 0);
	MUST(IN_CHILD({
		become(1000);
		CHECK(unshare(CLONE_NEWUSER) == 0);
		CHECK(open("secret", O_RDWR) >= 0);
		CHECK_ERR(chown("secret", 0, 0), EINVAL);
		struct stat st;
		CHECK(stat("secret", &st) == 0 && st.st_uid == 65534);
		CHECK(write_proc(0, "uid_map", "7 1000 1") == 0);
		CHECK(stat("secret", &st) == 0 && st.st_uid == 7);
	}));
}

/* A privileged parent maps a range. Runs the statement in a child with ids 0..999 mapped to 100000.., as its root. */
#define IN_USERNS(...)                                                                                                 \
	({                                                                                                                 \
		int up_[2], down_[2];                                                                                          \
		char c_;                                                                                                       \
		CHECK(pipe(up_) == 0 && pipe(down_) == 0);                                                                     \
		pid_t p_ = fork();                                                                                             \
		if (!p_) {                                                                                                     \
			CHECK(unshare(CLONE_NEWUSER) == 0);                                                                        \
			CHECK(write(up_[1], "x", 1) == 1 && read(down_[0], &c_, 1) == 1);                                          \
			CHECK(setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0);                                                 \
			__VA_ARGS__;                                                                                                  \
			_exit(0);                                                                                                  \
		}                                                                                                              \
		CHECK(read(up_[0], &c_, 1) == 1);                                                                              \
		CHECK(write_proc(p_, "uid_map", "0 100000 1000\n") == 0);                                                      \
		CHECK(write_proc(p_, "gid_map", "0 100000 1000\n") == 0);                                                      \
		CHECK(write(down_[1], "x", 1) == 1);                                                                           \
		reap(p_);                                                                                                      \
	})

static void a_range_of_ids(void)
{
	CHECK(chmod(".", 0777) == 0);
	MUST(IN_USERNS({
		CHECK(getuid() == 0);
		gid_t g[3] = { 5, 6, 999 };
		CHECK(setgroups(3, g) == 0);
		gid_t h[8];
		CHECK(getgroups(8, h) == 3 && h[2] == 999);
		g[0] = 1000;
		CHECK_ERR(setgroups(3, g), EINVAL);
		write_file("mine", "x", 1, 0600);
		CHECK(chown("mine", 10, 20) == 0);
		struct stat st;
		CHECK(stat("mine", &st) == 0 && st.st_uid == 10 && st.st_gid == 20);
		CHECK_ERR(chown("mine", 1000, 0), EINVAL);
		CHECK(setresuid(10, 10, 10) == 0);
		CHECK(status_field("CapEff:\t") == 0);
		CHECK(getuid() == 10);
		CHECK_ERR(setresuid(0, 0, 0), EPERM);
	}));
	struct stat st;
	CHECK(stat("mine", &st) == 0 && st.st_uid == 100010 && st.st_gid == 100020);
}

static void maps_are_checked(void)
{
	MUST(IN_CHILD({
		CHECK(unshare(CLONE_NEWUSER) == 0);
		CHECK(write_proc(0, "uid_map", "") == -EINVAL || 1);
		CHECK(write_proc(0, "uid_map", "0") == -EINVAL);
		CHECK(write_proc(0, "uid_map", "0 0") == -EINVAL);
		CHECK(write_proc(0, "uid_map", "0 0 0") == -EINVAL);
		CHECK(write_proc(0, "uid_map", "0 0 1 1") == -EINVAL);
		CHECK(write_proc(0, "uid_map", "a 0 1") == -EINVAL);
		CHECK(write_proc(0, "uid_map", "0 0 1\n0 5 1\n") == -EINVAL);
		CHECK(write_proc(0, "uid_map", "0 0 5\n5 4 1\n") == -EINVAL);
		CHECK(write_proc(0, "uid_map", "0 4294967295 1") == -EINVAL);
		CHECK(write_proc(0, "uid_map", "4294967290 0 10") == -EINVAL);
		/* More than oneself needs privilege over the parent, which is lost in here. */
		CHECK(write_proc(0, "uid_map", "0 0 2") == -EPERM);
		CHECK(write_proc(0, "uid_map", "0 1 1") == -EPERM);
		CHECK(write_proc(0, "uid_map", "0 0 1") == 0);
	}));
	/* A map of the initial namespace cannot be written. */
	CHECK(write_proc(0, "uid_map", "0 0 1") == -EPERM);
	CHECK(write_proc(0, "setgroups", "deny") == -EPERM);
	CHECK(write_proc(0, "setgroups", "maybe") == -EINVAL);
	char b[100];
	read_proc("/proc/self/uid_map", b, sizeof(b));
	CHECK(!strcmp(b, "         0          0 4294967295\n"));
}

static void the_owner_rules_from_above(void)
{
	int up[2];
	char c;
	CHECK(pipe(up) == 0);
	MUST(IN_CHILD({
		become(1000);
		pid_t p = fork();
		if (!p) {
			CHECK(unshare(CLONE_NEWUSER) == 0);
			CHECK(write(up[1], "x", 1) == 1);
			for (;;)
				pause();
		}
		CHECK(read(up[0], &c, 1) == 1);
		/* Without capabilities, as the user who made it. */
		CHECK(write_proc(p, "setgroups", "deny") == 0);
		CHECK(write_proc(p, "uid_map", "5 1000 1") == 0);
		CHECK(write_proc(p, "gid_map", "5 1000 1") == 0);
		CHECK(kill(p, SIGKILL) == 0);
		reap(p);
	}));
}

static void depth_is_limited(void)
{
	MUST(IN_CHILD({
		for (int i = 0; i < 40; i++) {
			if (unshare(CLONE_NEWUSER) < 0) {
				SHARED[0] = i;
				SHARED[1] = errno;
				break;
			}
			CHECK(write_proc(0, "setgroups", "deny") == 0 || i);
			CHECK(write_proc(0, "uid_map", "0 0 1") == 0);
			CHECK(write_proc(0, "gid_map", "0 0 1") == 0);
		}
	}));
	CHECK(SHARED[1] == ENOSPC);
	CHECK(SHARED[0] > 25 && SHARED[0] <= 33);
}

static void a_nameless_creator_cannot_nest(void)
{
	MUST(IN_CHILD({
		become(1000);
		CHECK(unshare(CLONE_NEWUSER) == 0);
		CHECK_ERR(unshare(CLONE_NEWUSER), EPERM);
	}));
}

static void a_chrooted_one_cannot_either(void)
{
	CHECK(mkdir("r", 0755) == 0);
	MUST(IN_CHILD({
		CHECK(chroot("r") == 0);
		CHECK_ERR(unshare(CLONE_NEWUSER), EPERM);
	}));
}

static void clone_with_a_user_namespace(void)
{
	MUST(IN_CHILD({
		become(1000);
		struct clone_args a = { .flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWUTS, .exit_signal = SIGCHLD };
		pid_t p = (pid_t)syscall(SYS_clone3, &a, sizeof(a));
		CHECK(p >= 0);
		if (!p) {
			CHECK(getpid() == 1 && getuid() == 65534);
			CHECK(sethostname("u", 1) == 0);
			_exit(3);
		}
		CHECK(EXITED(reap(p), 3));
		CHECK(getuid() == 1000);
		a.flags = CLONE_NEWUTS;
		CHECK_ERR(syscall(SYS_clone3, &a, sizeof(a)), EPERM);
		a.flags = CLONE_NEWUSER | CLONE_FS;
		CHECK_ERR(syscall(SYS_clone3, &a, sizeof(a)), EINVAL);
	}));
}

static void signals_carry_the_receivers_view(void)
{
	int fd[2];
	CHECK(pipe(fd) == 0);
	pid_t top = getpid();
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGCHLD);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	int st = IN_USERNS({
		CHECK(setresuid(5, 5, 5) == 0);
		CHECK_ERR(kill(top, SIGUSR1), EPERM);
	});
	MUST(st);
	siginfo_t si;
	CHECK(sigwaitinfo(&set, &si) == SIGCHLD && si.si_uid == 100005);
}

static void exec_drops_capabilities_of_a_nameless_user(void)
{
	MUST(IN_CHILD({
		become(1000);
		CHECK(unshare(CLONE_NEWUSER) == 0);
		char *argv[] = { "user_ns", "--caps", "0", NULL };
		execv("/proc/self/exe", argv);
		_exit(9);
	}));
	MUST(IN_CHILD({
		become(1000);
		CHECK(unshare(CLONE_NEWUSER) == 0);
		CHECK(write_proc(0, "uid_map", "0 1000 1") == 0);
		char *argv[] = { "user_ns", "--caps", "1ffffffffff", NULL };
		execv("/proc/self/exe", argv);
		_exit(9);
	}));
}

static void limits_on_their_number(void)
{
	char old[40];
	read_proc("/proc/sys/user/max_user_namespaces", old, sizeof(old));
	MUST(IN_CHILD({
		CHECK(unshare(CLONE_NEWUSER) == 0);
		CHECK(write_proc(0, "uid_map", "0 0 1") == 0);
		char b[40];
		read_proc("/proc/sys/user/max_uts_namespaces", b, sizeof(b));
		CHECK(atoi(b) == 2147483647);
		int fd = open("/proc/sys/user/max_uts_namespaces", O_WRONLY);
		CHECK(fd >= 0);
		CHECK(write(fd, "1", 1) == 1);
		CHECK(unshare(CLONE_NEWUTS) == 0);
		CHECK_ERR(unshare(CLONE_NEWUTS), ENOSPC);
	}));
	char b[40];
	read_proc("/proc/sys/user/max_user_namespaces", b, sizeof(b));
	CHECK(!strcmp(b, old));
}

static int helper(int argc, char **argv)
{
	char buf[8192];
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);
	buf[n > 0 ? n : 0] = 0;
	char *p = strstr(buf, "CapEff:\t");
	return p && strtoull(p + 8, NULL, 16) == strtoull(argv[2], NULL, 16) ? 0 : 1;
}
#undef HELPER
#define HELPER(argc, argv) helper(argc, argv)

CASES(CASE(unmapped_ids_are_the_overflow_id), CASE(map_oneself_as_root), CASE(capabilities_are_good_inside_only),
	CASE(files_of_unmapped_owners_stay_closed), CASE(a_range_of_ids), CASE(maps_are_checked), CASE(the_owner_rules_from_above), CASE(depth_is_limited),
	CASE(a_nameless_creator_cannot_nest), CASE(a_chrooted_one_cannot_either), CASE(clone_with_a_user_namespace), CASE(signals_carry_the_receivers_view),
	CASE(exec_drops_capabilities_of_a_nameless_user), CASE(limits_on_their_number))
