/*
 * Sending and receiving on unix sockets. Entry points: unix_sendmsg(), unix_recvmsg(), unix_msg_free(), unix_inq().
 *
 * A sender copies the bytes into a message record before it takes any lock, and queues it on the receiver under the receiver's lock. A receiver
 * holds read_lock, a sleeping lock, while it copies to user memory: so messages leave the queue only through one reader at a time, and a
 * message may be looked at outside the spinlock. Each message is charged to its sender (wmem) until it is freed: that is the send buffer.
 */
#include "lib/bug.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/pipe.h"
#include "vfs/poll.h"
#include "vfs/unix.h"

#include <asm/signal.h>

#define KEY_READABLE (POLLIN | POLLRDNORM | POLLRDBAND)
#define KEY_WRITABLE (POLLOUT | POLLWRNORM | POLLWRBAND)
#define MSG_OVERHEAD 768u  /* what a message costs beside its bytes, as Linux's buffers cost */
#define STREAM_CHUNK (16384u - (u32)sizeof(struct unix_msg))

/* --- messages ---------------------------------------------------------------------------------------------------------------------------- */

static void uncharge(struct unix_socket *s, u32 bytes)
{
	atomic_add_return(&s->wmem, -(s32)bytes);
	if (unix_writable(s))
		wake_up_key(&s->wait, TASK_NORMAL, 0, KEY_WRITABLE);
}

void unix_msg_free(struct unix_msg *msg)
{
	uncharge(msg->sender, msg->charge);
	unix_put(msg->sender);
	unix_addr_put(msg->from);
	unix_files_drop(msg->files);
	kfree(msg);
}

static bool may_charge(struct unix_socket *s)
{
	return READ_ONCE(s->error) || (READ_ONCE(s->shutdown) & SHUT_SND) || (u32)atomic_read(&s->wmem) < READ_ONCE(s->sndbuf);
}

/* A message of n bytes from `it`, charged to s. Waits for room in the send buffer. 0, -EPIPE, -EAGAIN, -ENOBUFS, -EFAULT, a pending error ... */
static int msg_create(struct unix_socket *s, struct iter *it, size_t n, u64 *timeo, struct unix_msg **out)
{
	for (;;) {
		s32 pending = unix_take_error(s);
		if (pending)
			return -pending;
		if (READ_ONCE(s->shutdown) & SHUT_SND)
			return -EPIPE;
		if ((u32)atomic_read(&s->wmem) < READ_ONCE(s->sndbuf))
			break;
		int err = unix_wait(s->wait, may_charge(s), timeo);
		if (err)
			return err;
	}
	struct unix_msg *m = kmalloc(sizeof(*m) + n);
	if (!m)
		return -ENOBUFS;
	if (iter_copy_from(it, m->data, n) != n) {
		kfree(m);
		return -EFAULT;
	}
	m->files = NULL;
	m->from = smp_load_acquire(&s->addr);
	if (m->from)
		atomic_inc(&m->from->refs);
	m->len = (u32)n;
	m->done = 0;
	m->charge = (u32)n + MSG_OVERHEAD;
	m->sender = s;
	unix_get(s);
	atomic_add_return(&s->wmem, (s32)m->charge);
	*out = m;
	return 0;
}

/* Gives m the sender's credentials and (the first time) files. */
static void msg_attach(struct unix_msg *m, struct unix_scm *scm)
{
	m->cred = scm->cred;
	m->files = scm->files;
	scm->files = NULL;
	unix_files_attach(m->files);
}

/* => to->lock */
static void enqueue(struct unix_socket *to, struct unix_msg *m)
{
	list_add_tail(&m->node, &to->queue);
	to->queued++;
}

static void wake_receiver(struct unix_socket *to)
{
	if (wait_queue_active(&to->wait))
		wake_up_key(&to->wait, TASK_NORMAL, 0, KEY_READABLE);
}

/* --- sending on streams ------------------------------------------------------------------------------------------------------------------ */

static ssize_t send_stream(struct unix_socket *s, struct socket_msg *msg, struct unix_scm *scm, u32 flags)
{
	u64 timeo = flags & MSG_DONTWAIT ? 0 : s->sndtimeo;
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
		struct unix_msg *m;
		size_t n = min(msg->iter->count, (size_t)min(STREAM_CHUNK, (s->sndbuf >> 1) - 64));
		err = msg_create(s, msg->iter, n, &timeo, &m);
		if (err)
			break;
		msg_attach(m, scm);
		spin_lock(&peer->lock);
		if (peer->dead || (peer->shutdown & SHUT_RCV))
			err = -EPIPE;
		else
			enqueue(peer, m);
		spin_unlock(&peer->lock);
		if (err) {
			unix_msg_free(m);
			break;
		}
		wake_receiver(peer);
		sent += (ssize_t)n;
	}
	unix_put(peer);
	if (err == -EPIPE && !sent && !(flags & MSG_NOSIGNAL))
		hook_send_signal_self(SIGPIPE);
	return sent ? sent : err;
}

