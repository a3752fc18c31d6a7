/* The root of /proc: what concerns the whole machine. Formats are Linux's, byte for byte where a program parses them. */
#include "fs/proc_ipc.h"

#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/commit.h"
#include "mm/slab.h"
#include "proc/cgroup.h"
#include "sched/timer.h"
#include "vfs/blkdev.h"

#define NS_PER_TICK (NSEC_PER_SEC / 100) /* USER_HZ */

static void kib(struct text *t, const char *name, u64 pages)
{
	text_printf(t, "%-15s %8llu kB\n", name, (unsigned long long)pages << (PAGE_SHIFT - 10));
}

static int show_meminfo(struct text *t, const struct proc_node *n)
{
	struct mem_info m;

	mem_info(&m);
	u64 free = m.free, known = free + m.cached + m.slab + m.tables;
	/* The initramfs's pages, mapped in place, count as cache but were never the allocator's. */
	m.total = max(m.total, known);
	u64 anon = m.total - known;
	kib(t, "MemTotal:", m.total);
	kib(t, "MemFree:", free);
	kib(t, "MemAvailable:", free + m.cached - min(m.cached, m.shared));
	kib(t, "Buffers:", 0);
	kib(t, "Cached:", m.cached);
	kib(t, "SwapCached:", 0);
	kib(t, "Active:", anon);
	kib(t, "Inactive:", m.cached);
	kib(t, "Active(anon):", anon);
	kib(t, "Inactive(anon):", 0);
	kib(t, "Active(file):", 0);
	kib(t, "Inactive(file):", m.cached);
	kib(t, "Unevictable:", 0);
	kib(t, "Mlocked:", 0);
	kib(t, "SwapTotal:", 0);
	kib(t, "SwapFree:", 0);
	kib(t, "Dirty:", 0);
	kib(t, "Writeback:", 0);
	kib(t, "AnonPages:", anon);
	kib(t, "Mapped:", 0);
	kib(t, "Shmem:", m.shared);
	kib(t, "KReclaimable:", 0);
	kib(t, "Slab:", m.slab);
	kib(t, "SReclaimable:", 0);
	kib(t, "SUnreclaim:", m.slab);
	kib(t, "KernelStack:", (u64)nr_threads_total * (KSTACK_SIZE / PAGE_SIZE));
	kib(t, "PageTables:", m.tables);
	kib(t, "CommitLimit:", commit_limit());
	kib(t, "Committed_AS:", commit_total());
	return 0;
}

static int show_cpuinfo(struct text *t, const struct proc_node *n)
{
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		char *p = text_room(t, 4096);
		if (!p)
			return -ENOMEM;
		int len = arch_cpuinfo(cpu, p, 4096);
		t->len += (size_t)min(len, 4095);
	}
	return 0;
}

static void cpu_line(struct text *t, const char *name, u64 user, u64 nice, u64 system, u64 idle)
{
	text_printf(t, "%s %llu %llu %llu %llu 0 0 0 0 0 0\n", name, (unsigned long long)((user - min(nice, user)) / NS_PER_TICK),
		(unsigned long long)(nice / NS_PER_TICK), (unsigned long long)(system / NS_PER_TICK), (unsigned long long)(idle / NS_PER_TICK));
}

static u32 count_blocked(void)
{
	struct task *p, *th;
	u32 n = 0;
	spin_lock(&tasklist_lock);
	for_each_process (p)
		for_each_thread (p, th)
			n += (READ_ONCE(th->state) & TASK_UNINTERRUPTIBLE) && !th->exit_state && !(th->flags & TIF_KTHREAD);
	spin_unlock(&tasklist_lock);
	return n;
}

