/*
 * File leases: the holder is told by a signal before somebody else opens or truncates the file, and has time to write back what it caches. Entry points:
 * lease_get, lease_set, leases_break_slow, leases_remove_file, leases_snapshot.
 *
 * The rules are those of Linux's fs/locks.c: a read lease goes with readers, a write lease with nobody. A conflicting open marks the leases in its way as
 * breaking, tells their holders and waits until they have given way or fs.lease-break-time is over, when the lease is taken from them. It has been counted in
 * inode->writers or ->readers before it looks for leases, and who sets a lease puts it there before he looks at those counts: one of the two sees the other.
 */
#include "gen/sys_protos.h"
#include "vfs/internal.h"
#include "vfs/locks.h"
#include "vfs/tells.h"

struct lease {
	struct list_head all; /* all_leases */
	struct lease *next; /* of the inode, in order of their setting */
	struct file *file; /* not counted: its last reference ends the lease */
	short type; /* F_RDLCK, F_WRLCK */
	bool to_unlock, to_read; /* it is breaking: to nothing, to a read lease */
	u64 unlock_at, read_at; /* clock_mono() when patience ends; 0 = never */
	s32 pid;
	int fd; /* what the signal names */
	struct file_owner *owner; /* of a lease that has ended: counted, whom free_leases() makes forget */
}; /* all fields: file_locks_lock */

u32 lease_break_time = 45, leases_enable = 1;
static LIST_HEAD(all_leases); /* file_locks_lock */
static struct wait_queue lease_wait = WAIT_QUEUE_INIT(lease_wait); /* something about a lease has changed */

/* --- one lease: => file_locks_lock ------------------------------------------------------------------------------------------------------------- */

static bool is_breaking(const struct lease *l) { return l->to_unlock || l->to_read; }
static bool in_the_way(const struct lease *l, bool write) { return write || l->type == F_WRLCK; }
/* What it will be when its holder has given way. */
static short target_type(const struct lease *l) { return l->to_unlock ? F_UNLCK : l->to_read ? F_RDLCK : l->type; }

/* It becomes what its holder asks for, or what it is made when his time is over. With F_UNLCK it goes to *dead. */
static void change_lease(struct lease **at, short type, struct lease **dead)
{
	struct lease *l = *at;
	if (type == F_RDLCK || type == F_UNLCK) {
		l->to_read = false;
		l->read_at = 0;
	}
	if (type == F_UNLCK) {
		l->owner = hook_file_owner_get(l->file);
		*at = l->next;
		list_del(&l->all);
		l->next = *dead;
		*dead = l;
	}
	l->type = type;
	wake_up_all(&lease_wait);
}

/* Takes from the holders what they had time to give. */
static void time_out(struct inode *i, struct lease **dead)
{
	u64 now = clock_mono();
	for (struct lease **at = &i->leases, *l; (l = *at);) {
		if (l->read_at && now >= l->read_at)
			change_lease(at, F_RDLCK, dead);
		if (l->unlock_at && now >= l->unlock_at)
			change_lease(at, F_UNLCK, dead);
		else
			at = &l->next;
	}
}

/* => no spinlocks */
static void free_leases(struct lease *dead)
{
	while (dead) {
		struct lease *l = dead;
		dead = l->next;
		hook_file_owner_clear(l->owner);
		kfree(l);
	}
}

/* --- breaking ---------------------------------------------------------------------------------------------------------------------------------- */

/* => file_locks_lock. Marks what is in the way of an open. */
static void mark_breaking(struct inode *i, bool write, struct tells *tells)
{
	u64 until = lease_break_time ? clock_mono() + lease_break_time * NSEC_PER_SEC : 0;
	for (struct lease *l = i->leases; l; l = l->next) {
		if (!in_the_way(l, write) || (write ? l->to_unlock : is_breaking(l)))
			continue;
		if (write) {
			l->to_unlock = true;
			l->unlock_at = until;
		} else {
			l->to_read = true;
			l->read_at = until;
		}
		tells_add(tells, l->file, l->fd);
	}
}

/* Is there still a lease in the way? *ns: how long at most until one of them is taken away, ~0 = no limit. Those in the way that nobody has broken yet are. */
static bool still_leased(struct inode *i, bool write, bool mark, u64 *ns)
{
	struct lease *dead = NULL;
	struct tells tells = { 0 };
	bool found = false;
	u64 now = clock_mono();
	*ns = ~0UL;
	spin_lock(&file_locks_lock);
	time_out(i, &dead);
	if (mark)
		mark_breaking(i, write, &tells);
	for (struct lease *l = i->leases; l; l = l->next) {
		u64 at = l->unlock_at && l->read_at ? min(l->unlock_at, l->read_at) : l->unlock_at + l->read_at;
		found |= in_the_way(l, write);
		if (at)
			*ns = min(*ns, at > now ? at - now : 1);
	}
	spin_unlock(&file_locks_lock);
	free_leases(dead);
	tells_send(&tells, false);
	return found;
}

