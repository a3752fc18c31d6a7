/* System V semaphores: semget, semop, semtimedop, semctl, SEM_UNDO, CLONE_SYSVSEM, limits, /proc/sysvipc/sem. */
static int helper(int argc, char **argv);
#define HELPER(argc, argv) helper(argc, argv)
#include "check.h"
#include <linux/sched.h>
#include <sys/ipc.h>
#include <sys/sem.h>

#ifndef SEM_STAT_ANY
#define SEM_STAT_ANY 20
#endif
union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
	struct seminfo *info;
};
static int ctl(int id, int num, int cmd, int val) { return semctl(id, num, cmd, (union semun){ .val = val }); }
static int op(int id, int num, int by, int flags)
{
	struct sembuf b = { (unsigned short)num, (short)by, (short)flags };
	return semop(id, &b, 1);
}
static int fresh(int n)
{
	int id = semget(IPC_PRIVATE, n, 0600);
	CHECK(id >= 0);
	return id;
}
static void drop(int id) { CHECK(ctl(id, 0, IPC_RMID, 0) == 0); }
/* Waits until n processes wait for semaphore 0 (zero: for it to be zero). */
static void await_waiters(int id, int zero, int n)
{
	while (ctl(id, 0, zero ? GETZCNT : GETNCNT, 0) != n)
		msleep(1);
}

static void get_by_key(void)
{
	key_t key = 0x5e000000 | (getpid() & 0xffff);
	CHECK_ERR(semget(key, 1, 0600), ENOENT);
	int id = semget(key, 3, 0600 | IPC_CREAT);
	CHECK(id >= 0 && semget(key, 0, 0) == id && semget(key, 3, 0600) == id && semget(key, 2, IPC_CREAT | 0600) == id);
	CHECK_ERR(semget(key, 3, 0600 | IPC_CREAT | IPC_EXCL), EEXIST);
	CHECK_ERR(semget(key, 4, 0600), EINVAL);
	CHECK_ERR(semget(key, -1, 0600), EINVAL);
	CHECK_ERR(semget(IPC_PRIVATE, 0, 0600), EINVAL);
	CHECK_ERR(semget(IPC_PRIVATE, 32001, 0600), EINVAL);
	drop(id);
	CHECK_ERR(semget(key, 3, 0600), ENOENT);
	CHECK_ERR(ctl(id, 0, GETVAL, 0), EINVAL);
	CHECK_ERR(op(id, 0, 1, 0), EINVAL);
}

static void values(void)
{
	int id = fresh(3);
	unsigned short in[3] = { 1, 2, 3 }, out[3] = { 9, 9, 9 }, big[3] = { 0, 40000, 0 };
	CHECK(ctl(id, 0, GETVAL, 0) == 0);
	CHECK(semctl(id, 0, SETALL, (union semun){ .array = in }) == 0);
	CHECK(semctl(id, 0, GETALL, (union semun){ .array = out }) == 0 && !memcmp(in, out, sizeof(in)));
	CHECK_ERR(semctl(id, 0, SETALL, (union semun){ .array = big }), ERANGE);
	CHECK(ctl(id, 1, SETVAL, 32767) == 0 && ctl(id, 1, GETVAL, 0) == 32767);
	CHECK_ERR(ctl(id, 1, SETVAL, 32768), ERANGE);
	CHECK_ERR(ctl(id, 1, SETVAL, -1), ERANGE);
	CHECK_ERR(ctl(id, 3, SETVAL, 1), EINVAL);
	CHECK_ERR(ctl(id, -1, GETVAL, 0), EINVAL);
	CHECK_ERR(ctl(id, 0, 77, 0), EINVAL);
	CHECK_ERR(op(id, 1, 1, 0), ERANGE);
	CHECK_ERR(op(id, 3, 1, 0), EFBIG);
	CHECK_ERR(op(id, 2, -4, IPC_NOWAIT), EAGAIN);
	CHECK(op(id, 2, -3, IPC_NOWAIT) == 0 && ctl(id, 2, GETVAL, 0) == 0);
	CHECK(ctl(id, 2, GETPID, 0) == getpid());
	CHECK(op(id, 2, 0, 0) == 0);
	CHECK_ERR(op(id, 1, 0, IPC_NOWAIT), EAGAIN);
	struct semid_ds ds;
	CHECK(semctl(id, 0, IPC_STAT, (union semun){ .buf = &ds }) == 0);
	CHECK(ds.sem_nsems == 3 && (ds.sem_perm.mode & 0777) == 0600 && ds.sem_perm.uid == geteuid() && ds.sem_perm.cuid == geteuid());
	CHECK(ds.sem_ctime <= time(NULL) && ds.sem_ctime > time(NULL) - 60 && ds.sem_otime > time(NULL) - 60);
	CHECK_ERR(semctl(id, 0, IPC_STAT, (union semun){ .buf = (void *)8 }), EFAULT);
	drop(id);
}

