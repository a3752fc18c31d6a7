/* System V shared memory segments as objects. Entry points: sys_shmget, sys_shmctl, shm_free_ns, shm_put. Their mappings are in shm_map.c. */
#include <asm/shmbuf.h>
#include <linux/fcntl.h>
#include <linux/magic.h>
#include <linux/resource.h>
#include <linux/stat.h>

#include "gen/sys_protos.h"
#include "ipc/internal.h"
#include "lib/bug.h"
#include "lib/format.h"
#include "vfs/dcache.h"
#include "vfs/mount.h"

/* linux/shm.h cannot be had without the C library. */
#define SHM_LOCK 11
#define SHM_UNLOCK 12
#define SHM_STAT 13
#define SHM_INFO 14
#define SHM_STAT_ANY 15
#define SHM_HUGETLB 04000u
#define SHM_NORESERVE 010000u
struct shm_info {
	s32 used_ids;
	u64 shm_tot, shm_rss, shm_swp, swap_attempts, swap_successes;
};

DEFINE_SPINLOCK(shm_lock, RANK_IPC);

static LIST_HEAD(made); /* shm_lock: segments whose makers live */
/* Where the segments' files live. */
static struct mount *shm_mount;
static struct fs_type shm_type = { .name = "tmpfs", .nodev = true };
static const struct super_ops shm_super_ops;

void shm_init(void)
{
	struct super *sb;
	struct inode *root;
	int err = super_create(&shm_type, &shm_super_ops, TMPFS_MAGIC, &sb);
	if (!err)
		err = inode_create(sb, S_IFDIR | 0700, &root);
	if (!err)
		err = super_set_root(sb, root);
	if (!err)
		err = mount_internal(sb, &shm_mount);
	if (err)
		panic("no memory for shared memory's file system");
}

/* --- making and freeing ------------------------------------------------------------------------------------------------------------------- */

static int make_file(s32 key, u64 size, u32 flags, struct path *out)
{
	struct inode *i;
	char name[16];
	int err = inode_create(shm_mount->sb, S_IFREG | (flags & 0777), &i);
	if (err)
		return err;
	if (!as_promise(&i->data, size, flags & SHM_NORESERVE)) {
		inode_put(i);
		return -ENOMEM;
	}
	i->size = i->data.size = size;
	i->nlink = 0;
	int n = format_str(name, sizeof(name), "SYSV%08x", (u32)key);
	err = dentry_create(NULL, name, (u32)n, i, &out->dentry);
	if (err) {
		inode_put(i);
		return err;
	}
	out->mnt = shm_mount;
	mount_get(shm_mount);
	return 0;
}

/* => lock. Pages of all segments together: 0 or -ENOSPC */
static int reserve(struct ipc_namespace *ns, u64 n)
{
	u64 total;
	spin_lock(shm_ids(ns)->lock);
	bool fits = !__builtin_add_overflow(ns->shm_pages, n, &total) && total <= ns->limits.shm_all;
	if (fits)
		ns->shm_pages = total;
	spin_unlock(shm_ids(ns)->lock);
	return fits ? 0 : -ENOSPC;
}

static void unreserve(struct ipc_namespace *ns, u64 n)
{
	spin_lock(shm_ids(ns)->lock);
	ns->shm_pages -= n;
	spin_unlock(shm_ids(ns)->lock);
}

static int alloc_segment(struct ipc_namespace *ns, const struct ipc_get *g, struct shm_segment **out)
{
	struct shm_segment *s = kzalloc(sizeof(*s));
	int err = s ? make_file(g->key, g->size, g->flags, &s->path) : -ENOMEM;
	if (err) {
		kfree(s);
		return err;
	}
	atomic_set(&s->refs, 1);
	list_init(&s->made);
	s->ns = ns;
	s->size = g->size;
	s->path.dentry->inode->private = s;
	s->ctime = ipc_now();
	ipc_set_pid(&s->creator, ipc_current_pid());
	*out = s;
	return 0;
}

