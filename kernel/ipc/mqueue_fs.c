/*
 * The mqueue file system: one flat directory of queues for each IPC namespace, mounted inside the kernel and wherever somebody mounts it. Entry points:
 * mqueue_init_ns, mqueue_free_ns, the file system's operations. A queue lives while it has a name or an open file.
 */
#include <linux/fcntl.h>
#include <linux/magic.h>
#include <linux/resource.h>
#include <linux/stat.h>

#include "ipc/mqueue.h"
#include "lib/format.h"
#include "sched/timer.h"
#include "vfs/dcache.h"
#include "vfs/mount.h"
#include "vfs/poll.h"

#define MQUEUE_FS_MAGIC 0x19800202
#define DIRENT_SIZE 20u /* what a name adds to the directory's size */
#define FILE_SIZE 80u
#define FIRST_POS 2u
/* What Linux charges for a message's head and for a priority in use. */
#define MSG_COST 48
#define PRIORITY_COST 48
#define DT_REG 8

struct mq_entry {
	struct list_head node;
	u64 pos; /* grows */
	struct inode *inode; /* a reference */
	char name[];
};
/* sb->private */
struct mq_super {
	struct ipc_namespace *ns; /* mq_lock: NULL once it is gone */
	struct list_head entries; /* the root's lock */
	u64 next_pos; /* the root's lock */
	const struct mq_attr *want; /* the root's lock: of the queue that is made next */
};
/* ns->mq_count and mq_super->ns. */
static DEFINE_SPINLOCK(mq_lock, RANK_IPC);
static const struct inode_ops root_iops;
static const struct file_ops root_fops;

static struct mq_super *super_of(const struct inode *i) { return i->sb->private; }

/* --- queues ---------------------------------------------------------------------------------------------------------------------------------- */

static int check_attr(const struct ipc_limits *l, const struct mq_attr *a)
{
	bool may_exceed = capable(CAP_SYS_RESOURCE);
	s64 most = may_exceed ? MQ_HARD_MSGMAX : l->mq_msg_max, biggest = may_exceed ? MQ_HARD_MSGSIZEMAX : l->mq_msgsize_max;
	return a->mq_maxmsg <= 0 || a->mq_msgsize <= 0 || a->mq_maxmsg > most || a->mq_msgsize > biggest ? -EINVAL : 0;
}

/* The memory that its messages can take: 0 or -EMFILE. */
static int charge(struct mqueue *q)
{
	q->account = current_cred()->user;
	q->charge = q->max_msgs * (q->msg_size + MSG_COST) + min(q->max_msgs, (s64)MQ_PRIO_MAX) * PRIORITY_COST;
	if (!account_charge(q->account, USERNS_MSGQUEUE, q->charge, rlimit_cur(RLIMIT_MSGQUEUE))) {
		account_uncharge(q->account, USERNS_MSGQUEUE, q->charge);
		return -EMFILE;
	}
	atomic_inc(&q->account->refs);
	return 0;
}

static int make_queue(const struct ipc_limits *l, const struct mq_attr *want, struct mqueue **out)
{
	struct mq_attr a = { .mq_maxmsg = min(l->mq_msg_max, l->mq_msg_default), .mq_msgsize = min(l->mq_msgsize_max, l->mq_msgsize_default) };
	if (want)
		a = *want;
	int err = check_attr(l, &a);
	if (err)
		return err;
	struct mqueue *q = kzalloc(sizeof(*q));
	if (!q)
		return -ENOMEM;
	spin_init(&q->lock, RANK_IPC);
	q->max_msgs = a.mq_maxmsg;
	q->msg_size = a.mq_msgsize;
	list_init(&q->receivers);
	list_init(&q->senders);
	wait_queue_init(&q->wait);
	err = charge(q);
	if (err) {
		kfree(q);
		return err;
	}
	*out = q;
	return 0;
}

static void free_queue(struct mqueue *q)
{
	while (q->messages.node) {
		struct msg *m = rb_entry(rb_first(&q->messages), struct msg, rb);
		rb_erase(&q->messages, &m->rb);
		msg_free(m);
	}
	mqueue_stop_notify(q);
	account_uncharge(q->account, USERNS_MSGQUEUE, q->charge);
	user_put(q->account);
	kfree(q);
}

