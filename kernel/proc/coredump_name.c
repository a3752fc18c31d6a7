/*
 * kernel.core_pattern: the text, and what it comes to for one dump. Entry points: core_pattern_get/set, core_name_make.
 *
 * `|` in front makes it a command, split at blanks before anything is filled in, so that a process's name cannot add words. Names that a process can choose get
 * their slashes replaced, and do not come out as "." or "..", so that they stay one component of a path.
 */
#include <linux/resource.h>

#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/coredump.h"
#include "proc/ns.h"
#include "sched/sched.h"

#define TEXT_SIZE 4096u

u32 core_uses_pid, core_pipe_limit;
static DEFINE_SPINLOCK(pattern_lock, RANK_FS);
static char pattern[CORE_PATTERN_SIZE] = "core"; /* pattern_lock */

void core_pattern_get(char out[CORE_PATTERN_SIZE])
{
	spin_lock(&pattern_lock);
	memcpy(out, pattern, CORE_PATTERN_SIZE);
	spin_unlock(&pattern_lock);
}

void core_pattern_set(const char *text)
{
	const char *nl = strchr(text, '\n');
	size_t n = min(nl ? (size_t)(nl - text) : strlen(text), (size_t)CORE_PATTERN_SIZE - 1);
	spin_lock(&pattern_lock);
	memcpy(pattern, text, n);
	pattern[n] = 0;
	spin_unlock(&pattern_lock);
}

/* --- filling in -------------------------------------------------------------------------------------------------------------------------- */

struct filler {
	const struct core_dump *d;
	char *text;
	u32 used;
	bool full, has_pid;
};

static void put_char(struct filler *f, char c)
{
	if (f->used + 1 < TEXT_SIZE)
		f->text[f->used++] = c;
	else
		f->full = true;
}

static void put_str(struct filler *f, const char *s)
{
	while (*s)
		put_char(f, *s++);
}

static void put_num(struct filler *f, s64 v)
{
	char buf[24];
	format_str(buf, sizeof(buf), "%lld", (long long)v);
	put_str(f, buf);
}

/* A name that is not the system's own: one component of a path. */
static void put_name(struct filler *f, const char *s)
{
	u32 start = f->used;
	for (; *s; s++)
		put_char(f, *s == '/' ? '!' : *s);
	u32 len = f->used - start;
	if ((len == 1 && f->text[start] == '.') || (len == 2 && !memcmp(f->text + start, "..", 2)))
		f->text[start] = '!';
	if (!len)
		put_char(f, '!');
}

static void put_exe(struct filler *f, bool whole)
{
	struct file *exe = current->mm->exe;
	char *buf = kmalloc(PAGE_SIZE), *s = buf && exe ? path_text(&exe->path, buf, PAGE_SIZE) : NULL;
	const char *slash = s ? strrchr(s, '/') : NULL;
	if (s)
		put_name(f, whole || !slash ? s : slash + 1);
	else
		put_name(f, current->comm);
	kfree(buf);
}

static void put_hostname(struct filler *f)
{
	char name[65];
	spin_lock(&uts_lock);
	memcpy(name, current->nsproxy->uts->names.nodename, sizeof(name));
	spin_unlock(&uts_lock);
	put_name(f, name);
}

static void put_spec(struct filler *f, char c)
{
	struct task *t = current;
	struct pid *tgid = t->signal->pids[PIDTYPE_TGID];
	switch (c) {
	case '%':
		put_char(f, '%');
		break;
	case 'p':
		f->has_pid = true;
		put_num(f, pid_vnr(tgid));
		break;
	case 'P':
		put_num(f, t->tgid);
		break;
	case 'i':
		put_num(f, pid_vnr(t->thread_pid));
		break;
	case 'I':
		put_num(f, t->tid);
		break;
	case 'u':
		put_num(f, t->cred->uid);
		break;
	case 'g':
		put_num(f, t->cred->gid);
		break;
	case 'd':
		put_num(f, f->d->dumpable);
		break;
	case 's':
		put_num(f, f->d->sig);
		break;
	case 't':
		put_num(f, (s64)(clock_real() / NSEC_PER_SEC));
		break;
	case 'h':
		put_hostname(f);
		break;
	case 'e':
		put_name(f, t->comm);
		break;
	case 'f':
		put_exe(f, false);
		break;
	case 'E':
		put_exe(f, true);
		break;
	case 'c':
		put_num(f, (s64)f->d->limit);
		break;
	case 'C':
		put_num(f, t->se.cpu);
		break;
	default:
		break; /* unknown ones vanish */
	}
}

static void put_pattern(struct filler *f, const char *p, const char *end)
{
	for (; p < end; p++) {
		if (*p != '%')
			put_char(f, *p);
		else if (p + 1 < end)
			put_spec(f, *++p);
	}
}

/* A command's words. */
static int fill_words(struct filler *f, const char *p, struct core_name *out)
{
	for (;;) {
		while (*p == ' ' || *p == '\t')
			p++;
		if (!*p)
			break;
		const char *end = p;
		while (*end && *end != ' ' && *end != '\t')
			end++;
		if (out->argc == CORE_ARGS_MAX)
			return -EINVAL;
		out->arg[out->argc++] = f->text + f->used;
		put_pattern(f, p, end);
		put_char(f, 0);
		p = end;
	}
	return out->argc ? 0 : -EINVAL;
}

int core_name_make(const struct core_dump *d, struct core_name *out)
{
	char p[CORE_PATTERN_SIZE];
	*out = (struct core_name){ .text = kmalloc(TEXT_SIZE) };
	struct filler f = { .d = d, .text = out->text };
	if (!out->text)
		return -ENOMEM;
	core_pattern_get(p);
	out->pipe = p[0] == '|';
	if (out->pipe) {
		int err = fill_words(&f, p + 1, out);
		return err ? err : f.full ? -ENAMETOOLONG : 0;
	}
	put_pattern(&f, p, p + strlen(p));
	if (!f.has_pid && READ_ONCE(core_uses_pid)) {
		put_char(&f, '.');
		put_num(&f, pid_vnr(current->signal->pids[PIDTYPE_TGID]));
	}
	f.text[f.used] = 0;
	out->arg[out->argc++] = out->text;
	return f.full ? -ENAMETOOLONG : 0;
}

void core_name_free(struct core_name *n) { kfree(n->text); }
