/*
 * What a file system must do, in the folder named by the first argument. Run natively first; with "9p" as second argument also what Linux's 9P refuses.
 * Prints nothing but failures; the status is their number.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static int failures;
#define CHECK(cond) ((cond) ? (void)0 : (void)(printf("line %d: %s (errno %d)\n", __LINE__, #cond, errno), failures++))
#define FAILS(call, want) (errno = 0, CHECK((call) == -1 && errno == (want)))

static int put(const char *name, int flags, mode_t mode, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | flags, mode), r;
	if (fd < 0)
		return -1;
	r = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
	return close(fd) || r ? -1 : 0;
}

static const char *text_of(const char *name)
{
	static char buf[256];
	int fd = open(name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	if (fd >= 0)
		close(fd);
	buf[n < 0 ? 0 : n] = '\0';
	return n < 0 ? "(cannot be read)" : buf;
}

static void names(int is_9p)
{
	struct stat st;
	char buf[64];
	CHECK(put("a", 0, 0644, "one") == 0);
	FAILS(open("a", O_CREAT | O_EXCL | O_WRONLY, 0600), EEXIST);
	CHECK(link("a", "b") == 0 && stat("b", &st) == 0 && st.st_nlink == 2);
	CHECK(unlink("a") == 0 && stat("b", &st) == 0 && st.st_nlink == 1);
	CHECK(strcmp(text_of("b"), "one") == 0);
	FAILS(open("a", O_RDONLY), ENOENT);
	CHECK(put("c", 0, 0644, "two") == 0 && rename("c", "b") == 0 && strcmp(text_of("b"), "two") == 0);
	FAILS(access("c", F_OK), ENOENT);
	CHECK(mkdir("d", 0750) == 0 && stat("d", &st) == 0 && (st.st_mode & 07777) == 0750);
	FAILS(mkdir("d", 0755), EEXIST);
	CHECK(rename("b", "d/e") == 0);
	FAILS(rmdir("d"), ENOTEMPTY);
	FAILS(unlink("d"), EISDIR);
	FAILS(rmdir("d/e"), ENOTDIR);
	FAILS(rename("d", "d/inside"), EINVAL);
	CHECK(symlink("d/e", "s") == 0 && readlink("s", buf, sizeof(buf)) == 3 && strcmp(text_of("s"), "two") == 0);
	CHECK(lstat("s", &st) == 0 && S_ISLNK(st.st_mode) && st.st_size == 3);
	CHECK(symlink("nowhere", "t") == 0);
	FAILS(open("t", O_RDONLY), ENOENT);
	CHECK(rename("d", "f") == 0 && strcmp(text_of("f/e"), "two") == 0);
	/* QEMU 7.2 refuses to open what it has just made. */
	if (mkfifo("p", 0600) == 0)
		CHECK(stat("p", &st) == 0 && S_ISFIFO(st.st_mode) && !unlink("p"));
	else
		CHECK(is_9p && errno == ENXIO);
	CHECK(!unlink("s") && !unlink("t") && !unlink("f/e") && !rmdir("f"));
	FAILS(open(".", O_WRONLY), EISDIR);
}

