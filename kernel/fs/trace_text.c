/*
 * Trace records as Linux's ftrace prints them: "            bash-12      [000] .....     1.234567: sched_process_fork: comm=bash ...". Records carry tids; names
 * come from births and renames seen before, else from the living task. Entry points: tracefs.h.
 */
#include <linux/sched.h>

#include "fs/tracefs.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/page.h"
#include "proc/proc.h"
#include "trace/ring.h"

#define NAMES 512u
#define PATH_KEPT 104u

struct name {
	s32 tid;
	bool known;
	char comm[16];
	char path[PATH_KEPT]; /* of the execve that it is in */
};
static struct name *names; /* NAMES of them, by tid modulo that */

void trace_text_start(void)
{
	u32 order = 0;
	while ((PAGE_SIZE << order) < NAMES * sizeof(struct name))
		order++;
	struct page *p = names ? NULL : alloc_pages(order, PAGE_KERNEL);
	if (!p)
		return;
	memset(page_virt(p), 0, PAGE_SIZE << order);
	names = page_virt(p);
}

static void learn(s32 tid, const char *comm)
{
	struct name *n = names ? &names[(u32)tid % NAMES] : NULL;
	if (!n)
		return;
	if (n->tid != tid)
		n->path[0] = 0;
	n->tid = tid;
	n->known = true;
	str_copy(n->comm, comm, sizeof(n->comm));
}

/* Valid until the next call. */
static const char *comm_of(s32 tid)
{
	static char buf[16];
	if (!tid)
		return "<idle>";
	const struct name *n = names ? &names[(u32)tid % NAMES] : NULL;
	if (n && n->known && n->tid == tid)
		return n->comm;
	struct task *t = find_get_task_in(tid, &init_pid_ns);
	str_copy(buf, t ? t->comm : "<...>", sizeof(buf));
	if (t) {
		task_put(t);
		learn(tid, buf);
	}
	return buf;
}

static s32 score_adj(s32 tid)
{
	struct task *t = find_get_task_in(tid, &init_pid_ns);
	s32 adj = t ? t->signal->oom_score_adj : 0;
	if (t)
		task_put(t);
	return adj;
}

static const char *record_text(const struct trace_head *h, u32 fixed) { return h->size > fixed ? (const char *)h + fixed : ""; }

/* --- the events --------------------------------------------------------------------------------------------------------------------------- */

static void put_switch(struct text *t, const struct trace_head *h)
{
	const struct trace_sched_switch *e = (const void *)h;
	static const struct { u16 bit; const char *name; } states[] = { { 1, "S" }, { 2, "D" }, { 4, "T" }, { 8, "t" }, { 16, "X" }, { 32, "P" } };
	const char *state = "R+";
	for (u32 i = 0; i < ARRAY_SIZE(states); i++)
		if (e->state & states[i].bit)
			state = states[i].name;
	text_printf(t, "prev_comm=%s prev_pid=%d prev_prio=%d prev_state=%s ", h->tid ? comm_of(h->tid) : "swapper", h->tid, e->prio, h->tid ? state : "R");
	text_printf(t, "==> next_comm=%s next_pid=%d next_prio=%d", e->next ? comm_of(e->next) : "swapper", e->next, e->next_prio);
}

static void put_wakeup(struct text *t, const struct trace_head *h)
{
	const struct trace_sched_wakeup *e = (const void *)h;
	text_printf(t, "comm=%s pid=%d prio=%d target_cpu=%03d", comm_of(e->target), e->target, e->prio, e->cpu);
}

static void put_fork(struct text *t, const struct trace_head *h)
{
	const struct trace_birth *e = (const void *)h;
	text_printf(t, "comm=%s pid=%d child_comm=%.16s child_pid=%d", comm_of(h->tid), h->tid, e->comm, e->child);
}

