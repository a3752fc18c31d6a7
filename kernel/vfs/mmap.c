/* mmap(2): checks what the file allows and hands the request to mm. Entry point: sys_mmap. */
#include <asm/mman.h>
#include <linux/mman.h>
#include <linux/personality.h>

#include "gen/sys_protos.h"
#include "mm/mm.h"
#include "vfs/internal.h"

/* Flags that files understood before MAP_SHARED_VALIDATE; the others are refused under it. */
#define LEGACY_MAP_MASK                                                                                                \
	(MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_UNINITIALIZED | MAP_GROWSDOWN | MAP_LOCKED |   \
	 MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_32BIT | 0x80 /* MAP_ABOVE4G */ | MAP_HUGE_2MB | MAP_HUGE_1GB)
#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB (21 << 26)
#define MAP_HUGE_1GB (30 << 26)
#endif

/* What the open mode and the mount allow. */
static int check_file_map(struct file *f, struct map_request *r)
{
	switch (r->flags & MAP_TYPE) {
	case MAP_SHARED:
	case MAP_SHARED_VALIDATE:
		if ((r->flags & MAP_TYPE) == MAP_SHARED_VALIDATE && (r->flags & ~(u32)(LEGACY_MAP_MASK)))
			return -EOPNOTSUPP;
		if ((r->prot & PROT_WRITE) && !file_writable(f))
			return -EACCES;
		if (inode_is_append_only(f->inode) && file_writable(f))
			return -EACCES;
		if (!file_writable(f))
			r->max_flags_drop |= VM_MAYWRITE;
		break;
	case MAP_PRIVATE:
		break;
	default:
		return -EINVAL;
	}
	if (!file_readable(f))
		return -EACCES;
	if (mount_flags(f->path.mnt) & MS_NOEXEC) {
		if (r->prot & PROT_EXEC)
			return -EPERM;
		r->max_flags_drop |= VM_MAYEXEC;
	}
	if (!f->ops->mmap)
		return -ENODEV;
	return r->flags & MAP_GROWSDOWN ? -EINVAL : 0;
}

/* prot: as the caller said it. */
static long map_file(int fd, struct map_request *r, u32 prot)
{
	struct file *f;
	uaddr_t addr;
	int err = fd_get(fd, &f);
	if (err)
		return err;
	r->file = f;
	if (mount_flags(f->path.mnt) & MS_NOEXEC)
		r->prot = prot;
	if (r->flags & MAP_HUGETLB)
		err = -EINVAL; /* only files of hugetlbfs have huge pages */
	if (!err)
		err = check_file_map(f, r);
	if (!err)
		err = f->ops->mmap(f, r);
	if (!err)
		err = do_mmap(current_thread()->mm, r, &addr);
	file_put(f);
	return err ? err : (long)addr;
}

static long map_anon(struct map_request *r)
{
	struct address_space *as = NULL;
	uaddr_t addr;
	u32 type = r->flags & MAP_TYPE;
	if (r->flags & MAP_HUGETLB)
		return -ENOMEM; /* no pool of huge pages is set up */
	if (type != MAP_SHARED && type != MAP_PRIVATE)
		return -EINVAL;
	if (type == MAP_SHARED) {
		if (r->flags & MAP_GROWSDOWN)
			return -EINVAL;
		r->pgoff = 0;
		as = as_create_anon(r->len, r->flags & MAP_NORESERVE);
		if (!as)
			return -ENOMEM;
		r->mapping = as;
	}
	int err = do_mmap(current_thread()->mm, r, &addr);
	if (as)
		as_put(as);
	return err ? err : (long)addr;
}

long sys_mmap(u64 addr, u64 len, u64 prot, u64 flags, u64 fd, u64 off)
{
	struct map_request r = { .addr = addr, .prot = (u32)prot, .flags = (u32)flags, .pgoff = off >> PAGE_SHIFT };
	if (off & ~PAGE_MASK)
		return -EINVAL;
	if (unlikely(current_thread()->personality & READ_IMPLIES_EXEC) && (prot & PROT_READ))
		r.prot |= PROT_EXEC;
	if (!(flags & MAP_ANONYMOUS)) {
		/* A bad descriptor is told before a bad length. */
		struct fdref ref;
		int err = fdref_get((int)fd, &ref);
		if (err)
			return err;
		fdref_put(&ref);
	}
	if (!len)
		return -EINVAL;
	r.len = ALIGN_UP(len, PAGE_SIZE);
	if (!r.len)
		return -ENOMEM;
	if (r.pgoff + (r.len >> PAGE_SHIFT) < r.pgoff)
		return -EOVERFLOW;
	return flags & MAP_ANONYMOUS ? map_anon(&r) : map_file((int)fd, &r, (u32)prot);
}
