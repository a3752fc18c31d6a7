/* The control channel; see ctl_link.h. */
#include "ctl_link.h"

#include "complain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int ctl_put(struct ctl_link *c, uint32_t type, const void *data, size_t len)
{
	struct ctl_frame head = { type, (uint32_t)len };
	size_t need = c->out_len + sizeof(head) + len;

	if (len > CTL_MAX_FRAME)
		return complain("an argument or variable of %zu bytes is too long", len);
	if (need > c->out_room) {
		char *more = realloc(c->out, need * 2);

		if (!more)
			return complain("out of memory");
		c->out = more;
		c->out_room = need * 2;
	}
	memcpy(c->out + c->out_len, &head, sizeof(head));
	if (len)
		memcpy(c->out + c->out_len + sizeof(head), data, len);
	c->out_len = need;
	return 0;
}

int ctl_put_text(struct ctl_link *c, uint32_t type, const char *text)
{
	return ctl_put(c, type, text, strlen(text));
}

void ctl_want(const struct ctl_link *c, struct pollfd *p)
{
	*p = (struct pollfd){ .fd = c->fd, .events = POLLIN };
	if (c->out_off < c->out_len)
		p->events |= POLLOUT;
}

static void take_frame(struct ctl_link *c, const struct ctl_frame *head, const char *data)
{
	if (head->type == CTL_STATUS && head->len == sizeof(c->status)) {
		memcpy(&c->status, data, sizeof(c->status));
		c->have_status = true;
	} else if (head->type == CTL_FAIL) {
		size_t len = head->len < sizeof(c->failure) - 1 ? head->len : sizeof(c->failure) - 1;

		memcpy(c->failure, data, len);
		c->failure[len] = '\0';
		if (!len)
			strcpy(c->failure, "unknown failure");
	}
}

/* Decodes whole frames. A frame that does not fit the buffer is not one of ours. */
static void decode(struct ctl_link *c)
{
	struct ctl_frame head;

	while (c->in_len >= sizeof(head)) {
		memcpy(&head, c->in, sizeof(head));
		if (head.len > sizeof(c->in) - sizeof(head)) {
			strcpy(c->failure, "the guest's init talks nonsense");
			c->in_len = 0;
			return;
		}
		if (c->in_len < sizeof(head) + head.len)
			return;
		take_frame(c, &head, c->in + sizeof(head));
		c->in_len -= sizeof(head) + head.len;
		memmove(c->in, c->in + sizeof(head) + head.len, c->in_len);
	}
}

void ctl_step(struct ctl_link *c, const struct pollfd *p)
{
	ssize_t n;

	if (p->fd < 0)
		return;
	if ((p->revents & POLLOUT) && c->out_off < c->out_len) {
		n = send(c->fd, c->out + c->out_off, c->out_len - c->out_off, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			c->out_off += (size_t)n;
	}
	if (!(p->revents & (POLLIN | POLLHUP | POLLERR)))
		return;
	n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, MSG_DONTWAIT);
	if (n > 0) {
		c->in_len += (size_t)n;
		decode(c);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(c->fd);
		c->fd = -1;
	}
}

void ctl_free(struct ctl_link *c)
{
	free(c->out);
	c->out = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}
