/*
 * ends SECONDS SEED: lives that end in every way at once. Rounds of a second or two, each a pid namespace whose process 1 starts breeders, tracers, killers
 * and watchers and then leaves, so that the namespace's end takes all of them wherever they are. Between: processes of many threads that execute themselves
 * from any thread, leave by thread or as a group, stop, start sessions and groups, make namespaces in the namespace; tracers that seize or attach to any of
 * their threads, let them go or die; signals to threads, processes and groups; descriptors of processes that are there no more. What a call answers does not
 * matter: each round must end, and nothing of it may be left.
 */
#define OWN_MAIN
#include "stress.h"

#include <dirent.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>

#define SLOTS 64
#define BIRTHS 3000 /* processes of one round, that it does not grow without end */
#define PATIENCE 60

/* In a file, so that it is there behind an execve. */
struct board {
	volatile int pid[SLOTS];
	volatile int births, over, word;
};
static struct board *board;
static int board_fd;
static char own_name[64];

static void open_board(int fd)
{
	board_fd = fd;
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (board == MAP_FAILED)
		complain("mmap of the board");
}
static void enrol(struct rng *r) { board->pid[below(r, SLOTS)] = getpid(); }
static pid_t somebody(struct rng *r) { return board->pid[below(r, SLOTS)]; }
static int may_be_born(void) { return __atomic_add_fetch(&board->births, 1, __ATOMIC_RELAXED) < BIRTHS && !board->over; }
static void doze(struct rng *r) { syscall(SYS_nanosleep, &(struct timespec){ 0, (long)below(r, 3000000) }, NULL); }

/* --- victims ------------------------------------------------------------------------------------------------------------------------------- */

static void victim(unsigned long seed, int depth) __attribute__((noreturn));

static void become_another(struct rng *r, int depth)
{
	char fd[16], how_deep[16], seed[24];
	char *argv[] = { own_name, (char *)"--victim", fd, how_deep, seed, NULL };
	snprintf(fd, sizeof(fd), "%d", board_fd);
	snprintf(how_deep, sizeof(how_deep), "%d", depth);
	snprintf(seed, sizeof(seed), "%lu", rnd(r));
	execv(below(r, 8) ? own_name : "/proc/self/cmdline", argv);
}
static void have_a_child(struct rng *r, int depth)
{
	static const unsigned long spaces[] = { 0, 0, 0, CLONE_NEWPID, CLONE_NEWPID | CLONE_NEWNS, CLONE_NEWUTS | CLONE_NEWIPC };
	if (depth >= 3 || !may_be_born())
		return;
	unsigned long seed = rnd(r), flags = spaces[below(r, 6)];
	long pid;
	if (below(r, 4) == 0) {
		pid = vfork();
		if (!pid) {
			if (below(r, 2))
				become_another(r, depth + 1);
			_exit(1);
		}
	} else {
		pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
		if (!pid)
			victim(seed, depth + 1);
	}
	if (pid > 0 && below(r, 3) == 0)
		setpgid((pid_t)pid, below(r, 2) ? (pid_t)pid : 0);
	if (pid > 0 && below(r, 3) == 0)
		kill((pid_t)pid, (int[]){ SIGKILL, SIGSTOP, SIGTERM, SIGCONT }[below(r, 4)]);
	if (below(r, 2))
		while (waitpid(-1, NULL, below(r, 2) ? WNOHANG | __WALL : WNOHANG) > 0)
			;
}