int leases_break_slow(struct inode *i, u32 flags)
{
	bool write = (flags & O_ACCMODE) != O_RDONLY;
	struct wait_entry e;
	u64 ns;
	int err = 0;
	if (!still_leased(i, write, true, &ns))
		return 0;
	if (flags & O_NONBLOCK)
		return -EWOULDBLOCK;
	wait_entry_init(&e);
	wait_add(&lease_wait, &e);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (!still_leased(i, write, false, &ns))
			break;
		if (signal_pending()) {
			err = -ERESTARTSYS;
			break;
		}
		schedule_timeout(ns);
	}
	set_current_state(TASK_RUNNING);
	wait_remove(&lease_wait, &e);
	return err;
}

/* --- fcntl ------------------------------------------------------------------------------------------------------------------------------------- */

long lease_get(struct file *f)
{
	struct lease *dead = NULL;
	long type = F_UNLCK;
	if (!READ_ONCE(f->inode->leases))
		return F_UNLCK;
	spin_lock(&file_locks_lock);
	time_out(f->inode, &dead);
	for (struct lease *l = f->inode->leases; l; l = l->next)
		if (l->file == f)
			type = target_type(l);
	spin_unlock(&file_locks_lock);
	free_leases(dead);
	return type;
}

/* Has somebody the file open in a way that a lease of this type does not go with? Its own file may be there; running programs count as writers < 0. */
static bool opened_against(struct file *f, int type)
{
	s32 writers = READ_ONCE(f->inode->writers);
	if (type == F_RDLCK)
		return writers > 0;
	return writers != (f->fmode & FMODE_WRITER ? 1 : 0) || atomic_read(&f->inode->readers) != (f->fmode & FMODE_READER ? 1 : 0);
}

/* => file_locks_lock. fresh: becomes the lease (true in *used) if f has none. 0, -EAGAIN, -EINVAL. */
static int set_locked(struct file *f, short type, struct lease *fresh, bool *used, struct lease **dead)
{
	struct lease **mine = NULL, **at;
	time_out(f->inode, dead);
	if (opened_against(f, type))
		return -EAGAIN;
	for (at = &f->inode->leases; *at; at = &(*at)->next) {
		if ((*at)->file == f)
			mine = at;
		else if (type == F_WRLCK || (*at)->to_unlock)
			return -EAGAIN;
	}
	if (mine) {
		(*mine)->fd = fresh->fd;
		change_lease(mine, type, dead);
		return 0;
	}
	if (!leases_enable)
		return -EINVAL;
	WRITE_ONCE(*at, fresh);
	smp_mb();
	if (opened_against(f, type)) {
		*at = NULL;
		wake_up_all(&lease_wait); /* an open may have seen it */
		return -EAGAIN;
	}
	list_add_tail(&fresh->all, &all_leases);
	*used = true;
	return 0;
}

static int add_lease(struct file *f, int fd, short type)
{
	struct lease *dead = NULL, *fresh = kzalloc(sizeof(*fresh));
	bool used = false;
	if (!fresh)
		return -ENOMEM;
	*fresh = (struct lease){ .file = f, .type = type, .pid = hook_current_tgid(), .fd = fd };
	/* Before anybody can break the lease. */
	int owner = hook_file_owner_default(f), err = min(owner, 0);
	if (!err) {
		spin_lock(&file_locks_lock);
		err = set_locked(f, type, fresh, &used, &dead);
		spin_unlock(&file_locks_lock);
	}
	if (err && owner > 0)
		hook_file_owner_undo(f);
	if (!used)
		kfree(fresh);
	free_leases(dead);
	return err;
}

/* Ends the lease of f; false: there is none. */
static bool end_lease(struct file *f)
{
	struct lease *dead = NULL, **at;
	spin_lock(&file_locks_lock);
	for (at = &f->inode->leases; *at && (*at)->file != f; at = &(*at)->next)
		;
	bool found = *at;
	if (found)
		change_lease(at, F_UNLCK, &dead);
	spin_unlock(&file_locks_lock);
	free_leases(dead);
	return found;
}

long lease_set(struct file *f, int fd, int type)
{
	if (type != F_RDLCK && type != F_WRLCK && type != F_UNLCK)
		return -EINVAL;
	if (current_cred()->fsuid != f->inode->uid && !capable(CAP_LEASE))
		return -EACCES;
	if (!S_ISREG(f->inode->mode) || f->ops->no_leases)
		return -EINVAL;
	if (type == F_UNLCK)
		return end_lease(f) ? 0 : -EAGAIN;
	return add_lease(f, fd, (short)type);
}

void leases_remove_file(struct file *f) { end_lease(f); }

/* --- /proc ------------------------------------------------------------------------------------------------------------------------------------- */

u32 leases_snapshot(const struct file *of, struct lock_info *buf, u32 room)
{
	struct lease *l;
	u32 n = 0;
	list_for_each (l, &all_leases, all) {
		if (of && l->file != of)
			continue;
		if (n < room)
			buf[n] = (struct lock_info){ .what = "LEASE ",
				.how = is_breaking(l) ? "BREAKING  " : "ACTIVE    ",
				.type = target_type(l),
				.end = LOCK_TO_EOF,
				.pid = l->pid,
				.dev = l->file->inode->sb->dev,
				.ino = l->file->inode->ino };
		n++;
	}
	return n;
}
