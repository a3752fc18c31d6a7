/*
 * Resource usage. Entry points: sys_getrusage, task_rusage, thread_group_times; account_reaped and fold_task_times for wait and release.
 * The counters of dead threads and of reaped children live in the signal record (S); those of the living in their own records, read without a lock:
 * each is one word.
 */
#include <linux/resource.h>

#include "gen/sys_protos.h"
#include "mm/uaccess.h"
#include "proc/internal.h"

#define RUSAGE_WAIT (-2) /* a process and its reaped children */

struct usage {
	u64 utime, stime, min_flt, maj_flt, nvcsw, nivcsw, maxrss;
};

static void add_thread(struct task *t, struct usage *u)
{
	u64 utime, stime;
	thread_cpu_times(task_thread(t), &utime, &stime);
	u->utime += utime;
	u->stime += stime;
	u->min_flt += t->min_faults;
	u->maj_flt += t->maj_faults;
	u->nvcsw += t->se.nvcsw;
	u->nivcsw += t->se.nivcsw;
}

/* => S. What the dead threads of the process left. */
static void add_dead(const struct signal *s, struct usage *u)
{
	u->utime += s->dead_utime;
	u->stime += s->dead_stime;
	u->min_flt += s->min_flt;
	u->maj_flt += s->maj_flt;
	u->nvcsw += s->nvcsw;
	u->nivcsw += s->nivcsw;
	u->maxrss = max(u->maxrss, s->maxrss);
}

/* => S */
static void add_children(const struct signal *s, struct usage *u)
{
	u->utime += s->cutime;
	u->stime += s->cstime;
	u->min_flt += s->cmin_flt;
	u->maj_flt += s->cmaj_flt;
	u->nvcsw += s->cnvcsw;
	u->nivcsw += s->cnivcsw;
	u->maxrss = max(u->maxrss, s->cmaxrss);
}

/* => T or S: the list of threads stands still */
static void add_group(struct task *t, struct usage *u)
{
	struct task *p;
	add_dead(t->signal, u);
	for_each_thread(t, p)
		add_thread(p, u);
}

static void to_user_form(const struct usage *u, struct rusage *out)
{
	*out = (struct rusage){
		.ru_utime = { (s64)(u->utime / NSEC_PER_SEC), (s64)(u->utime % NSEC_PER_SEC / 1000) },
		.ru_stime = { (s64)(u->stime / NSEC_PER_SEC), (s64)(u->stime % NSEC_PER_SEC / 1000) },
		.ru_maxrss = (s64)u->maxrss,
		.ru_minflt = (s64)u->min_flt,
		.ru_majflt = (s64)u->maj_flt,
		.ru_nvcsw = (s64)u->nvcsw,
		.ru_nivcsw = (s64)u->nivcsw,
	};
}

/* The peak of the address space that still exists, KiB. */
static u64 live_peak(struct task *t)
{
	struct mm *mm = get_task_mm(t);
	if (!mm)
		return 0;
	mm_sample_hiwater(mm);
	u64 peak = mm->hiwater_rss * (PAGE_SIZE / 1024);
	mm_put_user(mm);
	return peak;
}

static void collect(struct task *t, int who, struct usage *u)
{
	u64 flags;
	if (!lock_task_sighand(t, &flags))
		return;
	switch (who) {
	case RUSAGE_THREAD:
		add_thread(t, u);
		u->maxrss = max(u->maxrss, t->signal->maxrss);
		break;
	case RUSAGE_CHILDREN:
		add_children(t->signal, u);
		break;
	case RUSAGE_WAIT:
		add_children(t->signal, u);
		add_group(t, u);
		break;
	default:
		add_group(t, u);
		break;
	}
	unlock_task_sighand(t, flags);
}

void task_rusage(struct task *t, int who, struct rusage *out)
{
	struct usage u = { 0 };
	collect(t, who, &u);
	to_user_form(&u, out);
}

void thread_group_times(struct task *t, u64 *utime, u64 *stime)
{
	struct usage u = { 0 };
	collect(t, RUSAGE_SELF, &u);
	*utime = u.utime;
	*stime = u.stime;
}

long sys_getrusage(u64 who, u64 uru)
{
	struct rusage ru;
	struct usage u = { 0 };
	int w = (int)who;
	if (w != RUSAGE_SELF && w != RUSAGE_CHILDREN && w != RUSAGE_THREAD)
		return -EINVAL;
	if (w != RUSAGE_CHILDREN)
		u.maxrss = live_peak(current);
	collect(current, w, &u);
	to_user_form(&u, &ru);
	return copy_to_user(uru, &ru, sizeof(ru));
}

void fold_task_times(struct task *t)
{
	struct signal *s = t->signal;
	struct usage u = { 0 };
	add_thread(t, &u);
	s->dead_utime += u.utime;
	s->dead_stime += u.stime;
	s->dead_runtime += u.utime + u.stime;
	s->min_flt += u.min_flt;
	s->maj_flt += u.maj_flt;
	s->nvcsw += u.nvcsw;
	s->nivcsw += u.nivcsw;
	io_count_add(&s->io_count, &t->io_count);
}

void account_reaped(struct task *p)
{
	struct usage u = { 0 };
	collect(p, RUSAGE_WAIT, &u);
	struct signal *s = current->signal;
	u64 flags = spin_lock_irqsave(&current->sighand->lock);
	s->cutime += u.utime;
	s->cstime += u.stime;
	s->cmin_flt += u.min_flt;
	s->cmaj_flt += u.maj_flt;
	s->cnvcsw += u.nvcsw;
	s->cnivcsw += u.nivcsw;
	s->cmaxrss = max(s->cmaxrss, u.maxrss);
	/* A zombie is alone, and nobody else reaps it. */
	io_count_add(&s->io_count, &p->io_count);
	io_count_add(&s->io_count, &p->signal->io_count);
	spin_unlock_irqrestore(&current->sighand->lock, flags);
}
