/*
 * Page tables shared by fork, against a model. A window of address space, spread over several leaf tables and two of the tables above, has a model in
 * memory that no fork copies: what each page is (unmapped, its protection, its value). Random mmap munmap mprotect mremap madvise and writes by user mode
 * and by the kernel change both; checks read through user mode and through the kernel. At random moments the process forks; the child inherits a copy of
 * the model, and from then on parent, child, grandchildren change and check their own memory at the same time. Nobody may see another's change.
 */
#include "stress.h"
#include <sys/uio.h>

#define AREAS 4
#define AREA_PAGES 160
#define PAGES (AREAS * AREA_PAGES)
#define MAX_PROCS 96
#define DEPTH 4

/* Where the areas lie: one crosses the end of a leaf table, one crosses the end of the table above, two share a leaf table. */
static const uintptr_t base[AREAS] = { 0x200000000000 - 80 * PAGE, 0x200040200000 - 80 * PAGE, 0x200040400000, 0x200040400000 + 200 * PAGE };

struct model {
	struct {
		unsigned char mapped, prot;
		unsigned long value;
	} p[PAGES];
};
static struct {
	int used;
	unsigned long stamp;
	int copied[MAX_PROCS];
	struct model m[MAX_PROCS];
} *all;
static struct model *m;
static struct rng r;
static int probe_fd; /* a pipe: a write to it reads memory by the kernel's hand */

/* The last steps, for a complaint. */
static struct {
	const char *what;
	unsigned i, n;
	int arg;
} past[512];
static unsigned npast;
static void note(const char *what, unsigned i, unsigned n, int arg) { past[npast++ % 512] = (typeof(past[0])){ what, i, n, arg }; }
static void show(unsigned page)
{
	for (unsigned k = npast > 512 ? npast - 512 : 0; k < npast; k++) {
		typeof(past[0]) *o = &past[k % 512];
		if (!o->n || (page >= o->i && page < o->i + o->n))
			fprintf(stderr, "  %u: %s %u+%u %d\n", k, o->what, o->i, o->n, o->arg);
	}
}

static volatile unsigned long *addr(unsigned i) { return (void *)(base[i / AREA_PAGES] + i % AREA_PAGES * PAGE); }
static volatile unsigned long *spot(unsigned i) { return addr(i) + 123; }
static unsigned long fresh(void) { return __atomic_add_fetch(&all->stamp, 1, __ATOMIC_RELAXED); }

/* A run of pages inside one area. */
static void pick(unsigned *from, unsigned *n)
{
	unsigned a = (unsigned)below(&r, AREAS), s = (unsigned)below(&r, AREA_PAGES), max = below(&r, 8) ? 12 : AREA_PAGES;
	*n = 1 + (unsigned)below(&r, max);
	if (s + *n > AREA_PAGES)
		*n = AREA_PAGES - s;
	*from = a * AREA_PAGES + s;
}

