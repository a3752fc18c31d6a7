/* open(O_CREAT) of a symbolic link: the link is followed, and the file it names is made. */
#include "check.h"

static void file_is_made(void)
{
	char b[8] = "";
	CHECK(symlink("target", "link") == 0);
	int fd = open("link", O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	CHECK(write(fd, "abc", 3) == 3);
	close(fd);
	CHECK((fd = open("target", O_RDONLY)) >= 0);
	CHECK(read(fd, b, sizeof(b)) == 3 && !strcmp(b, "abc"));
}

static void through_more_links(void)
{
	struct stat st;
	CHECK(mkdir("d", 0700) == 0);
	CHECK(symlink("d/two", "one") == 0 && symlink("../three", "d/two") == 0 && symlink("d/end", "three") == 0);
	CHECK(creat("one", 0600) >= 0);
	CHECK(stat("d/end", &st) == 0 && S_ISREG(st.st_mode));
	CHECK(creat("one", 0600) >= 0);
}

static void absolute(void)
{
	char cwd[PATH_MAX], path[PATH_MAX + 16];
	CHECK(getcwd(cwd, sizeof(cwd)));
	snprintf(path, sizeof(path), "%s/file", cwd);
	CHECK(symlink(path, "link") == 0);
	CHECK(creat("link", 0600) >= 0);
	CHECK(access("file", F_OK) == 0);
}

static void errors(void)
{
	CHECK(symlink("loop", "loop") == 0 && symlink("no/such", "lost") == 0 && symlink(".", "dir") == 0 && symlink("x", "x_link") == 0);
	CHECK_ERR(creat("loop", 0600), ELOOP);
	CHECK_ERR(creat("lost", 0600), ENOENT);
	CHECK_ERR(creat("dir", 0600), EISDIR);
	CHECK_ERR(open("x_link", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
	CHECK_ERR(open("x_link", O_CREAT | O_NOFOLLOW | O_RDWR, 0600), ELOOP);
	CHECK_ERR(creat("loop/x", 0600), ELOOP);
}

/* A link of /proc has no text to follow: it leads straight to the file. */
static void magic(void)
{
	char path[64];
	int fd = creat("file", 0600), again;
	CHECK(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK((again = open(path, O_CREAT | O_WRONLY, 0600)) >= 0);
	CHECK(write(again, "x", 1) == 1);
	CHECK(symlink(path, "link") == 0);
	CHECK((again = open("link", O_CREAT | O_WRONLY, 0600)) >= 0);
}

CASES(CASE(file_is_made), CASE(through_more_links), CASE(absolute), CASE(errors), CASE(magic))
