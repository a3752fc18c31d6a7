/* rseq: registration, the numbers, aborted sequences; membarrier. */
#include "check.h"
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

#define SIG_WORD 0x53053053u
#define UNREGISTER 1
struct area {
	uint32_t cpu_id_start, cpu_id;
	uint64_t cs;
	uint32_t flags, node_id, mm_cid, pad;
} __attribute__((aligned(32)));
struct cs {
	uint32_t version, flags;
	uint64_t start, length, abort;
} __attribute__((aligned(32)));

extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));
static struct area mine;
static long rseq(void *a, uint32_t len, int flags, uint32_t sig) { return syscall(SYS_rseq, a, len, flags, sig); }
static char *thread_pointer(void)
{
	char *p;
	__asm__("movq %%fs:0, %0" : "=r"(p));
	return p;
}
/* The C library may have registered an area of its own. */
static void drop_library_area(void)
{
	if (&__rseq_size && __rseq_size)
		CHECK(rseq(thread_pointer() + __rseq_offset, 32, UNREGISTER, SIG_WORD) == 0);
}
static void set_up(void)
{
	drop_library_area();
	mine.cpu_id = mine.cpu_id_start = (uint32_t)-1;
	if (rseq(&mine, 32, 0, SIG_WORD) < 0 && errno == ENOSYS)
		check_skip("no rseq");
}
static void pin(int cpu)
{
	cpu_set_t s;
	CPU_ZERO(&s);
	CPU_SET(cpu, &s);
	CHECK(sched_setaffinity(0, sizeof(s), &s) == 0);
}
static int cpu_now(void)
{
	unsigned c;
	CHECK(syscall(SYS_getcpu, &c, NULL, NULL) == 0);
	return (int)c;
}

static void registration(void)
{
	drop_library_area();
	CHECK_ERR(rseq(&mine, 32, 2, SIG_WORD), EINVAL);
	CHECK_ERR(rseq(&mine, 16, 0, SIG_WORD), EINVAL);
	CHECK_ERR(rseq((char *)&mine + 8, 32, 0, SIG_WORD), EINVAL);
	CHECK_ERR(rseq((void *)0xffffffff80000000UL, 32, 0, SIG_WORD), EFAULT);
	CHECK_ERR(rseq(&mine, 32, UNREGISTER, SIG_WORD), EINVAL);
	CHECK(rseq(&mine, 32, 0, SIG_WORD) == 0);
	CHECK_ERR(rseq(&mine, 32, 0, SIG_WORD), EBUSY);
	CHECK_ERR(rseq(&mine, 32, 0, 1), EPERM);
	CHECK_ERR(rseq(&mine, 64, 0, SIG_WORD), EINVAL);
	CHECK_ERR(rseq((char *)&mine + 32, 32, 0, SIG_WORD), EINVAL);
	CHECK_ERR(rseq(&mine, 32, UNREGISTER, 1), EPERM);
	CHECK_ERR(rseq(&mine, 32, UNREGISTER | 2, SIG_WORD), EINVAL);
	CHECK((int)mine.cpu_id == cpu_now() || (int)mine.cpu_id == cpu_now());
	CHECK(rseq(&mine, 32, UNREGISTER, SIG_WORD) == 0);
	CHECK((int)mine.cpu_id == -1 && mine.cpu_id_start == 0);
	CHECK(getauxval(27) >= 20 && getauxval(28) >= 32);
}
static void follows_the_cpu(void)
{
	set_up();
	cpu_set_t all;
	CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
	for (int round = 0; round < 20; round++)
		for (int c = 0; c < CPU_SETSIZE; c++)
			if (CPU_ISSET(c, &all)) {
				pin(c);
				CHECK((int)mine.cpu_id == c && (int)mine.cpu_id_start == c && cpu_now() == c);
			}
}
static void fork_and_thread(void)
{
	set_up();
	CHECK(EXITED(IN_CHILD(CHECK_ERR(rseq(&mine, 32, 0, SIG_WORD), EBUSY); CHECK((int)mine.cpu_id >= 0)), 0));
}

