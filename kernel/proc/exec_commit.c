/*
 * The point of no return (begin_new_exec): exec_commit(). The caller's threads die, it becomes the leader, its old memory goes, the new takes its place.
 * The order is Linux's, where others can see it: the threads die, the old memory goes (a vfork parent goes on), files are closed, and name, handlers and
 * credentials change.
 */
#include <linux/resource.h>

#include "lib/string.h"
#include "proc/exec.h"
#include "proc/internal.h"
#include "proc/ns.h"
#include "proc/ptrace.h"
#include "proc/rseq.h"
#include "proc/trace_points.h"
#include "proc/signal.h"
#include "proc/user_dispatch.h"
#include "sched/sched.h"
#include "vfs/file.h"

/* --- one thread is left -------------------------------------------------------------------------------------------------------------------- */

/* Sleeps until *what is reached, which a dying thread announces by waking us. false: killed. */
static bool wait_for_threads(struct signal *s)
{
	for (;;) {
		set_current_state(TASK_KILLABLE);
		if (!READ_ONCE(s->notify_count))
			break;
		if (fatal_signal_pending())
			break;
		schedule();
	}
	set_current_state(TASK_RUNNING);
	return !READ_ONCE(s->notify_count);
}

/* Until the leader is a zombie. On success tasklist_lock is held. false: killed, nothing held. */
static bool wait_for_leader(struct task *leader)
{
	for (;;) {
		spin_lock(&tasklist_lock);
		if (leader->exit_state)
			return true;
		set_current_state(TASK_KILLABLE);
		spin_unlock(&tasklist_lock);
		if (fatal_signal_pending()) {
			set_current_state(TASK_RUNNING);
			return false;
		}
		schedule();
	}
}

/* `to` takes the place of `from` in the list. */
static void take_place(struct list_head *to, struct list_head *from)
{
	if (list_empty(from))
		return;
	list_del(to);
	list_add(to, from);
	list_del(from);
}

static void swap_pids(struct task *a, struct task *b)
{
	struct pid *pa = a->thread_pid, *pb = b->thread_pid;
	s32 tid = a->tid;
	list_del(&a->pid_links[PIDTYPE_PID]);
	list_del(&b->pid_links[PIDTYPE_PID]);
	list_add_tail(&a->pid_links[PIDTYPE_PID], &pb->tasks[PIDTYPE_PID]);
	list_add_tail(&b->pid_links[PIDTYPE_PID], &pa->tasks[PIDTYPE_PID]);
	a->thread_pid = pb;
	b->thread_pid = pa;
	a->tid = b->tid;
	b->tid = tid;
}

/* => tasklist_lock. t takes over the identity of its dead leader: number, place among the parent's children, group and session. */
static void replace_leader(struct task *t, struct task *leader)
{
	struct signal *s = t->signal;
	u64 f = spin_lock_irqsave(&t->sighand->lock);
	t->start_time = leader->start_time;
	swap_pids(t, leader);
	for (u32 type = PIDTYPE_TGID; type < PIDTYPE_MAX; type++)
		take_place(&t->pid_links[type], &leader->pid_links[type]);
	take_place(&t->tasks, &leader->tasks);
	take_place(&t->sibling, &leader->sibling);
	/* The leader is first in the list of threads. */
	list_del(&t->thread_node);
	list_add(&t->thread_node, &s->threads);
	t->group_leader = leader->group_leader = t;
	/* Both had the same real parent. Each keeps its own tracer: the old leader's may sleep in wait for it. */
	t->exit_signal = SIGCHLD;
	leader->exit_signal = -1;
	leader->exit_state = EXIT_DEAD;
	if (s->real_timer_task == leader)
		s->real_timer_task = t;
	if (task_pid_ns(t)->child_reaper == leader)
		pid_ns_set_reaper(task_pid_ns(t), t);
	spin_unlock_irqrestore(&t->sighand->lock, f);
	if (unlikely(leader->ptrace))
		wake_up_parent(leader, leader->parent);
}

static void end_exec_task(struct signal *s, struct sighand *h)
{
	u64 f = spin_lock_irqsave(&h->lock);
	s->group_exec_task = NULL;
	s->notify_count = 0;
	spin_unlock_irqrestore(&h->lock, f);
}

/* 0, or -EAGAIN when a group exit, another execve or SIGKILL came first. */
static int de_thread(void)
{
	struct task *t = current, *leader = t->group_leader;
	struct signal *s = t->signal;
	struct sighand *h = t->sighand;
	u64 f = spin_lock_irqsave(&h->lock);
	if ((s->flags & SIGNAL_GROUP_EXIT) || s->group_exec_task) {
		spin_unlock_irqrestore(&h->lock, f);
		return -EAGAIN;
	}
	if (s->nr_threads == 1) {
		spin_unlock_irqrestore(&h->lock, f);
		return 0;
	}
	s->group_exec_task = t;
	s->notify_count = zap_other_threads(t);
	/* The leader stays as a zombie until we have taken its number. */
	if (leader != t)
		s->notify_count--;
	spin_unlock_irqrestore(&h->lock, f);
	bool alone = wait_for_threads(s);
	if (alone && leader != t) {
		alone = wait_for_leader(leader);
		if (alone) {
			set_current_state(TASK_RUNNING);
			replace_leader(t, leader);
			spin_unlock(&tasklist_lock);
			release_task(leader);
		}
	}
	end_exec_task(s, h);
	return alone ? 0 : -EAGAIN;
}

