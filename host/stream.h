/*
 * One direction of data between one of the user's descriptors and a socket to QEMU, without ever blocking on either.
 */
#ifndef HOST_STREAM_H
#define HOST_STREAM_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest_log.h"

struct stream {
	int from, to;    /* -1: this end is finished */
	size_t max_write; /* at most so much at once, so that a blocking descriptor that poll() calls ready does not block */
	bool to_socket;  /* use send() */
	bool half_close; /* at the end of `from`, tell the other side by shutdown() */
	bool full_close; /* when `to` fails, close `from`: the guest must notice */
	struct guest_log *tap; /* also fed with what is read */
	bool (*filter)(struct stream *s); /* sees what was just read; returns false to drop it all */
	uint64_t total;  /* bytes read */
	int error;       /* errno of `to`, if it failed */
	int read_error;  /* errno of `from`, if it failed rather than ended */
	size_t off, len;
	char buf[1 << 16];
};

/* An unused stream: nothing to do, nothing to wait for. */
void stream_none(struct stream *s);
/* From the user's fd to a socket. */
void stream_input(struct stream *s, int fd, int sock, bool half_close);
/* From a socket to the user's fd. */
void stream_output(struct stream *s, int sock, int fd);
/* Fills the two pollfds it waits on. */
void stream_want(const struct stream *s, struct pollfd p[2]);
/* Acts on them. */
void stream_step(struct stream *s, const struct pollfd p[2]);
/* True if nothing more will come out of it. */
bool stream_done(const struct stream *s);

#endif
