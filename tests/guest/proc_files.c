/* /proc/PID: which files there are, with which modes, who may read them, and that their numbers are those of the process: status, stat, statm, io, limits. */
#include "check.h"
#include <grp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static char *text_of(const char *path)
{
	static char buf[1 << 16];
	read_text(path, buf, sizeof(buf));
	return buf;
}
static char *file_of(pid_t pid, const char *name)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return text_of(path);
}
/* The number behind "NAME:" at the beginning of a line. */
static long field(const char *text, const char *name)
{
	size_t n = strlen(name);
	for (const char *p = text; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (!strncmp(p, name, n) && p[n] == ':')
			return strtol(p + n + 1, NULL, 0);
	check_fail(__FILE__, __LINE__, name, 0);
	return 0;
}

/* --- what there is ------------------------------------------------------------------------------------------------------------------------ */

/* only: 1 in the process's directory, 2 in the thread's, 3 in both. secret: for those only who may trace it. */
static const struct {
	const char *name;
	mode_t mode;
	int only, secret;
} files[] = {
	{ "auxv", S_IFREG | 0400, 3, 1 },
	{ "cgroup", S_IFREG | 0444, 3, 0 },
	{ "children", S_IFREG | 0444, 2, 0 },
	{ "cmdline", S_IFREG | 0444, 3, 0 },
	{ "comm", S_IFREG | 0644, 3, 0 },
	{ "coredump_filter", S_IFREG | 0644, 1, 0 },
	{ "cwd", S_IFLNK | 0777, 3, 1 },
	{ "environ", S_IFREG | 0400, 3, 1 },
	{ "exe", S_IFLNK | 0777, 3, 1 },
	{ "fd", S_IFDIR | 0500, 3, 1 },
	{ "fdinfo", S_IFDIR | 0555, 3, 1 },
	{ "gid_map", S_IFREG | 0644, 3, 0 },
	{ "io", S_IFREG | 0400, 3, 1 },
	{ "limits", S_IFREG | 0444, 3, 0 },
	{ "loginuid", S_IFREG | 0644, 3, 0 },
	{ "maps", S_IFREG | 0444, 3, 1 },
	{ "mem", S_IFREG | 0600, 3, 1 },
	{ "mountinfo", S_IFREG | 0444, 3, 0 },
	{ "mounts", S_IFREG | 0444, 3, 0 },
	{ "net", S_IFDIR | 0555, 3, 0 },
	{ "ns", S_IFDIR | 0511, 3, 1 },
	{ "oom_score", S_IFREG | 0444, 3, 0 },
	{ "oom_score_adj", S_IFREG | 0644, 3, 0 },
	{ "pagemap", S_IFREG | 0400, 3, 1 },
	{ "personality", S_IFREG | 0400, 3, 1 },
	{ "root", S_IFLNK | 0777, 3, 1 },
	{ "sessionid", S_IFREG | 0444, 3, 0 },
	{ "setgroups", S_IFREG | 0644, 3, 0 },
	{ "smaps", S_IFREG | 0444, 3, 1 },
	{ "smaps_rollup", S_IFREG | 0444, 3, 1 },
	{ "stat", S_IFREG | 0444, 3, 0 },
	{ "statm", S_IFREG | 0444, 3, 0 },
	{ "status", S_IFREG | 0444, 3, 0 },
	{ "syscall", S_IFREG | 0400, 3, 1 },
	{ "task", S_IFDIR | 0555, 1, 0 },
	{ "timens_offsets", S_IFREG | 0644, 1, 0 },
	{ "timerslack_ns", S_IFREG | 0666, 1, 0 },
	{ "uid_map", S_IFREG | 0644, 3, 0 },
	{ "wchan", S_IFREG | 0444, 3, 0 },
};
static void names_and_modes(void)
{
	struct stat st;
	char path[100], why[200];
	for (unsigned i = 0; i < NELEM(files); i++)
		for (int in = 1; in <= 2; in++) {
			snprintf(path, sizeof(path), "/proc/self/%s", files[i].name);
			if (in == 2)
				snprintf(path, sizeof(path), "/proc/self/task/%d/%s", getpid(), files[i].name);
			int there = lstat(path, &st) == 0;
			snprintf(why, sizeof(why), "%s has mode %o", path, there ? st.st_mode : 0);
			if (!there && !(files[i].only & in) && errno == ENOENT)
				continue;
			/* loginuid can be written where there is an audit system. */
			if (there && !strcmp(files[i].name, "loginuid"))
				st.st_mode |= 0200;
			if (!there || !(files[i].only & in) || st.st_mode != files[i].mode || st.st_uid != geteuid())
				check_fail(__FILE__, __LINE__, why, errno);
		}
}

/* Who may not trace a process sees only what everybody may know; root's and those that are not dumpable. */
static void who_may_read(void)
{
	if (geteuid())
		check_skip("needs root");
	pid_t roots = sleeping_child(), mine = fork();
	if (!mine) {
		CHECK(setgid(1000) == 0 && setuid(1000) == 0);
		prctl(PR_SET_DUMPABLE, 0);
		SHARED[0] = 1;
		for (;;)
			pause();
	}
	await_value(&SHARED[0], 1);
	CHECK(EXITED(IN_CHILD({
		char path[100];
		char link[10];
		CHECK(setgid(1000) == 0 && setuid(1000) == 0);
		for (unsigned i = 0; i < NELEM(files); i++) {
			for (int k = 0; k < 2; k++) {
				snprintf(path, sizeof(path), "/proc/%d/%s", k ? mine : roots, files[i].name);
				if (!(files[i].only & 1) || !strcmp(files[i].name, "timerslack_ns"))
					continue;
				errno = 0;
				if (S_ISLNK(files[i].mode)) {
					CHECK_ERR(readlink(path, link, sizeof(link)), EACCES);
					continue;
				}
				int fd = open(path, O_RDONLY | O_NOFOLLOW);
				if (files[i].secret ? fd != -1 || errno != EACCES : fd < 0)
					check_fail(__FILE__, __LINE__, path, errno);
				close(fd);
			}
		}
		struct stat st;
		snprintf(path, sizeof(path), "/proc/%d/stat", mine);
		CHECK(stat(path, &st) == 0 && st.st_uid == 0 && st.st_gid == 0);
	}),
		0));
	kill(roots, SIGKILL);
	kill(mine, SIGKILL);
	reap(roots);
	reap(mine);
}

/* --- status ------------------------------------------------------------------------------------------------------------------------------- */

static void fields_of_status_in_order(void)
{
	static const char *const names[] = { "Name", "Umask", "State", "Tgid", "Ngid", "Pid", "PPid", "TracerPid", "Uid", "Gid", "FDSize", "Groups",
		"NStgid", "NSpid", "NSpgid", "NSsid", "Kthread", "VmPeak", "VmSize", "VmLck", "VmPin", "VmHWM", "VmRSS", "RssAnon", "RssFile", "RssShmem",
		"VmData", "VmStk", "VmExe", "VmLib", "VmPTE", "VmSwap", "HugetlbPages", "CoreDumping", "THP_enabled", "untag_mask", "Threads", "SigQ",
		"SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp",
		"Seccomp_filters", "Speculation_Store_Bypass", "SpeculationIndirectBranch", "Cpus_allowed", "Cpus_allowed_list", "Mems_allowed",
		"Mems_allowed_list", "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches" };
	char want[64], *p = text_of("/proc/self/status");
	for (unsigned i = 0; i < NELEM(names); i++) {
		snprintf(want, sizeof(want), "%s:\t", names[i]);
		p = strstr(p, want);
		if (!p)
			check_fail(__FILE__, __LINE__, want, 0);
	}
}

static void sizes_follow_the_memory(void)
{
	size_t big = 64 << 20;
	long size = field(text_of("/proc/self/status"), "VmSize");
	char *p = mmap(NULL, big, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	char *s = text_of("/proc/self/status");
	CHECK(field(s, "VmSize") == size + 65536);
	long tables = field(s, "VmPTE"), data = field(s, "VmData"), anon = field(s, "RssAnon");
	CHECK(tables > 0);
	memset(p, 1, 16 << 20);
	s = text_of("/proc/self/status");
	CHECK(field(s, "RssAnon") >= anon + 16384 && field(s, "RssAnon") < anon + 16384 + 1024);
	/* One table for two megabytes. */
	CHECK(field(s, "VmPTE") >= tables + 28 && field(s, "VmPTE") <= tables + 44);
	CHECK(mlock(p, 8192) == 0);
	CHECK(field(text_of("/proc/self/status"), "VmLck") == 8);
	CHECK(munmap(p, big) == 0);
	s = text_of("/proc/self/status");
	CHECK(field(s, "VmSize") == size && field(s, "VmPeak") >= size + 65536 && field(s, "VmHWM") >= 16384 && field(s, "VmLck") == 0);
	CHECK(field(s, "VmData") == data - 65536 && field(s, "VmStk") > 0 && field(s, "VmExe") > 0);
	/* The peak is the child's as well only from where it began. */
	CHECK(EXITED(IN_CHILD(s = text_of("/proc/self/status"); CHECK(field(s, "VmPeak") == field(s, "VmSize"))), 0));
}

static void slots_for_descriptors(void)
{
	CHECK(field(text_of("/proc/self/status"), "FDSize") >= 64);
	CHECK(dup2(0, 300) == 300);
	CHECK(field(text_of("/proc/self/status"), "FDSize") == 512);
	CHECK(close(300) == 0);
	CHECK(field(text_of("/proc/self/status"), "FDSize") == 512);
}

static void nothing(int sig) { (void)sig; }
static void signals_and_ids(void)
{
	sigset_t s;
	union sigval v = { 0 };
	sigemptyset(&s);
	sigaddset(&s, SIGUSR1);
	sigaddset(&s, SIGRTMIN);
	CHECK(sigprocmask(SIG_BLOCK, &s, NULL) == 0);
	signal(SIGUSR2, SIG_IGN);
	signal(SIGTERM, nothing);
	long queued = field(text_of("/proc/self/status"), "SigQ");
	CHECK(kill(getpid(), SIGUSR1) == 0 && syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1) == 0 && sigqueue(getpid(), SIGRTMIN, v) == 0);
	char *t = text_of("/proc/self/status");
	CHECK(strstr(t, "\nSigPnd:\t0000000000000200\n") && strstr(t, "\nSigQ:\t"));
	CHECK(strtoul(strstr(t, "\nShdPnd:\t") + 9, NULL, 16) == (1UL << (SIGUSR1 - 1) | 1UL << (SIGRTMIN - 1)));
	CHECK(strtoul(strstr(t, "\nSigIgn:\t") + 9, NULL, 16) & 1UL << (SIGUSR2 - 1));
	CHECK(strtoul(strstr(t, "\nSigCgt:\t") + 9, NULL, 16) & 1UL << (SIGTERM - 1));
	CHECK(field(t, "SigQ") == queued + 3);
	CHECK(field(t, "Pid") == getpid() && field(t, "Tgid") == getpid() && field(t, "PPid") == getppid() && field(t, "NSsid") == getsid(0));
	umask(027);
	CHECK(strstr(text_of("/proc/self/status"), "\nUmask:\t0027\n"));
	if (!geteuid()) {
		gid_t g[] = { 5, 77, 3000 };
		CHECK(setgroups(3, g) == 0 && setresgid(1, 2, 3) == 0 && setresuid(10, 20, 30) == 0);
		t = text_of("/proc/self/status");
		CHECK(strstr(t, "\nUid:\t10\t20\t30\t20\nGid:\t1\t2\t3\t2\n") && strstr(t, "\nGroups:\t5 77 3000 \n"));
	}
}

static void states(void)
{
	int st;
	pid_t p = sleeping_child();
	await_state(p, "S");
	CHECK(strstr(file_of(p, "status"), "\nState:\tS (sleeping)\n"));
	kill(p, SIGSTOP);
	CHECK(waitpid(p, &st, WUNTRACED) == p);
	CHECK(strstr(file_of(p, "status"), "\nState:\tT (stopped)\n"));
	kill(p, SIGKILL);
	await_state(p, "Z");
	char *t = file_of(p, "status");
	CHECK(strstr(t, "\nState:\tZ (zombie)\n") && !strstr(t, "VmSize") && field(t, "FDSize") == 0 && field(t, "Threads") == 1);
	/* What is left of a zombie. */
	CHECK(!*file_of(p, "cmdline") && !*file_of(p, "maps") && !strcmp(file_of(p, "statm"), "0 0 0 0 0 0 0\n"));
	char path[40], link[100];
	snprintf(path, sizeof(path), "/proc/%d/exe", p);
	CHECK_ERR(readlink(path, link, sizeof(link)), ENOENT);
	reap(p);
	CHECK(strstr(text_of("/proc/self/status"), "\nState:\tR (running)\n"));
}

/* --- stat, statm ---------------------------------------------------------------------------------------------------------------------------- */

/* Field n (from 1) of /proc/PID/stat. */
static unsigned long long stat_field(pid_t pid, int n)
{
	char *p = strrchr(file_of(pid, "stat"), ')') + 2;
	for (int i = 3; i < n; i++)
		p = strchr(p, ' ') + 1;
	return strtoull(p, NULL, 10);
}
static void fields_of_stat(void)
{
	int n = 1;
	char *s = text_of("/proc/self/stat");
	for (char *p = s; *p; p++)
		n += *p == ' ';
	CHECK(n == 52 && s[strlen(s) - 1] == '\n' && strrchr(s, ')')[2] == 'R');
	CHECK((pid_t)stat_field(getpid(), 4) == getppid() && (pid_t)stat_field(getpid(), 5) == getpgrp() && (pid_t)stat_field(getpid(), 6) == getsid(0));
	CHECK(setpriority(PRIO_PROCESS, 0, 3) == 0);
	CHECK(stat_field(getpid(), 18) == 23 && stat_field(getpid(), 19) == 3 && stat_field(getpid(), 20) == 1);
	CHECK(stat_field(getpid(), 23) / 1024 == (unsigned long)field(text_of("/proc/self/status"), "VmSize"));
	CHECK(stat_field(getpid(), 38) == SIGCHLD && stat_field(getpid(), 25) == ~0ULL);
	/* Its code, its stack and its arguments. */
	CHECK(stat_field(getpid(), 26) <= (uintptr_t)fields_of_stat && stat_field(getpid(), 27) > (uintptr_t)fields_of_stat);
	CHECK(stat_field(getpid(), 28) > (uintptr_t)&n && stat_field(getpid(), 48) > stat_field(getpid(), 28));
	CHECK(stat_field(getpid(), 47) <= (uintptr_t)sbrk(0) && stat_field(getpid(), 49) > stat_field(getpid(), 48));
	/* The name is as it is, whatever is in it. */
	CHECK(prctl(PR_SET_NAME, "a) R (b c") == 0);
	CHECK(strstr(text_of("/proc/self/stat"), " (a) R (b c) R "));
	/* Times, in hundredths. */
	for (clock_t c = clock(); clock() - c < CLOCKS_PER_SEC / 4;)
		;
	CHECK(stat_field(getpid(), 14) + stat_field(getpid(), 15) >= 15);
	pid_t p = fork();
	if (!p) {
		for (clock_t c = clock(); clock() - c < CLOCKS_PER_SEC / 4;)
			;
		_exit(7);
	}
	await_state(p, "Z");
	CHECK(stat_field(p, 52) == 7 << 8 && stat_field(p, 23) == 0 && stat_field(p, 24) == 0);
	unsigned long long before = stat_field(getpid(), 16) + stat_field(getpid(), 17);
	reap(p);
	CHECK(stat_field(getpid(), 16) + stat_field(getpid(), 17) >= before + 15);
}
static void fields_of_statm(void)
{
	unsigned long v[7];
	CHECK(sscanf(text_of("/proc/self/statm"), "%lu %lu %lu %lu %lu %lu %lu", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6]) == 7);
	char *s = text_of("/proc/self/status");
	CHECK((long)v[0] * 4 == field(s, "VmSize") && (long)v[3] * 4 == field(s, "VmExe") && v[4] == 0 && v[6] == 0);
	CHECK((long)v[5] * 4 == field(s, "VmData") + field(s, "VmStk"));
	CHECK(v[1] >= v[2] && (long)v[1] * 4 <= field(s, "VmHWM") + 256);
}

