/* What /proc/locks and /proc/PID/fdinfo show of file locks and leases. vfs/locks.c, vfs/leases.c. */
#ifndef PANDO_VFS_LOCKS_H
#define PANDO_VFS_LOCKS_H

#include "vfs/file.h"

#define LOCK_TO_EOF 0x7fffffffffffffffL
struct lock_info {
	const char *what, *how; /* Linux's first two columns */
	bool waits; /* for the one before it that does not */
	short type; /* F_RDLCK, F_WRLCK, F_UNLCK */
	s64 start, end; /* inclusive */
	s32 pid; /* of hook_current_tgid(); -1: nobody's */
	u64 dev, ino;
};
/* Every lock of the machine (of NULL), or those that f has through `table`. Fills at most `room` records; returns how many there are. => no spinlocks */
u32 locks_snapshot(const struct file *f, const struct fdtable *table, struct lock_info *buf, u32 room);
/* The leases alone. => file_locks_lock */
u32 leases_snapshot(const struct file *f, struct lock_info *buf, u32 room);

/* fs.lease-break-time (seconds), fs.leases-enable, fs.dir-notify-enable. */
extern u32 lease_break_time, leases_enable, dir_notify_enable;

#endif
