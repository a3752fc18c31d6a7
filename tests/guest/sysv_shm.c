/* System V shared memory: shmget, shmat, shmdt, shmctl; attachments across fork, exec, exit, munmap; removal; limits; /proc/sysvipc/shm; IPC namespaces. */
static int helper(int argc, char **argv);
#define HELPER(argc, argv) helper(argc, argv)
#include "check.h"
#include <linux/sched.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/shm.h>

#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif
#define PAGE 4096

static int fresh(size_t size)
{
	int id = shmget(IPC_PRIVATE, size, 0600);
	CHECK(id >= 0);
	return id;
}
static void drop(int id) { CHECK(shmctl(id, IPC_RMID, NULL) == 0); }
static char *at(int id, int flags)
{
	char *p = shmat(id, NULL, flags);
	CHECK(p != (void *)-1);
	return p;
}
static struct shmid_ds stat_of(int id)
{
	struct shmid_ds ds;
	CHECK(shmctl(id, IPC_STAT, &ds) == 0);
	return ds;
}
static int attached(int id) { return (int)stat_of(id).shm_nattch; }

static void get_by_key(void)
{
	key_t key = 0x51000000 | (getpid() & 0xffff);
	CHECK_ERR(shmget(key, PAGE, 0600), ENOENT);
	int id = shmget(key, 5000, 0600 | IPC_CREAT);
	CHECK(id >= 0 && shmget(key, 0, 0) == id && shmget(key, 5000, 0) == id && stat_of(id).shm_segsz == 5000);
	CHECK_ERR(shmget(key, 5001, 0), EINVAL);
	CHECK_ERR(shmget(key, 10, 0600 | IPC_CREAT | IPC_EXCL), EEXIST);
	CHECK_ERR(shmget(IPC_PRIVATE, 0, 0600), EINVAL);
	CHECK_ERR(shmget(IPC_PRIVATE, 1UL << 60, 0600), ENOMEM);
	drop(id);
	CHECK_ERR(shmctl(id, IPC_RMID, NULL), EINVAL);
	CHECK_ERR(shmctl(-1, IPC_RMID, NULL), EINVAL);
	CHECK_ERR(shmctl(id, 99, NULL), EINVAL);
	CHECK_ERR((long)shmat(id, NULL, 0), EINVAL);
}

static void shares(void)
{
	int id = fresh(3 * PAGE);
	char *p = at(id, 0), *q = at(id, 0), *ro = at(id, SHM_RDONLY);
	CHECK(p != q && p[0] == 0 && attached(id) == 3);
	strcpy(p + PAGE, "hello");
	CHECK(!strcmp(q + PAGE, "hello") && !strcmp(ro + PAGE, "hello"));
	CHECK(EXITED(IN_CHILD({
		CHECK(attached(id) == 6);
		strcpy(p, "child");
	}),
		0));
	CHECK(!strcmp(q, "child") && attached(id) == 3);
	CHECK(KILLED(IN_CHILD(((volatile char *)ro)[0] = 1), SIGSEGV));
	CHECK_ERR(mprotect(ro, PAGE, PROT_READ | PROT_WRITE), EACCES);
	CHECK(shmdt(p) == 0 && shmdt(ro) == 0 && attached(id) == 1);
	CHECK_ERR(shmdt(p), EINVAL);
	CHECK_ERR(shmdt(q + 1), EINVAL);
	CHECK(stat_of(id).shm_cpid == getpid() && stat_of(id).shm_lpid == getpid() && stat_of(id).shm_dtime >= stat_of(id).shm_ctime);
	CHECK(!strcmp(q, "child"));
	CHECK(shmdt(q) == 0 && attached(id) == 0);
	p = at(id, 0);
	CHECK(!strcmp(p, "child")); /* nobody had it meanwhile */
	drop(id);
}

