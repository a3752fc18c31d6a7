/* Datagram and seqpacket sockets: messages with borders. Entry points: unix_send_dgram(), unix_recv_dgram(). */
#include "lib/errno.h"
#include "sched/kernel_time.h"
#include "sched/timer.h"
#include "vfs/poll.h"
#include "vfs/unix_msg.h"

/* --- sending ------------------------------------------------------------------------------------------------------------------------------ */

static bool has_room(struct unix_socket *to) { return READ_ONCE(to->dead) || (READ_ONCE(to->shutdown) & SHUT_RCV) || !unix_queue_full(to); }

/* One attempt to queue m: 0, -EAGAIN (queue full), -ECONNREFUSED (dead), -EPERM, -EPIPE. */
static int try_deliver(struct unix_socket *s, struct unix_socket *to, struct unix_msg *m)
{
	int err = 0;
	spin_lock(&to->lock);
	if (to->dead)
		err = -ECONNREFUSED;
	else if (to->peer && to->peer != s)
		err = -EPERM;
	else if (to->shutdown & SHUT_RCV)
		err = -EPIPE;
	else if (to != s && to->peer != s && unix_queue_full(to))
		err = -EAGAIN;
	else
		unix_enqueue(s, to, m);
	spin_unlock(&to->lock);
	return err;
}

/* The receiver of a datagram, with a reference: by the name in msg, or the peer. */
static int find_receiver(struct unix_socket *s, struct socket_msg *msg, struct unix_socket **to)
{
	if (msg->namelen)
		return unix_find(s, &msg->name, msg->namelen, to);
	*to = unix_peer_get(s);
	return *to ? 0 : -ENOTCONN;
}

/* Queues m, waiting for room at the receiver. On failure m is still the caller's. */
static int deliver(struct unix_socket *s, struct socket_msg *msg, struct unix_msg *m, u64 *timeo)
{
	struct unix_socket *to;
	for (;;) {
		int err = find_receiver(s, msg, &to);
		if (err)
			return err;
		err = try_deliver(s, to, m);
		if (!err)
			unix_wake_receiver(to, 0);
		else if (err == -EAGAIN)
			err = unix_wait(to->peer_wait, has_room(to), timeo) ?: 1;
		else if (err == -ECONNREFUSED && !msg->namelen && s->type == SOCK_DGRAM)
			unix_set_dgram_peer(s, NULL);
		unix_put(to);
		if (err <= 0)
			return err;
	}
}

ssize_t unix_send_dgram(struct unix_socket *s, struct socket_msg *msg, struct unix_scm *scm, u32 flags)
{
	u64 timeo = flags & MSG_DONTWAIT ? 0 : s->sndtimeo;
	size_t n = msg->iter->count;
	struct unix_msg *m;
	struct unix_socket *peer;
	int err = 0;
	if (s->type == SOCK_SEQPACKET) {
		if (READ_ONCE(s->error))
			return -unix_take_error(s);
		if (READ_ONCE(s->state) != UNIX_CONNECTED)
			return -ENOTCONN;
		msg->namelen = 0;
	} else if (msg->namelen) {
		err = unix_check_name(&msg->name, msg->namelen);
	} else {
		peer = unix_peer_get(s);
		err = peer ? 0 : -ENOTCONN;
		unix_put(peer);
	}
	if (!err && unix_wants_sender(s))
		err = unix_autobind(s);
	if (!err && n > s->sndbuf - 32)
		err = -EMSGSIZE;
	if (!err)
		err = unix_msg_create(s, msg->iter, n, &timeo, &m);
	if (err)
		return err;
	unix_msg_attach(m, scm);
	err = deliver(s, msg, m, &timeo);
	if (err) {
		unix_msg_free(m);
		return err;
	}
	return (ssize_t)n;
}

/* --- receiving ---------------------------------------------------------------------------------------------------------------------------- */

