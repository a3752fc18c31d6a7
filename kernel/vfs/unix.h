/*
 * Unix sockets. unix.c: life and the file's operations; unix_name.c: names; unix_connect.c: connections; unix_opts.c: options; unix_msg.c: messages, their
 * sending and receiving in unix_stream.c and unix_dgram.c; unix_scm.c: descriptors and credentials that travel with messages, and the collection of sockets that
 * only messages still hold.
 */
#ifndef PANDO_VFS_UNIX_H
#define PANDO_VFS_UNIX_H

#include "sched/mutex.h"
#include "vfs/cred.h"
#include "vfs/file.h"
#include "vfs/socket.h"

#define NO_TIMEOUT (~0UL)

struct pid; /* proc's */
/* Whom a message is from. Ids are those of the initial namespace; nobody: pid NULL and NO_ID. */
struct unix_who {
	struct pid *pid; /* counted, or NULL */
	u32 uid, gid;
};
/* A process at one moment, for SO_PEERCRED, SO_PEERPIDFD and SO_PEERGROUPS. Both counted; both NULL = none. */
struct unix_peer {
	struct pid *pid;
	const struct cred *cred;
};
struct unix_addr {
	atomic_t refs;
	u32 len; /* of the whole sockaddr; >= 2 */
	struct sockaddr_un name;
};
/* Descriptors inside a message. Owned by the message; each file is a reference. */
struct unix_files {
	struct unix_files *next; /* on its way to file_put() */
	u32 n;
	u32 owner;               /* counter index of the sender's account */
	bool counted;            /* in flight: counted by unix_scm.c */
	struct file *file[];
};
struct unix_msg {
	struct list_head node;      /* receiver's lock: its queue */
	struct unix_socket *sender; /* counted; charged with `charge` bytes */
	struct unix_addr *from;     /* counted, or NULL */
	struct unix_files *files;   /* receiver's lock, and its read_lock to take them off; or NULL */
	struct unix_who who;
	u32 charge;
	u32 len, done;              /* done: receiver's read_lock; bytes taken already (streams) */
	bool peeked; /* receiver's lock: an empty datagram that was looked at */
	u64 stamp; /* when it was sent, ns of CLOCK_REALTIME; 0 = not noted */
	char data[];
};

enum unix_state { UNIX_CLOSED, UNIX_LISTENING, UNIX_CONNECTED };
enum gc_state { GC_NONE, GC_CANDIDATE, GC_REACHABLE };

/* Locks: L = lock; R = read_lock; T = unix_table_lock; a = atomic; I = constant. */
struct unix_socket {
	atomic_t refs;               /* file, peer pointers, messages sent, the accept queue */
	struct net_namespace *net;   /* I: counted; its maker's: whose abstract names it sees */
	struct list_head all_node;   /* unix.c's all_lock */
	u64 ino;                     /* a: of its file, 0 = none yet */
	u8 type;                     /* I: SOCK_* */
	u8 state;                    /* L: enum unix_state */
	u8 shutdown;                 /* L: SHUT_* */
	bool dead;                   /* L: released */
	bool passcred, passpidfd, passsec; /* a */
	u8 stamps; /* a: STAMP_*: messages come with the time */
	struct spinlock lock;        /* RANK_UNIX */
	struct mutex read_lock;      /* RANK_SOCKET: one reader at a time takes from the queue */
	struct mutex bind_lock;      /* RANK_RENAME: bind is one at a time, above the path walk */
	struct wait_queue wait;      /* whoever waits for this socket: readers, writers, pollers, accept */
	struct wait_queue peer_wait; /* others that wait for room in our queue */
	struct list_head queue;      /* L: struct unix_msg */
	u32 queued;                  /* L: how many */
	u64 arrivals; /* L: how many there have ever been */
	struct unix_msg *urgent; /* L: the message of the queue that is one urgent byte, or NULL */
	s32 peek_off; /* read_lock: SO_PEEK_OFF, -1 = none */
	u32 max_queue;               /* L: datagrams, or connections not accepted */
	struct list_head pending;    /* L: listeners: connections not accepted, accept_node */
	u32 nr_pending;              /* L */
	struct list_head accept_node;/* the listener's L */
	struct unix_socket *peer;    /* L: counted */
	struct list_head clients;    /* T: datagram sockets connected to us, client_node */
	struct list_head client_node;/* T */
	struct unix_addr *addr;      /* L to write once; constant after */
	struct path path;            /* T: bound in the file system (holds the mount); mnt NULL = not */
	struct inode *inode;         /* T: the same's inode, counted, or NULL */
	struct list_head name_node;  /* T: abstract names */
	struct unix_peer peer_id; /* L: the peer's process when the two were joined; a listener's own */
	u64 cookie; /* a: SO_COOKIE, 0 = nobody asked yet */
	s32 error;                   /* a: pending, positive */
	atomic_t wmem;               /* a: bytes sent and not yet received */
	u32 sndbuf, rcvbuf;          /* a */
	u64 rcvtimeo, sndtimeo;      /* a: ns or NO_TIMEOUT */
	u32 flags;                   /* a: the options that are only remembered, BIT(SO_*) */
	s32 lowat; /* a: SO_RCVLOWAT */
	s32 linger_on, linger_time, priority; /* a: remembered */
	struct file *file;           /* I once installed: not counted; NULL before accept */
	u32 inflight;                /* T: messages that hold file */
	u32 gc_count;                /* T: scratch of a collection */
	u8 gc_state;                 /* T: enum gc_state */
	struct list_head inflight_node; /* T: all sockets with inflight > 0 */
	struct list_head gc_node;    /* T */
};
#define STAMP_ON 1u
#define STAMP_NS 2u /* a timespec, not a timeval */
#define STAMP_NEW 4u /* under the numbers of the 64-bit time ABI */
/* net.core.{r,w}mem_{default,max}: unix_opts.c. */
#define UNIX_SNDBUF_MIN 4608u
#define UNIX_RCVBUF_MIN 2304u
extern u32 unix_sndbuf_default, unix_sndbuf_max, unix_rcvbuf_default, unix_rcvbuf_max;
extern struct spinlock unix_table_lock; /* RANK_UNIX_TABLE */
extern const struct file_ops unix_fops;

