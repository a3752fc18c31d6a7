/*
 * load_elf_binary in two halves. exec_plan_elf(): everything that can still be refused. exec_build_image(): the new address space, built aside;
 * what goes wrong there kills the program, as on Linux, where it happens after the point of no return.
 */
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/personality.h>
#include <linux/resource.h>

#include "lib/string.h"
#include "mm/slab.h"
#include "proc/exec.h"
#include "proc/trace_points.h"
#include "proc/vdso.h"
#include "sched/sched.h"
#include "vfs/file.h"

#define PIE_BASE 0x555555554aaaUL /* two thirds of user space */
#define MMAP_MIN_ADDR 65536UL
#define STACK_RND_BITS 22
#define MIN_GAP (128UL << 20)
#define MAX_GAP (TASK_SIZE_MAX / 6 * 5)
#define BOTTOM_UP_BASE ALIGN_UP(TASK_SIZE_MAX / 3, PAGE_SIZE)

u32 mmap_rnd_bits = 28, legacy_va_layout;

/* --- plans --------------------------------------------------------------------------------------------------------------------------------- */

/* Header and program headers of f, whose first bytes are in head. 0 or `bad`. */
static int plan_image(struct file *f, const u8 *head, struct exec_plan *p, int bad)
{
	if (exec_plan_header(head, p) || !f->ops->mmap)
		return bad;
	u32 size = p->phnum * EXEC_PHDR_SIZE;
	if (p->phoff <= EXEC_HEAD_SIZE && size <= EXEC_HEAD_SIZE - p->phoff)
		return exec_plan_segments(head + p->phoff, p) ? bad : 0;
	if (p->phoff > (1UL << 62))
		return bad;
	u8 *table = kmalloc(size);
	if (!table)
		return bad;
	bool ok = file_read_kernel(f, table, size, p->phoff) == (ssize_t)size && !exec_plan_segments(table, p);
	kfree(table);
	return ok ? 0 : bad;
}

static int open_interp(struct exec *e, const char *name)
{
	int err = file_open_exec(AT_FDCWD, name, 0, &e->interp_file);
	if (err) {
		e->interp_file = NULL;
		return err;
	}
	if (inode_permission(e->interp_file->inode, 4))
		e->unreadable = true;
	/* The program's head has served its purpose. */
	ssize_t n = file_read_kernel(e->interp_file, e->head, EXEC_HEAD_SIZE, 0);
	if (n < 0)
		return (int)n;
	if (n < 64)
		return -EIO;
	memset(e->head + n, 0, EXEC_HEAD_SIZE - (size_t)n);
	/* The interpreter's own PT_INTERP is not looked at. */
	return plan_image(e->interp_file, e->head, &e->interp_plan, -ELIBBAD);
}

static int plan_interp(struct exec *e)
{
	const struct exec_plan *p = &e->plan;
	char *name = kmalloc(p->interp_len);
	if (!name)
		return -ENOMEM;
	int err = 0;
	ssize_t n = p->interp_off > (1UL << 62) ? -EIO : file_read_kernel(e->file, name, p->interp_len, p->interp_off);
	if (n != (ssize_t)p->interp_len)
		err = n < 0 ? (int)n : -EIO;
	else if (name[p->interp_len - 1])
		err = -ENOEXEC;
	else
		err = open_interp(e, name);
	if (trace_on(exec_interp) && !err)
		trace_exec_interp(1, name);
	kfree(name);
	return err;
}

int exec_plan_elf(struct exec *e)
{
	int err = plan_image(e->file, e->head, &e->plan, -ENOEXEC);
	if (!err && e->plan.has_interp)
		err = plan_interp(e);
	return err;
}

/* --- layout -------------------------------------------------------------------------------------------------------------------------------- */

static u64 random_pages(const struct exec *e, u32 bits) { return e->randomize ? (arch_random() & (BIT(bits) - 1)) << PAGE_SHIFT : 0; }

static void choose_layout(struct exec *e)
{
	u64 stack_range = e->randomize ? (BIT(STACK_RND_BITS) - 1) << PAGE_SHIFT : 0;
	u64 gap = e->rlim_stack.cur, pad = stack_range + STACK_GUARD_GAP;
	if (gap + pad > gap)
		gap += pad;
	gap = min(max(gap, MIN_GAP), MAX_GAP);
	e->mm->bottom_up = (e->personality & ADDR_COMPAT_LAYOUT) || READ_ONCE(legacy_va_layout);
	u64 random = random_pages(e, READ_ONCE(mmap_rnd_bits));
	e->mm->mmap_base = e->mm->bottom_up ? BOTTOM_UP_BASE + random : ALIGN_UP(TASK_SIZE_MAX - gap - random, PAGE_SIZE);
	e->stack_top = TASK_SIZE_MAX - random_pages(e, STACK_RND_BITS);
	if (e->randomize)
		e->stack_top = ALIGN_UP(e->stack_top - (arch_random() & 0x1ff0), PAGE_SIZE);
}

/* Among the mappings: a hole that takes the whole image at its alignment; *bias moves it there. */
static int place_as_mapping(struct exec *e, const struct exec_plan *p, u64 *bias)
{
	u64 at, span = ALIGN_UP(p->high, PAGE_SIZE) - p->low;
	int err = mm_find_hole(e->mm, span + (p->align - PAGE_SIZE), &at);
	if (err)
		return err;
	at = ALIGN_UP(at, p->align);
	*bias = at - p->low;
	return 0;
}

