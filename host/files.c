/* Small file jobs; files.h says which. */
#define _GNU_SOURCE
#include "files.h"

#include "complain.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool try_path(char *buf, size_t size, const char *dir, const char *sub, const char *name)
{
	return (size_t)snprintf(buf, size, "%s%s/%s", dir, sub, name) < size && access(buf, F_OK) == 0;
}

int find_companion(const char *name, char *buf, size_t size)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	if (n > 0) {
		exe[n] = '\0';
		slash = strrchr(exe, '/');
		if (slash)
			*slash = '\0';
		if (try_path(buf, size, exe, "", name) || try_path(buf, size, exe, "/../share/pando", name))
			return 0;
	}
	return try_path(buf, size, PANDO_DATADIR, "", name) ? 0 : -1;
}

int memory_file(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	return fd >= 0 ? fd : complain("cannot make a file in memory: %s", strerror(errno));
}

int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int pread_all(int fd, void *data, size_t len, off_t off)
{
	char *p = data;

	while (len > 0) {
		ssize_t n = pread(fd, p, len, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = 0;
		if (n <= 0)
			return -1;
		p += n;
		off += n;
		len -= (size_t)n;
	}
	return 0;
}

/* For pairs of files that sendfile() refuses. */
static int copy_by_hand(int from, off_t off, int to, uint64_t len)
{
	static char buf[1 << 16];

	while (len > 0) {
		size_t part = len < sizeof(buf) ? (size_t)len : sizeof(buf);

		if (pread_all(from, buf, part, off) != 0 || write_all(to, buf, part) != 0)
			return -1;
		off += (off_t)part;
		len -= part;
	}
	return 0;
}

int copy_range(int from, off_t off, int to, uint64_t len)
{
	while (len > 0) {
		ssize_t n = sendfile(to, from, &off, len < (1u << 30) ? (size_t)len : (1u << 30));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EINVAL || errno == ENOSYS))
			return copy_by_hand(from, off, to, len);
		if (n == 0)
			errno = 0;
		if (n <= 0)
			return -1;
		len -= (uint64_t)n;
	}
	return 0;
}

/* Devices and pipes are written to; they must not be replaced. */
static bool is_written_to(const char *out)
{
	struct stat st;

	return stat(out, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

/* The file behind a symbolic link, which stays what it is; a link to nowhere is itself replaced. Returns 0, or -1 after a complaint. */
static int resolve(const char *out, char path[PATH_MAX])
{
	struct stat st;

	if (strlen(out) >= PATH_MAX)
		return complain("%s: %s", out, strerror(ENAMETOOLONG));
	if (lstat(out, &st) != 0 || !S_ISLNK(st.st_mode) || !realpath(out, path))
		strcpy(path, out);
	return 0;
}

int nameless_file(const char *out)
{
	char dir[PATH_MAX], *slash;
	int fd;

	if (is_written_to(out))
		return memory_file("pando-output");
	if (resolve(out, dir) != 0)
		return -1;
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	fd = open(slash ? dir : ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
	return fd >= 0 ? fd : complain("%s: %s", out, strerror(errno));
}

static int write_to(int fd, const char *out)
{
	int to = open(out, O_WRONLY | O_CLOEXEC | O_NOCTTY), r = -1;
	struct stat st;

	if (to >= 0 && fstat(fd, &st) == 0)
		r = copy_range(fd, 0, to, (uint64_t)st.st_size);
	if (r != 0)
		complain("%s: %s", out, strerror(errno));
	if (to >= 0)
		close(to);
	return r;
}

int publish_file(int fd, const char *out)
{
	char self[64], path[PATH_MAX], temp[PATH_MAX];

	if (is_written_to(out))
		return write_to(fd, out);
	if (resolve(out, path) != 0)
		return -1;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if ((size_t)snprintf(temp, sizeof(temp), "%s.%ld.tmp", path, (long)getpid()) >= sizeof(temp))
		return complain("%s: %s", out, strerror(ENAMETOOLONG));
	if (linkat(AT_FDCWD, self, AT_FDCWD, temp, AT_SYMLINK_FOLLOW) != 0)
		return complain("%s: %s", out, strerror(errno));
	if (rename(temp, path) == 0)
		return 0;
	complain("%s: %s", out, strerror(errno));
	unlink(temp);
	return -1;
}

int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
