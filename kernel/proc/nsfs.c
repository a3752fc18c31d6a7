/*
 * nsfs: namespaces as files. Entry points: nsfs_path (the links in /proc/PID/ns), nsfs_from_file (setns), and the files' ioctls.
 * An open file, or a bind mount of one, keeps its namespace alive without any process in it. Each look-up makes an inode of its own; st_dev and st_ino,
 * by which programs compare namespaces, are those of the namespace.
 */
#include <linux/fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <linux/stat.h>

#include "lib/bug.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/uaccess.h"
#include "proc/internal.h"
#include "proc/ns.h"
#include "uapi/newer.h"
#include "vfs/dcache.h"
#include "vfs/mount.h"

static struct mount *nsfs_mount;
static const struct file_ops nsfs_fops;
static const struct inode_ops nsfs_iops;

static void evict(struct inode *i)
{
	if (i->private)
		ns_put(i->private);
}
static const struct super_ops nsfs_super_ops = { .evict = evict };
static struct fs_type nsfs_type = { .name = "nsfs", .nodev = true };

int nsfs_path(struct ns_common *ns, struct path *out)
{
	struct inode *i;
	char name[40];
	int err = inode_create(nsfs_mount->sb, S_IFREG | 0444, &i);
	if (err) {
		ns_put(ns);
		return err;
	}
	i->private = ns;
	i->ino = ns->inum;
	i->uid = i->gid = 0;
	i->ops = &nsfs_iops;
	i->fops = &nsfs_fops;
	format_str(name, sizeof(name), "%s:[%u]", ns_kinds[ns->kind]->name, ns->inum);
	err = dentry_create(NULL, name, (u32)strlen(name), i, &out->dentry);
	if (err) {
		inode_put(i);
		return err;
	}
	out->mnt = nsfs_mount;
	path_get(&(struct path){ nsfs_mount, NULL });
	return 0;
}

struct ns_common *nsfs_from_file(struct file *f) { return f->ops == &nsfs_fops ? f->inode->private : NULL; }

/* --- ioctls ------------------------------------------------------------------------------------------------------------------------------- */

long nsfs_open(struct ns_common *ns)
{
	struct path p;
	struct file *f;
	int err = nsfs_path(ns, &p);
	if (err)
		return err;
	err = file_alloc(O_RDONLY, &f);
	if (!err) {
		err = file_open_path(f, &p, &nsfs_fops);
		if (err)
			file_put(f);
	}
	path_put(&p);
	return err ? err : fd_install_new(f, true);
}

/* The owner, if it is the caller's user namespace or below that. */
static long open_owner(struct ns_common *ns)
{
	if (!ns->owner || !userns_within(ns->owner, current_user_ns()))
		return -EPERM;
	ns_get(&ns->owner->common);
	return nsfs_open(&ns->owner->common);
}

static long open_parent(struct ns_common *ns)
{
	if (ns->kind == NS_USER)
		return open_owner(ns);
	if (ns->kind != NS_PID)
		return -EINVAL;
	struct pid_namespace *parent = container_of(ns, struct pid_namespace, common)->parent, *p = parent, *mine = current_pid_ns();
	while (p && p != mine)
		p = p->parent;
	if (!p)
		return -EPERM;
	ns_get(&parent->common);
	return nsfs_open(&parent->common);
}

static long put_owner_uid(struct ns_common *ns, uaddr_t arg)
{
	if (ns->kind != NS_USER)
		return -EINVAL;
	return put_user(my_uid(container_of(ns, struct user_namespace, common)->owner_uid), arg);
}

/* A task's numbers across namespaces. in: arg is the caller's number for it, wanted is ns's; else the other way. */
static long translate_pid(struct ns_common *common, s32 nr, bool in, enum pid_type type)
{
	if (common->kind != NS_PID)
		return -EINVAL;
	struct pid_namespace *ns = container_of(common, struct pid_namespace, common);
	struct task *t = in ? find_get_task(nr) : find_get_task_in(nr, ns);
	if (!t)
		return -ESRCH;
	spin_lock(&tasklist_lock);
	const struct pid *pid = type == PIDTYPE_PID ? t->thread_pid : t->signal->pids[PIDTYPE_TGID];
	s32 found = in ? pid_nr_in(pid, ns) : pid_vnr(pid);
	spin_unlock(&tasklist_lock);
	task_put(t);
	return found ? found : -ESRCH;
}

