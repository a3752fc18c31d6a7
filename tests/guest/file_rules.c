/* Calls about files, rule by rule where programs notice: locks, hints, seals, ranges, what statx says it knows, access lists as extended attributes. */
#include "check.h"
#include <sys/utsname.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <utime.h>

static void on_tmpfs(void)
{
	char dir[] = "/dev/shm/check.XXXXXX";
	if (!mkdtemp(dir))
		check_skip("no /dev/shm");
	CHECK(chdir(dir) == 0);
	write_file("f", "abc", 3, 0644);
}
static void leave(void)
{
	char dir[PATH_MAX];
	CHECK(getcwd(dir, sizeof(dir)) && chdir("/") == 0);
	check_remove(dir);
}
static unsigned mask_of(const char *path, unsigned want)
{
	struct statx x;
	CHECK(statx(AT_FDCWD, path, 0, STATX_BASIC_STATS | want, &x) == 0); /* asked for nothing, later kernels leave times out */
	return x.stx_mask & 0x1fff; /* later kernels know more */
}

static void statx_masks(void)
{
	on_tmpfs();
	CHECK(mask_of("f", 0) == (STATX_BASIC_STATS | STATX_MNT_ID));
	CHECK(mask_of("f", STATX_SIZE) == (STATX_BASIC_STATS | STATX_MNT_ID));
	CHECK(mask_of("f", STATX_BTIME) == (STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID));
	CHECK(mask_of("/proc/self/status", STATX_ALL) == (STATX_BASIC_STATS | STATX_MNT_ID));
	leave();
}

static void far_times(void)
{
	static const struct timespec times[] = {
		{ -1, 999999999 },
		{ -86400L * 365 * 100, 1 },
		{ 1L << 40, 5 },
		{ INT64_MAX, 999999999 },
		{ INT64_MIN, 0 },
		{ 0, 0 },
	};
	struct stat st;
	struct statx x;
	struct utimbuf old = { -5, -7 };
	char c;
	on_tmpfs();
	for (size_t k = 0; k < NELEM(times); k++) {
		struct timespec two[2] = { times[k], times[NELEM(times) - 1 - k] };
		CHECK(utimensat(AT_FDCWD, "f", two, 0) == 0 && stat("f", &st) == 0);
		/* The last second there is has no parts. */
		for (int n = 0; n < 2; n++)
			two[n].tv_nsec = two[n].tv_sec == INT64_MAX ? 0 : two[n].tv_nsec;
		CHECK(st.st_atim.tv_sec == two[0].tv_sec && st.st_atim.tv_nsec == two[0].tv_nsec);
		CHECK(st.st_mtim.tv_sec == two[1].tv_sec && st.st_mtim.tv_nsec == two[1].tv_nsec);
		CHECK(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &x) == 0);
		CHECK(x.stx_atime.tv_sec == two[0].tv_sec && x.stx_atime.tv_nsec == two[0].tv_nsec && x.stx_mtime.tv_sec == two[1].tv_sec);
	}
	CHECK(utime("f", &old) == 0 && stat("f", &st) == 0 && st.st_atime == -5 && st.st_mtime == -7 && st.st_ctime > 1000000000);
	/* A time of access before the change is brought up to date by a read, one behind it is not. */
	int fd = open("f", O_RDONLY);
	CHECK(utimensat(AT_FDCWD, "f", (struct timespec[2]){ { -10, 0 }, { -5, 0 } }, 0) == 0 && read(fd, &c, 1) == 1 && fstat(fd, &st) == 0);
	CHECK(st.st_atime > 1000000000);
	CHECK(utimensat(AT_FDCWD, "f", (struct timespec[2]){ { 1L << 40, 0 }, { -5, 0 } }, 0) == 0 && read(fd, &c, 1) == 1 && fstat(fd, &st) == 0);
	CHECK(st.st_atime == 1L << 40);
	leave();
}

