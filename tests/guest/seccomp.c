/* seccomp(2) and prctl(PR_SET_SECCOMP): modes, filters, actions, inheritance, threads, tracers, listeners. */
#include "check.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1ul
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS _IOW('!', 4, __u64)
#endif

#define NR offsetof(struct seccomp_data, nr)
#define ARG(n) offsetof(struct seccomp_data, args[n])
#define PROG(f) (&(struct sock_fprog){ .len = NELEM(f), .filter = (f) })

static long seccomp(unsigned op, unsigned flags, void *args) { return syscall(SYS_seccomp, op, flags, args); }

static void no_new_privs(void) { CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0); }

/* Call `nr` gets `action`, all others are allowed. The new filter's flags; returns what seccomp() says. */
static long judge(long nr, unsigned action, unsigned flags)
{
	struct sock_filter f[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NR), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	return seccomp(SECCOMP_SET_MODE_FILTER, flags, PROG(f));
}
static void confine(long nr, unsigned action)
{
	no_new_privs();
	CHECK(judge(nr, action, 0) == 0);
}

/* --- modes ------------------------------------------------------------------------------------------------------------------------------- */

static void mode_is_shown(void)
{
	char buf[4096], *p;
	CHECK(prctl(PR_GET_SECCOMP) == 0);
	confine(SYS_getppid, SECCOMP_RET_ERRNO);
	CHECK(judge(SYS_getuid, SECCOMP_RET_ERRNO, 0) == 0);
	CHECK(prctl(PR_GET_SECCOMP) == 2);
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);
	CHECK(n > 0);
	buf[n] = 0;
	CHECK((p = strstr(buf, "NoNewPrivs:")));
	CHECK(!strncmp(p, "NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t2\n", 44));
}

static void strict_mode_allows_four_calls(void)
{
	int st = IN_CHILD({
		CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0);
		syscall(SYS_exit, 5);
	});
	CHECK(EXITED(st, 5));
	st = IN_CHILD({
		CHECK(seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL) == 0);
		if (write(1, "", 0) != 0)
			syscall(SYS_exit, 1);
		syscall(SYS_getpid);
		syscall(SYS_exit, 2);
	});
	CHECK(KILLED(st, SIGKILL));
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_STRICT, 1, NULL), EINVAL);
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_STRICT, 0, (void *)1), EINVAL);
	/* With filters there is no way to strict mode. */
	st = IN_CHILD({
		confine(SYS_getppid, SECCOMP_RET_ERRNO | 1);
		CHECK_ERR(seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL), EINVAL);
	});
	CHECK(EXITED(st, 0));
}

static void bad_requests(void)
{
	struct sock_filter ok[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_filter odd[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_filter endless[] = { BPF_STMT(BPF_LD | BPF_IMM, 0) };
	struct sock_fprog empty = { 0, ok }, huge = { BPF_MAXINSNS + 1, ok }, wild = { 1, (void *)8 };
	unsigned known = SECCOMP_RET_LOG, unknown = 0x12340000;
	unsigned short sizes[3] = { 0 };
	CHECK_ERR(seccomp(99, 0, NULL), EINVAL);
	CHECK_ERR(prctl(PR_SET_SECCOMP, 7, NULL), EINVAL);
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0x10000, PROG(ok)), EINVAL);
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_NEW_LISTENER, PROG(ok)), EINVAL);
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, PROG(ok)), EINVAL);
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0, NULL), EFAULT);
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0, &empty), EINVAL);
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0, &huge), EINVAL);
	if (geteuid() == 0) {
		int st = IN_CHILD({
			CHECK(setresuid(1000, 1000, 1000) == 0);
			CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0, PROG(ok)), EACCES);
			CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0, &wild), EACCES);
			no_new_privs();
			CHECK(seccomp(SECCOMP_SET_MODE_FILTER, 0, PROG(ok)) == 0);
		});
		CHECK(EXITED(st, 0));
	}
	no_new_privs();
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0, &wild), EFAULT);
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0, PROG(odd)), EINVAL);
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0, PROG(endless)), EINVAL);
	CHECK(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &known) == 0);
	CHECK_ERR(seccomp(SECCOMP_GET_ACTION_AVAIL, 1, &known), EINVAL);
	CHECK_ERR(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &unknown), EOPNOTSUPP);
	CHECK_ERR(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, NULL), EFAULT);
	CHECK(seccomp(SECCOMP_GET_NOTIF_SIZES, 0, sizes) == 0);
	CHECK(sizes[0] == 80 && sizes[1] == 24 && sizes[2] == 64);
	CHECK_ERR(seccomp(SECCOMP_GET_NOTIF_SIZES, 1, sizes), EINVAL);
	CHECK(prctl(PR_GET_SECCOMP) == 0);
}

