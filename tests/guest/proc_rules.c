/* /proc/PID: what its files allow (pwrite, splice), clear_refs with soft-dirty pages, timers, stack, numa_maps, mountstats, sched, oom_adj, attr. */
#include "check.h"
#include <sys/prctl.h>
#include <sys/sendfile.h>

static char buf[1 << 16];
static ssize_t slurp(const char *path)
{
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	ssize_t n = 0, r;
	while ((r = read(fd, buf + n, sizeof(buf) - 1 - (size_t)n)) > 0)
		n += r;
	int e = errno;
	close(fd);
	errno = e;
	buf[n] = 0;
	return r < 0 ? -1 : n;
}
static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, strlen(text));
	int e = errno;
	close(fd);
	errno = e;
	return n == (ssize_t)strlen(text) ? 0 : -1;
}
/* The number behind `key` in what was read. */
static long number(const char *key)
{
	const char *p = strstr(buf, key);
	CHECK(p);
	return atol(p + strlen(key));
}

/* --- what may be done with the files ------------------------------------------------------------------------------------------------------- */

static void pwrite_to_seq_files(void)
{
	static const char *const seq[] = { "/proc/self/comm", "/proc/self/timerslack_ns", "/proc/self/setgroups", "/proc/self/uid_map" };
	for (size_t i = 0; i < NELEM(seq); i++) {
		int fd = open(seq[i], O_WRONLY);
		if (fd < 0)
			continue;
		errno = 0;
		ssize_t r = pwrite(fd, "x", 1, 0);
		if (r != -1 || errno != ESPIPE)
			check_fail(__FILE__, __LINE__, seq[i], errno);
		close(fd);
	}
	int fd = open("/proc/self/oom_score_adj", O_RDWR);
	CHECK(pwrite(fd, "100", 3, 0) == 3 && pread(fd, buf, 9, 0) == 4 && !memcmp(buf, "100\n", 4));
	fd = open("/proc/self/coredump_filter", O_RDWR);
	CHECK(pwrite(fd, "0x33", 4, 0) == 4);
	fd = open("/proc/self/comm", O_RDWR);
	CHECK(pread(fd, buf, 3, 1) == 3 && write(fd, "newname", 7) == 7);
}
static void blocks(void)
{
	struct stat st;
	CHECK(stat("/proc/self/stat", &st) == 0 && st.st_blksize == 1024);
	CHECK(stat("/proc", &st) == 0 && st.st_blksize == 1024);
	CHECK(stat("/proc/self/fd", &st) == 0 && st.st_blksize == 1024);
	CHECK(lstat("/proc/self/exe", &st) == 0 && st.st_blksize == 1024);
	CHECK(stat("/proc/cpuinfo", &st) == 0 && st.st_blksize == 1024);
}
static void size_of_fd_directory(void)
{
	struct stat a, b;
	CHECK(stat("/proc/self/fd", &a) == 0);
	if (!a.st_size)
		check_skip("before Linux 6.2");
	int fd = dup(1);
	CHECK(stat("/proc/self/fd", &b) == 0 && b.st_size == a.st_size + 1);
	close(fd);
	CHECK(stat("/proc/self/fd", &b) == 0 && b.st_size == a.st_size);
}
static void sending_files(void)
{
	static const char *const no[] = { "/proc/self/status", "/proc/self/maps", "/proc/self/stat", "/proc/self/cmdline", "/proc/self/limits" };
	static const char *const yes[] = { "/proc/cpuinfo", "/proc/self/mounts", "/proc/self/mountinfo", "/proc/uptime", "/proc/sys/kernel/ostype" };
	int out = open("out", O_RDWR | O_CREAT, 0600), p[2];
	CHECK(pipe(p) == 0);
	for (size_t i = 0; i < NELEM(no); i++) {
		int fd = open(no[i], O_RDONLY);
		errno = 0;
		if (sendfile(out, fd, NULL, 100) != -1 || errno != EINVAL)
			check_fail(__FILE__, __LINE__, no[i], errno);
		CHECK_ERR(splice(fd, NULL, p[1], NULL, 100, 0), EINVAL);
		close(fd);
	}
	for (size_t i = 0; i < NELEM(yes); i++) {
		int fd = open(yes[i], O_RDONLY);
		if (sendfile(out, fd, NULL, 100) <= 0)
			check_fail(__FILE__, __LINE__, yes[i], errno);
		close(fd);
	}
}

/* --- clear_refs ----------------------------------------------------------------------------------------------------------------------------- */

