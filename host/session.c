/*
 * The session's loop: one poll() over the user's descriptors, QEMU's sockets and signals. It ends when
 *
 *     the guest's init has reported a status and all output it counted is through  -> the command's status
 *     a signal or the time limit ends it                                          -> 128+n, 125
 *     the kernel panics, QEMU ends, the guest's init gives up                     -> 125, with their words
 *
 * and in each case QEMU is gone before it returns.
 */
#define _GNU_SOURCE
#include "session.h"

#include "complain.h"
#include "files.h"
#include "qemu.h"
#include "terminal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define PANIC_GRACE_MS 500 /* for the rest of the panic's text */
#define POLITE_MS 3000     /* for the guest to power off */
#define QUIT_KEY 1         /* Ctrl-A, then x */

enum { P_SIGNALS, P_LOG, P_ERR, P_TRACE, P_CTL, P_STREAMS, P_COUNT = P_STREAMS + 6 };

/* Why the loop ended. */
enum ending { GOING, END_STATUS, END_FAIL, END_PANIC, END_GONE, END_SIGNAL, END_TIMEOUT, END_QUIT };

struct loop {
	struct session *s;
	enum ending ending;
	int signal;
	int64_t panic_at; /* when the panic line was seen, 0: not */
	int64_t trace_at; /* when the last of the trace came */
};

int session_signals(void)
{
	static const int handled[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD, SIGWINCH, SIGCONT };
	struct sigaction sa;
	sigset_t set;
	size_t i;
	int fd;

	sigemptyset(&set);
	for (i = 0; i < sizeof(handled) / sizeof(handled[0]); i++) {
		/* What our parent told us to ignore (nohup, a background job) stays ignored. */
		if (handled[i] != SIGCHLD && sigaction(handled[i], NULL, &sa) == 0 && sa.sa_handler == SIG_IGN)
			continue;
		sigaddset(&set, handled[i]);
	}
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd >= 0 ? fd : complain("signals: %s", strerror(errno));
}

void session_init(struct session *s)
{
	s->qemu = -1;
	s->qemu_status = 0;
	s->signals = s->log_fd = s->err_fd = s->trace_fd = -1;
	s->trace = NULL;
	s->console = s->tty = s->polite = s->quit = false;
	s->deadline = 0;
	s->timeout = 0;
	s->command = s->cwd = s->user = "";
	memset(&s->ctl, 0, sizeof(s->ctl));
	s->ctl.fd = -1;
	stream_none(&s->in);
	stream_none(&s->out);
	stream_none(&s->err);
	s->log.len = 0;
	s->log.panic = s->log.complete = s->log.echo = false;
	s->qemu_len = 0;
}

static void send_size(struct session *s)
{
	struct ctl_winsize ws;

	if (s->tty && s->ctl.fd >= 0 && terminal_size(&ws))
		ctl_put(&s->ctl, CTL_WINSIZE, &ws, sizeof(ws));
}

static void take_signals(struct loop *l)
{
	struct signalfd_siginfo si;
	struct session *s = l->s;

	while (read(s->signals, &si, sizeof(si)) == sizeof(si)) {
		switch (si.ssi_signo) {
		case SIGCHLD:
			if (s->qemu > 0 && waitpid(s->qemu, &s->qemu_status, WNOHANG) == s->qemu)
				s->qemu = -1;
			break;
		case SIGCONT:
			terminal_resume();
			send_size(s);
			break;
		case SIGWINCH:
			send_size(s);
			break;
		default:
			l->ending = END_SIGNAL;
			l->signal = (int)si.ssi_signo;
		}
	}
}

