/* /proc/PID/stat, status, statm and limits: what a process is. */
#include "fs/procfs.h"

#include <linux/sched.h>

#include "lib/format.h"
#include "lib/string.h"
#include "proc/seccomp.h"
#include "sched/timer.h"

#define NS_PER_TICK (NSEC_PER_SEC / 100) /* USER_HZ */
typedef unsigned long long ull;

void proc_put_comm(struct text *t, struct task *task, bool escape)
{
	char comm[16];
	spin_lock(&task->alloc_lock);
	memcpy(comm, task->comm, sizeof(comm));
	spin_unlock(&task->alloc_lock);
	comm[15] = 0;
	for (const char *p = comm; *p; p++) {
		if (escape && (*p == '\n' || *p == '\\'))
			text_puts(t, *p == '\n' ? "\\n" : "\\\\");
		else
			text_put(t, p, 1);
	}
}

static const char *state_text(struct task *t)
{
	u32 s = READ_ONCE(t->state);
	if (t->exit_state & EXIT_DEAD)
		return "X (dead)";
	if (t->exit_state)
		return "Z (zombie)";
	if (s & TASK_TRACED)
		return "t (tracing stop)";
	if (s & TASK_STOPPED)
		return "T (stopped)";
	if (s & TASK_PARKED)
		return "P (parked)";
	if (s & TASK_UNINTERRUPTIBLE)
		return "D (disk sleep)";
	if (s & TASK_INTERRUPTIBLE)
		return "S (sleeping)";
	return "R (running)";
}

/* What tasklist_lock and the sighand lock guard, taken at one moment. */
struct snapshot {
	s32 tid, tgid, ppid, pgrp, session, tracer;
	u32 threads;
	u64 min_flt, maj_flt, cmin_flt, cmaj_flt, utime, stime, cutime, cstime;
	ksigset_t pending, shared, blocked, ignored, caught;
	u32 queued;
	u32 users;
};

static void snapshot_signals(struct task *t, struct snapshot *s)
{
	u64 flags;
	if (!lock_task_sighand(t, &flags))
		return;
	s->pending = t->pending.set;
	s->shared = t->signal->shared_pending.set;
	s->blocked = t->blocked;
	for (int i = 0; i < NSIG_MAX; i++) {
		u64 h = t->sighand->action[i].handler;
		if (h == 1)
			s->ignored |= 1UL << i;
		else if (h)
			s->caught |= 1UL << i;
	}
	s->threads = t->signal->nr_threads;
	s->cutime = t->signal->cutime;
	s->cstime = t->signal->cstime;
	s->cmin_flt = t->signal->cmin_flt;
	s->cmaj_flt = t->signal->cmaj_flt;
	unlock_task_sighand(t, flags);
}

static void take_snapshot(struct task *t, const struct pid_namespace *ns, struct snapshot *s, bool whole)
{
	struct task *th;

	memset(s, 0, sizeof(*s));
	spin_lock(&tasklist_lock);
	if (t->real_parent && t->sighand) {
		s->tid = pid_nr_in(t->thread_pid, ns);
		s->tgid = pid_nr_in(t->signal->pids[PIDTYPE_TGID], ns);
		s->ppid = pid_nr_in(t->real_parent->signal->pids[PIDTYPE_TGID], ns);
		s->tracer = t->ptrace ? pid_nr_in(t->parent->thread_pid, ns) : 0;
		s->pgrp = pid_nr_in(t->signal->pids[PIDTYPE_PGID], ns);
		s->session = pid_nr_in(t->signal->pids[PIDTYPE_SID], ns);
	}
	if (whole) {
		s->min_flt = t->signal->min_flt;
		s->maj_flt = t->signal->maj_flt;
		for_each_thread(t, th) {
			s->min_flt += READ_ONCE(th->min_faults);
			s->maj_flt += READ_ONCE(th->maj_faults);
		}
	}
	spin_unlock(&tasklist_lock);
	snapshot_signals(t, s);
	if (whole) {
		thread_group_times(t, &s->utime, &s->stime);
	} else {
		s->min_flt = t->min_faults;
		s->maj_flt = t->maj_faults;
		thread_cpu_times(task_thread(t), &s->utime, &s->stime);
	}
}

