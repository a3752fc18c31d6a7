/* Streams; see stream.h. */
#define _GNU_SOURCE
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void stream_none(struct stream *s)
{
	s->from = s->to = -1;
	s->max_write = sizeof(s->buf);
	s->to_socket = s->half_close = s->full_close = false;
	s->tap = NULL;
	s->filter = NULL;
	s->total = 0;
	s->error = s->read_error = 0;
	s->off = s->len = 0;
}

void stream_input(struct stream *s, int fd, int sock, bool half_close)
{
	stream_none(s);
	s->from = fd;
	s->to = sock;
	s->to_socket = true;
	s->half_close = half_close;
}

/*
 * O_NONBLOCK belongs to the open file, which the user's other processes share, so it must not be set on what was inherited. A pipe or a
 * terminal can be opened once more for ourselves; what cannot gets small writes.
 */
void stream_output(struct stream *s, int sock, int fd)
{
	struct stat st;
	char path[32];
	int own;

	stream_none(s);
	s->from = sock;
	s->to = fd;
	s->full_close = true;
	if (fstat(fd, &st) != 0 || S_ISREG(st.st_mode))
		return;
	if (S_ISSOCK(st.st_mode)) {
		s->to_socket = true;
		return;
	}
	/* What is open for reading alone stays so: opening it once more would make a closed output a working one. */
	if ((S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (own >= 0) {
			s->to = own;
			return;
		}
	}
	s->max_write = PIPE_BUF;
}

static void finish_from(struct stream *s, bool close_it)
{
	if (s->from >= 0 && close_it)
		close(s->from);
	s->from = -1;
	if (s->half_close && s->len == 0 && s->to >= 0)
		shutdown(s->to, SHUT_WR);
}

static void step_read(struct stream *s)
{
	ssize_t n = read(s->from, s->buf, sizeof(s->buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		s->read_error = n < 0 ? errno : 0;
		finish_from(s, false);
		return;
	}
	s->total += (uint64_t)n;
	s->off = 0;
	s->len = (size_t)n;
	if (s->tap)
		log_feed(s->tap, s->buf, s->len);
	if (s->filter && !s->filter(s))
		s->len = 0;
}

static void step_write(struct stream *s)
{
	size_t part = s->len < s->max_write ? s->len : s->max_write;
	ssize_t n = s->to_socket ? send(s->to, s->buf + s->off, part, MSG_DONTWAIT | MSG_NOSIGNAL) : write(s->to, s->buf + s->off, part);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		s->error = errno;
		s->to = -1;
		s->len = 0;
		finish_from(s, s->full_close);
		return;
	}
	s->off += (size_t)n;
	s->len -= (size_t)n;
	if (s->len == 0 && s->from < 0 && s->half_close)
		shutdown(s->to, SHUT_WR);
}

void stream_want(const struct stream *s, struct pollfd p[2])
{
	p[0] = (struct pollfd){ .fd = s->len == 0 ? s->from : -1, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = s->len > 0 ? s->to : -1, .events = POLLOUT };
}

void stream_step(struct stream *s, const struct pollfd p[2])
{
	if (p[1].fd >= 0 && p[1].revents)
		step_write(s);
	if (p[0].fd >= 0 && p[0].revents && s->len == 0) {
		step_read(s);
		if (s->len > 0)
			step_write(s);
	}
}

bool stream_done(const struct stream *s)
{
	return s->from < 0 && s->len == 0;
}
