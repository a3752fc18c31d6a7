/* Mount namespaces: what is separate, propagation between peers and slaves, bind, move, pivot_root, locks of less privileged ones. Needs root. */
#include "check.h"
#include <linux/sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <grp.h>

#define MUST(st) CHECK(EXITED(st, 0))

/* Every case begins in a private namespace of its own with a tmpfs in ./t. */
static void begin(void)
{
	CHECK(unshare(CLONE_NEWNS) == 0);
	CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHECK(mkdir("t", 0755) == 0);
	CHECK(mount("none", "t", "tmpfs", 0, NULL) == 0);
	CHECK(chdir("t") == 0);
}
static int is_there(const char *path) { return access(path, F_OK) == 0; }
static void put(const char *path) { write_file(path, "x", 1, 0644); }
/* A directory with a tmpfs on it that holds `mark`. */
static void fresh(const char *dir)
{
	char path[100];
	if (mkdir(dir, 0755) < 0)
		CHECK(errno == EEXIST);
	CHECK(mount("none", dir, "tmpfs", 0, NULL) == 0);
	snprintf(path, sizeof(path), "%s/mark", dir);
	put(path);
}
/* Mounts whose mount point ends in `suffix`; *line gets the last. */
static int count_mounts(const char *suffix, char *line, size_t size)
{
	char l[1024];
	int n = 0;
	FILE *f = fopen("/proc/self/mountinfo", "r");
	CHECK(f);
	while (fgets(l, sizeof(l), f)) {
		char at[512];
		CHECK(sscanf(l, "%*d %*d %*s %*s %511s", at) == 1);
		size_t a = strlen(at), b = strlen(suffix);
		if (a >= b && !strcmp(at + a - b, suffix)) {
			n++;
			if (line)
				snprintf(line, size, "%s", l);
		}
	}
	fclose(f);
	return n;
}
static int has_field(const char *suffix, const char *field)
{
	char l[1024], *dash;
	CHECK(count_mounts(suffix, l, sizeof(l)) > 0);
	dash = strstr(l, " - ");
	CHECK(dash);
	*dash = 0;
	return strstr(l, field) != NULL;
}

static void mounts_are_separate(void)
{
	begin();
	CHECK(mkdir("a", 0755) == 0);
	MUST(IN_CHILD({
		CHECK(unshare(CLONE_NEWNS) == 0);
		fresh("a");
		CHECK(is_there("a/mark"));
	}));
	CHECK(!is_there("a/mark"));
	fresh("a");
	MUST(IN_CHILD({
		CHECK(unshare(CLONE_NEWNS) == 0);
		CHECK(is_there("a/mark"));
		CHECK(umount("a") == 0);
		CHECK(!is_there("a/mark"));
	}));
	CHECK(is_there("a/mark"));
}

static void clone_makes_one(void)
{
	begin();
	CHECK(mkdir("a", 0755) == 0);
	struct clone_args a = { .flags = CLONE_NEWNS, .exit_signal = SIGCHLD };
	pid_t p = (pid_t)syscall(SYS_clone3, &a, sizeof(a));
	CHECK(p >= 0);
	if (!p) {
		fresh("a");
		_exit(is_there("a/mark") ? 0 : 1);
	}
	MUST(reap(p));
	CHECK(!is_there("a/mark"));
}

static void shared_mounts_pass_on(void)
{
	int up[2], down[2];
	char c;
	begin();
	CHECK(pipe(up) == 0 && pipe(down) == 0);
	fresh("s");
	CHECK(mount(NULL, "s", NULL, MS_SHARED, NULL) == 0);
	CHECK(mkdir("s/a", 0755) == 0 && mkdir("s/b", 0755) == 0);
	CHECK(has_field("/s", " shared:"));
	pid_t p = fork();
	if (!p) {
		CHECK(unshare(CLONE_NEWNS) == 0);
		CHECK(write(up[1], "x", 1) == 1 && read(down[0], &c, 1) == 1);
		CHECK(is_there("s/a/mark"));
		fresh("s/b");
		CHECK(write(up[1], "x", 1) == 1 && read(down[0], &c, 1) == 1);
		CHECK(!is_there("s/a/mark"));
		CHECK(umount("s/b") == 0);
		_exit(0);
	}
	CHECK(read(up[0], &c, 1) == 1);
	fresh("s/a");
	CHECK(write(down[1], "x", 1) == 1 && read(up[0], &c, 1) == 1);
	CHECK(is_there("s/b/mark"));
	CHECK(umount("s/a") == 0);
	CHECK(write(down[1], "x", 1) == 1);
	MUST(reap(p));
	CHECK(!is_there("s/b/mark"));
}

