/* The memory controller of cgroup2: charging, memory.max and the kills that it leads to, memory.high, events, oom.group. Needs root and no swap. */
#include "check.h"

#include <sys/prctl.h>

#include "groups.h"

#define MIB (1UL << 20)

static void begin(void)
{
	const char *s = get(TOP "/cgroup.controllers");
	if (!s || !strstr(s, "memory"))
		check_skip("no memory controller");
	snprintf(base, sizeof(base), TOP "/m.%d", getpid());
	if (put(TOP "/cgroup.subtree_control", "+memory") < 0 || mkdir(base, 0755) < 0)
		check_skip("cannot make groups");
}
static void end(void) { CHECK(rmdir(base) == 0); }

/* n bytes, each page written. */
static char *use(size_t n)
{
	char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	madvise(p, n, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < n; i += 4096)
		p[i] = 1;
	return p;
}
#define JOIN(g) CHECK(put(at(g), "0") == 0)

static void limits(void)
{
	begin();
	CHECK(is(at("memory.max"), "max\n") && is(at("memory.high"), "max\n") && is(at("memory.oom.group"), "0\n"));
	CHECK(put(at("memory.max"), "8M\n") == 0 && is(at("memory.max"), "8388608\n"));
	CHECK(put(at("memory.max"), "1048577") == 0 && is(at("memory.max"), "1048576\n"));
	CHECK(put(at("memory.max"), "1g") == 0 && is(at("memory.max"), "1073741824\n"));
	CHECK(put(at("memory.max"), "max") == 0 && is(at("memory.max"), "max\n"));
	CHECK_ERR(put(at("memory.max"), "lots"), EINVAL);
	CHECK_ERR(put(at("memory.high"), "1M M"), EINVAL);
	CHECK_ERR(put(at("memory.oom.group"), "2"), EINVAL);
	CHECK(number(at("memory.events"), "max") == 0 && number(at("memory.events"), "oom_kill") == 0);
	CHECK(number(at("memory.stat"), "anon") == 0);
	end();
}

static void charges(void)
{
	begin();
	pid_t pid = fork();
	if (!pid) {
		JOIN("cgroup.procs");
		use(8 * MIB);
		SHARED[1] = 1;
		await_value(&SHARED[2], 1);
		_exit(0);
	}
	await_value(&SHARED[1], 1);
	CHECK(number(at("memory.current"), NULL) >= (long)(8 * MIB));
	CHECK(number(at("memory.current"), NULL) < (long)(12 * MIB));
	CHECK(number(at("memory.peak"), NULL) >= (long)(8 * MIB));
	CHECK(number(at("memory.stat"), "anon") >= (long)(8 * MIB));
	CHECK(number(at("memory.stat"), "pagetables") >= 4096);
	CHECK(number(at("memory.stat"), "pgfault") >= 2048);
	SHARED[2] = 1;
	CHECK(EXITED(reap(pid), 0));
	CHECK(number(at("memory.current"), NULL) < (long)(2 * MIB));
	CHECK(number(at("memory.peak"), NULL) >= (long)(8 * MIB));
	end();
}

/* Who is in a group that is full is killed; others are not. */
static void max_kills(void)
{
	begin();
	CHECK(put(at("memory.max"), "16M") == 0);
	pid_t small = fork();
	if (!small) {
		JOIN("cgroup.procs");
		use(MIB);
		SHARED[1] = 1;
		for (;;)
			pause();
	}
	await_value(&SHARED[1], 1);
	CHECK(KILLED(IN_CHILD({
		JOIN("cgroup.procs");
		use(64 * MIB);
	}), SIGKILL));
	CHECK(number(at("memory.events"), "max") > 0);
	CHECK(number(at("memory.events"), "oom") > 0 && number(at("memory.events"), "oom_kill") == 1);
	CHECK(number(at("memory.events.local"), "oom_kill") == 1);
	CHECK(number(at("memory.current"), NULL) <= (long)(16 * MIB));
	CHECK(waitpid(small, NULL, WNOHANG) == 0);
	kill(small, SIGKILL);
	CHECK(KILLED(reap(small), SIGKILL));
	/* It fits. */
	CHECK(EXITED(IN_CHILD({
		JOIN("cgroup.procs");
		use(8 * MIB);
	}), 0));
	end();
}

