/*
 * storm SECONDS SEED: eight processes, each in a process group of its own, that make children by clone, clone3, fork and vfork with random flags, unshare and
 * join namespaces, use semaphores, shared memory, message queues and pidfds, kill what they made and wait for it. Whatever a call says is right, as long as
 * it is an errno that it may say; everything must be gone at the end.
 */
#include "stress.h"

#include <linux/sched.h>
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#define ACTORS 8
#define BROOD 12 /* children of one process at a time */
#define DEPTH 4
#define AUTOREAP (1ULL << 34)
#define NNP (1ULL << 35)
#define AUTOKILL (1ULL << 36)
#define CLEAR_SIGHAND (1ULL << 32)

static double end_time;

struct actor {
	struct rng r;
	int depth, n;
	pid_t child[BROOD];
	int pidfd[BROOD]; /* or -1 */
};
static void live(struct actor *a);

static const unsigned long namespaces[] = { CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWCGROUP,
	CLONE_NEWTIME };
static const unsigned long sharing[] = { CLONE_FS, CLONE_FILES, CLONE_SYSVSEM, CLONE_IO, CLONE_PTRACE, CLONE_PARENT, CLONE_UNTRACED, CLONE_VFORK };

static unsigned long some(struct rng *r, const unsigned long *of, size_t n)
{
	unsigned long f = 0;
	for (size_t i = 0; i < n; i++)
		if (below(r, 5) == 0)
			f |= of[i];
	return f;
}

/* --- births ----------------------------------------------------------------------------------------------------------------------------------- */

struct clone3_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

static pid_t birth(struct actor *a, int *pidfd)
{
	unsigned long flags = some(&a->r, sharing, 8) | (below(&a->r, 2) ? some(&a->r, namespaces, 8) : 0);
	*pidfd = -1;
	/* A child that shares our descriptors would close them under us, and one of our parent is not ours to wait for. */
	flags &= ~(unsigned long)(CLONE_PARENT | CLONE_PTRACE);
	switch (below(&a->r, 4)) {
	case 0:
		return fork();
	case 1:
		return (pid_t)syscall(SYS_clone, (flags & ~(unsigned long)CLONE_NEWTIME) | SIGCHLD, 0, 0, 0, 0);
	default: {
		struct clone3_args c = { .flags = flags, .exit_signal = SIGCHLD };
		if (below(&a->r, 3) == 0) {
			c.flags |= CLONE_PIDFD;
			c.pidfd = (uint64_t)pidfd;
		}
		if (below(&a->r, 6) == 0)
			c.flags |= CLEAR_SIGHAND;
		if (below(&a->r, 6) == 0)
			c.flags |= NNP;
		if (c.pidfd && below(&a->r, 3) == 0) { /* its number may be another's before we look again: such a one is only known by its pidfd */
			c.flags |= AUTOREAP | (below(&a->r, 2) ? AUTOKILL : 0);
			c.exit_signal = 0;
		}
		return (pid_t)syscall(SYS_clone3, &c, sizeof(c));
	}
	}
}

static void bear(struct actor *a)
{
	int fd = -1;
	if (a->n == BROOD)
		return;
	pid_t p = birth(a, &fd);
	if (p == 0) {
		struct actor child = { .r = { (rnd(&a->r) ^ ((uint64_t)getpid() << 20)) | 1 }, .depth = a->depth + 1 };
		live(&child);
		_exit(0);
	}
	if (p < 0) {
		if (errno != EINVAL && errno != EPERM && errno != EAGAIN && errno != ENOSPC && errno != ENOMEM && errno != EINTR && errno != ENODEV)
			complain("birth");
		return;
	}
	a->child[a->n] = p;
	a->pidfd[a->n++] = fd;
}

static void forget(struct actor *a, int i)
{
	if (a->pidfd[i] >= 0)
		close(a->pidfd[i]);
	a->child[i] = a->child[--a->n];
	a->pidfd[i] = a->pidfd[a->n];
}

/* Never waiting for one: the init of a pid namespace that we also put other children into is not gone before those are reaped. */
static void bury(struct actor *a, int i)
{
	pid_t p = waitpid(a->child[i], NULL, WNOHANG | __WALL);
	if (p == a->child[i] || (p < 0 && errno == ECHILD)) /* or it reaped itself */
		forget(a, i);
}

