/* execve: programs made here byte by byte. Which of them are refused, which are killed, where their parts lie, what the stack, the vector and the registers
 * hold at their first instruction. */
#include "check.h"
#include <elf.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/utsname.h>

/* The program: puts its registers on the stack, asks where the heap begins, says on descriptor 100 that it runs, and waits. */
__asm__(
	".text\nblob_start:\n"
	"\tpush %rax\n\tpush %rbx\n\tpush %rcx\n\tpush %rdx\n\tpush %rsi\n\tpush %rdi\n\tpush %rbp\n\tpush %r8\n\tpush %r9\n\tpush %r10\n\tpush %r11\n"
	"\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush %r15\n\tpushfq\n"
	"\tmov %ds, %eax\n\tmov %es, %ecx\n\tor %ecx, %eax\n\tmov %fs, %ecx\n\tor %ecx, %eax\n\tmov %gs, %ecx\n\tor %ecx, %eax\n\tpush %rax\n"
	"\tpush $0\n\tstmxcsr (%rsp)\n\tfnstcw 4(%rsp)\n"
	"\tmov $12, %eax\n\txor %edi, %edi\n\tsyscall\n\tpush %rax\n"
	"\tmov $1, %eax\n\tmov $100, %edi\n\tmov %rsp, %rsi\n\tmov $1, %edx\n\tsyscall\n"
	"1:\tmov $34, %eax\n\tsyscall\n\tjmp 1b\nblob_end:\n.previous\n");
extern const char blob_start[], blob_end[];
#define PUSHED 19
struct image {
	Elf64_Ehdr e;
	Elf64_Phdr p[80];
	char text[256];
	char rest[8192];
};
static struct image f;
#define TEXT offsetof(struct image, text)
/* One segment, readable and executable, with all that is in the file. */
static void begin(int type, uint64_t base)
{
	memset(&f, 0, sizeof(f));
	f.e = (Elf64_Ehdr){ .e_ident = "\177ELF\2\1\1",
		.e_type = (Elf64_Half)type,
		.e_machine = EM_X86_64,
		.e_version = 1,
		.e_phoff = sizeof(f.e),
		.e_phentsize = 56,
		.e_phnum = 1,
		.e_ehsize = 64,
		.e_entry = base + TEXT };
	f.p[0] =
		(Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = base, .p_filesz = TEXT + 256, .p_memsz = TEXT + 256, .p_align = 4096 };
	memcpy(f.text, blob_start, (size_t)(blob_end - blob_start));
	memset(f.rest, 'r', sizeof(f.rest));
}
static Elf64_Phdr *add(void) { return &f.p[f.e.e_phnum++]; }
static void add_interp(const char *path)
{
	strcpy(f.rest, path);
	*add() = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = offsetof(struct image, rest), .p_filesz = strlen(path) + 1 };
}
static void put(const char *name) { write_file(name, &f, sizeof(f), 0755); }

static char *const args[] = { "zero", "one", NULL };
static char *const env[] = { "A=1", "LONGER=two", NULL };
/* What execve says of the program as it stands. */
static int refused(void)
{
	put("prog");
	errno = 0;
	int st = IN_CHILD({
		execve("./prog", args, env);
		_exit(errno);
	});
	return WIFEXITED(st) ? WEXITSTATUS(st) : -WTERMSIG(st);
}
#define DIES_OF(sig) (-(sig))

