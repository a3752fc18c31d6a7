/* Open file records: making, counting, dropping; files without a name. Entry points: file_alloc, file_get/put/close, file_open_path, file_create_anon,
 * file_clone_anon, chrdev registration. */
#include <linux/magic.h>

#include "vfs/blkdev.h"
#include "vfs/epoll.h"
#include "vfs/internal.h"
#include "vfs/notify.h"
#include "vfs/pipe.h"

static struct kmem_cache *file_cache;
u64 vfs_max_files = 65536;
struct mount *anon_mount;

static void anon_evict(struct inode *i) { (void)i; }
static const struct super_ops anon_super_ops = { .evict = anon_evict };
static struct fs_type anon_type = { .name = "anon_inodefs", .nodev = true };

void file_init(void)
{
	struct super *sb;
	struct inode *root;
	file_cache = kmem_cache_create("filp", sizeof(struct file), 64);
	int err = super_create(&anon_type, &anon_super_ops, ANON_INODE_FS_MAGIC, &sb);
	if (!err)
		err = inode_create(sb, S_IFDIR | 0555, &root);
	if (!err)
		err = super_set_root(sb, root);
	if (!err)
		sb->nameless = true;
	if (!err)
		err = mount_internal(sb, &anon_mount);
	if (err)
		panic("no memory for the files without a name");
}

int file_alloc(u32 flags, struct file **out)
{
	if (atomic64_add_return(&nr_files, 1) > (s64)vfs_max_files && !capable(CAP_SYS_ADMIN)) {
		atomic64_add(&nr_files, -1);
		return -ENFILE;
	}
	struct file *f = kmem_cache_zalloc(file_cache);
	if (!f) {
		atomic64_add(&nr_files, -1);
		return -ENOMEM;
	}
	atomic_set(&f->refs, 1);
	f->flags = flags;
	mutex_init(&f->pos_lock, RANK_FILE_POS);
	list_init(&f->epoll_items);
	f->cred = current_cred();
	cred_get(f->cred);
	*out = f;
	return 0;
}

void file_get(struct file *f) { atomic_inc(&f->refs); }