#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"
#define ANY 0xffffffffu
struct acl {
	unsigned version;
	struct {
		unsigned short tag, perm;
		unsigned id;
	} e[5];
};
#define LIST(...) (&(struct acl){ 2, { __VA_ARGS__ } })
#define SIZE(n) (4 + 8 * (size_t)(n))
static mode_t mode_of(const char *path)
{
	struct stat st;
	CHECK(stat(path, &st) == 0);
	return st.st_mode & 07777;
}

static void access_lists(void)
{
	char buf[256];
	on_tmpfs();
	CHECK_ERR(getxattr("f", ACCESS, buf, sizeof(buf)), ENODATA);
	CHECK_ERR(getxattr(".", DEFAULT, NULL, 0), ENODATA);
	/* What says no more than a mode is one. */
	CHECK(setxattr("f", ACCESS, LIST({ 1, 7, ANY }, { 4, 5, ANY }, { 32, 1, ANY }), SIZE(3), 0) == 0 && mode_of("f") == 0751);
	CHECK_ERR(getxattr("f", ACCESS, buf, sizeof(buf)), ENODATA);
	CHECK(listxattr("f", buf, sizeof(buf)) == 0);
	CHECK(chmod("f", 04644) == 0 && setxattr("f", ACCESS, LIST({ 1, 6, 5 }, { 4, 4, 0 }, { 32, 0, 7 }), SIZE(3), XATTR_REPLACE) == 0 &&
		  mode_of("f") == 04640);
	CHECK(setxattr("f", ACCESS, LIST({ 0, 0, 0 }), 4, 0) == 0 && setxattr("f", ACCESS, "", 0, 0) == 0 && mode_of("f") == 04640);
	CHECK_ERR(setxattr("f", ACCESS, LIST({ 4, 6, ANY }, { 1, 5, ANY }, { 32, 1, ANY }), SIZE(3), 0), EINVAL);
	CHECK_ERR(setxattr("f", ACCESS, LIST({ 1, 9, ANY }, { 4, 5, ANY }, { 32, 1, ANY }), SIZE(3), 0), EINVAL);
	CHECK_ERR(setxattr("f", ACCESS, LIST({ 1, 7, ANY }, { 4, 5, ANY }, { 32, 1, ANY }), SIZE(2), 0), EINVAL);
	CHECK_ERR(setxattr("f", ACCESS, LIST({ 1, 7, ANY }, { 4, 5, ANY }, { 32, 1, ANY }), SIZE(3) + 1, 0), EINVAL);
	CHECK_ERR(setxattr("f", ACCESS, LIST({ 1, 7, ANY }), 3, 0), EINVAL);
	CHECK_ERR(setxattr("f", ACCESS, &(struct acl){ 1, { { 1, 7, ANY }, { 4, 5, ANY }, { 32, 1, ANY } } }, SIZE(3), 0), EOPNOTSUPP);
	CHECK_ERR(setxattr("f", DEFAULT, LIST({ 1, 7, ANY }, { 4, 5, ANY }, { 32, 1, ANY }), SIZE(3), 0), EACCES);
	CHECK(removexattr("f", ACCESS) == 0 && removexattr(".", DEFAULT) == 0);
	CHECK(symlink("f", "s") == 0);
	CHECK_ERR(lgetxattr("s", ACCESS, NULL, 0), EOPNOTSUPP);
	CHECK_ERR(getxattr("/proc/self/status", ACCESS, NULL, 0), EOPNOTSUPP);
	CHECK_ERR(getxattr("f", "system.other", NULL, 0), EOPNOTSUPP);
	if (geteuid() == 0) {
		int st = IN_CHILD({
			CHECK(chmod(".", 0777) == 0 && setresuid(1234, 1234, 1234) == 0);
			CHECK_ERR(setxattr("f", ACCESS, LIST({ 1, 7, ANY }, { 4, 5, ANY }, { 32, 1, ANY }), SIZE(3), 0), EPERM);
			CHECK_ERR(removexattr("f", ACCESS), EPERM);
		});
		CHECK(EXITED(st, 0));
	}
	leave();
}

