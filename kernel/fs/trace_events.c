/*
 * The events of /sys/kernel/tracing: for each what it is called, which record it is made of, its fields in the order of the format file, and how they are
 * filled. What Linux has too is as in Linux 6.12. Records carry tids; names come from births and renames seen before, else from the living task.
 * Entry points: tracefs.h.
 */
#include <linux/sched.h>

#include "fs/tracefs.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "proc/proc.h"

#define NAMES 512u

struct name {
	s32 tid;
	bool known; /* comm is its name */
	bool gone; /* reaped */
	u8 prio; /* of its end; 0: not known */
	char comm[16];
	char *path; /* of the execve that it is in; on the heap */
};
static struct name *names; /* NAMES of them, by tid modulo that */

/* What is known of tid; NULL without memory, or when another task is in its place. */
static struct name *find_name(s32 tid)
{
	struct name *n = names ? &names[(u32)tid % NAMES] : NULL;
	return n && n->tid == tid ? n : NULL;
}

/* The same; the other task is forgotten. */
static struct name *make_name(s32 tid)
{
	struct name *n = names ? &names[(u32)tid % NAMES] : NULL;
	if (n && n->tid != tid) {
		kfree(n->path);
		*n = (struct name){ .tid = tid };
	}
	return n;
}

static void learn(s32 tid, const char *comm)
{
	struct name *n = make_name(tid);
	if (!n)
		return;
	n->known = true;
	str_copy(n->comm, comm, sizeof(n->comm));
}

/* The names of those who live already. */
static void learn_living(void)
{
	struct task *p, *t;
	spin_lock(&tasklist_lock);
	for_each_process (p)
		for_each_thread (p, t)
			learn(t->tid, t->comm);
	spin_unlock(&tasklist_lock);
}

void trace_events_start(void)
{
	u32 order = 0;
	while ((PAGE_SIZE << order) < NAMES * sizeof(struct name))
		order++;
	struct page *p = names ? NULL : alloc_pages(order, PAGE_KERNEL);
	if (p) {
		memset(page_virt(p), 0, PAGE_SIZE << order);
		names = page_virt(p);
	}
	if (names)
		learn_living();
}

/* Valid until the next call. */
static const char *comm_of(s32 tid)
{
	static char buf[16];
	const struct name *n = find_name(tid);
	if (n && n->known)
		return n->comm;
	struct task *t = find_get_task_in(tid, &init_pid_ns);
	str_copy(buf, t ? t->comm : "<...>", sizeof(buf));
	if (t) {
		task_put(t);
		learn(tid, buf);
	}
	return buf;
}

const char *trace_comm_of(s32 tid) { return tid ? comm_of(tid) : "<idle>"; }

/* As sched_switch names it; cpu: where. */
static const char *comm_or_idle(s32 tid, u32 cpu)
{
	static char idle[16];
	if (tid)
		return comm_of(tid);
	format_str(idle, sizeof(idle), "swapper/%u", cpu);
	return idle;
}

/* From the end of a task's life, or while it lives. */
static u64 prio_of(s32 tid)
{
	const struct name *n = find_name(tid);
	if (n && n->prio)
		return n->prio;
	struct task *t = find_get_task_in(tid, &init_pid_ns);
	u64 prio = t ? thread_priority(task_thread(t)) : 120;
	if (t)
		task_put(t);
	return prio;
}

static u64 score_adj(s32 tid)
{
	struct task *t = find_get_task_in(tid, &init_pid_ns);
	s32 adj = t ? t->signal->oom_score_adj : 0;
	if (t)
		task_put(t);
	return (u64)(s64)adj;
}

static const char *record_text(const struct trace_head *h, u32 fixed) { return h->size > fixed ? (const char *)h + fixed : ""; }
#define RECORD(name) const struct trace_##name *e = (const void *)h

/* --- the events: values in the order of the fields ------------------------------------------------------------------------------------------ */

/* Bits as Linux prints them. Kernel code is not preempted here, so who could go on is R, never R+. */
static u64 switch_state(const struct trace_sched_switch *e)
{
	static const u16 bits[][2] = { { 1, 0x01 }, { 2, 0x02 }, { 4, 0x04 }, { 8, 0x08 }, { 32, 0x40 } };
	const struct name *n = find_name(e->h.tid);
	if (e->state & 16)
		return n && n->gone ? 0x10 : 0x20;
	for (u32 i = 0; e->h.tid && i < ARRAY_SIZE(bits); i++)
		if (e->state & bits[i][0])
			return bits[i][1];
	return 0;
}