static void put_intr(struct text *t);
static int show_stat(struct text *t, const struct proc_node *n)
{
	u64 u, s, i, su = 0, sn = 0, ss = 0, si = 0;
	char name[16];

	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		sched_cpu_stat(cpu, &u, &s, &i);
		su += u;
		sn += sched_cpu_nice(cpu);
		ss += s;
		si += i;
	}
	cpu_line(t, "cpu ", su, sn, ss, si);
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		sched_cpu_stat(cpu, &u, &s, &i);
		format_str(name, sizeof(name), "cpu%u", cpu);
		cpu_line(t, name, u, sched_cpu_nice(cpu), s, i);
	}
	put_intr(t);
	text_printf(t, "ctxt %llu\nbtime %llu\nprocesses %llu\nprocs_running %llu\nprocs_blocked %u\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n",
		(unsigned long long)sched_context_switches(), (unsigned long long)((clock_real() - clock_mono() - (u64)my_clock_offset(true)) / NSEC_PER_SEC),
		(unsigned long long)READ_ONCE(total_forks), (unsigned long long)max(sched_nr_running(), 1UL), count_blocked());
	return 0;
}

static int show_uptime(struct text *t, const struct proc_node *n)
{
	u64 now = clock_mono() + (u64)my_clock_offset(true), idle = 0, u, s, i;
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		sched_cpu_stat(cpu, &u, &s, &i);
		idle += i;
	}
	text_printf(t, "%llu.%02llu %llu.%02llu\n", (unsigned long long)(now / NSEC_PER_SEC), (unsigned long long)(now / NS_PER_TICK % 100),
		(unsigned long long)(idle / NSEC_PER_SEC), (unsigned long long)(idle / NS_PER_TICK % 100));
	return 0;
}

static int show_loadavg(struct text *t, const struct proc_node *n)
{
	u64 avg[3];
	sched_loadavg(avg);
	for (int i = 0; i < 3; i++) {
		u64 v = avg[i] + (1 << 11) / 200;
		text_printf(t, "%llu.%02llu ", (unsigned long long)(v >> 11), (unsigned long long)((v & 2047) * 100 >> 11));
	}
	text_printf(t, "%llu/%u %d\n", (unsigned long long)max(sched_nr_running(), 1UL), READ_ONCE(nr_threads_total), READ_ONCE(current_pid_ns()->last));
	return 0;
}

static int show_version(struct text *t, const struct proc_node *n)
{
	text_printf(t, "Linux version %s (pando@pando) (gcc " __VERSION__ ") %s\n", uts_release, uts_version);
	return 0;
}

static int show_cmdline(struct text *t, const struct proc_node *n)
{
	text_printf(t, "%s\n", proc_cmdline);
	return 0;
}

static int show_cgroups(struct text *t, const struct proc_node *n)
{
	text_puts(t, "#subsys_name\thierarchy\tnum_cgroups\tenabled\n");
	for (u32 c = 0; c < CGC_COUNT; c++)
		if (CGC_BUILT >> c & 1)
			text_printf(t, "%s\t0\t%u\t1\n", cgroup_controller_name[c], READ_ONCE(root_cgroup.nr_descendants) + 1);
	return 0;
}

static int show_filesystems(struct text *t, const struct proc_node *n)
{
	struct fs_type *fs;
	for (u32 i = 0; (fs = filesystem_at(i)); i++)
		text_printf(t, "%s\t%s\n", fs->nodev ? "nodev" : "", fs->name);
	return 0;
}

static int show_devices(struct text *t, const struct proc_node *n)
{
	text_puts(t, "Character devices:\n  1 mem\n  4 /dev/vc/0\n  4 tty\n  4 ttyS\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n"
				 "128 ptm\n136 pts\n229 hvc\n244 virtio-portsdev\n\nBlock devices:\n");
	if (blkdev_at(0))
		text_printf(t, "%3u virtblk\n", MAJOR(blkdev_at(0)->rdev));
	return 0;
}

