/* EROFS on the disk; erofs_disk.h says which part. Entry points: erofs_super, erofs_inode, erofs_map, erofs_data, erofs_names, erofs_xattrs. */
#include "fs/erofs_disk.h"

#include "lib/errno.h"
#include "lib/string.h"

#define MAGIC 0xe0f5e1e2u
#define SUPER_AT 1024u
#define NSEC 1000000000UL
#define FEATURE_PADDED 1u
#define FEATURE_ZIP_CONFIG 2u /* ... and pieces of several blocks */
#define FEATURE_CHUNKS 4u
#define FEATURE_TAILS 16u
#define FEATURES (FEATURE_PADDED | FEATURE_ZIP_CONFIG | FEATURE_CHUNKS | FEATURE_TAILS)
#define ZIP_LZ4 1u /* in the set of algorithms */
#define PIECE_MAX 256u /* blocks */
#define NAME_MAX_LEN 255u
#define NO_BLOCK (~0u)

struct disk_super {
	u32 magic, checksum, feature_compat;
	u8 block_bits, ext_slots;
	u16 root_nid;
	u64 inos, build_time;
	u32 build_time_ns, blocks, meta_block, xattr_block;
	u8 uuid[16], volume[16];
	u32 feature_incompat;
	u16 compression, extra_devices, device_slots;
	u8 dir_block_bits, prefixes;
	u32 prefix_start;
	u64 packed_nid;
	u8 reserved[24];
};
_Static_assert(sizeof(struct disk_super) == 128, "format");
struct disk_inode {
	u16 format, xattr_count, mode, nlink;
	u32 size, reserved, u, ino;
	u16 uid, gid;
	u32 reserved2;
};
_Static_assert(sizeof(struct disk_inode) == 32, "format");
struct disk_inode_long {
	u16 format, xattr_count, mode, reserved;
	u64 size;
	u32 u, ino, uid, gid;
	u64 mtime;
	u32 mtime_ns, nlink;
	u8 reserved2[16];
};
_Static_assert(sizeof(struct disk_inode_long) == 64, "format");
struct __attribute__((packed)) disk_dirent {
	u64 nid;
	u16 name_at;
	u8 type, reserved;
};
_Static_assert(sizeof(struct disk_dirent) == 12, "format");

static int read_at(struct erofs *e, u64 pos, void *buf, size_t n)
{
	if (pos > e->size || n > e->size - pos)
		return -EUCLEAN;
	return e->read(e->arg, pos, buf, n);
}

static struct file_time time_of(u64 sec, u32 ns) { return file_time_at((s64)sec, ns < NSEC ? ns : 0); }

static int refuse(const char **why, const char *text, int err)
{
	*why = text;
	return err;
}

/* What the superblock says of compression. */
static int zip_super(struct erofs *e, const struct disk_super *s, const char **why)
{
	struct {
		u16 size, max_distance, max_blocks;
	} lz4;
	e->padded = s->feature_incompat & FEATURE_PADDED;
	e->inline_tails = s->feature_incompat & FEATURE_TAILS;
	e->plain_index = !(s->feature_incompat & (FEATURE_ZIP_CONFIG | FEATURE_TAILS));
	e->packed_max = EROFS_BLOCK;
	if (!(s->feature_incompat & FEATURE_ZIP_CONFIG))
		return 0;
	if (s->compression & ~ZIP_LZ4)
		return refuse(why, "compressed by other means than LZ4", -EOPNOTSUPP);
	/* Behind the superblock: what each algorithm wants to be known. */
	int err = s->compression ? read_at(e, SUPER_AT + sizeof(*s) + s->ext_slots * 16u, &lz4, sizeof(lz4)) : 0;
	if (err || !s->compression)
		return err;
	if (lz4.max_blocks > PIECE_MAX || lz4.size < 4)
		return refuse(why, "damaged: compressed pieces of more than 1 MiB", -EUCLEAN);
	e->packed_max = max(lz4.max_blocks, (u16)1) * EROFS_BLOCK;
	return 0;
}

