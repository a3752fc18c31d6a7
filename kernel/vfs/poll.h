/* poll, select and epoll share this: a file's poll op reports its events and, when pt is not NULL, names its wait queues. */
#ifndef PANDO_VFS_POLL_H
#define PANDO_VFS_POLL_H

#include <linux/eventpoll.h>
#include <linux/poll.h>

#include "sched/wait.h"

struct file;
struct poll_table {
	/* NULL: only ask. */
	void (*queue)(struct poll_table *pt, struct file *f, struct wait_queue *q);
};
static inline void poll_wait(struct file *f, struct wait_queue *q, struct poll_table *pt)
{
	if (pt && pt->queue)
		pt->queue(pt, f, q);
}
/* The file's events now (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM for files without the op). */
u32 file_poll(struct file *f, struct poll_table *pt);

/* The rest of a poll(2) that a stop and continue broke off. deadline: clock_mono() ns, ~0 = none. As sys_poll. */
long poll_restart(u64 ufds, u64 nfds, u64 deadline);

/* --- defined by proc --- */
/* ppoll, pselect, epoll_pwait: blocks `mask` (user address; 0 = nothing to do) for the call, remembering the old mask. 0, -EINVAL (size), -EFAULT. */
int hook_set_user_sigmask(uaddr_t mask, size_t size);
/* The end of that call. interrupted: a signal broke it off, so the old mask comes back when that signal is delivered (TIF_RESTORE_SIGMASK stays);
 * else it comes back now. Harmless when no mask was set. */
void hook_restore_sigmask_unless(bool interrupted);
/* Makes restart_syscall(2) of current call poll_restart() with these. */
void hook_restart_poll(u64 ufds, u64 nfds, u64 deadline);

#endif
