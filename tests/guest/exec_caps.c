/* execve: set-id bits, file capabilities, and who does not get them. */
static int helper(int argc, char **argv);
#define HELPER(argc, argv) helper(argc, argv)
#include "check.h"
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/xattr.h>

#define RAW (1UL << CAP_NET_RAW)
#define ADMIN (1UL << CAP_SYS_ADMIN)
#define KILL (1UL << CAP_KILL)
/* What the program saw: SHARED does not outlive execve, so it goes into a file. */
struct seen {
	uid_t uid, euid, suid;
	gid_t gid, egid, sgid;
	unsigned long permitted, effective, inheritable;
	int secure, dumpable, pdeath, keep, ambient_raw;
};

static void get_caps(unsigned long *p, unsigned long *e, unsigned long *i)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];
	syscall(SYS_capget, &h, d);
	*p = d[0].permitted | (unsigned long)d[1].permitted << 32;
	*e = d[0].effective | (unsigned long)d[1].effective << 32;
	*i = d[0].inheritable | (unsigned long)d[1].inheritable << 32;
}
static void set_caps(unsigned long p, unsigned long e, unsigned long i)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { { (unsigned)e, (unsigned)p, (unsigned)i },
		{ (unsigned)(e >> 32), (unsigned)(p >> 32), (unsigned)(i >> 32) } };
	CHECK(syscall(SYS_capset, &h, d) == 0);
}

static int helper(int argc, char **argv)
{
	struct seen s = { 0 };
	getresuid(&s.uid, &s.euid, &s.suid);
	getresgid(&s.gid, &s.egid, &s.sgid);
	get_caps(&s.permitted, &s.effective, &s.inheritable);
	s.secure = (int)getauxval(AT_SECURE);
	s.dumpable = prctl(PR_GET_DUMPABLE);
	prctl(PR_GET_PDEATHSIG, &s.pdeath);
	s.keep = prctl(PR_GET_KEEPCAPS);
	s.ambient_raw = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_RAW, 0, 0);
	/* Open at start(). */
	return write(9, &s, sizeof(s)) == sizeof(s) ? 0 : 1;
}

