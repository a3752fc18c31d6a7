/*
 * The contents of a core: core_write_elf(). An ELF file of type CORE: header, program headers, one note segment, then the memory, each mapping a LOAD segment
 * that holds as much of it as /proc/PID/coredump_filter asks for. Notes: of the thread that died its registers, what process it was, the siginfo, the
 * auxiliary vector and the mapped files; then the FPU's state; then registers and FPU of each other thread;
 * last, where the parts of the FPU's state lie.
 *
 * The other threads are parked, so registers and the list of threads hold still; another process that shares the memory may change the mappings meanwhile:
 * the list of them is taken once, and what is gone by then is left out as a hole.
 */
#include <linux/elf.h>

#include "arch/x86_64/arch.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/coredump.h"
#include "proc/ptrace.h"
#include "proc/signal.h"
#include "vfs/file.h"

/* bits of /proc/PID/coredump_filter */
#define FILTER_ANON_PRIVATE 1u
#define FILTER_ANON_SHARED 2u
#define FILTER_FILE_PRIVATE 4u
#define FILTER_FILE_SHARED 8u
#define FILTER_ELF_HEADERS 16u

#define USER_REGS_SIZE (27 * 8)
#define FX_SIZE 512

struct core_time {
	s64 sec, usec;
};
/* struct elf_prstatus */
struct core_status {
	s32 signo, code, err;
	s16 cursig;
	u64 sigpend, sighold;
	s32 pid, ppid, pgrp, sid;
	struct core_time utime, stime, cutime, cstime;
	u8 regs[USER_REGS_SIZE];
	s32 fpvalid;
};
_Static_assert(sizeof(struct core_status) == 336, "elf_prstatus");
/* struct elf_prpsinfo */
struct core_psinfo {
	char state, sname, zomb, nice;
	u64 flag;
	u32 uid, gid;
	s32 pid, ppid, pgrp, sid;
	char fname[16], psargs[80];
};
_Static_assert(sizeof(struct core_psinfo) == 136, "elf_prpsinfo");

struct core_segment {
	u64 start, end, flags, pgoff, size; /* size: bytes of it that are dumped */
	struct file *file; /* counted, or NULL */
};
/* The notes as bytes, and the segments. */
struct core_image {
	struct core_segment *seg;
	u32 n, cap;
	u8 *notes;
	size_t len, room;
	bool failed; /* no memory */
	struct mm *mm;
};

/* --- segments ------------------------------------------------------------------------------------------------------------------------------ */

static bool starts_elf(struct mm *mm, u64 addr)
{
	char magic[SELFMAG];
	return mm_access(mm, addr, magic, SELFMAG, false, true) == SELFMAG && !memcmp(magic, ELFMAG, SELFMAG);
}

/* How much of a mapping is dumped. */
static u64 dump_size(struct mm *mm, const struct vma *v)
{
	u32 filter = READ_ONCE(mm->dump_filter);
	u64 all = v->end - v->start;
	if (v->special)
		return all;
	if (v->flags & VM_DONTDUMP)
		return 0;
	if (v->flags & VM_SHARED) {
		bool named = v->file && v->file->inode->nlink;
		return filter & (named ? FILTER_FILE_SHARED : FILTER_ANON_SHARED) ? all : 0;
	}
	if ((filter & FILTER_ANON_PRIVATE) && (!v->file || mm_has_private(mm, v->start, v->end)))
		return all;
	if (!v->file)
		return 0;
	if (filter & FILTER_FILE_PRIVATE)
		return all;
	/* The first page of a program or library tells a debugger which one it was. */
	if ((filter & FILTER_ELF_HEADERS) && !v->pgoff && (v->flags & VM_READ) && ((v->flags & VM_EXEC) || starts_elf(mm, v->start)))
		return PAGE_SIZE;
	return 0;
}

static int add_segment(const struct vma *v, u64 rss, void *arg)
{
	struct core_image *c = arg;
	if (c->n == c->cap) {
		u32 cap = c->cap ? c->cap * 2 : 64;
		struct core_segment *more = kmalloc(cap * sizeof(*more));
		if (!more) {
			c->failed = true;
			return 1;
		}
		if (c->n)
			memcpy(more, c->seg, c->n * sizeof(*more));
		kfree(c->seg);
		c->seg = more;
		c->cap = cap;
	}
	if (v->file)
		file_get(v->file);
	c->seg[c->n++] = (struct core_segment){ v->start, v->end, v->flags, v->pgoff, dump_size(c->mm, v), v->file };
	return 0;
}

/* --- notes --------------------------------------------------------------------------------------------------------------------------------- */

/* Room for n more bytes of notes, zeroed, or NULL. */
static u8 *note_room(struct core_image *c, size_t n)
{
	if (c->len + n > c->room) {
		size_t room = max(c->room * 2, c->len + n + PAGE_SIZE);
		u8 *more = kmalloc(room);
		if (!more) {
			c->failed = true;
			return NULL;
		}
		if (c->len)
			memcpy(more, c->notes, c->len);
		kfree(c->notes);
		c->notes = more;
		c->room = room;
	}
	u8 *at = c->notes + c->len;
	memset(at, 0, n);
	c->len += n;
	return at;
}