/* --- actions ----------------------------------------------------------------------------------------------------------------------------- */

static void errno_action(void)
{
	confine(SYS_getppid, SECCOMP_RET_ERRNO | 77);
	CHECK_ERR(syscall(SYS_getppid), 77);
	CHECK(syscall(SYS_getpid) > 0);
	confine(SYS_getuid, SECCOMP_RET_ERRNO | 0);
	CHECK(syscall(SYS_getuid) == 0);
	confine(SYS_getgid, SECCOMP_RET_ERRNO | 0xffff);
	errno = 0;
	CHECK(syscall(SYS_getgid) == -1 && errno == 4095);
}

static void kill_actions(void)
{
	CHECK(KILLED(IN_CHILD(confine(SYS_getppid, SECCOMP_RET_KILL_PROCESS); syscall(SYS_getppid)), SIGSYS));
	CHECK(KILLED(IN_CHILD(confine(SYS_getppid, SECCOMP_RET_KILL_THREAD); syscall(SYS_getppid)), SIGSYS));
	/* An unknown action kills, a handler does not save. */
	CHECK(KILLED(IN_CHILD(signal(SIGSYS, SIG_IGN); confine(SYS_getppid, 0x00020000); syscall(SYS_getppid)), SIGSYS));
}

static void *call_getppid(void *unused) { return (void *)syscall(SYS_getppid); }
static void *call_getuid(void *unused) { return (void *)syscall(SYS_getuid); }

static void kill_thread_spares_the_others(void)
{
	pthread_t t;
	confine(SYS_getppid, SECCOMP_RET_KILL_THREAD);
	int st = IN_CHILD({
		SHARED[0] = 0;
		CHECK(pthread_create(&t, NULL, call_getppid, NULL) == 0);
		CHECK(pthread_join(t, NULL) == 0); /* its TID word is cleared all the same */
		SHARED[0] = 1;
	});
	CHECK(EXITED(st, 0) && SHARED[0] == 1);
	CHECK(judge(SYS_getuid, SECCOMP_RET_KILL_PROCESS, 0) == 0);
	st = IN_CHILD({
		CHECK(pthread_create(&t, NULL, call_getuid, NULL) == 0);
		pthread_join(t, NULL);
		msleep(10000);
	});
	CHECK(KILLED(st, SIGSYS));
}

static volatile siginfo_t trapped;
static volatile long trap_ax, trap_ip;
static void on_sigsys(int sig, siginfo_t *i, void *ctx)
{
	ucontext_t *u = ctx;
	memcpy((void *)&trapped, i, sizeof(*i));
	trap_ax = u->uc_mcontext.gregs[REG_RAX];
	trap_ip = u->uc_mcontext.gregs[REG_RIP];
	u->uc_mcontext.gregs[REG_RAX] = -42;
}

static void trap_action(void)
{
	struct sigaction sa = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO };
	CHECK(sigaction(SIGSYS, &sa, NULL) == 0);
	confine(SYS_getppid, SECCOMP_RET_TRAP | 321);
	CHECK_ERR(syscall(SYS_getppid), 42);
	CHECK(trapped.si_signo == SIGSYS && trapped.si_code == 1 && trapped.si_errno == 321);
	CHECK(trapped.si_syscall == SYS_getppid && trapped.si_arch == AUDIT_ARCH_X86_64 && (long)trapped.si_call_addr == trap_ip);
	CHECK(trap_ax == SYS_getppid);
	CHECK(KILLED(IN_CHILD(signal(SIGSYS, SIG_IGN); syscall(SYS_getppid)), SIGSYS));
}