static void addresses(void)
{
	int id = fresh(2 * PAGE);
	char *hole = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_ERR((long)shmat(id, hole, 0), EINVAL);
	CHECK_ERR((long)shmat(id, hole + 1, 0), EINVAL);
	CHECK_ERR((long)shmat(id, NULL, SHM_REMAP), EINVAL);
	hole[0] = 7;
	CHECK(shmat(id, hole, SHM_REMAP) == hole && hole[0] == 0 && attached(id) == 1);
	CHECK(munmap(hole, 8 * PAGE) == 0 && attached(id) == 0);
	CHECK(shmat(id, hole + 5, SHM_RND) == hole);
	CHECK(shmdt(hole) == 0);
	CHECK(shmat(id, hole, 0) == hole);
	CHECK(shmdt(hole) == 0);
	drop(id);
}

static void pieces(void)
{
	int id = fresh(4 * PAGE);
	char *p = at(id, 0);
	CHECK(munmap(p + PAGE, PAGE) == 0 && attached(id) == 2); /* a hole: two pieces */
	CHECK(shmdt(p) == 0 && attached(id) == 0);
	p = at(id, 0);
	CHECK(munmap(p, PAGE) == 0 && attached(id) == 1);
	CHECK(shmdt(p) == 0 && attached(id) == 0); /* by where it would begin */
	p = at(id, 0);
	CHECK(mprotect(p, PAGE, PROT_READ) == 0 && attached(id) == 2);
	CHECK(shmdt(p) == 0 && attached(id) == 0);
	drop(id);
}

static void removed_with_the_last(void)
{
	int id = fresh(PAGE);
	char *p = at(id, 0);
	drop(id);
	CHECK((stat_of(id).shm_perm.mode & 01000) && attached(id) == 1); /* SHM_DEST */
	strcpy(p, "still there");
	char *q = at(id, 0); /* Linux lets a marked one be attached */
	CHECK(!strcmp(q, "still there") && attached(id) == 2);
	CHECK(shmdt(p) == 0 && shmdt(q) == 0);
	struct shmid_ds ds;
	CHECK_ERR(shmctl(id, IPC_STAT, &ds), EINVAL);
	/* By the exit of a process, and by exec. */
	id = fresh(PAGE);
	CHECK(EXITED(IN_CHILD({
		at(id, 0);
		drop(id);
		CHECK(attached(id) == 1);
	}),
		0));
	CHECK_ERR(shmctl(id, IPC_STAT, &ds), EINVAL);
	id = fresh(PAGE);
	char text[20];
	snprintf(text, sizeof(text), "%d", id);
	CHECK(EXITED(IN_CHILD({
		at(id, 0);
		at(id, 0);
		execl("/proc/self/exe", "x", "--attached", text, NULL);
	}),
		40));
	drop(id);
}
static int helper(int argc, char **argv) { return argc == 3 ? 40 + attached(atoi(argv[2])) : 1; }

static void not_for_children(void)
{
	int id = fresh(PAGE);
	char *p = at(id, 0);
	CHECK(madvise(p, PAGE, MADV_DONTFORK) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(attached(id) == 1)), 0));
	CHECK(attached(id) == 1);
	drop(id);
}

static void many_forks(void)
{
	int id = fresh(16 * PAGE);
	volatile int *p = (void *)at(id, 0);
	for (int i = 0; i < 40; i++) {
		if (!fork()) {
			__atomic_add_fetch(&p[i], 1, __ATOMIC_SEQ_CST);
			__atomic_add_fetch(&p[100], 1, __ATOMIC_SEQ_CST);
			_exit(0);
		}
	}
	for (int i = 0; i < 40; i++)
		CHECK(wait(NULL) > 0);
	CHECK(p[100] == 40 && attached(id) == 1);
	drop(id);
}

