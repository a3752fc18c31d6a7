/* pid namespaces: numbers at each level, the init of a namespace, signals across the border, its end. Needs root. */
#include "check.h"
#include <sys/resource.h>
#include <linux/sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <linux/reboot.h>
#include <poll.h>

static pid_t newpid(int flags)
{
	struct clone_args a = { .flags = CLONE_NEWPID | (unsigned)flags, .exit_signal = SIGCHLD };
	pid_t p = (pid_t)syscall(SYS_clone3, &a, sizeof(a));
	CHECK(p >= 0);
	return p;
}
/* Runs the statement as process 1 of a fresh pid namespace; evaluates to its wait status. */
#define IN_PIDNS(...)                                                                                                  \
	({                                                                                                                 \
		pid_t in_ns_ = newpid(0);                                                                                      \
		if (!in_ns_) {                                                                                                 \
			__VA_ARGS__;                                                                                                  \
			_exit(0);                                                                                                     \
		}                                                                                                              \
		reap(in_ns_);                                                                                                  \
	})

static void numbers_start_at_1(void)
{
	int st = IN_PIDNS({
		CHECK(getpid() == 1 && getppid() == 0 && syscall(SYS_gettid) == 1);
		CHECK(getpgrp() == 0 && getsid(0) == 0);
		pid_t c = fork();
		if (!c) {
			CHECK(getpid() == 2 && getppid() == 1);
			_exit(5);
		}
		CHECK(c == 2);
		CHECK(EXITED(reap(2), 5));
		CHECK(setsid() == 1 && getpgrp() == 1 && getsid(0) == 1);
		CHECK_ERR(kill(3, 0), ESRCH);
		CHECK(getpgid(1) == 1);
	});
	CHECK(EXITED(st, 0));
}

static void parent_sees_another_number(void)
{
	int fd[2];
	char c;
	CHECK(pipe(fd) == 0);
	pid_t p = newpid(0);
	if (!p) {
		close(fd[1]);
		_exit(read(fd[0], &c, 1) == 0 && getpid() == 1 ? 7 : 1);
	}
	CHECK(p > 1 && kill(p, 0) == 0);
	char path[40], buf[4096], want[40];
	snprintf(path, sizeof(path), "/proc/%d/status", p);
	int f = open(path, O_RDONLY);
	CHECK(f >= 0);
	ssize_t n = read(f, buf, sizeof(buf) - 1);
	CHECK(n > 0);
	buf[n] = 0;
	snprintf(want, sizeof(want), "NSpid:\t%d\t1\n", p);
	CHECK(strstr(buf, want));
	close(fd[0]);
	close(fd[1]);
	CHECK(EXITED(reap(p), 7));
}

static void nested(void)
{
	int st = IN_PIDNS({
		pid_t p = newpid(0);
		if (!p) {
			CHECK(getpid() == 1);
			pid_t q = newpid(0);
			if (!q)
				_exit(getpid() == 1 ? 9 : 1);
			CHECK(q == 2);
			_exit(EXITED(reap(q), 9) ? 8 : 1);
		}
		CHECK(p == 2);
		CHECK(EXITED(reap(p), 8));
	});
	CHECK(EXITED(st, 0));
}

/* 32 levels below the initial one, not 33. */
static void depth(void)
{
	int st = IN_PIDNS({
		int level;
		for (level = 1; level < 40; level++) {
			struct clone_args a = { .flags = CLONE_NEWPID, .exit_signal = SIGCHLD };
			pid_t p = (pid_t)syscall(SYS_clone3, &a, sizeof(a));
			if (p < 0) {
				SHARED[0] = level;
				SHARED[1] = errno;
				break;
			}
			if (p) {
				_exit(EXITED(reap(p), 0) ? 0 : 1);
			}
		}
	});
	CHECK(EXITED(st, 0));
	CHECK(SHARED[1] == ENOSPC);
	CHECK(SHARED[0] >= 20 && SHARED[0] <= 32);
}

static volatile int got_sig, got_pid, got_code;
static void on_sig(int s, siginfo_t *i, void *u)
{
	got_sig = s;
	got_pid = i->si_pid;
	got_code = i->si_code;
}
static void handle(int sig)
{
	struct sigaction sa = { .sa_sigaction = on_sig, .sa_flags = SA_SIGINFO };
	CHECK(sigaction(sig, &sa, NULL) == 0);
}