int erofs_super(struct erofs *e, const char **why)
{
	struct disk_super s;
	if (e->size < SUPER_AT + sizeof(s))
		return refuse(why, "too small for EROFS", -EINVAL);
	int err = read_at(e, SUPER_AT, &s, sizeof(s));
	if (err)
		return refuse(why, "cannot read the superblock", err);
	if (s.magic != MAGIC)
		return refuse(why, "not an EROFS image", -EINVAL);
	if (s.block_bits != 12)
		return refuse(why, "blocks of other than 4096 bytes", -EOPNOTSUPP);
	if (s.feature_incompat & ~FEATURES)
		return refuse(why, "made with features that are not known here", -EOPNOTSUPP);
	if (s.dir_block_bits || s.extra_devices)
		return refuse(why, "large directory blocks or several devices", -EOPNOTSUPP);
	if ((u64)s.blocks * EROFS_BLOCK > e->size)
		return refuse(why, "cut off: the file is shorter than the file system", -EUCLEAN);
	err = zip_super(e, &s, why);
	if (err)
		return err;
	e->root_nid = s.root_nid;
	e->inodes = s.inos;
	e->blocks = s.blocks;
	e->meta_block = s.meta_block;
	e->xattr_block = s.xattr_block;
	e->build_time = time_of(s.build_time, s.build_time_ns);
	return 0;
}

/* --- inodes ----------------------------------------------------------------------------------------------------------------------------------- */

/* new_encode_dev() of Linux as the kernel's numbers: the encoding is the same. */
static int set_place(struct erofs *e, struct erofs_inode *i, u32 u)
{
	switch (i->mode & S_IFMT) {
	case S_IFCHR:
	case S_IFBLK:
		i->rdev = u;
		return 0;
	case S_IFIFO:
	case S_IFSOCK:
		return 0;
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
		break;
	default:
		return -EUCLEAN;
	}
	if (erofs_is_zipped(i))
		return S_ISREG(i->mode) ? erofs_zip_inode(e, i) : -EOPNOTSUPP;
	i->block = u;
	if (i->layout != EROFS_CHUNKS)
		return i->layout == EROFS_INLINE || i->layout == EROFS_PLAIN ? 0 : -EOPNOTSUPP;
	if (u & ~0x3fu)
		return -EOPNOTSUPP;
	i->chunk_shift = 12 + (u & 31);
	i->chunk_index = u & 32;
	return 0;
}

int erofs_inode(struct erofs *e, u64 nid, struct erofs_inode *i)
{
	struct disk_inode_long d;
	struct disk_inode small;
	memset(i, 0, sizeof(*i));
	if (nid > ~0UL >> 6)
		return -EUCLEAN;
	i->nid = nid;
	i->at = (u64)e->meta_block * EROFS_BLOCK + nid * 32;
	int err = read_at(e, i->at, &small, sizeof(small));
	if (err)
		return err;
	bool large = small.format & 1;
	if (small.format & ~0xfu)
		return -EOPNOTSUPP;
	i->layout = (enum erofs_layout)(small.format >> 1 & 7);
	i->mode = small.mode;
	i->head = large ? sizeof(d) : sizeof(small);
	if (large) {
		err = read_at(e, i->at, &d, sizeof(d));
		if (err)
			return err;
		i->size = d.size;
		i->uid = d.uid;
		i->gid = d.gid;
		i->nlink = d.nlink;
		i->ino = d.ino;
		i->mtime = time_of(d.mtime, d.mtime_ns);
	} else {
		i->size = small.size;
		i->uid = small.uid;
		i->gid = small.gid;
		i->nlink = small.nlink;
		i->ino = small.ino;
		i->mtime = e->build_time;
	}
	if (small.xattr_count)
		i->xattr_size = 12 + ((u32)small.xattr_count - 1) * 4;
	i->head += i->xattr_size;
	if ((s64)i->size < 0 || !i->nlink)
		return -EUCLEAN;
	return set_place(e, i, large ? d.u : small.u);
}

