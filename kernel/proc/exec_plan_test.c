/* Host tests of exec_plan.c and exec_script.c: the table of rules, then random mutations. Prints nothing when all is well. Arguments: [seconds [seed]]. */
#include <asm-generic/errno.h>
#include <linux/elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/string.h"
#include "proc/exec_plan.h"

static int failures;
#define CHECK(c) ((c) ? (void)0 : (void)(failures++, printf("%s:%d: %s\n", __FILE__, __LINE__, #c)))

struct image {
	u8 bytes[EXEC_HEAD_SIZE];
};

static struct elf64_hdr *hdr(struct image *i) { return (struct elf64_hdr *)i->bytes; }
static struct elf64_phdr *phdr(struct image *i, int n) { return (struct elf64_phdr *)(i->bytes + 64) + n; }

static struct image good(void)
{
	struct image i = { 0 };
	struct elf64_hdr *h = hdr(&i);
	memcpy(h->e_ident, ELFMAG, SELFMAG);
	h->e_type = ET_DYN;
	h->e_machine = EM_X86_64;
	h->e_entry = 0x1040;
	h->e_phoff = 64;
	h->e_phentsize = 56;
	h->e_phnum = 4;
	*phdr(&i, 0) = (struct elf64_phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = 0x2345, .p_memsz = 0x2345, .p_align = 0x1000 };
	*phdr(&i, 1) = (struct elf64_phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = 0x2dd0, .p_vaddr = 0x3dd0, .p_filesz = 0x250,
					    .p_memsz = 0x3000, .p_align = 0x1000 };
	*phdr(&i, 2) = (struct elf64_phdr){ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W };
	*phdr(&i, 3) = (struct elf64_phdr){ .p_type = PT_INTERP, .p_offset = 0x318, .p_filesz = 28 };
	return i;
}

static int plan(struct image *i, struct exec_plan *p)
{
	int err = exec_plan_header(i->bytes, p);
	if (err)
		return err;
	if (p->phoff > EXEC_HEAD_SIZE || p->phnum * EXEC_PHDR_SIZE > EXEC_HEAD_SIZE - p->phoff)
		return -ENOEXEC;
	return exec_plan_segments(i->bytes + p->phoff, p);
}

static void test_good(void)
{
	struct image i = good();
	struct exec_plan p;
	struct exec_pages g;
	CHECK(plan(&i, &p) == 0 && !p.late);
	CHECK(p.dyn && p.n == 2 && p.low == 0 && p.high == 0x6dd0 && p.has_interp && p.interp_off == 0x318 && !p.stack_exec && p.phdr_vaddr == 64);
	CHECK(p.start_code == 0 && p.end_code == 0x2345 && p.start_data == 0x3dd0 && p.end_data == 0x4020 && p.align == 0x1000);
	exec_plan_pages(&p.load[1], 0x555555554000, &g);
	CHECK(g.map_addr == 0x555555557000 && g.map_off == 0x2000 && g.map_len == 0x2000);
	CHECK(g.zero_addr == 0x555555558020 && g.zero_len == 0xfe0 && g.anon_addr == 0x555555559000 && g.anon_len == 0x2000);
	exec_plan_pages(&p.load[0], 0, &g);
	CHECK(g.map_len == 0x3000 && !g.zero_len && !g.anon_len);
	CHECK(exec_plan_check_bias(&p, 0x555555554000) == 0 && exec_plan_check_bias(&p, EXEC_USER_END - 0x3000) != 0);
}

static void test_bad(void)
{
	struct exec_plan p;
	struct image i;
#define BAD_HEADER(stmt) (i = good(), stmt, CHECK(plan(&i, &p) == -ENOEXEC))
	BAD_HEADER(i.bytes[0] = 0);
	BAD_HEADER(hdr(&i)->e_type = ET_REL);
	BAD_HEADER(hdr(&i)->e_machine = EM_386);
	BAD_HEADER(hdr(&i)->e_phentsize = 32);
	BAD_HEADER(hdr(&i)->e_phnum = 0);
	BAD_HEADER(hdr(&i)->e_phnum = 74);
	BAD_HEADER(phdr(&i, 3)->p_filesz = 1);
	BAD_HEADER(phdr(&i, 3)->p_filesz = 4097);
#define BAD_LATE(stmt) (i = good(), stmt, CHECK(plan(&i, &p) == 0 && p.late == -EINVAL))
	BAD_LATE(phdr(&i, 1)->p_filesz = 0x3001);
	BAD_LATE(phdr(&i, 1)->p_vaddr = EXEC_USER_END);
	BAD_LATE(phdr(&i, 1)->p_memsz = ~0UL);
	BAD_LATE(phdr(&i, 1)->p_memsz = EXEC_USER_END);
	BAD_LATE(phdr(&i, 1)->p_offset = 1);
	BAD_LATE(phdr(&i, 1)->p_offset = 0x7ffffffffffffdd0);
	BAD_LATE((phdr(&i, 0)->p_type = PT_NULL, phdr(&i, 1)->p_type = PT_NULL));
}