/* One queue more: the namespace's limits in *l. 0, -EACCES (the namespace is gone), -ENOSPC */
static int count_queue(struct mq_super *s, struct ipc_limits *l)
{
	bool may_exceed = capable(CAP_SYS_RESOURCE);
	spin_lock(&mq_lock);
	struct ipc_namespace *ns = s->ns;
	int err = !ns ? -EACCES : (s64)ns->mq_count >= ns->limits.queues_max && !may_exceed ? -ENOSPC : 0;
	if (!err) {
		ns->mq_count++;
		*l = ns->limits;
	}
	spin_unlock(&mq_lock);
	return err;
}

static void uncount_queue(struct mq_super *s)
{
	spin_lock(&mq_lock);
	if (s->ns)
		s->ns->mq_count--;
	spin_unlock(&mq_lock);
}

static void evict(struct inode *i)
{
	if (!i->private)
		return;
	free_queue(i->private);
	uncount_queue(super_of(i));
}

/* --- names ----------------------------------------------------------------------------------------------------------------------------------- */

void mqueue_want_attr(struct ipc_namespace *ns, const struct mq_attr *attr) { super_of(ns->mq_mount->root->inode)->want = attr; }

static struct mq_entry *find_entry(const struct mq_super *s, const char *name)
{
	struct mq_entry *e;
	list_for_each (e, &s->entries, node)
		if (!strcmp(e->name, name))
			return e;
	return NULL;
}

static int root_lookup(struct inode *dir, const char *name, struct inode **out)
{
	struct mq_entry *e = find_entry(super_of(dir), name);
	if (!e)
		return -ENOENT;
	inode_get(e->inode);
	*out = e->inode;
	return 0;
}

static int make_inode(struct inode *dir, u32 mode, struct inode **out)
{
	struct mq_super *s = super_of(dir);
	struct ipc_limits l;
	int err = count_queue(s, &l);
	if (err)
		return err;
	struct mqueue *q = NULL;
	err = make_queue(&l, s->want, &q);
	if (!err)
		err = inode_create(dir->sb, S_IFREG | (mode & 07777), out);
	if (err) {
		if (q)
			free_queue(q);
		uncount_queue(s);
		return err;
	}
	(*out)->private = q;
	(*out)->fops = &mqueue_file_ops;
	(*out)->size = FILE_SIZE;
	return 0;
}

static int root_create(struct inode *dir, const char *name, u32 mode, u64 rdev, struct inode **out)
{
	struct mq_super *s = super_of(dir);
	size_t len = strlen(name);
	if (!S_ISREG(mode))
		return -EPERM;
	struct mq_entry *e = kmalloc(sizeof(*e) + len + 1);
	int err = e ? make_inode(dir, mode, &e->inode) : -ENOMEM;
	if (err) {
		kfree(e);
		return err;
	}
	memcpy(e->name, name, len + 1);
	e->pos = s->next_pos++;
	list_add_tail(&e->node, &s->entries);
	dir->size += DIRENT_SIZE;
	dir->atime = dir->mtime = dir->ctime = file_now();
	inode_get(e->inode);
	*out = e->inode;
	return 0;
}

static int root_unlink(struct inode *dir, const char *name, struct inode *victim)
{
	struct mq_entry *e = find_entry(super_of(dir), name);
	list_del(&e->node);
	dir->size -= DIRENT_SIZE;
	dir->atime = dir->mtime = dir->ctime = file_now();
	victim->nlink--;
	inode_put(e->inode);
	kfree(e);
	return 0;
}
static const struct inode_ops root_iops = { .lookup = root_lookup, .create = root_create, .unlink = root_unlink };

static int root_readdir(struct file *f, struct dir_context *c)
{
	struct mq_entry *e;
	if (!dir_emit_dots(f, c))
		return 0;
	list_for_each (e, &super_of(f->inode)->entries, node) {
		if (e->pos < c->pos)
			continue;
		c->pos = e->pos;
		if (!c->emit(c, e->name, (u32)strlen(e->name), e->inode->ino, DT_REG))
			return 0;
		c->pos = e->pos + 1;
	}
	return 0;
}
static const struct file_ops root_fops = { .readdir = root_readdir };

/* --- queues as files --------------------------------------------------------------------------------------------------------------------------- */

