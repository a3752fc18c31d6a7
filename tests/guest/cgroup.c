/* Control groups, version 2: the tree, members, types, pids, kill, freeze, namespaces, CLONE_INTO_CGROUP. Needs root and cgroup2 at /sys/fs/cgroup. */
#include "check.h"

#include <dirent.h>
#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/vfs.h>

#include "groups.h"

static int has_word(const char *text, const char *word)
{
	size_t n = strlen(word);
	for (const char *p = text; p && (p = strstr(p, word)); p++)
		if ((p == text || strchr(" \n", p[-1])) && strchr(" \n", p[n]))
			return 1;
	return 0;
}

static void await_event(const char *key, long v, const char *dir)
{
	while (number(at("%s/cgroup.events", dir), key) != v)
		msleep(1);
}

static void need(const char *controller)
{
	if (!has_word(get(TOP "/cgroup.controllers"), controller))
		check_skip("a controller is missing");
}

static void begin(void)
{
	struct statfs fs;
	if (statfs(TOP, &fs) < 0 || fs.f_type != 0x63677270)
		check_skip("no cgroup2 at " TOP);
	snprintf(base, sizeof(base), TOP "/t.%d", getpid());
	if (mkdir(base, 0755) < 0)
		check_skip("cannot make groups");
}

/* Removes the tree; everybody in it must be dead. */
static void end(void)
{
	DIR *d = opendir(base);
	struct dirent *e;
	while ((e = readdir(d)))
		if (e->d_type == DT_DIR && e->d_name[0] != '.') {
			DIR *sub = opendir(at("%s", e->d_name));
			struct dirent *f;
			while ((f = readdir(sub)))
				if (f->d_type == DT_DIR && f->d_name[0] != '.')
					CHECK(rmdir(at("%s/%s", e->d_name, f->d_name)) == 0);
			closedir(sub);
			CHECK(rmdir(at("%s", e->d_name)) == 0);
		}
	closedir(d);
	CHECK(rmdir(base) == 0);
}

/* A child that waits in group `dir` until it is killed. */
static pid_t sitter(const char *dir)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		CHECK(put(at("%s/cgroup.procs", dir), "0") == 0);
		SHARED[15] = getpid();
		for (;;)
			pause();
	}
	await_value(&SHARED[15], pid);
	return pid;
}
static void finish(pid_t pid)
{
	kill(pid, SIGKILL);
	CHECK(KILLED(reap(pid), SIGKILL));
}

/* --- the tree ------------------------------------------------------------------------------------------------------------------------------ */

static void tree(void)
{
	struct stat st;
	begin();
	CHECK(is(at("cgroup.type"), "domain\n"));
	CHECK(is(at("cgroup.events"), "populated 0\nfrozen 0\n"));
	CHECK(is(at("cgroup.procs"), ""));
	CHECK(is(at("cgroup.subtree_control"), ""));
	CHECK(is(at("cgroup.max.depth"), "max\n"));
	CHECK(is(at("cgroup.freeze"), "0\n"));
	CHECK(stat(base, &st) == 0 && S_ISDIR(st.st_mode) && st.st_nlink == 2);
	CHECK(stat(at("cgroup.procs"), &st) == 0 && st.st_mode == (S_IFREG | 0644) && st.st_size == 0);
	CHECK(stat(at("cgroup.kill"), &st) == 0 && st.st_mode == (S_IFREG | 0200));
	CHECK(stat(at("cgroup.controllers"), &st) == 0 && st.st_mode == (S_IFREG | 0444));
	CHECK(stat(TOP "/cgroup.type", &st) < 0 && errno == ENOENT);
	CHECK(stat(TOP "/cgroup.procs", &st) == 0);
	CHECK(mkdir(at("a"), 0700) == 0);
	CHECK(stat(base, &st) == 0 && st.st_nlink == 3);
	CHECK(stat(at("a"), &st) == 0 && (st.st_mode & 07777) == 0700);
	CHECK(number(at("cgroup.stat"), "nr_descendants") == 1);
	CHECK_ERR(mkdir(at("a"), 0700), EEXIST);
	CHECK_ERR(mkdir(at("cgroup.procs"), 0700), EEXIST);
	CHECK_ERR(mkdir(at("x\ny"), 0700), EINVAL);
	CHECK_ERR(rmdir(base), EBUSY);
	CHECK_ERR(rmdir(at("cgroup.procs")), ENOTDIR);
	CHECK_ERR(unlink(at("cgroup.procs")), EPERM);
	CHECK_ERR(open(at("file"), O_CREAT | O_WRONLY, 0600), EACCES);
	CHECK_ERR(symlink("x", at("link")), EPERM);
	CHECK_ERR(rename(at("a"), at("b")), EPERM);
	int fd = open(at("a/cgroup.events"), O_RDONLY), dir = open(at("a"), O_RDONLY | O_DIRECTORY);
	char c;
	CHECK(fd >= 0 && dir >= 0);
	CHECK(rmdir(at("a")) == 0);
	CHECK_ERR(read(fd, &c, 1), ENODEV);
	CHECK_ERR(openat(dir, "cgroup.procs", O_RDONLY), ENOENT);
	CHECK_ERR(mkdirat(dir, "b", 0700), ENOENT);
	close(fd);
	close(dir);
	CHECK(stat(base, &st) == 0 && st.st_nlink == 2);
	end();
}

