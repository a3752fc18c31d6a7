/*
 * The memory and the references of tasks. Entry points: dup_task_struct, free_unborn, task_put, hook_thread_dead, lock_task_sighand,
 * get_task_mm.
 *
 * A task's record and its FPU area are one object; the kernel stack is apart, because it can go as soon as the scheduler is done, while the record
 * waits as a zombie. Each CPU keeps a few stacks: a program that forks in a loop gets the stack its last child left, warm in the cache.
 */
#include "proc/steps.h"

#include <linux/resource.h>

#include "lib/string.h"
#include "mm/memcg.h"
#include "mm/slab.h"
#include "proc/signal.h"

#define STACKS_KEPT 16

DEFINE_SPINLOCK(tasklist_lock, RANK_TASKLIST);
LIST_HEAD(all_tasks);
u32 nr_threads_total;
u32 max_threads;
u64 total_forks;

/* A free stack's first words. */
struct free_stack {
	struct free_stack *next;
};
/* Per CPU; interrupts off. */
static struct {
	struct free_stack *first;
	u32 n;
} __aligned(64) stack_cache[NR_CPUS];

static struct kmem_cache *task_cache;

/* --- stacks ----------------------------------------------------------------------------------------------------------------------------- */

static void *stack_alloc(void)
{
	if (fault_injected())
		return NULL;
	u64 flags = irq_save();
	u32 cpu = cpu_id();
	struct free_stack *s = stack_cache[cpu].first;
	if (likely(s)) {
		stack_cache[cpu].first = s->next;
		stack_cache[cpu].n--;
	}
	irq_restore(flags);
	if (unlikely(!s)) {
		struct page *p = alloc_pages(KSTACK_ORDER, PAGE_KERNEL);
		if (!p)
			return NULL;
		s = page_virt(p);
	}
	if (unlikely(current->memcg))
		memcg_charge_kernel(virt_page(s));
	return s;
}

static void stack_free(void *stack)
{
	if (unlikely(virt_page(stack)->owner))
		memcg_uncharge(virt_page(stack));
	u64 flags = irq_save();
	u32 cpu = cpu_id();
	struct free_stack *s = stack;
	bool keep = stack_cache[cpu].n < STACKS_KEPT;
	if (keep) {
		s->next = stack_cache[cpu].first;
		stack_cache[cpu].first = s;
		stack_cache[cpu].n++;
	}
	irq_restore(flags);
	if (!keep)
		free_pages(virt_page(stack), KSTACK_ORDER);
}

u32 kept_stack_pages(void)
{
	u32 n = 0;
	for (u32 i = 0; i < nr_cpus; i++)
		n += READ_ONCE(stack_cache[i].n);
	return n << KSTACK_ORDER;
}

/* --- records ---------------------------------------------------------------------------------------------------------------------------- */

static struct fpu_state *fpu_area(struct task *t) { return (struct fpu_state *)((char *)t + ALIGN_UP(sizeof(*t), 64UL)); }

/* Everything that a child never takes over from its creator, in the order of struct task. What the rows of the step table replace is left. */
static void reset_own_fields(struct task *t, bool kthread)
{
	t->flags = kthread ? TIF_KTHREAD : 0;
	t->arch.debug = NULL;
	t->arch.dr6 = 0;
	t->arch.special = 0;
	t->maj_faults = t->min_faults = 0;
	t->throttled = false;
	t->uaccess_disabled = 0;
	if (DEBUG_BUILD) {
		t->fail_nth = 0;
		t->fail_counts = false;
	}
	t->held_mutexes = 0;
	atomic_set(&t->refs, 2);
	spin_init(&t->alloc_lock, RANK_TASK);
	t->exit_state = 0;
	t->exit_code = 0;
	t->pf = (t->pf & ~PF_NOT_INHERITED) | PF_FORKNOEXEC | (kthread ? PF_KTHREAD : 0);
	list_init(&t->children);
	list_init(&t->sibling);
	t->ptrace = 0;
	t->trace_calls = 0;
	list_init(&t->ptraced);
	list_init(&t->ptrace_entry);
	t->ptrace_message = 0;
	t->last_siginfo = NULL;
	list_init(&t->tasks);
	list_init(&t->thread_node);
	t->thread_pid = NULL;
	for (u32 i = 0; i < PIDTYPE_MAX; i++)
		list_init(&t->pid_links[i]);
	sigpending_init(&t->pending);
	t->real_blocked = 0;
	t->jobctl = 0;
	t->seccomp_mode = 0;
	t->seccomp_filter = NULL;
	t->pdeath_signal = 0;
	t->vfork_done = NULL;
	list_init(&t->pi_owned);
	t->pi_waiting = NULL;
	t->io = NULL;
	t->pi_gone = false;
	t->rseq = 0;
	t->robust_list = 0;
	t->robust_len = 0;
	t->default_timer_slack_ns = t->timer_slack_ns;
	t->restart.fn = NULL;
	t->sem_undo = NULL;
	t->io_count = (struct io_count){ 0 };
	t->dead_sighand = NULL;
	t->start_fn = NULL;
}