static void fill_switch(struct trace_pack *p, const struct trace_head *h)
{
	RECORD(sched_switch);
	trace_pack_text(p, comm_or_idle(h->tid, p->cpu));
	trace_pack_number(p, (u64)h->tid);
	trace_pack_number(p, e->prio);
	trace_pack_number(p, switch_state(e));
	trace_pack_text(p, comm_or_idle(e->next, p->cpu));
	trace_pack_number(p, (u64)e->next);
	trace_pack_number(p, e->next_prio);
}

static void fill_wakeup(struct trace_pack *p, const struct trace_head *h)
{
	RECORD(sched_wakeup);
	trace_pack_text(p, comm_of(e->target));
	trace_pack_number(p, (u64)e->target);
	trace_pack_number(p, e->prio);
	trace_pack_number(p, e->cpu);
}

static void fill_fork(struct trace_pack *p, const struct trace_head *h)
{
	RECORD(birth);
	trace_pack_text(p, comm_or_idle(h->tid, p->cpu));
	trace_pack_number(p, (u64)h->tid);
	trace_pack_text(p, e->comm);
	trace_pack_number(p, (u64)e->child);
}

static void fill_exec(struct trace_pack *p, const struct trace_head *h)
{
	RECORD(exec_commit);
	const struct name *n = find_name(e->old_tid);
	trace_pack_text(p, n && n->path ? n->path : record_text(h, sizeof(*e)));
	trace_pack_number(p, (u64)h->tid);
	trace_pack_number(p, (u64)e->old_tid);
}

/* A task, its number and priority. */
static void fill_task(struct trace_pack *p, s32 comm, s32 pid, u64 prio)
{
	trace_pack_text(p, comm_of(comm));
	trace_pack_number(p, (u64)pid);
	trace_pack_number(p, prio);
}

static void fill_exit(struct trace_pack *p, const struct trace_head *h)
{
	RECORD(exit);
	fill_task(p, h->tid, h->tid, e->prio);
}

static void fill_wait(struct trace_pack *p, const struct trace_head *h)
{
	RECORD(wait);
	fill_task(p, h->tid, e->target, prio_of(h->tid));
}

static void fill_free(struct trace_pack *p, const struct trace_head *h)
{
	RECORD(reap);
	fill_task(p, e->target, e->target, prio_of(e->target));
}

static void fill_newtask(struct trace_pack *p, const struct trace_head *h)
{
	RECORD(birth);
	trace_pack_number(p, (u64)e->child);
	trace_pack_text(p, e->comm);
	trace_pack_number(p, e->flags);
	trace_pack_number(p, score_adj(e->child));
}

static void fill_rename(struct trace_pack *p, const struct trace_head *h)
{
	RECORD(comm);
	trace_pack_number(p, (u64)e->target);
	trace_pack_text(p, comm_of(e->target));
	trace_pack_text(p, e->comm);
	trace_pack_number(p, score_adj(e->target));
}

/* The steps as one text: "creds=COPY:812 files=SHARE:90 ...". */
static void fill_steps(struct trace_pack *p, const struct trace_head *h)
{
	static const char *const modes[] = { "NONE", "SHARE", "COPY", "FRESH" };
	static char steps[640];
	RECORD(birth);
	u32 at = 0;
	steps[0] = 0;
	for (u32 i = 0; i < e->steps && i < ARRAY_SIZE(e->mode) && at < sizeof(steps); i++)
		if (e->mode[i])
			at += (u32)format_str(
				steps + at, sizeof(steps) - at, "%s%s=%s:%u", at ? " " : "", birth_step_name(i), modes[e->mode[i] & 3], e->step_ns[i]);
	trace_pack_number(p, (u64)e->child);
	trace_pack_number(p, e->call);
	trace_pack_number(p, e->alloc_ns);
	trace_pack_text(p, steps);
	trace_pack_number(p, e->publish_ns);
	trace_pack_number(p, e->tables);
	trace_pack_number(p, e->vmas);
	trace_pack_number(p, e->fds);
}

