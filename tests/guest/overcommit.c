/*
 * Promised memory: what counts as it, what /proc/sys/vm/overcommit_memory refuses, and what the promise does to /proc/PID/maps. The settings are the
 * machine's, so only where `pando run` has started it.
 */
static int helper(int argc, char **argv);
#define HELPER(argc, argv) helper(argc, argv)
#include "check.h"
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/sysinfo.h>

#define MIB (1UL << 20)
#define PAGE 4096UL
#define VM "/proc/sys/vm/"

static int helper(int argc, char **argv) { return 21; }

static void only_in_a_machine(void)
{
	char exe[64] = "";
	if (readlink("/proc/1/exe", exe, sizeof(exe) - 1) < 0 || strcmp(exe, "/.pando/init"))
		check_skip("not in a machine of our own");
}
static int try_setting(const char *name, const char *value)
{
	char path[80];
	snprintf(path, sizeof(path), VM "%s", name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	ssize_t n = write(fd, value, strlen(value));
	int err = n < 0 ? errno : 0;
	close(fd);
	return err;
}
static void setting(const char *name, unsigned long value)
{
	char buf[32];
	snprintf(buf, sizeof(buf), "%lu\n", value);
	CHECK(try_setting(name, buf) == 0);
}
static unsigned long get(const char *name)
{
	char path[80], buf[64] = "";
	snprintf(path, sizeof(path), VM "%s", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && read(fd, buf, sizeof(buf) - 1) > 0);
	close(fd);
	return strtoul(buf, NULL, 10);
}
/* A line of /proc/meminfo, in pages. */
static unsigned long meminfo(const char *name)
{
	static char buf[8192];
	int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);
	CHECK(n > 0);
	buf[n] = 0;
	close(fd);
	char *p = strstr(buf, name);
	CHECK(p);
	return strtoul(p + strlen(name), NULL, 10) / 4;
}
static unsigned long committed(void) { return meminfo("Committed_AS:"); }
static unsigned long limit(void) { return meminfo("CommitLimit:"); }

/* The sum moves by n pages. Other tasks end and begin meanwhile (Linux also counts in batches), hence not to the page. */
static unsigned long before;
static void mark(void) { before = committed(); }
static int moved(long n)
{
	long d = (long)(committed() - before) - n;
	return d >= -1024 && d <= 1024;
}
static void *map(size_t len, int prot, int flags) { return mmap(NULL, len, prot, MAP_ANONYMOUS | flags, -1, 0); }

/* --- the sum ----------------------------------------------------------------------------------------------------------------------------- */

#define BIG (64 * MIB)
#define BIG_PAGES ((long)(BIG / PAGE))