/* Handlers of our own, if another process shares the table (CLONE_SIGHAND without CLONE_THREAD). 0 or -ENOMEM. */
static int unshare_sighand(void)
{
	struct task *t = current;
	struct sighand *old = t->sighand;
	if (atomic_read(&old->refs) == 1)
		return 0;
	struct sighand *new = sighand_create();
	if (!new)
		return -ENOMEM;
	spin_lock(&tasklist_lock);
	u64 f = spin_lock_irqsave(&old->lock);
	sighand_copy_actions(new, old);
	WRITE_ONCE(t->sighand, new);
	spin_unlock_irqrestore(&old->lock, f);
	spin_unlock(&tasklist_lock);
	sighand_wait_readers(old);
	sighand_put(old);
	return 0;
}

/* --- the rest, in order -------------------------------------------------------------------------------------------------------------------- */

static void switch_mm(struct exec *e)
{
	struct task *t = current;
	struct mm *old = t->mm;
	u64 f;
	exec_mm_release(t);
	if (old) {
		mm_inherit_settings(e->mm, old);
		/* A walk over the tables: not for a vfork parent's memory, which lives on and is sampled at its own end. */
		if (atomic_read(&old->users) == 1)
			mm_sample_hiwater(old);
		if (lock_task_sighand(t, &f)) {
			t->signal->maxrss = max(t->signal->maxrss, old->hiwater_rss * (PAGE_SIZE / 1024));
			unlock_task_sighand(t, f);
		}
	}
	spin_lock(&t->alloc_lock);
	mm_activate(e->mm);
	spin_unlock(&t->alloc_lock);
	e->mm = NULL;
	if (old)
		mm_put_user(old);
}

static void set_comm(const struct exec *e)
{
	struct task *t = current;
	const char *name = e->path, *slash;
	char buf[256];
	if (e->comm_from_dentry) {
		name = path_text(&e->file->path, buf, sizeof(buf));
		if (!name)
			name = "exec";
	}
	slash = strrchr(name, '/');
	spin_lock(&t->alloc_lock);
	memset(t->comm, 0, sizeof(t->comm));
	str_copy(t->comm, slash ? slash + 1 : name, sizeof(t->comm));
	spin_unlock(&t->alloc_lock);
	if (trace_on(comm))
		trace_comm(t);
}

static void set_identity(struct exec *e)
{
	struct task *t = current;
	const struct cred *c = e->cred;
	t->mm->dumpable = e->unreadable || c->euid != c->uid || c->egid != c->gid ? suid_dumpable : 1;
	t->personality = e->personality;
	spin_lock(&tasklist_lock);
	if (e->secure)
		t->pdeath_signal = 0;
	t->exit_signal = SIGCHLD;
	t->self_exec_id++;
	spin_unlock(&tasklist_lock);
	cred_commit(e->cred);
	e->cred = NULL;
}

static void reset_signals(void)
{
	struct task *t = current;
	altstack_reset(t);
	u64 f = spin_lock_irqsave(&t->sighand->lock);
	flush_signal_handlers(t, false);
	spin_unlock_irqrestore(&t->sighand->lock, f);
	t->restart.fn = NULL;
}

static void clear_in_exec(void)
{
	struct fs_context *fs = current->fs;
	spin_lock(&fs->lock);
	fs->in_exec = false;
	spin_unlock(&fs->lock);
}

/* AT_EXECFD: the descriptor, in the vector on the new stack and in its copy. 0, -EMFILE, -ENOMEM, -EFAULT. => the new memory is current's */
static int give_executable(struct exec *e)
{
	int fd = fd_install_new(e->executable, false);
	e->executable = NULL;
	if (fd < 0)
		return fd;
	u64 pointers = 1 + e->args.argv.n + 1 + e->args.envp.n + 1;
	current->mm->auxv[e->execfd_slot] = (u64)fd;
	return put_user((u64)fd, e->sp + (pointers + e->execfd_slot) * sizeof(u64));
}

int exec_commit(struct exec *e)
{
	struct task *t = current;
	e->committed = true;
	int err = de_thread();
	clear_in_exec();
	if (!err)
		err = fdtable_unshare_exec();
	if (!err)
		err = unshare_sighand();
	if (!err)
		err = nsproxy_exec(e->mm);
	if (err)
		return err;
	/* committed: nothing below can fail, but for the descriptor that binfmt_misc hands over */
	e->mm->exe = e->file;
	file_get(e->file);
	switch_mm(e);
	delete_posix_timers(t->signal);
	ptrace_reset_debug();
	user_dispatch_end(t);
	rseq_forget(t);
	t->pf &= ~(PF_FORKNOEXEC | PF_KTHREAD | PF_NO_SETAFFINITY | PF_RANDOMIZE);
	t->pf |= e->randomize ? PF_RANDOMIZE : 0;
	fdtable_close_on_exec();
	set_comm(e);
	reset_signals();
	set_identity(e);
	t->signal->rlim.r[RLIMIT_STACK] = e->rlim_stack;
	return unlikely(e->executable) ? give_executable(e) : 0;
}
