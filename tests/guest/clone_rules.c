/* The rules of births that clone.c leaves out: which error wins, numbers that are asked for, tid words, exit signals, pidfds, unshare's refusals. */
#include "check.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif
#define PAGE 4096UL
#define STACK 65536
#define USER_END 0x7ffffffff000UL      /* with four levels of page tables */
#define BEYOND_USER (1UL << 57)        /* with five, too */
#define BAD_POINTER 8

static char *new_stack(void)
{
	char *s = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(s != MAP_FAILED);
	return s + STACK;
}
static long clone3(const void *args, size_t size) { return syscall(SYS_clone3, args, size); }
static long raw_clone(unsigned long flags, int *ptid, int *ctid, unsigned long tls) { return syscall(SYS_clone, flags, NULL, ptid, ctid, tls); }
#define BAD(e, ...) do { struct clone_args a_ = { __VA_ARGS__ }; CHECK_ERR(clone3(&a_, sizeof(a_)), e); } while (0)
/* The child of a call that is to succeed: it ends with this code. */
#define GOOD(call)                                                                                                     \
	do {                                                                                                               \
		long good_ = (call);                                                                                           \
		CHECK(good_ >= 0);                                                                                             \
		if (!good_)                                                                                                    \
			_exit(17);                                                                                                 \
		int good_st_;                                                                                                  \
		CHECK(waitpid((pid_t)good_, &good_st_, __WALL) == good_ && EXITED(good_st_, 17));                              \
	} while (0)
static int none_left(void) { return waitpid(-1, NULL, __WALL | WNOHANG) < 0 && errno == ECHILD; }
static void need_root(void)
{
	if (getuid())
		check_skip("not privileged");
}

/* --- the block ------------------------------------------------------------------------------------------------------------------------------ */

static void sizes_before_memory(void)
{
	CHECK_ERR(clone3((void *)BAD_POINTER, 63), EINVAL);
	CHECK_ERR(clone3((void *)BAD_POINTER, 4097), E2BIG);
	CHECK_ERR(clone3((void *)BAD_POINTER, 4096), EFAULT);
	/* what is too much is looked at before what is known is read */
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	memset(p + PAGE, 1, 64);
	CHECK(mprotect(p, PAGE, PROT_NONE) == 0);
	CHECK_ERR(clone3(p + PAGE - 88, 88 + 64), E2BIG);
	memset(p + PAGE, 0, 64);
	CHECK_ERR(clone3(p + PAGE - 88, 88 + 64), EFAULT);
	/* and unreadable excess is a fault, whatever the block says */
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 0xff, PAGE);
	CHECK(mprotect(p + PAGE, PAGE, PROT_NONE) == 0);
	CHECK_ERR(clone3(p + PAGE - 88, 89), EFAULT);
}

static void sizes_within_a_field(void)
{
	struct clone_args a = { .exit_signal = SIGCHLD, .set_tid = 0xff00000000000000UL, .set_tid_size = 0xffff000000000000UL, .cgroup = ~0UL };
	/* bytes beyond the size are zero, whatever stands there */
	for (size_t size = 64; size < 72; size++)
		GOOD(clone3(&a, size));
	a.set_tid = 0;
	for (size_t size = 72; size < 79; size++)
		GOOD(clone3(&a, size));
	CHECK_ERR(clone3(&a, 79), EINVAL); /* the first byte of set_tid_size that is not zero */
	a.set_tid_size = 0;
	for (size_t size = 80; size <= 88; size++)
		GOOD(clone3(&a, size));
	a.flags = CLONE_INTO_CGROUP;
	a.cgroup = 99;
	CHECK_ERR(clone3(&a, 87), EINVAL);
	CHECK_ERR(clone3(&a, 80), EINVAL);
	CHECK_ERR(clone3(&a, 88), EBADF);
	a.cgroup = 0x80000000UL;
	CHECK_ERR(clone3(&a, 88), EINVAL);
}

