/* /proc/PID/map_files: the files that are mapped, as links named by their addresses. PROCMAP_QUERY of maps: a mapping as numbers. */
#include "check.h"

#include <dirent.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>

#include "../../kernel/uapi/newer.h"

#define PAGE 4096UL

static char name[96];
static const char *link_of(pid_t pid, const void *at, size_t n)
{
	snprintf(name, sizeof(name), "/proc/%d/map_files/%lx-%lx", pid, (unsigned long)at, (unsigned long)at + n);
	return name;
}
/* Where it leads; "" with errno set. */
static const char *target(const char *path)
{
	static char buf[256];
	ssize_t n = readlink(path, buf, sizeof(buf) - 1);
	buf[n < 0 ? 0 : n] = 0;
	return buf;
}
/* Two pages of the file `path` in the middle of a hole, so that they join nothing. */
static char *map_file(const char *path, int open_flags, int prot, int flags)
{
	char *hole = mmap(NULL, 16 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open(path, open_flags);
	CHECK(hole != MAP_FAILED && fd >= 0);
	char *p = mmap(hole + 4 * PAGE, 2 * PAGE, prot, flags | MAP_FIXED, fd, 0);
	CHECK(p == hole + 4 * PAGE);
	close(fd);
	return p;
}
static void make_file(const char *path)
{
	static char page[2 * PAGE];
	memset(page, 'x', sizeof(page));
	write_file(path, page, sizeof(page), 0644);
}

static void names_and_targets(void)
{
	char full[256], want[300];
	struct stat st;
	make_file("f");
	char *p = map_file("f", O_RDONLY, PROT_READ, MAP_PRIVATE);
	CHECK(getcwd(full, sizeof(full)));
	snprintf(want, sizeof(want), "%s/f", full);
	CHECK(!strcmp(target(link_of(getpid(), p, 2 * PAGE)), want));
	CHECK(lstat(name, &st) == 0 && S_ISLNK(st.st_mode) && (st.st_mode & 0777) == 0400 && st.st_size == 64);
	char *w = map_file("f", O_RDWR, PROT_READ, MAP_SHARED);
	CHECK(lstat(link_of(getpid(), w, 2 * PAGE), &st) == 0 && (st.st_mode & 0777) == 0600);
	CHECK(stat("/proc/self/map_files", &st) == 0 && (st.st_mode & 07777) == 0500);
	/* only whole mappings have names */
	CHECK_ERR(readlink(link_of(getpid(), p, PAGE), full, 1), ENOENT);
	CHECK_ERR(readlink(link_of(getpid(), p + PAGE, PAGE), full, 1), ENOENT);
	CHECK(munmap(p + PAGE, PAGE) == 0 && !strcmp(target(link_of(getpid(), p, PAGE)), want));
	CHECK_ERR(readlink(link_of(getpid(), p, 2 * PAGE), full, 1), ENOENT);
	CHECK(munmap(p, PAGE) == 0);
	CHECK_ERR(readlink(link_of(getpid(), p, PAGE), full, 1), ENOENT);
	CHECK(unlink("f") == 0);
	strcat(want, " (deleted)");
	CHECK(!strcmp(target(link_of(getpid(), w, 2 * PAGE)), want));
}

static void names_are_exact(void)
{
	static const char *const forms[] = { "0%lx-%lx", "%lx-0%lx", "%lx-%lx ", " %lx-%lx", "%lx -%lx", "%lx- %lx", "0x%lx-%lx", "%lx-%lx-", "%lx%lx",
		"1000000000000000%lx-%lx", "%lx-1000000000000000%lx" };
	char buf[8];
	make_file("f");
	unsigned long a = (unsigned long)map_file("f", O_RDONLY, PROT_READ, MAP_PRIVATE);
	for (size_t i = 0; i < NELEM(forms); i++) {
		char form[64];
		snprintf(form, sizeof(form), "/proc/self/map_files/%s", forms[i]);
		snprintf(name, sizeof(name), form, a, a + 2 * PAGE);
		CHECK_ERR(readlink(name, buf, 1), ENOENT);
	}
	snprintf(name, sizeof(name), "/proc/self/map_files/%lX-%lx", a, a + 2 * PAGE);
	CHECK(readlink(name, buf, 1) == 1);
	CHECK_ERR(readlink("/proc/self/map_files/-", buf, 1), ENOENT);
	CHECK_ERR(open("/proc/self/map_files/x", O_RDWR | O_CREAT, 0600), ENOENT);
}

/* The list has what maps shows with a path, no more and no less. */
static void the_list(void)
{
	char line[512];
	unsigned long a, b, ino;
	int files = 0, listed = 0, n;
	make_file("f");
	map_file("f", O_RDONLY, PROT_READ, MAP_PRIVATE);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	struct dirent *e;
	DIR *d = opendir("/proc/self/map_files");
	CHECK(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		CHECK(e->d_type == DT_LNK);
		listed++;
	}
	closedir(d);
	FILE *f = fopen("/proc/self/maps", "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		n = 0;
		CHECK(sscanf(line, "%lx-%lx %*s %*s %*s %lu %n", &a, &b, &ino, &n) == 3);
		if (line[n] != '/')
			continue;
		files++;
		snprintf(name, sizeof(name), "/proc/self/map_files/%lx-%lx", a, b);
		line[strcspn(line, "\n")] = 0;
		CHECK(!strcmp(target(name), line + n));
	}
	fclose(f);
	CHECK(files >= 3 && files == listed);
}

/* Through the link a file can be opened that has no name any more. */
static void opening(void)
{
	char c = 0;
	if (getuid())
		check_skip("not privileged");
	make_file("f");
	char *p = map_file("f", O_RDWR, PROT_READ | PROT_WRITE, MAP_SHARED);
	CHECK(unlink("f") == 0);
	int fd = open(link_of(getpid(), p, 2 * PAGE), O_RDWR);
	CHECK(fd >= 0 && pread(fd, &c, 1, 5) == 1 && c == 'x');
	CHECK(pwrite(fd, "y", 1, 5) == 1 && p[5] == 'y');
	/* a capability, not the owner, may do this */
	CHECK(setresuid(65534, 65534, 65534) == 0);
	CHECK(strstr(target(name), "/f (deleted)"));
	CHECK_ERR(open(name, O_RDONLY), EPERM);
	struct stat st;
	CHECK(lstat(name, &st) == 0);
	CHECK_ERR(stat(name, &st), EPERM);
}

static void other_users(void)
{
	char buf[8];
	if (getuid())
		check_skip("not privileged");
	make_file("f");
	char *p = map_file("f", O_RDONLY, PROT_READ, MAP_PRIVATE);
	pid_t parent = getpid();
	CHECK(EXITED(IN_CHILD(CHECK(strstr(target(link_of(parent, p, 2 * PAGE)), "/f"));
						  CHECK(setresuid(65534, 65534, 65534) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0);
						  CHECK_ERR(readlink(link_of(parent, p, 2 * PAGE), buf, 1), EACCES);
						  snprintf(name, sizeof(name), "/proc/%d/map_files", parent); CHECK_ERR(open(name, O_RDONLY), EACCES)),
		0));
}

static void without_memory(void)
{
	pid_t pid = fork();
	if (!pid)
		_exit(0);
	await_state(pid, "Z");
	char buf[8];
	snprintf(name, sizeof(name), "/proc/%d/map_files", pid);
	DIR *d = opendir(name);
	struct dirent *e;
	while (d && (e = readdir(d)))
		CHECK(e->d_name[0] == '.');
	CHECK(readlink(link_of(pid, (void *)0x10000, PAGE), buf, 1) < 0 && (errno == ENOENT || errno == ESRCH)); /* newer Linux: ESRCH */
	if (d)
		closedir(d);
	/* threads have no such directory */
	CHECK_ERR(open("/proc/thread-self/map_files", O_RDONLY), ENOENT);
	reap(pid);
}

/* --- PROCMAP_QUERY ------------------------------------------------------------------------------------------------------------------------ */

static struct procmap_query query;
static char query_name[256];
static int maps_fd;
static int ask(unsigned long addr, unsigned flags)
{
	query = (struct procmap_query){ .size = sizeof(query),
		.query_addr = addr,
		.query_flags = flags,
		.vma_name_addr = (unsigned long)query_name,
		.vma_name_size = sizeof(query_name) };
	return ioctl(maps_fd, PROCMAP_QUERY, &query);
}
static void open_maps(void)
{
	maps_fd = open("/proc/self/maps", O_RDONLY);
	CHECK(maps_fd >= 0);
	if (ask(0, PROCMAP_QUERY_COVERING_OR_NEXT_VMA) < 0 && errno == ENOTTY)
		check_skip("PROCMAP_QUERY came with 6.11");
}

static void query_one(void)
{
	char full[256];
	struct stat st;
	open_maps();
	make_file("f");
	char *p = map_file("f", O_RDWR, PROT_READ, MAP_SHARED);
	unsigned long a = (unsigned long)p;
	CHECK(stat("f", &st) == 0 && getcwd(full, sizeof(full) - 8));
	strcat(full, "/f");
	CHECK(ask(a + 5000, 0) == 0);
	CHECK(query.vma_start == a && query.vma_end == a + 2 * PAGE && query.vma_page_size == PAGE && query.vma_offset == 0);
	CHECK(query.vma_flags == (PROCMAP_QUERY_VMA_READABLE | PROCMAP_QUERY_VMA_SHARED));
	CHECK(query.inode == st.st_ino && query.dev_major == major(st.st_dev) && query.dev_minor == minor(st.st_dev));
	CHECK(!strcmp(query_name, full) && query.vma_name_size == strlen(full) + 1 && query.query_addr == a + 5000);
	/* a half is a mapping with an offset */
	CHECK(munmap(p, PAGE) == 0);
	CHECK_ERR(ask(a, 0), ENOENT);
	CHECK(ask(a, PROCMAP_QUERY_COVERING_OR_NEXT_VMA) == 0 && query.vma_start == a + PAGE && query.vma_offset == PAGE);
	/* nameless, and no file */
	CHECK(ask(a - PAGE, 0) == 0 && query.vma_flags == 0 && query.inode == 0 && query.vma_offset == 0 && query.vma_name_size == 0);
	CHECK_ERR(ask(a - PAGE, PROCMAP_QUERY_FILE_BACKED_VMA), ENOENT);
	CHECK(ask(a - PAGE, PROCMAP_QUERY_FILE_BACKED_VMA | PROCMAP_QUERY_COVERING_OR_NEXT_VMA) == 0 && query.vma_start == a + PAGE);
	CHECK_ERR(ask(a + PAGE, PROCMAP_QUERY_VMA_WRITABLE), ENOENT);
	CHECK(ask(a + PAGE, PROCMAP_QUERY_VMA_WRITABLE | PROCMAP_QUERY_COVERING_OR_NEXT_VMA) == 0 && query.vma_start > a + PAGE &&
		  (query.vma_flags & PROCMAP_QUERY_VMA_WRITABLE));
	CHECK(ask((unsigned long)&st, 0) == 0 && !strcmp(query_name, "[stack]"));
}

static void query_errors(void)
{
	static char page[2 * PAGE];
	open_maps();
	unsigned long here = (unsigned long)page;
	CHECK_ERR(ask(here, 0x40), EINVAL);
	CHECK_ERR(ask(~0UL, PROCMAP_QUERY_COVERING_OR_NEXT_VMA), ENOENT);
	CHECK_ERR(ioctl(maps_fd, PROCMAP_QUERY, (void *)8), EFAULT);
	CHECK_ERR(ioctl(maps_fd, PROCMAP_QUERY + 1, &query), ENOTTY);
	query.size = 23;
	CHECK_ERR(ioctl(maps_fd, PROCMAP_QUERY, &query), EINVAL);
	query.size = PAGE + 1;
	CHECK_ERR(ioctl(maps_fd, PROCMAP_QUERY, &query), E2BIG);
	query = (struct procmap_query){ .size = sizeof(query), .query_addr = here, .vma_name_size = 5 };
	CHECK_ERR(ioctl(maps_fd, PROCMAP_QUERY, &query), EINVAL);
	query = (struct procmap_query){ .size = sizeof(query), .query_addr = here, .build_id_size = 5 };
	CHECK_ERR(ioctl(maps_fd, PROCMAP_QUERY, &query), EINVAL);
	query = (struct procmap_query){
		.size = sizeof(query), .query_addr = (unsigned long)&here, .vma_name_size = 1, .vma_name_addr = (unsigned long)query_name
	};
	CHECK_ERR(ioctl(maps_fd, PROCMAP_QUERY, &query), ENAMETOOLONG);
	query = (struct procmap_query){ .size = sizeof(query), .query_addr = (unsigned long)&here, .vma_name_size = 200, .vma_name_addr = 8 };
	CHECK_ERR(ioctl(maps_fd, PROCMAP_QUERY, &query), EFAULT);
	/* what a newer caller adds must be zero; an older one asks with less */
	struct procmap_query *q = (void *)page;
	*q = (struct procmap_query){ .size = 200, .query_addr = here };
	CHECK(ioctl(maps_fd, PROCMAP_QUERY, q) == 0 && q->vma_start <= here && q->vma_end > here);
	page[150] = 1;
	CHECK_ERR(ioctl(maps_fd, PROCMAP_QUERY, q), E2BIG);
	*q = (struct procmap_query){ .size = 24, .query_addr = here, .vma_start = 77 };
	CHECK(ioctl(maps_fd, PROCMAP_QUERY, q) == 0 && q->vma_start == 77);
}

static void query_build_id(void)
{
	/* An ELF file with a note of GNU's, type 3, of eight bytes. */
	struct {
		unsigned char ident[16];
		uint16_t type, machine;
		uint32_t version;
		uint64_t entry, phoff, shoff;
		uint32_t flags;
		uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
		uint32_t p_type, p_flags;
		uint64_t offset, vaddr, paddr, filesz, memsz, align;
		uint32_t namesz, descsz, ntype;
		char name[4], id[8];
	} elf = { "\177ELF\2\1\1", 3, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0, 4, 4, 120, 120, 120, 24, 24, 4, 4, 8, 3, "GNU", "buildid" };
	char id[32] = { 0 };
	open_maps();
	write_file("elf", &elf, sizeof(elf), 0644);
	int fd = open("elf", O_RDONLY);
	char *p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED && p[1] == 'E');
	query = (struct procmap_query){
		.size = sizeof(query), .query_addr = (unsigned long)p, .build_id_size = sizeof(id), .build_id_addr = (unsigned long)id
	};
	CHECK(ioctl(maps_fd, PROCMAP_QUERY, &query) == 0 && query.build_id_size == 8 && !strcmp(id, "buildid"));
	query.build_id_size = 7;
	CHECK_ERR(ioctl(maps_fd, PROCMAP_QUERY, &query), ENAMETOOLONG);
	char *q = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	query.query_addr = (unsigned long)q;
	query.build_id_size = 32;
	CHECK(ioctl(maps_fd, PROCMAP_QUERY, &query) == 0 && query.build_id_size == 0);
}

CASES(CASE(names_and_targets), CASE(names_are_exact), CASE(the_list), CASE(opening), CASE(other_users), CASE(without_memory), CASE(query_one),
	CASE(query_errors), CASE(query_build_id))