static void slaves_only_take(void)
{
	begin();
	fresh("s");
	CHECK(mount(NULL, "s", NULL, MS_SHARED, NULL) == 0);
	CHECK(mkdir("s/a", 0755) == 0 && mkdir("s/b", 0755) == 0 && mkdir("v", 0755) == 0);
	CHECK(mount("s", "v", NULL, MS_BIND, NULL) == 0);
	CHECK(mount(NULL, "v", NULL, MS_SLAVE, NULL) == 0);
	CHECK(has_field("/v", " master:") && !has_field("/v", " shared:"));
	fresh("s/a");
	CHECK(is_there("v/a/mark"));
	fresh("v/b");
	CHECK(!is_there("s/b/mark"));
	CHECK(umount("s/a") == 0);
	CHECK(!is_there("v/a/mark"));
	CHECK(umount("v/b") == 0);
	/* A slave can have peers of its own. */
	CHECK(mount(NULL, "v", NULL, MS_SHARED, NULL) == 0);
	CHECK(has_field("/v", " master:") && has_field("/v", " shared:"));
	CHECK(mkdir("w", 0755) == 0 && mount("v", "w", NULL, MS_BIND, NULL) == 0);
	CHECK(has_field("/w", " master:") && has_field("/w", " shared:"));
	fresh("s/a");
	CHECK(is_there("v/a/mark") && is_there("w/a/mark"));
	fresh("w/b");
	CHECK(is_there("v/b/mark") && !is_there("s/b/mark"));
	CHECK(umount("s/a") == 0);
	CHECK(!is_there("v/a/mark") && !is_there("w/a/mark"));
	/* The chain goes on below a private one in between. */
	CHECK(mount(NULL, "v", NULL, MS_PRIVATE, NULL) == 0);
	CHECK(!has_field("/v", " master:") && !has_field("/v", " shared:") && has_field("/w", " master:"));
	fresh("s/a");
	CHECK(!is_there("v/a/mark") && is_there("w/a/mark"));
}

static void the_last_peer_leaves_its_slaves_to_its_master(void)
{
	begin();
	fresh("s");
	CHECK(mkdir("s/a", 0755) == 0 && mkdir("v", 0755) == 0);
	CHECK(mount(NULL, "s", NULL, MS_SHARED, NULL) == 0);
	CHECK(mount("s", "v", NULL, MS_BIND, NULL) == 0);
	CHECK(mount(NULL, "v", NULL, MS_SLAVE, NULL) == 0);
	CHECK(mount(NULL, "s", NULL, MS_PRIVATE, NULL) == 0);
	CHECK(!has_field("/v", " master:") && !has_field("/v", " shared:"));
	fresh("s/a");
	CHECK(!is_there("v/a/mark"));
}

static void only_what_is_visible_propagates(void)
{
	begin();
	fresh("s");
	CHECK(mount(NULL, "s", NULL, MS_SHARED, NULL) == 0);
	CHECK(mkdir("s/d", 0755) == 0 && mkdir("s/d/in", 0755) == 0 && mkdir("s/out", 0755) == 0 && mkdir("v", 0755) == 0);
	CHECK(mount("s/d", "v", NULL, MS_BIND, NULL) == 0);
	fresh("s/d/in");
	fresh("s/out");
	CHECK(is_there("v/in/mark"));
	CHECK(count_mounts("/v/in", NULL, 0) == 1 && count_mounts("/out", NULL, 0) == 1);
	CHECK(umount("v/in") == 0);
	CHECK(!is_there("s/d/in/mark"));
}

static void a_tree_propagates_as_a_tree(void)
{
	begin();
	fresh("s");
	CHECK(mount(NULL, "s", NULL, MS_SHARED, NULL) == 0);
	CHECK(mkdir("s/a", 0755) == 0 && mkdir("v", 0755) == 0);
	CHECK(mount("s", "v", NULL, MS_BIND, NULL) == 0);
	fresh("tree");
	fresh("tree/x");
	fresh("tree/x/y");
	CHECK(mount("tree", "s/a", NULL, MS_BIND | MS_REC, NULL) == 0);
	CHECK(is_there("v/a/x/y/mark"));
	CHECK(has_field("/v/a/x/y", " shared:"));
	CHECK(umount2("s/a", MNT_DETACH) == 0);
	CHECK(!is_there("v/a/mark") && count_mounts("/v/a/x/y", NULL, 0) == 0);
	CHECK(is_there("tree/x/y/mark"));
}

