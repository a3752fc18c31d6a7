/* The memory of a process: maps, smaps, mem, and the texts that lie in it (cmdline, environ, auxv). */
#include "fs/procfs.h"

#include "ipc/ipc.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "sched/sched.h"

typedef unsigned long long ull;

/* --- maps ------------------------------------------------------------------------------------------------------------------------------- */
struct maps_walk {
	struct text *t;
	struct mm *mm;
	char *page; /* for path_text */
	bool smaps;
};

static void put_path(struct text *t, const char *s)
{
	for (; *s; s++) {
		if (*s == '\n')
			text_puts(t, "\\012");
		else
			text_put(t, s, 1);
	}
}

/* The last column begins 73 characters behind the start of the line. */
static void put_name(struct maps_walk *w, size_t line, const char *name)
{
	while (w->t->len - line < 72)
		text_put(w->t, " ", 1);
	text_put(w->t, " ", 1);
	put_path(w->t, name);
}

bool proc_vma_has_file(const struct vma *v) { return v->file || (v->mapping && (v->flags & VM_SHARED) && !v->special); }

const char *proc_vma_name(const struct mm *mm, const struct vma *v, char *page)
{
	if (v->file)
		return path_text(&v->file->path, page, PAGE_SIZE);
	if (v->special)
		return v->start == mm->vdso ? "[vdso]" : "[vvar]";
	if (v->mapping && (v->flags & VM_SHARED))
		return "/dev/zero (deleted)";
	if (v->start <= mm->brk && v->end >= mm->brk_start && v->start < v->end && (v->flags & VM_HEAP))
		return "[heap]";
	if (v->start <= mm->start_stack && v->end >= mm->start_stack)
		return "[stack]";
	return NULL;
}

static void put_header(struct maps_walk *w, const struct vma *v)
{
	size_t line = w->t->len;
	u64 dev = 0, ino = 0, off = v->file || v->mapping ? v->pgoff << PAGE_SHIFT : 0;
	if (v->file) {
		dev = v->file->inode->sb->dev;
		ino = v->file->inode->ino;
	}
	text_printf(w->t, "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu ", (ull)v->start, (ull)v->end, v->flags & VM_READ ? 'r' : '-',
		v->flags & VM_WRITE ? 'w' : '-', v->flags & VM_EXEC ? 'x' : '-', v->flags & VM_SHARED ? 's' : 'p', (ull)off, MAJOR(dev), MINOR(dev), (ull)ino);
	const char *name = proc_vma_name(w->mm, v, w->page);
	if (name)
		put_name(w, line, name);
	text_puts(w->t, "\n");
}

static void kib(struct text *t, const char *name, u64 pages) { text_printf(t, "%-16s%8llu kB\n", name, (ull)pages << (PAGE_SHIFT - 10)); }

static void kib_bytes(struct text *t, const char *name, u64 bytes) { text_printf(t, "%-16s%8llu kB\n", name, (ull)bytes >> 10); }

/* Pss of the whole process by what backs the pages; only smaps_rollup shows it. */
struct pss_kinds { u64 file, shmem; };

static void put_sizes(struct text *t, const struct mm_usage *u, const struct pss_kinds *kinds, u64 locked)
{
	static const char *const none[] = { "KSM:", "LazyFree:", "AnonHugePages:", "ShmemPmdMapped:", "FilePmdMapped:", "Shared_Hugetlb:", "Private_Hugetlb:",
		"Swap:", "SwapPss:" };
	kib(t, "Rss:", u->rss);
	kib_bytes(t, "Pss:", u->pss);
	kib_bytes(t, "Pss_Dirty:", u->pss_dirty);
	if (kinds) {
		kib_bytes(t, "Pss_Anon:", u->pss_anon);
		kib_bytes(t, "Pss_File:", kinds->file);
		kib_bytes(t, "Pss_Shmem:", kinds->shmem);
	}
	kib(t, "Shared_Clean:", u->shared_clean);
	kib(t, "Shared_Dirty:", u->shared_dirty);
	kib(t, "Private_Clean:", u->private_clean);
	kib(t, "Private_Dirty:", u->private_dirty);
	kib(t, "Referenced:", u->referenced);
	kib(t, "Anonymous:", u->anon);
	for (u32 i = 0; i < ARRAY_SIZE(none); i++)
		kib(t, none[i], 0);
	kib_bytes(t, "Locked:", locked);
}