static void fill_clone_fail(struct trace_pack *p, const struct trace_head *h)
{
	RECORD(birth_fail);
	const char *step = birth_step_name(e->step);
	trace_pack_number(p, e->call);
	trace_pack_number(p, e->flags);
	trace_pack_text(p, step ? step : "-");
	trace_pack_number(p, (u64)e->error);
}

static void fill_vfork_wait(struct trace_pack *p, const struct trace_head *h)
{
	RECORD(vfork_wait);
	trace_pack_number(p, (u64)e->child);
}

static void fill_vfork_done(struct trace_pack *p, const struct trace_head *h)
{
	RECORD(vfork_done);
	trace_pack_number(p, (u64)e->child);
	trace_pack_number(p, e->ns);
}

static void fill_exec_fail(struct trace_pack *p, const struct trace_head *h)
{
	RECORD(exec_fail);
	trace_pack_text(p, record_text(h, sizeof(*e)));
	trace_pack_number(p, (u64)e->error);
	trace_pack_number(p, e->ns);
}

static void fill_cow(struct trace_pack *p, const struct trace_head *h)
{
	static const char *const kinds[] = { "copy", "take", "zero", "file" };
	RECORD(cow_fault);
	trace_pack_number(p, e->addr);
	trace_pack_text(p, kinds[e->kind & 3]);
	trace_pack_number(p, e->fork_id);
}

static void fill_unshare(struct trace_pack *p, const struct trace_head *h)
{
	RECORD(pt_unshare);
	trace_pack_number(p, e->addr);
	trace_pack_number(p, e->level);
	trace_pack_number(p, e->entries);
	trace_pack_number(p, e->fork_id);
}

static void fill_reap(struct trace_pack *p, const struct trace_head *h)
{
	RECORD(reap);
	trace_pack_text(p, comm_of(e->target));
	trace_pack_number(p, (u64)e->target);
	trace_pack_text(p, e->how ? "auto" : "wait");
}

static void fill_reparent(struct trace_pack *p, const struct trace_head *h)
{
	RECORD(reparent);
	trace_pack_text(p, comm_of(e->child));
	trace_pack_number(p, (u64)e->child);
	trace_pack_number(p, (u64)e->old);
	trace_pack_number(p, (u64)e->parent);
}

static void fill_killed(struct trace_pack *p, const struct trace_head *h)
{
	RECORD(killed);
	trace_pack_text(p, comm_of(e->target));
	trace_pack_number(p, (u64)e->target);
	trace_pack_number(p, (u64)e->signal);
	trace_pack_number(p, (u64)e->sender);
	trace_pack_number(p, (u64)e->code);
}

static void fill_oom(struct trace_pack *p, const struct trace_head *h)
{
	RECORD(oom_kill);
	trace_pack_text(p, comm_of(e->target));
	trace_pack_number(p, (u64)e->target);
	trace_pack_number(p, e->rss);
	trace_pack_number(p, (u64)e->score_adj);
}

static void fill_mark(struct trace_pack *p, const struct trace_head *h)
{
	trace_pack_number(p, (u64)(void *)tracefs_mark);
	trace_pack_text(p, record_text(h, sizeof(struct trace_mark)));
}

/* --- the table ---------------------------------------------------------------------------------------------------------------------------- */

#define COMM_PID_PRIO "char comm[16];pid_t pid;int prio"
#define TEXT_PID_PRIO "comm=%s pid=%d prio=%d"
#define WAKEUP_FIELDS "char comm[16];pid_t pid;int prio;int target_cpu"
#define WAKEUP_TEXT "comm=%s pid=%d prio=%d target_cpu=%03d"
/* How readers are told to print prev_state: Linux's own words. */
#define STATES "((((0x00000000 | 0x00000001 | 0x00000002 | 0x00000004 | 0x00000008 | 0x00000010 | 0x00000020 | 0x00000040) + 1) << 1) - 1)"
#define PREEMPTED "(((0x00000000 | 0x00000001 | 0x00000002 | 0x00000004 | 0x00000008 | 0x00000010 | 0x00000020 | 0x00000040) + 1) << 1)"
#define SWITCH_PRINT                                                                                                                               \
	"\"prev_comm=%s prev_pid=%d prev_prio=%d prev_state=%s%s ==> next_comm=%s next_pid=%d next_prio=%d\", REC->prev_comm, REC->prev_pid, "         \
	"REC->prev_prio, (REC->prev_state & " STATES ") ? __print_flags(REC->prev_state & " STATES                                                     \
	", \"|\", { 0x00000001, \"S\" }, { 0x00000002, \"D\" }, "                                                                                      \
	"{ 0x00000004, \"T\" }, { 0x00000008, \"t\" }, { 0x00000010, \"X\" }, { 0x00000020, \"Z\" }, { 0x00000040, \"P\" }, { 0x00000080, \"I\" }) : " \
	"\"R\", REC->prev_state & " PREEMPTED " ? \"+\" : \"\", REC->next_comm, REC->next_pid, REC->next_prio"

