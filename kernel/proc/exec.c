/*
 * execve(2), execveat(2), kernel_execve(), in the order in which Linux's errors win. Until exec_commit() a failure leaves the caller as it was; after it, failure is death.
 *
 *   open -> collect and copy the strings -> cred_guard -> [script: other file, again] -> plan the ELF bytes -> credentials -> build the new address
 *   space aside -> commit: threads, files, old memory -> registers
 *
 * Like Linux, whatever is wrong with an image's segments kills: the error of exec_build_image() is acted on after the commit.
 */
#include "proc/exec.h"

#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/personality.h>
#include <linux/resource.h>

#include "gen/sys_protos.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/exec_misc.h"
#include "proc/ptrace.h"
#include "proc/signal.h"
#include "proc/trace_points.h"
#include "sched/sched.h"
#include "vfs/file.h"

#define STACK_LIMIT_SECURE (8UL << 20)
#define MAX_FILES 6 /* five scripts and a program */

u32 randomize_va_space = 2;
u32 suid_dumpable;

/* --- files --------------------------------------------------------------------------------------------------------------------------------- */

/* Puts the file under examination back; others may write to it again. */
static void drop_file(struct file **f)
{
	if (!*f)
		return;
	file_allow_write(*f);
	file_put(*f);
	*f = NULL;
}

static int read_head(struct exec *e)
{
	ssize_t n = file_read_kernel(e->file, e->head, EXEC_HEAD_SIZE, 0);
	if (n < 0)
		return (int)n;
	memset(e->head + n, 0, EXEC_HEAD_SIZE - (size_t)n);
	return 0;
}

/* How the program is called in messages and in scripts' arguments: the given path, or /dev/fd/N[/path] for a descriptor. 0 or -ENOMEM. */
static int name_program(struct exec *e, int dirfd, char *path)
{
	e->path = e->interp = path;
	if (dirfd == AT_FDCWD || path[0] == '/')
		return 0;
	size_t size = strlen(path) + 24;
	bool cloexec = false;
	e->fd_path = kmalloc(size);
	if (!e->fd_path)
		return -ENOMEM;
	format_str(e->fd_path, size, path[0] ? "/dev/fd/%d/%s" : "/dev/fd/%d%s", dirfd, path);
	e->path = e->interp = e->fd_path;
	e->comm_from_dentry = !path[0];
	struct file *f = fdtable_lookup(current->files, dirfd, &cloexec);
	if (f)
		file_put(f);
	e->path_inaccessible = cloexec;
	return 0;
}

/* `interp` (allocated, taken over), open as f, is the next file under examination. The one that names it is kept when the program is to have it. */
static int use_interp(struct exec *e, char *interp, struct file *f, bool keep)
{
	if (e->interp != e->path)
		kfree(e->interp);
	e->interp = interp;
	if (trace_on(exec_interp))
		trace_exec_interp(0, interp);
	if (keep && e->executable) {
		drop_file(&f);
		return -ENOEXEC;
	}
	if (keep) {
		file_allow_write(e->file);
		e->executable = e->file;
		e->file = NULL;
	}
	drop_file(&e->file);
	e->file = f;
	return 0;
}

/* The file is a script: rewrites the arguments, opens the interpreter. 0, -ENOEXEC (no script), or the error. */
static int run_script(struct exec *e)
{
	struct exec_script s;
	struct file *f;
	int err = exec_script_parse(e->head, &s);
	if (err)
		return err;
	/* The interpreter could not open the script: the descriptor will be closed. */
	if (e->path_inaccessible)
		return -ENOENT;
	char *interp = kmalloc(s.interp_len + 1);
	if (!interp)
		return -ENOMEM;
	memcpy(interp, e->head + s.interp, s.interp_len);
	interp[s.interp_len] = 0;
	exec_drop_arg0(e);
	err = exec_push_arg(e, e->interp);
	if (!err && s.arg_len) {
		e->head[s.arg + s.arg_len] = 0;
		err = exec_push_arg(e, (const char *)e->head + s.arg);
	}
	if (!err)
		err = exec_push_arg(e, interp);
	if (!err)
		err = file_open_exec(AT_FDCWD, interp, 0, &f);
	if (!err)
		return use_interp(e, interp, f, false);
	kfree(interp);
	return err;
}

/* The interpreter of a registered format, open for execution. */
static int open_misc_interp(const struct misc_format *m, struct file **out)
{
	if (!m->file)
		return file_open_exec(AT_FDCWD, m->interpreter, 0, out);
	file_get(m->file);
	file_deny_write_again(m->file);
	*out = m->file;
	return 0;
}

