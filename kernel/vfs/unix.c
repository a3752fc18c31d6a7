/*
 * Unix sockets: life, and the operations of their files. Entry points: unix_create(), unix_file_create(), unix_fops.
 *
 * State lives under each socket's own spinlock (L); two sockets are locked by address. A stream or seqpacket socket keeps its peer from connect
 * to release: a peer that goes away leaves its mark (shutdown, error) instead of taking the pointer. A datagram socket may change its
 * peer, and is on that peer's list of clients, to be told when there is room again.
 */
#include "vfs/unix.h"

#include <asm/ioctls.h>
#include <asm/socket.h>
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/sockios.h>

#include "lib/bug.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/dcache.h"
#include "vfs/internal.h"
#include "vfs/poll.h"

DEFINE_SPINLOCK(unix_table_lock, RANK_UNIX_TABLE);
static DEFINE_SPINLOCK(all_lock, RANK_UNIX_ALL);
static LIST_HEAD(all_sockets); /* all_lock */

/* --- life -------------------------------------------------------------------------------------------------------------------------------- */

void unix_get(struct unix_socket *s) { atomic_inc(&s->refs); }

void unix_addr_put(struct unix_addr *a)
{
	if (a && atomic_dec_and_test(&a->refs))
		kfree(a);
}

void unix_put(struct unix_socket *s)
{
	if (!s || !atomic_dec_and_test(&s->refs))
		return;
	spin_lock(&all_lock);
	list_del(&s->all_node);
	spin_unlock(&all_lock);
	unix_addr_put(s->addr);
	unix_peer_drop(s->peer_id);
	ns_put(&s->net->common);
	kfree(s);
}

void unix_for_each(const struct net_namespace *ns, bool (*fn)(struct unix_socket *s, void *arg), void *arg)
{
	struct unix_socket *s;
	spin_lock(&all_lock);
	list_for_each(s, &all_sockets, all_node)
		if (s->net == ns && !fn(s, arg))
			break;
	spin_unlock(&all_lock);
}

struct unix_peer unix_peer_me(void)
{
	struct unix_peer p = { hook_pid_of_current(), current_cred() };
	cred_get(p.cred);
	return p;
}

struct unix_peer unix_peer_again(struct unix_peer p)
{
	if (p.pid) {
		hook_pid_get(p.pid);
		cred_get(p.cred);
	}
	return p;
}

void unix_peer_drop(struct unix_peer p)
{
	hook_pid_put(p.pid);
	if (p.cred)
		cred_put(p.cred);
}

struct unix_socket *unix_create(u8 type)
{
	struct unix_socket *s = kzalloc(sizeof(*s));
	if (!s)
		return NULL;
	atomic_set(&s->refs, 1);
	s->type = type;
	spin_init(&s->lock, RANK_UNIX);
	mutex_init(&s->read_lock, RANK_SOCKET);
	mutex_init(&s->bind_lock, RANK_RENAME);
	wait_queue_init(&s->wait);
	wait_queue_init(&s->peer_wait);
	list_init(&s->queue);
	list_init(&s->pending);
	list_init(&s->accept_node);
	list_init(&s->clients);
	list_init(&s->client_node);
	list_init(&s->name_node);
	list_init(&s->inflight_node);
	list_init(&s->gc_node);
	s->peek_off = -1;
	s->sndbuf = READ_ONCE(unix_sndbuf_default);
	s->rcvbuf = READ_ONCE(unix_rcvbuf_default);
	s->rcvtimeo = s->sndtimeo = NO_TIMEOUT;
	s->lowat = 1;
	s->net = current_nsproxy()->net;
	ns_get(&s->net->common);
	s->max_queue = READ_ONCE(s->net->dgram_queue);
	spin_lock(&all_lock);
	list_add_tail(&s->all_node, &all_sockets);
	spin_unlock(&all_lock);
	return s;
}

struct unix_socket *unix_from_file(struct file *f) { return f->ops == &unix_fops ? f->private : NULL; }

void unix_lock_two(struct unix_socket *a, struct unix_socket *b)
{
	struct unix_socket *first = a < b ? a : b;
	spin_lock(&first->lock);
	spin_lock_nested(&(first == a ? b : a)->lock);
}
void unix_unlock_two(struct unix_socket *a, struct unix_socket *b)
{
	/* the inner one first */
	spin_unlock(&(a < b ? b : a)->lock);
	spin_unlock(&(a < b ? a : b)->lock);
}