static void limits(void)
{
	begin();
	CHECK_ERR(put(at("cgroup.max.depth"), "x"), EINVAL);
	CHECK_ERR(put(at("cgroup.max.depth"), "-1"), ERANGE);
	CHECK(put(at("cgroup.max.depth"), "1\n") == 0);
	CHECK(is(at("cgroup.max.depth"), "1\n"));
	CHECK(mkdir(at("a"), 0755) == 0);
	CHECK_ERR(mkdir(at("a/b"), 0755), EAGAIN);
	CHECK(put(at("cgroup.max.depth"), "max") == 0);
	CHECK(put(at("cgroup.max.descendants"), "2") == 0);
	CHECK(mkdir(at("a/b"), 0755) == 0);
	CHECK_ERR(mkdir(at("c"), 0755), EAGAIN);
	CHECK_ERR(mkdir(at("a/c"), 0755), EAGAIN);
	CHECK(rmdir(at("a/b")) == 0);
	CHECK(mkdir(at("c"), 0755) == 0);
	end();
}

static void subtree_control(void)
{
	begin();
	CHECK(has_word(get(TOP "/cgroup.controllers"), "pids"));
	CHECK(put(TOP "/cgroup.subtree_control", "+pids") == 0);
	CHECK(has_word(get(TOP "/cgroup.subtree_control"), "pids"));
	CHECK(has_word(get(at("cgroup.controllers")), "pids"));
	CHECK(access(at("pids.max"), F_OK) == 0);
	CHECK_ERR(put(at("cgroup.subtree_control"), "+bogus"), EINVAL);
	CHECK_ERR(put(at("cgroup.subtree_control"), "pids"), EINVAL);
	CHECK(mkdir(at("a"), 0755) == 0 && mkdir(at("a/b"), 0755) == 0);
	CHECK(access(at("a/pids.max"), F_OK) < 0);
	CHECK_ERR(put(at("a/cgroup.subtree_control"), "+pids"), ENOENT);
	CHECK(put(at("cgroup.subtree_control"), "+pids\n") == 0);
	CHECK(is(at("cgroup.subtree_control"), "pids\n") && is(at("a/cgroup.controllers"), "pids\n"));
	CHECK(put(at("a/cgroup.subtree_control"), "+pids") == 0);
	CHECK_ERR(put(at("cgroup.subtree_control"), "-pids"), EBUSY);
	CHECK(is(at("a/pids.max"), "max\n"));
	CHECK(put(at("a/b/pids.max"), "7") == 0);
	CHECK(put(at("a/cgroup.subtree_control"), "-pids +pids -pids") == 0);
	CHECK(access(at("a/b/pids.max"), F_OK) < 0);
	CHECK(put(at("a/cgroup.subtree_control"), "+pids") == 0);
	CHECK(is(at("a/b/pids.max"), "max\n"));
	end();
}

/* --- members ------------------------------------------------------------------------------------------------------------------------------- */

static void migrate(void)
{
	char buf[64], want[96];
	begin();
	CHECK(mkdir(at("a"), 0755) == 0);
	CHECK_ERR(put(at("a/cgroup.procs"), "x"), EINVAL);
	CHECK_ERR(put(at("a/cgroup.procs"), "-1"), EINVAL);
	CHECK_ERR(put(at("a/cgroup.procs"), "4000000"), ESRCH);
	CHECK_ERR(put(at("a/cgroup.procs"), "2"), EINVAL);
	pid_t pid = sitter("a");
	snprintf(buf, sizeof(buf), "%d\n", pid);
	CHECK(is(at("a/cgroup.procs"), buf) && is(at("a/cgroup.threads"), buf) && is(at("cgroup.procs"), ""));
	snprintf(buf, sizeof(buf), "/proc/%d/cgroup", pid);
	snprintf(want, sizeof(want), "0::%s/a\n", base + strlen(TOP));
	CHECK(is(buf, want));
	CHECK(is(at("cgroup.events"), "populated 1\nfrozen 0\n"));
	CHECK_ERR(rmdir(at("a")), EBUSY);
	CHECK(mkdir(at("b"), 0755) == 0);
	snprintf(buf, sizeof(buf), "%d\n", pid);
	CHECK(put(at("b/cgroup.procs"), buf) == 0);
	CHECK(is(at("b/cgroup.procs"), buf) && is(at("a/cgroup.procs"), ""));
	CHECK(rmdir(at("a")) == 0);
	/* A zombie is in no group any more, but says which one it was in. */
	kill(pid, SIGKILL);
	await_state(pid, "Z");
	CHECK(is(at("b/cgroup.procs"), "") && is(at("cgroup.events"), "populated 0\nfrozen 0\n"));
	CHECK(rmdir(at("b")) == 0);
	snprintf(buf, sizeof(buf), "/proc/%d/cgroup", pid);
	snprintf(want, sizeof(want), "0::%s/b (deleted)\n", base + strlen(TOP));
	CHECK(is(buf, want));
	CHECK(KILLED(reap(pid), SIGKILL));
	end();
}

