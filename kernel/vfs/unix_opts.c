/* Options of level SOL_SOCKET. Entry points: unix_setsockopt(), unix_getsockopt(). */
#include <linux/capability.h>
#include <linux/time_types.h>

#include "lib/errno.h"
#include "sched/timer.h"
#include "vfs/unix.h"
#include "vfs/userns.h"

u32 unix_sndbuf_default = 212992, unix_sndbuf_max = 212992, unix_rcvbuf_default = 212992, unix_rcvbuf_max = 212992;

/* Options that are yes or no, and that change nothing for unix sockets: they are remembered and told back, as Linux does. */
static bool is_remembered(int name)
{
	return name == SO_REUSEADDR || name == SO_KEEPALIVE || name == SO_DONTROUTE || name == SO_OOBINLINE || name == SO_NO_CHECK || name == SO_DEBUG ||
		   name == SO_BROADCAST;
}

/* The options that ask for the time of messages: what they set, or 0. */
static u8 stamp_kind(int name)
{
	switch (name) {
	case SO_TIMESTAMP_OLD:
		return STAMP_ON;
	case SO_TIMESTAMPNS_OLD:
		return STAMP_ON | STAMP_NS;
	case SO_TIMESTAMP_NEW:
		return STAMP_ON | STAMP_NEW;
	case SO_TIMESTAMPNS_NEW:
		return STAMP_ON | STAMP_NS | STAMP_NEW;
	default:
		return 0;
	}
}

static u64 next_cookie(void)
{
	static atomic64_t last;
	return (u64)atomic64_add_return(&last, 1);
}

/* ns from a struct timeval; 0 = no limit. 0, -EFAULT, -EDOM, -EINVAL. */
static int get_timeout(uaddr_t val, int len, u64 *out)
{
	struct { s64 sec, usec; } tv;
	if (len < (int)sizeof(tv))
		return -EINVAL;
	if (get_user(tv, val))
		return -EFAULT;
	if (tv.usec < 0 || tv.usec >= 1000000)
		return -EDOM;
	if (tv.sec < 0)
		*out = 0;
	else if (!tv.sec && !tv.usec)
		*out = NO_TIMEOUT;
	else
		*out = tv.sec > 1L << 32 ? NO_TIMEOUT : (u64)tv.sec * NSEC_PER_SEC + (u64)tv.usec * 1000;
	return 0;
}

static u32 buffer_size(s32 val, u32 least, u32 most, bool force)
{
	u32 v = (u32)val;
	if (!force)
		v = min(v, most);
	else if (val < 0)
		v = 0;
	return max(min(v, 0x3fffffffu) * 2, least);
}

static int set_buffers(struct unix_socket *s, int name, s32 val)
{
	bool force = name == SO_SNDBUFFORCE || name == SO_RCVBUFFORCE;
	if (force && !capable(CAP_NET_ADMIN))
		return -EPERM;
	if (name == SO_RCVBUF || name == SO_RCVBUFFORCE) {
		WRITE_ONCE(s->rcvbuf, buffer_size(val, UNIX_RCVBUF_MIN, READ_ONCE(unix_rcvbuf_max), force));
		return 0;
	}
	WRITE_ONCE(s->sndbuf, buffer_size(val, UNIX_SNDBUF_MIN, READ_ONCE(unix_sndbuf_max), force));
	if (unix_writable(s))
		wake_up_all(&s->wait);
	return 0;
}

static int set_linger(struct unix_socket *s, uaddr_t val, int len)
{
	s32 l[2];
	if (len < (int)sizeof(l))
		return -EINVAL;
	if (copy_from_user(l, val, sizeof(l)))
		return -EFAULT;
	s->linger_on = !!l[0];
	s->linger_time = l[1];
	return 0;
}

static int set_peek_off(struct unix_socket *s, s32 val)
{
	int err = mutex_lock_interruptible(&s->read_lock);
	if (err)
		return err;
	s->peek_off = val;
	mutex_unlock(&s->read_lock);
	return 0;
}

