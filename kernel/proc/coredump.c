/*
 * Core dumps: who is dumped, where to. Entry points: do_coredump (signal_deliver.c, when a signal's default action is a core), coredump_park (exit.c).
 *
 *   claim the group's exit -> SIGKILL for the other threads, which park at the start of their exit with their registers as they were -> a file (new, ours
 *   alone, mode 0600) or the standard input of a program that process 2's kin runs -> the ELF bytes -> let the threads go on to die
 *
 * Until the last step only SIGKILL is taken, and it breaks the dump off. The wait status says that a core was written only when one was.
 */
#include "proc/coredump.h"

#include <linux/fcntl.h>
#include <linux/resource.h>

#include "arch/x86_64/arch.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/internal.h"
#include "proc/signal.h"
#include "sched/sched.h"
#include "vfs/file.h"
#include "vfs/pipe.h"

/* Less is not worth a file. */
#define CORE_MIN PAGE_SIZE

/* --- the process holds still -------------------------------------------------------------------------------------------------------------- */

/* false: the group is dying of something else, or one of its threads runs execve. */
static bool stop_threads(struct core_dump *d)
{
	struct task *t = current, *o;
	struct signal *s = t->signal;
	completion_init(&d->state.all_parked);
	u64 f = spin_lock_irqsave(&t->sighand->lock);
	bool ok = !(s->flags & SIGNAL_GROUP_EXIT) && !s->group_exec_task;
	if (ok) {
		s->core = &d->state;
		s->flags = SIGNAL_GROUP_EXIT;
		s->group_exit_code = d->sig;
		zap_other_threads(t);
		for_each_thread (t, o)
			d->state.waiting += o != t && !(o->pf & PF_PARKED_FOR_CORE);
		/* What came before does not disturb the dump, and nothing but SIGKILL comes from now on. */
		atomic_and(&t->flags, ~(u32)TIF_SIGPENDING);
	}
	bool wait = d->state.waiting;
	spin_unlock_irqrestore(&t->sighand->lock, f);
	if (wait)
		wait_for_completion(&d->state.all_parked);
	return ok;
}

void coredump_park(u64 f)
{
	struct task *t = current;
	struct core_state *c = t->signal->core;
	struct core_thread self = { .task = t, .next = c->threads };
	completion_init(&self.done);
	c->threads = &self;
	if (!--c->waiting)
		complete(&c->all_parked);
	spin_unlock_irqrestore(&t->sighand->lock, f);
	wait_for_completion(&self.done);
}

static void release_threads(struct core_dump *d, bool dumped)
{
	struct task *t = current;
	u64 f = spin_lock_irqsave(&t->sighand->lock);
	if (dumped && !fatal_signal_pending())
		t->signal->group_exit_code |= 0x80;
	t->signal->core = NULL;
	struct core_thread *c = d->state.threads;
	spin_unlock_irqrestore(&t->sighand->lock, f);
	while (c) {
		struct core_thread *next = c->next;
		complete(&c->done);
		c = next;
	}
}

/* --- output -------------------------------------------------------------------------------------------------------------------------------- */

static bool write_out(struct core_out *o, const void *buf, size_t n)
{
	if (n > o->limit - min(o->limit, o->written))
		return false;
	for (size_t done = 0; done < n;) {
		if (fatal_signal_pending())
			return false;
		ssize_t r = file_write_kernel(o->file, (const char *)buf + done, n - done, o->pos);
		if (r <= 0)
			return false;
		done += (size_t)r;
		o->pos += (u64)r;
		o->written += (u64)r;
	}
	return true;
}

static bool flush_skipped(struct core_out *o)
{
	u64 n = o->skipped;
	o->skipped = 0;
	if (!o->pipe) {
		o->pos += n;
		return true;
	}
	for (; n; n -= min(n, PAGE_SIZE))
		if (!write_out(o, page_virt(zero_page), min(n, PAGE_SIZE)))
			return false;
	return true;
}

bool core_emit(struct core_out *o, const void *buf, size_t n) { return (!o->skipped || flush_skipped(o)) && write_out(o, buf, n); }
void core_skip(struct core_out *o, u64 n) { o->skipped += n; }

/* --- a file ------------------------------------------------------------------------------------------------------------------------------- */

/* The file has to be one that nobody else has a name for, ours, and for nobody else to read. */
static bool file_is_safe(const struct file *f)
{
	const struct inode *i = f->inode;
	return S_ISREG(i->mode) && i->nlink == 1 && i->uid == current->cred->fsuid && (i->mode & 0677) == 0600 && f->ops->write;
}

/* privileged: the process gained rights (dumpable is 2), so that its core belongs to root and goes where it cannot have prepared anything. */
static int open_core_file(struct core_dump *d, const char *path, bool privileged)
{
	if (d->limit < CORE_MIN)
		return -EFBIG;
	if (privileged && path[0] != '/') {
		pr_warn("Core dump of %d(%s): can only dump core to a fully qualified path, skipping", current->tgid, current->comm);
		return -EACCES;
	}
	if (!privileged)
		(void)vfs_unlink(AT_FDCWD, path);
	int err = file_open(AT_FDCWD, path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0600, &d->out.file);
	if (err)
		return err;
	if (file_is_safe(d->out.file))
		return 0;
	file_put(d->out.file);
	return -EPERM;
}