static void end_one(struct actor *a)
{
	if (!a->n)
		return;
	int i = (int)below(&a->r, (unsigned long)a->n);
	if (a->pidfd[i] >= 0)
		syscall(SYS_pidfd_send_signal, a->pidfd[i], SIGKILL, NULL, 0);
	else
		kill(a->child[i], below(&a->r, 3) ? SIGKILL : SIGTERM);
	bury(a, i);
}

/* --- changes to oneself -------------------------------------------------------------------------------------------------------------------------- */

static void change_namespaces(struct actor *a)
{
	static const char *const names[] = { "mnt", "uts", "ipc", "user", "pid", "net", "cgroup", "time", "pid_for_children", "time_for_children" };
	if (below(&a->r, 2)) {
		unsigned long f = some(&a->r, namespaces, 8) | (below(&a->r, 4) ? 0 : CLONE_SYSVSEM) | (below(&a->r, 4) ? 0 : CLONE_FILES);
		if (syscall(SYS_unshare, f) && errno != EPERM && errno != EINVAL && errno != ENOSPC && errno != ENOMEM && errno != EUSERS)
			complain("unshare %lx", f);
		return;
	}
	char path[60];
	pid_t whose = a->n && below(&a->r, 2) ? a->child[below(&a->r, (unsigned long)a->n)] : getppid();
	snprintf(path, sizeof(path), "/proc/%d/ns/%s", whose, names[below(&a->r, 10)]);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (setns(fd, 0) && errno != EPERM && errno != EINVAL && errno != ENOMEM && errno != EUSERS && errno != EACCES)
		complain("setns %s", path);
	close(fd);
}

static void use_semaphores(struct actor *a)
{
	int id = semget((key_t)(0x5700 + below(&a->r, 3)), 3, 0666 | (below(&a->r, 2) ? IPC_CREAT : 0));
	if (id < 0)
		return;
	struct sembuf b[2] = { { (unsigned short)below(&a->r, 3), (short)(below(&a->r, 3) - 1), (short)(below(&a->r, 2) ? SEM_UNDO : 0) },
		{ (unsigned short)below(&a->r, 3), (short)(below(&a->r, 5) - 2), (short)(SEM_UNDO | (below(&a->r, 2) ? IPC_NOWAIT : 0)) } };
	struct timespec t = { 0, (long)below(&a->r, 3000000) };
	if (semtimedop(id, b, 1 + below(&a->r, 2), &t) && errno != EAGAIN && errno != EIDRM && errno != EINVAL && errno != EINTR && errno != ERANGE &&
		errno != ENOMEM && errno != EACCES)
		complain("semtimedop");
	if (below(&a->r, 10) == 0)
		semctl(id, 0, IPC_RMID);
}

static void use_shared_memory(struct actor *a)
{
	int id = shmget(below(&a->r, 2) ? IPC_PRIVATE : (key_t)(0x5e00 + below(&a->r, 3)), (1 + below(&a->r, 4)) * PAGE, 0666 | IPC_CREAT);
	if (id < 0)
		return;
	char *p = shmat(id, NULL, below(&a->r, 4) ? 0 : SHM_RDONLY);
	struct shmid_ds ds;
	if (below(&a->r, 3))
		shmctl(id, IPC_RMID, NULL);
	if (p == (void *)-1)
		return;
	if (*(volatile char *)p == 99)
		complain("what nobody wrote");
	if (below(&a->r, 3) == 0)
		mprotect(p, PAGE, PROT_READ);
	if (!shmctl(id, IPC_STAT, &ds) && ds.shm_nattch < 1)
		complain("attached, but nobody is");
	if (below(&a->r, 4))
		CHECK(shmdt(p) == 0);
}

static void use_messages(struct actor *a)
{
	struct {
		long type;
		char text[600];
	} m = { 1 + (long)below(&a->r, 3), "" };
	int id = msgget((key_t)(0x3500 + below(&a->r, 2)), 0666 | IPC_CREAT);
	if (id >= 0) {
		msgsnd(id, &m, below(&a->r, 600), IPC_NOWAIT);
		msgrcv(id, &m, sizeof(m.text), (long)below(&a->r, 7) - 3, IPC_NOWAIT | MSG_NOERROR);
		if (below(&a->r, 12) == 0)
			msgctl(id, IPC_RMID, NULL);
	}
	struct mq_attr attr = { .mq_maxmsg = 3, .mq_msgsize = 64 };
	mqd_t q = mq_open("/storm", O_RDWR | O_CREAT | O_NONBLOCK, 0666, &attr);
	if (q < 0)
		return;
	char buf[64] = "";
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGWINCH };
	mq_send(q, buf, below(&a->r, 64), (unsigned)below(&a->r, 5));
	mq_notify(q, &ev);
	mq_receive(q, buf, sizeof(buf), NULL);
	if (below(&a->r, 8) == 0)
		mq_unlink("/storm");
	close(q);
}

