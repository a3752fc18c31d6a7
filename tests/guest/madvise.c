/* madvise: DONTNEED, and what decides about fork. */
#include "check.h"
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#define MADV_KEEPONFORK 19
#endif
#define PG 4096UL
static char *anon(size_t n, int flags)
{
	char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	memset(p, 1, n);
	return p;
}
static void dontneed_zeroes(void)
{
	char *p = anon(4 * PG, MAP_PRIVATE);
	CHECK(madvise(p + PG, 2 * PG, MADV_DONTNEED) == 0);
	CHECK(p[0] == 1 && p[PG] == 0 && p[3 * PG - 1] == 0 && p[3 * PG] == 1);
	char *s = anon(PG, MAP_SHARED);
	CHECK(madvise(s, PG, MADV_DONTNEED) == 0 && s[0] == 1);
	int fd = open("f", O_RDWR | O_CREAT, 0600);
	CHECK(write(fd, "file", 4) == 4);
	char *f = mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	f[0] = 'X';
	CHECK(madvise(f, PG, MADV_DONTNEED) == 0 && f[0] == 'f');
}
static void dontfork_and_dofork(void)
{
	char *p = anon(4 * PG, MAP_PRIVATE);
	CHECK(madvise(p + PG, PG, MADV_DONTFORK) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(p[0] == 1 && p[2 * PG] == 1)), 0));
	CHECK(KILLED(IN_CHILD(_exit(((volatile char *)p)[PG])), SIGSEGV));
	CHECK(p[PG] == 1);
	CHECK(madvise(p, 4 * PG, MADV_DOFORK) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(p[PG] == 1)), 0));
}
static void wipeonfork_and_keeponfork(void)
{
	char *p = anon(4 * PG, MAP_PRIVATE);
	CHECK(madvise(p + PG, PG, MADV_WIPEONFORK) == 0);
	int st = IN_CHILD(CHECK(p[0] == 1 && p[PG] == 0 && p[2 * PG - 1] == 0 && p[2 * PG] == 1); p[PG] = 5;
		CHECK(EXITED(IN_CHILD(CHECK(p[PG] == 0)), 0)); CHECK(p[PG] == 5));
	CHECK(EXITED(st, 0));
	CHECK(p[PG] == 1);
	CHECK(madvise(p + PG, PG, MADV_KEEPONFORK) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(p[PG] == 1)), 0));
	char *s = anon(PG, MAP_SHARED);
	CHECK_ERR(madvise(s, PG, MADV_WIPEONFORK), EINVAL);
}
static void big_dontfork(void)
{
	char *p = anon(16 << 20, MAP_PRIVATE);
	CHECK(madvise(p + (4 << 20), 8 << 20, MADV_DONTFORK) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(p[0] == 1 && p[15 << 20] == 1); CHECK(mmap(p + (5 << 20), PG, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == p + (5 << 20))), 0));
	CHECK(p[5 << 20] == 1);
}
static void errors(void)
{
	char *p = anon(4 * PG, MAP_PRIVATE);
	CHECK_ERR(madvise(p + 1, PG, MADV_DONTNEED), EINVAL);
	CHECK_ERR(madvise(p, PG, 9999), EINVAL);
	CHECK(madvise(p, 0, MADV_DONTNEED) == 0);
	munmap(p + PG, PG);
	CHECK_ERR(madvise(p, 4 * PG, MADV_DONTNEED), ENOMEM);
	CHECK(p[2 * PG] == 0); /* what is mapped was done all the same */
}
CASES(CASE(dontneed_zeroes), CASE(dontfork_and_dofork), CASE(wipeonfork_and_keeponfork), CASE(big_dontfork), CASE(errors))
