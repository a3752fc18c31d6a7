/*
 * Messages of unix sockets: their life, the queue they wait in, and waiting for them. Entry points: unix_sendmsg(), unix_recvmsg(), unix_msg_free(), and what
 * unix_msg.h has for unix_stream.c and unix_dgram.c.
 *
 * A sender copies the bytes into a message record before it takes any lock, and queues it on the receiver under the receiver's lock. A receiver
 * holds read_lock, a sleeping lock, while it copies to user memory: so messages leave the queue only through one reader at a time, and a
 * message may be looked at outside the spinlock. Each message is charged to its sender (wmem) until it is freed: that is the send buffer.
 */
#include "vfs/unix_msg.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "sched/timer.h"
#include "vfs/poll.h"

#define KEY_READABLE (POLLIN | POLLRDNORM | POLLRDBAND)
#define KEY_WRITABLE (POLLOUT | POLLWRNORM | POLLWRBAND)
#define MSG_OVERHEAD 768u /* what a message costs beside its bytes, as Linux's buffers cost */

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
	hook_pid_put(msg->who.pid);
	kfree(msg);
}

static bool may_charge(struct unix_socket *s)
{
	return READ_ONCE(s->error) || (READ_ONCE(s->shutdown) & SHUT_SND) || (u32)atomic_read(&s->wmem) < READ_ONCE(s->sndbuf);
}

int unix_msg_create(struct unix_socket *s, struct iter *it, size_t n, u64 *timeo, struct unix_msg **out)
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
	*m = (struct unix_msg){ .who = { NULL, NO_ID, NO_ID }, .len = (u32)n, .charge = (u32)n + MSG_OVERHEAD };
	if (iter_copy_from(it, m->data, n) != n) {
		kfree(m);
		return -EFAULT;
	}
	m->from = smp_load_acquire(&s->addr);
	if (m->from)
		atomic_inc(&m->from->refs);
	m->sender = s;
	unix_get(s);
	atomic_add_return(&s->wmem, (s32)m->charge);
	*out = m;
	return 0;
}

void unix_msg_attach(struct unix_msg *m, struct unix_scm *scm)
{
	m->who = scm->who;
	if (m->who.pid)
		hook_pid_get(m->who.pid);
	m->files = scm->files;
	scm->files = NULL;
	unix_files_attach(m->files);
}

void unix_enqueue(struct unix_socket *s, struct unix_socket *to, struct unix_msg *m)
{
	/* Nobody has accepted `to` yet: it may want to know. */
	if (!m->who.pid && (unix_wants_sender(to) || unix_wants_sender(s) || !to->file)) {
		const struct cred *c = current_cred();
		m->who = (struct unix_who){ hook_pid_of_current(), c->uid, c->gid };
	}
	if (READ_ONCE(to->stamps))
		m->stamp = clock_real();
	list_add_tail(&m->node, &to->queue);
	to->queued++;
	to->arrivals++;
}

void unix_wake_receiver(struct unix_socket *to, u32 keys)
{
	if (wait_queue_active(&to->wait))
		wake_up_key(&to->wait, TASK_NORMAL, 0, KEY_READABLE | keys);
}

ssize_t unix_sendmsg(struct unix_socket *s, struct socket_msg *msg, u32 flags)
{
	struct unix_scm scm;
	if ((flags & MSG_OOB) && (s->type != SOCK_STREAM || !msg->iter->count))
		return -EOPNOTSUPP;
	int err = scm_send(msg, &scm);
	if (err)
		return err;
	ssize_t ret = s->type == SOCK_STREAM ? unix_send_stream(s, msg, &scm, flags) : unix_send_dgram(s, msg, &scm, flags);
	scm_drop(&scm);
	return ret;
}

/* --- the queue, seen by its readers ------------------------------------------------------------------------------------------------------- */

struct unix_msg *unix_first(struct unix_socket *s) { return list_empty(&s->queue) ? NULL : list_first(&s->queue, struct unix_msg, node); }
struct unix_msg *unix_after(struct unix_socket *s, struct unix_msg *m) { return m->node.next == &s->queue ? NULL : list_next(m, node); }