static void the_strictest_filter_wins(void)
{
	confine(SYS_getppid, SECCOMP_RET_ERRNO | 1);
	CHECK(judge(SYS_getppid, SECCOMP_RET_ERRNO | 2, 0) == 0);
	CHECK_ERR(syscall(SYS_getppid), 2); /* equal actions: the newest */
	CHECK(judge(SYS_getppid, SECCOMP_RET_TRACE, 0) == 0);
	CHECK_ERR(syscall(SYS_getppid), 2);
	CHECK(judge(SYS_getppid, SECCOMP_RET_LOG, 0) == 0);
	CHECK_ERR(syscall(SYS_getppid), 2);
	CHECK(KILLED(IN_CHILD(CHECK(judge(SYS_getppid, SECCOMP_RET_KILL_PROCESS, 0) == 0); syscall(SYS_getppid)), SIGSYS));
}

static void arguments_are_seen(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NR),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_lseek, 0, 6),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(1) + 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x12345678, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(2)),
		BPF_STMT(BPF_ST, 5),
		BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO),
		BPF_STMT(BPF_RET | BPF_A, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	no_new_privs();
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, PROG(f)) == 0);
	CHECK_ERR(syscall(SYS_lseek, 0, 0x1234567800000000, 55), 55);
	CHECK_ERR(syscall(SYS_lseek, -1, 0x1234567700000000, 55), EBADF);
}

static void too_many_filters(void)
{
	static struct sock_filter big[4096];
	int n = 0;
	for (size_t i = 0; i < NELEM(big); i++)
		big[i] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	no_new_privs();
	while (seccomp(SECCOMP_SET_MODE_FILTER, 0, PROG(big)) == 0)
		n++;
	CHECK(errno == ENOMEM && n == 3);
	CHECK(getppid() > 0);
}

static void inherited_by_fork_and_exec(void)
{
	confine(SYS_getppid, SECCOMP_RET_ERRNO | 9);
	int st = IN_CHILD({
		CHECK_ERR(syscall(SYS_getppid), 9);
		CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
		CHECK(EXITED(IN_CHILD(execl("/proc/self/exe", "seccomp", "--getppid", NULL); _exit(1)), 9));
	});
	CHECK(EXITED(st, 0));
}

/* --- threads ----------------------------------------------------------------------------------------------------------------------------- */

struct helper {
	pthread_t thread;
	volatile int go, tid, spin;
	volatile long result, nnp;
};
static void *wait_and_call(void *arg)
{
	struct helper *h = arg;
	h->tid = (int)syscall(SYS_gettid);
	while (!h->go)
		if (!h->spin)
			sched_yield();
	h->result = syscall(SYS_getppid) < 0 ? errno : 0;
	h->nnp = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	return NULL;
}
static void start(struct helper *h)
{
	CHECK(pthread_create(&h->thread, NULL, wait_and_call, h) == 0);
	while (!h->tid)
		sched_yield();
}
static void finish(struct helper *h)
{
	h->go = 1;
	CHECK(pthread_join(h->thread, NULL) == 0);
}

static void tsync_reaches_threads(void)
{
	struct helper yields = { 0 }, spins = { .spin = 1 };
	start(&yields);
	start(&spins);
	no_new_privs();
	CHECK(judge(SYS_getppid, SECCOMP_RET_ERRNO | 33, SECCOMP_FILTER_FLAG_TSYNC) == 0);
	finish(&yields);
	finish(&spins);
	CHECK(yields.result == 33 && spins.result == 33 && yields.nnp == 1 && spins.nnp == 1);
}

static void *diverge(void *arg)
{
	CHECK(judge(SYS_getuid, SECCOMP_RET_ERRNO, 0) == 0);
	return wait_and_call(arg);
}

static void tsync_names_who_differs(void)
{
	struct helper h = { 0 };
	no_new_privs();
	CHECK(pthread_create(&h.thread, NULL, diverge, &h) == 0);
	while (!h.tid)
		sched_yield();
	CHECK(judge(SYS_getppid, SECCOMP_RET_ERRNO | 33, SECCOMP_FILTER_FLAG_TSYNC) == h.tid);
	CHECK_ERR(judge(SYS_getppid, SECCOMP_RET_ERRNO | 33, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH), ESRCH);
	CHECK(prctl(PR_GET_SECCOMP) == 0);
	finish(&h);
	CHECK(h.result == 0);
}

