/*
 * A file of the disk is cut short while another thread waits for its data: what comes from the disk afterwards must not show when the file grows again.
 * Arguments: files of one size, of bytes that are not 0. Prints the first that shows old data; the status says whether there was one.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
	int fd;
	size_t size;
	const char *map;
	pthread_barrier_t start;
} job;

static void *toucher(void *how)
{
	char c;
	size_t at = job.size / 2;
	pthread_barrier_wait(&job.start);
	if (how)
		(void)!pread(job.fd, &c, 1, (off_t)at);
	else
		madvise((void *)(job.map + (at & ~4095UL)), 4096, MADV_POPULATE_READ); /* as a fault, without the signal of one that comes too late */
	return NULL;
}

/* 0, or the offset of the first byte of old data + 1. */
static size_t try(const char *name, int reads, int naps)
{
	static char buf[1 << 20];
	struct stat st;
	pthread_t t;
	job.fd = open(name, O_RDWR);
	if (job.fd < 0 || fstat(job.fd, &st) < 0 || (size_t)st.st_size > sizeof(buf)) {
		perror(name);
		exit(2);
	}
	job.size = (size_t)st.st_size;
	job.map = mmap(NULL, job.size, PROT_READ, MAP_SHARED, job.fd, 0);
	pthread_barrier_init(&job.start, NULL, 2);
	pthread_create(&t, NULL, toucher, reads ? &job : NULL);
	pthread_barrier_wait(&job.start);
	for (int i = 0; i < naps; i++)
		sched_yield();
	if (ftruncate(job.fd, 10) < 0 || ftruncate(job.fd, st.st_size) < 0)
		return 1;
	pthread_join(t, NULL);
	ssize_t n = pread(job.fd, buf, job.size, 0);
	munmap((void *)job.map, job.size);
	close(job.fd);
	for (ssize_t i = 10; i < n; i++)
		if (buf[i])
			return (size_t)i + 1;
	return n == st.st_size ? 0 : 1;
}

int main(int argc, char **argv)
{
	for (int k = 1; k < argc; k++) {
		size_t bad = try(argv[k], k & 1, k / 2 % 8);
		if (bad) {
			printf("%s: old data at %zu\n", argv[k], bad - 1);
			return 1;
		}
	}
	return 0;
}
