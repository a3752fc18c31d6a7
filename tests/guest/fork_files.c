/* Descriptor tables after fork: each side's changes are its own, however large the table, and nothing that is open is lost or kept too long. */
#define HELPER(argc, argv) look()
#include "check.h"

#include <pthread.h>
#include <sys/resource.h>

#define MANY 3000

static void room_for(int n)
{
	struct rlimit lim;
	CHECK(getrlimit(RLIMIT_NOFILE, &lim) == 0);
	if (lim.rlim_max < (rlim_t)n)
		check_skip("few descriptors allowed");
	lim.rlim_cur = (rlim_t)n;
	CHECK(setrlimit(RLIMIT_NOFILE, &lim) == 0);
}

#define open_at(fd) (fcntl((fd), F_GETFD) >= 0)

static int fill(void)
{
	int fd = -1;
	room_for(MANY + 100);
	while (fd < MANY - 1) {
		fd = dup(0);
		CHECK(fd >= 0);
	}
	return fd;
}

static void changes_are_private(void)
{
	int last = fill(), go[2];
	CHECK(pipe(go) == 0);
	for (int step = 0; step < 2; step++) {
		pid_t pid = fork();
		if (!pid) {
			char c;
			/* Every third goes, one moves, one gets a flag: here first, or there first. */
			if (step)
				CHECK(read(go[0], &c, 1) == 1);
			for (int fd = 60; fd < 400; fd += 3)
				CHECK(close(fd) == 0);
			CHECK(dup2(1, 1000) == 1000 && fcntl(1001, F_SETFD, FD_CLOEXEC) == 0);
			for (int fd = 60; fd < 400; fd++)
				CHECK(open_at(fd) == ((fd - 60) % 3 != 0));
			CHECK(fcntl(1001, F_GETFD) == FD_CLOEXEC && dup(0) == 60);
			CHECK(open_at(500 + step) && open_at(last));
			_exit(0);
		}
		if (step) {
			for (int fd = 500; fd < 600; fd += 2)
				CHECK(close(fd) == 0);
			CHECK(write(go[1], "", 1) == 1);
		}
		int st;
		CHECK(waitpid(pid, &st, 0) == pid && st == 0);
		for (int fd = 60; fd < 400; fd++)
			CHECK(open_at(fd));
		CHECK(fcntl(1001, F_GETFD) == 0);
		if (step)
			for (int fd = 500; fd < 600; fd++)
				CHECK(open_at(fd) == (fd % 2 != 0));
	}
}

static void ends_are_seen(void)
{
	int p[2];
	char c;
	fill();
	CHECK(pipe(p) == 0);
	pid_t pid = fork();
	if (!pid) {
		/* The parent's closing leaves ours open. */
		CHECK(close(p[0]) == 0 && write(p[1], "x", 1) == 1);
		_exit(0);
	}
	CHECK(close(p[1]) == 0);
	CHECK(read(p[0], &c, 1) == 1 && read(p[0], &c, 1) == 0);
	int st;
	CHECK(waitpid(pid, &st, 0) == pid && st == 0);
	/* A child that changes nothing takes nothing with it, one that is killed lets go. */
	CHECK(pipe(p) == 0);
	pid = fork();
	if (!pid)
		for (;;)
			pause();
	CHECK(close(p[1]) == 0 && fcntl(p[0], F_SETFL, O_NONBLOCK) == 0);
	CHECK(read(p[0], &c, 1) == -1 && errno == EAGAIN);
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, &st, 0) == pid);
	CHECK(read(p[0], &c, 1) == 0);
}

static void grandchildren(void)
{
	int last = fill();
	for (int depth = 0; depth < 6; depth++) {
		pid_t pid = fork();
		if (pid) {
			int st;
			CHECK(close(100 + depth) == 0);
			CHECK(waitpid(pid, &st, 0) == pid && st == 0);
			CHECK(!open_at(100 + depth) && open_at(101 + depth) && open_at(last - depth - 1));
			if (depth)
				_exit(0);
			return;
		}
		CHECK(open_at(100 + depth) && close(last - depth - 1) == 0);
	}
	_exit(0);
}

