/*
 * The step table of birth and its rows. Entry points: copy_steps, undo_steps, put_steps, and the public sighand_put, signal_put, birth_step_name.
 *
 *   row         share (flag)      copy / fresh                given back
 *   creds       CLONE_THREAD      same record, one reference  free      (records are constant: whoever changes one makes a private copy first)
 *   limits      -                 one process more            reap      (RLIMIT_NPROC, threads-max)
 *   sched       -                 entity reset                -
 *   semundo     CLONE_SYSVSEM     none (made when needed)     exit
 *   files       CLONE_FILES       table copied                exit
 *   fs          CLONE_FS          copied                      exit
 *   sighand     CLONE_SIGHAND     copied / all default        free
 *   signal      CLONE_THREAD      fresh                       free
 *   mm          CLONE_VM          copy on write               exit
 *   namespaces  -                 same set / fresh members    exit last (what leaves before may look through them)
 *   io          CLONE_IO          copied, if there is one     exit
 *   thread      -                 registers, FPU / start fn   -         (the stack goes when the scheduler is done with it)
 *   pid         -                 fresh number                (publish and unpublish, under tasklist_lock)
 *   pidfd       -                 fresh descriptor            -
 *   cgroup      -                 another group               (counted by publish and unpublish, under tasklist_lock)
 *
 * The mm leaves first at exit, so a vfork parent or a joiner may run before the files are closed; files are closed before the parent is told.
 */
#include "proc/steps.h"
#include "proc/ns.h"

#include <linux/resource.h>
#include <linux/sched.h>

#include "lib/string.h"
#include "proc/cgroup.h"
#include "proc/rseq.h"
#include "mm/slab.h"
#include "uapi/newer.h"

static struct kmem_cache *signal_cache, *sighand_cache;
static atomic_t signals_alive, sighands_alive;

/* --- creds, limits ---------------------------------------------------------------------------------------------------------------------- */

static int copy_creds(struct task *child, struct birth *b)
{
	child->cred = current->cred;
	if (unlikely(b->args->flags & CLONE_NEWUSER)) {
		struct cred *c;
		int err = cred_prepare(&c);
		if (!err) {
			err = user_ns_create(c);
			if (err)
				cred_put(c);
		}
		child->cred = err ? child->cred : c;
		return err;
	}
	cred_get(child->cred);
	return 0;
}
static void put_creds(struct task *t, struct birth *b) { cred_put(t->cred); }

/* The child counts before the comparison: exactly RLIMIT_NPROC tasks may exist. */
static int charge_limits(struct task *child, struct birth *b)
{
	struct user_account *user = child->cred->user;
	bool fits = account_charge(user, USERNS_NPROC, 1, rlimit_cur(RLIMIT_NPROC));
	if (unlikely(!fits) && user->uid != 0 && !capable(CAP_SYS_RESOURCE) && !capable(CAP_SYS_ADMIN)) {
		account_uncharge(user, USERNS_NPROC, 1);
		return -EAGAIN;
	}
	current->pf &= ~PF_NPROC_EXCEEDED;
	child->pf &= ~PF_NPROC_EXCEEDED;
	if (unlikely(READ_ONCE(nr_threads_total) >= max_threads)) {
		account_uncharge(user, USERNS_NPROC, 1);
		return -EAGAIN;
	}
	return 0;
}
static void uncharge_limits(struct task *t, struct birth *b) { account_uncharge(t->cred->user, USERNS_NPROC, 1); }

static int copy_sched(struct task *child, struct birth *b)
{
	sched_fork(task_thread(child));
	return 0;
}

/* --- semaphore undo ---------------------------------------------------------------------------------------------------------------------- */

static int copy_semundo(struct task *child, struct birth *b) { return hook_sem_undo_share(child); }
static void put_semundo(struct task *t, struct birth *b)
{
	if (unlikely(t->sem_undo))
		hook_sem_undo_leave(t);
	if (unlikely(t->pf & PF_SHM_MAKER))
		hook_shm_leave(t);
}

/* --- I/O context ------------------------------------------------------------------------------------------------------------------------- */

