/*
 * Stream sockets: bytes in messages of up to a few pages, which readers see no borders of. Entry points: unix_send_stream(), unix_recv_stream(),
 * unix_recv_urgent().
 *
 * MSG_OOB sends one more byte in a message of its own, which becomes the socket's `urgent` one; the one before it, if nobody took it, is an ordinary byte from
 * then on. A read stops in front of the urgent byte, and the next one drops it, unless SO_OOBINLINE makes it part of the stream. recv(MSG_OOB) takes it but
 * leaves its empty message as a mark where reads stop too.
 */
#include "lib/errno.h"
#include "mm/slab.h"
#include "vfs/pipe.h"
#include "vfs/poll.h"
#include "vfs/unix_msg.h"

#include <asm/signal.h>

#define STREAM_CHUNK (16384u - (u32)sizeof(struct unix_msg))

/* --- sending ------------------------------------------------------------------------------------------------------------------------------ */

/* Sends the next n bytes as one message. urgent: as the urgent one. 0 or -errno. */
static int send_part(struct unix_socket *s, struct unix_socket *peer, struct socket_msg *msg, size_t n, struct unix_scm *scm, u64 *timeo, bool urgent)
{
	struct unix_msg *m;
	struct file *owner = NULL;
	int err = unix_msg_create(s, msg->iter, n, timeo, &m);
	if (err)
		return err;
	unix_msg_attach(m, scm);
	spin_lock(&peer->lock);
	if (peer->dead || (peer->shutdown & SHUT_RCV)) {
		err = -EPIPE;
	} else {
		unix_enqueue(s, peer, m);
		if (urgent) {
			peer->urgent = m;
			owner = peer->file && peer->file->owner && file_tryget(peer->file) ? peer->file : NULL;
		}
	}
	spin_unlock(&peer->lock);
	if (err) {
		unix_msg_free(m);
		return err;
	}
	if (owner) {
		hook_file_owner_urgent(owner);
		file_put(owner);
	}
	unix_wake_receiver(peer, urgent ? POLLPRI : 0);
	return 0;
}

ssize_t unix_send_stream(struct unix_socket *s, struct socket_msg *msg, struct unix_scm *scm, u32 flags)
{
	u64 timeo = flags & MSG_DONTWAIT ? 0 : s->sndtimeo;
	size_t urgent = flags & MSG_OOB ? 1 : 0;
	ssize_t sent = 0;
	int err = 0;
	if (msg->namelen)
		return READ_ONCE(s->state) == UNIX_CONNECTED ? -EISCONN : -EOPNOTSUPP;
	struct unix_socket *peer = unix_peer_get(s);
	if (!peer)
		return -ENOTCONN;
	if (READ_ONCE(s->shutdown) & SHUT_SND)
		err = -EPIPE;
	while (!err && msg->iter->count) {
		bool last = urgent && msg->iter->count == urgent;
		size_t n = last ? urgent : min(msg->iter->count - urgent, (size_t)min(STREAM_CHUNK, (s->sndbuf >> 1) - 64));
		err = send_part(s, peer, msg, n, scm, &timeo, last);
		sent += err ? 0 : (ssize_t)n;
	}
	unix_put(peer);
	if (err == -EPIPE && !sent && !(flags & MSG_NOSIGNAL))
		hook_send_signal_self(SIGPIPE);
	return sent ? sent : err;
}

/* --- receiving ---------------------------------------------------------------------------------------------------------------------------- */

/* State of one receive. */
struct stream_recv {
	struct socket_msg *msg;
	struct unix_scm scm;
	ssize_t copied;
	size_t skip; /* bytes in front of SO_PEEK_OFF */
	bool peek, have_who;
	bool at_mark; /* stopped in front of an urgent byte */
};

/* => read_lock, s->lock. m is next and is urgent, or was: what this reader gets instead, NULL = nothing. What nobody will read any more goes to *gone. */
static struct unix_msg *pass_urgent(struct unix_socket *s, struct unix_msg *m, const struct stream_recv *r, struct list_head *gone)
{
	if (!unix_left(m)) {
		if (r->copied && !s->urgent)
			return NULL;
		struct unix_msg *next = unix_after(s, m);
		if (!r->peek) {
			unix_dequeue(s, m);
			list_add_tail(&m->node, gone);
		}
		m = next;
	}
	if (!m || m != s->urgent)
		return m;
	if (r->copied)
		return NULL;
	bool in_line = READ_ONCE(s->flags) >> SO_OOBINLINE & 1;
	if (r->peek)
		return in_line ? m : unix_after(s, m);
	s->urgent = NULL;
	if (in_line)
		return m;
	unix_dequeue(s, m);
	list_add_tail(&m->node, gone);
	return unix_first(s);
}

