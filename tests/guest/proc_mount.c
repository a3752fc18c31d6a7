/* procfs with options: hidepid=, gid=, subset=; each mount is an instance of its own. */
#include "check.h"

#include <dirent.h>
#include <grp.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#define NOBODY 65534

static void own_mounts(void)
{
	if (getuid() || unshare(CLONE_NEWNS) < 0)
		check_skip("not allowed to mount");
	CHECK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHECK(mkdir("p", 0755) == 0 && chmod(".", 0755) == 0);
}
static void instance(const char *options)
{
	own_mounts();
	CHECK(mount("none", "p", "proc", 0, options) == 0);
}
/* Nobody in particular, in these groups, and no capabilities. */
static void become(gid_t group)
{
	CHECK(setgroups(group ? 1 : 0, &group) == 0);
	CHECK(setresgid(NOBODY, NOBODY, NOBODY) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0);
}
/* Is the name in the list of the directory? */
static int listed(const char *dir, const char *name)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int found = 0;
	CHECK(d);
	while ((e = readdir(d)))
		found += !strcmp(e->d_name, name);
	closedir(d);
	return found;
}
/* Another user's process: root's that waits; its directory below "p" in `dir`, with `file` behind it. */
static char dir[64], other[16];
static const char *below(const char *file)
{
	static char path[96];
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return path;
}
static void make_other(void)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (!pid)
		for (;;)
			pause();
	snprintf(other, sizeof(other), "%d", pid);
	snprintf(dir, sizeof(dir), "p/%d", pid);
}
/* The line of mountinfo whose mount point ends in /p. */
static char *mount_line(void)
{
	static char buf[1 << 16];
	FILE *f = fopen("/proc/self/mountinfo", "r");
	CHECK(f);
	while (fgets(buf, sizeof(buf), f))
		if (strstr(buf, "/p ") && strstr(buf, " - proc ")) {
			fclose(f);
			return buf;
		}
	fclose(f);
	CHECK(!"a line of mountinfo");
	return NULL;
}

static void options_are_checked(void)
{
	static const char *const good[] = { "", "hidepid=0", "hidepid=1", "hidepid=2", "hidepid=4", "hidepid=off", "hidepid=noaccess",
		"hidepid=invisible", "hidepid=ptraceable", "hidepid=0x1", "gid=0x10", "subset=pid", "hidepid=1,gid=5,subset=pid", ",,hidepid=2," };
	static const char *const bad[] = { "hidepid", "hidepid=", "hidepid=3", "hidepid=5", "hidepid=-1", "hidepid=08", "hidepid=all", "gid",
		"gid=", "gid=x", "gid=4294967296", "subset", "subset=", "subset=fs", "subset=pid,fs", "size=1" };
	own_mounts();
	for (size_t i = 0; i < NELEM(good); i++) {
		CHECK(mount("none", "p", "proc", 0, good[i]) == 0);
		CHECK(umount("p") == 0);
	}
	for (size_t i = 0; i < NELEM(bad); i++)
		CHECK_ERR(mount("none", "p", "proc", 0, bad[i]), EINVAL);
}

static void options_are_shown(void)
{
	own_mounts();
	CHECK(mount("none", "p", "proc", 0, NULL) == 0);
	CHECK(strstr(mount_line(), " rw\n") && !strstr(mount_line(), "hidepid"));
	CHECK(mount("none", "p", NULL, MS_REMOUNT, "hidepid=2,gid=12") == 0);
	CHECK(strstr(mount_line(), " rw,gid=12,hidepid=invisible\n"));
	/* what is not named stays */
	CHECK(mount("none", "p", NULL, MS_REMOUNT, "hidepid=4") == 0);
	CHECK(strstr(mount_line(), " rw,gid=12,hidepid=ptraceable\n"));
	CHECK(mount("none", "p", NULL, MS_REMOUNT, "subset=pid,hidepid=off") == 0);
	CHECK(strstr(mount_line(), " rw,gid=12,subset=pid\n"));
	CHECK_ERR(mount("none", "p", NULL, MS_REMOUNT, "hidepid=7"), EINVAL);
	CHECK(strstr(mount_line(), " rw,gid=12,subset=pid\n"));
}

static void off_shows_all(void)
{
	instance("hidepid=off");
	make_other();
	become(0);
	CHECK(access(dir, R_OK | X_OK) == 0 && access(below("stat"), R_OK) == 0 && listed("p", other) == 1);
}

static void noaccess_shuts_the_door(void)
{
	struct stat st;
	instance("hidepid=1");
	make_other();
	CHECK(access(below("stat"), R_OK) == 0); /* root may look into all */
	become(0);
	CHECK(stat(dir, &st) == 0 && listed("p", other) == 1);
	CHECK_ERR(open(dir, O_RDONLY), EPERM);
	CHECK_ERR(chdir(dir), EPERM);
	CHECK_ERR(open(below("stat"), O_RDONLY), EPERM);
	CHECK_ERR(access(dir, R_OK), EPERM);
	CHECK_ERR(access(dir, W_OK), EPERM);
	CHECK(access("p/self/stat", R_OK) == 0 && access("p/self/task", R_OK) == 0);
}

