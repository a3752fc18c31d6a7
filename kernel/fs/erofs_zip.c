/*
 * Compressed files of EROFS. Entry points: erofs_zip_inode(), erofs_zip_data().
 *
 * A file is cut into extents of any length, each of which is a piece of one or more blocks on the disk: an LZ4 block, or the bytes as they are. Behind the
 * inode there is an index with a record for each cluster (4 KiB, mostly) of the file. A cluster in which an extent begins is a head: where in it, and in which
 * block the piece begins. The others say how far back their head is, and the first of them may say how many blocks the piece has. Records have 8 bytes, or are
 * packed: 2 of them in 8 bytes, 16 in 32, with one block number for all of a pack, from which those of its heads are counted.
 */
#include "fs/erofs_disk.h"

#include "lib/errno.h"
#include "lib/string.h"

#define ADVISE_2B 1u /* packs of 16 records where they fit */
#define ADVISE_BIG_1 2u /* heads of the first, the second kind: pieces of several blocks */
#define ADVISE_BIG_2 4u
#define ADVISE_TAIL 8u /* the last piece is behind the index */
#define ADVISE_TURNED 16u /* bytes as they are lie in the block as in the file, modulo its size */
#define ADVISE_KNOWN (ADVISE_2B | ADVISE_BIG_1 | ADVISE_BIG_2 | ADVISE_TAIL | ADVISE_TURNED)
#define COUNT_OF_BLOCKS 0x800u /* in a distance: it is the piece's size instead, and the distance is 1 */
/* An extent is at most 12 MiB, so nobody's head or end is further away. */
#define STEPS_MAX 3072u

enum kind { PLAIN, HEAD1, OTHER, HEAD2 };
struct record {
	enum kind kind;
	u32 at; /* heads: where in the cluster the extent begins */
	u32 block; /* heads */
	u32 back; /* OTHER: clusters to the head, or nearer to it */
	u32 blocks; /* OTHER: the piece's size, or 0 */
	u64 behind; /* the record's pack ends here */
};
struct extent {
	u64 start, end; /* in the file */
	u64 at; /* of the piece */
	u32 size; /* of the piece */
	enum kind kind;
};

static int read_at(struct erofs *e, u64 pos, void *buf, size_t n)
{
	if (pos > e->size || n > e->size - pos)
		return -EUCLEAN;
	return e->read(e->arg, pos, buf, n);
}

/* The header before the index. */
static u64 header_at(const struct erofs_inode *i) { return ALIGN_UP(i->at + i->head, 8UL); }

int erofs_zip_inode(struct erofs *e, struct erofs_inode *i)
{
	u8 h[8];
	i->zip.shift = 12;
	if (e->plain_index && i->layout == EROFS_COMPRESSED_FULL)
		return 0;
	int err = read_at(e, header_at(i), h, sizeof(h));
	if (err)
		return err;
	i->zip.tail = (u16)(h[2] | h[3] << 8);
	i->zip.advise = (u16)(h[4] | h[5] << 8);
	i->zip.algorithm = h[6];
	i->zip.shift = (u8)(12 + (h[7] & 7));
	if ((h[7] & 0x80) || (i->zip.advise & ~ADVISE_KNOWN) || i->zip.algorithm)
		return -EOPNOTSUPP; /* in pieces shared with other files; by other means than LZ4 */
	/* Packed records have 12 bits for a place in the cluster. */
	if (i->layout == EROFS_COMPRESSED && i->zip.shift != 12)
		return -EOPNOTSUPP;
	if ((i->zip.advise & ADVISE_TAIL) && (!e->inline_tails || !i->zip.tail))
		return -EUCLEAN;
	return 0;
}

/* --- the index -------------------------------------------------------------------------------------------------------------------------------- */

/* A record of 8 bytes: kind and flags, place, block or two distances. */
static int read_whole(struct erofs *e, const struct erofs_inode *i, u64 cluster, struct record *r)
{
	u16 v[4];
	u64 at = header_at(i) + 16 + cluster * 8;
	int err = cluster > e->size ? -EUCLEAN : read_at(e, at, v, sizeof(v));
	if (err)
		return err;
	r->kind = (enum kind)(v[0] & 3);
	r->behind = at + 8;
	if (r->kind == OTHER) {
		r->blocks = v[2] & COUNT_OF_BLOCKS ? v[2] & ~COUNT_OF_BLOCKS : 0;
		r->back = v[2] & COUNT_OF_BLOCKS ? 1 : v[2];
		return (v[2] & COUNT_OF_BLOCKS) && !(i->zip.advise & (ADVISE_BIG_1 | ADVISE_BIG_2)) ? -EUCLEAN : 0;
	}
	r->at = v[1];
	memcpy(&r->block, &v[2], 4);
	return r->at >> i->zip.shift ? -EUCLEAN : 0;
}

