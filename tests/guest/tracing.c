/* /sys/kernel/tracing: events of births, execs and ends in Linux's text, trace and trace_pipe, set_event, format files. Needs root and a tracefs. */
#include "check.h"

#include <poll.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/prctl.h>

static const char *dir;

static void find_dir(void)
{
	if (access("/sys/kernel/tracing/trace", F_OK) == 0) {
		dir = "/sys/kernel/tracing";
		return;
	}
	mkdir("t", 0700);
	if (mount("tracefs", "t", "tracefs", 0, NULL) == 0)
		dir = "t";
	else
		check_skip("no tracefs here");
}

static int open_file(const char *name, int flags)
{
	char path[200];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return open(path, flags);
}

static int put(const char *name, const char *text, int flags)
{
	int fd = open_file(name, O_WRONLY | flags);
	size_t len = strlen(text), at = 0;
	ssize_t n = fd < 0 ? -1 : 0;
	/* set_event may take one word at a time. */
	while (n >= 0 && at < len && (n = write(fd, text + at, len - at)) > 0)
		at += (size_t)n;
	close(fd);
	return n < 0 ? -1 : (int)at;
}

static char text[1 << 20];
static char *get(const char *name)
{
	int fd = open_file(name, O_RDONLY);
	size_t at = 0;
	ssize_t n;
	CHECK(fd >= 0);
	while (at < sizeof(text) - 1 && (n = read(fd, text + at, sizeof(text) - 1 - at)) > 0)
		at += (size_t)n;
	text[at] = 0;
	close(fd);
	return text;
}

/* What was enabled before is gone, the trace is empty. */
static void begin(const char *events)
{
	find_dir();
	CHECK(put("set_event", "", O_TRUNC) == 0);
	CHECK(put("tracing_on", "1", O_TRUNC) == 1);
	CHECK(put("trace", "\n", O_TRUNC) == 1);
	CHECK(put("set_event", events, O_TRUNC) == (int)strlen(events));
}
static void end(void) { put("set_event", "", O_TRUNC); }

static bool line_has(const char *all, const char *event, const char *what)
{
	char want[64];
	snprintf(want, sizeof(want), ": %s: ", event);
	for (const char *p = all; (p = strstr(p, want)); p++) {
		const char *stop = strchr(p, '\n'), *hit = strstr(p, what);
		if (hit && (!stop || hit < stop))
			return true;
	}
	return false;
}

static void a_life_is_written_down(void)
{
	char want[64];
	begin("sched:sched_process_fork\ntask:task_newtask\nsched:sched_process_exec\nsched:sched_process_exit\nsched:sched_process_free\n");
	pid_t pid = fork();
	if (!pid) {
		execl("/proc/self/exe", "", "0", NULL);
		_exit(1);
	}
	CHECK(waitpid(pid, NULL, 0) == pid);
	char *t = get("trace");
	CHECK(!strncmp(t, "# tracer: nop\n", 14));
	snprintf(want, sizeof(want), "pid=%d child_comm=", getpid());
	CHECK(line_has(t, "sched_process_fork", want));
	snprintf(want, sizeof(want), "child_pid=%d", pid);
	CHECK(line_has(t, "sched_process_fork", want));
	snprintf(want, sizeof(want), "filename=/proc/self/exe pid=%d old_pid=%d", pid, pid);
	CHECK(line_has(t, "sched_process_exec", want));
	snprintf(want, sizeof(want), "pid=%d", pid);
	CHECK(line_has(t, "task_newtask", want));
	CHECK(line_has(t, "sched_process_exit", want));
	end();
}

static void lines_have_linux_form(void)
{
	char task[17], flags[8], event[64];
	int pid, cpu;
	unsigned long s, us;
	begin("sched:sched_process_fork\n");
	pid_t child = fork();
	if (!child)
		_exit(0);
	CHECK(waitpid(child, NULL, 0) == child);
	char *t = strstr(get("trace"), ": sched_process_fork: ");
	CHECK(t);
	while (t > text && t[-1] != '\n')
		t--;
	char *dash = strstr(t, " [");
	CHECK(dash);
	while (dash > t && *dash != '-')
		dash--;
	snprintf(task, sizeof(task), "%.*s", (int)(dash - t), t);
	CHECK(sscanf(dash, "-%d [%d] %7s %lu.%lu: %63[a-z_]:", &pid, &cpu, flags, &s, &us, event) == 6);
	CHECK(pid == getpid() && cpu >= 0 && us < 1000000 && !strcmp(event, "sched_process_fork"));
	end();
}

static void off_records_nothing(void)
{
	begin("sched:sched_process_fork\n");
	CHECK(put("tracing_on", "0", O_TRUNC) == 1);
	CHECK(!strcmp(get("tracing_on"), "0\n"));
	pid_t pid = fork();
	if (!pid)
		_exit(0);
	CHECK(waitpid(pid, NULL, 0) == pid);
	CHECK(!strstr(get("trace"), ": sched_process_fork: "));
	CHECK(put("tracing_on", "1", O_TRUNC) == 1);
	end();
}