/* Starts a program and waits until it runs. */
static pid_t start_as(const char *name, unsigned long persona, void (*before)(void))
{
	int fds[2];
	char c;
	CHECK(pipe(fds) == 0);
	pid_t p = fork();
	if (!p) {
		CHECK(dup2(fds[1], 100) == 100);
		close(fds[0]);
		close(fds[1]);
		CHECK(personality(persona) != -1);
		if (before)
			before();
		execve(name, args, env);
		_exit(98);
	}
	close(fds[1]);
	CHECK(read(fds[0], &c, 1) == 1);
	close(fds[0]);
	return p;
}
static pid_t start(const char *name) { return start_as(name, ADDR_NO_RANDOMIZE, NULL); }
static void end(pid_t p)
{
	kill(p, SIGKILL);
	CHECK(KILLED(reap(p), SIGKILL));
}
static void peek(pid_t p, uint64_t at, void *buf, size_t n)
{
	struct iovec l = { buf, n }, r = { (void *)at, n };
	CHECK(process_vm_readv(p, &l, 1, &r, 1, 0) == (ssize_t)n);
}
static uint64_t word(pid_t p, uint64_t at)
{
	uint64_t v;
	peek(p, at, &v, sizeof(v));
	return v;
}
static int string_is(pid_t p, uint64_t at, const char *want)
{
	char buf[100];
	peek(p, at, buf, strlen(want) + 1);
	return !strcmp(buf, want);
}
static const char *text_of(pid_t p, const char *name)
{
	static char buf[1 << 16];
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", p, name);
	read_text(path, buf, sizeof(buf));
	return buf;
}
/* The stack pointer at the first instruction. */
static uint64_t first_sp(pid_t p)
{
	await_state(p, "S");
	const char *s = strrchr(text_of(p, "syscall"), ' ');
	CHECK(s);
	while (*--s != ' ')
		;
	return strtoull(s, NULL, 16) + PUSHED * 8;
}
static uint64_t heap_of(pid_t p) { return word(p, first_sp(p) - PUSHED * 8); }
/* The mapping at addr: its permissions, or "". */
static const char *perms(pid_t p, uint64_t addr, uint64_t *from, uint64_t *to)
{
	static char mode[8];
	unsigned long a, b;
	for (const char *s = text_of(p, "maps"); *s; s = strchr(s, '\n') + 1)
		if (sscanf(s, "%lx-%lx %4s", &a, &b, mode) == 3 && addr >= a && addr < b) {
			if (from)
				*from = a, *to = b;
			return mode;
		}
	return "";
}
static uint64_t named(pid_t p, const char *name, uint64_t *to)
{
	unsigned long a, b;
	const char *maps = text_of(p, "maps"), *s = strstr(maps, name);
	CHECK(s);
	while (s > maps && s[-1] != '\n')
		s--;
	CHECK(sscanf(s, "%lx-%lx", &a, &b) == 2);
	if (to)
		*to = b;
	return a;
}
static uint64_t aux(pid_t p, uint64_t type)
{
	for (const Elf64_auxv_t *a = (const void *)text_of(p, "auxv"); a->a_type; a++)
		if (a->a_type == type)
			return a->a_un.a_val;
	return ~0UL;
}

/* --- the start ------------------------------------------------------------------------------------------------------------------------------ */

static void registers_at_entry(void)
{
	begin(ET_EXEC, 0x10000000);
	put("prog");
	pid_t p = start("./prog");
	uint64_t sp = first_sp(p), r[PUSHED];
	CHECK(sp % 16 == 0);
	peek(p, sp - PUSHED * 8, r, sizeof(r));
	for (int i = 4; i < PUSHED; i++)
		CHECK(r[i] == 0);
	CHECK(r[3] == 0x202); /* flags */
	CHECK(r[2] == 0); /* data segments */
	CHECK((r[1] & 0xffffffff) == 0x1f80 && r[1] >> 32 == 0x37f);
	CHECK(r[0] >= 0x10000000 + sizeof(f) - sizeof(f.rest));
	end(p);
}

