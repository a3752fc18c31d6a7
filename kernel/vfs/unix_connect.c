/* Connections of unix sockets. Entry points: unix_listen(), unix_connect(), unix_accept(), unix_pair(), unix_shutdown(). */
#include "lib/errno.h"
#include "vfs/poll.h"
#include "vfs/unix.h"

int unix_listen(struct unix_socket *s, int backlog)
{
	struct unix_peer me;
	int err = 0;
	if (!unix_is_connected_type(s))
		return -EOPNOTSUPP;
	if (!smp_load_acquire(&s->addr))
		return -EINVAL;
	me = unix_peer_me();
	spin_lock(&s->lock);
	if (s->state == UNIX_CONNECTED) {
		err = -EINVAL;
	} else {
		s->max_queue = min((u32)backlog, READ_ONCE(s->net->max_backlog));
		s->state = UNIX_LISTENING;
		struct unix_peer old = s->peer_id;
		s->peer_id = me;
		me = old;
	}
	spin_unlock(&s->lock);
	unix_peer_drop(me);
	if (!err)
		wake_up_all(&s->peer_wait);
	return err;
}

/* The listener's side of a new connection, not yet joined. It has the listener's address. */
static struct unix_socket *embryo_create(struct unix_socket *s)
{
	struct unix_socket *e = unix_create(s->type);
	if (!e)
		return NULL;
	e->state = UNIX_CONNECTED;
	e->peer_id = unix_peer_me();
	return e;
}

/* => both locks. Joins s and the embryo e and puts e in other's queue; e's first reference is the queue's. */
static void join(struct unix_socket *s, struct unix_socket *other, struct unix_socket *e)
{
	unix_get(s);
	e->peer = s;
	unix_get(e);
	s->peer = e;
	atomic_inc(&other->addr->refs);
	e->addr = other->addr;
	e->passcred = other->passcred;
	e->passpidfd = other->passpidfd;
	s->peer_id = unix_peer_again(other->peer_id);
	s->state = UNIX_CONNECTED;
	list_add_tail(&e->accept_node, &other->pending);
	other->nr_pending++;
}

/* One attempt to connect s to other: 0, -EAGAIN (queue full), other errors. => no locks */
static int try_join(struct unix_socket *s, struct unix_socket *other, struct unix_socket *e)
{
	int err = 0;
	if (s == other) {
		/* only a listener can be found by name and be asked: it cannot connect */
		return READ_ONCE(s->state) == UNIX_LISTENING ? -EINVAL : -ECONNREFUSED;
	}
	unix_lock_two(s, other);
	if (other->dead || other->state != UNIX_LISTENING || (other->shutdown & SHUT_RCV))
		err = -ECONNREFUSED;
	else if (unix_queue_full(other))
		err = -EAGAIN;
	else if (s->state == UNIX_CONNECTED)
		err = -EISCONN;
	else if (s->state != UNIX_CLOSED)
		err = -EINVAL;
	else
		join(s, other, e);
	unix_unlock_two(s, other);
	return err;
}

static bool may_join(struct unix_socket *other)
{
	return READ_ONCE(other->dead) || READ_ONCE(other->state) != UNIX_LISTENING || !unix_queue_full(other);
}

static int connect_stream(struct unix_socket *s, const struct sockaddr_un *name, u32 len, bool nonblock)
{
	u64 timeo = nonblock ? 0 : s->sndtimeo;
	struct unix_socket *e = embryo_create(s), *other = NULL;
	int err;
	if (!e)
		return -ENOMEM;
	for (;;) {
		err = unix_find(s, name, len, &other);
		if (err)
			break;
		err = try_join(s, other, e);
		if (err != -EAGAIN)
			break;
		err = unix_wait(other->peer_wait, may_join(other), &timeo);
		if (err)
			break;
		unix_put(other);
		other = NULL;
	}
	if (!err)
		wake_up_key(&other->wait, TASK_NORMAL, 1, POLLIN | POLLRDNORM | POLLRDBAND);
	unix_put(other);
	if (err)
		unix_put(e);
	return err;
}