/* --- unix.c --- */
void unix_get(struct unix_socket *s);
void unix_put(struct unix_socket *s);
void unix_addr_put(struct unix_addr *a);
/* A fresh socket with refs 1 (type checked by the caller), or NULL. */
struct unix_socket *unix_create(u8 type);
/* Gives s (takes over the reference, also on failure) an open file. flags: O_NONBLOCK or 0. */
int unix_file_create(struct unix_socket *s, u32 flags, struct file **out);
/* The socket behind f, or NULL. */
struct unix_socket *unix_from_file(struct file *f);
/* Locks two different sockets (L), and unlocks them. */
void unix_lock_two(struct unix_socket *a, struct unix_socket *b);
void unix_unlock_two(struct unix_socket *a, struct unix_socket *b);
/* The peer with a reference, or NULL. */
struct unix_socket *unix_peer_get(struct unix_socket *s);
/* Current / another reference to p / gives a reference back: not with spinlocks held. */
struct unix_peer unix_peer_me(void);
struct unix_peer unix_peer_again(struct unix_peer p);
void unix_peer_drop(struct unix_peer p);
/* s is told whom its messages are from. */
static inline bool unix_wants_sender(const struct unix_socket *s) { return READ_ONCE(s->passcred) || READ_ONCE(s->passpidfd); }
/* The live socket of s's type that s knows by that name, with a reference. 0, -ECONNREFUSED, -EPROTOTYPE, -EACCES, or from the path walk. May sleep. */
int unix_find(const struct unix_socket *s, const struct sockaddr_un *name, u32 len, struct unix_socket **out);
/* Checks a name from user space: 0 or -EINVAL. */
int unix_check_name(const struct sockaddr_un *name, u32 len);
/* A name of its own for a socket that has none. 0, -ENOMEM, -ENOSPC. */
int unix_autobind(struct unix_socket *s);
int unix_bind(struct unix_socket *s, const struct sockaddr_un *name, u32 len);
int unix_listen(struct unix_socket *s, int backlog);
/* nonblock: O_NONBLOCK. */
int unix_connect(struct unix_socket *s, const struct sockaddr_un *name, u32 len, bool nonblock);
/* The next connection, with a reference; it has no file yet. */
int unix_accept(struct unix_socket *s, bool nonblock, struct unix_socket **out);
int unix_pair(struct unix_socket *a, struct unix_socket *b);
int unix_shutdown(struct unix_socket *s, int how);
/* s's own (peer: the peer's) name. Returns its length; 2 when it has none. -ENOTCONN. */
int unix_name(struct unix_socket *s, bool peer, struct sockaddr_un *out);
/* Takes the pending error: positive errno or 0. */
s32 unix_take_error(struct unix_socket *s);
/* Room for a sender by poll's measure. */
bool unix_writable(const struct unix_socket *s);
/* => L. More datagrams or connections wait than allowed. */
bool unix_queue_full(const struct unix_socket *s);
/* Datagram receiver: its queue has room again. */
void unix_room(struct unix_socket *s);
/* A datagram socket's peer becomes `peer` (its reference is taken over; NULL = none). Drops the old one. */
void unix_set_dgram_peer(struct unix_socket *s, struct unix_socket *peer);
static inline bool unix_is_connected_type(const struct unix_socket *s) { return s->type != SOCK_DGRAM; }
/* Nobody finds s by its name any more. */
void unix_forget_name(struct unix_socket *s);
/* Options of level SOL_SOCKET. */
long unix_setsockopt(struct unix_socket *s, int name, uaddr_t val, int len);
long unix_getsockopt(struct unix_socket *s, int name, uaddr_t val, uaddr_t ulen);