static void put_exec(struct text *t, const struct trace_head *h)
{
	const struct trace_exec_commit *e = (const void *)h;
	const struct name *n = names ? &names[(u32)e->old_tid % NAMES] : NULL;
	text_printf(t, "filename=%s pid=%d old_pid=%d", n && n->tid == e->old_tid && n->path[0] ? n->path : record_text(h, sizeof(*e)), h->tid, e->old_tid);
}

static void put_exit(struct text *t, const struct trace_head *h)
{
	text_printf(t, "comm=%s pid=%d prio=%d", comm_of(h->tid), h->tid, ((const struct trace_exit *)h)->prio);
}

static void put_wait(struct text *t, const struct trace_head *h)
{
	const struct trace_wait *e = (const void *)h;
	text_printf(t, "comm=%s pid=%d prio=120", comm_of(h->tid), e->target);
}

static void put_free(struct text *t, const struct trace_head *h)
{
	const struct trace_reap *e = (const void *)h;
	text_printf(t, "comm=%s pid=%d prio=120", comm_of(e->target), e->target);
}

static void put_newtask(struct text *t, const struct trace_head *h)
{
	const struct trace_birth *e = (const void *)h;
	text_printf(t, "pid=%d comm=%.16s clone_flags=%lx oom_score_adj=%d", e->child, e->comm, e->flags, score_adj(e->child));
}

static void put_rename(struct text *t, const struct trace_head *h)
{
	const struct trace_comm *e = (const void *)h;
	text_printf(t, "pid=%d oldcomm=%s newcomm=%.16s oom_score_adj=%d", e->target, comm_of(e->target), e->comm, score_adj(e->target));
}

static void put_steps(struct text *t, const struct trace_head *h)
{
	static const char *const modes[] = { "NONE", "SHARE", "COPY", "FRESH" };
	const struct trace_birth *e = (const void *)h;
	text_printf(t, "child_pid=%d call=%u alloc_ns=%u", e->child, e->call, e->alloc_ns);
	for (u32 i = 0; i < e->steps && i < ARRAY_SIZE(e->mode); i++)
		if (e->mode[i])
			text_printf(t, " %s=%s:%u", birth_step_name(i), modes[e->mode[i] & 3], e->step_ns[i]);
	text_printf(t, " publish_ns=%u tables=%u vmas=%u fds=%u", e->publish_ns, e->tables, e->vmas, e->fds);
}

static void put_clone_fail(struct text *t, const struct trace_head *h)
{
	const struct trace_birth_fail *e = (const void *)h;
	const char *step = birth_step_name(e->step);
	text_printf(t, "call=%u clone_flags=%lx step=%s error=%d", e->call, e->flags, step ? step : "-", e->error);
}

static void put_vfork_wait(struct text *t, const struct trace_head *h) { text_printf(t, "child_pid=%d", ((const struct trace_vfork_wait *)h)->child); }

static void put_vfork_done(struct text *t, const struct trace_head *h)
{
	const struct trace_vfork_done *e = (const void *)h;
	text_printf(t, "child_pid=%d ns=%lu", e->child, e->ns);
}

static void put_exec_fail(struct text *t, const struct trace_head *h)
{
	const struct trace_exec_fail *e = (const void *)h;
	text_printf(t, "filename=%s error=%d ns=%lu", record_text(h, sizeof(*e)), e->error, e->ns);
}

static void put_cow(struct text *t, const struct trace_head *h)
{
	static const char *const kinds[] = { "copy", "take", "zero", "file" };
	const struct trace_cow_fault *e = (const void *)h;
	text_printf(t, "addr=0x%lx kind=%s fork=%u", e->addr, kinds[e->kind & 3], e->fork_id);
}

static void put_unshare(struct text *t, const struct trace_head *h)
{
	const struct trace_pt_unshare *e = (const void *)h;
	text_printf(t, "addr=0x%lx level=%u entries=%u fork=%u", e->addr, e->level, e->entries, e->fork_id);
}

static void put_reap(struct text *t, const struct trace_head *h)
{
	const struct trace_reap *e = (const void *)h;
	text_printf(t, "comm=%s pid=%d how=%s", comm_of(e->target), e->target, e->how ? "auto" : "wait");
}

