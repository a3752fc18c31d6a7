/* POSIX access lists on tmpfs: what is stored, how mode and list follow each other, who may do what, what children get. (Lists that are only a mode: file_rules.c.) */
#include "check.h"

#include <grp.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"
#define ANY 0xffffffffu
enum { OWNER = 1, USER = 2, OGROUP = 4, GROUP = 8, MASK = 16, OTHERS = 32 };
struct entry {
	unsigned short tag, perm;
	unsigned id;
};
struct acl {
	unsigned version;
	struct entry e[8];
};
#define COUNT(...) (sizeof((struct entry[]){ __VA_ARGS__ }) / sizeof(struct entry))
#define TRY(path, name, ...) setxattr(path, name, &(struct acl){ 2, { __VA_ARGS__ } }, 4 + 8 * COUNT(__VA_ARGS__), 0)
#define SET(path, name, ...) CHECK(TRY(path, name, __VA_ARGS__) == 0)
#define IS(path, name, ...) CHECK(same(path, name, &(struct acl){ 2, { __VA_ARGS__ } }, 4 + 8 * COUNT(__VA_ARGS__)))

static int same(const char *path, const char *name, const struct acl *want, size_t size)
{
	char buf[256];
	ssize_t n = getxattr(path, name, buf, sizeof(buf));
	return n == (ssize_t)size && !memcmp(buf, want, size);
}
static void on_tmpfs(void)
{
	if (unshare(CLONE_NEWNS) < 0)
		check_skip("needs CAP_SYS_ADMIN");
	CHECK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHECK(mkdir("m", 0755) == 0 && mount("none", "m", "tmpfs", 0, NULL) == 0 && chdir("m") == 0 && chmod(".", 0755) == 0);
	write_file("f", "abc", 3, 0640);
	CHECK(setxattr("f", ACCESS, "", 0, 0) == 0 || errno == EOPNOTSUPP);
	if (errno == EOPNOTSUPP)
		check_skip("tmpfs without access lists");
}
static mode_t mode_of(const char *path)
{
	struct stat st;
	CHECK(lstat(path, &st) == 0);
	return st.st_mode & 07777;
}
/* Become user id with group gid and one more group. */
static void become(uid_t uid, gid_t gid, gid_t other)
{
	CHECK(setgroups(1, &other) == 0 && setresgid(gid, gid, gid) == 0 && setresuid(uid, uid, uid) == 0);
}
/* The answer of access(2) as that user: 0 or errno. */
static int asked(uid_t uid, gid_t gid, gid_t other, const char *path, int how)
{
	int st = IN_CHILD({
		become(uid, gid, other);
		_exit(access(path, how) < 0 ? errno : 0);
	});
	CHECK(WIFEXITED(st));
	return WEXITSTATUS(st);
}

static void kept_and_shown(void)
{
	char buf[256];
	on_tmpfs();
	SET("f", ACCESS, { OWNER, 6, ANY }, { USER, 7, 1000 }, { OGROUP, 4, ANY }, { GROUP, 6, 500 }, { MASK, 6, ANY }, { OTHERS, 0, ANY });
	IS("f", ACCESS, { OWNER, 6, ANY }, { USER, 7, 1000 }, { OGROUP, 4, ANY }, { GROUP, 6, 500 }, { MASK, 6, ANY }, { OTHERS, 0, ANY });
	CHECK(mode_of("f") == 0660);
	CHECK(getxattr("f", ACCESS, NULL, 0) == 4 + 6 * 8);
	CHECK_ERR(getxattr("f", ACCESS, buf, 20), ERANGE);
	CHECK(setxattr("f", "trusted.x", "1", 1, 0) == 0);
	CHECK(listxattr("f", buf, sizeof(buf)) == (ssize_t)(sizeof(ACCESS) + sizeof("trusted.x")));
	CHECK(!memcmp(buf, ACCESS "\0trusted.x", sizeof(ACCESS) + sizeof("trusted.x")));
	CHECK(listxattr("f", NULL, 0) == (ssize_t)(sizeof(ACCESS) + sizeof("trusted.x")));
	CHECK_ERR(listxattr("f", buf, sizeof(ACCESS) - 1), ERANGE);
	CHECK_ERR(listxattr("f", buf, sizeof(ACCESS)), ERANGE);
	/* Flags mean nothing here. */
	CHECK(setxattr("f", ACCESS, &(struct acl){ 2, { { OWNER, 7, 0 }, { OGROUP, 5, 0 }, { MASK, 1, 0 }, { OTHERS, 0, 0 } } }, 4 + 4 * 8,
			  XATTR_CREATE) == 0);
	IS("f", ACCESS, { OWNER, 7, ANY }, { OGROUP, 5, ANY }, { MASK, 1, ANY }, { OTHERS, 0, ANY });
	CHECK(mode_of("f") == 0710);
	CHECK(removexattr("f", ACCESS) == 0 && mode_of("f") == 0710);
	CHECK_ERR(getxattr("f", ACCESS, NULL, 0), ENODATA);
	CHECK(removexattr("f", ACCESS) == 0);
}

