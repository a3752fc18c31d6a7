/*
 * procfs: what its files share. A file is a proc_entry (constant tables, one per theme: proc_root.c, proc_pid.c, proc_sys.c ...) and, below a
 * process's directory, the task it speaks of. Text is made when a file is read from its beginning.
 */
#ifndef PANDO_FS_PROCFS_H
#define PANDO_FS_PROCFS_H

#include <linux/fcntl.h>

#include "fs/text.h"
#include "proc/proc.h"
#include "vfs/file.h"

struct proc_entry;
struct pid_namespace;
enum proc_hide { PROC_HIDE_OFF, PROC_HIDE_ACCESS, PROC_HIDE_NAME, PROC_HIDE_UNTRACEABLE = 4 };
/* super->private: one for each mount(2). */
struct proc_super {
	struct pid_namespace *ns; /* constant, a reference: whose numbers it shows */
	/* Written by remount. */
	u32 gid; /* hidepid= does not concern its members */
	u32 hidepid; /* enum proc_hide */
	bool pids_only; /* subset=pid */
};
static inline struct proc_super *proc_super_of(const struct super *sb) { return sb->private; }
/* inode->private of every procfs inode. Constant. */
struct proc_node {
	const struct proc_entry *e;
	struct task *task; /* with a reference; NULL outside process directories */
	struct pid_namespace *ns; /* whose numbers this mount shows: the superblock's reference */
	s32 fd;            /* of fd/N, fdinfo/N */
	u64 start, end;    /* of map_files */
};
struct proc_entry {
	const char *name;
	u32 mode; /* with S_IF* */
	/* Regular files: 0 or -errno. */
	int (*show)(struct text *t, const struct proc_node *n);
	/* write(2): buf is NUL-terminated behind len bytes. 0 or -errno: all is taken. */
	int (*store)(const struct proc_node *n, char *buf, size_t len);
	/* The same, by the credentials of who opened the file; only at the beginning and less than a page. Instead of store. */
	int (*store_as)(const struct proc_node *n, const struct cred *opener, char *buf, size_t len);
	bool at_offset; /* of a process's files: pwrite(2) works, which a seq file of Linux does not have */
	bool spliced; /* of a process's files: splice(2) and sendfile(2) read it */
	/* ioctl(2) of a text file. NULL: ENOTTY. */
	long (*ioctl)(const struct proc_node *n, u32 cmd, uaddr_t arg);
	/* May it be opened for writing? 0 or -errno. NULL = the mode bits decide. */
	int (*may_write)(const struct proc_node *n);
	/* Links: text, as readlink; NULL follow = the text is followed. */
	int (*link)(const struct proc_node *n, char *buf, size_t size);
	int (*follow)(const struct proc_node *n, struct path *out);
	/* Directories: fixed entries, then what these two know. pos counts from 0 for them. */
	const struct proc_entry *dir;
	u32 nr;
	int (*lookup)(struct inode *dir, const char *name, struct inode **out);
	int (*list)(struct file *f, const struct proc_node *n, struct dir_context *c);
	u64 (*size)(const struct proc_node *n); /* st_size of a directory; NULL = 0 */
	enum { PROC_NOBODY, PROC_OF_PROCESS, PROC_OF_THREAD } whose; /* a directory that hidepid= may hide */
	bool own; /* a directory into which its process may always look, whoever its files belong to */
	const struct file_ops *fops; /* instead of the text operations */
	/* May current see it? 0 or -EACCES; asked at open. NULL = the mode bits decide. */
	int (*may_open)(const struct proc_node *n);
	/* Directories with a fixed list: may current list it? 0 or -errno. */
	int (*may_list)(const struct proc_node *n);
	const void *data;
};
#define PROC_DIR(n, m, table) { .name = n, .mode = S_IFDIR | (m), .dir = table, .nr = ARRAY_SIZE(table) }
#define PROC_TEXT(n, m, fn) { .name = n, .mode = S_IFREG | (m), .show = fn }