/* => no locks. May `from` send to `to`? */
static bool may_send(const struct unix_socket *from, const struct unix_socket *to) { return !to->peer || to->peer == from; }

static int connect_dgram(struct unix_socket *s, const struct sockaddr_un *name, u32 len)
{
	struct unix_socket *other = NULL;
	if (name->sun_family == 0) { /* AF_UNSPEC dissolves the association */
		unix_set_dgram_peer(s, NULL);
		return 0;
	}
	int err = unix_check_name(name, len);
	if (!err && unix_wants_sender(s))
		err = unix_autobind(s);
	if (!err)
		err = unix_find(s, name, len, &other);
	if (err)
		return err;
	if (!may_send(s, other)) {
		unix_put(other);
		return -EPERM;
	}
	unix_set_dgram_peer(s, other);
	return 0;
}

int unix_connect(struct unix_socket *s, const struct sockaddr_un *name, u32 len, bool nonblock)
{
	if (len < sizeof(name->sun_family))
		return -EINVAL;
	if (!unix_is_connected_type(s))
		return connect_dgram(s, name, len);
	int err = unix_check_name(name, len);
	if (!err && unix_wants_sender(s))
		err = unix_autobind(s);
	return err ? err : connect_stream(s, name, len, nonblock);
}

/* The oldest connection that waits, or NULL. */
static struct unix_socket *take_pending(struct unix_socket *s, bool *was_full)
{
	struct unix_socket *e = NULL;
	spin_lock(&s->lock);
	*was_full = unix_queue_full(s);
	if (!list_empty(&s->pending)) {
		e = list_first(&s->pending, struct unix_socket, accept_node);
		list_del(&e->accept_node);
		s->nr_pending--;
	}
	spin_unlock(&s->lock);
	return e;
}

int unix_accept(struct unix_socket *s, bool nonblock, struct unix_socket **out)
{
	u64 timeo = nonblock ? 0 : s->rcvtimeo;
	bool was_full;
	if (!unix_is_connected_type(s))
		return -EOPNOTSUPP;
	for (;;) {
		if (READ_ONCE(s->state) != UNIX_LISTENING)
			return -EINVAL;
		*out = take_pending(s, &was_full);
		if (*out)
			break;
		if (READ_ONCE(s->shutdown) & SHUT_RCV)
			return -EINVAL;
		int err = unix_wait(s->wait, !list_empty(&s->pending) || (READ_ONCE(s->shutdown) & SHUT_RCV), &timeo);
		if (err)
			return err;
	}
	if (was_full)
		wake_up_all(&s->peer_wait);
	return 0;
}

int unix_pair(struct unix_socket *a, struct unix_socket *b)
{
	a->peer_id = unix_peer_me();
	b->peer_id = unix_peer_me();
	unix_get(a);
	unix_get(b);
	if (a->type == SOCK_DGRAM) {
		unix_set_dgram_peer(a, b);
		unix_set_dgram_peer(b, a);
		return 0;
	}
	a->peer = b;
	b->peer = a;
	a->state = b->state = UNIX_CONNECTED;
	return 0;
}

int unix_shutdown(struct unix_socket *s, int how)
{
	if (how < 0 || how > 2)
		return -EINVAL;
	u8 mine = (u8)(how + 1), theirs = (u8)((mine & SHUT_RCV ? SHUT_SND : 0) | (mine & SHUT_SND ? SHUT_RCV : 0));
	struct unix_socket *p = unix_peer_get(s);
	spin_lock(&s->lock);
	s->shutdown |= mine;
	spin_unlock(&s->lock);
	wake_up_all(&s->wait);
	if (p && unix_is_connected_type(s)) {
		spin_lock(&p->lock);
		p->shutdown |= theirs;
		spin_unlock(&p->lock);
		wake_up_all(&p->wait);
	}
	unix_put(p);
	return 0;
}
