/* The rarer files of a process: stack, sched, timers, numa_maps, mountstats, clear_refs, io, oom_adj, attr. Entry points: proc_show_* and proc_store_* of the tables in proc_pid.c. */
#include "fs/procfs.h"

#include <asm/siginfo.h>

#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/time.h"
#include "sched/timer.h"

typedef unsigned long long ull;

/* The calls it is in, for who may do anything; one that runs elsewhere has none to show. */
int proc_show_stack(struct text *t, const struct proc_node *n)
{
	u64 at[48];
	char name[96];
	if (!capable(CAP_SYS_ADMIN))
		return -EACCES;
	bool still = n->task == current || (!n->task->exit_state && !READ_ONCE(n->task->se.on_cpu));
	u32 calls = !still ? 0 : arch_stack_trace(task_thread(n->task), at, ARRAY_SIZE(at));
	for (u32 i = 0; i < calls; i++)
		text_printf(t, "[<0>] %s\n", arch_symbol(at[i], name, sizeof(name)));
	return 0;
}

/* --- sched ------------------------------------------------------------------------------------------------------------------------------------ */

static void put_count(struct text *t, const char *name, u64 v) { text_printf(t, "%-45s:%21llu\n", name, (ull)v); }
static void put_ms(struct text *t, const char *name, u64 ns)
{
	text_printf(t, "%-45s:%14llu.%06llu\n", name, (ull)(ns / 1000000), (ull)(ns % 1000000));
}

/* What this scheduler knows of what Linux's tells; it has no averages of load. */
int proc_show_sched(struct text *t, const struct proc_node *n)
{
	struct task *task = n->task;
	const struct sched_entity *e = &task->se;
	u32 threads = 0;
	struct task *th;
	spin_lock(&tasklist_lock);
	for_each_thread (task, th)
		threads++;
	spin_unlock(&tasklist_lock);
	proc_put_comm(t, task, false);
	text_printf(t, " (%d, #threads: %u)\n", pid_nr_in(task->thread_pid, n->ns), threads);
	text_puts(t, "-------------------------------------------------------------------\n");
	put_ms(t, "se.exec_start", READ_ONCE(e->exec_start));
	put_ms(t, "se.vruntime", READ_ONCE(e->vruntime));
	put_ms(t, "se.sum_exec_runtime", thread_runtime(task_thread(task)));
	put_count(t, "nr_switches", READ_ONCE(e->nvcsw) + READ_ONCE(e->nivcsw));
	put_count(t, "nr_voluntary_switches", READ_ONCE(e->nvcsw));
	put_count(t, "nr_involuntary_switches", READ_ONCE(e->nivcsw));
	put_count(t, "se.load.weight", (u64)READ_ONCE(e->weight) << 10);
	put_count(t, "policy", e->policy);
	put_count(t, "prio", e->prio ? 99u - e->prio : (u32)(120 + e->nice));
	u64 before = clock_mono();
	put_count(t, "clock-delta", clock_mono() - before);
	return 0;
}

/* --- timers ----------------------------------------------------------------------------------------------------------------------------------- */

int proc_show_timers(struct text *t, const struct proc_node *n)
{
	static const char *const kinds[] = { [SIGEV_SIGNAL] = "signal", [SIGEV_NONE] = "none", [SIGEV_THREAD] = "thread" };
	struct timer_info i;
	for (u32 nr = 0; posix_timer_info(n->task, nr, n->ns, &i); nr++)
		text_printf(t, "ID: %d\nsignal: %d/%016llx\nnotify: %s/%s.%d\nClockID: %d\n", i.id, i.signo, (ull)i.value, kinds[i.notify & ~SIGEV_THREAD_ID],
			i.notify & SIGEV_THREAD_ID ? "tid" : "pid", i.target, i.clock);
	return 0;
}

/* --- memory ----------------------------------------------------------------------------------------------------------------------------------- */

struct numa_walk {
	struct text *t;
	struct mm *mm;
	char *page;
};

/* One VMA: the machine has one node, and memory no policy. */
static int put_numa(const struct vma *v, u64 rss, void *arg)
{
	struct numa_walk *w = arg;
	struct mm_usage u = { 0 };
	const char *name = proc_vma_name(w->mm, v, w->page);
	if (v->special)
		name = NULL;
	text_printf(w->t, "%08llx default", (ull)v->start);
	if (name && proc_vma_has_file(v))
		text_printf(w->t, " file=%s", name);
	else if (name)
		text_printf(w->t, " %s", !strcmp(name, "[heap]") ? "heap" : "stack");
	mm_usage(w->mm, v->start, v->end, &u);
	if (u.rss) {
		u64 dirty = u.shared_dirty + u.private_dirty, most = mm_most_mappers(w->mm, v->start, v->end);
		if (u.anon)
			text_printf(w->t, " anon=%llu", (ull)u.anon);
		if (dirty)
			text_printf(w->t, " dirty=%llu", (ull)dirty);
		if (u.rss != u.anon && u.rss != dirty)
			text_printf(w->t, " mapped=%llu", (ull)u.rss);
		if (most > 1)
			text_printf(w->t, " mapmax=%llu", (ull)most);
		text_printf(w->t, " N0=%llu kernelpagesize_kB=%u", (ull)u.rss, (u32)(PAGE_SIZE >> 10));
	}
	text_puts(w->t, "\n");
	return w->t->failed;
}