static ssize_t queue_read(struct file *f, struct iter *to, u64 *pos)
{
	struct mqueue *q = mqueue_of(f->inode);
	char text[FILE_SIZE + 1];
	spin_lock(&q->lock);
	bool signals = q->notify.pid && q->notify.how == 0;
	int n = format_str(text, sizeof(text), "QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", q->bytes, q->notify.pid ? q->notify.how : 0,
		signals ? q->notify.signo : 0, pid_vnr(q->notify.pid));
	spin_unlock(&q->lock);
	f->inode->atime = f->inode->ctime = file_now();
	if (*pos >= (u64)n)
		return 0;
	size_t left = (u64)n - *pos, done = iter_copy_to(to, text + *pos, min(left, to->count));
	*pos += done;
	return done || !to->count ? (ssize_t)done : -EFAULT;
}

static u32 queue_poll(struct file *f, struct poll_table *pt)
{
	struct mqueue *q = mqueue_of(f->inode);
	poll_wait(f, &q->wait, pt);
	spin_lock(&q->lock);
	u32 events = (q->count ? POLLIN | POLLRDNORM : 0) | (q->count < q->max_msgs ? POLLOUT | POLLWRNORM : 0);
	spin_unlock(&q->lock);
	return events;
}

/* A process that closes any of its descriptors of the queue is told no more. */
static int queue_flush(struct file *f)
{
	struct mqueue *q = mqueue_of(f->inode);
	spin_lock(&q->lock);
	if (q->notify.pid == ipc_current_pid())
		mqueue_stop_notify(q);
	spin_unlock(&q->lock);
	return 0;
}
const struct file_ops mqueue_file_ops = { .read = queue_read, .poll = queue_poll, .flush = queue_flush };

/* --- the file system ------------------------------------------------------------------------------------------------------------------------------ */

static void kill_super(struct super *sb)
{
	struct mq_super *s = sb->private;
	while (!list_empty(&s->entries)) {
		struct mq_entry *e = list_first(&s->entries, struct mq_entry, node);
		list_del(&e->node);
		inode_put(e->inode);
		kfree(e);
	}
}
static void free_super(struct super *sb) { kfree(sb->private); }
static const struct super_ops mq_super_ops = { .evict = evict, .kill = kill_super, .free = free_super };

/* Every mount shows the queues of the mounter's namespace. */
static int mount_mqueue(const struct fs_type *t, const char *source, const char *data, struct super **out)
{
	*out = current_ipc_ns()->mq_mount->sb;
	super_get(*out);
	return 0;
}
static struct user_namespace *mount_owner(void) { return current_ipc_ns()->common.owner; }
static struct fs_type mqueue_type = { .name = "mqueue", .nodev = true, .userns = true, .mount = mount_mqueue, .owner = mount_owner };

static int make_super(struct ipc_namespace *ns, struct super **out)
{
	struct inode *root;
	struct mq_super *s = kzalloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	list_init(&s->entries);
	s->next_pos = FIRST_POS;
	s->ns = ns;
	int err = super_create(&mqueue_type, &mq_super_ops, MQUEUE_FS_MAGIC, out);
	if (err) {
		kfree(s);
		return err;
	}
	(*out)->private = s;
	super_set_owner(*out, ns->common.owner);
	err = inode_create(*out, S_IFDIR | S_ISVTX | 0777, &root);
	if (!err) {
		root->ops = &root_iops;
		root->fops = &root_fops;
		root->nlink = 2;
		root->size = 2 * DIRENT_SIZE;
		err = super_set_root(*out, root);
	}
	if (err)
		super_put(*out);
	return err;
}

int mqueue_init_ns(struct ipc_namespace *ns)
{
	struct super *sb;
	int err = make_super(ns, &sb);
	if (!err) {
		err = mount_internal(sb, &ns->mq_mount);
		if (err)
			super_put(sb);
	}
	return err;
}

void mqueue_free_ns(struct ipc_namespace *ns)
{
	struct mq_super *s = ns->mq_mount->sb->private;
	spin_lock(&mq_lock);
	s->ns = NULL;
	spin_unlock(&mq_lock);
	mount_put(ns->mq_mount);
}

void mqueue_init(void) { register_filesystem(&mqueue_type); }
