/*
 * sysfs: a read-only tree that drivers add to. Nodes are made once and never freed (sysfs_hide takes one out of sight), so a pointer to one stays
 * good without a lock.
 */
#ifndef PANDO_FS_SYSFS_H
#define PANDO_FS_SYSFS_H

#include "fs/text.h"

struct sysfs_node;
/* The directory at `path` below /sys ("class/tty"), made with its parents when missing. NULL: no memory. */
struct sysfs_node *sysfs_dir(const char *path);
/* A file in dir whose text show() makes / a symbolic link. NULL: no memory, or dir is NULL. name and target are copied; data is passed on. */
struct sysfs_node *sysfs_file(struct sysfs_node *dir, const char *name, void (*show)(struct text *t, void *data), void *data);
struct sysfs_node *sysfs_link(struct sysfs_node *dir, const char *name, const char *target);
/* Takes a node with all below it out of sight. */
void sysfs_hide(struct sysfs_node *n);
/* show() for a constant string / "major:minor\n" of a device number in data. */
void sysfs_show_string(struct text *t, void *data);
void sysfs_show_dev(struct text *t, void *data);
void sysfs_init(void);

#endif
