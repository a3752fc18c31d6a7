/*
 * The socket system calls: arguments from and to user space; the work is done in unix*.c, the only address family there is (others: EAFNOSUPPORT).
 * Entry points: sys_socket ... sys_recvmmsg.
 */
#include "vfs/socket.h"

#include <linux/fcntl.h>
#include <linux/time_types.h>

#include "gen/sys_protos.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "sched/kernel_time.h"
#include "vfs/unix.h"

#define ADDR_MAX 128 /* sizeof(struct sockaddr_storage) */
#define CONTROL_MAX 0x7fffffffu
#define SOL_OK(level) ((level) == SOL_SOCKET)

/* The socket behind fd; *f is a reference. 0, -EBADF, -ENOTSOCK. */
static int get_socket(u64 fd, struct file **f, struct unix_socket **s)
{
	int err = fd_get((int)fd, f);
	if (err)
		return err;
	*s = unix_from_file(*f);
	if (*s)
		return 0;
	file_put(*f);
	return -ENOTSOCK;
}

/* --- addresses --------------------------------------------------------------------------------------------------------------------------- */

/* A name from user space into *out, zero-padded; longer than a sockaddr_un is cut (the length stays and is refused later). 0, -EINVAL, -EFAULT. */
static int get_address(struct sockaddr_un *out, uaddr_t uaddr, u64 ulen)
{
	s32 len = (s32)ulen;
	memset(out, 0, sizeof(*out));
	if (len < 0 || len > ADDR_MAX)
		return -EINVAL;
	return copy_from_user(out, uaddr, min((size_t)len, sizeof(*out)));
}

/* Gives a name of len bytes to user space, cut to *ulen; *ulen becomes the true length. 0, -EINVAL, -EFAULT. */
static int put_address(const struct sockaddr_un *name, int len, uaddr_t uaddr, uaddr_t ulen)
{
	s32 room;
	if (get_user(room, ulen))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	if (copy_to_user(uaddr, name, (size_t)min(room, len)))
		return -EFAULT;
	return put_user(len, ulen);
}

/* --- making sockets ---------------------------------------------------------------------------------------------------------------------- */