static void without_tsync_threads_are_free(void)
{
	struct helper h = { 0 };
	start(&h);
	confine(SYS_getppid, SECCOMP_RET_ERRNO | 33);
	finish(&h);
	CHECK(h.result == 0 && h.nnp == 0);
}

/* --- tracers ----------------------------------------------------------------------------------------------------------------------------- */

static void trace_without_tracer_is_enosys(void)
{
	confine(SYS_getppid, SECCOMP_RET_TRACE | 5);
	CHECK_ERR(syscall(SYS_getppid), ENOSYS);
}

/* The child stops itself, then makes getppid and exits with the sum of what it returned; the parent answers with `change`. */
static int traced(void (*change)(pid_t))
{
	unsigned long message;
	pid_t pid = fork();
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		no_new_privs();
		judge(SYS_getppid, SECCOMP_RET_TRACE | 0x77, 0);
		long r = syscall(SYS_getppid);
		_exit(r < 0 ? errno : (int)r & 0x7f);
	}
	CHECK(WIFSTOPPED(reap(pid)));
	CHECK(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESECCOMP) == 0);
	CHECK(ptrace(PTRACE_CONT, pid, 0, 0) == 0);
	int st = reap(pid);
	CHECK(st >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8));
	CHECK(ptrace(PTRACE_GETEVENTMSG, pid, 0, &message) == 0 && message == 0x77);
	struct __ptrace_syscall_info i;
	CHECK(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(i), &i) > 0);
	CHECK(i.op == 3 && i.seccomp.nr == SYS_getppid && i.seccomp.ret_data == 0x77);
	change(pid);
	CHECK(ptrace(PTRACE_CONT, pid, 0, 0) == 0);
	return reap(pid);
}
static void set_call(pid_t pid, long nr, long result)
{
	struct user_regs_struct r;
	CHECK(ptrace(PTRACE_GETREGS, pid, 0, &r) == 0);
	r.orig_rax = (unsigned long)nr;
	r.rax = (unsigned long)result;
	CHECK(ptrace(PTRACE_SETREGS, pid, 0, &r) == 0);
}
static void leave(pid_t pid) { (void)pid; }
static void skip(pid_t pid) { set_call(pid, -1, -88); }
static void replace(pid_t pid) { set_call(pid, SYS_getuid, -ENOSYS); }

static void tracers_decide(void)
{
	CHECK(EXITED(traced(leave), getpid() & 0x7f));
	CHECK(EXITED(traced(skip), 88));
	CHECK(EXITED(traced(replace), (int)getuid() & 0x7f));
}

static void tracers_read_filters(void)
{
	struct sock_filter f[8];
	struct {
		unsigned long off, flags;
	} md = { 0, 9 };
	int st;
	if (geteuid())
		check_skip("needs root");
	pid_t pid = fork();
	if (!pid) {
		no_new_privs();
		judge(SYS_getppid, SECCOMP_RET_ERRNO, 0);
		judge(SYS_getuid, SECCOMP_RET_ERRNO, SECCOMP_FILTER_FLAG_LOG);
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		_exit(0);
	}
	CHECK(waitpid(pid, &st, 0) == pid && WIFSTOPPED(st));
	CHECK(ptrace(0x420c, pid, 0, f) == 4 && f[1].k == SYS_getppid);
	CHECK(ptrace(0x420c, pid, 1, f) == 4 && f[1].k == SYS_getuid);
	CHECK_ERR(ptrace(0x420c, pid, 2, f), ENOENT);
	CHECK(ptrace(0x420d, pid, sizeof(md), &md) == sizeof(md) && md.flags == 0);
	md.off = 1;
	CHECK(ptrace(0x420d, pid, sizeof(md), &md) == sizeof(md) && md.flags == SECCOMP_FILTER_FLAG_LOG);
	kill(pid, SIGKILL);
	reap(pid);
}

/* --- listeners --------------------------------------------------------------------------------------------------------------------------- */

