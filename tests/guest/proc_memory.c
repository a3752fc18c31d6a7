/* /proc/PID/smaps, smaps_rollup, pagemap, auxv, wchan, children: what they say about a process whose memory we know. */
#include "check.h"
#include <elf.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

#define PAGE 4096UL
#define PRESENT (1UL << 63)
#define EXCLUSIVE (1UL << 56)
#define FILE_PAGE (1UL << 61)

static char *read_all(const char *path, size_t *size)
{
	static char buf[1 << 18];
	size_t n = read_text(path, buf, sizeof(buf));
	if (size)
		*size = n;
	return buf;
}
/* A field of the mapping that begins at addr, in kB; -1 when there is none. */
static long field(const char *file, const void *addr, const char *name)
{
	char start[32], *p = read_all(file, NULL), *end;
	if (addr) {
		snprintf(start, sizeof(start), "%08lx-", (unsigned long)addr);
		for (p = strstr(p, start); p && p != strstr(p, start); p = strstr(p + 1, start))
			;
		if (!p)
			return -1;
	}
	end = addr ? strstr(p, "VmFlags") : NULL;
	if (end)
		*end = 0;
	size_t len = strlen(name);
	for (; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (!strncmp(p, name, len) && p[len] == ':')
			return strtol(p + len + 1, NULL, 10);
	return -1;
}
static char *map(size_t n, int flags)
{
	char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	/* Neighbours that join would change the line's address. */
	CHECK(madvise(p, n, MADV_NOHUGEPAGE) == 0 || errno == EINVAL);
	CHECK(mprotect(p + n - PAGE, PAGE, PROT_NONE) == 0);
	return p;
}
static unsigned long entry(const void *p)
{
	unsigned long e;
	int fd = open("/proc/self/pagemap", O_RDONLY);
	CHECK(fd >= 0 && pread(fd, &e, 8, (off_t)((unsigned long)p / PAGE * 8)) == 8);
	close(fd);
	return e;
}

static void smaps_counts(void)
{
	char *p = map(11 * PAGE, MAP_PRIVATE);
	memset(p, 1, 4 * PAGE);
	CHECK(field("/proc/self/smaps", p, "Size") == 40);
	CHECK(field("/proc/self/smaps", p, "Rss") == 16 && field("/proc/self/smaps", p, "Pss") == 16);
	CHECK(field("/proc/self/smaps", p, "Private_Dirty") == 16 && field("/proc/self/smaps", p, "Shared_Dirty") == 0);
	CHECK(field("/proc/self/smaps", p, "Anonymous") == 16 && field("/proc/self/smaps", p, "KernelPageSize") == 4);
	CHECK(field("/proc/self/smaps", p, "Swap") == 0 && field("/proc/self/smaps", p, "Locked") == 0);
}

static void smaps_after_fork(void)
{
	char *p = map(11 * PAGE, MAP_PRIVATE);
	memset(p, 1, 8 * PAGE);
	pid_t pid = fork();
	if (!pid) {
		p[0] = 2; /* its own now */
		SHARED[0] = 1;
		pause();
		_exit(0);
	}
	await_value(&SHARED[0], 1);
	char path[40];
	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	CHECK(field(path, p, "Rss") == 32 && field(path, p, "Pss") == 4 + 14);
	CHECK(field(path, p, "Shared_Dirty") == 28 && field(path, p, "Private_Dirty") == 4);
	kill(pid, SIGKILL);
	reap(pid);
	CHECK(field("/proc/self/smaps", p, "Pss") == 32 && field("/proc/self/smaps", p, "Private_Dirty") == 32);
}

static void rollup_sums_up(void)
{
	size_t n = 400;
	char *p = map(n * PAGE, MAP_PRIVATE);
	long before = field("/proc/self/smaps_rollup", NULL, "Rss"), anon = field("/proc/self/smaps_rollup", NULL, "Pss_Anon");
	memset(p, 1, (n - 1) * PAGE);
	long after = field("/proc/self/smaps_rollup", NULL, "Rss");
	CHECK(before > 0 && anon > 0 && after - before >= 399 * 4 && after - before < 600 * 4);
	CHECK(strstr(read_all("/proc/self/smaps_rollup", NULL), "[rollup]\n"));
	CHECK(field("/proc/self/smaps_rollup", NULL, "Pss_File") >= 0 && field("/proc/self/smaps_rollup", NULL, "Pss_Shmem") >= 0);
}

static void pagemap_words(void)
{
	char *p = map(5 * PAGE, MAP_PRIVATE), *s = map(5 * PAGE, MAP_SHARED);
	p[0] = 1;
	s[0] = 1;
	CHECK((entry(p) & (PRESENT | EXCLUSIVE | FILE_PAGE)) == (PRESENT | EXCLUSIVE));
	CHECK(!(entry(p + PAGE) & PRESENT));
	CHECK((entry(s) & (PRESENT | FILE_PAGE)) == (PRESENT | FILE_PAGE));
	CHECK(entry((void *)PAGE) == 0);
	if (!geteuid())
		CHECK(entry(p) & ((1UL << 55) - 1));
	pid_t pid = fork();
	if (!pid) {
		CHECK((entry(p) & (PRESENT | EXCLUSIVE)) == PRESENT);
		p[0] = 2;
		CHECK((entry(p) & (PRESENT | EXCLUSIVE)) == (PRESENT | EXCLUSIVE));
		/* Without the capability the frame is hidden. */
		CHECK(setresuid(1000, 1000, 1000) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0);
		CHECK((entry(p) & (PRESENT | ((1UL << 55) - 1))) == PRESENT);
		_exit(0);
	}
	CHECK(EXITED(reap(pid), 0));
	unsigned long w[2];
	int fd = open("/proc/self/pagemap", O_RDONLY);
	CHECK_ERR(pread(fd, w, 7, 0), EINVAL);
	CHECK_ERR(pread(fd, w, 8, 4), EINVAL);
	CHECK(pread(fd, w, 16, (off_t)((unsigned long)p / PAGE * 8)) == 16 && (w[0] & PRESENT) && !(w[1] & PRESENT));
}

static void auxv_is_the_vector(void)
{
	size_t n;
	Elf64_auxv_t *a = (void *)read_all("/proc/self/auxv", &n);
	CHECK(n % sizeof(*a) == 0 && n >= 10 * sizeof(*a));
	for (; a->a_type; a++)
		if (a->a_type != AT_HWCAP) /* glibc has a use of its own for it */
			CHECK(getauxval(a->a_type) == a->a_un.a_val);
}

static void children_by_thread(void)
{
	char want[32], path[64];
	pid_t pid = fork();
	if (!pid)
		for (;;)
			pause();
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	snprintf(want, sizeof(want), "%d ", pid);
	CHECK(!strcmp(read_all(path, NULL), want));
	kill(pid, SIGKILL);
	reap(pid);
	CHECK(!*read_all(path, NULL));
}

static void wchan_of_a_sleeper(void)
{
	char path[40];
	CHECK(!strcmp(read_all("/proc/self/wchan", NULL), "0"));
	pid_t pid = fork();
	if (!pid)
		for (;;)
			pause();
	await_state(pid, "S");
	snprintf(path, sizeof(path), "/proc/%d/wchan", pid);
	const char *s = read_all(path, NULL);
	CHECK(strstr(s, "pause"));
	kill(pid, SIGKILL);
	reap(pid);
}

/* What is free or in the page cache is part of what there is: also the pages of the first root's files. */
static void meminfo_adds_up(void)
{
	static const char *const names[] = { "MemTotal:", "MemFree:", "Buffers:", "Cached:" };
	long kib[4];
	const char *s = read_all("/proc/meminfo", NULL);
	for (int i = 0; i < 4; i++) {
		const char *at = strstr(s, names[i]);
		CHECK(at);
		kib[i] = atol(at + strlen(names[i]));
	}
	CHECK(kib[0] >= kib[1] + kib[2] + kib[3]);
}

CASES(CASE(smaps_counts), CASE(smaps_after_fork), CASE(rollup_sums_up), CASE(pagemap_words), CASE(auxv_is_the_vector), CASE(children_by_thread),
	CASE(wchan_of_a_sleeper), CASE(meminfo_adds_up))