static void a_peer_in_use_keeps_both_mounted(void)
{
	begin();
	fresh("s");
	CHECK(mount(NULL, "s", NULL, MS_SHARED, NULL) == 0);
	CHECK(mkdir("s/a", 0755) == 0 && mkdir("v", 0755) == 0);
	CHECK(mount("s", "v", NULL, MS_BIND, NULL) == 0);
	fresh("s/a");
	int fd = open("v/a/mark", O_RDONLY);
	CHECK(fd >= 0);
	CHECK_ERR(umount("s/a"), EBUSY);
	CHECK(is_there("s/a/mark"));
	close(fd);
	CHECK(umount("s/a") == 0);
	CHECK(!is_there("v/a/mark"));
}

static void bind_mounts(void)
{
	begin();
	fresh("a");
	fresh("a/in");
	CHECK(mkdir("b", 0755) == 0 && mkdir("c", 0755) == 0);
	put("file");
	CHECK(mount("a", "b", NULL, MS_BIND, NULL) == 0);
	CHECK(is_there("b/mark") && !is_there("b/in/mark"));
	CHECK(mount("a", "c", NULL, MS_BIND | MS_REC, NULL) == 0);
	CHECK(is_there("c/in/mark"));
	CHECK_ERR(mount("a", "file", NULL, MS_BIND, NULL), ENOTDIR);
	CHECK_ERR(mount("file", "a", NULL, MS_BIND, NULL), ENOTDIR);
	CHECK_ERR(mount("nothing", "b", NULL, MS_BIND, NULL), ENOENT);
	CHECK_ERR(mount("", "b", NULL, MS_BIND, NULL), EINVAL);
	CHECK_ERR(mount(NULL, "b", NULL, MS_BIND, NULL), EINVAL);
	put("target");
	CHECK(mount("file", "target", NULL, MS_BIND, NULL) == 0);
	CHECK_ERR(unlink("target"), EBUSY);
	CHECK_ERR(rename("target", "t2"), EBUSY);
	CHECK(umount("target") == 0 && unlink("target") == 0);
	/* A read-only bind of something writable. */
	CHECK(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0);
	CHECK_ERR(open("b/new", O_CREAT | O_WRONLY, 0600), EROFS);
	CHECK(open("a/new", O_CREAT | O_WRONLY, 0600) >= 0);
}

static void unbindable_mounts(void)
{
	begin();
	fresh("a");
	fresh("a/in");
	CHECK(mkdir("b", 0755) == 0 && mkdir("c", 0755) == 0);
	CHECK(mount(NULL, "a/in", NULL, MS_UNBINDABLE, NULL) == 0);
	CHECK(has_field("/a/in", " unbindable"));
	CHECK_ERR(mount("a/in", "b", NULL, MS_BIND, NULL), EINVAL);
	CHECK(mount("a", "c", NULL, MS_BIND | MS_REC, NULL) == 0);
	CHECK(is_there("c/mark") && !is_there("c/in/mark"));
	/* A new namespace has it all the same. */
	MUST(IN_CHILD({
		CHECK(unshare(CLONE_NEWNS) == 0);
		CHECK(is_there("a/in/mark") && has_field("/a/in", " unbindable"));
	}));
}

static void move_mounts(void)
{
	begin();
	fresh("a");
	fresh("a/in");
	CHECK(mkdir("b", 0755) == 0);
	put("file");
	CHECK_ERR(mount("a", "a/in", NULL, MS_MOVE, NULL), ELOOP);
	CHECK_ERR(mount("a", "file", NULL, MS_MOVE, NULL), EINVAL);
	CHECK_ERR(mount("b", "a", NULL, MS_MOVE, NULL), EINVAL);
	CHECK(mount("a", "b", NULL, MS_MOVE, NULL) == 0);
	CHECK(is_there("b/in/mark") && !is_there("a/mark"));
	CHECK(count_mounts("/b/in", NULL, 0) == 1 && count_mounts("/a", NULL, 0) == 0);
	fresh("s");
	CHECK(mount(NULL, "s", NULL, MS_SHARED, NULL) == 0);
	fresh("s/x");
	/* Not out of a shared mount, but into one. */
	CHECK_ERR(mount("s/x", "a", NULL, MS_MOVE, NULL), EINVAL);
	CHECK(mkdir("s/y", 0755) == 0 && mkdir("v", 0755) == 0 && mount("s", "v", NULL, MS_BIND, NULL) == 0);
	CHECK(mount("b", "s/y", NULL, MS_MOVE, NULL) == 0);
	CHECK(is_there("v/y/in/mark"));
}

