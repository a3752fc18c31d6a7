/* Unit tests of erofs_disk.c: a small image made by hand, then the same with every kind of damage. mkfs.erofs's images are read by tests/command/disk.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "fs/erofs_disk.h"
#include "lib/errno.h"
#include "lib/string.h"

#define BLOCKS 6u
static unsigned char img[BLOCKS * EROFS_BLOCK];
static struct erofs e;

static int disk_read(void *arg, u64 pos, void *buf, size_t n)
{
	(void)arg;
	assert_true(pos <= sizeof(img) && n <= sizeof(img) - pos);
	memcpy(buf, img + pos, n);
	return 0;
}

static void put16(size_t at, u32 v) { memcpy(img + at, &(u16){ (u16)v }, 2); }
static void put32(size_t at, u32 v) { memcpy(img + at, &v, 4); }
static void put64(size_t at, u64 v) { memcpy(img + at, &v, 8); }

/* A compact inode at number nid; the inodes begin at block 1. */
static size_t inode(u32 nid, u32 layout, u32 mode, u32 size, u32 u)
{
	size_t at = EROFS_BLOCK + nid * 32;
	put16(at, layout << 1);
	put16(at + 4, mode);
	put16(at + 6, 1);
	put32(at + 8, size);
	put32(at + 16, u);
	return at;
}

static void dirent(size_t block, u32 k, u64 nid, u32 name_at, const char *name, u32 type)
{
	put64(block + k * 12, nid);
	put16(block + k * 12 + 8, name_at);
	img[block + k * 12 + 10] = (unsigned char)type;
	memcpy(img + block + name_at, name, strlen(name));
}

/* Root (number 2) with the names "file" (4, inline), "hole" (8, chunks) in block 2; file's first block is 3; hole's second chunk is 4. */
static int setup(void **state)
{
	const char *why;
	(void)state;
	memset(img, 0, sizeof(img));
	put32(1024, 0xe0f5e1e2);
	img[1024 + 12] = 12;
	put16(1024 + 14, 2);
	put32(1024 + 36, BLOCKS);
	put32(1024 + 40, 1);
	put32(1024 + 80, 4);
	inode(2, EROFS_PLAIN, S_IFDIR | 0755, 48 + 1 + 2 + 4 + 4, 2);
	dirent(2 * EROFS_BLOCK, 0, 2, 48, ".", 2);
	dirent(2 * EROFS_BLOCK, 1, 2, 49, "..", 2);
	dirent(2 * EROFS_BLOCK, 2, 4, 51, "file", 1);
	dirent(2 * EROFS_BLOCK, 3, 8, 55, "hole", 1);
	size_t at = inode(4, EROFS_INLINE, S_IFREG | 0640, EROFS_BLOCK + 5, 3);
	memset(img + 3 * EROFS_BLOCK, 'b', EROFS_BLOCK);
	memcpy(img + at + 32, "hello", 5);
	at = inode(8, EROFS_CHUNKS, S_IFREG | 0600, 2 * EROFS_BLOCK, 0);
	put32(at + 32, ~0u);
	put32(at + 36, 4);
	memset(img + 4 * EROFS_BLOCK, 'c', EROFS_BLOCK);
	e = (struct erofs){ .read = disk_read, .size = sizeof(img) };
	assert_int_equal(erofs_super(&e, &why), 0);
	return 0;
}

static char seen[200];
static int see(void *arg, const char *name, u32 len, u64 nid, u32 type)
{
	(void)arg;
	size_t n = strlen(seen);
	snprintf(seen + n, sizeof(seen) - n, "%.*s=%u/%u ", (int)len, name, (unsigned)nid, type);
	return 0;
}