static void what_counts(void)
{
	only_in_a_machine();
	mark();
	/* Private and writable. */
	char *p = map(BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	CHECK(p != MAP_FAILED && moved(BIG_PAGES));
	CHECK(munmap(p + BIG / 2, BIG / 2) == 0 && moved(BIG_PAGES / 2));
	/* What replaces it counts once. */
	CHECK(mmap(p, BIG / 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p && moved(BIG_PAGES / 2));
	CHECK(mmap(p, BIG / 2, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p && moved(0));
	CHECK(munmap(p, BIG / 2) == 0 && moved(0));
	/* Not what cannot be written, what is not to be reserved. */
	CHECK(map(BIG, PROT_READ, MAP_PRIVATE) != MAP_FAILED && moved(0));
	CHECK(map(BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE) != MAP_FAILED && moved(0));
	/* Shared memory as a whole, whoever may write to it. */
	p = map(BIG, PROT_NONE, MAP_SHARED);
	CHECK(p != MAP_FAILED && moved(BIG_PAGES));
	CHECK(munmap(p, BIG) == 0 && moved(0));
	p = map(BIG, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE);
	CHECK(p != MAP_FAILED && moved(0));
	memset(p, 1, BIG / 2);
	CHECK(moved(BIG_PAGES / 2));
	CHECK(munmap(p, BIG) == 0 && moved(0));
	/* The heap. */
	CHECK(sbrk((intptr_t)BIG) != (void *)-1 && moved(BIG_PAGES));
	CHECK(sbrk(-(intptr_t)BIG) != (void *)-1 && moved(0));
}

static void what_becomes_writable(void)
{
	only_in_a_machine();
	mark();
	char *p = map(BIG, PROT_NONE, MAP_PRIVATE);
	CHECK(p != MAP_FAILED && moved(0));
	CHECK(mprotect(p, BIG / 2, PROT_READ | PROT_WRITE) == 0 && moved(BIG_PAGES / 2));
	CHECK(mprotect(p, BIG / 2, PROT_READ | PROT_WRITE | PROT_EXEC) == 0 && moved(BIG_PAGES / 2));
	CHECK(mprotect(p, BIG / 2, PROT_READ | PROT_WRITE) == 0 && moved(BIG_PAGES / 2));
	/* Given back by what was never touched. */
	CHECK(mprotect(p, BIG / 4, PROT_READ) == 0 && moved(BIG_PAGES / 4));
	CHECK(mprotect(p, BIG / 4, PROT_READ | PROT_WRITE) == 0 && moved(BIG_PAGES / 2));
	p[0] = 1;
	/* One page is enough to keep it. */
	CHECK(mprotect(p, BIG / 2, PROT_NONE) == 0 && moved(BIG_PAGES / 2));
	CHECK(mprotect(p, BIG / 2, PROT_READ | PROT_WRITE) == 0 && moved(BIG_PAGES / 2));
	CHECK(munmap(p, BIG) == 0 && moved(0));
	/* Without reservation it stays without. */
	p = map(BIG, PROT_READ, MAP_PRIVATE | MAP_NORESERVE);
	CHECK(mprotect(p, BIG, PROT_READ | PROT_WRITE) == 0 && moved(0));
	CHECK(munmap(p, BIG) == 0);
	/* A file's private mapping keeps the promise, touched or not. */
	int fd = open("f", O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0 && ftruncate(fd, BIG) == 0);
	p = mmap(NULL, BIG, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED && moved(0));
	CHECK(mprotect(p, BIG, PROT_READ | PROT_WRITE) == 0 && moved(BIG_PAGES));
	CHECK(mprotect(p, BIG, PROT_READ) == 0 && moved(BIG_PAGES));
	CHECK(munmap(p, BIG) == 0 && moved(0));
	p = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED && moved(0));
}

static void what_moves(void)
{
	only_in_a_machine();
	mark();
	char *p = map(BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	p = mremap(p, BIG, BIG / 2, 0);
	CHECK(p != MAP_FAILED && moved(BIG_PAGES / 2));
	p = mremap(p, BIG / 2, 2 * BIG, MREMAP_MAYMOVE);
	CHECK(p != MAP_FAILED && moved(2 * BIG_PAGES));
	char *to = map(2 * BIG, PROT_NONE, MAP_PRIVATE);
	CHECK(mremap(p, 2 * BIG, BIG, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to && moved(BIG_PAGES));
	CHECK(munmap(to, 2 * BIG) == 0 && moved(0));
	/* Its pages gone, the old place is still promised. */
	p = map(BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	to = mremap(p, BIG, BIG, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	CHECK(to != MAP_FAILED && moved(2 * BIG_PAGES));
	CHECK(munmap(p, BIG) == 0 && munmap(to, BIG) == 0 && moved(0));
}

static void what_children_get(void)
{
	only_in_a_machine();
	char *p = map(BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	CHECK(p != MAP_FAILED);
	CHECK(map(BIG, PROT_READ | PROT_WRITE, MAP_SHARED) != MAP_FAILED);
	mark();
	int fd[2];
	char c;
	CHECK(pipe(fd) == 0);
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();
		if (!pid) {
			close(fd[1]);
			_exit(read(fd[0], &c, 1));
		}
		CHECK(moved((i + 1) * BIG_PAGES));
	}
	close(fd[1]);
	for (int i = 0; i < 3; i++)
		CHECK(wait(NULL) > 0);
	CHECK(moved(0));
	/* A vfork child promises nothing; one that leaves it out neither. */
	pid_t v = vfork();
	if (!v)
		_exit(moved(0) ? 0 : 1);
	CHECK(EXITED(reap(v), 0));
	CHECK(madvise(p, BIG, MADV_DONTFORK) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(moved(0))), 0));
	CHECK(madvise(p, BIG / 2, MADV_DOFORK) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(moved(BIG_PAGES / 2))), 0));
	CHECK(moved(0));
}

static void files_in_memory(void)
{
	only_in_a_machine();
	mark();
	int fd = (int)syscall(SYS_memfd_create, "m", 0);
	CHECK(fd >= 0 && ftruncate(fd, BIG) == 0 && moved(0));
	CHECK(fallocate(fd, 0, 0, BIG / 2) == 0 && moved(BIG_PAGES / 2));
	CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, BIG / 4) == 0 && moved(BIG_PAGES / 4));
	CHECK(ftruncate(fd, 0) == 0 && moved(0));
	CHECK(fallocate(fd, 0, 0, BIG) == 0 && moved(BIG_PAGES));
	close(fd);
	CHECK(moved(0));
	int id = shmget(IPC_PRIVATE, BIG, 0600);
	CHECK(id >= 0 && moved(BIG_PAGES));
	CHECK(shmctl(id, IPC_RMID, NULL) == 0 && moved(0));
	id = shmget(IPC_PRIVATE, BIG, 0600 | SHM_NORESERVE);
	CHECK(id >= 0 && moved(0));
	char *p = shmat(id, NULL, 0);
	CHECK(shmctl(id, IPC_RMID, NULL) == 0);
	memset(p, 1, BIG / 2);
	CHECK(moved(BIG_PAGES / 2));
	CHECK(shmdt(p) == 0 && moved(0));
}

