/*
 * The argument stack: exec_collect, exec_copy_strings, exec_push_arg, exec_build_stack.
 * Strings are gathered in kernel pages in their final order, from the top downwards: 8 zero bytes, path, environment, arguments. Until the layout is
 * known they are named by their distance from the top. Limits and layout are in
 * execve(2) and the x86-64 psABI (Initial Process Stack).
 */
#include <linux/auxvec.h>
#include <linux/binfmts.h>
#include <linux/resource.h>

#include "lib/log.h"
#include "lib/string.h"
#include "mm/memcg.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/exec.h"
#include "proc/rseq.h"
#include "proc/signal.h"
#include "sched/sched.h"
#include "uapi/newer.h"

#define MAX_STRING 131072UL
#define MIN_BUDGET 131072UL
#define MAX_BUDGET (6UL << 20)
#define MAX_SLOTS 500000U /* more cannot pay for its pointers, whatever the limits */
#define STACK_EXPAND 131072UL
#define AUX_PAIRS 22

/* --- counting ------------------------------------------------------------------------------------------------------------------------------ */

static int slots_grow(struct exec_strings *s)
{
	u32 cap = s->cap * 4;
	if (s->cap >= MAX_SLOTS)
		return -E2BIG;
	u64 *p = kmalloc(cap * sizeof(u64));
	if (!p)
		return -ENOMEM;
	memcpy(p, s->slot, s->cap * sizeof(u64));
	if (s->slot != s->inline_slots)
		kfree(s->slot);
	s->slot = p;
	s->cap = cap;
	return 0;
}

/* Reads some pointers at `addr` + 8 * n into p; returns how many, 0 on a fault at the first. */
static u32 read_pointers(const struct exec_source *src, u32 n, u64 *p, u32 max)
{
	u64 at = src->addr + 8UL * n;
	if (src->kernel) {
		*p = *(const u64 *)at;
		return 1;
	}
	/* Not beyond this page: a list that ends before an unmapped page is whole. */
	u32 chunk = min(max, (u32)((PAGE_SIZE - (at & (PAGE_SIZE - 1))) / 8));
	if (!chunk)
		chunk = 1;
	return copy_from_user(p, at, chunk * 8UL) ? 0 : chunk;
}

static int collect_list(struct exec_strings *s, const struct exec_source *src, u32 front)
{
	s->slot = s->inline_slots;
	s->cap = EXEC_SLOTS_INLINE;
	s->first = front;
	s->n = 0;
	if (!src->addr)
		return 0;
	for (;;) {
		if (s->first + s->n == s->cap) {
			int err = slots_grow(s);
			if (err)
				return err;
		}
		u64 *p = s->slot + s->first + s->n;
		u32 got = read_pointers(src, s->n, p, min(32U, s->cap - s->first - s->n));
		if (!got)
			return -EFAULT;
		for (u32 i = 0; i < got; i++, s->n++)
			if (!p[i])
				return 0;
		if (s->n > MAX_SLOTS)
			return -E2BIG;
		cond_resched();
		if (fatal_signal_pending())
			return -ERESTARTNOHAND;
	}
}

int exec_collect(struct exec *e, const struct exec_source *argv, const struct exec_source *envp)
{
	int err = collect_list(&e->args.argv, argv, EXEC_SLOTS_FRONT);
	return err ? err : collect_list(&e->args.envp, envp, 0);
}

/* --- copying ------------------------------------------------------------------------------------------------------------------------------- */

static int pages_grow(struct exec_args *a)
{
	u32 cap = a->cap_pages * 8;
	char **p = kmalloc(cap * sizeof(*p));
	if (!p)
		return -ENOMEM;
	memcpy(p, a->page, a->n_pages * sizeof(*p));
	if (a->page != a->inline_pages)
		kfree(a->page);
	a->page = p;
	a->cap_pages = cap;
	return 0;
}