static void bad_lists(void)
{
	on_tmpfs();
	CHECK_ERR(TRY("f", ACCESS, { OWNER, 6, ANY }, { USER, 7, 1000 }, { OGROUP, 4, ANY }, { OTHERS, 0, ANY }), EINVAL); /* no mask */
	CHECK_ERR(TRY("f", ACCESS, { USER, 7, 1000 }, { OWNER, 6, ANY }, { OGROUP, 4, ANY }, { MASK, 7, ANY }, { OTHERS, 0, ANY }), EINVAL);
	CHECK_ERR(TRY("f", ACCESS, { OWNER, 6, ANY }, { USER, 7, ANY }, { OGROUP, 4, ANY }, { MASK, 7, ANY }, { OTHERS, 0, ANY }), EINVAL);
	CHECK_ERR(TRY("f", ACCESS, { OWNER, 6, ANY }, { OGROUP, 4, ANY }, { MASK, 7, ANY }, { MASK, 7, ANY }, { OTHERS, 0, ANY }), EINVAL);
	CHECK_ERR(TRY("f", ACCESS, { OWNER, 6, ANY }, { OGROUP, 4, ANY }, { MASK, 7, ANY }), EINVAL);
	CHECK_ERR(TRY("f", ACCESS, { OWNER, 6, ANY }, { OGROUP, 4, ANY }, { OTHERS, 0, ANY }, { OTHERS, 0, ANY }), EINVAL);
	CHECK_ERR(TRY("f", ACCESS, { OWNER, 6, ANY }, { OWNER, 6, ANY }, { OGROUP, 4, ANY }, { OTHERS, 0, ANY }), EINVAL);
	CHECK_ERR(TRY("f", ACCESS, { OWNER, 6, ANY }, { 3, 6, ANY }, { OGROUP, 4, ANY }, { OTHERS, 0, ANY }), EINVAL);
	CHECK_ERR(TRY("f", ACCESS, { OWNER, 6, ANY }, { OGROUP, 4, ANY }, { OTHERS, 8, ANY }), EINVAL);
	CHECK_ERR(TRY("f", DEFAULT, { OWNER, 6, ANY }, { OGROUP, 4, ANY }, { OTHERS, 0, ANY }), EACCES);
	CHECK(mode_of("f") == 0640);
	CHECK_ERR(getxattr("f", ACCESS, NULL, 0), ENODATA);
}

