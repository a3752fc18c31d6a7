/* Mounting in steps: fsopen, fsconfig, fsmount, fspick, open_tree, move_mount, mount_setattr. */
#include "check.h"

#include <linux/mount.h>
#include <sys/vfs.h>

#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#ifndef FSCONFIG_CMD_CREATE_EXCL
#define FSCONFIG_CMD_CREATE_EXCL 8
#endif
#define AT_RECURSIVE_ 0x8000

static long fsopen_(const char *name, unsigned flags) { return syscall(SYS_fsopen, name, flags); }
static long config(long fd, unsigned cmd, const char *key, const void *value, int aux) { return syscall(SYS_fsconfig, fd, cmd, key, value, aux); }
static long fsmount_(long fd, unsigned flags, unsigned attr) { return syscall(SYS_fsmount, fd, flags, attr); }
static long fspick_(const char *path, unsigned flags) { return syscall(SYS_fspick, AT_FDCWD, path, flags); }
static long open_tree_(int dir, const char *path, unsigned flags) { return syscall(SYS_open_tree, dir, path, flags); }
static long move(long from, const char *fp, int to, const char *tp, unsigned flags) { return syscall(SYS_move_mount, from, fp, to, tp, flags); }
static long setattr(int dir, const char *path, unsigned flags, struct mount_attr *a) { return syscall(SYS_mount_setattr, dir, path, flags, a, sizeof(*a)); }

/* sys/mount.h and linux/mount.h do not go together. */
static long mount_(const char *src, const char *dst, const char *type, unsigned long flags, const void *data) { return syscall(SYS_mount, src, dst, type, flags, data); }
static long umount_(const char *dst, int flags) { return syscall(SYS_umount2, dst, flags); }