static void init_ignores_signals_from_inside(void)
{
	int st = IN_PIDNS({
		handle(SIGUSR1);
		pid_t c = fork();
		if (!c) {
			CHECK(kill(1, SIGTERM) == 0);
			CHECK(kill(1, SIGKILL) == 0);
			CHECK(kill(1, SIGSTOP) == 0);
			CHECK(kill(1, SIGUSR1) == 0);
			_exit(0);
		}
		CHECK(reap(c) == 0);
		CHECK(got_sig == SIGUSR1 && got_pid == 2);
		CHECK(kill(1, SIGKILL) == 0);
		CHECK(kill(1, SIGTERM) == 0);
	});
	CHECK(EXITED(st, 0));
}

/* What the kernel forces upon it kills init like anybody: caught it is, else neither the default nor a mask helps. */
static void init_dies_of_its_own_faults(void)
{
	for (int how = 0; how < 3; how++) {
		pid_t p = newpid(0);
		if (!p) {
			struct rlimit none = { 0, 0 };
			sigset_t s;
			setrlimit(RLIMIT_CORE, &none);
			sigemptyset(&s);
			sigaddset(&s, SIGSEGV);
			if (how == 1)
				sigprocmask(SIG_BLOCK, &s, NULL);
			if (how == 2)
				signal(SIGSEGV, SIG_IGN);
			*(volatile int *)16 = 1;
			_exit(9);
		}
		CHECK(KILLED(reap(p), SIGSEGV));
	}
}

static void init_takes_kill_from_outside_only(void)
{
	pid_t p = newpid(0);
	if (!p) {
		handle(SIGUSR1);
		SHARED[0] = 1;
		while (!got_sig)
			msleep(1);
		/* The sender has no number here. */
		SHARED[1] = got_pid == 0 && got_code == SI_USER;
		SHARED[0] = 2;
		pause();
		_exit(0);
	}
	await_value(&SHARED[0], 1);
	CHECK(kill(p, SIGTERM) == 0);
	CHECK(kill(p, SIGUSR1) == 0);
	await_value(&SHARED[0], 2);
	CHECK(SHARED[1]);
	CHECK(kill(p, SIGSTOP) == 0);
	int stat;
	CHECK(waitpid(p, &stat, WUNTRACED) == p && WIFSTOPPED(stat));
	CHECK(kill(p, SIGCONT) == 0);
	CHECK(kill(p, SIGKILL) == 0);
	CHECK(KILLED(reap(p), SIGKILL));
}

static void init_death_kills_all(void)
{
	int fd[2];
	char c;
	CHECK(pipe(fd) == 0);
	pid_t p = newpid(0);
	if (!p) {
		for (int i = 0; i < 5; i++) {
			if (!fork()) {
				if (i & 1)
					setsid();
				signal(SIGTERM, SIG_IGN);
				if (i == 3) {
					pid_t q = newpid(0);
					if (!q)
						for (;;)
							pause();
				}
				for (;;)
					pause();
			}
		}
		_exit(3);
	}
	close(fd[1]);
	CHECK(EXITED(reap(p), 3));
	/* Everybody who had the pipe is gone. */
	CHECK(read(fd[0], &c, 1) == 0);
}

static void orphans_go_to_the_namespace_init(void)
{
	int st = IN_PIDNS({
		pid_t a = fork();
		if (!a) {
			if (!fork()) {
				while (getppid() != 1)
					msleep(1);
				_exit(6);
			}
			_exit(0);
		}
		CHECK(reap(a) == 0);
		int s;
		CHECK(wait(&s) == 3 && EXITED(s, 6));
	});
	CHECK(EXITED(st, 0));
}