static void put_smaps(struct maps_walk *w, const struct vma *v)
{
	struct mm_usage u = { 0 };
	static const struct { u64 bit; char name[3]; } names[] = { { VM_READ, "rd" }, { VM_WRITE, "wr" }, { VM_EXEC, "ex" }, { VM_SHARED, "sh" },
		{ VM_MAYREAD, "mr" }, { VM_MAYWRITE, "mw" }, { VM_MAYEXEC, "me" }, { VM_MAYSHARE, "ms" }, { VM_GROWSDOWN, "gd" }, { VM_LOCKED, "lo" },
		{ VM_DONTCOPY, "dc" }, { VM_ACCOUNT, "ac" }, { VM_NORESERVE, "nr" }, { VM_WIPEONFORK, "wf" }, { VM_DONTDUMP, "dd" } };
	kib(w->t, "Size:", (v->end - v->start) >> PAGE_SHIFT);
	kib(w->t, "KernelPageSize:", 1);
	kib(w->t, "MMUPageSize:", 1);
	mm_usage(w->mm, v->start, v->end, &u);
	put_sizes(w->t, &u, NULL, v->flags & VM_LOCKED ? u.pss : 0);
	text_puts(w->t, "THPeligible:           0\nVmFlags: ");
	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		if (v->flags & names[i].bit)
			text_printf(w->t, "%s ", names[i].name);
	}
	text_puts(w->t, "\n");
}

/* Pages of a file that has a place, as against shared memory. */
static bool of_file(const struct vma *v) { return v->file && !shm_is_file(v->file); }

static void add_split(struct mm_split *s, const struct vma *v, u64 rss)
{
	if (v->special)
		; /* the kernel's own pages, nobody's memory */
	else if (of_file(v))
		s->file += rss;
	else if (v->mapping)
		s->shmem += rss;
	else
		s->anon += rss;
	u64 size = (v->end - v->start) >> PAGE_SHIFT;
	if (v->flags & VM_GROWSDOWN)
		s->stack += size;
	else if ((v->flags & (VM_EXEC | VM_WRITE)) == VM_EXEC)
		s->exec += size;
	else if ((v->flags & (VM_SHARED | VM_WRITE)) == VM_WRITE)
		s->data += size;
}

static int put_vma(const struct vma *v, u64 rss, void *arg)
{
	struct maps_walk *w = arg;
	put_header(w, v);
	if (w->smaps)
		put_smaps(w, v);
	return w->t->failed;
}

static int sum_vma(const struct vma *v, u64 rss, void *arg)
{
	add_split(arg, v, rss);
	return 0;
}

void proc_mm_split(struct mm *mm, struct mm_split *out)
{
	memset(out, 0, sizeof(*out));
	mm_for_each_vma(mm, sum_vma, out);
}

static int show_vmas(struct text *t, const struct proc_node *n, bool smaps)
{
	struct maps_walk w = { .t = t, .smaps = smaps, .mm = get_task_mm(n->task) };
	if (!w.mm)
		return 0;
	w.page = kmalloc(PAGE_SIZE);
	if (w.page)
		mm_for_each_vma(w.mm, put_vma, &w);
	int r = w.page ? 0 : -ENOMEM;
	kfree(w.page);
	mm_put_user(w.mm);
	return r;
}
int proc_show_maps(struct text *t, const struct proc_node *n) { return show_vmas(t, n, false); }
int proc_show_smaps(struct text *t, const struct proc_node *n) { return show_vmas(t, n, true); }

struct rollup {
	struct mm *mm;
	struct mm_usage all;
	struct pss_kinds kinds;
	u64 first, end, locked;
};

static int add_rollup(const struct vma *v, u64 rss, void *arg)
{
	struct rollup *r = arg;
	struct mm_usage u = { 0 };
	if (!r->end)
		r->first = v->start;
	r->end = v->end;
	mm_usage(r->mm, v->start, v->end, &u);
	for (u32 i = 0; i < sizeof(u) / sizeof(u64); i++)
		((u64 *)&r->all)[i] += ((u64 *)&u)[i];
	*(of_file(v) ? &r->kinds.file : &r->kinds.shmem) += u.pss - u.pss_anon;
	r->locked += v->flags & VM_LOCKED ? u.pss : 0;
	return 0;
}

int proc_show_smaps_rollup(struct text *t, const struct proc_node *n)
{
	struct rollup r = { .mm = get_task_mm(n->task) };
	if (!r.mm)
		return -ESRCH;
	mm_for_each_vma(r.mm, add_rollup, &r);
	text_printf(t, "%08llx-%08llx ---p 00000000 00:00 0 ", (ull)r.first, (ull)r.end);
	while (t->len < 72)
		text_put(t, " ", 1);
	text_puts(t, " [rollup]\n");
	put_sizes(t, &r.all, &r.kinds, r.locked);
	mm_put_user(r.mm);
	return 0;
}

/* --- texts in user memory --------------------------------------------------------------------------------------------------------------- */
#define AREA_MAX (2UL << 20)
/* Appends [start, end) of mm's memory as far as it can be read. */
static void put_area(struct text *t, struct mm *mm, u64 start, u64 end)
{
	if (start >= end)
		return;
	size_t n = min(end - start, AREA_MAX);
	char *p = text_room(t, n);
	if (p)
		t->len += mm_access(mm, start, p, n, false, true);
}

int proc_show_cmdline(struct text *t, const struct proc_node *n)
{
	struct mm *mm = get_task_mm(n->task);
	if (!mm)
		return 0;
	put_area(t, mm, mm->arg_start, mm->arg_end);
	/* A program that overwrote its arguments (setproctitle) may have run on into the environment: then the text ends at its first NUL. */
	if (t->len && t->buf[t->len - 1] && mm->env_start == mm->arg_end) {
		size_t args = t->len;
		put_area(t, mm, mm->env_start, mm->env_end);
		const char *nul = memchr(t->buf, 0, t->len);
		t->len = nul ? (size_t)(nul - t->buf) + 1 : args;
	}
	mm_put_user(mm);
	return 0;
}