static void first_failure_wins(void)
{
	int tid = 1;
	/* 8 and 9 before 10, 10 before 11 */
	BAD(EINVAL, .exit_signal = 65, .set_tid = BAD_POINTER, .set_tid_size = 1);
	BAD(EINVAL, .exit_signal = SIGCHLD, .flags = CLONE_INTO_CGROUP, .cgroup = 1UL << 31, .set_tid = BAD_POINTER, .set_tid_size = 1);
	BAD(EFAULT, .exit_signal = SIGCHLD, .flags = 1UL << 63, .set_tid = BAD_POINTER, .set_tid_size = 1);
	BAD(EFAULT, .exit_signal = SIGCHLD, .flags = CLONE_THREAD, .set_tid = BAD_POINTER, .set_tid_size = 1);
	BAD(EINVAL, .exit_signal = SIGCHLD, .flags = 0x7f);
	BAD(EINVAL, .exit_signal = SIGCHLD, .stack = BEYOND_USER - PAGE, .stack_size = PAGE);
	BAD(EINVAL, .exit_signal = SIGCHLD, .stack = PAGE, .stack_size = -PAGE);
	/* the thread's registers (EPERM) before the number, the number before the pidfd, the pidfd before the group */
	need_root();
	BAD(EPERM, .exit_signal = SIGCHLD, .flags = CLONE_SETTLS, .tls = BEYOND_USER, .set_tid = (uintptr_t)&tid, .set_tid_size = 1);
	BAD(EEXIST, .exit_signal = SIGCHLD, .flags = CLONE_PIDFD, .pidfd = BAD_POINTER, .set_tid = (uintptr_t)&tid, .set_tid_size = 1);
	BAD(EEXIST, .exit_signal = SIGCHLD, .flags = CLONE_INTO_CGROUP, .cgroup = 99, .set_tid = (uintptr_t)&tid, .set_tid_size = 1);
	BAD(EFAULT, .exit_signal = SIGCHLD, .flags = CLONE_PIDFD | CLONE_INTO_CGROUP, .pidfd = BAD_POINTER, .cgroup = 99);
	/* namespaces before registers */
	BAD(EINVAL, .exit_signal = SIGCHLD, .flags = CLONE_SETTLS | CLONE_NEWIPC | CLONE_SYSVSEM, .tls = BEYOND_USER);
	CHECK(none_left());
}

static void without_privilege(void)
{
	static const uint64_t spaces[] = { CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWCGROUP, 0x80 };
	need_root();
	CHECK(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
	for (size_t i = 0; i < NELEM(spaces); i++) {
		BAD(EPERM, .exit_signal = SIGCHLD, .flags = spaces[i]);
		CHECK_ERR(unshare((int)spaces[i]), EPERM);
	}
	/* the right before the rule, the rules of flags before the right */
	BAD(EPERM, .exit_signal = SIGCHLD, .flags = CLONE_NEWIPC | CLONE_SYSVSEM);
	BAD(EINVAL, .exit_signal = SIGCHLD, .flags = CLONE_NEWNS | CLONE_FS);
	BAD(EINVAL, .exit_signal = SIGCHLD, .flags = CLONE_NEWUSER | CLONE_FS);
	/* numbers are asked for by CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN; whether it is taken comes later, whether it is one earlier */
	int one = 1, zero = 0, free_one = 29999;
	BAD(EPERM, .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&one, .set_tid_size = 1);
	BAD(EPERM, .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&free_one, .set_tid_size = 1);
	BAD(EINVAL, .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&zero, .set_tid_size = 1);
	CHECK(none_left());
}

static void stacks_are_not_looked_at(void)
{
	/* neither mapped nor aligned: the child finds out */
	struct clone_args a = { .exit_signal = SIGCHLD, .stack = 0x10001, .stack_size = 7 };
	struct rlimit no_core = { 0, 0 };
	setrlimit(RLIMIT_CORE, &no_core);
	long p = clone3(&a, sizeof(a));
	CHECK(p > 0 && KILLED(reap((pid_t)p), SIGSEGV));
	a.stack = USER_END - PAGE;
	a.stack_size = PAGE;
	p = clone3(&a, sizeof(a));
	CHECK(p > 0 && KILLED(reap((pid_t)p), SIGSEGV));
}

/* --- clone's own byte and bits --------------------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t seen[65];
static void on_sig(int sig) { seen[sig]++; }

static void legacy_bits(void)
{
	/* 32 bits are the flags; bit 0x400000 means nothing, but it does with a pidfd */
	int fd;
	GOOD(raw_clone(0x500000000UL | SIGCHLD, NULL, NULL, 0));
	GOOD(raw_clone(CLONE_DETACHED | SIGCHLD, NULL, NULL, 0));
	CHECK_ERR(raw_clone(CLONE_DETACHED | CLONE_PIDFD | SIGCHLD, &fd, NULL, 0), EINVAL);
	/* no number is refused as an exit signal; those that are none are never sent */
	for (int sig = 1; sig <= 64; sig++)
		if (sig != SIGKILL && sig != SIGSTOP && sig != 32 && sig != 33)
			signal(sig, on_sig);
	int odd[] = { 0, 65, 128, 200, 255 };
	for (size_t i = 0; i < NELEM(odd); i++) {
		long p = raw_clone((unsigned long)odd[i], NULL, NULL, 0);
		CHECK(p >= 0);
		if (!p)
			_exit(3);
		int st;
		CHECK_ERR(waitpid((pid_t)p, &st, 0), ECHILD);
		CHECK(waitpid((pid_t)p, &st, __WCLONE) == p && EXITED(st, 3));
	}
	for (int sig = 1; sig <= 64; sig++)
		CHECK(!seen[sig]);
}