struct life {
	struct rng r;
	int depth, budget;
};
static void *live(void *arg);
static void have_a_thread(struct rng *r, int depth)
{
	pthread_t t;
	struct life *l = malloc(sizeof(*l));
	*l = (struct life){ { rnd(r) | 1 }, depth, 10 + (int)below(r, 30) };
	if (pthread_create(&t, NULL, live, l) == 0)
		pthread_detach(t);
	else
		free(l);
}
static void one_thing(struct rng *r, int depth)
{
	static const int signals[] = { SIGSTOP, SIGTSTP, SIGCONT, SIGUSR1, SIGSEGV, SIGTERM };
	siginfo_t si;
	sigset_t s;
	switch (below(r, 24)) {
	case 0:
		become_another(r, depth);
		break;
	case 1:
		syscall(SYS_exit, (int)below(r, 256));
		break;
	case 2:
		if (below(r, 4) == 0)
			syscall(SYS_exit_group, (int)below(r, 256));
		break;
	case 3:
		kill(getpid(), signals[below(r, 6)]);
		break;
	case 4:
		syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), signals[below(r, 6)]);
		break;
	case 5:
	case 6:
	case 7:
		have_a_child(r, depth);
		break;
	case 8:
	case 9:
		have_a_thread(r, depth);
		break;
	case 10:
		setpgid(0, below(r, 2) ? 0 : getppid());
		break;
	case 11:
		setsid();
		break;
	case 12:
		waitid(P_ALL, 0, &si, WEXITED | WSTOPPED | WCONTINUED | WNOHANG | (below(r, 2) ? WNOWAIT : 0));
		break;
	case 13:
		unshare(below(r, 2) ? CLONE_NEWPID : CLONE_FS | CLONE_FILES);
		break;
	case 14:
		prctl(below(r, 2) ? PR_SET_CHILD_SUBREAPER : PR_SET_PDEATHSIG, below(r, 2) ? 0 : SIGUSR1);
		break;
	case 15:
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		break;
	case 16:
		raise(SIGTRAP);
		break;
	case 17:
		sigfillset(&s);
		sigprocmask(below(r, 2) ? SIG_BLOCK : SIG_UNBLOCK, &s, NULL);
		break;
	case 18:
		syscall(SYS_futex, &board->word, FUTEX_WAIT, board->word, &(struct timespec){ 0, 3000000 }, NULL, 0);
		break;
	case 19:
		syscall(SYS_futex, &board->word, FUTEX_WAKE, 3, NULL, NULL, 0);
		break;
	case 20:
		signal(SIGCHLD, below(r, 2) ? SIG_IGN : SIG_DFL);
		break;
	default:
		doze(r);
		break;
	}
}
static void *live(void *arg)
{
	struct life *l = arg;
	while (l->budget-- > 0 && !board->over)
		one_thing(&l->r, l->depth);
	free(l);
	return NULL;
}
static void on_signal(int sig) { (void)sig; }
static void victim(unsigned long seed, int depth)
{
	struct rng r = { seed | 1 };
	struct life *l = malloc(sizeof(*l));
	enrol(&r);
	signal(SIGUSR1, on_signal);
	signal(SIGTRAP, below(&r, 2) ? SIG_IGN : SIG_DFL);
	signal(SIGSEGV, below(&r, 4) ? on_signal : SIG_DFL);
	for (unsigned long n = below(&r, 5); n; n--)
		have_a_thread(&r, depth);
	*l = (struct life){ r, depth, 20 + (int)below(&r, 40) };
	live(l);
	if (below(&r, 2))
		syscall(SYS_exit, 3);
	_exit(4);
}

/* --- what is done to them ------------------------------------------------------------------------------------------------------------------ */

static void breed(struct rng *r)
{
	if (below(r, 2))
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	while (!board->over) {
		if (may_be_born()) {
			unsigned long seed = rnd(r);
			pid_t pid = fork();
			if (!pid)
				victim(seed, 0);
		}
		while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
			;
		doze(r);
	}
}