/* Of one record's events the first comes first, as task_newtask does before sched_process_fork. */
const struct trace_text_event trace_text_events[] = {
	{ "task", "task_newtask", TRACE_birth, false, "pid_t pid;char comm[16];unsigned long clone_flags;short oom_score_adj",
		"pid=%d comm=%s clone_flags=%lx oom_score_adj=%hd", NULL, fill_newtask },
	{ "task", "task_rename", TRACE_comm, false, "pid_t pid;char oldcomm[16];char newcomm[16];short oom_score_adj",
		"pid=%d oldcomm=%s newcomm=%s oom_score_adj=%hd", NULL, fill_rename },
	{ "sched", "sched_switch", TRACE_sched_switch, true,
		"char prev_comm[16];pid_t prev_pid;int prev_prio;long prev_state;char next_comm[16];pid_t next_pid;int next_prio",
		"prev_comm=%s prev_pid=%d prev_prio=%d prev_state=%s ==> next_comm=%s next_pid=%d next_prio=%d", SWITCH_PRINT, fill_switch },
	{ "sched", "sched_wakeup", TRACE_sched_wakeup, true, WAKEUP_FIELDS, WAKEUP_TEXT, NULL, fill_wakeup },
	{ "sched", "sched_wakeup_new", TRACE_sched_wakeup, true, WAKEUP_FIELDS, WAKEUP_TEXT, NULL, fill_wakeup },
	{ "sched", "sched_process_fork", TRACE_birth, false, "char parent_comm[16];pid_t parent_pid;char child_comm[16];pid_t child_pid",
		"comm=%s pid=%d child_comm=%s child_pid=%d", NULL, fill_fork },
	{ "sched", "sched_process_exec", TRACE_exec_commit, false, "__data_loc char[] filename;pid_t pid;pid_t old_pid", "filename=%s pid=%d old_pid=%d",
		NULL, fill_exec },
	{ "sched", "sched_process_exit", TRACE_exit, false, COMM_PID_PRIO, TEXT_PID_PRIO, NULL, fill_exit },
	{ "sched", "sched_process_wait", TRACE_wait, false, COMM_PID_PRIO, TEXT_PID_PRIO, NULL, fill_wait },
	{ "sched", "sched_process_free", TRACE_reap, false, COMM_PID_PRIO, TEXT_PID_PRIO, NULL, fill_free },
	{ "pando", "clone_step", TRACE_birth, false,
		"pid_t child_pid;unsigned int call;unsigned int alloc_ns;__data_loc char[] steps;unsigned int publish_ns;unsigned int tables;unsigned int "
		"vmas;"
		"unsigned int fds",
		"child_pid=%d call=%u alloc_ns=%u %s publish_ns=%u tables=%u vmas=%u fds=%u", NULL, fill_steps },
	{ "pando", "clone_fail", TRACE_birth_fail, false, "unsigned int call;unsigned long clone_flags;__data_loc char[] step;int error",
		"call=%u clone_flags=%lx step=%s error=%d", NULL, fill_clone_fail },
	{ "pando", "vfork_wait", TRACE_vfork_wait, false, "pid_t child_pid", "child_pid=%d", NULL, fill_vfork_wait },
	{ "pando", "vfork_done", TRACE_vfork_done, false, "pid_t child_pid;unsigned long ns", "child_pid=%d ns=%lu", NULL, fill_vfork_done },
	{ "pando", "exec_fail", TRACE_exec_fail, false, "__data_loc char[] filename;int error;unsigned long ns", "filename=%s error=%d ns=%lu", NULL,
		fill_exec_fail },
	{ "pando", "cow_fault", TRACE_cow_fault, false, "unsigned long addr;__data_loc char[] kind;unsigned int fork", "addr=0x%lx kind=%s fork=%u", NULL,
		fill_cow },
	{ "pando", "pt_unshare", TRACE_pt_unshare, false, "unsigned long addr;unsigned int level;unsigned int entries;unsigned int fork",
		"addr=0x%lx level=%u entries=%u fork=%u", NULL, fill_unshare },
	{ "pando", "reap", TRACE_reap, false, "char comm[16];pid_t pid;__data_loc char[] how", "comm=%s pid=%d how=%s", NULL, fill_reap },
	{ "pando", "reparent", TRACE_reparent, false, "char comm[16];pid_t pid;pid_t old_parent;pid_t new_parent",
		"comm=%s pid=%d old_parent=%d new_parent=%d", NULL, fill_reparent },
	{ "pando", "killed", TRACE_killed, false, "char comm[16];pid_t pid;int sig;pid_t sender;int code", "comm=%s pid=%d sig=%d sender=%d code=%d",
		NULL, fill_killed },
	{ "pando", "oom_kill", TRACE_oom_kill, false, "char comm[16];pid_t pid;unsigned long rss_pages;int oom_score_adj",
		"comm=%s pid=%d rss_pages=%lu oom_score_adj=%d", NULL, fill_oom },
	/* Always on, and in no list, as in Linux. */
	{ "ftrace", "print", TRACE_mark, false, "unsigned long ip;char buf[]", "%s", "\"%ps: %s\", (void *)REC->ip, REC->buf", fill_mark },
};
const u32 trace_text_count = ARRAY_SIZE(trace_text_events) - 1;
_Static_assert(ARRAY_SIZE(trace_text_events) <= 32, "a mask of text events");