/* From the top: eight zero bytes, the path, the environment, the arguments, "x86_64", random bytes, the vector, the pointers. */
static void stack_from_top_to_bottom(void)
{
	begin(ET_EXEC, 0x10000000);
	put("prog");
	pid_t p = start("./prog");
	uint64_t sp = first_sp(p), top = 0x7ffffffff000, at = top - 8;
	CHECK(word(p, at) == 0);
	at -= strlen("./prog") + 1;
	CHECK(string_is(p, at, "./prog") && aux(p, AT_EXECFN) == at);
	at -= strlen("A=1") + 1 + strlen("LONGER=two") + 1;
	CHECK(string_is(p, at, "A=1") && string_is(p, at + 4, "LONGER=two"));
	uint64_t envs = at;
	at -= strlen("zero") + 1 + strlen("one") + 1;
	CHECK(string_is(p, at, "zero") && string_is(p, at + 5, "one"));
	CHECK(word(p, sp) == 2 && word(p, sp + 8) == at && word(p, sp + 16) == at + 5 && word(p, sp + 24) == 0);
	CHECK(word(p, sp + 32) == envs && word(p, sp + 40) == envs + 4 && word(p, sp + 48) == 0);
	uint64_t platform = aux(p, AT_PLATFORM), random = aux(p, AT_RANDOM);
	CHECK(platform == (at & ~15UL) - 7 && string_is(p, platform, "x86_64") && random == platform - 16);
	/* The vector follows, and is what /proc shows. */
	static const uint64_t order[] = { AT_SYSINFO_EHDR, 51, AT_HWCAP, AT_PAGESZ, AT_CLKTCK, AT_PHDR, AT_PHENT, AT_PHNUM, AT_BASE, AT_FLAGS, AT_ENTRY,
		AT_UID, AT_EUID, AT_GID, AT_EGID, AT_SECURE, AT_RANDOM, AT_HWCAP2, AT_EXECFN, AT_PLATFORM, 27, 28, AT_NULL };
	const Elf64_auxv_t *v = (const void *)text_of(p, "auxv");
	for (unsigned i = 0; i < NELEM(order); i++) {
		/* Later ones have more between these (AT_HWCAP3, AT_HWCAP4). */
		while (v->a_type != order[i] && (v->a_type == 29 || v->a_type == 30))
			v++;
		CHECK(v->a_type == order[i]);
		v++;
	}
	v = (const void *)text_of(p, "auxv");
	for (at = sp + 56; v->a_type; at += 16, v++)
		CHECK(word(p, at) == v->a_type && word(p, at + 8) == v->a_un.a_val);
	CHECK(
		aux(p, AT_PHDR) == 0x10000040 && aux(p, AT_PHNUM) == 1 && aux(p, AT_PHENT) == 56 && aux(p, AT_ENTRY) == f.e.e_entry && aux(p, AT_BASE) == 0);
	CHECK(aux(p, AT_FLAGS) == 0 && aux(p, AT_PAGESZ) == 4096 && aux(p, AT_CLKTCK) == 100 && aux(p, AT_SECURE) == 0 && aux(p, 51) >= 1000);
	CHECK(!memcmp(text_of(p, "cmdline"), "zero\0one", 9) && !memcmp(text_of(p, "environ"), "A=1\0LONGER=two", 15));
	end(p);
}

static void ids_of_the_own_user_namespace(void)
{
	if (geteuid())
		check_skip("needs root");
	begin(ET_EXEC, 0x10000000);
	put("prog");
	pid_t p = fork();
	if (!p) {
		if (unshare(CLONE_NEWUSER) < 0)
			check_skip("no user namespaces");
		int fd = open("/proc/self/uid_map", O_WRONLY);
		CHECK(fd >= 0 && write(fd, "7 0 1", 5) == 5);
		close(fd);
		fd = open("/proc/self/setgroups", O_WRONLY);
		CHECK(fd >= 0 && write(fd, "deny", 4) == 4);
		close(fd);
		fd = open("/proc/self/gid_map", O_WRONLY);
		CHECK(fd >= 0 && write(fd, "9 0 1", 5) == 5);
		close(fd);
		pid_t q = start("./prog");
		CHECK(aux(q, AT_UID) == 7 && aux(q, AT_EUID) == 7 && aux(q, AT_GID) == 9 && aux(q, AT_EGID) == 9 && aux(q, AT_SECURE) == 0);
		end(q);
		_exit(0);
	}
	CHECK(EXITED(reap(p), 0));
}

/* --- where things lie ------------------------------------------------------------------------------------------------------------------------- */