int proc_show_environ(struct text *t, const struct proc_node *n)
{
	struct mm *mm = get_task_mm(n->task);
	if (!mm)
		return 0;
	put_area(t, mm, mm->env_start, mm->env_end);
	mm_put_user(mm);
	return 0;
}

int proc_show_auxv(struct text *t, const struct proc_node *n)
{
	struct mm *mm = get_task_mm(n->task);
	u32 i = 0;
	if (!mm)
		return 0;
	while (i + 2 < ARRAY_SIZE(mm->auxv) && mm->auxv[i])
		i += 2;
	text_put(t, (const char *)mm->auxv, (i + 2) * sizeof(u64));
	mm_put_user(mm);
	return 0;
}

/* --- mem -------------------------------------------------------------------------------------------------------------------------------- */
static int mem_open(struct inode *i, struct file *f)
{
	const struct proc_node *n = proc_node(i);
	/* pagemap only tells, mem gives. */
	bool may = i->fops == &proc_mem_ops ? task_may_attach(n->task, false) : task_may_access(n->task, false);
	if (!may)
		return -EACCES;
	struct mm *mm = get_task_mm(n->task);
	if (mm) {
		/* The file keeps the struct, not the memory: it reads as empty once the process is gone. */
		mm_get(mm);
		mm_put_user(mm);
	}
	f->private = mm;
	return 0;
}

static ssize_t mem_io(struct file *f, struct iter *it, u64 *pos, bool write)
{
	struct mm *mm = f->private;
	ssize_t done = 0;

	if (!mm || !mm_tryget_user(mm))
		return 0;
	char *page = kmalloc(PAGE_SIZE);
	while (page && it->count) {
		size_t n = min(it->count, PAGE_SIZE), k = n;
		if (write)
			k = iter_copy_from(it, page, n);
		size_t got = mm_access(mm, *pos, page, k, write, true);
		if (!write)
			k = iter_copy_to(it, page, got);
		if (!got || !k) {
			done = done ? done : !got ? -EIO : -EFAULT;
			break;
		}
		done += (ssize_t)min(got, k);
		*pos += min(got, k);
		if (got < n || k < n || fatal_signal_pending())
			break;
	}
	if (!page)
		done = -ENOMEM;
	kfree(page);
	mm_put_user(mm);
	return done;
}
static ssize_t mem_read(struct file *f, struct iter *to, u64 *pos) { return mem_io(f, to, pos, false); }
static ssize_t mem_write(struct file *f, struct iter *from, u64 *pos) { return mem_io(f, from, pos, true); }

/* An address is no file offset: any value is fine, the sign bit too. */
static s64 mem_llseek(struct file *f, s64 off, int whence)
{
	if (whence == 0)
		f->pos = (u64)off;
	else if (whence == 1)
		f->pos += (u64)off;
	else
		return -EINVAL;
	return (s64)f->pos;
}

static void mem_release(struct file *f)
{
	if (f->private)
		mm_put(f->private);
}

/* --- pagemap ----------------------------------------------------------------------------------------------------------------------------- */
#define PAGEMAP_BATCH 64u
/* A word for each page, at eight times its number. */
static ssize_t pagemap_read(struct file *f, struct iter *to, u64 *pos)
{
	u64 words[PAGEMAP_BATCH];
	struct mm *mm = f->private;
	ssize_t done = 0;
	/* Page frames tell neighbours in memory apart: only for who may do anything. */
	bool frames = cred_ns_capable(f->cred, &init_user_ns, CAP_SYS_ADMIN);
	if ((*pos | to->count) % sizeof(u64))
		return -EINVAL;
	if (!mm || !mm_tryget_user(mm))
		return 0;
	while (to->count && *pos / sizeof(u64) < TASK_SIZE_MAX >> PAGE_SHIFT) {
		u64 page = *pos / sizeof(u64);
		u32 n = (u32)min(min(to->count / sizeof(u64), (size_t)PAGEMAP_BATCH), (TASK_SIZE_MAX >> PAGE_SHIFT) - page);
		mm_pagemap(mm, page << PAGE_SHIFT, words, n, frames);
		size_t got = iter_copy_to(to, words, n * sizeof(u64));
		done += (ssize_t)got;
		*pos += got;
		if (got < n * sizeof(u64)) {
			done = done ? done : -EFAULT;
			break;
		}
		if (fatal_signal_pending())
			break;
		cond_resched();
	}
	mm_put_user(mm);
	return done;
}

const struct file_ops proc_pagemap_ops = { .open = mem_open, .read = pagemap_read, .llseek = mem_llseek, .release = mem_release };
const struct file_ops proc_mem_ops = { .open = mem_open, .read = mem_read, .write = mem_write, .llseek = mem_llseek, .release = mem_release };
