/* Tests of telling kernels apart: Pando's, Linux's in both forms, and files that are cut or lie about themselves. */
#define _GNU_SOURCE
#include "kernel_file.h"

#include <elf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

struct file {
	char bytes[4096];
	size_t len;
};

static void put(struct file *f, const void *p, size_t n)
{
	assert_true(f->len + n <= sizeof(f->bytes));
	memcpy(f->bytes + f->len, p, n);
	f->len += n;
}

static void put_note(struct file *f, const char *owner, uint32_t type)
{
	Elf64_Nhdr n = { .n_namesz = (uint32_t)strlen(owner) + 1, .n_descsz = 4, .n_type = type };
	char name[16] = { 0 };

	strncpy(name, owner, sizeof(name) - 1);
	put(f, &n, sizeof(n));
	put(f, name, (n.n_namesz + 3) & ~3u);
	put(f, "\0\0\020", 4);
}

/* An ELF file of one segment, which holds the notes that are put next. */
static void begin(struct file *f)
{
	Elf64_Ehdr e = { .e_ident = ELFMAG "\2\1\1", .e_machine = EM_X86_64, .e_phoff = sizeof(e), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1 };

	f->len = 0;
	put(f, &e, sizeof(e));
	put(f, &(Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = sizeof(e) + sizeof(Elf64_Phdr) }, sizeof(Elf64_Phdr));
}
static void end(struct file *f)
{
	Elf64_Xword size = f->len - sizeof(Elf64_Ehdr) - sizeof(Elf64_Phdr);

	memcpy(f->bytes + sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_filesz), &size, sizeof(size));
}

/* What kernel_find() makes of the first len bytes. */
static int find(const struct file *f, size_t len, bool *linux_image)
{
	struct kernel_file k;
	char path[64];
	int fd = memfd_create("kernel", MFD_CLOEXEC), r;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, f->bytes, len), len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = kernel_find(path, &k);
	close(fd);
	*linux_image = k.linux_image;
	return r;
}

static void kernels(void **state)
{
	struct file f;
	bool is_linux;

	(void)state;
	begin(&f);
	put_note(&f, "Xen", 18);
	end(&f);
	assert_int_equal(find(&f, f.len, &is_linux), 0);
	assert_false(is_linux);
	/* A vmlinux has notes of its own, in front or behind. */
	begin(&f);
	put_note(&f, "Linux", 0x101);
	put_note(&f, "Xen", 18);
	put_note(&f, "GNU", 3);
	end(&f);
	assert_int_equal(find(&f, f.len, &is_linux), 0);
	assert_true(is_linux);
	begin(&f);
	put_note(&f, "Xen", 18);
	put_note(&f, "Linux", 0x100);
	end(&f);
	assert_int_equal(find(&f, f.len, &is_linux), 0);
	assert_true(is_linux);
	/* Without the entry it cannot be started. */
	begin(&f);
	put_note(&f, "Linux", 0x101);
	put_note(&f, "Xen", 17);
	end(&f);
	assert_int_equal(find(&f, f.len, &is_linux), -1);
	memset(f.bytes, 0, sizeof(f.bytes));
	memcpy(f.bytes + 0x202, "HdrS", 4);
	assert_int_equal(find(&f, 0x206, &is_linux), 0);
	assert_true(is_linux);
	assert_int_equal(find(&f, 0x205, &is_linux), -1);
}

static void cut_and_wrong(void **state)
{
	struct file good, f;
	bool is_linux;
	size_t i;

	(void)state;
	begin(&good);
	put_note(&good, "Linux", 0x101);
	put_note(&good, "Xen", 18);
	end(&good);
	for (i = 0; i < good.len; i++)
		assert_int_equal(find(&good, i, &is_linux), -1);
	/* Whatever one byte says: an answer, and nothing read that is not there. */
	for (i = 0; i < good.len * 8; i++) {
		f = good;
		f.bytes[i / 8] = (char)(f.bytes[i / 8] ^ 1 << i % 8);
		(void)find(&f, f.len, &is_linux);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(kernels), cmocka_unit_test(cut_and_wrong) };

	/* What is refused is complained of, thousands of times. */
	if (!freopen("/dev/null", "w", stderr))
		return 1;
	return cmocka_run_group_tests_name("host/kernel_file", tests, NULL, NULL);
}