/* A registered format: the same with the format's interpreter. 0, 1 (none), or the error. */
static int run_misc(struct exec *e)
{
	struct file *f;
	struct misc_format *m = READ_ONCE(misc_enabled) ? misc_match(e->head, e->interp) : NULL;
	if (!m)
		return 1;
	int err = e->path_inaccessible ? -ENOENT : 0;
	if (!err && (m->flags & MISC_KEEP_ARGV0))
		e->keep_argv0 = true;
	else if (!err)
		exec_drop_arg0(e);
	if (!err)
		err = exec_push_arg(e, e->interp);
	if (!err)
		err = exec_push_arg(e, m->interpreter);
	char *interp = err ? NULL : kstrdup(m->interpreter);
	if (!err)
		err = interp ? open_misc_interp(m, &f) : -ENOMEM;
	if (err) {
		kfree(interp);
	} else {
		if (m->flags & MISC_CREDENTIALS)
			e->creds_of_executable = true;
		err = use_interp(e, interp, f, m->flags & MISC_OPEN_BINARY);
	}
	misc_put(m);
	return err;
}

/* Follows scripts and registered formats to a program and plans it. 0 or -errno. */
static int find_program(struct exec *e)
{
	for (int n = 0; n < MAX_FILES; n++) {
		int err = read_head(e);
		if (err)
			return err;
		err = unlikely(READ_ONCE(misc_formats)) ? run_misc(e) : 1;
		if (err < 0)
			return err;
		if (err)
			err = run_script(e);
		if (err == -ENOEXEC) {
			e->unreadable = inode_permission(e->file->inode, 4) != 0;
			return exec_plan_elf(e);
		}
		if (err)
			return err;
	}
	return -ELOOP;
}

/* --- credentials --------------------------------------------------------------------------------------------------------------------------- */

/* Does another process share root and cwd? If not, clone(CLONE_FS) by our own threads is refused until they are dead. */
static bool fs_shared(void)
{
	struct task *t = current, *o;
	struct fs_context *fs = t->fs;
	s32 own = 0;
	spin_lock(&tasklist_lock);
	spin_lock(&fs->lock);
	for_each_thread(t, o)
		own += READ_ONCE(o->fs) == fs;
	bool shared = atomic_read(&fs->users) > own;
	if (!shared)
		fs->in_exec = true;
	spin_unlock(&fs->lock);
	spin_unlock(&tasklist_lock);
	return shared;
}

/* Set-id bits do not count on such a mount, nor on a file system that belongs to a user namespace below ours. */
static bool no_setid(const struct path *p)
{
	return (p->mnt->flags & MS_NOSUID) || !userns_within(current_user_ns(), p->mnt->sb->user_ns);
}

static int choose_identity(struct exec *e)
{
	struct task *t = current;
	const struct file *of = e->creds_of_executable ? e->executable : e->file;
	int err = cred_for_exec(of->inode, no_setid(&of->path), e->unsafe, &e->cred, &e->secure);
	if (err)
		return err;
	const struct cred *c = e->cred, *old = t->cred;
	bool gained = e->secure || c->euid != old->euid || c->egid != old->egid || (c->cap_permitted & ~old->cap_permitted);
	if (e->secure && e->rlim_stack.cur > STACK_LIMIT_SECURE)
		e->rlim_stack.cur = STACK_LIMIT_SECURE;
	/* Who gains by it must not be able to turn randomization off, nor to choose the layout. */
	e->personality = t->personality & ~(u32)READ_IMPLIES_EXEC;
	if (gained)
		e->personality &= ~(u32)(ADDR_NO_RANDOMIZE | ADDR_COMPAT_LAYOUT | MMAP_PAGE_ZERO);
	e->randomize = randomize_va_space && !(e->personality & ADDR_NO_RANDOMIZE);
	return 0;
}

/* --- the sequence -------------------------------------------------------------------------------------------------------------------------- */

static void free_exec(struct exec *e)
{
	drop_file(&e->interp_file);
	if (e->committed && e->file) {
		/* The new address space keeps the denial. */
		file_put(e->file);
		e->file = NULL;
	}
	drop_file(&e->file);
	if (e->executable)
		file_put(e->executable);
	if (e->mm)
		mm_put_user(e->mm);
	if (e->cred)
		cred_put(e->cred);
	if (e->interp != e->path)
		kfree(e->interp);
	kfree(e->fd_path);
	exec_args_free(&e->args);
	kfree(e);
}

static struct exec *new_exec(struct file *file)
{
	struct exec *e = kmalloc(sizeof(*e));
	if (!e)
		return NULL;
	/* All but the big arrays. */
	memset(e, 0, offsetof(struct exec, args));
	e->args.argv.slot = e->args.envp.slot = NULL;
	e->args.page = NULL;
	e->args.n_pages = e->args.given = 0;
	e->stack_top = e->bias = e->interp_bias = e->entry = e->sp = e->planned_at = 0;
	e->interp_file = NULL;
	e->file = file;
	e->rlim_stack = current->signal->rlim.r[RLIMIT_STACK];
	if (mm_create(&e->mm)) {
		kfree(e);
		return NULL;
	}
	return e;
}

