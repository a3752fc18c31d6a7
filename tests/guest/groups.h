/* Groups of cgroup2 for the tests: paths below the case's own group, files written, read and compared. Include behind check.h. */
#ifndef GROUPS_H
#define GROUPS_H

#include <stdarg.h>

#define TOP "/sys/fs/cgroup"
#define UNUSED __attribute__((unused))

static char base[64]; /* the case's own group */

/* A name in it; good until the fourth call from now. */
static UNUSED const char *at(const char *fmt, ...)
{
	static char buf[4][256];
	static int next;
	char *p = buf[next++ & 3];
	va_list ap;
	int n = snprintf(p, 256, "%s/", base);
	va_start(ap, fmt);
	vsnprintf(p + n, 256 - (size_t)n, fmt, ap);
	va_end(ap);
	return p;
}

/* 0 or -1 with errno. */
static UNUSED int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, strlen(text));
	int err = errno;
	close(fd);
	errno = err;
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

/* A whole file, good until the fourth call from now; NULL with errno. */
static UNUSED const char *get(const char *path)
{
	static char buf[4][8192];
	static int next;
	char *p = buf[next++ & 3];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, p, 8191);
	int err = errno;
	if (fd >= 0)
		close(fd);
	errno = err;
	if (n < 0)
		return NULL;
	p[n] = 0;
	return p;
}

static UNUSED int is(const char *path, const char *text)
{
	const char *s = get(path);
	return s && !strcmp(s, text);
}

/* The number behind `key` in a file of "key number" lines; without key the file's own. */
static UNUSED long number(const char *path, const char *key)
{
	const char *s = get(path);
	CHECK(s);
	if (!key)
		return atol(s);
	size_t n = strlen(key);
	for (; s && *s; s = strchr(s, '\n'), s = s ? s + 1 : s)
		if (!strncmp(s, key, n) && s[n] == ' ')
			return atol(s + n + 1);
	return -1;
}

#endif