static void begin(void)
{
	if (getuid() || unshare(CLONE_NEWNS) < 0)
		check_skip("not allowed to mount");
	CHECK(mount_("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHECK(mkdir("a", 0755) == 0 && mkdir("b", 0755) == 0);
}
/* A tmpfs that is nowhere: its descriptor. */
static int new_tmpfs(unsigned attr)
{
	long fs = fsopen_("tmpfs", FSOPEN_CLOEXEC);
	CHECK(fs >= 0 && fcntl((int)fs, F_GETFD) == FD_CLOEXEC);
	CHECK(config(fs, FSCONFIG_SET_STRING, "size", "1M", 0) == 0 && config(fs, FSCONFIG_SET_STRING, "source", "mine", 0) == 0);
	CHECK(config(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0);
	long m = fsmount_(fs, FSMOUNT_CLOEXEC, attr);
	CHECK(m >= 0);
	close((int)fs);
	return (int)m;
}
static int has(const char *path) { return access(path, F_OK) == 0; }
/* The line of mountinfo for the mount point that ends so. */
static const char *line_of(const char *end)
{
	static char buf[4096];
	char want[64];
	snprintf(want, sizeof(want), "%s ", end);
	FILE *f = fopen("/proc/self/mountinfo", "r");
	CHECK(f);
	while (fgets(buf, sizeof(buf), f))
		if (strstr(buf, want)) {
			fclose(f);
			return buf;
		}
	fclose(f);
	return "";
}

static void a_new_mount(void)
{
	begin();
	int m = new_tmpfs(MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME);
	/* it can be used before it is anywhere */
	int fd = openat(m, "file", O_CREAT | O_RDWR, 0644);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
	CHECK(!*line_of("/a"));
	CHECK(move(m, "", AT_FDCWD, "a", MOVE_MOUNT_F_EMPTY_PATH) == 0 && has("a/file"));
	const char *l = line_of("/a");
	CHECK(strstr(l, "rw,nodev,noatime") && strstr(l, " - tmpfs mine rw,size=1024k"));
	/* it stays when the descriptor goes, and can be moved on by it meanwhile */
	CHECK(move(m, "", AT_FDCWD, "b", MOVE_MOUNT_F_EMPTY_PATH) == 0 && !has("a/file") && has("b/file"));
	close(m);
	CHECK(has("b/file") && move(AT_FDCWD, "b", AT_FDCWD, "a", 0) == 0 && has("a/file") && umount_("a", 0) == 0);
}

static void the_last_close_ends_it(void)
{
	begin();
	int m = new_tmpfs(0), fd = openat(m, "file", O_CREAT | O_RDWR, 0644);
	CHECK(fd >= 0);
	close(m);
	/* who uses it still may */
	CHECK(write(fd, "x", 1) == 1);
	CHECK_ERR(move(m, "", AT_FDCWD, "a", MOVE_MOUNT_F_EMPTY_PATH), EBADF);
}

static void phases(void)
{
	begin();
	long fs = fsopen_("tmpfs", 0);
	char buf[64];
	CHECK(fs >= 0);
	CHECK_ERR(fsmount_(fs, 0, 0), EINVAL);
	CHECK_ERR(config(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0), EBUSY);
	CHECK(config(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) == 0);
	CHECK(config(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0);
	CHECK_ERR(config(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0), EBUSY);
	CHECK_ERR(config(fs, FSCONFIG_SET_STRING, "size", "1M", 0), EBUSY);
	CHECK_ERR(read((int)fs, buf, sizeof(buf)), ENODATA);
	long m = fsmount_(fs, 0, 0);
	CHECK(m >= 0);
	CHECK_ERR(fsmount_(fs, 0, 0), EBUSY);
	CHECK(move(m, "", AT_FDCWD, "a", MOVE_MOUNT_F_EMPTY_PATH) == 0);
	CHECK_ERR(open("a/f", O_CREAT | O_RDWR, 0600), EROFS);
	/* from here on it changes what it made */
	CHECK(config(fs, FSCONFIG_SET_FLAG, "rw", NULL, 0) == 0 && config(fs, FSCONFIG_SET_STRING, "size", "2M", 0) == 0);
	CHECK(config(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) == 0);
	CHECK(strstr(line_of("/a"), "size=2048k") && open("a/f", O_CREAT | O_RDWR, 0600) >= 0);
}

static void shapes_of_calls(void)
{
	char s[300];
	memset(s, 'k', sizeof(s));
	s[299] = 0;
	begin();
	CHECK_ERR(fsopen_("tmpfs", 2), EINVAL);
	CHECK_ERR(fsopen_("no such thing", 0), ENODEV);
	CHECK_ERR(fsopen_((char *)8, 0), EFAULT);
	long fs = fsopen_("proc", 0);
	int v = 2;
	CHECK_ERR(config(-1, FSCONFIG_SET_FLAG, "ro", NULL, 0), EINVAL);
	CHECK_ERR(config(99, FSCONFIG_SET_FLAG, "ro", NULL, 0), EBADF);
	CHECK_ERR(config(0, 77, "ro", NULL, 0), EOPNOTSUPP);
	CHECK_ERR(config(fs, FSCONFIG_SET_FLAG, "ro", "1", 0), EINVAL);
	CHECK_ERR(config(fs, FSCONFIG_SET_FLAG, NULL, NULL, 0), EINVAL);
	CHECK_ERR(config(fs, FSCONFIG_SET_FLAG, "ro", NULL, 1), EINVAL);
	CHECK_ERR(config(fs, FSCONFIG_SET_STRING, "hidepid", NULL, 0), EINVAL);
	CHECK_ERR(config(fs, FSCONFIG_SET_BINARY, "hidepid", &v, 0), EINVAL);
	CHECK_ERR(config(fs, FSCONFIG_SET_BINARY, "hidepid", &v, 4), EINVAL);
	CHECK_ERR(config(fs, FSCONFIG_SET_FLAG, s, NULL, 0), EINVAL);
	CHECK_ERR(config(fs, FSCONFIG_SET_STRING, (char *)8, "x", 0), EFAULT);
	CHECK_ERR(config(fs, FSCONFIG_SET_STRING, "hidepid", (char *)8, 0), EFAULT);
	CHECK_ERR(config(fs, FSCONFIG_CMD_CREATE, "x", NULL, 0), EINVAL);
	CHECK_ERR(fsmount_(fs, 2, 0), EINVAL);
	CHECK_ERR(fsmount_(fs, 0, 0x40), EINVAL);
	CHECK_ERR(fsmount_(fs, 0, 0x30), EINVAL);
	CHECK_ERR(fsmount_(0, 0, 0), EINVAL);
	CHECK_ERR(config(0, FSCONFIG_SET_FLAG, "ro", NULL, 0), EINVAL);
}

static void options_of_proc(void)
{
	begin();
	long fs = fsopen_("proc", 0);
	CHECK(fs >= 0);
	CHECK_ERR(config(fs, FSCONFIG_SET_STRING, "hidepid", "7", 0), EINVAL);
	CHECK_ERR(config(fs, FSCONFIG_SET_STRING, "nonsense", "7", 0), EINVAL);
	CHECK_ERR(config(fs, FSCONFIG_SET_FLAG, "hidepid", NULL, 0), EINVAL);
	CHECK(config(fs, FSCONFIG_SET_STRING, "hidepid", "1", 0) == 0 && config(fs, FSCONFIG_SET_STRING, "hidepid", "invisible", 0) == 0);
	CHECK(config(fs, FSCONFIG_SET_STRING, "subset", "pid", 0) == 0 && config(fs, FSCONFIG_SET_STRING, "source", "s", 0) == 0);
	CHECK_ERR(config(fs, FSCONFIG_SET_STRING, "source", "t", 0), EINVAL);
	CHECK(config(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0);
	long m = fsmount_(fs, 0, MOUNT_ATTR_NOSUID);
	CHECK(m >= 0 && faccessat((int)m, "self/stat", R_OK, 0) == 0 && faccessat((int)m, "meminfo", R_OK, 0) < 0);
	CHECK(move(m, "", AT_FDCWD, "a", MOVE_MOUNT_F_EMPTY_PATH) == 0);
	CHECK(strstr(line_of("/a"), "nosuid") && strstr(line_of("/a"), " - proc s rw,hidepid=invisible,subset=pid"));
}

static void privilege(void)
{
	begin();
	int m = new_tmpfs(0);
	long fs = fsopen_("tmpfs", 0);
	CHECK(setresuid(65534, 65534, 65534) == 0);
	CHECK_ERR(fsopen_("tmpfs", 0), EPERM);
	CHECK_ERR(fsopen_("tmpfs", 99), EPERM);
	CHECK_ERR(fsmount_(fs, 0, 0), EPERM);
	CHECK_ERR(fspick_("/", 0), EPERM);
	CHECK_ERR(config(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0), EPERM);
	CHECK_ERR(move(m, "", AT_FDCWD, "a", MOVE_MOUNT_F_EMPTY_PATH), EPERM);
	CHECK_ERR(open_tree_(AT_FDCWD, "/", OPEN_TREE_CLONE), EPERM);
	int fd = (int)open_tree_(AT_FDCWD, "/", OPEN_TREE_CLOEXEC); /* that is but an O_PATH */
	CHECK(fd >= 0 && (fcntl(fd, F_GETFL) & O_PATH) && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	struct mount_attr a = { .attr_set = MOUNT_ATTR_RDONLY };
	CHECK_ERR(setattr(AT_FDCWD, "/", 0, &a), EPERM);
}

static void picked(void)
{
	begin();
	CHECK(mount_("t", "a", "tmpfs", 0, "size=1M") == 0);
	CHECK_ERR(fspick_("b", 0), EINVAL);
	CHECK_ERR(fspick_("nothing", 0), ENOENT);
	CHECK_ERR(fspick_("a", 0x100), EINVAL);
	long fs = fspick_("a", FSPICK_CLOEXEC);
	CHECK(fs >= 0);
	CHECK_ERR(config(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0), EBUSY);
	CHECK(config(fs, FSCONFIG_SET_STRING, "size", "3M", 0) == 0 && config(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) == 0);
	CHECK(config(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) == 0);
	CHECK(strstr(line_of("/a"), "ro,size=3072k"));
}

static void clones(void)
{
	begin();
	CHECK(mount_("t", "a", "tmpfs", 0, NULL) == 0 && mkdir("a/sub", 0755) == 0 && mount_("u", "a/sub", "tmpfs", 0, NULL) == 0);
	close(open("a/top", O_CREAT | O_RDWR, 0600));
	close(open("a/sub/low", O_CREAT | O_RDWR, 0600));
	int one = (int)open_tree_(AT_FDCWD, "a", OPEN_TREE_CLONE), all = (int)open_tree_(AT_FDCWD, "a", OPEN_TREE_CLONE | AT_RECURSIVE_);
	CHECK(one >= 0 && all >= 0);
	CHECK(faccessat(one, "top", F_OK, 0) == 0 && faccessat(one, "sub/low", F_OK, 0) < 0 && faccessat(all, "sub/low", F_OK, 0) == 0);
	CHECK(umount_("a/sub", 0) == 0 && umount_("a", 2) == 0 && !has("a/top"));
	CHECK(move(all, "", AT_FDCWD, "b", MOVE_MOUNT_F_EMPTY_PATH) == 0 && has("b/top") && has("b/sub/low"));
	/* a directory in the middle, too */
	int dir = (int)open_tree_(AT_FDCWD, "b/sub", OPEN_TREE_CLONE);
	CHECK(dir >= 0 && move(dir, "", AT_FDCWD, "a", MOVE_MOUNT_F_EMPTY_PATH) == 0 && has("a/low"));
	CHECK_ERR(open_tree_(AT_FDCWD, "a", AT_RECURSIVE_), EINVAL);
	CHECK_ERR(open_tree_(AT_FDCWD, "a", 0x10), EINVAL);
	close(one);
	close(all);
	CHECK(has("b/sub/low"));
}

static void moves_that_are_none(void)
{
	begin();
	int m = new_tmpfs(0);
	close(open("file", O_CREAT | O_RDWR, 0600));
	CHECK_ERR(move(m, "", AT_FDCWD, "file", MOVE_MOUNT_F_EMPTY_PATH), EINVAL);
	CHECK_ERR(move(m, "", AT_FDCWD, "a", 0), ENOENT);
	CHECK_ERR(move(m, "", AT_FDCWD, "a", 0x1000), EINVAL);
	CHECK_ERR(move(m, "", m, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH), EINVAL);
	CHECK_ERR(move(AT_FDCWD, "b", AT_FDCWD, "a", 0), EINVAL); /* no mount */
	CHECK(mkdirat(m, "d", 0755) == 0);
	CHECK_ERR(move(m, "d", AT_FDCWD, "a", 0), EINVAL);
	CHECK(move(m, "", AT_FDCWD, "a", MOVE_MOUNT_F_EMPTY_PATH) == 0);
	CHECK_ERR(move(m, "", AT_FDCWD, "a/d", MOVE_MOUNT_F_EMPTY_PATH), ELOOP);
}

static void attributes(void)
{
	begin();
	CHECK(mount_("t", "a", "tmpfs", 0, NULL) == 0 && mkdir("a/sub", 0755) == 0 && mount_("u", "a/sub", "tmpfs", 0, NULL) == 0);
	struct mount_attr a = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC };
	CHECK(setattr(AT_FDCWD, "a", 0, &a) == 0);
	CHECK(strstr(line_of("/a"), " ro,noexec,relatime") && strstr(line_of("/a/sub"), " rw,relatime"));
	CHECK(setattr(AT_FDCWD, "a", AT_RECURSIVE_, &a) == 0 && strstr(line_of("/a/sub"), " ro,noexec,relatime"));
	CHECK_ERR(open("a/sub/x", O_CREAT | O_RDWR, 0600), EROFS);
	a = (struct mount_attr){ .attr_clr = MOUNT_ATTR_RDONLY | MOUNT_ATTR__ATIME, .attr_set = MOUNT_ATTR_NOATIME };
	CHECK(setattr(AT_FDCWD, "a", AT_RECURSIVE_, &a) == 0);
	CHECK(strstr(line_of("/a"), " rw,noexec,noatime") && strstr(line_of("/a/sub"), " rw,noexec,noatime"));
	/* one that is written to cannot be made read-only, and then none is */
	int fd = open("a/sub/x", O_CREAT | O_RDWR, 0600);
	CHECK(fd >= 0);
	a = (struct mount_attr){ .attr_set = MOUNT_ATTR_RDONLY };
	CHECK_ERR(setattr(AT_FDCWD, "a", AT_RECURSIVE_, &a), EBUSY);
	CHECK(strstr(line_of("/a"), " rw,"));
	close(fd);
	a = (struct mount_attr){ .propagation = MS_SHARED };
	CHECK(setattr(AT_FDCWD, "a", 0, &a) == 0 && strstr(line_of("/a"), " shared:") && !strstr(line_of("/a/sub"), " shared:"));
	/* refused */
	a = (struct mount_attr){ .attr_set = MOUNT_ATTR_NOATIME };
	CHECK_ERR(setattr(AT_FDCWD, "a", 0, &a), EINVAL);
	a = (struct mount_attr){ .attr_clr = MOUNT_ATTR_NOATIME };
	CHECK_ERR(setattr(AT_FDCWD, "a", 0, &a), EINVAL);
	a = (struct mount_attr){ .propagation = MS_SHARED | MS_PRIVATE };
	CHECK_ERR(setattr(AT_FDCWD, "a", 0, &a), EINVAL);
	a = (struct mount_attr){ .attr_set = 1UL << 40 };
	CHECK_ERR(setattr(AT_FDCWD, "a", 0, &a), EINVAL);
	a = (struct mount_attr){ .attr_set = MOUNT_ATTR_RDONLY };
	CHECK_ERR(setattr(AT_FDCWD, "b", 0, &a), EINVAL);
	CHECK_ERR(setattr(AT_FDCWD, "a", 0x10, &a), EINVAL);
	CHECK_ERR(syscall(SYS_mount_setattr, AT_FDCWD, "a", 0, &a, 31), EINVAL);
	CHECK_ERR(syscall(SYS_mount_setattr, AT_FDCWD, "a", 0, &a, 5000), E2BIG);
	a = (struct mount_attr){ 0 };
	CHECK(setattr(AT_FDCWD, "nowhere", 0, &a) == 0); /* nothing to do: nothing is looked at */
	/* a tree that is nowhere yet */
	int m = new_tmpfs(0);
	a = (struct mount_attr){ .attr_set = MOUNT_ATTR_RDONLY };
	CHECK(setattr(m, "", AT_EMPTY_PATH, &a) == 0);
	CHECK_ERR(openat(m, "f", O_CREAT | O_RDWR, 0600), EROFS);
}

CASES(CASE(a_new_mount), CASE(the_last_close_ends_it), CASE(phases), CASE(shapes_of_calls), CASE(options_of_proc), CASE(privilege), CASE(picked), CASE(clones),
	CASE(moves_that_are_none), CASE(attributes))
