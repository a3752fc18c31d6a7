/*
 * Process directories: /proc/PID, /proc/PID/task/TID, who may look, the links cwd, root and exe, and the small files. Any thread's number finds a
 * directory; only processes (thread group leaders, zombies too) are listed.
 */
#include "fs/procfs.h"

#include <linux/limits.h>

#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/cgroup.h"
#include "proc/ns.h"
#include "proc/trace_points.h"

/* Positions of the numbered entries of a directory: LIST_BASE + number. All fixed entries lie below. */
#define LIST_BASE 256u
#define BATCH 64u

/* --- who may look ----------------------------------------------------------------------------------------------------------------------- */
const struct cred *proc_task_cred(struct task *t)
{
	spin_lock(&t->alloc_lock);
	const struct cred *c = t->cred;
	if (c)
		cred_get(c);
	spin_unlock(&t->alloc_lock);
	return c;
}

static u32 task_dumpable(struct task *t)
{
	u32 d = 1;
	spin_lock(&t->alloc_lock);
	if (t->mm)
		d = t->mm->dumpable;
	spin_unlock(&t->alloc_lock);
	return d;
}

int proc_may_read(struct task *t) { return task_may_access(t, false) ? 0 : -EACCES; }

s32 proc_my_tgid(const struct proc_node *n) { return pid_nr_in(current->signal->pids[PIDTYPE_TGID], n->ns); }

void proc_owner(struct task *t, u32 *uid, u32 *gid)
{
	*uid = *gid = 0;
	if (task_dumpable(t) != 1)
		return;
	const struct cred *c = proc_task_cred(t);
	if (!c)
		return;
	*uid = c->euid;
	*gid = c->egid;
	cred_put(c);
}

static int may_read_node(const struct proc_node *n) { return proc_may_read(n->task); }
static int may_attach_node(const struct proc_node *n) { return task_may_attach(n->task, false) ? 0 : -EACCES; }

/* --- links ------------------------------------------------------------------------------------------------------------------------------ */
static int task_path(struct task *t, bool root, struct path *out)
{
	int r = -ENOENT;
	spin_lock(&t->alloc_lock);
	struct fs_context *fs = t->fs;
	if (fs)
		fs_context_get(fs);
	spin_unlock(&t->alloc_lock);
	if (!fs)
		return r;
	spin_lock(&fs->lock);
	*out = root ? fs->root : fs->cwd;
	path_get(out);
	spin_unlock(&fs->lock);
	fs_context_put(fs);
	return 0;
}

static int exe_path(struct task *t, struct path *out)
{
	struct mm *mm = get_task_mm(t);
	int r = -ENOENT;
	if (!mm)
		return r;
	if (mm->exe) {
		*out = mm->exe->path;
		path_get(out);
		r = 0;
	}
	mm_put_user(mm);
	return r;
}

static int follow_cwd(const struct proc_node *n, struct path *out)
{
	int r = proc_may_read(n->task);
	return r ? r : task_path(n->task, false, out);
}
static int follow_root(const struct proc_node *n, struct path *out)
{
	int r = proc_may_read(n->task);
	return r ? r : task_path(n->task, true, out);
}
static int follow_exe(const struct proc_node *n, struct path *out)
{
	int r = proc_may_read(n->task);
	return r ? r : exe_path(n->task, out);
}

static int link_of_path(const struct proc_node *n, char *buf, size_t size)
{
	struct path p;
	int r = n->e->follow(n, &p);
	if (r)
		return r;
	char *page = kmalloc(PAGE_SIZE);
	r = -ENOMEM;
	if (page) {
		const char *s = path_text(&p, page, PAGE_SIZE);
		r = s ? (int)min(str_copy(buf, s, size), size - 1) : -ENAMETOOLONG;
	}
	kfree(page);
	path_put(&p);
	return r;
}

/* --- small files ------------------------------------------------------------------------------------------------------------------------ */
static int show_comm(struct text *t, const struct proc_node *n)
{
	proc_put_comm(t, n->task, false);
	text_puts(t, "\n");
	return 0;
}
static int store_comm(const struct proc_node *n, char *buf, size_t len)
{
	if (!same_thread_group(n->task, current))
		return -EINVAL;
	spin_lock(&n->task->alloc_lock);
	str_copy(n->task->comm, buf, sizeof(n->task->comm));
	if (trace_on(comm))
		trace_comm(n->task);
	spin_unlock(&n->task->alloc_lock);
	return 0;
}

