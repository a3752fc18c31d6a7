/*
 * The format of EROFS, for reading: what Linux 6.12 mounts, of compression LZ4 alone. Pure: it knows a function that reads bytes, and trusts nothing they say. A
 * file system that breaks the rules gives -EUCLEAN, one that uses what is not known here -EOPNOTSUPP.
 */
#ifndef PANDO_FS_EROFS_DISK_H
#define PANDO_FS_EROFS_DISK_H

#ifdef PANDO_HOST_TEST
#include <sys/stat.h>
#else
#include <linux/stat.h>
#endif

#include "lib/file_time.h"
#include "lib/lz4.h"
#include "lib/types.h"

#define EROFS_BLOCK 4096u
#define EROFS_MAX_LINK 4095u

struct erofs {
	/* n bytes at pos; 0 or -errno */
	int (*read)(void *arg, u64 pos, void *buf, size_t n);
	void *arg;
	u64 size; /* of the device */
	u64 root_nid, inodes, blocks;
	struct file_time build_time;
	u32 meta_block, xattr_block;
	/* Compressed files. The caller gives the room before the first erofs_data() of one: EROFS_WORK + packed_max bytes, and lets one call in at a time. */
	u8 *work;
	u32 packed_max; /* bytes of the largest compressed piece */
	bool padded; /* zeros before a piece fill its blocks */
	bool inline_tails, plain_index; /* pieces behind the index; indexes may say what they are */
};
#define EROFS_WORK LZ4_WINDOW
enum erofs_layout { EROFS_PLAIN = 0, EROFS_COMPRESSED_FULL = 1, EROFS_INLINE = 2, EROFS_COMPRESSED = 3, EROFS_CHUNKS = 4 };
struct erofs_inode {
	u64 nid, at; /* number; position on the device */
	u32 head; /* bytes of the inode and its attributes */
	u32 mode, uid, gid, nlink, ino;
	u64 rdev, size;
	struct file_time mtime;
	enum erofs_layout layout;
	u32 block; /* first block of the data */
	u32 chunk_shift; /* EROFS_CHUNKS: log2 of a chunk's bytes */
	bool chunk_index; /* EROFS_CHUNKS: entries of 8 bytes */
	u32 xattr_size; /* bytes of attributes behind the inode */
	struct {
		u16 advise, tail; /* EROFS_ZIP_*; bytes of the piece behind the index */
		u8 algorithm, shift; /* of both kinds of heads; log2 of a cluster's bytes */
	} zip; /* compressed layouts */
};
static inline bool erofs_is_zipped(const struct erofs_inode *i) { return i->layout == EROFS_COMPRESSED || i->layout == EROFS_COMPRESSED_FULL; }
/* Reads the superblock. *why (a constant) says what is wrong. 0, -EINVAL (not one), -EOPNOTSUPP, -EUCLEAN, -EIO. */
int erofs_super(struct erofs *e, const char **why);
int erofs_inode(struct erofs *e, u64 nid, struct erofs_inode *i);
/* Where the bytes from pos on lie: *n of them in one piece at *at (~0: a hole). => pos < size, not compressed */
int erofs_map(struct erofs *e, const struct erofs_inode *i, u64 pos, u64 *at, u64 *n);
/* n bytes of the file from pos on; beyond the end there are zeroes. */
int erofs_data(struct erofs *e, const struct erofs_inode *i, u64 pos, void *buf, size_t n);
/* The part of erofs_inode() and of erofs_data() for compressed files: erofs_zip.c. */
int erofs_zip_inode(struct erofs *e, struct erofs_inode *i);
int erofs_zip_data(struct erofs *e, const struct erofs_inode *i, u64 pos, u8 *buf, size_t n);
/* Calls fn for each name of a directory but . and .. until it returns other than 0, which is then returned. buf: EROFS_BLOCK bytes. type: DT_*. */
typedef int (*erofs_name_fn)(void *arg, const char *name, u32 len, u64 nid, u32 type);
int erofs_names(struct erofs *e, const struct erofs_inode *dir, u8 *buf, erofs_name_fn fn, void *arg);
/* Calls fn for each extended attribute until it returns other than 0. name is NUL-terminated. buf: EROFS_BLOCK bytes. */
typedef int (*erofs_xattr_fn)(void *arg, const char *name, const void *value, u32 size);
int erofs_xattrs(struct erofs *e, const struct erofs_inode *i, u8 *buf, erofs_xattr_fn fn, void *arg);

#endif
