/* What the files of this room share and nobody else may use. */
#ifndef PANDO_VFS_INTERNAL_H
#define PANDO_VFS_INTERNAL_H

#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/mount.h>

#include "lib/bug.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "sched/sched.h"
#include "sched/timer.h"
#include "vfs/dcache.h"
#include "vfs/file.h"
#include "vfs/mount.h"
#include "vfs/vfs.h"

#define MAY_EXEC 1
#define MAY_WRITE 2
#define MAY_READ 4
#define MAX_RW_COUNT 0x7ffff000UL
#define MAX_FILE_SIZE 0x7fffffffffffffffUL
#ifndef SEEK_SET
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#define SEEK_DATA 3
#define SEEK_HOLE 4
#endif

/* --- counts: inode.c ---------------------------------------------------------------------------------------------------------------------- */
extern atomic64_t nr_files, nr_inodes, nr_mounts, nr_supers;
void inode_init(void);

/* --- permissions: perm.c ------------------------------------------------------------------------------------------------------------------ */
/* A capability of current in its user namespace, which must have names for the owner and the group of i. */
bool capable_over(const struct inode *i, int cap);
/* current owns i or has CAP_FOWNER. */
bool inode_owner_or_capable(const struct inode *i);
/* May current remove or rename victim, a child of dir? isdir: it must be one / must not. 0, -EACCES, -EPERM, -ENOTDIR, -EISDIR, -ENOENT. => dir's lock */
int may_delete(struct inode *dir, struct inode *victim, bool isdir);
/* May current add a name to dir? => dir's lock */
int may_create(struct inode *dir);
/* Append-only or immutable: it keeps its name, its mode, its owner and its attributes. */
static inline bool inode_is_fixed(const struct inode *i) { return unlikely(READ_ONCE(i->attr_flags) & (FS_APPEND_FL | FS_IMMUTABLE_FL)); }
static inline bool inode_is_append_only(const struct inode *i) { return unlikely(READ_ONCE(i->attr_flags) & FS_APPEND_FL); }
static inline bool inode_is_immutable(const struct inode *i) { return unlikely(READ_ONCE(i->attr_flags) & FS_IMMUTABLE_FL); }
/* The part of the mode that is Linux's: type and permission bits. */
#define S_IALLUGO 07777u
#define S_IRWXUGO 0777u

/* --- dentries: dcache.c ------------------------------------------------------------------------------------------------------------------- */
extern struct spinlock dcache_lock;
void dcache_init(void);
static inline u32 name_hash_step(u32 h, u8 c) { return (h ^ c) * 0x9e3779b1u; }
u32 name_hash(const char *name, u32 len);
/* The cached child, without a reference, or NULL. => dcache_lock */
struct dentry *dcache_find(struct dentry *parent, const char *name, u32 len, u32 hash);
/* Gives a negative dentry its inode (takes over the reference). => parent's inode lock */
void dentry_instantiate(struct dentry *d, struct inode *inode);
/* rename: moves d to (or with exchange swaps it with) target's place and name; target is dropped. => both parents' inode locks */
void dentry_move(struct dentry *d, struct dentry *target, bool exchange);
/* Is d under (or the same as) ancestor? => dcache_lock */
bool dentry_is_under(const struct dentry *d, const struct dentry *ancestor);
/* Forgets every unused name below root (umount). */
void dcache_prune(struct dentry *root);

/* --- mounts: mount.h ---------------------------------------------------------------------------------------------------------------------- */
/* Writing through this mount: 0 or -EROFS. */
int mount_want_write(const struct mount *m);
/* Flags of mount and superblock together. */
static inline u32 mount_flags(const struct mount *m) { return READ_ONCE(m->flags) | READ_ONCE(m->sb->flags); }
struct fs_type *filesystem_find(const char *name);
/* May current mount file systems of this type? */
bool may_mount_type(const struct fs_type *t);
/* A mount of sb at the directory that its type shows first. 0, -ENOMEM ... */
int mount_create_at_root(struct super *sb, const char *source, u32 flags, struct mount **out);
/* MOUNT_ATTR_* as MS_*: 0 or -EINVAL. */
int mount_attr_to_flags(u32 attr, u32 *ms);
/* A descriptor (O_PATH) of the tree m, which is in no namespace, and whose reference it takes over. The number or -errno. */
long mount_detached_fd(struct mount *m, bool cloexec);
/* => mount_lock, all five. A copy of what is mounted at `old` / old moves to target / may m go there, as far as what it holds is concerned? 0 or -errno */
int mount_copy_for_bind(const struct path *old, bool recurse, struct mount **out);
int mount_move(const struct path *old, const struct path *target);
int mount_may_move(struct mount *m, struct mount *to);
/* Do the new flags leave alone what is locked? */
bool mount_keeps_locked(const struct mount *m, u32 f);
/* New options, and MS_RDONLY of f. 0, -EPERM, -EBUSY, -EINVAL */
int super_reconfigure(struct super *sb, u32 f, const char *data);
/* The mount table; the root of all: `sb` (whose reference is taken over) mounted over an empty directory. 0 or -ENOMEM. */
int mount_init(struct super *sb, struct path *root);

