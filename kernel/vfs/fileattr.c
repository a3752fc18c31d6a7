/*
 * The flags of files that chattr(1) sets, on file systems that keep them: append-only, immutable, not to be dumped, no access times. What they forbid is
 * asked where the rest is asked (perm.c, open.c, attr.c ...), by inode_is_fixed() and its like. Entry point: fileattr_ioctl().
 */
#include <linux/capability.h>
#include <linux/fs.h>

#include "vfs/internal.h"
#include "vfs/notify.h"

#ifndef FS_DAX_FL
#define FS_DAX_FL 0x02000000
#endif
#define SETTABLE_FLAGS (FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL)

/* The two spellings of what both calls know. */
static const struct {
	u32 flag, xflag;
} spelling[] = {
	{ FS_SYNC_FL, FS_XFLAG_SYNC },
	{ FS_IMMUTABLE_FL, FS_XFLAG_IMMUTABLE },
	{ FS_APPEND_FL, FS_XFLAG_APPEND },
	{ FS_NODUMP_FL, FS_XFLAG_NODUMP },
	{ FS_NOATIME_FL, FS_XFLAG_NOATIME },
	{ FS_DAX_FL, FS_XFLAG_DAX },
	{ FS_PROJINHERIT_FL, FS_XFLAG_PROJINHERIT },
};
#define COMMON_XFLAGS \
	(FS_XFLAG_SYNC | FS_XFLAG_IMMUTABLE | FS_XFLAG_APPEND | FS_XFLAG_NODUMP | FS_XFLAG_NOATIME | FS_XFLAG_DAX | FS_XFLAG_PROJINHERIT)

static u32 to_xflags(u32 flags)
{
	u32 x = 0;
	for (u32 k = 0; k < ARRAY_SIZE(spelling); k++)
		x |= flags & spelling[k].flag ? spelling[k].xflag : 0;
	return x;
}

static u32 from_xflags(u32 xflags)
{
	u32 flags = 0;
	for (u32 k = 0; k < ARRAY_SIZE(spelling); k++)
		flags |= xflags & spelling[k].xflag ? spelling[k].flag : 0;
	return flags;
}

/* What FS_IOC_FSSETXATTR can say beside flags, which no file system here keeps. 0, -EINVAL (it makes no sense) or -EOPNOTSUPP. => i's lock */
static int check_extra(const struct inode *i, const struct fsxattr *x)
{
	if (current_user_ns() == &init_user_ns ? x->fsx_projid == ~0u : x->fsx_projid || (x->fsx_xflags & FS_XFLAG_PROJINHERIT))
		return -EINVAL;
	if ((x->fsx_xflags & FS_XFLAG_EXTSIZE) && !S_ISREG(i->mode))
		return -EINVAL;
	if ((x->fsx_xflags & FS_XFLAG_EXTSZINHERIT) && !S_ISDIR(i->mode))
		return -EINVAL;
	/* A size of 0 takes its flag with it. */
	u32 extra = x->fsx_xflags & ~(u32)COMMON_XFLAGS;
	if (!x->fsx_extsize)
		extra &= ~(u32)(FS_XFLAG_EXTSIZE | FS_XFLAG_EXTSZINHERIT);
	if (!x->fsx_cowextsize)
		extra &= ~(u32)FS_XFLAG_COWEXTSIZE;
	return extra || x->fsx_extsize || x->fsx_projid || x->fsx_cowextsize ? -EOPNOTSUPP : 0;
}

/* x: what else is wanted, or NULL. */
static int set_flags(struct file *f, u32 flags, const struct fsxattr *x)
{
	struct inode *i = f->inode;
	int err = mount_want_write(f->path.mnt);
	if (err)
		return err;
	if (!inode_owner_or_capable(i))
		return -EPERM;
	mutex_lock(&i->lock);
	if (((flags ^ i->attr_flags) & (FS_APPEND_FL | FS_IMMUTABLE_FL)) && !capable(CAP_LINUX_IMMUTABLE))
		err = -EPERM;
	if (!err && x)
		err = check_extra(i, x);
	if (!err && (flags & ~(u32)SETTABLE_FLAGS))
		err = -EOPNOTSUPP;
	if (!err) {
		WRITE_ONCE(i->attr_flags, (u8)flags);
		i->ctime = file_now();
	}
	mutex_unlock(&i->lock);
	return err;
}

long fileattr_ioctl(struct file *f, u32 cmd, uaddr_t arg)
{
	struct inode *i = f->inode;
	struct fsxattr x;
	u32 flags = READ_ONCE(i->attr_flags);
	if (!i->sb->has_attr_flags || !(S_ISREG(i->mode) || S_ISDIR(i->mode)))
		return -ENOTTY;
	switch (cmd) {
	case FS_IOC_GETFLAGS:
		return put_user(flags, arg);
	case FS_IOC_SETFLAGS:
		return get_user(flags, arg) ? -EFAULT : set_flags(f, flags, NULL);
	case FS_IOC_FSGETXATTR:
		memset(&x, 0, sizeof(x));
		x.fsx_xflags = to_xflags(flags);
		return copy_to_user(arg, &x, sizeof(x));
	default: /* FS_IOC_FSSETXATTR */
		if (copy_from_user(&x, arg, sizeof(x)))
			return -EFAULT;
		return set_flags(f, from_xflags(x.fsx_xflags), &x);
	}
}
