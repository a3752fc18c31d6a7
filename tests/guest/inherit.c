/* What a child has of its parent after fork, and what it begins anew (proc, signals, times and limits beyond what fork.c looks at). */
#include "check.h"

#include <asm/prctl.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define PAGE 4096UL
#define STACK 65536

static char *new_stack(void)
{
	char *s = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(s != MAP_FAILED);
	return s + STACK;
}
/* A number behind `key` in /proc/self/FILE; -1: there is none. */
static long field(const char *file, const char *key)
{
	static char buf[1 << 16];
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/%s", file);
	int fd = open(path, O_RDONLY);
	CHECK(fd >= 0);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	CHECK(n >= 0);
	buf[n] = 0;
	if (!key)
		return atol(buf);
	char *p = strstr(buf, key);
	return p ? atol(p + strlen(key)) : -1;
}
static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

/* --- the process --------------------------------------------------------------------------------------------------------------------------- */

static void by_prctl(void)
{
	CHECK(prctl(PR_SET_NAME, "inheritor") == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 && prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0);
	CHECK(prctl(PR_SET_DUMPABLE, 0) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	char name[16] = { 0 };
	int v;
	CHECK(EXITED(IN_CHILD(CHECK(prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "inheritor")); CHECK(prctl(PR_GET_CHILD_SUBREAPER, &v) == 0 && v == 0);
		CHECK(prctl(PR_GET_PDEATHSIG, &v) == 0 && v == 0); CHECK(prctl(PR_GET_DUMPABLE) == 0); CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)), 0));
}

/* The child's default is what its parent had. */
static void timer_slack(void)
{
	CHECK(prctl(PR_SET_TIMERSLACK, 7000) == 0 && prctl(PR_GET_TIMERSLACK) == 7000);
	CHECK(EXITED(IN_CHILD(CHECK(prctl(PR_GET_TIMERSLACK) == 7000); CHECK(prctl(PR_SET_TIMERSLACK, 9000) == 0 && prctl(PR_GET_TIMERSLACK) == 9000);
		CHECK(prctl(PR_SET_TIMERSLACK, 0) == 0 && prctl(PR_GET_TIMERSLACK) == 7000)), 0));
	CHECK(prctl(PR_SET_TIMERSLACK, 0) == 0 && prctl(PR_GET_TIMERSLACK) == 50000);
}

static void sessions(void)
{
	CHECK(EXITED(IN_CHILD(CHECK(setsid() == getpid()); pid_t sid = getpid();
		CHECK(EXITED(IN_CHILD(CHECK(getsid(0) == sid && getpgrp() == sid); CHECK(setsid() == getpid())), 0))), 0)); /* a child leads none */
}

static void oom_score_adj(void)
{
	if (getuid())
		check_skip("not privileged");
	put("/proc/self/oom_score_adj", "300");
	CHECK(EXITED(IN_CHILD(CHECK(field("oom_score_adj", NULL) == 300); put("/proc/self/oom_score_adj", "400")), 0));
	CHECK(field("oom_score_adj", NULL) == 300);
}

static void niceness_and_reset_on_fork(void)
{
	struct sched_param p = { 0 };
	if (getuid())
		check_skip("not privileged");
	CHECK(setpriority(PRIO_PROCESS, 0, -5) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(getpriority(PRIO_PROCESS, 0) == -5)), 0));
	CHECK(sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &p) == 0);
	/* to 0, and the flag is not handed on; a batch job stays one */
	CHECK(EXITED(IN_CHILD(CHECK(getpriority(PRIO_PROCESS, 0) == 0 && sched_getscheduler(0) == SCHED_BATCH)), 0));
	CHECK(setpriority(PRIO_PROCESS, 0, 7) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(getpriority(PRIO_PROCESS, 0) == 7 && sched_getscheduler(0) == SCHED_BATCH)), 0));
	CHECK(sched_getscheduler(0) == (SCHED_BATCH | SCHED_RESET_ON_FORK));
}

static void affinity(void)
{
	cpu_set_t old, one, got;
	CHECK(sched_getaffinity(0, sizeof(old), &old) == 0);
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
		if (CPU_ISSET(i, &old))
			CPU_SET(i, &one);
	CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(sched_getaffinity(0, sizeof(got), &got) == 0 && CPU_EQUAL(&got, &one))), 0));
}