/* --- io ------------------------------------------------------------------------------------------------------------------------------------- */

static void *writes_in_thread(void *arg)
{
	char path[64], *t;
	CHECK(write(*(int *)arg, "0123456789", 10) == 10);
	snprintf(path, sizeof(path), "/proc/self/task/%d/io", (int)syscall(SYS_gettid));
	t = text_of(path);
	CHECK(field(t, "wchar") == 10 && field(t, "syscw") == 1 && field(t, "rchar") == 0);
	return NULL;
}
static void reads_and_writes_are_counted(void)
{
	int fds[2];
	char buf[100];
	pthread_t t;
	CHECK(pipe(fds) == 0);
	char *s = text_of("/proc/self/io");
	CHECK(!strncmp(s, "rchar: ", 7) && strstr(s, "\nread_bytes: ") && strstr(s, "\nwrite_bytes: ") && strstr(s, "\ncancelled_write_bytes: "));
	long r = field(s, "rchar"), w = field(s, "wchar"), nr = field(s, "syscr"), nw = field(s, "syscw"), len = (long)strlen(s);
	CHECK(write(fds[1], "hello", 5) == 5 && read(fds[0], buf, 100) == 5);
	s = text_of("/proc/self/io");
	/* The reading of the file itself: its text and the end. */
	CHECK(field(s, "wchar") == w + 5 && field(s, "syscw") == nw + 1 && field(s, "rchar") == r + len + 5 && field(s, "syscr") == nr + 3);
	w += 5, nw++;
	/* Those of a thread that is gone stay with the process; those of a child come when it is reaped. */
	CHECK(pthread_create(&t, NULL, writes_in_thread, &fds[1]) == 0 && pthread_join(t, NULL) == 0);
	s = text_of("/proc/self/io");
	CHECK(field(s, "wchar") == w + 10 && field(s, "syscw") == nw + 1);
	pid_t p = fork();
	if (!p)
		_exit(write(fds[1], buf, 100) != 100);
	await_state(p, "Z");
	s = text_of("/proc/self/io");
	CHECK(field(s, "wchar") == w + 10 && field(s, "syscw") == nw + 1);
	CHECK(EXITED(reap(p), 0));
	s = text_of("/proc/self/io");
	CHECK(field(s, "wchar") == w + 110 && field(s, "syscw") == nw + 2);
	/* A call that got as far as the file counts even when it fails. */
	CHECK(fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0 && read(fds[0], buf, 100) > 0);
	while (read(fds[0], buf, 100) > 0)
		;
	nr = field(text_of("/proc/self/io"), "syscr");
	CHECK_ERR(read(fds[0], buf, 100), EAGAIN);
	CHECK(field(text_of("/proc/self/io"), "syscr") == nr + 3);
}

