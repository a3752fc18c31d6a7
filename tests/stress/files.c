/*
 * Files that are mapped while others change them: truncated and grown under the readers' eyes, punched, written through read(2) and write(2), shared and
 * private, by threads and by forked processes. A mapped page shows the file's bytes, or SIGBUS beyond its end; a page of a private mapping that was
 * written keeps what was written until truncation takes it.
 */
#include "stress.h"
#include <setjmp.h>

#define PAGES 48

static unsigned long rounds;
static char name[64];
static int fd;
static volatile int stop;
static __thread sigjmp_buf escape;
static __thread volatile int may_bus;

static void bus(int sig, siginfo_t *si, void *ctx)
{
	if (!may_bus)
		complain("signal %d at %p", sig, si->si_addr);
	may_bus = 0;
	siglongjmp(escape, 1);
	(void)ctx;
}
/* Word k of page i of the file is either 0 (a hole since it grew) or this. */
static unsigned long word_of(unsigned long i, unsigned long k) { return (i << 16 | k) * 0x9e3779b97f4a7c15UL | 1; }

static void write_page(int f, unsigned long i)
{
	unsigned long b[512];
	for (unsigned long k = 0; k < 512; k++)
		b[k] = word_of(i, k);
	CHECK(pwrite(f, b, PAGE, (off_t)(i * PAGE)) == (ssize_t)PAGE);
}
static void check_word(unsigned long v, unsigned long i, unsigned long k, const char *how)
{
	if (v && v != word_of(i, k))
		complain("%s: word %lu of page %lu is %#lx", how, k, i, v);
}

/* Reads one word; 0 when it lies beyond the end of the file. */
static int look(volatile unsigned long *p, unsigned long *v)
{
	if (sigsetjmp(escape, 1))
		return 0;
	may_bus = 1;
	*v = *p;
	may_bus = 0;
	return 1;
}
static void scribble(volatile unsigned long *p, unsigned long i)
{
	if (sigsetjmp(escape, 1))
		return;
	may_bus = 1;
	for (unsigned long k = 0; k < 512; k += 17)
		p[i * 512 + k] = word_of(i, k);
	may_bus = 0;
}

static void *reader(void *arg)
{
	struct rng r = rng_for((unsigned long)arg);
	int flags = (unsigned long)arg % 2 ? MAP_SHARED : MAP_PRIVATE;
	while (!stop) {
		volatile unsigned long *p = mmap(NULL, PAGES * PAGE, PROT_READ, flags, fd, 0);
		CHECK((void *)p != MAP_FAILED);
		for (int n = 0; n < 300; n++) {
			unsigned long i = below(&r, PAGES), k = below(&r, 512), v;
			if (!look(&p[i * 512 + k], &v))
				continue;
			check_word(v, i, k, "mapped");
			if (n % 16 == 0) {
				unsigned long w = 0;
				ssize_t got = pread(fd, &w, 8, (off_t)(i * PAGE + k * 8));
				CHECK(got >= 0);
				check_word(w, i, k, "read");
			}
		}
		munmap((void *)p, PAGES * PAGE);
	}
	return arg;
}
static void *writer(void *arg)
{
	struct rng r = rng_for((unsigned long)arg + 20);
	volatile unsigned long *p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK((void *)p != MAP_FAILED);
	while (!stop) {
		unsigned long i = below(&r, PAGES);
		if (below(&r, 2))
			write_page(fd, i);
		else
			scribble(p, i);
	}
	munmap((void *)p, PAGES * PAGE);
	return arg;
}
static void *cutter(void *arg)
{
	struct rng r = rng_for((unsigned long)arg + 40);
	for (unsigned long n = 0; n < rounds * 20; n++) {
		CHECK(ftruncate(fd, (off_t)(below(&r, PAGES + 1) * PAGE)) == 0);
		if (below(&r, 4) == 0)
			sched_yield();
		CHECK(ftruncate(fd, (off_t)(PAGES * PAGE)) == 0);
		if (below(&r, 3) == 0)
			fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(below(&r, PAGES) * PAGE), (off_t)(4 * PAGE));
	}
	return arg;
}
/* Children with inherited mappings: private writes stay private and, as long as nobody truncates, stay. */
static void *forker(void *arg)
{
	struct rng r = rng_for((unsigned long)arg + 60);
	char own[80];
	snprintf(own, sizeof(own), "%s.f%lu", name, (unsigned long)arg);
	int f = open(own, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(f >= 0);
	unlink(own);
	for (unsigned long i = 0; i < PAGES; i++)
		write_page(f, i);
	while (!stop) {
		volatile unsigned long *p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, f, 0);
		volatile unsigned long *s = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
		CHECK((void *)p != MAP_FAILED && (void *)s != MAP_FAILED);
		unsigned long a = below(&r, PAGES), b = below(&r, PAGES), mark = rnd(&r) | 1;
		p[a * 512 + 5] = mark;
		s[7] = mark;
		pid_t c = fork_ok();
		if (!c) {
			CHECK(p[a * 512 + 5] == mark && s[7] == mark);
			p[b * 512 + 6] = mark + 2;
			s[8] = mark + 4;
			CHECK(p[a * 512 + 5] == mark);
			_exit(0);
		}
		reap_ok(c);
		CHECK(p[a * 512 + 5] == mark && p[b * 512 + 6] == word_of(b, 6) && s[8] == mark + 4);
		CHECK(s[a * 512 + 5] == word_of(a, 5));
		munmap((void *)p, PAGES * PAGE);
		munmap((void *)s, PAGES * PAGE);
	}
	close(f);
	return arg;
}