/* --- stat ------------------------------------------------------------------------------------------------------------------------------- */
static void put_times(struct text *t, struct task *task, const struct snapshot *s)
{
	int nice = task->se.nice, prio = task->se.prio ? -1 - task->se.prio : 20 + nice;
	text_printf(t, " %llu %llu %llu %llu %llu %llu %llu %llu %d %d %u 0 %llu", (ull)s->min_flt, (ull)s->cmin_flt, (ull)s->maj_flt, (ull)s->cmaj_flt,
		(ull)(s->utime / NS_PER_TICK), (ull)(s->stime / NS_PER_TICK), (ull)(s->cutime / NS_PER_TICK), (ull)(s->cstime / NS_PER_TICK), prio, nice,
		s->threads, (ull)((task->start_time + (u64)my_clock_offset(true)) / NS_PER_TICK));
}

static int put_stat(struct text *t, const struct proc_node *n, bool whole)
{
	struct task *task = n->task;
	struct snapshot s;
	u64 tty;
	s32 tpgid;
	bool ok = proc_may_read(task) == 0;
	struct mm *mm = get_task_mm(task);

	take_snapshot(task, n->ns, &s, whole);
	hook_tty_info(task, n->ns, &tty, &tpgid);
	text_printf(t, "%d (", s.tid);
	proc_put_comm(t, task, true);
	text_printf(t, ") %c %d %d %d %u %d %u", state_text(task)[0], s.ppid, s.pgrp, s.session, (u32)tty, tpgid, task->pf & ~PF_SHM_MAKER);
	put_times(t, task, &s);
	text_printf(t, " %llu %llu %llu", mm ? (ull)mm->total_pages << PAGE_SHIFT : 0, mm ? (ull)mm_rss(mm) : 0, (ull)READ_ONCE(task->signal->rlim.r[5].cur));
	text_printf(t, " %llu %llu %llu 0 0", mm ? ok ? (ull)mm->start_code : 1 : 0, mm ? ok ? (ull)mm->end_code : 1 : 0, mm && ok ? (ull)mm->start_stack : 0);
	text_printf(t, " %llu %llu %llu %llu %d 0 0 %d %u %u %u 0 0 0", (ull)(s.pending & 0x7fffffff), (ull)(s.blocked & 0x7fffffff),
		(ull)(s.ignored & 0x7fffffff), (ull)(s.caught & 0x7fffffff), state_text(task)[0] == 'R' ? 0 : 1, task->exit_signal,
		thread_cpu(task_thread(task)), task->se.rt_prio, task->se.policy);
	if (mm && ok)
		text_printf(t, " %llu %llu %llu %llu %llu %llu %llu", (ull)mm->start_data, (ull)mm->end_data, (ull)mm->brk_start, (ull)mm->arg_start,
			(ull)mm->arg_end, (ull)mm->env_start, (ull)mm->env_end);
	else
		text_puts(t, " 0 0 0 0 0 0 0");
	text_printf(t, " %d\n", ok ? task->exit_code : 0);
	if (mm)
		mm_put_user(mm);
	return 0;
}
int proc_show_stat(struct text *t, const struct proc_node *n) { return put_stat(t, n, true); }
int proc_show_thread_stat(struct text *t, const struct proc_node *n) { return put_stat(t, n, false); }

/* --- statm ------------------------------------------------------------------------------------------------------------------------------ */
int proc_show_statm(struct text *t, const struct proc_node *n)
{
	struct mm_split r;
	struct mm *mm = get_task_mm(n->task);
	if (!mm) {
		text_puts(t, "0 0 0 0 0 0 0\n");
		return 0;
	}
	proc_mm_split(mm, &r);
	u64 text_pages = (ALIGN_UP(mm->end_code, PAGE_SIZE) - ALIGN_DOWN(mm->start_code, PAGE_SIZE)) >> PAGE_SHIFT;
	text_printf(t, "%llu %llu %llu %llu 0 %llu 0\n", (ull)mm->total_pages, (ull)(r.anon + r.file + r.shmem), (ull)(r.file + r.shmem), (ull)text_pages,
		(ull)(r.data + r.stack));
	mm_put_user(mm);
	return 0;
}

/* --- status ----------------------------------------------------------------------------------------------------------------------------- */
static void kib(struct text *t, const char *name, u64 pages) { text_printf(t, "%s:\t%8llu kB\n", name, (ull)pages << (PAGE_SHIFT - 10)); }

