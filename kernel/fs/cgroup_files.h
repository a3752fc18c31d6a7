/*
 * The control files of a group, between the file system that shows them (cgroupfs.c) and those who know what stands in them: cgroup_files.c (cgroup.*, pids.*),
 * cgroup_cpu.c, cgroup_memory.c. A file goes by its number in the list of all.
 */
#ifndef PANDO_FS_CGROUP_FILES_H
#define PANDO_FS_CGROUP_FILES_H

#include "fs/text.h"
#include "proc/cgroup.h"

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
	s8 event;      /* enum cgroup_event that poll(2) tells of, or CGE_NONE */
	u8 limit;      /* enum memcg_limit, of the files that show one */
	/* NULL: it cannot be read. => o->cg alive, cgroup_mutex not held. 0 or -errno */
	int (*show)(struct text *t, struct cgroup_open *o);
	/* NULL: it cannot be written. `s` is what was written without white space around it. => o->cg alive; unless `unlocked`: cgroup_mutex. 0 or -errno */
	int (*store)(struct cgroup_open *o, char *s);
	bool unlocked; /* store() takes cgroup_mutex itself, if it needs it */
};
struct cgroup_file_table {
	const struct cgroup_file *files;
	u32 nr;
};
extern const struct cgroup_file_table cgroup_cpu_files, cgroup_memory_files;
#define CGROUP_PROCS "cgroup.procs"

/* The file with that number, from 0; NULL: there are no more. */
const struct cgroup_file *cgroup_file_nth(u32 nth);

/* Linux's kstrtoint: 0, -EINVAL, -ERANGE. */
int cgroup_parse_int(const char *s, s32 *out);
/* The line "NAME V". */
void cgroup_put_field(struct text *t, const char *name, u64 v);

#endif