/* Sleeps on q until cond or *timeo (ns, counts down; 0 = do not sleep). 0, -EAGAIN, -ERESTARTSYS or -EINTR as Linux's sock_intr_errno. */
#define unix_wait(q, cond, timeo)                                                                                      \
	({                                                                                                                 \
		int ret_ = 0;                                                                                                  \
		struct wait_entry we_;                                                                                         \
		wait_entry_init(&we_);                                                                                         \
		wait_add(&(q), &we_);                                                                                          \
		for (;;) {                                                                                                     \
			set_current_state(TASK_INTERRUPTIBLE);                                                                     \
			if (cond)                                                                                                  \
				break;                                                                                                 \
			if (!*(timeo))                                                                                             \
				ret_ = -EAGAIN;                                                                                        \
			else if (signal_pending())                                                                                 \
				ret_ = *(timeo) == NO_TIMEOUT ? -ERESTARTSYS : -EINTR;                                                 \
			if (ret_)                                                                                                  \
				break;                                                                                                 \
			if (*(timeo) == NO_TIMEOUT)                                                                                \
				schedule();                                                                                            \
			else                                                                                                       \
				*(timeo) = schedule_timeout(*(timeo));                                                                 \
		}                                                                                                              \
		set_current_state(TASK_RUNNING);                                                                               \
		wait_remove(&(q), &we_);                                                                                       \
		ret_;                                                                                                          \
	})

/* --- unix_msg.c --- */
/* flags: MSG_*. Bytes or -errno. */
ssize_t unix_sendmsg(struct unix_socket *s, struct socket_msg *m, u32 flags);
ssize_t unix_recvmsg(struct unix_socket *s, struct socket_msg *m, u32 flags);
void unix_msg_free(struct unix_msg *msg);
/* => s->lock. m leaves the queue. */
void unix_dequeue(struct unix_socket *s, struct unix_msg *m);
/* Bytes a read would give now (SIOCINQ). -EINVAL for listeners. */
long unix_inq(struct unix_socket *s);
/* => s->lock. Is there anything nobody has read? */
bool unix_unread(const struct unix_socket *s);
/* The next read would begin at an urgent byte's place (SIOCATMARK). */
bool unix_at_mark(struct unix_socket *s);
/* Descriptors in the messages of s's queue, or of those of connections that wait. */
u32 unix_files_waiting(struct unix_socket *s);

/* --- unix_scm.c --- */
struct unix_scm {
	struct unix_who who; /* counted; as claimed by SCM_CREDENTIALS, or nobody */
	struct unix_files *files;
};
/* Reads a sender's control data. 0, -EINVAL, -EPERM, -ESRCH, -EBADF, -ENOMEM, -EFAULT, -ETOOMANYREFS. On success scm_drop() is due. */
int scm_send(struct socket_msg *m, struct unix_scm *scm);
/* Stores credentials, descriptors and a pidfd into the receiver's control buffer; consumes the files and the credentials. */
void scm_recv(struct unix_socket *s, struct socket_msg *m, struct unix_scm *scm, u32 flags);
/* Gives back what is left in scm. */
void scm_drop(struct unix_scm *scm);
/* A control message of level SOL_SOCKET, cut with MSG_CTRUNC where there is not enough room. */
void scm_put(struct socket_msg *m, int type, const void *data, u64 len);
/* Puts files that no message owns (any more). NULL is fine. */
void unix_files_drop(struct unix_files *files);
/* Counts files as in flight / not any more. */
void unix_files_attach(struct unix_files *files);
void unix_files_detach(struct unix_files *files);
/* A copy of the references for MSG_PEEK; NULL: no memory. */
struct unix_files *unix_files_dup(struct unix_files *files);
/* Frees sockets that are held by messages in their own queues only. */
void unix_gc(void);

/* --- defined by proc: vfs_hooks.c --- */
/* Current's process, counted; hook_pid_get and _put count it further (put: NULL is fine). */
struct pid *hook_pid_of_current(void);
void hook_pid_get(struct pid *p);
void hook_pid_put(struct pid *p);
/* The number current knows it by, also after its end; 0 = current does not see it. NULL: 0. */
s32 hook_pid_shown(const struct pid *p);
/* An open pidfd for it. 0, -EINVAL (no such process any more), -ENOMEM ... */
int hook_pidfd_open(struct pid *p, struct file **out);
/* May current say that it is process `nr` (as it counts)? *out is counted. 0, -EPERM, -ESRCH. */
int hook_claim_pid(s32 nr, struct pid **out);
/* f's owner gets SIGURG. => no spinlocks */
void hook_file_owner_urgent(struct file *f);
/* SIOCGSKNS: a descriptor for ns. -EPERM ... */
long hook_net_ns_open(struct net_namespace *ns);
/* Lines of /proc/net/unix: calls fn for every socket of ns with a spinlock held, until it returns false. */
void unix_for_each(const struct net_namespace *ns, bool (*fn)(struct unix_socket *s, void *arg), void *arg);
/* One such line with its newline; length as format_str. */
int unix_line(struct unix_socket *s, char *buf, size_t size);

#endif