static void verify(unsigned i)
{
	unsigned long v = 0;
	int mapped = m->p[i].mapped, prot = m->p[i].prot;
	if (mapped && (prot & PROT_READ)) {
		v = *spot(i);
		if (v != m->p[i].value)
			show(i), complain("page %u (%p) holds %lu, not %lu", i, (void *)spot(i), v, m->p[i].value);
	} else {
		/* the kernel must refuse to read it */
		errno = 0;
		if (write(probe_fd, (void *)spot(i), 8) != -1 || errno != EFAULT)
			show(i), complain("page %u can be read: mapped %d prot %d", i, mapped, prot);
	}
}
static void do_map(unsigned i, unsigned n)
{
	int prot = below(&r, 4) ? PROT_READ | PROT_WRITE : PROT_READ;
	note("map", i, n, prot);
	void *p = mmap((void *)addr(i), n * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (p != (void *)addr(i))
		complain("mmap of %u pages", n);
	for (unsigned k = i; k < i + n; k++)
		m->p[k] = (typeof(m->p[k])){ 1, (unsigned char)prot, 0 };
}
static void do_unmap(unsigned i, unsigned n)
{
	note("unmap", i, n, 0);
	if (munmap((void *)addr(i), n * PAGE))
		complain("munmap");
	memset(&m->p[i], 0, n * sizeof(m->p[0]));
}
static void do_protect(unsigned i, unsigned n)
{
	static const int prots[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE };
	int prot = prots[below(&r, 4)], hole = 0;
	note("protect", i, n, prot);
	int ret = mprotect((void *)addr(i), n * PAGE, prot);
	for (unsigned k = i; k < i + n && !hole; k++) {
		if (!m->p[k].mapped)
			hole = 1;
		else
			m->p[k].prot = (unsigned char)prot;
	}
	if (ret ? !hole || errno != ENOMEM : hole)
		complain("mprotect gives %d, hole %d", ret, hole);
}
static void do_dontneed(unsigned i, unsigned n)
{
	note("dontneed", i, n, 0);
	int hole = 0, ret = madvise((void *)addr(i), n * PAGE, MADV_DONTNEED);
	for (unsigned k = i; k < i + n; k++) {
		hole |= !m->p[k].mapped;
		m->p[k].value = 0;
	}
	if (ret ? !hole || errno != ENOMEM : hole)
		complain("madvise gives %d, hole %d", ret, hole);
}
static void do_write(unsigned i, unsigned n)
{
	for (unsigned k = i; k < i + n; k++) {
		if (!m->p[k].mapped || !(m->p[k].prot & PROT_WRITE))
			continue;
		unsigned long v = fresh();
		note("write", k, 1, (int)v);
		if (below(&r, 4)) {
			*spot(k) = v;
		} else {
			/* by the kernel: a read(2) from a pipe */
			int fd[2];
			CHECK(pipe(fd) == 0 && write(fd[1], &v, 8) == 8);
			if (read(fd[0], (void *)spot(k), 8) != 8)
				complain("read into page %u, prot %d", k, m->p[k].prot);
			close(fd[0]);
			close(fd[1]);
		}
		m->p[k].value = v;
	}
}
/* Writes through /proc/self/mem: ignores the protection, breaks copy-on-write all the same. */
static void do_poke(unsigned i)
{
	if (!m->p[i].mapped)
		return;
	unsigned long v = fresh();
	note("poke", i, 1, (int)v);
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	if (pwrite(fd, &v, 8, (off_t)(uintptr_t)spot(i)) != 8)
		complain("write to page %u by /proc/self/mem, prot %d", i, m->p[i].prot);
	close(fd);
	m->p[i].value = v;
}
static int uniform(unsigned i, unsigned n)
{
	for (unsigned k = i; k < i + n; k++)
		if (!m->p[k].mapped || m->p[k].prot != m->p[i].prot)
			return 0;
	return 1;
}
/* Is the run one mapping for mremap? Adjacent ones of equal kind merge, but Linux may keep some apart (their anon_vmas differ): EFAULT is right, too. */
static void do_move(unsigned i, unsigned n)
{
	unsigned to, dummy;
	pick(&to, &dummy);
	if (to % AREA_PAGES + n > AREA_PAGES || !uniform(i, n) || (to < i + n && i < to + n))
		return;
	note("move from", i, n, (int)to);
	note("move to", to, n, (int)i);
	void *p = mremap((void *)addr(i), n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, addr(to));
	if (p == MAP_FAILED) {
		if (errno != EFAULT)
			complain("mremap of %u pages", n);
		/* Linux may have unmapped the place by then: settle it. */
		do_unmap(to, n);
		return;
	}
	memcpy(&m->p[to], &m->p[i], n * sizeof(m->p[0]));
	memset(&m->p[i], 0, n * sizeof(m->p[0]));
}
static void do_shrink(unsigned i, unsigned n)
{
	if (n < 2 || !uniform(i, n))
		return;
	unsigned keep = 1 + (unsigned)below(&r, n - 1);
	note("shrink", i, n, (int)keep);
	if (mremap((void *)addr(i), n * PAGE, keep * PAGE, 0) == MAP_FAILED) {
		if (errno != EFAULT)
			complain("mremap to fewer pages");
		return;
	}
	memset(&m->p[i + keep], 0, (n - keep) * sizeof(m->p[0]));
}

static void step(void)
{
	unsigned i, n;
	pick(&i, &n);
	switch (below(&r, 16)) {
	case 0: case 1: do_map(i, n); break;
	case 2: do_unmap(i, n); break;
	case 3: case 4: do_protect(i, n); break;
	case 5: do_dontneed(i, n); break;
	case 6: do_move(i, n); break;
	case 7: do_shrink(i, n); break;
	case 8: do_poke(i); break;
	case 9: case 10: case 11:
		for (unsigned k = i; k < i + n; k++)
			verify(k);
		break;
	default: do_write(i, n); break;
	}
}

static void segv(int sig, siginfo_t *si, void *ctx)
{
	uintptr_t a = (uintptr_t)si->si_addr;
	for (unsigned i = 0; i < PAGES; i++)
		if (a - (uintptr_t)addr(i) < PAGE) {
			show(i);
			complain("signal %d code %d at page %u, mapped %d prot %d value %lu", sig, si->si_code, i, m->p[i].mapped, m->p[i].prot, m->p[i].value);
		}
	complain("signal %d at %p", sig, si->si_addr);
	(void)ctx;
}

static int claim(void)
{
	int k = __atomic_fetch_add(&all->used, 1, __ATOMIC_RELAXED);
	if (k >= MAX_PROCS) {
		__atomic_fetch_sub(&all->used, 1, __ATOMIC_RELAXED);
		return -1;
	}
	return k;
}

static void life(int depth, unsigned long steps)
{
	pid_t child[8];
	int n = 0;
	for (unsigned long s = 0; s < steps; s++) {
		step();
		int slot;
		if (depth >= DEPTH || n == 8 || below(&r, 24) || (slot = claim()) < 0)
			continue;
		child[n] = fork_ok();
		note("fork", 0, 0, child[n]);
		if (!child[n]) {
			all->m[slot] = *m; /* the parent's model stands still until we have it: it waits below */
			m = &all->m[slot];
			r = rng_for((unsigned long)slot + stress_seed * 131);
			__atomic_store_n(&all->copied[slot], 1, __ATOMIC_RELEASE);
			for (unsigned k = 0; k < PAGES; k++)
				verify(k);
			life(depth + 1, steps - s);
			_exit(0);
		}
		/* The parent writes at once on half of the occasions, in a model that the child has already copied. */
		while (!__atomic_load_n(&all->copied[slot], __ATOMIC_ACQUIRE)) {
			siginfo_t si = { .si_pid = 0 };
			CHECK(waitid(P_PID, (id_t)child[n], &si, WEXITED | WNOHANG | WNOWAIT) == 0);
			if (si.si_pid && !__atomic_load_n(&all->copied[slot], __ATOMIC_ACQUIRE))
				complain("child %d ended before it had its model: code %d status %d", child[n], si.si_code, si.si_status);
			sched_yield();
		}
		n++;
	}
	for (unsigned k = 0; k < PAGES; k++)
		verify(k);
	while (n)
		reap_ok(child[--n]);
	for (unsigned k = 0; k < PAGES; k++)
		verify(k);
}

static void stress(unsigned long rounds)
{
	int fd[2];
	struct sigaction sa = { .sa_sigaction = segv, .sa_flags = SA_SIGINFO };
	sigaction(SIGSEGV, &sa, NULL);
	CHECK(pipe2(fd, O_NONBLOCK | O_CLOEXEC) == 0);
	probe_fd = fd[1];
	for (unsigned long k = 0; k < rounds; k++) {
		all = map_shared(sizeof(*all));
		all->used = 1;
		m = &all->m[0];
		r = rng_for(k);
		pid_t c = fork_ok();
		if (!c) {
			life(0, 120);
			_exit(0);
		}
		reap_ok(c);
		munmap(all, sizeof(*all));
	}
}
