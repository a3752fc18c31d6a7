/* Kernel files; see kernel_file.h. */
#include "kernel_file.h"

#include "complain.h"
#include "files.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMPANION "pando.elf"
#define PVH_NOTE 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
#define MAX_NOTES 65536u
#define BZIMAGE_MAGIC_AT 0x202

/* What the notes of an ELF file say. */
struct notes {
	bool pvh;      /* it can be entered as Xen's PVH guests are */
	bool is_linux; /* it is a Linux kernel */
};

static void read_notes(const char *data, size_t len, struct notes *found)
{
	size_t at = 0;

	while (len - at >= sizeof(Elf64_Nhdr)) { /* the same for both classes */
		Elf64_Nhdr n;

		memcpy(&n, data + at, sizeof(n));
		at += sizeof(n);
		if (n.n_namesz > len - at || n.n_namesz < 1)
			return;
		found->pvh |= n.n_type == PVH_NOTE && n.n_namesz == sizeof("Xen") && memcmp(data + at, "Xen", sizeof("Xen")) == 0;
		found->is_linux |= n.n_namesz == sizeof("Linux") && memcmp(data + at, "Linux", sizeof("Linux")) == 0;
		at += (n.n_namesz + 3) & ~3u;
		if (at > len || n.n_descsz > len - at)
			return;
		at += (n.n_descsz + 3) & ~3u;
		if (at > len)
			return;
	}
}

static void read_segment_notes(int fd, uint64_t off, uint64_t size, struct notes *found)
{
	char *data;

	if (size > MAX_NOTES || !(data = malloc(size + 1)))
		return;
	if (pread_all(fd, data, size, (off_t)off) == 0)
		read_notes(data, size, found);
	free(data);
}

static void elf64_notes(int fd, struct notes *found)
{
	Elf64_Ehdr e;
	Elf64_Phdr p;
	unsigned i;

	if (pread_all(fd, &e, sizeof(e), 0) != 0 || e.e_machine != EM_X86_64 || e.e_phentsize != sizeof(p))
		return;
	for (i = 0; i < e.e_phnum; i++)
		if (pread_all(fd, &p, sizeof(p), (off_t)(e.e_phoff + i * sizeof(p))) == 0 && p.p_type == PT_NOTE)
			read_segment_notes(fd, p.p_offset, p.p_filesz, found);
}

/* QEMU enters a kernel of either class in 32-bit mode; multiboot loaders want their 64-bit kernels as 32-bit files. */
static void elf32_notes(int fd, struct notes *found)
{
	Elf32_Ehdr e;
	Elf32_Phdr p;
	unsigned i;

	if (pread_all(fd, &e, sizeof(e), 0) != 0 || e.e_machine != EM_386 || e.e_phentsize != sizeof(p))
		return;
	for (i = 0; i < e.e_phnum; i++)
		if (pread_all(fd, &p, sizeof(p), (off_t)(e.e_phoff + i * sizeof(p))) == 0 && p.p_type == PT_NOTE)
			read_segment_notes(fd, p.p_offset, p.p_filesz, found);
}

/* Tells what the open file is. Returns 0 or -1 after a complaint. */
static int classify(int fd, struct kernel_file *k)
{
	unsigned char id[EI_NIDENT];
	char magic[4];
	struct stat st;

	if (fstat(fd, &st) != 0)
		return complain("kernel %s: %s", k->path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return complain("kernel %s: %s", k->path, S_ISDIR(st.st_mode) ? "a folder, not a kernel" : "not a regular file");
	if (pread_all(fd, id, sizeof(id), 0) == 0 && memcmp(id, ELFMAG, SELFMAG) == 0) {
		struct notes found = { false, false };

		(id[EI_CLASS] == ELFCLASS64 ? elf64_notes : elf32_notes)(fd, &found);
		k->linux_image = found.is_linux;
		if (found.pvh)
			return 0;
		return complain("kernel %s: an ELF file, but not an x86 kernel with a PVH entry", k->path);
	}
	if (pread_all(fd, magic, sizeof(magic), BZIMAGE_MAGIC_AT) == 0 && memcmp(magic, "HdrS", 4) == 0) {
		k->linux_image = true;
		return 0;
	}
	return complain("kernel %s: not a kernel (an ELF file with a PVH entry, or a Linux bzImage)", k->path);
}

int kernel_find(const char *wanted, struct kernel_file *k)
{
	const char *env = getenv("PANDO_KERNEL");
	int fd, r;

	k->linux_image = false;
	if (!wanted && env && *env)
		wanted = env;
	if (wanted && (size_t)snprintf(k->path, sizeof(k->path), "%s", wanted) >= sizeof(k->path))
		return complain("kernel: %s", strerror(ENAMETOOLONG));
	if (!wanted && find_companion(COMPANION, k->path, sizeof(k->path)) != 0)
		return complain("the kernel %s is missing: it should be beside the command or in %s; or name one with --kernel", COMPANION,
				PANDO_DATADIR);
	fd = open(k->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return complain("kernel %s: %s", k->path, strerror(errno));
	r = classify(fd, k);
	close(fd);
	return r;
}
