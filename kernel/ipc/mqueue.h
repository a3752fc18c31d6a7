/* POSIX message queues: what the file system (mqueue_fs.c) and the calls (mqueue.c) share. */
#ifndef PANDO_IPC_MQUEUE_H
#define PANDO_IPC_MQUEUE_H

#include <linux/mqueue.h>

#include "ipc/internal.h"
#include "vfs/file.h"

#define MQ_HARD_MSGMAX 65536
#define MQ_HARD_MSGSIZEMAX (16 * 1024 * 1024)

/* inode->private of a queue. Under its lock but for what is constant. */
struct mqueue {
	struct spinlock lock; /* RANK_IPC */
	s64 max_msgs, msg_size; /* constant */
	s64 count;
	u64 bytes;
	struct rb_root messages; /* struct msg: the highest priority first, then the oldest */
	struct list_head receivers, senders; /* struct mq_wait: the most important first, then who came first */
	struct wait_queue wait; /* pollers */
	struct {
		struct pid *pid; /* whose process is told of the next message; counted; NULL = nobody */
		struct user_namespace *user_ns; /* counted with it: how the sender's uid is shown */
		u64 exec_id; /* of the process: another program must not be told */
		s32 how, signo; /* SIGEV_NONE, SIGEV_SIGNAL */
		u64 value;
	} notify;
	struct user_account *account; /* constant, counted: charged for its memory */
	s64 charge; /* constant */
};
static inline struct mqueue *mqueue_of(const struct inode *i) { return i->private; }
extern const struct file_ops mqueue_file_ops;
/* mq_open with O_CREAT: the attributes of the queue that is made in ns's file system next, NULL = the defaults. => the root directory's lock */
void mqueue_want_attr(struct ipc_namespace *ns, const struct mq_attr *attr);
/* => lock. current's process is no longer told. */
void mqueue_stop_notify(struct mqueue *q);

#endif
