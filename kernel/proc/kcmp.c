/*
 * kcmp(2): do two tasks share a resource? Entry point: sys_kcmp. Unequal ones are ordered by their addresses, which are scrambled first, so that the
 * order is fixed for as long as the machine runs and says nothing about where kernel objects lie.
 */
#include <linux/kcmp.h>

#include "gen/sys_protos.h"
#include "mm/uaccess.h"
#include "proc/internal.h"
#include "vfs/epoll.h"

static u64 scramble[2]; /* set once: xor, odd factor */

static void make_scramble(void)
{
	u64 v[2];
	if (READ_ONCE(scramble[1]))
		return;
	hook_random_bytes(v, sizeof(v));
	if (!cmpxchg(&scramble[1], 0, v[1] | 1UL << 63 | 1))
		WRITE_ONCE(scramble[0], v[0]);
}

/* 0 equal, 1 less, 2 greater */
static long compare(const void *a, const void *b)
{
	make_scramble();
	u64 x = ((u64)a ^ scramble[0]) * scramble[1], y = ((u64)b ^ scramble[0]) * scramble[1];
	return a == b ? 0 : x < y ? 1 : 2;
}

static long compare_files(struct task *a, struct task *b, int fd1, int fd2)
{
	struct file *f1, *f2 = NULL;
	long ret = task_file(a, fd1, &f1);
	if (ret)
		return ret;
	ret = task_file(b, fd2, &f2);
	if (!ret)
		ret = compare(f1, f2);
	if (f2)
		file_put(f2);
	file_put(f1);
	return ret;
}

/* The file fd1 of a with what b's epoll instance watches under a descriptor. */
static long compare_epoll(struct task *a, struct task *b, int fd1, uaddr_t uslot)
{
	struct kcmp_epoll_slot slot;
	struct file *f1, *ep;
	const struct file *target = NULL;
	if (copy_from_user(&slot, uslot, sizeof(slot)))
		return -EFAULT;
	long ret = task_file(a, fd1, &f1);
	if (ret)
		return ret;
	ret = task_file(b, (int)slot.efd, &ep);
	if (!ret) {
		ret = epoll_target(ep, (int)slot.tfd, slot.toff, &target);
		file_put(ep);
	}
	if (!ret)
		ret = compare(f1, target);
	file_put(f1);
	return ret;
}

static long compare_tasks(struct task *a, struct task *b, int type, u64 idx1, u64 idx2)
{
	switch (type) {
	case KCMP_FILE:
		return compare_files(a, b, (int)idx1, (int)idx2);
	case KCMP_VM:
		return compare(READ_ONCE(a->mm), READ_ONCE(b->mm));
	case KCMP_FILES:
		return compare(READ_ONCE(a->files), READ_ONCE(b->files));
	case KCMP_FS:
		return compare(READ_ONCE(a->fs), READ_ONCE(b->fs));
	case KCMP_SIGHAND:
		return compare(READ_ONCE(a->sighand), READ_ONCE(b->sighand));
	case KCMP_IO: /* I/O contexts come with block devices' schedulers: nobody has one */
		return compare(NULL, NULL);
	case KCMP_SYSVSEM:
		return compare(READ_ONCE(a->sem_undo), READ_ONCE(b->sem_undo));
	case KCMP_EPOLL_TFD:
		return compare_epoll(a, b, (int)idx1, idx2);
	default:
		return -EINVAL;
	}
}

long sys_kcmp(u64 pid1, u64 pid2, u64 type, u64 idx1, u64 idx2)
{
	struct task *a = find_get_task((s32)pid1), *b = a ? find_get_task((s32)pid2) : NULL;
	long ret = !b ? -ESRCH : !task_may_access(a, true) || !task_may_access(b, true) ? -EPERM : compare_tasks(a, b, (int)type, idx1, idx2);
	if (b)
		task_put(b);
	if (a)
		task_put(a);
	return ret;
}