static void layout_without_chance(void)
{
	uint64_t a, b;
	/* A program at its own address; its heap behind its last segment. */
	begin(ET_EXEC, 0x10000000);
	*add() = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_vaddr = 0x10010000, .p_memsz = 0x12345, .p_align = 4096 };
	put("prog");
	pid_t p = start("./prog");
	CHECK(!strcmp(perms(p, 0x10000000, &a, &b), "r-xp") && a == 0x10000000 && b == 0x10002000);
	CHECK(!strcmp(perms(p, 0x10010000, &a, &b), "rw-p") && a == 0x10010000 && b == 0x10023000);
	CHECK(heap_of(p) == 0x10023000);
	CHECK(named(p, "[stack]", &b) == 0x7ffffffff000 - 0x21000 && b == 0x7ffffffff000);
	CHECK(named(p, "[vdso]", &b) && b == 0x7ffff7fff000);
	end(p);
	/* One that may lie anywhere, with an interpreter: two thirds up; the interpreter at the top of the mappings, the vDSO below it. */
	begin(ET_DYN, 0);
	put("interp");
	begin(ET_DYN, 0);
	add_interp("./interp");
	f.e.e_entry = 0x123;
	put("prog");
	p = start("./prog");
	CHECK(!strcmp(perms(p, 0x555555554000, &a, &b), "r-xp") && a == 0x555555554000);
	CHECK(aux(p, AT_PHDR) == 0x555555554040 && aux(p, AT_ENTRY) == 0x555555554123);
	CHECK(aux(p, AT_BASE) == 0x7ffff7ffd000 && heap_of(p) == 0x555555556000);
	CHECK(!strcmp(perms(p, 0x7ffff7ffd000, &a, &b), "r-xp") && b == 0x7ffff7fff000);
	CHECK(named(p, "[vdso]", &b) && b == 0x7ffff7ffd000);
	end(p);
	/* Without an interpreter: among the mappings. */
	begin(ET_DYN, 0);
	put("prog");
	p = start("./prog");
	CHECK(aux(p, AT_PHDR) == 0x7ffff7ffd040 && aux(p, AT_BASE) == 0 && aux(p, AT_ENTRY) == 0x7ffff7ffd000 + TEXT);
	end(p);
	/* A fixed interpreter. */
	begin(ET_EXEC, 0x20000000);
	put("interp");
	begin(ET_EXEC, 0x10000000);
	add_interp("./interp");
	put("prog");
	p = start("./prog");
	CHECK(!strcmp(perms(p, 0x20000000, &a, &b), "r-xp") && !strcmp(perms(p, 0x10000000, &a, &b), "r-xp") && aux(p, AT_ENTRY) == f.e.e_entry);
	CHECK(aux(p, AT_BASE) == 0);
	end(p);
}

static void alignment_of_the_image(void)
{
	begin(ET_DYN, 0);
	put("interp");
	for (int interp = 0; interp < 2; interp++) {
		begin(ET_DYN, 0);
		f.p[0].p_align = 0x200000;
		if (interp)
			add_interp("./interp");
		put("prog");
		pid_t p = start("./prog");
		CHECK(aux(p, AT_PHDR) % 0x200000 == 0x40);
		end(p);
	}
	/* No power of two: not counted. */
	begin(ET_DYN, 0);
	f.p[0].p_align = 0x300000;
	put("prog");
	pid_t p = start("./prog");
	CHECK(aux(p, AT_PHDR) == 0x7ffff7ffd040);
	end(p);
}

/* Each run is elsewhere: stack, mappings, program, heap. */
static void layout_by_chance(void)
{
	uint64_t sp[3], heap[3], pie[3], vdso[3];
	begin(ET_DYN, 0);
	put("interp");
	begin(ET_DYN, 0);
	add_interp("./interp");
	put("prog");
	for (int i = 0; i < 3; i++) {
		pid_t p = start_as("./prog", 0, NULL);
		sp[i] = first_sp(p), heap[i] = heap_of(p), pie[i] = aux(p, AT_PHDR), vdso[i] = aux(p, AT_SYSINFO_EHDR);
		CHECK(sp[i] % 16 == 0 && heap[i] % 4096 == 0 && sp[i] < 0x7ffffffff000 && sp[i] > 0x7ff000000000);
		CHECK(pie[i] > 0x550000000000 && pie[i] < 0x570000000000 && heap[i] > pie[i] && heap[i] < pie[i] + (1UL << 30) + 0x10000);
		end(p);
	}
	CHECK(sp[0] != sp[1] || sp[1] != sp[2]);
	CHECK(heap[0] - pie[0] != heap[1] - pie[1] || heap[1] - pie[1] != heap[2] - pie[2]);
	CHECK(pie[0] != pie[1] && pie[1] != pie[2]);
	CHECK(vdso[0] != vdso[1] && vdso[1] != vdso[2]);
}
static char old_setting;
static void set_randomize(char c)
{
	int fd = open("/proc/sys/kernel/randomize_va_space", O_RDWR);
	if (fd < 0 || read(fd, &old_setting, 1) != 1 || pwrite(fd, &c, 1, 0) != 1)
		check_skip("the setting is not ours");
	close(fd);
}
static void randomize_va_space(void)
{
	begin(ET_EXEC, 0x10000000);
	put("prog");
	set_randomize('1');
	char was = old_setting;
	pid_t p = start_as("./prog", 0, NULL);
	uint64_t heap = heap_of(p), sp = first_sp(p);
	end(p);
	set_randomize('0');
	p = start_as("./prog", 0, NULL);
	uint64_t sp0 = first_sp(p), heap0 = heap_of(p);
	end(p);
	set_randomize(was);
	CHECK(heap == 0x10002000 && heap0 == 0x10002000);
	CHECK(sp0 > 0x7fffffffe000 && sp != sp0);
}