/* --- sending datagrams ------------------------------------------------------------------------------------------------------------------- */

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
		enqueue(to, m);
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
			wake_receiver(to);
		else if (err == -EAGAIN)
			err = unix_wait(to->peer_wait, has_room(to), timeo) ?: 1;
		else if (err == -ECONNREFUSED && !msg->namelen && s->type == SOCK_DGRAM)
			unix_set_dgram_peer(s, NULL);
		unix_put(to);
		if (err <= 0)
			return err;
	}
}

static ssize_t send_dgram(struct unix_socket *s, struct socket_msg *msg, struct unix_scm *scm, u32 flags)
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
	if (!err && READ_ONCE(s->passcred))
		err = unix_autobind(s);
	if (!err && n > s->sndbuf - 32)
		err = -EMSGSIZE;
	if (!err)
		err = msg_create(s, msg->iter, n, &timeo, &m);
	if (err)
		return err;
	msg_attach(m, scm);
	err = deliver(s, msg, m, &timeo);
	if (err) {
		unix_msg_free(m);
		return err;
	}
	return (ssize_t)n;
}

ssize_t unix_sendmsg(struct unix_socket *s, struct socket_msg *msg, u32 flags)
{
	struct unix_scm scm;
	ssize_t ret;
	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	int err = scm_send(msg, &scm);
	if (err)
		return err;
	ret = s->type == SOCK_STREAM ? send_stream(s, msg, &scm, flags) : send_dgram(s, msg, &scm, flags);
	unix_files_drop(scm.files);
	return ret;
}

/* --- receiving --------------------------------------------------------------------------------------------------------------------------- */

/* => read_lock. The message after `after` (NULL: the first), or NULL. */
static struct unix_msg *peek_msg(struct unix_socket *s, struct unix_msg *after)
{
	struct unix_msg *m = NULL;
	spin_lock(&s->lock);
	struct list_head *n = after ? after->node.next : s->queue.next;
	if (n != &s->queue)
		m = list_entry(n, struct unix_msg, node);
	spin_unlock(&s->lock);
	return m;
}

/* => read_lock. Takes m off the queue; senders that wait for room are told. */
static void unlink_msg(struct unix_socket *s, struct unix_msg *m)
{
	spin_lock(&s->lock);
	bool was_full = unix_queue_full(s);
	list_del(&m->node);
	s->queued--;
	bool room = was_full && !unix_queue_full(s);
	spin_unlock(&s->lock);
	if (room && s->type != SOCK_STREAM)
		unix_room(s);
}

/* => read_lock. The files of m for the receiver: taken off, or copied for a peek. -ENOMEM only in the latter case. */
static int take_files(struct unix_socket *s, struct unix_msg *m, bool peek, struct unix_scm *scm)
{
	if (!m->files)
		return 0;
	if (peek) {
		scm->files = unix_files_dup(m->files);
		return scm->files ? 0 : -ENOMEM;
	}
	spin_lock(&s->lock);
	scm->files = m->files;
	m->files = NULL;
	spin_unlock(&s->lock);
	unix_files_detach(scm->files);
	return 0;
}

static void give_name(struct socket_msg *msg, const struct unix_addr *a)
{
	msg->namelen = 0;
	if (!a)
		return;
	memcpy(&msg->name, &a->name, a->len);
	msg->namelen = a->len;
}

static bool readable(struct unix_socket *s)
{
	return !list_empty(&s->queue) || READ_ONCE(s->error) || (READ_ONCE(s->shutdown) & SHUT_RCV);
}

/* => read_lock, dropped while sleeping (and on failure). Waits for the first message: 0 with *out, or with *out NULL at the end of input. */
static int await_msg(struct unix_socket *s, u64 *timeo, struct unix_msg **out)
{
	for (;;) {
		*out = peek_msg(s, NULL);
		if (*out)
			return 0;
		s32 pending = unix_take_error(s);
		bool end = READ_ONCE(s->shutdown) & SHUT_RCV;
		if (!pending && end && (*timeo || s->type != SOCK_DGRAM))
			return 0;
		mutex_unlock(&s->read_lock);
		int err = pending ? -pending : unix_wait(s->wait, readable(s), timeo);
		if (!err && end)
			err = -EAGAIN; /* a datagram socket that was shut down, and the caller does not wait */
		if (!err)
			err = mutex_lock_interruptible(&s->read_lock);
		if (err)
			return err;
	}
}

