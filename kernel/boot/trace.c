/* The boot's part in tracing: the rings, and how long each row of the boot took. Entry points: boot_trace_start(), boot_run_row(). */
#include "trace/trace.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/init.h"
#include "boot/boot.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/page.h"
#include "proc/proc.h"

#define RING_ORDER 6u             /* 256 KiB a CPU */
#define RING_ORDER_SMALL 4u       /* in a machine of less than SMALL_PAGES */
#define SMALL_PAGES ((128UL << 20) / PAGE_SIZE)

/* Rows that were over before the trace began. */
static struct { const char *name; u64 start, ns; } early[16];
static u32 n_early;

static void emit(const char *name, u64 start, u64 ns)
{
	TRACE_RECORD(boot_phase, e);
	e.start = start;
	e.ns = ns;
	trace_write_text(&e.h, name, (u32)strlen(name));
}

void boot_run_row(const struct boot_row *row)
{
	u64 start = arch_clock_ns();
	row->run();
	u64 ns = arch_clock_ns() - start;
	if (trace_on(boot_phase)) {
		emit(row->name, start, ns);
	} else if (n_early < ARRAY_SIZE(early)) {
		early[n_early].name = row->name;
		early[n_early].start = start;
		early[n_early++].ns = ns;
	}
}

void boot_trace_start(void)
{
	struct mem_info mi;
	if (!boot_params.trace_events)
		return;
	mem_info(&mi);
	u32 order = mi.total < SMALL_PAGES ? RING_ORDER_SMALL : RING_ORDER;
	for (u32 cpu = 0; cpu < min(min(arch_cpus_present(), boot_params.max_cpus), (u32)NR_CPUS); cpu++) {
		struct page *p = alloc_pages(order, PAGE_KERNEL);
		if (!p) {
			pr_warn("trace: no memory for the rings; nothing is traced");
			return;
		}
		trace_sink_memory(TRACE_SINK_HOST, cpu, page_virt(p), PAGE_SIZE << order);
	}
	trace_sink_enable(TRACE_SINK_HOST, boot_params.trace_events, !boot_params.trace_lossy);
	for (u32 i = 0; i < n_early; i++)
		emit(early[i].name, early[i].start, early[i].ns);
	proc_trace_names();
}