int dup_task_struct(struct task *parent, bool kthread, struct task **out)
{
	struct task *t = kmem_cache_alloc(task_cache);
	void *stack = t ? stack_alloc() : NULL;
	if (!stack) {
		if (t)
			kmem_cache_free(task_cache, t);
		return -ENOMEM;
	}
	memcpy(t, parent, sizeof(*t));
	t->arch.kstack = stack;
	t->arch.fpu = kthread ? NULL : fpu_area(t);
	reset_own_fields(t, kthread);
	*out = t;
	return 0;
}

void free_unborn(struct task *t)
{
	stack_free(t->arch.kstack);
	kmem_cache_free(task_cache, t);
}

void task_put(struct task *t)
{
	if (!atomic_dec_and_test(&t->refs))
		return;
	put_steps(t, AT_FREE);
	if (unlikely(t->birth.step_ns))
		kfree(t->birth.step_ns);
	if (unlikely(t->pf & PF_KTHREAD))
		kthread_free(t);
	kfree(t->arch.debug);
	kmem_cache_free(task_cache, t);
}

void hook_thread_dead(struct thread *thread)
{
	struct task *t = container_of(thread, struct task, arch);
	void *stack = t->arch.kstack;
	t->arch.kstack = NULL;
	stack_free(stack);
	task_put(t);
}

/* --- what others may reach through a task they hold -------------------------------------------------------------------------------------- */

bool lock_task_sighand(struct task *t, u64 *flags)
{
	/* Interrupts stay off from the read to the lock: execve, which may replace the table, waits for every CPU to have had them on
	 * (sighand_wait_readers) before it lets go of the old one. After release the record itself keeps the table (dead_sighand). */
	*flags = irq_save();
	for (;;) {
		struct sighand *s = READ_ONCE(t->sighand);
		if (!s)
			break;
		spin_lock(&s->lock);
		if (likely(t->sighand == s))
			return true;
		spin_unlock(&s->lock);
	}
	irq_restore(*flags);
	return false;
}

struct mm *get_task_mm(struct task *t)
{
	spin_lock(&t->alloc_lock);
	struct mm *mm = t->mm;
	if (mm && ((t->pf & PF_KTHREAD) || !mm_tryget_user(mm)))
		mm = NULL;
	spin_unlock(&t->alloc_lock);
	return mm;
}

/* --- boot ------------------------------------------------------------------------------------------------------------------------------- */

/* Linux's rule: an eighth of memory at most goes into kernel stacks. */
static void set_limits(void)
{
	struct mem_info mi;
	mem_info(&mi);
	u64 n = mi.total * PAGE_SIZE / (8 * KSTACK_SIZE);
	max_threads = (u32)min(max(n, 20UL), 0x3fffffffUL);
	struct rlimit_pair half = { max_threads / 2, max_threads / 2 };
	init_task.signal->rlim.r[RLIMIT_NPROC] = half;
	init_task.signal->rlim.r[RLIMIT_SIGPENDING] = half;
	for (u32 i = 0; i < NS_KINDS; i++)
		init_user_ns.max_namespaces[i] = max_threads / 2;
}

void fork_init(void)
{
	task_cache = kmem_cache_create("task", ALIGN_UP(sizeof(struct task), 64UL) + arch_fpu_size(), 64);
	steps_init();
	signal_init();
	set_limits();
	/* Process 0 holds number 0 for good, as pid, group and session: kernel threads and process 1 are born into them. */
	for (u32 i = 0; i < PIDTYPE_MAX; i++)
		attach_pid(&init_task, i, init_task.thread_pid);
}
