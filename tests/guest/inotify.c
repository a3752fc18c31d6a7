/* inotify: which events come, in which order, with which names. */
#include "check.h"
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/xattr.h>

static int fd;
static void start(void) { CHECK((fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) >= 0); }
static int watch(const char *path, unsigned mask)
{
	int wd = inotify_add_watch(fd, path, mask);
	CHECK(wd > 0);
	return wd;
}
/* All events that wait, as "wd:mask:name " words; cookies as +1, +2 in order of appearance. */
static const char *events(void)
{
	static char out[4000];
	char buf[16384] __attribute__((aligned(8))), *o = out;
	unsigned cookies[8], known = 0;
	ssize_t n;
	*o = 0;
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (char *p = buf; p < buf + n;) {
			struct inotify_event *e = (void *)p;
			CHECK(e->len % 16 == 0 && (e->len == 0 || strlen(e->name) < e->len));
			o += sprintf(o, "%d:%x:%s", e->wd, e->mask, e->len ? e->name : "");
			if (e->cookie) {
				unsigned i = 0;
				while (i < known && cookies[i] != e->cookie)
					i++;
				if (i == known)
					cookies[known++] = e->cookie;
				o += sprintf(o, "+%u", i + 1);
			}
			o += sprintf(o, " ");
			p += sizeof(*e) + e->len;
		}
	}
	CHECK(n < 0 && errno == EAGAIN);
	return out;
}
#define EXPECT(want)                                 \
	do {                                             \
		const char *got_ = events();                 \
		if (strcmp(got_, want))                      \
			check_fail(__FILE__, __LINE__, got_, 0); \
	} while (0)

static void touch(const char *path) { close(open(path, O_CREAT | O_WRONLY, 0644)); }

static void contents(void)
{
	char c;
	touch("f");
	start();
	CHECK(watch(".", IN_ALL_EVENTS) == 1 && watch("f", IN_ALL_EVENTS) == 2);
	int f = open("f", O_RDWR);
	EXPECT("1:20:f 2:20: ");
	CHECK(write(f, "ab", 2) == 2);
	EXPECT("1:2:f 2:2: ");
	CHECK(pread(f, &c, 1, 0) == 1 && pread(f, &c, 1, 100) == 0);
	EXPECT("1:1:f 2:1: ");
	CHECK(ftruncate(f, 1) == 0);
	EXPECT("1:2:f 2:2: ");
	CHECK(fchmod(f, 0600) == 0);
	EXPECT("1:4:f 2:4: ");
	close(f);
	EXPECT("1:8:f 2:8: ");
	close(open("f", O_RDONLY));
	EXPECT("1:20:f 2:20: 1:10:f 2:10: ");
	CHECK(truncate("f", 0) == 0);
	EXPECT("1:2:f 2:2: ");
	CHECK(utimensat(AT_FDCWD, "f", NULL, 0) == 0);
	EXPECT("1:4:f 2:4: ");
	close(open("f", O_WRONLY | O_TRUNC));
	EXPECT("1:20:f 2:20: 1:2:f 2:2: 1:8:f 2:8: ");
	close(open("f", O_PATH));
	EXPECT("");
}

static void names(void)
{
	mkdir("d", 0755);
	start();
	CHECK(watch("d", IN_CREATE | IN_DELETE | IN_MOVE | IN_DELETE_SELF | IN_MOVE_SELF) == 1);
	touch("d/a");
	EXPECT("1:100:a ");
	CHECK(mkdir("d/sub", 0755) == 0 && symlink("a", "d/link") == 0 && link("d/a", "d/hard") == 0 && mknod("d/fifo", S_IFIFO | 0600, 0) == 0);
	EXPECT("1:40000100:sub 1:100:link 1:100:hard 1:100:fifo ");
	CHECK(rename("d/a", "d/b") == 0);
	EXPECT("1:40:a+1 1:80:b+1 ");
	CHECK(rename("d/b", "b") == 0 && rename("b", "d/c") == 0);
	EXPECT("1:40:b+1 1:80:c+2 ");
	CHECK(unlink("d/c") == 0 && unlink("d/hard") == 0 && unlink("d/link") == 0 && unlink("d/fifo") == 0 && rmdir("d/sub") == 0);
	EXPECT("1:200:c 1:200:hard 1:200:link 1:200:fifo 1:40000200:sub ");
	CHECK(rename("d", "e") == 0);
	EXPECT("1:800: ");
	CHECK(rmdir("e") == 0);
	EXPECT("1:400: 1:8000: ");
}

