/* The vDSO's two mappings and its data page. Entry points: vdso_map() (exec), vdso_update() (the clock was set). */
#include "proc/vdso.h"

#include <linux/mman.h>

#include "arch/x86_64/arch.h"
#include "lib/string.h"
#include "sched/spinlock.h"
#include "sched/timer.h"
#include "uapi/vdso_data.h"
#include "vfs/ns.h"

#define MAX_PAGES 4

/* The finished shared object, in the kernel's read-only data: vdso/image.S. */
extern const char vdso_image[], vdso_image_end[];

/* The data page, and the pages of the code: constant once data_page[0] is set (by the first exec, which is process 1's alone). */
static const struct page *data_page[1], *ask_page[1]; /* ask_page: mult 0, so that the clocks are asked for in the kernel (time namespaces) */
static const struct page *code_pages[MAX_PAGES];
static DEFINE_SPINLOCK(update_lock, RANK_CONSOLE);

static u64 code_size(void) { return (u64)(vdso_image_end - vdso_image); }

/* Is there RDTSCP, with the CPU's number in TSC_AUX (cpu_modes())? */
static bool have_rdtscp(void)
{
	u32 a = 0x80000000, b, c = 0, d;
	__asm__ __volatile__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (a < 0x80000001)
		return false;
	a = 0x80000001;
	c = 0;
	__asm__ __volatile__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return d >> 27 & 1;
}

void vdso_update(void)
{
	if (!READ_ONCE(data_page[0]))
		return;
	struct vdso_data *d = page_virt(data_page[0]);
	const struct arch_clock *c = arch_clock_params();
	u64 f = spin_lock_irqsave(&update_lock);
	smp_store_release(&d->seq, d->seq + 1);
	smp_mb();
	d->base_tsc = c->base_tsc;
	d->base_ns = c->base_ns;
	d->mult = c->mult;
	d->shift = c->shift;
	d->real_offset = clock_real_offset();
	smp_store_release(&d->seq, d->seq + 1);
	spin_unlock_irqrestore(&update_lock, f);
}

/* 0 or -ENOMEM. */
static int vdso_init(void)
{
	struct page *p = alloc_zeroed_page(PAGE_KERNEL), *ask = alloc_zeroed_page(PAGE_KERNEL);
	if (!p || !ask)
		return -ENOMEM; /* process 1 does not start: nobody will miss the other page */
	for (u64 i = 0; i < code_size() / PAGE_SIZE && i < MAX_PAGES; i++)
		code_pages[i] = phys_page((u64)vdso_image - KERNEL_BASE + i * PAGE_SIZE);
	struct vdso_data *d = page_virt(p);
	d->rdtscp = ((struct vdso_data *)page_virt(ask))->rdtscp = have_rdtscp();
	ask_page[0] = ask;
	smp_store_release(&data_page[0], p);
	vdso_update();
	return 0;
}

static int map_data(struct mm *mm, u64 at, bool ask)
{
	uaddr_t got;
	struct map_request data = {
		.addr = at, .len = PAGE_SIZE, .prot = PROT_READ, .flags = MAP_PRIVATE | MAP_FIXED,
		.vm_extra = VM_SPECIAL | VM_DONTDUMP, .special = ask ? ask_page : data_page, .max_flags_drop = VM_MAYWRITE | VM_MAYEXEC,
	};
	return do_mmap(mm, &data, &got);
}

int vdso_switch(struct mm *mm, bool ask) { return mm->vdso ? map_data(mm, mm->vdso - PAGE_SIZE, ask) : 0; }

int vdso_map(struct mm *mm)
{
	u64 at, size = min(code_size(), MAX_PAGES * PAGE_SIZE);
	int err = data_page[0] ? 0 : vdso_init();
	if (!err)
		err = mm_find_hole(mm, PAGE_SIZE + size, &at);
	if (err)
		return err;
	struct map_request code = {
		.addr = at + PAGE_SIZE, .len = size, .prot = PROT_READ | PROT_EXEC, .flags = MAP_PRIVATE | MAP_FIXED,
		.vm_extra = VM_SPECIAL, .special = code_pages, .max_flags_drop = VM_MAYWRITE,
	};
	uaddr_t got;
	err = map_data(mm, at, current_nsproxy()->time != &init_time_ns);
	if (!err)
		err = do_mmap(mm, &code, &got);
	if (!err)
		mm->vdso = at + PAGE_SIZE;
	return err;
}