static int copy_io(struct task *child, struct birth *b)
{
	return io_context_fork(current->io, b->plan.mode[BSTEP_IO] == STEP_SHARE, &child->io);
}
static void put_io(struct task *t, struct birth *b)
{
	if (likely(!t->io))
		return;
	spin_lock(&t->alloc_lock);
	struct io_context *io = t->io;
	t->io = NULL;
	spin_unlock(&t->alloc_lock);
	io_context_put(io);
}

/* --- files, fs -------------------------------------------------------------------------------------------------------------------------- */

static int copy_files(struct task *child, struct birth *b)
{
	if (!current->files) {
		child->files = NULL;
		return 0;
	}
	if (b->plan.mode[BSTEP_FILES] == STEP_COPY)
		return fdtable_copy(current->files, &child->files);
	fdtable_get(current->files);
	return 0;
}
static void put_files(struct task *t, struct birth *b)
{
	spin_lock(&t->alloc_lock);
	struct fdtable *files = t->files;
	t->files = NULL;
	spin_unlock(&t->alloc_lock);
	if (files)
		fdtable_put(files);
}

static int copy_fs(struct task *child, struct birth *b)
{
	struct fs_context *fs = current->fs;
	if (!fs) {
		child->fs = NULL;
		return 0;
	}
	if (b->plan.mode[BSTEP_FS] == STEP_COPY)
		return fs_context_copy(fs, &child->fs);
	spin_lock(&fs->lock);
	bool in_exec = fs->in_exec;
	if (!in_exec)
		fs_context_get(fs);
	spin_unlock(&fs->lock);
	return in_exec ? -EAGAIN : 0;
}
static void put_fs(struct task *t, struct birth *b)
{
	spin_lock(&t->alloc_lock);
	struct fs_context *fs = t->fs;
	t->fs = NULL;
	spin_unlock(&t->alloc_lock);
	if (fs)
		fs_context_put(fs);
}

/* --- signals ---------------------------------------------------------------------------------------------------------------------------- */

/* Tables of handlers that were in use before: every action is zero again, so a newborn pays for those alone that it takes over. Per CPU, interrupts off. */
#define SIGHANDS_KEPT 8
static struct {
	struct sighand *s[SIGHANDS_KEPT];
	u32 n;
} __aligned(64) sighands_kept[NR_CPUS];

struct sighand *sighand_create(void)
{
	if (fault_injected())
		return NULL;
	u64 flags = irq_save();
	u32 cpu = cpu_id();
	struct sighand *s = sighands_kept[cpu].n ? sighands_kept[cpu].s[--sighands_kept[cpu].n] : NULL;
	irq_restore(flags);
	if (unlikely(!s)) {
		s = kmem_cache_zalloc(sighand_cache);
		if (!s)
			return NULL;
	}
	atomic_set(&s->refs, 1);
	spin_init(&s->lock, RANK_SIGHAND);
	s->used = 0;
	atomic_inc(&sighands_alive);
	return s;
}

void sighand_copy_actions(struct sighand *new, const struct sighand *old)
{
	new->used = old->used;
	for (ksigset_t left = old->used; left; left &= left - 1)
		new->action[__builtin_ctzl(left)] = old->action[__builtin_ctzl(left)];
}

static int copy_sighand(struct task *child, struct birth *b)
{
	struct sighand *old = current->sighand;
	if (b->plan.mode[BSTEP_SIGHAND] == STEP_SHARE) {
		atomic_inc(&old->refs);
		return 0;
	}
	struct sighand *sh = sighand_create();
	if (!sh)
		return -ENOMEM;
	u64 flags = spin_lock_irqsave(&old->lock);
	sighand_copy_actions(sh, old);
	spin_unlock_irqrestore(&old->lock, flags);
	child->sighand = sh;
	if (b->plan.mode[BSTEP_SIGHAND] == STEP_FRESH)
		flush_signal_handlers(child, false);
	return 0;
}

void sighand_put(struct sighand *s)
{
	if (!atomic_dec_and_test(&s->refs))
		return;
	atomic_dec(&sighands_alive);
	for (; s->used; s->used &= s->used - 1)
		s->action[__builtin_ctzl(s->used)] = (struct ksigaction){ 0 };
	u64 flags = irq_save();
	u32 cpu = cpu_id();
	bool keep = sighands_kept[cpu].n < SIGHANDS_KEPT;
	if (keep)
		sighands_kept[cpu].s[sighands_kept[cpu].n++] = s;
	irq_restore(flags);
	if (!keep)
		kmem_cache_free(sighand_cache, s);
}