static void one_file(void)
{
	touch("f");
	touch("g");
	start();
	CHECK(watch("f", IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF) == 1);
	CHECK(link("f", "h") == 0);
	EXPECT("1:4: ");
	CHECK(unlink("h") == 0);
	EXPECT("1:4: ");
	CHECK(rename("f", "x") == 0);
	EXPECT("1:800: ");
	CHECK(setxattr("x", "user.a", "b", 1, 0) == 0 || errno == EOPNOTSUPP);
	events();
	/* Replaced by another: the link count changes, then it is gone. */
	CHECK(rename("g", "x") == 0);
	EXPECT("1:4: 1:400: 1:8000: ");
	CHECK_ERR(inotify_rm_watch(fd, 1), EINVAL);
}

static void open_files_live_on(void)
{
	touch("f");
	start();
	CHECK(watch(".", IN_ALL_EVENTS) == 1 && watch("f", IN_ALL_EVENTS) == 2);
	int f = open("f", O_WRONLY);
	events();
	CHECK(unlink("f") == 0);
	EXPECT("2:4: 1:200:f ");
	/* The directory hears of its former child ... */
	CHECK(write(f, "x", 1) == 1);
	EXPECT("1:2:f 2:2: ");
	/* ... unless it does not want to. */
	CHECK(watch(".", IN_ALL_EVENTS | IN_EXCL_UNLINK) == 1);
	CHECK(write(f, "x", 1) == 1);
	EXPECT("2:2: ");
	close(f);
	EXPECT("2:8: 2:400: 2:8000: ");
	/* Nobody has it open: it goes before its name. */
	touch("g");
	CHECK(watch("g", IN_ALL_EVENTS) == 3);
	events();
	CHECK(unlink("g") == 0);
	EXPECT("3:4: 3:400: 3:8000: 1:200:g ");
}

static void moves_between(void)
{
	mkdir("a", 0755);
	mkdir("b", 0755);
	touch("a/f");
	start();
	CHECK(watch("a", IN_MOVE) == 1 && watch("b", IN_MOVE) == 2);
	CHECK(rename("a/f", "b/g") == 0);
	EXPECT("1:40:f+1 2:80:g+1 ");
	mkdir("a/d", 0755);
	CHECK(syscall(SYS_renameat2, AT_FDCWD, "a/d", AT_FDCWD, "b/g", 2) == 0);
	EXPECT("1:40000040:d+1 2:40000080:g+1 2:40:g+2 1:80:d+2 ");
}

static void directories(void)
{
	mkdir("d", 0755);
	start();
	CHECK(watch("d", IN_ALL_EVENTS) == 1 && watch(".", IN_ALL_EVENTS) == 2);
	int d = open("d", O_RDONLY | O_DIRECTORY);
	char buf[1024];
	EXPECT("2:40000020:d 1:40000020: ");
	CHECK(syscall(SYS_getdents64, d, buf, sizeof(buf)) > 0);
	EXPECT("2:40000001:d 1:40000001: ");
	CHECK(fchmod(d, 0700) == 0);
	EXPECT("2:40000004:d 1:40000004: ");
	close(d);
	EXPECT("2:40000010:d 1:40000010: ");
}

static void masks(void)
{
	touch("f");
	mkdir("d", 0755);
	CHECK(symlink("d", "l") == 0);
	start();
	CHECK_ERR(inotify_add_watch(fd, "f", 0), EINVAL);
	CHECK_ERR(inotify_add_watch(fd, "f", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE), EINVAL);
	CHECK_ERR(inotify_add_watch(fd, "f", IN_OPEN | IN_ONLYDIR), ENOTDIR);
	CHECK_ERR(inotify_add_watch(fd, "none", IN_OPEN), ENOENT);
	CHECK_ERR(inotify_add_watch(0, "f", IN_OPEN), EINVAL);
	CHECK_ERR(inotify_add_watch(-1, "f", IN_OPEN), EBADF);
	CHECK_ERR(inotify_init1(1), EINVAL);
	CHECK(watch("f", IN_OPEN) == 1 && watch("f", IN_CLOSE_NOWRITE) == 1);
	close(open("f", O_RDONLY));
	EXPECT("1:10: ");
	CHECK(watch("f", IN_OPEN | IN_MASK_ADD) == 1);
	close(open("f", O_RDONLY));
	EXPECT("1:20: 1:10: ");
	CHECK_ERR(inotify_add_watch(fd, "f", IN_OPEN | IN_MASK_CREATE), EEXIST);
	/* A link and where it leads are two things. */
	CHECK(watch("l", IN_DELETE_SELF) == 2 && watch("l", IN_DELETE_SELF | IN_DONT_FOLLOW) == 3 && watch("d", IN_DELETE_SELF) == 2);
	CHECK(unlink("l") == 0);
	EXPECT("3:400: 3:8000: ");
	CHECK(inotify_rm_watch(fd, 2) == 0);
	EXPECT("2:8000: ");
	/* The numbers do not come again. */
	CHECK(watch("d", IN_OPEN) == 4);
	CHECK(watch("f", IN_OPEN | IN_ONESHOT) == 1);
	close(open("f", O_RDONLY));
	EXPECT("1:20: 1:8000: ");
	close(open("f", O_RDONLY));
	EXPECT("");
	if (!geteuid()) {
		CHECK(chmod("f", 0200) == 0);
		CHECK(EXITED(IN_CHILD(CHECK(setresuid(1000, 1000, 1000) == 0); CHECK_ERR(inotify_add_watch(fd, "f", IN_OPEN), EACCES)), 0));
	}
}

