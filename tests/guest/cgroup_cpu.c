/* The cpu controller of cgroup2: cpu.weight, cpu.max, cpu.stat. Needs root. */
#include "check.h"

#include "groups.h"

static void begin(void)
{
	const char *s = get(TOP "/cgroup.controllers");
	if (!s || !strstr(s, "cpu "))
		check_skip("no cpu controller");
	snprintf(base, sizeof(base), TOP "/c.%d", getpid());
	if (put(TOP "/cgroup.subtree_control", "+cpu") < 0 || mkdir(base, 0755) < 0)
		check_skip("cannot make groups");
}
static void end(void) { CHECK(rmdir(base) == 0); }

/* Computes in a group, on the first CPU, until it is killed. */
static pid_t spinner(const char *procs)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		cpu_set_t one;
		CPU_ZERO(&one);
		CPU_SET(0, &one);
		CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
		if (procs)
			CHECK(put(at(procs), "0") == 0);
		__atomic_add_fetch(&SHARED[1], 1, __ATOMIC_SEQ_CST);
		for (;;)
			;
	}
	return pid;
}
static void finish(pid_t pid)
{
	kill(pid, SIGKILL);
	CHECK(KILLED(reap(pid), SIGKILL));
}

static void settings(void)
{
	begin();
	CHECK(is(at("cpu.weight"), "100\n") && is(at("cpu.max"), "max 100000\n"));
	CHECK(put(at("cpu.weight"), "250") == 0 && is(at("cpu.weight"), "250\n"));
	CHECK_ERR(put(at("cpu.weight"), "0"), ERANGE);
	CHECK_ERR(put(at("cpu.weight"), "10001"), ERANGE);
	CHECK_ERR(put(at("cpu.weight"), "much"), EINVAL);
	CHECK(put(at("cpu.max"), "20000") == 0 && is(at("cpu.max"), "20000 100000\n"));
	CHECK(put(at("cpu.max"), "5000 10000\n") == 0 && is(at("cpu.max"), "5000 10000\n"));
	CHECK(put(at("cpu.max"), "max") == 0 && is(at("cpu.max"), "max 10000\n"));
	CHECK_ERR(put(at("cpu.max"), "999"), EINVAL);
	CHECK_ERR(put(at("cpu.max"), "5000 999"), EINVAL);
	CHECK_ERR(put(at("cpu.max"), "5000 1000001"), EINVAL);
	CHECK_ERR(put(at("cpu.max"), "no 10000"), EINVAL);
	CHECK(number(at("cpu.stat"), "usage_usec") == 0 && number(at("cpu.stat"), "nr_throttled") == 0);
	CHECK(number(TOP "/cpu.stat", "usage_usec") > 0);
	CHECK(put(TOP "/cgroup.subtree_control", "-cpu") == 0);
	CHECK(access(at("cpu.weight"), F_OK) < 0 && number(at("cpu.stat"), "nr_throttled") == -1);
	CHECK(put(TOP "/cgroup.subtree_control", "+cpu") == 0);
	CHECK(is(at("cpu.weight"), "100\n") && is(at("cpu.max"), "max 100000\n"));
	end();
}

/* Two groups share by their weights, however many are in each. */
static void weights(void)
{
	pid_t pid[4];
	begin();
	CHECK(put(at("cgroup.subtree_control"), "+cpu") == 0);
	CHECK(mkdir(at("a"), 0755) == 0 && mkdir(at("b"), 0755) == 0);
	CHECK(put(at("a/cpu.weight"), "300") == 0);
	pid[0] = spinner("a/cgroup.procs");
	for (int i = 1; i < 4; i++)
		pid[i] = spinner("b/cgroup.procs");
	while (SHARED[1] < 4)
		msleep(1);
	long a = number(at("a/cpu.stat"), "usage_usec"), b = number(at("b/cpu.stat"), "usage_usec");
	while (number(at("cpu.stat"), "usage_usec") < a + b + 1500000)
		msleep(50);
	a = number(at("a/cpu.stat"), "usage_usec") - a;
	b = number(at("b/cpu.stat"), "usage_usec") - b;
	CHECK(a > 2 * b && a < 4 * b + b / 2);
	for (int i = 0; i < 4; i++)
		finish(pid[i]);
	CHECK(rmdir(at("a")) == 0 && rmdir(at("b")) == 0);
	end();
}

/* Without the controller a group has no share of its own, but its time is known. */
static void no_controller(void)
{
	begin();
	CHECK(mkdir(at("a"), 0755) == 0);
	CHECK(access(at("a/cpu.weight"), F_OK) < 0);
	pid_t pid = spinner("a/cgroup.procs");
	while (number(at("a/cpu.stat"), "usage_usec") < 100000)
		msleep(5);
	CHECK(number(at("cpu.stat"), "usage_usec") >= 100000);
	CHECK(number(at("cpu.stat"), "user_usec") > 50000);
	finish(pid);
	CHECK(rmdir(at("a")) == 0);
	end();
}

static void quota(void)
{
	begin();
	CHECK(put(at("cpu.max"), "20000 100000") == 0);
	pid_t pid = spinner("cgroup.procs");
	while (!SHARED[1])
		msleep(1);
	double began = now();
	long used = number(at("cpu.stat"), "usage_usec");
	msleep(1500);
	used = number(at("cpu.stat"), "usage_usec") - used;
	double part = (double)used / 1e6 / (now() - began);
	CHECK(part > 0.1 && part < 0.3);
	CHECK(number(at("cpu.stat"), "nr_periods") >= 5 && number(at("cpu.stat"), "nr_throttled") >= 5);
	CHECK(number(at("cpu.stat"), "throttled_usec") > 300000);
	/* The limit goes, and it runs freely. */
	CHECK(put(at("cpu.max"), "max") == 0);
	used = number(at("cpu.stat"), "usage_usec");
	began = now();
	while (number(at("cpu.stat"), "usage_usec") < used + 300000)
		msleep(5);
	finish(pid);
	end();
}

/* The limit of a group holds for those below it; a throttled process can be killed. */
static void throttled_dies(void)
{
	begin();
	CHECK(mkdir(at("a"), 0755) == 0);
	CHECK(put(at("cpu.max"), "10000 100000") == 0);
	pid_t pid = spinner("a/cgroup.procs");
	while (number(at("cpu.stat"), "nr_throttled") < 1)
		msleep(1);
	finish(pid);
	CHECK(rmdir(at("a")) == 0);
	end();
}

CASES(CASE(settings), CASE(weights), CASE(no_controller), CASE(quota), CASE(throttled_dies))