static int out_fd;
/* A tmpfs of our own with a copy of this program, and an open file for what it saw. */
static void start(void)
{
	char buf[65536];
	ssize_t n;
	if (geteuid())
		check_skip("not root");
	CHECK(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHECK(mount("caps", ".", "tmpfs", 0, "mode=0777") == 0);
	char cwd[300];
	CHECK(getcwd(cwd, sizeof(cwd)) && chdir("/") == 0 && chdir(cwd) == 0);
	int in = open("/proc/self/exe", O_RDONLY), out = open("prog", O_WRONLY | O_CREAT | O_EXCL, 0755);
	CHECK(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		CHECK(write(out, buf, (size_t)n) == n);
	close(in);
	close(out);
	int fd = open("seen", O_RDWR | O_CREAT, 0666);
	CHECK(fd >= 0 && dup2(fd, 9) == 9 && close(fd) == 0);
	out_fd = 9;
}
static struct seen result(int st)
{
	struct seen s;
	CHECK(EXITED(st, 0));
	CHECK(pread(out_fd, &s, sizeof(s), 0) == sizeof(s));
	CHECK(lseek(out_fd, 0, SEEK_SET) == 0);
	return s;
}
static void run(void)
{
	char *const args[] = { "prog", "--see", NULL };
	execv("./prog", args);
	_exit(errno);
}
static void become(uid_t id) { CHECK(setresgid(id, id, id) == 0 && setresuid(id, id, id) == 0); }
static void file_caps(unsigned long permitted, unsigned long inheritable, int effective)
{
	struct vfs_cap_data d = { .magic_etc = VFS_CAP_REVISION_2 | (effective ? VFS_CAP_FLAGS_EFFECTIVE : 0) };
	d.data[0].permitted = (unsigned)permitted;
	d.data[1].permitted = (unsigned)(permitted >> 32);
	d.data[0].inheritable = (unsigned)inheritable;
	d.data[1].inheritable = (unsigned)(inheritable >> 32);
	CHECK(setxattr("prog", "security.capability", &d, sizeof(d), 0) == 0);
}
#define SEEN(...) result(IN_CHILD(__VA_ARGS__; run()))

/* --- set-id bits ------------------------------------------------------------------------------------------------------------------------- */

static void set_user_id(void)
{
	start();
	CHECK(chmod("prog", 04755) == 0);
	struct seen s = SEEN(become(1000); prctl(PR_SET_PDEATHSIG, SIGUSR1));
	CHECK(s.uid == 1000 && s.euid == 0 && s.suid == 0 && s.gid == 1000 && s.egid == 1000);
	CHECK(s.secure == 1 && s.dumpable == 0 && s.pdeath == 0 && s.permitted && s.permitted == s.effective);
	/* Of another user: no capabilities. */
	CHECK(chown("prog", 2000, 3000) == 0 && chmod("prog", 04755) == 0);
	s = SEEN(become(1000));
	CHECK(s.uid == 1000 && s.euid == 2000 && s.suid == 2000 && s.secure == 1 && !s.permitted);
	/* Root gives its own up, but the real one keeps the permitted set. */
	s = SEEN((void)0);
	CHECK(s.uid == 0 && s.euid == 2000 && s.secure == 1 && s.permitted && !s.effective);
	/* Its own owner gains nothing. */
	s = SEEN(become(2000));
	CHECK(s.uid == 2000 && s.euid == 2000 && s.secure == 0 && s.dumpable == 1);
}

static void set_group_id(void)
{
	start();
	CHECK(chown("prog", 0, 3000) == 0 && chmod("prog", 02755) == 0);
	struct seen s = SEEN(become(1000));
	CHECK(s.gid == 1000 && s.egid == 3000 && s.sgid == 3000 && s.euid == 1000 && s.secure == 1 && s.dumpable == 0);
	/* Without group execution the bit means something else. */
	CHECK(chmod("prog", 02745) == 0);
	s = SEEN(become(1000));
	CHECK(s.egid == 1000 && s.secure == 0);
}

static void nosuid_mounts_do_not(void)
{
	start();
	CHECK(chown("prog", 2000, 3000) == 0 && chmod("prog", 06755) == 0);
	file_caps(0, 0, 0);
	CHECK(mount(NULL, ".", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID, NULL) == 0);
	struct seen s = SEEN(become(1000));
	CHECK(s.euid == 1000 && s.egid == 1000 && s.secure == 0);
	CHECK(mount(NULL, ".", NULL, MS_REMOUNT | MS_BIND, NULL) == 0);
	file_caps(RAW, 0, 1);
	s = SEEN(become(1000));
	CHECK(s.effective == RAW);
	CHECK(mount(NULL, ".", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID, NULL) == 0);
	s = SEEN(become(1000));
	CHECK(s.effective == 0 && s.permitted == 0);
}

static void no_new_privs(void)
{
	start();
	CHECK(chmod("prog", 04755) == 0);
	struct seen s = SEEN(become(1000); prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHECK(s.euid == 1000 && s.secure == 0 && !s.permitted);
	CHECK(chmod("prog", 0755) == 0);
	file_caps(RAW, 0, 1);
	s = SEEN(become(1000); prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHECK(!s.permitted && !s.effective);
}

static int shares_fs(void *arg)
{
	/* Until the parent has run the program. */
	while (!SHARED[0])
		usleep(1000);
	return 0;
}
static char child_stack[65536];
static void shared_fs_is_unsafe(void)
{
	start();
	CHECK(chmod("prog", 04755) == 0);
	struct seen s = SEEN(become(1000); CHECK(clone(shares_fs, child_stack + sizeof(child_stack), CLONE_FS, NULL) > 0));
	SHARED[0] = 1;
	CHECK(s.uid == 1000 && s.euid == 1000 && s.suid == 1000 && !s.permitted);
}

static void tracers_do_not_gain(void)
{
	start();
	CHECK(chmod("prog", 04755) == 0);
	struct seen s = result(IN_CHILD({
		become(1000);
		CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
		pid_t pid = fork();
		if (!pid) {
			CHECK(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0);
			run();
		}
		int st = reap(pid);
		CHECK(WIFSTOPPED(st) && WSTOPSIG(st) == SIGTRAP);
		CHECK(ptrace(PTRACE_CONT, pid, 0, 0) == 0);
		CHECK(EXITED(reap(pid), 0));
	}));
	CHECK(s.euid == 1000 && !s.permitted);
	/* Who may do anything keeps it. */
	pid_t pid = fork();
	if (!pid) {
		CHECK(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0);
		become(1000);
		run();
	}
	int st = reap(pid);
	CHECK(WIFSTOPPED(st) && ptrace(PTRACE_CONT, pid, 0, 0) == 0);
	s = result(reap(pid));
	CHECK(s.euid == 0 && s.permitted);
}

static void scripts_have_no_bits(void)
{
	start();
	write_file("script", "#!./prog --see\n", 15, 06755);
	CHECK(chown("script", 2000, 3000) == 0 && chmod("script", 06755) == 0);
	struct seen s = result(IN_CHILD(become(1000); execl("./script", "script", NULL); _exit(errno)));
	CHECK(s.euid == 1000 && s.egid == 1000 && s.secure == 0);
	/* The interpreter's count. */
	CHECK(chown("prog", 2000, 3000) == 0 && chmod("prog", 06755) == 0 && chmod("script", 0755) == 0);
	s = result(IN_CHILD(become(1000); execl("./script", "script", NULL); _exit(errno)));
	CHECK(s.euid == 2000 && s.egid == 3000 && s.secure == 1);
}

/* --- file capabilities ------------------------------------------------------------------------------------------------------------------- */

static void permitted_and_effective(void)
{
	start();
	file_caps(RAW | KILL, 0, 1);
	struct seen s = SEEN(become(1000));
	CHECK(s.permitted == (RAW | KILL) && s.effective == s.permitted && s.inheritable == 0 && s.secure == 1 && s.euid == 1000 && s.dumpable == 0);
	file_caps(RAW, 0, 0);
	s = SEEN(become(1000));
	CHECK(s.permitted == RAW && s.effective == 0 && s.secure == 1);
}

static void inheritable_needs_both(void)
{
	start();
	file_caps(0, RAW | KILL, 1);
	struct seen s = SEEN(set_caps(~0UL >> 23, ~0UL >> 23, RAW); become(1000));
	CHECK(s.permitted == RAW && s.effective == RAW && s.inheritable == RAW);
	s = SEEN(become(1000));
	CHECK(s.permitted == 0 && s.effective == 0 && s.inheritable == 0);
}

static void the_bounding_set(void)
{
	start();
	file_caps(RAW | KILL, 0, 0);
	struct seen s = SEEN(CHECK(prctl(PR_CAPBSET_DROP, CAP_NET_RAW) == 0); become(1000));
	CHECK(s.permitted == KILL);
	/* A program that does not look itself is better not run than run without. */
	file_caps(RAW | KILL, 0, 1);
	CHECK(EXITED(IN_CHILD(CHECK(prctl(PR_CAPBSET_DROP, CAP_NET_RAW) == 0); become(1000); run()), EPERM));
}

static void root_has_all_the_same(void)
{
	unsigned long p, e, i;
	start();
	get_caps(&p, &e, &i);
	file_caps(RAW, 0, 1);
	struct seen s = SEEN((void)0);
	CHECK(s.permitted == p && s.effective == p && s.secure == 0);
	/* A set-user-ID root file that names its capabilities has those. */
	CHECK(chmod("prog", 04755) == 0);
	s = SEEN(become(1000));
	CHECK(s.euid == 0 && s.permitted == RAW && s.effective == RAW);
	/* Not with securebits that make root a user like any other. */
	s = SEEN(CHECK(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT) == 0));
	CHECK(s.permitted == RAW && s.effective == RAW);
}

static void ambient(void)
{
	start();
	struct seen s = SEEN({
		set_caps(~0UL >> 23, ~0UL >> 23, RAW);
		CHECK(prctl(PR_SET_KEEPCAPS, 1) == 0);
		become(1000);
		set_caps(RAW, RAW, RAW);
		CHECK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0) == 0);
	});
	CHECK(s.permitted == RAW && s.effective == RAW && s.ambient_raw == 1 && s.secure == 0 && s.keep == 0);
	/* A file with capabilities, even empty ones, stands for itself. */
	file_caps(0, 0, 0);
	s = SEEN({
		set_caps(~0UL >> 23, ~0UL >> 23, RAW);
		CHECK(prctl(PR_SET_KEEPCAPS, 1) == 0);
		become(1000);
		set_caps(RAW, RAW, RAW);
		CHECK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0) == 0);
	});
	CHECK(s.permitted == 0 && s.effective == 0 && s.ambient_raw == 0);
}

