/*
 * The pump: one poll() loop that carries bytes between the command's pipes (or terminal) and the host's ports, and reaps.
 *
 * It ends when the command itself has ended and what it wrote is out; orphans that still hold the pipes are not waited for.
 * A host that closes its end of an output closes the command's pipe, so that the command gets SIGPIPE as it would natively.
 */
#define _GNU_SOURCE
#include "init.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK 32768

/* One direction. A descriptor is -1 once that end is finished. */
struct stream {
	int from, to;
	bool to_port; /* `to` is a port of the host's (its hang-up matters), else `from` is */
	bool dry;     /* the last read found nothing; only looked at once the command has ended */
	size_t off, len;
	uint64_t moved;
	char buf[CHUNK];
};

static volatile sig_atomic_t child_event = 1;

static void on_sigchld(int sig)
{
	(void)sig;
	child_event = 1;
}

/* Descriptors of a terminal's two streams are the same pair, so closing is left to the machine's end there. */
static void stream_finish(struct stream *s, bool shared)
{
	if (!shared) {
		if (s->from >= 0)
			close(s->from);
		if (s->to >= 0)
			close(s->to);
	}
	s->from = s->to = -1;
	s->len = 0;
	s->dry = true;
}

static void stream_read(struct stream *s, bool shared)
{
	ssize_t n = read(s->from, s->buf, sizeof(s->buf));

	if (n > 0) {
		s->off = 0;
		s->len = (size_t)n;
		s->dry = false;
	} else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		s->dry = true;
	} else {
		stream_finish(s, shared);
	}
}

static void stream_write(struct stream *s, bool shared)
{
	ssize_t n = write(s->to, s->buf + s->off, s->len);

	if (n > 0) {
		s->off += (size_t)n;
		s->len -= (size_t)n;
		s->moved += (uint64_t)n;
	} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
		stream_finish(s, shared);
	}
}

/* Fills two pollfds: only what can move the stream on, so that a hang-up elsewhere does not spin. */
static void stream_want(const struct stream *s, struct pollfd p[2])
{
	p[0] = (struct pollfd){ .fd = s->len == 0 ? s->from : -1, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = s->len > 0 || (s->to_port && s->to >= 0) ? s->to : -1, .events = s->len > 0 ? POLLOUT : 0 };
}

static void stream_step(struct stream *s, const struct pollfd p[2], bool shared)
{
	if (s->to_port && p[1].fd >= 0 && (p[1].revents & (POLLHUP | POLLERR))) {
		stream_finish(s, shared);
		return;
	}
	if (p[1].revents && s->len > 0)
		stream_write(s, shared);
	else if (p[0].revents && s->len == 0)
		stream_read(s, shared);
	/* What was just read mostly fits at once: one poll() less. */
	if (p[0].revents && s->to >= 0 && s->len > 0)
		stream_write(s, shared);
}

/* Reaps everything that has ended. Returns true if the command was among it, with its status in *st. */
static bool reap(pid_t command, struct ctl_status *st)
{
	bool ended = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != command)
			continue;
		ended = true;
		st->kind = WIFSIGNALED(status) ? CTL_SIGNALED : CTL_EXITED;
		st->value = (uint32_t)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	}
	return ended;
}

static void open_streams(const struct config *cfg, const struct child *child, struct stream *in, struct stream *out, struct stream *err)
{
	*in = *out = *err = (struct stream){ .from = -1, .to = -1, .dry = true };
	if (cfg->tty) {
		in->from = port_open(CTL_PORT_TTY);
		in->to = child->out;
		out->from = child->out;
		out->to = in->from;
	} else {
		in->from = port_open(CTL_PORT_STDIN);
		in->to = child->in;
		out->from = child->out;
		out->to = port_open(CTL_PORT_STDOUT);
		err->from = child->err;
		err->to = port_open(CTL_PORT_STDERR);
		err->to_port = true;
		if (err->to < 0)
			ctl_fail(CTL_PORT_STDERR, errno);
	}
	out->to_port = true;
	if (in->from < 0 || out->to < 0)
		ctl_fail(cfg->tty ? CTL_PORT_TTY : in->from < 0 ? CTL_PORT_STDIN : CTL_PORT_STDOUT, errno);
}

static void resize(const struct child *child, const struct ctl_winsize *size)
{
	struct winsize ws = { .ws_row = size->rows, .ws_col = size->cols };

	ioctl(child->out, TIOCSWINSZ, &ws);
}

/* With the command gone, an output is through when nothing is buffered and nothing more can be read at once. */
static bool drained(struct stream *s, bool shared)
{
	if (s->from >= 0 && s->len == 0)
		stream_read(s, shared);
	return s->len == 0 && s->dry;
}

void pump_run(const struct config *cfg, struct child *child, struct ctl_status *st)
{
	static struct stream in, out, err;
	struct sigaction sa = { .sa_handler = on_sigchld };
	struct ctl_winsize size;
	sigset_t blocked, open_mask;
	bool ended = false;
	int r;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, &blocked, &open_mask);
	sigdelset(&open_mask, SIGCHLD);
	sigaction(SIGCHLD, &sa, NULL);
	open_streams(cfg, child, &in, &out, &err);
	for (;;) {
		struct pollfd p[7];
		struct timespec no_wait = { 0, 0 };

		if (child_event) {
			child_event = 0;
			ended |= reap(child->pid, st);
		}
		if (ended && drained(&out, cfg->tty) && drained(&err, false))
			break;
		stream_want(&in, p);
		stream_want(&out, p + 2);
		stream_want(&err, p + 4);
		p[6] = (struct pollfd){ .fd = ctl_fd(), .events = POLLIN };
		if (ended) /* input no longer matters, and must not keep the loop turning */
			p[0].fd = p[1].fd = -1;
		r = ppoll(p, 7, child_event ? &no_wait : NULL, &open_mask);
		if (r <= 0)
			continue;
		if (p[6].revents) {
			r = ctl_poll(&size);
			if (r < 0)
				setup_power_off();
			if (r > 0 && cfg->tty)
				resize(child, &size);
		}
		stream_step(&out, p + 2, cfg->tty);
		stream_step(&err, p + 4, false);
		if (in.to >= 0 && !(cfg->tty && out.to < 0))
			stream_step(&in, p, cfg->tty);
		if (cfg->tty && out.to < 0 && child->out >= 0) { /* the host's terminal is gone: hang up */
			close(child->out);
			child->out = -1;
			in.from = in.to = -1;
		}
	}
	st->out_bytes = out.moved;
	st->err_bytes = err.moved;
}
