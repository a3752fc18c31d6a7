/* Files and directories: open, read and write, rename, link, unlink, listing, permissions, locks, metadata. */
#include "check.h"
#include <dirent.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/xattr.h>

static char buf[70000];

/* Not every C library has statx. */
struct statx_buf {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, pad;
	uint64_t ino, size, blocks, attributes_mask;
	struct { int64_t sec; uint32_t nsec; int32_t pad; } atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t spare[14];
};
#define SX_SIZE 0x200u
#define SX_BASIC 0x7ffu
static long raw_statx(int dir, const char *name, int flags, unsigned mask, struct statx_buf *out) { return syscall(SYS_statx, dir, name, flags, mask, out); }
static int make(const char *name, const char *text)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}
static int same(const char *name, const char *want)
{
	int fd = open(name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));
	close(fd);
	return n == (ssize_t)strlen(want) && !memcmp(buf, want, (size_t)n);
}
#define AS_USER(...) CHECK(EXITED(IN_CHILD(CHECK(setresgid(12345, 12345, 12345) == 0 && setresuid(12345, 12345, 12345) == 0); __VA_ARGS__), 0))

static void open_flags(void)
{
	CHECK_ERR(open("no", O_RDONLY), ENOENT);
	CHECK_ERR(open("", O_RDONLY), ENOENT);
	CHECK_ERR(open((char *)8, O_RDONLY), EFAULT);
	close(make("f", "12345"));
	CHECK_ERR(open("f", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
	CHECK_ERR(open("f", O_DIRECTORY), ENOTDIR);
	CHECK_ERR(open("f/x", O_RDONLY), ENOTDIR);
	CHECK_ERR(open("f/", O_RDONLY), ENOTDIR);
	CHECK_ERR(open(".", O_RDWR), EISDIR);
	CHECK_ERR(open(".", O_RDONLY | O_CREAT, 0600), EISDIR);
	CHECK_ERR(open("no/f", O_CREAT | O_RDWR, 0600), ENOENT);
	CHECK_ERR(open("new/", O_CREAT | O_RDWR, 0600), EISDIR);
	CHECK(symlink("f", "l") == 0 && symlink("gone", "dangling") == 0);
	CHECK_ERR(open("l", O_NOFOLLOW), ELOOP);
	CHECK_ERR(open("dangling", O_RDONLY), ENOENT);
	CHECK_ERR(open("dangling", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
	int fd = open("dangling", O_CREAT | O_RDWR, 0600);
	CHECK(fd >= 0 && access("gone", F_OK) == 0);
	fd = open("l", O_WRONLY | O_TRUNC);
	struct stat st;
	CHECK(fd >= 0 && fstat(fd, &st) == 0 && st.st_size == 0);
	fd = open("f", O_PATH);
	CHECK(fd >= 0);
	CHECK_ERR(read(fd, buf, 1), EBADF);
	CHECK(fstat(fd, &st) == 0);
	fd = open(".", O_TMPFILE | O_RDWR, 0600);
	if (fd >= 0)
		CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0);
}
static void offsets(void)
{
	int fd = make("f", "0123456789");
	CHECK(lseek(fd, 5, SEEK_SET) == 5 && lseek(fd, 2, SEEK_CUR) == 7 && lseek(fd, -1, SEEK_END) == 9);
	CHECK_ERR(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK_ERR(lseek(fd, 0, 99), EINVAL);
	CHECK(pread(fd, buf, 3, 2) == 3 && !memcmp(buf, "234", 3) && lseek(fd, 0, SEEK_CUR) == 9);
	CHECK(pwrite(fd, "XY", 2, 0) == 2 && same("f", "XY23456789"));
	CHECK(lseek(fd, 20, SEEK_SET) == 20 && write(fd, "end", 3) == 3);
	CHECK(pread(fd, buf, 100, 0) == 23 && buf[15] == 0 && !memcmp(buf + 20, "end", 3));
	CHECK(ftruncate(fd, 4) == 0 && same("f", "XY23"));
	CHECK(ftruncate(fd, 6) == 0 && pread(fd, buf, 10, 0) == 6 && buf[5] == 0);
	CHECK_ERR(ftruncate(fd, -1), EINVAL);
	CHECK_ERR(pread(fd, buf, 1, -1), EINVAL);
	struct iovec v[2] = { { buf, 2 }, { buf + 100, 10 } };
	CHECK(preadv(fd, v, 2, 0) == 6 && buf[100] == '2');
	CHECK_ERR(readv(fd, v, 1025), EINVAL);
	int d = dup(fd);
	CHECK(lseek(fd, 3, SEEK_SET) == 3 && lseek(d, 0, SEEK_CUR) == 3);
}
static void appending(void)
{
	close(make("f", "ab"));
	int fd = open("f", O_WRONLY | O_APPEND), g = open("f", O_WRONLY | O_APPEND);
	CHECK(write(fd, "c", 1) == 1 && write(g, "d", 1) == 1 && write(fd, "e", 1) == 1 && same("f", "abcde"));
	CHECK(lseek(fd, 0, SEEK_SET) == 0 && write(fd, "f", 1) == 1 && same("f", "abcdef"));
	pid_t c[4];
	for (int i = 0; i < 4; i++) {
		c[i] = fork();
		if (!c[i]) {
			int h = open("log", O_WRONLY | O_APPEND | O_CREAT, 0600);
			for (int k = 0; k < 100; k++)
				CHECK(write(h, "0123456789abcdef", 16) == 16);
			_exit(0);
		}
	}
	for (int i = 0; i < 4; i++)
		CHECK(EXITED(reap(c[i]), 0));
	struct stat st;
	CHECK(stat("log", &st) == 0 && st.st_size == 6400);
}
static void unlinking_open_files(void)
{
	struct stat st;
	int fd = make("f", "text");
	CHECK(unlink("f") == 0 && fstat(fd, &st) == 0 && st.st_nlink == 0);
	CHECK_ERR(open("f", O_RDONLY), ENOENT);
	CHECK(read(fd, buf, 10) == 4);
	char link[100], want[30];
	snprintf(want, sizeof(want), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(want, link, sizeof(link) - 1);
	CHECK(n > 10);
	link[n] = 0;
	CHECK(strstr(link, "/f (deleted)"));
	CHECK_ERR(unlink("."), EISDIR);
	CHECK_ERR(unlink("no"), ENOENT);
	CHECK_ERR(rmdir("."), EINVAL);
	CHECK(mkdir("d", 0700) == 0);
	CHECK_ERR(unlink("d"), EISDIR);
	close(make("d/x", ""));
	CHECK_ERR(rmdir("d"), ENOTEMPTY);
	CHECK(unlink("d/x") == 0 && rmdir("d") == 0);
	CHECK_ERR(rmdir("d"), ENOENT);
	close(make("plain", ""));
	CHECK_ERR(rmdir("plain"), ENOTDIR);
}
static void links(void)
{
	struct stat a, b;
	close(make("f", "same"));
	CHECK(link("f", "g") == 0 && stat("f", &a) == 0 && stat("g", &b) == 0 && a.st_ino == b.st_ino && a.st_nlink == 2);
	CHECK_ERR(link("f", "g"), EEXIST);
	CHECK_ERR(link("no", "h"), ENOENT);
	CHECK(mkdir("d", 0700) == 0);
	CHECK_ERR(link("d", "e"), EPERM);
	CHECK(unlink("f") == 0 && same("g", "same") && stat("g", &a) == 0 && a.st_nlink == 1);
	CHECK(symlink("g", "s") == 0 && readlink("s", buf, 10) == 1 && lstat("s", &a) == 0 && S_ISLNK(a.st_mode) && a.st_size == 1);
	CHECK_ERR(readlink("g", buf, 10), EINVAL);
	CHECK_ERR(symlink("", "t"), ENOENT);
	CHECK(symlink("b2", "b1") == 0 && symlink("b1", "b2") == 0);
	CHECK_ERR(open("b1", O_RDONLY), ELOOP);
	CHECK(mkdir("deep", 0700) == 0 && symlink("../d", "deep/up") == 0);
	close(make("d/file", "via"));
	CHECK(same("deep/up/file", "via") && same("deep/../d/./file", "via"));
}
static void renaming(void)
{
	struct stat st;
	close(make("a", "A"));
	close(make("b", "B"));
	CHECK(rename("a", "b") == 0 && same("b", "A"));
	CHECK_ERR(rename("a", "c"), ENOENT);
	CHECK(mkdir("d1", 0700) == 0 && mkdir("d2", 0700) == 0);
	CHECK_ERR(rename("b", "d1"), EISDIR);
	CHECK_ERR(rename("d1", "b"), ENOTDIR);
	CHECK(rename("d1", "d2") == 0 && stat("d1", &st) == -1);
	close(make("d2/x", ""));
	CHECK(mkdir("d3", 0700) == 0);
	CHECK_ERR(rename("d3", "d2"), ENOTEMPTY);
	CHECK_ERR(rename("d2", "d2/sub"), EINVAL);
	CHECK(rename("d2", "d3/moved") == 0 && stat("d3/moved/x", &st) == 0);
	CHECK(link("b", "b2") == 0 && rename("b", "b2") == 0 && same("b", "A")); /* two names of one file: nothing happens */
	CHECK(unlink("b2") == 0);
	close(make("c", "C"));
	CHECK(syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "c", 2) == 0 && same("b", "C") && same("c", "A"));
	CHECK_ERR(syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "c", 1), EEXIST);
	CHECK_ERR(syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "c", 3), EINVAL);
	CHECK_ERR(rename("b", "."), EBUSY);
}
static void listing(void)
{
	char name[300];
	int seen[100] = { 0 }, dots = 0, all = 0;
	CHECK(mkdir("d", 0700) == 0);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "d/f%d", i);
		close(make(name, ""));
	}
	DIR *d = opendir("d");
	struct dirent *e;
	CHECK(d);
	while ((e = readdir(d))) {
		all++;
		if (e->d_name[0] == '.')
			dots++;
		else {
			CHECK(e->d_type == DT_REG || e->d_type == DT_UNKNOWN);
			seen[atoi(e->d_name + 1)]++;
		}
	}
	CHECK(all == 102 && dots == 2);
	for (int i = 0; i < 100; i++)
		CHECK(seen[i] == 1);
	rewinddir(d);
	/* removing while reading */
	int n = 0;
	while ((e = readdir(d)))
		if (e->d_name[0] != '.') {
			snprintf(name, sizeof(name), "d/%s", e->d_name);
			CHECK(unlink(name) == 0);
			n++;
		}
	closedir(d);
	CHECK(n == 100 && rmdir("d") == 0);
	int fd = open(".", O_RDONLY | O_DIRECTORY);
	CHECK_ERR(syscall(SYS_getdents64, fd, buf, 10), EINVAL);
	CHECK_ERR(read(fd, buf, 10), EISDIR);
	CHECK_ERR(syscall(SYS_getdents64, make("f", ""), buf, 1000), ENOTDIR);
}
static void removed_directory(void)
{
	CHECK(mkdir("d", 0700) == 0 && chdir("d") == 0 && rmdir("../d") == 0);
	CHECK_ERR(open("x", O_CREAT | O_RDWR, 0600), ENOENT);
	CHECK_ERR(mkdir("y", 0700), ENOENT);
	CHECK_ERR(syscall(SYS_getcwd, buf, 100), ENOENT);
	CHECK(chdir("..") == 0);
	CHECK_ERR(syscall(SYS_getcwd, buf, 3), ERANGE);
}
static void modes_and_other_users(void)
{
	struct stat st;
	CHECK(chmod(".", 0755) == 0);
	close(make("secret", "s"));
	CHECK(chmod("secret", 0600) == 0);
	AS_USER(CHECK_ERR(open("secret", O_RDONLY), EACCES); CHECK_ERR(open("new", O_CREAT | O_RDWR, 0600), EACCES); CHECK_ERR(unlink("secret"), EACCES);
		CHECK_ERR(chmod("secret", 0666), EPERM); CHECK_ERR(chown("secret", 12345, 12345), EPERM); CHECK_ERR(mkdir("d", 0700), EACCES);
		CHECK_ERR(access("secret", R_OK), EACCES); CHECK(access("secret", F_OK) == 0));
	CHECK(chmod("secret", 0644) == 0);
	AS_USER(CHECK(open("secret", O_RDONLY) >= 0); CHECK_ERR(open("secret", O_WRONLY), EACCES));
	CHECK(mkdir("shared", 01777) == 0 && chmod("shared", 01777) == 0);
	close(make("shared/mine", ""));
	AS_USER(CHECK(open("shared/theirs", O_CREAT | O_RDWR, 0600) >= 0); CHECK_ERR(unlink("shared/mine"), EPERM); CHECK(stat("shared/theirs", &st) == 0);
		CHECK(st.st_uid == 12345 && st.st_gid == 12345); CHECK(unlink("shared/theirs") == 0));
	CHECK(mkdir("shut", 0700) == 0);
	AS_USER(CHECK_ERR(stat("shut/x", &st), EACCES); CHECK_ERR(chdir("shut"), EACCES); CHECK_ERR(opendir("shut") ? 0 : -1, EACCES));
	umask(077);
	close(open("masked", O_CREAT | O_RDWR, 0666));
	CHECK(stat("masked", &st) == 0 && (st.st_mode & 0777) == 0600);
	umask(022);
	close(make("suid", ""));
	CHECK(chmod("suid", 06755) == 0 && chown("suid", 12345, 12345) == 0 && stat("suid", &st) == 0 && st.st_uid == 12345);
	CHECK((st.st_mode & 06000) == 0);
	AS_USER(CHECK(chmod("suid", 0700) == 0); CHECK(chown("suid", 12345, 12345) == 0); CHECK_ERR(chown("suid", 0, 0), EPERM));
}
static void metadata(void)
{
	struct stat st, before;
	struct statx_buf sx;
	int fd = make("f", "hello");
	CHECK(fstat(fd, &before) == 0 && S_ISREG(before.st_mode) && before.st_size == 5 && before.st_nlink == 1 && before.st_blksize > 0);
	CHECK(raw_statx(AT_FDCWD, "f", 0, SX_BASIC, &sx) == 0 && sx.size == 5 && sx.ino == before.st_ino);
	CHECK((sx.mask & SX_BASIC) == SX_BASIC && makedev(sx.dev_major, sx.dev_minor) == before.st_dev);
	CHECK(raw_statx(fd, "", AT_EMPTY_PATH, SX_SIZE, &sx) == 0);
	CHECK_ERR(raw_statx(AT_FDCWD, "f", 0x80000, SX_SIZE, &sx), EINVAL);
	CHECK_ERR(raw_statx(AT_FDCWD, "f", 0, 0x80000000, &sx), EINVAL);
	struct timespec ts[2] = { { 1000, 5 }, { 2000, 7 } };
	CHECK(futimens(fd, ts) == 0 && fstat(fd, &st) == 0);
	CHECK(st.st_atim.tv_sec == 1000 && st.st_mtim.tv_sec == 2000 && st.st_mtim.tv_nsec == 7 && st.st_ctim.tv_sec > 2000);
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_nsec = UTIME_NOW;
	CHECK(utimensat(AT_FDCWD, "f", ts, 0) == 0 && fstat(fd, &st) == 0 && st.st_atim.tv_sec == 1000 && st.st_mtim.tv_sec > 2000);
	CHECK(futimens(fd, (struct timespec[]){ { 1, 0 }, { 1, 0 } }) == 0 && write(fd, "x", 1) == 1 && fstat(fd, &st) == 0 && st.st_mtim.tv_sec > 1);
	ts[1].tv_nsec = 2000000000;
	CHECK_ERR(futimens(fd, ts), EINVAL);
	CHECK(mkdir("d", 0700) == 0 && stat("d", &st) == 0 && S_ISDIR(st.st_mode));
	struct statfs fs;
	CHECK(statfs(".", &fs) == 0 && fs.f_bsize > 0 && fs.f_namelen >= 255);
	CHECK_ERR(stat("f", (void *)8), EFAULT);
}
static void record_locks(void)
{
	int fd = make("f", "0123456789");
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = 3 }, g;
	CHECK(fcntl(fd, F_SETLK, &l) == 0);
	g = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
	CHECK(fcntl(fd, F_GETLK, &g) == 0 && g.l_type == F_UNLCK); /* one's own never conflict */
	pid_t me = getpid();
	int st = IN_CHILD(
		g = (struct flock){ .l_type = F_RDLCK, .l_whence = SEEK_SET };
		CHECK(fcntl(fd, F_GETLK, &g) == 0 && g.l_type == F_WRLCK && g.l_start == 2 && g.l_len == 3 && g.l_pid == me);
		l.l_start = 4;
		CHECK(fcntl(fd, F_SETLK, &l) == -1 && (errno == EAGAIN || errno == EACCES));
		l.l_start = 5;
		CHECK(fcntl(fd, F_SETLK, &l) == 0));
	CHECK(EXITED(st, 0));
	/* the child's lock died with it; closing any descriptor of the file drops ours */
	close(open("f", O_RDONLY));
	l.l_start = 2;
	CHECK(EXITED(IN_CHILD(CHECK(fcntl(fd, F_SETLK, &l) == 0)), 0));
	/* waiting */
	CHECK(fcntl(fd, F_SETLK, &l) == 0);
	pid_t c = fork();
	if (!c) {
		CHECK(fcntl(fd, F_SETLKW, &l) == 0);
		_exit(0);
	}
	await_state(c, "S");
	l.l_type = F_UNLCK;
	CHECK(fcntl(fd, F_SETLK, &l) == 0);
	CHECK(EXITED(reap(c), 0));
	/* a deadlock is seen */
	l = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };
	CHECK(fcntl(fd, F_SETLK, &l) == 0);
	c = fork();
	if (!c) {
		struct flock m = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 1, .l_len = 1 };
		CHECK(fcntl(fd, F_SETLK, &m) == 0);
		SHARED[0] = 1;
		m.l_start = 0;
		CHECK(fcntl(fd, F_SETLKW, &m) == 0);
		_exit(0);
	}
	await_value(&SHARED[0], 1);
	await_state(c, "S");
	l.l_start = 1;
	CHECK_ERR(fcntl(fd, F_SETLKW, &l), EDEADLK);
	l.l_start = 0;
	l.l_type = F_UNLCK;
	CHECK(fcntl(fd, F_SETLK, &l) == 0);
	CHECK(EXITED(reap(c), 0));
}
static void whole_file_locks(void)
{
	int a = make("f", ""), b = open("f", O_RDWR), d = dup(a);
	CHECK(flock(a, LOCK_EX) == 0);
	CHECK_ERR(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	CHECK(flock(d, LOCK_EX | LOCK_NB) == 0); /* the same open file */
	CHECK(EXITED(IN_CHILD(CHECK(flock(a, LOCK_UN) == 0)), 0));
	CHECK(flock(b, LOCK_SH | LOCK_NB) == 0 && flock(a, LOCK_SH | LOCK_NB) == 0);
	CHECK_ERR(flock(a, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	CHECK_ERR(flock(a, 77), EINVAL);
	close(b);
	CHECK(flock(a, LOCK_EX | LOCK_NB) == 0);
}
static void descriptors(void)
{
	int fd = make("f", "x");
	CHECK(dup2(fd, fd) == fd && dup2(fd, 200) == 200);
	CHECK_ERR(dup2(999, 5), EBADF);
	CHECK_ERR(dup2(fd, 100000000), EBADF);
	CHECK_ERR(dup3(fd, fd, 0), EINVAL);
	CHECK_ERR(dup3(fd, 5, O_APPEND), EINVAL);
	CHECK(dup3(fd, 201, O_CLOEXEC) == 201 && fcntl(201, F_GETFD) == FD_CLOEXEC);
	CHECK(fcntl(fd, F_DUPFD, 300) == 300 && fcntl(fd, F_DUPFD_CLOEXEC, 300) == 301 && fcntl(301, F_GETFD) == FD_CLOEXEC);
	CHECK_ERR(fcntl(fd, F_DUPFD, 100000000), EINVAL);
	CHECK_ERR(fcntl(fd, 9999), EINVAL);
	CHECK_ERR(close(999), EBADF);
	close(200);
	CHECK(open("f", O_RDONLY) < 200); /* the lowest free one */
	CHECK(syscall(SYS_close_range, 200, 400, 0) == 0);
	CHECK_ERR(fcntl(300, F_GETFD), EBADF);
	CHECK_ERR(syscall(SYS_close_range, 5, 4, 0), EINVAL);
}
static void copying_in_the_kernel(void)
{
	int a = make("a", "copy me please"), b = make("b", ""), p[2];
	off_t off = 5;
	CHECK(sendfile(b, a, &off, 100) == 9 && off == 14 && same("b", "me please"));
	CHECK(pipe(p) == 0);
	off = 0;
	CHECK(sendfile(p[1], a, &off, 4) == 4 && read(p[0], buf, 10) == 4 && !memcmp(buf, "copy", 4));
}
static void special_files(void)
{
	struct stat st;
	CHECK(mknod("null", S_IFCHR | 0666, makedev(1, 3)) == 0 && stat("null", &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
	AS_USER(CHECK_ERR(mknod("x", S_IFCHR | 0666, makedev(1, 3)), errno));
	int z = open("/dev/zero", O_RDWR), n = open("/dev/null", O_RDWR), f = open("/dev/full", O_RDWR), r = open("/dev/urandom", O_RDONLY);
	CHECK(z >= 0 && n >= 0 && f >= 0 && r >= 0);
	buf[5] = 1;
	CHECK(read(z, buf, 100) == 100 && buf[5] == 0 && read(n, buf, 10) == 0 && write(n, buf, 10) == 10);
	CHECK_ERR(write(f, buf, 1), ENOSPC);
	char other[32] = { 0 }, zero[32] = { 0 };
	CHECK(read(r, buf, 32) == 32 && read(r, other, 32) == 32 && memcmp(buf, other, 32) && memcmp(buf, zero, 32));
	char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, z, 0);
	CHECK(m != MAP_FAILED && m[0] == 0);
}
static void extended_attributes(void)
{
	close(make("f", ""));
	if (setxattr("f", "user.a", "value", 5, 0) < 0) {
		CHECK(errno == EOPNOTSUPP || errno == ENOSYS);
		check_skip("no extended attributes here");
	}
	CHECK(getxattr("f", "user.a", buf, 10) == 5 && !memcmp(buf, "value", 5));
	CHECK_ERR(getxattr("f", "user.b", buf, 10), ENODATA);
	CHECK_ERR(getxattr("f", "user.a", buf, 2), ERANGE);
	CHECK_ERR(setxattr("f", "user.a", "x", 1, XATTR_CREATE), EEXIST);
	CHECK(listxattr("f", buf, 100) >= 7 && removexattr("f", "user.a") == 0);
}
static void long_names(void)
{
	char name[5000];
	memset(name, 'n', sizeof(name));
	name[256] = 0;
	CHECK_ERR(open(name, O_CREAT | O_RDWR, 0600), ENAMETOOLONG);
	name[255] = 0;
	int fd = open(name, O_CREAT | O_RDWR, 0600);
	CHECK(fd >= 0 && unlink(name) == 0);
	memset(name, '/', sizeof(name));
	name[4096] = 0;
	CHECK_ERR(open(name, O_RDONLY), ENAMETOOLONG);
	name[4095] = 0;
	CHECK(open(name, O_RDONLY) >= 0);
}
static void file_size_limit(void)
{
	int st = IN_CHILD(int fd = make("f", ""); struct { unsigned long c, m; } r = { 1000, 1000 }; CHECK(syscall(SYS_setrlimit, 1, &r) == 0);
		signal(SIGXFSZ, SIG_IGN); CHECK(write(fd, buf, 2000) == 1000); CHECK_ERR(write(fd, buf, 1), EFBIG); CHECK_ERR(ftruncate(fd, 2000), EFBIG);
		signal(SIGXFSZ, SIG_DFL); (void)!write(fd, buf, 1));
	CHECK(KILLED(st, SIGXFSZ));
}
CASES(CASE(open_flags), CASE(offsets), CASE(appending), CASE(unlinking_open_files), CASE(links), CASE(renaming), CASE(listing),
	CASE(removed_directory), CASE(modes_and_other_users), CASE(metadata), CASE(record_locks), CASE(whole_file_locks), CASE(descriptors),
	CASE(copying_in_the_kernel), CASE(special_files), CASE(extended_attributes), CASE(long_names), CASE(file_size_limit))