static void look_around(struct actor *a)
{
	static const char *const files[] = { "/proc/self/birth", "/proc/births_failed", "/proc/sysvipc/shm", "/proc/sysvipc/sem", "/proc/sysvipc/msg",
		"/proc/self/status", "/proc/self/maps", "/proc/self/mountinfo", "/proc/self/cgroup", "/proc/self/ns/ipc" };
	char buf[2000];
	int fd = open(files[below(&a->r, 10)], O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	close(fd);
}

/* --- a life ------------------------------------------------------------------------------------------------------------------------------------------ */

static void live(struct actor *a)
{
	int acts = a->depth ? (int)below(&a->r, 40) : INT_MAX;
	if (below(&a->r, 4) == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (acts-- && now() < end_time) {
		switch (below(&a->r, 12)) {
		case 0:
		case 1:
		case 2:
			if (a->depth < DEPTH)
				bear(a);
			break;
		case 3:
		case 4:
			end_one(a);
			break;
		case 5:
			if (a->depth) /* the first of a group stays where it can do everything */
				change_namespaces(a);
			break;
		case 6:
			use_semaphores(a);
			break;
		case 7:
			use_shared_memory(a);
			break;
		case 8:
			use_messages(a);
			break;
		case 9:
			look_around(a);
			break;
		case 10:
			if (a->n)
				bury(a, (int)below(&a->r, (unsigned long)a->n));
			break;
		default:
			sched_yield();
		}
	}
	for (int i = 0; i < a->n; i++) {
		if (a->pidfd[i] >= 0)
			syscall(SYS_pidfd_send_signal, a->pidfd[i], SIGKILL, NULL, 0);
		else
			kill(a->child[i], SIGKILL);
	}
	while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
		;
}

/* Nothing that belongs to the first namespace may be left for the next round. */
static void clean_up(void)
{
	for (int i = 0; i < 3; i++) {
		int id = semget(0x5700 + i, 0, 0);
		if (id >= 0)
			semctl(id, 0, IPC_RMID);
		id = shmget(0x5e00 + i, 0, 0);
		if (id >= 0)
			shmctl(id, IPC_RMID, NULL);
		id = msgget(0x3500 + i, 0);
		if (id >= 0)
			msgctl(id, IPC_RMID, NULL);
	}
	struct shmid_ds ds;
	int top = shmctl(0, SHM_INFO, &ds);
	for (int i = 0; i <= top; i++) {
		int id = shmctl(i, SHM_STAT, &ds);
		if (id >= 0 && ds.shm_perm.__key == IPC_PRIVATE)
			shmctl(id, IPC_RMID, NULL);
	}
	mq_unlink("/storm");
}

static void stress(unsigned long seconds)
{
	pid_t first[ACTORS];
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0); /* whoever loses its parent comes here */
	end_time = now() + (double)seconds;
	for (int i = 0; i < ACTORS; i++) {
		first[i] = fork();
		CHECK(first[i] >= 0);
		if (!first[i]) {
			struct actor a = { .r = rng_for((unsigned long)i) };
			setpgid(0, 0);
			live(&a);
			_exit(0);
		}
	}
	int st, bad = 0, left = ACTORS;
	while (left) {
		pid_t p = waitpid(-1, &st, __WALL);
		CHECK(p > 0);
		bad |= WIFEXITED(st) && WEXITSTATUS(st) == BAD;
		for (int i = 0; i < ACTORS; i++)
			if (first[i] == p)
				left--, first[i] = 0;
	}
	/* Orphans whose makers died before them. */
	for (double give_up = now() + 20; (st = waitpid(-1, NULL, WNOHANG | __WALL)) >= 0 || errno == EINTR;) {
		if (st == 0) {
			CHECK(now() < give_up);
			msleep(20);
		}
	}
	clean_up();
	CHECK(!bad);
}
