/* execve: what of a process stays and what goes, row by row: the attributes that exec_attrs.c leaves out. */
static int helper(int argc, char **argv);
#define HELPER(argc, argv) helper(argc, argv)
#include "check.h"
#include <grp.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>

#define PR_SET_MDWE_ 65
#define PR_GET_MDWE_ 66
/* The number of the first thing that is not as it should be. */
#define WANT(n, c)    \
	do {              \
		if (!(c))     \
			return n; \
	} while (0)
static long status_field(const char *name)
{
	static char buf[8192];
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	buf[n > 0 ? n : 0] = 0;
	char *p = strstr(buf, name);
	return p ? strtol(p + strlen(name) + 1, NULL, 0) : -1;
}
/* After exec, in the new program: what it still has. */
static int check_kept(char **argv)
{
	gid_t g[4];
	cpu_set_t set;
	int on = 0;
	struct sched_param sp;
	sigset_t s;
	WANT(1, geteuid() || (getgroups(4, g) == 2 && g[0] == 11 && g[1] == 22));
	WANT(2, sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) == 1 && CPU_ISSET(0, &set));
	WANT(3, sched_getscheduler(0) == SCHED_BATCH && sched_getparam(0, &sp) == 0);
	WANT(4, prctl(PR_GET_TIMERSLACK) == 77000);
	char buf[16] = "";
	int fd = open("/proc/self/oom_score_adj", O_RDONLY);
	WANT(5, read(fd, buf, sizeof(buf) - 1) > 0 && atoi(buf) == 333);
	close(fd);
	WANT(6, prctl(PR_GET_CHILD_SUBREAPER, &on) == 0 && on == 1);
	WANT(7, prctl(PR_GET_PDEATHSIG, &on) == 0 && on == SIGUSR2);
	/* Signals, for the process and for the thread. */
	WANT(8, sigpending(&s) == 0 && sigismember(&s, SIGUSR1) && sigismember(&s, SIGRTMIN));
	fd = open("/proc/self/coredump_filter", O_RDONLY);
	memset(buf, 0, sizeof(buf));
	WANT(9, read(fd, buf, sizeof(buf) - 1) > 0 && strtoul(buf, NULL, 16) == 0x21);
	close(fd);
	WANT(10, prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1);
	WANT(11, lseek(200, 0, SEEK_CUR) == 5 && (fcntl(200, F_GETFL) & O_APPEND));
	WANT(12, sched_getscheduler(0) >= 0 && getpriority(PRIO_PROCESS, 0) == 4);
	struct timespec t;
	WANT(13, clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0 && (t.tv_sec || t.tv_nsec >= 100000000));
	WANT(14, waitpid(atoi(argv[2]), &on, 0) == atoi(argv[2]) && EXITED(on, 3)); /* children */
	return 0;
}
/* What it has no more. */
static int check_gone(char **argv)
{
	void *head;
	size_t len;
	WANT(1, status_field("VmLck:") == 0);
	char *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	WANT(2, m != MAP_FAILED && status_field("VmLck:") == 0);
	WANT(3, syscall(SYS_get_robust_list, 0, &head, &len) == 0 && head != (void *)strtoul(argv[2], NULL, 0));
	struct shmid_ds ds;
	WANT(4, shmctl(atoi(argv[3]), IPC_STAT, &ds) == 0 && ds.shm_nattch == 0);
	WANT(5, prctl(PR_GET_KEEPCAPS) == 0);
	WANT(6, prctl(PR_GET_DUMPABLE) == 1);
	for (int sig = 1; sig <= 64; sig++) {
		struct {
			unsigned long handler, flags, restorer, mask;
		} ka;
		if (syscall(SYS_rt_sigaction, sig, NULL, &ka, 8))
			continue;
		WANT(8, ka.flags == 0 && ka.mask == 0 && ka.restorer == 0 && ka.handler == (sig == SIGINT ? 1UL : 0UL));
	}
	return 0;
}
/* The locks of the program before, which a child tries; argv[2]: whether its POSIX lock is kept, or 2 when it is somebody else's that is in the way. */
static int check_locks(char **argv)
{
	struct flock own = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	if (atoi(argv[2]) == 2)
		return fcntl(open("posix", O_RDWR), F_SETLK, &own) == -1 && errno == EAGAIN ? 0 : 8;
	int st = IN_CHILD({
		struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
		int a = open("posix", O_RDWR);
		int b = open("flock", O_RDWR);
		int c = open("ofd", O_RDWR);
		int kept = atoi(argv[2]);
		int got = fcntl(a, F_SETLK, &l);
		if (kept ? got == 0 : got != 0)
			_exit(1);
		if (flock(b, LOCK_EX | LOCK_NB) == 0)
			_exit(2);
		l.l_type = F_WRLCK;
		if (fcntl(c, F_OFD_SETLK, &l) == 0)
			_exit(3);
	});
	return EXITED(st, 0) ? 0 : 9;
}
static int helper(int argc, char **argv)
{
	const char *what = argv[1] + 2;
	(void)argc;
	if (!strcmp(what, "kept"))
		return check_kept(argv);
	if (!strcmp(what, "gone"))
		return check_gone(argv);
	if (!strcmp(what, "locks"))
		return check_locks(argv);
	if (!strcmp(what, "mdwe"))
		return prctl(PR_GET_MDWE_, 0, 0, 0, 0) == atoi(argv[2]) ? 0 : 1;
	if (!strcmp(what, "exit"))
		return atoi(argv[2]);
	if (!strcmp(what, "dumpable"))
		return 40 + prctl(PR_GET_DUMPABLE);
	if (!strcmp(what, "sleep")) {
		pause();
		return 0;
	}
	return 127;
}
static void run(const char *a, const char *b, const char *c)
{
	execl("/proc/self/exe", "self", a, b, c, (char *)NULL);
	_exit(98);
}