static int create(struct ipc_namespace *ns, struct ipc_get *g, struct ipc_head **out)
{
	struct shm_segment *s;
	u64 pages = ALIGN_UP(g->size, PAGE_SIZE) >> PAGE_SHIFT;
	if (!g->size || g->size > ns->limits.shm_max)
		return -EINVAL;
	if (pages << PAGE_SHIFT < g->size)
		return -ENOSPC;
	int err = reserve(ns, pages);
	if (err)
		return err;
	/* No pool of huge pages is set up. */
	err = g->flags & SHM_HUGETLB ? -ENOMEM : alloc_segment(ns, g, &s);
	if (err) {
		unreserve(ns, pages);
		return err;
	}
	s->maker = current;
	current->pf |= PF_SHM_MAKER;
	spin_lock(&shm_lock);
	list_add(&s->made, &made);
	spin_unlock(&shm_lock);
	*out = &s->head;
	return 0;
}

static int fits(const struct ipc_head *h, const struct ipc_get *g) { return ((const struct shm_segment *)h)->size < g->size ? -EINVAL : 0; }

void shm_put(struct shm_segment *s)
{
	if (!atomic_dec_and_test(&s->refs))
		return;
	if (s->locked_by) {
		account_uncharge(s->locked_by, USERNS_MEMLOCK, (s64)s->size);
		user_put(s->locked_by);
	}
	pid_put(s->creator);
	pid_put(s->last);
	path_put(&s->path);
	kfree(s);
}

/* => lock */
static void forget_maker(struct shm_segment *s)
{
	s->maker = NULL;
	list_del(&s->made);
}

static void discard(struct ipc_namespace *ns, struct ipc_head *h)
{
	spin_lock(&shm_lock);
	forget_maker(shm_of(h));
	spin_unlock(&shm_lock);
	unreserve(ns, shm_pages_of(shm_of(h)));
	shm_put(shm_of(h));
}

long sys_shmget(u64 key, u64 size, u64 flags)
{
	struct ipc_namespace *ns = current_ipc_ns();
	struct ipc_get g = { IPC_SHM, (s32)key, (u32)flags, size, create, fits, discard, ns->limits.shm_mni };
	return ipc_get(&g);
}

/* => lock. Out of the table; the table's reference passes to the caller. */
static void remove_segment(struct shm_segment *s)
{
	ipc_remove(shm_ids(s->ns), &s->head);
	s->ns->shm_pages -= shm_pages_of(s);
	forget_maker(s);
	s->removed = true;
}

bool shm_remove_unused(struct shm_segment *s)
{
	if (s->removed || s->attached || !((s->head.mode & SHM_DEST) || s->ns->limits.shm_rmid_forced))
		return false;
	remove_segment(s);
	return true;
}

/* Takes one segment of t from its list; *last: it is to be put. false: there is none. */
static bool leave_one(struct task *t, struct shm_segment **last)
{
	struct shm_segment *s, *mine = NULL;
	*last = NULL;
	spin_lock(&shm_lock);
	list_for_each(s, &made, made)
		if (s->maker == t)
			mine = s;
	if (mine) {
		forget_maker(mine);
		if (mine->ns->limits.shm_rmid_forced && shm_remove_unused(mine))
			*last = mine;
	}
	spin_unlock(&shm_lock);
	return mine;
}

void hook_shm_leave(struct task *t)
{
	struct shm_segment *last;
	t->pf &= ~PF_SHM_MAKER;
	while (leave_one(t, &last))
		if (last)
			shm_put(last);
}

void shm_remove_orphans(struct ipc_namespace *ns)
{
	for (u32 i = 0; i < READ_ONCE(shm_ids(ns)->cap); i++) {
		spin_lock(&shm_lock);
		struct ipc_head *h = i < shm_ids(ns)->cap ? shm_ids(ns)->slot[i] : NULL;
		bool last = h && !shm_of(h)->maker && shm_remove_unused(shm_of(h));
		spin_unlock(&shm_lock);
		if (last)
			shm_put(shm_of(h));
	}
}