/* Makes room for `used` bytes. The stack's own limit holds for the gathered pages, too. 0 or -E2BIG. */
static int reserve(struct exec_args *a, u64 used)
{
	u64 want = (used + PAGE_SIZE - 1) / PAGE_SIZE;
	if (used > a->limit || (want > 1 && want * PAGE_SIZE > rlimit_cur(RLIMIT_STACK)))
		return -E2BIG;
	while (a->n_pages < want) {
		if (a->n_pages == a->cap_pages && pages_grow(a))
			return -E2BIG;
		struct page *p = alloc_zeroed_page(PAGE_USER);
		if (!p)
			return -E2BIG;
		if (memcg_charge(p)) {
			free_pages(p, 0);
			return -ENOMEM;
		}
		a->page[a->n_pages++] = page_virt(p);
	}
	return 0;
}

/* Puts n bytes below what is there. 0, -E2BIG, -EFAULT. */
static int push(struct exec_args *a, u64 src, u64 n, bool kernel)
{
	u64 used = a->used + n;
	int err = reserve(a, used);
	if (err)
		return err;
	/* `left` = distance of the next byte from the top, counted down as the string is copied upwards. */
	for (u64 left = used; left > a->used;) {
		u64 k = (left - 1) / PAGE_SIZE, offset = (k + 1) * PAGE_SIZE - left;
		u64 part = min(PAGE_SIZE - offset, left - a->used);
		if (kernel)
			memcpy(a->page[k] + offset, (const void *)src, part);
		else if (copy_from_user(a->page[k] + offset, src, part))
			return -EFAULT;
		src += part;
		left -= part;
	}
	/* Another thread may have changed the string while it was copied. */
	u64 last = a->used / PAGE_SIZE;
	a->page[last][(last + 1) * PAGE_SIZE - a->used - 1] = 0;
	a->used = used;
	return 0;
}

static int push_string(struct exec_args *a, u64 s, bool kernel)
{
	u64 n = kernel ? strlen((const char *)s) + 1 : strnlen_user(s, MAX_STRING);
	if (!n)
		return -EFAULT;
	if (n > MAX_STRING)
		return -E2BIG;
	return push(a, s, n, kernel);
}

static int push_list(struct exec_args *a, struct exec_strings *s, bool kernel)
{
	for (u32 i = s->n; i-- > 0;) {
		u64 *slot = &s->slot[s->first + i];
		int err = push_string(a, *slot, kernel);
		if (err)
			return err;
		*slot = a->used;
		if ((i & 63) == 63) {
			cond_resched();
			if (fatal_signal_pending())
				return -ERESTARTNOHAND;
		}
	}
	return 0;
}

int exec_copy_strings(struct exec *e, const struct exec_source *argv, const struct exec_source *envp)
{
	struct exec_args *a = &e->args;
	u64 budget = max(MIN_BUDGET, min(MAX_BUDGET, e->rlim_stack.cur / 4));
	u64 pointers = 8UL * ((u64)max(a->argv.n, 1U) + a->envp.n);
	if (budget <= pointers)
		return -E2BIG;
	a->page = a->inline_pages;
	a->cap_pages = ARRAY_SIZE(a->inline_pages);
	a->used = 0;
	a->limit = budget - pointers + 8;
	u64 zero = 0;
	int err = push(a, (u64)&zero, sizeof(zero), true);
	if (!err)
		err = push_string(a, (u64)e->path, true);
	a->execfn = a->env_high = a->used;
	if (!err)
		err = push_list(a, &a->envp, envp->kernel);
	a->env_low = a->used;
	if (!err)
		err = push_list(a, &a->argv, argv->kernel);
	if (!err && !a->argv.n) {
		static bool told;
		if (!told)
			pr_warn("process '%s' launched '%s' with NULL argv: empty string added", current->comm, e->path);
		told = true;
		err = exec_push_arg(e, "");
	}
	return err;
}

void exec_drop_arg0(struct exec *e)
{
	struct exec_args *a = &e->args;
	if (!a->argv.n)
		return;
	a->argv.first++;
	a->argv.n--;
	a->used = a->argv.n ? a->argv.slot[a->argv.first] : a->env_low;
}