static void unshare_moves_children(void)
{
	int st = IN_CHILD({
		pid_t me = getpid();
		CHECK(unshare(CLONE_NEWPID) == 0);
		CHECK(getpid() == me);
		/* Threads would have to be in the caller's own. */
		struct clone_args a = { .flags = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD };
		CHECK_ERR(syscall(SYS_clone3, &a, sizeof(a)), EINVAL);
		CHECK_ERR(unshare(CLONE_NEWPID), EINVAL);
		pid_t c = fork();
		if (!c) {
			CHECK(getpid() == 1 && getppid() == 0);
			SHARED[0] = 1;
			await_value(&SHARED[0], 2);
			_exit(0);
		}
		await_value(&SHARED[0], 1);
		pid_t d = fork();
		if (!d)
			_exit(getpid() == 2 && getppid() == 0 ? 0 : 1);
		CHECK(reap(d) == 0);
		SHARED[0] = 2;
		CHECK(reap(c) == 0);
		/* Its init is dead: nobody can be born there any more. */
		CHECK_ERR(fork(), ENOMEM);
	});
	CHECK(EXITED(st, 0));
}

static void a_zombie_with_a_parent_outside_holds_up_init(void)
{
	int st = IN_CHILD({
		CHECK(unshare(CLONE_NEWPID) == 0);
		pid_t c = fork();
		if (!c) {
			SHARED[0] = 1;
			await_value(&SHARED[0], 2);
			_exit(0);
		}
		await_value(&SHARED[0], 1);
		pid_t d = fork();
		if (!d)
			_exit(4);
		await_state(d, "Z");
		SHARED[0] = 2;
		msleep(50);
		int s;
		CHECK(waitpid(c, &s, WNOHANG) == 0);
		CHECK(EXITED(reap(d), 4));
		CHECK(reap(c) == 0);
	});
	CHECK(EXITED(st, 0));
}

static void set_tid_per_level(void)
{
	pid_t tids[2] = { 1, 0 };
	struct clone_args a = { .flags = CLONE_NEWPID, .exit_signal = SIGCHLD, .set_tid = (uintptr_t)tids, .set_tid_size = 2 };
	/* A number that is free in ours. */
	tids[1] = 31000;
	while (kill(tids[1], 0) == 0)
		tids[1]++;
	pid_t p = (pid_t)syscall(SYS_clone3, &a, sizeof(a));
	CHECK(p >= 0);
	if (!p) {
		pid_t want[1] = { 50 };
		struct clone_args b = { .exit_signal = SIGCHLD, .set_tid = (uintptr_t)want, .set_tid_size = 1 };
		pid_t q = (pid_t)syscall(SYS_clone3, &b, sizeof(b));
		if (!q)
			_exit(getpid() == 50 ? 0 : 1);
		CHECK(q == 50 && reap(q) == 0);
		_exit(getpid() == 1 ? 0 : 1);
	}
	CHECK(p == tids[1]);
	CHECK(reap(p) == 0);
	/* The first of a namespace is its init, nobody else. */
	tids[0] = 2;
	CHECK_ERR(syscall(SYS_clone3, &a, sizeof(a)), EINVAL);
	a.set_tid_size = 3;
	pid_t three[3] = { 1, 0, 0 };
	a.set_tid = (uintptr_t)three;
	CHECK_ERR(syscall(SYS_clone3, &a, sizeof(a)), EINVAL);
}

static void sigchld_pid_is_the_parents_view(void)
{
	handle(SIGCHLD);
	pid_t p = newpid(0);
	if (!p)
		_exit(0);
	while (!got_sig)
		msleep(1);
	CHECK(got_pid == p);
	CHECK(reap(p) == 0);
}

static void kill_all_stays_inside(void)
{
	pid_t bystander = fork();
	if (!bystander)
		for (;;)
			pause();
	int st = IN_PIDNS({
		pid_t a = fork();
		if (!a)
			for (;;)
				pause();
		pid_t b = fork();
		if (!b)
			_exit(kill(-1, SIGKILL) == 0 ? 0 : 1);
		CHECK(reap(b) == 0);
		CHECK(KILLED(reap(a), SIGKILL));
	});
	CHECK(EXITED(st, 0));
	CHECK(kill(bystander, 0) == 0);
	CHECK(kill(bystander, SIGKILL) == 0);
	CHECK(KILLED(reap(bystander), SIGKILL));
}

