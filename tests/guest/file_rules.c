/* Calls about files, rule by rule where programs notice: what statx says it knows, access lists as extended attributes. On a tmpfs, /dev/shm. */
#include "check.h"
#include <sys/xattr.h>

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

CASES(CASE(statx_masks), CASE(access_lists))