/* --- data ------------------------------------------------------------------------------------------------------------------------------------- */

/* Blocks first .. of a file that lie one behind the other. */
static int whole_blocks(struct erofs *e, u32 block, u64 pos, u64 end, u64 *at, u64 *n)
{
	*at = (u64)block * EROFS_BLOCK + pos;
	*n = end - pos;
	return *at < e->size && *n <= e->size - *at ? 0 : -EUCLEAN;
}

static int map_chunk(struct erofs *e, const struct erofs_inode *i, u64 pos, u64 *at, u64 *n)
{
	u32 unit = i->chunk_index ? 8 : 4, raw[2] = { 0 };
	u64 table = ALIGN_UP(i->at + i->head, (u64)unit), chunk = pos >> i->chunk_shift, start = chunk << i->chunk_shift;
	if (chunk > e->size)
		return -EUCLEAN;
	int err = read_at(e, table + chunk * unit, raw, unit);
	if (err)
		return err;
	u64 end = min(i->size, i->chunk_shift < 63 ? start + (1UL << i->chunk_shift) : i->size);
	u32 block = i->chunk_index ? raw[1] : raw[0];
	if (block == NO_BLOCK) {
		*at = ~0UL;
		*n = end - pos;
		return 0;
	}
	if (i->chunk_index && raw[0])
		return -EOPNOTSUPP; /* another device, or a block beyond 32 bits */
	*at = (u64)block * EROFS_BLOCK + (pos - start);
	*n = end - pos;
	return *at < e->size && *n <= e->size - *at ? 0 : -EUCLEAN;
}

int erofs_map(struct erofs *e, const struct erofs_inode *i, u64 pos, u64 *at, u64 *n)
{
	if (i->layout == EROFS_CHUNKS)
		return map_chunk(e, i, pos, at, n);
	u64 tail = i->layout == EROFS_INLINE ? ALIGN_DOWN(i->size - 1, (u64)EROFS_BLOCK) : i->size;
	if (pos < tail)
		return whole_blocks(e, i->block, pos, tail, at, n);
	/* The end of the file is behind its inode, in the same block. */
	u64 from = i->at + i->head, len = i->size - tail;
	if ((from & (EROFS_BLOCK - 1)) + len > EROFS_BLOCK)
		return -EUCLEAN;
	*at = from + (pos - tail);
	*n = i->size - pos;
	return *at < e->size && *n <= e->size - *at ? 0 : -EUCLEAN;
}

int erofs_data(struct erofs *e, const struct erofs_inode *i, u64 pos, void *buf, size_t n)
{
	u8 *to = buf;
	if (erofs_is_zipped(i))
		return erofs_zip_data(e, i, pos, buf, n);
	while (n && pos < i->size) {
		u64 at, len;
		int err = erofs_map(e, i, pos, &at, &len);
		if (err)
			return err;
		len = min(len, (u64)n);
		if (at == ~0UL)
			memset(to, 0, len);
		else
			err = read_at(e, at, to, len);
		if (err)
			return err;
		to += len;
		pos += len;
		n -= len;
	}
	memset(to, 0, n);
	return 0;
}

/* --- directories ------------------------------------------------------------------------------------------------------------------------------ */