#define CLEAR "/proc/self/clear_refs"
static void clear_refs_errors(void)
{
	CHECK_ERR(open(CLEAR, O_RDONLY) < 0 || getuid() == 0 ? (errno = EACCES, -1) : 0, EACCES);
	CHECK_ERR(put(CLEAR, "0"), EINVAL);
	CHECK_ERR(put(CLEAR, "6"), EINVAL);
	CHECK_ERR(put(CLEAR, "-1"), EINVAL);
	CHECK_ERR(put(CLEAR, "x"), EINVAL);
	CHECK_ERR(put(CLEAR, "1 2"), EINVAL);
	CHECK(put(CLEAR, " 1\n") == 0);
	struct stat st;
	CHECK(stat(CLEAR, &st) == 0 && (st.st_mode & 0777) == 0200);
}
/* Referenced: of the mapping at p. */
static long referenced(void *p)
{
	char line[32];
	CHECK(slurp("/proc/self/smaps") > 0);
	snprintf(line, sizeof(line), "%lx-", (unsigned long)p);
	char *m = strstr(buf, line);
	CHECK(m);
	m = strstr(m, "Referenced:");
	CHECK(m);
	return atol(m + 11);
}
/* The CPU does not note the use of what it has at hand; this makes it look again. */
static void forget(void *p) { CHECK(mprotect(p, 65536, PROT_READ) == 0 && mprotect(p, 65536, PROT_READ | PROT_WRITE) == 0); }
static void clearing_references(void)
{
	char *a = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("file", O_RDWR | O_CREAT, 0600);
	CHECK(ftruncate(fd, 65536) == 0);
	char *f = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memset(a, 1, 65536);
	memset(f, 1, 65536);
	CHECK(referenced(a) == 64 && referenced(f) == 64);
	CHECK(put(CLEAR, "3") == 0); /* of files */
	CHECK(referenced(a) == 64 && referenced(f) == 0);
	forget(f);
	(void)*(volatile char *)(f + 8192);
	f[4096] = 2;
	CHECK(referenced(f) == 8);
	CHECK(put(CLEAR, "2") == 0); /* anonymous */
	CHECK(referenced(a) == 0 && referenced(f) == 8);
	forget(a);
	a[0] = 3;
	CHECK(referenced(a) == 4);
	CHECK(put(CLEAR, "1") == 0);
	CHECK(referenced(a) == 0 && referenced(f) == 0);
	forget(a);
	forget(f);
	CHECK(a[5000] == 1 && f[4096] == 2 && referenced(a) == 4 && referenced(f) == 4);
}
static void resetting_the_peak(void)
{
	char *a = mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(a, 1, 8 << 20);
	munmap(a, 8 << 20);
	CHECK(slurp("/proc/self/status") > 0 && number("VmHWM:") > 8000);
	CHECK(put(CLEAR, "5") == 0);
	CHECK(slurp("/proc/self/status") > 0 && number("VmHWM:") < 8000);
}
static int soft_dirty(const void *p)
{
	uint64_t v = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);
	CHECK(pread(fd, &v, 8, (off_t)((uintptr_t)p / 4096 * 8)) == 8);
	close(fd);
	return v >> 55 & 1;
}
static char *soft_memory(size_t n, int flags)
{
	char *a = mmap(NULL, n, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
	CHECK(a != MAP_FAILED);
	memset(a, 1, n);
	if (!soft_dirty(a))
		check_skip("no soft-dirty bits");
	CHECK(put(CLEAR, "4") == 0);
	return a;
}
static void soft_dirty_pages(void)
{
	char *a = soft_memory(40960, MAP_PRIVATE);
	for (int i = 0; i < 10; i++)
		CHECK(!soft_dirty(a + i * 4096));
	CHECK(*(volatile char *)a == 1 && !soft_dirty(a));
	a[4096] = 2;
	a[8192] = 2;
	CHECK(!soft_dirty(a) && soft_dirty(a + 4096) && soft_dirty(a + 8192) && !soft_dirty(a + 12288));
	CHECK(put(CLEAR, "4") == 0 && !soft_dirty(a + 4096));
	/* written by the kernel */
	int p[2];
	CHECK(pipe(p) == 0 && write(p[1], "xyz", 3) == 3 && read(p[0], a + 16384, 3) == 3);
	CHECK(soft_dirty(a + 16384) && !soft_dirty(a + 20480));
	/* a change of protection is none of the data */
	CHECK(mprotect(a, 40960, PROT_READ) == 0 && mprotect(a, 40960, PROT_READ | PROT_WRITE) == 0);
	CHECK(!soft_dirty(a + 20480));
	a[20480] = 1;
	CHECK(soft_dirty(a + 20480));
	/* new memory is dirty, touched or not; old that was given back is not until it is touched */
	char *b = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(soft_dirty(b) && soft_dirty(b + 4096));
	CHECK(put(CLEAR, "4") == 0 && !soft_dirty(b));
	CHECK(madvise(a, 4096, MADV_DONTNEED) == 0 && !soft_dirty(a));
	a[0] = 1;
	CHECK(soft_dirty(a));
}
static void soft_dirty_across_fork(void)
{
	char *a = soft_memory(16384, MAP_PRIVATE);
	a[0] = 2;
	int st = IN_CHILD(CHECK(soft_dirty(a) && !soft_dirty(a + 4096)); a[4096] = 2; CHECK(soft_dirty(a + 4096));
					  CHECK(put(CLEAR, "4") == 0 && !soft_dirty(a) && !soft_dirty(a + 4096)));
	CHECK(EXITED(st, 0));
	CHECK(soft_dirty(a) && !soft_dirty(a + 4096));
	a[4096] = 3;
	CHECK(soft_dirty(a + 4096));
	a = soft_memory(16384, MAP_SHARED);
	st = IN_CHILD(a[0] = 5; CHECK(soft_dirty(a) && !soft_dirty(a + 4096)));
	CHECK(EXITED(st, 0) && a[0] == 5 && !soft_dirty(a));
	a[0] = 6;
	CHECK(soft_dirty(a));
}

/* --- what is known about a process ------------------------------------------------------------------------------------------------------------- */

static void timers(void)
{
	timer_t t;
	char want[256];
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_ptr = (void *)0x12345678abc };
	CHECK(slurp("/proc/self/timers") == 0);
	CHECK(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &t) == 0);
	int id;
	memcpy(&id, &t, sizeof(id));
	snprintf(want, sizeof(want), "ID: %d\nsignal: %d/%016lx\nnotify: signal/pid.%d\nClockID: 1\n", id, SIGUSR1, 0x12345678abcUL, getpid());
	CHECK(slurp("/proc/self/timers") > 0 && !strcmp(buf, want));
	e = (struct sigevent){ .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = 40 };
	int me = getpid();
	memcpy((char *)&e + 16, &me, sizeof(me)); /* sigev_notify_thread_id */
	CHECK(syscall(SYS_timer_create, CLOCK_PROCESS_CPUTIME_ID, &e, &t) == 0);
	snprintf(want, sizeof(want), "signal: 40/%016lx\nnotify: signal/tid.%d\nClockID: ", 0UL, getpid());
	CHECK(slurp("/proc/self/timers") > 0 && strstr(buf, want));
	e.sigev_notify = SIGEV_NONE;
	CHECK(syscall(SYS_timer_create, CLOCK_REALTIME, &e, &t) == 0);
	CHECK(slurp("/proc/self/timers") > 0 && strstr(buf, "notify: none/pid.") && strstr(buf, "ClockID: 0\n"));
	CHECK_ERR(slurp("/proc/self/task/self/timers"), ENOENT);
}
static void kernel_stack(void)
{
	char path[64];
	int p[2];
	if (getuid())
		check_skip("wants root");
	CHECK(pipe(p) == 0);
	pid_t ch = fork();
	if (!ch) {
		if (read(p[0], buf, 1) < 0)
			_exit(2);
		_exit(0);
	}
	await_state(ch, "S");
	snprintf(path, sizeof(path), "/proc/%d/stack", ch);
	CHECK(slurp(path) > 0);
	CHECK(!strncmp(buf, "[<0>] ", 6) && strstr(buf, "pipe") && strstr(buf, "read") && strstr(buf, "+0x"));
	int lines = 0;
	for (char *c = buf; (c = strchr(c, '\n')); c++)
		lines++;
	CHECK(lines >= 3);
	int st = IN_CHILD(CHECK(setresuid(99, 99, 99) == 0); CHECK(slurp(path) < 0 && errno == EACCES));
	CHECK(EXITED(st, 0));
	kill(ch, SIGKILL);
	reap(ch);
}
static void pages_by_node(void)
{
	char line[64];
	char *a = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(a, 1, 4 * 4096);
	if (slurp("/proc/self/numa_maps") < 0)
		check_skip("no numa_maps");
	snprintf(line, sizeof(line), "%08lx default anon=4 dirty=4 ", (unsigned long)a);
	char *m = strstr(buf, line);
	CHECK(m && strstr(m, "N0=4 kernelpagesize_kB=4\n"));
	CHECK(strstr(buf, " default stack anon=") && strstr(buf, " default file=/"));
}
static void mount_statistics(void)
{
	CHECK(slurp("/proc/self/mountstats") > 0);
	CHECK(strstr(buf, " mounted on /proc with fstype proc\n") && !strncmp(buf, "device ", 7));
}
static void work(void)
{
	for (volatile int i = 0; i < 20000000; i++)
		;
	msleep(50);
}
static void scheduler_view(void)
{
	char want[64];
	work();
	CHECK(prctl(PR_SET_NAME, "sched test") == 0);
	if (slurp("/proc/self/sched") < 0)
		check_skip("no sched");
	snprintf(want, sizeof(want), "sched test (%d, #threads: 1)\n-----", getpid());
	CHECK(!strncmp(buf, want, strlen(want)));
	for (char *k = strtok(buf, "\n"); k; k = strtok(NULL, "\n")) {
		char *colon = strchr(k, ':');
		if (!strncmp(k, "prio ", 5) || !strncmp(k, "nr_switches ", 12))
			CHECK(colon && atol(colon + 1) > 0 && colon - k == 45);
		if (!strncmp(k, "prio ", 5))
			CHECK(atol(colon + 1) == 120);
		if (!strncmp(k, "se.sum_exec_runtime ", 20))
			CHECK(strtod(colon + 1, NULL) > 0 && colon - k == 45);
	}
	CHECK(slurp("/proc/self/sched") > 0 && strstr(buf, "\nnr_involuntary_switches ") && strstr(buf, "\npolicy ") && strstr(buf, "\nse.load.weight "));
}
static void old_oom_adj(void)
{
	CHECK(slurp("/proc/self/oom_adj") > 0 && !strcmp(buf, "0\n"));
	if (getuid())
		check_skip("wants root");
	CHECK(put("/proc/self/oom_adj", "15") == 0 && slurp("/proc/self/oom_score_adj") > 0 && !strcmp(buf, "1000\n"));
	CHECK(slurp("/proc/self/oom_adj") > 0 && !strcmp(buf, "15\n"));
	if (put("/proc/self/oom_adj", "5") < 0 && errno == EACCES)
		check_skip("wants CAP_SYS_RESOURCE");
	CHECK(put("/proc/self/oom_adj", "5") == 0 && slurp("/proc/self/oom_score_adj") > 0 && !strcmp(buf, "294\n"));
	CHECK(slurp("/proc/self/oom_adj") > 0 && !strcmp(buf, "4\n"));
	CHECK(put("/proc/self/oom_adj", "-17") == 0 && slurp("/proc/self/oom_score_adj") > 0 && !strcmp(buf, "-1000\n"));
	CHECK_ERR(put("/proc/self/oom_adj", "16"), EINVAL);
	CHECK_ERR(put("/proc/self/oom_adj", "-18"), EINVAL);
	CHECK(put("/proc/self/oom_adj", "0") == 0);
}
static void scheduling_counts(void)
{
	work();
	CHECK(slurp("/proc/self/schedstat") > 0);
	unsigned long run = 0, waited = 0, times = 0;
	CHECK(sscanf(buf, "%lu %lu %lu", &run, &waited, &times) == 3 && run > 0 && times > 0);
}
static void interrupt_counts(void)
{
	CHECK(slurp("/proc/stat") > 0);
	long before = number("\nintr ");
	for (int i = 0; i < 5; i++)
		msleep(5);
	CHECK(slurp("/proc/stat") > 0 && number("\nintr ") > before && before > 0);
	CHECK(slurp("/proc/interrupts") > 0 && strstr(buf, "CPU0") && number("\nLOC:") > 0 && strstr(buf, "Local timer interrupts\n"));
}
CASES(CASE(pwrite_to_seq_files), CASE(blocks), CASE(size_of_fd_directory), CASE(sending_files), CASE(clear_refs_errors), CASE(clearing_references), CASE(resetting_the_peak),
	CASE(soft_dirty_pages), CASE(soft_dirty_across_fork), CASE(timers), CASE(kernel_stack), CASE(pages_by_node), CASE(mount_statistics),
	CASE(scheduler_view), CASE(old_oom_adj), CASE(scheduling_counts), CASE(interrupt_counts))