static void personality_bits(void)
{
	uint64_t a, b;
	begin(ET_EXEC, 0x10000000);
	put("prog");
	/* Bottom up, from a third of the space. */
	pid_t p = start_as("./prog", ADDR_NO_RANDOMIZE | ADDR_COMPAT_LAYOUT, NULL);
	CHECK(aux(p, AT_SYSINFO_EHDR) >= 0x2aaaaaaab000 - 0x1000 && aux(p, AT_SYSINFO_EHDR) < 0x2aaaaaaab000 + 0x10000);
	end(p);
	/* A page at 0 for programs that read through null pointers. */
	if (!geteuid()) {
		p = start_as("./prog", ADDR_NO_RANDOMIZE | MMAP_PAGE_ZERO, NULL);
		CHECK(!strcmp(perms(p, 0, &a, &b), "r-xp") && a == 0 && b == 4096 && word(p, 8) == 0);
		end(p);
	}
	/* What can be read can be executed: of the process that says so, not of the next program. */
	CHECK(EXITED(IN_CHILD({
		CHECK(personality(READ_IMPLIES_EXEC | ADDR_NO_RANDOMIZE) != -1);
		char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(!strcmp(perms(getpid(), (uint64_t)m, NULL, NULL), "rwxp"));
		CHECK(mprotect(m, 4096, PROT_WRITE) == 0 && !strcmp(perms(getpid(), (uint64_t)m, NULL, NULL), "-w-p"));
		CHECK(mprotect(m, 4096, PROT_READ) == 0 && !strcmp(perms(getpid(), (uint64_t)m, NULL, NULL), "r-xp"));
		CHECK(!strcmp(perms(getpid(), (uint64_t)mmap(NULL, 4096, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), NULL, NULL), "-w-p"));
	}),
		0));
	/* Time-outs are left as they were given. */
	CHECK(EXITED(IN_CHILD({
		struct timeval t = { 0, 2000 };
		CHECK(syscall(SYS_select, 0, NULL, NULL, NULL, &t) == 0 && t.tv_usec == 0);
		CHECK(personality(STICKY_TIMEOUTS) != -1);
		t.tv_usec = 2000;
		CHECK(syscall(SYS_select, 0, NULL, NULL, NULL, &t) == 0 && t.tv_usec == 2000);
	}),
		0));
	p = start_as("./prog", READ_IMPLIES_EXEC | ADDR_NO_RANDOMIZE, NULL);
	CHECK(strtoul(text_of(p, "personality"), NULL, 16) == ADDR_NO_RANDOMIZE);
	end(p);
}

/* Later kernels take longer tables of headers, and more. */
static int is_6_12(void)
{
	struct utsname u;
	CHECK(uname(&u) == 0);
	return !strncmp(u.release, "6.12.", 5);
}

/* --- what is refused, what is killed ------------------------------------------------------------------------------------------------------------ */

static void headers(void)
{
	begin(ET_EXEC, 0x10000000);
	f.e.e_phnum = 74;
	if (is_6_12())
		CHECK(refused() == ENOEXEC);
	/* Not looked at: class, data, version, where the headers are aligned. */
	begin(ET_EXEC, 0x10000000);
	f.e.e_ident[EI_CLASS] = 9;
	f.e.e_ident[EI_DATA] = 9;
	f.e.e_version = 77;
	f.e.e_phnum = 73;
	put("prog");
	end(start("./prog"));
	begin(ET_EXEC, 0x10000000);
	memmove((char *)&f + f.e.e_phoff + 3, f.p, sizeof(f.p[0]) * 2);
	f.e.e_phoff += 3;
	put("prog");
	pid_t p = start("./prog");
	CHECK(aux(p, AT_PHDR) == 0x10000000 + f.e.e_phoff);
	end(p);
	/* No file range holds the table: its address is unknown. */
	begin(ET_EXEC, 0x10000000);
	memcpy(f.rest, f.p, sizeof(f.p[0]));
	f.e.e_phoff = offsetof(struct image, rest);
	((Elf64_Phdr *)f.rest)->p_filesz = ((Elf64_Phdr *)f.rest)->p_memsz = TEXT + 256;
	put("prog");
	p = start("./prog");
	CHECK(aux(p, AT_PHDR) == 0);
	end(p);
}

