/* Limits of inotify, fs.inotify.* : vfs/inotify.c */
#ifndef PANDO_VFS_INOTIFY_H
#define PANDO_VFS_INOTIFY_H

#include "lib/types.h"

/* Per user, the first two; events that wait in one instance. */
extern u32 inotify_max_instances, inotify_max_watches, inotify_max_events;

#endif
