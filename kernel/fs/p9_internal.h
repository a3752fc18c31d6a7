/* What the files of the 9P file system share. */
#ifndef PANDO_FS_P9_INTERNAL_H
#define PANDO_FS_P9_INTERNAL_H

#include "fs/p9.h"
#include "lib/rbtree.h"
#include "sched/spinlock.h"
#include "vfs/file.h"
#include "vfs/vfs.h"

#define P9_ROOT_FID 0u
#define P9_NO_FID (~0u)

/* The host's name of a file: path is its number, version changes with its contents. */
struct p9_qid {
	u8 type;
	u32 version;
	u64 path;
};
struct p9_attr {
	struct p9_qid qid;
	u32 mode, uid, gid;
	u64 nlink, rdev, size, blocks;
	struct file_time atime, mtime, ctime;
};
/* One mounted folder. Fids are our numbers for places and open files on the other side. */
struct p9_session {
	struct p9_channel *channel; /* constant */
	struct spinlock lock; /* RANK_INODE_LIST */
	u32 next_fid; /* lock */
	u32 *free_fid; /* lock: numbers that were given back */
	u32 nr_free, max_free; /* lock */
	struct rb_root inodes; /* lock: p9_inode by qid.path */
};
/* An open file on the other side, which dies with its last user. */
struct p9_open {
	atomic_t refs;
	struct list_head node; /* session lock: in the inode's opens */
	u32 fid; /* constant */
	u32 flags; /* constant: O_ACCMODE and O_APPEND it was opened with */
	struct p9_session *s; /* constant */
	/* Directories: entries that have been read but not taken, for the position dir_pos. Inode lock. */
	u8 *dir_buf;
	u32 dir_at, dir_len;
	u64 dir_pos;
};
/* inode->private */
struct p9_inode {
	struct rb_node node; /* session lock */
	struct inode *inode; /* constant */
	struct p9_qid qid; /* path and type: constant */
	u32 fid; /* its place; inode lock to change, which happens only to a stale one */
	u32 other; /* inode lock: another place of it, which link(2) made; P9_NO_FID = none known */
	bool stale; /* a: the place no longer is this file's */
	bool nameless; /* inode lock to write: its last name went by our hand: p9_nameless.c */
	u64 valid, host_size; /* inode lock to write: of a nameless file */
	struct p9_open *spare; /* inode lock: for writing a nameless file whose other opens append; or NULL */
	struct list_head opens; /* session lock: what is open of it on the other side */
	struct p9_open *fresh; /* a: opened by its creation, for the open that follows; NULL = taken or none */
	struct p9_open *reader; /* a: what pages are read through; NULL = never mapped */
	/* inode lock: of the file whose pages are in the cache */
	u64 page_size;
	struct file_time page_mtime;
};

static inline struct p9_session *p9_session_of(const struct inode *i) { return i->sb->private; }
static inline struct p9_inode *p9_of(const struct inode *i) { return i->private; }