static void the_attribute(void)
{
	struct vfs_cap_data d = { .magic_etc = VFS_CAP_REVISION_2 };
	struct vfs_ns_cap_data d3 = { .magic_etc = VFS_CAP_REVISION_3 };
	char buf[64];
	start();
	CHECK_ERR(setxattr("prog", "security.capability", &d, sizeof(d) - 1, 0), EINVAL);
	CHECK_ERR(setxattr("prog", "security.capability", &d3, sizeof(d), 0), EINVAL);
	/* Nothing at all can be stored, but makes no sense to execve. */
	CHECK(setxattr("prog", "security.capability", "", 0, 0) == 0);
	CHECK(EXITED(IN_CHILD(become(1000); run()), EINVAL));
	CHECK(removexattr("prog", "security.capability") == 0);
	CHECK(EXITED(IN_CHILD(become(1000); CHECK_ERR(setxattr("prog", "security.capability", &d, sizeof(d), 0), EPERM)), 0));
	CHECK_ERR(getxattr("prog", "security.capability", buf, sizeof(buf)), ENODATA);
	file_caps(RAW, 0, 1);
	CHECK(getxattr("prog", "security.capability", buf, sizeof(buf)) == sizeof(d));
	CHECK(getxattr("prog", "security.capability", NULL, 0) == sizeof(d));
	CHECK(listxattr("prog", buf, sizeof(buf)) == 20 && !strcmp(buf, "security.capability"));
	/* Of the root of the first user namespace: the same thing. */
	d3.data[0].permitted = RAW;
	CHECK(setxattr("prog", "security.capability", &d3, sizeof(d3), XATTR_REPLACE) == 0);
	struct seen s = SEEN(become(1000));
	CHECK(s.permitted == RAW);
	/* Of somebody else's root: nothing. */
	d3.rootid = 5000;
	CHECK(setxattr("prog", "security.capability", &d3, sizeof(d3), 0) == 0);
	s = SEEN(become(1000));
	CHECK(s.permitted == 0);
	CHECK(removexattr("prog", "security.capability") == 0);
	CHECK_ERR(removexattr("prog", "security.capability"), ENODATA);
}

