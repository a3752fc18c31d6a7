/* execve at its edges: the room for arguments to the byte, files that cannot be opened any more, chains of interpreters, what goes with the old program. */
static int helper(int argc, char **argv);
#define HELPER(argc, argv) helper(argc, argv)
#include "check.h"
#include <elf.h>
#include <linux/aio_abi.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>

static char *no_env[] = { NULL };

static int helper(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--pending")) {
		sigset_t s;
		CHECK(sigpending(&s) == 0);
		return sigismember(&s, SIGRTMIN + 1) | sigismember(&s, SIGRTMIN + 2) << 1 | sigismember(&s, SIGUSR1) << 2;
	}
	if (argc > 2 && !strcmp(argv[1], "--io")) {
		struct io_event e;
		struct timespec none = { 0, 0 };
		return syscall(SYS_io_getevents, strtoul(argv[2], NULL, 16), 0, 1, &e, &none) < 0 && errno == EINVAL ? 9 : 1;
	}
	if (argc > 2 && !strcmp(argv[1], "--lock")) {
		/* Exit status: 1: a child finds a lock on that descriptor's file; 2: we do, so that it is not ours. */
		struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
		int fd = atoi(argv[2]);
		int foreign = fcntl(fd, F_GETLK, &l) == 0 && l.l_type != F_UNLCK;
		l = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
		pid_t pid = fork();
		if (!pid)
			_exit(fcntl(fd, F_GETLK, &l) || l.l_type == F_UNLCK ? 0 : 1);
		int st;
		CHECK(waitpid(pid, &st, 0) == pid && WIFEXITED(st));
		return WEXITSTATUS(st) + 2 * foreign;
	}
	if (argc > 1 && !strcmp(argv[1], "--secure"))
		return (int)getauxval(AT_SECURE) + 2 * (prctl(PR_GET_DUMPABLE) & 3);
	if (argc > 1 && !strcmp(argv[1], "--securebits"))
		return prctl(PR_GET_SECUREBITS) & 0x7f;
	if (argc > 1 && !strcmp(argv[1], "--comm")) {
		char c[16];
		prctl(PR_GET_NAME, c);
		return argc > 2 && !strcmp(c, argv[2]) ? 3 : 4;
	}
	return argc & 0x7f;
}

/* --- the room for arguments -------------------------------------------------------------------------------------------------------------- */