static void data(void)
{
	char buf[64] = "";
	struct stat st;
	int fd = open("x", O_RDWR | O_CREAT, 0444), two;
	/* Read-only for everybody, but open for writing by its maker. */
	CHECK(fd >= 0 && write(fd, "0123456789", 10) == 10);
	CHECK(pwrite(fd, "ab", 2, 20) == 2 && fstat(fd, &st) == 0 && st.st_size == 22);
	CHECK(pread(fd, buf, 64, 0) == 22 && !memcmp(buf, "0123456789\0\0\0\0\0\0\0\0\0\0ab", 22));
	CHECK(pread(fd, buf, 64, 22) == 0 && pread(fd, buf, 64, 1000) == 0);
	CHECK(ftruncate(fd, 4) == 0 && pread(fd, buf, 64, 0) == 4 && ftruncate(fd, 8) == 0 && pread(fd, buf, 64, 0) == 8 &&
		  !memcmp(buf, "0123\0\0\0\0", 8));
	CHECK(lseek(fd, 0, SEEK_END) == 8 && fsync(fd) == 0 && fdatasync(fd) == 0);
	CHECK(fchmod(fd, 0640) == 0 && fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0640);
	two = open("x", O_WRONLY | O_APPEND);
	CHECK(two >= 0 && write(two, "end", 3) == 3 && pread(fd, buf, 64, 8) == 3 && !memcmp(buf, "end", 3));
	CHECK(flock(fd, LOCK_EX) == 0);
	FAILS(flock(two, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	close(two);
	struct timespec ts[2] = { { 1000000, 5 }, { 2000000, 7 } };
	CHECK(futimens(fd, ts) == 0 && fstat(fd, &st) == 0 && st.st_mtim.tv_sec == 2000000 && st.st_mtim.tv_nsec == 7 && st.st_atim.tv_sec == 1000000);
	CHECK(utimensat(AT_FDCWD, "x", NULL, 0) == 0 && fstat(fd, &st) == 0 && st.st_mtim.tv_sec > 2000000);
	CHECK(truncate("x", 2) == 0 && fstat(fd, &st) == 0 && st.st_size == 2);
	/* Open without a name. */
	CHECK(unlink("x") == 0 && pwrite(fd, "still", 5, 0) == 5 && pread(fd, buf, 64, 0) == 5 && !memcmp(buf, "still", 5));
	CHECK(put("x", O_EXCL, 0644, "another") == 0 && fstat(fd, &st) == 0 && st.st_nlink == 0);
	close(fd);
	CHECK(strcmp(text_of("x"), "another") == 0 && !unlink("x"));
}

/* What a file is that is open and has lost its last name. */
static void nameless(void)
{
	static char zeros[20000];
	char buf[20000], path[64];
	struct stat st, other;
	struct timespec ts[2] = { { 1000000, 5 }, { 2000000, 7 } };
	int fd = open("n", O_RDWR | O_CREAT | O_EXCL, 0644), again, app, dir;
	CHECK(fd >= 0 && write(fd, "0123456789", 10) == 10);
	CHECK(put("by", 0, 0600, "bystander") == 0 && unlink("n") == 0 && rename("by", "n") == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0 && st.st_size == 10 && (st.st_mode & 07777) == 0644);
	CHECK(fchmod(fd, 0751) == 0 && fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0751);
	CHECK(futimens(fd, ts) == 0 && fstat(fd, &st) == 0 && st.st_mtim.tv_sec == 2000000 && st.st_mtim.tv_nsec == 7 && st.st_atim.tv_sec == 1000000);
	CHECK(fchown(fd, st.st_uid, st.st_gid) == 0);
	CHECK(ftruncate(fd, 4) == 0 && fstat(fd, &st) == 0 && st.st_size == 4 && st.st_mtim.tv_sec > 2000000);
	CHECK(pread(fd, buf, 64, 0) == 4 && !memcmp(buf, "0123", 4) && pread(fd, buf, 64, 4) == 0);
	CHECK(ftruncate(fd, 15000) == 0 && pread(fd, buf, sizeof(buf), 0) == 15000 && !memcmp(buf, "0123", 4) && !memcmp(buf + 4, zeros, 14996));
	CHECK(pwrite(fd, "x", 1, 8) == 1 && pread(fd, buf, sizeof(buf), 0) == 15000 && !memcmp(buf, "0123\0\0\0\0x\0\0", 11));
	CHECK(pwrite(fd, "y", 1, 19000) == 1 && lseek(fd, 0, SEEK_END) == 19001);
	CHECK(pread(fd, buf, sizeof(buf), 0) == 19001 && !memcmp(buf, "0123\0\0\0\0x", 9) && !memcmp(buf + 9, zeros, 18991) && buf[19000] == 'y');
	char *m = mmap(NULL, 4096 * 5, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(m != MAP_FAILED && m[8] == 'x' && m[19000] == 'y' && m[9000] == 0);
	CHECK(ftruncate(fd, 0) == 0 && ftruncate(fd, 19500) == 0 && m[8] == 0 && m[19000] == 0);
	CHECK(pread(fd, buf, sizeof(buf), 0) == 19500 && !memcmp(buf, zeros, 19500));
	CHECK(pwrite(fd, "z", 1, 17000) == 1 && m[17000] == 'z' && m[16999] == 0 && m[19000] == 0);
	munmap(m, 4096 * 5);
	/* Opened again through /proc. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDONLY);
	CHECK(again >= 0 && pread(again, buf, 2, 17000) == 2 && buf[0] == 'z' && buf[1] == 0);
	close(again);
	app = open(path, O_WRONLY | O_APPEND);
	CHECK(app >= 0 && ftruncate(fd, 3) == 0 && write(app, "end", 3) == 3 && fstat(fd, &st) == 0 && st.st_size == 6);
	CHECK(pread(fd, buf, 64, 0) == 6 && !memcmp(buf, "\0\0\0end", 6));
	close(app);
	again = open(path, O_RDWR | O_TRUNC);
	CHECK(again >= 0 && fstat(fd, &st) == 0 && st.st_size == 0);
	FAILS(linkat(AT_FDCWD, path, AT_FDCWD, "m", AT_SYMLINK_FOLLOW), ENOENT);
	close(again);
	close(fd);
	CHECK(stat("n", &other) == 0 && (other.st_mode & 07777) == 0600 && strcmp(text_of("n"), "bystander") == 0);
	/* Only open to append. */
	fd = open("n", O_WRONLY | O_APPEND);
	CHECK(put("by", 0, 0600, "next") == 0 && rename("by", "n") == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0 && st.st_size == 9 && ftruncate(fd, 2) == 0 && write(fd, "AB", 2) == 2);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 4 && fchmod(fd, 0400) == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	close(fd);
	CHECK(strcmp(text_of("n"), "next") == 0 && !unlink("n"));
	/* A directory. */
	CHECK(mkdir("e", 0700) == 0);
	dir = open("e", O_RDONLY | O_DIRECTORY);
	CHECK(dir >= 0 && rmdir("e") == 0);
	CHECK(fstat(dir, &st) == 0 && st.st_nlink == 0 && fchmod(dir, 0711) == 0 && fstat(dir, &st) == 0 && (st.st_mode & 07777) == 0711);
	FAILS(openat(dir, "x", O_CREAT | O_WRONLY, 0600), ENOENT);
	close(dir);
}

/* What a file is that loses one of several names: nothing has changed for it. */
static void several_names(void)
{
	struct stat st;
	char buf[16];
	int fd = open("first", O_RDWR | O_CREAT | O_EXCL, 0644);
	CHECK(fd >= 0 && write(fd, "hello", 5) == 5 && link("first", "second") == 0 && unlink("first") == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_nlink == 1 && fchmod(fd, 0640) == 0 && ftruncate(fd, 3) == 0 && futimens(fd, NULL) == 0);
	CHECK(stat("second", &st) == 0 && st.st_size == 3 && (st.st_mode & 07777) == 0640);
	CHECK(pwrite(fd, "j", 1, 0) == 1 && strcmp(text_of("second"), "jel") == 0);
	/* the younger name goes, the older stays */
	CHECK(link("second", "third") == 0 && unlink("third") == 0 && fchmod(fd, 0600) == 0 && strcmp(text_of("second"), "jel") == 0);
	CHECK(link("second", "third") == 0 && rename("second", "fourth") == 0 && unlink("third") == 0);
	CHECK(strcmp(text_of("fourth"), "jel") == 0 && link("fourth", "fifth") == 0 && put("fourth", O_APPEND, 0, "ly") == 0);
	CHECK(unlink("fourth") == 0 && strcmp(text_of("fifth"), "jelly") == 0 && pread(fd, buf, 16, 0) == 5);
	CHECK(unlink("fifth") == 0 && fstat(fd, &st) == 0 && st.st_nlink == 0 && pread(fd, buf, 16, 0) == 5);
	close(fd);
}

static void pages(const char *self, int is_9p)
{
	static char big[300000], got[300000];
	size_t i;
	int fd = open("m", O_RDWR | O_CREAT | O_TRUNC, 0644), status;
	char *m;
	for (i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 + i / 4096);
	CHECK(write(fd, big, sizeof(big)) == (ssize_t)sizeof(big));
	m = mmap(NULL, sizeof(big), PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(m != MAP_FAILED && !memcmp(m, big, sizeof(big)));
	CHECK(pwrite(fd, "CHANGED", 7, 100000) == 7 && !memcmp(m + 100000, "CHANGED", 7));
	m[5] = 'z';
	CHECK(pread(fd, got, sizeof(got), 0) == (ssize_t)sizeof(got) && got[5] == big[5] && !memcmp(got + 100000, "CHANGED", 7));
	munmap(m, sizeof(big));
	if (is_9p) {
		CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EINVAL);
		FAILS(fsetxattr(fd, "user.a", "b", 1, 0), EOPNOTSUPP);
		FAILS(fgetxattr(fd, "user.a", got, 1), EOPNOTSUPP);
		FAILS(renameat2(AT_FDCWD, "m", AT_FDCWD, "n", RENAME_NOREPLACE), EINVAL);
		FAILS(open(".", O_TMPFILE | O_RDWR, 0600), EOPNOTSUPP);
		FAILS(fallocate(fd, 0, 0, 4096), EOPNOTSUPP);
	}
	close(fd);
	CHECK(!unlink("m"));
	/* A program that was just written runs, and cannot be written while it does. */
	int from = open(self, O_RDONLY), to = open("prog", O_WRONLY | O_CREAT | O_TRUNC, 0755);
	ssize_t n;
	while ((n = read(from, got, sizeof(got))) > 0)
		CHECK(write(to, got, (size_t)n) == n);
	close(from);
	FAILS(execl("./prog", "prog", NULL), ETXTBSY);
	close(to);
	pid_t pid = fork();
	if (pid == 0) {
		execl("./prog", "prog", "--sleep", NULL);
		_exit(127);
	}
	usleep(300000);
	FAILS(open("prog", O_WRONLY), ETXTBSY);
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 42);
	CHECK(!unlink("prog"));
}

static void many(void)
{
	char name[300], seen[1000] = "";
	int i, n = 0;
	DIR *d;
	struct dirent *e;
	CHECK(mkdir("many", 0755) == 0 && chdir("many") == 0);
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "file-%0*d", i % 240 + 4, i);
		CHECK(put(name, O_EXCL, 0600, "") == 0);
	}
	d = opendir(".");
	while ((e = readdir(d))) {
		if (e->d_name[0] != 'f')
			continue;
		i = atoi(e->d_name + 5);
		CHECK(i >= 0 && i < 1000 && !seen[i] && e->d_type == DT_REG);
		seen[i] = 1;
		n++;
		if (n % 2)
			CHECK(unlink(e->d_name) == 0);
	}
	CHECK(n == 1000);
	rewinddir(d);
	while ((e = readdir(d)))
		if (e->d_name[0] == 'f')
			CHECK(unlink(e->d_name) == 0);
	closedir(d);
	memset(name, 'x', 256);
	name[256] = '\0';
	FAILS(open(name, O_CREAT | O_WRONLY, 0600), ENAMETOOLONG);
	CHECK(chdir("..") == 0 && rmdir("many") == 0);
}

int main(int argc, char **argv)
{
	char self[4096];
	if (argc == 2 && !strcmp(argv[1], "--sleep")) {
		usleep(1500000);
		return 42;
	}
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (argc < 2 || n < 0 || chdir(argv[1]) != 0)
		return 99;
	self[n] = '\0';
	umask(0);
	names(argc > 2 && !strcmp(argv[2], "9p"));
	data();
	nameless();
	several_names();
	pages(self, argc > 2 && !strcmp(argv[2], "9p"));
	many();
	return failures > 90 ? 90 : failures;
}