static void put_sighand(struct task *t, struct birth *b) { sighand_put(b ? t->sighand : t->dead_sighand); }

/* The plain part of a new process's signal record; all else is zero. */
static void signal_start(struct signal *s, struct task *leader)
{
	atomic_set(&s->refs, 1);
	s->live = 1;
	s->nr_threads = 1;
	list_init(&s->threads);
	wait_queue_init(&s->wait_chldexit);
	s->curr_target = leader;
	sigpending_init(&s->shared_pending);
	list_init(&s->multiprocess);
	mutex_init(&s->cred_guard, RANK_EXEC_GUARD);
	s->real_timer_task = leader;
	init_signal_timers(s, leader);
}

static int copy_signal(struct task *child, struct birth *b)
{
	struct signal *old = current->signal;
	if (b->plan.mode[BSTEP_SIGNAL] == STEP_SHARE) {
		atomic_inc(&old->refs);
		return 0;
	}
	struct signal *s = kmem_cache_zalloc(signal_cache);
	if (!s)
		return -ENOMEM;
	atomic_inc(&signals_alive);
	signal_start(s, child);
	/* Each word is whole; a setrlimit of a sibling in between is before or after, word by word, as in Linux's own readers. */
	s->rlim = old->rlim;
	s->oom_score_adj = old->oom_score_adj;
	s->oom_score_adj_min = old->oom_score_adj_min;
	child->signal = s;
	child->rlim = &s->rlim;
	return 0;
}

/* A signal record without its last task: frees it. */
static void signal_put(struct signal *s)
{
	if (!atomic_dec_and_test(&s->refs))
		return;
	if (unlikely(s->ptracer))
		ptracer_forget(s);
	atomic_dec(&signals_alive);
	kmem_cache_free(signal_cache, s);
}

static void put_signal(struct task *t, struct birth *b) { signal_put(t->signal); }

/* --- mm --------------------------------------------------------------------------------------------------------------------------------- */

/* Whatever goes wrong in copying an address space is ENOMEM to the caller. */
static int copy_mm(struct task *child, struct birth *b)
{
	if (b->plan.mode[BSTEP_MM] == STEP_SHARE) {
		mm_get_user(current->mm);
		return 0;
	}
	struct mm *mm;
	if (dup_mm(current->mm, &mm))
		return -ENOMEM;
	child->mm = mm;
	child->birth.tables_shared = mm->fork_tables_shared;
	child->birth.vmas = mm->fork_vmas;
	return 0;
}

/* The living leave their own: robust futexes and clear_child_tid still need it, then the CPU goes over to the kernel's tables. */
static void put_mm(struct task *t, struct birth *b)
{
	struct mm *mm = t->mm;
	if (b) {
		mm_put_user(mm);
		return;
	}
	exit_mm_release(t);
	if (!mm)
		return;
	mm_sample_hiwater(mm);
	u64 peak = mm->hiwater_rss * (PAGE_SIZE / 1024);
	u64 flags;
	if (lock_task_sighand(t, &flags)) {
		t->signal->maxrss = max(t->signal->maxrss, peak);
		unlock_task_sighand(t, flags);
	}
	spin_lock(&t->alloc_lock);
	mm_activate(NULL);
	spin_unlock(&t->alloc_lock);
	mm_put_user(mm);
}

/* --- namespaces ------------------------------------------------------------------------------------------------------------------------- */