struct mount_text {
	struct text *t;
	const struct path *root;
	bool info;
};
static bool put_mount(struct mount *m, void *arg)
{
	struct mount_text *mt = arg;
	for (size_t want = 1024;; want *= 2) {
		char *p = text_room(mt->t, want);
		if (!p)
			return false;
		int n = mt->info ? mountinfo_line(m, mt->root, p, want) : mount_line(m, mt->root, p, want);
		if (n < (int)want) {
			mt->t->len += (size_t)max(n, 0);
			return true;
		}
	}
}
/* The mounts of n's namespace, as its task sees them. */
static int put_mounts(struct text *t, const struct proc_node *n, bool (*put)(struct mount *, void *), bool info)
{
	struct nsproxy *p = task_nsproxy(n->task);
	struct path root;
	int err = p ? task_path(n->task, true, &root) : -EINVAL;
	if (!err) {
		struct mount_text mt = { t, &root, info };
		mounts_for_each(p->mnt, put, &mt);
		path_put(&root);
	}
	nsproxy_put(p);
	return err;
}
static bool put_mount_stats(struct mount *m, void *arg)
{
	struct mount_text *mt = arg;
	for (size_t want = 512;; want *= 2) {
		char *p = text_room(mt->t, want);
		int n = p ? mountstats_line(m, mt->root, p, want) : -1;
		if (n < (int)want) {
			mt->t->len += (size_t)max(n, 0);
			return p;
		}
	}
}
static int show_mountstats(struct text *t, const struct proc_node *n) { return put_mounts(t, n, put_mount_stats, false); }
static int show_mounts(struct text *t, const struct proc_node *n) { return put_mounts(t, n, put_mount, false); }
static int show_mountinfo(struct text *t, const struct proc_node *n) { return put_mounts(t, n, put_mount, true); }

static int show_children(struct text *t, const struct proc_node *n)
{
	struct task *c;
	s32 *tid = kmalloc(4096 * sizeof(s32));
	u32 nr = 0;
	if (!tid)
		return -ENOMEM;
	spin_lock(&tasklist_lock);
	list_for_each(c, &n->task->children, sibling) {
		if (nr < 4096)
			tid[nr++] = pid_nr_in(c->thread_pid, n->ns);
	}
	spin_unlock(&tasklist_lock);
	for (u32 i = 0; i < nr; i++)
		text_printf(t, "%d ", tid[i]);
	kfree(tid);
	return 0;
}

static int show_oom_score(struct text *t, const struct proc_node *n)
{
	struct mm *mm = get_task_mm(n->task);
	struct mem_info m;
	s64 score = 0;

	mem_info(&m);
	if (mm) {
		/* The OOM killer's order: share of memory in 1/1000, moved by the adjustment, shown as Linux scales it. */
		score = (s64)(mm_rss(mm) * 1000 / max(m.total, 1UL)) + n->task->signal->oom_score_adj;
		mm_put_user(mm);
		score = max(0, (1000 + score) * 2 / 3);
	}
	text_printf(t, "%lld\n", (long long)score);
	return 0;
}
static int show_oom_adj(struct text *t, const struct proc_node *n)
{
	text_printf(t, "%d\n", n->task->signal->oom_score_adj);
	return 0;
}
static int show_dump_filter(struct text *t, const struct proc_node *n)
{
	struct mm *mm = get_task_mm(n->task);
	if (!mm)
		return 0;
	text_printf(t, "%08x\n", READ_ONCE(mm->dump_filter));
	mm_put_user(mm);
	return 0;
}
static int store_dump_filter(const struct proc_node *n, char *buf, size_t len)
{
	u64 v;
	char *end = buf + strlen(buf);
	while (end > buf && (end[-1] == '\n' || end[-1] == ' '))
		*--end = 0;
	int err = str_to_u64(buf, 0, &v);
	if (err || v > 0xffffffffUL)
		return err ? err : -ERANGE;
	struct mm *mm = get_task_mm(n->task);
	if (!mm)
		return -ESRCH;
	WRITE_ONCE(mm->dump_filter, (u32)v & 0x1ff);
	mm_put_user(mm);
	return 0;
}
int proc_parse_s64(char *buf, s64 *out)
{
	u64 v;
	while (*buf == ' ' || *buf == '\t')
		buf++;
	bool neg = *buf == '-';
	char *end = buf + neg, *p = end;
	while (*p >= '0' && *p <= '9')
		p++;
	char *rest = p;
	while (*rest == '\n' || *rest == ' ' || *rest == '\t')
		rest++;
	if (*rest)
		return -EINVAL;
	*p = 0;
	if (str_to_u64(end, 10, &v) || v > 0x7fffffff)
		return -EINVAL;
	*out = neg ? -(s64)v : (s64)v;
	return 0;
}
int proc_set_oom_score(struct task *t, s32 v, bool as_least)
{
	struct signal *s = t->signal;
	if (v < s->oom_score_adj_min && !capable(CAP_SYS_RESOURCE))
		return -EACCES;
	s->oom_score_adj = v;
	if (as_least && capable(CAP_SYS_RESOURCE))
		s->oom_score_adj_min = v;
	return 0;
}
static int store_oom_adj(const struct proc_node *n, char *buf, size_t len)
{
	s64 v;
	int r = proc_parse_s64(buf, &v);
	return r || v < -1000 || v > 1000 ? -EINVAL : proc_set_oom_score(n->task, (s32)v, true);
}
/* Debug builds: so many places from now, memory is out for this thread; 0 = never. */
static int __attribute__((unused)) show_fail_nth(struct text *t, const struct proc_node *n)
{
	text_printf(t, "%u\n", READ_ONCE(n->task->fail_nth));
	return 0;
}
static int __attribute__((unused)) store_fail_nth(const struct proc_node *n, char *buf, size_t len)
{
	s64 v;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (proc_parse_s64(buf, &v) || v < 0 || v > INT32_MAX)
		return -EINVAL;
	WRITE_ONCE(n->task->fail_nth, (u32)v);
	return 0;
}

