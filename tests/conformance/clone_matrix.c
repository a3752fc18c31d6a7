/*
 * What the kernel says to each set of CLONE_* flags: clone, clone3 and unshare with every single flag, every pair and 20,000 seeded random sets, as root, as
 * somebody without privilege, and both in a new user namespace. One line per case: the errno, or what the child (of unshare: the caller) found to be so.
 *
 *	clone_matrix          makes the calls and prints the answers
 *	clone_matrix --list   prints the calls alone, in the same order
 *
 * The keeper forks a worker for each setting; the worker makes the calls. A child does raw system calls only (it may share our memory, and our TLS), looks
 * around, stores what it saw in shared memory and exits. The caller of unshare is a child of the worker.
 */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#define CLONE_CLEAR_SIGHAND_ 0x100000000ULL
#define CLONE_INTO_CGROUP_ 0x200000000ULL
#define RANDOM_SETS 5000 /* per setting */
#define PROBE_FD 100
#define PROBE_UMASK 0123
#define STACKS 64
#define STACK_SIZE 16384

typedef uint64_t u64;

struct block {
	u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

/* --- raw calls: no errno, no TLS -------------------------------------------------------------------------------------------------------- */

static inline long raw(long nr, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long r;
	__asm__ __volatile__("syscall" : "=a"(r) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
	return r;
}

/* clone or clone3 with a stack of the child's own, on which it runs fn. */
static __attribute__((noinline)) long raw_clone(long nr, long a, long b, long c, long d, long e, void (*fn)(void))
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register void (*child)(void) __asm__("r12") = fn;
	long r;
	__asm__ __volatile__("syscall\n\ttestq %%rax, %%rax\n\tjne 1f\n\txorl %%ebp, %%ebp\n\tcall *%%r12\n\tud2\n1:"
						 : "=a"(r)
						 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(child)
						 : "rcx", "r11", "memory");
	return r;
}

/* --- what is seen ------------------------------------------------------------------------------------------------------------------------ */

static const char *const ns_names[] = { "mnt", "uts", "ipc", "net", "pid", "pid_for_children", "user", "cgroup", "time", "time_for_children" };
#define NS_COUNT (sizeof(ns_names) / sizeof(ns_names[0]))
static char ns_path[NS_COUNT][64];

struct seen {
	volatile int done;
	int is_thread, parent, pid_is_1, admin, tid_set, usr1_default;
	unsigned ns; /* bit n: another one than the worker's */
	long err;
};
static struct seen *seen; /* shared memory */
static u64 base_ns[NS_COUNT];
static int my_pid, my_ppid;
static volatile int private_word;
static int tid_word, parent_word, pidfd_word;

static u64 ns_inode(unsigned i)
{
	struct stat st;
	return raw(SYS_stat, (long)ns_path[i], (long)&st, 0, 0) ? 0 : st.st_ino;
}

/* Everything that the running task can find out, and the marks it leaves for the worker to find or not. */
static void look(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct caps[2] = { { 0 } };
	struct {
		u64 handler, flags, restorer, mask;
	} usr1 = { 0 }, ignore = { .handler = 1 };
	long ppid = raw(SYS_getppid, 0, 0, 0, 0), pid = raw(SYS_getpid, 0, 0, 0, 0);
	seen->is_thread = pid == my_pid;
	seen->pid_is_1 = pid == 1;
	seen->parent = ppid == my_pid ? 1 : ppid == my_ppid ? 2 : ppid == 0 ? 3 : 4;
	seen->tid_set = tid_word == (int)raw(SYS_gettid, 0, 0, 0, 0);
	seen->ns = 0;
	for (unsigned i = 0; i < NS_COUNT; i++)
		if (ns_inode(i) != base_ns[i])
			seen->ns |= 1u << i;
	raw(SYS_capget, (long)&h, (long)caps, 0, 0);
	seen->admin = caps[0].effective >> CAP_SYS_ADMIN & 1;
	raw(SYS_rt_sigaction, SIGUSR1, 0, (long)&usr1, 8);
	seen->usr1_default = usr1.handler == 0;
	raw(SYS_rt_sigaction, SIGUSR2, (long)&ignore, 0, 8);
	raw(SYS_umask, PROBE_UMASK, 0, 0, 0);
	raw(SYS_dup2, 0, PROBE_FD, 0, 0);
	private_word = 1;
}

/* After `done` is seen the stack may be anybody's. */
static void leave(void)
{
	__asm__ __volatile__("movl $1, (%0)\n\tmovl $60, %%eax\n\txorl %%edi, %%edi\n\tsyscall\n\tud2" ::"r"(&seen->done)
						 : "memory", "rax", "rdi", "rcx", "r11");
	__builtin_unreachable();
}
static void child_looks(void)
{
	look();
	leave();
}

/* --- cases ------------------------------------------------------------------------------------------------------------------------------- */

enum call { CLONE, CLONE3, UNSHARE_ALONE, UNSHARE_VM, UNSHARE_THREAD, CALLS };
static const char *const call_names[] = { "clone", "clone3", "unshare", "unshare-vm", "unshare-thread" };
enum setting { ROOT, NOBODY, NS_ROOT, NS_NOBODY, SETTINGS };
static const char *const setting_names[] = { "root", "nobody", "userns-root", "userns-nobody" };

static const struct {
	u64 bit;
	const char *name;
} flag_names[] = {
	{ CLONE_VM, "VM" },
	{ CLONE_FS, "FS" },
	{ CLONE_FILES, "FILES" },
	{ CLONE_SIGHAND, "SIGHAND" },
	{ CLONE_PIDFD, "PIDFD" },
	{ CLONE_PTRACE, "PTRACE" },
	{ CLONE_VFORK, "VFORK" },
	{ CLONE_PARENT, "PARENT" },
	{ CLONE_THREAD, "THREAD" },
	{ CLONE_NEWNS, "NEWNS" },
	{ CLONE_SYSVSEM, "SYSVSEM" },
	{ CLONE_SETTLS, "SETTLS" },
	{ CLONE_PARENT_SETTID, "PARENT_SETTID" },
	{ CLONE_CHILD_CLEARTID, "CHILD_CLEARTID" },
	{ CLONE_DETACHED, "DETACHED" },
	{ CLONE_UNTRACED, "UNTRACED" },
	{ CLONE_CHILD_SETTID, "CHILD_SETTID" },
	{ CLONE_NEWCGROUP, "NEWCGROUP" },
	{ CLONE_NEWUTS, "NEWUTS" },
	{ CLONE_NEWIPC, "NEWIPC" },
	{ CLONE_NEWUSER, "NEWUSER" },
	{ CLONE_NEWPID, "NEWPID" },
	{ CLONE_NEWNET, "NEWNET" },
	{ CLONE_IO, "IO" },
	/* Not for clone, where the low byte is a signal and the high half is dropped. */
	{ CLONE_NEWTIME, "NEWTIME" },
	{ CLONE_CLEAR_SIGHAND_, "CLEAR_SIGHAND" },
	{ CLONE_INTO_CGROUP_, "INTO_CGROUP" },
	{ 1, "0x1" },
	{ 0x40, "0x40" },
	{ 1ULL << 34, "0x400000000" },
	{ 1ULL << 63, "0x8000000000000000" },
};
#define LEGACY_FLAGS 24
#define FLAGS (sizeof(flag_names) / sizeof(flag_names[0]))

struct request {
	enum call call;
	u64 flags;
	unsigned sig;
};

static u64 seed;
static u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static unsigned flags_of(enum call c) { return c == CLONE ? LEGACY_FLAGS : FLAGS; }

/* The exit signal that lets the flags themselves be judged. */
static unsigned plain_signal(u64 flags) { return flags & (CLONE_THREAD | CLONE_PARENT) ? 0 : SIGCHLD; }

static struct request random_request(void)
{
	static const unsigned odd[] = { 0, SIGCHLD, SIGUSR1, 64, 65, 255 };
	static const enum call calls[] = { CLONE, CLONE3, CLONE, CLONE3, UNSHARE_ALONE, UNSHARE_VM, UNSHARE_THREAD, UNSHARE_ALONE };
	struct request r = { calls[rnd() % 8], 0, 0 };
	unsigned n = 1 + (unsigned)(rnd() % 8);
	/* The last few are nearly always wrong: rare. */
	unsigned from = rnd() % 16 ? (r.call == CLONE ? LEGACY_FLAGS : LEGACY_FLAGS + 2) : flags_of(r.call);
	while (n--)
		r.flags |= flag_names[rnd() % from].bit;
	/* Half of them with what their flags demand, so that more than EINVAL is seen. */
	if (rnd() % 2) {
		if (r.flags & CLONE_THREAD)
			r.flags |= CLONE_SIGHAND;
		if (r.flags & CLONE_SIGHAND)
			r.flags = (r.flags | CLONE_VM) & ~CLONE_CLEAR_SIGHAND_;
		if (r.flags & (CLONE_NEWNS | CLONE_NEWUSER))
			r.flags &= ~(u64)CLONE_FS;
	}
	r.sig = rnd() % 8 ? plain_signal(r.flags) : odd[rnd() % 6];
	return r;
}

/* --- one call ---------------------------------------------------------------------------------------------------------------------------- */

static char *stacks;
static unsigned next_stack;
static long my_tls;

static char *fresh_stack(void) { return stacks + (size_t)(next_stack++ % STACKS) * STACK_SIZE; }

/* Until the child is gone, reaped by us or (a sibling) by the keeper; threads vanish by themselves. */
static void await_end(long tid, int ours)
{
	while (!seen->done)
		raw(SYS_sched_yield, 0, 0, 0, 0);
	if (ours)
		while (waitpid((pid_t)tid, NULL, __WALL) < 0 && errno == EINTR)
			;
	else
		while (raw(SYS_tkill, tid, 0, 0, 0) != -ESRCH)
			raw(SYS_sched_yield, 0, 0, 0, 0);
}

/* Children that only their marks in the worker betray; takes them away again. */
static void put_marks(FILE *out)
{
	struct sigaction sa, dfl = { .sa_handler = SIG_DFL };
	if (private_word)
		fputs(" vm", out);
	private_word = 0;
	if (umask(022) == PROBE_UMASK)
		fputs(" fs", out);
	if (close(PROBE_FD) == 0)
		fputs(" files", out);
	sigaction(SIGUSR2, &dfl, &sa);
	if (sa.sa_handler == SIG_IGN)
		fputs(" sighand", out);
	/* The end of a pid namespace's init ignores it in a shared table. */
	sigaction(SIGCHLD, &dfl, &sa);
	if (sa.sa_handler == SIG_IGN)
		fputs(" sigchld-ignored", out);
}

static void put_seen(FILE *out)
{
	static const char *const parents[] = { "", "child", "sibling", "ppid0", "stranger" };
	fprintf(out, " %s", seen->is_thread ? "thread" : parents[seen->parent]);
	if (seen->pid_is_1)
		fputs(" init", out);
	if (seen->admin)
		fputs(" admin", out);
	if (seen->usr1_default)
		fputs(" cleared", out);
	if (seen->tid_set)
		fputs(" ctid", out);
	for (unsigned i = 0; i < NS_COUNT; i++)
		if (seen->ns >> i & 1)
			fprintf(out, " %s", ns_names[i]);
}

static void put_error(FILE *out, long err) { fputs(strerrorname_np((int)-err) ? strerrorname_np((int)-err) : "?", out); }

/* Which signal the end of a child brought; all are blocked. */
static void put_signal(FILE *out)
{
	sigset_t all;
	struct timespec now = { 0, 0 };
	int sig;
	sigfillset(&all);
	while ((sig = sigtimedwait(&all, NULL, &now)) > 0)
		fprintf(out, " sig%d", sig);
}

static void try_clone(FILE *out, const struct request *r)
{
	char *stack = fresh_stack();
	long pid;
	memset(seen, 0, sizeof(*seen));
	tid_word = parent_word = pidfd_word = -1;
	if (r->call == CLONE) {
		pid = raw_clone(SYS_clone, (long)(r->flags | r->sig), (long)(stack + STACK_SIZE), (long)&parent_word, (long)&tid_word, my_tls, child_looks);
		pidfd_word = r->flags & CLONE_PIDFD ? parent_word : -1;
	} else {
		struct block b = { r->flags, (u64)&pidfd_word, (u64)&tid_word, (u64)&parent_word, r->sig, (u64)stack, STACK_SIZE, (u64)my_tls, 0, 0, 0xffff };
		pid = raw_clone(SYS_clone3, (long)&b, sizeof(b), 0, 0, 0, child_looks);
	}
	if (pid < 0) {
		put_error(out, pid);
		return;
	}
	int waited = seen->done;
	await_end(pid, !(r->flags & (CLONE_THREAD | CLONE_PARENT)));
	fputs("ok", out);
	put_seen(out);
	put_marks(out);
	if (parent_word == pid)
		fputs(" ptid", out);
	if ((r->flags & CLONE_VFORK) && waited)
		fputs(" waited", out);
	if (pidfd_word >= 0 && fcntl(pidfd_word, F_GETFD) == FD_CLOEXEC)
		fputs(" pidfd", out);
	if (pidfd_word >= 0)
		close(pidfd_word);
	/* The word is cleared before the wait can end. */
	if ((r->flags & (CLONE_VM | CLONE_CHILD_CLEARTID | CLONE_THREAD | CLONE_PARENT)) == (CLONE_VM | CLONE_CHILD_CLEARTID) && tid_word == 0)
		fputs(" tid0", out);
	put_signal(out);
}

static u64 unshare_flags;
static void child_unshares(void)
{
	seen->err = raw(SYS_unshare, (long)unshare_flags, 0, 0, 0);
	if (!seen->err)
		look();
	leave();
}

static void try_unshare(FILE *out, const struct request *r)
{
	static const u64 how[] = { [UNSHARE_ALONE] = CLONE_FILES | CLONE_FS | SIGCHLD,
		[UNSHARE_VM] = CLONE_VM | CLONE_SIGHAND | CLONE_FS | CLONE_FILES | SIGCHLD,
		[UNSHARE_THREAD] = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_FS | CLONE_FILES };
	memset(seen, 0, sizeof(*seen));
	tid_word = -1;
	unshare_flags = r->flags;
	long pid = raw_clone(SYS_clone, (long)how[r->call], (long)(fresh_stack() + STACK_SIZE), 0, 0, 0, child_unshares);
	if (pid < 0) {
		fputs("no caller: ", out);
		put_error(out, pid);
		return;
	}
	await_end(pid, r->call != UNSHARE_THREAD);
	if (seen->err) {
		put_error(out, seen->err);
	} else {
		fputs("ok", out);
		put_seen(out);
		put_marks(out);
	}
	sigset_t all;
	struct timespec now = { 0, 0 };
	sigfillset(&all);
	while (sigtimedwait(&all, NULL, &now) > 0)
		;
}

static int list_only;

static void answer(FILE *out, enum setting s, const struct request *r)
{
	if (list_only) {
		fprintf(out, "%s %s", setting_names[s], call_names[r->call]);
		for (unsigned i = 0; i < FLAGS; i++)
			if (r->flags & flag_names[i].bit)
				fprintf(out, " %s", flag_names[i].name);
		if (r->call <= CLONE3)
			fprintf(out, " sig=%u", r->sig);
	} else if (r->call <= CLONE3) {
		try_clone(out, r);
	} else {
		try_unshare(out, r);
	}
	fputc('\n', out);
}

/* --- settings ---------------------------------------------------------------------------------------------------------------------------- */

static void die(const char *what)
{
	fprintf(stderr, "clone_matrix: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die(path);
	close(fd);
}

static void enter_setting(enum setting s)
{
	if (s == NOBODY && (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000)))
		die("setresuid");
	if (s >= NS_ROOT) {
		if (unshare(CLONE_NEWUSER))
			die("unshare");
		put_file("/proc/self/setgroups", "deny");
		put_file("/proc/self/uid_map", "0 0 1");
		put_file("/proc/self/gid_map", "0 0 1");
	}
	if (s == NS_NOBODY) {
		struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
		struct __user_cap_data_struct none[2] = { { 0 } };
		if (syscall(SYS_capset, &h, none))
			die("capset");
	}
}

static void handler(int sig) { (void)sig; }

static void prepare(void)
{
	struct sigaction sa = { .sa_handler = handler };
	sigset_t all;
	my_pid = getpid();
	my_ppid = getppid();
	umask(022);
	sigaction(SIGUSR1, &sa, NULL);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	syscall(SYS_arch_prctl, ARCH_GET_FS, &my_tls);
	for (unsigned i = 0; i < NS_COUNT; i++)
		base_ns[i] = ns_inode(i);
}

static void work(FILE *out, enum setting s)
{
	seed = 0x9e3779b97f4a7c15 + s;
	for (enum call c = 0; c < CALLS; c++)
		for (unsigned i = 0; i < flags_of(c); i++)
			for (unsigned j = i; j < flags_of(c); j++) {
				u64 flags = flag_names[i].bit | flag_names[j].bit;
				answer(out, s, &(struct request){ c, flags, plain_signal(flags) });
			}
	for (int i = 0; i < RANDOM_SETS; i++) {
		struct request r = random_request();
		answer(out, s, &r);
	}
	fflush(out);
}

static void *shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

int main(int argc, char **argv)
{
	static char buffer[1 << 16];
	list_only = argc > 1 && !strcmp(argv[1], "--list");
	if (argc > 2 || (argc == 2 && !list_only)) {
		fprintf(stderr, "usage: clone_matrix [--list]\n");
		return 2;
	}
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	if (!list_only && geteuid()) {
		fprintf(stderr, "clone_matrix: root's answers are wanted too: run it as root\n");
		return 2;
	}
	for (unsigned i = 0; i < NS_COUNT; i++)
		snprintf(ns_path[i], sizeof(ns_path[i]), "/proc/thread-self/ns/%s", ns_names[i]);
	seen = shared(sizeof(*seen));
	stacks = mmap(NULL, STACKS * STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (enum setting s = 0; s < SETTINGS; s++) {
		if (list_only) {
			work(stdout, s);
			continue;
		}
		int st = -1;
		pid_t worker = fork();
		if (!worker) {
			enter_setting(s);
			prepare();
			work(stdout, s);
			_exit(0);
		}
		/* Reaps the worker's siblings as well (CLONE_PARENT). */
		for (pid_t p; (p = waitpid(-1, &st, __WALL)) != worker;)
			if (p < 0 && errno != EINTR)
				die("waitpid");
		if (st) {
			fprintf(stderr, "clone_matrix: the worker of %s ended with status %#x\n", setting_names[s], st);
			return 1;
		}
	}
	return 0;
}