void unix_dequeue(struct unix_socket *s, struct unix_msg *m)
{
	list_del(&m->node);
	s->queued--;
	if (s->urgent == m)
		s->urgent = NULL;
}

int unix_take_files(struct unix_socket *s, struct unix_msg *m, bool peek, struct unix_scm *scm)
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

void unix_take_who(struct unix_scm *scm, const struct unix_msg *m)
{
	scm->who = m->who;
	if (scm->who.pid)
		hook_pid_get(scm->who.pid);
}

void unix_give_name(struct socket_msg *msg, const struct unix_addr *a)
{
	msg->namelen = 0;
	if (!a)
		return;
	memcpy(&msg->name, &a->name, a->len);
	msg->namelen = a->len;
}

void unix_move_peek(struct unix_socket *s, size_t n, bool peek)
{
	if (s->peek_off >= 0)
		s->peek_off = peek ? s->peek_off + (s32)n : max(s->peek_off - (s32)n, 0);
}

void unix_note_idle(struct unix_socket *s, struct unix_idle *idle) { *idle = (struct unix_idle){ s->arrivals, s->shutdown & SHUT_RCV, s->error }; }

static bool arrived(struct unix_socket *s, const struct unix_idle *idle)
{
	return READ_ONCE(s->arrivals) != idle->arrivals || READ_ONCE(s->error) || (READ_ONCE(s->shutdown) & SHUT_RCV);
}

int unix_await(struct unix_socket *s, const struct unix_idle *idle, u64 *timeo)
{
	s32 pending = idle->error ? unix_take_error(s) : 0;
	if (!pending && idle->end && (*timeo || s->type != SOCK_DGRAM))
		return 1;
	mutex_unlock(&s->read_lock);
	int err = pending ? -pending : unix_wait(s->wait, arrived(s, idle), timeo);
	if (!err && idle->end)
		err = -EAGAIN; /* a datagram socket that was shut down, and the caller does not wait */
	return err ? err : mutex_lock_interruptible(&s->read_lock);
}

ssize_t unix_recvmsg(struct unix_socket *s, struct socket_msg *msg, u32 flags)
{
	if (s->type == SOCK_STREAM)
		return flags & MSG_OOB ? unix_recv_urgent(s, msg, flags) : unix_recv_stream(s, msg, flags);
	if (s->type == SOCK_SEQPACKET && READ_ONCE(s->state) != UNIX_CONNECTED)
		return -ENOTCONN;
	return flags & MSG_OOB ? -EOPNOTSUPP : unix_recv_dgram(s, msg, flags);
}

/* --- questions about the queue -------------------------------------------------------------------------------------------------------------- */

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

bool unix_unread(const struct unix_socket *s)
{
	const struct unix_msg *m;
	list_for_each (m, &s->queue, node)
		if (!m->len || m->done < m->len) /* the others are places of urgent bytes that were taken */
			return true;
	return false;
}

bool unix_at_mark(struct unix_socket *s)
{
	spin_lock(&s->lock);
	struct unix_msg *m = unix_first(s);
	bool mark = m && s->type == SOCK_STREAM && (m == s->urgent || (!unix_left(m) && (!s->urgent || unix_after(s, m) == s->urgent)));
	spin_unlock(&s->lock);
	return mark;
}

/* => s->lock */
static u32 count_files(const struct unix_socket *s)
{
	const struct unix_msg *m;
	u32 n = 0;
	list_for_each (m, &s->queue, node)
		n += m->files ? m->files->n : 0;
	return n;
}

u32 unix_files_waiting(struct unix_socket *s)
{
	struct unix_socket *e;
	spin_lock(&s->lock);
	u32 n = count_files(s);
	list_for_each (e, &s->pending, accept_node) {
		spin_lock_nested(&e->lock);
		n += count_files(e);
		spin_unlock(&e->lock);
	}
	spin_unlock(&s->lock);
	return n;
}
