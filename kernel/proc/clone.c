/*
 * Birth. Entry points: sys_fork, sys_vfork, sys_clone, sys_clone3, kernel_thread, user_mode_thread, fork_idle; all meet in kernel_clone() ->
 * copy_process(). hook_ret_from_fork is the newborn's first code.
 *
 *   decode (clone_args.c) -> plan -> collector -> dup_task_struct -> step table (steps.c) -> publish -> sched_start
 *
 * Locks: the steps run without any; publish takes tasklist_lock, then the creator's sighand lock, for everything that makes the child visible.
 */
#include <linux/sched.h>

#include "arch/x86_64/hooks.h"
#include "gen/sys_protos.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/cgroup.h"
#include "proc/ns.h"
#include "proc/ptrace.h"
#include "proc/seccomp.h"
#include "proc/steps.h"
#include "proc/trace_points.h"
#include "uapi/newer.h"

u32 birth_times;

_Static_assert(TASK_SIZE_MAX == 0x7ffffffff000UL, "clone_args.c knows this number");

/* --- the beginning ---------------------------------------------------------------------------------------------------------------------- */

/* From here on group-wide signals are also kept for the child, so that none can hit only one of the two. A signal that is already pending goes
 * first: the call restarts after its handler. */
static int collector_start(struct birth *b)
{
	struct task *me = current;
	b->collector.signal = 0;
	u64 flags = spin_lock_irqsave(&me->sighand->lock);
	if (b->args->flags & CLONE_THREAD)
		list_init(&b->collector.node);
	else
		list_add(&b->collector.node, &me->signal->multiprocess);
	if (unlikely(READ_ONCE(me->flags) & TIF_SIGPENDING))
		recalc_sigpending();
	bool pending = READ_ONCE(me->flags) & TIF_SIGPENDING;
	if (pending)
		list_del(&b->collector.node);
	spin_unlock_irqrestore(&me->sighand->lock, flags);
	return pending ? -ERESTARTNOINTR : 0;
}

static void collector_stop(struct birth *b)
{
	if (list_empty(&b->collector.node))
		return;
	u64 flags = spin_lock_irqsave(&current->sighand->lock);
	list_del(&b->collector.node);
	spin_unlock_irqrestore(&current->sighand->lock, flags);
}

/* What the request itself says about the child. */
static void apply_request(struct task *child, struct birth *b)
{
	const struct kernel_clone_args *a = b->args;
	child->set_child_tid = a->flags & CLONE_CHILD_SETTID ? a->child_tid : 0;
	child->clear_child_tid = a->flags & CLONE_CHILD_CLEARTID ? a->child_tid : 0;
	if ((a->flags & (CLONE_VM | CLONE_VFORK)) == CLONE_VM) {
		child->altstack_sp = child->altstack_size = 0;
		child->altstack_flags = 2; /* SS_DISABLE */
	}
	if (a->name)
		str_copy(child->comm, a->name, sizeof(child->comm));
	struct birth_record *r = &child->birth;
	r->creator_tid = current->tid;
	memcpy(r->creator_comm, current->comm, sizeof(r->creator_comm));
	r->call = a->call;
	memcpy(r->mode, b->plan.mode, sizeof(r->mode));
	r->flags = a->flags;
	r->exit_signal = (u8)a->exit_signal;
	r->tables_shared = r->vmas = 0;
	r->step_ns = NULL;
	r->start = child->start_time = clock_mono();
	if (unlikely(b->started))
		b->started = r->start;
}

/* kernel.birth_times: the record keeps how long each step took, if there is memory for it. */
static void keep_step_times(struct task *child, const struct birth *b)
{
	if (READ_ONCE(birth_times))
		child->birth.step_ns = kmemdup(b->step_ns, sizeof(b->step_ns));
}

/* --- publishing: everybody sees the child from here on ------------------------------------------------------------------------------------ */