/* CLONE_PARENT: the new one's signal is that of the caller's leader, whatever the byte says. */
static void sibling_takes_the_leaders_signal(void)
{
	signal(SIGUSR1, on_sig);
	signal(SIGUSR2, on_sig);
	signal(SIGCHLD, on_sig);
	long mid = raw_clone(SIGUSR1, NULL, NULL, 0);
	CHECK(mid >= 0);
	if (!mid) {
		long p = raw_clone(CLONE_PARENT | SIGUSR2, NULL, NULL, 0);
		CHECK(p >= 0);
		_exit(p ? 0 : 5);
	}
	int st, n = 0, codes = 0;
	while (n < 2) {
		pid_t p = waitpid(-1, &st, __WCLONE);
		if (p < 0 && errno == EINTR)
			continue;
		CHECK(p > 0 && WIFEXITED(st));
		codes += WEXITSTATUS(st);
		n++;
	}
	CHECK(codes == 5 && seen[SIGUSR1] >= 1 && !seen[SIGUSR2] && !seen[SIGCHLD]);
}

/* An orphan that a subreaper gets ends by SIGCHLD. */
static void orphans_end_by_sigchld(void)
{
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	signal(SIGUSR1, on_sig);
	signal(SIGCHLD, on_sig);
	int fds[2], st;
	char c;
	CHECK(pipe(fds) == 0);
	pid_t mid = fork();
	if (!mid) {
		long p = raw_clone(SIGUSR1, NULL, NULL, 0);
		if (!p) {
			close(fds[1]);
			CHECK(read(fds[0], &c, 1) == 0);
			_exit(6);
		}
		SHARED[0] = (int)p;
		_exit(0);
	}
	CHECK(EXITED(reap(mid), 0));
	seen[SIGCHLD] = 0;
	close(fds[1]);
	pid_t p;
	while ((p = waitpid(SHARED[0], &st, 0)) < 0 && errno == EINTR) /* no __WCLONE */
		;
	CHECK(p == SHARED[0] && EXITED(st, 6) && seen[SIGCHLD] && !seen[SIGUSR1]);
}