static void reading(void)
{
	char buf[64];
	int n = 0;
	struct pollfd p;
	start();
	p = (struct pollfd){ fd, POLLIN, 0 };
	mkdir("d", 0755);
	watch("d", IN_CREATE);
	CHECK(poll(&p, 1, 0) == 0);
	touch("d/a");
	CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLIN);
	CHECK(ioctl(fd, FIONREAD, &n) == 0 && n == 32);
	CHECK_ERR(read(fd, buf, 31), EINVAL);
	CHECK_ERR(write(fd, buf, 1), EBADF);
	touch("d/0123456789abcdef");
	/* Only what fits. */
	CHECK(read(fd, buf, 60) == 32);
	CHECK(ioctl(fd, FIONREAD, &n) == 0 && n == 48);
	CHECK(read(fd, buf, 64) == 48);
	CHECK_ERR(read(fd, buf, 64), EAGAIN);
	/* One that repeats the last is not told again. */
	int f = open("d/a", O_WRONLY);
	watch("d", IN_MODIFY);
	CHECK(write(f, "1", 1) == 1 && write(f, "2", 1) == 1);
	EXPECT("1:2:a ");
	/* A reader waits. */
	int blocking = inotify_init();
	CHECK(inotify_add_watch(blocking, "d", IN_MODIFY) == 1);
	pid_t pid = fork();
	if (!pid) {
		msleep(100);
		CHECK(write(f, "3", 1) == 1);
		_exit(0);
	}
	CHECK(read(blocking, buf, 64) == 32);
	CHECK(EXITED(reap(pid), 0));
}

static void overflow(void)
{
	FILE *s = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
	int max;
	CHECK(s && fscanf(s, "%d", &max) == 1 && max > 10 && max < 1000000);
	start();
	touch("a");
	touch("b");
	watch(".", IN_ATTRIB);
	for (int i = 0; i < max + 100; i++)
		CHECK(chmod(i & 1 ? "a" : "b", 0600) == 0);
	char buf[32 * 1024];
	struct inotify_event *last = NULL;
	ssize_t n, total = 0;
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		total += n;
		for (char *p = buf; p < buf + n; p += sizeof(*last) + last->len)
			last = (void *)p;
	}
	CHECK(last->wd == -1 && last->mask == IN_Q_OVERFLOW && last->len == 0 && total == (ssize_t)(32L * max + 16));
	/* It goes on afterwards. */
	CHECK(chmod("a", 0644) == 0);
	EXPECT("1:4:a ");
}

static void unmounting(void)
{
	if (geteuid() || unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		check_skip("not root");
	mkdir("m", 0755);
	CHECK(mount("x", "m", "tmpfs", 0, NULL) == 0);
	touch("m/f");
	start();
	CHECK(watch("m/f", IN_OPEN) == 1);
	CHECK(umount("m") == 0);
	EXPECT("1:2000: 1:8000: ");
}

static void programs_are_opened(void)
{
	write_file("script", "#!/bin/sh\nexit 3\n", 17, 0755);
	start();
	watch("script", IN_OPEN | IN_CLOSE);
	CHECK(EXITED(IN_CHILD(execl("./script", "script", NULL)), 3));
	const char *e = events();
	CHECK(!strncmp(e, "1:20: ", 6) && strstr(e, "1:10: "));
}

CASES(CASE(contents), CASE(names), CASE(one_file), CASE(open_files_live_on), CASE(moves_between), CASE(directories), CASE(masks), CASE(reading),
	CASE(overflow), CASE(unmounting), CASE(programs_are_opened))
