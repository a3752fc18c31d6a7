/*
 * Signals to owners of files (leases, dnotify) that come up under a spinlock and are sent when it is free: a signal takes locks that come before it.
 */
#ifndef PANDO_VFS_TELLS_H
#define PANDO_VFS_TELLS_H

#include "vfs/file.h"

#define TELLS_MAX 8
struct tells {
	u32 n;
	struct {
		struct file_owner *owner; /* counted */
		int fd;
	} at[TELLS_MAX];
};

/* f's owner is to be told. More than there is room for go through the kernel thread. => any locks */
static inline void tells_add(struct tells *t, struct file *f, int fd)
{
	struct file_owner *o = hook_file_owner_get(f);
	if (t->n == TELLS_MAX) {
		hook_file_owner_tell(o, fd, true);
		return;
	}
	t->at[t->n].owner = o;
	t->at[t->n++].fd = fd;
}

/* later: spinlocks are held even now. */
static inline void tells_send(struct tells *t, bool later)
{
	for (u32 k = 0; k < t->n; k++)
		hook_file_owner_tell(t->at[k].owner, t->at[k].fd, later);
	t->n = 0;
}

#endif