static void the_pipe_takes_lines(void)
{
	char buf[8192];
	ssize_t n;
	begin("sched:sched_process_fork\n");
	int fd = open_file("trace_pipe", O_RDONLY | O_NONBLOCK);
	CHECK(fd >= 0);
	pid_t pid = fork();
	if (!pid)
		_exit(0);
	CHECK(waitpid(pid, NULL, 0) == pid);
	n = read(fd, buf, sizeof(buf) - 1);
	CHECK(n > 0);
	buf[n] = 0;
	CHECK(strstr(buf, ": sched_process_fork: "));
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		;
	CHECK(n == 0 || errno == EAGAIN);
	CHECK(!strstr(get("trace"), ": sched_process_fork: "));
	close(fd);
	end();
}

static void enable_files_agree(void)
{
	begin("sched:sched_process_fork\n");
	CHECK(!strcmp(get("events/sched/sched_process_fork/enable"), "1\n"));
	CHECK(!strcmp(get("events/sched/sched_process_exit/enable"), "0\n"));
	CHECK(!strcmp(get("events/sched/enable"), "X\n"));
	CHECK(!strcmp(get("set_event"), "sched:sched_process_fork\n"));
	CHECK(put("events/sched/sched_process_fork/enable", "0", O_TRUNC) == 1);
	CHECK(put("events/task/enable", "1", O_TRUNC) == 1);
	CHECK(strstr(get("set_event"), "task:task_newtask\n"));
	CHECK(strstr(get("available_events"), "sched:sched_switch\n"));
	CHECK(put("set_event", "no:such_event", O_TRUNC) == -1 && errno == EINVAL);
	CHECK(put("tracing_on", "maybe", O_TRUNC) == -1 && errno == EINVAL);
	end();
}

static void formats_name_the_fields(void)
{
	static const char *const events[] = { "sched/sched_switch", "sched/sched_process_fork", "sched/sched_process_exit", "task/task_newtask",
		"task/task_rename" };
	static const char *const fields[] = { "prev_state;", "child_pid;", "prio;", "clone_flags;", "newcomm[16];" };
	char path[100];
	find_dir();
	for (size_t i = 0; i < NELEM(events); i++) {
		snprintf(path, sizeof(path), "events/%s/format", events[i]);
		char *t = get(path);
		CHECK(!strncmp(t, "name: ", 6) && strstr(t, "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n"));
		CHECK(strstr(t, fields[i]) && strstr(t, "\nprint fmt: \""));
	}
}

static void switches_and_copies(void)
{
	static volatile char page[8192];
	begin("sched:sched_switch\n");
	if (access("/proc/self/birth", F_OK) == 0)
		CHECK(put("set_event", "pando:*", O_APPEND) == 7);
	page[0] = 1;
	pid_t pid = fork();
	if (!pid) {
		page[0] = 2;
		usleep(2000);
		_exit(0);
	}
	CHECK(waitpid(pid, NULL, 0) == pid);
	CHECK(page[0] == 1);
	char *t = get("trace");
	CHECK(line_has(t, "sched_switch", "prev_state=S ==> next_comm="));
	if (access("/proc/self/birth", F_OK) == 0) {
		CHECK(line_has(t, "clone_step", "mm=COPY:"));
		CHECK(line_has(t, "cow_fault", "kind=copy"));
		CHECK(line_has(t, "reap", "how=wait"));
	}
	end();
}

/* "field:...NAME;\toffset:N" in an event's format. */
static unsigned offset_of(const char *event, const char *field)
{
	char path[100], want[64];
	unsigned n = 0;
	snprintf(path, sizeof(path), "events/%s/format", event);
	snprintf(want, sizeof(want), " %s;\toffset:", field);
	const char *hit = strstr(get(path), want);
	CHECK(hit && sscanf(hit + strlen(want), "%u", &n) == 1);
	return n;
}

/* Calls seen(event, ctx) for each event of a page of the ring buffer: header_page and header_event say how it looks. */
static void walk_page(const unsigned char *page, void (*seen)(const unsigned char *, void *), void *ctx)
{
	unsigned long commit, at = 16;
	memcpy(&commit, page + 8, sizeof(commit));
	commit &= 0xfffff;
	CHECK(commit <= 4080);
	while (at + 4 <= 16 + commit) {
		unsigned head, len;
		memcpy(&head, page + at, 4);
		memcpy(&len, page + at + 4, 4);
		unsigned type = head & 31;
		if (type == 29) /* padding */
			return;
		if (type == 30 || type == 31) {
			at += 8;
			continue;
		}
		unsigned size = type ? 4 + type * 4 : 4 + len;
		CHECK(at + size <= 16 + commit);
		seen(page + at + (type ? 4 : 8), ctx);
		at += size;
	}
}

struct wanted {
	unsigned id, at;
	int pid, parent, found;
};
static void is_child(const unsigned char *event, void *ctx)
{
	struct wanted *w = ctx;
	unsigned short id;
	int pid, by;
	memcpy(&id, event, 2);
	memcpy(&by, event + 4, 4);
	memcpy(&pid, event + w->at, 4);
	w->found += id == w->id && pid == w->pid && by == w->parent;
}