static void interpreters(void)
{
	begin(ET_DYN, 0);
	put("interp");
	begin(ET_DYN, 0);
	add_interp("./interp");
	f.p[1].p_filesz--; /* no NUL */
	CHECK(refused() == ENOEXEC);
	begin(ET_DYN, 0);
	add_interp("./interp");
	f.p[1].p_offset = sizeof(f) - 3;
	CHECK(refused() == EIO);
	begin(ET_DYN, 0);
	add_interp("./interp");
	f.p[1].p_offset = ~0UL;
	CHECK(refused() == EINVAL || refused() == EIO);
	/* The first one counts. */
	begin(ET_DYN, 0);
	add_interp("./interp");
	*add() = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = 0, .p_filesz = 1 };
	put("prog");
	end(start("./prog"));
	/* Its own interpreter is ignored. */
	begin(ET_DYN, 0);
	add_interp("./nowhere");
	put("interp");
	begin(ET_DYN, 0);
	add_interp("./interp");
	put("prog");
	end(start("./prog"));
	begin(ET_DYN, 0);
	f.e.e_machine = EM_386;
	put("interp");
	begin(ET_DYN, 0);
	add_interp("./interp");
	CHECK(refused() == ELIBBAD);
	begin(ET_DYN, 0);
	f.e.e_phnum = 0;
	put("interp");
	begin(ET_DYN, 0);
	add_interp("./interp");
	CHECK(refused() == ELIBBAD);
	int fd = open("interp", O_RDWR);
	CHECK(fd >= 0 && refused() == ETXTBSY);
	close(fd);
	CHECK(chmod("interp", 0644) == 0 && refused() == EACCES);
}

static void mounts_without_execution(void)
{
	if (geteuid())
		check_skip("needs root");
	CHECK(EXITED(IN_CHILD({
		if (unshare(CLONE_NEWNS) < 0)
			check_skip("no mount namespaces");
		CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
		CHECK(mkdir("m", 0755) == 0 && mount("t", "m", "tmpfs", MS_NOEXEC, NULL) == 0);
		begin(ET_DYN, 0);
		put("m/prog");
		CHECK_ERR(execve("m/prog", args, env), EACCES);
		/* Nor as an interpreter of either kind. */
		begin(ET_DYN, 0);
		add_interp("m/prog");
		CHECK(refused() == EACCES);
		write_file("script", "#!m/prog\n", 9, 0755);
		CHECK_ERR(execve("./script", args, env), EACCES);
		write_file("m/script", "#!/bin/sh\n", 10, 0755);
		CHECK_ERR(execve("m/script", args, env), EACCES);
		CHECK(mount(NULL, "m", NULL, MS_REMOUNT, NULL) == 0);
		end(start("m/prog"));
		CHECK(umount("m") == 0);
	}),
		0));
	if (is_6_12()) /* AT_EXECVE_CHECK came later */
		CHECK_ERR(syscall(SYS_execveat, AT_FDCWD, "/proc/self/exe", args, env, 0x10000), EINVAL);
	CHECK_ERR(syscall(SYS_execveat, AT_FDCWD, "", args, env, AT_EMPTY_PATH), EACCES);
}