static ssize_t recv_dgram(struct unix_socket *s, struct socket_msg *msg, u32 flags)
{
	u64 timeo = flags & MSG_DONTWAIT ? 0 : s->rcvtimeo;
	struct unix_scm scm = { .files = NULL };
	bool peek = flags & MSG_PEEK;
	struct unix_msg *m;
	int err = mutex_lock_interruptible(&s->read_lock);
	if (!err)
		err = await_msg(s, &timeo, &m);
	if (err)
		return err;
	if (!m) {
		mutex_unlock(&s->read_lock);
		msg->namelen = 0;
		return 0;
	}
	size_t n = min((size_t)m->len, msg->iter->count);
	ssize_t ret = flags & MSG_TRUNC ? (ssize_t)m->len : (ssize_t)n;
	if (n < m->len)
		msg->flags |= MSG_TRUNC;
	give_name(msg, m->from);
	scm.cred = m->cred;
	if (iter_copy_to(msg->iter, m->data, n) != n)
		err = -EFAULT;
	else
		err = take_files(s, m, peek, &scm);
	if (!peek)
		unlink_msg(s, m);
	mutex_unlock(&s->read_lock);
	if (!peek)
		unix_msg_free(m);
	if (err)
		return err;
	scm_recv(s, msg, &scm, flags);
	return ret;
}

static bool same_cred(const struct ucred_k *a, const struct ucred_k *b) { return a->pid == b->pid && a->uid == b->uid && a->gid == b->gid; }

/* State of one receive on a stream. */
struct stream_recv {
	struct socket_msg *msg;
	struct unix_scm scm;
	ssize_t copied;
	bool peek, have_cred;
};

/* => read_lock. Takes from m: true when the receive is over. *err: -EFAULT, -ENOMEM. */
static bool stream_take(struct unix_socket *s, struct stream_recv *r, struct unix_msg *m, int *err)
{
	if (r->have_cred && READ_ONCE(s->passcred) && !same_cred(&r->scm.cred, &m->cred))
		return true; /* bytes of different senders are never glued together */
	if (!r->have_cred) {
		r->scm.cred = m->cred;
		give_name(r->msg, m->from);
		r->have_cred = true;
	}
	size_t n = min((size_t)(m->len - m->done), r->msg->iter->count);
	size_t got = iter_copy_to(r->msg->iter, m->data + m->done, n);
	if (got != n) {
		*err = -EFAULT;
		return true;
	}
	r->copied += (ssize_t)n;
	bool files = m->files;
	*err = take_files(s, m, r->peek, &r->scm);
	if (r->peek || *err)
		return files || *err || !r->msg->iter->count;
	m->done += (u32)n;
	bool partly = m->done < m->len;
	if (!partly) {
		unlink_msg(s, m);
		unix_msg_free(m);
	}
	return partly || files || !r->msg->iter->count;
}

/* => read_lock. Goes through what is queued: true when the receive is over. */
static bool stream_drain(struct unix_socket *s, struct stream_recv *r, int *err)
{
	struct unix_msg *m = NULL;
	while ((m = peek_msg(s, r->peek ? m : NULL)))
		if (stream_take(s, r, m, err))
			return true;
	return r->peek && r->copied;
}

static ssize_t recv_stream(struct unix_socket *s, struct socket_msg *msg, u32 flags)
{
	u64 timeo = flags & MSG_DONTWAIT ? 0 : s->rcvtimeo;
	struct stream_recv r = { .msg = msg, .peek = flags & MSG_PEEK };
	struct unix_msg *m;
	size_t target = flags & MSG_WAITALL ? msg->iter->count : min((size_t)max(s->lowat, 1), msg->iter->count);
	if (READ_ONCE(s->state) != UNIX_CONNECTED)
		return -EINVAL;
	msg->namelen = 0;
	int err = mutex_lock_interruptible(&s->read_lock);
	if (err)
		return err;
	for (;;) {
		if (stream_drain(s, &r, &err) || (size_t)r.copied >= target) {
			mutex_unlock(&s->read_lock);
			break;
		}
		if (r.scm.files) {
			mutex_unlock(&s->read_lock);
			break;
		}
		err = await_msg(s, &timeo, &m);
		if (err)
			break;
		if (!m) {
			mutex_unlock(&s->read_lock);
			break;
		}
	}
	if (r.have_cred)
		scm_recv(s, msg, &r.scm, flags);
	return r.copied ? r.copied : err;
}

ssize_t unix_recvmsg(struct unix_socket *s, struct socket_msg *msg, u32 flags)
{
	if (flags & MSG_OOB)
		return s->type == SOCK_STREAM ? -EINVAL : -EOPNOTSUPP;
	if (flags & MSG_ERRQUEUE)
		return -EAGAIN;
	if (s->type == SOCK_STREAM)
		return recv_stream(s, msg, flags);
	if (s->type == SOCK_SEQPACKET && READ_ONCE(s->state) != UNIX_CONNECTED)
		return -ENOTCONN;
	return recv_dgram(s, msg, flags);
}

long unix_inq(struct unix_socket *s)
{
	struct unix_msg *m;
	long n = 0;
	if (READ_ONCE(s->state) == UNIX_LISTENING)
		return -EINVAL;
	spin_lock(&s->lock);
	list_for_each(m, &s->queue, node) {
		n += m->len - m->done;
		if (s->type == SOCK_DGRAM)
			break; /* the next datagram's size */
	}
	spin_unlock(&s->lock);
	return n;
}