static void raw_pages_are_as_the_formats_say(void)
{
	static unsigned char page[4096];
	char path[64];
	begin("sched:sched_process_fork\n");
	struct wanted w = { .at = offset_of("sched/sched_process_fork", "child_pid"), .parent = getpid() };
	CHECK(sscanf(get("events/sched/sched_process_fork/id"), "%u", &w.id) == 1);
	CHECK(strstr(get("events/header_page"), "field: char data;\toffset:16;\tsize:4080;"));
	CHECK(strstr(get("events/header_event"), "data max type_len  == 28"));
	for (int i = 0; i < 300; i++) {
		w.pid = fork();
		if (!w.pid)
			_exit(0);
		CHECK(waitpid(w.pid, NULL, 0) == w.pid);
	}
	CHECK(put("tracing_on", "0", O_TRUNC) == 1);
	for (int cpu = 0; cpu < 64; cpu++) {
		snprintf(path, sizeof(path), "per_cpu/cpu%d/trace_pipe_raw", cpu);
		int fd = open_file(path, O_RDONLY | O_NONBLOCK);
		ssize_t n;
		if (fd < 0)
			continue;
		while ((n = read(fd, page, sizeof(page))) == sizeof(page))
			walk_page(page, is_child, &w);
		CHECK(n == -1 && errno == EAGAIN);
		close(fd);
	}
	CHECK(w.found == 1);
	CHECK(put("tracing_on", "1", O_TRUNC) == 1);
	end();
}

static void marks_are_lines(void)
{
	begin("sched:sched_process_fork\n");
	CHECK(put("trace_marker", "here I am\n", 0) == 10);
	CHECK(strstr(get("trace"), ": tracing_mark_write: here I am\n"));
	CHECK(put("tracing_on", "0", O_TRUNC) == 1);
	CHECK(put("trace_marker", "x", 0) == -1 && errno == EBADF);
	CHECK(put("tracing_on", "1", O_TRUNC) == 1);
	end();
}

static void the_pipe_can_be_polled(void)
{
	char buf[4096];
	begin("sched:sched_process_fork\n");
	int fd = open_file("trace_pipe", O_RDONLY | O_NONBLOCK);
	CHECK(fd >= 0);
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	pid_t pid = fork();
	if (!pid) {
		usleep(20000);
		pid_t other = fork();
		if (!other)
			_exit(0);
		waitpid(other, NULL, 0);
		_exit(0);
	}
	CHECK(poll(&p, 1, 10000) == 1 && p.revents == POLLIN);
	CHECK(read(fd, buf, sizeof(buf)) > 0);
	CHECK(waitpid(pid, NULL, 0) == pid);
	CHECK(poll(&p, 1, 10000) == 1);
	close(fd);
	end();
}

/* trace-cmd keeps them in its file. The kernel's names are for root: another sees no addresses. */
static void symbols_are_listed(void)
{
	char line[256], type, name[128];
	unsigned long addr, last = 0, n = 0;
	FILE *f = fopen("/proc/kallsyms", "r");
	CHECK(f);
	while (n < 500 && fgets(line, sizeof(line), f)) {
		CHECK(sscanf(line, "%16lx %c %127s", &addr, &type, name) == 3 && line[16] == ' ');
		last |= addr;
		n++;
	}
	CHECK(n == 500);
	fclose(f);
	pid_t pid = fork();
	if (!pid) {
		if (setuid(1000) != 0 || !(f = fopen("/proc/kallsyms", "r")) || !fgets(line, sizeof(line), f))
			_exit(2);
		_exit(strtoul(line, NULL, 16) != 0);
	}
	int st;
	CHECK(waitpid(pid, &st, 0) == pid && st == 0);
	if (access("/proc/self/birth", F_OK) == 0)
		CHECK(last >> 32 == 0xffffffff);
}

static void names_are_saved(void)
{
	char want[64], comm[16];
	begin("sched:sched_process_fork\n");
	pid_t pid = fork();
	if (!pid)
		_exit(0);
	CHECK(waitpid(pid, NULL, 0) == pid);
	get("trace");
	CHECK(prctl(PR_GET_NAME, comm) == 0);
	snprintf(want, sizeof(want), "%d %s\n", getpid(), comm);
	CHECK(strstr(get("saved_cmdlines"), want));
	CHECK(strstr(get("per_cpu/cpu0/stats"), "entries: "));
	end();
}

CASES(CASE(raw_pages_are_as_the_formats_say), CASE(marks_are_lines), CASE(the_pipe_can_be_polled), CASE(names_are_saved), CASE(symbols_are_listed),
	CASE(a_life_is_written_down), CASE(lines_have_linux_form), CASE(off_records_nothing), CASE(the_pipe_takes_lines), CASE(enable_files_agree),
	CASE(formats_name_the_fields), CASE(switches_and_copies))