/* A process of its own memory enters the time namespace that unshare(CLONE_NEWTIME) left for children. */
static int copy_namespaces(struct task *child, struct birth *b)
{
	struct nsproxy *old = current->nsproxy;
	u64 flags = b->args->flags;
	if (likely(!(flags & NSPROXY_FLAGS))) {
		if (likely(old->time == old->time_for_children) || (flags & CLONE_VM)) {
			atomic_inc(&old->refs);
			return 0;
		}
	} else if (!ns_capable(child->cred->user_ns, CAP_SYS_ADMIN)) {
		return -EPERM;
	}
	if ((flags & (CLONE_NEWIPC | CLONE_SYSVSEM)) == (CLONE_NEWIPC | CLONE_SYSVSEM))
		return -EINVAL;
	struct nsproxy *new;
	int err = nsproxy_create(flags, child->cred->user_ns, child->fs, &new);
	if (err)
		return err;
	child->nsproxy = new;
	if (!(flags & CLONE_VM))
		err = nsproxy_enter_time(new, child->mm);
	if (err)
		nsproxy_put(new);
	return err;
}
static void put_namespaces(struct task *t, struct birth *b)
{
	if (b)
		nsproxy_put(t->nsproxy);
	else
		nsproxy_switch(NULL);
}

/* --- registers -------------------------------------------------------------------------------------------------------------------------- */

/* The first code of kernel threads and of user processes made by the kernel: a start function that returns enters user mode if it has become a
 * process (kernel_execve), and ends otherwise. */
static void kernel_thread_start(void *unused)
{
	struct task *t = current;
	t->start_fn(t->start_arg);
	if (!(t->pf & PF_KTHREAD) && t->mm)
		arch_enter_user();
	do_exit(0);
}

static int copy_thread(struct task *child, struct birth *b)
{
	const struct kernel_clone_args *a = b->args;
	if (a->fn) {
		child->start_fn = a->fn;
		child->start_arg = a->fn_arg;
		child->arch.fsbase = child->arch.gsbase = 0;
		if (child->arch.fpu)
			arch_fpu_init(child->arch.fpu);
		arch_thread_init_kernel(task_thread(child), kernel_thread_start, NULL);
		return 0;
	}
	bool set_tls = a->flags & CLONE_SETTLS;
	if (set_tls && a->tls >= TASK_SIZE_MAX)
		return -EPERM;
	rseq_fork(child, a->flags & CLONE_VM);
	arch_copy_regs(task_thread(child), current_regs(), a->stack, set_tls, a->tls);
	if (unlikely(READ_ONCE(current->flags) & TIF_FORCED_TF))
		arch_user_regs(&child->arch)->flags &= ~0x100UL; /* TF: the tracer steps the parent, not the child */
	return 0;
}

/* --- numbers ---------------------------------------------------------------------------------------------------------------------------- */

static int copy_pid(struct task *child, struct birth *b)
{
	int err = alloc_pid_at(child->nsproxy->pid, b->args->set_tid, b->args->set_tid_size, &child->thread_pid);
	if (!err)
		child->tid = child->thread_pid->numbers[0].nr;
	return err;
}
static void put_pid(struct task *t, struct birth *b)
{
	free_pid(t->thread_pid);
	t->thread_pid = NULL;
}

/* The number is stored now, while an error can still be reported; the descriptor is filled once the child is visible. */
static int copy_pidfd(struct task *child, struct birth *b)
{
	int err = fd_reserve(0, true, &b->pidfd);
	if (err)
		return err;
	err = pidfd_create(child->thread_pid, (b->args->flags & CLONE_THREAD ? PIDFD_THREAD : 0) | (b->args->flags & CLONE_PIDFD_AUTOKILL ? PIDFD_AUTOKILL : 0),
			   &b->pidfd_file);
	if (!err && put_user((s32)b->pidfd, b->args->pidfd)) {
		file_put(b->pidfd_file);
		err = -EFAULT;
	}
	if (err)
		fd_cancel(b->pidfd);
	return err;
}
static void put_pidfd(struct task *t, struct birth *b)
{
	fd_cancel(b->pidfd);
	file_put(b->pidfd_file);
}

/* --- control group -------------------------------------------------------------------------------------------------------------------------- */

/* Only with CLONE_INTO_CGROUP; who stays in the creator's group is counted by publish(). The tree stands still until the child is there. */
static int copy_cgroup(struct task *child, struct birth *b) { return cgroup_enter_fork(b->args->cgroup, b->args->flags & CLONE_THREAD, &b->cgroup); }
static void put_cgroup(struct task *t, struct birth *b) { cgroup_leave_fork(b->cgroup); }

/* --- the table -------------------------------------------------------------------------------------------------------------------------- */

