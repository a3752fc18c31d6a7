/*
 * A large process forks: bigfork MEGABYTES FORKS. All memory is touched; each child writes a few pages, checks that it sees its own writes and the
 * parent's old bytes elsewhere. Children of the second half all live at once. Free memory may only drop by what is written (plus tables and tasks).
 */
#define OWN_MAIN
#include "stress.h"

#define WRITES 16
static volatile unsigned long *mem;
static unsigned long pages;

static unsigned long mem_free(void)
{
	char buf[2048];
	int fd = open("/proc/meminfo", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	CHECK(n > 0);
	close(fd);
	buf[n] = 0;
	char *p = strstr(buf, "MemFree:");
	CHECK(p);
	return strtoul(p + 8, NULL, 10) / 4;
}
static volatile unsigned long *word(unsigned long page) { return mem + page * (PAGE / sizeof(long)); }

static void child(unsigned long id)
{
	struct rng r = rng_for(id);
	unsigned long at[WRITES];
	for (int i = 0; i < WRITES; i++) {
		at[i] = below(&r, pages);
		*word(at[i]) = ~id;
	}
	for (int i = 0; i < 2000; i++) {
		unsigned long p = below(&r, pages);
		CHECK(*word(p) == p || *word(p) == ~id);
	}
	for (int i = 0; i < WRITES; i++)
		CHECK(*word(at[i]) == ~id);
}

int main(int argc, char **argv)
{
	stress_name = "bigfork";
	pages = (argc > 1 ? strtoul(argv[1], NULL, 0) : 64) * MB / PAGE;
	unsigned long forks = argc > 2 ? strtoul(argv[2], NULL, 0) : 100;
	mem = map_at(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	for (unsigned long p = 0; p < pages; p++)
		*word(p) = p;
	/* one child at a time */
	unsigned long before = mem_free();
	for (unsigned long k = 0; k < forks; k++) {
		pid_t c = fork_ok();
		if (!c) {
			child(k);
			_exit(0);
		}
		*word(k % pages) = k % pages; /* the parent breaks a page, too */
		reap_ok(c);
	}
	unsigned long after = mem_free();
	if (after + 64 + forks < before)
		complain("free memory fell from %lu to %lu pages", before, after);
	/* all at once: each keeps what it wrote, its tables on those paths, and itself */
	int gate[2], ready[2];
	pid_t *c = calloc(forks, sizeof(*c));
	CHECK(c && pipe(gate) == 0 && pipe(ready) == 0);
	for (unsigned long k = 0; k < forks; k++) {
		c[k] = fork_ok();
		if (c[k])
			continue;
		char b;
		close(gate[1]);
		child(k);
		CHECK(write(ready[1], "r", 1) == 1);
		_exit(read(gate[0], &b, 1) == 0 ? 0 : BAD);
	}
	for (unsigned long k = 0; k < forks; k++) {
		char b;
		CHECK(read(ready[0], &b, 1) == 1);
	}
	unsigned long during = mem_free(), per = (before - during) / forks;
	/* 16 pages written on at most 16 leaf tables, stack and data pages with their tables, kernel stack and structs */
	if (before > during && per > 2 * WRITES + 48)
		complain("each child costs %lu pages", per);
	close(gate[1]);
	for (unsigned long k = 0; k < forks; k++)
		reap_ok(c[k]);
	for (unsigned long p = 0; p < pages; p++)
		CHECK(*word(p) == p);
	printf("free pages: %lu before, %lu after one by one, %lu with all alive (%lu each)\n", before, after, during, per);
	return 0;
}
