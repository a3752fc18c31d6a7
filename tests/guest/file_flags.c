/* The flags that chattr sets: FS_IOC_SETFLAGS and FS_IOC_FSSETXATTR on tmpfs, and what append-only and immutable files refuse. */
#include "check.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/xattr.h>

#ifndef STATX_ATTR_IMMUTABLE
#define STATX_ATTR_IMMUTABLE 0x10
#define STATX_ATTR_APPEND 0x20
#define STATX_ATTR_NODUMP 0x40
#endif

/* A fresh tmpfs as the working directory, in a mount namespace of its own. */
static void on_tmpfs(void)
{
	if (unshare(CLONE_NEWNS) < 0)
		check_skip("needs CAP_SYS_ADMIN");
	CHECK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHECK(mkdir("m", 0755) == 0 && mount("none", "m", "tmpfs", 0, NULL) == 0 && chdir("m") == 0);
}
static int get_flags(int fd)
{
	unsigned flags = 0xdeadbeef;
	CHECK(ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0);
	return (int)flags;
}
static int try_flags(int fd, unsigned flags) { return ioctl(fd, FS_IOC_SETFLAGS, &flags); }
static void set_flags(const char *path, unsigned flags)
{
	int fd = open(path, O_RDONLY);
	CHECK(fd >= 0 && try_flags(fd, flags) == 0);
	close(fd);
}

static void shows_what_was_set(void)
{
	struct statx x;
	on_tmpfs();
	write_file("f", "abc", 3, 0644);
	int fd = open("f", O_RDONLY);
	CHECK(get_flags(fd) == 0);
	CHECK(statx(fd, "", AT_EMPTY_PATH, 0, &x) == 0);
	CHECK((x.stx_attributes_mask & 0x70) == 0x70 && !(x.stx_attributes & 0x70));
	CHECK(try_flags(fd, FS_NODUMP_FL | FS_NOATIME_FL | FS_APPEND_FL) == 0);
	CHECK(get_flags(fd) == (FS_NODUMP_FL | FS_NOATIME_FL | FS_APPEND_FL));
	CHECK(statx(fd, "", AT_EMPTY_PATH, 0, &x) == 0 && (x.stx_attributes & 0x70) == (STATX_ATTR_APPEND | STATX_ATTR_NODUMP));
	CHECK_ERR(try_flags(fd, FS_SYNC_FL), EOPNOTSUPP);
	CHECK_ERR(try_flags(fd, FS_COMPR_FL), EOPNOTSUPP);
	CHECK(get_flags(fd) == (FS_NODUMP_FL | FS_NOATIME_FL | FS_APPEND_FL));
	CHECK_ERR(ioctl(fd, FS_IOC_GETFLAGS, NULL), EFAULT);
	CHECK_ERR(ioctl(fd, FS_IOC_SETFLAGS, NULL), EFAULT);
	CHECK(try_flags(fd, 0) == 0 && get_flags(fd) == 0);
}

static void the_other_call_says_the_same(void)
{
	struct fsxattr a;
	on_tmpfs();
	write_file("f", "abc", 3, 0644);
	int fd = open("f", O_RDONLY);
	CHECK(try_flags(fd, FS_IMMUTABLE_FL | FS_NODUMP_FL) == 0);
	memset(&a, 0xaa, sizeof(a));
	CHECK(ioctl(fd, FS_IOC_FSGETXATTR, &a) == 0);
	CHECK(a.fsx_xflags == (FS_XFLAG_IMMUTABLE | FS_XFLAG_NODUMP) && !a.fsx_extsize && !a.fsx_projid && !a.fsx_nextents);
	a.fsx_xflags = FS_XFLAG_APPEND;
	CHECK(ioctl(fd, FS_IOC_FSSETXATTR, &a) == 0 && get_flags(fd) == FS_APPEND_FL);
	a.fsx_projid = 7;
	CHECK_ERR(ioctl(fd, FS_IOC_FSSETXATTR, &a), EOPNOTSUPP);
	a.fsx_projid = 0;
	a.fsx_xflags = FS_XFLAG_EXTSZINHERIT;
	a.fsx_extsize = 4096;
	CHECK_ERR(ioctl(fd, FS_IOC_FSSETXATTR, &a), EINVAL);
	a.fsx_xflags = FS_XFLAG_EXTSIZE;
	CHECK_ERR(ioctl(fd, FS_IOC_FSSETXATTR, &a), EOPNOTSUPP);
	a.fsx_extsize = 0;
	CHECK(ioctl(fd, FS_IOC_FSSETXATTR, &a) == 0 && get_flags(fd) == 0);
	CHECK_ERR(ioctl(fd, FS_IOC_FSSETXATTR, NULL), EFAULT);
}

