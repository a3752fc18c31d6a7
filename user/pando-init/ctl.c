/*
 * The guest's end of the control port: ../ctl.h has the format.
 */
#include "init.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 20000 /* for the port to appear and the host to connect */

static int port = -1;
static struct {
	char *data; /* what has been read */
	size_t off; /* of the first byte not yet decoded */
	size_t len; /* end of what has been read */
	size_t room;
} in;

int ctl_fd(void) { return port; }

static void sleep_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

/* Reads once. Returns bytes read, 0 if the host is not connected, -1 if nothing has come yet. */
static ssize_t fill(void)
{
	ssize_t n;

	if (in.off == in.len)
		in.off = in.len = 0;
	if (in.room - in.len < 4096) {
		char *more = realloc(in.data, in.room * 2 + 16384);

		if (!more)
			ctl_fail("control port", ENOMEM);
		in.data = more;
		in.room = in.room * 2 + 16384;
	}
	n = read(port, in.data + in.len, in.room - in.len);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -1 : 0;
	in.len += (size_t)n;
	return n;
}

/*
 * Takes one whole frame from the buffer. Returns true with its type, and its text (allocated, NUL added) and length. A host that sends
 * nonsense cannot be answered sensibly.
 */
static bool take_frame(uint32_t *type, char **text, uint32_t *len)
{
	struct ctl_frame head;

	if (in.len - in.off < sizeof(head))
		return false;
	memcpy(&head, in.data + in.off, sizeof(head));
	if (head.len > CTL_MAX_FRAME)
		ctl_fail("control port: frame too long", 0);
	if (in.len - in.off - sizeof(head) < head.len)
		return false;
	*text = malloc((size_t)head.len + 1);
	if (!*text)
		ctl_fail("control port", ENOMEM);
	memcpy(*text, in.data + in.off + sizeof(head), head.len);
	(*text)[head.len] = '\0';
	*type = head.type;
	*len = head.len;
	in.off += sizeof(head) + head.len;
	return true;
}

static void append(char ***list, size_t *count, char *text)
{
	char **more = *list;

	/* Room for a power of two of entries and the NULL. */
	if ((*count & (*count + 1)) == 0)
		more = realloc(more, (*count * 2 + 3) * sizeof(*more));
	if (!more)
		ctl_fail("arguments", ENOMEM);
	more[(*count)++] = text;
	more[*count] = NULL;
	*list = more;
}

/* Applies one frame to *cfg. Returns true for CTL_START. */
static bool configure(struct config *cfg, uint32_t type, char *text, uint32_t len)
{
	uint32_t version;

	switch (type) {
	case CTL_ARG:
		append(&cfg->argv, &cfg->argc, text);
		return false;
	case CTL_ENV:
		append(&cfg->envp, &cfg->envc, text);
		return false;
	case CTL_ROOT:
		cfg->root = text;
		return false;
	case CTL_FOLDER:
		append(&cfg->folders, &cfg->nr_folders, text);
		return false;
	case CTL_CWD:
		cfg->cwd = text;
		return false;
	case CTL_USER:
		cfg->user = text;
		return false;
	case CTL_HOSTNAME:
		cfg->hostname = text;
		return false;
	case CTL_TTY:
		cfg->tty = true;
		if (len == sizeof(cfg->winsize))
			memcpy(&cfg->winsize, text, sizeof(cfg->winsize));
		free(text);
		return false;
	case CTL_START:
		memcpy(&version, text, len == sizeof(version) ? sizeof(version) : 0);
		if (len != sizeof(version) || version != CTL_VERSION)
			ctl_fail("the image was packed by another version of pando; pack it again", 0);
		free(text);
		return true;
	default:
		ctl_fail("control port: unknown frame", 0);
	}
}

static int open_port(void)
{
	int waited;

	for (waited = 0; waited < PATIENCE_MS; waited++) {
		port = port_open(CTL_PORT);
		if (port >= 0)
			return 0;
		sleep_ms(1);
	}
	return -1;
}

int ctl_read_config(struct config *cfg)
{
	int waited = 0;
	uint32_t type, len;
	char *text;

	if (open_port() != 0)
		return -1;
	while (waited < PATIENCE_MS) {
		struct pollfd p = { .fd = port, .events = POLLIN };
		ssize_t n;

		while (take_frame(&type, &text, &len))
			if (configure(cfg, type, text, len))
				return cfg->argc > 0 ? 0 : -1;
		n = fill();
		if (n > 0)
			continue;
		/* Right after opening, the kernel may not have been told yet that the host is connected: that reads as end of file. */
		if (n == 0) {
			sleep_ms(1);
			waited++;
		} else if (poll(&p, 1, 100) == 0) {
			waited += 100;
		}
	}
	return -1;
}

int ctl_poll(struct ctl_winsize *ws)
{
	uint32_t type, len;
	char *text;
	int got = 0;
	ssize_t n = fill();

	while (take_frame(&type, &text, &len)) {
		if (type == CTL_WINSIZE && len == sizeof(*ws)) {
			memcpy(ws, text, sizeof(*ws));
			got = 1;
		} else if (type == CTL_BYE) {
			got = -1;
		}
		free(text);
		if (got < 0)
			return -1;
	}
	return n == 0 ? -1 : got;
}

void ctl_send(uint32_t type, const void *data, uint32_t len)
{
	struct ctl_frame head = { type, len };
	char buf[512];
	size_t off = 0, total = sizeof(head) + len;

	if (total > sizeof(buf))
		total = sizeof(buf), head.len = (uint32_t)(total - sizeof(head));
	memcpy(buf, &head, sizeof(head));
	memcpy(buf + sizeof(head), data, total - sizeof(head));
	while (off < total) {
		ssize_t n = write(port, buf + off, total - off);
		struct pollfd p = { .fd = port, .events = POLLOUT };

		if (n > 0)
			off += (size_t)n;
		else if (n < 0 && errno != EAGAIN && errno != EINTR)
			return;
		else if (poll(&p, 1, -1) > 0 && (p.revents & (POLLHUP | POLLERR)))
			return;
	}
}

void ctl_wait_bye(void)
{
	struct ctl_winsize ws;

	for (;;) {
		struct pollfd p = { .fd = port, .events = POLLIN };

		poll(&p, 1, -1);
		if (ctl_poll(&ws) < 0)
			return;
	}
}

void ctl_fail(const char *what, int err)
{
	char text[256];
	int n = snprintf(text, sizeof(text), "%s%s%s", what, err ? ": " : "", err ? strerror(err) : "");

	in.off = in.len = 0; /* whatever was being said no longer matters, but the goodbye does */
	if (n >= (int)sizeof(text))
		n = sizeof(text) - 1;
	ctl_send(CTL_FAIL, text, (uint32_t)n);
	ctl_wait_bye();
	setup_power_off();
}