/* As whom, and under which root, current opens files from now on. Others may look, so under the lock. */
static void act_as(const struct cred *c, struct fs_context *fs)
{
	spin_lock(&current->alloc_lock);
	current->cred = c;
	current->fs = fs;
	spin_unlock(&current->alloc_lock);
}

static bool dump_to_file(struct core_dump *d, const char *path)
{
	bool privileged = d->dumpable == 2;
	const struct cred *own = current->cred;
	struct fs_context *fs = current->fs;
	struct cred *root = NULL;
	if (privileged) {
		if (cred_prepare(&root))
			return false;
		root->fsuid = 0;
		act_as(root, init_task.fs);
	}
	bool ok = !open_core_file(d, path, privileged);
	if (ok) {
		ok = core_write_elf(d);
		/* What was left out at the end counts for the length. */
		if (d->out.skipped) {
			d->out.skipped--;
			core_emit(&d->out, "", 1);
		}
		file_put(d->out.file);
	}
	if (root) {
		act_as(own, fs);
		cred_put(root);
	}
	return ok;
}

/* --- a program ---------------------------------------------------------------------------------------------------------------------------- */

struct helper {
	struct core_name *name;
	struct file *read_end;
	struct completion started; /* exec is over, well or not */
	int error;
};

/* A process of the initial namespaces, born of a kernel thread; it becomes the program. */
static void helper_main(void *arg)
{
	static const char *const envp[] = { NULL };
	struct helper *h = arg;
	struct task *t = current;
	u64 f = spin_lock_irqsave(&t->sighand->lock);
	flush_signal_handlers(t, true);
	spin_unlock_irqrestore(&t->sighand->lock, f);
	/* A program that takes dumps does not leave any: see dump_to_pipe(). */
	t->signal->rlim.r[RLIMIT_CORE] = (struct rlimit_pair){ 1, 1 };
	int err = fd_install_new(h->read_end, false);
	h->read_end = NULL;
	if (err >= 0)
		err = kernel_execve(h->name->arg[0], (const char *const *)h->name->arg, envp);
	h->error = err;
	complete(&h->started);
	if (err)
		do_exit(0);
	arch_enter_user();
}

/* The program's parent, who outlives the asker. */
static int keeper_main(void *arg)
{
	struct helper *h = arg;
	long pid = user_mode_thread(helper_main, h, SIGCHLD);
	s32 status;
	if (pid < 0) {
		h->error = (int)pid;
		complete(&h->started);
	} else {
		(void)kernel_wait((s32)pid, &status);
	}
	return 0;
}

static u32 nr_pipe_dumps; /* a */

static bool dump_through(struct core_dump *d, struct core_name *name)
{
	struct file *ends[2];
	if (pipe_create(ends, 0))
		return false;
	struct helper h = { .name = name, .read_end = ends[0] };
	completion_init(&h.started);
	int err = kthread_run(keeper_main, &h, NULL, "core_helper");
	if (!err) {
		wait_for_completion(&h.started);
		err = h.error;
	}
	if (h.read_end)
		file_put(h.read_end);
	if (err)
		pr_info("Core dump to |%s pipe failed", name->arg[0]);
	d->out.file = ends[1];
	d->out.pipe = true;
	d->out.limit = ~0UL;
	bool ok = !err && core_write_elf(d);
	if (!err && core_pipe_limit)
		pipe_wait_reader(ends[1]);
	file_put(ends[1]);
	return ok;
}

static bool dump_to_pipe(struct core_dump *d, struct core_name *name)
{
	/* A limit of 1 marks what such a program itself leaves: dumps would follow dumps. */
	if (d->limit == 1) {
		pr_warn("Process %d(%s) has RLIMIT_CORE set to 1, aborting core", current->tgid, current->comm);
		return false;
	}
	u32 n = __atomic_add_fetch(&nr_pipe_dumps, 1, __ATOMIC_RELAXED);
	bool ok = false;
	if (core_pipe_limit && n > core_pipe_limit)
		pr_warn("Pid %d(%s) over core_pipe_limit, skipping core dump", current->tgid, current->comm);
	else
		ok = dump_through(d, name);
	__atomic_sub_fetch(&nr_pipe_dumps, 1, __ATOMIC_RELAXED);
	return ok;
}

/* --- all together ------------------------------------------------------------------------------------------------------------------------- */

void do_coredump(int sig, const struct ksiginfo *info)
{
	struct core_name name;
	struct core_dump *d = kzalloc(sizeof(*d));
	if (!d)
		return;
	d->sig = sig;
	d->info = info;
	d->limit = d->out.limit = rlimit_cur(RLIMIT_CORE);
	d->dumpable = current->mm->dumpable;
	if (d->dumpable && !current->mm->unfinished && stop_threads(d)) {
		arch_fpu_save();
		bool ok = !core_name_make(d, &name);
		if (ok)
			ok = name.pipe ? dump_to_pipe(d, &name) : dump_to_file(d, name.arg[0]);
		core_name_free(&name);
		release_threads(d, ok);
	}
	kfree(d);
}