static void put_memory(struct text *t, struct mm *mm, bool dumping)
{
	struct mm_split r;
	mm_sample_hiwater(mm);
	proc_mm_split(mm, &r);
	u64 rss = r.anon + r.file + r.shmem;
	u64 exe = (ALIGN_UP(mm->end_code, PAGE_SIZE) - ALIGN_DOWN(mm->start_code, PAGE_SIZE)) >> PAGE_SHIFT;
	kib(t, "VmPeak", max(mm->hiwater_pages, mm->total_pages));
	kib(t, "VmSize", mm->total_pages);
	kib(t, "VmLck", mm->locked_pages);
	kib(t, "VmPin", 0);
	kib(t, "VmHWM", max(mm->hiwater_rss, rss));
	kib(t, "VmRSS", rss);
	kib(t, "RssAnon", r.anon);
	kib(t, "RssFile", r.file);
	kib(t, "RssShmem", r.shmem);
	kib(t, "VmData", r.data);
	kib(t, "VmStk", r.stack);
	kib(t, "VmExe", min(exe, r.exec));
	kib(t, "VmLib", r.exec - min(exe, r.exec));
	kib(t, "VmPTE", mm_table_pages(mm));
	kib(t, "VmSwap", 0);
	text_printf(t, "HugetlbPages:\t       0 kB\nCoreDumping:\t%d\nTHP_enabled:\t0\nuntag_mask:\t0xffffffffffffffff\n", dumping);
}

static u32 fd_slots(struct task *t)
{
	struct fdtable *files = proc_task_files(t);
	u32 n = files ? fdtable_size(files) : 0;
	if (files)
		fdtable_put(files);
	return n;
}

static void put_cred(struct text *t, struct task *task)
{
	const struct cred *c = proc_task_cred(task);
	if (!c)
		return;
	text_printf(t, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", my_uid(c->uid), my_uid(c->euid), my_uid(c->suid),
		my_uid(c->fsuid), my_gid(c->gid), my_gid(c->egid), my_gid(c->sgid), my_gid(c->fsgid));
	text_printf(t, "FDSize:\t%u\nGroups:\t", fd_slots(task));
	for (u32 i = 0; c->groups && i < c->groups->n; i++)
		text_printf(t, "%u ", my_gid(c->groups->gid[i]));
	text_puts(t, c->groups && c->groups->n ? "\n" : " \n");
	cred_put(c);
}

static void put_caps(struct text *t, struct task *task)
{
	const struct cred *c = proc_task_cred(task);
	if (!c)
		return;
	text_printf(t, "CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\nCapAmb:\t%016llx\n", (ull)c->cap_inheritable,
		(ull)c->cap_permitted, (ull)c->cap_effective, (ull)c->cap_bset, (ull)c->cap_ambient);
	text_printf(t, "NoNewPrivs:\t%u\nSeccomp:\t%u\nSeccomp_filters:\t%u\n", task_no_new_privs(task), READ_ONCE(task->seccomp_mode),
		seccomp_filter_count(task));
	/* Nobody's speculation can be controlled one by one. */
	text_puts(t, "Speculation_Store_Bypass:\tunknown\nSpeculationIndirectBranch:\tunsupported\n");
	cred_put(c);
}

