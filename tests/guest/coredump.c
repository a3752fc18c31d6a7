/* Core dumps: where they go, what is in them, who leaves none. */
static int helper(int argc, char **argv);
#define HELPER(argc, argv) helper(argc, argv)
#include "check.h"
#include <elf.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/procfs.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#define PATTERN "/proc/sys/kernel/core_pattern"
static volatile char marker[] = "pando core marker: find me in the dump";

/* The program at the other end of a pattern with `|`: --to FILE ARG: what it was given, then the dump; --sleep FILE: reads nothing; --take FILE:
 * reads all, makes FILE and waits for FILE.go. */
static int helper(int argc, char **argv)
{
	char buf[65536];
	ssize_t n;
	if (argc < 3)
		return 1;
	if (!strcmp(argv[1], "--sleep")) {
		write_file(argv[2], "up", 2, 0600);
		sleep(20);
		return 0;
	}
	if (!strcmp(argv[1], "--take")) {
		char go[300];
		snprintf(go, sizeof(go), "%s.go", argv[2]);
		while (read(0, buf, sizeof(buf)) > 0)
			;
		write_file(argv[2], "up", 2, 0600);
		for (int i = 0; i < 20000 && access(go, F_OK); i++)
			msleep(1);
		return 0;
	}
	int fd = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0600);
	while ((n = read(0, buf, sizeof(buf))) > 0)
		if (write(fd, buf, (size_t)n) != n)
			return 1;
	char done[300];
	snprintf(done, sizeof(done), "%s.done", argv[2]);
	write_file(done, argc > 3 ? argv[3] : "", argc > 3 ? strlen(argv[3]) : 0, 0600);
	return 0;
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		check_skip("not root, or the settings are not ours");
	close(fd);
}
static void limit(rlim_t n)
{
	struct rlimit r = { n, RLIM_INFINITY };
	CHECK(setrlimit(RLIMIT_CORE, &r) == 0);
}
static void start(const char *pattern)
{
	put(PATTERN, pattern);
	put("/proc/sys/kernel/core_uses_pid", "0");
	limit(RLIM_INFINITY);
}
/* Dumps go to this program, as `--HOW FILE`, FILE in the case's directory. A pattern has 127 characters: hence the links. */
#define PIPE_PROGRAM "/tmp/coredump-p"
#define PIPE_DIRECTORY "/tmp/coredump-d"
static void pipe_to_helper(const char *how, const char *file)
{
	char exe[300], dir[300], pattern[128];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	CHECK(n > 0 && getcwd(dir, sizeof(dir)));
	exe[n] = 0;
	unlink(PIPE_PROGRAM);
	unlink(PIPE_DIRECTORY);
	CHECK(symlink(exe, PIPE_PROGRAM) == 0 && symlink(dir, PIPE_DIRECTORY) == 0);
	CHECK(snprintf(pattern, sizeof(pattern), "|" PIPE_PROGRAM " %s " PIPE_DIRECTORY "/%s", how, file) < (int)sizeof(pattern));
	put(PATTERN, pattern);
}
static void pipe_no_more(void)
{
	put(PATTERN, "core");
	unlink(PIPE_PROGRAM);
	unlink(PIPE_DIRECTORY);
}
static int dumped(int st, int sig) { return WIFSIGNALED(st) && WTERMSIG(st) == sig && WCOREDUMP(st); }

/* --- reading a core ---------------------------------------------------------------------------------------------------------------------- */

static char *core;
static size_t core_size;
static void load(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY);
	CHECK(fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 4096);
	core_size = (size_t)st.st_size;
	core = mmap(NULL, core_size, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(core != MAP_FAILED);
	close(fd);
}
static Elf64_Ehdr *ehdr(void) { return (void *)core; }
static Elf64_Phdr *phdr(int i) { return (Elf64_Phdr *)(core + ehdr()->e_phoff) + i; }
/* The n-th note of a type (any: 0): its data, or NULL. */
static void *note(unsigned type, int n, unsigned *size, unsigned *found)
{
	CHECK(phdr(0)->p_type == PT_NOTE);
	char *p = core + phdr(0)->p_offset, *end = p + phdr(0)->p_filesz;
	while (p < end) {
		Elf64_Nhdr *h = (void *)p;
		char *data = p + sizeof(*h) + ((h->n_namesz + 3) & ~3u);
		if ((!type || h->n_type == type) && n-- == 0) {
			if (size)
				*size = h->n_descsz;
			if (found)
				*found = h->n_type;
			return data;
		}
		p = data + ((h->n_descsz + 3) & ~3u);
	}
	return NULL;
}
/* The bytes at an address of the dead process, or NULL when they are not in the dump. */
static const char *at(const volatile void *addr)
{
	uintptr_t a = (uintptr_t)addr;
	for (int i = 1; i < ehdr()->e_phnum; i++)
		if (phdr(i)->p_type == PT_LOAD && a >= phdr(i)->p_vaddr && a < phdr(i)->p_vaddr + phdr(i)->p_filesz &&
			phdr(i)->p_offset + (a - phdr(i)->p_vaddr) < core_size)
			return core + phdr(i)->p_offset + (a - phdr(i)->p_vaddr);
	return NULL;
}