/* To everybody but oneself and init: no error where none of them may be reached, ESRCH where there is nobody. */
static void kill_all_without_permission(void)
{
	int st = IN_PIDNS({
		CHECK_ERR(kill(-1, 0), ESRCH);
		pid_t other = fork();
		if (!other) {
			CHECK(setresuid(2000, 2000, 2000) == 0);
			SHARED[3] = 1;
			for (;;)
				pause();
		}
		await_value(&SHARED[3], 1);
		CHECK(EXITED(IN_CHILD(CHECK(setresuid(1000, 1000, 1000) == 0); CHECK(kill(-1, SIGTERM) == 0)), 0));
		CHECK(kill(other, 0) == 0);
		CHECK(kill(-1, SIGTERM) == 0 && KILLED(reap(other), SIGTERM));
		CHECK_ERR(kill(-1, 0), ESRCH);
	});
	CHECK(EXITED(st, 0));
}

static void reboot_ends_the_namespace(void)
{
	pid_t p = newpid(0);
	if (!p) {
		reboot(RB_AUTOBOOT);
		_exit(9);
	}
	CHECK(KILLED(reap(p), SIGHUP));
	p = newpid(0);
	if (!p) {
		if (!fork()) {
			reboot(RB_POWER_OFF);
			_exit(9);
		}
		for (;;)
			pause();
	}
	CHECK(KILLED(reap(p), SIGINT));
	int st = IN_PIDNS(CHECK_ERR(reboot(RB_DISABLE_CAD), EINVAL));
	CHECK(EXITED(st, 0));
}

static void proc_mount_shows_the_namespace(void)
{
	int st = IN_PIDNS({
		char link[20] = "";
		CHECK(mkdir("p", 0755) == 0);
		CHECK(mount("none", "p", "proc", 0, NULL) == 0);
		CHECK(readlink("p/self", link, sizeof(link)) == 1 && link[0] == '1');
		CHECK(access("p/1/stat", R_OK) == 0);
		CHECK(access("p/2", F_OK) < 0);
		/* The old mount shows the old numbers. */
		char num[20];
		ssize_t n = readlink("/proc/self", num, sizeof(num) - 1);
		CHECK(n > 0);
		num[n] = 0;
		CHECK(atoi(num) > 1);
		CHECK(umount("p") == 0);
	});
	CHECK(EXITED(st, 0));
}

static void needs_privilege(void)
{
	int st = IN_CHILD({
		CHECK(setgid(1000) == 0 && setuid(1000) == 0);
		struct clone_args a = { .flags = CLONE_NEWPID, .exit_signal = SIGCHLD };
		CHECK_ERR(syscall(SYS_clone3, &a, sizeof(a)), EPERM);
		CHECK_ERR(unshare(CLONE_NEWPID), EPERM);
	});
	CHECK(EXITED(st, 0));
}

static void clone_parent_is_not_for_inits(void)
{
	int st = IN_PIDNS({
		struct clone_args a = { .flags = CLONE_PARENT };
		CHECK_ERR(syscall(SYS_clone3, &a, sizeof(a)), EINVAL);
	});
	CHECK(EXITED(st, 0));
}

static int pidfd_open(pid_t p) { return (int)syscall(SYS_pidfd_open, p, 0); }
static void pidfd_to_the_outside_cannot_signal(void)
{
	int fd = pidfd_open(getppid());
	CHECK(fd >= 0);
	int st = IN_PIDNS(CHECK_ERR(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), EINVAL));
	CHECK(EXITED(st, 0));
}

CASES(CASE(numbers_start_at_1), CASE(parent_sees_another_number), CASE(nested), CASE(depth), CASE(init_ignores_signals_from_inside),
	CASE(init_dies_of_its_own_faults), CASE(init_takes_kill_from_outside_only), CASE(init_death_kills_all), CASE(orphans_go_to_the_namespace_init),
	CASE(unshare_moves_children), CASE(a_zombie_with_a_parent_outside_holds_up_init), CASE(set_tid_per_level), CASE(sigchld_pid_is_the_parents_view),
	CASE(kill_all_stays_inside), CASE(kill_all_without_permission), CASE(reboot_ends_the_namespace), CASE(proc_mount_shows_the_namespace),
	CASE(needs_privilege), CASE(clone_parent_is_not_for_inits), CASE(pidfd_to_the_outside_cannot_signal))