static void permissions(void)
{
	if (geteuid())
		check_skip("needs root");
	int id = fresh(PAGE);
	CHECK(EXITED(IN_CHILD({
		CHECK(setgid(1234) == 0 && setuid(1234) == 0);
		CHECK_ERR((long)shmat(id, NULL, SHM_RDONLY), EACCES);
		CHECK_ERR(shmctl(id, IPC_RMID, NULL), EPERM);
		CHECK_ERR(shmctl(id, SHM_LOCK, NULL), EPERM);
	}),
		0));
	struct shmid_ds ds = stat_of(id);
	ds.shm_perm.mode = 0644;
	CHECK(shmctl(id, IPC_SET, &ds) == 0);
	CHECK(EXITED(IN_CHILD({
		CHECK(setgid(1234) == 0 && setuid(1234) == 0);
		at(id, SHM_RDONLY);
		CHECK_ERR((long)shmat(id, NULL, 0), EACCES);
	}),
		0));
	CHECK(shmctl(id, SHM_LOCK, NULL) == 0 && (stat_of(id).shm_perm.mode & 02000));
	CHECK(shmctl(id, SHM_UNLOCK, NULL) == 0 && !(stat_of(id).shm_perm.mode & 02000));
	drop(id);
}

static void info(void)
{
	struct shminfo si;
	struct shm_info used;
	int id = fresh(3 * PAGE + 1), found = 0;
	char *p = at(id, 0);
	p[0] = p[2 * PAGE] = 1;
	CHECK(shmctl(0, IPC_INFO, (void *)&si) >= 0 && si.shmmin == 1 && si.shmmni == 4096);
	int top = shmctl(0, SHM_INFO, (void *)&used);
	CHECK(top >= 0 && used.used_ids >= 1 && used.shm_tot >= 4 && used.shm_rss >= 2);
	for (int i = 0; i <= top; i++) {
		struct shmid_ds ds;
		if (shmctl(i, SHM_STAT, &ds) == id)
			found = ds.shm_nattch == 1 && shmctl(i, SHM_STAT_ANY, &ds) == id;
	}
	CHECK(found);
	char line[300];
	FILE *f = fopen("/proc/sysvipc/shm", "r");
	CHECK(f && fgets(line, sizeof(line), f));
	for (found = 0; fgets(line, sizeof(line), f);) {
		int key, i, perms, size, pid, last, n;
		unsigned long rss;
		CHECK(sscanf(line, "%d %d %o %d %d %d %d %*d %*d %*d %*d %*d %*d %*d %lu", &key, &i, &perms, &size, &pid, &last, &n, &rss) == 8);
		found |= i == id && size == 3 * PAGE + 1 && pid == getpid() && n == 1 && rss == 2 * PAGE;
	}
	fclose(f);
	CHECK(found);
	f = fopen("/proc/self/maps", "r");
	char want[40];
	snprintf(want, sizeof(want), "/SYSV%08x (deleted)", 0);
	for (found = 0; fgets(line, sizeof(line), f);)
		found |= strstr(line, want) != NULL && strtol(strchr(strchr(line, ':') + 1, ' '), NULL, 10) == id &&
				 strtoul(line, NULL, 16) == (unsigned long)p && strstr(line, "rw-s");
	fclose(f);
	CHECK(found);
	drop(id);
}

static unsigned long limit(const char *name)
{
	char path[80];
	unsigned long v;
	snprintf(path, sizeof(path), "/proc/sys/kernel/%s", name);
	FILE *f = fopen(path, "r");
	CHECK(f && fscanf(f, "%lu", &v) == 1);
	fclose(f);
	return v;
}
static int set_limit(const char *name, const char *value)
{
	char path[80];
	snprintf(path, sizeof(path), "/proc/sys/kernel/%s", name);
	int fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	int err = write(fd, value, strlen(value)) < 0 ? -errno : 0;
	close(fd);
	return err;
}