static void an_immutable_file_stays_as_it_is(void)
{
	struct timespec omit_one[2] = { { 0, UTIME_NOW }, { 0, UTIME_OMIT } };
	on_tmpfs();
	write_file("f", "abc", 3, 0644);
	int w = open("f", O_RDWR);
	set_flags("f", FS_IMMUTABLE_FL);
	CHECK_ERR(open("f", O_WRONLY), EPERM);
	CHECK_ERR(open("f", O_WRONLY | O_APPEND), EPERM);
	CHECK_ERR(open("f", O_RDONLY | O_TRUNC), EPERM);
	CHECK_ERR(access("f", W_OK), EPERM);
	CHECK_ERR(truncate("f", 0), EPERM);
	CHECK_ERR(unlink("f"), EPERM);
	CHECK_ERR(link("f", "g"), EPERM);
	CHECK_ERR(rename("f", "g"), EPERM);
	CHECK_ERR(chmod("f", 0600), EPERM);
	CHECK_ERR(chown("f", 1, -1), EPERM);
	CHECK(chown("f", -1, -1) == 0);
	CHECK_ERR(utimensat(AT_FDCWD, "f", NULL, 0), EPERM);
	CHECK_ERR(utimensat(AT_FDCWD, "f", omit_one, 0), EPERM);
	CHECK_ERR(setxattr("f", "trusted.x", "1", 1, 0), EPERM);
	CHECK_ERR(removexattr("f", "user.x"), EPERM);
	CHECK_ERR(fallocate(w, 0, 0, 10), EPERM);
	write_file("other", "xyz", 3, 0644);
	CHECK_ERR(rename("other", "f"), EPERM);
	int o = open("other", O_RDONLY);
	CHECK_ERR(syscall(SYS_copy_file_range, o, NULL, w, NULL, 3, 0), EPERM);
	/* What is open for writing already stays so: tmpfs does not ask again. */
	CHECK(write(w, "ABC", 3) == 3 && ftruncate(w, 2) == 0);
	set_flags("f", 0);
	CHECK(chmod("f", 0600) == 0 && unlink("f") == 0);
}

static void an_append_only_file_grows(void)
{
	struct timespec t[2] = { { 1, 0 }, { 2, 0 } };
	on_tmpfs();
	write_file("f", "abc", 3, 0644);
	int rw = open("f", O_RDWR);
	set_flags("f", FS_APPEND_FL);
	CHECK_ERR(open("f", O_WRONLY), EPERM);
	CHECK_ERR(open("f", O_RDWR | O_TRUNC | O_APPEND), EPERM);
	int fd = open("f", O_WRONLY | O_APPEND);
	CHECK(fd >= 0 && write(fd, "def", 3) == 3);
	CHECK_ERR(fcntl(fd, F_SETFL, 0), EPERM);
	CHECK(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK) == 0);
	CHECK_ERR(ftruncate(fd, 1), EPERM);
	CHECK_ERR(truncate("f", 1), EPERM);
	CHECK_ERR(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 4096), EPERM);
	CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4096) == 0);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, rw, 0) == MAP_FAILED && errno == EACCES);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, rw, 0) != MAP_FAILED);
	CHECK_ERR(unlink("f"), EPERM);
	CHECK_ERR(rename("f", "g"), EPERM);
	CHECK_ERR(link("f", "g"), EPERM);
	CHECK_ERR(chmod("f", 0600), EPERM);
	CHECK_ERR(utimensat(AT_FDCWD, "f", t, 0), EPERM);
	CHECK(utimensat(AT_FDCWD, "f", NULL, 0) == 0);
	CHECK_ERR(setxattr("f", "trusted.x", "1", 1, 0), EPERM);
}

