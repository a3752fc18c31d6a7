/*
 * What travels with a message besides bytes: credentials and descriptors. Entry points: scm_send(), scm_recv(), unix_gc().
 *
 * A descriptor of a unix socket inside a message may form a cycle: a socket whose last reference lies in its own (or a friend's) queue. Each
 * socket counts the messages that hold its file (inflight). A socket with as many file references as messages is a candidate; references that
 * come from queues of candidates are subtracted; what is left over comes from outside, and everything reachable from there lives. The rest
 * is garbage: its messages are taken out and freed, which frees the sockets. All that under unix_table_lock.
 */
#include <linux/capability.h>
#include <linux/resource.h>

#include "lib/bug.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/unix.h"

#define ACCOUNTS 64

static LIST_HEAD(inflight_list);       /* unix_table_lock: sockets in flight */
static u32 inflight_by_uid[ACCOUNTS];  /* atomic: descriptors in flight, by hash of the sender's uid */
static struct unix_files *put_list;    /* unix_table_lock: waiting for file_put() */
static bool putting, collecting;       /* unix_table_lock */

/* --- counting in flight ------------------------------------------------------------------------------------------------------------------ */

void unix_files_attach(struct unix_files *fs)
{
	if (!fs)
		return;
	spin_lock(&unix_table_lock);
	for (u32 i = 0; i < fs->n; i++) {
		struct unix_socket *s = unix_from_file(fs->file[i]);
		if (s && s->inflight++ == 0)
			list_add_tail(&s->inflight_node, &inflight_list);
	}
	spin_unlock(&unix_table_lock);
	__atomic_fetch_add(&inflight_by_uid[fs->owner], fs->n, __ATOMIC_RELAXED);
	fs->counted = true;
}

void unix_files_detach(struct unix_files *fs)
{
	if (!fs || !fs->counted)
		return;
	spin_lock(&unix_table_lock);
	for (u32 i = 0; i < fs->n; i++) {
		struct unix_socket *s = unix_from_file(fs->file[i]);
		if (s && --s->inflight == 0)
			list_del(&s->inflight_node);
	}
	spin_unlock(&unix_table_lock);
	__atomic_fetch_sub(&inflight_by_uid[fs->owner], fs->n, __ATOMIC_RELAXED);
	fs->counted = false;
}

struct unix_files *unix_files_dup(struct unix_files *fs)
{
	struct unix_files *copy = kmemdup(fs, sizeof(*fs) + fs->n * sizeof(fs->file[0]));
	if (!copy)
		return NULL;
	copy->counted = false;
	/* Under the lock, so that a collection sees either none or all of these references. */
	spin_lock(&unix_table_lock);
	for (u32 i = 0; i < copy->n; i++)
		file_get(copy->file[i]);
	spin_unlock(&unix_table_lock);
	return copy;
}

/* Putting the last reference of a socket frees its messages, which may hold the last reference of a socket, and so on: the chain is walked here in a
 * loop, not by recursion. Whoever comes while somebody is at it leaves his there. */
void unix_files_drop(struct unix_files *fs)
{
	if (!fs)
		return;
	unix_files_detach(fs);
	spin_lock(&unix_table_lock);
	fs->next = put_list;
	put_list = fs;
	if (putting) {
		spin_unlock(&unix_table_lock);
		return;
	}
	putting = true;
	while ((fs = put_list)) {
		put_list = fs->next;
		spin_unlock(&unix_table_lock);
		for (u32 i = 0; i < fs->n; i++)
			if (fs->file[i])
				file_put(fs->file[i]);
		kfree(fs);
		cond_resched();
		spin_lock(&unix_table_lock);
	}
	putting = false;
	spin_unlock(&unix_table_lock);
}

/* --- garbage ----------------------------------------------------------------------------------------------------------------------------- */

typedef void (*child_fn)(struct unix_socket *child, struct list_head *list);