/* => read_lock. The datagram to receive, from byte *off on (looking in at SO_PEEK_OFF); NULL: none, *idle tells more. */
static struct unix_msg *next_datagram(struct unix_socket *s, bool peek, u32 *off, struct unix_idle *idle)
{
	struct unix_msg *m;
	bool by_offset = peek && s->peek_off >= 0;
	*off = by_offset ? (u32)s->peek_off : 0;
	spin_lock(&s->lock);
	for (m = unix_first(s); m && by_offset && *off >= m->len && (*off || m->peeked); m = unix_after(s, m))
		*off -= m->len;
	if (m && peek && !m->len)
		m->peeked = true; /* so that the next look goes on */
	unix_note_idle(s, idle);
	spin_unlock(&s->lock);
	return m;
}

/* => read_lock. Takes m off the queue; senders that wait for room are told. */
static void unlink_datagram(struct unix_socket *s, struct unix_msg *m)
{
	spin_lock(&s->lock);
	bool was_full = unix_queue_full(s);
	unix_dequeue(s, m);
	bool room = was_full && !unix_queue_full(s);
	spin_unlock(&s->lock);
	if (room)
		unix_room(s);
}

/* SO_TIMESTAMP and its relatives. */
static void put_stamp(struct socket_msg *msg, u32 how, u64 stamp)
{
	struct __kernel_timespec t = ns_to_timespec(stamp ? stamp : clock_real());
	if (how & STAMP_NS) {
		scm_put(msg, how & STAMP_NEW ? SO_TIMESTAMPNS_NEW : SO_TIMESTAMPNS_OLD, &t, sizeof(t));
		return;
	}
	t.tv_nsec /= 1000;
	scm_put(msg, how & STAMP_NEW ? SO_TIMESTAMP_NEW : SO_TIMESTAMP_OLD, &t, sizeof(t));
}

/* => read_lock. Copies m from byte off on: the result of the call, or -EFAULT, -ENOMEM. *n: bytes copied. */
static ssize_t copy_datagram(struct unix_socket *s, struct socket_msg *msg, struct unix_msg *m, u32 off, u32 flags, struct unix_scm *scm)
{
	bool peek = flags & MSG_PEEK;
	u32 left = m->len - off;
	size_t n = min((size_t)left, msg->iter->count);
	if (n < left)
		msg->flags |= MSG_TRUNC;
	unix_give_name(msg, m->from);
	unix_take_who(scm, m);
	int err = iter_copy_to(msg->iter, m->data + off, n) == n ? unix_take_files(s, m, peek, scm) : -EFAULT;
	if (!err)
		unix_move_peek(s, peek ? n : m->len, peek);
	return err ? err : (ssize_t)(flags & MSG_TRUNC ? left : n);
}

ssize_t unix_recv_dgram(struct unix_socket *s, struct socket_msg *msg, u32 flags)
{
	u64 timeo = flags & MSG_DONTWAIT ? 0 : s->rcvtimeo;
	struct unix_scm scm = { .files = NULL };
	bool peek = flags & MSG_PEEK;
	struct unix_msg *m = NULL;
	struct unix_idle idle;
	u32 off;
	int err = mutex_lock_interruptible(&s->read_lock);
	while (!err) {
		m = next_datagram(s, peek, &off, &idle);
		if (m)
			break;
		err = unix_await(s, &idle, &timeo);
	}
	if (err < 0)
		return err;
	msg->namelen = 0;
	if (!m) {
		mutex_unlock(&s->read_lock);
		return 0;
	}
	ssize_t ret = copy_datagram(s, msg, m, off, flags, &scm);
	u64 stamp = m->stamp;
	if (!peek)
		unlink_datagram(s, m);
	mutex_unlock(&s->read_lock);
	if (!peek)
		unix_msg_free(m);
	if (ret < 0) {
		scm_drop(&scm);
		return ret;
	}
	u32 stamps = READ_ONCE(s->stamps);
	if (stamps)
		put_stamp(msg, stamps, stamp);
	scm_recv(s, msg, &scm, flags);
	return ret;
}