static void exec_closes_its_own(void)
{
	fill();
	for (int fd = 200; fd < 230; fd++)
		CHECK(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0);
	pid_t pid = fork();
	if (!pid) {
		execl("/proc/self/exe", "fork_files", "--look", NULL);
		_exit(9);
	}
	int st;
	CHECK(waitpid(pid, &st, 0) == pid && st == 0);
	for (int fd = 200; fd < 230; fd++)
		CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
}
static int look(void)
{
	for (int fd = 150; fd < 300; fd++)
		if (open_at(fd) != (fd < 200 || fd >= 230))
			return 1;
	return 0;
}

/* A record lock belongs to the process: a child that leaves takes none along, and its own go with it, though both share every descriptor. */
static void record_locks(void)
{
	int fd = open("lock", O_RDWR | O_CREAT, 0600), st;
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET }, probe = all;
	CHECK(fd >= 0 && fcntl(fd, F_SETLK, &all) == 0);
	pid_t pid = fork();
	if (!pid)
		_exit(0);
	CHECK(waitpid(pid, &st, 0) == pid && st == 0);
	pid = fork();
	if (!pid) {
		CHECK(fcntl(fd, F_GETLK, &probe) == 0 && probe.l_type == F_WRLCK && probe.l_pid == getppid());
		_exit(0);
	}
	CHECK(waitpid(pid, &st, 0) == pid && st == 0);
	all.l_type = F_UNLCK;
	CHECK(fcntl(fd, F_SETLK, &all) == 0);
	pid = fork();
	if (!pid) {
		struct flock mine = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
		_exit(fcntl(fd, F_SETLK, &mine) != 0);
	}
	CHECK(waitpid(pid, &st, 0) == pid && st == 0);
	CHECK(fcntl(fd, F_GETLK, &probe) == 0 && probe.l_type == F_UNLCK);
}

/* One position for both; no byte is written twice or lost. */
static void one_position(void)
{
	enum { ROUNDS = 300 };
	int fd = open("both", O_RDWR | O_CREAT | O_TRUNC, 0600), st;
	char seen[2 * ROUNDS];
	CHECK(fd >= 0);
	pid_t pid = fork();
	for (int i = 0; i < ROUNDS; i++)
		CHECK(write(fd, pid ? "p" : "c", 1) == 1);
	if (!pid)
		_exit(0);
	CHECK(waitpid(pid, &st, 0) == pid && st == 0);
	CHECK(lseek(fd, 0, SEEK_CUR) == 2 * ROUNDS && pread(fd, seen, sizeof(seen), 0) == 2 * ROUNDS);
	int mine = 0;
	for (int i = 0; i < 2 * ROUNDS; i++)
		mine += seen[i] == 'p';
	CHECK(mine == ROUNDS);
}

/* Threads open and close while another forks: the children have only whole descriptors and can use every number. */
static volatile int stop;
static void *churn(void *arg)
{
	while (!stop) {
		int fd = open("/", O_RDONLY);
		if (fd >= 0)
			close(fd);
	}
	return arg;
}
static void while_others_open(void)
{
	pthread_t t[3];
	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&t[i], NULL, churn, NULL) == 0);
	for (int i = 0; i < 60; i++) {
		pid_t pid = fork();
		if (!pid) {
			/* No number is lost to an open that the fork came across. */
			for (int fd = 3; fd < 20; fd++) {
				int got = open_at(fd) ? fd : dup(0);
				CHECK(got == fd);
			}
			CHECK(dup2(0, 70) == 70 && dup2(0, 5) == 5);
			_exit(0);
		}
		int st;
		CHECK(pid > 0 && waitpid(pid, &st, 0) == pid && st == 0);
	}
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
}

static void sparse(void)
{
	room_for(4000);
	CHECK(dup2(0, 3900) == 3900);
	pid_t pid = fork();
	if (!pid) {
		CHECK(open_at(3900) && !open_at(3899) && close(3900) == 0 && dup2(0, 3500) == 3500);
		CHECK(syscall(SYS_close_range, 3, ~0U, 0) == 0 && !open_at(3500) && dup(0) == 3);
		_exit(0);
	}
	int st;
	CHECK(waitpid(pid, &st, 0) == pid && st == 0);
	CHECK(open_at(3900) && !open_at(3500) && dup(0) == 3);
}

CASES(CASE(changes_are_private), CASE(ends_are_seen), CASE(grandchildren), CASE(exec_closes_its_own), CASE(record_locks), CASE(one_position),
      CASE(while_others_open), CASE(sparse))
