/* memfd_create(2): files without a name on an internal tmpfs, with seals. */
#include <linux/fcntl.h>
#include <linux/memfd.h>

#include "fs/tmpfs.h"
#include "gen/sys_protos.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/dcache.h"

/* Linux 6.3's flags, which older headers lack. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#define MFD_EXEC 0x0010U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif
#define MEMFD_NAME_MAX 249u /* 255 less "memfd:" */

static int memfd_open(const char *name, u64 flags, struct file **out)
{
	struct inode *i;
	struct file *f;
	struct path p = { tmpfs_internal_mount(), NULL };
	bool noexec = flags & MFD_NOEXEC_SEAL;
	int err = tmpfs_nameless(p.mnt->sb, S_IFREG | (noexec ? 0666 : 0777), &i);
	if (err)
		return err;
	if (noexec)
		i->seals = F_SEAL_EXEC;
	else if (flags & MFD_ALLOW_SEALING)
		i->seals = 0;
	err = dentry_create(NULL, name, (u32)strlen(name), i, &p.dentry);
	if (err) {
		inode_put(i);
		return err;
	}
	err = file_alloc(O_RDWR | O_LARGEFILE, &f);
	if (!err) {
		err = file_open_path(f, &p, NULL);
		if (err)
			file_put(f);
	}
	dentry_put(p.dentry);
	*out = f;
	return err;
}

long sys_memfd_create(u64 uname, u64 flags)
{
	char *name;
	struct file *f;
	if (flags & MFD_HUGETLB)
		return -EINVAL; /* as a kernel without hugetlbfs says */
	if (flags & ~(u64)(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC))
		return -EINVAL;
	if ((flags & MFD_EXEC) && (flags & MFD_NOEXEC_SEAL))
		return -EINVAL;
	name = kmalloc(8 + MEMFD_NAME_MAX);
	if (!name)
		return -ENOMEM;
	memcpy(name, "memfd:", 6);
	long n = strncpy_from_user(name + 6, uname, MEMFD_NAME_MAX + 1);
	int err = n < 0 ? (int)n : n > MEMFD_NAME_MAX ? -EINVAL : 0;
	if (!err)
		err = memfd_open(name, flags, &f);
	kfree(name);
	return err ? err : fd_install_new(f, flags & MFD_CLOEXEC);
}