int proc_show_numa_maps(struct text *t, const struct proc_node *n)
{
	struct numa_walk w = { .t = t, .mm = get_task_mm(n->task) };
	if (!w.mm)
		return 0;
	w.page = kmalloc(PAGE_SIZE);
	if (w.page)
		mm_for_each_vma(w.mm, put_numa, &w);
	int r = w.page ? 0 : -ENOMEM;
	kfree(w.page);
	mm_put_user(w.mm);
	return r;
}

int proc_store_clear_refs(const struct proc_node *n, char *buf, size_t len)
{
	s64 what;
	int err = proc_parse_s64(buf, &what);
	if (err || what < MM_CLEAR_ALL || what > MM_CLEAR_PEAK)
		return -EINVAL;
	if (!READ_ONCE(n->task->sighand))
		return -ESRCH;
	struct mm *mm = get_task_mm(n->task);
	if (!mm)
		return 0;
	err = mm_clear_refs(mm, (enum mm_clear)what);
	mm_put_user(mm);
	return err;
}

/* --- io ----------------------------------------------------------------------------------------------------------------------------------------- */

static int put_io(struct text *t, const struct io_count *c)
{
	text_printf(t, "rchar: %llu\nwchar: %llu\nsyscr: %llu\nsyscw: %llu\n", (unsigned long long)c->rchar, (unsigned long long)c->wchar,
		(unsigned long long)c->syscr, (unsigned long long)c->syscw);
	/* No storage is read or written in pages here. */
	text_puts(t, "read_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n");
	return 0;
}
/* All threads, those that are dead and the children that were reaped. */
int proc_show_io(struct text *t, const struct proc_node *n)
{
	struct io_count all;
	struct task *th;
	spin_lock(&tasklist_lock);
	all = n->task->signal->io_count;
	for_each_thread (n->task, th)
		io_count_add(&all, &th->io_count);
	spin_unlock(&tasklist_lock);
	return put_io(t, &all);
}
int proc_show_thread_io(struct text *t, const struct proc_node *n) { return put_io(t, &n->task->io_count); }

/* --- oom_adj ---------------------------------------------------------------------------------------------------------------------------------- */

#define OOM_SCORE_MAX 1000
#define OOM_ADJ_MAX 15
#define OOM_ADJ_NEVER (-17)

/* The scale before oom_score_adj's. */
int proc_show_old_oom_adj(struct text *t, const struct proc_node *n)
{
	s32 score = n->task->signal->oom_score_adj;
	text_printf(t, "%d\n", score == OOM_SCORE_MAX ? OOM_ADJ_MAX : score * -OOM_ADJ_NEVER / OOM_SCORE_MAX);
	return 0;
}

int proc_store_old_oom_adj(const struct proc_node *n, char *buf, size_t len)
{
	s64 v;
	if (proc_parse_s64(buf, &v) || ((v < -16 || v > OOM_ADJ_MAX) && v != OOM_ADJ_NEVER))
		return -EINVAL;
	return proc_set_oom_score(n->task, v == OOM_ADJ_MAX ? OOM_SCORE_MAX : (s32)v * OOM_SCORE_MAX / -OOM_ADJ_NEVER, false);
}

/* --- attr: what a security module would say; there is none -------------------------------------------------------------------------------------- */

static int no_attribute(struct text *t, const struct proc_node *n) { return -EINVAL; }
static int set_no_attribute(const struct proc_node *n, char *buf, size_t len) { return n->task == current ? -EINVAL : -EACCES; }
#define ATTRIBUTE(name_)                                                                                          \
	{                                                                                                             \
		.name = name_, .mode = S_IFREG | 0666, .show = no_attribute, .store = set_no_attribute, .at_offset = true \
	}
const struct proc_entry proc_attr_dir[PROC_ATTR_NR] = {
	ATTRIBUTE("current"),
	PROC_TEXT("prev", 0444, no_attribute),
	ATTRIBUTE("exec"),
	ATTRIBUTE("fscreate"),
	ATTRIBUTE("keycreate"),
	ATTRIBUTE("sockcreate"),
};
