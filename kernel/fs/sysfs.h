/*
 * sysfs: a tree that drivers add to; what can be written brings its own file operations. Nodes are made once and never freed (sysfs_hide takes one out of
 * sight), so a pointer to one stays good without a lock.
 */
#ifndef PANDO_FS_SYSFS_H
#define PANDO_FS_SYSFS_H

#include "fs/text.h"

struct sysfs_node;
/* The directory at `path` below /sys ("class/tty"), made with its parents when missing. NULL: no memory. */
struct sysfs_node *sysfs_dir(const char *path);
/* As sysfs_dir, and fill() adds what is in it when somebody first looks. */
struct sysfs_node *sysfs_lazy_dir(const char *path, void (*fill)(struct sysfs_node *dir));
/* A file in dir whose text show() makes. NULL: no memory, or dir is NULL. name is copied; data is passed on. */
struct sysfs_node *sysfs_file(struct sysfs_node *dir, const char *name, void (*show)(struct text *t, void *data), void *data);
/* A file with operations of its own; S_IWUSR in mode: it can be opened for writing, also with O_TRUNC. */
struct sysfs_node *sysfs_special(struct sysfs_node *dir, const char *name, u32 mode, const struct file_ops *fops, void *data);
/* A symbolic link; the target is copied. */
struct sysfs_node *sysfs_link(struct sysfs_node *dir, const char *name, const char *target);
/* The data of the node behind an inode. */
void *sysfs_data(const struct inode *i);
/* A file system of its own whose root is `root` (the tree stays visible in sysfs, too). 0 or -ENOMEM. */
int sysfs_subtree(struct fs_type *type, struct sysfs_node *root, u64 magic, struct super **out);
/* Takes a node with all below it out of sight. */
void sysfs_hide(struct sysfs_node *n);
/* show(): a string, an unsigned number; "major:minor\n" of a device number in data. */
void sysfs_show_string(struct text *t, void *data);
void sysfs_show_number(struct text *t, void *data);
void sysfs_show_dev(struct text *t, void *data);
/*
 * A device with a node in /dev: its directory below devices/virtual, the links to it in class/SUBSYSTEM (or block) and in dev/char (dev/block). The record is kept; what it
 * means is made when somebody first looks.
 */
struct sysfs_device {
	const char *subsystem, *name;
	u64 rdev;
	u32 mode; /* of the node: 0 = not told */
	bool block;
	void (*more)(struct sysfs_node *dir, void *data); /* adds further files; may be NULL */
	void *data;
	struct sysfs_device *next;
};
/* => boot */
void sysfs_device_add(struct sysfs_device *d);
/* What sysfs shows of a disk. => boot */
struct blkdev;
void sysfs_block_add(struct blkdev *b);
/* The directory of a device that is in no /dev, by the same rules. */
struct sysfs_node *sysfs_device_dir(const char *subsystem, const char *name);
/* For the first mount: sysfs_machine.c. */
void sysfs_build(void);
/* Makes what the devices mean: sysfs_device.c. */
void sysfs_fill_devices(struct sysfs_node *dir);
void sysfs_init(void);

#endif
