/*
 * Process 0, which nobody forks: it is the boot CPU's flow of control, becomes its idle task, and is the ancestor whose fields all others copy.
 * Entry point: proc_init, the init order of the room.
 */
#include <linux/resource.h>

#include "proc/cgroup.h"
#include "proc/internal.h"
#include "proc/ns.h"
#include "vfs/file.h"

#define UNLIMITED { ~0UL, ~0UL }

static struct pid init_pid = {
	.refs = ATOMIC_INIT(1),
	.tasks = { LIST_HEAD_INIT(init_pid.tasks[0]), LIST_HEAD_INIT(init_pid.tasks[1]), LIST_HEAD_INIT(init_pid.tasks[2]),
		   LIST_HEAD_INIT(init_pid.tasks[3]) },
	.wait = WAIT_QUEUE_INIT(init_pid.wait),
	.numbers = { { .nr = 0, .ns = &init_pid_ns, .hash = LIST_HEAD_INIT(init_pid.numbers[0].hash) } },
};

static struct sighand init_sighand = { .refs = ATOMIC_INIT(1), .lock = SPINLOCK_INIT(RANK_SIGHAND) };

static struct signal init_signal = {
	.refs = ATOMIC_INIT(1),
	.live = 1,
	.nr_threads = 1,
	.threads = LIST_HEAD_INIT(init_signal.threads),
	.wait_chldexit = WAIT_QUEUE_INIT(init_signal.wait_chldexit),
	.curr_target = &init_task,
	.shared_pending = { LIST_HEAD_INIT(init_signal.shared_pending.list), 0 },
	.multiprocess = LIST_HEAD_INIT(init_signal.multiprocess),
	.cred_guard = MUTEX_INIT(init_signal.cred_guard, RANK_EXEC_GUARD),
	.posix_timers = LIST_HEAD_INIT(init_signal.posix_timers),
	.real_timer_task = &init_task,
	.rlim = { .r = {
		[RLIMIT_CPU] = UNLIMITED,
		[RLIMIT_FSIZE] = UNLIMITED,
		[RLIMIT_DATA] = UNLIMITED,
		[RLIMIT_STACK] = { 8UL << 20, ~0UL },
		[RLIMIT_CORE] = { 0, ~0UL },
		[RLIMIT_RSS] = UNLIMITED,
		[RLIMIT_NPROC] = { 0, 0 }, /* fork_init: by memory */
		[RLIMIT_NOFILE] = { 1024, 4096 },
		[RLIMIT_MEMLOCK] = { 8UL << 20, 8UL << 20 },
		[RLIMIT_AS] = UNLIMITED,
		[RLIMIT_LOCKS] = UNLIMITED,
		[RLIMIT_SIGPENDING] = { 0, 0 },
		[RLIMIT_MSGQUEUE] = { 819200, 819200 },
		[RLIMIT_NICE] = { 0, 0 },
		[RLIMIT_RTPRIO] = { 0, 0 },
		[RLIMIT_RTTIME] = UNLIMITED,
	} },
};

struct task init_task = {
	.flags = TIF_IDLE | TIF_KTHREAD,
	.state = TASK_RUNNING,
	.cred = &init_cred,
	.nsproxy = &init_nsproxy,
	.rlim = &init_signal.rlim,
	.comm = "swapper/0",
	.refs = ATOMIC_INIT(2),
	.alloc_lock = SPINLOCK_INIT(RANK_TASK),
	.pf = PF_KTHREAD | PF_RANDOMIZE,
	.real_parent = &init_task,
	.parent = &init_task,
	.children = LIST_HEAD_INIT(init_task.children),
	.sibling = LIST_HEAD_INIT(init_task.sibling),
	.ptraced = LIST_HEAD_INIT(init_task.ptraced),
	.ptrace_entry = LIST_HEAD_INIT(init_task.ptrace_entry),
	.tasks = LIST_HEAD_INIT(init_task.tasks),
	.thread_node = LIST_HEAD_INIT(init_task.thread_node),
	.group_leader = &init_task,
	.thread_pid = &init_pid,
	.pid_links = { LIST_HEAD_INIT(init_task.pid_links[0]), LIST_HEAD_INIT(init_task.pid_links[1]), LIST_HEAD_INIT(init_task.pid_links[2]),
		       LIST_HEAD_INIT(init_task.pid_links[3]) },
	.signal = &init_signal,
	.sighand = &init_sighand,
	.pending = { LIST_HEAD_INIT(init_task.pending.list), 0 },
	.altstack_flags = 2, /* SS_DISABLE */
	.timer_slack_ns = 50000,
	.default_timer_slack_ns = 50000,
	.birth = { .call = BIRTH_BOOT },
	.cgroup = &root_cgroup,
	.pi_owned = LIST_HEAD_INIT(init_task.pi_owned),
	.dead_node = LIST_HEAD_INIT(init_task.dead_node),
};

void proc_init(void)
{
	pid_init();
	cred_init();
	list_add_tail(&init_task.thread_node, &init_signal.threads);
	fork_init();
	futex_init();
}