/* All that follows happens in a fresh namespace. */
static void namespaces(void)
{
	if (geteuid())
		check_skip("needs root");
	key_t key = 0x51f00000 | (getpid() & 0xffff);
	int outside = shmget(key, PAGE, 0600 | IPC_CREAT);
	int sem = semget(IPC_PRIVATE, 1, 0600);
	CHECK(outside >= 0 && sem >= 0);
	int old = open("/proc/self/ns/ipc", O_RDONLY);
	CHECK(old >= 0);
	CHECK(EXITED(IN_CHILD({
		char before[64] = "";
		char after[64] = "";
		CHECK(readlink("/proc/self/ns/ipc", before, 63) > 5 && !strncmp(before, "ipc:[", 5));
		char *kept = at(outside, 0);
		struct sembuf b = { 0, 5, SEM_UNDO };
		CHECK(semop(sem, &b, 1) == 0);
		CHECK(unshare(CLONE_NEWIPC) == 0);
		CHECK(readlink("/proc/self/ns/ipc", after, 63) > 5 && strcmp(before, after));
		CHECK_ERR(shmget(key, PAGE, 0600), ENOENT);
		strcpy(kept, "kept"); /* mappings stay */
		int id = shmget(key, PAGE, 0600 | IPC_CREAT);
		CHECK(id == 0); /* the first one here */
		CHECK(limit("shmmni") == 4096 && set_limit("shmmni", "2\n") == 0);
		CHECK(shmget(IPC_PRIVATE, PAGE, 0600) == 1);
		CHECK_ERR(shmget(IPC_PRIVATE, PAGE, 0600), ENOSPC);
		CHECK(set_limit("shmmni", "40000\n") == -EINVAL);
		CHECK(set_limit("shmall", "3\n") == 0 && limit("shmall") == 3);
		CHECK(set_limit("shmmni", "100\n") == 0);
		CHECK_ERR(shmget(IPC_PRIVATE, 2 * PAGE, 0600), ENOSPC);
		CHECK(set_limit("shmmax", "8191\n") == 0);
		CHECK_ERR(shmget(IPC_PRIVATE, 8192, 0600), EINVAL);
		CHECK(set_limit("sem", "10 20 3 1\n") == 0);
		CHECK_ERR(semget(IPC_PRIVATE, 11, 0600), EINVAL);
		CHECK(semget(IPC_PRIVATE, 10, 0600) >= 0);
		CHECK_ERR(semget(IPC_PRIVATE, 10, 0600), ENOSPC);
		CHECK(set_limit("sem", "10 20 3 40000\n") == -ERANGE);
		CHECK(set_limit("shm_next_id", "70\n") == 0);
		CHECK(shmget(IPC_PRIVATE, 1, 0600) == 70);
		CHECK(setns(old, CLONE_NEWIPC) == 0);
		CHECK(shmget(key, PAGE, 0600) == outside && limit("shmmni") == 4096);
	}),
		0));
	CHECK(semctl(sem, 0, GETVAL) == 0); /* undone when its process left */
	char *p = at(outside, 0);
	CHECK(!strcmp(p, "kept"));
	/* clone: alone, and what cannot be together. */
	pid_t c = (pid_t)syscall(SYS_clone, CLONE_NEWIPC | SIGCHLD, 0, 0, 0, 0);
	if (!c)
		_exit(shmget(key, PAGE, 0600) == -1 && errno == ENOENT ? 0 : 1);
	CHECK(c > 0 && EXITED(reap(c), 0));
	CHECK_ERR(syscall(SYS_clone, CLONE_NEWIPC | CLONE_SYSVSEM | SIGCHLD, 0, 0, 0, 0), EINVAL);
	CHECK(EXITED(IN_CHILD({
		CHECK(setgid(1234) == 0 && setuid(1234) == 0);
		CHECK_ERR(unshare(CLONE_NEWIPC), EPERM);
	}),
		0));
	drop(outside);
	CHECK(semctl(sem, 0, IPC_RMID) == 0);
}