static int listener(long nr)
{
	no_new_privs();
	int fd = (int)judge(nr, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
	CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	return fd;
}
static struct seccomp_notif receive(int fd)
{
	struct seccomp_notif n = { 0 };
	CHECK(ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &n) == 0);
	return n;
}
static int answer(int fd, unsigned long id, int error, long val, unsigned flags)
{
	struct seccomp_notif_resp r = { .id = id, .error = error, .val = val, .flags = flags };
	return ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &r);
}
static pid_t asker(int fd)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		close(fd);
		long r = syscall(SYS_getppid);
		_exit(r < 0 ? errno : (int)(r & 0x7f));
	}
	return pid;
}

static void listeners_answer(void)
{
	int fd = listener(SYS_getppid);
	struct pollfd p = { fd, POLLIN | POLLOUT, 0 };
	CHECK(poll(&p, 1, 0) == 0);
	CHECK_ERR(judge(SYS_getuid, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER), EBUSY);
	pid_t pid = asker(fd);
	CHECK(poll(&p, 1, 5000) == 1 && p.revents == POLLIN);
	struct seccomp_notif n = receive(fd);
	CHECK((pid_t)n.pid == pid && n.data.nr == SYS_getppid && n.data.arch == AUDIT_ARCH_X86_64 && n.flags == 0);
	CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLOUT);
	CHECK(ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &n.id) == 0);
	CHECK_ERR(answer(fd, n.id + 1, 0, 0, 0), ENOENT);
	CHECK_ERR(answer(fd, n.id, 0, 0, 2), EINVAL);
	CHECK_ERR(answer(fd, n.id, 0, 5, SECCOMP_USER_NOTIF_FLAG_CONTINUE), EINVAL);
	CHECK(answer(fd, n.id, 0, 17, 0) == 0);
	CHECK(EXITED(reap(pid), 17));
	CHECK_ERR(ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &n.id), ENOENT);

	pid = asker(fd);
	n = receive(fd);
	CHECK(answer(fd, n.id, -99, 0, 0) == 0);
	CHECK(EXITED(reap(pid), 99));
	pid = asker(fd);
	n = receive(fd);
	CHECK(answer(fd, n.id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE) == 0);
	CHECK(EXITED(reap(pid), getpid() & 0x7f));
}

static void bad_listener_requests(void)
{
	int fd = listener(SYS_getppid);
	struct seccomp_notif n = { .pid = 1 };
	CHECK_ERR(ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &n), EINVAL);
	CHECK_ERR(ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, NULL), EFAULT);
	CHECK_ERR(ioctl(fd, 0x1234, 0), EINVAL);
	CHECK_ERR(ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, 2ul), EINVAL);
	CHECK(ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) == 0);
	/* A receiver whose memory is bad: the notification can still be had. */
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid = asker(fd);
	CHECK_ERR(ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, page), EFAULT);
	memset(&n, 0, sizeof(n));
	n = receive(fd);
	CHECK(answer(fd, n.id, 0, 3, 0) == 0);
	CHECK_ERR(answer(fd, n.id, 0, 3, 0), errno == EINPROGRESS ? EINPROGRESS : ENOENT);
	CHECK(EXITED(reap(pid), 3));
}

static void closed_listener_is_enosys(void)
{
	int fd = listener(SYS_getppid);
	pid_t pid = asker(fd);
	receive(fd);
	close(fd);
	CHECK(EXITED(reap(pid), ENOSYS));
	CHECK_ERR(syscall(SYS_getppid), ENOSYS);
}

static void noop(int sig) { (void)sig; }

static void signals_interrupt_the_asker(void)
{
	struct sigaction sa = { .sa_handler = noop };
	int fd = listener(SYS_getppid);
	sigaction(SIGUSR1, &sa, NULL);
	pid_t pid = asker(fd);
	struct seccomp_notif n = receive(fd);
	kill(pid, SIGUSR1);
	while (ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &n.id) == 0)
		msleep(1);
	CHECK_ERR(answer(fd, n.id, 0, 1, 0), ENOENT);
	CHECK(EXITED(reap(pid), EINTR));
	pid = asker(fd);
	n = receive(fd);
	kill(pid, SIGKILL);
	CHECK(KILLED(reap(pid), SIGKILL));
	CHECK_ERR(ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &n.id), ENOENT);
}