/* => tasklist_lock. Who the parent is and what it hears at the end (clone(2): CLONE_PARENT, CLONE_THREAD). */
static void choose_parent(struct task *child, const struct kernel_clone_args *a)
{
	struct task *me = current;
	if (a->flags & (CLONE_PARENT | CLONE_THREAD)) {
		child->real_parent = me->real_parent;
		child->parent_exec_id = me->parent_exec_id;
		child->exit_signal = a->flags & CLONE_THREAD ? -1 : me->group_leader->exit_signal;
	} else {
		child->real_parent = me;
		child->parent_exec_id = me->self_exec_id;
		child->exit_signal = a->exit_signal;
	}
	child->parent = child->real_parent;
}

/* => tasklist_lock, S of the creator */
static void link_thread(struct task *child)
{
	struct signal *s = child->signal;
	child->group_leader = current->group_leader;
	child->tgid = current->tgid;
	s->nr_threads++;
	s->live++;
	task_join_group_stop(child);
	list_add_tail(&child->thread_node, &s->threads);
}

/* => tasklist_lock, S of the creator */
static void link_process(struct task *child, struct birth *b)
{
	struct task *parent = child->real_parent;
	struct signal *s = child->signal, *mine = current->signal;
	struct pid *pid = child->thread_pid;
	child->group_leader = child;
	child->tgid = child->tid;
	if (unlikely(pid_own_nr(pid) == 1)) {
		pid_ns_set_reaper(pid_ns_of(pid), child);
		s->flags |= SIGNAL_UNKILLABLE;
	}
	s->shared_pending.set = b->collector.signal;
	if (unlikely(b->collector.signal))
		atomic_or(&child->flags, TIF_SIGPENDING);
	if (unlikely(b->args->flags & CLONE_AUTOREAP))
		s->autoreap = true;
	s->has_child_subreaper = parent->signal->has_child_subreaper || parent->signal->is_child_subreaper;
	s->tty = mine->tty;
	if (s->tty)
		hook_tty_get(s->tty);
	attach_pid(child, PIDTYPE_TGID, pid);
	attach_pid(child, PIDTYPE_PGID, mine->pids[PIDTYPE_PGID]);
	attach_pid(child, PIDTYPE_SID, mine->pids[PIDTYPE_SID]);
	list_add_tail(&child->sibling, &parent->children);
	list_add_tail(&child->tasks, &all_tasks);
	list_add_tail(&child->thread_node, &s->threads);
}

/* The last two checks and, when they pass, the commit. 0, -ENOMEM, -EINTR. */
static int publish(struct task *child, struct birth *b)
{
	struct task *me = current;
	struct pid *pid = child->thread_pid;
	spin_lock(&tasklist_lock);
	u64 flags = spin_lock_irqsave(&me->sighand->lock);
	/* Nothing to do for a birth in the root group: the usual one. */
	bool grouped = unlikely(!cgroup_in_root(me) || !cgroup_in_root(child) || (b->args->flags & (CLONE_INTO_CGROUP | CLONE_NEWCGROUP)));
	int err = grouped ? cgroup_can_fork(b->cgroup) : 0;
	if (!err)
		err = pid->numbers[pid->level].ns->no_new ? -ENOMEM : unlikely(fatal_signal_pending()) ? -EINTR : 0;
	if (!err) {
		/* committed: nothing below can fail */
		choose_parent(child, b->args);
		if (b->args->flags & CLONE_THREAD)
			link_thread(child);
		else
			link_process(child, b);
		if (unlikely(READ_ONCE(me->flags) & (TIF_SECCOMP | TIF_NO_NEW_PRIVS)))
			seccomp_inherit(child);
		if (unlikely(b->args->flags & CLONE_NNP))
			atomic_or(&child->flags, TIF_NO_NEW_PRIVS);
		ptrace_init_child(child, b->trace_event || (b->args->flags & CLONE_PTRACE));
		attach_pid(child, PIDTYPE_PID, pid);
		nr_threads_total++;
		total_forks++;
		if (grouped) {
			cgroup_fork(child, b->cgroup, b->args->flags);
		} else {
			/* What was copied may be older than a migration. */
			child->memcg = NULL;
			child->group = NULL;
		}
	}
	list_del(&b->collector.node);
	spin_unlock_irqrestore(&me->sighand->lock, flags);
	spin_unlock(&tasklist_lock);
	return err;
}

/* --- the one constructor ---------------------------------------------------------------------------------------------------------------- */

