/* Open files, descriptor tables, the file operations. */
#ifndef PANDO_VFS_FILE_H
#define PANDO_VFS_FILE_H

#include "vfs/iter.h"
#include "vfs/vfs.h"

struct poll_table;
struct map_request;

/* Called by readdir for each entry; false = buffer full, stop (the entry was not taken). type: DT_*. */
struct dir_context {
	bool (*emit)(struct dir_context *c, const char *name, u32 len, u64 ino, u32 type);
	u64 pos; /* the position to continue from; the file system advances it past each taken entry */
};
/* "." and ".." at positions 0 and 1: directories' readdir ops call it first; false = buffer full. */
bool dir_emit_dots(struct file *f, struct dir_context *c);
struct file_ops {
	/* At *pos, which they advance. Return bytes or -errno. Called without locks (seekable files: file->pos_lock). May sleep; honour O_NONBLOCK. */
	ssize_t (*read)(struct file *f, struct iter *to, u64 *pos);
	ssize_t (*write)(struct file *f, struct iter *from, u64 *pos);
	s64 (*llseek)(struct file *f, s64 off, int whence); /* NULL = ESPIPE for non-regular */
	int (*readdir)(struct file *f, struct dir_context *c); /* inode lock held */
	u32 (*poll)(struct file *f, struct poll_table *pt);  /* NULL = always ready */
	long (*ioctl)(struct file *f, u32 cmd, u64 arg);     /* NULL = ENOTTY */
	/* Fills in r->mapping (and more) or returns -ENODEV. NULL = ENODEV. */
	int (*mmap)(struct file *f, struct map_request *r);
	int (*open)(struct inode *i, struct file *f);  /* may replace f->ops, set f->private */
	int (*flush)(struct file *f);                  /* at each close(2) */
	void (*release)(struct file *f);               /* last reference */
	int (*fsync)(struct file *f);
	long (*fallocate)(struct file *f, int mode, u64 off, u64 len);
	bool async; /* O_ASYNC: its poll op tells by a signal, too */
	bool no_splice; /* splice(2) and sendfile(2) do not read it */
	bool no_leases; /* F_SETLEASE fails: somebody else than this kernel opens such files, too */
	/* Lines for /proc/PID/fdinfo/N after pos/flags/mnt_id/ino. */
	int (*show_fdinfo)(struct file *f, char *buf, size_t size);
};
struct file {
	atomic_t refs;
	u32 flags;               /* O_*; lock-free, fcntl changes status bits */
	struct path path;        /* constant */
	struct inode *inode;     /* constant */
	const struct file_ops *ops;
	struct mutex pos_lock;   /* RANK_FILE_POS */
	u64 pos;                 /* pos_lock */
	void *private;           /* ops' */
	const struct cred *cred; /* of the opener */
	struct file_owner *owner;/* F_SETOWN, F_SETSIG, O_ASYNC; NULL = never set: proc/async_io.c */
	struct list_head epoll_items; /* epitems watching it: vfs/epoll.c */
	const char *anon_name;   /* "pipe", "socket", "anon_inode:[eventfd]": for readlink of /proc/PID/fd */
	u32 fmode;               /* constant after open: FMODE_* */
};
#define FMODE_POS 1u         /* has a position: pread, lseek; its reads and writes hold pos_lock */
#define FMODE_WRITER 2u      /* counted in inode->writers */
#define FMODE_MNT_WRITER 4u  /* counted in mnt->writers */
#define FMODE_EXEC_DENY 8u   /* opened by exec */
#define FMODE_OPENED 16u     /* open succeeded: release is due */
#define FMODE_READER 32u /* counted in inode->readers */
#define FMODE_NO_PWRITE 128u /* it has a position, but writes go to its own only (Linux's seq files) */
#define FMODE_CREATED 64u /* by its open: F_CREATED_QUERY */
#define O_ASYNC_FLAG 020000u /* O_ASYNC, which kernel headers call FASYNC */
/* --- defined by proc: async_io.c --- */
/* fcntl's F_SETOWN ... F_GETSIG. */
long hook_file_owner(struct file *f, u32 cmd, u64 arg);
/* O_ASYNC on or off; fd: what the signals name. 0 or -ENOMEM. => f->ops->async */
int hook_file_async(struct file *f, int fd, bool on);
/* f, with an owner, is gone but for its memory and its ops. */
void hook_file_owner_free(struct file *f);
/* F_SETLEASE and F_NOTIFY make current f's owner, if it has none. 0; 1: it had none; -ENOMEM. */
int hook_file_owner_default(struct file *f);
/* Takes back what gave 1. */
void hook_file_owner_undo(struct file *f);
/* A counted reference for the two below. => hook_file_owner_default(f) once was 0; any locks */
struct file_owner *hook_file_owner_get(struct file *f);
/* Nobody is told any more, and no signal is chosen; drops the reference. => no spinlocks */
void hook_file_owner_clear(struct file_owner *o);
/* The signal of POLL_MSG about descriptor fd; drops the reference. later: the kernel thread sends it, for callers that hold spinlocks. */
void hook_file_owner_tell(struct file_owner *o, int fd, bool later);
static inline bool file_readable(const struct file *f) { return (f->flags & 3) == 0 || (f->flags & 3) == 2; }
static inline bool file_writable(const struct file *f) { return (f->flags & 3) == 1 || (f->flags & 3) == 2; }