/* --- refusals ---------------------------------------------------------------------------------------------------------------------------- */

static unsigned long all_bytes(void)
{
	struct sysinfo si;
	CHECK(sysinfo(&si) == 0);
	return si.totalram * si.mem_unit;
}

static void guessing_refuses_the_impossible(void)
{
	only_in_a_machine();
	unsigned long all = all_bytes();
	CHECK(get("overcommit_memory") == 0);
	CHECK_ERR((intptr_t)map(all + 64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE), ENOMEM);
	CHECK_ERR((intptr_t)map(all + 64 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED), ENOMEM);
	CHECK(map(all + 64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE) != MAP_FAILED);
	char *p = map(all + 64 * MIB, PROT_READ, MAP_PRIVATE);
	CHECK(p != MAP_FAILED);
	CHECK_ERR(mprotect(p, all + 64 * MIB, PROT_READ | PROT_WRITE), ENOMEM);
	CHECK(munmap(p, all + 64 * MIB) == 0);
	/* Each by itself may be had; together they are one that no child can be promised. */
	size_t half = (all / 2 + 32 * MIB) & ~(PAGE - 1);
	p = map(2 * half, PROT_NONE, MAP_PRIVATE);
	CHECK(mmap(p, half, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
	CHECK(EXITED(IN_CHILD(), 0));
	CHECK(mmap(p + half, half, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p + half);
	CHECK_ERR(fork(), ENOMEM);
	/* In two pieces again. */
	CHECK(mprotect(p + half, PAGE, PROT_READ) == 0);
	CHECK(EXITED(IN_CHILD(), 0));
}

static void always_refuses_nothing(void)
{
	only_in_a_machine();
	unsigned long all = all_bytes();
	setting("overcommit_memory", 1);
	char *p = map(16 * all, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	CHECK(p != MAP_FAILED);
	CHECK(map(4 * all, PROT_READ | PROT_WRITE, MAP_SHARED) != MAP_FAILED);
	CHECK(EXITED(IN_CHILD(), 0));
	setting("overcommit_memory", 0);
	/* What was had stays, but is not promised anew. */
	CHECK_ERR(fork(), ENOMEM);
	CHECK(munmap(p, 16 * all) == 0);
	CHECK(EXITED(IN_CHILD(), 0));
}

/* Mode 2 with room for so many pages besides what is promised already. */
static void strict(unsigned long room)
{
	setting("admin_reserve_kbytes", 0);
	setting("user_reserve_kbytes", 0);
	setting("overcommit_kbytes", (committed() + room) * 4);
	setting("overcommit_memory", 2);
}
static unsigned long old_admin, old_user;
static void keep_settings(void)
{
	only_in_a_machine();
	old_admin = get("admin_reserve_kbytes");
	old_user = get("user_reserve_kbytes");
}
static void relax(void)
{
	setting("overcommit_memory", 0);
	setting("overcommit_ratio", 50);
	setting("admin_reserve_kbytes", old_admin);
	setting("user_reserve_kbytes", old_user);
}

static void never_stays_below_the_limit(void)
{
	keep_settings();
	int f = open("f", O_RDWR | O_CREAT, 0600);
	CHECK(f >= 0 && ftruncate(f, 2 * BIG) == 0);
	strict((unsigned long)BIG_PAGES + 4096);
	char *p = map(BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	CHECK(p != MAP_FAILED);
	/* Each kind of promise. */
	CHECK_ERR((intptr_t)map(BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE), ENOMEM);
	CHECK_ERR((intptr_t)map(BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE), ENOMEM);
	CHECK_ERR((intptr_t)map(BIG, PROT_READ | PROT_WRITE, MAP_SHARED), ENOMEM);
	CHECK_ERR((intptr_t)map(BIG, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE), ENOMEM);
	CHECK_ERR((intptr_t)mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE, f, 0), ENOMEM);
	CHECK_ERR((intptr_t)sbrk((intptr_t)BIG), ENOMEM);
	CHECK_ERR(shmget(IPC_PRIVATE, BIG, 0600), ENOMEM);
	CHECK_ERR(shmget(IPC_PRIVATE, BIG, 0600 | SHM_NORESERVE), ENOMEM);
	CHECK_ERR((intptr_t)mremap(p, BIG, 2 * BIG, 0), ENOMEM);
	CHECK_ERR((intptr_t)mremap(p, BIG, 2 * BIG, MREMAP_MAYMOVE), ENOMEM);
	CHECK_ERR(fork(), ENOMEM);
	CHECK_ERR(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0), ENOMEM);
	CHECK_ERR(fallocate(f, 0, 0, BIG), ENOSPC);
	struct stat sb;
	CHECK(fstat(f, &sb) == 0 && sb.st_blocks == 0);
	char *q = map(BIG, PROT_READ, MAP_PRIVATE);
	CHECK(q != MAP_FAILED);
	CHECK_ERR(mprotect(q, BIG, PROT_READ | PROT_WRITE), ENOMEM);
	/* What needs none. */
	CHECK(mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0) != MAP_FAILED);
	CHECK(mmap(p, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
	CHECK(mremap(p, BIG, BIG, MREMAP_MAYMOVE | MREMAP_FIXED, q) == q);
	/* A refusal takes nothing away. */
	CHECK_ERR((intptr_t)mmap(q + BIG / 2, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), ENOMEM);
	memset(q, 1, BIG);
	/* vfork and threads need none; nor does fork when the child is to have nothing. */
	pid_t v = vfork();
	if (!v)
		_exit(0);
	CHECK(EXITED(reap(v), 0));
	CHECK(madvise(q, BIG, MADV_DONTFORK) == 0);
	CHECK(EXITED(IN_CHILD(), 0));
	CHECK(munmap(q, BIG) == 0);
	CHECK(map(BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE) != MAP_FAILED);
	relax();
}

/* The page that nobody may have any more is refused where it is touched. */
static void never_and_pages_of_files(void)
{
	keep_settings();
	int f = open("f", O_RDWR | O_CREAT, 0600);
	CHECK(f >= 0 && ftruncate(f, BIG) == 0);
	char *p = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
	char *buf = malloc(MIB);
	CHECK(p != MAP_FAILED && memset(buf, 1, MIB));
	strict(4096);
	pid_t pid = fork();
	if (!pid) {
		struct rlimit none = { 0, 0 };
		setrlimit(RLIMIT_CORE, &none);
		memset(p, 1, BIG);
		_exit(0);
	}
	CHECK(KILLED(reap(pid), SIGBUS));
	/* All that it got is the file's. */
	ssize_t n = 0;
	CHECK(lseek(f, 0, SEEK_END) == (off_t)BIG);
	for (int i = 0; i < 64 && n >= 0; i++)
		n = write(f, buf, MIB);
	CHECK(n < 0 && errno == ENOSPC);
	CHECK(ftruncate(f, 0) == 0 && lseek(f, 0, SEEK_SET) == 0 && write(f, buf, MIB) == (ssize_t)MIB);
	relax();
}

static void stacks_grow_within_it(void)
{
	keep_settings();
	struct rlimit r = { 256 * MIB, RLIM_INFINITY };
	CHECK(setrlimit(RLIMIT_STACK, &r) == 0 || errno == EPERM);
	strict(4096);
	pid_t pid = fork();
	if (!pid) {
		struct rlimit none = { 0, 0 };
		setrlimit(RLIMIT_CORE, &none);
		char *sp = __builtin_frame_address(0);
		for (size_t i = PAGE; i < 32 * MIB; i += PAGE)
			*(volatile char *)(sp - i) = 1;
		_exit(0);
	}
	CHECK(KILLED(reap(pid), SIGSEGV));
	relax();
	CHECK(EXITED(IN_CHILD({
		char *sp = __builtin_frame_address(0);
		for (size_t i = PAGE; i < 32 * MIB; i += PAGE)
			*(volatile char *)(sp - i) = 1;
	}),
		0));
}

static void without_privilege(int (*fn)(void), int want)
{
	CHECK(EXITED(IN_CHILD({
		CHECK(setresgid(1234, 1234, 1234) == 0 && setresuid(1234, 1234, 1234) == 0);
		CHECK(fn() == want);
	}),
		0));
}
static int big_fits(void)
{
	char *p = map(BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	if (p != MAP_FAILED)
		munmap(p, BIG);
	return p != MAP_FAILED;
}
/* Some is kept for who may repair things, and some (a part of what the asking process has already) for a user who wants to end it. */
static void reserves(void)
{
	keep_settings();
	strict((unsigned long)BIG_PAGES + 8192);
	CHECK(big_fits());
	without_privilege(big_fits, 1);
	setting("admin_reserve_kbytes", 64 * 1024);
	CHECK(big_fits());
	without_privilege(big_fits, 0);
	setting("admin_reserve_kbytes", 0);
	/* 4 GiB of address space: up to 128 MiB of it. */
	CHECK(map(4096 * MIB, PROT_NONE, MAP_PRIVATE) != MAP_FAILED);
	CHECK(big_fits());
	setting("user_reserve_kbytes", 64 * 1024);
	CHECK(!big_fits());
	setting("user_reserve_kbytes", 4 * 1024);
	CHECK(big_fits());
	relax();
}

static void the_settings(void)
{
	keep_settings();
	unsigned long all = all_bytes() / 1024;
	CHECK(get("overcommit_memory") == 0 && get("overcommit_ratio") == 50 && get("overcommit_kbytes") == 0);
	CHECK(old_admin > 0 && old_admin <= 8192 && old_user > 0 && old_user <= 131072 && old_admin <= all / 32 && old_user <= all / 32);
	unsigned long half = limit() * 4;
	CHECK(half >= all / 2 - 64 && half <= all / 2 + 64);
	setting("overcommit_ratio", 80);
	CHECK(limit() * 4 >= all * 8 / 10 - 64 && limit() * 4 <= all * 8 / 10 + 64);
	setting("overcommit_kbytes", 123456);
	CHECK(limit() * 4 == 123456 && get("overcommit_ratio") == 0 && get("overcommit_kbytes") == 123456);
	setting("overcommit_ratio", 50);
	CHECK(limit() * 4 == half && get("overcommit_kbytes") == 0);
	CHECK(try_setting("overcommit_memory", "3") == EINVAL && try_setting("overcommit_memory", "-1") == EINVAL);
	CHECK(try_setting("overcommit_memory", "x") == EINVAL);
	CHECK(get("overcommit_memory") == 0);
	for (unsigned long i = 0; i < 3; i++) {
		setting("overcommit_memory", i);
		CHECK(get("overcommit_memory") == i);
	}
	relax();
}

/* A program that cannot be had: before the point of no return ENOMEM or E2BIG, behind it death. */
static void programs_that_do_not_fit(void)
{
	keep_settings();
	char *argv[] = { "x", "--ok", NULL };
	strict(16384);
	CHECK(EXITED(IN_CHILD(execv("/proc/self/exe", argv)), 21));
	pid_t pid = fork();
	if (!pid) {
		struct rlimit none = { 0, 0 };
		setrlimit(RLIMIT_CORE, &none);
		/* Lowered below what is promised already: nothing more can be had. */
		setting("overcommit_kbytes", 4);
		execv("/proc/self/exe", argv);
		_exit(errno == ENOMEM || errno == E2BIG || errno == EAGAIN ? 22 : 1);
	}
	int st = reap(pid);
	relax();
	CHECK(EXITED(st, 22) || KILLED(st, SIGSEGV) || KILLED(st, SIGKILL));
}

/* --- RLIMIT_DATA ------------------------------------------------------------------------------------------------------------------------- */

static void the_limit_on_data(void)
{
	CHECK(EXITED(IN_CHILD({
		struct rlimit r = { 32 * MIB, 48 * MIB };
		CHECK(setrlimit(RLIMIT_DATA, &r) == 0);
		char *p = map(16 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE);
		CHECK(p != MAP_FAILED);
		CHECK_ERR((intptr_t)map(16 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE), ENOMEM);
		CHECK_ERR((intptr_t)map(16 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE), ENOMEM);
		CHECK_ERR((intptr_t)mremap(p, 16 * MIB, 32 * MIB, MREMAP_MAYMOVE), ENOMEM);
		CHECK_ERR((intptr_t)sbrk(16 * MIB), ENOMEM);
		CHECK(map(16 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED) != MAP_FAILED);
		CHECK(map(16 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_GROWSDOWN) != MAP_FAILED);
		char *q = map(64 * MIB, PROT_NONE, MAP_PRIVATE);
		CHECK(q != MAP_FAILED);
		CHECK_ERR(mprotect(q, 64 * MIB, PROT_READ | PROT_WRITE), ENOMEM);
		CHECK(mprotect(q, MIB, PROT_READ | PROT_WRITE) == 0 && mprotect(q, MIB, PROT_READ) == 0);
		/* What is writable already is no more. */
		CHECK(mprotect(p, 16 * MIB, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
		CHECK(mmap(p, 16 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
		/* 0: the hard limit. */
		r.rlim_cur = 0;
		CHECK(setrlimit(RLIMIT_DATA, &r) == 0);
		CHECK(map(16 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE) != MAP_FAILED);
		CHECK_ERR((intptr_t)map(32 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE), ENOMEM);
	}),
		0));
}

/* --- what maps shows --------------------------------------------------------------------------------------------------------------------- */

/* Lines of /proc/self/maps that lie within [start, end). */
static int lines(const void *start, const void *end)
{
	char line[512];
	int n = 0;
	FILE *f = fopen("/proc/self/maps", "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		unsigned long a, b;
		CHECK(sscanf(line, "%lx-%lx", &a, &b) == 2);
		n += a < (uintptr_t)end && b > (uintptr_t)start;
	}
	fclose(f);
	return n;
}
static void promises_in_maps(void)
{
	int f = open("f", O_RDWR | O_CREAT, 0600);
	char *p = map(8 * PAGE, PROT_NONE, MAP_PRIVATE), *end = p + 8 * PAGE;
	CHECK(f >= 0 && ftruncate(f, 8 * PAGE) == 0 && p != MAP_FAILED);
	/* As the run-time linker's: a writable part that becomes read-only again is no part of its read-only neighbour. */
	CHECK(mmap(p, 8 * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, f, 0) == p && lines(p, end) == 1);
	CHECK(mmap(p + 4 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, f, 4 * PAGE) == p + 4 * PAGE && lines(p, end) == 2);
	CHECK(mprotect(p + 4 * PAGE, 2 * PAGE, PROT_READ) == 0 && lines(p, end) == 3);
	CHECK(mprotect(p, 4 * PAGE, PROT_READ | PROT_WRITE) == 0 && lines(p, end) == 3);
	CHECK(mprotect(p, 4 * PAGE, PROT_READ) == 0 && lines(p, end) == 2);
	CHECK(mprotect(p + 6 * PAGE, 2 * PAGE, PROT_READ) == 0 && lines(p, end) == 1);
	/* Anonymous memory that nobody touched comes back together. */
	CHECK(mmap(p, 8 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p && lines(p, end) == 1);
	CHECK(mprotect(p + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE) == 0 && lines(p, end) == 3);
	CHECK(mprotect(p + 2 * PAGE, 2 * PAGE, PROT_READ) == 0 && lines(p, end) == 1);
	/* Touched it does not. */
	CHECK(mprotect(p + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE) == 0);
	p[2 * PAGE] = 1;
	CHECK(mprotect(p + 2 * PAGE, 2 * PAGE, PROT_READ) == 0 && lines(p, end) == 3);
	/* Reserved and not reserved are two things. */
	CHECK(mmap(p, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
	CHECK(mmap(p + 4 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == p + 4 * PAGE);
	CHECK(lines(p, end) == 2);
	CHECK(mmap(p + 4 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p + 4 * PAGE);
	CHECK(lines(p, end) == 1);
}

CASES(CASE(what_counts), CASE(what_becomes_writable), CASE(what_moves), CASE(what_children_get), CASE(files_in_memory),
	CASE(guessing_refuses_the_impossible), CASE(always_refuses_nothing), CASE(never_stays_below_the_limit), CASE(never_and_pages_of_files),
	CASE(stacks_grow_within_it), CASE(reserves), CASE(the_settings), CASE(programs_that_do_not_fit), CASE(the_limit_on_data), CASE(promises_in_maps))