/* A child that is complete and visible but does not run yet. 0 or -errno (then nothing is left behind). */
static int copy_process(struct birth *b, struct task **out)
{
	struct task *child;
	int err = collector_start(b);
	b->failed_step = FAILED_BEFORE;
	if (unlikely(err))
		return err;
	err = dup_task_struct(current, b->args->kthread, &child);
	if (unlikely(err)) {
		collector_stop(b);
		return err;
	}
	apply_request(child, b);
	if (unlikely(b->started))
		b->alloc_ns = (u32)(clock_mono() - b->started);
	err = copy_steps(child, b);
	if (!err) {
		u64 t = unlikely(b->started) ? clock_mono() : 0;
		err = publish(child, b);
		if (unlikely(t))
			b->publish_ns = (u32)(clock_mono() - t);
		if (unlikely(err)) {
			b->failed_step = FAILED_AFTER;
			undo_steps(child, b);
		}
	}
	if (unlikely(err)) {
		collector_stop(b);
		free_unborn(child);
		return err;
	}
	if (unlikely(b->cgroup))
		cgroup_leave_fork(b->cgroup);
	if (b->plan.mode[BSTEP_PIDFD] != STEP_NONE)
		fd_install(b->pidfd, b->pidfd_file);
	child->birth.total_ns = clock_mono() - child->birth.start;
	if (unlikely(b->started))
		keep_step_times(child, b);
	if (trace_on(birth))
		trace_birth(child, b);
	*out = child;
	return 0;
}

static void wake_up_new_task(struct task *child) { sched_start(task_thread(child)); }

/* CLONE_VFORK: only death ends the wait before the child has left our memory; then the child must not find our stack any more. true: the wait was
 * completed. */
static bool wait_for_vfork_done(struct task *child, struct completion *done)
{
	u64 since = 0;
	if (trace_on(vfork_wait)) {
		since = clock_mono();
		trace_vfork_wait(child->tid);
	}
	/* A control group that is to be frozen need not wait for who waits. */
	bool grouped = !cgroup_in_root(current);
	if (unlikely(grouped))
		cgroup_enter_frozen();
	bool completed = !wait_for_completion_killable(done);
	if (unlikely(grouped))
		cgroup_leave_frozen(true);
	if (unlikely(since))
		trace_vfork_done(child->tid, since);
	spin_lock(&child->alloc_lock);
	child->vfork_done = NULL;
	spin_unlock(&child->alloc_lock);
	task_put(child);
	return completed;
}

/* Which event this birth is to current's tracer (ptrace(2)), 0 = none or not wanted. */
static u32 choose_trace_event(const struct kernel_clone_args *a)
{
	u32 event = a->flags & CLONE_VFORK ? PTRACE_EVENT_VFORK : a->exit_signal != SIGCHLD ? PTRACE_EVENT_CLONE : PTRACE_EVENT_FORK;
	return !(a->flags & CLONE_UNTRACED) && ptrace_event_enabled(current, event) ? event : 0;
}

#define RECLAIM_TRIES 8u /* each asks for twice as much: a stack wants neighbouring pages */