int exec_push_arg(struct exec *e, const char *s)
{
	struct exec_args *a = &e->args;
	int err = push_string(a, (u64)s, true);
	if (err)
		return err;
	if (!a->argv.first)
		return -E2BIG;
	a->argv.slot[--a->argv.first] = a->used;
	a->argv.n++;
	return 0;
}

u32 exec_args_text(const struct exec_args *a, char *buf, u32 size)
{
	u64 n = min(a->used - a->env_low, (u64)size);
	for (u64 done = 0; done < n;) {
		u64 left = a->used - done, k = (left - 1) / PAGE_SIZE, offset = (k + 1) * PAGE_SIZE - left;
		u64 part = min(PAGE_SIZE - offset, n - done);
		memcpy(buf + done, a->page[k] + offset, part);
		done += part;
	}
	return (u32)n;
}

void exec_args_free(struct exec_args *a)
{
	for (u32 i = a->given; i < a->n_pages; i++)
		free_pages(virt_page(a->page[i]), 0);
	if (a->page && a->page != a->inline_pages)
		kfree(a->page);
	if (a->argv.slot && a->argv.slot != a->argv.inline_slots)
		kfree(a->argv.slot);
	if (a->envp.slot && a->envp.slot != a->envp.inline_slots)
		kfree(a->envp.slot);
}

/* --- the final stack ------------------------------------------------------------------------------------------------------------------------- */

/* The gathered pages lie as the stack's will: they become them. */
static int give_strings(struct exec *e)
{
	struct exec_args *a = &e->args;
	for (struct page *p; (u64)a->given * PAGE_SIZE < a->used; a->given++) {
		int err = mm_private_page(e->mm, e->stack_top - (a->given + 1) * PAGE_SIZE, virt_page(a->page[a->given]), &p);
		if (err)
			return err;
	}
	return 0;
}

static int write_stack(struct exec *e, u64 at, const char *b, u64 n)
{
	while (n) {
		struct page *p;
		u64 offset = at & ~PAGE_MASK, part = min(n, PAGE_SIZE - offset);
		int err = mm_private_page(e->mm, at, NULL, &p);
		if (err)
			return err;
		memcpy((char *)page_virt(p) + offset, b, part);
		at += part;
		b += part;
		n -= part;
	}
	return 0;
}

static u64 *aux(u64 *p, u64 type, u64 value)
{
	*p++ = type;
	*p++ = value;
	return p;
}

/* The vector in Linux's order. `random`, `platform`: addresses. Returns its end. */
static u64 *fill_auxv(struct exec *e, u64 *p, u64 random, u64 platform)
{
	const struct cred *c = e->cred;
	const u64 *start = p;
	if (e->mm->vdso)
		p = aux(p, AT_SYSINFO_EHDR, e->mm->vdso);
	p = aux(p, AT_MINSIGSTKSZ, sigframe_max_size());
	p = aux(p, AT_HWCAP, arch_hwcap());
	p = aux(p, AT_PAGESZ, PAGE_SIZE);
	p = aux(p, AT_CLKTCK, 100);
	p = aux(p, AT_PHDR, e->plan.phdr_vaddr + e->bias);
	p = aux(p, AT_PHENT, EXEC_PHDR_SIZE);
	p = aux(p, AT_PHNUM, e->plan.phnum);
	p = aux(p, AT_BASE, e->interp_bias);
	p = aux(p, AT_FLAGS, e->keep_argv0 ? AT_FLAGS_PRESERVE_ARGV0 : 0);
	p = aux(p, AT_ENTRY, e->plan.entry + e->bias);
	p = aux(p, AT_UID, show_uid(c->user_ns, c->uid));
	p = aux(p, AT_EUID, show_uid(c->user_ns, c->euid));
	p = aux(p, AT_GID, show_gid(c->user_ns, c->gid));
	p = aux(p, AT_EGID, show_gid(c->user_ns, c->egid));
	p = aux(p, AT_SECURE, e->secure);
	p = aux(p, AT_RANDOM, random);
	p = aux(p, AT_HWCAP2, arch_hwcap2());
	p = aux(p, AT_EXECFN, e->stack_top - e->args.execfn);
	p = aux(p, AT_PLATFORM, platform);
	/* The number is known once the caller's descriptors are closed: exec_commit(). */
	if (unlikely(e->executable)) {
		e->execfd_slot = (u32)(p - start) + 1;
		p = aux(p, AT_EXECFD, 0);
	}
	p = aux(p, AT_RSEQ_FEATURE_SIZE, RSEQ_FEATURE_SIZE);
	p = aux(p, AT_RSEQ_ALIGN, RSEQ_ALIGN);
	return aux(p, AT_NULL, 0);
}