static void listeners_hear_of_the_end(void)
{
	int fds[2], buf;
	CHECK(pipe(fds) == 0);
	pid_t pid = fork();
	if (!pid) {
		no_new_privs();
		int fd = (int)judge(SYS_getppid, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
		CHECK(write(fds[1], &fd, sizeof(fd)) == sizeof(fd));
		msleep(100000);
		_exit(0);
	}
	CHECK(read(fds[0], &buf, sizeof(buf)) == sizeof(buf));
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), fd = (int)syscall(SYS_pidfd_getfd, pidfd, buf, 0);
	if (fd < 0 && errno == ENOSYS)
		check_skip("no pidfd_getfd");
	struct pollfd p = { fd, POLLIN, 0 };
	CHECK(poll(&p, 1, 0) == 0);
	kill(pid, SIGKILL);
	CHECK(poll(&p, 1, 10000) == 1 && p.revents == POLLHUP);
	reap(pid);
}

static void descriptors_are_put_in(void)
{
	int fd = listener(SYS_getppid), fds[2];
	struct seccomp_notif_addfd a = { .srcfd = 0 };
	CHECK(pipe(fds) == 0);
	pid_t pid = fork();
	if (!pid) {
		long r = syscall(SYS_getppid);
		CHECK(r == 200);
		CHECK(fcntl(200, F_GETFD) == FD_CLOEXEC);
		CHECK(write(200, "x", 1) == 1);
		_exit(0);
	}
	struct seccomp_notif n = receive(fd);
	a.id = n.id;
	a.srcfd = (unsigned)fds[1];
	a.newfd = 200;
	CHECK_ERR(ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, &a), EINVAL);
	a.flags = SECCOMP_ADDFD_FLAG_SETFD;
	a.newfd_flags = O_NONBLOCK;
	CHECK_ERR(ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, &a), EINVAL);
	a.newfd_flags = O_CLOEXEC;
	a.srcfd = 999;
	CHECK_ERR(ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, &a), EBADF);
	a.srcfd = (unsigned)fds[1];
	CHECK(ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, &a) == 200);
	a.flags |= SECCOMP_ADDFD_FLAG_SEND;
	CHECK(ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, &a) == 200);
	CHECK(EXITED(reap(pid), 0));
	char c = 0;
	CHECK(read(fds[0], &c, 1) == 1 && c == 'x');
}

/* --- /proc/sys --------------------------------------------------------------------------------------------------------------------------- */

static void sysctls(void)
{
	char buf[128] = { 0 };
	int fd = open("/proc/sys/kernel/seccomp/actions_avail", O_RDONLY);
	CHECK(fd >= 0 && read(fd, buf, sizeof(buf)) > 0);
	CHECK(!strcmp(buf, "kill_process kill_thread trap errno user_notif trace log allow\n"));
	fd = open("/proc/sys/kernel/seccomp/actions_logged", O_RDWR);
	if (fd < 0)
		check_skip("needs root");
	memset(buf, 0, sizeof(buf));
	ssize_t n = read(fd, buf, sizeof(buf) - 1);
	CHECK(n > 0 && strstr(buf, "kill_process"));
	CHECK_ERR(pwrite(fd, "allow\n", 6, 0), EINVAL);
	CHECK_ERR(pwrite(fd, "nonsense\n", 9, 0), EINVAL);
	CHECK(pwrite(fd, buf, (size_t)n, 0) == n);
}

static int helper(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--getppid"))
		return syscall(SYS_getppid) < 0 ? errno : 0;
	return 1;
}
#undef HELPER
#define HELPER(argc, argv) helper(argc, argv)

CASES(CASE(mode_is_shown), CASE(strict_mode_allows_four_calls), CASE(bad_requests), CASE(errno_action), CASE(kill_actions),
	CASE(kill_thread_spares_the_others), CASE(trap_action), CASE(the_strictest_filter_wins), CASE(arguments_are_seen), CASE(too_many_filters),
	CASE(inherited_by_fork_and_exec), CASE(tsync_reaches_threads), CASE(tsync_names_who_differs), CASE(without_tsync_threads_are_free),
	CASE(trace_without_tracer_is_enosys), CASE(tracers_decide), CASE(tracers_read_filters), CASE(listeners_answer), CASE(bad_listener_requests),
	CASE(closed_listener_is_enosys), CASE(signals_interrupt_the_asker), CASE(listeners_hear_of_the_end), CASE(descriptors_are_put_in), CASE(sysctls))
