/*
 * What fork and clone refuse or change for reasons that lie in the machine's settings: fs.nr_open, real-time policies with SCHED_RESET_ON_FORK, promised
 * memory. Only where `pando run` has started the machine.
 */
static int helper(int argc, char **argv);
#define HELPER(argc, argv) helper(argc, argv)
#include "check.h"
#include <linux/sched.h>
#include <sched.h>
#include <sys/resource.h>

static int helper(int argc, char **argv) { return 17; }

static void only_in_a_machine(void)
{
	char exe[64] = "";
	if (readlink("/proc/1/exe", exe, sizeof(exe) - 1) < 0 || strcmp(exe, "/.pando/init"))
		check_skip("not in a machine of our own");
}
static int try_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	int err = write(fd, text, strlen(text)) < 0 ? errno : 0;
	close(fd);
	return err;
}
#define NR_OPEN "/proc/sys/fs/nr_open"
static void put_nr_open(unsigned long n)
{
	char buf[32];
	snprintf(buf, sizeof(buf), "%lu", n);
	CHECK(try_put(NR_OPEN, buf) == 0);
}

/* --- fs.nr_open -------------------------------------------------------------------------------------------------------------------------- */

static void descriptors_have_a_limit(void)
{
	only_in_a_machine();
	struct rlimit r = { 4096, 4096 };
	CHECK(try_put(NR_OPEN, "63") == EINVAL && try_put(NR_OPEN, "0") == EINVAL && try_put(NR_OPEN, "2147483584") == 0);
	CHECK(try_put(NR_OPEN, "2147483585") == EINVAL && try_put(NR_OPEN, "x") == EINVAL);
	put_nr_open(1048576);
	CHECK(setrlimit(RLIMIT_NOFILE, &r) == 0);
	put_nr_open(1000);
	int fd = open("/dev/null", O_RDONLY);
	/* Above the limit of descriptors, below that of the process. */
	CHECK_ERR(dup2(fd, 2000), EBADF);
	CHECK_ERR(fcntl(fd, F_DUPFD, 2000), EMFILE);
	CHECK_ERR(fcntl(fd, F_DUPFD, 4096), EINVAL);
	CHECK(dup2(fd, 900) == 900);
	/* A limit above it cannot be set any more, one below can. */
	CHECK(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 1000, 1000 }) == 0);
	CHECK_ERR(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 1000, 1001 }), EPERM);
	put_nr_open(1048576);
	CHECK(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 1048576, 1048576 }) == 0);
	CHECK_ERR(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 1048576, 1048577 }), EPERM);
	CHECK(dup2(fd, 1048575) == 1048575 && fcntl(1048575, F_GETFD) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(fcntl(1048575, F_GETFD) == 0)), 0));
	close(1048575);
}

static long birth(unsigned long flags)
{
	long pid = syscall(SYS_clone, flags, 0, 0, 0, 0);
	if (!pid)
		syscall(SYS_exit_group, 0);
	return pid;
}
/* A table that a new one could not take over is not copied: lowering fs.nr_open leaves who has many descriptors without children. */
static void tables_beyond_the_limit(void)
{
	only_in_a_machine();
	CHECK(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 8192, 8192 }) == 0);
	int fd = open("/dev/null", O_RDONLY);
	CHECK(dup2(fd, 700) == 700);
	/* Tables grow by 64: 700 lies in the eleventh part. */
	put_nr_open(704);
	CHECK(EXITED(IN_CHILD(), 0));
	put_nr_open(703);
	CHECK_ERR(birth(SIGCHLD), EMFILE);
	put_nr_open(640);
	CHECK_ERR(birth(SIGCHLD), EMFILE);
	CHECK_ERR(syscall(SYS_fork), EMFILE);
	CHECK_ERR(vfork(), EMFILE);
	struct clone_args a = { .exit_signal = SIGCHLD };
	CHECK_ERR(syscall(SYS_clone3, &a, sizeof(a)), EMFILE);
	/* Shared it need not be copied. */
	pid_t pid = (pid_t)birth(CLONE_FILES | SIGCHLD);
	CHECK(pid > 0 && EXITED(reap(pid), 0));
	CHECK(unshare(CLONE_FILES) == 0); /* nobody shares it: nothing to do */
	/* Who shares it cannot have its own: unshare says so, execve has gone too far to. */
	put_nr_open(1048576);
	pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	if (!pid) {
		char *argv[] = { "x", "--helper", NULL };
		struct rlimit none = { 0, 0 };
		setrlimit(RLIMIT_CORE, &none);
		await_value(&SHARED[0], 1);
		CHECK_ERR(unshare(CLONE_FILES), EMFILE);
		CHECK_ERR(syscall(SYS_close_range, 5000, 6000, 2 /* CLOSE_RANGE_UNSHARE */), EMFILE);
		execv("/proc/self/exe", argv);
		_exit(1);
	}
	put_nr_open(640);
	SHARED[0] = 1;
	int st = reap(pid);
	CHECK(KILLED(st, SIGSEGV));
	/* Gone is gone: without the descriptor children may be had. */
	close(700);
	CHECK(EXITED(IN_CHILD(), 0));
	put_nr_open(1048576);
}