/* Record k of a pack: 12 bits, then the kind. */
static u32 unpack(const u8 *pack, u32 bits, u32 k, enum kind *kind)
{
	u32 v, bit = bits * k;
	memcpy(&v, pack + bit / 8, 4);
	v >>= bit & 7;
	*kind = (enum kind)(v >> 12 & 3);
	return v & 0xfff;
}

/* How many blocks before the piece of head k the first one of this pack begins. -1: damaged. */
static s64 blocks_before(const u8 *pack, u32 bits, u32 k, bool big)
{
	enum kind kind;
	s64 n = big ? 0 : 1;
	s32 at = (s32)k;
	while (at > 0) {
		u32 v = unpack(pack, bits, (u32)--at, &kind);
		if (kind != OTHER) {
			n++;
		} else if (!big) {
			at -= (s32)v;
			n += at >= 0;
		} else if (v & COUNT_OF_BLOCKS) {
			at--;
			n += v & ~COUNT_OF_BLOCKS;
		} else {
			if (v <= 1)
				return -1;
			at -= (s32)v - 2;
		}
	}
	return n;
}

static int decode_packed(const u8 *pack, u32 bytes, u32 count, u32 k, bool big, struct record *r)
{
	u32 bits = (bytes - 4) * 8 / count, base, v = unpack(pack, bits, k, &r->kind);
	if (r->kind == OTHER) {
		enum kind before;
		r->back = v;
		if (v & COUNT_OF_BLOCKS) {
			r->blocks = v & ~COUNT_OF_BLOCKS;
			r->back = 1;
			return big ? 0 : -EUCLEAN;
		}
		if (k + 1 < count)
			return 0;
		/* The last one of a pack has the distance to the next head: one more than the one before it. */
		v = unpack(pack, bits, k - 1, &before);
		r->back = 1 + (before != OTHER ? 0 : v & COUNT_OF_BLOCKS ? 1 : v);
		return 0;
	}
	s64 before = blocks_before(pack, bits, k, big);
	memcpy(&base, pack + bytes - 4, 4);
	r->at = v;
	r->block = base + (u32)before;
	return before < 0 ? -EUCLEAN : 0;
}

/* First single packs of 8 bytes until the next 32 bytes begin, then packs of 32 as far as they are full, then packs of 8. */
static int read_packed(struct erofs *e, const struct erofs_inode *i, u64 cluster, struct record *r)
{
	u64 at = header_at(i) + 8, all = (i->size + EROFS_BLOCK - 1) / EROFS_BLOCK;
	u64 first = (32 - at % 32) / 4 % 8, large = (i->zip.advise & ADVISE_2B) && first < all ? ALIGN_DOWN(all - first, 16UL) : 0;
	u32 bytes = 8, count = 2, shift = 2;
	u8 pack[32 + 4] = { 0 };
	if (cluster > e->size)
		return -EUCLEAN;
	if (cluster >= first) {
		at += first * 4;
		cluster -= first;
		if (cluster < large) {
			bytes = 32;
			count = 16;
			shift = 1;
		} else {
			at += large * 2;
			cluster -= large;
		}
	}
	at = ALIGN_DOWN(at + (cluster << shift), (u64)bytes);
	int err = read_at(e, at, pack, bytes);
	if (err)
		return err;
	r->behind = at + bytes;
	return decode_packed(pack, bytes, count, (u32)(cluster % count), i->zip.advise & ADVISE_BIG_1, r);
}

static int read_record(struct erofs *e, const struct erofs_inode *i, u64 cluster, struct record *r)
{
	memset(r, 0, sizeof(*r));
	int err = i->layout == EROFS_COMPRESSED ? read_packed(e, i, cluster, r) : read_whole(e, i, cluster, r);
	return !err && r->kind == OTHER && !r->back ? -EUCLEAN : err;
}

/* --- extents ---------------------------------------------------------------------------------------------------------------------------------- */