static void locks(void)
{
	int fd = open("f", O_RDWR | O_CREAT, 0600), other = open("f", O_RDWR);
	struct flock l = { .l_type = F_WRLCK, .l_start = 10, .l_len = 5 }, q = { .l_type = F_UNLCK };
	CHECK(fcntl(fd, F_OFD_SETLK, &l) == 0);
	/* One's own locks, and nobody else's. */
	CHECK(fcntl(fd, F_OFD_GETLK, &q) == 0 && q.l_type == F_WRLCK && q.l_start == 10 && q.l_len == 5);
	q = (struct flock){ .l_type = F_UNLCK };
	CHECK(fcntl(other, F_OFD_GETLK, &q) == 0 && q.l_type == F_UNLCK);
	q = (struct flock){ .l_type = F_UNLCK };
	CHECK_ERR(fcntl(fd, F_GETLK, &q), EINVAL);
	/* Mandatory locks are gone, and not missed. */
	CHECK(flock(fd, 32) == 0 && flock(-1, 32 | LOCK_EX) == 0 && flock(other, LOCK_EX | LOCK_NB) == 0);
}

static void hints(void)
{
	uint64_t h = 9;
	int fd = open("f", O_RDWR | O_CREAT, 0600), again = open("f", O_RDONLY);
	CHECK(fcntl(fd, F_GET_RW_HINT, &h) == 0 && h == 0);
	h = 4;
	CHECK(fcntl(fd, F_SET_RW_HINT, &h) == 0);
	h = 6;
	CHECK_ERR(fcntl(fd, F_SET_RW_HINT, &h), EINVAL);
	CHECK(fcntl(again, F_GET_RW_HINT, &h) == 0 && h == 4);
	int created = fcntl(fd, 1028);
	CHECK((created == 1 && fcntl(again, 1028) == 0) || (created == -1 && errno == EINVAL)); /* since 6.12 */
}

static int is_6_12(void)
{
	struct utsname u;
	return uname(&u) == 0 && !strncmp(u.release, "6.12.", 5);
}
static void sealed_growth(void)
{
	int fd = memfd_create("m", MFD_ALLOW_SEALING);
	CHECK(ftruncate(fd, 5000) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_GROW) == 0);
	CHECK_ERR(pwrite(fd, "abc", 3, 4999), EPERM);
	CHECK_ERR(pwrite(fd, "abc", 3, 5000), EPERM);
	CHECK(pwrite(fd, "abc", 3, 4997) == 3);
	/* Written are the pieces before the one in which it would grow; without large folios (not Debian's 6.12) these are pages. */
	char page[4096] = "";
	ssize_t n = pwrite(fd, page, 4096, 4000);
	CHECK((n < 0 && errno == EPERM) || (n == 96 && !is_6_12()));
	CHECK_ERR(fallocate(fd, 0, 0, 6000), EPERM);
	CHECK_ERR(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 6000), EPERM);
	CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 8192) == 0);
	CHECK_ERR(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 4096), EOPNOTSUPP);
	/* Two pieces, of which one fits. */
	fd = memfd_create("m", MFD_ALLOW_SEALING);
	char *big = calloc(1, 3 << 20);
	CHECK(big && ftruncate(fd, (2 << 20) + 5000) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_GROW) == 0);
	n = pwrite(fd, big, 3 << 20, 0);
	CHECK(n == 2 << 20 || (n == (2 << 20) + 4096 && !is_6_12()));
	free(big);
}