/* A thread of pid, or pid. */
static pid_t some_thread(struct rng *r, pid_t pid)
{
	char path[40];
	struct dirent *e;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	DIR *d = opendir(path);
	for (unsigned long n = below(r, 6); d && (e = readdir(d));)
		if (e->d_name[0] != '.') {
			pid = atoi(e->d_name);
			if (n-- == 0)
				break;
		}
	if (d)
		closedir(d);
	return pid;
}
static void on_stop(struct rng *r, pid_t pid, int st)
{
	static const int how[] = { PTRACE_CONT, PTRACE_CONT, PTRACE_CONT, PTRACE_SYSCALL, PTRACE_SINGLESTEP, PTRACE_LISTEN, PTRACE_DETACH,
		PTRACE_SINGLEBLOCK, PTRACE_SYSEMU };
	int event = st >> 16, sig = WSTOPSIG(st);
	unsigned long msg;
	siginfo_t si;
	if (event || sig == SIGTRAP)
		sig = 0;
	if (below(r, 4) == 0)
		ptrace(PTRACE_GETEVENTMSG, pid, 0, &msg);
	if (below(r, 4) == 0)
		ptrace(PTRACE_GETSIGINFO, pid, 0, &si);
	if (below(r, 6) == 0)
		ptrace(PTRACE_POKEDATA, pid, &board->word, 0);
	if (below(r, 16) == 0)
		kill(pid, SIGKILL);
	if (below(r, 16) == 0)
		sig = (int[]){ SIGKILL, SIGSTOP, SIGCONT, SIGUSR1, 0 }[below(r, 5)];
	if (ptrace(how[below(r, 9)], pid, 0, sig) < 0)
		ptrace(PTRACE_CONT, pid, 0, sig);
}
static void *trace(void *arg)
{
	struct rng *r = arg;
	while (!board->over) {
		pid_t pid = somebody(r);
		if (pid > 1 && below(r, 2)) {
			pid = some_thread(r, pid);
			long options = (long)below(r, 256) & ~1L;
			if (below(r, 3) == 0)
				options |= PTRACE_O_EXITKILL;
			if (below(r, 3))
				ptrace(PTRACE_SEIZE, pid, 0, options);
			else
				ptrace(PTRACE_ATTACH, pid, 0, 0);
			if (below(r, 2))
				ptrace(PTRACE_INTERRUPT, pid, 0, 0);
		}
		for (unsigned long n = below(r, 20); n; n--) {
			int st;
			pid_t got = waitpid(-1, &st, __WALL | WNOHANG | (below(r, 4) ? 0 : __WNOTHREAD));
			if (got <= 0)
				break;
			if (WIFSTOPPED(st))
				on_stop(r, got, st);
		}
		if (below(r, 200) == 0)
			syscall(SYS_exit_group, 0); /* all tracees go free, or die */
		if (below(r, 300) == 0)
			break;
		doze(r);
	}
	return NULL;
}
static void trace_all(struct rng *r)
{
	static struct rng more[2];
	for (int i = 0; i < 2; i++) {
		pthread_t t;
		more[i] = (struct rng){ rnd(r) | 1 };
		if (pthread_create(&t, NULL, trace, &more[i]) == 0)
			pthread_detach(t);
	}
	trace(r);
	syscall(SYS_exit, 0);
}

static void harass(struct rng *r)
{
	static const int signals[] = { SIGSTOP, SIGCONT, SIGCONT, SIGCONT, SIGKILL, SIGTERM, SIGUSR1, SIGUSR1, SIGTSTP, SIGTTIN, SIGHUP, 0 };
	while (!board->over) {
		pid_t pid = somebody(r);
		int sig = signals[below(r, 12)];
		if (pid > 1)
			switch (below(r, 5)) {
			case 0:
				kill(-pid, sig == SIGKILL ? SIGCONT : sig);
				break;
			case 1:
				syscall(SYS_tkill, some_thread(r, pid), sig);
				break;
			case 2:
				kill(pid, SIGCONT);
				break;
			default:
				kill(pid, sig);
				break;
			}
		doze(r);
	}
}

