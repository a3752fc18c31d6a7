/* User and group ids, supplementary groups, capabilities that go with them; and the small calls that tell about the system. */
#include "check.h"
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

/* The calls themselves: C libraries carry them to all threads, and that is not what is tested. */
#define setuid(u) syscall(SYS_setuid, u)
#define setgid(g) syscall(SYS_setgid, g)
#define setreuid(a, b) syscall(SYS_setreuid, a, b)
#define setresuid(a, b, c) syscall(SYS_setresuid, a, b, c)
#define setresgid(a, b, c) syscall(SYS_setresgid, a, b, c)
#define setfsuid(u) syscall(SYS_setfsuid, u)
static int ids_are(uid_t r, uid_t e, uid_t s)
{
	uid_t a, b, c;
	return syscall(SYS_getresuid, &a, &b, &c) == 0 && a == r && b == e && c == s;
}
static uint64_t caps(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];
	CHECK(syscall(SYS_capget, &h, d) == 0);
	return (uint64_t)d[1].effective << 32 | d[0].effective;
}

static void root_may_become_anybody(void)
{
	CHECK(ids_are(0, 0, 0));
	CHECK(setresuid(-1, 1000, -1) == 0 && ids_are(0, 1000, 0) && geteuid() == 1000);
	CHECK_ERR(setresuid(5, -1, -1), EPERM);
	CHECK(setresuid(-1, 0, -1) == 0 && ids_are(0, 0, 0));
	CHECK(setreuid(1, 2) == 0 && ids_are(1, 2, 2));
	CHECK(setreuid(2, 1) == 0 && ids_are(2, 1, 1));
	CHECK_ERR(setuid(0), EPERM);
	CHECK(setuid(2) == 0 && ids_are(2, 2, 1) && setuid(1) == 0 && ids_are(2, 1, 1));
}
static void setuid_of_root_is_for_good(void)
{
	CHECK(setgid(77) == 0 && getgid() == 77 && getegid() == 77);
	CHECK(setuid(77) == 0 && ids_are(77, 77, 77));
	CHECK_ERR(setuid(0), EPERM);
	CHECK_ERR(setgid(0), EPERM);
	CHECK(setgid(77) == 0);
}
static void capabilities_follow(void)
{
	uint64_t all = caps();
	CHECK(all != 0);
	CHECK(setresuid(-1, 1000, -1) == 0 && caps() == 0); /* effective ones go with euid 0 */
	CHECK(setresuid(-1, 0, -1) == 0 && caps() == all);
	CHECK(setresuid(1000, 1000, 1000) == 0 && caps() == 0);
}
static void keepcaps(void)
{
	CHECK(prctl(PR_SET_KEEPCAPS, 1) == 0);
	CHECK(setresuid(1000, 1000, 1000) == 0 && caps() == 0);
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];
	CHECK(syscall(SYS_capget, &h, d) == 0 && (d[0].permitted & (1u << CAP_SETUID)));
	d[0].effective = d[0].permitted;
	CHECK(syscall(SYS_capset, &h, d) == 0 && setresuid(0, 0, 0) == 0);
	h.version = 5;
	CHECK_ERR(syscall(SYS_capget, &h, d), EINVAL);
	CHECK(h.version == _LINUX_CAPABILITY_VERSION_3);
}
static void groups(void)
{
	gid_t g[3] = { 30, 10, 20 }, got[3];
	CHECK(syscall(SYS_setgroups, 3, g) == 0 && getgroups(0, NULL) == 3 && getgroups(3, got) == 3);
	CHECK(got[0] + got[1] + got[2] == 60);
	CHECK_ERR(getgroups(2, got), EINVAL);
	CHECK(EXITED(IN_CHILD(CHECK(getgroups(0, NULL) == 3)), 0));
	write_file("f", "x", 1, 0640);
	CHECK(chown("f", 0, 20) == 0 && chmod(".", 0755) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(setresuid(1000, 1000, 1000) == 0); CHECK(open("f", O_RDONLY) >= 0); CHECK_ERR(syscall(SYS_setgroups, 0, NULL), EPERM)), 0));
	CHECK(syscall(SYS_setgroups, 0, NULL) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(setresgid(999, 999, 999) == 0 && setresuid(1000, 1000, 1000) == 0); CHECK_ERR(open("f", O_RDONLY), EACCES)), 0));
}
static void file_system_ids(void)
{
	write_file("f", "x", 1, 0600);
	CHECK(setfsuid(1000) == 0 && setfsuid(-1) == 1000);
	CHECK_ERR(open("f", O_RDONLY), EACCES);
	CHECK(setfsuid(0) == 1000 && open("f", O_RDONLY) >= 0);
}
static void limits(void)
{
	struct rlimit r;
	CHECK(getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur <= r.rlim_max);
	struct rlimit bad = { 10, 5 };
	CHECK_ERR(setrlimit(RLIMIT_CORE, &bad), EINVAL);
	CHECK_ERR(syscall(SYS_getrlimit, 99, &r), EINVAL);
	r = (struct rlimit){ 50, 50 };
	CHECK(setrlimit(RLIMIT_NOFILE, &r) == 0);
	int fd, n = 0;
	while ((fd = dup(0)) >= 0)
		n = fd;
	CHECK(errno == EMFILE && n == 49);
	CHECK(EXITED(IN_CHILD(CHECK(setresuid(1000, 1000, 1000) == 0); r.rlim_max = 60; CHECK_ERR(setrlimit(RLIMIT_NOFILE, &r), EPERM)), 0));
}
static void names_and_numbers(void)
{
	struct utsname u;
	struct sysinfo si;
	char name[16];
	unsigned cpu = 99, node;
	CHECK(uname(&u) == 0 && !strcmp(u.sysname, "Linux") && !strcmp(u.machine, "x86_64") && u.release[0] >= '3');
	CHECK(sysinfo(&si) == 0 && si.totalram > 0 && si.freeram <= si.totalram && si.procs > 0 && si.mem_unit > 0);
	CHECK(prctl(PR_SET_NAME, "a name that is too long") == 0 && prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "a name that is "));
	CHECK_ERR(prctl(9999), EINVAL);
	CHECK(syscall(SYS_getcpu, &cpu, &node, NULL) == 0 && cpu < 99);
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	CHECK(EXITED(IN_CHILD(CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)), 0));
	unsigned char a[40] = { 0 }, b[40] = { 0 };
	CHECK(getrandom(a, sizeof(a), 0) == 40 && getrandom(b, sizeof(b), GRND_NONBLOCK) == 40 && memcmp(a, b, 40));
	CHECK_ERR(getrandom(a, 1, 0x100), EINVAL);
	CHECK(getppid() > 0 && getpgrp() == getpid());
}
CASES(CASE(root_may_become_anybody), CASE(setuid_of_root_is_for_good), CASE(capabilities_follow), CASE(keepcaps), CASE(groups),
	CASE(file_system_ids), CASE(limits), CASE(names_and_numbers))