/* Whose parent has executed another program ends by SIGCHLD: the signal was the old program's choice. */
static int after_exec(void)
{
	sigset_t s;
	sigemptyset(&s);
	sigaddset(&s, SIGCHLD);
	sigaddset(&s, SIGUSR2);
	struct timespec t = { 5, 0 };
	if (write(9, "x", 1) != 1)
		return 1;
	return sigtimedwait(&s, NULL, &t) == SIGCHLD ? 0 : 2;
}
static void parents_exec_is_remembered(void)
{
	sigset_t s;
	int fds[2];
	char c;
	CHECK(pipe(fds) == 0);
	sigemptyset(&s);
	sigaddset(&s, SIGCHLD);
	sigaddset(&s, SIGUSR2);
	int st = IN_CHILD(sigprocmask(SIG_BLOCK, &s, NULL); long p = raw_clone(SIGUSR2, NULL, NULL, 0); if (!p) _exit(read(fds[0], &c, 1) == 1 ? 0 : 1);
		dup2(fds[1], 9); execl("/proc/self/exe", "clone_rules", "--after-exec", (char *)NULL); _exit(9));
	CHECK(EXITED(st, 0));
}

/* --- numbers --------------------------------------------------------------------------------------------------------------------------------- */

static long with_tid(int tid)
{
	struct clone_args a = { .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&tid, .set_tid_size = 1 };
	return clone3(&a, sizeof(a));
}

static void asked_for_numbers(void)
{
	char max[32] = { 0 };
	int two[33] = { 5000, 5000 };
	need_root();
	int fd = open("/proc/sys/kernel/pid_max", O_RDONLY);
	CHECK(fd >= 0 && read(fd, max, 31) > 0);
	CHECK_ERR(with_tid(atoi(max)), EINVAL);
	CHECK_ERR(with_tid(0), EINVAL);
	CHECK_ERR(with_tid(getpid()), EEXIST);
	BAD(EINVAL, .exit_signal = SIGCHLD, .set_tid = (uintptr_t)two, .set_tid_size = 33);
	/* a namespace's first process is 1 */
	BAD(EINVAL, .exit_signal = SIGCHLD, .flags = CLONE_NEWPID, .set_tid = (uintptr_t)two, .set_tid_size = 1);
	/* the number does not move the cursor */
	pid_t a = fork();
	if (!a)
		_exit(0);
	reap(a);
	int want = a + 700 < atoi(max) ? a + 700 : a - 700;
	long p = with_tid(want);
	if (!p)
		_exit(getpid() == want ? 0 : 1);
	if (p < 0 && errno == EEXIST)
		check_skip("somebody has the number");
	CHECK(p == want && EXITED(reap((pid_t)p), 0));
	pid_t b = fork();
	if (!b)
		_exit(0);
	reap(b);
	CHECK(want < a || (b > a && b < want) || b < a);
}