/* A child is born into its parent's group. */
static void inherited(void)
{
	begin();
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		CHECK(put(at("cgroup.procs"), "0") == 0);
		pid_t child = fork();
		CHECK(child >= 0);
		if (!child) {
			const char *s = get("/proc/self/cgroup");
			CHECK(s && strstr(s, base + strlen(TOP)));
			_exit(0);
		}
		CHECK(EXITED(reap(child), 0));
		_exit(0);
	}
	CHECK(EXITED(reap(pid), 0));
	end();
}

static void internal_processes(void)
{
	need("memory");
	begin();
	CHECK(put(TOP "/cgroup.subtree_control", "+pids +memory") == 0);
	CHECK(put(at("cgroup.subtree_control"), "+memory") == 0);
	char me[16];
	snprintf(me, sizeof(me), "%d", getpid());
	CHECK_ERR(put(at("cgroup.procs"), me), EBUSY);
	CHECK(put(at("cgroup.subtree_control"), "-memory") == 0);
	pid_t pid = fork();
	if (!pid) {
		CHECK(put(at("cgroup.procs"), "0") == 0);
		CHECK_ERR(put(at("cgroup.subtree_control"), "+memory"), EBUSY);
		_exit(0);
	}
	CHECK(EXITED(reap(pid), 0));
	end();
}

static void *thread_sits(void *arg)
{
	SHARED[1] = (int)syscall(SYS_gettid);
	await_value(&SHARED[2], 1);
	return arg;
}

static void threaded(void)
{
	char buf[64];
	need("memory");
	begin();
	CHECK(put(TOP "/cgroup.subtree_control", "+pids +memory") == 0);
	CHECK(mkdir(at("t"), 0755) == 0 && mkdir(at("t/u"), 0755) == 0 && mkdir(at("d"), 0755) == 0);
	CHECK_ERR(put(at("t/cgroup.type"), "domain"), EINVAL);
	CHECK(put(at("t/cgroup.type"), "threaded\n") == 0);
	CHECK(is(at("t/cgroup.type"), "threaded\n"));
	CHECK(is(at("cgroup.type"), "domain threaded\n"));
	CHECK(is(at("t/u/cgroup.type"), "domain invalid\n") && is(at("d/cgroup.type"), "domain invalid\n"));
	CHECK_ERR(put(at("cgroup.subtree_control"), "+memory"), EOPNOTSUPP);
	CHECK(put(at("cgroup.subtree_control"), "+pids") == 0);
	CHECK(is(at("t/cgroup.controllers"), "pids\n"));
	CHECK(get(at("t/cgroup.procs")) == NULL && errno == EOPNOTSUPP);
	CHECK_ERR(put(at("t/cgroup.kill"), "1"), EOPNOTSUPP);
	pid_t pid = fork();
	if (!pid) {
		pthread_t th;
		CHECK_ERR(put(at("d/cgroup.procs"), "0"), EOPNOTSUPP);
		CHECK_ERR(put(at("t/cgroup.threads"), "0"), EOPNOTSUPP); /* from another domain */
		CHECK(put(at("cgroup.procs"), "0") == 0);
		pthread_create(&th, NULL, thread_sits, NULL);
		while (!SHARED[1])
			sched_yield();
		snprintf(buf, sizeof(buf), "%d\n", SHARED[1]);
		CHECK(put(at("t/cgroup.threads"), buf) == 0);
		CHECK(is(at("t/cgroup.threads"), buf));
		snprintf(buf, sizeof(buf), "%d\n", getpid());
		CHECK(is(at("cgroup.threads"), buf) && is(at("cgroup.procs"), buf));
		SHARED[2] = 1;
		pthread_join(th, NULL);
		_exit(0);
	}
	CHECK(EXITED(reap(pid), 0));
	end();
}