static void what_stays(void)
{
	CHECK(EXITED(IN_CHILD({
		gid_t g[] = { 11, 22 };
		cpu_set_t set;
		struct sched_param sp = { 0 };
		sigset_t s;
		union sigval v = { 0 };
		char nr[20];
		if (!geteuid())
			CHECK(setgroups(2, g) == 0);
		CPU_ZERO(&set);
		CPU_SET(0, &set);
		CHECK(sched_setaffinity(0, sizeof(set), &set) == 0);
		CHECK(setpriority(PRIO_PROCESS, 0, 4) == 0 && sched_setscheduler(0, SCHED_BATCH, &sp) == 0);
		CHECK(prctl(PR_SET_TIMERSLACK, 77000) == 0);
		int fd = open("/proc/self/oom_score_adj", O_WRONLY);
		CHECK(write(fd, "333", 3) == 3);
		close(fd);
		CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 && prctl(PR_SET_PDEATHSIG, SIGUSR2) == 0);
		sigemptyset(&s);
		sigaddset(&s, SIGUSR1);
		sigaddset(&s, SIGRTMIN);
		CHECK(sigprocmask(SIG_BLOCK, &s, NULL) == 0);
		CHECK(syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1) == 0 && sigqueue(getpid(), SIGRTMIN, v) == 0);
		fd = open("/proc/self/coredump_filter", O_WRONLY);
		CHECK(write(fd, "0x21", 4) == 4);
		close(fd);
		CHECK(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0);
		write_file("f", "0123456789", 10, 0600);
		fd = open("f", O_RDWR | O_APPEND);
		CHECK(dup2(fd, 200) == 200 && lseek(fd, 5, SEEK_SET) == 5);
		for (clock_t c = clock(); clock() - c < CLOCKS_PER_SEC / 8;)
			;
		pid_t p = fork();
		if (!p)
			_exit(3);
		snprintf(nr, sizeof(nr), "%d", p);
		run("--kept", nr, NULL);
	}),
		0));
}

static void on_sig(int sig) { (void)sig; }
static void what_goes(void)
{
	static struct {
		void *next;
		long off;
		void *pending;
	} head;
	char h[32], id[20];
	int shm = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
	CHECK(shm >= 0);
	snprintf(id, sizeof(id), "%d", shm);
	snprintf(h, sizeof(h), "%p", (void *)&head);
	int st = IN_CHILD({
		CHECK(mlockall(MCL_FUTURE) == 0);
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		head.next = &head;
		CHECK(syscall(SYS_set_robust_list, &head, sizeof(head)) == 0);
		CHECK(shmat(shm, NULL, 0) != (void *)-1);
		CHECK(prctl(PR_SET_KEEPCAPS, 1) == 0);
		prctl(PR_SET_DUMPABLE, 0);
		struct sigaction sa = { .sa_handler = on_sig, .sa_flags = SA_RESTART | SA_ONSTACK | SA_NODEFER };
		sigfillset(&sa.sa_mask);
		for (int sig = 1; sig < 32; sig++)
			sigaction(sig, &sa, NULL);
		sa.sa_handler = SIG_IGN;
		sigaction(SIGINT, &sa, NULL);
		sa = (struct sigaction){ .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT };
		sigaction(SIGCHLD, &sa, NULL);
		run("--gone", h, id);
	});
	CHECK(shmctl(shm, IPC_RMID, NULL) == 0);
	CHECK(EXITED(st, 0));
}