/* --- limits, slack -------------------------------------------------------------------------------------------------------------------------- */

static void lines_of_limits(void)
{
	struct rlimit r = { 77, 1234 };
	CHECK(setrlimit(RLIMIT_NOFILE, &r) == 0);
	char *t = text_of("/proc/self/limits");
	static const char head[] = "Limit                     Soft Limit           Hard Limit           Units     \n";
	CHECK(!strncmp(t, head, strlen(head)));
	CHECK(strstr(t, "\nMax open files            77                   1234                 files     \n"));
	CHECK(strstr(t, "\nMax cpu time              unlimited            unlimited            seconds   \n"));
	CHECK(strstr(t, "\nMax realtime timeout      unlimited            unlimited            us        \n"));
	int lines = 0;
	for (; *t; t++)
		lines += *t == '\n';
	CHECK(lines == 17);
}

static void slack_of_timers(void)
{
	char buf[32];
	CHECK(!strcmp(text_of("/proc/self/timerslack_ns"), "50000\n"));
	int fd = open("/proc/self/timerslack_ns", O_RDWR);
	CHECK(fd >= 0 && write(fd, "7000\n", 5) == 5 && prctl(PR_GET_TIMERSLACK) == 7000);
	CHECK(pread(fd, buf, sizeof(buf), 0) == 5 && !memcmp(buf, "7000\n", 5));
	CHECK(write(fd, "0", 1) == 1 && prctl(PR_GET_TIMERSLACK) == 50000);
	CHECK_ERR(write(fd, "x", 1), EINVAL);
	if (geteuid())
		return;
	pid_t p = sleeping_child();
	char path[40];
	snprintf(path, sizeof(path), "/proc/%d/timerslack_ns", p);
	CHECK(EXITED(IN_CHILD({
		CHECK(setgid(1000) == 0 && setuid(1000) == 0);
		fd = open(path, O_RDWR);
		CHECK(fd >= 0);
		CHECK_ERR(read(fd, buf, sizeof(buf)), EPERM);
		CHECK_ERR(write(fd, "1", 1), EPERM);
	}),
		0));
	kill(p, SIGKILL);
	reap(p);
}