/* What is still attached lives on, without a name, until it is detached. */
void shm_free_ns(struct ipc_namespace *ns)
{
	for (u32 i = 0; i < shm_ids(ns)->cap; i++) {
		struct ipc_head *h = shm_ids(ns)->slot[i];
		if (!h)
			continue;
		spin_lock(shm_ids(ns)->lock);
		remove_segment(shm_of(h));
		spin_unlock(shm_ids(ns)->lock);
		shm_put(shm_of(h));
	}
}

/* as_nr_pages takes a lock of a higher rank. */
static u64 resident(struct shm_segment *s) { return as_nr_pages(&s->path.dentry->inode->data); }

void shm_fill_row(struct ipc_head *h, const struct pid_namespace *pidns, struct ipc_row *r)
{
	struct shm_segment *s = shm_of(h);
	r->bytes = s->size;
	r->count = s->attached;
	r->pid1 = pid_nr_in(s->creator, pidns);
	r->pid2 = pid_nr_in(s->last, pidns);
	r->time1 = s->atime;
	r->time2 = s->dtime;
	r->ctime = s->ctime;
	r->rss = resident(s) << PAGE_SHIFT;
}

/* --- shmctl ------------------------------------------------------------------------------------------------------------------------------------ */

static long ctl_limits(struct ipc_namespace *ns, uaddr_t ubuf)
{
	struct shminfo64 i;
	memset(&i, 0, sizeof(i));
	i.shmmni = i.shmseg = (u64)ns->limits.shm_mni;
	i.shmmax = ns->limits.shm_max;
	i.shmall = ns->limits.shm_all;
	i.shmmin = 1;
	spin_lock(shm_ids(ns)->lock);
	int top = ipc_max_slot(shm_ids(ns));
	spin_unlock(shm_ids(ns)->lock);
	return copy_to_user(ubuf, &i, sizeof(i)) ? -EFAULT : top;
}

static long ctl_used(struct ipc_namespace *ns, uaddr_t ubuf)
{
	struct shm_info i;
	memset(&i, 0, sizeof(i));
	struct ipc_ids *ids = shm_ids(ns);
	spin_lock(ids->lock);
	i.used_ids = (s32)ids->in_use;
	i.shm_tot = ns->shm_pages;
	for (u32 n = 0; n < ids->cap; n++)
		if (ids->slot[n])
			i.shm_rss += resident(shm_of(ids->slot[n]));
	int top = ipc_max_slot(ids);
	spin_unlock(ids->lock);
	return copy_to_user(ubuf, &i, sizeof(i)) ? -EFAULT : top;
}

static long ctl_stat(struct ipc_namespace *ns, s32 id, bool by_slot, bool any, uaddr_t ubuf)
{
	struct shmid64_ds d;
	memset(&d, 0, sizeof(d));
	spin_lock(shm_ids(ns)->lock);
	struct ipc_head *h;
	long ret = ipc_find_to_stat(ns, shm_ids(ns), id, by_slot, any, &h);
	const struct shm_segment *s = shm_of(h);
	if (!ret) {
		ipc_fill_perm(h, &d.shm_perm);
		d.shm_segsz = s->size;
		d.shm_atime = s->atime;
		d.shm_dtime = s->dtime;
		d.shm_ctime = s->ctime;
		d.shm_cpid = pid_vnr(s->creator);
		d.shm_lpid = pid_vnr(s->last);
		d.shm_nattch = s->attached;
		ret = by_slot ? h->id : 0;
	}
	spin_unlock(shm_ids(ns)->lock);
	return ret >= 0 && copy_to_user(ubuf, &d, sizeof(d)) ? -EFAULT : ret;
}