#define STRING 131072UL
static const char path[] = "/proc/self/exe";
/* Executes with strings of `total` bytes in all (the path's, an empty argv[0], then as few as can be). The errno, 0 when it went well. */
static int fits(rlim_t stack, size_t total)
{
	static char *argv[128] = { "" };
	static char fill[STRING];
	int n = 1;
	pid_t pid = fork();
	if (pid) {
		int st = reap(pid);
		CHECK(WIFEXITED(st));
		return WEXITSTATUS(st) >= 100 ? WEXITSTATUS(st) - 100 : 0;
	}
	struct rlimit r = { stack, RLIM_INFINITY };
	CHECK(setrlimit(RLIMIT_STACK, &r) == 0);
	memset(fill, 'x', STRING - 1);
	for (total -= sizeof(path) + 1; total > 0; n++) {
		size_t one = total < STRING ? total : STRING;
		argv[n] = fill + STRING - one;
		total -= one;
	}
	execve(path, argv, no_env);
	_exit(100 + errno);
}
/* Strings and pointers (argv's, envp's) share a quarter of the stack's limit, at most 6 MiB, at least 128 KiB. */
static size_t strings_of(size_t budget)
{
	size_t n = 1;
	while (sizeof(path) + 1 + n * STRING < budget - 8 * (n + 1))
		n++;
	return budget - 8 * (n + 1);
}
static void the_budget(void)
{
	struct rlimit r;
	CHECK(getrlimit(RLIMIT_STACK, &r) == 0);
	if (r.rlim_max != RLIM_INFINITY)
		check_skip("the limit of the stack cannot be raised");
	static const struct {
		rlim_t stack;
		size_t budget;
	} t[] = { { 8 << 20, 2 << 20 }, { 4 << 20, 1 << 20 }, { 1 << 20, 256 << 10 }, { 512 << 10, 128 << 10 }, { 256 << 10, 128 << 10 },
		{ 24 << 20, 6 << 20 }, { 64 << 20, 6 << 20 }, { RLIM_INFINITY, 6 << 20 } };
	for (size_t i = 0; i < NELEM(t); i++) {
		size_t most = strings_of(t[i].budget);
		int a = fits(t[i].stack, most), b = fits(t[i].stack, most + 1);
		if (a != 0 || b != E2BIG) {
			char why[100];
			snprintf(why, sizeof(why), "stack %lu, %zu bytes: %d, one more: %d", (unsigned long)t[i].stack, most, a, b);
			check_fail(__FILE__, __LINE__, why, 0);
		}
	}
}
/* An empty argv counts as one pointer: an empty string is put there. */
static void room_of_nothing(void)
{
	struct rlimit r = { 512 << 10, RLIM_INFINITY };
	size_t n = (128 << 10) / 8;
	char **many = calloc(n + 1, sizeof(*many));
	for (size_t i = 0; i < n; i++)
		many[i] = "";
	/* Pointers alone use it up. */
	CHECK(EXITED(IN_CHILD(CHECK(setrlimit(RLIMIT_STACK, &r) == 0); CHECK_ERR(execve("/proc/self/exe", no_env, many), E2BIG)), 0));
	many[n / 2] = NULL;
	CHECK(EXITED(IN_CHILD(CHECK(setrlimit(RLIMIT_STACK, &r) == 0); execve("/proc/self/exe", no_env, many); _exit(99)), 1));
}
/* What a script adds has to fit as well: its interpreter's name, the argument, its own name. Pointers are counted once, as they were given. */
static void scripts_need_room(void)
{
	struct rlimit r = { 512 << 10, RLIM_INFINITY };
	size_t most = (128 << 10) - 2 * 8 - sizeof("./s") - sizeof("./prog") - sizeof("--n") - sizeof("./s");
	char *s = malloc(most + 1), *argv[] = { "x", s, NULL };
	copy_self("prog", 0755);
	write_file("s", "#!./prog --n\n", 13, 0755);
	memset(s, 'a', most);
	s[most] = 0;
	CHECK(EXITED(IN_CHILD(CHECK(setrlimit(RLIMIT_STACK, &r) == 0); CHECK_ERR(execve("./s", argv, no_env), E2BIG)), 0));
	s[most - 1] = 0;
	CHECK(EXITED(IN_CHILD(CHECK(setrlimit(RLIMIT_STACK, &r) == 0); execve("./s", argv, no_env); _exit(99)), 4));
}

/* --- files ------------------------------------------------------------------------------------------------------------------------------- */

static int in_machine(void)
{
	char exe[64] = "";
	return readlink("/proc/1/exe", exe, sizeof(exe) - 1) > 0 && !strcmp(exe, "/.pando/init");
}
/* The sixth file of a chain is still opened: what is wrong with it is said before that the chain is too long. */
static void the_sixth_is_opened(void)
{
	static const struct {
		const char *last;
		int err;
	} t[] = { { "/nowhere", ENOENT }, { "/tmp", EACCES }, { "./plain", EACCES } };
	char name[8], line[40];
	write_file("plain", "x", 1, 0644);
	for (size_t k = 0; k < NELEM(t); k++) {
		for (int i = 1; i <= 6; i++) {
			int n = i == 1 ? snprintf(line, sizeof(line), "#!%s\n", t[k].last) : snprintf(line, sizeof(line), "#!./s%d\n", i - 1);
			snprintf(name, sizeof(name), "s%d", i);
			write_file(name, line, (size_t)n, 0755);
		}
		CHECK_ERR(execve("./s5", no_env, no_env), t[k].err);
		CHECK_ERR(execve("./s6", no_env, no_env), t[k].err);
	}
}
/* Lines of scripts about as long as what is read of them, 256 bytes. */
static void lines_of_256_bytes(void)
{
	char line[400], *argv[] = { "x", NULL };
	char dir[200];
	copy_self("p", 0755);
	CHECK(getcwd(dir, sizeof(dir) - 2));
	size_t d = strlen(dir);
	/* A path that ends exactly where the buffer does is cut off, maybe: not taken. */
	for (int extra = -2; extra <= 1; extra++) {
		memset(line, 0, sizeof(line));
		size_t path = (size_t)(254 + extra), n = 2;
		memcpy(line, "#!", 2);
		/* /dir//////p */
		memcpy(line + n, dir, d);
		memset(line + n + d, '/', path - d - 1);
		line[n + path - 1] = 'p';
		write_file("--s", line, n + path, 0755);
		int st = IN_CHILD(execve("--s", argv, no_env); _exit(100 + (errno == ENOEXEC)));
		CHECK(EXITED(st, extra < 0 ? 2 : 101));
		/* With a blank behind it it is whole as long as that is seen. */
		line[n + path] = ' ';
		write_file("--s", line, n + path + 1, 0755);
		st = IN_CHILD(execve("--s", argv, no_env); _exit(100 + (errno == ENOEXEC)));
		CHECK(EXITED(st, extra < 0 ? 2 : 101));
	}
	/* An argument may be cut off. */
	memset(line, 'b', sizeof(line));
	memcpy(line, "#!./p --comm ", 13);
	write_file("s", line, sizeof(line), 0755);
	CHECK(EXITED(IN_CHILD(execve("./s", argv, no_env); _exit(99)), 3));
}