static void counters_begin_anew(void)
{
	struct rusage u;
	int fd = open("/dev/zero", O_RDONLY);
	static char buf[1 << 16];
	for (int i = 0; i < 50; i++)
		CHECK(read(fd, buf, sizeof(buf)) == sizeof(buf));
	msleep(2);
	CHECK(field("io", "rchar: ") >= 50 << 16);
	CHECK(EXITED(IN_CHILD(CHECK(getrusage(RUSAGE_SELF, &u) == 0 && u.ru_utime.tv_sec == 0 && u.ru_nvcsw < 5); CHECK(getrusage(RUSAGE_CHILDREN, &u) == 0 &&
		u.ru_minflt == 0); CHECK(field("io", "rchar: ") < 10000)), 0));
}

static void time_of_birth(void)
{
	long mine = -1, childs = -1;
	char buf[512];
	msleep(50);
	for (int i = 0; i < 2; i++) {
		char path[32];
		pid_t pid = i ? fork() : getpid();
		if (!pid) {
			msleep(100);
			_exit(0);
		}
		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		FILE *f = fopen(path, "r");
		CHECK(f && fgets(buf, sizeof(buf), f));
		fclose(f);
		char *p = strrchr(buf, ')');
		for (int n = 2; n < 22; n++)
			p = strchr(p + 1, ' ');
		*(i ? &childs : &mine) = atol(p);
		if (i)
			reap(pid);
	}
	CHECK(childs >= mine + 4);
}

/* --- signals ------------------------------------------------------------------------------------------------------------------------------- */

struct raw_action { void *handler; unsigned long flags, restorer, mask; };
static struct raw_action raw_get(int sig)
{
	struct raw_action a;
	CHECK(syscall(SYS_rt_sigaction, sig, NULL, &a, 8) == 0);
	return a;
}
static void nop(int sig) { (void)sig; }

static void actions_are_whole(void)
{
	struct sigaction sa = { .sa_handler = nop, .sa_flags = SA_RESTART | SA_NODEFER }, ign = { .sa_handler = SIG_IGN, .sa_flags = SA_RESTART };
	sigaddset(&sa.sa_mask, SIGUSR2);
	sigaddset(&ign.sa_mask, SIGUSR1);
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0 && sigaction(SIGHUP, &ign, NULL) == 0);
	struct raw_action a = raw_get(SIGUSR1), b;
	CHECK(EXITED(IN_CHILD(b = raw_get(SIGUSR1); CHECK(!memcmp(&a, &b, sizeof(a)))), 0));
	/* CLONE_CLEAR_SIGHAND: nothing is left, of what is ignored only that it is */
	struct clone_args c = { .exit_signal = SIGCHLD, .flags = CLONE_CLEAR_SIGHAND };
	long p = syscall(SYS_clone3, &c, sizeof(c));
	CHECK(p >= 0);
	if (!p) {
		b = raw_get(SIGUSR1);
		CHECK(!b.handler && !b.flags && !b.mask && !b.restorer);
		b = raw_get(SIGHUP);
		CHECK(b.handler == (void *)1 && !b.flags && !b.mask && !b.restorer);
		_exit(0);
	}
	CHECK(EXITED(reap((pid_t)p), 0));
	b = raw_get(SIGUSR1);
	CHECK(!memcmp(&a, &b, sizeof(a)));
}

static void mask_stays_pending_goes(void)
{
	sigset_t s, got;
	sigemptyset(&s);
	sigaddset(&s, SIGUSR1);
	sigaddset(&s, SIGUSR2);
	CHECK(sigprocmask(SIG_BLOCK, &s, NULL) == 0 && raise(SIGUSR1) == 0 && kill(getpid(), SIGUSR2) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(sigpending(&got) == 0 && sigisemptyset(&got)); CHECK(sigprocmask(SIG_BLOCK, NULL, &got) == 0);
		CHECK(sigismember(&got, SIGUSR1) && sigismember(&got, SIGUSR2))), 0));
	CHECK(sigpending(&got) == 0 && sigismember(&got, SIGUSR1) && sigismember(&got, SIGUSR2));
}

