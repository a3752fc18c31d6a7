/* The spool of file data; see spool.h. */
#define _GNU_SOURCE
#include "spool.h"

#include "complain.h"
#include "files.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int spool_open(struct spool *s, uint64_t limit)
{
	s->end = 0;
	s->limit = limit;
	s->fd = memory_file("pando-spool");
	return s->fd < 0 ? -1 : 0;
}

void spool_close(struct spool *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static int room_for(const struct spool *s, uint64_t off, uint64_t len, const char *what)
{
	if (off > s->limit || len > s->limit || s->end + off + len > s->limit)
		return complain("%s: the image does not fit into the memory of the machine (give it more with -m)", what);
	return 0;
}

int spool_write(struct spool *s, uint64_t off, const void *data, size_t len, const char *what)
{
	const char *p = data;
	uint64_t at = s->end + off;

	if (room_for(s, off, len, what) != 0)
		return -1;
	while (len > 0) {
		ssize_t n = pwrite(s->fd, p, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return complain("%s: no room to unpack it: %s", what, strerror(errno));
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int spool_copy(struct spool *s, int fd, uint64_t len, const char *what)
{
	if (room_for(s, 0, len, what) != 0)
		return -1;
	if (lseek(s->fd, (off_t)s->end, SEEK_SET) < 0 || copy_range(fd, 0, s->fd, len) != 0)
		return complain("%s: %s", what, errno ? strerror(errno) : "it became shorter while it was read");
	s->end += len;
	return 0;
}

void spool_advance(struct spool *s, uint64_t size)
{
	s->end += size;
}
