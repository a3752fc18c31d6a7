/* /sys/kernel/tracing: events of births, execs and ends in Linux's text, trace and trace_pipe, set_event, format files. Needs root and a tracefs. */
#include "check.h"

#include <stdbool.h>
#include <sys/mount.h>

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
	char *dash = strstr(t, " [") ;
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
	static const char *const events[] = { "sched/sched_switch", "sched/sched_process_fork", "sched/sched_process_exit", "task/task_newtask", "task/task_rename" };
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

CASES(CASE(a_life_is_written_down), CASE(lines_have_linux_form), CASE(off_records_nothing), CASE(the_pipe_takes_lines), CASE(enable_files_agree),
      CASE(formats_name_the_fields), CASE(switches_and_copies))