static void directories_have_them_too(void)
{
	on_tmpfs();
	CHECK(mkdir("a", 0755) == 0 && mkdir("a/sub", 0755) == 0);
	write_file("a/f", "", 0, 0644);
	write_file("g", "", 0, 0644);
	set_flags("a", FS_APPEND_FL);
	write_file("a/new", "", 0, 0644);
	CHECK_ERR(unlink("a/f"), EPERM);
	CHECK_ERR(rmdir("a/sub"), EPERM);
	CHECK_ERR(rename("a/f", "f"), EPERM);
	CHECK_ERR(rename("g", "a/f"), EPERM);
	CHECK(rename("g", "a/g") == 0);
	CHECK_ERR(rmdir("a"), EPERM);
	set_flags("a", FS_IMMUTABLE_FL);
	CHECK_ERR(open("a/more", O_CREAT | O_WRONLY, 0644), EPERM);
	CHECK_ERR(open("a", O_TMPFILE | O_WRONLY, 0644), EPERM);
	CHECK_ERR(mkdir("a/d", 0755), EPERM);
	CHECK_ERR(symlink("x", "a/s"), EPERM);
	CHECK_ERR(unlink("a/f"), EPERM);
	int fd = open("a/f", O_WRONLY);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1); /* the file itself may change */
}

static void children_inherit_two_of_them(void)
{
	on_tmpfs();
	CHECK(mkdir("a", 0755) == 0);
	set_flags("a", FS_NODUMP_FL | FS_NOATIME_FL);
	CHECK(mkdir("a/d", 0755) == 0);
	write_file("a/f", "x", 1, 0644);
	int fd = open("a/f", O_RDONLY), dir = open("a/d", O_RDONLY), tmp = open("a", O_TMPFILE | O_RDWR, 0600);
	CHECK(get_flags(fd) == (FS_NODUMP_FL | FS_NOATIME_FL) && get_flags(dir) == get_flags(fd) && get_flags(tmp) == get_flags(fd));
	struct timespec t[2] = { { 1, 0 }, { 2, 0 } };
	struct stat st;
	char c;
	CHECK(futimens(fd, t) == 0 && read(fd, &c, 1) == 1 && fstat(fd, &st) == 0 && st.st_atime == 1);
	set_flags("a/f", 0);
	CHECK(lseek(fd, 0, SEEK_SET) == 0 && read(fd, &c, 1) == 1 && fstat(fd, &st) == 0 && st.st_atime > 1);
}

static void who_may_set_them(void)
{
	on_tmpfs();
	CHECK(chmod(".", 0777) == 0);
	write_file("roots", "", 0, 0666);
	write_file("mine", "", 0, 0644);
	CHECK(chown("mine", 1000, 1000) == 0);
	int st = IN_CHILD({
		CHECK(setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
		int fd = open("mine", O_RDONLY), other = open("roots", O_RDONLY);
		CHECK(try_flags(fd, FS_NODUMP_FL) == 0 && get_flags(fd) == FS_NODUMP_FL);
		CHECK_ERR(try_flags(fd, FS_APPEND_FL), EPERM);
		CHECK_ERR(try_flags(fd, FS_IMMUTABLE_FL | FS_SYNC_FL), EPERM);
		CHECK_ERR(try_flags(other, FS_NODUMP_FL), EPERM);
	});
	CHECK(EXITED(st, 0));
	int fd = open("roots", O_RDONLY);
	CHECK(mount("none", ".", NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
	CHECK_ERR(try_flags(fd, FS_NODUMP_FL), EROFS);
	CHECK(get_flags(fd) == 0);
}

static void other_files_have_none(void)
{
	int p[2];
	unsigned flags = 0;
	on_tmpfs();
	CHECK(pipe(p) == 0 && mkfifo("fifo", 0644) == 0);
	CHECK_ERR(ioctl(p[0], FS_IOC_GETFLAGS, &flags), ENOTTY);
	int fifo = open("fifo", O_RDWR), proc = open("/proc/self/status", O_RDONLY);
	CHECK_ERR(ioctl(fifo, FS_IOC_GETFLAGS, &flags), ENOTTY);
	CHECK_ERR(ioctl(fifo, FS_IOC_SETFLAGS, &flags), ENOTTY);
	CHECK_ERR(ioctl(proc, FS_IOC_GETFLAGS, &flags), ENOTTY);
	CHECK_ERR(ioctl(open(".", O_PATH), FS_IOC_GETFLAGS, &flags), EBADF);
	int m = syscall(SYS_memfd_create, "m", 0);
	CHECK(m >= 0 && get_flags(m) == 0 && try_flags(m, FS_NODUMP_FL) == 0 && get_flags(m) == FS_NODUMP_FL);
}

CASES(CASE(shows_what_was_set), CASE(the_other_call_says_the_same), CASE(an_immutable_file_stays_as_it_is), CASE(an_append_only_file_grows),
	CASE(directories_have_them_too), CASE(children_inherit_two_of_them), CASE(who_may_set_them), CASE(other_files_have_none))