/* --- /proc/consoles ------------------------------------------------------------------------------------------------------------------------ */

/* One line a console: its name in 21 columns, what it can do, its flags, the number of its device. The one that is /dev/console has a C. */
static void consoles(void)
{
	char name[32], can[8], flags[16], want[80], *line, *save;
	unsigned major, minor;
	int preferred = 0, lines = 0;
	for (line = strtok_r(text_of("/proc/consoles"), "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		CHECK(sscanf(line, "%31s %7s (%15[^)]) %u:%u", name, can, flags, &major, &minor) == 5);
		snprintf(want, sizeof(want), "%-21s%s (%s) %4u:%u", name, can, flags, major, minor);
		CHECK(!strcmp(line, want));
		CHECK(strlen(can) == 3 && can[1] == 'W' && strlen(flags) == 7 && flags[0] == 'E');
		preferred += flags[1] == 'C';
		lines++;
	}
	CHECK(lines > 0 && preferred == 1);
}

CASES(CASE(names_and_modes), CASE(who_may_read), CASE(fields_of_status_in_order), CASE(sizes_follow_the_memory), CASE(slots_for_descriptors),
	CASE(signals_and_ids), CASE(states), CASE(fields_of_stat), CASE(fields_of_statm), CASE(reads_and_writes_are_counted), CASE(lines_of_limits),
	CASE(slack_of_timers), CASE(consoles))