static void names_and_data(void **state)
{
	struct erofs_inode i;
	static unsigned char buf[3 * EROFS_BLOCK], block[EROFS_BLOCK];
	(void)state;
	seen[0] = 0;
	assert_int_equal(erofs_inode(&e, e.root_nid, &i), 0);
	assert_int_equal(i.mode, S_IFDIR | 0755);
	assert_int_equal(erofs_names(&e, &i, block, see, NULL), 0);
	assert_string_equal(seen, "file=4/8 hole=8/8 ");
	assert_int_equal(erofs_inode(&e, 4, &i), 0);
	memset(buf, 'x', sizeof(buf));
	assert_int_equal(erofs_data(&e, &i, 0, buf, sizeof(buf)), 0);
	assert_int_equal(buf[0], 'b');
	assert_int_equal(buf[EROFS_BLOCK - 1], 'b');
	assert_memory_equal(buf + EROFS_BLOCK, "hello\0\0", 7);
	assert_int_equal(erofs_inode(&e, 8, &i), 0);
	assert_int_equal(erofs_data(&e, &i, EROFS_BLOCK - 1, buf, 2), 0);
	assert_memory_equal(buf, "\0c", 2);
}

static void supers(void **state)
{
	const char *why = NULL;
	(void)state;
	put32(1024, 1);
	assert_int_equal(erofs_super(&e, &why), -EINVAL);
	setup(NULL);
	put32(1024 + 80, 2);
	put16(1024 + 84, 3);
	assert_int_equal(erofs_super(&e, &why), -EOPNOTSUPP);
	assert_non_null(strstr(why, "LZ4"));
	setup(NULL);
	put32(1024 + 80, 2);
	put16(1024 + 84, 1);
	put16(1024 + 128, 14);
	put16(1024 + 132, 257);
	assert_int_equal(erofs_super(&e, &why), -EUCLEAN);
	put16(1024 + 132, 16);
	assert_int_equal(erofs_super(&e, &why), 0);
	assert_int_equal(e.packed_max, 16 * EROFS_BLOCK);
	setup(NULL);
	put32(1024 + 80, 32);
	assert_int_equal(erofs_super(&e, &why), -EOPNOTSUPP);
	setup(NULL);
	put32(1024 + 36, BLOCKS + 1);
	assert_int_equal(erofs_super(&e, &why), -EUCLEAN);
	setup(NULL);
	img[1024 + 12] = 9;
	assert_int_equal(erofs_super(&e, &why), -EOPNOTSUPP);
	e.size = 100;
	assert_int_equal(erofs_super(&e, &why), -EINVAL);
}

static void inodes(void **state)
{
	struct erofs_inode i;
	unsigned char buf[16], block[EROFS_BLOCK];
	(void)state;
	assert_int_equal(erofs_inode(&e, ~0UL, &i), -EUCLEAN);
	assert_int_equal(erofs_inode(&e, 1u << 20, &i), -EUCLEAN);
	inode(4, EROFS_COMPRESSED, S_IFDIR, 5, 0);
	assert_int_equal(erofs_inode(&e, 4, &i), -EOPNOTSUPP);
	inode(4, EROFS_PLAIN, 0, 5, 0);
	assert_int_equal(erofs_inode(&e, 4, &i), -EUCLEAN);
	inode(4, EROFS_PLAIN, S_IFREG, 5, 77);
	assert_int_equal(erofs_inode(&e, 4, &i), 0);
	assert_int_equal(erofs_data(&e, &i, 0, buf, 5), -EUCLEAN);
	/* An end that does not fit behind its inode. */
	inode(126, EROFS_INLINE, S_IFREG, 40, 0);
	assert_int_equal(erofs_inode(&e, 126, &i), 0);
	assert_int_equal(erofs_data(&e, &i, 0, buf, 5), -EUCLEAN);
	/* Names that begin before the records' end, or end before they begin. */
	put16(2 * EROFS_BLOCK + 8, 13);
	assert_int_equal(erofs_inode(&e, 2, &i), 0);
	assert_int_equal(erofs_names(&e, &i, block, see, NULL), -EUCLEAN);
	put16(2 * EROFS_BLOCK + 8, 48);
	put16(2 * EROFS_BLOCK + 36 + 8, 50);
	assert_int_equal(erofs_names(&e, &i, block, see, NULL), -EUCLEAN);
	inode(2, EROFS_PLAIN, S_IFDIR, ~0u, 2);
	assert_int_equal(erofs_inode(&e, 2, &i), 0);
	assert_int_equal(erofs_names(&e, &i, block, see, NULL), -EUCLEAN);
}