static void chmod_changes_the_mask(void)
{
	on_tmpfs();
	SET("f", ACCESS, { OWNER, 6, ANY }, { USER, 7, 1000 }, { OGROUP, 4, ANY }, { MASK, 7, ANY }, { OTHERS, 0, ANY });
	CHECK(mode_of("f") == 0670);
	CHECK(chmod("f", 0751) == 0 && mode_of("f") == 0751);
	IS("f", ACCESS, { OWNER, 7, ANY }, { USER, 7, 1000 }, { OGROUP, 4, ANY }, { MASK, 5, ANY }, { OTHERS, 1, ANY });
	CHECK(chmod("f", 04700) == 0);
	CHECK(asked(1000, 1000, 1, "f", R_OK) == EACCES);
	CHECK(chmod("f", 02750) == 0 && chown("f", 5, 6) == 0);
	CHECK(mode_of("f") == 0750);
	IS("f", ACCESS, { OWNER, 7, ANY }, { USER, 7, 1000 }, { OGROUP, 4, ANY }, { MASK, 5, ANY }, { OTHERS, 0, ANY });
	/* A set-group-ID bit outlives a new list only in the hands of a member of the group. */
	CHECK(chmod("f", 02750) == 0);
	int st = IN_CHILD({
		become(5, 7, 8);
		SET("f", ACCESS, { OWNER, 7, ANY }, { USER, 7, 1000 }, { OGROUP, 4, ANY }, { MASK, 5, ANY }, { OTHERS, 0, ANY });
	});
	CHECK(EXITED(st, 0) && mode_of("f") == 0750);
}

static void who_may_do_what(void)
{
	on_tmpfs();
	CHECK(chown("f", 1, 100) == 0);
	SET("f", ACCESS, { OWNER, 0, ANY }, { USER, 7, 1000 }, { USER, 0, 1001 }, { OGROUP, 4, ANY }, { GROUP, 2, 200 }, { GROUP, 7, 300 },
		{ MASK, 6, ANY }, { OTHERS, 4, ANY });
	CHECK(asked(1, 100, 300, "f", R_OK) == EACCES); /* the owner's entry decides */
	CHECK(asked(1000, 9, 9, "f", R_OK | W_OK) == 0);
	CHECK(asked(1000, 9, 9, "f", X_OK) == EACCES); /* the mask */
	CHECK(asked(1001, 100, 300, "f", R_OK) == EACCES); /* the named user's, whatever the groups say */
	CHECK(asked(7, 100, 9, "f", R_OK) == 0 && asked(7, 100, 9, "f", W_OK) == EACCES);
	CHECK(asked(7, 200, 9, "f", W_OK) == 0 && asked(7, 200, 9, "f", R_OK) == EACCES);
	CHECK(asked(7, 200, 100, "f", R_OK | W_OK) == EACCES); /* no entry alone has both */
	CHECK(asked(7, 9, 300, "f", R_OK | W_OK) == 0);
	CHECK(asked(7, 9, 9, "f", R_OK) == 0 && asked(7, 9, 9, "f", W_OK) == EACCES);
	CHECK(asked(0, 0, 0, "f", R_OK | W_OK) == 0);
	/* Without any group bit the list is not asked. */
	CHECK(chmod("f", 0604) == 0 && asked(1000, 9, 9, "f", R_OK) == 0 && asked(1000, 9, 9, "f", W_OK) == EACCES);
	/* Directories: search. */
	CHECK(mkdir("d", 0700) == 0);
	write_file("d/g", "", 0, 0644);
	SET("d", ACCESS, { OWNER, 7, ANY }, { USER, 1, 1000 }, { OGROUP, 0, ANY }, { MASK, 1, ANY }, { OTHERS, 0, ANY });
	CHECK(asked(1000, 9, 9, "d/g", R_OK) == 0 && asked(1000, 9, 9, "d", R_OK) == EACCES && asked(7, 9, 9, "d/g", R_OK) == EACCES);
	int st = IN_CHILD({
		become(1000, 9, 9);
		CHECK_ERR(TRY("f", ACCESS, { OWNER, 7, ANY }, { OGROUP, 4, ANY }, { OTHERS, 0, ANY }), EPERM);
		CHECK_ERR(removexattr("f", ACCESS), EPERM);
		CHECK(getxattr("f", ACCESS, NULL, 0) > 0);
	});
	CHECK(EXITED(st, 0));
}