/* --- cases ------------------------------------------------------------------------------------------------------------------------------- */

static void a_core_file(void)
{
	struct stat sb;
	siginfo_t si;
	start("core");
	pid_t pid = fork();
	if (!pid) {
		marker[0] = 'P';
		abort();
	}
	CHECK(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT) == 0);
	CHECK(si.si_code == CLD_DUMPED && si.si_status == SIGABRT);
	CHECK(dumped(reap(pid), SIGABRT));
	CHECK(stat("core", &sb) == 0 && (sb.st_mode & 07777) == 0600 && S_ISREG(sb.st_mode) && sb.st_uid == getuid());
	load("core");
	Elf64_Ehdr *h = ehdr();
	CHECK(!memcmp(h->e_ident, ELFMAG, SELFMAG) && h->e_type == ET_CORE && h->e_machine == EM_X86_64 && h->e_phentsize == sizeof(Elf64_Phdr));
	CHECK(at(marker) && !memcmp(at(marker), "Pando core marker", 17));
	Elf64_Phdr *last = phdr(h->e_phnum - 1);
	CHECK(last->p_offset + last->p_filesz <= core_size && last->p_offset % 4096 == 0);
}

static int is_6_12(void)
{
	struct utsname u;
	CHECK(uname(&u) == 0);
	return !strncmp(u.release, "6.12.", 5);
}
static void the_notes(void)
{
	unsigned size, type;
	start("core");
	pid_t pid = fork();
	if (!pid) {
		prctl(PR_SET_NAME, "dumper");
		raise(SIGQUIT);
		_exit(1);
	}
	CHECK(dumped(reap(pid), SIGQUIT));
	load("core");
	static const unsigned order[] = { NT_PRSTATUS, NT_PRPSINFO, NT_SIGINFO, NT_AUXV, NT_FILE, NT_PRFPREG };
	for (unsigned i = 0; i < NELEM(order); i++)
		CHECK(note(0, (int)i, &size, &type) && type == order[i]);
	struct elf_prstatus *st = note(NT_PRSTATUS, 0, &size, NULL);
	CHECK(size == sizeof(*st) && st->pr_pid == pid && st->pr_ppid == getpid() && st->pr_cursig == SIGQUIT && st->pr_info.si_signo == SIGQUIT);
	CHECK(st->pr_pgrp == getpgrp() && st->pr_sid == getsid(0));
	struct elf_prpsinfo *ps = note(NT_PRPSINFO, 0, &size, NULL);
	CHECK(size == sizeof(*ps) && ps->pr_pid == pid && !strcmp(ps->pr_fname, "dumper") && strstr(ps->pr_psargs, "coredump"));
	CHECK(ps->pr_sname == 'R' && ps->pr_uid == getuid());
	siginfo_t *si = note(NT_SIGINFO, 0, &size, NULL);
	CHECK(size == sizeof(*si) && si->si_signo == SIGQUIT && si->si_pid == pid && si->si_code == SI_TKILL);
	Elf64_auxv_t *av = note(NT_AUXV, 0, &size, NULL);
	CHECK(size % sizeof(*av) == 0 && av[size / sizeof(*av) - 1].a_type == AT_NULL);
	/* (count, page size, start, end, offset ...), then the names */
	unsigned long *files = note(NT_FILE, 0, &size, NULL);
	CHECK(files[0] >= 2 && files[1] == 4096);
	char exe[300];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	CHECK(n > 0);
	exe[n] = 0;
	CHECK(!strcmp((char *)(files + 2 + files[0] * 3), exe));
	CHECK(note(NT_PRFPREG, 0, &size, NULL) && size == 512);
	unsigned xsize = 0, n_parts;
	if (note(NT_X86_XSTATE, 0, &xsize, NULL))
		CHECK(xsize >= 576);
	/* The parts of that, one after the other, behind all other notes. */
	const struct {
		unsigned type, size, offset, flags;
	} *part = note(0x205 /* NT_X86_XSAVE_LAYOUT */, 0, &n_parts, NULL);
	if (is_6_12())
		CHECK(xsize <= 576 || part);
	for (unsigned i = 0; part && i < n_parts / sizeof(*part); i++)
		CHECK(part[i].type >= 2 && part[i].size && part[i].offset >= 576 && part[i].offset + part[i].size <= xsize);
	/* The kernel's own code and data are in it. */
	CHECK(at((void *)getauxval(AT_SYSINFO_EHDR)) && !memcmp(at((void *)getauxval(AT_SYSINFO_EHDR)), ELFMAG, SELFMAG));
}

