/*
 * start_kernel(): process 0, from its first C code to the idle loop. The order of everything that is set up before process 1 exists is the
 * list in this file; what comes after is in init.c. Entry points: start_kernel() (from arch), start_secondary() (other CPUs), rest_init().
 */
#include <linux/sched.h>

#include "arch/x86_64/asm.h"
#include "arch/x86_64/hooks.h"
#include "arch/x86_64/init.h"
#include "arch/x86_64/memmap.h"
#include "boot/boot.h"
#include "fs/procfs.h"
#include "ipc/ipc.h"
#include "lib/bug.h"
#include "lib/log.h"
#include "lib/string.h"
#include "proc/proc.h"
#include "tty/tty.h"
#include "vfs/vfs.h"

_Static_assert(offsetof(struct thread, flags) == THREAD_FLAGS_OFFSET && offsetof(struct thread, arch) == 0 && TIF_WORK == THREAD_WORK_MASK &&
		       TIF_SYSCALL_TRACE == THREAD_EXIT_TRACE && TIF_NEW_REGS == THREAD_NEW_REGS &&
		       offsetof(struct task, arch) == 0,
	       "entry.S knows these");

extern char kernel_text_start[], kernel_end[]; /* linker script */

struct boot_params boot_params;
static char params_text[CMDLINE_MAX]; /* taken apart by the parser */

/* --- before there is memory ------------------------------------------------------------------------------------------------------------- */

static void init_params(void)
{
	memcpy(params_text, boot_info.cmdline, sizeof(params_text));
	boot_parse_params(params_text, &boot_params);
	for (u32 i = 0; i < boot_params.nr_consoles; i++)
		console_param(boot_params.consoles[i]);
	proc_cmdline = boot_info.cmdline;
	boot_console_apply();
}

/* Who holds what of the RAM that the firmware reported. */
static void init_memory_map(void)
{
	paddr_t end = boot_info.initrd + boot_info.initrd_size;
	if (boot_info.initrd && memmap_is_ram(boot_info.initrd, end)) {
		memmap_claim(boot_info.initrd, end, MEM_INITRD);
	} else if (boot_info.initrd) {
		pr_err("initramfs: lies beyond the end of memory, ignored");
		boot_info.initrd = 0;
	}
	if (boot_params.mem_limit)
		memmap_limit(boot_params.mem_limit);
	memmap_claim(0, PAGE_SIZE, MEM_KERNEL); /* so that physical address 0 is nobody's page */
	memmap_claim(TRAMPOLINE_BASE, TRAMPOLINE_BASE + PAGE_SIZE, MEM_KERNEL);
	memmap_claim((u64)kernel_text_start - KERNEL_BASE, (u64)kernel_end - KERNEL_BASE, MEM_KERNEL);
}

static void init_platform(void)
{
	arch_platform_init(boot_info.rsdp);
	log_clock = arch_clock_ns;
}

static const char *const kind_names[] = { "", "free", "kernel", "initramfs", "reserved" };

static void init_memory(void)
{
	int n;
	const struct mem_region *r = memmap_regions(&n);
	for (int i = 0; i < n; i++)
		pr_debug("boot: memory %#012llx-%#012llx %s", (unsigned long long)r[i].base, (unsigned long long)(r[i].base + r[i].size - 1),
			 kind_names[r[i].kind]);
	mm_init(r, n);
}

static void init_banner(void)
{
	pr_notice("Pando " PANDO_VERSION " (%u CPU%s, TSC %u.%03u MHz)", arch_cpus_present(), arch_cpus_present() == 1 ? "" : "s", arch_tsc_khz() / 1000,
		  arch_tsc_khz() % 1000);
	pr_notice("Kernel command line: %s", boot_info.cmdline);
}

static void init_sched(void)
{
	sched_init(task_thread(&init_task));
	sched_idle_work = mm_idle_work;
}

/* One row per step, top to bottom. Interrupts are off until the row "interrupts"; nothing may sleep before process 1 runs. */
static const struct boot_row init_order[] = {
	{ "parameters", init_params },
	{ "memory map", init_memory_map },
	{ "page tables", arch_paging_init },
	{ "platform", init_platform },
	{ "banner", init_banner },
	{ "memory", init_memory },
	{ "trace", boot_trace_start },
	{ "scheduler", init_sched },
	{ "clock", clock_init },
	{ "processes", proc_init },
	{ "file systems", vfs_init },
	{ "ipc", ipc_init },
	{ "interrupts", irq_enable },
};

/* --- process 0 -------------------------------------------------------------------------------------------------------------------------- */

/* Processes 1 and 2, in this order so that they get these numbers; process 1 waits until 2 exists. Then process 0 is the idle task of the boot CPU. */
static void __noreturn rest_init(void)
{
	long init = user_mode_thread(kernel_init, NULL, CLONE_FS);
	long threadd = kernel_thread(kthreadd, NULL, "kthreadd", CLONE_FS | CLONE_FILES);
	if (init != 1 || threadd != 2)
		panic("boot: process 1 is %ld, process 2 is %ld", init, threadd);
	kernel_init_release();
	sched_idle();
}

void start_kernel(paddr_t start_info)
{
	init_task.arch.kstack = boot_kstack;
	arch_early_init(task_thread(&init_task));
	arch_serial_init();
	boot_console_init();
	boot_read_info(start_info);
	for (u32 i = 0; i < ARRAY_SIZE(init_order); i++)
		boot_run_row(&init_order[i]);
	rest_init();
}

void start_secondary(void)
{
	sched_init_cpu(current_thread());
	arch_ap_online();
	sched_idle();
}