/* Options that are an int. */
static int set_int(struct unix_socket *s, int name, s32 val)
{
	if (is_remembered(name)) {
		if (val)
			atomic_or(&s->flags, 1u << name);
		else
			atomic_and(&s->flags, ~(1u << name));
		return 0;
	}
	if (stamp_kind(name)) {
		WRITE_ONCE(s->stamps, val ? stamp_kind(name) : 0);
		return 0;
	}
	switch (name) {
	case SO_REUSEPORT:
	case SO_ZEROCOPY:
		return -EOPNOTSUPP;
	case SO_SNDBUF:
	case SO_RCVBUF:
	case SO_SNDBUFFORCE:
	case SO_RCVBUFFORCE:
		return set_buffers(s, name, val);
	case SO_PASSCRED:
		WRITE_ONCE(s->passcred, val != 0);
		return 0;
	case SO_PASSPIDFD:
		WRITE_ONCE(s->passpidfd, val != 0);
		return 0;
	case SO_PASSSEC: /* there are no labels to pass */
		WRITE_ONCE(s->passsec, val != 0);
		return 0;
	case SO_PEEK_OFF:
		return set_peek_off(s, val);
	case SO_RCVLOWAT:
		s->lowat = val < 0 ? 0x7fffffff : val ? val : 1;
		return 0;
	case SO_PRIORITY:
		if ((val < 0 || val > 6) && !capable(CAP_NET_RAW) && !capable(CAP_NET_ADMIN))
			return -EPERM;
		s->priority = val;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

long unix_setsockopt(struct unix_socket *s, int name, uaddr_t val, int len)
{
	s32 v;
	if (name == SO_BINDTODEVICE)
		return -ENOPROTOOPT;
	if (len < (int)sizeof(v))
		return -EINVAL;
	if (get_user(v, val))
		return -EFAULT;
	if (name == SO_RCVTIMEO_OLD || name == SO_RCVTIMEO_NEW)
		return get_timeout(val, len, &s->rcvtimeo);
	if (name == SO_SNDTIMEO_OLD || name == SO_SNDTIMEO_NEW)
		return get_timeout(val, len, &s->sndtimeo);
	if (name == SO_LINGER)
		return set_linger(s, val, len);
	return set_int(s, name, v);
}

/* Copies at most *ulen bytes of an option's value and stores how many. len: what *ulen was. */
static long give(uaddr_t val, uaddr_t ulen, int len, const void *data, int size)
{
	len = min(len, size);
	if (copy_to_user(val, data, (size_t)len))
		return -EFAULT;
	return put_user(len, ulen);
}

static long give_timeout(uaddr_t val, uaddr_t ulen, int len, u64 ns)
{
	s64 tv[2] = { 0, 0 };
	if (ns != NO_TIMEOUT) {
		tv[0] = (s64)(ns / NSEC_PER_SEC);
		tv[1] = (s64)(ns % NSEC_PER_SEC / 1000);
	}
	return give(val, ulen, len, tv, sizeof(tv));
}

/* Options that are an int: 0 with *out, or -ENOPROTOOPT. */
static int get_int(struct unix_socket *s, int name, s32 *out)
{
	if (stamp_kind(name)) {
		*out = s->stamps == stamp_kind(name);
		return 0;
	}
	switch (name) {
	case SO_TYPE: *out = s->type; break;
	case SO_DOMAIN: *out = AF_UNIX; break;
	case SO_PROTOCOL: *out = 0; break;
	case SO_ERROR: *out = unix_take_error(s); break;
	case SO_ACCEPTCONN: *out = READ_ONCE(s->state) == UNIX_LISTENING; break;
	case SO_SNDBUF: *out = (s32)s->sndbuf; break;
	case SO_RCVBUF: *out = (s32)s->rcvbuf; break;
	case SO_PASSCRED: *out = s->passcred; break;
	case SO_PASSPIDFD:
		*out = s->passpidfd;
		break;
	case SO_PASSSEC:
		*out = s->passsec;
		break;
	case SO_PEEK_OFF:
		*out = s->peek_off;
		break;
	case SO_RCVLOWAT: *out = s->lowat; break;
	case SO_SNDLOWAT: *out = 1; break;
	case SO_PRIORITY: *out = s->priority; break;
	case SO_REUSEPORT:
	case SO_ZEROCOPY:
		*out = 0;
		break;
	default:
		if (!is_remembered(name))
			return -ENOPROTOOPT;
		*out = (s32)(s->flags >> name & 1);
	}
	return 0;
}

/* --- who the peer is -------------------------------------------------------------------------------------------------------------------------- */

/* Counted: unix_peer_drop(). */
static struct unix_peer peer_of(struct unix_socket *s)
{
	spin_lock(&s->lock);
	struct unix_peer p = unix_peer_again(s->peer_id);
	spin_unlock(&s->lock);
	return p;
}

static long give_peer_cred(struct unix_socket *s, uaddr_t val, uaddr_t ulen, int len)
{
	struct {
		s32 pid;
		u32 uid, gid;
	} c = { 0, NO_ID, NO_ID };
	struct unix_peer p = peer_of(s);
	if (p.pid) {
		c.pid = hook_pid_shown(p.pid);
		c.uid = my_uid(p.cred->euid);
		c.gid = my_gid(p.cred->egid);
	}
	unix_peer_drop(p);
	return give(val, ulen, len, &c, sizeof(c));
}

static long give_peer_groups(struct unix_socket *s, uaddr_t val, uaddr_t ulen, int len)
{
	struct unix_peer p = peer_of(s);
	if (!p.pid)
		return -ENODATA;
	const struct group_list *g = p.cred->groups;
	u32 n = g ? g->n : 0;
	s32 need = (s32)(n * sizeof(u32));
	long err = 0;
	for (u32 i = 0; !err && need <= len && i < n; i++)
		err = put_user(my_gid(g->gid[i]), val + i * sizeof(u32));
	unix_peer_drop(p);
	if (!err)
		err = put_user(need, ulen);
	return err ? err : need > len ? -ERANGE : 0;
}

static long give_peer_pidfd(struct unix_socket *s, uaddr_t val, uaddr_t ulen, int len)
{
	struct unix_peer p = peer_of(s);
	struct file *f;
	s32 fd;
	if (!p.pid)
		return -ENODATA;
	long err = hook_pidfd_open(p.pid, &f);
	unix_peer_drop(p);
	if (err)
		return err;
	err = fd_reserve(0, true, &fd);
	if (err) {
		file_put(f);
		return err;
	}
	err = give(val, ulen, len, &fd, sizeof(fd));
	if (err) {
		fd_cancel(fd);
		file_put(f);
		return err;
	}
	fd_install(fd, f);
	return 0;
}

/* SO_PEERNAME: as much of it as was asked for, and never less. */
static long give_peer_name(struct unix_socket *s, uaddr_t val, uaddr_t ulen, int len)
{
	struct sockaddr_un name;
	int size = unix_name(s, true, &name);
	if (size < 0 || size < len)
		return size < 0 ? -ENOTCONN : -EINVAL;
	return give(val, ulen, len, &name, size);
}

/* A cookie at *p, made when it is first asked for. */
static long give_cookie(u64 *p, uaddr_t val, uaddr_t ulen, int len)
{
	if (len < (int)sizeof(*p))
		return -EINVAL;
	if (!READ_ONCE(*p))
		cmpxchg(p, 0, next_cookie());
	u64 v = *p;
	return give(val, ulen, len, &v, sizeof(v));
}

long unix_getsockopt(struct unix_socket *s, int name, uaddr_t val, uaddr_t ulen)
{
	s32 len, v, linger[2] = { s->linger_on, s->linger_time };
	if (get_user(len, ulen))
		return -EFAULT;
	if (len < 0)
		return -EINVAL;
	switch (name) {
	case SO_PEERCRED:
		return give_peer_cred(s, val, ulen, len);
	case SO_PEERGROUPS:
		return give_peer_groups(s, val, ulen, len);
	case SO_PEERPIDFD:
		return give_peer_pidfd(s, val, ulen, len);
	case SO_PEERNAME:
		return give_peer_name(s, val, ulen, len);
	case SO_COOKIE:
		return give_cookie(&s->cookie, val, ulen, len);
	case SO_NETNS_COOKIE:
		return give_cookie(&s->net->cookie, val, ulen, len);
	case SO_RCVTIMEO_OLD:
	case SO_RCVTIMEO_NEW:
		return give_timeout(val, ulen, len, s->rcvtimeo);
	case SO_SNDTIMEO_OLD:
	case SO_SNDTIMEO_NEW:
		return give_timeout(val, ulen, len, s->sndtimeo);
	case SO_LINGER:
		return give(val, ulen, len, linger, sizeof(linger));
	default:
		break;
	}
	int err = get_int(s, name, &v);
	return err ? err : give(val, ulen, len, &v, sizeof(v));
}