static void registers_of_a_fault(void)
{
	start("core");
	pid_t pid = fork();
	if (!pid) {
		__asm__ volatile("movq $0x1122334455667788, %%r12\n movq $0x99aabbccddeeff00, %%r13\n movq $16, %%rax\n movb $1, (%%rax)" ::
							 : "rax", "r12", "r13");
		_exit(1);
	}
	CHECK(dumped(reap(pid), SIGSEGV));
	load("core");
	struct elf_prstatus *st = note(NT_PRSTATUS, 0, NULL, NULL);
	/* r15 r14 r13 r12 ... */
	CHECK(st->pr_reg[3] == 0x1122334455667788 && st->pr_reg[2] == 0x99aabbccddeeff00 && st->pr_reg[10] == 16);
	const unsigned char *ip = (const void *)at((void *)st->pr_reg[16]);
	CHECK(!ip); /* program text is in the file */
	siginfo_t *si = note(NT_SIGINFO, 0, NULL, NULL);
	CHECK(si->si_addr == (void *)16 && si->si_code == SEGV_MAPERR);
	CHECK(at((void *)st->pr_reg[19])); /* the stack */
}

static void *thread_waits(void *arg)
{
	SHARED[(long)arg] = (int)syscall(SYS_gettid);
	for (;;)
		pause();
	return NULL;
}
static void every_thread(void)
{
	pthread_t t;
	start("core");
	pid_t pid = fork();
	if (!pid) {
		for (long i = 1; i <= 3; i++)
			CHECK(pthread_create(&t, NULL, thread_waits, (void *)i) == 0);
		for (int i = 1; i <= 3; i++)
			while (!SHARED[i])
				sched_yield();
		abort();
	}
	CHECK(dumped(reap(pid), SIGABRT));
	load("core");
	CHECK(!note(NT_PRSTATUS, 4, NULL, NULL) && note(NT_PRSTATUS, 3, NULL, NULL) && note(NT_PRFPREG, 3, NULL, NULL));
	int seen = 0;
	for (int i = 0; i < 4; i++) {
		struct elf_prstatus *st = note(NT_PRSTATUS, i, NULL, NULL);
		for (int j = 1; j <= 3; j++)
			seen |= (st->pr_pid == SHARED[j]) << j;
		if (i) /* in pause */
			CHECK((long)st->pr_reg[15] == SYS_pause && at((void *)st->pr_reg[19]));
		else
			CHECK(st->pr_pid == pid);
	}
	CHECK(seen == 0xe);
}

static void *thread_dies(void *arg) { abort(); }
static void not_the_leader(void)
{
	pthread_t t;
	start("core");
	pid_t pid = fork();
	if (!pid) {
		CHECK(pthread_create(&t, NULL, thread_dies, NULL) == 0);
		for (;;)
			pause();
	}
	CHECK(dumped(reap(pid), SIGABRT));
	load("core");
	struct elf_prstatus *a = note(NT_PRSTATUS, 0, NULL, NULL), *b = note(NT_PRSTATUS, 1, NULL, NULL);
	CHECK(a && b && a->pr_pid != pid && b->pr_pid == pid);
}

static void limits(void)
{
	start("core");
	limit(0);
	CHECK(IN_CHILD(abort()) == SIGABRT);
	limit(4095);
	CHECK(IN_CHILD(abort()) == SIGABRT);
	CHECK(access("core", F_OK) < 0 && errno == ENOENT);
	/* A dump that is cut off is one all the same. */
	limit(8192);
	CHECK(dumped(IN_CHILD(abort()), SIGABRT));
	struct stat st;
	CHECK(stat("core", &st) == 0 && st.st_size <= 8192);
}

static void not_dumpable(void)
{
	start("core");
	CHECK(IN_CHILD(prctl(PR_SET_DUMPABLE, 0); abort()) == SIGABRT);
	CHECK(access("core", F_OK) < 0);
	CHECK(dumped(IN_CHILD(prctl(PR_SET_DUMPABLE, 0); prctl(PR_SET_DUMPABLE, 1); abort()), SIGABRT));
}