static void change_type_errors(void)
{
	begin();
	CHECK(mkdir("d", 0755) == 0);
	CHECK_ERR(mount(NULL, "d", NULL, MS_SHARED, NULL), EINVAL);
	CHECK_ERR(mount(NULL, ".", NULL, MS_SHARED | MS_PRIVATE, NULL), EINVAL);
	CHECK_ERR(mount(NULL, ".", NULL, MS_SHARED | MS_NOEXEC, NULL), EINVAL);
	CHECK(mount(NULL, ".", NULL, MS_SLAVE, NULL) == 0);
	CHECK(!has_field("/t", " master:"));
}

static int pivot_root(const char *new, const char *old) { return (int)syscall(SYS_pivot_root, new, old); }

static void pivot_root_works(void)
{
	begin();
	fresh("r");
	CHECK(mkdir("r/old", 0755) == 0 && mkdir("d", 0755) == 0);
	CHECK_ERR(pivot_root("d", "d"), EINVAL);       /* no mount point */
	CHECK_ERR(pivot_root("/", "/"), EBUSY);
	CHECK_ERR(pivot_root("r", "d"), EINVAL);       /* not below the new root */
	CHECK_ERR(pivot_root("r", "r/mark"), ENOTDIR);
	CHECK_ERR(pivot_root("nothing", "r"), ENOENT);
	MUST(IN_CHILD({
		CHECK(unshare(CLONE_NEWNS) == 0);
		CHECK(mount(NULL, "r", NULL, MS_SHARED, NULL) == 0);
		CHECK_ERR(pivot_root("r", "r/old"), EINVAL); /* put_old is in a shared mount */
	}));
	CHECK(pivot_root("r", "r/old") == 0);
	CHECK(chdir("/") == 0);
	CHECK(is_there("/mark") && is_there("/old/proc"));
	CHECK(umount2("/old", MNT_DETACH) == 0);
	CHECK(!is_there("/old/proc") && is_there("/mark"));
}

static void pivot_root_onto_itself(void)
{
	begin();
	fresh("r");
	CHECK(chdir("r") == 0);
	CHECK(pivot_root(".", ".") == 0);
	CHECK(umount2(".", MNT_DETACH) == 0);
	CHECK(chdir("/") == 0 && is_there("/mark") && !is_there("/proc"));
}

static void others_roots_follow(void)
{
	int up[2], down[2];
	char c;
	begin();
	CHECK(pipe(up) == 0 && pipe(down) == 0);
	pid_t p = fork();
	if (!p) {
		CHECK(chdir("/") == 0);
		CHECK(write(up[1], "x", 1) == 1 && read(down[0], &c, 1) == 1);
		_exit(is_there("/mark") && is_there("mark") ? 0 : 1);
	}
	CHECK(read(up[0], &c, 1) == 1);
	fresh("r");
	CHECK(mkdir("r/old", 0755) == 0);
	CHECK(pivot_root("r", "r/old") == 0);
	CHECK(write(down[1], "x", 1) == 1);
	MUST(reap(p));
}

static void umount_errors(void)
{
	begin();
	fresh("a");
	fresh("a/in");
	CHECK(mkdir("d", 0755) == 0);
	CHECK_ERR(umount("d"), EINVAL);
	CHECK_ERR(umount("a"), EBUSY);
	CHECK_ERR(umount2("a", 0x100), EINVAL);
	CHECK_ERR(umount("nothing"), ENOENT);
	CHECK(umount("a/in") == 0);
	int fd = open("a/mark", O_RDONLY);
	CHECK_ERR(umount("a"), EBUSY);
	CHECK(umount2("a", MNT_DETACH) == 0);
	char b;
	CHECK(!is_there("a/mark") && read(fd, &b, 1) == 1);
	CHECK(symlink("d", "l") == 0 && mount("none", "d", "tmpfs", 0, NULL) == 0);
	CHECK_ERR(umount2("l", UMOUNT_NOFOLLOW), EINVAL);
	CHECK(umount("l") == 0);
	fresh("e");
	CHECK_ERR(umount2("e", MNT_EXPIRE | MNT_DETACH), EINVAL);
	CHECK_ERR(umount2("e", MNT_EXPIRE), EAGAIN);
	CHECK(umount2("e", MNT_EXPIRE) == 0);
}

