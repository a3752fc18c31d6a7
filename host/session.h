/*
 * A session: one running machine and everything that flows between it and the user, until it ends.
 */
#ifndef HOST_SESSION_H
#define HOST_SESSION_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "ctl_link.h"
#include "guest_log.h"
#include "stream.h"

/* Where the kernel's trace goes. */
struct trace_sink {
	const char *param; /* of the kernel: what is traced */
	void (*feed)(void *ctx, const void *data, size_t len);
	void *ctx;
};

struct session {
	pid_t qemu;
	int qemu_status;   /* of waitpid(), once qemu is -1 */
	int signals;       /* signalfd */
	int log_fd;        /* the serial console; -1 when it is one of the streams (console) or closed */
	int err_fd;        /* what QEMU itself says */
	int trace_fd;      /* the kernel's trace; -1: none, or over */
	const struct trace_sink *trace;
	bool console;      /* --init: the user talks to the serial console, and there is no control channel */
	bool tty;          /* the guest has the user's terminal */
	bool polite;       /* let the guest power off by itself (its log is wanted) */
	int64_t deadline;  /* of --timeout, on now_ms()'s clock; 0: none */
	double timeout;    /* what it was, for the message */
	const char *command; /* argv[0], for messages */
	const char *cwd, *user;
	struct ctl_link ctl;
	struct stream in, out, err;
	struct guest_log log;
	char qemu_text[4096]; /* the last of what QEMU said */
	size_t qemu_len;
	bool quit; /* the user has left the console (Ctrl-A x) */
};

/* Blocks the signals that a session handles itself and returns a signalfd for them, or -1 after a complaint. */
int session_signals(void);
/* Everything unset. */
void session_init(struct session *s);
/* Runs until the machine is gone. Returns the exit status for the user. */
int session_run(struct session *s);

#endif