/* A number is in use as long as a group or a session goes by it. */
static void groups_keep_numbers(void)
{
	need_root();
	int fds[2];
	char c;
	CHECK(pipe(fds) == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	pid_t leader = fork();
	if (!leader) {
		setsid();
		pid_t member = fork();
		if (!member) {
			close(fds[1]);
			_exit(read(fds[0], &c, 1) != 0);
		}
		SHARED[0] = member;
		_exit(0);
	}
	CHECK(EXITED(reap(leader), 0));
	CHECK_ERR(with_tid(leader), EEXIST);
	close(fds[1]);
	reap(SHARED[0]);
	long p = with_tid(leader);
	if (p < 0 && errno == EEXIST)
		check_skip("somebody has the number again");
	if (!p)
		_exit(0);
	CHECK(p == leader && EXITED(reap(leader), 0));
}

/* --- pidfds --------------------------------------------------------------------------------------------------------------------------------- */

static int sleeper(void *arg)
{
	while (!*(volatile int *)arg)
		sched_yield();
	syscall(SYS_exit, 0);
	return 0;
}

static void pidfd_of_a_process(void)
{
	int fd = -1, other = -1;
	struct clone_args a = { .exit_signal = SIGCHLD, .flags = CLONE_PIDFD | CLONE_PARENT_SETTID, .pidfd = (uintptr_t)&fd, .parent_tid = (uintptr_t)&other };
	long p = clone3(&a, sizeof(a));
	CHECK(p >= 0);
	if (!p) {
		/* it is made after the descriptors are copied */
		CHECK_ERR(fcntl(fd, F_GETFD), EBADF);
		_exit(4);
	}
	CHECK(other == p && fcntl(fd, F_GETFD) == FD_CLOEXEC && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR && !(fcntl(fd, F_GETFL) & O_EXCL));
	struct pollfd pf = { fd, POLLIN, 0 };
	CHECK(poll(&pf, 1, 5000) == 1 && pf.revents == POLLIN);
	CHECK(EXITED(reap((pid_t)p), 4));
	close(fd);
	/* shared descriptors: the child has it as well */
	a.flags = CLONE_PIDFD | CLONE_FILES;
	p = clone3(&a, sizeof(a));
	if (!p)
		_exit(fcntl(fd, F_GETFD) == FD_CLOEXEC ? 0 : 1);
	CHECK(p > 0 && EXITED(reap((pid_t)p), 0));
}

static void pidfd_of_a_thread(void)
{
	static volatile int go;
	int fd = -1;
	long p = clone(sleeper, new_stack(), CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_PIDFD, (void *)&go, &fd);
	if (p < 0 && errno == EINVAL)
		check_skip("older than 6.9");
	CHECK(p > 0 && fd >= 0 && (fcntl(fd, F_GETFL) & PIDFD_THREAD));
	struct pollfd pf = { fd, POLLIN, 0 };
	CHECK(poll(&pf, 1, 0) == 0);
	go = 1;
	CHECK(poll(&pf, 1, 5000) == 1 && (pf.revents & POLLIN));
}

static void pidfd_failures_leave_nothing(void)
{
	int fd = -1, lowest = dup(0);
	close(lowest);
	BAD(EFAULT, .exit_signal = SIGCHLD, .flags = CLONE_PIDFD, .pidfd = BAD_POINTER);
	CHECK_ERR(raw_clone(CLONE_PIDFD | SIGCHLD, (int *)BAD_POINTER, NULL, 0), EFAULT);
	struct rlimit old, none;
	CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
	none = (struct rlimit){ (rlim_t)lowest, old.rlim_max };
	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
	CHECK_ERR(raw_clone(CLONE_PIDFD | SIGCHLD, &fd, NULL, 0), EMFILE);
	CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
	CHECK(none_left() && dup(0) == lowest);
}

/* --- tid words ------------------------------------------------------------------------------------------------------------------------------- */

static int at_once(void *arg) { (void)arg; syscall(SYS_exit, 0); return 0; }
static int exec_true(void *arg)
{
	execl("/proc/self/exe", "clone_rules", "--nothing", (char *)NULL);
	_exit(9 + !arg);
}

/* The word is cleared, and its waiters woken, only if somebody else uses the memory. */
static void clearing(void)
{
	int *word = (int *)&SHARED[0];
	*word = 77;
	GOOD(raw_clone(CLONE_CHILD_CLEARTID | SIGCHLD, NULL, word, 0));
	CHECK(*word == 77);
	/* a process in our memory */
	long p = clone(at_once, new_stack(), CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD, NULL, NULL, NULL, word);
	CHECK(p > 0);
	while (__atomic_load_n(word, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, word, FUTEX_WAIT, 77, NULL, NULL, 0);
	reap((pid_t)p);
	/* exec leaves the memory as well */
	*word = 78;
	p = clone(exec_true, new_stack(), CLONE_VM | CLONE_VFORK | CLONE_CHILD_CLEARTID | SIGCHLD, (void *)1, NULL, NULL, word);
	CHECK(p > 0 && *word == 0 && EXITED(reap((pid_t)p), 0));
	/* nobody inherits it */
	*word = 79;
	int st = IN_CHILD(CHECK(syscall(SYS_set_tid_address, word) == getpid());
		long q = clone(at_once, new_stack(), CLONE_VM | SIGCHLD, NULL); CHECK(q > 0 && EXITED(reap((pid_t)q), 0) && *word == 79));
	CHECK(EXITED(st, 0) && *word == 79);
}

static void child_word_is_the_childs(void)
{
	int word = 5;
	long p = raw_clone(CLONE_CHILD_SETTID | SIGCHLD, NULL, &word, 0);
	CHECK(p >= 0);
	if (!p)
		_exit(word == getpid() ? 0 : 1);
	CHECK(word == 5 && EXITED(reap((pid_t)p), 0));
}

static void tls_limits(void)
{
	static char info[8192];
	int fd = open("/proc/cpuinfo", O_RDONLY);
	CHECK(fd >= 0 && read(fd, info, sizeof(info) - 1) > 0);
	if (!strstr(info, " la57"))
		CHECK_ERR(raw_clone(CLONE_SETTLS | SIGCHLD, NULL, NULL, USER_END), EPERM);
	CHECK_ERR(raw_clone(CLONE_SETTLS | SIGCHLD, NULL, NULL, BEYOND_USER), EPERM);
	CHECK_ERR(raw_clone(CLONE_SETTLS | SIGCHLD, NULL, NULL, ~0UL), EPERM);
	CHECK(none_left());
}

/* A thread may be waited for until its memory is let go of, that is until it ends. */
static int slow_thread(void *arg)
{
	msleep(20);
	*(volatile int *)arg = 1;
	syscall(SYS_exit, 0);
	return 0;
}
static void vfork_with_a_thread(void)
{
	static volatile int done;
	long p = clone(slow_thread, new_stack(), CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_VFORK, (void *)&done);
	CHECK(p > 0 && done == 1);
}

/* Signals that come in the middle are waited for and the call begins anew: nobody sees them. */
static void signals_do_not_break_births(void)
{
	struct sigaction sa = { .sa_handler = on_sig };
	struct itimerval t = { { 0, 300 }, { 0, 300 } };
	CHECK(sigaction(SIGALRM, &sa, NULL) == 0 && setitimer(ITIMER_REAL, &t, NULL) == 0);
	for (int i = 0; i < 200; i++) {
		pid_t p = fork();
		CHECK(p >= 0);
		if (!p)
			_exit(0);
		CHECK(EXITED(reap(p), 0));
	}
	CHECK(seen[SIGALRM] > 0);
}

/* --- unshare --------------------------------------------------------------------------------------------------------------------------------- */

static void unshare_alone(void)
{
	static const unsigned long good[] = { 0, CLONE_THREAD, CLONE_FS, CLONE_SIGHAND, CLONE_VM, CLONE_FILES, CLONE_SYSVSEM, CLONE_THREAD | CLONE_VM };
	static const unsigned long bad[] = { 1, 0x40, CLONE_PTRACE, CLONE_VFORK, CLONE_PARENT, CLONE_SETTLS, CLONE_PARENT_SETTID, CLONE_CHILD_CLEARTID, CLONE_DETACHED,
		CLONE_UNTRACED, CLONE_CHILD_SETTID, CLONE_PIDFD, CLONE_IO, 0x100000000UL, 0x200000000UL };
	for (size_t i = 0; i < NELEM(good); i++)
		CHECK(syscall(SYS_unshare, good[i]) == 0);
	for (size_t i = 0; i < NELEM(bad); i++)
		CHECK_ERR(syscall(SYS_unshare, bad[i]), EINVAL);
}

static void *unshare_in_a_thread(void *arg)
{
	static const int bad[] = { CLONE_THREAD, CLONE_SIGHAND, CLONE_VM, CLONE_NEWUSER };
	static const int good[] = { CLONE_FS, CLONE_FILES, CLONE_SYSVSEM };
	for (size_t i = 0; i < NELEM(bad); i++)
		CHECK_ERR(unshare(bad[i]), EINVAL);
	for (size_t i = 0; i < NELEM(good); i++)
		CHECK(unshare(good[i]) == 0);
	/* its own now */
	CHECK(chdir("/") == 0 && close(100) == 0);
	umask(0123);
	return arg;
}
static void unshare_with_threads(void)
{
	pthread_t t;
	char cwd[256];
	CHECK(dup2(0, 100) == 100);
	CHECK(pthread_create(&t, NULL, unshare_in_a_thread, NULL) == 0 && pthread_join(t, NULL) == 0);
	CHECK(getcwd(cwd, sizeof(cwd)) && strcmp(cwd, "/") && fcntl(100, F_GETFD) == 0 && umask(0) == 022);
	/* alone again, it is allowed; who was joined is a little longer in the group */
	while (unshare(CLONE_VM | CLONE_SIGHAND) < 0) {
		CHECK(errno == EINVAL);
		msleep(1);
	}
}

static int unshare_vm(void *arg)
{
	int *r = arg;
	r[0] = unshare(CLONE_VM) < 0 ? errno : 0;
	r[1] = unshare(CLONE_SIGHAND) < 0 ? errno : 0;
	r[2] = unshare(CLONE_THREAD) < 0 ? errno : 0;
	syscall(SYS_exit, 0);
	return 0;
}
static void unshare_what_processes_share(void)
{
	int r[3] = { -1, -1, -1 };
	long p = clone(unshare_vm, new_stack(), CLONE_VM | SIGCHLD, r);
	CHECK(p > 0 && EXITED(reap((pid_t)p), 0));
	CHECK(r[0] == EINVAL && r[1] == 0 && r[2] == 0);
	p = clone(unshare_vm, new_stack(), CLONE_VM | CLONE_SIGHAND | SIGCHLD, r);
	CHECK(p > 0 && EXITED(reap((pid_t)p), 0));
	CHECK(r[0] == EINVAL && r[1] == EINVAL && r[2] == 0);
}

/* Children go into a new pid namespace, we do not: then no thread, and no second namespace. */
static void unshare_pid_once(void)
{
	need_root();
	CHECK(unshare(CLONE_NEWPID) == 0);
	CHECK_ERR(unshare(CLONE_NEWPID), EINVAL);
	BAD(EINVAL, .exit_signal = SIGCHLD, .flags = CLONE_NEWPID);
	CHECK_ERR(clone(sleeper, new_stack(), CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, NULL), EINVAL);
	long p = raw_clone(CLONE_PARENT | SIGCHLD, NULL, NULL, 0); /* legal, and the first of the namespace */
	CHECK(p >= 0);
	if (!p)
		_exit(getpid() == 1 ? 0 : 1);
}

static void unshare_in_order(void)
{
	need_root();
	/* what needs no right is done before what fails for want of it? No: all or nothing. */
	char cwd[256];
	CHECK(EXITED(IN_CHILD(CHECK(setresuid(65534, 65534, 65534) == 0); CHECK_ERR(unshare(CLONE_FS | CLONE_FILES | CLONE_NEWUTS), EPERM)), 0));
	CHECK(getcwd(cwd, sizeof(cwd)));
	CHECK_ERR(unshare(CLONE_NEWIPC | CLONE_PARENT), EINVAL);
}

static int clone_rules_helper(char **argv) { return !strcmp(argv[1], "--after-exec") ? after_exec() : 0; }
#undef HELPER
#define HELPER(argc, argv) clone_rules_helper(argv)
CASES(CASE(sizes_before_memory), CASE(sizes_within_a_field), CASE(first_failure_wins), CASE(without_privilege), CASE(stacks_are_not_looked_at), CASE(legacy_bits),
	CASE(sibling_takes_the_leaders_signal), CASE(orphans_end_by_sigchld), CASE(parents_exec_is_remembered), CASE(asked_for_numbers), CASE(groups_keep_numbers),
	CASE(pidfd_of_a_process), CASE(pidfd_of_a_thread), CASE(pidfd_failures_leave_nothing), CASE(clearing), CASE(child_word_is_the_childs), CASE(tls_limits),
	CASE(vfork_with_a_thread), CASE(signals_do_not_break_births), CASE(unshare_alone), CASE(unshare_with_threads), CASE(unshare_what_processes_share),
	CASE(unshare_pid_once), CASE(unshare_in_order))
