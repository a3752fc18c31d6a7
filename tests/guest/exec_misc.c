/* binfmt_misc: registering formats, and what their interpreters get. */
static int helper(int argc, char **argv);
#define HELPER(argc, argv) helper(argc, argv)
#include "check.h"
#include <sys/auxv.h>
#include <sys/mount.h>

/* The interpreter: writes down how it was called. The files it is called for have names that begin with "--", or it would run the cases. */
static int helper(int argc, char **argv)
{
	char buf[1200] = "", data[16] = "", *p = buf;
	unsigned long fd = getauxval(AT_EXECFD);
	for (int i = 0; i < argc; i++)
		p += sprintf(p, "%s|", argv[i]);
	p += sprintf(p, " flags %lu euid %d", getauxval(AT_FLAGS), geteuid());
	if (fd) {
		ssize_t n = pread((int)fd, data, 8, 0);
		p += sprintf(p, " fd %.*s cloexec %d", (int)(n > 0 ? n : 0), data, fcntl((int)fd, F_GETFD));
	}
	return write(9, buf, strlen(buf)) < 0;
}

static void start(void)
{
	char buf[65536];
	ssize_t n;
	if (geteuid())
		check_skip("not root");
	CHECK(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHECK(mkdir("m", 0755) == 0 && mkdir("t", 0755) == 0 && mount("t", "t", "tmpfs", 0, "mode=0777") == 0);
	if (mount("binfmt_misc", "m", "binfmt_misc", 0, NULL) < 0)
		check_skip("no binfmt_misc");
	CHECK(chdir("t") == 0);
	int in = open("/proc/self/exe", O_RDONLY), out = open("--i", O_WRONLY | O_CREAT | O_EXCL, 0755);
	CHECK(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		CHECK(write(out, buf, (size_t)n) == n);
	close(in);
	close(out);
}
/* 0 or the errno. */
static int reg(const char *text)
{
	int fd = open("../m/register", O_WRONLY);
	CHECK(fd >= 0);
	ssize_t n = write(fd, text, strlen(text));
	int err = errno;
	close(fd);
	return n < 0 ? err : n == (ssize_t)strlen(text) ? 0 : -1;
}
static const char *command(const char *file, const char *what)
{
	int fd = open(file, O_WRONLY);
	if (fd < 0)
		return "does not open";
	ssize_t n = write(fd, what, strlen(what));
	close(fd);
	return n == (ssize_t)strlen(what) ? NULL : strerror(errno);
}
static const char *text_of(const char *file)
{
	static char buf[2000];
	read_text(file, buf, sizeof(buf));
	return buf;
}
/* What the interpreter wrote when the file was run with the arguments "zero" and "one"; or "errno N". */
static const char *run_as(const char *file, uid_t uid)
{
	static char buf[2000];
	int p[2];
	CHECK(pipe(p) == 0);
	pid_t pid = fork();
	if (!pid) {
		dup2(p[1], 9);
		CHECK(setresuid(uid, uid, uid) == 0);
		execl(file, "zero", "one", NULL);
		dprintf(9, "errno %d", errno);
		_exit(0);
	}
	close(p[1]);
	size_t n = 0;
	ssize_t got;
	while ((got = read(p[0], buf + n, sizeof(buf) - 1 - n)) > 0)
		n += (size_t)got;
	buf[n] = 0;
	close(p[0]);
	CHECK(EXITED(reap(pid), 0));
	return buf;
}
static const char *run(const char *file) { return run_as(file, 0); }
static const char *no_exec(void)
{
	static char buf[20];
	sprintf(buf, "errno %d", ENOEXEC);
	return buf;
}
#define GOT(file, want) CHECK(!strcmp(run(file), want))

static void by_magic(void)
{
	start();
	write_file("--x", "PANDOxMAGIC rest", 16, 0755);
	CHECK(!strcmp(run("--x"), no_exec()));
	CHECK(reg(":pando1:M:5:xMAGI\\x43::--i:") == 0);
	CHECK(!strcmp(text_of("../m/pando1"), "enabled\ninterpreter --i\nflags: \noffset 5\nmagic 784d41474943\n"));
	CHECK(command("../m/pando1", "-1") == NULL);
	CHECK(access("../m/pando1", F_OK) < 0 && errno == ENOENT);
	CHECK(!strcmp(run("--x"), no_exec()));
	/* Only the bits of the mask count. */
	CHECK(reg(":pando1:M::PANDO\\xff:\\xff\\xff\\xff\\xff\\xff\\x00:--i:P\n") == 0);
	CHECK(!strcmp(text_of("../m/pando1"), "enabled\ninterpreter --i\nflags: P\noffset 0\nmagic 50414e444fff\nmask ffffffffff00\n"));
	GOT("--x", "--i|--x|zero|one| flags 1 euid 0");
	CHECK(command("../m/pando1", "0") == NULL && strstr(text_of("../m/pando1"), "disabled\n") == text_of("../m/pando1"));
	CHECK(!strcmp(run("--x"), no_exec()));
	CHECK(command("../m/pando1", "1\n") == NULL);
	GOT("--x", "--i|--x|zero|one| flags 1 euid 0");
	CHECK(command("../m/pando1", "2") != NULL);
	CHECK(command("../m/pando1", "-1") == NULL);
}

static void by_extension(void)
{
	start();
	write_file("--a.pandoext", "text", 4, 0755);
	write_file("--a.other", "text", 4, 0755);
	CHECK(reg("+pando2+E++pandoext++--i++") != 0);
	CHECK(reg("+pando2+E++pandoext++--i+") == 0);
	CHECK(!strcmp(text_of("../m/pando2"), "enabled\ninterpreter --i\nflags: \nextension .pandoext\n"));
	GOT("--a.pandoext", "--i|--a.pandoext|one| flags 0 euid 0");
	CHECK(!strcmp(run("--a.other"), no_exec()));
	/* A script's interpreter may be such a file. */
	write_file("--script", "#!--a.pandoext arg\n", 19, 0755);
	GOT("--script", "--i|--a.pandoext|arg|--script|one| flags 0 euid 0");
	CHECK(command("../m/pando2", "-1") == NULL);
}

static void open_binary(void)
{
	start();
	/* What may be executed but not read. */
	write_file("--o", "PANDO-O!data", 12, 0711);
	CHECK(reg(":pando3:M::PANDO-O!::--i:O") == 0);
	GOT("--o", "--i|--o|one| flags 0 euid 0 fd PANDO-O! cloexec 0");
	CHECK(!strcmp(run_as("--o", 1000), "--i|--o|one| flags 0 euid 1000 fd PANDO-O! cloexec 0"));
	/* One such file that leads to another: whose descriptor would it be? */
	CHECK(reg(":pando4:M::PANDO-N!::--o:O") == 0);
	write_file("--n", "PANDO-N!data", 12, 0755);
	CHECK(!strcmp(run("--n"), no_exec()));
	CHECK(command("../m/pando4", "-1") == NULL && command("../m/pando3", "-1") == NULL);
}

static void credentials(void)
{
	start();
	write_file("--c", "PANDO-C!data", 12, 0755);
	CHECK(chown("--c", 2000, 2000) == 0 && chmod("--c", 04755) == 0);
	CHECK(reg(":pando5:M::PANDO-C!::--i:") == 0);
	CHECK(!strcmp(run_as("--c", 1000), "--i|--c|one| flags 0 euid 1000"));
	CHECK(command("../m/pando5", "-1") == NULL);
	CHECK(reg(":pando5:M::PANDO-C!::--i:C") == 0);
	CHECK(strstr(text_of("../m/pando5"), "flags: OC\n"));
	CHECK(!strcmp(run_as("--c", 1000), "--i|--c|one| flags 0 euid 2000 fd PANDO-C! cloexec 0"));
	CHECK(command("../m/pando5", "-1") == NULL);
}

static void fixed_interpreter(void)
{
	start();
	write_file("--f", "PANDO-F!data", 12, 0755);
	CHECK(reg(":pando6:M::PANDO-F!::none:F") == ENOENT);
	CHECK(reg(":pando6:M::PANDO-F!::--i:F") == 0);
	CHECK(strstr(text_of("../m/pando6"), "flags: F\n"));
	/* The name may go. */
	CHECK(rename("--i", "away") == 0);
	GOT("--f", "--i|--f|one| flags 0 euid 0");
	CHECK(rename("away", "--i") == 0);
	CHECK(command("../m/pando6", "-1") == NULL);
	/* Without F it is looked up each time. */
	CHECK(reg(":pando6:M::PANDO-F!::none:") == 0);
	char want[20];
	sprintf(want, "errno %d", ENOENT);
	GOT("--f", want);
	CHECK(command("../m/pando6", "-1") == NULL);
}

static void what_is_refused(void)
{
	start();
	static const char *const bad[] = { ":a:M::b::c", ":pandobad:X::abc::/bin/x:", "::M::abcdef::/bin/x:", ":..:M::abcdef::/bin/x:",
		":a/b:M::abcdef::/bin/x:", ":pandobad:M:300:abc::/bin/x:", ":pandobad:M:254:abc::/bin/x:", ":pandobad:M:x:abc::/bin/x:",
		":pandobad:M::::/bin/x:", ":pandobad:M::abc:\\xff:/bin/x:", ":pandobad:M::abc:::", ":pandobad:M::abc::/bin/x:Q",
		":pandobad:E::a/b::/bin/x:", ":pandobad:E::::/bin/x:", ":pandobad:M::abc::/bin/x", ":pandobad:M::abc::/bin/x:P\nx" };
	for (unsigned i = 0; i < NELEM(bad); i++) {
		int err = reg(bad[i]);
		if (err != EINVAL)
			check_fail(__FILE__, __LINE__, bad[i], err);
	}
	CHECK(reg(":pandobad:M:253:abc::/bin/x:") == 0);
	CHECK(reg(":pandobad:M::abc::/bin/x:") == EEXIST);
	CHECK(command("../m/pandobad", "-1") == NULL);
	CHECK(!strcmp(text_of("../m/status"), "enabled\n"));
	struct stat st;
	CHECK(stat("../m/register", &st) == 0 && (st.st_mode & 07777) == 0200 && stat("../m/status", &st) == 0 && (st.st_mode & 07777) == 0644);
	CHECK(EXITED(IN_CHILD(CHECK(setresuid(1000, 1000, 1000) == 0); CHECK_ERR(open("../m/register", O_WRONLY), EACCES)), 0));
}

CASES(CASE(by_magic), CASE(by_extension), CASE(open_binary), CASE(credentials), CASE(fixed_interpreter), CASE(what_is_refused))