static void read_log(struct session *s)
{
	char buf[8192];
	ssize_t n = read(s->log_fd, buf, sizeof(buf));

	if (n > 0) {
		log_feed(&s->log, buf, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(s->log_fd);
		s->log_fd = -1;
	}
}

static void read_qemu_text(struct session *s)
{
	size_t room = sizeof(s->qemu_text) - s->qemu_len;
	char waste[1024];
	ssize_t n = room ? read(s->err_fd, s->qemu_text + s->qemu_len, room) : read(s->err_fd, waste, sizeof(waste));

	if (n > 0) {
		if (room)
			s->qemu_len += (size_t)n;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(s->err_fd);
		s->err_fd = -1;
	}
}

/* True if something came. */
static bool read_trace(struct session *s)
{
	static char buf[1 << 18];
	ssize_t n = read(s->trace_fd, buf, sizeof(buf));

	if (n > 0) {
		s->trace->feed(s->trace->ctx, buf, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(s->trace_fd);
		s->trace_fd = -1;
	}
	return n > 0;
}

/* QEMU stops a guest that KVM cannot go on with, and waits for a debugger: that is an end, too. */
static bool qemu_stuck(const struct session *s)
{
	return memmem(s->qemu_text, s->qemu_len, "KVM internal error", strlen("KVM internal error")) != NULL;
}

/* True if an output has brought everything the guest has counted. */
static bool output_through(const struct stream *s, uint64_t counted)
{
	return s->len == 0 && (s->from < 0 || s->total >= counted);
}

static void decide(struct loop *l)
{
	struct session *s = l->s;
	bool silent = s->qemu < 0 && s->log_fd < 0 && s->err_fd < 0 && s->trace_fd < 0 && s->ctl.fd < 0 && stream_done(&s->out) && stream_done(&s->err);
	int64_t now = now_ms();

	if (l->ending != GOING)
		return;
	if (s->quit)
		l->ending = END_QUIT;
	else if (s->ctl.have_status && output_through(&s->out, s->ctl.status.out_bytes) && output_through(&s->err, s->ctl.status.err_bytes))
		l->ending = END_STATUS;
	else if (s->ctl.failure[0])
		l->ending = END_FAIL;
	else if (s->log.panic && (s->log.complete || silent || (l->panic_at && now - l->panic_at >= PANIC_GRACE_MS)))
		l->ending = END_PANIC;
	else if (silent || qemu_stuck(s))
		l->ending = END_GONE;
	else if (s->deadline && now >= s->deadline)
		l->ending = END_TIMEOUT;
	if (s->log.panic && !l->panic_at)
		l->panic_at = now;
}

static int poll_time(const struct loop *l)
{
	int64_t until = l->s->deadline, left;

	if (l->panic_at && (!until || l->panic_at + PANIC_GRACE_MS < until))
		until = l->panic_at + PANIC_GRACE_MS;
	if (!until)
		return -1;
	left = until - now_ms();
	return left < 0 ? 0 : left > 3600000 ? 3600000 : (int)left + 1;
}

/* One turn of the loop. */
static void turn(struct loop *l, int wait_ms)
{
	struct session *s = l->s;
	struct pollfd p[P_COUNT];

	p[P_SIGNALS] = (struct pollfd){ .fd = s->signals, .events = POLLIN };
	p[P_LOG] = (struct pollfd){ .fd = s->log_fd, .events = POLLIN };
	p[P_ERR] = (struct pollfd){ .fd = s->err_fd, .events = POLLIN };
	p[P_TRACE] = (struct pollfd){ .fd = s->trace_fd, .events = POLLIN };
	ctl_want(&s->ctl, &p[P_CTL]);
	stream_want(&s->in, p + P_STREAMS);
	stream_want(&s->out, p + P_STREAMS + 2);
	stream_want(&s->err, p + P_STREAMS + 4);
	if (poll(p, P_COUNT, wait_ms) <= 0)
		return;
	ctl_step(&s->ctl, &p[P_CTL]);
	stream_step(&s->out, p + P_STREAMS + 2);
	stream_step(&s->err, p + P_STREAMS + 4);
	stream_step(&s->in, p + P_STREAMS);
	if (p[P_LOG].revents)
		read_log(s);
	if (p[P_ERR].revents)
		read_qemu_text(s);
	if (p[P_TRACE].revents && read_trace(s))
		l->trace_at = now_ms();
	if (p[P_SIGNALS].revents)
		take_signals(l);
}

/* With -v or a trace: the guest is told that all is well, and powers off by itself while its log is still shown and the rest of the trace comes. */
static void farewell(struct loop *l)
{
	struct session *s = l->s;
	int64_t start = now_ms(), left;

	ctl_put(&s->ctl, CTL_BYE, NULL, 0);
	while ((s->qemu > 0 || s->log_fd >= 0 || s->trace_fd >= 0) && l->ending == END_STATUS) {
		left = (l->trace_at > start ? l->trace_at : start) + POLITE_MS - now_ms();
		if (left <= 0)
			break;
		turn(l, (int)left);
	}
}

/* QEMU is gone: what it had sent is still there. */
static void drain_trace(struct session *s)
{
	while (s->trace_fd >= 0 && read_trace(s))
		;
}

static int status_of(struct session *s)
{
	const struct ctl_status *st = &s->ctl.status;

	switch (st->kind) {
	case CTL_EXITED:
		return (int)(st->value & 0xff);
	case CTL_SIGNALED:
		return 128 + (int)(st->value & 0x7f);
	case CTL_NO_EXEC:
		if (st->value == ENOENT || st->value == ENOTDIR) {
			complain("%s: not found in the image", *s->command ? s->command : "the empty name");
			return EXIT_NOT_FOUND;
		}
		complain("%s: cannot be executed: %s", s->command, strerror((int)st->value));
		return EXIT_NO_EXEC;
	case CTL_NO_CWD:
		complain("working directory %s: %s", s->cwd, strerror((int)st->value));
		return EXIT_NO_EXEC;
	case CTL_NO_USER:
		if (st->value)
			complain("user %s: %s", s->user, strerror((int)st->value));
		else
			complain("user %s: not in the image's /etc/passwd or /etc/group", s->user);
		return EXIT_PANDO;
	}
	complain("the guest's init reports a status of an unknown kind");
	return EXIT_PANDO;
}

/* QEMU has ended and nobody said why. */
static int report_gone(struct session *s)
{
	size_t len = s->qemu_len;

	/* Without a command to wait for, the machine's own end is a good one. */
	if (s->console && WIFEXITED(s->qemu_status) && WEXITSTATUS(s->qemu_status) == 0)
		return 0;
	while (len && (s->qemu_text[len - 1] == '\n' || s->qemu_text[len - 1] == '\r'))
		len--;
	if (WIFSIGNALED(s->qemu_status))
		complain("the virtual machine was killed by signal %d (%s)", WTERMSIG(s->qemu_status), strsignal(WTERMSIG(s->qemu_status)));
	else if (len)
		complain("the virtual machine failed: %.*s", (int)(len > 1000 ? 1000 : len), s->qemu_text);
	else
		complain("the virtual machine ended before the command did");
	log_report_tail(&s->log);
	return EXIT_PANDO;
}

/* Nobody wants the output any more, or ever did: 2>&- silences a command. */
static bool unwanted(const struct session *s, const struct stream *out)
{
	return out->error == EPIPE || out->error == ECONNRESET || (out == &s->err && out->error == EBADF);
}

/*
 * Output that was wanted but could not be written is an error of ours, and so is input that could not be read: the command took it for its end. A terminal
 * whose job has lost its shell has no input (EIO), and that is no error.
 */
static int streams_status(const struct session *s, int status)
{
	const struct stream *outs[] = { &s->out, &s->err };
	int i;

	for (i = 0; i < 2; i++) {
		if (outs[i]->error && !unwanted(s, outs[i])) {
			complain("standard %s: %s", i ? "error" : "output", strerror(outs[i]->error));
			return EXIT_PANDO;
		}
	}
	if (s->in.read_error && s->in.read_error != EIO) {
		complain("standard input: %s", strerror(s->in.read_error));
		return EXIT_PANDO;
	}
	return status;
}

static int finish(struct loop *l)
{
	struct session *s = l->s;

	terminal_restore();
	switch (l->ending) {
	case END_STATUS:
		return streams_status(s, status_of(s));
	case END_FAIL:
		complain("guest: %s", s->ctl.failure);
		return EXIT_PANDO;
	case END_PANIC:
		log_report_panic(&s->log);
		return EXIT_PANDO;
	case END_SIGNAL:
		return 128 + l->signal;
	case END_TIMEOUT:
		complain("timed out after %g s", s->timeout);
		return EXIT_PANDO;
	case END_QUIT:
		return 0;
	default:
		return streams_status(s, report_gone(s));
	}
}

/* Ctrl-A x leaves the console; Ctrl-A Ctrl-A sends one. */
static bool console_keys(struct stream *st)
{
	static bool armed;
	struct session *s = (struct session *)((char *)st - offsetof(struct session, in));
	size_t i, n = 0;

	for (i = 0; i < st->len; i++) {
		char c = st->buf[i];

		if (armed) {
			armed = false;
			if (c == 'x' || c == 'X')
				s->quit = true;
			else
				st->buf[n++] = c;
		} else if (c == QUIT_KEY) {
			armed = true;
		} else {
			st->buf[n++] = c;
		}
	}
	st->len = n;
	return true;
}

int session_run(struct session *s)
{
	struct loop l = { .s = s };

	if (s->console && s->tty)
		s->in.filter = console_keys;
	for (decide(&l); l.ending == GOING; decide(&l))
		turn(&l, poll_time(&l));
	if (l.ending == END_STATUS && s->polite)
		farewell(&l);
	if (s->qemu > 0)
		s->qemu_status = 0x100; /* it did not end by itself: as good as a failure */
	qemu_kill(&s->qemu);
	drain_trace(s);
	return finish(&l);
}