static int run_program(struct exec *e)
{
	e->unsafe = fs_shared();
	/* A tracer must not get hold of a privileged program's revised credentials, unless it could take over any process anyway. */
	spin_lock(&tasklist_lock);
	if (unlikely(current->ptrace) && !current->tracer.cap)
		e->unsafe = true;
	spin_unlock(&tasklist_lock);
	sched_exec();
	int err = find_program(e);
	if (!err)
		err = choose_identity(e);
	if (err)
		return err;
	int bad = exec_build_image(e);
	if (trace_on(exec_commit))
		e->planned_at = clock_mono();
	err = exec_commit(e);
	if (!err)
		err = bad;
	if (!err) {
		arch_start_thread(current_regs(), e->entry, e->sp);
		atomic_or(&current->flags, TIF_NEW_REGS);
	}
	return err;
}

static int exec_locked(struct exec *e, const struct exec_source *argv, const struct exec_source *envp)
{
	struct task *t = current;
	int err = exec_collect(e, argv, envp);
	if (!err)
		err = exec_copy_strings(e, argv, envp);
	if (err)
		return err;
	if (mutex_lock_interruptible(&t->signal->cred_guard))
		return -ERESTARTNOINTR;
	err = run_program(e);
	if (!e->committed) {
		spin_lock(&t->fs->lock);
		t->fs->in_exec = false;
		spin_unlock(&t->fs->lock);
	}
	mutex_unlock(&t->signal->cred_guard);
	if (err && e->committed && !fatal_signal_pending())
		force_fatal_signal(SIGSEGV);
	return err;
}

/* set*uid let the process exceed RLIMIT_NPROC; exec is where that is held against it. */
static bool too_many_processes(void)
{
	struct task *t = current;
	if (!(t->pf & PF_NPROC_EXCEEDED))
		return false;
	if (account_over(t->cred->user, USERNS_NPROC, rlimit_cur(RLIMIT_NPROC)))
		return true;
	t->pf &= ~PF_NPROC_EXCEEDED;
	return false;
}

/* start: for the trace. *committed: it failed after the point of no return. */
static int execute(int dirfd, char *path, const struct exec_source *argv, const struct exec_source *envp, u32 flags, u64 start, bool *committed)
{
	struct file *file;
	s32 old_tid = current->tid;
	u64 old_nr = unlikely(current->ptrace) ? ptrace_tracer_nr(current->thread_pid) : 0;
	if (current->pf & PF_KTHREAD)
		return -EINVAL;
	if (too_many_processes())
		return -EAGAIN;
	if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	int err = file_open_exec(dirfd, path, flags, &file);
	if (err)
		return err;
	struct exec *e = new_exec(file);
	if (!e) {
		drop_file(&file);
		return -ENOMEM;
	}
	err = name_program(e, dirfd, path);
	if (!err)
		err = exec_locked(e, argv, envp);
	if (trace_on(exec_commit) && !err)
		trace_exec_commit(e, start, old_tid);
	*committed = e->committed;
	free_exec(e);
	if (!err && unlikely(current->ptrace)) {
		current_regs()->ax = (u64)-ENOSYS; /* as it shows before any call's end */
		ptrace_event(PTRACE_EVENT_EXEC, old_nr);
	}
	return err;
}

static int do_execveat_common(int dirfd, char *path, const struct exec_source *argv, const struct exec_source *envp, u32 flags)
{
	bool traced = trace_on(exec_plan), committed = false;
	u64 start = traced ? clock_mono() : 0;
	if (traced)
		trace_exec_plan(path, start);
	int err = execute(dirfd, path, argv, envp, flags, start, &committed);
	/* Cached data of a disk makes room before a program fails to start. */
	for (u32 tries = 0; unlikely(err == -ENOMEM) && !committed && tries < 8 && mm_reclaim(256UL << tries); tries++)
		err = execute(dirfd, path, argv, envp, flags, start, &committed);
	if (trace_on(exec_fail) && err)
		trace_exec_fail(path, traced ? start : clock_mono(), err, committed);
	return err;
}

/* --- entries ------------------------------------------------------------------------------------------------------------------------------- */

long sys_execveat(u64 dirfd, u64 upath, u64 uargv, u64 uenvp, u64 flags)
{
	struct exec_source argv = { false, uargv }, envp = { false, uenvp };
	char *path;
	int err = path_name_get(upath, &path);
	if (err)
		return err;
	err = !path[0] && !(flags & AT_EMPTY_PATH) ? -ENOENT : do_execveat_common((int)dirfd, path, &argv, &envp, (u32)flags);
	path_name_put(path);
	return err;
}

long sys_execve(u64 upath, u64 uargv, u64 uenvp) { return sys_execveat((u64)AT_FDCWD, upath, uargv, uenvp, 0); }

int kernel_execve(const char *path, const char *const *argv, const char *const *envp)
{
	struct exec_source a = { true, (u64)argv }, v = { true, (u64)envp };
	char *copy = kstrdup(path);
	if (!copy)
		return -ENOMEM;
	int err = do_execveat_common(AT_FDCWD, copy, &a, &v, 0);
	kfree(copy);
	if (!err)
		current_regs()->orig_ax = ~0UL;
	return err;
}