/* --- pids ---------------------------------------------------------------------------------------------------------------------------------- */

static void pids(void)
{
	begin();
	CHECK(put(TOP "/cgroup.subtree_control", "+pids") == 0);
	CHECK_ERR(put(at("pids.max"), "-1"), EINVAL);
	CHECK_ERR(put(at("pids.max"), "many"), EINVAL);
	CHECK_ERR(put(at("pids.max"), "4194305"), EINVAL);
	CHECK(put(at("pids.max"), "3") == 0);
	CHECK(is(at("pids.max"), "3\n") && number(at("pids.current"), NULL) == 0);
	pid_t pid = fork();
	if (!pid) {
		pid_t a, b;
		CHECK(put(at("cgroup.procs"), "0") == 0);
		a = fork();
		if (!a)
			for (;;)
				pause();
		b = fork();
		if (!b)
			_exit(0);
		CHECK(a > 0 && b > 0);
		CHECK(fork() < 0 && errno == EAGAIN);
		/* A zombie counts until it is reaped. */
		await_state(b, "Z");
		CHECK(number(at("pids.current"), NULL) == 3);
		CHECK(fork() < 0 && errno == EAGAIN);
		CHECK(number(at("pids.events"), "max") == 2);
		CHECK(EXITED(reap(b), 0));
		CHECK(number(at("pids.current"), NULL) == 2);
		b = fork();
		if (!b)
			_exit(0);
		CHECK(b > 0);
		reap(b);
		finish(a);
		_exit(0);
	}
	CHECK(EXITED(reap(pid), 0));
	CHECK(number(at("pids.current"), NULL) == 0 && number(at("pids.peak"), NULL) == 3);
	/* A migration is not stopped by the limit. */
	CHECK(put(at("pids.max"), "0") == 0);
	pid = fork();
	if (!pid) {
		CHECK(put(at("cgroup.procs"), "0") == 0);
		CHECK(fork() < 0 && errno == EAGAIN);
		_exit(0);
	}
	CHECK(EXITED(reap(pid), 0));
	end();
}

static void bomb(void)
{
	for (;;) {
		pid_t p = fork();
		if (p < 0)
			msleep(300); /* others want to run too */
	}
}