/* A thread that shares the memory hears of it by its tid word, as of an end. */
static int tid_word;
static int execs(void *arg)
{
	(void)arg;
	syscall(SYS_set_tid_address, &tid_word);
	run("--exit", "6", NULL);
	return 1;
}
static void tid_word_is_cleared_and_woken(void)
{
	static char stack[65536];
	tid_word = 5;
	pid_t p = clone(execs, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);
	CHECK(p > 0);
	while (__atomic_load_n(&tid_word, __ATOMIC_SEQ_CST) == 5) {
		struct timespec t = { 10, 0 };
		long r = syscall(SYS_futex, &tid_word, FUTEX_WAIT, 5, &t, NULL, 0);
		CHECK(r == 0 || errno == EAGAIN || errno == EINTR);
	}
	CHECK(tid_word == 0);
	CHECK(EXITED(reap(p), 6));
}

/* Handlers shared with another process, and descriptors, are the own ones from then on. */
static int execs_sharing(void *arg)
{
	(void)arg;
	signal(SIGUSR1, SIG_IGN);
	fcntl(0, F_SETFD, FD_CLOEXEC);
	run("--sleep", NULL, NULL);
	return 1;
}
static void sharing_ends(void)
{
	static char stack[65536];
	struct sigaction sa;
	char path[40], link[300];
	int fd = open("/dev/null", O_RDONLY);
	CHECK(fd >= 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0);
	pid_t p = clone(execs_sharing, stack + sizeof(stack), CLONE_VM | CLONE_SIGHAND | CLONE_FILES | SIGCHLD, NULL);
	CHECK(p > 0);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", p);
	for (int i = 0; i < 3000; i++) {
		int c = open(path, O_RDONLY);
		ssize_t n = read(c, link, sizeof(link) - 1);
		close(c);
		if (n == 13 && !memcmp(link, "self\0--sleep", 12))
			break;
		msleep(1);
	}
	await_state(p, "S");
	CHECK(sigaction(SIGUSR1, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN);
	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(0, F_GETFD) == FD_CLOEXEC);
	signal(SIGUSR1, on_sig);
	kill(p, SIGUSR1);
	msleep(20);
	CHECK(proc_state(p) == 'S'); /* ignored there, as it was */
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", p, fd);
	CHECK_ERR(readlink(path, link, sizeof(link)), ENOENT);
	kill(p, SIGKILL);
	reap(p);
}

static void take_locks(int cloexec)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int a = open("posix", O_RDWR | O_CREAT | (cloexec ? O_CLOEXEC : 0), 0600), b = open("flock", O_RDWR | O_CREAT, 0600);
	int c = open("ofd", O_RDWR | O_CREAT, 0600);
	CHECK(a >= 0 && b >= 0 && c >= 0);
	CHECK(fcntl(a, F_SETLK, &l) == 0 && flock(b, LOCK_EX) == 0 && fcntl(c, F_OFD_SETLK, &l) == 0);
}
static int shares_table(void *arg)
{
	(void)arg;
	take_locks(0);
	run("--locks", "2", NULL);
	return 1;
}
static void locks(void)
{
	static char stack[65536];
	CHECK(EXITED(IN_CHILD(take_locks(0); run("--locks", "1", NULL)), 0));
	/* Gone with the descriptor. */
	CHECK(EXITED(IN_CHILD(take_locks(1); run("--locks", "0", NULL)), 0));
	/* A POSIX lock is the table's: it stays with those from whom this process had to part. */
	pid_t p = clone(shares_table, stack + sizeof(stack), CLONE_FILES | SIGCHLD, NULL);
	CHECK(p > 0 && EXITED(reap(p), 0));
}

/* What a semaphore is owed is paid at the end of the process, not of the program. */
static void semaphore_undo_stays(void)
{
	int sem = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
	struct sembuf op = { 0, 3, SEM_UNDO };
	CHECK(sem >= 0);
	pid_t p = fork();
	if (!p) {
		CHECK(semop(sem, &op, 1) == 0);
		run("--sleep", NULL, NULL);
	}
	while (semctl(sem, 0, GETVAL) != 3)
		msleep(1);
	await_state(p, "S");
	msleep(30);
	int held = semctl(sem, 0, GETVAL);
	kill(p, SIGKILL);
	reap(p);
	int after = semctl(sem, 0, GETVAL);
	semctl(sem, 0, IPC_RMID);
	CHECK(held == 3 && after == 0);
}

/* Who gains power by it, be it what it had given up before, must not be looked into. */
static void gaining_makes_undumpable(void)
{
	if (geteuid())
		check_skip("needs root");
	CHECK(EXITED(IN_CHILD(run("--dumpable", NULL, NULL)), 41));
	CHECK(EXITED(IN_CHILD({
		struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
		struct __user_cap_data_struct d[2];
		CHECK(syscall(SYS_capget, &h, d) == 0);
		d[0].permitted &= ~(1u << CAP_NET_RAW);
		d[0].effective &= ~(1u << CAP_NET_RAW);
		d[0].inheritable = 0;
		CHECK(syscall(SYS_capset, &h, d) == 0);
		run("--dumpable", NULL, NULL);
	}),
		40));
}