/* --- scheduling -------------------------------------------------------------------------------------------------------------------------- */

static int policy_is(int policy, int prio, int nice)
{
	struct sched_param p;
	errno = 0;
	return sched_getscheduler(0) == policy && sched_getparam(0, &p) == 0 && p.sched_priority == prio && getpriority(PRIO_PROCESS, 0) == nice;
}
static void real_time_is_inherited(void)
{
	only_in_a_machine();
	static const int policies[] = { SCHED_FIFO, SCHED_RR };
	for (size_t i = 0; i < NELEM(policies); i++) {
		struct sched_param p = { .sched_priority = 7 };
		CHECK(sched_setscheduler(0, policies[i], &p) == 0 && policy_is(policies[i], 7, 0));
		CHECK(EXITED(IN_CHILD(CHECK(policy_is(policies[i], 7, 0))), 0));
	}
}
/* With the flag a child is an ordinary one, and its children are so without the flag. */
static void real_time_is_reset(void)
{
	only_in_a_machine();
	static const int policies[] = { SCHED_FIFO, SCHED_RR };
	for (size_t i = 0; i < NELEM(policies); i++) {
		struct sched_param p = { .sched_priority = 9 };
		CHECK(sched_setscheduler(0, policies[i] | SCHED_RESET_ON_FORK, &p) == 0);
		CHECK(policy_is(policies[i] | SCHED_RESET_ON_FORK, 9, 0));
		CHECK(EXITED(IN_CHILD({
			CHECK(policy_is(SCHED_OTHER, 0, 0));
			CHECK(EXITED(IN_CHILD(CHECK(policy_is(SCHED_OTHER, 0, 0))), 0));
		}),
			0));
		/* It stays one's own, over any number of children; it cannot be given up without privilege. */
		CHECK(policy_is(policies[i] | SCHED_RESET_ON_FORK, 9, 0));
		CHECK(EXITED(IN_CHILD({
			p.sched_priority = 9;
			CHECK(sched_setscheduler(0, policies[i] | SCHED_RESET_ON_FORK, &p) == 0);
			struct rlimit rt = { 20, 20 };
			CHECK(setrlimit(RLIMIT_RTPRIO, &rt) == 0 && setresuid(1234, 1234, 1234) == 0);
			CHECK_ERR(sched_setscheduler(0, policies[i], &p), EPERM);
			CHECK(sched_setscheduler(0, policies[i] | SCHED_RESET_ON_FORK, &p) == 0);
		}),
			0));
	}
	/* The nice value of an ordinary one: raised priority is lost, lowered is kept. */
	struct sched_param zero = { 0 };
	CHECK(sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &zero) == 0 && setpriority(PRIO_PROCESS, 0, -5) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(policy_is(SCHED_BATCH, 0, 0))), 0));
	CHECK(setpriority(PRIO_PROCESS, 0, 5) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(policy_is(SCHED_BATCH, 0, 5))), 0));
}
/* What was the nice value before it became a real-time one comes back in the child. */
static void nice_below_real_time(void)
{
	only_in_a_machine();
	struct sched_param p = { .sched_priority = 3 };
	CHECK(setpriority(PRIO_PROCESS, 0, 7) == 0 && sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &p) == 0);
	int before = getpriority(PRIO_PROCESS, 0);
	pid_t pid = fork();
	if (!pid)
		_exit(getpriority(PRIO_PROCESS, 0) + 20);
	int st = reap(pid);
	CHECK(WIFEXITED(st) && WEXITSTATUS(st) == 20 && before == 7);
}
/* Threads are born by the same rule. */
static volatile int thread_ok;
static int thread_main(void *arg)
{
	thread_ok = policy_is(SCHED_OTHER, 0, 0) ? 1 : 2;
	return 0;
}
static void threads_are_reset(void)
{
	only_in_a_machine();
	struct sched_param p = { .sched_priority = 9 };
	CHECK(sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &p) == 0);
	char *stack = malloc(65536);
	CHECK(clone(thread_main, stack + 65536, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, NULL) > 0);
	while (!thread_ok)
		msleep(1);
	CHECK(thread_ok == 1);
}

CASES(CASE(descriptors_have_a_limit), CASE(tables_beyond_the_limit), CASE(real_time_is_inherited), CASE(real_time_is_reset),
	CASE(nice_below_real_time), CASE(threads_are_reset))
