/*
 * Births and deaths in disorder: trees of processes with orphans, kills from outside, vfork, exec, threads that exec or leave while others fork, process
 * groups and sessions, stops and continues. Every process that is expected ends as expected, every one is reaped once, and none is left at the end.
 */
static int helper(int argc, char **argv);
#define HELPER(argc, argv) helper(argc, argv)
#include "stress.h"
#include <sys/prctl.h>

static const char *self;

static void exec_self(const char *what) { execl(self, self, what, (char *)NULL); complain("exec of %s", self); }

static int helper(int argc, char **argv)
{
	(void)argc;
	return !strcmp(argv[1], "-zero") ? 0 : !strcmp(argv[1], "-seven") ? 7 : 1;
}

/* Waits until no child is left; returns how many ended. Bad ones are passed on. */
static int reap_all(void)
{
	int n = 0, st;
	pid_t p;
	while ((p = waitpid(-1, &st, __WALL)) > 0 || errno == EINTR) {
		if (p <= 0)
			continue;
		n++;
		if (WIFEXITED(st) && WEXITSTATUS(st) == BAD)
			_exit(BAD);
	}
	CHECK(errno == ECHILD);
	return n;
}

/* A tree whose inner nodes leave before their children: all end as ours, since we are the subreaper. */
static void grow(int depth, struct rng r, volatile int *born)
{
	for (int i = 0; depth && i < 3; i++) {
		__atomic_add_fetch(born, 1, __ATOMIC_RELAXED);
		pid_t c = fork_ok();
		if (!c) {
			r = rng_for(below(&r, 1000000) + (unsigned long)i * 77);
			grow(depth - 1, r, born);
			if (below(&r, 3) == 0)
				sched_yield();
			_exit(0);
		}
		if (below(&r, 3) == 0)
			reap_ok(c);
	}
}
static void orphans(struct rng *r)
{
	volatile int *born = map_shared(PAGE);
	pid_t c = fork_ok();
	if (!c) {
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
		pid_t top = fork_ok();
		if (!top) {
			grow(4, rng_for(rnd(r)), born);
			_exit(0);
		}
		reap_ok(top);
		reap_all();
		/* The tree is still being born while we reap: it is over when nobody is left. */
		CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
		_exit(0);
	}
	reap_ok(c);
	munmap((void *)born, PAGE);
}

/* Children that loop in several ways are killed at any moment. */
static void kills(struct rng *r)
{
	pid_t c[24];
	for (int i = 0; i < 24; i++) {
		unsigned long kind = below(r, 4);
		c[i] = fork_ok();
		if (c[i])
			continue;
		for (;;) {
			if (kind == 0) {
				pid_t g = fork();
				if (!g)
					_exit(0);
				if (g > 0)
					waitpid(g, NULL, 0);
			} else if (kind == 1) {
				char *p = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
				if (p != MAP_FAILED) {
					memset(p, 1, 64 * PAGE);
					munmap(p, 64 * PAGE);
				}
			} else if (kind == 2) {
				int fd[2];
				if (!pipe(fd)) {
					if (write(fd[1], "x", 1) < 0)
						_exit(1);
					close(fd[0]);
					close(fd[1]);
				}
			} else {
				pid_t g = vfork();
				if (!g)
					execl(self, self, "-zero", (char *)NULL), _exit(1);
				if (g > 0)
					waitpid(g, NULL, 0);
			}
		}
	}
	for (int i = 0; i < 24; i++) {
		if (below(r, 3) == 0)
			sched_yield();
		CHECK(kill(c[i], below(r, 2) ? SIGKILL : SIGTERM) == 0);
	}
	for (int i = 0; i < 24; i++) {
		int st = reap(c[i]);
		CHECK(WIFSIGNALED(st) && (WTERMSIG(st) == SIGKILL || WTERMSIG(st) == SIGTERM));
	}
}

static void vforks(struct rng *r)
{
	volatile int seen = 0;
	for (int i = 0; i < 20; i++) {
		int seven = (int)below(r, 2);
		pid_t c = vfork();
		CHECK(c >= 0);
		if (!c) {
			seen++;
			execl(self, self, seven ? "-seven" : "-zero", (char *)NULL);
			_exit(BAD);
		}
		CHECK(seen == i + 1);
		int st = reap(c);
		CHECK(WIFEXITED(st) && WEXITSTATUS(st) == (seven ? 7 : 0));
	}
}

