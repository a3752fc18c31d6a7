/* What inotify.c and dnotify.c share: a watch on an inode, and where what comes of an event is kept until no lock is held. */
#ifndef PANDO_VFS_WATCH_H
#define PANDO_VFS_WATCH_H

#include "vfs/notify.h"
#include "vfs/tells.h"

struct inotify;
struct watch {
	struct list_head all_node, group_node;
	struct watch *next; /* of the same inode */
	struct inode *inode; /* inotify's are counted; dnotify's are kept by the open file */
	struct inotify *group; /* NULL: dnotify's */
	s32 wd;
	u32 mask;
}; /* all fields: notify_lock */

extern struct spinlock notify_lock;

/* What an event leads to. */
struct outcome {
	struct list_head dead; /* watches that have ended, by group_node */
	struct tells tells;
};
/* Puts w among the watches of i and of all / takes it from there. => notify_lock */
void watch_link(struct watch *w, struct inode *i);
void watch_unlink(struct watch *w);
/* Something happened that w waits for. => notify_lock */
void dnotify_event(struct watch *w, struct outcome *o);

#endif