static inline const struct proc_node *proc_node(const struct inode *i) { return i->private; }
/* An inode for e, with a reference to task if there is one. 0 or -ENOMEM. */
int proc_inode(struct super *sb, const struct proc_entry *e, struct task *task, s32 fd, struct inode **out);
/* What an open directory of procfs shows; NULL if f is none. */
const struct proc_node *proc_dir_node(const struct file *f);
u64 proc_ino(const struct proc_entry *e, const struct task *task, s32 fd);
/* Emits one name at position c->pos and moves on; false = full. */
bool proc_emit(struct dir_context *c, const char *name, u64 ino, u32 mode);
/* The first position of a directory's own list: behind ".", ".." and the fixed entries. */
static inline u64 proc_list_start(const struct proc_node *n) { return 2 + n->e->nr; }
/* Parses a decimal number without sign or leading zeros: -1 if it is none. */
s64 proc_number(const char *name);

/* A file in /proc's root from a later room: its entry must be constant data. Boot time only; at most 8. */
void proc_register(const struct proc_entry *e);
/* super_ops->evict */
void proc_evict(struct inode *i);
/* --- proc_mount.c ------------------------------------------------------------------------------------------------------------------------- */
/* May current see t here, as far as hidepid= is `from` or more? */
bool proc_may_see(const struct super *sb, struct task *t, enum proc_hide from);
/* Is this file of the root there, by subset=? */
bool proc_shows(const struct super *sb, const char *name);
void procfs_init(void);

/* The kernel's command line as /proc/cmdline shows it: set by boot. */
extern const char *proc_cmdline;

/* Debug builds: a file of each thread by which one of its allocations can be made to fail. */
#ifdef PANDO_DEBUG
#define PROC_DEBUG_FILES(show_nth, store_nth) { .name = "fail-nth", .mode = S_IFREG | 0644, .show = show_nth, .store = store_nth, .at_offset = true },
#else
#define PROC_DEBUG_FILES(show_nth, store_nth)
#endif