static int place_program(struct exec *e)
{
	const struct exec_plan *p = &e->plan;
	if (!p->dyn)
		return 0;
	/* Without an interpreter it may be a loader that will map a program: keep it out of the programs' place. */
	if (!p->has_interp)
		return place_as_mapping(e, p, &e->bias);
	u64 base = PIE_BASE + random_pages(e, mmap_rnd_bits);
	base &= ~(p->align - 1);
	e->bias = ALIGN_DOWN(base - p->load[0].vaddr, PAGE_SIZE);
	return 0;
}

/* --- mapping ------------------------------------------------------------------------------------------------------------------------------- */

static int map_file_pages(struct mm *mm, struct file *f, const struct exec_load *l, const struct exec_pages *g, u32 flags)
{
	struct map_request r = {
		.addr = g->map_addr, .len = g->map_len, .prot = l->prot, .flags = MAP_PRIVATE | flags, .pgoff = g->map_off >> PAGE_SHIFT, .file = f,
	};
	uaddr_t got;
	if (g->map_addr < MMAP_MIN_ADDR && !capable(CAP_SYS_RAWIO))
		return -EPERM;
	int err = f->ops->mmap(f, &r);
	return err ? err : do_mmap(mm, &r, &got);
}

static int map_segment(struct mm *mm, struct file *f, const struct exec_load *l, u64 bias, u32 flags)
{
	struct exec_pages g;
	exec_plan_pages(l, bias, &g);
	if (g.map_len) {
		int err = map_file_pages(mm, f, l, &g, flags);
		if (err)
			return err;
	}
	/* The last page's rest belongs to the bss; in a read-only segment nobody will miss it. */
	if (g.zero_len && mm_access(mm, g.zero_addr, page_virt(zero_page), g.zero_len, true, false) != g.zero_len && (l->prot & PROT_WRITE))
		return -EFAULT;
	if (!g.anon_len)
		return 0;
	if (g.anon_addr < MMAP_MIN_ADDR && !capable(CAP_SYS_RAWIO))
		return -EPERM;
	return do_brk_range(mm, g.anon_addr, g.anon_len, l->prot & PROT_EXEC);
}

/* first: MAP_FIXED_NOREPLACE or MAP_FIXED, for the first segment. */
static int map_image(struct mm *mm, struct file *f, const struct exec_plan *p, u64 bias, u32 first)
{
	int err = p->late ? p->late : exec_plan_check_bias(p, bias);
	for (u32 i = 0; i < p->n && !err; i++)
		err = map_segment(mm, f, &p->load[i], bias, i ? MAP_FIXED : first);
	return err;
}

static int map_interp(struct exec *e)
{
	const struct exec_plan *p = &e->interp_plan;
	int err = p->late ? p->late : !p->n ? -EINVAL : 0;
	if (!err && p->dyn)
		err = place_as_mapping(e, p, &e->interp_bias);
	if (!err)
		err = map_image(e->mm, e->interp_file, p, e->interp_bias, MAP_FIXED);
	e->entry = p->entry + e->interp_bias;
	return err;
}

static void set_brk(struct exec *e)
{
	struct mm *mm = e->mm;
	u64 start = ALIGN_UP(e->plan.high + e->bias, PAGE_SIZE);
	/* A static PIE lies among the mappings, where a heap would soon collide. */
	if (e->plan.dyn && !e->plan.has_interp)
		start = ALIGN_UP(PIE_BASE, PAGE_SIZE);
	if (e->randomize && randomize_va_space > 1)
		start += PAGE_SIZE + (arch_random() & ((1UL << 30) - 1) & PAGE_MASK);
	mm->brk_start = mm->brk = start;
}

/* For programs from systems where address 0 can be read. Without the right to map there it is left out. */
static void map_page_zero(struct exec *e)
{
	struct map_request r = { .len = PAGE_SIZE, .prot = PROT_READ | PROT_EXEC, .flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS };
	uaddr_t got;
	if (cred_ns_capable(e->cred, &init_user_ns, CAP_SYS_RAWIO))
		(void)do_mmap(e->mm, &r, &got);
}

int exec_build_image(struct exec *e)
{
	const struct exec_plan *p = &e->plan;
	struct mm *mm = e->mm;
	choose_layout(e);
	int err = p->late;
	if (!err)
		err = place_program(e);
	if (!err)
		err = map_image(mm, e->file, p, e->bias, MAP_FIXED_NOREPLACE);
	e->entry = p->entry + e->bias;
	if (!err && e->interp_file)
		err = map_interp(e);
	if (!err)
		err = vdso_map(mm);
	/* Last, because the vector names everything else. */
	if (!err)
		err = exec_build_stack(e);
	if (!err && (e->personality & MMAP_PAGE_ZERO))
		map_page_zero(e);
	if (err) {
		mm->unfinished = true;
		memset(mm->auxv, 0, sizeof(mm->auxv));
	}
	mm->start_code = p->start_code + e->bias;
	mm->end_code = p->end_code + e->bias;
	mm->start_data = p->start_data + e->bias;
	mm->end_data = p->end_data + e->bias;
	set_brk(e);
	return err;
}