static void the_directory_goes_in_another_namespace(void)
{
	int up[2], down[2];
	char c;
	begin();
	CHECK(pipe(up) == 0 && pipe(down) == 0);
	CHECK(mkdir("d", 0755) == 0);
	pid_t p = fork();
	if (!p) {
		CHECK(unshare(CLONE_NEWNS) == 0);
		fresh("d");
		CHECK_ERR(rmdir("d"), EBUSY);
		CHECK(write(up[1], "x", 1) == 1 && read(down[0], &c, 1) == 1);
		_exit(!is_there("d/mark") && count_mounts("/t/d", NULL, 0) == 0 ? 0 : 1);
	}
	CHECK(read(up[0], &c, 1) == 1);
	CHECK(rmdir("d") == 0);
	CHECK(write(down[1], "x", 1) == 1);
	MUST(reap(p));
}

static int write_proc(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY);
	if (fd < 0)
		return -errno;
	ssize_t n = write(fd, text, strlen(text));
	int err = n < 0 ? -errno : 0;
	close(fd);
	return err;
}

static void less_privileged_namespaces_are_locked(void)
{
	begin();
	fresh("ro");
	CHECK(mount(NULL, "ro", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, NULL) == 0);
	CHECK(mkdir("cover", 0755) == 0);
	put("cover/secret");
	CHECK(mount("none", "cover", "tmpfs", 0, NULL) == 0);
	CHECK(mkdir("d", 0777) == 0 && chmod("d", 0777) == 0);
	CHECK(chmod(".", 0755) == 0);
	MUST(IN_CHILD({
		CHECK(setgroups(0, NULL) == 0 && setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
		CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
		CHECK(unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0);
		CHECK(write_proc("/proc/self/uid_map", "0 1000 1") == 0);
		CHECK_ERR(umount("cover"), EINVAL);
		CHECK_ERR(mount("cover", "d", NULL, MS_MOVE, NULL), EINVAL);
		CHECK_ERR(mount(NULL, "ro", NULL, MS_REMOUNT | MS_BIND, NULL), EPERM);
		CHECK_ERR(mount(NULL, "ro", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), EPERM);
		CHECK_ERR(mount(NULL, "ro", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOATIME, NULL), EPERM);
		CHECK(mount(NULL, "ro", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) == 0);
		/* Not without what covers the directory. */
		CHECK_ERR(mount(".", "d", NULL, MS_BIND, NULL), EINVAL);
		CHECK(mount(".", "d", NULL, MS_BIND | MS_REC, NULL) == 0);
		CHECK(!is_there("d/cover/secret"));
		CHECK(umount2("d", MNT_DETACH) == 0);
		CHECK(mount("none", "d", "tmpfs", 0, NULL) == 0);
		/* The group has no name in here. */
		CHECK_ERR(open("d/mark", O_CREAT | O_WRONLY, 0600), EOVERFLOW);
		CHECK(umount("d") == 0);
		CHECK_ERR(mount("none", "d", "devtmpfs", 0, NULL), EPERM);
		/* proc of a pid namespace that is not ours. */
		CHECK_ERR(mount("none", "d", "proc", 0, NULL), EPERM);
		CHECK_ERR(mount(NULL, "/", NULL, MS_REMOUNT, NULL), EPERM);
	}));
}

static void mounts_above_flow_down_only(void)
{
	int up[2], down[2];
	char c;
	begin();
	CHECK(pipe(up) == 0 && pipe(down) == 0);
	fresh("s");
	CHECK(mount(NULL, "s", NULL, MS_SHARED, NULL) == 0);
	CHECK(mkdir("s/a", 0777) == 0 && mkdir("s/b", 0777) == 0);
	pid_t p = fork();
	if (!p) {
		CHECK(unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0);
		CHECK(has_field("/s", " master:") && !has_field("/s", " shared:"));
		CHECK(mount("none", "s/b", "tmpfs", 0, NULL) == 0);
		CHECK(write(up[1], "x", 1) == 1 && read(down[0], &c, 1) == 1);
		CHECK(is_there("s/a/mark"));
		_exit(0);
	}
	CHECK(read(up[0], &c, 1) == 1);
	CHECK(count_mounts("/s/b", NULL, 0) == 0);
	fresh("s/a");
	CHECK(write(down[1], "x", 1) == 1);
	MUST(reap(p));
}

static void setns_moves_root_and_cwd(void)
{
	begin();
	fresh("a");
	int mine = open("/proc/self/ns/mnt", O_RDONLY);
	CHECK(mine >= 0);
	MUST(IN_CHILD({
		CHECK(unshare(CLONE_NEWNS) == 0);
		CHECK(umount("a") == 0);
		CHECK(setns(mine, CLONE_NEWNS) == 0);
		char cwd[100];
		CHECK(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, "/"));
		CHECK(count_mounts("/t/a", NULL, 0) == 1);
	}));
	CHECK_ERR(setns(mine, CLONE_NEWUTS), EINVAL);
	MUST(IN_CHILD({
		struct clone_args a = { .flags = CLONE_FS, .exit_signal = SIGCHLD };
		pid_t p = (pid_t)syscall(SYS_clone3, &a, sizeof(a));
		if (!p)
			for (;;)
				pause();
		CHECK_ERR(setns(mine, CLONE_NEWNS), EINVAL);
		CHECK(kill(p, SIGKILL) == 0);
		reap(p);
	}));
}