struct elf {
	Elf64_Ehdr h;
	Elf64_Phdr p[80];
	char rest[8192];
};
static int try_elf(const struct elf *f)
{
	int fd = open("elf", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	CHECK(fd >= 0 && write(fd, f, sizeof(*f)) == (ssize_t)sizeof(*f));
	close(fd);
	int st = IN_CHILD({
		struct rlimit none = { 0, 0 };
		setrlimit(RLIMIT_CORE, &none);
		execve("./elf", no_env, no_env);
		_exit(100 + errno);
	});
	return WIFSIGNALED(st) ? -WTERMSIG(st) : WEXITSTATUS(st) - 100;
}
/* exit(7) at the start of rest[] */
static const unsigned char leave[] = { 0xb8, 0x3c, 0, 0, 0, 0xbf, 0x7, 0, 0, 0, 0x0f, 0x05 };
static void begin_elf(struct elf *f)
{
	memset(f, 0, sizeof(*f));
	memcpy(f->h.e_ident, "\177ELF\2\1\1", 7);
	f->h.e_type = ET_EXEC;
	f->h.e_machine = 62;
	f->h.e_phoff = offsetof(struct elf, p);
	f->h.e_phentsize = 56;
	f->h.e_phnum = 1;
	f->h.e_entry = 0x400000 + offsetof(struct elf, rest);
	f->p[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_vaddr = 0x400000, .p_filesz = sizeof(*f), .p_memsz = sizeof(*f), .p_flags = PF_R | PF_X };
	memcpy(f->rest, leave, sizeof(leave));
}
#define RAN (7 - 100)
static void headers_at_their_limits(void)
{
	static struct elf f;
	begin_elf(&f);
	CHECK(try_elf(&f) == RAN);
	/* As many headers as a page holds. */
	f.h.e_phnum = 73;
	CHECK(try_elf(&f) == RAN);
	f.h.e_phnum = 74;
	CHECK(try_elf(&f) == ENOEXEC || !in_machine()); /* 64 KiB since Linux 6.14 */
	f.h.e_phnum = 0;
	CHECK(try_elf(&f) == ENOEXEC);
	begin_elf(&f);
	f.h.e_phentsize = 57;
	CHECK(try_elf(&f) == ENOEXEC);
	/* What nobody looks at. */
	begin_elf(&f);
	f.h.e_ident[EI_CLASS] = f.h.e_ident[EI_DATA] = f.h.e_ident[EI_VERSION] = 77;
	f.h.e_version = 99;
	f.h.e_ehsize = 1;
	f.h.e_flags = ~0u;
	CHECK(try_elf(&f) == RAN);
	/* An interpreter's name: two bytes to a page, with a NUL at its end. */
	static const unsigned sizes[] = { 0, 1, 4097 };
	for (size_t i = 0; i < NELEM(sizes); i++) {
		begin_elf(&f);
		f.h.e_phnum = 2;
		f.p[1] = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = offsetof(struct elf, rest) + 512, .p_filesz = sizes[i] };
		CHECK(try_elf(&f) == ENOEXEC);
	}
	f.p[1].p_filesz = 4;
	memcpy(f.rest + 512, "/tmp", 5);
	CHECK(try_elf(&f) == ENOEXEC);
	f.p[1].p_filesz = 5;
	CHECK(try_elf(&f) == EACCES);
	/* Only the first one counts. */
	f.h.e_phnum = 3;
	f.p[2] = f.p[1];
	memcpy(f.rest + 600, "/nowhere", 9);
	f.p[1] = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = offsetof(struct elf, rest) + 600, .p_filesz = 9 };
	CHECK(try_elf(&f) == ENOENT);
	/* A name beyond the file's end. */
	f.p[1].p_offset = sizeof(f) - 4;
	CHECK(try_elf(&f) == EIO);
}
/* Mappings below vm.mmap_min_addr are for the privileged: others die of them. */
static void low_segments(void)
{
	static struct elf f;
	char min[16] = "";
	int fd = open("/proc/sys/vm/mmap_min_addr", O_RDONLY | O_CLOEXEC);
	if (geteuid() || read(fd, min, sizeof(min) - 1) <= 0 || atoi(min) <= 0x1000)
		check_skip("not root, or no address is low");
	begin_elf(&f);
	f.p[0].p_vaddr = 0x1000;
	f.h.e_entry = 0x1000 + offsetof(struct elf, rest);
	CHECK(try_elf(&f) == RAN);
	CHECK(EXITED(IN_CHILD({
		CHECK(chmod(".", 0777) == 0 && chmod("elf", 0755) == 0);
		CHECK(setresuid(4711, 4711, 4711) == 0);
		int st = IN_CHILD(execve("./elf", no_env, no_env); _exit(99));
		CHECK(KILLED(st, SIGSEGV));
	}),
		0));
}
/* Zeroes behind a segment's data: to the end of its page in the file's own page, then in pages of their own, writable whatever the segment is. */
static void zeroes_behind_data(void)
{
	static struct elf f;
	static const unsigned char code[] = {
		0x8a, 0x04, 0x25, 0x00, 0x38, 0x60, 0x00, /* mov al, [0x603800]: behind the data, the same page */
		0x0a, 0x04, 0x25, 0x00, 0x48, 0x60, 0x00, /* or al, [0x604800]: the next */
		0xc6, 0x04, 0x25, 0x00, 0x48, 0x60, 0x00, 0x01, /* mov byte [0x604800], 1 */
		0x0f, 0xb6, 0xf8, 0x83, 0xc7, 0x07, 0xb8, 0x3c, 0, 0, 0, 0x0f, 0x05, /* movzx edi, al; add edi, 7; exit */
	};
	for (int writable = 0; writable < 2; writable++) {
		begin_elf(&f);
		memset(f.rest, 0x55, sizeof(f.rest));
		memcpy(f.rest, code, sizeof(code));
		f.h.e_phnum = 2;
		/* The file's page 1 at 0x603000, 0x700 bytes of it. */
		f.p[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
			.p_offset = 0x1000 * 2,
			.p_vaddr = 0x603000,
			.p_filesz = 0x700,
			.p_memsz = 0x2000,
			.p_flags = PF_R | (writable ? PF_W : 0) };
		int r = try_elf(&f);
		/* A segment that cannot be written keeps the file's bytes there. */
		CHECK(r == (writable ? RAN : RAN + 0x55));
	}
}