/* The kernel function it sleeps in; "0" when it runs, or for those who may not know. */
static int show_wchan(struct text *t, const struct proc_node *n)
{
	char name[96] = "0", *plus;
	struct task *task = n->task;
	bool asleep = READ_ONCE(task->state) & ~TASK_DEAD && !task->exit_state && !proc_may_read(task);
	u64 at = asleep ? arch_sleep_site(task_thread(task)) : 0;
	if (at)
		arch_symbol(at, name, sizeof(name));
	plus = strchr(name, '+');
	if (plus)
		*plus = 0;
	text_puts(t, name);
	return 0;
}
/* The registers with which a task that sleeps (or asks for its own) entered the kernel. false: it runs, or did meanwhile. */
static bool sleeping_regs(struct task *task, struct regs *out)
{
	u64 switches = READ_ONCE(task->se.nvcsw);
	if (task == current) {
		*out = *current_regs();
		return true;
	}
	if (READ_ONCE(task->state) == TASK_RUNNING || READ_ONCE(task->se.on_cpu) || task->exit_state || !READ_ONCE(task->arch.kstack))
		return false;
	smp_mb();
	*out = *arch_user_regs(&task->arch);
	smp_mb();
	return READ_ONCE(task->state) != TASK_RUNNING && READ_ONCE(task->se.nvcsw) == switches && READ_ONCE(task->arch.kstack);
}
/* The call it is blocked in, with its arguments, sp and ip. */
static int show_syscall(struct text *t, const struct proc_node *n)
{
	struct regs r = { .orig_ax = ~0UL };
	if (!(n->task->pf & PF_KTHREAD) && !sleeping_regs(n->task, &r)) {
		text_puts(t, "running\n");
		return 0;
	}
	text_printf(t, "%d", (s32)r.orig_ax);
	if ((s32)r.orig_ax >= 0)
		text_printf(t, " 0x%llx 0x%llx 0x%llx 0x%llx 0x%llx 0x%llx", (unsigned long long)r.di, (unsigned long long)r.si, (unsigned long long)r.dx, (unsigned long long)r.r10, (unsigned long long)r.r8, (unsigned long long)r.r9);
	text_printf(t, " 0x%llx 0x%llx\n", (unsigned long long)r.sp, (unsigned long long)r.ip);
	return 0;
}
static int show_personality(struct text *t, const struct proc_node *n) { text_printf(t, "%08x\n", n->task->personality); return 0; }
static int show_cgroup(struct text *t, const struct proc_node *n)
{
	struct cgroup *cg = task_cgroup_get(n->task);
	char *path = text_room(t, PATH_MAX);
	if (path) {
		int len = format_str(path, PATH_MAX, "0::");
		len += cgroup_path(cg, current_cgroup_ns()->root, path + len, PATH_MAX - (size_t)len);
		t->len += (size_t)min(len, PATH_MAX - 1);
		text_puts(t, READ_ONCE(cg->dead) ? " (deleted)\n" : "\n");
	}
	cgroup_put(cg);
	return 0;
}
static int show_no_login(struct text *t, const struct proc_node *n) { text_printf(t, "%u", 0xffffffffu); return 0; }
static int show_schedstat(struct text *t, const struct proc_node *n)
{
	text_printf(t, "%llu 0 %llu\n", (unsigned long long)thread_runtime(task_thread(n->task)), (unsigned long long)(n->task->se.nvcsw + n->task->se.nivcsw));
	return 0;
}
/* Everybody's own; of others only by CAP_SYS_NICE. */
static bool may_have_slack(struct task *t)
{
	if (t == current)
		return true;
	const struct cred *c = proc_task_cred(t);
	bool ok = c && ns_capable(c->user_ns, CAP_SYS_NICE);
	if (c)
		cred_put(c);
	return ok;
}
static int show_slack(struct text *t, const struct proc_node *n)
{
	if (!may_have_slack(n->task))
		return -EPERM;
	text_printf(t, "%llu\n", (unsigned long long)READ_ONCE(n->task->timer_slack_ns));
	return 0;
}
static int store_slack(const struct proc_node *n, char *buf, size_t len)
{
	u64 v;
	char *end = strchr(buf, '\n');
	if (end && !end[1])
		*end = 0;
	if (str_to_u64(buf, 10, &v))
		return -EINVAL;
	if (!may_have_slack(n->task))
		return -EPERM;
	WRITE_ONCE(n->task->timer_slack_ns, v ? v : n->task->default_timer_slack_ns);
	return 0;
}

