/* The namespaces that live in this room, how they are made, and the table of kinds behind setns and /proc/PID/ns. */
#ifndef PANDO_PROC_NS_H
#define PANDO_PROC_NS_H

#include <linux/sched.h>

#include "proc/task.h"
#include "vfs/ns.h"
#include "vfs/userns.h"

/* The namespaces of the set that a clone or unshare may ask for (user namespaces are made with the credentials). */
#define NSPROXY_FLAGS                                                                                                  \
	((u64)CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_NEWTIME)

/* --- ns.c, nsfs.c: every kind alike ------------------------------------------------------------------------------------------------------ */
struct nsset;
struct ns_ops {
	const char *name; /* in "uts:[4026531838]" */
	u32 flag;         /* CLONE_NEW* */
	/* A fresh one, modelled on `from`; fs moves into a new mount namespace. NULL: this kind is not made by nsproxy_create. 0, -ENOSPC, -ENOMEM ... */
	int (*create)(struct ns_common *from, struct user_namespace *owner, struct fs_context *fs, struct ns_common **out);
	void (*free)(struct ns_common *ns);
	/* setns: puts ns into the set that is being prepared, if current may. 0 or -errno. */
	int (*install)(struct nsset *set, struct ns_common *ns);
};
extern const struct ns_ops *const ns_kinds[NS_KINDS];
/* t's namespace of a kind (children: the one its children get; pid and time), with a reference; NULL when it has none (any more). */
struct ns_common *task_ns(struct task *t, enum ns_kind kind, bool children);
/* The place of a namespace in nsfs, for /proc/PID/ns links. Takes over the reference, on failure too. */
int nsfs_path(struct ns_common *ns, struct path *out);
/* The namespace behind an open file, borrowed; NULL when it is none. */
struct ns_common *nsfs_from_file(struct file *f);
/* A descriptor for ns, whose reference is taken over. The number or -errno. */
long nsfs_open(struct ns_common *ns);
void nsfs_init(void);

/* --- nsproxy.c -------------------------------------------------------------------------------------------------------------------------- */
extern struct nsproxy init_nsproxy;
/* A set with fresh members where flags (CLONE_NEW*) say so, the others shared with current's. New namespaces belong to `owner`. fs: the file system
 * context that moves into a new mount namespace. 0, -EINVAL, -ENOSPC, -ENOMEM. */
int nsproxy_create(u64 flags, struct user_namespace *owner, struct fs_context *fs, struct nsproxy **out);
void nsproxy_put(struct nsproxy *p);
/* Gives current another set (takes over the reference; NULL at exit) and drops the old one. */
void nsproxy_switch(struct nsproxy *p);
/* The time namespace for children becomes p's own. => p is nobody's yet; mm (may be NULL) as for time_ns_enter(). 0 or -ENOMEM */
int nsproxy_enter_time(struct nsproxy *p, struct mm *mm);
/* execve with this new memory: current enters the time namespace that it has for its children. 0 or -ENOMEM. */
int nsproxy_exec(struct mm *mm);
/* t's set with a reference; NULL once it has exited. */
struct nsproxy *task_nsproxy(struct task *t);
/* The set's member of a kind. */
struct ns_common **nsproxy_slot(struct nsproxy *p, enum ns_kind kind, bool children);

/* --- ns_calls.c ------------------------------------------------------------------------------------------------------------------------- */
/* A setns in preparation: nothing of it is current's yet. */
struct nsset {
	u64 flags;
	struct nsproxy *nsproxy; /* a private copy */
	struct cred *cred;       /* a private copy when a user namespace is joined, else NULL */
	struct fs_context *fs;   /* whose root and cwd move with the mount namespace */
};
/* The user namespace that current will be in: its capabilities there count as well. */
struct user_namespace *nsset_user_ns(const struct nsset *set);
/* The rule of most kinds: CAP_SYS_ADMIN over the namespace and over one's own user namespace; then it goes into the set. */
int nsset_install_plain(struct nsset *set, struct ns_common *ns);