static void put_reparent(struct text *t, const struct trace_head *h)
{
	const struct trace_reparent *e = (const void *)h;
	text_printf(t, "comm=%s pid=%d old_parent=%d new_parent=%d", comm_of(e->child), e->child, e->old, e->parent);
}

static void put_killed(struct text *t, const struct trace_head *h)
{
	const struct trace_killed *e = (const void *)h;
	text_printf(t, "comm=%s pid=%d sig=%d sender=%d code=%d", comm_of(e->target), e->target, e->signal, e->sender, e->code);
}

static void put_oom(struct text *t, const struct trace_head *h)
{
	const struct trace_oom_kill *e = (const void *)h;
	text_printf(t, "comm=%s pid=%d rss_pages=%lu oom_score_adj=%d", comm_of(e->target), e->target, e->rss, e->score_adj);
}

#define COMM_PID_PRIO "char comm[16];pid_t pid;int prio"
#define PRINT_COMM_PID_PRIO "\"comm=%s pid=%d prio=%d\", REC->comm, REC->pid, REC->prio"
#define WAKEUP_FIELDS "char comm[16];pid_t pid;int prio;int target_cpu"
#define PRINT_WAKEUP "\"comm=%s pid=%d prio=%d target_cpu=%03d\", REC->comm, REC->pid, REC->prio, REC->target_cpu"