struct unix_socket *unix_peer_get(struct unix_socket *s)
{
	spin_lock(&s->lock);
	struct unix_socket *p = s->peer;
	if (p)
		unix_get(p);
	spin_unlock(&s->lock);
	return p;
}

s32 unix_take_error(struct unix_socket *s) { return READ_ONCE(s->error) ? xchg(&s->error, 0) : 0; }
bool unix_writable(const struct unix_socket *s)
{
	return READ_ONCE(s->state) != UNIX_LISTENING && (u64)atomic_read(&s->wmem) << 2 <= READ_ONCE(s->sndbuf);
}
bool unix_queue_full(const struct unix_socket *s)
{
	return s->state == UNIX_LISTENING ? s->nr_pending > s->max_queue : s->queued > s->max_queue;
}

/* Wakes everybody who waits for or polls s: its state changed. */
static void state_change(struct unix_socket *s) { wake_up_all(&s->wait); }

void unix_room(struct unix_socket *s)
{
	struct unix_socket *c;
	wake_up_all(&s->peer_wait);
	if (list_empty(&s->clients))
		return;
	spin_lock(&unix_table_lock);
	list_for_each(c, &s->clients, client_node)
		wake_up_key(&c->wait, TASK_NORMAL, 0, POLLOUT | POLLWRNORM | POLLWRBAND);
	spin_unlock(&unix_table_lock);
}

void unix_set_dgram_peer(struct unix_socket *s, struct unix_socket *peer)
{
	spin_lock(&unix_table_lock);
	list_del(&s->client_node);
	if (peer)
		list_add_tail(&s->client_node, &peer->clients);
	spin_unlock(&unix_table_lock);
	spin_lock(&s->lock);
	struct unix_socket *old = s->peer;
	s->peer = peer;
	s->state = peer ? UNIX_CONNECTED : UNIX_CLOSED;
	spin_unlock(&s->lock);
	unix_put(old);
}

/* Tells the peer of a connection that s is gone. reset: something s should have read is lost. */
static void hang_up_peer(struct unix_socket *peer, bool reset)
{
	spin_lock(&peer->lock);
	peer->shutdown = SHUT_RCV | SHUT_SND;
	if (reset)
		peer->error = ECONNRESET;
	spin_unlock(&peer->lock);
	state_change(peer);
}

/* The end of s as a socket; gives the caller's reference back. embryo: it was never accepted. May sleep. */
static void unix_end(struct unix_socket *s, bool embryo);

static void free_queue(struct unix_socket *s, struct list_head *messages, struct list_head *embryos)
{
	while (!list_empty(messages)) {
		struct unix_msg *m = list_first(messages, struct unix_msg, node);
		list_del(&m->node);
		unix_msg_free(m);
	}
	while (!list_empty(embryos)) {
		struct unix_socket *e = list_first(embryos, struct unix_socket, accept_node);
		list_del(&e->accept_node);
		unix_end(e, true);
	}
}

static void unix_end(struct unix_socket *s, bool embryo)
{
	LIST_HEAD(messages);
	LIST_HEAD(embryos);
	unix_forget_name(s);
	spin_lock(&s->lock);
	struct unix_socket *peer = s->peer;
	if (unix_is_connected_type(s))
		s->peer = NULL;
	s->dead = true;
	s->shutdown = SHUT_RCV | SHUT_SND;
	s->state = UNIX_CLOSED;
	bool unread = unix_unread(s);
	s->urgent = NULL;
	list_splice_tail(&s->queue, &messages);
	list_splice_tail(&s->pending, &embryos);
	s->queued = s->nr_pending = 0;
	spin_unlock(&s->lock);
	unix_room(s);
	state_change(s);
	if (peer && unix_is_connected_type(s)) {
		hang_up_peer(peer, unread || embryo);
		unix_put(peer);
	} else if (peer) {
		unix_set_dgram_peer(s, NULL);
	}
	/* Clients keep their pointer to a dead peer until they send; only the list must not be left behind. */
	spin_lock(&unix_table_lock);
	while (!list_empty(&s->clients))
		list_del(s->clients.next);
	spin_unlock(&unix_table_lock);
	free_queue(s, &messages, &embryos);
	unix_put(s);
}

static void unix_release(struct file *f)
{
	unix_end(f->private, false);
	unix_gc();
}

/* --- the file ---------------------------------------------------------------------------------------------------------------------------- */

static ssize_t unix_file_read(struct file *f, struct iter *to, u64 *pos)
{
	struct socket_msg m = { .iter = to };
	if (!to->count)
		return 0;
	return unix_recvmsg(f->private, &m, f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0);
}

