/*
 * The host's end of the control channel (user/ctl.h has the format): frames out, the status in.
 */
#ifndef HOST_CTL_LINK_H
#define HOST_CTL_LINK_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "user/ctl.h"

struct ctl_link {
	int fd; /* non-blocking socket, -1: closed */
	char *out;
	size_t out_off, out_len, out_room;
	char in[1024];
	size_t in_len;
	bool have_status;
	struct ctl_status status;
	char failure[256]; /* what the guest's init complained about, "" if nothing */
};

/* Queues one frame. Returns 0 or -1 after a complaint. */
int ctl_put(struct ctl_link *c, uint32_t type, const void *data, size_t len);
int ctl_put_text(struct ctl_link *c, uint32_t type, const char *text);
/* Fills the pollfd it waits on. */
void ctl_want(const struct ctl_link *c, struct pollfd *p);
/* Acts on it. */
void ctl_step(struct ctl_link *c, const struct pollfd *p);
void ctl_free(struct ctl_link *c);

#endif