static void all_or_nothing(void)
{
	int id = fresh(2);
	struct sembuf ops[2] = { { 0, 5, 0 }, { 1, -1, IPC_NOWAIT } };
	CHECK_ERR(semop(id, ops, 2), EAGAIN);
	CHECK(ctl(id, 0, GETVAL, 0) == 0);
	struct sembuf twice[3] = { { 0, 5, 0 }, { 0, -3, 0 }, { 0, -2, 0 } };
	CHECK(semop(id, twice, 3) == 0 && ctl(id, 0, GETVAL, 0) == 0);
	CHECK_ERR(semop(id, ops, 0), EINVAL);
	CHECK_ERR(semop(id, ops, 501), E2BIG);
	CHECK_ERR(semop(id, (void *)8, 1), EFAULT);
	CHECK_ERR(semop(-1, ops, 1), EINVAL);
	drop(id);
}

static void wakes_in_order(void)
{
	int id = fresh(1);
	pid_t a = fork();
	if (!a)
		_exit(op(id, 0, -2, 0) ? 1 : 0);
	await_waiters(id, 0, 1);
	pid_t b = fork();
	if (!b)
		_exit(op(id, 0, -1, 0) ? 1 : 0);
	await_waiters(id, 0, 2);
	CHECK(op(id, 0, 1, 0) == 0); /* enough for b alone */
	CHECK(EXITED(reap(b), 0) && ctl(id, 0, GETNCNT, 0) == 1);
	CHECK(op(id, 0, 2, 0) == 0);
	CHECK(EXITED(reap(a), 0) && ctl(id, 0, GETVAL, 0) == 0);
	CHECK(ctl(id, 0, GETPID, 0) == a);
	drop(id);
}

static void waits_for_zero(void)
{
	int id = fresh(1);
	CHECK(op(id, 0, 2, 0) == 0);
	pid_t a = fork();
	if (!a)
		_exit(op(id, 0, 0, 0) ? 1 : 0);
	await_waiters(id, 1, 1);
	CHECK(op(id, 0, -1, 0) == 0);
	msleep(20);
	CHECK(ctl(id, 0, GETZCNT, 0) == 1);
	CHECK(op(id, 0, -1, 0) == 0);
	CHECK(EXITED(reap(a), 0));
	drop(id);
}

static void removal_ends_waiting(void)
{
	int id = fresh(1);
	pid_t a = fork();
	if (!a)
		_exit(op(id, 0, -1, 0) == -1 && errno == EIDRM ? 0 : 1);
	await_waiters(id, 0, 1);
	drop(id);
	CHECK(EXITED(reap(a), 0));
}

static void nothing(int sig) { (void)sig; }
static void signal_ends_waiting(void)
{
	int id = fresh(1);
	struct sigaction sa = { .sa_handler = nothing, .sa_flags = SA_RESTART };
	sigaction(SIGUSR1, &sa, NULL);
	pid_t a = fork();
	if (!a)
		_exit(op(id, 0, -1, 0) == -1 && errno == EINTR ? 0 : 1); /* never restarted */
	await_waiters(id, 0, 1);
	kill(a, SIGUSR1);
	CHECK(EXITED(reap(a), 0));
	CHECK(ctl(id, 0, GETNCNT, 0) == 0);
	drop(id);
}