/* A file of three clusters in two extents, the second from byte 5000 on: LZ4 in blocks 3 and 4; the index of 8-byte records, then packed. */
static void compressed(void **state)
{
	static unsigned char buf[3 * EROFS_BLOCK], work[EROFS_WORK + EROFS_BLOCK];
	static const u32 records[3][3] = { { 1, 0, 3 }, { 1, 904, 4 }, { 2, 0, 1 } };
	struct erofs_inode i;
	const char *why;
	(void)state;
	put32(1024 + 80, 1);
	assert_int_equal(erofs_super(&e, &why), 0);
	e.work = work;
	for (u32 round = 0; round < 2; round++) {
		size_t at = inode(4, round ? EROFS_COMPRESSED : EROFS_COMPRESSED_FULL, S_IFREG | 0644, 9000, 3);
		memset(img + at + 32, 0, 64);
		for (u32 k = 0; k < 3 && !round; k++) {
			put16(at + 48 + k * 8, records[k][0]);
			put16(at + 50 + k * 8, records[k][1]);
			put32(at + 52 + k * 8, records[k][2]);
		}
		if (round) {
			/* Two packs of 8 bytes; the first block of a pack is one more than its number says. */
			put32(at + 40, 1u << 12 | (1u << 12 | 904) << 16);
			put32(at + 44, 2);
			put32(at + 48, 2u << 12 | 1);
			put32(at + 52, 4);
		}
		memset(img + 3 * EROFS_BLOCK, 0, 2 * EROFS_BLOCK);
		/* "a" and 4999 more of it; "b" likewise 4000. Zeros before them. */
		u32 len[2] = { 5000, 4000 };
		for (u32 k = 0; k < 2; k++) {
			unsigned char z[40] = { 0x1f, (unsigned char)('a' + k), 1, 0 };
			u32 n = 4, rest = len[k] - 1 - 5 - 4 - 15;
			for (; rest >= 255; rest -= 255)
				z[n++] = 255;
			z[n++] = (unsigned char)rest;
			z[n++] = 0x50;
			memset(z + n, 'a' + (int)k, 5);
			n += 5;
			memcpy(img + (4 + k) * EROFS_BLOCK - n, z, n);
		}
		assert_int_equal(erofs_inode(&e, 4, &i), 0);
		memset(buf, 'x', sizeof(buf));
		assert_int_equal(erofs_data(&e, &i, 0, buf, sizeof(buf)), 0);
		for (u32 k = 0; k < 9000; k++)
			assert_int_equal(buf[k], k < 5000 ? 'a' : 'b');
		assert_int_equal(buf[9000], 0);
		assert_int_equal(erofs_data(&e, &i, 8192, buf, 4), 0);
		assert_memory_equal(buf, "bbbb", 4);
		/* Damage: no zeros but nonsense; nothing but zeros. */
		img[4 * EROFS_BLOCK] = 0xff;
		assert_int_equal(erofs_data(&e, &i, 8192, buf, 4), -EUCLEAN);
		memset(img + 4 * EROFS_BLOCK, 0, EROFS_BLOCK);
		assert_int_equal(erofs_data(&e, &i, 8192, buf, 4), -EUCLEAN);
		assert_int_equal(erofs_data(&e, &i, 4990, buf, 10), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(names_and_data, setup),
		cmocka_unit_test_setup(supers, setup),
		cmocka_unit_test_setup(inodes, setup),
		cmocka_unit_test_setup(compressed, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