/* The limit of a group holds for those below it. */
static void hierarchy(void)
{
	begin();
	CHECK(put(at("cgroup.subtree_control"), "+memory") == 0);
	CHECK(mkdir(at("a"), 0755) == 0 && mkdir(at("b"), 0755) == 0);
	CHECK(put(at("memory.max"), "16M") == 0);
	pid_t pid = fork();
	if (!pid) {
		JOIN("b/cgroup.procs");
		use(4 * MIB);
		SHARED[1] = 1;
		for (;;)
			pause();
	}
	await_value(&SHARED[1], 1);
	CHECK(number(at("b/memory.current"), NULL) >= (long)(4 * MIB) && number(at("memory.current"), NULL) >= (long)(4 * MIB));
	CHECK(number(at("a/memory.current"), NULL) == 0);
	CHECK(KILLED(IN_CHILD({
		JOIN("a/cgroup.procs");
		use(64 * MIB);
	}), SIGKILL));
	CHECK(number(at("a/memory.events"), "oom_kill") == 1 && number(at("memory.events"), "oom_kill") == 1);
	CHECK(number(at("memory.events.local"), "oom_kill") == 0 && number(at("b/memory.events"), "oom_kill") == 0);
	CHECK(waitpid(pid, NULL, WNOHANG) == 0);
	kill(pid, SIGKILL);
	reap(pid);
	CHECK(rmdir(at("a")) == 0 && rmdir(at("b")) == 0);
	end();
}

/* A file in memory is paid for by who writes it, also when the group's directory is gone. */
static void file_pages(void)
{
	static char buf[65536];
	begin();
	CHECK(put(at("memory.max"), "16M") == 0);
	memset(buf, 1, sizeof(buf));
	CHECK(EXITED(IN_CHILD({
		JOIN("cgroup.procs");
		int fd = open("/dev/shm/paid", O_CREAT | O_WRONLY, 0600);
		for (int i = 0; i < 64; i++)
			CHECK(write(fd, buf, sizeof(buf)) == sizeof(buf));
	}), 0));
	CHECK(number(at("memory.current"), NULL) >= (long)(4 * MIB) && number(at("memory.stat"), "file") >= (long)(4 * MIB));
	CHECK(KILLED(IN_CHILD({
		JOIN("cgroup.procs");
		int fd = open("/dev/shm/more", O_CREAT | O_WRONLY, 0600);
		for (;;)
			CHECK(write(fd, buf, sizeof(buf)) > 0);
	}), SIGKILL));
	CHECK(unlink("/dev/shm/more") == 0);
	end();
	CHECK(unlink("/dev/shm/paid") == 0);
}

/* Lowering the limit below what is used kills, too. */
static void lowered(void)
{
	begin();
	pid_t pid = fork();
	if (!pid) {
		JOIN("cgroup.procs");
		use(16 * MIB);
		SHARED[1] = 1;
		for (;;)
			pause();
	}
	await_value(&SHARED[1], 1);
	CHECK(put(at("memory.max"), "4M") == 0);
	CHECK(KILLED(reap(pid), SIGKILL));
	CHECK(number(at("memory.events"), "oom_kill") == 1);
	end();
}

static void oom_group(void)
{
	begin();
	CHECK(put(at("memory.max"), "16M") == 0 && put(at("memory.oom.group"), "1") == 0);
	pid_t pid = fork();
	if (!pid) {
		JOIN("cgroup.procs");
		use(MIB);
		SHARED[1] = 1;
		for (;;)
			pause();
	}
	await_value(&SHARED[1], 1);
	CHECK(KILLED(IN_CHILD({
		JOIN("cgroup.procs");
		use(64 * MIB);
	}), SIGKILL));
	CHECK(KILLED(reap(pid), SIGKILL));
	CHECK(number(at("memory.events"), "oom_group_kill") == 1);
	end();
}

/* What a forked child changes is its own group's to pay. */
static void after_fork(void)
{
	begin();
	char *p = use(8 * MIB);
	CHECK(EXITED(IN_CHILD({
		JOIN("cgroup.procs");
		CHECK(number(at("memory.current"), NULL) < (long)(2 * MIB));
		for (size_t i = 0; i < 8 * MIB; i += 4096)
			p[i] = 2;
		CHECK(number(at("memory.current"), NULL) >= (long)(8 * MIB));
	}), 0));
	CHECK(number(at("memory.current"), NULL) < (long)(2 * MIB));
	end();
}