/* Sits in a sequence until it is aborted: 1, or 0 when *go let it through. */
static int sequence(volatile int *go, int *steps)
{
	int aborted;
	__asm__ __volatile__(
		".pushsection .data.rseq, \"aw\"\n"
		".balign 32\n"
		"3: .long 0, 0\n"
		".quad 1f, 2f - 1f, 4f\n"
		".popsection\n"
		"leaq 3b(%%rip), %%rax\n"
		"movq %%rax, 8+%[area]\n"
		"1: incl %[steps]\n"
		"cmpl $0, %[go]\n"
		"je 1b\n"
		"2: movl $0, %[out]\n"
		"jmp 5f\n"
		".byte 0x0f, 0xb9, 0x3d\n" /* UD1 before the signature, as the C library does */
		".long 0x53053053\n"
		"4: movl $1, %[out]\n"
		"5:\n"
		: [out] "=r"(aborted), [steps] "+m"(*steps)
		: [area] "m"(mine), [go] "m"(*go)
		: "rax", "memory", "cc");
	return aborted;
}
static volatile sig_atomic_t handled;
static void on_signal(int s) { (void)s, handled++; }
static void signal_aborts(void)
{
	int never = 0, steps = 0;
	set_up();
	signal(SIGALRM, on_signal);
	struct itimerval { struct timeval i, v; } it = { .v = { 0, 20000 } };
	syscall(SYS_setitimer, 0, &it, NULL);
	while (!handled)
		CHECK(sequence(&never, &steps) == 1);
	CHECK(handled == 1 && steps > 0);
	CHECK(mine.cs == 0);
}
static void *spins(void *a) { pin((int)(intptr_t)a); while (!SHARED[0]) ; return NULL; }
static void preemption_aborts(void)
{
	pthread_t t;
	int never = 0, steps = 0;
	int cpu = cpu_now();
	CHECK(pthread_create(&t, NULL, spins, (void *)(intptr_t)cpu) == 0);
	set_up();
	pin(cpu);
	for (int i = 0; i < 5; i++)
		CHECK(sequence(&never, &steps) == 1);
	SHARED[0] = 1;
	pthread_join(t, NULL);
}
static void leaves_others_alone(void)
{
	int go = 1, steps = 0;
	set_up();
	CHECK(sequence(&go, &steps) == 0 && steps == 1);
	/* A stale descriptor: we are no longer inside it. */
	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	CHECK(handled == 1 && mine.cs == 0);
}
static __attribute__((noinline)) void raise_with(struct cs *c)
{
	mine.cs = (uintptr_t)c;
	raise(SIGUSR1);
	_exit(0);
}
static void bad_descriptors_kill(void)
{
	static struct cs c;
	uint64_t here = (uintptr_t)raise_with;
	set_up();
	signal(SIGUSR1, on_signal);
	CHECK(KILLED(IN_CHILD(raise_with((struct cs *)8)), SIGSEGV));
	CHECK(KILLED(IN_CHILD(raise_with((struct cs *)0xffffffff80000000UL)), SIGSEGV));
	CHECK(KILLED(IN_CHILD(raise_with((struct cs *)0x8000000000000000UL)), SIGSEGV));
	c = (struct cs){ .version = 1, .start = here, .length = 16, .abort = here - 64 };
	CHECK(KILLED(IN_CHILD(raise_with(&c)), SIGSEGV));
	c = (struct cs){ .start = here, .length = 16, .abort = here + 4 }; /* abort inside */
	CHECK(KILLED(IN_CHILD(raise_with(&c)), SIGSEGV));
	c = (struct cs){ .start = here, .length = ~0UL, .abort = here - 64 };
	CHECK(KILLED(IN_CHILD(raise_with(&c)), SIGSEGV));
	c = (struct cs){ .start = here, .length = 16, .abort = here - 64 }; /* no signature */
	CHECK(KILLED(IN_CHILD(raise_with(&c)), SIGSEGV));
	/* An area that cannot be written. */
	CHECK(KILLED(IN_CHILD(
		void *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(rseq(&mine, 32, UNREGISTER, SIG_WORD) == 0);
		CHECK(rseq(m, 32, 0, SIG_WORD) == 0);
		munmap(m, 4096);
		raise(SIGUSR1)), SIGSEGV));
}

/* --- membarrier -------------------------------------------------------------------------------------------------------------------------- */

static long membarrier(int cmd, unsigned flags, int cpu) { return syscall(SYS_membarrier, cmd, flags, cpu); }
static void membarrier_calls(void)
{
	long all = membarrier(0, 0, 0);
	if (all < 0 && errno == ENOSYS)
		check_skip("no membarrier");
	CHECK((all & 0x1f) == 0x1f || (all & 0x1e) == 0x1e);
	CHECK_ERR(membarrier(0, 1, 0), EINVAL);
	CHECK_ERR(membarrier(3, 0, 0), EINVAL);
	CHECK_ERR(membarrier(1 << 20, 0, 0), EINVAL);
	CHECK_ERR(membarrier(8, 0, 0), EPERM); /* not registered */
	CHECK(membarrier(16, 0, 0) == 0);
	CHECK(membarrier(8, 0, 0) == 0);
	CHECK(membarrier(2, 0, 0) == 0);
	CHECK(membarrier(4, 0, 0) == 0);
	if (all & 0x40) {
		CHECK_ERR(membarrier(0x20, 0, 0), EPERM);
		CHECK(membarrier(0x40, 0, 0) == 0 && membarrier(0x20, 0, 0) == 0);
	}
	if (all & 1)
		CHECK(membarrier(1, 0, 0) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(membarrier(8, 0, 0) == 0)), 0)); /* a child keeps the registration */
}
/* Dekker's algorithm with a compiler barrier on the frequent side and membarrier on the other. */
static volatile int x, y, r1, r2, round_no, done1;
static void *fast_side(void *a)
{
	(void)a;
	for (int i = 1; i <= 2000; i++) {
		while (round_no != i)
			if (round_no < 0)
				return NULL;
		x = 1;
		__asm__ __volatile__("" ::: "memory");
		r1 = y;
		done1 = i;
	}
	return NULL;
}
static void orders_memory(void)
{
	pthread_t t;
	if (membarrier(16, 0, 0) < 0)
		check_skip("no membarrier");
	CHECK(pthread_create(&t, NULL, fast_side, NULL) == 0);
	double end = now() + 5;
	for (int i = 1; i <= 2000 && now() < end; i++) {
		x = y = 0;
		__sync_synchronize();
		round_no = i;
		y = 1;
		CHECK(membarrier(8, 0, 0) == 0);
		r2 = x;
		while (done1 != i)
			;
		CHECK(r1 || r2);
	}
	round_no = -1;
	pthread_join(t, NULL);
}

CASES(CASE(registration), CASE(follows_the_cpu), CASE(fork_and_thread), CASE(signal_aborts), CASE(preemption_aborts), CASE(leaves_others_alone),
	CASE(bad_descriptors_kill), CASE(membarrier_calls), CASE(orders_memory))
