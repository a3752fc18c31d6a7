/*
 * Telling watchers of files what happens to them: inotify and dnotify (vfs/inotify.c, vfs/dnotify.c). The hooks cost one predicted branch while nobody watches
 * anything. Masks are IN_*.
 * => the caller keeps the inodes; no spinlocks held, but for notify_inode and notify_name with NOTIFY_LOCKED, where inodes may be given up under tasklist_lock
 */
#ifndef PANDO_VFS_NOTIFY_H
#define PANDO_VFS_NOTIFY_H

#include <linux/inotify.h>

#include "lib/types.h"

struct dentry;
struct file;
struct inode;
struct super;

/* Beside IN_*: a name changed within its directory (the first of what a rename tells; dnotify's alone); the caller holds spinlocks. */
#define NOTIFY_RENAME 0x00100000u
#define NOTIFY_LOCKED 0x00200000u

extern u32 notify_watches; /* in all; lock-free */
void notify_dentry_slow(struct dentry *d, u32 mask);
void notify_inode_slow(struct inode *i, u32 mask);
void notify_name_slow(struct inode *dir, u32 mask, u32 cookie, const char *name, u32 len, bool isdir);
void notify_unmount_slow(struct super *sb);
void notify_deleted_slow(struct inode *i);
/* A number that ties the two halves of a move. */
u32 notify_cookie(void);

/* Something was done to the file at d: its own watchers, and with its name those of the directory. */
static inline void notify_dentry(struct dentry *d, u32 mask)
{
	if (unlikely(READ_ONCE(notify_watches)))
		notify_dentry_slow(d, mask);
}
/* Only those of i itself. */
static inline void notify_inode(struct inode *i, u32 mask)
{
	if (unlikely(READ_ONCE(notify_watches)))
		notify_inode_slow(i, mask);
}
/* A name of dir came or went. */
static inline void notify_name(struct inode *dir, u32 mask, u32 cookie, const char *name, u32 len, bool isdir)
{
	if (unlikely(READ_ONCE(notify_watches)))
		notify_name_slow(dir, mask, cookie, name, len, isdir);
}
/* The last mount of sb is going. */
static inline void notify_unmount(struct super *sb)
{
	if (unlikely(READ_ONCE(notify_watches)))
		notify_unmount_slow(sb);
}
/* The last name of i is gone, and nobody has it open through a name. */
static inline void notify_deleted(struct inode *i)
{
	if (unlikely(READ_ONCE(notify_watches)))
		notify_deleted_slow(i);
}

#endif