static void invisible_is_not_listed(void)
{
	struct stat st;
	instance("hidepid=2");
	make_other();
	become(0);
	char me[16];
	snprintf(me, sizeof(me), "%d", getpid());
	CHECK(listed("p", other) == 0 && listed("p", "1") == 0 && listed("p", "meminfo") == 1);
	CHECK_ERR(stat(dir, &st), ENOENT);
	CHECK_ERR(lstat(dir, &st), ENOENT);
	CHECK_ERR(open(dir, O_RDONLY), ENOENT);
	CHECK_ERR(chdir(dir), ENOENT);
	CHECK_ERR(open(below("stat"), O_RDONLY), ENOENT);
	/* the name itself can be walked to */
	int fd = open(dir, O_PATH);
	CHECK(fd >= 0);
	CHECK_ERR(fstat(fd, &st), ENOENT);
	CHECK(EXITED(IN_CHILD(CHECK(access("p/self/stat", R_OK) == 0)), 0));
	/* setresuid made us undumpable: only those who may look into us see us now */
	CHECK(access("p/self/stat", R_OK) == 0 && listed("p", me) == 1);
	CHECK(kill(atoi(other), 0) < 0 && errno == EPERM); /* hiding is procfs's business alone */
}

static void ptraceable_is_for_tracers(void)
{
	instance("hidepid=4,gid=7");
	make_other();
	CHECK(access(below("stat"), R_OK) == 0 && listed("p", other) == 1);
	/* names that are known are not judged again: another one */
	make_other();
	become(7);
	CHECK(listed("p", other) == 0);
	CHECK_ERR(open(dir, O_PATH), ENOENT);
	CHECK_ERR(open(below("stat"), O_RDONLY), ENOENT);
	CHECK(access("p/self/stat", R_OK) == 0);
}

static void the_group_sees_all(void)
{
	instance("hidepid=2,gid=7");
	make_other();
	CHECK(EXITED(IN_CHILD(become(8); CHECK_ERR(open(below("stat"), O_RDONLY), ENOENT)), 0));
	become(7);
	CHECK(access(below("stat"), R_OK) == 0 && listed("p", other) == 1);
}

/* The group that is meant when none is named is root's. */
static void group_zero_by_default(void)
{
	instance("hidepid=2");
	make_other();
	CHECK(setgroups(0, NULL) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0);
	CHECK(getegid() == 0 && access(below("stat"), R_OK) == 0 && listed("p", other) == 1);
}

static void own_children_by_user(void)
{
	instance("hidepid=2");
	become(0);
	CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
	make_other();
	CHECK(access(below("stat"), R_OK) == 0 && listed("p", other) == 1);
	/* a child that is not dumpable belongs to root */
	pid_t pid = fork();
	if (!pid) {
		prctl(PR_SET_DUMPABLE, 0);
		SHARED[0] = 1;
		for (;;)
			pause();
	}
	await_value(&SHARED[0], 1);
	snprintf(dir, sizeof(dir), "p/%d", pid);
	CHECK_ERR(access(below("stat"), R_OK), ENOENT);
	kill(pid, SIGKILL);
	kill(atoi(other), SIGKILL);
}

static void subset_pid(void)
{
	struct dirent *e;
	char c;
	instance("subset=pid");
	DIR *d = opendir("p");
	CHECK(d);
	int self = 0, thread_self = 0, numbers = 0;
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		self += !strcmp(e->d_name, "self");
		thread_self += !strcmp(e->d_name, "thread-self");
		numbers += e->d_name[strspn(e->d_name, "0123456789")] == 0;
		CHECK(e->d_name[strspn(e->d_name, "0123456789")] == 0 || !strcmp(e->d_name, "self") || !strcmp(e->d_name, "thread-self"));
	}
	CHECK(self == 1 && thread_self == 1 && numbers >= 1);
	CHECK_ERR(open("p/meminfo", O_RDONLY), ENOENT);
	CHECK_ERR(open("p/sys/kernel/hostname", O_RDONLY), ENOENT);
	CHECK_ERR(readlink("p/mounts", &c, 1), ENOENT);
	CHECK(access("p/self/stat", R_OK) == 0 && access("p/thread-self/mounts", R_OK) == 0 && access("/proc/meminfo", R_OK) == 0);
}

static void instances_are_apart(void)
{
	instance("hidepid=2");
	CHECK(mkdir("q", 0755) == 0 && mount("none", "q", "proc", 0, NULL) == 0);
	make_other();
	struct stat a, b;
	CHECK(stat("p", &a) == 0 && stat("q", &b) == 0 && a.st_dev != b.st_dev);
	become(0);
	CHECK(listed("p", other) == 0 && listed("q", other) == 1);
}

CASES(CASE(options_are_checked), CASE(options_are_shown), CASE(off_shows_all), CASE(noaccess_shuts_the_door), CASE(invisible_is_not_listed),
	CASE(ptraceable_is_for_tracers), CASE(the_group_sees_all), CASE(group_zero_by_default), CASE(own_children_by_user), CASE(subset_pid),
	CASE(instances_are_apart))
