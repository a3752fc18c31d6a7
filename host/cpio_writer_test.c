/* Tests of the cpio writer: page alignment at every position, Linux's limit of namesize, hard links. */
#define _GNU_SOURCE
#include "cpio_writer.h"
#include "files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* One entry of an archive, as Linux's unpacker would see it. */
struct entry {
	uint32_t number, mode, links, size, namesize;
	char name[4200];
	uint64_t data;
};

static uint32_t field(const char *head, int i)
{
	char digits[9];

	memcpy(digits, head + 6 + 8 * i, 8);
	digits[8] = '\0';
	return (uint32_t)strtoul(digits, NULL, 16);
}

/* Reads the entry at *at and moves *at to the next. */
static void next_entry(int fd, uint64_t *at, struct entry *e)
{
	char head[110];

	assert_int_equal(*at % 4, 0);
	assert_int_equal(pread_all(fd, head, sizeof(head), (off_t)*at), 0);
	assert_memory_equal(head, "070701", 6);
	e->number = field(head, 0);
	e->mode = field(head, 1);
	e->links = field(head, 4);
	e->size = field(head, 6);
	e->namesize = field(head, 11);
	assert_in_range(e->namesize, 1, 4096);
	assert_int_equal(pread_all(fd, e->name, e->namesize, (off_t)(*at + 110)), 0);
	assert_int_equal(e->name[e->namesize - 1], 0);
	e->data = (*at + 110 + e->namesize + 3) & ~3ull;
	*at = (e->data + e->size + 3) & ~3ull;
}

static struct cpio_writer w;

static void begin(void)
{
	cpio_begin(&w, memfd_create("test", 0), "test");
}

/* Small files of every length move the large ones to every position; names of several lengths. */
static void data_is_aligned(void **state)
{
	static const size_t name_lengths[] = { 1, 2, 5, 40, 109, 110, 255, 1000, 3000, 3900, 4000, 4094 };
	static char large[5000], name[4200];
	struct entry e;
	uint64_t at = 0;
	size_t i, round, aligned = 0, total = 0;

	(void)state;
	memset(large, 'L', sizeof(large));
	begin();
	for (round = 0; round < 1100; round++) {
		for (i = 0; i < sizeof(name_lengths) / sizeof(name_lengths[0]); i += 1 + round % 3) {
			struct inode small = { .mode = S_IFREG | 0644, .links = 1, .size = round };
			struct inode big = { .mode = S_IFREG | 0644, .links = 1, .size = 4097 + round % 7 };

			memset(name, 'n', name_lengths[i]);
			name[name_lengths[i]] = '\0';
			assert_int_equal(cpio_put(&w, "small", &small, large, -1), 0);
			assert_int_equal(cpio_put(&w, name, &big, large, -1), 0);
		}
	}
	assert_int_equal(cpio_end(&w), 0);
	for (;;) {
		next_entry(w.fd, &at, &e);
		if (strcmp(e.name, "TRAILER!!!") == 0)
			break;
		if (e.size < CPIO_ALIGN_FROM)
			continue;
		total++;
		aligned += e.data % CPIO_PAGE == 0;
		if (strlen(e.name) < 3800)
			assert_int_equal(e.data % CPIO_PAGE, 0);
	}
	assert_true(total > 1000 && aligned > total * 2 / 3);
	assert_int_equal(w.at % 512, 0);
	close(w.fd);
}

static void hard_links_have_data_once(void **state)
{
	struct inode shared = { .mode = S_IFREG | 0600, .links = 2, .size = 3000 };
	static char data[3000];
	struct entry a, b;
	uint64_t at = 0;

	(void)state;
	begin();
	assert_int_equal(cpio_put(&w, "a", &shared, data, -1), 0);
	assert_int_equal(cpio_put(&w, "b", &shared, data, -1), 0);
	assert_int_equal(cpio_end(&w), 0);
	next_entry(w.fd, &at, &a);
	next_entry(w.fd, &at, &b);
	assert_int_equal(a.number, b.number);
	assert_int_equal(a.size, 3000);
	assert_int_equal(b.size, 0);
	assert_int_equal(b.links, 2);
	close(w.fd);
}

static void what_does_not_fit_is_refused(void **state)
{
	struct inode huge = { .mode = S_IFREG | 0600, .links = 1, .size = 1ull << 32 };
	struct inode small = { .mode = S_IFREG | 0600, .links = 1 };
	static char name[5000];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	begin();
	assert_int_equal(cpio_put(&w, "huge", &huge, NULL, -1), -1);
	assert_int_equal(cpio_put(&w, name, &small, NULL, -1), -1);
	close(w.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_is_aligned),
		cmocka_unit_test(hard_links_have_data_once),
		cmocka_unit_test(what_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests_name("host/cpio_writer", tests, NULL, NULL);
}
