/* exit, exit_group, the end of threads, orphans and subreapers. */
#include "check.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sys/prctl.h>

static void codes(void)
{
	int values[] = { 0, 1, 127, 128, 255, 256, -1 };
	for (size_t i = 0; i < NELEM(values); i++)
		CHECK(EXITED(IN_CHILD(_exit(values[i])), values[i] & 0xff));
}
static void raw_exit_of_the_only_thread(void) { CHECK(EXITED(IN_CHILD(syscall(SYS_exit, 9)), 9)); }

static void *spin(void *arg) { (void)arg; for (;;) pause(); return NULL; }
static void *busy(void *arg) { (void)arg; for (volatile long i = 0;; i++) ; return NULL; }
static void group_exit_ends_all_threads(void)
{
	int st = IN_CHILD(pthread_t t; for (int i = 0; i < 4; i++) CHECK(pthread_create(&t, NULL, i & 1 ? busy : spin, NULL) == 0); _exit(5));
	CHECK(EXITED(st, 5));
}
static void *exits_group(void *arg) { (void)arg; syscall(SYS_exit_group, 6); return NULL; }
static void group_exit_by_a_thread(void)
{
	int st = IN_CHILD(pthread_t t; CHECK(pthread_create(&t, NULL, exits_group, NULL) == 0); for (;;) pause());
	CHECK(EXITED(st, 6));
}
static void *late_exit(void *arg)
{
	(void)arg;
	await_state(getpid(), "Z");
	syscall(SYS_exit, 77);
	return NULL;
}
static void leader_goes_first(void)
{
	/* the leader is a zombie that cannot be waited for yet; the process's status is that of the thread that ends last */
	int st;
	pid_t p = fork();
	if (!p) {
		pthread_t t;
		CHECK(pthread_create(&t, NULL, late_exit, NULL) == 0);
		syscall(SYS_exit, 11);
	}
	CHECK(waitpid(p, &st, 0) == p && EXITED(st, 77));
}
static void *wait_for_leader_then_group(void *arg)
{
	(void)arg;
	await_state(getpid(), "Z");
	syscall(SYS_exit_group, 12);
	return NULL;
}
static void zombie_leader_then_group_exit(void)
{
	int st;
	pid_t p = fork();
	if (!p) {
		pthread_t t;
		CHECK(pthread_create(&t, NULL, wait_for_leader_then_group, NULL) == 0);
		syscall(SYS_exit, 11);
	}
	CHECK(waitpid(p, &st, 0) == p && EXITED(st, 12));
}
static void *killer(void *arg) { (void)arg; kill(getpid(), SIGKILL); return NULL; }
static void killed_with_threads(void)
{
	int st = IN_CHILD(pthread_t t; CHECK(pthread_create(&t, NULL, busy, NULL) == 0); CHECK(pthread_create(&t, NULL, killer, NULL) == 0); for (;;) pause());
	CHECK(KILLED(st, SIGKILL));
}

static void cleartid_wakes_the_futex(void)
{
	int *word = (int *)&SHARED[0];
	*word = 1;
	pid_t p = fork();
	if (!p) {
		/* shared memory: but cleartid acts only while the mm has another user; a process alone does not clear */
		syscall(SYS_set_tid_address, word);
		_exit(0);
	}
	CHECK(EXITED(reap(p), 0));
	CHECK(*word == 1);
}

static void orphans_go_to_init_or_subreaper(void)
{
	int fds[2];
	pid_t old_parent, got[2];
	CHECK(pipe(fds) == 0);
	pid_t mid = fork();
	if (!mid) {
		old_parent = getpid();
		if (!fork()) {
			while (getppid() == old_parent)
				msleep(1);
			got[0] = getpid();
			got[1] = getppid();
			CHECK(write(fds[1], got, sizeof(got)) == sizeof(got));
			_exit(0);
		}
		_exit(0);
	}
	CHECK(EXITED(reap(mid), 0));
	CHECK(read(fds[0], got, sizeof(got)) == sizeof(got));
	CHECK(got[1] != mid && got[1] != getpid() && got[1] > 0);
	CHECK_ERR(waitpid(got[0], NULL, 0), ECHILD);
}

static void subreaper(void)
{
	int on = 0, st;
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	CHECK(prctl(PR_GET_CHILD_SUBREAPER, &on) == 0 && on == 1);
	pid_t mid = fork();
	if (!mid) {
		int flag = 1;
		CHECK(prctl(PR_GET_CHILD_SUBREAPER, &flag) == 0 && flag == 0);
		pid_t top = getppid(), me = getpid(), p = fork();
		if (!p) {
			while (getppid() == me)
				msleep(1);
			_exit(getppid() == top ? 3 : 4);
		}
		SHARED[2] = p;
		_exit(0);
	}
	CHECK(EXITED(reap(mid), 0));
	CHECK(waitpid(SHARED[2], &st, 0) == SHARED[2] && EXITED(st, 3));
}

static void *forks_and_exits(void *arg)
{
	pid_t p = fork();
	if (!p) {
		await_value(&SHARED[0], 1);
		_exit(getppid() == SHARED[1] ? 8 : 9);
	}
	*(pid_t *)arg = p;
	return NULL;
}
static void children_of_a_dead_thread_stay(void)
{
	pthread_t t;
	pid_t p = 0;
	SHARED[1] = getpid();
	CHECK(pthread_create(&t, NULL, forks_and_exits, &p) == 0);
	CHECK(pthread_join(t, NULL) == 0);
	SHARED[0] = 1;
	CHECK(EXITED(reap(p), 8));
}

static void parent_death_signal(void)
{
	int fds[2], c;
	CHECK(pipe(fds) == 0);
	pid_t mid = fork();
	if (!mid) {
		if (!fork()) {
			close(fds[0]);
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			SHARED[0] = 1;
			for (;;)
				pause();
		}
		await_value(&SHARED[0], 1);
		_exit(0);
	}
	close(fds[1]);
	CHECK(EXITED(reap(mid), 0));
	CHECK(read(fds[0], &c, 1) == 0); /* the grandchild died with its parent: the last writer is gone */
}

static void descriptors_are_closed(void)
{
	int fds[2];
	char c;
	CHECK(pipe(fds) == 0);
	pid_t p = fork();
	if (!p)
		_exit(0);
	close(fds[1]);
	CHECK(read(fds[0], &c, 1) == 0);
	reap(p);
}

CASES(CASE(codes), CASE(raw_exit_of_the_only_thread), CASE(group_exit_ends_all_threads), CASE(group_exit_by_a_thread), CASE(leader_goes_first),
	CASE(zombie_leader_then_group_exit), CASE(killed_with_threads), CASE(cleartid_wakes_the_futex), CASE(orphans_go_to_init_or_subreaper),
	CASE(subreaper), CASE(children_of_a_dead_thread_stay), CASE(parent_death_signal), CASE(descriptors_are_closed))