/* --- directories ------------------------------------------------------------------------------------------------------------------------ */
static int task_lookup(struct inode *dir, const char *name, struct inode **out);
static int task_list(struct file *f, const struct proc_node *n, struct dir_context *c);

#define SECRET(n, m, fn) { .name = n, .mode = S_IFREG | (m), .show = fn, .may_open = may_read_node }
#define ATTACHED(n, m, fn)                                                        \
	{                                                                             \
		.name = n, .mode = S_IFREG | (m), .show = fn, .may_open = may_attach_node \
	}
#define ID_MAP(n, w)                                                                                                                                 \
	{ .name = n, .mode = S_IFREG | 0644, .show = proc_show_idmap, .store_as = proc_store_idmap, .data = &(const enum idmap_which){ w } }
#define COMMON_FILES                                                                                                                                 \
	PROC_TEXT("status", 0444, proc_show_status), PROC_TEXT("statm", 0444, proc_show_statm), PROC_TEXT("cmdline", 0444, proc_show_cmdline),           \
		{ .name = "comm", .mode = S_IFREG | 0644, .show = show_comm, .store = store_comm }, SECRET("environ", 0400, proc_show_environ),              \
		SECRET("auxv", 0400, proc_show_auxv), SECRET("smaps", 0444, proc_show_smaps),                                                                \
		{ .name = "maps", .mode = S_IFREG | 0444, .show = proc_show_maps, .may_open = may_read_node, .ioctl = proc_maps_ioctl },                     \
		SECRET("smaps_rollup", 0444, proc_show_smaps_rollup), PROC_TEXT("limits", 0444, proc_show_limits),                                           \
		{ .name = "mounts", .mode = S_IFREG | 0444, .show = show_mounts, .spliced = true },                                                          \
		{ .name = "mountinfo", .mode = S_IFREG | 0444, .show = show_mountinfo, .spliced = true }, PROC_TEXT("birth", 0444, proc_show_birth),         \
		PROC_TEXT("oom_score", 0444, show_oom_score),                                                                                                \
		{ .name = "oom_score_adj", .mode = S_IFREG | 0644, .show = show_oom_adj, .store = store_oom_adj, .at_offset = true },                        \
		PROC_TEXT("wchan", 0444, show_wchan),                                                                                                        \
		{ .name = "oom_adj", .mode = S_IFREG | 0644, .show = proc_show_old_oom_adj, .store = proc_store_old_oom_adj, .at_offset = true },            \
		ATTACHED("stack", 0400, proc_show_stack), PROC_TEXT("sched", 0444, proc_show_sched), SECRET("numa_maps", 0444, proc_show_numa_maps),         \
		{ .name = "clear_refs", .mode = S_IFREG | 0200, .store = proc_store_clear_refs, .at_offset = true },                                         \
		{ .name = "attr", .mode = S_IFDIR | 0555, .dir = proc_attr_dir, .nr = PROC_ATTR_NR }, ATTACHED("syscall", 0400, show_syscall),               \
		ATTACHED("personality", 0400, show_personality), PROC_TEXT("cgroup", 0444, show_cgroup), PROC_TEXT("loginuid", 0444, show_no_login),         \
		PROC_TEXT("sessionid", 0444, show_no_login), ID_MAP("uid_map", IDMAP_UID), ID_MAP("gid_map", IDMAP_GID), ID_MAP("projid_map", IDMAP_PROJID), \
		{ .name = "setgroups",                                                                                                                       \
			.mode = S_IFREG | 0644,                                                                                                                  \
			.show = proc_show_setgroups,                                                                                                             \
			.store_as = proc_store_setgroups,                                                                                                        \
			.may_write = proc_may_write_setgroups },                                                                                                 \
		{ .name = "ns", .mode = S_IFDIR | 0511, .dir = proc_ns_dir, .nr = PROC_NS_NR, .may_list = proc_may_list_ns },                                \
		PROC_TEXT("schedstat", 0444, show_schedstat), { .name = "mem", .mode = S_IFREG | 0600, .fops = &proc_mem_ops, .may_open = may_attach_node }, \
		{ .name = "pagemap", .mode = S_IFREG | 0400, .fops = &proc_pagemap_ops, .may_open = may_read_node },                                         \
		{ .name = "cwd", .mode = S_IFLNK | 0777, .link = link_of_path, .follow = follow_cwd },                                                       \
		{ .name = "root", .mode = S_IFLNK | 0777, .link = link_of_path, .follow = follow_root },                                                     \
		{ .name = "exe", .mode = S_IFLNK | 0777, .link = link_of_path, .follow = follow_exe },                                                       \
		{ .name = "fd", .mode = S_IFDIR | 0500, .lookup = proc_fd_lookup, .list = proc_fd_list, .size = proc_fd_size, .own = true },                                       \
		{ .name = "fdinfo", .mode = S_IFDIR | 0555, .lookup = proc_fdinfo_lookup, .list = proc_fd_list, .may_open = may_read_node },                 \
	{                                                                                                                                                \
		.name = "net", .mode = S_IFDIR | 0555, .dir = proc_net_dir, .nr = PROC_NET_NR                                                                \
	}