static bool is_dots(const char *name, u32 len) { return name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')); }

/* One block of n bytes: records, then their names, each up to the next one's start or a NUL. */
static int block_names(const u8 *buf, u32 n, erofs_name_fn fn, void *arg)
{
	struct disk_dirent d, next;
	if (n < sizeof(d))
		return -EUCLEAN;
	memcpy(&d, buf, sizeof(d));
	u32 count = d.name_at / sizeof(d);
	if (!count || d.name_at % sizeof(d) || d.name_at > n)
		return -EUCLEAN;
	for (u32 k = 0; k < count; k++) {
		memcpy(&d, buf + k * sizeof(d), sizeof(d));
		u32 end = n;
		if (k + 1 < count) {
			memcpy(&next, buf + (k + 1) * sizeof(d), sizeof(d));
			end = next.name_at;
		}
		if (d.name_at < count * sizeof(d) || end > n || d.name_at >= end)
			return -EUCLEAN;
		const char *name = (const char *)buf + d.name_at;
		const void *nul = memchr(name, 0, end - d.name_at);
		u32 len = nul ? (u32)((const char *)nul - name) : end - d.name_at;
		if (!len || len > NAME_MAX_LEN || memchr(name, '/', len))
			return -EUCLEAN;
		static const u8 types[] = { 0, 8, 4, 2, 6, 1, 12, 10 };
		int r = is_dots(name, len) ? 0 : fn(arg, name, len, d.nid, d.type < sizeof(types) ? types[d.type] : 0);
		if (r)
			return r;
	}
	return 0;
}

int erofs_names(struct erofs *e, const struct erofs_inode *dir, u8 *buf, erofs_name_fn fn, void *arg)
{
	if (dir->size > e->size)
		return -EUCLEAN;
	for (u64 pos = 0; pos < dir->size; pos += EROFS_BLOCK) {
		u32 n = (u32)min((u64)EROFS_BLOCK, dir->size - pos);
		int err = erofs_data(e, dir, pos, buf, n);
		if (!err)
			err = block_names(buf, n, fn, arg);
		if (err)
			return err;
	}
	return 0;
}

/* --- extended attributes ---------------------------------------------------------------------------------------------------------------------- */

struct xattr_walk {
	struct erofs *e;
	u8 *buf;
	erofs_xattr_fn fn;
	void *arg;
};

/* The attribute at *at, which must end before `end`; moves *at behind it. Kinds that mean nothing here are passed over. */
static int one_xattr(struct xattr_walk *w, u64 *at, u64 end)
{
	static const char *const prefixes[] = { NULL, "user.", "system.posix_acl_access", "system.posix_acl_default", "trusted.", NULL, "security." };
	struct {
		u8 name_len, index;
		u16 value_size;
	} head;
	char name[300];
	if (end - *at < sizeof(head))
		return -EUCLEAN;
	int err = read_at(w->e, *at, &head, sizeof(head));
	if (err)
		return err;
	u64 value = *at + sizeof(head) + head.name_len, next = ALIGN_UP(value + head.value_size, 4UL);
	if (next > end || head.value_size > EROFS_BLOCK)
		return -EUCLEAN;
	const char *prefix = head.index < 7 ? prefixes[head.index] : NULL;
	if (prefix && strlen(prefix) + head.name_len <= NAME_MAX_LEN) {
		size_t len = strlen(prefix);
		memcpy(name, prefix, len);
		err = read_at(w->e, *at + sizeof(head), name + len, head.name_len);
		name[len + head.name_len] = 0;
		if (!err)
			err = read_at(w->e, value, w->buf, head.value_size);
		if (!err)
			err = w->fn(w->arg, name, w->buf, head.value_size);
	}
	*at = next;
	return err;
}

int erofs_xattrs(struct erofs *e, const struct erofs_inode *i, u8 *buf, erofs_xattr_fn fn, void *arg)
{
	struct xattr_walk w = { e, buf, fn, arg };
	u8 head[12];
	if (!i->xattr_size)
		return 0;
	u64 at = i->at + i->head - i->xattr_size, end = i->at + i->head;
	int err = read_at(e, at, head, sizeof(head));
	u32 shared = head[4];
	if (!err && sizeof(head) + shared * 4 > i->xattr_size)
		err = -EUCLEAN;
	at += sizeof(head);
	for (u32 k = 0; k < shared && !err; k++, at += 4) {
		u32 id;
		err = read_at(e, at, &id, sizeof(id));
		u64 where = (u64)e->xattr_block * EROFS_BLOCK + (u64)id * 4;
		if (!err)
			err = where < e->size ? one_xattr(&w, &where, e->size) : -EUCLEAN;
	}
	while (!err && at < end)
		err = one_xattr(&w, &at, end);
	return err;
}