static void children_get_the_default(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX, .sun_path = "d/sock" };
	on_tmpfs();
	CHECK(mkdir("d", 0755) == 0);
	umask(077);
	SET("d", DEFAULT, { OWNER, 7, ANY }, { USER, 6, 1000 }, { OGROUP, 5, ANY }, { MASK, 7, ANY }, { OTHERS, 5, ANY });
	CHECK(mode_of("d") == 0755);
	CHECK_ERR(getxattr("d", ACCESS, NULL, 0), ENODATA);
	int fd = open("d/f", O_CREAT | O_WRONLY, 0664);
	CHECK(fd >= 0 && mode_of("d/f") == 0664); /* the umask does not count */
	IS("d/f", ACCESS, { OWNER, 6, ANY }, { USER, 6, 1000 }, { OGROUP, 5, ANY }, { MASK, 6, ANY }, { OTHERS, 4, ANY });
	CHECK_ERR(getxattr("d/f", DEFAULT, NULL, 0), ENODATA);
	CHECK(mkdir("d/sub", 0700) == 0 && mode_of("d/sub") == 0700);
	IS("d/sub", ACCESS, { OWNER, 7, ANY }, { USER, 6, 1000 }, { OGROUP, 5, ANY }, { MASK, 0, ANY }, { OTHERS, 0, ANY });
	IS("d/sub", DEFAULT, { OWNER, 7, ANY }, { USER, 6, 1000 }, { OGROUP, 5, ANY }, { MASK, 7, ANY }, { OTHERS, 5, ANY });
	CHECK(mkfifo("d/p", 0660) == 0 && mode_of("d/p") == 0660 && symlink("f", "d/s") == 0 && mode_of("d/s") == 0777);
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(bind(s, (void *)&sa, sizeof(sa)) == 0 && mode_of("d/sock") == 0700); /* but here it does */
	int tmp = open("d", O_TMPFILE | O_RDWR, 0666);
	CHECK(tmp >= 0 && fgetxattr(tmp, ACCESS, NULL, 0) == 4 + 5 * 8);
	/* A default that is only a mode leaves no list behind, but takes the umask's place. */
	SET("d", DEFAULT, { OWNER, 7, ANY }, { OGROUP, 5, ANY }, { OTHERS, 4, ANY });
	IS("d", DEFAULT, { OWNER, 7, ANY }, { OGROUP, 5, ANY }, { OTHERS, 4, ANY });
	CHECK(open("d/h", O_CREAT | O_WRONLY, 0777) >= 0 && mode_of("d/h") == 0754);
	CHECK_ERR(getxattr("d/h", ACCESS, NULL, 0), ENODATA);
	CHECK(removexattr("d", DEFAULT) == 0);
	CHECK_ERR(getxattr("d", DEFAULT, NULL, 0), ENODATA);
	CHECK(open("d/i", O_CREAT | O_WRONLY, 0777) >= 0 && mode_of("d/i") == 0700);
}

static void seen_from_a_user_namespace(void)
{
	char buf[64];
	on_tmpfs();
	SET("f", ACCESS, { OWNER, 6, ANY }, { USER, 6, 1000 }, { USER, 4, 1001 }, { OGROUP, 4, ANY }, { MASK, 6, ANY }, { OTHERS, 0, ANY });
	pid_t pid = fork();
	if (pid == 0) {
		CHECK(unshare(CLONE_NEWUSER) == 0);
		SHARED[0] = 1;
		await_value(&SHARED[1], 1);
		CHECK(getxattr("f", ACCESS, buf, sizeof(buf)) == 4 + 6 * 8);
		struct acl *a = (struct acl *)buf;
		CHECK(a->e[1].id == 5 && a->e[2].id == ANY);
		_exit(0);
	}
	while (!SHARED[0])
		CHECK(waitpid(pid, NULL, WNOHANG) == 0);
	snprintf(buf, sizeof(buf), "/proc/%d/uid_map", pid);
	int m = open(buf, O_WRONLY);
	CHECK(write(m, "5 1000 1", 8) == 8);
	SHARED[1] = 1;
	CHECK(EXITED(reap(pid), 0));
}

CASES(CASE(kept_and_shown), CASE(bad_lists), CASE(chmod_changes_the_mask), CASE(who_may_do_what), CASE(children_get_the_default),
	CASE(seen_from_a_user_namespace))