/* Threads that fork, exec, end and are ended at once. */
struct crew {
	volatile int stop;
	unsigned long stream;
};
static void *forks_in_thread(void *arg)
{
	struct crew *w = arg;
	while (!w->stop) {
		pid_t c = fork();
		if (!c)
			_exit(3);
		if (c < 0)
			continue;
		int st = reap(c);
		CHECK(WIFEXITED(st) && WEXITSTATUS(st) == 3);
	}
	return NULL;
}
static void *nothing(void *arg) { return arg; }
static void *starts_threads(void *arg)
{
	struct crew *w = arg;
	while (!w->stop) {
		pthread_t t;
		if (!pthread_create(&t, NULL, nothing, NULL))
			pthread_join(t, NULL);
	}
	return NULL;
}
static void *execs_soon(void *arg)
{
	struct rng r = rng_for(((struct crew *)arg)->stream);
	for (unsigned long n = below(&r, 5); n--;)
		sched_yield();
	exec_self("-seven");
	return NULL;
}
static void *exits_soon(void *arg)
{
	struct rng r = rng_for(((struct crew *)arg)->stream);
	for (unsigned long n = below(&r, 5); n--;)
		sched_yield();
	_exit(7);
}
/* A thread that another's execve forestalls: EAGAIN, then the end. */
static void try_start(void *(*fn)(void *), void *arg)
{
	pthread_t t;
	int e = pthread_create(&t, NULL, fn, arg);
	CHECK(!e || e == EAGAIN);
}
static void threads_end(struct rng *r)
{
	for (int i = 0; i < 6; i++) {
		int how = (int)below(r, 4);
		unsigned long stream = rnd(r);
		pid_t c = fork_ok();
		if (!c) {
			struct crew *w = calloc(1, sizeof(*w));
			w->stream = stream;
			start(forks_in_thread, w);
			start(starts_threads, w);
			start(forks_in_thread, w);
			if (how == 0)
				try_start(execs_soon, w);
			else if (how == 1)
				try_start(exits_soon, w);
			else if (how == 2)
				execs_soon(w);
			else
				try_start(execs_soon, w), try_start(execs_soon, w);
			if (below(r, 2))
				pthread_exit(NULL); /* the leader goes first */
			for (;;)
				pause();
		}
		int st = reap(c);
		if (!WIFEXITED(st) || WEXITSTATUS(st) != 7)
			complain("threads and exec, kind %d: wait status %#x", how, st);
	}
}

static void groups(struct rng *r)
{
	pid_t c[8], leader = 0;
	int hold[2];
	CHECK(pipe(hold) == 0);
	for (int i = 0; i < 8; i++) {
		c[i] = fork_ok();
		if (!c[i]) {
			char b;
			if (i == 7)
				setsid();
			else
				setpgid(0, leader);
			close(hold[1]);
			_exit(read(hold[0], &b, 1) == 0 ? 0 : 1);
		}
		if (i < 7) {
			CHECK(setpgid(c[i], leader ? leader : c[i]) == 0 || errno == EACCES || errno == ESRCH);
			CHECK(getpgid(c[i]) == (leader ? leader : c[i]));
		}
		if (!leader)
			leader = c[0];
	}
	if (below(r, 2)) {
		/* stop and continue the whole group, and see it by wait */
		CHECK(kill(-leader, SIGSTOP) == 0);
		for (int i = 0; i < 7; i++) {
			int st;
			CHECK(waitpid(c[i], &st, WUNTRACED) == c[i] && WIFSTOPPED(st) && WSTOPSIG(st) == SIGSTOP);
		}
		CHECK(kill(-leader, SIGCONT) == 0);
		for (int i = 0; i < 7; i++) {
			int st;
			CHECK(waitpid(c[i], &st, WCONTINUED) == c[i] && WIFCONTINUED(st));
		}
	}
	if (below(r, 2)) {
		CHECK(kill(-leader, SIGKILL) == 0);
		for (int i = 0; i < 7; i++) {
			int st;
			CHECK(waitpid(-leader, &st, 0) > 0 && WIFSIGNALED(st));
		}
		close(hold[1]);
	} else {
		close(hold[1]);
		for (int i = 0; i < 7; i++) {
			int st;
			CHECK(waitpid(-leader, &st, 0) > 0 && st == 0);
		}
	}
	reap_ok(c[7]);
	CHECK(waitpid(-leader, NULL, 0) == -1 && errno == ECHILD);
	close(hold[0]);
}

/* A chain: each starts the next and leaves; the last one tells. */
static void chain(void)
{
	int fd[2];
	char b;
	CHECK(pipe(fd) == 0);
	pid_t c = fork_ok();
	if (!c) {
		for (int i = 0; i < 60; i++)
			if (fork_ok())
				_exit(0);
		CHECK(write(fd[1], "e", 1) == 1);
		_exit(0);
	}
	reap_ok(c);
	close(fd[1]);
	CHECK(read(fd[0], &b, 1) == 1 && b == 'e');
	CHECK(read(fd[0], &b, 1) == 0); /* all of them are gone */
	close(fd[0]);
}
static void stress(unsigned long rounds)
{
	struct rng r = rng_for(0);
	char path[256];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	CHECK(n > 0);
	path[n] = 0;
	self = path;
	for (unsigned long k = 0; k < rounds; k++) {
		orphans(&r);
		kills(&r);
		vforks(&r);
		threads_end(&r);
		groups(&r);
		chain();
	}
	CHECK(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
}