/* => unix_table_lock, s->lock. For each candidate socket in the messages of s's queue. */
static void each_in_queue(struct unix_socket *s, child_fn fn, struct list_head *list)
{
	struct unix_msg *m;
	list_for_each(m, &s->queue, node) {
		for (u32 i = 0; m->files && i < m->files->n; i++) {
			struct unix_socket *child = unix_from_file(m->files->file[i]);
			if (child && child->gc_state == GC_CANDIDATE)
				fn(child, list);
		}
	}
}

/* => unix_table_lock. The same over the queue, and over those of connections that wait in s. */
static void each_child(struct unix_socket *s, child_fn fn, struct list_head *list)
{
	struct unix_socket *e;
	spin_lock(&s->lock);
	each_in_queue(s, fn, list);
	list_for_each(e, &s->pending, accept_node) {
		spin_lock_nested(&e->lock);
		each_in_queue(e, fn, list);
		spin_unlock(&e->lock);
	}
	spin_unlock(&s->lock);
}

static void subtract(struct unix_socket *child, struct list_head *list)
{
	(void)list;
	child->gc_count--;
}

static void reach(struct unix_socket *child, struct list_head *list)
{
	child->gc_state = GC_REACHABLE;
	list_move_tail(&child->gc_node, list);
}

/* => unix_table_lock. Finds the garbage among the sockets in flight: gc_state stays GC_CANDIDATE, listed on `garbage`. */
static void find_garbage(struct list_head *garbage)
{
	LIST_HEAD(live);
	struct unix_socket *s, *tmp;
	list_for_each(s, &inflight_list, inflight_node) {
		s->gc_state = GC_NONE;
		if ((u32)atomic_read(&s->file->refs) != s->inflight)
			continue;
		s->gc_state = GC_CANDIDATE;
		s->gc_count = s->inflight;
		list_add_tail(&s->gc_node, garbage);
	}
	list_for_each(s, garbage, gc_node)
		each_child(s, subtract, NULL);
	list_for_each_safe(s, tmp, garbage, gc_node)
		if (s->gc_count)
			reach(s, &live);
	while (!list_empty(&live)) {
		s = list_first(&live, struct unix_socket, gc_node);
		list_del(&s->gc_node);
		each_child(s, reach, &live);
	}
}

/* => s->lock. Takes the messages that carry descriptors out of the queue. */
static void strip_queue(struct unix_socket *s, struct list_head *out)
{
	struct unix_msg *m, *tmp;
	list_for_each_safe(m, tmp, &s->queue, node) {
		if (m->files) {
			unix_dequeue(s, m);
			list_add_tail(&m->node, out);
		}
	}
}

void unix_gc(void)
{
	LIST_HEAD(garbage);
	LIST_HEAD(messages);
	struct unix_socket *e;
	if (list_empty(&inflight_list))
		return;
	spin_lock(&unix_table_lock);
	if (collecting) {
		spin_unlock(&unix_table_lock);
		return;
	}
	find_garbage(&garbage);
	if (list_empty(&garbage)) {
		spin_unlock(&unix_table_lock);
		return;
	}
	collecting = true;
	while (!list_empty(&garbage)) {
		struct unix_socket *s = list_first(&garbage, struct unix_socket, gc_node);
		list_del(&s->gc_node);
		spin_lock(&s->lock);
		strip_queue(s, &messages);
		list_for_each(e, &s->pending, accept_node) {
			spin_lock_nested(&e->lock);
			strip_queue(e, &messages);
			spin_unlock(&e->lock);
		}
		spin_unlock(&s->lock);
	}
	spin_unlock(&unix_table_lock);
	while (!list_empty(&messages)) {
		struct unix_msg *m = list_first(&messages, struct unix_msg, node);
		list_del(&m->node);
		unix_msg_free(m);
	}
	/* Reset last: a socket released by the freeing above calls in here again and need not look. */
	WRITE_ONCE(collecting, false);
}