static void file_free(struct file *f)
{
	if (!list_empty(&f->epoll_items))
		epoll_file_released(f);
	if (f->inode && unlikely(READ_ONCE(f->inode->leases)))
		leases_remove_file(f);
	if (unlikely(f->owner))
		hook_file_owner_free(f);
	if (f->inode && !list_empty(&f->inode->locks))
		locks_remove_file(f);
	if (f->fmode & FMODE_OPENED)
		notify_dentry(f->path.dentry, file_writable(f) ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
	if ((f->fmode & FMODE_OPENED) && f->ops && f->ops->release)
		f->ops->release(f);
	if (f->fmode & FMODE_WRITER)
		inode_put_write(f->inode);
	if (f->fmode & FMODE_READER)
		atomic_dec(&f->inode->readers);
	if (f->fmode & FMODE_MNT_WRITER) {
		atomic_dec(&f->path.mnt->writers);
		atomic_dec(&f->path.mnt->sb->writers);
	}
	if (f->fmode & FMODE_EXEC_DENY)
		file_allow_write(f);
	path_put(&f->path);
	cred_put(f->cred);
	kmem_cache_free(file_cache, f);
	atomic64_add(&nr_files, -1);
}

bool file_tryget(struct file *f)
{
	s32 n = atomic_read(&f->refs), found;
	while (n > 0 && (found = cmpxchg(&f->refs.v, n, n + 1)) != n)
		n = found;
	return n > 0;
}

void file_put(struct file *f)
{
	if (atomic_dec_and_test(&f->refs))
		file_free(f);
}

int file_leave(struct file *f, struct fdtable *owner)
{
	int err = 0;
	if (!(f->flags & O_PATH)) {
		if (f->ops->flush)
			err = f->ops->flush(f);
		if (!list_empty(&f->inode->locks))
			locks_remove_posix(f, owner);
		if (unlikely(READ_ONCE(f->inode->watches)))
			dnotify_flush(f, owner);
	}
	return err;
}

int file_close(struct file *f, struct fdtable *owner)
{
	int err = file_leave(f, owner);
	file_put(f);
	return err;
}

/* --- character devices -------------------------------------------------------------------------------------------------------------------- */

static struct chrdev {
	u32 major, minor, count;
	const struct file_ops *fops;
} chrdevs[64];       /* entries below nr_chrdevs are constant */
static u32 nr_chrdevs; /* register_lock to write */
static DEFINE_SPINLOCK(register_lock, RANK_INODE_LIST);

int register_chrdev(u32 major, u32 minor, u32 count, const struct file_ops *fops)
{
	int err = -ENOMEM;
	spin_lock(&register_lock);
	if (nr_chrdevs < ARRAY_SIZE(chrdevs)) {
		chrdevs[nr_chrdevs] = (struct chrdev){ major, minor, count, fops };
		smp_store_release(&nr_chrdevs, nr_chrdevs + 1);
		err = 0;
	}
	spin_unlock(&register_lock);
	return err;
}

static int chrdev_find(u64 rdev, const struct file_ops **out)
{
	u32 n = smp_load_acquire(&nr_chrdevs), major = MAJOR(rdev), minor = MINOR(rdev);
	for (u32 i = 0; i < n; i++) {
		const struct chrdev *c = &chrdevs[i];
		if (c->major == major && minor - c->minor < c->count) {
			*out = c->fops;
			return 0;
		}
	}
	return -ENXIO;
}

/* --- opening an inode ---------------------------------------------------------------------------------------------------------------------- */

static const struct file_ops path_file_ops; /* O_PATH: nothing can be done */

static int ops_for(struct inode *i, const struct file_ops **out)
{
	switch (i->mode & S_IFMT) {
	case S_IFCHR:
		*out = i->fops;
		return i->fops ? 0 : chrdev_find(i->rdev, out);
	case S_IFIFO:
		*out = &fifo_fops;
		return 0;
	case S_IFBLK:
		*out = &blkdev_file_ops;
		return 0;
	case S_IFSOCK:
	case S_IFLNK:
		return -ENXIO;
	default:
		*out = i->fops;
		return i->fops ? 0 : -ENXIO;
	}
}

static void set_seekable(struct file *f)
{
	u32 type = f->inode->mode & S_IFMT;
	if (type == S_IFREG || type == S_IFDIR || (f->ops->llseek && type != S_IFIFO && type != S_IFSOCK))
		f->fmode |= FMODE_POS;
	else
		f->fmode &= ~FMODE_POS;
}

/* A regular file is opened: writers, and readers for who wants a lease; then leases that others hold. */
static int count_open(struct file *f)
{
	if (file_writable(f)) {
		int err = inode_get_write(f->inode);
		if (err)
			return err;
		f->fmode |= FMODE_WRITER | FMODE_MNT_WRITER;
		atomic_inc(&f->path.mnt->writers);
		atomic_inc(&f->path.mnt->sb->writers);
	} else if (file_readable(f)) {
		f->fmode |= FMODE_READER;
		atomic_inc(&f->inode->readers);
	}
	return leases_break(f->inode, f->flags);
}

int file_open_path(struct file *f, const struct path *p, const struct file_ops *ops)
{
	struct inode *i = p->dentry->inode;
	int err = 0;
	f->path = *p;
	path_get(&f->path);
	f->inode = i;
	if (f->flags & O_PATH) {
		f->ops = &path_file_ops;
		return 0;
	}
	if (!ops)
		err = ops_for(i, &ops);
	if (!err && S_ISREG(i->mode))
		err = count_open(f);
	if (err)
		return err;
	f->ops = ops;
	set_seekable(f);
	if (ops->open) {
		err = ops->open(i, f);
		if (err)
			return err;
		set_seekable(f);
	}
	f->fmode |= FMODE_OPENED;
	return 0;
}

/* --- files without a name ----------------------------------------------------------------------------------------------------------------- */

/* f on the nameless dentry d. */
static void anon_set(struct file *f, struct dentry *d, const char *name, const struct file_ops *ops, void *private)
{
	f->path = (struct path){ anon_mount, d };
	mount_get(anon_mount);
	f->inode = d->inode;
	f->ops = ops;
	f->private = private;
	f->anon_name = name;
	f->fmode = FMODE_OPENED;
	set_seekable(f);
}

int file_create_anon(const char *name, u32 mode, const struct file_ops *ops, void *private, u32 flags, struct file **out)
{
	struct file *f;
	struct inode *i;
	struct dentry *d;
	int err = file_alloc(flags & ~(u32)O_CLOEXEC, &f);
	if (err)
		return err;
	err = inode_create(anon_mount->sb, mode, &i);
	if (!err) {
		/* The inode gets no ops: /proc/PID/fd/N cannot open such a file again (-ENXIO), for what it is lies in this struct file. */
		err = dentry_create(NULL, name, (u32)strlen(name), i, &d);
		if (err)
			inode_put(i);
	}
	if (err) {
		file_put(f);
		return err;
	}
	anon_set(f, d, name, ops, private);
	*out = f;
	return 0;
}

int file_clone_anon(struct file *from, u32 flags, struct file **out)
{
	struct file *f;
	int err = file_alloc(flags & ~(u32)O_CLOEXEC, &f);
	if (err)
		return err;
	dentry_get(from->path.dentry);
	anon_set(f, from->path.dentry, from->anon_name, from->ops, from->private);
	*out = f;
	return 0;
}