long kernel_clone(struct kernel_clone_args *a)
{
	struct clone_caller caller = {
		.unkillable = current->signal->flags & SIGNAL_UNKILLABLE,
		.foreign_children = current->nsproxy->pid != current_pid_ns(),
		.has_io = current->io,
		.has_mm = current->mm && !a->kthread,
		.autoreap = current->signal->autoreap,
		.admin = unlikely(a->flags & CLONE_PIDFD_AUTOKILL) && ns_capable(current_user_ns(), CAP_SYS_ADMIN),
	};
	struct birth b = { .args = a, .failed_step = FAILED_DECODE };
	struct completion vfork;
	struct task *child;
	if (unlikely(current->ptrace))
		b.trace_event = choose_trace_event(a);
	int err = make_clone_plan(a, &caller, &b.plan);
	if (trace_on(birth) || unlikely(READ_ONCE(birth_times)))
		b.started = clock_mono();
	if (!err)
		err = copy_process(&b, &child);
	/* Cached data of a disk makes room before a birth fails. */
	for (u32 tries = 0; unlikely(err == -ENOMEM) && tries < RECLAIM_TRIES && mm_reclaim(256UL << tries); tries++)
		err = copy_process(&b, &child);
	if (err) {
		/* A call that starts over is none yet. */
		if (err != -ERESTARTNOINTR)
			birth_failed(&b, a->flags, a->call, err);
		return err;
	}
	long nr = pid_vnr(child->thread_pid);
	u64 message = unlikely(current->ptrace) ? ptrace_tracer_nr(child->thread_pid) : 0;
	if (a->flags & CLONE_PARENT_SETTID)
		(void)put_user((s32)nr, a->parent_tid); /* a bad pointer is no error */
	if (a->flags & CLONE_VFORK) {
		completion_init(&vfork);
		child->vfork_done = &vfork;
		task_get(child);
	}
	wake_up_new_task(child);
	if (unlikely(b.trace_event))
		ptrace_event(b.trace_event, message);
	if ((a->flags & CLONE_VFORK) && wait_for_vfork_done(child, &vfork) && unlikely(current->ptrace))
		ptrace_event(PTRACE_EVENT_VFORK_DONE, message);
	return nr;
}

void hook_ret_from_fork(struct thread *prev, struct regs *regs)
{
	sched_finish_switch(prev);
	struct task *t = current;
	if (unlikely(t->set_child_tid)) {
		irq_enable();
		(void)put_user(pid_own_nr(t->thread_pid), t->set_child_tid);
		irq_disable();
	}
}

/* --- callers ---------------------------------------------------------------------------------------------------------------------------- */

long sys_fork(void)
{
	struct kernel_clone_args a;
	decode_fork(&a);
	return kernel_clone(&a);
}

long sys_vfork(void)
{
	struct kernel_clone_args a;
	decode_vfork(&a);
	return kernel_clone(&a);
}

long sys_clone(u64 flags, u64 stack, u64 parent_tid, u64 child_tid, u64 tls)
{
	struct kernel_clone_args a;
	decode_clone(flags, stack, parent_tid, child_tid, tls, &a);
	return kernel_clone(&a);
}

long sys_clone3(u64 uargs, u64 usize)
{
	struct clone3_block b = { .flags = 0 };
	struct kernel_clone_args a;
	s32 set_tid[SET_TID_MAX];
	int err = clone3_check_size(usize);
	if (!err)
		err = copy_struct_from_user(&b, sizeof(b), uargs, usize);
	if (!err)
		err = clone3_check_block(&b, usize);
	if (!err && b.set_tid_size)
		err = copy_from_user(set_tid, b.set_tid, b.set_tid_size * sizeof(set_tid[0]));
	if (!err)
		err = decode_clone3(&b, set_tid, &a);
	if (!err)
		return kernel_clone(&a);
	birth_failed(NULL, b.flags, BIRTH_CLONE3, err);
	return err;
}

long kernel_thread(void (*fn)(void *), void *arg, const char *name, u64 flags)
{
	struct kernel_clone_args a;
	decode_kernel_thread(fn, arg, name, flags, true, &a);
	return kernel_clone(&a);
}

long user_mode_thread(void (*fn)(void *), void *arg, u64 flags)
{
	struct kernel_clone_args a;
	decode_kernel_thread(fn, arg, NULL, flags, false, &a);
	return kernel_clone(&a);
}

/* An idle task is process 0 once more: it shares everything with the first one, which never dies, so it holds no references; it has number 0,
 * is in no list and does not count. */
int fork_idle(u32 cpu, struct task **out)
{
	struct task *t;
	int err = dup_task_struct(&init_task, true, &t);
	if (err)
		return err;
	format_str(t->comm, sizeof(t->comm), "swapper/%u", cpu);
	sched_fork(task_thread(t));
	t->flags = TIF_IDLE | TIF_KTHREAD;
	t->state = TASK_RUNNING;
	t->se.cpu = cpu;
	t->se.affinity = 1UL << cpu;
	t->group_leader = t;
	t->real_parent = t->parent = &init_task;
	t->tid = t->tgid = 0;
	t->birth = (struct birth_record){ .call = BIRTH_BOOT, .start = clock_mono() };
	*out = t;
	return 0;
}
