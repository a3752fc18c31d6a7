/*
 * The virtual file system: inodes, dentries, mounts, paths and the operations file systems plug in.
 * Lookup is under dcache_lock (a spinlock) for cached names; a miss calls the file system under the directory's inode lock.
 */
#ifndef PANDO_VFS_VFS_H
#define PANDO_VFS_VFS_H

#include <linux/stat.h>
#include <linux/time_types.h>

#include "lib/file_time.h"
#include "lib/list.h"
#include "mm/pagecache.h"
#include "sched/mutex.h"
#include "sched/timer.h"
#include "vfs/cred.h"
#include "vfs/userns.h"

struct inode;
struct dentry;
struct file;
struct file_ops;
struct super;
struct mount;
struct dir_context;
struct path;
struct inode_attr;
struct statfs;

/* Kernel-internal open/lookup state uses Linux's S_IF* / O_* numbers from <linux/stat.h>, <linux/fcntl.h>. */

/* What a directory or inode can do. Every op runs with the directory's inode->lock held for writing names, and may sleep. NULL = -EPERM for changes,
 * -ENOTDIR / -EINVAL as Linux. */
struct inode_ops {
	/* Finds name in dir; *out = an inode with a reference, or -ENOENT. `name` is not NUL-terminated beyond len but is also NUL-terminated. */
	int (*lookup)(struct inode *dir, const char *name, struct inode **out);
	int (*create)(struct inode *dir, const char *name, u32 mode, u64 rdev, struct inode **out); /* any type but dir, symlink */
	int (*mkdir)(struct inode *dir, const char *name, u32 mode, struct inode **out);
	int (*symlink)(struct inode *dir, const char *name, const char *target, struct inode **out);
	int (*link)(struct inode *dir, const char *name, struct inode *target);
	int (*unlink)(struct inode *dir, const char *name, struct inode *victim);
	int (*rmdir)(struct inode *dir, const char *name, struct inode *victim);
	/* flags: RENAME_NOREPLACE, RENAME_EXCHANGE. target may be NULL. */
	int (*rename)(struct inode *od, const char *on, struct inode *src, struct inode *nd, const char *nn, struct inode *target, u32 flags);
	/* Symbolic links: text into buf (NUL-terminated), returns its length. */
	int (*readlink)(struct inode *i, char *buf, size_t size);
	/* "Magic" links (procfs fd, exe, cwd): gives the path itself. NULL = follow the text. */
	int (*follow)(struct inode *i, struct path *out);
	/* attr->valid says which fields; checks are done already. NULL: the fields are just stored. */
	int (*setattr)(struct inode *i, const struct inode_attr *attr);
	/* Refreshes i's fields before stat. 0 or -errno: current may not see it. NULL = they are right. */
	int (*getattr)(struct inode *i);
	/* May this cached name still be used? NULL = always. false drops it (procfs: the process is gone). */
	bool (*revalidate)(struct dentry *d, struct inode *i);
	/* Asked before the mode bits: -errno; 1: allowed whatever they say; 0: they decide. NULL = mode bits only. */
	int (*permission)(struct inode *i, int mask);
	int (*getxattr)(struct inode *i, const char *name, void *buf, size_t size);
	int (*setxattr)(struct inode *i, const char *name, const void *buf, size_t size, int flags);
	int (*listxattr)(struct inode *i, char *buf, size_t size);
	int (*removexattr)(struct inode *i, const char *name);
	/* O_TMPFILE: a regular file without a name, nlink 0. NULL = EOPNOTSUPP. */
	int (*tmpfile)(struct inode *dir, u32 mode, struct inode **out);
};