static void add_note(struct core_image *c, const char *name, u32 type, const void *data, size_t n)
{
	struct elf64_note h = { .n_namesz = (u32)strlen(name) + 1, .n_descsz = (u32)n, .n_type = type };
	size_t name_room = ALIGN_UP(h.n_namesz, 4u);
	u8 *at = note_room(c, sizeof(h) + name_room + ALIGN_UP(n, 4UL));
	if (!at)
		return;
	memcpy(at, &h, sizeof(h));
	memcpy(at + sizeof(h), name, h.n_namesz);
	memcpy(at + sizeof(h) + name_room, data, n);
}

static struct core_time to_time(u64 ns) { return (struct core_time){ (s64)(ns / 1000000000UL), (s64)(ns % 1000000000UL / 1000) }; }

static void add_status(struct core_image *c, struct task *t, int sig)
{
	struct signal *s = t->signal;
	struct core_status st = { .signo = sig, .cursig = (s16)sig, .sigpend = t->pending.set, .sighold = t->blocked };
	u64 ut, kt;
	st.ppid = pid_vnr(t->real_parent->signal->pids[PIDTYPE_TGID]);
	st.pid = pid_vnr(t->thread_pid);
	st.pgrp = pid_vnr(task_pgrp(t));
	st.sid = pid_vnr(task_session(t));
	if (thread_group_leader(t))
		thread_group_times(t, &ut, &kt);
	else
		thread_cpu_times(task_thread(t), &ut, &kt);
	st.utime = to_time(ut);
	st.stime = to_time(kt);
	st.cutime = to_time(s->cutime);
	st.cstime = to_time(s->cstime);
	ptrace_regset_copy(t, NT_PRSTATUS, st.regs, sizeof(st.regs));
	st.fpvalid = 1;
	add_note(c, "CORE", NT_PRSTATUS, &st, sizeof(st));
}

static void add_fpu(struct core_image *c, struct task *t)
{
	static const u32 sets[] = { NT_PRFPREG, NT_X86_XSTATE };
	size_t room = max(arch_fpu_size(), (size_t)FX_SIZE);
	u8 *buf = kmalloc(room);
	if (!buf) {
		c->failed = true;
		return;
	}
	for (u32 i = 0; i < ARRAY_SIZE(sets); i++) {
		size_t n = ptrace_regset_copy(t, sets[i], buf, room);
		if (n)
			add_note(c, sets[i] == NT_PRFPREG ? "CORE" : "LINUX", sets[i], buf, n);
	}
	kfree(buf);
}

static void add_psinfo(struct core_image *c)
{
	struct task *t = current;
	struct mm *mm = t->mm;
	struct core_psinfo p = { .sname = 'R', .nice = (char)t->se.nice, .flag = t->pf };
	p.uid = show_uid(t->cred->user_ns, t->cred->uid);
	p.gid = show_gid(t->cred->user_ns, t->cred->gid);
	p.pid = pid_vnr(t->signal->pids[PIDTYPE_TGID]);
	p.ppid = pid_vnr(t->real_parent->signal->pids[PIDTYPE_TGID]);
	p.pgrp = pid_vnr(task_pgrp(t));
	p.sid = pid_vnr(task_session(t));
	memcpy(p.fname, t->comm, sizeof(p.fname));
	size_t n = mm_access(mm, mm->arg_start, p.psargs, min(mm->arg_end - mm->arg_start, sizeof(p.psargs) - 1), false, true);
	for (size_t i = 0; i < n; i++)
		if (!p.psargs[i])
			p.psargs[i] = ' ';
	add_note(c, "CORE", NT_PRPSINFO, &p, sizeof(p));
}

static void add_auxv(struct core_image *c)
{
	const struct mm *mm = current->mm;
	u32 i = 0;
	do
		i += 2;
	while (i < ARRAY_SIZE(mm->auxv) && mm->auxv[i - 2]);
	add_note(c, "CORE", NT_AUXV, mm->auxv, i * sizeof(u64));
}

/* count, page size, (start, end, page offset) of each, then the names. */
static void add_files(struct core_image *c)
{
	u64 files = 0, at = 2;
	size_t names = 0;
	for (u32 i = 0; i < c->n; i++)
		files += c->seg[i].file != NULL;
	char *path = kmalloc(PAGE_SIZE);
	size_t room = (2 + files * 3) * sizeof(u64) + files * PAGE_SIZE;
	u64 *note = path && files && room <= (4UL << 20) ? kmalloc(room) : NULL;
	if (note) {
		char *text = (char *)(note + 2 + files * 3);
		note[0] = files;
		note[1] = PAGE_SIZE;
		for (u32 i = 0; i < c->n; i++) {
			const struct core_segment *g = &c->seg[i];
			const char *s = g->file ? path_text(&g->file->path, path, PAGE_SIZE) : NULL;
			if (!g->file)
				continue;
			note[at++] = g->start;
			note[at++] = g->end;
			note[at++] = g->pgoff;
			size_t n = s ? strlen(s) + 1 : 1;
			memcpy(text + names, s ? s : "", n);
			names += n;
		}
		add_note(c, "CORE", NT_FILE, note, at * sizeof(u64) + names);
	}
	kfree(note);
	kfree(path);
}

