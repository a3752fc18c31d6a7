/* Rows about faults and mappings. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rows.h"

#define AREA (4UL << 20)
#define FAULTS 900

static char *area;
static size_t at;

static void area_up(void)
{
	area = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED)
		die("mmap");
	madvise(area, AREA, MADV_NOHUGEPAGE);
	at = 0;
}
static void area_down(void) { munmap(area, AREA); }

static void write_fault(void)
{
	area[at] = 1;
	at += 4096;
}

static void read_fault(void)
{
	(void)*(volatile char *)&area[at];
	at += 4096;
}

/* A child writes to what it inherited. */
static void cow_faults(void)
{
	area = touched(AREA, false);
	at = 0;
	pid_t pid = fork();
	if (!pid) {
		measure(write_fault, FAULTS, 1);
		_exit(0);
	}
	reap(pid);
	area_down();
}

static void file_up(void)
{
	static char page[4096];
	int fd = open("/tmp/bench-file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	for (size_t i = 0; i < AREA; i += sizeof(page))
		if (fd < 0 || write(fd, page, sizeof(page)) != (ssize_t)sizeof(page))
			die("/tmp/bench-file");
	area = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	close(fd);
	unlink("/tmp/bench-file");
	at = 0;
	if (area == MAP_FAILED)
		die("mmap");
}

static void map_some(size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < size; i += 4096)
		p[i] = 1;
	munmap(p, size);
}
static void map_only(void) { munmap(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096); }
static void map_4k(void) { map_some(4096); }
static void map_1m(void) { map_some(1 << 20); }

const struct row memory_rows[] = {
	{ "read_fault", read_fault, FAULTS, 1, area_up, area_down },
	{ "write_fault", write_fault, FAULTS, 1, area_up, area_down },
	{ "cow_fault", cow_faults },
	{ "file_read_fault", read_fault, FAULTS, 1, file_up, area_down },
	{ "file_write_fault", write_fault, FAULTS, 1, file_up, area_down },
	{ "map_unmap", map_only, 90, 1 },
	{ "map_touch_unmap_4KiB", map_4k, 90, 1 },
	{ "map_touch_unmap_1MiB", map_1m, 6, 1 },
	{ NULL },
};
