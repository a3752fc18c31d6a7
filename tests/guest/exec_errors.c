/* execve: what fails, with which errno, and scripts. */
static int helper(int argc, char **argv);
#define HELPER(argc, argv) helper(argc, argv)
#include "check.h"
#include <elf.h>
#include <sys/resource.h>

/* --args: prints its arguments, one a line. --pause: says that it runs, on descriptor 100. Else: the exit status is argc. */
static int helper(int argc, char **argv)
{
	if (!argv[0][0])
		return argc == 1 && !argv[1] ? 55 : 56;
	if (!strcmp(argv[1], "--args")) {
		for (int i = 0; i < argc; i++)
			dprintf(1, "%s\n", argv[i]);
		return 0;
	}
	if (!strcmp(argv[1], "--pause") && write(100, "x", 1) == 1)
		for (;;)
			pause();
	return argc;
}
static char *const args[] = { "self", "--argc", NULL };
static char *const no_env[] = { NULL };

static void paths(void)
{
	char longest[5000];
	memset(longest, 'a', sizeof(longest));
	longest[4999] = 0;
	CHECK_ERR(execve("nothing", args, no_env), ENOENT);
	CHECK_ERR(execve("", args, no_env), ENOENT);
	CHECK_ERR(execve(longest, args, no_env), ENAMETOOLONG);
	longest[300] = 0;
	CHECK_ERR(execve(longest, args, no_env), ENAMETOOLONG);
	CHECK_ERR(syscall(SYS_execve, 8, args, no_env), EFAULT);
	CHECK_ERR(execve("/proc/self/exe/x", args, no_env), ENOTDIR);
	CHECK_ERR(execve("/tmp", args, no_env), EACCES);
	CHECK_ERR(execve("/dev/null", args, no_env), EACCES);
	CHECK(mkfifo("fifo", 0777) == 0);
	CHECK_ERR(execve("fifo", args, no_env), EACCES);
	CHECK(symlink("loop", "loop") == 0);
	CHECK_ERR(execve("loop", args, no_env), ELOOP);
}

static void file_before_arguments(void)
{
	CHECK_ERR(syscall(SYS_execve, "nothing", 8, no_env), ENOENT);
	CHECK_ERR(syscall(SYS_execve, "/proc/self/exe", 8, no_env), EFAULT);
	CHECK_ERR(syscall(SYS_execve, "/proc/self/exe", args, 8), EFAULT);
	char *bad[] = { "a", (char *)8, NULL };
	CHECK_ERR(execve("/proc/self/exe", bad, no_env), EFAULT);
}

static void permission(void)
{
	copy_self("prog", 0644);
	CHECK_ERR(execve("./prog", args, no_env), EACCES); /* root too: no x bit at all */
	CHECK(chmod("prog", 0700) == 0);
	CHECK(EXITED(IN_CHILD(execve("./prog", args, no_env); _exit(99)), 2));
	CHECK(EXITED(IN_CHILD(CHECK(setresuid(12345, 12345, 12345) == 0); CHECK_ERR(execve("./prog", args, no_env), EACCES)), 0));
	CHECK(mkdir("shut", 0700) == 0);
	copy_self("shut/prog", 0755);
	CHECK(EXITED(IN_CHILD(CHECK(setresuid(12345, 12345, 12345) == 0); CHECK_ERR(execve("./shut/prog", args, no_env), EACCES)), 0));
	/* execute permission alone is enough */
	CHECK(chmod("prog", 0711) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(setresuid(12345, 12345, 12345) == 0); execve("./prog", args, no_env); _exit(99)), 2));
}

