/*
 * User memory. The only way to touch it: ranges are checked, faults become -EFAULT, SMAP is opened for just the copy. May sleep (page fault),
 * so never with a spinlock held.
 */
#ifndef PANDO_MM_UACCESS_H
#define PANDO_MM_UACCESS_H

#include "arch/x86_64/pgtable.h"
#include "lib/errno.h"
#include "lib/types.h"

static inline bool user_range_ok(uaddr_t a, size_t n) { return n <= TASK_SIZE_MAX && a <= TASK_SIZE_MAX - n; }

/* 0 or -EFAULT. */
int copy_from_user(void *dst, uaddr_t src, size_t n);
int copy_to_user(uaddr_t dst, const void *src, size_t n);
int clear_user(uaddr_t dst, size_t n);
/* Bytes that could not be copied (for partial reads and writes). */
size_t copy_from_user_partial(void *dst, uaddr_t src, size_t n);
size_t copy_to_user_partial(uaddr_t dst, const void *src, size_t n);
/* Copies a string with its NUL; returns its length, -EFAULT, or `size` when there is no NUL in size bytes. */
long strncpy_from_user(char *dst, uaddr_t src, size_t size);
/* Length including NUL; 0 on a fault, > max when longer. */
size_t strnlen_user(uaddr_t s, size_t max);
/* *(type of x)addr -> x and back. */
#define get_user(x, addr) copy_from_user(&(x), (addr), sizeof(x))
#define put_user(x, addr) ({ __typeof__(x) pu_ = (x); copy_to_user((addr), &pu_, sizeof(pu_)); })
/* Atomic on a user u32: *found = value before. 0 or -EFAULT. */
int cmpxchg_user32(uaddr_t addr, u32 old, u32 new, u32 *found);
/* Read without sleeping (pagefaults disabled): 0 or -EFAULT. For futex under a spinlock. */
int get_user32_nofault(u32 *out, uaddr_t addr);
int cmpxchg_user32_nofault(uaddr_t addr, u32 old, u32 new, u32 *found);
/* Copies a struct whose size user space states (clone3, openat2 rules): zero-fills, -E2BIG on non-zero trailing bytes, -EFAULT. */
int copy_struct_from_user(void *dst, size_t ksize, uaddr_t src, size_t usize);

#endif
