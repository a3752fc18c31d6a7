/* Fuzzes the EROFS reader: an image of a few inodes made at random, everything in it read; nothing may be read beyond it, nothing may go on for ever. */
#include "fuzz.h"

#include "fs/erofs_disk.h"
#include "lib/errno.h"
#include "lib/string.h"

#define BLOCKS 8u
static unsigned char *img;
static unsigned steps;

static int disk_read(void *arg, u64 pos, void *buf, size_t n)
{
	(void)arg;
	if (pos > BLOCKS * EROFS_BLOCK || n > BLOCKS * EROFS_BLOCK - pos)
		abort();
	memcpy(buf, img + pos, n);
	return 0;
}

static void put(size_t at, u64 v, size_t n)
{
	if (at + n <= BLOCKS * EROFS_BLOCK)
		memcpy(img + at, &v, n);
}

static u64 number(void) { return one_in(8) ? (u64)odd() : below(one_in(2) ? 16 : 9000); }

/* Behind an inode: a header and an index, of kinds that make sense more often than not. */
static void make_index(u32 nid, bool large)
{
	size_t at = EROFS_BLOCK + nid * 32 + (large ? 64 : 32);
	put(at, (one_in(9) ? rnd() : one_in(3) ? below(4000) << 16 : 0) & 0xffffffff, 4);
	put(at + 4, one_in(20) ? rnd() : below(32), 2);
	put(at + 6, one_in(30) ? rnd() : 0, 2);
	for (u32 k = 0; k < 12; k++)
		put(at + 8 + k * 8, (u64)below(4) | (u64)below(4096) << 16 | (u64)(one_in(4) ? (u32)rnd() : below(BLOCKS + 2)) << 32, 8);
}

static void make_inode(u32 nid)
{
	static const u32 modes[] = { S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR, S_IFIFO, 0 };
	size_t at = EROFS_BLOCK + nid * 32;
	bool large = one_in(3);
	put(at, (one_in(20) ? rnd() : 0) | below(5) << 1 | large, 2);
	put(at + 2, one_in(4) ? below(30) : 0, 2);
	put(at + 4, modes[below(6)] | 0755, 2);
	put(at + 6, 1, 2);
	put(at + 8, number(), large ? 8 : 4);
	put(at + 16, one_in(3) ? number() : below(BLOCKS), 4);
	put(at + 44, 1, 4);
	if (one_in(2)) {
		put(at, (one_in(2) ? 1 : 3) << 1 | large, 2);
		put(at + 2, 0, 2);
		put(at + 4, S_IFREG | 0644, 2);
		make_index(nid, large);
	}
}

static void make_dir_block(u32 block)
{
	size_t base = (size_t)block * EROFS_BLOCK;
	u32 n = 1 + below(12), at = n * 12;
	for (u32 k = 0; k < n; k++) {
		put(base + k * 12, one_in(10) ? (u64)odd() : below(60), 8);
		put(base + k * 12 + 8, one_in(10) ? (u64)odd() : at, 2);
		put(base + k * 12 + 10, below(9), 1);
		for (u32 len = 1 + below(9); len; len--)
			put(base + at++, one_in(40) ? '/' : one_in(40) ? 0 : 'a' + below(26), 1);
	}
}

static int on_name(void *arg, const char *name, u32 len, u64 nid, u32 type)
{
	(void)arg, (void)nid, (void)type;
	char copy[256];
	if (!len || len > 255)
		abort();
	memcpy(copy, name, len);
	return ++steps > 20000 ? -EINTR : 0;
}

static int on_xattr(void *arg, const char *name, const void *value, u32 size)
{
	(void)arg;
	char copy[EROFS_BLOCK];
	if (strlen(name) > 255 || size > sizeof(copy))
		abort();
	memcpy(copy, value, size);
	return ++steps > 20000 ? -EINTR : 0;
}

static void fuzz_one(void)
{
	static unsigned char buf[EROFS_BLOCK], data[3 * EROFS_BLOCK];
	struct erofs e = { .read = disk_read, .size = BLOCKS * EROFS_BLOCK - (one_in(4) ? below(5000) : 0) };
	struct erofs_inode i;
	const char *why = "";
	img = malloc(BLOCKS * EROFS_BLOCK);
	for (u32 k = 0; k < BLOCKS * EROFS_BLOCK; k += 8)
		put(k, one_in(60) ? (u64)rnd() : 0, 8);
	put(1024, 0xe0f5e1e2, 4);
	put(1024 + 12, 12, 2);
	put(1024 + 14, below(60), 2);
	put(1024 + 32, 0, 4);
	put(1024 + 36, one_in(20) ? (u64)odd() : BLOCKS - 2, 4);
	put(1024 + 40, one_in(20) ? (u64)odd() : 1, 4);
	put(1024 + 44, one_in(3) ? number() : below(BLOCKS), 4);
	put(1024 + 80, one_in(20) ? (u64)odd() : 4 + (one_in(2) ? below(4) : 0) + (one_in(4) ? 16 : 0), 4);
	put(1024 + 84, one_in(2), 8);
	put(1024 + 128, 14 | (u64)below(65536) << 16 | (u64)below(one_in(9) ? 300 : 3) << 32, 8);
	for (u32 nid = 0; nid < 60; nid += 1 + below(3))
		make_inode(nid);
	for (u32 b = 2; b < BLOCKS; b++)
		if (one_in(2))
			make_dir_block(b);
	steps = 0;
	if (!erofs_super(&e, &why)) {
		e.work = malloc(EROFS_WORK + e.packed_max);
		for (u64 nid = 0; nid < 64; nid++) {
			if (erofs_inode(&e, one_in(50) ? (u64)odd() : nid, &i))
				continue;
			(void)erofs_names(&e, &i, buf, on_name, NULL);
			(void)erofs_xattrs(&e, &i, buf, on_xattr, NULL);
			if (i.size)
				(void)erofs_data(&e, &i, one_in(3) ? number() : 0, data, below(sizeof(data)));
		}
	}
	free(e.work);
	free(img);
}