static void busy_text(void)
{
	copy_self("prog", 0755);
	int fd = open("prog", O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_ERR(execve("./prog", args, no_env), ETXTBSY);
	close(fd);
	CHECK(EXITED(IN_CHILD(execve("./prog", args, no_env); _exit(99)), 2));
	/* while a program runs its file cannot be written to; when it is over it can */
	int fds[2];
	char c;
	CHECK(pipe(fds) == 0);
	pid_t p = fork();
	if (!p) {
		dup2(fds[1], 100);
		close(fds[1]);
		execve("./prog", (char *const[]){ "self", "--pause", NULL }, no_env);
		_exit(99);
	}
	CHECK(read(fds[0], &c, 1) == 1);
	CHECK_ERR(open("prog", O_WRONLY), ETXTBSY);
	CHECK_ERR(truncate("prog", 0), ETXTBSY);
	kill(p, SIGKILL);
	CHECK(KILLED(reap(p), SIGKILL));
	fd = open("prog", O_WRONLY);
	CHECK(fd >= 0);
	/* our own program is running */
	CHECK_ERR(open("/proc/self/exe", O_RDWR), ETXTBSY);
}

static void not_a_program(void)
{
	write_file("empty", "", 0, 0755);
	CHECK_ERR(execve("./empty", args, no_env), ENOEXEC);
	write_file("text", "hello, this is no program\n", 26, 0755);
	CHECK_ERR(execve("./text", args, no_env), ENOEXEC);
	write_file("short", "\177ELF", 4, 0755);
	CHECK_ERR(execve("./short", args, no_env), ENOEXEC);
}

static void bad_elf(void)
{
	Elf64_Ehdr e = { .e_ident = "\177ELF\2\1\1", .e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = 1, .e_phoff = 64, .e_phentsize = 56, .e_phnum = 1,
		.e_ehsize = 64 };
	struct { Elf64_Ehdr e; Elf64_Phdr p[2]; char rest[200]; } f = { .e = e };
#define TRY(err) do { write_file("elf", &f, sizeof(f), 0755); CHECK_ERR(execve("./elf", args, no_env), err); f.e = e; memset(f.p, 0, sizeof(f.p)); } while (0)
	f.e.e_machine = EM_AARCH64;
	TRY(ENOEXEC);
	f.e.e_type = ET_REL;
	TRY(ENOEXEC);
	f.e.e_phentsize = 32;
	TRY(ENOEXEC);
	f.e.e_phnum = 0;
	TRY(ENOEXEC);
	f.e.e_phoff = 1 << 20;
	TRY(ENOEXEC);
	f.p[0] = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = 200, .p_filesz = 1 };
	TRY(ENOEXEC);
	f.p[0] = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = 200, .p_filesz = 5000 };
	TRY(ENOEXEC);
	strcpy(f.rest, "/does/not/exist");
	f.p[0] = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = offsetof(__typeof__(f), rest), .p_filesz = 16 };
	TRY(ENOENT);
	strcpy(f.rest, "/tmp");
	f.p[0] = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = offsetof(__typeof__(f), rest), .p_filesz = 5 };
	TRY(EACCES);
	write_file("notelf", "x", 1, 0755);
	strcpy(f.rest, "./notelf");
	f.p[0] = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = offsetof(__typeof__(f), rest), .p_filesz = 9 };
	TRY(EIO);
	char junk[200] = "no elf at all";
	write_file("notelf", junk, sizeof(junk), 0755);
	f.p[0] = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = offsetof(__typeof__(f), rest), .p_filesz = 9 };
	TRY(ELIBBAD);
	/* the program names a segment outside of user space: too late for an errno */
	f.p[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_vaddr = 0x7fffffff0000, .p_memsz = 1 << 20, .p_filesz = 100, .p_flags = 7 };
	write_file("elf", &f, sizeof(f), 0755);
	CHECK(WIFSIGNALED(IN_CHILD(execve("./elf", args, no_env); _exit(99))));
}

static void too_big(void)
{
	size_t max = 131072;
	char *s = malloc(max + 1);
	memset(s, 'x', max);
	s[max] = 0;
	char *av[] = { "self", "--argc", s, NULL };
	CHECK_ERR(execve("/proc/self/exe", av, no_env), E2BIG);
	s[max - 1] = 0; /* 131072 with its NUL: fits */
	CHECK(EXITED(IN_CHILD(execve("/proc/self/exe", av, no_env); _exit(99)), 3));
	char **many = calloc(400, sizeof(*many));
	many[0] = "self";
	many[1] = "--argc";
	for (int i = 2; i < 200; i++)
		many[i] = s;
	CHECK_ERR(execve("/proc/self/exe", many, no_env), E2BIG);
	/* the stack limit sets the budget: a quarter of it, 128 KiB at least */
	struct rlimit r = { 1 << 20, 8 << 20 };
	int st = IN_CHILD(CHECK(setrlimit(RLIMIT_STACK, &r) == 0); s[100000] = 0; many[4] = NULL; CHECK_ERR(execve("/proc/self/exe", many, many), E2BIG);
		many[3] = NULL; execve("/proc/self/exe", many, no_env); _exit(99));
	CHECK(EXITED(st, 3));
}