/* Linux 6.12's, which older headers lack: where the parts of NT_X86_XSTATE lie. */
#ifndef NT_X86_XSAVE_LAYOUT
#define NT_X86_XSAVE_LAYOUT 0x205
#endif
static void add_fpu_layout(struct core_image *c)
{
	struct {
		u32 type, size, offset, flags;
	} part[63];
	u32 n = 0;
	for (u32 i = 2; i < 63; i++) {
		part[n].type = i;
		if (arch_fpu_component(i, &part[n].size, &part[n].offset, &part[n].flags))
			n++;
	}
	if (n)
		add_note(c, "LINUX", NT_X86_XSAVE_LAYOUT, part, n * sizeof(part[0]));
}

static void add_notes(struct core_image *c, struct core_dump *d)
{
	u8 info[128];
	add_status(c, current, d->sig);
	add_psinfo(c);
	siginfo_to_bytes(d->info, info);
	add_note(c, "CORE", NT_SIGINFO, info, sizeof(info));
	add_auxv(c);
	add_files(c);
	add_fpu(c, current);
	for (const struct core_thread *o = d->state.threads; o; o = o->next) {
		add_status(c, o->task, d->sig);
		add_fpu(c, o->task);
	}
	add_fpu_layout(c);
}

/* --- the file ------------------------------------------------------------------------------------------------------------------------------ */

static bool write_headers(const struct core_image *c, struct core_out *o)
{
	/* With 0xffff segments and more the number stands in the one section header. */
	u32 phnum = c->n + 1;
	bool many = phnum >= PN_XNUM;
	u64 offset = sizeof(struct elf64_hdr) + phnum * sizeof(struct elf64_phdr);
	u64 memory = ALIGN_UP(offset + c->len, PAGE_SIZE), end = memory;
	for (u32 i = 0; i < c->n; i++)
		end += c->seg[i].size;
	struct elf64_hdr h = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(h),
		.e_ehsize = sizeof(h),
		.e_phentsize = sizeof(struct elf64_phdr),
		.e_phnum = (u16)(many ? PN_XNUM : phnum),
		.e_shoff = many ? end : 0,
		.e_shentsize = many ? sizeof(struct elf64_shdr) : 0,
		.e_shnum = many };
	struct elf64_phdr note = { .p_type = PT_NOTE, .p_offset = offset, .p_filesz = c->len, .p_align = 4 };
	bool ok = core_emit(o, &h, sizeof(h)) && core_emit(o, &note, sizeof(note));
	for (u32 i = 0; ok && i < c->n; i++) {
		const struct core_segment *g = &c->seg[i];
		struct elf64_phdr p = { .p_type = PT_LOAD,
			.p_offset = memory,
			.p_vaddr = g->start,
			.p_filesz = g->size,
			.p_memsz = g->end - g->start,
			.p_flags = (g->flags & VM_READ ? PF_R : 0) | (g->flags & VM_WRITE ? PF_W : 0) | (g->flags & VM_EXEC ? PF_X : 0),
			.p_align = PAGE_SIZE };
		memory += g->size;
		ok = core_emit(o, &p, sizeof(p));
	}
	ok = ok && core_emit(o, c->notes, c->len);
	core_skip(o, ALIGN_UP(offset + c->len, PAGE_SIZE) - (offset + c->len));
	return ok;
}

static bool write_memory(const struct core_image *c, struct core_out *o)
{
	char *page = kmalloc(PAGE_SIZE);
	bool ok = page;
	for (u32 i = 0; ok && i < c->n; i++) {
		for (u64 a = c->seg[i].start; ok && a < c->seg[i].start + c->seg[i].size; a += PAGE_SIZE) {
			if (mm_dump_page(c->mm, a, page))
				ok = core_emit(o, page, PAGE_SIZE);
			else
				core_skip(o, PAGE_SIZE);
			cond_resched();
		}
	}
	kfree(page);
	return ok;
}

static bool write_count(const struct core_image *c, struct core_out *o)
{
	struct elf64_shdr s = { .sh_type = SHT_NULL, .sh_size = 1, .sh_info = c->n + 1 };
	return c->n + 1 < PN_XNUM || core_emit(o, &s, sizeof(s));
}

bool core_write_elf(struct core_dump *d)
{
	struct core_image c = { .mm = current->mm };
	mm_for_each_vma(c.mm, add_segment, &c);
	if (!c.failed)
		add_notes(&c, d);
	bool ok = !c.failed;
	/* From here on there is a dump, short as it may turn out. */
	if (ok && write_headers(&c, &d->out) && write_memory(&c, &d->out))
		write_count(&c, &d->out);
	for (u32 i = 0; i < c.n; i++)
		if (c.seg[i].file)
			file_put(c.seg[i].file);
	kfree(c.seg);
	kfree(c.notes);
	return ok;
}
