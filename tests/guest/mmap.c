/* mmap, munmap, mprotect, mremap, msync, mincore, brk. */
#include "check.h"
#include <sys/resource.h>

#define PG 4096UL
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
static char *anon(size_t n) { char *p = mmap(NULL, n, RW, ANON, -1, 0); CHECK(p != MAP_FAILED); return p; }
static int file_of(const char *name, size_t n)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0);
	for (size_t i = 0; i < n; i += PG) {
		char b[PG];
		memset(b, (int)('a' + i / PG), PG);
		CHECK(write(fd, b, n - i < PG ? n - i : PG) > 0);
	}
	return fd;
}
/* Does touching p end in this signal? */
static int dies_reading(volatile char *p, int sig) { return KILLED(IN_CHILD(_exit(*p)), sig); }
static int dies_writing(volatile char *p, int sig) { return KILLED(IN_CHILD(*p = 1), sig); }

static void errors(void)
{
	int fd = file_of("f", PG), ro = open("f", O_RDONLY), wo = open("f", O_WRONLY);
	CHECK_ERR((long)mmap(NULL, 0, RW, ANON, -1, 0), EINVAL);
	CHECK_ERR((long)mmap(NULL, PG, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
	CHECK_ERR(syscall(SYS_mmap, 0, PG, RW, MAP_PRIVATE, fd, 1), EINVAL);
	CHECK_ERR((long)mmap(NULL, PG, RW, MAP_PRIVATE, 999, 0), EBADF);
	CHECK_ERR((long)mmap(NULL, PG, RW, MAP_SHARED, ro, 0), EACCES);
	CHECK_ERR((long)mmap(NULL, PG, PROT_READ, MAP_PRIVATE, wo, 0), EACCES);
	CHECK_ERR((long)mmap((void *)1, PG, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
	CHECK_ERR((long)mmap((void *)0x7fffffffe000, 4 * PG, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	CHECK_ERR((long)mmap(NULL, ~0UL - PG, RW, ANON, -1, 0), ENOMEM);
	int dir = open(".", O_RDONLY), fds[2];
	CHECK(pipe(fds) == 0);
	CHECK_ERR((long)mmap(NULL, PG, PROT_READ, MAP_PRIVATE, dir, 0), ENODEV);
	CHECK_ERR((long)mmap(NULL, PG, PROT_READ, MAP_PRIVATE, fds[0], 0), ENODEV);
	CHECK_ERR(munmap((void *)1, PG), EINVAL);
	CHECK_ERR(munmap((void *)PG, 0), EINVAL);
	CHECK(munmap((void *)(16 * PG), PG) == 0);
	CHECK_ERR(mprotect((void *)(16 * PG), PG, PROT_READ), ENOMEM);
	CHECK_ERR(syscall(SYS_mprotect, 1, PG, PROT_READ), EINVAL);
	char *p = mmap(NULL, PG, PROT_READ, MAP_SHARED, ro, 0);
	CHECK(p != MAP_FAILED);
	CHECK_ERR(mprotect(p, PG, RW), EACCES);
}
static void anonymous_is_zero(void)
{
	char *p = anon(16 * PG);
	for (size_t i = 0; i < 16 * PG; i++)
		CHECK(p[i] == 0);
}
static void protections(void)
{
	char *p = anon(PG);
	*p = 5;
	CHECK(mprotect(p, PG, PROT_READ) == 0 && *p == 5);
	CHECK(dies_writing(p, SIGSEGV));
	CHECK(mprotect(p, PG, PROT_NONE) == 0);
	CHECK(dies_reading(p, SIGSEGV));
	CHECK(mprotect(p, PG, RW) == 0);
	*p = 6;
	CHECK(munmap(p, PG) == 0);
	CHECK(dies_reading(p, SIGSEGV));
}
static void executing(void)
{
	char *p = anon(PG);
	p[0] = (char)0xc3;
	CHECK(KILLED(IN_CHILD(((void (*)(void))p)()), SIGSEGV));
	CHECK(mprotect(p, PG, PROT_READ | PROT_EXEC) == 0);
	((void (*)(void))p)();
}
static void partial_unmap_splits(void)
{
	char *p = anon(8 * PG);
	memset(p, 1, 8 * PG);
	CHECK(munmap(p + 2 * PG, PG) == 0);
	CHECK(p[2 * PG - 1] == 1 && p[3 * PG] == 1);
	CHECK(dies_reading(p + 2 * PG, SIGSEGV));
	CHECK(mprotect(p, 8 * PG, PROT_READ) == -1 && errno == ENOMEM);
	CHECK(mprotect(p + 4 * PG, 2 * PG, PROT_READ) == 0);
	p[3 * PG] = p[7 * PG] = 2;
	CHECK(dies_writing(p + 5 * PG, SIGSEGV));
}
static void fixed_and_hints(void)
{
	char *p = anon(4 * PG);
	memset(p, 1, 4 * PG);
	CHECK(mmap(p + PG, PG, RW, ANON | MAP_FIXED, -1, 0) == p + PG);
	CHECK(p[0] == 1 && p[PG] == 0 && p[2 * PG] == 1);
	CHECK_ERR((long)mmap(p, PG, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	munmap(p, 4 * PG);
	CHECK(mmap(p, PG, RW, ANON, -1, 0) == p); /* a free hint is taken */
	CHECK(mmap(p, PG, RW, ANON, -1, 0) != p);
	char *low = mmap(NULL, PG, RW, ANON | MAP_32BIT, -1, 0);
	CHECK(low != MAP_FAILED && (uintptr_t)low < 1UL << 32);
}
static void file_shared(void)
{
	int fd = file_of("f", 3 * PG);
	char *p = mmap(NULL, 3 * PG, RW, MAP_SHARED, fd, 0), c;
	CHECK(p != MAP_FAILED && p[0] == 'a' && p[PG] == 'b' && p[2 * PG] == 'c');
	p[PG] = 'X';
	CHECK(pread(fd, &c, 1, PG) == 1 && c == 'X');
	CHECK(pwrite(fd, "Y", 1, PG + 1) == 1 && p[PG + 1] == 'Y');
	close(fd);
	p[0] = 'Z';
	CHECK(msync(p, 3 * PG, MS_SYNC) == 0);
	fd = open("f", O_RDONLY);
	CHECK(read(fd, &c, 1) == 1 && c == 'Z');
}
static void file_private(void)
{
	int fd = file_of("f", 2 * PG);
	char *p = mmap(NULL, 2 * PG, RW, MAP_PRIVATE, fd, 0), c;
	p[0] = 'X';
	CHECK(pread(fd, &c, 1, 0) == 1 && c == 'a');
	CHECK(p[0] == 'X' && p[PG] == 'b');
	char *q = mmap(NULL, PG, PROT_READ, MAP_PRIVATE, fd, PG);
	CHECK(q[0] == 'b');
}
static void end_of_file(void)
{
	int fd = file_of("f", PG + 10);
	char *p = mmap(NULL, 4 * PG, RW, MAP_SHARED, fd, 0);
	CHECK(p[PG + 9] == 'b' && p[PG + 10] == 0 && p[2 * PG - 1] == 0);
	CHECK(dies_reading(p + 2 * PG, SIGBUS));
	CHECK(dies_writing(p + 3 * PG, SIGBUS));
	CHECK(ftruncate(fd, 4 * PG) == 0);
	CHECK(p[3 * PG] == 0);
	CHECK(ftruncate(fd, PG) == 0);
	CHECK(dies_reading(p + PG, SIGBUS));
}
static void remap_grows_and_moves(void)
{
	char *p = anon(2 * PG);
	memset(p, 7, 2 * PG);
	char *q = mremap(p, 2 * PG, 64 * PG, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && q[0] == 7 && q[2 * PG - 1] == 7 && q[2 * PG] == 0 && q[64 * PG - 1] == 0);
	CHECK(mremap(q, 64 * PG, PG, 0) == q && q[0] == 7);
	CHECK(dies_reading(q + PG, SIGSEGV));
	char *a = anon(8 * PG), *to = anon(8 * PG);
	a[0] = 1;
	CHECK(mremap(a, 8 * PG, 8 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to && to[0] == 1);
	CHECK(dies_reading(a, SIGSEGV));
	char *b = anon(3 * PG);
	munmap(b + PG, PG); /* b[0], hole, b[2] */
	CHECK_ERR((long)mremap(b, PG, 3 * PG, 0), ENOMEM);
	CHECK_ERR((long)mremap(b + 1, PG, PG, 0), EINVAL);
	CHECK_ERR((long)mremap(b, PG, 0, 0), EINVAL);
	CHECK_ERR((long)mremap(b + PG, PG, PG, 0), EFAULT);
	CHECK_ERR((long)mremap(b, PG, PG, 0x100), EINVAL);
	CHECK_ERR((long)mremap(b, PG, PG, MREMAP_FIXED, to), EINVAL);
}
static void remap_keeps_sharing_after_fork(void)
{
	char *p = anon(16 * PG);
	memset(p, 3, 16 * PG);
	pid_t c = fork();
	if (!c) {
		char *q = mremap(p, 16 * PG, 256 * PG, MREMAP_MAYMOVE);
		CHECK(q != MAP_FAILED && q[15 * PG] == 3);
		q[0] = 4;
		_exit(0);
	}
	CHECK(EXITED(reap(c), 0));
	CHECK(p[0] == 3 && p[15 * PG] == 3);
}
static void heap_with_brk(void)
{
	char *start = (char *)syscall(SYS_brk, 0);
	CHECK(start != NULL);
	CHECK((char *)syscall(SYS_brk, start + 10 * PG) == start + 10 * PG);
	start[0] = start[10 * PG - 1] = 5;
	CHECK((char *)syscall(SYS_brk, start + PG) == start + PG);
	CHECK(start[0] == 5);
	char *last = (char *)(((uintptr_t)start + PG + PG - 1) & ~(PG - 1));
	CHECK(dies_reading(last + PG, SIGSEGV));
	CHECK((char *)syscall(SYS_brk, start + 10 * PG) == start + 10 * PG);
	CHECK(start[9 * PG] == 0);
	CHECK((char *)syscall(SYS_brk, 16) == start + 10 * PG);
	struct rlimit r = { PG, PG };
	CHECK(EXITED(IN_CHILD(CHECK(setrlimit(RLIMIT_DATA, &r) == 0); CHECK((char *)syscall(SYS_brk, start + 900 * PG) == start + 10 * PG)), 0));
}
static void address_space_limit(void)
{
	struct rlimit r = { 64 << 20, 64 << 20 };
	int st = IN_CHILD(CHECK(setrlimit(RLIMIT_AS, &r) == 0); CHECK_ERR((long)mmap(NULL, 128 << 20, RW, ANON, -1, 0), ENOMEM);
		CHECK(mmap(NULL, 1 << 20, RW, ANON, -1, 0) != MAP_FAILED));
	CHECK(EXITED(st, 0));
}
static void residence(void)
{
	unsigned char v[8];
	char *p = anon(8 * PG);
	p[PG] = p[3 * PG] = 1;
	CHECK(mincore(p, 8 * PG, v) == 0);
	CHECK(!(v[0] & 1) && (v[1] & 1) && !(v[2] & 1) && (v[3] & 1) && !(v[7] & 1));
	CHECK_ERR(mincore(p + 1, PG, v), EINVAL);
	munmap(p + 4 * PG, PG);
	CHECK_ERR(mincore(p, 8 * PG, v), ENOMEM);
	CHECK_ERR(mincore(p, PG, (void *)8), EFAULT);
}
static void sync_errors(void)
{
	char *p = anon(PG);
	CHECK(msync(p, PG, MS_ASYNC) == 0 && msync(p, PG, MS_SYNC) == 0);
	CHECK_ERR(msync(p + 1, PG, MS_SYNC), EINVAL);
	CHECK_ERR(msync(p, PG, MS_SYNC | MS_ASYNC), EINVAL);
	CHECK_ERR(msync(p, PG, 0x100), EINVAL);
	munmap(p, PG);
	CHECK_ERR(msync(p, PG, MS_SYNC), ENOMEM);
}
static void many_mappings(void)
{
	char *p = anon(2000 * PG);
	for (int i = 0; i < 2000; i += 2)
		CHECK(mprotect(p + (size_t)i * PG, PG, PROT_READ) == 0);
	for (int i = 1; i < 2000; i += 2)
		p[(size_t)i * PG] = 1;
	CHECK(EXITED(IN_CHILD(for (int i = 1; i < 2000; i += 2) CHECK(p[(size_t)i * PG] == 1)), 0));
	CHECK(mprotect(p, 2000 * PG, RW) == 0);
	for (int i = 0; i < 2000; i++)
		p[(size_t)i * PG] = 2;
	CHECK(munmap(p, 2000 * PG) == 0);
}
static void noreserve_huge(void)
{
	char *p = mmap(NULL, 1UL << 40, RW, ANON | MAP_NORESERVE, -1, 0);
	CHECK(p != MAP_FAILED);
	p[0] = p[(1UL << 40) - 1] = p[1UL << 35] = 1;
	CHECK(EXITED(IN_CHILD(CHECK(p[1UL << 35] == 1); p[1UL << 36] = 3), 0));
	CHECK(p[1UL << 36] == 0);
	CHECK(munmap(p, 1UL << 40) == 0);
}
static void null_page_is_never_mapped(void)
{
	CHECK(KILLED(IN_CHILD(*(volatile char *)(uintptr_t)SHARED[3] = 1), SIGSEGV));
	char *p = mmap(NULL, PG, RW, ANON, -1, 0);
	CHECK(p > (char *)65535);
}

CASES(CASE(errors), CASE(anonymous_is_zero), CASE(protections), CASE(executing), CASE(partial_unmap_splits), CASE(fixed_and_hints), CASE(file_shared),
	CASE(file_private), CASE(end_of_file), CASE(remap_grows_and_moves), CASE(remap_keeps_sharing_after_fork), CASE(heap_with_brk),
	CASE(address_space_limit), CASE(residence), CASE(sync_errors), CASE(many_mappings), CASE(noreserve_huge), CASE(null_page_is_never_mapped))