/* Checks family, type and protocol: *kind = SOCK_* without flags. */
static int check_kind(u64 family, u64 type, u64 protocol, u8 *kind)
{
	u32 t = (u32)type & SOCK_TYPE_MASK;
	if ((u32)type & ~(u32)(SOCK_TYPE_MASK | SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	if ((s32)family < 0 || (s32)family >= AF_MAX)
		return -EAFNOSUPPORT;
	if (t >= SOCK_MAX)
		return -EINVAL;
	if ((s32)family != AF_UNIX)
		return -EAFNOSUPPORT;
	if ((s32)protocol && (s32)protocol != AF_UNIX)
		return -EPROTONOSUPPORT;
	if (t == SOCK_RAW)
		t = SOCK_DGRAM;
	if (t != SOCK_STREAM && t != SOCK_DGRAM && t != SOCK_SEQPACKET)
		return -ESOCKTNOSUPPORT;
	*kind = (u8)t;
	return 0;
}

long sys_socket(u64 family, u64 type, u64 protocol)
{
	struct file *f;
	u8 kind;
	int err = check_kind(family, type, protocol, &kind);
	if (err)
		return err;
	struct unix_socket *s = unix_create(kind);
	if (!s)
		return -ENOMEM;
	err = unix_file_create(s, type & SOCK_NONBLOCK ? O_NONBLOCK : 0, &f);
	return err ? err : fd_install_new(f, type & SOCK_CLOEXEC);
}

/* Files for a pair; on failure nothing is left. */
static int pair_files(u8 kind, u32 flags, struct file *f[2])
{
	struct unix_socket *a = unix_create(kind), *b = unix_create(kind);
	if (!a || !b) {
		unix_put(a);
		unix_put(b);
		return -ENOMEM;
	}
	int err = unix_file_create(a, flags, &f[0]);
	if (err) {
		unix_put(b);
		return err;
	}
	err = unix_file_create(b, flags, &f[1]);
	if (err) {
		file_put(f[0]);
		return err;
	}
	return unix_pair(a, b);
}

long sys_socketpair(u64 family, u64 type, u64 protocol, u64 ufds)
{
	struct file *f[2];
	u8 kind;
	int err = check_kind(family, type, protocol, &kind);
	if (err)
		return err;
	err = pair_files(kind, type & SOCK_NONBLOCK ? O_NONBLOCK : 0, f);
	return err ? err : fd_install_pair(f, type & SOCK_CLOEXEC, ufds);
}

/* --- names and connections --------------------------------------------------------------------------------------------------------------- */

long sys_bind(u64 fd, u64 uaddr, u64 len)
{
	struct sockaddr_un name;
	struct unix_socket *s;
	struct file *f;
	int err = get_socket(fd, &f, &s);
	if (err)
		return err;
	err = get_address(&name, uaddr, len);
	if (!err)
		err = unix_bind(s, &name, (u32)len);
	file_put(f);
	return err;
}

long sys_connect(u64 fd, u64 uaddr, u64 len)
{
	struct sockaddr_un name;
	struct unix_socket *s;
	struct file *f;
	int err = get_socket(fd, &f, &s);
	if (err)
		return err;
	err = get_address(&name, uaddr, len);
	if (!err)
		err = unix_connect(s, &name, (u32)len, f->flags & O_NONBLOCK);
	file_put(f);
	return err;
}

long sys_listen(u64 fd, u64 backlog)
{
	struct unix_socket *s;
	struct file *f;
	int err = get_socket(fd, &f, &s);
	if (err)
		return err;
	err = unix_listen(s, (int)backlog);
	file_put(f);
	return err;
}

/* A file for the next connection on s, and its peer's name to user space. */
static int accept_file(struct unix_socket *s, bool nonblock, u32 flags, uaddr_t uaddr, uaddr_t ulen, struct file **out)
{
	struct sockaddr_un name;
	struct unix_socket *c;
	int err = unix_accept(s, nonblock, &c);
	if (!err)
		err = unix_file_create(c, flags & SOCK_NONBLOCK ? O_NONBLOCK : 0, out);
	if (err || !uaddr)
		return err;
	int len = unix_name(c, true, &name);
	err = len < 0 ? -ECONNABORTED : put_address(&name, len, uaddr, ulen);
	if (err)
		file_put(*out);
	return err;
}

long sys_accept4(u64 fd, u64 uaddr, u64 ulen, u64 flags)
{
	struct unix_socket *s;
	struct file *f, *nf;
	int newfd;
	if (flags & ~(u64)(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	int err = get_socket(fd, &f, &s);
	if (err)
		return err;
	/* The descriptor first: a connection is not lost when there is none. */
	err = fd_reserve(0, flags & SOCK_CLOEXEC, &newfd);
	if (!err) {
		err = accept_file(s, f->flags & O_NONBLOCK, (u32)flags, uaddr, ulen, &nf);
		if (err)
			fd_cancel(newfd);
		else
			fd_install(newfd, nf);
	}
	file_put(f);
	return err ? err : newfd;
}

long sys_accept(u64 fd, u64 uaddr, u64 ulen) { return sys_accept4(fd, uaddr, ulen, 0); }

static long get_name(u64 fd, bool peer, u64 uaddr, u64 ulen)
{
	struct sockaddr_un name;
	struct unix_socket *s;
	struct file *f;
	int err = get_socket(fd, &f, &s);
	if (err)
		return err;
	int len = unix_name(s, peer, &name);
	file_put(f);
	return len < 0 ? len : put_address(&name, len, uaddr, ulen);
}

long sys_getsockname(u64 fd, u64 uaddr, u64 ulen) { return get_name(fd, false, uaddr, ulen); }
long sys_getpeername(u64 fd, u64 uaddr, u64 ulen) { return get_name(fd, true, uaddr, ulen); }

long sys_shutdown(u64 fd, u64 how)
{
	struct unix_socket *s;
	struct file *f;
	int err = get_socket(fd, &f, &s);
	if (err)
		return err;
	err = unix_shutdown(s, (int)how);
	file_put(f);
	return err;
}

long sys_setsockopt(u64 fd, u64 level, u64 name, u64 val, u64 len)
{
	struct unix_socket *s;
	struct file *f;
	if ((s32)len < 0)
		return -EINVAL;
	long err = get_socket(fd, &f, &s);
	if (err)
		return err;
	err = SOL_OK((int)level) ? unix_setsockopt(s, (int)name, val, (int)len) : -EOPNOTSUPP;
	file_put(f);
	return err;
}

long sys_getsockopt(u64 fd, u64 level, u64 name, u64 val, u64 ulen)
{
	struct unix_socket *s;
	struct file *f;
	long err = get_socket(fd, &f, &s);
	if (err)
		return err;
	err = SOL_OK((int)level) ? unix_getsockopt(s, (int)name, val, ulen) : -EOPNOTSUPP;
	file_put(f);
	return err;
}

/* --- sending and receiving --------------------------------------------------------------------------------------------------------------- */

static u32 with_nonblock(struct file *f, u32 flags) { return f->flags & O_NONBLOCK ? flags | MSG_DONTWAIT : flags; }

/* The socket (its file is to be put) and one buffer of user memory. */
static int get_socket_and_buffer(u64 fd, u64 buf, u64 len, struct file **f, struct unix_socket **s, struct iter *it)
{
	len = min(len, 0x7ffff000UL);
	if (!user_range_ok(buf, len))
		return -EFAULT;
	iter_init_user(it, buf, len);
	return get_socket(fd, f, s);
}

long sys_sendto(u64 fd, u64 buf, u64 len, u64 flags, u64 uaddr, u64 addrlen)
{
	struct unix_socket *s;
	struct file *f;
	struct iter it;
	struct socket_msg m = { .iter = &it };
	long ret = get_socket_and_buffer(fd, buf, len, &f, &s, &it);
	if (ret)
		return ret;
	if (uaddr) {
		ret = get_address(&m.name, uaddr, addrlen);
		m.namelen = (u32)addrlen;
	}
	if (!ret)
		ret = unix_sendmsg(s, &m, with_nonblock(f, (u32)flags));
	file_put(f);
	return ret;
}

long sys_recvfrom(u64 fd, u64 buf, u64 len, u64 flags, u64 uaddr, u64 ulen)
{
	struct unix_socket *s;
	struct file *f;
	struct iter it;
	struct socket_msg m = { .iter = &it };
	long ret = get_socket_and_buffer(fd, buf, len, &f, &s, &it);
	if (ret)
		return ret;
	ret = unix_recvmsg(s, &m, with_nonblock(f, (u32)flags));
	file_put(f);
	if (ret >= 0 && uaddr) {
		int err = put_address(&m.name, (int)m.namelen, uaddr, ulen);
		if (err)
			return err;
	}
	return ret;
}

/* The header at umsg and its vector. On success *heap is to be freed. */
static int get_header(uaddr_t umsg, struct user_msghdr *h, struct iter *it, struct iovec **heap)
{
	*heap = NULL;
	if (get_user(*h, umsg))
		return -EFAULT;
	if (!h->name)
		h->namelen = 0;
	if (h->namelen < 0)
		return -EINVAL;
	h->namelen = min(h->namelen, ADDR_MAX);
	if (h->iovlen > 1024)
		return -EMSGSIZE;
	return iter_import(it, h->iov, h->iovlen, heap);
}

static long send_one(struct unix_socket *s, uaddr_t umsg, u32 flags)
{
	struct user_msghdr h;
	struct iovec *heap;
	struct iter it;
	struct socket_msg m = { .iter = &it };
	long ret = get_header(umsg, &h, &it, &heap);
	if (ret)
		return ret;
	if (h.controllen > CONTROL_MAX)
		ret = -ENOBUFS;
	if (!ret && h.namelen)
		ret = get_address(&m.name, h.name, (u64)h.namelen);
	m.namelen = (u32)h.namelen;
	m.control = h.control;
	m.controllen = h.control ? h.controllen : 0;
	if (!ret)
		ret = unix_sendmsg(s, &m, flags);
	kfree(heap);
	return ret;
}

static long recv_one(struct unix_socket *s, uaddr_t umsg, u32 flags)
{
	struct user_msghdr h;
	struct iovec *heap;
	struct iter it;
	struct socket_msg m = { .iter = &it };
	long ret = get_header(umsg, &h, &it, &heap);
	if (ret)
		return ret;
	m.control = h.controllen ? h.control : 0;
	m.controllen = h.controllen;
	m.flags = flags & MSG_CMSG_CLOEXEC;
	ret = unix_recvmsg(s, &m, flags);
	kfree(heap);
	if (ret < 0)
		return ret;
	int err = 0;
	if (h.name)
		err = put_address(&m.name, (int)m.namelen, h.name, umsg + offsetof(struct user_msghdr, namelen));
	if (!err)
		err = put_user(m.flags, umsg + offsetof(struct user_msghdr, flags));
	if (!err)
		err = put_user(m.control ? m.control - h.control : 0UL, umsg + offsetof(struct user_msghdr, controllen));
	return err ? err : ret;
}

static long msg_call(u64 fd, u64 umsg, u32 flags, long (*one)(struct unix_socket *, uaddr_t, u32))
{
	struct unix_socket *s;
	struct file *f;
	long ret = get_socket(fd, &f, &s);
	if (ret)
		return ret;
	ret = one(s, umsg, with_nonblock(f, flags));
	file_put(f);
	return ret;
}

long sys_sendmsg(u64 fd, u64 umsg, u64 flags) { return msg_call(fd, umsg, (u32)flags, send_one); }
long sys_recvmsg(u64 fd, u64 umsg, u64 flags) { return msg_call(fd, umsg, (u32)flags, recv_one); }

/* --- many messages ----------------------------------------------------------------------------------------------------------------------- */

#define MMSG_SIZE 64 /* struct mmsghdr: a msghdr, an int, padding */

long sys_sendmmsg(u64 fd, u64 uvec, u64 n, u64 flags)
{
	struct unix_socket *s;
	struct file *f;
	u32 done = 0;
	long ret = get_socket(fd, &f, &s);
	if (ret)
		return ret;
	n = min((u32)n, 1024u);
	for (; done < n; done++) {
		uaddr_t u = uvec + done * MMSG_SIZE;
		ret = send_one(s, u, with_nonblock(f, (u32)flags));
		if (ret < 0 || put_user((u32)ret, u + sizeof(struct user_msghdr)))
			break;
		if (signal_pending())
			n = done + 1;
		cond_resched();
	}
	file_put(f);
	return done ? (long)done : ret < 0 ? ret : n ? -EFAULT : 0;
}

long sys_recvmmsg(u64 fd, u64 uvec, u64 n, u64 flags, u64 utimeout)
{
	struct __kernel_timespec ts;
	struct unix_socket *s;
	struct file *f;
	u64 end = ~0UL;
	u32 done = 0;
	if (utimeout) {
		if (get_user(ts, utimeout))
			return -EFAULT;
		if (!timespec_valid(&ts))
			return -EINVAL;
		end = clock_mono() + min(timespec_to_ns(&ts), ~0UL >> 1);
	}
	long ret = get_socket(fd, &f, &s);
	if (ret)
		return ret;
	u32 how = with_nonblock(f, (u32)flags & ~MSG_WAITFORONE);
	for (; done < (u32)n; done++) {
		uaddr_t u = uvec + done * MMSG_SIZE;
		ret = recv_one(s, u, how);
		if (ret < 0 || put_user((u32)ret, u + sizeof(struct user_msghdr)))
			break;
		if (flags & MSG_WAITFORONE)
			how |= MSG_DONTWAIT;
		if (clock_mono() >= end) {
			done++;
			break;
		}
		cond_resched();
	}
	file_put(f);
	if (utimeout && done) {
		u64 now = clock_mono();
		ts = ns_to_timespec(end > now ? end - now : 0);
		if (put_user(ts, utimeout))
			return -EFAULT;
	}
	return done ? (long)done : ret < 0 ? ret : n ? -EFAULT : 0;
}
