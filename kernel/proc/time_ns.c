/*
 * Time namespaces: what is added to the monotonic and the boot-time clock. Entry points: time_ns_ops, time_ns_set_offsets, time_ns_enter.
 * unshare(CLONE_NEWTIME) makes one for the children; its offsets can be set through /proc/PID/timens_offsets until the first task enters. Inside, the
 * vDSO's data page is one that sends the clocks to the kernel.
 */
#include <linux/capability.h>
#include <linux/time.h>

#include "lib/string.h"
#include "mm/slab.h"
#include "proc/internal.h"
#include "proc/ns.h"
#include "proc/vdso.h"
#include "sched/timer.h"

#define KTIME_SEC_MAX (INT64_MAX / (s64)NSEC_PER_SEC)

struct time_namespace init_time_ns = {
	.common = NS_COMMON_INIT(NS_TIME, NS_INUM_TIME),
	.frozen = true,
};
static DEFINE_MUTEX(offset_lock, RANK_INODE);

static int create(struct ns_common *from, struct user_namespace *owner, struct fs_context *fs, struct ns_common **out)
{
	const struct time_namespace *old = container_of(from, struct time_namespace, common);
	struct time_namespace *ns = kzalloc(sizeof(*ns));
	int err = ns ? ns_init(&ns->common, NS_TIME, owner) : -ENOMEM;
	if (err) {
		kfree(ns);
		return err;
	}
	ns->mono = old->mono;
	ns->boot = old->boot;
	*out = &ns->common;
	return 0;
}

static void free_ns(struct ns_common *common)
{
	ns_exit(common);
	kfree(container_of(common, struct time_namespace, common));
}

/* Both the own one and that of the children. */
static int install(struct nsset *set, struct ns_common *common)
{
	struct time_namespace *ns = container_of(common, struct time_namespace, common);
	if (!thread_group_empty(current) || (current->mm && atomic_read(&current->mm->users) > 1))
		return -EUSERS;
	if (!ns_capable(common->owner, CAP_SYS_ADMIN) || !ns_capable(nsset_user_ns(set), CAP_SYS_ADMIN))
		return -EPERM;
	ns_get(common);
	ns_get(common);
	ns_put(&set->nsproxy->time->common);
	ns_put(&set->nsproxy->time_for_children->common);
	set->nsproxy->time = set->nsproxy->time_for_children = ns;
	return 0;
}

const struct ns_ops time_ns_ops = { "time", CLONE_NEWTIME, create, free_ns, install };

int time_ns_enter(struct time_namespace *ns, struct mm *mm)
{
	mutex_lock(&offset_lock);
	ns->frozen = true;
	mutex_unlock(&offset_lock);
	return mm ? vdso_switch(mm, ns != &init_time_ns) : 0;
}

/* How far the clock stands from 0 with the offset: it must neither go below nor near its end. */
static bool offset_fits(s64 sec, s64 nsec)
{
	if (sec > KTIME_SEC_MAX || sec < -KTIME_SEC_MAX)
		return false;
	u64 now = clock_mono();
	s64 s = sec + (s64)(now / NSEC_PER_SEC) + ((s64)(now % NSEC_PER_SEC) + nsec >= (s64)NSEC_PER_SEC);
	return s >= 0 && s <= KTIME_SEC_MAX / 2;
}

int time_ns_set_offsets(struct time_namespace *ns, const struct cred *opener, const struct time_offset *off, u32 n)
{
	if (!cred_ns_capable(opener, ns->common.owner, CAP_SYS_TIME))
		return -EPERM;
	for (u32 i = 0; i < n; i++)
		if (!offset_fits(off[i].sec, off[i].nsec))
			return -ERANGE;
	int err = 0;
	mutex_lock(&offset_lock);
	if (ns->frozen)
		err = -EACCES;
	for (u32 i = 0; i < n && !err; i++)
		*(off[i].boot ? &ns->boot : &ns->mono) = off[i].sec * (s64)NSEC_PER_SEC + off[i].nsec;
	mutex_unlock(&offset_lock);
	return err;
}