#define ATTR_MODE 1u
#define ATTR_UID 2u
#define ATTR_GID 4u
#define ATTR_SIZE 8u
#define ATTR_ATIME 16u
#define ATTR_MTIME 32u
#define ATTR_CTIME 64u
#define ATTR_ATIME_NOW 128u /* the time is just the present: a file system with a clock of its own may take that */
#define ATTR_MTIME_NOW 256u
struct inode_attr {
	u32 valid, mode, uid, gid;
	u64 size;
	struct file_time atime, mtime, ctime;
};

struct inode {
	atomic_t refs;
	u32 mode;                 /* lock to write; S_IF* never changes */
	u32 uid, gid;             /* lock */
	u32 nlink;                /* lock */
	u64 ino;                  /* constant */
	u64 rdev;                 /* constant; Linux's dev_t encoding: MKDEV() below */
	u64 size;                 /* lock to write */
	u64 blocks;               /* 512-byte units */
	struct file_time atime, mtime, ctime, btime; /* races are harmless */
	struct super *sb;         /* constant */
	const struct inode_ops *ops;
	const struct file_ops *fops;
	struct mutex lock;        /* RANK_INODE */
	struct address_space data;/* page cache of regular files */
	s32 writers;              /* a: > 0 opened for writing n times, < 0 denied by n running programs (ETXTBSY) */
	atomic_t readers; /* regular files: opened for reading only n times */
	struct pipe *pipe;        /* FIFOs: lock */
	struct unix_socket *sock; /* bound unix socket: lock */
	void *private;            /* the file system's */
	struct list_head locks;   /* POSIX and flock records; file_locks_lock */
	struct lease *leases; /* F_SETLEASE: the oldest, or NULL; file_locks_lock */
	struct watch *watches; /* inotify's and dnotify's, or NULL: notify_lock */
	bool dead;                /* directory was removed: lock */
	bool linkable;            /* constant after open: O_TMPFILE without O_EXCL, may be linked while nlink is 0 */
	bool sealable;            /* constant: F_ADD_SEALS and F_GET_SEALS work (tmpfs) */
	bool made_empty;          /* constant: a directory that exists to be mounted on */
	u8 write_hint; /* F_SET_RW_HINT's, which says nothing to a file system in memory; lock-free */
	bool has_caps;            /* lock to write: there may be a security.capability */
	bool shared_write;        /* lock to clear: mapped shared and writable at some time since data.mapped was last 0 */
	u8 attr_flags; /* lock to write: FS_IMMUTABLE_FL, FS_APPEND_FL, FS_NODUMP_FL, FS_NOATIME_FL, as chattr sets them (fileattr.c) */
	u32 seals;                /* lock: F_SEAL_*; F_SEAL_SEAL alone where sealing is not allowed */
	struct acl *acl, *default_acl; /* acl.c: access lists, or NULL; lock and acl_lock to write */
	const char *link;         /* constant: a symbolic link's text when it lies in memory (then readlink is not called); the file system's to free */
};
/* The present, as files have it. */
static inline struct file_time file_now(void) { return file_time_of(clock_real()); }
void inode_get(struct inode *i);
/* A reference for who found i without one, under a lock that its eviction takes; false: it is on its way out. */
bool inode_get_live(struct inode *i);
void inode_put(struct inode *i);
/* Takes over from a what a->valid names, but for the size: the end of most setattr ops. => inode lock */
void inode_take_attr(struct inode *i, const struct inode_attr *a);
/* A fresh inode with refs 1, current's fsuid/fsgid, times now. 0 or -ENOMEM. */
int inode_create(struct super *sb, u32 mode, struct inode **out);
/* For a new child of dir, not yet visible: the set-group-ID rules for directories (group and S_ISGID from dir). */
void inode_init_owner(struct inode *i, const struct inode *dir);
/* Likewise: the access lists that dir has for its children, and what they make of the mode. 0 or -ENOMEM. => dir's lock */
int acl_inherit(struct inode *i, const struct inode *dir);
/* An access list as a disk has it (system.posix_acl_*). 0, -EINVAL, -EOPNOTSUPP, -ENOMEM. => nobody else knows i */
bool acl_is_name(const char *name);
int acl_load(struct inode *i, const char *name, const void *value, size_t size);

