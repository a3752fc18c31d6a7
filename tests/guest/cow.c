/* Copy-on-write after fork: who sees which write, in memory of every kind. */
#include "check.h"
#include <pthread.h>

#define MB (1UL << 20)
static char *map(size_t n, int flags)
{
	char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	return p;
}
static void fill(char *p, size_t n, char v) { for (size_t i = 0; i < n; i += 4096) ((volatile char *)p)[i] = v; }
static int all(char *p, size_t n, char v)
{
	for (size_t i = 0; i < n; i += 4096)
		if (((volatile char *)p)[i] != v)
			return 0;
	return 1;
}

static void child_writes(void)
{
	char *p = map(4 * MB, MAP_PRIVATE);
	fill(p, 4 * MB, 1);
	CHECK(EXITED(IN_CHILD(CHECK(all(p, 4 * MB, 1)); fill(p, 4 * MB, 2); CHECK(all(p, 4 * MB, 2))), 0));
	CHECK(all(p, 4 * MB, 1));
}
static void parent_writes(void)
{
	char *p = map(4 * MB, MAP_PRIVATE);
	fill(p, 4 * MB, 1);
	pid_t c = fork();
	if (!c) {
		await_value(&SHARED[0], 1);
		CHECK(all(p, 4 * MB, 1));
		_exit(0);
	}
	fill(p, 4 * MB, 3);
	SHARED[0] = 1;
	CHECK(EXITED(reap(c), 0));
	CHECK(all(p, 4 * MB, 3));
}
static void shared_stays_shared(void)
{
	char *p = map(MB, MAP_SHARED);
	CHECK(EXITED(IN_CHILD(fill(p, MB, 7)), 0));
	CHECK(all(p, MB, 7));
}
static void untouched_memory_reads_zero_in_both(void)
{
	char *p = map(MB, MAP_PRIVATE);
	CHECK(EXITED(IN_CHILD(CHECK(all(p, MB, 0)); fill(p, MB, 1)), 0));
	CHECK(all(p, MB, 0));
}
static void grandchildren(void)
{
	char *p = map(MB, MAP_PRIVATE);
	fill(p, MB, 1);
	int st = IN_CHILD(
		fill(p, MB / 2, 2);
		CHECK(EXITED(IN_CHILD(CHECK(all(p, MB / 2, 2)); CHECK(all(p + MB / 2, MB / 2, 1)); fill(p, MB, 3)), 0));
		CHECK(all(p, MB / 2, 2) && all(p + MB / 2, MB / 2, 1)));
	CHECK(EXITED(st, 0));
	CHECK(all(p, MB, 1));
}
static void siblings(void)
{
	char *p = map(MB, MAP_PRIVATE);
	pid_t c[8];
	fill(p, MB, 9);
	for (int i = 0; i < 8; i++) {
		c[i] = fork();
		if (!c[i]) {
			CHECK(all(p, MB, 9));
			fill(p, MB, (char)i);
			sched_yield();
			CHECK(all(p, MB, (char)i));
			_exit(0);
		}
	}
	for (int i = 0; i < 8; i++)
		CHECK(EXITED(reap(c[i]), 0));
	CHECK(all(p, MB, 9));
}
static void sixty_four_megabytes(void)
{
	char *p = map(64 * MB, MAP_PRIVATE);
	fill(p, 64 * MB, 5);
	CHECK(EXITED(IN_CHILD(CHECK(all(p, 64 * MB, 5)); p[0] = 6; p[63 * MB] = 6; CHECK(p[4096] == 5)), 0));
	CHECK(all(p, 64 * MB, 5));
	for (int i = 0; i < 20; i++)
		CHECK(EXITED(IN_CHILD(p[i * MB] = 1), 0));
	CHECK(all(p, 64 * MB, 5));
}
static void unmap_in_one_side(void)
{
	char *p = map(4 * MB, MAP_PRIVATE);
	fill(p, 4 * MB, 4);
	CHECK(EXITED(IN_CHILD(CHECK(munmap(p + MB, 2 * MB) == 0); CHECK(p[0] == 4 && p[3 * MB] == 4)), 0));
	CHECK(all(p, 4 * MB, 4));
	pid_t c = fork();
	if (!c) {
		await_value(&SHARED[0], 1);
		CHECK(all(p, 4 * MB, 4));
		_exit(0);
	}
	CHECK(munmap(p, 4 * MB) == 0);
	SHARED[0] = 1;
	CHECK(EXITED(reap(c), 0));
}
static void protect_in_one_side(void)
{
	char *p = map(MB, MAP_PRIVATE);
	fill(p, MB, 4);
	CHECK(KILLED(IN_CHILD(CHECK(mprotect(p, MB, PROT_READ) == 0); p[0] = 1), SIGSEGV));
	p[0] = 5;
	CHECK(KILLED(IN_CHILD(CHECK(mprotect(p, MB, PROT_NONE) == 0); _exit(p[0])), SIGSEGV));
	CHECK(p[0] == 5);
	CHECK(mprotect(p, MB, PROT_READ) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(mprotect(p, MB, PROT_READ | PROT_WRITE) == 0); p[0] = 9), 0));
	CHECK(p[0] == 5);
}
static void map_over_in_one_side(void)
{
	char *p = map(MB, MAP_PRIVATE);
	fill(p, MB, 4);
	CHECK(EXITED(IN_CHILD(CHECK(mmap(p, MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p); CHECK(all(p, MB, 0))), 0));
	CHECK(all(p, MB, 4));
}
static void dontneed_in_one_side(void)
{
	char *p = map(MB, MAP_PRIVATE);
	fill(p, MB, 4);
	CHECK(EXITED(IN_CHILD(CHECK(madvise(p, MB, MADV_DONTNEED) == 0); CHECK(all(p, MB, 0))), 0));
	CHECK(all(p, MB, 4));
}
static void file_private(void)
{
	int fd = open("f", O_RDWR | O_CREAT, 0600);
	CHECK(ftruncate(fd, 8192) == 0 && pwrite(fd, "A", 1, 0) == 1);
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0), *s = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED && s != MAP_FAILED);
	p[4096] = 'p';
	CHECK(EXITED(IN_CHILD(p[0] = 'c'; s[1] = 's'; CHECK(p[4096] == 'p'); p[4096] = 'q'), 0));
	CHECK(p[0] == 'A' && s[0] == 'A' && s[1] == 's' && p[4096] == 'p' && s[4096] == 0);
	char c[2];
	CHECK(pread(fd, c, 2, 0) == 2 && c[0] == 'A' && c[1] == 's');
}
static void a_hole_leaves_private_copies_alone(void)
{
	int fd = open("f", O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0 && ftruncate(fd, 8192) == 0 && pwrite(fd, "AB", 2, 0) == 2 && pwrite(fd, "CD", 2, 4096) == 2);
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	p[0] = 'p';
	CHECK(p[4096] == 'C');
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 8192) < 0)
		check_skip("no holes in this file system");
	CHECK(p[0] == 'p' && p[1] == 'B' && p[4096] == 0);
	CHECK(ftruncate(fd, 0) == 0 && ftruncate(fd, 8192) == 0);
	CHECK(p[0] == 0 && p[1] == 0);
}
static void kernel_writes_too(void)
{
	/* read(2) into a page that is still shared must not be seen by the other side */
	char *p = map(MB, MAP_PRIVATE);
	int fds[2];
	fill(p, MB, 1);
	CHECK(pipe(fds) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(write(fds[1], "xyz", 3) == 3); CHECK(read(fds[0], p, 3) == 3 && p[0] == 'x')), 0));
	CHECK(p[0] == 1);
	CHECK(EXITED(IN_CHILD(CHECK(p[0] == 1)), 0));
	CHECK(write(fds[1], "xyz", 3) == 3 && read(fds[0], p + 4096, 3) == 3);
	CHECK(EXITED(IN_CHILD(CHECK(p[4096] == 'x')), 0));
}
static void writes_by_proc_mem_too(void)
{
	char *p = map(4096, MAP_PRIVATE);
	*p = 1;
	int fd = open("/proc/self/mem", O_RDWR);
	CHECK(fd >= 0);
	pid_t c = fork();
	if (!c) {
		await_value(&SHARED[0], 1);
		CHECK(*p == 1);
		_exit(0);
	}
	CHECK(pwrite(fd, "x", 1, (off_t)(intptr_t)p) == 1 && *p == 'x');
	SHARED[0] = 1;
	CHECK(EXITED(reap(c), 0));
	close(fd);
	CHECK(EXITED(IN_CHILD(fd = open("/proc/self/mem", O_RDWR); CHECK(pwrite(fd, "y", 1, (off_t)(intptr_t)p) == 1 && *p == 'y')), 0));
	CHECK(*p == 'x');
}
static void repeated_forks_see_the_latest(void)
{
	char *p = map(16 * MB, MAP_PRIVATE);
	for (int i = 0; i < 60; i++) {
		p[(size_t)i * 4096 * 7] = (char)(i + 1);
		CHECK(EXITED(IN_CHILD(for (int k = 0; k <= i; k++) CHECK(p[(size_t)k * 4096 * 7] == k + 1); p[(size_t)i * 4096 * 7] = 99), 0));
	}
}
static void *writer(void *arg)
{
	volatile long *w = arg;
	while (!SHARED[0])
		(*w)++;
	return NULL;
}
static void threads_write_while_forking(void)
{
	/* a write of another thread is never lost: the word only grows, in the parent; it stands still in each child */
	pthread_t t;
	volatile long *w = (void *)map(4096, MAP_PRIVATE);
	CHECK(pthread_create(&t, NULL, writer, (void *)w) == 0);
	long last = 0;
	for (int i = 0; i < 50; i++) {
		pid_t c = fork();
		if (!c) {
			long a = *w;
			for (int k = 0; k < 1000; k++)
				CHECK(*w == a);
			_exit(0);
		}
		CHECK(EXITED(reap(c), 0));
		CHECK(*w >= last);
		last = *w;
	}
	SHARED[0] = 1;
	pthread_join(t, NULL);
	CHECK(*w >= last);
}
static void stack_and_heap_after_the_parent_ended(void)
{
	int fds[2];
	CHECK(pipe(fds) == 0);
	char *p = map(MB, MAP_PRIVATE);
	fill(p, MB, 3);
	pid_t c = fork();
	if (!c) {
		pid_t mid = getpid();
		if (!fork()) {
			while (getppid() == mid)
				msleep(1);
			fill(p, MB, 4);
			CHECK(all(p, MB, 4));
			CHECK(write(fds[1], "k", 1) == 1);
			_exit(0);
		}
		_exit(0);
	}
	reap(c);
	char k;
	close(fds[1]);
	CHECK(read(fds[0], &k, 1) == 1);
	CHECK(all(p, MB, 3));
}

CASES(CASE(child_writes), CASE(parent_writes), CASE(shared_stays_shared), CASE(untouched_memory_reads_zero_in_both), CASE(grandchildren),
	CASE(siblings), CASE(sixty_four_megabytes), CASE(unmap_in_one_side), CASE(protect_in_one_side), CASE(map_over_in_one_side),
	CASE(dontneed_in_one_side), CASE(file_private), CASE(a_hole_leaves_private_copies_alone), CASE(kernel_writes_too), CASE(writes_by_proc_mem_too), CASE(repeated_forks_see_the_latest),
	CASE(threads_write_while_forking), CASE(stack_and_heap_after_the_parent_ended))
