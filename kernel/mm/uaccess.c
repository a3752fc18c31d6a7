/* User memory access: range checks around the machine's copy primitives. */
#include "mm/uaccess.h"

#include "arch/x86_64/arch.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "sched/thread.h"

/* A fault may sleep: with a spinlock held only those that cannot fault may come here. */
static inline void check_may_sleep(void)
{
	ASSERT(this_cpu()->lock_depth == 0 || current_thread()->uaccess_disabled);
}

size_t copy_from_user_partial(void *dst, uaddr_t src, size_t n)
{
	check_may_sleep();
	if (unlikely(!user_range_ok(src, n)))
		return n;
	return arch_copy_user(dst, (const void *)src, n);
}

size_t copy_to_user_partial(uaddr_t dst, const void *src, size_t n)
{
	check_may_sleep();
	if (unlikely(!user_range_ok(dst, n)))
		return n;
	return arch_copy_user((void *)dst, src, n);
}

int copy_from_user(void *dst, uaddr_t src, size_t n) { return copy_from_user_partial(dst, src, n) ? -EFAULT : 0; }
int copy_to_user(uaddr_t dst, const void *src, size_t n) { return copy_to_user_partial(dst, src, n) ? -EFAULT : 0; }

int clear_user(uaddr_t dst, size_t n)
{
	check_may_sleep();
	if (!user_range_ok(dst, n))
		return -EFAULT;
	return arch_clear_user((void *)dst, n) ? -EFAULT : 0;
}

long strncpy_from_user(char *dst, uaddr_t src, size_t size)
{
	check_may_sleep();
	if (src >= TASK_SIZE_MAX)
		return -EFAULT;
	size_t room = min(size, (size_t)(TASK_SIZE_MAX - src));
	long n = arch_strncpy_user(dst, (const char *)src, room);
	/* Cut short by the end of user space, not by the buffer: that is a fault. */
	return n == (long)room && room < size ? -EFAULT : n;
}

size_t strnlen_user(uaddr_t s, size_t max)
{
	char buf[256];
	size_t len = 0;
	for (;;) {
		/* Up to the page's end, so that a string that ends there is never read past it. */
		size_t part = min(sizeof(buf), (size_t)(PAGE_SIZE - ((s + len) & ~PAGE_MASK)));
		long n = strncpy_from_user(buf, s + len, part);
		if (n < 0)
			return 0;
		len += (size_t)n;
		if ((size_t)n < part)
			return len + 1;
		if (len > max)
			return len;
	}
}

int cmpxchg_user32(uaddr_t addr, u32 old, u32 new, u32 *found)
{
	check_may_sleep();
	if (!user_range_ok(addr, 4))
		return -EFAULT;
	return arch_cmpxchg_user32((u32 *)addr, old, new, found);
}

int get_user32_nofault(u32 *out, uaddr_t addr)
{
	struct thread *t = current_thread();
	t->uaccess_disabled++;
	barrier();
	int err = copy_from_user(out, addr, 4);
	barrier();
	t->uaccess_disabled--;
	return err;
}

int cmpxchg_user32_nofault(uaddr_t addr, u32 old, u32 new, u32 *found)
{
	struct thread *t = current_thread();
	t->uaccess_disabled++;
	barrier();
	int err = cmpxchg_user32(addr, old, new, found);
	barrier();
	t->uaccess_disabled--;
	return err;
}

int copy_struct_from_user(void *dst, size_t ksize, uaddr_t src, size_t usize)
{
	u8 rest[64];
	for (size_t at = ksize; at < usize;) {
		size_t part = min(usize - at, sizeof(rest));
		int err = copy_from_user(rest, src + at, part);
		if (err)
			return err;
		for (size_t i = 0; i < part; i++)
			if (rest[i])
				return -E2BIG;
		at += part;
	}
	size_t n = min(ksize, usize);
	memset((u8 *)dst + n, 0, ksize - n);
	return copy_from_user(dst, src, n);
}
