/* The socket ABI's numbers that the UAPI headers lack, and the system calls' view of a message. vfs/socket.c */
#ifndef PANDO_VFS_SOCKET_H
#define PANDO_VFS_SOCKET_H

#include <asm/socket.h>
#include <linux/un.h>

#include "vfs/iter.h"

#define AF_UNIX 1
#define AF_MAX 46
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define SOCK_SEQPACKET 5
#define SOCK_MAX 11
#define SOCK_TYPE_MASK 0xf
#define SOCK_CLOEXEC 02000000
#define SOCK_NONBLOCK 04000

#define MSG_OOB 1u
#define MSG_PEEK 2u
#define MSG_CTRUNC 8u
#define MSG_TRUNC 0x20u
#define MSG_DONTWAIT 0x40u
#define MSG_EOR 0x80u
#define MSG_WAITALL 0x100u
#define MSG_ERRQUEUE 0x2000u
#define MSG_NOSIGNAL 0x4000u
#define MSG_WAITFORONE 0x10000u
#define MSG_CMSG_CLOEXEC 0x40000000u

#define SCM_RIGHTS 1
#define SCM_CREDENTIALS 2
#define SCM_PIDFD 4
#ifndef SO_PASSPIDFD /* since Linux 6.5 */
#define SO_PASSPIDFD 76
#define SO_PEERPIDFD 77
#endif
#define SCM_MAX_FD 253

#define SHUT_RCV 1u /* struct unix_socket's shutdown bits: how + 1 */
#define SHUT_SND 2u

struct user_msghdr {
	uaddr_t name;
	s32 namelen;
	u32 pad;
	uaddr_t iov;
	u64 iovlen;
	uaddr_t control;
	u64 controllen;
	u32 flags;
	u32 pad2;
};
_Static_assert(sizeof(struct user_msghdr) == 56, "struct user_msghdr");
struct user_cmsghdr {
	u64 len; /* with this header */
	s32 level, type;
};
#define CMSG_ALIGN(n) ALIGN_UP((u64)(n), 8)

/* A message on its way in or out. */
struct socket_msg {
	struct sockaddr_un name;
	u32 namelen;         /* send: 0 = none; recv: what was stored in name */
	struct iter *iter;
	uaddr_t control;     /* user address; recv: advances as headers are stored */
	u64 controllen;      /* recv: bytes left */
	u32 flags;           /* recv: MSG_TRUNC, MSG_CTRUNC ... for msg_flags */
};

#endif