static ssize_t unix_file_write(struct file *f, struct iter *from, u64 *pos)
{
	struct socket_msg m = { .iter = from };
	u32 flags = f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0;
	if (((struct unix_socket *)f->private)->type == SOCK_SEQPACKET)
		flags |= MSG_EOR;
	return unix_sendmsg(f->private, &m, flags);
}

/* A connected datagram socket is writable only while its peer has room, unless the peer talks to it alone. */
static bool peer_has_room(struct unix_socket *s)
{
	struct unix_socket *p = unix_peer_get(s);
	if (!p)
		return true;
	spin_lock(&p->lock);
	bool ok = p->peer == s || p->dead || !unix_queue_full(p);
	spin_unlock(&p->lock);
	unix_put(p);
	return ok;
}

static u32 unix_poll(struct file *f, struct poll_table *pt)
{
	struct unix_socket *s = f->private;
	u32 mask = 0;
	poll_wait(f, &s->wait, pt);
	smp_mb();
	u32 down = READ_ONCE(s->shutdown);
	if (READ_ONCE(s->error))
		mask |= POLLERR;
	if (down == (SHUT_RCV | SHUT_SND))
		mask |= POLLHUP;
	if (down & SHUT_RCV)
		mask |= POLLRDHUP | POLLIN | POLLRDNORM;
	if (!list_empty(&s->queue) || !list_empty(&s->pending))
		mask |= POLLIN | POLLRDNORM;
	if (READ_ONCE(s->urgent))
		mask |= POLLPRI;
	if (unix_is_connected_type(s) && READ_ONCE(s->state) == UNIX_CLOSED)
		mask |= POLLHUP;
	if (unix_writable(s) && (s->type == SOCK_STREAM || peer_has_room(s)))
		mask |= POLLOUT | POLLWRNORM | POLLWRBAND;
	return mask;
}

/* SIOCUNIXFILE: a descriptor, O_PATH, for what s is bound to. */
static long open_path(struct unix_socket *s)
{
	struct path p;
	struct file *f;
	if (!ns_capable(s->net->common.owner, CAP_NET_ADMIN))
		return -EPERM;
	spin_lock(&unix_table_lock);
	p = s->path;
	if (p.mnt)
		path_get(&p);
	spin_unlock(&unix_table_lock);
	if (!p.mnt)
		return -ENOENT;
	int err = file_alloc(O_PATH, &f);
	if (!err) {
		err = file_open_path(f, &p, NULL);
		if (err)
			file_put(f);
	}
	path_put(&p);
	return err ? err : fd_install_new(f, true);
}

static long set_owner(struct file *f, uaddr_t arg)
{
	s32 who;
	return get_user(who, arg) ? -EFAULT : hook_file_owner(f, F_SETOWN, (u64)(s64)who);
}

static long unix_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct unix_socket *s = f->private;
	long n;
	switch (cmd) {
	case FIONREAD:
		n = unix_inq(s);
		break;
	case TIOCOUTQ:
		n = atomic_read(&s->wmem);
		break;
	case SIOCATMARK:
		n = unix_at_mark(s);
		break;
	case FIOGETOWN:
	case SIOCGPGRP:
		return put_user((s32)hook_file_owner(f, F_GETOWN, 0), arg);
	case FIOSETOWN:
	case SIOCSPGRP:
		return set_owner(f, arg);
	case SIOCUNIXFILE:
		return open_path(s);
	case SIOCGSKNS:
		return ns_capable(s->net->common.owner, CAP_NET_ADMIN) ? hook_net_ns_open(s->net) : -EPERM;
	default:
		return -ENOTTY;
	}
	return n < 0 ? n : put_user((s32)n, arg);
}

static int unix_show_fdinfo(struct file *f, char *buf, size_t size) { return format_str(buf, size, "scm_fds: %u\n", unix_files_waiting(f->private)); }

const struct file_ops unix_fops = {
	.async = true,
	.read = unix_file_read,
	.write = unix_file_write,
	.poll = unix_poll,
	.ioctl = unix_ioctl,
	.show_fdinfo = unix_show_fdinfo,
	.release = unix_release,
};

int unix_file_create(struct unix_socket *s, u32 flags, struct file **out)
{
	int err = file_create_anon("socket", S_IFSOCK | 0777, &unix_fops, s, O_RDWR | (flags & O_NONBLOCK), out);
	if (err) {
		unix_end(s, true);
		return err;
	}
	s->file = *out;
	WRITE_ONCE(s->ino, (*out)->inode->ino);
	return 0;
}