static u64 *fill_pointers(u64 *p, const struct exec_strings *s, u64 top)
{
	for (u32 i = 0; i < s->n; i++)
		*p++ = top - s->slot[s->first + i];
	*p++ = 0;
	return p;
}

/* Everything below the strings, as one block: argc, pointers, vector, padding, 16 random bytes, platform. */
static int write_tables(struct exec *e, u64 low)
{
	static const char platform_name[] = "x86_64";
	struct exec_args *a = &e->args;
	u64 platform = low - sizeof(platform_name), random = platform - 16;
	u64 aux_words = 2 * (u64)(AUX_PAIRS + (e->mm->vdso != 0) + (e->executable != NULL));
	u64 words = 1 + a->argv.n + 1 + a->envp.n + 1;
	u64 sp = ALIGN_DOWN(ALIGN_DOWN(random, 16) - aux_words * 8 - words * 8, 16);
	u64 size = low - sp;
	u64 small[160];
	u64 *b = size <= sizeof(small) ? small : kmalloc(size);
	if (!b)
		return -ENOMEM;
	u64 *p = b;
	*p++ = a->argv.n;
	p = fill_pointers(p, &a->argv, e->stack_top);
	p = fill_pointers(p, &a->envp, e->stack_top);
	u64 *vector = p;
	p = fill_auxv(e, p, random, platform);
	memcpy(e->mm->auxv, vector, (u64)((char *)p - (char *)vector));
	memset(p, 0, size - (u64)((char *)p - (char *)b));
	u64 rnd[2] = { arch_random(), arch_random() };
	memcpy((char *)b + (random - sp), rnd, sizeof(rnd));
	memcpy((char *)b + (platform - sp), platform_name, sizeof(platform_name));
	int err = write_stack(e, sp, (const char *)b, size);
	if (b != small)
		kfree(b);
	e->sp = e->mm->start_stack = sp;
	return err;
}

int exec_build_stack(struct exec *e)
{
	struct exec_args *a = &e->args;
	struct mm *mm = e->mm;
	u64 low = e->stack_top - a->used;
	if (e->randomize)
		low -= arch_random() & 8191;
	low = ALIGN_DOWN(low, 16);
	/* What the tables take at most, so that a tiny RLIMIT_STACK does not leave them outside. */
	u64 tables = 8UL * (a->argv.n + a->envp.n + 3 + 2 * (AUX_PAIRS + 2)) + 64;
	u64 need = ALIGN_UP(e->stack_top - low + tables, PAGE_SIZE);
	u64 strings = ALIGN_UP(a->used, PAGE_SIZE);
	u64 want = min(strings + STACK_EXPAND, ALIGN_DOWN(e->rlim_stack.cur, PAGE_SIZE));
	u64 size = max(need, want);
	/* An image may not lie where the stack has to be. */
	const struct vma *v = vma_find(&mm->map, e->stack_top - size);
	if (v && v->start < e->stack_top)
		return -EEXIST;
	int err = mm_setup_stack(mm, e->stack_top, size, e->plan.stack_exec);
	if (!err)
		err = give_strings(e);
	if (!err)
		err = write_tables(e, low);
	mm->arg_start = e->stack_top - a->used;
	mm->arg_end = mm->env_start = e->stack_top - a->env_low;
	mm->env_end = e->stack_top - a->env_high;
	return err;
}