static int script(const char *text, struct exec_script *s)
{
	u8 b[EXEC_SCRIPT_SIZE] = { 0 };
	size_t n = strlen(text);
	memcpy(b, text, n > sizeof(b) ? sizeof(b) : n);
	return exec_script_parse(b, s);
}

static void test_scripts(void)
{
	struct exec_script s;
	char longer[400];
	CHECK(script("#!/bin/sh\n", &s) == 0 && s.interp == 2 && s.interp_len == 7 && !s.arg_len);
	CHECK(script("#! \t/bin/sh  -e  -x \t\nfoo", &s) == 0 && s.interp == 4 && s.interp_len == 7 && s.arg == 13 && s.arg_len == 6);
	CHECK(script("#!/bin/sh", &s) == 0 && s.interp_len == 7 && !s.arg_len);
	CHECK(script("#!\n", &s) == -ENOEXEC);
	CHECK(script("#! \t \n", &s) == -ENOEXEC);
	CHECK(script("#/bin/sh\n", &s) == -ENOEXEC);
	CHECK(script("", &s) == -ENOEXEC);
	memset(longer, 'a', sizeof(longer));
	memcpy(longer, "#!/", 3);
	longer[399] = 0;
	CHECK(script(longer, &s) == -ENOEXEC);
	longer[100] = ' ';
	CHECK(script(longer, &s) == 0 && s.interp_len == 98 && s.arg == 101 && s.arg_len == 154);
	memset(longer + 2, ' ', 300);
	CHECK(script(longer, &s) == -ENOEXEC);
}

static u64 rng_state = 88172645463325252UL;
static u64 rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	return rng_state ^= rng_state << 17;
}

/* What the loader relies on, whatever the bytes. */
static void check_invariants(const struct exec_plan *p)
{
	static const u64 biases[] = { 0, 0x555555554000, 0x7fffff000000 };
	CHECK(p->n <= EXEC_PHDR_MAX && p->align >= 4096 && !(p->align & (p->align - 1)));
	for (u32 b = 0; b < ARRAY_SIZE(biases); b++) {
		if (p->late || exec_plan_check_bias(p, biases[b]))
			continue;
		for (u32 i = 0; i < p->n; i++) {
			struct exec_pages g;
			exec_plan_pages(&p->load[i], biases[b], &g);
			u64 low = p->low + biases[b], high = p->high + biases[b] + 4095;
			CHECK(!g.map_len || (g.map_addr >= low && g.map_addr + g.map_len <= high && g.map_addr + g.map_len > g.map_addr));
			CHECK(!g.anon_len || (g.anon_addr >= low && g.anon_addr + g.anon_len <= high && g.anon_addr + g.anon_len > g.anon_addr));
			CHECK(g.zero_len < 4096 && (!g.zero_len || g.zero_addr + g.zero_len == g.map_addr + g.map_len));
			CHECK(!((g.map_addr | g.map_len | g.map_off | g.anon_addr | g.anon_len) & 4095));
		}
	}
}

static void fuzz_once(void)
{
	static const u64 nasty[] = { 0, 1, 4095, 4096, EXEC_USER_END - 1, EXEC_USER_END, 0x7fffffffffffffff, 0x8000000000000000, ~0UL };
	struct image i = good();
	struct exec_plan p;
	struct exec_script s;
	if (rng() % 2)
		hdr(&i)->e_phnum = (u16)(1 + rng() % 17);
	for (u64 n = rng() % 12; n; n--) {
		u64 at = rng() % 340;
		if (rng() % 2)
			i.bytes[at] = (u8)rng();
		else
			memcpy(i.bytes + (at & ~7UL), &nasty[rng() % ARRAY_SIZE(nasty)], 8);
	}
	if (plan(&i, &p) == 0)
		check_invariants(&p);
	u8 line[EXEC_SCRIPT_SIZE];
	for (u32 k = 0; k < sizeof(line); k++)
		line[k] = " \t\n\0/ab#!x"[rng() % 10];
	for (u32 k = rng() % 300; k < sizeof(line); k++)
		line[k] = 'x';
	line[0] = '#';
	line[1] = '!';
	if (exec_script_parse(line, &s) == 0)
		CHECK(s.interp_len && s.interp + s.interp_len <= sizeof(line) && s.arg + s.arg_len <= sizeof(line));
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 1);
	u64 rounds = 0;
	if (argc > 2)
		rng_state ^= strtoull(argv[2], NULL, 0) * 0x9e3779b97f4a7c15UL;
	test_good();
	test_bad();
	test_scripts();
	while (time(NULL) < end && failures < 20)
		for (int n = 0; n < 10000; n++, rounds++)
			fuzz_once();
	if (failures)
		printf("exec_plan: %d failures, %llu rounds\n", failures, (unsigned long long)rounds);
	return failures != 0;
}