static void other_signals_leave_none(void)
{
	start("core");
	CHECK(IN_CHILD(raise(SIGTERM)) == SIGTERM);
	CHECK(IN_CHILD(raise(SIGKILL)) == SIGKILL);
	CHECK(access("core", F_OK) < 0);
	static const int sigs[] = { SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGFPE, SIGBUS, SIGSEGV, SIGSYS, SIGXCPU, SIGXFSZ };
	for (unsigned i = 0; i < NELEM(sigs); i++)
		CHECK(dumped(IN_CHILD(raise(sigs[i])), sigs[i]));
}

static void names(void)
{
	char want[128];
	start("c.%p.%i.%s.%e.%u.%%.%Z.%d");
	pid_t pid = fork();
	if (!pid) {
		prctl(PR_SET_NAME, "a/b");
		abort();
	}
	CHECK(dumped(reap(pid), SIGABRT));
	snprintf(want, sizeof(want), "c.%d.%d.6.a!b.0.%%..1", pid, pid);
	CHECK(access(want, F_OK) == 0);
	put("/proc/sys/kernel/core_uses_pid", "1");
	put(PATTERN, "with-pid");
	pid = fork();
	if (!pid)
		abort();
	CHECK(dumped(reap(pid), SIGABRT));
	put("/proc/sys/kernel/core_uses_pid", "0");
	snprintf(want, sizeof(want), "with-pid.%d", pid);
	CHECK(access(want, F_OK) == 0);
	/* A directory that is not there. */
	put(PATTERN, "none/core");
	CHECK(IN_CHILD(abort()) == SIGABRT);
}

static void what_is_in_the_way(void)
{
	struct stat st;
	start("core");
	write_file("victim", "precious", 8, 0644);
	CHECK(symlink("victim", "core") == 0);
	CHECK(dumped(IN_CHILD(abort()), SIGABRT));
	CHECK(stat("victim", &st) == 0 && st.st_size == 8);
	CHECK(lstat("core", &st) == 0 && S_ISREG(st.st_mode));
	/* An old core is replaced, one with two names too. */
	CHECK(link("core", "second") == 0);
	ino_t old = st.st_ino;
	CHECK(dumped(IN_CHILD(abort()), SIGABRT));
	CHECK(lstat("core", &st) == 0 && st.st_ino != old && st.st_nlink == 1);
	CHECK(unlink("core") == 0 && mkdir("core", 0700) == 0);
	CHECK(IN_CHILD(abort()) == SIGABRT);
}

static char *anon, *shared, *advised, *mapped;
static void make_maps(void)
{
	anon = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	advised = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	write_file("data", "file data", 10, 0600);
	int fd = open("data", O_RDWR);
	mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(anon != MAP_FAILED && shared != MAP_FAILED && advised != MAP_FAILED && mapped != MAP_FAILED);
	strcpy(anon, "anonymous");
	strcpy(shared, "shared");
	strcpy(advised, "advised");
	CHECK(madvise(advised, 4096, MADV_DONTDUMP) == 0);
}
static void filter(const char *bits)
{
	put("/proc/self/coredump_filter", bits);
	abort();
}
static void the_filter(void)
{
	char now[20] = "";
	start("core");
	make_maps();
	int fd = open("/proc/self/coredump_filter", O_RDONLY);
	CHECK(fd >= 0 && read(fd, now, sizeof(now) - 1) == 9 && !strcmp(now, "00000033\n"));
	CHECK(dumped(IN_CHILD(abort()), SIGABRT));
	load("core");
	CHECK(at(anon) && !strcmp(at(anon), "anonymous") && at(shared) && !strcmp(at(shared), "shared"));
	CHECK(!at(advised) && !at(mapped));
	CHECK(dumped(IN_CHILD(filter("0x8")), SIGABRT));
	load("core");
	CHECK(!at(anon) && !at(shared) && at(mapped) && !strcmp(at(mapped), "file data"));
	CHECK(dumped(IN_CHILD(filter("1")), SIGABRT));
	load("core");
	CHECK(at(anon) && !at(shared) && !at(mapped));
	/* The program's own header. */
	extern const char __ehdr_start[];
	CHECK(!at(__ehdr_start));
	CHECK(dumped(IN_CHILD(filter("0x10")), SIGABRT));
	load("core");
	CHECK(at(__ehdr_start) && !memcmp(at(__ehdr_start), ELFMAG, SELFMAG) && !at(anon));
}