struct dentry {
	atomic_t refs;            /* dcache_lock for the step to 0 */
	struct dentry *parent;    /* dcache_lock; itself for a root */
	struct inode *inode;      /* dcache_lock; NULL = known not to exist */
	struct list_head hash;    /* dcache_lock */
	struct list_head children, sibling; /* dcache_lock */
	struct list_head lru;     /* dcache_lock */
	u32 name_hash, name_len;  /* dcache_lock */
	u32 mounted;              /* so many mounts sit here: dcache_lock */
	bool unhashed;            /* no longer (or not yet) found by name: dcache_lock */
	char *name;               /* dcache_lock to read from outside, rename changes it */
	char inline_name[40];
};
struct path {
	struct mount *mnt;
	struct dentry *dentry;
};
void path_get(const struct path *p);
void path_put(const struct path *p);

struct super_ops {
	void (*evict)(struct inode *i); /* last reference to an inode went: free its private data (as_destroy is done by vfs) */
	int (*statfs)(struct super *sb, struct statfs *out); /* kernel struct statfs of asm/statfs.h */
	void (*kill)(struct super *sb); /* last mount went: free sb->private; the root dentry and sb itself are vfs's. The root inode is still alive */
	void (*free)(struct super *sb); /* after the last inode went: for what eviction still needs */
	/* Options beyond the mount flags for /proc/mounts, e.g. ",size=64k"; length written. NULL = none. */
	int (*show_options)(struct super *sb, char *buf, size_t size);
	/* The root of a mount for /proc/PID/mountinfo, as current sees it. NULL = its path in the file system. */
	int (*show_root)(struct dentry *root, char *buf, size_t size);
	int (*remount)(struct super *sb, const char *data); /* new options: 0 or -EINVAL. NULL = there are none to change */
};
struct fs_type {
	const char *name;
	bool nodev;
	bool userns;    /* who has CAP_SYS_ADMIN in a user namespace may mount it */
	bool revealing; /* ... only if a mount of it that hides nothing is in sight already */
	/* Makes (or shares) a superblock with sb->root set. `data` = mount options text or NULL. */
	int (*mount)(const struct fs_type *t, const char *source, const char *data, struct super **out);
	/* Is this option one of the type's? value NULL: it has none. 0 or -EINVAL. NULL = known only when it is mounted. */
	int (*check_option)(const char *key, const char *value);
	/* The directory that a mount shows first, with a reference. NULL = the superblock's root. 0 or -errno */
	int (*root)(struct super *sb, struct dentry **out);
	/* Whose privilege a mount of it takes, with `userns`. NULL = current's user namespace. */
	struct user_namespace *(*owner)(void);
	struct list_head node;
};
struct super {
	atomic_t refs;            /* mounts */
	const struct fs_type *type;
	const struct super_ops *ops;
	struct dentry *root;
	u64 dev;                  /* st_dev */
	u64 magic;                /* statfs f_type */
	u32 block_size; /* constant: st_blksize */
	atomic64_t next_ino;
	atomic_t writers;         /* files open for writing */
	void *private;
	struct user_namespace *user_ns; /* counted: whose root rules the files; see super_set_owner */
	u32 flags;                /* MS_RDONLY | MS_NOEXEC | MS_NODEV ... that hold for every mount; mount lock to write */
	bool no_dcache;           /* constant: names are forgotten as soon as nobody uses them (procfs) */
	bool fixed_names;         /* constant: a name that is not there is no place for a new one: ENOENT, even to who would create it (procfs) */
	bool has_btime; /* constant: inodes know when they were made */
	bool has_acls; /* constant: system.posix_acl_* mean something */
	bool has_attr_flags; /* constant: files and directories have attr_flags */
	bool nameless;            /* constant: its files show their own dentry's name, not a path (pipes, namespaces) */
};
/* For fs_type->mount. A superblock with refs 1, its own st_dev, next_ino 1, owned by current's user namespace. 0 or -ENOMEM. */
int super_create(const struct fs_type *t, const struct super_ops *ops, u64 magic, struct super **out);
/* Makes sb->root; takes over the inode's reference, also on failure. 0 or -ENOMEM. */
int super_set_root(struct super *sb, struct inode *root);
/* Another owner than the mounter's user namespace, before the superblock is used. */
void super_set_owner(struct super *sb, struct user_namespace *ns);
/* fs_type->mount that shares a superblock takes a reference for the new mount; super_put drops one, the last kills it (also half-made ones). */
static inline void super_get(struct super *sb) { atomic_inc(&sb->refs); }
/* A reference for who found sb under a lock that its free op takes; false: it is on its way out. */
bool super_get_live(struct super *sb);
void super_put(struct super *sb);
void register_filesystem(struct fs_type *t);
/* The registered types in order (for /proc/filesystems); index from 0, NULL at the end. */
struct fs_type *filesystem_at(u32 index);