/* --- sending ----------------------------------------------------------------------------------------------------------------------------- */

/* Adds the descriptors of one SCM_RIGHTS header (n ints at ufds) to scm. */
static int take_rights(uaddr_t ufds, u64 n, struct unix_scm *scm)
{
	struct unix_files *fs = scm->files;
	if (!fs) {
		fs = kzalloc(sizeof(*fs) + SCM_MAX_FD * sizeof(fs->file[0]));
		if (!fs)
			return -ENOMEM;
		fs->owner = current_cred()->uid % ACCOUNTS;
		scm->files = fs;
	}
	if (n > SCM_MAX_FD - fs->n)
		return -EINVAL;
	for (u64 i = 0; i < n; i++) {
		s32 fd;
		if (get_user(fd, ufds + i * sizeof(fd)))
			return -EFAULT;
		int err = fd_get_raw(fd, &fs->file[fs->n]);
		if (err)
			return err;
		fs->n++;
	}
	u32 flying = __atomic_load_n(&inflight_by_uid[fs->owner], __ATOMIC_RELAXED);
	if (flying + fs->n > rlimit_cur(RLIMIT_NOFILE) && !capable(CAP_SYS_RESOURCE) && !capable(CAP_SYS_ADMIN))
		return -ETOOMANYREFS;
	return 0;
}

/* The layout of Linux's struct ucred. */
struct user_cred {
	s32 pid;
	u32 uid, gid;
};

/* What current claims to be, if it may. */
static int take_claim(struct user_cred c, struct unix_scm *scm)
{
	const struct cred *me = current_cred();
	struct unix_who who = { NULL, make_uid(me->user_ns, c.uid), make_gid(me->user_ns, c.gid) };
	if (who.uid == NO_ID || who.gid == NO_ID)
		return -EINVAL;
	int err = hook_claim_pid(c.pid, &who.pid);
	if (err == -EPERM)
		return err;
	if (who.uid != me->uid && who.uid != me->euid && who.uid != me->suid && !ns_capable(me->user_ns, CAP_SETUID))
		err = -EPERM;
	else if (who.gid != me->gid && who.gid != me->egid && who.gid != me->sgid && !ns_capable(me->user_ns, CAP_SETGID))
		err = -EPERM;
	if (err) {
		hook_pid_put(who.pid);
		return err;
	}
	hook_pid_put(scm->who.pid);
	scm->who = who;
	return 0;
}

/* One header at u, whose length is checked. */
static int take_header(const struct user_cmsghdr *h, uaddr_t u, struct unix_scm *scm)
{
	uaddr_t data = u + sizeof(*h);
	u64 len = h->len - sizeof(*h);
	if (h->level != SOL_SOCKET)
		return 0;
	if (h->type == SCM_RIGHTS)
		return len / sizeof(s32) ? take_rights(data, len / sizeof(s32), scm) : 0;
	if (h->type == SCM_CREDENTIALS) {
		struct user_cred c;
		if (len != sizeof(c))
			return -EINVAL;
		return copy_from_user(&c, data, len) ? -EFAULT : take_claim(c, scm);
	}
	return -EINVAL;
}

int scm_send(struct socket_msg *m, struct unix_scm *scm)
{
	uaddr_t u = m->control, end = u + m->controllen;
	int err = 0;
	*scm = (struct unix_scm){ .who = { NULL, NO_ID, NO_ID } };
	while (!err && u + sizeof(struct user_cmsghdr) <= end) {
		struct user_cmsghdr h;
		if (get_user(h, u))
			err = -EFAULT;
		else if (h.len < sizeof(h) || h.len > end - u)
			err = -EINVAL;
		else
			err = take_header(&h, u, scm);
		u += err ? 0 : CMSG_ALIGN(h.len);
	}
	if (err)
		scm_drop(scm);
	return err;
}