const struct birth_row birth_steps[BSTEP_COUNT] = {
	[BSTEP_CREDS] = { "creds", copy_creds, put_creds, AT_FREE },
	[BSTEP_LIMITS] = { "limits", charge_limits, uncharge_limits, AT_REAP },
	[BSTEP_SCHED] = { "sched", copy_sched, NULL, 0 },
	[BSTEP_SEMUNDO] = { "semundo", copy_semundo, put_semundo, AT_EXIT },
	[BSTEP_FILES] = { "files", copy_files, put_files, AT_EXIT },
	[BSTEP_FS] = { "fs", copy_fs, put_fs, AT_EXIT },
	[BSTEP_SIGHAND] = { "sighand", copy_sighand, put_sighand, AT_FREE },
	[BSTEP_SIGNAL] = { "signal", copy_signal, put_signal, AT_FREE },
	[BSTEP_MM] = { "mm", copy_mm, put_mm, AT_EXIT },
	[BSTEP_NAMESPACES] = { "namespaces", copy_namespaces, put_namespaces, AT_EXIT_LAST },
	[BSTEP_IO] = { "io", copy_io, put_io, AT_EXIT },
	[BSTEP_THREAD] = { "thread", copy_thread, NULL, 0 },
	[BSTEP_PID] = { "pid", copy_pid, put_pid, 0 },
	[BSTEP_PIDFD] = { "pidfd", copy_pidfd, put_pidfd, 0 },
	[BSTEP_CGROUP] = { "cgroup", copy_cgroup, put_cgroup, 0 },
};

const char *birth_step_name(u32 step) { return step < BSTEP_COUNT ? birth_steps[step].name : NULL; }

/* Walks up from the row above `from`. */
static void undo_from(struct task *child, struct birth *b, u32 from)
{
	while (from-- > 0)
		if (b->plan.mode[from] != STEP_NONE && birth_steps[from].put)
			birth_steps[from].put(child, b);
}

int copy_steps(struct task *child, struct birth *b)
{
	u64 last = unlikely(b->started) ? clock_mono() : 0;
	for (u32 i = 0; i < BSTEP_COUNT; i++) {
		if (b->plan.mode[i] == STEP_NONE)
			continue;
		int err = fault_injected() ? -ENOMEM : birth_steps[i].copy(child, b);
		if (unlikely(last)) {
			u64 now = clock_mono();
			b->step_ns[i] = (u32)(now - last);
			last = now;
		}
		if (unlikely(err)) {
			b->failed_step = i;
			undo_from(child, b, i);
			return err;
		}
	}
	return 0;
}

void undo_steps(struct task *child, struct birth *b) { undo_from(child, b, BSTEP_COUNT); }

/* The rows of each tag from the bottom up, from the table, so that a death does not look at rows that it has nothing to do with. Constant after boot. */
static void (*put_order[4][BSTEP_COUNT + 1])(struct task *t, struct birth *b);
_Static_assert((AT_EXIT | AT_REAP | AT_FREE | AT_EXIT_LAST) == BIT(ARRAY_SIZE(put_order)) - 1, "put_order");

static void order_puts(void)
{
	for (u32 k = 0; k < ARRAY_SIZE(put_order); k++)
		for (u32 i = BSTEP_COUNT, n = 0; i-- > 0;)
			if (birth_steps[i].when & BIT(k))
				put_order[k][n++] = birth_steps[i].put;
}

void put_steps(struct task *t, u32 when)
{
	for (void (**put)(struct task *t, struct birth *b) = put_order[__builtin_ctz(when)]; *put; put++)
		(*put)(t, NULL);
}

void proc_counts(struct proc_counts *out)
{
	*out = (struct proc_counts){
		.tasks = nr_threads_total,
		.signals = (u32)atomic_read(&signals_alive),
		.sighands = (u32)atomic_read(&sighands_alive),
		.pids = pid_count(),
		.kept_stack_pages = kept_stack_pages(),
	};
	cred_counts(&out->creds, &out->users);
}

void steps_init(void)
{
	order_puts();
	signal_cache = kmem_cache_create("signal", sizeof(struct signal), 0);
	sighand_cache = kmem_cache_create("sighand", sizeof(struct sighand), 0);
}