/* Names: files made, linked, renamed and removed by several processes in one directory; at the end it is empty. */
static void names(void)
{
	char dir[80], a[120], b[120];
	snprintf(dir, sizeof(dir), "%s.d", name);
	CHECK(mkdir(dir, 0700) == 0);
	pid_t c[6];
	for (int k = 0; k < 6; k++) {
		c[k] = fork_ok();
		if (c[k])
			continue;
		struct rng r = rng_for((unsigned long)k + 80);
		for (unsigned long n = 0; n < rounds * 20; n++) {
			snprintf(a, sizeof(a), "%s/%lu", dir, below(&r, 12));
			snprintf(b, sizeof(b), "%s/%lu", dir, below(&r, 12));
			int f;
			switch (below(&r, 8)) {
			case 0: case 1:
				f = open(a, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
				if (f >= 0 && write(f, a, strlen(a)) < 0)
					complain("write");
				CHECK(f >= 0 || errno == EISDIR || errno == ELOOP || errno == ENOENT);
				close(f);
				break;
			case 2: unlink(a); break;
			case 3: rename(a, b); break;
			case 4: if (link(a, b)) CHECK(errno == EEXIST || errno == ENOENT || errno == EPERM); break;
			case 5: if (symlink(a, b)) CHECK(errno == EEXIST); break;
			case 6: if (mkdir(a, 0700)) CHECK(errno == EEXIST); break;
			default: rmdir(a); break;
			}
			struct stat st;
			if (!stat(b, &st))
				CHECK(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
		}
		_exit(0);
	}
	for (int k = 0; k < 6; k++)
		reap_ok(c[k]);
	for (int k = 0; k < 12; k++) {
		snprintf(a, sizeof(a), "%s/%d", dir, k);
		if (unlink(a) && errno == EISDIR) {
			/* a directory may have got names inside by rename(file, dir)? never: rename onto a directory is refused */
			CHECK(rmdir(a) == 0 || errno == ENOTEMPTY);
		}
	}
	CHECK(rmdir(dir) == 0);
}

static void stress(unsigned long n)
{
	rounds = n;
	snprintf(name, sizeof(name), "/tmp/stress.files.%d", getpid());
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && ftruncate(fd, (off_t)(PAGES * PAGE)) == 0);
	CHECK(unlink(name) == 0);
	struct sigaction sa = { .sa_sigaction = bus, .sa_flags = SA_SIGINFO };
	sigaction(SIGBUS, &sa, NULL);
	pthread_t r[3], w, c, f[2];
	for (intptr_t i = 0; i < 3; i++)
		r[i] = start(reader, (void *)i);
	w = start(writer, NULL);
	f[0] = start(forker, (void *)0);
	f[1] = start(forker, (void *)1);
	c = start(cutter, NULL);
	pthread_join(c, NULL);
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(r[i], NULL);
	pthread_join(w, NULL);
	pthread_join(f[0], NULL);
	pthread_join(f[1], NULL);
	close(fd);
	names();
}