static void segments_that_kill(void)
{
	begin(ET_EXEC, 0x10000000);
	f.p[0].p_memsz = 10; /* less than the file has */
	CHECK(refused() == DIES_OF(SIGSEGV));
	begin(ET_EXEC, 0x10000000);
	f.p[0].p_vaddr = 0x7ffffffff000;
	CHECK(refused() == DIES_OF(SIGSEGV));
	begin(ET_EXEC, 0x10000000);
	f.p[0].p_memsz = 0x800000000000;
	CHECK(refused() == DIES_OF(SIGSEGV));
	begin(ET_EXEC, 0x10000000);
	f.e.e_entry = 0x7ffffffff000;
	CHECK(refused() == DIES_OF(SIGSEGV));
	begin(ET_EXEC, 0x10000000);
	f.e.e_entry = 0xffffffff80000000;
	CHECK(refused() == DIES_OF(SIGSEGV));
	begin(ET_DYN, 0);
	f.p[0].p_type = PT_NOTE;
	CHECK(refused() == DIES_OF(SIGSEGV));
	begin(ET_EXEC, 0x10000000);
	f.p[0].p_offset = 0x123; /* not congruent to the address */
	CHECK(refused() == DIES_OF(SIGSEGV));
	/* Where no program may lie without privilege. */
	char lowest[20] = "";
	int fd = open("/proc/sys/vm/mmap_min_addr", O_RDONLY);
	CHECK(fd >= 0 && read(fd, lowest, sizeof(lowest) - 1) > 0);
	if (!geteuid() && atol(lowest) > 0x1000) {
		begin(ET_EXEC, 0x1000);
		put("prog");
		CHECK(chmod("prog", 0755) == 0 && chmod(".", 0755) == 0);
		int st = IN_CHILD(CHECK(setgid(1000) == 0 && setuid(1000) == 0); execve("./prog", args, env); _exit(errno));
		CHECK(KILLED(st, SIGSEGV));
	}
	/* An address that does not exist as the first instruction: that is the program's own death. */
	begin(ET_EXEC, 0x10000000);
	f.e.e_entry = 0x30000000;
	CHECK(refused() == DIES_OF(SIGSEGV));
	/* The interpreter's segments likewise. */
	begin(ET_DYN, 0);
	f.p[0].p_type = PT_NOTE;
	put("interp");
	begin(ET_DYN, 0);
	add_interp("./interp");
	CHECK(refused() == DIES_OF(SIGSEGV));
}

/* --- segments ---------------------------------------------------------------------------------------------------------------------------------- */

static void bytes_behind_the_file(void)
{
	uint64_t a, b;
	begin(ET_EXEC, 0x10000000);
	/* Behind what is in the file there are zeroes: to the end of its page, and in pages of their own. */
	*add() = (Elf64_Phdr){ .p_type = PT_LOAD,
		.p_flags = PF_R | PF_W,
		.p_vaddr = 0x10010000 + offsetof(struct image, rest) % 4096,
		.p_offset = offsetof(struct image, rest),
		.p_filesz = 100,
		.p_memsz = 3 * 4096,
		.p_align = 4096 };
	put("prog");
	pid_t p = start("./prog");
	uint64_t at = f.p[1].p_vaddr;
	CHECK(word(p, at) == 0x7272727272727272 && word(p, at + 100) == 0 && word(p, (at | 4095) - 7) == 0 && word(p, at + 8192) == 0);
	CHECK(!strcmp(perms(p, at, &a, &b), "rw-p") && !strcmp(perms(p, at + 8192, &a, &b), "rw-p") && b == ((at + 3 * 4096 + 4095) & ~4095UL));
	end(p);
	/* Executable zeroes; and a read-only segment that has them in its last page cannot have them cleared. */
	begin(ET_EXEC, 0x10000000);
	*add() = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = 0x10010000, .p_memsz = 8192, .p_align = 4096 };
	*add() = (Elf64_Phdr){ .p_type = PT_LOAD,
		.p_flags = PF_R,
		.p_vaddr = 0x10020000 + offsetof(struct image, rest) % 4096,
		.p_offset = offsetof(struct image, rest),
		.p_filesz = 100,
		.p_memsz = 200,
		.p_align = 4096 };
	put("prog");
	p = start("./prog");
	CHECK(!strcmp(perms(p, 0x10010000, &a, &b), "rwxp"));
	CHECK(!strcmp(perms(p, 0x10020000, &a, &b), "r--p"));
	end(p);
	/* The order of the table does not matter. */
	begin(ET_EXEC, 0x10000000);
	f.p[1] = f.p[0];
	f.e.e_phnum = 2;
	f.p[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_vaddr = 0x10020000, .p_memsz = 4096, .p_align = 4096 };
	put("prog");
	p = start("./prog");
	CHECK(!strcmp(perms(p, 0x10020000, &a, &b), "rw-p") && heap_of(p) == 0x10021000);
	end(p);
}