/* cgroup.kill leaves nothing of a fork bomb. */
static void fork_bomb(void)
{
	begin();
	CHECK(put(TOP "/cgroup.subtree_control", "+pids") == 0);
	CHECK(put(at("pids.max"), "100") == 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid_t pid = fork();
	if (!pid) {
		CHECK(put(at("cgroup.procs"), "0") == 0);
		bomb();
	}
	while (number(at("pids.events"), "max") < 20)
		msleep(5);
	CHECK(number(at("pids.current"), NULL) <= 100);
	/* Others go on. */
	for (int i = 0; i < 20; i++)
		CHECK(EXITED(IN_CHILD(), 0));
	CHECK_ERR(put(at("cgroup.kill"), "0"), ERANGE);
	CHECK_ERR(put(at("cgroup.kill"), "x"), EINVAL);
	CHECK(put(at("cgroup.kill"), "1") == 0);
	while (number(at("cgroup.events"), "populated"))
		msleep(1);
	int n = 0, st;
	while ((pid = waitpid(-1, &st, 0)) > 0) {
		CHECK(KILLED(st, SIGKILL));
		n++;
	}
	CHECK(errno == ECHILD && n >= 50 && n <= 100);
	CHECK(number(at("pids.current"), NULL) == 0);
	end();
}

/* --- events -------------------------------------------------------------------------------------------------------------------------------- */

/* Both watches have an event, and no other has. */
static void wait_modified(int fd, int file, int dir)
{
	char buf[1024] __attribute__((aligned(8)));
	struct pollfd p = { fd, POLLIN, 0 };
	int seen = 0;
	while (seen != 3) {
		CHECK(poll(&p, 1, 10000) == 1);
		ssize_t n = read(fd, buf, sizeof(buf));
		for (char *at_ = buf; at_ < buf + n;) {
			struct inotify_event *e = (void *)at_;
			CHECK(e->mask == IN_MODIFY && (e->wd == file || e->wd == dir));
			if (e->wd == file)
				seen |= 1;
			else if (!strcmp(e->name, "cgroup.events"))
				seen |= 2;
			at_ += sizeof(*e) + e->len;
		}
	}
}

/* Another one than the watchers' lookup finds the same file; the directory's watchers are told the name. */
static void events_inotify(void)
{
	begin();
	CHECK(mkdir(at("a"), 0755) == 0);
	struct pollfd p = { inotify_init1(IN_NONBLOCK | IN_CLOEXEC), POLLIN, 0 };
	int file = inotify_add_watch(p.fd, at("a/cgroup.events"), IN_MODIFY), dir = inotify_add_watch(p.fd, at("a"), IN_MODIFY);
	CHECK(file > 0 && dir > file && inotify_add_watch(p.fd, at("a/cgroup.events"), IN_MODIFY) == file);
	CHECK(is(at("a/cgroup.events"), "populated 0\nfrozen 0\n"));
	CHECK(poll(&p, 1, 0) == 0);
	CHECK(put(at("a/cgroup.freeze"), "1") == 0);
	wait_modified(p.fd, file, dir);
	/* The group above freezes it already: there is nothing to wait for, and that is told. */
	CHECK(put(at("cgroup.freeze"), "1") == 0);
	CHECK(put(at("a/cgroup.freeze"), "0") == 0);
	wait_modified(p.fd, file, dir);
	CHECK(put(at("cgroup.freeze"), "0") == 0);
	close(p.fd);
	CHECK(rmdir(at("a")) == 0);
	end();
}

static void events_poll(void)
{
	char buf[128];
	begin();
	struct pollfd p = { open(at("cgroup.events"), O_RDONLY), POLLPRI, 0 };
	CHECK(p.fd >= 0);
	CHECK(read(p.fd, buf, sizeof(buf)) > 0);
	CHECK(poll(&p, 1, 0) == 0);
	pid_t pid = fork();
	if (!pid) {
		CHECK(put(at("cgroup.procs"), "0") == 0);
		for (;;)
			pause();
	}
	CHECK(poll(&p, 1, 10000) == 1 && (p.revents & (POLLPRI | POLLERR)) == (POLLPRI | POLLERR));
	CHECK(poll(&p, 1, 0) == 1);
	CHECK(lseek(p.fd, 0, SEEK_SET) == 0 && read(p.fd, buf, sizeof(buf)) > 0);
	CHECK(!strncmp(buf, "populated 1\n", 12));
	CHECK(poll(&p, 1, 0) == 0);
	finish(pid);
	CHECK(poll(&p, 1, 10000) == 1);
	close(p.fd);
	end();
}

/* --- freezer ------------------------------------------------------------------------------------------------------------------------------- */

static void count_signal(int sig) { SHARED[2] += sig != 0; }

static void freeze(void)
{
	begin();
	CHECK(mkdir(at("a"), 0755) == 0);
	CHECK_ERR(put(at("cgroup.freeze"), "2"), ERANGE);
	CHECK_ERR(put(at("cgroup.freeze"), "x"), EINVAL);
	pid_t pid = fork();
	if (!pid) {
		signal(SIGUSR1, count_signal);
		CHECK(put(at("a/cgroup.procs"), "0") == 0);
		for (;;)
			SHARED[1]++;
	}
	while (!SHARED[1])
		sched_yield();
	CHECK(put(at("cgroup.freeze"), "1") == 0);
	await_event("frozen", 1, ".");
	CHECK(is(at("a/cgroup.events"), "populated 1\nfrozen 1\n") && is(at("a/cgroup.freeze"), "0\n"));
	int seen = SHARED[1];
	msleep(50);
	CHECK(SHARED[1] == seen);
	CHECK(mkdir(at("b"), 0755) == 0);
	CHECK(is(at("b/cgroup.events"), "populated 0\nfrozen 1\n"));
	CHECK(put(at("cgroup.freeze"), "0") == 0);
	await_event("frozen", 0, ".");
	while (SHARED[1] == seen)
		sched_yield();
	CHECK(put(at("a/cgroup.freeze"), "1") == 0);
	await_event("frozen", 1, "a");
	CHECK(is(at("cgroup.events"), "populated 1\nfrozen 0\n"));
	kill(pid, SIGUSR1);
	msleep(20);
	CHECK(SHARED[2] == 0); /* signals wait, but fatal ones */
	CHECK(put(at("a/cgroup.freeze"), "0") == 0);
	await_value(&SHARED[2], 1);
	finish(pid);
	CHECK(put(at("a/cgroup.freeze"), "1") == 0);
	await_event("frozen", 1, "a");
	end();
}

/* Frozen tasks can be killed and moved; who is born or moved into a frozen group freezes; a broken-off system call goes on. */
static void freeze_moves(void)
{
	char buf[16];
	int fds[2];
	begin();
	CHECK(mkdir(at("a"), 0755) == 0 && mkdir(at("b"), 0755) == 0);
	CHECK(put(at("a/cgroup.freeze"), "1") == 0);
	CHECK(pipe(fds) == 0);
	pid_t pid = fork();
	if (!pid) {
		char c;
		SHARED[1] = 1;
		CHECK(read(fds[0], &c, 1) == 1 && c == 'x');
		_exit(0);
	}
	await_value(&SHARED[1], 1);
	await_state(pid, "S");
	snprintf(buf, sizeof(buf), "%d", pid);
	CHECK(put(at("a/cgroup.procs"), buf) == 0);
	await_event("frozen", 1, "a");
	CHECK(write(fds[1], "x", 1) == 1);
	msleep(20);
	CHECK(waitpid(pid, NULL, WNOHANG) == 0);
	CHECK(put(at("b/cgroup.procs"), buf) == 0);
	CHECK(EXITED(reap(pid), 0));
	CHECK(is(at("a/cgroup.events"), "populated 0\nfrozen 1\n"));
	/* killed while frozen */
	pid = fork();
	if (!pid)
		for (;;)
			pause();
	snprintf(buf, sizeof(buf), "%d", pid);
	CHECK(put(at("a/cgroup.procs"), buf) == 0);
	await_event("frozen", 1, "a");
	finish(pid);
	/* stopped tasks count as frozen */
	pid = fork();
	if (!pid) {
		raise(SIGSTOP);
		_exit(7);
	}
	int st;
	CHECK(waitpid(pid, &st, WUNTRACED) == pid && WIFSTOPPED(st));
	snprintf(buf, sizeof(buf), "%d", pid);
	CHECK(put(at("a/cgroup.procs"), buf) == 0);
	await_event("frozen", 1, "a");
	kill(pid, SIGCONT);
	msleep(20);
	CHECK(waitpid(pid, &st, WNOHANG) == 0);
	CHECK(put(at("a/cgroup.freeze"), "0") == 0);
	CHECK(EXITED(reap(pid), 7));
	end();
}

static void kill_frozen(void)
{
	begin();
	pid_t pid = fork();
	if (!pid) {
		CHECK(put(at("cgroup.procs"), "0") == 0);
		SHARED[1] = 1;
		for (int i = 0; i < 3; i++)
			fork();
		for (;;)
			pause();
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	await_value(&SHARED[1], 1);
	CHECK(put(at("cgroup.freeze"), "1") == 0);
	await_event("frozen", 1, ".");
	CHECK(put(at("cgroup.kill"), "1") == 0);
	while (number(at("cgroup.events"), "populated"))
		msleep(1);
	while (wait(NULL) > 0)
		;
	end();
}

/* --- birth into a group --------------------------------------------------------------------------------------------------------------------- */

static pid_t clone_into(int fd, unsigned long flags)
{
	struct clone_args a = { .flags = flags | CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (unsigned long)fd };
	return (pid_t)syscall(SYS_clone3, &a, sizeof(a));
}

/* A birth into a frozen group is no news: it stays frozen throughout, and so do those above. */
static void born_frozen(void)
{
	static const char want[] = "populated 1\nfrozen 1\n";
	begin();
	CHECK(mkdir(at("a"), 0755) == 0 && put(at("a/cgroup.freeze"), "1") == 0 && mkdir(at("a/b"), 0755) == 0);
	int dir = open(at("a/b"), O_PATH | O_DIRECTORY);
	for (int i = 0; i < 30; i++) {
		pid_t pid = clone_into(dir, 0);
		CHECK(pid >= 0);
		if (!pid)
			_exit(1); /* never reached */
		CHECK(is(at("a/b/cgroup.events"), want) && is(at("a/cgroup.events"), want));
		CHECK(number(at("a/b/cgroup.procs"), NULL) == pid);
		await_state(pid, "S");
		CHECK(is(at("a/b/cgroup.events"), want) && is(at("a/cgroup.events"), want));
		finish(pid);
	}
}

static void into_cgroup(void)
{
	char want[96];
	int memory = has_word(get(TOP "/cgroup.controllers"), "memory");
	begin();
	CHECK(mkdir(at("a"), 0755) == 0 && mkdir(at("gone"), 0755) == 0);
	int dir = open(at("a"), O_PATH | O_DIRECTORY), gone = open(at("gone"), O_RDONLY | O_DIRECTORY), other = open("/", O_RDONLY | O_DIRECTORY);
	int file = open(at("a/cgroup.procs"), O_RDONLY);
	CHECK(rmdir(at("gone")) == 0);
	pid_t pid = clone_into(dir, 0);
	CHECK(pid >= 0);
	if (!pid) {
		snprintf(want, sizeof(want), "0::%s/a\n", base + strlen(TOP));
		CHECK(is("/proc/self/cgroup", want));
		_exit(0);
	}
	CHECK(EXITED(reap(pid), 0));
	CHECK(is("/proc/self/cgroup", "0::/\n"));
	CHECK_ERR(clone_into(99, 0), EBADF);
	CHECK_ERR(clone_into(other, 0), EBADF);
	CHECK_ERR(clone_into(file, 0), EBADF);
	CHECK_ERR(clone_into(gone, 0), ENOENT);
	CHECK(put(TOP "/cgroup.subtree_control", memory ? "+pids +memory" : "+pids") == 0);
	CHECK(put(at("cgroup.subtree_control"), memory ? "+memory +pids" : "+pids") == 0);
	int top = open(base, O_RDONLY | O_DIRECTORY);
	if (memory)
		CHECK_ERR(clone_into(top, 0), EBUSY);
	CHECK(put(at("a/pids.max"), "0") == 0);
	CHECK_ERR(clone_into(dir, 0), EAGAIN);
	CHECK(number(at("pids.current"), NULL) == 0);
	/* nobody else may use it */
	CHECK(put(at("a/pids.max"), "max") == 0);
	CHECK(EXITED(IN_CHILD({
		CHECK(setgid(1000) == 0 && setuid(1000) == 0);
		CHECK_ERR(clone_into(dir, 0), EACCES);
	}),
		0));
	close(dir), close(gone), close(other), close(file), close(top);
	end();
}

/* --- delegation ------------------------------------------------------------------------------------------------------------------------------ */

static void delegate(void)
{
	char buf[16];
	begin();
	CHECK(mkdir(at("a"), 0755) == 0);
	CHECK(chown(at("a"), 1000, 1000) == 0 && chown(at("a/cgroup.procs"), 1000, 1000) == 0);
	CHECK(chown(at("a/cgroup.subtree_control"), 1000, 1000) == 0);
	struct stat st;
	CHECK(stat(at("a/cgroup.procs"), &st) == 0 && st.st_uid == 1000 && st.st_gid == 1000 && st.st_mode == (S_IFREG | 0644));
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		CHECK(setgid(1000) == 0 && setuid(1000) == 0);
		/* The common ancestor is not ours. */
		CHECK_ERR(put(at("a/cgroup.procs"), "0"), EACCES);
		CHECK_ERR(mkdir(at("x"), 0755), EACCES);
		SHARED[1] = 1;
		await_value(&SHARED[2], 1);
		CHECK(mkdir(at("a/b"), 0755) == 0);
		CHECK(stat(at("a/b/cgroup.procs"), &st) == 0 && st.st_uid == 1000);
		CHECK(put(at("a/b/cgroup.procs"), "0") == 0);
		CHECK(put(at("a/cgroup.procs"), "0") == 0);
		CHECK_ERR(put(at("cgroup.procs"), "0"), EACCES);
		CHECK(rmdir(at("a/b")) == 0);
		_exit(0);
	}
	await_value(&SHARED[1], 1);
	snprintf(buf, sizeof(buf), "%d", pid);
	CHECK(put(at("a/cgroup.procs"), buf) == 0);
	SHARED[2] = 1;
	CHECK(EXITED(reap(pid), 0));
	end();
}

/* --- namespaces ------------------------------------------------------------------------------------------------------------------------------ */

static int mountinfo_has(const char *root, const char *where)
{
	FILE *f = fopen("/proc/self/mountinfo", "r");
	char line[512], r[256], w[256];
	int found = 0;
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		found |= sscanf(line, "%*d %*d %*s %255s %255s", r, w) == 2 && !strcmp(r, root) && !strcmp(w, where) && strstr(line, "- cgroup2 ");
	fclose(f);
	return found;
}

static void ns_unshare(void)
{
	char me[64], other[64], buf[64];
	begin();
	CHECK(mkdir(at("a"), 0755) == 0 && mkdir(at("b"), 0755) == 0);
	pid_t sit = sitter("b");
	CHECK(EXITED(IN_CHILD({
		int root = open("/proc/self/ns/cgroup", O_RDONLY);
		CHECK(root >= 0);
		CHECK(readlink("/proc/self/ns/cgroup", me, sizeof(me)) > 0 && !strncmp(me, "cgroup:[", 8));
		CHECK(put(at("a/cgroup.procs"), "0") == 0);
		CHECK(unshare(CLONE_NEWCGROUP) == 0);
		memset(other, 0, sizeof(other));
		CHECK(readlink("/proc/self/ns/cgroup", other, sizeof(other)) > 0 && strncmp(me, other, strlen(other)));
		CHECK(is("/proc/self/cgroup", "0::/\n"));
		snprintf(buf, sizeof(buf), "/proc/%d/cgroup", sit);
		CHECK(is(buf, "0::/../b\n"));
		snprintf(buf, sizeof(buf), "/proc/%d/cgroup", getppid());
		CHECK(is(buf, "0::/../..\n"));
		CHECK(mkdir(at("a/in"), 0755) == 0);
		CHECK(put(at("a/in/cgroup.procs"), "0") == 0);
		CHECK(is("/proc/self/cgroup", "0::/in\n"));
		/* A mount made here shows the namespace's root. */
		CHECK(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
		CHECK(mountinfo_has("/../..", TOP));
		CHECK(mkdir("m", 0755) == 0 && mount("cgroup2", "m", "cgroup2", 0, NULL) == 0);
		char cwd[256];
		CHECK(getcwd(cwd, 200));
		strcat(cwd, "/m");
		CHECK(mountinfo_has("/", cwd));
		CHECK(access("m/in/cgroup.procs", F_OK) == 0 && access("m/cgroup.type", F_OK) == 0);
		CHECK(setns(root, CLONE_NEWUTS) < 0 && errno == EINVAL);
		CHECK(setns(root, CLONE_NEWCGROUP) == 0);
		CHECK(strstr(get("/proc/self/cgroup"), "/a/in\n"));
		CHECK(umount("m") == 0);
		CHECK(put(TOP "/cgroup.procs", "0") == 0);
	}),
		0));
	finish(sit);
	end();
}

/* clone: the root of the new namespace is the group of the child. */
static void ns_clone(void)
{
	begin();
	CHECK(mkdir(at("a"), 0755) == 0);
	int dir = open(at("a"), O_PATH | O_DIRECTORY);
	pid_t pid = clone_into(dir, CLONE_NEWCGROUP);
	CHECK(pid >= 0);
	if (!pid) {
		CHECK(is("/proc/self/cgroup", "0::/\n"));
		char buf[64];
		snprintf(buf, sizeof(buf), "/proc/%d/cgroup", getppid());
		CHECK(is(buf, "0::/../..\n"));
		_exit(0);
	}
	CHECK(EXITED(reap(pid), 0));
	close(dir);
	CHECK(EXITED(IN_CHILD({
		CHECK(setgid(1000) == 0 && setuid(1000) == 0);
		CHECK_ERR(unshare(CLONE_NEWCGROUP), EPERM);
		CHECK(unshare(CLONE_NEWUSER | CLONE_NEWCGROUP) == 0);
	}),
		0));
	end();
}

static void nsdelegate(void)
{
	begin();
	CHECK(mkdir(at("a"), 0755) == 0);
	CHECK(EXITED(IN_CHILD({
		CHECK(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
		CHECK(mount(NULL, TOP, NULL, MS_REMOUNT, "nsdelegate") == 0);
		FILE *f = fopen("/proc/self/mounts", "r");
		char line[512];
		int found = 0;
		while (fgets(line, sizeof(line), f))
			found |= strstr(line, " cgroup2 ") && strstr(line, ",nsdelegate");
		fclose(f);
		CHECK(found);
		CHECK(put(at("a/cgroup.procs"), "0") == 0);
		CHECK(unshare(CLONE_NEWCGROUP) == 0);
		CHECK_ERR(put(at("a/cgroup.max.depth"), "5"), EPERM);
		CHECK_ERR(put(at("a/cgroup.freeze"), "0"), EPERM);
		CHECK_ERR(put(at("cgroup.procs"), "0"), ENOENT);
		CHECK(put(at("a/cgroup.procs"), "0") == 0);
		CHECK(mkdir(at("a/b"), 0755) == 0);
		CHECK(put(at("a/b/cgroup.max.depth"), "5") == 0);
		int top = open(base, O_RDONLY | O_DIRECTORY);
		CHECK_ERR(clone_into(top, 0), ENOENT);
	}),
		0));
	CHECK(mount(NULL, TOP, NULL, MS_REMOUNT, NULL) == 0);
	end();
}

static void proc_cgroups(void)
{
	const char *s = get("/proc/cgroups");
	begin();
	CHECK(s && !strncmp(s, "#subsys_name\thierarchy\tnum_cgroups\tenabled\n", 43) && strstr(s, "pids\t0\t"));
	end();
}

CASES(CASE(tree), CASE(limits), CASE(subtree_control), CASE(migrate), CASE(inherited), CASE(internal_processes), CASE(threaded), CASE(pids),
	CASE(fork_bomb), CASE(events_poll), CASE(events_inotify), CASE(freeze), CASE(freeze_moves), CASE(born_frozen), CASE(kill_frozen),
	CASE(into_cgroup), CASE(delegate), CASE(ns_unshare), CASE(ns_clone), CASE(nsdelegate), CASE(proc_cgroups))