static int put_mnt_info(struct mnt_namespace *ns, uaddr_t to, u64 size)
{
	struct mnt_ns_info i = { .size = MNT_NS_INFO_SIZE_VER0, .nr_mounts = READ_ONCE(ns->nr), .mnt_ns_id = ns->id };
	int err = copy_to_user(to, &i, min(size, sizeof(i)));
	return err || size <= sizeof(i) ? err : clear_user(to + sizeof(i), size - sizeof(i));
}

/* The calls about mount namespaces, which come in several sizes. step: 0 this one, 1 the next, -1 the previous, which is opened. */
static long mnt_ioctl(struct ns_common *ns, int step, uaddr_t to, u64 size)
{
	if (ns->kind != NS_MNT || (!step && !to) || size < MNT_NS_INFO_SIZE_VER0)
		return -EINVAL;
	struct mnt_namespace *mnt = container_of(ns, struct mnt_namespace, common);
	if (!step)
		return put_mnt_info(mnt, to, size);
	mnt = mnt_ns_neighbour(mnt, step < 0);
	if (!mnt)
		return -ENOENT;
	int err = to ? put_mnt_info(mnt, to, size) : 0;
	if (err) {
		ns_put(&mnt->common);
		return err;
	}
	return nsfs_open(&mnt->common);
}

static long nsfs_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct ns_common *ns = f->inode->private;
	switch (cmd & ~(0x3fffu << 16)) { /* all but the size */
	case NS_MNT_GET_INFO & 0xc000ffffu:
		return mnt_ioctl(ns, 0, arg, cmd >> 16 & 0x3fff);
	case NS_MNT_GET_NEXT & 0xc000ffffu:
		return mnt_ioctl(ns, 1, arg, cmd >> 16 & 0x3fff);
	case NS_MNT_GET_PREV & 0xc000ffffu:
		return mnt_ioctl(ns, -1, arg, cmd >> 16 & 0x3fff);
	}
	switch (cmd) {
	case NS_GET_USERNS:
		return open_owner(ns);
	case NS_GET_PARENT:
		return open_parent(ns);
	case NS_GET_NSTYPE:
		return ns_kinds[ns->kind]->flag;
	case NS_GET_OWNER_UID:
		return put_owner_uid(ns, arg);
	case NS_GET_MNTNS_ID:
		return ns->kind == NS_MNT ? put_user(container_of(ns, struct mnt_namespace, common)->id, arg) : -EINVAL;
	case NS_GET_PID_FROM_PIDNS:
		return translate_pid(ns, (s32)arg, false, PIDTYPE_PID);
	case NS_GET_TGID_FROM_PIDNS:
		return translate_pid(ns, (s32)arg, false, PIDTYPE_TGID);
	case NS_GET_PID_IN_PIDNS:
		return translate_pid(ns, (s32)arg, true, PIDTYPE_PID);
	case NS_GET_TGID_IN_PIDNS:
		return translate_pid(ns, (s32)arg, true, PIDTYPE_TGID);
	default:
		return -ENOTTY;
	}
}
static const struct file_ops nsfs_fops = { .ioctl = nsfs_ioctl };

void nsfs_init(void)
{
	struct super *sb;
	struct inode *root;
	int err = super_create(&nsfs_type, &nsfs_super_ops, NSFS_MAGIC, &sb);
	if (!err) {
		sb->nameless = true;
		err = inode_create(sb, S_IFDIR | 0555, &root);
	}
	if (!err)
		err = super_set_root(sb, root);
	if (!err)
		err = mount_internal(sb, &nsfs_mount);
	if (err)
		panic("no memory for nsfs");
}