static const struct proc_entry thread_dir[] = { PROC_TEXT("stat", 0444, proc_show_thread_stat), PROC_TEXT("children", 0444, show_children),
	SECRET("io", 0400, proc_show_thread_io), PROC_DEBUG_FILES(show_fail_nth, store_fail_nth) COMMON_FILES };
static const struct proc_entry process_dir[] = {
	PROC_TEXT("stat", 0444, proc_show_stat),
	SECRET("io", 0400, proc_show_io),
	PROC_DEBUG_FILES(show_fail_nth, store_fail_nth) COMMON_FILES,
	{ .name = "coredump_filter", .mode = S_IFREG | 0644, .show = show_dump_filter, .store = store_dump_filter, .at_offset = true },
	PROC_TEXT("timers", 0444, proc_show_timers),
	{ .name = "mountstats", .mode = S_IFREG | 0400, .show = show_mountstats, .spliced = true },
	{ .name = "timens_offsets", .mode = S_IFREG | 0644, .show = proc_show_timens, .store_as = proc_store_timens },
	{ .name = "timerslack_ns", .mode = S_IFREG | 0666, .show = show_slack, .store = store_slack },
	{ .name = "task", .mode = S_IFDIR | 0555, .lookup = task_lookup, .list = task_list },
	{ .name = "map_files",
		.mode = S_IFDIR | 0500,
		.lookup = proc_map_files_lookup,
		.list = proc_map_files_list,
		.own = true,
		.may_list = may_read_node },
};
#define TASK_DIR(w, table)                                                                    \
	{                                                                                         \
		.name = "", .mode = S_IFDIR | 0555, .dir = table, .nr = ARRAY_SIZE(table), .whose = w \
	}