/* --- uts_ns.c --------------------------------------------------------------------------------------------------------------------------- */
struct uts_names { char nodename[65]; char domainname[65]; };
struct uts_namespace {
	struct ns_common common;
	struct uts_names names; /* uts_lock */
};
extern struct uts_namespace init_uts_ns;
extern struct spinlock uts_lock; /* RANK_FS */
extern const struct ns_ops uts_ns_ops;

/* --- defined by the ipc room ------------------------------------------------------------------------------------------------------------- */
extern const struct ns_ops ipc_ns_ops;
extern struct ipc_namespace init_ipc_ns;
/* CLONE_SYSVSEM: the child shares current's undo list, which is made if need be. 0 or -ENOMEM. */
int hook_sem_undo_share(struct task *child);
/* t (current) lets go of its undo list, which it has: the last one takes back what SEM_UNDO promised. Before t changes its IPC namespace. */
void hook_sem_undo_leave(struct task *t);
/* t, with PF_SHM_MAKER, is no longer the maker of the segments it made. */
void hook_shm_leave(struct task *t);

/* --- mnt_ns.c --------------------------------------------------------------------------------------------------------------------------- */
extern const struct ns_ops mnt_ns_ops;

/* --- pid_ns.c --------------------------------------------------------------------------------------------------------------------------- */
extern const struct ns_ops pid_ns_ops;
/* The record (pid.c). */
int pid_ns_create(struct ns_common *from, struct user_namespace *owner, struct fs_context *fs, struct ns_common **out);
void pid_ns_free(struct ns_common *common);
/* The last thread of a namespace's init is exiting (current): kills and reaps everybody in it, sleeps until they are gone. */
void pid_ns_zap(struct pid_namespace *ns);
/* reboot(2) from inside a namespace: does not return but with -EINVAL. */
long pid_ns_reboot(struct pid_namespace *ns, u32 cmd);

/* --- user_ns.c -------------------------------------------------------------------------------------------------------------------------- */
/* Puts c, a private copy of current's credentials, into a fresh user namespace with all capabilities there. 0, -ENOSPC, -EPERM, -ENOMEM, -EAGAIN. */
/* kernel.unprivileged_userns_clone: 0 = only CAP_SYS_ADMIN of the first namespace makes others. */
extern u32 unprivileged_userns_clone;
int user_ns_create(struct cred *c);
extern const struct ns_ops user_ns_ops;
/* /proc/PID/uid_map and gid_map: what is written (text is changed), by whom opened the file. 0 or -errno. */
enum idmap_which { IDMAP_UID, IDMAP_GID, IDMAP_PROJID };
int user_ns_write_map(struct user_namespace *ns, enum idmap_which which, const struct cred *opener, char *text);
/* /proc/PID/setgroups: 0, -EPERM, -EINVAL. */
int user_ns_write_setgroups(struct user_namespace *ns, const char *text);
/* May setgroups(2) be called in ns? */
bool user_ns_may_setgroups(const struct user_namespace *ns);

/* --- net_ns.c --------------------------------------------------------------------------------------------------------------------------- */
extern const struct ns_ops net_ns_ops;

/* --- cgroup_ns.c ------------------------------------------------------------------------------------------------------------------------ */
extern const struct ns_ops cgroup_ns_ops;

/* --- time_ns.c -------------------------------------------------------------------------------------------------------------------------- */
extern const struct ns_ops time_ns_ops;
struct time_offset {
	bool boot; /* CLOCK_BOOTTIME, else CLOCK_MONOTONIC */
	s64 sec, nsec;
};
/* From now on ns has a member: its offsets stay as they are. mm (may be NULL): whose vDSO has to know. => mm is in use by one task or none. 0 or -ENOMEM:
 * the vDSO could not be told */
int time_ns_enter(struct time_namespace *ns, struct mm *mm);
/* /proc/PID/timens_offsets: 0, -EPERM, -ERANGE, -EACCES (somebody is in it). */
int time_ns_set_offsets(struct time_namespace *ns, const struct cred *opener, const struct time_offset *off, u32 n);

#endif