static void timeouts(void)
{
	int id = fresh(1);
	struct sembuf b = { 0, -1, 0 };
	struct timespec t = { 0, 50 * 1000000 }, bad = { 0, 1000000000 }, zero = { 0, 0 };
	double start = now();
	CHECK_ERR(semtimedop(id, &b, 1, &t), EAGAIN);
	CHECK(now() - start > 0.045);
	CHECK_ERR(semtimedop(id, &b, 1, &bad), EINVAL);
	CHECK_ERR(semtimedop(id, &b, 1, &zero), EAGAIN);
	CHECK_ERR(semtimedop(id, &b, 1, (void *)8), EFAULT);
	CHECK(op(id, 0, 1, 0) == 0);
	CHECK(semtimedop(id, &b, 1, &t) == 0);
	drop(id);
}

static void undo_at_exit(void)
{
	int id = fresh(2);
	CHECK(ctl(id, 0, SETVAL, 5) == 0);
	CHECK(EXITED(IN_CHILD({
		CHECK(op(id, 0, -3, SEM_UNDO) == 0 && op(id, 0, 1, SEM_UNDO) == 0 && op(id, 1, 4, SEM_UNDO) == 0 && op(id, 1, 1, 0) == 0);
		CHECK(ctl(id, 0, GETVAL, 0) == 3 && ctl(id, 1, GETVAL, 0) == 5);
	}),
		0));
	CHECK(ctl(id, 0, GETVAL, 0) == 5 && ctl(id, 1, GETVAL, 0) == 1);
	/* A child does not inherit what its parent has to undo. */
	CHECK(EXITED(IN_CHILD({
		CHECK(op(id, 0, -1, SEM_UNDO) == 0);
		CHECK(EXITED(IN_CHILD(_exit(0)), 0));
		CHECK(ctl(id, 0, GETVAL, 0) == 4);
		/* SETVAL forgets it. */
		CHECK(ctl(id, 0, SETVAL, 7) == 0);
	}),
		0));
	CHECK(ctl(id, 0, GETVAL, 0) == 7);
	/* It never goes below zero. */
	CHECK(EXITED(IN_CHILD({ CHECK(op(id, 0, 5, SEM_UNDO) == 0 && op(id, 0, -12, 0) == 0); }), 0));
	CHECK(ctl(id, 0, GETVAL, 0) == 0);
	/* The end of a process wakes who waits for what it gives back. */
	CHECK(ctl(id, 0, SETVAL, 1) == 0);
	int p[2];
	CHECK(pipe(p) == 0);
	pid_t holder = fork();
	if (!holder) {
		op(id, 0, -1, SEM_UNDO);
		if (write(p[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	char c;
	CHECK(read(p[0], &c, 1) == 1);
	pid_t waiter = fork();
	if (!waiter)
		_exit(op(id, 0, -1, 0) ? 1 : 0);
	await_waiters(id, 0, 1);
	kill(holder, SIGKILL);
	CHECK(KILLED(reap(holder), SIGKILL) && EXITED(reap(waiter), 0));
	drop(id);
}

static void undo_survives_exec(void)
{
	int id = fresh(1);
	CHECK(ctl(id, 0, SETVAL, 2) == 0);
	char text[20];
	snprintf(text, sizeof(text), "%d", id);
	CHECK(EXITED(IN_CHILD({
		CHECK(op(id, 0, -1, SEM_UNDO) == 0);
		execl("/proc/self/exe", "x", "--value", text, NULL);
	}),
		1));
	CHECK(ctl(id, 0, GETVAL, 0) == 2);
	drop(id);
}
static int helper(int argc, char **argv) { return argc == 3 && ctl(atoi(argv[2]), 0, GETVAL, 0) == 1 ? 1 : 2; }

static char stack[65536];
static int sharer(void *arg)
{
	int id = *(int *)arg;
	return op(id, 0, -1, SEM_UNDO) ? 1 : 0;
}
static void sysvsem_shares_undo(void)
{
	int id = fresh(1);
	CHECK(ctl(id, 0, SETVAL, 3) == 0);
	CHECK(EXITED(IN_CHILD({
		pid_t c = clone(sharer, stack + sizeof(stack), CLONE_SYSVSEM | SIGCHLD, &id);
		CHECK(c > 0 && EXITED(reap(c), 0));
		CHECK(ctl(id, 0, GETVAL, 0) == 2); /* the list lives on in us */
		CHECK(op(id, 0, -1, SEM_UNDO) == 0);
	}),
		0));
	CHECK(ctl(id, 0, GETVAL, 0) == 3);
	CHECK(EXITED(IN_CHILD({
		CHECK(op(id, 0, -1, SEM_UNDO) == 0 && ctl(id, 0, GETVAL, 0) == 2);
		CHECK(unshare(CLONE_SYSVSEM) == 0);
		CHECK(ctl(id, 0, GETVAL, 0) == 3);
	}),
		0));
	drop(id);
}

static void permissions(void)
{
	if (geteuid())
		check_skip("needs root");
	int id = fresh(1);
	struct semid_ds ds;
	CHECK(EXITED(IN_CHILD({
		CHECK(setgid(1234) == 0 && setuid(1234) == 0);
		CHECK_ERR(ctl(id, 0, GETVAL, 0), EACCES);
		CHECK_ERR(op(id, 0, 1, 0), EACCES);
		CHECK_ERR(ctl(id, 0, IPC_RMID, 0), EPERM);
		CHECK_ERR(semctl(id, 0, IPC_STAT, (union semun){ .buf = &ds }), EACCES);
	}),
		0));
	CHECK(semctl(id, 0, IPC_STAT, (union semun){ .buf = &ds }) == 0);
	ds.sem_perm.uid = 1234;
	ds.sem_perm.mode = 0640;
	CHECK(semctl(id, 0, IPC_SET, (union semun){ .buf = &ds }) == 0);
	CHECK(EXITED(IN_CHILD({
		CHECK(setgid(1234) == 0 && setuid(1234) == 0);
		CHECK(ctl(id, 0, GETVAL, 0) == 0 && op(id, 0, 1, 0) == 0);
		CHECK(ctl(id, 0, IPC_RMID, 0) == 0);
	}),
		0));
	ds.sem_perm.uid = (uid_t)-1;
	id = fresh(1);
	CHECK_ERR(semctl(id, 0, IPC_SET, (union semun){ .buf = &ds }), EINVAL);
	drop(id);
}

static void info(void)
{
	struct seminfo si;
	int id = fresh(7);
	int top = semctl(0, 0, IPC_INFO, (union semun){ .info = &si });
	CHECK(top >= 0 && si.semmsl == 32000 && si.semvmx == 32767 && si.semopm == 500 && si.semmni == 32000);
	top = semctl(0, 0, SEM_INFO, (union semun){ .info = &si });
	CHECK(top >= 0 && si.semusz >= 1 && si.semaem >= 7);
	int found = 0;
	for (int i = 0; i <= top; i++) {
		struct semid_ds ds;
		int got = semctl(i, 0, SEM_STAT, (union semun){ .buf = &ds });
		if (got == id)
			found = ds.sem_nsems == 7 && semctl(i, 0, SEM_STAT_ANY, (union semun){ .buf = &ds }) == id;
	}
	CHECK(found);
	char line[256];
	FILE *f = fopen("/proc/sysvipc/sem", "r");
	CHECK(f && fgets(line, sizeof(line), f));
	CHECK(!strcmp(line, "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n"));
	for (found = 0; fgets(line, sizeof(line), f);) {
		int key, i, perms, n;
		CHECK(sscanf(line, "%d %d %o %d", &key, &i, &perms, &n) == 4);
		found |= i == id && key == 0 && perms == 0600 && n == 7;
	}
	fclose(f);
	CHECK(found);
	drop(id);
}

static void ids_are_not_soon_reused(void)
{
	int a = fresh(1);
	drop(a);
	int b = fresh(1);
	CHECK(a != b);
	drop(b);
}

CASES(CASE(get_by_key), CASE(values), CASE(all_or_nothing), CASE(wakes_in_order), CASE(waits_for_zero), CASE(removal_ends_waiting),
	CASE(signal_ends_waiting), CASE(timeouts), CASE(undo_at_exit), CASE(undo_survives_exec), CASE(sysvsem_shares_undo), CASE(permissions), CASE(info),
	CASE(ids_are_not_soon_reused))