static void a_namespace_file_keeps_it_alive(void)
{
	begin();
	put("ns");
	fresh("a");
	/* In a private mount: binding the file of a namespace into itself is refused. */
	CHECK_ERR(mount("/proc/self/ns/mnt", "ns", NULL, MS_BIND, NULL), EINVAL);
	CHECK(mount("/proc/self/ns/uts", "ns", NULL, MS_BIND, NULL) == 0);
	struct stat s, t;
	CHECK(stat("ns", &s) == 0 && stat("/proc/self/ns/uts", &t) == 0 && s.st_ino == t.st_ino && s.st_dev == t.st_dev);
	char l[1024];
	CHECK(count_mounts("/t/ns", l, sizeof(l)) == 1 && strstr(l, " uts:[") && strstr(l, " nsfs nsfs "));
	int fd = open("ns", O_RDONLY);
	CHECK(fd >= 0 && setns(fd, CLONE_NEWUTS) == 0);
	close(fd);
	CHECK(umount("ns") == 0);
}

static void many(void)
{
	char name[20];
	begin();
	fresh("s");
	CHECK(mount(NULL, "s", NULL, MS_SHARED, NULL) == 0);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "v%d", i);
		CHECK(mkdir(name, 0755) == 0 && mount(i & 1 ? "v0" : "s", name, NULL, MS_BIND, NULL) == 0);
		if (i % 3 == 2)
			CHECK(mount(NULL, name, NULL, MS_SLAVE, NULL) == 0);
		if (i % 6 == 5)
			CHECK(mount(NULL, name, NULL, MS_SHARED, NULL) == 0);
	}
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "s/%d", i);
		fresh(name);
	}
	char l[1024];
	CHECK(count_mounts("/7", l, sizeof(l)) == 21);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "s/%d", i);
		CHECK(umount(name) == 0);
	}
	CHECK(count_mounts("/7", NULL, 0) == 0);
}

CASES(CASE(mounts_are_separate), CASE(clone_makes_one), CASE(shared_mounts_pass_on), CASE(slaves_only_take),
	CASE(the_last_peer_leaves_its_slaves_to_its_master), CASE(only_what_is_visible_propagates), CASE(a_tree_propagates_as_a_tree),
	CASE(a_peer_in_use_keeps_both_mounted), CASE(bind_mounts), CASE(unbindable_mounts), CASE(move_mounts), CASE(change_type_errors),
	CASE(pivot_root_works), CASE(pivot_root_onto_itself), CASE(others_roots_follow), CASE(umount_errors),
	CASE(the_directory_goes_in_another_namespace), CASE(less_privileged_namespaces_are_locked), CASE(mounts_above_flow_down_only),
	CASE(setns_moves_root_and_cwd), CASE(a_namespace_file_keeps_it_alive), CASE(many))