static int show_swaps(struct text *t, const struct proc_node *n)
{
	text_puts(t, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	return 0;
}
static int show_nothing(struct text *t, const struct proc_node *n) { return 0; }

static const struct {
	char name[4];
	const char *text;
} irq_kinds[ARCH_IRQ_KINDS] = {
	[ARCH_IRQ_TIMER] = { "LOC", "Local timer interrupts" },
	[ARCH_IRQ_RESCHED] = { "RES", "Rescheduling interrupts" },
	[ARCH_IRQ_TLB] = { "TLB", "TLB shootdowns" },
};

/* Device interrupts all go to the first CPU. */
static int show_interrupts(struct text *t, const struct proc_node *n)
{
	const char *name;
	u64 count;
	text_puts(t, "           ");
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		text_printf(t, "CPU%-8u", cpu);
	text_puts(t, "\n");
	for (u32 line = 0; line < ARCH_IRQ_LINES; line++) {
		if (!arch_irq_line(line, &name, &count))
			continue;
		text_printf(t, "%3u:", line);
		for (u32 cpu = 0; cpu < nr_cpus; cpu++)
			text_printf(t, " %10llu", (unsigned long long)(cpu ? 0 : count));
		text_printf(t, "   IO-APIC  %2u-edge      %s\n", line, name);
	}
	for (u32 k = 0; k < ARCH_IRQ_KINDS; k++) {
		text_printf(t, "%s:", irq_kinds[k].name);
		for (u32 cpu = 0; cpu < nr_cpus; cpu++)
			text_printf(t, " %10llu", (unsigned long long)arch_irq_count(cpu, k));
		text_printf(t, "   %s\n", irq_kinds[k].text);
	}
	return 0;
}

/* The total, then each device line. */
static void put_intr(struct text *t)
{
	u64 total = 0, counts[ARCH_IRQ_LINES];
	const char *name;
	for (u32 line = 0; line < ARCH_IRQ_LINES; line++) {
		arch_irq_line(line, &name, &counts[line]);
		total += counts[line];
	}
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		for (u32 k = 0; k < ARCH_IRQ_KINDS; k++)
			total += arch_irq_count(cpu, k);
	text_printf(t, "intr %llu", (unsigned long long)total);
	for (u32 line = 0; line < ARCH_IRQ_LINES; line++)
		text_printf(t, " %llu", (unsigned long long)counts[line]);
	text_puts(t, "\n");
}

static int show_slabinfo(struct text *t, const struct proc_node *n)
{
	struct slab_info s;
	text_puts(t, "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> "
				 "<batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	for (u32 i = 0; slab_info(i, &s); i++) {
		u64 per = s.size && s.size <= PAGE_SIZE ? PAGE_SIZE / s.size : 1;
		u64 all = max(s.active, s.pages * per);
		text_printf(t, "%-17s %6llu %6llu %6llu %4llu %4d : tunables %4u %4u %4u : slabdata %6llu %6llu %6u\n", s.name, (unsigned long long)s.active,
			(unsigned long long)all, (unsigned long long)s.size, (unsigned long long)per, 1, 0, 0, 0, (unsigned long long)s.pages,
			(unsigned long long)s.pages, 0);
	}
	return 0;
}

/* Where things are is for those who may read the log. */
u32 kptr_restrict;
static int show_kallsyms(struct text *t, const struct proc_node *n)
{
	bool shown = READ_ONCE(kptr_restrict) < 2 && capable(CAP_SYSLOG);
	const char *name = NULL;
	u64 addr;
	for (u32 i = 0; arch_symbol_next(i, &addr, &name); i++)
		text_printf(t, "%016lx T %s\n", shown ? addr : 0, name);
	return 0;
}

static int show_vmstat(struct text *t, const struct proc_node *n)
{
	struct mem_info m;
	struct task *p, *th;
	u64 min_flt = 0, maj_flt = 0;

	mem_info(&m);
	spin_lock(&tasklist_lock);
	for_each_process (p) {
		min_flt += p->signal->min_flt + p->signal->cmin_flt;
		maj_flt += p->signal->maj_flt + p->signal->cmaj_flt;
		for_each_thread (p, th) {
			min_flt += READ_ONCE(th->min_faults);
			maj_flt += READ_ONCE(th->maj_faults);
		}
	}
	spin_unlock(&tasklist_lock);
	text_printf(t,
		"nr_free_pages %llu\nnr_file_pages %llu\nnr_shmem %llu\nnr_slab_unreclaimable %llu\nnr_page_table_pages %llu\nnr_kernel_stack %llu\n",
		(unsigned long long)(m.free), (unsigned long long)m.cached, (unsigned long long)m.shared, (unsigned long long)m.slab,
		(unsigned long long)m.tables, (unsigned long long)nr_threads_total * (KSTACK_SIZE >> 10));
	text_printf(t, "pgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault %llu\npgmajfault %llu\noom_kill 0\n", (unsigned long long)(min_flt + maj_flt),
		(unsigned long long)maj_flt);
	return 0;
}

static int show_tty_drivers(struct text *t, const struct proc_node *n)
{
	text_puts(t, "/dev/tty             /dev/tty        5       0 system:/dev/tty\n"
				 "/dev/console         /dev/console    5       1 system:console\n"
				 "/dev/ptmx            /dev/ptmx       5       2 system\n"
				 "serial               /dev/ttyS       4 64-67 serial\n"
				 "pty_slave            /dev/pts      136 0-1023 pty:slave\n"
				 "pty_master           /dev/ptm      128 0-1023 pty:master\n"
				 "hvc                  /dev/hvc      229 0-7 system\n");
	return 0;
}

static int self_link(const struct proc_node *n, char *buf, size_t size)
{
	s32 nr = proc_my_tgid(n);
	return nr ? format_str(buf, size, "%d", nr) : -ENOENT;
}
static int thread_self_link(const struct proc_node *n, char *buf, size_t size)
{
	s32 nr = proc_my_tgid(n);
	return nr ? format_str(buf, size, "%d/task/%d", nr, pid_nr_in(current->thread_pid, n->ns)) : -ENOENT;
}
static int text_link(const struct proc_node *n, char *buf, size_t size) { return format_str(buf, size, "%s", (const char *)n->e->data); }

static const struct proc_entry tty_dir[] = { PROC_TEXT("drivers", 0444, show_tty_drivers) };

static struct proc_entry const root_dir[] = {
	{ .name = "self", .mode = S_IFLNK | 0777, .link = self_link },
	{ .name = "thread-self", .mode = S_IFLNK | 0777, .link = thread_self_link },
	{ .name = "mounts", .mode = S_IFLNK | 0777, .link = text_link, .data = "self/mounts" },
	{ .name = "net", .mode = S_IFLNK | 0777, .link = text_link, .data = "self/net" },
	PROC_TEXT("cgroups", 0444, show_cgroups),
	PROC_TEXT("filesystems", 0444, show_filesystems),
	PROC_TEXT("meminfo", 0444, show_meminfo),
	PROC_TEXT("cpuinfo", 0444, show_cpuinfo),
	PROC_TEXT("stat", 0444, show_stat),
	PROC_TEXT("uptime", 0444, show_uptime),
	PROC_TEXT("loadavg", 0444, show_loadavg),
	PROC_TEXT("version", 0444, show_version),
	PROC_TEXT("cmdline", 0444, show_cmdline),
	PROC_TEXT("devices", 0444, show_devices),
	PROC_TEXT("partitions", 0444, proc_show_partitions),
	PROC_TEXT("diskstats", 0444, proc_show_diskstats),
	PROC_TEXT("modules", 0444, show_nothing),
	PROC_TEXT("swaps", 0444, show_swaps),
	PROC_TEXT("interrupts", 0444, show_interrupts),
	PROC_TEXT("kallsyms", 0444, show_kallsyms),
	PROC_TEXT("locks", 0444, proc_show_locks),
	PROC_TEXT("slabinfo", 0400, show_slabinfo),
	PROC_TEXT("vmstat", 0444, show_vmstat),
	PROC_TEXT("pando", 0444, proc_show_pando),
	PROC_TEXT("births_idle", 0444, proc_show_births_idle),
	PROC_TEXT("births_failed", 0444, proc_show_births_failed),
	PROC_DIR("tty", 0555, tty_dir),
	{ .name = "sysvipc", .mode = S_IFDIR | 0555, .dir = proc_sysvipc_dir, .nr = PROC_SYSVIPC_NR },
	{ .name = "sys", .mode = S_IFDIR | 0555, .dir = proc_sys_dir, .nr = PROC_SYS_NR },
};
const struct proc_entry proc_root = {
	.name = "/", .mode = S_IFDIR | 0555, .dir = root_dir, .nr = ARRAY_SIZE(root_dir), .lookup = proc_pid_lookup, .list = proc_root_list
};
