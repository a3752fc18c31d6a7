/* Fuzzes what exec makes of a file's first bytes: ELF headers, program headers, #! lines. */
#include "fuzz.h"

#include <linux/elf.h>

#include "lib/string.h"
#include "proc/exec_plan.h"

#define PAGE 4096ul

static u64 number(void) { return one_in(2) ? odd() : below(1u << 20) & ~(one_in(2) ? 0xfffu : 0u); }

static void check_pages(const struct exec_plan *p)
{
	u64 bias = p->dyn ? (one_in(3) ? odd() & ~0xfffull : 0x555555554000ull) : 0;
	if (p->late || exec_plan_check_bias(p, bias))
		return;
	for (u32 i = 0; i < p->n; i++) {
		const struct exec_load *l = &p->load[i];
		struct exec_pages g;
		u64 start = l->vaddr + bias, end = start + l->memsz;
		exec_plan_pages(l, bias, &g);
		CHECK(start >= p->low + bias && end <= p->high + bias && start <= end && end <= EXEC_USER_END);
		CHECK(l->filesz <= l->memsz);
		CHECK(!((g.map_addr | g.map_len | g.map_off | g.anon_addr | g.anon_len) & (PAGE - 1)));
		CHECK(g.map_addr + g.map_len >= g.map_addr && g.map_addr + g.map_len <= EXEC_USER_END);
		CHECK(g.anon_addr + g.anon_len >= g.anon_addr && g.anon_addr + g.anon_len <= EXEC_USER_END);
		CHECK(!g.map_len || !g.anon_len || g.anon_addr == g.map_addr + g.map_len);
		CHECK(!g.zero_len || (g.zero_len < PAGE && g.zero_addr >= g.map_addr && g.zero_addr + g.zero_len == g.map_addr + g.map_len));
		/* every byte of the segment is in one of them */
		if (l->filesz)
			CHECK(g.map_addr <= start && g.map_addr + g.map_len >= start + l->filesz);
		if (l->memsz)
			CHECK(end <= (g.anon_len ? g.anon_addr + g.anon_len : g.map_addr + g.map_len));
		CHECK(!l->filesz || g.map_off + (start - g.map_addr) == l->offset);
		CHECK(g.map_off <= INT64_MAX && g.map_off + g.map_len <= (u64)INT64_MAX + PAGE);
	}
}

static void elf(void)
{
	u8 *head = calloc(1, EXEC_HEAD_SIZE);
	struct elf64_hdr h = { .e_type = one_in(2) ? ET_DYN : ET_EXEC, .e_machine = EM_X86_64, .e_entry = number(), .e_phoff = one_in(8) ? odd() : 64, .e_phentsize = 56,
			       .e_phnum = (u16)(one_in(8) ? odd() : 1 + below(8)) };
	memcpy(h.e_ident, ELFMAG, SELFMAG);
	memcpy(head, &h, sizeof(h));
	for (unsigned n = one_in(3) ? below(8) : 0; n; n--)
		head[below(80)] = (u8)rnd();
	struct exec_plan p;
	memset(&p, 0xa5, sizeof(p));
	if (exec_plan_header(head, &p) == 0) {
		CHECK(p.phnum >= 1 && p.phnum <= EXEC_PHDR_MAX);
		struct elf64_phdr *table = malloc(p.phnum * sizeof(*table));
		for (u32 i = 0; i < p.phnum; i++) {
			u64 off = number(), size = number();
			table[i] = (struct elf64_phdr){ .p_type = one_in(2) ? PT_LOAD : (u32[]){ PT_INTERP, PT_GNU_STACK, PT_PHDR, PT_DYNAMIC, (u32)odd() }[below(5)], .p_flags = below(8),
				.p_offset = off, .p_vaddr = one_in(3) ? number() : off + (u64)below(64) * PAGE, .p_filesz = size, .p_memsz = one_in(3) ? number() : size + below(20000),
				.p_align = one_in(3) ? odd() : 0x1000 };
		}
		if (exec_plan_segments((const u8 *)table, &p) == 0) {
			CHECK(p.n <= p.phnum);
			CHECK(!p.has_interp || (p.interp_len >= 2 && p.interp_len <= EXEC_INTERP_MAX));
			CHECK(p.align >= PAGE && !(p.align & (p.align - 1)));
			CHECK(!p.n || p.low <= p.high);
			CHECK(p.n || !p.dyn || p.late);
			check_pages(&p);
		}
		free(table);
	}
	free(head);
}

static void script(void)
{
	u8 *b = calloc(1, EXEC_SCRIPT_SIZE);
	struct exec_script s;
	b[0] = '#', b[1] = '!';
	for (unsigned i = 2, n = one_in(3) ? EXEC_SCRIPT_SIZE : 2 + below(40); i < n; i++)
		b[i] = (u8) " \t/ab\n\0\xff"[one_in(4) ? below(8) : 2 + below(3)];
	if (one_in(10))
		b[below(2)] = (u8)rnd();
	if (exec_script_parse(b, &s) == 0) {
		CHECK(s.interp >= 2 && s.interp_len >= 1 && s.interp + s.interp_len <= EXEC_SCRIPT_SIZE);
		CHECK(s.arg_len == 0 || (s.arg > s.interp + s.interp_len && s.arg + s.arg_len <= EXEC_SCRIPT_SIZE));
		for (u32 i = 0; i < s.interp_len; i++)
			CHECK(b[s.interp + i] && b[s.interp + i] != '\n' && b[s.interp + i] != ' ' && b[s.interp + i] != '\t');
		for (u32 i = 0; i < s.arg_len; i++)
			CHECK(b[s.arg + i] && b[s.arg + i] != '\n');
	}
	free(b);
}

static void fuzz_one(void) { one_in(4) ? script() : elf(); }