/* => read_lock. The message to read from next, behind `prev` if that is not NULL. NULL: none, *idle tells more. */
static struct unix_msg *next_msg(struct unix_socket *s, struct stream_recv *r, struct unix_msg *prev, struct unix_idle *idle)
{
	LIST_HEAD(gone);
	spin_lock(&s->lock);
	struct unix_msg *m = prev ? unix_after(s, prev) : unix_first(s);
	if (m && (m == s->urgent || !unix_left(m))) {
		m = pass_urgent(s, m, r, &gone);
		r->at_mark = !m && r->copied;
	}
	while (m && r->skip >= unix_left(m)) {
		r->skip -= unix_left(m);
		m = unix_after(s, m);
	}
	unix_note_idle(s, idle);
	spin_unlock(&s->lock);
	while (!list_empty(&gone)) {
		struct unix_msg *g = list_first(&gone, struct unix_msg, node);
		list_del(&g->node);
		unix_msg_free(g);
	}
	return m;
}

/* => read_lock. m was read to its end. */
static void drop_msg(struct unix_socket *s, struct unix_msg *m)
{
	spin_lock(&s->lock);
	unix_dequeue(s, m);
	spin_unlock(&s->lock);
	unix_msg_free(m);
}

static bool same_who(const struct unix_who *a, const struct unix_who *b) { return a->pid == b->pid && a->uid == b->uid && a->gid == b->gid; }

/* => read_lock. Takes from m: true when the receive is over. *err: -EFAULT, -ENOMEM. */
static bool take(struct unix_socket *s, struct stream_recv *r, struct unix_msg *m, int *err)
{
	if (r->have_who && unix_wants_sender(s) && !same_who(&r->scm.who, &m->who))
		return true; /* bytes of different senders are never glued together */
	if (!r->have_who) {
		unix_take_who(&r->scm, m);
		unix_give_name(r->msg, m->from);
		r->have_who = true;
	}
	size_t n = min(unix_left(m) - r->skip, r->msg->iter->count);
	size_t got = iter_copy_to(r->msg->iter, m->data + m->done + r->skip, n);
	if (got != n) {
		*err = -EFAULT;
		return true;
	}
	r->skip = 0;
	r->copied += (ssize_t)n;
	unix_move_peek(s, n, r->peek);
	bool files = m->files;
	*err = unix_take_files(s, m, r->peek, &r->scm);
	if (r->peek || *err)
		return files || *err || !r->msg->iter->count;
	m->done += (u32)n;
	bool partly = m->done < m->len;
	if (!partly)
		drop_msg(s, m);
	return partly || files || !r->msg->iter->count;
}

/* => read_lock. Goes through what is queued: true when the receive is over. */
static bool drain(struct unix_socket *s, struct stream_recv *r, struct unix_idle *idle, int *err)
{
	struct unix_msg *m = NULL;
	r->skip = r->peek ? (size_t)max(s->peek_off, 0) : 0;
	while ((m = next_msg(s, r, r->peek ? m : NULL, idle)))
		if (take(s, r, m, err))
			return true;
	return r->at_mark || (r->peek && r->copied);
}

ssize_t unix_recv_stream(struct unix_socket *s, struct socket_msg *msg, u32 flags)
{
	u64 timeo = flags & MSG_DONTWAIT ? 0 : s->rcvtimeo;
	struct stream_recv r = { .msg = msg, .peek = flags & MSG_PEEK };
	struct unix_idle idle;
	ssize_t target = (ssize_t)(flags & MSG_WAITALL ? msg->iter->count : min((size_t)s->lowat, msg->iter->count)) ?: 1;
	if (READ_ONCE(s->state) != UNIX_CONNECTED)
		return -EINVAL;
	msg->namelen = 0;
	int err = mutex_lock_interruptible(&s->read_lock);
	while (!err) {
		if (drain(s, &r, &idle, &err) || r.copied >= target) {
			mutex_unlock(&s->read_lock);
			break;
		}
		err = unix_await(s, &idle, &timeo);
		if (err > 0) {
			mutex_unlock(&s->read_lock);
			err = 0;
			break;
		}
	}
	if (r.have_who)
		scm_recv(s, msg, &r.scm, flags);
	return r.copied ? r.copied : err;
}

ssize_t unix_recv_urgent(struct unix_socket *s, struct socket_msg *msg, u32 flags)
{
	struct unix_msg *empty = NULL;
	if (READ_ONCE(s->state) != UNIX_CONNECTED)
		return -EINVAL;
	int err = mutex_lock_interruptible(&s->read_lock);
	if (err)
		return err;
	spin_lock(&s->lock);
	struct unix_msg *m = READ_ONCE(s->flags) >> SO_OOBINLINE & 1 ? NULL : s->urgent;
	if (m && !(flags & MSG_PEEK)) {
		s->urgent = NULL;
		/* Of two marks in a row one is enough. */
		if (m->node.prev != &s->queue && !unix_left(list_entry(m->node.prev, struct unix_msg, node))) {
			empty = list_entry(m->node.prev, struct unix_msg, node);
			unix_dequeue(s, empty);
		}
	}
	spin_unlock(&s->lock);
	if (m) {
		err = iter_copy_to(msg->iter, m->data, 1) == 1 || !msg->iter->count ? 0 : -EFAULT;
		m->done += flags & MSG_PEEK ? 0 : 1;
	}
	mutex_unlock(&s->read_lock);
	if (empty)
		unix_msg_free(empty);
	msg->namelen = 0;
	msg->flags |= m ? MSG_OOB : 0;
	return !m ? -EINVAL : err ? err : 1;
}