static void put_cpus(struct text *t, struct task *task)
{
	u64 all = (1UL << nr_cpus) - 1, mask = task->se.affinity & all;
	bool first = true;
	text_printf(t, "Cpus_allowed:\t%llx\nCpus_allowed_list:\t", (ull)mask);
	for (u32 a = 0; a < nr_cpus; a++) {
		u32 b = a;
		if (!(mask >> a & 1))
			continue;
		while (b + 1 < nr_cpus && (mask >> (b + 1) & 1))
			b++;
		text_printf(t, a == b ? "%s%u" : "%s%u-%u", first ? "" : ",", a, b);
		first = false;
		a = b;
	}
	text_puts(t, "\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
}

static u32 umask_of(struct task *t, bool *has)
{
	u32 mask = 0;
	spin_lock(&t->alloc_lock);
	*has = t->fs != NULL;
	if (t->fs)
		mask = t->fs->umask;
	spin_unlock(&t->alloc_lock);
	return mask;
}

/* A pid at each level from this mount's namespace downwards. */
static void put_levels(struct text *t, const char *name, struct task *task, enum pid_type type, const struct pid_namespace *ns)
{
	s32 nr[PID_MAX_LEVEL + 2];
	u32 n = 0;
	spin_lock(&tasklist_lock);
	const struct pid *pid = type == PIDTYPE_PID ? task->thread_pid : task->sighand ? task->signal->pids[type] : NULL;
	for (u32 i = ns->level; pid && i <= pid->level; i++)
		nr[n++] = pid->numbers[i].nr;
	spin_unlock(&tasklist_lock);
	text_puts(t, name);
	for (u32 i = 0; i < n; i++)
		text_printf(t, "\t%d", nr[i]);
	text_puts(t, "\n");
}

static void put_names(struct text *t, const struct proc_node *n, struct task *task, const struct snapshot *s)
{
	bool has;
	u32 mask = umask_of(task, &has);

	text_puts(t, "Name:\t");
	proc_put_comm(t, task, true);
	text_puts(t, "\n");
	if (has)
		text_printf(t, "Umask:\t%#04o\n", mask);
	text_printf(t, "State:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n", state_text(task), s->tgid, s->tid, s->ppid, s->tracer);
	put_cred(t, task);
	put_levels(t, "NStgid:", task, PIDTYPE_TGID, n->ns);
	put_levels(t, "NSpid:", task, PIDTYPE_PID, n->ns);
	put_levels(t, "NSpgid:", task, PIDTYPE_PGID, n->ns);
	put_levels(t, "NSsid:", task, PIDTYPE_SID, n->ns);
	text_printf(t, "Kthread:\t%u\n", (task->pf & PF_KTHREAD) != 0);
}

int proc_show_status(struct text *t, const struct proc_node *n)
{
	struct task *task = n->task;
	struct snapshot s;
	struct mm *mm = get_task_mm(task);
	const struct cred *c = proc_task_cred(task);

	take_snapshot(task, n->ns, &s, false);
	put_names(t, n, task, &s);
	if (mm) {
		put_memory(t, mm, READ_ONCE(task->signal->core) != NULL);
		mm_put_user(mm);
	}
	text_printf(t, "Threads:\t%u\nSigQ:\t%lld/%llu\n", s.threads, c && c->user ? (long long)atomic64_read(&c->user->used[USERNS_SIGPENDING]) : 0,
		(ull)READ_ONCE(task->signal->rlim.r[11].cur));
	if (c)
		cred_put(c);
	text_printf(t, "SigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\nSigIgn:\t%016llx\nSigCgt:\t%016llx\n", (ull)s.pending, (ull)s.shared,
		(ull)s.blocked, (ull)s.ignored, (ull)s.caught);
	put_caps(t, task);
	put_cpus(t, task);
	text_printf(t, "voluntary_ctxt_switches:\t%llu\nnonvoluntary_ctxt_switches:\t%llu\n", (ull)task->se.nvcsw, (ull)task->se.nivcsw);
	text_puts(t, "x86_Thread_features:\t\nx86_Thread_features_locked:\t\n");
	return 0;
}

/* --- limits ----------------------------------------------------------------------------------------------------------------------------- */
int proc_show_limits(struct text *t, const struct proc_node *n)
{
	static const struct { const char *name, *unit; } rows[16] = {
		{ "Max cpu time", "seconds" }, { "Max file size", "bytes" }, { "Max data size", "bytes" }, { "Max stack size", "bytes" },
		{ "Max core file size", "bytes" }, { "Max resident set", "bytes" }, { "Max processes", "processes" }, { "Max open files", "files" },
		{ "Max locked memory", "bytes" }, { "Max address space", "bytes" }, { "Max file locks", "locks" }, { "Max pending signals", "signals" },
		{ "Max msgqueue size", "bytes" }, { "Max nice priority", NULL }, { "Max realtime priority", NULL }, { "Max realtime timeout", "us" },
	};
	text_printf(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		struct rlimit_pair r = n->task->signal->rlim.r[i];
		char v[2][24];
		for (u32 k = 0; k < 2; k++) {
			u64 x = k ? r.max : r.cur;
			if (x == ~0UL)
				str_copy(v[k], "unlimited", sizeof(v[k]));
			else
				format_str(v[k], sizeof(v[k]), "%llu", (ull)x);
		}
		text_printf(t, "%-25s %-20s %-20s ", rows[i].name, v[0], v[1]);
		if (rows[i].unit)
			text_printf(t, "%-10s\n", rows[i].unit);
		else
			text_puts(t, "\n");
	}
	return 0;
}