/* A segment outlives its namespace as long as it is attached. */
static void outlives_its_namespace(void)
{
	if (geteuid())
		check_skip("needs root");
	int old = open("/proc/self/ns/ipc", O_RDONLY);
	CHECK(EXITED(IN_CHILD({
		CHECK(unshare(CLONE_NEWIPC) == 0);
		char *p = at(fresh(PAGE), 0);
		fresh(PAGE);
		CHECK(setns(old, 0) == 0);
		strcpy(p, "mine");
		CHECK(EXITED(IN_CHILD(CHECK(!strcmp(p, "mine"))), 0));
		CHECK(shmdt(p) == 0);
	}),
		0));
}

static void set_forced(const char *v)
{
	int fd = open("/proc/sys/kernel/shm_rmid_forced", O_WRONLY);
	CHECK(fd >= 0 && write(fd, v, strlen(v)) == (ssize_t)strlen(v));
	close(fd);
}
static int there(int id)
{
	struct shmid_ds d;
	return shmctl(id, IPC_STAT, &d) == 0;
}
/* A segment made by a child that has ended. */
static int childs(void)
{
	CHECK(EXITED(IN_CHILD(SHARED[3] = shmget(IPC_PRIVATE, 4096, 0600)), 0));
	CHECK(SHARED[3] >= 0);
	return SHARED[3];
}
/* kernel.shm_rmid_forced: what nobody has attached goes with the last detach, and with whoever made it. */
static void removal_is_forced(void)
{
	if (getuid() || unshare(CLONE_NEWIPC) < 0)
		check_skip("not privileged");
	int fd = open("/proc/sys/kernel/shm_rmid_forced", O_RDWR);
	char c = 0;
	CHECK(fd >= 0 && read(fd, &c, 1) == 1 && c == '0');
	CHECK_ERR(pwrite(fd, "2", 1, 0), EINVAL);
	close(fd);
	int orphan = childs(), mine = shmget(IPC_PRIVATE, 4096, 0600), held = childs();
	void *p = shmat(held, NULL, 0);
	CHECK(mine >= 0 && p != (void *)-1 && there(orphan) && there(mine));
	set_forced("1");
	/* orphans go at once, but not what is attached, nor what its maker may still want */
	CHECK(!there(orphan) && there(mine) && there(held));
	CHECK(shmdt(p) == 0 && !there(held));
	orphan = childs();
	CHECK(!there(orphan));
	/* attached and detached: gone, though its maker lives */
	p = shmat(mine, NULL, 0);
	CHECK(p != (void *)-1 && shmdt(p) == 0 && !there(mine));
	/* attached by another when its maker ends */
	int fds[2];
	CHECK(pipe(fds) == 0);
	pid_t maker = fork();
	if (!maker) {
		int id = shmget(IPC_PRIVATE, 4096, 0600);
		CHECK(write(fds[1], &id, sizeof(id)) == sizeof(id));
		await_value(&SHARED[4], 1);
		_exit(0);
	}
	int id;
	CHECK(read(fds[0], &id, sizeof(id)) == sizeof(id) && there(id));
	p = shmat(id, NULL, 0);
	CHECK(p != (void *)-1);
	SHARED[4] = 1;
	CHECK(EXITED(reap(maker), 0) && there(id) && shmdt(p) == 0 && !there(id));
	/* who leaves the namespace leaves what it made */
	pid_t leaver = fork();
	if (!leaver) {
		SHARED[3] = shmget(IPC_PRIVATE, 4096, 0600);
		CHECK(there(SHARED[3]) && unshare(CLONE_NEWIPC) == 0);
		SHARED[5] = 1;
		await_value(&SHARED[6], 1);
		_exit(0);
	}
	await_value(&SHARED[5], 1);
	CHECK(!there(SHARED[3]));
	SHARED[6] = 1;
	CHECK(EXITED(reap(leaver), 0));
	set_forced("0");
	CHECK(there(childs()));
}

CASES(CASE(get_by_key), CASE(shares), CASE(addresses), CASE(pieces), CASE(removed_with_the_last), CASE(not_for_children), CASE(many_forks),
	CASE(permissions), CASE(info), CASE(namespaces), CASE(outlives_its_namespace), CASE(removal_is_forced))