struct mount {
	atomic_t refs;
	struct super *sb;
	struct dentry *root;
	struct mount *parent;     /* mount lock; itself for the root */
	struct dentry *mountpoint;
	u32 flags;                /* MS_RDONLY NOSUID NODEV NOEXEC ... ; mount lock to write */
	u32 locked_flags;         /* mount lock: those that may not be changed any more, MS_RELATIME for all about access times */
	u32 id;
	char *source;
	struct mnt_namespace *ns; /* mount lock: whose tree it is in, NULL = none (any more) */
	struct list_head list;    /* mount lock: ns->mounts, or a list of mounts on their way in or out */
	struct list_head hash;    /* mount lock and dcache_lock to write, either to read; so are parent and mountpoint */
	struct list_head children, sibling; /* mount lock */
	atomic_t writers;         /* files open for writing */
	bool expire_mark;         /* mount lock: umount2(MNT_EXPIRE) came by once */
	bool shared, unbindable;  /* mount lock: see mount.h */
	bool locked;              /* mount lock: may not be taken off by itself */
	bool leaving;             /* mount lock: on its way out */
	bool detached;            /* mount lock: in no namespace yet; an open file has its reference */
	u32 group;                /* mount lock: number of its peer group, 0 = none */
	struct list_head peers;   /* mount lock: ring of the peer group */
	struct mount *master;     /* mount lock: some member of the group it takes over from, or NULL */
	struct list_head slaves, slave_node; /* mount lock */
	struct mount *copy;       /* mount lock: only while a mount is propagated: the copy that m gets */
	struct path due;          /* mount lock: parent and mountpoint it had, to be put when the lock is free */
};
struct mnt_namespace;
/* Calls fn for every mount of ns in order of mounting, with the mount lock held, until it returns false (/proc/mounts). */
void mounts_for_each(struct mnt_namespace *ns, bool (*fn)(struct mount *m, void *arg), void *arg);
/* The line of /proc/mounts with its newline / of /proc/PID/mountinfo; 0 for mounts out of reach of root. => mount lock. Length as format_str. */
int mountstats_line(struct mount *m, const struct path *root, char *buf, size_t size);
int mount_line(struct mount *m, const struct path *root, char *buf, size_t size);
int mountinfo_line(struct mount *m, const struct path *root, char *buf, size_t size);
/* A mount of sb that is attached nowhere, for the kernel's own use. Takes over a reference to sb. 0 or -ENOMEM. */
int mount_internal(struct super *sb, struct mount **out);

/* Linux's kernel dev_t as stat shows it: (major << 8 | low 8 of minor | high bits). */
#define MKDEV(ma, mi) ((u64)(((mi)&0xff) | ((ma)&0xfff) << 8 | (u64)((mi) & ~0xffU) << 12))
#define MAJOR(d) ((u32)(((d) >> 8) & 0xfff))
#define MINOR(d) ((u32)(((d)&0xff) | (((d) >> 12) & 0xffffff00)))