void file_get(struct file *f);
/* Drops a reference; the last one flushes nothing, calls release, drops path, cred, write count, locks. May sleep. */
void file_put(struct file *f);
/* A reference if f is not on its way out. => somebody keeps its memory */
bool file_tryget(struct file *f);
/* open(2) in the kernel: path from dirfd. */
int file_open(int dirfd, const char *name, u32 flags, u32 mode, struct file **out);
/* For exec: a regular file with x permission, not on a noexec mount (-EACCES), that nobody writes (-ETXTBSY); nor can they until file_allow_write(). */
int file_open_exec(int dirfd, const char *name, u32 at_flags, struct file **out);
void file_allow_write(struct file *f);
/* exe_file of an mm, which is shared by fork: deny count up. */
void file_deny_write_again(struct file *f);
/* A file without a name (pipe ends, eventfd ...): its own inode on an internal file system; mode e.g. S_IFIFO|0600. */
int file_create_anon(const char *name, u32 mode, const struct file_ops *ops, void *private, u32 flags, struct file **out);
/* Another open file on the inode of f, which file_create_anon made (the other end of a pipe): same name, ops and private, own flags; the open op
 * is not called. 0, -ENFILE, -ENOMEM. */
int file_clone_anon(struct file *f, u32 flags, struct file **out);
/* Kernel reads and writes at an offset. Bytes or -errno; short only at the end. */
ssize_t file_read_kernel(struct file *f, void *buf, size_t n, u64 pos);
ssize_t file_write_kernel(struct file *f, const void *buf, size_t n, u64 pos);

/* --- operations of files whose data is inode->data (tmpfs, later disk file systems): vfs/pagefile.c -------------------------------------- */
ssize_t pagefile_read(struct file *f, struct iter *to, u64 *pos);
/* Checks RLIMIT_FSIZE (SIGXFSZ), seals, O_APPEND; calls charge(inode, 1) before a page is added (NULL: free of charge). => no locks */
ssize_t pagefile_write(struct file *f, struct iter *from, u64 *pos, int (*charge)(struct inode *i, u64 pages));
/* Where a write goes and how much of it: O_APPEND, RLIMIT_FSIZE (SIGXFSZ), seals. 0 or -errno. => inode lock */
int file_write_checks(struct file *f, struct iter *from, u64 *pos);
s64 pagefile_llseek(struct file *f, s64 off, int whence); /* SEEK_DATA and SEEK_HOLE too */
int pagefile_mmap(struct file *f, struct map_request *r);
/* The usual seek: SET, CUR, END within [0, max]. */
s64 generic_llseek(struct file *f, s64 off, int whence, u64 size, u64 max);
void file_accessed(struct file *f);
/* Before a change of a file's data: mtime, ctime, drops set-id bits. => inode lock */
void file_modified(struct file *f);

/* --- descriptor tables ------------------------------------------------------------------------------------------------------------------ */
struct fdtable; /* opaque: vfs/fdtable.c */
int fdtable_create(struct fdtable **out);
/* Share (count up), copy (fork without CLONE_FILES: -ENOMEM, -EMFILE when it uses more than fs.nr_open; what it holds is shared copy-on-write, so that its size does not matter), drop (last one closes all, ascending; may sleep). */
void fdtable_get(struct fdtable *t);
int fdtable_copy(struct fdtable *t, struct fdtable **out);
void fdtable_put(struct fdtable *t);
bool fdtable_shared(struct fdtable *t);
/* fs.nr_open: descriptors are below it, RLIMIT_NOFILE is not above it. 64 ... 0x7fffffc0, else -EINVAL. */
u32 vfs_nr_open(void);
int vfs_set_nr_open(u64 n);
/* Descriptors in use. */
u32 fdtable_count(struct fdtable *t);
/* How many it has room for before it must grow. */
u32 fdtable_size(struct fdtable *t);
/* exec: makes current's table its own, and sure that closing the close-on-exec descriptors, in ascending order, needs no memory. 0 or -ENOMEM */
int fdtable_unshare_exec(void);
void fdtable_close_on_exec(void);
/* The open file behind fd of current with a reference; 0 or -EBADF. fd_get_raw also gives O_PATH files. */
int fd_get(int fd, struct file **out);
int fd_get_raw(int fd, struct file **out);
/* Another process's table (procfs): NULL when the slot is empty. cloexec may be NULL. */
struct file *fdtable_lookup(struct fdtable *t, int fd, bool *cloexec);
/* Next used descriptor >= fd, or -1. */
int fdtable_next(struct fdtable *t, int fd);
/* Reserves the lowest free descriptor >= min (RLIMIT_NOFILE: -EMFILE); fd_install makes it visible (takes over the reference); fd_cancel gives it back. */
int fd_reserve(int min, bool cloexec, int *out);
void fd_install(int fd, struct file *f);
void fd_cancel(int fd);
/* reserve + install: returns fd, or -errno and drops the file's reference. */
int fd_install_new(struct file *f, bool cloexec);
/* Both ends of something new under the two lowest numbers, which the program finds at ufds: 0, or -errno and both references are dropped. */
int fd_install_pair(struct file *const f[2], bool cloexec, uaddr_t ufds);
/* Puts f (whose reference it takes over) at this number, closing what is there: fd, or -EBADF (above the limit), -EMFILE, -ENOMEM, -EBUSY. */
long fd_install_at(struct file *f, u32 fd, bool cloexec);

/* --- root, cwd, umask ------------------------------------------------------------------------------------------------------------------- */
struct fs_context {
	struct spinlock lock;   /* RANK_FS */
	atomic_t users;
	u32 umask;              /* lock */
	struct path root, cwd;  /* lock */
	bool in_exec;           /* lock: clone(CLONE_FS) by siblings is refused (EAGAIN) */
};
int fs_context_copy(struct fs_context *fs, struct fs_context **out);
void fs_context_get(struct fs_context *fs);
void fs_context_put(struct fs_context *fs);
/* Root and current directory of `from` for fs too. */
void fs_context_take_places(struct fs_context *fs, struct fs_context *from);
/* Both become p. */
void fs_context_set_places(struct fs_context *fs, const struct path *p);

#endif
