/* The ring of a pipe, for pipe.c and splice.c. */
#ifndef PANDO_VFS_PIPE_RING_H
#define PANDO_VFS_PIPE_RING_H

#include "vfs/pipe.h"
#include "vfs/poll.h"

#define KEY_READABLE (POLLIN | POLLRDNORM)
#define KEY_WRITABLE (POLLOUT | POLLWRNORM)

static inline u32 pipe_used(const struct pipe *p) { return READ_ONCE(p->head) - READ_ONCE(p->tail); }
static inline bool pipe_empty(const struct pipe *p) { return READ_ONCE(p->head) == READ_ONCE(p->tail); }
static inline bool pipe_full(const struct pipe *p) { return pipe_used(p) >= READ_ONCE(p->slots); }
static inline struct pipe_slot *slot_at(struct pipe *p, u32 pos) { return &p->ring[pos & (p->slots - 1)]; }

static inline void wake_readers(struct pipe *p)
{
	if (wait_queue_active(&p->rd_wait))
		wake_up_key(&p->rd_wait, TASK_NORMAL, 1, KEY_READABLE);
}
static inline void wake_writers(struct pipe *p)
{
	if (wait_queue_active(&p->wr_wait))
		wake_up_key(&p->wr_wait, TASK_NORMAL, 1, KEY_WRITABLE);
}

static inline bool pipe_read_can_go_on(const struct pipe *p) { return !pipe_empty(p) || !READ_ONCE(p->writers); }
static inline bool pipe_write_can_go_on(const struct pipe *p) { return !pipe_full(p) || !READ_ONCE(p->readers); }
/* Sleeps, exclusively, until ready(p). => no locks. 0 or -ERESTARTSYS. */
int pipe_wait(struct pipe *p, struct wait_queue *q, bool (*ready)(const struct pipe *));

#endif