/* --- path walk: walk.c -------------------------------------------------------------------------------------------------------------------- */
enum last_type { LAST_NORM, LAST_ROOT, LAST_DOT, LAST_DOTDOT };
#define MAX_LINKS 40
#define LOOKUP_CACHED 0x100u /* -EAGAIN rather than ask a file system */
struct walk {
	const char *name;         /* what is left */
	const struct cred *cred;  /* who asks */
	u32 flags;                /* LOOKUP_* */
	u32 links;                /* symbolic links followed */
	struct path cur;          /* where we are: counted only as `pin` says */
	struct path root;         /* "/" and the end of ".." */
	struct path pin;          /* counted references taken when the lock was dropped */
	struct dentry *hold;      /* counted: child found by the file system */
	bool root_pinned, locked, fs_locked;
	struct fs_context *fs;
	struct file *dirf;        /* dirfd's file, counted */
	char *buf;                /* text after a symbolic link */
	/* after walk_to_parent: */
	const char *last;
	u32 last_len;
	enum last_type last_type;
	bool slashes;             /* the last name is followed by "/" */
};
/* Begins a walk. 0, -EBADF, -ENOTDIR, -ENOENT, -EXDEV. On success (and failure) walk_end must be called. */
int walk_begin(struct walk *w, int dirfd, const char *name, u32 flags);
/* To the directory of the last component: *out with references; w->last* are set. */
int walk_to_parent(struct walk *w, struct path *out);
/* After walk_to_parent gave `parent`, and the child there turned out to be a symbolic link that is to be followed: w->name is its text, position parent.
 * Magic links end the walk: *done = true and *target is the place. Otherwise walk_to_parent goes on from there. Returns unlocked. */
int walk_follow(struct walk *w, const struct path *parent, struct dentry *link, bool *done, struct path *target);
void walk_end(struct walk *w);
void walk_init(void);
/* Down through what is mounted on p (references move along). */
void path_follow_mounts(struct path *p);
/* path_lookup with other credentials (access(2)). */
int path_lookup_cred(int dirfd, const char *name, u32 flags, const struct cred *c, struct path *out);

/* --- flags: fileattr.c --- */
/* FS_IOC_GETFLAGS, SETFLAGS, FSGETXATTR, FSSETXATTR. 0, -ENOTTY (the file has none), -EFAULT, -EROFS, -EPERM, -EINVAL, -EOPNOTSUPP */
long fileattr_ioctl(struct file *f, u32 cmd, uaddr_t arg);

/* --- attributes: attr.c ------------------------------------------------------------------------------------------------------------------- */
/* Applies checked attributes; ctime is added. => inode lock */
int inode_setattr(struct inode *i, struct inode_attr *a);
/* Changes the length. Checks mount, EROFS, ETXTBSY, RLIMIT_FSIZE by the caller; takes the inode lock. f may be NULL. */
int inode_truncate(struct inode *i, u64 size);
/* -EFBIG with SIGXFSZ when growing to size is over RLIMIT_FSIZE. */
int check_file_limit(struct inode *i, u64 size);
bool atime_is_stale(struct mount *m, const struct inode *i);
void touch_atime(struct mount *m, struct inode *i);
/* Counts a writer: 0 or -ETXTBSY. */
int inode_get_write(struct inode *i);
void inode_put_write(struct inode *i);
/* The file changes owner or content: its capabilities go. => inode lock */
void inode_drop_caps(struct inode *i);

/* --- files: file.c, open.c, fdtable.c ----------------------------------------------------------------------------------------------- */
void file_init(void);
extern struct mount *anon_mount; /* files without a name live there */