const struct trace_text_event trace_text_events[] = {
	{ "sched", "sched_switch", TRACE_sched_switch, "char prev_comm[16];pid_t prev_pid;int prev_prio;long prev_state;char next_comm[16];pid_t next_pid;int next_prio",
	  "\"prev_comm=%s prev_pid=%d prev_prio=%d prev_state=%s%s ==> next_comm=%s next_pid=%d next_prio=%d\", REC->prev_comm, REC->prev_pid, REC->prev_prio, "
	  "(REC->prev_state & ((((0x00000000 | 0x00000001 | 0x00000002 | 0x00000004 | 0x00000008 | 0x00000010 | 0x00000020 | 0x00000040) + 1) << 1) - 1)) ? "
	  "__print_flags(REC->prev_state & ((((0x00000000 | 0x00000001 | 0x00000002 | 0x00000004 | 0x00000008 | 0x00000010 | 0x00000020 | 0x00000040) + 1) << 1) - 1), "
	  "\"|\", { 0x00000001, \"S\" }, { 0x00000002, \"D\" }, { 0x00000004, \"T\" }, { 0x00000008, \"t\" }, { 0x00000010, \"X\" }, { 0x00000020, \"Z\" }, "
	  "{ 0x00000040, \"P\" }) : \"R\", REC->prev_state & (((0x00000000 | 0x00000001 | 0x00000002 | 0x00000004 | 0x00000008 | 0x00000010 | 0x00000020 | "
	  "0x00000040) + 1) << 1) ? \"+\" : \"\", REC->next_comm, REC->next_pid, REC->next_prio", put_switch },
	{ "sched", "sched_wakeup", TRACE_sched_wakeup, WAKEUP_FIELDS, PRINT_WAKEUP, put_wakeup },
	{ "sched", "sched_wakeup_new", TRACE_sched_wakeup, WAKEUP_FIELDS, PRINT_WAKEUP, put_wakeup },
	{ "sched", "sched_process_fork", TRACE_birth, "char parent_comm[16];pid_t parent_pid;char child_comm[16];pid_t child_pid",
	  "\"comm=%s pid=%d child_comm=%s child_pid=%d\", REC->parent_comm, REC->parent_pid, REC->child_comm, REC->child_pid", put_fork },
	{ "sched", "sched_process_exec", TRACE_exec_commit, "__data_loc char[] filename;pid_t pid;pid_t old_pid",
	  "\"filename=%s pid=%d old_pid=%d\", __get_str(filename), REC->pid, REC->old_pid", put_exec },
	{ "sched", "sched_process_exit", TRACE_exit, COMM_PID_PRIO, PRINT_COMM_PID_PRIO, put_exit },
	{ "sched", "sched_process_wait", TRACE_wait, COMM_PID_PRIO, PRINT_COMM_PID_PRIO, put_wait },
	{ "sched", "sched_process_free", TRACE_reap, COMM_PID_PRIO, PRINT_COMM_PID_PRIO, put_free },
	{ "task", "task_newtask", TRACE_birth, "pid_t pid;char comm[16];unsigned long clone_flags;short oom_score_adj",
	  "\"pid=%d comm=%s clone_flags=%lx oom_score_adj=%hd\", REC->pid, REC->comm, REC->clone_flags, REC->oom_score_adj", put_newtask },
	{ "task", "task_rename", TRACE_comm, "pid_t pid;char oldcomm[16];char newcomm[16];short oom_score_adj",
	  "\"pid=%d oldcomm=%s newcomm=%s oom_score_adj=%hd\", REC->pid, REC->oldcomm, REC->newcomm, REC->oom_score_adj", put_rename },
	{ "pando", "clone_step", TRACE_birth, "pid_t child_pid;unsigned int call;__data_loc char[] steps",
	  "\"child_pid=%d call=%u %s\", REC->child_pid, REC->call, __get_str(steps)", put_steps },
	{ "pando", "clone_fail", TRACE_birth_fail, "unsigned int call;unsigned long clone_flags;__data_loc char[] step;int error",
	  "\"call=%u clone_flags=%lx step=%s error=%d\", REC->call, REC->clone_flags, __get_str(step), REC->error", put_clone_fail },
	{ "pando", "vfork_wait", TRACE_vfork_wait, "pid_t child_pid", "\"child_pid=%d\", REC->child_pid", put_vfork_wait },
	{ "pando", "vfork_done", TRACE_vfork_done, "pid_t child_pid;unsigned long ns", "\"child_pid=%d ns=%lu\", REC->child_pid, REC->ns", put_vfork_done },
	{ "pando", "exec_fail", TRACE_exec_fail, "__data_loc char[] filename;int error;unsigned long ns",
	  "\"filename=%s error=%d ns=%lu\", __get_str(filename), REC->error, REC->ns", put_exec_fail },
	{ "pando", "cow_fault", TRACE_cow_fault, "unsigned long addr;__data_loc char[] kind;unsigned int fork",
	  "\"addr=0x%lx kind=%s fork=%u\", REC->addr, __get_str(kind), REC->fork", put_cow },
	{ "pando", "pt_unshare", TRACE_pt_unshare, "unsigned long addr;unsigned int level;unsigned int entries;unsigned int fork",
	  "\"addr=0x%lx level=%u entries=%u fork=%u\", REC->addr, REC->level, REC->entries, REC->fork", put_unshare },
	{ "pando", "reap", TRACE_reap, "char comm[16];pid_t pid;__data_loc char[] how", "\"comm=%s pid=%d how=%s\", REC->comm, REC->pid, __get_str(how)", put_reap },
	{ "pando", "reparent", TRACE_reparent, "char comm[16];pid_t pid;pid_t old_parent;pid_t new_parent",
	  "\"comm=%s pid=%d old_parent=%d new_parent=%d\", REC->comm, REC->pid, REC->old_parent, REC->new_parent", put_reparent },
	{ "pando", "killed", TRACE_killed, "char comm[16];pid_t pid;int sig;pid_t sender;int code",
	  "\"comm=%s pid=%d sig=%d sender=%d code=%d\", REC->comm, REC->pid, REC->sig, REC->sender, REC->code", put_killed },
	{ "pando", "oom_kill", TRACE_oom_kill, "char comm[16];pid_t pid;unsigned long rss_pages;int oom_score_adj",
	  "\"comm=%s pid=%d rss_pages=%lu oom_score_adj=%d\", REC->comm, REC->pid, REC->rss_pages, REC->oom_score_adj", put_oom },
};
const u32 trace_text_count = ARRAY_SIZE(trace_text_events);
_Static_assert(ARRAY_SIZE(trace_text_events) <= TRACE_TEXT_EVENTS && TRACE_TEXT_EVENTS <= 32, "a mask of text events");