static int altstack_flags(void *arg)
{
	stack_t s;
	*(int *)arg = sigaltstack(NULL, &s) ? -1 : s.ss_flags;
	syscall(SYS_exit, 0);
	return 0;
}
/* Not where two would run on it at once. */
static void altstacks(void)
{
	static char mem[16384];
	stack_t s = { .ss_sp = mem, .ss_size = sizeof(mem) };
	int f = -2;
	CHECK(sigaltstack(&s, NULL) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(sigaltstack(NULL, &s) == 0 && s.ss_sp == mem && !(s.ss_flags & SS_DISABLE))), 0));
	long p = clone(altstack_flags, new_stack(), CLONE_VM | SIGCHLD, &f);
	CHECK(p > 0 && EXITED(reap((pid_t)p), 0) && f == SS_DISABLE);
	p = clone(altstack_flags, new_stack(), CLONE_VM | CLONE_VFORK | SIGCHLD, &f);
	CHECK(p > 0 && EXITED(reap((pid_t)p), 0) && f == 0);
}

/* A process that stops as a group has its new threads stop as well. */
static void *ends_at_once(void *arg) { return arg; }
static void *spawner(void *arg)
{
	for (;;) {
		pthread_t t;
		if (pthread_create(&t, NULL, ends_at_once, NULL) == 0)
			pthread_join(t, NULL);
		SHARED[0]++;
	}
	return arg;
}
static void threads_join_a_group_stop(void)
{
	pid_t pid = fork();
	if (!pid) {
		pthread_t t;
		for (int i = 0; i < 3; i++)
			pthread_create(&t, NULL, spawner, NULL);
		for (;;)
			pause();
	}
	for (int i = 0; i < 20; i++) {
		int st, n = SHARED[0];
		while (SHARED[0] < n + 3)
			msleep(1);
		CHECK(kill(pid, SIGSTOP) == 0 && waitpid(pid, &st, WUNTRACED) == pid && WIFSTOPPED(st));
		n = SHARED[0];
		msleep(3);
		CHECK(SHARED[0] == n);
		CHECK(kill(pid, SIGCONT) == 0);
	}
	kill(pid, SIGKILL);
	reap(pid);
}

/* --- the processor's state ------------------------------------------------------------------------------------------------------------------ */

static void registers(void)
{
	unsigned mxcsr = 0x1f80 | 0x6000, got;
	unsigned short cw = 0x0f7f, got_cw;
	double x = 1.2345678901234567;
	asm volatile("ldmxcsr %0" ::"m"(mxcsr));
	asm volatile("fldcw %0" ::"m"(cw));
	asm volatile("movsd %0, %%xmm7" ::"m"(x) : "xmm7");
	double y;
	long pid;
	/* nothing in between, so that the compiler keeps xmm7 */
	asm volatile("syscall\n\tmovsd %%xmm7, %1" : "=a"(pid), "=m"(y) : "0"((long)SYS_fork) : "rcx", "r11", "xmm7", "memory");
	if (!pid) {
		asm volatile("stmxcsr %0" : "=m"(got));
		asm volatile("fnstcw %0" : "=m"(got_cw));
		_exit((got & ~0x3fu) == (mxcsr & ~0x3fu) && got_cw == cw && y == x ? 0 : 1);
	}
	CHECK(pid > 0 && EXITED(reap((pid_t)pid), 0) && y == x);
}

static void gs_base(void)
{
	unsigned long got = 0;
	CHECK(syscall(SYS_arch_prctl, ARCH_SET_GS, 0x123456789000UL) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(syscall(SYS_arch_prctl, ARCH_GET_GS, &got) == 0 && got == 0x123456789000UL)), 0));
}

/* --- memory ------------------------------------------------------------------------------------------------------------------------------- */

static void locks_on_memory_go(void)
{
	char *p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	if (mlock(p, 8 * PAGE) < 0 || mlockall(MCL_FUTURE) < 0)
		check_skip("no memory may be locked");
	CHECK(field("status", "VmLck:") >= 32);
	CHECK(EXITED(IN_CHILD(CHECK(field("status", "VmLck:") == 0);
		CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED && field("status", "VmLck:") == 0)), 0));
}

