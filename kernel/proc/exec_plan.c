/* ELF bytes -> struct exec_plan: exec_plan_header(), exec_plan_segments(), exec_plan_check_bias(), exec_plan_pages(). Pure. What is refused, and by which errno, is what Linux's load_elf_binary() does. */
#include "proc/exec_plan.h"

#include <asm-generic/errno.h>
#include <linux/elf.h>

#include "lib/string.h"

#define PAGE 4096UL
#define PAGE_FLOOR(x) ((x) & ~(PAGE - 1))
#define PAGE_CEIL(x) (((x) + PAGE - 1) & ~(PAGE - 1))

int exec_plan_header(const u8 *head, struct exec_plan *p)
{
	struct elf64_hdr h;
	memcpy(&h, head, sizeof(h));
	if (memcmp(h.e_ident, ELFMAG, SELFMAG))
		return -ENOEXEC;
	if ((h.e_type != ET_EXEC && h.e_type != ET_DYN) || h.e_machine != EM_X86_64)
		return -ENOEXEC;
	if (h.e_phentsize != EXEC_PHDR_SIZE || h.e_phnum < 1 || h.e_phnum > EXEC_PHDR_MAX)
		return -ENOEXEC;
	p->entry = h.e_entry;
	p->phoff = h.e_phoff;
	p->phnum = h.e_phnum;
	p->dyn = h.e_type == ET_DYN;
	return 0;
}

/* 0, or the error with which Linux gives up on the segment. */
static int check_load(const struct elf64_phdr *ph)
{
	if (ph->p_vaddr >= EXEC_USER_END || ph->p_filesz > ph->p_memsz || ph->p_memsz > EXEC_USER_END ||
	    EXEC_USER_END - ph->p_memsz < ph->p_vaddr)
		return -EINVAL;
	u64 skip = ph->p_vaddr & (PAGE - 1);
	if (!ph->p_filesz)
		return 0;
	/* The file offset must be congruent to the address, and not run off the end of what an offset can be. */
	if (ph->p_offset < skip || ((ph->p_offset - skip) & (PAGE - 1)) || ph->p_offset > INT64_MAX - ph->p_filesz - PAGE)
		return -EINVAL;
	return 0;
}

static void add_load(struct exec_plan *p, const struct elf64_phdr *ph)
{
	int err = check_load(ph);
	if (err) {
		if (!p->late)
			p->late = err;
		return;
	}
	p->load[p->n++] = (struct exec_load){
		.vaddr = ph->p_vaddr, .memsz = ph->p_memsz, .filesz = ph->p_filesz, .offset = ph->p_offset,
		.prot = (ph->p_flags & PF_R ? 1 : 0) | (ph->p_flags & PF_W ? 2 : 0) | (ph->p_flags & PF_X ? 4 : 0),
	};
	u64 file_end = ph->p_vaddr + ph->p_filesz, end = ph->p_vaddr + ph->p_memsz;
	p->low = min(p->low, PAGE_FLOOR(ph->p_vaddr));
	p->high = max(p->high, end);
	if ((ph->p_flags & PF_X) && ph->p_vaddr < p->start_code)
		p->start_code = ph->p_vaddr;
	if ((ph->p_flags & PF_X) && file_end > p->end_code)
		p->end_code = file_end;
	p->start_data = max(p->start_data, ph->p_vaddr);
	p->end_data = max(p->end_data, file_end);
	/* Powers of two only; beyond user space none can be had. */
	if (ph->p_align > p->align && !(ph->p_align & (ph->p_align - 1)) && ph->p_align < EXEC_USER_END)
		p->align = ph->p_align;
	if (ph->p_offset <= p->phoff && p->phoff - ph->p_offset < ph->p_filesz)
		p->phdr_vaddr = p->phoff - ph->p_offset + ph->p_vaddr;
}

int exec_plan_segments(const u8 *table, struct exec_plan *p)
{
	p->has_interp = p->stack_exec = false;
	p->phdr_vaddr = p->high = p->end_code = p->start_data = p->end_data = 0;
	p->low = p->start_code = ~0UL;
	p->align = PAGE;
	p->late = 0;
	p->n = 0;
	for (u32 i = 0; i < p->phnum; i++) {
		struct elf64_phdr ph;
		memcpy(&ph, table + i * EXEC_PHDR_SIZE, sizeof(ph));
		if (ph.p_type == PT_INTERP && !p->has_interp) {
			if (ph.p_filesz < 2 || ph.p_filesz > EXEC_INTERP_MAX)
				return -ENOEXEC;
			p->has_interp = true;
			p->interp_off = ph.p_offset;
			p->interp_len = ph.p_filesz;
		} else if (ph.p_type == PT_GNU_STACK) {
			p->stack_exec = ph.p_flags & PF_X;
		} else if (ph.p_type == PT_LOAD) {
			add_load(p, &ph);
		}
	}
	if (!p->n && p->dyn && !p->late)
		p->late = -EINVAL;
	return 0;
}

int exec_plan_check_bias(const struct exec_plan *p, u64 bias)
{
	u64 entry = p->entry + bias;
	if (entry >= EXEC_USER_END)
		return -EINVAL;
	if (!p->n)
		return 0;
	u64 low = p->low + bias, high = PAGE_CEIL(p->high) + bias;
	return high < low || high > EXEC_USER_END ? -ENOMEM : 0;
}

void exec_plan_pages(const struct exec_load *l, u64 bias, struct exec_pages *out)
{
	u64 at = l->vaddr + bias, file_end = at + l->filesz, end = at + l->memsz;
	*out = (struct exec_pages){ 0 };
	u64 anon = PAGE_FLOOR(at);
	if (l->filesz) {
		out->map_addr = PAGE_FLOOR(at);
		out->map_off = l->offset - (at & (PAGE - 1));
		out->map_len = PAGE_CEIL(file_end) - out->map_addr;
		anon = PAGE_CEIL(file_end);
		if (end > file_end && anon > file_end) {
			out->zero_addr = file_end;
			out->zero_len = anon - file_end;
		}
	}
	if (end > file_end && PAGE_CEIL(end) > anon) {
		out->anon_addr = anon;
		out->anon_len = PAGE_CEIL(end) - anon;
	}
}