static const char *stack_of(void)
{
	uint64_t b;
	put("prog");
	pid_t p = start("./prog");
	const char *s = perms(p, named(p, "[stack]", &b), NULL, NULL);
	end(p);
	return s;
}
static void executable_stacks(void)
{
	begin(ET_EXEC, 0x10000000);
	CHECK(!strcmp(stack_of(), "rw-p"));
	*add() = (Elf64_Phdr){ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W | PF_X };
	CHECK(!strcmp(stack_of(), "rwxp"));
	*add() = (Elf64_Phdr){ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W };
	CHECK(!strcmp(stack_of(), "rw-p"));
}
static void limit_stack(void)
{
	struct rlimit r = { 64 << 10, 1 << 20 };
	CHECK(setrlimit(RLIMIT_STACK, &r) == 0);
}
static void small_stacks(void)
{
	uint64_t b;
	begin(ET_EXEC, 0x10000000);
	put("prog");
	pid_t p = start_as("./prog", ADDR_NO_RANDOMIZE, limit_stack);
	uint64_t a = named(p, "[stack]", &b);
	CHECK(b - a <= 64 << 10);
	end(p);
}

/* --- scripts ------------------------------------------------------------------------------------------------------------------------------------- */

static void what_a_script_shows(void)
{
	char path[300], want[320];
	begin(ET_EXEC, 0x10000000);
	put("prog");
	write_file("a_script_of_mine", "#!./prog opt \n", 14, 0755);
	pid_t p = start("./a_script_of_mine");
	CHECK(string_is(p, aux(p, AT_EXECFN), "./a_script_of_mine") && !strcmp(text_of(p, "comm"), "a_script_of_min\n"));
	CHECK(!memcmp(text_of(p, "cmdline"), "./prog\0opt\0./a_script_of_mine\0one", 34));
	snprintf(path, sizeof(path), "/proc/%d/exe", p);
	ssize_t n = readlink(path, want, sizeof(want) - 1);
	CHECK(n > 5 && !memcmp(want + n - 5, "/prog", 5));
	end(p);
	/* It needs to be executable, not readable. */
	if (!geteuid()) {
		CHECK(chmod("a_script_of_mine", 0711) == 0);
		CHECK(EXITED(IN_CHILD(CHECK(setgid(1000) == 0 && setuid(1000) == 0); end(start("./a_script_of_mine"))), 0));
	}
}
static void run_fd(void)
{
	int fd = open("script", O_RDONLY);
	CHECK(dup2(fd, 101) == 101);
	syscall(SYS_execveat, 101, "", args, env, AT_EMPTY_PATH);
}
static void scripts_by_descriptor(void)
{
	begin(ET_EXEC, 0x10000000);
	put("prog");
	write_file("script", "#!./prog\n", 9, 0755);
	pid_t p = start_as("./prog", ADDR_NO_RANDOMIZE, run_fd);
	CHECK(string_is(p, aux(p, AT_EXECFN), "/dev/fd/101") && !memcmp(text_of(p, "cmdline"), "./prog\0/dev/fd/101\0one", 23));
	CHECK(!strcmp(text_of(p, "comm"), "prog\n")); /* of the file that runs, since the name was empty */
	end(p);
	int fd = open("script", O_RDONLY | O_CLOEXEC), dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_ERR(syscall(SYS_execveat, fd, "", args, env, AT_EMPTY_PATH), ENOENT);
	CHECK_ERR(syscall(SYS_execveat, dir, "script", args, env, 0), ENOENT);
	/* A program may go by a descriptor that closes. */
	fd = open("prog", O_RDONLY | O_CLOEXEC);
	p = fork();
	if (!p) {
		syscall(SYS_execveat, fd, "", args, env, AT_EMPTY_PATH);
		_exit(1);
	}
	char path[40], link[300] = "";
	snprintf(path, sizeof(path), "/proc/%d/exe", p);
	for (int i = 0; i < 2000 && !strstr(link, "/prog"); i++) {
		ssize_t n = readlink(path, link, sizeof(link) - 1);
		link[n > 0 ? n : 0] = 0;
		msleep(1);
	}
	CHECK(strstr(link, "/prog") && !strcmp(text_of(p, "comm"), "prog\n"));
	end(p);
}

CASES(CASE(registers_at_entry), CASE(stack_from_top_to_bottom), CASE(ids_of_the_own_user_namespace), CASE(layout_without_chance),
	CASE(alignment_of_the_image), CASE(layout_by_chance), CASE(randomize_va_space), CASE(personality_bits), CASE(headers), CASE(interpreters),
	CASE(mounts_without_execution), CASE(segments_that_kill), CASE(bytes_behind_the_file), CASE(executable_stacks), CASE(small_stacks),
	CASE(what_a_script_shows), CASE(scripts_by_descriptor))