static void what_advice_says(void)
{
	char *p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	memset(p, 5, 16 * PAGE);
	long size = field("statm", NULL);
	CHECK(madvise(p, 4 * PAGE, MADV_DONTFORK) == 0 && madvise(p + 8 * PAGE, 4 * PAGE, MADV_WIPEONFORK) == 0);
	CHECK(EXITED(IN_CHILD(unsigned char v[16]; CHECK(mincore(p, PAGE, v) < 0 && errno == ENOMEM); CHECK(p[4 * PAGE] == 5 && p[8 * PAGE] == 0 && p[12 * PAGE] == 5);
		CHECK(field("statm", NULL) == size - 4); p[8 * PAGE] = 6;
		/* the advice is handed on */
		CHECK(EXITED(IN_CHILD(CHECK(p[8 * PAGE] == 0)), 0))), 0));
	/* wiping is for private memory of nobody's file */
	char *s = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK_ERR(madvise(s, PAGE, MADV_WIPEONFORK), EINVAL);
}

/* --- lists of a thread --------------------------------------------------------------------------------------------------------------------- */

static void robust_lists_are_not(void)
{
	static struct { void *next; long off; void *pending; } head = { &head, 0, NULL };
	void *got;
	size_t len;
	CHECK(syscall(SYS_set_robust_list, &head, 24) == 0);
	CHECK(EXITED(IN_CHILD(long r = syscall(SYS_get_robust_list, 0, &got, &len); CHECK(r == 0 && (got == NULL || got != &head))), 0));
}

static void raw_child_has_no_robust_list(void)
{
	static struct { void *next; long off; void *pending; } head = { &head, 0, NULL };
	void *got = &head;
	size_t len;
	CHECK(syscall(SYS_set_robust_list, &head, 24) == 0);
	long p = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
	CHECK(p >= 0);
	if (!p)
		_exit(syscall(SYS_get_robust_list, 0, &got, &len) == 0 && !got ? 0 : 1);
	CHECK(EXITED(reap((pid_t)p), 0));
}

/* --- limits --------------------------------------------------------------------------------------------------------------------------------- */

/* RLIMIT_NPROC counts tasks, threads too: as many as the limit may exist, one more may not. */
static void number_of_tasks(void)
{
	if (getuid())
		check_skip("not privileged");
	int st = IN_CHILD(struct rlimit r = { 3, 3 }; CHECK(setrlimit(RLIMIT_NPROC, &r) == 0);
		/* root is exempt, whatever it has */
		CHECK(EXITED(IN_CHILD(CHECK(EXITED(IN_CHILD(CHECK(EXITED(IN_CHILD(CHECK(EXITED(IN_CHILD(), 0))), 0))), 0))), 0));
		CHECK(setresgid(54321, 54321, 54321) == 0 && setresuid(54321, 54321, 54321) == 0);
		pid_t kids[2]; for (int i = 0; i < 2; i++) { kids[i] = fork(); CHECK(kids[i] >= 0); if (!kids[i]) for (;;) pause(); }
		CHECK_ERR(fork(), EAGAIN); CHECK_ERR(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0), EAGAIN);
		kill(kids[0], SIGKILL); await_state(kids[0], "Z"); CHECK_ERR(fork(), EAGAIN); /* a zombie counts */
		reap(kids[0]); pid_t p = fork(); CHECK(p >= 0); if (!p) _exit(0); reap(p); kill(kids[1], SIGKILL));
	CHECK(EXITED(st, 0));
}

CASES(CASE(by_prctl), CASE(timer_slack), CASE(sessions), CASE(oom_score_adj), CASE(niceness_and_reset_on_fork), CASE(affinity), CASE(counters_begin_anew),
	CASE(time_of_birth), CASE(actions_are_whole), CASE(mask_stays_pending_goes), CASE(altstacks), CASE(threads_join_a_group_stop), CASE(registers), CASE(gs_base),
	CASE(locks_on_memory_go), CASE(what_advice_says), CASE(robust_lists_are_not), CASE(raw_child_has_no_robust_list), CASE(number_of_tasks))