/* --- path walk ------------------------------------------------------------------------------------------------------------------------- */
#define LOOKUP_FOLLOW 1u       /* follow a symlink in the last component */
#define LOOKUP_DIRECTORY 2u    /* the result must be a directory */
#define LOOKUP_EMPTY 4u        /* "" means dirfd itself */
#define LOOKUP_BENEATH 8u
#define LOOKUP_IN_ROOT 16u
#define LOOKUP_NO_XDEV 32u
#define LOOKUP_NO_SYMLINKS 64u
#define LOOKUP_NO_MAGICLINKS 128u
/* Resolves name (kernel string) from dirfd (AT_FDCWD or a descriptor). *out holds references. */
int path_lookup(int dirfd, const char *name, u32 flags, struct path *out);
/* The same with the name in user memory (at most 4096 bytes: ENAMETOOLONG; "" without LOOKUP_EMPTY: ENOENT). */
int path_lookup_user(int dirfd, uaddr_t name, u32 flags, struct path *out);
/* Copies a path from user space into a PATH_MAX kernel buffer that is freed by path_name_put. */
int path_name_get(uaddr_t uname, char **out);
void path_name_put(char *name);
/* mask of 4 read 2 write 1 execute against inode i for current's fsuid/fsgid and capabilities. 0 or -EACCES / -EROFS. */
int inode_permission(struct inode *i, int mask);
/* inode_permission for other credentials than current's (access(2)); file systems' permission op always sees current. */
int inode_permission_cred(struct inode *i, int mask, const struct cred *c);
/* The path as text, relative to current's root (to the root of its mounts, if it does not lead there); " (deleted)" suffix. Returns the start within buf, or
 * NULL when it does not fit. */
char *path_text(const struct path *p, char *buf, size_t size);
/* The same from another root. *reached (may be NULL): it leads there. */
char *path_text_from(const struct path *p, const struct path *root, char *buf, size_t size, bool *reached);

/* Makes a node from kernel context (initramfs, devtmpfs): parents must exist. */
int vfs_mknod(int dirfd, const char *name, u32 mode, u64 rdev);
int vfs_mkdir(int dirfd, const char *name, u32 mode);
int vfs_unlink(int dirfd, const char *name);
/* Alive objects, for leak checks. Cached names nobody uses count in dentries and hold their inodes: vfs_drop_caches() frees them first. */
struct vfs_counts { u64 files, inodes, dentries, dentries_unused, dentries_negative, mounts, supers; };
void vfs_counts(struct vfs_counts *out);
void vfs_drop_caches(void);
/* Has current another root than its mount namespace? */
bool vfs_current_chrooted(void);
/* fs.protected_symlinks, _hardlinks (0, 1), _fifos, _regular (0 to 2): what may be done with others' files in sticky directories; vfs/perm.c. */
extern u32 protected_symlinks, protected_hardlinks, protected_fifos, protected_regular;
/* fs.file-max: opens beyond it fail with ENFILE (CAP_SYS_ADMIN excepted). */
extern u64 vfs_max_files;
/* The file systems below vfs_init: fs/tmpfs.c. Registers tmpfs and makes the superblock of the root. */
int hook_root_super(struct super **out);
/* Boot: mounts the root tmpfs, sets process 0's fs context. */
void vfs_init(void);

/* proc: the process id that F_GETLK tells others about the caller. */
s32 hook_current_tgid(void);
/* A number that hook_current_tgid() gave, as current's pid namespace counts: 0 = no longer in use, or not visible. */
s32 hook_pid_visible(s32 nr);

/* Device numbers to file operations. */
int register_chrdev(u32 major, u32 minor, u32 count, const struct file_ops *fops);

#endif