void scm_drop(struct unix_scm *scm)
{
	unix_files_drop(scm->files);
	hook_pid_put(scm->who.pid);
	*scm = (struct unix_scm){ .files = NULL };
}

/* --- receiving --------------------------------------------------------------------------------------------------------------------------- */

void scm_put(struct socket_msg *m, int type, const void *data, u64 len)
{
	struct user_cmsghdr h = { sizeof(h) + len, SOL_SOCKET, type };
	u64 room = m->controllen;
	if (room < sizeof(h)) {
		m->flags |= MSG_CTRUNC;
		return;
	}
	if (room < h.len) {
		m->flags |= MSG_CTRUNC;
		h.len = room;
	}
	if (put_user(h, m->control) || copy_to_user(m->control + sizeof(h), data, h.len - sizeof(h)))
		return;
	u64 step = min(CMSG_ALIGN(h.len), room);
	m->control += step;
	m->controllen -= step;
}

/* Installs one file, its number stored at u. The file's reference is used up on success. */
static int give_file(struct file *f, uaddr_t u, bool cloexec)
{
	s32 fd;
	int err = fd_reserve(0, cloexec, &fd);
	if (err)
		return err;
	if (put_user(fd, u)) {
		fd_cancel(fd);
		return -EFAULT;
	}
	fd_install(fd, f);
	return 0;
}

static void put_rights(struct socket_msg *m, struct unix_files *fs, bool cloexec)
{
	u64 room = m->controllen >= sizeof(struct user_cmsghdr) ? (m->controllen - sizeof(struct user_cmsghdr)) / sizeof(s32) : 0;
	u32 i = 0;
	for (; i < fs->n && i < room; i++) {
		if (give_file(fs->file[i], m->control + sizeof(struct user_cmsghdr) + i * sizeof(s32), cloexec))
			break;
		fs->file[i] = NULL;
	}
	if (i) {
		struct user_cmsghdr h = { sizeof(h) + i * sizeof(s32), SOL_SOCKET, SCM_RIGHTS };
		if (!put_user(h, m->control)) {
			u64 step = min(CMSG_ALIGN(h.len), m->controllen);
			m->control += step;
			m->controllen -= step;
		}
	}
	if (i < fs->n)
		m->flags |= MSG_CTRUNC;
}

/* Someone from another namespace is the overflow id. */
static void put_who(struct socket_msg *m, const struct unix_who *who)
{
	struct user_cred c = { hook_pid_shown(who->pid), my_uid(who->uid), my_gid(who->gid) };
	scm_put(m, SCM_CREDENTIALS, &c, sizeof(c));
}

/* SO_PASSPIDFD: an open pidfd of the sender, or the errno why there is none. */
static void put_pidfd(struct socket_msg *m, struct pid *pid)
{
	struct file *f = NULL;
	s32 fd;
	if (m->controllen < sizeof(struct user_cmsghdr) + sizeof(fd)) {
		m->flags |= MSG_CTRUNC;
		return;
	}
	if (!pid)
		return;
	int err = hook_pidfd_open(pid, &f);
	if (!err) {
		err = fd_reserve(0, true, &fd);
		if (err)
			file_put(f);
	}
	if (err)
		fd = err;
	scm_put(m, SCM_PIDFD, &fd, sizeof(fd));
	if (!err)
		fd_install(fd, f);
}

void scm_recv(struct unix_socket *s, struct socket_msg *m, struct unix_scm *scm, u32 flags)
{
	bool cred = READ_ONCE(s->passcred), pidfd = READ_ONCE(s->passpidfd);
	if (!m->control) {
		if (cred || pidfd || scm->files)
			m->flags |= MSG_CTRUNC;
	} else {
		if (cred)
			put_who(m, &scm->who);
		if (scm->files)
			put_rights(m, scm->files, flags & MSG_CMSG_CLOEXEC);
		if (pidfd)
			put_pidfd(m, scm->who.pid);
	}
	scm_drop(scm);
}