static const struct proc_entry process = TASK_DIR(PROC_OF_PROCESS, process_dir);
static const struct proc_entry thread = TASK_DIR(PROC_OF_THREAD, thread_dir);

struct task *hook_proc_dir_task(struct file *f)
{
	const struct proc_node *n = proc_dir_node(f);
	if (!n || n->e != &process)
		return NULL;
	task_get(n->task);
	return n->task;
}

/* The task called `name`, with a reference, or NULL. */
static struct task *named_task(const struct inode *dir, const char *name)
{
	s64 nr = proc_number(name);
	return nr > 0 ? find_get_task_in((s32)nr, proc_node(dir)->ns) : NULL;
}

int proc_pid_lookup(struct inode *dir, const char *name, struct inode **out)
{
	struct task *t = named_task(dir, name);
	if (!t)
		return -ENOENT;
	bool there = proc_super_of(dir->sb)->hidepid != PROC_HIDE_UNTRACEABLE || proc_may_see(dir->sb, t, PROC_HIDE_ACCESS);
	int r = there ? proc_inode(dir->sb, &process, t, -1, out) : -ENOENT;
	task_put(t);
	return r;
}

static int task_lookup(struct inode *dir, const char *name, struct inode **out)
{
	struct task *t = named_task(dir, name);
	int r = -ENOENT;
	if (!t)
		return r;
	if (same_thread_group(t, proc_node(dir)->task))
		r = proc_inode(dir->sb, &thread, t, -1, out);
	task_put(t);
	return r;
}

/* The BATCH lowest numbers >= from, ascending. */
struct batch {
	s32 from;
	u32 n;
	s32 nr[BATCH];
};
static void batch_add(struct batch *b, s32 nr)
{
	u32 i = b->n;
	if (nr <= 0 || nr < b->from || (b->n == BATCH && nr > b->nr[BATCH - 1]))
		return;
	if (b->n < BATCH)
		b->n++;
	else
		i = BATCH - 1;
	for (; i > 0 && b->nr[i - 1] > nr; i--)
		b->nr[i] = b->nr[i - 1];
	b->nr[i] = nr;
}

static void gather(struct batch *b, const struct pid_namespace *ns, struct task *group)
{
	struct task *p;
	b->n = 0;
	spin_lock(&tasklist_lock);
	if (group) {
		for_each_thread(group, p)
			batch_add(b, pid_nr_in(p->thread_pid, ns));
	} else {
		for_each_process(p)
			batch_add(b, pid_nr_in(p->thread_pid, ns));
	}
	spin_unlock(&tasklist_lock);
}

static bool may_list(const struct super *sb, s32 nr)
{
	const struct proc_super *p = proc_super_of(sb);
	if (likely(READ_ONCE(p->hidepid) < PROC_HIDE_NAME))
		return true;
	struct task *t = find_get_task_in(nr, p->ns);
	if (!t)
		return false;
	bool may = proc_may_see(sb, t, PROC_HIDE_NAME);
	task_put(t);
	return may;
}

/* group NULL: all processes; else the threads of one. */
static int list_numbers(struct file *f, struct dir_context *c, const struct proc_entry *e, struct task *group)
{
	struct batch b;
	char name[16];
	const struct super *sb = f->inode->sb;

	if (c->pos < LIST_BASE)
		c->pos = LIST_BASE;
	do {
		b.from = (s32)(c->pos - LIST_BASE);
		gather(&b, proc_super_of(sb)->ns, group);
		for (u32 i = 0; i < b.n; i++) {
			format_str(name, sizeof(name), "%d", b.nr[i]);
			c->pos = LIST_BASE + (u64)b.nr[i];
			if (!group && !may_list(sb, b.nr[i])) {
				c->pos++;
				continue;
			}
			/* The number stands for the inode here as well: the task may be gone already. */
			if (!proc_emit(c, name, (u64)(u32)b.nr[i] << 32 | 1, e->mode))
				return 0;
		}
	} while (b.n == BATCH);
	return 0;
}

int proc_pid_list(struct file *f, const struct proc_node *n, struct dir_context *c) { return list_numbers(f, c, &process, NULL); }
static int task_list(struct file *f, const struct proc_node *n, struct dir_context *c) { return list_numbers(f, c, &thread, n->task); }
