/* What Pando tells of births: /proc/PID/birth, /proc/births_idle, /proc/births_failed; and the setting kernel.birth_times. */
#include "fs/procfs.h"

#include <linux/sched.h>

#include "lib/string.h"
#include "proc/birth.h"
#include "sched/timer.h"
#include "uapi/newer.h"

typedef unsigned long long ull;

static const char *const calls[] = { "boot", "fork", "vfork", "clone", "clone3", "kernel_thread", "user_mode_thread" };

static const char *call_name(u32 call) { return call < ARRAY_SIZE(calls) ? calls[call] : "?"; }

static void put_flags(struct text *t, u64 flags)
{
#define FLAG(f) \
	{           \
		f, #f   \
	}
	static const struct {
		u64 bit;
		const char *name;
	} names[] = { FLAG(CLONE_NEWTIME), FLAG(CLONE_VM), FLAG(CLONE_FS), FLAG(CLONE_FILES), FLAG(CLONE_SIGHAND), FLAG(CLONE_PIDFD), FLAG(CLONE_PTRACE),
		FLAG(CLONE_VFORK), FLAG(CLONE_PARENT), FLAG(CLONE_THREAD), FLAG(CLONE_NEWNS), FLAG(CLONE_SYSVSEM), FLAG(CLONE_SETTLS),
		FLAG(CLONE_PARENT_SETTID), FLAG(CLONE_CHILD_CLEARTID), FLAG(CLONE_DETACHED), FLAG(CLONE_UNTRACED), FLAG(CLONE_CHILD_SETTID),
		FLAG(CLONE_NEWCGROUP), FLAG(CLONE_NEWUTS), FLAG(CLONE_NEWIPC), FLAG(CLONE_NEWUSER), FLAG(CLONE_NEWPID), FLAG(CLONE_NEWNET), FLAG(CLONE_IO),
		FLAG(CLONE_CLEAR_SIGHAND), FLAG(CLONE_INTO_CGROUP), FLAG(CLONE_AUTOREAP), FLAG(CLONE_NNP), FLAG(CLONE_PIDFD_AUTOKILL) };
#undef FLAG
	bool any = false;
	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		if (!(flags & names[i].bit))
			continue;
		text_printf(t, "%s%s", any ? "|" : "", names[i].name);
		flags &= ~names[i].bit;
		any = true;
	}
	if (flags || !any)
		text_printf(t, any ? "|0x%llx" : flags ? "0x%llx" : "%llx", (ull)flags);
}

static void put_birth(struct text *t, const struct task *task)
{
	static const char *const modes[] = { "none", "share", "copy", "fresh" };
	const struct birth_record *b = &task->birth;
	const char *name;

	if (b->call == BIRTH_BOOT) /* process 0 was never made, it was there */
		text_puts(t, "creator:\tnone\n");
	else
		text_printf(t, "creator:\t%d (%s)\n", b->creator_tid, b->creator_comm);
	text_printf(t, "call:\t%s\nflags:\t", call_name(b->call));
	put_flags(t, b->flags);
	text_printf(t, "\nexit_signal:\t%d\n", b->exit_signal);
	text_printf(t, "start:\t%llu.%09llu\ntotal:\t%llu ns\n", (ull)(b->start / NSEC_PER_SEC), (ull)(b->start % NSEC_PER_SEC), (ull)b->total_ns);
	text_printf(t, "tables_shared:\t%u\nvmas:\t%u\n", b->tables_shared, b->vmas);
	for (u32 i = 0; (name = birth_step_name(i)); i++) {
		text_printf(t, "step.%s:\t%s", name, modes[b->mode[i] & 3]);
		if (b->step_ns && b->mode[i] != STEP_NONE)
			text_printf(t, "\t%u ns", b->step_ns[i]);
		text_puts(t, "\n");
	}
}

int proc_show_birth(struct text *t, const struct proc_node *n)
{
	put_birth(t, n->task);
	return 0;
}

int proc_show_births_idle(struct text *t, const struct proc_node *n)
{
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		const struct task *idle = (const struct task *)sched_idle_thread(cpu);
		if (!idle)
			continue;
		text_printf(t, "%scpu:\t%u\n", cpu ? "\n" : "", cpu);
		put_birth(t, idle);
	}
	return 0;
}

/* --- failures ------------------------------------------------------------------------------------------------------------------------------- */

static void put_errno(struct text *t, int err)
{
	static const char *const names[] = { [EPERM] = "EPERM",
		[ENOENT] = "ENOENT",
		[ESRCH] = "ESRCH",
		[EINTR] = "EINTR",
		[E2BIG] = "E2BIG",
		[EBADF] = "EBADF",
		[EAGAIN] = "EAGAIN",
		[ENOMEM] = "ENOMEM",
		[EACCES] = "EACCES",
		[EFAULT] = "EFAULT",
		[EBUSY] = "EBUSY",
		[EEXIST] = "EEXIST",
		[ENODEV] = "ENODEV",
		[EINVAL] = "EINVAL",
		[ENFILE] = "ENFILE",
		[EMFILE] = "EMFILE",
		[ENOSPC] = "ENOSPC",
		[EOPNOTSUPP] = "EOPNOTSUPP" };
	if ((u32)err < ARRAY_SIZE(names) && names[err])
		text_puts(t, names[err]);
	else
		text_printf(t, "%d", err);
}

/* Those of the reader's pid namespace, by its numbers; the first namespace's reader sees all. */
int proc_show_births_failed(struct text *t, const struct proc_node *n)
{
	struct birth_failure f;
	for (u64 pos = 0; birth_failure_at(&pos, &f);) {
		if (n->ns->level && f.ns != n->ns->common.inum)
			continue;
		text_printf(t, "%llu.%09llu %d (%s) %s %s ", (ull)(f.when / NSEC_PER_SEC), (ull)(f.when % NSEC_PER_SEC), n->ns->level ? f.own_tid : f.tid,
			f.comm, call_name(f.call), birth_failure_step(f.step));
		put_errno(t, f.err);
		text_puts(t, " ");
		put_flags(t, f.flags);
		text_puts(t, "\n");
	}
	return 0;
}
