/* cgroup2: cgroupfs.c is the file system (directories, inodes, mounting), cgroup_files.c the table of control files. Entry point for boot: cgroupfs_init(). */
#ifndef PANDO_FS_CGROUPFS_H
#define PANDO_FS_CGROUPFS_H

#include "fs/text.h"
#include "proc/cgroup.h"
#include "vfs/file.h"

struct cgroup_file;
/* An open control file. */
struct cgroup_open {
	const struct cgroup_file *file;
	struct cgroup *cg;           /* the inode's */
	struct cgroup_namespace *ns; /* of the opener, counted */
	const struct cred *cred;     /* of the opener: the file's */
	struct text text;            /* made by a read from the beginning; the file's pos_lock */
	s32 event;                   /* the last event that a read saw */
	struct list_head peak;       /* cgroup_mutex: cg->peak_watchers, once it was written to */
	u64 peak_pages;              /* cgroup_mutex: the most it has seen since */
};
#define CGF_NOT_ON_ROOT 1u
#define CGF_NS_DELEGATABLE 2u /* with nsdelegate, writable in the root of a namespace from inside it too */
struct cgroup_file {
	const char *name;
	u8 flags;      /* CGF_* */
	u8 controller; /* bit: there only where that works; 0 = everywhere */
	s8 event;      /* enum cgroup_event that poll(2) tells of, -1 = none */
	/* NULL: it cannot be read. 0 or -errno */
	int (*show)(struct text *t, struct cgroup *cg);
	int (*show_as)(struct text *t, struct cgroup_open *o); /* instead, where what is read depends on who opened it */
	/* NULL: it cannot be written. `s` is what was written without white space around it. => cg alive when `locked`: cgroup_mutex held. 0 or -errno */
	int (*store)(struct cgroup_open *o, char *s);
	bool unlocked; /* store() takes cgroup_mutex itself, if it needs it */
};
extern const struct cgroup_file cgroup_files[];
extern const u32 cgroup_files_nr;

void cgroupfs_init(void);

#endif