static void holes(void)
{
	struct stat st;
	start("core");
	char *big = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(big != MAP_FAILED);
	big[63 << 20] = 'x';
	CHECK(dumped(IN_CHILD(abort()), SIGABRT));
	load("core");
	CHECK(stat("core", &st) == 0 && st.st_size > 64 << 20 && st.st_blocks * 512L < 16 << 20);
	CHECK(at(big + (63 << 20)) && *at(big + (63 << 20)) == 'x' && *at(big) == 0);
}

static void wait_for(const char *path)
{
	while (access(path, F_OK) < 0)
		msleep(5);
}
static void to_a_program(void)
{
	char args[64] = "", want[64];
	pipe_to_helper("--to", "piped %p-%e-%s");
	/* The limit does not count here; 1 marks the programs themselves. */
	limit(0);
	marker[0] = 'P';
	pid_t pid = fork();
	if (!pid) {
		prctl(PR_SET_NAME, "two words");
		abort();
	}
	CHECK(dumped(reap(pid), SIGABRT));
	wait_for("piped.done");
	int fd = open("piped.done", O_RDONLY);
	CHECK(fd >= 0 && read(fd, args, sizeof(args) - 1) > 0);
	snprintf(want, sizeof(want), "%d-two words-6", pid);
	CHECK(!strcmp(args, want));
	load("piped");
	CHECK(at(marker) && !memcmp(at(marker), "Pando core marker", 17));
	CHECK(((struct elf_prstatus *)note(NT_PRSTATUS, 0, NULL, NULL))->pr_pid == pid);
	limit(1);
	CHECK(IN_CHILD(abort()) == SIGABRT);
	put(PATTERN, "|/nonexistent/program");
	limit(0);
	CHECK(IN_CHILD(abort()) == SIGABRT);
	pipe_no_more();
}

static void sigkill_breaks_off(void)
{
	pipe_to_helper("--sleep", "up");
	limit(RLIM_INFINITY);
	pid_t pid = fork();
	if (!pid)
		abort();
	wait_for("up");
	msleep(50);
	CHECK(waitpid(pid, NULL, WNOHANG) == 0);
	/* Everything else is too late. */
	CHECK(kill(pid, SIGTERM) == 0);
	msleep(20);
	CHECK(waitpid(pid, NULL, WNOHANG) == 0);
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(reap(pid) == SIGKILL);
	pipe_no_more();
}
/* The dump is written and its program is waited for (core_pipe_limit): killed then, it has left no core, either. */
static void sigkill_when_it_is_written(void)
{
	struct stat sb;
	pipe_to_helper("--take", "up");
	put("/proc/sys/kernel/core_pipe_limit", "4");
	limit(RLIM_INFINITY);
	for (int killed = 0; killed < 2; killed++) {
		unlink("up");
		unlink("up.go");
		pid_t pid = fork();
		if (!pid)
			abort();
		wait_for("up");
		msleep(30);
		CHECK(waitpid(pid, NULL, WNOHANG) == 0);
		if (killed)
			CHECK(kill(pid, SIGKILL) == 0 && reap(pid) == SIGKILL);
		write_file("up.go", "", 0, 0600);
		if (!killed)
			CHECK(dumped(reap(pid), SIGABRT));
		CHECK(stat("up", &sb) == 0);
		msleep(30);
	}
	put("/proc/sys/kernel/core_pipe_limit", "0");
	pipe_no_more();
}

/* A program whose image cannot be mapped dies of it, and there is nothing to dump. */
static void a_program_that_never_began(void)
{
	struct {
		Elf64_Ehdr e;
		Elf64_Phdr p;
	} bad = {
		.e = { .e_ident = "\177ELF\2\1\1", .e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = 1, .e_phoff = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1, .e_ehsize = sizeof(Elf64_Ehdr), .e_entry = 0x10000000 },
		.p = { .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = 0x10000000, .p_filesz = sizeof(bad), .p_memsz = 10, .p_align = 4096 },
	};
	start("core");
	write_file("bad", &bad, sizeof(bad), 0755);
	unlink("core");
	pid_t pid = fork();
	if (!pid) {
		execv("bad", (char *[]){ "bad", NULL });
		_exit(1);
	}
	CHECK(reap(pid) == SIGSEGV && access("core", F_OK) != 0);
}

CASES(CASE(a_core_file), CASE(the_notes), CASE(registers_of_a_fault), CASE(every_thread), CASE(not_the_leader), CASE(limits), CASE(not_dumpable),
	CASE(other_signals_leave_none), CASE(names), CASE(what_is_in_the_way), CASE(the_filter), CASE(holes), CASE(to_a_program), CASE(a_program_that_never_began),
	CASE(sigkill_breaks_off), CASE(sigkill_when_it_is_written))