static void ranges(void)
{
	int fd = open("f", O_RDWR | O_CREAT, 0600), to = open("t", O_RDWR | O_CREAT, 0600), dir = open(".", O_RDONLY), p[2];
	off64_t neg = -1, far = LLONG_MAX;
	CHECK(pipe(p) == 0 && write(fd, "data", 4) == 4);
	CHECK(sync_file_range(fd, 0, 0, 7) == 0);
	CHECK_ERR(sync_file_range(fd, 0, 0, 8), EINVAL);
	CHECK_ERR(sync_file_range(fd, -1, 0, 0), EINVAL);
	CHECK_ERR(sync_file_range(p[0], 0, 0, 0), ESPIPE);
	CHECK_ERR(sync_file_range(-1, 0, 0, 8), EBADF);
	CHECK_ERR(copy_file_range(fd, &neg, to, NULL, 10, 0), EOVERFLOW);
	CHECK(copy_file_range(fd, &far, to, NULL, 10, 0) == 0);
	CHECK_ERR(copy_file_range(fd, NULL, dir, NULL, 10, 0), EISDIR);
	CHECK_ERR(sendfile(to, dir, NULL, 10), EINVAL);
	CHECK_ERR(setxattr("f", "user.", "v", 1, 0), EINVAL);
}

/* openat2 that may not ask a file system: 0 or errno. */
static int cached(const char *path, uint64_t flags)
{
	struct open_how how = { .flags = flags, .resolve = 0x20 /* RESOLVE_CACHED */ };
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}
static void cached_walks(void)
{
	struct statfs fs;
	struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };
	if (statfs(".", &fs) < 0 || fs.f_type != TMPFS_MAGIC)
		check_skip("not tmpfs, whose names are all in memory");
	write_file("f", "x", 1, 0644);
	CHECK(symlink("f", "l") == 0 && utimensat(AT_FDCWD, "l", old, AT_SYMLINK_NOFOLLOW) == 0);
	CHECK(cached("f", O_RDONLY) == 0 && cached("f", O_RDWR) == 0 && cached(".", O_PATH) == 0 && cached("../../tmp", O_RDONLY) == 0);
	CHECK(cached("none", O_RDONLY) == EAGAIN && cached("f/x", O_RDONLY) == EAGAIN && cached("f", O_WRONLY | O_TRUNC) == EAGAIN);
	/* to note that a link was read is more than to look; once noted it need not be again */
	CHECK(cached("l", O_RDONLY) == EAGAIN);
	int fd = open("l", O_RDONLY);
	CHECK(fd >= 0 && cached("l", O_RDONLY) == 0);
}
static void room_by_device(void)
{
	struct { int32_t tfree; uint64_t tinode; char names[12]; } u = { 0 };
	struct stat st;
	CHECK(stat("/dev/shm", &st) == 0 || stat(".", &st) == 0);
	if (syscall(SYS_ustat, (unsigned)st.st_dev, &u) < 0 && errno == ENOSYS)
		check_skip("no ustat");
	CHECK(syscall(SYS_ustat, (unsigned)st.st_dev, &u) == 0 && (u.tfree > 0 || u.tinode > 0));
	CHECK_ERR(syscall(SYS_ustat, 0xfffff, &u), EINVAL);
	CHECK_ERR(syscall(SYS_ustat, (unsigned)st.st_dev, (void *)8), EFAULT);
}
static void numbered_file_systems(void)
{
	char name[64];
	long n = syscall(SYS_sysfs, 3), found = -1;
	if (n < 0 && errno == ENOSYS)
		check_skip("no sysfs call");
	CHECK(n > 2);
	for (long i = 0; i < n; i++) {
		CHECK(syscall(SYS_sysfs, 2, i, name) == 0);
		CHECK(syscall(SYS_sysfs, 1, name) == i);
		if (!strcmp(name, "proc"))
			found = i;
	}
	CHECK(found >= 0);
	CHECK_ERR(syscall(SYS_sysfs, 2, n, name), EINVAL);
	CHECK_ERR(syscall(SYS_sysfs, 1, "no such thing"), EINVAL);
	CHECK_ERR(syscall(SYS_sysfs, 4), EINVAL);
}

CASES(CASE(locks), CASE(hints), CASE(sealed_growth), CASE(ranges), CASE(statx_masks), CASE(far_times), CASE(access_lists),
	CASE(cached_walks), CASE(room_by_device), CASE(numbered_file_systems))