/* --- p9_client.c: one function for each request; 0 or the host's -errno, -EIO for an answer that makes no sense ------------------------------ */
int p9_version(struct p9_session *s);
int p9_attach(struct p9_session *s, u32 fid);
/* newfid becomes the place `name` below fid, or (NULL) fid's own. qid may be NULL. */
int p9_walk(struct p9_session *s, u32 fid, u32 newfid, const char *name, struct p9_qid *qid);
int p9_getattr(struct p9_session *s, u32 fid, struct p9_attr *a);
int p9_setattr(struct p9_session *s, u32 fid, const struct inode_attr *a);
int p9_lopen(struct p9_session *s, u32 fid, u32 flags);
int p9_lcreate(struct p9_session *s, u32 fid, const char *name, u32 flags, u32 mode, u32 gid);
int p9_mkdir(struct p9_session *s, u32 dir, const char *name, u32 mode, u32 gid);
int p9_mknod(struct p9_session *s, u32 dir, const char *name, u32 mode, u64 rdev, u32 gid);
int p9_symlink(struct p9_session *s, u32 dir, const char *name, const char *target, u32 gid);
int p9_link(struct p9_session *s, u32 dir, u32 fid, const char *name);
int p9_unlinkat(struct p9_session *s, u32 dir, const char *name, u32 flags);
int p9_renameat(struct p9_session *s, u32 od, const char *on, u32 nd, const char *nn);
int p9_readlink(struct p9_session *s, u32 fid, char *buf, size_t size);
int p9_fsync(struct p9_session *s, u32 fid);
struct statfs;
int p9_statfs(struct p9_session *s, u32 fid, struct statfs *out);
/* Bytes (0: the end) or -errno; n <= P9_DATA, buf contiguous kernel memory. */
int p9_read(struct p9_session *s, u32 fid, u64 pos, void *buf, u32 n);
int p9_write(struct p9_session *s, u32 fid, u64 pos, const void *buf, u32 n);
/* Entries (qid offset type name) from offset on. Bytes or -errno. */
int p9_readdir(struct p9_session *s, u32 fid, u64 offset, void *buf, u32 n);
/* Takes one entry from buf[*at..len). name is not NUL-terminated. false: there is none (left). */
struct p9_dirent {
	u64 ino, next;
	u8 type;
	u16 name_len;
	const char *name;
};
bool p9_dirent(const u8 *buf, u32 len, u32 *at, struct p9_dirent *e);
/* Numbers. */
u32 p9_fid_new(struct p9_session *s);
/* Gives a number back that the other side never learnt of. */
void p9_fid_drop(struct p9_session *s, u32 fid);
/* Tells the other side and gives the number back. */
void p9_clunk(struct p9_session *s, u32 fid);

/* --- p9_inode.c --------------------------------------------------------------------------------------------------------------------------- */
/* The inode of the file at fid, which it takes over, also on failure: the one that is known, or a new one. *out gets a reference. 0 or -errno. */
int p9_inode_at(struct super *sb, u32 fid, struct inode **out);
/* Asks for the attributes. 0 or -errno; -ENOENT: the name has gone, and what was known stays. => inode lock */
int p9_refresh(struct inode *i);
/* i has a second name at fid, which it takes over. => inode lock */
void p9_note_other(struct inode *i, u32 fid);
/* A stale i has been found again at fid, which it takes over: its new place. What is not stale keeps the one it has. */
void p9_use_place(struct inode *i, u32 fid);
/* One of several names of i has gone: its place is looked at, and another one is taken if that was it. => inode lock */
void p9_find_place(struct inode *i);
int p9_getattr_op(struct inode *i);
int p9_setattr_op(struct inode *i, const struct inode_attr *a);
void p9_evict(struct inode *i);
/* Opens the file at i's place. 0 or -errno. */
int p9_open_at(struct inode *i, u32 flags, struct p9_open **out);
struct p9_open *p9_open_new(struct p9_session *s, u32 fid, u32 flags);
/* o, which is new, is one of i's. */
void p9_open_link(struct p9_open *o, struct inode *i);
void p9_open_put(struct p9_open *o);

/* inode_ops.revalidate */
bool p9_revalidate(struct dentry *d, struct inode *i);
/* --- p9_nameless.c ---------------------------------------------------------------------------------------------------------------------------- */
/* A name of i is about to go, has gone. => inode lock */
void p9_before_unlink(struct inode *i);
void p9_after_unlink(struct inode *i);
/* Another open of a nameless file: shares one that is there. 0, -ENOENT (it is none), -EACCES (nobody has it open so). */
int p9_open_shared(struct inode *i, u32 flags, struct p9_open **out);
/* As p9_setattr_op, p9_write and p9_read, for nameless files. => inode lock, but for read */
int p9_nameless_setattr(struct inode *i, const struct inode_attr *a);
int p9_nameless_write(struct inode *i, struct p9_open *o, u64 pos, const void *buf, u32 n);
int p9_nameless_read(struct inode *i, struct p9_open *o, u64 pos, void *buf, u32 n);

/* --- p9_dir.c, p9_file.c ---------------------------------------------------------------------------------------------------------------------- */
extern const struct inode_ops p9_dir_inode_ops, p9_file_inode_ops, p9_link_inode_ops;
extern const struct file_ops p9_dir_ops, p9_file_ops;
extern const struct address_space_ops p9_as_ops;

#endif