/* memory.high slows down but does not kill. */
static void high(void)
{
	begin();
	CHECK(put(at("memory.high"), "4M") == 0);
	CHECK(EXITED(IN_CHILD({
		JOIN("cgroup.procs");
		use(4 * MIB + 64 * 4096);
	}), 0));
	CHECK(number(at("memory.events"), "high") > 0 && number(at("memory.events"), "oom_kill") == 0);
	end();
}

static void protection_and_reclaim(void)
{
	static const char *const names[] = { "memory.min", "memory.low" };
	begin();
	for (int i = 0; i < 2; i++) {
		CHECK(is(at(names[i]), "0\n") && put(at(names[i]), "5000") == 0 && is(at(names[i]), "4096\n"));
		CHECK(put(at(names[i]), "1M") == 0 && is(at(names[i]), "1048576\n") && put(at(names[i]), "max") == 0 && is(at(names[i]), "max\n"));
		CHECK_ERR(put(at(names[i]), "x"), EINVAL);
		CHECK_ERR(put(at(names[i]), "-1"), EINVAL);
	}
	CHECK(access(at("memory.reclaim"), F_OK) == 0);
	CHECK(get(at("memory.reclaim")) == NULL && errno == EINVAL);
	CHECK_ERR(put(at("memory.stat"), "1"), EINVAL);
	CHECK(put(at("memory.reclaim"), "0") == 0);
	CHECK_ERR(put(at("memory.reclaim"), "1M"), EAGAIN);
	CHECK_ERR(put(at("memory.reclaim"), "1M swappiness=60"), EAGAIN);
	CHECK_ERR(put(at("memory.reclaim"), "1M swappiness=201"), EINVAL);
	CHECK_ERR(put(at("memory.reclaim"), "1M fast"), EINVAL);
	CHECK_ERR(put(at("memory.reclaim"), "x"), EINVAL);
	/* anonymous memory stays where it is */
	CHECK(EXITED(IN_CHILD({
		JOIN("cgroup.procs");
		use(4 * MIB);
		CHECK_ERR(put(at("memory.reclaim"), "2M"), EAGAIN);
		CHECK(number(at("memory.current"), NULL) >= (long)(4 * MIB));
	}), 0));
	CHECK(number(at("memory.events"), "low") == 0);
	end();
}

static long peak_of(int fd)
{
	char buf[32] = { 0 };
	CHECK(pread(fd, buf, 31, 0) > 0);
	return atol(buf);
}
/* Writing to memory.peak: that open file counts from then on, the others as before. */
static void peaks(void)
{
	begin();
	int a = open(at("memory.peak"), O_RDWR), b = open(at("memory.peak"), O_RDWR);
	if (a < 0 && errno == EACCES)
		check_skip("memory.peak cannot be written to");
	CHECK(a >= 0 && b >= 0);
	CHECK(EXITED(IN_CHILD(JOIN("cgroup.procs"); use(8 * MIB)), 0));
	long whole = peak_of(a);
	CHECK(whole >= (long)(8 * MIB) && peak_of(b) == whole);
	CHECK(write(a, "reset", 5) == 5 && peak_of(a) < (long)(4 * MIB) && peak_of(b) == whole);
	CHECK(EXITED(IN_CHILD(JOIN("cgroup.procs"); use(4 * MIB)), 0));
	CHECK(peak_of(a) >= (long)(4 * MIB) && peak_of(a) < (long)(7 * MIB) && peak_of(b) == whole && number(at("memory.peak"), NULL) == whole);
	close(a);
	close(b);
	end();
}

/* Many that allocate at once in a small group: they are killed one after the other until the rest fit. */
static void storm(void)
{
	pid_t pid[8];
	int killed = 0, fine = 0;
	begin();
	CHECK(put(at("memory.max"), "24M") == 0);
	for (int i = 0; i < 8; i++) {
		pid[i] = fork();
		if (!pid[i]) {
			JOIN("cgroup.procs");
			use(6 * MIB);
			msleep(50);
			_exit(0);
		}
	}
	for (int i = 0; i < 8; i++) {
		int st = reap(pid[i]);
		killed += KILLED(st, SIGKILL);
		fine += EXITED(st, 0);
	}
	CHECK(killed + fine == 8 && fine > 0);
	CHECK(number(at("memory.events"), "oom_kill") == killed);
	end();
}

CASES(CASE(limits), CASE(charges), CASE(max_kills), CASE(hierarchy), CASE(file_pages), CASE(lowered), CASE(oom_group), CASE(after_fork), CASE(high),
      CASE(protection_and_reclaim), CASE(peaks),
      CASE(storm))