/* PR_SET_MDWE: no memory that is written and executed, now or later; for the children and the next program as well. */
static void no_execution_of_what_was_written(void)
{
	CHECK_ERR(prctl(PR_SET_MDWE_, 2, 0, 0, 0), EINVAL);
	CHECK_ERR(prctl(PR_SET_MDWE_, 4, 0, 0, 0), EINVAL);
	CHECK_ERR(prctl(PR_SET_MDWE_, 1, 1, 0, 0), EINVAL);
	CHECK(prctl(PR_GET_MDWE_, 0, 0, 0, 0) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(prctl(PR_SET_MDWE_, 3, 0, 0, 0) == 0); CHECK(EXITED(IN_CHILD(run("--mdwe", "0", NULL)), 0))), 0));
	CHECK(EXITED(IN_CHILD({
		char *old = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(old != MAP_FAILED);
		CHECK(prctl(PR_SET_MDWE_, 1, 0, 0, 0) == 0 && prctl(PR_SET_MDWE_, 1, 0, 0, 0) == 0);
		CHECK_ERR(prctl(PR_SET_MDWE_, 0, 0, 0, 0), EPERM);
		CHECK_ERR(prctl(PR_SET_MDWE_, 3, 0, 0, 0), EPERM);
		CHECK_ERR(mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EACCES);
		char *w = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		char *x = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(w != MAP_FAILED && x != MAP_FAILED);
		CHECK_ERR(mprotect(w, 4096, PROT_READ | PROT_EXEC), EACCES);
		CHECK_ERR(mprotect(x, 4096, PROT_WRITE | PROT_EXEC), EACCES);
		CHECK(mprotect(x, 4096, PROT_READ | PROT_EXEC) == 0 && mprotect(x, 4096, PROT_READ) == 0);
		CHECK_ERR(mprotect(x, 4096, PROT_READ | PROT_EXEC), EACCES);
		CHECK(mprotect(old, 4096, PROT_READ | PROT_EXEC) == 0);
		CHECK(EXITED(IN_CHILD(run("--mdwe", "1", NULL)), 0));
	}),
		0));
}

/* The start time is the process's, also when another thread than the leader makes the call. */
static void *execs_in_thread(void *arg)
{
	(void)arg;
	msleep(60);
	run("--sleep", NULL, NULL);
	return NULL;
}
static unsigned long long start_time(pid_t pid)
{
	char path[40], buf[600], *p;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	CHECK(n > 0);
	buf[n] = 0;
	p = strrchr(buf, ')') + 2;
	for (int i = 3; i < 22; i++)
		p = strchr(p, ' ') + 1;
	return strtoull(p, NULL, 10);
}
static void start_time_stays(void)
{
	pid_t p = fork();
	if (!p) {
		pthread_t t;
		SHARED[0] = 1;
		CHECK(pthread_create(&t, NULL, execs_in_thread, NULL) == 0);
		for (;;)
			pause();
	}
	await_value(&SHARED[0], 1);
	unsigned long long before = start_time(p);
	char path[40], buf[64];
	snprintf(path, sizeof(path), "/proc/%d/cmdline", p);
	for (int i = 0; i < 5000; i++) {
		int fd = open(path, O_RDONLY);
		ssize_t n = read(fd, buf, sizeof(buf));
		close(fd);
		if (n == 13)
			break;
		msleep(1);
	}
	CHECK(start_time(p) == before && proc_state(p));
	kill(p, SIGKILL);
	reap(p);
}

/* RLIMIT_NPROC that a change of user ran past is held against execve, once, and only while it is so. */
static void over_the_limit_of_processes(void)
{
	if (geteuid())
		check_skip("needs root");
	CHECK(EXITED(IN_CHILD({
		struct rlimit one = { 1, 1 };
		pid_t other = fork();
		if (!other) {
			CHECK(setresuid(34567, 34567, 34567) == 0);
			SHARED[0] = 1;
			for (;;)
				pause();
		}
		await_value(&SHARED[0], 1);
		CHECK(setrlimit(RLIMIT_NPROC, &one) == 0 && setresuid(34567, 34567, 34567) == 0);
		CHECK_ERR(execl("/proc/self/exe", "self", "--exit", "5", (char *)NULL), EAGAIN);
		kill(other, SIGKILL);
		reap(other);
		run("--exit", "5", NULL);
	}),
		5));
}

CASES(CASE(what_stays), CASE(what_goes), CASE(tid_word_is_cleared_and_woken), CASE(sharing_ends), CASE(locks), CASE(semaphore_undo_stays),
	CASE(gaining_makes_undumpable), CASE(no_execution_of_what_was_written), CASE(start_time_stays), CASE(over_the_limit_of_processes))