/* --- the root: proc_root.c ---------------------------------------------------------------------------------------------------------------- */
extern const struct proc_entry proc_root;
int proc_root_list(struct file *f, const struct proc_node *n, struct dir_context *c);
/* --- processes: proc_pid.c ---------------------------------------------------------------------------------------------------------------- */
int proc_pid_lookup(struct inode *dir, const char *name, struct inode **out);
int proc_pid_list(struct file *f, const struct proc_node *n, struct dir_context *c);
/* May current look into t's memory and files (PTRACE_MODE_READ_FSCREDS)? 0 or -EACCES. */
int proc_may_read(struct task *t);
/* Owner of t's files here: its euid and egid, root when it is not dumpable. */
void proc_owner(struct task *t, u32 *uid, u32 *gid);
/* What the numbers of current are in this mount; 0 = it is not visible here. */
s32 proc_my_tgid(const struct proc_node *n);
/* t's credentials with a reference. NULL only when there are none (never for a live task). */
const struct cred *proc_task_cred(struct task *t);
/* A number with an optional sign and white space around it. 0 or -EINVAL. */
int proc_parse_s64(char *buf, s64 *out);
/* oom_score_adj of t's process becomes v. as_least: also the least that others may set. 0 or -EACCES. */
int proc_set_oom_score(struct task *t, s32 v, bool as_least);
/* --- proc_fd.c ---------------------------------------------------------------------------------------------------------------------------- */
/* The task's descriptor table with a reference, or NULL. */
struct fdtable *proc_task_files(struct task *t);
int proc_fd_lookup(struct inode *dir, const char *name, struct inode **out);
int proc_fdinfo_lookup(struct inode *dir, const char *name, struct inode **out);
/* How many descriptors are open. */
u64 proc_fd_size(const struct proc_node *n);
int proc_fd_list(struct file *f, const struct proc_node *n, struct dir_context *c);
/* --- proc_map_query.c --------------------------------------------------------------------------------------------------------------------- */
long proc_maps_ioctl(const struct proc_node *n, u32 cmd, uaddr_t arg);
/* --- proc_map_files.c --------------------------------------------------------------------------------------------------------------------- */
int proc_map_files_lookup(struct inode *dir, const char *name, struct inode **out);
int proc_map_files_list(struct file *f, const struct proc_node *n, struct dir_context *c);
/* --- proc_ns.c ---------------------------------------------------------------------------------------------------------------------------- */
#define PROC_NS_NR 10
extern const struct proc_entry proc_ns_dir[PROC_NS_NR];
int proc_may_list_ns(const struct proc_node *n);
/* e->data: enum idmap_which */
int proc_show_idmap(struct text *t, const struct proc_node *n);
int proc_store_idmap(const struct proc_node *n, const struct cred *opener, char *buf, size_t len);
int proc_show_timens(struct text *t, const struct proc_node *n);
int proc_store_timens(const struct proc_node *n, const struct cred *opener, char *buf, size_t len);
int proc_show_setgroups(struct text *t, const struct proc_node *n);
int proc_store_setgroups(const struct proc_node *n, const struct cred *opener, char *buf, size_t len);
int proc_may_write_setgroups(const struct proc_node *n);
/* --- proc_status.c ------------------------------------------------------------------------------------------------------------------------ */
int proc_show_stat(struct text *t, const struct proc_node *n);
int proc_show_thread_stat(struct text *t, const struct proc_node *n);
int proc_show_status(struct text *t, const struct proc_node *n);
int proc_show_statm(struct text *t, const struct proc_node *n);
int proc_show_limits(struct text *t, const struct proc_node *n);
void proc_put_comm(struct text *t, struct task *task, bool escape);
/* --- sysfs_block.c ------------------------------------------------------------------------------------------------------------------------ */
int proc_show_partitions(struct text *t, const struct proc_node *n);
int proc_show_diskstats(struct text *t, const struct proc_node *n);
/* --- proc_task.c -------------------------------------------------------------------------------------------------------------------------- */
int proc_show_stack(struct text *t, const struct proc_node *n);
int proc_show_sched(struct text *t, const struct proc_node *n);
int proc_show_timers(struct text *t, const struct proc_node *n);
int proc_show_numa_maps(struct text *t, const struct proc_node *n);
int proc_store_clear_refs(const struct proc_node *n, char *buf, size_t len);
int proc_show_io(struct text *t, const struct proc_node *n);
int proc_show_thread_io(struct text *t, const struct proc_node *n);
int proc_show_old_oom_adj(struct text *t, const struct proc_node *n);
int proc_store_old_oom_adj(const struct proc_node *n, char *buf, size_t len);
#define PROC_ATTR_NR 6
extern const struct proc_entry proc_attr_dir[PROC_ATTR_NR];
/* --- proc_birth.c ------------------------------------------------------------------------------------------------------------------------- */
int proc_show_birth(struct text *t, const struct proc_node *n);
int proc_show_births_idle(struct text *t, const struct proc_node *n);
int proc_show_births_failed(struct text *t, const struct proc_node *n);
/* --- proc_locks.c -------------------------------------------------------------------------------------------------------------------------- */
/* /proc/locks; the lines of fdinfo for what f has through `table`: 0 or -ENOMEM. */
int proc_show_locks(struct text *t, const struct proc_node *n);
int proc_show_fd_locks(struct text *t, const struct file *f, const struct fdtable *table);
/* --- proc_mm.c ---------------------------------------------------------------------------------------------------------------------------- */
int proc_show_maps(struct text *t, const struct proc_node *n);
int proc_show_smaps(struct text *t, const struct proc_node *n);
int proc_show_smaps_rollup(struct text *t, const struct proc_node *n);
int proc_show_cmdline(struct text *t, const struct proc_node *n);
int proc_show_environ(struct text *t, const struct proc_node *n);
int proc_show_auxv(struct text *t, const struct proc_node *n);
/* What maps calls a mapping; NULL: nothing, or a path that does not fit. page: room for a path. */
const char *proc_vma_name(const struct mm *mm, const struct vma *v, char *page);
/* Has it one on Linux? There anonymous shared memory is a file too. */
bool proc_vma_has_file(const struct vma *v);
extern const struct file_ops proc_mem_ops, proc_pagemap_ops;
/* Pages of an address space: resident ones by what backs them, mapped ones by use as Linux counts data, stack and code. => may sleep */
struct mm_split { u64 anon, file, shmem, data, stack, exec; };
void proc_mm_split(struct mm *mm, struct mm_split *out);
/* --- proc_sys.c, proc_net.c, proc_pando.c -------------------------------------------------------------------------------------------------- */
/* kernel.kptr_restrict: 2 = nobody is shown where the kernel's functions are. */
extern u32 kptr_restrict;
#define PROC_SYS_NR 6
/* dev.tty.legacy_tiocsti: may programs without CAP_SYS_ADMIN type on their own terminal by TIOCSTI? */
extern u32 tty_legacy_tiocsti;
extern const struct proc_entry proc_sys_dir[PROC_SYS_NR];
#define PROC_NET_NR 9
extern const struct proc_entry proc_net_dir[PROC_NET_NR];
int proc_show_pando(struct text *t, const struct proc_node *n);

#endif