static void read_of(pid_t pid, const char *what)
{
	char path[48], buf[256];
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && read(fd, buf, sizeof(buf)) > 0)
		;
	if (fd >= 0)
		close(fd);
}
static void watch(struct rng *r)
{
	static const char *const files[] = { "status", "stat", "maps", "wchan", "stack", "cmdline", "environ", "syscall", "limits", "children", "birth" };
	while (!board->over) {
		pid_t pid = somebody(r);
		if (pid <= 1) {
			doze(r);
			continue;
		}
		int fd = (int)syscall(SYS_pidfd_open, pid, below(r, 2) ? 0 : 0200 /* PIDFD_THREAD */);
		read_of(pid, files[below(r, 11)]);
		if (fd >= 0) {
			struct pollfd p = { .fd = fd, .events = POLLIN };
			siginfo_t si;
			poll(&p, 1, (int)below(r, 3));
			syscall(SYS_pidfd_send_signal, fd, below(r, 8) ? 0 : SIGUSR1, NULL, 0);
			waitid(3 /* P_PIDFD */, (id_t)fd, &si, WEXITED | WNOHANG);
			long got = syscall(SYS_pidfd_getfd, fd, below(r, 8), 0);
			if (got >= 0)
				close((int)got);
			close(fd);
		}
		char buf[64];
		struct iovec to = { buf, sizeof(buf) }, from = { (void *)(uintptr_t)&board, sizeof(buf) };
		process_vm_readv(pid, &to, 1, &from, 1, 0);
		struct rlimit old;
		prlimit(pid, RLIMIT_NOFILE, NULL, &old);
		getpgid(pid);
		getsid(pid);
	}
}

/* --- a round ------------------------------------------------------------------------------------------------------------------------------- */

static void (*const parts[])(struct rng *) = { breed, breed, breed, trace_all, trace_all, harass, harass, watch };
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static void begin_part(unsigned long i, unsigned long seed)
{
	struct rng r = { seed | 1 };
	pid_t pid = fork_ok();
	if (pid)
		return;
	parts[i](&r);
	_exit(0);
}
/* Process 1 of the namespace: what dies of the others it reaps and, being a tracer's victim now and then, replaces. */
static void reign(unsigned long seed)
{
	struct rng r = { seed | 1 };
	double end = now() + 0.5 + (double)below(&r, 1500) / 1000;
	signal(SIGUSR1, on_signal);
	/* Else a stopped member of our group would bring it SIGHUP when we leave it an orphan. */
	setsid();
	/* Its own numbers, and its own files about them, which nobody outside sees. */
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("proc", "/proc", "proc", 0, NULL))
		complain("/proc");
	for (unsigned long i = 0; i < PARTS; i++)
		begin_part(i, rnd(&r));
	while (now() < end) {
		while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
			if (below(&r, 8) == 0)
				begin_part(below(&r, PARTS), rnd(&r));
		doze(&r);
	}
	board->over = below(&r, 2) != 0; /* some of them know that it ends, or nobody does */
	_exit(0);
}
static void one_round(unsigned long seed)
{
	memset(board, 0, sizeof(*board));
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0);
	if (pid < 0)
		complain("a pid namespace");
	if (!pid)
		reign(seed);
	double end = now() + PATIENCE;
	int st;
	while (waitpid(pid, &st, WNOHANG) == 0) {
		if (now() > end)
			complain("the namespace of process %d does not end, round's seed %lu", pid, seed);
		msleep(2);
	}
	if (st)
		complain("process 1 ended with %#x, round's seed %lu", st, seed);
}

int main(int argc, char **argv)
{
	stress_name = "ends";
	ssize_t n = readlink("/proc/self/exe", own_name, sizeof(own_name) - 1);
	if (n <= 0)
		complain("/proc/self/exe");
	own_name[n] = 0;
	struct rlimit none = { 0, 0 };
	setrlimit(RLIMIT_CORE, &none);
	if (argc == 5 && !strcmp(argv[1], "--victim")) {
		open_board(atoi(argv[2]));
		victim(strtoul(argv[4], NULL, 10), atoi(argv[3]));
	}
	if (argc < 3)
		return 2;
	stress_seed = strtoul(argv[2], NULL, 10);
	struct rng r = rng_for(7);
	int fd = (int)syscall(SYS_memfd_create, "board", 0);
	if (fd < 0 || ftruncate(fd, sizeof(*board)))
		complain("memfd_create");
	open_board(fd);
	for (double end = now() + atof(argv[1]); now() < end;)
		one_round(rnd(&r));
	return 0;
}
