/* The cpu controller of cgroup2: cpu.weight, cpu.weight.nice, cpu.idle, cpu.max, cpu.max.burst, cpu.stat. Needs root. */
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

static void weights_by_nice(void)
{
	begin();
	CHECK(is(at("cpu.weight.nice"), "0\n") && is(at("cpu.idle"), "0\n"));
	CHECK(put(at("cpu.weight.nice"), "5") == 0 && is(at("cpu.weight"), "33\n") && is(at("cpu.weight.nice"), "5\n"));
	CHECK(put(at("cpu.weight.nice"), "-20") == 0 && is(at("cpu.weight"), "8668\n") && is(at("cpu.weight.nice"), "-20\n"));
	CHECK(put(at("cpu.weight.nice"), "19") == 0 && is(at("cpu.weight"), "1\n") && is(at("cpu.weight.nice"), "19\n"));
	CHECK(put(at("cpu.weight"), "80") == 0 && is(at("cpu.weight.nice"), "1\n") && put(at("cpu.weight"), "10000") == 0 && is(at("cpu.weight.nice"), "-20\n"));
	CHECK_ERR(put(at("cpu.weight.nice"), "20"), ERANGE);
	CHECK_ERR(put(at("cpu.weight.nice"), "-21"), ERANGE);
	CHECK_ERR(put(at("cpu.weight.nice"), "x"), EINVAL);
	CHECK(put(at("cpu.idle"), "1") == 0 && is(at("cpu.idle"), "1\n") && is(at("cpu.weight"), "1\n") && is(at("cpu.weight.nice"), "19\n"));
	CHECK_ERR(put(at("cpu.weight"), "100"), EINVAL);
	CHECK_ERR(put(at("cpu.weight.nice"), "0"), EINVAL);
	CHECK_ERR(put(at("cpu.idle"), "2"), EINVAL);
	CHECK_ERR(put(at("cpu.idle"), "-1"), EINVAL);
	CHECK(put(at("cpu.idle"), "0") == 0 && is(at("cpu.weight"), "100\n"));
	end();
}

/* An idle group gets what others leave. */
static void idle_group(void)
{
	begin();
	CHECK(put(at("cgroup.subtree_control"), "+cpu") == 0);
	CHECK(mkdir(at("a"), 0755) == 0 && mkdir(at("b"), 0755) == 0);
	CHECK(put(at("a/cpu.idle"), "1") == 0);
	pid_t a = spinner("a/cgroup.procs"), b = spinner("b/cgroup.procs");
	while (SHARED[1] < 2)
		msleep(1);
	long ua = number(at("a/cpu.stat"), "usage_usec"), ub = number(at("b/cpu.stat"), "usage_usec");
	while (number(at("b/cpu.stat"), "usage_usec") < ub + 800000)
		msleep(20);
	CHECK(number(at("a/cpu.stat"), "usage_usec") - ua < 200000);
	/* alone it runs as anybody does */
	finish(b);
	ua = number(at("a/cpu.stat"), "usage_usec");
	while (number(at("a/cpu.stat"), "usage_usec") < ua + 200000)
		msleep(20);
	finish(a);
	CHECK(rmdir(at("a")) == 0 && rmdir(at("b")) == 0);
	end();
}

static void burst_settings(void)
{
	begin();
	CHECK(is(at("cpu.max.burst"), "0\n") && put(at("cpu.max.burst"), "60000") == 0 && is(at("cpu.max.burst"), "60000\n"));
	CHECK_ERR(put(at("cpu.max"), "50000 100000"), EINVAL);
	CHECK(is(at("cpu.max"), "max 100000\n") && put(at("cpu.max"), "60000 100000") == 0);
	CHECK_ERR(put(at("cpu.max.burst"), "60001"), EINVAL);
	CHECK_ERR(put(at("cpu.max.burst"), "max"), EINVAL);
	CHECK_ERR(put(at("cpu.max.burst"), "-1"), EINVAL);
	CHECK(put(at("cpu.max.burst"), "0") == 0 && number(at("cpu.stat"), "nr_bursts") == 0 && number(at("cpu.stat"), "burst_usec") == 0);
	CHECK(is(at("cpu.stat.local"), "throttled_usec 0\n"));
	end();
}

/* What was not used of the quota can be used at once later, as far as the burst goes. */
static void bursts(void)
{
	begin();
	CHECK(put(at("cpu.max"), "20000 100000") == 0 && put(at("cpu.max.burst"), "20000") == 0);
	pid_t pid = fork();
	if (!pid) {
		CHECK(put(at("cgroup.procs"), "0") == 0);
		for (int i = 0; i < 12; i++) {
			for (double t = now() + 0.035; now() < t;)
				;
			msleep(250);
		}
		_exit(0);
	}
	CHECK(EXITED(reap(pid), 0));
	CHECK(number(at("cpu.stat"), "nr_bursts") >= 1 && number(at("cpu.stat"), "burst_usec") >= 1000);
	end();
}

static void nice_time(void)
{
	begin();
	pid_t pid = fork();
	if (!pid) {
		CHECK(put(at("cgroup.procs"), "0") == 0 && nice(5) == 5);
		for (double t = now() + 0.4; now() < t;)
			for (volatile int i = 0; i < 100000; i++)
				;
		_exit(0);
	}
	CHECK(EXITED(reap(pid), 0));
	CHECK(number(at("cpu.stat"), "nice_usec") > 100000);
	long whole;
	CHECK(sscanf(get("/proc/stat"), "cpu %*d %ld", &whole) == 1 && whole >= 10);
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
	/* A span in which the machine itself stood still says nothing: of several, one has to show the share. */
	int shared = 0;
	for (int span = 0; span < 6 && !shared; span++) {
		long a = number(at("a/cpu.stat"), "usage_usec"), b = number(at("b/cpu.stat"), "usage_usec");
		while (number(at("cpu.stat"), "usage_usec") < a + b + 1500000)
			msleep(50);
		a = number(at("a/cpu.stat"), "usage_usec") - a;
		b = number(at("b/cpu.stat"), "usage_usec") - b;
		shared = a > 2 * b && a < 4 * b + b / 2;
	}
	CHECK(shared);
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

CASES(CASE(settings), CASE(weights_by_nice), CASE(idle_group), CASE(burst_settings), CASE(bursts), CASE(nice_time), CASE(weights), CASE(no_controller), CASE(quota), CASE(throttled_dies))