/* --- what goes with the old program ------------------------------------------------------------------------------------------------------ */

/* Signals of timers that are gone are gone, those of others stay. */
static void signals_of_timers(void)
{
	CHECK(EXITED(IN_CHILD({
		sigset_t s;
		timer_t id;
		struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1 };
		struct itimerspec t = { .it_value = { 0, 1000 } };
		sigfillset(&s);
		sigprocmask(SIG_BLOCK, &s, NULL);
		CHECK(timer_create(CLOCK_MONOTONIC, &ev, &id) == 0 && timer_settime(id, 0, &t, NULL) == 0);
		CHECK(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){ .sival_int = 1 }) == 0 && kill(getpid(), SIGUSR1) == 0);
		do {
			CHECK(sigpending(&s) == 0);
		} while (!sigismember(&s, SIGRTMIN + 1));
		execl("/proc/self/exe", "x", "--pending", NULL);
	}),
		6));
}
static void async_io_contexts(void)
{
	aio_context_t ctx = 0;
	char id[32];
	if (syscall(SYS_io_setup, 4, &ctx) < 0)
		check_skip("no asynchronous I/O");
	snprintf(id, sizeof(id), "%lx", (unsigned long)ctx);
	CHECK(EXITED(IN_CHILD({
		aio_context_t mine = 0;
		CHECK(syscall(SYS_io_setup, 4, &mine) == 0);
		snprintf(id, sizeof(id), "%lx", (unsigned long)mine);
		execl("/proc/self/exe", "x", "--io", id, NULL);
	}),
		9));
	/* One's own is there. */
	struct io_event e;
	struct timespec none = { 0, 0 };
	CHECK(syscall(SYS_io_getevents, ctx, 0, 1, &e, &none) == 0);
}
static void take_lock(int fd)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	CHECK(fcntl(fd, F_SETLK, &l) == 0);
}
/* Locks of the process belong to its table of descriptors: when that was shared they stay with the other's; a close of any descriptor of the file ends them. */
static void locks_and_tables(void)
{
	CHECK(EXITED(IN_CHILD({
		int fd = open("f", O_RDWR | O_CREAT, 0600);
		CHECK(fd >= 0 && dup2(fd, 50) == 50);
		take_lock(50);
		execl("/proc/self/exe", "x", "--lock", "50", NULL);
	}),
		1));
	CHECK(EXITED(IN_CHILD({
		int fd = open("f", O_RDWR | O_CREAT, 0600);
		CHECK(fd >= 0 && dup2(fd, 50) == 50);
		take_lock(50);
		CHECK(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0);
		execl("/proc/self/exe", "x", "--lock", "50", NULL);
	}),
		0));
	CHECK(EXITED(IN_CHILD({
		int fd = open("f", O_RDWR | O_CREAT, 0600);
		CHECK(fd >= 0 && dup2(fd, 50) == 50);
		close(fd);
		take_lock(50);
		long other = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
		if (!other) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
		execl("/proc/self/exe", "x", "--lock", "50", NULL);
	}),
		3));
}
/* SECBIT_KEEP_CAPS is for one program; the other bits and what nobody changed stay. */
static void securebits(void)
{
	if (geteuid())
		check_skip("not root");
	CHECK(EXITED(IN_CHILD({
		CHECK(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS | SECBIT_NO_SETUID_FIXUP | SECBIT_KEEP_CAPS_LOCKED) == 0);
		execl("/proc/self/exe", "x", "--securebits", NULL);
	}),
		(SECBIT_NO_SETUID_FIXUP | SECBIT_KEEP_CAPS_LOCKED) & 0x7f));
}
/* Who runs with another user's rights already is secure, and not to be dumped, whatever the program. */
static void ids_that_differ(void)
{
	if (geteuid())
		check_skip("not root");
	CHECK(EXITED(IN_CHILD(execl("/proc/self/exe", "x", "--secure", NULL)), 2));
	CHECK(chmod(".", 0755) == 0);
	copy_self("prog", 0755);
	CHECK(EXITED(IN_CHILD(CHECK(setresuid(4711, 0, 0) == 0); execl("./prog", "x", "--secure", NULL)), 1));
	CHECK(EXITED(IN_CHILD(CHECK(setresuid(0, 4711, 0) == 0); execl("./prog", "x", "--secure", NULL)), 1));
	CHECK(EXITED(IN_CHILD(CHECK(setresgid(4711, 0, 0) == 0); execl("./prog", "x", "--secure", NULL)), 1));
	/* Saved ids count for nothing. */
	CHECK(EXITED(IN_CHILD(CHECK(setresuid(4711, 4711, 0) == 0); execl("./prog", "x", "--secure", NULL)), 2));
	/* A file that may not be read. */
	CHECK(chmod("prog", 0711) == 0);
	CHECK(EXITED(IN_CHILD(CHECK(setresuid(4711, 4711, 4711) == 0); execl("./prog", "x", "--secure", NULL)), 0));
}
/* Its name: of the path as given, of the file where there is none; fifteen bytes. */
static void names(void)
{
	copy_self("a-name-that-is-too-long", 0755);
	CHECK(EXITED(IN_CHILD(execl("./a-name-that-is-too-long", "other", "--comm", "a-name-that-is-", NULL)), 3));
	CHECK(symlink("a-name-that-is-too-long", "link") == 0);
	CHECK(EXITED(IN_CHILD(execl("./link", "other", "--comm", "link", NULL)), 3));
	int fd = open("link", O_RDONLY);
	char *argv[] = { "x", "--comm", "a-name-that-is-", NULL };
	int st = IN_CHILD(syscall(SYS_execveat, fd, "", argv, no_env, AT_EMPTY_PATH));
	if (!EXITED(st, 3)) {
		/* Kernels before 6.14 name it by the descriptor. */
		char nr[16];
		snprintf(nr, sizeof(nr), "%d", fd);
		argv[2] = nr;
		st = IN_CHILD(syscall(SYS_execveat, fd, "", argv, no_env, AT_EMPTY_PATH));
	}
	CHECK(EXITED(st, 3));
}

CASES(CASE(the_budget), CASE(room_of_nothing), CASE(scripts_need_room), CASE(the_sixth_is_opened), CASE(lines_of_256_bytes),
	CASE(headers_at_their_limits), CASE(low_segments), CASE(zeroes_behind_data), CASE(signals_of_timers), CASE(async_io_contexts),
	CASE(locks_and_tables), CASE(securebits), CASE(ids_that_differ), CASE(names))