static void argc_zero(void)
{
	/* argv becomes { "" } */
	int st = IN_CHILD(char *none[] = { NULL }; execve("/proc/self/exe", none, no_env); _exit(99));
	CHECK(EXITED(st, 55));
}

/* --- scripts --- */
static char self[300];
static void script(const char *path, const char *text) { write_file(path, text, strlen(text), 0755); }
/* Runs path with arguments "x" "y": its output. */
static void output_of(const char *path, char *buf, size_t size)
{
	int fds[2];
	size_t n = 0;
	ssize_t r;
	CHECK(pipe(fds) == 0);
	pid_t p = fork();
	if (!p) {
		dup2(fds[1], 1);
		execve(path, (char *const[]){ "zero", "x", "y", NULL }, no_env);
		_exit(errno);
	}
	close(fds[1]);
	while ((r = read(fds[0], buf + n, size - 1 - n)) > 0)
		n += (size_t)r;
	buf[n] = 0;
	close(fds[0]);
	CHECK(EXITED(reap(p), 0));
}
static void find_self(void)
{
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	CHECK(n > 0);
	copy_self("prog", 0755);
	CHECK(getcwd(self, sizeof(self) - 10));
	strcat(self, "/prog");
}
static void script_arguments(void)
{
	char text[600], want[1000], got[1000];
	find_self();
	snprintf(text, sizeof(text), "#! \t%s \t --args a  b \t \nmore\n", self);
	snprintf(want, sizeof(want), "%s\n--args a  b\n./script\nx\ny\n", self);
	script("script", text);
	/* one argument only: "--args a  b" is not "--args", so the helper returns argc */
	CHECK(EXITED(IN_CHILD(execve("./script", (char *const[]){ "zero", "x", NULL }, no_env); _exit(99)), 4));
	snprintf(text, sizeof(text), "#!%s --args\n", self);
	script("script", text);
	snprintf(want, sizeof(want), "%s\n--args\n./script\nx\ny\n", self);
	output_of("./script", got, sizeof(got));
	CHECK(!strcmp(want, got));
	/* relative interpreter */
	script("script", "#!./prog --args\n");
	output_of("./script", got, sizeof(got));
	CHECK(!strcmp(got, "./prog\n--args\n./script\nx\ny\n"));
}
static void script_errors(void)
{
	char text[600];
	find_self();
	script("s", "#!/does/not/exist\n");
	CHECK_ERR(execve("./s", args, no_env), ENOENT);
	script("s", "#!   \t \n");
	CHECK_ERR(execve("./s", args, no_env), ENOEXEC);
	script("s", "#!");
	CHECK_ERR(execve("./s", args, no_env), EACCES); /* Linux opens the empty path, finds the current directory, and may not execute it */
	script("s", "#!/tmp\n");
	CHECK_ERR(execve("./s", args, no_env), EACCES);
	memset(text, 'a', 400);
	memcpy(text, "#!/", 3);
	text[400] = 0;
	script("s", text);
	CHECK_ERR(execve("./s", args, no_env), ENOEXEC); /* the path does not end within 256 bytes */
	script("s", "#!./s\n");
	CHECK_ERR(execve("./s", args, no_env), ELOOP);
	snprintf(text, sizeof(text), "#!%s --args", self); /* no newline at the end of the file */
	script("s", text);
	output_of("./s", text, sizeof(text));
	CHECK(strstr(text, "--args\n./s\nx\ny\n"));
}
static void script_chain(void)
{
	char name[20], text[400];
	find_self();
	/* s1 -> prog, s2 -> s1 ...: five scripts and a program work, six do not */
	for (int i = 1; i <= 6; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		if (i == 1)
			snprintf(text, sizeof(text), "#!%s --args\n", self);
		else
			snprintf(text, sizeof(text), "#!./s%d\n", i - 1);
		script(name, text);
	}
	output_of("./s5", text, sizeof(text));
	CHECK(strstr(text, "--args\n./s1\n./s2\n./s3\n./s4\n./s5\nx\ny\n"));
	CHECK_ERR(execve("./s6", args, no_env), ELOOP);
}

CASES(CASE(paths), CASE(file_before_arguments), CASE(permission), CASE(busy_text), CASE(not_a_program), CASE(bad_elf), CASE(too_big),
	CASE(argc_zero), CASE(script_arguments), CASE(script_errors), CASE(script_chain))
