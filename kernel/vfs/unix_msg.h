/* What unix_stream.c and unix_dgram.c need of unix_msg.c, and it of them. */
#ifndef PANDO_VFS_UNIX_MSG_H
#define PANDO_VFS_UNIX_MSG_H

#include "vfs/unix.h"

/* What a reader saw when there was nothing for it to take, all at one moment under the socket's lock. */
struct unix_idle {
	u64 arrivals;
	bool end, error; /* nothing more will come; an error waits */
};

/* A message of n bytes from `it`, charged to s. Waits for room in the send buffer. 0, -EPIPE, -EAGAIN, -ENOBUFS, -EFAULT, a pending error ... */
int unix_msg_create(struct unix_socket *s, struct iter *it, size_t n, u64 *timeo, struct unix_msg **out);
/* Gives m what was claimed and (the first time) the files. */
void unix_msg_attach(struct unix_msg *m, struct unix_scm *scm);
/* => to->lock. Queues m; whoever sends it is noted if either end is told such things. */
void unix_enqueue(struct unix_socket *s, struct unix_socket *to, struct unix_msg *m);
/* keys: POLL* beside those of reading. */
void unix_wake_receiver(struct unix_socket *to, u32 keys);
/* => s->lock. The first message of the queue, the one behind m: NULL = none. */
struct unix_msg *unix_first(struct unix_socket *s);
struct unix_msg *unix_after(struct unix_socket *s, struct unix_msg *m);
/* => s->lock */
void unix_note_idle(struct unix_socket *s, struct unix_idle *idle);
/* => read_lock, dropped while sleeping (and on failure). Waits for a message that was not there at `idle`. 0; 1 = there will be none; -errno. */
int unix_await(struct unix_socket *s, const struct unix_idle *idle, u64 *timeo);
/* => read_lock. The files of m for the receiver: taken off, or copied for a peek. -ENOMEM only in the latter case. */
int unix_take_files(struct unix_socket *s, struct unix_msg *m, bool peek, struct unix_scm *scm);
/* m's sender for the receiver. */
void unix_take_who(struct unix_scm *scm, const struct unix_msg *m);
void unix_give_name(struct socket_msg *msg, const struct unix_addr *a);
/* => read_lock. After n bytes were read, or (peek) looked at: where the next look begins. */
void unix_move_peek(struct unix_socket *s, size_t n, bool peek);
static inline u32 unix_left(const struct unix_msg *m) { return m->len - m->done; }

ssize_t unix_send_stream(struct unix_socket *s, struct socket_msg *msg, struct unix_scm *scm, u32 flags);
ssize_t unix_recv_stream(struct unix_socket *s, struct socket_msg *msg, u32 flags);
ssize_t unix_recv_urgent(struct unix_socket *s, struct socket_msg *msg, u32 flags);
ssize_t unix_send_dgram(struct unix_socket *s, struct socket_msg *msg, struct unix_scm *scm, u32 flags);
ssize_t unix_recv_dgram(struct unix_socket *s, struct socket_msg *msg, u32 flags);

#endif
