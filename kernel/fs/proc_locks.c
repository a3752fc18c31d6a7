/* File locks and leases as text: /proc/locks, and the lines of /proc/PID/fdinfo. Linux's format, which lslocks and others parse. */
#include <linux/fcntl.h>

#include "fs/procfs.h"
#include "mm/slab.h"
#include "vfs/locks.h"

static const char *type_name(short type) { return type == F_WRLCK ? "WRITE" : type == F_RDLCK ? "READ" : "UNLCK"; }

static void put_lock(struct text *t, u32 nr, const struct lock_info *l, s32 pid)
{
	text_printf(t, "%u: %s%s %s%s %d %02x:%02x:%lu ", nr, l->waits ? "-> " : "", l->what, l->how, type_name(l->type), pid, MAJOR(l->dev),
		MINOR(l->dev), l->ino);
	if (l->end == LOCK_TO_EOF)
		text_printf(t, "%ld EOF\n", l->start);
	else
		text_printf(t, "%ld %ld\n", l->start, l->end);
}

/* The owner's number to the reader: -1 where locks have none, 0 for who is gone or out of sight. */
static s32 visible(s32 pid) { return pid < 0 ? pid : hook_pid_visible(pid); }

/* Locks as locks_snapshot() gives them, which may grow in number meanwhile. 0 or -ENOMEM. */
static int snapshot(const struct file *f, const struct fdtable *table, struct lock_info **out, u32 *n)
{
	u32 room = 8;
	for (;;) {
		*out = kmalloc(room * sizeof(**out));
		if (!*out)
			return -ENOMEM;
		*n = locks_snapshot(f, table, *out, room);
		if (*n <= room)
			return 0;
		kfree(*out);
		room = *n + 8;
	}
}

int proc_show_fd_locks(struct text *t, const struct file *f, const struct fdtable *table)
{
	struct lock_info *l;
	u32 n;
	if (list_empty(&f->inode->locks) && !f->inode->leases)
		return 0;
	int err = snapshot(f, table, &l, &n);
	if (err)
		return err;
	for (u32 k = 0; k < n; k++) {
		text_printf(t, "lock:\t");
		put_lock(t, k + 1, &l[k], visible(l[k].pid));
	}
	kfree(l);
	return 0;
}

/* Those whose owner the reader can see; what nobody waits for has a number of its own. */
int proc_show_locks(struct text *t, const struct proc_node *n)
{
	struct lock_info *l;
	u32 count, nr = 0;
	int err = snapshot(NULL, NULL, &l, &count);
	if (err)
		return err;
	for (u32 k = 0; k < count; k++) {
		s32 pid = visible(l[k].pid);
		if (!l[k].waits)
			nr++;
		if (pid)
			put_lock(t, nr, &l[k], pid);
	}
	kfree(l);
	return 0;
}