/* A borrowed look at a descriptor of current: no reference is taken when nobody else can close it meanwhile. */
struct fdslice;
struct fdref {
	struct file *file;
	const struct fdslice *slice; /* that the file was found in, unless counted */
	bool counted;
};
int fdref_get(int fd, struct fdref *r);     /* not O_PATH */
int fdref_get_raw(int fd, struct fdref *r);
static inline void fdref_put(struct fdref *r)
{
	if (r->counted)
		file_put(r->file);
}
/* Can nobody else reach the file while this call lasts? */
bool fdref_alone(const struct fdref *r);
/* fcntl: F_DUPFD*, the close-on-exec flag. */
long fd_dup_from(struct file *f, u64 min_fd, bool cloexec);
bool fd_cloexec(int fd);
/* 0 or -ENOMEM. */
int fd_set_cloexec(int fd, bool on);
/* A table closes a descriptor of f: flush and POSIX locks. Its error is close(2)'s. */
int file_leave(struct file *f, struct fdtable *owner);
/* The same, then the reference. */
int file_close(struct file *f, struct fdtable *owner);
/* A POSIX lock or a dnotify watch is about to be set through current's table: its closes end them. */
void fdtable_watch_closes(void);

/* --- locks: locks.c ----------------------------------------------------------------------------------------------------------------------- */
void locks_remove_posix(struct file *f, struct fdtable *owner);
void locks_remove_file(struct file *f);
long fcntl_getlk(struct file *f, u32 cmd, uaddr_t arg);
long fcntl_setlk(struct file *f, int fd, u32 cmd, uaddr_t arg);
/* Does fd of current still name f? For what ends with a close that another thread may have made meanwhile. */
bool fd_still_names(int fd, const struct file *f);
extern struct spinlock file_locks_lock; /* locks and leases of all inodes */

/* --- leases: leases.c --------------------------------------------------------------------------------------------------------------------- */
/* Somebody opens i with these O_* flags (O_WRONLY for truncate): holders of leases that do not go with that are told and waited for. 0, -EWOULDBLOCK
 * (O_NONBLOCK), -ERESTARTSYS. => the open is counted in i->writers or i->readers already; no locks */
int leases_break_slow(struct inode *i, u32 flags);
static inline int leases_break(struct inode *i, u32 flags) { return unlikely(READ_ONCE(i->leases)) ? leases_break_slow(i, flags) : 0; }
/* F_GETLEASE, F_SETLEASE. */
long lease_get(struct file *f);
long lease_set(struct file *f, int fd, int type);
/* f is gone. */
void leases_remove_file(struct file *f);

/* --- acl.c: system.posix_acl_* ------------------------------------------------------------------------------------------------------------ */
/* As the getxattr and listxattr ops. => inode lock */
int acl_get(struct inode *i, const char *name, void *buf, size_t size);
int acl_list(const struct inode *i, char *buf, size_t size);
/* For current. size 0: removes it. 0 or -errno. => inode lock */
int acl_set(const struct path *p, const char *name, const void *value, size_t size);
/* May c, not the owner, do `want` (MAY_*)? 0, -EACCES, -EAGAIN (there is no list). Never sleeps. */
int acl_permission(const struct inode *i, u32 want, const struct cred *c);
/* The mode has changed, and the list with it. => inode lock */
void acl_chmod(struct inode *i);
/* What current's umask takes from the mode of what it makes in dir. */
u32 acl_umask(const struct inode *dir);
void acl_free(struct inode *i);

/* --- dnotify.c ---------------------------------------------------------------------------------------------------------------------------- */
/* F_NOTIFY: 0, -EINVAL, -ENOTDIR, -ENOMEM. */
long dnotify_set(struct file *f, int fd, u32 arg);
/* `table` closes a descriptor of f. */
void dnotify_flush(struct file *f, struct fdtable *table);

void fdtable_init(void);

/* --- fs_context.c ------------------------------------------------------------------------------------------------------------------------------- */
void fs_context_init(void);

/* --- perm.c: the fs.protected_* settings ---------------------------------------------------------------------------------------------------- */
/* May c follow the symbolic link that is the last component, in dir? 0 or -EACCES. */
int may_follow_link(const struct inode *dir, const struct inode *link, const struct cred *c);
/* May i get another name? 0 or -EPERM. */
int may_hardlink(struct inode *i);
/* May O_CREAT open i, which is there already, in dir? 0 or -EACCES. */
int may_create_in_sticky(const struct inode *dir, const struct inode *i);

#endif