/* The head of the extent that pos is in: *cluster and *r become its. */
static int find_head(struct erofs *e, const struct erofs_inode *i, u64 pos, u64 *cluster, struct record *r)
{
	*cluster = pos >> i->zip.shift;
	int err = read_record(e, i, *cluster, r);
	if (!err && r->kind != OTHER && (pos & ((1UL << i->zip.shift) - 1)) < r->at) {
		r->kind = OTHER;
		r->back = 1;
	}
	for (u32 steps = 0; !err && r->kind == OTHER; steps++) {
		if (r->back > *cluster || steps == STEPS_MAX)
			return -EUCLEAN;
		*cluster -= r->back;
		err = read_record(e, i, *cluster, r);
	}
	return err;
}

/* Where the extent of the head at `cluster` ends; *blocks: of its piece. */
static int find_end(struct erofs *e, const struct erofs_inode *i, u64 cluster, const struct record *head, u64 *end, u32 *blocks)
{
	bool big = (head->kind == HEAD1 && (i->zip.advise & ADVISE_BIG_1)) || (head->kind == HEAD2 && (i->zip.advise & ADVISE_BIG_2));
	*blocks = 1;
	*end = i->size;
	for (u32 steps = 1; (cluster + steps) << i->zip.shift < i->size; steps++) {
		struct record r;
		int err = steps > STEPS_MAX ? -EUCLEAN : read_record(e, i, cluster + steps, &r);
		if (err)
			return err;
		if (r.kind != OTHER) {
			*end = min(i->size, ((cluster + steps) << i->zip.shift) + r.at);
			return 0;
		}
		if (steps == 1 && big) {
			if (!r.blocks)
				return -EUCLEAN;
			*blocks = r.blocks;
		}
	}
	return 0;
}

static int find_extent(struct erofs *e, const struct erofs_inode *i, u64 pos, struct extent *x)
{
	struct record head, last;
	u64 cluster;
	u32 blocks;
	int err = find_head(e, i, pos, &cluster, &head);
	if (!err)
		err = find_end(e, i, cluster, &head, &x->end, &blocks);
	if (err)
		return err;
	x->start = (cluster << i->zip.shift) + head.at;
	x->kind = head.kind;
	x->at = (u64)head.block * EROFS_BLOCK;
	x->size = blocks * EROFS_BLOCK;
	if ((i->zip.advise & ADVISE_TAIL) && x->end == i->size) {
		err = read_record(e, i, (i->size - 1) >> i->zip.shift, &last);
		x->at = last.behind;
		x->size = i->zip.tail;
		if (!err && (x->at & (EROFS_BLOCK - 1)) + x->size > EROFS_BLOCK)
			err = -EUCLEAN;
	}
	if (!err && (pos < x->start || pos >= x->end || !x->size || x->at >= e->size || x->size > e->size - x->at))
		err = -EUCLEAN;
	return err;
}

/* Bytes that lie on the disk as they are. */
static int copy_plain(struct erofs *e, const struct erofs_inode *i, const struct extent *x, u64 pos, u8 *buf, u32 n)
{
	if (x->end - x->start > x->size)
		return -EUCLEAN;
	if (!(i->zip.advise & ADVISE_TURNED) || x->size != EROFS_BLOCK)
		return read_at(e, x->at + (pos - x->start), buf, n);
	u32 from = pos & (EROFS_BLOCK - 1), right = min(n, EROFS_BLOCK - from);
	int err = read_at(e, x->at + from, buf, right);
	return err || right == n ? err : read_at(e, x->at, buf + right, n - right);
}

/* => e->work is this call's */
static int unzip(struct erofs *e, const struct extent *x, u64 pos, u8 *buf, u32 n)
{
	u8 *packed = e->work + EROFS_WORK;
	u32 skip = 0;
	if (x->size > e->packed_max)
		return -EUCLEAN;
	int err = read_at(e, x->at, packed, x->size);
	while (!err && e->padded && skip < x->size && !packed[skip])
		skip++;
	return err ? err : lz4_decode(packed + skip, x->size - skip, e->work, pos - x->start, buf, n);
}

int erofs_zip_data(struct erofs *e, const struct erofs_inode *i, u64 pos, u8 *buf, size_t n)
{
	while (n && pos < i->size) {
		struct extent x;
		int err = find_extent(e, i, pos, &x);
		if (err)
			return err;
		u32 part = (u32)min((u64)n, x.end - pos);
		err = x.kind == PLAIN ? copy_plain(e, i, &x, pos, buf, part) : unzip(e, &x, pos, buf, part);
		if (err)
			return err;
		buf += part;
		pos += part;
		n -= part;
	}
	memset(buf, 0, n);
	return 0;
}