/* --- lines -------------------------------------------------------------------------------------------------------------------------------- */

/* What the record says about names, once its own lines are out. */
static void learn_from(const struct trace_head *h)
{
	const struct trace_birth *b = (const void *)h;
	const struct trace_comm *c = (const void *)h;
	if (h->type == TRACE_birth) {
		learn(b->child, b->comm);
	} else if (h->type == TRACE_comm) {
		learn(c->target, c->comm);
	} else if (h->type == TRACE_exec_plan && names) {
		comm_of(h->tid);
		struct name *n = &names[(u32)h->tid % NAMES];
		if (n->tid == h->tid)
			str_copy(n->path, record_text(h, sizeof(struct trace_exec_plan)), sizeof(n->path));
	}
}

static bool applies(u32 i, const struct trace_head *h)
{
	if (trace_text_events[i].record != h->type)
		return false;
	/* One record, two of Linux's names. */
	if (h->type != TRACE_sched_wakeup)
		return true;
	return (trace_text_events[i].name[12] != 0) == ((const struct trace_sched_wakeup *)h)->first;
}

void trace_text_record(struct text *t, u32 cpu, const struct trace_head *h, u32 enabled)
{
	if (h->type == TRACE_gap)
		text_printf(t, "CPU:%u [LOST %lu EVENTS]\n", cpu, ((const struct trace_gap *)h)->lost);
	for (u32 i = 0; i < trace_text_count; i++) {
		if (!(enabled >> i & 1) || !applies(i, h))
			continue;
		text_printf(t, "%16s-%-7d [%03u] ..... %5lu.%06lu: %s: ", comm_of(h->tid), h->tid, cpu, h->ts / NSEC_PER_SEC, h->ts % NSEC_PER_SEC / 1000,
			    trace_text_events[i].name);
		trace_text_events[i].put(t, h);
		text_put(t, "\n", 1);
	}
	learn_from(h);
}

/* --- format files ------------------------------------------------------------------------------------------------------------------------- */

static u32 size_of_type(const char *s)
{
	if (str_starts(s, "char"))
		return 1;
	if (str_starts(s, "short") || str_starts(s, "unsigned short"))
		return 2;
	return str_starts(s, "long") || str_starts(s, "unsigned long") ? 8 : 4;
}

/* One declaration of n characters at *offset. */
static void put_field(struct text *t, const char *s, size_t n, u32 *offset)
{
	const char *bracket = memchr(s, '[', n);
	u32 size = size_of_type(s), count = 0;
	bool is_signed = !str_starts(s, "unsigned") && !str_starts(s, "char") && !str_starts(s, "__data_loc");
	for (const char *p = bracket ? bracket + 1 : ""; *p >= '0' && *p <= '9'; p++)
		count = count * 10 + (u32)(*p - '0');
	*offset = ALIGN_UP(*offset, size);
	text_printf(t, "\tfield:%.*s;\toffset:%u;\tsize:%u;\tsigned:%d;\n", (int)n, s, *offset, size * max(count, 1u), is_signed);
	*offset += size * max(count, 1u);
}

void trace_text_format(struct text *t, u32 index)
{
	const struct trace_text_event *e = &trace_text_events[index];
	u32 offset = 8;
	text_printf(t, "name: %s\nID: %u\nformat:\n", e->name, 300 + index);
	text_puts(t, "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
		     "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n");
	for (const char *s = e->fields; *s;) {
		const char *end = strchr(s, ';');
		size_t n = end ? (size_t)(end - s) : strlen(s);
		put_field(t, s, n, &offset);
		s += n + (end != NULL);
	}
	text_printf(t, "\nprint fmt: %s\n", e->print);
}