bool trace_event_is(u32 i, const struct trace_head *h)
{
	RECORD(sched_wakeup);
	if (trace_text_events[i].record != h->type)
		return false;
	/* One record, two of Linux's names: the longer one is for the newborn. */
	return h->type != TRACE_sched_wakeup || (trace_text_events[i].name[strlen("sched_wakeup")] != 0) == e->first;
}

u32 trace_events_needed(u32 enabled)
{
	u32 records = 0;
	for (u32 i = 0; i < trace_text_count; i++)
		if (enabled >> i & 1)
			records |= 1u << trace_text_events[i].record;
	if (!records)
		return 1u << TRACE_mark;
	/* Names and paths; whether a task that is switched away from is a zombie; the priority of one that is freed. */
	return records | 1u << TRACE_mark | 1u << TRACE_birth | 1u << TRACE_comm | 1u << TRACE_exec_plan |
		   (records & 1u << TRACE_sched_switch ? 1u << TRACE_reap : 0) | (records & 1u << TRACE_reap ? 1u << TRACE_exit : 0);
}

static void learn_path(s32 tid, const char *path)
{
	struct name *n;
	comm_of(tid);
	n = make_name(tid);
	if (!n)
		return;
	kfree(n->path);
	n->path = kmalloc(strlen(path) + 1);
	if (n->path)
		memcpy(n->path, path, strlen(path) + 1);
}

void trace_events_learn(const struct trace_head *h)
{
	const struct trace_birth *b = (const void *)h;
	const struct trace_comm *c = (const void *)h;
	struct name *n;
	switch (h->type) {
	case TRACE_birth:
		learn(b->child, b->comm);
		n = find_name(b->child);
		if (n) {
			n->gone = false;
			n->prio = 0;
		}
		break;
	case TRACE_comm:
		learn(c->target, c->comm);
		break;
	case TRACE_exec_plan:
		learn_path(h->tid, record_text(h, sizeof(struct trace_exec_plan)));
		break;
	case TRACE_exit:
		n = find_name(h->tid);
		if (n)
			n->prio = ((const struct trace_exit *)h)->prio;
		break;
	case TRACE_reap:
		n = find_name(((const struct trace_reap *)h)->target);
		if (n)
			n->gone = true;
		break;
	}
}

void trace_events_names(struct text *t)
{
	for (u32 i = 0; names && i < NAMES; i++)
		if (names[i].known)
			text_printf(t, "%d %s\n", names[i].tid, names[i].comm);
}