static int has_caps(void)
{
	char buf[64];
	return getxattr("prog", "security.capability", buf, sizeof(buf)) > 0;
}
static void changes_drop_them(void)
{
	start();
	file_caps(RAW, 0, 1);
	CHECK(chmod("prog", 0711) == 0 && has_caps());
	CHECK(chown("prog", 0, 0) == 0 && !has_caps());
	file_caps(RAW, 0, 1);
	int fd = open("prog", O_RDWR);
	CHECK(fd >= 0 && has_caps());
	char c;
	CHECK(pread(fd, &c, 1, 0) == 1 && has_caps());
	CHECK(pwrite(fd, &c, 1, 0) == 1 && !has_caps());
	file_caps(RAW, 0, 1);
	struct stat st;
	CHECK(fstat(fd, &st) == 0 && ftruncate(fd, st.st_size) == 0 && !has_caps());
	close(fd);
}

static void user_and_trusted(void)
{
	char buf[64];
	start();
	CHECK(setxattr("prog", "user.a", "1", 1, XATTR_CREATE) == 0 && setxattr("prog", "trusted.b", "22", 2, 0) == 0);
	CHECK_ERR(setxattr("prog", "user.a", "1", 1, XATTR_CREATE), EEXIST);
	CHECK_ERR(setxattr("prog", "user.none", "1", 1, XATTR_REPLACE), ENODATA);
	CHECK_ERR(setxattr("prog", "nothing.c", "1", 1, 0), EOPNOTSUPP);
	CHECK_ERR(setxattr("prog", "user.a", "1", 1, 4), EINVAL);
	CHECK(listxattr("prog", buf, sizeof(buf)) == 17);
	CHECK_ERR(listxattr("prog", buf, 3), ERANGE);
	CHECK_ERR(getxattr("prog", "trusted.b", buf, 1), ERANGE);
	CHECK(getxattr("prog", "trusted.b", buf, 2) == 2 && !memcmp(buf, "22", 2));
	CHECK(symlink("prog", "link") == 0);
	CHECK(getxattr("link", "user.a", buf, 8) == 1);
	CHECK_ERR(lsetxattr("link", "user.a", "1", 1, 0), EPERM);
	CHECK_ERR(lgetxattr("link", "user.a", buf, 8), ENODATA);
	CHECK(EXITED(IN_CHILD({
		become(1000);
		CHECK(listxattr("prog", buf, sizeof(buf)) == 7);
		CHECK_ERR(getxattr("prog", "trusted.b", buf, 8), ENODATA);
		CHECK_ERR(setxattr("prog", "trusted.b", "3", 1, 0), EPERM);
		CHECK_ERR(setxattr("prog", "user.a", "3", 1, 0), EACCES);
	}),
		0));
}

CASES(CASE(set_user_id), CASE(set_group_id), CASE(nosuid_mounts_do_not), CASE(no_new_privs), CASE(shared_fs_is_unsafe), CASE(tracers_do_not_gain),
	CASE(scripts_have_no_bits), CASE(permitted_and_effective), CASE(inheritable_needs_both), CASE(the_bounding_set), CASE(root_has_all_the_same),
	CASE(ambient), CASE(the_attribute), CASE(changes_drop_them), CASE(user_and_trusted))