static long ctl_set(struct ipc_namespace *ns, s32 id, uaddr_t ubuf)
{
	struct shmid64_ds d;
	if (copy_from_user(&d, ubuf, sizeof(d)))
		return -EFAULT;
	spin_lock(shm_ids(ns)->lock);
	struct ipc_head *h;
	long err = ipc_find_to_control(ns, shm_ids(ns), id, &h);
	if (!err)
		err = ipc_set_perm(h, &d.shm_perm);
	if (!err)
		shm_of(h)->ctime = ipc_now();
	spin_unlock(shm_ids(ns)->lock);
	return err;
}

/* An attached segment only loses its key; the last detach ends it. */
static long ctl_remove(struct ipc_namespace *ns, s32 id)
{
	spin_lock(shm_ids(ns)->lock);
	struct ipc_head *h;
	long err = ipc_find_to_control(ns, shm_ids(ns), id, &h);
	bool last = false;
	if (!err) {
		h->mode |= SHM_DEST;
		h->key = IPC_PRIVATE;
		last = shm_remove_unused(shm_of(h));
	}
	spin_unlock(shm_ids(ns)->lock);
	if (last)
		shm_put(shm_of(h));
	return err;
}

/* => lock. Memory never leaves for a disk, so the bit and the charge are all there is to it. */
static int change_lock(struct shm_segment *s, bool on, struct user_account **drop)
{
	struct user_account *u = current_cred()->user;
	u64 limit = rlimit_cur(RLIMIT_MEMLOCK);
	if (on == !!(s->head.mode & SHM_LOCKED))
		return 0;
	if (!on) {
		*drop = s->locked_by;
		account_uncharge(s->locked_by, USERNS_MEMLOCK, (s64)s->size);
		s->locked_by = NULL;
		s->head.mode &= ~SHM_LOCKED;
		return 0;
	}
	if (!account_charge(u, USERNS_MEMLOCK, (s64)s->size, limit) && !capable(CAP_IPC_LOCK)) {
		account_uncharge(u, USERNS_MEMLOCK, (s64)s->size);
		return -ENOMEM;
	}
	atomic_inc(&u->refs);
	s->locked_by = u;
	s->head.mode |= SHM_LOCKED;
	return 0;
}

static long ctl_lock(struct ipc_namespace *ns, s32 id, bool on)
{
	struct user_account *drop = NULL;
	spin_lock(shm_ids(ns)->lock);
	struct ipc_head *h = ipc_find(shm_ids(ns), id);
	long err = h ? 0 : -EINVAL;
	if (h && !ns_capable(ns->common.owner, CAP_IPC_LOCK)) {
		u32 euid = current_cred()->euid;
		if ((euid != h->uid && euid != h->cuid) || (on && !rlimit_cur(RLIMIT_MEMLOCK)))
			err = -EPERM;
	}
	if (!err)
		err = change_lock(shm_of(h), on, &drop);
	spin_unlock(shm_ids(ns)->lock);
	if (drop)
		user_put(drop);
	return err;
}

long sys_shmctl(u64 id64, u64 cmd, u64 ubuf)
{
	struct ipc_namespace *ns = current_ipc_ns();
	s32 id = (s32)id64;
	if (id < 0)
		return -EINVAL;
	switch ((s32)cmd) {
	case IPC_INFO:
		return ctl_limits(ns, ubuf);
	case SHM_INFO:
		return ctl_used(ns, ubuf);
	case IPC_STAT:
	case SHM_STAT:
	case SHM_STAT_ANY:
		return ctl_stat(ns, id, (s32)cmd != IPC_STAT, (s32)cmd == SHM_STAT_ANY, ubuf);
	case IPC_SET:
		return ctl_set(ns, id, ubuf);
	case IPC_RMID:
		return ctl_remove(ns, id);
	case SHM_LOCK:
	case SHM_UNLOCK:
		return ctl_lock(ns, id, (s32)cmd == SHM_LOCK);
	default:
		return -EINVAL;
	}
}
